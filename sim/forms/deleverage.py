"""Auto-deleveraging: who is cut, in what order, how much, and at which price."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from offhours.sim import policies
from offhours.sim.compile import uncompiled
from offhours.sim.forms.dydx import ACCOUNT, SLICE
from offhours.sim.forms.form import MICRO, Value, form, in_micro, step
from offhours.sim.forms.liquidation import linear_bankruptcy_price
from offhours.sim.market import deleverage
from offhours.sim.mistake import Mistake
from offhours.sim.programs import checked


def offset_room_quantums(balance: int, signed_value: int) -> int:
    """What an account has left after its position was closed at a price: negative where it would be bankrupt too (dYdX v4)."""
    return balance + signed_value


def may_deleverage(collateral: float, settled: int) -> int:
    """1 where an account may be deleveraged: its equity is below zero, or its market is in final settlement (dYdX v4)."""
    return 1 if collateral < 0 or settled == 1 else 0


def lights(place: int, count: int) -> int:
    """How many of five lights are lit: all for the first fifth of the queue, one for the last (Binance, BitMEX)."""
    return 5 - (place - 1) * 5 // count


def _allocated(name: str, column: str) -> Callable[..., tuple[Fraction, ...]]:
    """A policy on candidates with their rooms and one more column (for leverage: value over an equity of one)."""

    def allocated(budget: Fraction, rooms: Value, *values: Value) -> tuple[Fraction, ...]:
        columns = {column: [float(value) for value in values[0]]} if values else {}
        if any(len(given) != len(rooms) for given in columns.values()):
            allowed = f"there are {len(rooms)} rooms and {len(values[0])} of what goes with them"
            raise Mistake("calc adl-allocation", "", "", allowed)
        candidates = policies.Candidates.of([float(room) for room in rooms], **columns)
        taken = checked(policies.POLICIES[name], candidates, float(budget), name=name)
        return tuple(Fraction(repr(float(part))) for part in taken)

    return allocated


_DOLLARS = 1_000_000.0


def _in_micro_dollars(function: Callable[..., Any], money: int) -> Callable[..., Any]:
    """A formula that counts micro-dollars, asked in dollars: its last `money` arguments are money."""
    plain = uncompiled(function)

    def asked(*values: Fraction) -> Any:
        first = len(values) - money
        return plain(*map(float, values[:first]), *(float(value) * _DOLLARS for value in values[first:]))

    return asked


form(
    "adl-score", "bitmex", "BitMEX, auto-deleveraging: profit rate x effective leverage, a loss divided by it (ADL-1)", "profit money; cost money; notional money; equity money",
    step("profit_rate", "rate", "profit / cost", lambda profit, cost: profit / cost),
    step("effective_leverage", "number", "notional / equity", lambda notional, equity: notional / equity),
    step("score", "number", "profit_rate * effective_leverage if profit > 0 else profit_rate / effective_leverage", _in_micro_dollars(deleverage.bitmex_score, 4), "profit cost notional equity"),
)  # fmt: skip
form(
    "adl-score", "hyperliquid", "Hyperliquid, auto-deleveraging: (mark / entry) x (notional / account value); for a short entry / mark, since the page says profit and leverage (own reading) (ADL-1)", "side side; mark price; entry price; notional money; equity money",
    step("score", "number", "(mark / entry if side > 0 else entry / mark) * (notional / equity)", _in_micro_dollars(deleverage.hyperliquid_score, 2), "side mark entry notional equity"),
)  # fmt: skip
form(
    "adl-score", "binance", "Binance FAQ, auto-deleveraging: profit over the wallet's balance x margin ratio, at least a dollar of balance, no score below zero (ADL-1)", "profit money; margin_kept money; equity money",
    step("wallet", "money", "equity - profit", lambda equity, profit: equity - profit),
    step("profit_rate", "rate", "max(0, profit) / max(1, wallet)", lambda profit, wallet: max(Fraction(0), profit) / max(Fraction(1), wallet)),
    step("margin_ratio", "rate", "margin_kept / equity if equity > 0 else 0", lambda margin_kept, equity: margin_kept / equity if equity > 0 else Fraction(0)),
    step("score", "number", "profit_rate * margin_ratio", _in_micro_dollars(deleverage.binance_score, 3), "profit margin_kept equity"),
)  # fmt: skip
form(
    "adl-score", "bybit", "Bybit, auto-deleveraging: leveraged return (ADL-1)", "profit money; equity money",
    step("score", "number", "profit / equity", _in_micro_dollars(deleverage.bybit_score, 2), "profit equity"),
)  # fmt: skip

form(
    "adl-price", "dydx", "dydxprotocol/v4-chain, keeper/deleveraging.go: at the bankruptcy price; the counterparty must not end below zero", ACCOUNT + "; close size = 0; other_balance money",
    *SLICE,
    step("balance_after", "money", "balance + bankruptcy_value", lambda balance, value: Fraction(offset_room_quantums(in_micro(balance), in_micro(value)), MICRO), "balance bankruptcy_value"),
    step("other_after", "money", "other_balance - bankruptcy_value", lambda balance, value: Fraction(offset_room_quantums(in_micro(balance), -in_micro(value)), MICRO), "other_balance bankruptcy_value"),
)  # fmt: skip
form(
    "adl-price", "dydx-allowed", "dydxprotocol/v4-chain, keeper/deleveraging.go: CanDeleverageSubaccount", "balance money; signed_size size; price price; settled flag = no",
    step("collateral", "money", "balance + signed_size * price", lambda balance, signed_size, price: balance + signed_size * price),
    step("allowed", "flag", "collateral < 0 or settled == 1", may_deleverage, "collateral settled"),
)  # fmt: skip
form(
    "adl-price", "bankruptcy", "Binance, Bybit, BitMEX: bankruptcy price of the liquidated position", "side side; entry price; leverage leverage",
    step("margin_per_unit", "money", "entry / leverage", lambda entry, leverage: entry / leverage),
    step("price", "price", "entry - side * margin_per_unit", linear_bankruptcy_price, "side entry margin_per_unit"),
)  # fmt: skip
for _name, _source in (
    ("okx", "OKX: the mark price"),
    ("hyperliquid", "Hyperliquid: the mark before; in older versions the oracle price before"),
    ("trade-xyz", "trade.xyz: the mark before"),
):
    form(
        "adl-price", _name, _source, "mark price",
        step("price", "price", "mark", lambda mark: mark),
    )  # fmt: skip

for _name, _policy in policies.POLICIES.items():
    _asked = {
        "queue": "; scores number*",
        "wealth-pro-rata": "; profits money*",
        "risk-aware": "; leverages leverage*",
        "min-max-fair": "; equities money*",
        "hedge-aware": "; hedged size*",
    }.get(_name, "")
    _column = {
        "queue": "score",
        "wealth-pro-rata": "profit",
        "risk-aware": "notional",
        "min-max-fair": "equity",
        "hedge-aware": "offset",
    }.get(_name, "")
    form(
        "adl-allocation", _name, str(_policy.__doc__).partition("\n")[0].rstrip("."), f"budget number; rooms number*{_asked}",
        step("reductions", "number*", f"look up: the policy '{_name}' on these candidates", _allocated(_name, _column), "budget rooms" + (f" {_asked.split()[1]}" if _asked else "")),
    )  # fmt: skip

form(
    "queue-light", "binance", "Binance, BitMEX: five lights by fifths of the queue", "place number; count number",
    step("lights", "number", "5 - floor((place - 1) * 5 / count)", lambda place, count: lights(int(place), int(count))),
)  # fmt: skip
form(
    "queue-light", "kraken", "Kraken, unwind queue: percentile, 100 % is cut first", "place number; count number",
    step("percentile", "rate", "1 - (place - 1) / count", lambda place, count: 1 - (place - 1) / count),
)  # fmt: skip
