"""Funding arbitrageurs: long the token and short the perp while that pays, or the reverse, within finite capital.

Story. He compares what holding the pair should bring over his horizon (funding, and the part of the basis that he expects to
be gone by then) with what a round trip through both books costs at the quotes he sees, and whether both books hold a clip. Beyond that and his hurdle he enters,
a clip at a time: tokens bought for cash against perps sold on margin, or tokens sold against perps bought, first those of his
inventory, then borrowed ones where somebody lends them at a rate that still leaves him something.
He leaves where holding on would cost him more than his hurdle. In between he does nothing. (The trade of He, Manela, Ross
and von Wachter, arXiv 2212.06888; that margin on one leg and an asset on the other is what breaks it: Shleifer and Vishny,
J. Finance 52, 1997.)

The margin is on one leg alone, so a price that leaves his wealth as it was can end him: he keeps dollars for a share of his
perps, sends for more from his broker in bank hours, and below a floor cuts both legs. A leg that did not fill, or that a
liquidation or a deleveraging has taken, leaves him uneven. He learns it at a look, that is after the venue's message had its
way to him, and evens it out in the market, a clip a second: with the perp where the pair is still worth holding and his
margin allows it, otherwise by closing the other leg. Those orders are marked as repairs. What he was worth at his last
even look, less what he is worth when he is even again, is what the break has cost him.
"""

from __future__ import annotations

from offhours.agents.desk import (
    BUY,
    IOC,
    LEG_TAKEN,
    PERP,
    REPAIR,
    SELL,
    TOKEN,
    agents,
    best_usd,
    borrow_tokens,
    borrowing_rate,
    broker_dollars,
    coming_funding,
    deposit,
    fund_bucket,
    funding_rate,
    gross_usd,
    impact_usd,
    in_liquidation,
    index_usd,
    latency_us,
    lot_shares,
    lots,
    mid_usd,
    nap_us,
    now_us,
    order,
    owed_shares,
    position_lots,
    position_shares,
    premium,
    return_tokens,
    spare_usd,
    taker_fee,
    tickers,
    ticks,
    token_shares,
    trading_equity_usd,
    travelling_usd,
    wire,
    withdraw,
    worth_usd,
)
from offhours.sim.compile import kernel
from offhours.sim.declare import A, Column, Knob, World, table

EVEN, UNFILLED, TAKEN = 0, 1, 2
"""What his legs in a ticker are: equal, or one did not fill, or one was taken."""
EVEN_SHARE = 0.1
"""Difference between the legs that he calls none, in clips: less is not worth a message."""
PROHIBITIVE = 1.0e9
"""A cost that no gain is beyond."""
HOURS_A_YEAR = 8760.0
CHECK_EVERY = 64
"""Looks between two looks at his capital as a whole."""


