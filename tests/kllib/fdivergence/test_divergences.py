"""f-divergences: known values, the table of infinities, second routes, the laws of each."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy import inf, log, sqrt
from scipy.spatial.distance import jensenshannon

from kllib.discrete import kl_divergence, normalize
from kllib.fdivergence.divergences import (
    alpha_divergence,
    bretagnolle_huber_bound,
    chi_squared,
    f_divergence,
    jeffreys,
    jensen_shannon,
    jensen_shannon_distance,
    pinsker_bound,
    squared_hellinger,
    total_variation,
)
from kllib.fdivergence.generators import (
    CHI_SQUARED_GENERATOR,
    JEFFREYS_GENERATOR,
    JENSEN_SHANNON_GENERATOR,
    KL_GENERATOR,
    REVERSE_KL_GENERATOR,
    SQUARED_HELLINGER_GENERATOR,
    TOTAL_VARIATION_GENERATOR,
    DivergenceGenerator,
    alpha_generator,
)
from tests.kllib.strategies import POSITIVE, channels, examples, pairs, simplex

RNG = np.random.default_rng(50)

GENERATORS = {
    "KL": KL_GENERATOR,
    "reverse KL": REVERSE_KL_GENERATOR,
    "total variation": TOTAL_VARIATION_GENERATOR,
    "squared Hellinger": SQUARED_HELLINGER_GENERATOR,
    "chi-squared": CHI_SQUARED_GENERATOR,
    "Jensen–Shannon": JENSEN_SHANNON_GENERATOR,
    "Jeffreys": JEFFREYS_GENERATOR,
    "alpha -1.5": alpha_generator(-1.5),
    "alpha 0.3": alpha_generator(0.3),
    "alpha 0.8": alpha_generator(0.8),
    "alpha 3": alpha_generator(3),
}
SYMMETRIC = ["total variation", "squared Hellinger", "Jensen–Shannon", "Jeffreys"]

NAMED = {
    "total variation": total_variation,
    "squared Hellinger": squared_hellinger,
    "chi-squared": chi_squared,
    "Jensen–Shannon": jensen_shannon,
    "Jeffreys": jeffreys,
    "KL": kl_divergence,
    "reverse KL": lambda p, q, **options: kl_divergence(q, p, **options),
    "alpha -1.5": lambda p, q, **options: alpha_divergence(p, q, -1.5, **options),
    "alpha 0.3": lambda p, q, **options: alpha_divergence(p, q, 0.3, **options),
    "alpha 0.8": lambda p, q, **options: alpha_divergence(p, q, 0.8, **options),
    "alpha 3": lambda p, q, **options: alpha_divergence(p, q, 3, **options),
}
every_generator = pytest.mark.parametrize("name", GENERATORS)


def rounding_of_equals(name):
    """Of p and q that are proportional, though not the same floats, where nothing but it is left.

    Differences of probabilities are rounded by 1e-32, and all divergences but one square them.
    """
    return 1e-31 if name == "total variation" else 1e-40


# ------------------------------------------------------------------ known values

# p = (1/2, 1/2), q = (1/5, 4/5): differences 3/10, ratios 5/2 and 5/8
P, Q = [0.5, 0.5], [0.2, 0.8]
KNOWN = {
    "total variation": 0.3,
    # 1 − √(1/10) − √(4/10) = 1 − 3/√10
    "squared Hellinger": 1 - 3 / sqrt(10),
    # 0.09/0.2 + 0.09/0.8
    "chi-squared": 0.5625,
    # r = (0.35, 0.65)
    "Jensen–Shannon": (
        0.5 * log(0.5 / 0.35)
        + 0.5 * log(0.5 / 0.65)
        + 0.2 * log(0.2 / 0.35)
        + 0.8 * log(0.8 / 0.65)
    )
    / 2,
    # 0.3 log(5/2) − 0.3 log(5/8) = 0.3 log 4
    "Jeffreys": 0.3 * log(4),
    # ½ log(25/16)
    "KL": log(1.25),
    # 0.2 log 0.4 + 0.8 log 1.6
    "reverse KL": 0.2 * log(0.4) + 0.8 * log(1.6),
    # (Σ p³/q² − 1)/6
    "alpha 3": (0.125 / 0.04 + 0.125 / 0.64 - 1) / 6,
    # (Σ p^−1.5 q^2.5 − 1)/(1.5·2.5)
    "alpha -1.5": (0.5**-1.5 * (0.2**2.5 + 0.8**2.5) - 1) / 3.75,
    "alpha 0.3": (1 - 0.5**0.3 * (0.2**0.7 + 0.8**0.7)) / 0.21,
    "alpha 0.8": (1 - 0.5**0.8 * (0.2**0.2 + 0.8**0.2)) / 0.16,
}


@every_generator
def test_by_hand(name):
    assert NAMED[name](P, Q) == pytest.approx(KNOWN[name], rel=1e-14)
    assert f_divergence(P, Q, GENERATORS[name]) == pytest.approx(KNOWN[name], rel=1e-14)


def test_halves():
    # How the members of the α family are scaled: 4 times the one, half of the other
    p, q = [0.75, 0.25], [0.25, 0.75]
    assert alpha_divergence(p, q, 0.5) == pytest.approx(4 * squared_hellinger(p, q), rel=1e-14)
    assert alpha_divergence(p, q, 2) == pytest.approx(chi_squared(p, q) / 2, rel=1e-14)
    assert squared_hellinger(p, q) == pytest.approx(1 - sqrt(0.75), rel=1e-15)
    assert chi_squared(p, q) == pytest.approx(4 / 3, rel=1e-15)


# f(0) + f'(∞), ½ f(½) + ½ f'(∞) and ½ f(2) + ½ f(0), worked out.
DISJOINT = ([1.0, 0.0], [0.0, 1.0])
Q_RULES_OUT = ([0.5, 0.5], [1.0, 0.0])
P_RULES_OUT = ([1.0, 0.0], [0.5, 0.5])
# The middle is (¾, ¼): H(¾, ¼) − ½ log 2
ONE_SIDED = log(4) - 0.75 * log(3) - log(2) / 2
TABLE = {
    # name: disjoint, q rules out, p rules out
    "KL": (inf, inf, log(2)),
    "reverse KL": (inf, log(2), inf),
    "total variation": (1, 0.5, 0.5),
    "squared Hellinger": (1, 1 - sqrt(0.5), 1 - sqrt(0.5)),
    "chi-squared": (inf, inf, 1),
    "Jensen–Shannon": (log(2), ONE_SIDED, ONE_SIDED),
    "Jeffreys": (inf, inf, inf),
    "alpha -1.5": (inf, (2**1.5 - 1) / 3.75, inf),
    "alpha 0.3": (1 / 0.21, (1 - 0.5**0.3) / 0.21, (1 - 0.5**0.7) / 0.21),
    "alpha 0.8": (1 / 0.16, (1 - 0.5**0.8) / 0.16, (1 - 0.5**0.2) / 0.16),
    "alpha 3": (inf, inf, 0.5),
}


@every_generator
def test_outcomes_that_one_of_the_two_rules_out(name):
    for pair, value in zip((DISJOINT, Q_RULES_OUT, P_RULES_OUT), TABLE[name], strict=True):
        for function in (NAMED[name], lambda p, q: f_divergence(p, q, GENERATORS[name])):
            assert function(*pair) == pytest.approx(value, rel=1e-14)
    # An outcome that neither knows adds nothing
    longer = [np.insert(x, 1, 0.0) for x in (P, Q)]
    assert NAMED[name](*longer) == pytest.approx(KNOWN[name], rel=1e-14)


@every_generator
def test_limits_of_the_generator(name):
    """f(0) and f'(∞) are the limits of f(t) and of f(t)/t, or infinite where those grow."""
    generator = GENERATORS[name]
    t = np.array([1e-100, 1e-200, 1e-300])
    values = generator.f(t)
    if generator.at_zero == inf:
        assert (np.diff(values) > 100).all()
    else:
        np.testing.assert_allclose(values[-1], generator.at_zero, rtol=1e-12)
    with np.errstate(over="ignore"):
        slopes = generator.f(1 / t) * t
    if generator.slope_at_infinity == inf:
        assert slopes[-1] == inf or (np.diff(slopes) > 100).all()
    else:
        np.testing.assert_allclose(slopes[-1], generator.slope_at_infinity, rtol=1e-12)


