"""Tokens as collateral: what they count for, who is looked at, how they are sold (COLL-1 to COLL-3, CONV-1 to CONV-4)."""

from __future__ import annotations

from typing import Any

import pytest

from offhours.sim.market import accounts, attention, collateral, conversion, fees, issuer, liquidation, margin, matching
from offhours.sim.market.orders import REDUCE_ONLY
from plain.market import (
    ANN,
    BOB,
    BUY,
    CAT,
    DOLLAR,
    NO_FEES,
    SELL,
    SHARE,
    Simulation,
    go,
    jump,
    leave,
    lots_of,
    market,
    perp,
    put_price,
    token,
    usd,
)

TENTH = 100_000_000
TOKEN = accounts.token_asset(0)


def pledged(people: int = 3, haircut_ppb: int = TENTH, **more: Any) -> Simulation:
    """A market without fees in which tokens count, less a tenth."""
    knobs = {**NO_FEES, (collateral.collateral_rules, "haircut_ppb"): haircut_ppb, **more.pop("knobs", {})}
    return market(people, knobs=knobs, **more)


def sales(sim: Simulation) -> Any:
    """All forced trades in token books so far."""
    sim.tape.drain(sim.memory)
    return sim.tape.rows(conversion.collateral_events)


def give(sim: Simulation, account: int, dollars: float, tokens: float) -> None:
    """Endow an account."""
    sim.endow(account, accounts.USD, round(dollars * DOLLAR))
    sim.endow(account, TOKEN, round(tokens * SHARE))


def long_of_cat(sim: Simulation, lots: int, dollars: float = 0, tokens: float = 2) -> None:
    """Ann, with what she is given, buys perps at $100 from Cat, who has dollars enough."""
    give(sim, ANN, dollars, tokens)
    give(sim, CAT, 100_000, 0)
    perp(sim, ANN, BUY, 10_000, lots)
    perp(sim, CAT, SELL, 10_000, lots)


def test_tokens_count_at_the_index_less_the_haircut_up_to_the_cap() -> None:
    """COLL-1, MARG-1: 2 tokens at $100 less a tenth are $180; at $60 a share of $108; with a cap of $150 no more than that."""
    sim = pledged(dollars=100, shares_of_tokens=2)
    assert sim.equity(ANN) == 280 * DOLLAR
    jump(sim, 60.0)
    assert sim.equity(ANN) == 208 * DOLLAR
    assert margin.dollar_equity(sim.world, ANN) == 100 * DOLLAR
    assert margin.withdrawable(sim.world, ANN) == 100 * DOLLAR
    capped = pledged(dollars=100, shares_of_tokens=2, knobs={(collateral.collateral_rules, "cap_uusd"): 150 * DOLLAR})
    assert capped.equity(ANN) == 250 * DOLLAR


def test_tokens_are_no_collateral_by_default() -> None:
    """COLL-1: the haircut is 100 % unless a rulebook says otherwise."""
    sim = market(dollars=100, shares_of_tokens=2)
    assert sim.equity(ANN) == 100 * DOLLAR
    assert perp(sim, ANN, BUY, 10_000, 3_000) == matching.NOT_ENOUGH_MARGIN


def test_tokens_carry_a_position_of_a_ticker_that_is_not_theirs() -> None:
    """COLL-1, MARG-2: two tokens of the first ticker carry $3,600 of the second at 20x, and not a lot more."""
    sim = pledged(shares_of_tokens=0, tickers=2)
    give(sim, ANN, 0, 2)
    assert sim.place(ANN, 2, BUY, 10_000, 3_601) == matching.NOT_ENOUGH_MARGIN
    assert sim.place(ANN, 2, BUY, 10_000, 3_600) == matching.ACCEPTED


def test_a_fall_of_the_index_alone_is_seen() -> None:
    """THR-1, COLL-1: 3,000 lots of the second perp need $75; 2 tokens of the first, $180, fall with their index alone.

    At an index of $41.67 they count for $75.006, a cent lower for less.
    """
    sim = pledged(tickers=2)
    give(sim, ANN, 0, 2)
    sim.endow(BOB, accounts.USD, 10_000 * DOLLAR)
    sim.place(ANN, 2, BUY, 10_000, 3_000)
    sim.place(BOB, 2, SELL, 10_000, 3_000)
    for price, frozen in ((80.0, 0), (50.0, 0), (41.67, 0), (41.66, 1)):
        jump(sim, price)
        assert (attention.frozen(sim.world, ANN), sim.equity(ANN) < 75 * DOLLAR) == (frozen, bool(frozen)), price


