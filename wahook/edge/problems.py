"""Every refusal and failure as an RFC 9457 problem document, and which HTTP status each error is.

`code` is a fixed word for programs, `detail` a sentence for people. Clients never see a traceback or the text
of an error that was not written for them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aiohttp import web

from actors.errors import (
    CommitUncertain,
    DeadlinePassed,
    DomainError,
    Fault,
    MemoryShort,
    RuleBroken,
    SendRefused,
    SessionNotReady,
)
from actors.model import JSON
from supervision import ActorDown, AdminError, AskTimeout, MailboxFull, RemoteError, SystemDown
from supervision import DomainError as AnyDomainError
from wahook.media.store import VolumeFault
from wahook.whatsapp.calls import PageCallFailed

CONTENT_TYPE = "application/problem+json"
RETRY_SOON = {"Retry-After": "5"}

_RULES = {
    "wrong_state": 409,
    "session_taken": 409,
    "key_reused": 422,
    "bad_cursor": 422,
    "webhook_refused": 422,
    "bad_proxy": 422,
    "media_refused": 422,
    "media_invalid": 422,
    "media_too_large": 413,
    "not_own_message": 422,
    "not_business": 409,
    "not_allowed": 409,
}
_ABSENT = {"unknown_chat", "unknown_contact", "unknown_message", "media_gone"}
_HTTP_DETAILS = {
    404: "There is nothing at this address.",
    405: "This address does not know that method; Allow says which it knows.",
    413: "The body is too large.",
    417: "This server knows no expectation but 100-continue.",
}


class Problem(Exception):
    """Raise it anywhere below the middleware: the client gets it as it is."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, JSON] | None = None,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or {}
        self.more = more or {}

    def document(self) -> dict[str, Any]:
        """The body."""
        return {
            "type": f"urn:wahook:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            **self.more,
        }

    def response(self) -> web.Response:
        """The answer."""
        return web.Response(
            status=self.status,
            text=json.dumps(self.document(), ensure_ascii=False),
            content_type=CONTENT_TYPE,
            headers=self.headers,
        )


def problem_of(error: Exception) -> Problem | None:  # noqa: PLR0911
    """What an error means to a client; None when nobody foresaw it, which is a bug of ours: 500."""
    match error:
        case Problem():
            return error
        case web.HTTPException():
            return _of_http(error)
        case web.RequestPayloadError():
            return Problem(400, "bad_body", "The body is not encoded as its headers say, or is incomplete.")
        case RuleBroken(code=code):
            status = 404 if code.startswith("unknown_") else _RULES.get(code, 409)
            return Problem(status, code, str(error))
        case SessionNotReady():
            return Problem(409, "session_not_ready", str(error))
        case SendRefused(code=code):
            return Problem(404 if code in _ABSENT else _RULES.get(code, 422), code, str(error))
        case DomainError() | AnyDomainError():
            return Problem(409, "refused", str(error))
        case AdminError(code=code):
            return Problem(404 if code == "not_found" else 409, code, str(error))
        case _:
            return _of_fault(error)


def _of_fault(error: Exception) -> Problem | None:  # noqa: PLR0911 - one case a line
    match error:
        case DeadlinePassed() | AskTimeout() | TimeoutError():
            return Problem(504, "deadline_passed", "There was no answer in time. It may still happen.")
        case MemoryShort():
            return Problem(
                503, "memory", "There is no memory for one more session now.", {"Retry-After": "60"}
            )
        case CommitUncertain():
            return Problem(
                503,
                "uncertain",
                "It may have been accepted, or not. Ask again, under the same Idempotency-Key.",
                RETRY_SOON,
            )
        case VolumeFault():
            return Problem(507, "volume_full", "The volume does not take the file. Nothing was accepted.")
        case PageCallFailed():
            return Problem(502, "page_failed", f"WhatsApp's page could not do it: {error}")
        case MailboxFull():
            return Problem(503, "overloaded", "Too much is waiting already. Try again soon.", RETRY_SOON)
        case ActorDown() | SystemDown() | RemoteError() | Fault() | ConnectionError():
            return Problem(503, "unavailable", "A part of the service is being restarted.", RETRY_SOON)
        case _:
            return None


def _of_http(error: web.HTTPException) -> Problem:
    kept = {name: error.headers[name] for name in ("Allow", "Location") if name in error.headers}
    phrase = HTTPStatus(error.status).phrase
    return Problem(
        error.status,
        phrase.lower().replace(" ", "_").replace("-", "_"),
        _HTTP_DETAILS.get(error.status, f"{phrase}."),
        kept,
    )


def invalid(at: str, message: str) -> Problem:
    """One field is wrong."""
    return invalid_all([{"at": at, "message": message}])


def invalid_all(errors: list[JSON]) -> Problem:
    """Some fields are wrong; each entry has `at` (body.to, query.limit, path.id) and `message`."""
    return Problem(422, "invalid", "The request does not fit; `errors` says where.", more={"errors": errors})