@every_generator
def test_the_generator_and_its_terms_agree(name):
    """f is convex with its least value, 0, at 1; and q f(p/q) is what the terms are."""
    generator = GENERATORS[name]
    t = np.geomspace(0.01, 100, 401)
    f = generator.f(t)
    assert f[200] == pytest.approx(0, abs=1e-15)
    assert (f[np.arange(401) != 200] > 0).all()
    slopes = np.diff(f) / np.diff(t)
    assert (np.diff(slopes) > -1e-9).all()
    q = RNG.uniform(0.1, 1, t.size)
    terms = generator.terms(t * q, q, t * q - q)
    np.testing.assert_allclose(terms, q * f, rtol=1e-9, atol=1e-15)


# ------------------------------------------------------------------ second routes


def test_total_variation_is_the_largest_difference_over_events():
    p, q = RNG.dirichlet(np.ones(8), size=2)
    events = np.array(list(itertools.product([0, 1], repeat=8)))
    assert total_variation(p, q) == pytest.approx((events @ (p - q)).max(), rel=1e-13)


def test_chi_squared_is_the_variance_of_the_ratio():
    p, q = RNG.dirichlet(np.ones(8), size=2)
    variance = q @ (p / q) ** 2 - (q @ (p / q)) ** 2
    assert chi_squared(p, q) == pytest.approx(variance, rel=1e-13, abs=0)
    assert chi_squared(p, q) * 200 == pytest.approx(
        scipy.stats.chisquare(200 * p, 200 * q).statistic, rel=1e-12, abs=0
    )


