"""Mean field: known optima, monotone histories, independent minimisers, bad input."""

import re

import numpy as np
import pytest
import scipy.optimize
import scipy.special
from hypothesis import given
from hypothesis import strategies as st
from numpy import log

from kllib.discrete import entropy, kl_divergence, mutual_information, normalize
from kllib.gaussian import kl_diagonal_normal, kl_multivariate_normal
from kllib.geometry.projections import product_of_marginals
from kllib.variational.mean_field import (
    mean_field_normal,
    mean_field_table,
    product_of_marginals_normal,
)

RNG = np.random.default_rng(31)
ROOT = RNG.standard_normal((4, 4))
MEAN, COV = RNG.standard_normal(4), ROOT @ ROOT.T + 0.2 * np.eye(4)
AGREEING = np.array([[0.49, 0.01], [0.01, 0.49]])
TABLES = st.tuples(st.integers(1, 4), st.integers(1, 4)).flatmap(
    lambda shape: st.lists(
        st.floats(0.01, 1), min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]
    ).map(lambda weights: normalize(weights).reshape(shape))
)


# ------------------------------------------------------------------ normal


def test_two_correlated_variables_by_hand():
    # Λ = [[1, −ρ], [−ρ, 1]]/(1 − ρ²): variances 1 − ρ², D = −½ log(1 − ρ²) in both directions
    rho = 0.6
    reverse = mean_field_normal([3, -1], [[1, rho], [rho, 1]])
    np.testing.assert_allclose(reverse.sigmas**2, 1 - rho**2, rtol=1e-14)
    np.testing.assert_allclose(reverse.mean, [3, -1], rtol=1e-13)
    assert reverse.divergence == pytest.approx(-log(1 - rho**2) / 2, rel=1e-13)
    forward = product_of_marginals_normal([3, -1], [[1, rho], [rho, 1]])
    np.testing.assert_array_equal(forward.sigmas, 1)
    assert forward.divergence == pytest.approx(-log(1 - rho**2) / 2, rel=1e-13)


def test_known_optima():
    precision = np.linalg.inv(COV)
    log_det = np.linalg.slogdet(COV)[1]
    reverse, forward = mean_field_normal(MEAN, COV), product_of_marginals_normal(MEAN, COV)
    np.testing.assert_allclose(reverse.mean, MEAN, rtol=1e-12)
    np.testing.assert_allclose(reverse.sigmas**-2.0, np.diag(precision), rtol=1e-12)
    expected = (log(np.diag(precision)).sum() + log_det) / 2
    assert reverse.divergence == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(forward.sigmas**2, np.diag(COV), rtol=1e-15)
    assert forward.divergence == pytest.approx((log(np.diag(COV)).sum() - log_det) / 2, rel=1e-12)
    assert (reverse.sigmas < forward.sigmas).all()


@pytest.mark.parametrize("direction", ["reverse", "forward"])
def test_a_general_minimiser_finds_the_same(direction):
    fit = {"reverse": mean_field_normal, "forward": product_of_marginals_normal}[direction](
        MEAN, COV
    )

    def divergence(theta):
        factors = theta[:4], np.diag(np.exp(theta[4:]))
        pair = (*factors, MEAN, COV) if direction == "reverse" else (MEAN, COV, *factors)
        return kl_multivariate_normal(*pair)

    found = scipy.optimize.minimize(divergence, np.zeros(8), options={"gtol": 1e-7})
    np.testing.assert_allclose(found.x[:4], fit.mean, atol=1e-5)
    np.testing.assert_allclose(np.exp(found.x[4:] / 2), fit.sigmas, rtol=1e-5)
    assert found.fun == pytest.approx(fit.divergence, rel=1e-9)


def test_the_history_starts_at_the_start_and_never_rises():
    start = MEAN + 5
    fit = mean_field_normal(MEAN, COV, start=start)
    variances = 1 / np.diag(np.linalg.inv(COV))
    first = kl_multivariate_normal(start, np.diag(variances), MEAN, COV)
    assert fit.history[0] == pytest.approx(first, rel=1e-12)
    assert fit.history.size > 5
    assert (np.diff(fit.history) <= 1e-15 * fit.history[:-1]).all()
    assert fit.history[-1] == fit.divergence
    assert start.tolist() == (MEAN + 5).tolist()  # what was passed in is left alone


def test_one_sweep_by_hand():
    # Λ = [[1, −.5], [−.5, 1]]/.75, start (2, 4), μ = 0: m1 = .5·4 = 2, then m2 = .5·2 = 1
    fit = mean_field_normal([0, 0], [[1, 0.5], [0.5, 1]], start=[2, 4], max_steps=1)
    np.testing.assert_allclose(fit.mean, [2, 1], rtol=1e-14)
    assert fit.history.size == 2


def test_independent_variables_are_their_own_mean_field():
    for function in (mean_field_normal, product_of_marginals_normal):
        fit = function([1, 2, 3], np.diag([1, 4, 9]))
        np.testing.assert_allclose(fit.mean, [1, 2, 3], rtol=1e-15)
        np.testing.assert_allclose(fit.sigmas, [1, 2, 3], rtol=1e-15)
        assert fit.divergence < 1e-30


