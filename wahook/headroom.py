"""What the last look at the memory showed, for whoever refuses and whoever shows it."""

from __future__ import annotations

from actors.errors import MemoryShort
from actors.memory import MemoryReport
from actors.memory_policy import Level
from actors.model import JSON


class Headroom:
    """Any thread: each report replaces the last. Until the first one there is room."""

    def __init__(self) -> None:
        self.report: MemoryReport | None = None

    def publish(self, report: MemoryReport) -> None:
        """Show this from now on."""
        self.report = report

    def admit(self) -> None:
        """MemoryShort while no further session may be started."""
        report = self.report
        if report is not None and report.level is Level.FULL:
            raise MemoryShort("the service is past its memory limit: no further session is started for now")

    def fields(self) -> dict[str, JSON]:
        """For /api/health. Bytes."""
        report = self.report
        if report is None:
            return {}
        return {"tree": report.tree, "limit": report.limit, "level": str(report.level)}
