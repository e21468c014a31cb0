"""A language model so small that every expectation over its sequences is a sum: token by token.

The model is a table of logits with one row for each prefix and one column for each token, the
empty prefix first, then the prefixes of one token, of two, and so on, in alphabetical order. All
sequences have the same length, the horizon: with V tokens and horizon H the table has
1 + V + … + V^(H−1) rows, and row i is followed, on its token a, by row V·i + 1 + a. Sequences are
in alphabetical order too, as `token_sequences` lists them.

Such a table is a softmax policy whose states are the prefixes: what takes tables of logits in
`ppo` and `trust_region` takes it as it is, with `prefix_probabilities` as state weights. What
rewards do to it is in `token_policy`.
"""

from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from kllib._numerics import elementwise, tilts, validate_numbers
from kllib.logits import kl_from_logits, log_softmax, softmax
from kllib.policy import _prefix_tree

__all__ = [
    "KLEstimatorMoments",
    "prefix_probabilities",
    "sequence_kl",
    "sequence_log_probabilities",
    "token_kl",
    "token_kl_estimator_moments",
    "token_sequences",
]

Array: TypeAlias = NDArray[np.float64]
Estimator: TypeAlias = Literal["k1", "k2", "k3"]

_MOST_ENTRIES = 2**27  # a gigabyte


class KLEstimatorMoments(NamedTuple):
    """Mean and standard deviation of an estimate from one sequence.

    Attributes
    ----------
    mean, std : float
        In nats. The average of n sequences has the same mean and the standard error std/√n.
    """

    mean: np.float64
    std: np.float64


def token_sequences(vocabulary: int, horizon: int) -> NDArray[np.int64]:
    """All V^H sequences in alphabetical order, one a row: to compute their rewards from.

    Parameters
    ----------
    vocabulary : int
        The number V of tokens, at least 2.
    horizon : int
        The length H of every sequence, at least 1.

    Returns
    -------
    ndarray of int, shape (V**H, H)

    Raises
    ------
    ValueError
        When an argument is not a whole number, or too small, or the table would have more than
        2²⁷ entries.

    Examples
    --------
    >>> print(token_sequences(2, 3).sum(axis=1))
    [0 1 1 2 1 2 2 3]
    """
    vocabulary = validate_numbers.whole_number("vocabulary", vocabulary, 2, _MOST_ENTRIES)
    horizon = validate_numbers.whole_number("horizon", horizon, 1, 27)  # as 2²⁷ is the most
    if vocabulary**horizon * horizon > _MOST_ENTRIES:
        raise ValueError(
            f"{vocabulary} tokens and a horizon of {horizon} give more than {_MOST_ENTRIES} entries"
        )
    return np.indices((vocabulary,) * horizon).reshape(horizon, -1).T


def prefix_probabilities(logits: ArrayLike) -> Array:
    """P(prefix) = Π p(token|prefix before it): how often each row of the table is used.

    Parameters
    ----------
    logits : array_like, shape (1 + V + … + V^(H−1), V)

    Returns
    -------
    ndarray, shape (1 + V + … + V^(H−1),)
        They sum to the horizon: a sequence passes through one prefix of each length.

    Raises
    ------
    ValueError
        When ``logits`` is not finite, above 1e150 in size, or has another number of rows.

    Examples
    --------
    >>> print(prefix_probabilities(np.log([[0.25, 0.75], [0.5, 0.5], [0.5, 0.5]])).round(12))
    [1.   0.25 0.75]
    """
    model = softmax(_prefix_tree.model("logits", logits))
    reached, probability = [], np.ones(1)
    for table in _prefix_tree.levels(model):
        reached.append(probability)
        probability = (probability[:, None] * table).ravel()
    return np.concatenate(reached)


def sequence_log_probabilities(logits: ArrayLike) -> Array:
    """log p(y) = Σ_t log p(y_t|y_<t) of every sequence y.

    Parameters
    ----------
    logits : array_like, shape (1 + V + … + V^(H−1), V)

    Returns
    -------
    ndarray, shape (V**H,)
        In the order of `token_sequences`.

    Raises
    ------
    ValueError
        As in `prefix_probabilities`.

    Examples
    --------
    >>> logits = np.log([[0.25, 0.75], [0.5, 0.5], [0.2, 0.8]])
    >>> print(np.exp(sequence_log_probabilities(logits)).round(12))
    [0.125 0.125 0.15  0.6  ]
    """
    return _prefix_tree.along_sequences(log_softmax(_prefix_tree.model("logits", logits)))


