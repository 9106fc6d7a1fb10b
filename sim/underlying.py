"""The stocks under the tokens, as Python sees them: how they were calibrated, given returns, earnings, replayed prices.

The law itself lies behind the wall, in the rooms `gap` and `stock`; a ticker's own figures in ``assets/TICKER.toml``.

**How a ticker is calibrated.** Its daily standard deviation is `GAP_SD_RATIO` times the 95 % quantile of its absolute
gaps over weekday nights (RaYYeR220/ballast, research/data/gap_quantiles.json, 2020-06-01 to 2026-09-24, about 1,200
nights a name). The ratio is measured where daily bars and gaps are both at hand: SPY .91 (n = 3,794 nights 2002-2021),
QQQ .85 (1,968), IWM .96 (3,401), AAPL .94 (3,794), FB .98 (1,742), GOOG 1.05 (1,872); median .95 (QuantConnect/Lean). A
quantile of many nights says more than a standard deviation, which a dozen days decide.

**Loadings** are correlations with one market factor: those of nights and sessions with SPY since 2012 over SPY's .97
(QQQ .93 and .90, AAPL .68 and .64, GOOG .73 and .69; n = 2,229 days, QuantConnect/Lean), and for the younger names the
weekday correlations of their tokens with QQQx and SPYx, 24 to 92 days to 2026-06-21
(mkzung/solana-xstocks-wash-analysis). One factor leaves out what MSTR, COIN and CRCL share beyond the market (.6 to .75
among their tokens).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from offhours.sim.curves import log
from offhours.sim.declare import spec_of
from offhours.sim.layers import check_ticker
from offhours.sim.market import gap, stock
from offhours.sim.market.clock import HALTED, REGULAR, SECOND_US
from offhours.sim.mistake import Mistake

if TYPE_CHECKING:
    import pandas as pd

GAP_SD_RATIO = 0.95
"""Daily standard deviation over the 95 % quantile of absolute weekday night gaps."""

PPB = 1_000_000_000
TIME_COLUMNS = ("time_utc", "time_new_york")
PRICE_COLUMNS = ("price_usd", "price", "close")


@dataclass(frozen=True)
class ClosedWindow:
    """A closed window of the stock: a regular close, the next regular open, and its kind (`gap.WEEKDAY_NIGHT` ..)."""

    close_us: int
    open_us: int
    kind: int


@dataclass(frozen=True)
class GivenGap:
    """A return that is given, not drawn, over the closed window that holds `at_us` or is the next one after it.

    `change_ppb` is the simple return from close to open; `surprise_ppb` the share of it that jumps at the open.
    """

    ticker: str
    change_ppb: int
    at_us: int
    surprise_ppb: int = 0


@dataclass(frozen=True)
class Release:
    """An earnings release."""

    ticker: str
    at_us: int


def closed_windows(hours: np.ndarray[Any, Any]) -> list[ClosedWindow]:
    """The closed windows of a calendar (rows as `hours.schedule` makes them) that end in an open."""
    found: list[ClosedWindow] = []
    close_us, kind = -1, 0
    for row in hours:
        in_session = row["phase"] in (REGULAR, HALTED)
        if not in_session and close_us < 0:
            close_us, kind = int(row["start_us"]), int(row["window_class"])
        elif in_session and close_us >= 0:
            found.append(ClosedWindow(close_us, int(row["start_us"]), kind))
            close_us = -1
    return found


def plan_rows(
    gaps: Sequence[GivenGap], tickers: Sequence[str], hours: np.ndarray[Any, Any], file: str = "scenario"
) -> np.ndarray[Any, Any]:
    """Rows of the plan table for the given returns. Raises :class:`Mistake`."""
    rows = np.zeros(len(gaps), dtype=spec_of(gap.stock_plans).dtype)
    windows, taken = closed_windows(hours), set()
    for row, given in zip(rows, gaps):
        check_ticker(given.ticker, tickers, file, "gap")
        if not -PPB < given.change_ppb <= 10 * PPB:
            raise Mistake(file, "gap", f"{given.change_ppb / 1e7:g} %", "a gap lies above -100 % and up to 1000 %")
        if not 0 <= given.surprise_ppb <= PPB:
            raise Mistake(file, "surprise", f"{given.surprise_ppb / 1e7:g} %", "a share lies between 0 % and 100 %")
        window = next((w for w in windows if given.at_us < w.open_us), None)
        if window is None:
            sentence = f"the run has no closed window of {given.ticker} that ends in an open after the gap's time"
            raise Mistake(file, "gap", "", sentence)
        if (given.ticker, window.close_us) in taken:
            raise Mistake(file, "gap", given.ticker, "two gaps are given for one closed window")
        taken.add((given.ticker, window.close_us))
        row["ticker"] = tickers.index(given.ticker)
        row["from_us"], row["to_us"] = window.close_us, window.open_us
        row["log_return"] = log(1.0 + given.change_ppb / PPB)
        row["surprise"] = given.surprise_ppb / PPB
    return rows


def earnings_rows(releases: Sequence[Release], tickers: Sequence[str], file: str = "scenario") -> np.ndarray[Any, Any]:
    """Rows of the earnings table, in order of time. Raises :class:`Mistake`."""
    for release in releases:
        check_ticker(release.ticker, tickers, file, "earnings")
    rows = np.zeros(len(releases), dtype=spec_of(gap.earnings).dtype)
    for row, release in zip(rows, sorted(releases, key=lambda r: (r.at_us, r.ticker))):
        row["ticker"] = tickers.index(release.ticker)
        row["release_us"] = release.at_us - release.at_us % SECOND_US
    return rows


# Replay --------------------------------------------------------------------------------------------------------------


def replay_rows(
    files: Mapping[str, str | Path],
    tickers: Sequence[str],
    hours: np.ndarray[Any, Any],
    start_us: int,
    end_us: int,
) -> np.ndarray[Any, Any]:
    """Rows of the replay table from one file of real prices a ticker, CSV or Parquet. Raises :class:`Mistake`.

    A file has the column ``time_utc`` or ``time_new_york`` (a bar is stamped with its beginning), and ``price_usd`` or
    ``price``, or ``open`` and ``close``. The price of a bar with both is its open from its beginning and its close from
    the second before its end; between rows the price stands still.
    """
    parts = []
    for ticker in sorted(files, key=lambda name: (name not in tickers, name in tickers and tickers.index(name))):
        check_ticker(ticker, tickers, str(files[ticker]), "replay")
        times_us, prices = read_prices(files[ticker])
        _check_cover(str(files[ticker]), times_us, hours, start_us, end_us)
        rows = np.zeros(len(times_us), dtype=spec_of(stock.stock_replays).dtype)
        rows["ticker"], rows["time_us"], rows["price_usd"] = tickers.index(ticker), times_us, prices
        parts.append(rows)
    return np.concatenate(parts) if parts else np.zeros(0, dtype=spec_of(stock.stock_replays).dtype)


def read_prices(file: str | Path) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Instants (us since 1970) and prices (dollars) of a file of real prices. Raises :class:`Mistake`."""
    name, frame = str(file), _read_frame(Path(file))
    times_us = _read_times(name, frame)
    late = np.flatnonzero(np.diff(times_us) <= 0)
    if len(late):
        sentence = f"row {late[0] + 2} is not later than the row before it; sort the rows by time, once each"
        raise Mistake(name, "", "", sentence)
    if "open" in frame and "close" in frame:
        times_us, prices = _parted_bars(times_us, _read_column(name, frame, "open"), _read_column(name, frame, "close"))
        return times_us, prices
    column = next((c for c in PRICE_COLUMNS if c in frame), None)
    if column is None:
        sentence = f"has no price: a column price_usd, or open and close; its columns are {', '.join(frame.columns)}"
        raise Mistake(name, "", "", sentence)
    return times_us, _read_column(name, frame, column)


