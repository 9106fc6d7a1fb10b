"""Ask a venue's formula for a number: ``offhours calc liquidation-price --venue binance ...``, or :func:`ask` in Python.

>>> from offhours import calculator
>>> print(calculator.ask("liquidation-price", "dydx", equity=1000, signed_size=-3, price=3000, maintenance="5 %"))
$3174.603174603

Every formula is a function of the market's own rooms (``sim/market``): what the market runs is what is asked here. A *question*
("liquidation-price") has one or more *forms*, named after the venue that has it. Inputs are what people write ("0.25 %",
"8h", "$10,000") or numbers (shares of one, hours, dollars), taken exactly; where a venue counts in whole pieces, so does its
form here. With a venue that has a rulebook, inputs that are not given are taken from it.

``answer.steps`` holds each formula with the numbers put in. A mistake is a :class:`~offhours.sim.mistake.Mistake`: one sentence.
"""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

from offhours.sim import rulebook, rules, units
from offhours.sim.forms import EXAMPLES, FORMS, MEANINGS, MICRO, QUESTIONS, Form, Input, Step, Value
from offhours.sim.layers import check_ticker
from offhours.sim.market import brackets
from offhours.sim.mistake import Mistake, nearest
from offhours.sim.names import CLASS, STAGES
from offhours.sim.tiers import read_classes
from offhours.sim.units import UnitError

__all__ = [
    "EXAMPLES", "FORMS", "MEANINGS", "QUESTIONS", "Answer", "Form", "Shown", "Worked", "ask", "choices", "chosen", "example",
    "tiers_of",
]  # fmt: skip

# Values ---------------------------------------------------------------------------------------------------------------

_WORDS = {
    "marginal": 0,
    "whole": 1,
    "size-linear": 1,
    "alike": 0,
    "rising": 1,
    "new positions": 0,
    "all": 1,
    "capped": 0,
    "dropped": 1,
}
"""Choices of a rulebook that a form takes for no and yes."""
_SIDES = {"long": Fraction(1), "buy": Fraction(1), "short": Fraction(-1), "sell": Fraction(-1)}


def _exact(number: object) -> Fraction | None:
    """A Python number as the decimal it is written as."""
    if isinstance(number, bool):
        return Fraction(int(number))
    if isinstance(number, (int, Fraction, Decimal)):
        return Fraction(number)
    if isinstance(number, float) and math.isfinite(number):
        return Fraction(repr(float(number)))
    item = getattr(number, "item", None)
    return _exact(item()) if callable(item) else None


_MOST = Fraction(10**18)
_LONGEST = 100


def _reckoned(number: Fraction) -> Fraction:
    """The number, if one can reckon with it."""
    if number and not 1 / _MOST <= abs(number) <= _MOST:
        raise UnitError(
            f"a number lies between 1e-18 and 1e18, and {'above' if abs(number) > _MOST else 'below'} that there is nothing to reckon with"
        )
    return number


def _parts(given: object) -> list[object]:
    if isinstance(given, str):
        return [part for part in (word.strip() for word in re.split(r"[,;]", given)) if part]
    return list(given) if hasattr(given, "__iter__") else [given]


