"""f-divergences as sums of terms that are never negative. Private.

D_f(p‖q) = Σ q f(p/q) does not change when a multiple of t − 1 is added to f, because p and q have
the same total. With the multiple for which f has its least value, 0, at t = 1, no term is negative
and none cancels another. The terms below are q f(p/q) for such f, written with the difference p − q
where it is small.

Floating-point numbers that should sum to one miss it by about 1e-16, which may be more than the
difference of nearly equal distributions. So q is first rescaled to the total of p in double-double
arithmetic, and the terms are given the difference to full accuracy.
"""

import math
from collections.abc import Callable, Iterator
from functools import partial, reduce

import numpy as np

from kllib._numerics import double_double as dd
from kllib._numerics import elementwise
from kllib._numerics.double_double import DD
from kllib._numerics.rows import by_rows, pieces, row_blocks
from kllib._numerics.validate import Array

#: (p, q, p − q) ↦ q f(p/q), element by element, for positive p and q.
Terms = Callable[[Array, Array, Array], Array]

# Where p/q is this near to one, and its logarithm to zero, series and differences take over.
_NEAR = 0.25
# Nothing is lost to underflow when q is multiplied by this power of two before it is rescaled.
_UP, _DOWN = 2.0**540, 2.0**-540
# Nearer to zero, an exponent makes no difference to a finite term.
_NO_EXPONENT = 1e-290


def divergence(p: Array, q: Array, terms: Terms, at_zero: float, slope: float) -> Array:
    """Σ q f(p/q) along the last axis, for p/Σp and q/Σq.

    A term is q·at_zero where p alone is 0, p·slope where q alone is 0, and 0 where both are.
    """

    def of_rows(p: Array, q: Array) -> Array:
        sums = [_terms_with_zeros(*part, terms, at_zero, slope) for part in matched(p, q)]
        result: Array = np.sum(sums, axis=0) / p.sum(axis=-1)
        return result

    return in_row_blocks(of_rows, p, q)


def in_row_blocks(of_rows: Callable[[Array, Array], Array], p: Array, q: Array) -> Array:
    """One number for each pair of rows, computed for a few rows at a time."""

    def kernel(p: Array, q: Array) -> Array:
        with np.errstate(all="ignore"):
            return np.concatenate([of_rows(p[rows], q[rows]) for rows in row_blocks(*p.shape)])

    return by_rows(kernel, p, q)


def matched(p: Array, q: Array) -> Iterator[tuple[Array, Array, Array]]:
    """Pieces of p, of q rescaled to the total of p, and of their difference."""
    scale = dd.divide(_total(p), _total(q))
    scale = DD(scale.hi[:, None], scale.lo[:, None])
    for columns in pieces(p.shape[-1]):
        scaled = dd.scale(q[:, columns] * _UP, scale)
        model = scaled.hi * _DOWN
        rest = dd.two_sum(p[:, columns], -model)
        error = scaled.lo * _DOWN
        yield p[:, columns], model, rest.hi + (rest.lo - error)


def _total(p: Array) -> DD:
    return reduce(dd.add, [dd.total(p[:, columns]) for columns in pieces(p.shape[-1])])


def _terms_with_zeros(
    p: Array, q: Array, gap: Array, terms: Terms, at_zero: float, slope: float
) -> Array:
    """The sum of the terms of one piece."""
    both = (p > 0) & (q > 0)
    inside = terms(*(np.where(both, x, other) for x, other in ((p, 1.0), (q, 1.0), (gap, 0.0))))
    outside = np.where(p > 0, p * slope, np.where(q > 0, q * at_zero, 0.0))
    result: Array = np.where(both, inside, outside).sum(axis=-1)
    return result