class Arbitrageur:
    """Knobs and state of a funding arbitrageur."""

    mean_sleep_us: A[int, Knob("30 s", "us", "100 ms", "1 day", "mean time between two looks", basis="chosen: an attentive desk; half or twice moves entries by seconds in a trade of hours")]  # fmt: skip
    horizon_hours: A[float, Knob("48", "real", "1", "10000", "how long he reckons to stay", basis="chosen: two days; not half, because no premium below 1 % would pay his fees; not twice, because rates do not last four days")]  # fmt: skip
    converging: A[float, Knob("0.5", "real", "0", "1", "share of the present basis that he expects to be gone when he leaves", basis="chosen: a basis whose half-life is his horizon; not half of it, because then half-lives would be five days, which perp bases of literature are far below; not twice, because that is certainty")]  # fmt: skip
    slippage_ppb: A[int, Knob("0.02 %", "ppb", "0 %", "10 %", "cost of a round trip beyond fees and what both books show for a clip", basis="chosen: a clip is smaller than the first level of a mature book; not half, because quotes move while orders fly; not twice, because he sends the next clip only when it pays")]  # fmt: skip
    hurdle_ppb: A[int, Knob("0.1 %", "ppb", "0 %", "10 %", "gain beyond costs he asks for over his horizon", basis="chosen: 18 % a year on notional; not half, because margin has a price; not twice, because others would be there first")]  # fmt: skip
    clip_uusd: A[int, Knob("$10,000", "uusd", "$10", "$10M", "size of one entry", basis="chosen: the index's probe times two; not half, because fees of attention; not twice, because he would be his own slippage")]  # fmt: skip
    position_uusd: A[int, Knob("$500,000", "uusd", "$10", "$1B", "largest position per ticker", basis="chosen: half of a desk's capital at 2x; half or twice is a smaller or larger desk")]  # fmt: skip
    margin_share_ppb: A[int, Knob("25 %", "ppb", "1 %", "1000 %", "dollars at the venue that he keeps for each dollar of perps when he enters", basis="chosen: a 10 % move costs him less than half of it; not half, because a week-end of 10 % would then end most pairs; not twice, because capital has a price")]  # fmt: skip
    floor_ppb: A[int, Knob("12 %", "ppb", "0 %", "1000 %", "equity, as a share of his perps, below which he cuts both legs", basis="chosen: about half of what he enters with, above the maintenance margin of 10x; not half, because the venue would act before him; not twice, because he would cut what he just entered")]  # fmt: skip
    limit_ppb: A[int, Knob("0.15 %", "ppb", "0.001 %", "20 %", "how far beyond the best price an entry or exit may trade", basis="chosen: two levels of a mature book; not half, because a requote in flight would leave one leg; not twice, because it would eat the hurdle")]  # fmt: skip
    repair_clip_uusd: A[int, Knob("$25,000", "uusd", "$10", "$100M", "size of one order that evens out his legs", basis="chosen: two and a half entries: he is exposed; not half, because the exposure costs more than the impact; not twice, because week-end books hold no more within his limit")]  # fmt: skip
    repair_limit_ppb: A[int, Knob("0.5 %", "ppb", "0.01 %", "20 %", "how far beyond the best price an order of that kind may trade", basis="chosen: an hour of a stock's movement; not half, because a week-end book would not fill it; not twice, because it would cost more than waiting a second for new quotes")]  # fmt: skip
    repair_sleep_us: A[int, Knob("1 s", "us", "1 ms", "1 day", "time between two orders of that kind", basis="chosen: a desk at its screen; not half, because makers requote every few seconds; not twice, because he is exposed")]  # fmt: skip
    payout: A[float, Knob("1.1", "real", "1", "100", "capital, beside what he began with, above which he pays out", basis="chosen: a tenth of growth; half or twice only dates the dividend")]  # fmt: skip
    loss_limit: A[float, Knob("0.5", "real", "0", "1", "loss, beside what he began with, at which he stops", basis="chosen: half a desk's capital is what most mandates stop at; not half of it, because a broken pair costs that; not twice, which is ruin")]  # fmt: skip
    pause_us: A[int, Knob("3 days", "us", "1 s", "1000 days", "time before he is back with fresh capital", basis="chosen: a committee and a wire; half or twice moves one weekend at most")]  # fmt: skip

    looked: A[int, Column("i8", "flag", "1 after his first look")]
    began_usd: A[float, Column("f8", "usd", "capital beyond his inventory at his first look")]
    paused_until_us: A[int, Column("i8", "us", "enters nothing before; both legs are closed")]
    pauses: A[int, Column("i8", "count", "times he stopped at his loss limit")]
    sent_us: A[int, Column("i8", "us", "when he last sent an order")]
    state: A[int, Column("i8", "code", "EVEN, or the worst of his legs: UNFILLED or TAKEN")]
    even_usd: A[float, Column("f8", "usd", "what he was worth at his last even look")]
    uneven_us: A[int, Column("i8", "us", "when he first saw his legs uneven, or 0")]
    unfilled: A[int, Column("i8", "count", "legs that did not fill, so that he had to even out")]
    broken: A[
        int, Column("i8", "count", "hedges broken: legs that a liquidation or a deleveraging took, in whole or in part")
    ]
    broken_usd: A[float, Column("f8", "usd", "value of the legs that were taken, at the index when he learned it")]
    repaired: A[int, Column("i8", "count", "times he was even again after a break")]
    repair_orders: A[int, Column("i8", "count", "orders sent to even out his legs")]
    broken_loss_usd: A[
        float, Column("f8", "usd", "worth before a leg was taken less worth when even again, summed over such times")
    ]
    unfilled_loss_usd: A[float, Column("f8", "usd", "the same where no leg was taken, but one did not fill")]
    broken_for_us: A[int, Column("i8", "us", "time between learning of a break and being even again, summed")]


