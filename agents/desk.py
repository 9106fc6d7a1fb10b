"""The desk: what an agent may see and do. Populations import the market from here and from nowhere else.

Agents see quotes, index, mark, funding, their own accounts, and the stock's quote while there is one. Only the informed look
at the stock's own value, by a function that says so. What they do is sent and arrives after their group's latency.
"""

from __future__ import annotations

from offhours.sim import chance
from offhours.sim.compile import kernel
from offhours.sim.declare import A, Column, World, prefetch, table
from offhours.sim.market import (
    accounts,
    attention,
    bank,
    book,
    brackets,
    clock,
    collateral,
    fees,
    flight,
    funding,
    gap,
    issuer,
    lending,
    margin,
    matching,
    oracle,
    positions,
    providers,
    stops,
)
from offhours.sim.market import orders as resting
from offhours.sim.market import stock as stock_room
from offhours.sim.market.ask import asks, rate_of
from offhours.sim.market.money import nearest

BUY, SELL = resting.BUY, resting.SELL
LIMIT, MARKET, IOC, POST_ONLY = matching.LIMIT, matching.MARKET, matching.IOC, matching.POST_ONLY
REDUCE_ONLY = resting.REDUCE_ONLY
REPAIR, LEG_TAKEN = resting.REPAIR, resting.LEG_TAKEN
REGULAR, PRE, POST, OVERNIGHT, WEEKEND, HOLIDAY, HALTED = 0, 1, 2, 3, 4, 5, 6
SECOND_US, MINUTE_US, HOUR_US = clock.SECOND_US, clock.MINUTE_US, clock.HOUR_US
PERP, TOKEN = 0, 1
NO_BUCKET = -1
NEVER = 1 << 60


class Agent:
    """One row an agent of any population."""

    account: A[int, Column("i8", "account", "his account at the venue")]
    bucket: A[int, Column("i8", "account", "first of his isolated buckets (one per ticker), or NO_BUCKET")]
    together: A[int, Column("i8", "tickers", "tickers (a bit each) that he trades from his own account although he has buckets")]  # fmt: skip
    group: A[int, Column("i8", "row", "his group")]
    member: A[int, Column("i8", "number", "his number within the group")]
    who: A[int, Column("i8", "key", "whose luck his is")]
    row: A[int, Column("i8", "row", "his row in the table of his population")]
    wakes: A[int, Column("i8", "count", "times he has looked at the market")]
    draws: A[int, Column("i8", "count", "draws of the present wake, so that each has its own number")]


class Group:
    """One row a group."""

    population: A[int, Column("i8", "code", "which population its members belong to")]
    first: A[int, Column("i8", "row", "agent row of its first member")]
    count: A[int, Column("i8", "count", "how many members")]
    lane: A[int, Column("i8", "lane", "the lane its messages travel in")]


agents = table(Agent)
groups = table(Group)


# What an agent may see


@kernel
def now_us(world: World) -> int:
    """The present, microseconds."""
    return clock.clock(world)[0].now_us


@kernel
def tickers(world: World) -> int:
    """How many tickers there are."""
    return clock.clock(world)[0].tickers


@kernel
def phase(world: World) -> int:
    """Phase of the week."""
    return clock.phase(world)


@kernel
def tick_usd(world: World, ticker: int, which: int) -> float:
    """Smallest price step of the PERP or TOKEN book, dollars."""
    o = oracle.oracles(world)[ticker]
    return o.tick_usd if which == PERP else o.token_tick_usd


@kernel
def lot_shares(world: World, ticker: int, which: int) -> float:
    """Smallest size step of the PERP or TOKEN book, shares."""
    o = oracle.oracles(world)[ticker]
    return o.lot_shares if which == PERP else o.token_lot_shares


@kernel
def best_usd(world: World, ticker: int, which: int, side: int) -> float:
    """Best bid (BUY) or ask (SELL) of a book in dollars, or -1 where that side is empty."""
    b = book.books(world)[2 * ticker + which]
    if side == BUY:
        return -1.0 if b.best_bid == book.NO_BID else b.best_bid * tick_usd(world, ticker, which)
    return -1.0 if b.best_ask == book.NO_ASK else b.best_ask * tick_usd(world, ticker, which)


