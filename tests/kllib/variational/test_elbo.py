"""The evidence lower bound and its gap: the identity, known values, enumeration, bad input."""

import itertools
import re

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from numpy import inf, log

from kllib.discrete import kl_divergence, normalize
from kllib.variational.elbo import elbo_discrete, elbo_normal, importance_weighted_bound

# ------------------------------------------------------------------ the normal model


def test_the_worked_example_of_the_sources():
    """Prior N(0, 1), x|z ~ N(z, 0.1), q = N(φ x, 0.5), x = 2: best φ = 10/11."""
    split = elbo_normal(2, 2 * 10 / 11, 0.5**0.5, noise_sigma=0.1**0.5)
    assert round(split.elbo, 4) == -4.1824
    assert round(split.log_evidence, 4) == -2.7848
    assert round(split.gap, 4) == 1.3976
    # −½ ln(2π·.1) − ((2 − 2φ)² + .5)/.2 and ½ (4φ² + .5 − ln .5 − 1)
    phi = 10 / 11
    reconstruction = -log(2 * np.pi * 0.1) / 2 - ((2 - 2 * phi) ** 2 + 0.5) / 0.2
    assert split.reconstruction == pytest.approx(reconstruction, rel=1e-13)
    prior_term = (4 * phi**2 + 0.5 - log(0.5) - 1) / 2
    assert split.kl_to_prior == pytest.approx(prior_term, rel=1e-13)
    others = elbo_normal(2, 2 * np.linspace(0, 1.5, 100), 0.5**0.5, noise_sigma=0.1**0.5)
    assert others.elbo.max() <= split.elbo + 1e-12


def test_less_noise_with_a_fixed_q_is_no_collapse():
    """The bound goes to −∞ as the noise vanishes, while the best mean tends to x."""
    variances = np.array([0.1, 0.001, 0.0001])
    weights = 1 / (1 + variances)
    split = elbo_normal(2, 2 * weights, 0.5**0.5, noise_sigma=variances**0.5)
    np.testing.assert_allclose(split.elbo, [-4.18, -249.6, -2498], rtol=2e-3)
    # With the posterior's own variance nothing is lost
    split = elbo_normal(2, 2 * weights, (variances * weights) ** 0.5, noise_sigma=variances**0.5)
    np.testing.assert_allclose(split.elbo, split.log_evidence, rtol=1e-13)
    assert (split.gap < 1e-25).all()


def test_quadrature():
    """Every term as an integral over z."""
    arguments = {"noise_sigma": 0.7, "prior_mu": -0.5, "prior_sigma": 1.3}
    split = elbo_normal(1.2, 0.4, 0.5, **arguments)
    prior, q = scipy.stats.norm(-0.5, 1.3), scipy.stats.norm(0.4, 0.5)

    def likelihood(z):
        return scipy.stats.norm(z, 0.7)

    def integral(f):
        return scipy.integrate.quad(f, -10, 10, points=[0.4], epsabs=0, epsrel=1e-11, limit=200)[0]

    evidence = integral(lambda z: prior.pdf(z) * likelihood(z).pdf(1.2))
    assert split.log_evidence == pytest.approx(log(evidence), rel=1e-9)
    expected = integral(lambda z: q.pdf(z) * likelihood(z).logpdf(1.2))
    assert split.reconstruction == pytest.approx(expected, rel=1e-9)
    expected = integral(lambda z: q.pdf(z) * (q.logpdf(z) - prior.logpdf(z)))
    assert split.kl_to_prior == pytest.approx(expected, rel=1e-9)

    def log_posterior(z):
        return prior.logpdf(z) + likelihood(z).logpdf(1.2) - log(evidence)

    expected = integral(lambda z: q.pdf(z) * (q.logpdf(z) - log_posterior(z)))
    assert split.gap == pytest.approx(expected, rel=1e-9)


@given(
    st.floats(-5, 5),
    st.floats(-5, 5),
    st.floats(0.05, 5),
    st.floats(0.05, 5),
    st.floats(-5, 5),
    st.floats(0.05, 5),
)
def test_the_identity_of_the_normal_model(x, mu, sigma, noise, prior_mu, prior_sigma):
    """The three parts are computed independently of each other, and add up for every q."""
    split = elbo_normal(x, mu, sigma, noise_sigma=noise, prior_mu=prior_mu, prior_sigma=prior_sigma)
    size = abs(split.log_evidence) + abs(split.reconstruction) + split.kl_to_prior + 1
    assert abs(split.log_evidence - split.elbo - split.gap) < 1e-13 * size
    assert split.elbo == split.reconstruction - split.kl_to_prior
    assert split.elbo <= split.log_evidence + 1e-13 * size
    assert split.gap >= 0


def test_shapes_of_the_normal_model():
    assert all(np.ndim(part) == 0 for part in vars(elbo_normal(0, 0, 1, noise_sigma=1)).values())
    split = elbo_normal(np.zeros((3, 1)), np.zeros(4), 1, noise_sigma=2)
    assert split.elbo.shape == split.gap.shape == (3, 4)


