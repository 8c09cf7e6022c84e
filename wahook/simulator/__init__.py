"""A local WhatsApp Web: page, phones, ledger and faults, good enough for unmodified clients.

It proves the wiring of whoever talks to it, not WhatsApp's goodwill. See docs/simulator.md.
"""

from wahook.simulator.app import Simulator, SimulatorThread, start_simulator
from wahook.simulator.options import SimulatorOptions

__all__ = ["Simulator", "SimulatorOptions", "SimulatorThread", "start_simulator"]