def _read(given: object, kind: str, name: str, by: str = "calc") -> Value:
    """An input as it was given, exactly; :class:`Mistake`, told of `by`, where it is none of its kind."""
    try:
        if kind.endswith("*"):
            if given == "none":
                return ()
            return tuple(_read(part, kind[:-1], name) for part in _parts(given))
        if kind == "tier":
            cells = [cell.strip() for cell in given.split(":")] if isinstance(given, str) else list(_parts(given))
            if len(cells) != 3:
                raise UnitError(f"'{given}' is not a tier; write like '10k:10%:5%'")
            return tuple(_read(cell, unit, name) for cell, unit in zip(cells, ("money", "rate", "rate")))
        if kind == "point":
            cells = [cell.strip() for cell in given.split("@")] if isinstance(given, str) else list(_parts(given))
            if len(cells) != 2:
                raise UnitError(f"'{given}' is not a time and a price; write like '3@11.50'")
            return tuple(_read(cell, "number", name) for cell in cells)
        if kind == "level":
            cells = [cell.strip() for cell in given.split("@")] if isinstance(given, str) else list(_parts(given))
            if len(cells) != 2:
                raise UnitError(f"'{given}' is not a size and a price; write like '0.1@9999'")
            return _read(cells[0], "size", name), _read(cells[1], "price", name)
        number = _exact(given)
        text = str(given).strip()
        if number is None and len(text) > _LONGEST:
            raise UnitError(f"'{text[:20]}...' is too long for a number")
        if kind == "whole":
            number = units.read_exact(text, "number") if number is None else number
            if number.denominator != 1:
                raise UnitError(f"'{text}' is not a whole number")
        if number is not None:
            return _reckoned(number)
        if kind == "side":
            if text.lower() not in _SIDES:
                raise UnitError(f"'{text}' is not long or short")
            return _SIDES[text.lower()]
        if kind == "flag":
            if text in _WORDS:
                return Fraction(_WORDS[text])
            return Fraction(int(units.read(text, "flag")))
        return _reckoned(units.read_exact(text, kind))
    except UnitError as error:
        raise Mistake(by, name, "", str(error)) from None


def _decimal(value: Fraction, digits: int = 9) -> str:
    """A number as a person writes it: exact where few digits do, else to `digits` after the point (more for small ones)."""
    if value == 0:
        return "0"
    size = abs(value)
    while size * 10**digits < 10**5 and digits < 24:
        digits += 3
    text = f"{round(value * 10**digits):d}"
    sign, text = ("-", text[1:]) if text[0] == "-" else ("", text)
    text = text.rjust(digits + 1, "0")
    return f"{sign}{text[:-digits]}.{text[-digits:]}".rstrip("0").rstrip(".")


_MOST_SHOWN = 12
"""Parts of a list that are shown inside a formula."""


def _plain(value: Value) -> str:
    """A value inside a formula."""
    if isinstance(value, tuple):
        shown = [_plain(part) for part in (value if len(value) <= _MOST_SHOWN else value[: _MOST_SHOWN - 2])]
        if len(value) > _MOST_SHOWN:
            shown += ["..", f"{_plain(value[-1])}: {len(value)} in all"]
        return "[" + ", ".join(shown) + "]"
    if isinstance(value, str):
        return value
    text = _decimal(value)
    return f"({text})" if text.startswith("-") else text


def _text(value: Value, kind: str) -> str:
    """A value with its unit."""
    if kind.endswith("*"):
        return ", ".join(_text(part, kind[:-1]) for part in value) or "none"
    if kind == "tier":
        return f"{_decimal(value[0])}:{_decimal(value[1] * 100)}%:{_decimal(value[2] * 100)}%"
    if kind in ("level", "point"):
        return f"{_decimal(value[0])}@{_decimal(value[1])}"
    if isinstance(value, str):
        return value
    text = _decimal(value)
    if kind in ("price", "money"):
        return f"-${text[1:]}" if text.startswith("-") else f"${text}"
    if kind == "rate":
        return f"{_decimal(value * 100)} %"
    if kind == "side":
        return "long" if value > 0 else "short"
    if kind == "flag":
        return "yes" if value else "no"
    return {"hours": f"{text} h", "leverage": f"{text}x"}.get(kind, text)


def _json(value: Value) -> Any:
    if isinstance(value, tuple):
        return [_json(part) for part in value]
    return value if isinstance(value, str) else int(value) if value.denominator == 1 else float(value)


# Forms ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shown:
    """A value with its name and kind."""

    name: str
    kind: str
    value: Value

    @property
    def text(self) -> str:
        """The value with its unit."""
        return _text(self.value, self.kind)


@dataclass(frozen=True)
class Worked:
    """A step worked out: the formula, the same with the numbers put in, and the result."""

    formula: str
    with_numbers: str
    result: Shown


