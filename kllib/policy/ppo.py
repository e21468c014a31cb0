"""Proximal policy optimisation (PPO): the clipped objective, and the KL penalty with adaptive β.

The divergence is D(π_old‖π): the policy that acted comes first and is fixed for the step. The
penalty bounds it when β adapts; clipping removes a gradient, and bounds no divergence.

The clipped objective takes log probabilities of actions. The penalty takes a softmax policy as a
table of logits, one row for each state and one column for each action, and sums over all of them.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kllib._numerics import elementwise, tilts, validate, validate_numbers, validate_tables
from kllib.logits import kl_from_logits, softmax
from kllib.policy import _ranges

__all__ = [
    "adapt_kl_coefficient",
    "ppo_clip_gradient",
    "ppo_clip_objective",
    "ppo_penalty_gradient",
    "ppo_penalty_objective",
]

Array: TypeAlias = NDArray[np.float64]


def ppo_clip_objective(
    log_policy: ArrayLike,
    log_old: ArrayLike,
    advantages: ArrayLike,
    *,
    epsilon: float = 0.2,
    action_weights: ArrayLike | None = None,
) -> np.float64:
    """Mean of min(ρ A, clip(ρ, 1 − ε, 1 + ε) A) with the ratio ρ = π(a|s)/π_old(a|s); to maximise.

    Beyond ratio 1 + ε (where A > 0) or below 1 − ε (where A < 0) it is flat: nothing drives the
    policy further, and nothing pulls it back. The divergence is not bounded by it.

    Parameters
    ----------
    log_policy, log_old : array_like, shape (...)
        log π(a|s) and log π_old(a|s) of the actions taken.
    advantages : array_like, shape (...)
        Their advantages A.
    epsilon : float
        The clip range ε, between 0 and 1.
    action_weights : array_like, shape (...), optional
        Averages with these weights in place of equal ones, and does not divide by their sum:
        with d(s)·π_old(a|s), over all states and actions, the expectation is exact.

    Returns
    -------
    float
        ``-inf`` where a ratio, or its product with a negative advantage, is above 1.8e308.

    Raises
    ------
    ValueError
        When an entry is not finite, an advantage or a weight is above 1e150 in size, shapes
        differ, or ``epsilon`` makes no sense.

    References
    ----------
    Schulman et al. (2017), equation (7).

    Examples
    --------
    A ratio of 1.5 counts as 1.2 for a good action, and in full for a bad one:

    >>> ratio = np.log([1.5, 1.5])
    >>> print(ppo_clip_objective(ratio, [0.0, 0.0], [1.0, -1.0], action_weights=[1, 0]).round(12))
    1.2
    >>> print(ppo_clip_objective(ratio, [0.0, 0.0], [1.0, -1.0], action_weights=[0, 1]).round(12))
    -1.5
    """
    ratio, gain, epsilon = _actions(log_policy, log_old, advantages, epsilon, action_weights)
    clipped = np.clip(ratio, 1 - epsilon, 1 + epsilon)
    with np.errstate(over="ignore"):
        total: np.float64 = np.minimum(_times(ratio, gain), clipped * gain).sum()
    return total


def ppo_clip_gradient(
    log_policy: ArrayLike,
    log_old: ArrayLike,
    advantages: ArrayLike,
    *,
    epsilon: float = 0.2,
    action_weights: ArrayLike | None = None,
) -> Array:
    """∂/∂ log π of `ppo_clip_objective`: ρ A per action, 0 where the clipped branch is smaller.

    Parameters
    ----------
    log_policy, log_old, advantages, epsilon, action_weights
        As in `ppo_clip_objective`.

    Returns
    -------
    ndarray, shape (...)
        One entry for each action. For parameters θ the gradient is Σ entry · ∂ log π/∂θ. At the
        kinks, where both branches are equal, it is the derivative of the branch without clip.

    Raises
    ------
    ValueError
        As in `ppo_clip_objective`.

    References
    ----------
    Schulman et al. (2017), section 3.

    Examples
    --------
    The first action has gone far enough; the second went the wrong way, and is called back:

    >>> print(ppo_clip_gradient(np.log([1.5, 1.5]), [0, 0], [1, -1]).round(12) + 0.0)
    [ 0.   -0.75]
    """
    ratio, gain, epsilon = _actions(log_policy, log_old, advantages, epsilon, action_weights)
    clipped = np.clip(ratio, 1 - epsilon, 1 + epsilon)
    plain = _times(ratio, gain)
    return np.where(plain <= clipped * gain, plain, 0.0)


def ppo_penalty_objective(
    logits: ArrayLike,
    old_logits: ArrayLike,
    advantages: ArrayLike,
    beta: float,
    *,
    state_weights: ArrayLike | None = None,
) -> np.float64:
    """Σ_s d(s) [Σ_a π(a|s) A(s, a) − β D(π_old(·|s)‖π(·|s))]; to maximise.

    The first term is the expectation of ρ A under the old policy, exactly. With β = 0 it is the
    surrogate objective of TRPO.

    Parameters
    ----------
    logits, old_logits : array_like, shape (states, actions)
        The parameters of π = softmax(logits) and of π_old.
    advantages : array_like, shape (states, actions)
        A(s, a) of every action.
    beta : float
        The weight of the divergence, not negative.
    state_weights : array_like, shape (states,), optional
        d(s), how often the old policy meets each state; equal shares when left out.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        When an argument is not a table of finite numbers up to 1e150 in size, shapes differ, or
        ``beta`` or ``state_weights`` makes no sense.

    References
    ----------
    Schulman et al. (2017), equation (8).

    Examples
    --------
    Without a penalty it is the expected advantage:

    >>> print(ppo_penalty_objective([[0.0, 0.0]], [[1.0, 0.0]], [[3.0, -1.0]], beta=0))
    1.0
    """
    new, old, gain, beta, weights = _tables(logits, old_logits, advantages, beta, state_weights)
    per_state = (softmax(new) * gain).sum(axis=-1)
    if beta > 0:
        per_state = per_state - beta * np.asarray(kl_from_logits(old, new))
    with np.errstate(over="ignore"):
        total: np.float64 = weights @ per_state
    return total


def ppo_penalty_gradient(
    logits: ArrayLike,
    old_logits: ArrayLike,
    advantages: ArrayLike,
    beta: float,
    *,
    state_weights: ArrayLike | None = None,
) -> Array:
    """∂/∂z of `ppo_penalty_objective`: d(s) [π·(A − E_π A) − β (π − π_old)].

    Parameters
    ----------
    logits, old_logits, advantages, beta, state_weights
        As in `ppo_penalty_objective`.

    Returns
    -------
    ndarray, shape (states, actions)

    Raises
    ------
    ValueError
        As in `ppo_penalty_objective`.

    References
    ----------
    Schulman et al. (2017), equation (8), differentiated.

    Examples
    --------
    At the old policy the penalty is flat, and pulls with β (π_old − π) elsewhere:

    >>> print(ppo_penalty_gradient([[0.0, 0.0]], [[0.0, 0.0]], [[1.0, -1.0]], beta=5))
    [[ 0.5 -0.5]]
    """
    new, old, gain, beta, weights = _tables(logits, old_logits, advantages, beta, state_weights)
    ascent = tilts.softmax_gradient(softmax(new), gain)
    moved = tilts.gap(tilts.between_logits(old, new, 1.0))  # π − π_old
    return weights[:, None] * (ascent - beta * moved)


def adapt_kl_coefficient(beta: float, kl: float, target: float) -> float:
    """β/2 when kl < target/1.5, 2β when kl > 1.5 target, else β: PPO's adaptive penalty.

    Parameters
    ----------
    beta : float
        The weight of the divergence during the step just made; positive.
    kl : float
        The divergence of that step, D(π_old‖π).
    target : float
        The divergence wanted; positive.

    Returns
    -------
    float
        The weight for the next step.

    Raises
    ------
    ValueError
        When ``beta`` or ``target`` is not positive or ``kl`` is negative.

    References
    ----------
    Schulman et al. (2017), section 4.

    Examples
    --------
    >>> print([adapt_kl_coefficient(1.0, kl, target=0.03) for kl in (0.01, 0.03, 0.05)])
    [0.5, 1.0, 2.0]
    """
    beta = validate_numbers.positive_number("beta", beta)
    kl = validate.non_negative_number("kl", kl)
    target = validate_numbers.positive_number("target", target)
    if kl < target / 1.5:
        return beta / 2
    return beta * 2 if kl > target * 1.5 else beta


def _actions(
    log_policy: ArrayLike,
    log_old: ArrayLike,
    advantages: ArrayLike,
    epsilon: float,
    action_weights: ArrayLike | None,
) -> tuple[Array, Array, float]:
    """The ratio of each action, its advantage times its weight, and ε."""
    new = validate.real_array("log_policy", log_policy)
    old = validate.real_array("log_old", log_old)
    gain = validate.real_array("advantages", advantages)
    share = np.full(new.shape, 1 / new.size)
    if action_weights is not None:
        share = validate.real_array("action_weights", action_weights)
        if (share < 0).any():
            raise ValueError("action_weights must not be negative")
    validate_tables.same_shape(log_policy=new, log_old=old, advantages=gain, action_weights=share)
    _ranges.bounded(advantages=gain, action_weights=share)
    with np.errstate(over="ignore"):
        ratio = np.exp(elementwise.difference(new, old))
    return ratio, share * gain, validate_numbers.fraction("epsilon", epsilon)


def _times(ratio: Array, gain: Array) -> Array:
    """ratio·gain, where an infinite ratio without a gain counts for nothing."""
    with np.errstate(over="ignore"):
        return np.multiply(ratio, gain, where=gain != 0, out=np.zeros_like(gain))


def _tables(
    logits: ArrayLike,
    old_logits: ArrayLike,
    advantages: ArrayLike,
    beta: float,
    state_weights: ArrayLike | None,
) -> tuple[Array, Array, Array, float, Array]:
    new = validate_tables.table("logits", logits)
    old = validate_tables.table("old_logits", old_logits)
    gain = validate_tables.table("advantages", advantages)
    validate_tables.same_shape(logits=new, old_logits=old, advantages=gain)
    weights = validate_tables.row_weights("state_weights", state_weights, len(new))
    beta = validate.non_negative_number("beta", beta)
    _ranges.bounded(logits=new, old_logits=old, advantages=gain, beta=beta, state_weights=weights)
    return new, old, gain, beta, weights
