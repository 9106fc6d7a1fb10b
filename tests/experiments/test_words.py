"""Numbers are said as people say them."""

from __future__ import annotations

import pytest

from offhours.experiments.words import dollars, tick_dollars


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "$0"), (12.345, "$12.35"), (-50.5, "−$50.50"), (1234.4, "$1,234"), (-509_400, "−$509k"), (1_200_000, "$1.20M"), (-1_145_413, "−$1.15M"), (999_990, "$1.00M"), (23_449_000, "$23.4M"), (2.5e11, "$250B"), (-0.001, "$0")],
)  # fmt: skip
def test_dollars_for_reading(value: float, text: str) -> None:
    assert dollars(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "$0"), (2500, "$2,500"), (12_500, "$12.5k"), (17_500, "$17.5k"), (40e6, "$40M"), (-2.25e6, "−$2.25M"), (0.2, "$0.2")],
)  # fmt: skip
def test_dollars_on_an_axis_are_those_of_the_tick(value: float, text: str) -> None:
    assert tick_dollars(value) == text


def test_dollars_on_an_axis_have_one_unit() -> None:
    assert [tick_dollars(value, 12_000) for value in (0, 500, 2500, 10_000)] == ["$0", "$500", "$2.5k", "$10k"]
    assert tick_dollars(2500, 5000) == "$2,500"
