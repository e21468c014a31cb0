"""Diffusion of normal data: the process, the bound as a sum of divergences, and what it misses.

The second route to everything is linear algebra: all of x_0, ..., x_T are jointly normal, under
the process and under the model, and the divergence of the two is one of normal vectors.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kllib.gaussian import kl_multivariate_normal, kl_normal
from kllib.generative.denoising import (
    LinearDenoiser,
    diffusion_bound,
    diffusion_sample,
    noise_prediction_weights,
    optimal_denoiser,
)
from kllib.generative.diffusion import (
    diffusion_marginal,
    diffusion_posterior,
    linear_variance_schedule,
)

SCHEDULES = st.lists(st.floats(0.01, 0.9), min_size=1, max_size=6).map(np.array)
MEANS, SCALES = st.floats(-3, 3), st.floats(0.2, 3)


def process(mu, sigma, betas):
    """Mean and covariance of (x_0, ..., x_T) under q, step by step."""
    T = len(betas)
    weights = np.zeros((T + 1, T + 1))  # of x_0 and each noise
    weights[0, 0] = sigma
    mean = np.empty(T + 1)
    mean[0] = mu
    for t, beta in enumerate(betas, start=1):
        weights[t] = np.sqrt(1 - beta) * weights[t - 1]
        weights[t, t] = np.sqrt(beta)
        mean[t] = np.sqrt(1 - beta) * mean[t - 1]
    return mean, weights @ weights.T


def steps_back(betas):
    """Slope and intercept of E[x_{t−1}|x_t, x_0] by conditioning normal vectors."""
    for t in range(1, len(betas) + 1):
        _, cov = process(0.0, 1.0, betas)  # given x_0: subtract what x_0 explains
        kept = cov[:, 0]
        given_start = cov - np.outer(kept, kept)
        if t == 1:
            yield 1.0, 0.0
            continue
        here = given_start[t - 1, t] / given_start[t, t]
        yield kept[t - 1] - here * kept[t], here


def chain(model, betas):
    """Mean and covariance of (x_0, ..., x_T) under the model, backwards from x_T."""
    T = len(betas)
    weights = np.zeros((T + 1, T + 1))
    weights[T, T] = 1
    mean = np.zeros(T + 1)
    for t, (start, here) in reversed(list(enumerate(steps_back(betas), start=1))):
        slope = here + start * model.gains[t - 1]
        weights[t - 1] = slope * weights[t]
        weights[t - 1, t - 1] = np.sqrt(model.variances[t - 1])
        mean[t - 1] = slope * mean[t] + start * model.offsets[t - 1]
    return mean, weights @ weights.T


def entropy(sigma):
    return (1 + np.log(2 * np.pi * sigma**2)) / 2


# --------------------------------------------------------------------------------- the process


def test_by_hand():
    # Two steps of β = ½ keep a quarter: x_2 = x_0/2 + noise of variance ¾
    mean, variance = diffusion_marginal(4.0, [0.5, 0.5], 2)
    assert mean == pytest.approx(2, rel=1e-15) and variance == pytest.approx(0.75, rel=1e-15)
    assert diffusion_marginal(4.0, [0.5, 0.5], 0) == (4.0, 0.0)
    # β̃_2 = ½·½/¾; mean √½·½/¾ x_0 + √½·½/¾ x_2
    mean, variance = diffusion_posterior(3.0, 6.0, [0.5, 0.5], 2)
    assert variance == pytest.approx(1 / 3, rel=1e-15)
    assert mean == pytest.approx(9 * np.sqrt(0.5) * 2 / 3, rel=1e-14)


def test_schedule_of_the_reference():
    betas = linear_variance_schedule(1000)
    assert betas[0] == 1e-4 and betas[-1] == 0.02 and betas.size == 1000
    np.testing.assert_allclose(np.diff(betas), (0.02 - 1e-4) / 999, rtol=1e-9)
    # What is left of x_0 after 1000 steps, as a product written out
    mean, variance = diffusion_marginal(1.0, betas, 1000)
    assert mean == pytest.approx(np.sqrt(np.prod(1 - betas)), rel=1e-12)
    assert kl_normal(mean, np.sqrt(variance), 0, 1) < 2.1e-5  # "≈ 10⁻⁵ bits per dimension"
    assert linear_variance_schedule(1, 0.3, 0.4).tolist() == [0.3]


@given(SCHEDULES, MEANS, SCALES)
def test_marginals_and_posteriors_by_conditioning(betas, mu, sigma):
    """q(x_t|x_0) and q(x_{t−1}|x_t, x_0) from the joint covariance given x_0."""
    _, cov = process(0.0, 1.0, betas)
    kept = cov[:, 0]
    noise = cov - np.outer(kept, kept)
    for t in range(1, betas.size + 1):
        mean, variance = diffusion_marginal(mu, betas, t)
        assert mean == pytest.approx(kept[t] * mu, rel=1e-12, abs=0)
        assert variance == pytest.approx(noise[t, t], rel=1e-12, abs=0)
        back = diffusion_posterior(mu, sigma, betas, t)
        before = noise[t - 1, t - 1] - noise[t - 1, t] ** 2 / noise[t, t]
        assert back.variance == pytest.approx(before, rel=1e-9, abs=1e-15)
        slope = noise[t - 1, t] / noise[t, t]
        expected = kept[t - 1] * mu + slope * (sigma - kept[t] * mu)
        assert back.mean == pytest.approx(expected, rel=1e-10, abs=1e-12)


def test_tiny_noise_keeps_its_digits():
    """1 − ᾱ is the sum of the betas when they are tiny; 1 minus a product would give zero."""
    for beta in (1e-17, 1e-100, 1e-300):
        variance = diffusion_marginal(1.0, [beta, 2 * beta], 2).variance
        assert variance == pytest.approx(3 * beta, rel=1e-14, abs=0)
        back = diffusion_posterior(1.0, 1.0, [beta, 2 * beta], 2)
        assert back.variance == pytest.approx(2 * beta / 3, rel=1e-14, abs=0)
        assert back.mean == pytest.approx(1, rel=1e-14)


def test_shapes():
    mean, variance = diffusion_marginal([[0.0, 1.0]], [0.5], 1)
    assert mean.shape == (1, 2) and np.ndim(variance) == 0
    assert diffusion_posterior([0.0, 1.0], [[1.0], [2.0]], [0.5, 0.5], 2).mean.shape == (2, 2)
    assert isinstance(diffusion_marginal(1, [0.5], 1).mean, np.float64)


# ----------------------------------------------------------------------------------- the bound


@given(SCHEDULES, MEANS, SCALES, st.sampled_from(["optimal", "forward", "other"]))
def test_bound_is_a_joint_divergence(betas, mu, sigma, variance):
    """total = H(data) + D(q(x_0, ..., x_T)‖p(x_0, ..., x_T)), and the gap that given x_0."""
    T = betas.size
    if variance == "other":  # some model that is no optimum of anything
        model = LinearDenoiser(np.full(T, 0.7), np.full(T, 0.2), np.linspace(0.3, 0.5, T))
    else:
        model = optimal_denoiser(mu, sigma, betas, variance=variance)
    bound = diffusion_bound(mu, sigma, betas, model)
    q_mean, q_cov = process(mu, sigma, betas)
    p_mean, p_cov = chain(model, betas)
    joint = kl_multivariate_normal(q_mean, q_cov, p_mean, p_cov)
    assert bound.total == pytest.approx(entropy(sigma) + joint, rel=1e-9, abs=1e-9)
    # The likelihood from the model's marginal, the first coordinate
    marginal = kl_normal(mu, sigma, p_mean[0], np.sqrt(p_cov[0, 0]))
    assert bound.negative_log_likelihood == pytest.approx(entropy(sigma) + marginal, rel=1e-9)
    assert bound.gap == pytest.approx(joint - marginal, rel=1e-8, abs=1e-9)
    assert bound.gap >= -1e-12 * (1 + abs(bound.total))
    assert bound.denoising.shape == (T - 1,)
    assert (bound.denoising >= 0).all() and bound.prior >= 0
    total = bound.prior + bound.denoising.sum() + bound.reconstruction
    assert bound.total == pytest.approx(total, rel=1e-13, abs=0)


@given(SCHEDULES, MEANS, SCALES)
def test_with_the_best_model_only_the_start_is_lost(betas, mu, sigma):
    """D(q‖p) of the chains is D(q(x_T)‖N(0, 1)): the way back is q's own."""
    bound = diffusion_bound(mu, sigma, betas, optimal_denoiser(mu, sigma, betas))
    mean, cov = process(mu, sigma, betas)
    lost = kl_normal(mean[-1], np.sqrt(cov[-1, -1]), 0, 1)
    assert bound.total == pytest.approx(entropy(sigma) + lost, rel=1e-10, abs=1e-11)
    # Data processing: what is lost in x_0 is at most what is lost in x_T
    assert bound.negative_log_likelihood <= bound.total + 1e-12


