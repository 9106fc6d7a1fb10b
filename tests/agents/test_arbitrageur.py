"""Funding arbitrageurs: entry and exit beyond costs, margin on one leg, hedges that break and are repaired."""

from __future__ import annotations

from typing import Any

import pytest

from offhours.agents import arbitrageur, desk
from offhours.sim.market import accounts, book, liquidation, matching, orders
from plain import peopled as p

PRICE = 400.0
MAKER = p.deep_maker('carry = "1 %"\nperp = "$1M"')
"""One whose perp is a percent above the token where he is a million short, and whose size is not the question."""
TAKER = """
[[group]]
name = "taker"
population = "noise"
count = 1
mean_sleep = "90 days"
endowment = { usd = "$30M", tokens = "$2M" }
"""
ARB = """
[[group]]
name = "arb"
population = "arbitrageur"
count = 1
latency = "50 ms"
mean_sleep = "10 s"
endowment = { usd = "$500,000", tokens = "$300,000", broker_usd = "$100,000" }
"""


def one(knobs: str = "", changes: Any = None, start: str = p.TUESDAY) -> Any:
    """A maker, a taker, and an arbitrageur who has looked once, an hour and a half after the open."""
    of = p.scenario(start, MAKER, TAKER, ARB + knobs, changes={"perp.oracle.pinned": "true", **(changes or {})})
    sim = p.given_price(of, PRICE)
    p.go(sim, p.HOUR + 30 * p.MINUTE)
    assert state(sim)["looked"] == 1
    assert held(sim) == (0.0, 0.0)
    return sim


def state(sim: Any) -> Any:
    return p.knobs(sim, "arbitrageur", 2)[0]


def account_of(sim: Any, group: int) -> int:
    return int(p.members(sim, group)["account"][0])


def held(sim: Any) -> tuple[float, float]:
    """His perps and his tokens beyond the inventory, shares."""
    legs = sim.blocks[1][arbitrageur.legs][0]
    tokens = p.owned(sim, account_of(sim, 2), accounts.token_asset(0)) / 1e6
    base = legs["base_tokens"] if state(sim)["looked"] else tokens
    return p.lots(sim, 2)[0] * desk.lot_shares(sim.world, 0, desk.PERP), tokens - float(base)


def demand(sim: Any, side: int, usd: float, group: int = 1) -> None:
    """The taker buys or sells perps in ten clips, five seconds apart."""
    for _ in range(10):
        lots = desk.lots(sim.world, 0, desk.PERP, usd / 10 / desk.index_usd(sim.world, 0))
        sim.place(account_of(sim, group), 0, side, 0, lots, desk.MARKET)
        p.go(sim, 5 * p.SECOND)


def expected(sim: Any) -> tuple[float, float]:
    """What a dollar of the pair should bring, and what the round trip costs, by hand."""
    rate = desk.funding_rate(sim.world, 0)
    premium = desk.premium(sim.world, 0)
    gain = 48 * (rate + desk.coming_funding(sim.world, 0)) / 2 + 0.5 * premium
    cost = 4 * 0.0005 + 0.0002
    for which in (desk.PERP, desk.TOKEN):
        bid, ask = (desk.impact_usd(sim.world, 0, which, side, 10_000 / PRICE) for side in (desk.SELL, desk.BUY))
        assert p.best_usd(sim, which) == (pytest.approx(bid), pytest.approx(ask)), (
            "a clip is smaller than the first level"
        )
        cost += (ask - bid) / ((ask + bid) / 2)
    return gain, cost


def paired(sim: Any, side: int = desk.BUY) -> Any:
    """A market in which he has entered all that he may."""
    demand(sim, side, 1_500_000)
    p.go(sim, 20 * p.MINUTE)
    return sim


@pytest.mark.parametrize("side", [desk.BUY, desk.SELL])
def test_he_enters_where_the_expected_gain_is_beyond_costs_and_hurdle(side: int) -> None:
    """A hurdle just above what the pair would bring beyond its costs keeps him out; just below, he is in."""
    sim = one(changes={"group.arb.hurdle": "9 %"})
    demand(sim, side, 1_500_000)
    p.go(sim, p.MINUTE)
    gain, cost = expected(sim)
    assert side * gain > 2 * cost, "the perp is dear or cheap enough to speak of"
    assert held(sim) == (0.0, 0.0)
    for factor, enters in ((1.02, False), (0.98, True)):
        branch = sim.fork()
        state(branch)["hurdle_ppb"] = int(factor * (side * gain - cost) * 1e9)
        p.go(branch, 30 * p.SECOND)
        perp, tokens = held(branch)
        assert (abs(perp) > 0) == enters
        assert perp == pytest.approx(-tokens, abs=0.011)
        assert side * tokens >= 0, "dear perps are sold against tokens bought, cheap ones bought against tokens sold"


