"""What a run is asked, worked by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from offhours.experiments.compare import paired
from offhours.experiments.metrics import funding, gaps, regime, solvency, welfare
from offhours.sim.declare import spec_of
from offhours.sim.market import accounts, bars, liquidation, margin, matching
from offhours.sim.market import funding as funding_room

HOUR_US = 3_600_000_000


def rates(*ppb: int, cap: int = 2_500_000, hours: int = 1) -> tuple[Any, Any]:
    """Funding rows of ticker 0, and its rules."""
    events = np.zeros(len(ppb), dtype=spec_of(funding_room.funding_events).dtype)
    events["rate_ppb"] = ppb
    rules = np.zeros(1, dtype=spec_of(funding_room.funding_rules).dtype)
    rules["interval_us"], rules["cap_ppb"] = hours * HOUR_US, cap
    return events, rules


def test_funding_in_basis_points_an_hour() -> None:
    """25 bp (the cap), 5 bp and 0: mean 10 bp an hour is 876 % a year; a third at the cap; sd sqrt(175) = 13.229."""
    found = funding.stability(rates(2_500_000, 500_000, 0)[0], 0, rates()[1])
    assert found["mean_bp"] == pytest.approx(10.0)
    assert found["annual_pct"] == pytest.approx(876.0)
    assert found["share_at_cap"] == pytest.approx(1 / 3)
    assert found["std_bp"] == pytest.approx(13.2288, abs=1e-4)


def test_a_rate_of_eight_hours_is_told_by_the_hour() -> None:
    """8 bp for eight hours are 1 bp an hour."""
    events, rules = rates(800_000, hours=8)
    assert funding.stability(events, 0, rules)["mean_bp"] == pytest.approx(1.0)


def test_no_funding_is_null_not_zero() -> None:
    """A quantity that is not there is null."""
    assert funding.stability(rates()[0], 0, rates()[1])["mean_bp"] is None


def ledger(**changes: Any) -> welfare.Ledger:
    """Two traders after eight houses; one ticker at $10.00 (1,000 ticks of a cent), lots of a hundredth of a share."""
    a = accounts.HOUSES + 2
    zero = np.zeros(a, dtype=np.int64)
    empty = welfare.Ledger(
        time_us=0,
        group=np.arange(a),
        usd_uusd=zero,
        broker_uusd=zero,
        tokens_ushares=zero.reshape(a, 1),
        shares_ushares=zero.reshape(a, 1),
        lots=zero.reshape(a, 1),
        owed_uusd=zero.reshape(a, 1),
        mark_ticks=np.array([1000]),
        unit_uusd=np.array([100]),
        tick_uusd=np.array([10_000]),
        flows=np.zeros((a, accounts.FLOWS), dtype=np.int64),
    )
    return replace(empty, **changes)


def column(**by_row: int) -> Any:
    """A column of a ledger: zero but for the rows named (o = outside, i = issuer, c = custodian, a and b = traders)."""
    rows = {"o": 0, "v": 1, "i": 4, "c": 5, "a": accounts.HOUSES, "b": accounts.HOUSES + 1}
    found = np.zeros(accounts.HOUSES + 2, dtype=np.int64)
    for name, value in by_row.items():
        found[rows[name]] = value
    return found


NOTHING = np.zeros((accounts.HOUSES + 2, 1), dtype=np.int64)


def test_a_perp_move_is_won_by_one_and_lost_by_the_other() -> None:
    """a is long 300 lots (3 shares) of b; the mark goes from $10 to $11, and b pays a fee of $0.25: +3.00, -3.25, +0.25."""
    before = ledger(lots=column(a=300, b=-300).reshape(-1, 1), usd_uusd=column(a=5_000_000, b=5_000_000, o=-10_000_000))
    after = replace(
        before, mark_ticks=np.array([1100]), usd_uusd=column(a=5_000_000, b=4_750_000, v=250_000, o=-10_000_000)
    )
    found = welfare.by_name(welfare.results(before, after, NOTHING), ["a", "b"])
    assert (found["a"], found["b"], found["venue fees"]) == (3_000_000, -3_250_000, 250_000)
    assert sum(found.values()) == 0


def test_a_deposit_is_no_result() -> None:
    """a sends for $7: richer, but nothing won."""
    before = ledger()
    flows = before.flows.copy()
    flows[accounts.HOUSES, accounts.DEPOSIT], flows[0, accounts.DEPOSIT] = 7_000_000, -7_000_000
    after = replace(before, usd_uusd=column(a=7_000_000, o=-7_000_000), flows=flows)
    assert welfare.results(before, after, NOTHING) == [0] * 10


def test_what_an_endowment_gains_by_itself_is_no_result_but_what_was_bought_is() -> None:
    """a was endowed with 2 tokens and has bought 1 more; at +$1 the result is $1, and the endowment has gained $2."""
    held = column(a=3_000_000, i=-3_000_000).reshape(-1, 1)
    custody = column(c=3_000_000, o=-3_000_000).reshape(-1, 1)
    before = ledger(tokens_ushares=held, shares_ushares=custody)
    after = replace(before, mark_ticks=np.array([1100]))
    base = column(a=2_000_000, o=-2_000_000, i=-2_000_000, c=2_000_000).reshape(-1, 1)
    found = welfare.results(before, after, base)
    assert found[accounts.HOUSES] == 1_000_000 and sum(found) == 0
    assert welfare.revaluation(before, after, base)[accounts.HOUSES] == 2_000_000 * 10**6


def test_crumbs_of_finer_steps_stay_with_the_outside_world() -> None:
    """A third of a micro-share moves by less than a micro-dollar: the sum is zero all the same."""
    held = column(a=33, b=67, i=-100).reshape(-1, 1)
    before = ledger(tokens_ushares=held, shares_ushares=column(c=100, o=-100).reshape(-1, 1))
    after = replace(before, mark_ticks=np.array([1001]))
    found = welfare.results(before, after, NOTHING)
    assert sum(found) == 0 and abs(found[0]) <= 10


def test_the_backstops_later_result_is_apart_from_what_it_paid() -> None:
    """It paid a shortfall of $4 and received an edge of $1; the rest, $2, is trading."""
    before = ledger()
    flows = before.flows.copy()
    flows[accounts.BACKSTOP, accounts.SHORTFALL], flows[accounts.BACKSTOP, accounts.TAKEOVER_EDGE] = -4, 1
    usd = before.usd_uusd.copy()
    usd[accounts.BACKSTOP], usd[accounts.HOUSES] = -1, 1
    assert welfare.takeover_result(before, replace(before, usd_uusd=usd, flows=flows), NOTHING) == 2


def test_the_gap_alone() -> None:
    """Class of 20x (5 % and 2.5 %): at -8 % a 20x long is bankrupt, a 10x long liquidated (2 % left of 9.2 %), a 5x safe."""
    a = accounts.HOUSES + 3
    lots = np.zeros((a, 1), dtype=np.int64)
    lots[accounts.HOUSES :, 0] = 1000
    equity = np.zeros(a, dtype=np.int64)
    worth = 1000 * 1000 * 100
    equity[accounts.HOUSES :] = [worth // 20, worth // 10, worth // 5]
    flows = np.zeros((a, accounts.FLOWS), dtype=np.int64)
    at_close = replace(
        ledger(),
        group=np.arange(a),
        usd_uusd=equity - worth * (np.arange(a) >= accounts.HOUSES),
        tokens_ushares=np.zeros((a, 1), dtype=np.int64),
        shares_ushares=np.zeros((a, 1), dtype=np.int64),
        lots=lots,
        owed_uusd=np.zeros((a, 1), dtype=np.int64),
        flows=flows,
    )
    tiers = np.zeros(margin.TIERS, dtype=spec_of(margin.tiers).dtype)
    tiers["from_uusd"] = margin.NO_TIER
    tiers[0] = (0, 50_000_000, 25_000_000, 0, 0)
    found = gaps.gap_alone(at_close, np.array([-0.08]), tiers, np.array([margin.MARGINAL]))
    assert found == {"liquidated_usd": 200.0, "bankrupt_usd": 100.0}


def test_maintenance_under_marginal_and_whole_tiers() -> None:
    """2.5 % up to $100, 5 % above. Of $300: marginal 2.5 + 10 = 12.5, whole 15."""
    tiers = np.zeros(margin.TIERS, dtype=spec_of(margin.tiers).dtype)
    tiers["from_uusd"] = margin.NO_TIER
    tiers[0] = (0, 50_000_000, 25_000_000, 0, 0)
    tiers[1] = (100_000_000, 100_000_000, 50_000_000, 5_000_000, 2_500_000)
    notional = np.array([300e6])
    assert gaps.maintenance_uusd(notional, tiers, margin.MARGINAL)[0] == pytest.approx(12.5e6)
    assert gaps.maintenance_uusd(notional, tiers, margin.WHOLE)[0] == pytest.approx(15e6)


def liquidated(*rows: tuple[int, int, int, int, int]) -> Any:
    """Liquidation rows: time in seconds, account, ticker, stage, dollars."""
    events = np.zeros(len(rows), dtype=spec_of(liquidation.liquidation_events).dtype)
    for event, (second, account, ticker, stage, dollars) in zip(events, rows):
        event["time_us"], event["account"], event["ticker"] = second * 10**6, account, ticker
        event["stage"], event["value_uusd"] = stage, dollars * 10**6
    return events


def test_liquidations_by_stage_and_soon_after_a_price() -> None:
    """A shortfall row is no liquidation; two of three dollars fell within ninety seconds of second 100."""
    events = liquidated((50, 1, 0, 1, 100), (150, 1, 0, 2, 50), (190, 2, 0, 3, 150), (190, 2, -1, 3, 0))
    found = solvency.liquidations(events)
    assert (found["count"], found["accounts"], found["notional_usd"]) == (3, 2, 300.0)
    assert found["by_stage"]["backstop vault"] == {"count": 1, "notional_usd": 150.0}
    assert sum(stage["count"] for stage in found["by_stage"].values()) == 3
    assert solvency.share_after(events, 100 * 10**6, 90 * 10**6) == pytest.approx(2 / 3)
    assert solvency.share_after(liquidated(), 0, 1) is None


def test_the_size_of_a_market_in_dollars() -> None:
    """One day of one ticker at $10: 500 lots of 0.01 open are $50; 100 lots a minute for ten minutes are $100 a day."""
    rows = np.zeros(1440, dtype=spec_of(bars.bars).dtype)
    rows["time_us"] = 1_772_800_000_000_000 + np.arange(1440) * 60_000_000
    rows["mark_ticks"], rows["interest_lots"], rows["impact_spread_ppb"] = 1000, 500, 600_000
    rows["perp_lots"] = np.minimum(np.arange(1440), 10) * 100
    for side in ("perp_bid_ticks", "perp_ask_ticks", "token_bid_ticks", "token_ask_ticks"):
        rows[side] = 1000
    rows["token_ask_ticks"][:144] = 0
    trades = np.zeros(0, dtype=spec_of(matching.trades).dtype)
    own = regime.numbers(rows, trades, 0, np.array([10_000]), np.array([100]))
    assert own["open_interest_usd"] == pytest.approx(50.0)
    assert own["daily_volume_usd"] == pytest.approx(100.0)
    assert own["daily_volume_share"] == pytest.approx(2.0)
    assert own["impact_spread_bp"] == pytest.approx(6.0)
    assert own["side_empty_share"] == pytest.approx(0.1)
    assert own["weekend_day_share"] is None
    beside = {row["what"]: row["inside"] for row in regime.beside("mature", own)}
    assert beside["impact_spread_bp"] is True and beside["daily_volume_share"] is False


def test_a_paired_interval() -> None:
    """Differences 1, 2, 3: mean 2, s.d. 1; t(0.975, 2) = 4.30265, so 2 -+ 4.30265 / sqrt(3) = -0.484 .. 4.484."""
    row = paired("x", "USD", [(10, 11), (20, 22), (30, 33)])
    assert (row.a, row.b, row.difference) == (20, 22, 2)
    assert row.low == pytest.approx(-0.48414, abs=1e-5) and row.high == pytest.approx(4.48414, abs=1e-5)
    assert not row.clear


def test_one_pair_has_no_interval() -> None:
    """A difference of two single runs says nothing about luck."""
    row = paired("x", "USD", [(1, 2)])
    assert (row.difference, row.low, row.high, row.clear) == (1, None, None, False)
