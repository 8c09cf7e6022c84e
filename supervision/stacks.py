"""All actor stacks to a logger, at a signal: the last look at a tree that will not answer."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import traceback
from typing import TYPE_CHECKING

from supervision.handle import ActorThread
from supervision.masking import masked

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


def write_stacks(logger: logging.Logger) -> int:
    """Log the stack of every thread, actors first; returns how many there were. Any thread."""
    frames = sys._current_frames()  # noqa: SLF001 - the only way to see another thread's frame
    threads = sorted(threading.enumerate(), key=lambda each: (not isinstance(each, ActorThread), each.name))
    for thread in threads:
        frame = frames.get(thread.ident or 0)
        stack = "".join(traceback.format_stack(frame)) if frame is not None else "  (no frame)\n"
        kind = "actor" if isinstance(thread, ActorThread) else "thread"
        logger.warning("stacks.%s %s native_id=%s\n%s", kind, masked(thread.name), thread.native_id, stack)
    return len(threads)


def install_stack_dump(
    number: signal.Signals = signal.SIGUSR1, logger: logging.Logger | None = None
) -> Callable[[], None]:
    """Write all stacks when the signal comes; returns how to uninstall. Only on the main thread."""
    target = logger or logging.getLogger("supervision.stacks")

    def dump(_number: int, _frame: FrameType | None) -> None:
        # Not here: the interrupted code may be inside the logger's stream, which is not re-entrant.
        threading.Thread(target=write_stacks, args=(target,), name="stack-dump", daemon=True).start()

    before = signal.signal(number, dump)
    return lambda: _restore(number, before)


def _restore(number: signal.Signals, before: object) -> None:
    signal.signal(number, before)  # type: ignore[arg-type]
