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

from kllib import _double_double as dd
from kllib import _stable
from kllib._double_double import DD
from kllib._validate import Array, batch_index

# When the change is smaller than this, eigenvalues; else the trace and the determinants, whose
# difference then loses little.
_NEAR = 0.5


class Whitening(NamedTuple):
    """W = (I + correction) factor diag(2**-exponent) whitens a covariance matrix."""

    exponent: NDArray[np.int32]
    factor: Array
    correction: Array
    log_det_scaled: Array  # of the matrix after scaling by 2**-exponent on both sides

    def scale(self, matrix: Array) -> Array:
        """diag(2**-exponent) matrix diag(2**-exponent)."""
        half = np.ldexp(matrix, -self.exponent[..., :, None])
        result: Array = np.ldexp(half, -self.exponent[..., None, :])
        return result

    def both_sides(self, matrix: DD) -> Array:
        """W matrix Wᵀ, for a matrix that has been scaled."""
        product = _congruence(self.factor, matrix)
        left = self.correction @ product.hi
        both = left + _transpose(left) + left @ _transpose(self.correction)
        result: Array = product.hi + (product.lo + both)
        return result

    def difference(self, a: Array, b: Array) -> Array:
        """W (a − b), for two vectors."""
        a, b = np.ldexp(a, -self.exponent), np.ldexp(b, -self.exponent)
        exact = dd.two_sum(a, -b)
        column = DD(exact.hi[..., None], exact.lo[..., None])
        product = dd.matrix_product(_exact(self.factor), column)
        result: Array = product.hi + (product.lo + self.correction @ product.hi)
        return result[..., 0]


def whiten(name: str, cov: Array) -> Whitening:
    """The whitening of each matrix; ``ValueError`` when one is not positive definite."""
    diagonal = np.diagonal(cov, axis1=-2, axis2=-1)
    exponent = np.frexp(diagonal)[1] // 2  # so that the diagonal is near 1, whatever the units
    unfinished = Whitening(exponent, cov, cov, diagonal)
    scaled = unfinished.scale(cov)
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
        change = second.both_sides(dd.two_sum(second.scale(cov1), -second.scale(cov2)))
        change = (change + _transpose(change)) / 2
        size = np.sqrt((change**2).sum(axis=(-2, -1)))
        trace = np.trace(change, axis1=-2, axis2=-1)
    near = size < _NEAR
    eigenvalues = np.linalg.eigvalsh(np.where(near[..., None, None], change, 0.0))
    doublings = 2 * (first.exponent.sum(axis=-1) - second.exponent.sum(axis=-1))
    log_det = first.log_det_scaled - second.log_det_scaled + math.log(2) * doublings
    far_gap = np.where(np.isfinite(trace), trace - log_det, np.inf)
    return np.where(near, _stable.phi(eigenvalues).sum(axis=-1), far_gap), second


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
