"""Second routes to the generators of kllib.fdivergence.generators: mpmath, through `f_divergence`.

Each generator is applied to pairs of distributions, and compared with the sum written out.
"""

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import mpmath
import numpy as np

from benchmarks.second_routes.discrete import pairs
from benchmarks.second_routes.route import Case, Route, precise, shares

mpf = mpmath.mpf
HALF = mpf("0.5")
LARGEST = mpf(np.finfo(float).max)


def exact_divergence(
    terms: Callable[[mpf, mpf], mpf], at_zero: Any, slope: Any
) -> Callable[[Any, Any], mpf]:
    """The sum over the outcomes of q f(p/q), of q f(0) where p = 0 and of p f'(∞) where q = 0.

    Of a distribution that is 1024 copies of a shorter one, over the shorter one.
    """

    def divergence(p: Any, q: Any) -> mpf:
        distinct = len(p) // 1024 if len(p) > 1_000_000 else len(p)
        total = mpf(0)
        for a, b in zip(shares(p[:distinct]), shares(q[:distinct]), strict=True):
            if a and b:
                total += terms(a, b)
            elif a or b:
                total += a * slope if a else b * at_zero
        return total if total <= LARGEST else mpmath.inf

    return divergence


def few_pairs() -> Iterator[Case]:
    """Every pair of distributions on at most 10 outcomes."""
    return (case for case in pairs() if len(case.arguments[0]) <= 10)


def _route(name: str, exact: Callable[[Any, Any], mpf]) -> Route:
    def call(p: Any, q: Any) -> Any:
        generators = import_module("kllib.fdivergence.generators")
        return import_module("kllib.fdivergence").f_divergence(p, q, getattr(generators, name))

    return Route(few_pairs, precise(exact), "mpmath, 60 digits: the sum of q f(p/q)", call=call)


def _kl(a: mpf, b: mpf) -> mpf:
    return a * mpmath.log(a / b) - a + b


def _jensen_shannon(a: mpf, b: mpf) -> mpf:
    r = (a + b) / 2
    return (a * mpmath.log(a / r) + b * mpmath.log(b / r)) / 2


def _hellinger(a: mpf, b: mpf) -> mpf:
    return (mpmath.sqrt(a) - mpmath.sqrt(b)) ** 2 / 2


def _half_log_2() -> mpf:
    with mpmath.workdps(720):
        return mpmath.log(2) / 2


INF = mpmath.inf
EXACT = {
    "KL_GENERATOR": exact_divergence(_kl, 1, INF),
    "REVERSE_KL_GENERATOR": exact_divergence(lambda a, b: _kl(b, a), INF, 1),
    "TOTAL_VARIATION_GENERATOR": exact_divergence(lambda a, b: abs(a - b) / 2, HALF, HALF),
    "SQUARED_HELLINGER_GENERATOR": exact_divergence(_hellinger, HALF, HALF),
    "CHI_SQUARED_GENERATOR": exact_divergence(lambda a, b: (a - b) ** 2 / b, 1, INF),
    "JENSEN_SHANNON_GENERATOR": exact_divergence(_jensen_shannon, _half_log_2(), _half_log_2()),
    "JEFFREYS_GENERATOR": exact_divergence(lambda a, b: (a - b) * mpmath.log(a / b), INF, INF),
}
ROUTES = {name: _route(name, exact) for name, exact in EXACT.items()}
EXEMPT = {
    "DivergenceGenerator": "holds a function; f_divergence's row uses one made by hand",
    "alpha_generator": "makes the generator of alpha_divergence, whose row it shares",
}