def test_jensen_shannon_of_scipy():
    p, q = RNG.dirichlet(np.ones(8), size=(2, 5))
    for base in (None, 2):
        expected = jensenshannon(p, q, axis=-1, base=base)
        np.testing.assert_allclose(jensen_shannon_distance(p, q, base=base), expected, rtol=1e-12)
        np.testing.assert_allclose(jensen_shannon(p, q, base=base), expected**2, rtol=1e-12)


@pytest.mark.parametrize("alpha", [-2.0, -1.0, 0.0, 1 / 3, 0.5, 1.0, 5 / 3, 2.0, 3.0])
def test_power_divergence_of_scipy(alpha):
    """Cressie and Read's statistic for n observations, λ = α − 1, is 2n times the divergence."""
    p, q = RNG.dirichlet(np.ones(6), size=2)
    statistic, _ = scipy.stats.power_divergence(100 * p, 100 * q, lambda_=alpha - 1)
    assert alpha_divergence(p, q, alpha) == pytest.approx(statistic / 200, rel=1e-11, abs=0)


@every_generator
def test_monte_carlo(name):
    """The mean of f(p/q) over draws from the model, within five standard errors."""
    p, q = np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.25, 0.25, 0.3, 0.2])
    values = GENERATORS[name].f(p / q)[RNG.choice(4, size=200_000, p=q)]
    error = values.std() / sqrt(values.size)
    assert error < 0.02 * values.mean()
    assert abs(values.mean() - f_divergence(p, q, GENERATORS[name])) < 5 * error


def exactly(p, q):
    """Both as fractions that sum to one."""
    p, q = ([Fraction(float(x)) for x in values] for values in (p, q))
    return [[x / sum(values) for x in values] for values in (p, q)]


def test_sums_that_are_not_one():
    """Total variation is of first order, and feels a sum that is off more than any other."""
    p, q = np.array([0.5, 0.25, 0.25]), np.array([0.5, 0.25 + 1e-9, 0.25 - 1e-9])
    for factor in (1.0, 1 + 9e-7, 1 - 9e-7):
        a, b = exactly(p * factor, q)
        expected = sum(abs(x - y) for x, y in zip(a, b, strict=True)) / 2
        assert total_variation(p * factor, q) == pytest.approx(float(expected), rel=1e-15, abs=0)
        expected = sum((x - y) ** 2 / y for x, y in zip(a, b, strict=True))
        assert chi_squared(p * factor, q) == pytest.approx(float(expected), rel=1e-14, abs=0)
    # A thousandth of an ulp of a whole: one rare outcome, and all others a little less
    p = np.array([1 - 1e-6, 1e-6])
    q = np.array([1 - 1e-6, np.nextafter(1e-6, 1)])
    a, b = exactly(p, q)
    expected = float(abs(a[0] - b[0]))
    assert 1e-22 < expected < 1e-21
    assert total_variation(p, q) == pytest.approx(expected, rel=1e-9, abs=0)


