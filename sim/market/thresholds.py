"""Thresholds: the prices at which an account that sleeps must be looked at again.

THR-1   An account that was looked at sleeps until a mark crosses a price that is safe for any joint move of all its tickers (an
        index, of tokens that count), or one at which a tier for whole positions begins. One that funding alone may carry below
        before the next full hour is looked at each second.
"""

from __future__ import annotations

from offhours.sim.compile import kernel, lowest_bit, rare
from offhours.sim.declare import World
from offhours.sim.market import collateral
from offhours.sim.market.attention import note_change, watches
from offhours.sim.market.book import books
from offhours.sim.market.brackets import MARGINAL, NO_TIER, SIZE_LINEAR, TIERS, margin_rules, own_rate, tier_row, tiers
from offhours.sim.market.clock import clock
from offhours.sim.market.funding import payable_to_hour
from offhours.sim.market.margin import notional
from offhours.sim.market.money import PPB
from offhours.sim.market.oracle import oracles
from offhours.sim.market.positions import positions
from offhours.sim.market.triggers import DOWN, UP, arm, cross, disarm, loss_node, tier_node, trigger_nodes


@kernel
def arm_all(world: World, account: int, spare_uusd: int) -> None:
    """Set the prices at which an account must be looked at again (THR-1).

    `spare_uusd` is equity minus maintenance margin, positive. Within a relative move x of all marks and indices equity falls by
    at most x times the sum of notionals and of what tokens count for, maintenance grows by at most the highest rate times
    that (until a higher tier begins, where tiers are for whole positions), and funding takes what is payable until the next
    full hour, when everybody is looked at anyway.
    """
    t = clock(world)[0].tickers
    exposure, payable = 0.0, 0
    held = watches(world)[account].held
    rest = held
    while rest != 0:
        ticker = lowest_bit(rest)
        rest &= rest - 1
        lots = positions(world)[account * t + ticker].size_lots
        if lots != 0:
            exposure += notional(world, account, ticker) * (
                1.0 + (highest_rate(world, account, ticker) / PPB if lots < 0 else 0.0)
            )
            payable += payable_to_hour(world, account, ticker)
    if collateral.active(world):
        for ticker in range(t):
            exposure += collateral.exposure(world, account, ticker)
    if exposure == 0.0:
        return
    rounding = 4 * t
    if payable > 0 and spare_uusd - payable - rounding <= 0:
        note_change(world, account)
    radius = max(0.0, (spare_uusd - payable - rounding) / exposure)
    rest = held
    while rest != 0:
        ticker = lowest_bit(rest)
        rest &= rest - 1
        lots = positions(world)[account * t + ticker].size_lots
        mark_ticks = oracles(world)[ticker].mark_ticks
        distance = 1 + int(min(radius, 1.0e6) * mark_ticks * 0.999999)
        if lots > 0:
            arm(world, loss_node(account * t + ticker), ticker, DOWN, mark_ticks - distance)
        elif lots < 0:
            arm(world, loss_node(account * t + ticker), ticker, UP, mark_ticks + distance)
        if lots != 0 and margin_rules(world)[ticker].form != MARGINAL:
            arm_tier(world, account, ticker, abs(lots))
    if collateral.active(world):
        for ticker in range(t):
            arm_index(world, account, ticker, radius)


@kernel
@rare
def arm_index(world: World, account: int, ticker: int, radius: float) -> None:
    """Look again when an index has moved so far against an account's tokens, or against what it owes of them (THR-1)."""
    t = clock(world)[0].tickers
    node = first_index_node(world) + account * t + ticker
    utokens = collateral.net_tokens(world, account, ticker)
    index_ticks = oracles(world)[ticker].index_ticks
    distance = 1 + int(min(radius, 1.0e6) * index_ticks * 0.999999)
    if utokens > 0 and distance < index_ticks:
        arm(world, node, t + ticker, DOWN, index_ticks - distance)
    elif utokens < 0:
        arm(world, node, t + ticker, UP, index_ticks + distance)
    else:
        disarm(world, node)


@kernel
def first_index_node(world: World) -> int:
    """The first of the nodes that wait for an index, one a position, after those of all stops; beyond all where nothing does."""
    if collateral.active(world) == 0:
        return len(trigger_nodes(world))
    return len(trigger_nodes(world)) - clock(world)[0].accounts * clock(world)[0].tickers


@kernel
def move_index(world: World, ticker: int, old_ticks: int) -> None:
    """Find whose tokens or debts must be looked at after an index moved (THR-1)."""
    new_ticks = oracles(world)[ticker].index_ticks
    if collateral.active(world) and new_ticks != old_ticks:
        cross(world, clock(world)[0].tickers + ticker, old_ticks, new_ticks)


@kernel
def arm_tier(world: World, account: int, ticker: int, lots: int) -> None:
    """Look again when the mark carries a position into the next tier (THR-1)."""
    node = tier_node(account * clock(world)[0].tickers + ticker)
    row = tier_row(world, ticker, notional(world, account, ticker))
    if row + 1 < (ticker + 1) * TIERS and tiers(world)[row + 1].from_uusd != NO_TIER:
        per_tick = lots * books(world)[2 * ticker].unit_uusd
        arm(world, node, ticker, UP, -(-tiers(world)[row + 1].from_uusd // per_tick))
    else:
        disarm(world, node)


@kernel
def highest_rate(world: World, account: int, ticker: int) -> int:
    """Maintenance rate of the last tier, ppb: no position needs more of what a rising mark adds to it."""
    row = ticker * TIERS
    last = row + TIERS - 1
    while row < last and tiers(world)[row + 1].from_uusd != NO_TIER:
        row += 1
    rate_ppb = tiers(world)[row].maintenance_ppb
    if margin_rules(world)[ticker].form == SIZE_LINEAR:
        return own_rate(world, ticker, notional(world, account, ticker), rate_ppb)
    return rate_ppb
