"""The function that RQ knows our jobs by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from rq.job import Retry

from actors.errors import Fault

# Set in a lane's own thread while it works: RQ finds a job's function by name and gives it nothing but its
# arguments, and two lanes (or two services in one process) must not share a deliverer.
_deliverer: ContextVar[Callable[[str], str | Retry]] = ContextVar("deliverer")

FUNCTION = f"{__name__}.deliver"


class NobodyDelivers(Fault):
    """The job was run by a worker that is no lane of ours."""


def deliver(message_id: str) -> str | Retry:
    """Deliver one message: a word for the result, or Retry to stay at the head of its queue."""
    try:
        deliverer = _deliverer.get()
    except LookupError:
        raise NobodyDelivers("only a lane of the running service delivers; rq worker cannot") from None
    return deliverer(message_id)


@contextmanager
def delivering(deliverer: Callable[[str], str | Retry]) -> Iterator[None]:
    """While it lasts, jobs that this thread runs are delivered by `deliverer`."""
    token = _deliverer.set(deliverer)
    try:
        yield
    finally:
        _deliverer.reset(token)
