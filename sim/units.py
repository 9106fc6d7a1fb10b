"""What an integer means, and how people write it: "0.25 %", "8h", "$10,000", "20x".

Everything owned or set is a whole number of a smallest piece. :func:`read` turns a person's text into that number
exactly (by way of fractions, never floats) or refuses with a sentence; :func:`write` is its inverse:
``read(write(n)) == n``.

==================  =============================  =====================================================
unit                one is                         written as
==================  =============================  =====================================================
``ppb``             a billionth                    "0.25 %", "25 bp", "2500 ppm", "2500000 ppb"
``us``              a microsecond                  "8h", "30 s", "250 ms", "2 days", "1 h 30 min"
``uusd``            a millionth of a dollar        "$10,000", "$5M", "$1.5B", "250 USD", "250"
``usd_per_share``   a millionth of a dollar        "$0.05"
``ticks``           a price step of an instrument  "$248.37" (given the instrument), "5 ticks"
``lots``            a size step of an instrument   "0.25 shares" (given the instrument), "5 lots"
``ushares``         a millionth of a share         "0.01 shares", "0.01"
``leverage``        a thousandth                   "20x", "20"
``count``           one                            "10,000", "10k"
``real``            (a float)                      "0.35", "35 %", "1e-3"
``flag``            0 or 1                         "true", "false"
``choice``          the place in a list            one of the words of that list
``instant``         a microsecond since 1970 UTC   "2026-03-06 09:30" in New York
==================  =============================  =====================================================

A bare number is accepted where only one thing can be meant (dollars, shares, leverage, a count). A rate or a duration
must say its unit, because "0.25" may be a quarter or a quarter of a percent; zero needs none.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

_LIMIT = 2**63


class UnitError(ValueError):
    """A text that is not a value of its unit; the message is one sentence: what was given and what is allowed."""


@dataclass(frozen=True)
class Instrument:
    """A book's steps: the price of one tick in micro-USD and the size of one lot in micro-shares."""

    name: str
    tick_uusd: int
    lot_ushares: int

    @property
    def unit_uusd(self) -> int:
        """Micro-USD moved by one lot when the price moves one tick; must be whole, so that costs are exact."""
        unit, rest = divmod(self.tick_uusd * self.lot_ushares, 10**6)
        if rest or unit <= 0:
            tick, lot = _write_uusd(self.tick_uusd, None), _write_ushares(self.lot_ushares, None)
            raise UnitError(f"{self.name}: tick {tick} times lot {lot} is not a whole number of millionths of a dollar")
        return unit


_NUMBER = r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+(?:_\d+)*)?(?:\.\d+)?(?:[eE][+-]?\d{1,3})?"
_QUANTITY = re.compile(rf"({_NUMBER})\s*([^\d\s.,+-].*)?")


def _number(text: str) -> Fraction | None:
    """The exact value of a decimal such as "-10,000.5" or "1e-3"; None if it is something else."""
    if not re.fullmatch(_NUMBER, text) or not any(letter.isdigit() for letter in text.split("e")[0].split("E")[0]):
        return None
    return Fraction(text.replace(",", "").replace("_", ""))


def _quantity(text: str) -> tuple[Fraction, str] | None:
    """A number and the word behind it, as in ("0.25", "%")."""
    match = _QUANTITY.fullmatch(text)
    number = _number(match[1]) if match else None
    return None if number is None or match is None else (number, (match[2] or "").strip())


def _clean(text: str) -> str:
    return " ".join(text.replace("\u2212", "-").replace("\u00a0", " ").replace("\u202f", " ").split())


def _whole(value: Fraction, text: str, piece: str) -> int:
    """`value` as an integer, or a refusal that names the smallest piece."""
    if value.denominator != 1:
        raise UnitError(f"'{text}' is finer than {piece}")
    if not -_LIMIT <= value.numerator < _LIMIT:
        raise UnitError(f"'{text}' is too large to be kept exactly")
    return value.numerator


def _decimal(value: Fraction, grouped: bool = False) -> str:
    """An exact decimal without trailing zeros; the denominator divides a power of ten."""
    digits = 0
    while (value * 10**digits).denominator != 1:
        digits += 1
    scaled = abs(value.numerator) * 10**digits // value.denominator
    whole, rest = divmod(scaled, 10**digits)
    sign = "-" if value < 0 else ""
    tail = f".{rest:0{digits}d}" if digits else ""
    return f"{sign}{whole:,}{tail}" if grouped else f"{sign}{whole}{tail}"


