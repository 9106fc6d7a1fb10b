"""Risk without scans against the full scan: triggers miss nobody and accuse nobody; stops fire as a list of prices would."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhours.sim.market import (
    accounts,
    attention,
    backstop,
    brackets,
    collateral,
    conversion,
    funding,
    lending,
    liquidation,
    oracle,
    positions,
    stops,
    triggers,
)
from plain.collateral import Tokens
from plain.funding import owed
from plain.margin import Holding, equity, maintenance
from plain.market import (
    ANN,
    BOB,
    BUY,
    CLASS_D,
    DOLLAR,
    FLAT,
    FRIDAY_OPEN,
    MINUTE,
    NO_FEES,
    SECOND,
    SELL,
    Simulation,
    go,
    jump,
    mark,
    market,
    put_price,
    usd,
)

CROWD = 8
_BASE: dict[tuple[int, str], Simulation] = {}
RULES = {**NO_FEES, (backstop.backstop_rules, "unwind_ppb"): 0}
FORMS = {"flat": (FLAT, False), "class D": (CLASS_D, False), "class D whole": (CLASS_D, True)}
"""Schedules of margin: with one tier alone the prices at which an account is looked at are tight."""


def base(tickers: int, form: str = "flat") -> Simulation:
    """Eight accounts and a rich counterparty (Ann), twenty seconds before a full hour."""
    if (tickers, form) not in _BASE:
        tiers, whole = FORMS[form]
        knobs = {**RULES, (brackets.margin_rules, "form"): int(whole)}
        start = FRIDAY_OPEN + 30 * MINUTE - 20 * SECOND
        sim = market(1 + CROWD, tickers=tickers, tiers=tiers, knobs=knobs, start_us=start, orders=64)
        for account in range(ANN, ANN + 1 + CROWD):
            sim.endow(account, accounts.USD, 10**9 * DOLLAR)
        _BASE[tickers, form] = sim
    return _BASE[tickers, form].fork()


def holdings(sim: Simulation, account: int) -> list[Holding]:
    """An account's positions as the plain twin has them."""
    t = len(sim.setup.tickers)
    found = []
    for k in range(t):
        lots = int(sim.memory[positions.positions]["size_lots"][account * t + k])
        paid = int(sim.memory[funding.fundings]["paid_pusd"][k])
        since = int(sim.memory[funding.accruals]["from_pusd"][account * t + k])
        found.append(Holding(lots, mark(sim, k), 100, funding_owed=owed(lots, paid, since)))
    return found


def below(sim: Simulation, account: int, form: str) -> bool:
    """Whether the full exact scan finds an account below its maintenance margin."""
    held = holdings(sim, account)
    return equity(usd(sim, account), held) < maintenance(held, *FORMS[form])


def in_case(sim: Simulation) -> set[int]:
    """Accounts in liquidation."""
    return set(np.flatnonzero(sim.memory[liquidation.cases]["place"]).tolist())


sizes = st.one_of(
    st.integers(-2_000, 2_000),
    st.sampled_from([10_000, -10_000, 9_990, -9_900, 9_500, 30_000, -250_000, 249_000, 600_000]),
)


def accounts_with(tickers: int) -> st.SearchStrategy[Any]:
    """Positions of each account and the equity it keeps over its maintenance margin, thousandths."""
    one = st.tuples(
        st.lists(sizes, min_size=tickers, max_size=tickers),
        st.sampled_from([1_000, 1_001, 1_002, 1_005, 1_010, 1_100, 2_000, 2_200]),
    )
    return st.lists(one, min_size=CROWD, max_size=CROWD)


