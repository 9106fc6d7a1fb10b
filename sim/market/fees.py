"""Maker and taker fees: a rate on the value of each fill, rounded against the payer, paid to the venue.

FEE-1  fee = value x rate, rounded up; the resting order pays the maker rate, the arriving one the taker rate.
"""

from __future__ import annotations

from offhours.sim.compile import kernel
from offhours.sim.declare import A, Knob, World, table
from offhours.sim.market.accounts import FEE, USD, VENUE, transfer
from offhours.sim.market.money import share_up


class FeeRules:
    """Fees of one book."""

    maker_ppb: A[int, Knob("0.02 %", "ppb", "0 %", "5 %", "fee of the resting side, share of value", basis="measured: 2 bp, public trading bot for Kraken futures, 2026; the schedule of xStocks perps was not found")]  # fmt: skip
    taker_ppb: A[int, Knob("0.05 %", "ppb", "0 %", "5 %", "fee of the arriving side, share of value", basis="rule: krakenfx/kraken-cli paper engine default, 2026")]  # fmt: skip


fee_rules = table(FeeRules)


@kernel
def charge(world: World, account: int, value_uusd: int, rate_ppb: int) -> None:
    """Charge a fee on a fill's value (FEE-1)."""
    transfer(world, USD, account, VENUE, share_up(value_uusd, rate_ppb), FEE)
