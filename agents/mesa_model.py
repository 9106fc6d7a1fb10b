"""The same market as a `mesa.Model`, and a trader of one's own as a `mesa.Agent`.

    class Dip(Trader):
        def wake(self):
            if self.position_shares == 0 and self.bid_usd < 0.99 * self.stock_usd:
                self.buy(2)
            elif self.position_shares > 0 and self.bid_usd > self.stock_usd:
                self.sell(self.position_shares, reduce_only=True)
            return "5 min"

    model = OffhoursModel(setup, groups, seats=1)
    dip = Dip(model, ticker="TSLAx", usd="$10,000")
    for _ in range(60):
        model.step()
    print(dip.equity_usd, model.datacollector.get_model_vars_dataframe())

`setup` and `groups` are those of any market (`offhours.agents.crowd.open_peopled_market`). A step advances the compiled
market by `dt`; the loop returns to Python only where a trader of this file is due. `model.agents` holds the traders and one
read-only face for each group of a compiled population, so that reporters see both. Only what Mesa 3.3, 3.5 and 4.0 share
is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from offhours.agents import crowd, desk, seat, wake
from offhours.sim.hours import format_new_york
from offhours.sim.market import accounts, clock
from offhours.sim.simulation import Setup, Simulation
from offhours.sim.units import read

try:
    import mesa
except ImportError:
    raise ImportError("The market as a mesa.Model needs Mesa: pip install 'mesa>=3.3,<5'.") from None

if TYPE_CHECKING:
    import pandas

__all__ = ["Group", "OffhoursModel", "Ticker", "Trader"]

_BOOKS = {"perp": desk.PERP, "token": desk.TOKEN}
_best_usd, _mark_usd, _index_usd = seat.door(desk.best_usd), seat.door(desk.mark_usd), seat.door(desk.index_usd)
_stock_usd, _stock_open, _funding = seat.door(desk.stock_usd), seat.door(desk.stock_open), seat.door(desk.funding_rate)
_send, _send_stop, _cancel_all = seat.door(seat.send), seat.door(seat.send_stop), seat.door(desk.cancel_all)


@lru_cache(maxsize=256)
def _duration_us(given: str | int) -> int:
    """A duration as people write it, or a whole number of microseconds."""
    length_us = given if isinstance(given, int) else int(read(given, "us"))
    if length_us <= 0:
        raise ValueError(f"'{given}' is no time to sleep: it must be longer than nothing")
    return length_us


def _micro_dollars(given: str | float) -> int:
    return int(read(given, "uusd")) if isinstance(given, str) else round(given * 1e6)


class Ticker:
    """What everybody may see of one ticker, now. `book` is "perp" or "token"."""

    def __init__(self, world: Any, name: str, number: int) -> None:
        self._world, self.name, self.number = world, name, number

    def bid_usd(self, book: str = "perp") -> float | None:
        """Best bid, or None where there is none."""
        price = _best_usd(self._world, self.number, _BOOKS[book], desk.BUY)
        return None if price < 0.0 else price

    def ask_usd(self, book: str = "perp") -> float | None:
        """Best ask, or None where there is none."""
        price = _best_usd(self._world, self.number, _BOOKS[book], desk.SELL)
        return None if price < 0.0 else price

    @property
    def mark_usd(self) -> float:
        """The venue's mark."""
        return _mark_usd(self._world, self.number)

    @property
    def index_usd(self) -> float:
        """The venue's index."""
        return _index_usd(self._world, self.number)

    @property
    def stock_usd(self) -> float:
        """Mid of the stock's quote seen last."""
        return _stock_usd(self._world, self.number)

    @property
    def stock_open(self) -> bool:
        """Whether the stock has a quote now."""
        return _stock_open(self._world, self.number) == 1

    @property
    def funding_rate(self) -> float:
        """What longs pay shorts per hour, as a share of the notional."""
        return _funding(self._world, self.number)


