"""A dump as text and HTML, drawn from its JSON data."""

from __future__ import annotations

import html
from typing import Any

Tree = dict[str, Any]

MARKS = {
    "running": "●",
    "starting": "◌",
    "stopping": "◌",
    "stopped": "○",
    "backoff": "◐",
    "hold": "◑",
    "failed": "✖",
    "wedged": "▲",
}


def to_text(dump: Tree) -> str:
    """The dump as a tree for a terminal, at most about 120 columns wide."""
    lines = [headline(dump)]
    rows: list[tuple[str, Tree]] = []
    if dump["tree"] is not None:
        _draw(dump["tree"], "", "", rows)
    left = max((len(stem) + len(_label(node)) for stem, node in rows), default=0) + 2
    for stem, node in rows:
        lines.append(f"{(stem + _label(node)).ljust(left)}{describe(node)}".rstrip())
    return "\n".join(lines) + "\n"


def headline(dump: Tree) -> str:
    """One line: who, since when, how many in which state."""
    process, totals = dump["process"], dump["totals"]
    counts = [f"{n} {state}" for state, n in reversed(totals.items()) if n]
    return (
        f"{dump['name']}  pid {process.get('pid')}  up {span(process['uptime_s'])}  {'  '.join(counts)}"
        f"   {dump['generated_at'][11:19]}Z ({dump['collected_in_ms']:.0f} ms)"
    )


def _draw(node: Tree, stem: str, below: str, rows: list[tuple[str, Tree]]) -> None:
    rows.append((stem, node))
    children = node.get("children", [])
    for index, child in enumerate(children):
        last = index == len(children) - 1
        _draw(child, below + ("└─" if last else "├─"), below + ("  " if last else "│ "), rows)


def _label(node: Tree) -> str:
    number = f" #{node['incarnation']}" if node["incarnation"] > 1 else ""
    return f"{MARKS[node['state']]} {node['id']}{number}"


def describe(node: Tree) -> str:
    """What stands right of a node's name."""
    state = node["state"]
    shown = state.upper() if state in ("backoff", "hold", "failed", "wedged") else state
    kind = f"sup  {node['strategy']}" if node["kind"] == "supervisor" else node["restart_policy"]
    parts = [f"{kind:<17} {shown:<8}", *_details(node)]
    return "  ".join(part for part in parts if part)


def _details(node: Tree) -> list[str]:
    match node["state"]:
        case "backoff" | "hold":
            return [_pending(node), _last(node)]
        case "failed":
            return [node["reason"], node["state_since"][11:16] + "Z", "→ needs an operator"]
        case "wedged":
            return [_stuck(node), _last(node), _processes(node)]
        case "running":
            return _running(node)
        case _:
            return [node["reason"]]


def _running(node: Tree) -> list[str]:
    parts = [span(node["uptime_s"] or 0.0)]
    if node["kind"] == "supervisor":
        fuse = node.get("intensity")
        if fuse:
            parts.append(f"restarts {fuse['used']}/{fuse['max']} in {fuse['period_s']:g}s")
        storm = node.get("storm_fuse")
        if storm and storm["tripped_until"]:
            parts.append(f"STORM until {storm['tripped_until'][11:19]}Z")
        return parts
    return [*parts, _beat(node), _current(node), _queue(node), _count(node), _processes(node)]


def _pending(node: Tree) -> str:
    back = node["backoff"]
    if back is None:
        return ""
    cap = f" (cap {back['cap_s']:g})" if back["cap_s"] else ""
    if node["state"] == "hold":
        return f"until {back['next_at'][:19]}Z ({span(back['remaining_s'])})  {node['reason']}"
    return f"{ordinal(back['attempt'])} try in {span(back['remaining_s'])}{cap}"


def _last(node: Tree) -> str:
    last = node["last_exit"]
    return f"last: {last['class']} {last['message']} after {span(last['ran_for_s'])}" if last else ""


