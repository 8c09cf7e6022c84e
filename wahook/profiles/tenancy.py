"""A session's client that looks after its profile: nobody else's while a browser is on it, whole, saved.

Wraps any `WhatsAppClient`, so neither the browser's code nor the session's knows of locks, archives, or
caches.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, InvalidStateError

import structlog

from actors.errors import Fault, PermanentLoss, TransientLoss
from actors.messages import PageEvent, ProfileClosed, ProfileReady, StateChanged
from actors.model import JSON, Ack, NumberStatus, OutgoingMessage, PageState, SendReceipt
from actors.page import Arrival, PageCall
from actors.ports import WhatsAppClient
from wahook.profiles import snapshot
from wahook.profiles.errors import ArchiveDamaged, ProfileInUse, WrongKey
from wahook.profiles.keeper import Keeper
from wahook.profiles.local import BUDGET, Profiles
from wahook.profiles.locks import ProfileLock
from wahook.profiles.stores.bounded import in_thread
from wahook.profiles.trial import ELSEWHERE, Finding, Suspicion

log = structlog.get_logger(__name__)

TRIM_ABOVE = BUDGET * 4 // 5  # below it, the caches make the next start quicker


class Tenant:
    """Implements the port `WhatsAppClient`. Holds the lock from `open` to `kill` or the end of `close`."""

    def __init__(
        self,
        client: WhatsAppClient,
        session_id: str,
        profiles: Profiles,
        *,
        keeper: Keeper | None = None,
        tell: Callable[[object], object] = lambda _: None,
    ) -> None:
        """`tell` reaches the archiver's mailbox; it must not block."""
        self._client = client
        self._id = session_id
        self._profiles = profiles
        self._keeper = keeper
        self._tell = tell
        self._guard = threading.Lock()
        self._lease: ProfileLock | None = None
        self._opening: Future[None] | None = None
        self._judging = threading.Lock()  # a leaf: nobody is called with it, for pages speak under locks too
        self._suspicion = Suspicion()
        self._unsettled = False  # an opening that has not shown anything yet

    def open(self, incarnation: int, emit: Callable[[PageEvent], None]) -> Future[None]:
        """See the port. Before: lock, set a broken profile aside, restore a missing one, trim a large one.

        TransientLoss("profile_in_use" | "profile_unavailable"), PermanentLoss("profile_key").
        """
        result: Future[None] = Future()
        with self._guard:
            self._opening = result

        def prepared(preparing: Future[None]) -> None:
            if error := preparing.exception():
                self._finish(result, _as_loss(error))
                return
            with self._guard:  # so that no `kill` comes between the look and the launch
                if self._opening is not result:
                    return  # a `kill` has settled it
                self._unsettled = True
                opening = self._client.open(incarnation, self._heard(emit))
            opening.add_done_callback(lambda opened: self._opened(result, opened.exception()))

        in_thread(lambda: self._prepare(result), "profile-prepare").add_done_callback(prepared)
        return result

    def close(self) -> Future[None]:
        """See the port. Settles when the lock is free."""
        self._abandon("closed")
        self._unsettled = False
        result: Future[None] = Future()

        def closed(closing: Future[None]) -> None:
            self._release()
            self._tell(ProfileClosed(self._id))
            self._finish(result, closing.exception())

        self._client.close().add_done_callback(closed)
        return result

    def kill(self) -> None:
        """See the port. The lock is free at once: who comes next sweeps what is still dying."""
        self._abandon("killed")
        with self._judging:
            if self._unsettled:
                self._suspicion, self._unsettled = self._suspicion.ended(), False
        self._client.kill()
        self._release()

    def _prepare(self, result: Future[None]) -> None:
        lease = self._lease_for(result)
        if self._profiles.exists(self._id) and snapshot.is_broken(self._profiles.path(self._id)):
            aside = self._profiles.set_aside(self._id, lease)
            log.warning("profile.broken", session=self._id, kept=aside is not None)
        self._try_without(lease)
        if self._keeper is not None and not self._suspicion.trial:
            self._restore(self._keeper, lease)
        self._profiles.make(self._id)
        if self._profiles.size(self._id) > TRIM_ABOVE:
            self._profiles.trim(self._id, lease)

    def _try_without(self, lease: ProfileLock) -> None:
        """Begin a trial when one is due; end the last one, whoever began it."""
        if self._profiles.bring_back(self._id, lease):
            log.warning("profile.brought_back", session=self._id)
        has_login = self._profiles.may_have_login(self._id)
        with self._judging:
            due = has_login and self._suspicion.due
            if due:
                self._suspicion = self._suspicion.begin()
        if due:
            self._profiles.put_by(self._id, lease)
            log.warning("profile.suspected", session=self._id)

    def _weigh(self, event: PageEvent) -> None:
        """On the browser's thread: hear what the event says of the profile."""
        with self._judging:
            self._suspicion, finding = self._suspicion.heard(event)
            self._unsettled = self._unsettled and finding is Finding.NOTHING
        if finding is Finding.GUILTY:
            log.error("profile.corrupt", session=self._id, consequence="set aside; a new code is shown")
            in_thread(lambda: self._profiles.condemn(self._id), "profile-condemn")

    def _lease_for(self, result: Future[None]) -> ProfileLock:
        with self._guard:
            if self._opening is not result:
                raise TransientLoss("killed", "before the profile was prepared")
            if self._lease is None:
                self._lease = self._profiles.lock(self._id, "a session")
            return self._lease

    def _restore(self, keeper: Keeper, lease: ProfileLock) -> None:
        try:
            keeper.bring(self._id, lease)
        except ArchiveDamaged as error:  # no generation is of use: only a new code helps
            log.error("profile.not_restored", session=self._id, why=str(error))  # noqa: TRY400

    def _release(self) -> None:
        with self._guard:
            lease, self._lease = self._lease, None
        if lease is not None:
            lease.release()

    def _abandon(self, why: str) -> None:
        with self._guard:
            opening, self._opening = self._opening, None
        if opening is not None:
            self._finish(opening, TransientLoss(why))

    def _opened(self, result: Future[None], error: BaseException | None) -> None:
        if isinstance(error, TransientLoss) and error.reason in ELSEWHERE:
            self._unsettled = False
        self._finish(result, error)

    def _finish(self, result: Future[None], error: BaseException | None) -> None:
        """Settle once: an opening may be ended by its own outcome and by a `kill`."""
        with contextlib.suppress(InvalidStateError):
            if error is None:
                result.set_result(None)
            else:
                result.set_exception(error)

    def _heard(self, emit: Callable[[PageEvent], None]) -> Callable[[PageEvent], None]:
        def heard(event: PageEvent) -> None:
            self._weigh(event)
            if isinstance(event, StateChanged) and event.state.connected:
                self._tell(ProfileReady(self._id))
            emit(event)

        return heard

    # -- the rest is the client's ------------------------------------------------------------------------

    @property
    def pids(self) -> tuple[int, ...]:
        return self._client.pids

    def state(self, deadline: float) -> Future[PageState]:
        return self._client.state(deadline)

    def send(self, message: OutgoingMessage, deadline: float) -> Future[SendReceipt]:
        return self._client.send(message, deadline)

    def ask(self, call: PageCall, arguments: Mapping[str, JSON], deadline: float) -> Future[JSON]:
        return self._client.ask(call, arguments, deadline)

    def find_sent(self, message: OutgoingMessage, deadline: float) -> Future[Ack | None]:
        return self._client.find_sent(message, deadline)

    def recent_incoming(self, since: int, deadline: float) -> Future[tuple[Arrival, ...]]:
        return self._client.recent_incoming(since, deadline)

    def number_status(self, number: str, deadline: float) -> Future[NumberStatus]:
        return self._client.number_status(number, deadline)

    def pairing_code(self, phone_number: str, deadline: float) -> Future[str]:
        return self._client.pairing_code(phone_number, deadline)

    def send_presence(self, deadline: float) -> Future[None]:
        return self._client.send_presence(deadline)

    def simulate_activity(self, deadline: float) -> Future[None]:
        return self._client.simulate_activity(deadline)

    def settle(self, deadline: float) -> Future[None]:
        return self._client.settle(deadline)

    def screenshot(self, deadline: float) -> Future[bytes]:
        return self._client.screenshot(deadline)

    def logout(self, deadline: float) -> Future[None]:
        return self._client.logout(deadline)


def _as_loss(error: BaseException) -> BaseException:
    match error:
        case TransientLoss() | PermanentLoss():
            return error
        case ProfileInUse():
            return TransientLoss("profile_in_use", error.holder)
        case WrongKey():
            return PermanentLoss("profile_key")
        case Fault() | OSError():
            return TransientLoss("profile_unavailable", type(error).__name__)
        case _:
            return error
