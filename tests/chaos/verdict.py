"""The verdict over a run: what the simulator's ledger and the journal say, and nobody else."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Verdict:
    """Every list is empty when nothing went wrong."""

    lost_out: list[str] = field(default_factory=list)
    doubled_out: list[str] = field(default_factory=list)
    lost_in: list[str] = field(default_factory=list)
    doubled_in: list[str] = field(default_factory=list)
    disorder: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether anything went wrong."""
        return any((self.lost_out, self.doubled_out, self.lost_in, self.doubled_in, self.disorder))


async def judge(client, session_id: str, sent: list[str], written: list[str]) -> Verdict:
    """`sent`, `written`: WhatsApp ids in the order in which they were accepted and written."""
    wire = {entry["id"]: entry for entry in await client.ledger()}
    journal = [one["waMessageId"] for one in await client.incoming(session_id)]
    on_wire = sorted((one for one in sent if one in wire), key=lambda one: wire[one]["at"])
    return Verdict(
        lost_out=[one for one in sent if one not in wire],
        doubled_out=[one for one in sent if one in wire and wire[one]["count"] != 1],
        lost_in=[one for one in written if one not in journal],
        doubled_in=[one for one in written if journal.count(one) > 1],
        disorder=[a for a, b in zip(on_wire, [one for one in sent if one in wire], strict=True) if a != b],
    )
