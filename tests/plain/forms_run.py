"""Markets under every form of index, mark, funding and payment, with halts and interest: prints a digest of each as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from offhours.sim.declare import Accessor, Knob, spec_of
from offhours.sim.market import funding, halts, interest, oracle
from plain.market import ANN, BOB, BUY, DOLLAR, FRIDAY_OPEN, HOUR, MINUTE, SELL, go, market, perp, put_price, token

EVENING = FRIDAY_OPEN + 10 * HOUR + 25 * MINUTE
"""Five minutes before the week-end."""
SETS = (
    (EVENING, "averaged premium", "token book", "token book", "premium", "impact mid", "once a minute", "accrued"),
    (EVENING, "oracle median", "stock", "own book", "clamp", "impact prices", "mean of the minute", "at once"),
    (EVENING, "median of three", "stock", "feed", "offset", "impact prices", "median of the minute", "next end"),
    (FRIDAY_OPEN, "fair basis", "both", "frozen", "dead band", "impact mid", "mean of the minute", "continuous"),
    (FRIDAY_OPEN, "index", "stock", "frozen", "clamp", "impact prices", "median of the minute", "accrued"),
)
"""Start, and the words of the oracle's form, index and closed and of the funding's form, premium, sampling and payment."""
NUMBERS: dict[tuple[Accessor, str], int] = {
    (oracle.oracle_rules, "probe_uusd"): 100 * DOLLAR,
    (oracle.oracle_rules, "impact_uusd"): 100 * DOLLAR,
    (oracle.oracle_rules, "update_us"): 3_000_000,
    (oracle.oracle_rules, "update_step_ppb"): 5_000_000,
    (oracle.oracle_rules, "bound_ppb"): 100_000_000,
    (oracle.oracle_rules, "anchors"): 1,
    (oracle.oracle_rules, "guard_ppb"): 30_000_000,
    (funding.funding_rules, "interest_ppb"): 100_000,
    (funding.funding_rules, "band_ppb"): 500_000,
    (funding.funding_rules, "samples_min"): 1,
    (halts.halt_rules, "band_ppb"): 10_000_000,
    (halts.halt_rules, "breaker"): 1,
    (interest.interest_rules, "quote_ppb"): 50_000_000,
    (interest.dividend_rules, "dividend_ppb"): 20_000_000,
}
COLUMNS = (
    *((oracle.oracle_rules, name) for name in ("form", "index", "closed")),
    *((funding.funding_rules, name) for name in ("form", "premium", "sampling", "payment")),
)


def digest(start_us: int, *words: str) -> str:
    """State of a market after a quarter of an hour and more in which its price falls by 7.5 %."""
    knobs: dict[Any, int] = dict(NUMBERS)
    for (accessor, column), word in zip(COLUMNS, words, strict=True):
        knob = spec_of(accessor).columns[column]
        assert isinstance(knob, Knob)
        knobs[accessor, column] = knob.choices.index(word)
    sim = market(dollars=1_000_000, shares_of_tokens=100, pinned=False, knobs=knobs, start_us=start_us)
    token(sim, ANN, BUY, 9_950, 20_000)
    token(sim, ANN, SELL, 10_050, 20_000)
    perp(sim, ANN, BUY, 10_120, 1_000)
    perp(sim, ANN, SELL, 10_240, 1_000)
    perp(sim, BOB, BUY, 10_240, 10)
    go(sim, 400)
    put_price(sim, 92.5)
    go(sim, 1_700)
    return sim.digest()


def run() -> list[str]:
    """A digest for each set."""
    return [digest(*each) for each in SETS]


if __name__ == "__main__":
    print(json.dumps(run()))
