"""Comparing two covariance matrices to full accuracy. Private.

The divergence of two normal distributions needs the eigenvalues of W (Σ1 − Σ2) Wᵀ, where W whitens
Σ2, that is W Σ2 Wᵀ = I. In plain double precision the inverse Cholesky factor misses that by
κ(Σ2)·1e-16, and each product loses as much again. So the factor is only the first guess: its miss
is computed with accurate matrix products, and corrected for to second order. What remains is of
the order of the miss cubed, and κ times the error of an accurate product.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kllib._numerics import double_double as dd
from kllib._numerics import elementwise
from kllib._numerics.double_double import DD
from kllib._numerics.validate import Array, batch_index

# Between these, the eigenvalues of the change are accurate enough, and near 0 nothing else is.
# Beyond, the divergence is so large that a difference of trace and determinants loses little.
_LEAST, _MOST = -0.9, 10.0


class Whitening(NamedTuple):
    """W = (I + correction) factor diag(2**-exponent) whitens a covariance matrix."""

    exponent: NDArray[np.int32]
    factor: Array
    correction: Array
    log_det_scaled: Array  # of the matrix after scaling by 2**-exponent on both sides

    def both_sides(self, matrix: DD) -> Array:
        """W matrix Wᵀ, for a matrix already scaled by 2**-exponent on both sides."""
        product = _congruence(self.factor, matrix)
        left = self.correction @ product.hi
        both = left + _transpose(left) + left @ _transpose(self.correction)
        result: Array = product.hi + (product.lo + both)
        return result

    def difference(self, a: Array, b: Array) -> Array:
        """W (a − b), for two vectors."""
        with np.errstate(over="ignore", invalid="ignore"):
            exact = dd.two_sum(a, -b)
            hi, lo = (np.ldexp(part, -self.exponent)[..., None] for part in exact)
            product = dd.matrix_product(_exact(self.factor), DD(hi, lo))
            result: Array = product.hi + (product.lo + self.correction @ product.hi)
        return np.where(np.isnan(result), np.inf, result)[..., 0]  # ∞ − ∞: it did overflow


def whiten(name: str, cov: Array) -> Whitening:
    """The whitening of each matrix; ``ValueError`` when one is not positive definite."""
    diagonal = np.diagonal(cov, axis1=-2, axis2=-1)
    exponent = np.frexp(diagonal)[1] // 2  # so that the diagonal is near 1, whatever the units
    scaled = _scaled(cov, exponent)
    factor = np.tril(np.linalg.inv(_cholesky(name, scaled)))
    product = _congruence(factor, _exact(scaled))
    miss = np.eye(cov.shape[-1]) - product.hi - product.lo
    square = miss @ miss
    # W Σ Wᵀ = I − miss for the factor alone; (I − miss)^(-1/2) sets it right.
    correction = miss / 2 + 3 * square / 8
    log_det = -2 * np.log(np.diagonal(factor, axis1=-2, axis2=-1)).sum(axis=-1)
    log_det -= np.trace(miss + square / 2, axis1=-2, axis2=-1)
    log_det += np.trace(miss @ square, axis1=-2, axis2=-1) / -3
    return Whitening(exponent, factor, correction, log_det)


def relative_gap(cov1: Array, cov2: Array) -> tuple[Array, Whitening]:
    """tr(Σ2⁻¹Σ1) − d − log det(Σ2⁻¹Σ1), and the whitening of Σ2."""
    first, second = whiten("cov1", cov1), whiten("cov2", cov2)
    with np.errstate(over="ignore", invalid="ignore"):
        change = second.both_sides(
            dd.two_sum(_scaled(cov1, second.exponent), -_scaled(cov2, second.exponent))
        )
        trace = np.trace(change, axis1=-2, axis2=-1)
    within_range = np.isfinite(trace)
    change = np.where(within_range[..., None, None], change, 0.0)
    symmetric = (change + _transpose(change)) / 2
    eigenvalues = np.linalg.eigvalsh(symmetric).astype(np.float64, copy=False)
    near = ((eigenvalues > _LEAST) & (eigenvalues < _MOST)).all(axis=-1)
    doublings = 2 * (first.exponent.sum(axis=-1) - second.exponent.sum(axis=-1))
    log_det = first.log_det_scaled - second.log_det_scaled + math.log(2) * doublings
    gap = np.where(near, elementwise.phi(eigenvalues).sum(axis=-1), trace - log_det)
    return np.where(within_range, gap, np.inf), second


def _scaled(matrix: Array, exponent: NDArray[np.int32]) -> Array:
    """diag(2**-exponent) matrix diag(2**-exponent), without rounding."""
    half = np.ldexp(matrix, -exponent[..., :, None])
    result: Array = np.ldexp(half, -exponent[..., None, :])
    return result


def _congruence(factor: Array, matrix: DD) -> DD:
    """factor matrix factorᵀ."""
    exact_factor = _exact(factor)
    transposed = DD(_transpose(factor), np.zeros_like(factor))
    return dd.matrix_product(dd.matrix_product(exact_factor, matrix), transposed)


def _cholesky(name: str, scaled: Array) -> Array:
    try:
        return np.linalg.cholesky(scaled).astype(np.float64, copy=False)
    except np.linalg.LinAlgError:
        pass
    for index in np.ndindex(scaled.shape[:-2]):
        try:
            np.linalg.cholesky(scaled[index])
        except np.linalg.LinAlgError:
            where = batch_index(index)
            raise ValueError(f"{name} is not positive definite{where}") from None
    raise AssertionError("a stack fails to factorise though each of its matrices does")


def _exact(array: Array) -> DD:
    return DD(array, np.zeros_like(array))


def _transpose(matrix: Array) -> Array:
    return np.swapaxes(matrix, -1, -2)
