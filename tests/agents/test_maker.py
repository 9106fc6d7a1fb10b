"""Makers: one belief, quotes on two books, hedges while the stock is open, a loss limit."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from offhours.agents import desk, maker
from offhours.sim.market import accounts, liquidation, oracle
from plain import peopled as p

ONE = """
[[group]]
name = "maker"
population = "maker"
count = 1
latency = "5 ms"
mean_sleep = "2 s"
disagreement = "0 bp"
endowment = { usd = "$2M", broker_usd = "$2M", tokens = "$500,000", shares = "$500,000" }
"""
PINNED = {"perp.oracle.pinned": "true"}
PRICE = 400.0


def beliefs(sim: Any) -> Any:
    return sim.blocks[1][maker.beliefs]


def one(when: str, *more: str, changes: Any = None, python_agents: int = 0, knobs: str = "") -> Any:
    """One maker and a stock whose price the test sets."""
    group = ONE.replace("endowment", knobs + "\nendowment") if knobs else ONE
    of = p.scenario(when, group, *more, changes=changes)
    return p.given_price(of, PRICE, python_agents=python_agents)


def test_his_belief_is_the_stocks_quote_after_his_feeds_delay() -> None:
    sim = one(p.TUESDAY, knobs='feed_delay = "60 s"')
    p.go(sim, 2 * p.HOUR)
    assert beliefs(sim)["mean_usd"][0] == pytest.approx(PRICE, abs=0.02)
    p.put_price(sim, 404.0)
    p.go(sim, 50 * p.SECOND)
    assert desk.stock_usd(sim.world, 0) == pytest.approx(404, abs=0.02)
    assert beliefs(sim)["mean_usd"][0] == pytest.approx(PRICE, abs=0.02), "his feed is slower than that"
    p.go(sim, 180 * p.SECOND)
    assert beliefs(sim)["mean_usd"][0] == pytest.approx(404, abs=0.02)
    assert beliefs(sim)["sd"][0] == 0.0


def test_both_books_are_quoted_from_the_belief() -> None:
    sim = one(p.TUESDAY)
    p.go(sim, 2 * p.HOUR)
    p.put_price(sim, 404.0)
    p.go(sim, 2 * p.MINUTE)
    for which in (desk.PERP, desk.TOKEN):
        bid, ask = p.best_usd(sim, which)
        assert (bid + ask) / 2 == pytest.approx(404, abs=0.03)
        assert (ask - bid) / 404 == pytest.approx(2 * 8e-4, rel=0.1), "half-spread of 8 bp"


def functions(module: Any) -> dict[str, set[str]]:
    """Names used in each function of a module."""
    tree = ast.parse(Path(module.__file__).read_text())
    return {
        node.name: {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} - {node.name}
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
    }


def test_nobody_quotes_off_the_index_the_mark_or_his_own_mid() -> None:
    """What makes prices reads the stock's quote, flow and the opposite best price; only the count of wealth reads the index."""
    used = functions(maker)
    reference = {"index_usd", "mark_usd", "mid_usd", "premium", "funding_rate", "hidden_usd"}
    assert {name for name, names in used.items() if names & reference} == {"wealth_usd"}
    assert {name for name, names in used.items() if "wealth_usd" in names} == {"solvent"}
    assert {name for name, names in used.items() if "best_usd" in names} == {"ladder"}
    assert "best_usd(world, ticker, which, -side)" in Path(maker.__file__).read_text(), "the other side, not his own"