@given(SCHEDULES, MEANS, SCALES, st.floats(-0.3, 0.3), st.integers(0, 5))
def test_nothing_beats_the_best_model(betas, mu, sigma, change, which):
    best = optimal_denoiser(mu, sigma, betas)
    least = diffusion_bound(mu, sigma, betas, best).total
    i = which % betas.size
    for name in ("gains", "offsets", "variances"):
        fields = {key: getattr(best, key).copy() for key in ("gains", "offsets", "variances")}
        fields[name][i] = fields[name][i] * np.exp(change) + (name == "offsets") * change
        other = diffusion_bound(mu, sigma, betas, LinearDenoiser(**fields))
        assert other.total >= least - 1e-12 * (1 + abs(least))


@given(SCHEDULES, MEANS, SCALES)
def test_terms_by_averaging_divergences(betas, mu, sigma):
    """Each term by Gauss–Hermite quadrature over x_0 and the noise, of `kl_normal`."""
    model = optimal_denoiser(mu, sigma, betas, variance="forward")
    bound = diffusion_bound(mu, sigma, betas, model)
    nodes, weights = np.polynomial.hermite_e.hermegauss(6)  # exact for squares
    weights = weights / weights.sum()
    x0 = mu + sigma * nodes
    end = diffusion_marginal(x0, betas, betas.size)
    prior = weights @ kl_normal(end.mean, np.sqrt(end.variance), 0, 1)
    assert bound.prior == pytest.approx(prior, rel=1e-10, abs=1e-14)
    for t in range(2, betas.size + 1):
        mean, variance = diffusion_marginal(x0, betas, t)
        xt = mean[:, None] + np.sqrt(variance) * nodes
        target = diffusion_posterior(x0[:, None], xt, betas, t)
        guess = model.gains[t - 1] * xt + model.offsets[t - 1]
        model_mean = diffusion_posterior(guess, xt, betas, t).mean
        scale = np.sqrt(model.variances[t - 1])
        values = kl_normal(target.mean, np.sqrt(target.variance), model_mean, scale)
        average = weights @ values @ weights
        assert bound.denoising[t - 2] == pytest.approx(average, rel=1e-9, abs=1e-13)


