"""What is done to messages that are there: react, edit, delete for everyone, forward; and many at once."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from aiohttp import web
from pydantic import Field

from wahook.edge.accepting import ANSWERS, accept, bulk_item
from wahook.edge.drafting import draft_of
from wahook.edge.inputs import faults
from wahook.edge.message_routes import ALL, ONE
from wahook.edge.message_schemas import (
    BulkAccepted,
    BulkEntry,
    BulkProgress,
    MessageRef,
    NewBulk,
    NewForward,
    NewMessage,
    NewReaction,
    NewText,
    Unfit,
)
from wahook.edge.ports import Draft, Messages, Refused
from wahook.edge.represent import json_answer
from wahook.edge.routing import Answer, route
from wahook.edge.schemas import MessageHeaders, SessionPath, WaitQuery

BatchPath = Annotated[str, Field(pattern="^batch_[0-9a-f]{32}$")]
_UNDECIDED = frozenset({"queued", "scheduled", "sending"})


class ActRoutes:
    """Handlers run on the edge's loop. Each act is a message of its own type, queued and tried as any."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages

    @route("POST", f"{ONE}/reaction", "messages", ANSWERS, (404, 409, 503))
    async def react_to_message(
        self,
        id: SessionPath,  # noqa: A002
        messageId: MessageRef,  # noqa: N803
        body: NewReaction,
        query: WaitQuery,
        headers: MessageHeaders,
    ) -> web.StreamResponse:
        """React to a message of either direction; an empty emoji takes the reaction back."""
        return await self._act(id, Draft("", body.emoji, "reaction", target=messageId), query, headers)

    @route("POST", f"{ONE}/edit", "messages", ANSWERS, (404, 409, 503))
    async def edit_message(
        self,
        id: SessionPath,  # noqa: A002
        messageId: MessageRef,  # noqa: N803
        body: NewText,
        query: WaitQuery,
        headers: MessageHeaders,
    ) -> web.StreamResponse:
        """Change the text or caption of an own message; WhatsApp allows it for 15 minutes."""
        return await self._act(id, Draft("", body.text, "edit", target=messageId), query, headers)

    @route("POST", f"{ONE}/revoke", "messages", ANSWERS, (404, 409, 503))
    async def revoke_message(
        self,
        id: SessionPath,  # noqa: A002
        messageId: MessageRef,  # noqa: N803
        query: WaitQuery,
        headers: MessageHeaders,
    ) -> web.StreamResponse:
        """Delete a message for everyone: an own one, or anybody's in a group of which we are admin."""
        return await self._act(id, Draft("", "", "revoke", target=messageId), query, headers)

    @route("POST", f"{ONE}/forward", "messages", ANSWERS, (404, 409, 503))
    async def forward_message(
        self,
        id: SessionPath,  # noqa: A002
        messageId: MessageRef,  # noqa: N803
        body: NewForward,
        query: WaitQuery,
        headers: MessageHeaders,
    ) -> web.StreamResponse:
        """Forward a message of either direction to another chat."""
        draft = Draft(body.to, "", "forward", target=messageId)
        return await accept(
            self._messages,
            id,
            draft,
            key=headers.idempotency_key,
            allow_duplicate=body.allow_duplicate,
            wait=query.wait,
        )

    async def _act(
        self, session_id: str, draft: Draft, query: WaitQuery, headers: MessageHeaders
    ) -> web.StreamResponse:
        """Done twice it is as done once, so a duplicate does no harm."""
        return await accept(
            self._messages,
            session_id,
            draft,
            key=headers.idempotency_key,
            allow_duplicate=True,
            wait=query.wait,
        )

    @route(
        "POST", f"{ALL}/bulk", "messages",
        {202: Answer("Each is accepted or refused by itself.", BulkAccepted)}, (404, 409, 503),
    )  # fmt: skip
    async def send_bulk(self, id: SessionPath, body: NewBulk, headers: MessageHeaders) -> web.StreamResponse:  # noqa: A002
        """Send many messages: up to 1000, sent in their order, at the session's pace.

        With an Idempotency-Key a repeated request has the same batch, and accepts nothing twice.
        """
        fitting = [each for each in body.messages if isinstance(each, NewMessage)]
        drafts = [(draft_of(each), each.allow_duplicate) for each in fitting]
        batch, outcomes = await self._messages.accept_many(id, drafts, key=headers.idempotency_key)
        decided = iter(outcomes)
        items = [
            bulk_item(index, next(decided) if isinstance(each, NewMessage) else _refused(each))
            for index, each in enumerate(body.messages)
        ]
        accepted = sum(item.accepted for item in items)
        answer = BulkAccepted(
            batch_id=batch, accepted=accepted, refused=len(items) - accepted, messages=items
        )
        where = f"/api/whatsapp/sessions/{id}/messages/bulk/{batch}"
        return json_answer(answer, 202, {"Location": where})

    @route(
        "GET", f"{ALL}/bulk/{{batchId}}", "messages",
        {200: Answer("How far it is.", BulkProgress)}, (404, 503),
    )  # fmt: skip
    async def get_bulk(self, id: SessionPath, batchId: BatchPath) -> web.StreamResponse:  # noqa: A002, N803
        """Look how far a bulk send is."""
        rows = await self._messages.batch(id, batchId)
        counts = Counter(row.status.value for row in rows)
        entries = [
            BulkEntry(message_id=row.message_id, to=row.to, status=row.status.value, error=row.error)
            for row in rows
        ]
        done = sum(count for status, count in counts.items() if status not in _UNDECIDED)
        return json_answer(
            BulkProgress(batch_id=batchId, total=len(rows), done=done, counts=dict(counts), messages=entries)
        )


def _refused(entry: Unfit) -> Refused:
    wrong = (": ".join(filter(None, one)) for one in faults(entry.error))
    return Refused("invalid", "; ".join(wrong))
