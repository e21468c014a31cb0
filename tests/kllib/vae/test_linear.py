"""The linear autoencoder's optimum against likelihoods, optimisers and training."""

import math
import re

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
import scipy.stats
from sklearn.decomposition import PCA

from kllib.vae.linear import linear_vae_optimum
from kllib.vae.loss import vae_gradient, vae_loss
from kllib.vae.movies import movie_preferences
from kllib.vae.parameters import VAEParameters
from kllib.vae.posterior_collapse import active_units
from kllib.vae.training import train_vae

DATA = movie_preferences(np.random.default_rng(0), 300)
X = DATA.ratings
EIGENVALUES = np.linalg.eigvalsh(np.cov(X.T, bias=True))[::-1]


def small():
    """Three films, so that a general optimiser is quick."""
    rng = np.random.default_rng(1)
    return rng.standard_normal((40, 3)) @ np.diag([2, 1.2, 0.7]) @ rng.standard_normal((3, 3))


@pytest.mark.parametrize("latent_dim", [1, 2, 3, 11])
def test_the_loss_is_the_likelihood_of_probabilistic_pca(latent_dim):
    optimum = linear_vae_optimum(X, latent_dim)
    np.testing.assert_allclose(optimum.eigenvalues, EIGENVALUES, rtol=1e-10)
    noise = EIGENVALUES[latent_dim:].mean()
    assert optimum.noise_var == pytest.approx(noise, rel=1e-12)
    # Tipping and Bishop (1999), equation (8), with tr(C⁻¹S) = films at the optimum
    logs = np.log(EIGENVALUES[:latent_dim]).sum() + (12 - latent_dim) * math.log(noise)
    assert optimum.loss == pytest.approx((12 * math.log(2 * math.pi) + logs + 12) / 2, rel=1e-13)
    # The density itself, at the parameters
    weight = optimum.parameters.decoder_mean.weight
    cov = weight.T @ weight + optimum.noise_var * np.eye(12)
    density = scipy.stats.multivariate_normal(optimum.parameters.decoder_mean.bias, cov)
    assert optimum.loss == pytest.approx(-density.logpdf(X).mean(), rel=1e-12)
    # scikit-learn's, which divides by n − 1: the covariance n/(n − 1) times as large
    theirs = PCA(latent_dim).fit(X)
    assert theirs.noise_variance_ * 299 / 300 == pytest.approx(optimum.noise_var, rel=1e-10)
    assert optimum.active.all()


CASES = [(1.0, None), (0.5, None), (3.0, None), (7.0, None), (1.0, 0.3), (4.0, 0.25), (40.0, 0.25)]


@pytest.mark.parametrize(("beta", "noise_var"), CASES)
def test_the_parameters_attain_the_loss_and_are_stationary(beta, noise_var):
    optimum = linear_vae_optimum(X, 4, beta=beta, noise_var=noise_var)
    loss = vae_loss(optimum.parameters, X, beta=beta)
    assert loss.loss == pytest.approx(optimum.loss, rel=1e-12)
    gradient = vae_gradient(optimum.parameters, X, beta=beta)
    if noise_var is None:
        assert abs(gradient.log_noise_var) < 1e-10
    else:
        assert optimum.noise_var == noise_var
    assert np.abs(gradient.to_vector()[:-1]).max() < 1e-10


@pytest.mark.slow
@pytest.mark.parametrize(("beta", "noise_var"), [(1.0, None), (2.5, None), (1.5, 0.2)])
def test_a_general_optimiser_finds_nothing_lower(beta, noise_var):
    """Over all parameters of the exact loss, from a random start."""
    x = small()
    optimum = linear_vae_optimum(x, 1, beta=beta, noise_var=noise_var)
    start = VAEParameters.random(np.random.default_rng(2), x, 1, noise_var=noise_var or 1.0)

    def value_and_gradient(vector):
        vae = start.from_vector(vector)
        gradient = vae_gradient(vae, x, beta=beta).to_vector()
        if noise_var is not None:
            gradient[-1] = 0
        return vae_loss(vae, x, beta=beta).loss, gradient

    found = scipy.optimize.minimize(
        value_and_gradient, start.to_vector(), jac=True, options={"gtol": 1e-7, "maxiter": 500}
    )
    assert -1e-12 < found.fun - optimum.loss < 1e-8


