"""A tiny peopled market, run in a process of its own: prints one line of JSON. (The tests start it.)"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from offhours.sim.compile import COMPILED
from offhours.sim.market import liquidation, stock
from plain.peopled import MINUTE, TUESDAY, people, scenario

GROUPS = """
[[group]]
name = "tourists"
population = "retail"
count = 20
leverage = "20x"
size = { law = "pareto", exponent = 0.8, median = "$500", largest_share = "15 %" }
latency = "120 ms"
mean_sleep = "4 min"

[[group]]
name = "makers"
population = "maker"
count = 2
latency = "5 ms"
mean_sleep = "1 min"
endowment = { usd = "$2M", broker_usd = "$2M", tokens = "$500,000", shares = "$500,000" }

[[group]]
name = "noise"
population = "noise"
count = 5
latency = "80 ms"
mean_sleep = "2 min"
endowment = { usd = "$10,000", tokens = "$5,000" }

[[group]]
name = "carry"
population = "arbitrageur"
count = 1
latency = "20 ms"
endowment = { usd = "$100,000", tokens = "$100,000" }

[[group]]
name = "readers"
population = "informed"
count = 1
latency = "40 ms"
endowment = { usd = "$50,000" }

[[group]]
name = "creators"
population = "participant"
count = 1
latency = "40 ms"
endowment = { usd = "$200,000", broker_usd = "$200,000", tokens = "$100,000", shares = "$100,000" }
"""


def run(minutes: int) -> dict[str, object]:
    """The market after so many minutes, with a fall of the stock halfway: digests, and enough numbers to see that something happened."""
    begin = time.perf_counter()
    sim = people(scenario(TUESDAY, GROUPS), seed=7, log_rows=1 << 12)
    sim.advance(sim.setup.start_us + minutes * MINUTE // 2)
    sim.memory[stock.stocks]["log_usd"] -= 0.125  # the stock falls by an eighth: liquidations
    sim.advance(sim.setup.start_us + minutes * MINUTE)
    clock = sim.memory.arrays["Clock"][0]
    sim.tape.drain(sim.memory)
    return {
        "compiled": COMPILED,
        "tape": sim.tape.digest(),
        "state": sim.digest(),
        "trades": int(clock["trades"]),
        "messages": int(clock["messages"]),
        "liquidations": len(sim.tape.rows(liquidation.liquidation_events)),
        "breaches": [str(b) for b in sim.audit()],
        "seconds": round(time.perf_counter() - begin, 2),
    }


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]))))