def test_a_million_outcomes():
    """As 1024 copies of 977: their 1024th parts are exact."""
    p = RNG.dirichlet(np.ones(977))
    q = p * (1 + 1e-9 * RNG.standard_normal(977))
    q /= q.sum()
    for name in ("total variation", "Jensen–Shannon", "alpha 0.3"):
        many = NAMED[name](np.tile(p, 1024) / 1024, np.tile(q, 1024) / 1024)
        assert many == pytest.approx(NAMED[name](p, q), rel=1e-12)


# ------------------------------------------------------------------ laws


@every_generator
@examples(20)
@given(pairs())
def test_not_negative_and_zero_only_for_equals(name, pair):
    p, q = pair
    generator = GENERATORS[name]
    divergence = f_divergence(p, q, generator)
    a, b = exactly(p, q)
    variation = sum(abs(x - y) for x, y in zip(a, b, strict=True)) / 2
    assert f_divergence(p, p, generator) == 0
    assert f_divergence(p, q, TOTAL_VARIATION_GENERATOR) == pytest.approx(
        float(variation), rel=1e-12, abs=1e-31
    )
    # All of these f have f(t) ≥ (t − 1)²/9 near 1, and squares of differences are no smaller
    if name != "total variation":
        assert divergence >= float(variation) ** 2 / 4 * (1 - 1e-12)
    assert divergence <= generator.at_zero + generator.slope_at_infinity + 1e-15


@every_generator
@examples(20)
@given(pairs(), st.data())
def test_data_processing(name, pair, data):
    """No channel brings two distributions apart."""
    p, q = pair
    channel = data.draw(channels(len(p), data.draw(st.integers(1, 4))))
    before = f_divergence(p, q, GENERATORS[name])
    after = f_divergence(p @ channel, q @ channel, GENERATORS[name])
    # What the channel puts out is rounded by 1e-16
    rounding = 1e-15 if name == "total variation" else 1e-14 * sqrt(before) + 1e-28
    assert after <= before * (1 + 1e-12) + rounding


@every_generator
@examples(20)
@given(st.integers(1, 5), st.floats(0, 1), st.data())
def test_joint_convexity(name, n, weight, data):
    p1, q1, p2, q2 = (data.draw(simplex(n)) for _ in range(4))
    p, q = weight * p1 + (1 - weight) * p2, weight * q1 + (1 - weight) * q2
    bound = sum(
        share * f_divergence(*pair, GENERATORS[name])
        for share, pair in ((weight, (p1, q1)), (1 - weight, (p2, q2)))
        if share > 0
    )
    rounding = 1e-15 if name == "total variation" else 1e-14 * sqrt(bound) + 1e-28
    assert f_divergence(p, q, GENERATORS[name]) <= bound * (1 + 1e-12) + rounding


@every_generator
@examples(20)
@given(pairs())
def test_reversal(name, pair):
    p, q = pair
    forward = f_divergence(q, p, GENERATORS[name])
    forward = pytest.approx(forward, rel=1e-12, abs=rounding_of_equals(name))
    assert f_divergence(p, q, GENERATORS[name].reverse()) == forward
    if name in SYMMETRIC:
        assert f_divergence(p, q, GENERATORS[name]) == forward
    by_formula = DivergenceGenerator(
        "plain", GENERATORS[name].f, GENERATORS[name].at_zero, GENERATORS[name].slope_at_infinity
    )
    expected = f_divergence(P, Q, GENERATORS[name])
    assert f_divergence(Q, P, by_formula.reverse()) == pytest.approx(expected, rel=1e-12)


@every_generator
@examples(20)
@given(pairs(POSITIVE), st.floats(-3, 3))
def test_a_multiple_of_t_minus_one_changes_nothing(name, pair, c):
    p, q = pair
    generator = GENERATORS[name]
    tilted = DivergenceGenerator(
        "tilted",
        lambda t: generator.f(t) + c * (t - 1),
        at_zero=generator.at_zero - c,
        slope_at_infinity=generator.slope_at_infinity + c,
    )
    expected = f_divergence(p, q, generator)
    assert f_divergence(p, q, tilted) == pytest.approx(expected, rel=1e-10, abs=1e-14)
    for p, q in (DISJOINT, Q_RULES_OUT, P_RULES_OUT):
        expected = f_divergence(p, q, generator)
        assert f_divergence(p, q, tilted) == pytest.approx(expected, rel=1e-12)


