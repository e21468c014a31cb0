"""Distributions drawn by Hypothesis, for the laws of the divergences."""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from kllib.discrete import normalize


def examples(n):
    """n examples, for a law that is slow or that many parameters repeat; in a search more, too."""
    usual = settings.get_profile("course").max_examples
    return settings(max_examples=-(-n * settings().max_examples // usual))


# Entries from everyday sizes down to 1e-120, of which two may be multiplied, and zero.
WEIGHTS = st.one_of(
    st.floats(0.01, 1),
    st.integers(-120, 0).map(lambda k: 10.0**k),
    st.just(0.0),
)
# Down to nearly the smallest floats, for what multiplies no two entries.
SMALLEST = st.one_of(
    st.floats(0.01, 1),
    st.floats(0, 1),
    st.integers(-300, 0).map(lambda k: 10.0**k),
    st.just(0.0),
)
POSITIVE = st.floats(0.01, 1)


def simplex(n, weights=WEIGHTS):
    """Distributions on n outcomes."""
    return st.lists(weights, min_size=n, max_size=n).filter(any).map(normalize)


@st.composite
def pairs(draw, weights=WEIGHTS, n=None):
    """Two distributions on the same outcomes: unrelated, or nearly the same."""
    n = draw(st.integers(1, 6)) if n is None else n
    p = draw(simplex(n, weights))
    if draw(st.booleans()):
        return p, draw(simplex(n, weights))
    step = 10.0 ** -draw(st.integers(1, 15))
    changes = draw(st.lists(st.floats(-1, 1), min_size=n, max_size=n))
    return p, normalize(p * (1 + step * np.array(changes)))


def channels(m, n, weights=WEIGHTS):
    """Stochastic matrices: rows are distributions."""
    return st.lists(simplex(n, weights), min_size=m, max_size=m).map(np.array)
