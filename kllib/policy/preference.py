"""Preferences between two answers, and the reward that a policy implies: Bradley–Terry.

Direct preference optimisation, in `dpo`, is built of these two.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from kllib._numerics import elementwise, tilts, validate
from kllib.policy import _ranges

__all__ = ["bradley_terry", "implicit_reward"]

Array: TypeAlias = NDArray[np.float64]
Result: TypeAlias = np.float64 | Array


def bradley_terry(reward_first: ArrayLike, reward_second: ArrayLike) -> Result:
    """σ(r₁ − r₂) = 1/(1 + exp(r₂ − r₁)), the probability that the first answer is preferred.

    Parameters
    ----------
    reward_first, reward_second : array_like
        The rewards of the two answers; they broadcast.

    Returns
    -------
    float or ndarray

    Raises
    ------
    ValueError
        When a reward is not finite or the shapes do not broadcast.

    References
    ----------
    Bradley and Terry (1952); Rafailov et al. (2023), equation (1).

    Examples
    --------
    The odds are the exponential of the difference in reward. All pairs of three answers:

    >>> reward = np.log([1, 3, 9])
    >>> print(bradley_terry(reward[:, None], reward))
    [[0.5  0.25 0.1 ]
     [0.75 0.5  0.25]
     [0.9  0.75 0.5 ]]
    """
    first = validate.real_array("reward_first", reward_first)
    second = validate.real_array("reward_second", reward_second)
    validate.broadcastable(reward_first=first, reward_second=second)
    return tilts.scalar(expit(elementwise.difference(first, second)))


def implicit_reward(log_policy: ArrayLike, log_reference: ArrayLike, beta: ArrayLike) -> Result:
    """β (log π(y) − log π_ref(y)): the reward for which π is optimal, up to a constant per prompt.

    The constant is β log Z; differences between answers to the same prompt are free of it. The log
    ratio alone, without β, is not the reward.

    Parameters
    ----------
    log_policy, log_reference : array_like
        Log probabilities of the same answers; they broadcast.
    beta : array_like
        The weight of the divergence, positive. It broadcasts against the answers: with one β for
        each prompt and answers along the last axis it is ``beta[..., None]``.

    Returns
    -------
    float or ndarray

    Raises
    ------
    ValueError
        When a log probability is not finite or above 0 (a probability, say), the shapes do not
        broadcast, or ``beta`` is not positive.

    References
    ----------
    Rafailov et al. (2023), equation (5).

    Examples
    --------
    The RLHF optimum gives its reward back, less β log Z:

    >>> from kllib.policy.rlhf import rlhf_optimum, rlhf_value
    >>> reference, reward, beta = np.array([0.6, 0.4]), [2, 0], 1.5
    >>> policy = rlhf_optimum(reference, reward, beta)
    >>> found = implicit_reward(np.log(policy), np.log(reference), beta)
    >>> print((found + rlhf_value(reference, reward, beta)).round(12) + 0.0)
    [2. 0.]
    """
    log_policy = _ranges.log_probabilities("log_policy", log_policy)
    log_reference = _ranges.log_probabilities("log_reference", log_reference)
    beta = validate.positive("beta", beta)
    _ranges.bounded(beta=beta)
    validate.broadcastable(log_policy=log_policy, log_reference=log_reference, beta=beta)
    return tilts.scalar(beta * (log_policy - log_reference))
