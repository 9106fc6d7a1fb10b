"""Funding: what longs pay shorts so that the perp stays near its index.

FUND-1  Each minute the premium (impact mid - index) / index is sampled; a minute without an impact mid has none.
FUND-2  Rate = mean of the middle half of the hour's samples after sorting, divided by the divisor, held within the cap.
        (Kraken, read 2026-04-29: 60 samples, the middle 30, divisor 24, cap 0.25 % an hour, no interest.)
FUND-3  Fewer samples than the least number: the previous rate stays.
FUND-4  The rate made in one hour is paid during the next; in dollars per lot it is rate x index at the hour's start.
FUND-5  It accrues each second and is settled when the net position changes and at each full hour.
FUND-6  Payers are rounded up, receivers down; accruals and crumbs are held by the funding clearing account.
FUND-7  By a knob the premium is that of the impact prices, (max(0, bid - index) - max(0, index - ask)) / index, in which a side that
        is missing counts nothing (Binance, dYdX v4); and a minute's sample the mean or the median of its seconds.
FUND-8  By a knob interest pulls the rate: (premium + interest - premium held within a band) x scale / divisor (BitMEX, Binance,
        Hyperliquid; scale one half: trade.xyz). Inside the band the rate is the interest alone.
FUND-9  By a knob the premium counts only beyond a dead band: max(band, premium) + min(-band, premium) (Deribit).
FUND-10 By a knob a rate is paid in one sum when its interval ends, on index or mark of that moment: in the interval after the one
        it was made in (BitMEX), or at once (Binance, Hyperliquid, dYdX v4).
FUND-11 By a knob a rate at its cap shortens the next interval, to an hour (Bybit) or to half of it (OKX: 8, 4, 2, 1 hours); one
        below its cap brings the full interval back. Interest is of the interval's length.
FUND-12 By a knob an offset is added to the premium, and the sum is held within a band before the divisor: (spread of the averages +
        an offset of the index) / 24 (Drift v2, whose offset is 1 / 5,000).
FUND-13 By a knob a rate is made each minute of the premium of that minute and accrues from then on (Deribit: continuously, on a
        basis of 8 h); the interval only says what a rate is for.
FUND-14 By a knob a person's own rule makes the rate: it is asked where an interval ends with enough samples. What it returns is
        rounded to the nearest billionth and held within the cap. Until then everybody expects the rate that is being paid.
FUND-15 By a knob a premium weighs as many times as its number in the interval, so that the last counts most (Bybit each minute,
        Binance each 5 s); taken each 5 s without weights all are alike (Hyperliquid).
FUND-16 By a knob an interval's premium is that of its averages, (mean impact mid - mean index) / mean index, over the seconds
        that have both (Drift v2: spread of the two time-weighted prices).
"""

from __future__ import annotations

from typing import Any

from offhours.sim.compile import kernel, rare
from offhours.sim.declare import A, Column, Knob, World, table
from offhours.sim.market.accounts import FUNDING, FUNDING_PAID, USD, transfer
from offhours.sim.market.ask import ask, asks, close, is_answered
from offhours.sim.market.ask import rate_of as row_of
from offhours.sim.market.clock import FUNDING_LOG, HOUR_US, MINUTE_US, SECOND_US, clock, log_row
from offhours.sim.market.money import MICRO, PPB, nearest, share_down
from offhours.sim.market.oracle import ALL_MISSING, INDEX_MISSING, impact_difference, oracles
from offhours.sim.market.positions import positions

SAMPLES = 480
"""Room for samples of one ticker: eight hours of minutes."""
NO_PREMIUM = -(1 << 62)
"""Stands for a premium that nobody could measure."""
VOTES = 60
"""Room for the premiums of one minute."""
FIVE_SECONDS_US = 5 * SECOND_US
"""Time between two premiums of the venues that sample so."""

PREMIUM_ALONE, CLAMPED, DEAD_BAND, OFFSET = 0, 1, 2, 3
IMPACT_MID, IMPACT_PRICES = 0, 1
ONCE_A_MINUTE, MEAN_OF_MINUTE, MEDIAN_OF_MINUTE, EACH_FIVE_SECONDS, OF_AVERAGES = 0, 1, 2, 3, 4
ALIKE, RISING = 0, 1
ACCRUED, NEXT_END, AT_ONCE, CONTINUOUS = 0, 1, 2, 3
ON_INDEX, ON_MARK = 0, 1
STAYS, TO_AN_HOUR, HALVED = 0, 1, 2


