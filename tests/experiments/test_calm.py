"""The same luck without liquidations, and what only many seeds can say."""

from __future__ import annotations

import functools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from offhours.experiments.compare import compare, lines, tails
from offhours.experiments.measure import measure
from offhours.experiments.provenance import reproduce
from offhours.experiments.run import Run, run

from .tiny import tiny, tiny_run


@functools.cache
def with_controls() -> Run:
    """The tiny run beside its control and beside its own luck without liquidations."""
    return run(tiny(), 7, controls=True)


def test_until_the_first_liquidation_it_is_the_same_market() -> None:
    """Mark and index of every minute before it to the last bit; some minute after it differs."""
    made = with_controls()
    bars, calm = made.tables()["bars"], made.tables()["calm"]
    assert len(bars) == len(calm) and (bars["time_utc"] == calm["time_utc"]).all()
    first = made.tables()["liquidations"]["time_utc"].iloc[0]
    before = (bars["time_utc"] < first).to_numpy()
    assert before.sum() > 10
    for column in ("mark_usd", "index_usd"):
        same = bars[column].to_numpy() == calm[column].to_numpy()
        assert same[before].all() and not same.all()


def test_nobody_is_liquidated_in_it() -> None:
    calm = measure(tiny(), 7, log_trades=False, liquidations=False)
    assert calm is not None
    acts = calm.tables["liquidations"]
    assert (acts["ticker"] >= 0).sum() == 0 and calm.conservation_error == 0


def test_the_summary_says_what_liquidations_added() -> None:
    """News and liquidations at the worst minute are the run's own mark; the run without it says neither."""
    made = with_controls()
    found = made.summary["dominoes"]
    first = made.summary["first_price"]
    assert (found["base_usd"], found["base"], found["from_utc"]) == (first["close_usd"], "Friday's close", first["time_utc"])  # fmt: skip
    bars = made.tables()["bars"]
    us = bars["time_utc"].to_numpy().astype("datetime64[us]").astype(np.int64)
    at = int(np.datetime64(first["time_utc"].removesuffix("Z"), "us").astype(np.int64))
    moved = 100 * (
        bars["mark_usd"][us == at + round(found["after_minutes"]) * 60_000_000].iloc[0] / first["close_usd"] - 1
    )
    assert found["news_pct"] + found["liquidations_pct"] == pytest.approx(moved)
    assert made.summary["cascade"]["branching"]["beside_calm"]
    assert set(made.summary["controls"]) == {"always-open"}
    alone = tiny_run().summary
    assert alone["dominoes"] is None and not alone["cascade"]["branching"]["beside_calm"]
    assert made.summary["tape_sha256"] == alone["tape_sha256"]
    assert made.summary["cascade"]["branching"]["ratio"] <= alone["cascade"]["branching"]["ratio"]


def test_the_folder_keeps_it_and_makes_the_run_again_without_it(tmp_path: Path) -> None:
    folder = with_controls().save(tmp_path, report=False)
    kept = Run.open(folder).tables()["calm"]
    assert np.allclose(kept["mark_usd"], with_controls().tables()["calm"]["mark_usd"])
    assert reproduce(folder).identical


def seeds(*pairs: tuple[float, float]) -> list[Any]:
    """Runs that are only their shortfall over open interest and what the perp had not known at the bell."""
    return [
        SimpleNamespace(
            seed=number,
            scenario=tiny(),
            summary={"gap_risk": {"shortfall_over_interest": loss}, "gap": {"open_miss_pct": miss}, "pnl_usd": {}, "outcome": "complete"},
        )
        for number, (loss, miss) in enumerate(pairs)
    ]  # fmt: skip


def test_tails_over_seeds() -> None:
    """Twenty seeds: the worst of twenty is the expected shortfall at 95 %, the 20th of 21 places covers 95 % of opens."""
    found = tails(seeds(*((number / 1000, -number / 10) for number in range(20))))
    assert found["shortfall_over_interest"]["expected_shortfall"] == pytest.approx(0.019)
    assert found["half_width_pct"] == pytest.approx(1.9)


def test_few_seeds_say_how_many_are_needed() -> None:
    one, other = seeds((0.01, 1.0), (0.02, 2.0)), seeds((0.0, 1.0), (0.0, 2.0))
    text = "\n".join(lines(compare("20x", one, "5x", other)))
    assert (
        "A: expected shortfall needs at least 20 seeds, there are 2; covering 95 % of opens needs at least 19" in text
    )
    assert "shortfall over open interest" in text
