"""A person's mistake at the door, told in one sentence, and the nearest word to one that does not exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class Mistake(Exception):
    """A person's mistake at the door, in one sentence: which file, which knob, what was given, what is allowed."""

    def __init__(self, file: str, knob: str, given: str, allowed: str, meaning: str = "") -> None:
        self.file, self.knob, self.given, self.allowed, self.meaning = file, knob, given, allowed, meaning
        about = (
            f"{knob} = '{given}': " if knob and given and f"'{given}'" not in allowed else f"{knob}: " if knob else ""
        )
        super().__init__(f"{file}: {about}{allowed}" + (f" ({knob.rpartition('.')[2]}: {meaning})" if meaning else ""))


def nearest(word: str, words: Iterable[str]) -> str:
    """The words "; did you mean X?" for the most similar of `words`, or nothing where none is similar."""
    words = sorted(words)
    same = [name for name in words if name.lower() == word.lower()]
    found = same or difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    if not found:
        last = {name: name.rpartition(".")[2] for name in words}
        close = difflib.get_close_matches(word.rpartition(".")[2], last.values(), n=1, cutoff=0.6)
        found = [name for name in words if last[name] in close]
    return f"; did you mean {found[0]}?" if found else ""
