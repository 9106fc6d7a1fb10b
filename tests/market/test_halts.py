"""Halts inside regular hours (HALT-1 to HALT-5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhours.sim.declare import spec_of
from offhours.sim.market import accounts, clock, halts, issuer, oracle, stock
from offhours.sim.market.matching import ACCEPTED, MARKET_CLOSED
from plain.market import (
    ANN,
    BUY,
    DOLLAR,
    FRIDAY_OPEN,
    HOUR,
    MINUTE,
    SECOND,
    SELL,
    SHARE,
    Simulation,
    go,
    jump,
    market,
    perp,
    put_price,
    token,
)

CLOSE = FRIDAY_OPEN + 6 * HOUR + 30 * MINUTE
BREAKER = {(halts.halt_rules, "halt_us"): 15 * MINUTE}
BANDED = {(halts.halt_rules, "band_ppb"): 50_000_000}
MONDAY_OPEN = FRIDAY_OPEN + 71 * HOUR
"""Clocks go forward on the Sunday between."""


def given_halts(*rows: tuple[int, int, int]) -> Any:
    """Rows of the table of given halts: ticker, from, until."""
    table = np.zeros(len(rows), dtype=spec_of(halts.given_halts).dtype)
    for row, (ticker, begin, end) in zip(table, rows):
        row["ticker"], row["from_us"], row["until_us"] = ticker, begin, end
    return table


def two(start_us: int = FRIDAY_OPEN, **more: Any) -> Simulation:
    """Two tickers at $100, of which the first stands for the market."""
    sim = market(dollars=100_000, tickers=2, knobs=BREAKER, start_us=start_us, **more)
    sim.memory[halts.halt_rules]["breaker"][0] = 1
    return sim


def seen(sim: Simulation) -> list[int]:
    """Which stocks have a quote."""
    return [int(flag) for flag in sim.memory[stock.stocks]["visible"]]


def events(sim: Simulation) -> Any:
    """All halts so far."""
    sim.tape.drain(sim.memory)
    return sim.tape.rows(halts.halt_events)


def now_phase(sim: Simulation) -> int:
    """The phase of the week."""
    return int(clock.phase(sim.world))


def endowed(**more: Any) -> Simulation:
    """Ann has tokens, shares and dollars at the broker; news halts the stock from 10:00 to 10:10."""
    rows = given_halts((0, FRIDAY_OPEN + 30 * MINUTE, FRIDAY_OPEN + 40 * MINUTE))
    sim = market(dollars=100_000, shares_of_tokens=100, halts=rows, **more)
    sim.endow(ANN, accounts.BROKER_USD, 10_000 * DOLLAR)
    sim.endow(ANN, accounts.share_asset(0), 50 * SHARE)
    go(sim, 30 * 60 - 1)
    return sim


def test_nobody_trades_hedges_or_mints_what_is_halted() -> None:
    """HALT-1, HALT-2: at 09:59:59 all is well, from 10:00:00 to 10:09:59 nothing is, at 10:10:00 all is well again."""
    sim = endowed()
    tries: tuple[Callable[[], int], ...] = (
        lambda: stock.buy(sim.world, ANN, 0, SHARE),
        lambda: stock.sell(sim.world, ANN, 0, SHARE),
        lambda: issuer.mint(sim.world, ANN, 0, SHARE, 100.0),
        lambda: issuer.redeem(sim.world, ANN, 0, SHARE, 100.0),
    )
    assert [attempt() for attempt in tries] == [ACCEPTED] * 4
    for wait in (1, 599):
        go(sim, wait)
        assert [attempt() for attempt in tries] == [MARKET_CLOSED] * 4
        assert (seen(sim), halts.halted(sim.world, 0), now_phase(sim)) == ([0], 1, clock.REGULAR)
    go(sim, 1)
    assert [attempt() for attempt in tries] == [ACCEPTED] * 4
    assert (seen(sim), halts.halted(sim.world, 0)) == ([1], 0)


def test_token_and_perp_trade_on_and_the_reopening_gaps() -> None:
    """HALT-1: the value falls to 80 during the halt; the quote seen last stays 100, and the first one after is 80."""
    sim = endowed()
    go(sim, 60)
    put_price(sim, 80.0)
    assert perp(sim, ANN, BUY, 9_900, 10) == ACCEPTED
    assert token(sim, ANN, SELL, 10_100, 10) == ACCEPTED
    go(sim, 500)
    assert stock.mid_usd(sim.world, 0) == pytest.approx(100.0, abs=0.011)
    go(sim, 60)
    assert stock.mid_usd(sim.world, 0) == pytest.approx(80.0, abs=0.011)
    sim.tape.drain(sim.memory)
    (first,) = sim.tape.rows(stock.first_prices)
    assert (first["phase"], first["time_us"] - first["since_us"]) == (clock.REGULAR, 10 * MINUTE + SECOND)
    assert (first["before_usd"], first["price_usd"]) == (pytest.approx(100.0, abs=0.011), pytest.approx(80.0, abs=0.011))  # fmt: skip


@pytest.mark.parametrize(("closed", "expected"), [(0, 95.0), (1, 100.0)])
def test_each_index_does_in_a_halt_what_it_does_at_night(closed: int, expected: float) -> None:
    """HALT-1, ORC-7: an index of the stock goes to the token book (0) or stands still (1)."""
    knobs = {(oracle.oracle_rules, "index"): oracle.STOCK_QUOTE, (oracle.oracle_rules, "closed"): closed}
    sim = endowed(pinned=False, knobs={**knobs, (oracle.oracle_rules, "probe_uusd"): 100 * DOLLAR})
    token(sim, ANN, BUY, 9_450, 10_000)
    token(sim, ANN, SELL, 9_550, 10_000)
    go(sim, 60)
    assert sim.memory[oracle.oracles]["index_usd"][0] == pytest.approx(expected, abs=0.011)


def test_one_stock_is_halted_and_the_other_is_not() -> None:
    """HALT-2: what is given for the second ticker leaves the first alone; what is given for all halts all."""
    rows = given_halts(
        (1, FRIDAY_OPEN + MINUTE, FRIDAY_OPEN + 2 * MINUTE),
        (halts.EVERYBODY, FRIDAY_OPEN + 5 * MINUTE, FRIDAY_OPEN + 6 * MINUTE),
    )
    sim = two(halts=rows)
    go(sim, 60)
    assert (seen(sim), now_phase(sim)) == ([1, 0], clock.REGULAR)
    go(sim, 60)
    assert seen(sim) == [1, 1]
    go(sim, 180)
    assert (seen(sim), now_phase(sim)) == ([0, 0], clock.HALTED)
    go(sim, 60)
    assert (seen(sim), now_phase(sim)) == ([1, 1], clock.REGULAR)
    assert [(e["ticker"], e["reason"]) for e in events(sim)] == [(1, halts.NEWS), (halts.EVERYBODY, halts.NEWS)]


@pytest.mark.parametrize(
    ("price", "expected"),
    [(93.01, 0), (93.0, 1), (92.0, 1), (87.01, 1), (87.0, 2), (80.01, 2), (80.0, 3), (10.0, 3), (120.0, 0)],
)
def test_the_levels_of_the_breakers(price: float, expected: int) -> None:
    """HALT-3: NYSE Rule 7.12: 7, 13 and 20 % below the last close."""
    assert halts.breaker_level(price, 100.0) == expected


def test_a_fall_of_seven_percent_halts_all_for_a_quarter_of_an_hour_once() -> None:
    """HALT-3, HALT-5: at 93 all stop; after 15 minutes all go on, at 93 too; 13 % stops them again."""
    sim = two()
    go(sim, 60)
    jump(sim, 93.0)
    assert (seen(sim), now_phase(sim)) == ([0, 0], clock.HALTED)
    go(sim, 15 * 60 - 1)
    assert seen(sim) == [0, 0]
    go(sim, 1)
    assert (seen(sim), now_phase(sim)) == ([1, 1], clock.REGULAR)
    go(sim, 3_600)
    assert (seen(sim), len(events(sim))) == ([1, 1], 1)
    jump(sim, 87.0)
    assert seen(sim) == [0, 0]
    first, second = events(sim)
    assert (first["reason"], first["reference_usd"], first["price_usd"]) == (halts.LEVEL_1, 100.0, 93.0)
    assert (second["reason"], second["until_us"] - second["time_us"]) == (halts.LEVEL_2, 15 * MINUTE)


def test_a_fall_through_two_levels_at_once_is_one_halt() -> None:
    """HALT-3: from 100 to 87 the second level halts; the first is used up with it, and each level halts once a day."""
    sim = two()
    go(sim, 10)
    jump(sim, 87.0)
    assert [e["reason"] for e in events(sim)] == [halts.LEVEL_2]
    go(sim, 15 * 60)
    for price in (87.0, 93.0, 86.0):
        jump(sim, price)
        assert (seen(sim), len(events(sim))) == ([1, 1], 1), price
    jump(sim, 80.0)
    assert [e["reason"] for e in events(sim)] == [halts.LEVEL_2, halts.LEVEL_3]


def test_a_stock_halted_for_longer_keeps_nobody_else() -> None:
    """HALT-2, HALT-3: news halts the second stock for 20 minutes; the breaker then halts all for 15, and only the second stays."""
    sim = two(halts=given_halts((1, FRIDAY_OPEN + 10 * SECOND, FRIDAY_OPEN + 20 * MINUTE)))
    go(sim, 20)
    jump(sim, 93.0)
    assert (seen(sim), now_phase(sim)) == ([0, 0], clock.HALTED)
    go(sim, 15 * 60)
    assert (seen(sim), now_phase(sim)) == ([1, 0], clock.REGULAR)
    go(sim, 5 * 60)
    assert (seen(sim), now_phase(sim)) == ([1, 1], clock.REGULAR)
    assert [(e["ticker"], e["reason"]) for e in events(sim)] == [(1, halts.NEWS), (halts.EVERYBODY, halts.LEVEL_1)]


def test_a_stock_halted_for_less_waits_with_all_the_others() -> None:
    """HALT-3, HALT-5: news halts the second stock for two minutes; the breaker's quarter of an hour is longer, for it too."""
    sim = two(halts=given_halts((1, FRIDAY_OPEN + 10 * SECOND, FRIDAY_OPEN + 2 * MINUTE)))
    go(sim, 20)
    jump(sim, 93.0)
    go(sim, 15 * 60 - 1)
    assert (seen(sim), now_phase(sim)) == ([0, 0], clock.HALTED)
    go(sim, 1)
    assert (seen(sim), now_phase(sim)) == ([1, 1], clock.REGULAR)