class OffhoursModel(mesa.Model):  # type: ignore[misc]
    """A peopled market that `step` advances by `dt`; `seats` of it are kept for traders written in Python.

    `rng` as in Mesa; where it is a whole number it is the market's seed, too, in place of `setup.seed`. `agent_reporters` are
    collected from all of `model.agents`; what one of them lacks (the name of an attribute) reads None.
    """

    def __init__(
        self,
        setup: Setup,
        groups: Sequence[crowd.GroupLike],
        seats: int = 0,
        dt: str | int = "1 min",
        rng: Any = None,
        model_reporters: Mapping[str, Any] | None = None,
        agent_reporters: Mapping[str, Any] | None = None,
    ) -> None:
        if isinstance(rng, int):
            setup = replace(setup, seed=rng)
        simulation = crowd.open_peopled_market(setup, groups, python_agents=seats)
        self._begin(simulation, groups, seats, dt, setup.seed if rng is None else rng)
        self.datacollector = mesa.DataCollector(
            model_reporters=self._usual_reporters() if model_reporters is None else dict(model_reporters),
            agent_reporters={} if agent_reporters is None else dict(agent_reporters),
        )

    def _begin(self, simulation: Simulation, groups: Sequence[crowd.GroupLike], seats: int, dt: str | int, rng: Any) -> None:  # fmt: skip
        super().__init__(rng=rng)
        self.simulation = simulation
        self.dt_us = _duration_us(dt)
        self.tickers = {name: Ticker(simulation.world, name, n) for n, name in enumerate(simulation.setup.tickers)}
        self._groups = groups
        self._first_seat, self._seats = sum(group.count for group in groups), seats
        self._taken = 0
        self._traders: dict[int, Trader] = {}
        self._wakes: dict[int, Callable[[], int | None]] = {}
        self._faces = {group.name: Group(self, group, number) for number, group in enumerate(groups)}

    @property
    def now_us(self) -> int:
        """The present, microseconds since 1970 (UTC)."""
        return self.simulation.now_us

    @property
    def now(self) -> str:
        """The present in New York, for people."""
        return format_new_york(self.now_us)

    def group(self, name: str) -> Group:
        """The face of a group of a compiled population."""
        if name not in self._faces:
            raise KeyError(f"there is no group '{name}'; there are {', '.join(self._faces)}")
        return self._faces[name]

    def step(self) -> None:
        """Advance the market by `dt`, waking the traders on the way, and collect data. Not `running` once it has ended."""
        self.advance(self.now_us + self.dt_us)
        self.datacollector.collect(self)

    def advance(self, until_us: int) -> None:
        """Run to an instant, waking the traders on the way. Nothing is collected."""
        seat.run(self.simulation, until_us, self._wakes)
        self.running = self.now_us < self.simulation.setup.end_us

    def fork(self, seed: int | None = None) -> OffhoursModel:
        """An independent copy from here on; with `seed` it takes new luck from now, without it is the same market.

        Each trader offers `save()`, which returns his own state, and `load(state)`, which puts it into his twin; a trader
        without them is refused by name. The twin collects data from here on.
        """
        for trader in self._traders.values():
            if not (hasattr(trader, "save") and hasattr(trader, "load")):
                who = f"{type(trader).__name__} number {trader.unique_id}"
                raise TypeError(f"{who} cannot be forked: it has no save() and load(state)")
        twin: OffhoursModel = object.__new__(type(self))
        rng = self.simulation.setup.seed if seed is None else seed
        OffhoursModel._begin(twin, self.simulation.fork(seed), self._groups, self._seats, self.dt_us, rng)
        if seed is None:
            twin.rng.bit_generator.state = self.rng.bit_generator.state
            twin.random.setstate(self.random.getstate())
        twin.datacollector = mesa.DataCollector(
            model_reporters=dict(self.datacollector.model_reporters),
            agent_reporters=dict(self.datacollector.agent_reporters),
        )
        twin._taken = self._taken
        for trader in self._traders.values():
            copy: Any = object.__new__(type(trader))
            copy._sit(twin, trader.ticker, trader.agent)
            copy.load(trader.save())
        return twin

    def _take_seat(self, trader: Trader) -> int:
        """The next empty seat. One that the loop has passed by already is put into the queue again."""
        if self._taken == self._seats:
            more = f"OffhoursModel(..., seats={self._seats + 1})"
            raise ValueError(f"all {self._seats} seats are taken: {more} keeps one more")
        agent = self._first_seat + self._taken
        self._taken += 1
        if self.simulation.blocks[1][desk.agents]["wakes"][agent] > 1:
            wake.wake_at(self.simulation.blocks[1].handle, agent, self.now_us + 1)
        return agent

    def _usual_reporters(self) -> dict[str, Callable[[OffhoursModel], Any]]:
        """Time, and of each ticker what a first look wants."""

        def quote(ticker: str, what: str) -> Callable[[OffhoursModel], Any]:
            if what in ("bid_usd", "ask_usd"):
                return lambda model: getattr(model.tickers[ticker], what)()
            return lambda model: getattr(model.tickers[ticker], what)

        reporters: dict[str, Callable[[OffhoursModel], Any]] = {"time_us": lambda model: model.now_us}
        for ticker in self.tickers:
            for what in ("stock_usd", "index_usd", "mark_usd", "bid_usd", "ask_usd", "funding_rate"):
                reporters[f"{ticker} {what}"] = quote(ticker, what)
        return reporters


