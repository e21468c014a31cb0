"""The autoencoder's parameters, its loss by definition, and its hand-written gradients."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
import scipy.stats

from kllib.gaussian import kl_multivariate_normal
from kllib.vae.loss import vae_gradient, vae_loss
from kllib.vae.movies import movie_preferences
from kllib.vae.parameters import VAEParameters
from kllib.vae.posterior_collapse import free_bits

X = movie_preferences(np.random.default_rng(0), 30).ratings[:, :5]
HIDDEN = [(0, 0), (6, 0), (0, 4), (6, 4)]
NOISE = np.random.default_rng(1).standard_normal((30, 2))


def made(encoder_hidden, decoder_hidden, seed=2):
    """Parameters none of which is zero."""
    rng = np.random.default_rng(seed)
    vae = VAEParameters.random(
        rng, X, 2, encoder_hidden=encoder_hidden, decoder_hidden=decoder_hidden, noise_var=0.8
    )
    vector = vae.to_vector()
    return vae.from_vector(vector + 0.1 * rng.standard_normal(vector.size))


# ------------------------------------------------------------------ parameters


@pytest.mark.parametrize(("below", "above"), HIDDEN)
def test_vector_and_back(below, above):
    vae = made(below, above)
    vector = vae.to_vector()
    # The layers' sizes: encoder (5 -> below) -> 2 and -> 2, decoder 2 (-> above) -> 5, one noise
    encoder = 6 * below + 2 * (below + 1) * 2 if below else 6 * 2 + 2
    decoder = 3 * above + (above + 1) * 5 if above else 3 * 5
    assert vector.size == encoder + decoder + 1
    np.testing.assert_array_equal(vae.from_vector(vector).to_vector(), vector)
    other = vae.from_vector(np.arange(vector.size))
    np.testing.assert_array_equal(np.sort(other.to_vector()), np.arange(vector.size))
    assert (vae.films, vae.latent_dim) == (5, 2)
    assert vae.encode(X).mu.shape == vae.encode(X).log_var.shape == (30, 2)
    assert vae.decode(NOISE).shape == (30, 5)


def test_layers_by_hand():
    vae = made(6, 4)
    hidden = np.tanh(X @ vae.encoder_hidden.weight + vae.encoder_hidden.bias)
    mu, log_var = vae.encode(X)
    np.testing.assert_allclose(mu, hidden @ vae.encoder_mean.weight + vae.encoder_mean.bias)
    np.testing.assert_allclose(
        log_var, hidden @ vae.encoder_log_var.weight + vae.encoder_log_var.bias
    )
    hidden = np.tanh(NOISE @ vae.decoder_hidden.weight + vae.decoder_hidden.bias)
    np.testing.assert_allclose(
        vae.decode(NOISE), hidden @ vae.decoder_mean.weight + vae.decoder_mean.bias
    )
    linear = made(0, 0)
    mu, log_var = linear.encode(X)
    np.testing.assert_allclose(mu, X @ linear.encoder_mean.weight + linear.encoder_mean.bias)
    assert (log_var == linear.encoder_log_var.bias).all()  # the same for all users


def test_random_parameters_start_from_the_mean_ratings():
    for below, above in HIDDEN:
        vae = VAEParameters.random(
            np.random.default_rng(3), X, 2, encoder_hidden=below, decoder_hidden=above
        )
        np.testing.assert_allclose(vae.decode(np.zeros((1, 2)))[0], X.mean(axis=0), rtol=1e-14)
        np.testing.assert_allclose(vae.encode([X.mean(axis=0)]).mu, 0, atol=1e-13)
        assert vae.log_noise_var == 0
        again = VAEParameters.random(
            np.random.default_rng(3), X, 2, encoder_hidden=below, decoder_hidden=above
        )
        np.testing.assert_array_equal(vae.to_vector(), again.to_vector())


# ------------------------------------------------------------------ the loss


@pytest.mark.parametrize(("below", "above"), HIDDEN)
def test_the_loss_by_definition(below, above):
    """−log p(x|z) at z = μ + σ ε and β times the divergence: sums over films and dimensions, a mean
    over users, by scipy's densities and the general formula for normals."""
    vae = made(below, above)
    loss = vae_loss(vae, X, NOISE, beta=0.7)
    mu, log_var = vae.encode(X)
    reconstructed = vae.decode(mu + np.exp(log_var / 2) * NOISE)
    density = scipy.stats.norm(reconstructed, math.exp(vae.log_noise_var / 2)).logpdf(X)
    divergences = [
        kl_multivariate_normal(m, np.diag(np.exp(v)), [0, 0], np.eye(2))
        for m, v in zip(mu, log_var, strict=True)
    ]
    assert loss.reconstruction == pytest.approx(-density.sum() / 30, rel=1e-13)
    assert loss.kl == pytest.approx(np.mean(divergences), rel=1e-13)
    assert loss.loss == pytest.approx(loss.reconstruction + 0.7 * loss.kl, rel=1e-15)
    assert loss.kl_per_dimension.sum() == pytest.approx(loss.kl, rel=1e-15)
    free = vae_loss(vae, X, NOISE, beta=0.7, free_nats=0.4)
    assert free.kl == loss.kl
    charged = free_bits(loss.kl_per_dimension, 0.4)
    assert free.loss == pytest.approx(loss.reconstruction + 0.7 * charged, rel=1e-15)


