"""Code lengths: Kraft, Shannon's and Huffman's theorems, and redundancy as a divergence."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kllib.discrete import cross_entropy, entropy, kl_divergence, normalize
from kllib.monitoring.compression import code_redundancy, huffman_code_lengths, shannon_code_lengths

DISTRIBUTIONS = st.lists(st.floats(1e-6, 1), min_size=1, max_size=8).map(normalize)


def kraft(lengths):
    return sum(Fraction(1, 2 ** int(length)) for length in lengths)


def test_by_hand():
    assert shannon_code_lengths([0.5, 0.25, 0.125, 0.125]).tolist() == [1, 2, 3, 3]
    assert shannon_code_lengths([0.6, 0.3, 0.1]).tolist() == [1, 2, 4]
    assert shannon_code_lengths([1.0]).tolist() == [0]
    # Nearly all is not all: with a word of no bits there would be no room for another.
    assert shannon_code_lengths([1.0, 2.0**-60]).tolist() == [1, 61]
    assert shannon_code_lengths([[0.5, 0.5], [0.75, 0.25]]).tolist() == [[1, 1], [1, 2]]
    assert huffman_code_lengths([0.5, 0.25, 0.125, 0.125]).tolist() == [1, 2, 3, 3]
    assert huffman_code_lengths([0.6, 0.3, 0.1]).tolist() == [1, 2, 2]
    assert huffman_code_lengths([1.0]).tolist() == [0]
    assert sorted(huffman_code_lengths([0.4, 0.3, 0.3, 0.0]).tolist()) == [1, 2, 3, 3]
    # Σ p l = 1·½ + 2·½ = 1.5 bits
    assert code_redundancy([0.5, 0.25, 0.25], [1, 2, 2]) == 0
    # Three words of two bits for a uniform choice of three: 2 − log₂ 3
    third = [1 / 3, 1 / 3, 1 / 3]
    assert code_redundancy(third, [2, 2, 2]) == pytest.approx(2 - np.log2(3), rel=1e-14)


@pytest.mark.parametrize("k", range(1, 50))
def test_shannon_lengths_at_powers_of_two(k):
    """Where the logarithm of a float rounds to a whole number from both sides."""
    power = 2.0**-k
    above, below = np.nextafter(power, 1), np.nextafter(power, 0)
    for q, length in ((power, k), (above, k), (below, k + 1)):
        # A sum of exactly one, so that nothing is divided
        found = shannon_code_lengths([q, 1 - q])
        if Fraction(q) + Fraction(1 - q) == 1:
            assert found[0] == length


@given(DISTRIBUTIONS, st.randoms(use_true_random=False))
def test_shannon_code_for_the_wrong_distribution(q, random):
    """H(p, q) ≤ mean length < H(p, q) + 1, and H(p, q) = H(p) + D(p‖q)."""
    p = normalize([random.uniform(0.001, 1) for _ in q])
    lengths = shannon_code_lengths(q)
    assert kraft(lengths) <= 1
    mean = p @ lengths
    assert cross_entropy(p, q, base=2) - 1e-12 <= mean < cross_entropy(p, q, base=2) + 1
    assert code_redundancy(p, lengths) == pytest.approx(mean - entropy(p, base=2), abs=1e-12)
    assert kl_divergence(p, q, base=2) - 1e-12 <= code_redundancy(p, lengths)


@given(DISTRIBUTIONS)
def test_huffman_is_complete_and_within_a_bit(q):
    lengths = huffman_code_lengths(q)
    assert kraft(lengths) == 1
    assert 0 <= code_redundancy(q, lengths) < 1
    assert q @ lengths <= q @ shannon_code_lengths(q) + 1e-12


@given(st.lists(st.floats(1e-3, 1), min_size=2, max_size=5).map(normalize))
def test_huffman_is_the_shortest(q):
    """Against every choice of lengths that Kraft's inequality allows."""
    n = len(q)
    possible = (
        lengths for lengths in itertools.product(range(1, n), repeat=n) if kraft(lengths) <= 1
    )
    shortest = min(q @ np.array(lengths) for lengths in possible) if n > 2 else 1.0
    assert q @ huffman_code_lengths(q) == pytest.approx(shortest, rel=1e-12)


def test_long_words():
    """Lengths of which 2^−length is no float: Σ p·length − H₂(p) all the same."""
    half = [0.5, 0.5]
    assert code_redundancy(half, [1, 2000]) == 999.5  # ½ (1 + 2000) − 1
    assert code_redundancy(half, [2000, 2000]) == 1999
    assert code_redundancy([1.0, 0.0], [1, 2000]) == 1
    assert code_redundancy(half, [1, 2**53]) == 2.0**52 - 0.5
    p = [[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]]
    found = code_redundancy(p, [3, 1500])
    expected = np.dot(p, [3, 1500]) - entropy(p, base=2)
    np.testing.assert_allclose(found, expected, rtol=1e-14)


BAD = [
    (lambda: shannon_code_lengths([0.5, 0.5, 0.0]), "q is zero at index (2,): no finite code"),
    (lambda: shannon_code_lengths([0.5, 0.6]), "q sums to 1.1"),
    (lambda: huffman_code_lengths([0.5, 0.6]), "q sums to 1.1"),
    (lambda: huffman_code_lengths([[0.5, 0.5]]), "q must be one distribution"),
    (lambda: code_redundancy([0.5, 0.5], [1, 0]), "no prefix code has these lengths"),
    (lambda: code_redundancy([0.5, 0.5], [1, -1]), "lengths has a negative entry"),
    (lambda: code_redundancy([0.5, 0.5], [1, 1.5]), "lengths must be whole numbers; got 1.5"),
    (lambda: code_redundancy([0.5, 0.5, 0], [1, 1, 60]), "no prefix code has these lengths"),
    (lambda: code_redundancy([0.5, 0.5], [0, 2000]), "no prefix code has these lengths"),
    (lambda: code_redundancy([0.5, 0.5], [1, 2, 2]), "lengths differ: p has 2, lengths has 3"),
    (lambda: code_redundancy([0.5, 0.6], [1, 1]), "p sums to 1.1"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert message in str(caught.value)
