"""The underlying's Python door: given returns, earnings, replayed prices, and what is refused with a sentence."""

from __future__ import annotations

from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from offhours.sim import rulebook, units
from offhours.sim.declare import spec_of
from offhours.sim.hours import WindowClass, schedule
from offhours.sim.market import clock, gap, stock
from offhours.sim.mistake import Mistake
from offhours.sim.underlying import (
    GAP_SD_RATIO,
    GivenGap,
    Release,
    closed_windows,
    earnings_rows,
    plan_rows,
    read_prices,
    replay_rows,
)

TICKERS = ("TSLAx", "SPYx")


def at(text: str) -> int:
    """Instant of a UTC time."""
    return int(np.datetime64(text, "us").astype(np.int64))


def calendar() -> np.ndarray[Any, Any]:
    """Thursday 2026-03-05 to Monday 2026-03-09, New York: the clocks change on the Sunday."""
    spans = [
        ("2026-03-05T14:30", "2026-03-05T21:00", clock.REGULAR, gap.WEEKDAY_NIGHT),
        ("2026-03-05T21:00", "2026-03-06T01:00", clock.POST, gap.WEEKDAY_NIGHT),
        ("2026-03-06T01:00", "2026-03-06T09:00", clock.OVERNIGHT, gap.WEEKDAY_NIGHT),
        ("2026-03-06T09:00", "2026-03-06T14:30", clock.PRE, gap.WEEKDAY_NIGHT),
        ("2026-03-06T14:30", "2026-03-06T18:00", clock.REGULAR, gap.WEEKDAY_NIGHT),
        ("2026-03-06T18:00", "2026-03-06T18:05", clock.HALTED, gap.WEEKDAY_NIGHT),
        ("2026-03-06T18:05", "2026-03-06T21:00", clock.REGULAR, gap.WEEKDAY_NIGHT),
        ("2026-03-06T21:00", "2026-03-07T01:00", clock.POST, gap.WEEKEND_WINDOW),
        ("2026-03-07T01:00", "2026-03-09T00:00", clock.WEEKEND, gap.WEEKEND_WINDOW),
        ("2026-03-09T00:00", "2026-03-09T08:00", clock.OVERNIGHT, gap.WEEKEND_WINDOW),
        ("2026-03-09T08:00", "2026-03-09T13:30", clock.PRE, gap.WEEKEND_WINDOW),
        ("2026-03-09T13:30", "2026-03-09T20:00", clock.REGULAR, gap.WEEKEND_WINDOW),
        ("2026-03-09T20:00", "2026-03-10T00:00", clock.POST, gap.WEEKDAY_NIGHT),
    ]
    rows = np.zeros(len(spans), dtype=spec_of(clock.phases).dtype)
    for row, (start, end, phase, kind) in zip(rows, spans):
        row["start_us"], row["end_us"], row["phase"], row["window_class"] = at(start), at(end), phase, kind
    return rows


def test_closed_windows_are_from_close_to_open_and_a_halt_is_none() -> None:
    """GAP-1. The last one, which ends in no open, is left out."""
    found = closed_windows(calendar())
    assert [(w.close_us, w.open_us, w.kind) for w in found] == [
        (at("2026-03-05T21:00"), at("2026-03-06T14:30"), gap.WEEKDAY_NIGHT),
        (at("2026-03-06T21:00"), at("2026-03-09T13:30"), gap.WEEKEND_WINDOW),
    ]


def test_the_calendars_windows_are_read_as_they_are_meant() -> None:
    """HOURS-3, GAP-1. Codes agree, in both regimes; Presidents' Day makes a long week-end of 89.5 hours."""
    assert (gap.WEEKDAY_NIGHT, gap.WEEKEND_WINDOW, gap.HOLIDAY_WINDOW, gap.SESSION) == tuple(WindowClass)
    for regime in ("classic", "24x5"):
        found = closed_windows(schedule(at("2026-02-11T15:00"), at("2026-02-17T21:00"), regime))
        assert [((w.open_us - w.close_us) / 3.6e9, w.kind) for w in found] == [(17.5, 0), (17.5, 0), (89.5, 2)]


