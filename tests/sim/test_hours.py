"""The calendar agrees with the exchange's, the clock with the time zone database, and every instant has one phase."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import exchange_calendars
import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from offhours.sim import hours, make_hours_table
from offhours.sim.hours import HoursError, Phase, WindowClass, parse_new_york

NEW_YORK = ZoneInfo("America/New_York")
FIRST_US = parse_new_york("2015-01-01 00:00")
LAST_US = parse_new_york("2031-01-01 00:00")

instants = st.integers(FIRST_US, LAST_US)


@pytest.fixture(scope="module")
def nyse():
    """The exchange's calendar as a library of its own knows it."""
    return exchange_calendars.get_calendar("XNYS", start="2015-01-01", end="2030-12-31")


def microseconds(moments: pd.Series | pd.DatetimeIndex) -> np.ndarray:
    return pd.DatetimeIndex(moments).as_unit("us").asi8


def week(start: str, end: str, regime: hours.Regime = "classic") -> list[tuple[str, str, bool, str]]:
    """A schedule as a person reads it: when a row begins, its phase, whether it is visible, its window's class."""
    return [
        (
            hours.format_new_york_short(row["start_us"]),
            Phase(row["phase"]).name,
            bool(row["visible"]),
            WindowClass(row["window_class"]).name,
        )
        for row in hours.schedule(parse_new_york(start), parse_new_york(end), regime)
    ]


# Sessions -----------------------------------------------------------------------------------------------------------


def test_sessions_are_the_exchanges(nyse):
    """HOURS-1, against exchange_calendars: every open and close, half days included, 2015-2030."""
    assert hours.regular_opens(FIRST_US, LAST_US).tolist() == microseconds(nyse.opens).tolist()
    assert hours.regular_closes(FIRST_US, LAST_US).tolist() == microseconds(nyse.closes).tolist()


def test_days_are_the_exchanges(nyse):
    """HOURS-1: a day is a trading day, a half day, a named holiday or a week-end, as the exchange has it."""
    sessions, halves = set(nyse.sessions.date), set(nyse.early_closes.date)
    for day in pd.date_range(hours.FIRST_DAY, hours.LAST_DAY).date:
        assert hours.is_trading_day(day) == (day in sessions), day
        assert hours.is_half_day(day) == (day in halves), day
        assert (hours.holiday_name(day) is not None) == (day.weekday() < 5 and day not in sessions), day


@pytest.mark.parametrize(
    ("day", "name"),
    [
        ("2018-12-05", "National day of mourning for George H. W. Bush"),
        ("2025-01-09", "National day of mourning for Jimmy Carter"),
        ("2026-04-03", "Good Friday"),
        ("2026-06-19", "Juneteenth"),
        ("2026-07-03", "Independence Day (observed)"),
        ("2026-11-26", "Thanksgiving Day"),
        ("2027-12-24", "Christmas Day (observed)"),
        ("2026-11-27", None),
        ("2026-03-07", None),
    ],
)
def test_holidays_have_names(day, name):
    assert hours.holiday_name(date.fromisoformat(day)) == name


def test_table_is_what_its_script_makes():
    made = make_hours_table.stock_holidays() + make_hours_table.half_days() + make_hours_table.bank_holidays()
    lines = pd.read_csv(Path(hours.__file__).with_name("hours_table.csv"), parse_dates=["date"])
    assert [(row.date.date(), row.kind, row.name) for row in lines.itertuples(index=False)] == sorted(made)


