"""The information bottleneck: monotone, limits, the binary symmetric case, a general optimiser."""

import numpy as np
import pytest
import scipy.optimize
import scipy.special
from hypothesis import given
from hypothesis import strategies as st
from numpy import log

from kllib.discrete import entropy, mutual_information, normalize
from kllib.monitoring.bottleneck import bottleneck_curve, information_bottleneck

JOINT = np.array([[0.20, 0.05, 0.05], [0.05, 0.15, 0.05], [0.02, 0.03, 0.20], [0.10, 0.05, 0.05]])


def rng(seed=0):
    return np.random.default_rng(seed)


def objective(encoder, joint, beta):
    """I(X; T) − β I(T; Y), from the definitions."""

    def information(table):
        product = table.sum(axis=1, keepdims=True) * table.sum(axis=0)
        return scipy.special.rel_entr(table, product).sum()

    p_x = joint.sum(axis=1, keepdims=True)
    return information(p_x * encoder) - beta * information(encoder.T @ joint)


@st.composite
def joints(draw):
    m, n = draw(st.integers(2, 4)), draw(st.integers(2, 4))
    weights = draw(st.lists(st.floats(0, 1), min_size=m * n, max_size=m * n))
    table = np.reshape(weights, (m, n)) + 0.01 * np.eye(m, n) + 1e-6
    return table / table.sum()


@given(joints(), st.floats(0.1, 50), st.integers(1, 4), st.integers(0, 99))
def test_the_objective_never_increases_and_is_what_it_says(joint, beta, clusters, seed):
    result = information_bottleneck(joint, beta, clusters, restarts=2, max_steps=200, rng=rng(seed))
    assert (np.diff(result.history) <= 1e-12).all()
    np.testing.assert_allclose(result.encoder.sum(axis=1), 1, rtol=1e-12)
    used = result.decoder.sum(axis=1) > 0
    np.testing.assert_allclose(result.decoder[used].sum(axis=1), 1, rtol=1e-12)
    found = objective(result.encoder, joint, beta)
    assert result.objective == pytest.approx(found, rel=1e-9, abs=1e-12)
    assert result.objective == result.history[-1]
    # Data processing: T knows no more about Y than X does, nor than it knows of X.
    assert result.relevance <= min(mutual_information(joint), result.complexity) + 1e-12


@pytest.mark.parametrize("beta", [0.2, 0.9, 1.0])
def test_below_one_nothing_is_kept(beta):
    """I(T; Y) ≤ I(X; T), so that telling nothing is best."""
    result = information_bottleneck(JOINT, beta, 4, rng=rng())
    assert result.objective == pytest.approx(0, abs=1e-9)
    assert result.complexity < 1e-4


def test_a_large_beta_keeps_everything():
    result = information_bottleneck(JOINT, 1e7, 4, rng=rng())
    assert result.relevance == pytest.approx(mutual_information(JOINT), rel=1e-9)
    assert result.complexity == pytest.approx(entropy(JOINT.sum(axis=1)), rel=1e-9)
    assert np.isin(result.encoder.round(9), (0, 1)).all()  # every x in a cluster of its own


def test_values_of_x_that_say_the_same_share_a_cluster():
    """Sufficient statistics: rows in proportion are merged at no loss."""
    joint = np.array([[0.1, 0.02], [0.2, 0.04], [0.05, 0.25], [0.056666666666666664, 0.2833333]])
    joint /= joint.sum()
    result = information_bottleneck(joint, 1000, 2, rng=rng())
    assert result.relevance == pytest.approx(mutual_information(joint), rel=1e-6)
    first, second, third, fourth = result.encoder.argmax(axis=1)
    assert first == second != third == fourth


@pytest.mark.slow
def test_against_a_general_optimiser():
    """The objective over the logits of the encoder, from many starts."""
    for beta in (5.0, 20.0):

        def of_logits(theta, beta=beta):
            return objective(normalize(np.exp(theta.reshape(4, 2))), JOINT, beta)

        starts = rng(1).normal(0, 1, (12, 8))
        best = min(scipy.optimize.minimize(of_logits, start).fun for start in starts)
        result = information_bottleneck(JOINT, beta, 2, restarts=5, rng=rng(2))
        assert result.converged
        assert result.objective <= best + 1e-6
        assert result.objective == pytest.approx(best, abs=1e-4)


