"""Discrete distributions: known values with their derivation, second routes, shapes, kinds."""

from fractions import Fraction

import numpy as np
import pytest
import scipy.special
import scipy.stats
from numpy import inf, log
from sklearn.metrics import mutual_info_score

from kllib import (
    conditional_kl,
    cross_entropy,
    entropy,
    kl_divergence,
    mutual_information,
    normalize,
    perplexity,
    smooth,
)

RNG = np.random.default_rng(3)

# p, q, D(p‖q) in nats, and how it is found by hand.
KNOWN = [
    # ½ ln 2 + ½ ln(2/3)
    ([0.5, 0.5], [0.25, 0.75], log(4 / 3) / 2),
    # ¼ ln ½ + ¾ ln(3/2)
    ([0.25, 0.75], [0.5, 0.5], 0.75 * log(3) - log(2)),
    # A mirror pair: .9 ln 9 − .1 ln 9, both ways
    ([0.9, 0.1], [0.1, 0.9], 0.8 * log(9)),
    ([0.1, 0.9], [0.9, 0.1], 0.8 * log(9)),
    # .4 ln 4 + .3 ln 1.5 − .2 ln 1.5 − .1 ln 4
    ([0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4], 0.6 * log(2) + 0.1 * log(1.5)),
    # Half of a die's faces, all equally likely: ln 6 − ln 3
    ([1 / 3, 1 / 3, 1 / 3, 0, 0, 0], [1 / 6] * 6, log(2)),
    # A certain outcome costs its surprise
    ([0, 1, 0], [0.25, 0.125, 0.625], log(8)),
    # .6 ln 3 + .3 ln 1.5 − .1 ln 6, and back: .2 ln ⅓ + .2 ln ⅔ + .6 ln 6
    ([0.6, 0.3, 0.1], [0.2, 0.2, 0.6], 0.6 * log(3) + 0.3 * log(1.5) - 0.1 * log(6)),
    ([0.2, 0.2, 0.6], [0.6, 0.3, 0.1], 0.2 * log(2 / 9) + 0.6 * log(6)),
    # The weather: .7 ln 1.4 + .3 ln .6, and back
    ([0.7, 0.3], [0.5, 0.5], 0.7 * log(1.4) + 0.3 * log(0.6)),
    ([0.5, 0.5], [0.7, 0.3], -log(4 * 0.21) / 2),
    # .7 ln(14/13) + .2 ln .8, and back: .65 ln(13/14) + .25 ln 1.25
    ([0.7, 0.2, 0.1], [0.65, 0.25, 0.1], 0.7 * log(14 / 13) + 0.2 * log(0.8)),
    ([0.65, 0.25, 0.1], [0.7, 0.2, 0.1], 0.65 * log(13 / 14) + 0.25 * log(1.25)),
    # Nothing to learn about the only outcome
    ([1.0], [1.0], 0.0),
]

# The same values as printed decimals, from the corrected source documents.
PRINTED = [
    ([0.9, 0.1], [0.1, 0.9], 1.7578, 4),
    ([0.7, 0.2, 0.1], [0.65, 0.25, 0.1], 0.00725, 5),
    ([0.65, 0.25, 0.1], [0.7, 0.2, 0.1], 0.00762, 5),
    ([0.7, 0.3], [0.5, 0.5], 0.0823, 4),
    ([0.5, 0.5], [0.7, 0.3], 0.0872, 4),
    ([0.6, 0.3, 0.1], [0.2, 0.2, 0.6], 0.6016, 4),
    ([0.2, 0.2, 0.6], [0.6, 0.3, 0.1], 0.7742, 4),
    ([0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4], 0.456435, 6),
    ([0.4, 0.3, 0.2, 0.1], [0.25] * 4, 0.1064, 4),
    ([0.25] * 4, [0.4, 0.3, 0.2, 0.1], 0.1218, 4),
    ([0.5, 0.5], [0.99, 0.01], 1.6145, 4),
    ([0.99, 0.01], [0.5, 0.5], 0.6371, 4),
]

