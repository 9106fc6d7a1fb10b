"""Laws of varied knobs: how the members of a group differ from each other.

A group's knob is a value, a law, or a column of a file::

    leverage = "20x"
    size     = { law = "pareto", exponent = 0.8, median = "$500", largest_share = "15 %" }
    patience = { law = "uniform", low = "1 min", high = "1 h" }
    edge     = { law = "lognormal", median = "5 bp", sigma = 0.6 }
    horizon  = { law = "choice", values = ["1h", "8h"], weights = [3, 1] }
    size     = { file = "accounts.csv", column = "equity_usd" }
    size     = { law = "list", values = ["$100", "$250"] }

Luck is keyed by (seed, group, member, knob). Uniform, lognormal and choice are independent draws: a member's value does
not depend on how many others there are, so a group may grow without changing those who were in it. A Pareto law is
stratified: member values are the quantiles at (i + 1/2) / n of one truncated distribution, dealt out by luck. Every
seed then has the same total and the same largest account; a group that grows gets new strata (all its values move),
while the order of its earlier members and every other group stay as they were. A value from a file or a list is its
row's: member 0 has the first, and where there are fewer rows than members it begins again from the top.

What is drawn is rounded to the nearest whole number of the knob's unit, and moved to the edge of the knob's range where
it falls outside.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from offhours.sim import units
from offhours.sim.chance import BUILD, key_of, person, shuffle_key, uniforms
from offhours.sim.compile import kernel
from offhours.sim.curves import exp, normal_quantile, power
from offhours.sim.declare import Knob
from offhours.sim.given import Given, Origin, plain_text, read_knob
from offhours.sim.mistake import Mistake, nearest

Values = np.ndarray[Any, Any]

LAWS = ("pareto", "uniform", "lognormal", "choice", "list")

_LARGEST_RATIO = 1e12
"""Above this ratio of largest to smallest, truncation no longer matters."""


def members(group: str, count: int) -> Values:
    """The `who` of each member of a group: what luck is keyed by (int64)."""
    key = key_of(group)
    return np.array([person(key, member) for member in range(count)], dtype=np.int64)


class Law(Protocol):
    """How one knob of a group is spread over its members."""

    @property
    def largest(self) -> float | None:
        """The largest value that it can give, in the knob's unit; None where there is no bound but the knob's own."""

    def draw(self, seed: int, who: Values, knob_key: int) -> Values:
        """A value for each member, as floats in the knob's unit, neither rounded nor held to its range."""

    def canonical(self) -> list[Any]:
        """What the scenario's digest is made of."""


@dataclass(frozen=True)
class Constant:
    """Everybody the same."""

    value: int | float

    @property
    def largest(self) -> float | None:
        return float(self.value)

    def draw(self, seed: int, who: Values, knob_key: int) -> Values:
        return np.full(len(who), self.value, dtype=np.int64 if isinstance(self.value, int) else np.float64)

    def canonical(self) -> list[Any]:
        return ["constant", self.value]


@dataclass(frozen=True)
class Uniform:
    """Anything between two values, all equally likely."""

    low: int | float
    high: int | float

    @property
    def largest(self) -> float | None:
        return float(self.high)

    def draw(self, seed: int, who: Values, knob_key: int) -> Values:
        return self.low + uniforms(seed, BUILD, who, knob_key) * (self.high - self.low)

    def canonical(self) -> list[Any]:
        return ["uniform", self.low, self.high]


@dataclass(frozen=True)
class Lognormal:
    """The logarithm is normal around that of the median, with standard deviation `sigma`."""

    median: int | float
    sigma: float

    @property
    def largest(self) -> float | None:
        return None

    def draw(self, seed: int, who: Values, knob_key: int) -> Values:
        luck = uniforms(seed, BUILD, who, knob_key)
        return np.array([self.median * exp(self.sigma * normal_quantile(float(u))) for u in luck], dtype=np.float64)

    def canonical(self) -> list[Any]:
        return ["lognormal", self.median, self.sigma]


@dataclass(frozen=True)
class Choice:
    """One of a few values, by weight."""

    values: tuple[int | float, ...]
    weights: tuple[float, ...]

    @property
    def largest(self) -> float | None:
        return float(max(self.values))

    def draw(self, seed: int, who: Values, knob_key: int) -> Values:
        bounds = np.add.accumulate(np.array(self.weights, dtype=np.float64))
        at = np.searchsorted(bounds, uniforms(seed, BUILD, who, knob_key) * bounds[-1], side="right")
        values: Values = np.array(self.values)
        return values[np.minimum(at, len(self.values) - 1)]  # type: ignore[no-any-return]

    def canonical(self) -> list[Any]:
        return ["choice", list(self.values), list(self.weights)]