def log_ratio(p: Array, q: Array, gap: Array) -> Array:
    """log(p/q), also where p/q is near one or beyond the range of a float."""
    relative, ratio = gap / q, p / q
    near = np.abs(relative) < _NEAR
    within_range = (ratio > 1e-300) & (ratio < 1e300)
    far = np.where(within_range, np.log(ratio), np.log(p) - np.log(q))
    return np.where(near, np.log1p(np.where(near, relative, 0.0)), far)


def kl(p: Array, q: Array, gap: Array) -> Array:
    """p log(p/q) − p + q."""
    near = np.abs(gap) < _NEAR * p
    phi = elementwise.phi(np.where(near, -gap / p, 0.0))
    return np.where(near, p * phi, p * log_ratio(p, q, gap) - gap)


def reverse_kl(p: Array, q: Array, gap: Array) -> Array:
    """q log(q/p) − q + p."""
    return kl(q, p, -gap)


def total_variation(p: Array, q: Array, gap: Array) -> Array:
    """½ |p − q|."""
    return np.abs(gap) / 2


def squared_hellinger(p: Array, q: Array, gap: Array) -> Array:
    """½ (√p − √q)²."""
    result: Array = (gap / (np.sqrt(p) + np.sqrt(q))) ** 2 / 2
    return result


def chi_squared(p: Array, q: Array, gap: Array) -> Array:
    """(p − q)²/q."""
    result: Array = (gap / np.sqrt(q)) ** 2
    return result


def jeffreys(p: Array, q: Array, gap: Array) -> Array:
    """(p − q) log(p/q)."""
    return gap * log_ratio(p, q, gap)


def jensen_shannon(p: Array, q: Array, gap: Array) -> Array:
    """½ [p log(p/r) + q log(q/r)] with r = (p + q)/2."""
    r = q + gap / 2
    square = (gap / (2 * r)) ** 2
    # ½ [(1 + s) log(1 + s) + (1 − s) log(1 − s)] = s²/2 + s⁴/12 + s⁶/30 + ..., s = (p − q)/(p + q)
    tail = np.zeros_like(square)
    for k in range(26, 0, -2):
        tail = 1 / (k * (k - 1)) + square * tail
    far = (p * np.log(p / r) + q * np.log(q / r)) / 2
    return np.where(square < _NEAR**2, r * square * tail, far)


def alpha(order: float) -> Terms:
    """q (t^α − 1 − α (t − 1))/(α (α − 1)) with t = p/q; KL for α = 1, reverse KL for α = 0."""
    if order > 0.5:
        mirrored = alpha(1 - order)
        return lambda p, q, gap: mirrored(q, p, -gap)
    if abs(order) < _NO_EXPONENT:
        return reverse_kl
    return partial(_alpha_negative if order < 0 else _alpha_small, order)


def _alpha_negative(order: float, p: Array, q: Array, gap: Array) -> Array:
    """For α < 0: two terms of the same sign, ψ(αv)/|α| and ψ(v), with ψ(x) = eˣ − 1 − x."""
    v = log_ratio(p, q, gap)
    x = order * v
    # In one exponential: q, t^α and their product may lie beyond the range of a float.
    log_scale = math.log(-order) + math.log1p(-order)
    power = np.exp(x + np.log(q) - log_scale)
    far = power + (q / order + q * v) / (1 - order)
    near = q * elementwise.exponential_gap(x) / -order / (1 - order)
    rest = np.where(np.abs(v) < _NEAR, q * elementwise.exponential_gap(v), gap - q * v)
    result: Array = np.where(np.abs(x) < 1, near, far) + rest / (1 - order)
    return result


def _alpha_small(order: float, p: Array, q: Array, gap: Array) -> Array:
    """For 0 < α ≤ ½, where cancellation costs no more than a factor of 20."""
    v = log_ratio(p, q, gap)
    x = order * v
    near = q * (elementwise.exponential_gap(v) - elementwise.exponential_gap(x) / order)
    far = gap - q * np.expm1(x) / order
    return np.where(np.abs(v) < _NEAR, near, far) / (1 - order)
