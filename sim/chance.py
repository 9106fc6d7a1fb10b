"""A draw is a function of (seed, stream, who, n): there is no generator and no state.

`seed` is the run's, `stream` says what for (the list below), `who` says for whom, `n` counts. Two scenarios that
differ in one knob therefore share all other luck, a trader who does nothing changes nothing, and a run may be split
over machines. Every draw consumes one number: variates come from the inverse of their distribution, never by
rejection.

The hash is three rounds of the finaliser of splitmix64 (G. Steele, D. Lea and C. Flood, "Fast splittable pseudorandom
number generators", OOPSLA 2014; constants of D. Stafford's variant 13): over seed and stream, then who, then n. It is
a fast hash for simulation and keeps no secrets.

All arguments and integer results are int64; sums and products wrap around at 64 bits, here only, by primitives that say so. All 64 bits
tell one `who` from another: an agent's is `person(group_key, member)`, an instrument's `key_of(ticker)`.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from offhours.sim.compile import kernel, wrapping_product, wrapping_sum
from offhours.sim.curves import log, normal_quantile

# Streams: what a draw is for. A number is never given twice nor changed: it is part of every published result.
LATENT = 1
"""Increments of a stock's own value."""
JUMP = 2
"""Whether, when and how far a stock's own value jumps."""
WAKE = 3
"""When an agent looks at the market again."""
SIDE = 4
"""Whether an agent buys or sells."""
SIZE = 5
"""How much an agent trades."""
PRICE = 6
"""At which price an agent trades."""
BUILD = 7
"""What an agent is given at the start: wealth, taste, leverage."""
TIES = 8
"""Who comes first at one instant."""
GRAPH = 9
"""Who follows whom."""
NEWS = 10
"""News, earnings and what informed traders see of it."""
LATENCY = 11
"""How long an order is on its way."""
FAULT = 12
"""Outages and errors of feeds, chains and venues."""
CHOICE = 13
"""Any other decision of an agent."""
FLOW = 14
"""Arrivals, deposits and departures of people."""

_GOLDEN = -7046029254386353131  # 0x9E3779B97F4A7C15, 2^64 over the golden ratio, odd
_FIRST = -4658895280553007687  # 0xBF58476D1CE4E5B9
_SECOND = -7723592293110705685  # 0x94D049BB133111EB

# `>>` on int64 copies the sign bit down; these masks keep the bits that a logical shift would have kept.
_KEEP_10 = (1 << 10) - 1
_KEEP_34 = (1 << 34) - 1
_KEEP_37 = (1 << 37) - 1
_KEEP_33 = (1 << 33) - 1
_KEEP_32 = (1 << 32) - 1
_KEEP_52 = (1 << 52) - 1
_KEEP_62 = (1 << 62) - 1
_KEEP_63 = (1 << 63) - 1

_EVERYBODY = -1
"""The `who` of what is drawn for all together; a person's is never negative."""


@kernel
def mix(word: int) -> int:
    """The finaliser of splitmix64: a bijection of int64; each bit of `word` moves about half of the result's."""
    word = wrapping_product(word ^ ((word >> 30) & _KEEP_34), _FIRST)
    word = wrapping_product(word ^ ((word >> 27) & _KEEP_37), _SECOND)
    return word ^ ((word >> 31) & _KEEP_33)


@kernel
def word(seed: int, stream: int, who: int, n: int) -> int:
    """Sixty-four random bits, as an int64 of either sign."""
    # n enters by exclusive or: added, two people's draws could be the same sequence, shifted.
    luck = mix(wrapping_sum(seed, wrapping_product(stream, _GOLDEN)))
    luck = mix(wrapping_sum(luck, who))
    return mix(luck ^ wrapping_product(n, _GOLDEN))


@kernel
def uniform(seed: int, stream: int, who: int, n: int) -> float:
    """A number strictly between 0 and 1: the middle of one of 2^52 equal cells, all equally likely.

    So 1 - u is exact and as likely as u. (The middles of 2^53 cells are no doubles: the last would round to 1.)
    """
    cell = (word(seed, stream, who, n) >> 12) & _KEEP_52
    return (cell + 0.5) * 2.0**-52


