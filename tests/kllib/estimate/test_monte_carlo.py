"""Estimates of a divergence from samples: exact expectations, coverage, gradients, intervals."""

import itertools

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from numpy import inf, log

from kllib.discrete import kl_divergence
from kllib.estimate.monte_carlo import (
    bootstrap_interval,
    expected_estimator_gradient,
    monte_carlo_kl,
)
from kllib.gaussian import kl_normal

ESTIMATORS = ("k1", "k2", "k3")
# The chance that a test of random numbers fails though all is right.
FALSE_ALARM = 1e-7


def log_normal_density(mu, sigma):
    return lambda x: -((x - mu) ** 2) / (2 * sigma**2) - log(sigma * np.sqrt(2 * np.pi))


# ------------------------------------------------------------------ values


def in_proportion(counts, log_p, log_q, estimator):
    """The estimate when each outcome is drawn exactly as often as counts say: the expectation."""
    draws = np.repeat(np.arange(len(counts)), counts)
    return monte_carlo_kl(log_p[draws], log_q[draws], estimator=estimator).estimate


def test_expectations_by_enumeration():
    counts = np.array([5, 3, 2])
    p, q = counts / 10, np.array([0.2, 0.3, 0.5])
    found = {name: in_proportion(counts, log(p), log(q), name) for name in ESTIMATORS}
    assert found["k1"] == pytest.approx(kl_divergence(p, q), rel=1e-14)
    assert found["k3"] == pytest.approx(kl_divergence(p, q), rel=1e-14)
    # k2 is biased: Σ p (log p/q)²/2 = ½ (½ ln² 2.5 + 0.2 ln² 0.4) = 0.35 ln² 2.5
    assert found["k2"] == pytest.approx(0.35 * log(2.5) ** 2, rel=1e-14)
    assert abs(found["k2"] - kl_divergence(p, q)) > 0.01


def test_k3_misses_what_q_gives_to_where_p_is_zero():
    p, q = np.array([0.75, 0.25]), np.array([0.5, 0.2])  # and 0.3 elsewhere, where p is zero
    full = kl_divergence([0.75, 0.25, 0], [0.5, 0.2, 0.3])
    assert in_proportion([3, 1], log(p), log(q), "k1") == pytest.approx(full, rel=1e-14)
    assert in_proportion([3, 1], log(p), log(q), "k3") == pytest.approx(full - 0.3, rel=1e-14)


def test_by_hand():
    # r = 1, 2, 6: mean 3, deviations −2, −1, 3, variance 14/2 = 7
    result = monte_carlo_kl([1.0, 2.0, 6.0], [0.0, 0.0, 0.0])
    assert (result.estimate, result.sample_size) == (3.0, 3)
    assert result.standard_error == pytest.approx((7 / 3) ** 0.5, rel=1e-15)
    # r²/2 = ½, 2, 18
    result = monte_carlo_kl([1.0, 2.0, 6.0], [0.0, 0.0, 0.0], estimator="k2")
    assert result.estimate == pytest.approx(20.5 / 3, rel=1e-15)
    # e⁻ʳ − 1 + r at r = 0 and log 2
    result = monte_carlo_kl([0.0, log(2)], [0.0, 0.0], estimator="k3")
    assert result.estimate == pytest.approx((log(2) - 0.5) / 2, rel=1e-15)


def test_functions_and_arrays_agree():
    x = np.random.default_rng(1).normal(0, 1, 100)
    log_p, log_q = log_normal_density(0, 1), log_normal_density(1, 2)
    for name in ESTIMATORS:
        by_function = monte_carlo_kl(log_p, log_q, x, estimator=name)
        assert by_function == monte_carlo_kl(log_p(x), log_q(x), estimator=name)
        assert by_function == monte_carlo_kl(log_p, log_q(x), x, estimator=name)
    # Points in the plane: one row each
    points = x.reshape(50, 2)
    p, q = scipy.stats.multivariate_normal([0, 0]), scipy.stats.multivariate_normal([1, 0])
    result = monte_carlo_kl(p.logpdf, q.logpdf, points)
    assert result.sample_size == 50
    assert result.estimate == pytest.approx(np.mean(0.5 - points[:, 0]), rel=1e-13)


def test_outcomes_stay_indices():
    p, q, draws = np.array([0.5, 0.25, 0.25]), np.array([0.25, 0.25, 0.5]), [0, 0, 1, 2]
    found = monte_carlo_kl(lambda x: log(p[x]), lambda x: log(q[x]), draws)
    assert found == monte_carlo_kl(log(p[draws]), log(q[draws]))
    assert found.estimate == pytest.approx(kl_divergence(p, q), rel=1e-14)

    def statistic(x):
        return kl_divergence(np.bincount(x, minlength=3) / len(x), q)

    interval = bootstrap_interval(draws, statistic, resamples=20, rng=np.random.default_rng(0))
    assert interval.estimate == pytest.approx(kl_divergence(p, q), rel=1e-14)
    single = np.array([1.0, 2.0], dtype=np.float32)
    for sample, kind in ((single, np.float32), ([10**30, 1], np.float64), ([1, 2], np.int64)):
        seen = []
        bootstrap_interval(
            sample,
            lambda x, seen=seen: seen.append(x.dtype) or 0.0,
            resamples=2,
            rng=np.random.default_rng(0),
        )
        assert set(seen) == {np.dtype(kind)}