moves = st.one_of(st.just(0), st.just(0), st.integers(-3, 3), st.integers(-40, 40), st.integers(-600, 600))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("tickers", [1, 3])
@given(data=st.data())
@settings(max_examples=50)
def test_triggers_find_exactly_who_is_below_maintenance(tickers: int, form: str, data: st.DataObject) -> None:
    """THR-1, LIQ-1, TRIG-1: each second, over a full hour, with funding that eats at equity, for every form of tiers."""
    sim = base(tickers, form)
    everybody = range(BOB, BOB + CROWD)
    for account, (wanted, kept) in zip(everybody, data.draw(accounts_with(tickers)), strict=True):
        for ticker, lots in enumerate(wanted):
            if lots:
                side = BUY if lots > 0 else SELL
                assert sim.place(account, 2 * ticker, side, 10_000, abs(lots)) == 0
                assert sim.place(ANN, 2 * ticker, -side, 10_000, abs(lots)) == 0
        held = holdings(sim, account)
        spare = equity(usd(sim, account), held) - maintenance(held, *FORMS[form]) * kept // 1_000
        accounts.transfer(sim.world, accounts.USD, account, accounts.OUTSIDE, spare, accounts.DEPOSIT)
        attention.note_change(sim.world, account)
    rates = data.draw(
        st.lists(
            st.sampled_from([0, 2_500_000, -2_500_000, 40_000_000, -40_000_000]), min_size=tickers, max_size=tickers
        )
    )
    go(sim, 1)
    sim.memory[funding.fundings]["rate_ppb"] = rates
    sim.memory[funding.fundings]["hourly_pusd"] = np.array(rates) * 1_000
    # Whoever slept through the change of the rate is woken as the full hour would wake him.
    for account in everybody:
        attention.note_change(sim.world, account)
    prices = [10_000] * tickers
    for step in data.draw(st.lists(st.lists(moves, min_size=tickers, max_size=tickers), min_size=5, max_size=40)):
        before = in_case(sim)
        for ticker, move in enumerate(step):
            prices[ticker] = max(3_000, prices[ticker] + move)
            put_price(sim, prices[ticker] / 100, ticker)
        go(sim, 1)
        after = in_case(sim)
        for account in everybody:
            if account in before:
                continue
            assert (account in after) == below(sim, account, form), (account, step)
    assert sim.audit() == []


PLEDGED = {
    **RULES,
    (collateral.collateral_rules, "haircut_ppb"): 100_000_000,
    (collateral.collateral_rules, "cap_uusd"): 9_000 * DOLLAR,
    (lending.lending_rules, "stock_uusd"): 10**9 * DOLLAR,
    (lending.dollar_rules, "stock_uusd"): 10**9 * DOLLAR,
    (conversion.conversion_rules, "limit_uusd"): 10**15,
}


def pledged() -> Simulation:
    """Ann and eight accounts with dollars in a market where tokens count and everything can be borrowed."""
    if (0, "pledged") not in _BASE:
        start = FRIDAY_OPEN + 30 * MINUTE - 20 * SECOND
        sim = market(1 + CROWD, tickers=2, knobs=PLEDGED, start_us=start, orders=64)
        for account in range(ANN, ANN + 1 + CROWD):
            sim.endow(account, accounts.USD, 10**9 * DOLLAR)
        _BASE[0, "pledged"] = sim
    return _BASE[0, "pledged"].fork()


def tokens_of(sim: Simulation, account: int) -> list[Tokens]:
    """An account's tokens and loans as the plain twin has them."""
    found = []
    for ticker in range(2):
        index = int(sim.memory[oracle.oracles]["index_ticks"][ticker]) * 10_000
        borrowed = int(sim.memory[collateral.loans]["owed"][account * 3 + 1 + ticker])
        found.append(Tokens(usd(sim, account, 2 + 2 * ticker), borrowed, 0, index, 100_000_000, 9_000 * DOLLAR))
    return found


def margin_of(sim: Simulation, account: int) -> tuple[int, int]:
    """Equity and maintenance margin of an account, by the plain twins."""
    held, tokens = holdings(sim, account), tokens_of(sim, account)
    worth = equity(usd(sim, account), held) + sum(t.counted() for t in tokens)
    worth -= int(sim.memory[collateral.loans]["owed"][account * 3])
    return worth, maintenance(held, *FORMS["flat"]) + sum(t.margin(250_000_000) for t in tokens)


one = st.tuples(
    st.lists(st.sampled_from([0, 0, 300, -300, 9_990, -20_000]), min_size=2, max_size=2),
    st.lists(st.sampled_from([0, 1, 20, 150]), min_size=2, max_size=2),
    st.lists(st.sampled_from([0, 0, 1, 30]), min_size=2, max_size=2),
    st.sampled_from([0, 0, 500]),
    st.sampled_from([0, 1, 2, 10, 100, 1_000]),
)
jumps = st.tuples(moves, moves, st.sampled_from([None, None, -1.0, -0.3, 0.0, 0.7]))


