"""A small market to test with: rules at their defaults, a stock whose price the test sets, people without agents.

At the default price of $100 a perp lot (0.01 share) is worth $1 and a tick of it 100 micro-dollars, a token lot
(0.0001 share) is worth $0.01 and a tick of it one micro-dollar, so that values can be worked out by hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from offhours.sim import simulation
from offhours.sim.declare import Accessor, Knob, spec_of
from offhours.sim.market import (
    accounts,
    ask,
    attention,
    backstop,
    bank,
    book,
    brackets,
    clock,
    collateral,
    conversion,
    deleverage,
    engine,
    fees,
    funding,
    gap,
    halts,
    insurance,
    interest,
    issuer,
    lending,
    liquidation,
    matching,
    oracle,
    orders,
    pool,
    positions,
    providers,
    socialised,
    sources,
    stock,
    stops,
    waterfall,
)
from offhours.sim.simulation import Person, Setup, Simulation, open_market
from offhours.sim.units import read

SECOND, MINUTE, HOUR = clock.SECOND_US, clock.MINUTE_US, clock.HOUR_US
FRIDAY_OPEN = 1_772_807_400 * SECOND
"""Friday 2026-03-06 09:30 in New York."""
SATURDAY_NOON = FRIDAY_OPEN + 26 * HOUR + 30 * MINUTE
ANN, BOB, CAT, DAN, EVE = (accounts.HOUSES + n for n in range(5))
BUY, SELL = orders.BUY, orders.SELL
DOLLAR = 1_000_000
SHARE = 1_000_000

FLAT = ((0, 50_000_000, 25_000_000),)
"""One tier: 5 % initial, 2.5 % maintenance. (from micro-dollars, initial ppb, maintenance ppb)"""
CLASS_D = (
    (0, 50_000_000, 25_000_000),
    (10_000 * DOLLAR, 100_000_000, 50_000_000),
    (250_000 * DOLLAR, 200_000_000, 100_000_000),
    (500_000 * DOLLAR, 300_000_000, 150_000_000),
    (2_000_000 * DOLLAR, 500_000_000, 250_000_000),
)
"""Kraken's multi-collateral margin schedule, class D."""

Knobs = Mapping[tuple[Accessor, str], int | float]
NO_FEES: Knobs = {(fees.fee_rules, "maker_ppb"): 0, (fees.fee_rules, "taker_ppb"): 0}

_PER_BOOK = (book.book_rules, fees.fee_rules)
_PER_TICKER = (oracle.oracle_rules, sources.source_rules, funding.funding_rules, brackets.margin_rules, matching.session_rules, collateral.collateral_rules, lending.lending_rules, issuer.issuer_rules, stock.stock_rules, halts.halt_rules, interest.dividend_rules)  # fmt: skip
_PER_MARKET = (
    conversion.conversion_rules,
    lending.dollar_rules,
    pool.pool_rules,
    insurance.insurance_rules,
    deleverage.adl_rules,
    socialised.socialised_rules,
    providers.provider_rules,
    backstop.backstop_rules,
    engine.liquidation_rules,
    bank.bank_rules,
    gap.gap_rules,
    interest.interest_rules,
)


def default_rules(tickers: int, tiers: Sequence[tuple[int, int, int]] = FLAT) -> dict[Accessor, Any]:
    """Every rules table at the defaults of its knobs; token lots of 0.0001 share; the same tiers for each ticker."""
    rules: dict[Accessor, Any] = {}
    for accessors, rows in ((_PER_BOOK, 2 * tickers), (_PER_TICKER, tickers), (_PER_MARKET, 1)):
        for accessor in accessors:
            spec = spec_of(accessor)
            filled = np.zeros(rows, dtype=spec.dtype)
            for name, knob in spec.columns.items():
                assert isinstance(knob, Knob)
                filled[name] = knob.choices.index(knob.default) if knob.choices else read(knob.default, knob.unit)
            rules[accessor] = filled
    rules[book.book_rules]["lot_ushares"][1::2] = 100
    schedule = np.zeros(brackets.TIERS, dtype=spec_of(brackets.tiers).dtype)
    schedule["from_uusd"] = brackets.NO_TIER
    for row, (start, initial, maintenance) in enumerate(tiers):
        schedule["from_uusd"][row], schedule["initial_ppb"][row], schedule["maintenance_ppb"][row] = start, initial, maintenance  # fmt: skip
    rules[brackets.tiers] = np.tile(schedule, tickers)
    rules[waterfall.places] = stage_list((waterfall.STEPS, waterfall.WHOLE_POSITION, waterfall.VAULT))
    rules[ask.asked] = np.zeros(1 + tickers, dtype=spec_of(ask.asked).dtype)
    return rules


