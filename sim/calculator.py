"""Ask a venue's formula for a number: ``offhours calc liquidation-price --venue binance ...``, or :func:`ask` in Python.

>>> from offhours import calculator
>>> print(calculator.ask("liquidation-price", "dydx", equity=1000, signed_size=-3, price=3000, maintenance="5 %"))
$3174.603174603

Every formula is a function of the market's own rooms (``sim/market``): what the market runs is what is asked here. A *question*
("liquidation-price") has one or more *forms*, named after the venue that has it. Inputs are what people write ("0.25 %",
"8h", "$10,000") or numbers (shares of one, hours, dollars), taken exactly; where a venue counts in whole pieces, so does its
form here. With a venue that has a rulebook, inputs that are not given are taken from it.

``answer.steps`` holds each formula with the numbers put in. A mistake is a :class:`~offhours.sim.rules.Mistake`: one sentence.
"""

from __future__ import annotations

import inspect
import itertools
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

from offhours.sim import rules, units
from offhours.sim.market import liquidation, margin
from offhours.sim.rules import Mistake, nearest
from offhours.sim.units import UnitError

MICRO = 1_000_000

Value = Any
"""A Fraction, or a tuple of them for a list."""

MEANINGS: dict[str, str] = {
    "side": "long or short",
    "entry": "price at which the position was opened",
    "price": "price now (mark or oracle)",
    "size": "size without sign, in base units",
    "signed_size": "size, negative for a short",
    "leverage": "notional over margin at the start",
    "leverage_max": "largest leverage of the market",
    "maintenance": "maintenance margin rate",
    "initial": "initial margin rate",
    "amount": "maintenance amount (deduction) of the tier",
    "balance": "wallet or quote balance",
    "equity": "what the account is worth at the price",
    "available": "equity less maintenance margin now",
    "others_maintenance": "maintenance margin of the other positions",
    "others_notional": "net notional of the other positions, shorts negative",
    "others_pnl": "unrealised profit of the other positions",
    "taker": "taker fee",
    "margin": "margin of the position (coin for inverse contracts)",
    "margin_per_unit": "margin over size",
    "contracts": "number of inverse contracts of one dollar",
    "close": "size that is closed, without sign; 0 for all of it",
    "notional": "value of the position",
    "tiers": "tier table: from:initial:maintenance, ...",
    "whole": "yes (or whole) where a tier's rate counts for the whole position",
    "slope": "growth of the rate per unit of size",
    "maintenance_share": "maintenance margin as a share of what it is compared with",
    "open_interest": "open interest of the market",
    "lower": "open interest at which the scaling begins",
    "upper": "open interest at which it is complete",
    "slippage": "cost of leaving as a share of value",
    "risk": "risk factor of the side",
    "scaling": "initial margin over maintenance margin",
    "edge": "notional at which the tier begins",
    "rate": "rate of the tier, or of the fee",
    "rate_below": "rate of the tier below",
    "amount_below": "maintenance amount of the tier below",
    "added": "further equity behind the position",
    "threshold": "share at which it happens",
    "collateral": "collateral behind the position",
    "rollover": "rollover fees owed",
    "funding_owed": "funding owed",
    "closing_fee": "fee of the closing value",
    "tick": "smallest step of price; rounded up to it",
    "tier": "number of the tier, from 1",
    "limits": "largest size of each tier, from the first",
    "share": "share of the position",
    "large": "notional above which a liquidation is partial",
    "fee": "liquidation fee rate",
    "adjustment": "bankruptcy adjustment",
    "spread": "spread to maintenance margin ratio",
    "shortage": "margin that is missing",
    "most": "largest rate",
    "fill": "value at which it was filled, without sign",
    "fund": "insurance fund",
    "delta": "change of the fund",
    "margin_left": "margin that is left of the closed-out party",
    "loss": "loss to be paid",
    "fee_paid": "fees to be paid",
    "pool": "insurance pool",
    "stop": "share at which it ends",
    "fund_rate": "fee for the insurance fund",
    "quote_price": "price of the quote currency in dollars",
    "asset_weight": "weight of the collateral",
    "liability_weight": "weight of the borrow",
    "asset_multiplier": "liquidation multiplier of the collateral",
    "liability_multiplier": "liquidation multiplier of the borrow",
}
"""What each input means; the same word means the same everywhere."""


# Values ---------------------------------------------------------------------------------------------------------------

_SIDES = {"long": Fraction(1), "buy": Fraction(1), "short": Fraction(-1), "sell": Fraction(-1)}
_SCALARS = ("price", "money", "rate", "hours", "leverage", "size", "number")


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


def _parts(given: object) -> list[object]:
    if isinstance(given, str):
        return [part for part in (word.strip() for word in re.split(r"[,;]", given)) if part]
    return list(given) if hasattr(given, "__iter__") else [given]


