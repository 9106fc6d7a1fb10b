"""Bars and leverage (BAR-1, BAR-2)."""

from __future__ import annotations

import pytest

from offhours.sim.market import bars, clock
from plain.market import ANN, BOB, BUY, CAT, DOLLAR, FRIDAY_OPEN, MINUTE, NO_FEES, SELL, go, market, perp, put_price


def test_a_bar_shows_the_state_at_the_full_minute_and_the_volume_so_far() -> None:
    """BAR-1: quotes 99.60 / 100.20 around 7 lots of trade; depth within 50 bp of the mark of 100 counts 99.60, not 99.40."""
    sim = market(dollars=10_000)
    perp(sim, ANN, BUY, 9_960, 5)
    perp(sim, ANN, BUY, 9_940, 50)
    perp(sim, ANN, SELL, 10_020, 20)
    perp(sim, BOB, BUY, 10_020, 7)
    go(sim, 59)
    put_price(sim, 100.1)
    go(sim, 61)
    sim.tape.drain(sim.memory)
    rows = sim.tape.rows(bars.bars)
    assert rows["time_us"].tolist() == [FRIDAY_OPEN + MINUTE, FRIDAY_OPEN + 2 * MINUTE]
    first = rows[0]
    assert (first["phase"], first["stock_visible"], first["stock_usd"]) == (clock.REGULAR, 1, 100.1)
    assert (first["mark_ticks"], first["perp_last_ticks"], first["perp_lots"], first["interest_lots"]) == (
        10_010,
        10_020,
        7,
        7,
    )
    assert (first["perp_bid_ticks"], first["perp_ask_ticks"]) == (9_960, 10_020)
    assert (first["perp_bid_lots"], first["perp_ask_lots"]) == (5, 13)
    assert (first["token_bid_ticks"], first["token_ask_ticks"], first["token_last_ticks"]) == (0, 0, 0)
    assert first["backstop_uusd"] == 1_000_000 * DOLLAR


@pytest.mark.parametrize(
    ("gross", "equity", "bucket"),
    [(100, 100, 0), (200, 100, 0), (201, 100, 1), (500, 100, 1), (1_000, 100, 2), (1_500, 100, 3), (2_000, 100, 4), (2_001, 100, 5), (1, 0, 5), (1, -5, 5)],
)  # fmt: skip
def test_buckets_of_leverage(gross: int, equity: int, bucket: int) -> None:
    """BAR-2: up to 2, 5, 10, 15, 20 times, and above or without equity."""
    assert bars.leverage_bucket(gross, equity) == bucket


def test_open_interest_by_leverage() -> None:
    """BAR-2: Ann long 1,000 on $100 (10x), Bob long 100 on $100 (1x), Cat short 1,100 on $100 (11x)."""
    sim = market(people=3, dollars=100, knobs=NO_FEES)
    perp(sim, ANN, BUY, 10_000, 1_000)
    perp(sim, BOB, BUY, 10_000, 100)
    perp(sim, CAT, SELL, 10_000, 1_100)
    go(sim, 300)
    sim.tape.drain(sim.memory)
    rows = sim.tape.rows(bars.leverages)
    assert rows["bucket"].tolist() == list(range(bars.BUCKETS))
    assert (rows["long_uusd"] // DOLLAR).tolist() == [100, 0, 1_000, 0, 0, 0]
    assert (rows["short_uusd"] // DOLLAR).tolist() == [0, 0, 0, 1_100, 0, 0]
    assert rows["accounts"].tolist() == [1, 0, 1, 1, 0, 0]
