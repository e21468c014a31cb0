"""kl and kl_with_error: known values, every closed form by other routes, every infinite pair, laws.

Accuracy near equality and at extreme scales is measured in ``benchmarks/second_routes``.
"""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy import inf, log
from scipy import stats

from benchmarks.second_routes.families import dispatch as second_routes
from kllib.families import _closed_forms
from kllib.families.dispatch import kl, kl_with_error

# p, q, D, and how it is found by hand
KNOWN = [
    # ½ log ½ + ½ log 2·... : a fair coin under a biased one, ½ log(½/¼) + ½ log(½/¾)
    (stats.bernoulli(0.5), stats.bernoulli(0.25), log(2) - log(3) / 2),
    # Ten times that
    (stats.binom(10, 0.5), stats.binom(10, 0.25), 10 * log(2) - 5 * log(3)),
    # Two trials are expected
    (stats.geom(0.5), stats.geom(0.25), 2 * log(2) - log(3)),
    (stats.nbinom(3, 0.5), stats.nbinom(3, 0.25), 6 * log(2) - 3 * log(3)),
    # μ1 log(μ1/μ2) − μ1 + μ2
    (stats.poisson(2), stats.poisson(1), 2 * log(2) - 1),
    # One of 10 outcomes instead of one of 5
    (stats.randint(0, 5), stats.randint(0, 10), log(2)),
    (stats.norm(0, 2), stats.norm(0, 1), 1.5 - log(2)),
    # log(b2/b1) + b1/b2 − 1
    (stats.laplace(0, 1), stats.laplace(0, 2), log(2) - 0.5),
    # log((1 + 1)² + 2²)/4)
    (stats.cauchy(0, 1), stats.cauchy(2, 1), log(2)),
    (stats.expon(scale=2), stats.expon(scale=1), 1 - log(2)),
    # Shifted by 3 beyond the start of the model: 3 more
    (stats.expon(3, scale=2), stats.expon(0, scale=1), 4 - log(2)),
    # Shape 2 and 1: (2 − 1) ψ(2) − log Γ(2) + log Γ(1), with ψ(2) = 1 − γ
    (stats.gamma(2), stats.gamma(1), 1 - np.euler_gamma),
    (stats.gamma(2), stats.expon(), 1 - np.euler_gamma),
    (stats.chi2(4), stats.gamma(1, scale=2), 1 - np.euler_gamma),
    (stats.uniform(1, 2), stats.uniform(0, 8), log(4)),
    # Beta(2, 1) has density 2x: ∫ 2x log 2x = log 2 − ½
    (stats.beta(2, 1), stats.uniform(), log(2) - 0.5),
    (stats.powerlaw(2), stats.uniform(), log(2) - 0.5),
    # log(x) is exponential: rates 2 and 1, and what lies between the starts, log 3
    (stats.pareto(2, scale=3), stats.pareto(1, scale=1), log(2) + log(3) - 0.5),
    # Squares of it are exponential
    (stats.rayleigh(scale=2**0.5), stats.rayleigh(scale=1), 1 - log(2)),
    (stats.weibull_min(2, scale=2**0.5), stats.weibull_min(2), 1 - log(2)),
    (stats.lognorm(1, scale=np.e), stats.lognorm(1), 0.5),
    # No preferred direction against κ = 1: log I0(1)
    (stats.vonmises(0, 2), stats.vonmises(1, 3), log(np.i0(1))),
    (stats.multivariate_normal([1, 2]), stats.multivariate_normal([0, 0]), 2.5),
    (stats.multinomial(2, [0.5, 0.5]), stats.multinomial(2, [0.25, 0.75]), 2 * log(2) - log(3)),
    # One dimension: Gamma(df/2, scale 2)
    (stats.wishart(4, 1), stats.wishart(2, 1), 1 - np.euler_gamma),
    (stats.dirichlet([2, 1]), stats.dirichlet([1, 1]), log(2) - 0.5),
]  # fmt: skip


@pytest.mark.parametrize(("p", "q", "value"), KNOWN)
def test_by_hand(p, q, value):
    assert kl(p, q) == pytest.approx(value, rel=1e-13)


