"""Policies held near a reference by a KL penalty: the RLHF optimum, its value, its frontier.

A policy π is a distribution over answers y, along the last axis; other axes are prompts, and
broadcast. The penalty is D(π‖π_ref): the policy that is being optimised comes first, the reference
is fixed. (The divergence of a trust region, D(π_old‖π), is another one; see `trust_region`.)
"""

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kllib._numerics import averages, tilts, validate, validate_tables
from kllib.discrete import kl_divergence
from kllib.logits import log_softmax
from kllib.policy import _ranges

__all__ = [
    "KLRewardFrontier",
    "frontier_at_kl",
    "kl_reward_frontier",
    "rlhf_gradient",
    "rlhf_objective",
    "rlhf_optimum",
    "rlhf_value",
]

Array: TypeAlias = NDArray[np.float64]
Result: TypeAlias = np.float64 | Array

_LEAST_LOG = float(np.log(5e-324)) + 1


class KLRewardFrontier(NamedTuple):
    """The most reward that each divergence can buy; one entry for each β.

    Attributes
    ----------
    beta : ndarray or float
        The price of a nat, in units of reward: the slope of the frontier, d reward / d KL.
    kl : ndarray or float
        D(π*‖π_ref), in nats.
    reward : ndarray or float
        The expected reward of π*.
    """

    beta: Result
    kl: Result
    reward: Result


def rlhf_optimum(reference: ArrayLike, reward: ArrayLike, beta: ArrayLike) -> Array:
    """π*(y) = π_ref(y) exp(r(y)/β) / Z, the policy with the largest E_π r − β D(π‖π_ref).

    Parameters
    ----------
    reference : array_like, shape (..., m)
        The reference policy π_ref. An answer that it rules out stays impossible.
    reward : array_like, shape (..., m)
        The reward r of each answer.
    beta : array_like, shape (...)
        The weight β > 0 of the divergence, in units of reward per nat.

    Returns
    -------
    ndarray, shape (..., m)

    Raises
    ------
    ValueError
        When ``reference`` is not a distribution, ``reward`` is not finite, ``beta`` is not
        positive, one of them is above 1e150 in size, or the shapes do not fit.

    References
    ----------
    Rafailov et al. (2023), equation (4). Korbak, Perez and Buckley (2022) read it as Bayesian
    inference: π_ref is the prior, exp(r/β) the likelihood.

    Examples
    --------
    A constant added to the reward changes nothing; β log odds ratio is the difference in reward:

    >>> print(rlhf_optimum([0.5, 0.5], [np.log(3), 0], 1))
    [0.75 0.25]
    >>> print(rlhf_optimum([0.5, 0.5], [np.log(9) + 7, 7], 2).round(12))
    [0.75 0.25]
    """
    return tilts.model(_optimum(reference, reward, beta))


def rlhf_value(reference: ArrayLike, reward: ArrayLike, beta: ArrayLike) -> Result:
    """β log Z = β log Σ π_ref(y) exp(r(y)/β), the largest value of E_π r − β D(π‖π_ref).

    Parameters
    ----------
    reference, reward, beta
        As in `rlhf_optimum`.

    Returns
    -------
    float or ndarray, shape (...)
        Between the mean of the reward under π_ref (β → ∞) and its largest value (β → 0).

    Raises
    ------
    ValueError
        As in `rlhf_optimum`.

    References
    ----------
    Donsker and Varadhan (1975): log E_q exp(f) = max_p E_p f − D(p‖q), here with f = r/β.

    Examples
    --------
    Any other policy falls short of it by β D(π‖π*):

    >>> reference, reward, beta = [0.6, 0.4], [2, 0], 1.5
    >>> policy = [0.3, 0.7]
    >>> best = rlhf_optimum(reference, reward, beta)
    >>> reached = rlhf_objective(policy, reference, reward, beta)
    >>> print(round(rlhf_value(reference, reward, beta) - reached, 12))
    1.152277575892
    >>> print(round(beta * kl_divergence(policy, best), 12))
    1.152277575892
    """
    tilt = _optimum(reference, reward, beta)
    with np.errstate(under="ignore"):
        return tilts.scalar(tilt.top + validate.positive("beta", beta) * tilt.log_mean)


