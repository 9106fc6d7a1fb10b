"""The calculator against worked numbers that venues publish, each with its source; and laws for numbers nobody lists."""

from __future__ import annotations

import functools
import json
import math
import re
import statistics
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from offhours.sim import layers, rules
from offhours.sim.calculator import EXAMPLES, FORMS, MEANINGS, Answer, ask, example
from offhours.sim.compile import uncompiled
from offhours.sim.forms.backstops import insurance_delta_quantums
from offhours.sim.forms.funding import inverse_profit
from offhours.sim.forms.margin import tiered_margin
from offhours.sim.market import brackets, deleverage, engine, funding, oracle, positions
from offhours.sim.mistake import Mistake
from plain.funding import weighted
from plain.market import CLASS_D, FRIDAY_OPEN, SATURDAY_NOON, market

DYDX = "dydxprotocol/v4-chain@84d4664b protocol/x/clob/keeper/liquidations_test.go"
FREQTRADE = "freqtrade/freqtrade@c9ae5e1e tests/exchange"
DRIFT = "drift-labs/protocol-v2 programs/drift/src/math/liquidation/tests.rs"
BTC = {"price": 50_000, "maintenance": "10 %"}
ETH = {"price": 3_000, "maintenance": "10 %"}

Vector = tuple[str, str, str, str, dict[str, Any], float | str | tuple[float, ...]]
"""Name, source, question, form, inputs, and the number: as text where the source has rounded it."""

BANKRUPTCY: list[Vector] = [
    ("V-B1", DYDX, "bankruptcy-price", "dydx", {**BTC, "balance": -4_501, "signed_size": "0.1", "close": "0.1"}, 4_501),
    ("V-B3", DYDX, "bankruptcy-price", "dydx", {**BTC, "balance": -5_000, "signed_size": "0.1", "close": "0.1"}, 5_000),
    ("V-B5", DYDX, "bankruptcy-price", "dydx", {**BTC, "balance": 5_000, "signed_size": "-0.1", "close": "0.05"}, -2_500),
    ("V-B7", DYDX, "bankruptcy-price", "dydx", {**BTC, "balance": 4_900, "signed_size": "-0.1"}, -4_900),
    ("V-B9", DYDX, "bankruptcy-price", "dydx", {**ETH, "balance": 510, "signed_size": "-0.1", "others_notional": -200, "others_maintenance": 20}, -306),
    ("V-B11", DYDX, "bankruptcy-price", "dydx", {**BTC, "balance": -13, "signed_size": 1, "close": "0.00021347"}, 0.002776),
    ("V-B13", DYDX, "bankruptcy-price", "dydx", {**BTC, "balance": 1, "signed_size": 1}, -1),
    ("V-B15 bust", "bybit-exchange/docs v5/position/manual-add-margin", "bankruptcy-price", "bybit-inverse", {"side": "long", "contracts": 200, "entry": "1812.70004844", "margin": "0.01926611"}, 1544.20),
    ("V-B15 liq", "bybit-exchange/docs v5/position/manual-add-margin", "liquidation-price", "bybit-inverse", {"side": "long", "contracts": 200, "entry": "1812.70004844", "margin": "0.01926611"}, 1550.80),
    ("V-B17 zero equity", "Kraken support, Equity Protection Process", "bankruptcy-price", "kraken-inverse", {"side": "long", "contracts": 1_000, "entry": 8_000, "margin": "0.01"}, "7407"),
    ("V-B17 liquidation", "Kraken support, Equity Protection Process", "liquidation-price", "kraken-inverse", {"side": "long", "contracts": 1_000, "entry": 8_000, "margin": "0.01", "maintenance": "1 %"}, "7481"),
]  # fmt: skip

FILLABLE: list[Vector] = [
    ("V-L1", DYDX, "fillable-price", "dydx", {**BTC, "balance": -4_501, "signed_size": "0.1"}, 49_999),
    ("V-L3", DYDX, "fillable-price", "dydx", {**BTC, "balance": -4_501, "signed_size": "0.1", "spread": "20 %"}, 49_998),
    ("V-L5 adjustment", DYDX, "fillable-price", "dydx", {**BTC, "balance": 5_499, "signed_size": "-0.1", "adjustment": 2}, 50_002),
    ("V-L5 spread", DYDX, "fillable-price", "dydx", {**BTC, "balance": 5_499, "signed_size": "-0.1", "spread": "20 %"}, 50_002),
    ("V-L7", DYDX, "fillable-price", "dydx", {**BTC, "balance": 5_000, "signed_size": "-0.1"}, 50_500),
    ("V-L9", DYDX, "fillable-price", "dydx", {**ETH, "balance": -490, "signed_size": "0.1", "others_notional": 200, "others_maintenance": 20}, 2_976),
    ("V-L11", DYDX, "fillable-price", "dydx", {**BTC, "balance": -4_501, "signed_size": "0.1", "spread": "100 %"}, 49_990),
]  # fmt: skip


def _isolated(side: str, leverage: int, entry: int) -> dict[str, Any]:
    """A position of one unit whose wallet is its margin, as freqtrade's test has it."""
    balance = Fraction(entry, leverage)
    return {"side": side, "size": 1, "entry": entry, "wallet": balance, "maintenance": "1 %", "amount": "0.01"}


def _gate(side: str, leverage: int, entry: int) -> dict[str, Any]:
    return {"side": side, "leverage": leverage, "entry": entry, "maintenance": "1 %", "taker": "0.06 %"}


BINANCE = {"side": "long", "wallet": "1535443.01", "size": "3683.979", "entry": "1456.84", "maintenance": "10 %", "amount": 135_365}  # fmt: skip
LIQUIDATION: list[Vector] = [
    ("V-P1", "dYdX documentation, liquidation page", "liquidation-price", "dydx", {"equity": 1_000, "signed_size": -3, "price": 3_000, "maintenance": "5 %"}, "3174.60"),
    ("V-P3", f"{FREQTRADE}/test_binance.py", "liquidation-price", "binance", BINANCE, "1114.78"),
    ("V-P5", f"{FREQTRADE}/test_binance.py, cross", "liquidation-price", "binance", {**BINANCE, "others_maintenance": "71200.81", "others_pnl": "-56354.57"}, "1153.26"),
    ("V-P7", f"{FREQTRADE}/test_exchange.py", "liquidation-price", "binance", _isolated("short", 5, 10), 11.89108911),
    ("V-P9", f"{FREQTRADE}/test_exchange.py", "liquidation-price", "binance", _isolated("short", 5, 8), 9.51485149),
    ("V-P11", f"{FREQTRADE}/test_exchange.py", "liquidation-price", "binance", _isolated("long", 5, 10), 8.07070707),
    ("V-P13", f"{FREQTRADE}/test_exchange.py", "liquidation-price", "binance", _isolated("long", 3, 10), 6.72390572),
    ("V-P15 5x", f"{FREQTRADE}/test_exchange.py", "liquidation-price", "gate", _gate("short", 5, 10), 11.87413418),
    ("V-P15 3x", f"{FREQTRADE}/test_exchange.py", "liquidation-price", "okx", _gate("short", 3, 10), 13.19348242),
    ("V-P15 8", f"{FREQTRADE}/test_exchange.py", "liquidation-price", "okx", _gate("short", 5, 8), 9.49930734),
    *(
        (f"V-P17 {leverage}x", f"{FREQTRADE}/test_exchange.py", "liquidation-price", "bybit", {"side": "long", "entry": 10, "leverage": leverage, "maintenance": "1 %"}, price)
        for leverage, price in ((1, 0.1), (3, 10 * (1 - 1 / 3 + 0.01)), (5, 8.1), (10, 9.1))
    ),
    ("V-P19", "krakenfx/kraken-cli@aa32814c src/futures_paper.rs", "liquidation-price", "kraken-paper", {"side": "long", "entry": 50_000, "leverage": 10, "maintenance": "2 %"}, 46_000),
    ("V-P21", "OKX, partial liquidation example", "partial-size", "okx", {"size": 15_000, "tier": 3, "limits": "2000, 5000, 20000"}, 13_000),
]  # fmt: skip

