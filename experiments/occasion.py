"""What a run is about: the longest time in which its stock had no price, or a move that its scenario gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from offhours.experiments.frames import closed_spans, instants, liquidations_of, of_ticker
from offhours.sim.hours import HOUR_US, MINUTE_US, SECOND_US, new_york_date, previous_regular_close

if TYPE_CHECKING:
    from offhours.experiments.run import Run


SOON_US = 90 * SECOND_US
"""How soon after the first price a liquidation counts as its consequence."""

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class Sleep:
    """The longest time of a run in which the headline stock had no price."""

    since_us: int
    until_us: int
    """When its first price came; where none came, the run's end."""
    price_usd: float | None
    """The first price; None where the run ended before it."""
    close_usd: float | None
    """The stock's price at the regular close before."""
    close_name: str
    """ "Friday's close". """

    @property
    def hours(self) -> float:
        """How long."""
        return (self.until_us - self.since_us) / HOUR_US

    @property
    def change_pct(self) -> float | None:
        """The first price beside the regular close before."""
        if self.price_usd is None or self.close_usd is None:
            return None
        return 100 * (self.price_usd / self.close_usd - 1)


def sleep_of(run: Run) -> Sleep | None:
    """The longest time without a stock price; None where the stock could always be seen."""
    bars = of_ticker(run, "bars")
    if bars.empty:
        return None
    first = of_ticker(run, "first_prices")
    found: tuple[int, int, float | None] | None = None
    if not first.empty:
        first = first.assign(since=instants(first["since_utc"]))
        row = first.iloc[int((first["us"] - first["since"]).to_numpy().argmax())]
        found = int(row["since"]), int(row["us"]), float(row["price_usd"])
    hidden = closed_spans(bars)
    if hidden and hidden[-1][1] == int(bars["us"].iloc[-1]):
        last = hidden[-1]
        if not bars["stock_visible"].iloc[-1] and (found is None or last[1] - last[0] > found[1] - found[0]):
            found = last[0], last[1], None
    if found is None:
        return None
    close_us = previous_regular_close(found[0])
    before = bars[(bars["us"] <= close_us) & bars["stock_visible"].astype(bool)]
    close = float(before["stock_usd"].iloc[-1]) if len(before) else None
    return Sleep(*found, close, close_name(close_us))


def close_name(us: int) -> str:
    """ "Friday's close": whose day's close an instant is."""
    return f"{WEEKDAYS[new_york_date(us).weekday()]}'s close"


def soon_after(run: Run, at_us: int, within_us: int = SOON_US) -> tuple[int, int]:
    """Liquidations within some time of an instant (of the first price), and in all of the run: their numbers."""
    us = liquidations_of(run)["us"].to_numpy()
    return int(((us >= at_us) & (us <= at_us + within_us)).sum()), len(us)


@dataclass(frozen=True)
class Shock:
    """A move that the scenario gives the headline in place of a gap."""

    from_us: int
    to_us: int
    change_pct: float
    """All that is given, on top of the stock's own movement."""

    @property
    def minutes(self) -> float:
        """How long it takes."""
        return (self.to_us - self.from_us) / MINUTE_US


def shock_of(run: Run) -> Shock | None:
    """The given move that a run is about; None where it is about a closed window."""
    own = run.scenario.news_moves
    if not own:
        return None
    change = float(np.prod([1 + move.change_ppb / 1e9 for move in own])) - 1
    return Shock(min(move.from_us for move in own), max(move.to_us for move in own), 100 * change)
