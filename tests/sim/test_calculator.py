"""The calculator against worked numbers that venues publish, each with its source; and laws for numbers nobody lists."""

from __future__ import annotations

import math
import re
import statistics
from fractions import Fraction
from typing import Any

import pytest

from offhours.sim.calculator import Answer, ask

DYDX = "dydxprotocol/v4-chain@84d4664b protocol/x/clob/keeper/liquidations_test.go"
FREQTRADE = "freqtrade/freqtrade@c9ae5e1e tests/exchange"
DRIFT = "drift-labs/protocol-v2 programs/drift/src/math/liquidation/tests.rs"
BTC = {"price": 50_000, "maintenance": "10 %"}
ETH = {"price": 3_000, "maintenance": "10 %"}

Vector = tuple[str, str, str, str, dict[str, Any], float | str]
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
    return {"side": side, "size": 1, "entry": entry, "balance": balance, "maintenance": "1 %", "amount": "0.01"}


def _gate(side: str, leverage: int, entry: int) -> dict[str, Any]:
    return {"side": side, "leverage": leverage, "entry": entry, "maintenance": "1 %", "taker": "0.06 %"}


BINANCE = {"side": "long", "balance": "1535443.01", "size": "3683.979", "entry": "1456.84", "maintenance": "10 %", "amount": 135_365}  # fmt: skip
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

VECTORS = [*BANKRUPTCY, *FILLABLE, *LIQUIDATION, *MARGIN, *INSURANCE]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector[0])
def test_a_published_number_comes_out(vector: Vector) -> None:
    """LIQ-7, LIQ-9, MARG-1, MARG-2 and what other venues have instead."""
    _, source, question, form, inputs, expected = vector
    assert source
    found = ask(question, form, **inputs).value
    if isinstance(expected, str):
        digits = len(expected.partition(".")[2])
        assert abs(found - Fraction(expected)) <= Fraction(1, 2 * 10**digits)
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


# Formulas are what they say -------------------------------------------------------------------------------------------


def by_hand(answer: Answer) -> None:
    """Work every step out from its text, with exact numbers, and compare."""
    values = {shown.name: shown.value for shown in answer.inputs}
    tools = {
        "min": min, "max": max, "abs": abs, "ceil": math.ceil, "sign": lambda x: 1 if x > 0 else -1,
        "up": lambda x: Fraction(math.ceil(x * 10**6), 10**6), "down": lambda x: Fraction(math.floor(x * 10**6), 10**6),
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