class Legs:
    """What an arbitrageur holds in a ticker, and what he may have caused himself (row = arbitrageur x T + ticker)."""

    base_tokens: A[float, Column("f8", "shares", "tokens less borrowed ones at his first look: his inventory")]
    state: A[int, Column("i8", "code", "EVEN, UNFILLED or TAKEN")]
    seen_lots: A[int, Column("i8", "lots", "perp position at his last look")]
    seen_tokens: A[float, Column("f8", "shares", "tokens less borrowed ones at his last look")]
    perp_buys_lots: A[int, Column("i8", "lots", "perps that he has sent orders to buy since then")]
    perp_sells_lots: A[int, Column("i8", "lots", "perps that he has sent orders to sell since then")]
    token_buys: A[float, Column("f8", "shares", "tokens that he has sent orders to buy since then")]
    token_sells: A[float, Column("f8", "shares", "tokens that he has sent orders to sell since then")]


arbitrageurs = table(Arbitrageur)
legs = table(Legs)


@kernel
def decide(world: World, crowd: World, agent: int, row: int) -> int:
    """Look at each ticker, trade at most one clip in each, and sleep: a second while the legs are uneven."""
    me = arbitrageurs(crowd)[row]
    late_us = latency_us(world, crowd, agent)
    if me.sent_us > 0 and now_us(world) <= me.sent_us + late_us:
        return me.sent_us + late_us + 1
    if me.looked == 0:
        begin(world, crowd, agent, row)
    worth = capital_usd(world, crowd, agent, row)
    call_margin(world, crowd, agent, row)
    if me.state == EVEN and now_us(world) >= me.paused_until_us:
        worth += share_out(world, crowd, agent, row, worth)
    was, worst = me.state, EVEN
    for ticker in range(tickers(world)):
        worst = max(worst, look(world, crowd, agent, row, ticker))
    keep_account(world, crowd, row, worst, worth)
    if worst == EVEN:
        return nap_us(world, crowd, agent, me.mean_sleep_us)
    return now_us(world) + (late_us + 1 if was == EVEN else me.repair_sleep_us)


@kernel
def begin(world: World, crowd: World, agent: int, row: int) -> None:
    """His first look: what he owns is what he starts from."""
    me = arbitrageurs(crowd)[row]
    me.looked = 1
    for ticker in range(tickers(world)):
        mine = legs(crowd)[row * tickers(world) + ticker]
        mine.base_tokens = net_tokens(world, crowd, agent, ticker)
        mine.seen_tokens = mine.base_tokens
        mine.seen_lots = position_lots(world, crowd, agent, ticker)
    me.began_usd = capital_usd(world, crowd, agent, row)
    me.even_usd = me.began_usd


@kernel
def capital_usd(world: World, crowd: World, agent: int, row: int) -> float:
    """All he owns beyond his inventory, whose price is not his business: tokens at the index, perps at the mark."""
    worth = worth_usd(world, crowd, agent)
    for ticker in range(tickers(world)):
        worth -= legs(crowd)[row * tickers(world) + ticker].base_tokens * index_usd(world, ticker)
    return worth


@kernel
def call_margin(world: World, crowd: World, agent: int, row: int) -> None:
    """Send for dollars from the broker while the perps have less margin than he enters with."""
    me = arbitrageurs(crowd)[row]
    wanted = me.margin_share_ppb / 1.0e9 * gross_usd(world, crowd, agent, 0)
    short = min(wanted - trading_equity_usd(world, crowd, agent, 0), broker_dollars(world, crowd, agent))
    if short > 1.0 and travelling_usd(world, crowd, agent) == 0.0:
        wire(world, crowd, agent, 1, short)


