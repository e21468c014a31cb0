"""Exponential families and Bregman divergences: known values, scipy's own numbers, duality."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy import inf, log
from scipy import integrate, stats
from scipy.optimize import approx_fprime

from kllib.families.dispatch import kl
from kllib.families.exponential_family import ExponentialFamily, bregman_divergence

BERNOULLI, POISSON = ExponentialFamily.bernoulli(), ExponentialFamily.poisson()
EXPONENTIAL, NORMAL = ExponentialFamily.exponential(), ExponentialFamily.normal()
CATEGORICAL = ExponentialFamily.categorical(4)

ONE_OF_FOUR = stats.rv_discrete(values=([0, 1, 2, 3], [0.2, 0.3, 0.4, 0.1]))()

# Family, natural parameters, mean parameters, the same distribution in scipy, an outcome
MEMBERS = [
    (BERNOULLI, log(0.3 / 0.7), 0.3, stats.bernoulli(0.3), 1),
    (POISSON, log(2.5), 2.5, stats.poisson(2.5), 4),
    (EXPONENTIAL, -0.5, 2.0, stats.expon(scale=2), 0.7),
    # m = 1, σ = 2: (m/σ², −1/(2σ²)) and (m, m² + σ²)
    (NORMAL, [0.25, -0.125], [1, 5], stats.norm(1, 2), 0.7),
    (CATEGORICAL, log([2, 3, 4]), [0.2, 0.3, 0.4], ONE_OF_FOUR, 2),
]  # fmt: skip
IDS = [family.name for family, *_ in MEMBERS]


@pytest.mark.parametrize(("family", "theta", "mu", "member", "x"), MEMBERS, ids=IDS)
def test_one_member(family, theta, mu, member, x):
    np.testing.assert_allclose(family.mean_parameters(theta), mu, rtol=1e-14)
    np.testing.assert_allclose(family.natural_parameters(mu), theta, rtol=1e-13, atol=1e-14)
    log_density = member.logpdf if hasattr(member, "logpdf") else member.logpmf
    assert family.log_prob(x, theta) == pytest.approx(float(log_density(x)), rel=1e-13)
    assert family.entropy(theta) == pytest.approx(float(member.entropy()), rel=1e-9)
    assert family.kl(theta, theta) == 0
    # A* is −H, but for the base measure; and A + A* = ⟨θ, μ⟩
    inner = np.sum(np.multiply(theta, mu))
    assert family.conjugate(mu) == pytest.approx(
        inner - float(family.log_partition(np.asarray(theta))), rel=1e-12
    )


@pytest.mark.parametrize(("family", "theta", "mu", "member", "x"), MEMBERS, ids=IDS)
def test_derivatives_of_the_log_partition(family, theta, mu, member, x):
    """∇A and the curvature by finite differences: mean and variance of the statistics."""
    theta = np.asarray(theta, dtype=float)
    by_differences = approx_fprime(np.atleast_1d(theta), lambda t: float(
        family.log_partition(t.reshape(theta.shape))), 1e-7)  # fmt: skip
    np.testing.assert_allclose(np.atleast_1d(family.mean_parameters(theta)), by_differences, 1e-5)
    direction = np.full(theta.shape, 0.3)
    h = 1e-4
    ends = [float(family.log_partition(theta + s * h * direction)) for s in (-1, 0, 1)]
    second = (ends[0] - 2 * ends[1] + ends[2]) / h**2
    assert float(family.curvature(theta, direction)) == pytest.approx(second, rel=1e-5)


@pytest.mark.parametrize(("family", "theta", "mu", "member", "x"), MEMBERS, ids=IDS)
def test_statistics_have_their_means(family, theta, mu, member, x):
    """Monte Carlo: 6 standard errors, a false alarm in 1e-8."""
    samples = member.rvs(size=20_000, random_state=np.random.default_rng(5)).astype(float)
    statistics = family.statistics(samples)
    error = statistics.std(axis=0) / np.sqrt(len(samples))
    assert np.all(np.abs(statistics.mean(axis=0) - mu) <= 6 * error)


def test_outside_the_support():
    assert BERNOULLI.log_prob(0.5, 0) == -inf
    assert POISSON.log_prob([-1, 0.5], 0).tolist() == [-inf, -inf]
    assert EXPONENTIAL.log_prob(-0.1, -1) == -inf
    assert CATEGORICAL.log_prob([4, 1.5, -1], [0, 0, 0]).tolist() == [-inf] * 3


def test_densities_integrate_to_one():
    total, _ = integrate.quad(lambda x: np.exp(NORMAL.log_prob(x, [0.4, -0.3])), -inf, inf)
    assert total == pytest.approx(1, rel=1e-10)
    total, _ = integrate.quad(lambda x: np.exp(EXPONENTIAL.log_prob(x, -0.3)), 0, inf)
    assert total == pytest.approx(1, rel=1e-10)
    assert np.exp(POISSON.log_prob(np.arange(100), 2)).sum() == pytest.approx(1, rel=1e-13)
    assert np.exp(CATEGORICAL.log_prob(np.arange(4), [1, 2, -3])).sum() == pytest.approx(1)


@pytest.mark.parametrize("mean", [1e-300, 1e-8, 0.1, 3, 60, 999, 1001, 1e6, 1e12, 1e16, 1e200])
def test_entropy_of_a_poisson_distribution(mean):
    """By mpmath: the sum where it is short, else ½ log(2πe μ) − 1/(12μ) − 1/(24μ²) − 19/(360μ³)."""
    theta = log(mean)
    with mpmath.workdps(40):
        m = mpmath.exp(mpmath.mpf(float(theta)))
        if mean < 1000:
            k = range(int(3 * mean) + 60 if mean < 100 else 1500)
            log_p = [i * mpmath.log(m) - m - mpmath.loggamma(i + 1) for i in k]
            value = -mpmath.fsum(mpmath.exp(x) * x for x in log_p)
        else:
            value = mpmath.log(2 * mpmath.pi * mpmath.e * m) / 2
            value -= 1 / (12 * m) + 1 / (24 * m**2) + 19 / (360 * m**3)
    assert POISSON.entropy(theta) == pytest.approx(float(value), rel=2e-13)


@pytest.mark.parametrize("theta", [0.0, 2.5, -36.0, 40.0, 700.0, -800.0])
def test_entropy_and_log_probability_of_a_bernoulli_distribution(theta):
    """−p log p − (1 − p) log(1 − p) by mpmath, of which floats see only one term far out."""
    with mpmath.workdps(800):
        p = 1 / (1 + mpmath.exp(-mpmath.mpf(theta)))
        log_p, log_rest = mpmath.log(p), mpmath.log(1 - p)
        entropy = float(-p * log_p - (1 - p) * log_rest)
    assert BERNOULLI.entropy(theta) == pytest.approx(entropy, rel=1e-14, abs=0)
    for x, expected in ((1, log_p), (0, log_rest)):
        assert BERNOULLI.log_prob(x, theta) == pytest.approx(float(expected), rel=1e-14, abs=0)


@pytest.mark.parametrize("theta", [[40.0, 0.0, -3.0], [1.0, 2.0, 3.0], [-50.0, -60.0, 0.5]])
def test_entropy_and_log_probability_of_a_categorical_distribution(theta):
    with mpmath.workdps(60):
        weights = [mpmath.exp(mpmath.mpf(t)) for t in [*theta, 0.0]]
        log_p = [mpmath.log(w / mpmath.fsum(weights)) for w in weights]
        entropy = float(-mpmath.fsum(mpmath.exp(x) * x for x in log_p))
    assert CATEGORICAL.entropy(theta) == pytest.approx(entropy, rel=1e-14, abs=0)
    expected = [float(x) for x in log_p]
    np.testing.assert_allclose(CATEGORICAL.log_prob(np.arange(4), theta), expected, rtol=1e-14)


@pytest.mark.parametrize(("m", "sigma"), [(1e8, 1.0), (-3e5, 1e-3), (0.0, 1e100), (2.0, 5.0)])
def test_far_normals(m, sigma):
    """Entropy ½ log(2πe σ²) and log density −z²/2 − ½ log(2πσ²), wherever the mean is."""
    theta = [m / sigma**2, -0.5 / sigma**2]
    assert NORMAL.entropy(theta) == pytest.approx(log(2 * np.pi * np.e) / 2 + log(sigma), rel=1e-14)
    for z in (0.0, 1.0, -7.0):
        expected = -(z**2) / 2 - log(2 * np.pi) / 2 - log(sigma)
        # m + zσ is rounded
        rounding = 1e-15 * abs(z) * abs(m) / sigma
        found = NORMAL.log_prob(m + z * sigma, theta)
        assert found == pytest.approx(expected, rel=1e-13, abs=rounding)


@pytest.mark.parametrize("x", [0, 1, 29, 30, 31, 1e3, 1e12])
@pytest.mark.parametrize("theta", [-30.0, 0.0, 3.3, 20.0, 27.6])
def test_log_probability_of_a_poisson_distribution(x, theta):
    with mpmath.workdps(60):
        t, k = mpmath.mpf(theta), mpmath.mpf(x)
        value = k * t - mpmath.exp(t) - mpmath.loggamma(k + 1)
    assert POISSON.log_prob(x, theta) == pytest.approx(float(value), rel=1e-13, abs=0)


def test_log_probability_at_a_large_mean():
    # −½ log(2π m) at x = m, but for the rounding of θ, which moves m by 3e-15 m, 0.3 σ
    assert POISSON.log_prob(1e16, log(1e16)) == pytest.approx(-log(2 * np.pi * 1e16) / 2, rel=1e-2)


def natural(m, sigma):
    return [m / sigma**2, -0.5 / sigma**2]


@pytest.mark.parametrize(
    ("family", "theta1", "theta2"),
    [
        (NORMAL, natural(1e6, 1e-3), natural(1e6, 1)),
        (NORMAL, natural(1e6, 1e-3), natural(1e6 + 1, 1e3)),
        (NORMAL, natural(1e8, 1), natural(1e8, 100)),
        (NORMAL, natural(-484, 1.2e-3), natural(1214, 554)),
        (NORMAL, natural(3, 1e100), natural(1, 1e-20)),
        (BERNOULLI, -1e4, 1e4),
        (BERNOULLI, 1e5, -50.0),
        (BERNOULLI, 1e12, -5.0),
        (CATEGORICAL, [1e6, 0, 0], [0, 1e6, 0]),
        (CATEGORICAL, [1e4, 0, 0], [0, 30, 0]),
        (EXPONENTIAL, -1.0, -1e150),
        (EXPONENTIAL, -1e12, -1.0),
    ],
)
def test_parameters_of_very_different_sizes(family, theta1, theta2):
    """The Bregman divergence in 400 digits, from the log-partition's formula."""
    means = {
        BERNOULLI.name: lambda t: [1 / (1 + mpmath.exp(-t[0]))],
        CATEGORICAL.name: lambda t: [
            mpmath.exp(x) / (1 + mpmath.fsum(map(mpmath.exp, t))) for x in t
        ],
        EXPONENTIAL.name: lambda t: [-1 / t[0]],
        NORMAL.name: lambda t: [
            -t[0] / (2 * t[1]),
            (t[0] / (2 * t[1])) ** 2 - 1 / (2 * t[1]),
        ],
    }[family.name]
    log_partition = {
        EXPONENTIAL.name: lambda t: -mpmath.log(-t[0]),
        NORMAL.name: lambda t: -(t[0] ** 2) / (4 * t[1]) - mpmath.log(-t[1]) / 2,
    }.get(family.name, lambda t: mpmath.log(1 + mpmath.fsum(map(mpmath.exp, t))))
    with mpmath.workdps(400):
        first, second = ([mpmath.mpf(float(x)) for x in np.atleast_1d(t)] for t in (theta1, theta2))
        slope = mpmath.fsum(
            m * (b - a) for m, a, b in zip(means(first), first, second, strict=True)
        )
        expected = float(log_partition(second) - log_partition(first) - slope)
    assert family.kl(theta1, theta2) == pytest.approx(expected, rel=1e-12, abs=0)


