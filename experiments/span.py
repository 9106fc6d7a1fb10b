"""From when to when a scenario's market trades and is measured, in New York time."""

from __future__ import annotations

from offhours.experiments.document import Document
from offhours.sim import units
from offhours.sim.given import plain_text
from offhours.sim.hours import DAY_US, HoursError, new_york_date, regular_opens


def read_span(document: Document) -> tuple[int, int, int]:
    """Start, begin of the measurement, end."""
    measure_from_us, end_us = document.instant("measure_from"), document.instant("end")
    measured = plain_text(document.content["measure_from"])
    if end_us <= measure_from_us:
        raise document.mistake("end", f"must be later than measure_from, '{measured}'")
    if "start" in document.content:
        if "warm_up" in document.content:
            raise document.mistake("warm_up", "give a start or a warm_up, not both")
        start_us = document.instant("start")
    else:
        start_us = _warmed_from(document, measure_from_us)
    if start_us > measure_from_us:
        raise document.mistake("start", f"must not be later than measure_from, '{measured}'")
    return start_us, measure_from_us, end_us


def _warmed_from(document: Document, measure_from_us: int) -> int:
    """The start of a warm-up: a duration, or "10 trading days", which begins with a regular open."""
    text = document.text("warm_up", "10 trading days")
    words = text.split()
    try:
        if words[1:] in (["trading", "days"], ["trading", "day"]):
            days = int(units.read(words[0], "count"))
            start_us = measure_from_us + 1 if days < 0 else _sessions_before(measure_from_us, days)
        else:
            start_us = measure_from_us - int(units.read(text, "us"))
        new_york_date(start_us)
    except HoursError as error:
        raise document.mistake("warm_up", str(error)) from None
    except units.UnitError:
        allowed = "is written like '10 trading days' or '2 weeks'"
        raise document.mistake("warm_up", allowed) from None
    if start_us > measure_from_us:
        raise document.mistake("warm_up", "a warm-up is not shorter than nothing")
    return start_us


def _sessions_before(at_us: int, count: int) -> int:
    """The regular open `count` sessions before the one that an instant lies in or follows."""
    # Twice the days and ten more hold enough sessions, whatever the holidays.
    opens = regular_opens(at_us - (2 * count + 10) * DAY_US, at_us + 1)
    return int(opens[-1 - count])
