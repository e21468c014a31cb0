"""The numerical care behind the public formulas: sums without cancellation. Private.

Near p = q the textbook sum Σ p log(p/q) adds large terms of both signs to a tiny total, and loses
every digit. Everything here rests on the same sum written with terms that are never negative,

    D(p‖q) = Σ p φ((q − p)/p),   φ(u) = u − log(1 + u) ≥ 0,

which holds when p and q have the same total. Floating-point numbers that should sum to one miss it
by about 1e-16, and at D = 1e-20 that miss is larger than p − q; so the model is first rescaled to
the total of p in double-double arithmetic.
"""

from collections.abc import Iterator

import numpy as np

from kllib import _double_double as dd
from kllib._double_double import DD
from kllib._validate import Array

# Where the series of φ and of e^v − 1 − v take over from the closed expressions, which have lost
# at most a factor of 20 there.
_SERIES_BELOW = 0.25
# Inputs are multiplied by this power of two, so that the rounding error of a product of subnormal
# numbers is not itself lost to underflow.
_SHIFT = 540
# Entries handled at a time: temporary arrays stay in the processor's cache.
_BLOCK = 2**14


def phi(u: Array) -> Array:
    """``u - log(1 + u)`` for u > -1, with full relative accuracy near 0."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return np.where(np.abs(u) < _SERIES_BELOW, _phi_series(u), u - np.log1p(u))


def _phi_series(u: Array) -> Array:
    # log(1 + u) = 2 artanh(s) with s = u/(2 + u), and u - 2s = u s; s² < 0.0205 here.
    s = u / (2 + u)
    square = s * s
    tail = np.zeros_like(s)
    for k in range(19, 1, -2):
        tail = 1 / k + square * tail
    return s * (u - 2 * square * tail)


def exponential_gap(v: Array) -> Array:
    """``exp(v) - 1 - v``, with full relative accuracy near 0."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        tail = np.zeros_like(v)
        for k in range(14, 1, -1):
            tail = (1 + v * tail) / k  # ends as 1/2 + v/6 + v²/24 + ...
        closed = np.where(v < 1e3, np.expm1(v) - v, np.inf)
        return np.where(np.abs(v) < _SERIES_BELOW, v * v * tail, closed)


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
    with np.errstate(over="ignore", under="ignore"):
        step = (sigma1 - sigma2) / sigma2
        excess = step * (2 + step)  # r² − 1: the difference of near-equal numbers is exact
        near = np.abs(excess) < _SERIES_BELOW
        return np.where(
            near, _phi_series(np.where(near, excess, 0.0)), excess - 2 * _log_ratio(sigma1, sigma2)
        )


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


def shares(weights: Array) -> Array:
    """weights / Σ weights along the last axis, whatever their scale."""
    exponent = np.frexp(weights.max(axis=-1, keepdims=True))[1]
    scaled = np.ldexp(weights, -exponent)
    result: Array = scaled / scaled.sum(axis=-1, keepdims=True)
    return result


def relative_entropy(p: Array, q: Array) -> Array:
    """D(p/Σp ‖ q/Σq) along the last axis; the sums may be any positive numbers.

    Rows where p is nothing but zeros give 0; rows where q alone is, infinity.
    """
    p, p_total = _shifted(p)
    q, q_total = _shifted(q)
    shape = np.broadcast_shapes(p.shape, q.shape)
    # q * scale has the total of p
    scale = dd.divide(p_total, DD(_replace_zero(q_total.hi), q_total.lo))
    scale = DD(scale.hi[..., None], scale.lo[..., None])
    partial_sums = []
    for part in _blocks(shape):
        block = p[..., part]
        model = dd.scale(q[..., part], scale)
        partial_sums.append(_terms(block, model, _log_ratio(model.hi, block)).sum(axis=-1))
    result: Array = np.sum(partial_sums, axis=0) / _replace_zero(p_total.hi)
    return result