def _read(given: object, kind: str, name: str) -> Value:
    """An input as it was given, exactly; :class:`Mistake` where it is none of its kind."""
    try:
        if kind.endswith("*"):
            found = tuple(_read(part, kind[:-1], name) for part in _parts(given))
            if not found:
                raise UnitError("the list is empty")
            return found
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
        if number is not None:
            return number
        text = str(given).strip()
        if kind == "side":
            if text.lower() not in _SIDES:
                raise UnitError(f"'{text}' is not long or short")
            return _SIDES[text.lower()]
        if kind == "flag":
            if text in ("marginal", "whole"):
                return Fraction(int(text == "whole"))
            return Fraction(int(units.read(text, "flag")))
        return units.read_exact(text, kind)
    except UnitError as error:
        raise Mistake("calc", name, "", str(error)) from None


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


def _plain(value: Value) -> str:
    """A value inside a formula."""
    if isinstance(value, tuple):
        return "[" + ", ".join(_plain(part) for part in value) + "]"
    if isinstance(value, str):
        return value
    text = _decimal(value)
    return f"({text})" if text.startswith("-") else text


def _text(value: Value, kind: str) -> str:
    """A value with its unit."""
    if kind.endswith("*"):
        return ", ".join(_text(part, kind[:-1]) for part in value)
    if isinstance(value, tuple):
        return ":".join(_plain(part).strip("()") for part in value)
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
class Input:
    """A number that a form asks for; `knob` is where a rulebook has it."""

    name: str
    kind: str
    default: str | None
    knob: str = ""


@dataclass(frozen=True)
class Step:
    """One formula: its name, the kind of its result, its text, and the function of a room that is it.

    A text that begins with "look up" or "where" is a sentence; every other one can be worked out by hand, as a test does.
    """

    name: str
    kind: str
    formula: str
    function: Callable[..., Any]
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class Form:
    """A venue's way to answer a question: the last step is the answer."""

    question: str
    name: str
    source: str
    inputs: tuple[Input, ...]
    steps: tuple[Step, ...]


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


QUESTIONS: dict[str, str] = {}
"""Every question with the sentence that says what is asked."""

FORMS: dict[str, dict[str, Form]] = {}
"""Every form by question and name; the first of a question is taken where no venue is named."""


def _question(name: str, sentence: str) -> None:
    QUESTIONS[name] = sentence
    FORMS[name] = {}


def _step(name: str, kind: str, formula: str, function: Callable[..., Any], arguments: str = "") -> Step:
    """A step whose arguments are named like the function's parameters, or listed."""
    plain = getattr(function, "py_func", function)
    names = tuple(arguments.split()) if arguments else tuple(inspect.signature(plain).parameters)
    return Step(name, kind, formula, plain, names)


def _form(question: str, name: str, source: str, inputs: str, *steps: Step, **knobs: str) -> None:
    """Declare a form. Inputs are written "name kind" or "name kind = default", separated by semicolons."""
    found = []
    for text in filter(None, (word.strip() for word in inputs.split(";"))):
        left, _, default = text.partition("=")
        key, kind = left.split()
        assert key in MEANINGS, f"nobody says what '{key}' means"
        found.append(Input(key, kind, default.strip() or None, knobs.get(key, "")))
    FORMS[question][name] = Form(question, name, source, tuple(found), steps)


# Asking ---------------------------------------------------------------------------------------------------------------


def ask(question: str, venue: str | None = None, *, ticker: str = "TSLAx", **given: object) -> Answer:
    """Answer a question by a venue's form; :class:`Mistake` where something is missing, unknown or not a number.

    `venue` is a form's name, a venue that has a rulebook, or the path of one's own; without it the question's first form is
    taken. `ticker` chooses among a rulebook's values.
    """
    question = question.replace("_", "-")
    if question not in FORMS:
        raise Mistake("calc", "", question, f"there is no question '{question}'{nearest(question, FORMS)}")
    form, defaults = chosen(question, venue, ticker)
    named = {name.replace("-", "_"): value for name, value in given.items()}
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
            values[item.name] = _read(given_value, item.kind, item.name)
        elif item.default is not None:
            values[item.name] = _read(item.default, item.kind, item.name)
        else:
            missing = [i.name for i in form.inputs if i.default is None and i.name not in {*named, *defaults}]
            what = ", ".join(f"{name} ({MEANINGS[name]})" for name in missing)
            raise Mistake(f"calc {question}", "", "", f"{form.name} needs {what}")
        _check(item, values[item.name])
    return _work(form, values, origins)


def _check(item: Input, value: Value) -> None:
    if item.kind in ("size", "leverage") and item.name != "signed_size" and item.default != "0" and value <= 0:
        raise Mistake("calc", item.name, "", f"{_text(value, item.kind)} is not above zero ({MEANINGS[item.name]})")
    if item.name == "signed_size" and value == 0:
        raise Mistake("calc", item.name, "", "a position has a size")
    if item.kind == "price" and value < 0:
        raise Mistake("calc", item.name, "", f"{_text(value, item.kind)} is below zero ({MEANINGS[item.name]})")
    if item.kind == "tier*":
        edges = [tier[0] for tier in value]
        if edges[0] != 0 or any(a >= b for a, b in itertools.pairwise(edges)):
            raise Mistake("calc", item.name, "", "tiers begin at 0 and rise")