def rlhf_objective(
    policy: ArrayLike, reference: ArrayLike, reward: ArrayLike, beta: ArrayLike
) -> Result:
    """E_π r − β D(π‖π_ref): what reinforcement learning from human feedback maximises.

    Parameters
    ----------
    policy, reference : array_like, shape (..., m)
        The policy π that is judged, and the fixed reference π_ref.
    reward, beta
        As in `rlhf_optimum`.

    Returns
    -------
    float or ndarray, shape (...)
        ``-inf`` where the policy gives answers that the reference rules out.

    Raises
    ------
    ValueError
        When ``policy`` or ``reference`` is not a distribution, or as in `rlhf_optimum`.

    References
    ----------
    Ziegler et al. (2019), equation (2); Ouyang et al. (2022), equation (2).

    Examples
    --------
    With a uniform reference it is entropy regularisation, E_π r + β H(π) − β log m:

    >>> from kllib.discrete import entropy
    >>> policy, reward = [0.5, 0.25, 0.25], [1, 2, 3]
    >>> print(round(rlhf_objective(policy, [1 / 3] * 3, reward, 0.5), 12))
    1.720554241086
    >>> print(round(1.75 + 0.5 * entropy(policy) - 0.5 * np.log(3), 12))
    1.720554241086
    """
    policy = validate.distribution("policy", policy)
    reference = validate.distribution("reference", reference)
    reward, beta = validate.vectors("reward", reward), validate.positive("beta", beta)
    validate.same_length(policy=policy, reference=reference, reward=reward)
    validate_tables.fits("beta", beta, policy=policy, reference=reference, reward=reward)
    _ranges.bounded(reward=reward, beta=beta)
    return tilts.scalar(
        averages.expectation(policy, reward) - beta * kl_divergence(policy, reference)
    )


def rlhf_gradient(
    logits: ArrayLike, reference: ArrayLike, reward: ArrayLike, beta: ArrayLike
) -> Array:
    """∂/∂z of E_π r − β D(π‖π_ref) for π = softmax(z): π·(a − E_π a) with a = r − β log(π/π_ref).

    The exact policy gradient: the expectation over answers is a sum.

    Parameters
    ----------
    logits : array_like, shape (..., m)
        The parameters z of the policy.
    reference : array_like, shape (..., m)
        The reference policy; every answer possible, else the gradient is infinite.
    reward, beta
        As in `rlhf_optimum`.

    Returns
    -------
    ndarray, shape (..., m)
        Its entries sum to zero, since a constant added to the logits changes nothing.

    Raises
    ------
    ValueError
        When ``logits`` is not finite, ``reference`` has a zero, or as in `rlhf_optimum`.

    References
    ----------
    Williams (1992) for the gradient of the expected reward; the penalty's own derivative,
    −β E_π ∂ log π, is zero. So a sampled log(π/π_ref) subtracted from the reward gives the right
    gradient; differentiated as a loss it would give none (see `expected_estimator_gradient`).

    Examples
    --------
    It vanishes at the optimum, log π_ref + r/β:

    >>> reference, reward = np.array([0.6, 0.3, 0.1]), np.array([0.0, 1.0, 2.0])
    >>> gradient = rlhf_gradient(np.log(reference) + reward / 0.5, reference, reward, 0.5)
    >>> print(np.abs(gradient).max() < 1e-15)
    True
    """
    logits, reward = validate.vectors("logits", logits), validate.vectors("reward", reward)
    reference = validate_tables.possible("reference", reference)
    beta = validate.positive("beta", beta)
    validate.same_length(logits=logits, reference=reference, reward=reward)
    validate_tables.fits("beta", beta, logits=logits, reference=reference, reward=reward)
    _ranges.bounded(logits=logits, reward=reward, beta=beta)
    log_policy = log_softmax(logits)
    gain = reward - beta[..., None] * (log_policy + averages.surprisal(reference))
    return tilts.softmax_gradient(np.exp(log_policy), gain)


def kl_reward_frontier(
    reference: ArrayLike, reward: ArrayLike, beta: ArrayLike
) -> KLRewardFrontier:
    """(D(π*‖π_ref), E_{π*} r) of the RLHF optimum π* for each β: the most reward for its KL.

    As β falls, both grow; the reward is a concave function of the KL, with slope β.

    Parameters
    ----------
    reference, reward : array_like, shape (m,) or (..., m)
        As in `rlhf_optimum`.
    beta : array_like, shape (k,) or (...)
        The weights of the divergence. It broadcasts against the leading axes of the other two, so
        several prompts need an axis for β: ``reference[:, None, :]``.

    Returns
    -------
    KLRewardFrontier
        ``beta``, ``kl`` and ``reward``.

    Raises
    ------
    ValueError
        As in `rlhf_optimum`.

    References
    ----------
    Gao, Schulman and Hilton (2023) plot reward against √D in the same way.

    Examples
    --------
    The divergence at the optimum is E_{π*} r / β − log Z:

    >>> frontier = kl_reward_frontier([0.6, 0.4], [2, 0], [2, 1])
    >>> print(frontier.kl.round(6))
    [0.094537 0.258929]
    >>> print((frontier.reward / [2, 1] - rlhf_value([0.6, 0.4], [2, 0], [2, 1]) / [2, 1]).round(6))
    [0.094537 0.258929]
    """
    tilt = _optimum(reference, reward, beta)
    kl = tilts.reverse(tilt)  # the optimum is the tilted one, and comes first
    beta = np.array(np.broadcast_to(validate.positive("beta", beta), kl.shape))
    gain = averages.expectation(
        tilts.model(tilt), validate.vectors("reward", reward) - tilt.top[..., None]
    )
    return KLRewardFrontier(tilts.scalar(beta), tilts.scalar(kl), tilts.scalar(tilt.top + gain))