def test_large_ratios():
    for size in (1e308, 1e-310):
        found = monte_carlo_kl([size, size, size / 2], [0.0, 0.0, 0.0])
        assert found.estimate == pytest.approx(size / 3 * 2.5, rel=1e-10)
        # deviations 1/6, 1/6 and −1/3 of the size: standard deviation √(1/12)
        assert found.standard_error == pytest.approx(size / 6, rel=1e-10)


def test_a_sample_where_the_model_is_zero_proves_infinity():
    for name in ESTIMATORS:
        result = monte_carlo_kl([-1.0, -1.0], [-1.0, -inf], estimator=name)
        assert result.estimate == inf
        assert np.isnan(result.standard_error)


def test_no_digit_is_lost_when_p_is_near_q():
    # k3 = r²/2 − r³/6 + …
    result = monte_carlo_kl([1e-9, -1e-9], [0.0, 0.0], estimator="k3")
    assert result.estimate == pytest.approx(0.5e-18, rel=1e-14, abs=0)


@given(st.lists(st.floats(-20, 20), min_size=2, max_size=20))
def test_k2_and_k3_are_never_negative(ratios):
    zeros = np.zeros(len(ratios))
    for name in ("k2", "k3"):
        assert monte_carlo_kl(ratios, zeros, estimator=name).estimate >= 0


@pytest.mark.parametrize("estimator", ["k1", "k3"])
@pytest.mark.parametrize(("mu", "sigma"), [(0.5, 1.0), (0.5, 0.8), (0.1, 0.9)])
def test_the_reported_error_is_met(estimator, mu, sigma):
    """The truth lies within 1.96 standard errors in 95 % of the trials (94.5 % is allowed for the
    skewness of a mean of 2000 terms)."""
    trials, n = 1000, 2000
    rng = np.random.default_rng(int(100 * mu + 10 * sigma))
    truth = kl_normal(0, 1, mu, sigma)
    log_p, log_q = log_normal_density(0, 1), log_normal_density(mu, sigma)
    missed = 0
    for _ in range(trials):
        result = monte_carlo_kl(log_p, log_q, rng.standard_normal(n), estimator=estimator)
        missed += abs(result.estimate - truth) > 1.96 * result.standard_error
    assert missed <= scipy.stats.binom.isf(FALSE_ALARM, trials, 0.055)
    assert missed >= scipy.stats.binom.ppf(FALSE_ALARM, trials, 0.045)  # nor is it too large


def test_k3_has_infinite_variance_where_the_model_has_heavy_tails():
    """q's variance is 100 times p's: k1's error is met, k3's is not nearly."""
    trials, n = 500, 1000
    rng = np.random.default_rng(2)
    truth = kl_normal(0, 1, 0, 10)
    log_p, log_q = log_normal_density(0, 1), log_normal_density(0, 10)
    missed = dict.fromkeys(("k1", "k3"), 0)
    for _ in range(trials):
        x = rng.standard_normal(n)
        for name in missed:
            result = monte_carlo_kl(log_p, log_q, x, estimator=name)
            missed[name] += abs(result.estimate - truth) > 1.96 * result.standard_error
    assert missed["k1"] <= scipy.stats.binom.isf(FALSE_ALARM, trials, 0.055)
    assert missed["k3"] > trials / 2


# ------------------------------------------------------------------ gradients


def softmax(theta):
    weights = np.exp(theta - theta.max())
    return weights / weights.sum()


def central_difference(function, theta, step=1e-5):
    unit = np.eye(len(theta)) * step
    return np.array([(function(theta + u) - function(theta - u)) / (2 * step) for u in unit])


