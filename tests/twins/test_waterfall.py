"""The last stages beside their plain twins, on markets that are written down at random: assignment, vault, deleveraging."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from offhours.sim.chance import tie_order
from offhours.sim.market import (  # fmt: skip
    accounts,
    backstop,
    deleverage,
    liquidation,
    margin,
    oracle,
    positions,
    providers,
    waterfall,
)
from offhours.sim.market.waterfall import ASSIGNED, COVERED, DELEVERAGED, VAULT
from plain import waterfall as plain
from plain.market import ANN, DOLLAR, NO_FEES, Simulation, market, usd
from plain.waterfall import Holder, Offer

PEOPLE = 7
_BASE: dict[tuple[int, ...], Simulation] = {}

sizes = st.lists(st.integers(-400, 400), min_size=PEOPLE - 1, max_size=PEOPLE - 1)
entries = st.lists(st.integers(8_500, 11_500), min_size=PEOPLE, max_size=PEOPLE)
margins = st.lists(st.integers(-120, 700), min_size=PEOPLE, max_size=PEOPLE)
marks = st.integers(8_800, 11_200)


def base(stages: tuple[int, ...]) -> Simulation:
    """Everybody without anything, at a venue with these stages."""
    if stages not in _BASE:
        _BASE[stages] = market(PEOPLE, knobs={**NO_FEES, (backstop.backstop_rules, "capital_uusd"): 7 * DOLLAR}, stages=stages)  # fmt: skip
    return _BASE[stages].fork()


def written(sim: Simulation, lots: list[int], entry: list[int], per_mille: list[int], mark: int) -> list[Holder]:
    """Give each account a position from an entry price and equity in thousandths of its notional, here and in the twin."""
    lots = [*lots, -sum(lots)]
    sim.memory[oracle.oracles]["mark_ticks"][0] = mark
    people = []
    for account, (size, price, thousandths) in enumerate(zip(lots, entry, per_mille), ANN):
        worth = abs(size) * mark * 100 * thousandths // 1_000
        dollars = worth - size * mark * 100
        row = sim.memory[positions.positions][account]
        row["size_lots"], row["cost_uusd"] = size, size * price * 100
        payer, payee = (accounts.OUTSIDE, account) if dollars > 0 else (account, accounts.OUTSIDE)
        accounts.transfer(sim.world, accounts.USD, payer, payee, abs(dollars), accounts.DEPOSIT)
        margin.note_holding(sim.world, account, 0)
        margin.note_change(sim.world, account)
        tie = tie_order(sim.setup.seed, sim.now_us, int(sim.memory[accounts.accounts]["who"][account]))
        people.append(Holder(account, tie, dollars, size, size * price * 100))
    sim.memory[positions.interests]["long_lots"][0] = sum(max(0, size) for size in lots)
    return people


def assert_same(sim: Simulation, people: list[Holder]) -> None:
    """Lots and dollars of everybody."""
    found = [(h.name, int(sim.memory[positions.positions]["size_lots"][h.name]), usd(sim, h.name)) for h in people]
    assert found == [(h.name, h.lots, h.dollars) for h in people]


@given(sizes, entries, margins, marks, st.booleans())
@settings(max_examples=300, deadline=None)
def test_deleveraging(lots: list[int], entry: list[int], per_mille: list[int], mark: int, at_mark: bool) -> None:
    """ADL-1 to ADL-7, LIQ-8: who is closed for whom, at what price, who is passed over, and who bears the rest."""
    sim = base((DELEVERAGED,))
    sim.memory[deleverage.adl_rules]["price"] = deleverage.MARK if at_mark else deleverage.BANKRUPTCY
    people = written(sim, lots, entry, per_mille, mark)
    liquidation.attend(sim.world)
    paid, unpaid = plain.deleverage(people, mark, at_mark, plain.bitmex)
    assert_same(sim, people)
    assert int(sim.memory[waterfall.payers]["paid_uusd"][DELEVERAGED]) == paid
    assert int(sim.memory[waterfall.debts]["unpaid_uusd"][0]) == unpaid


@given(
    st.integers(50, 400),
    st.sampled_from([1, -1]),
    st.integers(-5, 24),
    marks,
    st.lists(st.tuples(st.integers(7_500_000, 25_000_000), st.integers(0, 500 * DOLLAR), st.integers(0, 30)), min_size=3, max_size=3),
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_assignment(lots: int, side: int, per_mille: int, mark: int, given_offers: list[tuple[int, int, int]]) -> None:
    """PROV-1 to PROV-4, LIQ-11: who takes how much for which edge."""
    sim = base((ASSIGNED, COVERED, DELEVERAGED))
    own = [side * lots, 0, 0, 0, 0, 0]
    people = written(sim, own, [10_000] * PEOPLE, [per_mille, 0, 0, 0, 0, 0, 500], mark)
    offers = []
    for holder, (edge, room, dollars) in zip(people[1:], given_offers):
        sim.endow(holder.name, accounts.USD, dollars * DOLLAR)
        holder.dollars += dollars * DOLLAR
        offers.append(Offer(holder, providers.offer(sim.world, holder.name, 0, edge, room), room))
    liquidation.attend(sim.world)
    plain.assign(people[0], offers, mark)
    assert_same(sim, people)
    assert [providers.offered_room(sim.world, o.owner.name, 0) for o in offers] == [o.room for o in offers]


@given(sizes, entries, margins, marks)
@settings(max_examples=200, deadline=None)
def test_the_vault(lots: list[int], entry: list[int], per_mille: list[int], mark: int) -> None:
    """BACK-1 to BACK-3, LIQ-6, LIQ-15: what it takes over, keeps as an edge, pays, and leaves unpaid."""
    sim = base((VAULT,))
    people = written(sim, lots, entry, per_mille, mark)
    vault = Holder(accounts.BACKSTOP, 0, usd(sim, accounts.BACKSTOP), 0, 0)
    liquidation.attend(sim.world)
    edge_ppb = int(sim.memory[backstop.backstop_rules]["edge_ppb"][0])
    results = [plain.take_over(case, vault, mark, edge_ppb) for case in plain.order_of_cases(people, mark)]
    assert_same(sim, [*people, vault])
    assert int(sim.memory[waterfall.payers]["paid_uusd"][VAULT]) == sum(paid for paid, _ in results)
    assert int(sim.memory[waterfall.debts]["unpaid_uusd"][0]) == sum(unpaid for _, unpaid in results)
