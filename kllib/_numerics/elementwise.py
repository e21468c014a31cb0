"""Functions of one number or two, without cancellation or overflow on the way. Private."""

import numpy as np

from kllib._numerics.validate import Array, every

# Where a series takes over from a closed expression with a logarithm, in terms of
# s = (q − p)/(q + p): the closed one has lost a factor of 8 there.
NEAR = 1 / 7
# Where the series of e^v − 1 − v takes over from the closed expression, which has lost at most a
# factor of 20 there.
_SERIES_BELOW = 0.25


def phi(u: Array) -> Array:
    """``u - log(1 + u)`` for u > -1, with full relative accuracy near 0."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        s = u / (2 + u)  # log(1 + u) = 2 artanh s, and u − 2s = u s
        near = np.abs(s) < NEAR
        closed = u - np.log1p(u)
        if not near.any():
            return closed
        square = s * s
        largest = float(np.max(np.abs(s), where=near, initial=0.0))
        series = s * (u - 2 * square * artanh_tail(square, largest))
        return np.where(near, series, closed)


def exponential_gap(v: Array) -> Array:
    """``exp(v) - 1 - v``, with full relative accuracy near 0."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        closed = np.where(v < 1e3, np.expm1(v) - v, np.inf)
        near = np.abs(v) < _SERIES_BELOW
        if not near.any():
            return closed
        tail = np.zeros_like(v)
        for k in range(14, 1, -1):
            tail = (1 + v * tail) / k  # ends as 1/2 + v/6 + v²/24 + ...
        return np.where(near, v * v * tail, closed)


def square(x: Array) -> Array:
    """x², infinite beyond the range of a float."""
    with np.errstate(over="ignore", under="ignore"):
        result: Array = x * x
    return result


def standardized(a: Array, b: Array, sigma: Array) -> Array:
    """(a − b)/sigma, though a − b may lie beyond the range of a float."""
    with np.errstate(over="ignore", under="ignore"):
        difference = a - b
        halved = 2 * ((a / 2 - b / 2) / sigma)
        return np.where(np.isfinite(difference), difference / sigma, halved)


def standardized_by_log_variance(a: Array, b: Array, log_var: Array) -> Array:
    """(a − b) exp(-log_var/2), though the exponential may lie beyond the range of a float."""
    # In two steps: where a factor overflows or underflows, the product does so too, or is zero.
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        factor = np.exp(-log_var / 4)
        return np.where(a == b, 0.0, 2 * ((a / 2 - b / 2) * factor * factor))


def variance_gap(sigma1: Array, sigma2: Array) -> Array:
    """r² − 1 − log r² with r = sigma1/sigma2."""
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        step = (sigma1 - sigma2) / sigma2
        excess = step * (2 + step)  # r² − 1: the difference of near-equal numbers is exact
        near = np.abs(excess) < _SERIES_BELOW
        if every(near):
            return phi(excess)
        return np.where(near, phi(excess), excess - 2 * log_ratio(sigma1, sigma2))


def difference(a: Array, b: Array) -> Array:
    """a − b, infinite beyond the range of a float."""
    with np.errstate(over="ignore"):
        result: Array = a - b
    return result


def half(gap: Array, squared_shift: Array) -> np.float64 | Array:
    """The half of a sum; a float when it is one number."""
    with np.errstate(over="ignore"):
        value = np.asarray(gap / 2 + squared_shift / 2)
    return value if value.ndim else np.float64(value)


def artanh_tail(square: Array, largest: float) -> Array:
    """1/3 + s²/5 + s⁴/7 + …, given s² and the largest |s|."""
    last = last_power(largest)
    tail = np.full_like(square, 1 / last)
    for k in range(last - 2, 1, -2):
        tail = 1 / k + square * tail
    return tail


def last_power(largest: float) -> int:
    """How far the series of artanh s is to go, given the largest |s|, which is at most 1/7.

    As far as φ needs: what is left out is below 1e-16 of it.
    """
    last, power = 3, largest**3
    while power > 1e-16:
        last += 2
        power *= largest**2
    return last


def log_ratio(a: Array, b: Array, log_a: Array | None = None) -> Array:
    """log(a/b), though a/b may lie beyond the range of a float; so may a, where log_a is given."""
    ratio = a / b
    safe = (ratio > 1e-300) & (ratio < 1e300)
    if log_a is None:
        log_a = np.log(a)
    else:
        safe &= a > 1e-290
    return np.where(safe, np.log(ratio), log_a - np.log(b))
