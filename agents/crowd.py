"""The crowd: all tables of the populations on one page, and the building of a peopled market."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from offhours.agents import (
    arbitrageur,
    desk,
    followers,
    holder,
    informed,
    liquidator,
    maker,
    noise,
    participant,
    retail,
    visitor,
    wake,
)
from offhours.sim.chance import WAKE, person, uniform
from offhours.sim.declare import Accessor, Block
from offhours.sim.market import accounts
from offhours.sim.simulation import Person, Setup, Simulation, open_market
from offhours.sim.tape import Tape

POPULATIONS: Mapping[str, type] = {
    "maker": maker.Maker,
    "retail": retail.Retail,
    "noise": noise.Noise,
    "arbitrageur": arbitrageur.Arbitrageur,
    "informed": informed.Informed,
    "participant": participant.Participant,
    "liquidator": liquidator.Liquidator,
    "visitor": visitor.Visitor,
    "holder": holder.Holder,
}
"""Every population by name, with the class that declares its knobs and state."""

_CODES = {
    "noise": wake.NOISE,
    "retail": wake.RETAIL,
    "maker": wake.MAKER,
    "arbitrageur": wake.ARBITRAGEUR,
    "informed": wake.INFORMED,
    "participant": wake.PARTICIPANT,
    "liquidator": wake.LIQUIDATOR,
    "visitor": wake.VISITOR,
    "holder": wake.HOLDER,
}
TABLES: Mapping[str, Accessor] = {
    "noise": noise.noise,
    "retail": retail.retail,
    "maker": maker.makers,
    "arbitrageur": arbitrageur.arbitrageurs,
    "informed": informed.informed,
    "participant": participant.participants,
    "liquidator": liquidator.liquidators,
    "visitor": visitor.visitors,
    "holder": holder.holders,
}
"""The table of each population, a row a member."""

CROWD = Block(
    "crowd",
    desk.agents,
    desk.groups,
    wake.queue,
    wake.alarms,
    wake.ties,
    followers.follows,
    followers.leans,
    noise.noise,
    retail.retail,
    retail.sights,
    maker.makers,
    maker.beliefs,
    arbitrageur.arbitrageurs,
    arbitrageur.legs,
    informed.informed,
    participant.participants,
    participant.neutral_stocks,
    liquidator.liquidators,
    liquidator.inventories,
    visitor.visitors,
    holder.holders,
)


class GroupLike(Protocol):
    """What the crowd needs to know of a group of a scenario."""

    @property
    def name(self) -> str: ...

    @property
    def population(self) -> str: ...

    @property
    def count(self) -> int: ...

    @property
    def latency_us(self) -> int: ...

    @property
    def isolated(self) -> bool: ...

    @property
    def key(self) -> int: ...

    def draw(self, seed: int) -> Mapping[str, np.ndarray[Any, Any]]: ...

    def endow(self, seed: int, price_uusd: Mapping[str, int]) -> Any: ...


LANE_ROOM = 4096
"""Messages that fit into a group's lane."""


def open_peopled_market(setup: Setup, groups: Sequence[GroupLike], python_agents: int = 0, tape: Tape | None = None) -> Simulation:  # fmt: skip
    """Build a market with its population: accounts, buckets, knobs drawn, endowments paid in, everybody asleep.

    `python_agents` seats are kept at the end for traders written in Python; they report under a group of their own.
    """
    t = len(setup.tickers)
    people, rows = _people(groups, t, python_agents)
    total = sum(group.count for group in groups) + python_agents
    setup = replace(
        setup,
        people=people,
        group_keys=tuple(group.key for group in groups) + ((PYTHON_KEY,) if python_agents else ()),
        lanes=_lanes(setup, groups, len(people), python_agents),
        orders=max(setup.orders, 2 * total + 128 * sum(g.count for g in groups if g.population == "maker") * t),
        stops=max(setup.stops, total),
    )
    simulation = open_market(setup, (CROWD, _row_counts(groups, t, total, setup.seed)), wake.run)
    if tape is not None:
        simulation.tape = tape
    _seat(simulation, groups, rows, python_agents)
    return simulation


PYTHON_KEY = 7
"""Key of the group of Python agents, for their luck."""


def _people(groups: Sequence[GroupLike], t: int, python_agents: int) -> tuple[list[Person], list[tuple[int, int]]]:
    """Accounts in order: each group's members, each followed by his buckets. With each agent's account and bucket."""
    people: list[Person] = []
    rows: list[tuple[int, int]] = []
    for number, group in enumerate(groups):
        for member in range(group.count):
            account = accounts.HOUSES + len(people)
            who = person(group.key, member)
            people.append(Person(accounts.HOUSES + number, member, who))
            rows.append((account, account + 1 if group.isolated else desk.NO_BUCKET))
            if group.isolated:
                people += [Person(accounts.HOUSES + number, member, who, parent=account) for _ in range(t)]
    for member in range(python_agents):
        rows.append((accounts.HOUSES + len(people), desk.NO_BUCKET))
        people.append(Person(accounts.HOUSES + len(groups), member, person(PYTHON_KEY, member)))
    return people, rows


