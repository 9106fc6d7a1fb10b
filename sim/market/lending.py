"""Lending: a lender with a finite stock of tokens and dollars, a rate that rises as it runs out, and recall.

LEND-1  Tokens and dollars that are borrowed come from the lender's own; what is not there is not lent. Sold short is what was
        borrowed: nobody delivers a token that he does not hold.
LEND-2  Who borrows a token lacks no initial margin, and has it to spare for having sold it; who borrows dollars has a share of
        them to spare.
LEND-3  Rate a year by utilisation: two straight lines that meet at the kink. It is charged in dollars at each full hour on the
        value at the index, rounded up, to the lender.
LEND-4  Where more than a share of a token is lent at a full hour, the lender calls what is beyond it, from all borrowers in
        proportion, and lends no more of it until that is met. What is not given back when the notice ends is bought in the
        token book.
LEND-5  What all accounts owe is what the lender has lent, and lent and left are its stock.
"""

from __future__ import annotations

from typing import Any

from offhours.sim.compile import kernel, rare
from offhours.sim.declare import A, Column, Knob, World, table
from offhours.sim.market.accounts import HOUSES, LENDER, LOAN, USD, available, token_asset, transfer
from offhours.sim.market.attention import frozen, note_change
from offhours.sim.market.clock import clock
from offhours.sim.market.collateral import DOLLARS, active, call, called, owed, standing, value_at_index, write_loan
from offhours.sim.market.margin import cash, spare
from offhours.sim.market.matching import ACCEPTED, BAD_SIZE, IN_LIQUIDATION, NOT_ENOUGH_FUNDS, NOT_ENOUGH_MARGIN, refuse
from offhours.sim.market.money import PPB, nearest, share_up

HOURS_A_YEAR = 8760


class LendingRules:
    """How one token is lent."""

    stock_uusd: A[int, Knob("$0", "uusd", "$0", "$10B", "value of the tokens the lender begins with; $0: nobody can borrow", basis="chosen: off, because no public lender of xStocks states its stock; half or twice of nothing is nothing")]  # fmt: skip
    base_ppb: A[int, Knob("1 %", "ppb", "0 %", "900 %", "rate a year when nothing is lent", basis="literature: general collateral of US stocks is lent at .25 to 1 % a year; not half, because a token has fewer lenders; not twice, because that is already special")]  # fmt: skip
    kink_ppb: A[int, Knob("80 %", "ppb", "1 %", "99 %", "share lent at which the rate begins to rise fast", basis="literature: Aave and Kamino reserves put the kink at 80 to 90 %")]  # fmt: skip
    kink_rate_ppb: A[int, Knob("8 %", "ppb", "0 %", "900 %", "rate a year at the kink", basis="literature: Kamino and Aave reserves charge 5 to 12 % at the kink; half or twice moves what carry must pay a short")]  # fmt: skip
    full_rate_ppb: A[int, Knob("80 %", "ppb", "0 %", "900 %", "rate a year when all is lent", basis="literature: Aave and Kamino reserves reach 60 to 100 %; hard-to-borrow stocks reach it too; half or twice: shorts return tokens later or sooner")]  # fmt: skip
    recall_ppb: A[int, Knob("95 %", "ppb", "0 %", "100 %", "share lent above which the lender calls the rest back", basis="chosen: a lender keeps something to pay out; not half, because it would never lend most of it; not twice, because more than all cannot be lent")]  # fmt: skip
    notice_us: A[int, Knob("24h", "us", "1 h", "30 days", "time between the call and the buy-in", basis="chosen: stock loans are recalled for the next settlement, a day; not half, because borrowers sleep; not twice, because a week-end would pass")]  # fmt: skip


