"""exp, log, power and the inverse normal against mpmath, at their edges, and bit for bit between processors."""

import math
import random
import sys
from collections.abc import Callable

import mpmath  # type: ignore[import-untyped]
import pytest

from offhours.sim import curves
from plain.fresh import printed

mpmath.mp.prec = 160


def error_ulp(got: float, true: mpmath.mpf) -> float:
    """Distance in units in the last place of the true value."""
    return float(abs(mpmath.mpf(got) - true) / mpmath.mpf(math.ulp(float(true))))


def worst_ulp(
    curve: Callable[..., float], truth: Callable[..., mpmath.mpf], arguments: list[tuple[float, ...]]
) -> float:
    return max(error_ulp(curve(*given), truth(*map(mpmath.mpf, given))) for given in arguments)


def spread(draw: Callable[[random.Random], tuple[float, ...]], count: int = 4000) -> list[tuple[float, ...]]:
    luck = random.Random(20240131)
    return [draw(luck) for _ in range(count)]


@pytest.mark.parametrize(
    "arguments",
    [
        spread(lambda luck: (luck.uniform(curves.EXP_LOWEST, curves.EXP_HIGHEST),)),
        spread(lambda luck: (luck.uniform(-1.0, 1.0),)),
        spread(lambda luck: (luck.choice((-1, 1)) * 10.0 ** luck.uniform(-18.0, 0.0),)),
        [(math.nextafter(half * math.log(2.0) / 2.0, way),) for half in range(-1400, 1401) for way in (-1e9, 1e9)],
    ],
    ids=["everywhere", "near", "tiny", "where the reduction turns"],
)
def test_exp_is_within_one_unit_in_the_last_place(arguments: list[tuple[float, ...]]) -> None:
    assert worst_ulp(curves.exp, mpmath.exp, arguments) < 1.0


@pytest.mark.parametrize(
    "arguments",
    [
        spread(lambda luck: (math.ldexp(luck.uniform(0.5, 1.0), luck.randint(-1020, 1024)),)),
        spread(lambda luck: (1.0 + luck.choice((-1, 1)) * 10.0 ** luck.uniform(-15.5, -0.35),)),
        [(math.nextafter(math.sqrt(0.5) * 2.0**k, way),) for k in range(-40, 41) for way in (0.0, math.inf)],
    ],
    ids=["everywhere", "near one", "where the reduction turns"],
)
def test_log_is_within_one_unit_in_the_last_place(arguments: list[tuple[float, ...]]) -> None:
    assert worst_ulp(curves.log, mpmath.log, arguments) < 1.0


def base_and_exponent(luck: random.Random, base: float) -> tuple[float, float]:
    """An exponent that uses the whole range of results."""
    return base, luck.uniform(-700.0, 700.0) / math.log(base)


@pytest.mark.parametrize(
    "arguments",
    [
        spread(lambda luck: (luck.uniform(0.01, 100.0), luck.uniform(-3.0, 3.0))),
        spread(lambda luck: base_and_exponent(luck, math.exp(luck.uniform(-700.0, 700.0)))),
        spread(lambda luck: base_and_exponent(luck, 1.0 + luck.choice((-0.5, 0.5)) * 10.0 ** luck.uniform(-12.0, 0.0))),
    ],
    ids=["ordinary", "wide bases", "bases near one"],
)
def test_power_is_within_one_unit_in_the_last_place(arguments: list[tuple[float, ...]]) -> None:
    assert worst_ulp(curves.power, mpmath.power, arguments) < 1.0


def true_quantile(p: mpmath.mpf) -> mpmath.mpf:
    """Newton's steps from AS 241's answer; each doubles the digits, and the smaller tail loses none."""
    x = mpmath.mpf(curves.normal_quantile(float(p)))
    for _ in range(3):
        x -= (mpmath.ncdf(x) - p if p < 0.5 else (1 - p) - mpmath.ncdf(-x)) / mpmath.npdf(x)
    return x


@pytest.mark.parametrize(
    "arguments",
    [
        spread(lambda luck: (luck.random(),), 600),
        spread(lambda luck: (10.0 ** luck.uniform(-300.0, -1.0),), 600),
        spread(lambda luck: (1.0 - 10.0 ** luck.uniform(-15.0, -1.0),), 600),
        [(math.nextafter(edge, way),) for edge in (0.075, 0.925, math.exp(-25.0)) for way in (0.0, 1.0)],
    ],
    ids=["everywhere", "lower tail", "upper tail", "where the formula changes"],
)
def test_normal_quantile_has_fifteen_digits(arguments: list[tuple[float, ...]]) -> None:
    """AS 241 claims about one part in 10^16 before rounding; the polynomials' own rounding adds a few units."""
    assert worst_ulp(curves.normal_quantile, true_quantile, arguments) < 8.0