@pytest.mark.parametrize(("begin", "when"), [(p.TUESDAY, "2026-05-05 10:35"), (p.FRIDAY, "2026-05-09 12:00")])
def test_quotes_stay_where_index_and_mark_alone_move(begin: str, when: str) -> None:
    """Index and mark 2 % up for a moment: all makers quote anew and quote the same. The belief moved, they do not.

    Everybody's first look is in the first hour. The feed is slow, so that nobody sees the stock in between.
    """
    quick = p.MAKERS.replace("latency", 'mean_sleep = "20 ms"\nfeed_delay = "60 s"\nlatency')
    sim = p.market(begin, quick, p.NOISE)
    p.go_to(sim, when)
    assert (p.knobs(sim, "maker")["began_usd"] > 0).all()
    plain, index, belief = sim.fork(), sim.fork(), sim.fork()
    row = index.memory[oracle.oracles][0]
    row["index_usd"] *= 1.02
    row["mark_ticks"] = round(int(row["mark_ticks"]) * 1.02)
    beliefs(belief)["mean_usd"] *= 1.002
    found = []
    for branch in (plain, index, belief):
        beliefs(branch)["quoted_us"] = 0
        before = branch.memory[p.clock.clock]["messages"][0]
        p.go(branch, 900_000)
        assert branch.memory[p.clock.clock]["messages"][0] - before >= 8 * 16
        found.append([p.quotes(branch, 0, book) for book in (0, 1)])
    assert found[0] == found[1] != found[2]


def shape(sim: Any) -> tuple[float, float]:
    """Spread of the perp book in basis points and the makers' lots on it."""
    bid, ask = p.best_usd(sim)
    return (ask - bid) / bid * 1e4, sum(row[3] for row in p.quotes(sim, 0))


def test_he_quotes_wider_and_thinner_the_longer_the_stock_sleeps() -> None:
    sim = p.market(p.FRIDAY, ONE)
    shapes = {}
    for when in ("2026-05-08 15:50", "2026-05-08 21:00", "2026-05-09 12:00", "2026-05-11 02:00", "2026-05-11 10:30"):
        p.go_to(sim, when)
        shapes[when] = shape(sim)
    friday, evening, saturday, night, monday = shapes.values()
    assert friday[0] == pytest.approx(16, rel=0.15)
    assert friday[0] < evening[0] <= saturday[0] < night[0]
    assert night[0] > 1.5 * friday[0]
    assert monday[0] == pytest.approx(friday[0], rel=0.15)
    for thin in (evening, saturday, night):
        assert thin[1] == pytest.approx(0.4 * friday[1], rel=0.1)


TAKER = """
[[group]]
name = "taker"
population = "noise"
count = 1
mean_sleep = "90 days"
endowment = { usd = "$3M", tokens = "$2M" }
"""


def take(sim: Any, group: int, side: int, usd: float, which: int = desk.PERP) -> None:
    """A large market order of a group's first member arrives, in twenty clips a minute apart."""
    account = int(p.members(sim, group)["account"][0])
    for _ in range(20):
        lots = desk.lots(sim.world, 0, which, usd / 20 / desk.index_usd(sim.world, 0))
        sim.place(account, which, side, 0, lots, desk.MARKET)
        p.go(sim, p.MINUTE)


def test_where_the_price_runs_he_pulls_and_comes_back_after_a_while() -> None:
    """2 % within a minute are beyond his half percent: a tenth of his size stays, and to his 8 bp of half-spread come 0.15 of
    the 2 % for what he does not know. Five minutes after the last such move he quotes as before. Another, who is not told
    to pull, quotes all the time as before."""
    bold, careful = one(p.TUESDAY), one(p.TUESDAY, knobs='run = "0.5 %"')
    for sim, left, half in ((bold, 1.0, 8e-4), (careful, 0.1, 8e-4 + 0.15 * 0.02)):
        p.go(sim, p.HOUR + p.MINUTE)
        before = shape(sim)
        assert before[0] == pytest.approx(16, rel=0.1)
        p.put_price(sim, PRICE * 0.98)
        p.go(sim, 30 * p.SECOND)
        after = shape(sim)
        assert after[0] == pytest.approx(2e4 * half, rel=0.1)
        assert after[1] == pytest.approx(left * before[1], rel=0.1)
        p.go(sim, 7 * p.MINUTE)
        assert shape(sim) == pytest.approx(before, rel=0.1)


def test_a_slow_fall_is_no_run() -> None:
    """2 % in eight minutes, a quarter of a percent each: he stays where he is."""
    sim = one(p.TUESDAY, knobs='run = "0.5 %"')
    p.go(sim, p.HOUR + p.MINUTE)
    before = shape(sim)
    for step in range(1, 9):
        p.put_price(sim, PRICE * (1 - 0.0025 * step))
        p.go(sim, p.MINUTE)
        assert shape(sim) == pytest.approx(before, rel=0.1)