def outcomes(values, probabilities):
    return stats.rv_discrete(values=(values, probabilities))()


# A pair of each family, neither near nor far.
PAIRS = [
    (stats.bernoulli(0.3), stats.bernoulli(0.6)),
    (stats.binom(12, 0.3), stats.binom(12, 0.5)),
    (stats.geom(0.3), stats.geom(0.5)),
    (stats.nbinom(2.5, 0.3), stats.nbinom(2.5, 0.5)),
    (stats.poisson(3), stats.poisson(4)),
    (stats.randint(0, 5), stats.randint(-2, 7)),
    (stats.norm(1, 2), stats.norm(0, 3)),
    (stats.laplace(1, 2), stats.laplace(0, 3)),
    (stats.cauchy(1, 2), stats.cauchy(0, 3)),
    (stats.gumbel_r(1, 2), stats.gumbel_r(0, 3)),
    (stats.gumbel_l(1, 2), stats.gumbel_l(0, 3)),
    (stats.expon(1, 2), stats.expon(0.5, 3)),
    (stats.pareto(3, scale=2), stats.pareto(2, scale=1.5)),
    (stats.lognorm(0.5, scale=2), stats.lognorm(0.7, scale=3)),
    (stats.gamma(2.5, scale=2), stats.gamma(4, scale=1)),
    (stats.gamma(2.5, 1, 2), stats.gamma(4, 1, 1)),
    (stats.erlang(2, scale=2), stats.erlang(3, scale=1)),
    (stats.chi2(3), stats.chi2(5, scale=2)),
    (stats.invgamma(2.5, scale=2), stats.invgamma(4, scale=3)),
    (stats.chi(3, scale=2), stats.chi(2, scale=3)),
    (stats.nakagami(1.5, scale=2), stats.nakagami(2.5, scale=3)),
    (stats.halfnorm(scale=2), stats.halfnorm(scale=3)),
    (stats.rayleigh(scale=2), stats.rayleigh(scale=3)),
    (stats.maxwell(scale=2), stats.maxwell(scale=3)),
    (stats.weibull_min(1.5, scale=2), stats.weibull_min(2, scale=3)),
    (stats.weibull_max(1.5, scale=2), stats.weibull_max(2, scale=3)),
    (stats.invweibull(2.5, scale=2), stats.invweibull(2, scale=3)),
    (stats.uniform(1, 2), stats.uniform(0, 4)),
    (stats.beta(2, 3), stats.beta(3, 2)),
    (stats.beta(2, 3, -1, 4), stats.beta(3, 2, -1, 4)),
    (stats.powerlaw(2), stats.powerlaw(3)),
    (stats.powerlaw(2), stats.arcsine()),
    (stats.vonmises(2, 1), stats.vonmises(3, 0)),
    (stats.vonmises_line(2), stats.vonmises_line(3)),
    (outcomes([0, 1, 5], [0.2, 0.3, 0.5]), outcomes([5, 0, 1], [0.4, 0.4, 0.2])),
    (stats.multivariate_normal([1, 0], [[2, 1], [1, 2]]), stats.multivariate_normal([0, 0], 3)),
    (stats.multinomial(5, [0.2, 0.3, 0.5]), stats.multinomial(5, [0.4, 0.3, 0.3])),
    (stats.dirichlet([1, 2, 3]), stats.dirichlet([2, 2, 2])),
    (stats.wishart(4, [[2, 1], [1, 2]]), stats.wishart(5, [[2, 0], [0, 1]])),
    (stats.invwishart(6, [[2, 1], [1, 2]]), stats.invwishart(7, [[2, 0], [0, 1]])),
]  # fmt: skip
NAMES = [f"{second_routes.family(p)} {i}" for i, (p, _) in enumerate(PAIRS)]


def test_every_closed_form_is_tried():
    registered = {*_closed_forms.UNIVARIATE, *_closed_forms.WIDER, *_closed_forms.MULTIVARIATE}
    tried = {second_routes.family(d) for pair in PAIRS for d in pair}
    assert tried == registered | {"outcomes"}
    cases = {
        second_routes.family(d)
        for case in second_routes.ROUTES["kl"].inputs
        for d in case.arguments
    }
    assert cases == registered | {"outcomes"}


