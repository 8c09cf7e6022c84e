"""kill -9 in the middle of deliveries: what was journaled arrives, in order per chat, with the id it had."""

import asyncio
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from actors.durable import TaskState
from wahook.journal import open_journal
from wahook.journal.schema import messages_in

from .house import Receiver, until

ROOT = Path(__file__).parents[2]


def run_and_kill(data, url: str, answers: int = 0, commits: int = 0) -> set[str]:
    """Run the child until it has had so many answers, or dies itself after so many commits; what it answered.

    Ids of messages that it knew to be on disk.
    """
    ours, theirs = os.pipe()
    call = [
        sys.executable,
        "-m",
        "tests.webhooks.delivering_child",
        str(data),
        url,
        str(theirs),
        str(commits),
    ]
    child = subprocess.Popen(call, pass_fds=[theirs], cwd=ROOT, stdout=subprocess.DEVNULL)
    os.close(theirs)
    with os.fdopen(ours) as pipe:
        try:
            answered = [pipe.readline() for _ in range(answers)]
            if commits:
                child.wait(60)
        finally:
            child.kill()
        rest = pipe.readlines()
    child.wait(10)
    return {line.strip() for line in [*answered, *rest] if line.endswith("\n")}


def stored(data: Path, *, edited: bool = False) -> set[str]:
    """All messages that are on disk; with `edited` those whose text is another than at first."""
    query = sa.select(messages_in.c.wa_message_id)
    if edited:
        query = query.where(messages_in.c.body == "better")
    with open_journal(f"sqlite:///{data}/wahook.db") as journal, journal.engines.read.connect() as connection:
        return set(connection.execute(query).scalars())


def in_order(receiver: Receiver) -> bool:
    """Whether each chat's messages came in the order of their numbers, each before its edit; repeats do not
    count."""
    seen: dict[str, list[tuple[int, bool]]] = {}
    for call in receiver.calls:
        steps = seen.setdefault(call.body["payload"]["from"], [])
        step = int(call.message.removeprefix("in")), call.body["event"] == "message:edited"
        if step not in steps:
            steps.append(step)
    return all(steps == sorted(steps) for steps in seen.values())


@pytest.mark.parametrize("answers", [1, 40, 200])
async def test_every_journaled_message_is_delivered_though_the_service_was_killed(
    open_house, tmp_path, receiver, answers
):
    chance = random.Random(answers)
    receiver.answer = lambda _: chance.choice([200, 200, 200, 500])
    answered = await asyncio.to_thread(run_and_kill, tmp_path, receiver.url, answers)
    assert len(answered) >= answers
    await all_arrive(open_house, tmp_path, receiver, answered)


@pytest.mark.parametrize("commits", [1, 2, 7])
async def test_a_kill_right_after_the_commit_loses_nothing(open_house, tmp_path, receiver, commits):
    answered = await asyncio.to_thread(run_and_kill, tmp_path, receiver.url, commits=commits)
    if commits == 1:  # later ones may be of a delivery's end
        assert stored(tmp_path)
        assert answered == set()
    await all_arrive(open_house, tmp_path, receiver, answered)


async def test_each_of_several_receivers_gets_everything_though_the_service_was_killed(
    open_house, tmp_path, receiver, other
):
    chance = random.Random(7)
    other.answer = lambda _: chance.choice([*[200] * 8, 500, 503])
    urls = f"{receiver.url},{other.url}"
    answered = await asyncio.to_thread(run_and_kill, tmp_path, urls, 20)
    await all_arrive(open_house, tmp_path, receiver, answered)
    assert stored(tmp_path) <= {*other.messages()}
    assert in_order(other)


async def all_arrive(open_house, data: Path, receiver: Receiver, answered: set[str]) -> None:
    """After the next start: each message on disk at least once, in order, with one id, and nothing else."""
    journaled, edited = stored(data), stored(data, edited=True)
    assert answered <= journaled
    before = len(receiver.calls)
    receiver.answer = lambda _: 200
    house = open_house()
    house.number = 10**6  # ids that the child cannot have used
    last = await house.arrive()
    await until("all arrived", lambda: {*journaled, *last} <= {*receiver.messages()})
    await until("nothing is left", lambda: not house.deliveries(TaskState.PENDING))
    told = {call.message for call in receiver.calls if call.body["event"] == "message:edited"}
    assert told == edited, "what the rows say was told"
    assert house.deliveries(TaskState.DEAD) == []
    assert in_order(receiver)
    ids: dict[tuple[str, str], str] = {}
    for call in receiver.calls:
        what = call.message, call.body["event"]
        assert ids.setdefault(what, call.headers["X-Webhook-Id"]) == call.headers["X-Webhook-Id"]
    after = [call.raw for call in receiver.calls[before:]]
    assert len(after) == len(set(after)), "what is not killed delivers once"
