"""Mails on a real SMTP server: encrypted, logged in, refused, put off, and not there at all."""

import socket
from dataclasses import replace
from datetime import UTC, datetime

import aiosmtplib
import pytest

from actors.durable import Mail
from actors.mail_policy import MailOutcome, MailVerdict
from wahook.notify.mail.letters import Letter
from wahook.notify.mail.smtp import SmtpAccount, SmtpWay, envelope, outcome_of

from .servers import PASSWORD, USER, Post, PostOffice, certificate

MAIL = Mail("mail_0123", "connected", "ana@example.org", created_at=datetime(2026, 1, 1, 12, tzinfo=UTC))
LETTER = Letter("✅ conectado", "texto\n", "<p>texto ñ</p>")
SENT = MailOutcome(MailVerdict.SENT)

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH")  # implicit TLS is unknown to that check


@pytest.fixture(scope="session")
def pem(tmp_path_factory):
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def office(pem):
    """A function that opens a post office and gives the account to reach it by."""
    opened = []

    def open_one(post, *, security="none", **how):
        controller = PostOffice(post, pem, **how)
        controller.start()
        opened.append(controller)
        return SmtpAccount(
            host="127.0.0.1",
            port=controller.port,
            security=security,
            sender="wahook@example.org",
            ca_file=pem,
            deadline=30.0,
        )

    yield open_one
    for controller in opened:
        controller.stop()


def with_login(account, password=PASSWORD):
    return replace(account, user=USER, password=password)


async def deliver(account, mail=MAIL, letter=LETTER):
    return await SmtpWay(account).deliver(mail, letter)


async def test_a_mail_arrives_in_both_forms_and_can_be_told_from_its_repeat(office):
    post = Post()
    account = office(post)
    assert await deliver(account) == SENT
    assert await deliver(account) == SENT
    first, second = post.arrived
    assert post.recipients == ["ana@example.org"] * 2
    assert (first["Subject"], first["From"]) == ("✅ conectado", "WhatsApp <wahook@example.org>")
    assert first["Message-ID"] == second["Message-ID"] == "<mail_0123@example.org>"
    assert first["Date"] == "Thu, 01 Jan 2026 12:00:00 +0000"
    assert first["Auto-Submitted"] == "auto-generated"
    assert first.get_body(("plain",)).get_content().strip() == "texto"
    assert first.get_body(("html",)).get_content().strip() == "<p>texto ñ</p>"


async def test_a_picture_travels_inside_the_html(office):
    post = Post()
    assert (
        await deliver(office(post), letter=replace(LETTER, html='<img src="cid:qr">', picture=b"\x89PNG"))
        == SENT
    )
    pictures = [part for part in post.arrived[0].walk() if part.get_content_type() == "image/png"]
    assert [(part["Content-ID"], part.get_content()) for part in pictures] == [("<qr>", b"\x89PNG")]
    assert post.arrived[0].get_body(("plain",)).get_content().strip() == "texto"


@pytest.mark.parametrize(("security", "how"), [("tls", {"tls": True}), ("starttls", {"starttls": True})])
async def test_it_goes_encrypted_and_logged_in(office, security, how):
    post = Post()
    account = with_login(office(post, security=security, login=True, **how))
    assert await deliver(account) == SENT
    assert (post.encrypted, post.logins) == ([True], [USER])


@pytest.mark.parametrize(("security", "how"), [("tls", {"tls": True}), ("starttls", {"starttls": True})])
async def test_a_server_that_nobody_vouches_for_is_told_nothing(office, security, how):
    post = Post()
    account = replace(with_login(office(post, security=security, login=True, **how)), ca_file=None)
    assert await deliver(account) == MailOutcome(MailVerdict.AGAIN, "tls_failed")
    assert (post.logins, post.arrived) == ([], [])


async def test_a_server_without_encryption_is_told_no_password(office):
    post = Post()
    account = with_login(office(post, security="starttls", login=True))
    assert await deliver(account) == MailOutcome(MailVerdict.AGAIN, "not_supported")
    assert (post.logins, post.arrived) == ([], [])


async def test_a_wrong_password_can_be_mended_within_the_day(office):
    post = Post()
    account = with_login(office(post, security="starttls", starttls=True, login=True), "wrong")
    assert await deliver(account) == MailOutcome(MailVerdict.AGAIN, "login_refused 535")
    assert post.arrived == []


async def test_greylisting_is_tried_again_and_goes_through(office):
    post = Post(rcpt_replies=["451 4.7.1 greylisted, come back later"])
    account = office(post)
    assert await deliver(account) == MailOutcome(MailVerdict.AGAIN, "recipient_refused 451")
    assert await deliver(account) == SENT


@pytest.mark.parametrize(
    ("replies", "outcome"),
    [
        (
            {"rcpt_replies": ["550 5.1.1 no such user"]},
            MailOutcome(MailVerdict.NEVER, "recipient_refused 550"),
        ),
        ({"data_replies": ["554 5.7.1 spam"]}, MailOutcome(MailVerdict.NEVER, "content_refused 554")),
        ({"data_replies": ["452 4.2.2 mailbox full"]}, MailOutcome(MailVerdict.AGAIN, "content_refused 452")),
        (
            {"data_replies": ["421 4.3.2 shutting down"]},
            MailOutcome(MailVerdict.AGAIN, "content_refused 421"),
        ),
    ],
)
async def test_what_a_refusal_means(office, replies, outcome):
    assert await deliver(office(Post(**replies))) == outcome


async def test_a_server_that_is_not_there_is_tried_again():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        account = SmtpAccount(
            host="127.0.0.1", port=nobody.getsockname()[1], security="none", sender="a@b.org", deadline=30.0
        )
        assert await deliver(account) == MailOutcome(MailVerdict.AGAIN, "unreachable")


async def test_a_server_that_does_not_answer_has_a_deadline(office):
    account = replace(office(Post(hang=True)), deadline=0.3)
    assert await deliver(account) == MailOutcome(MailVerdict.AGAIN, "timeout")


async def test_a_mail_that_cannot_be_written_is_given_up(office):
    bad = replace(MAIL, recipient="not an address")
    assert await deliver(office(Post()), mail=bad) == MailOutcome(MailVerdict.NEVER, "bad_mail")


def test_a_line_break_becomes_no_header():
    evil = replace(LETTER, subject="hello\r\nBcc: all@example.org")
    with pytest.raises(ValueError):
        envelope(MAIL, evil, "wahook@example.org")


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (aiosmtplib.SMTPServerDisconnected("x"), MailOutcome(MailVerdict.AGAIN, "connection_lost")),
        (aiosmtplib.SMTPSenderRefused(550, "x", "a"), MailOutcome(MailVerdict.AGAIN, "sender_refused 550")),
        (aiosmtplib.SMTPHeloError(501, "x"), MailOutcome(MailVerdict.AGAIN, "greeting_refused 501")),
        (aiosmtplib.SMTPResponseException(-1, "x"), MailOutcome(MailVerdict.AGAIN, "refused -1")),
        (aiosmtplib.SMTPNotSupported("x"), MailOutcome(MailVerdict.AGAIN, "not_supported")),
    ],
)
def test_no_servers_own_words_are_kept(error, outcome):
    assert outcome_of(error) == outcome
