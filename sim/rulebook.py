"""Rulebooks: the dated documents of ``venues/`` as of any day, one's own, and the tickers' files of ``assets/``."""

from __future__ import annotations

import datetime
import importlib.resources
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from offhours.sim.given import check_table, plain_text, read_text, read_toml
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
        if Path(place).name.removesuffix(".toml") in venues() and not Path(place).exists():
            there = f"there is no such file; the rulebook that comes with the package is '{Path(place).stem}'"
            raise Mistake(place, "", "", there)
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
    _check_frame(document, file)
    spans = _earlier(document, effective, file)
    if at:
        document, effective = _as_of(document, effective, spans, day, file)
    title = str(document.get("title", document.get("name", place))) + (f" as of {day}" if at else "")
    return Venue(str(document.get("name", place)), title, effective, file, document, document.get("sources", {}))


KINDS = ("perp", "formulas", "spot")
"""What a rulebook may be of."""
WORDS = ("name", "title", "effective", "kind", "formulas_of")
TABLES = ("sources", "asset", "margin_class", "calculator", "facts")


def _check_frame(document: Mapping[str, Any], file: str) -> None:
    """Refuse what a rulebook cannot hold, before anything in it is read."""
    tables = (*TABLES, *dict.fromkeys(section.partition(".")[0] for section in SECTIONS))
    for key, value in document.items():
        if key in tables:
            check_table(value, file, key)
        elif key not in (*WORDS, "earlier"):
            raise Mistake(file, key, "", f"a rulebook has no such table{nearest(key, (*tables, *WORDS, 'earlier'))}")
    for name in ("asset", "margin_class"):
        for key, value in document.get(name, {}).items():
            check_table(value, file, f"{name}.{key}")
    kind = document.get("kind", "perp")
    if kind not in KINDS:
        raise Mistake(file, "kind", plain_text(kind), f"'{kind}' is not one of {', '.join(KINDS)}")
    like = document.get("formulas_of")
    if like is not None and like not in venues():
        raise Mistake(
            file, "formulas_of", plain_text(like), f"there is no venue '{like}'{nearest(str(like), venues())}"
        )
    for key, value in document.items():
        if key != "sources":
            _check_bases(value, key, document.get("sources", {}), file)


def _check_bases(value: object, name: str, sources: Mapping[str, Any], file: str) -> None:
    """Refuse a source that is almost the name of one, and an `assumed` that is neither true nor false, wherever they are."""
    if isinstance(value, list):
        for item in value:
            _check_bases(item, name, sources, file)
    if not isinstance(value, Mapping):
        return
    if "value" not in value:
        for key, own in value.items():
            _check_bases(own, f"{name}.{key}", sources, file)
        return
    source = plain_text(value.get("source", ""))
    if source and source not in sources and nearest(source, sources):
        allowed = f"there is no '{source}' under [sources]{nearest(source, sources)}"
        raise Mistake(file, f"{name}.source", source, allowed)
    if not isinstance(value.get("assumed", False), bool):
        raise Mistake(file, f"{name}.assumed", plain_text(value["assumed"]), "is true, or not there")


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


def evidence(venue: Venue) -> tuple[int, int]:
    """How many values of a rulebook, for whatever use, name a source, and how many are assumed."""
    return _counted(venue.document)


def _counted(table: Mapping[str, Any]) -> tuple[int, int]:
    sourced = assumed = 0
    for value in table.values():
        if isinstance(value, Mapping):
            if "value" in value:
                assumed += value.get("assumed") is True
                sourced += "source" in value and value.get("assumed") is not True
            else:
                more = _counted(value)
                sourced, assumed = sourced + more[0], assumed + more[1]
    return sourced, assumed


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
