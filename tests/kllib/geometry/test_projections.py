"""Projections: known values, the Pythagorean theorem, optimality by other means, the boundary."""

import numpy as np
import pytest
import scipy.optimize
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy import log

from kllib.discrete import entropy, kl_divergence, mutual_information, normalize
from kllib.geometry.projections import (
    i_projection,
    m_projection,
    maximum_entropy,
    product_of_marginals,
    pythagorean_equality,
    pythagorean_inequality,
)

DIE = np.arange(1, 7)
FAIR = np.full(6, 1 / 6)

POSITIVE = st.floats(0.01, 1)
VALUES = st.floats(-10, 10)


@st.composite
def problems(draw, count=2, least=2):
    """``count`` positive distributions on n outcomes, and k statistics."""
    n, k = draw(st.integers(least, 7)), draw(st.integers(1, 3))
    distributions = [
        normalize(draw(st.lists(POSITIVE, min_size=n, max_size=n))) for _ in range(count)
    ]
    rows = np.array([draw(st.lists(VALUES, min_size=n, max_size=n)) for _ in range(k)])
    return distributions, rows


def well_spread(rows):
    """Statistics that are neither constant nor nearly dependent on each other."""
    centred = rows - rows.mean(axis=1, keepdims=True)
    return np.linalg.svd(centred, compute_uv=False).min() > 0.1 and len(rows) < rows.shape[1]


# --------------------------------------------------------------------------------- known values


def test_die_by_hand():
    """With two outcomes the moment decides: p = (1/4, 3/4), and λ is the difference of log odds."""
    found = i_projection([0.5, 0.5], [0, 1], 0.75)
    np.testing.assert_allclose(found.distribution, [0.25, 0.75], rtol=1e-14)
    assert found.parameters == pytest.approx([log(3)], rel=1e-14)
    assert found.log_partition == pytest.approx(log(2), rel=1e-14)  # log(½ + ½·3)
    assert found.divergence == pytest.approx(log(2) + 0.25 * log(0.25) + 0.75 * log(0.75))


def test_jaynes_die():
    """Mean 4.5: Jaynes's printed probabilities; the wrong projection gives another entropy."""
    die = maximum_entropy(DIE, 4.5)
    printed = [0.0543, 0.0788, 0.1142, 0.1654, 0.2398, 0.3475]
    np.testing.assert_allclose(die.distribution, printed, atol=1e-4)
    assert round(entropy(die.distribution), 5) == 1.61358
    assert die.divergence == pytest.approx(log(6) - entropy(die.distribution), rel=1e-13)


def test_the_other_projection_of_the_die_has_less_entropy():
    """min D(uniform‖p) with mean 4.5 is not maximum entropy: H = 1.60337, below 1.61358.

    Its solution is p = 1/(6 (1 + ν (x − 4.5))): stationarity of −Σ log p under both constraints.
    """

    def miss(nu):
        p = 1 / (6 * (1 + nu * (DIE - 4.5)))
        return p.sum() - 1

    # ν = 0 is the trivial root; the other one is negative, as p must grow with x
    nu = scipy.optimize.brentq(miss, -1 / 1.5 + 1e-9, -1e-3)
    p = 1 / (6 * (1 + nu * (DIE - 4.5)))
    assert p @ DIE == pytest.approx(4.5)
    assert round(entropy(p), 5) == 1.60337
    assert entropy(p) < entropy(maximum_entropy(DIE, 4.5).distribution)


def test_geometric_and_gaussian_shapes():
    """Under a mean the maximum-entropy p is geometric; with a variance too it is a normal shape."""
    x = np.arange(41)
    p = maximum_entropy(x, 3.0).distribution
    ratios = p[1:] / p[:-1]
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-11)
    p = maximum_entropy([x, x**2], [20.0, 404.0]).distribution
    bell = normalize(np.exp(-((x - 20.0) ** 2) / 8))
    np.testing.assert_allclose(p, bell, atol=1e-9)