@pytest.mark.parametrize("when", ["2026-03-06T15:00", "2026-03-06T21:00", "2026-03-09T13:29"])
def test_a_given_gap_is_over_the_closed_window_that_holds_its_time_or_follows(when: str) -> None:
    """GAP-4."""
    rows = plan_rows([GivenGap("SPYx", -80_000_000, at(when), 250_000_000)], TICKERS, calendar())
    assert rows["ticker"][0] == 1
    assert (rows["from_us"][0], rows["to_us"][0]) == (at("2026-03-06T21:00"), at("2026-03-09T13:30"))
    assert abs(rows["log_return"][0] - log(0.92)) < 1e-15 and rows["surprise"][0] == 0.25


@pytest.mark.parametrize(
    ("gaps", "sentence"),
    [
        ([GivenGap("TSLX", 0, at("2026-03-06"))], "there is no ticker 'TSLX'"),
        ([GivenGap("SPYx", -(10**9), at("2026-03-06"))], "a gap lies above -100 %"),
        ([GivenGap("SPYx", 0, at("2026-03-06"), -1)], "a share lies between 0 % and 100 %"),
        ([GivenGap("SPYx", 0, at("2026-03-09T13:30"))], "no closed window of SPYx"),
        ([GivenGap("SPYx", 0, at("2026-03-06T15:00")), GivenGap("SPYx", 1, at("2026-03-07"))], "two gaps"),
    ],
)
def test_a_gap_that_cannot_be_is_refused_with_a_sentence(gaps: list[GivenGap], sentence: str) -> None:
    with pytest.raises(Mistake, match=sentence):
        plan_rows(gaps, TICKERS, calendar())


def test_earnings_come_in_order_and_at_full_seconds() -> None:
    """GAP-5."""
    rows = earnings_rows([Release("TSLAx", at("2026-03-06T21:05") + 7), Release("SPYx", at("2026-03-05"))], TICKERS)
    assert rows["ticker"].tolist() == [1, 0]
    assert rows["release_us"].tolist() == [at("2026-03-05"), at("2026-03-06T21:05")]
    with pytest.raises(Mistake, match="there is no ticker 'XYZ'"):
        earnings_rows([Release("XYZ", 0)], TICKERS)


def bars(start: str = "2026-03-05T14:00", end: str = "2026-03-09T20:00") -> pd.DataFrame:
    times = pd.date_range(start, end, freq="30min")
    return pd.DataFrame(
        {"time_utc": times, "open": np.arange(len(times)) + 100.0, "close": np.arange(len(times)) + 100.5}
    )


