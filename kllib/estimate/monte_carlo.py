"""Estimating a divergence from samples of the truth, and how far to trust the estimate.

Where log densities are known but their expectation is not, as with language models, the divergence
is a mean over samples. `monte_carlo_kl` has three such means, `expected_estimator_gradient` says
what a gradient step through each of them does, and `bootstrap_interval` gives an interval to any
statistic. From counts see `plug_in_kl`; from samples alone, with no density known, `knn_kl`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kllib._numerics import double_double as dd
from kllib._numerics import elementwise, validate, validate_numbers, validate_samples
from kllib._numerics.double_double import DD
from kllib._numerics.extended import extended_array
from kllib._numerics.validate import Array

__all__ = [
    "BootstrapInterval",
    "MonteCarloEstimate",
    "bootstrap_interval",
    "expected_estimator_gradient",
    "monte_carlo_kl",
]

ESTIMATORS = ("k1", "k2", "k3")
Estimator: TypeAlias = Literal["k1", "k2", "k3"]
LogDensity: TypeAlias = ArrayLike | Callable[[NDArray[Any]], ArrayLike]


@dataclass(frozen=True)
class MonteCarloEstimate:
    """A mean over independent samples.

    Attributes
    ----------
    estimate : float
        The mean, in nats.
    standard_error : float
        The sample standard deviation over √n; nan when the estimate is infinite.
    sample_size : int
        n, the number of samples.
    """

    estimate: float
    standard_error: float
    sample_size: int


def monte_carlo_kl(
    log_p: LogDensity,
    log_q: LogDensity,
    samples: ArrayLike | None = None,
    *,
    estimator: Estimator = "k1",
) -> MonteCarloEstimate:
    """D(p‖q) as the mean over samples x from p of r, r²/2 or e⁻ʳ − 1 + r, with r = log p(x)/q(x).

    ========= ============ ======================= =====================================
    estimator each sample  its expectation         gradient through it, samples held fixed
    ========= ============ ======================= =====================================
    ``"k1"``  r            D(p‖q)                  has expectation zero
    ``"k2"``  r²/2         not D(p‖q): biased      the gradient of D(p‖q)
    ``"k3"``  e⁻ʳ − 1 + r  D(p‖q) if q ≪ p         the gradient of D(q‖p) if q ≪ p
    ========= ============ ======================= =====================================

    So an unbiased value can have a useless gradient, and the biased one has the right one;
    `expected_estimator_gradient` computes them.

    Parameters
    ----------
    log_p, log_q : array_like of shape (n,), or callable
        Log densities (in nats) of truth and model at the samples, or functions of ``samples`` that
        return them. ``-inf`` is allowed in log_q.
    samples : array_like, shape (n, ...), optional
        Independent draws from **p**, the first argument. Needed when a log density is a function,
        which gets them in the type that they have: outcomes 0, 1, 2 can be used as indices.
    estimator : {"k1", "k2", "k3"}
        Which mean to take.

    Returns
    -------
    MonteCarloEstimate
        ``estimate`` is ``inf`` when a sample falls where q is zero.

    Raises
    ------
    ValueError
        When there are fewer than two samples, lengths differ, log_p is infinite at a sample (which
        could then not come from p), or a value is nan.

    Warnings
    --------
    The standard error means something only where the variance is finite. That of k3 contains
    E_p[(q/p)²] = 1 + χ²(q‖p), which is infinite as soon as q has much heavier tails than p: for
    two centred normals, when q's variance is twice p's or more. The estimate then seems precise
    and jumps now and then. k1 needs no more than E_p[r²].

    Notes
    -----
    k3 is k1 plus q/p − 1, whose expectation under p is zero when q ≪ p (q is zero wherever p is).
    Otherwise k3 falls short of D(p‖q) by the probability that q gives to where p is zero. k2 and
    k3 are never negative; k2 agrees with D(p‖q) to second order at p = q.

    References
    ----------
    Schulman (2020), Approximating KL divergence, a blog post (its samples are from q).

    Examples
    --------
    Under draws in exact proportion to p = (3/4, 1/4), k1 and k3 give D(p‖q), and k2 does not:

    >>> from kllib.discrete import kl_divergence
    >>> p, q, draws = np.array([0.75, 0.25]), np.array([0.5, 0.5]), [0, 0, 0, 1]
    >>> print(round(kl_divergence(p, q), 6))
    0.130812
    >>> for name in ("k1", "k2", "k3"):
    ...     result = monte_carlo_kl(np.log(p[draws]), np.log(q[draws]), estimator=name)
    ...     print(name, round(result.estimate, 6))
    k1 0.130812
    k2 0.121707
    k3 0.130812
    """
    validate_numbers.choice("estimator", estimator, ESTIMATORS)
    at_p = _log_density("log_p", log_p, samples, lowest=None)
    at_q = _log_density("log_q", log_q, samples, lowest=-np.inf)
    if at_p.shape != at_q.shape:
        raise ValueError(f"lengths differ: log_p has {len(at_p)}, log_q has {len(at_q)}")
    with np.errstate(over="ignore", invalid="ignore"):
        r = at_p - at_q
        if estimator == "k1":
            values = r
        elif estimator == "k2":
            values = r**2 / 2
        else:
            values = elementwise.exponential_gap(-r)
        # In units of the largest, as sums and squares may lie beyond the range of a float; a power
        # of two changes no digit.
        exponent = np.frexp(np.abs(values).max())[1]
        scaled = np.ldexp(values, -exponent)
        estimate = float(np.ldexp(scaled.mean(), exponent))
        error = float(np.ldexp(scaled.std(ddof=1) / np.sqrt(len(values)), exponent))
    return MonteCarloEstimate(estimate, error, len(values))


def expected_estimator_gradient(
    p: ArrayLike, q: ArrayLike, *, estimator: Estimator = "k1"
) -> Array:
    """E_p[∇ k(r)] = p ∘ (k′(r) − E_p k′(r)), the gradient in the logits of p, r = log p/q.

    What stochastic gradient descent follows, on average, when it differentiates the mean of
    `monte_carlo_kl` with the samples held fixed: k1 gives zero, k2 the gradient of D(p‖q), and k3
    p − q, the gradient of D(q‖p), the other direction (where q gives no probability to an outcome
    that p cannot produce).

    Parameters
    ----------
    p, q : array_like, shape (..., n)
        Truth p = softmax(logits), and model.
    estimator : {"k1", "k2", "k3"}
        The estimator that is differentiated: k′ is 1, r and 1 − e⁻ʳ.

    Returns
    -------
    ndarray, shape (..., n)
        One partial derivative for each logit, in nats.

    Raises
    ------
    ValueError
        When p or q is not a distribution, the shapes do not fit, or q is zero where p is not
        (D(p‖q) is infinite there and has no gradient).

    Notes
    -----
    With ∇ log p(x) = e_x − p for the logits, E_p[k′(r) ∇ log p] is the formula. And ∇ D(p‖q) =
    E_p[r ∇ log p] + E_p[∇ log p], where the second term is zero: it is all that k1 keeps.

    Examples
    --------
    >>> p, q = [0.5, 0.25, 0.25], [0.25, 0.25, 0.5]
    >>> print(expected_estimator_gradient(p, q, estimator="k1"))
    [0. 0. 0.]
    >>> print(expected_estimator_gradient(p, q, estimator="k3"))
    [ 0.25  0.   -0.25]
    """
    validate_numbers.choice("estimator", estimator, ESTIMATORS)
    p, q = validate.distribution("p", p), validate.distribution("q", q)
    validate.same_length(p=p, q=q)
    p, q = np.broadcast_arrays(p, q)
    missing = (p > 0) & (q == 0)
    if missing.any():
        index = validate.first(missing)
        raise ValueError(f"q is zero where p is not, at index {index}: D has no gradient there")
    if estimator == "k1":
        slope_terms = p
    elif estimator == "k2":
        slope_terms = _log_ratio_terms(p, q)
    else:
        slope_terms = _gap(p, q)
    total = p.sum(axis=-1, keepdims=True)
    mean = slope_terms.sum(axis=-1, keepdims=True) / total
    gradient: Array = (slope_terms - p * mean) / total
    # They add up to zero; where p is nearly all, its own term is a difference of equal numbers.
    top = np.argmax(p, axis=-1, keepdims=True)
    np.put_along_axis(gradient, top, 0.0, axis=-1)
    np.put_along_axis(gradient, top, 0.0 - gradient.sum(axis=-1, keepdims=True), axis=-1)
    return gradient


@dataclass(frozen=True)
class BootstrapInterval:
    """A bootstrap confidence interval.

    Attributes
    ----------
    low, high : float
        The ends of the interval.
    estimate : float
        The statistic of the data themselves.
    standard_error : float
        The standard deviation of the statistic over the resamples.
    """

    low: float
    high: float
    estimate: float
    standard_error: float


def bootstrap_interval(
    samples: ArrayLike | tuple[ArrayLike, ...],
    statistic: Callable[..., Any],
    *,
    confidence: float = 0.95,
    method: Literal["percentile", "basic"] = "percentile",
    resamples: int = 2000,
    rng: np.random.Generator,
) -> BootstrapInterval:
    """An interval for a statistic, from its quantiles over resamples with replacement.

    Percentile: (t*_{α/2}, t*_{1−α/2}). Basic: (2t − t*_{1−α/2}, 2t − t*_{α/2}), where t is the
    statistic of the data, t* that of a resample, and 1 − α the confidence.

    Parameters
    ----------
    samples : array_like, shape (n, ...), or a tuple of several
        Independent observations along the first axis. The samples in a tuple are independent of
        each other and are resampled one by one; they may differ in length.
    statistic : callable
        Takes the sample (each of the samples), in the type that it has, and returns a number.
    confidence : float
        The share of intervals that should hold the truth; reached as n grows, not exactly.
    method : {"percentile", "basic"}
        Which quantiles.
    resamples : int
        How many resamples to draw.
    rng : numpy.random.Generator
        Where the randomness comes from.

    Returns
    -------
    BootstrapInterval

    Raises
    ------
    ValueError
        When a sample is empty or not finite, the statistic is not a number, or an option makes no
        sense.

    Notes
    -----
    For a divergence near zero the bootstrap fails: the plug-in estimate is biased upwards by
    about (K − 1)/2n, a resample once more by as much, and zero is the end of the range; test for
    zero with `g_test`. `knn_kl` must not be bootstrapped: resamples repeat points, and the
    distance from a point to its copy is zero.

    References
    ----------
    Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13 (percentile).
    Davison and Hinkley (1997), Bootstrap Methods and their Application, chapter 5 (basic).

    Examples
    --------
    The two methods mirror each other about the estimate:

    >>> data = [2.0, 3.0, 5.0, 7.0, 11.0]
    >>> one = bootstrap_interval(data, np.mean, rng=np.random.default_rng(1))
    >>> two = bootstrap_interval(data, np.mean, method="basic", rng=np.random.default_rng(1))
    >>> print(one.low + two.high == 2 * one.estimate, one.high + two.low == 2 * one.estimate)
    True True

    Outcomes 0, 1, 2 and the divergence of their shares from a model:

    >>> from kllib.estimate.counts import plug_in_kl
    >>> def divergence(x):
    ...     return plug_in_kl(np.bincount(x, minlength=3), [0.25, 0.25, 0.5])
    >>> interval = bootstrap_interval([0, 0, 1, 2], divergence, rng=np.random.default_rng(1))
    >>> print(interval.estimate == plug_in_kl([2, 1, 1], [0.25, 0.25, 0.5]))
    True
    """
    confidence = validate_numbers.between_zero_and_one("confidence", confidence)
    resamples = validate_numbers.whole_number("resamples", resamples, least=2, most=10**8)
    rng = validate_numbers.generator(rng)
    validate_numbers.choice("method", method, ("percentile", "basic"))
    given = samples if isinstance(samples, tuple) else (samples,)
    data = [validate_samples.as_given("samples", sample) for sample in given]

    estimate = _number(statistic(*data))
    values = np.empty(resamples)
    for b in range(resamples):
        again = [x[rng.integers(0, len(x), size=len(x))] for x in data]
        values[b] = _number(statistic(*again))
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    if method == "basic":
        low, high = 2 * estimate - high, 2 * estimate - low
    return BootstrapInterval(float(low), float(high), estimate, float(values.std(ddof=1)))


def _log_density(
    name: str, value: LogDensity, samples: ArrayLike | None, lowest: float | None
) -> Array:
    """Log densities at the samples; infinite only where they equal ``lowest``."""
    if callable(value):
        if samples is None:
            raise ValueError(f"{name} is a function: pass the samples to evaluate it at")
        value = value(validate_samples.as_given("samples", samples))
    if lowest is None:
        array = validate.real_array(name, value)
    else:
        array = extended_array(name, value, lowest)
    if array.ndim != 1 or len(array) < 2:
        raise ValueError(
            f"{name} must be one number for each of two or more samples; its shape is {array.shape}"
        )
    if samples is not None:
        size = len(validate_samples.observations("samples", samples))
        if len(array) != size:
            raise ValueError(f"{name} has {len(array)} entries for {size} samples")
    return array


def _gap(p: Array, q: Array) -> Array:
    """p (1 − q/p) = p − q where p > 0, q rescaled to p's total: exact however near they are."""
    scale = dd.divide(dd.total(p), dd.total(q))
    model = dd.scale(q, DD(scale.hi[..., None], scale.lo[..., None]))
    difference = dd.two_sum(p, -model.hi)
    return np.where(p > 0, difference.hi + (difference.lo - model.lo), 0.0)


def _log_ratio_terms(p: Array, q: Array) -> Array:
    """p log(p/q), both divided by their totals."""
    safe_p, safe_q = np.where(p > 0, p, 1.0), np.where(p > 0, q, 1.0)
    gap = _gap(p, q)
    near = np.abs(gap) < p / 4
    totals = np.log(q.sum(axis=-1, keepdims=True)) - np.log(p.sum(axis=-1, keepdims=True))
    far = np.log(safe_p) - np.log(safe_q) + totals
    log_ratio: Array = np.where(near, -np.log1p(-np.where(near, gap, 0.0) / safe_p), far)
    return p * log_ratio


def _number(value: Any) -> float:
    array = validate.real_array("what statistic returns", value)
    if array.ndim:
        raise ValueError(f"statistic must return one number; it returned shape {array.shape}")
    return float(array)
