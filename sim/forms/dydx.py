"""An account of dYdX v4 and a slice of one of its positions: what three questions begin with."""

from __future__ import annotations

from fractions import Fraction

from offhours.sim.forms.form import MICRO, in_micro, sign, step, up_to_micro


def slice_bankruptcy_quantums(notional_change: int, collateral: int, maintenance_change: int, maintenance: int) -> int:
    """What closing a slice must bring so that the account is no worse off, rounded up to the quantum (dYdX v4).

    ``-dNotional - collateral x |dMaintenance| / maintenance``: positive are the proceeds of closing a long, negative the cost
    of closing a short. All in quantums; `maintenance` is of the whole account and positive.
    """
    return -((notional_change * maintenance + collateral * abs(maintenance_change)) // maintenance)


ACCOUNT = "balance money; signed_size size; price price; maintenance rate; others_notional money = 0; others_maintenance money = 0"
COLLATERAL = step(
    "collateral", "money", "balance + signed_size * price + others_notional",
    lambda balance, signed_size, price, others_notional: balance + signed_size * price + others_notional,
)  # fmt: skip
ALL_MAINTENANCE = step(
    "all_maintenance", "money", "up(abs(signed_size) * price * maintenance) + others_maintenance",
    lambda signed_size, price, maintenance, others_maintenance: up_to_micro(abs(signed_size) * price * maintenance) + others_maintenance,
)  # fmt: skip
_CLOSED = step(
    "closed",
    "size",
    "close if close > 0 else abs(signed_size)",
    lambda close, signed_size: close if close > 0 else abs(signed_size),
)
SLICE = (
    COLLATERAL,
    ALL_MAINTENANCE,
    _CLOSED,
    step("notional_change", "money", "-closed * price * sign(signed_size)", lambda closed, price, signed_size: -closed * price * sign(signed_size)),
    step("maintenance_change", "money", "up(abs(signed_size) * price * maintenance) - up((abs(signed_size) - closed) * price * maintenance)", lambda signed_size, price, maintenance, closed: up_to_micro(abs(signed_size) * price * maintenance) - up_to_micro((abs(signed_size) - closed) * price * maintenance)),
    step("bankruptcy_value", "money", "up(-notional_change - collateral * maintenance_change / all_maintenance)", lambda n, c, d, m: Fraction(slice_bankruptcy_quantums(in_micro(n), in_micro(c), in_micro(d), in_micro(m)), MICRO), "notional_change collateral maintenance_change all_maintenance"),
)  # fmt: skip
