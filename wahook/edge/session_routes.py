"""Sessions: create, look, scan, operate."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from aiohttp import web

from actors.model import SessionConfig, SessionId, SessionStatus
from wahook.edge import qr
from wahook.edge.config_merge import merged
from wahook.edge.negotiate import choose
from wahook.edge.operators import by_whom
from wahook.edge.ports import SessionResource, Sessions
from wahook.edge.problems import Problem
from wahook.edge.represent import json_answer, session_body, utc
from wahook.edge.routing import Answer, route
from wahook.edge.schemas import (
    OperatorHeaders,
    PairingBody,
    PairingRequest,
    QrBody,
    QrQuery,
    SessionPath,
)
from wahook.edge.session_schemas import NewSession, SessionBody, SessionList, SessionPatch

ALL = "/api/whatsapp/sessions"
ONE = f"{ALL}/{{id}}"
_SESSION = {200: Answer("The session as it is now.", SessionBody)}
LOOK_EVERY = 0.1  # seconds
_BEFORE_A_CODE = frozenset({SessionStatus.INITIALIZING, SessionStatus.QR, SessionStatus.RECONNECTING})
_QR_FORMS = {"png": "image/png", "svg": "image/svg+xml", "json": "application/json", "text": "text/plain"}


class SessionRoutes:
    """Handlers run on the edge's loop."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._changing = asyncio.Lock()  # of two changes at once neither undoes the other

    @route(
        "POST", ALL, "sessions",
        {201: Answer("Created; it is starting.", SessionBody), 200: Answer("It exists.", SessionBody)},
        (409, 503),
    )  # fmt: skip
    async def create_session(self, body: NewSession) -> web.StreamResponse:
        """Create a session and start it."""
        config = merged(SessionConfig(), body.config)
        found, created = await self._sessions.create(SessionId(body.user_id, body.account_id), config)
        where = {"Location": f"{ALL}/{found.account.session_id}"}
        return json_answer(session_body(found), 201 if created else 200, where)

    @route("GET", ALL, "sessions", {200: Answer("All sessions.", SessionList)})
    async def list_sessions(self) -> web.StreamResponse:
        """List all sessions."""
        return json_answer(SessionList(sessions=[session_body(each) for each in await self._sessions.all()]))

    @route("GET", ONE, "sessions", _SESSION, (404,))
    async def get_session(self, id: SessionPath) -> web.StreamResponse:  # noqa: A002
        """Get a session."""
        return _answer(await self._sessions.get(id))

    @route("PATCH", ONE, "sessions", _SESSION, (404, 409, 503))
    async def change_session(self, id: SessionPath, body: SessionPatch) -> web.StreamResponse:  # noqa: A002
        """Change a session's settings.

        Webhooks change at once, the rest at the session's next start. Secrets and headers are never shown, so
        a webhook that is given again without them keeps its own.
        """
        async with self._changing:
            found = await self._sessions.get(id)
            return _answer(await self._sessions.configure(id, merged(found.account.config, body.config)))

    @route("POST", f"{ONE}/start", "sessions", _SESSION, (404, 409, 503))
    async def start_session(
        self, id: SessionPath, request: web.Request, headers: OperatorHeaders  # noqa: A002
    ) -> web.StreamResponse:  # fmt: skip
        """Start a session. It stays wanted across restarts of the service."""
        return _answer(await self._sessions.start(id, by_whom(request, headers)))

    @route("POST", f"{ONE}/stop", "sessions", _SESSION, (404, 409, 503))
    async def stop_session(
        self, id: SessionPath, request: web.Request, headers: OperatorHeaders  # noqa: A002
    ) -> web.StreamResponse:  # fmt: skip
        """Stop a session. Its login is kept, and it stays stopped across restarts of the service."""
        return _answer(await self._sessions.stop(id, by_whom(request, headers)))

    @route("POST", f"{ONE}/restart", "sessions", _SESSION, (404, 409, 503))
    async def restart_session(
        self, id: SessionPath, request: web.Request, headers: OperatorHeaders  # noqa: A002
    ) -> web.StreamResponse:  # fmt: skip
        """Restart a session with a fresh browser."""
        return _answer(await self._sessions.restart(id, by_whom(request, headers)))

    @route("POST", f"{ONE}/logout", "sessions", _SESSION, (404, 409, 503))
    async def logout_session(
        self, id: SessionPath, request: web.Request, headers: OperatorHeaders  # noqa: A002
    ) -> web.StreamResponse:  # fmt: skip
        """Log the linked device out at WhatsApp; the next start shows a QR code."""
        return _answer(await self._sessions.logout(id, by_whom(request, headers)))

    @route("DELETE", ONE, "sessions", {204: Answer("It is gone.")}, (404, 409, 503))
    async def delete_session(
        self, id: SessionPath, request: web.Request, headers: OperatorHeaders  # noqa: A002
    ) -> web.StreamResponse:  # fmt: skip
        """Stop a session, forget it and its messages, and remove its profile."""
        await self._sessions.delete(id, by_whom(request, headers))
        return web.Response(status=204)

    @route(
        "GET", f"{ONE}/qr", "pairing",
        {200: Answer("The code to scan, in the form asked for.", QrBody,
                     ("image/png", "image/svg+xml", "text/plain"))},
        (404, 406, 503),
    )  # fmt: skip
    async def get_qr(
        self, id: SessionPath, query: QrQuery, request: web.Request  # noqa: A002
    ) -> web.StreamResponse:  # fmt: skip
        """Get the QR code to scan now: PNG, SVG, JSON or text, by Accept."""
        found = await self._with_code(await self._sessions.awake(id), query.wait)
        if query.format is not None:
            form = _QR_FORMS[query.format]
        else:
            form = choose(request.headers.get("Accept", ""), tuple(_QR_FORMS.values()))
        return _qr_answer(found, form)

    async def _with_code(self, found: SessionResource, seconds: float) -> SessionResource:
        """The session once it has a code to scan; as it is after these seconds, or when it will have none."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not _code(found) and found.status in _BEFORE_A_CODE:
                    await asyncio.sleep(LOOK_EVERY)
                    found = await self._sessions.get(found.account.session_id)
        return found

    @route(
        "POST", f"{ONE}/pairing-code", "pairing",
        {200: Answer("What to type on the phone.", PairingBody)}, (404, 409, 503),
    )  # fmt: skip
    async def request_pairing_code(self, id: SessionPath, body: PairingRequest) -> web.StreamResponse:  # noqa: A002
        """Get a code to type on the phone instead of scanning."""
        return json_answer(PairingBody(code=await self._sessions.pairing_code(id, body.phone_number)))

    @route(
        "GET", f"{ONE}/screenshot", "sessions",
        {200: Answer("The page as it looks.", media=("image/png",))}, (404, 409, 503),
    )  # fmt: skip
    async def get_screenshot(self, id: SessionPath) -> web.StreamResponse:  # noqa: A002
        """Get a screenshot of the page."""
        return web.Response(body=await self._sessions.screenshot(id), content_type="image/png")


def _code(found: SessionResource) -> str | None:
    return found.view.qr_code if found.view else None


def _answer(found: SessionResource) -> web.Response:
    return json_answer(session_body(found))


def _qr_answer(found: SessionResource, form: str) -> web.Response:
    code = _code(found)
    if found.view is None or code is None:
        raise Problem(
            404,
            "no_qr",
            f"There is no code to scan: the session is {found.status.value}.",
            {"Retry-After": "2"},
        )
    headers = {"Vary": "Accept"}
    match form:
        case "image/png":
            return web.Response(body=qr.png(code), content_type=form, headers=headers)
        case "image/svg+xml":
            return web.Response(text=qr.svg(code), content_type=form, headers=headers)
        case "text/plain":
            return web.Response(text=qr.text(code), content_type=form, headers=headers)
        case _:
            body = QrBody(qr=qr.data_url(code), code=code, expires_at=utc(found.view.qr_expires_at))
            return json_answer(body, headers=headers)