def test_what_cannot_be_settled_is_not_returned():
    # D = 500, but the transition is at a share 5e-10 of the way and lies between the nodes
    with pytest.raises(ArithmeticError, match="too far apart: the divergence is 500"):
        BERNOULLI.kl(1e12, -500.0)
    assert EXPONENTIAL.kl(-1e-300, -1e300) == inf  # 1e600
    assert BERNOULLI.kl(1e6, 1e6 - 10) == 0  # e^-1e6


def test_overflow_is_silent():
    assert EXPONENTIAL.mean_parameters(-5e-324) == inf
    assert CATEGORICAL.log_prob([0, 1], [1e308, -1e308, 0]).tolist() == [0, -inf]


def test_batches():
    theta1, theta2 = np.array([[0.0], [1.0]]), np.array([0.0, 1.0, 2.0])
    table = POISSON.kl(theta1, theta2)
    assert table.shape == (2, 3)
    assert table[1, 2] == POISSON.kl(1.0, 2.0)
    assert isinstance(POISSON.kl(1.0, 2.0), np.float64)
    rows = NORMAL.kl([[0.0, -0.5], [1.0, -1.0]], [0.0, -0.5])
    assert rows.shape == (2,)
    assert rows[1] == NORMAL.kl([1.0, -1.0], [0.0, -0.5])
    assert NORMAL.mean_parameters(np.zeros((5, 2)) - 1).shape == (5, 2)
    assert CATEGORICAL.entropy(np.zeros((2, 5, 3))).shape == (2, 5)