class DollarRules:
    """How dollars are lent for tokens on margin; one row."""

    stock_uusd: A[int, Knob("$0", "uusd", "$0", "$100B", "dollars the lender begins with; $0: nobody can borrow", basis="chosen: off; half or twice of nothing is nothing")]  # fmt: skip
    base_ppb: A[int, Knob("4 %", "ppb", "0 %", "900 %", "rate a year when nothing is lent", basis="literature: the Fed funds rate of 2026 is near 4 %; half or twice is another regime of rates")]  # fmt: skip
    kink_ppb: A[int, Knob("90 %", "ppb", "1 %", "99 %", "share lent at which the rate begins to rise fast", basis="literature: Aave dollar reserves put the kink at 90 %")]  # fmt: skip
    kink_rate_ppb: A[int, Knob("8 %", "ppb", "0 %", "900 %", "rate a year at the kink", basis="literature: Aave dollar reserves charge 5 to 9 % at the kink; half or twice moves the hurdle of whoever buys on margin")]  # fmt: skip
    full_rate_ppb: A[int, Knob("60 %", "ppb", "0 %", "900 %", "rate a year when all is lent", basis="literature: Aave dollar reserves reach 40 to 75 %; half or twice: loans come back later or sooner")]  # fmt: skip
    initial_ppb: A[int, Knob("50 %", "ppb", "1 %", "100 %", "equity that must be spare for a dollar borrowed", basis="rule: Kraken Pro, spot margin on xStocks, read 2026-04-29, lends up to 3x: one dollar of one's own for two borrowed")]  # fmt: skip


class Lent:
    """One row per what is lent: DOLLARS, then each ticker's token at ticker + 1."""

    stock: A[int, Column("i8", "micro-unit", "what the lender began with")]
    out: A[int, Column("i8", "micro-unit", "of it, lent now")]
    rate_ppb: A[int, Column("i8", "ppb", "rate a year charged at the last full hour")]
    fees_uusd: A[int, Column("i8", "uusd", "fees received so far")]
    due_us: A[int, Column("i8", "us", "when what was called is bought in; 0 where nothing is called")]
    bought_in: A[int, Column("i8", "micro-unit", "bought in so far")]


lending_rules = table(LendingRules)
dollar_rules = table(DollarRules)
lent = table(Lent)


def check(rules: Any) -> tuple[str, str] | None:
    """Relations between the knobs of this room."""
    if not rules.base_ppb <= rules.kink_rate_ppb <= rules.full_rate_ppb:
        return "kink_rate_ppb", "the rate rises with what is lent: base, then kink, then full"
    return None


@kernel
def yearly_rate(share: float, base_ppb: int, kink_ppb: int, kink_rate_ppb: int, full_rate_ppb: int) -> int:
    """Rate a year by the share lent: two straight lines (LEND-3). ppb, nearest."""
    kink = kink_ppb / PPB
    if share <= kink:
        return nearest(base_ppb + (kink_rate_ppb - base_ppb) * share / kink)
    return nearest(kink_rate_ppb + (full_rate_ppb - kink_rate_ppb) * (share - kink) / (1.0 - kink))


@kernel
def begin(world: World, what: int, stock: int) -> None:
    """Say what the lender begins with; it is endowed with it."""
    lent(world)[what].stock = stock


@kernel
def asset_of(what: int) -> int:
    """The asset that is lent as DOLLARS or ticker + 1."""
    return USD if what == DOLLARS else token_asset(what - 1)


@kernel
def dollar_value(world: World, what: int, quantity: int) -> int:
    """Dollars (micro) of what is lent, tokens at the index, rounded up."""
    return quantity if what == DOLLARS else -value_at_index(world, what - 1, -quantity)


@kernel
def rate(world: World, what: int) -> int:
    """Rate a year for what is lent now, ppb (LEND-3)."""
    row = lent(world)[what]
    share = row.out / row.stock if row.stock > 0 else 0.0
    if what == DOLLARS:
        d = dollar_rules(world)[0]
        return yearly_rate(share, d.base_ppb, d.kink_ppb, d.kink_rate_ppb, d.full_rate_ppb)
    r = lending_rules(world)[what - 1]
    return yearly_rate(share, r.base_ppb, r.kink_ppb, r.kink_rate_ppb, r.full_rate_ppb)


