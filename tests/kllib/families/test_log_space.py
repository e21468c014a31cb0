"""Quadrature in log space: panels and sums, and whether the error that it reports is kept to."""

import mpmath
import numpy as np
import pytest
from numpy import inf
from scipy import stats

from kllib.families import _panels
from kllib.families.dispatch import kl_with_error

NO_BOUND = np.array([0.0, inf])


def integral(f, edges, rule=_panels.on_the_line, relative=1e-12):
    return _panels.integrate(
        lambda x: np.stack([f(x), np.zeros_like(x)]),
        rule,
        np.asarray(edges, float),
        relative,
        NO_BOUND,
    )


def around(centre, width, most):
    """Edges at distances from the centre that double, as far as ``most``."""
    doubled = width * 2.0 ** np.arange(100)
    doubled = doubled[doubled < most]
    return centre + np.concatenate([[-most], -doubled[::-1], [0], doubled, [most]])


# f, edges, integral
INTEGRALS = [
    (lambda x: x**30, [0, 1], 1 / 31),
    (lambda x: np.abs(x - 1 / 3), [0, 1], 5 / 18),
    (lambda x: np.exp(-((x / 1e-4) ** 2)), around(0, 1e-4, 1), 1e-4 * np.sqrt(np.pi)),
    (lambda x: (x > 1 / 3) * 1.0, [0, 1], 2 / 3),
    (lambda x: np.sqrt(x), [0, 1], 2 / 3),
    (lambda x: np.cos(300 * x), [0, 1], np.sin(300) / 300),
    (lambda x: np.zeros_like(x), [0, 1, 3], 0),
]


@pytest.mark.parametrize(("f", "edges", "value"), INTEGRALS)
def test_integrals(f, edges, value):
    total = integral(f, edges)
    assert abs(total.values[0] - value) <= total.errors[0] + 1e-15
    assert total.errors[0] <= 1e-12 * abs(value)


@pytest.mark.parametrize("count", [1, 2, 63, 64, 65, 66, 200, 1000, 12_345, 10**6])
@pytest.mark.parametrize("degree", [0, 1, 2, 5, 14, 20])
def test_sums_of_powers(count, degree):
    """Σ k^d in one panel, against exact integers."""
    left = np.array([3.0])
    nodes, weights, _ = _panels.on_the_integers(left, left + count)
    inside = weights != 0
    assert np.array_equal(nodes, np.rint(nodes))
    assert nodes[inside].min() >= 3 and nodes[inside].max() <= 2 + count
    value = sum(k**degree for k in range(3, 3 + count))
    assert (weights * nodes**degree).sum() == pytest.approx(value, rel=1e-12, abs=0)


def test_a_long_sum():
    """Σ 1/k² up to 2^200 is ζ(2), less 2^-200, in a few hundred panels."""
    edges = np.append(1.0, 2.0 ** np.arange(1, 201))
    total = integral(lambda k: k**-2.0, edges, _panels.on_the_integers)
    assert total.values[0] == pytest.approx(np.pi**2 / 6, rel=1e-13)
    assert abs(total.values[0] - np.pi**2 / 6) <= total.errors[0] + 1e-15


def test_a_sum_over_a_narrow_peak():
    """A normal density on the integers, of width 1000 around 10^9, sums to one."""
    density = stats.norm(1e9 + 0.3, 1000).pdf
    total = integral(density, around(1e9, 500, 5e8), _panels.on_the_integers)
    assert total.values[0] == pytest.approx(1, abs=1e-11)


def test_rounding_ends_the_halving():
    """Nothing is halved for the sake of digits that rounding has destroyed."""
    calls = []

    def noisy(x):
        calls.append(x.size)
        return np.stack([np.sin(1e9 * x) * 1e-9 + 1, np.full_like(x, 1e-8)])

    total = _panels.integrate(noisy, _panels.on_the_line, np.array([0.0, 1.0]), 1e-14, NO_BOUND)
    assert total.values[0] == pytest.approx(1, abs=1e-8)
    assert sum(calls) < 200


def test_known_to_more_digits_than_it_claims():
    """The Cauchy pair of a closed form far out of balance, in 50 digits."""
    p, q = stats.cauchy(0, 1), stats.cauchy(30, 1e-3)
    with mpmath.workdps(50):
        value = float(mpmath.log(((1 + mpmath.mpf(1e-3)) ** 2 + 900) / (4 * mpmath.mpf(1e-3))))
    result = kl_with_error(p, q, closed_form=False)
    assert abs(result.value - value) <= result.error < 1e-9 * value


