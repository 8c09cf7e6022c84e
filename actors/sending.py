"""The sends of one session that have not been answered yet. Plain; the session's thread only."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from actors.errors import DeadlinePassed, SendFailed
from actors.messages import SendMessage
from actors.model import Ack, SendReceipt
from actors.ports import WhatsAppClient
from supervision import Reply

LATE_TWICE = 2  # attempts at one message whose ack never came


@dataclass(frozen=True, slots=True)
class Looked:
    """The page's answer to: do you know this id?"""

    request: SendMessage
    future: Future[Ack | None]


@dataclass(frozen=True, slots=True)
class Sent:
    """The page's answer to a send."""

    wa_message_id: str
    future: Future[SendReceipt]


class Sends:
    """Who waits for which WhatsApp id. A send is answered once: by the page's answer or by an ack.

    `tell` brings `Looked` and `Sent` back to the session's thread.
    """

    def __init__(self, client: WhatsAppClient, call_deadline: float, tell: Callable[[object], None]) -> None:
        self._client = client
        self._call_deadline = call_deadline
        self._tell = tell
        self._waiting: dict[str, tuple[SendMessage, Reply]] = {}
        self._late: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def begin(self, request: SendMessage, reply: Reply) -> None:
        """Send, or look for the id first if it may be on the wire already.

        A second ask for the same id takes the place of the first.
        """
        message = request.message
        self.failed(message.wa_message_id, DeadlinePassed("asked again"))
        self._waiting[message.wa_message_id] = (request, reply)
        if not request.may_be_on_wire:
            self._put_on_wire(request)
            return
        looking = self._client.find_sent(message, self._call_deadline)
        looking.add_done_callback(lambda future: self._tell(Looked(request, future)))

    def looked(self, answer: Looked) -> None:
        """Send only what the page does not know. Unable to tell, it is not sent."""
        wa_message_id = answer.request.message.wa_message_id
        if error := answer.future.exception():
            self.failed(wa_message_id, SendFailed(f"cannot tell whether it was sent: {error}"))
            return
        ack = answer.future.result()
        if ack is None or ack is Ack.ERROR:
            self._put_on_wire(answer.request)
        else:
            self.acked(wa_message_id, ack)
            if ack < Ack.SERVER:  # PENDING: the page has it, and is asked to say when its ack is there
                self._put_on_wire(answer.request)

    def sent(self, answer: Sent) -> bool:
        """The page has answered a send, or has not in time; True if that is so for the second time.

        Then the connection is dead although the page believes in it: a new page sends the message again.
        """
        wa_message_id, error = answer.wa_message_id, answer.future.exception()
        if error is None:
            self.acked(wa_message_id, max(answer.future.result().ack, Ack.SERVER))
            return False
        waited_for = wa_message_id in self._waiting
        self.failed(wa_message_id, error)
        if not waited_for or not isinstance(error, DeadlinePassed):
            return False
        late = self._late.get(wa_message_id, 0) + 1
        self._late = {wa_message_id: late}  # one goes at a time
        return late >= LATE_TWICE

    def acked(self, wa_message_id: str, ack: Ack) -> None:
        """The server has it (or more): that settles the send, whatever the page's own answer will be."""
        if ack >= Ack.SERVER and (found := self._waiting.pop(wa_message_id, None)):
            found[1].set(SendReceipt(wa_message_id, ack))

    def failed(self, wa_message_id: str, error: BaseException) -> None:
        """The page refused or failed; nothing happens if an ack was quicker."""
        if found := self._waiting.pop(wa_message_id, None):
            found[1].fail(error)

    def _put_on_wire(self, request: SendMessage) -> None:
        wa_message_id = request.message.wa_message_id
        sending = self._client.send(request.message, request.deadline)
        sending.add_done_callback(lambda future: self._tell(Sent(wa_message_id, future)))


def pass_on(future: Future[Any], reply: Reply) -> None:
    """Answer an ask with what the page answers, without another turn through the mailbox."""

    def settle(done: Future[Any]) -> None:
        error = done.exception()
        if error is None:
            reply.set(done.result())
        else:
            reply.fail(error)

    future.add_done_callback(settle)
