"""Index and mark (ORC-1 to ORC-14)."""

from __future__ import annotations

from math import exp
from types import SimpleNamespace
from typing import Any

import pytest

from offhours.sim.declare import Knob, spec_of
from offhours.sim.market import book, funding, matching, oracle, stock
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
    jump,
    mark,
    market,
    perp,
    put_price,
    token,
)

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


# Other venues' forms -------------------------------------------------------------------------------------------------

FRIDAY_EVENING = FRIDAY_OPEN + 10 * HOUR + 25 * MINUTE
"""Five minutes before the post-market ends and the stock has no quote any more until Monday 04:00."""


def ruled(column: str, word: str) -> tuple[Any, int]:
    """A choice of the oracle's as a test gives it."""
    knob = spec_of(oracle.oracle_rules).columns[column]
    assert isinstance(knob, Knob)
    return (oracle.oracle_rules, column), knob.choices.index(word)


def with_rules(*words: tuple[str, str], **numbers: int) -> dict[Any, int]:
    """Rules of the oracle: choices by word, numbers by column."""
    return {
        **SMALL,
        **dict(ruled(*word) for word in words),
        **{(oracle.oracle_rules, name): value for name, value in numbers.items()},
    }


def asleep(*words: tuple[str, str], closed: str = "frozen", **numbers: int) -> Simulation:
    """A market whose index is the stock, a minute into the week-end; the last quote was $100."""
    rules = with_rules(("index", "stock"), ("closed", closed), *words, **numbers)
    sim = market(dollars=1_000_000, shares_of_tokens=100, pinned=False, knobs=rules, start_us=FRIDAY_EVENING)
    go(sim, 6 * 60)
    assert sim.memory[stock.stocks]["visible"][0] == 0
    return sim


def test_an_index_of_the_stock_is_its_quote() -> None:
    """ORC-6: the token book says 95; the stock is quoted at 100, then at 103."""
    sim = market(dollars=100_000, shares_of_tokens=100, pinned=False, knobs=with_rules(("index", "stock")))
    token(sim, ANN, BUY, 9_450, 20_000)
    token(sim, ANN, SELL, 9_550, 20_000)
    go(sim)
    assert state(sim)["index_usd"] == pytest.approx(100.0, abs=0.011)
    jump(sim, 103.0)
    assert state(sim)["index_usd"] == pytest.approx(103.0, abs=0.011)


def test_of_two_sources_a_missing_one_leaves_its_weight_to_the_other() -> None:
    """ORC-6: token 97 and stock 100 with a quarter of the weight on the stock: 97.75; the stock alone; the token alone."""
    rules = with_rules(("index", "both"), stock_ppb=250_000_000)
    sim = market(dollars=100_000, shares_of_tokens=100, pinned=False, knobs=rules, start_us=FRIDAY_EVENING)
    go(sim)
    assert state(sim)["index_usd"] == pytest.approx(100.0, abs=0.011)
    token(sim, ANN, BUY, 9_650, 20_000)
    token(sim, ANN, SELL, 9_750, 20_000)
    go(sim)
    assert state(sim)["index_usd"] == pytest.approx(97.75, abs=0.011)
    go(sim, 6 * 60)
    assert state(sim)["index_usd"] == pytest.approx(97.0, rel=1e-12)


def test_of_two_sources_a_frozen_one_keeps_its_weight_at_the_last_quote() -> None:
    """ORC-7, ORC-11: token 97 and a last quote of 100 with a quarter of the weight: 97.75 at night; a guard measures from that quote."""
    rules = with_rules(("index", "both"), ("closed", "frozen"), stock_ppb=250_000_000)
    sim = market(dollars=100_000, shares_of_tokens=100, pinned=False, knobs=rules, start_us=FRIDAY_EVENING)
    token(sim, ANN, BUY, 9_650, 20_000)
    token(sim, ANN, SELL, 9_750, 20_000)
    go(sim, 6 * 60)
    put_price(sim, 80.0)
    go(sim, 60)
    assert state(sim)["index_usd"] == pytest.approx(97.75, abs=0.011)
    sim.memory[oracle.oracle_rules]["guard_ppb"] = 20_000_000
    go(sim)
    assert state(sim)["index_usd"] == pytest.approx(98.5, abs=0.011)
    matching.cancel_all(sim.world, ANN, 1)
    go(sim)
    assert (state(sim)["index_usd"], state(sim)["state"]) == (pytest.approx(100.0, abs=0.011), oracle.INDEX_LIVE)


