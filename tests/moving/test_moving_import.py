"""Logins of whatsapp-web.js become sessions that the service will start."""

import pytest
from typer.testing import CliRunner

from actors.errors import ProcessError
from actors.model import SessionId
from tests.moving.conftest import settings_in
from tests.profiles.conftest import made_profile
from wahook import cli, data_lock
from wahook.journal import open_journal
from wahook.moving.adopting import ImportFault, import_logins, session_of
from wahook.profiles import snapshot


@pytest.fixture
def theirs(tmp_path):
    """A LocalAuth folder as the original leaves it: clientIds are session ids, one is somebody's own."""
    folder = tmp_path / ".wwebjs_auth"
    for name in ("session-user_123_wa_456", "session-user_a_b_wa_7", "session-bot"):
        made_profile(folder / name)
    return folder


@pytest.fixture
def settings(tmp_path):
    return settings_in(tmp_path / "data")


def rows(settings):
    with open_journal(settings.database) as journal:
        return {
            one.session_id: (one.user_id, one.account_id, one.desired) for one in journal.reader.accounts()
        }


def test_the_original_s_sessions_keep_their_ids_and_will_be_started(theirs, settings):
    done = {one.client_id: one for one in import_logins(settings, theirs)}
    assert done["user_123_wa_456"].session_id == "user_123_wa_456"
    assert done["bot"].session_id is None
    assert rows(settings) == {
        "user_123_wa_456": ("123", "456", True),
        "user_a_b_wa_7": ("a_b", "7", True),
    }
    for session_id in rows(settings):
        snapshot.check(settings.sessions_path / f"session-{session_id}")
    assert (theirs / "session-bot/Default").is_dir()


def test_one_profile_becomes_whose_we_say(theirs, settings):
    import_logins(settings, theirs / "session-bot", SessionId("9", "1"))
    assert rows(settings) == {"user_9_wa_1": ("9", "1", True)}


def test_a_login_that_is_here_already_is_left_as_it_is(theirs, settings):
    import_logins(settings, theirs)
    (settings.sessions_path / "session-user_123_wa_456/mark").touch()
    again = {one.client_id: one.problem for one in import_logins(settings, theirs)}
    assert "has a profile already" in again["user_123_wa_456"]
    assert (settings.sessions_path / "session-user_123_wa_456/mark").exists()


@pytest.mark.parametrize(
    ("client_id", "session"),
    [
        ("user_1_wa_2", ("1", "2")),
        ("user_a_wa_b_wa_c", ("a_wa_b", "c")),
        ("user__wa_2", None),
        ("bot", None),
        ("", None),
    ],
)
def test_a_client_id_is_read_as_the_original_wrote_it(client_id, session):
    found = session_of(client_id)
    assert (found and (found.user_id, found.account_id)) == session


def test_what_cannot_be_imported_is_said(theirs, settings, tmp_path):
    for source, wanted, says in (
        (tmp_path / "nowhere", None, "neither"),
        (theirs / "session-bot", None, "--user"),
        (theirs, SessionId("1", "2"), "3 profiles"),
    ):
        with pytest.raises(ImportFault, match=says):
            import_logins(settings, source, wanted)
    with data_lock.holding(settings.data), pytest.raises(ProcessError):
        import_logins(settings, theirs)
    assert rows(settings) == {}


def test_the_command_tells_each_login_and_fails_when_none_came(theirs, settings, monkeypatch):
    monkeypatch.setenv("WAHOOK_DATA", str(settings.data))
    shown = CliRunner().invoke(cli.app, ["import-profile", str(theirs)])
    assert shown.exit_code == 0, shown
    assert "user_123_wa_456 → user_123_wa_456: imported" in shown.output
    assert "bot → ?: left out" in shown.output
    assert CliRunner().invoke(cli.app, ["import-profile", str(theirs)]).exit_code == 1
    assert CliRunner().invoke(cli.app, ["import-profile", str(theirs), "--user", "1"]).exit_code == 2
