"""Log probabilities and entropies of exponential families, without cancellation. Private.

Each is ⟨θ, T(x)⟩ − A(θ) + log h(x), or its mean, rearranged so that its terms are no larger than
the result.
"""

import math

import numpy as np
from scipy import special

from kllib._numerics import elementwise
from kllib._numerics.validate import Array

# From here on Stirling's series for log x! is exact to the last digit.
_STIRLING_FROM = 30
# From here on the series of the entropy is, too.
_ENTROPY_SERIES_FROM = 1000


def categorical(theta: Array) -> Array:
    """log p_i = θ_i − max θ − log Σ_j exp(θ_j − max θ), with θ = 0 for the last outcome."""
    theta = np.concatenate([theta, np.zeros((*theta.shape[:-1], 1))], axis=-1)
    with np.errstate(over="ignore", under="ignore"):
        below = theta - theta.max(axis=-1, keepdims=True)
        others = np.sort(below, axis=-1)[..., :-1]  # all but one of the largest
        result: Array = below - np.log1p(np.exp(others).sum(axis=-1, keepdims=True))
    return result


def categorical_entropy(theta: Array) -> Array:
    """−Σ_i p_i log p_i."""
    log_p = categorical(theta)
    with np.errstate(under="ignore"):
        p = np.exp(log_p)
    result: Array = np.multiply(p, -log_p, where=p > 0, out=np.zeros_like(p)).sum(axis=-1)
    return result


def bernoulli_entropy(theta: Array) -> Array:
    """log(1 + e^−a) + a/(1 + e^a) with a = |θ|."""
    a = np.abs(theta)
    with np.errstate(under="ignore"):
        result: Array = np.log1p(np.exp(-a)) + a * special.expit(-a)
    return result


def normal(x: Array, theta: Array) -> Array:
    """−(x − m)²/(2σ²) − ½ log(2πσ²) with m = −θ₁/(2θ₂), σ² = −1/(2θ₂)."""
    first, second = theta[..., 0], theta[..., 1]
    with np.errstate(over="ignore", under="ignore", divide="ignore"):
        distance = (x + first / (2 * second)) * np.sqrt(-second)
        return -(distance**2) + np.log(-second / np.pi) / 2


def poisson(x: Array, theta: Array) -> Array:
    """x θ − e^θ − log x!, in which x log x is taken from all three where x is large."""
    large = x >= _STIRLING_FROM
    k = np.where(large, x, _STIRLING_FROM)
    with np.errstate(over="ignore", under="ignore"):
        rest = (1 / 12 - (1 / 360 - (1 / 1260 - 1 / 1680 / k / k) / k / k) / k / k) / k
        far = -k * elementwise.exponential_gap(theta - np.log(k)) - np.log(2 * np.pi * k) / 2 - rest
    few = np.clip(x, 0, _STIRLING_FROM)
    return np.where(large, far, few * theta - np.exp(theta) - special.gammaln(few + 1))


def poisson_entropy(theta: Array) -> Array:
    """−Σ_x p(x) log p(x), summed over all that matter; a series for large means."""
    values = [_one_poisson_entropy(float(t)) for t in np.ravel(theta)]
    return np.array(values).reshape(np.shape(theta))


def _one_poisson_entropy(theta: float) -> float:
    mean = math.exp(theta)
    if mean > _ENTROPY_SERIES_FROM:
        rest = (1 / 12 + (1 / 24 + 19 / 360 / mean) / mean) / mean
        return (math.log(2 * math.pi) + 1 + theta) / 2 - rest
    k = np.arange(int(mean + 12 * math.sqrt(mean) + 60), dtype=np.float64)  # beyond: below 1e-30
    log_p = poisson(k, np.asarray(theta))
    with np.errstate(under="ignore"):
        return -float(np.dot(np.exp(log_p), log_p))
