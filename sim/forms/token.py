"""What a tokenized share shows and stands for."""

from __future__ import annotations

import functools

from offhours.sim.forms.form import form, step


def shown_tokens(raw: float, multiplier: float) -> float:
    """Balance that a holder sees: raw tokens x multiplier (Backed token contract; Solana scaled UI amount)."""
    return raw * multiplier


def multiplier_after_split(multiplier: float, new: float, old: float) -> float:
    """Multiplier after a split of `new` shares for `old` ones."""
    return multiplier * new / old


def multiplier_after_period(multiplier: float, fee: float) -> float:
    """Multiplier after a period's fee (Backed token contract: once in 24 h)."""
    return multiplier * (1 - fee)


def stock_price_of(token_price: float, multiplier: float) -> float:
    """Price of a share that a token's price stands for (Bybit: token price / multiplier)."""
    return token_price / multiplier


form(
    "token", "split", "Backed token contract: multiplier of a rebasing token", "raw number; multiplier number = 1; new number = 1; old number = 1",
    step("multiplier_after", "number", "multiplier * new / old", multiplier_after_split, "multiplier new old"),
    step("shown", "number", "raw * multiplier_after", shown_tokens, "raw multiplier_after"),
)  # fmt: skip
form(
    "token", "fee", "Backed token contract: a fee a year, taken in periods of 24 h", "multiplier number = 1; fee_a_year rate; days whole = 1",
    step("fee_a_day", "rate", "look up: 1 - (1 - fee_a_year) ^ (1 / 365)", lambda fee_a_year: 1 - (1 - float(fee_a_year)) ** (1 / 365)),
    step("multiplier_after", "number", "look up: multiplier * (1 - fee_a_day) ^ days", lambda multiplier, fee_a_day, days: functools.reduce(lambda m, _: multiplier_after_period(m, float(fee_a_day)), range(int(days)), float(multiplier))),
)  # fmt: skip
form(
    "token", "stock-price", "Bybit, tokenized stocks: stock price = token price / multiplier", "price price; multiplier number = 1",
    step("stock_price", "price", "price / multiplier", stock_price_of, "price multiplier"),
)  # fmt: skip