@dataclass(frozen=True)
class Answer:
    """What a form answered, and how it came to it."""

    form: Form
    inputs: tuple[Shown, ...]
    steps: tuple[Worked, ...]
    origins: Mapping[str, str] = field(default_factory=dict)
    """Where inputs that nobody gave came from."""

    @property
    def value(self) -> Value:
        """The answer, exactly (a Fraction, or a tuple for a list)."""
        return self.steps[-1].result.value

    @property
    def text(self) -> str:
        """The answer with its unit."""
        return self.steps[-1].result.text

    def __float__(self) -> float:
        return float(self.value)

    def __str__(self) -> str:
        return self.text

    def __getitem__(self, name: str) -> Value:
        """The value of a step or an input by name."""
        for shown in (*(step.result for step in self.steps), *self.inputs):
            if shown.name == name:
                return shown.value
        raise KeyError(name)

    def lines(self) -> list[str]:
        """The inputs and each formula with the numbers put in, for reading."""
        found = [f"{self.form.question}, {self.form.name} ({self.form.source})"]
        width = max((len(shown.name) for shown in self.inputs), default=0)
        for shown in self.inputs:
            origin = self.origins.get(shown.name, "")
            found.append(f"  {shown.name:<{width}}  {shown.text}{f'  [{origin}]' if origin else ''}")
        for step in self.steps:
            pad = " " * len(step.result.name)
            found.append(f"  {step.result.name} = {step.formula}")
            if step.with_numbers != step.formula:
                found.append(f"  {pad} = {step.with_numbers}")
            found.append(f"  {pad} = {step.result.text}")
        return found

    def to_json(self) -> dict[str, Any]:
        """The same as plain data: rates as shares of one, money in dollars, times in hours."""

        def shown(item: Shown) -> dict[str, Any]:
            return {"value": _json(item.value), "text": item.text, "kind": item.kind}

        return {
            "question": self.form.question,
            "form": self.form.name,
            "source": self.form.source,
            "answer": {"name": self.steps[-1].result.name, **shown(self.steps[-1].result)},
            "inputs": {
                item.name: {**shown(item), **({"from": self.origins[item.name]} if item.name in self.origins else {})}
                for item in self.inputs
            },
            "steps": [
                {"name": s.result.name, "formula": s.formula, "with_numbers": s.with_numbers, **shown(s.result)}
                for s in self.steps
            ],
        }


# Asking ---------------------------------------------------------------------------------------------------------------


def ask(question: str, venue: str | None = None, *, ticker: str = "TSLAx", **given: object) -> Answer:
    """Answer a question by a venue's form; :class:`Mistake` where something is missing, unknown or not a number.

    `venue` is a form's name, a venue that has a rulebook, or the path of one's own; without it the question's first form is
    taken. `ticker` chooses among a rulebook's values.
    """
    question = question.replace("_", "-")
    if question not in FORMS:
        raise Mistake("calc", "", question, f"there is no question '{question}'{nearest(question, FORMS)}")
    check_ticker(ticker, rulebook.tickers(), "calc", "ticker")
    named = {name.replace("-", "_"): value for name, value in given.items()}
    form, defaults = _fitting(choices(question, venue, ticker), set(named))
    known = [item.name for item in form.inputs]
    for name in named:
        if name not in known:
            allowed = f"{form.name} asks for no '{name}' here, but for {', '.join(known)}{nearest(name, known)}"
            raise Mistake(f"calc {question}", "", name, allowed)
    values: dict[str, Value] = {}
    origins: dict[str, str] = {}
    for item in form.inputs:
        if item.name in named:
            values[item.name] = _read(named[item.name], item.kind, item.name)
        elif item.name in defaults:
            given_value, origins[item.name] = defaults[item.name]
            values[item.name] = _read(given_value, item.kind, item.name, origins[item.name])
        elif item.default is not None:
            values[item.name] = _read(item.default, item.kind, item.name)
        else:
            missing = [i.name for i in form.inputs if i.default is None and i.name not in {*named, *defaults}]
            what = ", ".join(f"{name} ({MEANINGS[name]})" for name in missing)
            raise Mistake(f"calc {question}", "", "", f"{form.name} needs {what}")
        _check(item, values[item.name])
    if "place" in values and "count" in values and values["place"] > values["count"]:
        raise Mistake("calc", "place", "", f"{_plain(values['place'])} is not one of {_plain(values['count'])}")
    return _work(form, values, origins)