class FundingRules:
    """Funding of one perp."""

    interval_us: A[int, Knob("1h", "us", "1 h", "8 h", "time between two rates, in full hours", basis="rule: Kraken linear perps, 24 periods a day, API dump 2026-05-15")]  # fmt: skip
    kept_ppb: A[int, Knob("50 %", "ppb", "1 %", "100 %", "middle share of the sorted samples that is averaged", basis="rule: Kraken funding, read 2026-04-29: middle 30 of 60")]  # fmt: skip
    divisor: A[int, Knob("24", "count", "1", "1000", "the average premium is divided by this", basis="rule: Kraken funding, read 2026-04-29: n = 24; another source calls it an annualisation, so confirm with the venue")]  # fmt: skip
    cap_ppb: A[int, Knob("0.25 %", "ppb", "0 %", "100 %", "largest rate per interval, both ways", basis="rule: Kraken funding, read 2026-04-29; observed on SPYx 2025-12-17..2026-04-21 as exact bounds")]  # fmt: skip
    form: A[int, Knob("premium", "choice", "", "", "how an average premium becomes a rate", basis="rule: Kraken funding, read 2026-04-29: pure premium, no interest; each venue names its own", choices=("premium", "clamp", "dead band", "offset"))]  # fmt: skip
    premium: A[int, Knob("impact mid", "choice", "", "", "whose distance from the index the premium is", basis="rule: Kraken funding, read 2026-04-29: premium of the impact mid", choices=("impact mid", "impact prices"))]  # fmt: skip
    sampling: A[int, Knob("once a minute", "choice", "", "", "what stands for a minute", basis="rule: Kraken funding, read 2026-04-29: 60 samples an hour; dYdX v4 takes the median of a minute's votes, Binance samples each 5 s", choices=("once a minute", "mean of the minute", "median of the minute", "each 5 s", "averages"))]  # fmt: skip
    weights: A[int, Knob("alike", "choice", "", "", "how much each premium of an interval counts: all alike, or the k-th k times", basis="rule: Kraken funding, read 2026-04-29: the middle ones alike; Bybit help, as of 2026: coefficients 1, 2, .. 480; Binance FAQ: the same each 5 s", choices=("alike", "rising"))]  # fmt: skip
    interest_ppb: A[int, Knob("0 %", "ppb", "-1 %", "1 %", "interest that the form `clamp` draws the premium to, or what the form `offset` adds to it, before the divisor", basis="rule: Kraken funding, read 2026-04-29, has none; 0.01 % per 8 h at Binance, BitMEX and Hyperliquid")]  # fmt: skip
    band_ppb: A[int, Knob("0 %", "ppb", "0 %", "10 %", "band of the forms `clamp` and `dead band`, and the most that the form `offset` counts of premium and offset", basis="rule: Kraken funding, read 2026-04-29, has none; 0.05 % at Binance, BitMEX and Hyperliquid, 0.025 % at Deribit")]  # fmt: skip
    scale_ppb: A[int, Knob("100 %", "ppb", "0 %", "800 %", "what the rate is multiplied by before its cap", basis="rule: Kraken has none; one half at trade.xyz since 2025-12-19")]  # fmt: skip
    payment: A[int, Knob("accrued", "choice", "", "", "when a rate is paid: each second of the next interval, in one sum at the end of the next one or of its own, or from the minute it was made in", basis="rule: Kraken funding, read 2026-04-29: accrues continuously", choices=("accrued", "next end", "at once", "continuous"))]  # fmt: skip
    paid_on: A[int, Knob("index", "choice", "", "", "the price whose value a payment in one sum is a share of", basis="rule: Hyperliquid funding, 2026: size x oracle price x rate; BitMEX and Binance take the mark", choices=("index", "mark"))]  # fmt: skip
    at_cap: A[int, Knob("stays", "choice", "", "", "what becomes of the interval when a rate stands at its cap", basis="rule: Kraken states nothing of the kind; Bybit goes to 1 h, OKX to half (rule of 2026-04-14)", choices=("stays", "to an hour", "halved"))]  # fmt: skip
    samples_min: A[int, Knob("30", "count", "1", "480", "with fewer samples the previous rate stays", basis="chosen: no source; not half, because a quarter of an hour of quotes would set the rate; not twice, because one empty minute would then void the hour")]  # fmt: skip


