"""When an account is looked at while its run is made again, and dollars that are given to it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from offhours.experiments.watcher import Giver, Watcher, spans
from offhours.sim.market import accounts

S = 1_000_000


def test_where_it_is_looked_at_each_second() -> None:
    """A minute around each event, spans that touch put together; else full minutes."""
    near = spans(np.array([600, 650, 1000]) * S)
    assert (near // S).tolist() == [[540, 710], [940, 1060]]
    eye = Watcher(20, near)
    assert [eye.next_us(now * S) // S for now in (0, 480, 539, 540, 709, 711, 935, 1060, 1061)] == [60, 540, 540, 541, 710, 720, 940, 1061, 1080]  # fmt: skip


def test_dollars_are_given_once_at_their_instant() -> None:
    """At 5 s, not before and not after, whoever else makes the market stop."""
    given: list[tuple[int, int, int]] = []
    market: Any = SimpleNamespace(now_us=0, endow=lambda *gift: given.append(gift))
    giver = Giver(40, 5 * S, 17)
    giver.begin(market)
    assert giver.next_us(0) == 5 * S and giver.next_us(5 * S) > 1000 * S
    for second in (3, 5, 6):
        market.now_us = second * S
        giver.look(market)
    assert given == [(40, accounts.USD, 17)]
