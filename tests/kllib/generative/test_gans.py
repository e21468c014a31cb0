"""The GAN game on finite distributions: values by hand, the divergences behind it, gradients."""

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given
from hypothesis import strategies as st
from numpy import log

from kllib.discrete import kl_divergence, normalize
from kllib.fdivergence.divergences import jensen_shannon
from kllib.generative.gans import (
    gan_generator_gradient,
    gan_value,
    non_saturating_divergence,
    optimal_discriminator,
)
from tests.kllib.strategies import POSITIVE, SMALLEST, pairs


def test_by_hand():
    # D* = 3/4, 1/4; V = ¾ ln ¾ + ¼ ln ¼ twice
    p, q = [0.75, 0.25], [0.25, 0.75]
    np.testing.assert_allclose(optimal_discriminator(p, q), p, rtol=1e-15)
    value = 2 * (0.75 * log(0.75) + 0.25 * log(0.25))
    assert gan_value(p, q) == pytest.approx(value, rel=1e-14)
    assert gan_value(p, q, p) == pytest.approx(value, rel=1e-14)
    # A discriminator that always says ½ gets −log 4, whatever p and q
    assert gan_value(p, q, [0.5, 0.5]) == pytest.approx(-log(4), rel=1e-15)
    # 2 D(m‖p) with m = (¾, ¼) and p = (½, ½)
    expected = 2 * (0.75 * log(1.5) + 0.25 * log(0.5))
    assert non_saturating_divergence([0.5, 0.5], [1, 0]) == pytest.approx(expected, rel=1e-14)


def test_ends_of_the_scale():
    """A perfect generator: −log 4. One that is never mistaken for the data: 0."""
    assert gan_value([0.2, 0.8], [0.2, 0.8]) == pytest.approx(-log(4), rel=1e-15)
    assert gan_value([1, 0], [0, 1]) == 0
    assert gan_value([0.5, 0.5], [0.5, 0.5], [1.0, 0.5]) == -np.inf
    assert gan_value([1, 0], [0, 1], [1.0, 0.0]) == 0
    assert optimal_discriminator([1, 0, 0], [0, 1, 0]).tolist() == [1, 0, 0.5]
    assert non_saturating_divergence([1, 0], [0.5, 0.5]) == np.inf
    assert non_saturating_divergence([0.3, 0.7], [0.3, 0.7]) == 0


@given(pairs(SMALLEST))
def test_value_is_jensen_shannon(pair):
    """max_D V = 2 JS − log 4."""
    p, q = pair
    assert gan_value(p, q) == pytest.approx(2 * jensen_shannon(p, q) - log(4), abs=1e-13)
    assert -log(4) * (1 + 1e-14) <= gan_value(p, q) <= 0


@given(pairs(SMALLEST), st.data())
def test_no_discriminator_does_better(pair, data):
    p, q = pair
    guess = data.draw(st.lists(st.floats(0, 1), min_size=p.size, max_size=p.size))
    assert gan_value(p, q, guess) <= gan_value(p, q) + 1e-12


@given(pairs(POSITIVE))
def test_value_at_the_best_discriminator(pair):
    p, q = pair
    at_best = gan_value(p, q, optimal_discriminator(p, q))
    assert at_best == pytest.approx(gan_value(p, q), rel=1e-12)


def test_against_optimisation_over_discriminators():
    """BFGS over the logits of D, from the definition of V."""
    rng = np.random.default_rng(0)
    p, q = rng.dirichlet(np.ones(5), size=2)

    def loss(logits):
        return p @ np.logaddexp(0, -logits) + q @ np.logaddexp(0, logits)

    found = scipy.optimize.minimize(loss, np.zeros(5), tol=1e-12)
    assert -found.fun == pytest.approx(gan_value(p, q), abs=1e-9)
    np.testing.assert_allclose(1 / (1 + np.exp(-found.x)), optimal_discriminator(p, q), atol=1e-4)


@given(pairs(POSITIVE))
def test_non_saturating(pair):
    """2 D((p + q)/2‖p) is Arjovsky and Bottou's D(q‖p) − 2 JS."""
    p, q = pair
    expected = kl_divergence(q, p) - 2 * jensen_shannon(p, q)
    assert non_saturating_divergence(p, q) == pytest.approx(expected, rel=1e-9, abs=1e-13)


