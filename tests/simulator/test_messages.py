"""Text out and in, acks, the offline queue, history, people."""

import pytest

from wahook.simulator import start_simulator

from .conftest import (
    MINE,
    OTHER,
    OUTSIDE,
    PLAIN_READY,
    READY,
    Phones,
    eventually,
    link,
    message_here,
    send_plainly,
    state,
)
from .devtools import DevTools, Tab


def send(text: str, to: str = OUTSIDE, **options: object) -> str:
    """The JavaScript that sends a text."""
    return f"WPP.chat.sendTextMessage('{to}@c.us', {text!r}, {options or {}})"


async def test_a_text_reaches_the_wire_once_and_its_acks_come_in_order(linked: Tab, phones: Phones):
    sent = await linked.run(send("hello"))
    key = sent["id"]
    bare = key.split("_")[2]
    assert (sent["ack"], sent["sendMsgResult"]["messageSendResult"]) == (1, "OK")
    await linked.event("chat.msg_ack_change", ack=2)
    await phones.post(OUTSIDE, "read")
    await linked.event("chat.msg_ack_change", ack=3)
    order = [
        (name, value["ack"])
        for name, value in linked.events
        if name in {"chat.new_message", "chat.msg_ack_change"}
    ]
    assert order == [
        ("chat.new_message", 0),
        ("chat.msg_ack_change", 1),
        ("chat.msg_ack_change", 2),
        ("chat.msg_ack_change", 3),
    ]
    (entry,) = await phones.ledger(MINE)
    assert (entry["id"], entry["from"], entry["to"], entry["body"], entry["count"]) == (
        bare,
        MINE,
        OUTSIDE,
        "hello",
        1,
    )
    assert await phones.acks(bare) == [1, 2, 3]
    assert await linked.run(f"WPP.chat.getMessageById('{key}').then((msg) => msg.ack)") == 3
    assert linked.errors == []


@pytest.mark.parametrize("options", [{"read_after": 0.05}])
async def test_phones_outside_read_by_themselves_when_configured(plain: Tab, phones: Phones):
    await plain.run(send_plainly("hello", OUTSIDE))
    (entry,) = await phones.ledger()
    await plain.until(f"{message_here(f'true_{OUTSIDE}@c.us_' + entry['id'])}.ack === 3")
    assert await phones.acks(entry["id"]) == [1, 2, 3]


async def test_a_given_message_id_is_kept_and_sending_it_twice_is_seen_in_the_ledger(
    linked: Tab, phones: Phones
):
    key = f"true_{OUTSIDE}@c.us_3EB0AAAAAAAAAAAAAAAAAA"
    assert (await linked.run(send("one", messageId=key)))["id"] == key
    assert (await phones.ledger())[0]["count"] == 1
    assert (await linked.run(send("one", messageId=key)))["id"] == key
    assert (await phones.ledger())[0]["count"] == 2


async def test_an_incoming_text_becomes_a_new_message_with_its_chat_contact_and_unread_count(
    linked, phones: Phones
):
    bare = await phones.write(MINE, "hi there")
    message = await linked.event("chat.new_message", fromMe=False)
    assert message["id"] == f"false_{OUTSIDE}@c.us_{bare}"
    assert (message["body"], message["type"], message["isNewMsg"]) == ("hi there", "chat", True)
    chats = await linked.run(
        "WPP.chat.list().then((chats) => chats.map((chat) => [String(chat.id), chat.unreadCount]))"
    )
    assert chats == [[f"{OUTSIDE}@c.us", 1]]
    assert (
        await linked.run(f"WPP.contact.get('{OUTSIDE}@c.us').then((contact) => contact.pushname)")
        == "Phone 0003"
    )
    read = await linked.run(f"WPP.chat.markIsRead('{OUTSIDE}@c.us').then(({{unreadCount}}) => unreadCount)")
    assert read == 1
    assert await linked.run(f"WPP.chat.get('{OUTSIDE}@c.us').unreadCount") == 0

    async def read_by_us() -> bool:
        return await phones.acks(bare) == [1, 2, 3]

    await eventually(read_by_us)


async def test_messages_wait_for_a_page_that_is_away_and_come_in_order_once(
    plain: Tab, simulator, phones: Phones
):
    await plain.goto("about:blank")
    await phones.settle(MINE, connected=False)
    ids = [await phones.write(MINE, f"text {number}") for number in range(5)]
    assert (await phones.state(MINE))["waiting"] == 5
    await plain.goto(simulator.url)
    there = f"require('WAWebChatCollection').ChatCollection.get('{OUTSIDE}@c.us')?.msgs"
    await plain.until(f"{PLAIN_READY} && {there}.length === 5")
    assert await plain.run(f"{there}.map((msg) => msg.id.id)") == ids
    await phones.settle(MINE, waiting=0)


async def test_a_message_that_a_killed_page_had_not_confirmed_comes_again(
    plain: Tab, simulator, phones: Phones
):
    await plain.run("importNamespace('WAWebHandleMsg').handleSingleMsg = () => new Promise(() => {})")
    key = f"false_{OUTSIDE}@c.us_{await phones.write(MINE, 'lost once')}"
    assert (await phones.state(MINE))["waiting"] == 1
    await plain.goto(simulator.url)
    await plain.until(f"{message_here(key)}?.isNewMsg")
    await phones.settle(MINE, waiting=0)
    await plain.reload()
    await plain.until(f"{message_here(key)}?.isNewMsg === false")


