"""Gamma, beta, Dirichlet, Weibull, Gumbel, von Mises and Wishart: by hand, quadrature, draws, laws.

`test_gamma_accuracy` compares the same functions with mpmath, over hard inputs.
"""

import hypothesis.strategies as st
import mpmath
import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats
from hypothesis import given
from mpmath import mpf
from numpy import euler_gamma, inf, log, pi

from kllib.families._gamma_families import (
    kl_beta,
    kl_chi,
    kl_chi2,
    kl_dirichlet,
    kl_frechet,
    kl_gamma,
    kl_gumbel,
    kl_half_normal,
    kl_inverse_gamma,
    kl_maxwell,
    kl_nakagami,
    kl_rayleigh,
    kl_von_mises,
    kl_weibull,
)
from kllib.families._wishart import kl_inverse_wishart, kl_wishart
from kllib.gaussian import kl_normal

# ----------------------------------------------------------------------------------------------
# By hand

KNOWN = [
    # Exponential distributions (shape 1): r − 1 − ln r with r = θ1/θ2
    (kl_gamma, (1, 2, 1, 1), 1 - log(2)),
    # Equal scales: ln Γ(2) − ln Γ(1) − ψ(1) (2 − 1) = γ, and back: −ψ(2) (1 − 2) = 1 − γ
    (kl_gamma, (1, 1, 2, 1), euler_gamma),
    (kl_gamma, (2, 1, 1, 1), 1 - euler_gamma),
    (kl_inverse_gamma, (1, 1, 2, 1), euler_gamma),
    # Shapes 1 and 2 again
    (kl_chi2, (2, 4), euler_gamma),
    (kl_chi, (4, 3, 2, 3), 1 - euler_gamma),
    (kl_nakagami, (1, 1, 1, 2), log(4) - 3 / 4),
    # r² = 4 once, and ½, 1 and 3/2 times 4 − 1 − ln 4
    (kl_half_normal, (2, 1), 1.5 - log(2)),
    (kl_rayleigh, (2, 1), 3 - log(4)),
    (kl_maxwell, (2, 1), 4.5 - log(8)),
    # Uniform against 2x: ln 2 subtracted from −E ln x = 1; back: E ln(2x) = ln 2 − ½
    (kl_beta, (1, 1, 2, 1), 1 - log(2)),
    (kl_beta, (2, 1, 1, 1), log(2) - 0.5),
    # Uniform on the triangle (density 2) against 24 x y z/5 ... : B(1,1,1) = ½, B(2,2,2) = 1/120,
    # and E ln x = ψ(1) − ψ(3) = −3/2 three times
    (kl_dirichlet, ([1, 1, 1], [2, 2, 2]), log(2 / 120) + 4.5),
    # Rayleigh as a Weibull distribution of shape 2; an exponential truth and k2 = 2, equal scales:
    # ln ½ + γ (2 − 1) + Γ(3) − 1
    (kl_weibull, (2, 2, 2, 1), 3 - log(4)),
    (kl_weibull, (1, 1, 2, 1), euler_gamma + 1 - log(2)),
    (kl_frechet, (1, 1, 2, 1), euler_gamma + 1 - log(2)),
    # Equal scales β = 1, a shift of 1: e⁻¹ − 1 + 1 upwards, e − 1 − 1 back
    (kl_gumbel, (1, 1, 0, 1), np.exp(-1)),
    (kl_gumbel, (0, 1, 1, 1), np.e - 2),
    # A uniform truth: ln I0(κ). The same direction twice, turned by half a turn: 2 κ A(κ)
    (kl_von_mises, (0, 0, 1, 2), log(scipy.special.i0(2))),
    (kl_von_mises, (0, 2, pi, 2), 4 * scipy.special.i1(2) / scipy.special.i0(2)),
    # One dimension, n = 2: exponential distributions of means 2V
    (kl_wishart, (2, [[2]], 2, [[1]]), 1 - log(2)),
    # Two dimensions, V = I, n = 3 → 5: ln Γ2(5/2) − ln Γ2(3/2) − ψ2(3/2). Γ2(x + 1) =
    # x (x − ½) Γ2(x), so ln 3/2; ψ(3/2) + ψ(1) = 2 − 2γ − ln 4
    (kl_wishart, (3, np.eye(2), 5, np.eye(2)), log(6) - 2 + 2 * euler_gamma),
    (kl_inverse_wishart, (3, np.eye(2), 5, np.eye(2)), log(6) - 2 + 2 * euler_gamma),
]


