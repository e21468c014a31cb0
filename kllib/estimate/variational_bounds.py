"""Lower bounds on a divergence from the values of a critic, a function T of the outcome.

Each bound holds for every critic, and one critic attains it; to train the critic is to raise the
bound. The critic's values are given on samples, or on all outcomes together with the probabilities
(``p=``, ``q=``), which makes the bound exact.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from kllib._numerics import averages, elementwise, validate
from kllib._numerics.extended import extended_array
from kllib._numerics.validate import Array

__all__ = ["donsker_varadhan", "f_divergence_bound", "infonce_bound", "nwj_bound"]

Result: TypeAlias = np.float64 | Array


def donsker_varadhan(
    critic_p: ArrayLike,
    critic_q: ArrayLike,
    *,
    p: ArrayLike | None = None,
    q: ArrayLike | None = None,
) -> Result:
    """E_p[T] − log E_q[eᵀ] ≤ D(p‖q), with equality for T = log p/q plus any constant.

    Parameters
    ----------
    critic_p, critic_q : array_like, shapes (..., m) and (..., n)
        T, in nats, on samples from p and on samples from q; or on all outcomes, with p and q.
        Where the exact critic is infinite it may be: ``inf`` in critic_p, ``-inf`` in critic_q.
    p, q : array_like, shapes (..., m) and (..., n), optional
        The probabilities of the values, instead of equal weights. A value of probability zero
        does not count.

    Returns
    -------
    float or ndarray, shape (...)
        In nats.

    Raises
    ------
    ValueError
        When a value is nan or infinite of the wrong sign, p or q is not a distribution, or the
        shapes do not fit.

    Notes
    -----
    From samples it is an estimate of the bound and not itself a bound: the logarithm of a mean is
    on average below the logarithm of the expectation (Jensen), so the estimate is on average
    **above** the bound, by about Var_q(eᵀ) / (2n E_q[eᵀ]²), and can pass D(p‖q). `nwj_bound` has
    no such bias, and the lower value.

    References
    ----------
    Donsker and Varadhan (1983), Asymptotic evaluation of certain Markov process expectations for
    large time IV, Comm. Pure Appl. Math. 36.

    Examples
    --------
    >>> from kllib.discrete import kl_divergence
    >>> p, q = np.array([0.75, 0.25]), np.array([0.5, 0.5])
    >>> critic = np.log(p / q) + 7
    >>> print(round(donsker_varadhan(critic, critic, p=p, q=q), 12), round(kl_divergence(p, q), 12))
    0.130812035941 0.130812035941
    """
    at_p, weights_p = _critic("critic_p", critic_p, "p", p, allowed=np.inf)
    at_q, weights_q = _critic("critic_q", critic_q, "q", q, allowed=-np.inf)
    validate.broadcastable(critic_p=at_p[..., 0], critic_q=at_q[..., 0])
    return _difference(averages.expectation(weights_p, at_p), _log_mean_exp(at_q, weights_q))


def nwj_bound(
    critic_p: ArrayLike,
    critic_q: ArrayLike,
    *,
    p: ArrayLike | None = None,
    q: ArrayLike | None = None,
) -> Result:
    """E_p[T] − E_q[eᵀ⁻¹] ≤ D(p‖q), with equality for T = 1 + log p/q.

    `f_divergence_bound` for f(t) = t log t. As log x ≤ x/e, it is at most `donsker_varadhan` of
    the same critic, and equal to it where E_q[eᵀ] = e.

    Parameters
    ----------
    critic_p, critic_q : array_like, shapes (..., m) and (..., n)
        T, in nats, on samples from p and on samples from q; or on all outcomes, with p and q.
    p, q : array_like, shapes (..., m) and (..., n), optional
        The probabilities of the values, instead of equal weights.

    Returns
    -------
    float or ndarray, shape (...)
        In nats. From samples it is unbiased for the bound, but of a variance that grows at least
        like exp D(p‖q) at the exact critic: Var_q(p/q) = χ²(p‖q) ≥ exp D(p‖q) − 1.

    Raises
    ------
    ValueError
        When a value is nan or infinite of the wrong sign, p or q is not a distribution, or the
        shapes do not fit.

    References
    ----------
    Nguyen, Wainwright and Jordan (2010), Estimating divergence functionals and the likelihood
    ratio by convex risk minimization. The name is that of Poole et al. (2019), On variational
    bounds of mutual information.

    Examples
    --------
    The constant critic 1 attains D(p‖p) = 0:

    >>> print(nwj_bound([1.0, 1.0], [1.0, 1.0, 1.0]))
    0.0
    """
    return f_divergence_bound(critic_p, critic_q, lambda u: np.exp(u - 1), p=p, q=q)


def f_divergence_bound(
    critic_p: ArrayLike,
    critic_q: ArrayLike,
    conjugate: Callable[[Array], Array],
    *,
    p: ArrayLike | None = None,
    q: ArrayLike | None = None,
) -> Result:
    """E_p[T] − E_q[f*(T)] ≤ D_f(p‖q) = E_q[f(p/q)], with equality for T = f′(p/q).

    ================= ================= =============================================
    divergence        f(t)              conjugate f*(u) = sup over t ≥ 0 of ut − f(t)
    ================= ================= =============================================
    Kullback–Leibler  t log t           exp(u − 1)
    its reverse       −log t            −1 − log(−u) for u < 0, else ∞
    χ²                (t − 1)²          u + u²/4 for u ≥ −2, else −1
    squared Hellinger (√t − 1)²         u/(1 − u) for u < 1, else ∞
    total variation   |t − 1|/2         max(u, −½) for u ≤ ½, else ∞
    ================= ================= =============================================

    Parameters
    ----------
    critic_p, critic_q : array_like, shapes (..., m) and (..., n)
        T on samples from p and on samples from q; or on all outcomes, with p and q.
    conjugate : callable
        f*, elementwise on an array; ``inf`` where the supremum is infinite. (A nan there raises; a
        finite number would make the "bound" too high.)
    p, q : array_like, shapes (..., m) and (..., n), optional
        The probabilities of the values, instead of equal weights.

    Returns
    -------
    float or ndarray, shape (...)
        In nats, when f is in nats. From samples it is unbiased for the bound.

    Raises
    ------
    ValueError
        When a value is nan or infinite of the wrong sign, the conjugate gives nan, p or q is not a
        distribution, or the shapes do not fit.

    References
    ----------
    Nguyen, Wainwright and Jordan (2010), Estimating divergence functionals and the likelihood
    ratio by convex risk minimization, Lemma 1.

    Examples
    --------
    For χ² the exact critic is 2(p/q − 1):

    >>> p, q = np.array([0.75, 0.25]), np.array([0.5, 0.5])
    >>> critic = 2 * (p / q - 1)
    >>> def conjugate(u):
    ...     return np.where(u >= -2, u + u**2 / 4, -1)
    >>> print(f_divergence_bound(critic, critic, conjugate, p=p, q=q))
    0.25
    >>> print(np.sum((p - q) ** 2 / q))
    0.25
    """
    at_p, weights_p = _critic("critic_p", critic_p, "p", p, allowed=np.inf)
    at_q, weights_q = _critic("critic_q", critic_q, "q", q, allowed=-np.inf)
    validate.broadcastable(critic_p=at_p[..., 0], critic_q=at_q[..., 0])
    with np.errstate(all="ignore"):
        penalty = np.asarray(conjugate(at_q), dtype=np.float64)
    if penalty.shape != at_q.shape:
        raise ValueError(f"conjugate turned shape {at_q.shape} into {penalty.shape}")
    if np.isnan(penalty[weights_q > 0]).any():
        raise ValueError("conjugate gives nan: critic_q has a value outside its domain")
    penalty = np.where(weights_q > 0, penalty, 0.0)
    gain = averages.expectation(weights_p, at_p)
    return _difference(gain, averages.expectation(weights_q, penalty))


def infonce_bound(scores: ArrayLike) -> Result:
    """log n + mean_i log (exp s_ii / Σ_j exp s_ij), InfoNCE's lower bound on I(X; Y).

    Parameters
    ----------
    scores : array_like, shape (..., n, n)
        s_ij, the critic's score of x_i with y_j, for n independent pairs (x_i, y_i). The two
        variables are two views of one thing, or an image and its caption, not the input and its
        own representation.

    Returns
    -------
    float or ndarray, shape (...)
        In nats. At most log n, whatever the information: with n = 64 pairs, 4.16 nats. Its
        expectation is at most I(X; Y).

    Raises
    ------
    ValueError
        When the scores are not finite or not a square table.

    References
    ----------
    van den Oord, Li and Vinyals (2018), Representation learning with contrastive predictive
    coding, section 2.3. Poole et al. (2019), On variational bounds of mutual information.

    Examples
    --------
    A critic that recognises each pair beyond doubt reaches the ceiling; one that sees nothing, 0:

    >>> print(round(infonce_bound(1000 * np.eye(64)), 4), round(np.log(64), 4))
    4.1589 4.1589
    >>> print(infonce_bound(np.zeros((64, 64))))
    0.0
    """
    scores = validate.real_array("scores", scores)
    if scores.ndim < 2 or scores.shape[-1] != scores.shape[-2]:
        raise ValueError(f"scores must be a square table, or a stack; its shape is {scores.shape}")
    matched = np.diagonal(scores, axis1=-2, axis2=-1)
    # log n + s_ii − log Σ_j exp s_ij, as one mean over j
    relative = elementwise.difference(scores, matched[..., None])
    weights = _summable(np.ones_like(scores))
    result: Result = 0.0 - averages.expectation(weights[..., 0], _log_mean_exp(relative, weights))
    return result


def _critic(
    name: str, value: ArrayLike, weight_name: str, weights: ArrayLike | None, *, allowed: float
) -> tuple[Array, Array]:
    """The critic's values and their weights; a value of weight zero does not count, so 0."""
    array = validate.rows(name, value, -1)
    if weights is None:
        probabilities = np.ones(array.shape)
    else:
        probabilities = validate.distribution(weight_name, weights)
        validate.same_length(**{name: array, weight_name: probabilities})
        array, probabilities = np.broadcast_arrays(array, probabilities)
    counted = np.where(probabilities > 0, array, 0.0)
    return extended_array(name, counted, allowed), _summable(probabilities)


def _summable(weights: Array) -> Array:
    """The weights times a power of two, their sum below one: no mean of numbers overflows."""
    exponent = np.frexp(weights.sum(axis=-1, keepdims=True))[1]
    result: Array = np.ldexp(weights, -exponent)
    return result


def _log_mean_exp(values: Array, weights: Array) -> Array:
    """log (Σ w eᵛ / Σ w) along the last axis."""
    counted = np.where(weights > 0, values, -np.inf)
    largest = counted.max(axis=-1, keepdims=True)
    shift = np.where(np.isfinite(largest), largest, 0.0)
    with np.errstate(divide="ignore", over="ignore", under="ignore"):
        below = averages.expectation(weights, np.expm1(counted - shift))
        mean = averages.expectation(weights, np.exp(counted - shift))
        # The first keeps the digits when all the values are nearly the same.
        log_mean = np.where(mean > 0.5, np.log1p(below), np.log(mean))
        result: Array = np.squeeze(shift, axis=-1) + log_mean
    return result


def _difference(first: Result, second: Result) -> Result:
    with np.errstate(invalid="ignore"):
        result: Result = first - second
    if np.isnan(result).any():
        raise ValueError("the bound is ∞ − ∞: the critic is too large on samples from q")
    return result
