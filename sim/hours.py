"""The calendar: when the stock trades, when it has a public price, when banks wire, and what a New York clock shows.

HOURS-1  REGULAR is 09:30-16:00 New York on trading days, 09:30-13:00 on half days (exchange calendar XNYS, 2015-2030).
HOURS-2  PRE is 04:00-09:30 and POST is from the close to 20:00 of a trading day, to 17:00 of a half day.
HOURS-3  A closed window runs from a regular close to the next regular open. It is a HOLIDAY window if a weekday without
         a session lies in it, long week-ends among them; else a WEEKEND if a Saturday does; else a WEEKDAY_NIGHT.
HOURS-4  What a window holds between POST and PRE is one phase: OVERNIGHT, WEEKEND or HOLIDAY, by its class. A week-end
         that a Monday's holiday lengthens is HOLIDAY from Friday 20:00 to Tuesday 04:00.
HOURS-5  In the regime "classic" the stock has a public price in PRE, REGULAR and POST. In "24x5" also in the night that
         leads to a trading day, from 20:00 on the evening before: Sunday 20:00 to Friday 20:00 but for holidays, whose
         night before stays dark and whose own evening does not. The phases are the same in both.
HOURS-6  HALTED is set by the market inside REGULAR, never by the calendar.
HOURS-7  Banks wire 09:00-17:00 New York on weekdays that are no holiday of the Federal Reserve Banks.

Instants are microseconds since 1970-01-01 00:00 UTC (`*_us`). An interval holds its start and not its end. The calendar
knows the instants from 2015-01-01 00:00 to 2031-01-01 00:00 New York, both included; beyond them every function refuses
with an :class:`HoursError`. Days that depart from an ordinary week lie in `hours_table.csv` (`make_hours_table.py`).
"""

from __future__ import annotations

import csv
import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, timedelta
from enum import IntEnum
from functools import cache
from operator import index
from pathlib import Path
from typing import Final, Literal, get_args

import numpy as np
import numpy.typing as npt

Instants = npt.NDArray[np.int64]
Regime = Literal["classic", "24x5"]

SECOND_US: Final = 1_000_000
MINUTE_US: Final = 60 * SECOND_US
HOUR_US: Final = 60 * MINUTE_US
DAY_US: Final = 24 * HOUR_US

FIRST_DAY: Final = date(2015, 1, 1)
LAST_DAY: Final = date(2030, 12, 31)

# Wall-clock times as microseconds after New York midnight.
PRE_START_US: Final = 4 * HOUR_US
OPEN_US: Final = 9 * HOUR_US + 30 * MINUTE_US
CLOSE_US: Final = 16 * HOUR_US
POST_END_US: Final = 20 * HOUR_US
HALF_DAY_CLOSE_US: Final = 13 * HOUR_US
HALF_DAY_POST_END_US: Final = 17 * HOUR_US
"""NYSE Group's holiday and early closings calendars of 2020 and later ("late trading sessions will close at 5:00 pm");
Nasdaq likewise. Assumed for 2015-2019 too, though the calendar for 2018 let NYSE Arca's late session end at 16:00."""
NIGHT_START_US: Final = 20 * HOUR_US
"""The overnight session of "24x5": Sunday to Thursday 20:00-04:00, by the exchange's calendar (as Blue Ocean ATS)."""
BANK_OPEN_US: Final = 9 * HOUR_US
BANK_CLOSE_US: Final = 17 * HOUR_US
"""Assumed: office hours of a bank's wire desk. (Fedwire itself is open for longer, from the evening before.)"""

# The tables begin a session early and end one late, so that the windows at both ends of the calendar are whole.
_DAY_BEFORE: Final = date(2014, 12, 31)
_DAY_AFTER: Final = date(2031, 1, 2)
_EPOCH: Final = date(1970, 1, 1)


class HoursError(ValueError):
    """A time that the calendar refuses; the message is one sentence: what was given and what is allowed."""


class Phase(IntEnum):
    """The phases of the week. The codes are stable: they are recorded."""

    REGULAR = 0
    PRE = 1
    POST = 2
    OVERNIGHT = 3
    WEEKEND = 4
    HOLIDAY = 5
    HALTED = 6


