"""Rulebooks side by side: what a bill is made of, which intervals hold, and that the scenario's own rules step aside."""

from __future__ import annotations

from math import sqrt
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib.text import Text

from offhours.experiments import who_pays
from offhours.experiments.scenario import Scenario, scenario
from offhours.experiments.who_pays import (
    NOBODY,
    OWN,
    Bill,
    Rulebook,
    SideBySide,
    at_venues,
    bill,
    counted,
    interval_of_mean,
    own_margin_usd,
    share_interval,
    worst,
    worst_of,
)
from offhours.sim.rules import Mistake

from .tiny import tiny

CASES = np.array(
    [(1, 5, 40_000_000), (1, 6, 10_000_000), (2, 5, 25_000_000), (3, 6, -7_000_000), (1, 5, 20_000_000)],
    dtype=[("event", "i8"), ("account", "i8"), ("equity_uusd", "i8")],
)


NO_BARS = np.zeros(0, dtype=[("ticker", "i8"), ("stock_visible", "i8"), ("time_us", "i8")])


def test_own_margin_is_what_an_account_had_less_what_is_left() -> None:
    """$40 to $25 is $15; $10 to minus $7 is $10, the seven are a shortfall; a case still open counts when it ends."""
    assert own_margin_usd(CASES) == 25.0


def run_of(paid: dict[str, float | None], bad: float, interest: float | None, seed: int = 7) -> Any:
    """A stand-in for a finished run."""
    summary = {
        "paid_by_usd": paid,
        "bad_debt_usd": bad,
        "gap_risk": {"open_interest_usd": interest},
        "outcome": "complete",
        "by_ticker": {},
        "funding": {"std_bp": 0.5},
    }
    return SimpleNamespace(summary=summary, seed=seed, exact_rows=lambda: {"cases": CASES, "bars": NO_BARS})


def test_a_bill_is_per_million_of_open_interest_and_leaves_out_what_a_venue_lacks() -> None:
    own = bill(run_of({"liquidity pool": 30.0, "insurance fund": None}, 5.0, 2_000_000.0))
    assert own is not None
    assert dict(own.parts) == {OWN: 12.5, "liquidity pool": 15.0, NOBODY: 2.5}
    assert (own.total, own.shortfall) == (30.0, 17.5)
    assert bill(run_of({}, 0.0, None)) is None


def test_a_count_of_zero_says_what_it_leaves_open() -> None:
    """1 - .025^(1/20) = .168: Clopper and Pearson (1934)."""
    assert share_interval(0, 20)[1] == pytest.approx(1 - 0.025 ** (1 / 20))
    assert counted(0, 20) == "0 of 20 (below 17 %, 95 %)"
    assert counted(20, 20) == "20 of 20 (above 83 %, 95 %)"
    low, high = share_interval(5, 20)
    assert (low, high) == (pytest.approx(0.0866, abs=1e-4), pytest.approx(0.4910, abs=1e-4))


def test_intervals_and_tails_by_hand() -> None:
    """1, 2, 3: mean 2, s = 1, t(.975, 2) = 4.3027."""
    found = interval_of_mean([1.0, 2.0, 3.0])
    assert found is not None
    assert found[1] - 2 == pytest.approx(4.3027 / sqrt(3), abs=1e-4)
    assert interval_of_mean([1.0]) is None
    assert worst([3.0, 9.0, 1.0]) == (9.0, 1)
    assert worst([float(i) for i in range(1, 201)]) == (199.5, 2)
    assert (worst_of(20), worst_of(200)) == ("worst 1 of 20 runs", "worst 1 % of runs")


def test_each_venue_stands_as_it_is() -> None:
    own = scenario("weekend-gap")
    assert "perp.margin.class" in own.own_rules()
    chosen = at_venues(own, ["kraken", "bitmex"])
    for name, at in chosen.items():
        assert at.rules.venue.name == name
        changed = {d.name for d in at.differences()} - {"perp.margin.class"}
        assert not {name for name in changed if name.startswith(("perp.", "token."))}
        assert at.gaps == own.gaps
        assert [g.count for g in at.groups] == [g.count for g in own.groups]
    assert chosen["kraken"].rules.setting("perp.margin.class").text == "D"
    kept = at_venues(scenario("weekend-gap", {"perp.liquidation.fee": "0.3 %"}), ["kraken", "bitmex"])
    assert {at.rules.setting("perp.liquidation.fee").text for at in kept.values()} == {"0.3 %"}


@pytest.mark.parametrize("venues", [["kraken"], ["kraken", "kraken"], ["kraken", "krakn"]])
def test_wrong_venues_are_one_sentence(venues: list[str]) -> None:
    with pytest.raises(Mistake) as caught:
        at_venues(scenario("weekend-gap"), venues)
    assert "\n" not in str(caught.value)


def book(label: str, of: Scenario, shortfalls: list[float]) -> Rulebook:
    """A rulebook with runs of given shortfalls per $1M."""
    runs = [run_of({"insurance fund": cost}, 0.0, 1e6, seed) for seed, cost in enumerate(shortfalls)]
    for run in runs:
        run.scenario = of
    return Rulebook(label, label, of, 20, 6, runs)


def test_the_page_says_who_pays(tmp_path: Path) -> None:
    own = tiny()
    found = SideBySide(
        "Who pays?", [book("one", own, [100.0, 120.0]), book("two", own, [0.0, 10.0])], (0, 1), [], False, ()
    )
    assert who_pays.title(found) == ("Beyond own margin, one costs others $110 per $1M of open interest, two $5.00")
    row = next(row for row in who_pays.rows(found) if row.label == "shortfall per $1M")
    assert row.means == (110.0, 5.0)
    assert row.differences[0] is not None
    mean, low, high = row.differences[0]
    assert mean == -105.0
    assert low < -105 < high
    single = interval_of_mean([-100.0, -110.0])
    assert single is not None
    assert high > single[1], "several intervals at once are each wider"
    ax = who_pays.draw(found)
    heading = next(
        text for text in ax.get_children() if isinstance(text, Text) and text.get_text() == who_pays.title(found)
    )
    assert not heading.get_parse_math(), "two dollar signs are no formula"
    free = SideBySide("?", [book("one", own, [0.0]), book("two", own, [0.1])], (0,), [], False, ())
    assert who_pays.title(free) == "Under 2 rulebooks the margin of the liquidated accounts pays all"
    assert [label.get_text() for label in ax.get_yticklabels()] == ["one", "two"]
    page = who_pays.write_page(found, tmp_path)
    text = page.read_text("utf-8")
    assert "2 of 2" in text
    assert "1 of 2" in text
    assert "20 sourced, 6 assumed" in text
    assert "http" not in text
    assert "one seed" not in text
    one_seed = SideBySide("?", found.books, (0,), [], False, ("perp.margin.class",))
    assert any("one seed" in note for note in who_pays.notes(one_seed))
    assert any("perp.margin.class" in note for note in who_pays.notes(one_seed))


def test_a_bill_of_no_runs_is_said() -> None:
    own = tiny()
    found = SideBySide("?", [book("one", own, [1.0]), book("two", own, [])], (0,), [], False, ())
    assert any("two" in line and "no run came to its end" in line for line in who_pays.lines(found))
    assert who_pays.draw(found).texts
    assert found.books[1].bills == [] and isinstance(found.books[0].bills[0], Bill)
