"""Policies of auto-deleveraging: worked examples of the literature, and laws that hold for any candidates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhours.sim.compile import uncompiled
from offhours.sim.market import deleverage
from offhours.sim.mistake import Mistake
from offhours.sim.policies import (
    POLICIES,
    Candidates,
    PolicyError,
    capped_pro_rata,
    contract_pro_rata,
    contract_pro_rata_down,
    fill,
    hedge_aware,
    in_lots,
    min_max_fair,
    policy,
    queue,
    risk_aware_by,
    unranked,
    venue_scores,
    water_level,
    wealth_pro_rata,
)
from offhours.sim.programs import checked

FAST = {name: each for name, each in POLICIES.items() if name != "min-max-fair"}

amounts = st.floats(0.01, 1e6, allow_nan=False)


@st.composite
def crowds(draw: st.DrawFn, least: int = 1, most: int = 12) -> Candidates:
    """Any candidates: some without profit, without equity, capped, hedged."""
    count = draw(st.integers(least, most))
    column = lambda values: np.array(draw(st.lists(values, min_size=count, max_size=count)))  # noqa: E731
    room = column(amounts)
    return Candidates.of(
        room,
        profit=column(st.floats(-1e5, 1e5)),
        equity=column(st.floats(-10, 1e5)),
        notional=column(amounts),
        gross=column(amounts),
        score=column(st.floats(-10, 10)),
        cap=column(st.floats(0.05, 1)),
        offset=room * column(st.floats(0, 1)),
    )


# Worked examples --------------------------------------------------------------------------------------------------------


def test_the_queue_of_the_bitmex_example() -> None:
    """V-A1, BitMEX ADL page: six longs, a short of 20 is liquidated; account 2 is closed, account 5 by half."""
    rank = [3, 6, 1, 4, 5, 2]
    longs = Candidates.of([10, 10, 20, 30, 20, 10], score=rank)
    assert queue(longs, 20).tolist() == [0, 10, 0, 0, 10, 0]
    assert unranked(longs, 20).tolist() == [10, 10, 0, 0, 0, 0]


def test_each_venue_ranks_by_its_own_score() -> None:
    """ADL-1: three longs; BitMEX and Bybit look at profit and leverage, Hyperliquid at price gained and leverage, so they differ."""
    longs = Candidates.of([1, 1, 1], profit=[50, 10, 0], notional=[150, 110, 100], equity=[100, 10, 5])
    assert venue_scores("bitmex", longs, 1).tolist() == pytest.approx([0.75, 1.1, 0])
    assert venue_scores("hyperliquid", longs, 1).tolist() == pytest.approx([1.5 * 1.5, 1.1 * 11, 20])
    assert venue_scores("bybit", longs, 1).tolist() == pytest.approx([0.5, 1, 0])
    # 50 / (100 - 50) x 5 / 100; a wallet of nothing counts as a dollar: 10 / 1 x 4 / 10.
    assert venue_scores("binance", longs, 1, maintenance=[5, 4, 3]).tolist() == pytest.approx([0.05, 4, 0])
    shorts = Candidates.of([1], profit=[50], notional=[100], equity=[100])
    assert venue_scores("bitmex", shorts, -1).tolist() == pytest.approx([50 / 150])
    ranked = replace(longs, score=venue_scores("hyperliquid", longs, 1))
    assert queue(ranked, 1.5).tolist() == [0.5, 1, 0], "who has no profit comes last, whatever his score"
    with pytest.raises(Mistake, match="did you mean bitmex"):
        venue_scores("bitmx", longs, 1)


@given(crowd=crowds(), share=st.floats(0, 1))
def test_the_market_shares_out_as_the_policy_does(crowd: Candidates, share: float) -> None:
    """ADL-2: lots allotted one after the other by weight, who reaches his limit first, are wealth pro rata to the lot."""
    lots = np.ceil(crowd.room)
    profit = np.maximum(np.round(crowd.profit), 0)
    if profit.sum() == 0:
        return
    allot = uncompiled(deleverage.allotment)
    gained = [int(i) for i in np.flatnonzero(profit)]
    wanted = int(share * lots[gained].sum())
    rest, weights = wanted, int(profit.sum())
    taken = np.zeros(len(lots))
    for i in sorted(gained, key=lambda i: lots[i] / profit[i]):
        taken[i] = allot(rest, int(profit[i]), weights, int(lots[i]))
        rest -= int(taken[i])
        weights -= int(profit[i])
    assert rest == 0
    ours = wealth_pro_rata(Candidates.of(lots, profit=profit), wanted)
    assert taken == pytest.approx(ours, abs=len(gained))
    assert taken.sum() == wanted


def test_the_static_example_of_the_literature() -> None:
    """arXiv 2512.01112, static example: B = 7.5 of U = 12.5; queue in the order 2, 1, 3, and pro rata."""
    winners = Candidates.of([8, 4, 0.5], profit=[8, 4, 0.5], equity=[10, 5, 1], score=[2, 3, 1])
    taken = queue(winners, 7.5)
    assert taken / winners.room == pytest.approx([0.4375, 1, 0])
    assert winners.equity - taken == pytest.approx([6.5, 1, 1])
    for pro_rata in (capped_pro_rata, wealth_pro_rata, contract_pro_rata):
        taken = pro_rata(winners, 7.5)
        assert taken == pytest.approx([4.8, 2.4, 0.3])
        assert winners.equity - taken == pytest.approx([5.2, 2.6, 0.7])


def test_the_printed_levered_pro_rata_is_not_what_is_here() -> None:
    """Dividing twice by the total leaves the budget unmet; water filling meets it whatever g is."""
    winners = Candidates.of([3.0, 2.0, 1.0], equity=[1.0, 1.0, 1.0], notional=[1.0, 5.0, 20.0])
    weights = winners.leverage * winners.room
    printed = winners.room * 2 * winners.leverage / weights.sum() * winners.room / weights.sum()
    assert printed.sum() < 1
    for g in (lambda lev: lev, lambda lev: lev**2, lambda lev: np.maximum(lev - 4, 0)):
        assert risk_aware_by(g)(winners, 2.0).sum() == pytest.approx(2.0, rel=1e-12)


def test_risk_aware_asks_those_without_weight_last() -> None:
    """g(x) = (x - 4)+ gives the careful no weight: they pay only what the others cannot."""
    winners = Candidates.of([3.0, 2.0], equity=[1.0, 1.0], notional=[1.0, 5.0])
    policy_ = risk_aware_by(lambda leverage: np.maximum(leverage - 4, 0))
    assert policy_(winners, 1.5).tolist() == [0, 1.5]
    assert policy_(winners, 2.5) == pytest.approx([0.5, 2])


def test_hedges_are_cut_last() -> None:
    """One has 10 lots against 10 elsewhere, the other 10 bare: 8 come from the bare one, and 15 take half of the hedge."""
    pair = Candidates.of([10.0, 10.0], offset=[10.0, 0.0])
    assert hedge_aware(pair, 8).tolist() == [0, 8]
    assert hedge_aware(pair, 15).tolist() == [5, 10]
    assert contract_pro_rata(pair, 8).tolist() == [4, 4]


@given(crowd=crowds(2), share=st.floats(0.01, 1.0))
def test_no_hedge_is_cut_while_anything_bare_is_left(crowd: Candidates, share: float) -> None:
    """Hedge-aware leaves as much of all hedges as any allocation of the budget can; of each kind everybody gives the same share."""
    budget = share * float(crowd.most.sum())
    taken = hedge_aware(crowd, budget)
    bare = np.minimum(crowd.room - crowd.offset, crowd.most)
    first = min(budget, float(bare.sum()))
    assert np.minimum(taken, bare).sum() == pytest.approx(first, rel=1e-9, abs=1e-9)
    if budget <= bare.sum():
        assert taken == pytest.approx(
            bare * (first / max(float(bare.sum()), 1e-300)), rel=1e-6, abs=1e-9 * float(crowd.room.sum())
        )


def test_whole_contracts_rounded_down_fall_short() -> None:
    """7 of (5, 5, 5): 2.33 each is 2 each, one short of the budget; largest fractions then meet it."""
    three = Candidates.of([5.0, 5.0, 5.0])
    assert contract_pro_rata_down(three, 7).tolist() == [2, 2, 2]
    assert in_lots(contract_pro_rata(three, 7), three.most, 7).tolist() == [3, 2, 2]


# Laws -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAST)
@given(crowd=crowds(), share=st.floats(0, 1.5))
def test_the_budget_is_met_and_nobody_gives_more_than_he_may(name: str, crowd: Candidates, share: float) -> None:
    budget = share * float(crowd.most.sum())
    taken = POLICIES[name](crowd, budget)
    assert taken.sum() == pytest.approx(min(budget, crowd.most.sum()), rel=1e-9, abs=1e-9)
    assert (taken >= 0).all() and (taken <= crowd.most * (1 + 1e-9) + 1e-9).all()


@pytest.mark.parametrize(
    "name", ["contract-pro-rata", "capped-pro-rata", "wealth-pro-rata", "risk-aware", "hedge-aware"]
)
@given(crowd=crowds(2), share=st.floats(0.01, 0.99), part=st.floats(0.1, 0.9))
def test_splitting_an_account_changes_nothing(name: str, crowd: Candidates, share: float, part: float) -> None:
    """Sybil-resistance: two accounts with parts of everything give together what one gave."""
    budget = share * float(crowd.most.sum())
    split = {}
    for column in ("room", "profit", "equity", "notional", "gross", "offset"):
        values = getattr(crowd, column)
        split[column] = np.concatenate(([values[0] * part, values[0] * (1 - part)], values[1:]))
    for column in ("score", "cap"):
        values = getattr(crowd, column)
        split[column] = np.concatenate(([values[0], values[0]], values[1:]))
    one, two = POLICIES[name](crowd, budget), POLICIES[name](Candidates(**split), budget)
    nothing = 1e-9 * float(crowd.room.sum())
    assert two[0] + two[1] == pytest.approx(one[0], rel=1e-6, abs=nothing)
    assert two[2:] == pytest.approx(one[1:], rel=1e-6, abs=nothing)


@given(crowd=crowds(2), share=st.floats(0.01, 0.99))
def test_capped_pro_rata_keeps_the_order(crowd: Candidates, share: float) -> None:
    """Who has more, with the same cap, gives more and keeps more."""
    even = Candidates.of(crowd.room, cap=np.full(len(crowd), 0.7))
    taken = capped_pro_rata(even, share * float(even.most.sum()))
    order = np.argsort(even.room)
    assert (np.diff(taken[order]) >= -1e-9).all() and (np.diff((even.room - taken)[order]) >= -1e-9).all()


@pytest.mark.parametrize("name", FAST)
@given(crowd=crowds(), share=st.floats(0, 1), scale=st.sampled_from([0.125, 8.0, 1024.0]))
def test_another_unit_changes_nothing(name: str, crowd: Candidates, share: float, scale: float) -> None:
    """Scale invariance: everything in another unit of money and size is the same allocation in that unit."""
    budget = share * float(crowd.most.sum())
    scaled = Candidates(
        crowd.room * scale, crowd.profit * scale, crowd.equity * scale, crowd.notional * scale, crowd.gross * scale,
        crowd.score, crowd.cap, crowd.offset * scale,
    )  # fmt: skip
    found = POLICIES[name](scaled, budget * scale) / scale
    assert found == pytest.approx(POLICIES[name](crowd, budget), rel=1e-7, abs=1e-7)


@settings(max_examples=25, deadline=None)
@given(crowd=crowds(2, 6), share=st.floats(0.05, 0.95))
def test_water_filling_is_the_quadratic_optimum(crowd: Candidates, share: float) -> None:
    """Capped pro rata minimises sum w h^2 / 2 over h <= cap with sum w h = budget: compared with a general solver."""
    from scipy.optimize import minimize

    w = crowd.room / crowd.room.sum()
    budget = share * float((w * crowd.cap).sum())
    solved = minimize(
        lambda h: 0.5 * float(w @ h**2),
        crowd.cap * share,
        jac=lambda h: w * h,
        bounds=[(0, cap) for cap in crowd.cap],
        constraints={"type": "eq", "fun": lambda h: float(w @ h) - budget, "jac": lambda h: w},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    ours = np.minimum(crowd.cap, water_level(w, crowd.cap, budget))
    assert float(w @ ours) == pytest.approx(budget, rel=1e-12)
    assert 0.5 * float(w @ ours**2) <= solved.fun * (1 + 1e-9) + 1e-15
    assert np.sqrt(w) * ours == pytest.approx(np.sqrt(w) * solved.x, abs=2e-4)


@given(crowd=crowds(2), share=st.floats(0.01, 0.99))
def test_no_policy_leaves_the_first_in_the_queue_less(crowd: Candidates, share: float) -> None:
    """Ranked by profit, the queue takes as much from the top winner as any valid policy can."""
    ranked = Candidates.of(
        crowd.room, profit=crowd.room, score=crowd.room, equity=crowd.equity, notional=crowd.notional
    )
    budget = share * float(crowd.room.sum())
    first = int(np.argmax(crowd.room))
    most = queue(ranked, budget)[first]
    for each in FAST.values():
        assert each(ranked, budget)[first] <= most + 1e-9 * float(crowd.room.sum())


@given(rooms=st.lists(st.floats(1, 1e5), min_size=2, max_size=30), part=st.floats(0.01, 1), theta=st.floats(0.1, 1))
def test_the_gap_between_queue_and_pro_rata_for_the_top_winner(rooms: list[float], part: float, theta: float) -> None:
    """arXiv 2512.01112: where the budget H is within the top winner's w1, he keeps H (1 - w1 / U) more under pro rata."""
    crowd = Candidates.of(rooms, score=rooms)
    first = int(np.argmax(rooms))
    top, total = rooms[first], sum(rooms)
    budget = part * top
    gap = queue(crowd, budget)[first] - capped_pro_rata(crowd, budget)[first]
    assert gap == pytest.approx(budget * (1 - top / total), rel=1e-9, abs=1e-9 * top)
    deficit = budget / theta
    assert gap / (theta * deficit) == pytest.approx(1 - top / total, rel=1e-9, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(
    rooms=st.lists(st.integers(1, 9), min_size=2, max_size=4),
    equity=st.lists(st.integers(1, 9), min_size=4, max_size=4),
    share=st.floats(0.1, 0.9),
)
def test_the_integer_programme_is_the_best_of_all(rooms: list[int], equity: list[int], share: float) -> None:
    """Min-max fair against every allocation in whole contracts there is."""
    crowd = Candidates.of(rooms, equity=equity[: len(rooms)])
    budget = max(1, int(share * sum(rooms)))
    scale = crowd.room * crowd.equity
    every = np.array(np.meshgrid(*[np.arange(room + 1) for room in rooms])).reshape(len(rooms), -1)
    every = every[:, every.sum(axis=0) == budget]
    best = (every / scale[:, None]).max(axis=0).min()
    found = checked(min_max_fair, crowd, budget, whole=True)
    assert (found / scale).max() == pytest.approx(best, rel=1e-9)


@given(crowd=crowds(), share=st.floats(0, 1))
def test_whole_lots_meet_a_whole_budget(crowd: Candidates, share: float) -> None:
    lots = Candidates.of(np.ceil(crowd.room))
    budget = int(share * lots.room.sum())
    found = in_lots(contract_pro_rata(lots, budget), lots.most, budget)
    assert found.sum() == budget and (found == np.round(found)).all() and (found <= lots.most).all()
    assert (np.abs(found - contract_pro_rata(lots, budget)) < 1 + 1e-6).all()


def test_nothing_is_taken_where_there_is_nobody_or_nothing() -> None:
    for each in POLICIES.values():
        assert len(each(Candidates.of([]), 5.0)) == 0
        assert each(Candidates.of([3.0, 4.0]), 0.0).tolist() == [0, 0]
    assert fill(np.zeros(2), np.array([1.0, 3.0]), 2.0).tolist() == [0.5, 1.5]


@settings(max_examples=60, deadline=None)
@given(
    rooms=st.lists(st.integers(0, 6), min_size=1, max_size=4),
    equity=st.lists(st.sampled_from([-1.0, 0.0, 1e-6, 0.5, 3.0, 1e6]), min_size=4, max_size=4),
    caps=st.lists(st.sampled_from([0.0, 0.4, 1.0]), min_size=4, max_size=4),
    budget=st.integers(0, 20),
)
def test_min_max_fair_is_fair_however_far_apart_equities_are(
    rooms: list[int], equity: list[float], caps: list[float], budget: int
) -> None:
    """Against every allocation there is; who has no equity left gives only what the others cannot."""
    crowd = Candidates.of(rooms, equity=equity[: len(rooms)], cap=caps[: len(rooms)])
    most = np.floor(crowd.most + 1e-9)
    alive = (crowd.equity > 0) & (crowd.room > 0)
    taken = min_max_fair(crowd, budget)
    first = min(budget, most[alive].sum())
    assert taken.sum() == min(budget, most.sum()) and taken[alive].sum() == first
    assert (taken >= 0).all() and (taken <= most).all() and (taken == np.round(taken)).all()
    if first > 0:
        scale = (crowd.room * crowd.equity)[alive]
        every = np.array(np.meshgrid(*[np.arange(n + 1) for n in most[alive]])).reshape(int(alive.sum()), -1)
        every = every[:, every.sum(axis=0) == first]
        best = (every / scale[:, None]).max(axis=0).min()
        assert (taken[alive] / scale).max() == pytest.approx(best, rel=1e-6)


def test_min_max_fair_asks_the_poor_last_and_fails_nobody() -> None:
    """One without equity, and equities twelve orders apart: an allocation all the same, which the market can take."""
    assert checked(min_max_fair, Candidates.of([5, 5], equity=[0, 10]), 8, whole=True).tolist() == [3, 5]
    assert min_max_fair(Candidates.of([3, 2], equity=[1e6, 1e-6]), 4).tolist() == [3, 1]


@pytest.mark.parametrize("name", [n for n in FAST if n not in ("queue", "unranked")])
@given(crowd=crowds(2), share=st.floats(0, 1.2), order=st.randoms(use_true_random=False))
def test_who_stands_where_changes_nothing(name: str, crowd: Candidates, share: float, order: Any) -> None:
    """Permutation equivariance: candidates in another order give what they gave; of the queue that is true but for ties."""
    places = list(range(len(crowd)))
    order.shuffle(places)
    columns = ("room", "profit", "equity", "notional", "gross", "score", "cap", "offset")
    moved = Candidates(**{column: getattr(crowd, column)[places] for column in columns})
    budget = share * float(crowd.most.sum())
    found, again = POLICIES[name](crowd, budget), POLICIES[name](moved, budget)
    assert again == pytest.approx(found[places], rel=1e-6, abs=1e-9 * float(crowd.room.sum()))


def test_equal_scores_keep_their_order_and_others_do_not() -> None:
    even = Candidates.of([4.0, 4.0, 4.0], score=[1, 1, 2], profit=[1, 1, 1])
    assert queue(even, 6).tolist() == [2, 0, 4]
    turned = Candidates.of([4.0, 4.0, 4.0], score=[2, 1, 1], profit=[1, 1, 1])
    assert queue(turned, 6).tolist() == [4, 2, 0]


def test_the_integer_programme_is_for_few() -> None:
    crowd = Candidates.of(np.full(301, 2.0))
    with pytest.raises(PolicyError, match="min-max fair: is for 300 candidates at most, as a reference; there are 301"):
        min_max_fair(crowd, 5)


def test_an_unknown_policy_names_the_nearest() -> None:
    assert policy("queue") is queue
    with pytest.raises(Mistake, match="did you mean risk-aware"):
        policy("risk-awar")


def test_a_profit_however_small_is_all_there_is_to_share() -> None:
    """One in profit by 10^-308 dollars gives the whole budget before those who have none; nothing overflows on the way."""
    found = fill(np.array([0.0, 0.0, 1.1e-308]), np.array([1.0, 1.0, 3.0]), 2.5)
    assert found.tolist() == [0.0, 0.0, 2.5]
