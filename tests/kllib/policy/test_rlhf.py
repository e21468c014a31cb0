"""RLHF: the optimum, its value and its frontier, against scipy's optimisers and by their laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy import inf, log
from scipy.optimize import check_grad, minimize

from kllib.discrete import entropy, kl_divergence
from kllib.logits import softmax
from kllib.policy.rlhf import (
    frontier_at_kl,
    kl_reward_frontier,
    rlhf_gradient,
    rlhf_objective,
    rlhf_optimum,
    rlhf_value,
)


@st.composite
def prompts(draw):
    """A reference without zeros, and rewards, some of them equal."""
    m = draw(st.integers(2, 6))
    reference = np.array(draw(st.lists(st.floats(0.01, 1), min_size=m, max_size=m)))
    reward = np.array(draw(st.lists(st.integers(-20, 20), min_size=m, max_size=m))) / 4
    return reference / reference.sum(), reward


BETAS = st.floats(0.1, 10)


# ------------------------------------------------------------------ known values


def test_by_hand():
    # Weights 0.6·e² and 0.4·e⁰ of 1: 4.4334/4.8334 = 0.9172
    assert rlhf_optimum([0.6, 0.4], [2, 0], 1).round(4).tolist() == [0.9172, 0.0828]
    assert round(float(kl_reward_frontier([0.6, 0.4], [2, 0], 1).kl), 4) == 0.2589
    # At β = 0.1 all is on one answer, to 1.4e-9, and the divergence is −log 0.6
    saturated = kl_reward_frontier([0.6, 0.4], [2, 0], 0.1)
    assert rlhf_optimum([0.6, 0.4], [2, 0], 0.1)[1] == pytest.approx(1.37e-9, rel=5e-3, abs=0)
    assert saturated.kl == pytest.approx(-log(0.6), abs=1e-7)
    assert round(float(saturated.kl), 6) == 0.510826
    # log(0.6 e² + 0.4)
    assert rlhf_value([0.6, 0.4], [2, 0], 1) == pytest.approx(log(0.6 * np.exp(2) + 0.4), rel=1e-15)


def test_limits_of_beta():
    reference, reward = [0.5, 0.3, 0.2], [1.0, 4.0, 4.0]
    np.testing.assert_allclose(rlhf_optimum(reference, reward, 1e9), reference, rtol=1e-8)
    assert rlhf_value(reference, reward, 1e9) == pytest.approx(2.5, rel=1e-8)
    # Answers of equal reward keep their proportions
    np.testing.assert_allclose(rlhf_optimum(reference, reward, 1e-3), [0, 0.6, 0.4], atol=1e-15)
    assert rlhf_value(reference, reward, 1e-6) == pytest.approx(4, rel=1e-5)
    frontier = kl_reward_frontier(reference, reward, [1e-3, 1e9])
    np.testing.assert_allclose(frontier.kl, [log(2), 0], atol=1e-15)
    np.testing.assert_allclose(frontier.reward, [4, 2.5], rtol=1e-8)


def test_what_the_reference_rules_out_stays_impossible():
    policy = rlhf_optimum([0.5, 0.5, 0], [0, 1, 1000], 0.5)
    assert policy[2] == 0
    np.testing.assert_allclose(policy[:2], rlhf_optimum([0.5, 0.5], [0, 1], 0.5), rtol=1e-15)
    assert rlhf_value([0.5, 0.5, 0], [0, 1, 1000], 0.5) == rlhf_value([0.5, 0.5], [0, 1], 0.5)
    assert rlhf_objective([0.9, 0, 0.1], [0.5, 0.5, 0], [0, 1, 1000], 0.5) == -inf
    assert kl_reward_frontier([0.5, 0.5, 0], [0, 1, 9], 1e-3).kl == pytest.approx(log(2))
    assert frontier_at_kl([0.5, 0.5, 0], [0, 1, 9], 1).reward == 1


def test_entropy_regularisation():
    """With a uniform reference the penalty is log m − H."""
    policy, reward = [0.5, 0.25, 0.125, 0.125], [3.0, 1.0, 2.0, 0.0]
    expected = np.dot(policy, reward) + 0.7 * (entropy(policy) - log(4))
    assert rlhf_objective(policy, [0.25] * 4, reward, 0.7) == pytest.approx(expected, rel=1e-14)
    np.testing.assert_allclose(
        rlhf_optimum([0.25] * 4, reward, 0.7), softmax(np.array(reward) / 0.7), rtol=1e-14
    )


# ------------------------------------------------------------------ second routes


@pytest.mark.parametrize("seed", range(5))
def test_no_optimiser_finds_a_better_policy(seed):
    rng = np.random.default_rng(seed)
    reference, reward, beta = rng.dirichlet(np.ones(5)), rng.standard_normal(5), 0.7
    found = minimize(
        lambda p: -(p @ reward - beta * np.sum(p * np.log(p / reference))),
        np.full(5, 0.2),
        method="SLSQP",
        bounds=[(1e-9, 1)] * 5,
        constraints={"type": "eq", "fun": lambda p: p.sum() - 1},
        options={"ftol": 1e-13, "maxiter": 500},
    )
    assert rlhf_value(reference, reward, beta) == pytest.approx(-found.fun, abs=1e-8)
    np.testing.assert_allclose(rlhf_optimum(reference, reward, beta), found.x, atol=1e-4)


@pytest.mark.parametrize("kl", [0.01, 0.1, 0.5])
def test_no_optimiser_gets_above_the_frontier(kl):
    rng = np.random.default_rng(6)
    reference, reward = rng.dirichlet(np.ones(5)), rng.standard_normal(5)
    found = minimize(
        lambda p: -(p @ reward),
        reference,
        method="SLSQP",
        bounds=[(1e-9, 1)] * 5,
        constraints=[
            {"type": "eq", "fun": lambda p: p.sum() - 1},
            {"type": "ineq", "fun": lambda p: kl - np.sum(p * np.log(p / reference))},
        ],
        options={"ftol": 1e-13, "maxiter": 500},
    )
    point = frontier_at_kl(reference, reward, kl)
    assert point.reward == pytest.approx(-found.fun, abs=1e-7)
    assert point.kl == pytest.approx(kl, rel=1e-12, abs=0)


@pytest.mark.parametrize("seed", range(5))
def test_gradient_by_finite_differences(seed):
    rng = np.random.default_rng(seed)
    reference, reward, beta = rng.dirichlet(np.ones(6)), rng.standard_normal(6), 0.3
    logits = rng.standard_normal(6)
    error = check_grad(
        lambda z: rlhf_objective(softmax(z), reference, reward, beta),
        lambda z: rlhf_gradient(z, reference, reward, beta),
        logits,
    )
    assert error < 1e-6
    assert abs(rlhf_gradient(logits, reference, reward, beta).sum()) < 1e-15


def test_ascent_reaches_the_optimum():
    reference, reward, beta = np.array([0.5, 0.3, 0.2]), np.array([0.0, 1.0, 3.0]), 0.8
    logits = np.log(reference)
    for _ in range(2000):
        logits = logits + rlhf_gradient(logits, reference, reward, beta)
    np.testing.assert_allclose(softmax(logits), rlhf_optimum(reference, reward, beta), rtol=1e-9)


def test_a_penalty_inside_the_reward_needs_no_derivative():
    """E_π [(r − β k1)·score], the penalty held fixed, is the gradient; k3 there is not.

    ∂E_π k1 is E_π k1·score + E_π ∂k1, whose second part is zero; that of k3 is π − π_ref.
    """
    reference, logits = np.array([0.2, 0.3, 0.5]), np.array([0.5, -0.2, 0.1])
    reward, beta = np.array([1.0, 0.0, 2.0]), 0.7
    policy = softmax(logits)
    score = np.eye(3) - policy
    gradient = rlhf_gradient(logits, reference, reward, beta)
    k1 = np.log(policy / reference)
    k3 = reference / policy - 1 + k1
    np.testing.assert_allclose((policy * (reward - beta * k1)) @ score, gradient, atol=1e-15)
    off = (policy * (reward - beta * k3)) @ score - gradient
    np.testing.assert_allclose(off, beta * (policy - reference), atol=1e-15)


# ------------------------------------------------------------------ laws


@given(prompts(), prompts(), BETAS)
def test_a_policy_falls_short_by_beta_times_its_divergence_from_the_optimum(prompt, other, beta):
    reference, reward = prompt
    policy = np.resize(other[0], len(reference))
    policy = policy / policy.sum()
    gap = rlhf_value(reference, reward, beta) - rlhf_objective(policy, reference, reward, beta)
    best = rlhf_optimum(reference, reward, beta)
    # The optimum may hold 1e-44; its logarithm then has 100 times the rounding error of the rest
    assert gap == pytest.approx(beta * kl_divergence(policy, best), rel=1e-9, abs=1e-12)


@given(prompts(), BETAS, st.floats(-5, 5))
def test_a_constant_in_the_reward_changes_nothing_but_the_value(prompt, beta, shift):
    reference, reward = prompt
    np.testing.assert_allclose(
        rlhf_optimum(reference, reward + shift, beta),
        rlhf_optimum(reference, reward, beta),
        rtol=1e-10,
    )
    assert rlhf_value(reference, reward + shift, beta) == pytest.approx(
        rlhf_value(reference, reward, beta) + shift, rel=1e-12, abs=1e-12
    )


@given(prompts())
def test_the_frontier_rises_and_is_concave_with_slope_beta(prompt):
    reference, reward = prompt
    frontier = kl_reward_frontier(reference, reward, np.geomspace(0.1, 100, 30))
    assert (np.diff(frontier.kl) <= 1e-15).all()  # β grows, so the divergence falls
    assert (np.diff(frontier.reward) <= 1e-13).all()
    kl, gain = -np.diff(frontier.kl), -np.diff(frontier.reward)
    # The chord between two points has a slope between the two β.
    assert (gain >= frontier.beta[:-1] * kl * (1 - 1e-9) - 1e-12).all()
    assert (gain <= frontier.beta[1:] * kl * (1 + 1e-9) + 1e-12).all()
    assert (frontier.kl <= -log(reference.min())).all()


@given(prompts(), BETAS)
def test_the_divergence_at_the_optimum(prompt, beta):
    """E r/β − log Z."""
    point = kl_reward_frontier(*prompt, beta)
    expected = point.reward / beta - rlhf_value(*prompt, beta) / beta
    assert point.kl == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert point.kl == pytest.approx(
        kl_divergence(rlhf_optimum(*prompt, beta), prompt[0]), rel=1e-9, abs=1e-14
    )


@given(prompts(), BETAS)
def test_the_frontier_by_divergence_inverts_the_frontier_by_beta(prompt, beta):
    point = kl_reward_frontier(*prompt, beta)
    back = frontier_at_kl(*prompt, float(point.kl))
    assert back.kl == pytest.approx(point.kl, rel=1e-9, abs=1e-15)
    assert back.reward == pytest.approx(point.reward, rel=1e-7, abs=1e-12)


def test_the_ends_of_the_frontier_by_divergence():
    start = frontier_at_kl([0.5, 0.25, 0.25], [1, 2, 3], 0)
    assert (start.beta, start.kl, start.reward) == (inf, 0, 1.75)
    end = frontier_at_kl([0.5, 0.25, 0.25], [1, 2, 3], 5)
    assert (end.beta, end.reward) == (0, 3)
    assert end.kl == pytest.approx(log(4), rel=1e-15)
    flat = frontier_at_kl([0.5, 0.5], [2, 2], 0.3)
    assert (flat.beta, flat.kl, flat.reward) == (0, 0, 2)


@pytest.mark.parametrize("offset", [0, 1e-16, 1e-15, 1e-12, 1e-8])
def test_just_below_the_end_of_the_frontier(offset):
    reference, reward = [0.988106346474807, 0.011893653525192956], [1.0314530848, 0.1610095768]
    end = frontier_at_kl(reference, reward, 1)
    point = frontier_at_kl(reference, reward, end.kl - offset)
    assert point.kl == pytest.approx(end.kl - offset, rel=1e-12, abs=0)
    assert end.reward - 1e-6 <= point.reward <= end.reward


@pytest.mark.parametrize("unit", [5e-324, 1e-300, 1e149])
def test_the_frontier_in_any_unit_of_reward(unit):
    """β and reward are in that unit; the smallest float has no fractions, and is rounded."""
    plain = frontier_at_kl([0.5, 0.25, 0.25], [1, 0, -7], 0.4)
    point = frontier_at_kl([0.5, 0.25, 0.25], [unit, 0, -7 * unit], 0.4)
    assert point.kl == pytest.approx(0.4, rel=1e-12)
    assert point.beta == pytest.approx(unit * plain.beta, rel=1e-9, abs=1e-323)
    assert point.reward == pytest.approx(unit * plain.reward, rel=1e-9, abs=1e-323)
    # Almost no divergence is left to buy with
    assert frontier_at_kl([0.5, 0.5], [0, unit], 1e-300).kl == pytest.approx(
        1e-300, rel=1e-9, abs=0
    )


def test_a_result_shares_no_memory_with_an_argument():
    beta = np.array([1.0, 2.0])
    frontier = kl_reward_frontier([0.5, 0.5], [0, 1], beta)
    assert not np.shares_memory(frontier.beta, beta)
    frontier.beta[0] = 7
    assert beta[0] == 1


# ------------------------------------------------------------------ shapes and bad input


def test_batches():
    rng = np.random.default_rng(1)
    reference, reward = rng.dirichlet(np.ones(4), size=(2, 3)), rng.standard_normal((3, 4))
    beta = rng.uniform(0.5, 2, size=(2, 1))
    policy = rlhf_optimum(reference, reward, beta)
    value = rlhf_value(reference, reward, beta)
    objective = rlhf_objective(policy, reference, reward, beta)
    frontier = kl_reward_frontier(reference, reward, beta)
    assert policy.shape == (2, 3, 4)
    assert value.shape == objective.shape == frontier.beta.shape == frontier.kl.shape == (2, 3)
    for i, j in np.ndindex(2, 3):
        one = reference[i, j], reward[j], beta[i, 0]
        np.testing.assert_allclose(policy[i, j], rlhf_optimum(*one), rtol=1e-14)
        assert value[i, j] == pytest.approx(rlhf_value(*one), rel=1e-13)
        assert frontier.reward[i, j] == pytest.approx(kl_reward_frontier(*one).reward, rel=1e-13)
    np.testing.assert_allclose(objective, value, rtol=1e-12)
    slopes = rlhf_gradient(rng.standard_normal((2, 3, 4)), reference, reward, beta)
    assert slopes.shape == (2, 3, 4)
    assert isinstance(rlhf_value([0.5, 0.5], [1, 2], 1), float)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rlhf_optimum([0.5, 0.6], [1, 2], 1), "reference sums to 1.1"),
        (lambda: rlhf_optimum([0.5, 0.5], [1, np.nan], 1), "reward has a non-finite entry"),
        (lambda: rlhf_optimum([0.5, 0.5], [1, 2, 3], 1), "lengths differ"),
        (lambda: rlhf_optimum([0.5, 0.5], [1, -1e308], 1), "above 4e+307 in size"),
        (lambda: rlhf_optimum([0.5, 0.5], [1, 2], 0), "beta has an entry that is not positive"),
        (lambda: rlhf_value([0.5, 0.5], [[1, 2], [3, 4]], [1, 2, 3]), "do not broadcast"),
        (lambda: rlhf_objective([1.5, -0.5], [0.5, 0.5], [1, 2], 1), "policy has a negative entry"),
        (lambda: rlhf_gradient([0, inf], [0.5, 0.5], [1, 2], 1), "logits has a non-finite entry"),
        (
            lambda: rlhf_gradient([0, 1], [1.0, 0.0], [1, 2], 1),
            "reference has an entry that is not",
        ),
        (lambda: rlhf_optimum([0.5, 0.5], [1, 2e150], 1), "reward has an entry above 1e+150"),
        (lambda: rlhf_value([0.5, 0.5], [1, 2], 1.7e308), "beta has an entry above 1e+150"),
        (lambda: rlhf_objective([0.5, 0.5], [0.5, 0.5], [1, 2], 1.7e308), "beta has an entry abo"),
        (lambda: rlhf_gradient([1, -1], [0.1, 0.9], [1, -1], 1e308), "beta has an entry above"),
        (lambda: rlhf_gradient([1e308, 0], [0.1, 0.9], [1, -1], 1), "logits has an entry above"),
        (lambda: frontier_at_kl([0.5, 0.5], [1, 2], -1), "kl must not be negative"),
        (lambda: frontier_at_kl([[0.5, 0.5]], [1, 2], 1), "must be vectors, of one prompt"),
        (lambda: kl_reward_frontier([0.5, 0.5], [1, 2], -1), "beta has an entry that is not pos"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)
