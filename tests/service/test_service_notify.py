"""E-mails, the test message and AI replies, by the whole service on the simulator."""

import asyncio
import os
import signal

import pytest

from tests.notify.model import Model
from tests.notify.servers import PASSWORD, USER, HttpEndpoint, Post, PostOffice, certificate, serving
from tests.service.house import API, until

PHONE = "491510000001"
FRIEND = "491769999999"
OPERATOR = "491768888888"

pytestmark = [pytest.mark.browser]


@pytest.fixture
async def post(tmp_path):
    """A post office with TLS and a login, what it heard, and the settings to reach it."""
    heard = Post()
    pem = certificate(tmp_path)
    office = PostOffice(heard, pem, starttls=True, login=True)
    await asyncio.to_thread(office.start)
    heard.settings = {
        "smtp_host": "127.0.0.1",
        "smtp_port": office.port,
        "smtp_user": USER,
        "smtp_password": PASSWORD,
        "smtp_from": "wahook@example.org",
        "smtp_ca_file": pem,
    }
    yield heard
    await asyncio.to_thread(office.stop)


async def mails(post, *subjects):
    """All that have arrived, once these have."""

    async def arrived():
        found = [str(mail["Subject"]) for mail in post.arrived]
        return all(any(part in one for one in found) for part in subjects) and list(post.arrived)

    return await until(f"mails {subjects}", arrived)


async def test_an_owner_is_written_to_when_the_account_connects_is_lost_and_is_taken_down(open_house, post):
    house = await open_house(**post.settings, notify_timezone="Europe/Madrid")
    client = house.client
    session_id = await client.create("1", "2", notifyEmail="ana@example.org")
    await client.link(session_id, PHONE)
    (connected,) = await mails(post, "está conectado")
    assert (connected["To"], post.encrypted) == ("ana@example.org", [True])
    text = connected.get_body(("plain",)).get_content()
    assert f"+{PHONE}" in text
    assert "(Europe/Madrid)" in text

    await client.phone(f"{PHONE}/unlink")
    lost = (await mails(post, "se ha desconectado"))[-1]
    assert "(LOGOUT)" in lost.get_body(("html",)).get_content()
    assert len(post.arrived) == 2, "the refused login is part of the same news"

    await client.ok("PATCH", f"{API}/{session_id}", {"config": {"language": "en"}})
    await client.ok("POST", f"{API}/{session_id}/stop")
    await mails(post, "You disconnected your WhatsApp")


async def test_a_browser_that_dies_and_heals_and_a_stop_of_the_service_are_no_news(open_house, post):
    house = await open_house(**post.settings, notify_email="owner@example.org")
    client = house.client
    await house.listen()
    session_id = await client.linked(phone=PHONE)
    await mails(post, "está conectado")
    (pid,) = house.pids(session_id)
    os.kill(pid, signal.SIGKILL)
    await house.heard("reconnected")
    await house.close()
    await asyncio.to_thread(house.service.stop)
    again = await open_house(**post.settings, notify_email="owner@example.org")
    await again.client.status(session_id, "ready")
    assert len(post.arrived) == 1


async def test_the_frontend_is_told_by_post_as_the_original_did(open_house):
    endpoint = HttpEndpoint(answers=[500])
    async with serving(endpoint.handle, "/mail") as base:
        house = await open_house(
            mail_endpoint=f"{base}/mail", mail_endpoint_secret="s3cret", notify_link="https://a.test"
        )
        session_id = await house.client.linked(user="7", phone=PHONE)

        async def told():
            return endpoint.heard

        await until("the endpoint to be told", told)
        assert endpoint.heard[0].headers["Authorization"] == "Bearer s3cret"
        body = endpoint.heard[0].body
        assert (body["type"], body["userId"], body["sessionId"]) == ("connected", "7", session_id)
        journal = house.service._journal
        since = journal.reader.accounts()[0].created_at

        async def tried():
            return [mail for mail in journal.queues.mails_since(since) if mail.attempts]

        (waiting,) = await until("the attempt to be written down", tried)
        assert (waiting.attempts, waiting.last_error) == (1, "http 500")