def _read_frame(path: Path) -> pd.DataFrame:
    # pandas takes most of a second to import, and only a replay needs it.
    import pandas as pd

    try:
        frame = _read_parquet(path) if path.suffix in (".parquet", ".pq") else pd.read_csv(path)
    except OSError as error:
        raise Mistake(str(path), "", "", f"cannot be read: {error.strerror or error}") from None
    except ValueError as error:  # what both readers raise for a file that is not theirs
        raise Mistake(str(path), "", "", f"is neither CSV nor Parquet: {str(error).splitlines()[0]}") from None
    frame.columns = [str(column).strip().lower() for column in frame.columns]
    if frame.empty:
        raise Mistake(str(path), "", "", "has no rows")
    return frame


def _read_parquet(path: Path) -> pd.DataFrame:
    import fastparquet

    with path.open("rb") as file:
        if file.read(4) != b"PAR1":
            raise ValueError("a Parquet file begins with PAR1")
    frame: pd.DataFrame = fastparquet.ParquetFile(str(path)).to_pandas()
    return frame


def _read_times(name: str, frame: pd.DataFrame) -> np.ndarray[Any, Any]:
    import pandas as pd

    column = next((c for c in TIME_COLUMNS if c in frame), None)
    if column is None:
        sentence = f"has no time: a column time_utc or time_new_york; its columns are {', '.join(frame.columns)}"
        raise Mistake(name, "", "", sentence)
    if pd.api.types.is_numeric_dtype(frame[column]):
        raise Mistake(name, column, str(frame[column].iloc[0]), "is a number; write a time like '2026-03-06 09:30'")
    try:
        times = pd.DatetimeIndex(pd.to_datetime(frame[column], utc=column == "time_utc"))
        if times.tz is None:
            times = times.tz_localize("America/New_York", ambiguous="raise", nonexistent="raise")
    except (ValueError, TypeError) as error:
        unread = np.flatnonzero(pd.to_datetime(frame[column], utc=True, errors="coerce").isna())
        if len(unread):
            given = str(frame[column].iloc[unread[0]])
            sentence = f"row {unread[0] + 1}, '{given}', is not a time like '2026-03-06 09:30'"
            raise Mistake(name, column, given, sentence) from None
        sentence = str(error).splitlines()[0].strip("'\"")
        raise Mistake(name, column, "", f"a time does not exist or exists twice in New York: {sentence}") from None
    if times.hasnans:
        raise Mistake(name, column, "", f"row {int(np.flatnonzero(times.isna())[0]) + 1} has no time")
    return np.asarray(times.tz_convert("UTC").tz_localize(None).astype("datetime64[us]").astype(np.int64))


