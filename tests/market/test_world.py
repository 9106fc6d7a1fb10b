"""The list of tables, and Python's door to it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import offhours.sim.market
from offhours.sim.declare import spec_of
from offhours.sim.market import book, clock, positions
from offhours.sim.market.world import MARKET, RECORDED
from offhours.sim.simulation import net_positions
from plain.market import ANN, BOB, BUY, SELL, go, jump, lots_of, market, perp


def test_every_table_of_every_room_is_listed_once() -> None:
    """A table that is declared and not listed would have no rows."""
    folder = Path(offhours.sim.market.__file__).parent
    declared = set()
    for path in folder.glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if (
                isinstance(node, ast.Assign)
                and isinstance(node.value, ast.Call)
                and ast.unparse(node.value.func) == "table"
            ):
                declared.add(ast.unparse(node.value.args[0]))
    listed = [spec_of(accessor).name for accessor in MARKET.accessors]
    assert sorted(listed) == sorted(declared)
    assert {spec_of(a).name for a in RECORDED.values()} == {s.name for s in MARKET if s.recorded}


def test_every_log_has_the_counter_of_its_table() -> None:
    """CLOCK-4 apart, each recorded table's room is that of its rows."""
    sim = market()
    rooms = sim.memory[clock.logs]["room"].tolist()
    assert rooms == [len(sim.memory[RECORDED[log]]) for log in range(clock.LOGS)]


def test_a_market_begins_at_a_full_second() -> None:
    """CLOCK-4."""
    with pytest.raises(ValueError, match="full second"):
        market(start_us=1_772_807_400 * 1_000_000 + 1)


def test_what_python_reads_are_the_tables_themselves() -> None:
    """Positions by account and ticker, as one array."""
    sim = market(dollars=1_000)
    perp(sim, ANN, BUY, 10_000, 4)
    perp(sim, BOB, SELL, 10_000, 4)
    assert net_positions(sim.memory)[ANN].tolist() == [4]
    assert sim.memory[positions.positions]["size_lots"][BOB] == -4


def test_a_broken_market_can_be_looked_at_and_not_run_on() -> None:
    """A failed assertion is the programmer's: the simulation says so, and stays as it was when it failed."""
    sim = market(dollars=1_000)
    perp(sim, ANN, BUY, 9_900, 4)
    sim.memory[clock.logs]["room"][clock.BAR_LOG] = 0
    with pytest.raises(AssertionError):
        go(sim, 60)
    assert sim.broken
    with pytest.raises(RuntimeError, match="only be inspected"):
        go(sim, 1)
    assert sim.memory[book.books]["bid_lots"][0] == 4
    assert sim.memory[clock.clock]["grid_us"][0] == sim.setup.start_us + 60 * clock.SECOND_US


def test_a_new_market_takes_new_luck_from_a_fork() -> None:
    """The same from here on with the same luck, another with another."""
    sim = market(dollars=1_000)
    go(sim, 5)
    same, other = sim.fork(), sim.fork(seed=8)
    jump(sim, 101.0)
    jump(same, 101.0)
    assert same.digest() == sim.digest()
    assert other.memory[clock.clock]["seed"][0] == 8
    assert lots_of(other, ANN) == 0
