"""Who may go: in order per chat, a few at once, no further than memory allows. Without time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.durable import Delivery, TaskState
from wahook.notify.webhooks.line import Limits, Line
from wahook.notify.webhooks.policy import CircuitPolicy, CircuitState, Judgement, Outcome, Retries, judge

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
DONE = Judgement(TaskState.DONE)
DEAD = Judgement(TaskState.DEAD)
FAILED = Judgement(TaskState.PENDING, delay=60, blame=True)
REFUSED = Judgement(TaskState.PENDING, delay=60)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def one(seq: int, chat: str | None = "a", session: str = "s", **changes) -> Delivery:
    made = Delivery(f"evt_{seq}", session, "http://r", "ready", b"{}", chat, next_at=NOON, seq=seq)
    return replace(made, give_up_at=after(86400), **changes)


def line_of(*deliveries: Delivery, **limits) -> Line:
    line = Line(Limits(circuit=CircuitPolicy(threshold=3, base=10, cap=60), **limits))
    assert line.wants() == 0
    line.fetched(deliveries, all_of_them=True)
    return line


def go(line: Line, now: datetime = NOON) -> list[int]:
    return [each.seq for each in line.go(now)]


def end(line: Line, seq: int, judgement: Judgement, now: datetime = NOON, **delivery) -> None:
    line.ended(one(seq, **delivery), judgement, now, fraction=1.0)


def test_of_each_chat_one_goes_at_a_time_in_order():
    line = line_of(one(1, "a"), one(2, "b"), one(3, "a"), one(4, None), one(5, "a", "other"))
    assert go(line) == [1, 2, 4, 5]
    assert go(line) == []
    end(line, 1, DONE)
    assert go(line) == [3]


def test_a_failed_delivery_holds_the_later_ones_of_its_chat_only():
    line = line_of(one(1, "a"), one(2, "a"), one(3, "b"))
    assert go(line) == [1, 3]
    end(line, 1, REFUSED)
    end(line, 3, DONE, chat="b")
    assert go(line, after(59)) == []
    assert line.next_at() == after(60)
    assert go(line, after(60)) == [1]
    end(line, 1, DEAD)
    assert go(line, after(60)) == [2]


def test_no_more_than_the_limit_are_in_flight():
    line = line_of(*(one(n, str(n)) for n in range(1, 9)), in_flight=3)
    assert go(line) == [1, 2, 3]
    end(line, 2, DONE)
    assert go(line) == [4]


def test_a_dead_receiver_is_left_alone_then_probed_with_one_and_all_go_when_it_answers():
    line = line_of(*(one(n, str(n)) for n in range(1, 9)), in_flight=4)
    assert go(line) == [1, 2, 3, 4]
    for seq in (1, 2, 3, 4):
        end(line, seq, FAILED, chat=str(seq))
    assert line.circuit.state(NOON) is CircuitState.OPEN
    assert go(line, after(9)) == []
    assert line.next_at() == after(10)
    assert go(line, after(10)) == [5]
    assert go(line, after(10)) == []
    end(line, 5, FAILED, after(10), chat="5")
    assert line.next_at() == after(30)
    assert go(line, after(30)) == [6]
    end(line, 6, DONE, after(30), chat="6")
    assert go(line, after(30)) == [1, 2, 3, 4]


def test_the_only_one_goes_as_a_probe_although_its_own_wait_is_not_over():
    line = line_of(one(1))
    for _ in range(3):
        assert go(line, after(100)) == [1]
        end(line, 1, FAILED, after(40))
    assert line.circuit.until == after(50)
    assert go(line, after(50)) == [1]


def test_what_a_receiver_never_takes_is_not_all_it_is_probed_with():
    line = line_of(one(1, "a"), one(2, "b"))
    line.circuit = line.circuit.resting(NOON, 10)
    assert go(line, after(10)) == [1]
    end(line, 1, FAILED, after(10))
    assert go(line, after(30)) == [2]
    end(line, 2, DONE, after(30), chat="b")
    assert line.circuit.state(after(30)) is CircuitState.CLOSED


def test_one_delivery_that_is_refused_again_and_again_makes_no_other_chat_wait():
    line, now = line_of(one(1, "a")), NOON
    for attempts in range(9):
        assert go(line, now) == [1]
        end(line, 1, judge(Outcome(500), attempts + 1, Retries(), 1.0), now, attempts=attempts)
        now += timedelta(seconds=3600)
    line.add(one(2, "b", next_at=now))
    assert 2 in go(line, now)


def test_a_late_success_does_not_end_the_rest_that_a_receiver_asked_for():
    line = line_of(*(one(n, str(n)) for n in range(1, 4)), in_flight=2)
    assert go(line) == [1, 2]
    end(line, 1, replace(FAILED, rest=60), chat="1")
    end(line, 2, DONE, after(1), chat="2")
    assert go(line, after(59)) == []
    assert go(line, after(60)) == [3]


def test_a_refusal_of_one_body_does_not_blame_the_receiver():
    line = line_of(*(one(n, str(n)) for n in range(1, 9)))
    for seq in go(line):
        end(line, seq, REFUSED, chat=str(seq))
    assert line.circuit.state(NOON) is CircuitState.CLOSED


def test_what_is_too_old_is_given_up_but_not_while_it_is_on_its_way():
    line = line_of(one(1), one(2), one(3, "b"))
    assert go(line) == [1, 3]
    assert [each.seq for each in line.expire(after(86399))] == []
    assert [each.seq for each in line.expire(after(86400))] == [2]
    end(line, 1, FAILED, after(86401))
    assert [each.seq for each in line.expire(after(86401))] == [1]
    assert len(line) == 1


def test_nothing_is_to_be_looked_at_again_while_all_is_on_its_way():
    line = line_of(one(1))
    go(line)
    assert line.next_at() is None


def test_a_clock_that_was_set_back_holds_nothing_up():
    line = line_of(one(1, next_at=after(10 * 86400)))
    assert go(line) == [1]


def test_new_ones_are_taken_without_asking_the_journal_while_there_is_room():
    line = line_of(room=2)
    line.add(one(7))
    line.add(one(8, "b"))
    assert line.wants() is None
    assert go(line) == [7, 8]


def test_what_there_is_no_room_for_is_fetched_later_and_in_order():
    line = line_of(room=2)
    for seq in (1, 2, 3, 4, 5):
        line.add(one(seq, str(seq)))
    assert len(line) == 2
    assert line.wants() is None
    assert go(line) == [1, 2]
    end(line, 1, DONE, chat="1")
    assert line.wants() == 2
    assert line.wants() is None  # it is being fetched
    line.add(one(6, "6"))  # the fetch may have been too early to see it
    line.fetched((one(3, "3"), one(4, "4"), one(5, "5")), all_of_them=True)
    end(line, 2, DONE, chat="2")
    assert go(line) == [3, 4, 5]
    for seq in (3, 4, 5):
        end(line, seq, DONE, chat=str(seq))
    assert line.wants() == 5
    line.fetched((one(6, "6"),), all_of_them=True)
    assert go(line) == [6]
    assert line.wants() is None


def test_a_fetch_that_failed_is_asked_for_again():
    line = Line(Limits())
    assert line.wants() == 0
    line.not_fetched()
    assert line.wants() == 0


def test_many_stuck_chats_do_not_hide_the_ones_behind_them():
    line = line_of(room=2, most=5)
    for seq in range(1, 8):
        line.add(one(seq, str(seq)))
    for seq in go(line):
        end(line, seq, REFUSED, chat=str(seq))
    assert line.wants() == 2
    line.fetched((one(3, "3"), one(4, "4"), one(5, "5")), all_of_them=False)
    assert go(line) == [3, 4, 5]
    for seq in (3, 4, 5):
        end(line, seq, REFUSED, chat=str(seq))
    assert line.wants() is None  # five are the most


def test_a_long_chat_that_is_stuck_does_not_hide_the_ones_behind_it():
    line = line_of(room=2, most=4)
    rows = [*(one(seq, "long") for seq in range(1, 9)), one(9, "b")]
    for each in rows:
        line.add(each)
    assert go(line) == [1]
    end(line, 1, REFUSED, chat="long")
    while (since := line.wants()) is not None:
        left = [each for each in rows if each.seq > since]
        line.fetched(left[:2], all_of_them=len(left) <= 2)
    assert go(line) == [9]
    line.add(one(10, "long"))
    assert go(line, after(60)) == [1]
    end(line, 1, DONE, after(60), chat="long")
    assert go(line, after(60)) == [2]
    end(line, 2, DONE, after(60), chat="long")
    assert line.wants() == 0  # the others of that chat are before 10
    line.fetched([one(3, "long"), one(4, "long")], all_of_them=False)
    assert go(line, after(60)) == [3]


def test_of_a_dead_receiver_no_more_than_the_room_is_kept():
    line = line_of(room=2)
    for seq in range(1, 8):
        line.add(one(seq, str(seq)))
    assert go(line) == [1, 2]
    end(line, 1, FAILED, chat="1")
    line.circuit = line.circuit.resting(NOON, 60)
    end(line, 2, FAILED, chat="2")
    assert line.wants() is None


def test_a_replayed_one_goes_before_the_later_ones_of_its_chat():
    line = line_of(one(1), one(2), one(3))
    go(line)
    end(line, 1, DEAD)
    assert go(line) == [2]
    line.add(one(1, last_error="answered 500"))
    assert go(line) == []
    end(line, 2, DONE)
    assert go(line) == [1]


def test_one_that_was_fetched_before_we_were_told_of_it_does_not_go_twice():
    line = line_of(one(1))
    go(line)
    end(line, 1, DONE)
    line.add(one(1))
    assert go(line) == []


def test_after_a_doubtful_commit_everything_is_fetched_anew_and_nothing_goes_twice():
    line = line_of(one(1), one(2, "b"))
    assert go(line) == [1, 2]
    line.add(one(3, "c"))
    line.doubt()
    assert line.wants() == 0
    line.fetched((one(1), one(2, "b"), one(4, "d")), all_of_them=True)
    assert go(line) == [4]
    end(line, 1, DONE)
    assert len(line) == 2


def test_what_was_being_fetched_at_a_doubt_does_not_hide_what_was_before_it():
    line = line_of(one(1), one(2, "b"), one(3, "c"), room=3)
    line.add(one(4, "d"))
    end(line, go(line)[0], DONE)
    assert line.wants() == 3
    line.doubt()
    line.fetched((one(4, "d"),), all_of_them=True)
    assert line.wants() == 0
    line.fetched((one(2, "b"), one(3, "c"), one(4, "d")), all_of_them=True)
    end(line, 2, DONE, chat="b")
    end(line, 3, DONE, chat="c")
    assert go(line) == [4]


def test_one_with_the_number_of_a_deleted_one_goes_when_that_one_is_back():
    line = line_of(one(1), one(2))
    assert go(line) == [1]
    line.doubt()
    assert line.wants() == 0
    line.fetched([replace(one(1), id="evt_new")], all_of_them=True)
    assert go(line) == []
    line.gone(one(1))
    assert line.wants() == 0
    line.fetched([replace(one(1), id="evt_new")], all_of_them=True)
    assert [each.id for each in line.go(NOON)] == ["evt_new"]


def test_many_replays_to_a_dead_receiver_wait_on_disk():
    line = line_of(*(one(seq, str(seq)) for seq in range(1, 10)), room=2, most=4)
    for seq in range(1, 10):
        end(line, seq, DEAD, chat=str(seq))
    line.circuit = line.circuit.resting(NOON, 60)
    for seq in range(1, 10):
        line.add(one(seq, str(seq), last_error="answered 500"))
        assert len(line) <= 4
    assert line.wants() == 0


def test_what_is_to_go_to_nobody_any_more_makes_room():
    line = line_of(one(1), one(2))
    go(line)
    line.gone(one(1))
    assert go(line) == [2]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_whatever_happens_every_delivery_is_done_once_and_in_order_per_chat(data):  # noqa: C901
    """Random commits, fetches, failures and time against a journal that is a list."""
    journal: dict[int, Delivery] = {}
    pending: dict[int, str | None] = {}
    line = Line(Limits(in_flight=3, room=3, most=50, circuit=CircuitPolicy(threshold=2, base=10, cap=60)))
    flying: dict[int, Delivery] = {}
    done: list[int] = []
    now, number = NOON, 0

    def step(adding: bool) -> None:
        nonlocal now, number
        acts = ["add", "end", "fail", "time", "doubt"] if adding else ["end", "time"]
        match data.draw(st.sampled_from(acts)):
            case "add":
                number += 1
                chat = data.draw(st.sampled_from(["a", "b", None]))
                journal[number] = one(number, chat, next_at=now)
                pending[number] = chat
                line.add(journal[number])
            case "end" if flying:
                seq = data.draw(st.sampled_from(sorted(flying)))
                line.ended(flying.pop(seq), DONE, now, 0.5)
                del pending[seq]
                done.append(seq)
            case "fail" if flying:
                seq = data.draw(st.sampled_from(sorted(flying)))
                line.ended(flying.pop(seq), data.draw(st.sampled_from([FAILED, REFUSED])), now, 0.5)
            case "time":
                now += timedelta(seconds=61)
            case "doubt":
                line.doubt()
        while (since := line.wants()) is not None:
            rows = [journal[seq] for seq in sorted(pending) if seq > since]
            line.fetched(rows[:3], all_of_them=len(rows) <= 3)
        for each in line.go(now):
            assert each.seq in pending
            assert each.seq not in flying
            flying[each.seq] = each
        chats = [each.chat for each in flying.values()]
        assert len(set(chats)) == len(chats) <= 3

    for _ in range(data.draw(st.integers(0, 40))):
        step(adding=True)
    rounds = 0
    while pending:
        step(adding=False)
        rounds += 1
        assert rounds < 2000, "something never goes"
    assert sorted(done) == sorted(journal)
    for chat in ("a", "b", None):
        its = [seq for seq in done if journal[seq].chat == chat]
        assert its == sorted(its)


@pytest.mark.parametrize("count", [20_000])
def test_a_day_behind_a_dead_receiver_costs_no_memory(count):
    line = line_of(room=200)
    for seq in range(1, count):
        line.add(one(seq, str(seq)))
    assert len(line) == 200