def test_a_frozen_index_stands_while_the_stock_has_no_quote_and_is_live() -> None:
    """ORC-7: the token book falls to 90, the value to 80: nothing moves, and the price is somebody's."""
    sim = asleep()
    token(sim, ANN, BUY, 8_950, 20_000)
    token(sim, ANN, SELL, 9_050, 20_000)
    put_price(sim, 80.0)
    go(sim, 3_600)
    assert state(sim)["index_usd"] == pytest.approx(100.0, abs=0.011)
    assert state(sim)["state"] == oracle.INDEX_LIVE


def test_a_closed_stock_may_leave_its_index_to_the_token_book() -> None:
    """ORC-7: at night the token's 90 is the index."""
    sim = asleep(closed="token book")
    token(sim, ANN, BUY, 8_950, 20_000)
    token(sim, ANN, SELL, 9_050, 20_000)
    go(sim)
    assert state(sim)["index_usd"] == pytest.approx(90.0, rel=1e-12)


def test_an_internal_oracle_goes_to_the_impact_prices_of_its_own_book() -> None:
    """ORC-7: impact bid 102 and ask 104 over 100 draw it with tau 1 h: 102 - 2 exp(-t / tau); inside the spread it rests."""
    sim = asleep(closed="own book")
    start = float(state(sim)["index_usd"])
    perp(sim, ANN, BUY, 10_200, 1_000)
    perp(sim, ANN, SELL, 10_400, 1_000)
    go(sim, 1_800)
    assert state(sim)["index_usd"] == pytest.approx(102.0 - (102.0 - start) * exp(-0.5), rel=1e-9)
    matching.cancel_all(sim.world, ANN, 0)
    held = float(state(sim)["index_usd"])
    perp(sim, ANN, BUY, 10_000, 1_000)
    perp(sim, ANN, SELL, 10_400, 1_000)
    go(sim, 600)
    assert state(sim)["index_usd"] == held
    matching.cancel_all(sim.world, ANN, 0)
    go(sim, 600)
    assert state(sim)["index_usd"] == held


def test_an_internal_oracle_jumps_to_the_first_quote() -> None:
    """ORC-7: Monday 04:00 the stock is quoted at 95 and the index is there the same second."""
    sim = asleep(closed="own book")
    perp(sim, ANN, BUY, 10_200, 1_000)
    perp(sim, ANN, SELL, 10_400, 1_000)
    put_price(sim, 95.0)
    # Clocks went forward on Sunday.
    go(sim, (FRIDAY_OPEN + 65 * HOUR + 30 * MINUTE - sim.now_us) / 1e6 - 1)
    assert state(sim)["index_usd"] == pytest.approx(102.0, abs=0.01)
    go(sim, 2)
    assert state(sim)["index_usd"] == pytest.approx(95.0, abs=0.011)


