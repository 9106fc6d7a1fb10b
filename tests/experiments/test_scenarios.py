"""The scenarios that ship: what each asks, what it is compared with, and what the small ones answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from offhours.experiments.run import run_one
from offhours.experiments.scenario import CONTROLS, scenario, scenarios
from offhours.sim.market import oracle
from offhours.sim.units import read

STRESS = ("weekend-gap", "earnings-night", "thin-print", "funding-squeeze", "halt-in-hours", "crash-10", "october-10")
USUAL = {"always-open", "no-leverage", "no-arbitrage", "token-pinned"}


@pytest.mark.parametrize("name", scenarios())
def test_each_asks_a_question_and_each_of_its_controls_is_another_market(name: str) -> None:
    own = scenario(name)
    assert own.question.endswith("?")
    assert own.controls, "nothing is said because of something that was not left out once"
    digests = [own.digest, *(own.control(control).digest for control in own.controls)]
    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize("name", STRESS)
def test_each_stress_names_the_usual_controls(name: str) -> None:
    """Where nobody arbitrages, a market without arbitrage is the same market."""
    own = scenario(name)
    arbitraged = any(group.population == "arbitrageur" and group.count for group in own.groups)
    assert (USUAL if arbitraged else USUAL - {"no-arbitrage"}) <= {*own.controls}
    assert USUAL <= {*CONTROLS}


def test_controls_leave_out_what_they_say() -> None:
    own = scenario("weekend-gap")
    assert own.control("always-open").always_open and not own.always_open
    assert own.control("no-arbitrage").group("arbitrageurs").count == 0 < own.group("arbitrageurs").count
    assert (own.control("token-pinned").rules[oracle.oracle_rules]["pinned"] == 1).all()
    assert (own.rules[oracle.oracle_rules]["pinned"] == 0).all()
    assert scenario("earnings-night").control("bitmex-rules").rules.venue.name == "bitmex"


def change_pct(run: Any, at: str) -> float:
    """The mark at an instant over that of Friday's close, in percent."""
    bars = run.exact_rows()["bars"]
    marks = [
        float(bars["mark_ticks"][np.searchsorted(bars["time_us"], int(read(when, "instant")))])
        for when in ("2026-05-08 16:00", at)
    ]
    return (marks[1] / marks[0] - 1.0) * 100.0


def liquidated(run: Any, since: str, until: str) -> int:
    """Accounts that were liquidated between two instants."""
    rows = run.exact_rows()["liquidations"]
    begin, end = (int(read(when, "instant")) for when in (since, until))
    return len(set(rows["account"][(rows["time_us"] >= begin) & (rows["time_us"] < end)].tolist()))


def test_a_print_of_forty_dollars_is_believed_by_marks_that_look_at_small_books_only() -> None:
    """A tenth of a share 12 % below the close on Saturday at 14:05 is all that trades until Monday. Kraken's rules hold what was;
    a cap of 1 % holds an impact price made of twenty dollars; an index of the perp's own such book goes all the way."""
    own = scenario("thin-print")
    weekend = ("2026-05-09 14:00", "2026-05-11 03:59")
    kraken, believer = run_one(own, 7), run_one(own.control("own-book-twenty-dollars"), 7)
    trades = kraken.exact_rows()["trades"]
    begin, end = (int(read(when, "instant")) for when in weekend)
    prints = trades[(trades["time_us"] >= begin) & (trades["time_us"] < end)]
    assert prints["size_lots"].tolist() == [10]
    assert prints["book"].tolist() == [0]
    before = change_pct(kraken, "2026-05-09 13:59")
    assert change_pct(kraken, "2026-05-10 12:00") == before
    assert liquidated(kraken, *weekend) == 0
    assert change_pct(believer, "2026-05-10 12:00") < -10.0
    assert liquidated(believer, *weekend) > 0


def test_the_funding_cap_binds_where_the_divisor_is_one() -> None:
    """With n = 1 a premium of a quarter of a percent is at the cap of 0.25 %; with n = 24 the same crowd is far from it."""
    small = {
        "group.believers.count": "300",
        "group.noise.count": "30",
        "group.makers.count": "4",
        "group.makers.perp": "$100,000",
        "warm_up": "2 trading days",
        "end": "2026-05-12 16:00",
    }
    one = scenario("funding-squeeze", changes=small)
    at_cap = [run_one(of, 7).summary["funding"]["share_at_cap"] for of in (one, one.control("divisor-24"))]
    assert at_cap[0] > 0.5
    assert at_cap[1] == 0.0


def test_in_a_crash_trouble_in_one_ticker_sells_another_where_one_account_carries_both() -> None:
    """The same crash, smaller: with three tickers on an account more than a tenth of what is liquidated is not in the heaviest of its
    account; where everybody trades one ticker, only desks hold several, and next to nothing is."""
    small = {
        "group.tourists.count": "300",
        "group.regulars.count": "300",
        "group.veterans.count": "100",
        "group.careful.count": "0",
        "group.makers.count": "6",
        "group.noise.count": "100",
        "warm_up": "2 trading days",
        "measure_from": "2026-05-13 14:00",
        "end": "2026-05-13 16:00",
    }
    one = {f"group.{name}.tickers_each": "1" for name in ("tourists", "regulars", "veterans")}
    several, single = (run_one(scenario("crash-10", changes=of), 7).summary for of in (small, {**small, **one}))
    assert several["liquidations"]["accounts"] > 30 and single["liquidations"]["accounts"] > 30
    assert several["cascade"]["contagion_share"] > 0.1
    assert single["cascade"]["contagion_share"] < 0.02