@kernel
def mid_usd(world: World, ticker: int, which: int) -> float:
    """Mid of a book's best prices in dollars, or -1 where a side is empty."""
    bid, ask = best_usd(world, ticker, which, BUY), best_usd(world, ticker, which, SELL)
    return -1.0 if bid < 0.0 or ask < 0.0 else (bid + ask) / 2.0


@kernel
def impact_usd(world: World, ticker: int, which: int, side: int, shares: float) -> float:
    """Mean price at which an order of a side for so many shares would trade now, or -1 where the book is too thin."""
    size = max(1, lots(world, ticker, which, shares))
    found = book.impact_ticks(world, 2 * ticker + which, -side, size)
    return -1.0 if found < 0.0 else found * tick_usd(world, ticker, which)


@kernel
def index_usd(world: World, ticker: int) -> float:
    """The venue's index, dollars per share."""
    return oracle.oracles(world)[ticker].index_usd


@kernel
def mark_usd(world: World, ticker: int) -> float:
    """The venue's mark, dollars per share."""
    return oracle.oracles(world)[ticker].mark_ticks * oracle.oracles(world)[ticker].tick_usd


@kernel
def funding_rate(world: World, ticker: int) -> float:
    """Funding rate being paid, per hour; positive where longs pay."""
    f = funding.fundings(world)[ticker]
    return f.rate_ppb / 1.0e9 * (HOUR_US / f.interval_us)


@kernel
def coming_funding(world: World, ticker: int) -> float:
    """Rate per hour that the premium of now would make if it stood for a whole interval; positive where longs pay.

    Where a person's own rule makes the rate nobody can work it out, and the one being paid is expected to stay (FUND-14).
    """
    if asks(world, rate_of(ticker)):
        return funding_rate(world, ticker)
    return funding.coming_ppb(world, ticker) / 1.0e9 * (HOUR_US / funding.fundings(world)[ticker].interval_us)


@kernel
def premium(world: World, ticker: int) -> float:
    """Last premium of the perp's impact mid over the index."""
    return oracle.oracles(world)[ticker].premium_ppb / 1.0e9


@kernel
def taker_fee(world: World, ticker: int, which: int) -> float:
    """Fee of an order that trades at once on the PERP or TOKEN book, as a share of its value."""
    return fees.fee_rules(world)[2 * ticker + which].taker_ppb / 1.0e9


@kernel
def bought_shares(world: World, ticker: int, which: int) -> float:
    """Shares bought minus sold by arriving orders on a book since the run began."""
    return book.books(world)[2 * ticker + which].signed_lots * lot_shares(world, ticker, which)


@kernel
def stock_open(world: World, ticker: int) -> int:
    """1 where the stock has a public quote now."""
    return stock_room.stocks(world)[ticker].visible


@kernel
def stock_usd(world: World, ticker: int) -> float:
    """Mid of the stock's quote seen last, dollars."""
    return stock_room.mid_usd(world, ticker)


@kernel
def news_variance(world: World, ticker: int) -> float:
    """Variance of a stock's log return since its regular close by the information clock; 0 in a session.

    It says how much news the closed hours have brought on average, which everybody knows, not which. While a stock is
    halted in a session it is that of half a day's deviation: nobody halts a stock for less.
    """
    if stock_open(world, ticker) == 0 and (phase(world) == REGULAR or phase(world) == HALTED):
        return gap.halted_variance(world, ticker)
    return gap.expected_variance(world, ticker)


@kernel
def hidden_usd(world: World, ticker: int) -> float:
    """The stock's own value, seen or not. Only for those whose story is that they know."""
    return stock_room.stocks(world)[ticker].value_usd


# What an agent owns