class WindowClass(IntEnum):
    """What kind of closed window an instant lies in (HOURS-3); SESSION where the stock's exchange is open."""

    WEEKDAY_NIGHT = 0
    WEEKEND = 1
    HOLIDAY = 2
    SESSION = 3


NO_WINDOW: Final = -1
"""`window` of a row in REGULAR."""

SCHEDULE_DTYPE: Final = np.dtype(
    [
        ("start_us", np.int64),
        ("end_us", np.int64),
        ("phase", np.int64),
        ("visible", np.bool_),
        ("window", np.int64),
        ("window_class", np.int64),
    ]
)
"""A row of :func:`schedule`: start, end, code of the :class:`Phase`, whether the stock has a public price, number of
the closed window (counted from the calendar's first, or NO_WINDOW), code of its :class:`WindowClass`."""

BANK_DAYS_DTYPE: Final = np.dtype([("open_us", np.int64), ("close_us", np.int64)])


# Phases -------------------------------------------------------------------------------------------------------------


def phase_at(instant_us: int) -> Phase:
    """The phase that an instant lies in; never HALTED (HOURS-6)."""
    rows = _calendar("classic")
    at = np.searchsorted(rows["start_us"], _known(instant_us), side="right") - 1
    return Phase(int(rows["phase"][at]))


def schedule(start_us: int, end_us: int, regime: Regime = "classic") -> npt.NDArray[np.void]:
    """The phases from start to end, in order, without gap or overlap: rows of SCHEDULE_DTYPE.

    The first and the last are cut to the interval. A phase that becomes visible half-way (a week-end in "24x5") is two
    rows. To see a closed window whole, ask from :func:`previous_regular_close` to :func:`next_regular_open`.
    """
    start_us, end_us = _interval(start_us, end_us)
    if regime not in get_args(Regime):
        raise HoursError(f"'{regime}' is not a trading regime; there are {' and '.join(map(repr, get_args(Regime)))}")
    rows = _calendar(regime)
    first = np.searchsorted(rows["start_us"], start_us, side="right") - 1
    last = np.searchsorted(rows["start_us"], end_us, side="left")
    cut = rows[first:last].copy()
    cut["start_us"][0] = start_us
    cut["end_us"][-1] = end_us
    return cut


def regular_opens(start_us: int, end_us: int) -> Instants:
    """The regular opens in an interval."""
    return _within(_sessions().open_us, start_us, end_us)


def regular_closes(start_us: int, end_us: int) -> Instants:
    """The regular closes in an interval, those of half days at 13:00."""
    return _within(_sessions().close_us, start_us, end_us)


def next_regular_open(instant_us: int) -> int:
    """The first regular open at or after an instant."""
    opens = _sessions().open_us
    open_us = int(opens[np.searchsorted(opens, _known(instant_us), side="left")])
    if open_us > _END_US:
        raise HoursError(f"the regular open after {format_new_york(instant_us)} lies beyond the calendar, {_COVERED}")
    return open_us


def previous_regular_close(instant_us: int) -> int:
    """The last regular close at or before an instant."""
    closes = _sessions().close_us
    close_us = int(closes[np.searchsorted(closes, _known(instant_us), side="right") - 1])
    if close_us < _START_US:
        raise HoursError(f"the regular close before {format_new_york(instant_us)} lies before the calendar, {_COVERED}")
    return close_us


# Days ---------------------------------------------------------------------------------------------------------------


def is_trading_day(day: date) -> bool:
    """Whether the stock's exchange opens on a New York date."""
    return _known_day(day).weekday() < 5 and day not in _table()["holiday"]


def is_half_day(day: date) -> bool:
    """Whether the regular session of a New York date ends at 13:00."""
    return _known_day(day) in _table()["half day"]


def holiday_name(day: date) -> str | None:
    """Why the stock's exchange is closed on a weekday ("Thanksgiving Day"); None on trading days and at week-ends."""
    return _table()["holiday"].get(_known_day(day))


def bank_open(instant_us: int) -> bool:
    """Whether banks wire dollars at an instant (HOURS-7)."""
    days = _bank_days()
    instant_us = _known(instant_us)
    at = np.searchsorted(days["open_us"], instant_us, side="right") - 1
    return bool(instant_us < days["close_us"][at])


