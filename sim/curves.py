"""exp, log, power and the inverse normal: the same bits on every machine.

The C library's exp, log and pow differ between processors (a fused multiply-add changes the last bit), and numpy's
differ from both. These kernels are made only of ``+ - * /``, ``sqrt``, comparison, ``floor``, ``frexp`` and
``ldexp``, which IEEE 754 fixes to the bit, in a fixed order; so compiled, uncompiled and on another processor they
give the same number. exp, log and power are within one unit in the last place of the true value, the inverse normal
within eight.

Arguments are asserted, not repaired: a NaN, a logarithm of zero or an exp that overflows is a mistake of the caller.
The one saturation is downwards: exp below `EXP_LOWEST` is 0.0 (and power alike), so that no result depends on whether
the processor keeps subnormal numbers.

Methods: argument reduction as in fdlibm (Sun Microsystems, 1993; e_exp.c, e_log.c) with plain Taylor coefficients;
products and quotients in two parts after T. J. Dekker, "A floating-point technique for extending the available
precision", Numerische Mathematik 18 (1971), 224-242; the inverse normal is M. J. Wichura, "Algorithm AS 241: the
percentage points of the normal distribution", Applied Statistics 37 (1988), 477-484, routine PPND16.
"""

from __future__ import annotations

from math import floor, frexp, ldexp, sqrt

from offhours.sim.compile import kernel

EXP_HIGHEST = 709.78
"""Largest argument of `exp`; the true limit is 709.7827."""
EXP_LOWEST = -708.39
"""Below this `exp` is 0.0; the smallest normal number is exp(-708.396)."""

_SMALLEST = 2.0**-1022
_LARGEST = (2.0 - 2.0**-52) * 2.0**1023

# ln 2 in two parts: the first has 32 significant bits, so that its product with any exponent is exact.
_LN2 = 0.6931471805599453
_LN2_HIGH = float.fromhex("0x1.62e42feep-1")
_LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
_SQRT_HALF = 0.7071067811865476

# Dekker's splitting constant: multiplying by it parts 53 bits into 26 and 27.
_SPLIT = 134217729.0

# 1/n!, the coefficients of (exp(r) - 1 - r) / r^2.
_E2 = 1.0 / 2.0
_E3 = 1.0 / 6.0
_E4 = 1.0 / 24.0
_E5 = 1.0 / 120.0
_E6 = 1.0 / 720.0
_E7 = 1.0 / 5040.0
_E8 = 1.0 / 40320.0
_E9 = 1.0 / 362880.0
_E10 = 1.0 / 3628800.0
_E11 = 1.0 / 39916800.0
_E12 = 1.0 / 479001600.0
_E13 = 1.0 / 6227020800.0

# 2/n, the coefficients of log((1 + s) / (1 - s)) = 2 s + 2/3 s^3 + 2/5 s^5 + ...
_L3 = 2.0 / 3.0
_L5 = 2.0 / 5.0
_L7 = 2.0 / 7.0
_L9 = 2.0 / 9.0
_L11 = 2.0 / 11.0
_L13 = 2.0 / 13.0
_L15 = 2.0 / 15.0
_L17 = 2.0 / 17.0
_L19 = 2.0 / 19.0
_L21 = 2.0 / 21.0
_L23 = 2.0 / 23.0
_L25 = 2.0 / 25.0


@kernel
def exp(x: float) -> float:
    """e to the x, for x up to `EXP_HIGHEST`; 0.0 below `EXP_LOWEST`."""
    return _exp_of_sum(x, 0.0)


@kernel
def _exp_of_sum(x: float, rest: float) -> float:
    """exp(x + rest), where `rest` is at most a few units in the last place of x."""
    assert x <= EXP_HIGHEST
    if x < EXP_LOWEST:
        return 0.0
    doublings = floor(x / _LN2 + 0.5)
    high = x - doublings * _LN2_HIGH
    low = rest - doublings * _LN2_LOW
    r = high + low
    low = (high - r) + low
    z = r * r
    w = z * z
    # Estrin's order: pairs, then pairs of pairs, so that the processor need not wait for each step.
    near = (_E2 + _E3 * r) + (_E4 + _E5 * r) * z
    middle = (_E6 + _E7 * r) + (_E8 + _E9 * r) * z
    far = (_E10 + _E11 * r) + (_E12 + _E13 * r) * z
    curve = near + (middle + far * w) * w
    return ldexp(1.0 + (r + (low + z * curve)), doublings)


@kernel
def log(x: float) -> float:
    """Natural logarithm of a positive, finite, normal x."""
    assert _SMALLEST <= x <= _LARGEST
    m, doublings = frexp(x)
    if m < _SQRT_HALF:
        m = 2.0 * m
        doublings = doublings - 1
    f = m - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    v = w * w
    near = (_L3 + _L5 * z) + (_L7 + _L9 * z) * w
    middle = (_L11 + _L13 * z) + (_L15 + _L17 * z) * w
    far = _L19 + _L21 * z
    curve = z * (near + (middle + far * v) * v)
    # log(1 + f) = f - f^2/2 + s (f^2/2 + curve): the leading term f is exact.
    half = 0.5 * f * f
    return doublings * _LN2_HIGH - ((half - (s * (half + curve) + doublings * _LN2_LOW)) - f)