# Phases -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def minutes(nyse) -> pd.DataFrame:
    """Each minute of 2020-2027 as the rules say it of a wall clock and the exchange's sessions alone."""
    local = pd.date_range("2020-01-01", "2028-01-01", freq="min", tz=NEW_YORK, inclusive="left")
    clock = (local.hour * 60 + local.minute).to_numpy()
    midnight = local.tz_localize(None).normalize()

    days = pd.date_range("2019-12-20", "2028-01-10")
    trades = pd.Series(days.isin(nyse.sessions), days)
    closed_weekday = ~trades & (days.day_of_week < 5)
    before = pd.Series(days, days).where(trades)
    after = before.bfill()
    holidays_so_far = closed_weekday.cumsum()

    today = trades.reindex(midnight).to_numpy()
    tomorrow = trades.reindex(midnight + pd.Timedelta(days=1)).to_numpy()
    half = midnight.isin(nyse.early_closes)
    close = np.where(half, 13 * 60, 16 * 60)
    post_end = np.where(half, 17 * 60, 20 * 60)

    # A dark minute lies between the trading day last ended and the one that comes next.
    evening = today & (clock >= post_end)
    morning = today & (clock < 4 * 60)
    last = np.where(morning, midnight - pd.Timedelta(days=1), midnight)
    last = before.ffill().reindex(pd.DatetimeIndex(last))
    coming = after.reindex(pd.DatetimeIndex(np.where(evening, midnight + pd.Timedelta(days=1), midnight)))
    holidays_between = (
        holidays_so_far.reindex(pd.DatetimeIndex(coming.to_numpy())).to_numpy()
        - holidays_so_far.reindex(pd.DatetimeIndex(last.to_numpy())).to_numpy()
    )
    days_between = (coming.to_numpy() - last.to_numpy()) // np.timedelta64(1, "D")
    night = np.where(holidays_between > 0, Phase.HOLIDAY, np.where(days_between > 1, Phase.WEEKEND, Phase.OVERNIGHT))
    phase = np.select(
        [
            today & (clock >= 9 * 60 + 30) & (clock < close),
            today & (clock >= 4 * 60) & (clock < 9 * 60 + 30),
            today & (clock >= close) & (clock < post_end),
        ],
        [Phase.REGULAR, Phase.PRE, Phase.POST],
        night,
    )
    by_day = (phase == Phase.REGULAR) | (phase == Phase.PRE) | (phase == Phase.POST)
    by_night = (today & (clock < 4 * 60)) | (tomorrow & (clock >= 20 * 60))
    return pd.DataFrame({"us": microseconds(local), "phase": phase, "classic": by_day, "24x5": by_day | by_night})


@pytest.mark.parametrize("regime", ["classic", "24x5"])
def test_every_instant_of_eight_years_is_in_one_phase(minutes, regime):
    """HOURS-1 to HOURS-5: rows follow each other at full minutes; each of 4.2 million minutes is what the rules say."""
    start_us, end_us = parse_new_york("2020-01-01 00:00"), parse_new_york("2028-01-01 00:00")
    rows = hours.schedule(start_us, end_us, regime)
    assert rows["start_us"][0] == start_us
    assert rows["end_us"][-1] == end_us
    assert (rows["end_us"][:-1] == rows["start_us"][1:]).all()
    assert (rows["start_us"] < rows["end_us"]).all()
    assert not (rows["start_us"] % hours.MINUTE_US).any()

    assert len(minutes) == (end_us - start_us) // hours.MINUTE_US
    row_of_minute = np.searchsorted(rows["start_us"], minutes["us"], side="right") - 1
    assert (rows["phase"][row_of_minute] == minutes["phase"]).all()
    assert (rows["visible"][row_of_minute] == minutes[regime]).all()


def test_phase_at_is_the_schedules():
    """The first and the last microsecond of every phase of sixteen years; HALTED is never among them (HOURS-6)."""
    for row in hours.schedule(FIRST_US, LAST_US):
        assert hours.phase_at(row["start_us"]) == row["phase"] == hours.phase_at(row["end_us"] - 1)
        assert row["phase"] != Phase.HALTED


@given(st.lists(instants, min_size=2, max_size=2, unique=True).map(sorted), st.sampled_from(["classic", "24x5"]))
def test_a_cut_schedule_is_a_piece_of_the_whole(interval, regime):
    start_us, end_us = interval
    rows = hours.schedule(start_us, end_us, regime)
    assert rows["start_us"][0] == start_us
    assert rows["end_us"][-1] == end_us
    assert (rows["end_us"][:-1] == rows["start_us"][1:]).all()
    whole = hours.schedule(FIRST_US, LAST_US, regime)
    first = np.searchsorted(whole["start_us"], start_us, side="right") - 1
    for name in ("phase", "visible", "window", "window_class"):
        assert (rows[name] == whole[name][first : first + len(rows)]).all()


