"""A running tree: start, stop, look, and operate by path."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from supervision.clock import Clock
from supervision.exits import Exit
from supervision.futures import AwaitableFuture
from supervision.handle import Handle
from supervision.specs import ChildSpec, ChildType, SupervisorSpec


@dataclass(frozen=True, slots=True)
class Transition:
    seq: int
    at: datetime
    path: str
    incarnation: int
    before: str
    after: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class ChildInfo:
    id: str
    handle: Handle | None
    state: str
    type: ChildType


@dataclass(frozen=True, slots=True)
class ChildCounts:
    specs: int
    active: int
    supervisors: int
    workers: int


class System:
    def __init__(
        self,
        root: SupervisorSpec,
        *,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        name: str = "system",
    ) -> None:
        raise NotImplementedError

    def start(self, timeout: float = 60.0) -> None: raise NotImplementedError
    def stop(self, timeout: float = 60.0, by: str = "") -> bool: raise NotImplementedError
    @property
    def ended(self) -> AwaitableFuture[Exit]: raise NotImplementedError
    def handle(self, path: str) -> Handle: raise NotImplementedError
    def snapshot(self) -> Any: raise NotImplementedError
    def subscribe(self, fn: Callable[[Transition], None]) -> Callable[[], None]: raise NotImplementedError
    @property
    def transitions(self) -> tuple[Transition, ...]: raise NotImplementedError
    @property
    def version(self) -> int: raise NotImplementedError
    def start_child(self, parent: str, spec: ChildSpec, by: str = "") -> AwaitableFuture[Handle]: raise NotImplementedError
    def terminate_child(self, path: str, by: str = "") -> AwaitableFuture[None]: raise NotImplementedError
    def restart_child(self, path: str, by: str = "") -> AwaitableFuture[Handle]: raise NotImplementedError
    def delete_child(self, path: str, by: str = "") -> AwaitableFuture[None]: raise NotImplementedError
    def which_children(self, path: str) -> AwaitableFuture[list[ChildInfo]]: raise NotImplementedError
    def count_children(self, path: str) -> AwaitableFuture[ChildCounts]: raise NotImplementedError
    def retry(self, path: str, by: str = "") -> AwaitableFuture[Handle]: raise NotImplementedError
    def restart(self, path: str, by: str = "") -> AwaitableFuture[Handle]: raise NotImplementedError
    def kill(self, path: str, reason: str, by: str = "") -> AwaitableFuture[None]: raise NotImplementedError