# Rates --------------------------------------------------------------------------------------------------------------

_RATES = {"%": 10**7, "percent": 10**7, "bp": 10**5, "bps": 10**5, "ppm": 1000, "ppb": 1}


def _read_ppb(text: str, instrument: Instrument | None) -> int:
    found = _quantity(text)
    if found is None or (found[1] and found[1] not in _RATES):
        raise UnitError(f"'{text}' is not a rate; write like '0.25 %' or '25 bp'")
    number, word = found
    if not word and number != 0:
        fraction = f"'{_decimal(number * 100)} %' if a fraction is meant"
        raise UnitError(f"'{text}' does not say its unit; write '{text} %', or {fraction}")
    return _whole(number * _RATES.get(word, 1), text, "1 ppb, the smallest rate (0.0000001 %)")


def _write_ppb(value: int, instrument: Instrument | None) -> str:
    return f"{_decimal(Fraction(value, 10**7))} %"


# Durations ----------------------------------------------------------------------------------------------------------

_DURATIONS = {
    "us": 1, "µs": 1, "μs": 1, "microsecond": 1, "microseconds": 1,
    "ms": 10**3, "millisecond": 10**3, "milliseconds": 10**3,
    "s": 10**6, "sec": 10**6, "second": 10**6, "seconds": 10**6,
    "m": 60 * 10**6, "min": 60 * 10**6, "minute": 60 * 10**6, "minutes": 60 * 10**6,
    "h": 3600 * 10**6, "hour": 3600 * 10**6, "hours": 3600 * 10**6,
    "d": 86400 * 10**6, "day": 86400 * 10**6, "days": 86400 * 10**6,
    "w": 7 * 86400 * 10**6, "week": 7 * 86400 * 10**6, "weeks": 7 * 86400 * 10**6,
}  # fmt: skip
_DURATION_PART = re.compile(r"((?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?)\s*([a-zA-Zµμ]+)\s*")


def _read_us(text: str, instrument: Instrument | None) -> int:
    if _number(text) == 0:
        return 0
    body = text[1:].lstrip() if text[:1] in "+-" else text
    total, at = Fraction(0), 0
    while at < len(body):
        part = _DURATION_PART.match(body, at)
        number = _number(part[1]) if part else None
        if part is None or number is None or part[2] not in _DURATIONS:
            raise UnitError(f"'{text}' is not a duration; write like '8h' or '30 s'")
        total += number * _DURATIONS[part[2]]
        at = part.end()
    if not body:
        raise UnitError(f"'{text}' is not a duration; write like '8h' or '30 s'")
    return _whole(-total if text[0] == "-" else total, text, "a microsecond")


def _write_us(value: int, instrument: Instrument | None) -> str:
    if value == 0:
        return "0 s"
    for word in ("days", "h", "min", "s", "ms"):
        if value % _DURATIONS[word] == 0:
            count = value // _DURATIONS[word]
            return f"{count} day" if word == "days" and abs(count) == 1 else f"{count} {word}"
    return f"{value} us"


# Money, prices, sizes -----------------------------------------------------------------------------------------------

_SCALES = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "m": 10**6, "B": 10**9, "bn": 10**9}
_MONEY = re.compile(r"([+-]?)\s*(?:\$|US\$|USD)?\s*([\d.,_]+)\s*([kKmM]|B|bn)?\s*(?:USD|dollars?)?")


def _dollars(text: str, what: str) -> Fraction:
    match = _MONEY.fullmatch(text)
    number = _number(match[2]) if match else None
    if match is None or number is None:
        raise UnitError(f"'{text}' is not {what}")
    value = number * _SCALES[match[3] or ""]
    return -value if match[1] == "-" else value


def _read_uusd(text: str, instrument: Instrument | None) -> int:
    value = _dollars(text, "an amount of money; write like '$10,000' or '$5M'")
    return _whole(value * 10**6, text, "a millionth of a dollar")


def _read_usd_per_share(text: str, instrument: Instrument | None) -> int:
    value = _dollars(re.sub(r"\s*(?:/|a|per)\s*share$", "", text), "a price in dollars a share; write like '$0.05'")
    return _whole(value * 10**6, text, "a millionth of a dollar")