@pytest.mark.parametrize(
    ("elapsed_us", "expected"), [(HOUR, 1 - exp(-0.1)), (HOUR // 10, 1 - exp(-0.1)), (HOUR // 20, 1 - exp(-0.05))]
)
def test_one_step_of_an_internal_oracle(elapsed_us: int, expected: float) -> None:
    """ORC-7: trade.xyz, internal oracle: one step with dt >= 0.1 h and tau 1 h moves 9.516 % of the difference (V-X5)."""
    assert oracle.own_book_weight(elapsed_us, HOUR) == pytest.approx(expected, rel=1e-12)
    assert 1 - exp(-0.1) == pytest.approx(0.09516, abs=5e-6)


@pytest.mark.parametrize(
    ("price", "bid", "ask", "expected"),
    [(100.0, 101.0, 103.0, 1.0), (100.0, 97.0, 99.0, -1.0), (100.0, 99.0, 101.0, 0.0), (100.0, -1.0, 99.0, -1.0), (100.0, 101.0, -1.0, 1.0), (100.0, -1.0, -1.0, 0.0)],
)  # fmt: skip
def test_the_difference_of_impact_prices(price: float, bid: float, ask: float, expected: float) -> None:
    """ORC-7: max(0, impact bid - S) - max(0, S - impact ask), a thin side counting nothing (trade.xyz)."""
    assert oracle.impact_difference(price, bid, ask) == expected


def test_a_feed_shows_a_share_of_what_the_value_does() -> None:
    """ORC-7: of a fall from 100 to 90 a feed of 30 % shows three dollars."""
    sim = asleep(closed="feed", feed_ppb=300_000_000)
    jump(sim, 90.0)
    assert state(sim)["index_usd"] == pytest.approx(97.0, abs=0.011)


def test_fair_basis_lets_funding_run_out_over_the_interval() -> None:
    """ORC-8: BitMEX, 0.8 % per 8 h on an index of 100: 100.80 with all of it to come, 100.60 after two hours of eight."""
    assert oracle.fair_price(100.0, 0.008, 1.0) == pytest.approx(100.8, rel=1e-12)
    rules = {**with_rules(("form", "fair basis")), (funding.funding_rules, "interval_us"): 8 * HOUR}
    sim = market(dollars=100_000, knobs=rules)
    perp(sim, ANN, BUY, 10_490, 1_000)
    perp(sim, ANN, SELL, 10_510, 1_000)
    go(sim, 90 * 60)
    sim.memory[funding.fundings]["rate_ppb"] = 8_000_000
    go(sim, 60)
    # 11:01 New York is 16:01 UTC: 479 of 480 minutes are left, whatever the book says.
    assert state(sim)["mark_usd"] == pytest.approx(100 * (1 + 0.008 * 479 / 480), rel=1e-12)
    assert mark(sim) == 10_080


@pytest.mark.parametrize(
    "numbers", [(1.0, 2.0, 3.0), (3.0, 1.0, 2.0), (2.0, 3.0, 1.0), (2.0, 2.0, 9.0), (9.0, 2.0, 2.0)]
)
def test_the_middle_one_of_three(numbers: tuple[float, float, float]) -> None:
    """ORC-8."""
    assert oracle.median_of_three(*numbers) == 2.0


def test_the_median_of_three_marks() -> None:
    """ORC-8: fair price 100, averaged premium 101 and last trade 104: 101; with a last trade of 100.50 that is the mark."""
    sim = market(dollars=100_000, knobs=with_rules(("form", "median of three")))
    perp(sim, ANN, BUY, 10_090, 1_000)
    perp(sim, ANN, SELL, 10_110, 1_000)
    go(sim, 600)
    sim.memory[book.books]["last_ticks"][0] = 10_400
    go(sim)
    assert mark(sim) == 10_100
    sim.memory[book.books]["last_ticks"][0] = 10_050
    go(sim)
    assert mark(sim) == 10_050


def test_without_a_trade_a_median_takes_the_averaged_premium_instead() -> None:
    """ORC-8: of fair price 100 and averaged premium 100.90 the latter; the same with an empty book, where an oracle's median has
    nothing of its own."""
    sim = market(dollars=100_000, knobs=with_rules(("form", "median of three")))
    perp(sim, ANN, BUY, 10_080, 1_000)
    perp(sim, ANN, SELL, 10_100, 1_000)
    go(sim, 300)
    assert mark(sim) == 10_090
    sim = market(dollars=100_000, knobs=with_rules(("form", "oracle median")))
    state(sim)["average_usd"] = 0.5
    go(sim)
    assert mark(sim) == 10_050


def test_the_median_of_oracle_average_and_book() -> None:
    """ORC-8: oracle 100, oracle + average 100.50, and the middle of bid 100.10, ask 100.20 and last 101, which is 100.20."""
    sim = market(dollars=100_000, knobs=with_rules(("form", "oracle median")))
    perp(sim, ANN, BUY, 10_010, 1_000)
    perp(sim, ANN, SELL, 10_020, 1_000)
    go(sim)
    state(sim)["average_usd"] = 0.5
    sim.memory[book.books]["last_ticks"][0] = 10_100
    go(sim)
    assert mark(sim) == 10_020
    sim.memory[book.books]["last_ticks"][0] = 9_000
    go(sim)
    assert mark(sim) == 10_010


@pytest.mark.parametrize(
    ("bid", "ask", "last", "expected"), [(1.0, 3.0, 2.0, 2.0), (1.0, 3.0, 9.0, 3.0), (1.0, 3.0, -1.0, 2.0), (-1.0, 3.0, 5.0, 5.0), (-1.0, -1.0, -1.0, -1.0)]
)  # fmt: skip
def test_the_price_of_a_book(bid: float, ask: float, last: float, expected: float) -> None:
    """ORC-8: the middle of bid, ask and last trade."""
    assert oracle.book_price(bid, ask, last) == expected


def test_the_index_may_be_the_mark() -> None:
    """ORC-8: dYdX margins at its oracle price: the book at 105 does not matter."""
    sim = market(dollars=100_000, knobs=with_rules(("form", "index")))
    perp(sim, ANN, BUY, 10_490, 1_000)
    perp(sim, ANN, SELL, 10_510, 1_000)
    go(sim, 600)
    assert mark(sim) == 10_000


def test_a_mark_with_a_clock_and_a_step_of_its_own() -> None:
    """ORC-9: every three seconds by at most half a percent: a jump to 110 is followed 100.50, 101.00, 101.50 ..."""
    sim = market(knobs=with_rules(("form", "index"), update_us=3_000_000, update_step_ppb=5_000_000))
    put_price(sim, 110.0)
    seen = [float(state(sim)["mark_usd"])]
    for _ in range(9):
        go(sim)
        seen.append(float(state(sim)["mark_usd"]))
    moved = [price for price, before in zip(seen[1:], seen) if price != before]
    assert moved == pytest.approx([100.5, 100.5 * 1.005, 100.5 * 1.005**2])
    assert (state(sim)["mark_ticks"], state(sim)["previous_ticks"]) == (10_151, 10_100)


def test_marks_are_remade_on_full_seconds() -> None:
    """ORC-9: what is wrong with 1.5 seconds is said of that knob."""
    wrong = oracle.check(SimpleNamespace(update_us=1_500_000))
    assert wrong is not None and wrong[0] == "update_us"


def test_a_discovery_bound_holds_the_mark_while_the_stock_sleeps() -> None:
    """ORC-10: 10 % around the last quote: bids at 120 take the mark to 110 and no further; frozen index, cap out of the way."""
    sim = asleep(bound_ppb=100_000_000, premium_cap_ppb=500_000_000)
    state(sim)["average_usd"] = 20.0
    go(sim)
    assert state(sim)["mark_usd"] == pytest.approx(110.0, abs=0.02)
    state(sim)["average_usd"] = -20.0
    go(sim)
    assert state(sim)["mark_usd"] == pytest.approx(90.0, abs=0.02)


@pytest.mark.parametrize(
    ("way", "edge", "anchor", "last", "column"),
    [(1, 110.0, 109.0, 119.9, "anchored_up"), (-1, 90.0, 91.0, 81.9, "anchored_down")],
)
def test_a_bound_that_gets_a_new_anchor(way: int, edge: float, anchor: float, last: float, column: str) -> None:
    """ORC-10: nine tenths of the way up the anchor becomes 109, once; the hard edge is then 119.90. Down: 91, and 81.90. The
    quote resets it."""
    sim = asleep(bound_ppb=100_000_000, premium_cap_ppb=500_000_000, anchors=1)
    state(sim)["average_usd"] = 30.0 * way
    go(sim)
    assert state(sim)["mark_usd"] == pytest.approx(edge, abs=0.02)
    assert state(sim)["anchor_usd"] == pytest.approx(anchor, abs=0.02)
    go(sim)
    assert state(sim)["mark_usd"] == pytest.approx(last, abs=0.02)
    go(sim, 5)
    assert (state(sim)["mark_usd"], state(sim)[column]) == (pytest.approx(last, abs=0.02), 1)
    go(sim, (FRIDAY_OPEN + 66 * HOUR + 31 * MINUTE - sim.now_us) / 1e6)
    assert state(sim)["anchor_usd"] == pytest.approx(100.0, abs=0.011)
    assert state(sim)[column] == 0


@pytest.mark.parametrize(("beyond", "expected"), [("capped", 97.5), ("dropped", 100.0)])
def test_an_index_of_both_with_a_guard(beyond: str, expected: float) -> None:
    """ORC-11: a token 10 % below the stock counts as 5 % below it, or leaves its weight to the stock; at night it counts."""
    rules = with_rules(("index", "both"), ("beyond", beyond), stock_ppb=500_000_000, guard_ppb=50_000_000)
    sim = market(dollars=100_000, shares_of_tokens=100, pinned=False, knobs=rules, start_us=FRIDAY_EVENING)
    go(sim)
    token(sim, ANN, BUY, 8_950, 20_000)
    token(sim, ANN, SELL, 9_050, 20_000)
    go(sim)
    assert state(sim)["index_usd"] == pytest.approx(expected, abs=0.011)
    go(sim, 6 * 60)
    assert state(sim)["index_usd"] == pytest.approx(90.0, rel=1e-12)


# Blends, and what stands for other venues -----------------------------------------------------------------------------


def test_a_last_quote_fades_in_favour_of_the_own_book() -> None:
    """ORC-13: impact mid 103 over a quote of 100, both constants an hour: the average is 103 - 3 exp(-t) and the index
    average + exp(-time since the quote) (100 - average)."""
    sim = asleep(closed="blend", fade_us=HOUR, own_us=HOUR)
    start = float(state(sim)["seen_usd"])
    assert state(sim)["index_usd"] == start
    asleep_s = (sim.now_us - int(state(sim)["seen_us"])) // 1_000_000
    perp(sim, ANN, BUY, 10_200, 1_000)
    perp(sim, ANN, SELL, 10_400, 1_000)
    go(sim, 1_800)
    average = 103.0 - (103.0 - start) * exp(-0.5)
    weight = exp(-(1_800 + asleep_s) / 3_600)
    assert state(sim)["own_usd"] == pytest.approx(average, rel=1e-9)
    assert state(sim)["index_usd"] == pytest.approx(average + weight * (start - average), rel=1e-9)


def test_the_average_of_a_blend_stays_within_its_bound_and_the_next_quote_counts_in_full() -> None:
    """ORC-13: bound 1 %: the index goes to 101 at most, however long the book stands at 103; Monday's 95 is there at once."""
    sim = asleep(closed="blend", fade_us=10 * MINUTE, own_us=10 * MINUTE, own_bound_ppb=10_000_000)
    start = float(state(sim)["seen_usd"])
    perp(sim, ANN, BUY, 10_200, 1_000)
    perp(sim, ANN, SELL, 10_400, 1_000)
    put_price(sim, 95.0)
    go(sim, 10 * 3_600)
    assert state(sim)["index_usd"] == pytest.approx(start * 1.01, rel=1e-9)
    go(sim, (FRIDAY_OPEN + 65 * HOUR + 30 * MINUTE - sim.now_us) / 1e6 + 1)
    assert state(sim)["index_usd"] == pytest.approx(95.0, abs=0.011)
    assert state(sim)["own_usd"] == pytest.approx(95.0, abs=0.011)


def test_other_venues_marks_may_be_the_token() -> None:
    """ORC-14, ORC-8: index 100 by the stock, token 102; averaged premium 101, own book 103.10: the median is 102, the index's 101."""
    words = (("index", "stock"), ("form", "oracle median"))
    for elsewhere, expected in (("token book", 10_200), ("index", 10_100)):
        rules = with_rules(*words, ("elsewhere", elsewhere), premium_cap_ppb=500_000_000)
        sim = market(dollars=100_000, shares_of_tokens=100, pinned=False, knobs=rules)
        token(sim, ANN, BUY, 10_150, 20_000)
        token(sim, ANN, SELL, 10_250, 20_000)
        go(sim)
        state(sim)["average_usd"] = 1.0
        sim.memory[oracle.oracles]["keep"] = 1.0
        perp(sim, ANN, BUY, 10_300, 1_000)
        perp(sim, ANN, SELL, 10_320, 1_000)
        go(sim)
        assert mark(sim) == pytest.approx(expected, abs=1), elsewhere


def test_other_venues_marks_may_be_a_feed() -> None:
    """ORC-14: at night the value falls to 90 and a feed of a half shows 95 beside a frozen index of 100 and a book at 92."""
    sim = asleep(("form", "oracle median"), ("elsewhere", "feed"), feed_ppb=500_000_000, premium_cap_ppb=500_000_000)
    state(sim)["keep"] = 1.0
    state(sim)["average_usd"] = 2.0
    perp(sim, ANN, BUY, 9_190, 1_000)
    perp(sim, ANN, SELL, 9_210, 1_000)
    jump(sim, 90.0)
    assert mark(sim) == pytest.approx(9_500, abs=2)


def test_where_no_venue_has_the_contract_an_average_of_the_own_book_is_added() -> None:
    """ORC-14: Hyperliquid: the own middle 101 averaged over 30 s, from 100: 101 - exp(-t / 30) lies between the index's 100 and
    the book's 101."""
    sim = market(dollars=100_000, knobs=with_rules(("form", "oracle median"), ("elsewhere", "own average")))
    perp(sim, ANN, BUY, 10_090, 1_000)
    perp(sim, ANN, SELL, 10_110, 1_000)
    state(sim)["keep"] = 1.0
    go(sim, 30)
    assert state(sim)["elsewhere_usd"] == pytest.approx(101.0 - exp(-1), rel=1e-9)
    assert mark(sim) == round(100 * (101.0 - exp(-1)))


def test_other_venues_marks_may_be_a_blend_with_constants_of_its_own() -> None:
    """ORC-14: as ORC-13, with 8 and 12 min of the mark's; while the stock has a quote it is that quote."""
    sim = asleep(("form", "impact median"), ("elsewhere", "blend"))
    start, quoted_us = float(state(sim)["seen_usd"]), int(state(sim)["seen_us"])
    perp(sim, ANN, BUY, 10_200, 1_000)
    perp(sim, ANN, SELL, 10_400, 1_000)
    go(sim, 240)
    average = 103.0 - (103.0 - start) * exp(-240 / 480)
    weight = exp(-((sim.now_us - quoted_us) // 1_000_000) / 720)
    assert mark(sim) == round(100 * (average + weight * (start - average)))


def test_the_median_of_fair_basis_other_venues_and_impact_mid() -> None:
    """ORC-8: half an hour is left of 0.5 %, so fair is 100.25, others 100 by the index, impact mid 101: 100.25; an impact mid of 99
    leaves 100."""
    sim = market(dollars=100_000, knobs=with_rules(("form", "impact median")))
    sim.memory[funding.fundings]["rate_ppb"] = 5_000_000
    perp(sim, ANN, BUY, 10_090, 1_000)
    perp(sim, ANN, SELL, 10_110, 1_000)
    go(sim)
    assert mark(sim) == pytest.approx(10_025, abs=1)
    matching.cancel_all(sim.world, ANN, 0)
    perp(sim, ANN, BUY, 9_890, 1_000)
    perp(sim, ANN, SELL, 9_910, 1_000)
    go(sim)
    assert mark(sim) == 10_000


def test_empty_books_leave_a_median_what_there_is() -> None:
    """ORC-8, ORC-14: fair 100.25, no token, so the index's 100, no impact mid, so the averaged premium's 99.50: 100. An average of the
    own book stands where it is while the book is empty."""
    words = (("index", "stock"), ("form", "impact median"), ("elsewhere", "token book"))
    sim = market(dollars=100_000, shares_of_tokens=100, pinned=False, knobs=with_rules(*words))
    sim.memory[funding.fundings]["rate_ppb"] = 5_000_000
    state(sim)["average_usd"] = -0.5
    go(sim)
    assert mark(sim) == 10_000
    sim = market(dollars=100_000, knobs=with_rules(("form", "oracle median"), ("elsewhere", "own average")))
    state(sim)["average_usd"] = 0.5
    go(sim, 30)
    assert (state(sim)["elsewhere_usd"], mark(sim)) == (100.0, 10_050)


@pytest.mark.parametrize(
    ("average", "elapsed", "bound_ppb", "expected"),
    [(103.0, 0, 0, 100.0), (103.0, HOUR, 0, 103 - 3 * exp(-1)), (103.0, HOUR, 10_000_000, 101 - exp(-1)), (90.0, HOUR, 10_000_000, 99 + exp(-1))],
)  # fmt: skip
def test_one_blend(average: float, elapsed: int, bound_ppb: int, expected: float) -> None:
    """ORC-13: quote 100, constant an hour."""
    assert oracle.faded(100.0, average, elapsed, HOUR, bound_ppb) == pytest.approx(expected, rel=1e-12)
