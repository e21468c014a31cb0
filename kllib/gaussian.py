"""Kullback–Leibler divergence between normal distributions, in closed form.

Conventions, the same in every function:

- Every function is D(first‖second): the arguments ending in 1 are the truth, under which the
  expectation is taken, and those ending in 2 the model. In nats; divide by ``log(2)`` for bits.
- A name says what a scale is: ``sigma`` a standard deviation, ``log_var`` the logarithm of a
  variance, ``cov`` a covariance matrix.
- Arguments broadcast. Numbers give a float, arrays an array.
- Arguments must be real and finite, standard deviations positive, covariance matrices symmetric
  and positive definite. Anything else raises ``ValueError`` with what is wrong and where.
- Accuracy: the relative error is at most 1e-12, near-equal distributions included (down to a
  divergence of 1e-20). ``python -m benchmarks.accuracy`` measures it. A value beyond the range of a
  float (above 8e307, to be safe) is returned as ``inf``.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kllib._numerics import covariance, elementwise, validate

__all__ = [
    "kl_diagonal_normal",
    "kl_multivariate_normal",
    "kl_normal",
    "kl_standard_normal",
]

Array: TypeAlias = NDArray[np.float64]
#: Numbers give a float, arrays an array.
Result: TypeAlias = np.float64 | Array


def kl_normal(mu1: ArrayLike, sigma1: ArrayLike, mu2: ArrayLike, sigma2: ArrayLike) -> Result:
    """D(N(μ1, σ1²) ‖ N(μ2, σ2²)) = ½ [r² − 1 − log r² + ((μ1 − μ2)/σ2)²] with r = σ1/σ2.

    Parameters
    ----------
    mu1, sigma1 : array_like
        Mean and standard deviation of the truth.
    mu2, sigma2 : array_like
        Mean and standard deviation of the model.

    Returns
    -------
    float or ndarray
        One value for each element of the broadcast arguments, in nats.

    Raises
    ------
    ValueError
        When an argument is not finite, a standard deviation is not positive, or the shapes do
        not broadcast.

    References
    ----------
    Kullback and Leibler (1951) define the divergence; this is its integral for two normals, the
    one-dimensional case of `kl_multivariate_normal`.

    Examples
    --------
    With equal scales it is half the squared distance in standard deviations:

    >>> print(kl_normal(3, 2, 1, 2))
    0.5

    It is the same in every unit of measurement:

    >>> print(kl_normal(0, 1, 1, 2) == kl_normal(0, 1024, 1024, 2048))
    True
    """
    mu1, mu2 = validate.real_array("mu1", mu1), validate.real_array("mu2", mu2)
    sigma1, sigma2 = validate.positive("sigma1", sigma1), validate.positive("sigma2", sigma2)
    validate.broadcastable(mu1=mu1, sigma1=sigma1, mu2=mu2, sigma2=sigma2)
    shift = elementwise.standardized(mu1, mu2, sigma2)
    return elementwise.half(elementwise.variance_gap(sigma1, sigma2), elementwise.square(shift))


def kl_standard_normal(mu: ArrayLike, log_var: ArrayLike) -> Result:
    """D(N(μ, σ²) ‖ N(0, 1)) = ½ [σ² − 1 − log σ² + μ²] with ``log_var`` = log σ².

    Element by element, and nothing is summed: the divergence of a vector with independent
    components, as in a variational autoencoder, is the sum of the result along their axis
    (or call `kl_diagonal_normal`).

    Parameters
    ----------
    mu, log_var : array_like
        Mean and log variance of the truth. The standard normal is the model.

    Returns
    -------
    float or ndarray
        One value for each element of the broadcast arguments, in nats.

    Raises
    ------
    ValueError
        When an argument is not finite or the shapes do not broadcast.

    References
    ----------
    Kingma and Welling (2014), Auto-encoding variational Bayes, appendix B (which states −D).

    Examples
    --------
    >>> print(kl_standard_normal([0.0, 2.0], 0.0))
    [0. 2.]
    """
    mu, log_var = validate.real_array("mu", mu), validate.real_array("log_var", log_var)
    validate.broadcastable(mu=mu, log_var=log_var)
    return elementwise.half(elementwise.exponential_gap(log_var), elementwise.square(mu))


def kl_diagonal_normal(
    mean1: ArrayLike, log_var1: ArrayLike, mean2: ArrayLike, log_var2: ArrayLike
) -> Result:
    """D between two normal vectors with independent components: Σ_i D(N(μ1ᵢ, σ1ᵢ²) ‖ N(μ2ᵢ, σ2ᵢ²)).

    With v = log σ1² − log σ2², each component adds ½ [eᵛ − 1 − v + ((μ1 − μ2)/σ2)²].

    Parameters
    ----------
    mean1, log_var1 : array_like, shape (..., d)
        Means and log variances of the truth.
    mean2, log_var2 : array_like, shape (..., d)
        Means and log variances of the model.

    Returns
    -------
    float or ndarray, shape (...)
        The sum over the last axis, in nats.

    Raises
    ------
    ValueError
        When an argument is not finite, the lengths of the last axes differ, or the other axes do
        not broadcast.

    References
    ----------
    `kl_multivariate_normal` with diagonal covariance matrices.

    Examples
    --------
    Divergences of independent components add up:

    >>> print(kl_diagonal_normal([3, 0], [0, 1], [1, 0], [0, 1]))
    2.0
    >>> print(kl_normal(3, 1, 1, 1) + kl_normal(0, np.exp(0.5), 0, np.exp(0.5)))
    2.0
    """
    mean1, mean2 = validate.vectors("mean1", mean1), validate.vectors("mean2", mean2)
    log_var1 = validate.vectors("log_var1", log_var1)
    log_var2 = validate.vectors("log_var2", log_var2)
    validate.same_length(mean1=mean1, log_var1=log_var1, mean2=mean2, log_var2=log_var2)
    shift = elementwise.standardized_by_log_variance(mean1, mean2, log_var2)
    gap = elementwise.exponential_gap(elementwise.difference(log_var1, log_var2))
    return elementwise.half(gap.sum(axis=-1), elementwise.square(shift).sum(axis=-1))


def kl_multivariate_normal(
    mean1: ArrayLike, cov1: ArrayLike, mean2: ArrayLike, cov2: ArrayLike
) -> Result:
    """D(N(μ1, Σ1) ‖ N(μ2, Σ2)) = ½ [tr(Σ2⁻¹Σ1) − d − log det(Σ2⁻¹Σ1) + |W(μ1 − μ2)|²].

    W whitens the model: W Σ2 Wᵀ = I, so that |W(μ1 − μ2)|² = (μ1 − μ2)ᵀ Σ2⁻¹ (μ1 − μ2).

    Parameters
    ----------
    mean1, cov1 : array_like, shapes (..., d) and (..., d, d)
        Mean and covariance matrix of the truth.
    mean2, cov2 : array_like, shapes (..., d) and (..., d, d)
        Mean and covariance matrix of the model.

    Returns
    -------
    float or ndarray, shape (...)
        In nats. The relative error is at most 1e-12 as long as the condition numbers of Σ1 and Σ2,
        once their variables are scaled to unit variance, are at most 1e8; beyond that it grows,
        to at most 1e-9 at a condition number of 1e12.

    Raises
    ------
    ValueError
        When an argument is not finite; the shapes do not fit; a covariance matrix is not
        symmetric (within 1e-6 relative to its diagonal, for the sake of matrices rounded in
        float32; within that, the lower triangle counts); or one is not positive definite in
        floating point, which happens to every matrix of a condition number above about 1e16.

    References
    ----------
    Rasmussen and Williams (2006), Gaussian Processes for Machine Learning, equation (A.23).

    Examples
    --------
    Shearing the plane, x ↦ A x, changes nothing:

    >>> mean1, cov1 = np.array([1, 0]), np.array([[2, 1], [1, 2]])
    >>> mean2, cov2 = np.array([0, 1]), np.array([[1, 0], [0, 4]])
    >>> before = kl_multivariate_normal(mean1, cov1, mean2, cov2)
    >>> A = np.array([[1, 3], [0, 1]])
    >>> after = kl_multivariate_normal(A @ mean1, A @ cov1 @ A.T, A @ mean2, A @ cov2 @ A.T)
    >>> print(round(before, 12), round(after, 12))
    1.018841036226 1.018841036226
    """
    mean1, mean2 = validate.vectors("mean1", mean1), validate.vectors("mean2", mean2)
    cov1, cov2 = validate.covariance("cov1", cov1), validate.covariance("cov2", cov2)
    validate.same_length(mean1=mean1, cov1=cov1[..., 0], mean2=mean2, cov2=cov2[..., 0])
    gap, whitening = covariance.relative_gap(cov1, cov2)
    shift = whitening.difference(mean1, mean2)
    return elementwise.half(gap, elementwise.square(shift).sum(axis=-1))
