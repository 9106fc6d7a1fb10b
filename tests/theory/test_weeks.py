"""Whole weeks of the calm week's market: it stays what it is, in the size that its regime states, from a warm-up that suffices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from offhours.experiments.metrics import regime
from offhours.experiments.scenario import scenario
from offhours.sim.market import bars, book, matching
from plain import peopled as p
from plain import weeks

SIZE = ("open_interest_usd", "live_accounts", "maker_capital_usd", "depth_usd", "spread_bp")
EMPTY = {"mature": 0.01, "launch": 0.25}
"""Share of the minutes in which some side of some book may be empty, by regime."""
QUARTER = {
    f"group.{name}.count": count
    for name, count in {
        "tourists": 500, "regulars": 1625, "veterans": 375, "makers": 5, "arbitrageurs": 2, "informed": 5, "noise": 100,
    }.items()
}  # fmt: skip
"""A fourth of the calm week's population."""


def own_numbers(name: str, seed: int = 7) -> list[dict[str, Any]]:
    """What a scenario measures of its own market, beside its regime."""
    of = scenario(name)
    sim = p.people(of, seed)
    p.go(sim, of.measure_from_us - of.start_us)
    sim.tape.drain(sim.memory)
    begun = len(sim.tape.rows(matching.trades)), len(sim.tape.rows(bars.bars))
    p.go(sim, of.end_us - of.measure_from_us)
    trades, rows = p.fills(sim)[begun[0] :], sim.tape.rows(bars.bars)[begun[1] :]
    lot = sim.memory[book.book_rules]["lot_ushares"][::2]
    unit = sim.memory[book.books]["unit_uusd"][::2]
    return regime.beside(of.regime, regime.numbers(rows, trades, of.tickers.index(of.headline), lot, unit))


@pytest.mark.parametrize("name", ["launch-weekend", "calm-week"])
def test_a_market_has_the_size_that_its_regime_states(name: str) -> None:
    rows = own_numbers(name)
    stated = {row["what"]: row["inside"] for row in rows if row["low"] is not None}
    assert len(stated) == len(regime.STATED[scenario(name).regime])
    assert all(stated.values()), rows
    empty = {row["what"]: row["own"] for row in rows}["side_empty_share"]
    assert empty <= EMPTY[scenario(name).regime]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_eight_calm_weeks_have_no_trend_and_no_side_of_a_book_runs_dry() -> None:
    """By a straight line through the weeks, averaged over four seeds, each size changes by less than a tenth in eight weeks.

    In none of these weeks is any side of any book empty for more than the regime's share of the time.
    """
    of = scenario("calm-week").with_changes({"end": "2026-06-29 09:30"})
    found = [[numbers for _, numbers in weeks.weekly(of, seed)] for seed in (7, 8, 9, 10)]
    assert [len(rows) for rows in found] == [8] * 4
    drifts = {what: weeks.drift(np.mean([[row[what] for row in rows] for rows in found], axis=0)) for what in SIZE}
    print(drifts)
    assert max(abs(drift) for drift in drifts.values()) < 0.1, drifts
    assert max(row["empty_share"] for rows in found for row in rows) <= EMPTY["mature"]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_over_four_weeks_of_a_launch_no_side_is_empty_for_longer_than_stated() -> None:
    of = scenario("launch-weekend").with_changes({"end": "2026-06-05 09:30"})
    shares = [numbers["empty_share"] for _, numbers in weeks.weekly(of)]
    print(shares)
    assert len(shares) == 4
    assert max(shares) <= EMPTY["launch"]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_warm_up_of_twice_the_length_changes_nothing() -> None:
    """A fourth of the population, 20 seeds: on Friday 16:00 each number is the same within 5 %, or 2 s.e. of the difference."""
    found = []
    for seed in range(1, 21):
        pair = []
        for length in ("10 trading days", "20 trading days"):
            of = scenario("calm-week").with_changes({**QUARTER, "warm_up": length})
            sim = p.people(of, seed, log_trades=False)
            p.go_to(sim, "2026-05-08 16:00")
            pair.append(weeks.shape(sim, p.instant("2026-05-08 09:30")))
        found.append(pair)
    wrong = {}
    for what in found[0][0]:
        short, long = np.array([[pair[0][what], pair[1][what]] for pair in found]).T
        change, error = (long - short).mean(), (long - short).std(ddof=1) / len(found) ** 0.5
        print(what, short.mean(), long.mean(), error)
        if abs(change) > max(0.05 * abs(short.mean()), 2 * error):
            wrong[what] = (short.mean(), long.mean(), error)
    assert not wrong
