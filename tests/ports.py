"""Ports for servers that are told theirs, or that come back at the address of before.

One that the system chose for port 0 is free for others as soon as nobody listens on it: for a connection, or
for a server of the tests beside us. These lie below the range from which the system chooses.
"""

from __future__ import annotations

import random
import socket
from pathlib import Path

LOWEST = 20_000  # above the ports that browsers refuse to speak to
RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """One that nobody listens on, and that nobody gets who does not ask for it by its number."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """So many, all different."""
    highest = int(RANGE.read_text().split()[0]) if RANGE.exists() else 32_768
    candidates = range(LOWEST, highest)
    found: list[int] = []
    for port in random.SystemRandom().sample(candidates, len(candidates)):
        if len(found) == count:
            break
        if _free(port):
            found.append(port)
    assert len(found) == count, "no port is free"
    return found


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