def stage_list(stages: Sequence[int]) -> Any:
    """A venue's list of stages as the rows of its table."""
    assert waterfall.fault(tuple(stages)) == ""
    rows = np.zeros(waterfall.PLACES, dtype=spec_of(waterfall.places).dtype)
    rows["stage"][: len(stages)] = stages
    return rows


def market(
    people: int = 5,
    *,
    dollars: int = 0,
    shares_of_tokens: int = 0,
    tickers: int = 1,
    price_usd: float = 100.0,
    pinned: bool = True,
    knobs: Knobs | None = None,
    tiers: Sequence[tuple[int, int, int]] = FLAT,
    buckets: Sequence[int] = (),
    stages: Sequence[int] = (waterfall.STEPS, waterfall.WHOLE_POSITION, waterfall.VAULT),
    start_us: int = FRIDAY_OPEN,
    days: int = 4,
    seed: int = 7,
    latency_us: int = 0,
    **more: Any,
) -> Simulation:
    """A market in which everybody has the same dollars at the venue and the same tokens.

    The stock's price is `price_usd` until `put_price` changes it; while `pinned`, index and mark follow it alone. `buckets`
    names the owners of isolated buckets, which come after all people.
    """
    rules = default_rules(tickers, tiers)
    rules[oracle.oracle_rules]["pinned"] = int(pinned)
    rules[waterfall.places] = stage_list(stages)
    for (accessor, column), value in (knobs or {}).items():
        rules[accessor][column] = value
    crowd = [Person(accounts.HOUSES, n, 100 + n) for n in range(people)]
    crowd += [Person(accounts.HOUSES, owner - accounts.HOUSES, 100 + owner, parent=owner) for owner in buckets]
    replays = np.zeros(tickers, dtype=spec_of(stock.stock_replays).dtype)
    replays["ticker"], replays["price_usd"] = np.arange(tickers), price_usd
    lanes = ((100_000, 256), (latency_us, 256))
    given: dict[str, Any] = {"orders": 512, "stops": 64, "log_rows": 1 << 12, "lanes": lanes, **more}
    setup = Setup(
        tickers=tuple(f"T{k}x" for k in range(tickers)),
        rules=rules,
        seed=seed,
        start_us=start_us,
        end_us=start_us + days * 24 * HOUR,
        people=crowd,
        group_keys=(1,),
        replays=replays,
        **given,
    )
    sim = open_market(setup)
    for account in range(accounts.HOUSES, accounts.HOUSES + people):
        if dollars:
            sim.endow(account, accounts.USD, dollars * DOLLAR)
        for ticker in range(tickers if shares_of_tokens else 0):
            sim.endow(account, accounts.token_asset(ticker), shares_of_tokens * SHARE)
    return sim


def ann_at_20x(sim: Simulation, *others: int, side: int = BUY) -> Simulation:
    """Ann has $50 and 1,000 lots, $1,000, of the first perp on a side; against Bob, who has plenty, as have the others named.

    A tick of her position is ten cents; at 2.5 % maintenance a long is below it from 97.43 on, and bankrupt at 95.
    """
    sim.endow(ANN, accounts.USD, 50 * DOLLAR)
    for account in (BOB, *others):
        sim.endow(account, accounts.USD, 10_000 * DOLLAR)
    assert perp(sim, BOB, -side, 10_000, 1_000) == perp(sim, ANN, side, 10_000, 1_000) == matching.ACCEPTED
    return sim


def long_at_20x(**knobs: int) -> Simulation:
    """Ann long 1,000 lots on $50 against Bob, who has plenty; Cat and Dan have money to bid with. Knobs are of the engine."""
    given = {(engine.liquidation_rules, name): value for name, value in knobs.items()}
    return ann_at_20x(market(people=5, knobs={**NO_FEES, **given}), CAT, DAN)


def put_price(sim: Simulation, usd: float, ticker: int = 0) -> None:
    """From the next second on the stock is worth this."""
    sim.memory[stock.stock_replays]["price_usd"][ticker] = usd


