"""Make `hours_table.csv`, the days on which `hours.py` departs from an ordinary week.

    python sim/make_hours_table.py

Holidays and early closes of the New York Stock Exchange come from exchange_calendars (calendar XNYS). Bank holidays
are those of the Federal Reserve Banks: the federal holidays, a Sunday's kept on Monday, a Saturday's not at all
(https://www.richmondfed.org/about_us/holiday_schedule). Years that the exchange has not announced yet follow its rules
as they stand. Run it again when the exchange announces a day of mourning, or to add years.
"""

import csv
from datetime import date, datetime, time
from pathlib import Path

import exchange_calendars
import pandas as pd
from pandas.tseries.holiday import AbstractHolidayCalendar, Holiday, USFederalHolidayCalendar, sunday_to_monday

FIRST_DAY = date(2015, 1, 1)
LAST_DAY = date(2031, 1, 1)
"""New Year's Day after the last year: the last night of the calendar must know that it is a holiday's."""

HALF_DAY_CLOSE = time(13, 0)

ONCE = {
    date(2018, 12, 5): "National day of mourning for George H. W. Bush",
    date(2025, 1, 9): "National day of mourning for Jimmy Carter",
}
"""Holidays that follow no rule; the calendar library lists them without a name."""

NAMES = {
    "Dr. Martin Luther King Jr. Day": "Martin Luther King, Jr. Day",
    "Birthday of Martin Luther King, Jr.": "Martin Luther King, Jr. Day",
    "President's Day": "Washington's Birthday",
    "Juneteenth National Independence Day": "Juneteenth",
    "July 4th": "Independence Day",
    "Thanksgiving": "Thanksgiving Day",
    "Veteran Day": "Veterans Day",
    "Christmas": "Christmas Day",
}
"""The exchange's own names, where the libraries have others."""

FIXED = {"New Year's Day": (1, 1), "Juneteenth": (6, 19), "Independence Day": (7, 4), "Christmas Day": (12, 25)}
FIXED_AT_BANKS = FIXED | {"Veterans Day": (11, 11)}


def main() -> None:
    """Write the table beside this file."""
    target = Path(__file__).with_name("hours_table.csv")
    rows = sorted(stock_holidays() + half_days() + bank_holidays())
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("date", "kind", "name"))
        writer.writerows((day.isoformat(), kind, name) for day, kind, name in rows)


def stock_holidays() -> list[tuple[date, str, str]]:
    """Weekdays without a session, with the name of the rule that closes them."""
    nyse = _nyse()
    names = _named_days(nyse.regular_holidays.rules, FIXED) | ONCE
    sessions = {session.date() for session in nyse.sessions}
    weekdays = (day.date() for day in pd.bdate_range(FIRST_DAY, LAST_DAY))
    return [(day, "holiday", names[day]) for day in weekdays if day not in sessions]


def half_days() -> list[tuple[date, str, str]]:
    """Sessions that end at 13:00; another hour would need a column of its own."""
    nyse, rows = _nyse(), []
    for session in nyse.early_closes:
        close: datetime = nyse.session_close(session).tz_convert("America/New_York")
        if close.time() != HALF_DAY_CLOSE:
            raise SystemExit(f"the session of {session.date()} closes at {close.time()}, not at {HALF_DAY_CLOSE}")
        occasion = {7: "Day before Independence Day", 11: "Day after Thanksgiving", 12: "Christmas Eve"}[session.month]
        rows.append((session.date(), "half day", occasion))
    return rows


def bank_holidays() -> list[tuple[date, str, str]]:
    """Weekdays on which the Federal Reserve Banks are closed."""
    rules = [
        Holiday(rule.name, rule.year, rule.month, rule.day, rule.offset, _kept(rule), rule.start_date, rule.end_date)
        for rule in USFederalHolidayCalendar.rules
    ]
    days = _named_days(rules, FIXED_AT_BANKS)
    return [(day, "bank holiday", name) for day, name in days.items() if day.weekday() < 5]


def _nyse() -> exchange_calendars.ExchangeCalendar:
    return exchange_calendars.get_calendar("XNYS", start=FIRST_DAY.isoformat(), end=LAST_DAY.isoformat())


def _kept(rule: Holiday):  # type: ignore[no-untyped-def]
    """A date's holiday keeps to the banks' rule; a "third Monday" needs none."""
    return sunday_to_monday if rule.observance is not None else None


def _named_days(rules: list[Holiday], fixed: dict[str, tuple[int, int]]) -> dict[date, str]:
    calendar = AbstractHolidayCalendar(name="named", rules=rules)
    named = {}
    holidays = calendar.holidays(str(FIRST_DAY), str(LAST_DAY), return_name=True)
    for day, library_name in zip(pd.DatetimeIndex(holidays.index).date, holidays):
        name = NAMES.get(library_name, library_name)
        moved = name in fixed and (day.month, day.day) != fixed[name]
        named[day] = f"{name} (observed)" if moved else name
    return named


if __name__ == "__main__":
    main()
