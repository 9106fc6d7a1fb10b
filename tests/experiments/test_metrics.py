"""What a run is asked, worked by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from offhours.experiments.compare import paired
from offhours.experiments.metrics import basis, cascades, funding, gaps, regime, solvency, welfare
from offhours.experiments.tables import PHASES
from offhours.sim.declare import spec_of
from offhours.sim.market import (
    accounts,
    bars,
    book,
    brackets,
    deleverage,
    liquidation,
    matching,
    oracle,
    waterfall,
)
from offhours.sim.market import funding as funding_room
from plain.market import CLASS_D, market

HOUR_US = 3_600_000_000


def rates(*ppb: int, cap: int = 2_500_000, hours: int = 1) -> tuple[Any, Any]:
    """Funding rows of ticker 0, and its rules."""
    events = np.zeros(len(ppb), dtype=spec_of(funding_room.funding_events).dtype)
    events["rate_ppb"] = ppb
    rules = np.zeros(1, dtype=spec_of(funding_room.funding_rules).dtype)
    rules["interval_us"], rules["cap_ppb"] = hours * HOUR_US, cap
    events["interval_us"] = hours * HOUR_US
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
    assert welfare.results(before, after, NOTHING) == [0] * (accounts.HOUSES + 2)


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
    tiers = np.zeros(brackets.TIERS, dtype=spec_of(brackets.tiers).dtype)
    tiers["from_uusd"] = brackets.NO_TIER
    tiers[0] = (0, 50_000_000, 25_000_000, 0, 0)
    found = gaps.gap_alone(
        at_close, np.array([-0.08]), gaps.Schedule(tiers, np.array([brackets.MARGINAL]), np.zeros(1))
    )
    assert found == {"liquidated_usd": 200.0, "bankrupt_usd": 100.0}
    # Where each lot adds 0.02 % they need 22.5 % of 92: a 5x long has 12 of 20.7 and is liquidated, too (TIER-2).
    found = gaps.gap_alone(
        at_close, np.array([-0.08]), gaps.Schedule(tiers, np.array([brackets.SIZE_LINEAR]), np.array([200_000.0]))
    )
    assert found == {"liquidated_usd": 300.0, "bankrupt_usd": 100.0}


def test_maintenance_under_tiers_of_each_form() -> None:
    """2.5 % up to $100, 5 % above. Of $300: marginal 2.5 + 10 = 12.5, whole 15; with 0.1 % a lot 6 % for ten, all of it for 10,000."""
    tiers = np.zeros(brackets.TIERS, dtype=spec_of(brackets.tiers).dtype)
    tiers["from_uusd"] = brackets.NO_TIER
    tiers[0] = (0, 50_000_000, 25_000_000, 0, 0)
    tiers[1] = (100_000_000, 100_000_000, 50_000_000, 5_000_000, 2_500_000)
    value, lots = np.array([300e6, 300e6]), np.array([10, 10_000])
    for form, slope, expected in (
        (brackets.MARGINAL, 1e6, [12.5e6, 12.5e6]),
        (brackets.WHOLE, 1e6, [15e6, 15e6]),
        (brackets.SIZE_LINEAR, 1e6, [18e6, 300e6]),
        (brackets.SIZE_LINEAR, 0.0, [15e6, 15e6]),
    ):
        schedule = gaps.Schedule(tiers, np.array([form]), np.array([slope]))
        assert schedule.maintenance_uusd(0, value, lots) == pytest.approx(expected)


def test_what_if_margin_is_the_markets() -> None:
    """TIER-1, TIER-2: the margin of a what-if question is the kernel's, which rounds up, for each form and many positions."""
    for form in (brackets.MARGINAL, brackets.WHOLE, brackets.SIZE_LINEAR):
        knobs = {(brackets.margin_rules, "form"): form, (brackets.margin_rules, "slope_ppb"): 5_000_000}
        sim = market(knobs=knobs, tiers=CLASS_D)
        schedule = gaps.Schedule.of(
            *(sim.memory[table] for table in (brackets.tiers, brackets.margin_rules, book.book_rules))
        )
        for lots in (1, 99, 101, 30_000, 700_000):
            value = int(oracle.value_at_mark(sim.world, 0, lots))
            found = schedule.maintenance_uusd(0, np.array([value]), np.array([lots]))[0]
            assert found == pytest.approx(int(brackets.maintenance(sim.world, 0, value)), abs=8 + value * 1e-9)