def test_a_halted_stock_breaks_nothing_until_it_trades_again() -> None:
    """HALT-3: news halts the one that stands for the market; what it loses meanwhile counts from its first second on."""
    sim = two(halts=given_halts((0, FRIDAY_OPEN + 10 * SECOND, FRIDAY_OPEN + MINUTE)))
    go(sim, 20)
    jump(sim, 90.0)
    assert (seen(sim), now_phase(sim), len(events(sim))) == ([0, 1], clock.REGULAR, 1)
    go(sim, 45)
    assert [e["reason"] for e in events(sim)] == [halts.NEWS, halts.LEVEL_1]


def test_what_is_given_for_all_begins_with_the_session() -> None:
    """HALT-2, HALT-5: given from 09:25 to 09:31: before the open the phase is what it is, then nobody trades for a minute."""
    rows = given_halts((halts.EVERYBODY, FRIDAY_OPEN - 5 * MINUTE, FRIDAY_OPEN + MINUTE))
    sim = two(start_us=FRIDAY_OPEN - 10 * MINUTE, halts=rows)
    go(sim, 6 * 60)
    assert (now_phase(sim), len(events(sim))) == (clock.PRE, 0)
    go(sim, 4 * 60 + 30)
    assert (seen(sim), now_phase(sim)) == ([0, 0], clock.HALTED)
    go(sim, 30)
    assert (seen(sim), now_phase(sim), len(events(sim))) == ([1, 1], clock.REGULAR, 1)


