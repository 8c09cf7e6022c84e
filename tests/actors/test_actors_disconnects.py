import pytest

from actors.disconnects import PERMANENT, Verdict, judge_logout, judge_state, waits_for_human

MISSION = {
    "LOGOUT", "LOGGED_OUT", "AUTH_FAILURE", "AUTHENTICATION_FAILURE", "REVOKED",
    "CONFLICT", "REPLACED", "SESSION_EXPIRED", "UNPAIRED", "PHONE_REMOVED",
}  # fmt: skip
LOGIN_STANDS = {"CONFLICT", "REPLACED"}


def test_the_missions_ten_reasons_are_the_permanent_ones():
    assert PERMANENT == MISSION


@pytest.mark.parametrize("reason", sorted(MISSION))
@pytest.mark.parametrize("judge", [judge_logout, judge_state])
def test_a_permanent_reason_asks_a_human(judge, reason):
    loss = judge(reason)
    assert loss.verdict is Verdict.ASK
    assert loss.reason == reason
    assert loss.login_gone is (reason not in LOGIN_STANDS)


@pytest.mark.parametrize("word", ["CONFLICT", "REPLACED"])
def test_a_conflict_is_answered_by_taking_over_where_that_is_set(word):
    assert judge_state(word, take_over=True).verdict is Verdict.RESTART
    assert judge_logout(word, take_over=True).verdict is Verdict.RESTART


@pytest.mark.parametrize("reason", ["REVOKED", "LOGOUT"])
def test_taking_over_does_not_help_against_a_lost_login(reason):
    assert judge_logout(reason, take_over=True).verdict is Verdict.ASK


@pytest.mark.parametrize(
    ("pages", "ours"),
    [
        ("user_initiated", "LOGOUT"),
        ("unknown_companion", "LOGGED_OUT"),
        ("md_opt_out", "REVOKED"),
        ("primary_identity_key_change", "REVOKED"),
        ("invalid_adv_status", "AUTH_FAILURE"),
        ("account_sync_error", "AUTH_FAILURE"),
        ("", "LOGOUT"),
        (" phone-removed ", "PHONE_REMOVED"),
    ],
)
def test_the_pages_words_for_a_logout_are_translated(pages, ours):
    loss = judge_logout(pages)
    assert (loss.reason, loss.verdict, loss.login_gone) == (ours, Verdict.ASK, True)


def test_an_unknown_logout_is_permanent_because_the_credentials_are_gone():
    loss = judge_logout("syncd_failure")
    assert (loss.reason, loss.verdict, loss.login_gone) == ("SYNCD_FAILURE", Verdict.ASK, True)


@pytest.mark.parametrize("state", ["DEPRECATED_VERSION", "PROXYBLOCK", "TIMEOUT", "WHAT_IS_THIS"])
def test_other_states_are_worth_a_restart(state):
    loss = judge_state(state)
    assert (loss.verdict, loss.login_gone) == (Verdict.RESTART, False)


@pytest.mark.parametrize(
    ("last_error", "waits"),
    [
        (None, False),
        ("CONFLICT", True),
        ("TOS_BLOCK", True),
        ("LOGGED_OUT", False),  # comes up with a code, which harms nobody
        ("browser_exited (code -9)", False),
        ("open_timeout", False),
    ],
)
def test_who_waits_for_a_human_is_not_started_by_a_restart_of_the_service(last_error, waits):
    assert waits_for_human(last_error) is waits
    assert not waits_for_human("CONFLICT", take_over=True)


@pytest.mark.parametrize("state", ["TOS_BLOCK", "SMB_TOS_BLOCK"])
def test_a_block_without_an_end_asks_a_human_and_keeps_the_login(state):
    loss = judge_state(state)
    assert (loss.verdict, loss.login_gone) == (Verdict.ASK, False)