INFINITE = [
    ([0.5, 0.5], [1, 0]),
    ([0, 1], [1, 0]),
    ([0.5, 0.25, 0.25], [0.5, 0.5, 0]),
    ([1 / 6] * 6, [1 / 3, 1 / 3, 1 / 3, 0, 0, 0]),
    # However unlikely, p can produce it
    ([1, 5e-324], [1, 0]),
    ([1, 1e-300, 0], [1, 0, 1e-300]),
]

# q has no zero where p is positive, small as it may be: finite, and in full
FINITE_THOUGH_EXTREME = [
    ([0.5, 0.5], [1, 5e-324], -log(2) - (log(5e-324) / 2)),
    ([1, 0], [1e-300, 1], 300 * log(10)),
    ([1, 0, 0], [1, 0, 0], 0),
    ([0.5, 0.5, 0], [0.25, 0.75, 0], log(4 / 3) / 2),
]


@pytest.mark.parametrize(("p", "q", "value"), KNOWN)
def test_divergence_by_hand(p, q, value):
    assert kl_divergence(p, q) == pytest.approx(value, rel=1e-13)
    assert kl_divergence(p, q, base=2) == pytest.approx(value / log(2), rel=1e-13)


@pytest.mark.parametrize(("p", "q", "value", "digits"), PRINTED)
def test_divergence_as_printed(p, q, value, digits):
    assert round(kl_divergence(p, q), digits) == value


@pytest.mark.parametrize(("p", "q"), INFINITE)
def test_infinite_pairs(p, q):
    assert kl_divergence(p, q) == inf
    assert cross_entropy(p, q) == inf
    assert perplexity(p, q) == inf
    assert kl_divergence(p, q, base=2) == inf


@pytest.mark.parametrize(("p", "q", "value"), FINITE_THOUGH_EXTREME)
def test_finite_though_extreme(p, q, value):
    assert kl_divergence(p, q) == pytest.approx(value, rel=1e-13, abs=0)


def test_entropy_by_hand():
    assert entropy([1.0]) == 0
    assert entropy([0, 1, 0]) == 0
    assert entropy([0.5, 0.5], base=2) == 1
    # ½·1 + ¼·2 + ¼·2 bits
    assert entropy([0.5, 0.25, 0.25], base=2) == pytest.approx(1.5, rel=1e-15)
    assert entropy(np.full(7, 1 / 7), base=7) == pytest.approx(1, rel=1e-15)
    # .7 log2(10/7) + .3 log2(10/3)
    assert entropy([0.7, 0.3], base=2) == pytest.approx(0.8812908992306927, rel=1e-15)


def test_zero_is_not_negative_zero():
    for value in (entropy([1.0]), cross_entropy([1, 0], [1, 0]), kl_divergence([1, 0], [1, 0])):
        assert value == 0
        assert not np.signbit(value)


def test_cross_entropy_by_hand():
    # A fair coin surprises by one bit, whoever tosses it
    assert cross_entropy([0.9, 0.1], [0.5, 0.5], base=2) == pytest.approx(1, rel=1e-15)
    # ½·2 + ½ log2(4/3) bits
    value = cross_entropy([0.5, 0.5], [0.25, 0.75], base=2)
    assert value == pytest.approx(2 - log(3) / log(4), rel=1e-15)
    # With one-hot p it is the surprise
    assert cross_entropy([0, 1, 0], [0.2, 0.7, 0.1]) == pytest.approx(-log(0.7), rel=1e-15)


def test_perplexity_by_hand():
    assert perplexity(np.full(10, 0.1)) == pytest.approx(10, rel=1e-14)
    assert perplexity([0.5, 0.25, 0.25]) == pytest.approx(2**1.5, rel=1e-14)
    assert perplexity([0.9, 0.1], [0.5, 0.5]) == pytest.approx(2, rel=1e-14)
    assert perplexity([0, 1], [0.75, 0.25]) == pytest.approx(4, rel=1e-14)
    for base in (2, 10):
        assert perplexity([0.9, 0.1], [0.7, 0.3], base=base) == perplexity([0.9, 0.1], [0.7, 0.3])