@kernel
def exponential(seed: int, stream: int, who: int, n: int) -> float:
    """A positive number with density exp(-x): mean 1, at most 36.8."""
    return -log(uniform(seed, stream, who, n))


@kernel
def normal(seed: int, stream: int, who: int, n: int) -> float:
    """A standard normal number, within 8.3 of 0."""
    return normal_quantile(uniform(seed, stream, who, n))


@kernel
def below(seed: int, stream: int, who: int, n: int, bound: int) -> int:
    """An integer in [0, bound), for 0 < bound <= 2^31.

    It is the high half of word * bound (D. Lemire, "Fast random integer generation in an interval", ACM Transactions on
    Modeling and Computer Simulation 29, 2019, without his rejection step): no probability is off 1/bound by 2^-64.
    """
    assert 0 < bound <= 1 << 31
    bits = word(seed, stream, who, n)
    high = (bits >> 32) & _KEEP_32
    low = bits & _KEEP_32
    return (high * bound + ((low * bound) >> 32)) >> 32


@kernel
def shuffle_key(seed: int, stream: int, who: int, n: int) -> int:
    """A nonnegative 62-bit integer: sorted by it, people stand in an order that favours nobody."""
    return (word(seed, stream, who, n) >> 2) & _KEEP_62


@kernel
def tie_order(seed: int, instant_us: int, who: int) -> int:
    """A nonnegative 62-bit key: of those due at one instant, the lowest goes first; drawn anew at each instant."""
    return shuffle_key(seed, TIES, who, instant_us)


@kernel
def shuffled(seed: int, instant_us: int, index: int) -> int:
    """The place of `index` in a random order of 0 ... 2^20 - 1, drawn anew at each instant; `unshuffled` takes it back.

    With the place in its lowest bits, an integer key of events is fair at ties and still says whose event it is. Four
    rounds of M. Luby and C. Rackoff, "How to construct pseudorandom permutations", SIAM Journal on Computing 17 (1988),
    on halves of ten bits; the places of two people are in either order equally often.
    """
    assert 0 <= index < 1 << 20
    key = word(seed, TIES, _EVERYBODY, instant_us)
    left, right = index >> 10, index & _KEEP_10
    left = left ^ _half(key, 1, right)
    right = right ^ _half(key, 2, left)
    left = left ^ _half(key, 3, right)
    right = right ^ _half(key, 4, left)
    return left << 10 | right


@kernel
def unshuffled(seed: int, instant_us: int, place: int) -> int:
    """Whose place this is: ``unshuffled(seed, t, shuffled(seed, t, index)) == index``."""
    assert 0 <= place < 1 << 20
    key = word(seed, TIES, _EVERYBODY, instant_us)
    left, right = place >> 10, place & _KEEP_10
    right = right ^ _half(key, 4, left)
    left = left ^ _half(key, 3, right)
    right = right ^ _half(key, 2, left)
    left = left ^ _half(key, 1, right)
    return left << 10 | right


@kernel
def _half(key: int, turn: int, half: int) -> int:
    return mix(key ^ (turn << 10 | half)) & _KEEP_10


@kernel
def person(group_key: int, member: int) -> int:
    """The `who` of a group's member: a nonnegative int64, whatever other groups there are."""
    return mix(wrapping_sum(mix(group_key), wrapping_product(member, _GOLDEN))) & _KEEP_63


def key_of(text: str) -> int:
    """A nonnegative int64 that stands for a name: the first 63 bits of its SHA-256 (UTF-8)."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


@kernel
def _fill_uniforms(seed: int, stream: int, who: Any, n: int, into: Any) -> None:
    for place in range(len(who)):
        into[place] = uniform(seed, stream, int(who[place]), n)


def uniforms(seed: int, stream: int, who: np.ndarray[Any, Any], n: int) -> np.ndarray[Any, Any]:
    """`uniform` for each of many people, to build a population with; `who` is an int64 array."""
    who = np.ascontiguousarray(who, dtype=np.int64)
    into = np.empty(len(who), dtype=np.float64)
    _fill_uniforms(seed, stream, who, n, into)
    return into