def test_m_projection_by_hand():
    """Onto the binomials of three tosses: the mean 2 gives heads with probability 2/3."""
    binomial = np.array([1, 3, 3, 1]) / 8
    found = m_projection([0, 0.5, 0, 0.5], binomial, [0, 1, 2, 3])
    np.testing.assert_allclose(found.distribution, np.array([1, 6, 12, 8]) / 27, rtol=1e-13)
    assert found.parameters == pytest.approx([log(2)], rel=1e-13)
    assert found.divergence == pytest.approx(0.5 * log(0.5 / (6 / 27)) + 0.5 * log(0.5 / (8 / 27)))


def test_product_of_marginals_is_the_best_product():
    """Against an optimiser over all products; and E4-03's two bits, D = I(X; Y)."""
    joint = np.array([[0.4, 0.1], [0.1, 0.4]])
    np.testing.assert_allclose(product_of_marginals(joint), np.full((2, 2), 0.25), rtol=1e-15)
    rng = np.random.default_rng(0)
    joint = rng.dirichlet(np.ones(6)).reshape(2, 3)
    best = product_of_marginals(joint)

    def divergence(logits):
        rows, columns = normalize(np.exp(logits[:2])), normalize(np.exp(logits[2:]))
        return kl_divergence(joint.ravel(), np.outer(rows, columns).ravel())

    found = scipy.optimize.minimize(divergence, np.zeros(5), tol=1e-12)
    assert found.fun == pytest.approx(mutual_information(joint), abs=1e-9)
    assert kl_divergence(joint.ravel(), best.ravel()) == pytest.approx(
        mutual_information(joint), rel=1e-9
    )
    batch = rng.dirichlet(np.ones(6), size=4).reshape(4, 2, 3)
    assert product_of_marginals(batch).shape == (4, 2, 3)
    np.testing.assert_allclose(product_of_marginals(batch)[2], product_of_marginals(batch[2]))


# ------------------------------------------------------------------------------- second route


@pytest.mark.parametrize("seed", range(6))
def test_against_constrained_optimisation(seed):
    """scipy's SLSQP, which knows nothing of tilting, finds the same p from the definition."""
    rng = np.random.default_rng(seed)
    n, k = 6, 1 + seed % 3
    q, p = rng.dirichlet(np.ones(n), size=2)
    rows = rng.standard_normal((k, n))
    found = i_projection(q, rows, rows @ p)
    result = scipy.optimize.minimize(
        lambda p: np.sum(p * np.log(p / q)),
        np.full(n, 1 / n),
        jac=lambda p: np.log(p / q) + 1,
        bounds=[(1e-12, 1)] * n,
        constraints=[
            {"type": "eq", "fun": lambda p: p.sum() - 1},
            {"type": "eq", "fun": lambda x: rows @ (x - p)},
        ],
        method="SLSQP",
        options={"ftol": 1e-15, "maxiter": 500},
    )
    np.testing.assert_allclose(found.distribution, result.x, atol=1e-6)
    assert found.divergence == pytest.approx(result.fun, abs=1e-10)


@pytest.mark.parametrize("seed", range(4))
def test_m_projection_against_likelihood_optimisation(seed):
    """Minimising D(p‖q_λ) over λ by BFGS with numerical gradients ends at moment matching."""
    rng = np.random.default_rng(10 + seed)
    p, base = rng.dirichlet(np.ones(7), size=2)
    rows = rng.standard_normal((2, 7))

    def member(parameters):
        return normalize(base * np.exp(parameters @ rows))

    result = scipy.optimize.minimize(lambda x: kl_divergence(p, member(x)), np.zeros(2), tol=1e-10)
    found = m_projection(p, base, rows)
    assert found.divergence == pytest.approx(result.fun, abs=1e-12)
    np.testing.assert_allclose(found.parameters, result.x, atol=1e-4)
    np.testing.assert_allclose(member(found.parameters), found.distribution, rtol=1e-12)


# -------------------------------------------------------------------------------------- laws


