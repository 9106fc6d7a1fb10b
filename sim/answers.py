"""Answers to what the market asks: tables become plain arrays, a person's function or a policy of ours decides, whole numbers go back.

What goes in is a function of the tables, what comes back is checked and becomes lots or billionths before it reaches them, so a
run is the same wherever the function gives the same answer. A function that raises, hangs or answers nonsense is a
:class:`~offhours.sim.policies.PolicyError`; the question stays open.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offhours.sim.declare import Memory
from offhours.sim.market import accounts, ask, clock, deleverage, funding, oracle, positions, ranking
from offhours.sim.policies import Candidates, Interval, PolicyError, in_lots
from offhours.sim.programs import checked, checked_rate

MONEY, PPB = 1e6, 1e9


@dataclass(frozen=True)
class Decider:
    """Who is asked: a name for messages, the function, and how long it may take (None: ours, called straight)."""

    name: str
    function: Callable[..., Any]
    seconds: float | None = None


@dataclass(frozen=True)
class Deciders:
    """Whom a market may ask: for allocations of auto-deleveraging, and for the rate of each ticker, by number."""

    allocation: Decider | None = None
    rates: Mapping[int, Decider] = field(default_factory=dict)


def answer(memory: Memory, deciders: Deciders) -> None:
    """Answer the open question (ASK-2)."""
    row = int(memory[ask.questions]["row"][0])
    if row == ask.ALLOCATION:
        assert deciders.allocation is not None, "the rules ask for allocations, and nobody is there to make them"
        _allot(memory, deciders.allocation)
    else:
        _set_rate(memory, row - 1, deciders.rates[row - 1])
    memory[ask.questions]["state"][0] = ask.ANSWERED


def candidates_of(memory: Memory) -> tuple[Candidates, NDArray[np.intp]]:
    """The candidates of the open question, and the place of each in the line (ADL-8).

    They stand in the order of their draws, which favours nobody; rooms are lots, money is dollars.
    """
    count = int(memory[deleverage.lines]["count"][0])
    order = np.argsort(memory[ranking.ranks]["tie"][:count], kind="stable")
    rows = memory[deleverage.candidates][:count][order]
    column = {name: rows[name].astype(np.float64) for name in rows.dtype.names or ()}
    lots, loss, equity = column["lots"], column["loss_uusd"], column["equity_uusd"]
    pays = equity >= loss
    most = np.where(pays, lots, np.floor(np.maximum(equity, 0.0) / np.where(pays, 1.0, loss) * column["loss_lots"]))
    money = {name: column[f"{name}_uusd"] / MONEY for name in ("profit", "equity", "notional", "gross")}
    return Candidates(room=lots, score=column["score"], cap=most / lots, offset=column["offset_lots"], **money), order


def _allot(memory: Memory, decider: Decider) -> None:
    """Write each candidate's part, in whole lots, where the line takes it from."""
    candidates, order = candidates_of(memory)
    wanted = int(memory[deleverage.lines]["wanted_lots"][0])
    turn = bool(getattr(decider.function, "in_turn", False))
    if turn:
        # Who cannot pay the price of his case is passed over when it comes to him (ADL-4); there is no common price.
        candidates = replace(candidates, cap=np.ones(len(candidates)))
    found = checked(decider.function, candidates, wanted, name=decider.name, seconds=decider.seconds)
    # Where caps leave less than is wanted, what a policy takes is between what they leave and all there is.
    total = min(wanted, int(candidates.room.sum()), int(np.floor(float(found.sum()) + 0.5)))
    lots = in_lots(found, candidates.room, total)
    parts = int(((lots > 0) & (lots < candidates.room)).sum())
    if turn and parts > 1:
        raise PolicyError(decider.name, f"says that it works in turn, and takes a part of {parts} candidates")
    memory[deleverage.lines]["in_turn"][0] = turn
    memory[deleverage.quotas]["lots"][order] = lots.astype(np.int64)


def interval_of(memory: Memory, ticker: int) -> tuple[NDArray[np.float64], Interval]:
    """The premiums of the interval of a ticker that ends now, in the order of time, and what else a rule is shown (FUND-14)."""
    f, o = memory[funding.fundings][ticker], memory[oracle.oracles][ticker]
    first, tickers = ticker * funding.SAMPLES, int(memory[clock.clock]["tickers"][0])
    premiums = memory[funding.samples]["premium_ppb"][first : first + int(f["samples"])] / PPB
    held = memory[positions.positions]["size_lots"].reshape(-1, tickers)[accounts.HOUSES :, ticker]
    lot_usd = float(o["index_usd"] * o["lot_shares"])
    return premiums, Interval(
        previous_rate=int(f["rate_ppb"]) / PPB,
        index=float(o["index_usd"]),
        mark=float(o["mark_ticks"] * o["tick_usd"]),
        longs=int(held[held > 0].sum()) * lot_usd,
        shorts=-int(held[held < 0].sum()) * lot_usd,
        hours=int(f["interval_us"]) // clock.HOUR_US,
    )


def _set_rate(memory: Memory, ticker: int, decider: Decider) -> None:
    """Write a rate, in billionths, where the turn of the interval takes it from."""
    premiums, interval = interval_of(memory, ticker)
    rate = checked_rate(decider.function, premiums, interval, name=decider.name, seconds=decider.seconds)
    memory[funding.fundings]["answer_ppb"][ticker] = int(np.floor(rate * PPB + 0.5))
