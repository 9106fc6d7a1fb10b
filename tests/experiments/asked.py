"""A scenario written for tests, and two populations of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from offhours.experiments.scenario import Scenario, read_scenario
from offhours.sim.declare import A, Column, Knob


class Retail:
    """A population for these tests."""

    leverage_milli: A[int, Knob("5x", "leverage", "1x", "150x", "wanted leverage", basis="chosen: for a test")]
    patience_us: A[int, Knob("1h", "us", "1 s", "30 days", "time between looks", basis="chosen: for a test")]
    taste: A[float, Knob("0.5", "real", "0", "1", "a plain number", basis="chosen: for a test")]
    seen_us: A[int, Column("i8", "us", "when it last looked")]


class Arbitrageur:
    """Another."""

    hurdle_ppb: A[int, Knob("5 %", "ppb", "0 %", "100 %", "what it must earn", basis="chosen: for a test")]


KNOWN: Mapping[str, type] = {"retail": Retail, "arbitrageur": Arbitrageur}

TEXT = """
question = "What happens?"
venue = "kraken"
tickers = ["TSLAx", "SPYx"]
measure_from = "2026-03-06 09:30"
end = "2026-03-10 16:00"
controls = ["always-open", "calm"]

[perp.funding]
cap = "0.5 %"

[asset.SPYx.perp.funding]
cap = "0.1 %"

[control.calm]
"gap.TSLAx.change" = "0 %"

[[gap]]
ticker = "TSLAx"
from = "2026-03-06 16:00"
to = "2026-03-09 09:30"
change = "-8 %"

[[group]]
name = "tourists"
population = "retail"
count = 200
latency = "100 ms"
leverage = "20x"
taste = { law = "uniform", low = 0.2, high = 0.4 }
size = { law = "pareto", exponent = 0.8, median = "$500" }

[[group]]
name = "funds"
population = "arbitrageur"
count = 5
endowment = { usd = "$1M", broker_usd = "$1M", tokens = { TSLAx = "100 shares" }, shares = "$50,000" }
"""


def build(text: str = TEXT, **changes: Any) -> Scenario:
    return read_scenario(text, "mine.toml", None, changes, known=KNOWN)
