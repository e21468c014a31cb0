"""Rényi divergence: known values, limits in α, the table of infinities, second routes, laws."""

import numpy as np
import pytest
import scipy.special
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy import inf, log, sqrt

from kllib.discrete import kl_divergence, normalize
from kllib.fdivergence.divergences import alpha_divergence, chi_squared, squared_hellinger
from kllib.fdivergence.renyi import (
    bhattacharyya_coefficient,
    bhattacharyya_distance,
    renyi_divergence,
)
from tests.kllib.strategies import POSITIVE, channels, pairs, simplex

RNG = np.random.default_rng(60)
ORDERS = (0, 0.1, 0.5, 0.9, 1, 1.1, 2, 7, inf)
every_order = pytest.mark.parametrize("alpha", ORDERS)

# Orders and their mirror images 1 − α, without rounding
HALVES = st.integers(1, 63).map(lambda k: k / 64)
ANY = st.one_of(HALVES, st.floats(1.01, 50), st.sampled_from(ORDERS))

# ------------------------------------------------------------------ known values

P, Q = [0.5, 0.5], [0.2, 0.8]
KNOWN = {
    0: 0,  # all that q can produce, p can
    # −2 log(√0.1 + √0.4) = −2 log(3/√10)
    0.5: log(10 / 9),
    1: log(1.25),
    # log(¼/0.2 + ¼/0.8) = log(25/16)
    2: log(25 / 16),
    # ½ log(⅛/0.04 + ⅛/0.64)
    3: log(0.125 / 0.04 + 0.125 / 0.64) / 2,
    inf: log(2.5),
}


@pytest.mark.parametrize("alpha", KNOWN)
def test_by_hand(alpha):
    assert renyi_divergence(P, Q, alpha) == pytest.approx(KNOWN[alpha], rel=1e-14)
    assert renyi_divergence(P, Q, alpha, base=2) == pytest.approx(KNOWN[alpha] / log(2), rel=1e-14)


def test_one_fair_coin_against_another():
    # At α = ½ alone it is symmetric: −2 log(√0.1 + √0.4) both ways
    assert renyi_divergence(Q, P, 0.5) == pytest.approx(renyi_divergence(P, Q, 0.5), rel=1e-14)
    assert renyi_divergence(Q, P, 2) != pytest.approx(renyi_divergence(P, Q, 2), rel=1e-2)


def test_uniform_on_part_of_the_outcomes():
    """Of a uniform distribution on k of n outcomes from that on all n: log(n/k) at every order."""
    p, q = [1 / 3] * 3 + [0] * 5, [1 / 8] * 8
    for alpha in ORDERS:
        assert renyi_divergence(p, q, alpha) == pytest.approx(log(8 / 3), rel=1e-14)
    # and back: 0 up to where p's zeros count
    for alpha, expected in ((0, 0), (0.5, log(8 / 3)), (1, inf), (2, inf), (inf, inf)):
        assert renyi_divergence(q, p, alpha) == pytest.approx(expected, rel=1e-14)


DISJOINT = ([1.0, 0.0], [0.0, 1.0])
Q_RULES_OUT = ([0.5, 0.5], [1.0, 0.0])
P_RULES_OUT = ([1.0, 0.0], [0.5, 0.5])


@every_order
def test_outcomes_that_one_of_the_two_rules_out(alpha):
    assert renyi_divergence(*DISJOINT, alpha) == inf
    # (½)^α at the one outcome both know: log of it over α − 1
    expected = alpha * log(2) / (1 - alpha) if alpha < 1 else inf
    assert renyi_divergence(*Q_RULES_OUT, alpha) == pytest.approx(expected, rel=1e-14)
    assert renyi_divergence(*P_RULES_OUT, alpha) == pytest.approx(log(2), rel=1e-14)
    longer = [np.insert(x, 1, 0.0) for x in (P, Q)]
    assert renyi_divergence(*longer, alpha) == pytest.approx(
        renyi_divergence(P, Q, alpha), rel=1e-14
    )


