"""D(p‖q) of two softmax distributions from their logits, without cancellation. Private.

With d = q's logits − p's logits and expectations under p, the divergence is what Jensen's
inequality for the logarithm leaves out, and no constant added to d changes it:

    D(p‖q) = log E[exp d] − E[d].

`_directly` computes it as it is written. Where that cancels, `_by_terms` takes v = d − centre for a
centre near E[d], and adds terms that are never negative:

    D(p‖q) = G − φ(G + E[v]),   G = E[eᵛ − 1 − v],   φ(u) = u − log(1 + u).

The correction φ is of second order in the error of the centre. Neither normaliser is needed, and
one exponential for each outcome is enough.

Everything takes two-dimensional arrays, and works on blocks that stay in the cache.
"""

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from kllib._numerics import double_double as dd
from kllib._numerics import elementwise
from kllib._numerics.double_double import DD
from kllib._numerics.rows import pieces, row_blocks
from kllib._numerics.validate import Array

Rows: TypeAlias = NDArray[np.intp]
Difference: TypeAlias = Callable[[Array, Array, DD], Array]

# From here on `_directly` has lost no more than three digits of its sixteen.
_LARGE = 0.01
# Which way to try first is told by the spread of d over so many outcomes of a row.
_SAMPLE, _SPREAD = 64, 0.7
# `_by_terms` needs a better centre where its correction leaves less than this part of G, and the
# differences without rounding where the square of a shift of all logits is this many times G.
_LEFT, _SHIFT = 1 / 16, 1000
# Up to here eᵛ − 1 − v comes from its series, which is faster than another exponential.
_NEAR = 1.5
_TINIEST = 5e-324


def divergence(p: Array, q: Array) -> Array:
    """D of each pair of rows of logits, in nats."""
    with np.errstate(all="ignore"):
        every = np.arange(p.shape[0])
        near = np.ptp(q[:, :_SAMPLE] - p[:, :_SAMPLE], axis=-1) < _SPREAD
        result = np.full(p.shape[0], np.nan)
        result[near] = _by_terms(p, q, every[near])
        rest = every[~(result < _LARGE)]
        result[rest] = _directly(p, q, rest)
        small = every[(result < _LARGE) & ~near]
        by_terms = _by_terms(p, q, small)
        result[small] = np.where(np.isnan(by_terms), result[small], by_terms)
        for i in every[~np.isfinite(result)]:
            result[i] = _with_impossible_outcomes(p[i], q[i])
        return result


def cross_entropy(p: Array, q: Array) -> Array:
    """−E[log q] of each pair of rows of logits, in nats: no term is negative."""
    result = np.empty(p.shape[0])
    with np.errstate(all="ignore"):
        for rows in row_blocks(*p.shape):
            p_top, q_top = _tops(p[rows]), _tops(q[rows])
            total, below, tops, others = np.zeros((4, p_top.shape[0]))
            for columns in pieces(p.shape[1]):
                p_part, q_part = p[rows, columns], q[rows, columns]
                weight = np.exp(p_part - p_top)
                half = q_top / 2 - q_part / 2  # by halves: no finite distance is beyond range
                seen = (weight > 0) | ((p_part > -np.inf) & (q_part == -np.inf))
                at_top = q_part == q_top
                total += weight.sum(axis=-1)
                below += np.where(seen, np.maximum(weight, _TINIEST) * half, 0.0).sum(axis=-1)
                tops += at_top.sum(axis=-1)
                others += np.where(at_top, 0.0, np.exp(q_part - q_top)).sum(axis=-1)
            # Near 0, the logarithm of the sum of q's weights keeps its digits
            result[rows] = np.log1p((tops - 1) + others) + below / total * 2
    return result


def _tops(logits: Array) -> Array:
    """The largest logit of each row, as a column."""
    result: Array = logits.max(axis=-1, keepdims=True).astype(np.float64)
    return result


