"""Prices of a perp: impact prices of a book, mark, index with its guards, and the band around them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from offhours.sim.compile import uncompiled
from offhours.sim.curves import exp
from offhours.sim.forms.form import Value, form, in_ppb, step
from offhours.sim.market import oracle, sources
from offhours.sim.mistake import Mistake


def price_of_value(levels: tuple[tuple[float, float], ...], value: float) -> float:
    """Average price at which a book gives or takes so many dollars, or -1 where it is too thin (impact notional)."""
    left, size = value, type(value)(0)
    for offered, price in levels:
        taken = min(offered, left / price)
        size += taken
        left -= taken * price
        if left <= 0:
            return value / size
    return -1


def price_of_size(levels: tuple[tuple[float, float], ...], wanted: float) -> float:
    """Average price at which a book gives or takes a size, or -1 where it is too thin."""
    left, value = wanted, type(wanted)(0)
    for offered, price in levels:
        taken = min(offered, left)
        value += taken * price
        left -= taken
        if left <= 0:
            return value / wanted
    return -1


def middle(values: tuple[float, ...]) -> float:
    """Median: the middle value, or the mean of the two in the middle."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def weighted_middle(values: tuple[float, ...], weights: tuple[float, ...]) -> float:
    """Weighted median: the lowest value at which half of the weight is reached (Hyperliquid, oracle of spot venues)."""
    ordered = sorted(zip(values, weights))
    reached, half = type(weights[0])(0), sum(weights) / 2
    for value, weight in ordered:
        reached += weight
        if reached >= half:
            return value
    return ordered[-1][0]


def guarded(values: tuple[float, ...], guard: float) -> tuple[float, ...]:
    """Sources held within a share of their median (Binance price index: 3 %, 1 % for BTC and ETH)."""
    median = middle(values)
    return tuple(min(max(value, median * (1 - guard)), median * (1 + guard)) for value in values)


def kept_weights(values: tuple[float, ...], weights: tuple[float, ...], guard: float) -> tuple[float, ...]:
    """Weights without the sources further than a share from the median, rescaled to one (Bybit: 5 %, 1 % for BTC and ETH)."""
    median = middle(values)
    kept = tuple(w if abs(v - median) <= guard * median else w * 0 for v, w in zip(values, weights))
    total = sum(kept)
    return tuple(weight / total for weight in kept)


def weighted_mean(values: tuple[float, ...], weights: tuple[float, ...]) -> float:
    """Mean by weight."""
    return sum(v * w for v, w in zip(values, weights)) / sum(weights)


def trimmed_of_ends(values: tuple[float, ...]) -> float:
    """Mean without the highest and the lowest source; three are needed (Phemex)."""
    if len(values) < 3:
        raise ValueError("three sources are needed")
    ordered = sorted(values)[1:-1]
    return sum(ordered) / len(ordered)


def price_band(price: float, share: float) -> tuple[float, float]:
    """Lower and upper end of a band around a price (edgeX: 1 / largest leverage around the last close)."""
    return price * (1 - share), price * (1 + share)


def carried_spot(future: float, carry: float, years: float) -> float:
    """Spot price from a dated future: ``future x exp(-carry x years)``, carry is rate less yield (trade.xyz: XYZ100, 4 %)."""
    return future * exp(-carry * years)


def impact_difference(index: Fraction, bid: Fraction, ask: Fraction) -> Fraction:
    """FUND-7 as the market has it, exactly."""
    return Fraction(uncompiled(oracle.impact_difference)(index, bid, ask))


def _alike(*lists: Sequence[object]) -> None:
    """Lists that belong together have one length; a sentence otherwise."""
    if len({len(values) for values in lists}) > 1:
        counts = " and ".join(str(len(values)) for values in lists)
        raise Mistake("calc", "", "", f"lists that belong together have {counts} parts")


def _found(price: Value) -> Value:
    return "none: the book is too thin" if price < 0 else price


def _needed(price: Value) -> Value:
    if price < 0:
        raise ValueError("the book is too thin")
    return price


def _by_weight(held: Value, weights: Value) -> Fraction:
    by: Value = weights or (Fraction(1),) * len(held)
    _alike(held, by)
    return Fraction(weighted_mean(held, by))


def _kept(sources: Value, weights: Value, guard: Value) -> Value:
    _alike(sources, weights)
    return kept_weights(sources, weights, guard)


def _by_half(sources: Value, weights: Value) -> Fraction:
    """Weighted median, of as many weights as there are sources."""
    _alike(sources, weights[: len(sources)])
    return Fraction(weighted_middle(sources, weights[: len(sources)]))


