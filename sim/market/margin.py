"""Margin: what an account is worth, what it must keep, and when it must be looked at again.

MARG-1  Equity = dollars at the venue + sum of quantity x mark + funding accrued + what tokens and loans count for (COLL-1).
MARG-2  Requirements grow by tiers of notional, marginally or on the whole position, by a knob.
MARG-3  An order is accepted if, after its worst fill, equity covers the initial margin of position plus open orders (the
        larger side per ticker), the loss of limit prices against the mark, and the fee; otherwise refused.
MARG-4  An order that only reduces needs no margin.
MARG-5  An account that changed is looked at once, at the next second; then it sleeps until a mark crosses a price that is
        safe for any joint move of all its tickers (an index, of tokens that count), or one at which a tier for whole positions begins. One that funding
        alone may carry below before the next full hour is looked at each second.
MARG-6  Money moves between an account and its bucket only while both keep their initial margin.
MARG-7  By a knob both rates grow with the position itself, rate + slope x shares, at most 100 % (Deribit).
MARG-8  By knobs initial margin grows with open interest: rate + (1 - rate) x its place in a band, made each second (dYdX v4).
MARG-9  By knobs margin is larger while regular trading is closed, from some minutes before the close on: a largest leverage of
        its own, for new positions or for all (Ostium closes what is above it), and a share added to both rates.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from offhours.sim.compile import kernel, lowest_bit
from offhours.sim.declare import A, Column, Knob, World, prefetch, table
from offhours.sim.market import collateral
from offhours.sim.market.accounts import BUCKET, USD, accounts, available, balance_row, balances, transfer
from offhours.sim.market.book import books
from offhours.sim.market.clock import HALTED, REGULAR, SECOND_US, clock, phases
from offhours.sim.market.funding import accruals, owed, payable_to_hour
from offhours.sim.market.money import PPB, nearest, share_up
from offhours.sim.market.oracle import oracles, value_at_mark
from offhours.sim.market.orders import BUY, open_orders
from offhours.sim.market.positions import interests, positions
from offhours.sim.market.triggers import DOWN, UP, arm, cross, disarm, loss_node, tier_node, trigger_nodes

AMPLE = 3
"""Initial margin of an order's worst fill, the loss of its limit price and its fee together are below three times its value,
where tiers are marginal: no rate exceeds the whole notional."""
ROUNDINGS = 16
"""Micro-dollars that rounded tiers may add to that."""
AHEAD = 8
"""Accounts in a row that are asked for before they are needed: memory answers as many requests at once."""
TIERS = 8
NO_TIER = 1 << 62
MARGINAL, WHOLE, SIZE_LINEAR = 0, 1, 2
NEW_POSITIONS, ALL_POSITIONS = 0, 1


class MarginRules:
    """Margin of one perp. The tiers themselves are rows of the tier table."""

    leverage_max_milli: A[int, Knob("20x", "leverage", "1x", "150x", "largest leverage an account may open with", basis="rule: Kraken xStocks perps, announced 2026-02-24: up to 20x")]  # fmt: skip
    maintenance_ppb: A[int, Knob("50 %", "ppb", "1 %", "100 %", "maintenance margin as a share of initial margin where leverage_max binds", basis="rule: Kraken multi-collateral margin schedules, 2026: maintenance is half of initial")]  # fmt: skip
    form: A[int, Knob("marginal", "choice", "", "", "whether a tier's rate counts for the part above its edge or for the whole position", basis="chosen: not stated by the venue; marginal has no jump at an edge; neither half nor twice applies to a choice", choices=("marginal", "whole", "size-linear"))]  # fmt: skip
    slope_ppb: A[int, Knob("0 %", "ppb", "0 %", "10 %", "what each share of a position adds to its rates, in the form `size-linear`", basis="rule: Kraken multi-collateral margin schedules, 2026: tiers, no slope; Deribit, linear perpetuals, as of 2026: 0.005 % a BTC, 0.0005 % a SOL")]  # fmt: skip
    crowded_from_uusd: A[int, Knob("$0", "uusd", "$0", "$1,000B", "open interest from which initial margin grows", basis="rule: Kraken multi-collateral margin schedules, 2026: none; dYdX v4, liquidity tiers at genesis, 2026: $20M to $50M for small caps")]  # fmt: skip
    crowded_to_uusd: A[int, Knob("$0", "uusd", "$0", "$1,000B", "open interest at which it is 100 %; it never grows where this is not above the other", basis="rule: Kraken multi-collateral margin schedules, 2026: none; dYdX v4, liquidity tiers at genesis, 2026: $20M to $50M for small caps")]  # fmt: skip
    closed_leverage_milli: A[int, Knob("150x", "leverage", "1x", "150x", "largest leverage while regular trading is closed", basis="rule: Kraken xStocks perps, announced 2026-02-24: the same at every hour; Binance says so of week-ends, 2026; Ostium has an overnight cap")]  # fmt: skip
    closed_for: A[int, Knob("new positions", "choice", "", "", "whom that leverage binds: orders alone, or also whoever is above it, who is liquidated", basis="chosen: the milder of the two; Ostium closes what is above its overnight cap at 15:45 New York; neither half nor twice applies to a choice", choices=("new positions", "all"))]  # fmt: skip
    closed_add_ppb: A[int, Knob("0 %", "ppb", "0 %", "100 %", "added to initial and maintenance rates while regular trading is closed", basis="rule: Kraken multi-collateral margin schedules, 2026: the same at every hour")]  # fmt: skip
    closed_lead_us: A[int, Knob("15 min", "us", "0 s", "6h", "how long before the regular close that begins", basis="literature: Ostium, overnight leverage: 15:45 New York")]  # fmt: skip


class Tier:
    """TIERS rows a ticker, by rising notional."""

    from_uusd: A[int, Column("i8", "uusd", "notional at which the tier begins; NO_TIER where there is none")]
    initial_ppb: A[int, Column("i8", "ppb", "initial margin, share of notional")]
    maintenance_ppb: A[int, Column("i8", "ppb", "maintenance margin, share of notional")]
    initial_below_uusd: A[int, Column("i8", "uusd", "initial margin of everything below the tier")]
    maintenance_below_uusd: A[int, Column("i8", "uusd", "maintenance margin of everything below the tier")]


class Grade:
    """One row a ticker: what its tiers follow from at this second, where they move at all (MARG-8, MARG-9)."""

    moves: A[int, Column("i8", "flag", "1 where open interest or the hour changes them")]
    closed: A[int, Column("i8", "flag", "1 while the rates of closed hours hold")]
    crowded_uusd: A[int, Column("i8", "uusd", "open interest within the band that they were made for")]


class StatedTier:
    """TIERS rows a ticker: the rates of the venue's table, before open interest and the hour change them."""

    initial_ppb: A[int, Column("i8", "ppb", "initial margin, share of notional")]
    maintenance_ppb: A[int, Column("i8", "ppb", "maintenance margin, share of notional")]


