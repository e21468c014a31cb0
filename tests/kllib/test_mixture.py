"""Mixtures of normals: densities, moments, draws, and divergences by quadrature."""

import re

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from numpy import log

from kllib._numerics import mixture_integrals
from kllib.gaussian import kl_normal
from kllib.mixture import NormalMixture, alpha_normal_mixture, kl_normal_mixture

TWO = NormalMixture([0.5, 0.5], [-2, 2], [0.5, 0.5])
THREE = NormalMixture([0.2, 0.5, 0.3], [-1, 0.5, 4], [0.3, 1, 0.7])
# Means and standard deviations of THREE, as columns
COLUMNS = np.array([[-1], [0.5], [4]]), np.array([[0.3], [1], [0.7]])
BROAD = NormalMixture([0.6, 0.4], [0, 1], [2, 3])


def normal(mu, sigma):
    return NormalMixture([1], [mu], [sigma])


MIXTURES = st.integers(1, 4).flatmap(
    lambda k: st.builds(
        lambda w, m, s: NormalMixture(np.array(w) / np.sum(w), m, s),
        st.lists(st.floats(0.05, 1), min_size=k, max_size=k),
        st.lists(st.floats(-5, 5), min_size=k, max_size=k),
        st.lists(st.floats(0.1, 4), min_size=k, max_size=k),
    )
)


# ------------------------------------------------------------------ the class


def test_moments_by_hand():
    # ¼ + 4; and for THREE Σ w μ = −0.2 + 0.25 + 1.2, Σ w (σ² + μ²) − mean²
    assert TWO.mean == 0
    assert TWO.variance == 4.25
    assert THREE.mean == pytest.approx(1.25, rel=1e-15)
    second = 0.2 * (0.09 + 1) + 0.5 * (1 + 0.25) + 0.3 * (0.49 + 16)
    assert THREE.variance == pytest.approx(second - 1.25**2, rel=1e-14)
    assert THREE.standard_deviation == pytest.approx(THREE.variance**0.5, rel=1e-15)


@pytest.mark.parametrize("scale", [1e-200, 1e-150, 1e150, 1e200])
def test_the_standard_deviation_needs_no_variance(scale):
    mixture = NormalMixture([0.5, 0.5], [-2 * scale, 2 * scale], [0.5 * scale] * 2)
    assert mixture.standard_deviation == pytest.approx(4.25**0.5 * scale, rel=1e-14, abs=0)


def test_density_against_scipy():
    x = np.linspace(-6, 9, 31)
    parts = scipy.stats.norm.pdf(x, *COLUMNS)
    density = np.array([0.2, 0.5, 0.3]) @ parts
    np.testing.assert_allclose(THREE.log_density(x), log(density), rtol=1e-12)
    shares = np.array([0.2, 0.5, 0.3])[:, None] * parts / density
    np.testing.assert_allclose(THREE.responsibilities(x), shares.T, rtol=1e-11)


def test_far_tails_stay_finite():
    # −½ ((1e5 − 2)/0.5)² − log(0.5 √(2π)) + log 0.5; the other component adds nothing
    expected = -(((1e5 - 2) / 0.5) ** 2) / 2 - log(0.5 * (2 * np.pi) ** 0.5) + log(0.5)
    assert TWO.log_density(1e5) == pytest.approx(expected, rel=1e-14)
    assert TWO.responsibilities(1e5).tolist() == [0, 1]


def test_responsibilities_add_up_wherever_x_is():
    twins = NormalMixture([0.5, 0.5], [0, 0], [1, 1])
    x = np.array([0.0, 1e6, -1e8, 1e100, 1e153])
    np.testing.assert_array_equal(twins.responsibilities(x), 0.5)
    # σ = 2 wins far out; at x = 5 odds exp(−25/8)/2 : exp(−25/2)
    other = NormalMixture([0.5, 0.5], [0, 0], [1, 2])
    assert other.responsibilities([1e6, -1e150]).tolist() == [[0, 1], [0, 1]]
    odds = np.exp(25 / 2 - 25 / 8) / 2
    assert other.responsibilities(5)[1] == pytest.approx(odds / (1 + odds), rel=1e-14)
    assert twins.log_density(1e200) == -np.inf


