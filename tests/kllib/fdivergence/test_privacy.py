"""Rényi differential privacy: the Gaussian curve, composition, and what the conversion promises."""

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from numpy import inf, log, sqrt
from scipy.optimize import brentq
from scipy.special import ndtr

from kllib.fdivergence.privacy import PrivacyGuarantee, rdp_compose, rdp_gaussian, rdp_to_dp
from kllib.fdivergence.renyi import renyi_divergence
from kllib.gaussian import kl_normal
from tests.kllib.strategies import pairs

ORDERS = 1 + np.geomspace(1e-2, 1e4, 400)
CONVERSIONS = ("canonne", "mironov")


def gaussian_delta(epsilon, sigma):
    """The exact δ of the Gaussian mechanism of sensitivity 1 (Balle and Wang 2018, Theorem 8)."""
    a, b = 1 / (2 * sigma), epsilon * sigma
    return ndtr(a - b) - np.exp(epsilon) * ndtr(-a - b)


def hockey_stick(p, q, epsilon):
    """The least δ for which p(A) ≤ e^ε q(A) + δ for every event A."""
    return np.maximum(p - np.exp(epsilon) * q, 0).sum()


# ------------------------------------------------------------------ the curve


def test_by_hand():
    assert rdp_gaussian(1, 2) == 1
    assert rdp_gaussian(2, 8) == 1
    assert rdp_gaussian(3, 4, sensitivity=6) == 8
    assert rdp_gaussian(1, [1, 2, inf]).tolist() == [0.5, 1, inf]
    assert isinstance(rdp_gaussian(1, 2), np.float64)
    assert rdp_gaussian([[1], [2]], [2, 4], sensitivity=2).tolist() == [[4, 8], [1, 2]]


@pytest.mark.parametrize(("sigma", "alpha"), [(1.0, 1.5), (0.7, 2.0), (3.0, 10.0), (2.0, 0.999e2)])
def test_quadrature(sigma, alpha):
    """Rényi divergence of two normals a unit apart, around the peak of the integrand at α."""
    p, q = scipy.stats.norm(1, sigma), scipy.stats.norm(0, sigma)

    def integrand(x):
        log_value = alpha * p.logpdf(x) + (1 - alpha) * q.logpdf(x)
        return np.exp(log_value - peak)

    peak = alpha * p.logpdf(alpha) + (1 - alpha) * q.logpdf(alpha)
    ends = alpha - 12 * sigma, alpha + 12 * sigma
    area, _ = scipy.integrate.quad(integrand, *ends, epsabs=0, epsrel=1e-11)
    expected = (peak + log(area)) / (alpha - 1)
    assert rdp_gaussian(sigma, alpha) == pytest.approx(expected, rel=1e-9, abs=0)


def test_discretised_normals():
    """The same from two normals cut into narrow cells, which is processing and only loses."""
    edges = np.concatenate([[-inf], np.linspace(-10, 10, 5001), [inf]])
    p, q = (np.diff(ndtr((edges - shift) / 1.5)) for shift in (1, 0))
    for alpha in (1, 2, 5):
        cells = renyi_divergence(p / p.sum(), q / q.sum(), alpha)
        assert cells <= rdp_gaussian(1.5, alpha) <= cells * (1 + 1e-4)
    assert rdp_gaussian(1.5, 1) == pytest.approx(kl_normal(1, 1.5, 0, 1.5), rel=1e-15)


def test_scales():
    assert rdp_gaussian(2e-200, 3, sensitivity=1e-200) == pytest.approx(0.375, rel=1e-15)
    assert rdp_gaussian(2e200, 3, sensitivity=1e200) == pytest.approx(0.375, rel=1e-15)
    assert rdp_gaussian(1e-200, 2) == inf  # above 1.8e308
    with np.errstate(all="raise"):  # whatever the caller has set
        assert rdp_gaussian(1e200, 2) == 0  # below 5e-324
        # A ratio that is zero in floating point is not zero.
        assert rdp_gaussian(1e300, [2, inf], sensitivity=1e-300).tolist() == [0, inf]


# ------------------------------------------------------------------ composition


def test_composition():
    curves = [1.0, 2.0], [0.25, inf], [0.5, 0.0]
    assert rdp_compose(*curves).tolist() == [1.75, inf]
    assert rdp_compose(*curves, times=4).tolist() == [7, inf]
    assert rdp_compose([1.0, 2.0], 0.5).tolist() == [1.5, 2.5]
    assert rdp_compose(0.5, 0.25) == 0.75
    assert rdp_compose(1e308, 0.0, times=2) == inf  # above 1.8e308
    # Answers about different questions, taken together, are one answer of a vector
    sigmas = np.array([1.0, 2.0, 5.0])
    distance = sqrt(np.sum(1 / sigmas**2))
    together = rdp_gaussian(1, ORDERS, sensitivity=distance)
    np.testing.assert_allclose(
        rdp_compose(*(rdp_gaussian(s, ORDERS) for s in sigmas)), together, rtol=1e-14
    )


