"""Messages: accept, look, cancel, retry."""

from __future__ import annotations

from aiohttp import web

from actors.messages import AlreadyAccepted, Duplicate
from actors.model import Direction, MessageStatus, OutgoingMessage, Priority
from wahook.edge.ports import Draft, Messages
from wahook.edge.problems import Problem
from wahook.edge.represent import any_message, json_answer, message_body
from wahook.edge.routing import Answer, route
from wahook.edge.schemas import (
    MessageBody,
    MessageHeaders,
    MessageList,
    MessagePath,
    NewMessage,
    PageQuery,
    SessionPath,
    WaitQuery,
)

ALL = "/api/whatsapp/sessions/{id}/messages"
ONE = f"{ALL}/{{messageId}}"
LONGEST_WAIT = 120.0  # seconds
_OPEN = {MessageStatus.QUEUED, MessageStatus.SCHEDULED, MessageStatus.SENDING}
_MESSAGE = {200: Answer("The message as it is now.", MessageBody)}
_REPLAYED = {"Idempotency-Replayed": "true when this answers a repeated request."}


class MessageRoutes:
    """Handlers run on the edge's loop."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages

    @route(
        "POST", ALL, "messages",
        {
            202: Answer("Accepted: it is on disk and will be sent once.", MessageBody, headers=_REPLAYED),
            200: Answer("Asked with `wait`: the outcome.", MessageBody, headers=_REPLAYED),
        },
        (404, 409, 503),
    )  # fmt: skip
    async def send_message(
        self, id: SessionPath, body: NewMessage, query: WaitQuery, headers: MessageHeaders  # noqa: A002
    ) -> web.StreamResponse:  # fmt: skip
        """Send a message.

        The answer comes when the message is on disk. The same text to the same recipient within the duplicate
        window is refused with 409 and `earlierMessageId`, unless `allowDuplicate` is true.
        """
        draft = Draft(body.to, body.text, priority=Priority(body.priority), send_at=body.send_at)
        answer = await self._messages.accept(
            id, draft, key=headers.idempotency_key, allow_duplicate=body.allow_duplicate
        )
        if isinstance(answer, Duplicate):
            raise Problem(
                409,
                "duplicate",
                "The same message went to this recipient a moment ago; set allowDuplicate to send it again.",
                more={"earlierMessageId": answer.earlier.message_id},
            )
        replayed = {"Idempotency-Replayed": "true"} if isinstance(answer, AlreadyAccepted) else {}
        message = await self._outcome(answer.message, query.wait)
        decided = query.wait > 0 and message.status not in _OPEN
        where = f"/api/whatsapp/sessions/{id}/messages/{message.message_id}"
        return json_answer(message_body(message), 200 if decided else 202, {"Location": where, **replayed})

    async def _outcome(self, message: OutgoingMessage, wait: float) -> OutgoingMessage:
        if wait <= 0:
            return message
        return await self._messages.outcome(message.message_id, min(wait, LONGEST_WAIT))

    @route("GET", ALL, "messages", {200: Answer("A page, newest first.", MessageList)}, (404, 503))
    async def list_messages(self, id: SessionPath, query: PageQuery) -> web.StreamResponse:  # noqa: A002
        """List messages of both directions, newest first."""
        direction = None if query.direction is None else Direction(query.direction)
        page = await self._messages.page(id, direction=direction, limit=query.limit, cursor=query.cursor)
        body = MessageList(messages=[any_message(each) for each in page.messages], next=page.next)
        return json_answer(body)

    @route("GET", ONE, "messages", _MESSAGE, (404, 503))
    async def get_message(self, id: SessionPath, messageId: MessagePath) -> web.StreamResponse:  # noqa: A002, N803
        """Get a message that was accepted for sending."""
        return json_answer(message_body(await self._messages.get(id, messageId)))

    @route("DELETE", ONE, "messages", _MESSAGE, (404, 409, 503))
    async def cancel_message(self, id: SessionPath, messageId: MessagePath) -> web.StreamResponse:  # noqa: A002, N803
        """Cancel a message that has not begun to be sent."""
        return json_answer(message_body(await self._messages.cancel(id, messageId)))

    @route(
        "POST", f"{ONE}/retry", "messages", {202: Answer("It is queued again.", MessageBody)}, (404, 409, 503)
    )
    async def retry_message(self, id: SessionPath, messageId: MessagePath) -> web.StreamResponse:  # noqa: A002, N803
        """Queue a failed message again."""
        return json_answer(message_body(await self._messages.retry(id, messageId)), 202)