def test_shapes():
    assert isinstance(TWO.log_density(0.3), np.float64)
    assert THREE.log_density(np.zeros((4, 5))).shape == (4, 5)
    assert THREE.responsibilities(np.zeros((4, 5))).shape == (4, 5, 3)
    np.testing.assert_allclose(THREE.responsibilities(np.zeros(4)).sum(axis=-1), 1, rtol=1e-15)


def test_a_weight_of_zero_counts_for_nothing():
    padded = NormalMixture([0.5, 0, 0.5], [-2, 70, 2], [0.5, 3, 0.5])
    assert padded.mean == 0
    assert padded.variance == 4.25
    x = np.array([-2, 0.1, 70])
    np.testing.assert_array_equal(padded.log_density(x), TWO.log_density(x))
    assert padded.responsibilities(70.0)[1] == 0
    assert set(np.sign(padded.sample(np.random.default_rng(0), 50))) == {-1, 1}
    assert kl_normal_mixture(padded, TWO) == pytest.approx(0, abs=1e-15)


def test_weights_within_rounding_of_one_are_meant_as_shares():
    rounded = NormalMixture([0.5 + 4e-7, 0.5], [-2, 2], [0.5, 0.5])
    exact = NormalMixture(np.array([0.5 + 4e-7, 0.5]) / (1 + 4e-7), [-2, 2], [0.5, 0.5])
    assert rounded.mean == pytest.approx(exact.mean, rel=1e-8)
    assert rounded.log_density(0.3) == pytest.approx(exact.log_density(0.3), rel=1e-15)


def test_draws():
    """Mean, variance and distribution function, each at a false-alarm probability below 1e-6."""
    draws = THREE.sample(np.random.default_rng(1), 100_000)
    assert draws.shape == (100_000,)
    assert abs(draws.mean() - THREE.mean) < 5 * (THREE.variance / draws.size) ** 0.5
    squares = (draws - THREE.mean) ** 2
    assert abs(squares.mean() - THREE.variance) < 5 * squares.std() / draws.size**0.5

    def cdf(x):
        return np.array([0.2, 0.5, 0.3]) @ scipy.stats.norm.cdf(x, *COLUMNS)

    assert scipy.stats.kstest(draws, cdf).pvalue > 1e-6
    again = THREE.sample(np.random.default_rng(1), 100_000)
    np.testing.assert_array_equal(draws, again)


def test_it_is_frozen_and_keeps_a_copy():
    weights = np.array([0.5, 0.5])
    mixture = NormalMixture(weights, [0, 1], [1, 1])
    weights[0] = 7
    assert mixture.weights[0] == 0.5
    with pytest.raises(AttributeError):
        mixture.weights = weights
    with pytest.raises(ValueError, match="read-only"):
        mixture.means[0] = 3
    assert mixture.shifted(2).mean == 2.5


# ------------------------------------------------------------------ the divergences


@pytest.mark.parametrize(
    "arguments",
    [
        (0, 1, 1, 2),
        (0, 1, 0.001, 1),
        (0, 1, 0, 1.001),
        (3, 0.001, 0, 5),
        (0, 5, 3, 0.001),
        (1e4, 1e-3, 0, 1),
        (0, 1e-100, 0, 1),
        (0, 1, 1e-150, 1e100),
        (1e-150, 1e-150, -1e-150, 2e-150),
        (1e150, 1e150, -1e150, 2e150),
        (0, 1e-300, 0, 1),
    ],
)
def test_one_component_is_a_normal(arguments):
    mu1, sigma1, mu2, sigma2 = arguments
    value = kl_normal_mixture(normal(mu1, sigma1), normal(mu2, sigma2))
    expected = kl_normal(*arguments)
    assert value == pytest.approx(expected, rel=1e-11, abs=1e-15 * expected**0.5)


