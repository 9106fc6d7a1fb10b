"""The ledger: account x asset, and the one function that moves anything.

LEDGER-1  Every asset sums to zero over all accounts: houses, issuer, custodian, broker and the outside world included.
LEDGER-2  One function, `transfer`, moves any asset; every transfer of dollars at the venue is booked under a flow, and
          what reaches or leaves a broker's account from outside under one of its own, so that results exclude it.
LEDGER-3  Dollars at the broker and shares are separate assets: no margin at the venue.
LEDGER-4  An isolated position is a bucket: an account of its own with a parent. Its funding, fees and loss touch only it.
LEDGER-5  Tokens outstanding equal shares in custody.
"""

from __future__ import annotations

from offhours.sim.compile import kernel
from offhours.sim.declare import A, Column, World, table
from offhours.sim.market.clock import clock

OUTSIDE, VENUE, FUNDING, BACKSTOP, ISSUER, CUSTODIAN, BROKER, NOBODY, POOL, INSURANCE, LENDER = (
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
)  # fmt: skip
HOUSES = 11
HOUSE_NAMES = (
    "outside world", "venue fees", "funding clearing", "backstop", "issuer", "custodian", "broker", "nobody",
    "liquidity pool", "insurance fund", "lender",
)  # fmt: skip

USD, BROKER_USD = 0, 1

PERP_TRADE, TOKEN_TRADE, FEE, FUNDING_PAID, LIQUIDATION_FEE, TAKEOVER, TAKEOVER_EDGE, SHORTFALL, ENDOWMENT, DEPOSIT, MINT, STOCK_TRADE, BUCKET, ASSIGNMENT_EDGE, SLIPPAGE_COVER, DELEVERAGED, SOCIALISED, INTEREST, LOAN, COLLATERAL_SALE, BROKER_DEPOSIT = (
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
)  # fmt: skip
FLOWS = 21
FLOW_NAMES = (
    "perp trade", "token trade", "fee", "funding", "liquidation fee", "takeover", "takeover edge", "shortfall paid",
    "endowment", "deposit", "mint and redeem", "stock trade", "bucket", "assignment edge", "slippage cover",
    "deleveraged", "socialised", "interest", "loan", "collateral sale", "broker deposit",
)  # fmt: skip

NO_PARENT = -1


class Account:
    """One row an account: houses first, then agents, then isolated buckets."""

    group: A[int, Column("i8", "row", "group the account reports under; a house is a group of its own")]
    member: A[int, Column("i8", "number", "number within the group")]
    parent: A[int, Column("i8", "account", "the account a bucket belongs to, or NO_PARENT")]
    who: A[int, Column("i8", "key", "key of the person for draws, from group name and number")]


class Balance:
    """One row per account and asset (row = account x assets + asset)."""

    amount: A[int, Column("i8", "micro-unit", "what is owned; dollars at the venue may be negative")]
    reserved: A[int, Column("i8", "micro-unit", "part of it promised to resting spot orders")]


class Flow:
    """One row per group and kind of flow (row = group x FLOWS + flow): net dollars received at the venue.

    The last kind, BROKER_DEPOSIT, counts dollars at the broker that came from outside.
    """

    amount: A[int, Column("i8", "uusd", "received minus paid")]


accounts = table(Account)
balances = table(Balance)
flows = table(Flow)


@kernel
def token_asset(ticker: int) -> int:
    """Number of the asset `token of ticker`."""
    return 2 + 2 * ticker


@kernel
def share_asset(ticker: int) -> int:
    """Number of the asset `share of ticker` (held at the broker)."""
    return 3 + 2 * ticker


@kernel
def balance_row(world: World, account: int, asset: int) -> int:
    """Row of the balance table."""
    return account * (2 + 2 * clock(world)[0].tickers) + asset


@kernel
def amount(world: World, account: int, asset: int) -> int:
    """What an account owns of an asset, in micro-units."""
    return balances(world)[balance_row(world, account, asset)].amount


@kernel
def available(world: World, account: int, asset: int) -> int:
    """What an account owns and has not promised, in micro-units."""
    b = balances(world)[balance_row(world, account, asset)]
    return b.amount - b.reserved


@kernel
def reserved(world: World, account: int, asset: int) -> int:
    """What an account has promised to resting spot orders, in micro-units."""
    return balances(world)[balance_row(world, account, asset)].reserved


@kernel
def transfer(world: World, asset: int, payer: int, payee: int, quantity: int, flow: int) -> None:
    """Move `quantity` micro-units of an asset from one account to another and book it under a flow."""
    assert quantity >= 0
    balances(world)[balance_row(world, payer, asset)].amount -= quantity
    balances(world)[balance_row(world, payee, asset)].amount += quantity
    if asset == USD:
        flows(world)[accounts(world)[payer].group * FLOWS + flow].amount -= quantity
        flows(world)[accounts(world)[payee].group * FLOWS + flow].amount += quantity
    elif asset == BROKER_USD and flow == DEPOSIT:
        flows(world)[accounts(world)[payer].group * FLOWS + BROKER_DEPOSIT].amount -= quantity
        flows(world)[accounts(world)[payee].group * FLOWS + BROKER_DEPOSIT].amount += quantity


@kernel
def reserve(world: World, account: int, asset: int, quantity: int) -> None:
    """Promise (or, negative, release) part of a balance."""
    b = balances(world)[balance_row(world, account, asset)]
    b.reserved += quantity
    assert b.reserved >= 0


@kernel
def open_account(world: World, account: int, group: int, member: int, parent: int, who: int) -> None:
    """Write an account's row when the market is built."""
    a = accounts(world)[account]
    a.group = group
    a.member = member
    a.parent = parent
    a.who = who
