"""What the theory tests share: one empty book, and one market with the venue's rules and a few rich accounts."""

from __future__ import annotations

from collections.abc import Mapping

from offhours.experiments.scenario import read_scenario
from offhours.sim.chance import key_of
from offhours.sim.declare import Memory
from offhours.sim.market import accounts, book, clock, orders
from offhours.sim.market.world import MARKET, Size, row_counts
from offhours.sim.simulation import Person, Setup, Simulation, open_market

MARKET_WITHOUT_PEOPLE = """
question = "What does the book do?"
venue = "kraken"
tickers = ["TSLAx"]
start = "2026-05-05 10:00"
measure_from = "2026-05-05 10:00"
end = "2026-05-05 12:00"
"""

FREE: Mapping[str, str] = dict.fromkeys(("perp.fees.maker", "perp.fees.taker"), "0 %")
"""Changes that make the perp book free of fees."""


def empty_book(around_ticks: int, room: int, owners: int = 8) -> Memory:
    """The tables of a market in which nothing has begun but one book, around a price. For the book's own kernels."""
    memory = Memory(MARKET, row_counts(Size(1, accounts.HOUSES + owners, 1, room, 1, (1,), 1, 1, 1, 1, 1, 64)))
    memory[clock.clock]["tickers"] = 1
    orders.begin(memory.handle)
    book.begin(memory.handle, 0, 1, around_ticks)
    return memory


def market(people: int, changes: Mapping[str, str] = FREE) -> Simulation:
    """A market of one ticker under the venue's rules, with so many accounts that own nothing yet."""
    scenario = read_scenario(MARKET_WITHOUT_PEOPLE, changes=changes)
    group = accounts.HOUSES
    persons = tuple(Person(group, number, number) for number in range(people))
    keys = (key_of("traders"),)
    return open_market(
        Setup(
            scenario.tickers,
            scenario.rules.arrays,
            seed=7,
            start_us=scenario.start_us,
            end_us=scenario.end_us,
            people=persons,
            group_keys=keys,
            log_trades=False,
        )
    )
