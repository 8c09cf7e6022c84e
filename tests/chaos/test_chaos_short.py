"""Twenty kills under traffic in both directions. Seeded: WAHOOK_CHAOS_SEED repeats a run."""

import asyncio
import os
import random

import pytest

from tests.chaos.killing import kill
from tests.chaos.verdict import judge
from tests.service.conftest import open_house, simulator  # noqa: F401  # fixtures
from tests.service.house import until

pytestmark = [pytest.mark.browser, pytest.mark.chaos, pytest.mark.timeout(300)]

KILLS = 20
KINDS = ("browser", "browser", "renderer", "chromedriver")
PHONES = {"1": "491510000001", "2": "491510000002"}
FRIEND = "491769999999"


class Traffic:
    """Sends and receives on one session until it is told to stop."""

    def __init__(self, client, session_id, phone, rng):
        self.client, self.session_id, self.phone, self.rng = client, session_id, phone, rng
        self.sent, self.written = [], []
        self.running = True

    async def run(self):
        number = 0
        while self.running:
            number += 1
            accepted = await self.client.send(self.session_id, FRIEND, f"out {number}")
            self.sent.append(accepted["waMessageId"])
            self.written.append(await self.client.write(self.phone, FRIEND, f"in {number}"))
            await asyncio.sleep(self.rng.uniform(0.02, 0.3))

    async def settled(self):
        wire = await self.client.on_wire()
        arrived = {one["waMessageId"] for one in await self.client.incoming(self.session_id)}
        return all(wire[one] for one in self.sent) and arrived >= set(self.written)


async def test_twenty_kills_under_traffic_lose_and_double_nothing(open_house):  # noqa: F811
    seed = int(os.environ.get("WAHOOK_CHAOS_SEED", random.randrange(10**6)))
    print(f"WAHOOK_CHAOS_SEED={seed}")
    rng = random.Random(seed)
    house = await open_house(reconnect_base_delay=0.1, reconnect_max_delay=0.5)
    client = house.client
    traffics = []
    for user, phone in PHONES.items():
        session_id = await client.linked(user, "1", phone)
        traffics.append(Traffic(client, session_id, phone, random.Random(rng.random())))
    tasks = [asyncio.create_task(traffic.run()) for traffic in traffics]
    done = 0
    while done < KILLS:
        done += kill(house, rng.choice(KINDS), rng)
        await asyncio.sleep(rng.uniform(0.1, 1.2))
        for task in tasks:
            if task.done():
                task.result()
    for traffic in traffics:
        traffic.running = False
    await asyncio.gather(*tasks)

    for traffic in traffics:
        await client.status(traffic.session_id, "ready")
        await until("everything settled", traffic.settled, patience=60)
        verdict = await judge(client, traffic.session_id, traffic.sent, traffic.written)
        assert not verdict, verdict
        assert len(traffic.sent) > KILLS