def test_the_binary_symmetric_case():
    """X a fair bit, Y its noisy copy (error ε): the best T is a noisy copy too, of error δ, with
    I(X; T) = log 2 − h(δ) and I(T; Y) = log 2 − h(δ(1 − ε) + ε(1 − δ)) (Mrs Gerber's lemma)."""
    noise = 0.1
    joint = np.array([[1 - noise, noise], [noise, 1 - noise]]) / 2

    def h(x):
        return entropy([x, 1 - x])

    def on_the_line(delta, beta):
        both = delta * (1 - noise) + noise * (1 - delta)
        return (log(2) - h(delta)) - beta * (log(2) - h(both))

    # Below 1/(1 − 2ε)² = 1.5625 nothing is kept.
    assert information_bottleneck(joint, 1.5, 2, restarts=2, rng=rng(3)).objective > -1e-9
    for beta in (2.5, 6.0):
        best = scipy.optimize.minimize_scalar(
            on_the_line, bounds=(0, 0.5), args=(beta,), method="bounded", options={"xatol": 1e-12}
        )
        result = information_bottleneck(joint, beta, 2, restarts=3, rng=rng(4))
        assert result.objective == pytest.approx(best.fun, rel=1e-7)
        assert result.complexity == pytest.approx(log(2) - h(best.x), rel=1e-3)


def test_the_curve_is_increasing_and_concave():
    betas = [1.0, 4.0, 8.0, 30.0, 1e4]
    curve = bottleneck_curve(JOINT, betas, 4, restarts=4, rng=rng(5))
    assert curve.shape == (5, 2)
    complexity, relevance = curve.T
    assert (np.diff(complexity) > -1e-6).all() and (np.diff(relevance) > -1e-6).all()
    # A point lies below the tangent of slope 1/β at every other: the objective is least there.
    for i, beta in enumerate(betas):
        assert (complexity - beta * relevance >= (complexity - beta * relevance)[i] - 1e-6).all()


def test_zeros_in_the_joint_distribution():
    """Y a function of X: clusters are the function's values."""
    joint = np.array([[0.3, 0.0], [0.2, 0.0], [0.0, 0.5]])
    result = information_bottleneck(joint, 10, 3, rng=rng(6))
    assert result.relevance == pytest.approx(log(2), rel=1e-9)
    assert result.complexity == pytest.approx(log(2), rel=1e-6)


@pytest.mark.parametrize("tiny", [1e-300, 1e-150])
def test_rare_values(tiny):
    """Nothing underflows so far that a step is not a number (warnings are errors here)."""
    joint = [[tiny, 0, 0], [0, 0.5, tiny], [0, tiny, 0.5]]
    for beta in (1e-3, 5, 1e3):
        result = information_bottleneck(joint, beta, 3, restarts=3, max_steps=50, rng=rng(1))
        assert np.isfinite(result.history).all()
        np.testing.assert_allclose(result.encoder.sum(axis=1), 1, rtol=1e-12)


def test_no_betas():
    assert bottleneck_curve(JOINT, [], 2, rng=rng()).shape == (0, 2)


def test_the_same_seed_gives_the_same_result():
    one = information_bottleneck(JOINT, 5, 2, restarts=2, rng=rng(7))
    two = information_bottleneck(JOINT, 5, 2, restarts=2, rng=rng(7))
    np.testing.assert_array_equal(one.encoder, two.encoder)
    few = information_bottleneck(JOINT, 5, 2, restarts=1, max_steps=1, rng=rng(7))
    assert not few.converged and len(few.history) == 2


BAD = [
    (lambda: information_bottleneck([0.5, 0.5], 1, 2, rng=rng()), "joint must have two axes"),
    (lambda: information_bottleneck([JOINT], 1, 2, rng=rng()), "joint must be one table"),
    (lambda: information_bottleneck([[0.5, 0.6]], 1, 2, rng=rng()), "joint sums to 1.1"),
    (lambda: information_bottleneck([[1, 0], [0, 0]], 1, 2, rng=rng()), "no probability to x = 1"),
    (
        lambda: information_bottleneck([[5e-324, 0, 0], [0, 0.5, 0.5]], 5, 3, rng=rng()),
        "joint has an entry below 1e-300 at index (0, 0): 4.94066e-324",
    ),
    (lambda: information_bottleneck(JOINT, 0, 2, rng=rng()), "beta must be positive"),
    (lambda: information_bottleneck(JOINT, 1, 0, rng=rng()), "clusters must be a whole number"),
    (lambda: information_bottleneck(JOINT, 1, 2, restarts=0, rng=rng()), "restarts must be"),
    (lambda: information_bottleneck(JOINT, 1, 2, max_steps=0, rng=rng()), "max_steps must be"),
    (lambda: information_bottleneck(JOINT, 1, 2, tolerance=-1, rng=rng()), "tolerance must not"),
    (lambda: information_bottleneck(JOINT, 1, 2, rng=0), "rng must be a numpy.random.Generator"),
    (lambda: bottleneck_curve(JOINT, [1.0, -1.0], 2, rng=rng()), "beta must not be negative"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert message in str(caught.value)
