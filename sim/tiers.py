"""Margin classes: tables of tiers, as a venue's or a scenario's file writes them."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from offhours.sim import units
from offhours.sim.given import plain_text, read_text
from offhours.sim.market import margin
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
    for name, table in document.get("margin_class", {}).items():
        at = f"margin_class.{name}"
        rows = table.get("tiers") if isinstance(table, Mapping) else None
        if isinstance(rows, str):
            rows = _tiers_beside(rows, file, at)
        if not isinstance(rows, list) or not 0 < len(rows) <= margin.TIERS:
            raise Mistake(file, at, "", f"needs tiers = [...], one to {margin.TIERS} of them")
        schedule: list[Tier] = []
        for row in rows:
            if not isinstance(row, Mapping) or set(row) != {"from", "initial", "maintenance"}:
                raise Mistake(file, at, "", 'a tier is { from = "$0", initial = "5 %", maintenance = "2.5 %" }')
            try:
                edge, initial, maintenance = (
                    int(units.read(plain_text(row[key]), unit))
                    for key, unit in (("from", "uusd"), ("initial", "ppb"), ("maintenance", "ppb"))
                )
            except UnitError as error:
                raise Mistake(file, at, "", str(error)) from None
            before = schedule[-1].from_uusd if schedule else -1
            if edge <= before or (edge != 0 and not schedule):
                raise Mistake(file, at, plain_text(row["from"]), "tiers begin at $0 and rise")
            if not 0 < maintenance < initial <= 10**9:
                allowed = "maintenance margin lies between 0 and initial margin, and that is at most 100 %"
                raise Mistake(file, at, plain_text(row["maintenance"]), allowed)
            if schedule and (initial < schedule[-1].initial_ppb or maintenance < schedule[-1].maintenance_ppb):
                allowed = "the rates of a tier are not below those of the tier before it"
                raise Mistake(file, at, plain_text(row["initial"]), allowed)
            schedule.append(Tier(edge, initial, maintenance))
        classes[name] = tuple(schedule)
    return classes


def _tiers_beside(name: str, file: str, at: str) -> list[dict[str, str]]:
    """The rows of a CSV file with the columns from, initial, maintenance, beside the file that names it."""
    path = Path(file).parent / name
    reader = csv.DictReader(read_text(str(path)).splitlines(), skipinitialspace=True)
    columns = [column.strip() for column in reader.fieldnames or ()]
    missing = [column for column in ("from", "initial", "maintenance") if column not in columns]
    if missing:
        raise Mistake(str(path), at, "", f"has no column {' and no '.join(missing)}")
    rows = [{str(key).strip(): str(value or "").strip() for key, value in row.items()} for row in reader]
    for number, row in enumerate(rows, 2):
        if len(row) != len(columns):
            raise Mistake(str(path), at, "", f"line {number} has more cells than columns; put '$10,000' between quotes")
    return [{column: row[column] for column in ("from", "initial", "maintenance")} for row in rows]


FLAT = (Tier(0, 50_000_000, 25_000_000),)
FLAT20 = (
    *FLAT,
    Tier(10**12, 100_000_000, 50_000_000),
    Tier(10**13, 200_000_000, 100_000_000),
    Tier(2 * 10**13, 300_000_000, 150_000_000),
    Tier(6 * 10**13, 500_000_000, 250_000_000),
)
"""Of no venue: 20x for everybody up to $1M, to stand beside a venue's own class; above as Kraken's class A from its third level."""