def _work(form: Form, values: dict[str, Value], origins: dict[str, str]) -> Answer:
    shown = tuple(Shown(item.name, item.kind, values[item.name]) for item in form.inputs)
    worked = []
    for step in form.steps:
        try:
            value = step.function(*(values[name] for name in step.arguments))
        except (ZeroDivisionError, OverflowError, ValueError):
            allowed = f"{form.name} has no {step.name} for these numbers: {_filled(step.formula, values)}"
            raise Mistake(f"calc {form.question}", "", "", allowed) from None
        values[step.name] = value if isinstance(value, (tuple, str)) else _exact(value)
        result = Shown(step.name, step.kind, values[step.name])
        worked.append(Worked(step.formula, _filled(step.formula, values), result))
    return Answer(form, shown, tuple(worked), origins)


def _filled(formula: str, values: Mapping[str, Value]) -> str:
    """A formula with the numbers put in; a sentence stays as it is."""
    if formula.startswith(("look up", "where")):
        return formula
    return re.sub(r"[A-Za-z_]\w*", lambda m: _plain(values[m[0]]) if m[0] in values else m[0], formula)


def chosen(question: str, venue: str | None, ticker: str = "TSLAx") -> tuple[Form, dict[str, tuple[object, str]]]:
    """The form a venue uses for a question, and what its rulebook says of the form's inputs, with the origin of each."""
    forms = FORMS[question]
    if venue is None:
        return next(iter(forms.values())), {}
    if not venue.endswith(".toml") and venue not in rules.venues():
        if venue in forms:
            return forms[venue], {}
        everyone = {*forms, *rules.venues()}
        allowed = f"no form '{venue}'; there are {', '.join(forms)}{nearest(venue, everyone)}"
        raise Mistake(f"calc {question}", "", venue, allowed)
    book = rules.read_venue(venue)
    entry = book.document.get("calculator", {}).get(question, {})
    name = str(entry.get("form", book.name)) if isinstance(entry, Mapping) else str(entry)
    if name not in forms:
        allowed = f"{book.title} has no form here; there are {', '.join(forms)}"
        raise Mistake(f"calc {question}", "", venue, allowed)
    form = forms[name]
    return form, _from_book(book, entry if isinstance(entry, Mapping) else {}, form, ticker)


def _from_book(book: rules.Venue, entry: Mapping[str, Any], form: Form, ticker: str) -> dict[str, tuple[object, str]]:
    """What a rulebook says of a form's inputs: values beside the form's name, else the knobs that the market runs on."""
    found: dict[str, tuple[object, str]] = {}
    for item in form.inputs:
        if item.name in entry:
            said = entry[item.name]
            found[item.name] = (said["value"] if isinstance(said, Mapping) else said, book.file)
    wanted = [item for item in form.inputs if item.knob and item.name not in found]
    if wanted and rules.runs(book):
        resolved = rules.resolve(book, (ticker,))
        for item in wanted:
            if item.knob == "tiers":
                found[item.name] = (
                    tiers_of(resolved, ticker),
                    f"{book.file}, class {resolved.setting(rules.CLASS).text}",
                )
            else:
                setting = resolved.setting(item.knob)
                found[item.name] = (setting.text, setting.origin.file or "default")
    elif any(item.knob == "tiers" for item in wanted):
        classes = rules.read_classes(book.document, book.file)
        for item in wanted:
            if item.knob == "tiers" and classes:
                name, first = next(iter(classes.items()))
                found[item.name] = (
                    tuple((Fraction(t.from_uusd, MICRO), Fraction(t.initial_ppb, 10**9), Fraction(t.maintenance_ppb, 10**9)) for t in first),
                    f"{book.file}, class {name}",
                )  # fmt: skip
    return found


def tiers_of(resolved: rules.Rules, ticker: str) -> tuple[tuple[Fraction, Fraction, Fraction], ...]:
    """A ticker's tiers as the market applies them: its class, held to the largest leverage (:func:`margin.prepare`)."""
    number = resolved.tickers.index(ticker)
    rows = resolved[margin.tiers][margin.TIERS * number : margin.TIERS * (number + 1)].copy()
    own = resolved[margin.margin_rules][number]
    margin.prepare(rows, int(own["leverage_max_milli"]), int(own["maintenance_ppb"]))
    return tuple(
        (Fraction(int(r["from_uusd"]), MICRO), Fraction(int(r["initial_ppb"]), 10**9), Fraction(int(r["maintenance_ppb"]), 10**9))
        for r in rows
        if r["from_uusd"] != margin.NO_TIER
    )  # fmt: skip


# Margin ---------------------------------------------------------------------------------------------------------------


def _up(value: Fraction) -> Fraction:
    """Rounded up to a millionth of a dollar."""
    return Fraction(math.ceil(value * MICRO), MICRO)


def _edges(tiers: Value) -> tuple[Fraction, ...]:
    return tuple(tier[0] for tier in tiers)


