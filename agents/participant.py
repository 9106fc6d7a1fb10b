"""The authorised participant: he keeps the token at the stock's price while the stock is open.

Story. In regular hours he compares the token book with the stock. Where tokens are dearer than the stock, the fee and his
edge together, he buys shares, mints, and sells the tokens; where they are cheaper he buys tokens, redeems, and sells the
shares. Off hours the issuer does neither, and he sleeps: the peg then rests on inventory and expectation.
"""

from __future__ import annotations

from offhours.agents.desk import (
    BUY,
    IOC,
    REGULAR,
    SELL,
    TOKEN,
    best_usd,
    broker_dollars,
    buy_stock,
    dollars,
    held_shares,
    lots,
    mint,
    nap_us,
    order,
    phase,
    redeem,
    sell_stock,
    stock_open,
    stock_usd,
    tickers,
    ticks,
    token_shares,
    wire,
)
from offhours.sim.compile import kernel, rare
from offhours.sim.declare import A, Column, Knob, World, table


class Participant:
    """Knobs and state of an authorised participant."""

    mean_sleep_us: A[int, Knob("1 min", "us", "1 s", "1 day", "mean time between two looks", basis="chosen: creation desks are not fast; half or twice keeps the same peg")]  # fmt: skip
    edge_ppb: A[int, Knob("0.15 %", "ppb", "0 %", "10 %", "distance of token from stock beyond which he acts, the issuer's fee included", basis="measured: tokens return .98 on the stock's return in open hours with R2 .98, and premiums at the close have a median of 9 bp: the band is about 10 to 20 bp")]  # fmt: skip
    clip_uusd: A[int, Knob("$10,000", "uusd", "$10", "$10M", "size of one trade", basis="chosen: a few levels of the token book; half or twice: as many minutes more or fewer")]  # fmt: skip

    created: A[int, Column("i8", "count", "times he minted or redeemed")]


class NeutralStock:
    """His neutral stock of tokens (row = participant x T + ticker)."""

    tokens: A[float, Column("f8", "shares", "tokens at his first look")]
    looked: A[int, Column("i8", "flag", "1 after his first look")]


participants = table(Participant)
neutral_stocks = table(NeutralStock)


@kernel
@rare
def decide(world: World, crowd: World, agent: int, row: int) -> int:
    """Act on the gap between token and stock, then bring tokens and dollars back to where they are needed."""
    for ticker in range(tickers(world)):
        if phase(world) == REGULAR and stock_open(world, ticker):
            look(world, crowd, agent, row, ticker)
    return nap_us(world, crowd, agent, participants(crowd)[row].mean_sleep_us)


@kernel
def look(world: World, crowd: World, agent: int, row: int, ticker: int) -> None:
    """One ticker: sell dear tokens or buy cheap ones, then mint or redeem back to the neutral stock."""
    me, neutral = participants(crowd)[row], neutral_stocks(crowd)[row * tickers(world) + ticker]
    tokens, price = token_shares(world, crowd, agent, ticker), stock_usd(world, ticker)
    if neutral.looked == 0:
        neutral.looked = 1
        neutral.tokens = tokens
    clip, edge = me.clip_uusd / 1.0e6 / price, me.edge_ppb / 1.0e9
    bid, ask = best_usd(world, ticker, TOKEN, BUY), best_usd(world, ticker, TOKEN, SELL)
    if bid > price * (1.0 + edge) and tokens >= clip:
        order(world, crowd, agent, ticker, TOKEN, SELL, ticks(world, ticker, TOKEN, price * (1.0 + edge)), lots(world, ticker, TOKEN, clip), IOC, 0)  # fmt: skip
    elif ask > 0.0 and ask < price * (1.0 - edge) and dollars(world, crowd, agent) > 1.02 * clip * price:
        order(world, crowd, agent, ticker, TOKEN, BUY, ticks(world, ticker, TOKEN, price * (1.0 - edge)), lots(world, ticker, TOKEN, clip), IOC, 0)  # fmt: skip
    rebalance(world, crowd, agent, row, ticker, tokens - neutral.tokens, clip, price)


@kernel
def rebalance(world: World, crowd: World, agent: int, row: int, ticker: int, excess: float, clip: float, price: float) -> None:  # fmt: skip
    """Redeem tokens beyond the neutral stock and sell the shares; mint what is missing; wire dollars after them."""
    if excess > clip:
        if redeem(world, crowd, agent, ticker, excess) == 0:
            participants(crowd)[row].created += 1
            sell_stock(world, crowd, agent, ticker, min(excess, held_shares(world, crowd, agent, ticker)))
            wire(world, crowd, agent, 1, min(excess * price, broker_dollars(world, crowd, agent)))
    elif excess < -clip and broker_dollars(world, crowd, agent) > -1.02 * excess * price:
        if buy_stock(world, crowd, agent, ticker, -excess) == 0 and mint(world, crowd, agent, ticker, -excess) == 0:
            participants(crowd)[row].created += 1
            wire(world, crowd, agent, 0, min(-excess * price, dollars(world, crowd, agent)))
