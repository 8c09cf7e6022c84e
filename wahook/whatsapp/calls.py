"""What a failed call into the page means, by its code."""

from __future__ import annotations

from actors.errors import DomainError, Fault, SendRefused, SessionNotReady

NOT_READY = frozenset({"not_ready", "cannot_get_code_for_already_authenticated"})
REFUSED = frozenset(
    {
        "not_on_whatsapp",
        "unknown_chat",
        "unknown_contact",
        "unknown_message",
        "unknown_type",
        "not_allowed",
        "not_business",
        "media_invalid",
        "media_gone",
        "edit_message_error",
        "file_too_large",
        "mentioned_is_not_user",
    }
)


class PageCallFailed(Fault):
    """The page could not do it; `code` is wa-js's word or ours. It says nothing of the next try."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}" if text and text != code else code)
        self.code = code


def failure(code: str, text: str) -> DomainError | PageCallFailed:
    """The error that a page's `{ok: false, code, message}` stands for."""
    if code in NOT_READY:
        return SessionNotReady(text)
    if code in REFUSED:
        return SendRefused(code, text)
    return PageCallFailed(code, text)