@kernel
def share_out(world: World, crowd: World, agent: int, row: int, worth: float) -> float:
    """Pay out above target capital; at the loss limit pause and send for fresh capital. Returns dollars that came."""
    me = arbitrageurs(crowd)[row]
    if worth < me.began_usd * (1.0 - me.loss_limit):
        me.paused_until_us = now_us(world) + me.pause_us
        me.pauses += 1
        came = me.began_usd - worth
        return came if deposit(world, crowd, agent, came) == 0 else 0.0
    surplus = min(worth - me.payout * me.began_usd, 0.5 * spare_usd(world, crowd, agent))
    if surplus > 1.0 and agents(crowd)[agent].wakes % CHECK_EVERY == 1:
        return -surplus if withdraw(world, crowd, agent, surplus) == 0 else 0.0
    return 0.0


@kernel
def keep_account(world: World, crowd: World, row: int, worst: int, worth: float) -> None:
    """Note when his legs came apart and, once they are even again, what that has cost him."""
    me = arbitrageurs(crowd)[row]
    if worst != EVEN:
        if me.state == EVEN:
            me.uneven_us = now_us(world)
        me.state = max(me.state, worst)
        return
    if me.state == TAKEN:
        me.repaired += 1
        me.broken_loss_usd += me.even_usd - worth
        me.broken_for_us += now_us(world) - me.uneven_us
    elif me.state == UNFILLED:
        me.unfilled_loss_usd += me.even_usd - worth
    me.state = EVEN
    me.even_usd = worth


@kernel
def look(world: World, crowd: World, agent: int, row: int, ticker: int) -> int:
    """See what has become of the legs in one ticker; even them out, enter, or leave. Returns their state."""
    me, mine = arbitrageurs(crowd)[row], legs(crowd)[row * tickers(world) + ticker]
    price = index_usd(world, ticker)
    clip = me.clip_uusd / 1.0e6 / price
    taken = taken_shares(world, crowd, agent, row, ticker)
    carried = net_tokens(world, crowd, agent, ticker) - mine.base_tokens
    uneven = position_shares(world, crowd, agent, ticker) + carried
    was = mine.state
    if abs(uneven) <= EVEN_SHARE * clip:
        mine.state = EVEN
    else:
        if taken > 0.0:
            me.broken_usd += taken * price
        if taken > 0.0 and was != TAKEN:
            me.broken += 1
            mine.state = TAKEN
        elif was == EVEN:
            me.unfilled += 1
            mine.state = UNFILLED
    if in_liquidation(world, crowd, agent, ticker) == 1:
        return mine.state
    if mine.state == EVEN:
        if owed_shares(world, crowd, agent, ticker) > 0.0 and token_shares(world, crowd, agent, ticker) > 0.0:
            return_tokens(world, crowd, agent, ticker, token_shares(world, crowd, agent, ticker))
        hold(world, crowd, agent, row, ticker, carried, clip)
    elif was != EVEN:
        repair(world, crowd, agent, row, ticker, carried, uneven)
    return mine.state


@kernel
def taken_shares(world: World, crowd: World, agent: int, row: int, ticker: int) -> float:
    """By how much his legs moved since his last look beyond anything that his own orders could have done, shares."""
    mine = legs(crowd)[row * tickers(world) + ticker]
    lots_now, tokens = position_lots(world, crowd, agent, ticker), net_tokens(world, crowd, agent, ticker)
    beyond_lots = max(
        0, lots_now - mine.seen_lots - mine.perp_buys_lots, mine.seen_lots - mine.perp_sells_lots - lots_now
    )
    beyond = max(0.0, tokens - mine.seen_tokens - mine.token_buys, mine.seen_tokens - mine.token_sells - tokens)
    mine.seen_lots, mine.seen_tokens = lots_now, tokens
    mine.perp_buys_lots, mine.perp_sells_lots = 0, 0
    mine.token_buys, mine.token_sells = 0.0, 0.0
    found = beyond_lots * lot_shares(world, ticker, PERP)
    return found + (beyond if beyond > lot_shares(world, ticker, TOKEN) else 0.0)


