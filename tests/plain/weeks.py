"""What many weeks and week-ends of a peopled market look like, in a few numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from offhours.agents import desk, retail, seat, wake
from offhours.experiments.scenario import Scenario
from offhours.sim.market import accounts, bars, book, clock, oracle, positions
from offhours.sim.market import stock as stock_room
from offhours.sim.simulation import Simulation
from plain import peopled as p

Array = np.ndarray[Any, Any]


def notional_usd(sim: Simulation, rows: Array, column: str) -> Array:
    """A column of lots of bars at the mark, dollars."""
    unit = sim.memory[book.books]["unit_uusd"][2 * rows["ticker"]]
    return rows[column] * rows["mark_ticks"] * (unit / 1e6)


def week(sim: Simulation, rows: Array) -> dict[str, float]:
    """Size and quality of the market over some bars; capital and accounts at their end."""
    quoted = (rows["perp_bid_ticks"] > 0) & (rows["perp_ask_ticks"] > 0)
    seen = rows[quoted & (rows["phase"] == clock.REGULAR)]
    spread = (seen["perp_ask_ticks"] - seen["perp_bid_ticks"]) / seen["mark_ticks"] * 1e4
    depth = np.minimum(notional_usd(sim, seen, "perp_bid_lots"), notional_usd(sim, seen, "perp_ask_lots"))
    sides = ("perp_bid_ticks", "perp_ask_ticks", "token_bid_ticks", "token_ask_ticks")
    return {
        "open_interest_usd": float(notional_usd(sim, rows, "interest_lots").mean()),
        "live_accounts": float(live_accounts(sim)),
        "maker_capital_usd": sum(worth_usd(sim, number) for number in groups_of(sim, "maker")),
        "depth_usd": float(np.median(depth)),
        "spread_bp": float(np.median(spread)),
        "empty_share": max(float((rows[side] <= 0).mean()) for side in sides),
    }


def groups_of(sim: Simulation, population: str) -> list[int]:
    """The groups of a population."""
    groups = sim.blocks[1][desk.groups]
    code = {"retail": wake.RETAIL, "maker": wake.MAKER}[population]
    return [number for number in range(len(groups) - 1) if groups["population"][number] == code]


def worth_usd(sim: Simulation, group: int) -> float:
    """All that a group owns."""
    house = accounts.HOUSES + group
    return float(seat.equity_of_group_usd(sim.world, house) + seat.beside_of_group_usd(sim.world, house))


def live_accounts(sim: Simulation) -> int:
    """Retail traders who still have a fifth of what they once brought: the others wait for a deposit."""
    total = 0
    for group in groups_of(sim, "retail"):
        for agent in p.members(sim, group):
            stake = float(sim.blocks[1][retail.retail]["stake_usd"][agent["row"]])
            own = [int(agent["account"])]
            if agent["bucket"] >= 0:
                own += range(int(agent["bucket"]), int(agent["bucket"]) + len(sim.setup.tickers))
            total += stake == 0.0 or sum(sim.equity(account) for account in own) / 1e6 >= 0.2 * stake
    return total


def weekly(of: Scenario, seed: int = 7) -> Iterator[tuple[Simulation, dict[str, float]]]:
    """The weeks of a scenario after its warm-up, one by one."""
    sim = p.people(of, seed, log_trades=False)
    p.go(sim, of.measure_from_us - of.start_us)
    while sim.now_us < of.end_us:
        before = sim.now_us
        p.go(sim, 7 * p.DAY)
        sim.tape.drain(sim.memory)
        rows = sim.tape.rows(bars.bars)
        yield sim, week(sim, rows[rows["time_us"] > before])


def drift(values: Array) -> float:
    """Change from first to last by a straight line through the values, beside their mean."""
    slope = np.polyfit(np.arange(len(values)), values, 1)[0]
    return float(slope * (len(values) - 1) / np.mean(values))


MOMENTS = ("Fri 20:00", "Sat 08:00", "Sun 08:00", "Sun 20:00", "Mon 04:00", "Mon 09:00")
HOURS_AFTER_CLOSE = (4, 16, 40, 52, 60, 65)


def weekends(friday: Simulation, count: int, first_seed: int = 1000) -> dict[str, Array]:
    """Unscripted week-ends from one Friday 15:59, each with its own luck: rows are (week-end, ticker).

    All are returns on the stock's close. `gap` is the stock's own to Monday's open. `known` is the token's at each of MOMENTS by
    the first trade from then on, which is what the open of an hourly candle shows, and `quoted` by its mid at that very instant:
    Monday 04:00 is then the last price without a quote of the stock. `latent` is the value nobody sees. `up` and `down` are
    the furthest the token's mid went while the stock slept.
    """
    close_us = friday.now_us + p.MINUTE
    found: dict[str, list[Any]] = {name: [] for name in ("gap", "known", "quoted", "latent", "up", "down")}
    for number in range(count):
        sim = friday.fork(first_seed + number)
        sim.tape = type(sim.tape)()
        p.go(sim, p.MINUTE)
        before = sim.memory[stock_room.stocks]["value_usd"].copy()
        p.go(sim, 65 * p.HOUR + 30 * p.MINUTE)
        after = sim.memory[stock_room.stocks]["value_usd"]
        rows = sim.tape.rows(bars.bars)
        for values in found.values():
            values.append([])
        for ticker in range(len(before)):
            own = rows[(rows["ticker"] == ticker) & (rows["time_us"] >= close_us)]
            tick = float(sim.memory[oracle.oracles]["token_tick_usd"][ticker])
            both = (own["token_bid_ticks"] > 0) & (own["token_ask_ticks"] > 0)
            middle = (own["token_bid_ticks"] + own["token_ask_ticks"]) / 2 * tick
            quoted = np.where(both, middle, own["index_usd"]) / before[ticker] - 1
            at = 60 * np.array(HOURS_AFTER_CLOSE)
            traded = np.searchsorted(own["token_lots"], own["token_lots"][at], side="right")
            asleep = quoted[own["time_us"] < close_us + 60 * p.HOUR + p.MINUTE]
            found["gap"][-1].append(after[ticker] / before[ticker] - 1)
            found["known"][-1].append(
                own["token_last_ticks"][np.minimum(traded, len(own) - 1)] * tick / before[ticker] - 1
            )
            found["quoted"][-1].append(quoted[at])
            found["latent"][-1].append(own["stock_usd"][at] / before[ticker] - 1)
            found["up"][-1].append(asleep.max())
            found["down"][-1].append(asleep.min())
    return {name: np.array(values) for name, values in found.items()}


def score(forecast: Array, outcome: Array) -> float:
    """R2 without a regression: 1 - SSE / SST about zero."""
    return float(1 - np.sum((outcome - forecast) ** 2) / np.sum(outcome**2))


def phantoms(found: dict[str, Array], beyond: float = 0.03) -> float:
    """Share of ticker-week-ends in which the token went more than `beyond` further than the stock then opened, either way."""
    down = np.minimum(found["gap"], 0) - found["down"]
    up = found["up"] - np.maximum(found["gap"], 0)
    return float(np.mean(np.maximum(down, up) > beyond))


def shape(sim: Simulation, since_us: int) -> dict[str, float]:
    """The market at an instant, as a stress test would find it; the premium is the mean of the bars since an instant."""
    count, t = len(sim.memory[accounts.accounts]), len(sim.setup.tickers)
    position = sim.memory[positions.positions]
    unit = sim.memory[book.books]["unit_uusd"][::2].astype(float)
    mark = sim.memory[oracle.oracles]["mark_ticks"].astype(float)
    lots = position["size_lots"].reshape(count, t)
    value = lots * mark * unit / 1e6
    cost = position["cost_uusd"].reshape(count, t) / 1e6
    own = np.concatenate([p.accounts_of(sim, number) for number in groups_of(sim, "retail")])
    held = np.abs(value[own]).sum(axis=1)
    equity = np.array([max(1.0, sim.equity(int(account)) / 1e6) for account in own])
    leverage = held[held > 0] / equity[held > 0]
    live = lots[own] != 0
    away = cost[own][live] / value[own][live] - 1
    dollars = np.abs(value[own][live])
    sim.tape.drain(sim.memory)
    rows = sim.tape.rows(bars.bars)
    rows = rows[(rows["time_us"] > since_us) & (rows["phase"] == clock.REGULAR)]
    return {
        "open_interest_usd": float(np.maximum(value, 0).sum()),
        "median_leverage": float(np.median(leverage)),
        "share_above_8x": float(np.mean(leverage > 8)),
        "entry_spread": float(np.sqrt(np.sum(dollars * away**2) / dollars.sum())),
        "premium": float(rows["premium_ppb"].mean()) / 1e9,
        "maker_capital_usd": sum(worth_usd(sim, number) for number in groups_of(sim, "maker")),
    }