def _at(number: int) -> Callable[[Value, Fraction], Fraction]:
    """What the tier of a notional says: its edge (0), initial (1) or maintenance (2) rate."""
    return lambda tiers, notional: tiers[margin.tier_of(notional, _edges(tiers))][number]  # type: ignore[arg-type]


def _below(number: int) -> Callable[[Value, Fraction, Fraction], Fraction]:
    """Margin below a tier's edge, each part rounded up to the micro-dollar as the market does (MARG-2)."""

    def below(tiers: Value, edge: Fraction, whole: Fraction) -> Fraction:
        total = Fraction(0)
        for lower, upper in itertools.pairwise(tiers):
            if upper[0] <= edge and whole == 0:
                total += _up((upper[0] - lower[0]) * lower[number])
        return total

    return below


def _part(below: Fraction, notional: Fraction, edge: Fraction, rate: Fraction, whole: Fraction) -> Fraction:
    counted = notional if whole == 1 else notional - edge
    return below + _up(counted * rate)


_NOTIONAL = _step("notional", "money", "size * price", lambda size, price: size * price)

_question("margin", "initial and maintenance margin of a position")
_form(
    "margin", "tiers", "Kraken, multi-collateral margin schedules; MARG-2", "size size; price price; tiers tier*; whole flag = no",
    _NOTIONAL,
    _step("edge", "money", "look up: where the tier of the notional begins", _at(0), "tiers notional"),
    _step("initial_rate", "rate", "look up: initial margin rate of that tier", _at(1), "tiers notional"),
    _step("maintenance_rate", "rate", "look up: maintenance margin rate of that tier", _at(2), "tiers notional"),
    _step("initial_below", "money", "look up: initial margin of all tiers below", _below(1), "tiers edge whole"),
    _step("maintenance_below", "money", "look up: maintenance margin of all tiers below", _below(2), "tiers edge whole"),
    _step("initial_margin", "money", "initial_below + up((notional - edge * (1 - whole)) * initial_rate)", _part, "initial_below notional edge initial_rate whole"),
    _step("maintenance_margin", "money", "maintenance_below + up((notional - edge * (1 - whole)) * maintenance_rate)", _part, "maintenance_below notional edge maintenance_rate whole"),
    tiers="tiers", whole="perp.margin.form",
)  # fmt: skip
_form(
    "margin", "binance", "Binance FAQ: leverage and margin of USD-M futures", "size size; price price; maintenance rate; amount money = 0; leverage leverage",
    _NOTIONAL,
    _step("initial_margin", "money", "notional / leverage", lambda notional, leverage: notional / leverage),
    _step("maintenance_margin", "money", "notional * maintenance - amount", margin.margin_less_amount, "notional maintenance amount"),
)  # fmt: skip
_form(
    "margin", "deribit", "Deribit: linear perpetuals, margin", "size size; price price; initial rate; maintenance rate; slope rate",
    _NOTIONAL,
    _step("initial_rate", "rate", "initial + slope * size", margin.size_linear_rate, "initial slope size"),
    _step("maintenance_rate", "rate", "maintenance + slope * size", margin.size_linear_rate, "maintenance slope size"),
    _step("maintenance_margin", "money", "notional * maintenance_rate", lambda notional, maintenance_rate: notional * maintenance_rate),
    _step("initial_margin", "money", "notional * initial_rate", lambda notional, initial_rate: notional * initial_rate),
)  # fmt: skip
_form(
    "margin", "dydx", "dYdX v4, protocol/x/perpetuals liquidity tiers: initial margin scaled by open interest", "notional money; initial rate; maintenance_share rate = 60 %; open_interest money; lower money; upper money",
    _step("initial_rate", "rate", "look up: initial + (1 - initial) * clamp((open_interest - lower) / (upper - lower), 0, 1), just initial where the band is empty", margin.open_interest_scaled_rate, "initial open_interest lower upper"),
    _step("maintenance_margin", "money", "up(notional * initial * maintenance_share)", lambda notional, initial, maintenance_share: _up(notional * initial * maintenance_share)),
    _step("initial_margin", "money", "up(notional * initial_rate)", lambda notional, initial_rate: _up(notional * initial_rate)),
)  # fmt: skip
_form(
    "margin", "hyperliquid", "Hyperliquid documentation: margining", "size size; price price; leverage leverage; leverage_max leverage",
    _NOTIONAL,
    _step("maintenance_rate", "rate", "1 / (2 * leverage_max)", margin.half_of_initial, "leverage_max"),
    _step("initial_margin", "money", "notional / leverage", lambda notional, leverage: notional / leverage),
    _step("maintenance_margin", "money", "notional * maintenance_rate", lambda notional, maintenance_rate: notional * maintenance_rate),
)  # fmt: skip
_form(
    "margin", "vega", "Vega specification 0019-MCAL: margin calculator", "size size; price price; slippage rate; risk rate; scaling number = 1.5",
    _NOTIONAL,
    _step("order_margin", "money", "notional * risk", lambda notional, risk: notional * risk),
    _step("order_initial_margin", "money", "order_margin * scaling", lambda order_margin, scaling: order_margin * scaling),
    _step("maintenance_margin", "money", "notional * slippage + risk * notional", margin.slippage_and_risk_margin, "notional slippage risk"),
)  # fmt: skip