def _directly(p: Array, q: Array, rows: Rows) -> Array:
    """log E[exp d] − E[d]; not a number where logits are infinite."""
    result = np.empty(len(rows))
    for block in row_blocks(len(rows), p.shape[1]):
        some = _slice_if_possible(rows[block])
        p_top, q_top = _tops(p[some]), _tops(q[some])
        p_sum, q_sum, moment = np.zeros((3, p_top.shape[0]))
        for columns in pieces(p.shape[1]):
            weight, q_weight = p[some, columns] - p_top, q[some, columns] - q_top
            d = q_weight - weight
            np.exp(weight, out=weight)
            np.exp(q_weight, out=q_weight)
            p_sum += weight.sum(axis=-1)
            q_sum += q_weight.sum(axis=-1)
            moment += np.vecdot(weight, d)
        result[block] = np.log(q_sum / p_sum) - moment / p_sum
    return result


def _by_terms(p: Array, q: Array, rows: Rows) -> Array:
    """G − φ(G + E[v]); not a number where logits are infinite or d is of all sizes."""
    result = np.empty(len(rows))
    for block in row_blocks(len(rows), p.shape[1]):
        some = _slice_if_possible(rows[block])
        sample = np.subtract(q[some, :_SAMPLE], p[some, :_SAMPLE], dtype=np.float64)
        shift, spread = sample[:, 0], np.ptp(sample, axis=-1)
        attempts: list[Difference] = [_rounded_difference, _exact_difference, _exact_difference]
        if (shift**2 > _SHIFT * spread**2).any():
            attempts.pop(0)
        centre = _difference(p[some, :1], q[some, :1])
        value, settled = _terms_about(p, q, some, centre, attempts)
        if not settled.all():  # d of the first outcome may have nothing to do with E[d]
            lost = rows[block][~settled]
            centre = _difference_where_both_are_large(p, q, lost)
            value[~settled], _ = _terms_about(p, q, lost, centre, [_exact_difference] * 3)
        result[block] = value
    return result


def _terms_about(
    p: Array, q: Array, rows: slice | Rows, centre: DD, attempts: Sequence[Difference]
) -> tuple[Array, NDArray[np.bool_]]:
    """G − φ(G + E[v]) with the centre moved by E[v] between attempts, and whether that settled.

    Not a number where the centre is still so far from log E[exp d] that the difference cancels.
    """
    shift = centre.hi[:, 0]
    for difference in attempts:
        gap, mean = _moments(p, q, rows, centre, difference)
        value = gap - elementwise.phi(gap + mean)
        precise = (difference is _exact_difference) | (shift**2 <= _SHIFT * gap)
        close = (gap <= 1) & (np.abs(gap + mean) <= 0.5)
        settled = precise & close & (value >= _LEFT * gap)
        if settled.all():
            break
        centre = dd.add(centre, DD(mean[:, None], np.zeros_like(mean[:, None])))
    # Rounding might miss zero where the value is zero
    return np.where(close, np.maximum(value, 0.0), np.nan), settled


def _difference_where_both_are_large(p: Array, q: Array, rows: Rows) -> DD:
    """d of the outcome with the largest p·q: where D is small, it is near E[d]."""
    every = np.arange(len(rows))
    largest, place = np.full(len(rows), -np.inf), np.zeros(len(rows), dtype=np.intp)
    for columns in pieces(p.shape[1]):
        both = p[rows, columns] / 2 + q[rows, columns] / 2
        best = np.argmax(both, axis=-1)
        better = both[every, best] > largest
        largest[better] = both[every, best][better]
        place[better] = best[better] + columns.start
    return _difference(p[rows, place][:, None], q[rows, place][:, None])


def _moments(
    p: Array,
    q: Array,
    rows: slice | Rows,
    centre: DD,
    difference: Difference,
) -> tuple[Array, Array]:
    """G and E[v]."""
    p_top = _tops(p[rows])
    q_shift = dd.add(centre, DD(p_top, np.zeros_like(p_top)))
    total, gap, mean = np.zeros((3, p_top.shape[0]))
    for columns in pieces(p.shape[1]):
        p_part, q_part = p[rows, columns], q[rows, columns]
        v = difference(p_part, q_part, centre)
        weight = p_part - p_top
        np.exp(weight, out=weight)
        total += weight.sum(axis=-1)
        mean += np.vecdot(weight, v)
        gap += _weighted_gap(weight, v, q_part, q_shift)
    return gap / total, mean / total


