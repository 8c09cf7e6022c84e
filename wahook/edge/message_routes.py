"""Messages: accept, look, cancel, retry."""

from __future__ import annotations

from aiohttp import web

from actors.model import Direction, OutgoingMessage
from wahook.edge.accepting import ANSWERS, accept
from wahook.edge.drafting import draft_of
from wahook.edge.message_schemas import MessageRef, NewMessage
from wahook.edge.ports import Messages
from wahook.edge.represent import any_message, json_answer, message_body
from wahook.edge.routing import Answer, route
from wahook.edge.schemas import (
    AnyMessageBody,
    MessageBody,
    MessageHeaders,
    MessageList,
    MessagePath,
    PageQuery,
    SessionPath,
    WaitQuery,
)

ALL = "/api/whatsapp/sessions/{id}/messages"
ONE = f"{ALL}/{{messageId}}"
_MESSAGE = {200: Answer("The message as it is now.", MessageBody)}


class MessageRoutes:
    """Handlers run on the edge's loop."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages

    @route("POST", ALL, "messages", ANSWERS, (404, 409, 503))
    async def send_message(
        self, id: SessionPath, body: NewMessage, query: WaitQuery, headers: MessageHeaders  # noqa: A002
    ) -> web.StreamResponse:  # fmt: skip
        """Send a message: text, media, a location, a contact card or a poll.

        The answer comes when the message is on disk. The same content to the same recipient within the
        duplicate window is refused with 409 and `earlierMessageId`, unless `allowDuplicate` is true.
        """
        return await accept(
            self._messages,
            id,
            draft_of(body),
            key=headers.idempotency_key,
            allow_duplicate=body.allow_duplicate,
            wait=query.wait,
        )

    @route("GET", ALL, "messages", {200: Answer("A page, newest first.", MessageList)}, (404, 503))
    async def list_messages(self, id: SessionPath, query: PageQuery) -> web.StreamResponse:  # noqa: A002
        """List messages of both directions, newest first."""
        direction = None if query.direction is None else Direction(query.direction)
        page = await self._messages.page(id, direction=direction, limit=query.limit, cursor=query.cursor)
        body = MessageList(messages=[any_message(each) for each in page.messages], next=page.next)
        return json_answer(body)

    @route("GET", ONE, "messages", {200: Answer("The message as it is now.", AnyMessageBody)}, (404, 503))
    async def get_message(self, id: SessionPath, messageId: MessageRef) -> web.StreamResponse:  # noqa: A002, N803
        """Get a message of either direction, by its `messageId` or by WhatsApp's id."""
        found = await self._messages.get(id, messageId)
        if isinstance(found, OutgoingMessage):
            return json_answer(message_body(found, await self._messages.not_before(found)))
        return json_answer(any_message(found))

    @route("DELETE", ONE, "messages", _MESSAGE, (404, 409, 503))
    async def cancel_message(self, id: SessionPath, messageId: MessagePath) -> web.StreamResponse:  # noqa: A002, N803
        """Cancel a message that has not begun to be sent, or give up one that has failed."""
        return json_answer(message_body(await self._messages.cancel(id, messageId)))

    @route(
        "POST", f"{ONE}/retry", "messages", {202: Answer("It is queued again.", MessageBody)}, (404, 409, 503)
    )
    async def retry_message(self, id: SessionPath, messageId: MessagePath) -> web.StreamResponse:  # noqa: A002, N803
        """Queue a failed message again."""
        message = await self._messages.retry(id, messageId)
        return json_answer(message_body(message, await self._messages.not_before(message)), 202)
