"""Estimates and tests from counts: enumeration of all samples, scipy's tests, error rates."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from numpy import inf, log

from kllib.discrete import entropy, kl_divergence, mutual_information, normalize
from kllib.estimate.counts import (
    g_test,
    g_test_goodness_of_fit,
    miller_madow_entropy,
    miller_madow_kl,
    plug_in_bias,
    plug_in_entropy,
    plug_in_kl,
)

# The chance that a test of random numbers fails though all is right.
FALSE_ALARM = 1e-7

COUNTS = st.lists(st.integers(0, 50), min_size=2, max_size=6).filter(any)


def test_by_hand():
    # Shares ½, ¼, ¼: 1.5 bits; K = 3, N = 8: (3 − 1)/16 = 1/8 nat
    assert plug_in_entropy([4, 2, 2, 0], base=2) == pytest.approx(1.5, rel=1e-15)
    assert plug_in_bias([4, 2, 2, 0]) == 1 / 8
    assert miller_madow_entropy([4, 2, 2, 0]) == pytest.approx(1.5 * log(2) + 1 / 8, rel=1e-15)
    assert plug_in_bias([4, 2, 2, 0], base=2) == pytest.approx(1 / 8 / log(2), rel=1e-15)
    # ½ log 2 + ½ log ½ = 0 and twice ¼ log(¼/¼) against (¼, ½, ¼): ¼ log 2
    value = plug_in_kl([4, 2, 2], [0.25, 0.5, 0.25])
    assert value == pytest.approx(log(2) / 4, rel=1e-15)
    value = miller_madow_kl([4, 2, 2], [0.25, 0.5, 0.25])
    assert value == pytest.approx(log(2) / 4 - 1 / 8, rel=1e-14)
    assert plug_in_kl([1, 1], [1, 0]) == inf
    assert miller_madow_kl([1, 1], [1, 0]) == inf
    assert plug_in_entropy([7]) == 0 and plug_in_bias([7]) == 0


def all_samples(p, size):
    """Every way that ``size`` draws from three outcomes can fall, and its probability."""
    counts = np.array([(i, j, size - i - j) for i in range(size + 1) for j in range(size + 1 - i)])
    return counts, scipy.stats.multinomial(size, p).pmf(counts)


def test_the_bias_of_entropy_by_enumeration():
    """What remains after Miller and Madow is of the second order: a tenth of N, a hundredth."""
    p = np.array([0.5, 0.3, 0.2])
    left = {}
    for size in (50, 500):
        counts, chances = all_samples(p, size)
        bias = chances @ plug_in_entropy(counts) - entropy(p)
        assert bias == pytest.approx(-2 / (2 * size), rel=0.1)
        left[size] = chances @ miller_madow_entropy(counts) - entropy(p)
        assert abs(left[size]) < abs(bias) / 10
    assert left[50] / left[500] == pytest.approx(100, rel=0.2)


def test_the_bias_of_divergence_is_that_of_minus_the_entropy():
    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.2, 0.6])
    counts, chances = all_samples(p, 30)
    too_high = chances @ plug_in_kl(counts, q) - kl_divergence(p, q)
    too_low = entropy(p) - chances @ plug_in_entropy(counts)
    assert too_high == pytest.approx(too_low, rel=1e-12)
    corrected = chances @ miller_madow_kl(counts, q) - kl_divergence(p, q)
    assert abs(corrected) < too_high / 10
    # Nearly unbiased at p = q takes negative values, most of the time: P(χ²₂ < 2) = 1 − 1/e
    own = miller_madow_kl(counts, p)
    assert abs(chances @ own) < 0.002
    assert chances @ (own < 0) == pytest.approx(1 - np.exp(-1), abs=0.02)


@given(COUNTS)
def test_laws_of_the_plug_in(counts):
    uniform = np.full(len(counts), 1 / len(counts))
    value = plug_in_kl(counts, uniform)
    assert value >= 0
    assert value == pytest.approx(log(len(counts)) - plug_in_entropy(counts), abs=1e-14)
    assert plug_in_kl(np.multiply(counts, 7), uniform) == pytest.approx(value, rel=1e-13, abs=0)


def test_batches():
    rng = np.random.default_rng(1)
    a, b = rng.integers(1, 20, (4, 3, 5)), rng.integers(1, 20, (3, 5))
    q = rng.dirichlet(np.ones(5), size=(4, 1))
    for function in (plug_in_entropy, plug_in_bias, miller_madow_entropy):
        values = function(a)
        assert values.shape == (4, 3)
        assert values[2, 1] == function(a[2, 1])
    for function in (plug_in_kl, miller_madow_kl):
        values = function(a, q)
        assert values.shape == (4, 3)
        assert values[2, 1] == pytest.approx(function(a[2, 1], q[2, 0]), rel=1e-14)
    for result, one in (
        (g_test(a, b), g_test(a[2, 1], b[1])),
        (g_test_goodness_of_fit(a, q), g_test_goodness_of_fit(a[2, 1], q[2, 0])),
    ):
        assert result.statistic.shape == (4, 3)
        assert result.statistic[2, 1] == pytest.approx(one.statistic, rel=1e-14)
        assert result.degrees_of_freedom[2, 1] == one.degrees_of_freedom
        assert result.p_value[2, 1] == pytest.approx(one.p_value, rel=1e-12, abs=0)


# ------------------------------------------------------------------ tests


def scipy_g_test(a, b):
    table = np.array([a, b])
    table = table[:, table.any(axis=0)]
    return scipy.stats.chi2_contingency(table, lambda_="log-likelihood", correction=False)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=2, max_size=7))
def test_g_test_against_scipy(pairs):
    a, b = np.array(pairs).T
    if not (a.any() and b.any()):
        with pytest.raises(ValueError, match="are all zero"):
            g_test(a, b)
        return
    ours, theirs = g_test(a, b), scipy_g_test(a, b)
    assert ours.degrees_of_freedom == theirs.dof
    assert ours.statistic == pytest.approx(theirs.statistic, rel=1e-12, abs=1e-12)
    assert ours.p_value == pytest.approx(theirs.pvalue, rel=1e-9, abs=1e-300)


@given(COUNTS)
def test_goodness_of_fit_against_scipy(counts):
    q = normalize(np.arange(1, len(counts) + 1))
    ours = g_test_goodness_of_fit(counts, q)
    theirs = scipy.stats.power_divergence(counts, np.sum(counts) * q, lambda_="log-likelihood")
    assert ours.statistic == pytest.approx(theirs.statistic, rel=1e-12, abs=1e-12)
    assert ours.p_value == pytest.approx(theirs.pvalue, rel=1e-9)
    assert ours.degrees_of_freedom == len(counts) - 1


@given(COUNTS, st.randoms(use_true_random=False))
def test_g_is_a_divergence_times_twice_the_sample(counts, random):
    a = np.array(counts)
    b = np.array([random.randrange(1, 40) for _ in counts])
    total = a.sum() + b.sum()
    m = (a + b) / total
    pooled = 2 * (a.sum() * kl_divergence(a / a.sum(), m) + b.sum() * kl_divergence(b / b.sum(), m))
    statistic = g_test(a, b).statistic
    assert statistic == pytest.approx(pooled, rel=1e-10, abs=1e-13)
    joint = np.array([a, b]) / total
    assert statistic == pytest.approx(2 * total * mutual_information(joint), rel=1e-10, abs=1e-13)
    assert g_test(b, a).statistic == pytest.approx(statistic, rel=1e-12, abs=1e-15)


def test_categories_that_cannot_differ():
    one = g_test([5, 0], [9, 0])  # one category was seen
    assert (one.statistic, one.degrees_of_freedom, one.p_value) == (0, 0, 1)
    assert g_test([5, 5, 0], [3, 9, 0]) == g_test([5, 5], [3, 9])
    ruled_out = g_test_goodness_of_fit([5, 5], [1, 0])
    assert (ruled_out.statistic, ruled_out.p_value) == (inf, 0)
    ruled_out = g_test_goodness_of_fit([5, 5, 1], [0.5, 0.5, 0])
    assert (ruled_out.statistic, ruled_out.degrees_of_freedom, ruled_out.p_value) == (inf, 1, 0)
    certain = g_test_goodness_of_fit([5], [1.0])
    assert (certain.statistic, certain.degrees_of_freedom, certain.p_value) == (0, 0, 1)


@pytest.mark.parametrize("level", [0.5, 0.1, 0.01])
def test_false_alarms_come_at_the_stated_rate(level):
    """p-values of samples that do not differ; χ² is within a tenth of the rate here."""
    rng = np.random.default_rng(2)
    q = [0.4, 0.3, 0.2, 0.1]
    trials = 20_000
    a, b = rng.multinomial(300, q, trials), rng.multinomial(500, q, trials)
    for p_values in (g_test(a, b).p_value, g_test_goodness_of_fit(a, q).p_value):
        alarms = np.sum(p_values < level)
        assert alarms <= scipy.stats.binom.isf(FALSE_ALARM, trials, 1.1 * level)
        assert alarms >= scipy.stats.binom.ppf(FALSE_ALARM, trials, 0.9 * level)


def test_the_mean_of_the_divergence_when_the_model_is_true():
    """(K − 1)/2N + (Σ 1/q − 1)/12N² to second order: 0.025 + 0.0003 for six bins, 100 draws."""
    rng = np.random.default_rng(3)
    q = np.full(6, 1 / 6)
    values = plug_in_kl(rng.multinomial(100, q, 100_000), q)
    error = values.std() / np.sqrt(len(values))
    assert error < 6e-5
    assert values.mean() == pytest.approx(5 / 200 + 35 / 120_000, abs=5.5 * error + 1e-5)


# ------------------------------------------------------------------ bad input

HALF = [0.5, 0.5]
BAD = [
    (lambda: plug_in_entropy([0.5, 0.5]), "counts must be whole numbers; got 0.5 at index (0,)"),
    (lambda: plug_in_entropy([3, -1]), "counts has a negative entry: -1 at index (1,)"),
    (lambda: plug_in_entropy([0, 0]), "counts are all zero"),
    (lambda: plug_in_entropy([[1, 2], [0, 0]]), "counts are all zero at batch index (1,)"),
    (lambda: plug_in_entropy([1, np.nan]), "counts has a non-finite entry: nan"),
    (lambda: plug_in_entropy([]), "counts is empty"),
    (lambda: plug_in_entropy([1, 1], base=1), "base must be a number above 1"),
    (lambda: plug_in_bias([1e308, 1e308]), "counts add up to more than 2**53"),
    (
        lambda: plug_in_kl([[1, 1], [2**53, 1e3]], HALF),
        "counts add up to more than 2**53 at batch index (1,)",
    ),
    (lambda: g_test([1e300, 1e300], [1e300, 2e300]), "counts_a add up to more than 2**53"),
    (lambda: g_test_goodness_of_fit([2**54, 0], HALF), "counts add up to more than 2**53"),
    (lambda: plug_in_bias([0.1]), "counts must be whole numbers"),
    (lambda: miller_madow_entropy([-1]), "counts has a negative entry"),
    (lambda: plug_in_kl([1, 1], [1, 1]), "q sums to 2"),
    (lambda: plug_in_kl([1, 1, 1], HALF), "lengths differ: counts has 3, q has 2"),
    (lambda: miller_madow_kl([0.5, 0.5], HALF), "counts are wanted, not probabilities"),
    (lambda: g_test([0, 0], [1, 1]), "counts_a are all zero"),
    (lambda: g_test([1, 1], [0.5, 0.5]), "counts_b must be whole numbers"),
    (lambda: g_test([1, 1], [1, 1, 1]), "lengths differ: counts_a has 2, counts_b has 3"),
    (lambda: g_test(np.ones((2, 2)), np.ones((3, 2))), "shapes do not broadcast"),
    (lambda: g_test_goodness_of_fit([1, 1], [0.5, 0.6]), "q sums to 1.1"),
    (lambda: g_test_goodness_of_fit([1], HALF), "lengths differ"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert message in str(caught.value)