@kernel
def trading_account(world: World, crowd: World, agent: int, ticker: int) -> int:
    """The account an agent trades a ticker's perp with: his own, or the ticker's bucket."""
    a = agents(crowd)[agent]
    return a.account if a.bucket == NO_BUCKET or a.together >> ticker & 1 == 1 else a.bucket + ticker


@kernel
def traded_apart(world: World, crowd: World, agent: int, ticker: int) -> int:
    """1 where an agent trades a ticker's perp from an isolated bucket."""
    return 0 if trading_account(world, crowd, agent, ticker) == agents(crowd)[agent].account else 1


@kernel
def position_shares(world: World, crowd: World, agent: int, ticker: int) -> float:
    """An agent's perp position, shares, signed."""
    lots = positions.size(world, trading_account(world, crowd, agent, ticker), ticker)
    return lots * lot_shares(world, ticker, PERP)


@kernel
def position_lots(world: World, crowd: World, agent: int, ticker: int) -> int:
    """An agent's perp position, lots, signed."""
    return positions.size(world, trading_account(world, crowd, agent, ticker), ticker)


@kernel
def token_shares(world: World, crowd: World, agent: int, ticker: int) -> float:
    """An agent's tokens, shares."""
    return accounts.amount(world, agents(crowd)[agent].account, accounts.token_asset(ticker)) / 1.0e6


@kernel
def held_shares(world: World, crowd: World, agent: int, ticker: int) -> float:
    """An agent's shares at the broker."""
    return accounts.amount(world, agents(crowd)[agent].account, accounts.share_asset(ticker)) / 1.0e6


@kernel
def dollars(world: World, crowd: World, agent: int) -> float:
    """An agent's dollars at the venue, not promised to spot orders."""
    return accounts.available(world, agents(crowd)[agent].account, accounts.USD) / 1.0e6


@kernel
def broker_dollars(world: World, crowd: World, agent: int) -> float:
    """An agent's dollars at the broker."""
    return accounts.available(world, agents(crowd)[agent].account, accounts.BROKER_USD) / 1.0e6


@kernel
def equity_usd(world: World, crowd: World, agent: int) -> float:
    """Dollars and positions at the mark of an agent's own account (his buckets, tokens and loans apart)."""
    return margin.dollar_equity(world, agents(crowd)[agent].account) / 1.0e6


@kernel
def trading_equity_usd(world: World, crowd: World, agent: int, ticker: int) -> float:
    """Equity behind an agent's perp position in a ticker, dollars."""
    return margin.equity(world, trading_account(world, crowd, agent, ticker)) / 1.0e6


@kernel
def gross_usd(world: World, crowd: World, agent: int, ticker: int) -> float:
    """Notional, without sign, of all perp positions on the account behind an agent's position in a ticker, dollars."""
    return margin.gross_notional(world, trading_account(world, crowd, agent, ticker)) / 1.0e6


@kernel
def travelling_usd(world: World, crowd: World, agent: int) -> float:
    """An agent's dollars on the way between outside, broker and venue."""
    return bank.on_the_way(world, agents(crowd)[agent].account) / 1.0e6


@kernel
def owed_shares(world: World, crowd: World, agent: int, ticker: int) -> float:
    """Tokens that an agent has borrowed and not given back, shares."""
    return collateral.owed(world, agents(crowd)[agent].account, ticker + 1) / 1.0e6


@kernel
def borrowing_rate(world: World, ticker: int) -> float:
    """What the lender of a token charges now, a year, as a share of its value."""
    return lending.rate(world, ticker + 1) / 1.0e9


@kernel
def worth_usd(world: World, crowd: World, agent: int) -> float:
    """All an agent owns less what he owes, dollars: perps at the mark, tokens and shares at the index, dollars anywhere."""
    a = agents(crowd)[agent]
    worth = (margin.dollar_equity(world, a.account) - collateral.owed(world, a.account, collateral.DOLLARS)) / 1.0e6
    worth += broker_dollars(world, crowd, agent) + travelling_usd(world, crowd, agent)
    for ticker in range(tickers(world)):
        if a.bucket != NO_BUCKET:
            worth += margin.dollar_equity(world, a.bucket + ticker) / 1.0e6
        held = token_shares(world, crowd, agent, ticker) + held_shares(world, crowd, agent, ticker)
        worth += (held - owed_shares(world, crowd, agent, ticker)) * index_usd(world, ticker)
    return worth


