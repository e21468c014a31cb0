"""Second routes to kllib.mixture: mpmath, by definition and by quadrature.

A mixture is passed as its three lists: weights, means, standard deviations.
"""

from collections.abc import Iterator
from typing import Any

import mpmath

from benchmarks.second_routes.route import FAR, NEAR, ORDINARY, Case, Route, numbers, shares

mpf = mpmath.mpf
Parts = tuple[list[float], list[float], list[float]]

TWO: Parts = ([0.5, 0.5], [-2.0, 2.0], [0.5, 0.5])
THREE: Parts = ([0.2, 0.5, 0.3], [-1.0, 0.5, 4.0], [0.3, 1.0, 0.7])
BROAD: Parts = ([0.6, 0.4], [0.0, 1.0], [2.0, 3.0])
RARE: Parts = ([1.0, 1e-300], [0.0, 5.0], [1.0, 0.5])


def normal(mu: float, sigma: float) -> Parts:
    """One component."""
    return ([1.0], [mu], [sigma])


def described() -> Iterator[Case]:
    """A mixture, and what to ask of it."""
    for name, parts in {"two modes": TWO, "three": THREE, "a weight of 1e-300": RARE}.items():
        for what in ("mean", "variance", "standard_deviation", "log_density", "responsibilities"):
            if (name, what) != ("two modes", "mean"):  # zero
                yield Case(f"{name}, {what}", ORDINARY, (*parts, what))
    for scale in (1e-150, 1e-100, 1e100, 1e150):
        weights, means, sigmas = THREE
        scaled = (weights, [scale * m for m in means], [scale * s for s in sigmas])
        for what in ("mean", "variance", "standard_deviation"):
            yield Case(f"scale {scale:g}, {what}", FAR, (*scaled, what))


# Where the density is asked for: between the components, and far out
POINTS = [-40.0, -2.5, 0.1, 1.7, 40.0, 1e6]


@mpmath.workdps(60)
def _description(weights: Any, means: Any, sigmas: Any, what: str) -> Any:
    parts = list(zip(shares(weights), numbers(means), numbers(sigmas), strict=True))
    mean = mpmath.fsum(w * m for w, m, _ in parts)
    variance = mpmath.fsum(w * (s**2 + (m - mean) ** 2) for w, m, s in parts)
    if what == "mean":
        return mean
    if what in ("variance", "standard_deviation"):
        return variance if what == "variance" else mpmath.sqrt(variance)
    terms = [[w * mpmath.npdf(mpf(x), m, s) for w, m, s in parts] for x in POINTS]
    if what == "log_density":
        return [mpmath.log(mpmath.fsum(row)) for row in terms]
    return [[term / mpmath.fsum(row) for term in row] for row in terms]


def _describe(weights: Any, means: Any, sigmas: Any, what: str) -> Any:
    from kllib.mixture import NormalMixture

    asked = getattr(NormalMixture(weights, means, sigmas), what)
    return asked(POINTS) if what in ("log_density", "responsibilities") else asked


def pairs() -> Iterator[Case]:
    """Two mixtures; single normals, for which there is a closed form, near and far."""
    for step in (1e-2, 1e-3, 1e-4, 1e-5, 1e-6):
        yield Case(f"means {step:g} apart", NEAR, (normal(0, 1), normal(step, 1)))
        yield Case(f"sigmas {step:g} apart", NEAR, (normal(3, 1), normal(3, 1 + step)))
    for scale in (1e-150, 1e-100, 1e-3, 1e3, 1e100, 1e150):
        arguments = (normal(scale, scale), normal(-scale, 2 * scale))
        yield Case(f"two normals, scale {scale:g}", FAR, arguments)
    yield Case("sigmas 1 and 1e-5", FAR, (normal(0, 1), normal(0, 1e-5)))
    yield Case("sigmas 1e-100 and 1", FAR, (normal(0, 1e-100), normal(0, 1)))
    yield Case("1e5 standard deviations apart", FAR, (normal(0, 1), normal(1e5, 1)))
    mixtures = {"two": TWO, "three": THREE, "broad": BROAD, "one": normal(0.0, 4.25**0.5)}
    for name, other in (("two", "one"), ("one", "two"), ("three", "broad"), ("broad", "three")):
        yield Case(f"{name} and {other}", ORDINARY, (mixtures[name], mixtures[other]))


