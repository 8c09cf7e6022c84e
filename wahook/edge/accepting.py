"""A message is handed to the service, and what became of it is the answer: the same for every route."""

from __future__ import annotations

from aiohttp import web

from actors.messages import AlreadyAccepted, Duplicate
from actors.model import MessageStatus, OutgoingMessage
from wahook.edge.message_schemas import BulkItem
from wahook.edge.ports import Draft, Messages, Refused
from wahook.edge.problems import Problem
from wahook.edge.represent import json_answer, message_body
from wahook.edge.routing import Answer
from wahook.edge.schemas import MessageBody

LONGEST_WAIT = 120.0  # seconds
_OPEN = {MessageStatus.QUEUED, MessageStatus.SCHEDULED, MessageStatus.SENDING}
_REPLAYED = {"Idempotency-Replayed": "true when this answers a repeated request."}
ANSWERS = {
    202: Answer("Accepted: it is on disk and will be sent once.", MessageBody, headers=_REPLAYED),
    200: Answer("Asked with `wait`: the outcome.", MessageBody, headers=_REPLAYED),
}


async def accept(
    messages: Messages,
    session_id: str,
    draft: Draft,
    *,
    key: str | None,
    allow_duplicate: bool,
    wait: float,
) -> web.StreamResponse:
    """202 when it is on disk, 200 with its outcome when that was waited for, Problem 409 for a duplicate."""
    answer = await messages.accept(session_id, draft, key=key, allow_duplicate=allow_duplicate)
    if isinstance(answer, Duplicate):
        raise Problem(
            409,
            "duplicate",
            "The same message went to this recipient a moment ago; set allowDuplicate to send it again.",
            more={"earlierMessageId": answer.earlier.message_id},
        )
    replayed = {"Idempotency-Replayed": "true"} if isinstance(answer, AlreadyAccepted) else {}
    message = answer.message
    if wait > 0:
        message = await messages.outcome(message.message_id, min(wait, LONGEST_WAIT))
    decided = wait > 0 and message.status not in _OPEN
    where = f"/api/whatsapp/sessions/{session_id}/messages/{message.message_id}"
    body = message_body(message, await messages.not_before(message))
    return json_answer(body, 200 if decided else 202, {"Location": where, **replayed})


def bulk_item(index: int, outcome: OutgoingMessage | Refused) -> BulkItem:
    """What became of one message of a bulk send."""
    if isinstance(outcome, Refused):
        return BulkItem(
            index=index,
            accepted=False,
            code=outcome.code,
            detail=outcome.detail,
            earlier_message_id=outcome.earlier_message_id,
        )
    return BulkItem(
        index=index,
        accepted=True,
        message_id=outcome.message_id,
        wa_message_id=outcome.wa_message_id,
        status=outcome.status.value,
    )