def test_normal_quantile_is_odd_about_one_half() -> None:
    for cell in range(1, 1024):
        assert curves.normal_quantile(cell / 1024.0) == -curves.normal_quantile(1.0 - cell / 1024.0)


def test_exact_values() -> None:
    assert curves.exp(0.0) == 1.0
    assert curves.log(1.0) == 0.0
    assert curves.power(7.25, 0.0) == 1.0
    assert curves.power(1.0, 1e30) == 1.0
    assert [curves.power(2.0, float(k)) for k in range(-1021, 1024)] == [2.0**k for k in range(-1021, 1024)]
    assert [curves.power(float(b), 3.0) for b in range(1, 2000)] == [float(b**3) for b in range(1, 2000)]
    assert curves.normal_quantile(0.5) == 0.0


@pytest.mark.parametrize(
    "middle", [-2.0, -math.log(2.0) / 2.0, math.log(2.0) / 2.0, math.sqrt(0.5), 1.0, math.sqrt(2.0)]
)
def test_exp_and_log_never_turn_back(middle: float) -> None:
    """They rise over neighbouring doubles, also where the argument reduction turns."""
    points = [middle + step * math.ulp(middle) for step in range(-200, 201)]
    curve = [curves.exp(x) for x in points]
    assert curve == sorted(curve)
    if middle > 0.0:
        curve = [curves.log(x) for x in points]
        assert curve == sorted(curve)


def test_what_is_too_small_is_zero_and_never_subnormal() -> None:
    assert curves.exp(curves.EXP_LOWEST) >= sys.float_info.min
    assert curves.exp(math.nextafter(curves.EXP_LOWEST, -math.inf)) == 0.0
    assert curves.exp(-math.inf) == 0.0
    assert curves.power(0.5, 1030.0) == 0.0
    assert curves.power(2.0, -1e30) == 0.0


@pytest.mark.parametrize("x", [math.nan, math.inf, math.nextafter(curves.EXP_HIGHEST, math.inf), 1e300])
def test_exp_refuses_what_would_overflow(x: float) -> None:
    with pytest.raises(AssertionError):
        curves.exp(x)


@pytest.mark.parametrize("x", [math.nan, math.inf, 0.0, -1.0, 5e-324])
def test_log_and_power_refuse_what_has_no_logarithm(x: float) -> None:
    with pytest.raises(AssertionError):
        curves.log(x)
    with pytest.raises(AssertionError):
        curves.power(x, 2.0)


@pytest.mark.parametrize(("x", "y"), [(2.0, math.nan), (2.0, math.inf), (2.0, -math.inf), (2.0, 1024.0), (0.5, -1e30)])
def test_power_refuses_exponents_without_a_finite_answer(x: float, y: float) -> None:
    with pytest.raises(AssertionError):
        curves.power(x, y)


@pytest.mark.parametrize("p", [math.nan, 0.0, 1.0, -0.1, 1.1])
def test_normal_quantile_refuses_what_is_no_probability(p: float) -> None:
    with pytest.raises(AssertionError):
        curves.normal_quantile(p)


BITS = """
import hashlib, random, struct
from offhours.sim import curves
luck, digest = random.Random(7), hashlib.sha256()
for _ in range(2000):
    p, x, y = luck.random(), luck.uniform(-708.0, 709.0), luck.uniform(-9.0, 9.0)
    base = curves.exp(luck.uniform(-70.0, 70.0))
    values = curves.exp(x), curves.exp(y), curves.log(base), curves.log(1.0 + y / 20.0), curves.power(base, y)
    tails = curves.normal_quantile(p), curves.normal_quantile(p**40 + 1e-300)
    digest.update(struct.pack("<7d", *values, *tails))
print(digest.hexdigest())
"""
"""Prints the digest of 2,000 points."""


def test_the_bits_are_the_same_compiled_or_not_and_on_any_processor() -> None:
    compiled = printed(BITS, OFFHOURS_COMPILE="1")
    assert printed(BITS, OFFHOURS_COMPILE="0") == compiled
    assert printed(BITS, OFFHOURS_COMPILE="1", NUMBA_CPU_NAME="generic") == compiled
    assert (
        printed(BITS, OFFHOURS_COMPILE="1", NUMBA_CPU_NAME="haswell", NUMBA_CPU_FEATURES="+fma,+avx2,+bmi2") == compiled
    )
