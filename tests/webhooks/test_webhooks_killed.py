"""kill -9 in the middle of deliveries: what was journaled arrives, in order per chat, with the id it had."""

import asyncio
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from actors.durable import TaskState

from .house import Receiver, until

ROOT = Path(__file__).parents[2]


def run_and_kill(data, url: str, answers: int) -> set[str]:
    """Run the child, kill it in mid-traffic; the ids of all messages that it knew to be on disk."""
    ours, theirs = os.pipe()
    call = [sys.executable, "-m", "tests.webhooks.delivering_child", str(data), url, str(theirs)]
    child = subprocess.Popen(call, pass_fds=[theirs], cwd=ROOT, stdout=subprocess.DEVNULL)
    os.close(theirs)
    with os.fdopen(ours) as pipe:
        try:
            answered = [pipe.readline() for _ in range(answers)]
        finally:
            child.kill()
        rest = pipe.readlines()
    child.wait(10)
    return {line.strip() for line in [*answered, *rest] if line.endswith("\n")}


def in_order(receiver: Receiver) -> bool:
    """Whether each chat's messages came first in the order of their numbers; repeats do not count."""
    seen: dict[str, list[int]] = {}
    for call in receiver.calls:
        numbers = seen.setdefault(call.body["payload"]["from"], [])
        number = int(call.message.removeprefix("in"))
        if number not in numbers:
            numbers.append(number)
    return all(numbers == sorted(numbers) for numbers in seen.values())


@pytest.mark.parametrize("answers", [1, 40, 200])
async def test_every_journaled_message_is_delivered_though_the_service_was_killed(
    open_house, tmp_path, receiver, answers
):
    chance = random.Random(answers)
    receiver.answer = lambda _: chance.choice([200, 200, 200, 500])
    journaled = await asyncio.to_thread(run_and_kill, tmp_path, receiver.url, answers)
    assert len(journaled) >= answers
    before = len(receiver.calls)

    receiver.answer = lambda _: 200
    house = open_house()
    house.number = 10**6  # ids that the child cannot have used
    last = await house.arrive()
    await until("all arrived", lambda: {*journaled, *last} <= {*receiver.messages()})
    await until("nothing is left", lambda: not house.deliveries(TaskState.PENDING))
    assert house.deliveries(TaskState.DEAD) == []
    assert in_order(receiver)
    ids = {}
    for call in receiver.calls:
        assert ids.setdefault(call.message, call.headers["X-Webhook-Id"]) == call.headers["X-Webhook-Id"]
    repeated = len(receiver.calls[before:]) - len({call.message for call in receiver.calls[before:]})
    assert repeated == 0, "what is not killed delivers once"
