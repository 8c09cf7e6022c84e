"""The report of a run: a table of recovery times and a plot of them, in plain Markdown and SVG."""

from __future__ import annotations

import json
import math
import statistics
from pathlib import Path
from xml.sax.saxutils import escape

from tests.chaos.run import Outcome, Recovery

WIDTH, ROW, LEFT, RIGHT = 900, 18, 170, 20
DECADES = (0.1, 1, 10, 100)  # seconds; the plot's logarithmic axis


def write(outcome: Outcome, folder: Path) -> None:
    """`report.md`, `recovery.svg`, `recovery.json` in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    by_action = _by_action(outcome.recoveries)
    (folder / "report.md").write_text(_text(outcome, by_action))
    (folder / "recovery.svg").write_text(_plot(by_action))
    rows = [
        [one.step.number, one.step.action, one.step.session, round(one.at, 2), one.took]
        for one in outcome.recoveries
    ]
    (folder / "recovery.json").write_text(json.dumps({"seed": outcome.options.seed, "recoveries": rows}))


def _by_action(recoveries: list[Recovery]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for one in sorted(recoveries, key=lambda one: one.step.action):
        times = found.setdefault(one.step.action, [])
        if one.took is not None:
            times.append(one.took)
    return found


def _text(outcome: Outcome, by_action: dict[str, list[float]]) -> str:
    options = outcome.options
    done = sum(len(times) for times in by_action.values())
    lines = [
        "# Chaos",
        "",
        f"Seed {options.seed}, {options.seconds:.0f} s, {options.sessions} sessions: {done} actions,",
        f"{outcome.sent} messages out, {outcome.written} in; the service was started {outcome.starts} times;",
        f"{outcome.retried} messages had spent their attempts and were sent again by hand.",
        "",
        f"Verdict: **{'; '.join(outcome.wrong) or 'nothing lost, nothing doubled, order kept'}**",
        "",
        *(f"Note: {note}" for note in outcome.notes),
        *_memory(outcome),
        "",
        "Seconds from the action to a message sent and one received on the session concerned:",
        "",
        "| action | n | median | max |",
        "|---|---|---|---|",
    ]
    for action, times in by_action.items():
        middle = f"{statistics.median(times):.2f} | {max(times):.2f}" if times else "- | -"
        lines.append(f"| {action} | {len(times)} | {middle} |")
    return "\n".join([*lines, "", "![recovery times](recovery.svg)", ""])


def _memory(outcome: Outcome) -> list[str]:
    if outcome.before is None or outcome.after is None:
        return []
    before, after = outcome.before, outcome.after
    return [
        f"Memory before and after: service {before.own:.0f} and {after.own:.0f} MB, with its browsers",
        f"{before.all_:.0f} and {after.all_:.0f} MB; threads {before.threads} and {after.threads},",
        f"open files {before.files} and {after.files}.",
    ]


def _plot(by_action: dict[str, list[float]]) -> str:
    height = ROW * (len(by_action) + 2)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for decade in DECADES:
        x = _x(decade)
        parts += [
            f'<line x1="{x:.0f}" y1="0" x2="{x:.0f}" y2="{height - ROW}" stroke="#ddd"/>',
            f'<text x="{x:.0f}" y="{height - 5}" text-anchor="middle">{decade:g} s</text>',
        ]
    for row, (action, times) in enumerate(by_action.items()):
        y = ROW * (row + 1)
        parts.append(f'<text x="{LEFT - 10}" y="{y + 4}" text-anchor="end">{escape(action)}</text>')
        parts += [
            f'<circle cx="{_x(time):.1f}" cy="{y}" r="4" fill="#1769aa" fill-opacity="0.5"/>'
            for time in times
        ]
    return "\n".join([*parts, "</svg>", ""])


def _x(seconds: float) -> float:
    """Where on the logarithmic axis."""
    low, high = math.log10(DECADES[0]), math.log10(DECADES[-1])
    place = (math.log10(min(max(seconds, DECADES[0]), DECADES[-1])) - low) / (high - low)
    return LEFT + place * (WIDTH - LEFT - RIGHT)
