"""Any operations, in any batches, at any times: the journal does what a few dictionaries do."""

from datetime import timedelta

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from actors.messages import (
    UNSET,
    AcceptMessage,
    AccountChanges,
    BeginAttempt,
    CancelMessage,
    DeleteAccount,
    EndAttempt,
    JournalOperation,
    RecordAck,
    RecordIncoming,
    RetryMessage,
    SaveAccount,
    UpdateAccount,
)
from actors.model import Ack, MessageStatus
from actors.page import NoticeArrived, Noticed

from .conftest import NOON, OTHER, SESSION, Bench, account, empty, incoming, message
from .model import Model, comparable

SESSIONS = st.sampled_from([SESSION, OTHER])
NAMES = st.sampled_from("abc")
IDS = NAMES.map(lambda one: f"msg_{one}")
TEXTS = st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5)

MESSAGES = st.builds(
    lambda name, session, content, to, key, at: message(
        name, session_id=session, content_hash=content, to=to, idempotency_key=key, send_at=at
    ),
    NAMES,
    SESSIONS,
    st.sampled_from(["x", "y"]),
    st.sampled_from(["491", "492"]),
    st.sampled_from([None, None, "k"]),
    st.sampled_from([None, None, NOON + timedelta(days=1)]),
)
CHANGES = st.builds(
    AccountChanges, desired=st.booleans(), last_error=TEXTS, last_seen=st.none() | st.just(NOON)
)
ENDINGS = st.sampled_from(
    [MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.FAILED, MessageStatus.QUEUED]
)
ARRIVED = st.builds(lambda number, body: incoming(f"in{number}", body=body or ""), st.integers(0, 4), TEXTS)
NOTICED = st.builds(
    lambda what, number, body, found: NoticeArrived(
        what, f"in{number}", "49@c.us", "49", 1, body=body, found=found
    ),
    st.sampled_from(Noticed),
    st.integers(0, 4),
    st.sampled_from(["x", "y"]),
    st.booleans(),
)
ARRIVALS = st.lists(ARRIVED | NOTICED)
OPERATIONS: st.SearchStrategy[JournalOperation] = st.one_of(
    st.builds(AcceptMessage, MESSAGES, st.sampled_from([None, 300])),
    st.builds(BeginAttempt, IDS),
    st.builds(EndAttempt, IDS, ENDINGS, st.sampled_from(list(Ack)), TEXTS, st.booleans()),
    st.builds(RecordAck, SESSIONS, NAMES.map(lambda one: f"3EB0{one}"), st.sampled_from(list(Ack))),
    st.builds(RecordIncoming, SESSIONS, ARRIVALS.map(tuple), st.sampled_from([UNSET, UNSET, None, 5, 7])),
    st.builds(SaveAccount, SESSIONS.map(account)),
    st.builds(UpdateAccount, SESSIONS, CHANGES),
    st.builds(DeleteAccount, SESSIONS),
    st.builds(CancelMessage, IDS),
    st.builds(RetryMessage, IDS),
)
# Batches, each with the seconds that pass before it: nothing, within the window, past it, past a key's day.
HISTORIES = st.lists(
    st.tuples(st.sampled_from([0, 1, 299, 300, 90_000]), st.lists(OPERATIONS, max_size=8)), max_size=8
)
OPENING = [SaveAccount(account(SESSION)), SaveAccount(account(OTHER))]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(HISTORIES)
@example([(0, [AcceptMessage(message("a"), 300), BeginAttempt("msg_a"), DeleteAccount(SESSION)])])
def test_the_journal_does_what_its_model_does(
    bench: Bench, history: list[tuple[int, list[JournalOperation]]]
):
    empty(bench.journal)
    bench.calendar.now = NOON
    model = Model()
    for seconds, operations in [(0, OPENING), *history]:
        bench.calendar.turn(seconds)
        results = [comparable(one) for one in bench.write(*operations)]
        assert results == [model.apply(one, bench.calendar()) for one in operations]
    compare(bench, model)


def compare(bench: Bench, model: Model) -> None:
    reader = bench.journal.reader
    assert {one.session_id: one for one in reader.accounts()} == model.accounts
    assert [reader.message(key) for key in model.out] == list(model.out.values())
    waiting = [one for one in model.out.values() if one.status in ("queued", "scheduled", "sending")]
    assert reader.undone() == waiting
    for session in (SESSION, OTHER):
        shown = reader.page(session, limit=1000).messages
        sent = [one for one in model.out.values() if one.session_id == session]
        came = [one for (owner, _), one in model.received.items() if owner == session]
        assert len(shown) == len(sent) + len(came)
        assert [one for one in shown[::-1] if one in sent] == sent
        assert [one.message for one in shown[::-1] if hasattr(one, "message")] == came
