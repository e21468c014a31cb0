"""RLHF token by token is RLHF over sequences; advantages and gradients by brute force."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import check_grad, minimize

from kllib.logits import softmax
from kllib.policy.rlhf import rlhf_objective, rlhf_optimum, rlhf_value
from kllib.policy.token_model import sequence_kl, sequence_log_probabilities, token_sequences
from kllib.policy.token_policy import (
    sequence_rlhf_gradient,
    sequence_rlhf_objective,
    sequence_rlhf_optimum,
    token_advantages,
)

ROWS = {(2, 1): 1, (2, 3): 7, (3, 3): 13, (4, 2): 5}


def problem(seed, size):
    vocabulary, horizon = size
    rng = np.random.default_rng(seed)
    logits, reference = rng.standard_normal((2, ROWS[size], vocabulary))
    return logits, reference, rng.standard_normal(vocabulary**horizon)


def over_sequences(logits):
    return np.exp(sequence_log_probabilities(logits))


@given(st.integers(0, 10_000), st.sampled_from(list(ROWS)), st.floats(0.1, 10))
def test_it_is_rlhf_over_sequences(seed, size, beta):
    """The optimum, its value, and the objective of any policy, as of one choice of a sequence."""
    logits, reference, reward = problem(seed, size)
    best = sequence_rlhf_optimum(reference, reward, beta)
    flat = over_sequences(reference), reward, beta
    np.testing.assert_allclose(over_sequences(best), rlhf_optimum(*flat), rtol=1e-11)
    value = sequence_rlhf_objective(best, reference, reward, beta)
    assert value == pytest.approx(rlhf_value(*flat), rel=1e-10, abs=1e-11)
    objective = sequence_rlhf_objective(logits, reference, reward, beta)
    assert objective == pytest.approx(
        rlhf_objective(over_sequences(logits), *flat), rel=1e-10, abs=1e-11
    )
    gap = beta * sequence_kl(logits, best)
    assert value - objective == pytest.approx(gap, rel=1e-8, abs=1e-11)
    # The table is of log probabilities
    np.testing.assert_allclose(np.exp(best).sum(axis=1), 1, rtol=1e-13)


def test_only_the_last_token_matters_by_hand():
    # Reward log 5 for 11 alone, β = 1, fair reference: weights 1, 1, 1, 5
    table = sequence_rlhf_optimum(np.zeros((3, 2)), np.log([1, 1, 1, 5]), beta=1)
    np.testing.assert_allclose(np.exp(table), [[1 / 4, 3 / 4], [1 / 2, 1 / 2], [1 / 6, 5 / 6]])
    # Without looking ahead the first token would be fair: the reward comes at the end
    assert np.exp(table)[0, 1] == pytest.approx(0.75)


@given(st.integers(0, 10_000), st.sampled_from(list(ROWS)))
def test_advantages(seed, size):
    logits, _, reward = problem(seed, size)
    advantages = token_advantages(logits, reward)
    assert advantages.shape == logits.shape
    policy, probability = softmax(logits), over_sequences(logits)
    np.testing.assert_allclose((policy * advantages).sum(axis=1), 0, atol=1e-14)
    # Along a sequence they sum to its reward less the expected one
    tokens, row, total = token_sequences(*size), 0, 0.0
    for t in range(size[1]):
        total = total + advantages[row, tokens[:, t]]
        row = size[0] * row + 1 + tokens[:, t]
    np.testing.assert_allclose(total, reward - probability @ reward, atol=1e-13)


def test_advantages_by_conditional_means():
    logits, _, reward = problem(3, (3, 3))
    advantages, probability = token_advantages(logits, reward), over_sequences(logits)
    tokens = token_sequences(3, 3)

    def mean(*prefix):
        here = (tokens[:, : len(prefix)] == prefix).all(axis=1)
        return probability[here] @ reward[here] / probability[here].sum()

    assert advantages[0, 2] == pytest.approx(mean(2) - mean())
    assert advantages[2, 0] == pytest.approx(mean(1, 0) - mean(1))  # row 1 + 1
    assert advantages[11, 1] == pytest.approx(mean(2, 1, 1) - mean(2, 1))  # row 3·3 + 1 + 1


@given(st.integers(0, 10_000), st.sampled_from(list(ROWS)), st.floats(0.1, 3))
def test_gradient_by_finite_differences(seed, size, beta):
    logits, reference, reward = problem(seed, size)
    rest = reference, reward, beta
    error = check_grad(
        lambda x: sequence_rlhf_objective(x.reshape(logits.shape), *rest),
        lambda x: sequence_rlhf_gradient(x.reshape(logits.shape), *rest).ravel(),
        logits.ravel(),
    )
    assert error < 1e-5
    slope = sequence_rlhf_gradient(logits, *rest)
    np.testing.assert_allclose(slope.sum(axis=1), 0, atol=1e-14)
    at_best = sequence_rlhf_gradient(sequence_rlhf_optimum(*rest), *rest)
    assert np.abs(at_best).max() < 1e-13


def test_ascent_from_the_reference_reaches_the_optimum():
    _, reference, reward = problem(5, (2, 3))
    rest = reference, reward, 0.5
    found = minimize(
        lambda x: -sequence_rlhf_objective(x.reshape(7, 2), *rest),
        reference.ravel(),
        jac=lambda x: -sequence_rlhf_gradient(x.reshape(7, 2), *rest).ravel(),
        options={"gtol": 1e-9},
    )
    best = over_sequences(sequence_rlhf_optimum(*rest))
    np.testing.assert_allclose(over_sequences(found.x.reshape(7, 2)), best, rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: token_advantages([[0, 0]], [1, 2, 3]), "each of the 2 sequences"),
        (lambda: token_advantages([[0, 0]], [1, np.inf]), "reward has a non-finite entry"),
        (lambda: token_advantages(np.zeros((4, 2)), [1, 2]), "4 rows are not that"),
        (lambda: sequence_rlhf_optimum([[0, 0]], [1, 2], 0), "beta must be positive"),
        (lambda: sequence_rlhf_optimum([[0, 0]], [[1, 2]], 1), "its shape is (1, 2)"),
        (lambda: sequence_rlhf_objective([[0, 0]], np.zeros((3, 2)), [1, 2], 1), "shapes differ"),
        (
            lambda: sequence_rlhf_gradient([[0, 0]], [[0, 0]], [1, 2], -1),
            "beta must not be negative",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)
