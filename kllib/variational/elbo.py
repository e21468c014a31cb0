"""The evidence lower bound and what it lacks: log p(x) = ELBO + D(q(z)‖p(z|x)), for every q.

With q the distribution that stands in for the posterior, the bound is

    ELBO = E_q[log p(x|z)] − D(q(z)‖p(z)),

reconstruction minus the divergence from the prior. Everything here is exact: closed form for a
normal model, a sum for a finite one. Nats throughout.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from kllib._numerics import averages, elementwise, extended, validate
from kllib._numerics.validate import Array
from kllib.discrete import kl_divergence
from kllib.gaussian import kl_normal

__all__ = [
    "EvidenceSplit",
    "elbo_discrete",
    "elbo_normal",
    "importance_weighted_bound",
]


@dataclass(frozen=True, eq=False)
class EvidenceSplit:
    """log p(x) = elbo + gap, with elbo = reconstruction − kl_to_prior; each computed on its own.

    Attributes
    ----------
    log_evidence : float or ndarray
        log p(x).
    elbo : float or ndarray
        E_q[log p(x|z)] − D(q(z)‖p(z)), never above the log evidence.
    gap : float or ndarray
        D(q(z)‖p(z|x)), from the exact posterior.
    reconstruction : float or ndarray
        E_q[log p(x|z)].
    kl_to_prior : float or ndarray
        D(q(z)‖p(z)).
    """

    log_evidence: np.float64 | Array
    elbo: np.float64 | Array
    gap: np.float64 | Array
    reconstruction: np.float64 | Array
    kl_to_prior: np.float64 | Array


def elbo_normal(
    x: ArrayLike,
    mu: ArrayLike,
    sigma: ArrayLike,
    *,
    noise_sigma: ArrayLike,
    prior_mu: ArrayLike = 0.0,
    prior_sigma: ArrayLike = 1.0,
) -> EvidenceSplit:
    """The split of log p(x) for z ~ N(m₀, s₀²), x|z ~ N(z, s²) and q = N(μ, σ²).

    The posterior is N(m₀ + w (x − m₀), w s²) with w = s₀²/(s₀² + s²).

    Parameters
    ----------
    x : array_like
        The observation. All arguments broadcast.
    mu, sigma : array_like
        Mean and standard deviation of q.
    noise_sigma : array_like
        The standard deviation s of x given z.
    prior_mu, prior_sigma : array_like
        Mean and standard deviation of the prior, m₀ and s₀.

    Returns
    -------
    EvidenceSplit
        One value for each element of the broadcast arguments, in nats. The posterior's own rounding
        limits the gap, whose error is about 1e-15·√gap when q is near the posterior.

    Raises
    ------
    ValueError
        When an argument is not finite, a standard deviation is not positive, the shapes do not
        broadcast, or the posterior is beyond the range of a float.

    References
    ----------
    Bishop (2006), Pattern Recognition and Machine Learning, sections 2.3.3 and 9.4.

    Examples
    --------
    With q the posterior, nothing is lacking:

    >>> split = elbo_normal(2, 1, 0.5**0.5, noise_sigma=1)
    >>> print(round(split.elbo, 12) == round(split.log_evidence, 12), round(split.gap, 12))
    True 0.0
    """
    x, mu = validate.real_array("x", x), validate.real_array("mu", mu)
    prior_mu = validate.real_array("prior_mu", prior_mu)
    sigma, noise = (
        validate.positive("sigma", sigma),
        validate.positive("noise_sigma", noise_sigma),
    )
    prior_sigma = validate.positive("prior_sigma", prior_sigma)
    validate.broadcastable(
        x=x, mu=mu, sigma=sigma, noise_sigma=noise, prior_mu=prior_mu, prior_sigma=prior_sigma
    )
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        spread = np.hypot(prior_sigma, noise)
        share = prior_sigma / spread
        posterior_mu, posterior_sigma = prior_mu + share * share * (x - prior_mu), share * noise
        relative_sigma = sigma / noise
    if not (np.isfinite(spread) & np.isfinite(posterior_mu) & (posterior_sigma > 0)).all():
        raise ValueError(
            "the posterior is beyond the range of a float: prior_sigma and noise_sigma, or x and "
            "prior_mu, are too extreme"
        )
    kl_to_prior = kl_normal(mu, sigma, prior_mu, prior_sigma)
    reconstruction = _log_normal(x, mu, noise) - elementwise.square(relative_sigma) / 2
    return EvidenceSplit(
        log_evidence=_log_normal(x, prior_mu, spread),
        elbo=reconstruction - kl_to_prior,
        gap=kl_normal(mu, sigma, posterior_mu, posterior_sigma),
        reconstruction=reconstruction,
        kl_to_prior=kl_to_prior,
    )


def elbo_discrete(q: ArrayLike, prior: ArrayLike, log_likelihood: ArrayLike) -> EvidenceSplit:
    """The split of log p(x) = log Σ_z p(z) p(x|z) for a latent variable with k values.

    Parameters
    ----------
    q : array_like, shape (..., k)
        What stands in for the posterior p(z|x).
    prior : array_like, shape (..., k)
        p(z).
    log_likelihood : array_like, shape (..., k)
        log p(x|z) of the observed x, for each z; ``-inf`` where x is impossible. A density may
        have a positive logarithm.

    Returns
    -------
    EvidenceSplit
        One value for each row, in nats. When q allows a z that the posterior excludes, the bound
        is −∞ and the gap ∞. The error of the gap is about 1e-15·√gap when q is near the posterior.

    Raises
    ------
    ValueError
        When q or prior is not a distribution, a log-likelihood is nan or +∞, the shapes do not
        fit, or x is impossible under every z that the prior allows.

    References
    ----------
    Bishop (2006), Pattern Recognition and Machine Learning, section 9.4, equations (9.70)–(9.72).

    Examples
    --------
    With q the prior itself, the gap is D(prior‖posterior); two equal causes, one three times as
    likely to have produced x:

    >>> split = elbo_discrete([0.5, 0.5], [0.5, 0.5], np.log([0.3, 0.1]))
    >>> print(round(split.log_evidence - split.elbo, 12))
    0.143841036226
    >>> print(round(kl_divergence([0.5, 0.5], [0.75, 0.25]), 12))
    0.143841036226
    """
    q, prior = validate.distribution("q", q), validate.distribution("prior", prior)
    log_likelihood = extended.extended_array("log_likelihood", log_likelihood, -np.inf)
    validate.same_length(q=q, prior=prior, log_likelihood=log_likelihood)
    possible = (prior > 0) & (log_likelihood > -np.inf)
    if not possible.any(axis=-1).all():
        raise ValueError("log_likelihood: x is impossible under every z that the prior allows")
    # Relative to the largest, so that no digit goes to an offset that all of them share
    top = np.where(possible, log_likelihood, -np.inf).max(axis=-1)
    with np.errstate(divide="ignore", over="ignore"):
        log_joint = np.log(averages.shares(prior)) + (log_likelihood - top[..., None])
    log_total = np.logaddexp.reduce(log_joint, axis=-1)
    reconstruction = averages.expectation(q, log_likelihood)
    kl_to_prior = kl_divergence(q, prior)
    return EvidenceSplit(
        log_evidence=top + log_total,
        elbo=reconstruction - kl_to_prior,
        gap=_gap(q, log_joint - log_total[..., None]),
        reconstruction=reconstruction,
        kl_to_prior=kl_to_prior,
    )


def importance_weighted_bound(log_weights: ArrayLike) -> np.float64 | Array:
    """log (1/k) Σᵢ wᵢ with wᵢ = p(x, zᵢ)/q(zᵢ) and z₁, ..., z_k drawn from q.

    Its expectation is the evidence lower bound for k = 1, never falls as k grows, and never exceeds
    log p(x). It tends to log p(x) if the evidence lower bound is finite and q is positive wherever
    p(x, z) is.

    Parameters
    ----------
    log_weights : array_like, shape (..., k)
        log p(x, zᵢ) − log q(zᵢ) for k independent draws; ``-inf`` where p(x, zᵢ) = 0.

    Returns
    -------
    float or ndarray, shape (...)
        In nats; one draw of the bound for each row.

    Raises
    ------
    ValueError
        When a log weight is nan or +∞, or there is none.

    References
    ----------
    Burda, Grosse and Salakhutdinov (2016), Importance weighted autoencoders, equation (8) and
    Theorem 1.

    Examples
    --------
    With q the posterior every weight is p(x), and one draw is enough:

    >>> print(round(np.exp(importance_weighted_bound(np.log([0.2, 0.2, 0.2]))), 12))
    0.2
    """
    log_weights = extended.extended_array("log_weights", log_weights, -np.inf)
    if log_weights.ndim < 1:
        raise ValueError("log_weights must be a vector, or a stack of vectors")
    top = log_weights.max(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", over="ignore", under="ignore"):
        excess = np.where(np.isneginf(log_weights), -np.inf, log_weights - _finite(top))
        # Both are log mean wᵢ/max w; the first is exact where all weights are nearly equal.
        gain = np.expm1(excess).mean(axis=-1)
        log_mean = np.where(gain > -0.5, np.log1p(gain), np.log(np.exp(excess).mean(axis=-1)))
    result: np.float64 | Array = top[..., 0] + log_mean
    return result


def _finite(top: Array) -> Array:
    """0 in place of −∞: the largest of log weights that are all −∞."""
    return np.where(np.isneginf(top), 0.0, top)


def _log_normal(x: Array, mu: Array, sigma: Array) -> Array:
    """log N(x; μ, σ²)."""
    squared = elementwise.square(elementwise.standardized(x, mu, sigma))
    result: Array = -squared / 2 - np.log(sigma) - math.log(2 * math.pi) / 2
    return result


def _gap(q: Array, log_posterior: Array) -> np.float64 | Array:
    """D(q‖posterior) by terms that are never negative, though the posterior may underflow."""
    q = averages.shares(q)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_ratio = np.where(q > 0, log_posterior - np.log(q), 0.0)
    terms = np.where(q > 0, q * elementwise.exponential_gap(log_ratio), np.exp(log_posterior))
    result: np.float64 | Array = terms.sum(axis=-1)
    return result
