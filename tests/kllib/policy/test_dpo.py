"""DPO: the loss and its gradient, and that it finds the RLHF optimum without seeing a reward."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy import log
from scipy.optimize import check_grad, minimize

from kllib.discrete import entropy, kl_divergence
from kllib.logits import log_softmax, softmax
from kllib.policy.dpo import (
    dpo_gradient,
    dpo_loss,
    expected_dpo_gradient,
    expected_dpo_loss,
    fit_dpo,
)
from kllib.policy.preference import bradley_terry
from kllib.policy.rlhf import rlhf_optimum


def prompt(seed, m=5):
    rng = np.random.default_rng(seed)
    reference, reward = rng.dirichlet(np.ones(m)), rng.standard_normal(m)
    return reference, reward, bradley_terry(reward[:, None], reward)


def test_by_hand():
    # β log-ratio difference = 0.5·(log 0.9/0.5 − log 0.1/0.5) = log 3, so −log(3/4)
    arguments = log(0.9), log(0.1), log(0.5), log(0.5), 0.5
    assert dpo_loss(*arguments) == pytest.approx(-log(0.75), rel=1e-14)
    # −β σ(−h) = −0.5/4
    assert dpo_gradient(*arguments).chosen == pytest.approx(-0.125, rel=1e-14)
    # Smoothing 0.2: 0.8·(−log 3/4) + 0.2·(−log 1/4); 0.5·(0.8/4 − 0.2·3/4)
    smoothed = dpo_loss(*arguments, label_smoothing=0.2)
    assert smoothed == pytest.approx(-0.8 * log(0.75) + 0.2 * log(4), rel=1e-14)
    slope = dpo_gradient(*arguments, label_smoothing=0.2)
    assert slope.rejected == pytest.approx(0.025, rel=1e-14)
    assert slope.chosen == -slope.rejected


def test_far_from_the_data():
    """A pair long settled still has its exponentially small loss, and nothing overflows."""
    settled = 0.0, -700.0, -1.0, -1.0, 1.0
    assert dpo_loss(*settled) == pytest.approx(np.exp(-700), rel=1e-12, abs=0)
    assert dpo_gradient(*settled).chosen == pytest.approx(-np.exp(-700), rel=1e-12, abs=0)
    wrong = -1e5, 0.0, -1.0, -1.0, 1.0
    assert dpo_loss(*wrong) == 1e5
    assert dpo_gradient(*wrong).rejected == 1


def test_as_large_as_arguments_may_be():
    """All the weight on one label, and a margin whose square is no float: no 0·∞."""
    arguments = -1e150, -1.0, -5.0, -3.0, 1e150
    assert dpo_loss(*arguments) == pytest.approx(1e300, rel=1e-14)
    assert dpo_loss(*arguments, label_smoothing=1.0) == 0
    assert dpo_gradient(*arguments).chosen == -1e150
    certain = [[0.5, 1.0], [0.0, 0.5]]
    assert expected_dpo_loss([1e150, -1e150], [0.5, 0.5], certain, 1e150) == 0
    assert expected_dpo_loss([-1e150, 1e150], [0.5, 0.5], certain, 1e150) == pytest.approx(2e300)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("smoothing", [0, 0.2])
def test_gradient_by_finite_differences(reduction, smoothing):
    rng = np.random.default_rng(5)
    chosen, rejected, *reference = -rng.exponential(size=(4, 6))
    options = {"label_smoothing": smoothing, "reduction": reduction}

    def loss(x):
        return dpo_loss(x[:6], x[6:], *reference, 0.5, **options)

    def gradient(x):
        return np.concatenate(dpo_gradient(x[:6], x[6:], *reference, 0.5, **options))

    assert check_grad(loss, gradient, np.concatenate([chosen, rejected])) < 1e-6


def test_gradient_of_a_softmax_policy():
    """Chained through log π = log softmax(z) it is the gradient by the logits."""
    rng = np.random.default_rng(6)
    reference = rng.dirichlet(np.ones(4))
    chosen, rejected = np.array([0, 1, 0, 3, 2]), np.array([1, 2, 3, 0, 1])

    def logs(z):
        policy, fixed = log_softmax(z), np.log(reference)
        return policy[chosen], policy[rejected], fixed[chosen], fixed[rejected]

    def gradient(z):
        slope = dpo_gradient(*logs(z), 0.5)
        one_hot, policy = np.eye(4), softmax(z)
        return slope.chosen @ (one_hot[chosen] - policy) + slope.rejected @ (
            one_hot[rejected] - policy
        )

    assert check_grad(lambda z: dpo_loss(*logs(z), 0.5), gradient, rng.standard_normal(4)) < 1e-6


def test_reductions():
    rng = np.random.default_rng(7)
    arguments = (*-rng.exponential(size=(4, 2, 3)), 0.5)
    each = dpo_loss(*arguments, reduction="none")
    assert each.shape == (2, 3)
    assert dpo_loss(*arguments) == pytest.approx(each.mean(), rel=1e-15)
    assert dpo_loss(*arguments, reduction="sum") == pytest.approx(each.sum(), rel=1e-15)
    total, mean = dpo_gradient(*arguments, reduction="sum"), dpo_gradient(*arguments)
    np.testing.assert_allclose(total.chosen / 6, mean.chosen, rtol=1e-15)
    one = dpo_loss(-1.0, -2.0, -1.5, -1.0, 0.1, reduction="none")
    assert isinstance(one, float)
    assert one == dpo_loss(-1.0, -2.0, -1.5, -1.0, 0.1)


# ------------------------------------------------------------------ recovery of the optimum


@pytest.mark.parametrize("beta", [0.1, 1.0, 5.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_vanishes_at_the_rlhf_optimum(seed, beta):
    """Whatever pairs are shown how often."""
    reference, reward, preference = prompt(seed)
    z = np.log(reference) + reward / beta
    weights = np.random.default_rng(seed).exponential(size=(5, 5))
    for pair_weights in (None, weights):
        slope = expected_dpo_gradient(z, reference, preference, beta, pair_weights=pair_weights)
        assert np.abs(slope).max() < 1e-15 * max(beta, 1) * 10


@pytest.mark.parametrize("beta", [0.1, 1.0, 5.0])
def test_descent_finds_the_rlhf_optimum(beta):
    """By scipy's minimiser without our gradient, and by `fit_dpo`."""
    reference, reward, preference = prompt(3, m=4)
    start = np.log(reference)
    found = minimize(
        lambda r: expected_dpo_loss(start + r / beta, reference, preference, beta),
        np.zeros(4),
        method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-16, "maxiter": 5000, "maxfev": 5000},
    )
    best = rlhf_optimum(reference, reward, beta)
    np.testing.assert_allclose(softmax(start + found.x / beta), best, atol=1e-6)
    np.testing.assert_allclose(fit_dpo(reference, preference, beta), best, atol=1e-6)


