"""Diagnoses of posterior collapse and its cures."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kllib.gaussian import kl_standard_normal
from kllib.mixture import NormalMixture, kl_normal_mixture
from kllib.vae.posterior_collapse import (
    active_units,
    cyclical_kl_annealing,
    free_bits,
    linear_kl_annealing,
    split_mean_kl,
)


def test_active_units_by_hand():
    # Variances 1, 0.0121, 0.0081, 0; the mean does not matter
    mu = np.array([[1, 0.11, 0.09, 5], [-1, -0.11, -0.09, 5]])
    assert active_units(mu).tolist() == [True, True, False, False]
    assert active_units(mu, threshold=1).tolist() == [False] * 4  # above it, not at it
    assert active_units(mu, threshold=0.005).tolist() == [True, True, True, False]
    assert active_units(mu, threshold=0).tolist() == [True, True, True, False]


def test_free_bits_by_hand():
    assert free_bits([0.1, 0.7, 2], 0.5) == pytest.approx(0.5 + 0.7 + 2, rel=1e-15)
    assert free_bits([0.1, 0.7, 2], 0) == pytest.approx(2.8, rel=1e-15)
    assert free_bits([[0, 3], [1, 1]], 2).tolist() == [5, 4]


@given(st.lists(st.floats(0, 5), min_size=1, max_size=5), st.floats(0, 3))
def test_laws_of_free_bits(kl, free):
    value = free_bits(kl, free)
    assert value >= max(sum(kl), free * len(kl)) * (1 - 1e-15)
    assert value <= (sum(kl) + free * len(kl)) * (1 + 1e-15)


def test_linear_annealing_by_hand():
    assert linear_kl_annealing(0, warm_up=10) == 0
    assert linear_kl_annealing([5, 10, 11], warm_up=10).tolist() == [0.5, 1, 1]


def test_cyclical_annealing_by_hand():
    # Four cycles of 8 steps, growing for the first half of each
    weights = cyclical_kl_annealing(np.arange(32), period=8, ramp=0.5).reshape(4, 8)
    assert (weights == [0, 0.25, 0.5, 0.75, 1, 1, 1, 1]).all()
    assert cyclical_kl_annealing(7, period=8, ramp=1) == 7 / 8
    # With a period beyond the last step it is a linear warm-up
    steps = np.arange(100)
    once = cyclical_kl_annealing(steps, period=400, ramp=0.1)
    np.testing.assert_allclose(once, linear_kl_annealing(steps, warm_up=40), rtol=1e-15)


RNG = np.random.default_rng(5)
MU, LOG_VAR = 1.5 * RNG.standard_normal((40, 1)), RNG.standard_normal((40, 1)) - 1


def test_the_split_against_quadrature():
    """In one dimension the aggregate posterior is a mixture of normals on the line."""
    aggregate = NormalMixture(np.full(40, 1 / 40), MU[:, 0], np.exp(LOG_VAR[:, 0] / 2))
    expected = kl_normal_mixture(aggregate, NormalMixture([1], [0], [1]))
    split = split_mean_kl(MU, LOG_VAR, np.random.default_rng(6), draws=500)
    assert split.mean_kl == pytest.approx(kl_standard_normal(MU, LOG_VAR).mean(), rel=1e-14)
    # Five standard errors: a false alarm below 1e-6
    assert abs(split.aggregate_kl - expected) < 5 * split.standard_error < 0.05
    assert split.information + split.aggregate_kl == pytest.approx(split.mean_kl, rel=1e-14)


def test_the_standard_error_is_one():
    """Of 40 repetitions, the spread agrees with the error that each reports (within a third)."""
    splits = [split_mean_kl(MU, LOG_VAR, np.random.default_rng(s), draws=10) for s in range(60)]
    spread = np.std([split.information for split in splits], ddof=1)
    reported = np.mean([split.standard_error for split in splits])
    assert 2 / 3 < spread / reported < 3 / 2


def test_collapsed_and_telling():
    rng = np.random.default_rng(7)
    split = split_mean_kl(np.zeros((30, 2)), np.zeros((30, 2)), rng)
    assert split.mean_kl == 0
    assert split.information == pytest.approx(0, abs=1e-14)
    # The same posterior for all, away from the prior: no information, all of it in the aggregate
    split = split_mean_kl(np.full((30, 2), 1.5), np.zeros((30, 2)), rng)
    assert split.mean_kl == pytest.approx(2 * 1.5**2 / 2, rel=1e-14)
    assert split.information == pytest.approx(0, abs=1e-12)
    # Users told apart for certain: log N, in two dimensions
    mu = np.array([[x, y] for x in range(6) for y in range(5)]) * 100.0
    split = split_mean_kl(mu, np.zeros_like(mu), rng)
    assert split.information == pytest.approx(math.log(30), rel=1e-12)
    assert split.standard_error < 1e-12


def test_a_dimension_that_collapsed_changes_nothing():
    wide = np.hstack([MU, np.zeros_like(MU)]), np.hstack([LOG_VAR, np.zeros_like(MU)])
    one = split_mean_kl(MU, LOG_VAR, np.random.default_rng(8), draws=200)
    two = split_mean_kl(*wide, np.random.default_rng(9), draws=200)
    assert two.mean_kl == pytest.approx(one.mean_kl, rel=1e-14)
    error = math.hypot(one.standard_error, two.standard_error)
    assert abs(one.information - two.information) < 5 * error


@given(st.integers(2, 8), st.integers(1, 3), st.integers(0, 1000))
def test_bounds_of_the_information(users, dimensions, seed):
    rng = np.random.default_rng(seed)
    mu, log_var = rng.standard_normal((2, users, dimensions)) * 2
    split = split_mean_kl(mu, log_var, rng)
    slack = 6 * split.standard_error + 1e-12
    assert -slack <= split.information <= min(math.log(users), split.mean_kl) + slack


CALLS = [
    (lambda: active_units([1.0, 2.0]), "mu must have shape (users, dimensions); it has (2,)"),
    (lambda: active_units([[np.nan]]), "mu has a non-finite entry"),
    (lambda: active_units([[1.0]], threshold=-1), "threshold must not be negative; got -1"),
    (lambda: free_bits([-0.1], 1), "kl_per_dimension has a negative entry: -0.1 at index (0,)"),
    (lambda: free_bits([0.1], -1), "free_nats must not be negative; got -1"),
    (lambda: free_bits([np.inf], 1), "kl_per_dimension has a non-finite entry"),
    (lambda: linear_kl_annealing(-1, warm_up=5), "step must not be negative; got -1"),
    (lambda: linear_kl_annealing(1, warm_up=0), "warm_up must be positive; got 0"),
    (lambda: cyclical_kl_annealing(-2, period=5), "step must not be negative; got -2"),
    (lambda: cyclical_kl_annealing(1, period=0), "period must be positive; got 0"),
    (lambda: cyclical_kl_annealing(1, period=5, ramp=0), "ramp must be positive; got 0"),
    (lambda: cyclical_kl_annealing(1, period=5, ramp=2), "ramp must be between 0 and 1"),
    (lambda: split_mean_kl([[0.0]], [[0.0, 1.0]], RNG), "shapes differ: mu has (1, 1)"),
    (lambda: split_mean_kl([0.0], [[0.0]], RNG), "mu must have shape (users, dimensions)"),
    (lambda: split_mean_kl([[0.0]], [[np.inf]], RNG), "log_var has a non-finite entry"),
    (lambda: split_mean_kl([[0.0]], [[0.0]], RNG, draws=1), "draws must be a whole number"),
    (lambda: split_mean_kl([[0.0]], [[0.0]], 3), "rng must be a numpy.random.Generator"),
]


@pytest.mark.parametrize(("call", "message"), CALLS, ids=[message for _, message in CALLS])
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_extremes_without_warnings():
    assert active_units([[1e308, 0.0], [-1e308, 1e-300]]).tolist() == [True, False]
    assert active_units([[1e200, 1.0], [-1e200, -1.0]]).tolist() == [True, True]
    # The mean of three times 0.1 is not 0.1 in floating point.
    assert active_units([[0.1, 0.1]] * 3, threshold=0).tolist() == [False, False]
    assert free_bits([1e308, 1e308], 1.0) == np.inf
    assert linear_kl_annealing(1e300, warm_up=1e-300) == 1
    assert cyclical_kl_annealing(5, period=10, ramp=1e-310) == 1
    # Everyone is told apart: log 3
    split = split_mean_kl(
        [[1e200], [0.0], [-1e200]], np.zeros((3, 1)), np.random.default_rng(0), draws=2
    )
    assert split.mean_kl == split.aggregate_kl == np.inf
    assert split.information == pytest.approx(math.log(3), rel=1e-14)


def test_narrow_posteriors_in_the_same_place_share_everything():
    """z = 1 + 1e-100 ε is the float 1, but the users are not told apart."""
    split = split_mean_kl(
        np.ones((4, 1)), np.full((4, 1), -460.0), np.random.default_rng(0), draws=5
    )
    assert abs(split.information) < 1e-14


def test_log_variances_of_no_float():
    with pytest.raises(ValueError, match="log_var has an entry above 1400 in size: 2000"):
        split_mean_kl([[0.0]], [[-2000.0]], np.random.default_rng(0))