def test_the_edges_of_a_band() -> None:
    """HALT-4: at the band a price is still inside; at 15:35:00 the band is twice as wide already."""
    assert [halts.beyond_band(price, 100.0, 250_000_000, HOUR) for price in (75.0, 125.0, 125.1, 74.9)] == [0, 0, 1, 1]
    assert [halts.beyond_band(130.0, 100.0, 250_000_000, left) for left in (25 * MINUTE, 25 * MINUTE + 1)] == [0, 1]


def test_another_stock_halts_nobody_else() -> None:
    """HALT-3: the second ticker does not stand for the market."""
    sim = two()
    go(sim, 60)
    jump(sim, 70.0, ticker=1)
    assert (seen(sim), len(events(sim))) == ([1, 1], 0)


@pytest.mark.parametrize(("before_close_s", "halted"), [(35 * 60, 1), (35 * 60 - 1, 0)])
def test_the_first_levels_halt_nothing_late_in_the_day(before_close_s: int, halted: int) -> None:
    """HALT-3: at 15:25:00 they do, a second later they do not."""
    sim = two(start_us=CLOSE - HOUR)
    go(sim, 3_600 - before_close_s - 1)
    jump(sim, 92.0)
    assert (sim.now_us, seen(sim)) == (CLOSE - before_close_s * SECOND, [1 - halted] * 2)


def test_the_third_level_ends_the_day() -> None:
    """HALT-3: at 15:40 the market has lost 20 %: no quote until 20:00, whatever the price does; Monday is as usual."""
    sim = two(start_us=CLOSE - HOUR)
    go(sim, 2_400)
    jump(sim, 79.0)
    assert (seen(sim), now_phase(sim)) == ([0, 0], clock.HALTED)
    put_price(sim, 99.0)
    go(sim, 1_300)
    assert (now_phase(sim), seen(sim)) == (clock.POST, [0, 0])
    go(sim, 4 * 3_600)
    (event,) = events(sim)
    assert (event["reason"], event["until_us"]) == (halts.LEVEL_3, CLOSE + 4 * HOUR)
    go(sim, (MONDAY_OPEN - sim.now_us) / 1e6 - HOUR / 1e6)
    assert seen(sim) == [1, 1]
    go(sim, HOUR / 1e6)
    assert (now_phase(sim), seen(sim), sim.memory[halts.halts]["levels"].tolist()) == (clock.REGULAR, [1, 1], [0, 0])