SOL = {"price": 200, "initial": "4 %", "maintenance": "2 %", "slope": "0.0005 %"}
OI = {"notional": 500_000, "initial": "20 %"}
TIER_TABLES = {
    "XRP": "0:5%:2.5%, 100k:10%:5%, 500k:20%:10%, 1M:33%:15%, 2M:50%:25%, 5M:100%:50%",
    "BNB": "0:1%:0.65%, 10k:2%:1%, 50k:4%:2%, 250k:10%:5%, 1M:20%:10%, 2M:25%:12.5%, 5M:33%:15%",
    "BTC": "0:0.8%:0.4%, 50k:1%:0.5%, 250k:2%:1%, 1M:5%:2.5%, 7500k:10%:5%, 40M:20%:10%, 100M:25%:12.5%, 200M:30%:15%, 400M:50%:25%, 600M:100%:50%",
    "ADA": "0:5%:2.5%, 100k:10%:5%, 500k:20%:10%, 1M:33%:15%, 2M:50%:25%, 5M:100%:50%",
    "ZEC": "0:2%:1%, 50k:5%:2.5%, 150k:10%:5%, 250k:20%:10%, 500k:25%:12.5%, 1M:50%:25%, 2M:100%:50%",
}
MARGIN: list[Vector] = [
    ("V-M1", "Binance FAQ, leverage and margin", "maintenance-amount", "binance", {"edge": 250_000, "rate": "1 %", "rate_below": "0.5 %", "amount_below": 50}, 1_300),
    *(
        (f"V-M3 {coin}", f"{FREQTRADE}/test_binance.py, leverage tiers", "maintenance-amount", "tiers", {"notional": notional, "tiers": TIER_TABLES[coin]}, amount)
        for coin, notional, amount in (("XRP", "999999.9", 27_500), ("BNB", 5_000_000, 233_035), ("BTC", 600_000_000, 199_703_800), ("ADA", 20_000_000, 1_527_500), ("ZEC", 20_000_000, 654_500))
    ),
    ("V-M5 BTC", "Deribit, linear perpetuals, margin", "margin", "deribit", {"size": 350, "price": 100_000, "initial": "2 %", "maintenance": "1 %", "slope": "0.005 %"}, 1_312_500),
    ("V-M5 SOL", "Deribit, linear perpetuals, margin", "margin", "deribit", {**SOL, "size": 25}, 200.625),
    ("V-M5 SOL large", "Deribit, linear perpetuals, margin", "margin", "deribit", {**SOL, "size": 6_000}, 84_000),
    ("V-M7", "dydxprotocol/v4-chain x/perpetuals/types/liquidity_tier_test.go", "margin", "dydx", {**OI, "open_interest": 1_500_000, "lower": 1_000_000, "upper": 2_000_000}, 300_000),
    ("V-M9 above", "dydxprotocol/v4-chain x/perpetuals/types/liquidity_tier_test.go", "margin", "dydx", {**OI, "open_interest": 80, "lower": 25, "upper": 50}, 500_000),
    ("V-M9 at lower", "dydxprotocol/v4-chain x/perpetuals/types/liquidity_tier_test.go", "margin", "dydx", {**OI, "open_interest": 25, "lower": 25, "upper": 50}, 100_000),
    ("V-M9 no band", "dydxprotocol/v4-chain x/perpetuals/types/liquidity_tier_test.go", "margin", "dydx", {**OI, "open_interest": 80, "lower": 0, "upper": 0}, 100_000),
    ("V-M11", "Vega feature 0019-MCAL", "margin", "vega", {"size": 15, "price": 1_060, "slippage": "25 %", "risk": "10 %"}, 5_565),
    ("V-M13 short", "Vega feature 0015-INSR", "margin", "vega", {"size": 100, "price": 100, "slippage": "25 %", "risk": "200 %"}, 22_500),
    ("V-M13 long", "Vega feature 0015-INSR", "margin", "vega", {"size": 100, "price": 100, "slippage": "25 %", "risk": "100 %"}, 12_500),
]  # fmt: skip

SHORT = {**BTC, "balance": 4_900, "signed_size": "-0.1", "fill": 4_410}
COVER = {"shortage": 10, "maintenance": "10 %", "price": 100}
SPOT = {"shortage": 10, "asset_weight": "0.8", "liability_weight": "1.2", "price": 100}
FUND_FEE = {"size": 10, "price": 100, "maintenance": "5 %", "rate": "1 %", "most": "5 %"}
INSURANCE: list[Vector] = [
    ("V-I1", DYDX, "insurance-delta", "dydx", {**BTC, "balance": -5_100, "signed_size": "0.1", "fill": 5_610}, 28.05),
    ("V-I3 0.5 %", DYDX, "insurance-delta", "dydx", SHORT, 22.05),
    ("V-I3 2.5 %", DYDX, "insurance-delta", "dydx", {**SHORT, "most": "2.5 %"}, 110.25),
    ("V-I3 100 %", DYDX, "insurance-delta", "dydx", {**SHORT, "most": "100 %"}, 490),
    ("V-I5", DYDX, "insurance-delta", "dydx", {**BTC, "balance": -5_100, "signed_size": "0.1", "fill": 5_100}, 0),
    *(
        (f"V-I7 {fund} {delta}", "dydxprotocol/v4-chain keeper/deleveraging_test.go, IsValidInsuranceFundDelta", "insurance-delta", "dydx-allowed", {"fund": fund, "delta": delta}, allowed)
        for fund, delta, allowed in ((10_000, -10_000, 1), (10_000, "-10000.000001", 0), (0, 0, 1), (0, 1, 1), (0, "-0.000001", 0))
    ),
    ("V-I8", DRIFT, "cover-size", "drift", COVER, 1),
    ("V-I8 quote 0.99", DRIFT, "cover-size", "drift", {**COVER, "quote_price": "0.99"}, 1.010101010),
    ("V-I8 quote 1.01", DRIFT, "cover-size", "drift", {**COVER, "quote_price": "1.01"}, 0.990099009),
    ("V-I9 fee", DRIFT, "cover-size", "drift", {**COVER, "rate": "1 %"}, 1.111111111),
    ("V-I9 fee and fund", DRIFT, "cover-size", "drift", {**COVER, "rate": "1 %", "fund_rate": "1 %"}, 1.25),
    ("V-I11", DRIFT, "liquidation-fee", "drift", {**FUND_FEE, "shortage": 1}, 0.03705),
    ("V-I11 20", DRIFT, "liquidation-fee", "drift", {**FUND_FEE, "shortage": 20}, 0.019),
    ("V-I11 large", DRIFT, "liquidation-fee", "drift", {**FUND_FEE, "shortage": 1_000}, 0),
    ("V-I11 fee 10 %", DRIFT, "liquidation-fee", "drift", {**FUND_FEE, "shortage": 1, "rate": "10 %"}, 0),
    ("V-I11 no price", DRIFT, "liquidation-fee", "drift", {**FUND_FEE, "shortage": 1, "price": 0}, 0),
    ("V-I13", DRIFT, "cover-size", "drift-spot", SPOT, 0.25),
    ("V-I13 multipliers", DRIFT, "cover-size", "drift-spot", {**SPOT, "asset_multiplier": "1.1", "liability_multiplier": "0.9"}, 0.449984250),
    ("V-I13 fund fee", DRIFT, "cover-size", "drift-spot", {**SPOT, "fund_rate": "1 %"}, 0.257731958),
    ("V-I13 both", DRIFT, "cover-size", "drift-spot", {**SPOT, "asset_multiplier": "1.1", "liability_multiplier": "0.9", "fund_rate": "1 %"}, 0.475669504),
    ("V-I15", "Vega feature 0003-MTMK, insurance", "insurance-delta", "vega", {"fund": 10_000, "margin_left": 122, "loss": 1, "fee_paid": 601}, 9_520),
    ("V-I17", "Bybit, ADL alert page, example 1", "insurance-delta", "bybit", {"loss": 350_000, "pool": 1_000_000}, 50_000),
]  # fmt: skip

