"""Closed forms of D(p‖q) for continuous families, on plain parameters. Private.

Arguments broadcast and are taken to be valid. Scales and shapes enter by their ratios alone, as
b/a − 1 − log(b/a) or as logarithms, neither of which loses digits near equality or leaves the
range of a float. ``nan`` marks a pair for which there is no closed form.
"""

import numpy as np

from kllib._numerics import elementwise
from kllib._numerics.double_double import DD, two_sum
from kllib._numerics.validate import Array
from kllib.families._discrete_families import log_ratio, ratio_gap

# e^(−d) is nothing beside d − 1 from here on.
_FAR = 40.0


def kl_exponential(origin1: Array, scale1: Array, origin2: Array, scale2: Array) -> Array:
    """r − 1 − log r + (origin1 − origin2)/scale2 with r = scale1/scale2; ∞ if p starts first."""
    shift = elementwise.standardized(origin1, origin2, scale2)
    return np.where(origin1 >= origin2, ratio_gap(scale2, scale1) + shift, np.inf)


def kl_uniform(low1: Array, width1: Array, low2: Array, width2: Array) -> Array:
    """log(width2/width1) when [low1, low1 + width1] lies in [low2, low2 + width2], else ∞."""
    # The ends are compared without rounding.
    margin = _difference_of_sums(two_sum(low2, width2), two_sum(low1, width1))
    return np.where((low1 >= low2) & (margin >= 0), log_ratio(width2, width1), np.inf)


def _difference_of_sums(x: DD, y: DD) -> Array:
    """x − y, with the right sign."""
    lead, rest = two_sum(x.hi, -y.hi)
    result: Array = lead + (rest + (x.lo - y.lo))
    return result


def kl_laplace(centre1: Array, scale1: Array, centre2: Array, scale2: Array) -> Array:
    """r − 1 − log r + r (e^(−d) − 1 + d) with r = scale1/scale2 and d = |centre1 − centre2|/scale1.

    The same as log(scale2/scale1) + |centre1 − centre2|/scale2 + r e^(−d) − 1.
    """
    distance = np.abs(elementwise.standardized(centre1, centre2, scale1))
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        # Far apart, r d may be in range though neither d nor 1/r is.
        far = np.abs(elementwise.standardized(centre1, centre2, scale2)) * (1 - 1 / distance)
        near = scale1 / scale2 * elementwise.exponential_gap(-np.minimum(distance, _FAR))
        return ratio_gap(scale2, scale1) + np.where(distance < _FAR, near, far)


def kl_log_normal(sigma1: Array, scale1: Array, sigma2: Array, scale2: Array) -> Array:
    """D of the normal distributions of the logarithms, whose means are log(scale)."""
    shift = log_ratio(scale1, scale2) / sigma2
    gap = elementwise.variance_gap(sigma1, sigma2)
    return np.asarray(elementwise.half(gap, elementwise.square(shift)))


def kl_pareto(exponent1: Array, least1: Array, exponent2: Array, least2: Array) -> Array:
    """r − 1 − log r + exponent2 log(least1/least2), r = exponent2/exponent1; ∞ if p starts first.

    log(x/least) is exponential with rate ``exponent``.
    """
    gap = ratio_gap(exponent1, exponent2) + exponent2 * log_ratio(least1, least2)
    return np.where(least1 >= least2, gap, np.inf)


def kl_power_function(exponent1: Array, exponent2: Array) -> Array:
    """r − 1 − log r with r = exponent2/exponent1, for the densities a x^(a − 1) on [0, 1].

    −log x is exponential with rate a.
    """
    return ratio_gap(exponent1, exponent2)


def kl_cauchy(centre1: Array, scale1: Array, centre2: Array, scale2: Array) -> Array:
    """log(1 + [(scale1 − scale2)² + (centre1 − centre2)²] / (4 scale1 scale2)).

    Chyzak and Nielsen (2019), A closed-form formula for the Kullback-Leibler divergence between
    Cauchy distributions, arXiv:1905.10965.
    """
    geometric_mean = np.sqrt(scale1) * np.sqrt(scale2)
    with np.errstate(over="ignore", under="ignore", divide="ignore"):
        half_step = elementwise.standardized(scale1, scale2, geometric_mean) / 2
        half_shift = elementwise.standardized(centre1, centre2, geometric_mean) / 2
        distance = np.hypot(half_step, half_shift)
        return np.where(distance < 1e100, np.log1p(distance**2), 2 * np.log(distance))
