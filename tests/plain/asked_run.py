"""Markets that ask for an allocation at once, and, run as a script, the digests of one whole run of them (compiled or not)."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from offhours.sim import policies
from offhours.sim.answers import Decider, Deciders
from offhours.sim.market import accounts, ask, deleverage
from offhours.sim.market.waterfall import DELEVERAGED
from offhours.sim.policies import Candidates
from plain.market import ANN, BOB, BUY, CAT, DAN, DOLLAR, EVE, NO_FEES, SELL, SHARE, Simulation, go, jump, market, perp

Allocation = Callable[[Candidates, float], Any]
ASKED = ("queue", "contract-pro-rata", "wealth-pro-rata", "capped-pro-rata", "risk-aware", "hedge-aware")


def crowd(
    chosen: Allocation | None,
    shorts: dict[int, tuple[int, int]],
    longs: dict[int, tuple[int, int]] | None = None,
    *,
    seconds: float | None = None,
    **adl: int,
) -> Simulation:
    """Longs against shorts, account -> (lots, dollars), opened at $100; a case is deleveraged at once, by `chosen` if there is one."""
    longs = longs or {ANN: (1_000, 50)}
    knobs = {(deleverage.adl_rules, name): value for name, value in adl.items()}
    asked: Any = [deleverage.OWN if chosen else 0, 0]
    deciders = Deciders(Decider("mine.py:fair", chosen, seconds)) if chosen else Deciders()
    sim = market(
        people=5,
        knobs={**NO_FEES, **knobs, (ask.asked, "policy"): asked},
        stages=(DELEVERAGED,),
        deciders=deciders,
    )
    for account, (_, dollars) in (longs | shorts).items():
        sim.endow(account, accounts.USD, dollars * DOLLAR)
    sellers = [[account, lots] for account, (lots, _) in shorts.items()]
    for account, (lots, _) in longs.items():
        while lots:
            part = min(lots, sellers[0][1])
            perp(sim, sellers[0][0], SELL, 10_000, part)
            perp(sim, account, BUY, 10_000, part)
            lots -= part
            sellers[0][1] -= part
            if sellers[0][1] == 0:
                sellers.pop(0)
    return sim


def run() -> list[str]:
    """Tape and state of a market under each policy but the integer programme, which is a solver's."""
    found = []
    for name in ASKED:
        shorts = {BOB: (1_201, 10_000), CAT: (703, 301)}
        sim = crowd(policies.POLICIES[name], shorts, {ANN: (601, 30), DAN: (400, 21), EVE: (903, 20_000)})
        sim.endow(CAT, accounts.token_asset(0), 2 * SHARE)
        jump(sim, 93.9)
        go(sim, 3)
        found += [sim.tape.digest(), sim.digest()]
    return found


if __name__ == "__main__":
    print(json.dumps(run()))