class Funding:
    """One row a ticker."""

    rate_ppb: A[int, Column("i8", "ppb", "rate paid during this interval, per interval")]
    hourly_pusd: A[
        int,
        Column(
            "i8",
            "pusd",
            "what a long of one lot pays an hour, millionths of a micro-dollar; 0 where it is paid in one sum",
        ),
    ]
    paid_pusd: A[int, Column("i8", "pusd", "what a long of one lot has paid since the run began")]
    crumbs: A[int, Column("i8", "pusd x us", "remainder of the accrual")]
    samples: A[int, Column("i8", "count", "samples taken in this interval")]
    settled_us: A[int, Column("i8", "us", "accrued up to here")]
    interval_us: A[int, Column("i8", "us", "length of this interval")]
    votes: A[int, Column("i8", "count", "premiums taken in this minute")]
    answer_ppb: A[int, Column("i8", "ppb", "what a person's own rule has said last, before the cap")]
    points: A[int, Column("i8", "count", "premiums added up in this interval, where they are not kept to be sorted")]
    weighted_ppb: A[int, Column("i8", "ppb", "their sum by weight")]
    mids_usd: A[
        float, Column("f8", "usd", "sum of the impact mids of this interval's seconds, where averages are compared")
    ]
    indices_usd: A[float, Column("f8", "usd", "sum of the indices of the same seconds")]


class Sample:
    """SAMPLES rows a ticker."""

    premium_ppb: A[int, Column("i8", "ppb", "premium of a minute")]


class Vote:
    """VOTES rows a ticker."""

    premium_ppb: A[int, Column("i8", "ppb", "premium of a second")]


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
    interval_us: A[int, Column("i8", "us", "its length")]


funding_rules = table(FundingRules)
fundings = table(Funding)
samples = table(Sample)
votes = table(Vote)
accruals = table(Accrual)
funding_events = table(FundingEvent, recorded=True)


def check(rules: Any) -> tuple[str, str] | None:
    """What is wrong with a row of the rules: its column and a sentence; None where nothing is."""
    if rules.interval_us % HOUR_US or (8 * HOUR_US) % rules.interval_us:
        return "interval_us", "an interval is 1, 2, 4 or 8 hours"
    if rules.samples_min > rules.interval_us // MINUTE_US:
        return "samples_min", "an interval has no more minutes than that"
    summed = rules.weights == RISING or rules.sampling >= EACH_FIVE_SECONDS
    if summed and rules.kept_ppb != PPB:
        return "kept_ppb", "where premiums are added up as they come, all of them count: 100 %"
    if rules.weights == RISING and rules.sampling == OF_AVERAGES:
        return "weights", "averages weigh every second alike"
    return None


@kernel
def toward_zero(amount: int, divisor: int) -> int:
    """`amount` / `divisor` rounded towards zero; the divisor is positive."""
    return amount // divisor if amount >= 0 else -(-amount // divisor)


@kernel
def held_within(amount: int, most: int) -> int:
    """`amount` held between `-most` and `most`."""
    return min(max(amount, -most), most)


@kernel
def clamped_rate(premium_ppb: int, divisor: int, cap_ppb: int) -> int:
    """FUND-2, last part: an average premium divided and held within the cap, rounded towards zero. ppb per interval."""
    return held_within(toward_zero(premium_ppb, divisor), cap_ppb)


@kernel
def with_interest(premium_ppb: int, interest_ppb: int, band_ppb: int) -> int:
    """FUND-8: premium + clamp(interest - premium, -band, band). ppb."""
    return premium_ppb + held_within(interest_ppb - premium_ppb, band_ppb)


