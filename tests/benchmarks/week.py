"""A busy week: one ticker, retail that trades at every look, makers who look every second and quote both books.

The rates are those a kernel prototype of this design was measured at: in a week of 10,000 retail traders about 130 million
messages at the books, 20 million wakes and 7 million trades. No scenario of the package is as busy; fees are off, because
seven hundred trades a week would eat everybody's capital.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from offhours.agents import wake
from offhours.agents.crowd import open_peopled_market
from offhours.agents.desk import agents
from offhours.experiments.scenario import Scenario, read_scenario
from offhours.sim.market.accounts import USD
from offhours.sim.market.clock import AGENT_DUE, clock
from offhours.sim.simulation import Setup, Simulation
from offhours.sim.tape import Tape

HOUR_US = 3_600_000_000
WEEK_HOURS = 168
SLEEP_S = 860.0
TEN_SLEEP_S = 1.08
TEN = ("SPYx", "QQQx", "GLDx", "NVDAx", "AAPLx", "TSLAx", "GOOGLx", "HOODx", "MSTRx", "CRCLx")
PYTHON_GAP_US = 50

TEXT = """
question = "How fast is a busy week?"
venue = "kraken"
tickers = [{tickers}]
start = "2026-05-03 20:00"
measure_from = "2026-05-03 20:00"
end = "2026-05-10 20:00"

[perp.fees]
maker = "0 %"
taker = "0 %"

[token.fees]
maker = "0 %"
taker = "0 %"

[[group]]
name = "retail"
population = "retail"
count = {retail}
leverage = "3x"
size = "$5,000"
mean_sleep = "{sleep_s} s"
open_chance = 1.0
close_chance = 1.0
stop_chance = 0.1
trend = 0.0
herd = 0.0
long_bias = 0.5
extended = 1.0
night = 1.0
weekend = 1.0
latency = "50 ms"

[[group]]
name = "makers"
population = "maker"
count = 20
mean_sleep = "{maker_sleep_s} s"
levels = 2
uncertainty = 0.0
half_spread = "2 bp"
disagreement = "{disagreement} bp"
level = "$200,000"
inventory = "$20M"
perp = "$50M"
latency = "5 ms"
endowment = {{ usd = "$40M", broker_usd = "$40M", tokens = "$10M", shares = "$10M" }}

[[group]]
name = "arbitrageurs"
population = "arbitrageur"
count = 50
latency = "20 ms"
endowment = {{ usd = "$2M", broker_usd = "$1M", tokens = "$500,000" }}
"""


def busy_week(
    retail: int = 10_000,
    sleep_s: float = SLEEP_S,
    disagreement_bp: float = 1.0,
    tickers: Sequence[str] = ("TSLAx",),
) -> Scenario:
    """The scenario, with so many retail traders who look so often, in these tickers.

    Makers look each second; those of ten tickers a little less often, so that 1.13 billion messages reach the books a week,
    as in the prototype.
    """
    maker_sleep_s = 1.0 if len(tickers) == 1 else TEN_SLEEP_S
    names = ", ".join(f'"{ticker}"' for ticker in tickers)
    text = TEXT.format(
        retail=retail, sleep_s=sleep_s, disagreement=disagreement_bp, tickers=names, maker_sleep_s=maker_sleep_s
    )
    return read_scenario(text, "busy-week.toml")


def open_market_of(scenario: Scenario, seed: int = 7, python_agents: int = 0, orders: int = 1 << 15) -> Simulation:
    """The scenario's market, everybody asleep; as in a sweep, single trades are not recorded and the tape keeps nothing."""
    setup = Setup(
        scenario.tickers,
        scenario.rules.arrays,
        seed,
        scenario.start_us,
        scenario.end_us,
        plans=scenario.plans(),
        orders=orders,
        log_trades=False,
    )
    return open_peopled_market(setup, scenario.groups, python_agents, Tape(keep=False))


def counts(simulation: Simulation) -> dict[str, Any]:
    """What happened so far."""
    c, crowd = simulation.memory[clock][0], simulation.blocks[1]
    return {
        "messages": int(c["messages"]),
        "trades": int(c["trades"]),
        "wakes": int(crowd[agents]["wakes"].sum()) - len(crowd[agents]),
        "events": int(c["events"]),
    }


def open_python_market(traders: int, wakes: int) -> Simulation:
    """A market of nobody but traders written in Python, with money for many orders.

    An hour has passed and each has looked once; they wake again one after the other, `PYTHON_GAP_US` apart.
    """
    scenario = busy_week(0).with_changes({"group.makers.count": "0", "group.arbitrageurs.count": "0"})
    market = open_market_of(scenario, python_agents=traders, orders=3 * wakes)
    crowd = market.blocks[1]
    for account in crowd[agents]["account"]:
        market.endow(int(account), USD, 10**15)
    first_us = market.setup.start_us + 2 * HOUR_US
    for n in range(traders):
        assert wake.run(market.world, crowd.handle, first_us, 1 << 40) == AGENT_DUE
        wake.reschedule(crowd.handle, first_us + PYTHON_GAP_US * n)
    market.tape.drain(market.memory)
    return market
