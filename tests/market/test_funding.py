"""Funding (FUND-1 to FUND-13, FUND-15, FUND-16)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhours.sim.declare import Knob, spec_of
from offhours.sim.market import accounts, funding, liquidation, margin, matching, oracle
from offhours.sim.market.money import PPB
from plain.funding import weighted
from plain.market import (
    ANN,
    BOB,
    BUY,
    CAT,
    DOLLAR,
    FRIDAY_OPEN,
    HOUR,
    MINUTE,
    NO_FEES,
    SELL,
    Simulation,
    go,
    market,
    perp,
    put_price,
    usd,
)

SMALL = {**NO_FEES, (oracle.oracle_rules, "impact_uusd"): 100 * DOLLAR}
TO_THE_HOUR = 30 * 60


def row(sim: Simulation) -> Any:
    """The funding row."""
    return sim.memory[funding.fundings][0]


def rates(sim: Simulation) -> Any:
    """All rates so far."""
    sim.tape.drain(sim.memory)
    return sim.tape.rows(funding.funding_events)


def sampled(premiums: list[int], **knobs: int) -> int:
    """The rate after an hour whose minutes had these premiums (ppb)."""
    sim = market(knobs={(funding.funding_rules, name): value for name, value in knobs.items()})
    go(sim, TO_THE_HOUR + 3_600 - 1)
    sim.memory[funding.samples]["premium_ppb"][: len(premiums)] = premiums
    row(sim)["samples"] = len(premiums)
    go(sim, 1)
    return int(row(sim)["rate_ppb"])


def test_the_premium_is_sampled_each_minute_that_has_an_impact_mid() -> None:
    """FUND-1: impact mid 100.24 over an index of 100; five minutes with quotes, five without."""
    sim = market(dollars=100_000, knobs=SMALL)
    perp(sim, ANN, BUY, 10_014, 200)
    perp(sim, ANN, SELL, 10_034, 200)
    go(sim, 300)
    matching.cancel_all(sim.world, ANN, 0)
    go(sim, 300)
    assert row(sim)["samples"] == 5
    assert sim.memory[funding.samples]["premium_ppb"][:5].tolist() == [2_400_000] * 5


def test_the_rate_is_the_mean_of_the_middle_half_over_the_divisor() -> None:
    """FUND-2: premiums of 1 .. 60 bp in some order: the middle 30 are 16 .. 45, mean 30.5 bp, over 24: 1.2708333 bp."""
    premiums = [100_000 * (1 + (7 * i) % 60 + (1 if i >= 60 else 0)) for i in range(60)]
    assert sorted(premiums) == [100_000 * n for n in range(1, 61)]
    assert sampled(premiums) == 3_050_000 // 24 == 127_083


def test_two_wild_quarters_do_not_matter() -> None:
    """FUND-2: fifteen minutes at -50 % and fifteen at +90 % around a premium of 24 bp: 1 bp an hour."""
    assert sampled([-500_000_000] * 15 + [2_400_000] * 30 + [900_000_000] * 15) == 100_000


def test_the_cap_and_the_sign() -> None:
    """FUND-2: 7 % over 24 is .29 %, held at .25 %; the same below; with divisor 1 a premium of .3 % reaches the cap."""
    assert sampled([70_000_000] * 60) == 2_500_000
    assert sampled([-70_000_000] * 60) == -2_500_000
    assert sampled([3_000_000] * 60, divisor=1) == 2_500_000
    assert sampled([-2_400_000] * 60) == -100_000


@pytest.mark.parametrize(
    ("premium", "divisor", "cap", "expected"),
    [(240, 24, 100, 10), (-240, 24, 100, -10), (-25, 24, 100, -1), (10**9, 1, 7, 7)],
)
def test_the_formula_of_the_rate(premium: int, divisor: int, cap: int, expected: int) -> None:
    """FUND-2: divided, rounded towards zero, held within the cap."""
    assert funding.clamped_rate(premium, divisor, cap) == expected


def test_too_few_samples_leave_the_previous_rate() -> None:
    """FUND-3: 29 samples do not make a rate, 30 do."""
    assert sampled([2_400_000] * 29) == 0
    assert sampled([2_400_000] * 30) == 100_000


def test_the_rate_of_one_hour_is_paid_in_the_next_on_the_index_at_its_start() -> None:
    """FUND-4: 10 bp for ten o'clock to eleven, index 100: a lot ($1) pays 1,000 micro-dollars, all of it after ten."""
    sim = market(dollars=100_000, knobs={**SMALL, (funding.funding_rules, "divisor"): 1})
    perp(sim, ANN, BUY, 10_000, 500)
    perp(sim, BOB, SELL, 10_000, 500)
    perp(sim, CAT, BUY, 10_000, 1_000)
    perp(sim, CAT, SELL, 10_020, 1_000)
    go(sim, TO_THE_HOUR - 1)
    assert (row(sim)["samples"], row(sim)["paid_pusd"]) == (29, 0)
    go(sim, 1)
    assert row(sim)["rate_ppb"] == 1_000_000
    assert row(sim)["hourly_pusd"] == 1_000 * 1_000_000
    assert usd(sim, ANN) == 100_000 * DOLLAR - 500 * DOLLAR
    go(sim, 1_800)
    assert funding.owed(sim.world, ANN, 0) == 250_000
    assert funding.owed(sim.world, BOB, 0) == -250_000
    go(sim, 1_800)
    assert usd(sim, ANN) == 100_000 * DOLLAR - 500 * DOLLAR - 500_000
    assert usd(sim, BOB) == 100_000 * DOLLAR + 500 * DOLLAR + 500_000
    first, second = rates(sim)
    assert (first["time_us"], first["rate_ppb"], first["samples"]) == (FRIDAY_OPEN + 30 * MINUTE, 1_000_000, 30)
    assert second["time_us"] == first["time_us"] + HOUR