def _rounded_difference(p: Array, q: Array, centre: DD) -> Array:
    """q − p − centre, where it is not much smaller than the centre."""
    v = np.subtract(q, p, dtype=np.float64)
    v -= centre.hi
    return v


def _exact_difference(p: Array, q: Array, centre: DD) -> Array:
    """q − p − centre, where it may be much smaller than the centre: q and p differ by a shift."""
    d = _difference(p, q)
    result: Array = (d.hi - centre.hi) + (d.lo - centre.lo)
    return result


def _difference(p: Array, q: Array) -> DD:
    """q − p, without error."""
    return dd.two_sum(q.astype(np.float64, copy=False), -p.astype(np.float64, copy=False))


def _weighted_gap(weight: Array, v: Array, q: Array, q_shift: DD) -> Array:
    """Σ weight·(eᵛ − 1 − v) along the last axis; log(weight·eᵛ) is q − q_shift."""
    largest = max(float(v.max()), -float(v.min()))
    if largest < _NEAR:
        series: Array = np.vecdot(weight, _series(v, largest))
        return series
    near = np.abs(v) < _NEAR
    far = np.exp((q - q_shift.hi) - q_shift.lo) - weight * (1 + v)
    terms = np.where(near, weight * _series(np.where(near, v, 0.0), _NEAR), far)
    result: Array = terms.sum(axis=-1)
    return result


def _series(v: Array, largest: float) -> Array:
    """eᵛ − 1 − v = v²/2 + v³/6 + ..., with as many terms as the largest |v| needs."""
    last, left_out = 2, largest / 3  # relative to the first term
    while left_out > 1e-15:
        last += 1
        left_out *= largest / (last + 1)
    tail = v * (1 / math.factorial(last))
    for k in range(last - 1, 1, -1):
        tail += 1 / math.factorial(k)
        tail *= v
    tail *= v
    return tail


def _with_impossible_outcomes(p: Array, q: Array) -> np.float64:
    """D of one pair where logits are -inf, or lie too far apart for a float to hold the distance.

    Only the outcomes that p produces matter, and how likely q finds them all together:
    D(p‖q) = D(p ‖ q given them) − log q(them).
    """
    if ((q == -np.inf) & (p > -np.inf)).any():
        return np.float64(np.inf)
    p, q = p.astype(np.float64), q.astype(np.float64)
    weight = np.exp(p - p.max())
    seen = weight > 0
    below = q - q.max()  # so that a shift of all logits takes no digits from the odds
    log_odds = _log_sum(below[~seen]) - _log_sum(below[seen])
    missed = np.logaddexp(0.0, log_odds)  # − log q(them)
    p, q, weight = p[seen], q[seen], weight[seen]
    value = np.nan if seen.all() else divergence(p[None], q[None])[0]
    if not np.isfinite(value):  # by halves, which a float can hold
        half = np.sum(weight * (q / 2 - q.max() / 2)) / weight.sum()
        own = np.sum(weight * (p - p.max())) / weight.sum()
        value = np.log(np.exp(q - q.max()).sum() / weight.sum()) - 2 * half + own
    result: np.float64 = value + missed
    return result


def _log_sum(logits: Array) -> np.float64:
    """log Σ exp logits; of nothing, or of -inf alone, -inf."""
    top = logits.max(initial=-np.inf)
    return np.float64(top + np.log(np.exp(logits - top).sum()) if top > -np.inf else top)


def _slice_if_possible(rows: Rows) -> slice | Rows:
    """The same rows as a slice, for which nothing is copied, where they follow one another."""
    if rows[-1] - rows[0] == len(rows) - 1:
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows
