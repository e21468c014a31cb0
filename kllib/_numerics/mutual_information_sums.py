"""The mutual information of a table without cancellation, in blocks. Private; see `kl_sums`."""

import numpy as np

from kllib._numerics import double_double as dd
from kllib._numerics import kl_blocks
from kllib._numerics.kl_blocks import LOSS
from kllib._numerics.rows import blocks
from kllib._numerics.validate import Array, every


def dependence(joint: Array) -> Array:
    """D(joint ‖ product of its marginals), the joint along the last two axes."""
    rows, columns = joint.sum(axis=-1), joint.sum(axis=-2)
    whole = rows.sum(axis=-1)
    with np.errstate(all="ignore"):
        shares = rows / whole[..., None]
        gap = np.zeros_like(whole)
        for block in blocks(joint.shape, kl_blocks.BLOCK):
            model = shares[block[:-1]][..., None] * columns[(*block[:-2], block[-1])][..., None, :]
            sums = kl_blocks.by_logarithms(joint[block], model)
            gap[block[:-2]] += sums.gap.sum(axis=-1)
        if every((gap * LOSS >= whole) & (gap < np.inf)):
            information: Array = gap / whole
            return information
        return _weak_dependence(joint, shares, columns, whole)


def _weak_dependence(joint: Array, shares: Array, columns: Array, whole: Array) -> Array:
    """The same term by term. What the marginals' rounding adds is taken off, as φ of the whole is.

    D(p ‖ r̃⊗c̃) = D(p ‖ r⊗c) + D(r ‖ r̃) + D(c ‖ c̃) for the marginals r, c of p and any r̃, c̃.
    """
    log_shares, log_columns = np.log(shares), np.log(columns)
    gap = np.zeros(joint.shape[:-2])
    row_excess, column_excess = np.zeros_like(shares), np.zeros_like(columns)
    for block in blocks(joint.shape, kl_blocks.SHORT_BLOCK):
        batch, row, column = block[:-2], block[:-1], (*block[:-2], block[-1])
        part = joint[block]
        model = dd.two_product(shares[row][..., None], columns[column][..., None, :])
        difference = (model.hi - part) + model.lo
        log_model = log_shares[row][..., None] + log_columns[column][..., None, :]
        sums = kl_blocks.by_terms(part, model.hi, difference, log_model)
        gap[batch] += sums.gap.sum(axis=-1)
        row_excess[row] += sums.excess
        column_excess[column] += difference.sum(axis=-2)
    gap -= _half_square(row_excess, shares * whole[..., None])
    gap -= _half_square(column_excess, columns)
    gap += _half_square(row_excess.sum(axis=-1, keepdims=True), whole[..., None])
    result: Array = np.maximum(gap / whole, 0.0)  # which rounding might miss where it is zero
    return result


def _half_square(excess: Array, total: Array) -> Array:
    """Σ total φ(excess/total), the excess being mere rounding error."""
    result: Array = np.where(total > 0, excess * excess / (2 * total), 0.0).sum(axis=-1)
    return result
