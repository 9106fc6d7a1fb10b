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
        r = ranks(world)[start]
        _sift(world, start, count, r.account, r.group, r.key, r.tie)
    for end in range(count - 1, 0, -1):
        r, top = ranks(world)[end], ranks(world)[0]
        account, group, key, tie = r.account, r.group, r.key, r.tie
        enter(world, end, top.account, top.group, top.key, top.tie)
        _sift(world, 0, end, account, group, key, tie)


@kernel
def _sift(world: World, root: int, end: int, account: int, group: int, key: float, tie: int) -> None:
    """Let a row sink from `root` to its place; those that come later rise."""
    while 2 * root + 1 < end:
        child = 2 * root + 1
        if child + 1 < end:
            c = ranks(world)[child]
            if _before(c.group, c.key, c.tie, ranks(world)[child + 1].group, ranks(world)[child + 1].key, ranks(world)[child + 1].tie):  # fmt: skip
                child += 1
        c = ranks(world)[child]
        if not _before(group, key, tie, c.group, c.key, c.tie):
            break
        enter(world, root, c.account, c.group, c.key, c.tie)
        root = child
    enter(world, root, account, group, key, tie)


@kernel
def _before(group: int, key: float, tie: int, other_group: int, other_key: float, other_tie: int) -> int:
    """1 where the first of two rows comes before the second."""
    if group != other_group:
        return 1 if group < other_group else 0
    if key != other_key:
        return 1 if key < other_key else 0
    return 1 if tie < other_tie else 0