@every_generator
@examples(20)
@given(pairs(), st.randoms(use_true_random=False))
def test_order_and_impossible_outcomes_change_nothing(name, pair, random):
    p, q = pair
    order = list(range(len(p)))
    random.shuffle(order)
    expected = f_divergence(p, q, GENERATORS[name])
    value = f_divergence(p[order], q[order], GENERATORS[name])
    assert value == pytest.approx(expected, rel=1e-12, abs=rounding_of_equals(name))
    longer = np.insert(p, order[0], 0), np.insert(q, order[0], 0)
    value = f_divergence(*longer, GENERATORS[name])
    assert value == pytest.approx(expected, rel=1e-12, abs=rounding_of_equals(name))


@given(st.integers(1, 5), st.data())
def test_triangle_inequality(n, data):
    """Of total variation, and of the roots of squared Hellinger and Jensen–Shannon."""
    p, q = data.draw(pairs(n=n))
    r = data.draw(simplex(n))
    for distance in (
        total_variation,
        lambda p, q: sqrt(squared_hellinger(p, q)),
        jensen_shannon_distance,
    ):
        for a, b, c in itertools.permutations((p, q, r)):
            assert distance(a, c) <= (distance(a, b) + distance(b, c)) * (1 + 1e-12)


@given(pairs())
def test_inequalities_between_divergences(pair):
    p, q = pair
    variation, hellinger = total_variation(p, q), squared_hellinger(p, q)
    assume(variation == 0 or variation > rounding_of_equals("total variation"))
    kl, js = kl_divergence(p, q), jensen_shannon(p, q)
    more = 1 + 1e-12
    assert variation <= pinsker_bound(kl) * more
    assert variation <= bretagnolle_huber_bound(kl) * more
    assert hellinger <= variation * more
    assert variation <= sqrt(hellinger * (2 - hellinger)) * more  # Le Cam
    assert 0 <= js <= log(2) * more
    assert js <= variation * log(2) * more  # Lin
    assert js <= jeffreys(p, q) / 4 * more
    assert kl <= np.log1p(chi_squared(p, q)) * more
    assert chi_squared(p, q) >= 4 * variation**2 / more
    with np.errstate(invalid="ignore"):
        both = kl + kl_divergence(q, p)
        assert jeffreys(p, q) == pytest.approx(both, rel=1e-12, abs=1e-40)


@given(pairs())
def test_jensen_shannon_by_its_definition(pair):
    p, q = pair
    middle = (p + q) / 2
    expected = (kl_divergence(p, middle) + kl_divergence(q, middle)) / 2
    rounding = 1e-15 * sqrt(expected) + 1e-31  # of the middle
    assert jensen_shannon(p, q) == pytest.approx(expected, rel=1e-12, abs=rounding)
    assert jensen_shannon_distance(p, q) == sqrt(jensen_shannon(p, q))


@given(pairs(), st.integers(-320, 384).map(lambda k: k / 64))  # so that 1 − α is exact
def test_alpha_divergences(pair, alpha):
    """Exchanging the arguments turns α into 1 − α; members of the family under other names."""
    p, q = pair
    value = alpha_divergence(p, q, alpha)
    assert alpha_divergence(q, p, 1 - alpha) == pytest.approx(value, rel=1e-11, abs=1e-40)
    for special, expected in (
        (0, kl_divergence(q, p)),
        (0.5, 4 * squared_hellinger(p, q)),
        (1, kl_divergence(p, q)),
        (2, chi_squared(p, q) / 2),
        (-1, chi_squared(q, p) / 2),
    ):
        value = alpha_divergence(p, q, special)
        assert value == pytest.approx(expected, rel=1e-12, abs=1e-40)


@given(pairs(POSITIVE), st.integers(3, 14))
def test_alpha_is_continuous_at_the_two_kl_divergences(pair, k):
    p, q = pair
    for alpha, limit in ((0, kl_divergence(q, p)), (1, kl_divergence(p, q))):
        for near in (alpha - 10.0**-k, alpha + 10.0**-k):
            value = alpha_divergence(p, q, near)
            assert value == pytest.approx(limit, rel=30 * 10.0**-k, abs=1e-40)


