"""−Σ p log q without cancellation, in blocks. Private; the counterpart of `kl_sums.compare`."""

from typing import NamedTuple

import numpy as np

from kllib._numerics import averages
from kllib._numerics.kl_blocks import BLOCK, least
from kllib._numerics.rows import add_up, blocks, dot
from kllib._numerics.validate import Array, every

# Below this the surprise of a nearly certain outcome counts, and its logarithm has lost digits.
_CERTAIN = 1 / 64


class CrossEntropies(NamedTuple):
    """What one pass over two stacks of rows tells."""

    cross_entropy: Array  # H(p/Σp, q/Σq)
    totals: tuple[Array, Array]
    valid: bool  # no entry is negative or not a number


class _Sums(NamedTuple):
    p_total: Array
    q_total: Array
    log_sum: Array  # Σ p log q
    valid: bool


@np.errstate(all="ignore")
def compare(p: Array, q: Array) -> CrossEntropies:
    """H(p/Σp, q/Σq) = log Σq − Σ p log q / Σp along the last axis, for entries not checked yet."""
    p_total, q_total, log_sum, valid = _row_sums(p, q)
    nats = np.log(q_total) - log_sum / p_total
    if valid and not every(nats >= _CERTAIN):
        p, q = np.broadcast_arrays(p, q)
        certain = nats < _CERTAIN
        nats = np.where(certain, 0.0, nats)
        nats[certain] = averages.expectation(p[certain], averages.surprisal(q[certain]))
        nats = nats[()]  # one number is no array
    return CrossEntropies(nats, (p_total, q_total), valid)


def _row_sums(p: Array, q: Array) -> _Sums:
    if p.shape == q.shape and p.size <= BLOCK:
        return _block_sums(p, q)
    shape = np.broadcast_shapes(p.shape, q.shape)
    p, q = np.broadcast_to(p, shape), np.broadcast_to(q, shape)
    parts = ((block[:-1], _block_sums(p[block], q[block])) for block in blocks(shape, BLOCK))
    return _Sums(*add_up(shape[:-1], parts))


def _block_sums(p: Array, q: Array) -> _Sums:
    p_least = least(p)
    logs = np.log(q)
    if not p_least > 0:
        logs[p == 0] = 0.0  # an infinite surprise that never comes
    valid = p_least >= 0 and least(q) >= 0
    totals = np.add.reduce(p, axis=-1), np.add.reduce(q, axis=-1)
    return _Sums(*totals, dot(p, logs), valid)