THETA = np.array([0.3, -1.0, 0.8, 0.1])
MODEL = np.array([0.1, 0.4, 0.3, 0.2])
PER_SAMPLE = {"k1": lambda r: r, "k2": lambda r: r**2 / 2, "k3": lambda r: np.exp(-r) - 1 + r}


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_gradient_with_the_samples_held_fixed(estimator):
    """E over x ~ p(θ0) of the derivative of k(log p(θ)(x) − log q(x)) at θ = θ0."""
    weights = softmax(THETA)

    def mean_over_fixed_samples(theta):
        return weights @ PER_SAMPLE[estimator](log(softmax(theta)) - log(MODEL))

    expected = central_difference(mean_over_fixed_samples, THETA)
    found = expected_estimator_gradient(weights, MODEL, estimator=estimator)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_which_gradient_it_is():
    p = softmax(THETA)
    reverse = central_difference(lambda theta: kl_divergence(softmax(theta), MODEL), THETA)
    forward = central_difference(lambda theta: kl_divergence(MODEL, softmax(theta)), THETA)
    gradient = {name: expected_estimator_gradient(p, MODEL, estimator=name) for name in ESTIMATORS}
    assert not gradient["k1"].any()  # exactly zero, though k1 is unbiased
    np.testing.assert_allclose(gradient["k2"], reverse, atol=1e-9)  # right, though k2 is biased
    np.testing.assert_allclose(gradient["k3"], forward, atol=1e-9)  # of the other direction
    np.testing.assert_allclose(gradient["k3"], p - MODEL, rtol=1e-14)
    # The last two differ in direction, not only in length.
    cosine = gradient["k2"] @ gradient["k3"]
    cosine /= np.linalg.norm(gradient["k2"]) * np.linalg.norm(gradient["k3"])
    assert cosine < 0.99


@given(st.lists(st.floats(0.01, 1), min_size=4, max_size=4), st.sampled_from(ESTIMATORS))
def test_gradients_add_up_to_zero(weights, estimator):
    """Adding a constant to all logits changes nothing."""
    p = np.array(weights) / np.sum(weights)
    gradient = expected_estimator_gradient(p, MODEL, estimator=estimator)
    assert abs(gradient.sum()) < 1e-15
    at_model = expected_estimator_gradient(MODEL, MODEL, estimator=estimator)
    assert not at_model.any()


def test_gradients_where_p_is_zero_and_in_batches():
    p, q = [0.5, 0.5, 0.0], [0.25, 0.25, 0.5]
    for name in ESTIMATORS:
        # On the support q is proportional to p: nothing to gain there, and p stays off the rest.
        assert expected_estimator_gradient(p, q, estimator=name).tolist() == [0, 0, 0]
    batch = np.array([[0.5, 0.25, 0.25], [0.2, 0.2, 0.6]])
    for name in ESTIMATORS:
        rows = expected_estimator_gradient(batch, q, estimator=name)
        assert rows.shape == (2, 3)
        for row, p in zip(rows, batch, strict=True):
            np.testing.assert_array_equal(row, expected_estimator_gradient(p, q, estimator=name))


# ------------------------------------------------------------------ the bootstrap


def test_bootstrap_against_all_resamples():
    """Of three observations there are 27 resamples, equally likely."""
    data = np.array([1.0, 2.0, 6.0])
    means = np.sort([np.mean(again) for again in itertools.product(data, repeat=3)])
    result = bootstrap_interval(
        data, np.mean, confidence=0.8, resamples=10_000, rng=np.random.default_rng(4)
    )
    # The smallest mean has 1 of the 27, the next one 3, and so from above: the quantiles of 10 %
    # are the second smallest and the second largest. The shares 1/27 and 4/27 are more than 15
    # standard errors of 10,000 resamples from 10 %.
    assert result.low == pytest.approx(means[2], rel=1e-15)
    assert result.high == pytest.approx(means[-3], rel=1e-15)
    assert result.estimate == 3.0
    # σ/√3 with σ² = 14/3; its relative standard error is below 1 %
    assert result.standard_error == pytest.approx((14 / 9) ** 0.5, rel=0.06)


@pytest.mark.parametrize("method", ["percentile", "basic"])
def test_bootstrap_against_scipy(method):
    data = np.random.default_rng(5).exponential(size=30)
    ours = bootstrap_interval(
        data, np.median, confidence=0.9, method=method, resamples=500, rng=np.random.default_rng(6)
    )
    theirs = scipy.stats.bootstrap(
        (data,),
        np.median,
        confidence_level=0.9,
        method=method,
        n_resamples=500,
        rng=np.random.default_rng(6),
    )
    assert ours.low == pytest.approx(theirs.confidence_interval.low, rel=1e-14)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, rel=1e-14)


def test_bootstrap_of_two_samples():
    rng = np.random.default_rng(7)
    x, y = rng.normal(1, 1, 50), rng.normal(0, 1, 80)
    result = bootstrap_interval((x, y), lambda a, b: a.mean() - b.mean(), resamples=2000, rng=rng)
    assert result.estimate == x.mean() - y.mean()
    # The plug-in standard error; the bootstrap's own relative error is about 1.6 %
    expected = np.sqrt(x.var() / 50 + y.var() / 80)
    assert result.standard_error == pytest.approx(expected, rel=0.1)
    # Rows are observations
    rows = rng.normal(0, 1, (40, 3))
    result = bootstrap_interval(rows, lambda a: a.mean(axis=0)[0], resamples=50, rng=rng)
    assert result.low < result.estimate < result.high


