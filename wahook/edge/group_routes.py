"""Groups: look, make, change, leave."""

from __future__ import annotations

from aiohttp import web

from actors.page import PageCall
from wahook.edge.chat_routes import SESSION
from wahook.edge.page_schemas import (
    ChangedGroup,
    FullGroup,
    GroupBody,
    GroupList,
    GroupPath,
    InviteBody,
    InviteRequest,
    MadeGroup,
    MembersRequest,
    NewGroup,
    SubjectRequest,
)
from wahook.edge.ports import Pages
from wahook.edge.represent import json_answer
from wahook.edge.routing import Answer, route
from wahook.edge.schemas import SessionPath

ALL = f"{SESSION}/groups"
ONE = f"{ALL}/{{groupId}}"
_FAILS = (404, 409, 502, 503)


class GroupRoutes:
    """Handlers run on the edge's loop."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    @route("GET", ALL, "groups", {200: Answer("All groups.", GroupList)}, _FAILS)
    async def list_groups(self, id: SessionPath) -> web.StreamResponse:  # noqa: A002
        """List the account's groups."""
        answer = await self._pages.ask(id, PageCall.GROUPS, {})
        assert isinstance(answer, list)  # noqa: S101
        return json_answer(GroupList(groups=[GroupBody.model_validate(one) for one in answer]))

    @route("POST", ALL, "groups", {201: Answer("It is made.", MadeGroup)}, _FAILS)
    async def create_group(self, id: SessionPath, body: NewGroup) -> web.StreamResponse:  # noqa: A002
        """Make a group; who may not be added is told, with a code that invites them."""
        answer = await self._pages.ask(
            id, PageCall.GROUP_CREATE, {"subject": body.subject, "numbers": list(body.participants)}
        )
        made = MadeGroup.model_validate(answer)
        return json_answer(made, 201, {"Location": f"{ALL.format(id=id)}/{made.id}"})

    @route("GET", ONE, "groups", {200: Answer("The group and everybody in it.", FullGroup)}, _FAILS)
    async def get_group(self, id: SessionPath, groupId: GroupPath) -> web.StreamResponse:  # noqa: A002, N803
        """Get a group."""
        answer = await self._pages.ask(id, PageCall.GROUP, {"group": groupId})
        return json_answer(FullGroup.model_validate(answer))

    @route("PUT", f"{ONE}/subject", "groups", {200: Answer("The group.", GroupBody)}, _FAILS)
    async def set_subject(
        self,
        id: SessionPath,  # noqa: A002
        groupId: GroupPath,  # noqa: N803
        body: SubjectRequest,
    ) -> web.StreamResponse:
        """Rename a group."""
        answer = await self._pages.ask(
            id, PageCall.GROUP_SUBJECT, {"group": groupId, "subject": body.subject}
        )
        return json_answer(GroupBody.model_validate(answer))

    @route("POST", f"{ONE}/participants", "groups", {200: Answer("The group.", ChangedGroup)}, _FAILS)
    async def change_participants(
        self,
        id: SessionPath,  # noqa: A002
        groupId: GroupPath,  # noqa: N803
        body: MembersRequest,
    ) -> web.StreamResponse:
        """Add, remove, promote or demote; 409 `not_allowed` unless we are admin.

        Who may not be added is told, with a code that invites them where WhatsApp gives one.
        """
        answer = await self._pages.ask(
            id,
            PageCall.GROUP_MEMBERS,
            {"group": groupId, "action": body.action, "numbers": list(body.participants)},
        )
        return json_answer(ChangedGroup.model_validate(answer))

    @route("POST", f"{ONE}/invite", "groups", {200: Answer("How to join.", InviteBody)}, _FAILS)
    async def get_invite(
        self,
        id: SessionPath,  # noqa: A002
        groupId: GroupPath,  # noqa: N803
        body: InviteRequest,
    ) -> web.StreamResponse:
        """Get the code by which others join."""
        answer = await self._pages.ask(id, PageCall.GROUP_INVITE, {"group": groupId, "renew": body.renew})
        return json_answer(InviteBody.model_validate(answer))

    @route("POST", f"{ONE}/leave", "groups", {204: Answer("We are out of it.")}, _FAILS)
    async def leave_group(self, id: SessionPath, groupId: GroupPath) -> web.StreamResponse:  # noqa: A002, N803
        """Leave a group."""
        await self._pages.ask(id, PageCall.GROUP_LEAVE, {"group": groupId})
        return web.Response(status=204)