@given(pairs(), pairs())
def test_products(first, second):
    """Independent pairs: 1 + χ² and 1 − H² multiply; Jeffreys adds up."""
    p, q = np.outer(first[0], second[0]).ravel(), np.outer(first[1], second[1]).ravel()

    def both(f):
        return f(*first), f(*second), f(p, q)

    a, b, whole = both(chi_squared)
    assume(max(a, b) < 1e100 or max(a, b) == inf)
    # a + b + ab, in which nothing cancels; the products are rounded by 1e-16
    expected = a + b + (a * b if a and b else 0)
    rounding = 1e-15 * sqrt(min(expected, 1)) + 1e-30
    assert whole == pytest.approx(expected, rel=1e-12, abs=rounding)
    a, b, whole = both(squared_hellinger)
    assert whole == pytest.approx(a + b - a * b, rel=1e-12, abs=rounding)
    a, b, whole = both(jeffreys)
    assert whole == pytest.approx(a + b, rel=1e-12, abs=1e-14 * sqrt(a + b) + 1e-30)


# ------------------------------------------------------------------ a generator of one's own


def test_a_generator_of_ones_own():
    """Le Cam's divergence ½ Σ (p − q)²/(p + q), f(t) = (t − 1)²/(2t + 2)."""
    calls = []

    def f(t):
        calls.append(t)
        return (t - 1) ** 2 / (2 * t + 2)

    le_cam = DivergenceGenerator("Le Cam", f, 0.5, 0.5)
    p, q = np.array([0.5, 0.3, 0.2, 0, 0]), np.array([0.25, 0.25, 0, 0.5, 0])
    # (1/16)/(3/4) + (1/400)/(11/20) + 1/5 + 1/2, halved
    assert f_divergence(p, q, le_cam) == pytest.approx((1 / 12 + 1 / 220 + 0.7) / 2, rel=1e-14)
    # f meets neither 0 nor infinity
    assert all(((t > 0) & (t < inf)).all() for t in calls)
    # A ratio beyond the range of a float counts as infinite
    assert f_divergence([0.5, 0.5], [1, 5e-324], le_cam) == pytest.approx(
        (0.25 / 1.5 + 0.5) / 2, rel=1e-14
    )
    assert f_divergence([1, 5e-324], [0.5, 0.5], le_cam) == pytest.approx(
        (0.25 / 1.5 + 0.5) / 2, rel=1e-14
    )
    assert le_cam.reverse().name == "reverse of Le Cam"


def test_hinge_generator():
    """max(t − 1, 0) makes total variation too, with limits that differ."""
    hinge = DivergenceGenerator("hinge", lambda t: np.maximum(t - 1, 0), 0.0, 1.0)
    assert f_divergence([0.5, 0.5, 0], [0.25, 0.25, 0.5], hinge) == 0.5
    assert f_divergence([0.25, 0.25, 0.5], [0.5, 0.5, 0], hinge) == 0.5
    assert hinge.reverse().at_zero == 1 and hinge.reverse().slope_at_infinity == 0


def test_ratios_beyond_the_range_of_a_float():
    """5e-324/4 counts as 0 and 2/5e-324 as infinity: the terms are q f(0) and p f'(∞)."""
    half_kl = DivergenceGenerator("half", lambda t: (t * log(t) - t + 1) / 2, 0.5, inf)
    p, q = np.array([5e-324, 2.0]), np.array([4.0, 5e-324])
    with np.errstate(all="ignore"):
        terms = half_kl.all_terms(p, q, p - q)
    assert terms.dtype == float
    assert terms.tolist() == [2, inf]


def test_the_least_generators():
    """t − 1 is convex, and tells no two distributions apart; f(1) may be a rounding error."""
    nothing = DivergenceGenerator("nothing", lambda t: t - 1, -1.0, 1.0)
    assert f_divergence(P, Q, nothing) == pytest.approx(0, abs=1e-16)
    assert f_divergence(*DISJOINT, nothing) == 0
    rounded = DivergenceGenerator("rounded", lambda t: (t - 1) ** 2 + 1e-12, 1.0, inf)
    assert f_divergence(P, Q, rounded) == pytest.approx(KNOWN["chi-squared"], rel=1e-11)
    with pytest.raises(ValueError, match="generator 'off' must have f"):
        DivergenceGenerator("off", lambda t: (t - 1) ** 2 + 1.001e-12, 1.0, inf)