def test_monte_carlo():
    """log q(x_1..x_T|x_0) − log p(x_0..x_T) over a million draws, within five standard errors.

    A normal error passes five standard errors once in 1.7 million times.
    """
    mu, sigma, betas = 0.5, 1.5, np.array([0.1, 0.3, 0.6])
    model = optimal_denoiser(mu, sigma, betas, variance="forward")
    rng = np.random.default_rng(0)
    x0 = rng.normal(mu, sigma, 1_000_000)

    def log_normal(x, mean, variance):
        return -((x - mean) ** 2 / variance + np.log(2 * np.pi * variance)) / 2

    loss, x = np.zeros(x0.size), x0
    for t, (start, here) in enumerate(steps_back(betas), start=1):
        beta = betas[t - 1]
        mean = np.sqrt(1 - beta) * x
        following = mean + np.sqrt(beta) * rng.standard_normal(x.size)
        loss += log_normal(following, mean, beta)
        guess = model.gains[t - 1] * following + model.offsets[t - 1]
        loss -= log_normal(x, start * guess + here * following, model.variances[t - 1])
        x = following
    loss -= log_normal(x, 0, 1)
    total = diffusion_bound(mu, sigma, betas, model).total
    assert abs(loss.mean() - total) < 5 * loss.std() / np.sqrt(loss.size)


def test_the_two_variances_of_the_reference():
    """ "forward" is best for standard normal data, "posterior" in the limit of one point."""
    betas = np.array([0.2, 0.4, 0.3])
    one = optimal_denoiser(0.0, 1.0, betas)
    np.testing.assert_allclose(one.variances, betas, rtol=1e-14)
    point = optimal_denoiser(2.0, 1e-9, betas)
    posterior = optimal_denoiser(2.0, 1.0, betas, variance="posterior")
    np.testing.assert_allclose(point.variances[1:], posterior.variances[1:], rtol=1e-14)
    # At t = 1 the posterior's variance is zero, and a density at one point costs everything
    assert posterior.variances[0] == 0
    bound = diffusion_bound(2.0, 1.0, betas, posterior)
    assert bound.reconstruction == bound.total == bound.gap == np.inf
    assert np.isfinite(bound.denoising).all() and np.isfinite(bound.negative_log_likelihood)