def liquidated(*rows: tuple[int, int, int, int, int]) -> Any:
    """Liquidation rows: time in seconds, account, ticker, stage, dollars."""
    events = np.zeros(len(rows), dtype=spec_of(liquidation.liquidation_events).dtype)
    for event, (second, account, ticker, stage, dollars) in zip(events, rows):
        event["time_us"], event["account"], event["ticker"] = second * 10**6, account, ticker
        event["stage"], event["value_uusd"] = stage, dollars * 10**6
    return events


def test_liquidations_by_stage_and_soon_after_a_price() -> None:
    """A shortfall row is no liquidation; two of three dollars fell within ninety seconds of second 100."""
    events = liquidated((50, 1, 0, 1, 100), (150, 1, 0, 2, 50), (190, 2, 0, 5, 150), (190, 2, -1, 5, 0))
    found = solvency.liquidations(events, (1, 2, 5))
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


# Funding and basis ---------------------------------------------------------------------------------------------------


def test_moments_of_funding_by_hand() -> None:
    """0, 0, 0, 4 bp: mean 1, variance 3 (of all), skew (3 (-1)^3 + 27) / 4 / 3^1.5 = 6 / 5.196, kurtosis (3 + 81) / 4 / 9 = 7/3."""
    found = funding.stability(rates(0, 0, 0, 400_000)[0], 0, rates()[1])
    assert found["std_bp"] == pytest.approx(2.0)
    assert found["skew"] == pytest.approx(6 / 3**1.5)
    assert found["excess_kurtosis"] == pytest.approx(7 / 3 - 3)
    assert found["acf"] == {"1": None, "2": None, "8": None, "24": None}
    assert found["share_at_interest"] is None


def test_a_rate_that_swings_changes_its_sign_each_time() -> None:
    """+1, -1 twelve times: sign changes always; at lag 1 eleven products of -1 over twelve of 1, at lag 2 ten of +1."""
    swing = np.array([1, -1] * 6) * 100_000
    found = funding.stability(rates(*swing)[0], 0, rates()[1])
    assert found["sign_changes"] == 1.0
    assert found["acf"]["1"] == pytest.approx(-11 / 12) and found["acf"]["2"] == pytest.approx(10 / 12)
    assert funding.sign_changes(np.array([3, 0, 2, -1, 0, -5])) == pytest.approx(1 / 3)


def test_who_paid_the_carry() -> None:
    """100 lots of 0.1 share at $50 are $500: an hour at +12 bp costs longs $0.60, half an hour at -24 bp costs shorts $0.60."""
    rows = np.zeros(90, dtype=spec_of(bars.bars).dtype)
    rows["index_usd"], rows["interest_lots"] = 50.0, 100
    rows["rate_ppb"][:60], rows["rate_ppb"][60:] = 1_200_000, -2_400_000
    found = funding.carry(rows, 0, rates()[1], 100_000)
    assert found == {
        "longs_usd": pytest.approx(0.6),
        "shorts_usd": pytest.approx(0.6),
        "longs_net_usd": pytest.approx(0, abs=1e-12),
    }


