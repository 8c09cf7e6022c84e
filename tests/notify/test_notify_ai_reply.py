"""Messages answered by a real server's words, through a real journal, with real actors."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from actors import tree
from actors.errors import DeadlinePassed, JournalError, RuleBroken, SessionNotReady
from actors.events import AiFailed
from actors.messages import AccountChanges, UpdateAccount
from actors.model import AiConfig, SessionConfig
from actors.page import PageCall

from .model import Model, pieces, stream
from .office import DEADLINE, ID, OTHER, POLICY, SOMEONE, THEM, Office
from .servers import serving


@pytest.fixture
async def model():
    made = Model()
    async with serving(made.handle, "/v1/chat/completions") as base:
        made.url = f"{base}/v1"
        yield made


@pytest.fixture
async def open_office(tmp_path, model):
    opened = []

    def made(**how):
        opened.append(Office(tmp_path, how.pop("url", model.url), **how))
        return opened[-1]

    yield made
    for office in opened:
        await office.close()


@pytest.fixture
async def office(open_office):
    made = open_office()
    made.start()
    return made


async def test_a_message_is_answered_in_its_chat_through_the_outbox(office, model):
    event = office.arrives("what are your hours?")
    await office.settled()
    assert office.sent() == [(THEM, "Hello there")]
    (row,) = office.journal.reader.undone(ID)
    assert row.idempotency_key == f"ai:{event.id}"
    assert model.asked[0]["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "what are your hours?"},
    ]
    assert office.app()["tokens"] == 7
    assert office.typing == [len("Hello there") / 100]


async def test_the_context_is_of_this_chat_and_this_session_alone(office, model):
    office.journaled("secret of somebody else", sender=SOMEONE)
    office.says("to somebody else", to=SOMEONE)
    office.journaled("secret of another session", session_id=OTHER)
    office.says("from another session", session_id=OTHER, key="ai:x")
    office.journaled("in a group", chat_id="120363@g.us", is_group=True)
    office.journaled("my first question")
    office.says("my first answer", key="ai:earlier")
    office.arrives("my second question")
    await office.settled()
    assert [one["content"] for one in model.asked[0]["messages"]] == [
        "Be kind.",
        "my first question",
        "my first answer",
        "my second question",
    ]


async def test_three_messages_in_a_row_get_one_answer(open_office, model):
    office = open_office()
    events = [office.journaled(text) for text in ("hi", "it's me", "are you open?")]
    office.start()
    for event in events:
        office.hear(event)
    await office.settled()
    assert len(office.sent()) == 1
    assert [one["content"] for one in model.asked[-1]["messages"][1:]] == ["hi", "it's me", "are you open?"]


async def test_what_is_heard_twice_is_answered_once(office, model):
    event = office.arrives("hi")
    await office.settled(1)
    office.hear(event)
    await office.settled(2)
    assert (len(office.sent()), len(model.asked)) == (1, 1)


async def test_a_reply_of_an_earlier_life_with_other_words_stands(office):
    event = office.journaled("hi")
    office.faults = [RuleBroken("key_reused", "other words")]
    office.hear(event)
    await office.settled()
    assert (office.app()["skipped"], office.events) == (1, [])


async def test_the_same_words_again_are_no_duplicate(office):
    for number in range(2):
        office.arrives(f"question {number}")
        await office.settled(number + 1)
    assert office.sent() == [(THEM, "Hello there")] * 2


async def test_a_person_who_wrote_keeps_ai_out_of_the_chat(office, model):
    office.says("let me take over")
    office.arrives("hi")
    office.arrives("hi", sender=SOMEONE)
    await office.settled(2)
    assert office.sent() == [(SOMEONE, "Hello there")]
    assert len(model.asked) == 1


async def test_what_the_page_reports_of_a_person_s_own_writing_counts_as_well(office, model):
    office.journaled("from the phone", sender="34600000000", chat_id=f"{THEM}@c.us", from_me=True)
    office.arrives("hi")
    await office.settled()
    assert (office.sent(), model.asked) == ([], [])


def own(wa_message_id, ago=5, **changes):
    """One of our messages, as the page tells it."""
    at = int((datetime.now(UTC) - timedelta(seconds=ago)).timestamp())
    return {"messageId": wa_message_id, "fromMe": True, "timestamp": at, **changes}


@pytest.mark.parametrize(
    ("messages", "answered"),
    [
        ([own("3EB0PHONE")], False),
        ([own("3EB0PHONE", ago=1900)], True),
        ([own("THEIRS", fromMe=False)], True),
        ([own("FROM-THE-OUTBOX")], True),
        ([own("FROM-THE-OUTBOX"), own("3EB0PHONE")], False),
        ([{"odd": 1}, 7], True),
    ],
)
async def test_a_person_who_wrote_on_the_phone_is_seen_on_the_page(office, model, messages, answered):
    office.says("earlier, by AI", key="ai:earlier", wa_message_id="FROM-THE-OUTBOX")
    office.page = {"messages": messages, "next": None}
    office.arrives("hi")
    await office.settled()
    assert (len(model.asked), office.app()["skipped"]) == ((1, 0) if answered else (0, 1))
    assert office.questions[0] == (ID, PageCall.HISTORY, f"{THEM}@c.us")


@pytest.mark.parametrize("page", [SessionNotReady("reconnecting"), DeadlinePassed("late"), None, "garbage"])
async def test_a_page_that_does_not_answer_keeps_nobody_waiting(office, page):
    office.page = page
    office.arrives("hi")
    await office.settled()
    assert office.sent() == [(THEM, "Hello there")]


async def test_a_person_who_is_quicker_than_the_model_wins(office, model):
    model.hold = asyncio.Event()
    office.arrives("hi")
    async with asyncio.timeout(DEADLINE):
        await model.began.wait()
    office.says("I am here myself")
    model.hold.set()
    await office.settled()
    assert (office.sent(), office.app()["skipped"]) == ([], 1)


async def test_the_test_message_is_no_person(office):
    office.says("✅ conectado", key="test:1")
    office.arrives("what is this?")
    await office.settled()
    assert len(office.sent()) == 1


async def test_a_chats_limit_is_told_as_an_event(office):
    for number in range(4):
        event = office.arrives(f"question {number}")
        await office.settled(number + 1)
    assert len(office.sent()) == 3
    assert office.events == [AiFailed(ID, event.id, "chat_limit")]


@pytest.mark.parametrize(
    ("script", "reason"),
    [([401], "unauthorized"), ([500] * 3, "server_error"), ([429] * 3, "rate_limited")],
)
async def test_a_failure_is_an_event_and_the_next_message_is_answered(office, model, script, reason):
    model.script = list(script)
    event = office.arrives("hi")
    await office.settled(1)
    assert office.events == [AiFailed(ID, event.id, reason)]
    office.arrives("hello?")
    await office.settled(2)
    assert office.sent() == [(THEM, "Hello there")]


async def test_an_empty_answer_is_a_failure(office, model):
    model.text = "<think>nothing to say</think>"
    event = office.arrives("hi")
    await office.settled()
    assert office.events == [AiFailed(ID, event.id, "empty")]


async def test_ai_that_is_on_without_an_endpoint_says_so(open_office):
    office = open_office(url=None)
    office.start()
    event = office.arrives("hi")
    await office.settled()
    assert office.events == [AiFailed(ID, event.id, "not_configured")]


async def test_a_session_without_ai_costs_no_request_and_no_turn(office, model):
    office.journal.writer.write([UpdateAccount(ID, AccountChanges(config=SessionConfig()))])
    office.arrives("hi")
    office.arrives("hi", session_id=OTHER)
    await office.settled()
    assert (len(model.asked), office.sent(), len(office.sent(OTHER))) == (1, [], 1)


async def test_an_accounts_own_instructions_reach_the_model(office, model):
    own = SessionConfig(ai_enabled=True, ai=AiConfig("Be brief.", "large", context_messages=1, max_tokens=9))
    office.journal.writer.write([UpdateAccount(ID, AccountChanges(config=own))])
    office.journaled("earlier")
    office.arrives("hi")
    await office.settled()
    assert (model.asked[0]["model"], model.asked[0]["max_tokens"]) == ("large", 9)
    assert [one["content"] for one in model.asked[0]["messages"]] == ["Be brief.", "hi"]


async def test_in_a_group_it_is_silent_unless_set_and_then_answers_the_group(open_office, model):
    office = open_office(policy=replace(POLICY, groups=True))
    office.start()
    group = "120363000000000000@g.us"
    office.says("by hand, to the person", to=THEM)
    office.arrives("hi all", chat_id=group, is_group=True, sender_name="Ana")
    await office.settled()
    assert office.sent() == [(group, "Hello there")]
    assert model.asked[0]["messages"][-1]["content"] == "Ana: hi all"


async def test_what_was_left_when_the_service_died_is_answered_after_its_start(open_office):
    office = open_office()
    office.journaled("hi", ago=3000)
    office.says("an answer", to=SOMEONE, key="ai:W99")
    first = office.journaled("I waited")
    last = office.journaled("still waiting")
    office.start()
    await office.settled()
    assert office.sent() == [(SOMEONE, "an answer"), (THEM, "Hello there")]
    assert office.chats.answered(ID, last.id)
    assert not office.chats.answered(ID, first.id), "it was part of the context"


async def test_an_assistant_that_crashed_answers_what_it_had_taken_once(office, model):
    model.hold = asyncio.Event()
    office.arrives("hi")
    async with asyncio.timeout(DEADLINE):
        await model.began.wait()
    await office.system.kill(tree.ASSISTANT, "test")
    await office.until(lambda: len(model.asked) == 2)
    model.hold.set()
    await office.settled()
    assert office.sent() == [(THEM, "Hello there")]


async def test_a_journal_that_is_away_for_a_moment_loses_no_reply(office):
    office.faults = [JournalError("away"), JournalError("away")]
    office.arrives("hi")
    await office.settled()
    assert office.sent() == [(THEM, "Hello there")]


async def test_a_reply_that_the_outbox_refuses_is_a_failure(office):
    office.faults = [RuleBroken("bad_text", "no")]
    event = office.arrives("hi")
    await office.settled()
    assert office.events == [AiFailed(ID, event.id, "not_accepted")]


async def test_while_a_reply_is_made_the_next_question_waits_for_its_turn(office, model):
    model.hold = asyncio.Event()
    office.arrives("first")
    async with asyncio.timeout(DEADLINE):
        await model.began.wait()
    office.arrives("second")
    office.arrives("other", sender=SOMEONE)
    await office.until(lambda: len(model.asked) == 2)
    assert model.asked[1]["messages"][-1]["content"] == "other"
    model.hold.set()
    await office.settled(3)
    said = [(one["role"], one["content"]) for one in model.asked[2]["messages"][1:]]
    assert said == [("user", "first"), ("assistant", "Hello there"), ("user", "second")]
    assert len(office.sent()) == 3


async def test_a_long_stream_arrives_whole(office, model):
    async def at_length(request):
        return await stream(request, pieces("word " * 30))

    model.script = [at_length]
    office.arrives("hi")
    await office.settled()
    assert office.sent() == [(THEM, ("word " * 30).strip())]
