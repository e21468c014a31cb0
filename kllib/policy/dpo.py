"""Direct preference optimisation (DPO): a policy from preferences, without a reward model.

The policy π is a distribution over answers y. The functions of a data set take log probabilities:
one for the answer chosen and one for the answer rejected, of the policy and of the fixed reference.
The exact versions take logits and a table of preferences, and sum over all pairs.
"""

from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from kllib._numerics import averages, tilts, validate, validate_numbers, validate_tables
from kllib.policy import _ranges
from kllib.policy.rlhf import rlhf_optimum

__all__ = [
    "DPOGradient",
    "dpo_gradient",
    "dpo_loss",
    "expected_dpo_gradient",
    "expected_dpo_loss",
    "fit_dpo",
]

Array: TypeAlias = NDArray[np.float64]
Result: TypeAlias = np.float64 | Array
Reduction: TypeAlias = Literal["mean", "sum", "none"]


class DPOGradient(NamedTuple):
    """The derivatives of `dpo_loss` with respect to the policy's log probabilities.

    Attributes
    ----------
    chosen, rejected : ndarray or float
        ∂L/∂ log π of the answer chosen and of the one rejected. They are each other's negative.
    """

    chosen: Result
    rejected: Result


def dpo_loss(
    log_policy_chosen: ArrayLike,
    log_policy_rejected: ArrayLike,
    log_reference_chosen: ArrayLike,
    log_reference_rejected: ArrayLike,
    beta: float,
    *,
    label_smoothing: float = 0.0,
    reduction: Reduction = "mean",
) -> Result:
    """−log σ(h) with h = β log(π/π_ref) of the chosen answer less that of the rejected one.

    With label smoothing ε it is −(1 − ε) log σ(h) − ε log σ(−h): a label is wrong with
    probability ε.

    Parameters
    ----------
    log_policy_chosen, log_policy_rejected : array_like, shape (...)
        log π of the answer preferred and of the other, one entry for each pair.
    log_reference_chosen, log_reference_rejected : array_like, shape (...)
        log π_ref of the same answers.
    beta : float
        The weight of the divergence in the objective that DPO solves; positive.
    label_smoothing : float
        Between 0 and 1; below one half to make sense.
    reduction : {"mean", "sum", "none"}
        The mean over the pairs, their sum, or the loss of each.

    Returns
    -------
    float or ndarray

    Raises
    ------
    ValueError
        When a log probability is not finite or above 0 (a probability, say), a number is above
        1e150 in size, shapes differ, or another argument makes no sense.

    References
    ----------
    Rafailov et al. (2023), equation (7). Mitchell (2023), A note on DPO with noisy preferences,
    for the label smoothing.

    Examples
    --------
    At the reference the loss is log 2, whatever the answers:

    >>> print(dpo_loss([-3.0, -7.5], [-4.0, -2.5], [-3.0, -7.5], [-4.0, -2.5], 0.1) == np.log(2))
    True

    β times the log odds ratio is the log odds of the preference:

    >>> print(dpo_loss(np.log(0.9), np.log(0.1), np.log(0.5), np.log(0.5), 0.5).round(12))
    0.287682072452
    >>> print((-np.log(0.75)).round(12))
    0.287682072452
    """
    validate_numbers.choice("reduction", reduction, ("mean", "sum", "none"))
    smoothing = validate_numbers.fraction("label_smoothing", label_smoothing)
    h = _margin(
        log_policy_chosen, log_policy_rejected, log_reference_chosen, log_reference_rejected, beta
    )
    losses = (1 - smoothing) * _softplus(-h)  # −log σ(h)
    if smoothing > 0:
        losses = losses + smoothing * _softplus(h)
    if reduction == "none":
        return tilts.scalar(losses)
    total: np.float64 = losses.mean() if reduction == "mean" else losses.sum()
    return total


def dpo_gradient(
    log_policy_chosen: ArrayLike,
    log_policy_rejected: ArrayLike,
    log_reference_chosen: ArrayLike,
    log_reference_rejected: ArrayLike,
    beta: float,
    *,
    label_smoothing: float = 0.0,
    reduction: Reduction = "mean",
) -> DPOGradient:
    """∂L/∂ log π = ∓β σ(−h): a pair pulls the more, the more wrongly it is ordered.

    With label smoothing ε it is ∓β [(1 − ε) σ(−h) − ε σ(h)]; minus for the answer chosen, plus for
    the one rejected.

    Parameters
    ----------
    log_policy_chosen, log_policy_rejected, log_reference_chosen, log_reference_rejected, beta
        As in `dpo_loss`.
    label_smoothing, reduction
        As in `dpo_loss`. With "mean" the derivatives are those of the mean, divided by the number
        of pairs; "sum" and "none" give the same.

    Returns
    -------
    DPOGradient
        ``chosen`` and ``rejected``, each with one entry per pair. For parameters θ the gradient is
        Σ chosen · ∂ log π(chosen)/∂θ + rejected · ∂ log π(rejected)/∂θ.

    Raises
    ------
    ValueError
        As in `dpo_loss`.

    References
    ----------
    Rafailov et al. (2023), the gradient below equation (7).

    Examples
    --------
    At the reference every pair pulls with β/2:

    >>> print(dpo_gradient(-1.0, -2.0, -1.0, -2.0, 0.1).chosen)
    -0.05
    """
    validate_numbers.choice("reduction", reduction, ("mean", "sum", "none"))
    smoothing = validate_numbers.fraction("label_smoothing", label_smoothing)
    h = _margin(
        log_policy_chosen, log_policy_rejected, log_reference_chosen, log_reference_rejected, beta
    )
    pull = float(beta) * ((1 - smoothing) * expit(-h) - smoothing * expit(h))
    if reduction == "mean":
        pull = pull / h.size
    return DPOGradient(tilts.scalar(-pull), tilts.scalar(pull))


