"""Each number that a person can set says what it is: unit, range, a sentence, and the basis of its default.

A basis is a rule (a document, named and dated), a measurement (data), literature (citation), or a choice; a choice says why
not half of it and why not twice. The knobs are those of every rules table, of every population, of groups and of given moves; none escapes,
because every column of every table that is declared as a knob is looked for here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from offhours.agents.crowd import CROWD, POPULATIONS
from offhours.experiments.groups import GroupKnobs
from offhours.experiments.moves import GapKnobs
from offhours.experiments.scenario import every_knob
from offhours.sim import units
from offhours.sim.declare import Knob, columns_of
from offhours.sim.knobs import SECTIONS
from offhours.sim.market.world import MARKET
from offhours.sim.names import NAMES
from offhours.sim.rulebook import read_asset, read_venue, tickers, venues

KINDS = ("rule", "measured", "literature", "chosen")
WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
DECLARED = {
    **{f"market.{spec.name}": spec.row for spec in MARKET},
    **{f"crowd.{spec.name}": spec.row for spec in CROWD},
    **{f"population.{name}": row for name, row in POPULATIONS.items()},
    "group": GroupKnobs,
    "gap": GapKnobs,
}


def declared() -> Iterator[tuple[str, Knob, set[str]]]:
    """Every knob there is, where it is declared, with the names of the columns beside it."""
    for place, row in DECLARED.items():
        columns = columns_of(row)
        yield from ((f"{place}.{name}", mark, set(columns)) for name, mark in columns.items() if isinstance(mark, Knob))
    yield from ((name, knob, set()) for name, knob in NAMES.items())


def says_why(knob: Knob) -> bool:
    """Whether a chosen basis speaks of half and of twice, in these words or, for a small count, in their numbers."""
    half, twice = {"half"}, {"twice"}
    if knob.unit == "count" and knob.default.isdigit() and int(knob.default) % 2 == 0 and 2 * int(knob.default) <= 10:
        half.add(WORDS[int(knob.default) // 2])
        twice.add(WORDS[2 * int(knob.default)])
    words = set(re.findall(r"[a-z]+", knob.basis.lower()))
    return bool(words & half) and bool(words & twice)


def is_dated(document: str) -> bool:
    """Whether a document has a name, and a year, a day or a commit."""
    return bool(
        re.search(r"[A-Z]\w+|\w[./]\w", document)
        and re.search(r"\b20[12]\d(-\d\d-\d\d)?\b|\bcommit [0-9a-f]{8}", document)
    )


def finding(knob: Knob, beside: set[str]) -> str:
    """What is wrong with a knob, or nothing."""
    kind, _, reason = knob.basis.partition(":")
    named = re.fullmatch(r"\s*fitted as (\w+)", reason)
    if kind not in KINDS:
        return f"its basis begins with none of {', '.join(KINDS)}: {knob.basis!r}"
    if len(reason.strip()) < 10:
        return f"its basis gives no reason: {knob.basis!r}"
    if named and named[1] not in beside:
        return f"its basis refers to {named[1]}, which is not declared beside it"
    if kind == "rule" and not is_dated(reason):
        return f"its basis is a rule and does not name a document and its date: {knob.basis!r}"
    if kind == "chosen" and not says_why(knob):
        return f"its basis is chosen and does not say why not half and why not twice: {knob.basis!r}"
    if len(knob.meaning.split()) < 2 or knob.meaning[-1] in ".;,":
        return f"its sentence says nothing, or ends like one that goes on: {knob.meaning!r}"
    if knob.unit in ("class", "stages", "policy"):
        return ""
    if knob.unit == "choice":
        if len(knob.choices) < 2 or knob.default not in knob.choices:
            return f"its default {knob.default!r} is not one of its choices {knob.choices}"
        return ""
    if knob.unit not in units.UNITS:
        return f"its unit {knob.unit!r} is none that can be read"
    if not knob.low or not knob.high:
        return "its range is open"
    low, value, high = (units.read(text, knob.unit) for text in (knob.low, knob.default, knob.high))
    return "" if low <= value <= high and low < high else f"{knob.default} is not between {knob.low} and {knob.high}"


def test_each_knob_has_unit_range_sentence_and_basis() -> None:
    wrong = [f"{name}: {what}" for name, knob, beside in declared() if (what := finding(knob, beside))]
    assert not wrong, "\n".join(wrong)


def test_each_declared_knob_can_be_set_by_name() -> None:
    """No rules table or population is left out of what `offhours knob` and `--set` know."""
    settable = list(every_knob().values())
    assert [name for name, knob, _ in declared() if knob not in settable] == []
    assert len(settable) > 100
    ruled = {spec.name for spec in MARKET if any(isinstance(mark, Knob) for mark in spec.columns.values())}
    assert ruled == {section.accessor.__name__.removeprefix("table_") for section in SECTIONS.values()}


@pytest.mark.parametrize("venue", venues())
def test_each_source_of_a_venue_is_dated(venue: str) -> None:
    assert [name for name, document in read_venue(venue).sources.items() if not is_dated(document)] == []


@pytest.mark.parametrize("ticker", tickers())
def test_each_figure_of_a_ticker_has_a_basis_of_its_own(ticker: str) -> None:
    figures = read_asset(ticker)["stock"]
    halt = figures.pop("halt")
    for name, entry in [*figures.items(), *((f"halt.{name}", entry) for name, entry in halt.items())]:
        knob = every_knob()[f"stock.{name}"]
        own = Knob(knob.default, knob.unit, knob.low, knob.high, knob.meaning, basis=entry["source"])
        assert finding(own, set()) == "", f"{ticker}: {name}"


@pytest.mark.parametrize(
    "change",
    [
        {"basis": "felt right"},
        {"basis": "rule:"},
        {"basis": "rule: the venue's own documentation"},
        {"basis": "rule: read 2026-04-29"},
        {"basis": "chosen: not half, because it would be too little"},
        {"basis": "chosen: a round number, because twice would be too much"},
        {"basis": "measured: fitted as no_such_column"},
        {"unit": "furlong"},
        {"default": "12 %"},
        {"high": ""},
        {"meaning": "rate"},
    ],
)
def test_the_check_catches(change: dict[str, str]) -> None:
    good: dict[str, Any] = {
        "default": "1 %",
        "unit": "ppb",
        "low": "0 %",
        "high": "10 %",
        "meaning": "share of value that is paid",
    }
    good["basis"] = "chosen: a round number; not half, because it is little; not twice, because it is much"
    assert finding(Knob(**good), set()) == ""
    assert finding(Knob(**(good | change)), set()) != ""
