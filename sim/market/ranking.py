"""Accounts in an order: by a group, then a key, then a draw, in rows that are there already.

Rows are dealt into buckets by where their key lies between the smallest and the largest (by the draw where all keys are
equal), which for keys of any usual spread leaves one or two rows a bucket; a bucket with many is heap-sorted, so that the
worst case is n log n too.

The rows are scratch: whoever fills them sorts and reads them before anybody else does.
"""

from __future__ import annotations

from offhours.sim.compile import kernel
from offhours.sim.declare import A, Column, World, table

FEW = 16
"""Rows that are sorted by insertion."""
_TIE_BITS = 62
_KEY_MOST = 1.0e300
"""Spread of keys beyond which they are not dealt."""


class Rank:
    """Scratch of an ordering: one row an account at most, and as many again to deal them into."""

    group: A[int, Column("i8", "code", "0 or 1; those of the lower group come first")]
    key: A[float, Column("f8", "", "then those of the lower key")]
    tie: A[int, Column("i8", "", "then those of the lower draw, 62 bits")]
    account: A[int, Column("i8", "account", "account")]


class Bucket:
    """Scratch of an ordering: one row a bucket, for both groups, and one behind."""

    end: A[int, Column("i8", "row", "behind its last row")]


ranks = table(Rank)
buckets = table(Bucket)


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
    if count <= FEW:
        for row in range(1, count):
            r = ranks(world)[row]
            _insert(world, 0, row, r.account, r.group, r.key, r.tie)
        return
    bits = 1
    while 8 << bits < count:
        bits += 1
    half = 1 << bits
    lowest, highest = ranks(world)[0].key, ranks(world)[0].key
    for row in range(1, count):
        lowest, highest = min(lowest, ranks(world)[row].key), max(highest, ranks(world)[row].key)
    scale = (half - 1) / (highest - lowest) if 0.0 < highest - lowest < _KEY_MOST else 0.0
    for bucket in range(2 * half + 1):
        buckets(world)[bucket].end = 0
    for row in range(count):
        r = ranks(world)[row]
        buckets(world)[_bucket(r.group, r.key, r.tie, lowest, highest, scale, bits) + 1].end += 1
    for bucket in range(1, 2 * half + 1):
        buckets(world)[bucket].end += buckets(world)[bucket - 1].end
    # Now each is the first row of its bucket, and moves on with every row that is dealt.
    scratch = len(ranks(world)) // 2
    for row in range(count):
        r = ranks(world)[row]
        bucket = _bucket(r.group, r.key, r.tie, lowest, highest, scale, bits)
        enter(world, scratch + buckets(world)[bucket].end, r.account, r.group, r.key, r.tie)
        buckets(world)[bucket].end += 1
    first = 0
    for bucket in range(2 * half):
        last = buckets(world)[bucket].end
        for row in range(first, last):
            r = ranks(world)[scratch + row]
            if last - first <= FEW:
                _insert(world, first, row, r.account, r.group, r.key, r.tie)
            else:
                enter(world, row, r.account, r.group, r.key, r.tie)
        if last - first > FEW:
            _heap_sort(world, first, last - first)
        first = last


@kernel
def _bucket(group: int, key: float, tie: int, lowest: float, highest: float, scale: float, bits: int) -> int:
    """The bucket of a row: never a lower one than that of a row before it in the order."""
    place = tie >> (_TIE_BITS - bits) if lowest == highest else int((key - lowest) * scale)
    return (group << bits) + place


@kernel
def _insert(world: World, first: int, row: int, account: int, group: int, key: float, tie: int) -> None:
    """Put a row among those from `first` to before `row`, which are in order."""
    while row > first:
        before = ranks(world)[row - 1]
        if not _before(group, key, tie, before.group, before.key, before.tie):
            break
        enter(world, row, before.account, before.group, before.key, before.tie)
        row -= 1
    enter(world, row, account, group, key, tie)


@kernel
def _heap_sort(world: World, first: int, count: int) -> None:
    """Put `count` rows from `first` in ascending order."""
    for start in range(count // 2 - 1, -1, -1):
        r = ranks(world)[first + start]
        _sift(world, first, start, count, r.account, r.group, r.key, r.tie)
    for end in range(count - 1, 0, -1):
        r, top = ranks(world)[first + end], ranks(world)[first]
        account, group, key, tie = r.account, r.group, r.key, r.tie
        enter(world, first + end, top.account, top.group, top.key, top.tie)
        _sift(world, first, 0, end, account, group, key, tie)


@kernel
def _sift(world: World, first: int, root: int, end: int, account: int, group: int, key: float, tie: int) -> None:
    """Let a row sink from `root` to its place; those that come later rise."""
    while 2 * root + 1 < end:
        child = 2 * root + 1
        if child + 1 < end:
            c, other = ranks(world)[first + child], ranks(world)[first + child + 1]
            if _before(c.group, c.key, c.tie, other.group, other.key, other.tie):
                child += 1
        c = ranks(world)[first + child]
        if not _before(group, key, tie, c.group, c.key, c.tie):
            break
        enter(world, first + root, c.account, c.group, c.key, c.tie)
        root = child
    enter(world, first + root, account, group, key, tie)


@kernel
def _before(group: int, key: float, tie: int, other_group: int, other_key: float, other_tie: int) -> int:
    """1 where the first of two rows comes before the second."""
    if group != other_group:
        return 1 if group < other_group else 0
    if key != other_key:
        return 1 if key < other_key else 0
    return 1 if tie < other_tie else 0