def test_a_schedule_is_the_callers_own():
    """Writing a halt over a phase leaves the calendar alone."""
    noon_us = parse_new_york("2026-03-06 12:00")
    hours.schedule(noon_us, noon_us + 1)["phase"] = Phase.HALTED
    assert hours.phase_at(noon_us) == Phase.REGULAR


def test_thanksgiving_week_2026():
    """HOURS-2 to HOURS-4: a holiday in mid-week, a half day after it, an ordinary week-end."""
    assert week("2026-11-25 16:00", "2026-11-30 09:30") == [
        ("Wed 16:00", "POST", True, "HOLIDAY"),
        ("Wed 20:00", "HOLIDAY", False, "HOLIDAY"),
        ("Fri 04:00", "PRE", True, "HOLIDAY"),
        ("Fri 09:30", "REGULAR", True, "SESSION"),
        ("Fri 13:00", "POST", True, "WEEKEND"),
        ("Fri 17:00", "WEEKEND", False, "WEEKEND"),
        ("Mon 04:00", "PRE", True, "WEEKEND"),
    ]


def test_thanksgiving_week_2026_in_24x5():
    """HOURS-5: dark from Wednesday to Thursday 20:00 and from the half day's end to Sunday 20:00."""
    assert week("2026-11-24 20:00", "2026-11-30 09:30", "24x5") == [
        ("Tue 20:00", "OVERNIGHT", True, "WEEKDAY_NIGHT"),
        ("Wed 04:00", "PRE", True, "WEEKDAY_NIGHT"),
        ("Wed 09:30", "REGULAR", True, "SESSION"),
        ("Wed 16:00", "POST", True, "HOLIDAY"),
        ("Wed 20:00", "HOLIDAY", False, "HOLIDAY"),
        ("Thu 20:00", "HOLIDAY", True, "HOLIDAY"),
        ("Fri 04:00", "PRE", True, "HOLIDAY"),
        ("Fri 09:30", "REGULAR", True, "SESSION"),
        ("Fri 13:00", "POST", True, "WEEKEND"),
        ("Fri 17:00", "WEEKEND", False, "WEEKEND"),
        ("Sun 20:00", "WEEKEND", True, "WEEKEND"),
        ("Mon 04:00", "PRE", True, "WEEKEND"),
    ]


@pytest.mark.parametrize(
    ("friday", "tuesday", "why"),
    [("2026-02-13 20:00", "2026-02-17 04:00", "Monday"), ("2026-04-02 20:00", "2026-04-06 04:00", "Good Friday")],
)
def test_a_lengthened_weekend_is_a_holiday(friday, tuesday, why):
    """HOURS-4: one phase, whichever side of the week-end the holiday lies on."""
    rows = hours.schedule(parse_new_york(friday), parse_new_york(tuesday))
    assert rows["phase"].tolist() == [Phase.HOLIDAY], why


def test_windows_are_counted():
    """HOURS-3: all rows between a close and the next open have one number and one class; sessions have none."""
    rows = hours.schedule(FIRST_US, LAST_US)
    closed = rows["phase"] != Phase.REGULAR
    assert (rows["window"][~closed] == hours.NO_WINDOW).all()
    assert (rows["window_class"][~closed] == WindowClass.SESSION).all()
    opens_before = np.searchsorted(hours.regular_opens(FIRST_US, LAST_US), rows["start_us"], side="right")
    assert (rows["window"][closed] == opens_before[closed]).all()
    for name in ("window", "window_class"):
        inside = closed[1:] & closed[:-1]
        assert (rows[name][1:][inside] == rows[name][:-1][inside]).all()


