"""The desk: what agents see is what is there; what they send arrives after their group's latency; how they sleep."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from offhours.agents import desk
from offhours.sim.market import ask, book, flight, funding, oracle, stock
from plain import peopled as p

AGENTS = Path(desk.__file__).parent
POPULATIONS = ("maker", "retail", "noise", "arbitrageur", "liquidator", "informed", "participant", "visitor")
ISOLATED = 'mode = "isolated"'


def small(*more: str, python_agents: int = 0) -> Any:
    return p.people(p.scenario(p.TUESDAY, p.MAKERS, p.RETAIL, *more), python_agents=python_agents)


def test_populations_import_the_market_from_the_desk_alone() -> None:
    for name in POPULATIONS:
        for node in ast.walk(ast.parse((AGENTS / f"{name}.py").read_text())):
            if isinstance(node, ast.ImportFrom):
                assert not (node.module or "").startswith("offhours.sim.market"), name
                assert node.module != "offhours.agents.wake", name


def test_only_the_informed_look_at_the_hidden_value() -> None:
    users = {name for name in POPULATIONS if "hidden_usd" in (AGENTS / f"{name}.py").read_text()}
    assert users == {"informed"}


def test_the_rate_to_come_is_what_the_premium_makes_or_where_a_person_makes_it_the_one_being_paid() -> None:
    """FUND-14, FUND-2: Kraken's form makes premium / 24 an hour of a premium that stands."""
    sim = small()
    p.go(sim, 3 * p.HOUR)
    sim.memory[oracle.oracles]["premium_ppb"][0] = 1_200_000
    sim.memory[funding.fundings]["rate_ppb"][0] = -3_000
    assert desk.coming_funding(sim.world, 0) == pytest.approx(0.0012 / 24, rel=1e-3)
    sim.memory[ask.asked]["policy"][ask.rate_of(0)] = 1
    assert desk.coming_funding(sim.world, 0) == desk.funding_rate(sim.world, 0) == -3e-6


def test_what_an_agent_sees_is_what_is_there() -> None:
    sim = small()
    p.go(sim, 3 * p.HOUR)
    world, row = sim.world, sim.memory[oracle.oracles][0]
    for which in (desk.PERP, desk.TOKEN):
        b, tick = sim.memory[book.books][which], desk.tick_usd(world, 0, which)
        assert desk.best_usd(world, 0, which, desk.BUY) == pytest.approx(b["best_bid"] * tick)
        assert desk.best_usd(world, 0, which, desk.SELL) == pytest.approx(b["best_ask"] * tick)
        assert desk.mid_usd(world, 0, which) == pytest.approx((b["best_bid"] + b["best_ask"]) / 2 * tick)
        assert desk.bought_shares(world, 0, which) == pytest.approx(b["signed_lots"] * desk.lot_shares(world, 0, which))
    assert desk.index_usd(world, 0) == row["index_usd"]
    assert desk.mark_usd(world, 0) == pytest.approx(row["mark_ticks"] * row["tick_usd"])
    assert desk.premium(world, 0) == row["premium_ppb"] / 1e9
    s = sim.memory[stock.stocks][0]
    assert desk.stock_open(world, 0) == 1
    assert s["bid_uusd"] / 1e6 <= desk.stock_usd(world, 0) <= s["ask_uusd"] / 1e6
    assert desk.hidden_usd(world, 0) == s["value_usd"]
    agent = int(p.members(sim, 0)["account"][0]) - p.accounts.HOUSES
    account = int(p.members(sim, 0)["account"][0])
    crowd = sim.blocks[1].handle
    assert desk.position_lots(world, crowd, agent, 0) == p.lots(sim, 0)[0]
    assert desk.token_shares(world, crowd, agent, 0) == p.owned(sim, account, 2) / 1e6
    assert desk.held_shares(world, crowd, agent, 0) == p.owned(sim, account, 3) / 1e6
    assert desk.broker_dollars(world, crowd, agent) == p.owned(sim, account, 1) / 1e6
    assert desk.equity_usd(world, crowd, agent) == sim.equity(account) / 1e6


def test_the_empty_side_of_a_book_has_no_price() -> None:
    sim = p.people(p.scenario(p.TUESDAY), python_agents=1)
    assert p.best_usd(sim) == (-1.0, -1.0)
    assert desk.mid_usd(sim.world, 0, desk.PERP) == -1.0


