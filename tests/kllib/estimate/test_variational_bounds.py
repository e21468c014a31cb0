"""Variational bounds: below the divergence for every critic, equal to it for one."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy import exp, inf, log

from kllib.discrete import kl_divergence, mutual_information, normalize
from kllib.estimate.variational_bounds import (
    donsker_varadhan,
    f_divergence_bound,
    infonce_bound,
    nwj_bound,
)

WEIGHTS = st.lists(st.floats(0.01, 1), min_size=4, max_size=4).map(normalize)
CRITICS = st.lists(st.floats(-5, 5), min_size=4, max_size=4).map(np.array)

# f, f′ and f* of the table in the docstring, the domain of the critic last
DIVERGENCES = {
    "Kullback–Leibler": (lambda t: t * log(t), lambda t: 1 + log(t), lambda u: exp(u - 1), None),
    "its reverse": (
        lambda t: -log(t),
        lambda t: -1 / t,
        lambda u: -1 - log(-u),
        lambda u: -exp(u),
    ),
    "χ²": (
        lambda t: (t - 1) ** 2,
        lambda t: 2 * (t - 1),
        lambda u: np.where(u >= -2, u + u**2 / 4, -1),
        None,
    ),
    "squared Hellinger": (
        lambda t: (np.sqrt(t) - 1) ** 2,
        lambda t: 1 - 1 / np.sqrt(t),
        lambda u: u / (1 - u),
        lambda u: 1 - exp(u),
    ),
    "total variation": (
        lambda t: np.abs(t - 1) / 2,
        lambda t: np.sign(t - 1) / 2,
        lambda u: np.where(u <= 0.5, np.maximum(u, -0.5), inf),
        lambda u: np.minimum(u, 0.5),
    ),
}


@given(WEIGHTS, WEIGHTS, CRITICS)
def test_below_the_divergence(p, q, critic):
    divergence = kl_divergence(p, q)
    first = donsker_varadhan(critic, critic, p=p, q=q)
    second = nwj_bound(critic, critic, p=p, q=q)
    assert second <= first + 1e-13
    assert first <= divergence + 1e-13
    # A constant added to the critic changes nothing, and one constant makes the two equal.
    assert donsker_varadhan(critic + 3, critic + 3, p=p, q=q) == pytest.approx(first, abs=1e-13)
    best = critic + 1 - log(q @ exp(critic))
    assert nwj_bound(best, best, p=p, q=q) == pytest.approx(first, abs=1e-13)


@given(WEIGHTS, WEIGHTS)
def test_equal_to_the_divergence_at_the_exact_critic(p, q):
    divergence = kl_divergence(p, q)
    critic = log(p / q)
    assert donsker_varadhan(critic, critic, p=p, q=q) == pytest.approx(divergence, abs=1e-14)
    assert nwj_bound(1 + critic, 1 + critic, p=p, q=q) == pytest.approx(divergence, abs=1e-14)


@pytest.mark.parametrize("name", DIVERGENCES)
@given(p=WEIGHTS, q=WEIGHTS, free=CRITICS)
def test_every_row_of_the_table(name, p, q, free):
    f, slope, conjugate, into_domain = DIVERGENCES[name]
    divergence = q @ f(p / q)
    exact = slope(p / q)
    found = f_divergence_bound(exact, exact, conjugate, p=p, q=q)
    assert found == pytest.approx(divergence, rel=1e-12, abs=1e-14)
    critic = into_domain(free) if into_domain else free
    assert f_divergence_bound(critic, critic, conjugate, p=p, q=q) <= divergence + 1e-12


@pytest.mark.parametrize("name", DIVERGENCES)
def test_the_conjugates_of_the_table(name):
    """f*(u) is the largest ut − f(t) over t ≥ 0, here over a fine grid of t."""
    f, _, conjugate, into_domain = DIVERGENCES[name]
    t = np.r_[0.0, 1.0, np.geomspace(1e-9, 1e4, 200_001)]
    with np.errstate(divide="ignore", invalid="ignore"):
        values = f(t)
    if name == "Kullback–Leibler":
        values[0] = 0.0  # the limit of t log t
    for free in (-4.0, -2.5, -2.0, -1.0, -0.5, -0.25, 0.25, 0.5, 2.0):
        u = float(into_domain(free)) if into_domain else free
        supremum = np.max(u * t - values)
        assert conjugate(np.array(u)) == pytest.approx(supremum, rel=1e-6, abs=1e-6)


def test_exact_critics_with_infinite_values():
    p, q = np.array([0.5, 0.5, 0.0]), np.array([0.25, 0.5, 0.25])
    with np.errstate(divide="ignore"):
        critic = log(p) - log(q)  # −inf where p is zero
    for bound, values in ((donsker_varadhan, critic), (nwj_bound, 1 + critic)):
        assert bound(values, values, p=p, q=q) == pytest.approx(log(2) / 2, rel=1e-15)
        # The other way round the divergence is infinite.
        assert bound(-values, -values, p=q, q=p) == inf
    # As samples: the critic on what p and q can produce
    assert donsker_varadhan([log(2), 0.0], [log(2), 0, 0, -inf]) == pytest.approx(log(2) / 2)
    # Disjoint supports
    assert donsker_varadhan([inf], [-inf]) == inf


def test_samples_and_probabilities_agree():
    """Weights 2:1:1 are the same as a value twice and two values once."""
    critic = np.array([0.3, -1.0, 2.0])
    p, q = [0.5, 0.25, 0.25], [0.25, 0.25, 0.5]
    samples = critic[[0, 0, 1, 2]], critic[[0, 1, 2, 2]]
    for bound in (donsker_varadhan, nwj_bound):
        assert bound(*samples) == pytest.approx(bound(critic, critic, p=p, q=q), rel=1e-14)


def test_the_sample_version_is_biased_upwards_and_nwj_is_not():
    """All samples of two from p and three from q, each with its probability."""
    p, q, critic = np.array([0.6, 0.4]), np.array([0.3, 0.7]), np.array([1.0, -0.5])
    mean = {donsker_varadhan: 0.0, nwj_bound: 0.0}
    for x in itertools.product((0, 1), repeat=2):
        for y in itertools.product((0, 1), repeat=3):
            chance = p[list(x)].prod() * q[list(y)].prod()
            for bound in mean:
                mean[bound] += chance * bound(critic[list(x)], critic[list(y)])
    exact = {bound: bound(critic, critic, p=p, q=q) for bound in mean}
    assert mean[nwj_bound] == pytest.approx(exact[nwj_bound], abs=1e-14)
    excess = mean[donsker_varadhan] - exact[donsker_varadhan]
    # To first order Var_q(eᵀ)/(2·3·E_q[eᵀ]²)
    weights = exp(critic)
    first_order = (q @ weights**2 / (q @ weights) ** 2 - 1) / 6
    assert 0.5 * first_order < excess < 1.5 * first_order
    # And it passes the divergence itself at the exact critic.
    exact_critic = log(p / q)
    assert donsker_varadhan(exact_critic[[0, 0]], exact_critic[[1, 1, 1]]) > kl_divergence(p, q)


def test_large_values():
    assert donsker_varadhan([1e308], [1e308]) == 0
    assert donsker_varadhan([-1e300, -1e300], [-1e300]) == 0
    assert donsker_varadhan([1000.0], [0.0, 1000.0]) == pytest.approx(log(2), rel=1e-12)
    assert donsker_varadhan([1e308, 1e308], [0, 0]) == 1e308
    assert donsker_varadhan([0, 0], [-1e308, -1e308]) == 1e308
    assert nwj_bound([0.0], [1000.0]) == -inf
    # One large value among many small ones: log(1/n), to every digit
    critic = np.r_[0.0, np.full(10**6 - 1, -1000.0)]
    assert donsker_varadhan([0.0], critic) == pytest.approx(6 * log(10), rel=1e-14)


def test_batches():
    rng = np.random.default_rng(1)
    at_p, at_q = rng.normal(size=(4, 3, 7)), rng.normal(size=(3, 5))
    for bound in (donsker_varadhan, nwj_bound):
        values = bound(at_p, at_q)
        assert values.shape == (4, 3)
        assert values[2, 1] == pytest.approx(bound(at_p[2, 1], at_q[1]), rel=1e-14)
    scores = rng.normal(size=(6, 5, 5))
    assert infonce_bound(scores).shape == (6,)
    assert infonce_bound(scores)[4] == infonce_bound(scores[4])


# ------------------------------------------------------------------ InfoNCE


@given(st.integers(1, 6), st.randoms(use_true_random=False))
def test_infonce_is_at_most_log_n(n, random):
    scores = np.array([[random.uniform(-10, 10) for _ in range(n)] for _ in range(n)])
    value = infonce_bound(scores)
    assert value <= log(n) + 1e-15
    # As printed: log n + mean (s_ii − log Σ_j exp s_ij)
    printed = log(n) + np.mean(np.diag(scores) - log(exp(scores).sum(axis=1)))
    assert value == pytest.approx(printed, abs=1e-12)
    # A constant added to a row changes nothing.
    assert infonce_bound(scores + np.arange(n)[:, None]) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_the_expectation_of_infonce_is_below_the_information(n):
    """All sets of n pairs of bits, with the best critic, log p(y|x)/p(y)."""
    joint = np.array([[0.45, 0.05], [0.1, 0.4]])
    critic = log(joint / (joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)))
    information = mutual_information(joint)
    expectation = 0.0
    for pairs in itertools.product(list(np.ndindex(2, 2)), repeat=n):
        x, y = np.array(pairs).T
        expectation += joint[x, y].prod() * infonce_bound(critic[np.ix_(x, y)])
    assert expectation <= information
    assert expectation == pytest.approx(0, abs=1e-15) if n == 1 else expectation > 0.02


def test_infonce_ceiling():
    assert infonce_bound(1e6 * np.eye(64)) == pytest.approx(log(64), rel=1e-15)
    assert round(infonce_bound(1e6 * np.eye(64)), 2) == 4.16
    assert infonce_bound(np.full((3, 3), 1e308)) == 0
    assert infonce_bound([[-8e307, 8e307], [8e307, -8e307]]) == pytest.approx(-1.6e308)
    assert infonce_bound([[1.7e308, -1.7e308], [-1.7e308, 1.7e308]]) == pytest.approx(log(2))


# ------------------------------------------------------------------ bad input

BAD = [
    (lambda: donsker_varadhan([np.nan], [0.0]), "critic_p has a non-finite entry: nan"),
    (lambda: donsker_varadhan([-inf], [0.0]), "critic_p has a non-finite entry: -inf"),
    (lambda: donsker_varadhan([0.0], [inf]), "critic_q has a non-finite entry: inf"),
    (lambda: donsker_varadhan([], [0.0]), "critic_p is empty"),
    (lambda: donsker_varadhan(1.0, [0.0]), "critic_p has no axis -1: its shape is ()"),
    (lambda: donsker_varadhan(np.ma.array([1.0, 2.0]), [0.0]), "critic_p is a masked array"),
    (lambda: nwj_bound([0.0], np.ma.array([1.0], mask=[True])), "critic_q is a masked array"),
    (lambda: donsker_varadhan([[1.0], [2.0, 3.0]], [0.0]), "critic_p is not an array of numbers"),
    (lambda: donsker_varadhan(["a"], [0.0]), "critic_p must hold real numbers"),
    (lambda: donsker_varadhan([0.0], [0.0], p=[0.5, 0.5]), "lengths differ: critic_p has 1"),
    (lambda: donsker_varadhan([0.0, 1.0], [0.0], p=[0.5, 0.6]), "p sums to 1.1"),
    (lambda: donsker_varadhan(np.ones((2, 3)), np.ones((3, 3))), "shapes do not broadcast"),
    (lambda: nwj_bound([0.0], [0.0, 1.0], q=[0.9, 0.2]), "q sums to 1.1"),
    (lambda: nwj_bound([inf], [1000.0]), "the bound is ∞ − ∞"),
    (lambda: f_divergence_bound([0.0], [1.0], lambda u: -log(-u)), "conjugate gives nan"),
    (lambda: f_divergence_bound([0.0], [1.0], np.sum), "conjugate turned shape (1,) into ()"),
    (lambda: infonce_bound([[1.0, 2.0]]), "scores must be a square table"),
    (lambda: infonce_bound([[1.0, 2.0], [inf, 0]]), "scores has a non-finite entry: inf"),
    (lambda: infonce_bound([1.0]), "scores must be a square table"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert message in str(caught.value)
