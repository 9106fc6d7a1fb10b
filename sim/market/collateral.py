"""Collateral: what an account's tokens count for beside its dollars, and what borrowed tokens and dollars take away.

COLL-1  Tokens owned less tokens borrowed count at index x (1 - haircut), for each ticker up to a cap; 100 % is the default,
        with which tokens are no collateral.
COLL-2  Tokens borrowed beyond those owned are owed at the index and need margin on their value; borrowed dollars are owed.
COLL-3  What counts, what is owed and what it needs are rounded against the account.
"""

from __future__ import annotations

from typing import Any

from offhours.sim.compile import kernel, rare
from offhours.sim.declare import A, Column, Knob, World, table
from offhours.sim.market.accounts import amount, reserved, token_asset
from offhours.sim.market.book import book_rules, books
from offhours.sim.market.clock import clock
from offhours.sim.market.money import PPB, share_down, share_up
from offhours.sim.market.oracle import oracles

DOLLARS = 0
"""Column of the loan table that holds dollars; the token of ticker k has k + 1."""


class CollateralRules:
    """What one token counts for."""

    haircut_ppb: A[int, Knob("100 %", "ppb", "0 %", "100 %", "part of a token's value that does not count as margin; 100 %: it is no collateral", basis="rule: Kraken multi-collateral futures, read 2026-04-29: balance x (1 - haircut); no haircut of an xStock was found, so tokens count nothing unless a rulebook says otherwise; not half, because that would be a guess; there is no twice")]  # fmt: skip
    cap_uusd: A[int, Knob("$1,000,000", "uusd", "$0", "$10B", "most that one account's tokens of a ticker count for", basis="chosen: the backstop's capital, so that one account's tokens cannot be worth more than what stands behind them; half or twice moves it with that capital")]  # fmt: skip
    short_initial_ppb: A[int, Knob("50 %", "ppb", "1 %", "100 %", "initial margin on the value of tokens owed beyond those owned", basis="rule: Regulation T, 12 CFR 220.12, as of 2026: 150 % of a short sale's value, the proceeds and half of it; not half, because a quarter is maintenance; not twice, because that is no loan")]  # fmt: skip
    short_maintenance_ppb: A[int, Knob("25 %", "ppb", "0.5 %", "100 %", "maintenance margin on that value", basis="chosen: half of initial, as for perps; not half of that, because a week-end gap of 9 % would pass it; not twice, because it would be initial margin")]  # fmt: skip


class Pledge:
    """One row: whether anything here counts."""

    active: A[int, Column("i8", "flag", "1 where a token counts as collateral or something can be borrowed")]


class Loan:
    """One row per account and what is lent (row = account x (1 + T) + DOLLARS or ticker + 1); a single one where nothing is."""

    owed: A[int, Column("i8", "micro-unit", "borrowed and not given back")]
    called: A[int, Column("i8", "micro-unit", "part of it that the lender wants back")]


collateral_rules = table(CollateralRules)
pledges = table(Pledge)
loans = table(Loan)


def check(rules: Any) -> tuple[str, str] | None:
    """Relations between the knobs of this room."""
    if rules.short_maintenance_ppb > rules.short_initial_ppb:
        return "short_maintenance_ppb", "maintenance margin of borrowed tokens is at most their initial margin"
    return None


@kernel
def begin(world: World, active: int) -> None:
    """Say whether anything counts here."""
    pledges(world)[0].active = active


@kernel
def active(world: World) -> int:
    """1 where tokens or loans count in anybody's margin."""
    return pledges(world)[0].active


@kernel
def loan_row(world: World, account: int, what: int) -> int:
    """Row of the loan table for DOLLARS or ticker + 1."""
    return account * (1 + clock(world)[0].tickers) + what


@kernel
def owed(world: World, account: int, what: int) -> int:
    """What an account has borrowed and not given back, micro-units of dollars or of a token."""
    if pledges(world)[0].active == 0:
        return 0
    return loans(world)[loan_row(world, account, what)].owed


@kernel
def called(world: World, account: int, what: int) -> int:
    """The part of it that the lender wants back."""
    if pledges(world)[0].active == 0:
        return 0
    return loans(world)[loan_row(world, account, what)].called


