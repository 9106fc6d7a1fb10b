"""Two markets on the same luck, side by side."""

from __future__ import annotations

from typing import Any

import pytest

from offhours.experiments.compare import compare, inputs, lines, variants
from offhours.experiments.many import run_all
from offhours.experiments.run import run_one
from offhours.sim.mistake import Mistake

from .tiny import tiny, tiny_run

LEVERAGE = "perp.margin.leverage_max"


@pytest.fixture(scope="module")
def pair() -> Any:
    """Two seeds of 20x and of 5x."""
    many = run_all(variants(tiny(), f"{LEVERAGE}=20,5"), (7, 8))
    assert not many.failures and not many.interrupted
    return many.runs


def test_runs_are_paired_by_seed(pair: Any) -> None:
    """B-A of the means is the mean of B-A; the interval is of the paired differences."""
    found = compare("20x", pair["leverage_max=20"], "5x", list(reversed(pair["leverage_max=5"])))
    assert found.seeds == (7, 8)
    row = next(row for row in found.rows if row.label == "trades")
    a = [run.summary["trades"] for run in pair["leverage_max=20"]]
    b = [run.summary["trades"] for run in pair["leverage_max=5"]]
    assert row.a == pytest.approx(sum(a) / 2) and row.b == pytest.approx(sum(b) / 2)
    assert row.difference == pytest.approx((b[0] - a[0] + b[1] - a[1]) / 2)
    half = 12.7062 * abs((b[1] - a[1]) - (b[0] - a[0])) / 2  # t(0.975, 1) = 12.7062; s / sqrt(2) = |d2 - d1| / 2
    assert row.low == pytest.approx(row.difference - half, rel=1e-4)


def test_only_what_differs_in_the_inputs_is_named(pair: Any) -> None:
    found = inputs(pair["leverage_max=20"][0].scenario, pair["leverage_max=5"][0].scenario)
    assert [(row.what, row.a, row.b) for row in found] == [(LEVERAGE, "20x", "5x")]


def test_groups_gaps_and_fields_are_inputs_too() -> None:
    other = tiny(group__noise__count="7", gap__TSLAx__change="-3 %", always_open="true")
    found = {row.what: (row.a, row.b) for row in inputs(tiny(), other)}
    assert found["group.noise.count"] == ("20", "7")
    assert found["always_open"] == ("false", "true")
    (gap,) = [value for key, value in found.items() if key.startswith("gap TSLAx")]
    assert gap[0].startswith("-15 %") and gap[1].startswith("-3 %")
    assert len(found) == 3


def test_who_gained_and_lost_sums_to_zero(pair: Any) -> None:
    found = compare("20x", pair["leverage_max=20"], "5x", pair["leverage_max=5"])
    assert sum(row.difference for row in found.groups) == pytest.approx(0, abs=1e-6)
    assert [row.difference for row in found.groups] == sorted(row.difference for row in found.groups)


def test_one_pair_says_that_it_has_no_interval(pair: Any) -> None:
    found = compare("a", pair["leverage_max=20"][:1], "b", pair["leverage_max=5"][:1])
    assert all(row.low is None for row in found.rows)
    assert any("without an interval" in note for note in found.notes)


def test_runs_of_different_luck_are_named(pair: Any) -> None:
    found = compare("a", pair["leverage_max=20"][:1], "b", pair["leverage_max=5"][1:])
    assert any("seeds 7 and 8 differ" in note for note in found.notes)


def test_it_reads_as_a_table(pair: Any) -> None:
    text = "\n".join(lines(compare("20x", pair["leverage_max=20"], "5x", pair["leverage_max=5"])))
    assert f"{LEVERAGE}: 20x | 5x" in text
    assert "B-A" in text and "95% interval" in text and "over 2 seeds" in text


def test_threads_make_the_same_runs(pair: Any) -> None:
    alone = run_one(tiny(perp__margin__leverage_max="20"), 7)
    assert pair["leverage_max=20"][0].summary["tape_sha256"] == alone.summary["tape_sha256"]


@pytest.mark.parametrize("vary", ["perp.margin.leverage_max", "perp.margin.leverage_max=20", "x=", "x=1,,2", "x=1,1"])
def test_what_to_vary_is_written_as_a_list(vary: str) -> None:
    with pytest.raises(Mistake, match="--vary"):
        variants(tiny(), vary)


def test_values_with_commas_are_separated_by_semicolons() -> None:
    found = variants(tiny(), "perp.backstop.capital=$1,000,000; $0")
    assert list(found) == ["capital=$1,000,000", "capital=$0"]


def test_nothing_in_common_is_a_mistake() -> None:
    with pytest.raises(Mistake, match="have no seed in common"):
        compare("a", [tiny_run(), tiny_run()], "b", [])