# ----------------------------------------------------------------------------------------- laws

PROBABILITIES, RATES = st.floats(1e-6, 1 - 1e-6), st.floats(1e-3, 1e3)


@given(PROBABILITIES, PROBABILITIES)
def test_bernoulli_agrees(p, q):
    theta = [BERNOULLI.natural_parameters(x) for x in (p, q)]
    expected = kl(stats.bernoulli(p), stats.bernoulli(q))
    # The logits are rounded
    assert BERNOULLI.kl(*theta) == pytest.approx(expected, rel=1e-7, abs=1e-25)


@given(RATES, RATES)
def test_poisson_and_exponential_agree(a, b):
    expected = kl(stats.poisson(a), stats.poisson(b))
    assert POISSON.kl(log(a), log(b)) == pytest.approx(expected, rel=1e-7, abs=1e-22 * a)
    expected = kl(stats.expon(scale=1 / a), stats.expon(scale=1 / b))
    assert EXPONENTIAL.kl(-a, -b) == pytest.approx(expected, rel=1e-7, abs=1e-25)


@given(st.floats(-10, 10), st.floats(0.1, 10), st.floats(-10, 10), st.floats(0.1, 10))
def test_normal_agrees(m1, s1, m2, s2):
    theta1, theta2 = ([m / s**2, -1 / (2 * s**2)] for m, s in ((m1, s1), (m2, s2)))
    expected = kl(stats.norm(m1, s1), stats.norm(m2, s2))
    assert NORMAL.kl(theta1, theta2) == pytest.approx(expected, rel=1e-6, abs=1e-24)


