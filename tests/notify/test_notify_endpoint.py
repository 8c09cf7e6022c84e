"""Mails by POST to a real HTTP endpoint, and the sender that renders them, whichever way they go."""

import asyncio
from datetime import UTC, datetime

import pytest
from aiohttp import web

from actors.durable import Mail
from actors.mail_policy import MailOutcome, MailVerdict
from actors.model import Account
from actors.notices import Kind, Notice
from wahook.loop import LoopThread
from wahook.notify.mail.compose import Composer
from wahook.notify.mail.endpoint import EndpointWay
from wahook.notify.mail.letters import Letter
from wahook.notify.mail.sender import AsyncMailSender
from wahook.notify.mail.texts import load_texts
from wahook.notify.people import Preferences

from .servers import HttpEndpoint, serving

SENT = MailOutcome(MailVerdict.SENT)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
NOTICE = Notice(Kind.DISCONNECTED, "user_1_wa_2", NOON, "LOGOUT", permanent=True, suppressed=2)
ACCOUNT = Account("user_1_wa_2", "1", "2", phone_number="34600", profile_name="Ana")
COMPOSE = Composer(Preferences(None, "es", "UTC"), without_address=True)
LETTER = Letter("s", "t", "<p>t</p>")


@pytest.fixture
async def endpoint():
    found = HttpEndpoint()
    async with serving(found.handle, "/mail") as base:
        found.url = f"{base}/mail"
        yield found


@pytest.fixture
async def way(endpoint):
    made = EndpointWay(endpoint.url, "the-secret", 20.0)
    yield made
    await made.close()


async def test_the_frontend_gets_the_facts_and_the_letter(endpoint, way):
    mail = COMPOSE(NOTICE, ACCOUNT)
    assert await way.deliver(mail, LETTER) == SENT
    (heard,) = endpoint.heard
    assert heard.headers["Authorization"] == "Bearer the-secret"
    assert heard.headers["Idempotency-Key"] == mail.id
    assert heard.body == {
        "id": mail.id,
        "type": "disconnected",
        "sessionId": "user_1_wa_2",
        "to": None,
        "subject": "s",
        "text": "t",
        "html": "<p>t</p>",
        "userId": "1",
        "accountId": "2",
        "phoneNumber": "34600",
        "profileName": "Ana",
        "reason": "LOGOUT",
        "permanent": True,
        "away": 0,
        "suppressed": 2,
        "language": "es",
        "timezone": "UTC",
        "timestamp": "2026-01-01T12:00:00+00:00",
    }


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (204, SENT),
        (400, MailOutcome(MailVerdict.NEVER, "http 400")),
        (401, MailOutcome(MailVerdict.AGAIN, "http 401")),
        (404, MailOutcome(MailVerdict.AGAIN, "http 404")),
        (422, MailOutcome(MailVerdict.NEVER, "http 422")),
        (500, MailOutcome(MailVerdict.AGAIN, "http 500")),
    ],
)
async def test_what_an_answer_means(endpoint, way, status, outcome):
    endpoint.answers.append(status)
    assert await way.deliver(COMPOSE(NOTICE, ACCOUNT), LETTER) == outcome


async def test_an_endpoint_that_is_busy_says_when_to_come_again(endpoint, way):
    endpoint.answers.append(web.Response(status=429, headers={"Retry-After": "90"}))
    outcome = await way.deliver(COMPOSE(NOTICE, ACCOUNT), LETTER)
    assert outcome == MailOutcome(MailVerdict.AGAIN, "http 429", 90.0)


async def test_a_redirect_is_not_followed_with_the_secret(endpoint, way):
    endpoint.answers.append(web.Response(status=307, headers={"Location": endpoint.url}))
    assert await way.deliver(COMPOSE(NOTICE, ACCOUNT), LETTER) == MailOutcome(MailVerdict.AGAIN, "http 307")
    assert len(endpoint.heard) == 1


async def test_an_endpoint_that_is_silent_or_away_is_tried_again(endpoint):
    async def silent(_):
        await asyncio.sleep(3600)

    endpoint.answers.append(silent)
    hasty = EndpointWay(endpoint.url, None, 0.3)
    assert await hasty.deliver(COMPOSE(NOTICE, ACCOUNT), LETTER) == MailOutcome(MailVerdict.AGAIN, "timeout")
    await hasty.close()
    away = EndpointWay("http://127.0.0.1:9/mail", None, 2.0)
    assert await away.deliver(COMPOSE(NOTICE, ACCOUNT), LETTER) == MailOutcome(
        MailVerdict.AGAIN, "unreachable"
    )
    await away.close()


class Shelf:
    """A way that keeps letters."""

    def __init__(self, seconds=0.0):
        self.letters, self.seconds, self.closed = [], seconds, False

    async def deliver(self, mail: Mail, letter: Letter) -> MailOutcome:
        await asyncio.sleep(self.seconds)
        self.letters.append(letter)
        return SENT

    async def close(self) -> None:
        self.closed = True


@pytest.fixture
def loop():
    running = LoopThread("notify-test")
    running.start()
    yield running
    running.stop(20.0)


def sender(loop, way, **how):
    return AsyncMailSender(loop, way, load_texts(), **how)


def test_the_sender_renders_on_its_own_loop_and_names_the_link(loop):
    shelf = Shelf()
    made = sender(loop, shelf, link="https://panel.example.org")
    assert made.send(COMPOSE(NOTICE, ACCOUNT)).result(30) == SENT
    assert "https://panel.example.org" in shelf.letters[0].text
    made.close().result(30)
    assert shelf.closed


def test_a_code_is_in_a_mail_only_if_it_was_set_and_is_asked_for(loop):
    shelf = Shelf()
    scan = Notice(Kind.NEEDS_QR, "user_1_wa_2", NOON)
    sender(loop, shelf).send(COMPOSE(scan, ACCOUNT)).result(30)
    showing = sender(loop, shelf, code_picture=lambda _: b"png")
    showing.send(COMPOSE(scan, ACCOUNT)).result(30)
    showing.send(COMPOSE(NOTICE, ACCOUNT)).result(30)
    assert [one.picture for one in shelf.letters] == [None, b"png", None]


def test_a_mail_of_another_version_is_given_up_and_a_way_that_hangs_is_left(loop):
    broken = Mail("m", "connected", "a@b.org", payload={})
    assert sender(loop, Shelf()).send(broken).result(30) == MailOutcome(MailVerdict.NEVER, "bad_mail")
    stuck = sender(loop, Shelf(seconds=3600), deadline=0.2)
    assert stuck.send(COMPOSE(NOTICE, ACCOUNT)).result(30) == MailOutcome(MailVerdict.AGAIN, "timeout")