def log_density(distribution, samples):
    """Of a frozen distribution, whatever it calls it."""
    discrete = hasattr(distribution, "logpmf")
    if not discrete and second_routes.family(distribution) == "dirichlet":
        return distribution.logpdf(samples.T)
    if second_routes.family(distribution) in ("wishart", "invwishart"):
        return distribution.logpdf(np.moveaxis(samples, 0, -1))
    return (distribution.logpmf if discrete else distribution.logpdf)(samples)


@pytest.mark.parametrize(("p", "q"), PAIRS, ids=NAMES)
def test_closed_form_against_monte_carlo(p, q):
    rng = np.random.default_rng(7)
    slow = second_routes.family(p) in ("wishart", "invwishart")  # scipy loops over matrices
    samples = p.rvs(size=2000 if slow else 20_000, random_state=rng)
    log_ratios = log_density(p, samples) - log_density(q, samples)
    error = log_ratios.std() / np.sqrt(log_ratios.size)
    assert np.all(kl_with_error(p, q).closed_form)
    # Six standard errors: 2e-9 of false alarm for each, 1e-7 for all. The samples are fixed.
    assert kl(p, q) == pytest.approx(log_ratios.mean(), abs=6 * error + 1e-12)


ON_THE_LINE = [
    pytest.param(p, q, id=name)
    for (p, q), name in zip(PAIRS, NAMES, strict=True)
    if hasattr(p, "dist") and not name.startswith("vonmises ")
]


@pytest.mark.parametrize(("p", "q"), ON_THE_LINE)
def test_closed_form_against_quadrature(p, q):
    by_quadrature = kl_with_error(p, q, closed_form=False)
    assert not by_quadrature.closed_form
    assert by_quadrature.error < 1e-9
    assert kl(p, q) == pytest.approx(by_quadrature.value, abs=by_quadrature.error + 1e-12)


INFINITE = [
    # p has probability where q has none
    (stats.norm(), stats.expon()),
    (stats.norm(1e6, 1), stats.expon()),
    (stats.norm(), stats.uniform(-1e9, 2e9)),
    (stats.uniform(0, 2), stats.uniform(0, 1)),
    (stats.uniform(0, 1), stats.uniform(2, 1)),
    (stats.uniform(0, 1), stats.uniform(1e-300, 1)),
    (stats.expon(0), stats.expon(1)),
    (stats.expon(), stats.pareto(1)),
    (stats.gamma(2), stats.gamma(3, loc=1)),
    (stats.gamma(2), stats.beta(2, 3)),
    (stats.beta(2, 3), stats.beta(2, 3, loc=0.1)),
    (stats.pareto(2), stats.pareto(2, scale=1.5)),
    (stats.lognorm(1), stats.invgamma(2, loc=0.1)),
    (stats.logistic(), stats.vonmises_line(1)),
    (stats.weibull_max(1), stats.weibull_min(1)),
    (stats.bernoulli(0.5), stats.bernoulli(0)),
    (stats.bernoulli(0.5), stats.bernoulli(1)),
    (stats.binom(3, 0.5), stats.binom(2, 0.5)),
    (stats.binom(3, 0.5), stats.binom(3, 1)),
    (stats.poisson(1e-9), stats.binom(10**6, 0.5)),
    (stats.poisson(3), stats.poisson(3, loc=1)),
    (stats.poisson(3), stats.poisson(3, loc=0.5)),
    (stats.poisson(3), stats.poisson(0)),
    (stats.poisson(3), stats.geom(0.5)),
    (stats.geom(0.5), stats.geom(1)),
    (stats.randint(0, 3), stats.randint(1, 4)),
    (stats.poisson(2), outcomes([0, 1], [0.5, 0.5])),
    (stats.bernoulli(0.5), outcomes([1, 2], [0.5, 0.5])),
    (stats.multinomial(3, [0.5, 0.5]), stats.multinomial(3, [1, 0])),
    (stats.multinomial(3, [0.5, 0.5]), stats.multinomial(4, [0.5, 0.5])),
    # The tail of p is too heavy
    (stats.cauchy(), stats.norm()),
    (stats.cauchy(), stats.norm(0, 1e12)),
    (stats.cauchy(), stats.laplace()),
    (stats.cauchy(), stats.logistic()),
    (stats.cauchy(), stats.gumbel_r()),
    (stats.t(2), stats.norm()),
    (stats.t(1.9), stats.norm()),
    (stats.t(1), stats.laplace()),
    (stats.pareto(1), stats.expon()),
    (stats.pareto(0.5), stats.expon()),
    (stats.pareto(2), stats.halfnorm()),
    (stats.pareto(7), stats.weibull_min(7)),
    (stats.halfcauchy(), stats.gamma(3)),
    (stats.lognorm(1), stats.gompertz(1)),
    (stats.zipf(2), stats.geom(0.5)),
    (stats.zipf(1.5), stats.poisson(3)),
    # ... or its pole, where the density of q vanishes exponentially
    (stats.uniform(), stats.invgamma(1)),
    (stats.expon(), stats.levy()),
    (stats.beta(0.5, 1), stats.invgamma(0.5)),
]


