"""A Dockerfile as data, and the steps of it that need no engine."""

import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOME = "/opt/wahook"


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction: its word, and the rest of its line."""

    word: str
    text: str

    @property
    def sources(self) -> list[str]:
        """What a COPY takes."""
        return [part for part in shlex.split(self.text)[:-1] if not part.startswith("--")]

    @property
    def target(self) -> str:
        """Where a COPY puts it."""
        return shlex.split(self.text)[-1]

    @property
    def from_stage(self) -> bool:
        """Whether a COPY takes from an earlier stage."""
        return self.text.startswith("--from=")


def stages(text: str) -> list[list[Step]]:
    """The steps of each stage, without comments and with continued lines joined."""
    kept = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    found: list[list[Step]] = []
    for line in kept.replace("\\\n", " ").splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            if word == "FROM":
                found.append([])
            found[-1].append(Step(word, " ".join(rest.split())))
    return found


def texts(stage: list[Step], word: str) -> list[str]:
    """What follows every such word in a stage."""
    return [step.text for step in stage if step.word == word]


def copy(step: Step, context: Path, home: Path, earlier: Path | None = None) -> None:
    """Do a COPY in a folder that stands for the image's working directory."""
    for source in step.sources:
        origin = earlier / Path(source).relative_to(HOME) if step.from_stage and earlier else context / source
        target = home / step.target
        into = target / origin.name if step.target.endswith("/") or len(step.sources) > 1 else target
        into.parent.mkdir(parents=True, exist_ok=True)
        if origin.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(origin, into, symlinks=True, dirs_exist_ok=True, ignore=ignored)
        else:
            shutil.copy2(origin, into)


def run(command: str, home: Path, deadline: float = 240) -> str:
    """Do a RUN there: its output; AssertionError with it when it fails."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=deadline,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
