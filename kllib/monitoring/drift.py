"""Has anything changed? Comparing counts, scoring drift, and thresholds with a known error rate.

A divergence between two samples is seldom zero, changed or not: under no change it is about
(k − 1)/2 (1/A + 1/B) nats for samples of sizes A and B in k categories (the mean of its χ²
approximation). So a score means nothing until it is set against what chance gives: by a test
(`compare_counts`), by simulation (`drift_threshold`), or by the χ² approximation
(`asymptotic_drift_threshold`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import scipy.special
from numpy.typing import ArrayLike, NDArray

from kllib._numerics import elementwise, validate_numbers, validate_samples
from kllib._numerics.validate import Array
from kllib.discrete import kl_divergence, normalize
from kllib.estimate.counts import GTestResult, g_test
from kllib.fdivergence.divergences import jeffreys, jensen_shannon

__all__ = [
    "CountsComparison",
    "asymptotic_drift_threshold",
    "bin_counts",
    "compare_counts",
    "drift_threshold",
    "population_stability_index",
    "quantile_edges",
]

Result: TypeAlias = np.float64 | Array


@dataclass(frozen=True)
class CountsComparison:
    """Two samples of counts, A and B, compared.

    Attributes
    ----------
    kl_ab, kl_ba : float
        D(â‖b̂) and D(b̂‖â) of the observed shares, in nats; ``inf`` where the second lacks a
        category that the first has.
    jensen_shannon : float
        Their Jensen–Shannon divergence, in nats; always finite.
    kl_without_change : float
        (k − 1)/2 (1/A + 1/B), the mean of the χ² approximation to D(â‖b̂) had nothing changed. (Its
        own expectation is infinite, since b may lack a category by chance.)
    test : GTestResult
        The G-test of no change.
    differs : bool
        Whether the test's p-value is below the significance level that was asked for.
    """

    kl_ab: float
    kl_ba: float
    jensen_shannon: float
    kl_without_change: float
    test: GTestResult
    differs: bool


def compare_counts(
    counts_a: ArrayLike, counts_b: ArrayLike, *, significance: float = 0.05
) -> CountsComparison:
    """The A/B comparison of two samples of counts: how far apart, and whether by more than chance.

    The divergence is the size of the difference and the test its evidence. One does not stand for
    the other: with enough data every difference is significant, however small.

    Parameters
    ----------
    counts_a, counts_b : array_like, shape (n,)
        How often each category occurred in A and in B.
    significance : float
        The rate at which the test may cry "differs" when nothing changed.

    Returns
    -------
    CountsComparison

    Raises
    ------
    ValueError
        When the counts are not two lists of whole numbers of the same length, a sample is empty,
        or the significance level is not between 0 and 1.

    Examples
    --------
    >>> result = compare_counts([30, 10], [20, 20])
    >>> print(round(result.test.p_value, 3), result.differs)
    0.02 True

    The same shares in samples of a quarter of the size are as far apart, and may be chance:

    >>> smaller = compare_counts([9, 3], [6, 6])
    >>> print(smaller.kl_ab == result.kl_ab, smaller.differs)
    True False
    """
    significance = validate_numbers.between_zero_and_one("significance", significance)
    a, b = _one_sample("counts_a", counts_a), _one_sample("counts_b", counts_b)
    test = g_test(a, b)
    p, q = normalize(a), normalize(b)
    chance = test.degrees_of_freedom / 2 * (1 / a.sum() + 1 / b.sum())
    return CountsComparison(
        kl_ab=float(kl_divergence(p, q)),
        kl_ba=float(kl_divergence(q, p)),
        jensen_shannon=float(jensen_shannon(p, q)),
        kl_without_change=float(chance),
        test=test,
        differs=bool(test.p_value < significance),
    )


def population_stability_index(p: ArrayLike, q: ArrayLike) -> Result:
    """PSI = Σ (p − q) log(p/q) = D(p‖q) + D(q‖p), the Jeffreys divergence of binned data.

    Parameters
    ----------
    p, q : array_like, shape (..., n)
        The shares of the bins now and in the reference; the order does not matter.

    Returns
    -------
    float or ndarray, shape (...)
        In nats; ``inf`` where one of the two has an empty bin that the other has not.

    Raises
    ------
    ValueError
        When p or q is not a distribution or the shapes do not fit.

    Notes
    -----
    The customary limits, 0.1 for "some" and 0.25 for "much", take no account of the sample: with
    ten bins and samples of 100 PSI exceeds 0.1 most of the time when nothing changed, and with
    samples of 10,000 a real change may never reach it. Under no change PSI/(1/A + 1/B) is nearly
    χ² with n − 1 degrees of freedom.

    References
    ----------
    Jeffreys (1946), An invariant form for the prior probability in estimation problems. Yurdakul
    and Naranjo (2020), Statistical properties of the population stability index, Journal of Risk
    Model Validation 14(4).

    Examples
    --------
    >>> p, q = [0.5, 0.25, 0.25], [0.25, 0.5, 0.25]
    >>> print(round(population_stability_index(p, q), 10))
    0.3465735903
    >>> print(round(kl_divergence(p, q) + kl_divergence(q, p), 10))
    0.3465735903
    """
    index: Result = jeffreys(p, q)
    return index


def drift_threshold(
    reference_counts: ArrayLike,
    sample_size: int,
    score: Callable[[Array, Array], ArrayLike],
    *,
    false_alarm_rate: float = 0.01,
    simulations: int = 10_000,
    rng: np.random.Generator,
) -> float:
    """The quantile of score(p̂, q̂) when nothing has changed: alarm when a score is above it.

    Both samples are drawn anew from the reference's shares, the current one with ``sample_size``
    and the reference with its own size, so that its sampling error counts too (a parametric
    bootstrap).

    Parameters
    ----------
    reference_counts : array_like, shape (n,)
        How often each category occurred while all was well.
    sample_size : int
        The size of the samples that will be monitored.
    score : callable
        ``score(p, q)`` of the current and the reference shares, along the last axis of arrays of
        shape (pairs, n), a part of the simulations at a time: `kl_divergence`, `jensen_shannon`,
        `population_stability_index`.
    false_alarm_rate : float
        The share of samples that may raise a false alarm.
    simulations : int
        How many pairs of samples to draw.
    rng : numpy.random.Generator
        Where the randomness comes from.

    Returns
    -------
    float
        The ⌈(1 − rate)(simulations + 1)⌉-th smallest of the simulated scores: with it a further
        simulated pair raises an alarm with at most the probability asked for. It is ``inf`` where
        the score is infinite so often, as a divergence is when a rare category may be missing;
        then merge rare categories, smooth inside the score, or use `jensen_shannon`.

    Raises
    ------
    ValueError
        When the counts are not whole numbers, the score does not return one number for each pair,
        or there are too few simulations for the rate.

    References
    ----------
    Davison and Hinkley (1997), Bootstrap Methods and their Application, section 4.2.

    Examples
    --------
    The same seed, half the rate: a higher threshold.

    >>> reference = [500, 300, 200]
    >>> one, half = (
    ...     drift_threshold(reference, 100, kl_divergence, false_alarm_rate=rate,
    ...                     rng=np.random.default_rng(0))
    ...     for rate in (0.02, 0.01)
    ... )
    >>> print(half > one)
    True
    """
    reference = _one_sample("reference_counts", reference_counts)
    sample_size = validate_numbers.whole_number("sample_size", sample_size)
    rate = validate_numbers.between_zero_and_one("false_alarm_rate", false_alarm_rate)
    simulations = validate_numbers.whole_number("simulations", simulations, most=10**8)
    rng = validate_numbers.generator(rng)
    # How many of simulations + 1 scores may lie above; a rate of 0.29 is not quite 29 of 100.
    alarms = min(int(rate * (simulations + 1) * (1 + 1e-12)), simulations)
    if alarms < 1:
        raise ValueError(
            f"simulations must be at least {np.ceil(1 / rate * (1 - 1e-12)) - 1:.0f} for a false "
            f"alarm rate of {rate:g}; got {simulations}"
        )
    shares = normalize(reference)
    scores = np.empty(simulations)
    pairs = max(1, 10**6 // len(shares))  # at a time
    for start in range(0, simulations, pairs):
        part = scores[start : start + pairs]
        current = normalize(rng.multinomial(sample_size, shares, size=len(part)))
        past = normalize(rng.multinomial(int(reference.sum()), shares, size=len(part)))
        part[:] = _scores(score(current, past), len(part))
    return float(np.sort(scores)[-alarms])


def asymptotic_drift_threshold(
    categories: int,
    sample_size: int,
    *,
    reference_size: int | None = None,
    false_alarm_rate: float = 0.01,
) -> float:
    """(1/A + 1/B)/2 times the χ² quantile with k − 1 degrees of freedom: a threshold for D(p̂‖q̂).

    For large samples, expected counts of five or so and more. Near equality all smooth divergences
    are multiples of one another: the threshold for PSI is twice as high, that for the
    Jensen–Shannon divergence a quarter.

    Parameters
    ----------
    categories : int
        k, two or more.
    sample_size : int
        A, the size of the samples that will be monitored.
    reference_size : int, optional
        B, the size of the reference sample; when left out, the reference is known exactly.
    false_alarm_rate : float
        The share of samples that may raise a false alarm.

    Returns
    -------
    float
        In nats.

    Raises
    ------
    ValueError
        When a size is not a whole number or the rate is not between 0 and 1.

    References
    ----------
    Kullback (1959), Information Theory and Statistics, chapters 5 and 6.

    Examples
    --------
    Two categories: the square of a standard normal is above 1.96² in one of twenty cases.

    >>> print(round(asymptotic_drift_threshold(2, 500, false_alarm_rate=0.05), 6))
    0.003841
    >>> print(round(1.959964**2 / (2 * 500), 6))
    0.003841
    """
    categories = validate_numbers.whole_number("categories", categories, least=2)
    sample_size = validate_numbers.whole_number("sample_size", sample_size)
    rate = validate_numbers.between_zero_and_one("false_alarm_rate", false_alarm_rate)
    variance = 1 / sample_size
    if reference_size is not None:
        variance += 1 / validate_numbers.whole_number("reference_size", reference_size)
    return float(variance / 2 * scipy.special.chdtri(categories - 1, rate))


def quantile_edges(reference: ArrayLike, bins: int) -> Array:
    """The inner edges of bins that hold equal shares of the reference, 1/bins each.

    Parameters
    ----------
    reference : array_like, shape (n,)
        Values seen while all was well.
    bins : int
        How many bins, two or more.

    Returns
    -------
    ndarray, shape (bins − 1,)
        Increasing, and each bin holds a part of the reference: there are fewer edges where it
        repeats a value so often that some would coincide, and one on its least value moves to the
        value after that. The first and the last bin are open, so that no value falls outside.

    Raises
    ------
    ValueError
        When there are fewer values than bins, all values are equal, or ``bins`` is below two.

    Examples
    --------
    >>> print(quantile_edges([1, 2, 3, 4, 5, 6, 7, 8, 9], 4))
    [3. 5. 7.]
    """
    bins = validate_numbers.whole_number("bins", bins, least=2)
    values = np.sort(_line("reference", reference, least=bins))
    least, greatest = values[0], values[-1]
    if least == greatest:
        raise ValueError(f"reference has the one value {least:g}: no edge divides it")
    # Interpolation takes a difference, which must not overflow.
    unit = 1.0 if np.isfinite(elementwise.difference(greatest, least)) else 2.0
    edges = unit * np.quantile(values / unit, np.arange(1, bins) / bins)
    edges = np.unique(np.where(edges <= least, values[values > least][0], edges))
    below = np.searchsorted(values, edges, side="left")
    return edges[np.diff(below, prepend=0) > 0]


def bin_counts(values: ArrayLike, edges: ArrayLike) -> NDArray[np.int64]:
    """How many values lie in (−∞, e₁), [e₁, e₂), …, [e_last, ∞).

    Parameters
    ----------
    values : array_like, shape (n,)
        Finite numbers.
    edges : array_like, shape (k − 1,)
        Increasing inner edges, as from `quantile_edges`.

    Returns
    -------
    ndarray of int, shape (k,)

    Raises
    ------
    ValueError
        When a value is not finite or the edges do not increase.

    Examples
    --------
    >>> print(bin_counts([0.5, 3, 4, 99], [3, 5, 7]))
    [1 2 0 1]
    """
    points = _line("values", values)
    inner = _line("edges", edges)
    if not (np.diff(inner) > 0).all():
        raise ValueError("edges must increase")
    return np.bincount(np.searchsorted(inner, points, side="right"), minlength=len(inner) + 1)


def _scores(values: ArrayLike, pairs: int) -> Array:
    """What the caller's score gave, one number for each pair; ``inf`` is allowed."""
    scores = np.asarray(values, dtype=np.float64)
    if scores.shape != (pairs,) or np.isnan(scores).any():
        raise ValueError(
            f"score must return {pairs} numbers for {pairs} pairs; it returned shape "
            f"{scores.shape}{', with nan' if np.isnan(scores).any() else ''}"
        )
    return scores


def _one_sample(name: str, value: ArrayLike) -> Array:
    array = validate_samples.counts(name, value)
    if array.ndim > 1:
        raise ValueError(f"{name} must be one list of counts; its shape is {array.shape}")
    return array


def _line(name: str, value: ArrayLike, least: int = 1) -> Array:
    array = validate_samples.observations(name, value, least)
    if array.ndim > 1:
        raise ValueError(f"{name} must be a list of numbers; its shape is {array.shape}")
    return array
