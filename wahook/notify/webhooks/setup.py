"""From the settings to webhooks: who is told what, the sender, its actor, and what clients may do."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from importlib.metadata import version

from actors import tree
from actors.durable import Delivery, EndDelivery
from actors.errors import RuleBroken
from actors.events import Event
from actors.model import Account, SessionConfig
from actors.ports import Calendar
from actors.webhooks import EventHappened, WebhookParts
from supervision import ChildSpec, Handle, System
from wahook.addresses import fault_of_url, rule_of
from wahook.asking import JOURNAL_DEADLINE, write
from wahook.journal.opening import OpenedJournal
from wahook.notify.webhooks.commands import CommandsParts, WebhookCommands
from wahook.notify.webhooks.dispatcher import SenderParts
from wahook.notify.webhooks.envelope import deliveries
from wahook.notify.webhooks.following import JOURNALED, WebhookConsequences
from wahook.notify.webhooks.line import Limits
from wahook.notify.webhooks.policy import CircuitPolicy, Retries
from wahook.notify.webhooks.receivers import Receivers
from wahook.notify.webhooks.sender import Sender
from wahook.settings import Settings


class Webhooks:
    """First made, then given to the journal as its `consequences`, then told of the journal by `open`."""

    def __init__(
        self,
        settings: Settings,
        calendar: Calendar,
        system: Callable[[], System],
        *,
        retries: Retries | None = None,
        circuit: CircuitPolicy | None = None,
    ) -> None:
        self._settings = settings
        self._retries = retries or Retries()
        self._circuit = circuit or CircuitPolicy()
        self._calendar = calendar
        self._system = system
        self._rule = rule_of(settings.webhook_allowed_networks)
        self._patience = timedelta(seconds=settings.webhook_patience)
        self._journal: OpenedJournal | None = None
        self._sender: Sender | None = None
        everywhere = tuple(one.webhook() for one in settings.webhooks)
        self.receivers = Receivers(everywhere, self._accounts)
        self.consequences = WebhookConsequences(
            self.receivers, self._patience, self._committed, self._doubted
        )

    def open(self, journal: OpenedJournal) -> WebhookCommands:
        """Before the tree runs."""
        self._journal = journal
        self._sender = sender = Sender(
            SenderParts(
                queue=journal.queues,
                record=self._record,
                receivers=self.receivers,
                rule=self._rule,
                calendar=self._calendar,
                rng=random.Random(),
                user_agent=f"wahook/{version('wahook')}",
                limits=Limits(in_flight=self._settings.webhook_in_flight, circuit=self._circuit),
                retries=self._retries,
                deadline=self._settings.webhook_deadline,
            )
        )
        return WebhookCommands(
            CommandsParts(
                journal=journal,
                writer=self._writer,
                receivers=self.receivers,
                sender=sender,
                calendar=self._calendar,
                patience=self._patience,
            )
        )

    def child(self) -> ChildSpec:
        """The actor; after the journal writer in the tree, before those that make events."""
        assert self._sender is not None, "open() first"  # noqa: S101
        return tree.webhooks(
            WebhookParts(sender=self._sender, deliveries_of=self._deliveries_of, writer_path=tree.WRITER)
        )

    def check(self, config: SessionConfig) -> None:
        """RuleBroken("webhook_refused") for a receiver that could not be reached by our own rules."""
        for webhook in config.webhooks:
            if fault := fault_of_url(webhook.url, self._rule):
                raise RuleBroken("webhook_refused", f"a webhook's URL {fault}")

    def hear(self, event: Event) -> None:
        """Announced events; those of messages and calls follow from the journal, which loses none."""
        if event.name not in JOURNALED and self.receivers.hearing(event.session_id, event.name):
            self._system().handle(tree.WEBHOOKS).tell(EventHappened(event, self._calendar()))

    def _deliveries_of(self, event: Event, at: datetime) -> tuple[Delivery, ...]:
        hearing = self.receivers.hearing(event.session_id, event.name)
        return deliveries(event, hearing, None, at, self._patience)

    def _accounts(self) -> Iterable[Account]:
        assert self._journal is not None, "open() first"  # noqa: S101
        return self._journal.reader.accounts()

    def _committed(self, added: Sequence[Delivery]) -> None:
        if self._sender is not None:
            self._sender.committed(added)

    def _doubted(self) -> None:
        if self._sender is not None:
            self._sender.doubted()

    def _writer(self) -> Handle:
        return self._system().handle(tree.WRITER)

    async def _record(self, operation: EndDelivery) -> object:
        return await write(self._writer(), operation, JOURNAL_DEADLINE)
