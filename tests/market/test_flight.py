"""Messages in flight (FLIGHT-1 to FLIGHT-3)."""

from __future__ import annotations

from offhours.sim.chance import tie_order
from offhours.sim.market import flight, matching, orders, stops
from plain.market import (
    ANN,
    BOB,
    BUY,
    CAT,
    DAN,
    SECOND,
    SELL,
    Simulation,
    go,
    lots_of,
    market,
    perp,
    queue,
    refusals,
    trades,
    waiting_stops,
)


def send(
    sim: Simulation,
    account: int,
    side: int,
    price: int,
    lots: int,
    kind: int = matching.LIMIT,
    *,
    lane: int = 1,
    flags: int = 0,
    name: int = 0,
    number: int = 0,
) -> int:
    """A message of the given kind to a book."""
    return flight.send(sim.world, lane, account, number, kind, side, price, lots, flags, name)


def test_a_message_arrives_after_its_latency() -> None:
    """FLIGHT-1: 30 ms after it was sent, not a microsecond earlier."""
    sim = market(dollars=1_000, latency_us=30_000)
    send(sim, ANN, BUY, 9_900, 3)
    go(sim, 0.029999)
    assert queue(sim, 0, BUY) == []
    go(sim, 0.000001)
    assert queue(sim, 0, BUY) == [(9_900, ANN, 3)]


def test_messages_of_a_lane_arrive_in_the_order_sent() -> None:
    """FLIGHT-1: three bids at one price in one microsecond keep their order."""
    sim = market(dollars=1_000, latency_us=30_000)
    for account in (CAT, ANN, BOB):
        send(sim, account, BUY, 9_900, 1)
    go(sim, 0.01)
    send(sim, DAN, BUY, 9_900, 1)
    go(sim, 0.1)
    assert [account for _, account, _ in queue(sim, 0, BUY)] == [CAT, ANN, BOB, DAN]


def test_a_faster_lane_overtakes() -> None:
    """FLIGHT-1: sent first over 30 ms and second over 10 ms; the engine's lane has 100 ms."""
    sim = market(dollars=1_000, lanes=((100_000, 8), (30_000, 8), (10_000, 8)))
    send(sim, CAT, BUY, 9_900, 1, lane=0)
    send(sim, ANN, BUY, 9_900, 1, lane=1)
    send(sim, BOB, BUY, 9_900, 1, lane=2)
    go(sim, 0.2)
    assert [account for _, account, _ in queue(sim, 0, BUY)] == [BOB, ANN, CAT]


def test_no_lane_is_always_first() -> None:
    """FLIGHT-2: three lanes meet at one instant, at 60 instants: the order is the one drawn, and each lane leads often."""
    sim = market(dollars=1_000, lanes=((0, 8), (30_000, 8), (20_000, 8), (10_000, 8)))
    leads = {ANN: 0, BOB: 0, CAT: 0}
    for _ in range(60):
        base = sim.now_us
        send(sim, ANN, BUY, 9_900, 1, lane=1)
        sim.advance(base + 10_000)
        send(sim, BOB, BUY, 9_900, 1, lane=2)
        sim.advance(base + 20_000)
        send(sim, CAT, BUY, 9_900, 1, lane=3)
        sim.advance(base + 30_000)
        arrived = [account for _, account, _ in queue(sim, 0, BUY)]
        lane = {ANN: 1, BOB: 2, CAT: 3}
        assert arrived == sorted(lane, key=lambda a: tie_order(sim.setup.seed, base + 30_000, lane[a]))
        leads[arrived[0]] += 1
        for account in arrived:
            matching.cancel_all(sim.world, account, 0)
    assert min(leads.values()) >= 8


def test_a_full_lane_refuses_with_a_code() -> None:
    """FLIGHT-3: room for two; the third is refused and counted, and when one has arrived there is room again."""
    sim = market(dollars=1_000, lanes=((0, 8), (30_000, 2)))
    assert send(sim, ANN, BUY, 9_900, 1) == send(sim, ANN, BUY, 9_901, 1) == matching.ACCEPTED
    assert send(sim, ANN, BUY, 9_902, 1) == matching.QUEUE_FULL
    assert refusals(sim, matching.QUEUE_FULL) == 1
    go(sim, 0.03)
    assert send(sim, ANN, BUY, 9_903, 1) == matching.ACCEPTED
    go(sim, 1)
    assert [price for price, _, _ in queue(sim, 0, BUY)] == [9_903, 9_901, 9_900]


def test_every_kind_of_message_reaches_its_verb() -> None:
    """FLIGHT-1: cancel, replace, cancel-all, stop and drop-stops travel like orders."""
    sim = market(dollars=1_000)
    perp(sim, BOB, SELL, 10_100, 5)
    for price in (9_900, 9_800, 9_700):
        send(sim, ANN, BUY, price, 1)
    go(sim, 0.1)
    names = [orders.handle(sim.world, slot) for slot in (2, 3, 4)]
    send(sim, ANN, BUY, names[0], 0, flight.CANCEL, name=names[0])
    send(sim, ANN, BUY, 9_750, 7, flight.REPLACE, name=names[1])
    send(sim, ANN, SELL, 9_000, 2, flight.STOP_ORDER, flags=orders.REDUCE_ONLY)
    go(sim, 0.1)
    assert queue(sim, 0, BUY) == [(9_750, ANN, 7), (9_700, ANN, 1)]
    assert waiting_stops(sim, ANN) == 1
    send(sim, ANN, BUY, 0, 0, flight.CANCEL_ALL)
    send(sim, ANN, BUY, 0, 0, flight.DROP_STOPS)
    send(sim, ANN, BUY, 0, 3, matching.MARKET)
    send(sim, ANN, BUY, 10_100, 1, matching.IOC)
    send(sim, ANN, BUY, 10_100, 1, matching.POST_ONLY)
    go(sim, 0.1)
    assert queue(sim, 0, BUY) == []
    assert waiting_stops(sim, ANN) == 0
    assert (lots_of(sim, ANN), len(trades(sim))) == (4, 2)
    assert refusals(sim, matching.WOULD_CROSS) == 1
    assert stops.drop_all(sim.world, ANN) == 0


def test_a_ring_goes_round() -> None:
    """FLIGHT-3: a hundred messages through a lane with room for three, and none is lost."""
    sim = market(dollars=1_000, lanes=((0, 4), (500_000, 3)))
    for n in range(100):
        assert send(sim, ANN, BUY, 9_000 + n, 1) == matching.ACCEPTED
        go(sim, 0.25)
    go(sim, 1)
    assert [price for price, _, _ in queue(sim, 0, BUY)] == list(range(9_099, 8_999, -1))
    assert sim.now_us % SECOND == 0