def bank_days(start_us: int, end_us: int) -> npt.NDArray[np.void]:
    """The bank days that an interval touches, each whole, in order: rows of BANK_DAYS_DTYPE (HOURS-7)."""
    start_us, end_us = _interval(start_us, end_us)
    days = _bank_days()
    first = np.searchsorted(days["close_us"], start_us, side="right")
    last = np.searchsorted(days["open_us"], end_us, side="left")
    return days[first:last].copy()


# The New York clock -------------------------------------------------------------------------------------------------


def parse_new_york(text: str) -> int:
    """The instant that a New York wall clock shows as "2026-03-06 09:30"; the inverse of :func:`format_new_york`.

    Seconds and their fraction may follow, a weekday may stand before ("Fri", which must be right), and EST or EDT
    behind: in the hour that the autumn's clock change repeats it must.
    """
    match = _TIME_OF_DAY.fullmatch(text.strip())
    if match is None:
        raise HoursError(f"'{text}' is not a New York time; write it like '2026-03-06 09:30'")
    day = _day_of(match, text)
    hour, minute, second = (int(match[name] or 0) for name in ("hour", "minute", "second"))
    if hour > 23 or minute > 59 or second > 59:
        raise HoursError(f"'{text}' is not a time of day, which ends at 23:59:59")
    fraction_us = int((match["fraction"] or "").ljust(6, "0"))
    wall_us = _days_since_epoch(day) * DAY_US + hour * HOUR_US + minute * MINUTE_US + second * SECOND_US + fraction_us
    instant_us = _instant_of(wall_us, match["zone"], text)
    if not _START_US <= instant_us <= _END_US:
        raise HoursError(f"'{text}' lies outside the calendar, {_COVERED}")
    return instant_us


def format_new_york(instant_us: int) -> str:
    """What a New York clock shows: "Fri 2026-03-06 09:30:00 EST", with the fraction of a second where there is one."""
    day, hour, minute, second, fraction_us = _clock_face(instant_us)
    fraction = f".{fraction_us:06d}".rstrip("0") if fraction_us else ""
    zone = "EDT" if _is_summer(instant_us) else "EST"
    return f"{_WEEKDAYS[day.weekday()]} {day.isoformat()} {hour:02d}:{minute:02d}:{second:02d}{fraction} {zone}"


def format_new_york_short(instant_us: int) -> str:
    """Weekday, hour and minute for labels: "Fri 09:30"."""
    day, hour, minute, _, _ = _clock_face(instant_us)
    return f"{_WEEKDAYS[day.weekday()]} {hour:02d}:{minute:02d}"


def new_york_date(instant_us: int) -> date:
    """The date on a New York calendar at an instant."""
    return _clock_face(instant_us)[0]


def clock_changes(start_us: int, end_us: int) -> Instants:
    """The instants in an interval at which New York's clocks are moved: 02:00 becomes 03:00, or 02:00 becomes 01:00."""
    return _within(np.array(_CHANGES_US, np.int64), start_us, end_us)


_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_EST_US: Final = -5 * HOUR_US
_EDT_US: Final = -4 * HOUR_US
_ZONES: Final = {"EST": _EST_US, "EDT": _EDT_US}
_TIME_OF_DAY: Final = re.compile(
    r"(?:(?P<weekday>Mon|Tue|Wed|Thu|Fri|Sat|Sun) +)?(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})(?: +|T)"
    r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,6}))?)?"
    r"(?: +(?P<zone>EST|EDT))?"
)


def _day_of(match: re.Match[str], text: str) -> date:
    try:
        day = date(int(match["year"]), int(match["month"]), int(match["day"]))
    except ValueError:
        raise HoursError(f"'{text}' names a day that no calendar has") from None
    if match["weekday"] not in (None, _WEEKDAYS[day.weekday()]):
        raise HoursError(f"'{text}' names the wrong weekday: {day.isoformat()} falls on {_WEEKDAYS[day.weekday()]}")
    return day


def _instant_of(wall_us: int, zone: str | None, text: str) -> int:
    """The one instant at which the clock shows `wall_us`, in `zone` where it is named."""
    # Each zone's clock shows every wall time once; the time is real in a zone if that zone is in force at that instant.
    real = {name: wall_us - offset for name, offset in _ZONES.items() if _offset_us(wall_us - offset) == offset}
    if not real:
        raise HoursError(f"'{text}' does not exist in New York: clocks go from 02:00 EST to 03:00 EDT in that night")
    if zone is None and len(real) == 2:
        raise HoursError(f"'{text}' exists twice in New York, when clocks go back: add 'EDT' (the first) or 'EST'")
    if zone is not None and zone not in real:
        raise HoursError(f"'{text}' names the wrong zone: New York's clocks are on {next(iter(real))} at that time")
    return real[zone or next(iter(real))]


