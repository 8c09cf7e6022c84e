from dataclasses import replace
from datetime import UTC, datetime

import pytest

from actors.errors import Banned, LoginLost, PermanentLoss, TransientLoss
from actors.events import Authenticated, AuthFailure, Disconnected, Loading, Qr, QrUpdated
from actors.messages import (
    AccountBanned,
    BrowserLost,
    DocumentLoaded,
    LoadingProgress,
    LoggedOut,
    QrShown,
    StateChanged,
)
from actors.model import PageState, SessionStatus
from actors.session_effects import (
    Arm,
    Connected,
    End,
    Fail,
    LoginMissing,
    NotConnected,
    Settle,
    ShowCode,
    Tell,
    Wait,
)
from actors.session_state import (
    DeadlinePassed,
    LoginSettled,
    LogoutAsked,
    Policy,
    State,
    Suspected,
    announcement,
    begin,
    farewell,
    status_after,
    step,
)

POLICY = Policy(open_deadline=60, sync_deadline=300, healing_deadline=30, qr_limit=3)
NEW = State("user_1_wa_2", fresh_starts_left=2)
UP = replace(
    NEW, status=SessionStatus.READY, signed_in=True, had_login=True, phone_number="491", profile_name="Ann"
)
QR_PAGE = PageState(authenticated=False, stream_mode="QR", socket_state="UNPAIRED")
SYNCING = PageState(authenticated=True, stream_mode="SYNCING", socket_state="CONNECTED")
CONNECTED = PageState(True, "MAIN", "CONNECTED", phone_number="491", profile_name="Ann")
OPENING = PageState(authenticated=True, stream_mode="MAIN", socket_state="OPENING")


def run(state, *happenings, policy=POLICY):
    effects = []
    for happening in happenings:
        state, done = step(state, happening, policy)
        effects += done
    return state, effects


def failure(state, *happenings, policy=POLICY):
    _, effects = run(state, *happenings, policy=policy)
    failures = [effect.error for effect in effects if isinstance(effect, Fail)]
    assert len(failures) == 1, effects
    return failures[0]


# -- linking ------------------------------------------------------------------------------------------------


def test_a_start_waits_for_the_page_with_a_deadline():
    assert begin(POLICY) == [Arm(Wait.OPENING, 60)]


def test_a_new_account_goes_from_code_to_ready():
    page = (StateChanged(QR_PAGE), QrShown("a"), StateChanged(SYNCING), StateChanged(CONNECTED))
    state, effects = run(NEW, *page, LoginSettled())
    assert state.status is SessionStatus.READY
    assert (state.phone_number, state.profile_name) == ("491", "Ann")
    assert effects == [
        ShowCode("a", 60),
        Arm(Wait.CODE, 180),
        Tell(Authenticated("user_1_wa_2")),
        Arm(Wait.SYNCING, 300),
        Arm(Wait.SYNCING, 300),
        Settle(),
        Arm(None),
        Connected(again=False),
    ]


def test_a_restored_login_skips_the_code_and_is_still_announced_as_authenticated():
    state, effects = run(replace(NEW, had_login=True), StateChanged(CONNECTED))
    assert state.status is SessionStatus.READY
    assert effects == [Tell(Authenticated("user_1_wa_2")), Arm(None), Connected(again=False)]


def test_a_page_that_drops_out_while_its_login_is_settled_is_ready_when_it_is_back():
    waiting, _ = run(NEW, QrShown("a"), StateChanged(CONNECTED), StateChanged(OPENING))
    state, effects = run(waiting, LoginSettled())
    assert (state.status, effects) == (SessionStatus.AUTHENTICATED, [])
    state, effects = run(state, StateChanged(CONNECTED))
    assert state.status is SessionStatus.READY
    assert Settle() not in effects


def test_a_login_that_is_lost_while_it_is_settled_is_never_ready():
    state, _ = run(NEW, QrShown("a"), StateChanged(CONNECTED), QrShown("b"), LoginSettled())
    assert state.status is SessionStatus.QR
    _, effects = run(state, StateChanged(CONNECTED))
    assert Settle() in effects


def test_a_page_that_reloads_while_its_login_is_settled_is_not_taken_for_connected():
    state, effects = run(NEW, QrShown("a"), StateChanged(CONNECTED), DocumentLoaded("/"), LoginSettled())
    assert state.status is SessionStatus.AUTHENTICATED
    assert not any(isinstance(effect, Connected) for effect in effects)


def test_the_same_code_twice_is_one_code():
    state, effects = run(NEW, QrShown("a"), QrShown("a"))
    assert state.qr_count == 1
    assert effects == [ShowCode("a", 60), Arm(Wait.CODE, 180)]


