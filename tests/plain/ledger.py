"""A ledger as one would write it on a blackboard: dictionaries of unbounded integers."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

PPB = 1_000_000_000


def share_up(amount: int, rate_ppb: int) -> int:
    """A rate of an amount, rounded towards plus infinity."""
    return -(-amount * rate_ppb // PPB)


def share_down(amount: int, rate_ppb: int) -> int:
    """A rate of an amount, rounded towards minus infinity."""
    return amount * rate_ppb // PPB


@dataclass
class Position:
    """Signed quantity, what it cost, and the result of all reductions so far."""

    lots: int = 0
    cost: int = 0
    realised: int = 0

    def trade(self, lots: int, value: int) -> None:
        """Buy (sell, where negative) `lots` for `value`: first what closes, then what opens."""
        closing = -self.lots if abs(lots) > abs(self.lots) else lots
        if self.lots * lots < 0:
            closing_value = value if closing == lots else value * closing // lots
            released = self.cost if closing == -self.lots else self.cost * -closing // self.lots
            self.realised -= closing_value + released
            self.cost -= released
            self.lots += closing
            lots, value = lots - closing, value - closing_value
        self.lots += lots
        self.cost += value


@dataclass
class Ledger:
    """What everybody owns and has promised, and the perp positions."""

    owned: defaultdict[tuple[int, str], int] = field(default_factory=lambda: defaultdict(int))
    promised: defaultdict[tuple[int, str], int] = field(default_factory=lambda: defaultdict(int))
    positions: defaultdict[int, Position] = field(default_factory=lambda: defaultdict(Position))

    def move(self, asset: str, payer: int, payee: int, quantity: int) -> None:
        """The one way anything moves."""
        assert quantity >= 0
        self.owned[payer, asset] -= quantity
        self.owned[payee, asset] += quantity

    def free(self, account: int, asset: str) -> int:
        """Owned and not promised."""
        return self.owned[account, asset] - self.promised[account, asset]