# ------------------------------------------------------------------ the finite model


def test_a_finite_model_by_hand():
    # p(x) = ½·.3 + ½·.1 = .2, posterior (¾, ¼); with q = (1, 0) the gap is −log ¾
    split = elbo_discrete([1, 0], [0.5, 0.5], log([0.3, 0.1]))
    assert split.log_evidence == pytest.approx(log(0.2), rel=1e-15)
    assert split.gap == pytest.approx(-log(0.75), rel=1e-15)
    assert split.reconstruction == pytest.approx(log(0.3), rel=1e-15)
    assert split.kl_to_prior == pytest.approx(log(2), rel=1e-15)
    assert elbo_discrete([0.75, 0.25], [0.5, 0.5], log([0.3, 0.1])).gap < 1e-30


@given(st.integers(1, 6), st.data())
def test_the_identity_of_the_finite_model(k, data):
    weights = st.lists(st.floats(0.001, 1), min_size=k, max_size=k).map(normalize)
    q, prior = data.draw(weights), data.draw(weights)
    log_likelihood = np.array(data.draw(st.lists(st.floats(-20, 3), min_size=k, max_size=k)))
    split = elbo_discrete(q, prior, log_likelihood)
    size = np.abs(log_likelihood).max() + 10
    assert abs(split.log_evidence - split.elbo - split.gap) < 1e-14 * size
    joint = prior * np.exp(log_likelihood)
    assert split.log_evidence == pytest.approx(log(joint.sum()), rel=1e-12, abs=1e-12)
    assert split.gap == pytest.approx(kl_divergence(q, normalize(joint)), rel=1e-9, abs=1e-25)


@pytest.mark.parametrize("offset", [-1e6, -1e4, 1e4])
def test_an_offset_of_all_log_likelihoods_changes_no_gap(offset):
    q, prior = [0.2, 0.3, 0.5], [0.1, 0.6, 0.3]
    plain = elbo_discrete(q, prior, [-1.0, -2.5, 0.25])
    moved = elbo_discrete(q, prior, np.array([-1.0, -2.5, 0.25]) + offset)
    assert moved.gap == pytest.approx(plain.gap, rel=1e-12, abs=0)
    assert moved.log_evidence == pytest.approx(plain.log_evidence + offset, rel=1e-15)


def test_a_posterior_that_underflows():
    # Posterior (1, e⁻²⁰⁰⁰): with q = (½, ½), D = ½ log(½) + ½ (log ½ + 2000)
    split = elbo_discrete([0.5, 0.5], [0.5, 0.5], [0.0, -2000.0])
    assert split.gap == pytest.approx(log(0.5) + 1000, rel=1e-14)


def test_what_is_impossible():
    # z = 1 cannot have produced x
    split = elbo_discrete([0.5, 0.5], [0.5, 0.5], [log(0.3), -inf])
    assert (split.elbo, split.gap, split.reconstruction) == (-inf, inf, -inf)
    assert split.log_evidence == pytest.approx(log(0.15), rel=1e-15)
    split = elbo_discrete([1, 0], [0.5, 0.5], [log(0.3), -inf])
    assert split.gap == 0
    assert split.elbo == pytest.approx(log(0.15), rel=1e-15)
    # The prior excludes z = 1, and q does not
    split = elbo_discrete([0.5, 0.5], [1, 0], [log(0.3), 0.0])
    assert (split.elbo, split.gap, split.kl_to_prior) == (-inf, inf, inf)
    assert split.reconstruction == pytest.approx(log(0.3) / 2, rel=1e-15)


def test_batches_of_the_finite_model():
    rng = np.random.default_rng(3)
    q, prior = rng.dirichlet(np.ones(4), (5, 1)), rng.dirichlet(np.ones(4))
    log_likelihood = rng.standard_normal((3, 4))
    split = elbo_discrete(q, prior, log_likelihood)
    assert split.elbo.shape == split.gap.shape == (5, 3)
    assert split.log_evidence.shape == (3,)
    one = elbo_discrete(q[2, 0], prior, log_likelihood[1])
    assert split.gap[2, 1] == pytest.approx(one.gap, rel=1e-14)
    assert split.elbo[2, 1] == pytest.approx(one.elbo, rel=1e-14)
    assert all(np.ndim(part) == 0 for part in vars(one).values())


# ------------------------------------------------------------------ the importance-weighted bound


def test_the_expected_bound_rises_from_the_elbo_to_the_evidence():
    """Its expectation over k draws from q, by enumeration of all z₁, ..., z_k."""
    q, prior = np.array([0.15, 0.6, 0.25]), np.array([0.2, 0.5, 0.3])
    log_likelihood = log([0.1, 0.7, 0.4])
    split = elbo_discrete(q, prior, log_likelihood)
    log_weights = log(prior) + log_likelihood - log(q)

    def expected(k):
        draws = np.array(list(itertools.product(range(3), repeat=k)))
        return q[draws].prod(axis=1) @ importance_weighted_bound(log_weights[draws])

    values = [expected(k) for k in range(1, 9)]
    assert values[0] == pytest.approx(split.elbo, rel=1e-14)
    assert (np.diff(values) > 0).all()
    assert values[-1] < split.log_evidence
    # The gap of k draws is Var(w)/(2 k p(x)²) to first order
    variance = q @ np.exp(2 * log_weights) / np.exp(2 * split.log_evidence) - 1
    assert split.log_evidence - values[-1] == pytest.approx(variance / 16, rel=0.2)