def _clock_face(instant_us: int) -> tuple[date, int, int, int, int]:
    """Date, hour, minute, second and microsecond on New York's clock."""
    instant_us = _known(instant_us)
    days, rest_us = divmod(instant_us + _offset_us(instant_us), DAY_US)
    seconds, fraction_us = divmod(rest_us, SECOND_US)
    return _EPOCH + timedelta(days), seconds // 3600, seconds // 60 % 60, seconds % 60, fraction_us


def _clock_change_days(year: int) -> tuple[date, date]:
    """Second Sunday of March and first Sunday of November (Energy Policy Act of 2005, section 110: since 2007)."""
    march, november = date(year, 3, 8), date(year, 11, 1)
    return tuple(first + timedelta(6 - first.weekday()) for first in (march, november))  # type: ignore[return-value]


def _days_since_epoch(day: date) -> int:
    return (day - _EPOCH).days


def _change_instants() -> tuple[int, ...]:
    """All clock changes in order, at 02:00 of the clock that ends: even ones begin summer time, odd ones end it."""
    changes = []
    for year in range(FIRST_DAY.year, LAST_DAY.year + 1):
        spring, autumn = _clock_change_days(year)
        changes.append(_days_since_epoch(spring) * DAY_US + 2 * HOUR_US - _EST_US)
        changes.append(_days_since_epoch(autumn) * DAY_US + 2 * HOUR_US - _EDT_US)
    return tuple(changes)


_CHANGES_US: Final = _change_instants()


def _is_summer(instant_us: int) -> bool:
    return bisect_right(_CHANGES_US, instant_us) % 2 == 1


def _offset_us(instant_us: int) -> int:
    """New York's clock less UTC."""
    return _EDT_US if _is_summer(instant_us) else _EST_US


# What is refused ----------------------------------------------------------------------------------------------------

_START_US: Final = _days_since_epoch(FIRST_DAY) * DAY_US - _EST_US
_END_US: Final = (_days_since_epoch(LAST_DAY) + 1) * DAY_US - _EST_US
_COVERED: Final = f"which covers {FIRST_DAY.isoformat()} to {LAST_DAY.isoformat()} New York"


def _known(instant_us: int) -> int:
    instant_us = index(instant_us)
    if not _START_US <= instant_us <= _END_US:
        raise HoursError(f"{_in_utc(instant_us)} lies outside the calendar, {_COVERED}")
    return instant_us


def _known_day(day: date) -> date:
    if not FIRST_DAY <= day <= LAST_DAY:
        raise HoursError(f"{day.isoformat()} lies outside the calendar, {_COVERED}")
    return day


def _interval(start_us: int, end_us: int) -> tuple[int, int]:
    start_us, end_us = _known(start_us), _known(end_us)
    if not start_us < end_us:
        raise HoursError(f"the end, {format_new_york(end_us)}, is not after the start, {format_new_york(start_us)}")
    return start_us, end_us


def _in_utc(instant_us: int) -> str:
    days, rest_us = divmod(instant_us, DAY_US)
    if not date.min.toordinal() <= days + _EPOCH.toordinal() <= date.max.toordinal():
        return f"instant {instant_us} us"
    day, minutes = _EPOCH + timedelta(days), rest_us // MINUTE_US
    return f"{day.isoformat()} {minutes // 60:02d}:{minutes % 60:02d} UTC"


# Tables, made once --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Sessions:
    """Trading days in order, one entry each."""

    day: Instants
    pre_start_us: Instants
    open_us: Instants
    close_us: Instants
    post_end_us: Instants
    night_start_us: Instants


