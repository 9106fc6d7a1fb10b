"""An index of several sources (SRC-1 to SRC-5)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhours.sim.declare import Knob, spec_of
from offhours.sim.market import book, matching, oracle, sources, stock
from plain import sources as plain
from plain.market import (
    ANN,
    BOB,
    BUY,
    DOLLAR,
    FRIDAY_OPEN,
    HOUR,
    MINUTE,
    SELL,
    Simulation,
    go,
    market,
    put_price,
    token,
)

FRIDAY_EVENING = FRIDAY_OPEN + 10 * HOUR + 25 * MINUTE
"""Five minutes before the stock has no quote any more until Monday."""
FORMS = ("mean", "median", "without ends")
FIFTEEN_MINUTES_US = 15 * MINUTE


def chosen(accessor: Any, column: str, word: str) -> int:
    """The code of a word."""
    knob = spec_of(accessor).columns[column]
    assert isinstance(knob, Knob)
    return knob.choices.index(word)


def several(
    *, guard_ppb: int = 0, beyond: str = "capped", closed: str = "frozen", feed_ppb: int = 0, **rules: int
) -> Simulation:
    """An index of several sources at $100; the token book is at 97 and its last trade, one lot, at 98.

    A feed that knows nothing of the value's move stands at the last quote.
    """
    knobs: dict[Any, int] = {
        (oracle.oracle_rules, "probe_uusd"): 100 * DOLLAR,
        (oracle.oracle_rules, "index"): oracle.SEVERAL,
        (oracle.oracle_rules, "closed"): chosen(oracle.oracle_rules, "closed", closed),
        (oracle.oracle_rules, "guard_ppb"): guard_ppb,
        (oracle.oracle_rules, "beyond"): chosen(oracle.oracle_rules, "beyond", beyond),
        (oracle.oracle_rules, "feed_ppb"): feed_ppb,
        **{(sources.source_rules, name): value for name, value in rules.items()},
    }
    sim = market(dollars=100_000, shares_of_tokens=100, pinned=False, knobs=knobs, start_us=FRIDAY_EVENING)
    token(sim, ANN, BUY, 9_800, 1)
    token(sim, BOB, SELL, 9_800, 1)
    token(sim, ANN, BUY, 9_650, 20_000)
    token(sim, ANN, SELL, 9_750, 20_000)
    go(sim)
    return sim


def index(sim: Simulation) -> float:
    """The index, dollars."""
    return float(sim.memory[oracle.oracles]["index_usd"][0])


def test_four_sources_count_by_weight() -> None:
    """SRC-1, SRC-4, ORC-12: quote 100 thrice, token book 97 twice, its last trade 98 once, a feed at 100 once: 692 / 7."""
    assert index(several(quote=3, book=2)) == pytest.approx((300 + 194 + 98 + 100) / 7, abs=0.012)
    assert index(several(quote=0, feed=0)) == pytest.approx(97.5, rel=1e-12)


def test_a_source_that_shows_nothing_leaves_its_weight_to_the_others() -> None:
    """SRC-1: without an ask the token book shows nothing; left to itself at night, the quote does not either."""
    sim = several()
    matching.cancel_all(sim.world, ANN, 1)
    go(sim)
    assert index(sim) == pytest.approx((100 + 98 + 100) / 3, abs=0.012)
    sim = several(closed="token book", feed=0)
    go(sim, 6 * 60)
    assert index(sim) == pytest.approx(97.5, rel=1e-12)


def test_a_feed_knows_a_share_of_the_move() -> None:
    """SRC-1: at night the value falls to 90; a feed of a half shows 95 beside a frozen 100."""
    sim = several(book=0, trade=0, feed_ppb=500_000_000)
    go(sim, 6 * 60)
    assert sim.memory[stock.stocks]["visible"][0] == 0
    put_price(sim, 90.0)
    go(sim, 2)
    assert index(sim) == pytest.approx(97.5, abs=0.02)


@pytest.mark.parametrize(
    ("beyond", "expected"), [("capped", (99 * 0.9898 + 98 + 200) / 4), ("dropped", (98 + 200) / 3)]
)
def test_a_guard_measures_from_the_median_of_all(beyond: str, expected: float) -> None:
    """SRC-2: sources 97, 98, 100, 100 have the median 99; beyond 1.02 % of it is 97 alone, which counts as 97.99 or not."""
    assert index(several(guard_ppb=10_200_000, beyond=beyond)) == pytest.approx(expected, abs=0.012)


def test_what_is_left_may_be_nothing_and_the_index_holds() -> None:
    """SRC-2: two sources, 97 and 100, both further than 1 % from 98.50."""
    sim = several(guard_ppb=10_000_000, beyond="dropped", trade=0, feed=0)
    assert index(sim) == 100.0
    assert sim.memory[oracle.oracles]["state"][0] == oracle.INDEX_HELD


def test_a_venue_without_trades_counts_no_more() -> None:
    """SRC-3: a quarter of an hour after its last trade the token's venue is out; a trade brings it back."""
    sim = several(idle_us=FIFTEEN_MINUTES_US)
    seen = float(index(sim))
    assert seen == pytest.approx((100 + 97 + 98 + 100) / 4, abs=0.012)
    go(sim, 15 * 60)
    assert index(sim) == pytest.approx(seen, abs=0.012)
    go(sim, 1)
    assert index(sim) == pytest.approx(100.0, abs=0.012)
    token(sim, BOB, SELL, 9_650, 1)
    go(sim)
    assert index(sim) == pytest.approx((100 + 97 + 96.5 + 100) / 4, abs=0.012)