def test_funding_is_settled_when_the_position_changes() -> None:
    """FUND-5: after a quarter of an hour at 1,000 micro-dollars an hour and lot Ann adds a lot and pays 10 x 250."""
    sim = market(dollars=100_000, knobs=NO_FEES)
    perp(sim, ANN, BUY, 10_000, 10)
    perp(sim, BOB, SELL, 10_000, 10)
    go(sim, TO_THE_HOUR)
    row(sim)["hourly_pusd"] = 1_000 * 1_000_000
    go(sim, 900)
    perp(sim, BOB, SELL, 10_000, 1)
    perp(sim, ANN, BUY, 10_000, 1)
    assert usd(sim, ANN) == 100_000 * DOLLAR - 11 * DOLLAR - 2_500
    go(sim, 900)
    assert funding.owed(sim.world, ANN, 0) == 11 * 250


def test_payers_are_rounded_up_receivers_down_and_crumbs_are_kept() -> None:
    """FUND-6: a rate of 1 micro-dollar an hour and lot; after 20 minutes a third of one is owed by each of 3 longs."""
    sim = market(dollars=1_000, knobs=NO_FEES)
    perp(sim, ANN, SELL, 10_000, 3)
    for account in (BOB, CAT):
        perp(sim, account, BUY, 10_000, 1)
    go(sim, TO_THE_HOUR)
    row(sim)["hourly_pusd"] = 1_000_000
    go(sim, 1_200)
    assert [funding.owed(sim.world, a, 0) for a in (ANN, BOB, CAT)] == [0, 1, 1]
    go(sim, 2_400)
    assert usd(sim, accounts.FUNDING) == 0 + 1 + 1 - 2
    assert sim.conservation_error() == 0


def test_what_accrues_in_odd_seconds_adds_up_to_the_hour() -> None:
    """FUND-5, FUND-6: 7 picodollars an hour leave crumbs each second, and none of them is lost over the hour."""
    sim = market()
    go(sim, TO_THE_HOUR)
    row(sim)["hourly_pusd"] = 7
    go(sim, 3_599)
    assert row(sim)["paid_pusd"] == 6
    go(sim, 1)
    assert (row(sim)["paid_pusd"], row(sim)["crumbs"]) == (7, 0)