@pytest.mark.parametrize(("function", "arguments", "value"), KNOWN)
def test_by_hand(function, arguments, value):
    assert function(*arguments) == pytest.approx(value, rel=1e-14)
    assert isinstance(function(*arguments), np.float64)


# ----------------------------------------------------------------------------------------------
# The definition: quadrature in one dimension, draws in several

stats = scipy.stats
PAIRS = [
    (kl_gamma, (2.5, 1.5, 1.2, 3.0), lambda a, s: stats.gamma(a, scale=s)),
    (kl_inverse_gamma, (2.5, 1.5, 1.2, 3.0), lambda a, s: stats.invgamma(a, scale=s)),
    (kl_chi2, (3.0, 4.5), stats.chi2),
    (kl_chi, (3.0, 1.0, 4.5, 1.2), lambda n, s: stats.chi(n, scale=s)),
    (kl_nakagami, (0.7, 1.0, 1.5, 1.2), lambda a, s: stats.nakagami(a, scale=s)),
    (kl_half_normal, (1.0, 1.7), lambda s: stats.halfnorm(scale=s)),
    (kl_rayleigh, (1.0, 0.6), lambda s: stats.rayleigh(scale=s)),
    (kl_maxwell, (1.0, 0.6), lambda s: stats.maxwell(scale=s)),
    (kl_beta, (2.5, 1.5, 1.2, 3.0), stats.beta),
    (kl_beta, (3.0, 5.0, 1.2, 3.0), stats.betaprime),
    (kl_weibull, (1.5, 1.0, 2.2, 1.3), lambda k, s: stats.weibull_min(k, scale=s)),
    (kl_frechet, (1.5, 1.0, 2.2, 1.3), lambda k, s: stats.invweibull(k, scale=s)),
    (kl_gumbel, (0.3, 1.0, -0.2, 1.7), stats.gumbel_r),
    (kl_von_mises, (0.3, 2.0, -1.0, 0.7), lambda mu, kappa: stats.vonmises(kappa, mu)),
    (kl_von_mises, (0.3, 50.0, 0.1, 25.0), lambda mu, kappa: stats.vonmises(kappa, mu)),
]


@pytest.mark.parametrize(("function", "arguments", "family"), PAIRS)
def test_quadrature(function, arguments, family):
    """∫ p log(p/q) dx by Gauss and Legendre's rule, piece by piece between quantiles of p."""
    half = len(arguments) // 2
    p, q = family(*arguments[:half]), family(*arguments[half:])

    def integrand(x):
        return p.pdf(x) * (p.logpdf(x) - q.logpdf(x))

    if function is kl_von_mises:
        cuts = [p.kwds.get("loc", p.args[-1]) - pi + pi * k / 4 for k in range(9)]
    else:
        cuts = p.ppf([1e-18, 1e-12, 1e-6, 1e-4, 0.01, 0.2, 0.5, 0.8, 0.99]).tolist()
        cuts += p.isf([1e-3, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12, 1e-14]).tolist()
        cuts = sorted({x for x in cuts if np.isfinite(x)})
    pieces = [
        scipy.integrate.fixed_quad(integrand, a, b, n=60)[0]
        for a, b in zip(cuts[:-1], cuts[1:], strict=True)
    ]
    assert function(*arguments) == pytest.approx(sum(pieces), rel=1e-8)


def draws_agree(ratios, value):
    """The mean log ratio over draws from the truth lies within five standard errors.

    That fails for a right value in one of two million runs, if the seed were not fixed.
    """
    error = ratios.std() / np.sqrt(ratios.size)
    return error < 0.02 * value and abs(ratios.mean() - value) < 5 * error


def test_monte_carlo_of_shares():
    alpha, beta = [2.0, 0.7, 3.0], [1.0, 1.5, 2.0]
    p, q = stats.dirichlet(alpha), stats.dirichlet(beta)
    x = p.rvs(100_000, random_state=np.random.default_rng(68)).T
    assert draws_agree(p.logpdf(x) - q.logpdf(x), kl_dirichlet(alpha, beta))


