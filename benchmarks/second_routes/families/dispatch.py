"""Second routes to kllib.families: mpmath, for exactly the parameters of the frozen distributions.

``kl`` by its textbook formulas, at so many digits that their cancellation does not matter;
``kl_with_error`` by mpmath's quadrature where there is no formula. Fixed numbers and fixed seeds.
"""

from collections.abc import Callable, Iterator
from typing import Any

import mpmath
import numpy as np
from scipy import stats

from benchmarks.second_routes import gaussian
from benchmarks.second_routes.route import FAR, NEAR, ORDINARY, STEPS, Case, Route

mpf = mpmath.mpf
Frozen = Any

# ------------------------------------------------------------------------------- textbook formulas


def _term(p: mpf, q: mpf) -> mpf:
    """p log(p/q)."""
    if p == 0:
        return mpf(0)
    return p * mpmath.log(p / q) if q > 0 else mpmath.inf


def _bernoulli(p1: mpf, p2: mpf) -> mpf:
    return _term(p1, p2) + _term(1 - p1, 1 - p2)


def _normal(mu1: mpf, sigma1: mpf, mu2: mpf, sigma2: mpf) -> mpf:
    ratio = (sigma1 / sigma2) ** 2
    return (ratio - 1 - mpmath.log(ratio) + ((mu1 - mu2) / sigma2) ** 2) / 2


def _laplace(mu1: mpf, b1: mpf, mu2: mpf, b2: mpf) -> mpf:
    distance = abs(mu1 - mu2)
    return mpmath.log(b2 / b1) + (distance + b1 * mpmath.exp(-distance / b1)) / b2 - 1


def _cauchy(mu1: mpf, s1: mpf, mu2: mpf, s2: mpf) -> mpf:
    return mpmath.log(((s1 + s2) ** 2 + (mu1 - mu2) ** 2) / (4 * s1 * s2))


def _gumbel(mu1: mpf, b1: mpf, mu2: mpf, b2: mpf) -> mpf:
    shift = mpmath.exp((mu2 - mu1) / b2) * mpmath.gamma(b1 / b2 + 1)
    return mpmath.log(b2 / b1) + mpmath.euler * (b1 / b2 - 1) + (mu1 - mu2) / b2 + shift - 1


def _exponential(mu1: mpf, s1: mpf, mu2: mpf, s2: mpf) -> mpf:
    if mu1 < mu2:
        return mpmath.inf
    return mpmath.log(s2 / s1) + (s1 + mu1 - mu2) / s2 - 1


def _uniform(low1: mpf, width1: mpf, low2: mpf, width2: mpf) -> mpf:
    if low1 < low2 or low1 + width1 > low2 + width2:
        return mpmath.inf
    return mpmath.log(width2 / width1)


def _gamma(a1: mpf, s1: mpf, a2: mpf, s2: mpf) -> mpf:
    shapes = (a1 - a2) * mpmath.digamma(a1) - mpmath.loggamma(a1) + mpmath.loggamma(a2)
    return shapes + a2 * mpmath.log(s2 / s1) + a1 * (s1 / s2 - 1)


def _chi(df1: mpf, s1: mpf, df2: mpf, s2: mpf) -> mpf:
    return _gamma(df1 / 2, s1**2, df2 / 2, s2**2)


def _weibull(k1: mpf, s1: mpf, k2: mpf, s2: mpf) -> mpf:
    scales = mpmath.log(k1) - k1 * mpmath.log(s1) - mpmath.log(k2) + k2 * mpmath.log(s2)
    mean_log = (k1 - k2) * (mpmath.log(s1) - mpmath.euler / k1)
    return scales + mean_log + (s1 / s2) ** k2 * mpmath.gamma(k2 / k1 + 1) - 1


def _pareto(b1: mpf, least1: mpf, b2: mpf, least2: mpf) -> mpf:
    if least1 < least2:
        return mpmath.inf
    return mpmath.log(b1 / b2) + b2 * mpmath.log(least1 / least2) + b2 / b1 - 1


def _dirichlet(alpha1: list[mpf], alpha2: list[mpf]) -> mpf:
    total1, total2 = mpmath.fsum(alpha1), mpmath.fsum(alpha2)
    normalisers = mpmath.fsum(map(mpmath.loggamma, [total1, *alpha2]))
    normalisers -= mpmath.fsum(map(mpmath.loggamma, [total2, *alpha1]))
    digamma_total = mpmath.digamma(total1)
    return normalisers + mpmath.fsum(
        (a - b) * (mpmath.digamma(a) - digamma_total) for a, b in zip(alpha1, alpha2, strict=True)
    )


