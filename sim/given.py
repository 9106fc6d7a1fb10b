"""A value as somebody wrote it, who wrote it, and the number it means.

Text stays text through all layers, together with its origin, and is read once, exactly, or refused with a
:class:`~offhours.sim.mistake.Mistake`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from offhours.sim import units
from offhours.sim.declare import Knob
from offhours.sim.mistake import Mistake, nearest
from offhours.sim.units import Instrument, UnitError


@dataclass(frozen=True)
class Origin:
    """Who said a value: the layer, the file, and the document it rests on; `assumed` where no document was found."""

    layer: str
    file: str = ""
    source: str = ""
    assumed: bool = False


@dataclass(frozen=True)
class Given:
    """A value as it was written, and who wrote it."""

    text: str
    origin: Origin


def plain_text(value: object) -> str:
    """A TOML scalar as the text a person would have put between quotes."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def check_table(table: object, file: str, name: str) -> Mapping[str, Any]:
    """A document's table of that name; a :class:`Mistake` where it is none."""
    if not isinstance(table, Mapping):
        raise Mistake(file, name, "", f"is a table: [{name}]")
    return table


def read_toml(text: str, file: str) -> dict[str, Any]:
    """A TOML document whose decimals stay text, or a :class:`Mistake`."""
    try:
        return tomllib.loads(text, parse_float=str)
    except tomllib.TOMLDecodeError as error:
        raise Mistake(file, "", "", f"is not TOML: {error}") from None


def read_text(path: str) -> str:
    """A file's text, or a :class:`Mistake` where there is none."""
    try:
        return Path(path).read_text("utf-8-sig")  # Windows editors begin a file with a mark
    except UnicodeDecodeError:
        raise Mistake(path, "", "", "is not a text file") from None
    except OSError as error:
        raise Mistake(path, "", "", f"cannot be read: {error.strerror or error}") from None


def read_knob(knob: Knob, given: Given, name: str, instrument: Instrument | None = None) -> int | float:
    """What a knob's text means, within its range; :class:`Mistake` otherwise."""
    try:
        value = units.read(given.text, knob.unit, instrument, knob.choices)
    except UnitError as error:
        near = nearest(given.text, knob.choices) if knob.choices else ""
        raise Mistake(given.origin.file, name, given.text, f"{error}{near}", knob.meaning) from None
    low, high = (units.read(t, knob.unit, instrument, knob.choices) if t else None for t in (knob.low, knob.high))
    if (low is not None and value < low) or (high is not None and value > high):
        if not knob.high:
            allowed = f"'{given.text}' is below {knob.low}"
        elif not knob.low:
            allowed = f"'{given.text}' is above {knob.high}"
        else:
            allowed = f"'{given.text}' is not between {knob.low} and {knob.high}"
        raise Mistake(given.origin.file, name, given.text, allowed, knob.meaning)
    return value
