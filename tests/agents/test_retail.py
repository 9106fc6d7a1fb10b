"""Leveraged retail: how much, which way, and what becomes of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from offhours.agents import desk
from offhours.experiments.scenario import read_scenario
from offhours.sim.market import accounts, liquidation, margin, oracle, positions, stops
from plain import peopled as p

CROWD = """
[[group]]
name = "crowd"
population = "retail"
count = 200
leverage = "5x"
size = "$1,000"
latency = "20 ms"
mean_sleep = "1 min"
open_chance = 0.0
close_chance = 0.0
stop_chance = 0.0
trend = 0.0
herd = 0.0
panic = 0.0
top_up = 0.0
"""
DEEP = {"group.makers.level": "$200,000", "group.makers.inventory": "$20M", "group.makers.perp": "$50M"}
"""Makers whom 200 people do not move."""
PRICE = 400.0
ALL_LONG = {"long_bias": 1.0}


def crowd(begin: str = p.TUESDAY, rules: Any = None, **knobs: Any) -> Any:
    """200 people of $1,000 who have looked once, eight makers, and a stock whose price the test sets. Nobody trades yet."""
    changes = {**DEEP, **{f"group.crowd.{name}": value for name, value in knobs.items()}, **(rules or {})}
    sim = p.given_price(p.scenario(begin, CROWD, p.MAKERS, changes=changes), PRICE)
    p.go(sim, p.HOUR + p.MINUTE)
    assert (p.knobs(sim, "retail")["stake_usd"] > 0).all()
    return sim


def enter(sim: Any, minutes: int = 15) -> None:
    """Everybody without a position opens one at his next look; then nobody does."""
    p.knobs(sim, "retail")["open_chance"] = 1.0
    p.go(sim, minutes * p.MINUTE)
    p.knobs(sim, "retail")["open_chance"] = 0.0
    p.go(sim, 2 * p.SECOND)


def notional(sim: Any) -> Any:
    """Signed dollars of everybody's position at $400 a share."""
    return p.lots(sim, 0) * desk.lot_shares(sim.world, 0, desk.PERP) * PRICE


def liquidated(sim: Any) -> set[int]:
    sim.tape.drain(sim.memory)
    return set(sim.tape.rows(liquidation.liquidation_events)["account"].tolist())


def worth(sim: Any) -> Any:
    """Everybody's equity, dollars."""
    return np.array([sim.equity(int(a)) for a in p.accounts_of(sim, 0)]) / 1e6


def test_a_position_is_seven_to_ten_tenths_of_what_the_leverage_allows() -> None:
    """$1,000 x 0.9 x 5 = $4,500 at most, $3,150 at least, $3,825 on average (4 s.e.); a lot is $4."""
    sim = crowd()
    enter(sim)
    size = abs(notional(sim))
    assert 3_150 - 4 <= size.min()
    assert size.max() <= 4_500
    assert size.mean() == pytest.approx(3_823, abs=4 * 1_350 / 12**0.5 / 200**0.5)


def test_what_the_margin_schedule_does_not_lend_he_does_not_take() -> None:
    """$100 at 20x: $90 would carry $1,800, which needs 5 % and 0.6 % for fees and slippage, $100.80. So he asks for
    1,800 x 0.995 x 90 / 100.8 = $1,599, and takes 0.7 to 1 of it."""
    sim = crowd(leverage="20x", size="$100")
    enter(sim)
    size = abs(notional(sim))
    assert 1_119 - 4 <= size.min()
    assert 1_500 < size.max() <= 1_599
    assert (worth(sim) > 0.05 * size).all()


def test_the_rich_get_less_leverage_where_the_schedule_has_tiers() -> None:
    """$100,000 at 20x: class D asks 10 % from $10,000 on and 20 % from $250,000 on, so nobody comes near $1.8M."""
    sim = crowd(leverage="20x", size="$100,000", count=8)
    enter(sim)
    size = abs(notional(sim))
    assert (size > 200_000).all()
    assert size.max() < 0.5 * 1_800_000
    for account in p.accounts_of(sim, 0).tolist():
        assert margin.initial_needed(sim.world, account, -1) <= sim.equity(account)


@pytest.mark.parametrize(("bias", "share"), [(0.6, 0.6), (1.0, 1.0), (0.2, 0.2)])
def test_he_is_long_as_often_as_his_bias_says(bias: float, share: float) -> None:
    sim = crowd(long_bias=bias, count=600)
    enter(sim)
    sides = notional(sim) > 0
    assert sides.mean() == pytest.approx(share, abs=1e-9 + 4 * (share * (1 - share) / 600) ** 0.5)


