"""Funding: what longs pay shorts so that the perp stays near its index.

FUND-1  Each minute the premium (impact mid - index) / index is sampled; a minute without an impact mid has none.
FUND-2  Rate = mean of the middle half of the hour's samples after sorting, divided by the divisor, held within the cap.
        (Kraken, read 2026-04-29: 60 samples, the middle 30, divisor 24, cap 0.25 % an hour, no interest.)
FUND-3  Fewer samples than the least number: the previous rate stays.
FUND-4  The rate made in one hour is paid during the next; in dollars per lot it is rate x index at the hour's start.
FUND-5  It accrues each second and is settled when the net position changes and at each full hour.
FUND-6  Payers are rounded up, receivers down; accruals and crumbs are held by the funding clearing account.
"""

from __future__ import annotations

from offhours.sim.compile import kernel
from offhours.sim.declare import A, Column, Knob, World, table
from offhours.sim.market.accounts import FUNDING, FUNDING_PAID, USD, transfer
from offhours.sim.market.clock import FUNDING_LOG, HOUR_US, MINUTE_US, SECOND_US, clock, log_row
from offhours.sim.market.money import MICRO, PPB, nearest
from offhours.sim.market.oracle import oracles
from offhours.sim.market.positions import positions

SAMPLES = 480
"""Room for samples of one ticker: eight hours of minutes."""


class FundingRules:
    """Funding of one perp."""

    interval_us: A[int, Knob("1h", "us", "1 h", "8 h", "time between two rates, in full hours", basis="rule: Kraken linear perps, 24 periods a day, API dump 2026-05-15")]  # fmt: skip
    kept_ppb: A[int, Knob("50 %", "ppb", "1 %", "100 %", "middle share of the sorted samples that is averaged", basis="rule: Kraken funding, read 2026-04-29: middle 30 of 60")]  # fmt: skip
    divisor: A[int, Knob("24", "count", "1", "1000", "the average premium is divided by this", basis="rule: Kraken funding, read 2026-04-29: n = 24; another source calls it an annualisation, so confirm with the venue")]  # fmt: skip
    cap_ppb: A[int, Knob("0.25 %", "ppb", "0 %", "4 %", "largest rate per interval, both ways", basis="rule: Kraken funding, read 2026-04-29; observed on SPYx 2025-12-17..2026-04-21 as exact bounds")]  # fmt: skip
    samples_min: A[int, Knob("30", "count", "1", "480", "with fewer samples the previous rate stays", basis="chosen: no source; not half, because a quarter of an hour of quotes would set the rate; not twice, because one empty minute would then void the hour")]  # fmt: skip


class Funding:
    """One row a ticker."""

    rate_ppb: A[int, Column("i8", "ppb", "rate paid during this interval, per interval")]
    hourly_pusd: A[int, Column("i8", "pusd", "what a long of one lot pays an hour, millionths of a micro-dollar")]
    paid_pusd: A[int, Column("i8", "pusd", "what a long of one lot has paid since the run began")]
    crumbs: A[int, Column("i8", "pusd x us", "remainder of the accrual")]
    samples: A[int, Column("i8", "count", "samples taken in this interval")]
    settled_us: A[int, Column("i8", "us", "accrued up to here")]


class Sample:
    """SAMPLES rows a ticker."""

    premium_ppb: A[int, Column("i8", "ppb", "premium of a minute")]


class Accrual:
    """One row per account and ticker, as positions."""

    from_pusd: A[int, Column("i8", "pusd", "the ticker's `paid_pusd` up to which this position has settled")]


class FundingEvent:
    """A rate that began to be paid."""

    time_us: A[int, Column("i8", "us", "start of the interval")]
    ticker: A[int, Column("i8", "ticker", "number of the ticker")]
    rate_ppb: A[int, Column("i8", "ppb", "rate per interval")]
    hourly_pusd: A[int, Column("i8", "pusd", "dollars (10^-12) a lot pays an hour")]
    samples: A[int, Column("i8", "count", "premium samples behind it")]
    index_usd: A[float, Column("f8", "usd", "index at the start of the interval")]


funding_rules = table(FundingRules)
fundings = table(Funding)
samples = table(Sample)
accruals = table(Accrual)
funding_events = table(FundingEvent, recorded=True)


@kernel
def clamped_rate(premium_ppb: int, divisor: int, cap_ppb: int) -> int:
    """FUND-2, last part: an average premium divided and held within the cap, rounded towards zero. ppb per interval."""
    size = abs(premium_ppb) // divisor
    rate = min(size, cap_ppb)
    return rate if premium_ppb >= 0 else -rate


