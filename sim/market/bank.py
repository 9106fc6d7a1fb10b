"""The bank: dollars between the outside world, the broker and the venue, with a delay.

BANK-1  Dollars leave at once and arrive later; on the way they belong to the outside world's account.
BANK-2  A wire between broker and venue, and a deposit by wire, counts its delay in bank hours only.
BANK-3  A deposit in stablecoin arrives at any hour, where the venue takes it.
BANK-4  What leaves the venue leaves initial margin covered.
"""

from __future__ import annotations

from offhours.sim.compile import kernel
from offhours.sim.declare import A, Column, Knob, World, table
from offhours.sim.market.accounts import BROKER_USD, DEPOSIT, OUTSIDE, USD, available, transfer
from offhours.sim.market.attention import note_change
from offhours.sim.market.clock import clock
from offhours.sim.market.margin import withdrawable
from offhours.sim.market.matching import ACCEPTED, BAD_SIZE, NOT_ENOUGH_FUNDS, QUEUE_FULL, refuse
from offhours.sim.market.transit import DOLLARS, NEVER, NOTHING, arrived, count, deliveries, drop, full, head, send

WIRE_IN, STABLECOIN_IN, WIRE_OUT, TO_BROKER, TO_VENUE = 0, 1, 2, 3, 4


class BankRules:
    """One row: how dollars travel."""

    wire_us: A[int, Knob("2 h", "us", "0 s", "10 days", "time a wire takes, counted in bank hours", basis="chosen: same-day wires of a prime broker; not half, because compliance checks are manual; not twice, because Monday's open would find every desk unfunded")]  # fmt: skip
    stablecoin_us: A[int, Knob("10 min", "us", "0 s", "10 days", "time a stablecoin deposit takes, at any hour", basis="chosen: confirmations of a few chains and a credit check; not half, because Ethereum finality alone is 13 minutes; not twice, because Solana transfers credit within a minute")]  # fmt: skip
    takes_stablecoin: A[int, Knob("yes", "flag", "no", "yes", "whether the venue takes stablecoin as dollars", basis="rule: Kraken multi-collateral futures, 2026: stablecoins are collateral; their haircut is not modelled")]  # fmt: skip


class BankHours:
    """One row per bank day: when wires move."""

    open_us: A[int, Column("i8", "us", "first instant")]
    close_us: A[int, Column("i8", "us", "end")]


bank_rules = table(BankRules)
bank_hours = table(BankHours)


@kernel
def arrival_us(world: World, route: int) -> int:
    """When dollars sent now arrive by a route, or NEVER where no bank day is left (BANK-2, BANK-3)."""
    now_us = clock(world)[0].now_us
    rules = bank_rules(world)[0]
    if route == STABLECOIN_IN:
        return now_us + rules.stablecoin_us
    left = rules.wire_us
    for row in range(len(bank_hours(world))):
        day = bank_hours(world)[row]
        begin_us = max(now_us, day.open_us)
        if begin_us < day.close_us:
            if begin_us + left <= day.close_us:
                return begin_us + left
            left -= day.close_us - begin_us
    return NEVER


@kernel
def send_dollars(world: World, account: int, route: int, dollars: int) -> int:
    """Send dollars by a route. ACCEPTED or a refusal."""
    if dollars <= 0:
        return refuse(world, BAD_SIZE)
    if full(world, DOLLARS):
        return refuse(world, QUEUE_FULL)
    if route == STABLECOIN_IN and bank_rules(world)[0].takes_stablecoin == 0:
        return refuse(world, NOT_ENOUGH_FUNDS)
    if (route == WIRE_OUT or route == TO_BROKER) and dollars > withdrawable(world, account):
        return refuse(world, NOT_ENOUGH_FUNDS)
    if route == TO_VENUE and dollars > available(world, account, BROKER_USD):
        return refuse(world, NOT_ENOUGH_FUNDS)
    if route == TO_VENUE:
        transfer(world, BROKER_USD, account, OUTSIDE, dollars, DEPOSIT)
    elif route == WIRE_OUT or route == TO_BROKER:
        transfer(world, USD, account, OUTSIDE, dollars, DEPOSIT)
        note_change(world, account)
    if route == WIRE_OUT:
        return ACCEPTED
    send(world, DOLLARS, arrival_us(world, route), account, BROKER_USD if route == TO_BROKER else USD, dollars)
    return ACCEPTED


@kernel
def on_the_way(world: World, account: int) -> int:
    """Dollars that an account will receive, at the venue or at the broker, micro-dollars (BANK-1)."""
    total = 0
    first = head(world, DOLLARS) + 1
    for row in range(first, first + count(world, DOLLARS)):
        if deliveries(world)[row].account == account:
            total += deliveries(world)[row].amount
    return total


@kernel
def deliver(world: World) -> None:
    """Credit what has arrived by now."""
    row = arrived(world, DOLLARS, 0)
    while row != NOTHING:
        d = deliveries(world)[row]
        transfer(world, d.asset, OUTSIDE, d.account, d.amount, DEPOSIT)
        note_change(world, d.account)
        drop(world, DOLLARS, row)
        row = arrived(world, DOLLARS, row)
