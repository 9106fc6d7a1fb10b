"""Visitors: one order, at one instant, and nobody after it."""

from __future__ import annotations

import pytest

from offhours.agents import desk
from plain import peopled as p

PAIR = """
[[group]]
name = "bidder"
population = "visitor"
count = 1
latency = "10 ms"
at = "2026-05-05 12:00"
away = "-12 %"
shares = "0.2"
endowment = { usd = "$1,000" }

[[group]]
name = "seller"
population = "visitor"
count = 1
latency = "10 ms"
at = "2026-05-05 12:05"
side = "sells"
away = "-13 %"
shares = "0.1"
rests = "no"
endowment = { usd = "$1,000" }
"""


def test_a_print_far_from_the_last_quote_stands() -> None:
    """A bid for 0.2 share 12 % below the stock at noon; five minutes later 0.1 share is sold to it."""
    sim = p.given_price(p.scenario(p.TUESDAY, PAIR), 400.0)
    p.go_to(sim, "2026-05-05 12:00")
    assert p.quotes(sim, 0) == []
    p.go_to(sim, "2026-05-05 12:04")
    assert [(row[0], row[1], row[3]) for row in p.quotes(sim, 0)] == [(desk.BUY, 35_200, 20)]
    p.go_to(sim, "2026-05-06 12:00")
    rows = p.fills(sim)
    assert rows["price_ticks"].tolist() == [35_200]
    assert rows["size_lots"].tolist() == [10]
    assert rows["time_us"][0] == p.instant("2026-05-05 12:05") + 10_000
    assert [row[3] for row in p.quotes(sim, 0)] == [10], (
        "the rest of the bid is still there, and nothing else ever came"
    )
    assert p.quotes(sim, 1) == []
    assert p.lots(sim, 0).tolist() == [10]
    assert p.best_usd(sim) == (pytest.approx(352.0), -1.0)