@pytest.mark.parametrize("saturating", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_gradients_are_those_of_the_divergences(saturating, seed):
    """Central differences of 2 JS, and of 2 D(m‖p), in the generator's logits."""
    rng = np.random.default_rng(seed)
    p, logits = rng.dirichlet(np.ones(4)), rng.standard_normal(4)

    def softmax(x):
        return normalize(np.exp(x))

    def divergence(x):
        q = softmax(x)
        return 2 * jensen_shannon(p, q) if saturating else non_saturating_divergence(p, q)

    q = softmax(logits)
    scores = np.eye(4) - q[:, None]
    gradient = gan_generator_gradient(p, q, scores, saturating=saturating)
    h = 1e-5
    numeric = [(divergence(logits + e) - divergence(logits - e)) / (2 * h) for e in h * np.eye(4)]
    np.testing.assert_allclose(gradient, numeric, atol=1e-9)


def test_vanishing_gradient():
    """The further the generator is off, the less the minimax loss tells it; at last nothing."""
    x = np.linspace(-10, 10, 401)
    data = normalize(np.exp(-((x + 3) ** 2) / 2))
    minimax, practice = [], []
    for mean in (0, 2, 4, 6):
        generator = normalize(np.exp(-((x - mean) ** 2) / 2))
        scores = [x - generator @ x]
        minimax.append(gan_generator_gradient(data, generator, scores, saturating=True)[0])
        practice.append(gan_generator_gradient(data, generator, scores, saturating=False)[0])
    assert all(after < before / 3 for before, after in zip(minimax, minimax[1:], strict=False))
    assert minimax[-1] < 1e-3
    # The other grows like the distance: D(q‖p) = (θ + 3)²/2
    np.testing.assert_allclose(practice[1:], [5, 7, 9], rtol=0.02)
    disjoint = gan_generator_gradient(
        [0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5], [[0, 0, 1, -1]], saturating=True
    )
    assert disjoint.tolist() == [0]


def test_non_saturating_gradient_of_the_impossible_is_refused():
    with pytest.raises(ValueError, match=r"infinite: q has an outcome that p rules out, at index "):
        gan_generator_gradient([1, 0], [0.5, 0.5], [[1, -1]], saturating=False)


def test_batches():
    rng = np.random.default_rng(1)
    p, q = rng.dirichlet(np.ones(3), size=(2, 4)), rng.dirichlet(np.ones(3), size=4)
    assert optimal_discriminator(p, q).shape == (2, 4, 3)
    assert gan_value(p, q).shape == (2, 4)
    assert gan_value(p, q)[1, 2] == pytest.approx(gan_value(p[1, 2], q[2]), rel=1e-14)
    guess = rng.random((2, 1, 3))
    assert gan_value(p, q, guess)[1, 2] == pytest.approx(gan_value(p[1, 2], q[2], guess[1, 0]))
    assert non_saturating_divergence(p, q).shape == (2, 4)
    scores = np.eye(3) - q[:, :, None]
    gradient = gan_generator_gradient(p, q, scores, saturating=True)
    assert gradient.shape == (2, 4, 3)
    one = gan_generator_gradient(p[1, 2], q[2], scores[2], saturating=True)
    np.testing.assert_allclose(gradient[1, 2], one, rtol=1e-12)


HALF = [0.5, 0.5]
BAD = [
    (lambda: optimal_discriminator([0.5, 0.6], HALF), "p sums to 1.1"),
    (lambda: optimal_discriminator(HALF, [1.0]), "lengths differ: p has 2, q has 1"),
    (lambda: gan_value(HALF, [0.5, -0.5]), "q has a negative entry"),
    (lambda: gan_value(HALF, HALF, [0.5, 1.5]), "discriminator has an entry outside 0 to 1: 1.5"),
    (lambda: gan_value(HALF, HALF, [0.5]), "lengths differ: p has 2, q has 2, discriminator has 1"),
    (lambda: gan_value(HALF, HALF, [0.5, np.nan]), "discriminator has a non-finite entry"),
    (lambda: non_saturating_divergence(HALF, [0.9, 0.2]), "q sums to 1.1"),
    (
        lambda: gan_generator_gradient(HALF, HALF, [[1, -1]], saturating="False"),
        "saturating must be True or False; got 'False'",
    ),
    (
        lambda: gan_generator_gradient(HALF, HALF, [[1, 1]], saturating=True),
        "scores must average to zero",
    ),
    (
        lambda: gan_generator_gradient(HALF, HALF, [1, -1], saturating=True),
        "scores must have shape (..., k, 2)",
    ),
]


@pytest.mark.parametrize(("call", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_input(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert message in str(caught.value)