@kernel
def expected_gain(world: World, crowd: World, row: int, ticker: int) -> float:
    """What a dollar of perps sold against tokens should bring over the horizon, before costs; negative for the reverse.

    Funding at the mean of the rate being paid and the rate in the making, and the part of the basis that will be gone.
    """
    me = arbitrageurs(crowd)[row]
    basis = premium(world, ticker)
    hourly = 0.5 * funding_rate(world, ticker) + 0.5 * coming_funding(world, ticker)
    return hourly * me.horizon_hours + me.converging * basis


@kernel
def round_trip(world: World, crowd: World, row: int, ticker: int, clip: float) -> float:
    """Cost of getting into both legs and out again at the prices that a clip would meet now, as a share of one leg.

    Prohibitive where a book does not hold a clip within his limit: an entry of which one leg fills is dearer than none.
    """
    me = arbitrageurs(crowd)[row]
    cost = me.slippage_ppb / 1.0e9
    for which in range(2):
        bid, ask = impact_usd(world, ticker, which, SELL, clip), impact_usd(world, ticker, which, BUY, clip)
        best_bid, best_ask = best_usd(world, ticker, which, BUY), best_usd(world, ticker, which, SELL)
        within = 0.5 * me.limit_ppb / 1.0e9
        if bid < best_bid * (1.0 - within) or ask < 0.0 or ask > best_ask * (1.0 + within):
            return PROHIBITIVE
        cost += 2.0 * taker_fee(world, ticker, which) + 2.0 * (ask - bid) / (ask + bid)
    return cost


@kernel
def hold(world: World, crowd: World, agent: int, row: int, ticker: int, carried: float, clip: float) -> None:
    """With even legs: leave a pair that no longer pays, or enter one that should pay beyond costs and hurdle."""
    me = arbitrageurs(crowd)[row]
    price = mid_usd(world, ticker, TOKEN)
    if price < 0.0 or mid_usd(world, ticker, PERP) < 0.0:
        return
    gain, hurdle = expected_gain(world, crowd, row, ticker), me.hurdle_ppb / 1.0e9
    closing = now_us(world) < me.paused_until_us or below_floor(world, crowd, agent, row, ticker) == 1
    if carried > EVEN_SHARE * clip and (closing or gain < -hurdle):
        pair(world, crowd, agent, row, ticker, SELL, min(clip, carried))
    elif carried < -EVEN_SHARE * clip and (closing or gain > hurdle):
        pair(world, crowd, agent, row, ticker, BUY, min(clip, -carried, 0.9 * spare_usd(world, crowd, agent) / price))
    elif not closing:
        most = me.position_uusd / 1.0e6 / price
        asked = round_trip(world, crowd, row, ticker, clip) + hurdle
        if gain > asked and carried + clip <= most and affords(world, crowd, agent, row, ticker, clip * price, 1) == 1:
            pair(world, crowd, agent, row, ticker, BUY, clip)
        elif gain < -asked and clip - carried <= most and affords(world, crowd, agent, row, ticker, clip * price, 0) == 1 and has_tokens(world, crowd, agent, row, ticker, clip, -gain - asked) == 1:  # fmt: skip
            pair(world, crowd, agent, row, ticker, SELL, clip)


@kernel
def net_tokens(world: World, crowd: World, agent: int, ticker: int) -> float:
    """Tokens he owns less those he has borrowed, shares."""
    return token_shares(world, crowd, agent, ticker) - owed_shares(world, crowd, agent, ticker)


@kernel
def has_tokens(world: World, crowd: World, agent: int, row: int, ticker: int, clip: float, gain: float) -> int:
    """1 where he has a clip of tokens to sell, or has borrowed one: if the loan leaves something of the gain."""
    if token_shares(world, crowd, agent, ticker) >= clip:
        return 1
    loan = borrowing_rate(world, ticker) * arbitrageurs(crowd)[row].horizon_hours / HOURS_A_YEAR
    return 1 if gain > loan and borrow_tokens(world, crowd, agent, ticker, clip) == 0 else 0


@kernel
def below_floor(world: World, crowd: World, agent: int, row: int, ticker: int) -> int:
    """1 where his perps have so little margin that he cuts both legs."""
    floor = arbitrageurs(crowd)[row].floor_ppb / 1.0e9 * gross_usd(world, crowd, agent, ticker)
    return 1 if trading_equity_usd(world, crowd, agent, ticker) < floor else 0