def test_the_stocks_quote_stands_still_while_it_sleeps() -> None:
    sim = p.people(p.scenario(p.FRIDAY, p.MAKERS))
    p.go_to(sim, "2026-05-08 20:00")
    last = desk.stock_usd(sim.world, 0)
    p.go_to(sim, "2026-05-09 12:00")
    assert desk.stock_open(sim.world, 0) == 0
    assert desk.stock_usd(sim.world, 0) == last != desk.hidden_usd(sim.world, 0)
    p.go_to(sim, "2026-05-11 04:00:01")
    assert desk.stock_open(sim.world, 0) == 1
    assert desk.stock_usd(sim.world, 0) != last


def test_prices_go_to_the_nearest_tick_and_sizes_down_to_a_lot() -> None:
    sim = p.people(p.scenario(p.TUESDAY))
    tick, lot = desk.tick_usd(sim.world, 0, desk.PERP), desk.lot_shares(sim.world, 0, desk.PERP)
    assert desk.ticks(sim.world, 0, desk.PERP, 1234.4 * tick) == 1234
    assert desk.ticks(sim.world, 0, desk.PERP, 1234.6 * tick) == 1235
    assert desk.ticks(sim.world, 0, desk.PERP, 0.0) == 1
    assert desk.lots(sim.world, 0, desk.PERP, 7.9 * lot) == 7
    assert desk.lots(sim.world, 0, desk.PERP, -3.0) == 0
    for whole in (1, 3, 12_345):
        assert desk.lots(sim.world, 0, desk.PERP, whole * lot) == whole, "a whole number of lots loses none to rounding"


def test_what_is_sent_arrives_after_the_groups_latency() -> None:
    """The tourists' is 120 ms: an order is not in the book before, and is in it then. FLIGHT-1."""
    sim = p.people(p.scenario(p.TUESDAY, p.RETAIL))
    world, crowd = sim.world, sim.blocks[1].handle
    agent = int(np.argmax([p.owned(sim, int(a)) for a in p.members(sim, 0)["account"]]))
    begun = sim.now_us
    price = desk.ticks(world, 0, desk.PERP, 0.95 * desk.mark_usd(world, 0))
    assert desk.order(world, crowd, agent, 0, desk.PERP, desk.BUY, price, 20, desk.LIMIT, 0) == 0
    assert sim.memory[flight.nexts]["due_us"][0] == begun + 120_000
    p.go(sim, 119_999)
    assert desk.resting_orders(world, crowd, agent, 0, desk.PERP) == 0
    p.go(sim, 1)
    assert desk.resting_orders(world, crowd, agent, 0, desk.PERP) == 1
    assert desk.resting_orders(world, crowd, agent, 0, desk.TOKEN) == 0
    desk.cancel_all(world, crowd, agent, 0, desk.PERP)
    p.go(sim, 120_000)
    assert desk.resting_orders(world, crowd, agent, 0, desk.PERP) == 0


def test_isolated_traders_trade_perps_with_their_bucket_and_tokens_with_their_own_account() -> None:
    sim = p.people(p.scenario(p.TUESDAY, p.RETAIL + ISOLATED))
    world, crowd = sim.world, sim.blocks[1].handle
    agent = int(np.argmax([p.owned(sim, int(a)) for a in p.members(sim, 0)["account"]]))
    own = p.members(sim, 0)[agent]
    assert desk.trading_account(world, crowd, agent, 0) == own["bucket"]
    before = p.owned(sim, int(own["account"]))
    assert desk.fund_bucket(world, crowd, agent, 0, 100.0) == 1
    assert desk.fund_bucket(world, crowd, agent, 0, 1e8) == 0, "more than he has"
    assert p.owned(sim, int(own["account"])) == before - 100_000_000
    assert p.owned(sim, int(own["bucket"])) == 100_000_000
    assert desk.trading_equity_usd(world, crowd, agent, 0) == 100.0
    desk.empty_bucket(world, crowd, agent, 0)
    assert p.owned(sim, int(own["account"])) == before


def test_with_cross_margin_there_is_no_bucket_to_fund() -> None:
    sim = p.people(p.scenario(p.TUESDAY, p.RETAIL))
    before = p.owned(sim, int(p.members(sim, 0)["account"][3]))
    assert desk.fund_bucket(sim.world, sim.blocks[1].handle, 3, 0, 50.0) == 1
    assert p.owned(sim, int(p.members(sim, 0)["account"][3])) == before