_question("maintenance-amount", "what a tier takes off notional x rate, so that margin has no jump at its edge")
_form(
    "maintenance-amount", "binance", "Binance FAQ: leverage and margin of USD-M futures", "edge money; rate rate; rate_below rate; amount_below money = 0",
    _step("amount", "money", "edge * (rate - rate_below) + amount_below", margin.maintenance_amount),
)  # fmt: skip


def _amounts(tiers: Value, notional: Fraction) -> Value:
    amount: Any = Fraction(0)
    for lower, upper in itertools.pairwise(tiers):
        if upper[0] <= notional:
            amount = margin.maintenance_amount(upper[0], upper[2], lower[2], amount)
    return amount


_form(
    "maintenance-amount", "tiers", "Binance FAQ: leverage and margin of USD-M futures", "notional money; tiers tier*",
    _step("maintenance_rate", "rate", "look up: maintenance margin rate of the tier", _at(2), "tiers notional"),
    _step("amount", "money", "look up: sum over the edges up to the notional of edge * (rate - rate below)", _amounts, "tiers notional"),
    tiers="tiers",
)  # fmt: skip

# Liquidation price -----------------------------------------------------------------------------------------------------

_question("liquidation-price", "the price at which an account is below its maintenance margin")
for _name, _source in (
    ("kraken-paper", "krakenfx/kraken-cli, src/futures_paper.rs"),
    ("bybit", "Bybit USDT contracts, isolated margin, as freqtrade computes it"),
):
    _form(
        "liquidation-price", _name, _source, "side side; entry price; leverage leverage; maintenance rate = 2 %",
        _step("price", "price", "entry * (1 - side / leverage + side * maintenance)", margin.leverage_liquidation_price, "side entry leverage maintenance"),
    )  # fmt: skip


def _tiered(side: Fraction, size: Fraction, entry: Fraction, equity: Fraction, tiers: Value, whole: Fraction) -> Any:
    rates = tuple(tier[2] for tier in tiers)
    found = margin.tiered_liquidation_price(equity, side * size, entry, _edges(tiers), rates, int(whole))  # type: ignore[arg-type]
    return "none: it cannot fall that far" if found == -1 else found


_form(
    "liquidation-price", "tiers", "Kraken, multi-collateral margin schedules; MARG-1, MARG-2", "side side; size size = 1; entry price; leverage leverage; added money = 0; tiers tier*; whole flag = no",
    _step("equity", "money", "size * entry / leverage + added", lambda size, entry, leverage, added: size * entry / leverage + added),
    _step("price", "price", "where equity + side * size * (price - entry) is the maintenance margin of size * price by tiers", _tiered, "side size entry equity tiers whole"),
    tiers="tiers", whole="perp.margin.form",
)  # fmt: skip
_form(
    "liquidation-price", "binance", "Binance FAQ: liquidation price of USD-M futures", "side side; balance money; size size; entry price; maintenance rate; amount money = 0; others_maintenance money = 0; others_pnl money = 0",
    _step("price", "price", "(balance - others_maintenance + others_pnl + amount - side * size * entry) / (size * maintenance - side * size)", margin.wallet_liquidation_price, "side balance size entry maintenance amount others_maintenance others_pnl"),
)  # fmt: skip
for _name, _source in (
    ("okx", "OKX, isolated margin of linear swaps, as freqtrade computes it"),
    ("gate", "Gate, isolated margin of linear perpetuals, as freqtrade computes it"),
):
    _form(
        "liquidation-price", _name, _source, "side side; entry price; leverage leverage; maintenance rate; taker rate = 0.05 %",
        _step("margin_per_unit", "money", "entry / leverage", lambda entry, leverage: entry / leverage),
        _step("price", "price", "(entry - side * margin_per_unit) / (1 - side * (maintenance + taker))", margin.margin_liquidation_price, "side entry margin_per_unit maintenance taker"),
    )  # fmt: skip
for _name, _source in (
    ("dydx", "dYdX v4 documentation: liquidation price"),
    ("account", "where equity is maintenance margin, one position"),
):
    _form(
        "liquidation-price", _name, _source, "equity money; signed_size size; price price; maintenance rate",
        _step("price_at", "price", "(equity - signed_size * price) / (abs(signed_size) * maintenance - signed_size)", margin.equity_liquidation_price, "equity signed_size price maintenance"),
    )  # fmt: skip
