"""Rulebooks: the dated documents of ``venues/`` as of any day, one's own, and the tickers' files of ``assets/``."""

from __future__ import annotations

import datetime
import importlib.resources
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from offhours.sim.given import plain_text, read_text, read_toml
from offhours.sim.knobs import SECTIONS, Section
from offhours.sim.layers import Layer, read_layer
from offhours.sim.mistake import Mistake, nearest


@dataclass(frozen=True)
class Venue:
    """A venue's rulebook: a dated document."""

    name: str
    title: str
    effective: datetime.date
    file: str
    document: Mapping[str, Any] = field(repr=False)
    sources: Mapping[str, str] = field(default_factory=dict, repr=False)


def _folder(room: str) -> Any:
    return importlib.resources.files(f"offhours.sim.{room}")


def _names(room: str) -> tuple[str, ...]:
    return tuple(sorted(f.name.removesuffix(".toml") for f in _folder(room).iterdir() if f.name.endswith(".toml")))


def venues() -> tuple[str, ...]:
    """The venues that have a rulebook here."""
    return _names("venues")


def tickers() -> tuple[str, ...]:
    """The tickers that have a file here."""
    return _names("assets")


def read_venue(name: str) -> Venue:
    """A venue's rulebook by name, or from a file of one's own (a path that ends in .toml); ``kraken@2026-03-01``: as of a day."""
    place, at, day = name.partition("@")
    if place.endswith(".toml"):
        file, text = place, read_text(place)
    elif place in venues():
        file, text = f"{place}.toml", (_folder("venues") / f"{place}.toml").read_text("utf-8")
    else:
        allowed = f"there is no venue '{place}'; there are {', '.join(venues())}{nearest(place, venues())}"
        raise Mistake("venue", "", place, allowed)
    document = read_toml(text, file)
    effective = document.get("effective", "")
    if not isinstance(effective, datetime.date):
        raise Mistake(file, "effective", plain_text(effective), "a rulebook is dated: effective = 2026-04-29")
    spans = _earlier(document, effective, file)
    if at:
        document, effective = _as_of(document, effective, spans, day, file)
    title = str(document.get("title", document.get("name", place))) + (f" as of {day}" if at else "")
    return Venue(str(document.get("name", place)), title, effective, file, document, document.get("sources", {}))


def is_file(name: str) -> bool:
    """Whether a venue is named by the path of a rulebook of one's own, as of whatever day."""
    return name.partition("@")[0].endswith(".toml")


def is_venue(name: str) -> bool:
    """Whether a name is that of a venue that has a rulebook here, on whatever day."""
    return name.partition("@")[0] in venues()


def _earlier(document: Mapping[str, Any], effective: datetime.date, file: str) -> list[Mapping[str, Any]]:
    """What a rulebook says of other days, ``[[earlier]]`` tables with begin and until, the latest first."""
    spans = document.get("earlier", [])
    for span in spans if isinstance(spans, list) else [{}]:
        begin, until = (span.get("begin"), span.get("until")) if isinstance(span, Mapping) else (None, None)
        dated = isinstance(begin, datetime.date) and isinstance(until, datetime.date)
        if not dated or not begin < until <= effective:  # type: ignore[operator]
            allowed = f"what held before is [[earlier]] with begin = and until = a day, up to {effective}"
            raise Mistake(file, "earlier", "", allowed)
    return sorted(spans, key=lambda span: span["until"], reverse=True)


def _as_of(
    document: dict[str, Any], effective: datetime.date, spans: list[Mapping[str, Any]], day: str, file: str
) -> tuple[dict[str, Any], datetime.date]:
    """A rulebook as it was on a day, and since when it had been so."""
    try:
        asked = datetime.date.fromisoformat(day)
    except ValueError:
        raise Mistake(file, "", day, f"'{day}' is not a day; write like {effective}") from None
    if asked >= effective:
        return document, effective
    if not spans or asked < min(span["begin"] for span in spans):
        first = min((span["begin"] for span in spans), default=effective)
        raise Mistake(file, "", day, f"the rulebook says nothing of days before {first}")
    since = [span["until"] for span in spans if span["until"] <= asked]
    for span in spans:
        if asked < span["until"]:
            document = _overlaid(document, {key: value for key, value in span.items() if key not in ("begin", "until")})
            since.append(span["begin"])
    return document, max(since_day for since_day in since if since_day <= asked)


def _overlaid(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """One document with another's values in the place of its own; a value with its source is replaced whole."""
    whole = dict(below)
    for key, value in above.items():
        own = whole.get(key)
        plain = isinstance(value, Mapping) and "value" not in value and isinstance(own, Mapping) and "value" not in own
        whole[key] = _overlaid(own, value) if plain and isinstance(own, Mapping) else value
    return whole


def runs(venue: Venue) -> bool:
    """Whether a market can run by a rulebook: it is one of perps (``kind = "perp"``, the default), not formulas or spot only."""
    return str(venue.document.get("kind", "perp")) == "perp"


def read_spot(spot: Venue, tickers: Iterable[str], sections: Mapping[str, Section] = SECTIONS) -> Layer:
    """What a spot rulebook says of the token and its issuer; :class:`Mistake` where it is one of perps."""
    kind = str(spot.document.get("kind", "perp"))
    if kind != "spot":
        there_are = ", ".join(n for n in venues() if read_venue(n).document.get("kind") == "spot")
        raise Mistake(
            spot.file, "kind", kind, f"is no spot rulebook, which the token could follow; there are {there_are}"
        )
    return read_layer(spot.document, "venue", spot.file, tickers, sections=sections)


def read_asset(ticker: str) -> dict[str, Any]:
    """A ticker's own file."""
    return read_toml((_folder("assets") / f"{ticker}.toml").read_text("utf-8"), f"{ticker}.toml")