@pytest.mark.slow
def test_training_reaches_the_optimum():
    """Loss within 1e-3 nats of 11.5, and the decoder spans the principal plane."""
    optimum = linear_vae_optimum(X, 2)
    rng = np.random.default_rng(2)
    initial = VAEParameters.random(rng, X, 2)
    trained = train_vae(initial, X, rng, steps=3000, exact=True).parameters
    assert 0 <= vae_loss(trained, X).loss - optimum.loss < 1e-3
    assert math.exp(trained.log_noise_var) == pytest.approx(optimum.noise_var, rel=1e-2)
    principal = np.linalg.svd(X - X.mean(axis=0))[2][:2]
    angles = scipy.linalg.subspace_angles(trained.decoder_mean.weight.T, principal.T)
    assert angles.max() < 0.02
    # Each latent dimension finds a principal direction of its own, up to its sign
    cosines = trained.decoder_mean.weight @ principal.T
    cosines = np.abs(cosines / np.linalg.norm(trained.decoder_mean.weight, axis=1, keepdims=True))
    assert np.sort(cosines.max(axis=0))[0] > 0.99


def test_the_tastes_are_found_up_to_a_rotation():
    mu = linear_vae_optimum(X, 2).parameters.encode(X).mu
    fitted = mu @ np.linalg.lstsq(mu, DATA.tastes)[0]
    residual = ((DATA.tastes - fitted) ** 2).mean(axis=0) / DATA.tastes.var(axis=0)
    assert (residual < 0.15).all()


def test_a_larger_weight_collapses_one_dimension_after_the_other():
    """At a fixed noise s², dimension j collapses when β reaches λ_j / s²."""
    for beta in (0.5, 1, 5, 12, 100):
        optimum = linear_vae_optimum(X, 3, beta=beta, noise_var=0.25)
        assert optimum.active.tolist() == (EIGENVALUES[:3] > beta * 0.25).tolist()
        posterior = optimum.parameters.encode(X)
        assert active_units(posterior.mu, threshold=1e-12).tolist() == optimum.active.tolist()
        kl = vae_loss(optimum.parameters, X).kl_per_dimension
        assert ((kl > 1e-12) == optimum.active).all()
        # What a dimension in use costs: ½ log(λ/(β s²)), on average over users
        expected = np.maximum(np.log(EIGENVALUES[:3] / (beta * 0.25)) / 2, 0)
        np.testing.assert_allclose(kl, expected, rtol=1e-9, atol=1e-12)


def test_the_mean_and_the_sign():
    optimum = linear_vae_optimum(X + 7, 2)
    np.testing.assert_allclose(optimum.parameters.decoder_mean.bias, X.mean(axis=0) + 7)
    np.testing.assert_allclose(optimum.parameters.encode(X + 7).mu.mean(axis=0), 0, atol=1e-12)
    weight = optimum.parameters.decoder_mean.weight
    largest = weight[np.arange(2), np.abs(weight).argmax(axis=1)]
    assert (largest > 0).all()
    np.testing.assert_allclose((weight @ weight.T)[0, 1], 0, atol=1e-12)


def test_fewer_users_than_films():
    x = X[:6]
    optimum = linear_vae_optimum(x, 3)
    assert optimum.eigenvalues.size == 12
    assert vae_loss(optimum.parameters, x).loss == pytest.approx(optimum.loss, rel=1e-12)


PLANE = movie_preferences(np.random.default_rng(3), 50, noise_sigma=0).ratings
CALLS = [
    (lambda: linear_vae_optimum(X[0], 1), "ratings must be a table with one row for each user"),
    (lambda: linear_vae_optimum(X, 12), "latent_dim must be below the 12 films; got 12"),
    (lambda: linear_vae_optimum(X, 0), "latent_dim must be a whole number"),
    (lambda: linear_vae_optimum(X, 2, beta=0), "beta must be positive; got 0"),
    (lambda: linear_vae_optimum(X, 2, noise_var=0), "noise_var must be positive; got 0"),
    (lambda: linear_vae_optimum(PLANE, 2), "ratings vary in no more than 2 directions"),
    (lambda: linear_vae_optimum(np.ones((5, 3)), 1), "ratings vary in no more than 1 directions"),
    (lambda: linear_vae_optimum(X * 1e200, 1), "ratings has an entry above 1e+150 in size"),
    (lambda: linear_vae_optimum(X * 1e-200, 1), "ratings differ by less than 1e-150"),
    (lambda: linear_vae_optimum(X, 1, noise_var=1e-320), "the loss is beyond the range of a float"),
    (lambda: linear_vae_optimum([[np.inf, 1.0]], 1), "ratings has a non-finite entry"),
]


@pytest.mark.parametrize(("call", "message"), CALLS, ids=[message for _, message in CALLS])
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_many_users_and_few_films():
    """No array is as long as it is wide: 200 000 users would need 320 GB for it."""
    x = np.random.default_rng(5).standard_normal((200_000, 3)) * [3.0, 2.0, 1.0]
    optimum = linear_vae_optimum(x, 1)
    expected = np.linalg.eigvalsh(np.cov(x.T, bias=True))[::-1]
    np.testing.assert_allclose(optimum.eigenvalues, expected, rtol=1e-12)
