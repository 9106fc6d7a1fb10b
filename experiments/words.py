"""Numbers in words, as titles and sentences have them: dollars, percentages, shares, lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


def dollars(value: float) -> str:
    """Dollars for reading, three digits of large ones: "$12.34", "$1,234", "$509k", "−$1.15M"."""
    size, sign = abs(value), "−" if round(value, 2) < 0 else ""
    for least, unit in ((1e9, "B"), (1e6, "M")):
        if size >= 0.9995 * least:
            digits = 2 if size < 9.995 * least else 1 if size < 99.95 * least else 0
            return f"{sign}${size / least:,.{digits}f}{unit}"
    if size >= 1e4:
        return f"{sign}${size / 1e3:,.0f}k"
    return f"{sign}${size:,.2f}" if 0 < round(size, 2) < 100 else f"{sign}${size:,.0f}"


def tick_dollars(value: float, reach: float | None = None) -> str:
    """Dollars on an axis that reaches so far, exact where the ticks are: "$12.5k", "−$2M"; "$5k" where others are "$10k"."""
    size, sign = abs(value), "−" if value < 0 else ""
    thousands = 1e3 if reach is not None and reach >= 1e4 else 1e4
    for least, whole, unit in ((1e9, 1e9, "B"), (1e6, 1e6, "M"), (thousands, 1e3, "k")):
        if size >= least:
            return f"{sign}${size / whole:,.10g}{unit}"
    return f"{sign}${size:,.10g}"


def percent(value: float, digits: int = 1) -> str:
    """A signed percentage: "−8.0 %"."""
    return f"{value:+.{digits}f} %".replace("-", "−")


def listed(words: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else "nobody"


def counted(count: int, noun: str) -> str:
    """ "1 liquidation", "1,234 liquidations"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def capital(text: str) -> str:
    """The text with a large first letter and the rest as it is."""
    return text[:1].upper() + text[1:]


def share_of(count: int, total: int) -> str:
    """A share that says what it is a share of where it is nothing: "64 %", "0 of 12"."""
    if total == 0 or count == 0:
        return f"{count:,} of {total:,}"
    value = 100 * count / total
    return "100 %" if count == total else f"{value:.0f} %" if 1 <= value <= 99 else f"{value:.1f} %"