_form(
    "liquidation-price", "deribit", "Deribit: linear perpetuals, margin; where equity is maintenance margin", "equity money; signed_size size; price price; maintenance rate; slope rate",
    _step("maintenance_rate", "rate", "maintenance + slope * abs(signed_size)", lambda m, s, q: margin.size_linear_rate(m, s, abs(q)), "maintenance slope signed_size"),
    _step("price_at", "price", "(equity - signed_size * price) / (abs(signed_size) * maintenance_rate - signed_size)", margin.equity_liquidation_price, "equity signed_size price maintenance_rate"),
)  # fmt: skip
for _name, _source in (
    ("hyperliquid", "Hyperliquid documentation: liquidations"),
    ("trade-xyz", "trade.xyz documentation: HIP-3 markets liquidate as Hyperliquid does"),
    ("hyperliquid-hip3", "Hyperliquid documentation: liquidations; HIP-3 markets"),
    ("lighter", "Lighter documentation: below the maintenance margin fraction; where equity is maintenance margin"),
):
    _form(
        "liquidation-price", _name, _source, "side side; size size = 1; price price; equity money; leverage_max leverage",
        _step("maintenance_rate", "rate", "1 / (2 * leverage_max)", margin.half_of_initial, "leverage_max"),
        _step("available", "money", "equity - size * price * maintenance_rate", lambda equity, size, price, maintenance_rate: equity - size * price * maintenance_rate),
        _step("price_at", "price", "price - side * available / size / (1 - maintenance_rate * side)", margin.available_liquidation_price, "side price available size maintenance_rate"),
        leverage_max="perp.margin.leverage_max",
    )  # fmt: skip
_form(
    "liquidation-price", "ostium", "Ostium contracts: liquidation margin and distance", "side side; entry price; leverage leverage; leverage_max leverage; threshold rate; collateral money; rollover money = 0; funding_owed money = 0",
    _step("kept", "money", "collateral * threshold * leverage / leverage_max", lambda collateral, threshold, leverage, leverage_max: collateral * threshold * leverage / leverage_max),
    _step("price", "price", "entry - side * entry * (collateral - kept - rollover - funding_owed) / collateral / leverage", margin.threshold_liquidation_price, "side entry leverage leverage_max threshold collateral rollover funding_owed"),
)  # fmt: skip
_form(
    "liquidation-price", "kraken-inverse", "Kraken support, Equity Protection Process: example of an inverse contract", "side side; contracts size; entry price; margin number; maintenance rate",
    _step("price", "price", "(1 + side * maintenance) * contracts / (contracts / entry + side * margin)", margin.inverse_liquidation_price, "side contracts entry margin maintenance"),
)  # fmt: skip
_form(
    "liquidation-price", "bybit-inverse", "bybit-exchange/docs, v5 position example; rates inferred from it", "side side; contracts size; entry price; margin number; maintenance rate = 0.5 %; closing_fee rate = 0.06 %; tick price = 0.05",
    _step("bankruptcy", "price", "(1 + side * closing_fee) * contracts / (contracts / entry + side * margin)", liquidation.inverse_bankruptcy_price, "side contracts entry margin closing_fee"),
    _step("kept", "number", "contracts / entry * maintenance + contracts / bankruptcy * closing_fee", lambda contracts, entry, maintenance, bankruptcy, closing_fee: contracts / entry * maintenance + contracts / bankruptcy * closing_fee),
    _step("exact", "price", "contracts / (contracts / entry + side * (margin - kept))", margin.inverse_entry_liquidation_price, "side contracts entry margin kept"),
    _step("price", "price", "ceil(exact / tick) * tick", lambda exact, tick: math.ceil(exact / tick) * tick),
)  # fmt: skip

_question("partial-size", "how much of a position a liquidation closes first")
_form(
    "partial-size", "okx", "OKX: partial liquidation by tiers", "size size; tier number; limits size*",
    _step("closed", "size", "look up: size - limit two tiers lower, all of it in the first two tiers", margin.partial_to_tier, "size tier limits"),
)  # fmt: skip
_form(
    "partial-size", "kraken", "Kraken support, Equity Protection Process: 10 % steps", "size size; share rate = 10 %",
    _step("closed", "size", "size * share", lambda size, share: size * share),
    share="perp.liquidation.step",
)  # fmt: skip
_form(
    "partial-size", "hyperliquid", "Hyperliquid documentation: liquidations; first a fifth above $100,000, then 30 s of rest", "size size; price price; share rate = 20 %; large money = 100000",
    _NOTIONAL,
    _step("closed", "size", "size * share if notional > large else size", lambda size, share, notional, large: size * share if notional > large else size),
)  # fmt: skip

# Bankruptcy and fillable price ------------------------------------------------------------------------------------------