def test_a_long_on_its_own_token_fails_earlier_than_one_on_dollars() -> None:
    """COLL-1: both are long $2,000 and have $200 of margin; Ann's is 2.2222 tokens less a tenth, and falls with the mark.

    Ann: 200 (1 - x) - 2000 x = 50 (1 - x) at x = 150/2150 = 7.0 %; Bob: 200 - 2000 x = 50 (1 - x) at x = 150/1950 = 7.7 %.
    """
    sim = pledged(3)
    give(sim, ANN, 0, 200 / 90)
    give(sim, BOB, 200, 0)
    give(sim, CAT, 10_000, 0)
    for account in (ANN, BOB):
        assert perp(sim, account, BUY, 10_000, 2_000) == matching.ACCEPTED
    perp(sim, CAT, SELL, 10_000, 4_000)
    failed = {}
    for tick in range(9_400, 9_200, -1):
        jump(sim, tick / 100)
        for account in (ANN, BOB):
            if attention.frozen(sim.world, account) and account not in failed:
                failed[account] = tick
    assert failed == {ANN: 9_302, BOB: 9_230}


def test_in_liquidation_positions_close_first_and_then_tokens_are_sold() -> None:
    """CONV-2: the mark falls 8.3 %; Cat takes Ann's perp at the mark, then as many of her tokens as the loss of $166 costs at
    the band's edge; what the sale at $91.60 brings beyond that stays hers."""
    sim = pledged(3, knobs={(conversion.conversion_rules, "limit_uusd"): 10**15})
    long_of_cat(sim, 2_000, tokens=200 / 90)
    jump(sim, 91.7)
    token(sim, CAT, BUY, 9_160, 100_000)
    perp(sim, CAT, BUY, 9_170, 2_000)
    before = usd(sim, ANN, TOKEN)
    go(sim, 30)
    rows = sales(sim)
    fills = sim.tape.rows(liquidation.liquidation_events)
    assert lots_of(sim, ANN) == 0
    assert fills["time_us"].max() < rows["time_us"].min()
    assert set(rows["cause"].tolist()) == {conversion.WOUND_UP}
    assert usd(sim, ANN) >= 0
    assert fills["shortfall_uusd"].sum() == 0
    assert before - usd(sim, ANN, TOKEN) == rows["size_lots"].sum() * 100
    assert attention.frozen(sim.world, ANN) == 0
    assert usd(sim, accounts.POOL) == rows["fee_uusd"].sum()
    assert sim.audit() == []


def test_bad_debt_is_what_remains_when_the_tokens_are_gone() -> None:
    """CONV-2, BACK-2: a gap of 50 %; the tokens bring $49 each, all of them, and the rest is the shortfall."""
    sim = pledged(3)
    long_of_cat(sim, 2_000)
    jump(sim, 50.0)
    token(sim, CAT, BUY, 4_900, 100_000)
    perp(sim, CAT, BUY, 5_000, 1_000)
    go(sim, 30)
    events = sim.tape.rows(liquidation.liquidation_events)
    closed = 1_000 * DOLLAR - events["value_uusd"][events["ticker"] >= 0].sum()
    assert closed == 0
    assert usd(sim, ANN, TOKEN) == 0
    assert sales(sim)["value_uusd"].sum() == 98 * DOLLAR
    assert events["shortfall_uusd"].sum() == 1_000 * DOLLAR - 98 * DOLLAR
    assert sim.audit() == []


def test_a_debtor_sells_tokens_that_were_no_collateral_too() -> None:
    """CONV-2: with the default haircut tokens count nothing as margin, and are sold before anybody else pays."""
    sim = market(3, knobs=NO_FEES)
    long_of_cat(sim, 2_000, dollars=100, tokens=1)
    jump(sim, 93.0)
    token(sim, CAT, BUY, 9_300, 100_000)
    perp(sim, CAT, BUY, 9_300, 2_000)
    go(sim, 30)
    assert lots_of(sim, ANN) == 0
    assert sim.tape.rows(liquidation.liquidation_events)["shortfall_uusd"].sum() == 0
    assert sales(sim)["value_uusd"].sum() >= 40 * DOLLAR
    assert sim.audit() == []


def test_an_empty_token_book_is_waited_for() -> None:
    """CONV-2: nothing is booked as a shortfall while tokens are left; an hour later somebody bids."""
    sim = market(3, knobs=NO_FEES)
    long_of_cat(sim, 2_000, dollars=100, tokens=1)
    jump(sim, 93.0)
    perp(sim, CAT, BUY, 9_300, 2_000)
    go(sim, 3_600)
    assert (attention.frozen(sim.world, ANN), usd(sim, ANN)) == (1, -40 * DOLLAR)
    token(sim, CAT, BUY, 9_200, 100_000)
    go(sim, 3)
    assert (attention.frozen(sim.world, ANN), usd(sim, ANN) >= 0) == (0, True)
    assert sim.tape.rows(liquidation.liquidation_events)["shortfall_uusd"].sum() == 0


