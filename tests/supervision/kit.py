"""Words that the tests of supervision share: children, supervisors, and what OTP's verbs answer."""

import pytest

from supervision import BackOff, ChildSpec, ExitKind, Jitter, Restart, SupervisorSpec
from supervision.testing import VirtualTree

P, TR, TE = Restart.PERMANENT, Restart.TRANSIENT, Restart.TEMPORARY
PLAIN = Jitter(1, 1)
LOOSE = {"intensity": 100, "period": 3600.0}
ENDS = ["normal", "shutdown", "shutdown: some info", "crash"]


def worker(tree: VirtualTree, name: str, *starts, stopping="ok", killable=False, **rest) -> ChildSpec:
    """A child that does what its script says."""
    return ChildSpec(name, tree.scripted(*starts, stopping=stopping, killable=killable), **rest)


def run(tree: VirtualTree, *children: ChildSpec, **flags):
    """The root, with so many restarts allowed that the fuse is out of the way."""
    up = tree.start(SupervisorSpec(children, **(LOOSE | flags)))
    tree.said()
    return up


def run_inside(tree: VirtualTree, *children: ChildSpec, **flags) -> None:
    """A supervisor `s` under a root that outlives it."""
    inner = SupervisorSpec(children, **(LOOSE | flags))
    tree.start(SupervisorSpec((ChildSpec("s", inner, restart=TE),)))
    tree.said()


def pool(tree: VirtualTree, **flags) -> None:
    """A dynamic supervisor `s`."""
    run_inside(tree, dynamic=True, **flags)


def add(tree: VirtualTree, spec: ChildSpec):
    """start_child, answered."""
    return tree.do(tree.system.start_child("s", spec))


def rows(tree: VirtualTree, path="s"):
    """which_children with OTP's words: a handle's incarnation, "restarting" or "undefined"."""
    words = {"starting": "restarting", "backoff": "restarting", "hold": "restarting"}
    found = tree.do(tree.system.which_children(path))
    return [
        (row.id, row.handle.incarnation if row.handle else words.get(row.state, "undefined")) for row in found
    ]


def counts(tree: VirtualTree, path="s"):
    """count_children: specs, active, supervisors, workers."""
    found = tree.do(tree.system.count_children(path))
    return [found.specs, found.active, found.supervisors, found.workers]


def end(tree: VirtualTree, path: str, way: str) -> None:
    """As the suite's terminate/4: ends by itself in that way, is killed, or is stopped by its supervisor."""
    match way:
        case "kill":
            tree.handle(path).kill("test")
            tree.settle()
        case "supervisor":
            tree.do(tree.system.terminate_child(path))
        case "shutdown: some info":
            tree.handle(path).cell.context.stop(way)
            tree.settle()
        case _:
            tree.tell(path, way)


def refused(tree: VirtualTree, future) -> type[BaseException]:
    """The class of what the verb was answered with."""
    with pytest.raises(Exception) as caught:
        tree.do(future)
    return type(caught.value)


def run_strictly(tree: VirtualTree, *children: ChildSpec, **flags) -> None:
    """The root, with the fuse as it is by default."""
    tree.start(SupervisorSpec(children, **flags))
    tree.said()


def backoff(low=2.0, high=60.0, **rest) -> BackOff:
    """Without jitter, so that a delay is a figure."""
    return BackOff(low, high, jitter=PLAIN, **rest)


def classified(outcome):
    """A classifier that knows the scripted crash."""
    return lambda exit_: outcome if exit_.kind is ExitKind.CRASH else None