class Group(mesa.Agent):  # type: ignore[misc]
    """The face of a group of a compiled population: to be looked at, not to be told anything."""

    def __init__(self, model: OffhoursModel, group: crowd.GroupLike, number: int) -> None:
        super().__init__(model)
        self.name, self.population, self.count = group.name, group.population, group.count
        self._house = accounts.HOUSES + number
        self._number = number

    @property
    def equity_usd(self) -> float:
        """Equity of its members at the venue, at the mark."""
        return seat.equity_of_group_usd(self._world, self._house)

    @property
    def worth_usd(self) -> float:
        """All its members own: equity, dollars at the broker, tokens and shares at the index."""
        return self.equity_usd + seat.beside_of_group_usd(self._world, self._house)

    @property
    def long_usd(self) -> float:
        """Their long perp positions at the mark."""
        return seat.perps_of_group_usd(self._world, self._house, desk.BUY)

    @property
    def short_usd(self) -> float:
        """Their short perp positions at the mark, a positive number."""
        return seat.perps_of_group_usd(self._world, self._house, desk.SELL)

    @property
    def position_usd(self) -> float:
        """Their net perp position at the mark."""
        return self.long_usd - self.short_usd

    def members(self) -> pandas.DataFrame:
        """Knobs and state of its members, a row a member, columns as the population declares them."""
        import pandas

        blocks = self.model.simulation.blocks
        first = int(blocks[1][desk.groups]["first"][self._number])
        row = int(blocks[1][desk.agents]["row"][first])
        return pandas.DataFrame(blocks[1][crowd.TABLES[self.population]][row : row + self.count])

    @property
    def _world(self) -> Any:
        return self.model.simulation.world