BAD_GENERATORS = [
    (dict(f=lambda t: t, at_zero=0, slope_at_infinity=1), "must have f([1.0]) = [0.0]; got"),
    (dict(f=lambda t: t * np.nan, at_zero=0, slope_at_infinity=1), "must have f([1.0]) = [0.0]"),
    (dict(f=lambda t: 0.0, at_zero=0, slope_at_infinity=1), "must have f([1.0]) = [0.0]; got"),
    (dict(f=np.log, at_zero=-inf, slope_at_infinity=0), "at_zero of generator 'bad'"),
    (dict(f=np.log, at_zero=0, slope_at_infinity=np.nan), "slope_at_infinity of generator 'bad'"),
    (dict(f=lambda t: 1 - t**2, at_zero=1, slope_at_infinity=-2), "'bad' is not convex"),
]


@pytest.mark.parametrize(("fields", "message"), BAD_GENERATORS)
def test_bad_generators(fields, message):
    with pytest.raises(ValueError) as error:
        DivergenceGenerator("bad", **fields)
    assert message in str(error.value)


def test_not_a_generator():
    with pytest.raises(ValueError, match="generator must be a DivergenceGenerator; got 'kl'"):
        f_divergence(P, Q, "kl")


def test_names_of_generators():
    assert alpha_generator(0.25).name == "alpha = 0.25"
    for name, generator in GENERATORS.items():
        assert generator.name == name.replace("alpha ", "alpha = ")


# ------------------------------------------------------------------ bounds


def test_bounds_by_hand():
    assert pinsker_bound(0.08) == pytest.approx(0.2, rel=1e-15)
    assert pinsker_bound(8) == 2  # not cut off
    assert pinsker_bound(inf) == inf
    assert bretagnolle_huber_bound(log(2)) == pytest.approx(sqrt(0.5), rel=1e-15)
    assert bretagnolle_huber_bound(inf) == 1
    assert bretagnolle_huber_bound(1e-20) == pytest.approx(1e-10, rel=1e-15, abs=0)
    assert pinsker_bound([[0, 2], [inf, 0.5]]).tolist() == [[0, 1], [inf, 0.5]]
    # Where one becomes the better: D/2 = 1 − e^−D
    assert pinsker_bound(1.59) < bretagnolle_huber_bound(1.59)
    assert pinsker_bound(1.6) > bretagnolle_huber_bound(1.6)
    assert type(pinsker_bound(1)) is type(bretagnolle_huber_bound(1)) is np.float64


def test_bounds_are_attained_in_the_limit():
    """Pinsker's constant ½ is the best: two coins near a fair one."""
    for step in (1e-2, 1e-4, 1e-6):
        p, q = [0.5 + step, 0.5 - step], [0.5, 0.5]
        ratio = pinsker_bound(kl_divergence(p, q)) / total_variation(p, q)
        assert 1 <= ratio + 1e-15 <= 1 + step**2


@pytest.mark.parametrize("bound", [pinsker_bound, bretagnolle_huber_bound])
def test_bad_divergences(bound):
    for bad, message in [
        (-0.1, "kl is a divergence and must not be negative; got -0.1"),
        ([1, -inf], "kl has a non-finite entry: -inf at index (1,)"),
        ([inf, np.nan], "kl has a non-finite entry: nan at index (1,)"),
        ("1", "kl must hold real numbers"),
        ([[1], [1, 2]], "kl is not an array of numbers"),
        (np.ma.masked_array([1.0, inf], [True, False]), "kl is a masked array"),
        ([], "kl is empty"),
    ]:
        with pytest.raises(ValueError) as error:
            bound(bad)
        assert message in str(error.value)


# ------------------------------------------------------------------ shapes, units, bad input


