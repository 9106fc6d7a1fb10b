"""Liquidation: the price at which it begins, how much it closes, at which prices, and its fee."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from offhours.sim.compile import uncompiled
from offhours.sim.forms.dydx import ACCOUNT, ALL_MAINTENANCE, COLLATERAL, OWN_MAINTENANCE, SLICE, VALUE
from offhours.sim.forms.form import MICRO, Value, form, in_micro, step
from offhours.sim.forms.margin import (
    GRADE_KNOBS,
    GRADED,
    GRADES,
    NOTIONAL,
    edges_of,
    half_of_initial,
    tier_of,
    tiered_margin,
)
from offhours.sim.market import brackets, engine


def linear_bankruptcy_price(side: float, entry: float, margin_per_unit: float) -> float:
    """Where an isolated position has lost its margin (BitMEX: entry value less margin)."""
    return entry - side * margin_per_unit


def inverse_bankruptcy_price(side: float, contracts: float, entry: float, margin: float, fee: float) -> float:
    """The same for an inverse contract with margin in coin, a fee of the closing value included."""
    return (1 + side * fee) * contracts / (contracts / entry + side * margin)


def capped_fee(value: float, rate: float, equity: float) -> float:
    """Liquidation fee: a share of the value filled, at most what equity is left (LIQ-8), not rounded."""
    return max(0, min(value * rate, equity))


def cover_size_nano(
    shortage: int, margin_ppm: int, fee_ppm: int, fund_fee_ppm: int, price: int, quote_price: int
) -> int:
    """Size (1e-9) whose closing covers a margin shortage (Drift v2): ``shortage / (price x (margin - fee) - price x fund fee)``.

    Shortage and prices in 1e-6, rates in ppm, rounded down at each of the program's divisions. -1: no size is enough.
    """
    if price == 0 or margin_ppm <= fee_ppm:
        return -1
    freed = price * quote_price * (margin_ppm - fee_ppm) // (1_000_000 * 1_000_000)
    freed -= price * fund_fee_ppm // 1_000_000
    return shortage * 1_000_000_000 // freed if freed > 0 else -1


def fund_fee_ppm(shortage: int, size_nano: int, margin_ppm: int, fee_ppm: int, price: int, most_ppm: int) -> int:
    """Fee for the insurance fund that leaves enough to cover a shortage, 95 % of what is possible (Drift v2)."""
    if price == 0 or size_nano == 0 or margin_ppm <= fee_ppm:
        return 0
    needed = shortage * 1_000_000_000 // size_nano * 1_000_000 // price
    return min(most_ppm, max(margin_ppm - fee_ppm - needed, 0) * 19 // 20)


def cover_transfer_nano(
    shortage: int,
    asset_weight: int,
    asset_multiplier_ppm: int,
    liability_weight: int,
    liability_multiplier_ppm: int,
    price: int,
    fund_fee_ppm: int,
) -> int:
    """Borrow (1e-9) to be taken over with collateral so that a shortage is covered (Drift v2, spot).

    Weights in 1e-4, shortage and price in 1e-6, rounded down at each of the program's divisions. -1: no amount is enough.
    """
    if asset_weight == liability_weight:
        return -1
    freed = price * (10 * liability_weight - 10 * asset_weight * asset_multiplier_ppm // liability_multiplier_ppm)
    freed -= price * fund_fee_ppm // 1_000_000 * liability_weight * 10
    return shortage * 1_000 * 1_000_000 * 10_000 * 10 // freed if freed > 0 else -1


def zero_price(price: float, side: float, rate: float, share: float) -> float:
    """Where a fill leaves equity over maintenance margin, `share`, as it is, whatever its size (Lighter); `rate` is maintenance margin."""
    return price * (1 - side * rate * share)


def leverage_liquidation_price(side: float, entry: float, leverage: float, rate: float) -> float:
    """Isolated liquidation price from leverage and maintenance rate of the entry value (Bybit USDT contracts; Kraken's
    paper engine): ``entry x (1 -+ 1/leverage +- rate)``."""
    return entry * (1 - side / leverage + side * rate)


def margin_liquidation_price(side: float, entry: float, margin_per_unit: float, rate: float, taker: float) -> float:
    """Isolated liquidation price where maintenance and closing fee are of the value at that price (OKX, Gate)."""
    return (entry - side * margin_per_unit) / (1 - side * (rate + taker))


def wallet_liquidation_price(
    side: float,
    balance: float,
    size: float,
    entry: float,
    rate: float,
    amount: float,
    others_maintenance: float,
    others_pnl: float,
) -> float:
    """Liquidation price of one position of a wallet, the others held still (Binance FAQ: liquidation price)."""
    return (balance - others_maintenance + others_pnl + amount - side * size * entry) / (size * rate - side * size)


def equity_liquidation_price(equity: float, signed_size: float, price: float, rate: float) -> float:
    """Price at which the equity of an account with one position is its maintenance margin (dYdX documentation)."""
    return (equity - signed_size * price) / (abs(signed_size) * rate - signed_size)


def available_liquidation_price(side: float, price: float, available: float, size: float, rate: float) -> float:
    """The same from margin available (equity less maintenance now), as Hyperliquid writes it."""
    return price - side * available / size / (1 - rate * side)


def threshold_liquidation_price(
    side: float,
    entry: float,
    leverage: float,
    leverage_max: float,
    threshold: float,
    collateral: float,
    rollover: float,
    funding: float,
) -> float:
    """Liquidation price where the margin kept falls with leverage (Ostium: threshold x leverage / largest leverage)."""
    kept = collateral * threshold * leverage / leverage_max
    return entry - side * entry * (collateral - kept - rollover - funding) / collateral / leverage


def inverse_liquidation_price(side: float, contracts: float, entry: float, margin: float, rate: float) -> float:
    """Liquidation price of an inverse contract: margin in coin against maintenance of the value at that price."""
    return (1 + side * rate) * contracts / (contracts / entry + side * margin)


def inverse_entry_liquidation_price(side: float, contracts: float, entry: float, margin: float, kept: float) -> float:
    """The same where what must be kept is fixed in coin, such as a share of the value at entry plus a fee (Bybit)."""
    return contracts / (contracts / entry + side * (margin - kept))


def tiered_liquidation_price(
    equity: float, signed_size: float, price: float, edges: tuple[float, ...], rates: tuple[float, ...], whole: int
) -> float:
    """The price nearest to `price` at which equity is maintenance margin by tiers (MARG-1, TIER-1); -1 where there is none.

    `equity` is at `price`, above maintenance margin; a long looks down and a short up, tier by tier.
    """
    side = 1 if signed_size > 0 else -1
    size = abs(signed_size)
    number = tier_of(size * price, edges)
    at = price
    while 0 <= number < len(edges):
        # Margin in this tier is `offset + rate x notional`.
        rate = rates[number]
        offset = tiered_margin(edges[number], edges, rates, whole) - rate * edges[number] if whole == 0 else 0
        found = (equity - signed_size * price - offset) / (size * rate - signed_size)
        lower = edges[number] / size
        upper = edges[number + 1] / size if number + 1 < len(edges) else None
        if side > 0:
            if lower <= found:
                return min(found, at)
            at = lower
        else:
            if upper is None or found < upper:
                return max(found, at)
            at = upper
        number -= side
    return -1


def partial_to_tier(size: float, tier: float, limits: tuple[float, ...], down: float) -> float:
    """How much a liquidation by tiers closes: down to the limit of a tier further down, all of it where there is none (OKX: two)."""
    lower = round(tier) - round(down)
    return size - limits[lower - 1] if lower >= 1 else size


for _name, _source in (
    ("kraken-paper", "krakenfx/kraken-cli, src/futures_paper.rs"),
    ("bybit", "Bybit USDT contracts, isolated margin, as freqtrade computes it"),
):
    form(
        "liquidation-price", _name, _source, "side side; entry price; leverage leverage; maintenance rate = 2 %",
        step("price", "price", "entry * (1 - side / leverage + side * maintenance)", leverage_liquidation_price, "side entry leverage maintenance"),
    )  # fmt: skip


def _tiered(side: Fraction, size: Fraction, entry: Fraction, equity: Fraction, tiers: Value, whole: Fraction) -> Any:
    rates = tuple(tier[2] for tier in tiers)
    found = tiered_liquidation_price(equity, side * size, entry, edges_of(tiers), rates, int(whole))  # type: ignore[arg-type]
    return "none: it cannot fall that far" if found == -1 else found


def _tier_there(number: int) -> Callable[..., Fraction]:
    """What the tier says in which the liquidation price lies: its edge (0) or maintenance rate (2)."""

    def there(
        side: Fraction, size: Fraction, entry: Fraction, equity: Fraction, tiers: Value, whole: Fraction
    ) -> Fraction:
        price = _tiered(side, size, entry, equity, tiers, whole)
        tier: Any = tier_of
        return Fraction(tiers[0 if isinstance(price, str) else tier(price * size, edges_of(tiers))][number])

    return there


def _margin_below(tiers: Value, edge: Fraction, whole: Fraction) -> Fraction:
    """Maintenance margin of the tiers below an edge, none where a rate counts for the whole position."""
    summed: Any = tiered_margin
    return Fraction(0) if whole == 1 else Fraction(summed(edge, edges_of(tiers), tuple(tier[2] for tier in tiers), 0))


form(
    "liquidation-price", "tiers", "Kraken, multi-collateral margin schedules; MARG-1, TIER-1", "side side; size size = 1; entry price; leverage leverage; added money = 0; tiers tier*; whole flag = no; " + GRADES,
    step("equity", "money", "size * entry / leverage + added", lambda size, entry, leverage, added: size * entry / leverage + added),
    GRADED,
    step("edge", "money", "look up: where the tier begins in which the price lies", _tier_there(0), "side size entry equity rates whole"),
    step("rate", "rate", "look up: maintenance margin rate of that tier", _tier_there(2), "side size entry equity rates whole"),
    step("below", "money", "look up: maintenance margin of all tiers below it", _margin_below, "rates edge whole"),
    step("price", "price", "max(edge / size * (1 - side) / 2, (equity - side * size * entry - below + rate * edge * (1 - whole)) / (size * rate - side * size))", _tiered, "side size entry equity rates whole"),
    tiers="tiers", whole="perp.margin.form", **GRADE_KNOBS,
)  # fmt: skip
form(
    "liquidation-price", "binance", "Binance FAQ: liquidation price of USD-M futures", "side side; wallet money; size size; entry price; maintenance rate; amount money = 0; others_maintenance money = 0; others_pnl money = 0",
    step("price", "price", "(wallet - others_maintenance + others_pnl + amount - side * size * entry) / (size * maintenance - side * size)", wallet_liquidation_price, "side wallet size entry maintenance amount others_maintenance others_pnl"),
)  # fmt: skip
for _name, _source in (
    ("okx", "OKX, isolated margin of linear swaps, as freqtrade computes it"),
    ("gate", "Gate, isolated margin of linear perpetuals, as freqtrade computes it"),
):
    form(
        "liquidation-price", _name, _source, "side side; entry price; leverage leverage; maintenance rate; taker rate = 0.05 %",
        step("margin_per_unit", "money", "entry / leverage", lambda entry, leverage: entry / leverage),
        step("price", "price", "(entry - side * margin_per_unit) / (1 - side * (maintenance + taker))", margin_liquidation_price, "side entry margin_per_unit maintenance taker"),
    )  # fmt: skip
for _name, _source in (
    ("dydx", "dYdX v4 documentation: liquidation price"),
    ("account", "where equity is maintenance margin"),
):
    form(
        "liquidation-price", _name, _source, "equity money; signed_size size; price price; maintenance rate; others_maintenance money = 0",
        step("own", "money", "equity - others_maintenance", lambda equity, others_maintenance: equity - others_maintenance),
        step("price_at", "price", "(own - signed_size * price) / (abs(signed_size) * maintenance - signed_size)", equity_liquidation_price, "own signed_size price maintenance"),
    )  # fmt: skip
form(
    "liquidation-price", "deribit", "Deribit: linear perpetuals, margin; where equity is maintenance margin", "equity money; signed_size size; price price; maintenance rate; slope rate; others_maintenance money = 0",
    step("maintenance_rate", "rate", "maintenance + slope * abs(signed_size)", lambda m, s, q: uncompiled(brackets.size_linear_rate)(m, s, abs(q)), "maintenance slope signed_size"),
    step("own", "money", "equity - others_maintenance", lambda equity, others_maintenance: equity - others_maintenance),
    step("price_at", "price", "(own - signed_size * price) / (abs(signed_size) * maintenance_rate - signed_size)", equity_liquidation_price, "own signed_size price maintenance_rate"),
)  # fmt: skip
_AVAILABLE = (
    step("available", "money", "equity - others_maintenance - size * price * maintenance_rate", lambda equity, others, size, price, rate: equity - others - size * price * rate, "equity others_maintenance size price maintenance_rate"),
    step("price_at", "price", "price - side * available / size / (1 - maintenance_rate * side)", available_liquidation_price, "side price available size maintenance_rate"),
)  # fmt: skip
for _name, _source in (
    ("hyperliquid", "Hyperliquid documentation: liquidations"),
    ("trade-xyz", "trade.xyz documentation: HIP-3 markets liquidate as Hyperliquid does"),
):
    form(
        "liquidation-price", _name, _source, "side side; size size = 1; price price; equity money; leverage_max leverage; others_maintenance money = 0",
        step("maintenance_rate", "rate", "1 / (2 * leverage_max)", half_of_initial, "leverage_max"),
        *_AVAILABLE,
        leverage_max="perp.margin.leverage_max",
    )  # fmt: skip
form(
    "liquidation-price", "lighter", "Lighter documentation: partial liquidation begins below the maintenance margin fraction; where account value is that", "side side; size size = 1; price price; equity money; initial rate; maintenance_share rate = 60 %; others_maintenance money = 0",
    step("maintenance_rate", "rate", "initial * maintenance_share", lambda initial, maintenance_share: initial * maintenance_share),
    *_AVAILABLE,
)  # fmt: skip
form(
    "liquidation-price", "ostium", "Ostium contracts: liquidation margin and distance", "side side; entry price; leverage leverage; leverage_max leverage; threshold rate; collateral money; rollover money = 0; funding_owed money = 0",
    step("kept", "money", "collateral * threshold * leverage / leverage_max", lambda collateral, threshold, leverage, leverage_max: collateral * threshold * leverage / leverage_max),
    step("price", "price", "entry - side * entry * (collateral - kept - rollover - funding_owed) / collateral / leverage", threshold_liquidation_price, "side entry leverage leverage_max threshold collateral rollover funding_owed"),
)  # fmt: skip
form(
    "liquidation-price", "kraken-inverse", "Kraken support, Equity Protection Process: example of an inverse contract", "side side; contracts size; entry price; margin number; maintenance rate",
    step("price", "price", "(1 + side * maintenance) * contracts / (contracts / entry + side * margin)", inverse_liquidation_price, "side contracts entry margin maintenance"),
)  # fmt: skip
form(
    "liquidation-price", "bybit-inverse", "bybit-exchange/docs, v5 position example; rates inferred from it", "side side; contracts size; entry price; margin number; maintenance rate = 0.5 %; closing_fee rate = 0.06 %; tick price = 0.05",
    step("bankruptcy", "price", "(1 + side * closing_fee) * contracts / (contracts / entry + side * margin)", inverse_bankruptcy_price, "side contracts entry margin closing_fee"),
    step("kept", "number", "contracts / entry * maintenance + contracts / bankruptcy * closing_fee", lambda contracts, entry, maintenance, bankruptcy, closing_fee: contracts / entry * maintenance + contracts / bankruptcy * closing_fee),
    step("exact", "price", "contracts / (contracts / entry + side * (margin - kept))", inverse_entry_liquidation_price, "side contracts entry margin kept"),
    step("price", "price", "ceil(exact / tick) * tick", lambda exact, tick: math.ceil(exact / tick) * tick),
)  # fmt: skip

form(
    "partial-size", "okx", "OKX: partial liquidation by tiers", "size size; tier whole; limits size*; down whole = 2",
    step("part", "size", "look up: size - limit so many tiers lower, all of it where there is none", partial_to_tier, "size tier limits down"),
)  # fmt: skip


def _to_tier(size: Fraction, price: Fraction, tiers: Value, down: Fraction, least: Fraction) -> Fraction:
    """What takes a position below the edge of a lower tier; nothing where there is none so far down (ENG-3)."""
    edges = edges_of(tiers)
    number = tier_of(size * price, edges) - int(down)  # type: ignore[arg-type]
    if number < 0:
        return Fraction(0)
    lots = int(size / least)
    return (
        size - least * uncompiled(engine.lots_below)(in_micro(edges[number + 1]), in_micro(price * least))
        if lots
        else size
    )


form(
    "partial-size", "tiers", "ENG-3: just below the edge of a lower tier (Bybit, BitMEX: the next); none in the lowest", "size size; price price; tiers tier*; down whole = 1; smallest size = 0.01",
    NOTIONAL,
    step("part", "size", "look up: size - most whole lots whose value is below the edge where the tier above that one begins, 0 in the lowest tiers", _to_tier, "size price tiers down smallest"),
    tiers="tiers", down="perp.liquidation.step_tiers", smallest="perp.book.lot",
)  # fmt: skip
form(
    "partial-size", "kraken", "Kraken support, Equity Protection Process: 10 % steps", "size size; share rate = 10 %",
    step("closed", "size", "size * share", lambda size, share: size * share),
    share="perp.liquidation.step",
)  # fmt: skip
form(
    "partial-size", "hyperliquid", "Hyperliquid documentation: liquidations; first a fifth above $100,000, then 30 s of rest", "size size; price price; share rate = 20 %; large money = 100000",
    NOTIONAL,
    step("closed", "size", "size * share if notional > large else size", lambda size, share, notional, large: size * share if notional > large else size),
    share="perp.liquidation.step", large="perp.liquidation.large",
)  # fmt: skip

# Bankruptcy and fillable price ------------------------------------------------------------------------------------------

form(
    "bankruptcy-price", "bitmex", "BitMEX: bankruptcy price, isolated margin", "side side; entry price; leverage leverage",
    step("margin_per_unit", "money", "entry / leverage", lambda entry, leverage: entry / leverage),
    step("price", "price", "entry - side * margin_per_unit", linear_bankruptcy_price, "side entry margin_per_unit"),
)  # fmt: skip
form(
    "bankruptcy-price", "kraken", "ENG-1: zero-equity price of one of several positions, fees included", "signed_size size; price price; equity money; maintenance_share rate = 100 %; taker rate = 0.05 %; fee rate = 0.5 %",
    step("share", "money", "equity * maintenance_share", lambda equity, maintenance_share: equity * maintenance_share),
    step("fees", "rate", "taker + fee", lambda taker, fee: taker + fee),
    step("price_at", "price", "(price - share / signed_size) / (1 - fees * (1 if signed_size > 0 else -1))", lambda price, share, signed_size, fees: _zero_equity(price, share, signed_size, fees)),
    taker="perp.fees.taker", fee="perp.liquidation.fee",
)  # fmt: skip


def _zero_equity(price: Fraction, share: Fraction, signed_size: Fraction, fees: Fraction) -> Fraction:
    """ENG-1 as the market has it, in units of a whole dollar and a whole coin: it counts size in lots, so whole ones go in."""
    scale = signed_size.denominator
    lots = int(signed_size * scale)
    formula = uncompiled(engine.zero_equity_price)
    return Fraction(formula(float(price), float(share * scale), lots, 1, float(fees * 10**9)))


form(
    "bankruptcy-price", "lighter", "Lighter documentation, zero price: a fill there leaves account value over maintenance margin as it is", "side side; price price; equity money; maintenance rate; margin_kept money",
    step("share", "rate", "equity / margin_kept", lambda equity, margin_kept: equity / margin_kept),
    step("zero_price", "price", "price * (1 - side * maintenance * share)", zero_price, "price side maintenance share"),
)  # fmt: skip
form(
    "bankruptcy-price", "dydx", "dydxprotocol/v4-chain, protocol/x/clob/keeper/liquidations.go: what closing must bring (a cost is negative)", ACCOUNT + "; close size = 0",
    *SLICE,
)  # fmt: skip
form(
    "bankruptcy-price", "kraken-inverse", "Kraken support, Equity Protection Process: example of an inverse contract", "side side; contracts size; entry price; margin number",
    step("price", "price", "contracts / (contracts / entry + side * margin)", lambda side, contracts, entry, margin: inverse_bankruptcy_price(side, contracts, entry, margin, 0)),
)  # fmt: skip
form(
    "bankruptcy-price", "bitmex-inverse", "BitMEX: bankruptcy price, isolated margin: entry value less margin, in coin, of contracts of one dollar", "side side; contracts size; entry price; margin number",
    step("price", "price", "contracts / (contracts / entry + side * margin)", lambda side, contracts, entry, margin: inverse_bankruptcy_price(side, contracts, entry, margin, 0)),
)  # fmt: skip
form(
    "bankruptcy-price", "bitmex-quanto", "BitMEX: the same of a quanto contract, worth point_value coins a point of the price", "side side; contracts size; entry price; margin number; point_value number",
    step("margin_per_unit", "number", "margin / (contracts * point_value)", lambda margin, contracts, point_value: margin / (contracts * point_value)),
    step("price", "price", "entry - side * margin_per_unit", linear_bankruptcy_price, "side entry margin_per_unit"),
)  # fmt: skip
form(
    "bankruptcy-price", "bybit-inverse", "bybit-exchange/docs, v5 position example; the fee is inferred from it", "side side; contracts size; entry price; margin number; closing_fee rate = 0.06 %; tick price = 0.05",
    step("exact", "price", "(1 + side * closing_fee) * contracts / (contracts / entry + side * margin)", inverse_bankruptcy_price, "side contracts entry margin closing_fee"),
    step("price", "price", "ceil(exact / tick) * tick", lambda exact, tick: math.ceil(exact / tick) * tick),
)  # fmt: skip

form(
    "fillable-price", "dydx", "dydxprotocol/v4-chain, protocol/x/clob/keeper/liquidations.go", ACCOUNT + "; adjustment rate = 100 %; spread rate = 10 %",
    VALUE,
    OWN_MAINTENANCE,
    COLLATERAL,
    ALL_MAINTENANCE,
    step("distressed", "rate", "min(max(adjustment * (1 - collateral / all_maintenance), 0), 1)", engine.distress, "collateral all_maintenance adjustment"),
    step("price_at", "price", "(value - distressed * spread * own_maintenance) / signed_size", engine.fillable_price, "value signed_size own_maintenance spread distressed"),
    adjustment="perp.liquidation.adjustment", spread="perp.liquidation.spread",
)  # fmt: skip

form(
    "liquidation-fee", "kraken", "LIQ-8: at most what equity is left", "notional money; equity money; rate rate = 0.5 %",
    step("fee", "money", "max(0, min(notional * rate, equity))", capped_fee, "notional rate equity"),
    rate="perp.liquidation.fee",
)  # fmt: skip
form(
    "liquidation-fee", "drift", "drift-labs/protocol-v2, math/liquidation: fee for the insurance fund", "shortage money; size size; price price; maintenance rate; rate rate; most rate",
    step("fee", "rate", "look up: min(most, max(0, maintenance - rate - shortage / (size * price)) * 19 / 20), rounded down to a millionth; 0 without price, size or room", lambda shortage, size, price, maintenance, rate, most: Fraction(fund_fee_ppm(in_micro(shortage), round(size * 10**9), in_micro(maintenance), in_micro(rate), in_micro(price), in_micro(most)), MICRO)),
)  # fmt: skip

form(
    "cover-size", "drift", "drift-labs/protocol-v2, math/liquidation", "shortage money; price price; maintenance rate; rate rate = 0; fund_rate rate = 0; quote_price price = 1",
    step("size", "size", "look up: shortage / (price * quote_price * (maintenance - rate) - price * fund_rate), rounded down at each division", lambda shortage, price, maintenance, rate, fund_rate, quote_price: Fraction(cover_size_nano(in_micro(shortage), in_micro(maintenance), in_micro(rate), in_micro(fund_rate), in_micro(price), in_micro(quote_price)), 10**9)),
)  # fmt: skip
form(
    "cover-size", "drift-spot", "drift-labs/protocol-v2, math/liquidation: borrow taken over with collateral", "shortage money; asset_weight number; liability_weight number; asset_multiplier number = 1; liability_multiplier number = 1; price price; fund_rate rate = 0",
    step("size", "size", "look up: shortage / price / (liability_weight * (1 - fund_rate) - asset_weight * asset_multiplier / liability_multiplier), rounded down at each division", lambda shortage, asset, liability, asset_by, liability_by, price, fund_rate: Fraction(cover_transfer_nano(in_micro(shortage), round(asset * 10_000), in_micro(asset_by), round(liability * 10_000), in_micro(liability_by), in_micro(price), in_micro(fund_rate)), 10**9), "shortage asset_weight liability_weight asset_multiplier liability_multiplier price fund_rate"),
)  # fmt: skip