def test_basis_by_phase() -> None:
    """Perp mids of $10.10 and $9.90 around an index of $10: 1 % both ways in regular hours; asleep no stock to be beside."""
    rows = np.zeros(4, dtype=spec_of(bars.bars).dtype)
    rows["phase"], rows["stock_visible"] = [0, 0, 4, 4], [1, 1, 0, 0]
    rows["index_usd"], rows["stock_usd"] = 10.0, 10.0
    rows["perp_bid_ticks"], rows["perp_ask_ticks"] = [1009, 989, 1029, 0], [1011, 991, 1031, 1031]
    found = basis.by_phase(rows, PHASES, 0.01)
    assert found["over_index_pct"] == {"regular": pytest.approx(1.0), "weekend": pytest.approx(3.0)}
    assert found["over_stock_pct"] == {"regular": pytest.approx(1.0)}


def test_the_half_life_of_a_distance_that_halves_in_ten_minutes() -> None:
    """Each minute 2^-0.1 of the one before; a distance kicked anew each hundred minutes, those minutes left out."""
    one = 2.0 ** (-0.1 * np.arange(100))
    values = np.concatenate((one, -one))
    inside = np.ones(200, dtype=bool)
    inside[100] = False
    # The kick is left out, so that within each half the slope is exact; the two halves mirror each other.
    found = basis.half_life_minutes(values, inside)
    assert found == pytest.approx(10.0, rel=0.01)
    assert basis.half_life_minutes(values[:20], inside[:20]) is None


# Gaps ----------------------------------------------------------------------------------------------------------------


def minutes(marks: list[int], stock: list[float], visible: list[int]) -> Any:
    """Bars of ticker 0 from instant 0, a minute each; ticks of a cent."""
    rows = np.zeros(len(marks), dtype=spec_of(bars.bars).dtype)
    rows["time_us"] = np.arange(len(marks)) * 60_000_000
    rows["mark_ticks"], rows["stock_usd"], rows["stock_visible"] = marks, stock, visible
    return rows


def test_a_mark_is_wrong_while_one_can_see_that_it_is() -> None:
    """Of six minutes with a price three are more than 0.25 % off, at most 5 %; the two before it do not count."""
    rows = minutes([1100, 1100, 950, 950, 1000, 1003, 1002, 998], [10.0] * 8, [0, 0] + [1] * 6)
    found = gaps.mark_wrong(rows, 0, 0.01)
    assert (found["mark_wrong_minutes"], found["mark_seen_minutes"]) == (3.0, 6.0)
    assert found["mark_furthest_pct"] == pytest.approx(5.0)
    blind = gaps.mark_wrong(rows[:2], 0, 0.01)
    assert blind == {"mark_wrong_minutes": None, "mark_seen_minutes": 0.0, "mark_furthest_pct": None}


def test_mark_and_stock_agree_when_they_stay_near_for_five_minutes() -> None:
    """Near at minute 1 for one minute only; from minute 4 on for good, two minutes after the first price."""
    marks = [1000, 1000, 950, 950, 1001, 1002, 1000, 1000, 999]
    rows = minutes(marks, [10.0] * 9, [0, 0] + [1] * 7)
    assert gaps.minutes_apart(rows, 0, 120_000_000, 0.01) == 2.0
    assert gaps.minutes_apart(rows[:6], 0, 120_000_000, 0.01) is None


def test_what_the_perp_had_not_known() -> None:
    """Its mark was $10.00 a minute before a price of $9.20: 8 % down."""
    rows = minutes([1100, 1000, 920], [11.0, 11.0, 9.2], [0, 0, 1])
    assert gaps.miss_pct(rows, 0, 120_000_000, 9.2, 0.01) == pytest.approx(-8.0)
    assert gaps.miss_pct(rows, 0, 0, 9.2, 0.01) is None
    assert gaps.at_close_usd(rows, 0, 120_000_000) == 9.2 and gaps.at_close_usd(rows, 0, 60_000_000) is None


def test_a_half_width_that_covers_the_next_open_too() -> None:
    """Of 19 misses the ceil(20 x .95) = 19th: the largest. Of 18 none can promise it. Of 39 the 38th."""
    assert gaps.half_width_pct(np.arange(-19.0, 0.0)) == 19.0
    assert gaps.half_width_pct(np.arange(18.0)) is None
    assert gaps.half_width_pct(np.arange(39.0)) == 37.0