def _of_counted(counted: Value, weights: Value) -> Value:
    _alike(counted, weights)
    return weighted_mean(tuple(p for p in counted if p > 0), tuple(w for p, w in zip(counted, weights) if p > 0))


def _counted(given: Value, centre: Fraction, guard: Fraction, dropped: Fraction) -> Value:
    """SRC-2 as the market has it, exactly."""
    within = uncompiled(sources.source_within)
    return tuple(Fraction(within(price, centre, in_ppb(guard), int(dropped))) for price in given)


form(
    "impact-price", "value", "impact notional of Binance, dYdX, Hyperliquid: a size in dollars", "levels level*; impact money",
    step("price", "price", "look up: dollars over size, walking the levels from the best", lambda levels, impact: _found(price_of_value(levels, impact)), "levels impact"),
)  # fmt: skip
form(
    "impact-price", "size", "impact size of Kraken: a size in base units", "levels level*; size size",
    step("price", "price", "look up: dollars over size, walking the levels from the best", lambda levels, size: _found(price_of_size(levels, size)), "levels size"),
)  # fmt: skip

form(
    "mark", "kraken", "Kraken, mark price of futures, read 2026-04-29: index + average premium within a cap (ORC-3)", "index price; average_premium money; cap rate = 1 %",
    step("mark", "price", "index + min(max(average_premium, -index * cap), index * cap)", lambda index, average, cap: uncompiled(oracle.mark_price)(index, average, in_ppb(cap)), "index average_premium cap"),
    cap="perp.oracle.premium_cap",
)  # fmt: skip
for _name, _source in (
    ("binance", "Binance: median of fair price, index + basis average, last price (ORC-8)"),
    ("bybit", "Bybit: median of fair price, index + basis average, last price (ORC-8)"),
):
    form(
        "mark", _name, _source, "index price; rate rate; share_left rate; average_premium money; last price",
        step("fair", "price", "index * (1 + rate * share_left)", oracle.fair_price, "index rate share_left"),
        step("averaged", "price", "index + average_premium", lambda index, average_premium: index + average_premium),
        step("mark", "price", "median([fair, averaged, last])", oracle.median_of_three, "fair averaged last"),
    )  # fmt: skip
form(
    "mark", "bitmex", "BitMEX, fair price marking: index x (1 + funding rate x time left / interval) (ORC-8)", "index price; rate rate; share_left rate",
    step("mark", "price", "index * (1 + rate * share_left)", oracle.fair_price, "index rate share_left"),
)  # fmt: skip
form(
    "mark", "hyperliquid", "Hyperliquid: median of index + average of (mid - index), of bid, ask, last, and of other venues' perps by weight (ORC-8, ORC-14)", "index price; average_premium money; bid price; ask price; last price; others price*; weights number* = 3,2,2,1,1",
    step("averaged", "price", "index + average_premium", lambda index, average_premium: index + average_premium),
    step("own", "price", "median([bid, ask, last])", oracle.median_of_three, "bid ask last"),
    step("elsewhere", "price", "look up: the lowest of the others at which half of their weight is reached", _by_half, "others weights"),
    step("mark", "price", "median([elsewhere, averaged, own])", oracle.median_of_three, "elsewhere averaged own"),
)  # fmt: skip
form(
    "mark", "hyperliquid-alone", "Hyperliquid, where no other venue has the perp: the 30 s average of the second takes the place of the third (ORC-14)", "index price; average_premium money; bid price; ask price; last price; own_average price",
    step("averaged", "price", "index + average_premium", lambda index, average_premium: index + average_premium),
    step("own", "price", "median([bid, ask, last])", oracle.median_of_three, "bid ask last"),
    step("mark", "price", "median([own_average, averaged, own])", oracle.median_of_three, "own_average averaged own"),
)  # fmt: skip
form(
    "mark", "trade-xyz", "trade.xyz: median of index, index + average of (mid - index), and of bid, ask, last, before its step clamp (ORC-8, ORC-9)", "index price; average_premium money; bid price; ask price; last price",
    step("averaged", "price", "index + average_premium", lambda index, average_premium: index + average_premium),
    step("own", "price", "median([bid, ask, last])", oracle.median_of_three, "bid ask last"),
    step("mark", "price", "median([index, averaged, own])", oracle.median_of_three, "index averaged own"),
)  # fmt: skip
form(
    "mark", "dydx", "dYdX v4: the oracle price (ORC-8)", "index price",
    step("mark", "price", "index", lambda index: index),
)  # fmt: skip
form(
    "mark", "okx", "OKX: index + moving average of the basis", "index price; average_premium money",
    step("mark", "price", "index + average_premium", lambda index, average_premium: index + average_premium),
)  # fmt: skip
form(
    "mark", "deribit", "Deribit: index + 30 s average of (fair - index)", "index price; average_premium money",
    step("mark", "price", "index + average_premium", lambda index, average_premium: index + average_premium),
)  # fmt: skip
form(
    "mark", "deribit-band", "Deribit, mark price page (older rule): last price within the quotes, within 3 % of the index", "index price; bid price; ask price; last price; cap rate = 3 %",
    step("quoted", "price", "median([bid, ask, last])", oracle.median_of_three, "bid ask last"),
    step("mark", "price", "min(max(quoted, index * (1 - cap)), index * (1 + cap))", lambda quoted, index, cap: uncompiled(sources.bounded)(quoted, index, in_ppb(cap)), "quoted index cap"),
)  # fmt: skip
form(
    "mark", "lighter", "Lighter: median of fair price, median of other venues' marks, impact price", "index price; rate rate; share_left rate; others price*; impact_mid price",
    step("fair", "price", "index * (1 + rate * share_left)", oracle.fair_price, "index rate share_left"),
    step("elsewhere", "price", "median(others)", middle, "others"),
    step("mark", "price", "median([fair, elsewhere, impact_mid])", oracle.median_of_three, "fair elsewhere impact_mid"),
)  # fmt: skip
form(
    "mark", "step", "HIP-3 and edgeX: at most a step from the mark before (ORC-9)", "price price; before price; step rate = 1 %",
    step("mark", "price", "before + min(max(price - before, -before * step), before * step)", lambda price, before, step: uncompiled(oracle.stepped)(price, before, in_ppb(step)), "price before step"),
)  # fmt: skip