class Trader(mesa.Agent):  # type: ignore[misc]
    """A trader of one's own: a subclass with a `wake`, which looks, acts, and returns how long to sleep ("5 min", or whole
    microseconds). His first wake comes within an hour of the market's start.

    `ticker` is the one he means when he names none; `usd` and `tokens` (shares of it) are what he begins with. He has one
    account, and its margin is cross. His orders travel no time, and are executed after his wake.
    """

    def __init__(self, model: OffhoursModel, ticker: str | None = None, usd: str | float = "$10,000", tokens: float = 0) -> None:  # fmt: skip
        name = next(iter(model.tickers)) if ticker is None else ticker
        self._sit(model, name, model._take_seat(self))
        self._pay_in(accounts.USD, _micro_dollars(usd))
        self._pay_in(accounts.token_asset(self._ticker), round(tokens * 1e6))

    def _sit(self, model: OffhoursModel, ticker: str, agent: int) -> None:
        if ticker not in model.tickers:
            raise KeyError(f"there is no ticker '{ticker}'; there are {', '.join(model.tickers)}")
        super().__init__(model)
        self.ticker, self.agent = ticker, agent
        self.market = model.tickers[ticker]
        self._ticker = self.market.number
        self._world, self._crowd = (memory.handle for memory in model.simulation.blocks)
        self._now = model.simulation.memory[clock.clock]["now_us"]
        model._traders[agent] = self
        model._wakes[agent] = self._wake_and_say_when

    def _pay_in(self, asset: int, quantity: int) -> None:
        if quantity:
            account = int(self.model.simulation.blocks[1][desk.agents]["account"][self.agent])
            self.model.simulation.endow(account, asset, quantity)

    def _wake_and_say_when(self) -> int:
        sleep = self.wake()
        if sleep is None:
            raise TypeError(f"{type(self).__name__}.wake returned nothing: it returns how long to sleep, like '5 min'")
        return self.now_us + _duration_us(sleep)

    def wake(self) -> str | int:
        """Look at the market, act, and return how long to sleep. To be written by each trader."""
        raise NotImplementedError(f"{type(self).__name__} has no wake(self)")

    def remove(self) -> None:
        """Leave: orders are withdrawn; position and money stay in the account."""
        for ticker in self.model.tickers:
            for book in _BOOKS:
                self.cancel_all(book, ticker)
        self.model._traders.pop(self.agent, None)
        self.model._wakes.pop(self.agent, None)
        super().remove()

    # What he sees

    @property
    def now_us(self) -> int:
        """The present, microseconds since 1970 (UTC)."""
        return int(self._now.item(0))

    @property
    def bid_usd(self) -> float | None:
        """Best bid of his perp, or None."""
        return self.market.bid_usd()

    @property
    def ask_usd(self) -> float | None:
        """Best ask of his perp, or None."""
        return self.market.ask_usd()

    @property
    def mark_usd(self) -> float:
        """Mark of his perp."""
        return self.market.mark_usd

    @property
    def index_usd(self) -> float:
        """Index of his perp."""
        return self.market.index_usd

    @property
    def stock_usd(self) -> float:
        """Mid of the stock's quote seen last; `stock_open` says whether it is of now."""
        return self.market.stock_usd

    @property
    def stock_open(self) -> bool:
        """Whether the stock has a quote now."""
        return self.market.stock_open

    @property
    def position_shares(self) -> float:
        """His perp position in his ticker, shares; negative where he is short."""
        return self.shares_of(self.ticker)

    @property
    def position_usd(self) -> float:
        """His perp position at the mark."""
        return self.position_shares * self.mark_usd

    @property
    def token_shares(self) -> float:
        """His tokens of his ticker, shares."""
        return self.tokens_of(self.ticker)

    def tokens_of(self, ticker: str) -> float:
        """His tokens of a ticker, shares."""
        return desk.token_shares(self._world, self._crowd, self.agent, self._number(ticker))

    def shares_of(self, ticker: str) -> float:
        """His perp position in a ticker, shares."""
        return desk.position_shares(self._world, self._crowd, self.agent, self._number(ticker))

    @property
    def equity_usd(self) -> float:
        """His equity at the mark: what he would own if he closed there."""
        return desk.equity_usd(self._world, self._crowd, self.agent)

    @property
    def worth_usd(self) -> float:
        """All he owns: equity, and tokens at the index."""
        worth = self.equity_usd
        for name, ticker in self.model.tickers.items():
            worth += self.tokens_of(name) * ticker.index_usd
        return worth

    # What he does

    def buy(self, shares: float, book: str = "perp", ticker: str | None = None, reduce_only: bool = False) -> None:
        """Buy at once, at the market. Whatever does not fill is gone."""
        self._order(desk.BUY, shares, 0.0, desk.MARKET, book, ticker, reduce_only)

    def sell(self, shares: float, book: str = "perp", ticker: str | None = None, reduce_only: bool = False) -> None:
        """Sell at once, at the market. Whatever does not fill is gone."""
        self._order(desk.SELL, shares, 0.0, desk.MARKET, book, ticker, reduce_only)

    def limit(
        self,
        shares: float,
        price_usd: float,
        book: str = "perp",
        ticker: str | None = None,
        post_only: bool = False,
        reduce_only: bool = False,
    ) -> None:
        """An order at a price or better that rests until it is filled or withdrawn: shares > 0 buys, < 0 sells."""
        if not price_usd > 0.0:
            raise ValueError(f"a price of {price_usd} dollars: a price is above zero")
        kind = desk.POST_ONLY if post_only else desk.LIMIT
        self._order(desk.BUY if shares > 0 else desk.SELL, abs(shares), price_usd, kind, book, ticker, reduce_only)

    def cancel_all(self, book: str = "perp", ticker: str | None = None) -> None:
        """Withdraw all own orders from a book."""
        _cancel_all(self._world, self._crowd, self.agent, self._number(ticker), _BOOKS[book])

    def stop(self, shares: float, trigger_usd: float, ticker: str | None = None) -> None:
        """A reduce-only market order that waits until the mark reaches a price: shares > 0 buys, < 0 sells."""
        if not (abs(shares) > 0.0 and trigger_usd > 0.0):
            raise ValueError(f"a stop of {shares} shares at {trigger_usd} dollars: neither may be zero")
        side = desk.BUY if shares > 0 else desk.SELL
        _send_stop(self._world, self._crowd, self.agent, self._number(ticker), side, trigger_usd, abs(shares))

    def drop_stops(self, ticker: str | None = None) -> None:
        """Withdraw all own stops."""
        desk.drop_stops(self._world, self._crowd, self.agent, self._number(ticker))

    def _order(self, side: int, shares: float, price_usd: float, kind: int, book: str, ticker: str | None, reduce_only: bool) -> None:  # fmt: skip
        if not shares > 0.0:
            raise ValueError(f"an order of {shares} shares: an order has a size above zero")
        number = self._ticker if ticker is None else self._number(ticker)
        flags = desk.REDUCE_ONLY if reduce_only else 0
        _send(self._world, self._crowd, self.agent, number, _BOOKS[book], side, float(price_usd), float(shares), kind, flags)  # fmt: skip

    def _number(self, ticker: str | None) -> int:
        return int(self._ticker if ticker is None else self.model.tickers[ticker].number)
