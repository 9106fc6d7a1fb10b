"""Noise: orders without a view, within a budget."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from offhours.agents import desk
from plain import peopled as p

NOISE = """
[[group]]
name = "noise"
population = "noise"
count = 200
mean_sleep = "10 min"
latency = "80 ms"
endowment = { usd = "$100,000", tokens = "$100,000" }
"""
PRICE = 400.0


def sends(**knobs: Any) -> Any:
    """Eight makers and 200 noise traders, who begin when the makers quote."""
    changes = {f"group.noise.{name}": value for name, value in knobs.items()}
    sim = p.given_price(p.scenario(p.TUESDAY, p.MAKERS, NOISE, changes=changes), PRICE)
    return sim


def own_fills(sim: Any) -> Any:
    """Trades in which a noise trader's order arrived, with its account and its value in dollars."""
    rows = p.fills(sim)
    account = np.where(rows["aggressor"] > 0, rows["buyer"], rows["seller"])
    rows = rows[np.isin(account, p.accounts_of(sim, 1)) & (rows["time_us"] > sim.setup.start_us + p.HOUR)]
    account = np.where(rows["aggressor"] > 0, rows["buyer"], rows["seller"])
    lot = np.array([desk.lot_shares(sim.world, 0, which) for which in (desk.PERP, desk.TOKEN)])
    tick = np.array([desk.tick_usd(sim.world, 0, which) for which in (desk.PERP, desk.TOKEN)])
    return rows, account, rows["size_lots"] * lot[rows["book"]] * rows["price_ticks"] * tick[rows["book"]]


def test_half_of_what_he_takes_is_bought_half_of_it_in_tokens_300_dollars_each() -> None:
    """About 5,000 orders; shares and the mean of an exponential size at 4 s.e. (a perp lot is $4: half of one is lost)."""
    sim = sends(limit_share=0.0)
    p.go(sim, 6 * p.HOUR)
    rows, account, usd = own_fills(sim)
    order = np.unique(np.stack([account, rows["time_us"]]), axis=1, return_inverse=True)[1]
    value, n = np.bincount(order, usd), order.max() + 1
    assert n > 4_000
    assert value.mean() == pytest.approx(299, abs=4 * 300 / n**0.5)
    for share in (rows["aggressor"] > 0, rows["book"] == desk.TOKEN):
        assert np.bincount(order, share).clip(0, 1).mean() == pytest.approx(0.5, abs=4 * 0.5 / n**0.5)


def test_what_rests_is_one_order_a_head_behind_the_best_price_and_nothing_is_taken() -> None:
    sim = sends(limit_share=1.0)
    p.go(sim, 3 * p.HOUR)
    assert len(own_fills(sim)[0]) == 0
    resting = [(which, *row) for which in (desk.PERP, desk.TOKEN) for row in p.quotes(sim, 1, which)]
    owners = [row[3] for row in resting]
    assert len(owners) == len(set(owners)) > 150
    away = []
    for which, side, price_ticks, _, _ in resting:
        best = p.best_usd(sim, which)[0 if side > 0 else 1]
        away.append(side * (1 - price_ticks * desk.tick_usd(sim.world, 0, which) / best))
    assert np.mean(away) == pytest.approx(0.003, rel=0.35), "0.3 % behind the best on average"
    assert min(away) > -0.002, "the best has moved since by a maker's spread at most"


def test_what_he_cannot_take_now_he_leaves() -> None:
    """Orders of a million dollars find no such book: the rest is gone, not left at his price."""
    rich = {"order": "$1M", "endowment.usd": "$20M", "endowment.tokens": "$20M"}
    sim = sends(limit_share=0.0, count=5, **rich)
    p.go(sim, p.HOUR + 10 * p.MINUTE)
    for _ in range(20):
        p.go(sim, p.MINUTE)
        assert p.quotes(sim, 1, desk.PERP) == p.quotes(sim, 1, desk.TOKEN) == []
    assert len(own_fills(sim)[0]) > 20


def test_he_spends_no_dollars_and_no_tokens_he_does_not_have_and_borrows_nothing() -> None:
    """$200 and half a token each, orders of $300: budgets bind everywhere."""
    budget = {"group.noise.endowment.usd": "$200", "group.noise.endowment.tokens": "$200"}
    sim = p.given_price(p.scenario(p.TUESDAY, p.MAKERS, NOISE, changes=budget), PRICE)
    p.go(sim, 2 * p.HOUR)
    for _ in range(8):
        p.go(sim, 30 * p.MINUTE)
        own = p.accounts_of(sim, 1)
        dollars = np.array([p.owned(sim, int(a)) for a in own]) / 1e6
        tokens = np.array([p.owned(sim, int(a), 2) for a in own]) / 1e6
        perps = p.lots(sim, 1) * desk.lot_shares(sim.world, 0, desk.PERP)
        worth = dollars + (perps + tokens) * PRICE
        assert tokens.min() >= 0
        assert dollars.min() >= -PRICE
        assert (abs(perps) * PRICE <= worth * 1.02 + 4).all(), "one time all he has"
    assert (tokens == 0).sum() > 10
    assert sim.conservation_error() == 0


def test_at_night_and_at_the_weekend_he_looks_a_fifth_as_often() -> None:
    """200 heads, six looks an hour: counts are Poisson, at 4 s.e."""
    sim = p.given_price(p.scenario(p.FRIDAY, NOISE), PRICE)

    def looks(begin: str, end: str) -> float:
        p.go_to(sim, begin)
        before = int(p.members(sim, 0)["wakes"].sum())
        p.go_to(sim, end)
        return float(p.members(sim, 0)["wakes"].sum() - before)

    hourly = 200 * 6.0
    for begin, end, hours, speed in (
        ("2026-05-08 15:00", "2026-05-08 16:00", 1, 1.0),
        ("2026-05-08 16:00", "2026-05-08 20:00", 4, 0.25),
        ("2026-05-09 00:00", "2026-05-09 12:00", 12, 0.2),
        ("2026-05-11 20:00", "2026-05-12 04:00", 8, 0.2),
    ):
        expected = hourly * hours * speed
        assert looks(begin, end) == pytest.approx(expected, abs=4 * expected**0.5), begin