def pairs_with_alpha() -> Iterator[Case]:
    """The same with some α, near the ends too."""
    for case in pairs():
        if case.kind == NEAR and "0.0" not in case.name:
            continue
        for alpha in (1e-6, 0.5, 0.9) if case.kind != ORDINARY else (0.25,):
            yield Case(f"{case.name}, alpha {alpha:g}", case.kind, (*case.arguments, alpha))
    for alpha in (0.0, 1.0):
        yield Case(f"two normals, alpha {alpha:g}", ORDINARY, (normal(0, 1), normal(1, 2), alpha))


@mpmath.workdps(50)
def _kl(p: Parts, q: Parts) -> mpf:
    if len(p[0]) == len(q[0]) == 1:
        (mu1, sigma1), (mu2, sigma2) = [(mpf(float(m[0])), mpf(float(s[0]))) for _, m, s in (p, q)]
        ratio = (sigma1 / sigma2) ** 2
        return (ratio - 1 - mpmath.log(ratio) + ((mu1 - mu2) / sigma2) ** 2) / 2
    return _integral(lambda a, b: a * mpmath.log(a / b), p, q)


@mpmath.workdps(50)
def _alpha(p: Parts, q: Parts, alpha: float) -> mpf:
    if alpha in (0, 1):
        return _kl(p, q) if alpha == 1 else _kl(q, p)
    a = mpf(alpha)
    if len(p[0]) == len(q[0]) == 1:
        (mu1, sigma1), (mu2, sigma2) = [(mpf(float(m[0])), mpf(float(s[0]))) for _, m, s in (p, q)]
        spread = (1 - a) * sigma1**2 + a * sigma2**2
        overlap = sigma1 ** (1 - a) * sigma2**a / mpmath.sqrt(spread)
        overlap *= mpmath.exp(-a * (1 - a) * (mu1 - mu2) ** 2 / spread / 2)
    else:
        overlap = _integral(lambda x, y: x**a * y ** (1 - a), p, q)
    return (1 - overlap) / (a * (1 - a))


def _integral(f: Any, p: Parts, q: Parts) -> mpf:
    """By mpmath's tanh-sinh rule, over 60 at either end: densities below 1e-90."""

    def density(parts: Parts, x: mpf) -> mpf:
        terms = zip(shares(parts[0]), numbers(parts[1]), numbers(parts[2]), strict=True)
        return mpmath.fsum(w * mpmath.npdf(x, m, s) for w, m, s in terms)

    with mpmath.workdps(20):
        points = [-60, -20, -8, -4, -2, 0, 2, 4, 6, 8, 20, 60]
        value: mpf = mpmath.quad(lambda x: f(density(p, x), density(q, x)), points, maxdegree=6)
    return value


def _mixtures(p: Parts, q: Parts) -> Any:
    from kllib.mixture import NormalMixture

    return NormalMixture(*p), NormalMixture(*q)


def _kl_of_kllib(p: Parts, q: Parts) -> float:
    from kllib.mixture import kl_normal_mixture

    return kl_normal_mixture(*_mixtures(p, q))


def _alpha_of_kllib(p: Parts, q: Parts, alpha: float) -> float:
    from kllib.mixture import alpha_normal_mixture

    return alpha_normal_mixture(*_mixtures(p, q), alpha)


QUADRATURE = "mpmath: the closed form for two normals, else tanh-sinh quadrature"
# Quadrature keeps 1e-11 of D and 1e-15 of its square root; D goes down to 5e-13 here.
BOUND = 2e-9
ROUTES = {
    "NormalMixture": Route(
        described, _description, "mpmath, 60 digits: by definition", call=_describe
    ),
    "kl_normal_mixture": Route(pairs, _kl, QUADRATURE, BOUND, call=_kl_of_kllib),
    "alpha_normal_mixture": Route(
        pairs_with_alpha, _alpha, QUADRATURE, BOUND, call=_alpha_of_kllib
    ),
}
