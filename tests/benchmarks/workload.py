"""The book alone: one million messages, half of them orders near the touch, four tenths cancels, one tenth market orders.

`thin` keeps about 1,500 orders alive, `deep` about 100,000. The messages are made once by driving the book itself, so that
cancels name random live orders and nothing crosses; then the same array is replayed by the compiled book of
``sim/market``, by `book.cpp` on memory of the same layout, and by a plain book of dictionaries and queues.
"""

from __future__ import annotations

import ctypes
import heapq
import shutil
import subprocess
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from offhours.sim.chance import CHOICE, PRICE, SIDE, SIZE, below, exponential, uniform
from offhours.sim.compile import kernel, wrapping_product, wrapping_sum
from offhours.sim.declare import Memory, World
from offhours.sim.market import clock
from offhours.sim.market.accounts import HOUSES
from offhours.sim.market.book import begin as begin_book
from offhours.sim.market.book import bits, books, fill, first, insert, levels, note_trade, remove
from offhours.sim.market.orders import BUY, NIL, SELL, handle, open_orders, orders, pools, slot_of
from offhours.sim.market.orders import begin as begin_orders
from offhours.sim.market.world import MARKET, Size, row_counts

ADD, CANCEL, MARKET_ORDER = 0, 1, 2
MESSAGES = 1_000_000
OWNERS = 1000
AROUND_TICKS = 30_000

message = np.dtype([(name, "<i4") for name in ("kind", "side", "price_ticks", "lots", "account", "names")])


@dataclass(frozen=True)
class Workload:
    """Messages that fill the book, messages that are timed, and how many orders were alive after each."""

    name: str
    filling: np.ndarray[Any, Any]
    timed: np.ndarray[Any, Any]
    live_before: int
    live_after: int


@kernel
def make(world: World, messages: Any, names: Any, alive: Any, living: int, adds: int, seed: int, target: int, width_ticks: float, filling: int) -> int:  # fmt: skip
    """Write messages and drive the book with them; returns how many orders were added so far. `alive[0]` counts `alive`."""
    for n in range(len(messages)):
        m = messages[n]
        b = books(world)[0]
        draw = 0.0 if filling == 1 else uniform(seed, CHOICE, adds, n)
        if draw < 0.5:
            side = BUY if uniform(seed, SIDE, 0, n) < 0.5 else SELL
            away = 1 + int(exponential(seed, PRICE, 0, n) * width_ticks)
            bid, ask = b.best_bid, b.best_ask
            if bid == 0 or ask == 1 << 40:
                bid, ask = AROUND_TICKS - 1, AROUND_TICKS + 1
            m.kind, m.side = ADD, side
            m.price_ticks = ask - away if side == BUY else bid + away
            m.lots = 1 + below(seed, SIZE, 0, n, 10)
            m.account = HOUSES + below(seed, SIZE, 1, n, OWNERS)
            m.names = adds
            slot = insert(world, int(m.account), 0, int(m.side), int(m.price_ticks), int(m.lots), 0)
            names[adds] = handle(world, slot)
            alive[living] = adds
            living += 1
            adds += 1
        elif draw < 0.9:
            slot, tries = NIL, 0
            while slot == NIL and living > 0:
                place = below(seed, PRICE, 1 + tries, n, living)
                chosen = alive[place]
                slot = slot_of(world, names[chosen])
                living -= 1
                alive[place] = alive[living]
                tries += 1
            m.kind, m.names = CANCEL, chosen
            if slot != NIL:
                remove(world, slot)
        else:
            m.kind, m.side = MARKET_ORDER, BUY if uniform(seed, SIDE, 0, n) < 0.5 else SELL
            # About one order's size; a little more where the book is fuller than it should be.
            m.lots = 1 + below(seed, SIZE, 0, n, 16 if pools(world)[0].live > target else 6)
            market_order(world, int(m.side), int(m.lots), 0)
    return living


@kernel
def market_order(world: World, side: int, lots: int, total: int) -> int:
    """Sweep the other side without settling anything; returns the checksum of fills carried on from `total`."""
    while lots > 0:
        slot = first(world, 0, -side)
        if slot == NIL:
            break
        o = orders(world)[slot]
        price_ticks = o.price_ticks
        quantity = min(lots, o.size_lots)
        total = wrapping_sum(wrapping_product(total, 31), price_ticks * 1024 + int(o.account) * 16 + quantity)
        fill(world, slot, quantity)
        note_trade(world, 0, price_ticks, quantity, side)
        lots -= quantity
    return total


@kernel
def replay(world: World, messages: Any, names: Any) -> int:
    """Drive the book with prepared messages; returns the checksum of all fills."""
    total = 0
    for n in range(len(messages)):
        m = messages[n]
        if m.kind == ADD:
            slot = insert(world, int(m.account), 0, int(m.side), int(m.price_ticks), int(m.lots), 0)
            names[m.names] = handle(world, slot)
        elif m.kind == CANCEL:
            slot = slot_of(world, names[m.names])
            if slot != NIL:
                remove(world, slot)
        else:
            total = market_order(world, int(m.side), int(m.lots), total)
    return total


