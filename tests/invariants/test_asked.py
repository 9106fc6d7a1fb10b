"""Nothing breaks the laws where a policy allots, whatever valid allocation it makes: random books, random answers (ADL-3 to ADL-10)."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from offhours.sim.answers import Decider, Deciders
from offhours.sim.market import accounts, ask, deleverage, liquidation, waterfall
from offhours.sim.policies import POLICIES, Candidates, in_lots
from plain.market import ANN, CLASS_D, DOLLAR, NO_FEES, SHARE, Simulation, go, market, put_price

PEOPLE, TICKERS = 6, 2
NAMES = ("any", *(name for name in POLICIES if name != "min-max-fair"))

books = st.lists(
    st.tuples(st.integers(-900, 900), st.integers(85, 115), st.integers(0, 40), st.integers(0, 3)),
    min_size=PEOPLE * TICKERS,
    max_size=PEOPLE * TICKERS,
)
"""For each account and ticker: lots, entry price, dollars for each hundred of value, tokens."""


class Asking:
    """A policy that keeps what it was asked and what it said; "any" gives to whom a key says, in lots or not."""

    def __init__(self, name: str, key: int) -> None:
        self.name, self.key = name, key
        self.wanted: list[int] = []
        self.said: list[list[int] | None] = []
        """Lots of each answer, without those who give nothing; None where somebody could not pay for all of his."""
        self.in_turn = bool(getattr(POLICIES.get(name), "in_turn", False))

    def __call__(self, candidates: Candidates, budget: float) -> Any:
        self.wanted.append(int(budget))
        found = POLICIES[self.name](candidates, budget) if self.name in POLICIES else self._any(candidates, budget)
        total = min(int(budget), int(candidates.room.sum()))
        lots = sorted(int(part) for part in in_lots(found, candidates.room, total) if part)
        self.said.append(lots if (candidates.cap == 1).all() and not self.in_turn else None)
        return found

    def _any(self, candidates: Candidates, budget: float) -> Any:
        count = len(candidates)
        order = np.array([(self.key * (n + 3)) % 17 for n in range(count)]).argsort(kind="stable")
        rest, found = min(budget, float(candidates.room.sum())), np.zeros(count)
        for place, n in enumerate(order):
            # Half of what is left of some, all of others; the last ones give what is missing.
            part = 0.5 if (self.key >> place) & 1 else 1.0
            later = float(candidates.room[order[place + 1 :]].sum())
            found[n] = max(min(rest, part * float(candidates.room[n])), rest - later)
            rest -= found[n]
        return found


def life(policy: Asking, book: list[tuple[int, int, int, int]], price: int, index_price: int) -> Simulation:
    """Everybody is handed in what the book says at $100; then the first ticker's price jumps, and a few seconds pass."""
    sim = market(
        PEOPLE,
        tickers=TICKERS,
        tiers=CLASS_D,
        stages=(waterfall.DELEVERAGED, waterfall.SOCIALISED),
        knobs={**NO_FEES, (ask.asked, "policy"): [deleverage.OWN, 0, 0], (deleverage.adl_rules, "price"): index_price},  # type: ignore[dict-item]
        deciders=Deciders(Decider(policy.name, policy)),
    )
    for number, (lots, entry, dollars, tokens) in enumerate(book):
        account, ticker = ANN + number // TICKERS, number % TICKERS
        sim.endow(account, accounts.USD, dollars * abs(lots) * DOLLAR // 100)
        if tokens:
            sim.endow(account, accounts.token_asset(ticker), tokens * SHARE)
        if lots:
            sim.hand_in(account, ticker, lots, lots * entry * DOLLAR // 100)
    go(sim, 1)
    put_price(sim, price)
    go(sim, 4)
    return sim


@settings(max_examples=120, deadline=None)
@given(
    name=st.sampled_from(NAMES),
    key=st.integers(0, 1 << 12),
    book=books,
    price=st.sampled_from([70, 88, 95, 104, 112, 140]),
    index_price=st.integers(0, 2),
)
def test_whatever_a_policy_says_the_laws_hold(
    name: str, key: int, book: list[tuple[int, int, int, int]], price: int, index_price: int
) -> None:
    policy = Asking(name, key)
    sim = life(policy, book, price, index_price)
    assert sim.audit() == [] and sim.conservation_error() == 0
    sim.tape.drain(sim.memory)
    cuts, closed = (sim.tape.rows(of) for of in (deleverage.deleverage_events, liquidation.liquidation_events))
    closed = closed[(closed["ticker"] >= 0) & (closed["stage"] == waterfall.DELEVERAGED)]
    # What was closed of cases is what others were cut by, to the lot and the micro-dollar, ticker by ticker.
    for ticker in range(TICKERS):
        own, theirs = (rows[rows["ticker"] == ticker] for rows in (closed, cuts))
        assert int(own["lots"].sum()) == -int(theirs["lots"].sum())
    # Each question is answered by the cuts of one second, ticker and side: who can pay gives what was said, at one price.
    shared = cuts[cuts["candidates"] > 0]
    keys = list(zip(shared["time_us"].tolist(), shared["ticker"].tolist(), np.sign(shared["lots"]).tolist()))
    questions = list(dict.fromkeys(keys))
    assert len(questions) == len(policy.said)
    for question, said in zip(questions, policy.said):
        own = shared[[key == question for key in keys]]
        own = own[own["rank"] > 0]
        if said is not None:
            assert (
                sorted(abs(int(own["lots"][own["account"] == who].sum())) for who in set(own["account"].tolist()))
                == said
            )
        if not policy.in_turn and len(own):
            price = int(own["value_uusd"].sum()) / int(own["lots"].sum())
            assert (np.abs(own["value_uusd"] - own["lots"] * price) <= 2).all()
    # All that waited was asked for in whole, and all of it was closed, by candidates or beyond them (ADL-5, ADL-8).
    if policy.wanted:
        assert sum(policy.wanted) <= int(np.abs(closed["lots"]).sum())
    debt, by = sim.memory[waterfall.debts][0], sim.memory[waterfall.payers]["paid_uusd"]
    assert int(debt["shortfall_uusd"]) == int(by.sum()) + int(debt["unpaid_uusd"])


def test_lives_meet_what_they_are_for() -> None:
    """One that is asked several times in a second, with those who cannot pay and a rest that is closed at the mark."""
    policy = Asking("any", 5)
    book = [
        (900, 100, 4, 0),
        (0, 100, 0, 0),
        (600, 101, 3, 0),
        (-300, 100, 3, 0),
        (-700, 75 + 15, 0, 2),
        (0, 100, 9, 0),
    ]
    book += [(-500, 100, 50, 0), (-400, 99, 3, 0), (-300, 90, 1, 1), (700, 100, 4, 0), (0, 100, 0, 0), (0, 100, 0, 0)]
    sim = life(policy, book, 88, 0)
    sim.tape.drain(sim.memory)
    cuts = sim.tape.rows(deleverage.deleverage_events)
    assert len(policy.wanted) >= 1 and len(cuts) >= 3 and len(set(cuts["for_account"].tolist())) >= 2
    assert 0 < int((cuts["rank"] > 0).sum())
    assert sim.audit() == []
