"""The words of the mails, read once from the files beside this module."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from string import Template

LANGUAGES = ("es", "en")
FALLBACK = "en"


@dataclass(frozen=True, slots=True)
class Words:
    """One language's."""

    language: str
    time: str  # strftime
    sections: Mapping[str, Mapping[str, str]]

    def say(self, section: str, name: str, **values: object) -> str:
        """A text with its values filled in. KeyError for a text or a value that there is not."""
        text = self.sections[section][name].strip()
        return Template(text).substitute({key: str(value) for key, value in values.items()})

    def reason(self, word: str) -> str:
        """A reason as people say it, and its word; a word that nobody knows stands for itself."""
        known = self.sections["reasons"].get(word)
        return word if known is None else f"{known} ({word})"

    def length(self, seconds: float) -> str:
        """A length of time, rounded to what matters."""
        for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
            if seconds >= 2 * size or (unit == "minutes" and seconds >= size):
                return self.say("units", unit, n=round(seconds / size))
        return self.say("units", "seconds", n=round(seconds))


@dataclass(frozen=True, slots=True)
class Texts:
    """All languages, and the frame of the HTML form."""

    words: Mapping[str, Words]
    layout: Template

    def of(self, language: str) -> Words:
        """A language's words; English for one that there is not."""
        return self.words.get(language, self.words[FALLBACK])


def load_texts() -> Texts:
    """From the package's files."""
    folder = files(__package__) / "texts"
    words = {}
    for language in LANGUAGES:
        found = tomllib.loads((folder / f"{language}.toml").read_text(encoding="utf-8"))
        words[language] = Words(language, found.pop("time"), found)
    return Texts(words, Template((folder / "layout.html").read_text(encoding="utf-8")))