async def test_history_is_there_after_a_restart_and_older_messages_can_be_asked_for(
    linked: Tab, phones: Phones
):
    for number in range(30):
        await phones.write(MINE, f"text {number}")
    await linked.until(f"WPP.chat.get('{OUTSIDE}@c.us').msgs.length === 30")
    await linked.reload()
    await linked.until(READY)
    assert await linked.run(f"WPP.chat.get('{OUTSIDE}@c.us').msgs.length") == 20
    bodies = (
        f"WPP.chat.getMessages('{OUTSIDE}@c.us', {{count: %s}}).then((all) => all.map((msg) => msg.body))"
    )
    assert await linked.run(bodies % 3) == ["text 27", "text 28", "text 29"]
    assert await linked.run(bodies % -1) == [f"text {number}" for number in range(30)]
    assert await linked.run(f"WPP.chat.get('{OUTSIDE}@c.us').unreadCount") == 30


async def test_two_accounts_talk_to_each_other_through_their_pages(
    linked: Tab, devtools: DevTools, simulator, phones
):
    second = await devtools.tab(simulator.url)
    await link(second, phones, OTHER)
    bare = (await linked.run(send("over there", to=OTHER)))["id"].split("_")[2]
    message = await second.event("chat.new_message", fromMe=False)
    assert (message["from"], message["body"]) == (f"{MINE}@c.us", "over there")
    await linked.event("chat.msg_ack_change", ack=2)
    await second.run(f"WPP.chat.markIsComposing('{MINE}@c.us')")
    await linked.event("chat.presence_change", state="composing")
    await second.run(f"WPP.chat.markIsRead('{MINE}@c.us')")
    await linked.event("chat.msg_ack_change", ack=3)
    assert await phones.acks(bare) == [1, 2, 3]


async def test_what_the_phone_writes_itself_appears_on_its_page(linked: Tab, phones: Phones):
    bare = await phones.write(OTHER, "from my phone", sender=MINE)
    message = await linked.event("chat.new_message", fromMe=True)
    assert message["id"] == f"true_{OTHER}@c.us_{bare}"


async def test_a_chat_that_is_known_by_lid_is_the_chat_of_its_number(linked: Tab, phones: Phones):
    await phones.post(MINE, "messages", 201, **{"from": OUTSIDE}, text="by lid", lid=True)
    message = await linked.event("chat.new_message", fromMe=False)
    lid_chat = message["from"]
    assert lid_chat.endswith("@lid")
    assert (
        await linked.run(f"WPP.contact.getPnLidEntry('{lid_chat}').then((e) => e.phoneNumber.id)") == OUTSIDE
    )
    sent = await linked.run(send("answer"))
    assert (sent["to"], sent["ack"]) == (lid_chat, 1)
    await linked.event("chat.msg_ack_change", ack=2)
    assert [(entry["to"], entry["count"]) for entry in await phones.ledger()] == [(MINE, 1), (OUTSIDE, 1)]
    by_number = f"true_{OUTSIDE}@c.us_3EB0DDDDDDDDDDDDDDDDDD"
    refused = await linked.run(send("x", messageId=by_number) + ".catch((error) => error.code)")
    assert refused == "message_key_remote_id_is_not_same_of_chat"


async def test_a_number_is_on_whatsapp_unless_its_country_is_unassigned(linked: Tab):
    check = "WPP.contact.queryExists('%s@c.us').then((found) => found && String(found.wid))"
    assert await linked.run(check % OUTSIDE) == f"{OUTSIDE}@c.us"
    assert await linked.run(check % "9991234567") is None
    refused = await linked.run(send("nobody", to="9991234567") + ".catch((error) => error.message)")
    assert "No LID" in refused


async def test_profile_name_status_and_picture(linked: Tab, phones: Phones):
    await phones.post(OTHER, "profile", name="Ada", about="Counting")
    assert await linked.run("WPP.profile.getMyProfileName()") == "Phone 0001"
    await linked.run("WPP.profile.setMyProfileName('Grace')")
    assert (await phones.state(MINE))["profileName"] == "Grace"
    assert await linked.run(f"WPP.contact.getStatus('{OTHER}@c.us')") == "Counting"
    await linked.run("WPP.profile.setMyStatus('Busy')")
    assert await linked.run("WPP.profile.getMyStatus()") == "Busy"
    assert (
        await linked.run(f"WPP.contact.getProfilePictureUrl('{OTHER}@c.us').then((url) => url ?? null)")
        is None
    )


async def test_a_restarted_server_gets_its_pages_back_and_unanswered_sends_are_repeated(
    linked: Tab, simulator
):
    await simulator.stop()
    await linked.until("WPP.whatsapp.Socket.state === 'OPENING' || WPP.whatsapp.Socket.state === 'TIMEOUT'")
    await linked.run(f"(window.sending = {send('patience')}, 1)")
    again = await start_simulator(port=simulator.port, network=simulator.network)
    try:
        await linked.until(READY)
        sent = await linked.run("window.sending")
        assert sent["ack"] == 1
        assert [entry.count for entry in simulator.network.ledger] == [1]
    finally:
        await again.stop()


async def test_after_many_failed_attempts_the_page_says_timeout(plain: Tab, simulator):
    await simulator.stop()
    await plain.until(state("TIMEOUT"))
    assert await plain.run("require('WAWebStreamModel').Stream.mode") == "MAIN"