@given(problems())
def test_pythagorean_equality(problem):
    """Exact on a linear family: D(p‖q) = D(p‖p*) + D(p*‖q)."""
    (p, q), rows = problem
    assume(well_spread(rows))
    sides = pythagorean_equality(p, q, rows)
    assert sides.gap == pytest.approx(0, abs=1e-13 * (1 + sides.p_to_q))
    assert min(sides.p_to_q, sides.p_to_projection, sides.projection_to_q) >= 0


@given(problems(3))
def test_pythagorean_equality_for_the_whole_family(problem):
    """The dual reading: for every member r of the exponential family through q."""
    (p, q, _), rows = problem
    assume(well_spread(rows))
    nearest = m_projection(p, q, rows)
    for slant in (-0.1, 0.3):
        r = normalize(q * np.exp(slant * rows[0]))
        both = nearest.divergence + kl_divergence(nearest.distribution, r)
        assert kl_divergence(p, r) == pytest.approx(both, rel=1e-11, abs=1e-13)


@given(problems(), st.floats(0, 1))
def test_pythagorean_inequality(problem, share):
    """D(p‖q) >= D(p‖p*) + D(p*‖q) for p in {E T >= bound}, by λ (E_p T − bound)."""
    (p, q), rows = problem
    row = rows[0]
    assume(np.ptp(row) > 0.1)
    bound = row.min() + share * (p @ row - row.min())  # p is in the set
    sides = pythagorean_inequality(p, q, row, bound)
    assert sides.gap >= -1e-13 * (1 + sides.p_to_q)
    found = i_projection(q, row, bound, at_least=True)
    if q @ row >= bound:
        np.testing.assert_allclose(found.distribution, q, rtol=1e-15)
        assert found.divergence == 0 and found.parameters == [0]
    else:
        expected = found.parameters[0] * (p @ row - bound)
        assert expected >= 0
        assert sides.gap == pytest.approx(expected, rel=1e-9, abs=1e-11)


@given(problems())
def test_projections_are_idempotent(problem):
    (p, q), rows = problem
    assume(well_spread(rows))
    moments = rows @ p
    once = i_projection(q, rows, moments)
    twice = i_projection(once.distribution, rows, moments)
    np.testing.assert_allclose(twice.distribution, once.distribution, rtol=1e-10)
    assert twice.divergence < 1e-20
    member = m_projection(p, q, rows).distribution
    again = m_projection(member, q, rows)
    np.testing.assert_allclose(again.distribution, member, rtol=1e-10)
    assert again.divergence < 1e-20


@given(problems())
def test_both_projections_are_one_point(problem):
    """q onto the linear family through p, and p onto the exponential family through q."""
    (p, q), rows = problem
    assume(well_spread(rows))
    linear, exponential = i_projection(q, rows, rows @ p), m_projection(p, q, rows)
    np.testing.assert_allclose(linear.distribution, exponential.distribution, rtol=1e-12)
    np.testing.assert_allclose(rows @ linear.distribution, rows @ p, atol=1e-11)
    tilted = q * np.exp(linear.parameters @ rows - linear.log_partition)
    np.testing.assert_allclose(tilted, linear.distribution, rtol=1e-11)
    dual = linear.parameters @ rows @ p - linear.log_partition
    assert linear.divergence == pytest.approx(dual, rel=1e-9, abs=1e-12)


@given(problems(3))
def test_nothing_in_the_family_is_nearer(problem):
    """Neither another p with the same moments nor another member of the exponential family."""
    (p, q, other), rows = problem
    assume(well_spread(rows))
    nearest = i_projection(q, rows, rows @ p)
    # Another with the same moments: the I-projection of something else, and p itself
    for rival in (i_projection(other, rows, rows @ p).distribution, p):
        assert kl_divergence(rival, q) >= nearest.divergence * (1 - 1e-9) - 1e-15
    matched = m_projection(p, q, rows)
    assert kl_divergence(p, q) >= matched.divergence * (1 - 1e-12) - 1e-30


