"""Index and mark (ORC-1 to ORC-5)."""

from __future__ import annotations

from math import exp
from typing import Any

import pytest

from offhours.sim.market import book, matching, oracle
from plain.market import ANN, BOB, BUY, DOLLAR, SELL, Simulation, go, jump, mark, market, perp, token

SMALL = {
    # Probes of one token (10,000 lots of 0.0001) and of one share of perp (100 lots) at $100.
    (oracle.oracle_rules, "probe_uusd"): 100 * DOLLAR,
    (oracle.oracle_rules, "impact_uusd"): 100 * DOLLAR,
}


def state(sim: Simulation) -> Any:
    """The oracle's row."""
    return sim.memory[oracle.oracles][0]


def quoted(bid: int, ask: int, **more: Any) -> Simulation:
    """A market whose token book is quoted, with an index that follows it."""
    sim = market(dollars=100_000, shares_of_tokens=100, pinned=False, knobs=SMALL, **more)
    token(sim, ANN, BUY, bid, 10_000)
    token(sim, ANN, SELL, ask, 10_000)
    return sim


def test_the_index_is_the_mid_of_impact_prices_never_the_last_trade() -> None:
    """ORC-1: half a token is bid at 99 and half at 98, asked at 103: (98.5 + 103) / 2 = 100.75. A trade at 99 leaves
    half of the bid, the other half now lies at 97: (97.5 + 103) / 2."""
    sim = market(dollars=100_000, shares_of_tokens=100, pinned=False, knobs=SMALL)
    token(sim, ANN, BUY, 9_900, 5_000)
    token(sim, ANN, BUY, 9_800, 5_000)
    token(sim, ANN, BUY, 9_700, 5_000)
    token(sim, ANN, SELL, 10_300, 20_000)
    go(sim)
    assert state(sim)["index_usd"] == pytest.approx(100.75, abs=1e-12)
    token(sim, BOB, SELL, 9_900, 5_000)
    go(sim)
    # The probe is a hundred dollars' worth: at an index of 100.75 that is 9,926 lots.
    lots = round(100 / (100.75 * 0.0001))
    sell = (5_000 * 98 + (lots - 5_000) * 97) / lots
    assert state(sim)["index_usd"] == pytest.approx((sell + 103) / 2, rel=1e-12)


def test_a_thin_token_book_holds_the_index_until_it_is_stale() -> None:
    """ORC-2: the ask goes; 300 s later the index still holds, a second after that it is missing."""
    sim = quoted(9_950, 10_150)
    go(sim)
    assert (state(sim)["index_usd"], state(sim)["state"]) == (pytest.approx(100.5), oracle.INDEX_LIVE)
    token(sim, BOB, BUY, 10_150, 5_000)
    go(sim, 300)
    assert (state(sim)["index_usd"], state(sim)["state"]) == (pytest.approx(100.5), oracle.INDEX_HELD)
    go(sim, 1)
    assert state(sim)["state"] == oracle.ALL_MISSING
    token(sim, ANN, SELL, 10_350, 10_000)
    go(sim, 1)
    assert state(sim)["state"] == oracle.INDEX_LIVE
    assert sim.memory[oracle.fallbacks]["seconds"].tolist() == [2, 300, 0, 1]


def test_a_last_print_does_not_move_the_index() -> None:
    """ORC-1: one lot trades at 115, inside the band; the depth-weighted mid hardly notices."""
    sim = quoted(9_950, 10_050)
    go(sim)
    token(sim, ANN, BUY, 9_949, 10_000)
    token(sim, BOB, BUY, 10_050, 9_999)
    token(sim, BOB, BUY, 10_050, 1)
    token(sim, ANN, SELL, 11_500, 1)
    token(sim, BOB, BUY, 11_500, 1)
    token(sim, ANN, SELL, 10_051, 10_000)
    go(sim)
    assert state(sim)["index_usd"] == pytest.approx(100.0, abs=0.02)
    assert sim.memory[book.books]["last_ticks"][1] == 11_500


def test_the_mark_is_the_index_plus_the_averaged_premium() -> None:
    """ORC-3: the perp's impact mid is 0.5 above an index of 100 for n seconds: premium .5 (1 - exp(-n/30))."""
    sim = market(dollars=100_000, knobs=SMALL)
    perp(sim, ANN, BUY, 10_040, 1_000)
    perp(sim, ANN, SELL, 10_060, 1_000)
    for seconds in (1, 29, 30, 240):
        go(sim, seconds)
        n = sim.memory[oracle.fallbacks]["seconds"].sum()
        assert state(sim)["average_usd"] == pytest.approx(0.5 * (1 - exp(-n / 30)), rel=1e-9)
        assert mark(sim) == round(100 * (100 + state(sim)["average_usd"]))
    assert mark(sim) == 10_050


