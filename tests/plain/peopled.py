"""Small peopled markets: scenarios written in a few lines, the market built from them, and what is read off it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from offhours.agents import desk
from offhours.agents.crowd import TABLES, open_peopled_market
from offhours.experiments.scenario import Scenario, read_scenario
from offhours.sim.declare import spec_of
from offhours.sim.market import accounts, bars, clock, matching, orders, positions, stock
from offhours.sim.simulation import Setup, Simulation
from offhours.sim.units import read
from plain.market import queue

SECOND, MINUTE, HOUR, DAY = clock.SECOND_US, clock.MINUTE_US, clock.HOUR_US, 24 * clock.HOUR_US

TOP = """
question = "What do a few traders do?"
venue = "kraken"
tickers = ["TSLAx"]
"""
TUESDAY = """
start = "2026-05-05 09:30"
measure_from = "2026-05-05 09:30"
end = "2026-05-08 16:00"
"""
FRIDAY = """
start = "2026-05-08 14:00"
measure_from = "2026-05-08 14:00"
end = "2026-05-12 16:00"
"""
"""Two hours before the stock closes for a week-end, to the Tuesday after. Everybody's first look is in the first hour."""

MAKERS = """
[[group]]
name = "makers"
population = "maker"
count = 8
latency = "5 ms"
endowment = { usd = "$2M", broker_usd = "$2M", tokens = "$500,000", shares = "$500,000" }
"""
NOISE = """
[[group]]
name = "noise"
population = "noise"
count = 60
latency = "80 ms"
mean_sleep = "10 min"
endowment = { usd = "$10,000", tokens = "$5,000" }
"""
RETAIL = """
[[group]]
name = "tourists"
population = "retail"
count = 300
leverage = "20x"
size = { law = "pareto", exponent = 0.8, median = "$500", largest_share = "15 %" }
latency = "120 ms"
mean_sleep = "1h"
"""


def deep_maker(knobs: str) -> str:
    """One maker whose tokens and dollars never run out and who does not hedge, with more knobs as they are written in a file."""
    return f"""
[[group]]
name = "maker"
population = "maker"
count = 1
latency = "5 ms"
mean_sleep = "2 s"
disagreement = "0 bp"
hedges = "no"
level = "$50,000"
inventory = "$50M"
endowment = {{ usd = "$50M", tokens = "$20M" }}
{knobs}
"""


def scenario(*parts: str, changes: Mapping[str, Any] | None = None) -> Scenario:
    """A scenario of one ticker from its parts: when, and which groups. No jump of its price halts it unless told otherwise."""
    return read_scenario(TOP + "\n".join(parts), changes={"stock.halt.band": "0 %", **(changes or {})})


def setup(of: Scenario, seed: int = 7, **more: Any) -> Setup:
    """What a market of a scenario is built from; trades are recorded unless told otherwise."""
    plans = of.plans() if of.gaps else None
    given = {"log_trades": True, "always_open": of.always_open, **more}
    return Setup(of.tickers, of.rules.arrays, seed, of.start_us, of.end_us, of.calendar, plans=plans, **given)


def people(of: Scenario, seed: int = 7, python_agents: int = 0, **more: Any) -> Simulation:
    """A scenario's market with its population."""
    return open_peopled_market(setup(of, seed, **more), of.groups, python_agents)


def market(*parts: str, seed: int = 7, changes: Mapping[str, Any] | None = None, **more: Any) -> Simulation:
    """A market from the parts of its scenario."""
    return people(scenario(*parts, changes=changes), seed, **more)


def go(sim: Simulation, length_us: int) -> None:
    """Let time pass."""
    until_us = sim.now_us + length_us
    assert sim.advance(until_us) == "ended"
    assert sim.now_us == until_us


def instant(text: str) -> int:
    """A New York time."""
    return int(read(text, "instant"))


def go_to(sim: Simulation, text: str) -> None:
    """Let time pass until a New York time."""
    go(sim, instant(text) - sim.now_us)


def members(sim: Simulation, group: int) -> Any:
    """The agent rows of a group, by its number in the scenario."""
    row = sim.blocks[1][desk.groups][group]
    return sim.blocks[1][desk.agents][int(row["first"]) : int(row["first"] + row["count"])]


def knobs(sim: Simulation, population: str, group: int = 0) -> Any:
    """Rows of a population's table that belong to a group."""
    rows = members(sim, group)["row"]
    return sim.blocks[1][TABLES[population]][int(rows[0]) : int(rows[-1]) + 1]


def accounts_of(sim: Simulation, group: int) -> Any:
    """The accounts that report under a group, buckets included."""
    return np.flatnonzero(sim.memory[accounts.accounts]["group"] == accounts.HOUSES + group)


def lots(sim: Simulation, group: int, ticker: int = 0) -> Any:
    """The perp positions of a group's accounts."""
    sizes = sim.memory[positions.positions]["size_lots"].reshape(-1, len(sim.setup.tickers))
    return sizes[accounts_of(sim, group), ticker]


def owned(sim: Simulation, account: int, asset: int = accounts.USD) -> int:
    """What an account owns of an asset, micro-units."""
    return int(sim.memory[accounts.balances]["amount"][account * (2 + 2 * len(sim.setup.tickers)) + asset])


def best_usd(sim: Simulation, which: int = desk.PERP, ticker: int = 0) -> tuple[float, float]:
    """Best bid and ask of a book in dollars, -1 where empty."""
    bid, ask = (desk.best_usd(sim.world, ticker, which, side) for side in (desk.BUY, desk.SELL))
    return bid, ask


def fills(sim: Simulation) -> Any:
    """All trades so far."""
    sim.tape.drain(sim.memory)
    return sim.tape.rows(matching.trades)


def minutes(sim: Simulation, ticker: int = 0) -> Any:
    """All bars of a ticker so far."""
    sim.tape.drain(sim.memory)
    rows = sim.tape.rows(bars.bars)
    return rows[rows["ticker"] == ticker]


def alone(of: Scenario, name: str, count: int) -> Scenario:
    """The scenario with another number of members in a group."""
    return replace(of, groups=tuple(replace(g, count=count) if g.name == name else g for g in of.groups))


def given_price(of: Scenario, usd: float, seed: int = 7, python_agents: int = 0, **more: Any) -> Simulation:
    """A scenario's market whose stock is worth what the test says, from `usd` on (`put_price`)."""
    replays = np.zeros(len(of.tickers), dtype=spec_of(stock.stock_replays).dtype)
    replays["ticker"], replays["price_usd"] = np.arange(len(of.tickers)), usd
    return people(of, seed, python_agents, replays=replays, **more)


def put_price(sim: Simulation, usd: float, ticker: int = 0) -> None:
    """From the next second on the stock is worth this, seen or not."""
    sim.memory[stock.stock_replays]["price_usd"][ticker] = usd


def flow(sim: Simulation, group: int, number: int) -> float:
    """Dollars at the venue that a group received under a flow since the market was built; negative: paid."""
    rows = sim.memory[accounts.flows]["amount"].reshape(-1, accounts.FLOWS)
    return float(rows[accounts.HOUSES + group, number]) / 1e6


def quotes(sim: Simulation, group: int, number: int = 0) -> list[tuple[int, int, int, int]]:
    """A group's orders at rest on a book: (side, price in ticks, account, lots)."""
    own = set(accounts_of(sim, group).tolist())
    rows = ((side, *row) for side in (orders.BUY, orders.SELL) for row in queue(sim, number, side))
    return [row for row in rows if row[2] in own]