MARKS: list[Vector] = [
    ("V-X1", "Binance, price index FAQ", "index", "binance", {"sources": "21400, 20000, 18800"}, 20_000),
    ("V-X3 bid ask", "Deribit, mark price page, older rule", "mark", "deribit-band", {"index": 270, "bid": 271, "ask": "271.5", "last": "271.7"}, 271.5),
    ("V-X3 last", "Deribit, mark price page, older rule", "mark", "deribit-band", {"index": 270, "bid": 271, "ask": "271.5", "last": "271.2"}, 271.2),
    ("V-X3 band", "Deribit, mark price page, older rule", "mark", "deribit-band", {"index": 270, "bid": 280, "ask": "280.5", "last": 280}, 278.1),
    ("V-X5", "trade.xyz, internal oracle", "index", "trade-xyz", {"index": 100, "impact_bid": 110, "impact_ask": 111, "elapsed": "6 min"}, 100 + 10 * (1 - math.exp(-0.1))),
    ("V-X5 longer", "trade.xyz, internal oracle", "index", "trade-xyz", {"index": 100, "impact_bid": 110, "impact_ask": 111, "elapsed": "5h"}, 100 + 10 * (1 - math.exp(-0.1))),
    ("dated future", "trade.xyz, spot from dated futures", "index", "future", {"future": 100, "years": "0.25"}, 100 * math.exp(-0.01)),
    ("V-X7", "edgeX, stock perps", "price-band", "edgex", {"price": 100, "leverage_max": 10}, (90, 110)),
    ("V-X9 internal", "Vega specification, 0053-PERP-036", "time-average", "vega", {"points": "0@10, 1@11, 3@11, 7@9, 8@8, 10@30", "end": 10, "pause_from": 5, "pause_to": 7}, 9.875),
    ("V-X9 external", "Vega specification, 0053-PERP-036", "time-average", "vega", {"points": "0@11, 1@9, 3@10, 5@30, 6@11, 8@8, 9@14", "end": 10, "pause_from": 5, "pause_to": 7}, 10.25),
    ("V-X9 payment", "Vega specification, 0053-PERP-036", "funding-payment", "vega", {"internal": "9.875", "external": "10.25", "trading": "80 %"}, -0.3),
    ("V-X11", "Thalex, funding", "funding-payment", "thalex", {"mark": 50_100, "index": 50_000, "signed_size": 4, "duration": "3h"}, 50),
]  # fmt: skip

PREMIUM = "dydxprotocol/v4-chain protocol/x/clob/memclob/memclob_get_premium_price_test.go"
VEGA = "vegaprotocol/vega core/products/perpetual_test.go"
LOOSE = {"clamp_lower": "-100 %", "clamp_upper": "100 %"}
MODIFIED = {"external": 110}
FUNDING: list[Vector] = [
    ("V-F1 rate", "BitMEX, perpetual contracts guide", "funding-rate", "interest", {"quote_rate": "1 %", "base_rate": "0.25 %"}, 0.0025),
    ("V-F1 payment", "BitMEX, perpetual contracts guide", "funding-payment", "bitmex-inverse", {"contracts": 15_000, "price": 750, "rate": "0.25 %"}, 0.05),
    ("V-F3", PREMIUM, "premium", "dydx", {"bids": "0.1@9999, 1@9998", "index": 9_000}, 0.110911),
    ("V-F5 ask", PREMIUM, "premium", "dydx", {"asks": "1@10001", "index": "10001.9"}, -0.000089),
    ("V-F5 bid", PREMIUM, "premium", "dydx", {"bids": "1@9999.9", "index": "9997.5"}, 0.000240),
    ("V-F5 inside", PREMIUM, "premium", "dydx", {"bids": "1@9999", "asks": "1@10001", "index": 10_000}, 0),
    ("V-F5 thin", PREMIUM, "premium", "dydx", {"bids": "0.1@9999", "index": 9_000}, 0),
    ("V-F7 premium", "dydxprotocol/v4-chain protocol/testing/e2e/funding/funding_e2e_test.go", "premium", "dydx", {"asks": "1@28005", "index": 34_000}, -0.176323),
    ("V-F7 rate", "dydxprotocol/v4-chain protocol/testing/e2e/funding/funding_e2e_test.go", "funding-rate", "dydx", {"premiums": "-176323 ppm", "initial": "5 %", "maintenance": "3 %"}, -0.12),
    *(
        (f"V-F7 payment {size}", "dydxprotocol/v4-chain protocol/testing/e2e/funding/funding_e2e_test.go", "funding-payment", "dydx", {"rate": "-12 %", "price": 33_500, "signed_size": size}, payment)
        for size, payment in (("-0.8", 402), ("1", -502.5), ("-0.2", 100.5))
    ),
    ("V-F11", "dydxprotocol/v4-chain x/perpetuals/types/liquidity_tier_test.go", "funding-rate", "dydx", {"premiums": "90 %", "initial": "15 %", "maintenance": "12 %"}, 0.18),
    ("V-F23", "GMX v2 synthetics, README", "funding-rate", "gmx", {"factor": Fraction(1, 50_000), "long_interest": 150_000, "short_interest": 50_000}, 0.00001),
    ("V-F21", "Vega feature 0053-PERP, funding rate modifiers", "funding-rate", "vega", {"internal": 990, "external": 1_000, "scaling": "2.5"}, -0.025),
    ("V-F21 bounded", "Vega feature 0053-PERP, funding rate modifiers", "funding-rate", "vega", {"internal": 990, "external": 1_000, "rate_lower": "-0.5 %", "rate_upper": "1.5 %"}, -0.005),
    ("V-F17", VEGA, "funding-payment", "vega", {"internal": "116.66666666666", "external": "116.66666666666", "years": "0.25", "interest": "1 %", **LOOSE}, 0.29166666666),
    ("V-F25", "Vega feature 0053-PERP-024", "funding-payment", "vega", {"internal": 3_000, "external": 3_000, "years": "0.5", "interest": "5 %", **LOOSE}, 75),
    ("V-F25 two", "Vega feature 0053-PERP-024", "funding-payment", "vega", {"internal": 3_000, "external": 3_000, "years": "0.5", "interest": "5 %", **LOOSE, "signed_size": 2}, 150),
    *(
        (f"V-F19 {name}", f"{VEGA}, modifiers", "funding-rate", "vega", {**MODIFIED, "internal": 110 + difference, **how}, rate)
        for name, difference, how, rate in (
            ("scaled 0.5", 220, {"scaling": "0.5"}, 1), ("scaled 1.5", 1_100, {"scaling": "1.5"}, 15), ("cap", 100, {"rate_upper": "50 %"}, 0.5),
            ("floor", 5, {"rate_lower": "50 %"}, 0.5), ("both", 1_100, {"scaling": "1.5", "rate_upper": "50 %"}, 0.5),
        )
    ),
]  # fmt: skip

