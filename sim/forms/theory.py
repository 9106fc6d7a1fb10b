"""The perp in theory: where it stands without arbitrage, and the interest that anchors it."""

from __future__ import annotations

from offhours.sim.forms.form import form, step
from offhours.sim.market import funding

_THEORY = "Ackerer, Hugonnier, Jermann, Perpetual Futures Pricing, Mathematical Finance 2025"
_RATES = "kappa number = 1; iota number = 0; quote_rate rate; base_rate rate = 0"
form(
    "perp-price", "linear", f"{_THEORY}: continuous time", f"spot price; {_RATES}",
    step("price", "price", "spot * (kappa - iota) / (kappa + base_rate - quote_rate)", funding.anchored_price, "spot kappa iota quote_rate base_rate"),
)  # fmt: skip
form(
    "perp-price", "linear-discrete", f"{_THEORY}: once a period", f"spot price; {_RATES}",
    step("price", "price", "spot * (kappa - iota) * (1 + base_rate) / (base_rate - quote_rate + kappa * (1 + base_rate))", funding.anchored_price_discrete, "spot kappa iota quote_rate base_rate"),
)  # fmt: skip
form(
    "perp-price", "inverse", f"{_THEORY}: continuous time", f"spot price; {_RATES}",
    step("price", "price", "spot * (kappa + quote_rate - base_rate) / (kappa - iota)", funding.inverse_anchored_price, "spot kappa iota quote_rate base_rate"),
)  # fmt: skip
form(
    "perp-price", "inverse-discrete", f"{_THEORY}: once a period", f"spot price; {_RATES}",
    step("price", "price", "spot * (quote_rate - base_rate + kappa * (1 + quote_rate)) / ((kappa - iota) * (1 + quote_rate))", funding.inverse_anchored_price_discrete, "spot kappa iota quote_rate base_rate"),
)  # fmt: skip
form(
    "perp-price", "quanto", f"{_THEORY}: continuous time, margin in a third currency", "spot price; kappa number = 1; iota number = 0; quote_rate rate; third_rate rate; correlation number; spot_vol rate; rate_vol rate",
    step("price", "price", "spot * (kappa - iota) / (kappa + third_rate - quote_rate - correlation * spot_vol * rate_vol)", funding.quanto_anchored_price, "spot kappa iota quote_rate third_rate correlation spot_vol rate_vol"),
)  # fmt: skip

form(
    "anchoring-interest", "linear", f"{_THEORY}: continuous time", "quote_rate rate; base_rate rate = 0",
    step("iota", "number", "quote_rate - base_rate", funding.anchoring_interest, "quote_rate base_rate"),
)  # fmt: skip
form(
    "anchoring-interest", "linear-discrete", f"{_THEORY}: once a period", "quote_rate rate; base_rate rate = 0",
    step("iota", "number", "(quote_rate - base_rate) / (1 + base_rate)", funding.anchoring_interest_discrete, "quote_rate base_rate"),
)  # fmt: skip
form(
    "anchoring-interest", "inverse", f"{_THEORY}: continuous time", "quote_rate rate; base_rate rate = 0",
    step("iota", "number", "base_rate - quote_rate", lambda quote_rate, base_rate: funding.anchoring_interest(base_rate, quote_rate)),
)  # fmt: skip
form(
    "anchoring-interest", "inverse-discrete", f"{_THEORY}: once a period", "quote_rate rate; base_rate rate = 0",
    step("iota", "number", "(base_rate - quote_rate) / (1 + quote_rate)", lambda quote_rate, base_rate: funding.anchoring_interest_discrete(base_rate, quote_rate)),
)  # fmt: skip
form(
    "anchoring-interest", "implied", f"{_THEORY}: continuous time, linear, from a price", "price price; spot price; kappa number = 1; quote_rate rate; base_rate rate = 0",
    step("iota", "number", "kappa - price * (kappa + base_rate - quote_rate) / spot", funding.implied_interest, "price spot kappa quote_rate base_rate"),
)  # fmt: skip
