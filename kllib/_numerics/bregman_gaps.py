"""Bregman gaps of ln Γ, of the log beta function and of ln I0, without cancellation. Private.

The gap of a convex function f from a to b is f(b) − f(a) − f'(a)(b − a) ≥ 0. Divergences within an
exponential family are such gaps. Evaluated as it is written, a gap loses every digit when b is near
a. Here it is a sum of gaps that have a closed form with the factor (b − a)²:

- A gap is linear in f. So ln Γ(x) = ln Γ(x + 12) − Σ ln(x + i) and Stirling's series
  ln Γ(x) = x ln x − x − ½ ln x + ½ ln 2π + 1/(12 x) − ... are sums of gaps as well.
- h(x) = ln Γ(x) − x ln x + x is convex too: x² h''(x) falls from 1 at zero to ½ at infinity. What
  x ln x − x adds to a divergence has closed forms of its own.
- Of a sum that dwarfs its rest, only the *drop* counts: by how much a gap falls when a and b rise
  by the rest. It is no difference of two gaps, but computed as one thing.

References
----------
NIST Digital Library of Mathematical Functions, 5.5.1 and 5.11.1 (ln Γ), 10.32.1 and 10.40.1 (I0).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import i0e, i1e

from kllib._numerics import double_double as dd
from kllib._numerics import elementwise
from kllib._numerics.double_double import DD
from kllib._numerics.elementwise import log_ratio
from kllib._numerics.validate import Array

# Stirling's series is used from here on; smaller arguments are moved up by this many unit steps.
_SHIFT = 12
# B_2k/(2k (2k − 1)), the coefficients of x⁻¹, x⁻², ... x⁻¹⁵ in Stirling's series.
_STIRLING = (
    *(1 / 12, 0.0, -1 / 360, 0.0, 1 / 1260, 0.0, -1 / 1680, 0.0),
    *(1 / 1188, 0.0, -691 / 360360, 0.0, 1 / 156, 0.0, -3617 / 122400),
)
# Closed forms with a logarithm have lost a factor of 10 here, where those with φ take over.
_NEAR = 0.25
# An overflow is an infinite gap, and np.where also evaluates the expression it does not take.
_quiet = np.errstate(all="ignore")


class Step(NamedTuple):
    """From a to b, where d is b − a: it may be known better than as a difference of floats."""

    a: Array
    b: Array
    d: Array

    def up(self, rise: "Step") -> "Step":
        """The step between two arguments that have risen."""
        return Step(self.a + rise.a, self.b + rise.b, self.d + rise.d)


def step(a: Array, b: Array) -> Step:
    """The step between two given numbers."""
    return Step(a, b, b - a)


def constant(c: Array | float) -> Step:
    """By c at both ends."""
    rise = np.asarray(c, dtype=np.float64)
    return Step(rise, rise, np.zeros_like(rise))


@_quiet
def gammaln_gap(x: Step) -> Array:
    """The gap of ln Γ."""
    large = x.up(constant(_SHIFT))
    return _unit_steps(x) + entropy_gap(large) + _stirling_rest_gap(large)


@_quiet
def gammaln_excess_gap(x: Step) -> Array:
    """The gap of h(x) = ln Γ(x) − x ln x + x."""
    shift = constant(_SHIFT)
    return _unit_steps(x) - entropy_drop(x, shift) + _stirling_rest_gap(x.up(shift))


def log_gap(x: Step) -> Array:
    """The gap of −ln: b/a − 1 − ln(b/a)."""
    u = x.d / x.a
    near = np.abs(u) < _NEAR
    return np.where(near, elementwise.phi(np.where(near, u, 0.0)), u - log_ratio(x.b, x.a))


def entropy_gap(x: Step) -> Array:
    """The gap of x ln x − x: b ln(b/a) − b + a."""
    result: Array = x.b * log_gap(Step(x.b, x.a, -x.d))
    return result


def inverse_power_gap(coefficients: tuple[float, ...], x: Step) -> Array:
    """The gap of c₁/x + c₂/x² + c₃/x³ + ..., for arguments large enough for the series."""
    # That of x⁻ⁿ is d²/(a b) times S_n = Σ_{i=1}^{n} i a⁻ⁱ b^(i − n).
    power, series, total = np.ones_like(x.d), np.zeros_like(x.d), np.zeros_like(x.d)
    for n, coefficient in enumerate(coefficients, start=1):
        power = power / x.a
        series = series / x.b + n * power
        total = total + coefficient * series
    result: Array = (x.d / x.a) * (x.d / x.b) * total
    return result


def _unit_steps(x: Step) -> Array:
    """The gap of −ln x − ln(x + 1) − ..., as many as ``_SHIFT``."""
    result: Array = np.sum([log_gap(x.up(constant(i))) for i in range(_SHIFT)], axis=0)
    return result


def _stirling_rest_gap(x: Step) -> Array:
    """The gap of −½ ln x + 1/(12 x) − ..., for large arguments."""
    return log_gap(x) / 2 + inverse_power_gap(_STIRLING, x)


@_quiet
def gammaln_excess_drop(x: Step, rise: Step) -> Array:
    """gap(x) − gap(x.up(rise)) of h(x) = ln Γ(x) − x ln x + x."""
    small = np.minimum(x.a, x.b) < _SHIFT
    steps = np.sum([_log_drop(x.up(constant(i)), rise) for i in range(_SHIFT)], axis=0)
    steps -= entropy_drop(x, rise, then=_SHIFT)
    large = x.up(constant(np.where(small, float(_SHIFT), 0.0)))
    rest = _log_drop(large, rise) / 2 + _inverse_power_drop(_STIRLING, large, rise)
    # Where the rise is the larger part, nothing cancels.
    difference = gammaln_excess_gap(x) - gammaln_excess_gap(x.up(rise))
    dominant = (rise.a <= x.a) & (rise.b <= x.b)
    return np.where(dominant, np.where(small, steps, 0.0) + rest, difference)


@_quiet
def entropy_drop(x: Step, rise: Step, then: float = 0.0) -> Array:
    """gap(x) − gap(x.up(rise)) of x ln x − x.

    With ``then``, minus the same after another rise by this constant.
    """
    near, series, logs = _entropy_drop(x, rise)
    if not then:
        return np.where(near, series, rise.d + logs)
    near_too, later_series, later_logs = _entropy_drop(x.up(constant(then)), rise)
    return np.where(near & near_too, series - later_series, logs - later_logs)


def _entropy_drop(x: Step, rise: Step) -> tuple[NDArray[np.bool_], Array, Array]:
    """Whether a is near b, the drop if so, and the drop less ``rise.d`` if not."""
    # With a rise from s to t it is t − s + b ln(1 + z) − t ln(1 + w); what remains of its terms of
    # first order, in the series, is (d s − (t − s) a) z/(a + s) − (t − s) w.
    w, z = _growth(x, rise)
    near = (np.abs(z) < _NEAR) & (np.abs(w) < _NEAR)
    z_near, w_near = np.where(near, z, 0.0), np.where(near, w, 0.0)
    raised = x.a + rise.a
    series = z_near * (x.d / raised * rise.a - x.a / raised * rise.d) - w_near * rise.d
    series += rise.b * elementwise.phi(w_near) - x.b * elementwise.phi(z_near)
    log_w = log_ratio(x.b + rise.b, raised)
    log_z = np.where((z > -0.5) & (z < np.inf), np.log1p(z), log_ratio(x.b, x.a) - log_w)
    return near, series, x.b * log_z - rise.b * log_w


def _log_drop(x: Step, rise: Step) -> Array:
    """gap(x) − gap(x.up(rise)) of −ln, where the rise is the smaller part."""
    w, z = _growth(x, rise)
    result: Array = z * w + elementwise.phi(z)  # φ(u) − φ(w), as 1 + u = (1 + w) (1 + z)
    return result


def _growth(x: Step, rise: Step) -> tuple[Array, Array]:
    """w and z: x.up(rise) grows by a factor 1 + w from a to b, and x by (1 + w) (1 + z)."""
    by_difference, by_ratio = x.d / x.a * rise.a, x.b / x.a * rise.a
    nearer = np.abs(by_difference) + np.abs(rise.d) < by_ratio + rise.b
    excess = np.where(nearer, by_difference - rise.d, by_ratio - rise.b)
    return (x.d + rise.d) / (x.a + rise.a), excess / (x.b + rise.b)


def _inverse_power_drop(coefficients: tuple[float, ...], x: Step, rise: Step) -> Array:
    """gap(x) − gap(x.up(rise)) of c₁/x + c₂/x² + ..."""
    # As in `inverse_power_gap`, with each product's drop: uv − UV = (u − U) v + U (v − V).
    a, b, d = x.up(rise)
    a_drop, b_drop = rise.a / x.a / a, rise.b / x.b / b  # of 1/a and of 1/b
    zero = np.zeros_like(d)
    power, power_drop, series, series_drop, total, total_drop = zero + 1, *(zero,) * 5
    for n, coefficient in enumerate(coefficients, start=1):
        power_drop = a_drop * power + power_drop / a
        power = power / x.a
        series_drop = b_drop * series + series_drop / b + n * power_drop
        series = series / x.b + n * power
        total, total_drop = total + coefficient * series, total_drop + coefficient * series_drop
    by_a_drop = (x.d / x.a * rise.a - rise.d) / a  # of d/a
    by_b_drop = (x.d / x.b * rise.b - rise.d) / b
    factors_drop = by_a_drop * (x.d / x.b) + d / a * by_b_drop
    result: Array = factors_drop * total + (d / a) * (d / b) * total_drop
    return result


@_quiet
def binary_gap(a: Array, b: Array, a_rest: DD, b_rest: DD) -> Array:
    """(b + b_rest) times the divergence of the coin b : b_rest from the coin a : a_rest.

    What x ln x − x adds to the gap of ln Γ(x) + ln Γ(y) − ln Γ(x + y).
    """
    a_total, b_total = a + a_rest.hi, b + b_rest.hi
    a_exponent, b_exponent = np.frexp(a_total)[1], np.frexp(b_total)[1]
    a_scaled, b_scaled = np.ldexp(a, -a_exponent), np.ldexp(b, -b_exponent)
    first = dd.scale(b_scaled, DD(*(np.ldexp(part, -a_exponent) for part in a_rest)))
    second = dd.scale(a_scaled, DD(*(np.ldexp(part, -b_exponent) for part in b_rest)))
    # The model scaled to the total of the truth has this much more of the rest, less of the first.
    excess = (first.hi - second.hi) + (first.lo - second.lo)
    excess = np.ldexp(excess / np.ldexp(a_total, -a_exponent), b_exponent)
    first_gap = _term(b, -excess, log_ratio(a, b) + log_ratio(b_total, a_total))
    rest_log = log_ratio(a_rest.hi, b_rest.hi) + log_ratio(b_total, a_total)
    return np.where(b_rest.hi > 0, first_gap + _term(b_rest.hi, excess, rest_log), 0.0)


def _term(p: Array, excess: Array, log: Array) -> Array:
    """p φ(excess/p), where ``log`` is log(1 + excess/p) for large changes."""
    u = excess / p
    near = np.abs(u) < _NEAR
    far = excess - p * np.where((u > -0.5) & (u < np.inf), np.log1p(u), log)
    return np.where(near, p * elementwise.phi(np.where(near, u, 0.0)), far)


# Above this concentration the expansion of ln I0 in powers of 1/κ holds to the last digit, with so
# many terms; up to it, sums over 64 equispaced angles are integrals over the circle to the last
# digit (the trapezoidal rule for a smooth periodic function).
_CONCENTRATED = 30.0
_TERMS = 20
_HALF_CIRCLE = np.linspace(0.0, np.pi, 33)


def mean_cosine(kappa: Array) -> Array:
    """I1(κ)/I0(κ), the derivative of ln I0."""
    result: Array = i1e(kappa) / i0e(kappa)
    return result


@_quiet
def log_i0_gap(x: Step) -> Array:
    """The gap of ln I0, for arguments from 0 on."""
    middle = np.full_like(x.d, _CONCENTRATED)
    before, after = x.a - middle, x.b - middle
    # gap(a, b) = gap(a, c) + gap(c, b) + (f'(c) − f'(a)) (b − c), where the difference of slopes
    # is (gap(a, c) + gap(c, a))/(c − a).
    first, back = _log_i0_gap(step(x.a, middle)), _log_i0_gap(step(middle, x.a))
    across = first * (x.d / -before) + back * (after / -before) + _log_i0_gap(step(middle, x.b))
    return np.where(before * after < 0, across, _log_i0_gap(x))


def _log_i0_gap(x: Step) -> Array:
    """The same, for two arguments on the same side of ``_CONCENTRATED``."""
    spread = np.maximum(x.a, x.b) <= _CONCENTRATED
    a, b = np.where(spread, _CONCENTRATED, x.a), np.where(spread, _CONCENTRATED, x.b)
    high = Step(a, b, np.where(spread, 0.0, x.d))
    # ln I0(κ) = κ − ½ ln(2πκ) + c₁/κ + c₂/κ² + ...
    concentrated = log_gap(high) / 2 + inverse_power_gap(_LOG_I0_SERIES, high)
    return np.where(spread, _tilt_gap(np.where(spread, x.a, 0.0), x.d), concentrated)


def _tilt_gap(a: Array, d: Array) -> Array:
    """ln E exp(d (cos θ − E cos θ)), where the density of θ is proportional to exp(a cos θ)."""
    loss = 2 * np.sin(_HALF_CIRCLE / 2) ** 2  # 1 − cos θ
    p = np.exp(-a[..., None] * loss)
    p[..., [0, -1]] /= 2  # the other angles of the circle come in pairs
    p /= p.sum(axis=-1, keepdims=True)
    deviation = (p * loss).sum(axis=-1, keepdims=True) - loss
    gap = elementwise.exponential_gap(d[..., None] * deviation)
    result: Array = np.log1p((p * gap).sum(axis=-1))
    return result


def _log_i0_series() -> tuple[float, ...]:
    """The coefficients of log(1 + u₁/κ + u₂/κ² + ...), where u_n = ((2n − 1)!!)²/(n! 8ⁿ)."""
    u, c = [1.0], [0.0]
    for n in range(1, _TERMS + 1):
        u.append(u[-1] * (2 * n - 1) ** 2 / (8 * n))
        c.append(u[n] - sum(k * c[k] * u[n - k] for k in range(1, n)) / n)
    return tuple(c[1:])


_LOG_I0_SERIES = _log_i0_series()