@pytest.mark.parametrize(("p", "q"), INFINITE)
def test_infinite(p, q):
    assert kl(p, q) == inf
    assert kl_with_error(p, q).error == 0


# Finite, though only just: the other side of the borders above, and their values by hand.
FINITE = [
    # ν/(2(ν − 2)) for E x²/2, less the entropy of t, plus ½ log 2π
    (stats.t(2.1), stats.norm(), 10.5 - stats.t(2.1).entropy() + log(2 * np.pi) / 2),
    (stats.t(2.01), stats.norm(), 100.5 - stats.t(2.01).entropy() + log(2 * np.pi) / 2),
    # E x = b/(b − 1), less the entropy 1 + 1/b − log b
    (stats.pareto(1.01), stats.expon(), 101 - 1 - 1 / 1.01 + log(1.01)),
    # E 1/x = a/(a − 1), E log x = −1/a for the density a x^(a − 1), less the entropy
    (stats.powerlaw(1.01), stats.invgamma(1), 101 - 2 / 1.01 + log(1.01) - 1 + 1 / 1.01),
    # A single outcome
    (stats.binom(5, 0), stats.binom(6, 0.5), 6 * log(2)),
    (stats.uniform(1e-300, 1), stats.uniform(0, 2), log(2)),
    (stats.uniform(2, 1), stats.norm(), 19 / 6 + log(2 * np.pi) / 2),
]  # fmt: skip


@pytest.mark.parametrize(("p", "q", "value"), FINITE)
def test_finite(p, q, value):
    assert kl(p, q) == pytest.approx(value, rel=1e-7, abs=0)
    result = kl_with_error(p, q, closed_form=False)
    assert abs(result.value - value) <= result.error + 1e-12 * value


def test_the_last_point_of_the_support():
    """E[−log q] − log n, over all n outcomes of a uniform distribution."""
    for n in (10**5, 10**6):
        k = np.arange(n)
        surprise = -stats.poisson(n / 2).logpmf(k)
        expected = surprise.mean() - log(n)
        result = kl_with_error(stats.randint(0, n), stats.poisson(n / 2))
        assert result.value == pytest.approx(expected, rel=1e-11)
        assert result.error < 1e-11 * expected