@kernel
def trimmed_mean(world: World, first: int, count: int, kept_ppb: int) -> int:
    """FUND-2, first part: mean of the middle share of `count` samples from row `first`, which are sorted in place. ppb."""
    for i in range(first + 1, first + count):
        value = samples(world)[i].premium_ppb
        j = i
        while j > first and samples(world)[j - 1].premium_ppb > value:
            samples(world)[j].premium_ppb = samples(world)[j - 1].premium_ppb
            j -= 1
        samples(world)[j].premium_ppb = value
    kept = max(1, count * kept_ppb // PPB)
    skipped = (count - kept) // 2
    total = 0
    for i in range(first + skipped, first + skipped + kept):
        total += samples(world)[i].premium_ppb
    return total // kept


@kernel
def sample(world: World, ticker: int) -> None:
    """Take this minute's premium (FUND-1)."""
    o = oracles(world)[ticker]
    if o.impact_usd > 0.0 and fundings(world)[ticker].samples < SAMPLES:
        f = fundings(world)[ticker]
        samples(world)[ticker * SAMPLES + f.samples].premium_ppb = o.premium_ppb
        f.samples += 1


@kernel
def accrue(world: World, ticker: int) -> None:
    """Bring the accrual of a ticker to the present (FUND-5)."""
    f = fundings(world)[ticker]
    now_us = clock(world)[0].now_us
    if f.hourly_pusd != 0:
        grown = f.hourly_pusd * (now_us - f.settled_us) + f.crumbs
        f.paid_pusd += grown // HOUR_US
        f.crumbs = grown % HOUR_US
    f.settled_us = now_us


@kernel
def owed(world: World, account: int, ticker: int) -> int:
    """What a position owes since it last settled, micro-dollars rounded against it; negative where it receives."""
    row = account * clock(world)[0].tickers + ticker
    lots = positions(world)[row].size_lots
    if lots == 0:
        return 0
    return -((-lots * (fundings(world)[ticker].paid_pusd - accruals(world)[row].from_pusd)) // MICRO)


@kernel
def payable_to_hour(world: World, account: int, ticker: int) -> int:
    """What a position will still pay until the next full hour, micro-dollars; 0 where it receives."""
    lots = positions(world)[account * clock(world)[0].tickers + ticker].size_lots
    f = fundings(world)[ticker]
    if lots * f.hourly_pusd <= 0:
        return 0
    rest_s = (HOUR_US - clock(world)[0].now_us % HOUR_US) // SECOND_US + 1
    return abs(lots) * (abs(f.hourly_pusd) // 3600 + 1) // MICRO * rest_s + rest_s


@kernel
def settle(world: World, account: int, ticker: int) -> None:
    """Pay or receive what has accrued (FUND-5, FUND-6)."""
    row = account * clock(world)[0].tickers + ticker
    dollars = owed(world, account, ticker)
    if dollars > 0:
        transfer(world, USD, account, FUNDING, dollars, FUNDING_PAID)
    elif dollars < 0:
        transfer(world, USD, FUNDING, account, -dollars, FUNDING_PAID)
    accruals(world)[row].from_pusd = fundings(world)[ticker].paid_pusd


@kernel
def settle_all(world: World, ticker: int) -> None:
    """Settle every open position of a ticker."""
    c = clock(world)[0]
    for account in range(c.accounts):
        if positions(world)[account * c.tickers + ticker].size_lots != 0:
            settle(world, account, ticker)


@kernel
def turn(world: World, ticker: int) -> None:
    """At a full hour: settle everybody; at the end of an interval start the next rate (FUND-2 to FUND-4)."""
    settle_all(world, ticker)
    rules = funding_rules(world)[ticker]
    now_us = clock(world)[0].now_us
    if now_us % rules.interval_us != 0:
        return
    f = fundings(world)[ticker]
    if f.samples >= rules.samples_min:
        average = trimmed_mean(world, ticker * SAMPLES, f.samples, rules.kept_ppb)
        f.rate_ppb = clamped_rate(average, rules.divisor, rules.cap_ppb)
    hours = rules.interval_us // HOUR_US
    o = oracles(world)[ticker]
    f.hourly_pusd = nearest(f.rate_ppb * o.index_usd * o.lot_shares * 1000.0 / hours)
    event = funding_events(world)[log_row(world, FUNDING_LOG)]
    event.time_us = now_us
    event.ticker = ticker
    event.rate_ppb = f.rate_ppb
    event.hourly_pusd = f.hourly_pusd
    event.samples = f.samples
    event.index_usd = o.index_usd
    f.samples = 0


@kernel
def due_minute(now_us: int) -> int:
    """1 at a full minute."""
    return 1 if now_us % MINUTE_US == 0 else 0


# Formulas of venues ---------------------------------------------------------------------------------------------------
#
# Plain functions of numbers, exact where fractions go in: rates and premiums are shares of one, prices are dollars. A positive
# rate is paid by longs.


def interest_of_currencies(quote: float, base: float, intervals: float) -> float:
    """Interest part of funding: what borrowing the quote costs more than the base, per interval (BitMEX)."""
    return (quote - base) / intervals


def two_sided_rate(premium: float, free: float) -> float:
    """Funding that is nothing for premiums within `free` either way, and what is beyond it outside (Deribit)."""
    return max(free, premium) + min(-free, premium)


def held_spread(mark_average: float, oracle_average: float, part: float) -> float:
    """Spread of two averages, at most a part of the oracle's either way (Drift v2)."""
    most = oracle_average * part
    return min(max(mark_average - oracle_average, -most), most)


def spread_funding(spread: float, oracle_average: float, offset: float, periods: float) -> float:
    """Dollars a unit pays in one of `periods` a day: the spread and an offset of the oracle price (Drift v2)."""
    return (spread + oracle_average * offset) / periods


def larger_side_rate(factor: float, imbalance_raised: float, open_interest: float) -> float:
    """Rate a second that the larger side pays: factor x imbalance ^ exponent / open interest (GMX v2)."""
    return factor * imbalance_raised / open_interest


def smaller_side_rate(paid: float, larger: float, smaller: float) -> float:
    """Rate a second that the smaller side receives (negative), so that what is paid is received (GMX v2)."""
    return -paid * larger / smaller


def interest_clamped_payment(
    internal: float, external: float, years: float, interest: float, lower: float, upper: float
) -> float:
    """Dollars a unit pays for a period: spread of the averages, with interest on the external one clamped (Vega 0053-PERP)."""
    carried = (1 + years * interest) * external - internal
    return internal - external + min(upper * external, max(lower * external, carried))


def bounded_payment(payment: float, external: float, scaling: float, lower: float, upper: float) -> float:
    """A payment scaled, its rate held within bounds (Vega 0053-PERP: modifiers)."""
    return min(max(payment * scaling, lower * external), upper * external)


def average_over_time(
    points: tuple[tuple[float, float], ...], begin: float, end: float, pause_from: float, pause_to: float
) -> float:
    """Average of a price known from instants (time, price) on, over a period without a pause in it (Vega 0053-PERP)."""
    total: float = 0
    for number, (start, price) in enumerate(points):
        stop = points[number + 1][0] if number + 1 < len(points) else end
        first, last = max(start, begin), min(stop, end)
        counted = max(0, last - first) - max(0, min(last, pause_to) - max(first, pause_from))
        total += price * counted
    return total / (end - begin - (pause_to - pause_from))


def amortised_rate(premium: float, hours: float, cap: float) -> float:
    """Rate an hour of a premium that is paid off over so many hours, capped (Derive)."""
    return min(max(premium / hours, -cap), cap)


def broker_rate(pure: float, side: float, broker: float) -> float:
    """Rollover of a side: the pure rate of longs with the side's sign, and what the broker takes from both (Ostium)."""
    return side * pure + broker


def index_payment(rate: float, index: float, size: float) -> float:
    """Dollars that a position pays (signed size): rate x index x size."""
    return rate * index * size


def accrued_payment(mark: float, index: float, size: float, hours: float, basis_hours: float) -> float:
    """Dollars paid where the distance of mark and index accrues over a basis of hours (Thalex: 24; Deribit: 8)."""
    return (mark - index) * size * hours / basis_hours


def inverse_value(contracts: float, price: float) -> float:
    """Value of inverse contracts of one dollar in coin."""
    return contracts / price


def inverse_profit(contracts: float, entry: float, leave: float) -> float:
    """Profit in coin of inverse contracts of one dollar (signed: positive for a long)."""
    return contracts * (1 / entry - 1 / leave)


def index_change_quantums(rate_ppm: int, price: int, hours_eighths: int, exponent: int) -> int:
    """Change of the funding index: ``rate x price x hours/8 x 10^exponent``, rounded towards zero (dYdX v4).

    The rate is for 8 hours in ppm, and the exponent the sum of the price's exponent, the market's resolution and 6.
    """
    numerator = rate_ppm * price * hours_eighths * int(10 ** max(exponent, 0))
    denominator = 8 * int(10 ** max(-exponent, 0))
    return numerator // denominator if numerator >= 0 else -(-numerator // denominator)


def anchored_price(spot: float, kappa: float, iota: float, quote_rate: float, base_rate: float) -> float:
    """Perp price without arbitrage in continuous time, linear contract (Ackerer, Hugonnier, Jermann 2025)."""
    return spot * (kappa - iota) / (kappa + base_rate - quote_rate)


def anchored_price_discrete(spot: float, kappa: float, iota: float, quote_rate: float, base_rate: float) -> float:
    """The same where funding is paid once a period; rates are per period."""
    return spot * (kappa - iota) * (1 + base_rate) / (base_rate - quote_rate + kappa * (1 + base_rate))


def inverse_anchored_price(spot: float, kappa: float, iota: float, quote_rate: float, base_rate: float) -> float:
    """The same for an inverse contract in continuous time."""
    return spot * (kappa + quote_rate - base_rate) / (kappa - iota)


def inverse_anchored_price_discrete(
    spot: float, kappa: float, iota: float, quote_rate: float, base_rate: float
) -> float:
    """The same for an inverse contract where funding is paid once a period."""
    return spot * (quote_rate - base_rate + kappa * (1 + quote_rate)) / ((kappa - iota) * (1 + quote_rate))


def quanto_anchored_price(
    spot: float, kappa: float, iota: float, quote_rate: float, third_rate: float, correlation: float, spot_vol: float, rate_vol: float
) -> float:  # fmt: skip
    """The same for a quanto contract in continuous time: margin in a third currency."""
    return spot * (kappa - iota) / (kappa + third_rate - quote_rate - correlation * spot_vol * rate_vol)