def _read_column(name: str, frame: pd.DataFrame, column: str) -> np.ndarray[Any, Any]:
    try:
        prices = frame[column].to_numpy(dtype=np.float64)
    except (ValueError, TypeError):
        raise Mistake(name, column, "", "has a value that is not a number") from None
    wrong = np.flatnonzero(~(np.isfinite(prices) & (prices > 0)))
    if len(wrong):
        raise Mistake(name, column, f"{prices[wrong[0]]:g}", f"row {wrong[0] + 1} is not a positive price")
    return prices


def _parted_bars(
    times_us: np.ndarray[Any, Any], opens: np.ndarray[Any, Any], closes: np.ndarray[Any, Any]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Two prices a bar: its open at its beginning, its close a second before its end (by the file's shortest step)."""
    length_us = int(np.diff(times_us).min()) if len(times_us) > 1 else 2 * SECOND_US
    if length_us < 2 * SECOND_US:
        return times_us, closes
    both_us = np.stack([times_us, times_us + length_us - SECOND_US], axis=1).ravel()
    return both_us, np.stack([opens, closes], axis=1).ravel()


def _check_cover(
    name: str, times_us: np.ndarray[Any, Any], hours: np.ndarray[Any, Any], start_us: int, end_us: int
) -> None:
    """Refuse a file that begins after the run does, or leaves a regular session of the run without a price."""
    if times_us[0] > start_us:
        raise Mistake(name, "", "", f"begins at {_stamp(int(times_us[0]))}, after the run at {_stamp(start_us)}")
    for row in hours:
        if row["phase"] == REGULAR and row["end_us"] > start_us and row["start_us"] < end_us:
            begin_us, stop_us = max(int(row["start_us"]), start_us), min(int(row["end_us"]), end_us)
            first = int(np.searchsorted(times_us, begin_us))
            if first == len(times_us) or times_us[first] >= stop_us:
                raise Mistake(name, "", "", f"has no price in the session from {_stamp(begin_us)} to {_stamp(stop_us)}")


def _stamp(instant_us: int) -> str:
    text = str(np.datetime64(instant_us, "us").astype("datetime64[m]"))
    return f"{text.replace('T', ' ')} UTC"
