"""How each action of the script is carried out on a household."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import aiohttp

from tests.chaos.disk import SmallDisk
from tests.chaos.household import Household
from tests.chaos.script import PROCESSES, SIGNALS, Step
from tests.chaos.traffic import Traffic
from tests.chaos.victims import strike, victim
from tests.service.house import API, until


@dataclass(frozen=True, slots=True)
class Acts:
    """Everything there is to harm."""

    household: Household
    disk: SmallDisk
    traffics: list[Traffic]

    async def carry_out(self, step: Step) -> bool:
        """Do it. False when there was nobody to do it to."""
        traffic = self.traffics[step.session]
        how, _, kind = step.action.partition(" ")
        if how in SIGNALS and kind in PROCESSES:
            return await self._signal(how, kind, traffic, step.dice)
        return await self._others()[step.action](traffic, step.dice)

    def _others(self) -> dict[str, Callable[[Traffic, float], Awaitable[bool]]]:
        fault = self._fault
        return {
            "crash": partial(fault, "crash"),
            "busy": partial(fault, "hang", seconds=0),
            "reload": partial(fault, "reload"),
            "slow_ack": partial(fault, "slow_ack", seconds=3, times=2),
            "lost_ack": partial(fault, "lost_ack"),
            "send_error": partial(fault, "send_error"),
            "slow_boot": self._slow_boot,
            "offline": self._offline,
            "conflict": self._conflict,
            "ban": self._ban,
            "restart": partial(self._verb, "restart"),
            "stop and start": self._stop_and_start,
            "restart by path": self._restart_by_path,
            "full disk": self._full_disk,
            "read-only profile": self._read_only,
        }

    async def _signal(self, how: str, kind: str, traffic: Traffic, dice: float) -> bool:
        if kind == "service":
            return await self._service(how, dice)
        pid = await asyncio.to_thread(victim, self.household.data, kind, traffic.session_id)
        if pid is None:
            return False
        strike(pid, how)
        return True

    async def _service(self, how: str, dice: float) -> bool:
        if how == "hang":
            await self.household.pause(1 + 4 * dice)
            return True
        code = await self.household.end(signal.SIGKILL if how == "kill" else signal.SIGTERM)
        assert how == "kill" or code == 0, f"SIGTERM ended the service with {code}: {self.household.tail()}"
        await self.household.start()
        return True

    # -- the simulator's faults -------------------------------------------------------------------------

    async def _fault(self, kind: str, traffic: Traffic, _dice: float, **fields: object) -> bool:
        """False when no page of the account is connected."""
        client = self.household.client
        url = f"{client.simulator_url}/sim/phones/{traffic.phone}/faults"
        async with client.http.post(url, json={"kind": kind, **fields}) as answer:
            return answer.status < 300

    async def _slow_boot(self, traffic: Traffic, dice: float) -> bool:
        """The next page stands still at its start, for longer than it is given."""
        await self._fault("slow_boot", traffic, dice, seconds=60)
        return await self._signal("kill", "browser", traffic, dice)

    async def _offline(self, traffic: Traffic, dice: float) -> bool:
        await self._fault("offline", traffic, dice)
        await asyncio.sleep(1 + 6 * dice)
        return await self._fault("online", traffic, dice)

    async def _ban(self, traffic: Traffic, dice: float) -> bool:
        return await self._fault("ban", traffic, dice, seconds=round(2 + 3 * dice))

    async def _conflict(self, traffic: Traffic, dice: float) -> bool:
        """Another page takes over; a human then asks for the session again."""
        if not await self._fault("conflict", traffic, dice):
            return False
        await until("the conflict is seen", partial(self._shows, traffic, "error"), 30)
        return await self._verb("start", traffic, dice)

    async def _shows(self, traffic: Traffic, status: str) -> bool:
        return (await traffic.insist("GET", f"{API}/{traffic.session_id}"))["status"] == status

    # -- the operator -----------------------------------------------------------------------------------

    async def _verb(self, verb: str, traffic: Traffic, _dice: float) -> bool:
        await traffic.insist("POST", f"{API}/{traffic.session_id}/{verb}")
        return True

    async def _stop_and_start(self, traffic: Traffic, dice: float) -> bool:
        await self._verb("stop", traffic, dice)
        await asyncio.sleep(dice)
        return await self._verb("start", traffic, dice)

    async def _restart_by_path(self, traffic: Traffic, dice: float) -> bool:
        branches = ("", "/session", "/keepalive", "/keepalive/watchdog")
        path = f"sessions/{traffic.session_id}{branches[int(dice * len(branches))]}"
        paths = (path, path, "journal-writer", f"outbox/{traffic.session_id}", "redis", "chromedriver")
        client = self.household.client
        try:
            status, _ = await client.call(
                "POST", "/api/supervision/restart", {"path": paths[int(dice * 97) % len(paths)]}
            )
        except aiohttp.ClientError:
            return False
        return status < 300

    # -- the disk ---------------------------------------------------------------------------------------

    async def _full_disk(self, traffic: Traffic, dice: float) -> bool:
        """Nothing can be written, and a browser has to start."""
        if not self.disk.usable:
            return False
        await asyncio.to_thread(self.disk.fill)
        try:
            await self._signal("kill", "browser", traffic, dice)
            await asyncio.sleep(2 + 4 * dice)
        finally:
            await asyncio.to_thread(self.disk.free)
        return True

    async def _read_only(self, traffic: Traffic, dice: float) -> bool:
        if not self.disk.usable:
            return False
        profile = self.household.data / "whatsapp-sessions" / f"session-{traffic.session_id}"
        locked = await asyncio.to_thread(self.disk.lock, profile)
        try:
            await self._signal("kill", "browser", traffic, dice)
            await asyncio.sleep(2 + 4 * dice)
        finally:
            await asyncio.to_thread(self.disk.unlock, profile)
        return locked