@pytest.mark.parametrize("scale", [1e-200, 1e-100, 1e100, 1e200])
def test_units_do_not_matter(scale):
    one = mean_field_normal(MEAN, COV)
    both = scale**0.5
    other = mean_field_normal(MEAN * both, COV * scale)
    assert other.divergence == pytest.approx(one.divergence, rel=1e-12)
    np.testing.assert_allclose(other.sigmas, one.sigmas * both, rtol=1e-12)


@given(st.lists(st.floats(-1, 1), min_size=9, max_size=9), st.floats(-2, 2), st.floats(-1, 1))
def test_no_product_is_better(entries, shift, log_stretch):
    root = np.array(entries).reshape(3, 3)
    cov = root @ root.T + 0.1 * np.eye(3)
    reverse, forward = (
        mean_field_normal(np.zeros(3), cov),
        product_of_marginals_normal([0, 0, 0], cov),
    )
    for fit, first in [(reverse, True), (forward, False)]:
        other = fit.mean + [shift, 0, 0], fit.sigmas**2 * np.exp([0, log_stretch, 0])
        q, p = (other[0], np.diag(other[1])), (np.zeros(3), cov)
        value = kl_multivariate_normal(*q, *p) if first else kl_multivariate_normal(*p, *q)
        assert value >= fit.divergence * (1 - 1e-9)
    # The excess over the marginals is the divergence from them
    far = [1.0, 0, 0]
    excess = kl_multivariate_normal(np.zeros(3), cov, far, np.eye(3)) - forward.divergence
    direct = kl_diagonal_normal(np.zeros(3), log(np.diag(cov)), far, np.zeros(3))
    assert excess == pytest.approx(direct, rel=1e-9, abs=0)


# ------------------------------------------------------------------ finite tables


def test_a_table_by_hand():
    # With q2 = (0, 1) held by zeros in p, q1 ∝ p(x, 1), and D = −log p(y = 1)
    fit = mean_field_table([[0.0, 0.1], [0.0, 0.3], [0.6, 0.0]], start=[0, 1])
    np.testing.assert_allclose(fit.first, [0.25, 0.75, 0], rtol=1e-15)
    np.testing.assert_array_equal(fit.second, [0, 1])
    assert fit.divergence == pytest.approx(-log(0.4), rel=1e-14)
    # The other block: x = 2, y = 0
    fit = mean_field_table([[0.0, 0.1], [0.0, 0.3], [0.6, 0.0]], start=[1, 0])
    assert fit.divergence == pytest.approx(-log(0.6), rel=1e-14)


@pytest.mark.parametrize("start", [[0.9, 0.1], [0.1, 0.9], [0.6, 0.4], [0.5, 0.5]])
def test_a_table_against_a_general_minimiser(start):
    """Over the log-odds of both factors, from a start near what coordinate ascent has found."""
    fit = mean_field_table(AGREEING, start=start)

    def factors(theta):
        return [np.array([scipy.special.expit(t), scipy.special.expit(-t)]) for t in theta]

    def divergence(theta):
        return kl_divergence(np.outer(*factors(theta)).ravel(), AGREEING.ravel())

    odds = [np.log(f[0] / f[1]) for f in (fit.first, fit.second)]
    here = scipy.optimize.approx_fprime(odds, divergence, 1e-7)
    assert np.abs(here).max() < 1e-6  # stationary
    found = scipy.optimize.minimize(
        divergence, np.array(odds) + [0.1, 0.05], options={"gtol": 1e-8}
    )
    if start == [0.5, 0.5]:
        # The tie is a saddle: the descent leaves it
        np.testing.assert_allclose([fit.first, fit.second], 0.5, atol=1e-12)
        assert found.fun < fit.divergence - 0.1
    else:
        np.testing.assert_allclose(found.x, odds, atol=1e-4)
        assert found.fun == pytest.approx(fit.divergence, rel=1e-9)
        assert (fit.first[0] > 0.5) == (start[0] > 0.5)


def test_reverse_settles_on_a_mode_and_forward_covers():
    reverse = mean_field_table(AGREEING, start=[0.6, 0.4])
    forward = product_of_marginals(AGREEING)
    assert reverse.first[0] > 0.95
    np.testing.assert_allclose(forward, 0.25, rtol=1e-15)
    assert entropy(forward.ravel()) > entropy(reverse.first) + entropy(reverse.second)


