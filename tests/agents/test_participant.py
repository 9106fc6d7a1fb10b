"""The authorised participant: he mints where tokens are dear, redeems where they are cheap, in regular hours only."""

from __future__ import annotations

from typing import Any

import pytest

from offhours.agents import desk
from offhours.sim.market import accounts, issuer
from plain import peopled as p

CREATOR = """
[[group]]
name = "creator"
population = "participant"
count = 1
mean_sleep = "10 s"
latency = "20 ms"
endowment = { usd = "$200,000", broker_usd = "$200,000", tokens = "$100,000", shares = "$100,000" }
"""
QUOTER = """
[[group]]
name = "quoter"
population = "noise"
count = 1
mean_sleep = "90 days"
extended = 0.0
night = 0.0
weekend = 0.0
endowment = { usd = "$1M", tokens = "$1M" }
"""
PRICE = 400.0
"""A clip of $10,000 is 25 shares; the broker's quote is 2 bp wide, 399.96 to 400.04."""


def market(begin: str = p.TUESDAY, changes: Any = None) -> Any:
    """He, and somebody who quotes what the test says."""
    return p.given_price(p.scenario(begin, CREATOR, QUOTER, changes=changes), PRICE)


def offer(sim: Any, side: int, usd: float, shares: float) -> None:
    """The quoter's order on the token book."""
    account = int(p.members(sim, 1)["account"][0])
    price = desk.ticks(sim.world, 0, desk.TOKEN, usd)
    assert sim.place(account, 1, side, price, desk.lots(sim.world, 0, desk.TOKEN, shares), desk.LIMIT) == 0


def had(sim: Any, asset: int) -> float:
    return p.owned(sim, int(p.members(sim, 0)["account"][0]), asset) / 1e6


TOKENS, SHARES = 2, 3
CENT, FEE = 0.04 + 0.06, 0.001 * PRICE
"""What a share costs beyond 400 at most: half the spread and an order's impact; and the issuer's fee."""


def test_dear_tokens_he_sells_and_makes_anew_from_shares() -> None:
    """100 tokens bid at 402, half a percent above the stock: sold in clips of 25. What he makes anew costs him 400.04 a
    share, impact and the fee of 0.40, so that he earns about 1.5 on each: 402 - 400.04 - 0.40."""
    sim = market()
    p.go(sim, p.HOUR + p.MINUTE)
    offer(sim, desk.BUY, 402.0, 100)
    p.go(sim, 10 * p.MINUTE)
    fills = p.fills(sim)
    lot = desk.lot_shares(sim.world, 0, desk.TOKEN)
    assert fills["size_lots"].sum() * lot == pytest.approx(100)
    assert fills["size_lots"].max() * lot <= 25 + 1e-9
    made = int(sim.memory[issuer.issued]["minted_ushares"][0]) / 1e6
    assert p.knobs(sim, "participant")["created"][0] >= 1
    assert 75 <= made <= 100, "what is missing up to a clip waits"
    assert had(sim, TOKENS) == pytest.approx(250 - 100 + made)
    assert had(sim, SHARES) == pytest.approx(250), "he bought what he made tokens of"
    p.go_to(sim, "2026-05-08 12:00")
    earned = had(sim, accounts.USD) + had(sim, accounts.BROKER_USD) - 400_000 + (had(sim, TOKENS) - 250) * PRICE
    taker_fee = 100 * 402 * 0.01
    assert 100 * (2.0 - CENT - FEE) - taker_fee < earned < 100 * 2.0 - made * (0.04 + FEE) + 0.01
    assert sim.conservation_error() == 0


def test_cheap_tokens_he_buys_and_turns_into_shares() -> None:
    sim = market()
    p.go(sim, p.HOUR + p.MINUTE)
    offer(sim, desk.SELL, 398.0, 100)
    p.go(sim, 10 * p.MINUTE)
    back = int(sim.memory[issuer.issued]["redeemed_ushares"][0]) / 1e6
    assert 75 <= back <= 100
    assert had(sim, TOKENS) == pytest.approx(250 + 100 - back)
    assert had(sim, SHARES) == pytest.approx(250), "and sold them"
    p.go_to(sim, "2026-05-08 12:00")
    assert had(sim, accounts.BROKER_USD) == pytest.approx(200_000, abs=back * 0.5), "dollars came after the tokens"
    assert sim.conservation_error() == 0


@pytest.mark.parametrize(("side", "usd"), [(desk.BUY, 400.59), (desk.SELL, 399.41)])
def test_within_15_basis_points_he_lets_it_be(side: int, usd: float) -> None:
    sim = market()
    p.go(sim, p.HOUR + p.MINUTE)
    offer(sim, side, usd, 100)
    p.go(sim, 10 * p.MINUTE)
    assert len(p.fills(sim)) == 0
    offer(sim, side, usd + side * 0.03, 10)
    p.go(sim, 2 * p.MINUTE)
    assert p.fills(sim)["size_lots"].sum() * desk.lot_shares(sim.world, 0, desk.TOKEN) == pytest.approx(10)


@pytest.mark.parametrize("when", ["2026-05-08 18:00", "2026-05-09 12:00", "2026-05-10 22:00", "2026-05-11 08:00"])
def test_outside_regular_hours_he_sleeps_whatever_tokens_cost(when: str) -> None:
    """Also while the stock has a quote, before the open and after the close."""
    sim = market(p.FRIDAY)
    p.go_to(sim, when)
    offer(sim, desk.BUY, 430.0, 100)
    offer(sim, desk.SELL, 440.0, 100)
    p.go(sim, 30 * p.MINUTE)
    assert len(p.fills(sim)) == 0
    assert sim.memory[issuer.issued]["minted_ushares"][0] == 0
    p.go_to(sim, "2026-05-11 09:35")
    assert len(p.fills(sim)) > 0, "and then he acts"


def test_he_sells_no_tokens_and_spends_no_dollars_he_does_not_have() -> None:
    small = {"group.creator.endowment.tokens": "$12,000", "group.creator.endowment.shares": "0"}
    sim = market(changes={**small, "group.creator.endowment.broker_usd": "0"})
    p.go(sim, p.HOUR + p.MINUTE)
    offer(sim, desk.BUY, 404.0, 500)
    p.go(sim, 30 * p.MINUTE)
    assert had(sim, TOKENS) == pytest.approx(5), "30 tokens are one clip and no second"
    assert sim.memory[issuer.issued]["minted_ushares"][0] == 0, "nothing at the broker to buy shares with"
    assert sim.conservation_error() == 0
