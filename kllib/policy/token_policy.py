"""RLHF token by token: the optimum and the policy gradient of a `token_model`, exactly.

The policy is a table of logits, one row for each prefix, as `token_model` says; every sequence has
a reward, in the order of `token_sequences`, which comes at its end.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kllib._numerics import tilts, validate_numbers
from kllib.logits import log_softmax, softmax
from kllib.policy import _prefix_tree, _ranges
from kllib.policy.token_model import prefix_probabilities, sequence_kl, sequence_log_probabilities

__all__ = [
    "sequence_rlhf_gradient",
    "sequence_rlhf_objective",
    "sequence_rlhf_optimum",
    "token_advantages",
]

Array: TypeAlias = NDArray[np.float64]


def token_advantages(logits: ArrayLike, reward: ArrayLike) -> Array:
    """A(prefix, token) = E[r | prefix, token] − E[r | prefix], the reward coming at the end.

    Parameters
    ----------
    logits : array_like, shape (1 + V + … + V^(H−1), V)
        The policy that writes the rest of the sequence.
    reward : array_like, shape (V**H,)
        The reward of every sequence.

    Returns
    -------
    ndarray, the shape of ``logits``
        Under the policy each row has mean zero; along a sequence y they sum to r(y) − E r.

    Raises
    ------
    ValueError
        When an argument is not finite, or the shapes do not fit.

    Examples
    --------
    The second token decides whether there is a reward, and only after token 1:

    >>> print(token_advantages(np.zeros((3, 2)), [0, 0, 0, 4]))
    [[-1.  1.]
     [ 0.  0.]
     [-2.  2.]]
    """
    model = _prefix_tree.model("logits", logits)
    value = _prefix_tree.rewards(reward, model)
    advantages = []
    for table in reversed(list(_prefix_tree.levels(softmax(model)))):
        gain = value.reshape(table.shape)
        value = (table * gain).sum(axis=-1)
        advantages.append(gain - value[:, None])
    return np.concatenate(advantages[::-1])


def sequence_rlhf_optimum(reference_logits: ArrayLike, reward: ArrayLike, beta: float) -> Array:
    """π*(y) = π_ref(y) exp(r(y)/β)/Z over sequences, as a table: the same rule for each token.

    π*(token|prefix) = π_ref(token|prefix) exp((V(prefix, token) − V(prefix))/β), where V is β times
    the log of the mean of exp(r/β) over what π_ref would write next.

    Parameters
    ----------
    reference_logits : array_like, shape (1 + V + … + V^(H−1), V)
        The fixed reference π_ref.
    reward : array_like, shape (V**H,)
        The reward of every sequence.
    beta : float
        The weight of the divergence, positive.

    Returns
    -------
    ndarray, the shape of ``reference_logits``
        The logits of π*: its log probabilities.

    Raises
    ------
    ValueError
        When an argument is not finite, the shapes do not fit, ``beta`` is not positive, or it is
        so small that a log probability of π* is below -1e150.

    References
    ----------
    Levine (2018), section 2, for the backward recursion; Rafailov et al. (2023), equation (4).

    Examples
    --------
    >>> table = sequence_rlhf_optimum(np.zeros((3, 2)), np.log([1, 1, 1, 5]), beta=1)
    >>> print(np.exp(sequence_log_probabilities(table)).round(12))
    [0.125 0.125 0.125 0.625]
    """
    reference = _prefix_tree.model("reference_logits", reference_logits)
    value = _prefix_tree.rewards(reward, reference)
    beta = validate_numbers.positive_number("beta", beta)
    _ranges.bounded(beta=beta)
    optimum = []
    for table in reversed(list(_prefix_tree.levels(log_softmax(reference)))):
        tilt = tilts.tilted(table, value.reshape(table.shape), beta)
        value = tilt.top + beta * tilt.log_mean
        optimum.append(table + tilt.log_ratio)
    result = np.concatenate(optimum[::-1])
    if not result.min() >= -_ranges.LARGEST:
        raise ValueError("beta is too small for these rewards: log probabilities leave the range")
    return result


def sequence_rlhf_objective(
    logits: ArrayLike, reference_logits: ArrayLike, reward: ArrayLike, beta: float
) -> np.float64:
    """E_π r(y) − β D(π‖π_ref) over sequences y; to maximise.

    Parameters
    ----------
    logits : array_like, shape (1 + V + … + V^(H−1), V)
        The policy π.
    reference_logits, reward, beta
        As in `sequence_rlhf_optimum`.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        As in `sequence_rlhf_optimum`.

    References
    ----------
    Ziegler et al. (2019), equation (2).

    Examples
    --------
    At the optimum it is β log Σ π_ref exp(r/β):

    >>> reference, reward = np.zeros((3, 2)), np.log([1, 1, 1, 5])
    >>> best = sequence_rlhf_optimum(reference, reward, beta=1)
    >>> print(round(sequence_rlhf_objective(best, reference, reward, beta=1), 12))
    0.69314718056
    """
    model, reference = _prefix_tree.models(logits=logits, reference_logits=reference_logits)
    gain = _prefix_tree.rewards(reward, model)
    beta = validate_numbers.positive_number("beta", beta)
    _ranges.bounded(beta=beta)
    expected = np.exp(sequence_log_probabilities(model)) @ gain
    return np.float64(expected - beta * sequence_kl(model, reference))


def sequence_rlhf_gradient(
    logits: ArrayLike, reference_logits: ArrayLike, reward: ArrayLike, beta: float
) -> Array:
    """∂/∂z of `sequence_rlhf_objective`: P(prefix) π(token|prefix) A(prefix, token).

    A is the advantage of the penalised reward r(y) − β log(π(y)/π_ref(y)).

    Parameters
    ----------
    logits, reference_logits, reward, beta
        As in `sequence_rlhf_objective`.

    Returns
    -------
    ndarray, the shape of ``logits``

    Raises
    ------
    ValueError
        As in `sequence_rlhf_optimum`.

    References
    ----------
    Sutton et al. (2000), Theorem 1, the policy gradient theorem.

    Examples
    --------
    >>> reference, reward = np.zeros((3, 2)), np.log([1, 1, 1, 5])
    >>> best = sequence_rlhf_optimum(reference, reward, beta=1)
    >>> print(np.abs(sequence_rlhf_gradient(best, reference, reward, beta=1)).max() < 1e-15)
    True
    """
    model, reference = _prefix_tree.models(logits=logits, reference_logits=reference_logits)
    gain = _prefix_tree.rewards(reward, model)
    beta = validate_numbers.positive_number("beta", beta)
    _ranges.bounded(beta=beta)
    drift = sequence_log_probabilities(model) - sequence_log_probabilities(reference)
    advantages = token_advantages(model, gain - beta * drift)
    return prefix_probabilities(model)[:, None] * softmax(model) * advantages