THEORY = "Ackerer, Hugonnier, Jermann, Mathematical Finance 2025; values of an open implementation's unit tests"
PRICES: list[Vector] = [
    ("linear", THEORY, "perp-price", "linear", {"spot": 100, "quote_rate": "5 %"}, "105.2632"),
    ("linear discrete", THEORY, "perp-price", "linear-discrete", {"spot": 100, "quote_rate": "5 %", "base_rate": "2 %"}, "103.0303"),
    ("linear discrete 2", THEORY, "perp-price", "linear-discrete", {"spot": 1, "kappa": "0.2", "iota": "0.01", "quote_rate": "0.4 %", "base_rate": "0.1 %"}, "0.9644523327"),
    ("inverse", THEORY, "perp-price", "inverse", {"spot": 100, "quote_rate": "5 %"}, 105),
    ("perfect iota", THEORY, "anchoring-interest", "linear-discrete", {"quote_rate": "5 %", "base_rate": "2 %"}, "0.0294118"),
    ("implied iota", THEORY, "anchoring-interest", "implied", {"price": 105, "spot": 100, "quote_rate": "5 %"}, 0.0025),
]  # fmt: skip

TOKENS: list[Vector] = [
    ("annual fee", "Backed token contract, test of the fee", "token", "fee", {"fee_a_year": "50 %"}, 0.5 ** (1 / 365)),
    ("a year of it", "Backed token contract, test of the fee", "token", "fee", {"fee_a_year": "50 %", "days": 365}, 0.5),
    ("split 2 for 1", "Backed token contract, multiplier", "token", "split", {"raw": 100, "new": 2}, 200),
    ("split 1 for 2", "Backed token contract, multiplier", "token", "split", {"raw": 1, "old": 2}, 0.5),
    ("stock price", "Bybit, tokenized stocks", "token", "stock-price", {"price": 500, "multiplier": 2}, 250),
]  # fmt: skip

OFFSET = "dydxprotocol/v4-chain protocol/x/clob/keeper/deleveraging_test.go, ProcessDeleveraging"
SETTLE = "Vega verified feature 0002-STTL, loss socialisation"
ONE_SHORT = {**BTC, "balance": 54_999, "signed_size": -1, "other_balance": 50_000}
EVEN_SHORT = {**BTC, "balance": 50_000, "signed_size": -1}
DELEVERAGING: list[Vector] = [
    ("V-A1", "BitMEX, ADL page", "adl-allocation", "queue", {"budget": 20, "rooms": "10,10,20,30,20,10", "scores": "3,6,1,4,5,2"}, (0, 10, 0, 0, 10, 0)),
    ("V-A3", OFFSET, "adl-price", "dydx", ONE_SHORT, 104_999),
    *(
        (f"V-A5 {balance}", OFFSET, "adl-price", "dydx", {**EVEN_SHORT, "other_balance": balance}, after)
        for balance, after in ((50_000, 100_000), (-45_001, 4_999), (-50_000, 0), (-50_001, -1))
    ),
    ("V-A7", OFFSET, "adl-price", "dydx", {**ONE_SHORT, "close": "0.1"}, 55_499.9),
    *(
        (f"V-A9 {price} {settled}", "dydxprotocol/v4-chain keeper/deleveraging_test.go, CanDeleverage", "adl-price", "dydx-allowed", {"balance": 54_999, "signed_size": -1, "price": price, "settled": settled}, allowed)
        for price, settled, allowed in ((50_000, "no", 0), (54_990, "no", 0), (55_000, "no", 1), (50_000, "yes", 1))
    ),
    ("V-A11", f"{DRIFT}, deposits", "socialised-loss", "drift-deposits", {"loss": 11, "deposits": 120}, 0.0916666667),
    ("V-A11 both sides", f"{DRIFT}, funding deltas", "socialised-loss", "drift", {"loss": 100, "long_size": 7, "short_size": 4}, 9.090910),
    ("V-A13", f"{SETTLE} case 2", "socialised-loss", "vega", {"gains": "2000, 80, 6000", "shortfall": 5_500}, (1_362, 55, 4_083)),
    ("V-A14", f"{SETTLE} case 3", "socialised-loss", "vega", {"gains": "7200, 800, 800", "shortfall": 3_000}, (2_455, 273, 272)),
    ("V-A15", f"{SETTLE} case 4", "socialised-loss", "vega", {"gains": "7200, 80, 800", "shortfall": 100}, (90, 1, 9)),
]  # fmt: skip

SCORES: list[Vector] = [
    ("V-A17 long", "Hyperliquid documentation, auto-deleveraging", "adl-score", "hyperliquid", {"side": "long", "mark": 300, "entry": 200, "notional": 3_000, "equity": 1_000}, 4.5),
    ("V-A17 short", "Hyperliquid documentation, auto-deleveraging", "adl-score", "hyperliquid", {"side": "short", "mark": 100, "entry": 150, "notional": 3_000, "equity": 1_000}, 4.5),
    ("BitMEX profit", "BitMEX, ADL page: profit rate x effective leverage", "adl-score", "bitmex", {"profit": 1_000, "cost": 2_000, "notional": 3_000, "equity": 1_000}, 1.5),
    ("BitMEX loss", "BitMEX, ADL page: profit rate / effective leverage", "adl-score", "bitmex", {"profit": -1_000, "cost": 4_000, "notional": 3_000, "equity": 1_000}, -1 / 12),
]  # fmt: skip

BOOK: list[Vector] = [
    ("book walk", "arXiv 2512.01112, execution example", "impact-price", "size", {"levels": "1@1.0, 3@1.1, 10@1.2", "size": 5}, 1.1),
]  # fmt: skip

VECTORS = [
    *BANKRUPTCY,
    *FILLABLE,
    *LIQUIDATION,
    *MARGIN,
    *INSURANCE,
    *MARKS,
    *FUNDING,
    *PRICES,
    *TOKENS,
    *DELEVERAGING,
    *SCORES,
    *BOOK,
]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector[0])
def test_a_published_number_comes_out(vector: Vector) -> None:
    """ENG-1, LIQ-8, MARG-1, TIER-1 and what other venues have instead."""
    _, source, question, form, inputs, expected = vector
    assert source
    found = ask(question, form, **inputs).value
    if isinstance(expected, str):
        digits = len(expected.partition(".")[2])
        assert abs(found - Fraction(expected)) <= Fraction(1, 2 * 10**digits)
    elif isinstance(expected, tuple):
        assert [float(part) for part in found] == pytest.approx(expected)
    else:
        assert float(found) == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_integers_of_programs_come_out_to_the_last_digit() -> None:
    """Where a source compares integers, so do we: dYdX quantums, Drift's 1e-9 and 1e-6."""
    exact = {"V-B1", "V-B9", "V-B11", "V-I1", "V-I3 2.5 %", "V-I11", "V-I8 quote 0.99", "V-I8 quote 1.01", "V-I13 multipliers", "V-I13 fund fee", "V-I13 both"}  # fmt: skip
    found = {
        name: ask(question, form, **inputs).value for name, _, question, form, inputs, _ in VECTORS if name in exact
    }
    wanted = {name: Fraction(str(expected)) for name, _, _, _, _, expected in VECTORS if name in exact}
    assert found == wanted and len(found) == len(exact)


