"""Second routes to kllib.fdivergence: mpmath, for exactly these floating-point arguments.

The value meant is that for p/Σp and q/Σq, the sums being exact.
"""

from collections.abc import Callable, Iterator
from typing import Any

import mpmath
import numpy as np

from benchmarks.second_routes.discrete import pairs
from benchmarks.second_routes.fdivergence.generators import EXACT, exact_divergence
from benchmarks.second_routes.route import FAR, NEAR, Case, Route, precise

mpf = mpmath.mpf

ALPHAS = (-3.3, -1.0, -1e-9, 0.0, 1e-9, 0.3, 0.5, 0.7, 1 - 1e-9, 1.0, 1 + 1e-9, 2.0, 4.0)


def some_pairs() -> Iterator[Case]:
    """The pairs of distributions, but of the long ones every third."""
    return (case for i, case in enumerate(pairs()) if len(case.arguments[0]) < 1000 or i % 3 == 0)


def generator_pairs() -> Iterator[Case]:
    """Pairs with a generator of a reader's own, which is accurate away from p = q."""
    from kllib.fdivergence.generators import DivergenceGenerator

    triangular = DivergenceGenerator(
        "triangular", lambda t: (t - 1) * ((t - 1) / (t + 1)), 1.0, 1.0
    )
    for case in pairs():
        if case.kind == FAR and len(case.arguments[0]) > 2:
            yield case._replace(arguments=(*case.arguments, triangular))


def _triangular(p: Any, q: Any, _: Any) -> mpf:
    return exact_divergence(lambda a, b: (a - b) ** 2 / (a + b), 1, 1)(p, q)


def pairs_and_alphas() -> Iterator[Case]:
    """Every pair with one of the orders in turn, and the short ones with six."""
    for i, case in enumerate(some_pairs()):
        p, q = case.arguments
        chosen = ALPHAS[i % 2 :: 2] if len(p) <= 3 else (ALPHAS[i % len(ALPHAS)],)
        for alpha in chosen:
            yield Case(f"{case.name}, alpha {alpha:.10g}", case.kind, (p, q, alpha))
    for alpha in (-300.0, 50.0, 1e6, 1e-12, 1e-300, 1 + 2.0**-52):
        p, q = np.array([0.5, 0.5]), np.array([0.5 + 1e-9, 0.5 - 1e-9])
        yield Case(f"1e-9 apart, alpha {alpha:g}", NEAR, (p, q, alpha))
    for alpha in (1023.0, -1022.0, 500.0, -1e9):
        yield Case(f"large powers, alpha {alpha:g}", FAR, ([1.0, 0.0], [0.5, 0.5], alpha))
        yield Case(f"large powers, both, alpha {alpha:g}", FAR, ([0.9, 0.1], [0.45, 0.55], alpha))


def alpha_terms(alpha: float) -> tuple[Callable[[mpf, mpf], mpf], Any, Any]:
    """q f(p/q), f(0) and f'(∞) of the generator of order alpha."""
    if alpha == 1:
        return lambda a, b: a * mpmath.log(a / b) - a + b, 1, mpmath.inf
    if alpha == 0:
        return lambda a, b: b * mpmath.log(b / a) + a - b, mpmath.inf, 1
    order = mpf(alpha)
    scale = order * (order - 1)
    at_zero = 1 / order if order > 0 else mpmath.inf
    slope = 1 / (1 - order) if order < 1 else mpmath.inf

    def terms(a: mpf, b: mpf) -> mpf:
        return (a**order * b ** (1 - order) - b - order * (a - b)) / scale

    return terms, at_zero, slope


def _alpha(p: Any, q: Any, alpha: float) -> mpf:
    return exact_divergence(*alpha_terms(alpha))(p, q)


def kls() -> Iterator[Case]:
    """Divergences of all sizes, infinity among them."""
    sizes = np.array([0, 1e-307, 1e-300, 1e-20, 1e-9, 0.1, 1.0, 1.6, 2.0, 30.0, 700.0, 1e300])
    for size in sizes:
        yield Case(f"{size:g}", FAR, (size,))
    yield Case("infinite", FAR, (np.inf,))
    yield Case("an array", FAR, (sizes.reshape(3, 4),))


def _elementwise(function: Callable[[mpf], mpf]) -> Callable[[Any], Any]:
    def truth(kl: Any) -> Any:
        return np.vectorize(lambda x: function(mpf(float(x))), otypes=[object])(kl)[()]

    return precise(truth)


def _exact(name: str) -> Callable[..., Any]:
    return precise(EXACT[f"{name}_GENERATOR"])


SUM = "mpmath, 60 digits: the sum of q f(p/q)"
ROUTES = {
    "f_divergence": Route(generator_pairs, precise(_triangular), SUM),
    "total_variation": Route(some_pairs, _exact("TOTAL_VARIATION"), SUM),
    "squared_hellinger": Route(some_pairs, _exact("SQUARED_HELLINGER"), SUM),
    "chi_squared": Route(some_pairs, _exact("CHI_SQUARED"), SUM),
    "jensen_shannon": Route(some_pairs, _exact("JENSEN_SHANNON"), SUM),
    "jensen_shannon_distance": Route(
        some_pairs, precise(lambda p, q: mpmath.sqrt(EXACT["JENSEN_SHANNON_GENERATOR"](p, q))), SUM
    ),
    "jeffreys": Route(some_pairs, _exact("JEFFREYS"), SUM),
    "alpha_divergence": Route(pairs_and_alphas, precise(_alpha), SUM),
    "pinsker_bound": Route(kls, _elementwise(lambda x: mpmath.sqrt(x / 2)), "mpmath, 60 digits"),
    "bretagnolle_huber_bound": Route(
        kls, _elementwise(lambda x: mpmath.sqrt(-mpmath.expm1(-x))), "mpmath, 60 digits"
    ),
}
