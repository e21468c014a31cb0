"""Fisher information: the curvature of D, and the natural gradient that it defines.

For a smooth family p(x; θ) the divergence to a neighbour is, to second order, a squared length:

    D(p_θ‖p_{θ+dθ}) = ½ dθᵀ F(θ) dθ + O(|dθ|³),   F(θ) = E[s sᵀ],   s(x) = ∂ log p(x; θ)/∂θ.

The other direction has the same leading term: for near neighbours D is symmetric. In nats.

Conventions: outcomes lie along the last axis, parameters along the last but one; leading axes are
a batch, and broadcast. Accuracy: 1e-12 relative to the largest entry.
"""

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kllib._numerics import averages, score_vectors, validate, validate_numbers, validate_tables
from kllib._numerics import double_double as dd
from kllib._numerics.double_double import DD

__all__ = [
    "fisher_bernoulli",
    "fisher_categorical",
    "fisher_exponential_family",
    "fisher_information",
    "fisher_normal",
    "kl_second_order",
    "natural_gradient",
]

Array: TypeAlias = NDArray[np.float64]
#: One number gives a float, a batch an array.
Result: TypeAlias = np.float64 | Array

# Rounding may leave eigenvalues so far below zero, when the diagonal is about one.
_NEGATIVE = 1e-9


def fisher_information(p: ArrayLike, scores: ArrayLike) -> Array:
    """F = Σ p(x) s(x) s(x)ᵀ, with the scores s(x) = ∂ log p(x; θ)/∂θ, for a finite distribution.

    Parameters
    ----------
    p : array_like, shape (..., n)
        The distribution p(x; θ).
    scores : array_like, shape (..., k, n)
        ``scores[..., i, x]`` is ∂ log p(x; θ)/∂θ_i. What it is where p is zero does not matter,
        as long as it is finite.

    Returns
    -------
    ndarray, shape (..., k, k)

    Raises
    ------
    ValueError
        When p is not a distribution, the shapes do not fit, or the scores do not average to zero
        (within 1e-6 of their size), as every score does.

    References
    ----------
    Cover and Thomas (2006), section 11.10. Kullback and Leibler (1951), for its being the
    second-order term of D.

    Examples
    --------
    One toss of a coin with θ = ½: the scores are 1/θ and −1/(1 − θ), and F = 1/(θ(1 − θ)).

    >>> print(fisher_information([0.5, 0.5], [[2, -2]]), fisher_bernoulli(0.5))
    [[4.]] 4.0
    """
    p = averages.shares(validate.distribution("p", p))
    return _second_moment(p, score_vectors.scores(scores, p))


def fisher_exponential_family(p: ArrayLike, statistics: ArrayLike) -> Array:
    """F(λ) = ∇²A(λ) = Cov_p(T), in the natural parameters λ of p(x) = base(x) exp(λ·T(x) − A(λ)).

    Its inverse is the Fisher information in the mean parameters E T.

    Parameters
    ----------
    p : array_like, shape (..., n)
        The member of the family.
    statistics : array_like, shape (..., k, n)
        The values T(x) of k statistics, row by row.

    Returns
    -------
    ndarray, shape (..., k, k)

    Raises
    ------
    ValueError
        When p is not a distribution or the shapes do not fit.

    References
    ----------
    Amari (2016), Information Geometry and Its Applications, section 2.1.

    Examples
    --------
    Two tosses of a fair coin, T counting the heads: the variance is 2·½·½.

    >>> print(fisher_exponential_family([0.25, 0.5, 0.25], [[0, 1, 2]]))
    [[0.5]]
    """
    p = averages.shares(validate.distribution("p", p))
    rows = score_vectors.rows("statistics", statistics, p)
    mean = np.asarray(averages.expectation(p[..., None, :], rows))
    return _second_moment(p, rows - mean[..., None])


def fisher_bernoulli(p: ArrayLike) -> Result:
    """F(p) = 1/(p(1 − p)) for one toss of a coin that shows heads with probability p.

    Parameters
    ----------
    p : array_like
        Probabilities.

    Returns
    -------
    float or ndarray
        Element by element; ``inf`` at 0 and 1.

    Raises
    ------
    ValueError
        When an entry is not between 0 and 1.

    References
    ----------
    Lehmann and Casella (1998), Theory of Point Estimation, section 2.5.

    Examples
    --------
    >>> print(fisher_bernoulli([0.5, 0.2, 0.0]))
    [4.   6.25  inf]
    """
    p = validate_tables.fractions("p", p)
    with np.errstate(divide="ignore", over="ignore"):
        value = 1 / (p * (1 - p))
    return value if p.ndim else np.float64(value)