def test_monte_carlo_of_matrices():
    """W(5, V) is the sum of the squares of five normal vectors of covariance V."""

    def log_density(x, n, scale):
        d = len(scale)
        norm = n * d / 2 * log(2) + n / 2 * np.linalg.slogdet(scale)[1]
        norm += scipy.special.multigammaln(n / 2, d)
        trace = np.einsum("ij,kji->k", np.linalg.inv(scale), x)
        return (n - d - 1) / 2 * np.linalg.slogdet(x)[1] - trace / 2 - norm

    scale1, scale2 = np.array([[2, 0.5], [0.5, 1]]), np.eye(2)
    rng = np.random.default_rng(72)
    vectors = rng.multivariate_normal([0, 0], scale1, (100_000, 5))
    x = np.swapaxes(vectors, 1, 2) @ vectors
    ratios = log_density(x, 5, scale1) - log_density(x, 6.5, scale2)
    assert draws_agree(ratios, kl_wishart(5, scale1, 6.5, scale2))
    # The inverses of the same draws: the ratio of densities is the same
    inverses = np.linalg.inv(scale1), np.linalg.inv(scale2)
    assert draws_agree(ratios, kl_inverse_wishart(5, inverses[0], 6.5, inverses[1]))
    x0 = np.linalg.inv(x[0])
    p, q = stats.invwishart(5, inverses[0]), stats.invwishart(6.5, inverses[1])
    assert p.logpdf(x0) - q.logpdf(x0) == pytest.approx(ratios[0], rel=1e-10)


# ----------------------------------------------------------------------------------------------
# Laws

positive = st.floats(1e-6, 1e6)
UNIVARIATE = [
    *(kl_gamma, kl_inverse_gamma, kl_chi, kl_nakagami, kl_beta, kl_weibull, kl_frechet),
    *(kl_gumbel, kl_von_mises),
]


@pytest.mark.parametrize("function", UNIVARIATE)
@given(st.tuples(positive, positive, positive, positive))
def test_gibbs(function, arguments):
    """Never negative, and zero for equal distributions alone."""
    a, b, c, d = arguments
    assert function(a, b, a, b) == 0
    value = function(a, b, c, d)
    assert value >= 0
    # The mean direction may differ by a full turn, or hardly matter
    assert value > 0 or (a, b) == (c, d) or function is kl_von_mises


@given(st.tuples(positive, positive, positive, positive), st.integers(-60, 60))
def test_units_of_measurement(arguments, power):
    a, s, b, t = arguments
    unit = 2.0**power
    for function in (kl_gamma, kl_inverse_gamma, kl_chi, kl_nakagami, kl_weibull, kl_frechet):
        assert function(a, s * unit, b, t * unit) == function(a, s, b, t)
    assert kl_gumbel(a * unit, s * unit, b * unit, t * unit) == kl_gumbel(a, s, b, t)


@given(st.lists(st.tuples(positive, positive), min_size=3, max_size=6))
def test_stick_breaking(pairs):
    """Chain rule: a Dirichlet vector is a first share and, independently, the rest's shares."""
    alpha, beta = np.array(pairs).T
    first = kl_beta(alpha[0], alpha[1:].sum(), beta[0], beta[1:].sum())
    rest = kl_dirichlet(alpha[1:], beta[1:])
    assert kl_dirichlet(alpha, beta) == pytest.approx(first + rest, rel=1e-8, abs=1e-25)


@given(st.tuples(positive, positive, positive, positive))
def test_gammas_are_a_sum_and_shares(arguments):
    """Independent Γ(a, 1) and Γ(b, 1) are, one to one, their sum and a Beta(a, b) share."""
    a, b, c, d = arguments
    apart = kl_gamma(a, 1, c, 1) + kl_gamma(b, 1, d, 1)
    together = kl_gamma(a + b, 1, c + d, 1) + kl_beta(a, b, c, d)
    assert apart == pytest.approx(together, rel=1e-10, abs=1e-20)