@pytest.mark.parametrize("below", [0, 6])
def test_the_exact_loss_is_the_likelihood_plus_the_gap(below):
    """−ELBO = −log p(x) + D(q(z|x)‖p(z|x)): the model of x is normal, and so is the posterior."""
    vae = made(below, 0)
    weight, bias = vae.decoder_mean
    noise_var = math.exp(vae.log_noise_var)
    cov = weight.T @ weight + noise_var * np.eye(5)
    posterior_cov = np.linalg.inv(np.eye(2) + weight @ weight.T / noise_var)
    total = -scipy.stats.multivariate_normal(bias, cov).logpdf(X).sum()
    for x, mu, log_var in zip(X, *vae.encode(X), strict=True):
        posterior_mean = posterior_cov @ weight @ (x - bias) / noise_var
        total += kl_multivariate_normal(
            mu, np.diag(np.exp(log_var)), posterior_mean, (posterior_cov + posterior_cov.T) / 2
        )
    assert vae_loss(vae, X).loss == pytest.approx(total / 30, rel=1e-12)


def test_the_sampled_loss_tends_to_the_exact_one():
    """Its mean over draws of ε, within five standard errors (a false alarm below 1e-6)."""
    vae, rng = made(6, 0), np.random.default_rng(4)
    draws = [vae_loss(vae, X, rng.standard_normal((30, 2))).loss for _ in range(2000)]
    error = np.std(draws) / 2000**0.5
    exact = vae_loss(vae, X).loss
    assert abs(np.mean(draws) - exact) < 5 * error < 0.05 * exact


def test_the_bound_and_its_gap_with_a_nonlinear_decoder():
    """One user, one latent dimension: everything by quadrature over z."""
    rng = np.random.default_rng(5)
    vae = VAEParameters.random(rng, X, 1, encoder_hidden=3, decoder_hidden=4, noise_var=0.5)
    x = X[:1]
    mu, log_var = (float(part[0, 0]) for part in vae.encode(x))
    q = scipy.stats.norm(mu, math.exp(log_var / 2))

    def log_joint(z):
        log_likelihood = scipy.stats.norm(vae.decode([[z]])[0], 0.5**0.5).logpdf(x[0]).sum()
        return log_likelihood + scipy.stats.norm.logpdf(z)

    def integral(f):
        return scipy.integrate.quad(f, -10, 10, points=[mu], epsabs=0, epsrel=1e-9, limit=200)[0]

    evidence = math.log(integral(lambda z: math.exp(log_joint(z))))
    elbo = integral(lambda z: q.pdf(z) * (log_joint(z) - q.logpdf(z)))
    assert elbo < evidence
    noise, weights = np.polynomial.hermite_e.hermegauss(60)
    losses = [vae_loss(vae, x, [[e]]).loss for e in noise]
    assert np.dot(weights, losses) / weights.sum() == pytest.approx(-elbo, rel=1e-6)


# ------------------------------------------------------------------ the gradient

SETTINGS = [
    {},
    {"beta": 0.0},
    {"beta": 4.0},
    {"free_nats": 0.01},  # below the divergence of all dimensions, of some, of none
    {"free_nats": 0.2, "beta": 2.0},
    {"free_nats": 50.0},
]


@pytest.mark.parametrize("options", SETTINGS, ids=str)
@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize(("below", "above"), HIDDEN)
def test_gradients(below, above, exact, options):
    """Against scipy's forward differences, and against central differences of our own."""
    if exact and above:
        with pytest.raises(ValueError, match="noise is needed"):
            vae_gradient(made(below, above), X, **options)
        return
    vae, noise = made(below, above), None if exact else NOISE

    def loss(vector):
        return vae_loss(vae.from_vector(vector), X, noise, **options).loss

    def gradient(vector):
        return vae_gradient(vae.from_vector(vector), X, noise, **options).to_vector()

    here = vae.to_vector()
    value = gradient(here)
    assert scipy.optimize.check_grad(loss, gradient, here) < 3e-6 * np.linalg.norm(value)
    steps = 1e-5 * np.eye(here.size)
    central = [(loss(here + step) - loss(here - step)) / 2e-5 for step in steps]
    np.testing.assert_allclose(value, central, rtol=1e-6, atol=1e-7 * np.abs(value).max())