def test_he_leaves_where_staying_would_cost_more_than_his_hurdle_and_not_before() -> None:
    sim = paired(one())
    full = held(sim)[1]
    assert full * PRICE > 100_000
    while expected(sim)[0] > 0.0006:
        demand(sim, desk.SELL, 50_000)
        full = held(sim)[1]
    p.go(sim, p.MINUTE)
    assert expected(sim)[0] > -0.0008, "no reason to enter, none to leave"
    assert held(sim)[1] == full
    while expected(sim)[0] > -0.002:
        demand(sim, desk.SELL, 50_000)
    p.go(sim, p.MINUTE)
    assert held(sim)[1] < 0.9 * full


EVEN_SHARES = 0.11 * 10_000 / PRICE


def test_his_capital_is_finite() -> None:
    """Half a million pays tokens and keeps a quarter of the perps as margin: X + X/4 <= 500,000, so 400,000 at most."""
    sim = paired(one())
    demand(sim, desk.BUY, 1_000_000)
    p.go(sim, p.HOUR)
    value = held(sim)[1] * PRICE
    assert 380_000 < value <= 400_000
    assert sim.equity(account_of(sim, 2)) / 1e6 >= 0.25 * value * 0.99
    assert state(sim)["unfilled"] == state(sim)["broken"] == 0


def test_he_sells_no_more_tokens_than_his_inventory() -> None:
    sim = one()
    demand(sim, desk.SELL, 3_000_000)
    p.go(sim, p.HOUR)
    assert 280_000 < -held(sim)[1] * PRICE <= 300_000
    assert p.owned(sim, account_of(sim, 2), accounts.token_asset(0)) >= 0


def test_he_borrows_tokens_where_the_loan_leaves_something_and_gives_them_back() -> None:
    """A cheap perp, no inventory of his own, and a lender with a million dollars' worth of tokens."""
    given = {"group.arb.endowment.tokens": "0", "lending.stock": "$1M"}
    for rate, borrows in (("1 %", True), ("400 %", False)):
        sim = one(changes={**given, "lending.base": rate, "lending.kink_rate": "500 %", "lending.full_rate": "500 %"})  # fmt: skip
        demand(sim, desk.SELL, 1_500_000)
        p.go(sim, 10 * p.MINUTE)
        owed = desk.owed_shares(sim.world, sim.blocks[1].handle, 2, 0)
        assert (owed > 0) == borrows
        if borrows:
            assert held(sim) == (pytest.approx(owed, abs=EVEN_SHARES), pytest.approx(-0.0, abs=EVEN_SHARES))
            while expected(sim)[0] < 0.005:
                demand(sim, desk.BUY, 100_000)
            p.go(sim, 30 * p.MINUTE)
            assert desk.owed_shares(sim.world, sim.blocks[1].handle, 2, 0) < 0.2 * owed
            assert state(sim)["broken"] == 0
            assert sim.conservation_error() == 0 and sim.audit() == []


def take_leg(sim: Any, share: float) -> float:
    """The venue closes a share of his perp in the book, as a liquidation or a deleveraging would; shares taken."""
    lots = p.lots(sim, 2)[0]
    taken = int(abs(lots) * share)
    side = desk.SELL if lots > 0 else desk.BUY
    flags = matching.ENGINE | orders.REDUCE_ONLY
    before = lots
    assert sim.place(account_of(sim, 2), 0, side, 0, taken, desk.MARKET, flags) == 0
    return float(abs(before - p.lots(sim, 2)[0])) * desk.lot_shares(sim.world, 0, desk.PERP)


def repairs(sim: Any) -> Any:
    rows = p.fills(sim)
    return rows[rows["repair"] > 0]


