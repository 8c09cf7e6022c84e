"""Faults: what is to go wrong, for whom, how often."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from wahook.simulator.errors import SimulatorError
from wahook.simulator.numbers import EVERYBODY


class FaultKind(Enum):
    """The kinds of the control API."""

    CONFLICT = "conflict"
    OFFLINE = "offline"
    ONLINE = "online"
    HANG = "hang"
    CRASH = "crash"
    RELOAD = "reload"
    GROW = "grow"
    BAN = "ban"
    SLOW_ACK = "slow_ack"
    LOST_ACK = "lost_ack"
    SEND_ERROR = "send_error"
    SLOW_BOOT = "slow_boot"
    MISSING_MODULE = "missing_module"
    CLEAR = "clear"


PAGE_ACTS = frozenset({FaultKind.HANG, FaultKind.CRASH, FaultKind.RELOAD, FaultKind.GROW})
KEPT = frozenset(
    {
        FaultKind.SLOW_ACK,
        FaultKind.LOST_ACK,
        FaultKind.SEND_ERROR,
        FaultKind.SLOW_BOOT,
        FaultKind.MISSING_MODULE,
    }
)
_SEND_RESULTS = frozenset(
    {"ERROR_NETWORK", "ERROR_EXPIRED", "ERROR_CANCELLED", "ERROR_UPLOAD", "ERROR_UNKNOWN"}
)


USUAL_SECONDS = {FaultKind.SLOW_ACK: 5, FaultKind.SLOW_BOOT: 5, FaultKind.BAN: 60}
USUAL_MEGABYTES = {FaultKind.GROW: 100}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. times: how often it strikes before it is used up, 0: until cleared."""

    kind: FaultKind
    times: int = 1
    seconds: float = 0.0
    megabytes: int = 0
    module: str = ""
    result: str = "ERROR_NETWORK"
    reject: bool = False

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> "Fault":
        """From the control API's JSON; raises SimulatorError naming what is wrong."""
        try:
            kind = FaultKind(body.get("kind"))
        except ValueError:
            kinds = ", ".join(kind.value for kind in FaultKind)
            raise SimulatorError(f"'kind' must be one of {kinds}") from None
        fault = cls(
            kind=kind,
            times=_count(body, "times", 1),
            seconds=_seconds(body, USUAL_SECONDS.get(kind, 0)),
            megabytes=_count(body, "megabytes", USUAL_MEGABYTES.get(kind, 0)),
            module=str(body.get("module", "")),
            result=str(body.get("result", "ERROR_NETWORK")),
            reject=bool(body.get("reject", False)),
        )
        fault.check()
        return fault

    def check(self) -> None:
        """Raise SimulatorError when a kind lacks what it needs."""
        if self.kind in USUAL_SECONDS and self.seconds <= 0:
            raise SimulatorError(f"{self.kind.value} needs 'seconds' above 0")
        if self.kind is FaultKind.GROW and not 0 < self.megabytes <= 4096:
            raise SimulatorError("grow needs 'megabytes', 1 to 4096")
        if self.kind is FaultKind.MISSING_MODULE and not self.module:
            raise SimulatorError("missing_module needs 'module', a module name")
        if self.result not in _SEND_RESULTS:
            raise SimulatorError(f"'result' must be one of {', '.join(sorted(_SEND_RESULTS))}")

    def as_json(self) -> dict[str, Any]:
        """What a page or the control API is told."""
        return {
            "kind": self.kind.value,
            "times": self.times,
            "seconds": self.seconds,
            "megabytes": self.megabytes,
            "module": self.module,
        }


def _count(body: Mapping[str, Any], name: str, fallback: int) -> int:
    value = body.get(name, fallback)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise SimulatorError(f"'{name}' must be a whole number, 0 or more")
    return value


def _seconds(body: Mapping[str, Any], fallback: float) -> float:
    value = body.get("seconds", fallback)
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= 86_400:
        raise SimulatorError("'seconds' must be a number from 0 to 86400")
    return float(value)


@dataclass(slots=True)
class FaultBook:
    """The faults that wait for their occasion, per number; EVERYBODY's come after a number's own."""

    _waiting: dict[str, list[Fault]] = field(default_factory=dict)

    def add(self, digits: str, fault: Fault) -> None:
        """Keep it until its occasion."""
        self._waiting.setdefault(digits, []).append(fault)

    def clear(self, digits: str) -> None:
        """Forget this number's faults; EVERYBODY forgets all."""
        if digits == EVERYBODY:
            self._waiting.clear()
        self._waiting.pop(digits, None)

    def take(self, digits: str, kind: FaultKind) -> Fault | None:
        """The next fault of this kind for this number, used up by one."""
        for owner in (digits, EVERYBODY):
            for fault in self._waiting.get(owner, []):
                if fault.kind is kind:
                    self._use(owner, fault)
                    return fault
        return None

    def take_all(self, digits: str, kind: FaultKind) -> list[Fault]:
        """Every waiting fault of this kind, each used up by one."""
        taken = []
        for owner in dict.fromkeys((digits, EVERYBODY)):
            for fault in [known for known in self._waiting.get(owner, []) if known.kind is kind]:
                self._use(owner, fault)
                taken.append(fault)
        return taken

    def waiting(self, digits: str) -> list[Fault]:
        """What is still to strike this number."""
        return list(self._waiting.get(digits, []))

    def _use(self, owner: str, fault: Fault) -> None:
        faults = self._waiting[owner]
        position = faults.index(fault)
        if fault.times == 1:
            del faults[position]
        elif fault.times > 1:
            faults[position] = replace(fault, times=fault.times - 1)