@pytest.mark.parametrize("alpha", [0.01, 0.3, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("arguments", [(0, 1, 1, 2), (1, 0.1, -1, 0.3), (0, 1, 0.01, 1)])
def test_alpha_of_two_normals(arguments, alpha):
    # ∫ p^α q^(1−α) = σ1^(1−α) σ2^α / s · exp(−½ α (1 − α) (μ1 − μ2)²/s²), s² = (1−α) σ1² + α σ2²
    mu1, sigma1, mu2, sigma2 = arguments
    s2 = (1 - alpha) * sigma1**2 + alpha * sigma2**2
    exponent = (1 - alpha) * log(sigma1) + alpha * log(sigma2) - log(s2) / 2
    exponent -= alpha * (1 - alpha) * (mu1 - mu2) ** 2 / s2 / 2
    expected = -np.expm1(exponent) / (alpha * (1 - alpha))
    value = alpha_normal_mixture(normal(mu1, sigma1), normal(mu2, sigma2), alpha)
    assert value == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("p", "q"), [(TWO, THREE), (THREE, TWO), (THREE, BROAD), (BROAD, TWO)])
def test_against_scipy_quadrature(p, q):
    """The textbook integrand p log(p/q), over 60 standard deviations either way."""

    def integrand(x):
        log_p = p.log_density(x)
        return np.exp(log_p) * (log_p - q.log_density(x))

    points = sorted({*p.means, *q.means})
    value, error = scipy.integrate.quad(
        integrand, -30, 30, points=points, limit=400, epsabs=1e-11, epsrel=1e-11
    )
    assert error < 1e-8
    assert kl_normal_mixture(p, q) == pytest.approx(value, rel=1e-9)


def test_against_monte_carlo():
    """Within five standard errors: a false alarm in fewer than one run in a million."""
    x = THREE.sample(np.random.default_rng(2), 200_000)
    ratios = THREE.log_density(x) - BROAD.log_density(x)
    error = ratios.std() / x.size**0.5
    assert abs(ratios.mean() - kl_normal_mixture(THREE, BROAD)) < 5 * error < 0.02


def test_known_values():
    """From the corrected source documents: the best normals for two modes at ±2."""
    assert round(kl_normal_mixture(TWO, normal(0, 4.25**0.5)), 4) == 0.7236
    assert round(kl_normal_mixture(normal(2, 0.2504**0.5), TWO), 4) == 0.6931
    # One of two modes that hardly overlap: q is half of p, log 2
    far = NormalMixture([0.5, 0.5], [-50, 50], [1, 1])
    assert kl_normal_mixture(normal(50, 1), far) == pytest.approx(log(2), rel=1e-13)
    # p with its own components relabelled
    swapped = NormalMixture([0.3, 0.2, 0.5], [4, -1, 0.5], [0.7, 0.3, 1])
    assert kl_normal_mixture(THREE, swapped) == pytest.approx(0, abs=1e-15)
    assert kl_normal_mixture(THREE, THREE) == 0


@given(MIXTURES, MIXTURES, st.floats(0.01, 0.99))
def test_laws(p, q, alpha):
    value = alpha_normal_mixture(p, q, alpha)
    assert 0 <= value <= 1 / (alpha * (1 - alpha))
    # Exchanging the arguments is exchanging α and 1 − α
    assert alpha_normal_mixture(q, p, 1 - alpha) == pytest.approx(value, rel=1e-10, abs=1e-14)
    # The ends are the two directions
    reverse, forward = kl_normal_mixture(q, p), kl_normal_mixture(p, q)
    assert alpha_normal_mixture(p, q, 0) == pytest.approx(reverse, rel=1e-11, abs=1e-14)
    assert alpha_normal_mixture(p, q, 1e-9) == pytest.approx(reverse, rel=1e-5, abs=1e-12)
    # Convexity of D in the model: q's components one by one are worse than q
    parts = [kl_normal_mixture(p, normal(m, s)) for m, s in zip(q.means, q.sigmas, strict=True)]
    assert forward <= np.dot(q.weights, parts) * (1 + 1e-9) + 1e-12


@given(MIXTURES, MIXTURES, st.floats(-3, 3), st.sampled_from([2.0**-40, 0.125, 2.0**50]))
def test_units_and_origin_do_not_matter(p, q, shift, unit):
    def moved(m):
        return NormalMixture(m.weights, (m.means + shift) * unit, m.sigmas * unit)

    value = kl_normal_mixture(p, q)
    assert kl_normal_mixture(moved(p), moved(q)) == pytest.approx(value, rel=1e-9, abs=1e-13)


def test_beyond_the_range_of_a_float():
    assert kl_normal_mixture(normal(0, 1), normal(0, 1e-160)) == np.inf


# ------------------------------------------------------------------ bad input

GOOD = {"weights": [0.5, 0.5], "means": [0.0, 1.0], "sigmas": [1.0, 1.0]}
BAD = [
    ({"weights": [0.5, 0.6]}, "weights sums to 1.1"),
    ({"weights": [1.5, -0.5]}, "weights has a negative entry: -0.5 at index (1,)"),
    ({"weights": [[0.5, 0.5]]}, "weights must be a vector; its shape is (1, 2)"),
    ({"weights": [1.0]}, "lengths differ: weights has 1"),
    ({"means": [0.0, np.nan]}, "means has a non-finite entry: nan at index (1,)"),
    ({"means": 0.0}, "means must be a vector"),
    ({"means": [0.0]}, "lengths differ: weights has 2, means has 1"),
    ({"sigmas": [1.0, 0.0]}, "sigmas has an entry that is not positive: 0 at index (1,)"),
    ({"sigmas": [1.0, -1.0]}, "sigmas has an entry that is not positive: -1 at index (1,)"),
    ({"sigmas": [1.0, np.inf]}, "sigmas has a non-finite entry"),
    ({"sigmas": [1.0, 1.0, 1.0]}, "sigmas has 3"),
]


@pytest.mark.parametrize(("change", "message"), BAD, ids=[message for _, message in BAD])
def test_not_a_mixture(change, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        NormalMixture(**{**GOOD, **change})


def test_a_component_of_weight_zero_may_be_anywhere():
    expected = kl_normal_mixture(normal(0, 1), normal(1, 2))
    p = NormalMixture([1, 0], [0, 1e12], [1, 1])
    q = NormalMixture([0, 1], [0, 1], [1e-12, 2])
    assert kl_normal_mixture(p, q) == expected
    assert kl_normal_mixture(p, normal(1, 2)) == expected


def test_more_panels_at_the_start_than_may_be_halved():
    """Of 240 components each begins 19 panels; a peak of width 1e-4 needs panels halved further."""

    def peak(x):
        return scipy.stats.norm(0, 1e-4).pdf(x)[None]

    total = mixture_integrals.integrate(peak, np.arange(-120.0, 120), np.full(240, 0.05))
    assert total[0] == pytest.approx(1, rel=1e-11)


def test_what_cannot_be_resolved_is_not_returned():
    """10 000 jumps: halving panels until there are 4096 does not find them."""

    def comb(x):
        return np.where(np.sin(1e4 * x) > 0, 1.0, 0.0)[None]

    with pytest.raises(ArithmeticError, match="the integral cannot be resolved"):
        mixture_integrals.integrate(comb, np.array([0.0]), np.array([1.0]))


CALLS = [
    (lambda: TWO.log_density([0, np.nan]), "x has a non-finite entry: nan at index (1,)"),
    (lambda: TWO.responsibilities("a"), "x must hold real numbers"),
    (
        lambda: TWO.responsibilities([0, 1e200]),
        "x has an entry more than 1e154 standard deviations from all components: 1e+200",
    ),
    (lambda: TWO.shifted([1, 5]), "by must be a single number; its shape is (2,)"),
    (lambda: TWO.shifted(np.nan), "by has a non-finite entry"),
    (lambda: NormalMixture([1], [1e308], [1]).shifted(1e308), "means has a non-finite entry"),
    (lambda: kl_normal_mixture([0.5], [0.5]), "p must be a NormalMixture; got list"),
    (lambda: kl_normal_mixture(TWO, (0, 1)), "q must be a NormalMixture; got tuple"),
    (lambda: TWO.sample(np.random.default_rng(0), 0), "size must be a whole number"),
    (lambda: TWO.sample(np.random.default_rng(0), 2.5), "size must be a whole number"),
    (lambda: TWO.sample(7, 3), "rng must be a numpy.random.Generator"),
    (lambda: alpha_normal_mixture(TWO, TWO, 1.5), "alpha must be between 0 and 1; got 1.5"),
    (lambda: alpha_normal_mixture(TWO, TWO, -0.1), "alpha must not be negative; got -0.1"),
    (lambda: alpha_normal_mixture(TWO, TWO, np.nan), "alpha must be finite"),
    (
        lambda: kl_normal_mixture(normal(0, 1), normal(1e12, 1)),
        "a component is too narrow for quadrature",
    ),
    (lambda: kl_normal_mixture(normal(0, 1e308), normal(0, 1)), "beyond the range of a float"),
]


@pytest.mark.parametrize(("call", "message"), CALLS, ids=[message for _, message in CALLS])
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