def test_dollars_owed_beyond_the_limit_sell_tokens_of_a_well_account() -> None:
    """CONV-1: Ann realises a loss of $30 on tokens worth $180 of margin. With a limit of $20 tokens for $30 are sold, at most 1 %
    below the index; the pool has half a percent of what they brought."""
    sim = pledged(3, knobs={(conversion.conversion_rules, "limit_uusd"): 20 * DOLLAR})
    long_of_cat(sim, 1_000)
    jump(sim, 97.0)
    token(sim, CAT, BUY, 9_690, 100_000)
    perp(sim, CAT, BUY, 9_700, 1_000)
    assert perp(sim, ANN, SELL, 9_700, 600, matching.IOC, REDUCE_ONLY) == matching.ACCEPTED
    go(sim, 3)
    assert (margin.cash(sim.world, ANN), len(sales(sim))) == (-18 * DOLLAR, 0), "below the limit nothing is sold"
    matching.cancel_all(sim.world, CAT, 1)
    token(sim, CAT, BUY, 9_600, 10_000)
    perp(sim, ANN, SELL, 9_700, 400, matching.IOC, REDUCE_ONLY)
    go(sim, 3)
    assert len(sales(sim)) == 0, "nobody bids within 1 % of the index"
    token(sim, CAT, BUY, 9_690, 100_000)
    go(sim, 3)
    rows = sales(sim)
    lots = -(-30 * DOLLAR // (9_603 * 995 // 1_000))
    assert rows["size_lots"].tolist() == [lots]
    assert rows["value_uusd"].tolist() == [lots * 9_690]
    assert rows["fee_uusd"].tolist() == [lots * 9_690 * 5 // 1_000]
    assert (rows["cause"].tolist(), attention.frozen(sim.world, ANN)) == ([conversion.CONVERTED], 0)
    assert usd(sim, ANN) == -30 * DOLLAR + lots * 9_690 - lots * 9_690 * 5 // 1_000
    assert sim.audit() == []


def test_unrealised_losses_sell_nothing() -> None:
    """CONV-1: a long pays for its position with dollars it does not have; only what is realised is owed."""
    sim = pledged(3, knobs={(conversion.conversion_rules, "limit_uusd"): 1})
    long_of_cat(sim, 1_000)
    token(sim, CAT, BUY, 9_690, 100_000)
    jump(sim, 97.0)
    go(sim, 5)
    assert usd(sim, ANN) == -1_000 * DOLLAR
    assert len(sales(sim)) == 0


def test_the_fall_of_the_index_by_sales_is_recorded() -> None:
    """CONV-4: a sale of $70 takes the best bids of a book whose impact mid is made of $100 a side; it falls by half of what the
    bid side falls, and the record says by how much."""
    probe = {(conversion.oracle_rules, "probe_uusd"): 100 * DOLLAR}
    sim = pledged(3, pinned=False, knobs={(conversion.conversion_rules, "limit_uusd"): 10 * DOLLAR, **probe})
    give(sim, ANN, 0, 2)
    give(sim, CAT, 100_000, 100)
    for price, lots in ((9_990, 10_000), (9_980, 100_000)):
        token(sim, CAT, BUY, price, lots)
    token(sim, CAT, SELL, 10_010, 100_000)
    accounts.transfer(sim.world, accounts.USD, ANN, accounts.OUTSIDE, 70 * DOLLAR, accounts.DEPOSIT)
    attention.note_change(sim.world, ANN)
    go(sim, 1.5)
    row = sales(sim)[0]
    left = 10_000 - int(row["size_lots"])
    bid = (9_990 * left + 9_980 * (10_000 - left)) / 10_000
    before, after = (9_990 + 10_010) / 2, (bid + 10_010) / 2
    assert row["fall_ppb"] == pytest.approx((before - after) / before * 1e9, abs=2)
    state = sim.memory[conversion.conversions][0]
    assert (state["sold_lots"], state["sold_uusd"], state["fall_ppb"]) == (
        row["size_lots"],
        row["value_uusd"],
        row["fall_ppb"],
    )


def test_a_sale_of_tokens_leaves_initial_margin_covered() -> None:
    """MATCH-4: Ann's 2 tokens carry all she may have; sold at $89 they would count for less than they do, at $90 for the same."""
    sim = pledged(3)
    long_of_cat(sim, 3_600)
    assert token(sim, ANN, SELL, 8_900, 100) == matching.NOT_ENOUGH_MARGIN
    assert token(sim, ANN, SELL, 9_000, 20_000) == matching.ACCEPTED


def test_trouble_in_one_ticker_sells_another_and_no_bucket() -> None:
    """MARG-1, ENG-1: Ann is long $300 of the first perp and $1,500 of the second with $100. The first falls by a quarter; the
    second, whose price stands, is sold, because it has the larger share of maintenance. Her bucket keeps its position."""
    sim = market(3, tickers=2, buckets=[ANN], knobs=NO_FEES)
    bucket = CAT + 1
    sim.endow(ANN, accounts.USD, 120 * DOLLAR)
    sim.endow(CAT, accounts.USD, 100_000 * DOLLAR)
    assert margin.move(sim.world, ANN, bucket, 20 * DOLLAR) == 1
    for account, number, lots in ((ANN, 0, 300), (ANN, 2, 1_500), (bucket, 2, 100)):
        assert sim.place(account, number, BUY, 10_000, lots) == matching.ACCEPTED
        sim.place(CAT, number, SELL, 10_000, lots)
    sim.place(CAT, 2, BUY, 9_990, 5_000)
    put_price(sim, 75.0)
    go(sim, 5)
    first = sim.tape.rows(liquidation.liquidation_events)[0]
    assert (first["account"], first["ticker"], first["mark_ticks"]) == (ANN, 1, 10_000)
    assert lots_of(sim, ANN, 0) == 300
    assert lots_of(sim, ANN, 1) < 1_500
    assert (lots_of(sim, bucket, 1), attention.frozen(sim.world, bucket)) == (100, 0)
    assert sim.audit() == []


def test_values_are_rounded_against_the_account() -> None:
    """COLL-3: a millionth of a token at $99.99 less a tenth is 89.991 micro-dollars: 89 count; owed, the 99.99 are 100."""
    sim = pledged()
    jump(sim, 99.99)
    assert [collateral.value_at_index(sim.world, 0, n) for n in (1, -1, 100, -101)] == [99, -100, 9_999, -10_099]
    assert [collateral.counted(sim.world, 0, n) for n in (1, -1, 0)] == [89, -100, 0]
    assert [collateral.needed(sim.world, 0, n, 500_000_000) for n in (1, -1, -101)] == [0, 50, 5_050]


def test_the_token_that_is_worth_most_is_sold_first_and_no_more_than_is_needed() -> None:
    """CONV-3: Ann owes $40 and holds $50 of the first token and $100 of the second: the second is sold, and the first kept."""
    knobs = {(conversion.conversion_rules, "limit_uusd"): 10 * DOLLAR, (conversion.conversion_rules, "fee_ppb"): 0}
    sim = pledged(tickers=2, knobs=knobs)
    sim.endow(ANN, TOKEN, SHARE // 2)
    sim.endow(ANN, accounts.token_asset(1), SHARE)
    sim.endow(CAT, accounts.USD, 100_000 * DOLLAR)
    for number in (1, 3):
        sim.place(CAT, number, BUY, 9_900, 100_000)
    accounts.transfer(sim.world, accounts.USD, ANN, accounts.OUTSIDE, 40 * DOLLAR, accounts.DEPOSIT)
    attention.note_change(sim.world, ANN)
    go(sim, 4)
    rows = sales(sim)
    assert rows[["book", "size_lots"]].tolist() == [(3, -(-40 * DOLLAR // 9_900))]
    assert usd(sim, ANN, TOKEN) == SHARE // 2


def test_collateral_is_not_redeemed_from_under_a_position() -> None:
    """ISS-5: two tokens carry all that Ann may have; without a position she may redeem them."""
    sim = pledged()
    give(sim, ANN, 0, 2)
    sim.endow(ANN, accounts.BROKER_USD, 100 * DOLLAR)
    sim.place(ANN, 0, BUY, 10_000, 3_600)
    assert issuer.redeem(sim.world, ANN, 0, SHARE, 100.0) == matching.NOT_ENOUGH_MARGIN
    matching.cancel_all(sim.world, ANN, 0)
    assert issuer.redeem(sim.world, ANN, 0, SHARE, 100.0) == matching.ACCEPTED
    assert sim.audit() == []


def test_at_the_limit_nothing_is_sold_yet() -> None:
    """CONV-1: below minus the limit, not at it."""
    sim = pledged(2, knobs={(conversion.conversion_rules, "limit_uusd"): 20 * DOLLAR})
    give(sim, ANN, 0, 2)
    give(sim, CAT - 1, 100_000, 0)
    token(sim, CAT - 1, BUY, 9_990, 100_000)
    for owed, sold in ((20 * DOLLAR, 0), (20 * DOLLAR + 1, 1)):
        leave(sim, ANN, 180 * DOLLAR - owed)
        go(sim, 2)
        assert len(sales(sim)) == sold


@pytest.mark.parametrize(
    ("first", "second", "haircut_ppb", "sold"), [(1, 1, TENTH, 1), (2, 1, 10**9, 3), (1, 2, TENTH, 3)]
)
def test_of_what_is_collateral_the_dearest_is_converted(first: int, second: int, haircut_ppb: int, sold: int) -> None:
    """CONV-1, CONV-3: of two worth alike the first ticker's; one that is no collateral is not sold, though it is worth more."""
    sim = pledged(2, tickers=2, knobs={(conversion.conversion_rules, "limit_uusd"): 20 * DOLLAR})
    sim.memory[collateral.collateral_rules]["haircut_ppb"][0] = haircut_ppb
    for ticker, tokens in enumerate((first, second)):
        sim.endow(ANN, accounts.token_asset(ticker), tokens * SHARE)
    give(sim, CAT - 1, 100_000, 0)
    for number in (1, 3):
        sim.place(CAT - 1, number, BUY, 9_990, 100_000)
    leave(sim, ANN, sim.equity(ANN) - 30 * DOLLAR)
    go(sim, 2)
    assert sales(sim)["book"].tolist() == [sold]


def test_tokens_that_count_already_are_not_counted_twice() -> None:
    """ADL-3, COLL-1: what an account could sell beside its equity are tokens that are no collateral, less 1 % and 0.5 %."""
    sim = pledged(1, tickers=2)
    sim.memory[collateral.collateral_rules]["haircut_ppb"][1] = 10**9
    for ticker in range(2):
        sim.endow(ANN, accounts.token_asset(ticker), SHARE)
    assert conversion.sellable(sim.world, ANN) == 98_500_000


def test_selling_what_is_not_promised_changes_the_margin_of_that_alone() -> None:
    """COLL-1, COLL-2: Ann owns two tokens, one of them promised: another one sold takes $90, a third one costs $150 more."""
    sim = pledged(1, knobs={(collateral.collateral_rules, "cap_uusd"): 10**12})
    give(sim, ANN, 1_000, 2)
    token(sim, ANN, SELL, 10_500, 10_000)
    assert collateral.standing(sim.world, ANN, 0, -SHARE) == -90 * DOLLAR
    assert collateral.standing(sim.world, ANN, 0, -2 * SHARE) == (-90 - 150) * DOLLAR
    sim.memory[collateral.loans]["owed"][ANN * 2 + 1] = 3 * SHARE
    assert collateral.standing(sim.world, ANN, 0, SHARE) == 150 * DOLLAR


@pytest.mark.parametrize(("bid", "sold"), [(9_899, 0), (9_900, 1)])
def test_a_conversion_goes_no_further_than_its_limit(bid: int, sold: int) -> None:
    """CONV-1: a percent of 99.99 is 99 ticks and a bit."""
    sim = pledged(2, knobs={(conversion.conversion_rules, "limit_uusd"): 20 * DOLLAR})
    give(sim, ANN, 0, 2)
    give(sim, BOB, 100_000, 0)
    jump(sim, 99.99)
    token(sim, BOB, BUY, bid, 100_000)
    leave(sim, ANN, sim.equity(ANN) - 30 * DOLLAR)
    go(sim, 2)
    assert len(sales(sim)) == sold


def test_a_conversion_counts_its_fees_and_sells_no_promised_token() -> None:
    """CONV-3: $30 at 99.00 less 0.5 % and a taker's 1 % are 3,077 lots of 9,751; while the order is on its way Ann promises all but
    500 to another, and 500 are sold."""
    for promised in (0, 9_500):
        sim = pledged(2, knobs={(conversion.conversion_rules, "limit_uusd"): 20 * DOLLAR})
        sim.memory[fees.fee_rules]["taker_ppb"][1] = 10_000_000
        give(sim, ANN, 0, 1)
        give(sim, BOB, 100_000, 0)
        token(sim, BOB, BUY, 9_990, 100_000)
        leave(sim, ANN, sim.equity(ANN) - 30 * DOLLAR)
        go(sim, 1.05)
        if promised:
            assert token(sim, ANN, SELL, 10_500, promised) == matching.ACCEPTED
        go(sim, 0.5)
        assert sales(sim)["size_lots"].tolist() == [500 if promised else -(-30 * DOLLAR // 9_751)]