@given(problems(1))
def test_maximum_entropy_is_the_i_projection_of_the_uniform(problem):
    (p,), rows = problem
    assume(well_spread(rows))
    found = maximum_entropy(rows, rows @ p)
    assert entropy(found.distribution) >= entropy(p) - 1e-13
    assert found.divergence == pytest.approx(log(p.size) - entropy(found.distribution), abs=1e-13)


@given(problems(), st.floats(-5, 5), st.floats(0.01, 100))
def test_the_units_of_a_statistic_do_not_matter(problem, shift, scale):
    (p, q), rows = problem
    assume(well_spread(rows))
    one = i_projection(q, rows, rows @ p)
    other = i_projection(q, scale * rows + shift, (scale * rows + shift) @ p)
    np.testing.assert_allclose(other.distribution, one.distribution, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(other.parameters * scale, one.parameters, rtol=1e-6, atol=1e-8)


# ------------------------------------------------------------------------- accuracy and extremes


@pytest.mark.parametrize("step", [1e-2, 1e-4, 1e-6, 1e-8, 1e-10])
def test_near_equal(step):
    """D = d²/(2 Var) − … keeps its digits: the third-order term vanishes for the symmetric die."""
    moment = 3.5 + step
    exact_step = moment - 3.5  # what the float says
    found = maximum_entropy(DIE, moment)
    variance, fourth = 35 / 12, np.mean((DIE - 3.5) ** 4)
    kurtosis = fourth - 3 * variance**2
    # Legendre dual of the cumulant series: d²/(2σ²) − κ₄ d⁴/(24 σ⁸)
    series = exact_step**2 / (2 * variance) - kurtosis * exact_step**4 / (24 * variance**4)
    assert found.divergence == pytest.approx(series, rel=1e-11 + 10 * step**4, abs=0)


def test_extreme_moments_leave_the_face():
    """Where a moment is as large as can be, only the outcomes that have it remain."""
    for extreme, outcome in ((1, 0), (6, 5)):
        found = maximum_entropy(DIE, extreme)
        np.testing.assert_array_equal(found.distribution, np.eye(6)[outcome])
        assert found.divergence == pytest.approx(log(6), rel=1e-14)
        assert np.isnan(found.parameters).all() and np.isnan(found.log_partition)
    # q's proportions are kept on the face, and D is the log of what the face had
    found = i_projection([0.1, 0.2, 0.3, 0.4], [1, 1, 0, 0], 1)
    np.testing.assert_allclose(found.distribution, [1 / 3, 2 / 3, 0, 0], rtol=1e-15)
    assert found.divergence == pytest.approx(-log(0.3), rel=1e-14)


def test_extreme_moments_of_several_statistics():
    """On a grid of nine points: an edge, a corner, a diagonal line through the inside."""
    grid = np.array(np.meshgrid([0, 1, 2], [0, 1, 2])).reshape(2, -1)
    uniform = np.full(9, 1 / 9)
    edge = i_projection(uniform, grid, [0, 1])
    assert set(np.flatnonzero(edge.distribution)) == set(np.flatnonzero(grid[0] == 0))
    np.testing.assert_allclose(edge.distribution[edge.distribution > 0], 1 / 3, rtol=1e-12)
    corner = i_projection(uniform, grid, [2, 2])
    np.testing.assert_array_equal(corner.distribution, (grid == 2).all(axis=0))
    # A slanted edge that no statistic shows alone: T1 + T2 is largest at one corner of a triangle
    triangle = np.array([[0.0, 1.0, 0.0, 0.3], [0.0, 0.0, 1.0, 0.3]])
    slanted = i_projection(np.full(4, 0.25), triangle, [0.5, 0.5])
    np.testing.assert_allclose(slanted.distribution, [0, 0.5, 0.5, 0], atol=1e-15)
    assert slanted.divergence == pytest.approx(log(2), rel=1e-13)
    assert np.isnan(slanted.parameters).all()


def test_moments_hard_by_the_boundary():
    """Down to 1e-12 from the end the answer is tilted, not cut: a geometric law in 1e-12."""
    for distance in (1e-6, 1e-9, 1e-12):
        moment = 1 + distance
        found = maximum_entropy(DIE, moment)
        ratio = moment - 1  # p2/p1 to first order
        assert found.distribution[1] == pytest.approx(ratio, rel=1e-5, abs=0)
        assert found.distribution[2] == pytest.approx(ratio**2, rel=1e-4, abs=0)
        assert np.isfinite(found.parameters).all()


def test_far_from_the_origin():
    """A statistic plus a constant, exactly: nothing within rounding of the boundary is cut off."""
    for offset, unit in ((0.0, 1.0), (1e6, 1.0), (1e12, 1.0), (1e15, 1.0), (1e16, 2.0)):
        steps = unit * np.arange(4)
        found = i_projection([0.25] * 4, offset + steps, offset + 2 * unit)
        plain = i_projection([0.25] * 4, np.arange(4), 2)
        np.testing.assert_allclose(found.distribution, plain.distribution, rtol=1e-12)
        assert found.divergence == pytest.approx(0.1023875467359636, rel=1e-12)
        # The last float before the end is inside, and the end is not
        last = np.nextafter(offset + 3 * unit, 0.0)
        inside = i_projection([0.25] * 4, offset + steps, last)
        mean = (inside.distribution @ (steps - 3 * unit)) / unit
        assert mean == pytest.approx((last - (offset + 3 * unit)) / unit, rel=1e-9, abs=1e-14)
        end = i_projection([0.25] * 4, offset + steps, offset + 3 * unit)
        assert end.distribution[-1] == pytest.approx(1, rel=1e-15)
    with pytest.raises(ValueError, match=r"moments\[0\] is beyond every value"):
        i_projection([0.25] * 4, 1e15 + np.arange(4), 1e15 + 3.125)


def test_moments_rounded_on_the_boundary():
    """Averages of the largest value, computed in floats, may miss it by their rounding."""
    rng = np.random.default_rng(3)
    for _ in range(200):
        row = rng.random(5)
        row[:2] = row.max() + 0.1
        share = rng.random()
        found = i_projection(np.full(5, 0.2), row, row @ [share, 1 - share, 0, 0, 0])
        np.testing.assert_allclose(found.distribution, [0.5, 0.5, 0, 0, 0], rtol=1e-14)
    for row, moment in ((np.arange(1, 5) * 0.1, 0.4), ([0.1, 0.2, 0.7], 0.1 * 0.7 + 0.7 * 0.9)):
        found = i_projection(np.full(len(row), 1 / len(row)), row, moment)
        np.testing.assert_array_equal(found.distribution, np.eye(len(row))[-1])


@pytest.mark.parametrize("unit", [1e-289, 1e-150, 1e150, 1e289])
def test_units_of_any_size(unit):
    found = i_projection([0.5, 0.5], [unit, -unit], unit / 2)
    np.testing.assert_allclose(found.distribution, [0.75, 0.25], rtol=1e-14)
    assert found.parameters[0] * unit == pytest.approx(log(3) / 2, rel=1e-13)
    found = m_projection([0.9, 0.1], [0.5, 0.5], [unit, -unit])
    np.testing.assert_allclose(found.distribution, [0.9, 0.1], rtol=1e-14)


def test_outcomes_that_q_rules_out_stay_out():
    found = i_projection([0.5, 0.5, 0], [0, 1, 5], 0.75)
    np.testing.assert_allclose(found.distribution, [0.25, 0.75, 0], rtol=1e-14)


def test_dependent_statistics_are_no_obstacle():
    """The mean twice, and a constant: p is the same, and the parameters reproduce it."""
    one = maximum_entropy(DIE, 4.5)
    rows = np.array([DIE, 2 * DIE, np.full(6, 7)])
    found = maximum_entropy(rows, [4.5, 9, 7])
    np.testing.assert_allclose(found.distribution, one.distribution, rtol=1e-12)
    tilted = normalize(np.exp(found.parameters @ rows))
    np.testing.assert_allclose(tilted, one.distribution, rtol=1e-11)


def test_tiny_probabilities():
    """Base probabilities of 1e-300 take λ to 690, where a plain exponential overflows."""
    found = i_projection([1.0, 1e-300], [0, 1], 0.5)
    np.testing.assert_allclose(found.distribution, [0.5, 0.5], rtol=1e-12)
    assert found.parameters == pytest.approx([300 * log(10)], rel=1e-13)
    assert found.divergence == pytest.approx(150 * log(10) - log(2), rel=1e-13)


@pytest.mark.parametrize("tiny", [1e-12, 1e-20, 1e-100])
def test_p_next_to_the_boundary(tiny):
    """With E T = 3 tiny the projection is geometric, and D is a sum of tiny terms."""
    found = m_projection([1, tiny, tiny], [1 / 3] * 3, [0, 1, 2])
    np.testing.assert_allclose(found.distribution, [1, 3 * tiny, 9 * tiny**2], rtol=1e-10)
    # tiny log(tiny/(3 tiny)) + tiny log(tiny/(9 tiny²)), and what the first outcome adds: tiny
    expected = tiny * (-log(27) - log(tiny) + 1)
    assert found.divergence == pytest.approx(expected, rel=1e-9, abs=0)


@pytest.mark.parametrize("tiny", [1e-20, 1e-100, 1e-300])
def test_moments_next_to_the_boundary(tiny):
    found = i_projection([1 / 3] * 3, [0, 1, 2], tiny)
    assert found.distribution[1] == pytest.approx(tiny, rel=1e-12, abs=0)
    assert found.parameters[0] == pytest.approx(log(tiny), rel=1e-12)
    assert m_projection([1, tiny], [0.5, 0.5], [0, 1]).divergence <= 1e-25 * tiny
    smallest = i_projection([1.0, 5e-324], [0, 1], 0.5)
    np.testing.assert_allclose(smallest.distribution, [0.5, 0.5], rtol=1e-12)


def test_hostile_problems_are_solved_or_refused():
    """Bases down to 1e-300, sparse moments, integer and dependent statistics, mixed units.

    An answer meets its moments to 1e-11 of the statistics' ranges; hardly any is refused.
    """
    rng = np.random.default_rng(1)
    refused = 0
    for _ in range(250):
        n, k = rng.integers(2, 30), rng.integers(1, 5)
        q = rng.dirichlet(np.ones(n)) ** rng.choice([1, 5, 50])
        q = np.maximum(q / q.sum(), 1e-300)
        rows = rng.choice(3, size=(k, n)) if rng.random() < 0.3 else rng.standard_normal((k, n))
        rows = rows * 10.0 ** rng.choice([0, -5, 5], size=(k, 1))
        p = rng.dirichlet(np.full(n, 10 ** rng.uniform(-2, 1)))
        try:
            found = i_projection(q, rows, rows @ p)
        except ValueError as error:
            assert "moments" in str(error)
            refused += 1
            continue
        size = np.maximum(np.ptp(rows, axis=1), np.abs(rows).max(axis=1))
        miss = np.abs(rows @ (found.distribution - p))
        assert np.all(miss <= 1e-11 * size)
        assert found.distribution.sum() == pytest.approx(1, rel=1e-13)
        assert found.divergence == pytest.approx(
            kl_divergence(found.distribution, q), rel=1e-8, abs=1e-13
        )
    assert refused <= 5


def test_many_outcomes():
    x = np.arange(100_000)
    found = maximum_entropy([x], [1000.0])
    # A geometric law (cut off at e^-100): p_k = (1 − r) r^k with r = m/(1 + m)
    r = 1000 / 1001
    np.testing.assert_allclose(found.distribution[:5000], (1 - r) * r ** x[:5000], rtol=1e-9)


def test_infinite_sides():
    """p outside the support of q: D(p‖q) and D(p‖p*) are infinite, and there is no gap to see."""
    sides = pythagorean_equality([0.25, 0.5, 0.25], [0.5, 0, 0.5], [0, 1, 2])
    assert sides.p_to_q == sides.p_to_projection == np.inf
    assert sides.projection_to_q == pytest.approx(0, abs=1e-30) and np.isnan(sides.gap)


# ---------------------------------------------------------------------------------- bad input

TWO = [0.5, 0.5]
BAD = [
    (lambda: i_projection([0.5, 0.6], [0, 1], 0.5), "q sums to 1.1"),
    (lambda: i_projection([TWO, TWO], [0, 1], 0.5), "q must be one distribution, not a batch"),
    (lambda: i_projection(TWO, [0, 1, 2], 0.5), "statistics must have shape (2,) or (k, 2)"),
    (lambda: i_projection(TWO, [[[0, 1]]], 0.5), "statistics must have shape (2,) or (k, 2)"),
    (lambda: i_projection(TWO, 1.0, 0.5), "statistics must be a vector"),
    (lambda: i_projection(TWO, [0, np.nan], 0.5), "statistics has a non-finite entry"),
    (lambda: i_projection(TWO, [0, 1], [0.5, 0.5]), "moments must be one number for each statisti"),
    (lambda: i_projection(TWO, [0, 1], np.inf), "moments has a non-finite entry"),
    (lambda: i_projection(TWO, [0, 1], 1.5), "moments[0] is beyond every value of statistics[0]"),
    (lambda: i_projection(TWO, [0, 1], -1e-9), "moments[0] is beyond every value"),
    (lambda: i_projection([1, 0], [0, 1], 0.5), "moments[0] is beyond every value"),
    (lambda: i_projection(TWO, [3, 3], 4), "moments[0] is beyond every value"),
    (lambda: i_projection(FAIR, [DIE, DIE], [3, 4]), "moments contradict each other"),
    (
        lambda: i_projection([1 / 3] * 3, [[0, 1, 0], [0, 0, 1]], [0.6, 0.6]),
        "moments lie outside the convex hull",
    ),
    (
        lambda: i_projection(FAIR, [DIE, DIE**2], [3, 4], at_least=True),
        "at_least takes one statistic, not 2",
    ),
    (lambda: i_projection(TWO, [0, 1], 0.5, at_least="no"), "at_least must be True or False"),
    (lambda: i_projection(TWO, [1e308, -1e308], 5e307), "statistics has an entry above 1e+290"),
    (lambda: i_projection(TWO, [1, -1], 5e307), "moments has an entry above 1e+290 in size"),
    (lambda: m_projection(TWO, TWO, [1e308, -1e308]), "statistics has an entry above 1e+290"),
    (lambda: m_projection([1, 1e-300, 1e-300], [1 / 3] * 3, [0, 1, 2]), "a probability below the"),
    (lambda: maximum_entropy([0, 1e-300], 0), "statistics differ by less than 1e-290"),
    (lambda: m_projection(TWO, [1, 0], [0, 1]), "infinite for every member"),
    (lambda: m_projection([1, 0], TWO, [0, 1]), "no member of the family is nearest to p"),
    (lambda: m_projection(TWO, [0.25] * 4, [0, 1]), "lengths differ: p has 2, base has 4"),
    (lambda: maximum_entropy(DIE, 7), "moments[0] is beyond"),
    (lambda: product_of_marginals([0.5, 0.5]), "joint must have two axes"),
    (lambda: pythagorean_equality(TWO, [1, 0], [0, 1]), "moments[0] is beyond"),
    (lambda: pythagorean_inequality(TWO, TWO, [0, 1], 0.6), "p is not in the set"),
    (lambda: pythagorean_inequality(TWO, TWO, [[0, 1], [1, 0]], 0.5), "one statistic and one num"),
]


@pytest.mark.parametrize(("call", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_input(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert message in str(caught.value)