def test_an_interval_of_eight_hours() -> None:
    """FUND-4: rates turn at 00, 08 and 16 o'clock UTC and are paid over eight hours."""
    sim = market(knobs={(funding.funding_rules, "interval_us"): 8 * HOUR, (funding.funding_rules, "samples_min"): 1})
    go(sim, TO_THE_HOUR)
    assert len(rates(sim)) == 0
    sim.memory[funding.samples]["premium_ppb"][0], row(sim)["samples"] = 24 * 800_000, 1
    go(sim, 3_600)
    (event,) = rates(sim)
    assert event["time_us"] % (8 * HOUR) == 0
    assert (event["rate_ppb"], event["hourly_pusd"]) == (800_000, 100 * 1_000_000)


# Other venues' forms -------------------------------------------------------------------------------------------------

EIGHT_HOURS = {(funding.funding_rules, "interval_us"): 8 * HOUR, (funding.funding_rules, "divisor"): 1}


def choice(column: str, word: str) -> dict[Any, int]:
    """A choice of the funding rules as a test gives it."""
    knob = spec_of(funding.funding_rules).columns[column]
    assert isinstance(knob, Knob)
    return {(funding.funding_rules, column): knob.choices.index(word)}


def quoted(bid: int, ask: int, knobs: dict[Any, int]) -> Simulation:
    """A market whose perp book has a share and more on either side."""
    sim = market(dollars=1_000_000, knobs={**SMALL, **knobs})
    perp(sim, CAT, BUY, bid, 1_000)
    perp(sim, CAT, SELL, ask, 1_000)
    return sim


@pytest.mark.parametrize(
    ("bid", "ask", "expected"),
    [(10_014, 10_034, 1_400_000), (9_950, 9_980, -2_000_000), (9_990, 10_010, 0)],
)
def test_the_premium_of_impact_prices(bid: int, ask: int, expected: int) -> None:
    """FUND-7: bid above the index, ask below it, and the index between them."""
    sim = quoted(bid, ask, choice("premium", "impact prices"))
    go(sim, 60)
    assert sim.memory[funding.samples]["premium_ppb"][0] == expected


def test_a_missing_side_of_impact_prices_counts_nothing() -> None:
    """FUND-7: without an ask the bid alone makes the premium; without a book it is 0, and a sample nevertheless."""
    sim = market(dollars=1_000_000, knobs={**SMALL, **choice("premium", "impact prices")})
    go(sim, 60)
    perp(sim, CAT, BUY, 10_050, 1_000)
    go(sim, 60)
    assert row(sim)["samples"] == 2
    assert sim.memory[funding.samples]["premium_ppb"][:2].tolist() == [0, 5_000_000]


@pytest.mark.parametrize(
    ("word", "expected"), [("once a minute", 2_000_000), ("mean of the minute", 1_050_000), ("median of the minute", 1_000_000)]
)  # fmt: skip
def test_what_stands_for_a_minute(word: str, expected: int) -> None:
    """FUND-7: 57 seconds at 10 bp and three at 20 bp, the last of them the one that ends the minute."""
    sim = quoted(10_000, 10_020, choice("sampling", word))
    go(sim, 57)
    matching.cancel_all(sim.world, CAT, 0)
    perp(sim, CAT, BUY, 10_010, 1_000)
    perp(sim, CAT, SELL, 10_030, 1_000)
    go(sim, 3)
    assert sim.memory[funding.samples]["premium_ppb"][0] == expected
    go(sim, 60)
    assert sim.memory[funding.samples]["premium_ppb"][1] == 2_000_000


