"""One receiver's deliveries: who may go now. Pure: no clock, no threads.

In memory is the beginning of what the journal has for it, at most some hundreds; the rest is fetched when
there is room, so a dead receiver with a day's deliveries costs no more than one with a few.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeAlias

from actors.durable import Delivery, TaskState
from wahook.notify.webhooks.policy import ALIVE, CircuitPolicy, CircuitState, Judgement

Chat: TypeAlias = tuple[str, str | None]
ROOM = 200
MOST = 5000  # so many chats of one receiver may be stuck before the rest has to wait with them


@dataclass(frozen=True, slots=True)
class Limits:
    """`in_flight`: requests at once. `longest`: a longer wait means that the clock was set back."""

    in_flight: int = 10
    room: int = ROOM
    most: int = MOST
    longest: timedelta = timedelta(hours=2)
    circuit: CircuitPolicy = field(default_factory=CircuitPolicy)


class Line:
    """Deliveries in the order of their `seq`; of each chat only the first may go, one at a time."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._waiting: dict[int, Delivery] = {}
        self._flying: set[int] = set()
        self._last = 0  # the highest seq that was here
        self._complete = False  # everything after `_last` is yet to be added
        self._fetching = False
        self._outdated = False  # what is being fetched was asked for before a doubt
        self._missed = False  # something was added while it could not be taken in
        self._cut: set[Chat] = set()  # of these only the beginning is here, the rest on disk
        self._hidden = False  # one waits on disk with the number of one on its way, which was deleted
        self.circuit = ALIVE

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def flying(self) -> int:
        """How many are on their way."""
        return len(self._flying)

    @property
    def on_their_way(self) -> set[str]:
        """Their ids."""
        return {self._waiting[seq].id for seq in self._flying}

    # -- filling ----------------------------------------------------------------------------------------

    def add(self, delivery: Delivery) -> None:
        """The journal has one more, or (with a seq that was here before) one again."""
        if delivery.seq <= self._last:
            self._again(delivery)
        elif self._complete and len(self._waiting) < self._limits.room:
            self._take(delivery)
        else:
            self._complete, self._missed = False, True

    def wants(self) -> int | None:
        """After which seq to fetch more; None: not now. Whoever asks must fetch, and tell `fetched`."""
        if self._cut and not self._cut.issubset(map(_chat, self._waiting.values())):
            self.doubt()  # the beginning of one is through: the rest is before what was fetched last
        if self._complete or self._fetching or len(self._waiting) >= self._limits.most:
            return None
        if len(self._waiting) >= self._limits.room and (self.circuit.until is not None or self._can_move()):
            return None
        self._fetching, self._missed = True, False
        return self._last

    def fetched(self, deliveries: Iterable[Delivery], *, all_of_them: bool) -> None:
        """What the journal had after that seq; `all_of_them`: there were no more."""
        outdated = self._outdated
        self.not_fetched()
        if outdated:
            return
        self._take_all(one for one in deliveries if one.seq > self._last)
        self._complete = all_of_them and not self._missed

    def not_fetched(self) -> None:
        """The journal did not answer: ask again."""
        self._fetching = self._outdated = False

    def look_again(self) -> None:
        """There may be more than we were told of."""
        self._complete, self._missed = False, True

    def doubt(self) -> None:
        """What was added may be untrue, or something may be missing: begin anew with what the journal says.

        What is on its way stays, so that it does not go twice.
        """
        self._waiting = {seq: one for seq, one in self._waiting.items() if seq in self._flying}
        self._last, self._complete, self._missed = 0, False, True
        self._cut.clear()
        self._outdated = self._fetching

    # -- going ------------------------------------------------------------------------------------------

    def go(self, now: datetime) -> list[Delivery]:
        """Those that go now; they are on their way until `ended`."""
        state = self.circuit.state(now)
        if state is CircuitState.OPEN:
            return []
        if state is CircuitState.HALF_OPEN:
            chosen = [] if self._flying else self._probe()
        else:
            due = (one for one in self._heads() if self._due(one, now))
            chosen = list(islice(due, max(0, self._limits.in_flight - self.flying)))
        self._flying.update(one.seq for one in chosen)
        return chosen

    def _probe(self) -> list[Delivery]:
        """The one that was tried least: what this receiver never takes must not be all it is asked."""
        return sorted(self._heads(), key=lambda one: one.attempts)[:1]

    def expire(self, now: datetime) -> list[Delivery]:
        """Those whose time is over; they are gone from here."""
        over = [
            one
            for one in self._waiting.values()
            if one.give_up_at is not None and one.give_up_at <= now and one.seq not in self._flying
        ]
        for one in over:
            del self._waiting[one.seq]
        return over

    def ended(
        self, delivery: Delivery, judgement: Judgement, now: datetime, fraction: float
    ) -> datetime | None:
        """An attempt is over. Returns when the delivery goes again; None: not any more."""
        self._landed(delivery)
        next_at: datetime | None = None
        if judgement.state is TaskState.PENDING:
            next_at = now + timedelta(seconds=judgement.delay)
            self._waiting[delivery.seq] = replace(delivery, attempts=delivery.attempts + 1, next_at=next_at)
        else:
            self._waiting.pop(delivery.seq, None)
        if judgement.blame:
            self._blame(judgement, now, fraction)
        else:
            self._revive(now)
        return next_at

    def gone(self, delivery: Delivery) -> None:
        """It is to go to nobody any more."""
        self._landed(delivery)
        self._waiting.pop(delivery.seq, None)

    def next_at(self) -> datetime | None:
        """When to look again; None: when something happens."""
        idle = (one for seq, one in self._waiting.items() if seq not in self._flying)
        times = [one.give_up_at for one in idle if one.give_up_at is not None]
        if self.circuit.until is not None:
            if self._waiting and not self._flying:
                times.append(self.circuit.until)
        elif self.flying < self._limits.in_flight:
            times += [one.next_at for one in self._heads() if one.next_at is not None]
        return min(times, default=None)

    # -- inside -----------------------------------------------------------------------------------------

    def _landed(self, delivery: Delivery) -> None:
        self._flying.discard(delivery.seq)
        if self._hidden:
            self._hidden = False
            self.doubt()

    def _take_all(self, deliveries: Iterable[Delivery]) -> None:
        """Of one chat no more than the room: a stuck one must not keep the others on disk."""
        here = Counter(map(_chat, self._waiting.values()))
        for one in deliveries:
            if here[_chat(one)] >= self._limits.room:
                self._cut.add(_chat(one))
            here[_chat(one)] += 1
            self._take(one)

    def _take(self, delivery: Delivery) -> None:
        self._last = max(self._last, delivery.seq)
        if _chat(delivery) in self._cut:
            return
        here = self._waiting.setdefault(delivery.seq, delivery)  # after a doubt it may still be on its way
        self._hidden |= here.id != delivery.id

    def _again(self, delivery: Delivery) -> None:
        """A replay, which has an error to show; anything else was fetched before we were told of it."""
        if delivery.seq not in self._waiting and delivery.last_error is not None:
            if len(self._waiting) >= self._limits.most:
                self.doubt()  # many replays to a dead receiver: they wait on disk
                return
            self._waiting[delivery.seq] = delivery
            self._waiting = dict(sorted(self._waiting.items()))

    def _heads(self) -> Iterator[Delivery]:
        """The first of each chat that has none on its way."""
        seen = {_chat(one) for seq in self._flying if (one := self._waiting.get(seq))}
        for one in self._waiting.values():
            chat = _chat(one)
            if chat not in seen:
                seen.add(chat)
                yield one

    def _due(self, one: Delivery, now: datetime) -> bool:
        return one.next_at is None or one.next_at <= now or one.next_at - now > self._limits.longest

    def _can_move(self) -> bool:
        """Whether what is here keeps the receiver busy: some head has not failed yet."""
        return bool(self._flying) or any(not one.attempts for one in self._heads())

    def _blame(self, judgement: Judgement, now: datetime, fraction: float) -> None:
        self.circuit = self.circuit.failed(now, self._limits.circuit, fraction, again=judgement.again)
        if judgement.rest is not None:
            self.circuit = self.circuit.resting(now, judgement.rest)

    def _revive(self, now: datetime) -> None:
        """It answers: what waited for it to come back need not wait on.

        An answer to a call that had begun before the circuit opened, or before the receiver asked for rest,
        does not end that.
        """
        if self.circuit.state(now) is CircuitState.OPEN:
            return
        if self.circuit.until is not None:
            self._waiting = {
                seq: replace(one, next_at=now) if seq not in self._flying else one
                for seq, one in self._waiting.items()
            }
        self.circuit = ALIVE


def _chat(one: Delivery) -> Chat:
    return one.session_id, one.chat