class Watch:
    """One row an account: what it holds, and whether it waits to be looked at."""

    held: A[int, Column("i8", "bits", "bit k where it may have a position or open orders in ticker k")]
    dirty: A[int, Column("i8", "flag", "1 where it waits in the list of changed accounts")]
    frozen: A[int, Column("i8", "flag", "1 while it is being liquidated and may not send orders")]


class Reckoned:
    """One row an account: what an order of this second found out about it, so that the next need not."""

    second: A[int, Column("i8", "s", "second in which it was reckoned; 0 where it changed since")]
    spare_uusd: A[int, Column("i8", "uusd", "equity beyond initial margin, at least")]
    cash_uusd: A[int, Column("i8", "uusd", "dollars that may be spent, margin apart, at least")]


class Changed:
    """Accounts that changed since the last second; row 0 holds their number."""

    account: A[int, Column("i8", "account", "changed account; in row 0 the count")]


margin_rules = table(MarginRules)
tiers = table(Tier)
grades = table(Grade)
stated_tiers = table(StatedTier)
watches = table(Watch)
reckoned = table(Reckoned)
changed = table(Changed)


def prepare(rows: np.ndarray[Any, Any], leverage_max_milli: int, maintenance_ppb: int) -> None:
    """Hold one ticker's tier rows to `leverage_max` and fill in the margin below each tier, in place (MARG-2)."""
    floor_ppb = -(-PPB * 1000 // leverage_max_milli)
    for tier in rows:
        if tier["initial_ppb"] < floor_ppb:
            tier["initial_ppb"] = floor_ppb
            tier["maintenance_ppb"] = max(int(tier["maintenance_ppb"]), floor_ppb * maintenance_ppb // PPB)
    for row in range(1, len(rows)):
        lower, upper = rows[row - 1], rows[row]
        if upper["from_uusd"] != NO_TIER:
            width = int(upper["from_uusd"]) - int(lower["from_uusd"])
            for kind in ("initial", "maintenance"):
                below = int(lower[f"{kind}_below_uusd"])
                upper[f"{kind}_below_uusd"] = below + -(-width * int(lower[f"{kind}_ppb"]) // PPB)


def check(rules: Any) -> tuple[str, str] | None:
    """What is wrong with a row of the rules: its column and a sentence; None where nothing is."""
    if rules.slope_ppb > 0 and rules.form != SIZE_LINEAR:
        return "slope_ppb", "only the form 'size-linear' has a slope"
    if rules.crowded_to_uusd > 0 and rules.crowded_to_uusd <= rules.crowded_from_uusd:
        return "crowded_to_uusd", "the band of open interest ends above where it begins"
    return None


@kernel
def begin(world: World, ticker: int) -> None:
    """Remember the rates of the venue's table, and whether anything changes them."""
    rules, g = margin_rules(world)[ticker], grades(world)[ticker]
    for row in range(ticker * TIERS, (ticker + 1) * TIERS):
        stated_tiers(world)[row].initial_ppb = tiers(world)[row].initial_ppb
        stated_tiers(world)[row].maintenance_ppb = tiers(world)[row].maintenance_ppb
    shorter = rules.closed_leverage_milli < rules.leverage_max_milli
    if rules.crowded_to_uusd > rules.crowded_from_uusd or shorter or rules.closed_add_ppb > 0:
        g.moves = 1
        regrade(world, ticker)


@kernel
def closed_hours(world: World, lead_us: int) -> int:
    """1 from so long before a regular close until the next regular open (MARG-9). A halt lies inside regular hours."""
    c = clock(world)[0]
    p = phases(world)[c.phase_row]
    trading = p.phase == REGULAR or p.phase == HALTED
    return 0 if trading and c.now_us < p.end_us - lead_us else 1


@kernel
def regrade(world: World, ticker: int) -> None:
    """Each second, where tiers move: make them anew if open interest or the hour changed (MARG-8, MARG-9)."""
    g = grades(world)[ticker]
    if g.moves == 0:
        return
    rules = margin_rules(world)[ticker]
    closed = closed_hours(world, rules.closed_lead_us)
    interest = abs(value_at_mark(world, ticker, interests(world)[ticker].long_lots))
    crowded = min(max(interest, rules.crowded_from_uusd), rules.crowded_to_uusd)
    if closed == g.closed and crowded == g.crowded_uusd:
        return
    g.crowded_uusd = crowded
    for row in range(ticker * TIERS, (ticker + 1) * TIERS):
        stated, t = stated_tiers(world)[row], tiers(world)[row]
        t.initial_ppb = stated.initial_ppb
        t.maintenance_ppb = stated.maintenance_ppb
        if closed:
            binds_milli = rules.closed_leverage_milli if rules.closed_for == ALL_POSITIONS else 0
            t.initial_ppb = closed_ppb(t.initial_ppb, rules.closed_leverage_milli, rules.closed_add_ppb)
            t.maintenance_ppb = closed_ppb(t.maintenance_ppb, binds_milli, rules.closed_add_ppb)
        if rules.crowded_to_uusd > rules.crowded_from_uusd:
            t.initial_ppb = crowded_ppb(t.initial_ppb, crowded, rules.crowded_from_uusd, rules.crowded_to_uusd)
        if row > ticker * TIERS and t.from_uusd != NO_TIER:
            lower = tiers(world)[row - 1]
            width = t.from_uusd - lower.from_uusd
            t.initial_below_uusd = lower.initial_below_uusd + share_up(width, lower.initial_ppb)
            t.maintenance_below_uusd = lower.maintenance_below_uusd + share_up(width, lower.maintenance_ppb)
    if closed != g.closed:
        g.closed = closed
        note_everybody(world)


@kernel
def size_linear_rate(base_rate: float, slope: float, size: float) -> float:
    """A margin rate that grows with the position itself, in base units (Deribit, linear contracts)."""
    return base_rate + slope * size


@kernel
def open_interest_scaled_rate(base_rate: float, open_interest: float, lower: float, upper: float) -> float:
    """Initial margin rate that rises to 100 % as open interest crosses a band (dYdX v4, liquidity tiers).

    A band whose upper end is not above its lower one scales nothing.
    """
    if upper <= lower:
        return base_rate
    return base_rate + (1 - base_rate) * (min(max(open_interest, lower), upper) - lower) / (upper - lower)


@kernel
def closed_ppb(rate_ppb: int, leverage_milli: int, add_ppb: int) -> int:
    """A rate while regular trading is closed, ppb: at least 1 / leverage (where one binds: above 0), and a share added (MARG-9)."""
    least_ppb = -(-PPB * 1000 // leverage_milli) if leverage_milli > 0 else 0
    return min(PPB, max(rate_ppb, least_ppb) + add_ppb)


@kernel
def crowded_ppb(rate_ppb: int, interest_uusd: int, lower_uusd: int, upper_uusd: int) -> int:
    """A rate of initial margin as open interest has scaled it, in whole billionths rounded up (MARG-8)."""
    share = rate_ppb / PPB
    return rounded_up(
        open_interest_scaled_rate(share, float(interest_uusd), float(lower_uusd), float(upper_uusd)) * PPB
    )


@kernel
def rounded_up(rate: float) -> int:
    """A rate in billionths as a whole number of them, rounded up, but for what a float cannot hold; at most all."""
    held = min(rate, 1.0e9)
    down = int(held)
    return down + 1 if held - down > 1.0e-6 else down


@kernel
def own_rate(world: World, ticker: int, notional_uusd: int, rate_ppb: int) -> int:
    """A rate that grows with the position itself, ppb rounded up, at most all of it (MARG-7)."""
    o = oracles(world)[ticker]
    shares = float(notional_uusd) / (o.mark_ticks * books(world)[2 * ticker].unit_uusd) * o.lot_shares
    rate = size_linear_rate(float(rate_ppb), float(margin_rules(world)[ticker].slope_ppb), shares)
    return rounded_up(rate)


@kernel
def tier_row(world: World, ticker: int, notional_uusd: int) -> int:
    """Row of the tier a notional falls into."""
    row = ticker * TIERS
    last = row + TIERS - 1
    while row < last and notional_uusd >= tiers(world)[row + 1].from_uusd:
        row += 1
    return row


@kernel
def initial(world: World, ticker: int, notional_uusd: int) -> int:
    """Initial margin of a notional, micro-dollars rounded up (MARG-2)."""
    t = tiers(world)[tier_row(world, ticker, notional_uusd)]
    form = margin_rules(world)[ticker].form
    if form != MARGINAL:
        return share_up(notional_uusd, t.initial_ppb if form == WHOLE else own_rate(world, ticker, notional_uusd, t.initial_ppb))  # fmt: skip
    return t.initial_below_uusd + share_up(notional_uusd - t.from_uusd, t.initial_ppb)


@kernel
def maintenance(world: World, ticker: int, notional_uusd: int) -> int:
    """Maintenance margin of a notional, micro-dollars rounded up (MARG-2)."""
    t = tiers(world)[tier_row(world, ticker, notional_uusd)]
    form = margin_rules(world)[ticker].form
    if form != MARGINAL:
        return share_up(notional_uusd, t.maintenance_ppb if form == WHOLE else own_rate(world, ticker, notional_uusd, t.maintenance_ppb))  # fmt: skip
    return t.maintenance_below_uusd + share_up(notional_uusd - t.from_uusd, t.maintenance_ppb)


@kernel
def equity(world: World, account: int) -> int:
    """Equity of an account at the mark, micro-dollars (MARG-1)."""
    return dollar_equity(world, account) + collateral.worth(world, account)


@kernel
def dollar_equity(world: World, account: int) -> int:
    """Equity without what tokens and loans count for: dollars, positions at the mark, funding accrued. Micro-dollars."""
    worth = balances(world)[balance_row(world, account, USD)].amount
    c = clock(world)[0]
    held = watches(world)[account].held
    while held != 0:
        ticker = lowest_bit(held)
        held &= held - 1
        lots = positions(world)[account * c.tickers + ticker].size_lots
        if lots != 0:
            worth += value_at_mark(world, ticker, lots) - owed(world, account, ticker)
    return worth


@kernel
def required(world: World, account: int) -> int:
    """Maintenance margin of all positions of an account and of the tokens it owes, micro-dollars."""
    total = collateral.margin_of_loans(world, account, 0)
    held = watches(world)[account].held
    while held != 0:
        ticker = lowest_bit(held)
        held &= held - 1
        total += maintenance(world, ticker, notional(world, account, ticker))
    return total


@kernel
def notional(world: World, account: int, ticker: int) -> int:
    """Size of a position at the mark, micro-dollars, without sign."""
    return abs(value_at_mark(world, ticker, positions(world)[account * clock(world)[0].tickers + ticker].size_lots))


@kernel
def gross_notional(world: World, account: int) -> int:
    """Sum of the notionals of all positions of an account, micro-dollars."""
    total = 0
    held = watches(world)[account].held
    while held != 0:
        ticker = lowest_bit(held)
        held &= held - 1
        total += notional(world, account, ticker)
    return total


@kernel
def worst_case(world: World, account: int, ticker: int, buy_lots: int, buy_value: int, sell_lots: int, sell_value: int) -> int:  # fmt: skip
    """Initial margin of a ticker after the worst fill, plus the loss of limit prices against the mark (MARG-3).

    The four last arguments are a new order's, added to what is open. Micro-dollars.
    """
    row = account * clock(world)[0].tickers + ticker
    mine = open_orders(world)[2 * row]
    lots = positions(world)[row].size_lots
    mark_ticks, unit = oracles(world)[ticker].mark_ticks, books(world)[2 * ticker].unit_uusd
    buys, sells = mine.buy_lots + buy_lots, mine.sell_lots + sell_lots
    largest = max(abs(lots + buys), abs(lots - sells))
    overpaid = max(0, mine.buy_value + buy_value - buys * mark_ticks)
    undersold = max(0, sells * mark_ticks - mine.sell_value - sell_value)
    return initial(world, ticker, largest * mark_ticks * unit) + (overpaid + undersold) * unit


@kernel
def covers(world: World, account: int, ticker: int, side: int, price_ticks: int, lots: int, taker_ppb: int) -> int:
    """1 where an account may place a perp order (MARG-3, MARG-4)."""
    t = clock(world)[0].tickers
    row = account * t + ticker
    mine = open_orders(world)[2 * row]
    size = positions(world)[row].size_lots
    closing = mine.buy_lots if side == BUY else mine.sell_lots
    if size * side < 0 and lots + closing <= abs(size):
        return 1
    unit = books(world)[2 * ticker].unit_uusd
    marginal = margin_rules(world)[ticker].form == MARGINAL
    ample = most_needed(world, ticker, price_ticks, lots)
    if marginal and ample <= known_spare(world, account):
        return 1
    free = reckon(world, account)
    if marginal and ample <= free:
        return 1
    needed = share_up(lots * price_ticks * unit, taker_ppb) - worst_case(world, account, ticker, 0, 0, 0, 0)
    if side == BUY:
        needed += worst_case(world, account, ticker, lots, lots * price_ticks, 0, 0)
    else:
        needed += worst_case(world, account, ticker, 0, 0, lots, lots * price_ticks)
    return 1 if needed <= free else 0


@kernel
def most_needed(world: World, ticker: int, price_ticks: int, lots: int) -> int:
    """More than an order can add to what an account must keep where tiers are marginal, micro-dollars."""
    dearest = max(price_ticks, oracles(world)[ticker].mark_ticks)
    return AMPLE * lots * dearest * books(world)[2 * ticker].unit_uusd + ROUNDINGS


@kernel
def known_spare(world: World, account: int) -> int:
    """Equity beyond initial margin that an account has at least, as far as it was reckoned in this second; else -1.

    Marks and funding move on whole seconds only, so within one of them nothing but its own doings changes an account:
    a trade or a transfer makes it unknown again, an order that rests takes from it, one that is withdrawn may only add.
    """
    r = reckoned(world)[account]
    return r.spare_uusd if r.second == clock(world)[0].now_us // SECOND_US else -1


@kernel
def known_cash(world: World, account: int) -> int:
    """Dollars that may leave an account at least, as far as they were reckoned in this second; else -1."""
    r = reckoned(world)[account]
    return min(r.spare_uusd, r.cash_uusd) if r.second == clock(world)[0].now_us // SECOND_US else -1


@kernel
def promise(world: World, account: int, margin_uusd: int, cash_uusd: int) -> None:
    """An order came to rest: it takes at most so much from what is known to be spare, and so many dollars."""
    r = reckoned(world)[account]
    r.spare_uusd -= margin_uusd
    r.cash_uusd -= cash_uusd


@kernel
def reckon(world: World, account: int) -> int:
    """Equity beyond initial margin, exactly, micro-dollars; what holds for the rest of the second is noted."""
    r = reckoned(world)[account]
    r.spare_uusd = spare(world, account)
    r.cash_uusd = cash(world, account)
    r.second = clock(world)[0].now_us // SECOND_US if steady(world, account) else 0
    return r.spare_uusd


@kernel
def affords(world: World, account: int, cost_uusd: int) -> int:
    """1 where an account may spend so many dollars and keep its initial margin (BANK-4)."""
    if cost_uusd <= known_cash(world, account):
        return 1
    return 1 if cost_uusd <= min(reckon(world, account), reckoned(world)[account].cash_uusd) else 0


@kernel
def steady(world: World, account: int) -> int:
    """1 where the tiers of all tickers an account is in are marginal: its needs then follow from its own doings alone."""
    held = watches(world)[account].held
    while held != 0:
        if margin_rules(world)[lowest_bit(held)].form != MARGINAL:
            return 0
        held &= held - 1
    return 1


@kernel
def initial_needed(world: World, account: int, except_ticker: int) -> int:
    """Initial margin of all positions, open orders and owed tokens of an account but one perp's (-1: all), micro-dollars."""
    total = collateral.margin_of_loans(world, account, 1)
    held = watches(world)[account].held
    while held != 0:
        ticker = lowest_bit(held)
        held &= held - 1
        if ticker != except_ticker:
            total += worst_case(world, account, ticker, 0, 0, 0, 0)
    return total


@kernel
def free_equity(world: World, account: int) -> int:
    """Equity less what resting spot orders have reserved, micro-dollars."""
    return equity(world, account) - balances(world)[balance_row(world, account, USD)].reserved


@kernel
def spare(world: World, account: int) -> int:
    """Equity beyond reserves and the initial margin of all positions and open orders, micro-dollars; negative where it lacks."""
    return free_equity(world, account) - initial_needed(world, account, -1)


@kernel
def cash(world: World, account: int) -> int:
    """Dollars that an account may spend, margin apart, micro-dollars.

    Profit of an open position cannot leave: what a position cost is added back to the dollars that it was paid with.
    """
    return available(world, account, USD) + open_cost(world, account)


@kernel
def withdrawable(world: World, account: int) -> int:
    """Dollars that may leave an account while it keeps its initial margin, micro-dollars."""
    return max(0, min(spare(world, account), cash(world, account)))


@kernel
def open_cost(world: World, account: int) -> int:
    """What the open positions of an account have cost, micro-dollars; negative where more was received."""
    total = 0
    held = watches(world)[account].held
    while held != 0:
        total += positions(world)[account * clock(world)[0].tickers + lowest_bit(held)].cost_uusd
        held &= held - 1
    return total


@kernel
def move(world: World, source: int, target: int, dollars: int) -> int:
    """Move dollars between an account and its bucket; 1 where done, 0 where the source would lack margin (MARG-6)."""
    assert accounts(world)[source].parent == target or accounts(world)[target].parent == source
    if dollars > withdrawable(world, source):
        return 0
    transfer(world, USD, source, target, dollars, BUCKET)
    note_change(world, source)
    note_change(world, target)
    return 1


@kernel
def prefetch_account(world: World, account: int) -> None:
    """Ask for what equity and requirements of an account are reckoned from, some time before they are."""
    prefetch(watches(world), account)
    prefetch(reckoned(world), account)
    prefetch(accounts(world), account)
    prefetch(balances(world), balance_row(world, account, USD))
    t = clock(world)[0].tickers
    for row in range(account * t, account * t + t):
        prefetch(positions(world), row)
        prefetch(accruals(world), row)


@kernel
def prefetch_change(world: World, account: int) -> None:
    """Ask for what a look at an account that changed needs."""
    prefetch_account(world, account)
    t = clock(world)[0].tickers
    for row in range(account * t, account * t + t):
        prefetch(trigger_nodes(world), loss_node(row))


@kernel
def prefetch_changes(world: World) -> None:
    """Ask for the first of those that `take_change` will return."""
    count = changed(world)[0].account
    for place in range(max(count - AHEAD, 0), count):
        prefetch_change(world, changed(world)[place + 1].account)


@kernel
def note_holding(world: World, account: int, ticker: int) -> None:
    """Remember that an account may have a position or open orders in a ticker."""
    watches(world)[account].held |= 1 << ticker


@kernel
def frozen(world: World, account: int) -> int:
    """1 while an account is being liquidated."""
    return watches(world)[account].frozen


@kernel
def freeze(world: World, account: int, on: int) -> None:
    """Forbid (1) or allow (0) an account's own orders."""
    watches(world)[account].frozen = on


@kernel
def note_change(world: World, account: int) -> None:
    """Put an account on the list of those to be looked at (MARG-5)."""
    reckoned(world)[account].second = 0
    w = watches(world)[account]
    if w.dirty == 0:
        w.dirty = 1
        changed(world)[0].account += 1
        changed(world)[changed(world)[0].account].account = account


@kernel
def note_everybody(world: World) -> None:
    """At a full hour funding was settled: everybody with a position is looked at again."""
    for account in range(clock(world)[0].accounts):
        if watches(world)[account].held != 0:
            note_change(world, account)


@kernel
def take_change(world: World) -> int:
    """Remove and return a changed account, or -1; what it no longer holds is forgotten."""
    count = changed(world)[0].account
    if count == 0:
        return -1
    changed(world)[0].account = count - 1
    account = changed(world)[count].account
    prefetch_change(world, changed(world)[max(count - AHEAD, 1)].account)
    w = watches(world)[account]
    w.dirty = 0
    rest = w.held
    while rest != 0:
        ticker = lowest_bit(rest)
        rest &= rest - 1
        row = account * clock(world)[0].tickers + ticker
        mine = open_orders(world)[2 * row]
        if positions(world)[row].size_lots == 0:
            disarm(world, loss_node(row))
            disarm(world, tier_node(row))
            if mine.buy_lots == 0 and mine.sell_lots == 0:
                w.held ^= 1 << ticker
    return account


@kernel
def arm_all(world: World, account: int, spare_uusd: int) -> None:
    """Set the prices at which an account must be looked at again (MARG-5).

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
def arm_index(world: World, account: int, ticker: int, radius: float) -> None:
    """Look again when an index has moved so far against an account's tokens, or against what it owes of them (MARG-5)."""
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
    """Find whose tokens or debts must be looked at after an index moved (MARG-5)."""
    new_ticks = oracles(world)[ticker].index_ticks
    if collateral.active(world) and new_ticks != old_ticks:
        cross(world, clock(world)[0].tickers + ticker, old_ticks, new_ticks)


@kernel
def arm_tier(world: World, account: int, ticker: int, lots: int) -> None:
    """Look again when the mark carries a position into the next tier (MARG-5)."""
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


@kernel
def equity_share(world: World, account: int, ticker: int) -> int:
    """The part of an account's equity that belongs to one of its positions: as its share of maintenance margin, micro-dollars.

    It has the sign of the equity. An only position has all of it, to the micro-dollar.
    """
    worth, mine, total = equity(world, account), maintenance(world, ticker, notional(world, account, ticker)), required(world, account)  # fmt: skip
    if mine == total:
        return worth
    return nearest(float(worth) * (float(mine) / float(total)))
