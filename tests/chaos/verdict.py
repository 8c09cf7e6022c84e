"""The verdict over a run: what the simulator's ledger and the journal say, and nobody else."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field

from tests.service.house import API


@dataclass
class Verdict:
    """Every list is empty when nothing went wrong."""

    lost_out: list[str] = field(default_factory=list)
    doubled_out: list[str] = field(default_factory=list)
    lost_in: list[str] = field(default_factory=list)
    doubled_in: list[str] = field(default_factory=list)
    disorder_out: list[str] = field(default_factory=list)
    disorder_in: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)  # on the wire, and the journal does not know it

    def __bool__(self) -> bool:
        """Whether anything went wrong."""
        return any(asdict(self).values())

    def __str__(self) -> str:
        wrong = {name: ids for name, ids in asdict(self).items() if ids}
        return (
            "; ".join(f"{name} {len(ids)} ({', '.join(ids[:3])} …)" for name, ids in wrong.items()) or "clean"
        )


async def judge(
    client,
    session_id: str,
    sent: list[str],
    written: list[tuple[str, str]],
    exempt: frozenset[str] = frozenset(),
) -> Verdict:
    """`sent`: WhatsApp ids as accepted, `written`: (id, sender) as written; both in order.

    The order is kept within a session for what goes out, within a chat for what comes in. `exempt` from it
    is what an operator has sent again.
    """
    wire = {entry["id"]: entry for entry in await client.ledger()}
    journal = [one["waMessageId"] for one in await client.incoming(session_id)]
    times = Counter(journal)
    done = await _done(client, session_id)
    orderly = [one for one in sent if one in wire and one not in exempt]
    on_wire = sorted(orderly, key=lambda one: wire[one]["at"])
    return Verdict(
        lost_out=[one for one in sent if one not in wire],
        doubled_out=[one for one in sent if one in wire and wire[one]["count"] != 1],
        lost_in=[one for one, _ in written if one not in times],
        doubled_in=[one for one, _ in written if times[one] > 1],
        disorder_out=[a for a, b in zip(on_wire, orderly, strict=True) if a != b],
        disorder_in=_disorder(journal, written),
        unfinished=[one for one in sent if one in wire and one not in done],
    )


async def _done(client, session_id: str) -> set[str]:
    """What the journal holds to be sent."""
    found, cursor = set(), ""
    while cursor is not None:
        tail = f"&cursor={cursor}" if cursor else ""
        page = await client.ok("GET", f"{API}/{session_id}/messages?direction=out&limit=1000{tail}")
        found |= {
            one["waMessageId"] for one in page["messages"] if one["status"] in ("sent", "delivered", "read")
        }
        cursor = page["next"]
    return found


def _disorder(journal: list[str], written: list[tuple[str, str]]) -> list[str]:
    place = {one: number for number, one in enumerate(journal)}
    wrong = []
    for chat in {sender for _, sender in written}:
        ours = [one for one, sender in written if sender == chat and one in place]
        wrong += [a for a, b in zip(ours, sorted(ours, key=place.__getitem__), strict=True) if a != b]
    return wrong