def _von_mises(mu1: mpf, kappa1: mpf, mu2: mpf, kappa2: mpf) -> mpf:
    def log_i0(kappa: mpf) -> mpf:
        return mpmath.log(mpmath.besseli(0, kappa))

    mean_cosine = mpmath.besseli(1, kappa1) / mpmath.besseli(0, kappa1)
    means = mean_cosine * (kappa1 - kappa2 * mpmath.cos(mu1 - mu2))
    return log_i0(kappa2) - log_i0(kappa1) + means


def _wishart(df1: mpf, v1: mpmath.matrix, df2: mpf, v2: mpmath.matrix) -> mpf:
    d = v1.rows
    relative = v2**-1 * v1
    trace = mpmath.fsum(relative[i, i] for i in range(d))
    steps = [mpf(i) / 2 for i in range(d)]
    value = df1 * (trace - d) / 2 - df2 * mpmath.log(mpmath.det(relative)) / 2
    value += mpmath.fsum(mpmath.loggamma(df2 / 2 - i) - mpmath.loggamma(df1 / 2 - i) for i in steps)
    return value + (df1 - df2) / 2 * mpmath.fsum(mpmath.digamma(df1 / 2 - i) for i in steps)


def _origin(formula: Callable[..., mpf], factor: int = 1) -> Callable[..., mpf]:
    """A formula of shapes and scale, from shapes, location and scale."""
    return lambda a, b: formula(*a[:-2], factor * a[-1], *b[:-2], factor * b[-1])


def _line(formula: Callable[..., mpf]) -> Callable[..., mpf]:
    return lambda a, b: formula(*a[-2:], *b[-2:])


#: Formulas of two lists of parameters: shapes, location, scale.
UNIVARIATE: dict[str, Callable[[list[mpf], list[mpf]], mpf]] = {
    "bernoulli": lambda a, b: _bernoulli(a[0], b[0]),
    "binom": lambda a, b: a[0] * _bernoulli(a[1], b[1]),
    "geom": lambda a, b: _bernoulli(a[0], b[0]) / a[0],
    "nbinom": lambda a, b: a[0] * _bernoulli(a[1], b[1]) / a[1],
    "poisson": lambda a, b: _term(a[0], b[0]) - a[0] + b[0],
    "randint": lambda a, b: (
        mpmath.log((b[1] - b[0]) / (a[1] - a[0]))
        if b[0] + b[2] <= a[0] + a[2] and a[1] + a[2] <= b[1] + b[2]
        else mpmath.inf
    ),
    "norm": _line(_normal),
    "laplace": _line(_laplace),
    "cauchy": _line(_cauchy),
    "gumbel_r": _line(_gumbel),
    "gumbel_l": lambda a, b: _gumbel(-a[0], a[1], -b[0], b[1]),
    "expon": _line(_exponential),
    "pareto": _origin(_pareto),
    "lognorm": lambda a, b: _normal(mpmath.log(a[2]), a[0], mpmath.log(b[2]), b[0]),
    "gamma": _origin(_gamma),
    "erlang": _origin(_gamma),
    "chi2": lambda a, b: _gamma(a[0] / 2, a[2], b[0] / 2, b[2]),
    "invgamma": lambda a, b: _gamma(a[0], 1 / a[2], b[0], 1 / b[2]),
    "chi": _origin(_chi),
    "nakagami": lambda a, b: _gamma(a[0], a[2] ** 2 / a[0], b[0], b[2] ** 2 / b[0]),
    "halfnorm": lambda a, b: _chi(mpf(1), a[1], mpf(1), b[1]),
    "rayleigh": lambda a, b: _chi(mpf(2), a[1], mpf(2), b[1]),
    "maxwell": lambda a, b: _chi(mpf(3), a[1], mpf(3), b[1]),
    "weibull_min": _origin(_weibull),
    "weibull_max": _origin(_weibull),
    "invweibull": lambda a, b: _weibull(a[0], 1 / a[2], b[0], 1 / b[2]),
    "uniform": _line(_uniform),
    "beta": lambda a, b: _dirichlet(a[:2], b[:2]),
    "arcsine": lambda a, b: mpf(0),
    "powerlaw": lambda a, b: mpmath.log(a[0] / b[0]) + b[0] / a[0] - 1,
    "vonmises": lambda a, b: _von_mises(a[1], a[0], b[1], b[0]),
    "vonmises_line": lambda a, b: _von_mises(mpf(0), a[0], mpf(0), b[0]),
}


