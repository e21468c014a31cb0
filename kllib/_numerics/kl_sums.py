"""D(p‖q) of rows without cancellation, in blocks. Private.

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
from kllib._numerics import kl_blocks
from kllib._numerics.averages import near_one
from kllib._numerics.elementwise import phi
from kllib._numerics.kl_blocks import LOSS, Sums
from kllib._numerics.rows import Index, add_up, blocks
from kllib._numerics.validate import Array, every

# Rows with a total below this are scaled up, so that no product of two differences underflows.
_SMALL = 1e-250


class Divergences(NamedTuple):
    """What one pass over two stacks of rows tells."""

    divergence: Array  # D(p/Σp ‖ q/Σq)
    totals: tuple[Array, Array]
    valid: bool  # no entry is negative or not a number


def relative_entropy(p: Array, q: Array) -> Array:
    """D(p/Σp ‖ q/Σq) along the last axis; the sums may be any positive numbers.

    Rows where p is nothing but zeros give 0; rows where q alone is, infinity.
    """
    return compare(p, q).divergence


@np.errstate(all="ignore")
def compare(p: Array, q: Array) -> Divergences:
    """D(p/Σp ‖ q/Σq) along the last axis, for entries that nobody has checked yet."""
    total, excess, gap, valid = _row_sums(p, q)
    mean_gap, mean_excess = gap / total, excess / total
    divergence = mean_gap - _phi_of_whole(mean_excess)
    # Digits may cancel between the two, and in Σq/Σp = 1 + (Σq − Σp)/Σp.
    accurate = (divergence * LOSS >= mean_gap) & (mean_excess >= 1 / LOSS - 1)
    if valid and not every(accurate & (total > _SMALL)):
        divergence = _rescaled(p, q)
    return Divergences(divergence, (total, total + excess), valid)


def _row_sums(p: Array, q: Array, scale: Array | None = None) -> Sums:
    """The sums of all blocks. With a scale, q is multiplied by it, without rounding."""
    if p.shape == q.shape and p.size <= kl_blocks.BLOCK and scale is None:
        if _looks_near(p, q):
            return kl_blocks.by_terms(p, q, q - p)
        return _block_sums(p, q, near=False)[0]
    shape = np.broadcast_shapes(p.shape, q.shape)
    p, q = np.broadcast_to(p, shape), np.broadcast_to(q, shape)
    parts = _parts(p, q) if scale is None else _scaled_parts(p, q, scale)
    return Sums(*add_up(shape[:-1], parts))


def _parts(p: Array, q: Array) -> Iterator[tuple[Index, Sums]]:
    near = _looks_near(p, q)
    for block in blocks(p.shape, kl_blocks.BLOCK):
        sums, near = _block_sums(p[block], q[block], near)
        yield block[:-1], sums


def _scaled_parts(p: Array, q: Array, scale: Array) -> Iterator[tuple[Index, Sums]]:
    for block in blocks(p.shape, kl_blocks.SHORT_BLOCK):
        rows, part = block[:-1], p[block]
        model = dd.two_product(scale[rows][..., None], q[block])
        yield rows, kl_blocks.by_terms(part, model.hi, (model.hi - part) + model.lo)


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
        sums = kl_blocks.by_terms(p, q, q - p)
        return sums, not _is_accurate(sums).any()
    sums = kl_blocks.by_logarithms(p, q)
    accurate = _is_accurate(sums)
    if every(accurate):
        return sums, False
    if not accurate.any():
        return kl_blocks.by_terms(p, q, q - p), True
    lost = ~accurate
    p, q = p[lost], q[lost]
    again = kl_blocks.by_terms(p, q, q - p)
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
        p, q = near_one(p), near_one(q)
        p_total, q_total = p.sum(axis=-1), q.sum(axis=-1)
    total, excess, gap, _ = _row_sums(p, q, p_total / q_total)
    divergence = gap / total - _phi_of_whole(excess / total)
    divergence = np.maximum(divergence, 0.0)  # which rounding might miss where it is zero
    divergence = np.where((q_total > 0) & (gap < np.inf), divergence, np.inf)
    result: Array = np.where(p_total > 0, divergence, 0.0)[()]  # one number is no array
    return result


def _phi_of_whole(excess: Array) -> Array:
    if every(abs(excess) < 1e-5):
        result: Array = excess * excess * (1 / 2 - excess * (1 / 3 - excess / 4))
        return result
    return phi(excess)