def fisher_categorical(
    p: ArrayLike, *, parameters: Literal["probabilities", "logits"] = "probabilities"
) -> Array:
    """F = diag(1/p_i) + 1/p_n in the first n − 1 probabilities; diag(p) − p pᵀ in the n logits.

    Parameters
    ----------
    p : array_like, shape (..., n)
        The distribution.
    parameters : {"probabilities", "logits"}
        The coordinates: the probabilities of all outcomes but the last, which follows from them,
        or logits with p = softmax(logits). Adding one number to all logits changes nothing, so
        that second matrix is singular.

    Returns
    -------
    ndarray, shape (..., n − 1, n − 1) or (..., n, n)
        In probabilities, ``inf`` where one of them is zero.

    Raises
    ------
    ValueError
        When p is not a distribution, or has one outcome only where n − 1 parameters are asked
        for, or ``parameters`` is neither of the two.

    References
    ----------
    Amari (2016), section 2.2, examples.

    Examples
    --------
    With two outcomes it is `fisher_bernoulli`, and in the logit of a coin p(1 − p):

    >>> print(fisher_categorical([0.2, 0.8]), fisher_categorical([0.2, 0.8], parameters="logits"))
    [[6.25]] [[ 0.16 -0.16]
     [-0.16  0.16]]
    """
    validate_numbers.choice("parameters", parameters, ("probabilities", "logits"))
    p = averages.shares(validate.distribution("p", p))
    if parameters == "logits":
        off_diagonal = p[..., :, None] * p[..., None, :] * (1 - np.eye(p.shape[-1]))
        return _diagonal(off_diagonal.sum(axis=-1)) - off_diagonal
    if p.shape[-1] < 2:
        raise ValueError("p must have at least two outcomes: one outcome has no parameter")
    with np.errstate(divide="ignore", over="ignore"):
        inverse = 1 / p
    return _diagonal(inverse[..., :-1]) + inverse[..., -1:, None]


def fisher_normal(sigma: ArrayLike) -> Array:
    """F = diag(1/σ², 2/σ²) in the parameters (μ, σ) of a normal distribution.

    Parameters
    ----------
    sigma : array_like, shape (...)
        Standard deviations; the mean does not matter.

    Returns
    -------
    ndarray, shape (..., 2, 2)

    Raises
    ------
    ValueError
        When a standard deviation is not positive and finite.

    References
    ----------
    Lehmann and Casella (1998), Theory of Point Estimation, section 2.5.

    Examples
    --------
    D between neighbours is half the squared length of the step:

    >>> from kllib.gaussian import kl_normal
    >>> print(round(kl_second_order(fisher_normal(2.0), [0.001, 0.001]) * 1e6, 3))
    0.375
    >>> print(round(kl_normal(0, 2, 0.001, 2.001) * 1e6, 3))
    0.375
    """
    sigma = validate.positive("sigma", sigma)
    with np.errstate(over="ignore", under="ignore"):
        precision = 1 / sigma / sigma
        return _diagonal(np.stack([precision, 2 * precision], axis=-1))


def kl_second_order(fisher: ArrayLike, step: ArrayLike) -> Result:
    """½ dθᵀ F dθ, which D(p_θ‖p_{θ+dθ}) and D(p_{θ+dθ}‖p_θ) are to second order in dθ.

    Parameters
    ----------
    fisher : array_like, shape (..., k, k)
        The Fisher information F(θ).
    step : array_like, shape (..., k)
        dθ.

    Returns
    -------
    float or ndarray, shape (...)
        In nats.

    Raises
    ------
    ValueError
        When fisher is not symmetric, is indefinite (an eigenvalue below −1e-9 once its diagonal is
        scaled to one), the shapes do not fit, or the value is beyond the range of a float.

    References
    ----------
    Kullback and Leibler (1951). Amari (2016), Information Geometry and Its Applications.

    Examples
    --------
    >>> from kllib.discrete import kl_divergence
    >>> print(round(kl_second_order([[fisher_bernoulli(0.3)]], [0.001]) * 1e6, 2))
    2.38
    >>> print(round(kl_divergence([0.3, 0.7], [0.301, 0.699]) * 1e6, 2))
    2.38
    """
    matrix, vector = _system(fisher, "step", step)
    exponent = _units(np.diagonal(matrix, axis1=-2, axis2=-1))
    scaled, lengths = _in_units(matrix, exponent), np.ldexp(vector, exponent)
    _require_no_negative(scaled)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        value = ((scaled @ lengths[..., None])[..., 0] * lengths).sum(axis=-1) / 2
    _require_finite("the second-order term", value)
    return value if value.ndim else np.float64(value)


