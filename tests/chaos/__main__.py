"""`python -m tests.chaos --seed N --minutes M --sessions K --report FOLDER`; 1: something went wrong."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from pathlib import Path

from tests.chaos import report
from tests.chaos.run import Options, run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument(
        "--seed", type=int, default=random.randrange(10**6), help="the same seed, the same script"
    )
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--sessions", type=int, default=3, choices=range(1, 10))
    parser.add_argument("--report", type=Path, default=Path("build/chaos"), help="where the report goes")
    words = parser.parse_args()
    print(f"seed {words.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="wahook-chaos-") as folder:
        options = Options(words.seed, words.minutes * 60, words.sessions, Path(folder))
        outcome = asyncio.run(run(options))
        report.write(outcome, words.report)
        if outcome.wrong:
            (words.report / "service.log").write_bytes((Path(folder) / "service.log").read_bytes())
    print((words.report / "report.md").read_text())
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
