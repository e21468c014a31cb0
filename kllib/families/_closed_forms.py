"""Which pairs of frozen scipy distributions have a closed form, and how to call it. Private.

The keys are scipy's names of the families. Each entry turns two distributions of one family into
the arguments of a formula; the formulas themselves are in `_discrete_families`,
`_continuous_families`, `_gamma_families` and `gaussian`. A result of ``nan`` means that this pair
of the family has no closed form.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from kllib._numerics import validate
from kllib._numerics.validate import Array
from kllib.families import _continuous_families as continuous
from kllib.families import _discrete_families as discrete
from kllib.families import _gamma_families as gamma
from kllib.families._frozen import Multivariate, Univariate
from kllib.families._wishart import kl_inverse_wishart, kl_wishart
from kllib.gaussian import kl_multivariate_normal, kl_normal

Formula: TypeAlias = Callable[[Univariate, Univariate], Any]
VectorFormula: TypeAlias = Callable[[Any, Any], Any]


def _shapes(formula: Callable[..., Any]) -> Formula:
    """The formula of the shapes alone, for equal locations and scales."""

    def pair(p: Univariate, q: Univariate) -> Any:
        same = (p.loc == q.loc) & (p.scale == q.scale)
        return np.where(same, formula(*p.shapes, *q.shapes), np.nan)

    return pair


def _shapes_and_scale(formula: Callable[..., Any]) -> Formula:
    """The formula of shapes and scale, for families that begin (or end) at their location."""

    def pair(p: Univariate, q: Univariate) -> Any:
        value = formula(*p.shapes, p.scale, *q.shapes, q.scale)
        return np.where(p.loc == q.loc, value, np.nan)

    return pair


def _multinomial(n1: Array, p1: Array, n2: Array, p2: Array) -> Array:
    validate.same_length(p=p1, q=p2)
    return discrete.kl_multinomial(n1, p1, n2, p2)


def _location_and_scale(formula: Callable[..., Any]) -> Formula:
    """The formula of location and scale, for families without shapes."""
    return lambda p, q: formula(p.loc, p.scale, q.loc, q.scale)


UNIVARIATE: dict[str, Formula] = {
    # On the integers
    "bernoulli": _shapes(discrete.kl_bernoulli),
    "binom": _shapes(discrete.kl_binomial),
    "geom": _shapes(discrete.kl_geometric),
    "nbinom": _shapes(discrete.kl_negative_binomial),
    "poisson": _shapes(discrete.kl_poisson),
    "randint": lambda p, q: discrete.kl_discrete_uniform(
        *(p.loc + end for end in p.shapes), *(q.loc + end for end in q.shapes)
    ),
    # On the line
    "norm": _location_and_scale(kl_normal),
    "laplace": _location_and_scale(continuous.kl_laplace),
    "cauchy": _location_and_scale(continuous.kl_cauchy),
    "gumbel_r": _location_and_scale(gamma.kl_gumbel),
    "gumbel_l": lambda p, q: gamma.kl_gumbel(-p.loc, p.scale, -q.loc, q.scale),
    # On a half-line
    "expon": _location_and_scale(continuous.kl_exponential),
    "pareto": _shapes_and_scale(continuous.kl_pareto),
    "lognorm": _shapes_and_scale(continuous.kl_log_normal),
    "gamma": _shapes_and_scale(gamma.kl_gamma),
    "invgamma": _shapes_and_scale(gamma.kl_inverse_gamma),
    "chi": _shapes_and_scale(gamma.kl_chi),
    "nakagami": _shapes_and_scale(gamma.kl_nakagami),
    "halfnorm": _shapes_and_scale(gamma.kl_half_normal),
    "rayleigh": _shapes_and_scale(gamma.kl_rayleigh),
    "maxwell": _shapes_and_scale(gamma.kl_maxwell),
    "weibull_min": _shapes_and_scale(gamma.kl_weibull),
    "weibull_max": _shapes_and_scale(gamma.kl_weibull),
    "invweibull": _shapes_and_scale(gamma.kl_frechet),
    # On an interval
    "uniform": _location_and_scale(continuous.kl_uniform),
    "beta": _shapes(gamma.kl_beta),
    "powerlaw": _shapes(continuous.kl_power_function),
    # On the circle
    "vonmises": lambda p, q: gamma.kl_von_mises(p.loc, p.shapes[0], q.loc, q.shapes[0]),
    "vonmises_line": _shapes(lambda kappa1, kappa2: gamma.kl_von_mises(0.0, kappa1, 0.0, kappa2)),
}

# Families that are part of a wider one: its name, its shapes, and what to multiply the scale by.
WIDER: dict[str, tuple[str, Callable[..., tuple[Any, ...]], float]] = {
    "bernoulli": ("binom", lambda p: (np.ones_like(p), p), 1),
    "expon": ("gamma", lambda: (np.float64(1),), 1),
    "erlang": ("gamma", lambda a: (a,), 1),
    "chi2": ("gamma", lambda df: (df / 2,), 2),
    "uniform": ("beta", lambda: (np.float64(1), np.float64(1)), 1),
    "arcsine": ("beta", lambda: (np.float64(0.5), np.float64(0.5)), 1),
    "powerlaw": ("beta", lambda a: (a, np.float64(1)), 1),
}

MULTIVARIATE: dict[str, VectorFormula] = {
    "multivariate_normal": lambda p, q: kl_multivariate_normal(p.mean, p.cov, q.mean, q.cov),
    "multinomial": lambda p, q: _multinomial(p.n, p.p, q.n, q.p),
    "dirichlet": lambda p, q: gamma.kl_dirichlet(p.alpha, q.alpha),
    "wishart": lambda p, q: kl_wishart(p.df, p.scale, q.df, q.scale),
    "invwishart": lambda p, q: kl_inverse_wishart(p.df, p.scale, q.df, q.scale),
}


def univariate(p: Univariate, q: Univariate) -> Array:
    """The closed form, of the shape of the batch; nan where there is none."""
    shape = np.broadcast_shapes(p.shape, q.shape)
    if p.family == q.family == "outcomes":
        first, second = p.frozen.dist, q.frozen.dist
        value: Any = discrete.kl_outcomes(first.xk + p.loc, first.pk, second.xk + q.loc, second.pk)
    elif p.family == q.family and p.family in UNIVARIATE:
        value = UNIVARIATE[p.family](p, q)
    else:
        first_wide, second_wide = _widened(p), _widened(q)
        if first_wide.family != second_wide.family or first_wide.family not in UNIVARIATE:
            return np.full(shape, np.nan)
        value = UNIVARIATE[first_wide.family](first_wide, second_wide)
    return np.array(np.broadcast_to(value, shape), dtype=np.float64)


def _widened(p: Univariate) -> Univariate:
    if p.family not in WIDER:
        return p
    family, shapes, factor = WIDER[p.family]
    return replace(p, family=family, shapes=shapes(*p.shapes), scale=factor * p.scale)


def multivariate(p: Multivariate, q: Multivariate) -> Any:
    """The closed form; ``ValueError`` when there is none."""
    if p.family != q.family or p.family not in MULTIVARIATE:
        raise ValueError(
            f"there is no closed form for {p.family} against {q.family}, and quadrature is for "
            "one dimension; draw samples and call kllib.monte_carlo_kl"
        )
    return MULTIVARIATE[p.family](p.frozen, q.frozen)