# Skellam: a difference of Poisson variables; where μ₁ and μ₂ change places, D = E[X] log(μ₁/μ₂)
@pytest.mark.parametrize(
    ("first", "second"),
    [((3, 4), (4, 3)), ((3, 4), (3, 4.5)), ((30, 40), (4, 3)), ((300, 1), (0.1, 200))],
)
def test_skellam_distributions(first, second):
    """Far out scipy's probabilities underflow; by convolution of two Poisson distributions."""
    k = np.arange(2000)

    def log_probability(mu1, mu2):
        # Of n = i − j: Σ_j p₁(n + j) p₂(j), in logarithms
        n = np.arange(-150, 600)
        log1, log2 = stats.poisson(mu1).logpmf(k), stats.poisson(mu2).logpmf(k)
        pairs = ((log1[max(m, 0) :], log2[max(-m, 0) :]) for m in n)
        return np.array(
            [np.logaddexp.reduce(a[: min(a.size, b.size)] + b[: a.size]) for a, b in pairs]
        )

    log_p, log_q = log_probability(*first), log_probability(*second)
    expected = np.sum(np.exp(log_p) * (log_p - log_q))
    assert kl(stats.skellam(*first), stats.skellam(*second)) == pytest.approx(expected, rel=1e-10)


def test_skellam_distributions_with_parameters_exchanged():
    # E[X] log(μ₁/μ₂) = −1 · log(¾)
    assert kl(stats.skellam(3, 4), stats.skellam(4, 3)) == pytest.approx(log(4 / 3), rel=1e-13)


def test_several_dimensions_give_a_number():
    value = kl(stats.multinomial(5, [0.2, 0.8]), stats.multinomial(5, [0.5, 0.5]))
    assert isinstance(value, np.float64)


def test_zeta_distributions():
    """Σ k⁻ᵃ log k is −ζ'(a): −a ζ'/ζ and so on, at a = 3 and 2 by mpmath.zeta(a, 1, 1)."""
    # D = log(ζ(2)/ζ(3)) + (3 − 2) ζ'(3)/ζ(3)
    value = log(1.6449340668482264 / 1.2020569031595942) - 0.19812624288563685 / 1.2020569031595942
    assert kl(stats.zipf(3), stats.zipf(2)) == pytest.approx(value, rel=1e-12)


def test_nothing_is_clipped():
    """D(N(0, 1) ‖ Laplace(0, 1/100)) needs the density where it underflows, e^(−100|x|)."""
    # log(2 · 0.01) + 100 E|x| − entropy
    value = log(0.02) + 100 * np.sqrt(2 / np.pi) - log(2 * np.pi * np.e) / 2
    result = kl_with_error(stats.norm(), stats.laplace(0, 0.01))
    assert result.value == pytest.approx(value, rel=1e-12, abs=0)
    # and narrow in wide, far away
    assert kl(stats.norm(50, 1e-6), stats.logistic()) == pytest.approx(
        50 - log(1e-6) - log(2 * np.pi * np.e) / 2, rel=1e-9
    )


def test_scales_beyond_the_range_of_densities():
    """p(x) is 1e-150 or 1e150 there; units make no difference."""
    for unit in (1e-150, 1.0, 1e150):
        p, q = stats.logistic(unit, unit), stats.laplace(0, 2 * unit)
        assert kl(p, q) == pytest.approx(kl(stats.logistic(1), stats.laplace(0, 2)), rel=1e-10)


def test_batches():
    p, q = stats.norm([0, 1], [[1], [2]]), stats.norm()
    expected = [[0, 0.5], [1.5 - log(2), 2 - log(2)]]
    np.testing.assert_allclose(kl(p, q), expected, rtol=1e-14)
    result = kl_with_error(p, q, closed_form=False)
    assert result.value.shape == result.error.shape == result.closed_form.shape == (2, 2)
    np.testing.assert_allclose(result.value, expected, rtol=1e-10)
    # Element by element: equal starts have a closed form, others not, and some are infinite
    mixed = kl_with_error(stats.gamma(2, loc=[0, 1, -1]), stats.gamma(3))
    assert list(mixed.closed_form) == [True, False, False]
    assert mixed.value[0] == kl(stats.gamma(2), stats.gamma(3))
    assert mixed.value[1] == pytest.approx(kl(stats.gamma(2, loc=1), stats.gamma(3)), rel=1e-12)
    assert mixed.value[2] == inf
    assert isinstance(kl(stats.norm(), stats.norm()), np.float64)