def token_kl(p_logits: ArrayLike, q_logits: ArrayLike) -> Array:
    """Σ_prefix P(prefix) D(p(·|prefix)‖q(·|prefix)) for each position: the terms of the chain rule.

    Parameters
    ----------
    p_logits, q_logits : array_like, shape (1 + V + … + V^(H−1), V)
        Truth and model. Sequences, and so prefixes, are drawn from the truth.

    Returns
    -------
    ndarray, shape (H,)
        In nats; their sum is `sequence_kl`.

    Raises
    ------
    ValueError
        When a table is not finite or has another number of rows, or their shapes differ.

    References
    ----------
    Cover and Thomas (2006), Theorem 2.5.3.

    Examples
    --------
    >>> p = np.log([[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]])
    >>> q = np.log([[0.5, 0.5], [0.25, 0.75], [0.5, 0.5]])
    >>> print(token_kl(p, q).round(12) + 0.0)
    [0.         0.07192052]
    """
    p, q = _prefix_tree.models(p_logits=p_logits, q_logits=q_logits)
    terms = prefix_probabilities(p) * np.asarray(kl_from_logits(p, q))
    return np.array([level.sum() for level in _prefix_tree.levels(terms[:, None], p.shape[1])])


def sequence_kl(p_logits: ArrayLike, q_logits: ArrayLike) -> np.float64:
    """D(p‖q) = Σ_y p(y) log(p(y)/q(y)) over whole sequences, by the chain rule: Σ_t `token_kl`.

    Parameters
    ----------
    p_logits, q_logits : array_like, shape (1 + V + … + V^(H−1), V)
        Truth and model.

    Returns
    -------
    float
        In nats.

    Raises
    ------
    ValueError
        As in `token_kl`.

    References
    ----------
    Cover and Thomas (2006), Theorem 2.5.3.

    Examples
    --------
    >>> from kllib.discrete import kl_divergence
    >>> rng = np.random.default_rng(0)
    >>> p, q = rng.standard_normal((2, 13, 3))
    >>> over_sequences = [np.exp(sequence_log_probabilities(logits)) for logits in (p, q)]
    >>> print(round(sequence_kl(p, q), 12) == round(kl_divergence(*over_sequences), 12))
    True
    """
    total: np.float64 = token_kl(p_logits, q_logits).sum()
    return total


def token_kl_estimator_moments(
    p_logits: ArrayLike, q_logits: ArrayLike, estimator: Estimator
) -> KLEstimatorMoments:
    """Mean and spread of Σ_t k(ρ_t) over sequences from p, with ρ_t = q(y_t|y_<t)/p(y_t|y_<t).

    k1 = −log ρ, k2 = (log ρ)²/2, k3 = ρ − 1 − log ρ. For k1 and k3 the mean is the divergence of
    the sequences, exactly; for k2 it is near it when p is near q.

    Parameters
    ----------
    p_logits, q_logits : array_like, shape (1 + V + … + V^(H−1), V)
        Truth and model: with a policy π and its reference, π comes first.
    estimator : {"k1", "k2", "k3"}

    Returns
    -------
    KLEstimatorMoments
        Summed over all sequences, as the definition says; where k1 and k3 are unbiased the mean
        is `sequence_kl`. The spread of k3 is often huge, and ``inf`` above 1.8e308.

    Raises
    ------
    ValueError
        When the estimator is another one, or as in `token_kl`.

    References
    ----------
    Schulman (2020).

    Examples
    --------
    Two unbiased estimators; the third spreads less:

    >>> p, q = np.log([[0.5, 0.5]]), np.log([[0.25, 0.75]])
    >>> for name in ("k1", "k3"):
    ...     print(np.round(token_kl_estimator_moments(p, q, name), 4))
    [0.1438 0.5493]
    [0.1438 0.0493]
    >>> print(round(sequence_kl(p, q), 4))
    0.1438
    """
    validate_numbers.choice("estimator", estimator, ("k1", "k2", "k3"))
    p, q = _prefix_tree.models(p_logits=p_logits, q_logits=q_logits)
    log_ratio = tilts.between_logits(p, q, 1.0).log_ratio
    each_token = {
        "k1": -log_ratio,
        "k2": log_ratio**2 / 2,
        "k3": elementwise.exponential_gap(log_ratio),
    }[estimator]
    estimates = _prefix_tree.along_sequences(each_token)
    # In logarithms, as an estimate may be above 1.8e308 where the probability is next to nothing
    log_probability = sequence_log_probabilities(p)
    with np.errstate(over="ignore", under="ignore", divide="ignore"):
        mean = sequence_kl(p, q)
        if estimator == "k2":
            mean = np.exp(logsumexp(log_probability + np.log(estimates)))
        log_deviation = np.log(np.abs(estimates - mean))
        if estimator == "k3":  # beyond that, nothing but Σ_t ρ_t is left
            log_sum = _prefix_tree.along_sequences(log_ratio, np.logaddexp, -np.inf)
            log_deviation = np.where(np.isinf(estimates), log_sum, log_deviation)
        std = np.exp(logsumexp(log_probability + 2 * log_deviation) / 2)
    return KLEstimatorMoments(mean, std)