def test_the_other_numbers_of_a_vector_come_out() -> None:
    """V-M5, V-M7, V-M13, V-I17, V-P19: what the source says beside the answer."""
    sol = ask("margin", "deribit", **SOL, size=25)
    assert (sol["initial_rate"], sol["maintenance_margin"]) == (Fraction("0.040125"), Fraction("100.625"))
    assert ask("margin", "dydx", **OI, open_interest=1_500_000, lower=1_000_000, upper=2_000_000)["initial_rate"] == Fraction(3, 5)  # fmt: skip
    order = ask("margin", "vega", size=100, price=100, slippage="25 %", risk="200 %")
    assert (order["order_margin"], order["order_initial_margin"]) == (20_000, 30_000)
    pool = ask("insurance-delta", "bybit", loss=350_000, pool=1_000_000)
    assert (pool["ratio"], pool["begins"], pool["ends"]) == (Fraction(-35, 100), 1, 0)
    assert ask("insurance-delta", "bybit", loss=249_999, pool=1_000_000)["ends"] == 1
    assert ask("liquidation-price", "kraken-paper", side="long", entry=50_000, leverage=10).value > 45_900


def test_a_rate_that_a_program_rounds_is_rounded_so() -> None:
    """V-F7, V-F9, V-F13, V-F15, V-F17: whole quantums and ppm, towards zero."""
    assert ask("funding-payment", "dydx", rate="-12 %", price=33_500)["index_change"] == -50_250
    for rate, change in (("1001999 ppm", 1_001), ("-1001999 ppm", -1_001)):
        assert (
            ask("funding-payment", "dydx", rate=rate, price=1_000, duration="8h", exponent=-12)["index_change"]
            == change
        )
    drift = ask("funding-rate", "drift", mark=50, index=49, offset=0)
    assert int(drift["per_unit"] * 10**9) == 41_666_666
    assert ask("funding-rate", "drift", mark=60, index=49)["spread"] == Fraction("4.9")
    assert float(ask("funding-rate", "drift", mark=60, index=49, clamp=Fraction(1, 33))["spread"]) == pytest.approx(1.484848, rel=1e-6)  # fmt: skip
    vega = ask("funding-payment", "vega", internal="116.66666666666", external="116.66666666666", years="0.25", interest="1 %", **LOOSE)  # fmt: skip
    assert int(vega.value * 10**11) == 29_166_666_666


def test_drift_in_dollars_is_drift_in_shares() -> None:
    """FUND-12: the program's dollars a unit over the oracle price are the rate that the market's form makes."""
    for mark in (40, 49, 50, 60):
        dollars = ask("funding-rate", "drift", mark=mark, index=49, offset="0.0002", clamp="10 %")
        shares = ask("funding-rate", "drift-rate", premiums=[Fraction(mark - 49, 49)])
        assert abs(dollars.value - shares.value) <= Fraction(2, 10**9)


def test_the_other_numbers_of_funding_come_out() -> None:
    """V-F1, V-F5, V-F19, V-F21, V-F23, V-X1: what the sources say beside the rate."""
    assert inverse_profit(Fraction(15_000), Fraction(750), Fraction(800)) == Fraction("1.25")  # type: ignore[arg-type]
    payments = [220, 1_100, 100, 5, 1_100]
    found = [
        ask("funding-rate", form, **inputs)["payment"] for name, _, _, form, inputs, _ in FUNDING if "V-F19" in name
    ]
    assert found == [110, 1_650, 55, 55, 55] and len(payments) == len(found)
    assert ask("funding-rate", "vega", internal=990, external=1_000, scaling="2.5")["payment"] == -25
    gmx = ask("funding-rate", "gmx", factor=Fraction(1, 50_000), long_interest=150_000, short_interest=50_000)
    assert (gmx["paid"], gmx["received"]) == (Fraction(1, 100_000), Fraction(-3, 100_000))
    assert ask("index", "binance", sources="21400, 20000, 18800")["held"] == (20_600, 20_000, 19_400)
    assert float(ask("index", "trade-xyz", index=100, impact_bid=110, impact_ask=111, elapsed="6 min")["moved"]) == pytest.approx(0.09516, abs=5e-6)  # fmt: skip


def test_the_other_numbers_of_deleveraging_come_out() -> None:
    """V-A1 in BitMEX's order of ranks, V-A3, V-A5, V-A7: price, what both have left, and who would be bankrupt himself."""
    ranks = {"budget": 20, "rooms": "10,10,20,30,20,10", "scores": "3,6,1,4,5,2"}
    assert ask("adl-allocation", "queue", **ranks).value == (0, 10, 0, 0, 10, 0)
    part = ask("adl-price", "dydx", **ONE_SHORT, close="0.1")
    assert (part["bankruptcy_value"], part["balance_after"]) == (Fraction("-5499.9"), Fraction("49499.1"))
    assert ask("adl-price", "dydx", **ONE_SHORT)["balance_after"] == 0
    assert ask("adl-price", "dydx", **EVEN_SHORT, other_balance=-50_001).value < 0, "bankruptcy prices do not overlap"


def test_an_empty_pool_shares_its_loss_by_symbol() -> None:
    """V-I19, Bybit, ADL alert page, example 3: nobody is past -30 %, the pool is at 0, and each symbol bears its part."""
    answer = ask(
        "socialised-loss", "bybit", losses="250000, 250000, 250000, 290000", pool_before=1_000_000, missing=40_000
    )
    assert (answer["by_symbol"], answer["by_pool"]) == (0, 1)
    assert sum(answer.value) == 40_000 and answer.value[3] / answer.value[0] == Fraction(29, 25)


def test_the_market_runs_what_is_asked() -> None:
    """Compiled, the kernels give the same numbers as the calculator's Python of the same source."""
    for kernel, inputs in (
        (funding.rate_of, (funding.CLAMPED, 1_234_567, 100_000, 500_000, 500_000_000, 8, 40_000_000)),
        (funding.rate_of, (funding.PREMIUM_ALONE, -71_234_567, 0, 0, 10**9, 24, 2_500_000)),
        (oracle.mark_price, (250.1, -3.7, 10_000_000)),
        (oracle.own_book_weight, (360_000_000, 3_600_000_000)),
        (engine.zero_equity_price, (25_000.0, 1.0e9, -400, 10_000, 5_500_000)),
        (deleverage.bitmex_score, (-5.0e6, 1.0e8, 9.5e7, 1.0e7)),
    ):
        assert kernel(*inputs) == uncompiled(kernel)(*inputs)


# Formulas are what they say -------------------------------------------------------------------------------------------


def by_hand(answer: Answer) -> None:
    """Work every step out from its text, with exact numbers, and compare."""
    values = {shown.name: shown.value for shown in answer.inputs}
    tools = {
        "min": min, "max": max, "abs": abs, "ceil": math.ceil, "sign": lambda x: 1 if x > 0 else -1,
        "up": lambda x: Fraction(math.ceil(x * 10**6), 10**6), "down": lambda x: Fraction(math.floor(x * 10**6), 10**6),
        "ppb": lambda x: Fraction(int(x * 10**9), 10**9), "nano": lambda x: Fraction(int(x * 10**9), 10**9),
        "up10": lambda x: Fraction(math.ceil(x * 10**10), 10**10), "floor": math.floor,
        "truncated": lambda x: Fraction(int(x * 10**6), 10**6), "whole": int, "median": statistics.median, "mean": statistics.mean,
        "sorted": sorted, "len": len, "sum": sum,
    }  # fmt: skip
    for step in answer.steps:
        if not step.formula.startswith(("look up", "where")):
            text = re.sub(r"(?<![\w.])\d+(\.\d+)?", lambda m: f"Fraction('{m[0]}')", step.formula)
            found = eval(text, {"Fraction": Fraction, **tools}, values)
            assert float(found) == pytest.approx(float(step.result.value), rel=1e-12, abs=1e-15), step.formula
        values[step.result.name] = step.result.value


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector[0])
def test_the_text_of_a_formula_gives_its_number(vector: Vector) -> None:
    by_hand(ask(vector[2], vector[3], **vector[4]))


