"""What a scenario gives the stocks to do becomes rows of the market, or one sentence."""

from __future__ import annotations

import math

import numpy as np
import pytest

from offhours.sim.market import halts
from offhours.sim.mistake import Mistake

from .asked import TEXT, build


def test_given_moves_and_earnings_are_rows_for_the_stock() -> None:
    s = build(TEXT + "\n[[earnings]]\nticker = 'SPYx'\nat = '2026-03-09 16:05'\n", **{"gap.TSLAx.surprise": "25 %"})
    (plan,) = s.plans()
    assert (plan["ticker"], plan["from_us"], plan["to_us"]) == (0, s.gaps[0].from_us, s.gaps[0].to_us)
    assert plan["log_return"] == pytest.approx(math.log(0.92), rel=1e-15) and plan["surprise"] == 0.25
    (release,) = s.releases()
    assert (release["ticker"], release["release_us"]) == (1, np.datetime64("2026-03-09T20:05", "us").astype(int))


HALT = "\n[[halt]]\nticker = '{}'\nfrom = '{}'\nto = '{}'\n"


def test_given_halts_are_rows_for_the_market_and_count_in_the_digest() -> None:
    """HALT-2: one for a ticker, one for all; on a Monday after the clocks went forward."""
    one, all_ = HALT.format("SPYx", "2026-03-09 11:00", "2026-03-09 12:15"), HALT.format("all", "2026-03-09 15:00", "2026-03-09 16:00")  # fmt: skip
    s = build(TEXT + one + all_)
    rows = s.halt_rows()
    assert rows["ticker"].tolist() == [1, halts.EVERYBODY]
    assert rows["from_us"][0] == np.datetime64("2026-03-09T15:00", "us").astype(int)
    assert rows["until_us"][1] == np.datetime64("2026-03-09T20:00", "us").astype(int)
    assert len({s.digest, build(TEXT + one).digest, build().digest}) == 3


@pytest.mark.parametrize(
    ("ticker", "begin", "end", "says"),
    [
        ("SPYx", "2026-03-09 08:00", "2026-03-09 10:00", "halt.from"),
        ("SPYx", "2026-03-08 11:00", "2026-03-08 12:00", "halt.from"),
        ("SPYx", "2026-03-09 15:00", "2026-03-09 16:01", "16:00"),
        ("SPYx", "2026-03-09 15:00", "2026-03-09 15:00", "halt.to"),
        ("SPY", "2026-03-09 15:00", "2026-03-09 15:30", "'SPY'"),
    ],
)
def test_a_halt_outside_regular_hours_is_refused(ticker: str, begin: str, end: str, says: str) -> None:
    with pytest.raises(Mistake, match=says):
        build(TEXT + HALT.format(ticker, begin, end))


def test_two_moves_of_one_stock_in_one_window_are_refused() -> None:
    move = TEXT[TEXT.index("[[gap]]") : TEXT.index("[[group]]")]
    with pytest.raises(Mistake, match="two moves are given for one closed window"):
        build(TEXT + move)
