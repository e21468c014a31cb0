"""The two geodesics: end points, straightness in their own coordinates, known values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kllib.discrete import kl_divergence, normalize
from kllib.geometry.fisher import fisher_categorical, kl_second_order
from kllib.geometry.geodesics import e_geodesic, m_geodesic
from kllib.geometry.projections import i_projection

POSITIVE = st.floats(0.01, 1)
SHARES = st.floats(0, 1)


@st.composite
def pairs(draw, weights=POSITIVE):
    n = draw(st.integers(2, 6))
    return [normalize(draw(st.lists(weights, min_size=n, max_size=n).filter(any))) for _ in "pq"]


def test_by_hand():
    np.testing.assert_allclose(m_geodesic([0.8, 0.2], [0.2, 0.8], 0.25), [0.65, 0.35], rtol=1e-15)
    # Odds 4 and 1/9: their geometric mean is 2/3
    np.testing.assert_allclose(e_geodesic([0.8, 0.2], [0.1, 0.9], 0.5), [0.4, 0.6], rtol=1e-14)
    # A zero of one end is a zero in between, and only in between
    np.testing.assert_allclose(e_geodesic([0.5, 0.5, 0], [0, 0.5, 0.5], 0.5), [0, 1, 0])
    np.testing.assert_allclose(e_geodesic([0.5, 0.5, 0], [0, 0.5, 0.5], 0), [0.5, 0.5, 0])
    np.testing.assert_allclose(e_geodesic([0.5, 0.5, 0], [0, 0.5, 0.5], 1), [0, 0.5, 0.5])


def test_between_two_normals():
    """The e-geodesic of equal-variance normals is a normal at the mean in between; the m-geodesic
    has two modes."""
    x = np.linspace(-10, 10, 401)
    p, q, middle = (normalize(np.exp(-((x - mean) ** 2) / 2)) for mean in (-3, 3, 0))
    np.testing.assert_allclose(e_geodesic(p, q, 0.5), middle, atol=1e-15)
    mixture = m_geodesic(p, q, 0.5)
    assert mixture[200] < mixture[140] / 10


@given(pairs())
def test_end_points(pair):
    p, q = pair
    for geodesic in (m_geodesic, e_geodesic):
        np.testing.assert_allclose(geodesic(p, q, [0, 1]), [p, q], rtol=1e-13)


@given(pairs(), SHARES)
def test_straight_in_their_own_coordinates(pair, t):
    """Mean parameters move linearly along one, log ratios along the other."""
    p, q = pair
    statistic = np.arange(p.size)
    mixed = m_geodesic(p, q, t)
    expected = (1 - t) * (statistic @ p) + t * (statistic @ q)
    assert statistic @ mixed == pytest.approx(expected, rel=1e-13, abs=1e-13)
    tilted = np.log(e_geodesic(p, q, t))
    expected = (1 - t) * np.log(p / p[0]) + t * np.log(q / q[0])
    np.testing.assert_allclose(tilted - tilted[0], expected, atol=1e-12)
    for point in (mixed, np.exp(tilted)):
        assert point.sum() == pytest.approx(1, rel=1e-13)


@given(pairs(), SHARES, SHARES, SHARES)
def test_a_part_of_a_geodesic_is_one(pair, a, b, t):
    """From the point at a to the point at b is the same line, at a + t (b − a)."""
    p, q = pair
    for geodesic in (m_geodesic, e_geodesic):
        part = geodesic(geodesic(p, q, a), geodesic(p, q, b), t)
        np.testing.assert_allclose(part, geodesic(p, q, a + t * (b - a)), rtol=1e-11)


@given(pairs(), st.floats(0.05, 0.95))
def test_the_way_back_is_the_same(pair, t):
    p, q = pair
    for geodesic in (m_geodesic, e_geodesic):
        np.testing.assert_allclose(geodesic(p, q, t), geodesic(q, p, 1 - t), rtol=1e-12)


@given(pairs(), SHARES)
def test_which_divergence_each_minimises(pair, t):
    """(1 − t) D(r‖p) + t D(r‖q) is least on the e-geodesic; with r second, on the m-geodesic.

    Both exceed their minimum by exactly the divergence to it: r is taken as the uniform.
    """
    p, q = pair
    r = np.full(p.size, 1 / p.size)
    e, m = e_geodesic(p, q, t), m_geodesic(p, q, t)

    def first(x):
        return (1 - t) * kl_divergence(x, p) + t * kl_divergence(x, q)

    def second(x):
        return (1 - t) * kl_divergence(p, x) + t * kl_divergence(q, x)

    assert first(r) == pytest.approx(first(e) + kl_divergence(r, e), rel=1e-11, abs=1e-13)
    assert second(r) == pytest.approx(second(m) + kl_divergence(m, r), rel=1e-11, abs=1e-13)


@given(pairs())
def test_they_meet_a_projection_at_a_right_angle(pair):
    """At p*, the m-line to p and the e-line to q are orthogonal in the Fisher metric."""
    p, q = pair
    statistic = np.arange(p.size, dtype=float)
    nearest = i_projection(q, statistic, statistic @ p).distribution
    along_m = (p - nearest)[:-1]
    rise = np.log(q / nearest)
    along_e = (nearest * (rise - nearest @ rise))[:-1]  # the velocity of the e-geodesic at p*
    fisher = fisher_categorical(nearest)
    sizes = kl_second_order(fisher, along_m) * kl_second_order(fisher, along_e)
    assert along_m @ fisher @ along_e == pytest.approx(0, abs=1e-10 * (1 + sizes))


def test_extreme_probabilities():
    """Square roots of 1e-300 and 1e-200 on the way, without underflow."""
    middle = e_geodesic([1.0, 1e-300], [1.0, 1e-200], 0.5)
    np.testing.assert_allclose(middle, [1, 1e-250], rtol=1e-12)
    np.testing.assert_allclose(e_geodesic([1, 5e-324], [5e-324, 1], 0.5), [0.5, 0.5], rtol=1e-12)
    assert m_geodesic([1, 5e-324], [1, 5e-324], 0.5)[1] in (0, 5e-324)


def test_batches():
    rng = np.random.default_rng(0)
    p, q = rng.dirichlet(np.ones(3), size=(2, 4)), rng.dirichlet(np.ones(3), size=4)
    t = rng.random((2, 1))
    for geodesic in (m_geodesic, e_geodesic):
        many = geodesic(p, q, t)
        assert many.shape == (2, 4, 3)
        np.testing.assert_allclose(many[1, 2], geodesic(p[1, 2], q[2], t[1, 0]), rtol=1e-14)
        assert geodesic(p[0, 0], q[0], np.linspace(0, 1, 5)).shape == (5, 3)


BAD = [
    (lambda f: f([0.5, 0.6], [0.5, 0.5], 0.5), "p sums to 1.1"),
    (lambda f: f([0.5, 0.5], [1.0], 0.5), "lengths differ: p has 2, q has 1"),
    (lambda f: f([0.5, 0.5], [0.5, 0.5], 1.5), "t has an entry outside 0 to 1: 1.5"),
    (
        lambda f: f([0.5, 0.5], [0.5, 0.5], [0, -1e-9]),
        "t has an entry outside 0 to 1: -1e-09 at index (1,)",
    ),
    (lambda f: f([0.5, 0.5], [0.5, 0.5], np.nan), "t has a non-finite entry"),
    (lambda f: f([[0.5, 0.5]] * 2, [0.5, 0.5], [0, 0.5, 1]), "shapes do not broadcast"),
]


@pytest.mark.parametrize(("call", "message"), BAD, ids=[message for _, message in BAD])
@pytest.mark.parametrize("geodesic", [m_geodesic, e_geodesic])
def test_bad_input(geodesic, call, message):
    with pytest.raises(ValueError) as caught:
        call(geodesic)
    assert message in str(caught.value)


def test_nothing_in_common():
    with pytest.raises(ValueError, match="no outcome in common: no e-geodesic joins them"):
        e_geodesic([1, 0], [0, 1], 0.5)
    with pytest.raises(ValueError, match=r"no outcome in common at batch index \(1,\)"):
        e_geodesic([[0.5, 0.5], [1, 0]], [0, 1], 0.5)
