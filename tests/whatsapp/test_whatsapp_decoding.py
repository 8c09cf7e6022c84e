"""From the bridge's words to ours, without a browser."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from actors.errors import SendRefused, SessionNotReady
from actors.messages import (
    AccountBanned,
    AckArrived,
    BrowserLost,
    DocumentLoaded,
    LoadingProgress,
    LoggedOut,
    MessageArrived,
    PageEvent,
    QrShown,
    StateChanged,
)
from actors.model import Ack, IncomingMessage, NumberStatus, PageState
from actors.page import NoticeArrived, Noticed
from wahook.whatsapp.calls import PageCallFailed, failure
from wahook.whatsapp.decoding import (
    BadPayload,
    ack_of,
    ban_end,
    history,
    logout_reason,
    number_status,
    page_event,
)
from wahook.whatsapp.narrator import Narrator

NOW = datetime(2030, 1, 1, tzinfo=UTC)
MESSAGE = {
    "id": "A1", "chat": "1@c.us", "sender": "1", "body": "b", "type": "chat", "t": 7, "group": False,
    "media": False, "name": None,
}  # fmt: skip
NOTICE = {
    "what": "vote", "id": "A1", "chat": "9@lid", "sender": "1", "body": "", "t": 7, "options": ["yes"],
    "mine": False, "video": False, "group": False, "peer": "1", "mark": "1 7", "found": True,
}  # fmt: skip
STATE = {"authenticated": True, "mode": "MAIN", "socket": "CONNECTED", "phone": "49", "name": "Ada"}


@pytest.mark.parametrize(
    ("data", "event"),
    [
        ({"kind": "qr", "code": "a,b,c,d"}, QrShown("a,b,c,d")),
        ({"kind": "ack", "id": "A", "ack": 2}, AckArrived("A", Ack.DEVICE)),
        ({"kind": "state", "state": STATE}, StateChanged(PageState(True, "MAIN", "CONNECTED", "49", "Ada"))),
        ({"kind": "logout", "reason": "account_locked"}, LoggedOut("account_locked")),
        ({"kind": "banned", "seconds": 60}, AccountBanned(NOW + timedelta(minutes=1))),
        ({"kind": "progress", "percent": 130, "message": "m"}, LoadingProgress(100, "m")),
        ({"kind": "document", "url": "http://x/"}, DocumentLoaded("http://x/")),
        (
            {"kind": "message", "message": MESSAGE},
            MessageArrived(IncomingMessage("A1", "1@c.us", "1", "b", "chat", 7)),
        ),
        (
            {"kind": "notice", **NOTICE},
            NoticeArrived(
                Noticed.VOTE, "A1", "9@lid", "1", 7, options=("yes",), peer="1", mark="1 7", found=True
            ),
        ),
        ({"kind": "something new"}, None),
    ],
)
def test_each_kind_of_event_is_read(data: dict, event: PageEvent | None):
    assert page_event(data, NOW) == event


@pytest.mark.parametrize(
    "data",
    [{}, {"kind": "qr"}, {"kind": "ack", "id": "A", "ack": "x"}, {"kind": "message", "message": {"id": "A"}}],
)
def test_what_cannot_be_read_is_an_error_that_quotes_nothing(data: dict):
    with pytest.raises(BadPayload) as caught:
        page_event({**data, "body": "secret"}, NOW)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "ack"),
    [(-7, Ack.ERROR), (-1, Ack.ERROR), (0, Ack.PENDING), (1, Ack.SERVER), (4, Ack.PLAYED), (5, Ack.PLAYED)],
)
def test_the_pages_many_levels_become_ours(value: int, ack: Ack):
    assert ack_of(value) is ack


def test_a_bans_end_is_read_as_a_length_or_as_a_moment_and_is_never_past():
    assert ban_end(90, NOW) == NOW + timedelta(seconds=90)
    assert ban_end(-5, NOW) == NOW
    assert ban_end(2_000_000_000, NOW) == datetime.fromtimestamp(2_000_000_000, UTC)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://web.whatsapp.com/", None),
        ("https://web.whatsapp.com/?logout_reason=x", None),
        ("https://web.whatsapp.com/?post_logout=1", "LOGOUT"),
        ("https://web.whatsapp.com/?post_logout=1&logout_reason=", "LOGOUT"),
        ("https://web.whatsapp.com/?post_logout=1&logout_reason=account_locked", "account_locked"),
        ("", None),
    ],
)
def test_the_address_a_logged_out_page_goes_to_tells_why(url: str, reason: str | None):
    assert logout_reason(url) == reason


def test_a_number_that_does_not_exist_has_nothing_else():
    assert number_status({"exists": False}) == NumberStatus(exists=False)


def test_a_failed_calls_code_decides_what_it_is():
    assert isinstance(failure("not_ready", "x"), SessionNotReady)
    refused = failure("not_on_whatsapp", "x")
    assert isinstance(refused, SendRefused)
    assert refused.code == "not_on_whatsapp"
    assert isinstance(failure("ERROR_NETWORK", "ERROR_NETWORK"), PageCallFailed)
    assert str(failure("ERROR_NETWORK", "ERROR_NETWORK")) == "ERROR_NETWORK"


class Told:
    """A narrator and what it told."""

    def __init__(self) -> None:
        self.events: list[PageEvent] = []
        self.narrator = Narrator("s", self.events.append)

    def bridge(self, seq: int, document: float = 1.0, **fields) -> None:
        payload = json.dumps({"seq": seq, "document": document, **fields})
        self.narrator.take("Runtime.bindingCalled", {"name": "__wahookEvent", "payload": payload})

    def navigated(self, url: str, **frame) -> None:
        self.narrator.take("Page.frameNavigated", {"frame": {"url": url, **frame}})


@pytest.fixture
def told() -> Told:
    return Told()


def test_a_replayed_event_is_told_once_and_a_new_documents_numbers_begin_anew(told: Told):
    for seq in (1, 2, 2, 1):
        told.bridge(seq, kind="qr", code=str(seq))
    assert told.narrator.heard == {"document": 1.0, "after": 2}
    told.bridge(1, document=2.0, kind="qr", code="other")
    told.bridge(3, document=1.0, kind="qr", code="of the document before")
    assert told.events == [QrShown("1"), QrShown("2"), QrShown("other")]


def test_a_logout_is_told_once_though_the_page_says_it_and_goes_there(told: Told):
    told.bridge(1, kind="logout", reason="revoked")
    told.navigated("http://x/?post_logout=1&logout_reason=revoked")
    assert told.events == [LoggedOut("revoked")]
    told.bridge(2, kind="state", state=STATE)
    told.navigated("http://x/?post_logout=1")
    assert told.events[-1] == LoggedOut("LOGOUT")


def test_a_logout_that_only_shows_in_the_address_is_told_too_but_not_one_of_a_frame_inside(told: Told):
    told.navigated("http://x/?post_logout=1&logout_reason=a", parentId="main")
    assert told.events == []
    told.navigated("http://x/?post_logout=1&logout_reason=a")
    assert told.events == [LoggedOut("a")]


def test_after_silence_and_after_a_loss_nothing_is_told(told: Told):
    told.narrator.lost("browser_exited", "code -9")
    told.bridge(1, kind="qr", code="x")
    assert told.events == [BrowserLost("browser_exited", "code -9")]
    silent = Told()
    silent.narrator.silence()
    silent.narrator.lost("killed")
    assert silent.events == []


def test_other_bindings_trouble_and_nonsense_are_not_told(told: Told):
    told.narrator.take("Runtime.bindingCalled", {"name": "other", "payload": "{"})
    told.bridge(1, kind="trouble", where="watch", code="c", message="m")
    told.bridge(2, kind="ack", id="A", ack=None)
    assert told.events == []


def test_what_cannot_be_read_of_the_history_keeps_nobody_from_the_rest():
    odd = [{}, MESSAGE | {"t": None}, NOTICE | {"what": "danced"}]
    arrivals, unreadable = history([MESSAGE, *odd, NOTICE])
    assert [type(one) for one in arrivals] == [IncomingMessage, NoticeArrived]
    assert [str(one) for one in unreadable] == [
        "history: KeyError",
        "history: TypeError",
        "history: ValueError",
    ]