@every_generator
def test_batches_and_axes(name):
    p, q = RNG.dirichlet(np.ones(4), size=(2, 3, 5))
    function = NAMED[name]
    values = function(p, q)
    assert values.shape == (3, 5)
    for i in np.ndindex(3, 5):
        assert values[i] == pytest.approx(function(p[i], q[i]), rel=1e-14)
    np.testing.assert_allclose(
        function(np.moveaxis(p, -1, 0), np.moveaxis(q, -1, 0), axis=0), values, rtol=1e-14
    )
    shared = function(p[:, :1], q[0, 0])
    assert shared.shape == (3, 1)
    assert shared[2, 0] == pytest.approx(function(p[2, 0], q[0, 0]), rel=1e-14)
    table = function(p[:, 0][:, None], q[1])
    assert table.shape == (3, 5)
    assert table[2, 4] == pytest.approx(function(p[2, 0], q[1, 4]), rel=1e-14)
    assert isinstance(function(P, Q), np.float64)
    # Rows of which several fit into a block, and rows that take several blocks
    p, q = (normalize(RNG.exponential(size=(70, 300))) for _ in range(2))
    np.testing.assert_allclose(
        function(p, q), [function(a, b) for a, b in zip(p, q, strict=True)], rtol=1e-14
    )
    p, q = (normalize(RNG.exponential(size=(2, 20_000))) for _ in range(2))
    with np.errstate(all="ignore"):
        expected = (q * GENERATORS[name].f(p / q)).sum(axis=-1)
    np.testing.assert_allclose(function(p, q), expected, rtol=1e-10)


def test_batches_of_distances():
    p, q = RNG.dirichlet(np.ones(4), size=(2, 3, 5))
    expected = sqrt(jensen_shannon(p, q))
    np.testing.assert_array_equal(jensen_shannon_distance(p, q), expected)
    np.testing.assert_allclose(jensen_shannon_distance(p.T, q.T, axis=0), expected.T, rtol=1e-14)


def test_units():
    for function in (jensen_shannon, jeffreys):
        assert function(P, Q, base=2) == pytest.approx(function(P, Q) / log(2), rel=1e-15)
    assert jensen_shannon_distance(P, Q, base=2) == pytest.approx(
        jensen_shannon_distance(P, Q) / sqrt(log(2)), rel=1e-15
    )
    assert jensen_shannon(*DISJOINT, base=2) == 1


@pytest.mark.parametrize("name", [name for name in GENERATORS if name != "reverse KL"])
def test_bad_distributions(name):
    function = NAMED[name]
    for arguments, message in [
        (([0.5, 0.6], Q), "p sums to 1.1"),
        ((P, [0.5, np.nan]), "q has a non-finite entry: nan"),
        ((P, [1.5, -0.5]), "q has a negative entry: -0.5 at index (1,)"),
        ((P, [0.25] * 4), "lengths differ: p has 2, q has 4"),
        (([P, P], [Q, Q, Q]), "shapes do not broadcast: p has (2,), q has (3,)"),
    ]:
        with pytest.raises(ValueError) as error:
            function(*arguments)
        assert message in str(error.value)
    with pytest.raises(ValueError, match="no axis 1"):
        function(P, Q, axis=1)


def test_bad_options():
    for function in (jensen_shannon, jensen_shannon_distance, jeffreys):
        with pytest.raises(ValueError, match="base must be a number above 1"):
            function(P, Q, base=1)
    for bad, message in [
        (np.nan, "alpha has a non-finite entry: nan"),
        (inf, "alpha has a non-finite entry: inf"),
        ("1", "alpha must hold real numbers"),
        ([0.5, 2], r"alpha must be one number; got an array of shape \(2,\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            alpha_divergence(P, Q, bad)
        with pytest.raises(ValueError, match=message):
            alpha_generator(bad)


def test_generators_beyond_the_range_of_a_float():
    """f is quiet about it, whatever the caller has set."""
    with np.errstate(all="raise"):
        assert alpha_generator(3).f(np.array([1e200])) == inf
        assert alpha_generator(-3).f(np.array([1e-200])) == inf


def test_beyond_the_range_of_a_float():
    # (½)²/5e-324 is above 1.8e308; (½)²/1e-300 is not
    assert chi_squared([0.5, 0.5], [1, 5e-324]) == inf
    assert chi_squared([0.5, 0.5], [1, 1e-300]) == pytest.approx(0.25e300, rel=1e-12)
    assert alpha_divergence([0.5, 0.5], [1, 1e-300], 3) == inf
    assert alpha_divergence([1, 1e-300], [0.5, 0.5], -1) == pytest.approx(0.125e300, rel=1e-12)
    # Not the ratio 1e323 itself
    assert kl_divergence([0.5, 0.5], [1, 5e-324]) == pytest.approx(
        jeffreys([0.5, 0.5], [1, 5e-324]) - log(2), rel=1e-12
    )