def test_later_codes_live_shorter_and_are_announced_as_updates():
    first, _ = run(NEW, QrShown("a"))
    second, effects = run(first, QrShown("b"))
    assert effects == [ShowCode("b", 20), Arm(Wait.CODE, 100)]
    assert isinstance(announcement(first, "a", 1), Qr)
    assert isinstance(announcement(second, "b", 2), QrUpdated)


def test_after_the_last_code_nobody_scanned_the_session_ends_in_good_order():
    _, effects = run(NEW, *(QrShown(code) for code in "abcd"))
    assert effects[-1] == End("qr_not_scanned")


def test_a_code_for_an_account_that_was_linked_says_that_its_login_is_lost():
    state, effects = run(replace(NEW, had_login=True), QrShown("a"))
    assert effects[:2] == [LoginMissing("LOGGED_OUT"), Tell(AuthFailure("user_1_wa_2", "LOGGED_OUT"))]
    _, more = run(state, QrShown("b"))
    assert more == [ShowCode("b", 20), Arm(Wait.CODE, 100)]


def test_a_code_on_a_page_that_was_ready_closes_the_lane():
    state, effects = run(UP, QrShown("a"))
    assert state.status is SessionStatus.QR
    assert NotConnected() in effects


def test_loading_is_told():
    assert run(NEW, LoadingProgress(40, "chats"))[1] == [Tell(Loading("user_1_wa_2", 40, "chats"))]


# -- deadlines ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wait", [Wait.OPENING, Wait.CODE, Wait.SYNCING, Wait.HEALING])
def test_every_wait_that_passes_restarts_the_browser(wait):
    error = failure(NEW, DeadlinePassed(wait))
    assert isinstance(error, TransientLoss)
    assert error.reason == wait.value


# -- loss of connection ------------------------------------------------------------------------------------


def test_a_ready_page_that_loses_its_socket_gets_time_to_heal_itself():
    state, effects = run(UP, StateChanged(OPENING))
    assert state.status is SessionStatus.RECONNECTING
    assert effects == [
        NotConnected(),
        Tell(Disconnected("user_1_wa_2", "OPENING", permanent=False)),
        Arm(Wait.HEALING, 30),
    ]


def test_a_page_that_healed_itself_is_announced_as_reconnected():
    state, effects = run(UP, StateChanged(OPENING), StateChanged(CONNECTED))
    assert state.status is SessionStatus.READY
    assert effects[-2:] == [Arm(None), Connected(again=True)]


def test_more_of_the_same_trouble_does_not_prolong_the_deadline():
    _, effects = run(UP, StateChanged(OPENING), StateChanged(replace(OPENING, socket_state="TIMEOUT")))
    assert [effect for effect in effects if isinstance(effect, Arm)] == [Arm(Wait.HEALING, 30)]


def test_connected_again_and_again_is_told_once():
    assert run(UP, StateChanged(CONNECTED))[1] == []


def test_a_reload_of_a_ready_page_closes_the_lane_until_it_is_connected_again():
    state, effects = run(UP, DocumentLoaded("https://web.whatsapp.com/"))
    assert state.status is SessionStatus.RECONNECTING
    assert effects[0] == NotConnected()
    assert effects[-1] == Arm(Wait.OPENING, 60)


def test_a_reloaded_page_has_its_login_and_its_sync_awaited_one_after_the_other():
    _, effects = run(UP, DocumentLoaded("https://web.whatsapp.com/"), StateChanged(SYNCING))
    assert effects[-2:] == [Arm(Wait.OPENING, 60), Arm(Wait.SYNCING, 300)]


def test_the_first_document_of_a_start_means_nothing():
    assert run(NEW, DocumentLoaded("https://web.whatsapp.com/")) == (NEW, [])


def test_a_suspicion_is_heard_while_ready_and_ignored_otherwise():
    assert run(UP, Suspected("heartbeat"))[0].status is SessionStatus.RECONNECTING
    assert run(NEW, Suspected("heartbeat")) == (NEW, [])


@pytest.mark.parametrize("status", [SessionStatus.READY, SessionStatus.RECONNECTING])
def test_a_page_that_answers_no_more_is_replaced_without_waiting_for_it_to_heal(status):
    error = failure(replace(UP, status=status), Suspected("page_hangs", answers=False))
    assert isinstance(error, TransientLoss)
    assert run(NEW, Suspected("page_hangs", answers=False)) == (NEW, [])


def test_a_lost_browser_is_a_transient_loss():
    error = failure(UP, BrowserLost("browser_exited", "signal 9"))
    assert isinstance(error, TransientLoss)
    assert error.reason == "browser_exited"


# -- loss of the login -------------------------------------------------------------------------------------