@kernel
def affords(world: World, crowd: World, agent: int, row: int, ticker: int, more_usd: float, with_tokens: int) -> int:
    """1 where his margin carries so many dollars of perps more, after tokens of that value are paid for (1) or not (0)."""
    paid = with_tokens * more_usd
    wanted = arbitrageurs(crowd)[row].margin_share_ppb / 1.0e9 * (gross_usd(world, crowd, agent, ticker) + more_usd)
    if trading_equity_usd(world, crowd, agent, ticker) - paid < wanted:
        return 0
    return 1 if with_tokens == 0 or 1.02 * paid < spare_usd(world, crowd, agent) else 0


@kernel
def repair(world: World, crowd: World, agent: int, row: int, ticker: int, carried: float, uneven: float) -> None:
    """Even out a clip: a perp too many is closed; one that is missing is bought or sold anew, or the tokens are closed.

    Anew where the pair that then stands is worth holding and the margin carries it. Tokens he lacks, or dollars for
    them, leave the perp.
    """
    me = arbitrageurs(crowd)[row]
    price = index_usd(world, ticker)
    side = SELL if uneven > 0.0 else BUY
    shares = min(abs(uneven), me.repair_clip_uusd / 1.0e6 / price)
    which = PERP
    if side * position_shares(world, crowd, agent, ticker) >= 0.0:
        gain = expected_gain(world, crowd, row, ticker) * (1.0 if carried > 0.0 else -1.0)
        wanted = gain >= -me.hurdle_ppb / 1.0e9 and now_us(world) >= me.paused_until_us
        if not wanted or affords(world, crowd, agent, row, ticker, shares * price, 0) == 0:
            has = token_shares(world, crowd, agent, ticker)
            if side == BUY:
                has = 0.9 * spare_usd(world, crowd, agent) / price
            if has * price >= 1.0:
                which = TOKEN
                shares = min(shares, has)
    flags = REPAIR | LEG_TAKEN if legs(crowd)[row * tickers(world) + ticker].state == TAKEN else REPAIR
    me.repair_orders += trade(world, crowd, agent, row, ticker, which, side, shares, me.repair_limit_ppb, flags)


@kernel
def pair(world: World, crowd: World, agent: int, row: int, ticker: int, side: int, shares: float) -> None:
    """Trade tokens on a side and the perp on the other."""
    limit_ppb = arbitrageurs(crowd)[row].limit_ppb
    margin = arbitrageurs(crowd)[row].margin_share_ppb / 1.0e9 * shares * index_usd(world, ticker)
    if fund_bucket(world, crowd, agent, ticker, margin) == 1:
        trade(world, crowd, agent, row, ticker, TOKEN, side, shares, limit_ppb, 0)
        trade(world, crowd, agent, row, ticker, PERP, -side, shares, limit_ppb, 0)


@kernel
def trade(world: World, crowd: World, agent: int, row: int, ticker: int, which: int, side: int, shares: float, limit_ppb: int, flags: int) -> int:  # fmt: skip
    """One immediate-or-cancel order a little beyond the best price; returns how many were sent."""
    best = best_usd(world, ticker, which, -side)
    size = lots(world, ticker, which, shares)
    if best < 0.0 or size == 0:
        return 0
    price_ticks = ticks(world, ticker, which, best * (1.0 + side * limit_ppb / 1.0e9))
    if order(world, crowd, agent, ticker, which, side, price_ticks, size, IOC, flags) != 0:
        return 0
    me, mine = arbitrageurs(crowd)[row], legs(crowd)[row * tickers(world) + ticker]
    me.sent_us = now_us(world)
    if which == PERP and side == BUY:
        mine.perp_buys_lots += size
    elif which == PERP:
        mine.perp_sells_lots += size
    elif side == BUY:
        mine.token_buys += size * lot_shares(world, ticker, TOKEN)
    else:
        mine.token_sells += size * lot_shares(world, ticker, TOKEN)
    return 1
