"""A normal fitted to a mixture: known minima, independent routes, laws, bad input."""

import math
import re

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
import scipy.special
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from kllib.mixture import NormalMixture, alpha_normal_mixture, kl_normal_mixture
from kllib.variational.normal_fits import (
    NormalFit,
    fit_normal_alpha,
    fit_normal_forward,
    fit_normal_path,
    fit_normal_reverse,
)
from tests.kllib.strategies import examples

TWO = NormalMixture([0.5, 0.5], [-2, 2], [0.5, 0.5])
SKEWED = NormalMixture([0.3, 0.7], [-1.5, 1], [0.4, 0.8])
THREE = NormalMixture([0.3, 0.5, 0.2], [-1, 1, 5], [0.3, 1, 0.1])


def q(fit):
    return NormalMixture([1], [fit.mu], [fit.sigma])


# ------------------------------------------------------------------ forward


def test_forward_matches_the_moments():
    fit = fit_normal_forward(TWO)
    assert (fit.mu, fit.alpha) == (0, 1)
    assert fit.sigma**2 == pytest.approx(4.25, rel=1e-15)
    assert round(fit.divergence, 4) == 0.7236  # as in the corrected source documents
    # D = H(q) − H(p), as log q is quadratic and the moments agree
    entropy = scipy.integrate.quad(
        lambda x: -math.exp(THREE.log_density(x)) * THREE.log_density(x),
        -10,
        15,
        points=[-1, 1, 5],
        limit=200,
    )[0]
    fit = fit_normal_forward(THREE)
    expected = math.log(2 * math.pi * math.e * THREE.variance) / 2 - entropy
    assert fit.divergence == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("mixture", [TWO, SKEWED, THREE])
def test_forward_is_the_minimum(mixture):
    """A general minimiser over the textbook cross-entropy, knowing nothing of moments."""

    def cross_entropy(theta):
        mu, sigma = theta[0], math.exp(theta[1])
        variances = mixture.sigmas**2 + (mixture.means - mu) ** 2
        return math.log(sigma) + mixture.weights @ variances / (2 * sigma**2)

    found = scipy.optimize.minimize(
        cross_entropy, [0.3, 0.1], method="BFGS", options={"gtol": 1e-9}
    )
    fit = fit_normal_forward(mixture)
    np.testing.assert_allclose([fit.mu, math.log(fit.sigma)], found.x, atol=1e-6)


# ------------------------------------------------------------------ reverse


def reparameterised_minimum(mixture, mu, sigma):
    """Stationarity in the form E[s(x)] = 0 and 1 + σ E[z s(x)] = 0, with x = μ + σ z and the score
    s of the mixture, by sums over a fine grid of z: another formula and another quadrature."""
    z = np.linspace(-12, 12, 8001)
    weights = scipy.stats.norm.pdf(z) * (z[1] - z[0])

    def gradient(theta):
        x = theta[0] + math.exp(theta[1]) * z
        shift = (mixture.means - x[:, None]) / mixture.sigmas
        parts = np.log(mixture.weights / mixture.sigmas) - shift**2 / 2
        score = (scipy.special.softmax(parts, axis=1) * shift / mixture.sigmas).sum(axis=1)
        return [weights @ score, 1 + math.exp(theta[1]) * (weights @ (z * score))]

    found = scipy.optimize.root(gradient, [mu, math.log(sigma)], tol=1e-13)
    assert np.abs(gradient(found.x)).max() < 1e-9
    return found.x[0], math.exp(found.x[1])


@pytest.mark.parametrize("mixture", [TWO, SKEWED, THREE])
def test_reverse_minima_against_the_reparameterised_gradient(mixture):
    minima = fit_normal_reverse(mixture)
    for fit in minima.local_minima:
        mu, sigma = reparameterised_minimum(mixture, fit.mu + 1e-3, 1.001 * fit.sigma)
        assert fit.mu == pytest.approx(mu, abs=1e-8)
        assert fit.sigma == pytest.approx(sigma, rel=1e-8)
        assert fit.divergence == pytest.approx(kl_normal_mixture(q(fit), mixture), rel=1e-12)


def test_reverse_sits_on_a_mode():
    minima = fit_normal_reverse(TWO)
    left, right, between = minima.local_minima
    # As in the corrected source documents: ±2.000, variance 0.2504, D just below ln 2
    assert (round(left.mu, 3), round(right.mu, 3)) == (-2.0, 2.0)
    assert round(right.sigma**2, 4) == 0.2504
    assert round(right.divergence, 4) == 0.6931
    assert right.divergence < math.log(2)
    assert left.divergence == pytest.approx(right.divergence, rel=1e-12)
    assert minima.best == left
    # The broad minimum between the modes is one too: it is worse than either, and stationary
    assert between.mu == pytest.approx(0, abs=1e-12)
    assert between.divergence > 1.8