def test_the_premium_of_the_mark_is_capped_at_one_percent() -> None:
    """ORC-3: the impact mid stands 5 % above and then 5 % below; the mark stops at 101 and at 99."""
    sim = market(dollars=1_000_000, knobs=SMALL)
    perp(sim, ANN, BUY, 10_490, 1_000)
    perp(sim, ANN, SELL, 10_510, 1_000)
    go(sim, 300)
    assert mark(sim) == 10_100
    matching.cancel_all(sim.world, ANN, 0)
    perp(sim, ANN, BUY, 9_490, 1_000)
    perp(sim, ANN, SELL, 9_510, 1_000)
    go(sim, 300)
    assert mark(sim) == 9_900


@pytest.mark.parametrize(
    ("index", "average", "cap_ppb", "expected"),
    [
        (100.0, 0.3, 10_000_000, 100.3),
        (100.0, 7.0, 10_000_000, 101.0),
        (200.0, -7.0, 10_000_000, 198.0),
        (50.0, 9.0, 0, 50.0),
    ],
)
def test_the_formula_of_the_mark(index: float, average: float, cap_ppb: int, expected: float) -> None:
    """ORC-3: Kraken's mark, read 2026-04-29."""
    assert oracle.mark_price(index, average, cap_ppb) == pytest.approx(expected, abs=1e-12)


def test_without_an_impact_mid_the_average_holds() -> None:
    """ORC-3: the perp book empties; the index moves to 90 and the mark goes with it at the old distance."""
    sim = market(dollars=100_000, knobs=SMALL)
    perp(sim, ANN, BUY, 10_040, 1_000)
    perp(sim, ANN, SELL, 10_060, 1_000)
    go(sim, 300)
    matching.cancel_all(sim.world, ANN, 0)
    before = state(sim)["average_usd"]
    jump(sim, 90.0)
    assert state(sim)["average_usd"] == before
    assert mark(sim) == 9_050
    assert state(sim)["impact_usd"] == -1.0


def test_a_missing_index_lets_the_mark_follow_the_impact_mid_step_by_step() -> None:
    """ORC-4: never a token quote; after 5 minutes the mark goes from 100 towards 102, a tenth of a percent a second."""
    sim = market(dollars=100_000, pinned=False, knobs=SMALL)
    go(sim, 301)
    assert (mark(sim), state(sim)["state"]) == (10_000, oracle.ALL_MISSING)
    perp(sim, ANN, BUY, 10_190, 1_000)
    perp(sim, ANN, SELL, 10_210, 1_000)
    go(sim, 1)
    assert (mark(sim), state(sim)["state"]) == (10_010, oracle.INDEX_MISSING)
    go(sim, 1)
    assert state(sim)["mark_usd"] == pytest.approx(100.0 * 1.001**2)
    go(sim, 30)
    assert mark(sim) == 10_200
    matching.cancel_all(sim.world, ANN, 0)
    go(sim, 60)
    assert (mark(sim), state(sim)["state"]) == (10_200, oracle.ALL_MISSING)


def test_bands_and_equity_use_the_mark_of_the_stops() -> None:
    """ORC-5: index 100, mark 101: the band of the perp and the value of positions are around 101."""
    sim = market(dollars=100_000, knobs=SMALL)
    perp(sim, ANN, BUY, 10_190, 1_000)
    perp(sim, ANN, SELL, 10_210, 1_000)
    go(sim, 300)
    assert mark(sim) == 10_100
    assert oracle.reference_ticks(sim.world, 0) == 10_100
    assert oracle.reference_ticks(sim.world, 1) == 10_000
    assert oracle.value_at_mark(sim.world, 0, -3) == -3 * 1_010_000


def test_a_pinned_index_ignores_the_token_book() -> None:
    """ORC-1: the control that cuts the path from the token book: quotes at 95 and the index stays at the stock's 100."""
    sim = market(dollars=100_000, shares_of_tokens=100, knobs=SMALL)
    token(sim, ANN, BUY, 9_450, 20_000)
    token(sim, ANN, SELL, 9_550, 20_000)
    go(sim, 5)
    assert (state(sim)["index_usd"], mark(sim)) == (100.0, 10_000)
