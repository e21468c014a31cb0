"""Rényi divergence of finite distributions, and the Bhattacharyya distance.

Conventions are those of `fdivergence`: D(first‖second), a distribution along ``axis``, nats unless
``base=`` says otherwise, infinities returned as ``inf``, and a relative error of at most 1e-12 for
p/Σp and q/Σq, near p = q and near α = 1 included.
"""

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kllib._numerics import renyi, validate
from kllib._numerics.extended import extended_array
from kllib.discrete import kl_divergence

__all__ = ["bhattacharyya_coefficient", "bhattacharyya_distance", "renyi_divergence"]

Array: TypeAlias = NDArray[np.float64]
#: One distribution gives a float, a batch an array.
Result: TypeAlias = np.float64 | Array


def renyi_divergence(
    p: ArrayLike, q: ArrayLike, alpha: float, *, axis: int = -1, base: float | None = None
) -> Result:
    """Rényi's divergence of order α, D_α(p‖q) = log(Σ p^α q^(1 − α)) / (α − 1).

    Its limits are −log q(p > 0) at α = 0, Kullback and Leibler's D(p‖q) at α = 1, and
    log max p/q at α = ∞.

    Parameters
    ----------
    p, q : array_like, shape (..., n)
        Truth and model, along ``axis``; the other axes broadcast.
    alpha : float
        The order, between 0 and ``inf``.
    axis : int
        The axis along which a distribution lies.
    base : float, optional
        Base of the logarithm, above 1; nats when left out.

    Returns
    -------
    float or ndarray, shape (...)
        Never decreasing in α. For α < 1 it is ``inf`` where p and q share no outcome, for α ≥ 1
        where q rules out an outcome that p can produce. Symmetric in p and q for α = ½ alone;
        generally (1 − α) D_α(p‖q) = α D_(1−α)(q‖p) for 0 < α < 1.

    Raises
    ------
    ValueError
        When p or q is not a distribution, their shapes do not fit, alpha is negative or not a
        number, or ``axis`` or ``base`` makes no sense.

    References
    ----------
    Rényi (1961), On measures of entropy and information. Van Erven and Harremoës (2014), Rényi
    divergence and Kullback–Leibler divergence, IEEE Trans. Inf. Theory 60: the conventions.

    Examples
    --------
    >>> p, q = [0.5, 0.5, 0], [0.25, 0.5, 0.25]
    >>> for alpha in (0, 0.5, 1, 2, np.inf):
    ...     print(round(renyi_divergence(p, q, alpha, base=2), 6))
    0.415037
    0.456893
    0.5
    0.584963
    1.0
    >>> print(round(-np.log2(0.75), 6), kl_divergence(p, q, base=2))
    0.415037 0.5
    """
    unit = validate.log_of_base(base)
    order = _order(alpha)
    if order == 1:
        return kl_divergence(p, q, axis=axis, base=base)
    p, q = _pair(p, q, axis)
    if order == 0:
        return renyi.surprise_of_support(p, q) / unit
    if order == math.inf:
        return renyi.largest_log_ratio(p, q) / unit
    return renyi.divergence(p, q, order) / unit


def bhattacharyya_coefficient(p: ArrayLike, q: ArrayLike, *, axis: int = -1) -> Result:
    """The Bhattacharyya coefficient Σ √(p q): the cosine between the vectors √p and √q.

    Parameters
    ----------
    p, q : array_like, shape (..., n)
        Two distributions, along ``axis``; the other axes broadcast.
    axis : int
        The axis along which a distribution lies.

    Returns
    -------
    float or ndarray, shape (...)
        Between 0, for distributions that share no outcome, and 1.

    Raises
    ------
    ValueError
        When p or q is not a distribution, their shapes do not fit, or ``axis`` makes no sense.

    References
    ----------
    Bhattacharyya (1943), Bull. Calcutta Math. Soc. 35.

    Examples
    --------
    >>> print(bhattacharyya_coefficient([0.5, 0.5], [0, 1]) == np.sqrt(0.5))
    True
    """
    return renyi.overlap(*_pair(p, q, axis))


def bhattacharyya_distance(
    p: ArrayLike, q: ArrayLike, *, axis: int = -1, base: float | None = None
) -> Result:
    """The Bhattacharyya distance −log Σ √(p q), half of Rényi's divergence of order ½.

    It is not a metric; √(1 − Σ √(p q)), the square root of `squared_hellinger`, is.

    Parameters
    ----------
    p, q : array_like, shape (..., n)
        Two distributions, along ``axis``; the other axes broadcast.
    axis : int
        The axis along which a distribution lies.
    base : float, optional
        Base of the logarithm, above 1; nats when left out.

    Returns
    -------
    float or ndarray, shape (...)
        ``inf`` for distributions that share no outcome.

    Raises
    ------
    ValueError
        When p or q is not a distribution, their shapes do not fit, or ``axis`` or ``base`` makes
        no sense.

    References
    ----------
    Bhattacharyya (1943), Bull. Calcutta Math. Soc. 35. Kailath (1967), The divergence and
    Bhattacharyya distance measures in signal selection, IEEE Trans. Commun. Technol. 15.

    Examples
    --------
    >>> print(round(bhattacharyya_distance([0.5, 0.5], [0, 1], base=2), 12))
    0.5
    """
    return renyi_divergence(p, q, 0.5, axis=axis, base=base) / 2


def _pair(p: ArrayLike, q: ArrayLike, axis: int) -> tuple[Array, Array]:
    p, q = validate.distribution("p", p, axis), validate.distribution("q", q, axis)
    validate.same_length(p=p, q=q)
    return p, q


def _order(alpha: float) -> float:
    order = extended_array("alpha", alpha, math.inf)
    if order.ndim:
        raise ValueError(f"alpha must be one number; got an array of shape {order.shape}")
    if order < 0:
        raise ValueError(f"alpha must not be negative; got {alpha!r}")
    return float(order)