def expected_dpo_loss(
    logits: ArrayLike,
    reference: ArrayLike,
    preference: ArrayLike,
    beta: float,
    *,
    pair_weights: ArrayLike | None = None,
) -> np.float64:
    """Σ w_ij P_ij (−log σ(h_ij)): the DPO loss of π = softmax(z), over all pairs of answers.

    Here h_ij = β [z_i − z_j − log π_ref(i) + log π_ref(j)]. For each pair it is the cross-entropy
    of the model σ(h_ij) under the truth P_ij. So it is an entropy that no policy can change, plus
    the mean divergence of two coins, D(P_ij‖σ(h_ij)); under Bradley–Terry preferences the policy
    with zero divergence is the RLHF optimum, whatever the weights.

    Parameters
    ----------
    logits : array_like, shape (m,)
        The parameters z of the policy.
    reference : array_like, shape (m,)
        The reference policy; every answer possible.
    preference : array_like, shape (m, m)
        ``preference[i, j]`` is the probability P_ij that i is preferred to j; P_ij + P_ji = 1.
    beta : float
        The weight of the divergence, positive.
    pair_weights : array_like, shape (m, m), optional
        How often the pair i, j is shown, in proportion (they are divided by their sum). The
        diagonal does not count. All pairs alike when left out.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        When the shapes do not fit, ``reference`` is not a distribution or has a zero,
        ``preference`` is no table of preferences, or another argument makes no sense.

    References
    ----------
    Rafailov et al. (2023), equation (7), its expectation taken exactly.

    Examples
    --------
    At the optimum all that is left is the entropy of the preferences:

    >>> from kllib.policy.preference import bradley_terry
    >>> reference, reward, beta = np.array([0.6, 0.3, 0.1]), np.array([0.0, 1.0, 2.0]), 0.5
    >>> preference = bradley_terry(reward[:, None], reward)
    >>> loss = expected_dpo_loss(np.log(reference) + reward / beta, reference, preference, beta)
    >>> above = preference[np.triu_indices(3, 1)]
    >>> print(round(loss, 12))
    0.509913357621
    >>> print(round(np.mean(-above * np.log(above) - (1 - above) * np.log(1 - above)), 12))
    0.509913357621
    """
    h, shown = _all_pairs(logits, reference, preference, beta, pair_weights)
    return _expected_loss(h, shown)


def expected_dpo_gradient(
    logits: ArrayLike,
    reference: ArrayLike,
    preference: ArrayLike,
    beta: float,
    *,
    pair_weights: ArrayLike | None = None,
) -> Array:
    """∂/∂z_k of `expected_dpo_loss`: β Σ_j [w_jk P_jk σ(−h_jk) − w_kj P_kj σ(−h_kj)].

    Parameters
    ----------
    logits, reference, preference, beta, pair_weights
        As in `expected_dpo_loss`.

    Returns
    -------
    ndarray, shape (m,)
        Its entries sum to zero.

    Raises
    ------
    ValueError
        As in `expected_dpo_loss`.

    References
    ----------
    Rafailov et al. (2023), the gradient below equation (7).

    Examples
    --------
    It vanishes at the RLHF optimum:

    >>> from kllib.policy.preference import bradley_terry
    >>> reference, reward, beta = np.array([0.6, 0.3, 0.1]), np.array([0.0, 1.0, 2.0]), 0.5
    >>> preference = bradley_terry(reward[:, None], reward)
    >>> z = np.log(reference) + reward / beta
    >>> print(np.abs(expected_dpo_gradient(z, reference, preference, beta)).max() < 1e-16)
    True
    """
    h, shown = _all_pairs(logits, reference, preference, beta, pair_weights)
    return float(beta) * _expected_gradient(h, shown)