@st.composite
def natural_parameters(draw, n):
    """A family, and n of its natural parameters."""
    family = draw(st.sampled_from([BERNOULLI, POISSON, EXPONENTIAL, NORMAL, CATEGORICAL]))
    number = st.integers(-300, 300).map(lambda i: i / 100)
    below_zero = st.integers(1, 300).map(lambda i: -i / 100)
    one = {
        EXPONENTIAL.name: below_zero,
        NORMAL.name: st.tuples(number, below_zero),
        CATEGORICAL.name: st.tuples(number, number, number),
    }.get(family.name, number)
    return family, [np.asarray(draw(one), dtype=float) for _ in range(n)]


@given(natural_parameters(2))
def test_never_negative(drawn):
    family, (theta1, theta2) = drawn
    value = family.kl(theta1, theta2)
    assert value >= 0
    assert (value == 0) == np.array_equal(theta1, theta2)


@given(natural_parameters(2))
def test_duality_of_bregman_arguments(drawn):
    """D(p₁‖p₂) = B_A(θ₂, θ₁) = B_A*(μ₁, μ₂): the dual has its arguments in the order of D."""
    family, (theta1, theta2) = drawn
    value = family.kl(theta1, theta2)
    primal = bregman_divergence(family.log_partition, family.gradient, theta2, theta1)
    assert primal == pytest.approx(value, rel=1e-9, abs=1e-10)
    mu1, mu2 = (np.asarray(family.mean_parameters(theta)) for theta in (theta1, theta2))
    dual = bregman_divergence(family.conjugate, family.natural_parameters, mu1, mu2)
    assert dual == pytest.approx(value, rel=1e-8, abs=1e-9)