@pytest.mark.parametrize("change", [0.02, -0.02])
def test_he_goes_with_the_trend_since_he_last_looked(change: float) -> None:
    """2 % with a trend of 10 makes a long likelier by 0.2: 0.7 instead of 0.5 (4 s.e. of 600 people, mark within 0.3 %)."""
    sim = crowd(count=600, long_bias=0.5, trend=10.0, mean_sleep="20 min", leverage="1x", size="$100")
    p.put_price(sim, PRICE * (1 + change))
    p.go(sim, 20 * p.SECOND)
    enter(sim, 120)
    share = float((notional(sim) > 0).mean())
    assert share == pytest.approx(0.5 + 10 * change, abs=4 * (0.7 * 0.3 / 600) ** 0.5 + 0.03)


def test_his_stop_goes_off_at_its_share_of_the_margin_before_anybody_is_liquidated() -> None:
    """At 5x a stop at 0.6 of the margin waits 12 % to 17.1 % away (0.6 x 900 / 4,500 to 0.6 x 900 / 3,150); half of what is
    lent is gone only at about 20 %. So at -11 % nobody is out and at -18 % everybody, with 0.6 x $900 lost and change."""
    sim = crowd(**ALL_LONG, stop_chance=1.0, stop_share=0.6)
    enter(sim)
    assert (sim.memory[stops.stop_lists]["head"][p.accounts_of(sim, 0)] != stops.NO_STOP).all()
    p.put_price(sim, PRICE * 0.89)
    p.go(sim, 5 * p.MINUTE)
    assert (notional(sim) > 0).all()
    p.put_price(sim, PRICE * 0.87)
    p.go(sim, 5 * p.MINUTE)
    out = (notional(sim) == 0).mean()
    assert 0.1 < out < 0.6
    for fall in (0.86, 0.85, 0.84, 0.83, 0.82):
        p.put_price(sim, PRICE * fall)
        p.go(sim, 5 * p.MINUTE)
    assert (notional(sim) == 0).all()
    assert not liquidated(sim)
    lost = 1_000 - worth(sim)
    assert lost.mean() == pytest.approx(0.6 * 900, rel=0.06)
    assert lost.min() > 500
    assert lost.max() < 650


def test_a_stop_is_left_as_often_as_said_and_taken_back_with_the_position() -> None:
    sim = crowd(stop_chance=0.3, count=600)
    enter(sim)
    own = p.accounts_of(sim, 0)
    waits = sim.memory[stops.stop_lists]["head"][own] != stops.NO_STOP
    assert waits.mean() == pytest.approx(0.3, abs=4 * (0.21 / 600) ** 0.5)
    p.knobs(sim, "retail")["close_chance"] = 1.0
    p.go(sim, 15 * p.MINUTE)
    assert (notional(sim) == 0).all()
    assert (sim.memory[stops.stop_lists]["head"][own] == stops.NO_STOP).all()


def ruined() -> Any:
    """Everybody long at about 16x, and an opening 8 % lower."""
    sim = crowd(**ALL_LONG, leverage="20x", size="$100", return_chance=0.0)
    enter(sim)
    p.put_price(sim, PRICE * 0.92)
    p.go(sim, 30 * p.MINUTE)
    return sim


def test_liquidated_he_has_next_to_nothing_and_comes_back_with_his_stake_after_some_looks() -> None:
    """With a chance of 0.25 at a look a minute the mean pause is four minutes, and the money is ten minutes on its way."""
    sim = ruined()
    assert (notional(sim) == 0).all()
    assert len(liquidated(sim)) == 200
    left = worth(sim)
    assert left.max() < 20
    assert p.flow(sim, 0, accounts.DEPOSIT) == 0.0, "nobody comes back whose chance is nothing"
    table = p.knobs(sim, "retail")
    table["return_chance"] = 0.25
    p.go(sim, 4 * p.MINUTE)
    sent = (table["losses"] == 1).mean()
    assert sent == pytest.approx(1 - np.exp(-1), abs=4 * (0.37 * 0.63 / 200) ** 0.5)
    assert p.flow(sim, 0, accounts.DEPOSIT) == 0.0, "and no money has arrived"
    p.go(sim, 70 * p.MINUTE)
    assert (table["losses"] == 1).all(), "one stake each, although he looked again while it was on its way"
    assert worth(sim) == pytest.approx(100, abs=0.01)
    assert p.flow(sim, 0, accounts.DEPOSIT) == pytest.approx(float((100 - left).sum()), abs=0.01)


