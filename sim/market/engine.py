"""Engine: its rules, and of its orders how much of a position each takes and how far from the mark it may go.

ENG-1  Zero-equity price of one of several positions: mark -+ equity x its share of maintenance / size, less fees; positions
       go by falling share of maintenance.
ENG-2  By knobs only positions above a value go in parts, smaller ones whole; for some time after a part that traded, the rest of
       the account goes whole, or nothing does (Hyperliquid: a fifth above 100,000 USDC, 30 s).
ENG-3  By a knob a step takes a position just below the edge of a lower tier; one of the lowest tiers has no step (Bybit, BitMEX: the
       next tier down, OKX: two).
ENG-4  By a knob no order of the engine goes further from the mark than a share of the maintenance margin that grows with
       distress, from none at maintenance to all of it at zero equity (dYdX v4: fillable price).
"""

from __future__ import annotations

from offhours.sim.compile import kernel, lowest_bit
from offhours.sim.declare import A, Knob, World, table
from offhours.sim.market import insurance, pool
from offhours.sim.market.attention import watches
from offhours.sim.market.book import NO_ASK, NO_BID, book_rules, books
from offhours.sim.market.brackets import TIERS, maintenance, tier_row, tiers
from offhours.sim.market.conversion import sellable
from offhours.sim.market.fees import fee_rules
from offhours.sim.market.margin import equity, notional, required
from offhours.sim.market.money import PPB, share_down
from offhours.sim.market.oracle import oracles, value_at_mark
from offhours.sim.market.positions import size as position_size
from offhours.sim.market.waterfall import COVERED, FUND, STEPS

REST_WHOLE, REST_NOTHING = 0, 1
ALWAYS, BELOW_ZERO = 0, 1


class LiquidationRules:
    """One row: the venue's engine."""

    active: A[int, Knob("yes", "flag", "no", "yes", "whether anybody is liquidated (a control switches it off)", basis="rule: Kraken equity protection process, steps live 2026-03-26")]  # fmt: skip
    step_ppb: A[int, Knob("10 %", "ppb", "0.1 %", "100 %", "size of a step, share of the position at the trigger", basis="rule: Kraken equity protection process, steps live 2026-03-26")]  # fmt: skip
    step_limit_ppb: A[int, Knob("1 %", "ppb", "0.01 %", "20 %", "furthest price of a step from the mark", basis="chosen: equal to the cap of the mark's premium; not half, because a cascade would not fill at all; not twice, because a step would then cost more than the maintenance of a 50x position")]  # fmt: skip
    well_ppb: A[int, Knob("110 %", "ppb", "100 %", "500 %", "equity / maintenance at which liquidation ends", basis="chosen: above the trigger, so that it does not restart at once; not half of the distance (105 %), because one fee would retrigger it; not twice (120 %), because it would close a fifth more")]  # fmt: skip
    escalate_ppb: A[int, Knob("50 %", "ppb", "0 %", "100 %", "equity / maintenance below which steps are skipped", basis="literature: Hyperliquid hands over below two thirds of maintenance; half leaves room for two more steps; not a quarter, because bad debt starts there; twice is the trigger itself")]  # fmt: skip
    attempts_max: A[int, Knob("2", "count", "1", "1000", "steps without a fill before it escalates", basis="chosen: two seconds of an empty book; not one, because a single requote would escalate; not four, because a gap does not wait")]  # fmt: skip
    fee_ppb: A[int, Knob("0.5 %", "ppb", "0 %", "10 %", "liquidation fee, share of the value filled", basis="literature: dYdX v4 default maximum 0.5 %; Kraken's rate was not found")]  # fmt: skip
    large_uusd: A[int, Knob("$0", "uusd", "$0", "$1B", "value up to which a position is one step", basis="rule: Kraken equity protection process, steps live 2026-03-26: all in steps; Hyperliquid, liquidations, as of 2026: 100,000 USDC")]  # fmt: skip
    cooldown_us: A[int, Knob("0 s", "us", "0 s", "1h", "time after a step that traded in which the next is another", basis="rule: Kraken equity protection process, steps live 2026-03-26: none stated; Hyperliquid, liquidations, as of 2026: 30 s")]  # fmt: skip
    cooling: A[int, Knob("whole position", "choice", "", "", "what goes to the book in that time", basis="rule: Hyperliquid, announcement of partial liquidations, 2024: orders for the entire position; others tell it as a pause", choices=("whole position", "nothing"))]  # fmt: skip
    step_tiers: A[int, Knob("0", "count", "0", "7", "how many tiers down a step takes a position; at 0 it is a share of it", basis="rule: Kraken equity protection process, steps live 2026-03-26: a share; Bybit, liquidation, as of 2026: the next tier; OKX: two tiers")]  # fmt: skip
    spread_ppb: A[int, Knob("0 %", "ppb", "0 %", "900 %", "furthest price of any order from the mark, share of maintenance margin, for an account without equity; no such limit at 0 %", basis="rule: Kraken equity protection process, steps live 2026-03-26: none; dYdX v4, x/clob, commit 84d4664b: 10 %")]  # fmt: skip
    adjustment_ppb: A[int, Knob("100 %", "ppb", "0 %", "900 %", "how fast that limit widens as equity falls below maintenance", basis="rule: dYdX v4, x/clob, commit 84d4664b: bankruptcy adjustment of 1")]  # fmt: skip
    reduce_from: A[int, Knob("always", "choice", "", "", "whether an account may be deleveraged while it has equity", basis="rule: Kraken equity protection process, steps live 2026-03-26: when the stages before are spent; dYdX v4, Hyperliquid: below zero", choices=("always", "below zero"))]  # fmt: skip
    latency_us: A[int, Knob("100 ms", "us", "0 s", "1 min", "time from the decision to the order's arrival", basis="chosen: an engine inside the venue; not half, because it would beat co-located makers; not twice, because two steps would then overlap a mark")]  # fmt: skip


