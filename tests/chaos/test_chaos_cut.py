"""Chaos, cut to what the default run has time for; `make chaos` is the long one."""

import os

import pytest

from tests.chaos import report
from tests.chaos.run import Options, run
from tests.chaos.script import WEIGHTS, script

SECONDS = 90.0


def test_the_same_seed_makes_the_same_script():
    first, again, other = (script(seed, 3) for seed in (7, 7, 8))
    steps = [next(first) for _ in range(100)]
    assert steps == [next(again) for _ in range(100)]
    assert steps != [next(other) for _ in range(100)]


def test_every_action_comes_before_any_comes_twice():
    drawn = script(7, 3)
    assert sorted(next(drawn).action for _ in WEIGHTS) == sorted(WEIGHTS)


@pytest.mark.browser
@pytest.mark.chaos
@pytest.mark.timeout(400)
async def test_chaos_under_traffic_loses_doubles_and_leaves_nothing(tmp_path):
    outcome = await run(Options(int(os.environ.get("WAHOOK_CHAOS_SEED", "4")), SECONDS, 2, tmp_path))
    report.write(outcome, tmp_path / "report")
    print((tmp_path / "report" / "report.md").read_text())
    told = (tmp_path / "service.log").read_text(errors="replace").splitlines()
    print("\n".join(line for line in told if "edge.answered" not in line))  # shown when it fails
    assert outcome.wrong == []
    assert outcome.sent > 20