def test_importance_weights_by_hand():
    assert importance_weighted_bound([log(2), log(4)]) == pytest.approx(log(3), rel=1e-15)
    assert importance_weighted_bound([-5.0]) == -5
    assert importance_weighted_bound([0.0, -inf]) == pytest.approx(-log(2), rel=1e-15)
    assert importance_weighted_bound([-inf, -inf]) == -inf
    assert importance_weighted_bound([1e5, 0.0]) == pytest.approx(1e5 - log(2), rel=1e-15)
    assert importance_weighted_bound([1e-20, 3e-20]) == pytest.approx(2e-20, rel=1e-12)
    assert importance_weighted_bound(np.zeros((4, 5, 3))).tolist() == np.zeros((4, 5)).tolist()


@pytest.mark.parametrize("k", [2, 10**3, 10**6])
def test_one_weight_dominates(k):
    """log(1/k) of k weights, one of them 1 and the others e^−1000 or 0."""
    for rest in (-1000.0, -inf):
        log_weights = np.full(k, rest)
        log_weights[k // 2] = 0.0
        assert importance_weighted_bound(log_weights) == pytest.approx(-log(k), rel=1e-14)


def test_extremes_without_warnings():
    assert importance_weighted_bound([1e308, -1e308]) == pytest.approx(1e308)
    assert elbo_discrete(FAIR, FAIR, [8e307, -8e307]).gap == pytest.approx(8e307)
    split = elbo_normal(0, 0, 1e200, noise_sigma=1e-200)
    assert (split.elbo, split.gap) == (-inf, inf)


def test_results_with_arrays_can_be_compared():
    split = elbo_discrete([FAIR, FAIR], FAIR, [0.0, 0.0])
    assert split == split
    assert split != elbo_discrete([FAIR, FAIR], FAIR, [0.0, 0.0])


# ------------------------------------------------------------------ bad input

FAIR = [0.5, 0.5]
CALLS = [
    (lambda: elbo_normal(np.nan, 0, 1, noise_sigma=1), "x has a non-finite entry"),
    (lambda: elbo_normal(0, np.inf, 1, noise_sigma=1), "mu has a non-finite entry"),
    (lambda: elbo_normal(0, 0, 0, noise_sigma=1), "sigma has an entry that is not positive"),
    (lambda: elbo_normal(0, 0, 1, noise_sigma=-1), "noise_sigma has an entry that is not positive"),
    (
        lambda: elbo_normal(0, 0, 1, noise_sigma=1, prior_sigma=0),
        "prior_sigma has an entry that is not positive",
    ),
    (lambda: elbo_normal(0, 0, 1, noise_sigma=1, prior_mu="0"), "prior_mu must hold real numbers"),
    (lambda: elbo_normal([0, 1], [0, 1, 2], 1, noise_sigma=1), "shapes do not broadcast"),
    (lambda: elbo_normal(1e308, 0, 1, noise_sigma=1, prior_mu=-1e308), "x and prior_mu, are too"),
    (lambda: elbo_normal(0, 0, 1, noise_sigma=1.7e308, prior_sigma=1.7e308), "prior_sigma and no"),
    (lambda: elbo_discrete([0.5, 0.6], FAIR, [0, 0]), "q sums to 1.1"),
    (lambda: elbo_discrete(FAIR, [0.5, 0.6], [0, 0]), "prior sums to 1.1"),
    (lambda: elbo_discrete(FAIR, FAIR, [0, 0, 0]), "lengths differ"),
    (lambda: elbo_discrete(FAIR, FAIR, [0, np.nan]), "log_likelihood has a non-finite entry: nan"),
    (lambda: elbo_discrete(FAIR, FAIR, [0, inf]), "log_likelihood has a non-finite entry: inf"),
    (lambda: elbo_discrete(FAIR, FAIR, ["a", "b"]), "log_likelihood must hold real numbers"),
    (lambda: elbo_discrete(FAIR, FAIR, [[0], [0, 1]]), "log_likelihood is not an array of numbers"),
    (lambda: elbo_discrete(FAIR, FAIR, [-inf, -inf]), "x is impossible under every z"),
    (lambda: elbo_discrete([1, 0], [0, 1], [0, -inf]), "x is impossible under every z"),
    (lambda: importance_weighted_bound([0, np.nan]), "log_weights has a non-finite entry: nan"),
    (lambda: importance_weighted_bound([]), "log_weights is empty"),
    (lambda: importance_weighted_bound(0.5), "log_weights must be a vector"),
]


@pytest.mark.parametrize(("call", "message"), CALLS, ids=[message for _, message in CALLS])
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
