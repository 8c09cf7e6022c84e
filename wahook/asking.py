"""How the edge's coroutines ask actors: with a deadline, and errors that clients understand."""

from __future__ import annotations

from actors.errors import CommitUncertain, DeadlinePassed, JournalError, SessionNotReady
from actors.messages import JournalOperation, Write
from supervision import ActorDown, AskTimeout, Handle, RemoteError

JOURNAL_DEADLINE = 10.0  # seconds: for what operators ask of it


async def ask_session(session: Handle, message: object, deadline: float) -> object:
    """The session's answer. SessionNotReady when it is down, DeadlinePassed when it does not answer."""
    try:
        return await session.ask_async(message, deadline)
    except ActorDown as error:
        raise SessionNotReady("the session is not running") from error
    except AskTimeout as error:
        raise DeadlinePassed(f"the session did not answer within {deadline:g} s") from error


async def write(writer: Handle, operation: JournalOperation, deadline: float) -> object:
    """The operation's result once it is on disk. RuleBroken from its rules.

    JournalError if it is not, CommitUncertain if it may yet be: what waits too long is written all the same.
    """
    try:
        return await writer.ask_async(Write(operation), deadline)
    except AskTimeout as error:
        raise CommitUncertain(f"the journal did not answer within {deadline:g} s") from error
    except (ActorDown, RemoteError) as error:
        raise JournalError("the journal does not answer; nothing was accepted") from error