@pytest.mark.parametrize("mixture", [TWO, SKEWED, THREE])
@pytest.mark.parametrize("alpha", [0.0, 0.4, 1.0])
def test_every_minimum_is_one(mixture, alpha):
    """Lower than all of its surroundings."""
    for fit in fit_normal_alpha(mixture, alpha).local_minima:
        for angle in np.linspace(0, 2 * math.pi, 8, endpoint=False):
            mu = fit.mu + 0.02 * fit.sigma * math.cos(angle)
            sigma = fit.sigma * math.exp(0.02 * math.sin(angle))
            near = NormalMixture([1], [mu], [sigma])
            assert alpha_normal_mixture(mixture, near, alpha) > fit.divergence


def test_the_number_of_minima_with_sigma_held_fixed():
    """Over μ alone: two minima for σ² = 0.25, 1, 2, and one at 0 for 4.25 (source documents)."""
    mus = np.linspace(-3, 3, 61)
    for variance, expected in [(0.25, [2.0]), (1, [1.88]), (2, [1.22]), (4.25, [0.0])]:
        normals = [NormalMixture([1], [mu], [variance**0.5]) for mu in mus]
        values = np.array([kl_normal_mixture(normal, TWO) for normal in normals])
        lowest = mus[1:-1][(values[1:-1] < values[:-2]) & (values[1:-1] < values[2:])]
        assert sorted({abs(round(mu, 1)) for mu in lowest}) == pytest.approx(expected, abs=0.06)
        assert len(lowest) == (1 if variance == 4.25 else 2)


def test_a_single_normal_is_found_exactly():
    for alpha in (0, 0.3, 0.8, 1):
        minima = fit_normal_alpha(NormalMixture([1], [3], [2]), alpha)
        assert len(minima.local_minima) == 1
        fit = minima.best
        assert (fit.mu, fit.sigma) == (pytest.approx(3, abs=1e-10), pytest.approx(2, rel=1e-10))
        assert 0 <= fit.divergence < 1e-18


# ------------------------------------------------------------------ between the two


def fixed_point(mixture, alpha, mu, sigma):
    """q takes the moments of p^α q^(1−α), again and again, by sums over a fine grid."""
    x = np.linspace(-12, 12, 3001)
    log_p = scipy.special.logsumexp(
        scipy.stats.norm.logpdf(x[:, None], mixture.means, mixture.sigmas),
        axis=1,
        b=mixture.weights,
    )
    for _ in range(3000):
        tilted = np.exp(alpha * log_p + (1 - alpha) * scipy.stats.norm.logpdf(x, mu, sigma))
        before, total = (mu, sigma), tilted.sum()
        mu = tilted @ x / total
        sigma = (tilted @ (x - mu) ** 2 / total) ** 0.5
        if abs(mu - before[0]) + abs(sigma - before[1]) < 1e-13:
            break
    return mu, sigma


@pytest.mark.parametrize("mixture", [TWO, SKEWED])
@pytest.mark.parametrize("alpha", [0.2, 0.5, 0.9])
def test_alpha_against_moment_matching(mixture, alpha):
    for fit in fit_normal_alpha(mixture, alpha).local_minima:
        mu, sigma = fixed_point(mixture, alpha, fit.mu + 1e-3, fit.sigma)
        assert fit.mu == pytest.approx(mu, abs=1e-9)
        assert fit.sigma == pytest.approx(sigma, rel=1e-9)


@pytest.mark.parametrize("mixture", [TWO, SKEWED, THREE])
def test_the_ends_are_the_two_fits(mixture):
    forward, at_one = fit_normal_forward(mixture), fit_normal_alpha(mixture, 1)
    assert len(at_one.local_minima) == 1
    assert at_one.best.mu == pytest.approx(forward.mu, abs=1e-9)
    assert at_one.best.sigma == pytest.approx(forward.sigma, rel=1e-9)
    assert at_one.best.divergence == pytest.approx(forward.divergence, rel=1e-12)
    assert fit_normal_alpha(mixture, 0) == fit_normal_reverse(mixture)