_COUNTS = {"tier": 1, "down": 0, "place": 1, "count": 1}
"""Inputs that count something, and from what on."""
_RANGES: Mapping[str, tuple[Value, Value]] = {"exponent": (-16, 16), "days": (0, 36_500)}
"""Inputs that something is repeated by; no venue's come near these bounds, beyond which an answer would not come."""


def _check(item: Input, value: Value) -> None:
    if item.kind.endswith("*") and not value and item.default != "none":
        raise Mistake("calc", item.name, "", "the list is empty")
    if item.kind in ("size", "leverage") and item.name != "signed_size" and item.default != "0" and value <= 0:
        raise Mistake("calc", item.name, "", f"{_text(value, item.kind)} is not above zero ({MEANINGS[item.name]})")
    if item.name == "signed_size" and value == 0:
        raise Mistake("calc", item.name, "", "a position has a size")
    if item.name in _COUNTS and (value.denominator != 1 or value < _COUNTS[item.name]):
        allowed = f"{_text(value, item.kind)} is not a whole number from {_COUNTS[item.name]} ({MEANINGS[item.name]})"
        raise Mistake("calc", item.name, "", allowed)
    low, high = _RANGES.get(item.name, (value, value))
    if not low <= value <= high:
        allowed = f"{_text(value, item.kind)} is not between {low} and {high} ({MEANINGS[item.name]})"
        raise Mistake("calc", item.name, "", allowed)
    if item.kind == "price" and value < 0:
        raise Mistake("calc", item.name, "", f"{_text(value, item.kind)} is below zero ({MEANINGS[item.name]})")
    if item.kind == "tier*":
        edges = [tier[0] for tier in value]
        if edges[0] != 0 or any(a >= b for a, b in itertools.pairwise(edges)):
            raise Mistake("calc", item.name, "", "tiers begin at 0 and rise")
        if any(now[rate] < before[rate] for before, now in itertools.pairwise(value) for rate in (1, 2)):
            raise Mistake("calc", item.name, "", "a tier's rates are not below those of the tier before it")
        if any(not 0 <= kept <= initial <= 1 for _, initial, kept in value):
            allowed = "maintenance margin lies between 0 and initial margin, and that is at most 100 %"
            raise Mistake("calc", item.name, "", allowed)


def _work(form: Form, values: dict[str, Value], origins: dict[str, str]) -> Answer:
    shown = tuple(Shown(item.name, item.kind, values[item.name]) for item in form.inputs)
    worked = []
    for step in form.steps:
        try:
            value = step.function(*(values[name] for name in step.arguments))
            value = value if isinstance(value, (tuple, str)) else _exact(value)
            if value is None:
                raise ValueError("no number")
        except (ZeroDivisionError, OverflowError, ValueError, IndexError, AssertionError):
            allowed = f"{form.name} has no {step.name} for these numbers: {_filled(step, values)}"
            raise Mistake(f"calc {form.question}", "", "", allowed) from None
        filled = _filled(step, values)
        values[step.name] = value
        result = Shown(step.name, step.kind, values[step.name])
        worked.append(Worked(step.formula, filled, result))
    return Answer(form, shown, tuple(worked), origins)


def _filled(step: Step, values: Mapping[str, Value]) -> str:
    """A formula with the numbers put in; below a sentence the numbers that it is about."""
    if step.formula.startswith(("look up", "where")):
        return "with " + ", ".join(f"{name} {_plain(values[name])}" for name in step.arguments)
    filled = re.sub(r"[A-Za-z_]\w*", lambda m: _plain(values[m[0]]) if m[0] in values else m[0], step.formula)
    return re.sub(r"\((\(-[\d.]+\))\)", r"\1", filled)


def example(question: str, venue: str | None = None, ticker: str = "TSLAx", *, by_knobs: bool = False) -> Answer:
    """A form at work on made-up numbers; what the rulebook says comes from it.

    With `by_knobs` it is the form that a rulebook's knobs amount to, where there is one besides the venue's own.
    """
    form, defaults = choices(question, venue, ticker)[-1 if by_knobs else 0]
    needed = [
        i.name for i in form.inputs if i.name not in defaults and (i.default in (None, "none") or i.name == "size")
    ]
    return ask(question, venue, ticker=ticker, **{name: EXAMPLES[name] for name in needed})