EVERY = [(question, name) for question, forms in FORMS.items() for name in forms]


@pytest.mark.parametrize(("question", "name"), EVERY)
def test_every_form_answers_and_its_text_is_its_formula(question: str, name: str) -> None:
    """On made-up numbers; each form says where it is from, each input what it means, and JSON holds the answer."""
    answer = example(question, name)
    assert answer.form.name == name and len(answer.form.source) > 5
    by_hand(answer)
    shown = answer.to_json()
    assert shown["answer"]["text"] == answer.text == str(answer)
    assert json.loads(json.dumps(shown)) == shown
    assert len(answer.lines()) >= 2 + len(answer.inputs)


def test_every_example_is_used_and_every_meaning_is_said_of_something() -> None:
    names = {item.name for forms in FORMS.values() for form in forms.values() for item in form.inputs}
    assert set(EXAMPLES) <= names
    assert set(MEANINGS) == names


# Laws, for numbers that nobody lists ------------------------------------------------------------------------------------

cents = st.integers(100, 10_000_000).map(lambda n: Fraction(n, 100))
sizes = st.integers(1, 10**8).map(lambda n: Fraction(n, 10**4))
sides = st.sampled_from(["long", "short"])
leverages = st.integers(11, 500).map(lambda n: Fraction(n, 10))
rates = st.integers(1, 900).map(lambda n: Fraction(n, 10_000))


def sign(side: str) -> int:
    return 1 if side == "long" else -1


@given(side=sides, size=sizes, entry=cents, leverage=leverages, rate=rates)
def test_a_liquidation_price_is_where_equity_is_maintenance_margin(
    side: str, size: Fraction, entry: Fraction, leverage: Fraction, rate: Fraction
) -> None:
    """MARG-1, exactly: Binance, dYdX, Hyperliquid and an account agree, and the fee of OKX and Gate comes on top."""
    margin_ = size * entry / leverage
    s = sign(side)

    def equity(price: Fraction) -> Fraction:
        return margin_ + s * size * (price - entry)

    found = ask(
        "liquidation-price", "account", equity=margin_, signed_size=s * size, price=entry, maintenance=rate
    ).value
    assert equity(found) == rate * size * found
    same = [
        ask("liquidation-price", "binance", side=side, wallet=margin_, size=size, entry=entry, maintenance=rate),
        ask("liquidation-price", "dydx", equity=margin_, signed_size=s * size, price=entry, maintenance=rate),
        ask(
            "liquidation-price",
            "lighter",
            side=side,
            size=size,
            price=entry,
            equity=margin_,
            initial=2 * rate,
            maintenance_share="50 %",
        ),
        ask("liquidation-price", "gate", side=side, entry=entry, leverage=leverage, maintenance=rate, taker=0),
    ]
    assert {answer.value for answer in same} == {found}
    with_fee = ask(
        "liquidation-price", "okx", side=side, entry=entry, leverage=leverage, maintenance=rate, taker="0.06 %"
    )
    assert equity(with_fee.value) == (rate + Fraction(6, 10_000)) * size * with_fee.value
    assert s * (with_fee.value - found) > 0


@given(side=sides, contracts=st.integers(1, 10**6), entry=cents, leverage=leverages, rate=rates)
def test_an_inverse_liquidation_price_is_where_equity_is_maintenance_margin(
    side: str, contracts: int, entry: Fraction, leverage: Fraction, rate: Fraction
) -> None:
    """In coin: margin + contracts (1 / entry - 1 / price) against a share of contracts / price; bankruptcy has no share."""
    coin = contracts / entry / leverage
    given_ = {"side": side, "contracts": contracts, "entry": entry, "margin": coin}
    s = sign(side)
    if side == "short" and leverage <= 1:
        return
    price = ask("liquidation-price", "kraken-inverse", **given_, maintenance=rate).value
    assert coin + s * contracts * (1 / entry - 1 / price) == rate * contracts / price
    bust = ask("bankruptcy-price", "kraken-inverse", **given_).value
    assert coin + s * contracts * (1 / entry - 1 / bust) == 0
    assert s * (price - bust) > 0


@st.composite
def schedules(draw: st.DrawFn) -> list[tuple[Fraction, Fraction, Fraction]]:
    """Tiers with rising edges and rates."""
    steps = draw(st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 120)), min_size=0, max_size=5))
    tiers = [(Fraction(0), Fraction(4, 100), Fraction(2, 100))]
    for width, more in steps:
        edge, _, rate = tiers[-1]
        rate = min(rate + Fraction(more, 1_000), Fraction(6, 10))
        tiers.append((edge + width, min(2 * rate, Fraction(1)), rate))
    return tiers


@given(side=sides, size=sizes, entry=cents, leverage=st.integers(2, 24), tiers=schedules(), whole=st.booleans())
def test_a_liquidation_price_by_tiers_is_the_first_price_where_margin_is_missing(
    side: str, size: Fraction, entry: Fraction, leverage: int, tiers: Any, whole: bool
) -> None:
    """MARG-1, TIER-1: on the way there is margin to spare everywhere, and just beyond there is not."""
    edges, held = tuple(t[0] for t in tiers), tuple(t[2] for t in tiers)
    s = sign(side)
    collateral = size * entry / leverage

    def spare(price: Fraction) -> Fraction:
        kept = tiered_margin(size * price, edges, held, int(whole))  # type: ignore[arg-type]
        return collateral + s * size * (price - entry) - Fraction(kept)

    assume(spare(entry) > 0)
    found = ask(
        "liquidation-price", "tiers", side=side, size=size, entry=entry, leverage=leverage, tiers=tiers, whole=whole
    )
    price = found.value
    assert not isinstance(price, str) and s * (entry - price) > 0
    for part in range(1, 20):
        assert spare(entry + (price - entry) * Fraction(part, 20)) >= 0
    assert spare(price * (1 - s * Fraction(1, 10**9))) < 0
    if not whole:
        assert spare(price) == 0
    by_hand(found)


@given(size=sizes, price=cents, tiers=schedules())
def test_marginal_tiers_have_no_jump_and_amounts_say_the_same(size: Fraction, price: Fraction, tiers: Any) -> None:
    """TIER-1: notional x rate - amount (Binance) is the sum over tiers (Kraken), to the micro-dollar that is rounded up."""
    notional = size * price
    amount = ask("maintenance-amount", "tiers", notional=notional, tiers=tiers)
    by_amount = notional * amount["maintenance_rate"] - amount.value
    by_parts = ask("margin", "tiers", size=size, price=price, tiers=tiers)["maintenance_margin"]
    assert 0 <= by_parts - by_amount <= Fraction(len(tiers), 10**6)
    for number, whole in ((1, 0), (2, 0), (1, 1), (2, 1)):
        asked = ask("margin", "tiers", size=size, price=price, tiers=tiers, whole=whole)
        exact = tiered_margin(notional, tuple(t[0] for t in tiers), tuple(t[number] for t in tiers), whole)  # type: ignore[arg-type]
        assert 0 <= asked[("initial_margin", "maintenance_margin")[number - 1]] - exact <= Fraction(len(tiers), 10**6)