def test_mutual_information_by_hand():
    # X = Y, a fair coin: one bit
    assert mutual_information([[0.5, 0], [0, 0.5]], base=2) == pytest.approx(1, rel=1e-15)
    # A channel that flips a fair bit one time in ten: 1 − h(.1) bits
    flips = [[0.45, 0.05], [0.05, 0.45]]
    h = -(0.1 * np.log2(0.1) + 0.9 * np.log2(0.9))
    assert mutual_information(flips, base=2) == pytest.approx(1 - h, rel=1e-13)
    # One variable that never varies tells nothing
    assert mutual_information([[0.25, 0.75]]) == 0


def test_conditional_kl_by_hand():
    p = [[0.25, 0.25], [0.5, 0]]
    q = np.full((2, 2), 0.25)
    # Given the row: 0 in the first, ln 2 in the second, each half the time
    assert conditional_kl(p, q) == pytest.approx(log(2) / 2, rel=1e-15)
    # Given the column: (⅓, ⅔) against (½, ½) three quarters of the time, else (1, 0) against it
    first = log(2) / 3 * 2 + log(1 / 3) / 3 + log(2 / 3) * 2 / 3 + log(2) / 3
    assert conditional_kl(p, q, given=1) == pytest.approx(0.75 * first + 0.25 * log(2), rel=1e-14)


def test_conditional_kl_where_a_condition_is_never_met():
    table = [[0.5, 0.5], [0, 0]]
    uniform = np.full((2, 2), 0.25)
    assert conditional_kl(table, uniform) == 0  # p never meets the second row
    assert conditional_kl(uniform, table) == inf  # q never does, and p does
    assert conditional_kl(table, [[0.25, 0.75], [0, 0]]) == pytest.approx(log(4 / 3) / 2)


def test_triangle_inequality_fails():
    a, b, c = [0.5, 0.5], [0.75, 0.25], [0.99, 0.01]
    assert kl_divergence(a, c) > kl_divergence(a, b) + kl_divergence(b, c)


def test_normalize():
    assert normalize([2, 1, 1]).tolist() == [0.5, 0.25, 0.25]
    assert normalize([1e308, 1e308]).tolist() == [0.5, 0.5]
    assert normalize([5e-324, 15e-324]).tolist() == [0.25, 0.75]
    assert normalize([0, 3]).tolist() == [0, 1]
    counts = RNG.integers(0, 100, (4, 5, 6)) + np.eye(5, 6)
    for axis in (0, 1, 2, -1, -3):
        np.testing.assert_allclose(normalize(counts, axis=axis).sum(axis=axis), 1, rtol=1e-15)
        expected = counts / counts.sum(axis=axis, keepdims=True)
        np.testing.assert_allclose(normalize(counts, axis=axis), expected, rtol=1e-15)


def test_smooth():
    # (p + α)/(1 + nα)
    np.testing.assert_allclose(smooth([1, 0, 0], 0.5), [0.6, 0.2, 0.2], rtol=1e-15)
    np.testing.assert_allclose(smooth([0.75, 0.25], 1), [1.75 / 3, 1.25 / 3], rtol=1e-15)
    np.testing.assert_array_equal(smooth([0.75, 0.25, 0], 0), [0.75, 0.25, 0])
    np.testing.assert_allclose(smooth([1, 0], 1e308), [0.5, 0.5], rtol=1e-15)
    p = RNG.dirichlet(np.ones(4), 3)
    np.testing.assert_allclose(smooth(p.T, 0.1, axis=0), smooth(p, 0.1).T, rtol=1e-15)
    # Laplace's rule, on counts
    np.testing.assert_allclose(normalize(np.array([3, 1, 0]) + 1), [4 / 7, 2 / 7, 1 / 7])


def random_pair(n=6, rows=()):
    return RNG.dirichlet(np.ones(n), rows or None), RNG.dirichlet(np.ones(n), rows or None)


def test_agrees_with_scipy_away_from_equality():
    p, q = random_pair(50, (20,))
    np.testing.assert_allclose(kl_divergence(p, q), scipy.stats.entropy(p, q, axis=1), rtol=1e-11)
    np.testing.assert_allclose(
        kl_divergence(p, q), scipy.special.rel_entr(p, q).sum(axis=1), rtol=1e-11
    )
    np.testing.assert_allclose(entropy(p, base=2), scipy.stats.entropy(p, base=2, axis=1))
    np.testing.assert_allclose(cross_entropy(p, q), -(p * np.log(q)).sum(axis=1), rtol=1e-13)


