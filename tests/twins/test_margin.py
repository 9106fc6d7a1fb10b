"""Margin in the kernels against margin in unbounded integers."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from offhours.sim.market import (
    accounts,
    attention,
    brackets,
    collateral,
    funding,
    lending,
    margin,
    matching,
    oracle,
    orders,
    positions,
)
from plain.collateral import Tokens
from plain.ledger import share_up
from plain.margin import Holding, equity, maintenance, requirement
from plain.market import ANN, CLASS_D, FLAT, Simulation, market

TICKERS = 3
TIERS = {"flat": FLAT, "D": CLASS_D}
_BASE: dict[tuple[str, bool], Simulation] = {}


def base(tiers: str, whole: bool) -> Simulation:
    """One account and three tickers."""
    if (tiers, whole) not in _BASE:
        knobs = {(brackets.margin_rules, "form"): int(whole)}
        _BASE[tiers, whole] = market(1, tickers=TICKERS, tiers=TIERS[tiers], knobs=knobs)
    return _BASE[tiers, whole]


notionals = st.one_of(
    st.integers(0, 10**13),
    st.builds(lambda edge, off: max(0, edge[0] + off), st.sampled_from(CLASS_D), st.integers(-3, 3)),
)


@given(st.sampled_from(sorted(TIERS)), st.booleans(), notionals)
def test_the_margin_of_a_notional(tiers: str, whole: bool, notional: int) -> None:
    """TIER-1: on, below and above every edge, marginal and whole."""
    sim = base(tiers, whole)
    assert brackets.initial(sim.world, 0, notional) == requirement(notional, TIERS[tiers], 1, whole)
    assert brackets.maintenance(sim.world, 0, notional) == requirement(notional, TIERS[tiers], 2, whole)


holdings = st.builds(
    Holding,
    lots=st.one_of(st.just(0), st.integers(-(10**6), 10**6)),
    mark_ticks=st.integers(1_000, 60_000),
    unit=st.just(100),
    orders=st.lists(st.tuples(st.sampled_from([1, -1]), st.integers(1_000, 60_000), st.integers(1, 10**5)), max_size=4),
    funding_owed=st.integers(-(10**6), 10**6),
)


def write(sim: Simulation, dollars: int, held: list[Holding]) -> None:
    """Make Ann the owner of these, table by table."""
    memory = sim.memory
    memory[accounts.balances]["amount"][ANN * (2 + 2 * TICKERS)] = dollars
    memory[attention.watches]["held"][ANN] = 7
    memory[attention.reckoned]["second"][ANN] = 0
    for ticker, h in enumerate(held):
        row = ANN * TICKERS + ticker
        memory[positions.positions]["size_lots"][row] = h.lots
        memory[oracle.oracles]["mark_ticks"][ticker] = h.mark_ticks
        # A lot has paid a thousandth of a micro-dollar times this; what is owed is rounded up.
        memory[funding.fundings]["paid_pusd"][ticker] = h.funding_owed * 1_000
        memory[funding.accruals]["from_pusd"][row] = 0
        mine = memory[orders.open_orders][2 * row]
        for side, name in ((1, "buy"), (-1, "sell")):
            mine[f"{name}_lots"] = sum(n for s, _, n in h.orders if s == side)
            mine[f"{name}_value"] = sum(p * n for s, p, n in h.orders if s == side)
        h.funding_owed = -(-h.lots * h.funding_owed * 1_000 // 10**6)


@given(
    st.sampled_from(sorted(TIERS)),
    st.booleans(),
    st.integers(-(10**12), 10**12),
    st.lists(holdings, min_size=3, max_size=3),
)
@settings(max_examples=200)
def test_equity_and_requirements_of_an_account(tiers: str, whole: bool, dollars: int, held: list[Holding]) -> None:
    """MARG-1, TIER-1, MARG-2, FUND-6: dollars of either sign, three tickers, orders on both sides."""
    sim, schedule = base(tiers, whole), TIERS[tiers]
    write(sim, dollars, held)
    worth = equity(dollars, held)
    assert margin.equity(sim.world, ANN) == worth
    assert margin.required(sim.world, ANN) == maintenance(held, schedule, whole)
    needed = [h.worst(schedule, whole) for h in held]
    assert margin.initial_needed(sim.world, ANN, -1) == sum(needed)
    assert margin.initial_needed(sim.world, ANN, 1) == needed[0] + needed[2]
    assert margin.gross_notional(sim.world, ANN) == sum(abs(h.value()) for h in held)


@given(
    st.booleans(),
    st.lists(holdings, min_size=3, max_size=3),
    st.sampled_from([1, -1]),
    st.integers(1_000, 60_000),
    st.integers(1, 10**6),
    st.integers(-2, 2),
    st.integers(0, 10**7),
)
@example(whole=True, held=[Holding(0, 60_000, 100)] * 3, side=-1, price=1_000, lots=10**6, off=-1, taker_ppb=10**7)
@example(whole=True, held=[Holding(0, 1_000, 100)] * 3, side=1, price=60_000, lots=10**6, off=-1, taker_ppb=10**7)
@settings(max_examples=200)
def test_an_order_is_covered_to_the_micro_dollar(
    whole: bool, held: list[Holding], side: int, price: int, lots: int, off: int, taker_ppb: int
) -> None:
    """MARG-2, MARG-3: equity is put at what the order needs, and up to two micro-dollars beside it."""
    sim = base("D", whole)
    write(sim, 0, held)
    after = Holding(held[0].lots, held[0].mark_ticks, 100, [*held[0].orders, (side, price, lots)])
    needed = after.worst(CLASS_D, whole) + sum(h.worst(CLASS_D, whole) for h in held[1:])
    needed += share_up(lots * price * 100, taker_ppb)
    dollars = needed + off - equity(0, held)
    sim.memory[accounts.balances]["amount"][ANN * (2 + 2 * TICKERS)] = dollars
    same = sum(n for s, _, n in held[0].orders if s == side)
    only_closes = held[0].lots * side < 0 and lots + same <= abs(held[0].lots)
    accepted = int(off >= 0 or only_closes)
    assert margin.covers(sim.world, ANN, 0, side, price, lots, taker_ppb) == accepted
    # What was reckoned for the first order of a second decides the next one alike.
    assert margin.covers(sim.world, ANN, 0, side, price, lots, taker_ppb) == accepted


messages = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.sampled_from([1, -1]),
        st.integers(9_000, 11_000),
        st.integers(1, 60_000),
        st.integers(0, 5),
    ),
    min_size=1,
    max_size=40,
)


@given(st.booleans(), st.integers(0, 2_000), messages)
@settings(max_examples=100)
def test_what_was_reckoned_never_lets_an_order_pass_that_a_fresh_look_would_refuse(
    whole: bool, dollars: int, sent: list[tuple[int, int, int, int, int]]
) -> None:
    """MARG-2: a market that forgets what it reckoned before each order answers alike, order by order."""
    sims = [base("D", whole).fork() for _ in range(2)]
    for sim in sims:
        sim.endow(ANN, 0, dollars * 1_000_000)
        sim.endow(ANN, 2, 10_000_000)
    for book, side, price, lots, what in sent:
        sims[1].memory[attention.reckoned]["second"] = 0
        if what == 0:
            answers = [matching.cancel_all(sim.world, ANN, book) for sim in sims]
        else:
            size = lots if book % 2 == 0 else lots // 10 + 1
            answers = [sim.place(ANN, book, side, price, size, matching.LIMIT) for sim in sims]
        assert answers[0] == answers[1], (book, side, price, lots)


LENT = {
    (collateral.collateral_rules, "haircut_ppb"): 123_456_789,
    (collateral.collateral_rules, "cap_uusd"): 40_000_000,
    (lending.dollar_rules, "stock_uusd"): 10**9,
}
_tokens = st.integers(0, 2_000_000)


@given(
    st.integers(-(10**12), 10**12),
    st.lists(holdings, min_size=3, max_size=3),
    st.lists(st.tuples(_tokens, _tokens, _tokens, st.integers(1, 60_000)), min_size=3, max_size=3),
    st.integers(0, 10**9),
)
@settings(max_examples=200)
def test_margin_with_tokens_and_loans(
    dollars: int, held: list[Holding], tokens: list[tuple[int, int, int, int]], loan: int
) -> None:
    """COLL-1 to COLL-3, MARG-1: three tickers, tokens owned, borrowed and promised, indices apart from the marks, dollars owed."""
    if ("lent", False) not in _BASE:
        _BASE["lent", False] = market(1, tickers=TICKERS, tiers=CLASS_D, knobs=LENT)
    sim = _BASE["lent", False]
    write(sim, dollars, held)
    memory = sim.memory
    plain = [
        Tokens(own, owe, min(own, sold), index * 10_000, 123_456_789, 40_000_000) for own, owe, sold, index in tokens
    ]
    for ticker, (t, (*_, index)) in enumerate(zip(plain, tokens)):
        row = ANN * (2 + 2 * TICKERS) + accounts.token_asset(ticker)
        memory[accounts.balances]["amount"][row], memory[accounts.balances]["reserved"][row] = t.owned, t.promised
        memory[collateral.loans]["owed"][ANN * (1 + TICKERS) + 1 + ticker] = t.borrowed
        memory[oracle.oracles]["index_ticks"][ticker] = index
    memory[collateral.loans]["owed"][ANN * (1 + TICKERS)] = loan
    assert margin.equity(sim.world, ANN) == equity(dollars, held) + sum(t.counted() for t in plain) - loan
    assert margin.dollar_equity(sim.world, ANN) == equity(dollars, held)
    kept = maintenance(held, CLASS_D, False) + sum(t.margin(250_000_000) for t in plain)
    assert margin.required(sim.world, ANN) == kept
    needed = sum(h.worst(CLASS_D, False) for h in held) + sum(t.margin(500_000_000, t.promised) for t in plain)
    assert margin.initial_needed(sim.world, ANN, -1) == needed
