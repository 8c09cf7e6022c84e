"""Events as Socket.IO carries them: the contract's name, and the fields in camelCase."""

from __future__ import annotations

from dataclasses import dataclass, fields

from pydantic.alias_generators import to_camel

from actors.events import Event, Qr, QrUpdated, StatusChanged
from actors.model import JSON
from supervision import Transition
from wahook.edge import qr
from wahook.edge.ports import SessionResource


@dataclass(frozen=True, slots=True)
class Packet:
    """One emission. `session_id` says whose room; None is for operators only."""

    name: str
    payload: dict[str, JSON]
    session_id: str | None = None


def packet_of(event: Event) -> Packet:
    """The packet of an event."""
    payload: dict[str, JSON] = {
        to_camel(entry.name.rstrip("_")): getattr(event, entry.name) for entry in fields(event)
    }
    if isinstance(event, Qr | QrUpdated):
        payload["qr"] = qr.data_url(event.code)
    return Packet(event.name, payload, event.session_id)


def transition_packet(entry: Transition) -> Packet:
    """For operators."""
    return Packet("supervision:transition", dict(entry.to_dict()))


def greeting(found: SessionResource) -> list[Packet]:
    """What somebody who joins late needs to know of a session."""
    session_id = found.account.session_id
    packets = [packet_of(StatusChanged(session_id, found.status.value))]
    if found.view is not None and found.view.qr_code is not None:
        shown_at = int(found.view.since.timestamp() * 1000)
        packets.append(packet_of(Qr(session_id, found.view.qr_code, shown_at)))
    return packets