def test_the_path_leads_from_reverse_to_forward():
    path = fit_normal_path(TWO, [0, 0.25, 0.5, 0.7, 0.75, 1])
    reverse, forward = fit_normal_reverse(TWO).best, fit_normal_forward(TWO)
    assert [fit.alpha for fit in path] == [0, 0.25, 0.5, 0.7, 0.75, 1]
    assert path[0].mu == pytest.approx(reverse.mu, abs=1e-9)
    assert path[0].sigma == pytest.approx(reverse.sigma, rel=1e-9)
    assert path[-1].mu == pytest.approx(forward.mu, abs=1e-9)
    assert path[-1].sigma == pytest.approx(forward.sigma, rel=1e-9)
    # It stays on its mode, widening, until that minimum ceases to exist; then it covers both
    assert all(fit.mu < -1.99 for fit in path[:4])
    assert all(abs(fit.mu) < 1e-6 and fit.sigma > 2 for fit in path[4:])
    sigmas = [fit.sigma for fit in path]
    assert sigmas == sorted(sigmas)


def test_a_path_may_start_elsewhere():
    start = fit_normal_reverse(TWO).local_minima[1]
    assert start.mu > 0
    path = fit_normal_path(TWO, [0.1, 0.2], start=start)
    assert all(fit.mu > 1.99 for fit in path)
    (fit,) = fit_normal_path(TWO, [0.3], start=NormalFit(0, 2, 1, 0.7))
    assert abs(fit.mu) < 1e-6


def test_a_saddle_is_left_behind():
    """Between the broad minimum and a mode lies a saddle, where the gradient vanishes too."""
    mu, sigma = reparameterised_minimum(TWO, 1.2, 1.0)
    minima = fit_normal_reverse(TWO).local_minima
    assert all(abs(fit.mu - mu) > 0.1 for fit in minima)
    (fit,) = fit_normal_path(TWO, [0], start=NormalFit(mu, sigma, 0, 1.0))
    assert min(abs(fit.mu - m.mu) + abs(fit.sigma - m.sigma) for m in minima) < 1e-9


# ------------------------------------------------------------------ laws


@examples(5)
@given(
    st.floats(0.1, 0.9),
    st.floats(0, 4),
    st.floats(0.3, 2),
    st.sampled_from([0.0, 0.5, 1.0]),
    st.sampled_from([(0.0, 1.0), (-1e3, 1e-3), (3e149, 1e150), (0.0, 1e-150)]),
)
def test_units_and_origin_do_not_matter(weight, distance, sigma, alpha, units):
    origin, unit = units
    plain = NormalMixture([weight, 1 - weight], [0, distance], [1, sigma])
    moved = NormalMixture(plain.weights, origin + unit * plain.means, unit * plain.sigmas)
    one, other = fit_normal_alpha(plain, alpha).best, fit_normal_alpha(moved, alpha).best
    # Near-ties and flat minima limit how well parameters are determined; the value is not limited
    assert other.divergence == pytest.approx(one.divergence, rel=1e-6, abs=1e-9)


@examples(5)
@given(st.floats(0.1, 0.9), st.floats(0.1, 4), st.floats(0.3, 2))
def test_each_fit_is_best_at_what_it_minimises(weight, distance, sigma):
    p = NormalMixture([weight, 1 - weight], [0, distance], [1, sigma])
    forward, reverse = fit_normal_forward(p), fit_normal_reverse(p).best
    slack = 1 + 1e-9
    assert forward.divergence <= kl_normal_mixture(p, q(reverse)) * slack + 1e-12
    assert reverse.divergence <= kl_normal_mixture(q(forward), p) * slack + 1e-12


# ------------------------------------------------------------------ bad input

CALLS = [
    (lambda: fit_normal_alpha(TWO, 1.2), "alpha must be between 0 and 1; got 1.2"),
    (lambda: fit_normal_alpha(TWO, -1), "alpha must not be negative; got -1"),
    (lambda: fit_normal_alpha(TWO, "half"), "alpha must be a number; got 'half'"),
    (lambda: fit_normal_path(TWO, [0.5, 2]), "alphas[1] must be between 0 and 1"),
    (lambda: fit_normal_path(TWO, [0.5, np.nan]), "alphas has a non-finite entry"),
    (lambda: fit_normal_path(TWO, 0.5), "alphas must be a vector"),
    (lambda: fit_normal_path(TWO, [[0.5]]), "alphas must be a vector; its shape is (1, 1)"),
    (lambda: fit_normal_path(TWO, []), "alphas is empty"),
    (lambda: fit_normal_path(TWO, [0, 1], start=(0, 1)), "start must be a NormalFit; got tuple"),
    (lambda: fit_normal_forward([0.5]), "p must be a NormalMixture; got list"),
    (lambda: fit_normal_reverse(None), "p must be a NormalMixture; got NoneType"),
    (
        lambda: fit_normal_reverse(NormalMixture([0.5, 0.5], [0, 1e12], [1, 1])),
        "a component is too narrow for quadrature",
    ),
]


@pytest.mark.parametrize(("call", "message"), CALLS, ids=[message for _, message in CALLS])
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
