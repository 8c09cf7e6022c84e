"""What else lives in the outbox's Redis: answers of pages, and the limit of those who write to us."""

from pathlib import Path

import pytest

from actors.doorkeeper import Verdict
from actors.messages import SaveAccount
from actors.model import JSON, Account, NumberStatus
from actors.page import AskPage, PageCall
from wahook import page_cache
from wahook.incoming_limits import IncomingLimits
from wahook.journal import open_journal
from wahook.outbox.connection import connect
from wahook.page_cache import PageCache
from wahook.pages import PageDesk

NOWHERE = "redis://127.0.0.1:1/0"


def test_an_answer_is_remembered_for_its_time_and_each_look_is_counted(url: str) -> None:
    redis = connect(url)
    cache = PageCache(redis)
    assert cache.get("s", "number", "49") is None
    cache.put("s", "number", "49", {"exists": True}, 60)
    assert cache.get("s", "number", "49") == {"exists": True}
    assert cache.get("t", "number", "49") is None, "another session's is another's"
    assert 0 < redis.ttl("wahook:page:s:number:49") <= 60
    cache.forget("s", "number", "49")
    assert cache.get("s", "number", "49") is None
    assert (cache.counts["number"].hits, cache.counts["number"].misses) == (1, 3)


class Asked:
    """A page that knows one contact and one number, and counts how often it is asked."""

    def __init__(self) -> None:
        self.times = 0

    async def ask_page(self, _: str, question: AskPage) -> JSON:
        self.times += 1
        return [{"name": "Ada"}] if question.call is PageCall.CONTACTS else {"blocked": True}

    async def number_status(self, _: str, number: str) -> NumberStatus:
        self.times += 1
        return NumberStatus(exists=number == "491")


async def test_contacts_are_remembered_an_hour_a_number_a_day_and_an_absent_one_for_less(
    url: str, tmp_path: Path
) -> None:
    redis, page = connect(url), Asked()
    with open_journal(f"sqlite:///{tmp_path / 'wahook.db'}") as journal:
        journal.writer.write([SaveAccount(Account("desk", "1", "1", phone_number="490"))])
        desk = PageDesk(page, PageCache(redis), journal.reader)

        async def read() -> tuple[JSON, bool, bool]:
            contacts = await desk.ask("desk", PageCall.CONTACTS, {})
            found = [(await desk.number_status("desk", number)).exists for number in ("491", "492")]
            return contacts, *found

        for _ in range(2):
            assert await read() == ([{"name": "Ada"}], True, False)
            assert page.times == 3
        names = ("contacts:490", "number:490:491", "number:490:492")
        left = [redis.ttl(f"wahook:page:desk:{name}") for name in names]
        assert [round(seconds, -2) for seconds in left] == [3600, 86400, 900]
        await desk.ask("desk", PageCall.BLOCK, {"contact": "491", "blocked": True})
        await read()
        assert page.times == 6, "who was blocked is asked for anew, and the contacts with them"


def test_only_so_many_are_remembered_and_none_that_is_too_large(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_cache, "MOST_OF_A_KIND", 3)
    monkeypatch.setattr(page_cache, "LARGEST", 100)
    clock = iter(range(100))
    cache = PageCache(connect(url), now=lambda: float(next(clock)))
    for number in range(5):
        cache.put("s", "number", str(number), number, 60)
    assert [cache.get("s", "number", str(number)) for number in range(5)] == [None, None, 2, 3, 4]
    cache.put("s", "contacts", "", "x" * 200, 60)
    assert cache.get("s", "contacts") is None


def test_what_is_remembered_leaves_the_queues_their_room(url: str) -> None:
    redis = connect(url)
    cache = PageCache(redis)
    used = int(redis.info("memory")["used_memory"])
    before = redis.config_get("maxmemory")["maxmemory"]
    try:
        redis.config_set("maxmemory", int(used * 1.5))
        cache.put("full", "number", "49", {"exists": True}, 60)
        assert cache.get("full", "number", "49") is None
        redis.config_set("maxmemory", used * 10)
        cache.put("full", "number", "49", {"exists": True}, 60)
        assert cache.get("full", "number", "49") == {"exists": True}
    finally:
        redis.config_set("maxmemory", before)


def test_a_session_that_is_gone_is_forgotten_and_no_other(url: str) -> None:
    redis = connect(url)
    cache = PageCache(redis)
    for session in ("gone", "gone2"):
        cache.put(session, "number", "491:49", {"exists": True}, 60)
        cache.put(session, "contacts", "491", [1], 60)
    cache.forget_session("gone")
    assert {key.split(b":")[2] for key in redis.scan_iter("wahook:page:gone*")} == {b"gone2"}
    PageCache(connect(NOWHERE)).forget_session("gone")


def test_without_redis_everything_is_asked_anew_and_everybody_is_fine() -> None:
    cache = PageCache(connect(NOWHERE))
    cache.put("s", "number", "49", {"exists": True}, 60)
    cache.forget("s", "number", "49")
    assert cache.get("s", "number", "49") is None
    assert IncomingLimits(connect(NOWHERE), "1/minute").count("s", "49") is Verdict.FINE


def test_one_person_passes_the_limit_once_and_nobody_else_does(url: str) -> None:
    limits = IncomingLimits(connect(url), "2/minute")
    assert [limits.count("s", "49") for _ in range(4)] == [
        Verdict.FINE,
        Verdict.FINE,
        Verdict.FIRST_OVER,
        Verdict.OVER,
    ]
    assert limits.count("s", "50") is Verdict.FINE
    assert limits.count("t", "49") is Verdict.FINE


def test_who_goes_on_writing_is_asked_again_in_the_next_window(url: str) -> None:
    redis = connect(url)
    limits = IncomingLimits(redis, "1/minute")
    assert [limits.count("s", "49") for _ in range(3)] == [Verdict.FINE, Verdict.FIRST_OVER, Verdict.OVER]
    (notice,) = redis.scan_iter("*incoming-notice*")
    assert 0 < redis.ttl(notice) <= 60
    redis.delete(notice)  # its time is over
    assert [limits.count("s", "49") for _ in range(2)] == [Verdict.FIRST_OVER, Verdict.OVER]