def empty_market(room: int) -> Memory:
    """A market's memory with one empty book and nobody owning anything."""
    size = Size(1, HOUSES + OWNERS, HOUSES, room, 1, (1,), 1, 1, 1, 1, 1, 64)
    memory = Memory(MARKET, row_counts(size))
    memory[clock.clock]["tickers"] = 1
    begin_orders(memory.handle)
    begin_book(memory.handle, 0, 1, AROUND_TICKS)
    return memory


def prepare(name: str, live: int, width_ticks: float, count: int = MESSAGES) -> Workload:
    """Make a workload of `count` messages around `live` orders at rest."""
    room = 2 * live + count
    memory = empty_market(4 * live)
    names, alive = np.zeros(room, np.int64), np.zeros(room, np.int64)
    filling, timed = np.zeros(live, message), np.zeros(count, message)
    living = int(make(memory.handle, filling, names, alive, 0, 0, 7, live, width_ticks, 1))
    before = int(memory[pools]["live"][0])
    make(memory.handle, timed, names, alive, living, live, 8, live, width_ticks, 0)
    return Workload(name, filling, timed, before, int(memory[pools]["live"][0]))


class Compiled:
    """The book of the product."""

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self.memory = empty_market(4 * len(workload.filling))
        self.names = np.zeros(len(workload.filling) + len(workload.timed), np.int64)
        replay(self.memory.handle, workload.filling, self.names)
        self._filled = self.memory.arena.copy()
        self._filled_names = self.names.copy()

    def again(self) -> None:
        """Back to the filled book."""
        self.memory.arena[:] = self._filled
        self.names[:] = self._filled_names

    def run(self) -> int:
        """Replay the timed messages; the checksum of all fills."""
        return int(replay(self.memory.handle, self.workload.timed, self.names))


class Native(Compiled):
    """The same book in C++ on memory of the same layout."""

    def __init__(self, workload: Workload, library: ctypes.CDLL) -> None:
        super().__init__(workload)
        self.library = library
        self.fills = ctypes.c_int64()

    def run(self) -> int:
        """Replay the timed messages; the checksum of all fills."""
        memory, timed = self.memory, self.workload.timed
        pointers = [memory[t].ctypes.data for t in (pools, open_orders, books, levels, bits)]
        return int(
            self.library.replay(memory[orders].ctypes.data, len(memory[orders]), *pointers, timed.ctypes.data, len(timed),
                                self.names.ctypes.data, ctypes.byref(self.fills))
        )  # fmt: skip


def build_native(folder: Path) -> ctypes.CDLL | None:
    """Compile `book.cpp`, or None where there is no compiler."""
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        return None
    library = folder / "book.so"
    source = Path(__file__).with_name("book.cpp")
    subprocess.run([compiler, "-O3", "-march=native", "-shared", "-fPIC", "-o", library, source], check=True)
    loaded = ctypes.CDLL(str(library))
    i8, pointer = ctypes.c_int64, ctypes.c_void_p
    loaded.replay.argtypes = [pointer, i8, *[pointer] * 5, pointer, i8, pointer, pointer]
    loaded.replay.restype = i8
    return loaded


def plain_replay(workload: Workload) -> int:
    """The same messages on a plain book: a heap of prices and a queue of orders at each. The checksum of all fills."""
    resting: list[list[int] | None] = [None] * (len(workload.filling) + len(workload.timed))
    queues: dict[tuple[int, int], deque[int]] = {}
    prices: dict[int, list[int]] = {BUY: [], SELL: []}
    total = 0
    for kind, side, price_ticks, lots, account, names in [*workload.filling.tolist(), *workload.timed.tolist()]:
        if kind == ADD:
            resting[names] = [lots, account]
            queue = queues.get((side, price_ticks))
            if queue is None:
                queue = queues[side, price_ticks] = deque()
                heapq.heappush(prices[side], -side * price_ticks)
            queue.append(names)
        elif kind == CANCEL:
            resting[names] = None
        else:
            while lots > 0 and prices[-side]:
                best_ticks = side * prices[-side][0]
                queue = queues[-side, best_ticks]
                while queue and resting[queue[0]] is None:
                    queue.popleft()
                if not queue:
                    del queues[-side, best_ticks]
                    heapq.heappop(prices[-side])
                    continue
                order = resting[queue[0]]
                assert order is not None
                quantity = min(lots, order[0])
                total = (total * 31 + best_ticks * 1024 + order[1] * 16 + quantity) % (1 << 64)
                lots -= quantity
                order[0] -= quantity
                if order[0] == 0:
                    resting[queue[0]] = None
    return total - (1 << 64) if total >= 1 << 63 else total


def cpu_ns(work: Any) -> tuple[int, Any]:
    """CPU time of a call in nanoseconds, and what it returned."""
    begin = time.process_time_ns()
    result = work()
    return time.process_time_ns() - begin, result