@kernel
def beyond_band(premium_ppb: int, band_ppb: int) -> int:
    """FUND-9: max(band, premium) + min(-band, premium). ppb."""
    return max(band_ppb, premium_ppb) + min(-band_ppb, premium_ppb)


@kernel
def scaled(rate_ppb: int, scale_ppb: int) -> int:
    """A rate times a scale in ppb, rounded towards zero."""
    return share_down(rate_ppb, scale_ppb) if rate_ppb >= 0 else -share_down(-rate_ppb, scale_ppb)


@kernel
def rate_of(form: int, premium_ppb: int, interest_ppb: int, band_ppb: int, scale_ppb: int, divisor: int, cap_ppb: int) -> int:  # fmt: skip
    """The rate that an average premium makes (FUND-2, FUND-8, FUND-9, FUND-12), ppb per interval, rounded towards zero."""
    drawn = premium_ppb
    if form == CLAMPED:
        drawn = with_interest(premium_ppb, interest_ppb, band_ppb)
    elif form == DEAD_BAND:
        drawn = beyond_band(premium_ppb, band_ppb)
    elif form == OFFSET:
        drawn = held_within(premium_ppb + interest_ppb, band_ppb)
    return clamped_rate(scaled(drawn, scale_ppb), divisor, cap_ppb)


@kernel
def impact_premium(index_usd: float, bid_usd: float, ask_usd: float) -> float:
    """FUND-7: premium of impact prices over the index, a missing side (-1) counting nothing. A share."""
    return impact_difference(index_usd, bid_usd, ask_usd) / index_usd


