"""The informed: they trade on what the stock is worth while it sleeps, in small size, and leave when it has a quote."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from offhours.agents import desk, informed
from plain import peopled as p

READER = """
[[group]]
name = "reader"
population = "informed"
count = 1
mean_sleep = "1 min"
error = 0.0
latency = "30 ms"
position = "$20,000"
endowment = { usd = "$300,000" }
"""
MANY = """
[[group]]
name = "readers"
population = "informed"
count = 400
error = 0.5
lasts = "6h"
endowment = { usd = "$1,000" }
"""
QUOTER = """
[[group]]
name = "quoter"
population = "noise"
count = 1
mean_sleep = "90 days"
night = 0.0
weekend = 0.0
endowment = { usd = "$1M" }
"""
PRICE = 400.0
SATURDAY = "2026-05-09 12:00"


def quoted(when: str, *groups: str, **more: Any) -> Any:
    """Eight makers, the readers of the test, and a stock whose value the test sets."""
    sim = p.given_price(p.scenario(p.FRIDAY, p.MAKERS, *groups, **more), PRICE)
    p.go_to(sim, when)
    return sim


def held_usd(sim: Any, group: int = 1) -> float:
    return float(p.lots(sim, group)[0]) * desk.lot_shares(sim.world, 0, desk.PERP) * PRICE


@pytest.mark.parametrize("side", [1, -1])
def test_he_buys_what_is_worth_more_and_sells_what_is_worth_less_clip_by_clip(side: int) -> None:
    """4 clips of $5,000 make his $20,000; the last may take him a clip beyond, never two."""
    sim = quoted(SATURDAY, READER)
    p.put_price(sim, PRICE * (1 + side * 0.02))
    p.go(sim, 40 * p.MINUTE)
    assert 20_000 * 0.98 <= side * held_usd(sim) < 25_100
    own = p.fills(sim)
    own = own[np.isin(own["buyer" if side > 0 else "seller"], p.accounts_of(sim, 1))]
    assert set(own["aggressor"].tolist()) == {side}
    clips = np.bincount((own["time_us"] // p.SECOND - own["time_us"][0] // p.SECOND).astype(int), own["size_lots"])
    assert clips.max() * desk.lot_shares(sim.world, 0, desk.PERP) * PRICE <= 5_000


@pytest.mark.parametrize(("beyond", "trades"), [(-0.0004, False), (0.0004, True)])
def test_he_waits_until_price_is_further_away_than_doubt_and_costs(beyond: float, trades: bool) -> None:
    """He buys where his value is above ask x (1 + 0.2 sd + 0.1 %), sd that of the news since the close."""
    sim = quoted(SATURDAY, READER)
    sd = float(desk.news_variance(sim.world, 0)) ** 0.5
    assert 0.003 < sd < 0.008
    edge = float(p.knobs(sim, "informed", 1)["edge"][0])
    _, ask = p.best_usd(sim)
    p.put_price(sim, ask * (1 + edge * sd + 0.001 + beyond))
    p.go(sim, 20 * p.MINUTE)
    assert (held_usd(sim) > 0) == trades


def test_while_the_stock_has_a_quote_he_takes_his_position_off_and_opens_none() -> None:
    sim = quoted("2026-05-08 15:10", READER)
    p.put_price(sim, PRICE * 1.02)
    p.go_to(sim, "2026-05-08 15:40")
    own = p.fills(sim)
    assert not np.isin((own["buyer"], own["seller"]), p.accounts_of(sim, 1)).any(), "everybody sees what he sees"
    p.go_to(sim, "2026-05-10 12:00")
    p.put_price(sim, PRICE * 1.05)
    p.go_to(sim, "2026-05-11 03:59")
    assert held_usd(sim) > 19_000
    p.go_to(sim, "2026-05-11 04:15")
    assert held_usd(sim) == 0.0
    p.put_price(sim, PRICE * 1.1)
    p.go_to(sim, "2026-05-11 09:00")
    assert held_usd(sim) == 0.0


def test_he_owns_no_more_than_three_times_his_equity() -> None:
    """$2,000 of equity carry $6,000 and the rest of a clip of $1,000."""
    sim = quoted(SATURDAY, READER, changes={"group.reader.endowment.usd": "$2,000", "group.reader.clip": "$1,000"})
    p.put_price(sim, PRICE * 1.03)
    p.go(sim, p.HOUR)
    assert 5_700 < held_usd(sim) < 7_100


def test_without_a_price_on_both_sides_he_does_nothing() -> None:
    """An ask far below his value tempts him only when there is a bid, too."""
    sim = p.given_price(p.scenario(p.FRIDAY, READER, QUOTER), PRICE)
    p.go_to(sim, SATURDAY)
    quoter = int(p.members(sim, 1)["account"][0])
    assert sim.place(quoter, 0, desk.SELL, desk.ticks(sim.world, 0, desk.PERP, PRICE), 1_000) == 0
    p.put_price(sim, PRICE * 1.1)
    p.go(sim, p.HOUR)
    assert len(p.fills(sim)) == 0
    assert sim.place(quoter, 0, desk.BUY, desk.ticks(sim.world, 0, desk.PERP, 0.99 * PRICE), 1_000) == 0
    p.go(sim, 10 * p.MINUTE)
    assert len(p.fills(sim)) > 0


def test_his_error_has_the_size_it_is_given_in_that_of_the_news_and_lasts() -> None:
    """Of 400 readers: mean 0, standard deviation 0.5 sd of the news, at 4 s.e.; the same for hours, another the next day."""
    sim = p.given_price(p.scenario(p.FRIDAY, MANY), PRICE)
    p.go_to(sim, "2026-05-10 03:00")

    def errors() -> Any:
        crowd, rows = sim.blocks[1].handle, range(400)
        seen = np.array([informed.opinion_usd(sim.world, crowd, row, row, 0) for row in rows])
        return (seen / PRICE - 1) / float(desk.news_variance(sim.world, 0)) ** 0.5

    now = errors()
    assert now.mean() == pytest.approx(0, abs=4 * 0.5 / 20)
    assert now.std() == pytest.approx(0.5, abs=4 * 0.5 / 800**0.5)
    p.go(sim, 30 * p.MINUTE)
    assert errors() == pytest.approx(now)
    p.go(sim, 12 * p.HOUR)
    assert abs(np.corrcoef(now, errors())[0, 1]) < 4 / 20


def test_what_he_knows_reaches_both_books_through_the_makers_beliefs() -> None:
    """He buys perps only; tokens, which he never touches, follow."""
    rich = {"group.reader.position": "$2M", "group.reader.clip": "$50,000"}
    sim = quoted(SATURDAY, READER, changes={**rich, "group.reader.endowment.usd": "$2M"})
    before = sum(p.best_usd(sim, desk.TOKEN)) / 2
    p.put_price(sim, PRICE * 1.03)
    p.go(sim, 3 * p.HOUR)
    after = sum(p.best_usd(sim, desk.TOKEN)) / 2
    assert held_usd(sim) > 100_000
    assert before * 1.003 < after < PRICE * 1.03
    assert p.owned(sim, int(p.members(sim, 1)["account"][0]), 2) == 0