def _numbers(values: Any) -> list[mpf]:
    return [mpf(float(x)) for x in np.ravel(values)]


def _matrix(values: Any) -> mpmath.matrix:
    return mpmath.matrix([_numbers(row) for row in np.atleast_2d(values)])


def _categorical(p: Any, q: Any) -> mpf:
    p, q = _numbers(p), _numbers(q)
    total_p, total_q = mpmath.fsum(p), mpmath.fsum(q)
    return mpmath.fsum(_term(a / total_p, b / total_q) for a, b in zip(p, q, strict=True))


MULTIVARIATE: dict[str, Callable[[Frozen, Frozen], mpf]] = {
    "multivariate_normal": lambda p, q: gaussian.ROUTES["kl_multivariate_normal"].truth(
        p.mean, p.cov, q.mean, q.cov
    ),
    "multinomial": lambda p, q: int(p.n) * _categorical(p.p, q.p),
    "dirichlet": lambda p, q: _dirichlet(_numbers(p.alpha), _numbers(q.alpha)),
    "wishart": lambda p, q: _wishart(
        mpf(float(p.df)), _matrix(p.scale), mpf(float(q.df)), _matrix(q.scale)
    ),
    "invwishart": lambda p, q: _wishart(
        mpf(float(p.df)), _matrix(p.scale) ** -1, mpf(float(q.df)), _matrix(q.scale) ** -1
    ),
}


def family(p: Frozen) -> str:
    """scipy's name of the family."""
    if hasattr(p, "dist"):
        return "outcomes" if hasattr(p.dist, "xk") else str(p.dist.name)
    return type(p).__name__.removesuffix("_frozen")


def parameters(p: Frozen) -> list[float]:
    """Shapes, location, scale."""
    shapes, loc, scale = p.dist._parse_args(*p.args, **p.kwds)
    return [float(x) for x in (*shapes, loc, scale)]


def by_formula(p: Frozen, q: Frozen) -> mpf:
    """The textbook formula, at enough digits."""
    name = family(p)
    if name == "outcomes":
        with mpmath.workdps(60):
            return _categorical(p.dist.pk, q.dist.pk)
    if name in MULTIVARIATE:
        with mpmath.workdps(100):
            return MULTIVARIATE[name](p, q)
    first, second = parameters(p), parameters(q)
    sizes = [abs(np.log10(abs(x))) for x in (*first, *second) if x != 0]
    with mpmath.workdps(int(80 + 2 * max(sizes))):
        return UNIVARIATE[name](_numbers(first), _numbers(second))


# ------------------------------------------------------------------------------------------- inputs

SCALES = (1.0, 1e-150, 1e150)