@kernel
def borrow(world: World, account: int, what: int, quantity: int) -> int:
    """Borrow dollars (DOLLARS) or a ticker's token (ticker + 1). ACCEPTED or a refusal (LEND-1, LEND-2)."""
    if quantity <= 0:
        return refuse(world, BAD_SIZE)
    if frozen(world, account):
        return refuse(world, IN_LIQUIDATION)
    if active(world) == 0 or lent(world)[what].due_us != 0 or quantity > available(world, LENDER, asset_of(what)):
        return refuse(world, NOT_ENOUGH_FUNDS)
    if what == DOLLARS:
        needed = share_up(quantity, dollar_rules(world)[0].initial_ppb)
    else:
        needed = max(0, -standing(world, account, what - 1, -quantity) - value_at_index(world, what - 1, quantity))
    if needed > spare(world, account):
        return refuse(world, NOT_ENOUGH_MARGIN)
    transfer(world, asset_of(what), LENDER, account, quantity, LOAN)
    write_loan(world, account, what, quantity)
    lent(world)[what].out += quantity
    note_change(world, account)
    return ACCEPTED


@kernel
def give_back(world: World, account: int, what: int, quantity: int) -> None:
    """Return part of a loan; dollars may go below zero by it."""
    transfer(world, asset_of(what), account, LENDER, quantity, LOAN)
    write_loan(world, account, what, -quantity)
    lent(world)[what].out -= quantity
    note_change(world, account)


@kernel
def returnable(world: World, account: int, what: int) -> int:
    """How much of a loan an account has at hand to give back."""
    held = cash(world, account) if what == DOLLARS else available(world, account, asset_of(what))
    return max(0, min(owed(world, account, what), held))


@kernel
def repay(world: World, account: int, what: int, quantity: int) -> int:
    """Give back what one has of a loan, at most so much. ACCEPTED or a refusal."""
    back = min(quantity, returnable(world, account, what))
    if back <= 0:
        return refuse(world, BAD_SIZE if quantity <= 0 else NOT_ENOUGH_FUNDS)
    give_back(world, account, what, back)
    return ACCEPTED


@kernel
@rare
def turn(world: World) -> None:
    """At a full hour: charge everybody who owes, and call what is lent beyond the lender's share (LEND-3, LEND-4)."""
    if active(world) == 0:
        return
    for what in range(1 + clock(world)[0].tickers):
        if lent(world)[what].out > 0:
            _charge(world, what)
            if what != DOLLARS:
                most = share_up(lent(world)[what].stock, lending_rules(world)[what - 1].recall_ppb)
                _review(world, what, lent(world)[what].out - most)


@kernel
def _charge(world: World, what: int) -> None:
    row = lent(world)[what]
    row.rate_ppb = rate(world, what)
    hourly_ppb = -(-row.rate_ppb // HOURS_A_YEAR)
    for account in range(HOUSES, clock(world)[0].accounts):
        quantity = owed(world, account, what)
        if quantity > 0:
            fee = share_up(dollar_value(world, what, quantity), hourly_ppb)
            transfer(world, USD, account, LENDER, fee, LOAN)
            row.fees_uusd += fee
            note_change(world, account)


@kernel
def _review(world: World, what: int, beyond: int) -> None:
    """Call what is lent beyond the lender's share, where no call is open; one that has been met ends."""
    if beyond > 0 and lent(world)[what].due_us == 0:
        recall(world, what, beyond)
    elif beyond <= 0 and lent(world)[what].due_us != 0:
        lent(world)[what].due_us = 0
        for account in range(HOUSES, clock(world)[0].accounts):
            call(world, account, what, 0)


@kernel
def recall(world: World, what: int, quantity: int) -> None:
    """Call so much of what is lent of a token, from all borrowers in proportion, rounded up (LEND-4)."""
    row = lent(world)[what]
    assert 0 < quantity <= row.out
    for account in range(HOUSES, clock(world)[0].accounts):
        loan = owed(world, account, what)
        if loan > 0:
            call(world, account, what, min(loan, int(loan * (quantity / row.out)) + 1))
    row.due_us = clock(world)[0].now_us + lending_rules(world)[what - 1].notice_us


@kernel
def overdue(world: World, account: int, what: int) -> int:
    """What an account should have given back by now."""
    due_us = lent(world)[what].due_us
    return called(world, account, what) if 0 < due_us <= clock(world)[0].now_us else 0


@kernel
def note_bought_in(world: World, what: int, quantity: int) -> None:
    """Count what was bought for a borrower who did not give back."""
    lent(world)[what].bought_in += quantity