def go(sim: Simulation, seconds: float = 1) -> None:
    """Let time pass."""
    until_us = sim.now_us + round(seconds * SECOND)
    assert sim.advance(until_us) == "ended"
    assert sim.now_us == until_us


def jump(sim: Simulation, usd: float, ticker: int = 0) -> None:
    """The stock jumps, and a second passes in which index, mark and risk see it."""
    put_price(sim, usd, ticker)
    go(sim)


def perp(sim: Simulation, account: int, side: int, price_ticks: int, lots: int, kind: int = matching.LIMIT, flags: int = 0) -> int:  # fmt: skip
    """An order arrives at the first ticker's perp book."""
    return sim.place(account, 0, side, price_ticks, lots, kind, flags)


def token(sim: Simulation, account: int, side: int, price_ticks: int, lots: int, kind: int = matching.LIMIT) -> int:
    """An order arrives at the first ticker's token book."""
    return sim.place(account, 1, side, price_ticks, lots, kind)


def leave(sim: Simulation, account: int, equity_uusd: int) -> None:
    """Move dollars out of an account, or into it, until its equity is so much; it is looked at in the next second."""
    more = equity_uusd - sim.equity(account)
    payer, payee = (accounts.OUTSIDE, account) if more > 0 else (account, accounts.OUTSIDE)
    accounts.transfer(sim.world, accounts.USD, payer, payee, abs(more), accounts.DEPOSIT)
    attention.note_change(sim.world, account)


def report(sim: Simulation) -> Any:
    """What the order handled last came to."""
    return sim.memory[matching.reports][0]


def last_handle(sim: Simulation) -> int:
    """The handle of the order that came to rest last."""
    slot = int(report(sim)["slot"])
    return int(orders.handle(sim.world, slot))


def usd(sim: Simulation, account: int, asset: int = accounts.USD) -> int:
    """What an account owns of an asset."""
    width = 2 + 2 * len(sim.setup.tickers)
    return int(sim.memory[accounts.balances]["amount"][account * width + asset])


def held(sim: Simulation, account: int, asset: int = accounts.USD) -> int:
    """What an account has promised of an asset."""
    width = 2 + 2 * len(sim.setup.tickers)
    return int(sim.memory[accounts.balances]["reserved"][account * width + asset])


def lots_of(sim: Simulation, account: int, ticker: int = 0) -> int:
    """A position."""
    return int(sim.memory[positions.positions]["size_lots"][account * len(sim.setup.tickers) + ticker])


def mark(sim: Simulation, ticker: int = 0) -> int:
    """The mark in ticks."""
    return int(sim.memory[oracle.oracles]["mark_ticks"][ticker])


def best(sim: Simulation, number: int = 0) -> tuple[int, int]:
    """Best bid and ask of a book."""
    row = sim.memory[book.books][number]
    return int(row["best_bid"]), int(row["best_ask"])


def queue(sim: Simulation, number: int, side: int) -> list[tuple[int, int, int]]:
    """(price, account, lots) of all resting orders of a side, in the order in which they would fill."""
    resting, row = sim.memory[orders.orders], sim.memory[book.books][number]
    levels = sim.memory[book.levels][number * book.WINDOW : (number + 1) * book.WINDOW]
    found = []
    places = np.flatnonzero(levels["head"])
    for place in places[::-1] if side == BUY else places:
        slot = int(levels["head"][place])
        while slot:
            order = resting[slot]
            if order["side"] == side:
                assert order["price_ticks"] == place + row["base_ticks"]
                found.append((int(order["price_ticks"]), int(order["account"]), int(order["size_lots"])))
            slot = int(order["next"])
    return found


def trades(sim: Simulation) -> Any:
    """All fills so far."""
    sim.tape.drain(sim.memory)
    return sim.tape.rows(matching.trades)


def events(sim: Simulation) -> Any:
    """All liquidation events so far."""
    sim.tape.drain(sim.memory)
    return sim.tape.rows(liquidation.liquidation_events)


def waiting_stops(sim: Simulation, account: int) -> int:
    """How many stops of an account wait."""
    return int((sim.memory[stops.stops]["account"] == account).sum())


def refusals(sim: Simulation, code: int) -> int:
    """How often something was refused for a reason."""
    return int(sim.memory[matching.refused]["count"][code])


STATUS = simulation.STATUS