def test_order_zero_is_the_surprise_of_the_support():
    # q(p > 0) = ¼, however little p gives to one of the outcomes: in full accuracy, and in bits
    p, q = [1e-300, 1, 0], [0.125, 0.125, 0.75]
    assert renyi_divergence(p, q, 0) == pytest.approx(log(4), rel=1e-15, abs=0)
    assert renyi_divergence(p, q, 0, base=2) == pytest.approx(2, rel=1e-15, abs=0)
    # 1/q(p > 0) above 1.8e308: 1074 log 2
    assert renyi_divergence([1, 0], [2.0**-1074, 1], 0) == pytest.approx(744.44, rel=1e-5)
    assert renyi_divergence([1, 0], [2.0**-1074, 1], 0, base=2) == pytest.approx(1074, rel=1e-15)


def test_equals_are_at_no_negative_distance():
    assert renyi_divergence([0.3, 0.7], [0.3, 0.7], 1e300) == 0  # rounding alone gives -4e-317


def test_bhattacharyya_by_hand():
    assert bhattacharyya_coefficient(P, Q) == pytest.approx(3 / sqrt(10), rel=1e-15)
    assert bhattacharyya_distance(P, Q) == pytest.approx(log(10 / 9) / 2, rel=1e-14)
    assert bhattacharyya_distance(P, Q, base=2) == pytest.approx(log(10 / 9) / log(4), rel=1e-14)
    assert bhattacharyya_coefficient(*DISJOINT) == 0
    assert bhattacharyya_distance(*DISJOINT) == inf
    assert bhattacharyya_coefficient(*Q_RULES_OUT) == pytest.approx(sqrt(0.5), rel=1e-15)
    # Sums that are off by 1e-6 do not count
    off = np.array(P) * (1 + 9e-7)
    assert bhattacharyya_coefficient(off, Q) == pytest.approx(3 / sqrt(10), rel=1e-15)


# ------------------------------------------------------------------ second routes


@pytest.mark.parametrize("alpha", [0.01, 0.5, 0.999, 1.001, 2.0, 30.0, 1000.0])
def test_log_sum_exp_of_scipy(alpha):
    p, q = RNG.dirichlet(np.ones(8), size=2)
    powers = scipy.special.logsumexp(alpha * log(p) + (1 - alpha) * log(q))
    assert renyi_divergence(p, q, alpha) == pytest.approx(powers / (alpha - 1), rel=1e-11)


def test_monte_carlo():
    """E_q[(p/q)^α] by its mean over draws, within five standard errors."""
    p, q = np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.25, 0.25, 0.3, 0.2])
    draws = RNG.choice(4, size=200_000, p=q)
    for alpha in (0.5, 2.0, 3.0):
        powers = (p / q)[draws] ** alpha
        error = powers.std() / sqrt(powers.size)
        expected = np.exp((alpha - 1) * renyi_divergence(p, q, alpha))
        assert abs(powers.mean() - expected) < 5 * error < 0.1 * abs(expected - 1)


def test_limits():
    p, q = np.array([0.5, 0.3, 0.2, 0]), np.array([0.2, 0.2, 0.5, 0.1])
    assert renyi_divergence(p, q, 0) == pytest.approx(-log(0.9), rel=1e-15)
    assert renyi_divergence(p, q, 1e-9) == pytest.approx(-log(0.9), rel=1e-7)
    assert renyi_divergence(p, q, inf) == pytest.approx(log(2.5), rel=1e-15)
    # The largest ratio has probability ½: log(2.5) − log(2)/(α − 1) + ...
    for alpha in (1e3, 1e6, 1e300, 1e308):
        expected = log(2.5) - log(2) / (alpha - 1)
        assert renyi_divergence(p, q, alpha) == pytest.approx(expected, rel=1e-12)
    for step in (1e-3, 1e-6, 1e-9, 1e-15):
        for alpha in (1 - step, 1 + step):
            value = renyi_divergence(p, q, alpha)
            assert value == pytest.approx(kl_divergence(p, q), rel=2 * step, abs=0)