def test_the_drawdown_of_a_fund() -> None:
    """5, 9, 4, 6, 3, 12: from 9 to 3."""
    assert gaps.drawdown(np.array([5, 9, 4, 6, 3, 12])) == 6.0 and gaps.drawdown(np.array([1, 2])) == 0.0


@pytest.mark.parametrize(("level", "quantile", "shortfall"), [(0.99, 27.28488, 58.2109), (0.999, 94.28955, 191.3697), (0.9999, 304.62444, 609.3695)])  # fmt: skip
def test_the_tail_of_danish_fires(level: float, quantile: float, shortfall: float) -> None:
    """2,167 fire losses, 109 above 10 million kroner, xi .4968062, beta 6.9745513: the output of R's evir (McNeil 1997)."""
    found = gaps.beyond(10.0, 0.4968062, 6.9745513, 2167, 109, level)
    assert found["quantile"] == pytest.approx(quantile, rel=1e-5)
    assert found["expected_shortfall"] == pytest.approx(shortfall, rel=1e-5)


def test_a_tail_by_counting() -> None:
    """Of 10 losses 0 .. 9 the worst fifth is 9 and 8: mean 8.5; a quarter is 2.5 of them: (9 + 8 + 7 / 2) / 2.5 = 8.2."""
    losses = np.arange(10.0)
    assert gaps.tail(losses, 0.8) == {"n": 10, "level": 0.8, "method": "counted", "quantile": 8.0, "expected_shortfall": pytest.approx(8.5)}  # fmt: skip
    assert gaps.tail(losses, 0.75)["expected_shortfall"] == pytest.approx(8.2)
    assert gaps.tail(losses, 0.99)["expected_shortfall"] is None and gaps.tail(np.zeros(0))["n"] == 0


def test_a_tail_by_its_law() -> None:
    """2,000 quantiles of the Pareto law with xi = 0.25, beta = 1: ES(99 %) = (x + 1) / 0.75 with x = 4 (100^.25 - 1)."""
    losses = 4.0 * ((1.0 - (np.arange(2000) + 0.5) / 2000) ** -0.25 - 1.0)
    found = gaps.tail(losses)
    exact = 4.0 * (100**0.25 - 1.0)
    assert found["method"] == "generalised Pareto" and found["n"] == 2000
    assert found["quantile"] == pytest.approx(exact, rel=0.02)
    assert found["expected_shortfall"] == pytest.approx((exact + 1.0) / 0.75, rel=0.05)


# Cascades ------------------------------------------------------------------------------------------------------------

S = 1_000_000
CASE_EVENTS = spec_of(liquidation.case_events).dtype
CENT = np.array([0.01, 0.01])


def forced(*rows: tuple[float, int, int, int, int, int]) -> Any:
    """Forced trades: second, account, ticker, lots (positive: a long was closed), dollars, mark in cents."""
    events = np.zeros(len(rows), dtype=spec_of(liquidation.liquidation_events).dtype)
    for event, (second, account, ticker, lots, dollars, mark) in zip(events, rows):
        event["time_us"], event["account"], event["ticker"] = round(second * S), account, ticker
        event["stage"], event["lots"], event["value_uusd"], event["mark_ticks"] = 1, lots, dollars * 10**6, mark
    return events


def opened(*rows: tuple[float, int, int, int, int]) -> Any:
    """Openings of cases: second, account, ticker, mark and index in cents."""
    events = np.zeros(len(rows), dtype=CASE_EVENTS)
    for event, (second, account, ticker, mark, index) in zip(events, rows):
        event["time_us"], event["account"], event["ticker"] = round(second * S), account, ticker
        event["event"], event["mark_ticks"], event["index_ticks"] = liquidation.OPENED, mark, index
    return events