def natural_gradient(fisher: ArrayLike, gradient: ArrayLike, *, damping: float = 0.0) -> Array:
    """F⁻¹ g, the direction of steepest ascent when steps are measured by D; (F + damping·I)⁻¹ g.

    Of all steps with ½ dθᵀF dθ = ε, it is along this one that the objective rises most. It is the
    same direction, as a change of the distribution, in whatever parameters it is computed.

    Parameters
    ----------
    fisher : array_like, shape (..., k, k)
        The Fisher information F(θ).
    gradient : array_like, shape (..., k)
        The gradient of the objective.
    damping : float
        What is added to the diagonal of F, not negative; needed when F is singular, as in logits.

    Returns
    -------
    ndarray, shape (..., k)
        With a relative error of at most 1e-12 as long as the condition number of F + damping·I,
        once its diagonal is scaled to one, is at most 1e10.

    Raises
    ------
    ValueError
        When fisher is not symmetric with no negative diagonal entry, F + damping·I is singular or
        not positive definite, the shapes do not fit, damping is negative, or the step is beyond
        the range of a float.

    References
    ----------
    Amari (1998), Natural gradient works efficiently in learning, theorem 1.

    Examples
    --------
    For the mean of a normal distribution it undoes the scale: 1/σ² is divided out.

    >>> print(natural_gradient(fisher_normal(10.0), [0.01, 0.0]))
    [1. 0.]
    """
    amount = validate.non_negative_number("damping", damping)
    matrix, vector = _system(fisher, "gradient", gradient)
    with np.errstate(over="ignore"):
        matrix = matrix + amount * np.eye(matrix.shape[-1])
    _require_finite("fisher with its damping", matrix.max(axis=(-2, -1)))
    exponent = _units(np.diagonal(matrix, axis1=-2, axis2=-1))
    scaled = _in_units(matrix, exponent)
    _require_definite(scaled)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        target = np.ldexp(vector, -exponent)[..., None]
        solution = np.zeros(np.broadcast_shapes(target.shape, (*scaled.shape[:-1], 1)))
        for _ in range(4):  # the residuals are computed to twice the precision: this converges
            product = dd.matrix_product(_exact(scaled), _exact(solution))
            residual = (target - product.hi) - product.lo
            solution = solution + np.linalg.solve(scaled, residual)
        result: Array = np.ldexp(solution[..., 0], -exponent)
    _require_finite("the natural gradient", result)
    return result


def _units(diagonal: Array) -> NDArray[np.intp]:
    """Powers of two in whose units the diagonal is about one; they round nothing."""
    return np.asarray(np.frexp(diagonal)[1] // 2, dtype=np.intp)


def _in_units(matrix: Array, exponent: NDArray[np.intp]) -> Array:
    scaled: Array = np.ldexp(np.ldexp(matrix, -exponent[..., :, None]), -exponent[..., None, :])
    return scaled


def _require_finite(what: str, value: Array) -> None:
    finite = np.isfinite(value)
    if not finite.all():
        where = validate.batch_index(validate.first(~finite))
        raise ValueError(f"{what} is beyond the range of a float{where}")


def _require_no_negative(scaled: Array) -> None:
    negative = np.linalg.eigvalsh(scaled)[..., 0] < -_NEGATIVE
    if np.any(negative):
        where = validate.batch_index(validate.first(negative))
        raise ValueError(
            f"fisher is indefinite{where}: no Fisher information has such an eigenvalue"
        )


def _require_definite(scaled: Array) -> None:
    eigenvalues = np.linalg.eigvalsh(scaled)
    least = 4 * scaled.shape[-1] * np.finfo(float).eps * eigenvalues[..., -1]
    singular = eigenvalues[..., 0] <= least
    if np.any(singular):
        where = validate.batch_index(validate.first(singular))
        raise ValueError(
            f"fisher is singular or not positive definite{where}: drop parameters that change "
            "nothing, or add damping"
        )


def _system(fisher: ArrayLike, name: str, vector: ArrayLike) -> tuple[Array, Array]:
    matrix = _symmetric(fisher)
    array = validate.vectors(name, vector)
    validate.same_length(fisher=matrix[..., 0, :], **{name: array})
    return matrix, array


def _symmetric(fisher: ArrayLike) -> Array:
    """As a covariance, but parameters that change nothing may have rows of zeros."""
    matrix = validate.real_array("fisher", fisher)
    if matrix.ndim < 2 or matrix.shape[-1] != matrix.shape[-2]:
        return validate.covariance("fisher", matrix)  # which says what is wrong
    occupied = matrix != 0
    idle = _diagonal(1.0 * ~(occupied.any(axis=-1) | occupied.any(axis=-2)))
    return validate.covariance("fisher", matrix + idle) - idle


def _second_moment(p: Array, rows: Array) -> Array:
    """Σ p s sᵀ."""
    with np.errstate(over="ignore", under="ignore"):
        result: Array = (rows * p[..., None, :]) @ np.swapaxes(rows, -1, -2)
    return (result + np.swapaxes(result, -1, -2)) / 2


def _diagonal(values: Array) -> Array:
    return np.where(np.eye(values.shape[-1]) > 0, values[..., :, None], 0.0)


def _exact(array: Array) -> DD:
    return DD(array, np.zeros_like(array))