@kernel
def write_loan(world: World, account: int, what: int, change: int) -> None:
    """Enter what was lent (positive) or given back; a call is met first."""
    loan = loans(world)[loan_row(world, account, what)]
    loan.owed += change
    loan.called = max(0, loan.called + min(change, 0))
    assert loan.owed >= 0


@kernel
def call(world: World, account: int, what: int, quantity: int) -> None:
    """The lender wants so much back."""
    loan = loans(world)[loan_row(world, account, what)]
    loan.called = min(quantity, loan.owed)


@kernel
def value_at_index(world: World, ticker: int, utokens: int) -> int:
    """Dollars (micro) of a signed quantity of tokens at the index, rounded towards minus infinity (COLL-3)."""
    token_book = 2 * ticker + 1
    per_lot = oracles(world)[ticker].index_ticks * books(world)[token_book].unit_uusd
    lot = book_rules(world)[token_book].lot_ushares
    return utokens // lot * per_lot + utokens % lot * per_lot // lot


@kernel
@rare
def counted(world: World, ticker: int, utokens: int) -> int:
    """What a net quantity of tokens adds to equity (COLL-1), or takes from it where it is owed (COLL-2). Micro-dollars."""
    value = value_at_index(world, ticker, utokens)
    if utokens <= 0:
        return value
    rules = collateral_rules(world)[ticker]
    return min(rules.cap_uusd, share_down(value, PPB - rules.haircut_ppb))


@kernel
@rare
def needed(world: World, ticker: int, utokens: int, rate_ppb: int) -> int:
    """Margin of a net quantity of tokens at a rate: of what is owed only (COLL-2). Micro-dollars."""
    return share_up(-value_at_index(world, ticker, utokens), rate_ppb) if utokens < 0 else 0


@kernel
@rare
def net_tokens(world: World, account: int, ticker: int) -> int:
    """Tokens owned less tokens borrowed, micro-tokens."""
    return amount(world, account, token_asset(ticker)) - owed(world, account, ticker + 1)


@kernel
def worth(world: World, account: int) -> int:
    """What tokens and loans add to an account's equity, micro-dollars (COLL-1, COLL-2)."""
    if pledges(world)[0].active == 0:
        return 0
    total = -owed(world, account, DOLLARS)
    for ticker in range(clock(world)[0].tickers):
        utokens = net_tokens(world, account, ticker)
        if utokens != 0:
            total += counted(world, ticker, utokens)
    return total


@kernel
def margin_of_loans(world: World, account: int, initial: int) -> int:
    """Initial (1) or maintenance (0) margin of the tokens an account owes beyond those it owns, micro-dollars (COLL-2).

    For the initial margin tokens promised to resting orders are taken as sold.
    """
    if pledges(world)[0].active == 0:
        return 0
    total = 0
    for ticker in range(clock(world)[0].tickers):
        utokens = net_tokens(world, account, ticker)
        if initial:
            utokens -= reserved(world, account, token_asset(ticker))
        if utokens < 0:
            rules = collateral_rules(world)[ticker]
            total += needed(world, ticker, utokens, rules.short_initial_ppb if initial else rules.short_maintenance_ppb)
    return total


@kernel
def standing(world: World, account: int, ticker: int, change: int) -> int:
    """What a change of an account's tokens does to its spare margin, dollars apart, micro-dollars.

    Tokens promised to resting orders are taken as sold.
    """
    rules = collateral_rules(world)[ticker]
    before = net_tokens(world, account, ticker) - reserved(world, account, token_asset(ticker))
    after = before + change
    return (
        counted(world, ticker, after)
        - needed(world, ticker, after, rules.short_initial_ppb)
        - counted(world, ticker, before)
        + needed(world, ticker, before, rules.short_initial_ppb)
    )


@kernel
@rare
def exposure(world: World, account: int, ticker: int) -> float:
    """Most that equity less maintenance margin loses when an index moves, micro-dollars per 1 of relative move."""
    utokens = net_tokens(world, account, ticker)
    if utokens > 0:
        return float(counted(world, ticker, utokens))
    rate = collateral_rules(world)[ticker].short_maintenance_ppb
    return -value_at_index(world, ticker, utokens) * (1.0 + rate / PPB)
