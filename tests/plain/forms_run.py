"""Markets under every form of index, mark, funding, payment, margin and liquidation, with halts and interest: prints a digest of
each as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from offhours.sim.declare import Accessor, Knob, spec_of
from offhours.sim.market import (
    accounts,
    attention,
    brackets,
    engine,
    funding,
    halts,
    insurance,
    interest,
    margin,
    oracle,
    sources,
    waterfall,
)
from plain.market import (
    ANN,
    BOB,
    BUY,
    CAT,
    DOLLAR,
    FRIDAY_OPEN,
    HOUR,
    MINUTE,
    SELL,
    go,
    lots_of,
    market,
    perp,
    put_price,
    token,
)

EVENING = FRIDAY_OPEN + 10 * HOUR + 25 * MINUTE
"""Five minutes before the week-end."""
SETS = (
    (EVENING, "averaged premium", "token book", "token book", "premium", "impact mid", "once a minute", "accrued", "alike", "marginal", "new positions", "whole position", "fund", "always"),
    (EVENING, "oracle median", "stock", "own book", "clamp", "impact prices", "each 5 s", "at once", "alike", "whole", "all", "whole position", "fund", "below zero"),
    (EVENING, "median of three", "stock", "feed", "offset", "impact prices", "median of the minute", "next end", "rising", "size-linear", "new positions", "nothing", "ticker", "always"),
    (FRIDAY_OPEN, "fair basis", "both", "frozen", "dead band", "impact mid", "mean of the minute", "continuous", "alike", "marginal", "all", "nothing", "fund", "below zero"),
    (EVENING, "oracle median", "several", "blend", "clamp", "impact mid", "once a minute", "accrued", "alike", "marginal", "new positions", "nothing", "fund", "always"),
    (EVENING, "impact median", "stock", "blend", "premium", "impact mid", "once a minute", "accrued", "alike", "marginal", "new positions", "nothing", "fund", "always"),
    (FRIDAY_OPEN, "index", "stock", "frozen", "clamp", "impact prices", "averages", "accrued", "alike", "size-linear", "all", "whole position", "ticker", "below zero"),
    (EVENING, "averaged premium", "both", "frozen", "clamp", "impact prices", "each 5 s", "at once", "rising", "whole", "new positions", "nothing", "ticker", "always"),
)  # fmt: skip
"""Start, and the words of the oracle's form, index and closed, of the funding's form, premium, sampling, payment and weights, of the
margin's form and whom it binds while closed, of what follows a step, of whose loss a fund counts, and of when one is deleveraged."""
FRACTIONS = (100_000_000, 0, 500_000_000, 100_000_000, 0, 0, 0, 250_000_000)
"""How far distress lets an order go in each of the sets; none at 0."""
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
    (brackets.margin_rules, "slope_ppb"): 1_000_000,
    (brackets.margin_rules, "crowded_from_uusd"): 500 * DOLLAR,
    (brackets.margin_rules, "crowded_to_uusd"): 5_000 * DOLLAR,
    (brackets.margin_rules, "closed_leverage_milli"): 15_000,
    (brackets.margin_rules, "closed_add_ppb"): 5_000_000,
    (engine.liquidation_rules, "large_uusd"): 400 * DOLLAR,
    (engine.liquidation_rules, "cooldown_us"): 30_000_000,
    (engine.liquidation_rules, "escalate_ppb"): 0,
    (insurance.insurance_rules, "capital_uusd"): 20 * DOLLAR,
    (insurance.insurance_rules, "drawdown_ppb"): 500_000_000,
    (insurance.insurance_rules, "resume_ppb"): 250_000_000,
    (insurance.insurance_rules, "window_us"): 96_000_000,
    (halts.halt_rules, "band_ppb"): 10_000_000,
    (halts.halt_rules, "breaker"): 1,
    (interest.interest_rules, "quote_ppb"): 50_000_000,
    (interest.dividend_rules, "dividend_ppb"): 20_000_000,
}
COLUMNS = (
    *((oracle.oracle_rules, name) for name in ("form", "index", "closed")),
    *((funding.funding_rules, name) for name in ("form", "premium", "sampling", "payment", "weights")),
    *((brackets.margin_rules, name) for name in ("form", "closed_for")),
    (engine.liquidation_rules, "cooling"),
    (insurance.insurance_rules, "loss_of"),
    (engine.liquidation_rules, "reduce_from"),
)
TIERS = ((0, 50_000_000, 25_000_000), (300 * DOLLAR, 60_000_000, 30_000_000), (700 * DOLLAR, 80_000_000, 40_000_000))


def digest(spread_ppb: int, start_us: int, *words: str) -> str:
    """State of a market after a quarter of an hour and more in which its price falls by 7.5 %, and somebody is liquidated."""
    knobs: dict[Any, int] = {
        **NUMBERS,
        (engine.liquidation_rules, "spread_ppb"): spread_ppb,
        (engine.liquidation_rules, "step_tiers"): 1 if "ticker" in words else 0,
        (oracle.oracle_rules, "elsewhere"): oracle.ELSE_BLEND
        if "impact median" in words
        else oracle.ELSE_OWN
        if "several" in words
        else 0,
        (sources.source_rules, "form"): sources.MEDIAN,
    }
    for (accessor, column), word in zip(COLUMNS, words, strict=True):
        knob = spec_of(accessor).columns[column]
        assert isinstance(knob, Knob)
        knobs[accessor, column] = knob.choices.index(word)
    sim = market(
        dollars=1_000_000, shares_of_tokens=100, pinned=False, knobs=knobs, start_us=start_us, tiers=TIERS,
        stages=(waterfall.STEPS, waterfall.WHOLE_POSITION, waterfall.FUND, waterfall.DELEVERAGED),
    )  # fmt: skip
    token(sim, ANN, BUY, 9_950, 20_000)
    token(sim, ANN, SELL, 10_050, 20_000)
    perp(sim, ANN, BUY, 10_120, 1_000)
    perp(sim, ANN, SELL, 10_240, 1_000)
    perp(sim, BOB, BUY, 10_240, 10)
    accounts.transfer(sim.world, accounts.USD, CAT, accounts.OUTSIDE, 999_880 * DOLLAR, accounts.DEPOSIT)
    perp(sim, CAT, BUY, 10_240, 900)
    go(sim, 400)
    put_price(sim, 92.5)
    below = sim.equity(CAT) - int(margin.required(sim.world, CAT)) + 5 * DOLLAR
    accounts.transfer(sim.world, accounts.USD, CAT, accounts.OUTSIDE, below, accounts.DEPOSIT)
    attention.note_change(sim.world, CAT)
    perp(sim, BOB, BUY, 9_300, 300)
    perp(sim, ANN, BUY, 9_000, 1_000)
    go(sim, 1_700)
    assert lots_of(sim, CAT) < 900, "nobody was liquidated"
    return sim.digest()


def run() -> list[str]:
    """A digest for each set."""
    return [digest(spread_ppb, *each) for spread_ppb, each in zip(FRACTIONS, SETS, strict=True)]


if __name__ == "__main__":
    print(json.dumps(run()))
