"""Refusals of the simulator.

SimulatorError          bad request (400)
├─ NotFoundError        no such phone, message, group or file (404)
├─ ConflictError        not in this state: already linked, nobody connected (409)
└─ GoneError            the code was right once (410)
"""


class SimulatorError(Exception):
    """The request makes no sense; the text says why."""

    status = 400


class NotFoundError(SimulatorError):
    """There is no such thing."""

    status = 404


class ConflictError(SimulatorError):
    """Impossible in the present state."""

    status = 409


class GoneError(SimulatorError):
    """A QR code that was rotated away, or a pairing code that has expired."""

    status = 410