def test_a_mixture_of_ones_own():
    class Mixture(stats.rv_continuous):
        def _pdf(self, x):
            return 0.3 * stats.norm.pdf(x, -20, 0.1) + 0.7 * stats.norm.pdf(x, 5, 1)

        def _cdf(self, x):
            return 0.3 * stats.norm.cdf(x, -20, 0.1) + 0.7 * stats.norm.cdf(x, 5, 1)

    # The components do not overlap: the entropies of both, and E x² = 0.3 (400.01) + 0.7 (26)
    entropy = 0.3 * (np.log(0.1 / 0.3)) + 0.7 * np.log(1 / 0.7) + log(2 * np.pi * np.e) / 2
    value = (0.3 * 400.01 + 0.7 * 26) / 200 + log(10) + log(2 * np.pi) / 2 - entropy
    assert kl(Mixture()(), stats.norm(0, 10)) == pytest.approx(value, rel=1e-9, abs=0)


def test_a_histogram():
    histogram = stats.rv_histogram(([1, 0, 3], [0, 1, 2, 3]))()
    value = 0.25 * log(0.25) + 0.75 * log(0.75) + log(3)
    assert kl(histogram, stats.uniform(0, 3)) == pytest.approx(value, rel=1e-9)


DOUBTFUL = [
    # scipy's gamma density is off by 1e-5 for so large a shape
    (stats.gamma(1e10), stats.gamma(1.1e10, loc=-1), "integrates to 1 only within"),
    # moyal has no log density in scipy
    (stats.logistic(scale=50), stats.moyal(scale=0.01), "underflows where p still has probability"),
    (stats.uniform(0, 3), stats.rv_histogram(([1, 0, 1], [0, 1, 2, 3]))(), "is 0 or undefined"),
    (stats.logistic(0, 1e-160), stats.norm(0, 1e160), "too far apart for quadrature"),
]  # fmt: skip


@pytest.mark.parametrize(("p", "q", "message"), DOUBTFUL)
def test_doubtful(p, q, message):
    with pytest.raises(ArithmeticError, match=message):
        kl(p, q)


def test_a_bound_that_is_too_wide():
    """A sixth of the probability of this beta distribution lies above 1 − 1e-16."""
    p, q = stats.beta(2, 0.05), stats.uniform(-1, 2)
    with pytest.raises(ArithmeticError, match="but may be off by .*; kl_with_error returns both"):
        kl(p, q)
    with pytest.raises(ArithmeticError, match=r"quadrature gives .* at batch index \(1,\)"):
        kl(stats.beta(2, [2, 0.05]), q)
    result = kl_with_error(p, q)
    value = log(2) - p.entropy()
    assert abs(result.value - value) <= result.error < 0.1 * value


MALFORMED = [
    (3, stats.norm(), "p must be a frozen scipy.stats distribution, for example"),
    (stats.norm(), [0.5, 0.5], "q must be a frozen scipy.stats distribution"),
    (stats.norm, stats.norm(), "p is a whole family of distributions; call it with its parameters"),
    (stats.rv_discrete(values=([0], [1])), stats.norm(), r"p is not frozen; freeze it .* p\(\)"),
    (stats.norm(0, -1), stats.norm(), r"p is not a distribution: norm does not allow \(0, -1\)"),
    (stats.norm(np.nan), stats.norm(), "p is not a distribution"),
    (stats.norm(), stats.gamma(-1), "q is not a distribution: gamma"),
    (stats.norm(), stats.norm(scale=[1, 0]), "q is not a distribution"),
    (stats.norm(), stats.poisson(3), "p is continuous and q discrete"),
    (stats.poisson(3), stats.norm(), "p is discrete and q continuous"),
    (stats.norm([1, 2]), stats.norm([1, 2, 3]), r"do not broadcast: p has \(2,\), q has \(3,\)"),
    (stats.norm(), stats.multivariate_normal([0]), "one of p and q is multivariate"),
    (stats.dirichlet([1, 2]), stats.dirichlet([1, 2, 3]), "lengths differ"),
    (stats.multinomial(2, [0.5, 0.5]), stats.multinomial(2, [0.2, 0.3, 0.5]), "lengths differ"),
    (stats.dirichlet([1, 2]), stats.multivariate_normal([0, 0]), "no closed form for dirichlet"),
    (stats.vonmises(1), stats.norm(), "vonmises is a distribution on the circle"),
    (stats.vonmises(1), stats.vonmises(1, scale=2), "vonmises is a distribution on the circle"),
]  # fmt: skip


