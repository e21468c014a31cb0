"""Σ p φ((q − p)/p) over one block of entries, in two ways. Private; `kl_sums` calls it.

A block is small enough that its temporary arrays stay in the processor's cache. Its rows lie along
the last axis. Nothing here guards against warnings: that costs a microsecond, and `kl_sums` does it
once for all blocks. Entries need not be valid; `Sums.valid` says whether they were.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from kllib._numerics.elementwise import NEAR, last_power, log_ratio
from kllib._numerics.rows import Index, add_up, blocks, dot
from kllib._numerics.validate import Array

# Entries of a block. The fewer, the more Python's own time counts (some 15 microseconds a block);
# the three temporary arrays of `by_terms` are to stay below a mebibyte together.
BLOCK = 32_000
# Where products without rounding, or far entries among near ones, need many temporary arrays.
SHORT_BLOCK = 4_000
# A sum of logarithms counts if it is not below its total divided by this, and a difference if it is
# not below its larger part divided by this: they have lost a factor of 64 at most.
LOSS = 64
_TINIEST = 5e-324
Mask: TypeAlias = NDArray[np.bool_]


class Sums(NamedTuple):
    """What a block adds up to, row by row."""

    total: Array  # Σ p
    excess: Array  # Σ (q − p)
    gap: Array  # Σ p φ((q − p)/p), where φ(u) = u − log(1 + u)
    valid: bool  # no entry is negative (or else ``gap`` is not a number)


def least(x: Array) -> float:
    """The least entry, or nan if there is one. As `min`, in a third of the time for a short row."""
    return x.item(x.argmin())


def by_logarithms(p: Array, q: Array) -> Sums:
    """One logarithm per entry, Σ [p log(p/q) + q − p]; when p is near q, digits cancel."""
    p_least = least(p)
    total = np.add.reduce(p, axis=-1)
    excess = np.add.reduce(q, axis=-1) - total
    logs = p / q
    np.log(logs, out=logs)
    valid = p_least > 0  # then a negative q shows: its logarithm is not a number
    if not valid:
        logs[np.broadcast_to(p == 0, logs.shape)] = 0.0  # 0 log 0 = 0
        valid = p_least == 0 and least(q) >= 0
    return Sums(total, excess, dot(p, logs) + excess, valid)


def by_terms(p: Array, q: Array, difference: Array, log_q: Array | None = None) -> Sums:
    """Term by term, none of them negative: p φ(u) = (q − p) s − 2 p s³ (1/3 + s²/5 + s⁴/7 + …).

    That is the series of log(1 + u) = 2 artanh s with s = u/(2 + u) = (q − p)/(q + p).

    ``difference`` is q − p, which the caller may know better than q; ``log_q`` is log q, where q
    may have underflowed.
    """
    p_least = least(p)
    s = p + q
    if not p_least > 0:
        np.maximum(s, _TINIEST, out=s)  # 0/0 is to be 0: the outcome adds nothing
    np.divide(difference, s, out=s)
    square = s * s
    largest = math.sqrt(square.item(square.argmax()))
    far, valid = None, p_least >= 0
    if not largest < NEAR:
        if s.size > SHORT_BLOCK:
            del s, square
            return _in_short_blocks(p, q, difference, log_q)
        far = ~(square < NEAR * NEAR)
        valid = valid and least(q) >= 0
        s[far] = square[far] = 0.0
        largest = NEAR
    gap = dot(difference, s)
    powers = np.multiply(s, p, out=s)  # p s, then p s³, p s⁵, …
    for k in range(3, last_power(largest) + 1, 2):
        if k > 3:
            powers *= square
        gap = gap - 2 / k * dot(powers, square)
    if far is not None:
        gap = gap + _far_terms(p, q, difference, log_q, far)
    return Sums(np.add.reduce(p, axis=-1), np.add.reduce(difference, axis=-1), gap, valid)


def _in_short_blocks(p: Array, q: Array, difference: Array, log_q: Array | None) -> Sums:
    """`by_terms` in parts: far entries want many temporary arrays."""

    def parts() -> Iterator[tuple[Index, Sums]]:
        for block in blocks(difference.shape, SHORT_BLOCK):
            log_part = None if log_q is None else log_q[block]
            yield block[:-1], by_terms(p[block], q[block], difference[block], log_part)

    return Sums(*add_up(difference.shape[:-1], parts()))


def _far_terms(p: Array, q: Array, difference: Array, log_q: Array | None, far: Mask) -> Array:
    """Σ [q − p − p log(q/p)] over the entries picked out by ``far``; 0 log 0 is 0."""
    p, q = (np.broadcast_to(x, far.shape)[far] for x in (p, q))
    logs = log_ratio(q, p, None if log_q is None else np.broadcast_to(log_q, far.shape)[far])
    terms = np.zeros(far.shape)
    terms[far] = np.broadcast_to(difference, far.shape)[far] - np.where(p > 0, p * logs, 0.0)
    result: Array = np.add.reduce(terms, axis=-1)
    return result
