"""From the code on the screen to a login that survives: real browser, simulated WhatsApp."""

from collections.abc import Callable

import pytest

from actors.errors import SessionNotReady, TransientLoss
from actors.messages import (
    BrowserLost,
    DocumentLoaded,
    LoadingProgress,
    LoggedOut,
    MessageArrived,
    QrShown,
    StateChanged,
)

from .conftest import Session

pytestmark = pytest.mark.browser
Make = Callable[..., Session]


def test_a_code_is_shown_scanned_and_the_session_is_connected(session: Session):
    ear = session.link()
    state = ear.connected().state
    assert (state.phone_number, state.profile_name) == (session.number, f"Phone {session.number[-4:]}")
    assert ear.kinds()[0] == "DocumentLoaded"
    assert ear.kinds().count("DocumentLoaded") == 1
    assert all(code.code.count(",") == 3 for code in ear.all(QrShown))
    first_authenticated = next(e for e in ear.all(StateChanged) if e.state.authenticated)
    assert ear.events.index(ear.all(QrShown)[-1]) < ear.events.index(first_authenticated)
    percents = [progress.percent for progress in ear.all(LoadingProgress)]
    assert percents == sorted(percents)
    assert session.client.state(20).result(21).connected


def test_a_login_survives_close_and_open_without_a_code(session: Session):
    session.link()
    session.client.close().result(40)
    assert session.client.pids == ()
    ear = session.open()
    assert ear.connected().state.phone_number == session.number
    assert not ear.all(QrShown)


def test_a_login_survives_a_kill_right_after_it_was_told(session: Session):
    ear = session.link()
    session.client.kill()
    assert ear.wait(BrowserLost).reason == "killed"
    ear = session.open()
    assert ear.connected().state.phone_number == session.number
    assert not ear.all(QrShown)


def test_a_phone_that_unlinks_is_told_once_with_its_own_word_and_a_new_code_follows(session: Session):
    ear = session.link()
    session.phones.post(session.number, "unlink", reason="account_locked")
    assert ear.wait(LoggedOut).reason == "account_locked"
    ear.wait(DocumentLoaded, lambda event: "post_logout=1" in event.url)
    ear.wait(QrShown, after=ear.events.index(ear.all(LoggedOut)[0]))
    assert len(ear.all(LoggedOut)) == 1


def test_our_own_logout_settles_and_is_told(session: Session):
    ear = session.link()
    session.client.logout(30).result(31)
    assert ear.wait(LoggedOut).reason
    ear.wait(QrShown, after=ear.events.index(ear.all(LoggedOut)[0]))


def test_a_pairing_code_links_without_a_scan(session: Session):
    ear = session.open()
    ear.wait(QrShown)
    code = session.client.pairing_code(session.number, 30).result(31)
    session.phones.post(session.number, "scan", pairingCode=code)
    ear.connected()
    with pytest.raises(SessionNotReady):
        session.client.pairing_code(session.number, 30).result(31)


def test_two_sessions_live_side_by_side_and_hear_only_their_own(new_session: Make):
    one, other = new_session(), new_session()
    one.link(), other.link()
    assert one.client.pids != other.client.pids
    one.phones.write(other.number, "for the other")
    text = one.phones.write(one.number, "for the one")
    assert one.ear.wait(MessageArrived).message.wa_message_id == text
    assert other.ear.wait(MessageArrived).message.body == "for the other"
    assert len(one.ear.all(MessageArrived)) == len(other.ear.all(MessageArrived)) == 1


def test_calls_before_open_and_after_close_say_that_there_is_no_session(session: Session):
    with pytest.raises(SessionNotReady):
        session.client.state(1).result(20)
    session.client.close().result(20)
    session.open()
    session.client.close().result(40)
    session.client.close().result(40)
    with pytest.raises(SessionNotReady):
        session.client.send(session.message(), 1).result(20)


def test_before_wa_js_is_ready_a_send_is_refused_as_not_ready_and_the_state_says_nothing(session: Session):
    session.open()
    assert not session.client.state(20).result(21).connected
    with pytest.raises(SessionNotReady):
        session.client.send(session.message(), 20).result(21)


def test_an_address_where_nobody_listens_fails_the_opening(
    new_session: Make,
):
    session = new_session()
    object.__setattr__(session.client._plan, "url", "http://127.0.0.1:9/")
    with pytest.raises(TransientLoss) as caught:
        session.open()
    assert caught.value.reason in {"page_unreachable", "open_failed"}
    assert session.client.pids == ()
    assert not session.ear.events


def test_closing_while_it_opens_ends_the_opening_and_leaves_nothing(session: Session):
    opening = session.client.open(1, session.ear)
    session.client.close().result(40)
    assert isinstance(opening.exception(40), TransientLoss)
    assert session.client.pids == ()
    assert not session.ear.all(BrowserLost)


def test_killing_while_it_opens_fails_the_opening_at_once(session: Session):
    opening = session.client.open(1, session.ear)
    session.client.kill()
    error = opening.exception(30)
    assert isinstance(error, TransientLoss)
    assert error.reason == "killed"


def test_opening_again_replaces_the_browser_and_silences_the_old_ear(session: Session):
    old_ear = session.open()
    old = session.client.pids
    new_ear = session.open()
    new_ear.wait(QrShown)
    assert session.client.pids != old
    assert not old_ear.all(BrowserLost)
