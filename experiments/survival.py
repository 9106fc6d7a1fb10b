"""What would have carried an account through, and the position that a liquidation took apart."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor
from typing import TYPE_CHECKING

import numpy as np

from offhours.experiments.metrics.gaps import Schedule
from offhours.experiments.watcher import Seen

if TYPE_CHECKING:
    from offhours.experiments.run import Run


@dataclass(frozen=True)
class Survival:
    """What would have carried an account through, along the marks as they were, had it kept what it held."""

    more_uusd: int
    """Dollars that were missing at the worst instant until the run's end."""
    worst_us: int
    leverage: float | None
    """Leverage with which the position could have been opened; None where its opening was not seen, or none would do."""


@dataclass(frozen=True)
class Episode:
    """From one instant without a position in a ticker to the next."""

    ticker: int
    from_us: int
    seen: bool
    """Whether its beginning was measured."""
    side: int
    price_usd: float
    """Mean price of the fills of its first minute; the mark at the first measured instant where it began before."""
    leverage: float | None
    """Of the account at the end of that minute."""
    row: int
    """The row of `Seen` at that instant."""


def survival(seen: Seen, margins: Schedule, from_row: int, opened_row: int | None) -> Survival:
    """Dollars (and the leverage at an opening) with which an account would never have been below maintenance from a row on.

    It keeps the positions of that row to the end, along the marks and funding as they were: nobody else would have done
    anything else, and tokens that count as collateral stay worth what they were. With more dollars x at the opening, leverage is its size over equity + x.
    """
    lots = seen.lots[from_row].astype(float)
    moved = (seen.mark_ticks[from_row:] - seen.mark_ticks[from_row]) @ (lots * seen.unit_uusd)
    paid = (seen.paid_pusd[from_row:] - seen.paid_pusd[from_row]) @ lots / 1e6
    equity = seen.equity_uusd[from_row] + moved - paid
    needed = np.zeros(len(equity))
    for ticker in np.flatnonzero(lots):
        size = np.abs(lots[ticker]) * seen.mark_ticks[from_row:, ticker] * float(seen.unit_uusd[ticker])
        needed += margins.maintenance_uusd(int(ticker), size, np.abs(lots[ticker]))
    place = int(np.argmax(needed - equity))
    more = max(0, ceil(float(needed[place] - equity[place])))
    leverage = None
    if opened_row is not None:
        # Those dollars are added to what backed the position when it was opened.
        backing = float(seen.equity_uusd[opened_row]) + more
        leverage = floor(10 * float(seen.gross_uusd[opened_row]) / backing) / 10 if backing > 0 else None
    return Survival(more, int(seen.time_us[from_row + place]), leverage)


def episode(run: Run, seen: Seen, account: int, ticker: int, before_us: int) -> Episode | None:
    """The position in a ticker that an account held at an instant: when it began, at which price and leverage."""
    last = seen.at(before_us)
    held = seen.lots[: last + 1, ticker]
    if len(held) == 0 or held[-1] == 0:
        return None
    side = 1 if held[-1] > 0 else -1
    other = np.flatnonzero(np.sign(held) != side)
    first = int(other[-1]) + 1 if len(other) else 0
    tick_usd = float(run.instruments.tick_uusd[2 * ticker]) / 1e6
    price = float(seen.mark_ticks[first, ticker]) * tick_usd
    at_us = int(seen.time_us[first])
    if len(other):
        rows = run.exact_rows().get("trades")
        own = None if rows is None else rows[(rows["book"] == 2 * ticker) & (rows["time_us"] > seen.time_us[first - 1]) & (rows["time_us"] <= seen.time_us[first])]  # fmt: skip
        if own is not None:
            own = own[(own["buyer"] if side > 0 else own["seller"]) == account]
            if len(own):
                price = float((own["price_ticks"] * own["size_lots"]).sum() / own["size_lots"].sum()) * tick_usd
                at_us = int(own["time_us"][0])
    worth = float(seen.equity_uusd[first])
    return Episode(ticker, at_us, bool(len(other)), side, price, float(seen.gross_uusd[first]) / worth if worth > 0 else None, first)  # fmt: skip