@given(pairs(), pairs(), st.sampled_from([1, 1.5, 2, 10, inf]))
def test_composition_of_independent_outputs(first, second, alpha):
    """Rényi divergence of independent pairs adds up, so that composition cannot be improved."""
    p, q = np.outer(first[0], second[0]).ravel(), np.outer(first[1], second[1]).ravel()
    parts = [renyi_divergence(*first, alpha), renyi_divergence(*second, alpha)]
    whole = renyi_divergence(p, q, alpha)
    assert whole == pytest.approx(rdp_compose(*parts), rel=1e-10, abs=1e-13)


# ------------------------------------------------------------------ conversion


def test_conversion_by_hand():
    # ε + log(1/δ)/(α − 1): 1 + log(100)/3
    result = rdp_to_dp([4], [1], 0.01, conversion="mironov")
    assert result.epsilon == pytest.approx(1 + log(100) / 3, rel=1e-15)
    assert result.alpha == 4
    # ε + log(3/4) − log(0.04)/3
    result = rdp_to_dp([4], [1], 0.01)
    assert result.epsilon == pytest.approx(1 + log(0.75) - log(0.04) / 3, rel=1e-15)
    # The least over the orders: 3 + log(10)/1, 1 + log(10)/2, 2 + log(10)/9
    result = rdp_to_dp([2, 3, 10], [3, 1, 2], 0.1, conversion="mironov")
    assert result.epsilon == pytest.approx(1 + log(10) / 2, rel=1e-15)
    assert result.alpha == 3
    assert isinstance(result, PrivacyGuarantee)
    assert rdp_to_dp([2, 3], [inf, inf], 0.1).epsilon == inf
    assert rdp_to_dp([2, 3], [inf, 1], 0.1).alpha == 3
    # log(½) + log(1/(2·0.9)) is negative
    assert rdp_to_dp([2], [0.01], 0.9).epsilon == 0


@pytest.mark.parametrize("sigma", [0.5, 1.0, 4.0, 30.0])
@pytest.mark.parametrize("delta", [1e-3, 1e-5, 1e-10])
def test_the_gaussian_mechanism_keeps_what_is_promised(sigma, delta):
    """Its exact ε lies below both guarantees, and not far below the better one."""
    exact = brentq(lambda epsilon: gaussian_delta(epsilon, sigma) - delta, 0, 500, xtol=1e-12)
    curve = rdp_gaussian(sigma, ORDERS)
    better, older = (rdp_to_dp(ORDERS, curve, delta, conversion=c).epsilon for c in CONVERSIONS)
    assert exact <= better < older
    assert better < 1.3 * exact
    # Mironov's, at its best order: 1/(2σ²) + √(2 log 1/δ)/σ
    best = 1 / (2 * sigma**2) + sqrt(2 * log(1 / delta)) / sigma
    assert best <= older * (1 + 1e-12) and older <= best * 1.01


@pytest.mark.parametrize(("sigma", "epsilon"), [(1.0, 0.5), (2.0, 1.0), (0.6, 3.0)])
def test_the_exact_delta_by_quadrature(sigma, epsilon):
    """∫ (p − e^ε q)⁺ for the two normals."""
    p, q = scipy.stats.norm(1, sigma), scipy.stats.norm(0, sigma)
    start = 0.5 + epsilon * sigma**2  # where p = e^ε q
    ends = start, start + 12 * sigma + 2
    area, _ = scipy.integrate.quad(
        lambda x: p.pdf(x) - np.exp(epsilon) * q.pdf(x), *ends, epsabs=1e-13
    )
    assert gaussian_delta(epsilon, sigma) == pytest.approx(area, rel=1e-8, abs=0)


@given(pairs(), st.floats(0.001, 0.5), st.sampled_from(CONVERSIONS))
def test_any_pair_of_outputs_keeps_what_is_promised(pair, delta, conversion):
    """Whatever two distributions a mechanism has, with their exact Rényi divergences."""
    p, q = pair
    orders = np.array([1.1, 1.5, 2, 4, 16, 64])
    curve = np.array([renyi_divergence(p, q, alpha) for alpha in orders])
    for order, epsilon in zip(orders, curve, strict=True):
        promised = rdp_to_dp([order], [epsilon], delta, conversion=conversion).epsilon
        if promised < 700:
            assert hockey_stick(p, q, promised) <= delta * (1 + 1e-9)
    whole = rdp_to_dp(orders, curve, delta, conversion=conversion).epsilon
    assert whole == min(
        rdp_to_dp([a], [e], delta, conversion=conversion).epsilon
        for a, e in zip(orders, curve, strict=True)
    )