#: How a family is made of numbers, and numbers to perturb. Scales come last.
BASES: dict[str, tuple[Callable[..., Frozen], list[tuple[float, ...]]]] = {
    "bernoulli": (stats.bernoulli, [(0.3,), (1e-5,), (0.999,)]),
    "binom": (lambda p: stats.binom(1000, p), [(0.3,), (0.97,)]),
    "geom": (stats.geom, [(0.3,), (1e-12,), (0.99,)]),
    "nbinom": (lambda p: stats.nbinom(2.5, p), [(0.3,), (1e-12,)]),
    "poisson": (stats.poisson, [(3.0,), (1e-5,), (1e150,)]),
    "norm": (stats.norm, [(3.0 * s, s) for s in SCALES]),
    "laplace": (stats.laplace, [(3.0 * s, s) for s in SCALES]),
    "cauchy": (stats.cauchy, [(3.0 * s, s) for s in SCALES]),
    "gumbel_r": (stats.gumbel_r, [(3.0 * s, s) for s in SCALES]),
    "gumbel_l": (stats.gumbel_l, [(3.0 * s, s) for s in SCALES]),
    "expon": (lambda s: stats.expon(scale=s), [(s,) for s in SCALES]),
    "pareto": (lambda b, s: stats.pareto(b, scale=s), [(2.0, s) for s in SCALES]),
    "lognorm": (lambda a, s: stats.lognorm(a, scale=s), [(0.7, s) for s in SCALES]),
    "gamma": (
        lambda a, s: stats.gamma(a, scale=s),
        [(2.5, s) for s in SCALES] + [(1e-3, 1.0), (1e6, 1.0)],
    ),
    "erlang": (lambda s: stats.erlang(3, scale=s), [(s,) for s in SCALES]),
    "chi2": (stats.chi2, [(3.0,), (1e-2,), (1e5,)]),
    "invgamma": (lambda a, s: stats.invgamma(a, scale=s), [(2.5, s) for s in SCALES]),
    "chi": (lambda df, s: stats.chi(df, scale=s), [(3.0, s) for s in SCALES]),
    "nakagami": (lambda a, s: stats.nakagami(a, scale=s), [(1.5, s) for s in SCALES]),
    "halfnorm": (lambda s: stats.halfnorm(scale=s), [(s,) for s in SCALES]),
    "rayleigh": (lambda s: stats.rayleigh(scale=s), [(s,) for s in SCALES]),
    "maxwell": (lambda s: stats.maxwell(scale=s), [(s,) for s in SCALES]),
    "weibull_min": (lambda c, s: stats.weibull_min(c, scale=s), [(1.5, s) for s in SCALES]),
    "weibull_max": (lambda c, s: stats.weibull_max(c, scale=s), [(0.5, s) for s in SCALES]),
    "invweibull": (lambda c, s: stats.invweibull(c, scale=s), [(1.5, s) for s in SCALES]),
    "uniform": (lambda s: stats.uniform(scale=s), [(s,) for s in SCALES]),
    "beta": (stats.beta, [(2.0, 3.0), (0.01, 200.0), (1e5, 1e5)]),
    "powerlaw": (stats.powerlaw, [(2.0,), (1e-3,), (1e5,)]),
    "vonmises": (lambda kappa, mu: stats.vonmises(kappa, mu), [(2.0, 1.0), (0.01, 3.0)]),
    "vonmises_line": (stats.vonmises_line, [(2.0,), (50.0,)]),
    "dirichlet": (lambda *a: stats.dirichlet(a), [(1.0, 2.0, 3.0), (0.01, 5.0, 200.0, 1.0)]),
    "multinomial": (
        lambda *p: stats.multinomial(7, np.array(p) / sum(p)),
        [(0.2, 0.3, 0.5), (1e-5, 0.4, 0.6)],
    ),
    "outcomes": (
        lambda *p: stats.rv_discrete(values=([0, 1, 5], np.array(p) / sum(p)))(),
        [(0.2, 0.3, 0.5)],
    ),
}


def near_pairs() -> Iterator[Case]:
    """Each parameter moved by a multiple of the step: divergences down to 1e-20."""
    # Larger parameters of a uniform distribution, and of a bounded one in general, only.
    directions = (1.0, 0.6, 0.8, 0.3)
    for name, (make, bases) in BASES.items():
        for base in bases:
            for step in STEPS:
                moved = [x * (1 + step * d) for x, d in zip(base, directions, strict=False)]
                label = f"{name}{base}, {step:g} apart"
                yield Case(label, NEAR, (make(*base), make(*[min(x, _top(name)) for x in moved])))
    rng = np.random.default_rng(31)
    for step in STEPS:
        noise = rng.standard_normal((3, 3))
        near = np.eye(3) + step * (noise + noise.T)
        for make, label in ((stats.wishart, "wishart"), (stats.invwishart, "invwishart")):
            pair = (make(5.0, near), make(5.0 + step, np.eye(3)))
            yield Case(f"{label}, {step:g} apart", NEAR, pair)
        p = stats.multivariate_normal(step * noise[0], near)
        pair = (p, stats.multivariate_normal(np.zeros(3), np.eye(3)))
        yield Case(f"multivariate_normal, {step:g} apart", NEAR, pair)


def _top(name: str) -> float:
    return 1.0 if name in ("bernoulli", "binom", "geom", "nbinom") else np.inf