for _name, _source, _guard in (
    ("binance", "Binance, price index FAQ: a source beyond the guard is capped; stale ones (5 min) are left out before", "3 %"),
    ("okx", "OKX Help, spot index prices, 2024-08-14: a source beyond the guard is capped; stale ones are left out before", "2 %"),
):  # fmt: skip
    form(
        "index", _name, _source, f"sources price*; weights number* = none; guard rate = {_guard}",
        step("centre", "price", "median(sources)", middle, "sources"),
        step("held", "price*", "look up: each source within centre * (1 - guard) and centre * (1 + guard)", guarded, "sources guard"),
        step("index", "price", "look up: mean of held by weight, alike where no weights are given", _by_weight, "held weights"),
    )  # fmt: skip
form(
    "index", "bybit", "Bybit: a source beyond the guard is left out and the rest re-weighted", "sources price*; weights number*; guard rate = 5 %",
    step("centre", "price", "median(sources)", middle, "sources"),
    step("kept_weights", "rate*", "look up: weights of sources within the guard, rescaled to one", _kept, "sources weights guard"),
    step("index", "price", "look up: sum of sources times kept weights", weighted_mean, "sources kept_weights"),
)  # fmt: skip
form(
    "index", "hyperliquid", "Hyperliquid: weighted median of spot venues, weights 3, 2, 2, 1, 1, 1, 1, 1", "sources price*; weights number* = 3,2,2,1,1,1,1,1",
    step("index", "price", "look up: the lowest source at which half of the weight is reached", _by_half, "sources weights"),
)  # fmt: skip
form(
    "index", "several", "SRC-1, SRC-2: sources beyond the guard are held at it, or left out and the rest re-weighted", "sources price*; weights number*; guard rate = 0 %; dropped flag = no",
    step("centre", "price", "median(sources)", middle, "sources"),
    step("counted", "price*", "look up: each source as it counts beside the centre, -1 where it is left out", _counted, "sources centre guard dropped"),
    step("index", "price", "look up: mean of what counts, by weight", _of_counted, "counted weights"),
    guard="perp.oracle.guard", dropped="perp.oracle.beyond",
)  # fmt: skip
form(
    "index", "lighter", "Lighter, pricing of real-world assets: a last quote fades in favour of the own book (ORC-13)", "quoted price; own_average price; elapsed hours; constant hours = 3h; leverage_max leverage",
    step("bound", "rate", "max(0, 1 / leverage_max - 1 / 200)", lambda leverage_max: max(Fraction(0), 1 / leverage_max - Fraction(1, 200))),
    step("held", "price", "min(max(own_average, quoted * (1 - bound)), quoted * (1 + bound))", lambda own_average, quoted, bound: uncompiled(sources.bounded)(own_average, quoted, in_ppb(bound))),
    step("index", "price", "look up: held + exp(-elapsed / constant) * (quoted - held)", lambda quoted, held, elapsed, constant: uncompiled(oracle.faded)(float(quoted), float(held), float(elapsed), float(constant), 0), "quoted held elapsed constant"),
    constant="perp.oracle.fade", leverage_max="perp.margin.leverage_max",
)  # fmt: skip
form(
    "index", "lighter-internal", "Lighter, pricing of real-world assets: the book's own price, an average of the impact price over 2 h (index) or 8 min (mark)", "own_average price; impact_mid price; elapsed hours; constant hours = 2h",
    step("index", "price", "look up: impact_mid + exp(-elapsed / constant) * (own_average - impact_mid)", lambda own_average, impact_mid, elapsed, constant: uncompiled(oracle.faded)(float(own_average), float(impact_mid), float(elapsed), float(constant), 0), "own_average impact_mid elapsed constant"),
)  # fmt: skip
form(
    "index", "phemex", "Phemex: without the highest and the lowest source", "sources price*",
    step("index", "price", "look up: mean without the highest and the lowest", trimmed_of_ends, "sources"),
)  # fmt: skip
form(
    "index", "trade-xyz", "trade.xyz, internal oracle while the stock is closed (ORC-7)", "index price; impact_bid price; impact_ask price; elapsed hours; constant hours = 1h",
    step("difference", "money", "max(0, impact_bid - index) - max(0, index - impact_ask)", impact_difference, "index impact_bid impact_ask"),
    step("moved", "rate", "look up: 1 - exp(-min(elapsed, constant / 10) / constant)", lambda elapsed, constant: uncompiled(oracle.own_book_weight)(float(elapsed), float(constant)), "elapsed constant"),
    step("index_after", "price", "index + moved * difference", lambda index, moved, difference: index + moved * difference),
    constant="perp.oracle.own",
)  # fmt: skip
form(
    "index", "kraken", "CF Benchmarks and ORC-1: mid of the token book's impact prices", "bids level*; asks level*; size size",
    step("impact_bid", "price", "look up: average price at which the bids take the size", lambda bids, size: _needed(price_of_size(bids, size)), "bids size"),
    step("impact_ask", "price", "look up: average price at which the asks give the size", lambda asks, size: _needed(price_of_size(asks, size)), "asks size"),
    step("index", "price", "(impact_bid + impact_ask) / 2", lambda impact_bid, impact_ask: (impact_bid + impact_ask) / 2),
)  # fmt: skip
form(
    "index", "future", "trade.xyz: spot from a dated future", "future price; carry rate = 4 %; years number",
    step("index", "price", "look up: future * exp(-carry * years)", lambda future, carry, years: uncompiled(carried_spot)(float(future), float(carry), float(years)), "future carry years"),
)  # fmt: skip