@given(lots=st.integers(1, 10**7), cents_=st.integers(100, 100_000), form=st.sampled_from(["marginal", "whole"]))
@settings(max_examples=20, deadline=None)
def test_margin_is_what_the_market_asks(lots: int, cents_: int, form: str) -> None:
    """TIER-1: the calculator's margin of a position is the kernel's, to the micro-dollar."""
    sim = kraken_market(form)
    notional = lots * cents_ * 100
    asked = ask("margin", "kraken", size=Fraction(lots, 100), price=Fraction(cents_, 100), whole=form)
    assert asked["notional"] * 10**6 == notional
    assert asked["initial_margin"] * 10**6 == brackets.initial(sim.world, 0, notional)
    assert asked["maintenance_margin"] * 10**6 == brackets.maintenance(sim.world, 0, notional)


@given(
    lots=st.integers(1, 10**6), cents_=st.integers(5_000, 20_000), slope=st.integers(0, 20_000), lend=st.integers(1_000, 150_000),
    add=st.integers(0, 200_000_000), binds=st.booleans(), interest=st.integers(0, 3 * 10**6), closed=st.booleans(),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_graded_margin_is_what_the_market_asks(
    lots: int, cents_: int, slope: int, lend: int, add: int, binds: bool, interest: int, closed: bool
) -> None:
    """TIER-2 to TIER-4: at any size, hour and open interest the calculator's margin is the kernel's, to the micro-dollar."""
    form = brackets.SIZE_LINEAR if slope else brackets.WHOLE
    numbers = {
        "form": form, "slope_ppb": slope, "closed_leverage_milli": lend, "closed_add_ppb": add, "closed_for": int(binds),
        "crowded_from_uusd": 10**12, "crowded_to_uusd": 2 * 10**12,
    }  # fmt: skip
    sim = market(
        knobs={(brackets.margin_rules, name): value for name, value in numbers.items()}, tiers=CLASS_D,
        start_us=SATURDAY_NOON if closed else FRIDAY_OPEN, price_usd=cents_ / 100,
    )  # fmt: skip
    sim.memory[positions.interests]["long_lots"][0] = interest * 10**4 // cents_
    brackets.regrade(sim.world, 0)
    asked = ask(
        "margin", "tiers", size=Fraction(lots, 100), price=Fraction(cents_, 100), whole="yes",
        tiers=[(Fraction(edge, 10**6), Fraction(initial, 10**9), Fraction(kept, 10**9)) for edge, initial, kept in CLASS_D],
        slope=Fraction(slope, 10**9), closed=closed, closed_leverage=Fraction(lend, 1000), closed_add=Fraction(add, 10**9),
        all_positions=binds, open_interest=Fraction(interest * 10**4 // cents_ * cents_, 10**4), lower="1M", upper="2M",
    )  # fmt: skip
    notional = lots * cents_ * 100
    assert asked["initial_margin"] * 10**6 == brackets.initial(sim.world, 0, notional)
    assert asked["maintenance_margin"] * 10**6 == brackets.maintenance(sim.world, 0, notional)


@given(
    lots=st.integers(1, 10**6),
    cents_=st.integers(100, 100_000),
    edges=st.lists(st.integers(1, 10**8), max_size=6, unique=True),
    down=st.integers(1, 3),
)
def test_a_step_by_tiers_ends_just_below_an_edge(lots: int, cents_: int, edges: list[int], down: int) -> None:
    """ENG-3: what is left is in the tier that was aimed at, and a lot more would not be; without such a tier nothing is closed."""
    table = [(edge, Fraction(1, 10), Fraction(1, 20)) for edge in (0, *sorted(edges))]
    size, price = Fraction(lots, 100), Fraction(cents_, 100)
    part = ask("partial-size", "tiers", size=size, price=price, tiers=table, down=down).value
    begins = [edge for edge, _, _ in table if edge <= size * price]
    if len(begins) <= down:
        assert part == 0
    else:
        left = size - part
        assert left * price < begins[-down] <= (left + Fraction(1, 100)) * price
        assert part.denominator in (1, 2, 4, 5, 10, 20, 25, 50, 100)


@given(premiums=st.lists(st.integers(-(10**8), 10**8), min_size=1, max_size=480))
def test_rising_weights_are_a_mean_of_means(premiums: list[int]) -> None:
    """FUND-15: the k-th counting k times is the mean of the premiums from each minute on, weighted by their number; to a billionth,
    towards zero."""
    average = ask("funding-rate", "bybit", premiums=[Fraction(p, 10**9) for p in premiums])["average"]
    n = len(premiums)
    exact = Fraction(sum(sum(premiums[start:]) for start in range(n)), n * (n + 1) // 2)
    assert average * 10**9 == int(exact) == weighted(premiums, "rising")


@given(level=st.integers(0, 10**9), loss=st.integers(0, 10**9), share=st.integers(0, 100), stop=st.integers(0, 100))
def test_what_a_fund_may_lose_is_a_share_of_its_level(level: int, loss: int, share: int, stop: int) -> None:
    """INS-4, INS-5: loss and what is left of it never exceed the share; it stops from the share at which it would resume."""
    answer = ask("insurance-room", "drawdown", level=level, loss=loss, share=f"{share} %", stop=f"{stop} %")
    assert answer.value == max(0, Fraction(level * share, 100) - loss)
    assert answer["stays"] == (loss >= Fraction(level * stop, 100))


@functools.cache
def kraken_market(form: str) -> Any:
    """A market with Kraken's tiers, filled in as the real one's are."""
    changes = layers.set_layer([("perp.margin.form", form)], ["TSLAx"])
    resolved = rules.resolve("kraken", ["TSLAx"], changes=changes)
    own = resolved[brackets.margin_rules][0]
    sim = market()
    sim.memory[brackets.margin_rules][0] = own
    sim.memory[brackets.tiers][:] = resolved[brackets.tiers]
    brackets.prepare(sim.memory[brackets.tiers], int(own["leverage_max_milli"]), int(own["maintenance_ppb"]))
    return sim


@given(
    balance=st.integers(-(10**6), 10**6), size=st.integers(-(10**4), 10**4).filter(bool), price=cents, rate=rates, part=st.integers(1, 10)
)  # fmt: skip
def test_slices_at_the_bankruptcy_price_leave_distress_as_it_is(
    balance: int, size: int, price: Fraction, rate: Fraction, part: int
) -> None:
    """dYdX: equity over maintenance does not fall by closing a slice there, and rises by at most a quantum's worth."""
    account = {"balance": balance, "signed_size": Fraction(size, 100), "price": price, "maintenance": rate}
    whole = ask("bankruptcy-price", "dydx", **account)
    assert 0 <= whole["bankruptcy_value"] + balance < Fraction(2, 10**6)
    closed = abs(Fraction(size, 100)) * part / 10
    sliced = ask("bankruptcy-price", "dydx", **account, close=closed)
    left = sliced["collateral"] + sliced["notional_change"] + sliced.value
    kept = sliced["all_maintenance"] - sliced["maintenance_change"]
    exact = sliced["collateral"] * kept / sliced["all_maintenance"]
    assert 0 <= left - exact <= Fraction(1, 10**6)


@given(proceeds=st.integers(0, 10**12), bankruptcy=st.integers(-(10**12), 10**12), fee=st.integers(0, 10**6))
def test_a_fund_never_takes_more_than_the_fee_or_what_is_left(proceeds: int, bankruptcy: int, fee: int) -> None:
    delta = insurance_delta_quantums(proceeds, bankruptcy, proceeds, fee)
    assert delta <= max(0, proceeds - bankruptcy) and delta * 10**6 <= max(0, proceeds * fee)
    assert delta == proceeds - bankruptcy or delta > 0 or fee == 0 or proceeds * fee < 10**6


@given(premium=st.integers(-(10**8), 10**8), form=st.sampled_from(["binance", "deribit", "kraken", "hyperliquid"]))
def test_funding_is_odd_flat_where_it_says_so_and_capped(premium: int, form: str) -> None:
    """FUND-2, FUND-8, FUND-9 on a grid of premiums: Binance is flat at its interest in -0.04 % to 0.06 %, Deribit in +-0.025 %."""
    p = Fraction(premium, 10**9)
    answer = ask("funding-rate", form, premiums=[p])
    rate = answer.value
    assert abs(rate) <= answer["cap"]
    if form == "binance" and Fraction(-4, 10_000) <= p <= Fraction(6, 10_000):
        assert rate == Fraction(1, 10_000)
    if form == "deribit":
        assert (rate == 0) == (abs(p) <= Fraction(25, 100_000))
    if form in ("deribit", "kraken"):
        assert ask("funding-rate", form, premiums=[-p]).value == -rate
    further = ask("funding-rate", form, premiums=[p + Fraction(1, 10**6)]).value
    assert 0 <= further - rate <= Fraction(1, 10**6) + Fraction(1, 10**9)


@given(premiums=st.lists(st.integers(-(10**7), 10**7), min_size=1, max_size=60), seed=st.randoms(use_true_random=False))
def test_a_trimmed_mean_forgets_order_and_outliers(premiums: list[int], seed: Any) -> None:
    """FUND-2: the middle half is between the quartiles, whatever the order and however far the rest lies out."""
    values = [Fraction(p, 10**9) for p in premiums]
    average = ask("funding-rate", "kraken", premiums=values)["average"]
    shuffled = list(values)
    seed.shuffle(shuffled)
    assert ask("funding-rate", "kraken", premiums=shuffled)["average"] == average
    if len(values) >= 4:
        wild = sorted(values)
        wild[0], wild[-1] = wild[0] - 1, wild[-1] + 1
        assert ask("funding-rate", "kraken", premiums=wild)["average"] == average


@given(
    spot=cents, kappa=st.integers(1, 300), iota=st.integers(-50, 50), quote=st.integers(-50, 50), base=st.integers(-50, 50)
)  # fmt: skip
def test_funding_paid_is_the_carry_whatever_the_funding_formula(
    spot: Fraction, kappa: int, iota: int, quote: int, base: int
) -> None:
    """Ackerer, Hugonnier, Jermann: k (f - x) + i x = f (ra - rb), in discrete time f ((1 + ra) / (1 + rb) - 1), exactly."""
    k, i, ra, rb = (Fraction(n, 1_000) for n in (kappa + 100, iota, quote, base))
    given_ = {"spot": spot, "kappa": k, "iota": i, "quote_rate": ra, "base_rate": rb}
    f = ask("perp-price", "linear", **given_).value
    assert k * (f - spot) + i * spot == f * (ra - rb)
    f = ask("perp-price", "linear-discrete", **given_).value
    assert k * (f - spot) + i * spot == f * ((1 + ra) / (1 + rb) - 1)
    for form in ("linear", "linear-discrete", "inverse", "inverse-discrete"):
        anchor = ask("anchoring-interest", form, quote_rate=ra, base_rate=rb).value
        assert ask("perp-price", form, **{**given_, "iota": anchor}).value == spot
    assert ask("anchoring-interest", "implied", price=ask("perp-price", "linear", **given_).value, spot=spot, kappa=k, quote_rate=ra, base_rate=rb).value == i  # fmt: skip


@given(sources=st.lists(cents, min_size=1, max_size=9), guard=st.integers(1, 50).map(lambda n: Fraction(n, 1_000)))
def test_a_guarded_index_stays_with_the_median(sources: list[Fraction], guard: Fraction) -> None:
    answer = ask("index", "binance", sources=sources, guard=guard)
    centre = answer["centre"]
    assert centre * (1 - guard) <= answer.value <= centre * (1 + guard)
    kept = ask("index", "bybit", sources=[*sources, centre], weights=[1] * (len(sources) + 1), guard=guard)
    assert abs(kept.value - kept["centre"]) <= guard * kept["centre"]
    assert sum(kept["kept_weights"]) == 1


@given(long_=st.integers(1, 10**9), short=st.integers(1, 10**9), factor=st.integers(1, 10**6))
def test_what_the_larger_side_pays_the_smaller_receives(long_: int, short: int, factor: int) -> None:
    answer = ask("funding-rate", "gmx", factor=Fraction(factor, 10**10), long_interest=long_, short_interest=short)
    assert answer["paid"] * max(long_, short) + answer["received"] * min(long_, short) == 0


@given(gains=st.lists(st.integers(1, 10**9), min_size=1, max_size=8), share=st.floats(0, 1))
def test_a_loss_is_socialised_to_the_last_piece(gains: list[int], share: float) -> None:
    shortfall = int(share * sum(gains))
    answer = ask("socialised-loss", "vega", gains=gains, shortfall=shortfall)
    assert sum(answer["forgone"]) == shortfall
    assert all(-len(gains) <= lost <= gain for lost, gain in zip(answer["forgone"], gains))


@given(text=st.text(max_size=12))
def test_no_text_breaks_the_reading_of_an_input(text: str) -> None:
    """Whatever is typed is a number or one sentence."""
    try:
        ask("liquidation-price", "bybit", side="long", entry=text, leverage="10x")
    except Mistake as error:
        assert "\n" not in str(error).replace(text, "")


def test_numbers_of_any_kind_are_taken_for_what_they_are() -> None:
    """A float is the decimal it prints as, and text, Decimal, Fraction and numpy numbers are the same."""
    entries: list[Any] = [0.1, "0.1", Decimal("0.1"), Fraction(1, 10), np.float64(0.1)]
    found = {
        ask("liquidation-price", "bybit", side="long", entry=entry, leverage=3, maintenance="1 %").value
        for entry in entries
    }
    assert found == {Fraction(1, 10) * (1 - Fraction(1, 3) + Fraction(1, 100))}
    assert float(ask("funding_rate", "kraken", premiums=[0.005, 0.01])) == pytest.approx(0.000208333)
    assert ask("mark", "kraken", index="$250.00", average_premium="-$9", cap=0.01).text == "$247.5"


def test_the_form_is_the_one_that_the_inputs_are_enough_for() -> None:
    """Binance's own formula where a wallet is named; its rulebook's tiers where a leverage is."""
    own = ask("liquidation-price", "binance", side="long", wallet=2_500, size=100, entry=250, maintenance="2.5 %")
    tiers = ask("liquidation-price", "binance", side="long", size=100, entry=250, leverage=10)
    assert (own.form.name, tiers.form.name) == ("binance", "tiers")
    assert own.value == tiers.value
    with pytest.raises(Mistake, match=r"binance needs entry \(.*maintenance \("):
        ask("liquidation-price", "binance", side="long", wallet=2_500, size=100)
    with pytest.raises(Mistake, match="tiers needs entry"):
        ask("liquidation-price", "binance", side="long", leverage=10)


def test_the_public_face_is_the_module() -> None:
    import offhours

    assert offhours.calculator.ask("perp-price", spot=100, quote_rate=0.05).text == "$105.263157895"
    with pytest.raises(Mistake, match="did you mean funding-rate"):
        offhours.calculator.ask("fundingrate")
    with pytest.raises(KeyError):
        _ = offhours.calculator.ask("perp-price", spot=100, quote_rate=0.05)["fee"]
