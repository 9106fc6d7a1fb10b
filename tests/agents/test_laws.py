"""Laws spread a knob over a group's members: stratified where totals matter, keyed by person everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from offhours.agents.laws import Pareto, draw, members, read_law, round_half_up
from offhours.sim.declare import Knob
from offhours.sim.given import Given, Origin
from offhours.sim.mistake import Mistake

SIZE = Knob("$500", "uusd", "$1", "$1B", "what an account begins with", basis="chosen: for a test")
LEVERAGE = Knob("20x", "leverage", "1x", "50x", "wanted leverage", basis="chosen: for a test")
MODE = Knob("cross", "choice", "", "", "margin mode", basis="chosen: for a test", choices=("cross", "isolated"))
TASTE = Knob("0.5", "real", "0", "1", "a plain number", basis="chosen: for a test")


def given(text: str) -> Given:
    return Given(text, Origin("scenario", "mine.toml"))


def law_of(value: Any, knob: Knob = SIZE, folder: Path | None = None) -> Any:
    return read_law(given(value) if isinstance(value, str) else value, knob, "group.tourists.size", "mine.toml", folder)


def drawn(value: Any, count: int, seed: int = 7, knob: Knob = SIZE, group: str = "tourists") -> np.ndarray[Any, Any]:
    return draw(law_of(value, knob), knob, "size", seed, members(group, count))


PARETO = {"law": "pareto", "exponent": "0.8", "median": "$500", "largest_share": "15 %"}


def test_a_plain_value_is_everybodys() -> None:
    assert list(drawn("$500", 3)) == [500_000_000] * 3
    assert drawn("$500", 3).dtype == np.int64


def test_every_seed_has_the_same_accounts_in_another_order() -> None:
    one, other = drawn(PARETO, 1000, seed=1), drawn(PARETO, 1000, seed=2)
    assert sorted(one) == sorted(other)
    assert list(one) != list(other)
    # Dealt out evenly: the largest account is somebody else's in most seeds.
    assert len({int(np.argmax(drawn(PARETO, 100, seed=s))) for s in range(20)}) > 10


def test_the_largest_account_holds_its_share_and_the_median_is_the_median() -> None:
    sizes = np.sort(drawn(PARETO, 2001))
    assert sizes[-1] / sizes.sum() == pytest.approx(0.15, abs=1e-6)
    assert sizes[1000] == 500_000_000


def test_quantiles_are_those_of_the_truncated_pareto_distribution() -> None:
    """F(x) = (1 - (L/x)^a) / (1 - (L/H)^a), at each stratum's middle."""
    law = Pareto(0.8, 500.0, 1.0)
    strata = law.strata(100)
    lowest = 500.0 / (1.0 - 0.5 * (1.0 - 1e12**-0.8)) ** (-1 / 0.8)
    probability = (1.0 - (lowest / strata) ** 0.8) / (1.0 - 1e12**-0.8)
    assert probability == pytest.approx((np.arange(100) + 0.5) / 100, rel=1e-9)


def test_without_truncation_where_the_share_is_small_anyway() -> None:
    steep = np.sort(drawn({"law": "pareto", "exponent": "3", "median": "$500"}, 1000))
    assert steep[-1] / steep.sum() < 0.02


def test_a_group_too_small_for_the_share_has_equal_members() -> None:
    assert list(drawn(PARETO, 5)) == [500_000_000] * 5
    assert list(drawn(PARETO, 1)) == [500_000_000]
    assert len(drawn(PARETO, 0)) == 0


def test_growing_a_group_leaves_independent_draws_unchanged() -> None:
    for law in (
        {"law": "uniform", "low": "$100", "high": "$900"},
        {"law": "lognormal", "median": "$500", "sigma": "0.6"},
        {"law": "choice", "values": ["$100", "$200", "$300"], "weights": ["1", "2", "1"]},
    ):
        assert list(drawn(law, 50)) == list(drawn(law, 80)[:50])
        assert list(drawn(law, 50)) != list(drawn(law, 50, group="locals"))


def test_growing_a_stratified_group_keeps_the_order_of_its_members() -> None:
    fewer, more = drawn(PARETO, 50), drawn(PARETO, 80)[:50]
    assert list(np.argsort(fewer)) == list(np.argsort(more))