def far_pairs() -> Iterator[Case]:
    """Unequal members, scales 1e±150 apart, the ends of the ranges, and infinite divergences."""
    s = stats
    pairs = [
        (s.bernoulli(1e-300), s.bernoulli(0.5)),
        (s.bernoulli(0.5), s.bernoulli(1e-300)),
        (s.bernoulli(0.0), s.bernoulli(0.2)),
        (s.bernoulli(1.0), s.bernoulli(1e-20)),
        (s.bernoulli(0.2), s.bernoulli(0.0)),
        (s.bernoulli(0.2), s.bernoulli(1 - 2**-53)),
        (s.binom(10, 0.0), s.binom(10, 0.4)),
        (s.binom(10**6, 1e-10), s.binom(10**6, 1e-3)),
        (s.geom(1e-300), s.geom(3e-300)),
        (s.geom(1.0), s.geom(0.25)),
        (s.geom(0.25), s.geom(1.0)),
        (s.geom(1.0), s.geom(1 - 1e-10)),
        (s.nbinom(2.5, 0.2), s.nbinom(2.5, 0.9)),
        (s.poisson(1e-300), s.poisson(1e150)),
        (s.poisson(1e150), s.poisson(1e-150)),
        (s.poisson(0.0), s.poisson(2.0)),
        (s.poisson(2.0), s.poisson(0.0)),
        (s.randint(0, 10), s.randint(-5, 100)),
        (s.randint(0, 10), s.randint(0, 10 + 10**9)),
        (s.randint(0, 10), s.randint(1, 100)),
        (s.randint(0, 10, loc=5), s.randint(5, 100)),
        (s.laplace(0, 1), s.laplace(50, 1e-150)),
        (s.laplace(0, 1e-150), s.laplace(1, 1e150)),
        (s.laplace(0, 1), s.laplace(1e-200, 1)),
        (s.cauchy(0, 1e150), s.cauchy(1, 1e-150)),
        (s.cauchy(-1e150, 1e-150), s.cauchy(1e150, 1)),
        (s.expon(scale=1e150), s.expon(scale=1e-150)),
        (s.expon(scale=1e-150), s.expon(scale=1e150)),
        (s.expon(1, 2), s.expon(0, 3)),
        (s.expon(1 + 1e-9, 2), s.expon(1, 2)),
        (s.expon(0, 2), s.expon(1, 3)),
        (s.uniform(0, 1e-150), s.uniform(-1e150, 2e150)),
        (s.uniform(0.1, 0.2), s.uniform(0, 0.5)),
        (s.uniform(0.1, 0.2), s.uniform(0, 0.3)),
        (s.uniform(0, 2), s.uniform(0, 1)),
        (s.pareto(1e-150, scale=3), s.pareto(1e150, scale=2)),
        (s.pareto(2, scale=1), s.pareto(2, scale=2)),
        (s.lognorm(1e-3, scale=1e150), s.lognorm(1e3, scale=1e-150)),
        (s.gamma(1e-3), s.gamma(1e3, scale=1e3)),
        (s.gamma(1e3, scale=1e-150), s.gamma(1e-3, scale=1e150)),
        (s.invgamma(0.5, scale=1e-150), s.invgamma(20, scale=1e150)),
        (s.weibull_min(0.1, scale=3), s.weibull_min(10, scale=2e3)),
        (s.weibull_min(10, scale=1e-150), s.weibull_min(0.1, scale=1e150)),
        (s.beta(0.01, 0.01), s.beta(100, 100)),
        (s.beta(1e-3, 1e3), s.beta(1e3, 1e-3)),
        (s.arcsine(), s.arcsine()),
        (s.powerlaw(1e-150), s.powerlaw(1e150)),
        (s.vonmises(0.5, 3), s.vonmises(20, -3)),
        (s.vonmises(300, 1), s.vonmises(1e-3, -1)),
        (s.dirichlet([1e-3, 1e3]), s.dirichlet([1e3, 1e-3])),
        (s.multinomial(5, [0.5, 0.5, 0]), s.multinomial(5, [0.25, 0.25, 0.5])),
        (s.multinomial(5, [0.5, 0.25, 0.25]), s.multinomial(5, [0.5, 0.5, 0])),
        (s.wishart(3, np.eye(2)), s.wishart(30, [[2, 1], [1, 3]])),
        (s.invwishart(3, np.eye(2)), s.invwishart(30, [[2, 1], [1, 3]])),
    ]
    for i, (p, q) in enumerate(pairs):
        yield Case(f"{family(p)}, far pair {i}", FAR, (p, q))


# -------------------------------------------------------------------------------------- quadrature


def without_a_formula() -> Iterator[Case]:
    """Pairs that kllib can only integrate; heavy and light tails, poles, kinks, narrow and wide."""
    s = stats
    for p, q in [
        (s.logistic(), s.laplace()),
        (s.laplace(1), s.norm(0, 3)),
        (s.norm(), s.cauchy()),
        (s.t(3), s.norm(0, 2)),
        (s.t(2.1), s.norm()),
        (s.t(5), s.t(3, 1, 2)),
        (s.cauchy(), s.t(2)),
        (s.gumbel_r(), s.norm(1, 2)),
        (s.norm(), s.gumbel_r()),
        (s.norm(0, 1e-6), s.logistic(0, 1)),
        (s.norm(40, 1), s.logistic()),
        (s.gamma(0.3), s.lognorm(1)),
        (s.lognorm(1), s.gamma(2)),
        (s.expon(), s.norm(1, 2)),
        (s.pareto(1.5), s.expon()),
        (s.uniform(), s.beta(0.5, 3)),
        (s.beta(2, 3), s.norm()),
    ]:
        yield Case(f"{family(p)}{p.args} to {family(q)}{q.args}", ORDINARY, (p, q))


