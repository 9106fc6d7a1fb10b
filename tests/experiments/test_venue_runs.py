"""Every rulebook of perps runs a Friday to Monday from end to end, and its money adds up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from offhours.experiments.run import run
from offhours.experiments.scenario import scenario
from offhours.sim.declare import Knob, spec_of
from offhours.sim.market import oracle, waterfall
from offhours.sim.rulebook import read_venue, runs, venues

TINY = str(Path(__file__).parent / "tiny.toml")
RUNNABLE = [name for name in venues() if runs(read_venue(name))]
INTERVAL_H = {"bitmex": 8, "binance": 8, "bybit": 8}


def weekend(venue: str) -> Any:
    """The tiny week-end under a venue's rules, at no more leverage than each venue lends."""
    return scenario(TINY, {"venue": venue, "group.tourists.leverage": "10x"})


def test_seven_venues_can_be_run() -> None:
    assert set(RUNNABLE) == {"kraken", "bitmex", "hyperliquid", "trade-xyz", "binance", "bybit", "dydx"}


@pytest.mark.parametrize("venue", RUNNABLE)
def test_a_rulebook_runs_and_its_money_adds_up(venue: str) -> None:
    """Orders trade, somebody is liquidated, only stages of the venue's own list are seen, and what was missing was paid by
    those the list names, or by nobody."""
    of = weekend(venue)
    made = run(of, seed=3, cached=False)
    s = made.summary
    assert s["conservation_error"] == 0 and s["trades"] > 1_000
    assert s["liquidations"]["count"] > 0
    allowed = {word.strip() for word in of.rules.setting("perp.liquidation.stages", "TSLAx").text.split(",")}
    passed = {name for name, stage in s["liquidations"]["by_stage"].items() if stage["count"]}
    assert passed <= allowed | {waterfall.STAGES[0]}
    paid = sum(amount for amount in s["paid_by_usd"].values() if amount is not None)
    assert paid + s["bad_debt_usd"] == pytest.approx(s["shortfall_usd"], abs=1e-4)
    # 65 hours and a half are measured: clocks go forward on the Sunday.
    assert abs(s["funding"]["intervals"] - 65.5 / INTERVAL_H.get(venue, 1)) <= 1


def test_each_form_of_a_mark_is_some_venues() -> None:
    """ORC-3, ORC-8: no form is there that no rulebook chooses, but for the one of Lighter, which is known by its formulas."""
    chosen = {weekend(venue).rules.setting("perp.oracle.form", "TSLAx").text for venue in RUNNABLE}
    form = spec_of(oracle.oracle_rules).columns["form"]
    assert isinstance(form, Knob) and chosen | {"impact median"} == set(form.choices)
