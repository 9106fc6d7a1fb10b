"""Accounts in an order: by a group, then a key, then a draw. Heap sort: n log n, in place, in rows that are there already.

The rows are scratch: whoever fills them sorts and reads them before anybody else does.
"""

from __future__ import annotations

from offhours.sim.compile import kernel
from offhours.sim.declare import A, Column, World, table


class Rank:
    """Scratch of an ordering: one row an account at most."""

    group: A[int, Column("i8", "code", "those of the lower group come first")]
    key: A[float, Column("f8", "", "then those of the lower key")]
    tie: A[int, Column("i8", "", "then those of the lower draw")]
    account: A[int, Column("i8", "account", "account")]


ranks = table(Rank)


@kernel
def enter(world: World, row: int, account: int, group: int, key: float, tie: int) -> None:
    """Write a row before sorting."""
    rank = ranks(world)[row]
    rank.group = group
    rank.key = key
    rank.tie = tie
    rank.account = account


@kernel
def keep(world: World, row: int, account: int) -> None:
    """Write the account of a row that has been read."""
    ranks(world)[row].account = account


@kernel
def sort(world: World, count: int) -> None:
    """Put the first `count` rows in ascending order."""
    for start in range(count // 2 - 1, -1, -1):
        _sift(world, start, count)
    for end in range(count - 1, 0, -1):
        _swap(world, 0, end)
        _sift(world, 0, end)


@kernel
def _later(world: World, i: int, j: int) -> int:
    a, b = ranks(world)[i], ranks(world)[j]
    if a.group != b.group:
        return 1 if a.group > b.group else 0
    if a.key != b.key:
        return 1 if a.key > b.key else 0
    return 1 if a.tie > b.tie else 0


@kernel
def _swap(world: World, i: int, j: int) -> None:
    a, b = ranks(world)[i], ranks(world)[j]
    group, key, tie, account = a.group, a.key, a.tie, a.account
    enter(world, i, b.account, b.group, b.key, b.tie)
    enter(world, j, account, group, key, tie)


@kernel
def _sift(world: World, start: int, end: int) -> None:
    root = start
    while 2 * root + 1 < end:
        child = 2 * root + 1
        if child + 1 < end and _later(world, child + 1, child):
            child += 1
        if not _later(world, child, root):
            return
        _swap(world, root, child)
        root = child