_LOG_DENSITIES: dict[str, Callable[..., mpf]] = {
    "norm": lambda x: -(x**2) / 2 - mpmath.log(2 * mpmath.pi) / 2,
    "laplace": lambda x: -abs(x) - mpmath.log(2),
    "cauchy": lambda x: -mpmath.log(mpmath.pi * (1 + x**2)),
    "logistic": lambda x: -abs(x) - 2 * mpmath.log1p(mpmath.exp(-abs(x))),
    "gumbel_r": lambda x: -x - mpmath.exp(min(-x, mpf(2000))),
    "t": lambda x, n: (
        mpmath.loggamma((n + 1) / 2)
        - mpmath.loggamma(n / 2)
        - mpmath.log(n * mpmath.pi) / 2
        - (n + 1) / 2 * mpmath.log1p(x**2 / n)
    ),
    "gamma": lambda x, a: (a - 1) * mpmath.log(x) - x - mpmath.loggamma(a),
    "lognorm": lambda x, s: (
        -((mpmath.log(x) / s) ** 2) / 2 - mpmath.log(s * x) - mpmath.log(2 * mpmath.pi) / 2
    ),
    "expon": lambda x: -x,
    "pareto": lambda x, b: mpmath.log(b) - (b + 1) * mpmath.log(x),
    "uniform": lambda x: mpf(0),
    "beta": lambda x, a, b: (
        (a - 1) * mpmath.log(x) + (b - 1) * mpmath.log1p(-x) - mpmath.log(mpmath.beta(a, b))
    ),
}


def by_integral(p: Frozen, q: Frozen, **_: Any) -> mpf:
    """∫ p (log p − log q) by mpmath's tanh-sinh quadrature, between quantiles of p and to the ends.

    Tails that fall like powers of x are integrated in log x.
    """
    low, high = p.support()
    with mpmath.workdps(20):

        def log_density(d: Frozen, x: mpf) -> mpf:
            *shapes, loc, scale = _numbers(parameters(d))
            return _LOG_DENSITIES[family(d)]((x - loc) / scale, *shapes) - mpmath.log(scale)

        def integrand(x: mpf) -> mpf:
            log_p = log_density(p, x)
            if log_p < -10000:
                return mpf(0)
            return mpmath.exp(log_p) * (log_p - log_density(q, x))

        middle = [mpf(float(x)) for x in p.ppf([1e-6, 1e-3, 0.1, 0.5, 0.9, 0.999, 1 - 1e-6])]
        kinks = [mpf(float(d.median())) for d in (p, q) if middle[0] < d.median() < middle[-1]]
        total = mpmath.quad(integrand, sorted({*middle, *kinks}))
        for end, start, sign in ((high, middle[-1], 1), (low, middle[0], -1)):
            width = mpf(1) if np.isinf(end) else abs(mpf(float(end)) - start)
            if np.isinf(end):  # x = start ± (e^t − 1)

                def tail(t: mpf, start: mpf = start, sign: int = sign) -> mpf:
                    return integrand(start + sign * mpmath.expm1(t)) * mpmath.exp(t)

                total += mpmath.quad(tail, [0, 3, 10, 40, 150, 700])
            else:  # x = end ∓ width e^(−t)

                def pole(t: mpf, end: float = end, sign: int = sign, width: mpf = width) -> mpf:
                    rest = width * mpmath.exp(-t)
                    return integrand(mpf(float(end)) - sign * rest) * rest

                total += mpmath.quad(pole, [0, 5, 15, 40] if end else [0, 5, 15, 40, 150])
        return total


ROUTES = {
    "kl": Route(
        cases=lambda: [*near_pairs(), *far_pairs()],
        truth=by_formula,
        how="mpmath, textbook formulas at 80 to 700 digits",
    ),
    "kl_with_error": Route(
        cases=without_a_formula,
        truth=by_integral,
        how="mpmath, tanh-sinh quadrature",
        bound=1e-9,
        part=lambda result: result.value,
    ),
}
EXEMPT = {"KLResult": "holds what kl_with_error returns"}
