"""Training: it descends, is reproducible, follows its schedules, and can collapse or be cured."""

import re

import numpy as np
import pytest

from kllib.vae.linear import linear_vae_optimum
from kllib.vae.loss import vae_loss
from kllib.vae.movies import movie_preferences
from kllib.vae.parameters import VAEParameters
from kllib.vae.posterior_collapse import active_units, linear_kl_annealing
from kllib.vae.training import train_vae

X = movie_preferences(np.random.default_rng(0), 200).ratings


def start(latent_dim=2, seed=1, **options):
    return VAEParameters.random(np.random.default_rng(seed), X, latent_dim, **options)


def train(initial, seed=2, x=X, **options):
    return train_vae(initial, x, np.random.default_rng(seed), **options)


def test_the_same_generator_gives_the_same_training():
    one, other = (train(start(), steps=20, batch_size=50) for _ in range(2))
    np.testing.assert_array_equal(one.parameters.to_vector(), other.parameters.to_vector())
    third = train(start(), seed=3, steps=20, batch_size=50)
    assert (one.parameters.to_vector() != third.parameters.to_vector()).any()


def test_the_history_holds_what_was_measured():
    initial = start()
    before = initial.to_vector()
    history = train(initial, steps=5, beta=lambda step: step / 10, free_nats=0.3).history
    np.testing.assert_array_equal(initial.to_vector(), before)  # what was passed is left alone
    assert history.loss.shape == history.reconstruction.shape == history.kl.shape == (5,)
    assert history.kl_per_dimension.shape == (5, 2)
    np.testing.assert_allclose(history.beta, [0, 0.1, 0.2, 0.3, 0.4], rtol=1e-15)
    np.testing.assert_allclose(history.kl, history.kl_per_dimension.sum(axis=1), rtol=1e-14)
    charged = np.maximum(history.kl_per_dimension, 0.3).sum(axis=1)
    np.testing.assert_allclose(
        history.loss, history.reconstruction + history.beta * charged, rtol=1e-14
    )
    # The first entry is the loss at the start, with the generator's first draws
    noise = np.random.default_rng(2).standard_normal((200, 2))
    assert history.reconstruction[0] == vae_loss(initial, X, noise).reconstruction


def test_one_step_of_adam_by_hand():
    """The first step has the length of the learning rate in every parameter."""
    initial = start().from_vector(start().to_vector() + 0.1)  # where no derivative vanishes
    after = train(initial, steps=1, learning_rate=0.01, exact=True).parameters
    change = after.to_vector() - initial.to_vector()
    # m̂/√v̂ is the sign of the gradient, but for the 1e-8 in the denominator
    np.testing.assert_allclose(np.abs(change), 0.01, rtol=1e-4)


def test_noise_is_learned_or_kept():
    assert train(start(noise_var=0.7), steps=10).parameters.log_noise_var != np.log(0.7)
    kept = train(start(noise_var=0.7), steps=10, learn_noise=False).parameters
    assert kept.log_noise_var == pytest.approx(np.log(0.7), rel=1e-15)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"batch_size": 50}])
def test_sampled_training_comes_near_the_optimum(options):
    """The noise of the gradient leaves less than 0.05 nats per user; the start is 4 nats off."""
    optimum = linear_vae_optimum(X, 2)
    trained = train(start(), **options)
    assert vae_loss(start(), X).loss > optimum.loss + 4
    assert 0 <= vae_loss(trained.parameters, X).loss - optimum.loss < 0.05


@pytest.mark.slow
def test_a_hidden_layer_beats_every_linear_model_where_ratings_saturate():
    """Strong saturation, little noise, one taste for both: judged on other users, by a bound."""
    data = movie_preferences(np.random.default_rng(4), 600, noise_sigma=0.1, saturating=True)
    x, others = data.ratings[:400], data.ratings[400:]
    linear = linear_vae_optimum(x, 2).parameters
    initial = VAEParameters.random(
        np.random.default_rng(5), x, 2, encoder_hidden=16, decoder_hidden=16
    )
    trained = train(initial, x=x, steps=3000, learning_rate=0.02, batch_size=100).parameters
    noise = np.random.default_rng(6).standard_normal((50, 200, 2))
    bound = np.mean([vae_loss(trained, others, e).loss for e in noise])
    assert bound < vae_loss(linear, others).loss - 0.5


@pytest.mark.slow
def test_collapse_and_its_cures():
    """With β = 12 a trained model loses the dimensions that the closed form says it must; an
    annealed weight that ends at 1 does not, and free bits keep each dimension's divergence up."""
    options = {"steps": 800, "exact": True, "learn_noise": False}
    strong = train(start(3, noise_var=0.25), beta=12.0, **options).parameters
    optimum = linear_vae_optimum(X, 3, beta=12.0, noise_var=0.25)
    found = active_units(strong.encode(X).mu)
    assert found.sum() == optimum.active.sum() == 1
    annealed = train(
        start(3, noise_var=0.25), beta=lambda s: linear_kl_annealing(s, warm_up=200), **options
    )
    assert annealed.history.beta[[0, 100, 200, 799]].tolist() == [0, 0.5, 1, 1]
    assert active_units(annealed.parameters.encode(X).mu).sum() >= 2
    free = train(start(3, noise_var=0.25), beta=12.0, free_nats=0.5, **options).parameters
    per_dimension = vae_loss(free, X).kl_per_dimension
    assert (vae_loss(strong, X).kl_per_dimension < 0.1).sum() == 2
    assert (per_dimension > 0.4).all()


RNG = np.random.default_rng(9)
CALLS = [
    (lambda: train_vae(start(), X[:, :3], RNG), "ratings must have shape (rows, 12)"),
    (lambda: train_vae(start(), X, 1), "rng must be a numpy.random.Generator"),
    (lambda: train(start(), steps=0), "steps must be a whole number"),
    (lambda: train(start(), learning_rate=0), "learning_rate must be positive; got 0"),
    (lambda: train(start(), batch_size=201), "batch_size must be at most the 200 users; got 201"),
    (lambda: train(start(), batch_size=0), "batch_size must be a whole number"),
    (lambda: train(start(), beta=-1), "beta must not be negative; got -1"),
    (lambda: train(start(), beta=lambda step: -step), "beta must not be negative; got -1"),
    (lambda: train(start(), free_nats=-1), "free_nats must not be negative; got -1"),
    (lambda: train(start(decoder_hidden=3), exact=True), "noise is needed"),
]


@pytest.mark.parametrize(("call", "message"), CALLS, ids=[message for _, message in CALLS])
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_divergence_of_the_training_is_reported():
    with pytest.raises(ArithmeticError, match="training diverges: at step 1 .*lower learning_rate"):
        train(start(), learning_rate=1e300, steps=3)


def test_switches_and_architectures_are_what_they_are():
    with pytest.raises(ValueError, match="learn_noise must be True or False; got 'no'"):
        train(start(), learn_noise="no", steps=1)
    with pytest.raises(ValueError, match="exact must be True or False; got 1"):
        train(start(), exact=1, steps=1)
    with pytest.raises(ValueError, match="initial must be a VAEParameters; got NoneType"):
        train(None, steps=1)