def worried(sim: Any) -> Any:
    """Whose equity is below 1.4 times his maintenance margin, and above it."""
    own = p.accounts_of(sim, 0).tolist()
    equity = np.array([sim.equity(a) for a in own])
    needed = np.array([margin.required(sim.world, a) for a in own])
    return (equity < 1.4 * needed) & (equity > needed)


def thin(**knobs: Any) -> Any:
    """Longs of 11x to 16x after a fall of 3.6 %: some are worried, nobody is liquidated."""
    sim = crowd(**ALL_LONG, leverage="20x", size="$100", **knobs)
    enter(sim)
    table = p.knobs(sim, "retail")
    panic, table["panic"] = table["panic"][0], 0.0
    top_up, table["top_up"] = table["top_up"][0], 0.0
    p.put_price(sim, PRICE * 0.965)
    p.go(sim, 2 * p.MINUTE)
    table["panic"], table["top_up"] = panic, top_up
    return sim


def test_who_is_worried_and_panics_closes_and_the_others_hold() -> None:
    sim = thin(panic=1.0)
    before = worried(sim)
    assert 10 < before.sum() < 190
    p.go(sim, 15 * p.MINUTE)
    assert not liquidated(sim)
    gone = notional(sim) == 0
    assert gone[before].all()
    assert gone[~before].mean() < 0.1, "a few whom the others' selling worries"


def test_who_is_worried_and_does_not_panic_may_add_a_quarter_of_his_first_deposit() -> None:
    sim = thin(top_up=1.0)
    before = worried(sim)
    assert 10 < before.sum() < 190
    p.go(sim, 50 * p.MINUTE)
    added = p.flow(sim, 0, accounts.DEPOSIT)
    assert added == pytest.approx(25 * before.sum(), rel=0.1)
    assert (notional(sim) != 0).all()
    assert not worried(sim)[before].any()


def test_who_has_tripled_his_stake_takes_the_money_home() -> None:
    """$1,000 and $3,500 more are $4,500: he keeps one and a half stakes. With $1,900 more he keeps it all."""
    sim = crowd()
    first, second = (int(a) for a in p.accounts_of(sim, 0)[:2])
    sim.endow(first, accounts.USD, 3_500_000_000)
    sim.endow(second, accounts.USD, 1_900_000_000)
    p.go(sim, 15 * p.MINUTE)
    assert p.owned(sim, first) == 1_500_000_000
    assert p.owned(sim, second) == 2_900_000_000
    assert p.flow(sim, 0, accounts.DEPOSIT) == -3_000.0


def test_his_looks_follow_the_clock_of_the_week() -> None:
    """200 people, six looks an hour in regular hours: counts are Poisson, at 4 s.e."""
    sim = crowd(p.FRIDAY, mean_sleep="10 min", extended=0.5, night=0.2, weekend=0.1)
    for begin, end, hours, speed in (
        ("2026-05-08 15:10", "2026-05-08 16:00", 5 / 6, 1.0),
        ("2026-05-08 16:00", "2026-05-08 20:00", 4, 0.5),
        ("2026-05-09 00:00", "2026-05-09 12:00", 12, 0.1),
        ("2026-05-11 04:00", "2026-05-11 09:30", 5.5, 0.5),
        ("2026-05-11 20:00", "2026-05-12 04:00", 8, 0.2),
    ):
        p.go_to(sim, begin)
        before = int(p.members(sim, 0)["wakes"].sum())
        p.go_to(sim, end)
        expected = 200 * 6 * hours * speed
        seen = int(p.members(sim, 0)["wakes"].sum()) - before
        assert seen == pytest.approx(expected, abs=4 * expected**0.5), begin


def test_with_buckets_only_what_backs_the_position_is_lost() -> None:
    """Isolated, nine tenths of his dollars are in the bucket: an opening far below leaves the last tenth alone."""
    sim = crowd(**ALL_LONG, mode="isolated", return_chance=0.0)
    enter(sim)
    own = p.members(sim, 0)["account"].tolist()
    assert [p.owned(sim, a) for a in own] == [100_000_000] * 200
    p.put_price(sim, PRICE * 0.6)
    p.go(sim, 30 * p.MINUTE)
    assert (p.lots(sim, 0) == 0).all()
    left = [p.owned(sim, a) for a in own]
    assert min(left) >= 100_000_000
    assert max(left) < 200_000_000
    assert sim.conservation_error() == 0