def test_the_next_day_is_measured_by_the_last_close() -> None:
    """HALT-3: the market closes on Friday at 94 and is at 88 on Monday: 6 % on each day, and no halt."""
    sim = two(start_us=CLOSE - HOUR)
    put_price(sim, 94.0)
    go(sim, (MONDAY_OPEN - sim.now_us) / 1e6 + 10)
    assert sim.memory[halts.halts]["close_usd"][0] == 94.0
    jump(sim, 88.4)
    assert seen(sim) == [1, 1]
    jump(sim, 87.4)
    assert seen(sim) == [0, 0]


def test_a_stock_that_leaves_its_band_pauses_for_five_minutes() -> None:
    """HALT-4: 5 % of the average of five minutes: 104.9 is inside, 105.1 is not; after the pause its own price counts."""
    sim = market(dollars=100_000, tickers=2, knobs=BANDED)
    go(sim, 400)
    jump(sim, 104.9)
    assert seen(sim) == [1, 1]
    put_price(sim, 100.0)
    go(sim, 400)
    jump(sim, 105.1)
    assert (seen(sim), now_phase(sim)) == ([0, 1], clock.REGULAR)
    (event,) = events(sim)
    assert (event["reason"], event["until_us"] - event["time_us"]) == (halts.BAND, 5 * MINUTE)
    assert (event["reference_usd"], event["price_usd"]) == (pytest.approx(100.0), 105.1)
    go(sim, 300)
    assert seen(sim) == [1, 1]
    go(sim, 300)
    assert (seen(sim), len(events(sim))) == ([1, 1], 1)


def test_a_band_follows_the_average_of_five_minutes() -> None:
    """HALT-4: after 300 seconds at 104 the average is 104, and 109.1 is inside its band; after 60 it is 100.8, and it is not."""
    for seconds, halted in ((300, 0), (60, 1)):
        sim = market(knobs=BANDED)
        go(sim, 400)
        put_price(sim, 104.0)
        go(sim, seconds)
        assert len(events(sim)) == 0
        jump(sim, 109.1)
        assert seen(sim) == [1 - halted], seconds


def test_an_average_of_five_minutes_is_of_its_300_seconds() -> None:
    """HALT-4: to the last one: 299 seconds after a price has changed one of the old price is left, a second later none."""
    sim = market(knobs=BANDED)
    go(sim, 400)
    put_price(sim, 104.0)
    go(sim, 299)
    row = sim.memory[halts.halts][0]
    assert (row["kept"], row["sum_uusd"]) == (300, 299 * 104 * DOLLAR + 100 * DOLLAR)
    go(sim, 1)
    assert (row["kept"], row["sum_uusd"]) == (300, 300 * 104 * DOLLAR)


@given(st.floats(1.0, 1e4), st.floats(0.5, 1.5), st.integers(1, 400_000_000), st.integers(0, 6 * HOUR))
def test_the_band_is_twice_as_wide_before_the_close(average: float, ratio: float, band: int, left: int) -> None:
    """HALT-4: plan to address extraordinary market volatility: doubled from 15:35 to 16:00."""
    wide = band * (2 if left <= 25 * MINUTE else 1) / 1e9
    if abs(abs(ratio - 1) - wide) > 1e-9:
        assert halts.beyond_band(average * ratio, average, band, left) == (1 if abs(ratio - 1) > wide else 0)


def test_a_stock_that_is_always_open_is_never_halted() -> None:
    """HALT-1: the control has neither news halts nor breakers nor bands."""
    sim = two(always_open=True, halts=given_halts((halts.EVERYBODY, FRIDAY_OPEN + MINUTE, FRIDAY_OPEN + HOUR)))
    sim.memory[halts.halt_rules]["band_ppb"] = 50_000_000
    go(sim, 400)
    jump(sim, 70.0)
    assert (seen(sim), now_phase(sim), len(events(sim))) == ([1, 1], clock.REGULAR, 0)


def test_a_halt_survives_a_fork() -> None:
    """HALT-5: what is halted before is halted after, until the same instant."""
    sim = two()
    go(sim, 60)
    jump(sim, 90.0)
    twin = sim.fork()
    for market_of in (sim, twin):
        go(market_of, 15 * 60)
        assert (seen(market_of), now_phase(market_of)) == ([1, 1], clock.REGULAR)
    assert sim.digest() == twin.digest()