_question("bankruptcy-price", "the price at which nothing of the margin is left")
_form(
    "bankruptcy-price", "bitmex", "BitMEX: bankruptcy price, isolated margin", "side side; entry price; leverage leverage",
    _step("margin_per_unit", "money", "entry / leverage", lambda entry, leverage: entry / leverage),
    _step("price", "price", "entry - side * margin_per_unit", liquidation.linear_bankruptcy_price, "side entry margin_per_unit"),
)  # fmt: skip
_form(
    "bankruptcy-price", "kraken", "LIQ-7: zero-equity price of one of several positions, fees included", "signed_size size; price price; equity money; maintenance_share rate = 100 %; taker rate = 0.05 %; fee rate = 0.5 %",
    _step("share", "money", "equity * maintenance_share", lambda equity, maintenance_share: equity * maintenance_share),
    _step("fees", "rate", "taker + fee", lambda taker, fee: taker + fee),
    _step("price_at", "price", "(price - share / signed_size) / (1 - fees * (1 if signed_size > 0 else -1))", lambda price, share, signed_size, fees: _zero_equity(price, share, signed_size, fees)),
    taker="perp.fees.taker", fee="perp.liquidation.fee",
)  # fmt: skip


def _zero_equity(price: Fraction, share: Fraction, signed_size: Fraction, fees: Fraction) -> Fraction:
    """LIQ-7 as the market has it, in units of a whole dollar and a whole coin: it counts size in lots, so whole ones go in."""
    scale = signed_size.denominator
    lots = int(signed_size * scale)
    formula: Any = getattr(liquidation.zero_equity_price, "py_func", liquidation.zero_equity_price)
    return Fraction(formula(float(price), float(share * scale), lots, 1, float(fees * 10**9)))


def _micro(value: Fraction) -> int:
    return round(value * MICRO)


def _sign(value: Fraction) -> int:
    return 1 if value > 0 else -1


_DYDX_ACCOUNT = "balance money; signed_size size; price price; maintenance rate; others_notional money = 0; others_maintenance money = 0"
_COLLATERAL = _step(
    "collateral", "money", "balance + signed_size * price + others_notional",
    lambda balance, signed_size, price, others_notional: balance + signed_size * price + others_notional,
)  # fmt: skip
_ALL_MAINTENANCE = _step(
    "all_maintenance", "money", "up(abs(signed_size) * price * maintenance) + others_maintenance",
    lambda signed_size, price, maintenance, others_maintenance: _up(abs(signed_size) * price * maintenance) + others_maintenance,
)  # fmt: skip
_CLOSED = _step(
    "closed",
    "size",
    "close if close > 0 else abs(signed_size)",
    lambda close, signed_size: close if close > 0 else abs(signed_size),
)
_SLICE = (
    _COLLATERAL,
    _ALL_MAINTENANCE,
    _CLOSED,
    _step("notional_change", "money", "-closed * price * sign(signed_size)", lambda closed, price, signed_size: -closed * price * _sign(signed_size)),
    _step("maintenance_change", "money", "up(abs(signed_size) * price * maintenance) - up((abs(signed_size) - closed) * price * maintenance)", lambda signed_size, price, maintenance, closed: _up(abs(signed_size) * price * maintenance) - _up((abs(signed_size) - closed) * price * maintenance)),
    _step("bankruptcy_value", "money", "up(-notional_change - collateral * maintenance_change / all_maintenance)", lambda n, c, d, m: Fraction(liquidation.slice_bankruptcy_quantums(_micro(n), _micro(c), _micro(d), _micro(m)), MICRO), "notional_change collateral maintenance_change all_maintenance"),
)  # fmt: skip
_form(
    "bankruptcy-price", "dydx", "dydxprotocol/v4-chain, protocol/x/clob/keeper/liquidations.go: what closing must bring (a cost is negative)", _DYDX_ACCOUNT + "; close size = 0",
    *_SLICE,
)  # fmt: skip
_form(
    "bankruptcy-price", "kraken-inverse", "Kraken support, Equity Protection Process: example of an inverse contract", "side side; contracts size; entry price; margin number",
    _step("price", "price", "contracts / (contracts / entry + side * margin)", lambda side, contracts, entry, margin: liquidation.inverse_bankruptcy_price(side, contracts, entry, margin, 0)),
)  # fmt: skip
_form(
    "bankruptcy-price", "bybit-inverse", "bybit-exchange/docs, v5 position example; the fee is inferred from it", "side side; contracts size; entry price; margin number; closing_fee rate = 0.06 %; tick price = 0.05",
    _step("exact", "price", "(1 + side * closing_fee) * contracts / (contracts / entry + side * margin)", liquidation.inverse_bankruptcy_price, "side contracts entry margin closing_fee"),
    _step("price", "price", "ceil(exact / tick) * tick", lambda exact, tick: math.ceil(exact / tick) * tick),
)  # fmt: skip

_question("fillable-price", "the worst price at which a liquidation order may fill")
_form(
    "fillable-price", "dydx", "dydxprotocol/v4-chain, protocol/x/clob/keeper/liquidations.go", _DYDX_ACCOUNT + "; adjustment number = 1; spread rate = 10 %",
    _COLLATERAL,
    _ALL_MAINTENANCE,
    _step("distressed", "rate", "min(max(adjustment * (1 - collateral / all_maintenance), 0), 1)", liquidation.distress, "collateral all_maintenance adjustment"),
    _step("price_at", "price", "(signed_size * price - distressed * spread * abs(signed_size) * price * maintenance) / signed_size", lambda q, p, m, spread, d: liquidation.fillable_price(q * p, q, abs(q) * p * m, spread, d), "signed_size price maintenance spread distressed"),
)  # fmt: skip

