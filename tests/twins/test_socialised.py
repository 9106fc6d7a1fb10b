"""A socialised loss against the plain twin, by all three forms."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhours.sim.market import accounts, attention, oracle, positions, socialised, waterfall
from plain.market import DOLLAR, Simulation, market
from plain.socialised import Bearer, charges

PEOPLE = 5
FORMS = ("profits", "day's gains", "both sides")


@pytest.fixture(scope="module")
def sims() -> dict[str, Simulation]:
    """A market for each form; the test writes what everybody has."""
    return {
        form: market(people=PEOPLE, knobs={(socialised.socialised_rules, "form"): number})
        for number, form in enumerate(FORMS)
    }


DOLLARS = st.integers(-300 * DOLLAR, 300 * DOLLAR)
BEARERS = st.lists(
    st.builds(Bearer, st.integers(-300, 300), DOLLARS, DOLLARS, DOLLARS, DOLLARS, st.booleans()),
    min_size=PEOPLE,
    max_size=PEOPLE,
)


@settings(max_examples=300, deadline=None)
@given(bearers=BEARERS, missing=st.integers(1, 400 * DOLLAR), form=st.sampled_from(FORMS))
def test_who_bears_a_loss(sims: dict[str, Simulation], bearers: list[Bearer], missing: int, form: str) -> None:
    """SOC-1 to SOC-3: to the micro-dollar, whoever has lost, left, nothing, or is in liquidation himself."""
    sim = sims[form]
    memory = sim.memory
    for account, bearer in enumerate(bearers, accounts.HOUSES):
        row = positions.position_row(sim.world, account, 0)
        held = memory[positions.positions][row]
        held["size_lots"], held["cost_uusd"], held["realised_uusd"] = bearer.lots, bearer.cost, bearer.realised
        memory[accounts.balances]["amount"][accounts.balance_row(sim.world, account, accounts.USD)] = bearer.dollars
        if form == "day's gains":
            memory[socialised.day_starts]["gain_uusd"][row] = bearer.at_eight
        attention.note_holding(sim.world, account, 0)
        attention.freeze(sim.world, account, int(bearer.frozen))
    lot_value = int(oracle.value_at_mark(sim.world, 0, 1))
    expected = charges(bearers, lot_value, missing, form)
    unpaid = int(memory[waterfall.debts]["unpaid_uusd"][0])
    waterfall.note_unpaid(sim.world, missing)
    socialised.owe(sim.world, 0, missing)
    socialised.socialise(sim.world, 0)
    found = [
        bearer.dollars - int(accounts.amount(sim.world, account, accounts.USD))
        for account, bearer in enumerate(bearers, accounts.HOUSES)
    ]
    assert found == expected
    assert int(memory[waterfall.debts]["unpaid_uusd"][0]) - unpaid == missing - sum(expected)
    assert int(memory[socialised.owed]["pending_uusd"][0]) == 0
