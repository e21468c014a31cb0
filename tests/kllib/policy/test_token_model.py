"""The small language model: sums over all sequences, the chain rule, and estimators of KL."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy import log

from kllib.discrete import kl_divergence
from kllib.logits import softmax
from kllib.policy.token_model import (
    prefix_probabilities,
    sequence_kl,
    sequence_log_probabilities,
    token_kl,
    token_kl_estimator_moments,
    token_sequences,
)

ROWS = {(2, 1): 1, (2, 3): 7, (3, 3): 13, (4, 2): 5}


def tables(seed, vocabulary=3, horizon=3, count=2):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, ROWS[vocabulary, horizon], vocabulary))


def test_sequences_are_in_alphabetical_order():
    for vocabulary, horizon in ROWS:
        expected = list(product(range(vocabulary), repeat=horizon))
        assert [tuple(y) for y in token_sequences(vocabulary, horizon)] == expected


def test_by_hand():
    # The first token is 1 with ¾; after a 0 the second is fair, after a 1 it is 0 with 0.2
    logits = np.log([[0.25, 0.75], [0.5, 0.5], [0.2, 0.8]])
    np.testing.assert_allclose(prefix_probabilities(logits), [1, 0.25, 0.75], rtol=1e-15)
    np.testing.assert_allclose(
        np.exp(sequence_log_probabilities(logits)), [0.125, 0.125, 0.15, 0.6], rtol=1e-14
    )
    # Against a fair model: log 2 − H(¼) at the first token, then ¾ (log 2 − H(0.2))
    first = 0.25 * log(0.5) + 0.75 * log(1.5)
    second = 0.75 * (0.2 * log(0.4) + 0.8 * log(1.6))
    fair = np.zeros((3, 2))
    np.testing.assert_allclose(token_kl(logits, fair), [first, second], rtol=1e-14)
    assert sequence_kl(logits, fair) == pytest.approx(first + second, rel=1e-14)


def test_rows_follow_the_prefixes():
    """Row i is followed, on token a, by row V·i + 1 + a."""
    logits = tables(0)[0]
    policy, probability = softmax(logits), prefix_probabilities(logits)
    for i, a in product(range(4), range(3)):
        assert probability[3 * i + 1 + a] == pytest.approx(probability[i] * policy[i, a])


@given(st.integers(0, 10_000), st.sampled_from(list(ROWS)))
def test_probabilities_sum_up(seed, size):
    logits = tables(seed, *size)[0]
    assert np.exp(sequence_log_probabilities(logits)).sum() == pytest.approx(1, rel=1e-13)
    assert prefix_probabilities(logits).sum() == pytest.approx(size[1], rel=1e-13)


@given(st.integers(0, 10_000), st.sampled_from(list(ROWS)))
def test_the_chain_rule(seed, size):
    """The divergence of the sequences is the sum of the expected divergences of the tokens."""
    p, q = tables(seed, *size)
    over_sequences = kl_divergence(
        *(np.exp(sequence_log_probabilities(logits)) for logits in (p, q))
    )
    assert sequence_kl(p, q) == pytest.approx(over_sequences, rel=1e-12, abs=0)
    assert token_kl(p, q).shape == (size[1],)
    assert token_kl(p, q).sum() == pytest.approx(over_sequences, rel=1e-12, abs=0)
    assert (token_kl(p, q) >= 0).all()
    assert (token_kl(p, p) == 0).all()


def test_prefixes_come_from_the_truth():
    """Models that differ only after a prefix that p never writes have no divergence from p."""
    never = np.array([[0.0, -800.0], [0.0, 0.0], [0.0, 0.0]])
    other = np.array([[0.0, -800.0], [0.0, 0.0], [5.0, 0.0]])
    assert sequence_kl(never, other) == 0
    # A fair coin decides whether the prefix is written
    fair = np.zeros((3, 2))
    expected = kl_divergence([0.5, 0.5], softmax([5, 0])) / 2
    assert sequence_kl(fair, [[0, 0], [0, 0], [5, 0]]) == pytest.approx(expected, rel=1e-13)


@given(st.integers(0, 10_000), st.sampled_from(list(ROWS)))
def test_k1_and_k3_are_unbiased_and_k2_is_nearly_so(seed, size):
    p, q = tables(seed, *size)
    exact = sequence_kl(p, q)
    for estimator in ("k1", "k3"):
        moments = token_kl_estimator_moments(p, q, estimator)
        assert moments.mean == pytest.approx(exact, rel=1e-11)
        assert moments.std >= 0
    near = p + 1e-3 * q
    assert token_kl_estimator_moments(p, near, "k2").mean == pytest.approx(
        sequence_kl(p, near), rel=0.02
    )


def test_k2_is_biased_by_hand():
    # ρ is ½ or 3/2, each with ½: (log²½ + log²1.5)/4
    p, q = np.log([[0.5, 0.5]]), np.log([[0.25, 0.75]])
    moments = token_kl_estimator_moments(p, q, "k2")
    assert moments.mean == pytest.approx((log(0.5) ** 2 + log(1.5) ** 2) / 4, rel=1e-14)
    assert abs(moments.mean - sequence_kl(p, q)) > 0.01
    # k1 is ∓ log ρ with mean (log 2 − log 1.5)/2 and spread (log 2 + log 1.5)/2
    moments = token_kl_estimator_moments(p, q, "k1")
    assert moments.mean == pytest.approx(log(4 / 3) / 2, rel=1e-14)
    assert moments.std == pytest.approx(log(3) / 2, rel=1e-14)


@pytest.mark.parametrize("far", [-720.0, -800.0, -1e6])
def test_moments_where_a_ratio_is_beyond_the_range_of_a_float(far):
    """p is all but sure of what is a fair coin for q: D = log 2, and k3 spreads like √(q²/p)."""
    p, q = [[0.0, far]], [[0.0, 0.0]]
    for estimator in ("k1", "k3"):
        assert token_kl_estimator_moments(p, q, estimator).mean == pytest.approx(log(2), rel=1e-14)
    # k1 is log 2 or far + log 2, the second with probability exp(far)
    std = token_kl_estimator_moments(p, q, "k1").std
    assert std == pytest.approx(-far * np.exp(far / 2), rel=1e-12, abs=0)
    # k2 and k3: (log² 2)/2 and log 2 − ½, but for the same probability
    k2, k3 = (token_kl_estimator_moments(p, q, name) for name in ("k2", "k3"))
    assert k2.mean == pytest.approx(log(2) ** 2 / 2, rel=1e-14)
    with np.errstate(over="ignore"):
        assert k3.std == pytest.approx(np.exp(-far / 2) / 2, rel=1e-12, abs=0)
    # After a fair first token the same happens in half of the sequences
    p, q = [[0.0, 0.0], [0.0, far], [0.0, 0.0]], np.zeros((3, 2))
    moments = token_kl_estimator_moments(p, q, "k3")
    assert moments.mean == pytest.approx(log(2) / 2, rel=1e-14)
    with np.errstate(over="ignore"):
        assert moments.std == pytest.approx(np.exp(-far / 2) / 8**0.5, rel=1e-12, abs=0)


def test_moments_of_the_largest_logits():
    moments = token_kl_estimator_moments([[1e150, -1e150]], [[-1e150, 1e150]], "k1")
    assert moments == (4e150 / 2, 0)
    assert token_kl_estimator_moments([[0.0, -800.0]], [[0.0, -1e150]], "k2").mean == pytest.approx(
        np.exp(-800 + 300 * log(10) - log(2)), rel=1e-12, abs=0
    )


def test_moments_of_near_models():
    """With q = p + t·v: mean t²s²/2 and k1's spread ts, for the spread s of v (one token)."""
    p, v, t = np.array([[0.5, -1.0, 0.25]]), np.array([[1.0, 0.5, -0.25]]), 2.0**-40
    weights = softmax(p)
    spread = np.sqrt((weights * (v - (weights * v).sum()) ** 2).sum())
    for estimator in ("k1", "k2", "k3"):
        moments = token_kl_estimator_moments(p, p + t * v, estimator)
        assert moments.mean == pytest.approx(t**2 * spread**2 / 2, rel=1e-10, abs=0)
    assert token_kl_estimator_moments(p, p + t * v, "k1").std == pytest.approx(
        t * spread, rel=1e-10, abs=0
    )
    for estimator in ("k1", "k2", "k3"):
        assert token_kl_estimator_moments(p, p, estimator) == (0, 0)


