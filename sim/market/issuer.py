"""The issuer: tokens against shares in custody, one for one, while the stock's market is open.

ISS-1  Mint: shares go to the custodian, as many tokens come out. Redeem: tokens go back, shares come out.
ISS-2  Only in regular hours; in any other phase, a halt included, it is refused.
ISS-3  A fee on the value is paid to the issuer in dollars at the broker, rounded against the payer.
ISS-4  Tokens outstanding equal shares in custody after every action.
ISS-5  Tokens that count as collateral are redeemed only while initial margin stays covered.
"""

from __future__ import annotations

from offhours.sim.compile import kernel
from offhours.sim.declare import A, Column, Knob, World, table
from offhours.sim.market.accounts import (
    BROKER_USD,
    CUSTODIAN,
    ISSUER,
    MINT,
    available,
    share_asset,
    token_asset,
    transfer,
)
from offhours.sim.market.clock import REGULAR, phase
from offhours.sim.market.collateral import active, standing
from offhours.sim.market.halts import halted
from offhours.sim.market.margin import note_change, spare
from offhours.sim.market.matching import (
    ACCEPTED,
    BAD_SIZE,
    MARKET_CLOSED,
    NOT_ENOUGH_FUNDS,
    NOT_ENOUGH_MARGIN,
    refuse,
)
from offhours.sim.market.money import nearest, share_up


class IssuerRules:
    """One row per token."""

    fee_ppb: A[int, Knob("0.1 %", "ppb", "0 %", "10 %", "fee of minting and redeeming, share of the stock's value", basis="chosen: the fee for xStocks was not found; not half, because redemption of comparable tokens costs far more in stress; not twice, because token books track the stock within 10 bp in open hours")]  # fmt: skip
    size_min_ushares: A[int, Knob("1", "ushares", "0.000001", "1000000", "smallest mint or redemption, shares", basis="chosen: the minimum for xStocks was not found; one share; neither half nor twice changes what a participant does with hundreds")]  # fmt: skip


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
    transfer(world, share_asset(ticker), account, CUSTODIAN, ushares, MINT)
    transfer(world, token_asset(ticker), ISSUER, account, ushares, MINT)
    note_change(world, account)
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
    transfer(world, token_asset(ticker), account, ISSUER, ushares, MINT)
    note_change(world, account)
    transfer(world, share_asset(ticker), CUSTODIAN, account, ushares, MINT)
    issued(world)[ticker].redeemed_ushares += ushares
    return ACCEPTED


@kernel
def _admit(world: World, account: int, ticker: int, ushares: int, asset: int, price_usd: float) -> int:
    """Check hours, size, holdings and fee (ISS-2, ISS-3), and charge the fee where all is well."""
    if phase(world) != REGULAR or halted(world, ticker) == 1:
        return MARKET_CLOSED
    rules = issuer_rules(world)[ticker]
    if ushares < rules.size_min_ushares:
        return BAD_SIZE
    fee = share_up(nearest(ushares * price_usd), rules.fee_ppb)
    if ushares > available(world, account, asset) or fee > available(world, account, BROKER_USD):
        return NOT_ENOUGH_FUNDS
    transfer(world, BROKER_USD, account, ISSUER, fee, MINT)
    return ACCEPTED


# Formulas of issuers --------------------------------------------------------------------------------------------------


def shown_tokens(raw: float, multiplier: float) -> float:
    """Balance that a holder sees: raw tokens x multiplier (Backed token contract; Solana scaled UI amount)."""
    return raw * multiplier


def multiplier_after_split(multiplier: float, new: float, old: float) -> float:
    """Multiplier after a split of `new` shares for `old` ones."""
    return multiplier * new / old


def multiplier_after_period(multiplier: float, fee: float) -> float:
    """Multiplier after a period's fee (Backed token contract: once in 24 h)."""
    return multiplier * (1 - fee)


def stock_price_of(token_price: float, multiplier: float) -> float:
    """Price of a share that a token's price stands for (Bybit: token price / multiplier)."""
    return token_price / multiplier
