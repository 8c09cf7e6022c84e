"""How jobs are written in Redis: as RQ itself does, so that all of its tools can read them."""

from __future__ import annotations

import io
import pickle


class DataOnly:
    """RQ's default form; rq-dashboard knows no other for what is being sent, whatever its options.

    What is read may be nothing but data: who can write to Redis could else have anything run here.
    """

    @staticmethod
    def dumps(value: object) -> bytes:
        """Anything that is made of numbers, texts, lists and the like."""
        return pickle.dumps(value)

    @staticmethod
    def loads(raw: bytes) -> object:
        """What `dumps` wrote. UnpicklingError for what is more than data."""
        return _Reader(io.BytesIO(raw)).load()


class _Reader(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str, /) -> object:
        raise pickle.UnpicklingError(f"{module_name}.{global_name} is no data")