def _write_uusd(value: int, instrument: Instrument | None) -> str:
    text = _decimal(Fraction(abs(value), 10**6), grouped=True)
    whole, dot, cents = text.partition(".")
    return f"{'-' if value < 0 else ''}${whole}{dot}{cents.ljust(2, '0') if dot else ''}"


def _read_ticks(text: str, instrument: Instrument | None) -> int:
    found = _quantity(text)
    if found and found[1] in ("tick", "ticks"):
        return _whole(found[0], text, "a tick")
    if instrument is None:
        raise UnitError(f"'{text}' is not a number of ticks; write like '5 ticks'")
    micro = _dollars(text, "a price; write like '$248.37' or '5 ticks'") * 10**6
    step = f"the tick of {instrument.name}, {_write_uusd(instrument.tick_uusd, None)}"
    return _whole(micro / instrument.tick_uusd, text, step)


def _write_ticks(value: int, instrument: Instrument | None) -> str:
    return f"{value} ticks" if instrument is None else _write_uusd(value * instrument.tick_uusd, None)


_SHARES = ("", "share", "shares", "token", "tokens")


def _read_lots(text: str, instrument: Instrument | None) -> int:
    found = _quantity(text)
    if found and found[1] in ("lot", "lots"):
        return _whole(found[0], text, "a lot")
    if instrument is None or found is None or found[1] not in _SHARES:
        allowed = "'5 lots'" if instrument is None else "'0.25 shares' or '5 lots'"
        raise UnitError(f"'{text}' is not a size; write like {allowed}")
    step = f"the lot of {instrument.name}, {_write_ushares(instrument.lot_ushares, None)}"
    return _whole(found[0] * 10**6 / instrument.lot_ushares, text, step)


def _write_lots(value: int, instrument: Instrument | None) -> str:
    return f"{value} lots" if instrument is None else _write_ushares(value * instrument.lot_ushares, None)


def _read_ushares(text: str, instrument: Instrument | None) -> int:
    found = _quantity(text)
    if found is None or found[1] not in _SHARES:
        raise UnitError(f"'{text}' is not a number of shares; write like '0.01 shares'")
    return _whole(found[0] * 10**6, text, "a millionth of a share")


def _write_ushares(value: int, instrument: Instrument | None) -> str:
    return f"{_decimal(Fraction(value, 10**6), grouped=True)} shares"


# Leverage, counts, plain numbers, yes and no ------------------------------------------------------------------------


def _read_leverage(text: str, instrument: Instrument | None) -> int:
    found = _quantity(text)
    if found is None or found[1] not in ("", "x", "X", "×"):
        raise UnitError(f"'{text}' is not a leverage; write like '20x'")
    return _whole(found[0] * 1000, text, "a thousandth of 1x")


def _write_leverage(value: int, instrument: Instrument | None) -> str:
    return f"{_decimal(Fraction(value, 1000))}x"


def _read_count(text: str, instrument: Instrument | None) -> int:
    found = _quantity(text)
    if found is None or found[1] not in ("", "k", "K", "M"):
        raise UnitError(f"'{text}' is not a count; write a whole number like '2000'")
    return _whole(found[0] * _SCALES[found[1]], text, "one")


def _write_count(value: int, instrument: Instrument | None) -> str:
    return f"{value:,}"


def _read_real(text: str, instrument: Instrument | None) -> float:
    found = _quantity(text)
    if found is None or found[1] not in ("", "%"):
        raise UnitError(f"'{text}' is not a number; write like '0.35' or '35 %'")
    try:
        return float(found[0] / (100 if found[1] else 1)) + 0.0
    except OverflowError:
        raise UnitError(f"'{text}' is too large for a number") from None


def _write_real(value: float, instrument: Instrument | None) -> str:
    text = repr(float(value))
    if "n" in text:
        raise UnitError(f"{text} cannot be written as a number")
    return text.removesuffix(".0")


_FLAGS = {"true": 1, "yes": 1, "on": 1, "false": 0, "no": 0, "off": 0}


def _read_flag(text: str, instrument: Instrument | None) -> int:
    if text.lower() not in _FLAGS:
        raise UnitError(f"'{text}' is not a yes or no; write 'true' or 'false'")
    return _FLAGS[text.lower()]


