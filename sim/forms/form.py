"""What a form is, and how the rooms of this package declare theirs; the steps in which venues count."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from offhours.sim.compile import uncompiled
from offhours.sim.forms.words import MEANINGS

MICRO = 1_000_000

Value = Any
"""A Fraction, or a tuple of them for a list."""


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


QUESTIONS: dict[str, str] = {
    "margin": "initial and maintenance margin of a position",
    "margin-equity": "what an account counts for as margin, haircuts taken off",
    "maintenance-amount": "what a tier takes off notional x rate, so that margin has no jump at its edge",
    "liquidation-price": "the price at which an account is below its maintenance margin",
    "partial-size": "how much of a position a liquidation closes first",
    "bankruptcy-price": "the price at which nothing of the margin is left",
    "fillable-price": "the worst price at which a liquidation order may fill",
    "liquidation-fee": "what a liquidated account pays for it",
    "insurance-delta": "what an insurance fund gets or, negative, pays when a position is closed",
    "insurance-room": "what an insurance fund may still spend before others pay",
    "cover-size": "how much must be closed to cover a margin shortage",
    "impact-price": "average price at which a book takes or gives an amount",
    "premium": "distance of the perp from its index, as a share of the index",
    "funding-rate": "rate that longs pay (negative: receive) per interval",
    "funding-payment": "what a position pays (negative: receives)",
    "time-average": "average of a price over a period",
    "mark": "the price that margin and liquidation use",
    "index": "the reference price, and what its guard does to sources that are far away",
    "price-band": "prices that are allowed while the stock is closed, or at all",
    "perp-price": "where a perp stands without arbitrage; rates are per funding period",
    "anchoring-interest": "interest of the funding formula at which the perp stands at spot, or at a price",
    "token": "what a tokenized share shows and stands for",
    "adl-score": "what a venue ranks a position by in its queue; the highest is cut first",
    "adl-price": "what closing against a counterparty costs, and what both have left",
    "adl-allocation": "who is cut, and by how much",
    "queue-light": "how many of five lights an account's place in the queue lights",
    "socialised-loss": "what nobody else could pay, spread over others",
}
"""Every question with the sentence that says what is asked."""

FORMS: dict[str, dict[str, Form]] = {question: {} for question in QUESTIONS}
"""Every form by question and name; the first of a question is taken where no venue is named."""


def step(name: str, kind: str, formula: str, function: Callable[..., Any], arguments: str = "") -> Step:
    """A step whose arguments are named like the function's parameters, or listed."""
    plain = uncompiled(function)
    names = tuple(arguments.split()) if arguments else tuple(inspect.signature(plain).parameters)
    return Step(name, kind, formula, plain, names)


def form(question: str, name: str, source: str, inputs: str, *steps: Step, **knobs: str) -> None:
    """Declare a form. Inputs are written "name kind" or "name kind = default", separated by semicolons."""
    found = []
    for text in filter(None, (word.strip() for word in inputs.split(";"))):
        left, _, default = text.partition("=")
        key, kind = left.split()
        assert key in MEANINGS, f"nobody says what '{key}' means"
        found.append(Input(key, kind, default.strip() or None, knobs.get(key, "")))
    FORMS[question][name] = Form(question, name, source, tuple(found), steps)


# In whole pieces

PPB = 10**9


def in_micro(value: Fraction) -> int:
    return round(value * MICRO)


def in_ppb(value: Fraction) -> int:
    """A share of one in whole billionths, as the market keeps it: the nearest."""
    return math.floor(value * PPB + Fraction(1, 2))


def up_to_micro(value: Fraction) -> Fraction:
    """Rounded up to a millionth of a dollar."""
    return Fraction(math.ceil(value * MICRO), MICRO)


def toward_zero_in_micro(value: Value) -> Value:
    """Rounded towards zero to a millionth of a dollar."""
    return Fraction(int(value * MICRO), MICRO)


def in_ppm(value: Value) -> int:
    """A share of one in whole millionths, towards zero."""
    return int(value * MICRO)


def sign(value: Fraction) -> int:
    return 1 if value > 0 else -1
