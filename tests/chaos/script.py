"""What chaos does, as data: the actions, how often each is drawn, and a seed's script of them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

# A signal to a kind of process: "kill browser" and so on.
SIGNALS = ("kill", "hang", "term")
PROCESSES = ("browser", "renderer", "chromedriver", "redis", "service")
FAULTS = (
    "crash",
    "busy",
    "reload",
    "offline",
    "slow_ack",
    "lost_ack",
    "send_error",
    "conflict",
    "ban",
    "slow_boot",
)
VERBS = ("restart", "stop and start", "restart by path")
DISK = ("full disk", "read-only profile")

WEIGHTS: dict[str, int] = {
    **{f"{signal} {process}": 3 for signal in SIGNALS for process in PROCESSES},
    **dict.fromkeys(FAULTS, 4),
    **dict.fromkeys(VERBS, 2),
    **dict.fromkeys(DISK, 3),
    "kill browser": 6,
}


@dataclass(frozen=True, slots=True)
class Step:
    """One action. `session`: whose; `dice`: 0 to 1, for what it has to choose; `pause`: seconds before it.

    `together`: without waiting until what the step before did is healed.
    """

    number: int
    action: str
    session: int
    dice: float
    pause: float
    together: bool


def script(seed: int, sessions: int) -> Iterator[Step]:
    """The same for the same seed, without end. All actions once in a drawn order first, then by weight."""
    rng = random.Random(f"script {seed}")
    first = list(WEIGHTS)
    rng.shuffle(first)
    names, weights = list(WEIGHTS), list(WEIGHTS.values())
    number = 0
    while True:
        action = first.pop() if first else rng.choices(names, weights)[0]
        number += 1
        yield Step(
            number, action, rng.randrange(sessions), rng.random(), rng.uniform(0, 0.8), rng.random() < 0.2
        )