@dataclass(frozen=True)
class Listed:
    """Value by value, as a user's file or list has them."""

    values: tuple[int | float, ...]

    @property
    def largest(self) -> float | None:
        return float(max(self.values))

    def draw(self, seed: int, who: Values, knob_key: int) -> Values:
        return np.resize(np.array(self.values), len(who))

    def canonical(self) -> list[Any]:
        return ["list", list(self.values)]


@dataclass(frozen=True)
class Pareto:
    """Stratified quantiles of a Pareto distribution truncated where the largest member holds `largest_share` of all.

    A group of fewer than 1 / largest_share members cannot keep that share: its members are all alike, at the median.
    """

    exponent: float
    median: int | float
    largest_share: float

    @property
    def largest(self) -> float | None:
        return None

    def draw(self, seed: int, who: Values, knob_key: int) -> Values:
        order = sorted(range(len(who)), key=lambda member: shuffle_key(seed, BUILD, int(who[member]), knob_key))
        dealt = np.empty(len(who), dtype=np.float64)
        dealt[order] = self.strata(len(who))
        return dealt

    def strata(self, count: int) -> Values:
        """The values of a group of `count`, ascending."""
        if count * self.largest_share <= 1.0:
            return np.full(count, float(self.median))
        ratio = _LARGEST_RATIO
        if largest_share(count, self.exponent, ratio) > self.largest_share:
            low = 1.0
            while ratio - low > 1e-9 * low:
                middle = (low + ratio) / 2.0
                if largest_share(count, self.exponent, middle) > self.largest_share:
                    ratio = middle
                else:
                    low = middle
            ratio = low
        lowest = self.median / quantile(0.5, self.exponent, ratio)
        return np.array([lowest * quantile((i + 0.5) / count, self.exponent, ratio) for i in range(count)])

    def canonical(self) -> list[Any]:
        return ["pareto", self.exponent, self.median, self.largest_share]


@kernel
def quantile(u: float, exponent: float, ratio: float) -> float:
    """Quantile of a Pareto distribution on [1, ratio]: (1 - u (1 - ratio^-a))^(-1/a)."""
    return power(1.0 - u * (1.0 - power(ratio, -exponent)), -1.0 / exponent)


@kernel
def largest_share(count: int, exponent: float, ratio: float) -> float:
    """Share of the largest of `count` strata in their sum; it grows with `ratio`."""
    cut = 1.0 - power(ratio, -exponent)
    total = 0.0
    last = 0.0
    for i in range(count):
        last = power(1.0 - (i + 0.5) / count * cut, -1.0 / exponent)
        total += last
    return last / total


# From text -----------------------------------------------------------------------------------------------------------

_KEYS = {
    "pareto": ({"exponent", "median"}, {"largest_share"}),
    "uniform": ({"low", "high"}, set()),
    "lognormal": ({"median", "sigma"}, set()),
    "choice": ({"values"}, {"weights"}),
    "list": ({"values"}, set()),
    "file": ({"file", "column"}, set()),
}


def read_law(given: Given | Mapping[str, Any], knob: Knob, name: str, file: str, folder: Path | None = None) -> Law:
    """The law that a group's knob was given: a value (with its origin) or a table as TOML has it.

    `folder` is where files are looked for. Raises :class:`Mistake`.
    """
    if isinstance(given, Given):
        return Constant(read_knob(knob, given, name))
    kind = "file" if "file" in given else plain_text(given.get("law", ""))
    if kind not in _KEYS:
        raise Mistake(file, name, kind, f"there is no law '{kind}'; there are {', '.join(LAWS)}{nearest(kind, LAWS)}")
    needed, optional = _KEYS[kind]
    keys = set(given) - {"law"}
    for key in sorted(keys - needed - optional):
        raise Mistake(file, name, "", f"the law '{kind}' has no '{key}'{nearest(key, needed | optional)}")
    for key in sorted(needed - keys):
        raise Mistake(file, name, "", f"the law '{kind}' needs '{key}'")
    if kind != "choice" and knob.unit in ("choice", "flag"):
        raise Mistake(file, name, "", f"takes a value or the law 'choice', not the law '{kind}'")
    return _Reader(given, knob, name, file, folder or Path()).law(kind)


