"""`wahook doctor`: looks at everything the service stands on, changes nothing, and says what to do."""

from wahook.doctor.findings import Finding, State, as_json, as_text, exit_code
from wahook.doctor.visit import visit

__all__ = ["Finding", "State", "as_json", "as_text", "exit_code", "visit"]
