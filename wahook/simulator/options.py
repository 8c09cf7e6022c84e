"""What may be set about a simulator."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SimulatorOptions:
    """Timings in seconds; a negative one is refused at construction.

    qr_first, qr_next: how long the first QR code and each later one stand; qr_count: how many are shown
    before the page goes idle. delivery_after: until a phone outside the simulator has a message (ack 2).
    read_after: until such a phone reads it (ack 3), None: never. sync_delay: from CONNECTED to `hasSynced`;
    below 0.3 s one well-known client never becomes ready. history: messages a login brings per chat.
    """

    qr_first: float = 60.0
    qr_next: float = 20.0
    qr_count: int = 6
    delivery_after: float = 0.05
    read_after: float | None = None
    sync_delay: float = 0.4
    history: int = 20

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        timings = (self.qr_first, self.qr_next, self.delivery_after, self.read_after or 0.0, self.sync_delay)
        if (
            min(timings) < 0
            or self.qr_first == 0
            or self.qr_next == 0
            or self.qr_count < 1
            or self.history < 0
        ):
            raise ValueError(f"simulator options out of range: {self}")