@given(TABLES, st.data())
def test_laws_of_tables(p, data):
    start = normalize(
        data.draw(st.lists(st.floats(0.01, 1), min_size=p.shape[1], max_size=p.shape[1]))
    )
    fit = mean_field_table(p, start=start)
    assert (np.diff(fit.history) <= 1e-12).all()  # never rises, but for rounding
    assert fit.history[-1] == fit.divergence
    product = np.outer(fit.first, fit.second)
    rounding = 1e-15 * np.sqrt(min(fit.divergence, 1)) + 1e-30  # of the product
    expected = kl_divergence(product.ravel(), p.ravel())
    assert fit.divergence == pytest.approx(expected, rel=1e-12, abs=rounding)
    # Each factor is the best one given the other: D rises by exactly D(other choice ‖ best)
    for axis, best in ((0, fit.first), (1, fit.second)):
        other = normalize(np.linspace(1, 2, p.shape[axis]))
        factors = (other, fit.second) if axis == 0 else (fit.first, other)
        value = kl_divergence(np.outer(*factors).ravel(), p.ravel())
        excess = kl_divergence(other, best)
        assert value - fit.divergence == pytest.approx(excess, rel=1e-6, abs=1e-7)
    expected = mutual_information(p) + kl_divergence(p.sum(axis=0), start)
    mixed = kl_divergence(p.ravel(), np.outer(p.sum(axis=1), start).ravel())
    assert mixed == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(TABLES)
def test_independence_is_recovered(p):
    product = np.outer(p.sum(axis=1), p.sum(axis=0))
    fit = mean_field_table(product)
    assert fit.converged
    np.testing.assert_allclose(fit.first, p.sum(axis=1), rtol=1e-9)
    np.testing.assert_allclose(fit.second, p.sum(axis=0), rtol=1e-9)
    assert fit.divergence < 1e-18


@pytest.mark.parametrize("step", [1e-3, 1e-5, 1e-7])
def test_the_stated_accuracy_near_independence(step):
    """Of p = (1 + ε x y) q₁ q₂ with fair q₁, q₂ and x, y = ±1 the best product is the fair one.

    D(fair‖p) = −½ log(1 + ε) − ½ log(1 − ε) = −½ log1p(−ε²).
    """
    p = (1 + step * np.array([[1, -1], [-1, 1]])) / 4
    fit = mean_field_table(p, start=[0.5 + 1e-9, 0.5 - 1e-9])
    expected = -np.log1p(-(step**2)) / 2
    assert fit.divergence == pytest.approx(expected, rel=0, abs=1e-15 * expected**0.5)


def test_what_has_not_converged_says_so():
    strong = [[1, 0.99], [0.99, 1]]
    assert not mean_field_normal([0, 0], strong, start=[1, 1], max_steps=10).converged
    fit = mean_field_normal([0, 0], strong, start=[1, 1])
    assert fit.converged and fit.history.size > 100
    # However far the means are from 0, in standard deviations
    far = mean_field_normal([1e9, -1e9], strong)
    assert far.converged and far.mean.tolist() == [1e9, -1e9]
    assert not mean_field_table(AGREEING, start=[0.51, 0.49], max_steps=2).converged
    assert mean_field_table(AGREEING, start=[0.51, 0.49]).converged


def test_results_with_arrays_can_be_compared():
    for fit in (
        mean_field_normal(MEAN, COV),
        mean_field_table(AGREEING),
        product_of_marginals_normal(MEAN, COV),
    ):
        assert fit == fit


# ------------------------------------------------------------------ bad input

EYE = [[1.0, 0.0], [0.0, 1.0]]
CALLS = [
    (lambda: mean_field_normal([0], EYE), "lengths differ: mean has 1, cov has 2"),
    (lambda: mean_field_normal([[0, 0]], [EYE]), "one distribution only: mean has shape (1, 2)"),
    (lambda: mean_field_normal([0, np.inf], EYE), "mean has a non-finite entry"),
    (lambda: mean_field_normal([0, 0], [[1, 2], [2, 1]]), "cov is not positive definite"),
    (lambda: mean_field_normal([0, 0], [[1, 0.5], [0, 1]]), "it is not symmetric"),
    (lambda: mean_field_normal([0, 0], EYE, start=[0]), "start must have shape (2,), like mean"),
    (lambda: mean_field_normal([0, 0], EYE, start=[0, np.nan]), "start has a non-finite entry"),
    (lambda: mean_field_normal([0, 0], EYE, max_steps=0), "max_steps must be a whole number"),
    (lambda: product_of_marginals_normal([0, 0], [[1, 2], [2, 1]]), "not positive definite"),
    (lambda: product_of_marginals_normal(0, [[1]]), "mean must be a vector"),
    (lambda: mean_field_table([0.5, 0.5]), "joint must have two axes"),
    (lambda: mean_field_table([[[0.5, 0.5]]]), "joint must have two axes; its shape is (1, 1, 2)"),
    (lambda: mean_field_table([[0.5, 0.6]]), "joint sums to 1.1"),
    (lambda: mean_field_table(AGREEING, start=[1.0]), "start must have shape (2,); it has (1,)"),
    (lambda: mean_field_table(AGREEING, start=[0.5, 0.6]), "start sums to 1.1"),
    (lambda: mean_field_table(AGREEING, max_steps=1.5), "max_steps must be a whole number"),
    (lambda: mean_field_table([[0.5, 0], [0, 0.5]]), "every x is impossible under some y"),
    (lambda: mean_field_normal([0, 0], EYE, start=[0, 1e308]), "start has an entry above 4e+307"),
]


@pytest.mark.parametrize(("call", "message"), CALLS, ids=[message for _, message in CALLS])
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
