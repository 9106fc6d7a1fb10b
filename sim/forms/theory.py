"""The perp in theory: where it stands without arbitrage, and the interest that anchors it."""

from __future__ import annotations

from offhours.sim.forms.form import form, step


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


def anchoring_interest(quote_rate: float, base_rate: float) -> float:
    """The interest at which a linear perp stands at spot, in continuous time; with its sign turned, an inverse one."""
    return quote_rate - base_rate


def anchoring_interest_discrete(quote_rate: float, base_rate: float) -> float:
    """The same where funding is paid once a period: ``(ra - rb) / (1 + rb)``; for an inverse one with rates exchanged."""
    return (quote_rate - base_rate) / (1 + base_rate)


def implied_interest(price: float, spot: float, kappa: float, quote_rate: float, base_rate: float) -> float:
    """The interest at which a linear perp in continuous time would have this price."""
    return kappa - price * (kappa + base_rate - quote_rate) / spot


_THEORY = "Ackerer, Hugonnier, Jermann, Perpetual Futures Pricing, Mathematical Finance 2025"
_RATES = "kappa number = 1; iota number = 0; quote_rate rate; base_rate rate = 0"
form(
    "perp-price", "linear", f"{_THEORY}: continuous time", f"spot price; {_RATES}",
    step("price", "price", "spot * (kappa - iota) / (kappa + base_rate - quote_rate)", anchored_price, "spot kappa iota quote_rate base_rate"),
)  # fmt: skip
form(
    "perp-price", "linear-discrete", f"{_THEORY}: once a period", f"spot price; {_RATES}",
    step("price", "price", "spot * (kappa - iota) * (1 + base_rate) / (base_rate - quote_rate + kappa * (1 + base_rate))", anchored_price_discrete, "spot kappa iota quote_rate base_rate"),
)  # fmt: skip
form(
    "perp-price", "inverse", f"{_THEORY}: continuous time", f"spot price; {_RATES}",
    step("price", "price", "spot * (kappa + quote_rate - base_rate) / (kappa - iota)", inverse_anchored_price, "spot kappa iota quote_rate base_rate"),
)  # fmt: skip
form(
    "perp-price", "inverse-discrete", f"{_THEORY}: once a period", f"spot price; {_RATES}",
    step("price", "price", "spot * (quote_rate - base_rate + kappa * (1 + quote_rate)) / ((kappa - iota) * (1 + quote_rate))", inverse_anchored_price_discrete, "spot kappa iota quote_rate base_rate"),
)  # fmt: skip
form(
    "perp-price", "quanto", f"{_THEORY}: continuous time, margin in a third currency", "spot price; kappa number = 1; iota number = 0; quote_rate rate; third_rate rate; correlation number; spot_vol rate; rate_vol rate",
    step("price", "price", "spot * (kappa - iota) / (kappa + third_rate - quote_rate - correlation * spot_vol * rate_vol)", quanto_anchored_price, "spot kappa iota quote_rate third_rate correlation spot_vol rate_vol"),
)  # fmt: skip

form(
    "anchoring-interest", "linear", f"{_THEORY}: continuous time", "quote_rate rate; base_rate rate = 0",
    step("iota", "number", "quote_rate - base_rate", anchoring_interest, "quote_rate base_rate"),
)  # fmt: skip
form(
    "anchoring-interest", "linear-discrete", f"{_THEORY}: once a period", "quote_rate rate; base_rate rate = 0",
    step("iota", "number", "(quote_rate - base_rate) / (1 + base_rate)", anchoring_interest_discrete, "quote_rate base_rate"),
)  # fmt: skip
form(
    "anchoring-interest", "inverse", f"{_THEORY}: continuous time", "quote_rate rate; base_rate rate = 0",
    step("iota", "number", "base_rate - quote_rate", lambda quote_rate, base_rate: anchoring_interest(base_rate, quote_rate)),
)  # fmt: skip
form(
    "anchoring-interest", "inverse-discrete", f"{_THEORY}: once a period", "quote_rate rate; base_rate rate = 0",
    step("iota", "number", "(base_rate - quote_rate) / (1 + quote_rate)", lambda quote_rate, base_rate: anchoring_interest_discrete(base_rate, quote_rate)),
)  # fmt: skip
form(
    "anchoring-interest", "implied", f"{_THEORY}: continuous time, linear, from a price", "price price; spot price; kappa number = 1; quote_rate rate; base_rate rate = 0",
    step("iota", "number", "kappa - price * (kappa + base_rate - quote_rate) / spot", implied_interest, "price spot kappa quote_rate base_rate"),
)  # fmt: skip
