"""What goes wrong inside the outbox; none of it leaves this package but by a job's failure."""

from __future__ import annotations


class GivenUp(Exception):
    """A message will not be tried again; the text is the row's own error, for RQ's list of failed jobs."""


class QueuesLost(Exception):
    """Redis answers but does not hold what we put there: emptied, replaced, or restored from long ago."""