def write(frame: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("name", ["bars.csv", "bars.parquet"])
def test_bars_become_two_prices_each(tmp_path: Path, name: str) -> None:
    """STOCK-6. The open counts from the bar's beginning, the close from the last second before the next bar."""
    file = write(bars(), tmp_path / name)
    rows = replay_rows({"SPYx": file}, TICKERS, calendar(), at("2026-03-05T14:30"), at("2026-03-09T20:00"))
    assert rows.dtype == spec_of(stock.stock_replays).dtype and (rows["ticker"] == 1).all()
    assert rows["time_us"][:3].tolist() == [at("2026-03-05T14:00"), at("2026-03-05T14:29:59"), at("2026-03-05T14:30")]
    assert rows["price_usd"][:3].tolist() == [100.0, 100.5, 101.0]


def test_new_york_times_follow_the_change_of_clocks(tmp_path: Path) -> None:
    frame = pd.DataFrame({"Time_New_York": ["2026-03-06 16:00", "2026-03-09 09:30"], "Price": [400.0, 368.0]})
    times_us, prices = read_prices(write(frame, tmp_path / "mine.csv"))
    assert times_us.tolist() == [at("2026-03-06T21:00"), at("2026-03-09T13:30")] and prices.tolist() == [400.0, 368.0]


def spoil(column: str, row: int, value: Any) -> pd.DataFrame:
    frame = bars().astype({"time_utc": str, "open": object, "close": object})
    frame.loc[row, column] = value
    return frame


@pytest.mark.parametrize(
    ("frame", "sentence"),
    [
        (
            bars().drop(columns="time_utc"),
            "has no time: a column time_utc or time_new_york; its columns are open, close",
        ),
        (
            bars().rename(columns={"close": "last", "open": "first"}),
            "has no price: a column price_usd, or open and close",
        ),
        (bars().iloc[::-1], "row 2 is not later than the row before it"),
        (pd.concat([bars(), bars().tail(1)]), "is not later than the row before it"),
        (spoil("close", 4, -1.0), "row 5 is not a positive price"),
        (spoil("open", 4, "n/a yet"), "open: has a value that is not a number"),
        (spoil("time_utc", 3, "tomorrow"), "row 4, 'tomorrow', is not a time like"),
        (pd.DataFrame({"time_new_york": ["2026-03-08 02:30"], "price": [1.0]}), "does not exist or exists twice"),
        (bars().head(0), "has no rows"),
        (bars(start="2026-03-05T15:00"), "begins at 2026-03-05 15:00 UTC, after the run at 2026-03-05 14:30 UTC"),
        (bars(end="2026-03-08"), "has no price in the session from 2026-03-09 13:30 UTC to 2026-03-09 20:00 UTC"),
        (bars().drop(index=range(45, 63)), "has no price in the session from 2026-03-06 14:30 UTC to 2026-03-06 18:00"),
    ],
)
def test_a_file_that_cannot_be_replayed_is_refused_with_a_sentence(
    tmp_path: Path, frame: pd.DataFrame, sentence: str
) -> None:
    file = write(frame, tmp_path / "mine.csv")
    with pytest.raises(Mistake, match=sentence) as error:
        replay_rows({"TSLAx": file}, TICKERS, calendar(), at("2026-03-05T14:30"), at("2026-03-09T20:00"))
    assert str(file) in str(error.value)


def test_a_file_that_is_not_there_or_not_a_table_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match="cannot be read"):
        read_prices(tmp_path / "nothing.csv")
    (tmp_path / "text.parquet").write_text("no parquet")
    with pytest.raises(Mistake, match="is neither CSV nor Parquet"):
        read_prices(tmp_path / "text.parquet")


@pytest.mark.parametrize("ticker", rulebook.tickers())
def test_each_tickers_file_is_whole_and_names_its_sources(ticker: str) -> None:
    """Every figure has a basis; what was chosen says why not half and why not twice."""
    document = rulebook.read_asset(ticker)
    assert document["ticker"] == ticker and ticker == document["symbol"] + "x"
    knobs = spec_of(stock.stock_rules).columns
    for name in ("price", "daily_volatility", "loading", "spread", "volume"):
        source = document["stock"][name]["source"]
        assert source.split(":")[0] in ("measured", "chosen")
        assert source.startswith("measured") or ("half" in source and "twice" in source)
        assert any(units.bare_name(c, k.unit) == name for c, k in knobs.items() if hasattr(k, "low"))


def test_the_ten_of_the_launch_set_are_here() -> None:
    launch = "AAPLx CRCLx GLDx GOOGLx HOODx MSTRx NVDAx QQQx SPYx TSLAx"
    assert list(rulebook.tickers()) == launch.split()


@pytest.mark.parametrize(
    ("ticker", "night_p95_bp"),
    [("SPYx", 122), ("QQQx", 170), ("NVDAx", 326), ("AAPLx", 195), ("TSLAx", 408), ("GOOGLx", 201), ("HOODx", 454),
     ("MSTRx", 632), ("CRCLx", 505)],
)  # fmt: skip
def test_a_tickers_volatility_is_the_stated_multiple_of_its_nights(ticker: str, night_p95_bp: int) -> None:
    """RaYYeR220/ballast, gap_quantiles.json: abs_p95_bps of weekday_overnight."""
    found = units.read(rulebook.read_asset(ticker)["stock"]["daily_volatility"]["value"], "ppb")
    assert abs(found / 1e5 - GAP_SD_RATIO * night_p95_bp) < 0.6
