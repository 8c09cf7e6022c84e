"""The parts of the server that need no event loop."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wahook.simulator.accounts import Account, Chat
from wahook.simulator.errors import GoneError, NotFoundError, SimulatorError
from wahook.simulator.faults import Fault, FaultBook, FaultKind
from wahook.simulator.groups import Groups
from wahook.simulator.ledger import Entry, Ledger
from wahook.simulator.media import MediaStore
from wahook.simulator.numbers import address, is_on_whatsapp, lid, number, number_of_lid, user
from wahook.simulator.pairing import PairingDesk


@given(st.from_regex(r"[1-9][0-9]{4,14}", fullmatch=True))
def test_every_number_has_a_lid_of_its_own_that_leads_back(digits: str):
    assert number_of_lid(lid(digits)) == digits
    assert user(address(digits)) == digits
    assert lid(digits) != digits


@pytest.mark.parametrize("bad", ["", "1234", "+491700000001", "49 170", "1" * 16, None, 491700000001])
def test_what_is_not_a_number_is_refused(bad):
    with pytest.raises(SimulatorError, match="digits"):
        number(bad)


def test_unassigned_numbers_are_not_on_whatsapp():
    assert [is_on_whatsapp(digits) for digits in ("491700000001", "9991234567", "123")] == [
        True,
        False,
        False,
    ]


def entry(sender: str = "11111") -> Entry:
    return Entry(id="A", sender=sender, to="22222", type="chat", body="x", at=0.0)


def test_the_ledger_tells_a_double_from_a_retransmission():
    ledger = Ledger()
    assert ledger.record(entry(), retransmit=False)
    assert not ledger.record(entry(), retransmit=True)
    assert not ledger.record(entry(), retransmit=False)
    assert not ledger.record(entry("33333"), retransmit=True)  # another sender's: no retransmission
    (known,) = ledger.of("22222")
    assert (known["count"], known["resent"]) == (3, 1)


def test_an_ack_level_is_noted_once_and_never_goes_back():
    ledger = Ledger()
    ledger.record(entry(), retransmit=False)
    assert [ledger.acknowledge("A", level, 0.0) for level in (1, 3, 2, 3, 4)] == [
        True,
        True,
        False,
        False,
        True,
    ]
    assert not ledger.acknowledge("B", 1, 0.0)


def test_a_number_s_own_faults_strike_before_everybody_s_and_each_as_often_as_it_says():
    book = FaultBook()
    book.add("0", Fault(FaultKind.SLOW_ACK, times=0, seconds=9))
    book.add("11111", Fault(FaultKind.SLOW_ACK, times=2, seconds=1))
    taken = [book.take("11111", FaultKind.SLOW_ACK) for _ in range(4)]
    assert [fault.seconds for fault in taken if fault] == [1, 1, 9, 9]
    assert book.take("11111", FaultKind.LOST_ACK) is None
    book.clear("0")
    assert book.take("22222", FaultKind.SLOW_ACK) is None


def test_every_missing_module_of_a_page_load_is_taken_at_once():
    book = FaultBook()
    for owner, module in (("0", "A"), ("11111", "B"), ("11111", "C")):
        book.add(owner, Fault(FaultKind.MISSING_MODULE, module=module))
    assert [fault.module for fault in book.take_all("11111", FaultKind.MISSING_MODULE)] == ["B", "C", "A"]
    assert book.take_all("11111", FaultKind.MISSING_MODULE) == []


def test_only_the_newest_code_of_a_page_can_be_scanned_and_a_platform_may_follow_it():
    desk, page = PairingDesk(), SimpleNamespace()
    desk.show("old,a,b,c", page)
    desk.show("new,a,b,c", page)
    assert desk.scan("new,a,b,c") is page
    assert desk.scan("new,a,b,c,1") is page
    with pytest.raises(GoneError):
        desk.scan("old,a,b,c")
    with pytest.raises(NotFoundError):
        desk.scan("new")
    desk.leave(page)
    with pytest.raises(GoneError):
        desk.scan("new,a,b,c")


def test_a_pairing_code_is_for_one_phone_and_the_next_one_voids_it():
    desk, page = PairingDesk(), SimpleNamespace()
    first, second = desk.pairing_code(page, "11111"), desk.pairing_code(page, "11111")
    assert desk.enter(second.lower(), "11111") is page
    for code, phone in ((first, "11111"), (second, "22222")):
        with pytest.raises(NotFoundError):
            desk.enter(code, phone)


def record(serial: int, **extra: object) -> dict[str, object]:
    return {"id": str(serial), "chat": "c", "fromMe": False, "ack": 0, "type": "chat", "t": serial, **extra}


@given(st.integers(0, 12), st.integers(0, 11), st.sampled_from(["before", "after"]))
def test_history_answers_the_neighbours_of_the_anchor_in_order(count: int, anchor: int, direction: str):
    chat = Chat("c")
    for serial in range(12):
        chat.add(record(serial))
    found = [int(message["id"]) for message in chat.around(str(anchor), direction, count, None)]
    before, after = list(range(anchor)), list(range(anchor + 1, 12))
    assert found == (
        before[len(before) - min(count, len(before)) :] if direction == "before" else after[:count]
    )


def test_unread_leaves_out_what_the_device_has_not_got():
    account = Account("11111", "Me")
    for serial in range(3):
        account.keep(record(serial))
    account.keep(record(3, fromMe=True))
    chat = account.chat("c")
    assert (chat.unread({"2"}), account.keep(record(0))) == (2, False)
    chat.drop(chat.messages[0])
    assert chat.unread(()) == 2


def test_media_is_bounded_by_dropping_the_oldest(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("wahook.simulator.media.TOTAL_LIMIT", 10)
    store = MediaStore()
    first, second = store.put(b"12345678", "a/b"), store.put(b"87654321", "a/b")
    assert store.get(second)[0] == b"87654321"
    with pytest.raises(NotFoundError):
        store.get(first)
    with pytest.raises(SimulatorError):
        store.put(b"", "a/b")


def test_group_changes_keep_admins_and_refuse_what_they_do_not_know():
    groups = Groups()
    group = groups.create("11111", "Team", ["22222", "11111"])
    for action in ("add", "promote", "demote", "remove"):
        group.change(action, ["33333"])
    group.change("promote", ["22222", "44444"])
    assert group.members == {"11111": True, "22222": True}
    with pytest.raises(SimulatorError, match="unknown group action"):
        group.change("explode", [])
    ids = {groups.create("11111", "x", []).id for _ in range(50)}
    assert len(ids) == 50