@kernel
def spare_usd(world: World, crowd: World, agent: int) -> float:
    """Dollars an agent could take out of his account while it keeps its initial margin."""
    return margin.withdrawable(world, agents(crowd)[agent].account) / 1.0e6


@kernel
def initial_margin_usd(world: World, ticker: int, notional_usd: float) -> float:
    """Initial margin of a notional, dollars."""
    return brackets.initial(world, ticker, nearest(notional_usd * 1.0e6)) / 1.0e6


@kernel
def maintenance_usd(world: World, crowd: World, agent: int, ticker: int) -> float:
    """Maintenance margin of the account behind an agent's position, dollars."""
    return margin.required(world, trading_account(world, crowd, agent, ticker)) / 1.0e6


@kernel
def latency_us(world: World, crowd: World, agent: int) -> int:
    """How long what an agent sends is on its way."""
    return flight.lanes(world)[groups(crowd)[agents(crowd)[agent].group].lane].latency_us


@kernel
def in_liquidation(world: World, crowd: World, agent: int, ticker: int) -> int:
    """1 while the account behind an agent's position is being liquidated."""
    return attention.frozen(world, trading_account(world, crowd, agent, ticker))


@kernel
def resting_orders(world: World, crowd: World, agent: int, ticker: int, which: int) -> int:
    """1 where an agent has orders resting on a book."""
    account = agents(crowd)[agent].account if which == TOKEN else trading_account(world, crowd, agent, ticker)
    return 1 if resting.open_orders(world)[resting.open_row(world, account, 2 * ticker + which)].head != 0 else 0


# What an agent may do


@kernel
def prefetch_trading(world: World, crowd: World, agent: int, ticker: int) -> None:
    """Ask for what an agent's orders in a ticker will need when they arrive."""
    account = trading_account(world, crowd, agent, ticker)
    prefetch(stops.stop_lists(world), account)
    prefetch(resting.open_orders(world), resting.open_row(world, account, 2 * ticker))


@kernel
def ticks(world: World, ticker: int, which: int, price_usd: float) -> int:
    """A price in ticks of a book, at least 1."""
    return max(1, nearest(price_usd / tick_usd(world, ticker, which)))


@kernel
def lots(world: World, ticker: int, which: int, shares: float) -> int:
    """A size in lots of a book, rounded down."""
    return int(max(0.0, min(shares / lot_shares(world, ticker, which) + 1.0e-9, 1.0e12)))


@kernel
def order(world: World, crowd: World, agent: int, ticker: int, which: int, side: int, price_ticks: int, size_lots: int, kind: int, flags: int) -> int:  # fmt: skip
    """Send an order to the PERP or TOKEN book. 0, or a refusal when too many messages are in flight."""
    a = agents(crowd)[agent]
    account = a.account if which == TOKEN else trading_account(world, crowd, agent, ticker)
    lane = groups(crowd)[a.group].lane
    if kind != MARKET:
        book.prefetch_level(world, 2 * ticker + which, price_ticks)
    return flight.send(world, lane, account, 2 * ticker + which, kind, side, price_ticks, size_lots, flags, 0)


@kernel
def cancel_all(world: World, crowd: World, agent: int, ticker: int, which: int) -> int:
    """Send the cancellation of all own orders on a book."""
    a = agents(crowd)[agent]
    account = a.account if which == TOKEN else trading_account(world, crowd, agent, ticker)
    head = resting.open_orders(world)[resting.open_row(world, account, 2 * ticker + which)].head
    book.prefetch_level(world, 2 * ticker + which, resting.orders(world)[head].price_ticks)
    return flight.send(world, groups(crowd)[a.group].lane, account, 2 * ticker + which, flight.CANCEL_ALL, BUY, 0, 0, 0, 0)  # fmt: skip