STORY = forced(
    (10.1, 1, 0, 5, 600, 1000), (11.1, 1, 0, 5, 200, 990), (12.1, 2, 0, 5, 200, 980), (13.1, 3, 0, 5, 100, 970),
    (13.1, 4, 0, -5, 50, 970), (13.1, 5, 1, 5, 70, 500), (30.1, 6, 0, 5, 300, 960), (31.1, 7, 0, 5, 100, 965),
)  # fmt: skip
"""Two waves: account 1 is liquidated by news and pushes 2, both push 3; 4 is short and 5 in another ticker, so neither is
forced by them; after a pause 6 begins a wave, and 7 follows though the mark has risen."""
OPENINGS = opened((10, 1, 0, 1000, 1000), (12, 2, 0, 980, 990), (13, 3, 0, 970, 980), (13, 4, 0, 970, 980), (13, 5, 1, 500, 500), (30, 6, 0, 960, 965), (31, 7, 0, 965, 965))  # fmt: skip


def story(calm: Any = None) -> tuple[Any, Any, Any]:
    acts = cascades.acts_of(STORY)
    cases = cascades.cases_of(acts, OPENINGS, CENT)
    return cases, acts, cascades.force(cases, acts, calm)


def test_waves_end_with_a_pause_of_five_seconds() -> None:
    """5 s apart is one wave, a little more is two."""
    assert cascades.wave_numbers(np.array([0, 5 * S, 10 * S + 1, 11 * S])).tolist() == [0, 0, 1, 1]
    cases, acts, _ = story()
    first, second = cascades.waves_table(acts, cases)
    assert (first["seconds"], first["cases"], first["liquidated_usd"], first["adl_usd"]) == (3.0, 5, 1220.0, None)
    assert (second["seconds"], second["cases"], second["liquidated_usd"]) == (1.0, 2, 400.0)


def test_who_was_forced_by_others() -> None:
    """Two of seven cases: 2 and 3. Of the move beyond the first trade, the index took half for 2 and two thirds for 3."""
    cases, _, found = story()
    assert cases["account"].tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert found.forced.tolist() == [0, 1, 1, 0, 0, 0, 0]
    assert found.wave.tolist() == [0, 0, 0, 0, 0, 1, 1]
    assert found.token_share[1:3] == pytest.approx([0.5, 2 / 3])
    told = cascades.branching(found, repair_share=0.2)
    assert told["ratio"] == pytest.approx(2 / 7) and told["standard_error"] == pytest.approx((2 / 7 * 5 / 7 / 5) ** 0.5)
    assert told["by_path"]["token book"] == pytest.approx(2 / 7 * 0.8 * (0.5 + 2 / 3) / 2)
    assert sum(told["by_path"].values()) == pytest.approx(2 / 7)
    assert cascades.branching(found)["by_path"]["broken hedge"] is None


def test_what_the_news_would_have_done_by_then_is_not_forced() -> None:
    """Without liquidations the mark came to $9.80 within the hour: as far as for 2; for 3 it went $0.10 of $0.30 further."""
    path = cascades.Path(
        np.array([0, 60, 3600, 3660]) * S, np.array([9.9, 9.8, 9.85, 9.0]), np.array([9.9, 9.85, 9.9, 9.0])
    )
    _, _, found = story({0: path, 1: path})
    assert found.forced.tolist() == pytest.approx([0, 0, 1 / 3, 0, 0, 0, 0])
    assert found.ratio == pytest.approx(1 / 21)
    # Beyond $9.80 and its index of $9.85: index $0.05, and the distance from it went from -0.05 to -0.10.
    assert found.token_share[2] == pytest.approx(0.5)
    assert found.beside_calm


