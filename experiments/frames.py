"""A run's tables as figures and sentences read them: measured rows, instants as whole microseconds, prices as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from offhours.sim.mistake import Mistake

if TYPE_CHECKING:
    import pandas as pd

    from offhours.experiments.run import Run


Array = np.ndarray[Any, Any]


def instants(times: Any) -> Array:
    """A column of UTC times as whole microseconds."""
    import pandas as pd

    return np.asarray(pd.to_datetime(times, utc=True).dt.tz_localize(None).to_numpy("datetime64[us]").astype(np.int64))


def of_ticker(run: Run, table: str, ticker: str | None = None) -> pd.DataFrame:
    """A table's measured rows of one ticker (the headline), with the instant as whole microseconds in `us`."""
    frames = run.tables()
    if table not in frames:
        raise Mistake(run.scenario.name, "", "", f"this run holds no table '{table}'")
    frame = frames[table]
    frame = frame[frame["ticker"] == (ticker or run.scenario.headline)]
    frame = frame.assign(us=instants(frame["time_utc"]))
    return frame[frame["us"] >= run.scenario.measure_from_us]


def liquidations_of(run: Run) -> pd.DataFrame:
    """All tickers' forced trades and takeovers that were measured; shortfalls (rows without a ticker) are left out."""
    frame = run.tables()["liquidations"]
    frame = frame[frame["ticker"] != ""]
    frame = frame.assign(us=instants(frame["time_utc"]))
    return frame[frame["us"] >= run.scenario.measure_from_us]


def perp_mid(bars: pd.DataFrame, book: str = "perp") -> Array:
    """Mid of a book's best prices, NaN where a side is empty."""
    return np.asarray((bars[f"{book}_bid_usd"] + bars[f"{book}_ask_usd"]) / 2, dtype=float)


def stock_seen(bars: pd.DataFrame) -> Array:
    """The stock's price where it has one, NaN where it has not, so that a line breaks."""
    seen: Array = np.where(bars["stock_visible"].to_numpy(bool), bars["stock_usd"].to_numpy(float), np.nan)
    return seen


def closed_spans(bars: pd.DataFrame) -> list[tuple[int, int]]:
    """The times without a stock price, from the last bar that had one to the next that has."""
    return _spans(bars["us"].to_numpy(), ~bars["stock_visible"].to_numpy(bool))


def extended_spans(bars: pd.DataFrame) -> list[tuple[int, int]]:
    """The times before and after the session in which the stock can be seen."""
    return _spans(bars["us"].to_numpy(), bars["stock_visible"].to_numpy(bool) & (bars["phase"] != "regular").to_numpy())


def _spans(us: Array, inside: Array) -> list[tuple[int, int]]:
    edges = np.diff(np.concatenate(([0], inside.astype(np.int8), [0])))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    spans = zip(starts.tolist(), ends.tolist())
    return [(int(us[max(0, start - 1)]), int(us[min(len(us) - 1, end)])) for start, end in spans]
