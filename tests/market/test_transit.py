"""What is on the way: two queues in one table, each with its own room and its own earliest arrival (BANK-1, ISS-6)."""

from __future__ import annotations

from offhours.sim.market import clock, transit
from plain.market import ANN, BOB, Simulation, market


def arrivals(sim: Simulation, queue: int, now_us: int) -> list[tuple[int, int]]:
    """Everything of a queue that has arrived by an instant, as it would be handed out: who, how much."""
    sim.memory[clock.clock]["now_us"] = now_us
    found = []
    row = transit.arrived(sim.world, queue, 0)
    while row != transit.NOTHING:
        delivery = sim.memory[transit.deliveries][row]
        found.append((int(delivery["account"]), int(delivery["amount"])))
        transit.drop(sim.world, queue, row)
        row = transit.arrived(sim.world, queue, row)
    return found


def earliest_us(sim: Simulation, queue: int) -> int:
    return int(sim.memory[transit.deliveries]["due_us"][transit.head(sim.world, queue)])


def test_a_queue_hands_out_what_has_arrived_and_knows_when_the_rest_does() -> None:
    """Four deliveries out of order. The last takes the place of one that is handed out, and is looked at in its turn."""
    sim = market(people=2)
    for due_us, amount in ((30, 1), (10, 2), (20, 3), (10, 4)):
        transit.send(sim.world, transit.DOLLARS, due_us, ANN, 0, amount)
    assert earliest_us(sim, transit.DOLLARS) == 10
    assert arrivals(sim, transit.DOLLARS, 9) == []
    assert arrivals(sim, transit.DOLLARS, 10) == [(ANN, 2), (ANN, 4)]
    assert earliest_us(sim, transit.DOLLARS) == 20
    assert arrivals(sim, transit.DOLLARS, 30) == [(ANN, 1), (ANN, 3)]
    assert earliest_us(sim, transit.DOLLARS) == transit.NEVER
    assert transit.count(sim.world, transit.DOLLARS) == 0


def test_the_queues_do_not_touch_each_other() -> None:
    """The bank's is filled to its last row; the issuer's neither loses its own nor shows another's."""
    sim = market(people=2)
    transit.send(sim.world, transit.TOKENS, 5, BOB, 2, 7)
    while not transit.full(sim.world, transit.DOLLARS):
        transit.send(sim.world, transit.DOLLARS, 6, ANN, 0, 1)
    room = transit.count(sim.world, transit.DOLLARS)
    assert room == int(sim.memory[clock.clock]["accounts"][0])
    assert arrivals(sim, transit.TOKENS, 6) == [(BOB, 7)]
    assert arrivals(sim, transit.DOLLARS, 6) == [(ANN, 1)] * room
    while not transit.full(sim.world, transit.TOKENS):
        transit.send(sim.world, transit.TOKENS, 8, BOB, 2, 1)
    assert transit.head(sim.world, transit.TOKENS) + transit.count(sim.world, transit.TOKENS) + 1 == len(
        sim.memory[transit.deliveries]
    )
    assert len(transit.on_the_way(sim.memory, transit.DOLLARS)) == 0
    assert len(transit.on_the_way(sim.memory, transit.TOKENS)) == transit.count(sim.world, transit.TOKENS)
