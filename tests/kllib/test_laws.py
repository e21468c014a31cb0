"""Laws that hold for all distributions, on examples drawn by Hypothesis."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy import inf, log

from kllib import (
    conditional_kl,
    cross_entropy,
    entropy,
    kl_diagonal_normal,
    kl_divergence,
    kl_multivariate_normal,
    kl_normal,
    kl_standard_normal,
    mutual_information,
    normalize,
    perplexity,
    smooth,
)
from tests.kllib.strategies import POSITIVE, SMALLEST, channels, pairs, simplex

PAIRS = pairs(SMALLEST)


@st.composite
def tables(draw, count, weights=POSITIVE):
    """Joint distributions of the same shape."""
    m, n = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    return [draw(simplex(m * n, weights)).reshape(m, n) for _ in range(count)]


def total_variation(p, q):
    """½ Σ |p/Σp − q/Σq|, exactly."""
    p, q = ([Fraction(x) for x in map(float, values)] for values in (p, q))
    p, q = ([x / sum(values) for x in values] for values in (p, q))
    return float(sum(abs(a - b) for a, b in zip(p, q, strict=True)) / 2)


# ------------------------------------------------------------------ discrete distributions


@given(PAIRS)
def test_gibbs_and_pinsker(pair):
    """D ≥ 2·TV², in nats; so D ≥ 0, and D vanishes only when p = q, however near they are."""
    p, q = pair
    variation = total_variation(p, q)
    assert kl_divergence(p, q) >= 2 * variation**2 * (1 - 1e-12)
    if variation == 0:
        # Proportional, though perhaps not the same floats: their differences are rounded by 1e-32,
        # their sums by 1e-16 of that. Floats that do differ are at least 1e-33 apart.
        assert kl_divergence(p, q) < 1e-40


@given(PAIRS)
def test_zero_on_the_diagonal(pair):
    for p in pair:
        assert kl_divergence(p, p) == 0


@given(PAIRS)
def test_upper_bound(pair):
    """D ≤ log(1 + χ²), near equality too."""
    p, q = pair
    assume((q[p > 0] > 0).all())
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        chi_squared = np.sum(np.where(q > 0, (p - q) * ((p - q) / q), 0))
    assert kl_divergence(p, q) <= np.log1p(chi_squared) * (1 + 1e-9) + 1e-31


@given(PAIRS)
def test_infinite_exactly_without_absolute_continuity(pair):
    p, q = pair
    assert (kl_divergence(p, q) == inf) == bool(((p > 0) & (q == 0)).any())
    assert (cross_entropy(p, q) == inf) == bool(((p > 0) & (q == 0)).any())


@given(PAIRS, st.randoms(use_true_random=False))
def test_permutation(pair, random):
    p, q = pair
    order = list(range(len(p)))
    random.shuffle(order)
    expected = pytest.approx(kl_divergence(p, q), rel=1e-12, abs=1e-40)
    assert kl_divergence(p[order], q[order]) == expected
    assert entropy(p[order]) == pytest.approx(entropy(p), rel=1e-13, abs=0)


@given(st.integers(1, 5), st.integers(1, 8), st.data())
def test_rows_of_a_batch_do_not_know_each_other(n, rows, data):
    """Near ones, far ones and infinite ones: each as if it were alone."""
    p, q = [], []
    for _ in range(rows):
        p.append(data.draw(simplex(n, SMALLEST)))
        step = data.draw(st.sampled_from([0, 1e-9, 1e-3, 0.3, None]))
        changes = np.array(data.draw(st.lists(st.floats(-1, 1), min_size=n, max_size=n)))
        q.append(
            data.draw(simplex(n, SMALLEST))
            if step is None
            else normalize(p[-1] * (1 + step * changes))
        )
    for function in (kl_divergence, cross_entropy):
        alone = [function(*pair) for pair in zip(p, q, strict=True)]
        np.testing.assert_allclose(function(p, q), alone, rtol=1e-14, atol=1e-300)
        crossed = function(np.array(p)[:, None], q)
        np.testing.assert_allclose(crossed.diagonal(), alone, rtol=1e-14, atol=1e-300)
        np.testing.assert_allclose(function(p[0], q), crossed[0], rtol=1e-14, atol=1e-300)


@given(PAIRS, st.integers(0, 6))
def test_impossible_outcomes_change_nothing(pair, place):
    p, q = pair
    place = min(place, len(p))
    longer = np.insert(p, place, 0), np.insert(q, place, 0)
    assert kl_divergence(*longer) == pytest.approx(kl_divergence(p, q), rel=1e-12, abs=1e-40)
    assert entropy(longer[0]) == pytest.approx(entropy(p), rel=1e-13, abs=0)


@given(PAIRS)
def test_splitting_every_outcome_in_half_changes_nothing(pair):
    """Invariance: halves carry no information about p against q."""
    p, q = (np.repeat(x, 2) / 2 for x in pair)
    assume(min(pair[0][pair[0] > 0].min(), pair[1][pair[1] > 0].min()) > 1e-300)
    assert kl_divergence(p, q) == pytest.approx(kl_divergence(*pair), rel=1e-12, abs=1e-40)
    assert entropy(p) == pytest.approx(entropy(pair[0]) + log(2), rel=1e-13)


@given(PAIRS, st.data())
def test_merging_outcomes(pair, data):
    p, q = pair
    labels = data.draw(st.lists(st.integers(0, 2), min_size=len(p), max_size=len(p)))
    merged = [np.bincount(labels, weights=x, minlength=3) for x in (p, q)]
    before, after = kl_divergence(p, q), kl_divergence(*merged)
    # Sums of merged entries are rounded by 1e-16, which changes D by about 1e-16 √D and 1e-32.
    assert after <= before * (1 + 1e-12) + 1e-15 * np.sqrt(before) + 1e-30
    assert entropy(merged[0]) <= entropy(p) * (1 + 1e-12) + 1e-15


@given(PAIRS, st.data())
def test_data_processing(pair, data):
    """No channel brings two distributions apart."""
    p, q = pair
    channel = data.draw(channels(len(p), data.draw(st.integers(1, 4)), SMALLEST))
    before, after = kl_divergence(p, q), kl_divergence(p @ channel, q @ channel)
    assert after <= before * (1 + 1e-12) + 1e-14 * np.sqrt(before) + 1e-28


@given(tables(1), st.data())
def test_data_processing_for_information(table, data):
    """X − Y − Z: Z, made from Y alone, knows no more of X than Y does."""
    (joint,) = table
    channel = data.draw(channels(joint.shape[1], data.draw(st.integers(1, 4)), SMALLEST))
    assert mutual_information(joint @ channel) <= mutual_information(joint) + 1e-14


@given(tables(2))
def test_chain_rule(pair):
    p, q = pair
    whole = kl_divergence(p.ravel(), q.ravel())
    by_rows = kl_divergence(p.sum(axis=1), q.sum(axis=1)) + conditional_kl(p, q, given=0)
    by_columns = kl_divergence(p.sum(axis=0), q.sum(axis=0)) + conditional_kl(p, q, given=1)
    assert by_rows == pytest.approx(whole, rel=1e-12, abs=1e-15)
    assert by_columns == pytest.approx(whole, rel=1e-12, abs=1e-15)


@given(tables(1))
def test_information_three_ways(table):
    (joint,) = table
    rows, columns = joint.sum(axis=1), joint.sum(axis=0)
    information = mutual_information(joint)
    assert information >= 0
    assert information == pytest.approx(mutual_information(joint.T), rel=1e-11, abs=1e-30)
    entropies = entropy(rows) + entropy(columns) - entropy(joint.ravel())
    assert information == pytest.approx(entropies, abs=1e-13)
    product = np.outer(rows, columns)
    expected = kl_divergence(joint.ravel(), product.ravel())
    assert information == pytest.approx(expected, rel=1e-7, abs=1e-25)
    # Given X, Y is as far from its marginal as X and Y are from independence
    assert information == pytest.approx(conditional_kl(joint, product), rel=1e-7, abs=1e-25)
    assert information <= min(entropy(rows), entropy(columns)) + 1e-14


@given(PAIRS, PAIRS)
def test_additivity(first, second):
    """Independent pairs: the divergences add up."""
    assume(all(x[x > 0].min() > 1e-150 for x in (*first, *second)))
    p, q = np.outer(first[0], second[0]).ravel(), np.outer(first[1], second[1]).ravel()
    expected = kl_divergence(*first) + kl_divergence(*second)
    # The products are rounded by 1e-16
    rounding = 1e-15 * np.sqrt(min(expected, 1)) + 1e-30
    assert kl_divergence(p, q) == pytest.approx(expected, rel=1e-12, abs=rounding)
    assert entropy(p) == pytest.approx(entropy(first[0]) + entropy(second[0]), rel=1e-12, abs=1e-15)


@given(st.integers(1, 5), st.floats(0, 1), st.data())
def test_joint_convexity(n, weight, data):
    p1, q1, p2, q2 = (data.draw(simplex(n, SMALLEST)) for _ in range(4))
    p, q = weight * p1 + (1 - weight) * p2, weight * q1 + (1 - weight) * q2
    parts = [
        share * kl_divergence(*pair)
        for share, pair in ((weight, (p1, q1)), (1 - weight, (p2, q2)))
        if share > 0
    ]
    bound = sum(parts)
    assert kl_divergence(p, q) <= bound * (1 + 1e-12) + 1e-14 * np.sqrt(bound) + 1e-28


@given(st.integers(1, 6), st.data())
def test_entropy_is_concave_and_bounded(n, data):
    p, q = data.draw(simplex(n, SMALLEST)), data.draw(simplex(n, SMALLEST))
    assert 0 <= entropy(p) <= log(n) * (1 + 1e-14)
    # Halving rounds the smallest floats to 0: each takes at most 5e-324 · log(1/5e-324) with it
    assert entropy((p + q) / 2) >= (entropy(p) + entropy(q)) / 2 * (1 - 1e-13) - 1e-300
    # What entropy lacks of log n is the divergence from the uniform distribution
    uniform = np.full(n, 1 / n)
    assert kl_divergence(p, uniform) == pytest.approx(log(n) - entropy(p), rel=1e-12, abs=1e-14)


@given(PAIRS)
def test_cross_entropy_is_entropy_plus_divergence(pair):
    p, q = pair
    expected = entropy(p) + kl_divergence(p, q)
    assert cross_entropy(p, q) == pytest.approx(expected, rel=1e-12, abs=1e-300)
    assert cross_entropy(p, p) == pytest.approx(entropy(p), rel=1e-13, abs=0)


@given(pairs(POSITIVE))
def test_perplexity(pair):
    p, q = pair
    assert perplexity(p, q) == pytest.approx(perplexity(p) * np.exp(kl_divergence(p, q)), rel=1e-12)
    assert 1 <= perplexity(p) <= len(p) * (1 + 1e-13)


@given(PAIRS, tables(2), st.floats(1.01, 100))
def test_units(pair, two_tables, base):
    """A change of base divides by its logarithm."""
    for function in (kl_divergence, cross_entropy):
        expected = function(*pair) / log(base)
        assert function(*pair, base=base) == pytest.approx(expected, rel=1e-14, abs=0)
    assert entropy(pair[0], base=base) == pytest.approx(
        entropy(pair[0]) / log(base), rel=1e-14, abs=0
    )
    p, q = two_tables
    information = mutual_information(p) / log(base)
    assert mutual_information(p, base=base) == pytest.approx(information, rel=1e-14, abs=0)
    conditional = conditional_kl(p, q) / log(base)
    assert conditional_kl(p, q, base=base) == pytest.approx(conditional, rel=1e-14, abs=0)


@given(PAIRS, st.floats(1e-6, 10))
def test_smoothing(pair, alpha):
    p, q = pair
    n = len(p)
    smoothed = smooth(q, alpha)
    weight = n * alpha / (1 + n * alpha)
    np.testing.assert_allclose(smoothed, (1 - weight) * q + weight / n, rtol=1e-12)
    # Whatever p is, its divergence is now finite, and at most the log of 1/smallest
    assert kl_divergence(p, smoothed) <= log((1 + n * alpha) / alpha) * (1 + 1e-12)
    # Towards the uniform distribution, which has the largest entropy
    assert entropy(smoothed) >= entropy(q) * (1 - 1e-12)


# -------------------------------------------------------------------- normal distributions

MEANS = st.floats(-10, 10)
SCALES = st.floats(0.01, 100)


@st.composite
def normal_pairs(draw):
    """mu1, sigma1, mu2, sigma2: unrelated, or nearly the same."""
    mu, sigma = draw(MEANS), draw(SCALES)
    if draw(st.booleans()):
        return mu, sigma, draw(MEANS), draw(SCALES)
    step = 10.0 ** -draw(st.integers(1, 14))
    return mu, sigma, mu + draw(st.floats(-1, 1)) * step, sigma * (1 + draw(st.floats(0, 1)) * step)


@st.composite
def multivariate_pairs(draw):
    """mean1, cov1, mean2, cov2 of moderate condition."""
    d = draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    roots = rng.standard_normal((2, d, d))
    cov1, cov2 = roots @ roots.swapaxes(1, 2) + 0.1 * np.eye(d)
    mean1, mean2 = rng.standard_normal((2, d))
    if draw(st.booleans()):
        step = 10.0 ** -draw(st.integers(1, 10))
        cov1, mean1 = cov2 + step * (cov1 - cov2), mean2 + step * mean1
    return mean1, cov1, mean2, cov2


@given(normal_pairs())
def test_gibbs_for_normals(pair):
    mu1, sigma1, mu2, sigma2 = pair
    divergence = kl_normal(*pair)
    of_means = ((mu1 - mu2) / sigma2) ** 2 / 2  # 0 for means nearer than 1e-160, too
    assert (divergence == 0) == (of_means == 0 and sigma1 == sigma2)
    assert divergence >= of_means * (1 - 1e-13)


@given(normal_pairs(), st.integers(-100, 100))
def test_units_of_a_normal(pair, power):
    """A change of units, without rounding, changes not one bit."""
    assert kl_normal(*(2.0**power * x for x in pair)) == kl_normal(*pair)
    mu1, sigma1, mu2, sigma2 = pair
    assert kl_normal(-mu1, sigma1, -mu2, sigma2) == kl_normal(*pair)


@given(normal_pairs())
def test_symmetric_only_for_equal_scales(pair):
    mu1, sigma1, mu2, sigma2 = pair
    assert kl_normal(mu1, sigma1, mu2, sigma1) == kl_normal(mu2, sigma1, mu1, sigma1)
    if not 0.99 < sigma1 / sigma2 < 1.01:
        assert kl_normal(0, sigma1, 0, sigma2) != pytest.approx(kl_normal(0, sigma2, 0, sigma1))


@given(MEANS, st.floats(-20, 20))
def test_standard_normal_is_a_case_of_the_others(mu, log_var):
    value = kl_standard_normal(mu, log_var)
    assert value >= 0
    assert value == kl_diagonal_normal([mu], [log_var], [0], [0])
    rounding = 1e-15 * np.sqrt(value) + 1e-30  # of the standard deviation, by 1e-16
    expected = kl_normal(mu, np.exp(log_var / 2), 0, 1)
    assert value == pytest.approx(expected, rel=1e-12, abs=rounding)


@given(st.lists(st.tuples(MEANS, MEANS, MEANS, MEANS), min_size=1, max_size=5))
def test_independent_components_add_up(rows):
    mean1, log_var1, mean2, log_var2 = np.transpose(rows)
    each = [kl_diagonal_normal([a], [b], [c], [d]) for a, b, c, d in rows]
    value = kl_diagonal_normal(mean1, log_var1, mean2, log_var2)
    assert value == pytest.approx(sum(each), rel=1e-14, abs=0)


@given(multivariate_pairs(), st.integers(0, 2**32 - 1))
def test_invariance(pair, seed):
    """Any invertible affine map of the space leaves the divergence as it is."""
    mean1, cov1, mean2, cov2 = pair
    d = len(mean1)
    rng = np.random.default_rng(seed)
    # Small whole numbers on and below a diagonal of ones: invertible, and hardly any rounding
    matrix = np.tril(rng.integers(-2, 3, (d, d)), -1) + np.eye(d)
    mapped = (matrix @ mean1, matrix @ cov1 @ matrix.T, matrix @ mean2, matrix @ cov2 @ matrix.T)
    value = kl_multivariate_normal(*pair)
    assert value >= 0
    rounding = 1e-12 * np.sqrt(min(value, 1)) + 1e-26
    assert kl_multivariate_normal(*mapped) == pytest.approx(value, rel=1e-9, abs=rounding)


@given(multivariate_pairs(), st.randoms(use_true_random=False))
def test_order_of_the_variables(pair, random):
    mean1, cov1, mean2, cov2 = pair
    order = list(range(len(mean1)))
    random.shuffle(order)
    both = np.ix_(order, order)
    value = kl_multivariate_normal(mean1[order], cov1[both], mean2[order], cov2[both])
    assert value == pytest.approx(kl_multivariate_normal(*pair), rel=1e-12)


@given(multivariate_pairs())
def test_forgetting_a_variable(pair):
    """Data processing: a marginal is no further apart than the whole."""
    mean1, cov1, mean2, cov2 = pair
    assume(len(mean1) > 1)
    part = kl_multivariate_normal(mean1[1:], cov1[1:, 1:], mean2[1:], cov2[1:, 1:])
    assert part <= kl_multivariate_normal(*pair) * (1 + 1e-12)


@given(multivariate_pairs())
def test_chain_rule_for_normals(pair):
    """D of two variables is D of the first plus the mean of D given the first."""
    mean1, cov1, mean2, cov2 = (np.asarray(x) for x in pair)
    assume(len(mean1) == 2)
    first = kl_normal(mean1[0], cov1[0, 0] ** 0.5, mean2[0], cov2[0, 0] ** 0.5)
    # The second given the first is N(intercept + slope x, rest²)
    slope1, slope2 = cov1[0, 1] / cov1[0, 0], cov2[0, 1] / cov2[0, 0]
    rest1 = (cov1[1, 1] - slope1 * cov1[0, 1]) ** 0.5
    rest2 = (cov2[1, 1] - slope2 * cov2[0, 1]) ** 0.5
    gap = (mean1[1] - mean2[1]) + slope2 * (mean2[0] - mean1[0])  # at the mean of the first
    spread = (slope1 - slope2) ** 2 * cov1[0, 0]
    second = kl_normal(gap, rest1, 0, rest2) + spread / rest2**2 / 2
    value = kl_multivariate_normal(*pair)
    assert first + second == pytest.approx(value, rel=1e-9, abs=1e-13)