liquidation_rules = table(LiquidationRules)


@kernel
def zero_equity_price(mark_ticks: float, share_uusd: float, lots: int, unit_uusd: int, fee_ppb: int) -> float:
    """Price in ticks at which a position's share of equity is spent, fees included (ENG-1). `lots` is signed."""
    per_tick = float(abs(lots)) * unit_uusd
    if lots > 0:
        return (mark_ticks - share_uusd / per_tick) / (1.0 - fee_ppb / PPB)
    return (mark_ticks + share_uusd / per_tick) / (1.0 + fee_ppb / PPB)


@kernel
def distress(collateral: float, maintenance: float, adjustment: float) -> float:
    """How bankrupt an account is, 0 (at maintenance margin) to 1 (dYdX v4: bankruptcy adjustment)."""
    return min(max(adjustment * (1 - collateral / maintenance), 0 * adjustment), 1 + 0 * adjustment)


@kernel
def fillable_price(notional: float, signed_size: float, maintenance: float, spread: float, distressed: float) -> float:
    """The worst price at which a liquidation order may fill: it widens with distress (dYdX v4).

    `notional` has the sign of the position; `maintenance` is the position's own.
    """
    return (notional - distressed * spread * maintenance) / signed_size


@kernel
def worst_price_ticks(world: World, account: int, ticker: int, stage: int, cover_uusd: int) -> int:
    """Zero-equity price of a position, rounded to the side on which equity stays positive. At least 1.

    `cover_uusd` is what somebody else would add to the position's share of equity.
    """
    lots = position_size(world, account, ticker)
    total = required(world, account)
    mine = maintenance(world, ticker, notional(world, account, ticker))
    share = float(equity(world, account)) * (float(mine) / float(total)) + float(cover_uusd)
    fee_ppb = fee_rules(world)[2 * ticker].taker_ppb
    if stage != FUND:
        fee_ppb += liquidation_rules(world)[0].fee_ppb
    unit = books(world)[2 * ticker].unit_uusd
    price = zero_equity_price(float(oracles(world)[ticker].mark_ticks), share, lots, unit, fee_ppb)
    price = min(max(price, 1.0), 1.0e9)
    down = int(price)
    if lots > 0:
        return down if float(down) >= price else down + 1
    return max(1, down)