def frontier_at_kl(reference: ArrayLike, reward: ArrayLike, kl: float) -> KLRewardFrontier:
    """max E_π r subject to D(π‖π_ref) ≤ kl: the point of the frontier with a given divergence.

    Parameters
    ----------
    reference, reward : array_like, shape (m,)
        As in `rlhf_optimum`.
    kl : float
        The divergence allowed, in nats, not negative.

    Returns
    -------
    KLRewardFrontier
        One point. From kl = −log π_ref(best answers) on, all the policy is on the answers with
        the largest reward, β is 0, and ``kl`` is that divergence. At kl = 0, β is ``inf``.

    Raises
    ------
    ValueError
        When ``kl`` is negative or not finite, or as in `rlhf_optimum`.

    References
    ----------
    Boyd and Vandenberghe (2004), chapter 5: β is the multiplier of the constraint.

    Examples
    --------
    It inverts `kl_reward_frontier`:

    >>> there = kl_reward_frontier([0.6, 0.4], [2, 0], beta=1.25)
    >>> back = frontier_at_kl([0.6, 0.4], [2, 0], there.kl)
    >>> print(round(back.beta, 12), round(back.reward - there.reward, 12) + 0.0)
    1.25 0.0
    """
    from scipy.optimize import brentq

    kl = validate.non_negative_number("kl", kl)
    reference, reward = _possible_answers(reference, reward)
    best = reward.max()
    top = reward == best
    split = np.array([reference[top].sum(), reference[~top].sum()])
    largest = averages.surprisal(split)[0]
    end = KLRewardFrontier(np.float64(0), largest, best)
    if kl >= largest:
        return end
    if kl == 0:
        mean = tilts.scalar(averages.expectation(reference, reward))
        return KLRewardFrontier(np.float64(np.inf), np.float64(0), mean)
    unit = np.ptp(reward)  # the search is for β/unit
    log_reference, shortfall = -averages.surprisal(reference), (reward - best) / unit

    def optimum(log_beta: float) -> tilts.TiltedPair:
        return tilts.tilted(log_reference, shortfall, np.exp(log_beta))

    def excess(log_beta: float) -> float:
        return float(tilts.reverse(optimum(log_beta))) - kl

    low = high = 0.0
    while excess(low) < 0:
        low -= 1
        if low < _LEAST_LOG:  # by rounding alone is kl below the end
            return end
    while excess(high) > 0:
        high += 1
    log_beta = brentq(excess, low, high, xtol=1e-15)
    found = optimum(log_beta)
    gain = unit * averages.expectation(tilts.model(found), shortfall)
    with np.errstate(over="ignore"):
        beta = unit * np.exp(log_beta)
    return KLRewardFrontier(beta, tilts.reverse(found), best + gain)


def _optimum(reference: ArrayLike, reward: ArrayLike, beta: ArrayLike) -> tilts.TiltedPair:
    """π_ref, tilted by the reward."""
    reference, reward = validate_tables.prompts(reference, reward)
    beta = validate.positive("beta", beta)
    validate_tables.fits("beta", beta, reference=reference, reward=reward)
    _ranges.bounded(reward=reward, beta=beta)
    return tilts.tilted(-averages.surprisal(reference), reward, beta[..., None])


def _possible_answers(reference: ArrayLike, reward: ArrayLike) -> tuple[Array, Array]:
    """Of one prompt."""
    reference, reward = validate_tables.prompts(reference, reward)
    if reference.ndim > 1 or reward.ndim > 1:
        raise ValueError("reference and reward must be vectors, of one prompt")
    _ranges.bounded(reward=reward)
    return reference[reference > 0], reward[reference > 0]
