"""How a cascade travels: under a mark that is held near the index, only through the book that the index comes from.

Kraken's mark is the index plus the smoothed distance of the perp's impact mid, at most 1 % of it. Selling the perp alone
therefore takes the mark down by 1 % and no further. What takes it further is the token book: makers quote both books from one
belief, so that perp selling, forced selling too, moves tokens, the index, and the mark that forces the next ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from offhours.agents import desk
from offhours.sim.market import liquidation, oracle
from plain import peopled as p

TOURISTS = """
[[group]]
name = "tourists"
population = "retail"
count = 400
leverage = "20x"
size = { law = "pareto", exponent = 0.8, median = "$500", largest_share = "5 %" }
latency = "120 ms"
mean_sleep = "10 min"
weekend = 0.0
long_bias = 1.0
trend = 0.0
herd = 0.0
open_chance = 0.3
close_chance = 0.0
stop_chance = 0.0
panic = 0.0
top_up = 0.0
return_chance = 0.0
"""
"""Longs who hold, asleep at the week-end: what happens to them is not their doing."""
SELLER = """
[[group]]
name = "seller"
population = "noise"
count = 1
mean_sleep = "90 days"
endowment = { usd = "$10M" }
"""
PRICE, FRIDAYS_FALL, CAP = 400.0, 0.028, 0.01


@dataclass(frozen=True)
class Night:
    """Three hours of a night that begins with 20 minutes of selling, minute by minute."""

    mark: Any
    index: Any
    token: Any
    forced: Any
    liquidated: int
    held: float


def fragile() -> Any:
    """Monday 00:30: 400 longs at up to 16x, and a stock that closed 2.8 % below what they paid. Nobody is in liquidation."""
    sim = p.given_price(p.scenario(p.FRIDAY, p.MAKERS, TOURISTS, SELLER, changes={"group.makers.perp": "$10M"}), PRICE)
    p.go_to(sim, "2026-05-08 15:30")
    p.put_price(sim, PRICE * (1 - FRIDAYS_FALL))
    p.go_to(sim, "2026-05-11 00:30")
    assert np.count_nonzero(p.lots(sim, 1) > 0) > 0.95 * len(p.members(sim, 1))
    return sim


def night(start: Any, pinned: bool) -> Night:
    """Somebody sells $2M of the perp in 20 clips; index from the token book, or held at the stock's own value."""
    sim = start.fork()
    sim.memory[oracle.oracle_rules]["pinned"] = int(pinned)
    account = int(p.members(sim, 2)["account"][0])
    before = p.lots(sim, 1).sum()
    mark, index, token, forced = [], [], [], []
    for minute in range(180):
        if minute < 20:
            sim.place(account, 0, desk.SELL, 0, desk.lots(sim.world, 0, desk.PERP, 100_000 / PRICE), desk.MARKET)
        p.go(sim, p.MINUTE)
        mark.append(desk.mark_usd(sim.world, 0))
        index.append(desk.index_usd(sim.world, 0))
        token.append(sum(p.best_usd(sim, desk.TOKEN)) / 2)
        sim.tape.drain(sim.memory)
        forced.append(len(sim.tape.rows(liquidation.liquidation_events)))
    accounts = set(sim.tape.rows(liquidation.liquidation_events)["account"].tolist())
    assert sim.conservation_error() == 0
    held = float(p.lots(sim, 1).sum() / before)
    return Night(*(np.array(values) for values in (mark, index, token, forced)), len(accounts), held)


def test_with_the_token_book_pinned_the_mark_falls_one_percent_and_the_cascade_stops_and_linked_it_goes_on() -> None:
    start = fragile()
    sim = start.fork()
    sim.tape.drain(sim.memory)
    assert len(sim.tape.rows(liquidation.liquidation_events)) == 0

    alone = night(start, pinned=True)
    stock = PRICE * (1 - FRIDAYS_FALL)
    assert abs(alone.index / stock - 1).max() < 1e-3
    assert alone.token.min() < 0.98 * stock, "the book that would have carried it did fall"
    assert alone.mark.min() / alone.index[-1] - 1 >= -CAP - 1e-4
    assert alone.mark.min() / alone.index[-1] - 1 < -0.95 * CAP, "the mark is at its cap"
    reached = int(np.argmax(alone.mark < (1 - 0.99 * CAP) * alone.index)) + 2
    assert reached < 15
    assert alone.forced[reached] == alone.forced[-1] > 0, "nobody else is liquidated, although the selling goes on"
    assert alone.held > 0.98

    linked = night(start, pinned=False)
    assert linked.mark.min() < (1 - 3 * CAP) * stock
    assert linked.liquidated > 5 * alone.liquidated
    assert linked.forced[-1] > linked.forced[19] > linked.forced[9] > 0, "also after the last of the seller's clips"
    assert linked.held < 0.85
    assert linked.token[19] < alone.token[19], "what was forced moved the token, too"