@given(st.tuples(positive, positive, positive, positive))
def test_one_family_inside_another(arguments):
    a, s, b, t = arguments
    assert kl_chi2(a, b) == pytest.approx(kl_gamma(a / 2, 2, b / 2, 2), rel=1e-12, abs=0)
    assert kl_chi(a, s, a, t) == pytest.approx(a * kl_half_normal(s, t), rel=1e-12, abs=0)
    assert kl_rayleigh(s, t) == pytest.approx(kl_weibull(2, s, 2, t), rel=1e-12, abs=0)
    assert kl_wishart(a, [[s]], b, [[t]]) == pytest.approx(
        kl_gamma(a / 2, 2 * s, b / 2, 2 * t), rel=1e-12, abs=0
    )
    assert kl_inverse_wishart(a, [[s]], b, [[t]]) == pytest.approx(
        kl_inverse_gamma(a / 2, s / 2, b / 2, t / 2), rel=1e-12, abs=0
    )


def covariance(rng, d):
    root = rng.standard_normal((d, d))
    return root @ root.T + 0.1 * np.eye(d)


def test_order_of_components():
    rng = np.random.default_rng(69)
    alpha, beta = 10.0 ** rng.uniform(-3, 3, (2, 7))
    value = kl_dirichlet(alpha, beta)
    for _ in range(5):
        order = rng.permutation(7)
        assert kl_dirichlet(alpha[order], beta[order]) == pytest.approx(value, rel=1e-14)
    assert kl_beta(2, 3, 5, 7) == kl_beta(3, 2, 7, 5)


def test_a_wishart_matrix_and_its_inverse():
    rng = np.random.default_rng(70)
    scale1, scale2 = covariance(rng, 4), covariance(rng, 4)
    inverses = np.linalg.inv(scale1), np.linalg.inv(scale2)
    value = kl_wishart(6, scale1, 7.5, scale2)
    assert kl_inverse_wishart(6, inverses[0], 7.5, inverses[1]) == pytest.approx(value, rel=1e-12)


def test_von_mises_on_the_circle():
    value = kl_von_mises(0.5, 2, 1.5, 3)
    for turns in (-3, 1, 1000):
        turned = kl_von_mises(0.5 + 2 * pi * turns, 2, 1.5, 3)
        assert turned == pytest.approx(value, rel=1e-11)
    assert kl_von_mises(1.5, 2, 0.5, 3) == value
    # Nearly a full turn apart: the difference of the means is not a float, but counts
    mu = 3.14159265
    with mpmath.workdps(60):
        shift = 1 - mpmath.cos(2 * mpf(mu))
    truth = float(2 * scipy.special.i1(2) / scipy.special.i0(2) * shift)
    assert kl_von_mises(mu, 2, -mu, 2) == pytest.approx(truth, rel=1e-14)


def test_concentrated_von_mises_is_normal():
    for kappa1, kappa2 in [(1e12, 1e12), (1e12, 3e12), (4e12, 1e12)]:
        on_circle = kl_von_mises(1e-6, kappa1, 0.0, kappa2)
        on_line = kl_normal(1e-6, kappa1**-0.5, 0.0, kappa2**-0.5)
        assert on_circle == pytest.approx(on_line, rel=1e-10)


def test_one_component_is_certain():
    assert kl_dirichlet([2.0], [3.0]) == 0


# ----------------------------------------------------------------------------------------------
# Shapes, infinities, bad input


def test_broadcasting():
    rng = np.random.default_rng(71)
    for function in UNIVARIATE:
        rows, columns = rng.uniform(0.5, 40, (2, 3, 1)), rng.uniform(0.5, 40, (2, 4))
        table = function(*rows, *columns)
        assert table.shape == (3, 4)
        expected = [[function(*rows[:, i, 0], *columns[:, j]) for j in range(4)] for i in range(3)]
        np.testing.assert_allclose(table, expected, rtol=1e-14)
    alpha, beta = rng.uniform(0.5, 5, (3, 1, 6)), rng.uniform(0.5, 5, (4, 6))
    table = kl_dirichlet(alpha, beta)
    expected = [[kl_dirichlet(alpha[i, 0], beta[j]) for j in range(4)] for i in range(3)]
    np.testing.assert_allclose(table, expected, rtol=1e-13)
    scales = np.stack([covariance(rng, 3) for _ in range(4)])
    for function in (kl_wishart, kl_inverse_wishart):
        table = function([[5], [6], [7]], scales, 4.5, scales[0])
        expected = [[function(n, v, 4.5, scales[0]) for v in scales] for n in (5, 6, 7)]
        np.testing.assert_allclose(table, expected, rtol=1e-13)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (kl_gamma, (1, 1e300, 1, 1e-300)),
        (kl_gamma, (1e-300, 1, 1e150, 1)),
        (kl_inverse_gamma, (1, 1e-300, 1, 1e300)),
        (kl_chi, (1, 1e200, 1, 1)),
        (kl_rayleigh, (1e200, 1)),
        (kl_beta, (1e-308, 1, 1e308, 1)),
        (kl_dirichlet, ([1e-300, 1, 1], [1e20, 1, 1])),
        (kl_weibull, (1, 2, 2000, 1)),
        (kl_gumbel, (0, 1, 1000, 1)),
        (kl_wishart, (3, [[1e300]], 3, [[1e-300]])),
    ],
)
def test_beyond_the_range_of_a_float(function, arguments):
    assert function(*arguments) == inf


