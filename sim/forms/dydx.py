"""An account of dYdX v4 and a slice of one of its positions: what three questions begin with.

Values are whole quote quantums, 1e-6 dollars, rounded towards zero; what is required is rounded up
(dydxprotocol/v4-chain: lib/quantums.go, x/perpetuals/lib). `maintenance` is initial margin x maintenance fraction in one rate.
"""

from __future__ import annotations

from fractions import Fraction

from offhours.sim.forms.form import MICRO, in_micro, sign, step, toward_zero_in_micro, up_to_micro


def slice_bankruptcy_quantums(notional_change: int, collateral: int, maintenance_change: int, maintenance: int) -> int:
    """What closing a slice must bring so that the account is no worse off, rounded up to the quantum (dYdX v4).

    ``-dNotional - collateral x |dMaintenance| / maintenance``: positive are the proceeds of closing a long, negative the cost
    of closing a short. All in quantums; `maintenance` is of the whole account and positive.
    """
    return -((notional_change * maintenance + collateral * abs(maintenance_change)) // maintenance)


ACCOUNT = "balance money; signed_size size; price price; maintenance rate; others_notional money = 0; others_maintenance money = 0"
VALUE = step(
    "value", "money", "truncated(signed_size * price)",
    lambda signed_size, price: toward_zero_in_micro(signed_size * price),
)  # fmt: skip
OWN_MAINTENANCE = step(
    "own_maintenance", "money", "up(abs(value) * maintenance)",
    lambda value, maintenance: up_to_micro(abs(value) * maintenance),
)  # fmt: skip
COLLATERAL = step(
    "collateral", "money", "balance + value + others_notional",
    lambda balance, value, others_notional: balance + value + others_notional,
)  # fmt: skip
ALL_MAINTENANCE = step(
    "all_maintenance", "money", "own_maintenance + others_maintenance",
    lambda own_maintenance, others_maintenance: own_maintenance + others_maintenance,
)  # fmt: skip


def _closed(close: Fraction, signed_size: Fraction) -> Fraction:
    if not 0 <= close <= abs(signed_size):
        raise ValueError("more than there is")
    return close if close > 0 else abs(signed_size)


SLICE = (
    VALUE,
    OWN_MAINTENANCE,
    COLLATERAL,
    ALL_MAINTENANCE,
    step("closed", "size", "close if close > 0 else abs(signed_size)", _closed),
    step("left", "money", "truncated((signed_size - closed * sign(signed_size)) * price)", lambda signed_size, closed, price: toward_zero_in_micro((signed_size - closed * sign(signed_size)) * price)),
    step("notional_change", "money", "left - value", lambda left, value: left - value),
    step("maintenance_change", "money", "own_maintenance - up(abs(left) * maintenance)", lambda own_maintenance, left, maintenance: own_maintenance - up_to_micro(abs(left) * maintenance)),
    step("bankruptcy_value", "money", "up(-notional_change - collateral * maintenance_change / all_maintenance)", lambda n, c, d, m: Fraction(slice_bankruptcy_quantums(in_micro(n), in_micro(c), in_micro(d), in_micro(m)), MICRO), "notional_change collateral maintenance_change all_maintenance"),
)  # fmt: skip