def test_windows_of_a_sample():
    """HOURS-3 against a count made elsewhere: 2020-06-01 to 2026-09-24 held 278 week-ends and 60 holiday windows.

    (9,997 and 2,160 windows of 36 tickers; github.com/RaYYeR220/ballast, gap quantiles. Some tickers listed later, so
    the calendar has at least as many: at most a tenth more.)
    """
    rows = hours.schedule(parse_new_york("2020-06-01 09:30"), parse_new_york("2026-09-24 09:30"))
    evenings = rows[rows["phase"] == Phase.POST]
    weekends = (evenings["window_class"] == WindowClass.WEEKEND).sum()
    holidays = (evenings["window_class"] == WindowClass.HOLIDAY).sum()
    assert 9_997 / 36 <= weekends <= 1.1 * 9_997 / 36
    assert 2_160 / 36 <= holidays <= 1.1 * 2_160 / 36


# Opens and closes ---------------------------------------------------------------------------------------------------


@given(instants)
@example(parse_new_york("2026-03-06 16:00"))
@example(parse_new_york("2026-03-09 09:30"))
def test_next_open_and_previous_close(instant_us):
    opens, closes = hours.regular_opens(FIRST_US, LAST_US), hours.regular_closes(FIRST_US, LAST_US)
    if instant_us <= opens[-1]:
        assert hours.next_regular_open(instant_us) == min(open_us for open_us in opens if open_us >= instant_us)
    if instant_us >= closes[0]:
        assert hours.previous_regular_close(instant_us) == max(close for close in closes if close <= instant_us)


def test_an_interval_holds_its_start_and_not_its_end():
    open_us, close_us = parse_new_york("2026-03-09 09:30"), parse_new_york("2026-03-09 16:00")
    assert hours.regular_opens(open_us, close_us).tolist() == [open_us]
    assert hours.regular_closes(open_us, close_us).tolist() == []
    assert hours.regular_closes(open_us, close_us + 1).tolist() == [close_us]
    assert hours.phase_at(close_us - 1) == Phase.REGULAR
    assert hours.phase_at(close_us) == Phase.POST


def test_the_weekend_of_the_spring_clock_change_is_an_hour_shorter():
    """Friday 20:00 to Monday 04:00 is 56 hours, in March 2026 55, in November 57."""
    for friday, length_h in (("2026-02-27", 56), ("2026-03-06", 55), ("2026-10-30", 57)):
        close_us = parse_new_york(f"{friday} 20:00")
        (row,) = hours.schedule(close_us, hours.next_regular_open(close_us))[:1]
        assert row["phase"] == Phase.WEEKEND
        assert row["end_us"] - row["start_us"] == length_h * hours.HOUR_US


# Banks --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-03-06 08:59:59.999999", False),
        ("2026-03-06 09:00", True),
        ("2026-03-06 16:59:59.999999", True),
        ("2026-03-06 17:00", False),
        ("2026-03-07 12:00", False),
        ("2026-04-03 12:00", True),  # Good Friday: the exchange is closed, banks are not
        ("2026-10-12 12:00", False),  # Columbus Day: the other way round
        ("2026-07-03 12:00", True),  # the Friday before a Saturday's holiday
        ("2027-07-05 12:00", False),  # the Monday after a Sunday's
        ("2025-01-09 12:00", True),  # a day of mourning
    ],
)
def test_bank_hours(moment, is_open):
    """HOURS-7, with days of https://www.richmondfed.org/about_us/holiday_schedule."""
    instant_us = parse_new_york(moment)
    assert hours.bank_open(instant_us) == is_open
    days = hours.bank_days(instant_us, instant_us + 1)
    assert len(days) == is_open


def test_bank_days_of_a_year():
    """2026: 261 weekdays less ten holidays (the eleventh falls on a Saturday), eight hours each."""
    days = hours.bank_days(parse_new_york("2026-01-01 00:00"), parse_new_york("2027-01-01 00:00"))
    assert len(days) == 261 - 10
    assert (days["close_us"] - days["open_us"] == 8 * hours.HOUR_US).all()
    assert all(hours.format_new_york_short(open_us).endswith("09:00") for open_us in days["open_us"])


# The New York clock -------------------------------------------------------------------------------------------------


def from_database(instant_us: int) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant_us)).astimezone(NEW_YORK)


