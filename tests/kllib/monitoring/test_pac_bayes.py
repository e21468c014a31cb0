"""PAC-Bayes bounds: the inverse divergence, known values, and how often the bounds fail."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from numpy import log

from kllib.discrete import kl_divergence
from kllib.monitoring.pac_bayes import kl_inverse_upper, pac_bayes_bound


def test_inverse_by_hand():
    # From 0: −log(1 − r) = c
    assert kl_inverse_upper(0, log(2)) == pytest.approx(0.5, rel=1e-14)
    assert kl_inverse_upper(0, 1e-300) == pytest.approx(1e-300, rel=1e-14, abs=0)
    # From ½: −½ log 4 r (1 − r) = c, so r = ½ + ½ √(1 − e⁻²ᶜ)
    assert kl_inverse_upper(0.5, log(2)) == pytest.approx(0.5 + 0.75**0.5 / 2, rel=1e-14)
    assert kl_inverse_upper(1, 0.3) == 1
    assert kl_inverse_upper(0.2, 0) == 0.2
    assert kl_inverse_upper(0.2, 1e6) == 1
    assert kl_inverse_upper(0.2, 1e308) == 1


@given(st.floats(0, 1), st.floats(1e-12, 3))
def test_it_inverts_the_divergence(p, divergence):
    r = kl_inverse_upper(p, divergence)
    assert p <= r <= 1
    if r < 1 - 1e-9:
        back = kl_divergence([p, 1 - p], [r, 1 - r])
        assert back == pytest.approx(divergence, rel=1e-5)
    assert r <= p + np.sqrt(divergence / 2) + 1e-15  # Pinsker
    assert kl_inverse_upper(p, 2 * divergence) >= r


def test_batches():
    values = kl_inverse_upper([[0.0], [0.1]], [0.01, 0.1, 1.0])
    assert values.shape == (2, 3)
    assert values[1, 2] == kl_inverse_upper(0.1, 1.0)
    assert isinstance(kl_inverse_upper(0.1, 1.0), np.float64)
    assert pac_bayes_bound([0.0, 0.1], [[1.0], [2.0]], 100).shape == (2, 2)


def test_as_printed():
    # √((10 + ln(2 √1000/0.05))/2000)
    assert round(pac_bayes_bound(0, 10, 1000, form="pinsker"), 4) == 0.0926
    # r̂ = 0: 1 − e⁻ᶜ, of the order of D/n instead of its root
    budget = (10 + log(2 * math.sqrt(1000) / 0.05)) / 1000
    assert pac_bayes_bound(0, 10, 1000) == pytest.approx(-math.expm1(-budget), rel=1e-14, abs=0)
    # No divergence is not no surplus.
    assert pac_bayes_bound(0.1, 0, 1000) > 0.1


@given(st.floats(0, 1), st.floats(0, 50), st.integers(1, 10_000), st.floats(0.001, 0.5))
def test_the_kl_form_is_never_the_weaker(risk, divergence, n, delta):
    sharp = pac_bayes_bound(risk, divergence, n, delta=delta)
    assert (
        risk <= sharp <= pac_bayes_bound(risk, divergence, n, delta=delta, form="pinsker") + 1e-14
    )


@pytest.mark.parametrize("n", [*range(1, 41), 100, 1000])
def test_the_constant_of_maurer(n):
    """E exp(n D(r̂‖r)) ≤ 2√n for every r: it is Σ_k C(n, k) (k/n)ᵏ (1 − k/n)ⁿ⁻ᵏ whatever r is."""
    k = np.arange(n + 1)
    assert scipy.stats.binom.pmf(k, n, k / n).sum() <= 2 * math.sqrt(n) * (1 + 1e-12)


@pytest.mark.parametrize("form", ["kl", "pinsker"])
def test_the_bound_fails_no_more_often_than_stated(form):
    """Twenty classifiers, the posterior put on the one that errs least in the sample."""
    rng = np.random.default_rng(1)
    n, delta, trials = 100, 0.2, 4000
    risks = rng.uniform(0.05, 0.5, 20)
    observed = rng.binomial(n, risks, size=(trials, 20)) / n
    best = observed.argmin(axis=1)
    lowest = observed[np.arange(trials), best]
    bounds = pac_bayes_bound(lowest, np.full(trials, log(20)), n, delta=delta, form=form)
    failed = np.sum(risks[best] > bounds)
    assert failed <= scipy.stats.binom.isf(1e-7, trials, delta)


def test_it_is_not_far_from_sharp():
    """One classifier and no divergence: without the 2√n the bound would fail too often."""
    rng = np.random.default_rng(2)
    n, risk, delta, trials = 50, 0.1, 0.5, 4000
    observed = rng.binomial(n, risk, trials) / n
    naive = kl_inverse_upper(observed, np.full(trials, log(1 / 0.9) / n))
    assert np.mean(risk > naive) > 0.1
    assert np.mean(risk > pac_bayes_bound(observed, 0.0, n, delta=delta)) < delta


BAD = [
    (lambda: kl_inverse_upper(1.1, 0.1), "p must lie between 0 and 1; got 1.1"),
    (lambda: kl_inverse_upper(-0.1, 0.1), "p must not be negative; got -0.1"),
    (lambda: kl_inverse_upper(0.1, -1), "divergence must not be negative; got -1"),
    (lambda: kl_inverse_upper(0.1, np.inf), "divergence has a non-finite entry: inf"),
    (lambda: kl_inverse_upper([0.1, 0.2], [1, 2, 3]), "shapes do not broadcast"),
    (lambda: pac_bayes_bound(2, 1, 10), "empirical_risk must lie between 0 and 1"),
    (lambda: pac_bayes_bound(0.1, -1, 10), "divergence must not be negative"),
    (lambda: pac_bayes_bound(0.1, 1, 0), "sample_size must be a whole number, 1 or above"),
    (lambda: pac_bayes_bound(0.1, 1, 10**20), "sample_size must be at most 9007199254740992"),
    (lambda: pac_bayes_bound(0.1, 1, 10, delta=0), "delta must lie strictly between 0 and 1"),
    (lambda: pac_bayes_bound(0.1, 1, 10, form="sqrt"), "form must be 'kl' or 'pinsker'"),
    (lambda: pac_bayes_bound([0.1] * 2, [1] * 3, 10), "shapes do not broadcast"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert message in str(caught.value)
