"""Real servers to notify: SMTP with TLS and logins, an HTTP endpoint; nothing is played."""

import asyncio
import datetime as dt
import ipaddress
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from aiohttp import web
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "wahook", "correct horse"


def certificate(folder: Path) -> Path:
    """A certificate for this machine with its key, which is also what clients must trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail for tests")])
    now = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "mail.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(built.public_bytes(serialization.Encoding.PEM) + secret)
    return pem


@dataclass
class Post:
    """What an SMTP server hears. `…_replies`: what it says to the next RCPT or DATA instead of yes."""

    arrived: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    rcpt_replies: list[str] = field(default_factory=list)
    data_replies: list[str] = field(default_factory=list)
    hang: bool = False

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        if self.hang:
            await asyncio.sleep(3600)
        if self.rcpt_replies:
            return self.rcpt_replies.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        if self.data_replies:
            return self.data_replies.pop(0)
        self.arrived.append(message_from_bytes(envelope.content, policy=default))
        self.recipients += envelope.rcpt_tos
        self.encrypted.append(server.transport.get_extra_info("ssl_object") is not None)
        return "250 taken"

    def authenticate(self, server, session, envelope, mechanism, data):
        self.logins.append(data.login.decode())
        right = (data.login.decode(), data.password.decode()) == (USER, PASSWORD)
        return AuthResult(success=right, handled=False)


class PostOffice(Controller):
    """`tls`: encrypted from the first byte; `starttls`: on demand, and demanded before a login."""

    def __init__(self, post: Post, pem: Path, *, tls=False, starttls=False, login=False):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        self._starttls = context if starttls else None
        self._login = login
        super().__init__(post, hostname="127.0.0.1", port=0, ssl_context=context if tls else None)

    def factory(self):
        return SMTP(
            self.handler,
            tls_context=self._starttls,
            require_starttls=self._starttls is not None,
            auth_required=self._login,
            auth_require_tls=self._starttls is not None,
            authenticator=self.handler.authenticate if self._login else None,
        )

    def _trigger_server(self):
        """aiosmtpd asks its own port; with port 0 only the socket knows it."""
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@dataclass
class Heard:
    """One request that reached an endpoint."""

    headers: dict
    body: dict


@dataclass
class HttpEndpoint:
    """Takes POSTs of JSON; answers from `answers` (a status, or a coroutine function), else 200."""

    heard: list[Heard] = field(default_factory=list)
    answers: list = field(default_factory=list)
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.heard.append(Heard(dict(request.headers), await request.json()))
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, web.Response):
            return answer
        return await answer(request) if callable(answer) else web.Response(status=answer)


@asynccontextmanager
async def serving(handler, path: str):
    """A real HTTP server on loopback; its URL."""
    app = web.Application()
    app.router.add_post(path, handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