def test_a_logout_of_a_ready_session_asks_a_human():
    error = failure(UP, LoggedOut("user_initiated"))
    assert isinstance(error, PermanentLoss)
    assert (error.reason, error.login_gone) == ("LOGOUT", True)


def test_a_logout_while_healing_asks_a_human_too():
    error = failure(UP, StateChanged(OPENING), LoggedOut("md_opt_out"))
    assert isinstance(error, PermanentLoss)


def test_a_login_that_is_refused_at_the_start_ends_in_a_fresh_code():
    error = failure(replace(NEW, had_login=True), LoggedOut("unknown_companion"))
    assert isinstance(error, LoginLost)


def test_fresh_codes_are_not_given_for_ever():
    error = failure(replace(NEW, had_login=True, fresh_starts_left=0), LoggedOut("unknown_companion"))
    assert isinstance(error, PermanentLoss)


def test_a_fresh_code_is_not_given_where_that_is_off():
    policy = replace(POLICY, restart_on_auth_fail=False)
    error = failure(replace(NEW, had_login=True), LoggedOut("unknown_companion"), policy=policy)
    assert isinstance(error, PermanentLoss)


def test_a_logout_said_again_at_the_code_is_not_a_second_loss():
    state, _ = run(NEW, QrShown("a"))
    assert run(state, LoggedOut("LOGOUT")) == (state, [])


def test_our_own_logout_is_never_taken_for_a_failure():
    _, effects = run(UP, LogoutAsked(), StateChanged(OPENING), LoggedOut("user_initiated"))
    assert effects == [NotConnected(), End("logout", discard_profile=True)]


def test_a_conflict_asks_a_human_and_keeps_the_login():
    conflict = replace(OPENING, socket_state="CONFLICT")
    error = failure(UP, StateChanged(conflict))
    assert isinstance(error, PermanentLoss)
    assert (error.reason, error.login_gone) == ("CONFLICT", False)


def test_a_conflict_is_taken_over_where_that_is_set():
    conflict = replace(OPENING, stream_mode="CONFLICT")
    error = failure(UP, StateChanged(conflict), policy=replace(POLICY, take_over=True))
    assert isinstance(error, TransientLoss)


def test_an_unpaired_socket_at_the_code_is_no_loss():
    assert run(NEW, StateChanged(QR_PAGE)) == (NEW, [])


# -- bans ---------------------------------------------------------------------------------------------------


def test_a_ban_with_an_end_is_held_until_then():
    until = datetime(2026, 12, 1, tzinfo=UTC)
    blocked = StateChanged(replace(OPENING, stream_mode="TOS_BLOCK"))
    error = failure(UP, blocked, AccountBanned(until))
    assert isinstance(error, Banned)
    assert error.until == until


def test_a_block_whose_end_is_not_told_asks_a_human():
    _, effects = run(UP, StateChanged(replace(OPENING, stream_mode="TOS_BLOCK")))
    assert effects == [NotConnected(), Arm(Wait.BAN, 5)]
    error = failure(UP, DeadlinePassed(Wait.BAN))
    assert isinstance(error, PermanentLoss)
    assert (error.reason, error.login_gone) == ("TOS_BLOCK", False)


# -- the end ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "asked", "status"),
    [
        (None, True, SessionStatus.STOPPED),
        (TransientLoss("x"), False, SessionStatus.RECONNECTING),
        (Banned(datetime(2026, 12, 1, tzinfo=UTC)), False, SessionStatus.RECONNECTING),
        (PermanentLoss("LOGOUT"), False, SessionStatus.ERROR),
        (LoginLost("LOGOUT"), False, SessionStatus.INITIALIZING),
        (None, False, SessionStatus.RECONNECTING),
    ],
)
def test_the_status_after_an_end(error, asked, status):
    assert status_after(error, asked=asked) is status


def test_a_loss_is_told_once():
    assert farewell(UP, TransientLoss("browser_exited")) == [
        Disconnected("user_1_wa_2", "browser_exited", permanent=False)
    ]
    healing, _ = run(UP, StateChanged(OPENING))
    assert farewell(healing, TransientLoss("not_connected")) == []


def test_a_permanent_loss_is_told_even_if_the_session_was_never_ready():
    assert farewell(NEW, PermanentLoss("LOGOUT", login_gone=True)) == [
        Disconnected("user_1_wa_2", "LOGOUT", permanent=True),
        AuthFailure("user_1_wa_2", "LOGOUT"),
    ]


def test_a_killed_incarnation_and_a_bug_are_told_by_name():
    assert farewell(UP, None)[0].reason == "killed"
    assert farewell(UP, KeyError("x"))[0].reason == "KeyError"
    assert farewell(UP, Banned(datetime(2026, 12, 1, tzinfo=UTC)))[0].reason == "BANNED"