def dependence(joint: Array) -> Array:
    """D(joint ‖ product of its marginals), the joint along the last two axes."""
    shape = joint.shape
    flat, whole = _shifted(joint.reshape(*shape[:-2], -1))
    joint = flat.reshape(shape)
    rows, columns = dd.total(joint, axis=-1), dd.total(joint, axis=-2)
    columns = DD(columns.hi[..., None, :], columns.lo[..., None, :])
    shares = dd.divide(rows, DD(whole.hi[..., None], whole.lo[..., None]))
    with np.errstate(divide="ignore"):
        log_shares = np.log(rows.hi) - np.log(whole.hi[..., None])
        log_columns = np.log(columns.hi)
    partial_sums = []
    for part in _blocks((*shape[:-2], shape[-2] * shape[-1]), unit=shape[-1]):
        block = joint[..., part, :]
        model = dd.multiply(DD(shares.hi[..., part, None], shares.lo[..., part, None]), columns)
        with np.errstate(divide="ignore", invalid="ignore"):
            log_ratio = np.where(
                model.hi > 1e-290,
                _log_ratio(model.hi, block),
                log_shares[..., part, None] + log_columns - np.log(block),  # it underflowed
            )
        partial_sums.append(_terms(block, model, log_ratio).sum(axis=(-2, -1)))
    result: Array = np.sum(partial_sums, axis=0) / whole.hi
    return result


def surprisal(q: Array) -> Array:
    """-log(q/Σq) along the last axis, with full relative accuracy where q is nearly all."""
    total = q.sum(axis=-1, keepdims=True)
    top = np.argmax(q, axis=-1, keepdims=True)
    largest = np.take_along_axis(q, top, axis=-1)
    others = q.copy()
    np.put_along_axis(others, top, 0.0, axis=-1)
    rest = others.sum(axis=-1, keepdims=True)
    with np.errstate(divide="ignore"):
        result: Array = np.log(total) - np.log(q)
    # The total over its largest entry is 1 + rest/largest: no digit of a small rest is lost.
    np.put_along_axis(result, top, np.log1p(rest / largest), axis=-1)
    return result


def expectation(p: Array, values: Array) -> Array:
    """Σ p·values / Σp along the last axis; an infinite value where p is 0 counts for nothing."""
    terms = np.multiply(
        p, values, where=p > 0, out=np.zeros(np.broadcast_shapes(p.shape, values.shape))
    )
    result: Array = terms.sum(axis=-1) / p.sum(axis=-1)
    return result


def transposed(table: Array) -> Array:
    """The last two axes exchanged, in memory too: sums along contiguous memory are pairwise."""
    return np.ascontiguousarray(np.swapaxes(table, -1, -2))


def _terms(p: Array, model: DD, log_ratio: Array) -> Array:
    """p φ((model − p)/p), given that p and model have the same total; log_ratio is log(model/p)."""
    difference = dd.two_sum(model.hi, -p)
    gap = difference.hi + (difference.lo + model.lo)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore", under="ignore"):
        u = gap / p
        terms = np.where(np.abs(u) < _SERIES_BELOW, p * _phi_series(u), gap - p * log_ratio)
    return np.where(p > 0, terms, model.hi)


def _log_ratio(a: Array, b: Array) -> Array:
    """log(a/b), though a/b may lie beyond the range of a float."""
    with np.errstate(divide="ignore", over="ignore", under="ignore", invalid="ignore"):
        ratio = a / b
        safe = (ratio > 1e-300) & (ratio < 1e300)
        return np.where(safe, np.log(ratio), np.log(a) - np.log(b))


def _shifted(p: Array) -> tuple[Array, DD]:
    """p times the power of two that makes each total about 2**540, and the totals."""
    exponent = np.frexp(p.sum(axis=-1, keepdims=True))[1]
    p = np.ldexp(p, _SHIFT - exponent)
    return p, dd.total(p)


def _replace_zero(x: Array) -> Array:
    """x, with 1 in place of 0: for a denominator whose numerator is to win."""
    return np.where(x > 0, x, 1.0)


def _blocks(shape: tuple[int, ...], unit: int = 1) -> Iterator[slice]:
    """Slices of the last axis, counted in units of ``unit`` entries, of about _BLOCK entries."""
    rows = int(np.prod(shape[:-1], dtype=np.int64)) * unit
    length = shape[-1] // unit
    step = max(1, 16 // unit, _BLOCK // rows)
    for start in range(0, length, step):
        yield slice(start, start + step)
