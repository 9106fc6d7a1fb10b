"""Anything can be set on top of what a file says, by name."""

from __future__ import annotations

from offhours.sim.market import brackets

from .asked import build


def test_anything_can_be_set_by_name() -> None:
    s = build(
        **{
            "group.tourists.count": "0",
            "group.tourists.leverage": '{ law = "choice", values = ["5x", "10x"] }',
            "group.funds.endowment.usd": "$2M",
            "gap.TSLAx.change": "-10 %",
            "perp.margin.leverage_max": 10,
            "TSLAx.perp.funding.cap": "1 %",
            "end": "2026-03-09 16:00",
        }
    )
    assert s.group("tourists").count == 0
    assert s.group("tourists").laws["leverage_milli"].canonical() == ["choice", [5_000, 10_000], [1.0, 1.0]]
    assert s.group("funds").usd.canonical() == ["constant", 2 * 10**12]
    assert s.gaps[0].change_ppb == -100_000_000
    assert list(s.rules[brackets.margin_rules]["leverage_max_milli"]) == [10_000] * 2
    assert s.rules.setting("perp.funding.cap", "TSLAx").text == "1 %"
    assert s.end_us < build().end_us


def test_changes_add_up_and_the_scenario_they_came_from_stays() -> None:
    s = build()
    one = s.with_changes({"group.tourists.count": 0})
    two = one.with_changes({"perp.margin.leverage_max": "10x", "group.tourists.count": 7})
    assert [x.group("tourists").count for x in (s, one, two)] == [200, 0, 7]
    assert s.with_changes({}) == s and "count = 200" in s.to_toml()
    assert dict(two.changes) == {"group.tourists.count": 7, "perp.margin.leverage_max": "10x"}
    assert [d.name for d in one.differences()] == ["perp.funding.cap", "perp.funding.cap"]
    assert [d.ticker for d in one.differences()] == ["TSLAx", "SPYx"]
