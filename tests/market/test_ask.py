"""What the market asks of Python, and how it goes on (ASK-1, ASK-2, CLOCK-5, ADL-8 to ADL-10, FUND-14).

Ann is long 1,000 lots at $100 on $50, as in the tests of auto-deleveraging; where Dan joins her he is long as many on $60.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from offhours.sim import policies
from offhours.sim.answers import Decider, Deciders, candidates_of, interval_of
from offhours.sim.market import (
    accounts,
    ask,
    attention,
    brackets,
    clock,
    deleverage,
    engine,
    funding,
    oracle,
)
from offhours.sim.policies import Candidates, PolicyError
from plain.asked_run import Allocation, crowd
from plain.market import (
    ANN,
    BOB,
    BUY,
    CAT,
    DAN,
    DOLLAR,
    EVE,
    HOUR,
    MINUTE,
    NO_FEES,
    SECOND,
    SELL,
    SHARE,
    Simulation,
    go,
    jump,
    lots_of,
    market,
    perp,
    put_price,
    usd,
)


def cuts(sim: Simulation) -> Any:
    """All rows of the log of cuts."""
    sim.tape.drain(sim.memory)
    return sim.tape.rows(deleverage.deleverage_events)


def even(candidates: Candidates, budget: float) -> Any:
    """Everybody the same share of his position."""
    return candidates.room * budget / candidates.room.sum()


def until_asked(sim: Simulation) -> None:
    """Go on until a question is open."""
    assert sim.call(sim.now_us + SECOND, 10) == "asking"


SHORTS = {BOB: (600, 10_000), CAT: (400, 200)}
TWO = {ANN: (1_000, 50), DAN: (1_000, 60)}
FOUR = {BOB: (900, 10_000), CAT: (700, 300), EVE: (400, 5_000)}


# Allocations ------------------------------------------------------------------------------------------------------------


def test_a_policy_allots_and_all_have_one_price() -> None:
    """ADL-8: 94 is the mark, 95 Ann's bankruptcy price; 60 % of each of Bob and Cat, by any policy that is even.

    The venue's score goes first: Cat, then Bob, ranks 1 and 2.
    """
    sim = crowd(even, {BOB: (900, 10_000), CAT: (700, 200)}, {ANN: (1_000, 50), DAN: (600, 10_000)})
    jump(sim, 94.0)
    assert [lots_of(sim, a) for a in (ANN, BOB, CAT, DAN)] == [0, -338, -262, 600]
    found = cuts(sim)
    assert found[["account", "lots", "rank", "candidates"]].tolist() == [(CAT, -438, 1, 2), (BOB, -562, 2, 2)]
    assert found["value_uusd"].tolist() == [-4_161_000_00, -5_339_000_00]
    assert found["score"][0] == pytest.approx(0.06 * 658 / 242)
    assert usd(sim, ANN) == 0 and sim.audit() == [] and sim.conservation_error() == 0


def test_a_policy_is_shown_what_the_tables_hold() -> None:
    """ADL-8: two cases, 2,000 lots at 95 and 94; the shorts gained 6 % at 94. Cat's tokens stand against half of his position."""
    seen: list[Candidates] = []

    def watch(candidates: Candidates, budget: float) -> Any:
        seen.append(candidates)
        assert budget == 2_000
        return even(candidates, budget)

    sim = crowd(watch, FOUR, TWO)
    sim.endow(CAT, accounts.token_asset(0), 35 * SHARE // 10)
    put_price(sim, 93.0)
    until_asked(sim)
    _, order = candidates_of(sim.memory)
    go(sim, 0)
    line = [BOB, CAT, EVE]
    (shown,) = seen
    by_room = {int(room): row for row, room in enumerate(shown.room)}
    rows = [by_room[lots] for lots in (900, 700, 400)]
    assert sorted(order.tolist()) == [0, 1, 2] and len(line) == len(shown)
    assert shown.profit[rows].tolist() == pytest.approx([63, 49, 28])
    assert shown.notional[rows].tolist() == pytest.approx([837, 651, 372])
    assert shown.gross[rows].tolist() == shown.notional[rows].tolist()
    assert shown.equity[rows].tolist() == pytest.approx([10_063, 349, 5_028])
    assert shown.offset[rows].tolist() == [0, 350, 0]
    assert shown.cap.tolist() == [1, 1, 1]
    scores = [0.07 * 837 / 10_063, 0.07 * 651 / 349, 0.07 * 372 / 5_028]
    assert shown.score[rows].tolist() == pytest.approx(scores)


def join_late(sim: Simulation, dollars: int, price_ticks: int = 9_000) -> None:
    """The stock falls to $90 with nobody liquidated; Cat, on few dollars, goes short 400 lots there; then Ann may be liquidated."""
    sim.memory[engine.liquidation_rules]["active"] = 0
    jump(sim, 90.0)
    sim.endow(CAT, accounts.USD, dollars)
    sim.memory[brackets.tiers]["initial_ppb"][0] = 1
    sim.memory[brackets.tiers]["maintenance_ppb"][0] = 1
    perp(sim, CAT, SELL, price_ticks, 400)
    perp(sim, BOB, BUY, price_ticks, 400)
    sim.memory[engine.liquidation_rules]["active"] = 1
    attention.note_change(sim.world, ANN)


def test_the_cap_is_what_the_equity_pays_for() -> None:
    """ADL-8: mark 90, Ann's bankruptcy price 95. Cat, short 400 from 90 on $10, could pay 5 cents a lot for half of them."""
    shown: list[Candidates] = []

    def watch(candidates: Candidates, budget: float) -> Any:
        shown.append(candidates)
        return policies.capped_pro_rata(candidates, budget)

    sim = crowd(watch, {BOB: (1_000, 10_000)})
    join_late(sim, 10 * DOLLAR)
    go(sim, 1)
    (found,) = shown
    assert sorted(zip(found.room.tolist(), found.cap.tolist())) == [(400.0, 0.5), (600.0, 1.0)]
    # 1,000 are wanted: 600 of Bob and 200 of Cat is all there is at that price; the rest is closed at the mark (ADL-5).
    taken = cuts(sim)[["account", "rank", "lots"]].tolist()
    assert sorted(taken) == sorted([(BOB, taken_rank(taken, BOB), -600), (CAT, taken_rank(taken, CAT), -200), (CAT, 0, -200)])  # fmt: skip
    assert lots_of(sim, ANN) == 0 and sim.equity(CAT) == 0 and sim.audit() == []


def taken_rank(rows: list[tuple[int, int, int]], account: int) -> int:
    """The place at which somebody was reached as a candidate."""
    return next(rank for who, rank, _ in rows if who == account and rank > 0)


def test_who_cannot_pay_the_common_price_gives_nothing() -> None:
    """ADL-9: the same, but the policy asks Cat for all of his 400 lots; he has a dollar less than they would cost him.

    His part goes to Bob as far as Bob has anything left: 1,000 lots wanted, Bob has 1,200.
    """

    def cat_first(candidates: Candidates, budget: float) -> Any:
        found = np.where(candidates.room == 400, 400.0, 0.0)
        return found + np.where(candidates.room == 400, 0.0, budget - 400)

    sim = crowd(cat_first, {BOB: (1_600, 10_000)}, {ANN: (1_000, 50), DAN: (600, 10_000)})
    join_late(sim, 19 * DOLLAR)
    go(sim, 1)
    assert [lots_of(sim, a) for a in (ANN, BOB, CAT)] == [0, -200, -400]
    assert cuts(sim)[["account", "lots"]].tolist() == [(BOB, -1_000)]


def test_the_common_price_is_that_of_what_is_closed() -> None:
    """ADL-8, ADL-9, ADL-5: 1,600 lots wait, Ann's at 95 and Dan's 600 at 94. Cat can pay for none of his 400, so Bob's 1,200 are
    all there is: Ann's 1,000 for 950 and 200 of Dan's for 188. Dan's other 400 are closed at the mark of 90 against Cat, and
    four cents a lot, 16 dollars, are missing.
    """
    sim = crowd(even, {BOB: (1_600, 10_000)}, {ANN: (1_000, 50), DAN: (600, 36)})
    join_late(sim, DOLLAR // 2)
    attention.note_change(sim.world, DAN)
    go(sim, 1)
    assert [lots_of(sim, a) for a in (ANN, BOB, CAT, DAN)] == [0, 0, 0, 0]
    assert usd(sim, BOB) == (10_000 + 1_600 - 360 - 950 - 188) * DOLLAR
    assert [usd(sim, a) for a in (ANN, CAT, DAN)] == [0, DOLLAR // 2, 0]
    assert usd(sim, accounts.NOBODY) == -16 * DOLLAR
    found = cuts(sim)[["account", "for_account", "lots", "rank"]].tolist()
    assert [row[:3] for row in found] == [(BOB, ANN, -1_000), (BOB, DAN, -200), (CAT, DAN, -400)] and found[-1][3] == 0
    assert cuts(sim)["value_uusd"].tolist() == [-948_333_333, -189_666_667, -360 * DOLLAR]


def same_tape(one: Simulation, other: Simulation) -> bool:
    """Whether two markets have recorded the same."""
    return one.tape.digest() == other.tape.digest() and len(cuts(one)) > 1


@pytest.mark.parametrize("longs", [None, TWO], ids=["one case", "two cases"])
@pytest.mark.parametrize("score", [0, 1, 4], ids=["bitmex", "hyperliquid", "draw"])
def test_the_queue_asked_through_python_is_the_queue_of_the_market(longs: Any, score: int) -> None:
    """ADL-10: bit for bit, with one case, and with two that meet the line one after the other at prices of their own."""
    shorts = FOUR if longs else SHORTS
    # A score of nothing leaves the order to the draw, in which candidates stand already.
    asked, own = crowd(policies.queue, shorts, longs, score=score), crowd(None, shorts, longs, score=score)
    for sim in (asked, own):
        jump(sim, 92.9)
        go(sim, 5)
    assert same_tape(asked, own)


@pytest.mark.parametrize("rich", [False, True], ids=["passed over", "he pays"])
def test_who_is_passed_over_in_turn_is_followed_by_the_next(rich: bool) -> None:
    """ADL-10, ADL-4: Cat is first in the queue and cannot pay Ann's price for his 400 lots; Bob gives them beside his own 600."""
    found = []
    for chosen in (policies.queue, None):
        sim = crowd(chosen, {BOB: (1_600, 10_000)}, {ANN: (1_000, 50), DAN: (600, 10_000)})
        join_late(sim, 25 * DOLLAR if rich else 19 * DOLLAR)
        jump(sim, 89.9)
        found.append(sim)
    asked, own = found
    assert [lots_of(own, account) for account in (ANN, BOB, CAT)] == ([0, -600, 0] if rich else [0, -200, -400])
    assert asked.tape.digest() == own.tape.digest()


def test_a_question_at_a_full_hour_turns_no_rate_twice() -> None:
    """CLOCK-5: what the second had done before it was asked is done."""
    asked, own = crowd(policies.queue, SHORTS), crowd(None, SHORTS)
    for sim in (asked, own):
        go(sim, 30 * 60 - 1)
        jump(sim, 94.0)
        assert sim.now_us % HOUR == 0 and len(rates(sim)) == 1
    assert same_tape(asked, own)


def test_pro_rata_asked_through_python_is_that_of_the_market_but_for_the_last_lot() -> None:
    """ADL-8, ADL-2: the market rounds one share after the other to the nearest lot, the answer rounds all down and gives what is
    left to the largest fractions. Where shares are whole they are the same; else they differ by a lot at most."""
    for shorts, apart in ((SHORTS, 0), ({BOB: (700, 10_000), CAT: (500, 200), EVE: (333, 900)}, 1)):
        longs = {ANN: (1_000, 50), DAN: (533, 10_000)} if apart else None
        asked, own = crowd(policies.wealth_pro_rata, shorts, longs, form=0), crowd(None, shorts, longs, form=1)
        for sim in (asked, own):
            jump(sim, 94.0)
        for account in shorts:
            assert abs(lots_of(asked, account) - lots_of(own, account)) <= apart
        assert lots_of(asked, ANN) == lots_of(own, ANN) == 0
        assert cuts(asked)["value_uusd"].sum() == cuts(own)["value_uusd"].sum()


def test_a_policy_in_turn_takes_a_part_of_one_only() -> None:
    """ADL-10."""
    sim = crowd(
        policies.in_turn(lambda candidates, budget: even(candidates, budget)),
        FOUR,
        {ANN: (1_000, 50), DAN: (1_000, 10_000)},
    )
    put_price(sim, 94.0)
    with pytest.raises(
        PolicyError, match=r"mine.py:fair: says that it works in turn, and takes a part of 3 candidates"
    ):
        go(sim, 1)


def test_what_waits_for_an_answer_is_copied_and_kept() -> None:
    """ASK-2, CLOCK-5: a fork and a restored market wait for the same answer, and end in the same state as one that never stopped."""
    straight, stopped = crowd(even, FOUR, TWO), crowd(even, FOUR, TWO)
    for sim in (straight, stopped):
        put_price(sim, 93.0)
    until_asked(stopped)
    assert stopped.memory[ask.questions]["state"][0] == ask.OPEN
    assert stopped.memory[clock.clock]["stage"][0] == clock.CLOSING
    assert stopped.audit() == [], "the laws hold between two events"
    fork, saved = stopped.fork(), stopped.save()
    restored = crowd(even, FOUR, TWO)
    restored.restore(saved)
    restored.tape = stopped.tape.copy()
    until_us = straight.now_us + 10 * SECOND
    for sim in (straight, stopped, fork, restored):
        assert sim.advance(until_us) == "ended"
    assert len({sim.digest() for sim in (straight, stopped, fork, restored)}) == 1
    assert len({sim.tape.digest() for sim in (straight, stopped, fork, restored)}) == 1
    assert len(cuts(straight)) == 4


def test_without_an_answer_nothing_moves() -> None:
    """ASK-2: the loop comes back as it was, however often it is called."""
    sim = crowd(even, SHORTS)
    put_price(sim, 94.0)
    until_asked(sim)
    before = sim.digest()
    for _ in range(3):
        assert sim.loop(sim.world, sim.now_us + HOUR, 1_000) == clock.ASKING
    assert sim.digest() == before and lots_of(sim, ANN) == 1_000


def test_a_market_that_asks_nobody_describes_nobody() -> None:
    """ASK-1: no table of candidates, no question."""
    sim = crowd(None, SHORTS)
    jump(sim, 94.0)
    assert len(sim.memory[deleverage.candidates]) == 1 and sim.memory[ask.questions]["state"][0] == ask.NONE
    assert len(crowd(even, SHORTS).memory[deleverage.candidates]) == accounts.HOUSES + 5


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (lambda c, budget: 1 / 0, "raised ZeroDivisionError: division by zero"),
        (lambda c, budget: [1.0], "returned 1 numbers for 2 candidates"),
        (lambda c, budget: [float("nan"), 1.0], "returned nan for candidate 0"),
        (lambda c, budget: [-1.0, budget + 1], "takes less than nothing from candidate 0"),
        (lambda c, budget: c.room + 1, "takes more than he has from candidate 0"),
        (lambda c, budget: c.room * 0.5, "takes 500 in all, and 1000 is to be taken"),
        (lambda c, budget: __import__("time").sleep(3), "took longer than 0.1 s"),
    ],
)
def test_what_is_no_answer_is_one_sentence_and_the_question_stays(answer: Allocation, sentence: str) -> None:
    """ASK-2: whose function it was, and what was wrong; a better answer takes the market on from there."""
    sim = crowd(answer, SHORTS, seconds=0.1)
    put_price(sim, 94.0)
    with pytest.raises(PolicyError, match=f"mine.py:fair: {sentence}") as caught:
        go(sim, 1)
    assert "\n" not in str(caught.value)
    assert sim.memory[ask.questions]["state"][0] == ask.OPEN and not sim.broken
    sim.setup = replace(sim.setup, deciders=Deciders(Decider("better", even)))
    go(sim, 1)
    assert lots_of(sim, ANN) == 0


# Rates ------------------------------------------------------------------------------------------------------------------


def paid(rule: Any, premium_ppb: int = 12_345, *, hours: int = 1, tickers: int = 1, asking: int = 1) -> Simulation:
    """A market after so many hours whose premium stands still, the rates of the first `asking` tickers made by `rule`, or by the
    venue's form where it is None."""
    deciders = Deciders(rates={k: Decider("mine.py:rate", rule, 0.2) for k in range(asking)}) if rule else Deciders()
    asked = [0, *(deleverage.OWN if rule and k < asking else 0 for k in range(tickers))]
    sim = market(
        people=2,
        dollars=10_000,
        tickers=tickers,
        knobs={**NO_FEES, (ask.asked, "policy"): asked},  # type: ignore[dict-item]
        deciders=deciders,
    )
    perp(sim, BOB, SELL, 10_000, 500)
    perp(sim, ANN, BUY, 10_000, 500)
    end_us = (sim.now_us // HOUR + 1) * HOUR + (hours - 1) * HOUR
    while sim.now_us < end_us:
        go(sim, min(60, (end_us - sim.now_us) / SECOND))
        # No book here: the premiums are put where the market keeps its samples.
        count = int(sim.now_us % HOUR // MINUTE) if sim.now_us < end_us - MINUTE else 59
        if sim.now_us < end_us:
            for ticker in range(asking):
                first = ticker * funding.SAMPLES
                sim.memory[funding.samples]["premium_ppb"][first : first + count] = premium_ppb + np.arange(count)
                sim.memory[funding.fundings]["samples"][ticker] = count
    return sim


def rates(sim: Simulation) -> Any:
    """All rows of the log of rates."""
    sim.tape.drain(sim.memory)
    return sim.tape.rows(funding.funding_events)


def as_the_venue(premiums: Any, interval: policies.Interval) -> float:
    """Kraken's rule: mean of the middle half, divided by 24, towards zero; in whole billionths, as the market counts."""
    ppb = sorted(round(p * 1e9) for p in premiums)
    kept = max(1, len(ppb) // 2)
    skipped = (len(ppb) - kept) // 2
    mean = sum(ppb[skipped : skipped + kept]) // kept
    return (abs(mean) // 24) * (1 if mean >= 0 else -1) / 1e9


@pytest.mark.parametrize("premium_ppb", [1_234_567, -7_654_321])
def test_the_venues_rule_asked_through_python_is_the_venues(premium_ppb: int) -> None:
    """FUND-14, FUND-2: the same rates, tape and balances, bit for bit."""
    asked = paid(as_the_venue, premium_ppb, hours=2, tickers=2, asking=2)
    own = paid(None, premium_ppb, hours=2, tickers=2, asking=2)
    assert rates(own)["rate_ppb"].tolist() == rates(asked)["rate_ppb"].tolist()
    assert len(rates(own)) == 4 and abs(rates(own)["rate_ppb"]).min() > 10_000
    assert asked.tape.digest() == own.tape.digest()
    assert [usd(asked, a) for a in (ANN, BOB)] == [usd(own, a) for a in (ANN, BOB)]
    assert asked.conservation_error() == 0


def test_a_rule_is_shown_the_interval_and_held_within_the_cap() -> None:
    """FUND-14: 59 premiums in the order of time, what was paid before, the open interest; a rate of 1 % is held at 0.25 %."""
    seen: list[tuple[Any, policies.Interval]] = []

    def rule(premiums: Any, interval: policies.Interval) -> float:
        seen.append((premiums.tolist(), interval))
        return 0.01 if interval.previous_rate == 0 else 0.0000123456789

    sim = paid(rule, hours=2, tickers=2)
    (premiums, first), (_, second) = seen
    assert premiums == pytest.approx([(12_345 + n) / 1e9 for n in range(59)])
    assert (first.previous_rate, second.previous_rate) == (0.0, 0.0025)
    assert (first.index, first.mark, first.longs, first.shorts, first.hours) == (100.0, 100.0, 500.0, 500.0, 1)
    found = rates(sim)
    assert found["rate_ppb"][found["ticker"] == 0].tolist() == [2_500_000, 12_346]
    assert found["rate_ppb"][found["ticker"] == 1].tolist() == [0, 0], "nobody was asked for the other ticker"


def test_too_few_samples_leave_the_rate_and_nobody_is_asked() -> None:
    """FUND-3, FUND-14."""

    def never(premiums: Any, interval: policies.Interval) -> float:
        raise AssertionError("was asked")

    sim = market(
        people=2,
        knobs={(ask.asked, "policy"): [0, deleverage.OWN]},  # type: ignore[dict-item]
        deciders=Deciders(rates={0: Decider("mine.py:rate", never)}),
    )
    sim.memory[oracle.oracles]["impact_usd"] = 0.0
    assert sim.advance(sim.now_us + 2 * HOUR) == "ended"
    assert interval_of(sim.memory, 0)[0].tolist() == []


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (lambda premiums, interval: None, "returned NoneType, not a rate"),
        (lambda premiums, interval: float("nan"), "returned nan, which is no rate"),
        (lambda premiums, interval: 1.5, "returned 1.5, which is no rate between -1 and 1"),
        (lambda premiums: 0.0, "raised TypeError"),
        (lambda premiums, interval: __import__("time").sleep(3), "took longer than 0.2 s"),
    ],
)
def test_what_is_no_rate_is_one_sentence(rule: Any, sentence: str) -> None:
    """FUND-14, ASK-2."""
    with pytest.raises(PolicyError, match=f"mine.py:rate: {sentence}"):
        paid(rule)