@given(natural_parameters(3))
def test_three_points(drawn):
    """D(p₁‖p₃) = D(p₁‖p₂) + D(p₂‖p₃) + ⟨μ₁ − μ₂, θ₂ − θ₃⟩."""
    family, (theta1, theta2, theta3) = drawn
    means = np.subtract(family.mean_parameters(theta1), family.mean_parameters(theta2))
    angle = np.sum(means * (theta2 - theta3))
    both = family.kl(theta1, theta2) + family.kl(theta2, theta3) + angle
    scale = 1e-12 * (1 + abs(angle) + family.kl(theta1, theta2) + family.kl(theta2, theta3))
    assert family.kl(theta1, theta3) == pytest.approx(both, rel=1e-10, abs=scale)


@given(natural_parameters(3), st.floats(0, 1))
def test_convex_in_the_model(drawn, weight):
    """θ₂ ↦ D(p₁‖p₂) is convex, as A is: the first argument of the Bregman divergence."""
    family, (theta1, theta2, theta3) = drawn
    between = family.kl(theta1, weight * theta2 + (1 - weight) * theta3)
    bound = weight * family.kl(theta1, theta2) + (1 - weight) * family.kl(theta1, theta3)
    assert between <= bound * (1 + 1e-10) + 1e-13


@given(natural_parameters(1))
def test_there_and_back(drawn):
    family, (theta,) = drawn
    back = family.natural_parameters(family.mean_parameters(theta))
    np.testing.assert_allclose(back, theta, rtol=1e-9, atol=1e-9)


@given(natural_parameters(2))
def test_by_scipy_integration(drawn):
    """Σ or ∫ p₁ (log p₁ − log p₂) from log_prob alone."""
    family, (theta1, theta2) = drawn

    def terms(x):
        log_p = family.log_prob(x, theta1)
        return np.exp(log_p) * (log_p - family.log_prob(x, theta2))

    if family.name == EXPONENTIAL.name:
        edge = 60 / -float(theta1)
        value = integrate.quad(terms, 0, edge, limit=200, epsabs=1e-11)[0]
    elif family.name == NORMAL.name:
        mean, square = family.mean_parameters(theta1)
        spread = 12 * np.sqrt(square - mean**2)
        value = integrate.quad(terms, mean - spread, mean + spread, limit=200, epsabs=1e-11)[0]
    else:
        last = {BERNOULLI.name: 2, CATEGORICAL.name: 4}.get(family.name, 200)
        value = terms(np.arange(last)).sum()
    assert family.kl(theta1, theta2) == pytest.approx(value, rel=1e-8, abs=1e-9)


# --------------------------------------------------------------------------- bregman_divergence


def half_square(x):
    return x**2 / 2


def test_bregman_of_numbers_and_vectors():
    # Numbers: φ keeps the shape, one divergence for each pair
    values = bregman_divergence(half_square, lambda x: x, [1.0, 2.0], [[0.0], [2.0]])
    np.testing.assert_array_equal(values, [[0.5, 2], [0.5, 0]])
    assert bregman_divergence(half_square, lambda x: x, 3, 1) == 2
    # Vectors: φ drops the last axis
    rows = bregman_divergence(
        lambda x: half_square(x).sum(axis=-1), lambda x: x, np.ones((4, 3)), np.zeros(3)
    )
    np.testing.assert_array_equal(rows, [1.5] * 4)


