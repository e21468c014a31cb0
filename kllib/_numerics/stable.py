"""The numerical care behind the public formulas: sums without cancellation. Private.

Near p = q the textbook sum Σ p log(p/q) adds large terms of both signs to a tiny total, and loses
every digit. For p and q that sum to one the same sum can be written with terms that are never
negative,

    D(p‖q) = Σ p φ((q − p)/p),   φ(u) = u − log(1 + u) ≥ 0.

Floating-point numbers that should sum to one miss it by about 1e-16, and at D = 1e-20 that miss is
larger than p − q. But what it adds is φ of the whole: for any totals P = Σp and Q = Σq,

    D(p/P‖q/Q) = Σ p φ((q − p)/p) / P − φ((Q − P)/P),

where Q − P = Σ(q − p) has all its digits, as differences of near-equal numbers are exact.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kllib._numerics import double_double as dd
from kllib._numerics import gap_sums
from kllib._numerics.dependence import dependence as dependence  # of tables, beside that of rows
from kllib._numerics.gap_sums import LOSS, Sums, log_ratio
from kllib._numerics.rows import Index, add_up, blocks
from kllib._numerics.validate import Array, every

# Rows with a total below this are scaled up, so that no product of two differences underflows.
_SMALL = 1e-250
# Where the series of e^v − 1 − v takes over from the closed expression, which has lost at most a
# factor of 20 there.
_SERIES_BELOW = 0.25


class Comparison(NamedTuple):
    """What one pass over two stacks of rows tells."""

    divergence: Array  # D(p/Σp ‖ q/Σq)
    totals: tuple[Array, Array]
    valid: bool  # no entry is negative or not a number


def phi(u: Array) -> Array:
    """``u - log(1 + u)`` for u > -1, with full relative accuracy near 0."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        s = u / (2 + u)  # log(1 + u) = 2 artanh s, and u − 2s = u s
        near = np.abs(s) < gap_sums.NEAR
        closed = u - np.log1p(u)
        if not near.any():
            return closed
        square = s * s
        largest = float(np.max(np.abs(s), where=near, initial=0.0))
        series = s * (u - 2 * square * gap_sums.artanh_tail(square, largest))
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


def shares(weights: Array) -> Array:
    """weights / Σ weights along the last axis, whatever their scale."""
    scaled = _near_one(weights)
    result: Array = scaled / scaled.sum(axis=-1, keepdims=True)
    return result


def relative_entropy(p: Array, q: Array) -> Array:
    """D(p/Σp ‖ q/Σq) along the last axis; the sums may be any positive numbers.

    Rows where p is nothing but zeros give 0; rows where q alone is, infinity.
    """
    return compare(p, q).divergence


@np.errstate(all="ignore")
def compare(p: Array, q: Array) -> Comparison:
    """D(p/Σp ‖ q/Σq) along the last axis, for entries that nobody has checked yet."""
    total, excess, gap, valid = _row_sums(p, q)
    mean_gap, mean_excess = gap / total, excess / total
    divergence = mean_gap - _phi_of_whole(mean_excess)
    # Digits may cancel between the two, and in Σq/Σp = 1 + (Σq − Σp)/Σp.
    accurate = (divergence * LOSS >= mean_gap) & (mean_excess >= 1 / LOSS - 1)
    if valid and not every(accurate & (total > _SMALL)):
        divergence = _rescaled(p, q)
    return Comparison(divergence, (total, total + excess), valid)


def _row_sums(p: Array, q: Array, scale: Array | None = None) -> Sums:
    """The sums of all blocks. With a scale, q is multiplied by it, without rounding."""
    if p.shape == q.shape and p.size <= gap_sums.BLOCK and scale is None:
        if _looks_near(p, q):
            return gap_sums.by_terms(p, q, q - p)
        return _block_sums(p, q, near=False)[0]
    shape = np.broadcast_shapes(p.shape, q.shape)
    p, q = np.broadcast_to(p, shape), np.broadcast_to(q, shape)
    parts = _parts(p, q) if scale is None else _scaled_parts(p, q, scale)
    return Sums(*add_up(shape[:-1], parts))


def _parts(p: Array, q: Array) -> Iterator[tuple[Index, Sums]]:
    near = _looks_near(p, q)
    for block in blocks(p.shape, gap_sums.BLOCK):
        sums, near = _block_sums(p[block], q[block], near)
        yield block[:-1], sums


def _scaled_parts(p: Array, q: Array, scale: Array) -> Iterator[tuple[Index, Sums]]:
    for block in blocks(p.shape, gap_sums.SHORT_BLOCK):
        rows, part = block[:-1], p[block]
        model = dd.two_product(scale[rows][..., None], q[block])
        yield rows, gap_sums.by_terms(part, model.hi, (model.hi - part) + model.lo)


def _looks_near(p: Array, q: Array) -> bool:
    """A guess from three entries which sum to try first; the other one costs as much again."""
    for i in (0, p.size // 2, p.size - 1):
        entry = p.item(i)
        if not abs(entry - q.item(i)) < entry / 8:
            return False
    return True


def _block_sums(p: Array, q: Array, near: bool) -> tuple[Sums, bool]:
    """The sums of a block, and whether all its rows are near their models, as is first assumed."""
    if near:
        sums = gap_sums.by_terms(p, q, q - p)
        return sums, not _is_accurate(sums).any()
    sums = gap_sums.by_logarithms(p, q)
    accurate = _is_accurate(sums)
    if every(accurate):
        return sums, False
    if not accurate.any():
        return gap_sums.by_terms(p, q, q - p), True
    lost = ~accurate
    p, q = p[lost], q[lost]
    again = gap_sums.by_terms(p, q, q - p)
    for array, value in zip(sums[:3], again[:3], strict=True):
        array[lost] = value
    return sums._replace(valid=sums.valid and again.valid), False


def _is_accurate(sums: Sums) -> NDArray[np.bool_]:
    """In which rows the logarithms have not cancelled, nor gone beyond the range of a float."""
    result: NDArray[np.bool_] = (sums.gap * LOSS >= sums.total) & (sums.gap < np.inf)
    return result


def _rescaled(p: Array, q: Array) -> Array:
    """The same where the totals are not near each other: q is scaled to the total of p."""
    p_total, q_total = p.sum(axis=-1), q.sum(axis=-1)
    if min(p_total.min(), q_total.min()) < _SMALL or max(p_total.max(), q_total.max()) > 1 / _SMALL:
        p, q = _near_one(p), _near_one(q)
        p_total, q_total = p.sum(axis=-1), q.sum(axis=-1)
    total, excess, gap, _ = _row_sums(p, q, p_total / q_total)
    divergence = gap / total - _phi_of_whole(excess / total)
    divergence = np.maximum(divergence, 0.0)  # which rounding might miss where it is zero
    divergence = np.where((q_total > 0) & (gap < np.inf), divergence, np.inf)
    result: Array = np.where(p_total > 0, divergence, 0.0)[()]  # one number is no array
    return result


def _near_one(x: Array) -> Array:
    """The rows times the powers of two that bring their largest entries to 1 or above, below 2."""
    exponent = np.frexp(x.max(axis=-1, keepdims=True))[1]
    result: Array = np.ldexp(x, 1 - exponent)  # one times one: no smallest float is lost
    return result


def _phi_of_whole(excess: Array) -> Array:
    if every(abs(excess) < 1e-5):
        result: Array = excess * excess * (1 / 2 - excess * (1 / 3 - excess / 4))
        return result
    return phi(excess)


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
