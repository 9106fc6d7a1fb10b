"""The building of a peopled market: seats, luck, endowments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from offhours.agents import desk, followers, wake
from offhours.agents.crowd import PYTHON_KEY, TABLES
from offhours.sim.chance import person
from offhours.sim.declare import Column, spec_of
from offhours.sim.market import accounts
from plain import peopled as p

OTHERS = """
[[group]]
name = "arbitrageurs"
population = "arbitrageur"
count = 2
endowment = { usd = "$1M", tokens = "$100,000" }

[[group]]
name = "veterans"
population = "retail"
count = 40
leverage = { law = "uniform", low = "2x", high = "10x" }
size = { law = "pareto", exponent = 0.8, median = "$900", largest_share = "15 %" }
mode = "isolated"
"""
ALL = (p.TUESDAY, p.RETAIL, p.MAKERS, p.NOISE, OTHERS)


def grown(name: str, count: int) -> Any:
    return p.people(p.alone(p.scenario(*ALL), name, count))


def drawn(sim: Any, group: int, of: Any) -> dict[str, Any]:
    """All that chance decided of a group's members when the market was built."""
    rows = p.members(sim, group)
    table = p.knobs(sim, of.groups[group].population, group)
    first = int(sim.blocks[1][desk.groups]["first"][group])
    count = len(rows)
    follows = sim.blocks[1][followers.follows]["row"][first * followers.FOLLOWED : (first + count) * followers.FOLLOWED]
    queue = sim.blocks[1][wake.queue]["key"]
    wakes = {int(key) & ((1 << 20) - 1): int(key) >> 20 for key in queue}
    return {
        "who": rows["who"].tolist(),
        "knobs": table.tolist(),
        "money": [[p.owned(sim, int(a), asset) for asset in range(4)] for a in rows["account"]],
        "follows": [row - first if row != followers.NOBODY else None for row in follows.tolist()],
        "first wake": [wakes[first + member] for member in range(count)],
    }


@pytest.mark.parametrize(("name", "count"), [("tourists", 700), ("tourists", 0), ("makers", 9), ("noise", 1)])
def test_growing_one_group_leaves_all_others_draws_unchanged(name: str, count: int) -> None:
    of = p.scenario(*ALL)
    before, after = p.people(of), grown(name, count)
    for group, other in enumerate(of.groups):
        if other.name != name:
            assert drawn(before, group, of) == drawn(after, group, of), other.name


def test_members_who_were_there_keep_their_luck_when_their_group_grows() -> None:
    """All but who holds how much of a stratified law and whom they follow, which depend on how many there are."""
    of = p.scenario(*ALL)
    before, after = p.people(of), grown("noise", 90)
    number = [group.name for group in of.groups].index("noise")
    small, large = drawn(before, number, of), drawn(after, number, of)
    for what in ("who", "knobs", "money", "first wake"):
        assert small[what] == large[what][:60], what


def test_another_seed_draws_anew() -> None:
    of = p.scenario(*ALL)
    one, two = (drawn(p.people(of, seed), 0, of) for seed in (7, 8))
    assert one["who"] == two["who"]
    for what in ("money", "follows", "first wake"):
        assert one[what] != two[what]


def test_everybody_has_a_seat_an_account_and_a_row() -> None:
    of = p.scenario(*ALL)
    sim = p.people(of, python_agents=3)
    agents, groups = sim.blocks[1][desk.agents], sim.blocks[1][desk.groups]
    assert len(agents) == sum(group.count for group in of.groups) + 3
    assert len(set(agents["account"].tolist())) == len(agents)
    assert agents["account"].min() == accounts.HOUSES
    assert len(set(agents["who"].tolist())) == len(agents)
    owners = sim.memory[accounts.accounts]
    for number, group in enumerate(of.groups):
        rows = p.members(sim, number)
        assert len(rows) == group.count
        assert (rows["group"] == number).all()
        assert (owners["group"][rows["account"]] == accounts.HOUSES + number).all()
        assert rows["member"].tolist() == list(range(group.count))
        assert rows["who"].tolist() == [person(group.key, member) for member in range(group.count)]
        table = sim.blocks[1][TABLES[group.population]]
        assert rows["row"].max() < len(table)
        assert groups["lane"][number] == number + 1
    used = [(agents["row"][agent], groups["population"][agents["group"][agent]]) for agent in range(len(agents) - 3)]
    assert len(set(used)) == len(used), "two agents of one population share no row"
    assert agents["who"][-3:].tolist() == [person(PYTHON_KEY, member) for member in range(3)]
    assert groups["population"][-1] == wake.PYTHON


def test_isolated_traders_have_a_bucket_for_each_ticker() -> None:
    of = p.scenario(*ALL, changes={"tickers": ["TSLAx", "SPYx"]})
    sim = p.people(of)
    parents = sim.memory[accounts.accounts]["parent"]
    for agent in p.members(sim, 4):
        assert [int(parents[agent["bucket"] + ticker]) for ticker in range(2)] == [agent["account"]] * 2
    assert (p.members(sim, 0)["bucket"] == desk.NO_BUCKET).all()


def test_endowments_are_paid_from_outside_and_tokens_come_with_shares_in_custody() -> None:
    sim = p.people(p.scenario(*ALL))
    maker = int(p.members(sim, 1)["account"][0])
    usd, broker, tokens, shares = (p.owned(sim, maker, asset) for asset in range(4))
    assert (usd, broker) == (2_000_000_000_000, 2_000_000_000_000)
    price = desk.stock_usd(sim.world, 0)
    assert tokens == shares
    assert tokens / 1e6 * price == pytest.approx(500_000, rel=1e-3)
    issued = sum(p.owned(sim, account, 2) for account in range(accounts.HOUSES, len(sim.memory[accounts.accounts])))
    assert p.owned(sim, accounts.CUSTODIAN, 3) == issued
    assert sim.conservation_error() == 0
    assert sim.audit() == []


def test_state_begins_at_nothing() -> None:
    sim = p.people(p.scenario(*ALL))
    for name, accessor in TABLES.items():
        for column, mark in spec_of(accessor).columns.items():
            if isinstance(mark, Column):
                assert not sim.blocks[1][accessor][column].any(), (name, column)


def test_nobody_wakes_at_the_start_or_later_than_an_hour() -> None:
    sim = p.people(p.scenario(*ALL))
    instants = sim.blocks[1][wake.queue]["key"] >> 20
    assert 0 < instants.min() and instants.max() <= p.HOUR + 1
    assert abs(np.mean(instants) / p.HOUR - 0.5) < 4 * (1 / 12 / len(instants)) ** 0.5


def test_a_market_without_groups_is_a_market() -> None:
    sim = p.people(p.scenario(p.TUESDAY))
    p.go(sim, p.HOUR)
    assert len(p.minutes(sim)) == 60
    assert sim.audit() == []
