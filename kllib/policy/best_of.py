"""Best-of-n: draw n answers, keep the one with the largest reward. Its policy and its divergence.

An answer is drawn from the reference policy, a distribution along the last axis; other axes are
prompts, and broadcast.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kllib._numerics import tilts, validate, validate_tables
from kllib.discrete import kl_divergence

__all__ = ["best_of_n_policy", "best_of_n_kl", "best_of_n_kl_bound"]

Array: TypeAlias = NDArray[np.float64]
Result: TypeAlias = np.float64 | Array


def best_of_n_policy(reference: ArrayLike, reward: ArrayLike, n: ArrayLike) -> Array:
    """π_n(y) = F(y)ⁿ − F(y−)ⁿ: draw n answers from π_ref, and keep the one of largest reward.

    F(y) and F(y−) are the probabilities that π_ref's reward is at most, and less than, y's. Among
    answers of equal reward the difference is shared out as π_ref shares it: so it is whether the
    first of the best answers drawn is kept, or any of them at random.

    Parameters
    ----------
    reference, reward : array_like, shape (..., m)
        The reference policy π_ref, and the reward of each answer.
    n : array_like of int, shape (...)
        How many answers are drawn; at least 1.

    Returns
    -------
    ndarray, shape (..., m)

    Raises
    ------
    ValueError
        When ``n`` is not a whole number of at least 1, ``reference`` is not a distribution,
        ``reward`` is not finite, or the shapes do not fit.

    References
    ----------
    Stiennon et al. (2020); Beirami et al. (2024) for the exact distribution.

    Examples
    --------
    The best of two throws of a die shows k with probability (2k − 1)/36:

    >>> print(best_of_n_policy([1 / 6] * 6, [1, 2, 3, 4, 5, 6], 2) * 36)
    [ 1.  3.  5.  7.  9. 11.]
    """
    reference, reward = validate_tables.prompts(reference, reward)
    n = _draws(n)
    validate_tables.fits("n", n, reference=reference, reward=reward)
    each = np.vectorize(_best_of_n, signature="(m),(m),()->(m)", otypes=[np.float64])
    result: Array = each(reference, reward, n)
    return result


def best_of_n_kl(reference: ArrayLike, reward: ArrayLike, n: ArrayLike) -> Result:
    """D(π_n‖π_ref) of the best of n answers drawn from π_ref, exactly.

    Parameters
    ----------
    reference, reward, n
        As in `best_of_n_policy`.

    Returns
    -------
    float or ndarray, shape (...)
        At most `best_of_n_kl_bound`, and at most −log π_ref(answers of largest reward), which it
        approaches as n grows.

    Raises
    ------
    ValueError
        As in `best_of_n_policy`.

    References
    ----------
    Beirami et al. (2024).

    Examples
    --------
    The best of eight, of m answers alike: the bound is reached when no answer carries much.

    >>> for m in (10, 100, 1000):
    ...     print(round(best_of_n_kl(np.full(m, 1 / m), np.arange(m), 8), 4))
    1.1775
    1.2042
    1.2044
    >>> print(round(best_of_n_kl_bound(8), 4))
    1.2044
    """
    policy = best_of_n_policy(reference, reward, n)
    return tilts.scalar(np.asarray(kl_divergence(policy, reference)))


def best_of_n_kl_bound(n: ArrayLike) -> Result:
    """log n − (n − 1)/n, an upper bound on D(π_n‖π_ref) for the best of n, in nats.

    It is the divergence itself when no single answer carries probability (a continuous reward).
    For finitely many answers the divergence is smaller, and stays bounded as n grows.

    Parameters
    ----------
    n : array_like of int
        How many answers are drawn; at least 1.

    Returns
    -------
    float or ndarray

    Raises
    ------
    ValueError
        When ``n`` is not a whole number of at least 1.

    References
    ----------
    Stiennon et al. (2020) use it as an equality; Beirami et al. (2024) prove that
    it is an upper bound.

    Examples
    --------
    The density n uⁿ⁻¹ of the largest of n uniform numbers has ∫ n uⁿ⁻¹ log(n uⁿ⁻¹) du = this:

    >>> print(best_of_n_kl_bound([1, 2]) == [0, np.log(2) - 0.5])
    [ True  True]
    """
    n = _draws(n)
    return tilts.scalar(np.log(n) - (n - 1) / n)


def _best_of_n(reference: Array, reward: Array, n: float) -> Array:
    possible = reference > 0
    _, group = np.unique(reward[possible], return_inverse=True)
    mass = np.bincount(group, weights=reference[possible] / reference.sum())
    below = np.concatenate([[0.0], np.cumsum(mass)[:-1]])
    above = np.concatenate([np.cumsum(mass[::-1])[-2::-1], [0.0]])
    with np.errstate(divide="ignore"):
        log_at_most = np.where(above < 0.5, np.log1p(-above), np.log(below + mass))
        # Fⁿ − (F − mass)ⁿ = Fⁿ (1 − (1 − mass/F)ⁿ)
        at_least_one = -np.expm1(n * np.log1p(-mass / (below + mass)))
    with np.errstate(under="ignore"):
        best = np.exp(n * log_at_most) * at_least_one
    policy = np.zeros_like(reference)
    policy[possible] = best[group] * (reference[possible] / reference.sum() / mass[group])
    return policy


def _draws(n: ArrayLike) -> Array:
    array = validate.positive("n", n)
    if (array != np.floor(array)).any():
        raise ValueError(f"n must be a whole number; got {n!r}")
    return array