# ------------------------------------------------------------------ laws


@given(pairs(), ANY)
def test_not_negative_and_zero_for_equals(pair, alpha):
    p, q = pair
    assert renyi_divergence(p, p, alpha) == 0
    divergence = renyi_divergence(p, q, alpha)
    assert divergence >= 0
    if alpha > 0 and squared_hellinger(p, q) > 0:
        assert divergence > 0


@given(pairs(), st.lists(ANY, min_size=2, max_size=5))
def test_nondecreasing_in_alpha(pair, orders):
    values = [renyi_divergence(*pair, alpha) for alpha in sorted(orders)]
    for small, large in zip(values, values[1:], strict=False):
        assert small <= large * (1 + 1e-12)


@given(pairs(), HALVES)
def test_skew_symmetry(pair, alpha):
    """(1 − α) D_α(p‖q) = α D_(1−α)(q‖p)."""
    p, q = pair
    left = (1 - alpha) * renyi_divergence(p, q, alpha)
    right = alpha * renyi_divergence(q, p, 1 - alpha)
    assert left == pytest.approx(right, rel=1e-12, abs=1e-40)


@given(pairs(), st.one_of(HALVES, st.floats(1.01, 20)))
def test_special_orders_and_the_alpha_divergence(pair, alpha):
    p, q = pair
    assert renyi_divergence(p, q, 1) == kl_divergence(p, q)
    second = np.log1p(chi_squared(p, q))
    assert renyi_divergence(p, q, 2) == pytest.approx(second, rel=1e-12, abs=1e-40)
    assert renyi_divergence(p, q, 0.5) == 2 * bhattacharyya_distance(p, q)
    overlap = bhattacharyya_coefficient(p, q)
    assert overlap == pytest.approx(1 - squared_hellinger(p, q), abs=1e-15)
    assert overlap == pytest.approx(np.exp(-bhattacharyya_distance(p, q)), rel=1e-12)
    if overlap > 1e-3:  # else digits cancel in 1 − H²
        distance = -np.log1p(-squared_hellinger(p, q))
        assert bhattacharyya_distance(p, q) == pytest.approx(distance, rel=1e-12, abs=1e-40)
    # The one is a function of the other
    excess = alpha * (alpha - 1) * alpha_divergence(p, q, alpha)
    assume(abs(excess) < 0.9 or 1.1 < excess < 1e300)
    expected = np.log1p(excess) / (alpha - 1)
    assert renyi_divergence(p, q, alpha) == pytest.approx(expected, rel=1e-11, abs=1e-40)


@given(pairs(), ANY, st.data())
def test_data_processing(pair, alpha, data):
    p, q = pair
    channel = data.draw(channels(len(p), data.draw(st.integers(1, 4))))
    before = renyi_divergence(p, q, alpha)
    after = renyi_divergence(p @ channel, q @ channel, alpha)
    # What the channel puts out is rounded by 1e-16, which counts in full at α = ∞
    assert after <= before * (1 + 1e-12) + 1e-14 * (1 if alpha > 1 else sqrt(before) + 1e-14)


@given(pairs(POSITIVE), pairs(POSITIVE), st.floats(0.01, 50))
def test_additivity(first, second, alpha):
    p, q = np.outer(first[0], second[0]).ravel(), np.outer(first[1], second[1]).ravel()
    expected = renyi_divergence(*first, alpha) + renyi_divergence(*second, alpha)
    rounding = 1e-14 * sqrt(min(expected, 1)) * (1 + alpha) + 1e-28
    assert renyi_divergence(p, q, alpha) == pytest.approx(expected, rel=1e-12, abs=rounding)


