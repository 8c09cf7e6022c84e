"""Run as a process of its own by test_journal_crash: accepts messages as fast as it can until it is killed.

Every id goes to the pipe given by its number by one unbuffered write, after the writer has answered for it.
"""

import itertools
import os
import sys
import threading
import uuid

from actors.journal_writer import JournalWriter
from actors.messages import Accepted, AcceptMessage, SaveAccount, Write
from actors.model import Account, OutgoingMessage
from supervision import ChildSpec, Handle, SupervisorSpec, System
from wahook.journal import open_journal

SESSION = "user_1_wa_1"
DEADLINE = 30.0


def accept(writer: Handle, thread: int, pipe: int) -> None:
    """One client: asks, waits for the answer, says so, asks again."""
    for number in itertools.count():
        message = OutgoingMessage(
            message_id=f"msg_{thread}_{number}",
            session_id=SESSION,
            to="491700000001",
            body="x" * 200,
            wa_message_id=uuid.uuid4().hex,
            content_hash=uuid.uuid4().hex,
        )
        assert isinstance(writer.ask(Write(AcceptMessage(message, 300)), DEADLINE), Accepted)
        os.write(pipe, f"{message.message_id}\n".encode())


def main(url: str, pipe: int) -> None:
    """Eight clients and one writer."""
    journal = open_journal(url, deadline=DEADLINE)
    spec = ChildSpec("journal-writer", lambda context: JournalWriter(context, journal.writer))
    system = System(SupervisorSpec((spec,)))
    system.start(DEADLINE)
    writer = system.handle("journal-writer")
    writer.ask(Write(SaveAccount(Account(SESSION, "1", "1"))), DEADLINE)
    clients = [threading.Thread(target=accept, args=(writer, one, pipe), daemon=True) for one in range(8)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
