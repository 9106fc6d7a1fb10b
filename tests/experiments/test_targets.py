"""Targets: what is written, what it is set beside, and when it is a miss."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from offhours.experiments.metrics import cascades
from offhours.experiments.scenario import read_scenario, scenario
from offhours.experiments.targets import Target, came_to, judge, lines, page_part, read_bound, shown, table, to_json
from offhours.sim.mistake import Mistake

SHARE = Target("adl.over_liquidated", 0.25, 0.5, "a paper")
GINI = Target("cascade.deleveraging.gini", 0.9, None, "the same paper")


def summaries(*shares: float | None) -> list[dict[str, Any]]:
    """Summaries of runs in which so much of what was liquidated was closed by auto-deleveraging."""
    return [{"adl": None if share is None else {"over_liquidated": share}} for share in shares]


def test_the_median_of_the_runs_is_set_beside_the_target() -> None:
    """Of .1, .3, .6 the median is .3, inside 25 to 50 %; with .7 and .8 beside them it is .6, outside."""
    assert judge([SHARE], summaries(0.6, 0.1, 0.3))[0].median == 0.3
    assert judge([SHARE], summaries(0.6, 0.1, 0.3))[0].hit
    assert not judge([SHARE], summaries(0.6, 0.1, 0.3, 0.7, 0.8))[0].hit


def test_the_bounds_belong_to_the_target() -> None:
    assert judge([SHARE], summaries(0.25))[0].hit
    assert judge([SHARE], summaries(0.5))[0].hit
    assert not judge([SHARE], summaries(0.2499))[0].hit


def test_a_number_that_most_runs_do_not_have_misses() -> None:
    """Where nobody is deleveraged there is no share, and one run of three in which it is right is no hit."""
    assert not judge([SHARE], summaries(None, None, 0.3))[0].hit
    assert not judge([SHARE], summaries(None, None))[0].hit
    assert judge([SHARE], summaries(None, 0.4, 0.3))[0].hit
    assert came_to(judge([SHARE], summaries(None, 0.4, 0.3))[0]) == "35 %, in 2 of 3"


def test_bounds_are_written_as_people_write_them() -> None:
    assert read_bound("adl.over_liquidated", "25 %") == pytest.approx(0.25)
    assert read_bound("cascade.first_adl_after_s", "3 min") == pytest.approx(180)
    assert read_bound("cascade.deleveraging.median_leverage", "1x") == pytest.approx(1)
    assert shown("cascade.first_adl_after_s", 61.7) == "61.7 s"
    assert GINI.wanted == "above 0.9"
    assert SHARE.wanted == "25 % to 50 %"


def test_other_venues_stand_beside_it_without_a_verdict() -> None:
    by_venue = {"hyperliquid": summaries(0.3, 0.4), "kraken": summaries(0.9, 0.8)}
    assert table([SHARE], by_venue)[1][1:] == ["25 % to 50 %", "hit", "35 %", "85 %"]
    assert lines([SHARE], by_venue)[-1].endswith("targets are of hyperliquid, beside it without a target: kraken")
    assert "MISS" in page_part([SHARE], {"hyperliquid": summaries(0.9)})
    assert "a paper" in page_part([SHARE], by_venue)
    assert to_json([SHARE], summaries(0.3))[0]["hit"]


def test_a_target_is_no_part_of_the_market() -> None:
    """The same digest with and without; at another rulebook there is none; what is written wrongly is refused by name."""
    written = scenario("october-10")
    assert len(written.targets) == 5
    assert written.at_venue("kraken").targets == ()
    assert written.at_venue("hyperliquid").targets == written.targets
    text = written.to_toml()
    assert read_scenario(text, "october-10.toml").targets == written.targets
    without = text[: text.index("[[target]]")]
    assert read_scenario(without, "october-10.toml").digest == written.digest
    for wrong, said in (
        ('metric = "adl.over_liquidatd"\nlow = "1 %"\nsource = "x"', "adl.over_liquidated"),
        ('metric = "adl.over_liquidated"\nsource = "x"', "a low, a high, or both"),
        ('metric = "adl.over_liquidated"\nlow = "2 s"\nsource = "x"', "2 s"),
        ('metric = "adl.over_liquidated"\nlow = "50 %"\nhigh = "25 %"\nsource = "x"', "in this order"),
    ):
        with pytest.raises(Mistake, match=said):
            read_scenario(f"{without}\n[[target]]\n{wrong}\n", "october-10.toml")


def test_leverage_and_profit_are_those_before_an_account_was_first_reduced() -> None:
    """Account 30 was cut twice: first at 2x in profit, then at 9x with a loss. Account 31 at 0.5x with a loss. So the median
    is 1.25x, and one of two was in profit."""
    fields = ("time_us", "ticker", "for_account", "account", "lots", "value_uusd", "mark_ticks", "equity_uusd", "notional_uusd", "profit_uusd", "gross_uusd", "token_ushares")  # fmt: skip
    cuts = np.zeros(3, dtype=[(name, "i8") for name in fields])
    cuts["time_us"] = [1, 2, 3]
    cuts["account"] = [30, 30, 31]
    cuts["lots"], cuts["value_uusd"], cuts["mark_ticks"], cuts["notional_uusd"] = -1, -100, 100, 100
    cuts["equity_uusd"], cuts["gross_uusd"], cuts["profit_uusd"] = [100, 100, 100], [200, 900, 50], [10, -10, -10]
    liquidations = np.zeros(0, dtype=[("time_us", "i8"), ("account", "i8"), ("ticker", "i8"), ("stage", "i8"), ("equity_uusd", "i8")])  # fmt: skip
    found = cascades.deleveraging(liquidations, cuts, np.array([1]))
    assert found is not None
    assert (found["median_leverage"], found["in_profit"]) == (1.25, 0.5)
