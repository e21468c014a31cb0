"""Posterior collapse: when a latent dimension says nothing about the data any more, and cures.

A dimension has collapsed when the encoder gives every user the same distribution there, the prior.
Diagnoses: `active_units`, and `split_mean_kl` into what the latent tells about the user and how far
all users together are from the prior. Cures that leave the model alone: a weight on the divergence
that grows during training (`linear_kl_annealing`, `cyclical_kl_annealing`), and a divergence that
is free up to a threshold (`free_bits`). A weight β above 1 is none: it makes collapse more likely.

Nats throughout.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kllib._numerics import validate, validate_numbers, validate_tables
from kllib._numerics.validate import Array
from kllib.gaussian import kl_standard_normal

__all__ = [
    "MeanKLSplit",
    "active_units",
    "cyclical_kl_annealing",
    "free_bits",
    "linear_kl_annealing",
    "split_mean_kl",
]

# Standard deviations between e^−700 and e^700 are floats.
_MOST_LOG_VAR = 1400.0


@dataclass(frozen=True)
class MeanKLSplit:
    """mean_kl = information + aggregate_kl.

    Attributes
    ----------
    mean_kl : float
        The mean over users of D(q(z|x)‖p(z)): the divergence in a variational autoencoder's loss.
    information : float
        The mutual information between the user's index and z, the mean over users of
        D(q(z|x)‖q(z)); between 0 and the logarithm of the number of users. A Monte Carlo estimate.
    aggregate_kl : float
        D(q(z)‖p(z)) of the aggregate posterior q(z), the mixture of all users' q(z|x).
    standard_error : float
        Of information, and so of aggregate_kl too; mean_kl is exact.
    """

    mean_kl: float
    information: float
    aggregate_kl: float
    standard_error: float


def active_units(mu: ArrayLike, *, threshold: float = 0.01) -> NDArray[np.bool_]:
    """Which latent dimensions are in use: those whose posterior mean has Var_x(μ) > threshold.

    Parameters
    ----------
    mu : array_like, shape (users, d)
        The means of q(z|x), one row for each user.
    threshold : float
        The smallest variance over users that counts as use, not negative.

    Returns
    -------
    ndarray of bool, shape (d,)
        False for a collapsed dimension.

    Raises
    ------
    ValueError
        When mu is not a table of finite numbers, or threshold is negative.

    References
    ----------
    Burda, Grosse and Salakhutdinov (2016), Importance weighted autoencoders, where the
    threshold is 0.01.

    Examples
    --------
    The second dimension has the same mean for all users:

    >>> print(active_units([[1.0, 0.3], [-1.0, 0.3]]))
    [ True False]
    """
    mu = _table("mu", mu)
    threshold = validate.non_negative_number("threshold", threshold)
    size = np.maximum(1.0, np.abs(mu).max(axis=0))  # so that no sum overflows
    with np.errstate(over="ignore", under="ignore"):
        varies = (mu / size).std(axis=0) * size > math.sqrt(threshold)
    # The mean of equal numbers may differ from them by rounding.
    return np.asarray(varies & (mu != mu[0]).any(axis=0))


def free_bits(kl_per_dimension: ArrayLike, free_nats: float) -> np.float64 | Array:
    """Σ_j max(λ, KL_j): a divergence that costs no less for being below λ in a dimension.

    So nothing is gained by pressing a dimension's divergence below λ, and it does not collapse.

    Parameters
    ----------
    kl_per_dimension : array_like, shape (..., d)
        The divergence of each latent dimension, averaged over a batch of users.
    free_nats : float
        The threshold λ for each dimension, in nats in spite of the method's name.

    Returns
    -------
    float or ndarray, shape (...)
        At least λ d.

    Raises
    ------
    ValueError
        When a divergence or the threshold is negative or not finite.

    References
    ----------
    Kingma, Salimans, Jozefowicz, Chen, Sutskever and Welling (2016), Improved variational inference
    with inverse autoregressive flow, appendix C.8.

    Examples
    --------
    >>> print(free_bits([0.0, 0.5, 2.0], 1.0))
    4.0
    """
    kl = validate.weights("kl_per_dimension", kl_per_dimension, -1)
    least = validate.non_negative_number("free_nats", free_nats)
    with np.errstate(over="ignore"):
        result: np.float64 | Array = np.maximum(least, kl).sum(axis=-1)
    return result


def linear_kl_annealing(step: ArrayLike, *, warm_up: float) -> np.float64 | Array:
    """The weight min(1, step / warm_up) of the divergence: from 0, in a straight line, to 1.

    Parameters
    ----------
    step : array_like
        Training steps done so far, not negative.
    warm_up : float
        After how many steps the weight is 1.

    Returns
    -------
    float or ndarray
        Between 0 and 1, of the shape of step.

    Raises
    ------
    ValueError
        When a step is negative or warm_up is not positive.

    References
    ----------
    Bowman, Vilnis, Vinyals, Dai, Jozefowicz and Bengio (2016), Generating sentences from a
    continuous space, section 3.1.

    Examples
    --------
    >>> print(linear_kl_annealing([0, 50, 100, 150], warm_up=100))
    [0.  0.5 1.  1. ]
    """
    steps, warm_up = _steps(step), validate_numbers.positive_number("warm_up", warm_up)
    with np.errstate(over="ignore", under="ignore"):
        result: np.float64 | Array = np.minimum(1.0, steps / warm_up)
    return result


def cyclical_kl_annealing(
    step: ArrayLike, *, period: float, ramp: float = 0.5
) -> np.float64 | Array:
    """The weight min(1, τ / ramp), τ = (step mod period) / period: a warm-up again and again.

    Parameters
    ----------
    step : array_like
        Training steps done so far, not negative.
    period : float
        Steps in a cycle.
    ramp : float
        The share of a cycle in which the weight grows from 0 to 1, above 0 and at most 1; for the
        rest of it the weight stays 1.

    Returns
    -------
    float or ndarray
        Between 0 and 1, of the shape of step.

    Raises
    ------
    ValueError
        When a step is negative, period is not positive, or ramp is not above 0 and at most 1.

    References
    ----------
    Fu, Li, Liu, Gao, Celikyilmaz and Carin (2019), Cyclical annealing schedule: a simple approach
    to mitigating KL vanishing, figure 2. Here steps are counted from 0.

    Examples
    --------
    >>> print(cyclical_kl_annealing([0, 25, 50, 99, 100, 125], period=100))
    [0.  0.5 1.  1.  0.  0.5]
    """
    steps = _steps(step)
    period = validate_numbers.positive_number("period", period)
    ramp = validate_numbers.positive_number("ramp", validate_numbers.fraction("ramp", ramp))
    with np.errstate(over="ignore", under="ignore"):
        result: np.float64 | Array = np.minimum(1.0, np.mod(steps, period) / period / ramp)
    return result


def split_mean_kl(
    mu: ArrayLike, log_var: ArrayLike, rng: np.random.Generator, *, draws: int = 20
) -> MeanKLSplit:
    """The mean over users of D(q(z|x)‖p(z)) = information about the user + D(q(z)‖p(z)).

    The prior p(z) is the standard normal, and q(z) the average of all users' q(z|x). A collapsed
    model has no information, whatever its mean divergence; and a model may tell all users apart and
    still have a q(z) that fits the prior.

    Parameters
    ----------
    mu, log_var : array_like, shape (users, d)
        Means and log variances of q(z|x), one row for each user.
    rng : numpy.random.Generator
        The source of randomness.
    draws : int
        Draws of z for each user, at least 2. Time and error: users² · draws, 1/√(users · draws).

    Returns
    -------
    MeanKLSplit
        With a standard error.

    Raises
    ------
    ValueError
        When mu or log_var is not a table of finite numbers, an entry of log_var is above 1400 in
        size (no float could be the standard deviation), their shapes differ, or draws is below 2.

    References
    ----------
    Hoffman and Johnson (2016), ELBO surgery: yet another way to carve up the variational evidence
    lower bound.

    Examples
    --------
    Users whose posteriors do not overlap share no information, and z tells them all apart, log 4:

    >>> mu = [[-30.0], [-10.0], [10.0], [30.0]]
    >>> split = split_mean_kl(mu, np.zeros((4, 1)), np.random.default_rng(0))
    >>> print(round(split.information, 6), round(math.log(4), 6))
    1.386294 1.386294
    """
    mu, log_var = _table("mu", mu), _table("log_var", log_var)
    if mu.shape != log_var.shape:
        raise ValueError(f"shapes differ: mu has {mu.shape}, log_var has {log_var.shape}")
    largest = np.abs(log_var).max()
    if largest > _MOST_LOG_VAR:
        raise ValueError(f"log_var has an entry above {_MOST_LOG_VAR:g} in size: {largest:.6g}")
    validate_tables.moderate(mu=mu)
    rng = validate_numbers.generator(rng)
    draws = validate_numbers.whole_number("draws", draws, 2)
    mean_kl = float(np.sum(kl_standard_normal(mu, log_var)) / len(mu))
    # One estimate of D(q(z|x) ‖ q(z)) for each draw and user
    gains = np.array([_information_gains(mu, log_var, rng) for _ in range(draws)])
    information = float(gains.mean())
    error = math.sqrt(float(gains.var(axis=0, ddof=1).sum()) / draws) / len(mu)
    return MeanKLSplit(mean_kl, information, mean_kl - information, error)


def _information_gains(mu: Array, log_var: Array, rng: np.random.Generator) -> Array:
    """log q(z|x) − log q(z) at one draw of z from each user's q(z|x)."""
    sigma = np.exp(log_var / 2)
    noise = rng.standard_normal(mu.shape)
    log_q = np.zeros((len(mu), len(mu)))  # [i, n]: of user i's draw under user n's posterior
    with np.errstate(over="ignore", under="ignore"):
        for j in range(mu.shape[1]):
            # z − μ_n, where z = μ_i + σ_i ε need not resolve σ_i
            distance = mu[:, j, None] - mu[:, j] + (sigma * noise)[:, j, None]
            log_q -= (distance / sigma[:, j]) ** 2 / 2 + log_var[:, j] / 2
    own = -(noise**2 + log_var).sum(axis=1) / 2
    np.fill_diagonal(log_q, own)
    aggregate = np.logaddexp.reduce(log_q, axis=1) - math.log(len(mu))
    result: Array = own - aggregate
    return result


def _steps(step: ArrayLike) -> Array:
    steps = validate.real_array("step", step)
    if (steps < 0).any():
        raise ValueError(f"step must not be negative; got {steps.min():.6g}")
    return steps


def _table(name: str, value: ArrayLike) -> Array:
    array = validate.real_array(name, value)
    if array.ndim != 2:
        raise ValueError(f"{name} must have shape (users, dimensions); it has {array.shape}")
    return array
