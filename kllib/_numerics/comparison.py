"""−Σ p log q without cancellation, in blocks. Private; the counterpart of `stable.compare`."""

from typing import NamedTuple

import numpy as np

from kllib._numerics import gap_sums, stable
from kllib._numerics.validate import Array, every

# Below this the surprise of a nearly certain outcome counts, and its logarithm has lost digits.
_CERTAIN = 1 / 64


class Comparison(NamedTuple):
    """What one pass over two stacks of rows tells."""

    cross_entropy: Array  # H(p/Σp, q/Σq)
    totals: tuple[Array, Array]
    valid: bool  # no entry is negative or not a number


class _Sums(NamedTuple):
    p_total: Array
    q_total: Array
    log_sum: Array  # Σ p log q
    valid: bool


def compare(p: Array, q: Array) -> Comparison:
    """H(p/Σp, q/Σq) = log Σq − Σ p log q / Σp along the last axis, for entries not checked yet."""
    with np.errstate(all="ignore"):
        p_total, q_total, log_sum, valid = _row_sums(p, q)
        nats = np.log(q_total) - log_sum / p_total
        if valid and not every(nats >= _CERTAIN):
            p, q = np.broadcast_arrays(p, q)
            certain = nats < _CERTAIN
            nats = np.where(certain, 0.0, nats)
            nats[certain] = stable.expectation(p[certain], stable.surprisal(q[certain]))
            nats = nats[()]  # one number is no array
        return Comparison(nats, (p_total, q_total), valid)


def _row_sums(p: Array, q: Array) -> _Sums:
    if p.shape == q.shape and p.size <= gap_sums.BLOCK:
        return _block_sums(p, q)
    shape = np.broadcast_shapes(p.shape, q.shape)
    p, q = np.broadcast_to(p, shape), np.broadcast_to(q, shape)
    p_total, q_total, log_sum = (np.zeros(shape[:-1]) for _ in range(3))
    valid = True
    for block in gap_sums.blocks(shape):
        rows, sums = block[:-1], _block_sums(p[block], q[block])
        p_total[rows] += sums.p_total
        q_total[rows] += sums.q_total
        log_sum[rows] += sums.log_sum
        valid = valid and sums.valid
    return _Sums(p_total, q_total, log_sum, valid)


def _block_sums(p: Array, q: Array) -> _Sums:
    least = np.minimum.reduce(p, axis=None)
    logs = np.log(q)
    if not least > 0:
        logs[p == 0] = 0.0  # an infinite surprise that never comes
    valid = bool(least >= 0 and np.minimum.reduce(q, axis=None) >= 0)
    totals = np.add.reduce(p, axis=-1), np.add.reduce(q, axis=-1)
    return _Sums(*totals, np.vecdot(p, logs), valid)