def test_the_clock_is_the_databases_every_half_hour():
    for instant_us in range(FIRST_US, LAST_US, 30 * hours.MINUTE_US):
        assert hours.format_new_york(instant_us) == from_database(instant_us).strftime("%a %Y-%m-%d %H:%M:%S %Z")


@given(instants)
@example(FIRST_US)
@example(LAST_US)
def test_the_clock_round_trips(instant_us):
    """Every microsecond has one text, and it reads back, in the hour that comes twice too."""
    shown = from_database(instant_us)
    assert hours.new_york_date(instant_us) == shown.date()
    assert hours.format_new_york_short(instant_us) == shown.strftime("%a %H:%M")
    assert parse_new_york(hours.format_new_york(instant_us)) == instant_us


@given(st.integers(0, 2 * hours.HOUR_US - 1))
def test_the_repeated_hour_round_trips(after_us):
    start_us = parse_new_york("2026-11-01 01:00 EDT")
    assert parse_new_york(hours.format_new_york(start_us + after_us)) == start_us + after_us


@pytest.mark.parametrize("year", range(2015, 2031))
def test_clock_changes_are_the_databases(year):
    spring_us, autumn_us = hours.clock_changes(
        parse_new_york(f"{year}-01-01 00:00"), parse_new_york(f"{year + 1}-01-01 00:00")
    )
    assert [from_database(int(spring_us) + past).strftime("%a %H:%M %Z") for past in (-1, 0)] == [
        "Sun 01:59 EST",
        "Sun 03:00 EDT",
    ]
    assert [from_database(int(autumn_us) + past).strftime("%a %H:%M %Z") for past in (-1, 0)] == [
        "Sun 01:59 EDT",
        "Sun 01:00 EST",
    ]


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-03-06 09:30", "2026-03-06T14:30:00"),
        ("Fri 2026-03-06 09:30:00 EST", "2026-03-06T14:30:00"),
        ("2026-03-06T09:30:15", "2026-03-06T14:30:15"),
        (" 2026-03-09 09:30 ", "2026-03-09T13:30:00"),
        ("2026-03-09 09:30:00.25", "2026-03-09T13:30:00.250000"),
        ("2026-03-08 01:59", "2026-03-08T06:59:00"),
        ("2026-03-08 03:00", "2026-03-08T07:00:00"),
        ("2026-11-01 01:30 EDT", "2026-11-01T05:30:00"),
        ("2026-11-01 01:30 EST", "2026-11-01T06:30:00"),
        ("2026-11-01 02:00", "2026-11-01T07:00:00"),
    ],
)
def test_texts_that_are_times(text, utc):
    moment = datetime.fromisoformat(utc).replace(tzinfo=UTC)
    assert parse_new_york(text) == (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


# What is refused ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2026-03-08 02:30", "does not exist in New York: clocks go from 02:00 EST to 03:00 EDT"),
        ("2026-03-08 02:30 EST", "does not exist in New York"),
        ("2026-11-01 01:30", "exists twice in New York, when clocks go back: add 'EDT' (the first) or 'EST'"),
        ("2026-07-01 10:00 EST", "names the wrong zone: New York's clocks are on EDT"),
        ("Sat 2026-03-06 09:30", "names the wrong weekday: 2026-03-06 falls on Fri"),
        ("2026-02-29 09:30", "names a day that no calendar has"),
        ("2026-03-06 24:00", "is not a time of day"),
        ("2026-03-06 12:60", "is not a time of day"),
        ("2026-03-06", "is not a New York time; write it like '2026-03-06 09:30'"),
        ("2026-03-06 9:30", "is not a New York time"),
        ("2026-03-06 09:30 UTC", "is not a New York time"),
        ("tomorrow", "is not a New York time"),
        ("2014-12-31 23:59", "lies outside the calendar, which covers 2015-01-01 to 2030-12-31 New York"),
        ("2031-01-01 00:00:00.000001", "lies outside the calendar"),
        ("1999-03-06 12:00", "lies outside the calendar"),
    ],
)
def test_texts_that_are_no_times(text, reason):
    with pytest.raises(HoursError) as refusal:
        parse_new_york(text)
    assert str(refusal.value).startswith(f"'{text}' {reason}")


