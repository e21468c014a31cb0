"""TRPO: Fisher-vector products, conjugate gradients, and steps whose divergence is bounded."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy import log

from kllib.discrete import kl_divergence
from kllib.logits import softmax
from kllib.policy.ppo import ppo_penalty_objective
from kllib.policy.token_model import prefix_probabilities, sequence_kl, sequence_log_probabilities
from kllib.policy.token_policy import token_advantages
from kllib.policy.trust_region import conjugate_gradient, fisher_vector_product, trpo_step


def mean_kl(old, new, weights):
    return weights @ kl_divergence(softmax(old), softmax(new))


def test_fisher_by_hand():
    # diag(π) − ππᵀ for π = (¾, ¼) is 3/16·[[1, −1], [−1, 1]]
    policy = np.log([[0.75, 0.25]])
    np.testing.assert_allclose(
        fisher_vector_product(policy, [[1.0, 0.0]]), [[3 / 16, -3 / 16]], rtol=1e-14
    )
    # A shift of all logits of a state changes nothing
    np.testing.assert_allclose(fisher_vector_product(policy, [[1.0, 1.0]]), [[0, 0]], atol=1e-16)
    # Two states count half each, or as told
    both = fisher_vector_product(np.vstack([policy, policy]), [[1.0, 0.0], [0.0, 0.0]])
    np.testing.assert_allclose(both, [[3 / 32, -3 / 32], [0, 0]], rtol=1e-14)


@given(st.integers(0, 10_000))
def test_fisher_is_the_hessian_of_the_divergence(seed):
    """D(π_old‖π at θ + tv) ≈ t² vᵀFv/2, in both directions; symmetric, never negative."""
    rng = np.random.default_rng(seed)
    theta, v, w = rng.standard_normal((3, 2, 4))
    phi, weights = rng.standard_normal((5, 2)), rng.exponential(size=5)
    options = {"features": phi, "state_weights": weights}
    fv, fw = (fisher_vector_product(theta, x, **options) for x in (v, w))
    assert (w * fv).sum() == pytest.approx((v * fw).sum(), rel=1e-10, abs=1e-12)
    curvature = (v * fv).sum()
    assert curvature >= 0
    t = 1e-4
    for pair in ((theta, theta + t * v), (theta + t * v, theta)):
        kl = mean_kl(phi @ pair[0], phi @ pair[1], weights)
        # The next term is of third order: a share of t of the whole
        assert 2 * kl / t**2 == pytest.approx(curvature, rel=0.01)


@given(st.integers(0, 10_000), st.integers(1, 12))
def test_conjugate_gradient_solves(seed, n):
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((n, n + 3))
    matrix = root @ root.T + np.eye(n)
    x = rng.standard_normal(n)
    found = conjugate_gradient(lambda v: matrix @ v, matrix @ x)
    assert found.converged
    np.testing.assert_allclose(found.solution, x, atol=1e-7)


def test_conjugate_gradient_needs_no_more_steps_than_eigenvalues():
    matrix = np.diag([1.0, 1.0, 5.0, 5.0, 5.0])
    products = []
    b = np.arange(1.0, 6.0)
    x = conjugate_gradient(lambda v: products.append(v) or matrix @ v, b).solution
    assert len(products) == 2
    np.testing.assert_allclose(x, b / np.diag(matrix), rtol=1e-12)


def test_conjugate_gradient_of_a_singular_matrix():
    """The right-hand side is in its range, as a policy gradient is in that of the Fisher matrix."""
    policy = np.array([0.5, 0.3, 0.2])
    matrix = np.diag(policy) - np.outer(policy, policy)
    target = matrix @ [1.0, -2.0, 4.0]
    x = conjugate_gradient(lambda v: matrix @ v, target).solution
    np.testing.assert_allclose(matrix @ x, target, atol=1e-12)
    nothing = conjugate_gradient(lambda v: matrix @ v, np.zeros(3))
    assert (nothing.solution == 0).all()
    assert nothing.residual == 0
    assert nothing.converged
    # Stopped early, it is not there yet
    early = conjugate_gradient(lambda v: matrix @ v, target, max_steps=1)
    assert np.abs(matrix @ early.solution - target).max() > 1e-3
    assert not early.converged


def test_conjugate_gradient_says_when_it_has_not_arrived():
    """The Hilbert matrix, 1/(i + j + 1), has condition number 1e13."""
    i = np.arange(10)
    hilbert = 1 / (i[:, None] + i + 1)
    found = conjugate_gradient(lambda v: hilbert @ v, np.ones(10), max_steps=3)
    assert not found.converged
    miss = np.linalg.norm(hilbert @ found.solution - 1) / np.linalg.norm(np.ones(10))
    assert found.residual == pytest.approx(miss, rel=1e-6)
    assert found.residual > 0.01


# ------------------------------------------------------------------ the step


@given(st.integers(0, 10_000), st.floats(-6, 0))
def test_a_step_gains_and_keeps_to_its_budget(seed, exponent):
    rng = np.random.default_rng(seed)
    theta, gain = rng.standard_normal((2, 3)), rng.standard_normal((5, 3))
    phi, weights = rng.standard_normal((5, 2)), rng.exponential(size=5)
    max_kl = 10.0**exponent
    step = trpo_step(theta, gain, max_kl=max_kl, features=phi, state_weights=weights)
    assert step.backtracks >= 0
    assert 0 < step.kl <= max_kl
    old, new = phi @ theta, phi @ step.parameters
    assert step.kl == pytest.approx(mean_kl(old, new, weights), rel=1e-6, abs=0)
    values = [
        ppo_penalty_objective(z, old, gain, beta=0, state_weights=weights) for z in (old, new)
    ]
    assert step.improvement > 0
    assert step.improvement == pytest.approx(values[1] - values[0], rel=1e-6, abs=1e-12)
    moved = 0.5**step.backtracks * step.step_size * step.direction
    np.testing.assert_allclose(step.parameters, theta + moved, rtol=1e-14, atol=1e-15)
    # The first step tried would have the whole budget if the divergence were quadratic
    curvature = fisher_vector_product(theta, step.direction, features=phi, state_weights=weights)
    half = (step.direction * curvature).sum() / 2
    assert step.step_size**2 * half == pytest.approx(max_kl, rel=1e-9)


def test_a_small_step_uses_its_budget_and_is_the_best_of_its_size():
    """As max_kl → 0: no backtracking, all of the budget, and the gain sqrt(2 δ gᵀF⁻¹g)."""
    rng = np.random.default_rng(3)
    theta, gain = rng.standard_normal((2, 4, 3))
    step = trpo_step(theta, gain, max_kl=1e-8)
    assert step.kl == pytest.approx(1e-8, rel=1e-3, abs=0)
    assert step.improvement == pytest.approx(2e-8 / step.step_size, rel=1e-3, abs=0)
    policy = softmax(theta)
    slope = policy * (gain - (policy * gain).sum(axis=1, keepdims=True)) / 4
    # A step of the same divergence along the plain gradient gains less
    plain = slope * np.sqrt(2e-8 / (slope * fisher_vector_product(theta, slope)).sum())
    along = ppo_penalty_objective(theta + plain, theta, gain, beta=0) - ppo_penalty_objective(
        theta, theta, gain, beta=0
    )
    assert along < 0.95 * step.improvement


def test_the_line_search_backtracks_where_the_divergence_is_not_quadratic():
    """A policy near a corner of the simplex: the quadratic step would be far too long."""
    step = trpo_step([[4.0, 0.0, 0.0]], [[-1.0, 1.0, 0.0]], max_kl=0.5)
    assert step.backtracks >= 1
    assert 0 < step.kl <= 0.5
    old = np.array([[4.0, 0.0, 0.0]])
    first = old + step.step_size * step.direction
    assert kl_divergence(softmax(old)[0], softmax(first)[0]) > 0.5


def test_the_line_search_backtracks_where_nothing_is_gained():
    """With parameters that states share, a step within a wide budget can overshoot."""
    rng = np.random.default_rng(53)
    theta, gain = rng.standard_normal((2, 3)), rng.standard_normal((4, 3))
    phi, weights = rng.standard_normal((4, 2)), np.full(4, 0.25)
    step = trpo_step(theta, gain, max_kl=20, features=phi)
    assert step.backtracks == 2
    assert step.improvement > 0
    old, first = phi @ theta, phi @ (theta + step.step_size * step.direction)
    assert mean_kl(old, first, weights) < 20
    values = [ppo_penalty_objective(z, old, gain, beta=0) for z in (old, first)]
    assert values[1] < values[0]


def test_the_direction_is_that_of_the_old_policy():
    """Dropping an action that the old policy takes is what costs: D(π_old‖π), as in the paper."""
    old, dropped = np.array([0.7, 0.3]), np.array([1 - 1e-6, 1e-6])
    # As in the corrected source documents: 3.53 against .357
    assert round(float(kl_divergence(old, dropped)), 2) == 3.53
    assert round(float(kl_divergence(dropped, old)), 3) == 0.357
    step = trpo_step(np.log([old]), [[1.0, -1.0]], max_kl=0.5)
    assert step.kl == pytest.approx(
        kl_divergence(old, softmax(step.parameters)[0]), rel=1e-9, abs=0
    )
    assert kl_divergence(softmax(step.parameters)[0], old) < step.kl


@pytest.mark.parametrize("unit", [1e-200, 1e149])
def test_units_of_reward_change_no_step(unit):
    theta, gain = np.array([[1.0, 0.0, -1.0]]), np.array([[1.0, -1.0, 0.5]])
    plain, scaled = (trpo_step(theta, x, max_kl=0.05) for x in (gain, unit * gain))
    np.testing.assert_allclose(scaled.parameters, plain.parameters, rtol=1e-12)
    assert scaled.improvement == pytest.approx(unit * plain.improvement, rel=1e-9, abs=0)


def test_nothing_to_gain():
    step = trpo_step([[1.0, 2.0]], [[3.0, 3.0]], max_kl=0.1)
    assert (step.parameters == [[1.0, 2.0]]).all()
    assert (step.step_size, step.backtracks, step.kl, step.improvement) == (0, -1, 0, 0)
    assert step.converged


def test_a_step_that_is_not_taken_shares_no_memory_with_the_argument():
    old = np.array([[1.0, 2.0]])
    step = trpo_step(old, [[1.0, 1.0]], max_kl=0.1)
    assert not np.shares_memory(step.parameters, old)


def test_a_long_line_search_near_a_corner():
    """Where one action is all but certain the quadratic model is wrong by many powers of two."""
    theta = [[-11.344968629190461, 13.018536718458723, 70.26896345923572]]
    step = trpo_step(theta, [[-1.0, 1.0, 0.5]], max_kl=0.01)
    assert step.backtracks > 30
    assert 0 < step.kl <= 0.01
    assert step.improvement > 0


def test_a_policy_so_sure_that_it_takes_hundreds_of_halvings():
    """Or, with probabilities below the smallest normal float, that no step is to be found."""
    step = trpo_step([[-284.9, 255.5, -525.4]], [[2.5, 2.3, 11.6]], max_kl=1e-6)
    assert step.backtracks > 100
    assert 0 < step.kl <= 1e-6
    for theta in ([[249.7, 994.3]], [[0.0, 2000.0]]):
        stay = trpo_step(theta, [[160.8, 103.7]], max_kl=1e-4)
        assert (stay.backtracks, stay.improvement) == (-1, 0)
        assert (stay.parameters == theta).all()


@pytest.mark.parametrize("max_kl", [1e-20, 1e-12])
def test_the_gain_of_a_tiny_step_keeps_its_digits(max_kl):
    """sqrt(2 δ gᵀF⁻¹g) = sqrt(2 δ Var_π A) for one state, whatever is added to A."""
    theta, gain = np.log([[0.5, 0.3, 0.2]]), np.array([[1.0, -2.0, 0.5]])
    variance = 0.5 * 1 + 0.3 * 4 + 0.2 * 0.25 - (0.5 - 0.6 + 0.1) ** 2
    for shift in (0, 1e3):
        step = trpo_step(theta, gain + shift, max_kl=max_kl)
        expected = np.sqrt(2 * max_kl * variance) / 2**step.backtracks
        assert step.improvement == pytest.approx(expected, rel=1e-5, abs=0)


def test_damping_shortens_the_directions_that_the_policy_hardly_feels():
    theta, gain = [[5.0, 0.0, 0.0]], [[0.0, 1.0, -1.0]]
    plain = trpo_step(theta, gain, max_kl=1e-4)
    damped = trpo_step(theta, gain, max_kl=1e-4, damping=0.1)
    assert np.linalg.norm(damped.direction) < np.linalg.norm(plain.direction)
    assert 0 < damped.kl <= 1e-4


def test_a_contextual_bandit_is_solved_step_by_step():
    """Four contexts with four features, three arms."""
    rng = np.random.default_rng(7)
    reward, phi = rng.standard_normal((4, 3)), rng.standard_normal((4, 4))
    contexts, theta, values = np.array([0.4, 0.3, 0.2, 0.1]), np.zeros((4, 3)), []
    for _ in range(10):
        policy = softmax(phi @ theta)
        value = (policy * reward).sum(axis=1)
        values.append(contexts @ value)
        step = trpo_step(
            theta, reward - value[:, None], max_kl=0.05, features=phi, state_weights=contexts
        )
        theta = step.parameters
    assert (np.diff(values) > 0).all()
    assert values[-1] > contexts @ reward.max(axis=1) - 1e-3


def test_a_token_model_is_steered_within_a_budget_of_whole_sequences():
    """State weights are the prefixes' probabilities, so the divergence is that of the sequences."""
    rng = np.random.default_rng(8)
    logits, reward = rng.standard_normal((13, 3)), rng.standard_normal(27)
    for _ in range(5):
        step = trpo_step(
            logits,
            token_advantages(logits, reward),
            max_kl=0.01,
            state_weights=prefix_probabilities(logits),
        )
        before, after = (np.exp(sequence_log_probabilities(z)) for z in (logits, step.parameters))
        assert step.kl == pytest.approx(kl_divergence(before, after), rel=1e-9, abs=0)
        assert step.kl == pytest.approx(sequence_kl(logits, step.parameters), rel=1e-12, abs=0)
        assert step.kl <= 0.01
        assert after @ reward > before @ reward
        logits = step.parameters


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fisher_vector_product([0, 1], [0, 1]), "parameters must be a table"),
        (lambda: fisher_vector_product([[0, 1]], [[0, 1, 2]]), "shapes differ"),
        (
            lambda: fisher_vector_product([[0, 1]], [[0, 1]], features=[[1, 2]]),
            "a column for each row of parameters: 2 columns, 1 rows",
        ),
        (
            lambda: fisher_vector_product([[0, 1]], [[0, 1]], state_weights=[1, 1]),
            "state_weights must have shape (1,)",
        ),
        (lambda: conjugate_gradient(np.eye(2), [1.0, 2.0]), "matrix must be a function"),
        (lambda: conjugate_gradient(lambda v: [1.0], [1.0, 2.0]), "shapes differ"),
        (lambda: conjugate_gradient(lambda v: v * 1e-320, [1.0]), "beyond the range of a float"),
        (lambda: conjugate_gradient(lambda v: v * 1e-200, [1e300]), "beyond the range of a float"),
        (lambda: trpo_step([[0, 1]], [[1, 2]], max_kl=1, features=[[1e200]]), "features has an"),
        (lambda: fisher_vector_product([[0, 1e200]], [[1, 2]]), "parameters has an entry above"),
        (lambda: trpo_step([[0, 1]], [[1, 1e200]], max_kl=1), "advantages has an entry above"),
        (lambda: trpo_step([[0, 1e200]], [[1, 2]], max_kl=1), "parameters has an entry above"),
        (lambda: trpo_step([[0, 1]], [[1, 2]], max_kl=1e308), "max_kl has an entry above"),
        (lambda: conjugate_gradient(lambda v: 0 * v, [1.0]), "not in the range of a matrix"),
        (lambda: conjugate_gradient(lambda v: -v, [1.0]), "not in the range of a matrix"),
        (lambda: conjugate_gradient(lambda v: v, [np.nan]), "target has a non-finite entry"),
        (lambda: conjugate_gradient(lambda v: v, [1], tolerance=0), "tolerance must be positive"),
        (
            lambda: conjugate_gradient(lambda v: v, [1], max_steps=0),
            "max_steps must be a whole number, 1 or above",
        ),
        (lambda: conjugate_gradient(lambda v: v, [1], max_steps=1.5), "must be a whole number"),
        (lambda: trpo_step([[0, 1]], [[1]], max_kl=1), "shapes differ: logits has (1, 2)"),
        (lambda: trpo_step([[0, 1]], [[1, 2]], max_kl=0), "max_kl must be positive"),
        (lambda: trpo_step([[0, 1]], [[1, np.inf]], max_kl=1), "advantages has a non-finite"),
        (lambda: trpo_step([[0, 1]], [[1, 2]], max_kl=1, damping=-1), "damping must not be neg"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)


def test_the_quadratic_model_by_hand():
    """One state, π = (½, ½), A = (1, −1): g = (½, −½), F = ¼[[1, −1], [−1, 1]], x = (1, −1)."""
    step = trpo_step([[0.0, 0.0]], [[1.0, -1.0]], max_kl=0.02)
    np.testing.assert_allclose(step.direction, [[1, -1]], rtol=1e-12)
    # xᵀFx = 1, so sqrt(2·0.02) = 0.2; D = log cosh 0.2
    assert step.step_size == pytest.approx(0.2, rel=1e-12)
    assert step.kl == pytest.approx(log(np.cosh(0.2)), rel=1e-12)
