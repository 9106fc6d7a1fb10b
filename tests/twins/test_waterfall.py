"""The last stages beside their plain twins, on markets that are written down at random: assignment, vault, deleveraging."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from offhours.sim.chance import tie_order
from offhours.sim.market import (  # fmt: skip
    accounts,
    attention,
    backstop,
    clock,
    deleverage,
    funding,
    liquidation,
    oracle,
    positions,
    providers,
    waterfall,
)
from offhours.sim.market.waterfall import ASSIGNED, COVERED, DELEVERAGED, SOCIALISED, VAULT
from plain import waterfall as plain
from plain.market import ANN, DOLLAR, NO_FEES, Simulation, market, usd
from plain.waterfall import Holder, Offer

PEOPLE = 7
_BASE: dict[tuple[int, ...], Simulation] = {}

# From a few values as often as from any, so that two are alike to the last digit and a draw decides.
sizes = st.lists(st.one_of(st.sampled_from([-200, -100, 0, 100, 200]), st.integers(-400, 400)), min_size=PEOPLE - 1, max_size=PEOPLE - 1)  # fmt: skip
entries = st.lists(st.one_of(st.sampled_from([9_000, 10_000, 11_000]), st.integers(8_500, 11_500)), min_size=PEOPLE, max_size=PEOPLE)  # fmt: skip
margins = st.lists(st.one_of(st.sampled_from([-50, 10, 20, 300]), st.integers(-120, 700)), min_size=PEOPLE, max_size=PEOPLE)  # fmt: skip
marks = st.one_of(st.sampled_from([9_000, 10_000]), st.integers(8_800, 11_200))
rooms = st.one_of(
    st.integers(20 * DOLLAR, 500 * DOLLAR), st.integers(50 * DOLLAR, 400 * DOLLAR), st.integers(0, DOLLAR)
)
edges = st.one_of(st.sampled_from([7_500_000, 10_000_000]), st.integers(7_500_000, 14_000_000), st.integers(7_500_000, 25_000_000))  # fmt: skip
instants = st.integers(0, 5)
names = st.permutations(range(20, 20 + PEOPLE))
accrued = st.lists(st.one_of(st.just(0), st.integers(-50_000_000, 50_000_000)), min_size=PEOPLE, max_size=PEOPLE)
owned = st.lists(st.one_of(st.just(0), st.integers(0, 3_000)), min_size=PEOPLE, max_size=PEOPLE)


def base(stages: tuple[int, ...]) -> Simulation:
    """Everybody without anything, at a venue with these stages."""
    if stages not in _BASE:
        _BASE[stages] = market(PEOPLE, knobs={**NO_FEES, (backstop.backstop_rules, "capital_uusd"): 7 * DOLLAR}, stages=stages)  # fmt: skip
    return _BASE[stages].fork()


def name(sim: Simulation, instant: int, whose: list[int]) -> None:
    """Another instant, and other numbers of the same people: both are what a draw depends on."""
    sim.memory[clock.clock]["now_us"] += instant * clock.SECOND_US
    sim.memory[accounts.accounts]["who"][ANN : ANN + PEOPLE] = whose


def written(
    sim: Simulation, lots: list[int], entry: list[int], per_mille: list[int], mark: int, house: int = 0
) -> list[Holder]:
    """Give each account a position from an entry price and equity in thousandths of its notional, here and in the twin.

    The last one has what is missing to nothing in sum; so much of it the backstop.
    """
    lots = [*lots, -sum(lots) - house]
    sim.memory[oracle.oracles]["mark_ticks"][0] = mark
    people = []
    for account, size, price, thousandths in zip([*range(ANN, ANN + PEOPLE), accounts.BACKSTOP], [*lots, house], [*entry, 10_000], [*per_mille, 500]):  # fmt: skip
        if account == accounts.BACKSTOP and house == 0:
            continue
        worth = abs(size) * mark * 100 * thousandths // 1_000
        dollars = worth - size * mark * 100
        row = sim.memory[positions.positions][account]
        row["size_lots"], row["cost_uusd"] = size, size * price * 100
        payer, payee = (accounts.OUTSIDE, account) if dollars > 0 else (account, accounts.OUTSIDE)
        accounts.transfer(sim.world, accounts.USD, payer, payee, abs(dollars), accounts.DEPOSIT)
        attention.note_holding(sim.world, account, 0)
        attention.note_change(sim.world, account)
        tie = tie_order(sim.setup.seed, sim.now_us, int(sim.memory[accounts.accounts]["who"][account]))
        people.append(
            Holder(account, tie, usd(sim, account), size, size * price * 100, house=account < accounts.HOUSES)
        )
    sim.memory[positions.interests]["long_lots"][0] = sum(max(0, h.lots) for h in people)
    return people


def accrue(sim: Simulation, people: list[Holder], pusd: list[int]) -> None:
    """Each position has accrued funding of so much a lot, in millionths of a micro-dollar."""
    for holder, each in zip(people, pusd):
        sim.memory[funding.accruals]["from_pusd"][holder.name] = -each
        holder.owes = -(-holder.lots * each // 10**6)


def endow_tokens(sim: Simulation, people: list[Holder], lots: list[int]) -> None:
    """Each has so many lots of tokens, which would bring their value at the index of $100 less 1 % and 0.5 %."""
    for holder, each in zip(people, lots):
        if each:
            sim.endow(holder.name, accounts.token_asset(0), each * 100)
            holder.tokens = each * 10_000 * 985 // 1_000


def assert_same(sim: Simulation, people: list[Holder]) -> None:
    """Lots and dollars of everybody, funding accrued included."""
    found = [
        (h.name, int(sim.memory[positions.positions]["size_lots"][h.name]), usd(sim, h.name) - funding.owed(sim.world, h.name, 0))
        for h in people
    ]  # fmt: skip
    assert found == [(h.name, h.lots, h.dollars - h.owes) for h in people]


LISTS = ((DELEVERAGED,), (DELEVERAGED, SOCIALISED), (SOCIALISED,))


@given(
    sizes, entries, margins, marks, accrued, owned, st.sampled_from([0, 0, -150, 150]), st.sampled_from(LISTS),
    st.sampled_from([deleverage.BANKRUPTCY, deleverage.BANKRUPTCY, deleverage.MARK, deleverage.ORACLE, deleverage.PREVIOUS_MARK]),
    st.sampled_from([deleverage.QUEUE, deleverage.PRO_RATA]), instants, names,
)  # fmt: skip
@settings(max_examples=400, deadline=None)
def test_deleveraging(
    lots: list[int], entry: list[int], per_mille: list[int], mark: int, pusd: list[int], tokens: list[int], house: int,
    stages: tuple[int, ...], price: int, form: int, instant: int, whose: list[int],
) -> None:  # fmt: skip
    """ADL-1 to ADL-7, LIQ-7, LIQ-14: who is closed for whom, at what price, who is passed over, and who bears the rest."""
    sim = base(stages)
    name(sim, instant, whose)
    sim.memory[deleverage.adl_rules]["price"], sim.memory[deleverage.adl_rules]["form"] = price, form
    sim.memory[oracle.oracles]["previous_ticks"][0] = 9_700
    people = written(sim, lots, entry, per_mille, mark, house)
    accrue(sim, people, pusd)
    endow_tokens(sim, people[:PEOPLE], tokens)
    each = {
        deleverage.BANKRUPTCY: "bankruptcy",
        deleverage.MARK: mark * 100,
        deleverage.ORACLE: 1_000_000,
        deleverage.PREVIOUS_MARK: 970_000,
    }[price]
    venue = plain.Venue(
        price=each if DELEVERAGED in stages else mark * 100,
        score=plain.bitmex if form == deleverage.QUEUE else None,
        shares=SOCIALISED in stages,
    )
    liquidation.attend(sim.world)
    paid, shared, unpaid = plain.deleverage(people, mark, venue)
    assert_same(sim, people)
    payers = sim.memory[waterfall.payers]["paid_uusd"]
    assert (int(payers[DELEVERAGED]), int(payers[SOCIALISED])) == (paid, shared)
    debt = sim.memory[waterfall.debts][0]
    assert (int(debt["shortfall_uusd"]), int(debt["unpaid_uusd"])) == (paid + shared + unpaid, unpaid)


@given(
    st.integers(50, 400),
    st.sampled_from([1, -1]),
    st.one_of(st.integers(15, 24), st.integers(-5, 24)),
    marks,
    st.lists(st.tuples(edges, rooms, st.one_of(st.integers(10, 40), st.integers(0, 30)), st.integers(-60, 60)), min_size=3, max_size=3),
    instants, names, accrued,
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_assignment(
    lots: int, side: int, per_mille: int, mark: int, given_offers: list[tuple[int, int, int, int]], instant: int,
    whose: list[int], pusd: list[int],
) -> None:  # fmt: skip
    """PROV-1 to PROV-4, LIQ-10: who takes how much for which edge."""
    sim = base((ASSIGNED, COVERED, DELEVERAGED))
    name(sim, instant, whose)
    own = [side * lots, *(held for *_, held in given_offers), 0, 0]
    people = written(sim, own, [10_000] * PEOPLE, [per_mille, 100, 100, 100, 0, 0, 500], mark)
    accrue(sim, people, pusd)
    offers = []
    for holder, (edge, room, dollars, _) in zip(people[1:], given_offers):
        sim.endow(holder.name, accounts.USD, dollars * DOLLAR)
        holder.dollars += dollars * DOLLAR
        offers.append(Offer(holder, providers.offer(sim.world, holder.name, 0, edge, room), room))
    ill = plain.order_of_cases(people, mark)
    liquidation.attend(sim.world)
    if people[0] in ill:
        plain.assign(people[0], [offer for offer in offers if offer.owner not in ill], mark)
    assert_same(sim, people)
    assert [providers.offered_room(sim.world, o.owner.name, 0) for o in offers] == [o.room for o in offers]


@given(sizes, entries, margins, marks, instants, names)
@settings(max_examples=200, deadline=None)
def test_the_vault(
    lots: list[int], entry: list[int], per_mille: list[int], mark: int, instant: int, whose: list[int]
) -> None:
    """BACK-1 to BACK-3, LIQ-6, LIQ-14: what it takes over, keeps as an edge, pays, and leaves unpaid."""
    sim = base((VAULT,))
    name(sim, instant, whose)
    people = written(sim, lots, entry, per_mille, mark)
    vault = Holder(accounts.BACKSTOP, 0, usd(sim, accounts.BACKSTOP), 0, 0)
    liquidation.attend(sim.world)
    edge_ppb = int(sim.memory[backstop.backstop_rules]["edge_ppb"][0])
    results = [plain.take_over(case, vault, mark, edge_ppb) for case in plain.order_of_cases(people, mark)]
    assert_same(sim, [*people, vault])
    assert int(sim.memory[waterfall.payers]["paid_uusd"][VAULT]) == sum(paid for paid, _ in results)
    assert int(sim.memory[waterfall.debts]["unpaid_uusd"][0]) == sum(unpaid for _, unpaid in results)


@given(sizes, entries, margins, marks, instants, names)
@settings(max_examples=200, deadline=None)
def test_the_vault_of_solvent_accounts(
    lots: list[int], entry: list[int], per_mille: list[int], mark: int, instant: int, whose: list[int]
) -> None:
    """BACK-7: it takes over who is not below zero and pays for nobody; the others are closed against the other side at once."""
    sim = base((VAULT, DELEVERAGED))
    name(sim, instant, whose)
    sim.memory[backstop.backstop_rules]["takes"] = backstop.SOLVENT_ACCOUNTS
    sim.memory[deleverage.adl_rules]["price"] = deleverage.MARK
    people = written(sim, lots, entry, per_mille, mark)
    vault = Holder(accounts.BACKSTOP, 0, usd(sim, accounts.BACKSTOP), 0, 0, house=True)
    liquidation.attend(sim.world)
    edge_ppb = int(sim.memory[backstop.backstop_rules]["edge_ppb"][0])
    for case in plain.order_of_cases(people, mark):
        if case.worth(mark) >= 0:
            assert plain.take_over(case, vault, mark, edge_ppb) == (0, 0)
    venue = plain.Venue(price=mark * 100, score=plain.bitmex, shares=False)
    paid, shared, unpaid = plain.deleverage([*people, vault], mark, venue)
    assert_same(sim, [*people, vault])
    assert (paid, shared) == (0, 0) and int(sim.memory[waterfall.payers]["paid_uusd"].sum()) == 0
    assert int(sim.memory[waterfall.debts]["unpaid_uusd"][0]) == unpaid
