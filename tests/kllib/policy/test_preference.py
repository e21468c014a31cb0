"""Bradley–Terry and the implicit reward."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy import log

from kllib.policy.preference import bradley_terry, implicit_reward
from kllib.policy.rlhf import rlhf_optimum, rlhf_value

REWARDS = st.floats(-30, 30)


def test_by_hand():
    # σ(log 3) = 3/4, σ(0) = 1/2, σ(−log 9) = 1/10
    np.testing.assert_allclose(
        bradley_terry([log(3), 2, 0], [0, 2, log(9)]), [0.75, 0.5, 0.1], rtol=1e-15
    )
    # As in the corrected source documents: the optimum of r = (2, 0) against (0.6, 0.4) implies
    # rewards 2 apart with β = 1; the log ratio alone would be right for β = 1 only
    for beta in (1, 0.5):
        policy = rlhf_optimum([0.6, 0.4], [2, 0], beta)
        gain = implicit_reward(np.log(policy), np.log([0.6, 0.4]), beta)
        assert gain[0] - gain[1] == pytest.approx(2, rel=1e-13)
        assert np.log(policy[0] / 0.6) - np.log(policy[1] / 0.4) == pytest.approx(2 / beta)


def test_far_apart():
    assert bradley_terry(0, 700) == pytest.approx(np.exp(-700), rel=1e-12, abs=0)
    assert implicit_reward(-1e150, 0, 1e150) == pytest.approx(-1e300, rel=1e-15)
    assert bradley_terry(1e308, -1e308) == 1
    assert bradley_terry(-1e308, 1e308) == 0


@given(REWARDS, REWARDS, REWARDS, REWARDS)
def test_laws_of_bradley_terry(a, b, c, shift):
    one, two = bradley_terry(a, b), bradley_terry(b, a)
    assert one + two == pytest.approx(1, rel=1e-15)
    assert bradley_terry(a + shift, b + shift) == pytest.approx(one, rel=1e-12, abs=0)
    # Odds multiply along a chain of comparisons
    odds = np.exp(a - c)
    chained = one / two * bradley_terry(b, c) / bradley_terry(c, b)
    assert chained == pytest.approx(odds, rel=1e-11, abs=0)


def test_one_beta_for_each_prompt():
    logs, fixed = np.log([[0.5, 0.5], [0.25, 0.75]]), np.log([0.5, 0.5])
    found = implicit_reward(logs, fixed, np.array([1.0, 2.0])[:, None])
    for row, beta in enumerate((1, 2)):
        np.testing.assert_array_equal(found[row], implicit_reward(logs[row], fixed, beta))


@given(st.lists(REWARDS, min_size=2, max_size=6), st.floats(0.5, 10))
def test_the_optimum_gives_its_reward_back_less_its_value(reward, beta):
    reference = np.random.default_rng(len(reward)).dirichlet(np.ones(len(reward)))
    policy = rlhf_optimum(reference, reward, beta)
    gain = implicit_reward(np.log(policy), np.log(reference), beta)
    np.testing.assert_allclose(
        gain, np.array(reward) - rlhf_value(reference, reward, beta), atol=1e-11
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bradley_terry([1, 2], [1, 2, 3]), "shapes do not broadcast"),
        (lambda: bradley_terry(np.inf, 0), "reward_first has a non-finite entry"),
        (lambda: implicit_reward(0, 0, 0), "beta has an entry that is not positive: 0"),
        (lambda: implicit_reward(0, 0, 1e151), "beta has an entry above 1e+150 in size"),
        (lambda: implicit_reward([-1, 0.4], 0, 1), "at most 0; got 0.4 at index (1,)"),
        (lambda: implicit_reward(0, 0.4, 1), "log_reference must be log probabilities, at most"),
        (lambda: implicit_reward([0, 0], [0, 0], [1, 2, 3]), "shapes do not broadcast"),
        (lambda: implicit_reward(0, -np.inf, 1), "log_reference has a non-finite entry"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)