def test_cases_without_their_table_begin_with_an_account_s_first_trade() -> None:
    """Trades of account 1 a second apart are one case; a trade two minutes later is another."""
    acts = cascades.acts_of(
        forced((1, 1, 0, 5, 10, 1000), (2, 1, 0, 5, 10, 990), (122.5, 1, 0, 5, 10, 980), (3, 1, -1, 0, 0, 0))
    )
    cases = cascades.cases_of(acts, None, CENT)
    assert cases["time_us"].tolist() == [S, round(122.5 * S)] and cases["value_uusd"].tolist() == [20 * S, 10 * S]
    assert np.isnan(cases["index_usd"]).all()
    acts = cascades.acts_of(STORY)
    told = cascades.branching(cascades.force(cascades.cases_of(acts, None, CENT), acts))
    assert told["forced"] == 2 and set(told["by_path"].values()) == {None}


def test_news_and_dominoes() -> None:
    """Furthest at minute 2: -10, of which -8 is news; four minutes later only 0.5 of the 2 are left. Apart by 3 at minute 1."""
    after_us = np.array([-1, 0, 1, 2, 3, 6, 241]) * 60 * S
    moved = np.array([-20.0, -4, -9, -10, -9.5, -7.5, -30])
    calm = np.array([-1.0, -4, -6, -8, -8.0, -7.0, 0])
    found = cascades.dominoes(after_us, moved, calm)
    assert found == {"news_pct": -8.0, "liquidations_pct": -2.0, "after_minutes": 2.0, "gave_back_pct": 1.5, "gave_back_hours": pytest.approx(4 / 60), "most_apart_pct": -3.0, "most_apart_minutes": 1.0}  # fmt: skip
    assert cascades.dominoes(after_us[:2], moved[:2], calm[:2]) is None


def test_the_graph_of_who_forced_whom() -> None:
    """2 was forced by 1 alone; 3 by 1 with $800 and 2 with $200 of the $1,000 before it."""
    cases, acts, found = story()
    drawn = cascades.graph(cases, acts, found)
    assert {(a, b): pytest.approx(of["share"]) for a, b, of in drawn.edges(data=True)} == {(0, 1): 1.0, (0, 2): 0.8, (1, 2): 0.2}  # fmt: skip
    assert sorted(n for n, of in drawn.nodes(data=True) if of["forced"]) == [1, 2]
    assert set(cascades.graph(cases, acts, found, wave=1).nodes) == {5, 6}
    assert set(cascades.graph(cases, acts, found, most=2).nodes) == {0, 5}


def test_those_who_were_pushed_come_with_those_who_pushed_them() -> None:
    """Of two places one is for the case that was forced most, one for the case whose trades did most of it."""
    cases, acts, found = story()
    wave = int(found.wave[1])
    weight = found.forced * cases["value_uusd"]
    most = int(np.argmax(np.where(found.wave == wave, weight, 0)))
    assert weight[most] > 0
    assert set(cascades.pushed(cases, acts, found, wave, most=2)) == {0, most}, "0 came first, with most dollars"
    everybody = cascades.pushed(cases, acts, found, wave)
    assert everybody == sorted(np.flatnonzero(found.wave == wave).tolist())
    assert set(cascades.graph(cases, acts, found, of=[0, most]).nodes) == {0, most}


def test_contagion_between_tickers() -> None:
    """An account whose heaviest ticker is 0 sold $60 of it and $40 of ticker 1: $40 of all $110 spread."""
    acts = cascades.acts_of(forced((1, 1, 0, 5, 60, 1000), (2, 1, 1, 5, 40, 500), (3, 2, 1, 5, 10, 490)))
    cases = cascades.cases_of(acts, opened((1, 1, 0, 1000, 1000), (3, 2, 1, 490, 490)), CENT)
    matrix = cascades.contagion(cases, acts, 2)
    assert matrix.tolist() == [[60.0, 40.0], [0.0, 10.0]]
    assert cascades.spread_share(matrix) == pytest.approx(40 / 110)