Choice = tuple["Form", dict[str, tuple[object, str]]]
"""A form, and what a rulebook says of its inputs, each with its origin."""


def _fitting(choices: list[Choice], named: set[str]) -> Choice:
    """The first form that these inputs are enough for; else the one that knows most of them."""

    def missing(choice: Choice) -> tuple[int, int]:
        form, defaults = choice
        known = {item.name for item in form.inputs}
        needed = {item.name for item in form.inputs if item.default is None} - named - set(defaults)
        return len(named - known), len(needed)

    for choice in choices:
        if missing(choice) == (0, 0):
            return choice
    return min(choices, key=missing)


def chosen(question: str, venue: str | None, ticker: str = "TSLAx") -> Choice:
    """The form a venue is first asked by for a question."""
    return choices(question, venue, ticker)[0]


def choices(question: str, venue: str | None, ticker: str = "TSLAx") -> list[Choice]:
    """The forms a venue has for a question: the one of its name, then the one that its rulebook's knobs amount to."""
    forms = FORMS[question]
    if venue is None:
        return [(next(iter(forms.values())), {})]
    own = rulebook.is_file(venue)
    if not own and not rulebook.is_venue(venue):
        if venue in forms:
            return [(forms[venue], {})]
        everyone = {*forms, *rulebook.venues()}
        allowed = f"no form '{venue}'; there are {', '.join(forms)}{nearest(venue, everyone)}"
        raise Mistake(f"calc {question}", "", venue, allowed)
    book = rulebook.read_venue(venue) if own else _built_in(venue)
    said = book.document.get("calculator", {}).get(question, {})
    entry = said if isinstance(said, Mapping) else {"form": said}
    if isinstance(said, Mapping):
        known = {"form", *(item.name for form in forms.values() for item in form.inputs)}
        for key in said:
            if key not in known:
                raise Mistake(
                    book.file, f"calculator.{question}.{key}", "", f"no form asks for this{nearest(key, known)}"
                )
    like = str(book.document.get("formulas_of", book.name))
    named = str(entry.get("form", like))
    if "form" in entry and named not in forms:
        allowed = f"{book.title} names no form of {question}; there are {', '.join(forms)}{nearest(named, forms)}"
        raise Mistake(book.file, f"calculator.{question}", named, allowed)
    names = [named]
    if "form" not in entry:
        names.append(_derived(book, question, ticker))
        if like != book.name and names[1] != _derived(_built_in(like), question, ticker):
            # The rulebook has left the form of the one it began from.
            del names[0]
    found = [
        (forms[name], _from_book(book, entry, forms[name], ticker)) for name in dict.fromkeys(names) if name in forms
    ]
    if not found:
        raise Mistake(f"calc {question}", "", venue, f"{book.title} has no form here; there are {', '.join(forms)}")
    return found


@functools.cache
def _built_in(venue: str) -> rulebook.Venue:
    """A rulebook that comes with the package, read once."""
    return rulebook.read_venue(venue)


@functools.cache
def _built_in_rules(venue: str, ticker: str) -> rules.Rules:
    return rules.resolve(_built_in(venue), (ticker,))


def _resolved(book: rulebook.Venue, ticker: str) -> rules.Rules:
    """The rules that a rulebook makes for a ticker; those of the package's own are worked out once."""
    if book.name in rulebook.venues() and book is _built_in(book.name):
        return _built_in_rules(book.name, ticker)
    return rules.resolve(book, (ticker,))


