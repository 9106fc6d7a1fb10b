"""Ordering by group, key and draw, beside Python's own."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from offhours.sim.market import ranking
from plain.market import market

PEOPLE = 120
_SIM = market(PEOPLE)

anything = st.floats(-1.0e305, 1.0e305, allow_nan=False)
keys = st.one_of(anything, st.floats(0.0, 1.0), st.sampled_from([0.5, 0.75, 1.0e12]))
draws = st.one_of(st.integers(0, (1 << 62) - 1), st.integers(0, 3))


@given(st.lists(st.tuples(st.integers(0, 1), keys, draws), max_size=PEOPLE), st.booleans(), st.booleans())
@settings(max_examples=400, deadline=None)
def test_rows_are_in_order_and_none_is_lost(rows: list[tuple[int, float, int]], one_group: bool, one_key: bool) -> None:
    """Few and many rows, keys of any spread, all keys alike, equal rows."""
    rows = [(0 if one_group else group, 2.5 if one_key else key, draw) for group, key, draw in rows]
    for place, (group, key, draw) in enumerate(rows):
        ranking.enter(_SIM.world, place, place, group, key, draw)
    ranking.sort(_SIM.world, len(rows))
    accounts = _SIM.memory[ranking.ranks]["account"][: len(rows)].tolist()
    assert sorted(accounts) == list(range(len(rows)))
    assert [rows[account] for account in accounts] == sorted(rows)


def test_a_bucket_with_many_rows_is_in_order_too() -> None:
    """One key far above all others puts those into one bucket."""
    rows = [(0, 1.0e9 if n == 0 else float(n * 37 % 101), n % 5) for n in range(PEOPLE)]
    for place, (group, key, draw) in enumerate(rows):
        ranking.enter(_SIM.world, place, place, group, key, draw)
    ranking.sort(_SIM.world, PEOPLE)
    accounts = _SIM.memory[ranking.ranks]["account"][:PEOPLE].tolist()
    assert [rows[account] for account in accounts] == sorted(rows)