def test_moments_by_sampling():
    """Means within six standard errors, and the spread within 3 %."""
    rng = np.random.default_rng(9)
    p, q = tables(1)
    n = 200_000
    log_p, log_q = sequence_log_probabilities(p), sequence_log_probabilities(q)
    draws = rng.choice(27, size=n, p=np.exp(log_p))
    sampled = (log_p - log_q)[draws]  # k1 of a sequence is the log ratio of the sequence
    moments = token_kl_estimator_moments(p, q, "k1")
    assert abs(sampled.mean() - moments.mean) < 6 * moments.std / np.sqrt(n)
    assert sampled.std() == pytest.approx(moments.std, rel=0.03)
    # k3 adds up token by token: the ratio of the tokens, not that of the sequence
    ratios = softmax(q) / softmax(p)
    tokens, k3 = token_sequences(3, 3)[draws], np.zeros(n)
    row = np.zeros(n, dtype=int)
    for t in range(3):
        rho = ratios[row, tokens[:, t]]
        k3 += rho - 1 - np.log(rho)
        row = 3 * row + 1 + tokens[:, t]
    moments = token_kl_estimator_moments(p, q, "k3")
    assert abs(k3.mean() - moments.mean) < 6 * moments.std / np.sqrt(n)
    assert (k3 >= 0).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: token_sequences(1, 2), "vocabulary must be a whole number, 2 or above"),
        (lambda: token_sequences(2, 0), "horizon must be a whole number, 1 or above"),
        (lambda: token_sequences(2, 33), "horizon must be at most 27"),
        (lambda: token_sequences(2, 70), "horizon must be at most 27"),
        (lambda: token_sequences(2, 2**60), "horizon must be at most 27"),
        (lambda: token_sequences(2, 23), "give more than 134217728 entries"),
        (lambda: token_sequences(2**40, 2), "vocabulary must be at most"),
        (lambda: sequence_kl([[1e308, -1e308]], [[0, 0]]), "p_logits has an entry above 1e+150"),
        (lambda: token_sequences(2.0, 1), "vocabulary must be a whole number; got 2.0"),
        (lambda: prefix_probabilities([0, 0]), "logits must be a table with two axes"),
        (lambda: prefix_probabilities(np.zeros((2, 2))), "with 2 tokens 2 rows are not that"),
        (lambda: prefix_probabilities(np.zeros((5, 3))), "with 3 tokens 5 rows are not that"),
        (lambda: prefix_probabilities(np.zeros((1, 1))), "at least 2 columns"),
        (lambda: sequence_log_probabilities([[0, np.nan]]), "logits has a non-finite entry"),
        (lambda: token_kl([[0, 0]], np.zeros((3, 2))), "shapes differ: p_logits has (1, 2)"),
        (lambda: sequence_kl([[0, 0]], [[0, np.inf]]), "q_logits has a non-finite entry"),
        (lambda: token_kl_estimator_moments([[0, 0]], [[0, 0]], "k5"), "estimator must be 'k1'"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)
