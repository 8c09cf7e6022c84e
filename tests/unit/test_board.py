"""The board loses nobody's view, however many sessions publish at once."""

import threading
from datetime import UTC, datetime

from actors.model import SessionStatus, SessionView
from wahook.board import Board

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def view(name: str) -> SessionView:
    return SessionView(name, SessionStatus.READY, NOW)


class Interrupted:
    """A view at whose publishing another session's thread gets its turn."""

    def __init__(self, turn) -> None:
        self._turn = turn

    @property
    def session_id(self) -> str:
        self._turn()
        return "slow"


def test_two_sessions_that_publish_at_the_same_moment_are_both_on_the_board():
    board = Board()
    quick = threading.Thread(target=lambda: board.publish(view("quick")))

    def turn() -> None:
        quick.start()
        quick.join(0.2)  # it may have to wait for its turn

    board.publish(Interrupted(turn))
    quick.join(10)
    assert set(board.views) == {"slow", "quick"}


def test_a_session_that_was_deleted_is_forgotten_and_no_other():
    board = Board()
    board.publish(view("a"))
    board.publish(view("b"))
    for _ in range(2):
        board.forget("a")
    assert (set(board.views), board.get("a")) == ({"b"}, None)