def test_a_leg_that_was_taken_is_sold_anew_while_the_pair_is_worth_holding() -> None:
    """He learns it at a look, acts a latency later at the earliest, and marks what he sends."""
    sim = paired(one())
    before = held(sim)
    taken = take_leg(sim, 0.5)
    at_us = sim.now_us
    assert taken == pytest.approx(before[1] / 2, rel=0.01)
    p.go(sim, 2 * p.MINUTE)
    perp, tokens = held(sim)
    assert perp == pytest.approx(-tokens, abs=EVEN_SHARES)
    assert tokens == pytest.approx(before[1], rel=0.03), "the tokens stayed, the perp was sold anew"
    rows = repairs(sim)
    assert set(rows["repair"].tolist()) == {matching.TAKEN_LEG}
    assert set(rows["book"].tolist()) == {desk.PERP}
    assert set(rows["seller"].tolist()) == {account_of(sim, 2)}
    assert rows["time_us"].min() >= at_us + 2 * 50_000, "the message's way to him and his order's way back"
    assert (state(sim)["broken"], state(sim)["repaired"], state(sim)["unfilled"]) == (1, 1, 0)
    assert state(sim)["broken_usd"] == pytest.approx(taken * PRICE, rel=1e-6)
    counted = sim.memory[matching.repairs].reshape(-1, 2, 2)[accounts.HOUSES + 2]
    values = rows["price_ticks"] * rows["size_lots"] * sim.memory[book.books]["unit_uusd"][0]
    assert counted["value_uusd"].tolist() == [[0, int(values.sum())], [0, 0]]
    assert counted["fills"].tolist() == [[0, len(rows)], [0, 0]]


def test_a_leg_that_was_taken_closes_the_other_where_the_margin_does_not_carry_it_anew() -> None:
    sim = paired(one())
    before = held(sim)
    state(sim)["margin_share_ppb"] = 10**10
    taken = take_leg(sim, 0.25)
    p.go(sim, 2 * p.MINUTE)
    perp, tokens = held(sim)
    assert perp == pytest.approx(before[0] + taken, abs=0.011), "no perp was sold"
    assert tokens == pytest.approx(before[1] - taken, abs=EVEN_SHARES)
    rows = repairs(sim)
    assert set(rows["book"].tolist()) == {desk.TOKEN}
    assert set(rows["repair"].tolist()) == {matching.TAKEN_LEG}
    assert (state(sim)["broken"], state(sim)["repaired"]) == (1, 1)


def test_what_a_break_costs_is_what_he_was_worth_before_less_what_he_is_worth_after() -> None:
    """A quarter of his short is taken, the stock falls by 5 % before he can act: he loses that on the tokens left over."""
    sim = one(changes={"group.arb.latency": "2 min"})
    demand(sim, desk.BUY, 1_500_000)
    p.go(sim, 3 * p.HOUR)
    taken = take_leg(sim, 0.25)
    p.put_price(sim, 0.95 * PRICE)
    p.go(sim, 3 * p.MINUTE)
    assert state(sim)["state"] == arbitrageur.TAKEN
    assert state(sim)["broken_loss_usd"] == 0.0, "not over yet"
    p.go(sim, 30 * p.MINUTE)
    assert state(sim)["state"] == arbitrageur.EVEN
    assert state(sim)["broken_loss_usd"] == pytest.approx(taken * 0.05 * PRICE, rel=0.2)
    assert state(sim)["broken_for_us"] > 4 * p.MINUTE
    assert state(sim)["unfilled_loss_usd"] == 0.0


def test_a_liquidation_breaks_the_hedge_and_the_tokens_follow() -> None:
    """Nothing is cut before: two fifths up end the short, though his tokens have gained what it lost."""
    sim = one(
        changes={"group.arb.endowment.usd": "$100,000", "group.arb.endowment.broker_usd": "0", "group.arb.floor": "0 %"}
    )
    paired(sim)
    assert held(sim)[1] * PRICE >= 70_000
    for step in range(1, 43):
        p.put_price(sim, (1 + step / 100) * PRICE)
        p.go(sim, 10 * p.SECOND)
    p.go(sim, 10 * p.MINUTE)
    sim.tape.drain(sim.memory)
    events = sim.tape.rows(liquidation.liquidation_events)
    assert account_of(sim, 2) in events["account"].tolist()
    assert state(sim)["broken"] == 1
    perp, tokens = held(sim)
    assert perp == pytest.approx(-tokens, abs=EVEN_SHARES)
    rows = repairs(sim)
    assert set(rows["repair"].tolist()) == {matching.TAKEN_LEG}
    assert ((rows["book"] == desk.TOKEN) & (rows["seller"] == account_of(sim, 2))).any()
    assert sim.conservation_error() == 0


