"""The issuer: tokens against shares in custody, one for one, while the stock's market is open.

ISS-1  Mint: shares go to the custodian, as many tokens come out. Redeem: tokens go back, shares come out.
ISS-2  Only in regular hours; in any other phase, a halt included, it is refused.
ISS-3  A fee on the value is paid to the issuer in dollars at the broker, rounded against the payer.
ISS-4  Tokens outstanding equal shares in custody after every action.
ISS-5  Tokens that count as collateral are redeemed only while initial margin stays covered.
ISS-6  What is minted or redeemed arrives after the settlement time. Until then the custodian holds what was handed in for
       redemption, and shares handed in to be minted are on their way to him.
ISS-7  Where tokens are not convertible, nobody mints or redeems.
"""

from __future__ import annotations

from offhours.sim.compile import kernel
from offhours.sim.declare import A, Column, Knob, World, table
from offhours.sim.market.accounts import (
    BROKER_USD,
    CUSTODIAN,
    ISSUER,
    MINT,
    OUTSIDE,
    available,
    share_asset,
    token_asset,
    transfer,
)
from offhours.sim.market.clock import REGULAR, clock, phase
from offhours.sim.market.collateral import active, standing
from offhours.sim.market.halts import halted
from offhours.sim.market.margin import note_change, spare
from offhours.sim.market.matching import (
    ACCEPTED,
    BAD_SIZE,
    MARKET_CLOSED,
    NOT_ENOUGH_FUNDS,
    NOT_ENOUGH_MARGIN,
    QUEUE_FULL,
    refuse,
)
from offhours.sim.market.money import nearest, share_up

NEVER = 1 << 62


class IssuerRules:
    """One row per token."""

    fee_ppb: A[int, Knob("0.1 %", "ppb", "0 %", "10 %", "fee of minting and redeeming, share of the stock's value", basis="chosen: the fee for xStocks was not found; not half, because redemption of comparable tokens costs far more in stress; not twice, because token books track the stock within 10 bp in open hours")]  # fmt: skip
    size_min_ushares: A[int, Knob("1", "ushares", "0.000001", "1000000", "smallest mint or redemption, shares", basis="chosen: the minimum for xStocks was not found; one share; neither half nor twice changes what a participant does with hundreds")]  # fmt: skip
    settlement_us: A[int, Knob("0 s", "us", "0 s", "10 days", "time from a mint or redemption to its delivery", basis="rule: Kraken support, xStocks FAQ, as of 2026: instant or near-instant, by smart contract")]  # fmt: skip
    converts: A[int, Knob("yes", "flag", "no", "yes", "whether tokens are made of shares and turned back into them", basis="rule: xStocks are minted and redeemed one for one against shares in custody; issuer's EU prospectus, as of 2025")]  # fmt: skip


class Issued:
    """One row per token: what was made and taken back."""

    minted_ushares: A[int, Column("i8", "ushares", "minted so far")]
    redeemed_ushares: A[int, Column("i8", "ushares", "redeemed so far")]


class Settling:
    """Tokens and shares on the way; row 0 holds their number in `ushares` and the earliest arrival in `due_us`."""

    due_us: A[int, Column("i8", "us", "when they arrive")]
    account: A[int, Column("i8", "account", "who receives them")]
    asset: A[int, Column("i8", "asset", "what he receives: tokens of a mint, shares of a redemption")]
    ushares: A[int, Column("i8", "ushares", "how many")]


issuer_rules = table(IssuerRules)
issued = table(Issued)
settlings = table(Settling)


@kernel
def begin(world: World) -> None:
    """Nothing is on the way."""
    settlings(world)[0].due_us = NEVER


@kernel
def mint(world: World, account: int, ticker: int, ushares: int, price_usd: float) -> int:
    """Turn shares at the broker into tokens; `price_usd` is the stock's, for the fee. ACCEPTED or a refusal."""
    code = _admit(world, account, ticker, ushares, share_asset(ticker), price_usd)
    if code != ACCEPTED:
        return refuse(world, code)
    transfer(world, share_asset(ticker), account, OUTSIDE, ushares, MINT)
    _send(world, account, ticker, token_asset(ticker), ushares)
    issued(world)[ticker].minted_ushares += ushares
    return ACCEPTED