def test_agrees_with_scikit_learn():
    table = RNG.integers(0, 50, (5, 7)).astype(float)
    expected = mutual_info_score(None, None, contingency=table)
    assert mutual_information(table / table.sum()) == pytest.approx(expected, rel=1e-12)


def test_conditional_kl_row_by_row():
    p, q = RNG.dirichlet(np.ones(12), 2).reshape(2, 3, 4)
    rows = [p[i].sum() * scipy.stats.entropy(p[i], q[i]) for i in range(3)]
    assert conditional_kl(p, q) == pytest.approx(sum(rows), rel=1e-12)
    columns = [p[:, j].sum() * scipy.stats.entropy(p[:, j], q[:, j]) for j in range(4)]
    assert conditional_kl(p, q, given=1) == pytest.approx(sum(columns), rel=1e-12)


@pytest.mark.parametrize("function", [kl_divergence, cross_entropy, perplexity])
def test_batches_and_axes(function):
    p, q = random_pair(5, (3, 4))
    values = function(p, q)
    assert values.shape == (3, 4)
    for index in np.ndindex(3, 4):
        assert values[index] == pytest.approx(function(p[index], q[index]), rel=1e-15, abs=1e-300)
    # The axis may lie anywhere
    for axis in (0, 1, -3):
        moved = function(np.moveaxis(p, -1, axis), np.moveaxis(q, -1, axis), axis=axis)
        np.testing.assert_allclose(moved, values, rtol=1e-14)
    # Leading axes broadcast, in both directions
    np.testing.assert_allclose(function(p, q[0, 0]), function(p, q[:1, :1]), rtol=1e-15)
    np.testing.assert_allclose(function(p[0, 0], q)[1, 2], function(p[0, 0], q[1, 2]), rtol=1e-15)
    np.testing.assert_allclose(
        function(p[:, :1], q[:1]), [[function(a[0], b) for b in q[0]] for a in p], rtol=1e-14
    )
    np.testing.assert_allclose(
        function(p[0, 0], np.moveaxis(q, -1, 0), axis=0), function(p[0, 0], q), rtol=1e-14
    )


def test_batches_of_one_distribution_and_of_joints():
    p = RNG.dirichlet(np.ones(5), (3, 4))
    assert entropy(p).shape == perplexity(p).shape == (3, 4)
    assert entropy(p)[1, 2] == pytest.approx(entropy(p[1, 2]), rel=1e-15)
    np.testing.assert_allclose(entropy(p.T, axis=0), entropy(p).T, rtol=1e-14)
    joint = RNG.dirichlet(np.ones(12), (2, 3)).reshape(2, 3, 3, 4)
    assert mutual_information(joint).shape == (2, 3)
    assert mutual_information(joint)[1, 0] == pytest.approx(mutual_information(joint[1, 0]))
    for given in (0, 1):
        batch = conditional_kl(joint, joint[0, 0], given=given)
        assert batch.shape == (2, 3)
        assert batch[0, 0] == 0
        expected = conditional_kl(joint[1, 2], joint[0, 0], given=given)
        assert batch[1, 2] == pytest.approx(expected, rel=1e-14)


def test_many_rows_and_long_rows_are_the_same_row_by_row():
    """Work is done in blocks: their borders leave no trace."""
    p, q = random_pair(3, (40_000,))
    values = kl_divergence(p, q)
    picked = [0, 1, 16_383, 16_384, 39_999]
    np.testing.assert_allclose(values[picked], [kl_divergence(p[i], q[i]) for i in picked])
    p, q = random_pair(50_001, (2,))
    expected = scipy.special.rel_entr(p, q).sum(axis=1)
    np.testing.assert_allclose(kl_divergence(p, q), expected, rtol=1e-11)
    joint = RNG.dirichlet(np.ones(300 * 301)).reshape(300, 301)
    product = np.outer(joint.sum(axis=1), joint.sum(axis=0))
    expected = scipy.special.rel_entr(joint, product).sum()
    assert mutual_information(joint) == pytest.approx(expected, rel=1e-11)


