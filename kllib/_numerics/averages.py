"""Averages under weights of any scale, and the surprises that are averaged. Private."""

import numpy as np

from kllib._numerics.validate import Array


def shares(weights: Array) -> Array:
    """weights / Σ weights along the last axis, whatever their scale."""
    scaled = near_one(weights)
    result: Array = scaled / scaled.sum(axis=-1, keepdims=True)
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


def near_one(x: Array) -> Array:
    """The rows times the powers of two that bring their largest entries to 1 or above, below 2."""
    exponent = np.frexp(x.max(axis=-1, keepdims=True))[1]
    result: Array = np.ldexp(x, 1 - exponent)  # one times one: no smallest float is lost
    return result
