"""Funding: the premium, the rate of an interval, and what a position pays."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

from offhours.sim.compile import uncompiled
from offhours.sim.forms.form import (
    MICRO,
    PPB,
    Value,
    form,
    in_micro,
    in_ppb,
    in_ppm,
    step,
    toward_zero_in_micro,
    up_to_micro,
)
from offhours.sim.forms.prices import impact_difference, price_of_value
from offhours.sim.market import funding


def interest_of_currencies(quote: float, base: float, intervals: float) -> float:
    """Interest part of funding: what borrowing the quote costs more than the base, per interval (BitMEX)."""
    return (quote - base) / intervals


def held_spread(spread: float, most: float) -> float:
    """A spread of two averages with its offset, at most so much either way (Drift v2)."""
    return min(max(spread, -most), most)


def spread_funding_nano(spread: int, periods: int) -> int:
    """Billionths of a dollar that a unit pays in one of `periods` a day, rounded towards zero (Drift v2); the spread in millionths."""
    return spread * 1_000 // periods if spread >= 0 else -(-spread * 1_000 // periods)


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


def amortised_rate_with_interest(premium: float, hours: float, interest: float, cap: float) -> float:
    """The same with interest an hour on top (Lighter)."""
    return amortised_rate(premium + interest * hours, hours, cap)


def broker_rate(pure: float, side: float, broker: float) -> float:
    """Rollover of a side: the pure rate of longs with the side's sign, and what the broker takes from both (Ostium)."""
    return side * pure + broker


def index_payment(rate: float, index: float, size: float) -> float:
    """Dollars that a position pays (signed size): rate x index x size."""
    return rate * index * size


def accrued_payment(mark: float, index: float, size: float, hours: float, basis_hours: float) -> float:
    """Dollars paid where the distance of mark and index accrues over a basis of hours (Thalex: 24)."""
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


def premium_ppm(index: int, bid: int, ask: int) -> int:
    """Premium of impact prices in ppm, rounded towards zero, a missing side (-1) counting nothing (dYdX v4).

    Index and prices are in one unit, whatever it is, so that the division is exact.
    """
    above = max(0, bid - index) if bid > 0 else 0
    below = max(0, index - ask) if ask > 0 else 0
    return (above * 1_000_000) // index - (below * 1_000_000) // index


def _quote(levels: Value, value: Fraction) -> Fraction:
    """Impact price of a side, -1 where it is too thin or empty."""
    return Fraction(price_of_value(levels, value)) if levels else Fraction(-1)  # type: ignore[arg-type]


def _whole_units(*prices: Fraction) -> tuple[int, ...]:
    """Prices in one unit that makes all of them whole, -1 staying what it is."""
    unit = math.lcm(*(price.denominator for price in prices))
    return tuple(-1 if price < 0 else int(price * unit) for price in prices)


form(
    "premium", "kraken", "Kraken, funding of linear perpetuals: premium of the impact mid (FUND-1)", "impact_bid price; impact_ask price; index price",
    step("impact_mid", "price", "(impact_bid + impact_ask) / 2", lambda impact_bid, impact_ask: (impact_bid + impact_ask) / 2),
    step("premium", "rate", "ppb((impact_mid - index) / index)", lambda impact_mid, index: Fraction(in_ppb((impact_mid - index) / index), PPB)),
)  # fmt: skip
for _name, _source in (
    ("binance", "Binance: premium index from impact bid and ask (FUND-7)"),
    ("bitmex", "BitMEX, perpetual contracts guide: premium index (FUND-7)"),
    ("bybit", "Bybit: premium index from impact bid and ask (FUND-7)"),
    ("okx", "OKX: premium index from impact bid and ask (FUND-7)"),
    ("hyperliquid", "Hyperliquid: premium from impact prices (FUND-7)"),
    ("trade-xyz", "trade.xyz: premium from impact prices (FUND-7)"),
    ("lighter", "Lighter: premium from impact prices of 500 USDC over the initial margin fraction"),
):
    form(
        "premium", _name, _source, "impact_bid price; impact_ask price; index price",
        step("premium", "rate", "(max(0, impact_bid - index) - max(0, index - impact_ask)) / index", lambda index, bid, ask: impact_difference(index, bid, ask) / index, "index impact_bid impact_ask"),
    )  # fmt: skip
form(
    "premium", "okx-2024", "OKX Help, until April 2025: middle of best bid and ask over the index", "bid price; ask price; index price",
    step("middle", "price", "(bid + ask) / 2", lambda bid, ask: (bid + ask) / 2),
    step("premium", "rate", "(middle - index) / index", funding.premium_of_averages, "middle index"),
)  # fmt: skip
form(
    "premium", "dydx", "dydxprotocol/v4-chain, memclob premium votes: impact notional, whole ppm", "bids level* = none; asks level* = none; impact money = 5000; index price",
    step("impact_bid", "price", "look up: average price at which the bids take the impact notional, -1 where they are too thin", _quote, "bids impact"),
    step("impact_ask", "price", "look up: average price at which the asks give the impact notional, -1 where they are too thin", _quote, "asks impact"),
    step("premium", "rate", "truncated((max(0, impact_bid - index) - (max(0, index - impact_ask) if impact_ask > 0 else 0)) / index)", lambda index, bid, ask: Fraction(premium_ppm(*_whole_units(index, bid, ask)), MICRO), "index impact_bid impact_ask"),
)  # fmt: skip
form(
    "premium", "deribit", "Deribit: (mark - index) / index", "mark price; index price",
    step("premium", "rate", "(mark - index) / index", lambda mark, index: (mark - index) / index),
)  # fmt: skip


