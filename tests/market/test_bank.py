"""The bank (BANK-1 to BANK-4)."""

from __future__ import annotations

import pytest

from offhours.sim.market import accounts, bank, clock, matching, transit
from plain.market import (
    ANN,
    BOB,
    BUY,
    DOLLAR,
    FRIDAY_OPEN,
    HOUR,
    MINUTE,
    NO_FEES,
    SATURDAY_NOON,
    SELL,
    go,
    jump,
    market,
    perp,
    usd,
)

MONDAY_NINE = 1_773_061_200 * 1_000_000
"""Monday 2026-03-09, 09:00 in New York, where clocks went forward on Sunday."""


def test_dollars_leave_at_once_and_arrive_later() -> None:
    """BANK-1: $30 by wire to the broker on Friday at 09:30 are nowhere for two hours, and never lost."""
    sim = market(people=1, dollars=100)
    assert bank.send_dollars(sim.world, ANN, bank.TO_BROKER, 30 * DOLLAR) == matching.ACCEPTED
    assert (usd(sim, ANN), usd(sim, ANN, accounts.BROKER_USD)) == (70 * DOLLAR, 0)
    go(sim, 7_199)
    assert usd(sim, ANN, accounts.BROKER_USD) == 0
    assert sim.conservation_error() == 0
    go(sim, 1)
    assert usd(sim, ANN, accounts.BROKER_USD) == 30 * DOLLAR
    assert sim.audit() == []


def test_a_wire_counts_bank_hours_only() -> None:
    """BANK-2: sent on Friday at 16:00, one hour is spent until 17:00 and the other from Monday at 09:00."""
    sim = market(people=1, start_us=FRIDAY_OPEN + 6 * HOUR + 30 * MINUTE, days=4)
    sim.endow(ANN, accounts.BROKER_USD, 50 * DOLLAR)
    assert bank.arrival_us(sim.world, bank.TO_VENUE) == MONDAY_NINE + HOUR
    assert bank.arrival_us(sim.world, bank.WIRE_IN) == MONDAY_NINE + HOUR
    bank.send_dollars(sim.world, ANN, bank.TO_VENUE, 50 * DOLLAR)
    assert usd(sim, ANN, accounts.BROKER_USD) == 0
    sim.advance(MONDAY_NINE + HOUR - 1)
    assert usd(sim, ANN) == 0
    sim.advance(MONDAY_NINE + HOUR)
    assert usd(sim, ANN) == 50 * DOLLAR


def test_a_wire_of_the_week_end_begins_on_monday() -> None:
    """BANK-2; and with no bank day left it never arrives, but is not lost."""
    sim = market(people=1, start_us=SATURDAY_NOON, days=3)
    assert bank.arrival_us(sim.world, bank.WIRE_IN) == MONDAY_NINE + 2 * HOUR
    short = market(people=1, start_us=SATURDAY_NOON, days=1, dollars=10)
    assert bank.arrival_us(short.world, bank.WIRE_IN) == bank.NEVER
    assert bank.send_dollars(short.world, ANN, bank.TO_BROKER, DOLLAR) == matching.ACCEPTED
    go(short, 3_600)
    assert short.conservation_error() == 0


def test_stablecoin_arrives_at_any_hour_where_it_is_taken() -> None:
    """BANK-3: ten minutes on a Saturday; refused by a venue that takes none."""
    sim = market(people=1, start_us=SATURDAY_NOON)
    assert bank.send_dollars(sim.world, ANN, bank.STABLECOIN_IN, 9 * DOLLAR) == matching.ACCEPTED
    go(sim, 599)
    assert usd(sim, ANN) == 0
    go(sim, 1)
    assert usd(sim, ANN) == 9 * DOLLAR
    strict = market(people=1, knobs={(bank.bank_rules, "takes_stablecoin"): 0})
    assert bank.send_dollars(strict.world, ANN, bank.STABLECOIN_IN, 9 * DOLLAR) == matching.NOT_ENOUGH_FUNDS


def test_several_transfers_arrive_each_at_its_time() -> None:
    """BANK-1: three deposits out of order; row 0 keeps the number and the earliest."""
    sim = market(people=2)
    bank.send_dollars(sim.world, ANN, bank.WIRE_IN, 1 * DOLLAR)
    bank.send_dollars(sim.world, BOB, bank.STABLECOIN_IN, 2 * DOLLAR)
    go(sim, 300)
    bank.send_dollars(sim.world, ANN, bank.STABLECOIN_IN, 4 * DOLLAR)
    seen = []
    for seconds in (300, 300, 6_300):
        go(sim, seconds)
        seen.append(
            (usd(sim, ANN) // DOLLAR, usd(sim, BOB) // DOLLAR, len(transit.on_the_way(sim.memory, transit.DOLLARS)))
        )
    assert seen == [(0, 2, 2), (4, 2, 1), (5, 2, 0)]
    assert sim.memory[transit.deliveries]["due_us"][0] == transit.NEVER


@pytest.mark.parametrize("route", [bank.WIRE_OUT, bank.TO_BROKER])
def test_what_leaves_the_venue_leaves_initial_margin_covered(route: int) -> None:
    """BANK-4: long $500 at 5 %: $25 of $100 stay, though the dollars stand at -400. A profit that is open stays too."""
    sim = market(people=2, dollars=100, knobs=NO_FEES)
    perp(sim, ANN, BUY, 10_000, 500)
    perp(sim, BOB, SELL, 10_000, 500)
    for account in (ANN, BOB):
        assert bank.send_dollars(sim.world, account, route, 75 * DOLLAR + 1) == matching.NOT_ENOUGH_FUNDS
        assert bank.send_dollars(sim.world, account, route, 75 * DOLLAR) == matching.ACCEPTED
        assert bank.send_dollars(sim.world, account, route, 1) == matching.NOT_ENOUGH_FUNDS
    assert (sim.equity(ANN), sim.equity(BOB)) == (25 * DOLLAR, 25 * DOLLAR)


def test_the_open_profit_of_a_position_cannot_leave() -> None:
    """BANK-4: $100, long $500, the mark rises to 130: equity 250, margin 32.5, and $100 may leave, not $217.5."""
    sim = market(people=2, dollars=100, knobs=NO_FEES)
    perp(sim, ANN, BUY, 10_000, 500)
    perp(sim, BOB, SELL, 10_000, 500)
    sim.endow(BOB, accounts.USD, 1_000 * DOLLAR)
    jump(sim, 130.0)
    assert sim.equity(ANN) == 250 * DOLLAR
    assert bank.send_dollars(sim.world, ANN, bank.WIRE_OUT, 100 * DOLLAR + 1) == matching.NOT_ENOUGH_FUNDS
    assert bank.send_dollars(sim.world, ANN, bank.WIRE_OUT, 100 * DOLLAR) == matching.ACCEPTED


def test_refusals() -> None:
    """BANK-1, MATCH-6: nothing and less, what is not at the broker, and more transfers than the table holds."""
    sim = market(people=1, dollars=1)
    assert bank.send_dollars(sim.world, ANN, bank.WIRE_IN, 0) == matching.BAD_SIZE
    assert bank.send_dollars(sim.world, ANN, bank.WIRE_IN, -5) == matching.BAD_SIZE
    assert bank.send_dollars(sim.world, ANN, bank.TO_VENUE, 1) == matching.NOT_ENOUGH_FUNDS
    room = int(sim.memory[clock.clock]["accounts"][0])
    codes = [bank.send_dollars(sim.world, ANN, bank.WIRE_IN, 1) for _ in range(room + 1)]
    assert codes == [matching.ACCEPTED] * room + [matching.QUEUE_FULL]