@kernel
def interval_after(interval_us: int, full_us: int, rate_ppb: int, cap_ppb: int, at_cap: int) -> int:
    """FUND-11: length of the interval after one whose rate was `rate_ppb`."""
    if at_cap == STAYS or abs(rate_ppb) < cap_ppb:
        return full_us
    return HOUR_US if at_cap == TO_AN_HOUR else max(HOUR_US, interval_us // 2)


@kernel
def weight_of(number: int, weights: int) -> int:
    """FUND-15: how many times the premium with this number, from 1, counts."""
    return number if weights == RISING else 1


@kernel
def sum_of_weights(count: int, weights: int) -> int:
    """FUND-15: 1 + 2 + .. + count where weights rise, else count."""
    return count * (count + 1) // 2 if weights == RISING else count


@kernel
def premium_of_averages(price: float, index: float) -> float:
    """FUND-16: premium of one average over another, a share; sums over the same seconds do as well."""
    return (price - index) / index


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
def begin(world: World, ticker: int) -> None:
    """Start with a full interval and no rate."""
    f = fundings(world)[ticker]
    f.interval_us = funding_rules(world)[ticker].interval_us
    f.settled_us = clock(world)[0].now_us


@kernel
def premium_now(world: World, ticker: int) -> int:
    """The premium of this second, ppb (FUND-1, FUND-7); NO_PREMIUM where there is none."""
    o = oracles(world)[ticker]
    if funding_rules(world)[ticker].premium == IMPACT_PRICES:
        if o.state == INDEX_MISSING or o.state == ALL_MISSING:
            return NO_PREMIUM
        return nearest(impact_premium(o.index_usd, o.impact_bid_usd, o.impact_ask_usd) * PPB)
    return o.premium_ppb if o.impact_usd > 0.0 else NO_PREMIUM


@kernel
def vote(world: World, ticker: int) -> None:
    """Keep this second's premium where a minute's sample is made of its seconds (FUND-7, FUND-15, FUND-16)."""
    sampling = funding_rules(world)[ticker].sampling
    if sampling == ONCE_A_MINUTE:
        return
    f, o = fundings(world)[ticker], oracles(world)[ticker]
    if sampling == OF_AVERAGES:
        if o.impact_usd > 0.0 and o.state != INDEX_MISSING and o.state != ALL_MISSING:
            f.mids_usd += o.impact_usd
            f.indices_usd += o.index_usd
            f.votes = 1
        return
    if sampling == EACH_FIVE_SECONDS and clock(world)[0].now_us % FIVE_SECONDS_US != 0:
        return
    premium = premium_now(world, ticker)
    if premium != NO_PREMIUM and sampling == EACH_FIVE_SECONDS:
        add_up(world, ticker, premium)
        f.votes = 1
    elif premium != NO_PREMIUM and f.votes < VOTES:
        votes(world)[ticker * VOTES + f.votes].premium_ppb = premium
        f.votes += 1


@kernel
def add_up(world: World, ticker: int, premium_ppb: int) -> None:
    """Add a premium to the sum of this interval, by its weight (FUND-15)."""
    f = fundings(world)[ticker]
    f.points += 1
    f.weighted_ppb += weight_of(f.points, funding_rules(world)[ticker].weights) * premium_ppb


@kernel
@rare
def average_premium(world: World, ticker: int) -> int:
    """The premium that stands for the interval that ends: by weight, of averages, or of the middle samples; ppb."""
    rules, f = funding_rules(world)[ticker], fundings(world)[ticker]
    if rules.sampling == OF_AVERAGES:
        return nearest(premium_of_averages(f.mids_usd, f.indices_usd) * PPB)
    if f.points > 0:
        return toward_zero(f.weighted_ppb, sum_of_weights(f.points, rules.weights))
    return trimmed_mean(world, ticker * SAMPLES, f.samples, rules.kept_ppb)


@kernel
def forget(world: World, ticker: int) -> None:
    """A new interval begins: no premium has been taken in it."""
    f = fundings(world)[ticker]
    f.samples = 0
    f.points = 0
    f.weighted_ppb = 0
    f.mids_usd = 0.0
    f.indices_usd = 0.0


@kernel
def minute_premium(world: World, ticker: int) -> int:
    """The premium that stands for the minute that ends now; NO_PREMIUM where it had none."""
    sampling = funding_rules(world)[ticker].sampling
    if sampling == ONCE_A_MINUTE:
        return premium_now(world, ticker)
    f, first = fundings(world)[ticker], ticker * VOTES
    count = f.votes
    f.votes = 0
    if count == 0:
        return NO_PREMIUM
    if sampling >= EACH_FIVE_SECONDS:
        # Added up already; only that there was one is counted.
        return oracles(world)[ticker].premium_ppb
    if sampling == MEAN_OF_MINUTE:
        total = 0
        for row in range(first, first + count):
            total += votes(world)[row].premium_ppb
        return toward_zero(total, count)
    for i in range(first + 1, first + count):
        value = votes(world)[i].premium_ppb
        j = i
        while j > first and votes(world)[j - 1].premium_ppb > value:
            votes(world)[j].premium_ppb = votes(world)[j - 1].premium_ppb
            j -= 1
        votes(world)[j].premium_ppb = value
    lower, upper = votes(world)[first + (count - 1) // 2].premium_ppb, votes(world)[first + count // 2].premium_ppb
    return toward_zero(lower + upper, 2)


@kernel
def sample(world: World, ticker: int) -> None:
    """Take this minute's premium (FUND-1)."""
    rules, f = funding_rules(world)[ticker], fundings(world)[ticker]
    premium = minute_premium(world, ticker)
    if premium != NO_PREMIUM and f.samples < SAMPLES:
        samples(world)[ticker * SAMPLES + f.samples].premium_ppb = premium
        f.samples += 1
        if rules.weights == RISING and rules.sampling < EACH_FIVE_SECONDS:
            add_up(world, ticker, premium)
    if premium != NO_PREMIUM and rules.payment == CONTINUOUS:
        f.rate_ppb = coming_ppb(world, ticker)
        f.hourly_pusd = hourly_of(world, ticker)


@kernel
def restless(world: World) -> int:
    """1 where a ticker's rate changes within the hour (FUND-13), so that what was safe until the hour may not be."""
    for ticker in range(clock(world)[0].tickers):
        if funding_rules(world)[ticker].payment == CONTINUOUS:
            return 1
    return 0


@kernel
def hourly_of(world: World, ticker: int) -> int:
    """What a long of one lot pays an hour at the rate and the index of now, millionths of a micro-dollar."""
    o, f = oracles(world)[ticker], fundings(world)[ticker]
    return nearest(f.rate_ppb * o.index_usd * o.lot_shares * 1000.0 / (f.interval_us // HOUR_US))


@kernel
def coming_ppb(world: World, ticker: int) -> int:
    """The rate that the premium of now, or the last one known, would make if it stood for a whole interval; ppb."""
    premium = premium_now(world, ticker)
    if premium == NO_PREMIUM:
        premium = oracles(world)[ticker].premium_ppb
    rules = funding_rules(world)[ticker]
    return rate_of(rules.form, premium, rules.interest_ppb, rules.band_ppb, rules.scale_ppb, rules.divisor, rules.cap_ppb)  # fmt: skip


@kernel
def left(world: World, ticker: int) -> float:
    """Share of the interval that is to come; 0 at the instant at which it ends."""
    interval_us = fundings(world)[ticker].interval_us
    past_us = clock(world)[0].now_us % interval_us
    return 0.0 if past_us == 0 else (interval_us - past_us) / interval_us


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
@rare
def pay(world: World, ticker: int, rate_ppb: int) -> None:
    """Let a rate fall due in one sum, on index or mark of this moment (FUND-10)."""
    o, f = oracles(world)[ticker], fundings(world)[ticker]
    price_usd = o.index_usd
    if funding_rules(world)[ticker].paid_on == ON_MARK:
        price_usd = o.mark_ticks * o.tick_usd
    f.paid_pusd += nearest(rate_ppb * price_usd * o.lot_shares * 1000.0)


@kernel
def enough(world: World, ticker: int) -> int:
    """1 where the interval has had enough samples for a rate (FUND-3); a shortened one needs as large a share of its minutes."""
    rules, f = funding_rules(world)[ticker], fundings(world)[ticker]
    return 1 if f.samples * rules.interval_us >= rules.samples_min * f.interval_us else 0


@kernel
@rare
def make_rate(world: World, ticker: int) -> None:
    """Make a rate of the samples of the interval that ends, where there are enough (FUND-2, FUND-3, FUND-8, FUND-9)."""
    rules, f = funding_rules(world)[ticker], fundings(world)[ticker]
    if rules.payment == CONTINUOUS:
        forget(world, ticker)
        return
    if is_answered(world, row_of(ticker)):
        f.rate_ppb = held_within(f.answer_ppb, rules.cap_ppb)
        close(world)
    elif enough(world, ticker):
        average = average_premium(world, ticker)
        interest_ppb = toward_zero(rules.interest_ppb * (f.interval_us // HOUR_US), rules.interval_us // HOUR_US)
        f.rate_ppb = rate_of(rules.form, average, interest_ppb, rules.band_ppb, rules.scale_ppb, rules.divisor, rules.cap_ppb)  # fmt: skip
    forget(world, ticker)


@kernel
@rare
def turn(world: World, ticker: int) -> int:
    """At a full hour: settle everybody; at the end of an interval start the next rate (FUND-2 to FUND-4, FUND-10).

    1 where it waits for a rate, with nothing done yet (FUND-14).
    """
    rules, f, o = funding_rules(world)[ticker], fundings(world)[ticker], oracles(world)[ticker]
    now_us = clock(world)[0].now_us
    ends = now_us % f.interval_us == 0
    taken = f.samples
    if ends and asks(world, row_of(ticker)) and enough(world, ticker) and not is_answered(world, row_of(ticker)):
        ask(world, row_of(ticker))
        return 1
    if ends and rules.payment == NEXT_END:
        pay(world, ticker, f.rate_ppb)
    if ends:
        make_rate(world, ticker)
    if ends and rules.payment == AT_ONCE:
        pay(world, ticker, f.rate_ppb)
    settle_all(world, ticker)
    if not ends:
        return 0
    f.interval_us = interval_after(f.interval_us, rules.interval_us, f.rate_ppb, rules.cap_ppb, rules.at_cap)
    hourly = hourly_of(world, ticker)
    f.hourly_pusd = hourly if rules.payment == ACCRUED or rules.payment == CONTINUOUS else 0
    event = funding_events(world)[log_row(world, FUNDING_LOG)]
    event.time_us = now_us
    event.ticker = ticker
    event.rate_ppb = f.rate_ppb
    event.hourly_pusd = hourly
    event.samples = taken
    event.index_usd = o.index_usd
    event.interval_us = f.interval_us
    return 0