def test_infinity_in_one_row_leaves_the_others_alone():
    values = kl_divergence([[0.5, 0.5], [1, 0], [0.5, 0.5]], [[1, 0], [1, 0], [0.25, 0.75]])
    assert values[:2].tolist() == [inf, 0]
    assert values[2] == pytest.approx(log(4 / 3) / 2)


def read_only(values):
    array = np.array(values)
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    "make",
    [
        list,
        tuple,
        np.array,
        read_only,
        lambda values: np.repeat(values, 2)[::2],
        lambda values: np.array(values)[::-1].copy()[::-1],
        lambda values: np.array(values, dtype=np.float32),
        lambda values: np.array(values, dtype=np.float16),
        lambda values: np.array(values, dtype=np.longdouble),
        lambda values: np.array(values, dtype=">f8"),
        lambda values: [Fraction(value) for value in values],
        lambda values: [np.float64(value) for value in values],
    ],
)
def test_kinds_of_input(make):
    p, q = [0.5, 0.25, 0.25], [0.125, 0.375, 0.5]
    assert kl_divergence(make(p), make(q)) == kl_divergence(p, q)
    assert cross_entropy(make(p), make(q)) == cross_entropy(p, q)
    assert entropy(make(p)) == entropy(p)
    assert mutual_information([make(q), make([0.0, 0.0, 0.0])]) == 0


def test_whole_numbers_are_probabilities_too():
    assert kl_divergence([1, 0], [1, 0]) == 0
    assert kl_divergence(np.array([0, 1], dtype=np.uint8), [0.5, 0.5]) == pytest.approx(log(2))


def test_one_distribution_gives_a_float():
    joint = np.full((2, 2), 0.25)
    values = [
        entropy([1.0]),
        cross_entropy([1.0], [1.0]),
        kl_divergence([1.0], [1.0]),
        perplexity([1.0]),
        perplexity([1.0], [1.0]),
        mutual_information(joint),
        conditional_kl(joint, joint),
    ]
    assert all(isinstance(value, float) for value in values)
    assert all(isinstance(value, np.float64) for value in values)


def test_arguments_are_left_alone():
    p, q = np.array([0.5, 0.5, 0.0]), np.array([0.25, 0.5, 0.25])
    joint = np.full((2, 2), 0.25)
    before = p.copy(), q.copy(), joint.copy()
    entropy(p), cross_entropy(p, q), kl_divergence(p, q), perplexity(p, q), smooth(p, 1)
    normalize(q), mutual_information(joint), conditional_kl(joint, joint, given=1)
    assert all((a == b).all() for a, b in zip(before, (p, q, joint), strict=True))


def test_float32_probabilities_are_admitted():
    """Rounded in float32, even a million of them sum to one within the tolerance."""
    for n in (10, 1000, 1_000_000):
        p = RNG.dirichlet(np.ones(n)).astype(np.float32)
        logits = RNG.standard_normal(n).astype(np.float32)
        softmax = np.exp(logits - logits.max())
        softmax /= softmax.sum()
        assert np.isfinite(kl_divergence(p, softmax))


def test_the_sum_counts_as_one():
    """Within the tolerance the result is that of p/Σp and q/Σq."""
    p, q = np.array([0.5, 0.5 - 9e-7]), np.array([0.25, 0.75 + 9e-7])
    exact = kl_divergence(p / p.sum(), q / q.sum())
    assert kl_divergence(p, q) == pytest.approx(exact, rel=1e-14)
    assert entropy(p) == pytest.approx(entropy(p / p.sum()), rel=1e-14)


def test_the_smallest_float_is_not_lost():
    """5e-324 beside 1: a possible outcome stays possible."""
    tiny = 5e-324
    assert normalize([1, tiny]).tolist() == [1, tiny]
    assert smooth([1, tiny], tiny).min() >= tiny
    never = [0, 0]
    rare = conditional_kl([[0, 1], never], [[1, tiny], never])
    assert rare == pytest.approx(-log(tiny), rel=1e-14)