@kernel
def stop(world: World, crowd: World, agent: int, ticker: int, side: int, trigger_ticks: int, size_lots: int) -> int:
    """Send a reduce-only stop order on the mark."""
    a = agents(crowd)[agent]
    account = trading_account(world, crowd, agent, ticker)
    return flight.send(world, groups(crowd)[a.group].lane, account, 2 * ticker, flight.STOP_ORDER, side, trigger_ticks, size_lots, REDUCE_ONLY, 0)  # fmt: skip


@kernel
def drop_stops(world: World, crowd: World, agent: int, ticker: int) -> int:
    """Send the cancellation of all own stops."""
    a = agents(crowd)[agent]
    account = trading_account(world, crowd, agent, ticker)
    return flight.send(world, groups(crowd)[a.group].lane, account, 2 * ticker, flight.DROP_STOPS, BUY, 0, 0, 0, 0)


@kernel
def fund_bucket(world: World, crowd: World, agent: int, ticker: int, usd: float) -> int:
    """Move dollars from the own account into a ticker's bucket; 1 where done. With cross margin there is nothing to do."""
    if traded_apart(world, crowd, agent, ticker) == 0:
        return 1
    a = agents(crowd)[agent]
    return margin.move(world, a.account, a.bucket + ticker, nearest(usd * 1.0e6))


@kernel
def keep_together(crowd: World, agent: int, ticker: int, together: int) -> None:
    """Choose whether a ticker is traded from the own account (1) or from its bucket (0), before anything is held in it."""
    a = agents(crowd)[agent]
    a.together = a.together | 1 << ticker if together == 1 else a.together & -1 - (1 << ticker)


@kernel
def empty_bucket(world: World, crowd: World, agent: int, ticker: int) -> None:
    """Take back what a bucket without a position can spare."""
    if traded_apart(world, crowd, agent, ticker) == 0:
        return
    a = agents(crowd)[agent]
    spare = margin.withdrawable(world, a.bucket + ticker)
    if spare > 0:
        margin.move(world, a.bucket + ticker, a.account, spare)


@kernel
def deposit(world: World, crowd: World, agent: int, usd: float) -> int:
    """Bring dollars from the outside world in stablecoin."""
    return bank.send_dollars(world, agents(crowd)[agent].account, bank.STABLECOIN_IN, nearest(usd * 1.0e6))


@kernel
def withdraw(world: World, crowd: World, agent: int, usd: float) -> int:
    """Send dollars to the outside world."""
    return bank.send_dollars(world, agents(crowd)[agent].account, bank.WIRE_OUT, nearest(usd * 1.0e6))


@kernel
def wire(world: World, crowd: World, agent: int, to_venue: int, usd: float) -> int:
    """Send dollars between broker and venue, in bank hours."""
    route = bank.TO_VENUE if to_venue == 1 else bank.TO_BROKER
    return bank.send_dollars(world, agents(crowd)[agent].account, route, nearest(usd * 1.0e6))


@kernel
def buy_stock(world: World, crowd: World, agent: int, ticker: int, shares: float) -> int:
    """Buy shares at the broker, while there is a quote. 0 or a refusal."""
    return stock_room.buy(world, agents(crowd)[agent].account, ticker, int(shares * 1.0e6))


@kernel
def sell_stock(world: World, crowd: World, agent: int, ticker: int, shares: float) -> int:
    """Sell shares at the broker, while there is a quote. 0 or a refusal."""
    return stock_room.sell(world, agents(crowd)[agent].account, ticker, int(shares * 1.0e6))


@kernel
def mint(world: World, crowd: World, agent: int, ticker: int, shares: float) -> int:
    """Turn shares into tokens. 0 or a refusal."""
    return issuer.mint(world, agents(crowd)[agent].account, ticker, int(shares * 1.0e6), stock_usd(world, ticker))


@kernel
def redeem(world: World, crowd: World, agent: int, ticker: int, shares: float) -> int:
    """Turn tokens into shares. 0 or a refusal."""
    return issuer.redeem(world, agents(crowd)[agent].account, ticker, int(shares * 1.0e6), stock_usd(world, ticker))