# Fees, insurance --------------------------------------------------------------------------------------------------------

_question("liquidation-fee", "what a liquidated account pays for it")
_form(
    "liquidation-fee", "kraken", "LIQ-9: at most what equity is left", "notional money; equity money; rate rate = 0.5 %",
    _step("fee", "money", "max(0, min(notional * rate, equity))", liquidation.capped_fee, "notional rate equity"),
    rate="perp.liquidation.fee",
)  # fmt: skip
_form(
    "liquidation-fee", "drift", "drift-labs/protocol-v2, math/liquidation: fee for the insurance fund", "shortage money; size size; price price; maintenance rate; rate rate; most rate",
    _step("fee", "rate", "look up: min(most, max(0, maintenance - rate - shortage / (size * price)) * 19 / 20), rounded down to a millionth; 0 without price, size or room", lambda shortage, size, price, maintenance, rate, most: Fraction(liquidation.fund_fee_ppm(_micro(shortage), round(size * 10**9), _micro(maintenance), _micro(rate), _micro(price), _micro(most)), MICRO)),
)  # fmt: skip

_question("insurance-delta", "what an insurance fund gets or, negative, pays when a position is closed")
_form(
    "insurance-delta", "dydx", "dydxprotocol/v4-chain, protocol/x/clob/keeper/liquidations.go", _DYDX_ACCOUNT + "; close size = 0; fill money; most rate = 0.5 %",
    *_SLICE,
    _step("proceeds", "money", "fill * sign(signed_size)", lambda fill, signed_size: fill * _sign(signed_size)),
    _step("delta", "money", "min(proceeds - bankruptcy_value, down(fill * most)) if proceeds > bankruptcy_value else proceeds - bankruptcy_value", lambda p, b, f, m: Fraction(liquidation.insurance_delta_quantums(_micro(p), _micro(b), _micro(f), round(m * MICRO)), MICRO), "proceeds bankruptcy_value fill most"),
)  # fmt: skip
_form(
    "insurance-delta", "dydx-allowed", "dydxprotocol/v4-chain, keeper/deleveraging.go: IsValidInsuranceFundDelta", "fund money; delta money",
    _step("allowed", "flag", "delta >= 0 or fund + delta >= 0", lambda fund, delta: liquidation.fund_can_pay(_micro(fund), _micro(delta))),
)  # fmt: skip
_form(
    "insurance-delta", "vega", "Vega specification 0003-MTMK: closed-out party", "fund money; margin_left money; loss money; fee_paid money",
    _step("fund_after", "money", "fund + margin_left - loss - fee_paid", liquidation.fund_after_closeout, "fund margin_left loss fee_paid"),
)  # fmt: skip
_form(
    "insurance-delta", "bybit", "Bybit: ADL, 8 h drawdown of the insurance pool", "loss money; pool money; threshold rate = -30 %; stop rate = -25 %",
    _step("ratio", "rate", "-loss / pool", liquidation.drawdown, "loss pool"),
    _step("begins", "flag", "ratio < threshold", lambda ratio, threshold: ratio < threshold),
    _step("ends", "flag", "ratio > stop", lambda ratio, stop: ratio > stop),
    _step("moved", "money", "max(0, loss + threshold * pool)", liquidation.beyond_drawdown, "loss pool threshold"),
)  # fmt: skip

_question("cover-size", "how much must be closed to cover a margin shortage")
_form(
    "cover-size", "drift", "drift-labs/protocol-v2, math/liquidation", "shortage money; price price; maintenance rate; rate rate = 0; fund_rate rate = 0; quote_price price = 1",
    _step("size", "size", "look up: shortage / (price * quote_price * (maintenance - rate) - price * fund_rate), rounded down at each division", lambda shortage, price, maintenance, rate, fund_rate, quote_price: Fraction(liquidation.cover_size_nano(_micro(shortage), _micro(maintenance), _micro(rate), _micro(fund_rate), _micro(price), _micro(quote_price)), 10**9)),
)  # fmt: skip
_form(
    "cover-size", "drift-spot", "drift-labs/protocol-v2, math/liquidation: borrow taken over with collateral", "shortage money; asset_weight number; liability_weight number; asset_multiplier number = 1; liability_multiplier number = 1; price price; fund_rate rate = 0",
    _step("size", "size", "look up: shortage / price / (liability_weight * (1 - fund_rate) - asset_weight * asset_multiplier / liability_multiplier), rounded down at each division", lambda shortage, asset, liability, asset_by, liability_by, price, fund_rate: Fraction(liquidation.cover_transfer_nano(_micro(shortage), round(asset * 10_000), _micro(asset_by), round(liability * 10_000), _micro(liability_by), _micro(price), _micro(fund_rate)), 10**9), "shortage asset_weight liability_weight asset_multiplier liability_multiplier price fund_rate"),
)  # fmt: skip