def test_interest_and_clamp() -> None:
    """FUND-8: BitMEX's guide: quote 1.00 % and base 0.25 % a day are 0.25 % per 8 h, the rate while the premium is near it
    (V-F1); 0.05 % of band; beyond it the premium counts, less the band."""
    interest = (10_000_000 - 2_500_000) // 3
    assert funding.rate_of(funding.CLAMPED, interest, interest, 500_000, PPB, 1, PPB) == 2_500_000
    for premium, expected in ((-1_000_000, -500_000), (-400_000, 100_000), (0, 100_000), (600_000, 100_000), (700_000, 200_000)):  # fmt: skip
        assert funding.rate_of(funding.CLAMPED, premium, 100_000, 500_000, PPB, 1, PPB) == expected
    half = funding.rate_of(funding.CLAMPED, 700_000, 100_000, 500_000, PPB // 2, 1, PPB)
    assert half == 100_000


@given(st.integers(-(10**9), 10**9), st.integers(-(10**6), 10**6), st.integers(0, 10**7))
def test_inside_the_band_the_rate_is_the_interest(premium: int, interest: int, band: int) -> None:
    """FUND-8: flat over [interest - band, interest + band], slope one outside, no jump."""
    rate = funding.with_interest(premium, interest, band)
    if abs(premium - interest) <= band:
        assert rate == interest
    else:
        assert rate == premium + (band if premium < interest else -band)


@pytest.mark.parametrize(
    ("premium", "expected"), [(0, 0), (250_000, 0), (-250_000, 0), (300_000, 50_000), (-300_000, -50_000)]
)
def test_a_dead_band(premium: int, expected: int) -> None:
    """FUND-9: Deribit: max(0.025 %, premium) + min(-0.025 %, premium)."""
    assert funding.rate_of(funding.DEAD_BAND, premium, 0, 250_000, PPB, 1, PPB) == expected


def paid_over(word: str, on: str = "index") -> tuple[Simulation, int]:
    """Ann is long 500 lots ($500) when a rate of 1 % is made at 16:00 UTC; returns what she paid until 00:01 UTC."""
    knobs = {**EIGHT_HOURS, **choice("payment", word), **choice("paid_on", on), (funding.funding_rules, "samples_min"): 1, (funding.funding_rules, "cap_ppb"): PPB}  # fmt: skip
    sim = market(dollars=100_000, knobs={**NO_FEES, **knobs})
    perp(sim, BOB, SELL, 10_000, 500)
    perp(sim, ANN, BUY, 10_000, 500)
    go(sim, 90 * 60 - 1)
    sim.memory[funding.samples]["premium_ppb"][0], row(sim)["samples"] = 10_000_000, 1
    before = usd(sim, ANN)
    go(sim, 61)
    at_start = before - usd(sim, ANN)
    go(sim, 8 * 3_600 - 61)
    assert before - usd(sim, ANN) - at_start == (5 * DOLLAR * 7 // 8 if word == "accrued" else 0)
    go(sim, 1)
    assert usd(sim, ANN) + usd(sim, BOB) == 200_000 * DOLLAR
    return sim, at_start


def test_a_rate_accrues_or_is_paid_in_one_sum() -> None:
    """FUND-10: 1 % of $500 is $5: within the next eight hours, at their end, or at the instant the rate is made (and, where
    no sample made another, once more when the next interval ends: FUND-3)."""
    for word, first, later in (("accrued", 0, 5), ("next end", 0, 5), ("at once", 5, 5)):
        sim, at_start = paid_over(word)
        assert at_start == first * DOLLAR, word
        assert usd(sim, BOB) == 100_000 * DOLLAR + 500 * DOLLAR + (first + later) * DOLLAR, word


def test_a_sum_is_paid_on_the_mark_where_the_venue_says_so() -> None:
    """FUND-10: 1 % of a lot's value: at an index of 100 and a mark of 101 it is a cent, or a cent and a hundredth."""
    for on, expected in (("index", 10_000 * 1_000_000), ("mark", 10_100 * 1_000_000)):
        sim = market(knobs=choice("paid_on", on))
        sim.memory[oracle.oracles]["mark_ticks"] = 10_100
        funding.pay(sim.world, 0, 10_000_000)
        assert row(sim)["paid_pusd"] == expected


def test_who_has_left_before_the_end_pays_no_sum() -> None:
    """FUND-10: a position closed an hour before the funding time owes nothing, and one opened then owes all of it."""
    knobs = {**NO_FEES, **EIGHT_HOURS, **choice("payment", "next end")}
    sim = market(dollars=100_000, knobs=knobs)
    perp(sim, BOB, SELL, 10_000, 500)
    perp(sim, ANN, BUY, 10_000, 500)
    go(sim, 30 * 60)
    row(sim)["rate_ppb"] = 10_000_000
    perp(sim, ANN, SELL, 10_000, 500)
    perp(sim, CAT, BUY, 10_000, 500)
    go(sim, 3_600)
    assert usd(sim, ANN) == 100_000 * DOLLAR
    assert usd(sim, CAT) == 100_000 * DOLLAR - 500 * DOLLAR - 5 * DOLLAR


@pytest.mark.parametrize(
    ("now", "rate", "word", "expected"),
    [(8, 99, "to an hour", 8), (8, 100, "to an hour", 1), (8, -100, "halved", 4), (4, 100, "halved", 2), (1, 100, "halved", 1), (2, 99, "halved", 8), (8, 100, "stays", 8)],
)  # fmt: skip
def test_a_cap_that_shortens_the_interval(now: int, rate: int, word: str, expected: int) -> None:
    """FUND-11: Bybit goes to one hour; OKX from 8 to 4, 2 and 1 (rule of 2026-04-14); below the cap 8 again."""
    code = choice("at_cap", word)[funding.funding_rules, "at_cap"]
    assert funding.interval_after(now * HOUR, 8 * HOUR, rate, 100, code) == expected * HOUR


def test_a_market_at_its_cap_is_paid_every_hour() -> None:
    """FUND-11: 30 bp of premium over a cap of 25: rates at 16, 17 and 18 o'clock UTC, each for one hour."""
    knobs = {**EIGHT_HOURS, **choice("at_cap", "to an hour"), **choice("payment", "at once")}
    sim = quoted(10_020, 10_040, knobs)
    go(sim, (90 + 121) * 60)
    assert [(int(event["time_us"] - FRIDAY_OPEN) // MINUTE, int(event["interval_us"])) for event in rates(sim)] == [(90, HOUR), (150, HOUR), (210, HOUR)]  # fmt: skip
    assert rates(sim)["samples"].tolist()[1:] == [60, 60]
    assert (rates(sim)["rate_ppb"] == 2_500_000).all()


def test_a_market_that_stays_at_its_cap_is_halved_again() -> None:
    """FUND-11: OKX: from four hours to two, not from the full eight to four again."""
    sim = quoted(
        10_020, 10_040, {**EIGHT_HOURS, **choice("at_cap", "halved"), (funding.funding_rules, "samples_min"): 1}
    )
    row(sim)["interval_us"] = 4 * HOUR
    # Four hours from midnight UTC end at 16:00, ninety minutes after the start.
    go(sim, 90 * 60)
    assert (row(sim)["rate_ppb"], row(sim)["interval_us"]) == (2_500_000, 2 * HOUR)


def test_what_is_left_of_an_interval_runs_out_at_its_end() -> None:
    """ORC-8: half an hour before the full one, a second before it, at it (the mark there is still of the old rate), and after it."""
    sim = market()
    left = []
    for seconds in (0, TO_THE_HOUR - 1, 1, 1):
        go(sim, seconds)
        left.append(funding.left(sim.world, 0))
    assert left == pytest.approx([0.5, 1 / 3_600, 0.0, 3_599 / 3_600], abs=1e-12)


def test_no_premium_is_taken_of_an_index_that_is_not_there() -> None:
    """FUND-7, FUND-16: the book is full and the index missing: no premium of impact prices, nothing added to the averages."""
    for missing in (oracle.INDEX_MISSING, oracle.ALL_MISSING):
        sim = quoted(10_014, 10_034, choice("premium", "impact prices"))
        go(sim)
        assert funding.premium_now(sim.world, 0) == 1_400_000
        sim.memory[oracle.oracles]["state"] = missing
        assert funding.premium_now(sim.world, 0) == funding.NO_PREMIUM
        sim = quoted(10_014, 10_034, choice("sampling", "averages"))
        go(sim)
        seen = float(row(sim)["mids_usd"])
        sim.memory[oracle.oracles]["state"] = missing
        funding.vote(sim.world, 0)
        assert row(sim)["mids_usd"] == seen > 0


def test_interest_is_of_the_length_of_the_interval() -> None:
    """FUND-11: Bybit's 0.03 % / (24 / interval): 0.01 % per 8 h are 0.00125 % in an interval of one hour."""
    knobs = {**EIGHT_HOURS, **choice("form", "clamp"), (funding.funding_rules, "interest_ppb"): 100_000, (funding.funding_rules, "band_ppb"): 500_000}  # fmt: skip
    for hours, expected in ((8, 100_000), (1, 12_500)):
        sim = quoted(9_990, 10_010, {**knobs, (funding.funding_rules, "samples_min"): 1})
        row(sim)["interval_us"] = hours * HOUR
        # The first full hour is 15:00 UTC, the first full eight end at 16:00.
        go(sim, 30 * 60 if hours == 1 else 90 * 60)
        assert row(sim)["rate_ppb"] == expected


def test_what_is_wrong_with_an_interval_is_said_of_it() -> None:
    """FUND-4: three hours do not divide a day's eight; 61 samples do not fit into an hour."""
    for interval, least, column in ((3, 1, "interval_us"), (1, 61, "samples_min"), (8, 480, None)):
        wrong = funding.check(
            SimpleNamespace(interval_us=interval * HOUR, samples_min=least, weights=0, sampling=0, kept_ppb=PPB)
        )
        assert (wrong and wrong[0]) == column


@pytest.mark.parametrize(
    ("weights", "sampling", "kept", "column"),
    [("rising", "once a minute", PPB // 2, "kept_ppb"), ("alike", "each 5 s", PPB // 2, "kept_ppb"), ("rising", "averages", PPB, "weights"), ("rising", "each 5 s", PPB, None), ("alike", "once a minute", PPB // 2, None)],
)  # fmt: skip
def test_premiums_that_are_added_up_cannot_be_sorted(
    weights: str, sampling: str, kept: int, column: str | None
) -> None:
    """FUND-15: no middle share of what was added up as it came."""
    words = {**choice("weights", weights), **choice("sampling", sampling)}
    wrong = funding.check(
        SimpleNamespace(
            interval_us=HOUR, samples_min=1, kept_ppb=kept, **{name: code for (_, name), code in words.items()}
        )
    )
    assert (wrong and wrong[0]) == column


@pytest.mark.parametrize(("premium", "expected"), [(20_408_163, 858_673), (0, 8_333), (-5_000_000, -200_000), (-90_000_000, -1_262_541), (90_000_000, 1_262_541), (30_200_000, 1_262_541)])  # fmt: skip
def test_an_offset_and_a_bound_of_the_spread(premium: int, expected: int) -> None:
    """FUND-12: Drift v2, (spread + oracle / 5,000) / 24: 1 / 49 of premium (V-F13: 50 against 49), nothing, and the offset's own
    size; spread and offset together count up to 1 / 33 of the oracle (V-F15, tier B)."""
    assert funding.rate_of(funding.OFFSET, premium, 200_000, 30_301_000, PPB, 24, PPB) == expected


def test_a_rate_that_is_made_each_minute_and_accrues_from_then_on() -> None:
    """FUND-13: Deribit, 8 h basis: a premium of 30 bp beyond 2.5 bp of band is 27.5 bp for 8 h: a dollar's lot pays it as it
    stands, minute by minute, and nothing once the premium is inside the band."""
    knobs = {**EIGHT_HOURS, **choice("form", "dead band"), **choice("payment", "continuous"), (funding.funding_rules, "band_ppb"): 250_000, (funding.funding_rules, "cap_ppb"): PPB}  # fmt: skip
    sim = quoted(10_020, 10_040, knobs)
    go(sim, 60)
    assert (row(sim)["rate_ppb"], row(sim)["paid_pusd"]) == (2_750_000, 0)
    go(sim, 3_600)
    assert row(sim)["paid_pusd"] == 2_750 * 1_000_000 // 8
    matching.cancel_all(sim.world, CAT, 0)
    perp(sim, CAT, BUY, 9_990, 1_000)
    perp(sim, CAT, SELL, 10_010, 1_000)
    go(sim, 60)
    paid = int(row(sim)["paid_pusd"])
    go(sim, 4 * 3_600)
    assert (row(sim)["rate_ppb"], row(sim)["paid_pusd"]) == (0, paid)


def test_a_rate_that_jumps_within_the_hour_liquidates_in_time() -> None:
    """FUND-13, THR-1: Ann has $52 under $1,000 of perps. The rate jumps from nothing to 30 % for 8 h at the next minute; she is
    in liquidation from the second on in which her equity is below maintenance, and that is not at the full hour."""
    knobs = {**NO_FEES, **EIGHT_HOURS, **choice("form", "offset"), **choice("payment", "continuous"), **choice("premium", "impact prices"), (funding.funding_rules, "cap_ppb"): PPB, (funding.funding_rules, "band_ppb"): PPB}  # fmt: skip
    sim = market(2, dollars=52, knobs=knobs)
    sim.endow(BOB, accounts.USD, 100_000 * DOLLAR)
    perp(sim, BOB, SELL, 10_000, 1_000)
    perp(sim, ANN, BUY, 10_000, 1_000)
    go(sim, TO_THE_HOUR + 30)
    sim.memory[funding.funding_rules]["interest_ppb"] = 300_000_000
    while sim.equity(ANN) >= int(margin.required(sim.world, ANN)):
        assert sim.memory[liquidation.cases]["place"][ANN] == 0
        go(sim)
    assert sim.memory[liquidation.cases]["place"][ANN] > 0
    assert 40 * MINUTE < (sim.now_us - FRIDAY_OPEN) - TO_THE_HOUR * 1_000_000 < 50 * MINUTE


def over_half_an_hour(weights: str, sampling: str, later: tuple[int, int], price: float = 100.0) -> Simulation:
    """Half an hour before the full one: 20 minutes with 10 bp of premium, ten with other quotes (and another index)."""
    knobs = {**choice("weights", weights), **choice("sampling", sampling), (funding.funding_rules, "kept_ppb"): PPB, (funding.funding_rules, "divisor"): 1, (funding.funding_rules, "cap_ppb"): PPB, (funding.funding_rules, "samples_min"): 1}  # fmt: skip
    sim = quoted(10_000, 10_020, knobs)
    go(sim, 20 * 60)
    matching.cancel_all(sim.world, CAT, 0)
    put_price(sim, price)
    perp(sim, CAT, BUY, later[0], 1_000)
    perp(sim, CAT, SELL, later[1], 1_000)
    go(sim, 10 * 60 - 1)
    return sim


@pytest.mark.parametrize(
    ("weights", "sampling", "points"),
    [("rising", "once a minute", 29), ("rising", "mean of the minute", 29), ("rising", "each 5 s", 359), ("alike", "each 5 s", 359)],
)  # fmt: skip
def test_later_premiums_weigh_more_where_weights_rise(weights: str, sampling: str, points: int) -> None:
    """FUND-15: 10 bp until two thirds of the time are over, then 20: by minutes (Bybit) or each 5 s (Binance) the last third has
    more than half of the weight, each 5 s alike (Hyperliquid) a third of it."""
    sim = over_half_an_hour(weights, sampling, (10_010, 10_030))
    assert row(sim)["points"] == points
    early = points * 2 // 3 + 1
    go(sim)
    (event,) = rates(sim)
    premiums = [1_000_000] * early + [2_000_000] * (points + 1 - early)
    assert event["rate_ppb"] == weighted(premiums, weights)
    assert (event["rate_ppb"] > 1_500_000) == (weights == "rising")
    assert (row(sim)["points"], row(sim)["weighted_ppb"], row(sim)["samples"]) == (0, 0, 0)


def test_a_premium_of_averages() -> None:
    """FUND-16: 20 minutes of mid 100.10 over 100, ten of 104.52 over 104: (1,200 x .10 + 600 x .52) / (1,200 x 100 + 600 x 104)
    is 23.684 bp; the mean of the premiums would be 23.333."""
    sim = over_half_an_hour("alike", "averages", (10_442, 10_462), 104.0)
    go(sim)
    (event,) = rates(sim)
    assert event["rate_ppb"] == pytest.approx((1_200 * 0.10 + 600 * 0.52) / (1_200 * 100 + 600 * 104) * 1e9, rel=1e-3)
    assert (row(sim)["mids_usd"], row(sim)["indices_usd"]) == (0.0, 0.0)
    assert funding.premium_of_averages(50.0, 49.0) == pytest.approx(1 / 49, rel=1e-15)