@cache
def _table() -> dict[str, dict[date, str]]:
    """Days that depart from an ordinary week, by kind, with their names."""
    days: dict[str, dict[date, str]] = {"holiday": {}, "half day": {}, "bank holiday": {}}
    with Path(__file__).with_name("hours_table.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            days[row["kind"]][date.fromisoformat(row["date"])] = row["name"]
    return days


@cache
def _sessions() -> _Sessions:
    day = _weekdays_without("holiday")
    half = np.isin(day, [_days_since_epoch(d) for d in _table()["half day"]])
    return _Sessions(
        day=day,
        pre_start_us=_wall(day, PRE_START_US),
        open_us=_wall(day, OPEN_US),
        close_us=np.where(half, _wall(day, HALF_DAY_CLOSE_US), _wall(day, CLOSE_US)),
        post_end_us=np.where(half, _wall(day, HALF_DAY_POST_END_US), _wall(day, POST_END_US)),
        night_start_us=_wall(day - 1, NIGHT_START_US),
    )


@cache
def _calendar(regime: Regime) -> npt.NDArray[np.void]:
    """The whole calendar's schedule; each window is POST, what is dark, what a 24x5 night lights, PRE; then REGULAR."""
    s = _sessions()
    window_class = _window_classes(s.day)
    night = window_class + int(Phase.OVERNIGHT)
    post_end_us, pre_start_us = s.post_end_us[:-1], s.pre_start_us[1:]
    night_start_us = np.maximum(post_end_us, s.night_start_us[1:]) if regime == "24x5" else pre_start_us
    window = np.arange(len(window_class))
    session_class = np.full_like(window_class, WindowClass.SESSION)
    parts = (
        (s.close_us[:-1], post_end_us, Phase.POST, True, window, window_class),
        (post_end_us, night_start_us, night, False, window, window_class),
        (night_start_us, pre_start_us, night, True, window, window_class),
        (pre_start_us, s.open_us[1:], Phase.PRE, True, window, window_class),
        (s.open_us[1:], s.close_us[1:], Phase.REGULAR, True, NO_WINDOW, session_class),
    )
    rows = np.empty((len(window), len(parts)), SCHEDULE_DTYPE)
    for column, part in enumerate(parts):
        for name, values in zip(SCHEDULE_DTYPE.names or (), part):
            rows[name][:, column] = values
    flat = rows.reshape(-1)
    kept: npt.NDArray[np.void] = flat[flat["start_us"] < flat["end_us"]]
    kept.flags.writeable = False
    return kept


def _window_classes(day: Instants) -> Instants:
    """Class of the closed window after each trading day but the last (HOURS-3)."""
    skipped = np.diff(day) - 1
    # Day 0 of the epoch was a Thursday. Every run of skipped days that is not one Saturday and Sunday holds a holiday.
    plain_weekend = ((day[:-1] + 3) % 7 == 4) & (skipped == 2)
    classes = np.full(len(skipped), WindowClass.HOLIDAY, np.int64)
    classes[plain_weekend] = WindowClass.WEEKEND
    classes[skipped == 0] = WindowClass.WEEKDAY_NIGHT
    return classes


@cache
def _bank_days() -> npt.NDArray[np.void]:
    day = _weekdays_without("bank holiday")
    days = np.empty(len(day), BANK_DAYS_DTYPE)
    days["open_us"] = _wall(day, BANK_OPEN_US)
    days["close_us"] = _wall(day, BANK_CLOSE_US)
    days.flags.writeable = False
    return days


def _weekdays_without(kind: str) -> Instants:
    """Weekdays as days since the epoch, but for those of a kind."""
    count = (_DAY_AFTER - _DAY_BEFORE).days + 1
    days = (_DAY_BEFORE + timedelta(n) for n in range(count))
    closed = _table()[kind]
    return np.array([_days_since_epoch(d) for d in days if d.weekday() < 5 and d not in closed], np.int64)


def _wall(day: Instants, time_us: int) -> Instants:
    """The instants at which New York's clock shows a time after 03:00, which exists once, on days since the epoch."""
    # On the day of a change it has happened by then; 07:00 UTC is the later of the two hours at which one happens.
    changed = np.searchsorted(np.array(_CHANGES_US, np.int64), day * DAY_US + 7 * HOUR_US, side="right")
    return day * DAY_US + time_us - np.where(changed % 2 == 1, _EDT_US, _EST_US)


def _within(instants: Instants, start_us: int, end_us: int) -> Instants:
    start_us, end_us = _interval(start_us, end_us)
    first, last = np.searchsorted(instants, (start_us, end_us), side="left")
    return instants[first:last].copy()