@kernel
def borrow_tokens(world: World, crowd: World, agent: int, ticker: int, shares: float) -> int:
    """Borrow tokens from the lender, where he has any and the margin carries the loan. 0 or a refusal."""
    return lending.borrow(world, agents(crowd)[agent].account, ticker + 1, int(shares * 1.0e6))


@kernel
def return_tokens(world: World, crowd: World, agent: int, ticker: int, shares: float) -> int:
    """Give borrowed tokens back, as far as they are at hand. 0 or a refusal."""
    return lending.repay(world, agents(crowd)[agent].account, ticker + 1, int(shares * 1.0e6))


@kernel
def stand_ready(world: World, crowd: World, agent: int, ticker: int, edge: float, room_usd: float) -> None:
    """Offer the venue to take positions of a ticker out of liquidations: an edge (share of value) and a value at most.

    An offer is registered at the venue and holds at once; it stands until it is renewed or taken back.
    """
    account = trading_account(world, crowd, agent, ticker)
    providers.offer(world, account, ticker, nearest(min(edge, 1.0) * 1.0e9), nearest(max(0.0, room_usd) * 1.0e6))


@kernel
def stand_down(world: World, crowd: World, agent: int) -> None:
    """Take back all such offers."""
    for ticker in range(tickers(world)):
        providers.withdraw(world, trading_account(world, crowd, agent, ticker))


# Luck and sleep


@kernel
def seed(world: World) -> int:
    """The run's seed."""
    return clock.clock(world)[0].seed


@kernel
def uniform(world: World, crowd: World, agent: int, stream: int) -> float:
    """The next uniform draw of an agent's present wake for a purpose."""
    a = agents(crowd)[agent]
    a.draws += 1
    return chance.uniform(clock.clock(world)[0].seed, stream, a.who, a.wakes * 64 + a.draws)


@kernel
def normal(world: World, crowd: World, agent: int, stream: int) -> float:
    """The next standard normal draw of an agent's present wake for a purpose."""
    a = agents(crowd)[agent]
    a.draws += 1
    return chance.normal(clock.clock(world)[0].seed, stream, a.who, a.wakes * 64 + a.draws)


@kernel
def nap_us(world: World, crowd: World, agent: int, mean_us: int) -> int:
    """When an agent wakes again who sleeps exponentially with a mean, at any hour alike."""
    a = agents(crowd)[agent]
    sleep = chance.exponential(clock.clock(world)[0].seed, chance.WAKE, a.who, a.wakes)
    return now_us(world) + 1 + int(min(sleep * mean_us, 1.0e15))


@kernel
def activity(phase_code: int, regular: float, extended: float, night: float, weekend: float) -> float:
    """How awake somebody is in a phase of the week, given his activity in four kinds of hours."""
    if phase_code == REGULAR or phase_code == HALTED:
        return regular
    if phase_code == PRE or phase_code == POST:
        return extended
    return night if phase_code == OVERNIGHT else weekend


@kernel
def sleep_us(
    world: World, crowd: World, agent: int, mean_us: int, extended: float, night: float, weekend: float
) -> int:
    """When an agent wakes again whose sleep is exponential on the clock of the week.

    `mean_us` is his mean sleep in regular hours; the other hours run at the given speeds beside a regular hour's 1.
    The exponential is spent along the phases, so nobody sleeps through an opening because he fell asleep at night.
    """
    a = agents(crowd)[agent]
    rest = chance.exponential(clock.clock(world)[0].seed, chance.WAKE, a.who, a.wakes) * mean_us
    at_us = now_us(world)
    row = clock.clock(world)[0].phase_row
    while row < len(clock.phases(world)):
        p = clock.phases(world)[row]
        speed = activity(p.phase, 1.0, extended, night, weekend)
        room = (p.end_us - at_us) * speed
        if rest < room:
            return at_us + 1 + int(rest / speed)
        rest -= room
        at_us = p.end_us
        row += 1
    return NEVER