def test_deposits_in_stablecoin_come_at_any_hour_and_wires_in_bank_hours() -> None:
    sim = p.people(p.scenario(p.FRIDAY, p.MAKERS))
    p.go_to(sim, "2026-05-09 12:00")
    world, crowd, account = sim.world, sim.blocks[1].handle, int(p.members(sim, 0)["account"][0])
    before, outside = p.owned(sim, account), p.owned(sim, account, 1)
    assert desk.deposit(world, crowd, 0, 1_000.0) == 0
    assert desk.wire(world, crowd, 0, 1, 5_000.0) == 0
    assert p.owned(sim, account, 1) == outside - 5_000_000_000, "sent is gone"
    p.go(sim, 3 * p.HOUR)
    after = p.owned(sim, account)
    p.go_to(sim, "2026-05-12 12:00")
    flows = sim.memory[p.accounts.flows]["amount"].reshape(-1, p.accounts.FLOWS)[p.accounts.HOUSES]
    assert after != before
    assert flows[p.accounts.DEPOSIT] == 6_000_000_000


def test_each_draw_of_a_wake_has_its_own_number_and_is_the_agents_own() -> None:
    sim = small()
    world, crowd = sim.world, sim.blocks[1].handle
    drawn = {}
    for agent in (0, 9, 10):
        sim.blocks[1][desk.agents]["draws"][agent] = 0
        drawn[agent] = [desk.uniform(world, crowd, agent, 3) for _ in range(20)]
        sim.blocks[1][desk.agents]["draws"][agent] = 0
        assert drawn[agent] == [desk.uniform(world, crowd, agent, 3) for _ in range(20)]
    flat = [value for values in drawn.values() for value in values]
    assert len(set(flat)) == 60
    sim.blocks[1][desk.agents]["draws"][0] = 0
    sim.blocks[1][desk.agents]["wakes"][0] += 1
    assert not set(drawn[0]) & {desk.uniform(world, crowd, 0, 3) for _ in range(20)}, "the next wake draws anew"


def sleeps(sim: Any, agent: int, count: int, mean_us: int, *speeds: float) -> Any:
    """How long an agent would sleep, over many wakes that all begin now."""
    rows, found = sim.blocks[1][desk.agents], []
    begun = int(rows["wakes"][agent])
    for wakes in range(count):
        rows["wakes"][agent] = begun + wakes
        found.append(desk.sleep_us(sim.world, sim.blocks[1].handle, agent, mean_us, *speeds) - sim.now_us)
    rows["wakes"][agent] = begun
    return np.array(found)


def test_sleep_is_exponential_where_all_hours_are_alike() -> None:
    """Mean and standard deviation within 4 s.e., and the share that sleeps less than the mean is 1 - 1/e."""
    found = sleeps(small(), 0, 4_000, 20 * p.MINUTE, 1.0, 1.0, 1.0) / (20 * p.MINUTE)
    assert found.mean() == pytest.approx(1, abs=4 / 4_000**0.5)
    assert (found < 1).mean() == pytest.approx(1 - np.exp(-1), abs=4 * (0.37 * 0.63 / 4_000) ** 0.5)


def test_sleep_is_spent_along_the_hours_of_the_week() -> None:
    """From Friday 15:00: an hour of regular time is left, then post-market at half speed, then a week-end at a tenth.

    Of those who sleep exponentially with a mean of 2 h, exp(-1/2) are asleep at the close, exp(-1/2 - 1) at 20:00, and
    exp(-1/2 - 1 - h/20) after h hours of the week-end.
    """
    sim = p.people(p.scenario(p.FRIDAY, p.MAKERS))
    p.go_to(sim, "2026-05-08 15:00")
    found = sleeps(sim, 0, 6_000, 2 * p.HOUR, 0.5, 0.1, 0.1)
    for hours, used in ((1, 0.5), (5, 1.5), (15, 2.0), (25, 2.5)):
        expected = np.exp(-used)
        asleep = (found > hours * p.HOUR).mean()
        assert asleep == pytest.approx(expected, abs=4 * (expected * (1 - expected) / 6_000) ** 0.5), hours


def test_an_hour_at_speed_nothing_wakes_nobody() -> None:
    sim = p.people(p.scenario(p.FRIDAY, p.MAKERS))
    p.go_to(sim, "2026-05-09 12:00")
    found = sleeps(sim, 0, 500, p.HOUR, 1.0, 1.0, 0.0)
    opening = p.instant("2026-05-11 04:00") - sim.now_us
    assert found.min() > opening
    assert np.median(found - opening) < 2 * p.HOUR


@pytest.mark.parametrize(("phase", "expected"), [(0, 1.0), (1, 2.0), (2, 2.0), (3, 3.0), (4, 4.0), (5, 4.0), (6, 1.0)])
def test_activity_by_phase(phase: int, expected: float) -> None:
    assert desk.activity(phase, 1.0, 2.0, 3.0, 4.0) == expected