@pytest.mark.parametrize("mu", [1e-2, 1e-5, 1e-8])
def test_a_small_gap_keeps_its_digits(mu):
    """For data N(mu, 1) and their best model it is c mu², as only means differ from N(0, 1)."""
    betas = linear_variance_schedule(50, 0.001, 0.1)
    one, small = (diffusion_bound(m, 1.0, betas, optimal_denoiser(m, 1.0, betas)) for m in (1, mu))
    assert small.gap == pytest.approx(mu**2 * one.gap, rel=1e-6, abs=0)
    assert one.gap == pytest.approx(one.total - one.negative_log_likelihood, rel=1e-12, abs=0)


def test_no_gap_for_standard_normal_data():
    """The model is the process run backwards; a difference of totals would leave 1e-15."""
    betas = linear_variance_schedule(1000)
    bound = diffusion_bound(0.0, 1.0, betas, optimal_denoiser(0.0, 1.0, betas))
    assert 0 <= bound.gap < 1e-25


@pytest.mark.parametrize(("sigma", "variance"), [(1e-150, 1e-300), (1.0, 0.5), (1e150, 1.0)])
def test_narrow_and_wide_data(sigma, variance):
    """One step of β = ½: Var(x_0|x_1) = 1/(1/σ² + ½/½), and every term is finite."""
    model = optimal_denoiser(0.0, sigma, [0.5])
    assert model.variances == pytest.approx([variance], rel=1e-12)
    bound = diffusion_bound(0.0, sigma, [0.5], model)
    assert np.isfinite([bound.total, bound.negative_log_likelihood, bound.gap]).all()


def test_the_model_holds_no_array_of_the_caller():
    betas = np.array([0.2, 0.5])
    model = optimal_denoiser(0.0, 1.0, betas, variance="forward")
    betas[0] = 0.9
    assert model.variances[0] == 0.2


def test_many_small_steps_of_the_reference():
    """With T = 1000 and data of unit variance the bound is tight to 1e-8; the sum has a limit."""
    betas = linear_variance_schedule(1000)
    bound = diffusion_bound(0.0, 0.5, betas, optimal_denoiser(0.0, 0.5, betas))
    assert bound.total - entropy(0.5) < 1e-8
    assert bound.denoising.size == 999


def test_noise_weights_give_the_same_terms():
    """L_{t−1} less its comparison of variances is the weight times the error in the noise."""
    mu, sigma, betas = 1.0, 0.7, np.array([0.1, 0.3, 0.6])
    kept = np.cumprod(1 - betas)
    exact = optimal_denoiser(mu, sigma, betas)
    gains = exact.gains * 0.9
    weights = noise_prediction_weights(betas, betas)
    # x̂_0 = gain x_t + offset guesses the noise ε̂ = (x_t − √ᾱ x̂_0)/√(1 − ᾱ)
    model = LinearDenoiser(gains, exact.offsets, betas)
    bound = diffusion_bound(mu, sigma, betas, model)
    nodes, share = np.polynomial.hermite_e.hermegauss(6)
    share = share / share.sum()
    for t in (2, 3):
        a = kept[t - 1]
        x0, noise = (mu + sigma * nodes)[:, None], nodes
        xt = np.sqrt(a) * x0 + np.sqrt(1 - a) * noise
        guess = (xt - np.sqrt(a) * (gains[t - 1] * xt + exact.offsets[t - 1])) / np.sqrt(1 - a)
        error = share @ (guess - noise) ** 2 @ share
        ratio = diffusion_posterior(0.0, 0.0, betas, t).variance / betas[t - 1]
        term = weights[t - 1] * error + (ratio - 1 - np.log(ratio)) / 2
        assert bound.denoising[t - 2] == pytest.approx(term, rel=1e-11)


def test_samples_have_the_moments_of_the_model():
    """10⁵ draws; five standard errors for mean and variance (a false alarm in 1e6)."""
    mu, sigma, betas = 2.0, 0.5, linear_variance_schedule(40, 0.01, 0.3)
    model = optimal_denoiser(mu, sigma, betas, variance="forward")
    x = diffusion_sample(model, betas, np.random.default_rng(3), 100_000)
    mean, cov = chain(model, betas)
    variance = cov[0, 0]
    assert abs(x.mean() - mean[0]) < 5 * np.sqrt(variance / x.size)
    assert abs(x.var() - variance) < 5 * variance * np.sqrt(2 / x.size)
    again = diffusion_sample(model, betas, np.random.default_rng(3), 100_000)
    np.testing.assert_array_equal(x, again)