@given(st.lists(one, min_size=CROWD, max_size=CROWD), st.lists(jumps, min_size=5, max_size=40))
@settings(max_examples=60)
def test_triggers_find_whose_tokens_or_debts_have_failed(people: list[Any], path: list[Any]) -> None:
    """THR-1, COLL-1, COLL-2: positions, tokens, borrowed tokens that were sold and dollars that were borrowed, over a full hour;
    indices move, and the mark of the first ticker apart from its index."""
    sim = pledged()
    everybody = range(BOB, BOB + CROWD)
    for account, (sizes_wanted, owned, short, loan, kept) in zip(everybody, people, strict=True):
        for ticker in range(2):
            if sizes_wanted[ticker]:
                side = BUY if sizes_wanted[ticker] > 0 else SELL
                assert sim.place(account, 2 * ticker, side, 10_000, abs(sizes_wanted[ticker])) == 0
                assert sim.place(ANN, 2 * ticker, -side, 10_000, abs(sizes_wanted[ticker])) == 0
            if owned[ticker]:
                sim.endow(account, 2 + 2 * ticker, owned[ticker] * 10**6)
            if short[ticker]:
                assert lending.borrow(sim.world, account, ticker + 1, short[ticker] * 10**6) == 0
                asset = accounts.token_asset(ticker)
                accounts.transfer(sim.world, asset, account, ANN, short[ticker] * 10**6, accounts.TOKEN_TRADE)
        if loan:
            assert lending.borrow(sim.world, account, 0, loan * DOLLAR) == 0
        worth, needed = margin_of(sim, account)
        spare = worth - needed - kept * DOLLAR
        accounts.transfer(sim.world, accounts.USD, account, accounts.OUTSIDE, spare, accounts.DEPOSIT)
        attention.note_change(sim.world, account)
    go(sim, 1)
    prices = [10_000, 10_000]
    for step in path:
        before = in_case(sim)
        for ticker in range(2):
            prices[ticker] = max(3_000, prices[ticker] + step[ticker])
            put_price(sim, prices[ticker] / 100, ticker)
        if step[2] is not None:
            sim.memory[oracle.oracles]["average_usd"][0] = step[2]
        go(sim, 1)
        after = in_case(sim)
        for account in everybody:
            if account not in before:
                worth, needed = margin_of(sim, account)
                owns = any(t.owned or t.borrowed for t in tokens_of(sim, account)) or needed > 0
                assert (account in after) == (worth < needed and owns), (account, step, worth, needed)
    assert sim.audit() == []


prices = st.one_of(st.integers(9_000, 11_000), st.integers(1, 200_000))


@given(
    st.lists(st.tuples(prices, st.integers(0, 3)), min_size=1, max_size=25),
    st.lists(prices, min_size=1, max_size=8),
)
@settings(max_examples=80)
def test_stops_fire_as_a_list_of_prices_would(placed: list[tuple[int, int]], path: list[int]) -> None:
    """TRIG-1, TRIG-2, STOP-1: marks that jump about the window and far out of it, stops placed on the way."""
    sim = base(1)
    waiting: list[tuple[int, int]] = []
    now = 10_000
    for number, price in enumerate(path):
        for trigger, when in placed:
            if when == number and trigger != now:
                assert stops.place_stop(sim.world, ANN, 0, SELL, trigger, 1, 0) == 0
                waiting.append((trigger, 1 if trigger > now else -1))
        now = price
        jump(sim, price / 100)
        assert mark(sim) == price
        go(sim, 0.5)
        waiting = [(trigger, way) for trigger, way in waiting if way * (trigger - now) > 0]
        rows = sim.memory[stops.stops]
        left = np.flatnonzero(rows["account"] == ANN)
        nodes = sim.memory[triggers.trigger_nodes]["price_ticks"][[stops.node_of(sim.world, int(row)) for row in left]]
        assert sorted(nodes.tolist()) == sorted(trigger for trigger, _ in waiting)
        go(sim, 0.5)