def fit_dpo(reference: ArrayLike, preference: ArrayLike, beta: float) -> Array:
    """The policy that minimises `expected_dpo_loss`, found by descent from the reference.

    With Bradley–Terry preferences of a reward r it is the RLHF optimum π_ref exp(r/β)/Z, though no
    reward was given: its log odds are those of the preferences.

    Parameters
    ----------
    reference, preference, beta
        As in `expected_dpo_loss`; every preference strictly between 0 and 1, else no policy with
        finite logits is best.

    Returns
    -------
    ndarray, shape (m,)
        The policy. Its log odds are right to about 1e-6/β, as far as both probabilities are
        floats: with a small β one of them may underflow to 0.

    Raises
    ------
    ValueError
        When a preference is 0 or 1, or as in `expected_dpo_loss`.
    RuntimeError
        When the descent does not get there.

    References
    ----------
    Rafailov et al. (2023), section 4.

    Examples
    --------
    >>> from kllib.policy.preference import bradley_terry
    >>> reference, reward, beta = np.array([0.6, 0.3, 0.1]), np.array([0.0, 1.0, 2.0]), 0.5
    >>> print(fit_dpo(reference, bradley_terry(reward[:, None], reward), beta).round(6))
    [0.072494 0.267832 0.659674]
    >>> print(rlhf_optimum(reference, reward, beta).round(6))
    [0.072494 0.267832 0.659674]
    """
    from scipy.optimize import minimize

    reference = validate_tables.possible("reference", reference)
    _, shown = _all_pairs(np.zeros_like(reference), reference, preference, beta, None)
    if ((shown == 0) & ~np.eye(len(reference), dtype=bool)).any():
        raise ValueError("preference must be strictly between 0 and 1: no finite policy is best")

    # In implicit rewards, z = log π_ref + r/β, in which neither the margins nor the scale know β.
    def loss(reward: Array) -> np.float64:
        return _expected_loss(reward[:, None] - reward, shown)

    def gradient(reward: Array) -> Array:
        return _expected_gradient(reward[:, None] - reward, shown)

    start = np.zeros_like(reference)
    found = minimize(loss, start, jac=gradient, method="BFGS", options={"gtol": 0})
    if not np.abs(found.jac).max() < 1e-7:
        raise RuntimeError(f"the descent stopped at a gradient of {np.abs(found.jac).max():.1e}")
    return rlhf_optimum(reference, found.x, beta)


def _expected_loss(h: Array, shown: Array) -> np.float64:
    total: np.float64 = (shown * _softplus(-h)).sum()
    return total


def _expected_gradient(h: Array, shown: Array) -> Array:
    """∂/∂r for h_ij = r_i − r_j."""
    pull = shown * expit(-h)
    result: Array = pull.sum(axis=0) - pull.sum(axis=1)
    return result


def _softplus(x: Array) -> Array:
    """log(1 + exp(x)) = −log σ(−x)."""
    result: Array = np.logaddexp(0, x)
    return result


def _margin(
    policy_chosen: ArrayLike,
    policy_rejected: ArrayLike,
    reference_chosen: ArrayLike,
    reference_rejected: ArrayLike,
    beta: float,
) -> Array:
    """h, one for each pair."""
    arrays = {
        "log_policy_chosen": _ranges.log_probabilities("log_policy_chosen", policy_chosen),
        "log_policy_rejected": _ranges.log_probabilities("log_policy_rejected", policy_rejected),
        "log_reference_chosen": _ranges.log_probabilities("log_reference_chosen", reference_chosen),
        "log_reference_rejected": _ranges.log_probabilities(
            "log_reference_rejected", reference_rejected
        ),
    }
    validate_tables.same_shape(**arrays)
    chosen, rejected, chosen_before, rejected_before = arrays.values()
    beta = validate_numbers.positive_number("beta", beta)
    _ranges.bounded(beta=beta)
    result: Array = beta * ((chosen - chosen_before) - (rejected - rejected_before))
    return result


def _all_pairs(
    logits: ArrayLike,
    reference: ArrayLike,
    preference: ArrayLike,
    beta: float,
    pair_weights: ArrayLike | None,
) -> tuple[Array, Array]:
    """h for each ordered pair of answers, and how often it is shown with the first preferred."""
    z = validate.vectors("logits", logits)
    reference = validate_tables.possible("reference", reference)
    if z.ndim > 1 or len(z) < 2:
        raise ValueError(f"logits must be a vector of at least 2 answers; its shape is {z.shape}")
    beta = validate_numbers.positive_number("beta", beta)
    _ranges.bounded(logits=z, beta=beta)
    validate_tables.same_shape(logits=z, reference=reference)
    table = validate_tables.fractions("preference", preference)
    _square("preference", table, len(z))
    if not (np.abs(table + table.T - 1) <= validate.TOLERANCE).all():
        raise ValueError("preference[i, j] and preference[j, i] must sum to 1")
    weights = np.ones_like(table)
    if pair_weights is not None:
        weights = validate.weights("pair_weights", pair_weights, -1)
        _square("pair_weights", weights, len(z))
        _ranges.bounded(pair_weights=weights)
    weights = weights * ~np.eye(len(z), dtype=bool)
    validate.some_positive("pair_weights", weights.ravel())
    weights = (weights + weights.T) / weights.sum()  # of a pair, in either order
    advantage = z + averages.surprisal(reference)
    return beta * (advantage[:, None] - advantage), weights * table


def _square(name: str, array: Array, rows: int) -> None:
    if array.shape != (rows, rows):
        raise ValueError(f"{name} must have shape ({rows}, {rows}); its shape is {array.shape}")