@kernel
def heaviest(world: World, account: int) -> int:
    """The ticker with the largest share of an account's maintenance margin (ENG-1)."""
    best, most = -1, -1
    held = watches(world)[account].held
    while held != 0:
        ticker = lowest_bit(held)
        held &= held - 1
        mine = maintenance(world, ticker, notional(world, account, ticker))
        if mine > most and position_size(world, account, ticker) != 0:
            best, most = ticker, mine
    return best


@kernel
def lots_to_tier(world: World, account: int, ticker: int) -> int:
    """Lots that take a position just below the edge of a tier further down; 0 where there is none so far down (ENG-3)."""
    row = tier_row(world, ticker, notional(world, account, ticker)) - liquidation_rules(world)[0].step_tiers
    if row < ticker * TIERS:
        return 0
    lots = abs(position_size(world, account, ticker))
    return lots - lots_below(tiers(world)[row + 1].from_uusd, abs(value_at_mark(world, ticker, 1)))


@kernel
def lots_below(edge_uusd: int, lot_uusd: int) -> int:
    """Most lots whose value is below a tier's edge."""
    return (edge_uusd - 1) // lot_uusd


@kernel
def step_lots(world: World, account: int, ticker: int, fixed_lots: int, cools: int) -> int:
    """Size of a step now (LIQ-3, ENG-2, ENG-3): `fixed_lots` at the trigger; all where it `cools` after one that traded."""
    rules = liquidation_rules(world)[0]
    lots = abs(position_size(world, account, ticker))
    if notional(world, account, ticker) <= rules.large_uusd or cools:
        return lots
    if rules.step_tiers > 0:
        return min(lots, max(lots_to_tier(world, account, ticker), book_rules(world)[2 * ticker].size_min_lots))
    return min(lots, max(1, fixed_lots))


@kernel
def widest(world: World, account: int, ticker: int) -> int:
    """How far from the mark distress lets an order go, ticks rounded towards the mark (ENG-4)."""
    rules, lots = liquidation_rules(world)[0], position_size(world, account, ticker)
    mine = float(maintenance(world, ticker, notional(world, account, ticker)))
    how_bad = distress(float(equity(world, account)), float(required(world, account)), rules.adjustment_ppb / PPB)
    per_tick = float(lots * books(world)[2 * ticker].unit_uusd)
    value = float(value_at_mark(world, ticker, lots))
    price = fillable_price(value, per_tick, mine, rules.spread_ppb / PPB, how_bad)
    return int(abs(oracles(world)[ticker].mark_ticks - price) * 1.000000001)


@kernel
def cover_of(world: World, stage: int, ticker: int) -> int:
    """What the venue's payer would add at a stage to the equity of the account, micro-dollars."""
    if stage == COVERED:
        return pool.money(world)
    return insurance.money(world, ticker) if stage == FUND else 0


@kernel
def own_means(world: World, account: int, stage: int) -> int:
    """What an account has beyond its equity before the venue's payer pays for it: tokens it could sell, micro-dollars."""
    return sellable(world, account) if stage == COVERED or stage == FUND else 0


@kernel
def limit_of(world: World, account: int, ticker: int, stage: int) -> int:
    """Furthest price of an engine order now, in ticks (LIQ-3, LIQ-5, LIQ-11, LIQ-12); never outside the book's band."""
    lots = position_size(world, account, ticker)
    cover_uusd = cover_of(world, stage, ticker) + own_means(world, account, stage)
    limit_ticks = worst_price_ticks(world, account, ticker, stage, cover_uusd)
    near_ticks, away_ppb = oracles(world)[ticker].mark_ticks, book_rules(world)[2 * ticker].band_ppb
    if stage == STEPS:
        away_ppb = liquidation_rules(world)[0].step_limit_ppb
    elif stage == COVERED:
        away_ppb = pool.pool_rules(world)[0].cover_ppb
        best = books(world)[2 * ticker].best_bid if lots > 0 else books(world)[2 * ticker].best_ask
        if best != NO_BID and best != NO_ASK:
            near_ticks = best
    away = share_down(near_ticks, away_ppb)
    if liquidation_rules(world)[0].spread_ppb > 0:
        away = min(away, widest(world, account, ticker))
    return max(limit_ticks, near_ticks - away) if lots > 0 else min(limit_ticks, near_ticks + away)