def test_flow_moves_his_belief_while_the_stock_sleeps_and_not_while_it_is_open() -> None:
    for when, moves in (("2026-05-08 15:30", False), ("2026-05-09 12:00", True)):
        sim = one(p.FRIDAY, TAKER)
        p.go_to(sim, when)
        before = float(beliefs(sim)["mean_usd"][0])
        take(sim, 1, desk.BUY, 100_000)
        after = float(beliefs(sim)["mean_usd"][0])
        assert p.lots(sim, 0)[0] < 0, "he sold"
        if moves:
            assert before * 1.0003 < after < before * (1 + 5 * beliefs(sim)["sd"][0])
        else:
            assert after == pytest.approx(before, abs=0.02)


def test_flow_alone_moves_him_no_further_than_what_may_have_happened() -> None:
    sim = one(p.FRIDAY, TAKER)
    p.go_to(sim, "2026-05-09 12:00")
    beliefs(sim)["flow_shares"][0] -= 1e9
    for _ in range(40):
        p.go(sim, p.MINUTE)
        beliefs(sim)["flow_shares"][0] -= 1e9
    p.go(sim, p.MINUTE)
    most = 1 + 5 * beliefs(sim)["sd"][0]
    assert beliefs(sim)["mean_usd"][0] == pytest.approx(PRICE * most, rel=2e-4)


def test_inventory_shifts_his_quotes_and_then_thins_them() -> None:
    sim = one(p.TUESDAY, TAKER, knobs='hedges = "no"')
    p.go(sim, 2 * p.HOUR)
    take(sim, 1, desk.BUY, 300_000)
    p.go(sim, 5 * p.MINUTE)
    bid, ask = p.best_usd(sim, desk.TOKEN)
    assert (bid + ask) / 2 > PRICE * (1 + 0.5 * 0.6 * 8e-4), "short, he asks more and bids more"
    lots = {side: sum(row[3] for row in p.quotes(sim, 0) if row[0] == side) for side in (1, -1)}
    assert 0 < lots[-1] < 0.2 * lots[1], "beyond his limit he adds to it in small size only"


def shares(sim: Any, group: int = 0) -> int:
    return sum(p.owned(sim, int(account), 3) for account in p.accounts_of(sim, group))


def test_he_hedges_in_the_stock_while_it_is_open_and_only_then() -> None:
    sim = one(p.FRIDAY, TAKER)
    p.go_to(sim, "2026-05-09 12:00")
    asleep = shares(sim)
    take(sim, 1, desk.SELL, 250_000)
    p.go_to(sim, "2026-05-11 03:59")
    assert shares(sim) == asleep
    net = p.lots(sim, 0)[0] * desk.lot_shares(sim.world, 0, desk.PERP)
    assert net * PRICE > 0.5 * 150_000, "he would, if he could"
    p.go_to(sim, "2026-05-11 04:02")
    assert asleep / 1e6 - shares(sim) / 1e6 == pytest.approx(net, rel=0.2)
    assert sim.conservation_error() == 0


def test_a_hedged_maker_can_be_liquidated_on_a_sunday() -> None:
    """Short the perp, long the shares, nothing to lose: but shares at the broker are no margin at the venue, and dollars
    come from there in bank hours. On Sunday the index goes up a fifth, and the venue closes his short."""
    poor = 'perp = "$10M"\ninventory = "$1M"\nhedge_share = 0.02\nlevel = "$50,000"'
    sim = one(p.FRIDAY, TAKER, knobs=poor, changes={**PINNED, "group.maker.endowment.usd": "$150,000", "group.maker.endowment.tokens": "0"})  # fmt: skip
    p.go_to(sim, "2026-05-08 15:10")
    take(sim, 1, desk.BUY, 700_000)
    p.go(sim, 10 * p.MINUTE)
    account = int(p.members(sim, 0)["account"][0])
    lot = desk.lot_shares(sim.world, 0, desk.PERP)
    short, extra = -p.lots(sim, 0)[0] * lot, shares(sim) / 1e6 - 500_000 / PRICE
    assert short * PRICE > 400_000
    assert extra == pytest.approx(short, abs=0.05 * short), "hedged share by share"
    broker = p.owned(sim, account, accounts.BROKER_USD)
    p.go_to(sim, "2026-05-10 14:00")
    sim.tape.drain(sim.memory)
    assert len(sim.tape.rows(liquidation.liquidation_events)) == 0
    p.put_price(sim, 1.3 * PRICE)
    p.go(sim, 30 * p.MINUTE)
    sim.tape.drain(sim.memory)
    events = sim.tape.rows(liquidation.liquidation_events)
    assert set(events["account"].tolist()) == {account}
    assert abs(p.lots(sim, 0)[0]) * lot < 0.5 * short
    assert shares(sim) / 1e6 - 500_000 / PRICE == pytest.approx(extra), "his hedge is where it was"
    assert p.owned(sim, account, accounts.BROKER_USD) == broker
    assert sim.conservation_error() == 0