@given(st.integers(1, 5), st.floats(0, 1), HALVES, st.data())
def test_joint_convexity_up_to_order_one(n, weight, alpha, data):
    p1, q1, p2, q2 = (data.draw(simplex(n)) for _ in range(4))
    p, q = weight * p1 + (1 - weight) * p2, weight * q1 + (1 - weight) * q2
    bound = sum(
        share * renyi_divergence(*pair, alpha)
        for share, pair in ((weight, (p1, q1)), (1 - weight, (p2, q2)))
        if share > 0
    )
    assert renyi_divergence(p, q, alpha) <= bound * (1 + 1e-12) + 1e-14 * sqrt(bound) + 1e-28


# ------------------------------------------------------------------ shapes and bad input


@every_order
def test_batches_and_axes(alpha):
    p, q = RNG.dirichlet(np.ones(4), size=(2, 3, 5))
    values = renyi_divergence(p, q, alpha)
    assert values.shape == (3, 5)
    for i in np.ndindex(3, 5):
        expected = renyi_divergence(p[i], q[i], alpha)
        assert values[i] == pytest.approx(expected, rel=1e-14, abs=1e-300)
    moved = renyi_divergence(np.moveaxis(p, -1, 0), np.moveaxis(q, -1, 0), alpha, axis=0)
    np.testing.assert_allclose(moved, values, rtol=1e-14)
    assert renyi_divergence(p, q[0, 0], alpha).shape == (3, 5)
    assert isinstance(renyi_divergence(P, Q, alpha), np.float64)
    # Rows that take several blocks, some of them far apart and some not
    p, q = (normalize(RNG.exponential(size=(3, 20_000))) for _ in range(2))
    q[1] = p[1]
    q[2] = normalize(q[2] ** 30)
    with np.errstate(all="ignore"):
        one_by_one = [renyi_divergence(a, b, alpha) for a, b in zip(p, q, strict=True)]
    np.testing.assert_allclose(renyi_divergence(p, q, alpha), one_by_one, rtol=1e-14)
    if 0 < alpha < inf and alpha != 1:
        powers = scipy.special.logsumexp(alpha * log(p) + (1 - alpha) * log(q), axis=-1)
        np.testing.assert_allclose(one_by_one, powers / (alpha - 1), rtol=1e-9, atol=1e-12)


def test_batches_of_overlaps():
    p, q = RNG.dirichlet(np.ones(4), size=(2, 3, 5))
    expected = np.sqrt(p * q).sum(axis=-1)
    np.testing.assert_allclose(bhattacharyya_coefficient(p, q), expected, rtol=1e-14)
    np.testing.assert_allclose(bhattacharyya_distance(p, q), -log(expected), rtol=1e-12)
    np.testing.assert_allclose(bhattacharyya_coefficient(p.T, q.T, axis=0), expected.T, rtol=1e-14)
    np.testing.assert_allclose(bhattacharyya_distance(p.T, q.T, axis=0), -log(expected.T))


def test_bad_input():
    for bad, message in [
        (-0.1, "alpha must not be negative; got -0.1"),
        (-inf, "alpha has a non-finite entry: -inf"),
        (np.nan, "alpha has a non-finite entry: nan"),
        ("1", "alpha must hold real numbers"),
        ([0.5, 1], "alpha must be one number; got an array of shape (2,)"),
        (None, "alpha must hold real numbers"),
    ]:
        with pytest.raises(ValueError) as error:
            renyi_divergence(P, Q, bad)
        assert message in str(error.value)
    for alpha in ORDERS:
        with pytest.raises(ValueError, match=r"p sums to 1\.1"):
            renyi_divergence([0.5, 0.6], Q, alpha)
        with pytest.raises(ValueError, match="lengths differ: p has 2, q has 1"):
            renyi_divergence(P, [1.0], alpha)
        with pytest.raises(ValueError, match="base must be a number above 1"):
            renyi_divergence(P, Q, alpha, base=0)
    for function in (bhattacharyya_coefficient, bhattacharyya_distance):
        with pytest.raises(ValueError, match="q has a negative entry"):
            function(P, [-0.5, 1.5])
    with pytest.raises(ValueError, match="base must be a number above 1"):
        bhattacharyya_distance(P, Q, base=1)
