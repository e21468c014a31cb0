"""The made-up ratings: their moments, their hidden tastes, their limits."""

import re

import numpy as np
import pytest

from kllib.vae.movies import movie_preferences


def test_the_ratings_are_what_they_are_said_to_be():
    data = movie_preferences(np.random.default_rng(0), 50, noise_sigma=0)
    assert data.ratings.shape == (50, 12)
    assert data.tastes.shape == (50, 2)
    assert len(data.films) == len(set(data.films)) == 12
    np.testing.assert_allclose(
        data.ratings, data.averages + data.tastes @ data.loadings, rtol=1e-14
    )
    assert (data.averages > 1).all() and (data.averages < 5).all()
    # Two tastes that differ: neither loading is a multiple of the other, nor equally strong
    strengths = np.linalg.svd(data.loadings, compute_uv=False)
    assert strengths[1] > 1 and strengths[0] > 1.2 * strengths[1]


def test_moments():
    """Means and covariances of 100,000 users, each within 5.5 standard errors: with 12 means and
    78 covariances a false alarm is below 1e-5 · 90 · 4e-8 in all."""
    users = 100_000
    data = movie_preferences(np.random.default_rng(1), users, noise_sigma=0.4)
    cov = data.loadings.T @ data.loadings + 0.4**2 * np.eye(12)
    scale = np.sqrt(np.diag(cov))
    gap = (data.ratings.mean(axis=0) - data.averages) / scale * users**0.5
    assert np.abs(gap).max() < 5.5
    sample = np.cov(data.ratings.T, bias=True)
    errors = np.sqrt((cov**2 + np.outer(scale, scale) ** 2) / users)
    assert (np.abs(sample - cov) / errors).max() < 5.5
    assert np.abs(np.cov(data.tastes.T) - np.eye(2)).max() < 5.5 * (2 / users) ** 0.5


def test_saturation_keeps_ratings_between_one_and_five():
    plain = movie_preferences(np.random.default_rng(2), 1000, noise_sigma=0)
    bent = movie_preferences(np.random.default_rng(2), 1000, noise_sigma=0, saturating=True)
    np.testing.assert_array_equal(plain.tastes, bent.tastes)
    assert plain.ratings.min() < 1 and plain.ratings.max() > 5
    assert bent.ratings.min() > 1 and bent.ratings.max() < 5
    np.testing.assert_allclose(
        np.arctanh((bent.ratings - 3) / 2), (plain.ratings - 3) / 2, rtol=1e-6, atol=1e-9
    )
    assert np.linalg.matrix_rank(bent.ratings - bent.ratings.mean(axis=0), tol=1) > 2


def test_the_same_generator_gives_the_same_ratings():
    one, other, third = (movie_preferences(np.random.default_rng(s), 20) for s in (3, 3, 4))
    np.testing.assert_array_equal(one.ratings, other.ratings)
    assert (one.ratings != third.ratings).all()


CALLS = [
    (lambda: movie_preferences(7, 10), "rng must be a numpy.random.Generator"),
    (lambda: movie_preferences(np.random.default_rng(0), 0), "users must be a whole number"),
    (lambda: movie_preferences(np.random.default_rng(0), 2.5), "users must be a whole number"),
    (
        lambda: movie_preferences(np.random.default_rng(0), 5, noise_sigma=-1),
        "noise_sigma must not be negative; got -1",
    ),
]


@pytest.mark.parametrize(("call", "message"), CALLS, ids=[message for _, message in CALLS])
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_beyond_all_stars():
    with pytest.raises(ValueError, match="noise_sigma must be at most 1e.150; got 1e.308"):
        movie_preferences(np.random.default_rng(0), 10, noise_sigma=1e308)
    with pytest.raises(ValueError, match="saturating must be True or False; got 'no'"):
        movie_preferences(np.random.default_rng(0), 10, saturating="no")
