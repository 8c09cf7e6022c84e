"""Durable state: what was accepted, what arrived, and the sessions, in SQLite or PostgreSQL.

with open_journal("sqlite:////data/wahook.db") as journal:
    journal.writer.write([...])  # only by the journal writer actor
    journal.reader.page("user_1_wa_2")
"""

from __future__ import annotations

from wahook.journal.opening import OpenedJournal, open_journal
from wahook.journal.queues import QueueReader
from wahook.journal.reader import JournalReader
from wahook.journal.sql_journal import SqlJournal

__all__ = ["JournalReader", "OpenedJournal", "QueueReader", "SqlJournal", "open_journal"]
