"""Fisher information by hand, as curvature of D, in several parameters; natural gradients."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kllib.discrete import kl_divergence, normalize
from kllib.gaussian import kl_multivariate_normal, kl_normal
from kllib.geometry.fisher import (
    fisher_bernoulli,
    fisher_categorical,
    fisher_exponential_family,
    fisher_information,
    fisher_normal,
    kl_second_order,
    natural_gradient,
)
from kllib.geometry.projections import i_projection

POSITIVE = st.floats(0.05, 1)


def simplex(n):
    return st.lists(POSITIVE, min_size=n, max_size=n).map(normalize)


def hessian(f, x, h=1e-4):
    """Central second differences."""
    k = len(x)
    e = h * np.eye(k)
    return np.array(
        [
            [(f(x + a + b) - f(x + a - b) - f(x - a + b) + f(x - a - b)) / (4 * h * h) for b in e]
            for a in e
        ]
    )


def probabilities_from(free):
    return np.append(free, 1 - np.sum(free))


# --------------------------------------------------------------------------------- known values


def test_by_hand():
    # 1/(θ(1 − θ)); D(0.3‖0.31) is about ½ F 0.01² (the source's 4.756 against F = 4.762)
    assert fisher_bernoulli(0.3) == pytest.approx(1 / 0.21, rel=1e-15)
    assert isinstance(fisher_bernoulli(0.3), np.float64)
    assert fisher_bernoulli([0, 1]).tolist() == [np.inf, np.inf]
    np.testing.assert_allclose(fisher_normal(2.0), [[0.25, 0], [0, 0.5]], rtol=1e-15)
    np.testing.assert_allclose(
        fisher_categorical([0.2, 0.3, 0.5]), [[7, 2], [2, 1 / 0.3 + 2]], rtol=1e-14
    )
    np.testing.assert_allclose(
        fisher_categorical([0.2, 0.3, 0.5], parameters="logits"),
        [[0.16, -0.06, -0.1], [-0.06, 0.21, -0.15], [-0.1, -0.15, 0.25]],
        rtol=1e-14,
    )


def test_a_nearly_certain_outcome_keeps_its_digits():
    """p(1 − p) of the likely outcome is the probability of all others, however small."""
    matrix = fisher_categorical([1.0, 1e-20], parameters="logits")
    np.testing.assert_allclose(matrix, 1e-20 * np.array([[1, -1], [-1, 1]]), rtol=1e-14)


def test_infinite_where_a_probability_is_zero():
    matrix = fisher_categorical([0.0, 0.5, 0.5])
    assert matrix[0, 0] == np.inf and matrix[1, 1] == 4 and matrix[0, 1] == 2
    assert np.isinf(fisher_categorical([0.5, 0.5, 0.0])).all()


# --------------------------------------------------------------------------- second routes, laws


@given(simplex(4))
def test_categorical_is_the_curvature_of_the_divergence(p):
    """The Hessian of D(p‖·), in either argument's place, by finite differences."""
    free = p[:-1]
    h = 1e-3 * p.min()
    forward = hessian(lambda x: kl_divergence(p, probabilities_from(x)), free, h)
    backward = hessian(lambda x: kl_divergence(probabilities_from(x), p), free, h)
    expected = fisher_categorical(p)
    np.testing.assert_allclose(forward, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    np.testing.assert_allclose(backward, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("sigma", [0.5, 2.0])
def test_normal_is_the_curvature_of_the_divergence(sigma):
    point = np.array([1.0, sigma])
    numeric = hessian(lambda x: kl_normal(*point, *x), point, 1e-3)
    np.testing.assert_allclose(numeric, fisher_normal(sigma), rtol=1e-4, atol=1e-6)


@given(simplex(4))
def test_closed_forms_against_the_definition(p):
    """Scores written out: e_i/p_i − e_n/p_n for probabilities, e_i − p for logits."""
    n = p.size
    free = np.hstack([np.diag(1 / p[:-1]), np.full((n - 1, 1), -1 / p[-1])])
    np.testing.assert_allclose(fisher_information(p, free), fisher_categorical(p), rtol=1e-10)
    logits = np.eye(n) - p[:, None]
    expected = fisher_categorical(p, parameters="logits")
    np.testing.assert_allclose(fisher_information(p, logits), expected, rtol=1e-10, atol=1e-14)
    one = np.array([[1 / p[0], -1 / (1 - p[0])]])
    coin = np.array([p[0], 1 - p[0]])
    assert fisher_information(coin, one)[0, 0] == pytest.approx(
        fisher_bernoulli(p[0]), rel=1e-12, abs=0
    )


def test_normal_against_scores_by_quadrature():
    """E[s sᵀ] on a fine grid, with s = ((x − μ)/σ², ((x − μ)² − σ²)/σ³)."""
    x = np.linspace(-12, 12, 4001)
    p = normalize(np.exp(-(x**2) / 2))
    scores = np.array([x, x**2 - 1])
    np.testing.assert_allclose(fisher_information(p, scores), fisher_normal(1.0), atol=1e-12)


@given(simplex(5), st.lists(st.floats(-3, 3), min_size=10, max_size=10))
def test_exponential_family(base, values):
    """Cov T is the Hessian of A(λ) = log Σ base exp(λ·T), and the scores are T − E T."""
    rows = np.array(values).reshape(2, 5)
    parameters = np.array([0.3, -0.2])
    p = normalize(base * np.exp(parameters @ rows))
    matrix = fisher_exponential_family(p, rows)
    numeric = hessian(lambda x: np.log(base @ np.exp(x @ rows)), parameters, 1e-3)
    np.testing.assert_allclose(matrix, numeric, atol=1e-4)
    scores = rows - (rows @ p)[:, None]
    np.testing.assert_allclose(matrix, fisher_information(p, scores), rtol=1e-9, atol=1e-12)


@given(simplex(4), simplex(4))
def test_second_order(p, q):
    """D(p‖p + ε(q − p)) and the reverse, over the quadratic form, tend to 1 with ε."""
    step = (q - p)[:-1]
    fisher = fisher_categorical(p)
    quadratic = kl_second_order(fisher, step)
    if quadratic < 1e-6:  # p and q the same
        return
    for epsilon in (1e-3, 1e-5):
        moved = (1 - epsilon) * p + epsilon * q
        ratios = np.array([kl_divergence(p, moved), kl_divergence(moved, p)])
        ratios /= kl_second_order(fisher, epsilon * step)
        np.testing.assert_allclose(ratios, 1, atol=40 * epsilon)


@given(simplex(4), st.lists(st.floats(-2, 2), min_size=4, max_size=4))
def test_natural_gradient_does_not_depend_on_the_parameters(p, gradient):
    """As a change of p it is the same computed in probabilities and in natural parameters.

    With λ the first three logits (the last fixed at 0): dp/dλ = J, F_λ = J F_p J, and the steps
    J F_λ⁻¹ J g and F_p⁻¹ g agree.
    """
    g = np.array(gradient[:3])
    in_probabilities = natural_gradient(fisher_categorical(p), g)
    jacobian = fisher_categorical(p, parameters="logits")[:3, :3]  # symmetric
    in_logits = natural_gradient(fisher_exponential_family(p, np.eye(4)[:3]), jacobian @ g)
    np.testing.assert_allclose(jacobian @ in_logits, in_probabilities, rtol=1e-9, atol=1e-12)


@given(simplex(3))
def test_steepest_of_all_steps_with_the_same_divergence(p):
    """No other direction with the same ½ dᵀF d raises a linear objective more."""
    g = np.array([1.0, -0.5])
    fisher = fisher_categorical(p)
    best = natural_gradient(fisher, g)
    best = best / np.sqrt(2 * kl_second_order(fisher, best))
    for angle in np.linspace(0, 2 * np.pi, 40):
        other = np.array([np.cos(angle), np.sin(angle)])
        other = other / np.sqrt(2 * kl_second_order(fisher, other))
        assert g @ other <= g @ best * (1 + 1e-12)


def test_natural_gradient_ascent_fits_an_exponential_family():
    """The natural gradient of −D(p*‖p_λ) in λ is F⁻¹(t − E T), Newton's step to the moments t."""
    q, rows = np.array([0.2, 0.3, 0.5]), np.array([[0.0, 1.0, 2.0]])
    found = i_projection(q, rows, [1.0])
    parameters = np.zeros(1)
    for _ in range(10):
        p = normalize(q * np.exp(parameters @ rows))
        parameters += natural_gradient(fisher_exponential_family(p, rows), [1.0] - rows @ p)
    np.testing.assert_allclose(parameters, found.parameters, rtol=1e-13)


def test_damping():
    """(F + λ I)⁻¹ g by an inverse; and with logits, singular without damping."""
    rng = np.random.default_rng(0)
    root = rng.standard_normal((4, 4))
    fisher, g = root @ root.T, rng.standard_normal(4)
    expected = np.linalg.inv(fisher + 0.5 * np.eye(4)) @ g
    np.testing.assert_allclose(natural_gradient(fisher, g, damping=0.5), expected, rtol=1e-10)
    matrix = fisher_categorical([0.2, 0.3, 0.5], parameters="logits")
    with pytest.raises(ValueError, match="fisher is singular .* add damping"):
        natural_gradient(matrix, [1.0, 0.0, -1.0])
    assert np.isfinite(natural_gradient(matrix, [1.0, 0.0, -1.0], damping=1e-6)).all()


def test_parameters_that_change_nothing():
    """An outcome of probability zero: its logit's row is all zeros, and only damping holds it."""
    matrix = fisher_categorical([0.5, 0.5, 0], parameters="logits")
    assert kl_second_order(matrix, [1, -1, 0]) == kl_second_order(matrix, [1, -1, 7]) == 0.5
    step = natural_gradient(matrix, [1, -1, 0.5], damping=0.1)
    np.testing.assert_allclose(step, [1 / 0.6, -1 / 0.6, 5], rtol=1e-14)
    with pytest.raises(ValueError, match="singular or not positive definite"):
        natural_gradient(matrix, [1, -1, 0])
    assert kl_second_order(np.zeros((2, 2)), [3, 4]) == 0


def test_semidefinite_with_rounding():
    """A matrix of rank one is none of the indefinite ones, whatever its scale."""
    rng = np.random.default_rng(4)
    for scale in (1e-150, 1.0, 1e150):
        rows = scale * rng.standard_normal((20, 6))
        for row in rows:
            step = rng.standard_normal(6) / scale
            matrix = np.outer(row, row)
            assert kl_second_order(matrix, step) == pytest.approx(
                (row @ step) ** 2 / 2, rel=1e-10, abs=0
            )


def test_a_precision_beyond_the_range_of_a_float():
    np.testing.assert_array_equal(fisher_normal(1e-200), [[np.inf, 0], [0, np.inf]])


def test_hard_matrices():
    """Hilbert's matrix (condition 1.5e10 at order 8), and units from 1e-150 to 1e150."""
    order = np.arange(8)
    hilbert = 1 / (order[:, None] + order + 1)
    x = natural_gradient(hilbert, hilbert @ np.ones(8))
    np.testing.assert_allclose(x, 1, rtol=1e-5)  # the right-hand side itself is rounded
    units = 10.0 ** np.array([-150, 0, 150])
    fisher = np.array([[2, 1, 0], [1, 2, 1], [0, 1, 2.0]])
    x = natural_gradient(fisher, [1, 2, 4])
    scaled = natural_gradient(fisher * np.outer(units, units), units * [1, 2, 4])
    np.testing.assert_allclose(scaled * units, x, rtol=1e-13)


def test_batches():
    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.ones(3), size=(2, 4))
    for parameters in ("probabilities", "logits"):
        many = fisher_categorical(p, parameters=parameters)
        one = fisher_categorical(p[1, 2], parameters=parameters)
        np.testing.assert_allclose(many[1, 2], one, rtol=1e-15)
    rows = rng.standard_normal((2, 3))
    assert fisher_exponential_family(p, rows).shape == (2, 4, 2, 2)
    np.testing.assert_allclose(
        fisher_exponential_family(p, rows)[0, 3], fisher_exponential_family(p[0, 3], rows)
    )
    fisher = fisher_categorical(p)
    g = rng.standard_normal((4, 2))
    steps = natural_gradient(fisher, g)
    assert steps.shape == (2, 4, 2)
    np.testing.assert_allclose(steps[1, 3], natural_gradient(fisher[1, 3], g[3]), rtol=1e-14)
    lengths = kl_second_order(fisher, steps)
    assert lengths.shape == (2, 4)
    assert lengths[1, 3] == pytest.approx(kl_second_order(fisher[1, 3], steps[1, 3]), rel=1e-14)
    assert fisher_normal([1.0, 2.0]).shape == (2, 2, 2)


def test_the_covariance_of_a_normal_mean():
    """For the mean of a normal vector F = Σ⁻¹, and D between two means is exactly quadratic."""
    cov = np.array([[2.0, 0.5], [0.5, 1.0]])
    step = np.array([0.3, -0.4])
    exact = kl_multivariate_normal([0, 0], cov, step, cov)
    assert kl_second_order(np.linalg.inv(cov), step) == pytest.approx(exact, rel=1e-13)


# ---------------------------------------------------------------------------------- bad input

HALF = [0.5, 0.5]
BAD = [
    (lambda: fisher_information([0.5, 0.6], [[1, -1]]), "p sums to 1.1"),
    (lambda: fisher_information(HALF, [1, -1]), "scores must have shape (..., k, 2)"),
    (lambda: fisher_information(HALF, [[1, -1, 0]]), "scores must have shape (..., k, 2)"),
    (lambda: fisher_information(HALF, [[2, -2], [1, 0]]), "those at index (1,) average to 0.5"),
    (lambda: fisher_information(HALF, [[np.inf, 0]]), "scores has a non-finite entry"),
    (lambda: fisher_exponential_family(HALF, [0, 1]), "statistics must have shape (..., k, 2)"),
    (lambda: fisher_bernoulli(1.5), "p has an entry outside 0 to 1: 1.5"),
    (lambda: fisher_bernoulli([0.5, -0.1]), "p has an entry outside 0 to 1: -0.1 at index (1,)"),
    (lambda: fisher_categorical([1.0]), "p must have at least two outcomes"),
    (lambda: fisher_categorical(HALF, parameters="odds"), "'probabilities' or 'logits'; got 'odds"),
    (lambda: fisher_normal(0.0), "sigma has an entry that is not positive"),
    (lambda: kl_second_order([[1, 0], [0, 1]], [1]), "lengths differ: fisher has 2, step has 1"),
    (lambda: kl_second_order([[1, 0.5], [0, 1]], [1, 1]), "it is not symmetric"),
    (lambda: fisher_categorical(HALF, parameters=["logits"]), "parameters must be 'probabilities'"),
    (lambda: kl_second_order([[1, 2], [2, 1]], [1, -1]), "fisher is indefinite: no Fisher"),
    (
        lambda: kl_second_order([np.eye(2), [[1, 2], [2, 1]]], [1, -1]),
        "fisher is indefinite at batch index (1,)",
    ),
    (lambda: kl_second_order([[0, 1], [1, 1]], [1, -1]), "fisher has a variance (diagonal entry)"),
    (lambda: kl_second_order([[-1, 0], [0, 1]], [1, -1]), "fisher has a variance (diagonal entry)"),
    (lambda: kl_second_order([[1, 0]], [1, -1]), "fisher must be a square matrix"),
    (lambda: kl_second_order([[1.0]], [1e200]), "the second-order term is beyond the range"),
    (lambda: natural_gradient([[1e-300]], [1e300]), "the natural gradient is beyond the range of"),
    (lambda: natural_gradient([[0.0]], [1.0]), "singular or not positive definite"),
    (lambda: natural_gradient([[1, 2], [2, 1]], [1, 1]), "singular or not positive definite"),
    (
        lambda: natural_gradient([np.eye(2), np.ones((2, 2))], [1, 1]),
        "singular or not positive definite at batch index (1,)",
    ),
    (lambda: natural_gradient(np.eye(2), [1, np.nan]), "gradient has a non-finite entry"),
    (lambda: natural_gradient(np.eye(2), [1, 1], damping=-1), "damping must not be negative"),
]


@pytest.mark.parametrize(("call", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_input(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert message in str(caught.value)