_ALIKE = {
    "margin": "tiers",
    "maintenance-amount": "tiers",
    "liquidation-price": "tiers",
    "bankruptcy-price": "kraken",
    "liquidation-fee": "kraken",
    "partial-size": "kraken",
    "funding-payment": "kraken",
    "index": "kraken",
    "queue-light": "kraken",
}
"""Forms of every rulebook that a market runs by."""
_BY_KNOB = {
    "mark": ("perp.oracle.form", {"averaged premium": "kraken", "fair basis": "bitmex", "median of three": "binance", "oracle median": "trade-xyz", "index": "dydx"}),
    "premium": ("perp.funding.premium", {"impact mid": "kraken", "impact prices": "binance"}),
    "adl-score": ("perp.adl.score", {name: name for name in ("bitmex", "hyperliquid", "binance", "bybit")}),
    "adl-price": ("perp.adl.price", {"bankruptcy": "bankruptcy", "mark": "okx", "previous mark": "hyperliquid"}),
    "funding-rate": ("perp.funding.form", {"premium": "kraken", "clamp": "binance", "dead band": "deribit", "offset": "drift-rate"}),
}  # fmt: skip
"""Forms that a knob of the rulebook decides."""
_IF_USED = {
    "partial-size": {"perp.liquidation.step_tiers": "tiers", "perp.liquidation.large": "hyperliquid"},
    "fillable-price": {"perp.liquidation.spread": "dydx"},
}
"""Forms of rulebooks in which a knob is not zero."""


def _derived(book: rulebook.Venue, question: str, ticker: str) -> str:
    """The form that a rulebook's knobs amount to, where it is not one of the named venues; "" where it says nothing."""
    if not rulebook.runs(book):
        return ""
    if question in _BY_KNOB:
        knob, forms = _BY_KNOB[question]
        return forms.get(_resolved(book, ticker).setting(knob).text, "")
    if question in _IF_USED:
        resolved = _resolved(book, ticker)
        for knob, form in _IF_USED[question].items():
            if resolved.setting(knob).value:
                return form
    if question == "insurance-room" and "insurance fund" in _resolved(book, ticker).setting(STAGES).text:
        return "drawdown"
    return _ALIKE.get(question, "")


def _from_book(
    book: rulebook.Venue, entry: Mapping[str, Any], form: Form, ticker: str
) -> dict[str, tuple[object, str]]:
    """What a rulebook says of a form's inputs: values beside the form's name, else the knobs that the market runs on."""
    found: dict[str, tuple[object, str]] = {}
    for item in form.inputs:
        if item.name in entry:
            said = entry[item.name]
            found[item.name] = (said["value"] if isinstance(said, Mapping) else said, book.file)
    wanted = [item for item in form.inputs if item.knob and item.name not in found]
    if wanted and rulebook.runs(book):
        resolved = _resolved(book, ticker)
        for item in wanted:
            if item.knob == "tiers":
                found[item.name] = (
                    tiers_of(resolved, ticker),
                    f"{book.file}, class {resolved.setting(CLASS).text}",
                )
            else:
                setting = resolved.setting(item.knob)
                found[item.name] = (setting.text, setting.origin.file or "default")
    elif any(item.knob == "tiers" for item in wanted):
        classes = read_classes(book.document, book.file)
        for item in wanted:
            if item.knob == "tiers" and classes:
                name, first = next(iter(classes.items()))
                found[item.name] = (
                    tuple((Fraction(t.from_uusd, MICRO), Fraction(t.initial_ppb, 10**9), Fraction(t.maintenance_ppb, 10**9)) for t in first),
                    f"{book.file}, class {name}",
                )  # fmt: skip
    return found


def tiers_of(resolved: rules.Rules, ticker: str) -> tuple[tuple[Fraction, Fraction, Fraction], ...]:
    """A ticker's tiers as the market applies them: its class, held to the largest leverage (:func:`brackets.prepare`)."""
    number = resolved.tickers.index(ticker)
    rows = resolved[brackets.tiers][brackets.TIERS * number : brackets.TIERS * (number + 1)].copy()
    own = resolved[brackets.margin_rules][number]
    brackets.prepare(rows, int(own["leverage_max_milli"]), int(own["maintenance_ppb"]))
    return tuple(
        (Fraction(int(r["from_uusd"]), MICRO), Fraction(int(r["initial_ppb"]), 10**9), Fraction(int(r["maintenance_ppb"]), 10**9))
        for r in rows
        if r["from_uusd"] != brackets.NO_TIER
    )  # fmt: skip