async def test_the_test_message_goes_out_once_for_each_scan_and_not_at_a_reconnect(open_house):
    house = await open_house(test_message_to=OPERATOR)
    client = house.client
    await house.listen()
    session_id = await client.linked(phone=PHONE)

    async def greetings():
        return [entry["body"] for entry in await client.ledger(PHONE) if entry["to"].startswith(OPERATOR)]

    (body,) = await until("the test message", greetings)
    assert body.startswith(f"✅ WhatsApp conectado exitosamente\n📱 Número: +{PHONE}\n")
    (pid,) = house.pids(session_id)
    os.kill(pid, signal.SIGKILL)
    await house.heard("reconnected")
    await client.delivered(session_id, (await client.send(session_id, FRIEND, "after it"))["messageId"])
    assert await greetings() == [body]
    await client.phone(f"{PHONE}/unlink")
    await client.status(session_id, "error")
    await client.ok("POST", f"{API}/{session_id}/start")
    await client.link(session_id, PHONE)

    async def second():
        return len(await greetings()) == 2

    await until("a test message for the new scan", second)


@pytest.fixture
async def model():
    made = Model("We are open until eight.")
    async with serving(made.handle, "/v1/chat/completions") as base:
        made.settings = {
            "ai_base_url": f"{base}/v1",
            "ai_model": "small",
            "ai_key": "sk-secret",
            "ai_gather": 0.1,
        }
        yield made


async def test_a_message_is_answered_by_ai_once_also_when_the_browser_dies_meanwhile(open_house, model):
    house = await open_house(**model.settings)
    client = house.client
    session_id = await client.create("1", "2", aiEnabled=True, ai={"systemPrompt": "Be kind."})
    await client.link(session_id, PHONE)
    model.hold = asyncio.Event()
    await client.write(PHONE, FRIEND, "are you open?")
    async with asyncio.timeout(30):
        await model.began.wait()
    (pid,) = house.pids(session_id)
    os.kill(pid, signal.SIGKILL)
    model.hold.set()

    async def answers():
        return [entry for entry in await client.ledger(PHONE) if entry["body"] == model.text]

    (answer,) = await until("the answer", answers)
    assert (answer["to"].startswith(FRIEND), answer["count"]) == (True, 1)
    assert model.asked[0]["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "are you open?"},
    ]
    assert len(model.asked) == 1


async def test_a_person_takes_over_and_a_failure_is_told(open_house, model):
    house = await open_house(**model.settings)
    client = house.client
    await house.listen("1")
    session_id = await client.linked(phone=PHONE)
    await client.ok("PATCH", f"{API}/{session_id}", {"config": {"aiEnabled": True}})
    model.script = [401]
    asked = await client.write(PHONE, FRIEND, "hello?")
    assert await house.heard("ai:failed", id=asked) == {
        "sessionId": session_id,
        "id": asked,
        "reason": "unauthorized",
    }
    await client.send(session_id, FRIEND, "A person here. How can I help?")
    await client.write(PHONE, FRIEND, "with my order")

    async def skipped():
        return house.service.system.snapshot().find("assistant")["app"]["skipped"] == 1

    await until("the assistant to keep out", skipped)
    assert len(model.asked) == 1


async def test_a_person_who_answers_on_the_phone_keeps_ai_out(open_house, model):
    house = await open_house(**model.settings)
    client = house.client
    session_id = await client.create("1", "2", aiEnabled=True)
    await client.link(session_id, PHONE)
    await client.write(FRIEND, PHONE, "typed on the phone itself")
    await client.write(PHONE, FRIEND, "thank you")

    async def skipped():
        return house.service.system.snapshot().find("assistant")["app"]["skipped"] == 1

    await until("the assistant to keep out", skipped)
    assert model.asked == []


async def test_settings_that_do_not_go_together_end_the_start_with_their_names(open_house):
    with pytest.raises(Exception, match="SMTP_FROM"):
        await open_house(smtp_host="mail.example.org")
