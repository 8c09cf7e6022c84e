"""What the edge is told of a journal that does not answer: what it must not take for granted."""

import pytest

from actors.errors import CommitUncertain, JournalError
from actors.messages import CancelMessage
from supervision import Actor, BackOff, ChildSpec, SupervisorSpec, System
from wahook.asking import write


class Writer(Actor):
    def handle(self, message):
        match message.operation.message_id:
            case "slow":
                self.context.defer_reply()
            case "full":
                self.context.defer_reply().fail(JournalError("the disk is full"))
            case "mistaken":
                raise ZeroDivisionError


@pytest.fixture
def writer():
    spec = ChildSpec("writer", Writer, backoff=BackOff(min=0.01, max=0.1))
    with System(SupervisorSpec((spec,))) as system:
        yield system.handle("writer")


async def test_what_waits_too_long_may_yet_be_written_and_is_not_called_refused(writer):
    with pytest.raises(CommitUncertain, match=r"within 0\.05 s"):
        await write(writer, CancelMessage("slow"), 0.05)


@pytest.mark.parametrize("how", ["full", "mistaken"])
async def test_what_the_journal_could_not_write_is_not_uncertain(writer, how):
    with pytest.raises(JournalError) as caught:
        await write(writer, CancelMessage(how), 5.0)
    assert type(caught.value) is JournalError