# Several tickers ------------------------------------------------------------------------------------------------------

FOUR = """
question = "What does somebody do who trades several tickers?"
venue = "kraken"
tickers = ["TSLAx", "NVDAx", "SPYx", "AAPLx"]
"""


def several(rules: Any = None, **knobs: Any) -> Any:
    """40 people of $1,000 and two makers in four tickers at $400; everybody has looked once, nobody trades yet."""
    changes = {**DEEP, "group.makers.count": 2, "stock.halt.band": "0 %", **(rules or {})}
    changes |= {f"group.crowd.{name}": value for name, value in {"count": 40, "long_bias": 1.0, **knobs}.items()}
    sim = p.given_price(read_scenario(FOUR + p.TUESDAY + CROWD + p.MAKERS, changes=changes), PRICE)
    p.go(sim, p.HOUR + p.MINUTE)
    return sim


def table_of(sim: Any) -> Any:
    """Lots of each person (row) in each ticker, on his own account and in his buckets."""
    sizes = sim.memory[positions.positions]["size_lots"].reshape(-1, 4)
    own, boxes = np.zeros((40, 4), dtype=int), np.zeros((40, 4), dtype=int)
    for row, agent in enumerate(p.members(sim, 0)):
        own[row] = sizes[int(agent["account"])]
        if agent["bucket"] != desk.NO_BUCKET:
            boxes[row] = np.diag(sizes[int(agent["bucket"]) : int(agent["bucket"]) + 4])
    return own, boxes


def test_each_of_his_tickers_gets_the_same_part_of_his_money() -> None:
    """Three of four tickers: each position is 0.7 to 1 of $1,000 x 0.9 / 3 x 5 = $1,500; a lot is $4."""
    sim = several(tickers_each=3)
    enter(sim)
    own, _ = table_of(sim)
    assert (np.count_nonzero(own, axis=1) == 3).all()
    assert (np.count_nonzero(own, axis=0) > 20).all()
    size = (own * sim.memory[oracle.oracles]["lot_shares"] * PRICE)[own > 0]
    assert 1_050 - 10 <= size.min()
    assert size.max() <= 1_500 + 10


def test_more_tickers_than_there_are_is_all_of_them() -> None:
    sim = several(tickers_each=10)
    enter(sim)
    assert (np.count_nonzero(table_of(sim)[0], axis=1) == 4).all()


def test_some_tickers_in_buckets_beside_one_account() -> None:
    """Three tickers each, of which each is kept apart with chance one half: 60 of 120 positions (4 s.e.), never the same
    ticker in both places; the money goes with them, a third of 90 % into each bucket."""
    sim = several(tickers_each=3, mode="isolated", apart=0.5)
    enter(sim)
    own, boxes = table_of(sim)
    assert (np.count_nonzero(own + boxes, axis=1) == 3).all()
    assert not (own.astype(bool) & boxes.astype(bool)).any()
    assert np.count_nonzero(boxes) == pytest.approx(60, abs=4 * (120 * 0.25) ** 0.5)
    for agent, held in zip(p.members(sim, 0), boxes):
        for ticker in np.flatnonzero(held):
            assert sim.equity(int(agent["bucket"]) + int(ticker)) == pytest.approx(300 * 10**6, rel=0.05)


def test_trouble_in_one_ticker_sells_another_but_no_bucket() -> None:
    """THR-1, ENG-1: at 15x on three tickers the stock of one falls by a fifth: who holds it on his account loses positions in
    the others, whose prices stand; what is kept in buckets of the other tickers stays as it is."""
    sim = several({"perp.oracle.pinned": "true"}, tickers_each=3, mode="isolated", apart=0.5, leverage="15x")
    enter(sim)
    own, boxes = table_of(sim)
    p.put_price(sim, PRICE * 0.8)
    p.go(sim, 5 * p.MINUTE)
    after, left = table_of(sim)
    struck = own[:, 0] != 0
    assert struck.sum() > 5
    others_held, others_sold = own[struck][:, 1:].sum(axis=1), (own - after)[struck][:, 1:].sum(axis=1)
    assert ((others_sold > 0) & (others_held > 0)).sum() > 0.6 * (others_held > 0).sum()
    assert (left[:, 1:] == boxes[:, 1:]).all()
    assert (after[~struck] == own[~struck]).all()
    assert (left[boxes[:, 0] != 0, 0] == 0).all()