def test_at_his_loss_limit_he_stops_and_comes_back_with_fresh_capital() -> None:
    sim = one(p.TUESDAY, knobs='pause = "3h"')
    p.go(sim, 2 * p.HOUR)
    table = p.knobs(sim, "maker")
    assert len(p.quotes(sim, 0)) == 8
    table["began_usd"] *= 2.5
    p.go(sim, 5 * p.MINUTE)
    assert table["pauses"][0] == 1
    assert p.quotes(sim, 0) == p.quotes(sim, 0, 1) == []
    p.go(sim, 2 * p.HOUR + 45 * p.MINUTE)
    assert p.quotes(sim, 0) == []
    p.go(sim, 20 * p.MINUTE)
    assert len(p.quotes(sim, 0)) == 8
    worth = maker.wealth_usd(sim.world, sim.blocks[1].handle, 0)
    assert worth == pytest.approx(table["began_usd"][0], rel=0.01)
    assert table["pauses"][0] == 1
    assert sim.conservation_error() == 0


def test_above_his_target_he_pays_out() -> None:
    sim = one(p.TUESDAY)
    p.go(sim, 2 * p.HOUR)
    table = p.knobs(sim, "maker")
    table["began_usd"] *= 0.8
    before = maker.wealth_usd(sim.world, sim.blocks[1].handle, 0)
    p.go(sim, 30 * p.HOUR)
    after = maker.wealth_usd(sim.world, sim.blocks[1].handle, 0)
    assert p.flow(sim, 0, accounts.DEPOSIT) < -100_000
    assert after < before - 100_000
    assert after > table["began_usd"][0], "not below his target"


def test_he_offers_no_tokens_he_does_not_have_and_bids_no_dollars() -> None:
    sim = one(p.TUESDAY, changes={"group.maker.endowment.tokens": "$1,000", "group.maker.endowment.usd": "$20,000"})
    p.go(sim, 6 * p.HOUR)
    lot = desk.lot_shares(sim.world, 0, desk.TOKEN)
    asked = sum(row[3] for row in p.quotes(sim, 0, 1) if row[0] < 0) * lot * PRICE
    bid = sum(row[3] for row in p.quotes(sim, 0, 1) if row[0] > 0) * lot * PRICE
    assert 0 < asked <= 1_001
    assert 0 < bid <= 20_000


def test_many_makers_make_one_market_that_never_crosses() -> None:
    sim = p.market(p.TUESDAY, p.MAKERS, p.NOISE)
    p.go(sim, 30 * p.HOUR)
    bars = p.minutes(sim)[120:]
    for kind in ("perp", "token"):
        bids, asks = bars[f"{kind}_bid_ticks"], bars[f"{kind}_ask_ticks"]
        assert (bids > 0).all() and (asks > 0).all()
        assert (bids < asks).all()
    middle = (bars["perp_bid_ticks"] + bars["perp_ask_ticks"]) / 2 * desk.tick_usd(sim.world, 0, desk.PERP)
    seen = bars["stock_visible"] == 1
    assert np.quantile(abs(middle[seen] / bars["stock_usd"][seen] - 1), 0.95) < 0.002
