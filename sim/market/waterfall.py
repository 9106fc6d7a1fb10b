"""The waterfall: in which order a venue takes a position in liquidation apart, and who made good what was missing.

FALL-1  A venue has an ordered list of stages; a case goes through it from the first, one after the other, and skips none.
FALL-2  The last stage of a list leaves no position open: a backstop vault, auto-deleveraging, or a socialised close.
FALL-3  Shortfall is what had to be put into accounts in liquidation so that they end without debt. It equals what the payers
        of the stages paid and what nobody paid, exactly.
"""

from __future__ import annotations

from offhours.sim.compile import kernel
from offhours.sim.declare import A, Column, World, table
from offhours.sim.market.clock import clock

WELL, STEPS, WHOLE_POSITION, ASSIGNED, COVERED, VAULT, FUND, DELEVERAGED, SOCIALISED = 0, 1, 2, 3, 4, 5, 6, 7, 8
STAGES = (
    "none", "partial step", "full at zero equity", "assignment", "covered", "backstop vault", "insurance fund",
    "auto-deleverage", "socialised",
)  # fmt: skip
PLACES = len(STAGES)
"""Rows of a venue's list: each stage at most once, and WELL behind the last."""

PAYERS = {VAULT: "backstop", COVERED: "pool", FUND: "insurance fund", DELEVERAGED: "auto-deleverage", SOCIALISED: "socialised"}  # fmt: skip
"""Who pays, by the stage he belongs to."""

LAST = (VAULT, DELEVERAGED, SOCIALISED)
"""Stages that leave no position open."""


class Place:
    """PLACES rows: the stages of the venue in their order, then WELL."""

    stage: A[int, Column("i8", "code", "STEPS .. SOCIALISED, or WELL behind the last")]


class Payer:
    """One row a stage: what its payer put into accounts in liquidation."""

    paid_uusd: A[int, Column("i8", "uusd", "paid so far")]
    exhausted_us: A[int, Column("i8", "us", "when it first could not pay in full, or 0")]


class Debt:
    """One row: what was missing."""

    shortfall_uusd: A[int, Column("i8", "uusd", "what was missing in accounts in liquidation, whoever paid it")]
    unpaid_uusd: A[int, Column("i8", "uusd", "part of it nobody paid: bad debt")]


places = table(Place)
payers = table(Payer)
debts = table(Debt)


def fault(stages: tuple[int, ...]) -> str:
    """What is wrong with an order of stages, in a sentence; empty where nothing is."""
    if not stages:
        return "names at least one stage"
    for stage in stages:
        if stages.count(stage) > 1:
            return f"'{STAGES[stage]}' stands in it twice"
    if STEPS in stages[1:]:
        return f"'{STAGES[STEPS]}' can only come first"
    if SOCIALISED in stages[:-1]:
        return f"nothing comes after '{STAGES[SOCIALISED]}'"
    if DELEVERAGED in stages and set(stages[stages.index(DELEVERAGED) + 1 :]) - {SOCIALISED}:
        return f"nothing but '{STAGES[SOCIALISED]}' comes after '{STAGES[DELEVERAGED]}'"
    if stages[-1] not in LAST:
        ends = ", ".join(f"'{STAGES[stage]}'" for stage in LAST)
        return f"'{STAGES[stages[-1]]}' may leave a position open, so it cannot be the last; a list ends with one of {ends}"
    return ""


@kernel
def has(world: World, stage: int) -> int:
    """1 where the venue's list contains a stage."""
    for place in range(PLACES):
        if places(world)[place].stage == stage:
            return 1
    return 0


@kernel
def first_stage(world: World) -> int:
    """The stage a case begins with."""
    return places(world)[0].stage


@kernel
def stage_after(world: World, stage: int) -> int:
    """The stage that follows another in the venue's list, or WELL behind the last (FALL-1)."""
    for place in range(PLACES - 1):
        if places(world)[place].stage == stage:
            return places(world)[place + 1].stage
    return WELL


@kernel
def note_paid(world: World, stage: int, dollars: int) -> None:
    """A payer has put dollars into an account in liquidation (FALL-3)."""
    assert dollars >= 0
    payers(world)[stage].paid_uusd += dollars
    debts(world)[0].shortfall_uusd += dollars


@kernel
def note_unpaid(world: World, dollars: int) -> None:
    """Nobody has paid what was missing."""
    assert dollars >= 0
    debts(world)[0].unpaid_uusd += dollars
    debts(world)[0].shortfall_uusd += dollars


@kernel
def note_not_paid(world: World, stage: int, dollars: int) -> None:
    """A payer turned out to have paid less: nobody paid the rest."""
    assert 0 <= dollars <= payers(world)[stage].paid_uusd
    payers(world)[stage].paid_uusd -= dollars
    debts(world)[0].unpaid_uusd += dollars


@kernel
def note_shared(world: World, dollars: int) -> None:
    """What nobody had paid was shared among those with a profit."""
    assert 0 <= dollars <= debts(world)[0].unpaid_uusd
    debts(world)[0].unpaid_uusd -= dollars
    payers(world)[SOCIALISED].paid_uusd += dollars


@kernel
def note_exhausted(world: World, stage: int) -> None:
    """A payer could not pay in full."""
    if payers(world)[stage].exhausted_us == 0:
        payers(world)[stage].exhausted_us = clock(world)[0].now_us
