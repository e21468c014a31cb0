"""Divergences between Wishart distributions, in closed form. Private.

Conventions as in `kllib.families._gamma_families`. As there, the divergence is a sum of
two parts that are never negative, one for the mean matrices n V and one for the degrees of
freedom n.

Accuracy: the relative error is at most 1e-12, near-equal arguments included, as long as the
condition numbers of the scale matrices, once their variables are scaled to unit variance, are at
most 1e8; beyond that it grows, to 1e-10 at a condition number of 1e12.
"""

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kllib._numerics import bregman_gaps, covariance, elementwise, validate
from kllib._numerics import double_double as dd
from kllib._numerics.bregman_gaps import Step
from kllib._numerics.double_double import DD

__all__ = ["kl_inverse_wishart", "kl_wishart"]

Array: TypeAlias = NDArray[np.float64]
#: Numbers give a float, arrays an array.
Result: TypeAlias = np.float64 | Array

# Between these the eigenvalues of T − I count, beyond them its trace and determinants (as in
# `kllib._numerics.covariance`).
_LEAST, _MOST = -0.9, 10.0


def kl_wishart(df1: ArrayLike, scale1: ArrayLike, df2: ArrayLike, scale2: ArrayLike) -> Result:
    """D(W(n1, V1) ‖ W(n2, V2)) = ½ n2 (tr T − d − ln det T) + Σ_j gap_j, T = (n2 V2)⁻¹ n1 V1.

    T compares the means n V. With aᵢ = nᵢ/2, gap_j is that of ln Γ(x − j/2) − x ln x + x from a1
    to a2, for j = 0, ..., d − 1: all of them together are the multivariate ln Γ's share.

    Parameters
    ----------
    df1, scale1 : array_like, shapes (...) and (..., d, d)
        Degrees of freedom n1, above d − 1, and scale matrix V1 of the truth.
    df2, scale2 : array_like, shapes (...) and (..., d, d)
        Degrees of freedom and scale matrix of the model.

    Returns
    -------
    float or ndarray, shape (...)
        In nats.

    Raises
    ------
    ValueError
        When degrees of freedom are not above d − 1, a scale matrix is not symmetric positive
        definite (see `kllib.kl_multivariate_normal`), or the shapes do not fit.

    References
    ----------
    Penny (2001), Kullback–Leibler divergences of normal, gamma, Dirichlet and Wishart densities.

    Examples
    --------
    Shearing the plane, V ↦ A V Aᵀ, changes nothing:

    >>> V1, V2, A = np.array([[2, 1], [1, 2]]), np.eye(2), np.array([[1, 3], [0, 1]])
    >>> before, after = kl_wishart(3, V1, 5, V2), kl_wishart(3, A @ V1 @ A.T, 5, A @ V2 @ A.T)
    >>> print(round(before, 12) == round(after, 12))
    True
    """
    n1, v1, n2, v2 = _arguments(df1, scale1, df2, scale2)
    mean_part = _mean_gap(n1, v1, n2, v2, ("scale1", "scale2"))
    return _result(mean_part + _df_gap(n1, n2, v1.shape[-1]))


def kl_inverse_wishart(
    df1: ArrayLike, scale1: ArrayLike, df2: ArrayLike, scale2: ArrayLike
) -> Result:
    """D(W⁻¹(n1, Ψ1) ‖ W⁻¹(n2, Ψ2)) = D(W(n1, Ψ1⁻¹) ‖ W(n2, Ψ2⁻¹)), see `kl_wishart`.

    Nothing needs to be inverted, as Ψ2 Ψ1⁻¹ has the eigenvalues of V2⁻¹ V1 for V = Ψ⁻¹.
    """
    n1, v1, n2, v2 = _arguments(df1, scale1, df2, scale2)
    mean_part = _mean_gap(n1, v2, n2, v1, ("scale2", "scale1"))
    return _result(mean_part + _df_gap(n1, n2, v1.shape[-1]))


def _mean_gap(n1: Array, v1: Array, n2: Array, v2: Array, names: tuple[str, str]) -> Array:
    """½ n2 (tr T − d − ln det T) with T = (n2 V2)⁻¹ n1 V1."""
    first, second = (covariance.whiten(name, v) for name, v in zip(names, (v1, v2), strict=True))
    with np.errstate(over="ignore", invalid="ignore"):
        mean1, mean2 = (
            dd.two_product(n[..., None, None], _in_units(v, second.exponent))
            for n, v in ((n1, v1), (n2, v2))
        )
        change = second.both_sides(dd.add(mean1, DD(-mean2.hi, -mean2.lo))) / n2[..., None, None]
        trace = np.trace(change, axis1=-2, axis2=-1)
    within_range = np.isfinite(trace)
    change = np.where(within_range[..., None, None], change, 0.0)
    symmetric = (change + np.swapaxes(change, -1, -2)) / 2
    eigenvalues = np.linalg.eigvalsh(symmetric).astype(np.float64, copy=False)
    near = ((eigenvalues > _LEAST) & (eigenvalues < _MOST)).all(axis=-1)
    doublings = 2 * (first.exponent.sum(axis=-1) - second.exponent.sum(axis=-1))
    log_det = first.log_det_scaled - second.log_det_scaled + math.log(2) * doublings
    log_det = log_det + v1.shape[-1] * (np.log(n1) - np.log(n2))
    gap = np.where(near, elementwise.phi(eigenvalues).sum(axis=-1), trace - log_det)
    with np.errstate(over="ignore"):
        result: Array = n2 / 2 * np.where(within_range, gap, np.inf)
    return result


def _in_units(matrix: Array, exponent: NDArray[np.int32]) -> Array:
    """diag(2**-exponent) matrix diag(2**-exponent), without rounding."""
    result: Array = np.ldexp(np.ldexp(matrix, -exponent[..., None]), -exponent[..., None, :])
    return result


def _df_gap(n1: Array, n2: Array, d: int) -> Array:
    """The divergence of two distributions with the same mean matrix."""
    j = np.arange(d)
    lower = Step((n1[..., None] - j) / 2, (n2[..., None] - j) / 2, (n2 - n1)[..., None] / 2)
    # ln Γ(x − j/2) − x ln x + x is h(x − j/2), and what x ln x − x drops when x rises by j/2.
    drop = bregman_gaps.entropy_drop(lower, bregman_gaps.constant(j / 2))
    result: Array = (bregman_gaps.gammaln_excess_gap(lower) + drop).sum(axis=-1)
    return result


def _arguments(
    df1: ArrayLike, scale1: ArrayLike, df2: ArrayLike, scale2: ArrayLike
) -> tuple[Array, Array, Array, Array]:
    v1, v2 = validate.covariance("scale1", scale1), validate.covariance("scale2", scale2)
    validate.same_table(scale1=v1, scale2=v2)
    least = v1.shape[-1] - 1
    n1, n2 = validate.positive("df1", df1), validate.positive("df2", df2)
    for name, n in (("df1", n1), ("df2", n2)):
        if np.any(n <= least):
            raise ValueError(f"{name} must be above d - 1 = {least}; got {n[n <= least][0]:.6g}")
    validate.broadcastable(df1=n1, scale1=v1[..., 0, 0], df2=n2, scale2=v2[..., 0, 0])
    return n1, v1, n2, v2


def _result(value: Array) -> Result:
    array = np.asarray(value)
    return array if array.ndim else np.float64(array)
