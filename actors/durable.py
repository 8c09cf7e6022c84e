"""What waits in the journal to be delivered elsewhere: webhooks, mails, changes for the mirror."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from actors.model import JSON


class TaskState(StrEnum):
    """PENDING is due at its `next_at`; DEAD was given up and stays until it is replayed."""

    PENDING = "pending"
    DONE = "done"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook call. `body` is exactly what is signed and sent; within one `chat` order matters."""

    id: str
    session_id: str
    receiver: str  # URL
    event: str
    body: bytes
    chat: str | None = None
    state: TaskState = TaskState.PENDING
    attempts: int = 0
    next_at: datetime | None = None  # None when it is added: at once
    created_at: datetime | None = None
    last_error: str | None = None
    last_status: int | None = None  # HTTP
    give_up_at: datetime | None = None  # it is DEAD after that; None: as whoever delivers it thinks right
    seq: int = field(default=0, compare=False)  # the journal's: the order in which they were added


@dataclass(frozen=True, slots=True)
class Mail:
    """One e-mail to a human. `kind` names the template that `payload` fills. It may outlive its session."""

    id: str
    kind: str
    recipient: str
    session_id: str | None = None
    payload: dict[str, JSON] = field(default_factory=dict)
    state: TaskState = TaskState.PENDING
    attempts: int = 0
    next_at: datetime | None = None
    created_at: datetime | None = None
    last_error: str | None = None
    seq: int = field(default=0, compare=False)  # the journal's: the order in which they were added


COPY = "copy"  # the kind of change that stands for all messages that are not noted yet


@dataclass(frozen=True, slots=True)
class MirrorChange:
    """A row that the mirror must take over. `seq` is the journal's: the order of changes, never reused."""

    kind: str  # account | message | deleted, or COPY
    key: str
    payload: dict[str, JSON]
    seq: int = 0
    created_at: datetime | None = None
    error: str | None = None  # set aside for this: it is not open until it is retried


@dataclass(frozen=True, slots=True)
class AddDeliveries:
    """Keep these until they are delivered. -> tuple of those that were new by their id

    RuleBroken("unknown_session") for all of them if one's session is gone.
    """

    deliveries: tuple[Delivery, ...]


@dataclass(frozen=True, slots=True)
class EndDelivery:
    """Count an attempt, write its outcome; PENDING: again at `next_at`. -> Delivery after, None if gone

    What is DONE or DEAD already stays as it is. `spent` False: there was no attempt, it was given up unsent.
    """

    id: str
    state: TaskState
    next_at: datetime | None = None
    status: int | None = None
    error: str | None = None
    spent: bool = True


@dataclass(frozen=True, slots=True)
class ReplayDelivery:
    """Try a dead one again, attempts anew. -> Delivery after, None if gone, RuleBroken("wrong_state")"""

    id: str
    give_up_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AddMail:
    """Keep it until it is sent. -> Mail as stored; of two with one id the first stays"""

    mail: Mail


@dataclass(frozen=True, slots=True)
class EndMail:
    """As EndDelivery. -> Mail after, None if gone"""

    id: str
    state: TaskState
    next_at: datetime | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ReplayMail:
    """Send a dead one after all: its attempts and its day begin anew.

    -> Mail after, None if gone, RuleBroken("wrong_state")
    """

    id: str


@dataclass(frozen=True, slots=True)
class AddMirrorChanges:
    """Append to the log of changes. -> tuple of them with their seq"""

    changes: tuple[MirrorChange, ...]


@dataclass(frozen=True, slots=True)
class EndMirrorChanges:
    """The mirror has these now: forget them. -> how many there were"""

    seqs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SetAsideMirrorChanges:
    """The mirror refuses these for good; `error` says why, without a row's content. -> how many were open"""

    seqs: tuple[int, ...]
    error: str


@dataclass(frozen=True, slots=True)
class RetryMirrorChanges:
    """Open again what was set aside. -> how many"""


@dataclass(frozen=True, slots=True)
class BeginCopy:
    """Have the mirror take over what there was before it: the accounts now, the messages by `GoOnCopying`.

    Done once for each `place`, which names the mirror and what it takes; `again`: however often it was done.
    -> tuple of the accounts that were ready once, None if it was begun for this place before
    """

    place: str
    again: bool = False


@dataclass(frozen=True, slots=True)
class MessageName:
    """A message of the journal, as the mirror needs it. `direction`: in | out."""

    session_id: str
    direction: str
    wa_message_id: str


@dataclass(frozen=True, slots=True)
class GoOnCopying:
    """Take the next messages, oldest first; without any the copy is complete. -> tuple of MessageName"""

    seq: int
    limit: int


@dataclass(frozen=True, slots=True)
class ForgetCopies:
    """Nothing is noted for a mirror any more, so that one set up later has to be given everything. -> int"""


@dataclass(frozen=True, slots=True)
class Prune:
    """Forget what is done and was added before a time; dead ones stay. -> how many"""

    before: datetime


DurableOperation: TypeAlias = (
    AddDeliveries
    | EndDelivery
    | ReplayDelivery
    | AddMail
    | EndMail
    | ReplayMail
    | AddMirrorChanges
    | EndMirrorChanges
    | SetAsideMirrorChanges
    | RetryMirrorChanges
    | BeginCopy
    | GoOnCopying
    | ForgetCopies
    | Prune
)