def test_the_free_bits_of_the_gradient_tests_lie_on_both_sides():
    """A guard: otherwise the tests above would not reach every branch."""
    divergences = np.array([vae_loss(made(*h), X, NOISE).kl_per_dimension for h in HIDDEN])
    assert (divergences > 0.01).all() and (divergences < 50).all()
    assert ((divergences > 0.2).sum(axis=1) == 1).any()


def test_the_sampled_gradient_is_unbiased():
    """Its mean over draws of ε is the exact gradient, each entry within 5.5 standard errors."""
    vae, rng = made(0, 0), np.random.default_rng(6)
    draws = np.array(
        [vae_gradient(vae, X, rng.standard_normal((30, 2))).to_vector() for _ in range(2000)]
    )
    error = draws.std(axis=0) / 2000**0.5 + 1e-12
    exact = vae_gradient(vae, X).to_vector()
    assert (np.abs(draws.mean(axis=0) - exact) / error).max() < 5.5


# ------------------------------------------------------------------ bad input

VAE = made(0, 0)
GENERATOR = np.random.default_rng(7)
CALLS = [
    (lambda: vae_loss(VAE, X[:, :4]), "ratings must have shape (rows, 5); it has (30, 4)"),
    (lambda: vae_loss(VAE, X[0]), "ratings must be a table with one row for each user; got (5,)"),
    (lambda: vae_loss(VAE, [[np.nan] * 5]), "ratings has a non-finite entry"),
    (lambda: vae_loss(VAE, X, NOISE[:, :1]), "noise must have shape (rows, 2); it has (30, 1)"),
    (lambda: vae_loss(VAE, X, NOISE[:7]), "noise has 7 rows for 30 users"),
    (lambda: vae_loss(VAE, X, beta=-1), "beta must not be negative; got -1"),
    (lambda: vae_loss(VAE, X, free_nats=-1), "free_nats must not be negative; got -1"),
    (lambda: vae_loss(made(0, 4), X), "noise is needed: only a linear decoder"),
    (lambda: vae_gradient(VAE, X, beta=np.nan), "beta must be finite; got nan"),
    (lambda: VAE.encode(X[:, :3]), "ratings must have shape (rows, 5)"),
    (lambda: VAE.decode([[0.0]]), "latent must have shape (rows, 2)"),
    (lambda: VAE.from_vector([1.0, 2.0]), "vector must have shape (30,); it has (2,)"),
    (lambda: VAEParameters.random(0, X, 2), "rng must be a numpy.random.Generator"),
    (lambda: VAEParameters.random(GENERATOR, X[0], 2), "ratings must be a table"),
    (lambda: VAEParameters.random(GENERATOR, X, 0), "latent_dim must be a whole number"),
    (
        lambda: VAEParameters.random(GENERATOR, X, 2, encoder_hidden=-1),
        "encoder_hidden must be a whole number",
    ),
    (
        lambda: VAEParameters.random(GENERATOR, X, 2, decoder_hidden=1.5),
        "decoder_hidden must be a whole number",
    ),
    (lambda: VAEParameters.random(GENERATOR, X, 2, noise_var=0), "noise_var must be positive"),
]


@pytest.mark.parametrize(("call", "message"), CALLS, ids=[message for _, message in CALLS])
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


# ------------------------------------------------------------------ beyond the range of a float


def test_overflow_is_reported_and_nothing_else():
    x = np.ones((3, 2))
    vae = VAEParameters.random(np.random.default_rng(0), x, 1)
    size = vae.to_vector().size
    for function in (vae_loss, vae_gradient):
        for vector in (np.full(size, 800.0), np.full(size, -800.0), np.full(size, 1e200)):
            with pytest.raises(ArithmeticError, match="beyond the range of a float"):
                function(vae.from_vector(vector), x)
        with pytest.raises(ValueError, match="ratings has an entry above 1e.150 in size: 1e.200"):
            function(vae, x * 1e200)
        with pytest.raises(ValueError, match="noise has an entry above 1e.150"):
            function(vae, x, np.full((3, 1), 1e200))
        with pytest.raises(ValueError, match="parameters must be a VAEParameters; got tuple"):
            function((1, 2), x)


def test_a_noise_variance_beyond_the_range_of_a_float():
    # ½ log(2π) + ½ log_noise_var + x² e^(−log_noise_var)/2 per film
    x = np.zeros((3, 2))
    vae = VAEParameters.random(np.random.default_rng(0), x, 1)
    zero = np.zeros(vae.to_vector().size)
    vae = replace(vae.from_vector(zero), log_noise_var=2000.0)
    assert vae_loss(vae, x).loss == pytest.approx(math.log(2 * math.pi) + 2000, rel=1e-14)


def test_parameters_do_not_change_with_the_vector_they_were_made_from():
    vae = made(*HIDDEN[0])
    vector = vae.to_vector()
    copy = vae.from_vector(vector)
    vector += 1
    np.testing.assert_array_equal(copy.to_vector(), vae.to_vector())