NOON_US = parse_new_york("2026-03-06 12:00")


@pytest.mark.parametrize(
    ("ask", "reason"),
    [
        (lambda: hours.phase_at(FIRST_US - 1), "2015-01-01 04:59 UTC lies outside the calendar, which covers 2015"),
        (lambda: hours.phase_at(LAST_US + 1), "2031-01-01 05:00 UTC lies outside the calendar"),
        (lambda: hours.phase_at(1 << 62), "instant 4611686018427387904 us lies outside the calendar"),
        (lambda: hours.bank_open(0), "1970-01-01 00:00 UTC lies outside the calendar"),
        (lambda: hours.format_new_york(0), "1970-01-01 00:00 UTC lies outside the calendar"),
        (lambda: hours.schedule(NOON_US, LAST_US + 1), "2031-01-01 05:00 UTC lies outside the calendar"),
        (
            lambda: hours.schedule(NOON_US, NOON_US - hours.DAY_US),
            "the end, Thu 2026-03-05 12:00:00 EST, is not after the start, Fri 2026-03-06 12:00:00 EST",
        ),
        (lambda: hours.schedule(NOON_US, NOON_US), "the end, Fri 2026-03-06 12:00:00 EST, is not after the start"),
        (
            lambda: hours.schedule(NOON_US, NOON_US + 1, "24x7"),  # type: ignore[arg-type]
            "'24x7' is not a trading regime; there are 'classic' and '24x5'",
        ),
        (lambda: hours.is_half_day(date(2014, 12, 31)), "2014-12-31 lies outside the calendar"),
        (lambda: hours.holiday_name(date(2031, 1, 1)), "2031-01-01 lies outside the calendar"),
        (lambda: hours.next_regular_open(LAST_US), "the regular open after Wed 2031-01-01 00:00:00 EST lies beyond"),
        (lambda: hours.previous_regular_close(FIRST_US), "the regular close before Thu 2015-01-01 00:00:00 EST lies"),
    ],
)
def test_refusals_are_sentences(ask, reason):
    with pytest.raises(HoursError) as refusal:
        ask()
    assert str(refusal.value).startswith(reason)


def test_the_years_at_both_ends_are_whole():
    """The first morning and the last night belong to New Year's Day."""
    assert week("2015-01-01 00:00", "2015-01-02 09:30") == [
        ("Thu 00:00", "HOLIDAY", False, "HOLIDAY"),
        ("Fri 04:00", "PRE", True, "HOLIDAY"),
    ]
    assert week("2030-12-31 15:59", "2031-01-01 00:00", "24x5") == [
        ("Tue 15:59", "REGULAR", True, "SESSION"),
        ("Tue 16:00", "POST", True, "HOLIDAY"),
        ("Tue 20:00", "HOLIDAY", False, "HOLIDAY"),
    ]
    assert hours.phase_at(LAST_US) == Phase.HOLIDAY


def test_new_year_in_the_middle():
    """Wednesday 2025-12-31 trades all day; the exchange opens again on Friday."""
    close_us = hours.previous_regular_close(parse_new_york("2026-01-01 12:00"))
    assert hours.format_new_york(close_us) == "Wed 2025-12-31 16:00:00 EST"
    assert hours.format_new_york(hours.next_regular_open(close_us)) == "Fri 2026-01-02 09:30:00 EST"


def test_a_saturdays_new_year_is_not_kept():
    """2028-01-01 is a Saturday: the exchange trades on the Friday before and on the Monday after."""
    assert hours.is_trading_day(date(2027, 12, 31))
    assert week("2027-12-31 20:00", "2028-01-03 04:00") == [("Fri 20:00", "WEEKEND", False, "WEEKEND")]


def test_nothing_heavy_is_imported():
    program = (
        "import offhours.sim.hours as hours, sys; hours.phase_at(hours.parse_new_york('2026-03-06 09:30'));"
        "print(sorted({'pandas', 'exchange_calendars', 'zoneinfo', 'dateutil', 'pytz'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"