NAMES = {
    kl_gamma: ("shape1", "scale1", "shape2", "scale2"),
    kl_inverse_gamma: ("shape1", "scale1", "shape2", "scale2"),
    kl_chi2: ("df1", "df2"),
    kl_chi: ("df1", "scale1", "df2", "scale2"),
    kl_nakagami: ("shape1", "scale1", "shape2", "scale2"),
    kl_half_normal: ("scale1", "scale2"),
    kl_rayleigh: ("scale1", "scale2"),
    kl_maxwell: ("scale1", "scale2"),
    kl_beta: ("a1", "b1", "a2", "b2"),
    kl_dirichlet: ("alpha1", "alpha2"),
    kl_weibull: ("shape1", "scale1", "shape2", "scale2"),
    kl_frechet: ("shape1", "scale1", "shape2", "scale2"),
}


@pytest.mark.parametrize("function", NAMES)
def test_parameters_must_be_positive(function):
    names = NAMES[function]
    for i, name in enumerate(names):
        for bad, fault in ((0.0, "not positive: 0"), (-1.0, "not positive: -1"), (inf, "finite")):
            arguments = [np.ones(2) for _ in names]
            arguments[i] = np.array([1.0, bad])
            with pytest.raises(ValueError, match=rf"^{name} has .*{fault}.* at index \(1,\)"):
                function(*arguments)


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (kl_gamma, ([1, 2], 1, [1, 2, 3], 1), "shapes do not broadcast"),
        (kl_beta, ([1, 2], 1, [1, 2, 3], 1), "shapes do not broadcast"),
        (kl_dirichlet, ([1, 2], [1, 2, 3]), "lengths differ: alpha1 has 2, alpha2 has 3"),
        (kl_dirichlet, (1, [1, 2]), "alpha1 must be a vector"),
        (kl_gumbel, (np.nan, 1, 0, 1), "loc1 has a non-finite entry"),
        (kl_gumbel, (0, 1, 0, 0), "scale2 has an entry that is not positive"),
        (kl_von_mises, (inf, 1, 0, 1), "mu1 has a non-finite entry"),
        (kl_von_mises, (0, -1, 0, 1), "kappa1 has a negative entry: -1"),
        (kl_von_mises, (0, 1, 0, [1, -2]), "kappa2 has a negative entry: -2"),
        (kl_von_mises, ([0, 1], [1, 2, 3], 0, 1), "shapes do not broadcast"),
        (kl_wishart, (2, np.eye(3), 5, np.eye(3)), "df1 must be above d - 1 = 2; got 2"),
        (kl_wishart, (5, np.eye(3), 1, np.eye(3)), "df2 must be above d - 1 = 2; got 1"),
        (kl_wishart, (5, np.eye(3), 5, np.eye(2)), "tables differ in shape"),
        (kl_wishart, (5, [[1, 2], [2, 1]], 5, np.eye(2)), "scale1 is not positive definite"),
        (kl_wishart, (5, [[1, 2], [0, 1]], 5, np.eye(2)), "scale1 .* not symmetric"),
        (kl_inverse_wishart, (5, np.eye(2), 5, [[1, 2], [2, 1]]), "scale2 is not positive"),
        (kl_inverse_wishart, ([5, 6], np.eye(2), [5, 6, 7], np.eye(2)), "do not broadcast"),
    ],
)
def test_bad_input(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(*arguments)