def test_fewer_sources_than_the_least_make_no_index() -> None:
    """SRC-5: three are asked for and two are there."""
    sim = several(least=3, trade=0, feed=0)
    assert (index(sim), sim.memory[oracle.oracles]["state"][0]) == (100.0, oracle.INDEX_HELD)
    assert index(several(least=3, feed=0)) == pytest.approx(295 / 3, abs=0.012)


@pytest.mark.parametrize(
    ("price", "guard_ppb", "form", "expected"),
    [(21_400.0, 30_000_000, sources.CAPPED, 20_600.0), (18_800.0, 30_000_000, sources.CAPPED, 19_400.0), (20_300.0, 30_000_000, sources.CAPPED, 20_300.0), (21_400.0, 50_000_000, sources.DROPPED, -1.0), (20_900.0, 50_000_000, sources.DROPPED, 20_900.0), (90_000.0, 0, sources.CAPPED, 90_000.0)],
)  # fmt: skip
def test_a_source_with_a_guard(price: float, guard_ppb: int, form: int, expected: float) -> None:
    """ORC-11, SRC-2: Binance, price index FAQ: 7 % above and 6 % below a median of 20,000 count as 20,600 and 19,400 (V-X1)."""
    assert sources.source_within(price, 20_000.0, guard_ppb, form) == pytest.approx(expected, rel=1e-12)


@pytest.fixture(scope="module")
def bare() -> Simulation:
    """A market whose sources a test writes itself."""
    return market(knobs={(oracle.oracle_rules, "index"): oracle.SEVERAL})


PRICES = st.lists(st.sampled_from([-1.0, 90.0, 97.0, 99.5, 100.0, 100.25, 101.0, 104.0, 130.0]), min_size=4, max_size=4)
WEIGHTS = st.lists(st.integers(0, 4), min_size=4, max_size=4)


@settings(max_examples=400, deadline=None)
@given(prices=PRICES, weights=WEIGHTS, form=st.sampled_from(FORMS), guard=st.sampled_from([0, 10**7, 5 * 10**7, 10**8]), beyond=st.sampled_from(["capped", "dropped"]), least=st.integers(1, 4))  # fmt: skip
def test_what_they_make_together_is_what_lists_and_fractions_make(
    bare: Simulation, prices: list[float], weights: list[int], form: str, guard: int, beyond: str, least: int
) -> None:
    """SRC-1, SRC-2, SRC-4, SRC-5: against the plain twin."""
    rules = bare.memory[sources.source_rules]
    rules["form"], rules["least"] = FORMS.index(form), least
    bare.memory[sources.sources]["weight"] = weights
    sources.show(bare.world, 0, *prices)
    found = sources.together(bare.world, 0, guard, chosen(oracle.oracle_rules, "beyond", beyond))
    expected = plain.index(list(zip(prices, weights)), form, guard, beyond, least)
    # At the very edge of a guard a float may fall to either side.
    assert found == pytest.approx(-1.0 if expected is None else float(expected), rel=1e-12)


def test_equal_prices_stand_in_their_order(bare: Simulation) -> None:
    """SRC-4: of four equal prices the two in the middle are left, by weight the same price."""
    rules = bare.memory[sources.source_rules]
    rules["form"], rules["least"] = FORMS.index("without ends"), 1
    bare.memory[sources.sources]["weight"] = [1, 2, 3, 4]
    sources.show(bare.world, 0, 5.0, 5.0, 5.0, 5.0)
    assert [int(sources.place_of(bare.world, 0, row)) for row in range(4)] == [0, 1, 2, 3]
    assert sources.together(bare.world, 0, 0, 0) == 5.0
    assert bare.memory[book.books]["volume_lots"][1] == 0
