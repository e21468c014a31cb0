"""Best-of-n: its distribution by enumeration and by sampling, its divergence, and the bound."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy import log

from kllib.discrete import kl_divergence
from kllib.policy.best_of import best_of_n_kl, best_of_n_kl_bound, best_of_n_policy
from kllib.policy.rlhf import frontier_at_kl


@st.composite
def prompts(draw):
    """A reference, perhaps with zeros, and rewards, some of them equal."""
    m = draw(st.integers(1, 7))
    weights = draw(st.lists(st.integers(0, 20), min_size=m, max_size=m).filter(any))
    reward = draw(st.lists(st.integers(-3, 3), min_size=m, max_size=m))
    return np.array(weights) / sum(weights), np.array(reward, dtype=float)


def test_by_hand():
    # The better of two fair coins shows heads with probability 1 − 1/4
    np.testing.assert_allclose(best_of_n_policy([0.5, 0.5], [0, 1], 2), [0.25, 0.75], rtol=1e-15)
    assert best_of_n_kl([0.5, 0.5], [0, 1], 2) == pytest.approx(
        log(2) - 0.25 * log(4) - 0.75 * log(4 / 3), rel=1e-14
    )
    # log 2 − 1/2, log 16 − 15/16
    assert best_of_n_kl_bound(2) == pytest.approx(log(2) - 1 / 2, rel=1e-15)
    assert best_of_n_kl_bound(16) == pytest.approx(log(16) - 15 / 16, rel=1e-15)
    assert best_of_n_kl_bound(1) == 0


@pytest.mark.parametrize("keep", ["first", "any"])
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_by_enumeration_of_all_draws(n, keep):
    """Whichever of equally good draws is kept."""
    reference, reward = np.array([0.1, 0.2, 0.3, 0.4]), np.array([2.0, 5.0, 2.0, 1.0])
    expected = np.zeros(4)
    for drawn in product(range(4), repeat=n):
        best = [y for y in drawn if reward[y] == max(reward[list(drawn)])]
        for y in best[:1] if keep == "first" else best:
            share = 1 if keep == "first" else 1 / len(best)
            expected[y] += reference[list(drawn)].prod() * share
    np.testing.assert_allclose(best_of_n_policy(reference, reward, n), expected, rtol=1e-13)
    expected_kl = np.sum(expected * np.log(expected / reference))
    assert best_of_n_kl(reference, reward, n) == pytest.approx(expected_kl, rel=1e-12, abs=1e-15)


def test_by_sampling():
    """Frequencies within six standard errors: a false alarm in 5e7 or so."""
    rng = np.random.default_rng(3)
    reference, reward = rng.dirichlet(np.ones(5)), np.array([0.0, 1.0, 1.0, 2.0, -1.0])
    drawn = rng.choice(5, size=(100_000, 4), p=reference)
    kept = drawn[np.arange(len(drawn)), reward[drawn].argmax(axis=1)]
    frequency = np.bincount(kept, minlength=5) / len(kept)
    expected = best_of_n_policy(reference, reward, 4)
    error = np.sqrt(expected * (1 - expected) / len(kept))
    assert (np.abs(frequency - expected) < 6 * error).all()


@given(prompts(), st.integers(1, 1000))
def test_bounds_on_the_divergence(prompt, n):
    reference, reward = prompt
    kl = best_of_n_kl(reference, reward, n)
    assert kl <= best_of_n_kl_bound(n) + 1e-15
    best = reward == reward[reference > 0].max()
    assert kl <= -log(min(reference[best].sum(), 1)) + 1e-14
    assert best_of_n_policy(reference, reward, n).sum() == pytest.approx(1, rel=1e-14)


@given(prompts(), st.integers(1, 100))
def test_more_draws_are_better_and_drift_further(prompt, n):
    reference, reward = prompt
    policies = [best_of_n_policy(reference, reward, k) for k in (n, n + 1)]
    assert policies[1] @ reward >= policies[0] @ reward - 1e-13
    kl = [best_of_n_kl(reference, reward, k) for k in (n, n + 1)]
    assert kl[1] >= kl[0] - 1e-14


@given(prompts(), st.integers(2, 50))
def test_it_stays_below_the_frontier(prompt, n):
    reference, reward = prompt
    kl = float(best_of_n_kl(reference, reward, n))
    most = frontier_at_kl(reference, reward, kl).reward
    assert best_of_n_policy(reference, reward, n) @ reward <= most + 1e-9


def test_the_bound_is_reached_in_the_continuous_limit():
    """With m equally likely answers the rest falls like 1/m²."""
    gaps = [
        best_of_n_kl_bound(4) - best_of_n_kl(np.full(m, 1 / m), np.arange(m), 4)
        for m in (1000, 10_000)
    ]
    assert 0 < gaps[1] < gaps[0] < 1e-5
    assert gaps[0] / gaps[1] == pytest.approx(100, rel=0.05)


def test_many_draws_end_on_the_best_answers():
    reference, reward = [0.5, 0.2, 0.1, 0.2], [0, 3, 3, 1]
    np.testing.assert_allclose(
        best_of_n_policy(reference, reward, 10**6), [0, 2 / 3, 1 / 3, 0], atol=1e-15
    )
    assert best_of_n_kl(reference, reward, 10**6) == pytest.approx(-log(0.3), rel=1e-14)


def test_one_draw_is_the_reference():
    reference = np.random.default_rng(2).dirichlet(np.ones(50))
    np.testing.assert_allclose(best_of_n_policy(reference, np.arange(50), 1), reference, rtol=1e-14)
    assert best_of_n_kl(reference, np.arange(50), 1) < 1e-30


def test_batches():
    rng = np.random.default_rng(1)
    reference, reward = rng.dirichlet(np.ones(4), size=3), rng.standard_normal((2, 1, 4))
    policy, kl = (
        best_of_n_policy(reference, reward, [1, 5, 9]),
        best_of_n_kl(reference, reward, [1, 5, 9]),
    )
    assert policy.shape == (2, 3, 4)
    assert kl.shape == (2, 3)
    np.testing.assert_allclose(
        policy[1, 2], best_of_n_policy(reference[2], reward[1, 0], 9), rtol=1e-15
    )
    assert kl[1, 2] == pytest.approx(kl_divergence(policy[1, 2], reference[2]), rel=1e-14)
    assert isinstance(best_of_n_kl([0.5, 0.5], [1, 2], 2), float)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: best_of_n_policy([0.5, 0.6], [1, 2], 2), "reference sums to 1.1"),
        (lambda: best_of_n_policy([0.5, 0.5], [1, np.inf], 2), "reward has a non-finite entry"),
        (lambda: best_of_n_policy([0.5, 0.5], [1, 2, 3], 2), "lengths differ"),
        (lambda: best_of_n_policy([0.5, 0.5], [1, 2], 0), "n has an entry that is not positive"),
        (lambda: best_of_n_policy([0.5, 0.5], [1, 2], 2.5), "n must be a whole number; got 2.5"),
        (lambda: best_of_n_kl([0.5, 0.5], [[1, 2]] * 3, [1, 2]), "shapes do not broadcast"),
        (lambda: best_of_n_kl_bound(-1), "n has an entry that is not positive"),
        (lambda: best_of_n_kl_bound("2"), "must hold real numbers"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)
