"""What tokens and loans do to an account's margin, in unbounded integers and fractions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction


@dataclass
class Tokens:
    """Tokens of one ticker: owned, borrowed, promised to resting orders (micro-tokens), and the index in micro-dollars."""

    owned: int
    borrowed: int
    promised: int
    index_uusd: int
    haircut_ppb: int
    cap_uusd: int

    def counted(self) -> int:
        """What they add to equity, or take from it where more is owed than owned; against the account."""
        value = Fraction((self.owned - self.borrowed) * self.index_uusd, 10**6)
        if value <= 0:
            return math.floor(value)
        return min(self.cap_uusd, math.floor(math.floor(value) * Fraction(10**9 - self.haircut_ppb, 10**9)))

    def margin(self, rate_ppb: int, sold: int = 0) -> int:
        """Margin of what is owed beyond what is owned, after `sold` of that are gone."""
        short = max(0, self.borrowed - self.owned + sold)
        value = math.ceil(Fraction(short * self.index_uusd, 10**6))
        return math.ceil(Fraction(value * rate_ppb, 10**9))