def test_where_a_book_does_not_hold_a_clip_he_stays_out() -> None:
    """Tokens for $500 a level, ten thousand of them wanted: half a pair would be dearer than none."""
    sim = paired(one(changes={"group.maker.token_share": "0.01"}))
    assert expected_premium(sim) > 0.009
    assert held(sim) == (0.0, 0.0)
    assert state(sim)["unfilled"] == 0


def expected_premium(sim: Any) -> float:
    return float(desk.premium(sim.world, 0))


@pytest.mark.parametrize("side", [desk.BUY, desk.SELL])
def test_a_leg_that_did_not_fill_is_evened_out_and_is_no_broken_hedge(side: int) -> None:
    """What he saw is gone when his order arrives a minute later: the taker had the tokens first."""
    sim = one(changes={"group.arb.latency": "60 s", "group.maker.mean_sleep": "10 min"})
    demand(sim, side, 1_500_000)
    for _ in range(400):
        p.go(sim, p.SECOND)
        if state(sim)["sent_us"] > 0:
            break
    p.go(sim, p.SECOND)
    book_side = desk.BUY if side > 0 else desk.SELL
    sim.endow(account_of(sim, 1), accounts.USD, 10**13)
    while p.quotes(sim, 0, 1) and p.best_usd(sim, desk.TOKEN)[1 if side > 0 else 0] > 0:
        sim.place(account_of(sim, 1), 1, book_side, 0, 10_000, desk.MARKET)
    p.go(sim, 20 * p.MINUTE)
    assert state(sim)["unfilled"] > 0
    assert state(sim)["broken"] == state(sim)["broken_loss_usd"] == 0
    assert set(repairs(sim)["repair"].tolist()) == {matching.UNFILLED_LEG}
    p.go(sim, 20 * p.MINUTE)
    perp, tokens = held(sim)
    assert perp == pytest.approx(-tokens, abs=2 * 10_000 / PRICE)


def test_below_his_floor_he_cuts_both_legs_before_the_venue_does() -> None:
    sim = paired(one(changes={"group.arb.endowment.broker_usd": "0"}))
    full = held(sim)[1]
    for step in range(1, 20):
        p.put_price(sim, (1 + step / 100) * PRICE)
        p.go(sim, 30 * p.SECOND)
    p.go(sim, 10 * p.MINUTE)
    sim.tape.drain(sim.memory)
    assert len(sim.tape.rows(liquidation.liquidation_events)) == 0
    perp, tokens = held(sim)
    assert 0 < tokens < full - 30
    assert perp == pytest.approx(-tokens, abs=EVEN_SHARES)
    assert sim.equity(account_of(sim, 2)) / 1e6 > 0.12 * tokens * 1.2 * PRICE
    assert state(sim)["broken"] == 0


def test_short_of_margin_he_sends_for_dollars_from_his_broker() -> None:
    sim = paired(one())
    before = p.owned(sim, account_of(sim, 2), accounts.BROKER_USD)
    worth = desk.worth_usd(sim.world, sim.blocks[1].handle, 2)
    assert before == 100_000_000_000
    p.put_price(sim, 1.06 * PRICE)
    p.go(sim, 2 * p.MINUTE)
    assert p.owned(sim, account_of(sim, 2), accounts.BROKER_USD) < before - 10_000_000_000
    inventory = 0.06 * 300_000
    found = desk.worth_usd(sim.world, sim.blocks[1].handle, 2)
    assert found - inventory == pytest.approx(worth, rel=0.005), "what is on its way is his"
    equity = sim.equity(account_of(sim, 2))
    p.go(sim, 2 * p.HOUR)
    assert sim.equity(account_of(sim, 2)) > equity + 10_000_000_000


def test_at_his_loss_limit_he_closes_both_legs_and_comes_back_with_fresh_capital() -> None:
    sim = paired(one(changes={"group.arb.pause": "3h"}))
    full = held(sim)[1]
    state(sim)["began_usd"] *= 2.5
    p.go(sim, p.HOUR)
    assert state(sim)["pauses"] == 1
    assert abs(held(sim)[1]) <= EVEN_SHARES
    assert p.flow(sim, 2, accounts.DEPOSIT) > 500_000
    assert full > 0