@pytest.mark.parametrize(("p", "q", "message"), MALFORMED)
def test_malformed(p, q, message):
    with pytest.raises(ValueError, match=message):
        kl(p, q)


def test_no_quadrature_in_several_dimensions():
    p = stats.multivariate_normal([0, 0])
    with pytest.raises(ValueError, match="quadrature is for distributions on the line"):
        kl_with_error(p, p, closed_form=False)


def test_scipy_stats_is_not_loaded():
    code = "import sys, kllib.families; sys.exit('scipy.stats' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# ----------------------------------------------------------------------------------------- laws

LOCATIONS, SCALES = st.integers(-500, 500).map(lambda i: i / 100), st.floats(0.1, 10)
FAMILIES = st.sampled_from(
    [stats.norm, stats.laplace, stats.cauchy, stats.gumbel_r, stats.logistic, stats.hypsecant]
)


@given(FAMILIES, FAMILIES, LOCATIONS, SCALES, LOCATIONS, SCALES)
def test_gibbs(first, second, loc1, scale1, loc2, scale2):
    p, q = first(loc1, scale1), second(loc2, scale2)
    value = kl(p, q)
    assert value >= 0
    assert (value == 0) == (first == second and loc1 == loc2 and scale1 == scale2)
    assert kl(p, p) == 0


@given(FAMILIES, FAMILIES, LOCATIONS, SCALES, st.integers(-60, 60))
def test_units(first, second, loc, scale, power):
    """Multiplied by a power of two, without rounding, p and q are as far apart as before."""
    unit = 2.0**power
    p, q = first(0, 1), second(loc, scale)
    moved = first(0, unit), second(loc * unit, scale * unit)
    assert kl(*moved) == pytest.approx(kl(p, q), rel=1e-9, abs=0)


@given(st.floats(0.3, 20), st.floats(0.3, 20), SCALES)
def test_logarithms_and_powers_change_nothing(a, b, scale):
    """Invariance: x ↦ log x, 1/x and x² map families to families."""
    assert kl(stats.lognorm(a, scale=np.e), stats.lognorm(b)) == pytest.approx(
        kl(stats.norm(1, a), stats.norm(0, b)), rel=1e-12, abs=0
    )
    value = kl(stats.gamma(a), stats.gamma(b, scale=scale))
    inverses = stats.invgamma(a), stats.invgamma(b, scale=1 / scale)
    assert kl(*inverses) == pytest.approx(value, rel=1e-12, abs=1e-15)
    p, q = stats.expon(scale=1), stats.expon(scale=scale**2)
    roots = stats.rayleigh(scale=1), stats.rayleigh(scale=scale)
    assert kl(*roots) == pytest.approx(kl(p, q), rel=1e-12, abs=1e-15)


@given(st.integers(1, 40), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_sums_of_independent_trials(n, p, q):
    """Additivity, and nothing is lost by counting successes alone."""
    one = kl(stats.bernoulli(p), stats.bernoulli(q))
    assert kl(stats.binom(n, p), stats.binom(n, q)) == pytest.approx(n * one, rel=1e-13, abs=0)
    waiting = kl(stats.geom(p), stats.geom(q))
    assert kl(stats.nbinom(n, p), stats.nbinom(n, q)) == pytest.approx(
        n * waiting, rel=1e-13, abs=0
    )
    assert waiting == pytest.approx(one / p, rel=1e-13)


@given(st.floats(0.1, 20), st.floats(0.1, 20), st.floats(0.1, 20))
def test_data_processing(a, b, c):
    """The sum of two Poisson counts knows no more than both."""
    whole = kl(stats.poisson(a), stats.poisson(b)) + kl(stats.poisson(c), stats.poisson(c))
    assert kl(stats.poisson(a + c), stats.poisson(b + c)) <= whole * (1 + 1e-12) + 1e-15