def test_gini() -> None:
    """All the same: 0. One of four has it all: 3/4. 1, 2, 3: (2 x (1 x 1 + 2 x 2 + 3 x 3) - 4 x 6) / (3 x 6) = 4 / 18."""
    assert cascades.gini(np.array([2, 2, 2])) == pytest.approx(0.0)
    assert cascades.gini(np.array([0, 0, 0, 5])) == pytest.approx(0.75)
    assert cascades.gini(np.array([3, 1, 2])) == pytest.approx(4 / 18) and cascades.gini(np.zeros(3)) is None


CUTS = spec_of(deleverage.deleverage_events).dtype


def test_what_auto_deleverage_took() -> None:
    """Account 1, long, is bankrupt by $30 at a mark of $9.00. Shorts 8 and 9 buy back 100 lots of a share at $9.30 together.

    They lose $0.30 a share against the mark: 75 + 25 shares, $22.50 + $7.50 = $30, what was needed. Profits were $100 and $20:
    the largest left is 100 - 22.50 = 77.50; over the $30 taken 2.583; one deficit, so both ratios agree. 9 held 25 tokens.
    """
    cuts = np.zeros(2, dtype=CUTS)
    cuts["time_us"], cuts["for_account"], cuts["account"] = 20 * S, 1, [8, 9]
    cuts["lots"], cuts["mark_ticks"], cuts["value_uusd"] = [-75, -25], 900, [697_500_000, 232_500_000]
    cuts["notional_uusd"], cuts["profit_uusd"] = [900_000_000, 225_000_000], [100_000_000, 20_000_000]
    cuts["token_ushares"] = [0, 25_000_000]
    acts = forced((18, 1, 0, 10, 500, 950), (20, 1, 0, 100, 930, 900))
    acts["equity_uusd"][1], acts["stage"][1] = -30_000_000, waterfall.DELEVERAGED
    cuts["gross_uusd"], cuts["equity_uusd"] = [900_000_000, 225_000_000], [600_000_000, 900_000_000]
    found = cascades.deleveraging(acts, cuts, np.array([10_000]))
    assert found == {
        "median_leverage": pytest.approx((1.5 + 0.25) / 2),
        "in_profit": 1.0,
        "waves": 1,
        "largest_cut": pytest.approx(1.0),
        "gini": pytest.approx(0.25),
        "top_share": pytest.approx(0.75),
        "ptsr": pytest.approx(77.5 / 30),
        "pmr": pytest.approx(77.5 / 30),
        "needed_usd": 30.0,
        "taken_usd": 30.0,
        "overshoot_usd": 0.0,
        "hedges_broken": 1,
        "hedges_broken_usd": 232.5,
    }
    better = cuts.copy()
    better["value_uusd"] = [600_000_000, 232_500_000]
    assert cascades.taken_uusd(better, np.array([10_000])).tolist() == [0, 7_500_000]
    assert cascades.first_after_s(acts, cuts) == (2.0, 1, 2.0)
    earlier = forced((18 - 61, 1, 0, 1, 1, 950), (18, 1, 0, 10, 500, 950), (20, 1, 0, 100, 930, 900))
    assert cascades.first_after_s(earlier, cuts) == (63.0, 2, 2.0)
    assert (
        cascades.deleveraging(acts, cuts[:0], np.array([10_000])) is None
        and cascades.first_after_s(acts, cuts[:0]) is None
    )


def test_the_mark_furthest_from_a_close_is_told_with_its_sign() -> None:
    """100 at the close, then 103, 92 and 99 at the open: -8 %. What comes after the open, or of another ticker, does not count."""
    fields = [("time_us", "i8"), ("ticker", "i8"), ("mark_ticks", "i8")]
    bars = np.array(
        [(0, 0, 80), (1, 0, 100), (2, 0, 103), (3, 1, 50), (3, 0, 92), (4, 0, 99), (5, 0, 10)], dtype=fields
    )
    assert gaps.furthest_pct(bars, 0, 1, 4) == pytest.approx(-8.0)
    assert gaps.furthest_pct(bars, 0, 6, 7) is None