@kernel
def redeem(world: World, account: int, ticker: int, ushares: int, price_usd: float) -> int:
    """Turn tokens into shares at the broker; `price_usd` is the stock's, for the fee. ACCEPTED or a refusal."""
    if active(world) and spare(world, account) + standing(world, account, ticker, -ushares) < 0:
        return refuse(world, NOT_ENOUGH_MARGIN)
    code = _admit(world, account, ticker, ushares, token_asset(ticker), price_usd)
    if code != ACCEPTED:
        return refuse(world, code)
    transfer(world, token_asset(ticker), account, CUSTODIAN, ushares, MINT)
    note_change(world, account)
    _send(world, account, ticker, share_asset(ticker), ushares)
    issued(world)[ticker].redeemed_ushares += ushares
    return ACCEPTED


@kernel
def _send(world: World, account: int, ticker: int, asset: int, ushares: int) -> None:
    """Deliver at once, or put on the way what arrives later (ISS-6)."""
    delay_us = issuer_rules(world)[ticker].settlement_us
    if delay_us == 0:
        _hand_out(world, account, asset, ushares)
        return
    row = settlings(world)[0].ushares + 1
    s = settlings(world)[row]
    s.due_us = clock(world)[0].now_us + delay_us
    s.account = account
    s.asset = asset
    s.ushares = ushares
    settlings(world)[0].ushares = row
    settlings(world)[0].due_us = min(settlings(world)[0].due_us, s.due_us)


@kernel
def _hand_out(world: World, account: int, asset: int, ushares: int) -> None:
    """The tokens of a mint, or the shares of a redemption: tokens outstanding and shares in custody change together (ISS-4)."""
    if asset % 2 == 0:
        transfer(world, asset + 1, OUTSIDE, CUSTODIAN, ushares, MINT)
        transfer(world, asset, ISSUER, account, ushares, MINT)
    else:
        transfer(world, asset - 1, CUSTODIAN, ISSUER, ushares, MINT)
        transfer(world, asset, CUSTODIAN, account, ushares, MINT)
    note_change(world, account)


@kernel
def deliver(world: World) -> None:
    """Hand out what has arrived by now (ISS-6)."""
    now_us = clock(world)[0].now_us
    if settlings(world)[0].due_us > now_us:
        return
    earliest = NEVER
    row, count = 1, settlings(world)[0].ushares
    while row <= count:
        s = settlings(world)[row]
        if s.due_us <= now_us:
            _hand_out(world, s.account, s.asset, s.ushares)
            last = settlings(world)[count]
            s.due_us = last.due_us
            s.account = last.account
            s.asset = last.asset
            s.ushares = last.ushares
            count -= 1
        else:
            earliest = min(earliest, s.due_us)
            row += 1
    settlings(world)[0].ushares = count
    settlings(world)[0].due_us = earliest


@kernel
def _admit(world: World, account: int, ticker: int, ushares: int, asset: int, price_usd: float) -> int:
    """Check hours, size, holdings and fee (ISS-2, ISS-3, ISS-7), and charge the fee where all is well."""
    rules = issuer_rules(world)[ticker]
    if phase(world) != REGULAR or halted(world, ticker) == 1 or rules.converts == 0:
        return MARKET_CLOSED
    if ushares < rules.size_min_ushares:
        return BAD_SIZE
    fee = share_up(nearest(ushares * price_usd), rules.fee_ppb)
    if ushares > available(world, account, asset) or fee > available(world, account, BROKER_USD):
        return NOT_ENOUGH_FUNDS
    if settlings(world)[0].ushares + 1 >= len(settlings(world)):
        return QUEUE_FULL
    transfer(world, BROKER_USD, account, ISSUER, fee, MINT)
    return ACCEPTED
