"""Arithmetic of money: micro-dollars as integers, and the three roundings there are.

MONEY-1  Price x size is exact: tick x lot is a whole number of micro-dollars for every instrument.
MONEY-2  Only rates round; the direction is in the function's name and always against the payer.
MONEY-3  A rate is parts per billion; ``amount x rate`` is split so that the product cannot overflow.
"""

from __future__ import annotations

from offhours.sim.compile import kernel

PPB = 1_000_000_000
MICRO = 1_000_000
RATE_MOST_PPB = 9 * PPB


@kernel
def share_down(amount: int, rate_ppb: int) -> int:
    """`amount` x `rate_ppb` / 10^9 rounded towards minus infinity; 0 <= rate <= 900 %."""
    assert 0 <= rate_ppb <= RATE_MOST_PPB
    if rate_ppb == 0:
        return 0
    return amount // PPB * rate_ppb + amount % PPB * rate_ppb // PPB


@kernel
def share_up(amount: int, rate_ppb: int) -> int:
    """`amount` x `rate_ppb` / 10^9 rounded towards plus infinity; 0 <= rate <= 900 %."""
    return -share_down(-amount, rate_ppb)


@kernel
def nearest(value: float) -> int:
    """The integer nearest to a float whose size is below 2^53 (halves go up)."""
    assert -9.0e15 < value < 9.0e15
    whole = int(value)
    rest = value - whole
    if rest >= 0.5:
        return whole + 1
    if rest < -0.5:
        return whole - 1
    return whole