@given(st.floats(0, 50), st.floats(1.01, 500), st.floats(1e-12, 0.5))
def test_the_newer_conversion_is_never_worse(epsilon, alpha, delta):
    newer, older = (rdp_to_dp([alpha], [epsilon], delta, conversion=c) for c in CONVERSIONS)
    assert 0 <= newer.epsilon <= older.epsilon
    more = rdp_to_dp([alpha], [epsilon], delta * 1.5)
    assert more.epsilon <= newer.epsilon


def test_batches():
    sigmas, deltas = np.array([[1.0], [3.0]]), np.array([1e-5, 1e-8, 1e-2])
    curves = rdp_gaussian(sigmas[..., None], ORDERS)
    result = rdp_to_dp(ORDERS, curves, deltas)
    assert result.epsilon.shape == result.alpha.shape == (2, 3)
    for i, j in np.ndindex(2, 3):
        one = rdp_to_dp(ORDERS, curves[i, 0], deltas[j])
        assert (result.epsilon[i, j], result.alpha[i, j]) == (one.epsilon, one.alpha)
    assert (np.diff(result.epsilon[:, [1, 0, 2]], axis=1) < 0).all()


# ------------------------------------------------------------------ bad input


BAD = [
    (lambda: rdp_gaussian(0, 2), "sigma has an entry that is not positive: 0"),
    (lambda: rdp_gaussian(1, 2, sensitivity=-1), "sensitivity has an entry that is not positive"),
    (lambda: rdp_gaussian(inf, 2), "sigma has a non-finite entry: inf"),
    (lambda: rdp_gaussian(1, [2, 0.9]), "alpha must be at least 1; got 0.9"),
    (lambda: rdp_gaussian(1, np.nan), "alpha has a non-finite entry: nan"),
    (lambda: rdp_gaussian([1, 2], [1, 2, 3]), "shapes do not broadcast: sigma has (2,)"),
    (
        lambda: rdp_gaussian(1, [1, 2], sensitivity=[1, 2, 3]),
        "shapes do not broadcast: sigma has (), alpha has (2,), sensitivity has (3,)",
    ),
    (rdp_compose, "rdp_compose needs at least one curve"),
    (lambda: rdp_compose([1, -1]), "curve 0 must not be negative; got -1"),
    (lambda: rdp_compose([1], [np.nan]), "curve 1 has a non-finite entry: nan"),
    (lambda: rdp_compose([1, 2], [1, 2, 3]), "shapes do not broadcast: curve 0 has (2,)"),
    (lambda: rdp_compose([1], times=0), "times must be a whole number, 1 or above; got 0"),
    (lambda: rdp_compose([1], times=1.5), "times must be a whole number; got 1.5"),
    (lambda: rdp_compose([1], times=True), "times must be a whole number, 1 or above; got True"),
    (lambda: rdp_compose([1], times=10**400), "times must be at most"),
    (lambda: rdp_to_dp([1, 2], [1, 1], 0.1), "alphas must be a list of finite orders above 1"),
    (lambda: rdp_to_dp([2, inf], [1, 1], 0.1), "alphas must be a list of finite orders above 1"),
    (lambda: rdp_to_dp(2, [1], 0.1), "alphas must be a list of finite orders above 1"),
    (lambda: rdp_to_dp([0.5], [1], 0.1), "alphas must be at least 1; got 0.5"),
    (lambda: rdp_to_dp([2], [-1], 0.1), "epsilons must not be negative; got -1"),
    (lambda: rdp_to_dp([2], 1, 0.1), "epsilons must hold one number for each order; it is"),
    (lambda: rdp_to_dp([2, 3], [1], 0.1), "lengths differ: alphas has 2, epsilons has 1"),
    (lambda: rdp_to_dp([2], [1], 0), "delta has an entry that is not positive: 0"),
    (lambda: rdp_to_dp([2], [1], 1), "delta must be below 1; got 1"),
    (lambda: rdp_to_dp([2], [[1], [2]], [0.1] * 3), "shapes do not broadcast: epsilons has (2,)"),
    (lambda: rdp_to_dp([2], [1], 0.1, conversion="best"), "conversion must be one of ['canonne'"),
]


@pytest.mark.parametrize(("call", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_input(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value).startswith(message)
