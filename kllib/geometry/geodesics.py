"""The two straight lines from p to q: mixing probabilities, and mixing their logarithms.

The m-geodesic is straight in mean parameters: every expectation moves linearly along it. The
e-geodesic is straight in natural parameters: every log ratio log p(x) − log p(y) does. A
projection meets its flat set at a right angle between a line of one kind and one of the other.

Distributions lie along the last axis; leading axes, and ``t``, broadcast.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kllib._numerics import averages, validate, validate_tables

__all__ = ["e_geodesic", "m_geodesic"]

Array: TypeAlias = NDArray[np.float64]


def m_geodesic(p: ArrayLike, q: ArrayLike, t: ArrayLike) -> Array:
    """(1 − t) p + t q: the mixture on the way from p, at t = 0, to q, at t = 1.

    Parameters
    ----------
    p, q : array_like, shape (..., n)
        The end points.
    t : array_like, shape (...)
        Between 0 and 1; broadcasts with the leading axes of p and q.

    Returns
    -------
    ndarray, shape (..., n)

    Raises
    ------
    ValueError
        When p or q is not a distribution, t is not between 0 and 1, or the shapes do not fit.

    References
    ----------
    Amari (2016), Information Geometry and Its Applications, section 2.4.

    Examples
    --------
    >>> print(m_geodesic([1, 0], [0, 1], [0, 0.25, 1]))
    [[1.   0.  ]
     [0.75 0.25]
     [0.   1.  ]]
    """
    p, q, t = _arguments(p, q, t)
    return (1 - t) * p + t * q


def e_geodesic(p: ArrayLike, q: ArrayLike, t: ArrayLike) -> Array:
    """p^(1−t) q^t / Z: the tilted distribution on the way from p, at t = 0, to q, at t = 1.

    Parameters
    ----------
    p, q : array_like, shape (..., n)
        The end points. An outcome that one of them rules out is ruled out in between too.
    t : array_like, shape (...)
        Between 0 and 1; broadcasts with the leading axes of p and q.

    Returns
    -------
    ndarray, shape (..., n)

    Raises
    ------
    ValueError
        When p or q is not a distribution, t is not between 0 and 1, the shapes do not fit, or p
        and q have no outcome in common, so that there is nothing in between.

    References
    ----------
    Amari (2016), section 2.4. Cover and Thomas (2006), section 11.9, where it is the curve of the
    distributions that decide the Chernoff exponent.

    Examples
    --------
    In between, ratios are geometric means: 1:1 and 1:16 give 1:4.

    >>> print(e_geodesic([0.5, 0.5], [1 / 17, 16 / 17], 0.5))
    [0.2 0.8]
    """
    p, q, t = _arguments(p, q, t)
    common = ((p > 0) & (q > 0)).any(axis=-1)
    if not np.all(common):
        where = validate.batch_index(validate.first(~common))
        raise ValueError(f"p and q have no outcome in common{where}: no e-geodesic joins them")
    with np.errstate(divide="ignore", invalid="ignore"):
        # 0 · log 0 stands for p⁰ = 1: the end points keep their own zeros only
        logs = np.where(t < 1, (1 - t) * np.log(p), 0.0) + np.where(t > 0, t * np.log(q), 0.0)
    return averages.shares(np.exp(logs - logs.max(axis=-1, keepdims=True)))


def _arguments(p: ArrayLike, q: ArrayLike, t: ArrayLike) -> tuple[Array, Array, Array]:
    first, second = validate.distribution("p", p), validate.distribution("q", q)
    validate.same_length(p=first, q=second)
    t = validate_tables.fractions("t", t)
    validate.broadcastable(p=first[..., 0], q=second[..., 0], t=t)
    # Divided by their sums as they are: scaled down first, the smallest floats would become zeros
    first, second = (x / x.sum(axis=-1, keepdims=True) for x in (first, second))
    return first, second, t[..., None]