def _write_flag(value: int, instrument: Instrument | None) -> str:
    return "true" if value else "false"


# Instants -----------------------------------------------------------------------------------------------------------


def _read_instant(text: str, instrument: Instrument | None) -> int:
    from offhours.sim.hours import parse_new_york

    try:
        return int(parse_new_york(text))
    except UnitError:
        raise
    except ValueError as error:
        raise UnitError(str(error)) from None


def _write_instant(value: int, instrument: Instrument | None) -> str:
    from offhours.sim.hours import format_new_york

    return str(format_new_york(value))


@dataclass(frozen=True)
class Unit:
    """How one unit is read and written; `suffix` ends the names of columns kept in it."""

    suffix: str
    read: Callable[[str, Instrument | None], int | float]
    write: Callable[..., str]


UNITS: dict[str, Unit] = {
    "ppb": Unit("_ppb", _read_ppb, _write_ppb),
    "us": Unit("_us", _read_us, _write_us),
    "uusd": Unit("_uusd", _read_uusd, _write_uusd),
    "usd_per_share": Unit("_uusd", _read_usd_per_share, _write_uusd),
    "ticks": Unit("_ticks", _read_ticks, _write_ticks),
    "lots": Unit("_lots", _read_lots, _write_lots),
    "ushares": Unit("_ushares", _read_ushares, _write_ushares),
    "leverage": Unit("_milli", _read_leverage, _write_leverage),
    "count": Unit("", _read_count, _write_count),
    "real": Unit("", _read_real, _write_real),
    "flag": Unit("", _read_flag, _write_flag),
    "instant": Unit("_us", _read_instant, _write_instant),
}


def read(text: str, unit: str, instrument: Instrument | None = None, choices: tuple[str, ...] = ()) -> int | float:
    """The exact value of `text` in `unit` (the table above); :class:`UnitError` with a sentence where it has none.

    `instrument` is needed for prices and sizes in dollars and shares; `choices` lists the words of the unit "choice".
    """
    cleaned = _clean(text)
    if unit == "choice":
        if cleaned not in choices:
            raise UnitError(f"'{text}' is not one of {', '.join(choices)}")
        return choices.index(cleaned)
    return UNITS[unit].read(cleaned, instrument)


def write(value: int | float, unit: str, instrument: Instrument | None = None, choices: tuple[str, ...] = ()) -> str:
    """How a person writes `value`; the inverse of :func:`read`."""
    if unit == "choice":
        return choices[int(value)]
    return UNITS[unit].write(value if unit == "real" else int(value), instrument)


def bare_name(column: str, unit: str) -> str:
    """The name people use for a column: without the unit at its end (``cap_ppb`` is ``cap``)."""
    return column if unit == "choice" else column.removesuffix(UNITS[unit].suffix)


def read_exact(text: str, kind: str) -> Fraction:
    """`text` as an exact number of ordinary units, however fine; :class:`UnitError` where it is none.

    For a calculator, which keeps nothing in whole pieces: "price" and "money" in dollars, "rate" as a share of one, "hours",
    "leverage", and "number" or "size" (a unit's name behind a size is passed over). A rate or a number may be a ratio, "1/33".
    """
    cleaned = _clean(text)
    if kind in ("rate", "number") and (parts := re.fullmatch(r"([+-]?\d+)\s*/\s*(\d*[1-9]\d*)", cleaned)):
        return Fraction(int(parts[1]), int(parts[2]))
    if kind in ("price", "money"):
        return _dollars(cleaned, "an amount of dollars; write like '$10,000' or '248.37'")
    if kind == "hours":
        return Fraction(int(_read_us(cleaned, None)), _DURATIONS["h"])
    number, word = _quantity(cleaned) or (None, "")
    if kind == "rate":
        if number is None or word not in _RATES:
            _read_ppb(cleaned, None)
            return Fraction(0)
        return number * _RATES[word] / _RATES["%"] / 100
    if kind == "leverage" and number is not None and word in ("", "x", "X", "×"):
        return number
    if kind == "size" and number is not None and re.fullmatch(r"[A-Za-z]*", word):
        return number
    if kind == "number" and number is not None and word in _SCALES:
        return number * _SCALES[word]
    example = {"leverage": "10x", "size": "0.25"}.get(kind, "1,000")
    raise UnitError(f"'{text}' is not a {kind}; write like '{example}'")