@pytest.mark.parametrize("method", ["percentile", "basic"])
def test_bootstrap_intervals_hold_the_truth(method):
    """Nearly the stated 90 %: 86 % at the least for 50 draws and 100 resamples."""
    trials = 200
    rng = np.random.default_rng(8)
    missed = 0
    for _ in range(trials):
        result = bootstrap_interval(
            rng.uniform(0, 1, 50), np.mean, confidence=0.9, method=method, resamples=100, rng=rng
        )
        missed += not result.low <= 0.5 <= result.high
    assert missed <= scipy.stats.binom.isf(FALSE_ALARM, trials, 0.14)


# ------------------------------------------------------------------ bad input

RNG = np.random.default_rng(9)
MASKED = np.ma.array([-1.0, -2.0, -500.0], mask=[False, False, True])
BAD = [
    (lambda: monte_carlo_kl([0.0], [0.0]), "two or more samples"),
    (lambda: monte_carlo_kl([0.0, 1.0], [0.0, 1.0, 2.0]), "lengths differ: log_p has 2"),
    (lambda: monte_carlo_kl([0.0, 1.0], [0.0, 1.0], [1, 2, 3]), "2 entries for 3 samples"),
    (lambda: monte_carlo_kl([0.0, 1.0], [0.0, 1.0], 3), "samples must hold at least 1 observation"),
    (lambda: monte_carlo_kl([0.0, -inf], [0.0, 0.0]), "log_p has a non-finite entry: -inf"),
    (lambda: monte_carlo_kl([0.0, 0.0], [0.0, inf]), "log_q has a non-finite entry: inf"),
    (lambda: monte_carlo_kl([0.0, 0.0], [0.0, np.nan]), "log_q has a non-finite entry: nan"),
    (lambda: monte_carlo_kl(np.negative, [0.0, 0.0]), "log_p is a function: pass the samples"),
    (lambda: monte_carlo_kl([[0.0, 0.0]], [[0.0, 0.0]]), "its shape is (1, 2)"),
    (lambda: monte_carlo_kl([0, 0], [0, 0], estimator="k4"), "estimator must be 'k1'"),
    (lambda: expected_estimator_gradient([0.5, 0.6], [0.5, 0.5]), "p sums to 1.1"),
    (lambda: expected_estimator_gradient([0.5, 0.5], [1, 0]), "q is zero where p is not, at index"),
    (lambda: expected_estimator_gradient([1.0], [0.5, 0.5]), "lengths differ"),
    (
        lambda: expected_estimator_gradient([1.0], [1.0], estimator="kl"),
        "estimator must be 'k1' or 'k2' or 'k3'; got 'kl'",
    ),
    (lambda: bootstrap_interval((1.0, 2.0), np.mean, rng=RNG), "samples must hold at least 1"),
    (lambda: bootstrap_interval([], np.mean, rng=RNG), "samples is empty"),
    (lambda: bootstrap_interval([1.0, np.nan], np.mean, rng=RNG), "samples has a non-finite"),
    (lambda: bootstrap_interval([1.0], np.mean, confidence=1.0, rng=RNG), "strictly between 0"),
    (lambda: bootstrap_interval([1.0], np.mean, resamples=0, rng=RNG), "resamples must be a whole"),
    (lambda: bootstrap_interval([1.0], np.mean, resamples=1.5, rng=RNG), "resamples must be a"),
    (lambda: bootstrap_interval([1.0], np.mean, method="bca", rng=RNG), "method must be"),
    (lambda: bootstrap_interval([1.0], np.mean, rng=np.random.RandomState(0)), "rng must be"),
    (lambda: bootstrap_interval([1.0], lambda x: "one", rng=RNG), "must hold real numbers"),
    (lambda: bootstrap_interval([1.0], lambda x: "3", rng=RNG), "what statistic returns must hold"),
    (lambda: bootstrap_interval([1.0], lambda x: x, rng=RNG), "it returned shape (1,)"),
    (lambda: bootstrap_interval([1.0], np.mean, resamples=10**9, rng=RNG), "must be at most"),
    (lambda: bootstrap_interval(MASKED, np.mean, rng=RNG), "samples is a masked array"),
    (lambda: monte_carlo_kl([-1.0] * 3, MASKED), "log_q is a masked array"),
    (lambda: monte_carlo_kl(MASKED, [-1.0] * 3), "log_p is a masked array"),
    (
        lambda: monte_carlo_kl([0, 0], [0, 0], estimator=np.array(["k1", "k2"])),
        "estimator must be 'k1' or 'k2' or 'k3'; got array",
    ),
    (
        lambda: bootstrap_interval([1.0], lambda x: np.nan, rng=RNG),
        "statistic returns has a non-finite",
    ),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert message in str(caught.value)