@dataclass(frozen=True)
class _Reader:
    given: Mapping[str, Any]
    knob: Knob
    name: str
    file: str
    folder: Path

    def law(self, kind: str) -> Law:
        if kind == "uniform":
            low, high = self.value("low"), self.value("high")
            if high < low:
                raise self.mistake("high", "is below low")
            return Uniform(low, high)
        if kind == "lognormal":
            return Lognormal(self.positive_value("median"), self.number("sigma", 0.0, 10.0))
        if kind == "choice":
            return self.choice()
        if kind == "list":
            return Listed(self.values())
        if kind == "file":
            texts = read_column(self.given, self.folder, self.name)
            path = str(self.folder / plain_text(self.given["file"]))
            return Listed(tuple(self.read(text, path) for text in texts))
        share = self.number("largest_share", 1e-6, 1.0) if "largest_share" in self.given else 0.15
        return Pareto(self.number("exponent", 0.05, 20.0), self.positive_value("median"), share)

    def choice(self) -> Choice:
        values = self.values()
        weights = self.given.get("weights", [1] * len(values))
        if not isinstance(weights, list) or len(weights) != len(values):
            raise self.mistake("weights", f"has one number for each of the {len(values)} values")
        exact = [self.read_number("weights", weight) for weight in weights]
        if min(exact) < 0.0 or sum(exact) <= 0.0:
            raise self.mistake("weights", "are not negative, and not all zero")
        return Choice(values, tuple(exact))

    def values(self) -> tuple[int | float, ...]:
        values = self.given["values"]
        if not isinstance(values, list) or not values:
            raise self.mistake("values", 'is a list like ["1h", "8h"]')
        return tuple(self.read(value) for value in values)

    def value(self, key: str) -> int | float:
        return self.read(self.given[key])

    def positive_value(self, key: str) -> int | float:
        value = self.value(key)
        if value <= 0:
            raise self.mistake(key, "is above zero")
        return value

    def read(self, value: object, file: str = "") -> int | float:
        text = plain_text(value)
        return read_knob(self.knob, Given(text, Origin("scenario", file or self.file)), self.name)

    def number(self, key: str, low: float, high: float) -> float:
        number = self.read_number(key, self.given[key])
        if not low <= number <= high:
            raise self.mistake(key, f"lies between {units.write(low, 'real')} and {units.write(high, 'real')}")
        return number

    def read_number(self, key: str, value: object) -> float:
        try:
            return float(units.read(plain_text(value), "real"))
        except units.UnitError as error:
            raise Mistake(self.file, f"{self.name}.{key}", "", str(error)) from None

    def mistake(self, key: str, allowed: str) -> Mistake:
        return Mistake(self.file, f"{self.name}.{key}", plain_text(self.given.get(key, "")), allowed)


def read_column(given: Mapping[str, Any], folder: Path, name: str = "file") -> list[str]:
    """The texts of ``{ file, column }``, a column of a comma-separated file with a heading."""
    path, column = folder / plain_text(given["file"]), plain_text(given["column"])
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            reader = csv.DictReader(lines)
            fields = list(reader.fieldnames or [])
            texts = [row.get(column) or "" for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise Mistake(str(path), name, "", f"cannot be read: {reason}") from None
    if column not in fields:
        raise Mistake(str(path), name, column, f"there is no column '{column}'{nearest(column, fields)}")
    if not texts:
        raise Mistake(str(path), name, column, "the file has no rows")
    return texts


def draw(law: Law, knob: Knob, name: str, seed: int, who: Values) -> Values:
    """The knob's value for each member: int64, or float64 where its unit is "real".

    `name` is the knob's, without the group's: it keys the luck.
    """
    drawn = law.draw(seed, who, key_of(name))
    low, high = (units.read(t, knob.unit, None, knob.choices) if t else None for t in (knob.low, knob.high))
    if knob.unit == "real":
        return np.clip(drawn.astype(np.float64), low, high)
    if drawn.dtype.kind == "f":
        drawn = round_half_up(drawn)
    return drawn if low is None and high is None else np.clip(drawn, low, high)


def round_half_up(values: Values) -> Values:
    """The nearest integers, exactly; a half goes up."""
    below = np.floor(values)
    return (below + (values - below >= 0.5)).astype(np.int64)
