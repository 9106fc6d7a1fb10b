"""Prices of a perp: impact prices of a book, mark, index with its guards, and the band around them."""

from __future__ import annotations

from fractions import Fraction

from offhours.sim.compile import uncompiled
from offhours.sim.forms.form import form, in_ppb, step
from offhours.sim.market import oracle


def impact_difference(index: Fraction, bid: Fraction, ask: Fraction) -> Fraction:
    """FUND-7 as the market has it, exactly."""
    return Fraction(uncompiled(oracle.impact_difference)(index, bid, ask))


form(
    "impact-price", "value", "impact notional of Binance, dYdX, Hyperliquid: a size in dollars", "levels level*; impact money",
    step("price", "price", "look up: dollars over size, walking the levels from the best", oracle.price_of_value, "levels impact"),
)  # fmt: skip
form(
    "impact-price", "size", "impact size of Kraken: a size in base units", "levels level*; size size",
    step("price", "price", "look up: dollars over size, walking the levels from the best", oracle.price_of_size, "levels size"),
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
for _name, _source in (
    ("hyperliquid", "Hyperliquid: median of index, index + average of (mid - index), and of bid, ask, last (ORC-8)"),
    ("trade-xyz", "trade.xyz: as Hyperliquid, before its step clamp (ORC-8, ORC-9)"),
):
    form(
        "mark", _name, _source, "index price; average_premium money; bid price; ask price; last price",
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
    step("mark", "price", "min(max(quoted, index * (1 - cap)), index * (1 + cap))", lambda quoted, index, cap: uncompiled(oracle.bounded)(quoted, index, in_ppb(cap)), "quoted index cap"),
)  # fmt: skip
form(
    "mark", "lighter", "Lighter: median of fair price, median of other venues' marks, impact price", "index price; rate rate; share_left rate; others price*; impact_mid price",
    step("fair", "price", "index * (1 + rate * share_left)", oracle.fair_price, "index rate share_left"),
    step("elsewhere", "price", "median(others)", oracle.middle, "others"),
    step("mark", "price", "median([fair, elsewhere, impact_mid])", oracle.median_of_three, "fair elsewhere impact_mid"),
)  # fmt: skip
form(
    "mark", "step", "HIP-3 and edgeX: at most a step from the mark before (ORC-9)", "price price; before price; step rate = 1 %",
    step("mark", "price", "before + min(max(price - before, -before * step), before * step)", lambda price, before, step: uncompiled(oracle.stepped)(price, before, in_ppb(step)), "price before step"),
)  # fmt: skip

for _name, _source, _guard in (
    ("binance", "Binance, price index FAQ: a source beyond the guard is capped", "3 %"),
    ("okx", "OKX: index of several spot venues; capped beyond the guard", "3 %"),
):
    form(
        "index", _name, _source, f"sources price*; guard rate = {_guard}",
        step("centre", "price", "median(sources)", oracle.middle, "sources"),
        step("held", "price*", "look up: each source within centre * (1 - guard) and centre * (1 + guard)", oracle.guarded, "sources guard"),
        step("index", "price", "mean(held)", lambda held: sum(held) / len(held)),
    )  # fmt: skip
form(
    "index", "bybit", "Bybit: a source beyond the guard is left out and the rest re-weighted", "sources price*; weights number*; guard rate = 5 %",
    step("centre", "price", "median(sources)", oracle.middle, "sources"),
    step("kept_weights", "rate*", "look up: weights of sources within the guard, rescaled to one", oracle.kept_weights, "sources weights guard"),
    step("index", "price", "look up: sum of sources times kept weights", oracle.weighted_mean, "sources kept_weights"),
)  # fmt: skip
form(
    "index", "hyperliquid", "Hyperliquid: weighted median of spot venues, weights 3, 2, 2, 1, 1, 1, 1, 1", "sources price*; weights number* = 3,2,2,1,1,1,1,1",
    step("index", "price", "look up: the lowest source at which half of the weight is reached", lambda sources, weights: oracle.weighted_middle(sources, weights[: len(sources)]), "sources weights"),
)  # fmt: skip
form(
    "index", "phemex", "Phemex: without the highest and the lowest source", "sources price*",
    step("index", "price", "look up: mean without the highest and the lowest", oracle.trimmed_of_ends, "sources"),
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
    step("impact_bid", "price", "look up: average price at which the bids take the size", oracle.price_of_size, "bids size"),
    step("impact_ask", "price", "look up: average price at which the asks give the size", oracle.price_of_size, "asks size"),
    step("index", "price", "(impact_bid + impact_ask) / 2", lambda impact_bid, impact_ask: (impact_bid + impact_ask) / 2),
)  # fmt: skip
form(
    "index", "future", "trade.xyz: spot from a dated future", "future price; carry rate = 4 %; years number",
    step("index", "price", "look up: future * exp(-carry * years)", lambda future, carry, years: uncompiled(oracle.carried_spot)(float(future), float(carry), float(years)), "future carry years"),
)  # fmt: skip

for _name, _source, _inputs, _share in (
    ("edgex", "edgeX, stock perps: 1 / largest leverage around the last close", "price price; leverage_max leverage", "1 / leverage_max"),
    ("trade-xyz", "trade.xyz, discovery bounds: 1 / largest leverage around the last external price (ORC-10)", "price price; leverage_max leverage", "1 / leverage_max"),
    ("lighter", "Lighter: mark within 1 / largest leverage of the price", "price price; leverage_max leverage", "1 / leverage_max"),
    ("qfex", "QFEX: an index outside half to one and a half of the market's price is refused", "price price; share rate = 50 %", "share"),
    ("aster", "Aster: off-hours orders within 2 % of the mark", "price price; share rate = 2 %", "share"),
):  # fmt: skip
    form(
        "price-band", _name, _source, _inputs,
        *([step("width", "rate", _share, lambda leverage_max: 1 / leverage_max)] if "leverage" in _share else [step("width", "rate", _share, lambda share: share)]),
        step("lower", "price", "price * (1 - width)", lambda price, width: oracle.price_band(price, width)[0]),
        step("upper", "price", "price * (1 + width)", lambda price, width: oracle.price_band(price, width)[1]),
        step("band", "price*", "look up: lower and upper", lambda lower, upper: (lower, upper)),
        leverage_max="perp.margin.leverage_max",
    )  # fmt: skip
