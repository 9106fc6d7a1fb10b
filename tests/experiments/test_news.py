"""Given moves and reductions in words."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from offhours.experiments import news
from offhours.experiments.scenario import scenario
from offhours.sim.units import read


def at(text: str) -> int:
    return int(read(text, "instant"))


def run_of(name: str, times: list[str], values: list[float], marks: dict[str, float]) -> Any:
    """A run of a scenario with these forced trades and marks of its headline."""
    of = scenario(name)
    when = pd.to_datetime([at(t) * 1000 for t in times], utc=True)
    liquidations = pd.DataFrame({"time_utc": when, "ticker": of.headline, "value_usd": values})
    bars = pd.DataFrame({"time_utc": pd.to_datetime([at(t) * 1000 for t in marks], utc=True), "ticker": of.headline})
    bars["mark_usd"] = list(marks.values())
    return SimpleNamespace(scenario=of, tables=lambda: {"liquidations": liquidations, "bars": bars})


def test_a_given_move_is_told_with_what_came_of_it_within_an_hour() -> None:
    """It begins at 14:10 and ends at 14:22: of four forced trades two fall into 14:10 to 15:22, with 90 of 100 dollars. The mark
    goes from 400 to 300, then back to 320: -25 % at its furthest."""
    marks = {"2026-05-13 14:10": 400.0, "2026-05-13 14:30": 300.0, "2026-05-13 15:00": 320.0, "2026-05-13 15:59": 200.0}
    times = ["2026-05-13 10:00", "2026-05-13 14:12", "2026-05-13 15:20", "2026-05-13 15:59"]
    run = run_of("crash-10", times, [5.0, 50.0, 40.0, 5.0], marks)
    move = news.given_move(run)
    assert move is not None and move.ticker == "TSLAx"
    assert (
        news.title(run, move)
        == "A given fall of 22 % within 12 minutes; 50 % of 4 liquidations came until an hour after it"
    )
    assert news.price_title(run, move).startswith(
        "TSLAx's stock was given a fall of 22 % within 12 minutes; the perp's mark"
    )
    told = news.sentence(run, move)
    assert "stood -25.0 % at its furthest" in told
    assert told.startswith(f"From Wed 2026-05-13 14:10 New York {news.price_title(run, move)}")
    assert told.endswith("Of all dollars liquidated, 90 % fell into that time.")


def test_a_gap_is_no_given_move() -> None:
    assert news.given_move(SimpleNamespace(scenario=scenario("weekend-gap"))) is None  # type: ignore[arg-type]


def test_who_was_reduced_is_told_by_group_with_the_hedges_among_them() -> None:
    """Account 11 lost $300 of a short against its tokens, in two cuts; 12, of the same group, $100 without any; 13 $50."""
    fields = ("account", "lots", "value_uusd", "token_ushares")
    cuts = np.array([(11, -1, -200 * 10**6, 5), (11, -1, -100 * 10**6, 5), (12, -1, -100 * 10**6, 0), (13, 1, 50 * 10**6, 5)], dtype=[(name, "i8") for name in fields])  # fmt: skip
    people = pd.DataFrame({"account": [11, 12, 13], "group": ["desks", "desks", "crowd"]})
    run: Any = SimpleNamespace(exact_rows=lambda: {"deleverages": cuts}, tables=lambda: {"accounts": people})
    assert news.reduced(run) == (
        "To close what nobody bought, ADL took positions of 3 accounts, $450: desks $400 and crowd $50.00; "
        "and with it $300 of hedges of 1 account."
    )
    run.exact_rows = lambda: {"deleverages": cuts[:0]}
    assert news.reduced(run) == ""