def test_independent_draws_follow_their_law() -> None:
    """Means within 4 standard errors, n = 10,000."""
    n = 10_000
    uniform = drawn({"law": "uniform", "low": "$100", "high": "$900"}, n) / 1e6
    assert uniform.mean() == pytest.approx(500, abs=4 * 800 / 12**0.5 / n**0.5)
    assert uniform.min() >= 100 and uniform.max() <= 900
    logs = np.log(drawn({"law": "lognormal", "median": "$500", "sigma": "0.6"}, n) / 500e6)
    assert logs.mean() == pytest.approx(0, abs=4 * 0.6 / n**0.5)
    assert logs.std() == pytest.approx(0.6, abs=4 * 0.6 / (2 * n) ** 0.5)
    isolated = drawn({"law": "choice", "values": ["cross", "isolated"], "weights": ["3", "1"]}, n, knob=MODE)
    assert isolated.mean() == pytest.approx(0.25, abs=4 * (0.25 * 0.75 / n) ** 0.5)


def test_what_falls_outside_the_knobs_range_is_moved_to_its_edge() -> None:
    wide = drawn({"law": "lognormal", "median": "20x", "sigma": "2"}, 200, knob=LEVERAGE)
    assert wide.min() == 1_000 and wide.max() == 50_000


def test_real_knobs_stay_floats() -> None:
    taste = drawn({"law": "uniform", "low": "0.2", "high": "0.4"}, 100, knob=TASTE)
    assert taste.dtype == np.float64 and 0.2 <= taste.min() < taste.max() <= 0.4


def test_a_file_gives_its_rows_and_begins_again(tmp_path: Path) -> None:
    (tmp_path / "accounts.csv").write_text("name,equity\na,$100\nb,$250.50\n")
    law = read_law({"file": "accounts.csv", "column": "equity"}, SIZE, "group.tourists.size", "mine.toml", tmp_path)
    assert list(draw(law, SIZE, "size", 7, members("tourists", 5))) == [10**8, 250_500_000, 10**8, 250_500_000, 10**8]
    listed = {"law": "list", "values": ["$100", "$250.50"]}
    assert list(drawn(listed, 5)) == list(draw(law, SIZE, "size", 7, members("tourists", 5)))
    with pytest.raises(Mistake, match=r"there is no column 'equty'; did you mean equity\?"):
        read_law({"file": "accounts.csv", "column": "equty"}, SIZE, "x", "mine.toml", tmp_path)
    with pytest.raises(Mistake, match=r"none.csv: x: cannot be read: No such file"):
        read_law({"file": "none.csv", "column": "equity"}, SIZE, "x", "mine.toml", tmp_path)


def test_rounding_is_to_the_nearest() -> None:
    assert list(round_half_up(np.array([0.4999, 0.5, -0.5, 1e15 + 0.5]))) == [0, 1, 0, 10**15 + 1]
    assert round_half_up(np.array([0.49999999999999994]))[0] == 0


MISTAKES = [
    ({"law": "paretto"}, "there is no law 'paretto'; there are pareto, uniform, lognormal, choice, list; did"),
    ({"law": "pareto", "median": "$5"}, "the law 'pareto' needs 'exponent'"),
    ({**PARETO, "medain": "$5"}, "the law 'pareto' has no 'medain'; did you mean median?"),
    ({**PARETO, "median": "5 %"}, "'5 %' is not an amount of money"),
    ({**PARETO, "exponent": "-1"}, "group.tourists.size.exponent = '-1': lies between 0.05 and 20"),
    ({"law": "uniform", "low": "$9", "high": "$5"}, "group.tourists.size.high = '$5': is below low"),
    ({"law": "choice", "values": ["$9"], "weights": ["1", "2"]}, "has one number for each of the 1 values"),
    ({"law": "choice", "values": []}, "is a list like"),
    ({"law": "uniform", "low": "$0.01", "high": "$5"}, "'$0.01' is not between $1 and $1B"),
    ("$2B", "'$2B' is not between $1 and $1B"),
]


@pytest.mark.parametrize(("value", "sentence"), MISTAKES)
def test_each_mistake_is_one_sentence(value: Any, sentence: str) -> None:
    with pytest.raises(Mistake) as mistake:
        law_of(value)
    assert str(mistake.value).startswith("mine.toml: group.tourists.size")
    assert sentence in str(mistake.value)


def test_words_take_no_law_but_choice() -> None:
    with pytest.raises(Mistake, match="takes a value or the law 'choice', not the law 'uniform'"):
        law_of({"law": "uniform", "low": "cross", "high": "isolated"}, MODE)
