"""Layers of text: which knobs a document or a command line speaks of, for all tickers or for one.

In a file a knob is a value, or a value with its source; what stands below ``asset.TICKER`` is of that ticker::

    [perp.margin]
    leverage_max = { value = "20x", source = "announcement" }

    [asset.TSLAx.perp.margin]
    leverage_max = "10x"
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from offhours.sim.given import Given, Origin, plain_text
from offhours.sim.knobs import SECTIONS, Section, knobs
from offhours.sim.mistake import Mistake, nearest
from offhours.sim.names import STAGES

LAYERS = ("default", "venue", "asset", "scenario", "set")
Layer = dict[tuple[str, str], Given]
"""(ticker or "" for all, knob name) -> what was given."""


def read_layer(
    document: Mapping[str, Any],
    layer: str,
    file: str,
    tickers: Iterable[str],
    *,
    ticker: str = "",
    sections: Mapping[str, Section] = SECTIONS,
) -> Layer:
    """The knobs in a document's tables; those below ``asset.TICKER`` for one ticker, others for `ticker` (or all)."""
    known, found, all_tickers = knobs(sections), Layer(), tuple(tickers)
    sources = document.get("sources", {})

    def walk(table: Mapping[str, Any], path: str, of: str) -> None:
        for key, value in table.items():
            name = f"{path}.{key}" if path else key
            if isinstance(value, Mapping) and "value" not in value:
                walk(value, name, of)
                continue
            check_name(name, known, file)
            leaf = value if isinstance(value, Mapping) else {"value": value}
            unknown = sorted(set(leaf) - {"value", "source", "assumed", "reason"})
            if name == STAGES and isinstance(leaf["value"], list):
                leaf = dict(leaf) | {"value": ", ".join(plain_text(stage) for stage in leaf["value"])}
            if unknown or isinstance(leaf["value"], (list, Mapping)):
                raise Mistake(file, name, "", "is written as a value or as { value = ..., source = ... }")
            why = str(leaf.get("source") or leaf.get("reason") or "")
            origin = Origin(layer, file, str(sources.get(why, why)), leaf.get("assumed", False) is True)
            found[of, name] = Given(plain_text(leaf["value"]), origin)

    for key, value in document.items():
        if key == "asset":
            for name, own in value.items():
                check_ticker(name, all_tickers, file, "asset")
                walk(own, "", name)
        elif isinstance(value, Mapping) and key not in ("sources", "margin_class", "calculator", "facts"):
            walk({key: value}, "", ticker)
    return found


def check_name(name: str, known: Iterable[str], file: str) -> None:
    """Refuse a knob that does not exist, naming the nearest one that does."""
    known = tuple(known)
    if name not in known:
        raise Mistake(file, name, "", f"there is no such knob{nearest(name, known)}")


def check_ticker(ticker: str, tickers: Iterable[str], file: str, knob: str) -> None:
    """Refuse a ticker that does not exist, naming those that do."""
    tickers = tuple(tickers)
    if ticker not in tickers:
        raise Mistake(file, knob, ticker, f"there is no ticker '{ticker}'; there are {', '.join(tickers)}")


def set_layer(
    changes: Iterable[tuple[str, str]], tickers: Iterable[str], sections: Mapping[str, Section] = SECTIONS
) -> Layer:
    """The layer of ``--set name=value`` pairs; a name may begin with a ticker."""
    known, found, all_tickers = knobs(sections), Layer(), tuple(tickers)
    for name, text in changes:
        of, _, rest = name.partition(".")
        if rest in known and not any(section.startswith(f"{of}.") for section in sections):
            check_ticker(of, all_tickers, "--set", name)
        elif of not in all_tickers:
            of, rest = "", name
        check_name(rest, known, "--set")
        found[of, rest] = Given(text, Origin("set", "--set"))
    return found