# ---------------------------------------------------------------------------------- bad input

OK = optimal_denoiser(0.0, 1.0, [0.5, 0.5])
RNG = np.random.default_rng(0)
BAD = [
    (lambda: linear_variance_schedule(0), "steps must be a whole number, 1 or above"),
    (lambda: linear_variance_schedule(10, 0.0), "first must lie strictly between 0 and 1"),
    (lambda: linear_variance_schedule(10, 0.1, 1.0), "last must lie strictly between 0 and 1"),
    (lambda: diffusion_marginal(0.0, [0.5, 1.0], 1), "betas must be above 0 and below 1; got 1 at"),
    (lambda: diffusion_marginal(0.0, [[0.5]], 1), "betas must be a vector; its shape is (1, 1)"),
    (lambda: diffusion_marginal(0.0, 0.5, 1), "betas must be a vector"),
    (lambda: diffusion_marginal(0.0, [0.5], 2), "t must be at most 1, the number of betas; got 2"),
    (lambda: diffusion_marginal(0.0, [0.5], -1), "t must be a whole number, 0 or above"),
    (lambda: diffusion_marginal(np.nan, [0.5], 1), "x0 has a non-finite entry"),
    (lambda: diffusion_posterior(0.0, 0.0, [0.5], 0), "t must be a whole number, 1 or above"),
    (lambda: diffusion_posterior([0, 1], [0, 1, 2], [0.5], 1), "shapes do not broadcast: x0 has"),
    (lambda: optimal_denoiser(0.0, 0.0, [0.5]), "sigma has an entry that is not positive"),
    (
        lambda: optimal_denoiser([0.0, 1.0], 1.0, [0.5]),
        "mu must be a single number; its shape is (2,)",
    ),
    (lambda: optimal_denoiser(0.0, 1e200, [0.5]), "sigma must be at most 1e+150 in size"),
    (lambda: optimal_denoiser(0.0, 1.0, [0.5], variance="x"), "'forward' or 'posterior'; got 'x'"),
    (lambda: diffusion_bound(0.0, 1.0, [0.5], OK), "model.gains must have one entry for each of t"),
    (
        lambda: diffusion_bound(0.0, 1.0, [0.5], LinearDenoiser([1.0], [0.0], [-1.0])),
        "model.variances has a negative entry",
    ),
    (lambda: optimal_denoiser(0, 1e-170, [0.5]), "sigma must be at least 1e-150; got 1e-170"),
    (lambda: optimal_denoiser(0, 1, [0.5], variance=["optimal"]), "variance must be 'optimal'"),
    (lambda: diffusion_bound(0, 1, [0.5], None), "model must be a LinearDenoiser; got NoneType"),
    (lambda: diffusion_sample(None, [0.5], RNG, 1), "model must be a LinearDenoiser; got NoneType"),
    (
        lambda: diffusion_bound(0.0, 1.0, [0.5], LinearDenoiser([1.0], [0.0], [1e-320])),
        "model.variances has an entry between 0 and 1e-300",
    ),
    (
        lambda: diffusion_bound(0.0, 1.0, [0.5], LinearDenoiser([1e200], [0.0], [1.0])),
        "the model has an entry above 1e+150 in size: 1e+200",
    ),
    (
        lambda: diffusion_bound(0, 1, [0.5] * 4, LinearDenoiser([1e150] * 4, [0] * 4, [1] * 4)),
        "what the model generates is beyond the range of a float",
    ),
    (lambda: noise_prediction_weights([0.5], [1e-320]), "variances has an entry between 0 and 1e-"),
    (lambda: diffusion_sample(OK, [0.5, 0.5], RNG, 0), "size must be a whole number"),
    (lambda: diffusion_sample(OK, [0.5, 0.5], 7, 10), "rng must be a numpy.random.Generator"),
    (lambda: noise_prediction_weights([0.5], [0.0]), "variances has an entry that is not positive"),
    (lambda: noise_prediction_weights([0.5], [0.5, 0.5]), "lengths differ: betas has 1"),
]


@pytest.mark.parametrize(("call", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_input(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert message in str(caught.value)