@pytest.mark.parametrize("beta", [1e-200, 1e-3, 1e8, 1e140])
def test_fit_for_any_beta(beta):
    """Its log odds over β are those of the preferences, at any scale."""
    # Even odds of a reference, and log odds of ±log(7/3)/β; below β = 1e-3 the policy is 1 and 0
    found = fit_dpo([0.5, 0.5], [[0.5, 0.7], [0.3, 0.5]], beta)
    np.testing.assert_allclose(found, rlhf_optimum([0.5, 0.5], [log(7 / 3), 0], beta), atol=1e-7)
    if beta > 1:
        assert found[0] - 0.5 == pytest.approx(log(7 / 3) / beta / 4, abs=1e-15)


def test_sampled_preferences_come_near():
    """The loss of many drawn pairs is the expected one, within six standard errors."""
    reference, _, preference = prompt(4)
    rng = np.random.default_rng(8)
    z = rng.standard_normal(5)
    pairs = rng.integers(0, 5, size=(200_000, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    first_wins = rng.random(len(pairs)) < preference[pairs[:, 0], pairs[:, 1]]
    chosen, rejected = np.where(first_wins[:, None], pairs, pairs[:, ::-1]).T
    policy, fixed = log_softmax(z), np.log(reference)
    each = dpo_loss(
        policy[chosen], policy[rejected], fixed[chosen], fixed[rejected], 0.5, reduction="none"
    )
    expected = expected_dpo_loss(z, reference, preference, 0.5)
    assert abs(each.mean() - expected) < 6 * each.std() / np.sqrt(len(each))


@given(st.integers(0, 10_000), st.floats(0.05, 5))
def test_the_loss_is_an_entropy_plus_divergences_of_coins(seed, beta):
    reference, _, preference = prompt(seed, m=4)
    z = np.random.default_rng(seed + 1).standard_normal(4)
    above = np.triu_indices(4, 1)
    gain = beta * (z - np.log(reference))
    first, second = gain[above[0]], gain[above[1]]
    chances = np.stack([bradley_terry(first, second), bradley_terry(second, first)], axis=-1)
    coins = np.stack([preference[above], preference.T[above]], axis=-1), chances
    expected = np.mean(entropy(coins[0]) + kl_divergence(*coins))
    assert expected_dpo_loss(z, reference, preference, beta) == pytest.approx(
        expected, rel=1e-12, abs=0
    )


@given(st.integers(0, 10_000), st.floats(0.05, 5))
def test_expected_gradient_by_finite_differences(seed, beta):
    reference, _, preference = prompt(seed, m=4)
    rng = np.random.default_rng(seed)
    z, weights = rng.standard_normal(4), rng.exponential(size=(4, 4))
    fixed = reference, preference, beta
    error = check_grad(
        lambda x: expected_dpo_loss(x, *fixed, pair_weights=weights),
        lambda x: expected_dpo_gradient(x, *fixed, pair_weights=weights),
        z,
    )
    assert error < 1e-6
    assert abs(expected_dpo_gradient(z, *fixed).sum()) < 1e-14


def test_weights_of_a_pair_add_up_in_either_order():
    reference, _, preference = prompt(9, m=3)
    z, weights = np.array([1.0, 0.0, -0.5]), np.array([[0, 1.0, 2], [3, 0, 4], [5, 6, 0]])
    symmetric = (weights + weights.T) / 2 + 7 * np.eye(3)  # the diagonal does not count
    values = [
        expected_dpo_loss(z, reference, preference, 0.5, pair_weights=w)
        for w in (weights, symmetric, 1e3 * weights)
    ]
    assert values == pytest.approx([values[0]] * 3, rel=1e-14)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dpo_loss(0, 0, 0, -1e308, 1), "log_reference_rejected has an entry above"),
        (lambda: dpo_loss([-1, -2], [-1], [-1], [-1], 1), "shapes differ"),
        (
            lambda: dpo_loss([0.9], [0.1], [0.5], [0.5], 0.1),
            "log_policy_chosen must be log probabilities, at most 0; got 0.9 at index (0,)",
        ),
        (lambda: dpo_gradient(0, 0, 0, 0.1, 1), "log_reference_rejected must be log prob"),
        (lambda: dpo_loss(0, 0, 0, 0, 1e308), "beta has an entry above 1e+150"),
        (
            lambda: expected_dpo_loss([1e5, -1e5], [0.5, 0.5], [[0.5, 1], [0, 0.5]], 1e305),
            "beta has an entry above 1e+150",
        ),
        (lambda: expected_dpo_loss([1e200, 0], [0.5] * 2, [[0.5] * 2] * 2, 1), "logits has an"),
        (lambda: dpo_loss(0, 0, 0, 0, -1), "beta must not be negative"),
        (lambda: dpo_loss(0, 0, 0, 0, 1, label_smoothing=2), "label_smoothing must be between"),
        (lambda: dpo_loss(0, 0, 0, 0, 1, reduction="batchmean"), "reduction must be 'mean' or"),
        (lambda: dpo_gradient(0, 0, 0, 0, 1, reduction=None), "reduction must be 'mean' or"),
        (
            lambda: expected_dpo_loss([0, 0], [0.5, 0.5], [[0.5, 0.8], [0.1, 0.5]], 1),
            "must sum to 1",
        ),
        (lambda: expected_dpo_loss([0, 0], [0.5, 0.5], [[0.5] * 3] * 3, 1), "must have shape"),
        (lambda: expected_dpo_loss([0, 0], [0.5, 0.5], [[0.5, 1.5], [-0.5, 0.5]], 1), "outside 0"),
        (lambda: expected_dpo_loss([0], [1], [[0.5]], 1), "at least 2 answers"),
        (lambda: expected_dpo_loss([0, 0], [1, 0], [[0.5] * 2] * 2, 1), "not positive: 0 at"),
        (lambda: expected_dpo_loss([0, 0, 0], [0.5, 0.5], [[0.5] * 2] * 2, 1), "shapes differ"),
        (
            lambda: expected_dpo_gradient(
                [0, 0], [0.5, 0.5], [[0.5] * 2] * 2, 1, pair_weights=[[1, 0], [0, 1]]
            ),
            "pair_weights are all zero",
        ),
        (lambda: fit_dpo([0.5, 0.5], [[0.5, 1], [0, 0.5]], 1), "strictly between 0 and 1"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)
