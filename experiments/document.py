"""A scenario's document: what its file says, what was set on top, and whose mistake each value would be."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from offhours.sim import units
from offhours.sim.given import plain_text, read_toml
from offhours.sim.mistake import Mistake, nearest

FIELDS = {
    "question": "what the scenario asks, in words",
    "venue": "whose rulebook: a name, or a file of one's own",
    "spot": "whose spot rulebook the token follows, where not the venue's own: a name, or a file of one's own",
    "tickers": "which tokens have a perp and a token book",
    "headline": "the ticker that figures and summary speak of; the first where none is named",
    "regime": "which table of dollars the run is printed beside: mature or launch",
    "calendar": "the stock's hours: classic, or 24x5",
    "always_open": "whether the stock can be seen and traded at any hour (a control)",
    "start": "when the market begins to trade, New York time",
    "warm_up": "how long it trades before it is measured, where no start is given",
    "measure_from": "from when it is measured, New York time",
    "end": "when the run ends, New York time",
    "controls": "variations to run on the same luck",
    "positions": "a venue's own book of positions, handed in at the close",
}
"""What a scenario's file may say besides its tables."""


class SetText(str):
    """Text that was set for this run, not written in the scenario's file."""


@dataclass(frozen=True)
class Document:
    """Tables and fields as they were written, to be read one by one; each reading refuses with a :class:`Mistake`."""

    content: Mapping[str, Any]
    file: str
    folder: Path
    """Where the files are that it names."""

    def where(self, key: str, table: Mapping[str, Any] | None = None) -> str:
        """Whose mistake it would be: the file's, or of what was set for this run."""
        value = (self.content if table is None else table).get(key)
        return "--set" if isinstance(value, SetText) else self.file

    def mistake(self, key: str, allowed: str) -> Mistake:
        """What to raise where a field's value is refused."""
        given = self.content.get(key, "")
        return Mistake(self.where(key), key, plain_text(given), allowed, FIELDS.get(key, ""))

    def text(self, key: str, default: str | None = None) -> str:
        """A field that is one text."""
        value = self.content.get(key, default)
        if value is None:
            raise Mistake(self.file, key, "", "is missing", FIELDS[key])
        if isinstance(value, (list, Mapping)):
            raise self.mistake(key, "is one text")
        return plain_text(value)

    def one_of(self, key: str, words: tuple[str, ...]) -> str:
        """A field that is one of some words; the first where it is not written."""
        word = self.text(key, words[0])
        if word not in words:
            raise self.mistake(key, f"'{word}' is not one of {', '.join(words)}")
        return word

    def flag(self, key: str) -> bool:
        """A field that is true or false."""
        try:
            return bool(units.read(self.text(key, "false"), "flag"))
        except units.UnitError as error:
            raise self.mistake(key, str(error)) from None

    def rows(self, key: str) -> list[dict[str, Any]]:
        """The tables ``[[key]]``."""
        rows = self.content.get(key, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise Mistake(self.file, key, "", f"is written as [[{key}]], once for each")
        return rows

    def instant(self, key: str, row: Mapping[str, Any] | None = None, table: str = "") -> int:
        """A time of New York, of the document or of a row of one of its tables, in microseconds."""
        source = self.content if row is None else row
        knob = f"{table}.{key}" if table else key
        if key not in source:
            raise Mistake(self.file, knob, "", "is missing", FIELDS.get(key, ""))
        text = plain_text(source[key]).replace("T", " ")
        try:
            return int(units.read(text, "instant"))
        except units.UnitError as error:
            raise Mistake(self.where(key, source), knob, text, str(error)) from None

    def check_row(self, row: Mapping[str, Any], table: str, needed: set[str], optional: set[str]) -> None:
        """Refuse a row that has a key that it may not have, or lacks one that it must have."""
        for key in row.keys() - needed - optional:
            allowed = f"a {table} has no '{key}'{nearest(key, needed | optional)}"
            raise Mistake(self.where(key, row), f"{table}.{key}", "", allowed)
        for key in sorted(needed - row.keys()):
            raise Mistake(self.file, f"{table}.{key}", "", "is missing")


def with_set(
    content: Mapping[str, Any], changes: Iterable[tuple[str, Any]]
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The content with what was set on top of it, and those changes that are of the rules."""
    changed, rule_changes = copy.deepcopy(dict(content)), []
    for path, value in changes:
        if not _change(changed, path, _value(value)):
            rule_changes.append((path, plain_text(value)))
    return changed, rule_changes


def _value(value: Any) -> Any:
    """A change as TOML has it: text that looks like a table or a list is read as one."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        return read_toml(f"x = {value}", "--set")["x"]
    return value


def _mark(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _mark(item) for key, item in value.items()}
    return [_mark(item) for item in value] if isinstance(value, list) else SetText(plain_text(value))


def _change(document: dict[str, Any], path: str, value: Any) -> bool:
    """Set a field, a group's or a gap's knob in the document; False where the name is a rule's."""
    first, _, rest = path.partition(".")
    if first in FIELDS and not rest:
        document[first] = _mark(value)
        if first in ("start", "warm_up"):
            document.pop("warm_up" if first == "start" else "start", None)
        return True
    for table, by in (("group", "name"), ("gap", "ticker"), ("move", "ticker")):
        if first == table and rest:
            member, _, key = rest.partition(".")
            rows = document.get(table, [])
            rows = rows if isinstance(rows, list) else []
            names = [plain_text(row.get(by, "")) for row in rows if isinstance(row, Mapping)]
            if member not in names:
                allowed = f"there is no {table} '{member}'; there are {', '.join(names)}{nearest(member, names)}"
                raise Mistake("--set", path, member, allowed)
            target = rows[names.index(member)]
            *parents, last = key.split(".")
            for parent in parents:
                target = target.setdefault(parent, {})
                if not isinstance(target, dict):
                    raise Mistake("--set", path, "", f"{parent} is one value, not a table")
            target[last] = _mark(value)
            return True
    return False