def _stuck(node: Tree) -> str:
    current, thread = node["current"], node["thread"]
    if current is None:
        return f"{node['abandoned']} abandoned" if node["abandoned"] else ""
    frame = f"  at {thread['top_frame']}" if thread and thread["top_frame"] else ""
    return f"{current['message_type']} {span(current['busy_s'])}{frame}"


def _beat(node: Tree) -> str:
    beat = node["heartbeat"]
    if beat is None:
        return ""
    if beat["misses"]:
        return f"missed {beat['misses']}"
    rtt = f"  rtt {beat['rtt_ms']:.0f}ms" if beat["rtt_ms"] is not None else ""
    return f"ok {span(beat['age_s'])} ago{rtt}"


def _current(node: Tree) -> str:
    current = node["current"]
    return f"busy {current['message_type']} {span(current['busy_s'])}" if current else ""


def _queue(node: Tree) -> str:
    box = node["mailbox"]
    oldest = f" oldest {span(box['oldest_age_s'])}" if box["depth"] else ""
    dropped = f" dropped {box['dropped_total']}" if box["dropped_total"] else ""
    return f"q{box['depth']}{oldest}{dropped}"


def _count(node: Tree) -> str:
    restarts = node["restarts"]
    return f"restarts {restarts['total']}" if restarts["total"] else ""


def _processes(node: Tree) -> str:
    seen = node["os"]
    if seen is None:
        return ""
    pss = f"pss {seen['pss'] / 2**20:.0f}M  " if seen["pss"] is not None else ""
    return f"{pss}pid {' '.join(str(pid) for pid in seen['pids'])}"


def span(seconds: float) -> str:
    """A duration as people say it: 0.4s, 23s, 5m07s, 3h04m, 2d03h."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = int(seconds)
    for size, unit, smaller, sub in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= size:
            return f"{whole // size}{unit}{whole % size // smaller:02}{sub}"
    return f"{whole}s"


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, … 11th."""
    ends = {1: "st", 2: "nd", 3: "rd"}
    return f"{number}{'th' if number % 100 in (11, 12, 13) else ends.get(number % 10, 'th')}"


_STYLE = """
body{font:14px/1.5 system-ui,sans-serif;margin:1.5rem;color:#1c2430;background:#fff}
ul{list-style:none;margin:0;padding-left:1.2rem;border-left:1px solid #d5dbe3}
summary,li>div{padding:.15rem .3rem;cursor:default}
.id{font-weight:600}.meta{color:#5a6675;margin-left:.6rem}
.state{display:inline-block;min-width:5.2rem;font-variant:small-caps;font-weight:600}
.running{color:#1a7f37}.starting,.stopping{color:#57606a}.stopped{color:#6e7781}
.backoff,.hold{color:#9a6700}.failed,.wedged{color:#cf222e}
@media(prefers-color-scheme:dark){body{color:#e6e9ee;background:#14181f}.meta{color:#9aa6b4}
ul{border-color:#333c48}.running{color:#4ac26b}.backoff,.hold{color:#d4a72c}.failed,.wedged{color:#ff7b72}}
"""


def to_html(dump: Tree) -> str:
    """The dump as one page without scripts; subtrees fold."""
    tree = _item(dump["tree"]) if dump["tree"] is not None else ""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{html.escape(dump['name'])}: supervision tree</title><style>{_STYLE}</style></head>\n"
        f"<body><h1>{html.escape(dump['name'])}</h1>\n<p>{html.escape(headline(dump))}</p>\n"
        f"<ul>\n{tree}</ul>\n</body></html>\n"
    )


def _item(node: Tree) -> str:
    line = (
        f'<span class="state {node["state"]}">{MARKS[node["state"]]} {node["state"]}</span>'
        f'<span class="id">{html.escape(node["id"])}</span>'
        f'<span class="meta">#{node["incarnation"]} {html.escape(describe(node))}</span>'
    )
    path = html.escape(node["path"], quote=True)
    if "children" not in node:
        return f'<li data-path="{path}"><div>{line}</div></li>\n'
    inner = "".join(_item(child) for child in node["children"])
    return (
        f'<li data-path="{path}"><details open><summary>{line}</summary>\n<ul>\n{inner}</ul></details></li>\n'
    )