def test_near_equality():
    """The integrand is never negative: D = 5e-21 comes with digits, and says how many."""
    for p, q, value in [
        (stats.norm(), stats.norm(1e-10), 5e-21),
        (stats.norm(), stats.norm(0, 1 + 2.0**-33), 2.0**-66),
        (stats.poisson(3), stats.poisson(3 + 2.0**-33), 2.0**-66 / 6),
        (stats.expon(), stats.expon(scale=1 + 2.0**-33), 2.0**-67),
    ]:
        result = kl_with_error(p, q, closed_form=False)
        assert abs(result.value - value) <= result.error + 1e-9 * value
        assert result.error < 1e-3 * value


def _uniform_power(low, high):
    return lambda rng: 10 ** rng.uniform(low, high)


_SCALE = _uniform_power(-2, 2)


def _location(rng):
    return rng.normal() * 10 ** rng.uniform(-1, 2)


def _share(rng):
    return 10 ** rng.uniform(-3, -0.01)


#: How to make a distribution of numbers, and how to draw each number.
FAMILIES = {
    "norm": (stats.norm, _location, _SCALE),
    "laplace": (stats.laplace, _location, _SCALE),
    "cauchy": (stats.cauchy, _location, _SCALE),
    "gumbel": (lambda m, s: stats.gumbel_r(m / 30, s**0.5), _location, _SCALE),
    "expon": (lambda s: stats.expon(scale=s), _SCALE),
    "gamma": (lambda a, s: stats.gamma(a, scale=s), _uniform_power(-1, 3), _SCALE),
    "invgamma": (lambda a, s: stats.invgamma(a, scale=s), _uniform_power(-0.5, 2), _SCALE),
    "weibull": (lambda c, s: stats.weibull_min(c, scale=s), _uniform_power(-0.7, 0.7), _SCALE),
    "lognorm": (lambda a, s: stats.lognorm(a, scale=s), _uniform_power(-2, 1), _SCALE),
    "beta": (stats.beta, _uniform_power(-0.5, 2), _uniform_power(-0.5, 2)),
    "halfnorm": (lambda s: stats.halfnorm(scale=s), _SCALE),
    "nakagami": (lambda a, s: stats.nakagami(a, scale=s), _uniform_power(-0.3, 1), _SCALE),
    "pareto": (stats.pareto, _uniform_power(-0.5, 1)),
    "powerlaw": (stats.powerlaw, _uniform_power(-1, 1)),
    "poisson": (stats.poisson, _uniform_power(-2, 4)),
    "geom": (stats.geom, _share),
    "nbinom": (lambda p: stats.nbinom(2.5, p), _share),
    "binom": (lambda p: stats.binom(50, p), _share),
}
TRIALS, SHARE = 100, 0.99


@pytest.mark.slow
def test_the_reported_error_is_kept_to():
    """Random pairs with closed forms, 40 % of them near-equal: at least 99 % within the bound."""
    rng = np.random.default_rng(2)
    kept = 0
    for _ in range(TRIALS):
        make, *draws = FAMILIES[rng.choice(list(FAMILIES))]
        first = [draw(rng) for draw in draws]
        if rng.random() < 0.4:
            step = 10 ** -rng.uniform(1, 9)
            second = [x * (1 - step * rng.uniform(-1, 1) / 100) for x in first]
        else:
            second = [draw(rng) for draw in draws]
        p, q = make(*first), make(*second)
        exact, result = kl_with_error(p, q), kl_with_error(p, q, closed_form=False)
        assert exact.closed_form and not result.closed_form
        kept += abs(result.value - exact.value) <= result.error + exact.error
    assert kept >= SHARE * TRIALS


def test_a_model_that_vanishes_inside():
    """Whether q is 0 there or underflows cannot be told: no infinity is made up."""

    class Even(stats.rv_discrete):
        def _pmf(self, k):
            return np.where(k % 2 == 0, 0.6 * 0.5 ** np.abs(k), 0.0)

        def _stats(self):
            return 0.0, 3.0, 0.0, 0.0

    with pytest.raises(ArithmeticError, match="infinite or unknown|underflows"):
        kl_with_error(stats.dlaplace(1.0), Even(a=-inf, b=inf)())
