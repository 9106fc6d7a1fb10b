"""Tables in a person's units round back to the exact integers, and say what they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhours.experiments import tables
from offhours.experiments.tables import Instruments
from offhours.sim.declare import columns_of, spec_of

INSTRUMENTS = Instruments(("TSLAx", "SPYx"), (10_000, 10_000, 100_000, 10_000), (10_000, 1_000, 1_000, 100))
"""Ticks of a cent and ten cents, lots of a hundredth, a thousandth and a ten-thousandth of a share."""

AMOUNTS = st.integers(-(2**50) + 1, 2**50 - 1)
SIZES = st.integers(0, 10**9)
CODES = {
    ("bars", "phase"): len(tables.PHASES),
    ("first_prices", "phase"): len(tables.PHASES),
    ("bars", "index_state"): 4,
    ("leverage", "bucket"): 6,
    ("liquidations", "stage"): 9,
    ("cases", "event"): 4,
    ("trades", "repair"): 3,
    ("collateral_sales", "cause"): 4,
    ("halts", "reason"): 6,
}


def column(table: str, name: str, unit: str) -> st.SearchStrategy[int | float]:
    """Anything that a column may hold."""
    if (table, name) in CODES:
        return st.integers(0, CODES[table, name] - 1)
    if (table, name) in (("liquidations", "ticker"), ("cases", "ticker"), ("halts", "ticker")):
        return st.integers(-1, 1)
    if (table, name) in (("liquidations", "lots"), ("deleverages", "lots")):
        return st.integers(-(10**9), 10**9)
    return {
        "ticker": st.integers(0, 1),
        "book": st.integers(0, 3),
        "side": st.sampled_from([-1, 1]),
        "flag": st.integers(0, 1),
        "us": st.integers(0, 4 * 10**15),
        "ticks": st.integers(0, 10**8),
        "lots": SIZES,
        "usd": st.floats(0.01, 1e6),
        "pusd": st.integers(-(10**12), 10**12),
        "count": SIZES,
        "account": st.integers(0, 10**6),
        "ppb": st.integers(-(10**10), 10**10),
    }.get(unit, AMOUNTS)


@st.composite
def rows_of(draw: st.DrawFn, table: str) -> Any:
    """Random exact rows of a table."""
    spec = spec_of(tables.RECORDED[table])
    count = draw(st.integers(0, 6))
    rows = np.zeros(count, dtype=spec.dtype)
    for name, mark in columns_of(spec.row).items():
        rows[name] = draw(st.lists(column(table, name, mark.unit), min_size=count, max_size=count))
    return rows


def assert_same(one: Any, other: Any) -> None:
    """Column by column: padding between columns is nobody's."""
    for name in one.dtype.names or ():
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


@pytest.mark.parametrize("table", tables.RECORDED)
@settings(max_examples=40)
@given(data=st.data())
def test_a_shown_table_rounds_back_to_the_exact_integers(table: str, data: st.DataObject) -> None:
    """Any ticks, lots and micro-dollars: shown in dollars and shares, read back, they are the same."""
    rows = data.draw(rows_of(table))
    assert_same(tables.exact(table, tables.shown(table, rows, INSTRUMENTS), INSTRUMENTS), rows)


@pytest.mark.parametrize("table", tables.RECORDED)
def test_the_way_back_leads_through_a_parquet_file(table: str, tmp_path: Path) -> None:
    """The file alone is enough: it carries its instruments."""
    rng = np.random.default_rng(1)
    spec = spec_of(tables.RECORDED[table])
    rows = np.zeros(50, dtype=spec.dtype)
    for name, mark in columns_of(spec.row).items():
        most = CODES.get((table, name), {"ticker": 2, "book": 4, "flag": 2, "side": 1}.get(mark.unit, 10**6))
        rows[name] = rng.integers(0, most, 50) + (1 if mark.unit == "side" else 0)
    tables.write_parquet(tmp_path / "t.parquet", tables.shown(table, rows, INSTRUMENTS), INSTRUMENTS)
    import fastparquet

    kept = fastparquet.ParquetFile(str(tmp_path / "t.parquet")).key_value_metadata
    instruments = Instruments.from_json(kept["offhours.instruments"])
    assert instruments == INSTRUMENTS
    frame = tables.read_parquet(tmp_path / "t.parquet")
    assert_same(tables.exact(table, frame, instruments), rows)


def test_a_price_is_ticks_times_the_tick_of_its_own_book() -> None:
    """Book 2 is SPYx's perp: a tick of $0.10 and a lot of 0.001 shares; book 1 is TSLAx's token: $0.01 and 0.001."""
    rows = np.zeros(2, dtype=spec_of(tables.RECORDED["trades"]).dtype)
    rows["book"], rows["price_ticks"], rows["size_lots"], rows["aggressor"] = [2, 1], [7401, 40052], [250, 250], [1, -1]
    frame = tables.shown("trades", rows, INSTRUMENTS)
    assert frame["price_usd"].tolist() == [740.1, 400.52]
    assert frame["size_shares"].tolist() == [0.25, 0.25]
    assert frame["ticker"].tolist() == ["SPYx", "TSLAx"]
    assert frame["book"].tolist() == ["perp", "token"]
    assert frame["aggressor"].tolist() == ["buy", "sell"]


def test_an_empty_side_is_no_price() -> None:
    """A bid of 0 ticks means that there is none; the mark has no such meaning."""
    rows = np.zeros(1, dtype=spec_of(tables.RECORDED["bars"]).dtype)
    frame = tables.shown("bars", rows, INSTRUMENTS)
    assert np.isnan(frame["perp_bid_usd"][0]) and frame["mark_usd"][0] == 0.0


def test_open_interest_in_dollars() -> None:
    """SPYx: 1,000 lots of 0.001 shares at 7,401 ticks of $0.10 are $740.10."""
    rows = np.zeros(1, dtype=spec_of(tables.RECORDED["bars"]).dtype)
    rows["ticker"], rows["interest_lots"], rows["mark_ticks"] = 1, 1000, 7401
    assert tables.shown("bars", rows, INSTRUMENTS)["open_interest_usd"][0] == 740.1


@pytest.mark.parametrize("table", tables.names())
def test_every_column_is_explained(table: str) -> None:
    """TABLES.md has a line for each column, with a unit and a meaning."""
    text = tables.tables_md()
    for name, unit, meaning in tables.schema(table):
        assert unit and meaning and f"| `{name}` | {unit} | {meaning} |" in text


def test_tables_have_the_columns_that_their_schema_names() -> None:
    """What `offhours schema` says is what a run holds."""
    from .tiny import tiny_run

    for name, frame in tiny_run().tables().items():
        assert list(frame.columns) == [column for column, _, _ in tables.schema(name)]


def test_the_digest_of_a_table_is_over_its_content() -> None:
    """One micro-dollar more is another table."""
    rows = np.zeros(3, dtype=spec_of(tables.RECORDED["funding"]).dtype)
    before = tables.table_digest(rows)
    assert tables.table_digest(rows.copy()) == before
    rows["rate_ppb"][1] += 1
    assert tables.table_digest(rows) != before
