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

from offhours.sim.compile import kernel, rare
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
from offhours.sim.market.attention import note_change
from offhours.sim.market.clock import REGULAR, clock, phase
from offhours.sim.market.collateral import active, standing
from offhours.sim.market.halts import halted
from offhours.sim.market.margin import spare
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
from offhours.sim.market.transit import NOTHING, TOKENS, arrived, deliveries, drop, full, send


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


issuer_rules = table(IssuerRules)
issued = table(Issued)


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
    send(world, TOKENS, clock(world)[0].now_us + delay_us, account, asset, ushares)


@kernel
@rare
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
    row = arrived(world, TOKENS, 0)
    while row != NOTHING:
        d = deliveries(world)[row]
        _hand_out(world, d.account, d.asset, d.amount)
        drop(world, TOKENS, row)
        row = arrived(world, TOKENS, row)


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
    if full(world, TOKENS):
        return QUEUE_FULL
    transfer(world, BROKER_USD, account, ISSUER, fee, MINT)
    return ACCEPTED
