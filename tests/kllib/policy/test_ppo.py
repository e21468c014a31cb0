"""PPO: the clipped objective and the penalty, their gradients, and what clipping does not bound."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy import log
from scipy.optimize import check_grad, minimize

from kllib.discrete import kl_divergence
from kllib.logits import log_softmax, softmax
from kllib.policy.ppo import (
    adapt_kl_coefficient,
    ppo_clip_gradient,
    ppo_clip_objective,
    ppo_penalty_gradient,
    ppo_penalty_objective,
)


def clip_one(ratio, advantage, epsilon=0.2):
    return ppo_clip_objective(log(ratio), 0.0, advantage, epsilon=epsilon)


def test_clip_by_hand():
    # min(ρA, clip(ρ)A) in the six cases of figure 1 of the paper
    assert clip_one(1.5, 2) == pytest.approx(2.4)
    assert clip_one(1.1, 2) == pytest.approx(2.2)
    assert clip_one(0.5, 2) == pytest.approx(1.0)
    assert clip_one(1.5, -2) == pytest.approx(-3.0)
    assert clip_one(0.9, -2) == pytest.approx(-1.8)
    assert clip_one(0.5, -2) == pytest.approx(-1.6)


def test_a_ratio_beyond_the_range_of_a_float():
    assert ppo_clip_objective(1000.0, 0.0, 1.0) == pytest.approx(1.2)
    assert ppo_clip_objective(1000.0, 0.0, -1.0) == -np.inf
    # So it is when the product alone is beyond it
    assert ppo_clip_objective([700.0], [-9.0], [-1e10]) == -np.inf
    assert (ppo_clip_gradient([700.0], [-9.0], [-1e10]) == -np.inf).all()
    # Without advantage, or without weight, it counts for nothing
    assert ppo_clip_objective([1000.0, 0.0], [0.0, 0.0], [0.0, 3.0]) == 1.5
    weighted = ppo_clip_objective([1000.0, 0.0], [0.0, 0.0], [-1.0, 3.0], action_weights=[0, 1])
    assert weighted == 3
    assert ppo_clip_gradient(1000.0, 0.0, 0.0) == 0


def test_clip_gradient_is_flat_only_where_the_policy_has_gone_far_enough():
    ratios = np.array([1.5, 1.1, 0.5, 1.5, 0.9, 0.5])
    advantages = np.array([2.0, 2, 2, -2, -2, -2])
    slope = ppo_clip_gradient(np.log(ratios), np.zeros(6), advantages, action_weights=np.ones(6))
    np.testing.assert_allclose(slope, [0, 2.2, 1.0, -3.0, -1.8, 0], rtol=1e-14)
    # At ratio 1 it is the plain policy gradient
    slope = ppo_clip_gradient(np.zeros(2), np.zeros(2), [3.0, -4.0])
    np.testing.assert_allclose(slope, [1.5, -2.0], rtol=1e-15)


@given(st.integers(0, 10_000), st.floats(0.05, 0.5))
def test_clip_gradient_by_finite_differences(seed, epsilon):
    rng = np.random.default_rng(seed)
    old, noise, advantage = rng.standard_normal((3, 6))
    ratio = np.exp(noise)
    near_kink = (np.abs(ratio - 1 - epsilon) < 1e-6) | (np.abs(ratio - 1 + epsilon) < 1e-6)
    advantage[near_kink] = 0
    options = {"epsilon": epsilon, "action_weights": rng.exponential(size=6)}
    error = check_grad(
        lambda x: ppo_clip_objective(x, old, advantage, **options),
        lambda x: ppo_clip_gradient(x, old, advantage, **options),
        old + noise,
    )
    assert error < 1e-5


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_clipping_only_lowers_the_objective(seed, epsilon):
    rng = np.random.default_rng(seed)
    new, old, advantage = rng.standard_normal((3, 8))
    plain = np.mean(np.exp(new - old) * advantage)
    assert ppo_clip_objective(new, old, advantage, epsilon=epsilon) <= plain + 1e-12
    unchanged = ppo_clip_objective(old, old, advantage, epsilon=epsilon)
    assert unchanged == pytest.approx(advantage.mean(), abs=1e-14)


def test_clip_over_all_actions_is_the_expectation_over_samples():
    """Within six standard errors."""
    rng = np.random.default_rng(2)
    old, new, gain = log_softmax(rng.standard_normal((3, 4)) * 0.7)
    exact = ppo_clip_objective(new, old, gain, action_weights=np.exp(old))
    drawn = rng.choice(4, size=200_000, p=np.exp(old))
    ratio = np.exp(new - old)[drawn]
    each = np.minimum(ratio * gain[drawn], np.clip(ratio, 0.8, 1.2) * gain[drawn])
    sampled = ppo_clip_objective(new[drawn], old[drawn], gain[drawn])
    assert sampled == pytest.approx(each.mean(), rel=1e-12)
    assert abs(sampled - exact) < 6 * each.std() / np.sqrt(len(each))


def test_a_clip_range_is_no_budget_of_divergence():
    """At ratio 1.2 the divergence depends on how probable the action was."""
    found = []
    for p in (0.5, 0.2, 0.05, 0.01):
        old, new = np.array([p, 1 - p]), np.array([1.2 * p, 1 - 1.2 * p])
        found.append(round(float(kl_divergence(old, new)), 5))
    # As in the corrected source documents
    assert found == [0.02041, 0.00457, 0.00094, 0.00018]
    # Beyond the range the objective is flat, however far the policy has gone
    far = np.log([0.999, 0.001])
    slope = ppo_clip_gradient(far, np.log([0.5, 0.5]), [1.0, -1.0], action_weights=[0.5, 0.5])
    assert (slope == 0).all()
    assert kl_divergence([0.5, 0.5], [0.999, 0.001]) > 2


# ------------------------------------------------------------------ the penalty


def tables(seed, states=3, actions=4):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((3, states, actions)), rng.exponential(size=states)


def test_penalty_by_hand():
    # One state: E A = (3·3 − 1·1)/4 = 2; D((½, ½)‖(¾, ¼)) = ½ log(4/3)
    new, old = np.log([[0.75, 0.25]]), np.log([[0.5, 0.5]])
    value = ppo_penalty_objective(new, old, [[3.0, -1.0]], beta=4)
    assert value == pytest.approx(2 - 2 * log(4 / 3), rel=1e-14)
    # π(A − E A) − β(π − π_old) = ¾(3 − 2) − 4·¼
    slope = ppo_penalty_gradient(new, old, [[3.0, -1.0]], beta=4)
    np.testing.assert_allclose(slope, [[-0.25, 0.25]], rtol=1e-14)


@given(st.integers(0, 10_000), st.floats(0, 5))
def test_penalty_by_the_definition_and_gradient_by_differences(seed, beta):
    (new, old, gain), weights = tables(seed)
    ratio = softmax(new) / softmax(old)
    expected = weights @ (
        (softmax(old) * ratio * gain).sum(axis=1) - beta * kl_divergence(softmax(old), softmax(new))
    )
    options = {"beta": beta, "state_weights": weights}
    value = ppo_penalty_objective(new, old, gain, **options)
    assert value == pytest.approx(expected, rel=1e-11, abs=1e-12)
    error = check_grad(
        lambda x: ppo_penalty_objective(x.reshape(3, 4), old, gain, **options),
        lambda x: ppo_penalty_gradient(x.reshape(3, 4), old, gain, **options).ravel(),
        new.ravel(),
    )
    assert error < 1e-5


def test_at_the_old_policy_clip_and_penalty_agree():
    """Both are the policy gradient there: d·π·(A − E_π A), which for the clip is chained."""
    (old, _, gain), weights = tables(4)
    policy = softmax(old)
    shares = weights[:, None] * policy
    by_log = ppo_clip_gradient(log_softmax(old), log_softmax(old), gain, action_weights=shares)
    by_logit = by_log - policy * by_log.sum(axis=1, keepdims=True)
    for beta in (0.0, 7.0):
        slope = ppo_penalty_gradient(old, old, gain, beta=beta, state_weights=weights)
        np.testing.assert_allclose(slope, by_logit, atol=1e-14)


@pytest.mark.parametrize("step", [1e-5, 1e-12])
def test_the_pull_of_the_penalty_near_the_old_policy(step):
    """β (π − π_old) is β (diag(π) − ππᵀ) step to first order, and keeps its digits."""
    old = np.array([[0.25, -1.5, 2.0]])  # steps by multiples of 2⁻⁴⁴ are exact
    move = np.round(step * np.array([[3.0, -2.0, 1.0]]) * 2**44) / 2**44
    policy = softmax(old)
    expected = policy * (move - (policy * move).sum())
    slope = ppo_penalty_gradient(old + move, old, np.zeros((1, 3)), beta=1)
    np.testing.assert_allclose(-slope, expected, rtol=20 * step + 1e-12)


def test_states_count_equally_unless_told():
    (new, old, gain), _ = tables(5)
    plain = ppo_penalty_objective(new, old, gain, beta=1)
    told = ppo_penalty_objective(new, old, gain, beta=1, state_weights=[1 / 3] * 3)
    assert plain == pytest.approx(told, rel=1e-14)


def test_the_adaptive_penalty_finds_its_divergence():
    """Steps with an adapting β come within the factor 1.5 of the target, and stay near it."""
    (old, _, gain), _ = tables(6, states=1)
    beta, target, found = 100.0, 0.05, []
    for _ in range(20):
        step = minimize(
            lambda z, beta=beta: -ppo_penalty_objective(z[None], old, gain, beta=beta),
            old[0],
            jac=lambda z, beta=beta: -ppo_penalty_gradient(z[None], old, gain, beta=beta)[0],
        )
        found.append(float(kl_divergence(softmax(old)[0], softmax(step.x))))
        beta = adapt_kl_coefficient(beta, found[-1], target)
    assert found[0] < target / 100
    assert all(target / 1.5 <= kl <= 1.5 * target for kl in found[-10:])


def test_adapting_at_the_edges():
    assert adapt_kl_coefficient(1, 0.02, 0.03) == 1  # 0.02 = 0.03/1.5 is no change
    assert adapt_kl_coefficient(1, 0.0199, 0.03) == 0.5
    assert adapt_kl_coefficient(1, 0.0449, 0.03) == 1
    assert adapt_kl_coefficient(1, 0.0451, 0.03) == 2
    assert adapt_kl_coefficient(3, 0, 0.03) == 1.5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ppo_clip_objective([0, 0], [0], [1, 1]), "shapes differ"),
        (lambda: ppo_clip_objective(0, 0, np.nan), "advantages has a non-finite entry"),
        (lambda: ppo_clip_objective(0, 0, 1, epsilon=1.5), "epsilon must be between 0 and 1"),
        (
            lambda: ppo_clip_gradient(0, 0, 1, action_weights=-1),
            "action_weights must not be negative",
        ),
        (lambda: ppo_clip_gradient([0, 0], [0, 0], [1, 1], action_weights=[1]), "shapes differ"),
        (lambda: ppo_penalty_objective([0, 0], [0, 0], [1, 1], 1), "a table with two axes"),
        (lambda: ppo_penalty_objective([[0, 0]], [[0, 0]], [[1]], 1), "shapes differ"),
        (lambda: ppo_clip_objective(0, 0, 1e200), "advantages has an entry above 1e+150"),
        (lambda: ppo_clip_objective(0, 0, 1, action_weights=1e200), "action_weights has an entry"),
        (lambda: ppo_penalty_objective([[0]], [[0]], [[1]], 1e200), "beta has an entry above"),
        (lambda: ppo_penalty_gradient([[1e308]], [[0]], [[1]], 1), "logits has an entry above"),
        (lambda: ppo_penalty_objective([[0]], [[0]], [[1]], -1), "beta must not be negative"),
        (
            lambda: ppo_penalty_gradient([[0]], [[0]], [[1]], 1, state_weights=[1, 2]),
            "state_weights must have shape (1,); its shape is (2,)",
        ),
        (
            lambda: ppo_penalty_gradient([[0]], [[0]], [[1]], 1, state_weights=[-1]),
            "state_weights has a negative entry",
        ),
        (
            lambda: ppo_penalty_gradient([[0]], [[0]], [[1]], 1, state_weights=[0]),
            "state_weights are all zero",
        ),
        (lambda: adapt_kl_coefficient(0, 1, 1), "beta must be positive"),
        (lambda: adapt_kl_coefficient(1, -1, 1), "kl must not be negative"),
        (lambda: adapt_kl_coefficient(1, 1, 0), "target must be positive"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)