_WIDTHS = {
    "1 / leverage_max": lambda leverage: 1 / leverage,
    "1 / leverage_max - 0.005": lambda leverage: 1 / leverage - Fraction(5, 1000),
    "share": lambda share: share,
}
"""How wide a band is on either side."""
for _name, _source, _inputs, _share in (
    ("edgex", "edgeX, stock perps: 1 / largest leverage around the last close", "price price; leverage_max leverage", "1 / leverage_max"),
    ("trade-xyz", "trade.xyz, discovery bounds: 1 / largest leverage around the last external price (ORC-10)", "price price; leverage_max leverage", "1 / leverage_max"),
    ("lighter", "Lighter: mark within 1 / largest leverage of the price", "price price; leverage_max leverage", "1 / leverage_max"),
    ("lighter-index", "Lighter: index within 1 / largest leverage less half a per cent of the price", "price price; leverage_max leverage", "1 / leverage_max - 0.005"),
    ("qfex", "QFEX: an index outside half to one and a half of the market's price is refused", "price price; share rate = 50 %", "share"),
    ("aster", "Aster: off-hours orders within 2 % of the mark", "price price; share rate = 2 %", "share"),
):  # fmt: skip
    form(
        "price-band", _name, _source, _inputs,
        step("width", "rate", _share, _WIDTHS[_share], "leverage_max" if "leverage" in _share else "share"),
        step("lower", "price", "price * (1 - width)", lambda price, width: price_band(price, width)[0]),
        step("upper", "price", "price * (1 + width)", lambda price, width: price_band(price, width)[1]),
        step("band", "price*", "look up: lower and upper", lambda lower, upper: (lower, upper)),
        leverage_max="perp.margin.leverage_max",
    )  # fmt: skip
