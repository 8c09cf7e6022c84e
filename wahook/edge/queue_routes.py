"""What waits for others and whom nobody asks: e-mails to owners, and the mirror. For operators."""

from __future__ import annotations

from dataclasses import asdict

from aiohttp import web

from actors.durable import Mail, MirrorChange, TaskState
from wahook.edge.ports import Mails, Mirror
from wahook.edge.queue_schemas import (
    ChangeBody,
    ChangeList,
    ChangeQuery,
    CopyBody,
    MailBody,
    MailList,
    MailPath,
    MailQuery,
    MailWithFacts,
    MirrorBody,
    ReplayedBody,
    RetriedBody,
)
from wahook.edge.represent import json_answer, utc
from wahook.edge.routing import Answer, route

MAILS = "/api/mails"
ONE = f"{MAILS}/{{mailId}}"
MIRROR = "/api/mirror"


class MailRoutes:
    """Handlers run on the edge's loop."""

    def __init__(self, mails: Mails) -> None:
        self._mails = mails

    @route("GET", MAILS, "mails", {200: Answer("A page, newest first.", MailList)}, (503,))
    async def list_mails(self, query: MailQuery) -> web.StreamResponse:
        """List e-mails to owners; with `state=dead` those that were given up."""
        state = None if query.state is None else TaskState(query.state)
        found = await self._mails.mails(
            state=state, session_id=query.session, limit=query.limit + 1, before=query.cursor
        )
        page = found[: query.limit]
        after = page[-1].seq if len(found) > query.limit else None
        return json_answer(MailList(mails=[_shown(one) for one in page], next=after))

    @route("GET", ONE, "mails", {200: Answer("The mail.", MailWithFacts)}, (404, 503))
    async def get_mail(self, mailId: MailPath) -> web.StreamResponse:  # noqa: N803
        """Get an e-mail with what it tells."""
        found = await self._mails.mail(mailId)
        return json_answer(MailWithFacts(**_shown(found).model_dump(by_alias=False), facts=found.payload))

    @route(
        "POST", f"{ONE}/replay", "mails",
        {202: Answer("It is pending again.", MailBody)}, (404, 409, 503),
    )  # fmt: skip
    async def replay_mail(self, mailId: MailPath) -> web.StreamResponse:  # noqa: N803
        """Send an e-mail that was given up after all; for another day, with the id that it had."""
        return json_answer(_shown(await self._mails.replay(mailId)), 202)

    @route("POST", f"{MAILS}/replay", "mails", {202: Answer("They are pending again.", ReplayedBody)}, (503,))
    async def replay_dead_mails(self) -> web.StreamResponse:
        """Send all e-mails that were given up after all, oldest first, at most 1000 in one call."""
        return json_answer(ReplayedBody(replayed=await self._mails.replay_dead()), 202)


class MirrorRoutes:
    """Likewise."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror

    @route("GET", MIRROR, "mirror", {200: Answer("How it stands.", MirrorBody)}, (503,))
    async def get_mirror(self) -> web.StreamResponse:
        """Get how the mirror in Supabase stands."""
        return json_answer(MirrorBody(**asdict(await self._mirror.state())))

    @route(
        "GET", f"{MIRROR}/set-aside", "mirror",
        {200: Answer("A page, oldest first.", ChangeList)}, (503,),
    )  # fmt: skip
    async def list_set_aside(self, query: ChangeQuery) -> web.StreamResponse:
        """List the changes that Supabase refused, and why."""
        found = await self._mirror.set_aside(limit=query.limit + 1, after=query.cursor or 0)
        page = found[: query.limit]
        after = page[-1].seq if len(found) > query.limit else None
        return json_answer(ChangeList(changes=[_change(one) for one in page], next=after))

    @route(
        "POST", f"{MIRROR}/retry", "mirror",
        {202: Answer("They are tried again.", RetriedBody)}, (409, 503),
    )  # fmt: skip
    async def retry_set_aside(self) -> web.StreamResponse:
        """Try again what Supabase refused, once what was wrong is mended."""
        return json_answer(RetriedBody(retried=await self._mirror.retry()), 202)

    @route(
        "POST", f"{MIRROR}/copy", "mirror",
        {202: Answer("It has begun.", CopyBody)}, (409, 503),
    )  # fmt: skip
    async def copy_everything(self) -> web.StreamResponse:
        """Take everything over once more: what is there is written anew, what is missing is added."""
        return json_answer(CopyBody(accounts=await self._mirror.copy()), 202)


def _shown(mail: Mail) -> MailBody:
    return MailBody(
        id=mail.id,
        kind=mail.kind,
        session_id=mail.session_id,
        to=mail.recipient or None,
        state=mail.state.value,
        attempts=mail.attempts,
        created_at=utc(mail.created_at),
        next_at=utc(mail.next_at) if mail.state is TaskState.PENDING else None,
        last_error=mail.last_error,
    )


def _change(change: MirrorChange) -> ChangeBody:
    session = change.payload.get("session", change.key)
    return ChangeBody(
        seq=change.seq,
        kind=change.kind,
        key=change.key,
        session_id=session if isinstance(session, str) else None,
        created_at=utc(change.created_at),
        error=change.error,
    )