@kernel
def _product_rest(a: float, b: float, product: float) -> float:
    """What a * b is more than its rounded value `product`, exactly (Dekker); factors below 2^996."""
    t = _SPLIT * a
    a_high = t - (t - a)
    a_low = a - a_high
    t = _SPLIT * b
    b_high = t - (t - b)
    b_low = b - b_high
    return ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


@kernel
def power(x: float, y: float) -> float:
    """x to the y, for x positive, finite and normal, and |y| up to 2^100; y log x up to `EXP_HIGHEST`.

    The logarithm is carried in two parts, since exp turns its absolute error into a relative one.
    """
    assert _SMALLEST <= x <= _LARGEST
    assert -(2.0**100) <= y <= 2.0**100
    m, doublings = frexp(x)
    if m < _SQRT_HALF:
        m = 2.0 * m
        doublings = doublings - 1
    # s + s_rest = (m - 1) / (m + 1); the divisor is not always a double.
    f = m - 1.0
    below = m + 1.0
    below_rest = m - (below - 1.0)
    s = f / below
    back = s * below
    s_rest = (((f - back) - _product_rest(s, below, back)) - s * below_rest) / below
    z = s * s
    z_rest = _product_rest(s, s, z) + 2.0 * s * s_rest
    # cube + cube_rest = s^3 * 2/3; later terms are small enough for one part.
    w = z * z
    v = w * w
    near = (_L5 + _L7 * z) + (_L9 + _L11 * z) * w
    middle = (_L13 + _L15 * z) + (_L17 + _L19 * z) * w
    far = (_L21 + _L23 * z) + _L25 * w
    tail = w * s * (near + (middle + far * v) * v)
    double = 2.0 * s
    third = double / 3.0
    back = third * 3.0
    third_rest = ((double - back) - _product_rest(third, 3.0, back) + 2.0 * s_rest) / 3.0
    cube = z * third
    cube_rest = _product_rest(z, third, cube) + z * third_rest + z_rest * third
    # Largest first: k ln 2, then 2 s, then the cube, each sum with what it rounded away.
    whole = doublings * _LN2_HIGH
    sum_a = whole + double
    part = sum_a - whole
    rest_a = (whole - (sum_a - part)) + (double - part)
    sum_b = sum_a + cube
    part = sum_b - sum_a
    rest_b = (sum_a - (sum_b - part)) + (cube - part)
    rest = rest_a + (rest_b + (2.0 * s_rest + (cube_rest + (tail + doublings * _LN2_LOW))))
    logarithm = sum_b + rest
    rest = (sum_b - logarithm) + rest
    exponent = y * logarithm
    return _exp_of_sum(exponent, _product_rest(y, logarithm, exponent) + y * rest)


@kernel
def normal_quantile(p: float) -> float:
    """The number that a standard normal variable stays below with probability p, for 0 < p < 1 (AS 241, PPND16)."""
    assert 0.0 < p < 1.0
    q = p - 0.5
    if -0.425 <= q <= 0.425:
        r = 0.180625 - q * q
        above = 2.5090809287301226727e3
        above = above * r + 3.3430575583588128105e4
        above = above * r + 6.7265770927008700853e4
        above = above * r + 4.5921953931549871457e4
        above = above * r + 1.3731693765509461125e4
        above = above * r + 1.9715909503065514427e3
        above = above * r + 1.3314166789178437745e2
        above = above * r + 3.3871328727963666080e0
        below = 5.2264952788528545610e3
        below = below * r + 2.8729085735721942674e4
        below = below * r + 3.9307895800092710610e4
        below = below * r + 2.1213794301586595867e4
        below = below * r + 5.3941960214247511077e3
        below = below * r + 6.8718700749205790830e2
        below = below * r + 4.2313330701600911252e1
        below = below * r + 1.0
        return q * above / below
    r = sqrt(-log(p if q < 0.0 else 1.0 - p))
    if r <= 5.0:
        r = r - 1.6
        above = 7.74545014278341407640e-4
        above = above * r + 2.27238449892691845833e-2
        above = above * r + 2.41780725177450611770e-1
        above = above * r + 1.27045825245236838258e0
        above = above * r + 3.64784832476320460504e0
        above = above * r + 5.76949722146069140550e0
        above = above * r + 4.63033784615654529590e0
        above = above * r + 1.42343711074968357734e0
        below = 1.05075007164441684324e-9
        below = below * r + 5.47593808499534494600e-4
        below = below * r + 1.51986665636164571966e-2
        below = below * r + 1.48103976427480074590e-1
        below = below * r + 6.89767334985100004550e-1
        below = below * r + 1.67638483018380384940e0
        below = below * r + 2.05319162663775882187e0
        below = below * r + 1.0
    else:
        r = r - 5.0
        above = 2.01033439929228813265e-7
        above = above * r + 2.71155556874348757815e-5
        above = above * r + 1.24266094738807843860e-3
        above = above * r + 2.65321895265761230930e-2
        above = above * r + 2.96560571828504891230e-1
        above = above * r + 1.78482653991729133580e0
        above = above * r + 5.46378491116411436990e0
        above = above * r + 6.65790464350110377720e0
        below = 2.04426310338993978564e-15
        below = below * r + 1.42151175831644588870e-7
        below = below * r + 1.84631831751005468180e-5
        below = below * r + 7.86869131145613259100e-4
        below = below * r + 1.48753612908506148525e-2
        below = below * r + 1.36929880922735805310e-1
        below = below * r + 5.99832206555887937690e-1
        below = below * r + 1.0
    size = above / below
    return -size if q < 0.0 else size