def test_bregman_at_the_border():
    """Where p = q an infinite slope counts for nothing; elsewhere it makes the tangent infinite."""

    def negative_entropy(p):
        return np.sum(p * np.log(np.where(p > 0, p, 1)), axis=-1)

    def gradient(p):
        with np.errstate(divide="ignore"):
            return np.log(p) + 1

    assert bregman_divergence(
        negative_entropy, gradient, [0, 0.5, 0.5], [0, 0.25, 0.75]
    ) == pytest.approx(log(2) - log(3) / 2)
    assert bregman_divergence(negative_entropy, gradient, [0.5, 0.5], [0, 1]) == inf


def test_malformed():
    with pytest.raises(ValueError, match="grad_phi maps shape"):
        bregman_divergence(half_square, lambda x: x.sum(), [1.0, 2.0], [0.0, 1.0])
    with pytest.raises(ValueError, match="phi maps shape .* it must keep the shape"):
        bregman_divergence(lambda x: x.sum(), lambda x: x, np.ones((2, 2)), np.ones((2, 2)))
    with pytest.raises(ValueError, match="shapes do not broadcast: p has"):
        bregman_divergence(half_square, lambda x: x, [1.0, 2.0], [0.0, 1.0, 2.0])
    with pytest.raises(ValueError, match="q has a non-finite entry"):
        bregman_divergence(half_square, lambda x: x, 1.0, np.nan)
    with pytest.raises(ValueError, match="phi returns nan; is p or q outside its domain"):
        bregman_divergence(lambda x: np.full_like(x, np.nan), lambda x: x, 1.0, 2.0)
    with pytest.raises(ValueError, match="grad_phi returns nan"):
        bregman_divergence(half_square, lambda x: x * np.nan, 1.0, 2.0)


NOT_PARAMETERS = [
    (lambda: EXPONENTIAL.kl(1.0, -1.0), "theta1 are natural .* family of exponential"),
    (lambda: EXPONENTIAL.kl(-1.0, [-1.0, 0.0]), r"theta2 at batch index \(1,\) are natural"),
    (lambda: NORMAL.entropy([0.0, 0.5]), "theta are natural parameters of no member"),
    (lambda: NORMAL.mean_parameters([0.0]), "theta must have 2 entries along the last axis"),
    (lambda: NORMAL.kl([0.0, -1.0], 1.0), "theta2 must have 2 entries along the last axis"),
    (lambda: BERNOULLI.kl([0.0, 1.0], [0.0, 1.0, 2.0]), "shapes do not broadcast"),
    (lambda: BERNOULLI.natural_parameters(1.0), "mu are mean parameters of no member"),
    (lambda: BERNOULLI.natural_parameters(-0.1), "mu are mean parameters of no member"),
    (lambda: POISSON.natural_parameters([1.0, 0.0]), r"mu at batch index \(1,\) are mean"),
    (lambda: EXPONENTIAL.natural_parameters(-1.0), "mu are mean parameters of no member"),
    (lambda: NORMAL.natural_parameters([1.0, 1.0]), "mu are mean parameters of no member"),
    (lambda: CATEGORICAL.natural_parameters([0.5, 0.4, 0.2]), "family of categorical"),
    (lambda: CATEGORICAL.conjugate([0.5, 0.0, 0.2]), "mu are mean parameters of no member"),
    (lambda: POISSON.entropy(np.nan), "theta has a non-finite entry"),
    (lambda: POISSON.log_prob(np.inf, 0.0), "x has a non-finite entry"),
    (lambda: ExponentialFamily.categorical(1), "n must be a whole number, at least 2; got 1"),
    (lambda: ExponentialFamily.categorical(2.5), "n must be a whole number, at least 2; got 2.5"),
]


@pytest.mark.parametrize(("call", "message"), NOT_PARAMETERS)
def test_not_parameters(call, message):
    with pytest.raises(ValueError, match=message):
        call()
