"""Turns what DevTools tells of the page into page events: each once, in order, and none after the end."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import structlog

from actors.messages import BrowserLost, DocumentLoaded, LoggedOut, PageEvent, StateChanged
from wahook.browser.channel import Json
from wahook.whatsapp.decoding import BadPayload, logout_reason, page_event
from wahook.whatsapp.preload import BINDING

log = structlog.get_logger(__name__)


class Narrator:
    """Fed on the browser loop; `silence` may be called from any thread and is final when it returns."""

    def __init__(self, session_id: str, emit: Callable[[PageEvent], None]) -> None:
        self._emit: Callable[[PageEvent], None] | None = emit
        self._lock = threading.RLock()  # re-entrant: a listener may well close the client it listens to
        self._log = log.bind(session=session_id)
        self._document = 0.0
        self._sequence = 0
        self._logout_told = False

    @property
    def heard(self) -> dict[str, float]:
        """How far it has heard the bridge, for `replay` after a gap."""
        return {"document": self._document, "after": self._sequence}

    def silence(self) -> None:
        with self._lock:
            self._emit = None

    def lost(self, reason: str, detail: str = "") -> None:
        """The last event of all."""
        self._say(BrowserLost(reason, detail))
        self.silence()

    def take(self, method: str, params: Json) -> None:
        """An event of DevTools."""
        match method:
            case "Runtime.bindingCalled" if params["name"] == BINDING:
                self._bridge(params["payload"])
            case "Page.frameNavigated" if "parentId" not in params["frame"]:
                # The page tells of a logout itself; one that hung or reloaded in that moment only goes there.
                if reason := logout_reason(params["frame"]["url"]):
                    self._logged_out(reason)

    def _bridge(self, payload: str) -> None:
        data: dict[str, Any] = json.loads(payload)
        if self._is_old(float(data["document"]), int(data["seq"])):
            return
        if data["kind"] == "trouble":
            self._log.warning("page.trouble", where=data["where"], code=data["code"], text=data["message"])
            return
        try:
            event = page_event(data, datetime.now(UTC))
        except BadPayload as error:
            self._log.error("page.bad_payload", reason=str(error))
            return
        self._tell(event)

    def _is_old(self, document: float, sequence: int) -> bool:
        if document < self._document or (document == self._document and sequence <= self._sequence):
            return True
        self._document, self._sequence = document, sequence
        return False

    def _tell(self, event: PageEvent | None) -> None:
        match event:
            case None:
                return
            case LoggedOut(reason=reason):
                self._logged_out(reason)
                return
            case StateChanged(state=state) if state.authenticated:
                self._logout_told = False
            case DocumentLoaded():
                self._log.info("page.document_loaded")
        self._say(event)

    def _logged_out(self, reason: str) -> None:
        if not self._logout_told:
            self._logout_told = True
            self._say(LoggedOut(reason))

    def _say(self, event: PageEvent) -> None:
        with self._lock:
            if self._emit is not None:
                self._emit(event)
