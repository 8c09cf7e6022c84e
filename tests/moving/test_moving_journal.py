"""The journal moves whole, in both directions, or not at all."""

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from actors.durable import AddMirrorChanges, EndMirrorChanges, MirrorChange
from actors.errors import JournalError
from actors.messages import AcceptMessage
from actors.model import OutgoingMessage
from tests.moving.conftest import SESSION, fill
from wahook import cli, data_lock
from wahook.journal import open_journal
from wahook.journal.schema import metadata
from wahook.moving.journal import BATCH, move_journal


def everything(url: str) -> dict:
    with open_journal(url) as journal, journal.engines.read.connect() as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(sa.select(table))), key=repr)
            for table in metadata.sorted_tables
        }


@pytest.fixture
def source(tmp_path) -> str:
    url = f"sqlite:///{tmp_path}/source.db"
    fill(url, messages=BATCH + 7)
    return url


def test_every_row_arrives_in_postgresql_and_comes_back(source, server, tmp_path):
    there, back = server.create("there_and_back"), f"sqlite:///{tmp_path}/back.db"
    rows = move_journal(source, there)
    assert rows["messages_out"] == BATCH + 7
    assert everything(there) == everything(source)
    move_journal(there, back)
    assert everything(back) == everything(source)


def test_the_numbers_go_on_where_they_ended_even_of_rows_that_are_gone(source, server, tmp_path):
    with open_journal(source) as journal:
        journal.writer.write([EndMirrorChanges((1, 2, 3))])
        assert journal.queues.open_changes() == []
    there, back = server.create("numbers"), f"sqlite:///{tmp_path}/back.db"
    for url, other in ((there, source), (back, there)):
        move_journal(other, url)
    for url in (there, back):
        with open_journal(url) as journal:
            new = OutgoingMessage("msg_new", SESSION, "49176", "new", "3EB0NEW", content_hash="new")
            change = MirrorChange("account", "new", {})
            _, (added,) = journal.writer.write(
                [AcceptMessage(new, duplicate_window=None), AddMirrorChanges((change,))]
            )
            assert journal.reader.undone()[-1].message_id == "msg_new"
            assert added.seq == 4


def test_a_target_with_rows_is_left_alone(source, server, tmp_path):
    there = server.create("taken")
    fill(there, messages=1)
    before = everything(there)
    with pytest.raises(JournalError, match="has rows already"):
        move_journal(source, there)
    assert everything(there) == before


def test_a_move_that_fails_on_the_way_leaves_nothing_there(source, server, monkeypatch):
    there = server.create("failed")
    monkeypatch.setattr("wahook.moving.journal._continue_numbers", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        move_journal(source, there)
    assert set(map(len, everything(there).values())) == {0}


def test_a_journal_is_not_moved_onto_itself(source):
    with pytest.raises(JournalError, match="the same database"):
        move_journal(source, source)


@pytest.fixture
def command(house, monkeypatch):
    for name, value in {"WAHOOK_DATA": house.data, "SESSIONS_PATH": house.sessions_path}.items():
        monkeypatch.setenv(name, str(value))

    def run(*arguments: str):
        return CliRunner().invoke(cli.app, ["move-journal", *arguments])

    return run


def test_the_command_says_what_moved_and_what_to_do(command, house, server):
    there = server.create("command")
    shown = command("--to", there)
    assert shown.exit_code == 0, shown
    assert "messages_out             3" in shown.output
    assert "set DATABASE_URL" in shown.output
    assert everything(there) == everything(house.database)


def test_the_command_refuses_while_a_service_runs(command, house, server):
    with data_lock.holding(house.data):
        shown = command("--to", server.create("refused"))
    assert "another wahook runs" in str(shown.exception)