def _lanes(setup: Setup, groups: Sequence[GroupLike], people: int, python_agents: int) -> tuple[tuple[int, int], ...]:
    """The engine's lane holds an order of every account; a group's holds what it may send within its latency."""
    from offhours.sim.market.engine import liquidation_rules

    engine = int(setup.rules[liquidation_rules]["latency_us"][0])
    lanes = [(engine, 2 * (people + accounts.HOUSES))]
    lanes += [(group.latency_us, LANE_ROOM) for group in groups]
    return (*lanes, (0, LANE_ROOM)) if python_agents else tuple(lanes)


def _row_counts(groups: Sequence[GroupLike], t: int, total: int, seed: int) -> dict[Accessor, int]:
    retail_groups = [group for group in groups if group.population == "retail" and group.count]
    several = any(int(group.draw(seed)["tickers_each"].max()) > 1 for group in retail_groups)
    count = {name: max(1, sum(g.count for g in groups if g.population == name)) for name in POPULATIONS}
    return {
        desk.agents: max(1, total),
        desk.groups: len(groups) + 1,
        wake.queue: max(1, total),
        wake.alarms: 1,
        wake.ties: max(1, total),
        followers.follows: max(1, total) * followers.FOLLOWED,
        followers.leans: max(1, total),
        noise.noise: count["noise"],
        retail.retail: count["retail"],
        retail.sights: count["retail"] * t if several else 1,
        maker.makers: count["maker"],
        maker.beliefs: count["maker"] * t,
        arbitrageur.arbitrageurs: count["arbitrageur"],
        arbitrageur.legs: count["arbitrageur"] * t,
        informed.informed: count["informed"],
        participant.participants: count["participant"],
        participant.neutral_stocks: count["participant"] * t,
        liquidator.liquidators: count["liquidator"],
        liquidator.inventories: count["liquidator"] * t,
        visitor.visitors: count["visitor"],
        holder.holders: count["holder"],
    }


def _seat(simulation: Simulation, groups: Sequence[GroupLike], rows: list[tuple[int, int]], python_agents: int) -> None:
    """Write the crowd's tables, pay endowments in, and put everybody to sleep for the first time."""
    setup, crowd = simulation.setup, simulation.blocks[1]
    wake.begin(crowd.handle, setup.start_us)
    prices = _prices(simulation)
    used = dict.fromkeys(POPULATIONS, 0)
    first = 0
    for number, group in enumerate(groups):
        row = crowd[desk.groups][number]
        row["population"], row["first"], row["count"] = _CODES[group.population], first, group.count
        row["lane"] = number + 1
        begin = used[group.population]
        table = crowd[TABLES[group.population]]
        for column, values in group.draw(setup.seed).items():
            table[column][begin : begin + group.count] = values
        for member in range(group.count):
            _agent(simulation, first + member, rows[first + member], number, member, person(group.key, member), begin + member)  # fmt: skip
        _endow(simulation, group, rows[first : first + group.count], prices)
        followers.begin(crowd.handle, setup.seed, first, group.count, group.key)
        used[group.population] += group.count
        first += group.count
    for member in range(python_agents):
        _agent(simulation, first + member, rows[first + member], len(groups), member, person(PYTHON_KEY, member), 0)
    row = crowd[desk.groups][len(groups)]
    row["population"], row["first"], row["count"], row["lane"] = wake.PYTHON, first, python_agents, len(groups) + 1


def _agent(simulation: Simulation, number: int, seat: tuple[int, int], group: int, member: int, who: int, row: int) -> None:  # fmt: skip
    agent = simulation.blocks[1][desk.agents][number]
    agent["account"], agent["bucket"] = seat
    agent["group"], agent["member"], agent["who"], agent["row"] = group, member, who, row
    agent["wakes"] = 1
    soon_us = 1 + int(uniform(simulation.setup.seed, WAKE, who, 0) * 3_600_000_000)
    wake.wake_at(simulation.blocks[1].handle, number, simulation.setup.start_us + soon_us)


def _prices(simulation: Simulation) -> dict[str, int]:
    from offhours.sim.market.stock import stocks

    values = simulation.memory[stocks]["value_usd"]
    return {ticker: round(float(value) * 1e6) for ticker, value in zip(simulation.setup.tickers, values)}


def _endow(simulation: Simulation, group: GroupLike, seats: list[tuple[int, int]], prices: Mapping[str, int]) -> None:
    """Pay in what each member begins with."""
    given = group.endow(simulation.setup.seed, prices)
    for member, (account, _) in enumerate(seats):
        for asset, quantity in ((accounts.USD, given.usd_uusd[member]), (accounts.BROKER_USD, given.broker_usd_uusd[member])):  # fmt: skip
            if quantity:
                simulation.endow(account, asset, int(quantity))
        for ticker in range(len(prices)):
            if given.tokens_ushares[member, ticker]:
                simulation.endow(account, 2 + 2 * ticker, int(given.tokens_ushares[member, ticker]))
            if given.shares_ushares[member, ticker]:
                simulation.endow(account, 3 + 2 * ticker, int(given.shares_ushares[member, ticker]))
