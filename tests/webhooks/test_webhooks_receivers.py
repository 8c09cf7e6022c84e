"""Who is told: what the journal has, with what is not committed yet, and nothing that was undone."""

from actors.model import Account, SessionConfig, Webhook
from wahook.notify.webhooks.receivers import Receivers

OWN, SHARED = Webhook("http://own", ("ready",)), Webhook("http://shared")


def account(session: str, *webhooks: Webhook) -> Account:
    return Account(session, "1", "1", config=SessionConfig(webhooks=webhooks))


def test_an_account_of_a_transaction_that_is_still_open_is_known_beside_those_on_disk():
    receivers = Receivers([], lambda: [account("old", OWN)])
    receivers.note(account("new", OWN))
    assert (receivers.of("new"), receivers.of("old")) == ((OWN,), (OWN,))


def test_after_a_doubt_only_what_is_on_disk_counts():
    disk = [account("old", OWN)]
    receivers = Receivers([], lambda: disk)
    receivers.note(account("undone", OWN))
    receivers.forget("old")
    receivers.doubt()
    assert (receivers.of("undone"), receivers.of("old")) == ((), (OWN,))


def test_a_session_s_own_receiver_wins_over_a_global_one_with_the_same_url():
    ours = Webhook("http://shared", ("disconnected",))
    receivers = Receivers([SHARED], lambda: [account("a", ours), account("b")])
    assert [one.url for one in receivers.hearing("a", "ready")] == []
    assert receivers.hearing("b", "ready") == (SHARED,)
    assert receivers.find("a", "http://shared") is ours


def test_nobody_is_told_of_a_session_that_is_not_there():
    receivers = Receivers([SHARED], list)
    assert not receivers.any()
    assert receivers.hearing("gone", "ready") == ()
