"""Margin classes: tables of tiers, as a venue's or a scenario's file writes them."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from offhours.sim import units
from offhours.sim.given import check_table, plain_text, read_text
from offhours.sim.market import brackets
from offhours.sim.mistake import Mistake
from offhours.sim.units import UnitError


@dataclass(frozen=True)
class Tier:
    """One step of a margin schedule: from which notional, and its rates."""

    from_uusd: int
    initial_ppb: int
    maintenance_ppb: int


def read_classes(document: Mapping[str, Any], file: str) -> dict[str, tuple[Tier, ...]]:
    """The margin classes of a document: ``[margin_class.D] tiers = [{ from = "$0", initial = "5 %", ... }]``.

    The tiers may also be a table with these columns in a CSV file beside it: ``tiers = "tiers.csv"``.
    """
    classes = {}
    for name, table in check_table(document.get("margin_class", {}), file, "margin_class").items():
        at = f"margin_class.{name}"
        rows = check_table(table, file, at).get("tiers")
        if isinstance(rows, str):
            path = Path(file).parent / rows
            classes[name] = _schedule(_tiers_beside(path), str(path), "")
        elif isinstance(rows, list):
            classes[name] = _schedule([(file, row) for row in rows], file, at)
        else:
            raise Mistake(file, at, "", f"needs tiers = [...], one to {brackets.TIERS} of them")
    return classes


_COLUMNS = ("from", "initial", "maintenance")


def _schedule(rows: Sequence[tuple[str, Any]], file: str, at: str) -> tuple[Tier, ...]:
    """Tiers in order; each row comes with the place that a mistake in it is told of."""
    if not 0 < len(rows) <= brackets.TIERS:
        raise Mistake(file, at, "", f"has {len(rows)} tiers; one to {brackets.TIERS} of them are needed")
    schedule: list[Tier] = []
    for place, row in rows:
        if not isinstance(row, Mapping) or set(row) != set(_COLUMNS):
            raise Mistake(place, at, "", 'a tier is { from = "$0", initial = "5 %", maintenance = "2.5 %" }')
        numbers = []
        for key, unit in zip(_COLUMNS, ("uusd", "ppb", "ppb")):
            try:
                numbers.append(int(units.read(plain_text(row[key]), unit)))
            except UnitError as error:
                raise Mistake(place, f"{at}.{key}".removeprefix("."), plain_text(row[key]), str(error)) from None
        edge, initial, maintenance = numbers

        def refuse(key: str, allowed: str, place: str = place, row: Mapping[str, Any] = row) -> Mistake:
            return Mistake(place, f"{at}.{key}".removeprefix("."), plain_text(row[key]), allowed)

        before = schedule[-1].from_uusd if schedule else -1
        if edge <= before or (edge != 0 and not schedule):
            raise refuse("from", "tiers begin at $0 and rise")
        if not 0 < maintenance < initial <= 10**9:
            raise refuse(
                "maintenance", "maintenance margin lies between 0 and initial margin, and that is at most 100 %"
            )
        for key, falls in (("initial", initial < schedule[-1].initial_ppb), ("maintenance", maintenance < schedule[-1].maintenance_ppb)) if schedule else ():  # fmt: skip
            if falls:
                raise refuse(key, "the rates of a tier are not below those of the tier before it")
        schedule.append(Tier(edge, initial, maintenance))
    return tuple(schedule)


def _tiers_beside(path: Path) -> list[tuple[str, dict[str, str]]]:
    """The rows of a CSV file with the columns from, initial, maintenance, each with its place."""
    lines = csv.reader(read_text(str(path)).splitlines(), skipinitialspace=True)
    try:
        heading = next(lines, [])
        columns = [name.strip().lower() for name in heading]
        missing = [name for name in _COLUMNS if name not in columns]
        if missing:
            has = ", ".join(filter(None, columns)) or "nothing"
            allowed = f"lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; its heading has {has}"
            if len(columns) == 1 and any(mark in columns[0] for mark in ";\t|"):
                allowed = "separates its columns by something else than commas; write from,initial,maintenance"
            raise Mistake(str(path), "", "", allowed)
        rows = []
        for row in lines:
            place = f"{path}, line {lines.line_num}"
            if not any(cell.strip() for cell in row):
                continue
            if len(row) > len(columns):
                raise Mistake(place, "", "", "has more cells than columns; put '$10,000' between quotes")
            cells = dict(zip(columns, row))
            rows.append((place, {name: cells.get(name, "").strip() for name in _COLUMNS}))
        return rows
    except csv.Error as error:
        raise Mistake(str(path), "", "", f"is no comma-separated table: {error}") from None


FLAT = (Tier(0, 50_000_000, 25_000_000),)
FLAT20 = (
    *FLAT,
    Tier(10**12, 100_000_000, 50_000_000),
    Tier(10**13, 200_000_000, 100_000_000),
    Tier(2 * 10**13, 300_000_000, 150_000_000),
    Tier(6 * 10**13, 500_000_000, 250_000_000),
)
"""Of no venue: 20x for everybody up to $1M, to stand beside a venue's own class; above as Kraken's class A from its third level."""