def _averaged(premiums: Value, kept: Fraction, rising: Fraction) -> Fraction:
    """FUND-2, first part, and FUND-15, as the market has them: whole billionths; the middle share, or by rising weights."""
    if rising == 1:
        weight, weights, down = (
            uncompiled(f) for f in (funding.weight_of, funding.sum_of_weights, funding.toward_zero)
        )
        total = sum(weight(k, funding.RISING) * in_ppb(premium) for k, premium in enumerate(premiums, 1))
        return Fraction(down(total, weights(len(premiums), funding.RISING)), PPB)
    if not 0 < kept <= 1:
        raise ValueError("the middle share is one of all")
    ordered = sorted(in_ppb(premium) for premium in premiums)
    count = max(1, int(len(ordered) * kept))
    skipped = (len(ordered) - count) // 2
    return Fraction(sum(ordered[skipped : skipped + count]) // count, PPB)


def _rate(shape: int) -> Callable[..., Fraction]:
    made = uncompiled(funding.rate_of)

    def rate(
        average: Fraction, interest: Fraction, band: Fraction, scale: Fraction, divisor: Fraction, cap: Fraction
    ) -> Fraction:
        return Fraction(
            made(shape, in_ppb(average), in_ppb(interest), in_ppb(band), in_ppb(scale), int(divisor), in_ppb(cap)), PPB
        )

    return rate


_FUNDING_KNOBS = {
    name: f"perp.funding.{name}" for name in ("kept", "interest", "band", "scale", "divisor", "cap")
} | {"rising": "perp.funding.weights"}  # fmt: skip
_AVERAGE = step(
    "average",
    "rate",
    "look up: mean of the middle `kept` share of the premiums, sorted, rounded down; where weights rise (1 x first + 2 x second + ..) / (1 + 2 + ..), rounded towards zero; to a billionth",
    _averaged,
    "premiums kept rising",
)

for _name, _source, _kept, _interest, _band, _scale, _divisor, _cap in (
    ("kraken", "Kraken, funding of linear perpetuals, read 2026-04-29 (FUND-2)", "50 %", "0", "0", "100 %", "24", "0.25 %"),
    ("binance", "Binance: F = [P + clamp(I - P, -0.05 %, 0.05 %)] / (8 / N) (FUND-8)", "100 %", "0.01 %", "0.05 %", "100 %", "1", "2 %"),
    ("bitmex", "BitMEX, perpetual contracts guide (FUND-8)", "100 %", "0.01 %", "0.05 %", "100 %", "1", "1.875 %"),
    ("bybit", "Bybit: F = P + clamp(I - P, -0.05 %, 0.05 %) (FUND-8)", "100 %", "0.01 %", "0.05 %", "100 %", "1", "2 %"),
    ("okx", "OKX, announcement for April 2025: clamp(average premium + clamp(I - average premium, 0.05 %, -0.05 %), cap, floor), I = 0.03 % / (24 / interval), the average weighted (FUND-8)", "100 %", "0.01 %", "0.05 %", "100 %", "1", "1.5 %"),
    ("hyperliquid", "Hyperliquid: 8 h rate paid an eighth each hour, at most 4 % an hour (FUND-8)", "100 %", "0.01 %", "0.05 %", "100 %", "8", "4 %"),
    ("trade-xyz", "trade.xyz: half of P + clamp(r - P, -0.05 %, 0.05 %) since 2025-12-19, at most 4 % an hour (FUND-8)", "100 %", "0.01 %", "0.05 %", "50 %", "8", "4 %"),
    ("deribit", "Deribit: max(0.025 %, P) + min(-0.025 %, P), per 8 h (FUND-9)", "100 %", "0", "0.025 %", "100 %", "1", "0.5 %"),
    ("drift-rate", "Drift v2 as shares of the oracle price: the spread and an offset, held within a band (FUND-12)", "100 %", "0.02 %", "10 %", "100 %", "24", "4 %"),
):  # fmt: skip
    _shape = {"kraken": funding.PREMIUM_ALONE, "deribit": funding.DEAD_BAND, "drift-rate": funding.OFFSET}.get(
        _name, funding.CLAMPED
    )
    _drawn = {
        funding.PREMIUM_ALONE: "average",
        funding.CLAMPED: "(average + min(max(interest - average, -band), band))",
        funding.DEAD_BAND: "(max(band, average) + min(-band, average))",
        funding.OFFSET: "min(max(average + interest, -band), band)",
    }[_shape]
    form(
        "funding-rate", _name, _source,
        f"premiums rate*; kept rate = {_kept}; rising flag = {'yes' if _name in ('binance', 'bybit', 'okx') else 'no'}; interest rate = {_interest}; band rate = {_band}; scale rate = {_scale}; divisor whole = {_divisor}; cap rate = {_cap}",
        _AVERAGE,
        step("rate", "rate", f"min(max(ppb({_drawn} * scale / divisor), -cap), cap)", _rate(_shape), "average interest band scale divisor cap"),
        **_FUNDING_KNOBS,
    )  # fmt: skip
form(
    "funding-rate", "okx-2024", "OKX Help, until April 2025: clamp(average of premium - interest, cap), interest 0", "premiums rate*; interest rate = 0; cap rate = 1.5 %",
    step("average", "rate", "sum(premiums) / len(premiums) - interest", lambda premiums, interest: sum(premiums) / len(premiums) - interest),
    step("rate", "rate", "min(max(average, -cap), cap)", lambda average, cap: min(max(average, -cap), cap)),
)  # fmt: skip
form(
    "funding-rate", "lighter", "Lighter documentation, funding: mean of 60 premiums / 8 + interest, within 0.5 % an hour", "premiums rate*; interest rate = 0; hours number = 8; cap rate = 0.5 %",
    step("average", "rate", "sum(premiums) / len(premiums)", lambda premiums: sum(premiums) / len(premiums)),
    step("rate", "rate", "min(max(average / hours + interest, -cap), cap)", amortised_rate_with_interest, "average hours interest cap"),
)  # fmt: skip
form(
    "funding-rate", "dydx", "dydxprotocol/v4-chain, x/perpetuals: 8 h rate, held within 600 % of initial less maintenance margin", "premiums rate*; initial rate; maintenance rate; factor rate = 600 %",
    step("average", "rate", "truncated(sum(premiums) / len(premiums))", lambda premiums: Fraction(in_ppm(sum(premiums) / len(premiums)), MICRO)),
    step("cap", "rate", "factor * (initial - maintenance)", lambda factor, initial, maintenance: factor * (initial - maintenance)),
    step("rate", "rate", "min(max(average, -cap), cap)", lambda average, cap: Fraction(uncompiled(funding.held_within)(in_ppm(average), in_ppm(cap)), MICRO)),
)  # fmt: skip
form(
    "funding-rate", "interest", "BitMEX, perpetual contracts guide: interest of the two currencies, per interval", "quote_rate rate; base_rate rate; intervals number = 3",
    step("rate", "rate", "(quote_rate - base_rate) / intervals", interest_of_currencies, "quote_rate base_rate intervals"),
)  # fmt: skip
form(
    "funding-rate", "drift", "drift-labs/protocol-v2, controller/funding.rs: hourly; the offset is added before the spread is held; millionths of a dollar, the rate in billionths, rounded towards zero", "mark price; index price; clamp rate = 10 %; offset number = 0; periods whole = 24",
    step("with_offset", "money", "mark - index + truncated(index * offset)", lambda mark, index, offset: mark - index + toward_zero_in_micro(index * offset)),
    step("spread", "money", "min(max(with_offset, -truncated(index * clamp)), truncated(index * clamp))", lambda with_offset, index, clamp: held_spread(with_offset, toward_zero_in_micro(index * clamp)), "with_offset index clamp"),
    step("per_unit", "money", "nano(spread / periods)", lambda spread, periods: Fraction(spread_funding_nano(in_micro(spread), int(periods)), 10**9)),
    step("rate", "rate", "per_unit / index", lambda per_unit, index: per_unit / index),
)  # fmt: skip
form(
    "funding-rate", "gmx", "GMX v2 synthetics: funding a second", "factor number; exponent number = 1; long_interest money; short_interest money",
    step("imbalance", "money", "abs(long_interest - short_interest)", lambda a, b: abs(a - b), "long_interest short_interest"),
    step("raised", "number", "imbalance ** exponent", lambda imbalance, exponent: imbalance**exponent if exponent.denominator == 1 else Fraction(float(imbalance) ** float(exponent))),
    step("paid", "rate", "factor * raised / (long_interest + short_interest)", lambda f, r, a, b: larger_side_rate(f, r, a + b), "factor raised long_interest short_interest"),
    step("received", "rate", "-paid * max(long_interest, short_interest) / min(long_interest, short_interest)", lambda p, a, b: smaller_side_rate(p, max(a, b), min(a, b)), "paid long_interest short_interest"),
    step("long_rate", "rate", "paid if long_interest > short_interest else received", lambda paid, received, a, b: paid if a > b else received, "paid received long_interest short_interest"),
)  # fmt: skip
_VEGA = "internal price; external price; years number = 0; interest rate = 0; clamp_lower rate = 0; clamp_upper rate = 0; scaling number = 1; rate_lower rate = -100000 %; rate_upper rate = 100000 %"
form(
    "funding-rate", "vega", "Vega specification 0053-PERP", _VEGA,
    step("unscaled", "money", "internal - external + min(clamp_upper * external, max(clamp_lower * external, (1 + years * interest) * external - internal))", interest_clamped_payment, "internal external years interest clamp_lower clamp_upper"),
    step("payment", "money", "min(max(unscaled * scaling, rate_lower * external), rate_upper * external)", bounded_payment, "unscaled external scaling rate_lower rate_upper"),
    step("rate", "rate", "payment / external", lambda payment, external: payment / external),
)  # fmt: skip
form(
    "funding-rate", "mango", "Mango v4: a day's rate, impact mid over oracle within bounds", "impact_mid price; index price; rate_lower rate = -5 %; rate_upper rate = 5 %",
    step("rate", "rate", "min(max(impact_mid / index - 1, rate_lower), rate_upper)", lambda impact_mid, index, rate_lower, rate_upper: min(max(impact_mid / index - 1, rate_lower), rate_upper)),
)  # fmt: skip
form(
    "funding-rate", "derive", "Derive: premium paid off over 16 h (BTC, ETH, SOL) or 8 h, an hour", "premium rate; hours number = 8; cap rate = 0.068493 %",
    step("rate", "rate", "min(max(premium / hours, -cap), cap)", amortised_rate, "premium hours cap"),
)  # fmt: skip
form(
    "funding-rate", "ostium", "Ostium contracts: rollover of a side", "pure rate; side side; broker rate",
    step("rate", "rate", "side * pure + broker", broker_rate, "pure side broker"),
)  # fmt: skip

for _name, _source in (
    ("kraken", "Kraken, funding of linear perpetuals: relative rate x index (FUND-4)"),
    ("hyperliquid", "Hyperliquid: size x oracle price x rate (FUND-10)"),
    ("trade-xyz", "trade.xyz: payment on the oracle price (FUND-10)"),
    ("binance", "Binance: on the mark (FUND-10)"),
    ("bybit", "Bybit: on the mark (FUND-10)"),
    ("bitmex", "BitMEX: on the mark (FUND-10)"),
    ("okx", "OKX: on the mark"),
    ("gmx", "GMX v2: rate a second x value"),
):
    form(
        "funding-payment", _name, _source, "rate rate; index price; signed_size size",
        step("payment", "money", "rate * index * signed_size", index_payment, "rate index signed_size"),
    )  # fmt: skip
form(
    "funding-payment", "bitmex-inverse", "BitMEX, perpetual contracts guide: inverse contract of one dollar; in coin", "contracts number; price price; rate rate",
    step("value", "number", "contracts / price", inverse_value, "contracts price"),
    step("payment", "number", "value * rate", lambda value, rate: value * rate),
)  # fmt: skip
form(
    "funding-payment", "thalex", "Thalex: distance of mark and index, accrued over 24 h", "mark price; index price; signed_size size; duration hours; basis number = 24",
    step("payment", "money", "(mark - index) * signed_size * duration / basis", accrued_payment, "mark index signed_size duration basis"),
)  # fmt: skip
form(
    "funding-payment", "deribit", "Deribit, funding specifications: funding rate x position x time / 8 h, the rate with its damper and cap; a linear position counts at the index", "mark price; index price; signed_size size; duration hours; basis number = 8; band rate = 0.025 %; cap rate = 0.5 %",
    step("premium", "rate", "(mark - index) / index", lambda mark, index: (mark - index) / index),
    step("rate", "rate", "min(max(max(band, premium) + min(-band, premium), -cap), cap)", lambda premium, band, cap: min(max(uncompiled(funding.beyond_band)(premium, band), -cap), cap)),
    step("payment", "money", "rate * index * signed_size * duration / basis", lambda rate, index, signed_size, duration, basis: index_payment(rate, index, signed_size) * duration / basis),
)  # fmt: skip
form(
    "funding-payment", "dydx", "dydxprotocol/v4-chain, x/perpetuals/funding: funding index, whole quantums, rounded towards zero; an account pays whole quantums, rounded up, and receives rounded down", "rate rate; price price; duration hours = 1h; exponent whole = -10; signed_size size = 1",
    step("index_change", "number", "whole(rate * 1000000 * price * duration / 8 * 10 ** (exponent + 6))", lambda rate, price, duration, exponent: Fraction(_dydx_index(rate, price, duration, exponent))),
    step("payment", "money", "up(signed_size * index_change / 10 ** (exponent + 12))", lambda signed_size, index_change, exponent: up_to_micro(signed_size * index_change / Fraction(10) ** (int(exponent) + 12))),
)  # fmt: skip


_EXPONENT_MOST = 60
"""Beyond any price exponent and resolution of a market."""


def _dydx_index(rate: Fraction, price: Fraction, duration: Fraction, exponent: Fraction) -> int:
    """Decimals of the price go into the exponent, so that whole numbers go in."""
    digits = 0
    while (price * 10**digits).denominator != 1:
        digits += 1
    if duration.denominator != 1 or abs(exponent) > _EXPONENT_MOST:
        raise ValueError("funding is settled each hour, of a market that there may be")
    return index_change_quantums(in_ppm(rate), int(price * 10**digits), int(duration), int(exponent) + 6 - digits)


form(
    "funding-payment", "vega", "Vega specification 0053-PERP: payment of a period per unit, part of it in an auction", _VEGA + "; trading rate = 100 %; signed_size size = 1",
    step("unscaled", "money", "internal - external + min(clamp_upper * external, max(clamp_lower * external, (1 + years * interest) * external - internal))", interest_clamped_payment, "internal external years interest clamp_lower clamp_upper"),
    step("per_unit", "money", "min(max(unscaled * scaling, rate_lower * external), rate_upper * external)", bounded_payment, "unscaled external scaling rate_lower rate_upper"),
    step("payment", "money", "per_unit * trading * signed_size", lambda per_unit, trading, signed_size: per_unit * trading * signed_size),
)  # fmt: skip

form(
    "time-average", "vega", "Vega specification 0053-PERP: without the time in an auction", "points point*; begin number = 0; end number; pause_from number = 0; pause_to number = 0",
    step("average", "price", "look up: each price times the time it stood within the period and outside the pause, over that time", average_over_time, "points begin end pause_from pause_to"),
)  # fmt: skip
