"""Closed forms of D(p‖q) for discrete families, on plain parameters. Private.

Arguments broadcast and are taken to be valid. ``nan`` marks a pair of the family for which there is
no closed form (a finite or infinite sum is then needed).

With 1 − p written out, D between Bernoulli distributions is a sum of two terms that are never
negative, p φ((q − p)/p) + (1 − p) φ((p − q)/(1 − p)): near p = q nothing cancels, and p − q is the
one difference in both. The geometric and the negative binomial divergences are multiples of it.
"""

import numpy as np

from kllib._numerics import elementwise, kl_sums
from kllib._numerics.validate import Array

# Where φ is taken from its series; beyond it loses at most a factor of 20.
_NEAR = 0.25


def log_ratio(a: Array, b: Array) -> Array:
    """log(a/b), though a/b may lie beyond the range of a float; full accuracy near a = b."""
    with np.errstate(divide="ignore", over="ignore", under="ignore", invalid="ignore"):
        step = (a - b) / b
        near = np.abs(step) < _NEAR
        return np.where(near, np.log1p(np.where(near, step, 0.0)), np.log(a) - np.log(b))


def ratio_gap(a: Array, b: Array) -> Array:
    """b/a − 1 − log(b/a) = φ((b − a)/a) for positive a and b."""
    return _ratio_gap(a, b, b - a)


def _ratio_gap(a: Array, b: Array, difference: Array) -> Array:
    with np.errstate(divide="ignore", over="ignore", under="ignore", invalid="ignore"):
        u = difference / a
        near = np.abs(u) < _NEAR
        far = u + (np.log(a) - np.log(b))
        return np.where(near, elementwise.phi(np.where(near, u, 0.0)), far)


def _share_gap(a: Array, b: Array, difference: Array) -> Array:
    """a log(a/b) − a + b, with b − a given; b where a is 0."""
    with np.errstate(divide="ignore", over="ignore", under="ignore", invalid="ignore"):
        u = difference / a
        near = np.abs(u) < _NEAR
        far = difference + a * (np.log(a) - np.log(b))
        terms = np.where(near, a * elementwise.phi(np.where(near, u, 0.0)), far)
    return np.where(a > 0, terms, b)


def kl_bernoulli(p1: Array, p2: Array) -> Array:
    """p1 log(p1/p2) + (1 − p1) log((1 − p1)/(1 − p2))."""
    difference = p2 - p1
    return _share_gap(p1, p2, difference) + _share_gap(1 - p1, 1 - p2, -difference)


def kl_binomial(n1: Array, p1: Array, n2: Array, p2: Array) -> Array:
    """n D(Bernoulli(p1) ‖ Bernoulli(p2)) when n1 = n2 = n."""
    one_trial = kl_bernoulli(p1, p2)
    with np.errstate(invalid="ignore"):
        return np.where(n1 == n2, np.where(n1 > 0, n1 * one_trial, 0.0), np.nan)


def kl_geometric(p1: Array, p2: Array) -> Array:
    """D(Bernoulli(p1) ‖ Bernoulli(p2)) / p1: as many trials are expected until a success."""
    difference = p2 - p1
    failures = np.where(p1 < 1, (1 - p1) / p1, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        failure_gap = failures * _ratio_gap(1 - p1, 1 - p2, -difference)
    # A first trial that always succeeds: D = -log p2 = φ-term of the successes, plus 1 − p2
    return _ratio_gap(p1, p2, difference) + np.where(p1 < 1, failure_gap, 1 - p2)


def kl_negative_binomial(n1: Array, p1: Array, n2: Array, p2: Array) -> Array:
    """n times the geometric divergence when n1 = n2 = n (failures before the n-th success)."""
    return np.where(n1 == n2, n1 * kl_geometric(p1, p2), np.nan)


def kl_poisson(mu1: Array, mu2: Array) -> Array:
    """mu1 log(mu1/mu2) − mu1 + mu2."""
    return _share_gap(mu1, mu2, mu2 - mu1)


def kl_discrete_uniform(low1: Array, high1: Array, low2: Array, high2: Array) -> Array:
    """log(n2/n1) for the n1 integers low1, ..., high1 − 1 among the n2 of the model, else ∞."""
    inside = (low2 <= low1) & (high1 <= high2)
    with np.errstate(invalid="ignore"):
        return np.where(inside, log_ratio(high2 - low2, high1 - low1), np.inf)


def kl_multinomial(n1: Array, p1: Array, n2: Array, p2: Array) -> Array:
    """n Σ p1 log(p1/p2) when n1 = n2 = n, else ∞: counts that add up to n1 never add up to n2."""
    one_trial = kl_sums.relative_entropy(p1, p2)
    with np.errstate(invalid="ignore"):
        same = np.where(n1 > 0, n1 * one_trial, 0.0)
    return np.where(n1 == n2, same, np.inf)


def kl_outcomes(values1: Array, p1: Array, values2: Array, p2: Array) -> Array:
    """Σ p1 log(p1/p2) between two lists of outcomes with their probabilities."""
    outcomes, places = np.unique(np.concatenate([values1, values2]), return_inverse=True)
    p, q = np.zeros(outcomes.size), np.zeros(outcomes.size)
    np.add.at(p, places[: values1.size], p1)
    np.add.at(q, places[values1.size :], p2)
    return kl_sums.relative_entropy(p, q)
