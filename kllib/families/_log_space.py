"""D(p‖q) by quadrature in log space, over all of p's support. Private.

The integrand is p (r − 1 − log r) with r = q/p, from log p and log q: it is never negative, so
that nothing cancels near p = q, and its integral over all of the support is

    ∫ p log(p/q) + Q − P,

where P and Q, the probabilities of the support, are added back (Q falls short of one where the
model's support is larger). It is evaluated in the units of p, after a change of variable that
sends the support to the whole line and both kinds of tail, power laws and poles, to exponential
decay. Only what lies beyond the range of floating-point numbers is left out; what is there is
estimated from the rate of decay, which also tells whether D is infinite.
"""

import warnings
from typing import Any, NamedTuple

import numpy as np

from kllib._numerics import elementwise, kl_sums
from kllib._numerics.validate import Array
from kllib.families import _change_of_variable as change
from kllib.families import _panels
from kllib.families._frozen import Univariate
from kllib.families._tails import PROBES, Tail, tail

_EPSILON = 2.0**-52
# What quadrature aims at. The bound it reports is what it has reached.
_RELATIVE = 1e-11
# What is left unresolved of the integrand, of its rounding errors, and of the masses of p and q.
_ABSOLUTE = np.array([0.0, np.inf, 1e-10, 1e-10])
# The largest error in a mass of one.
_MOST_MISSING = 1e-6
# The longest list of outcomes that a sum goes over one by one.
_MOST_OUTCOMES = 10**7
# How often a distance on the integers is doubled.
_DOUBLINGS = 990


class Measured(NamedTuple):
    """A divergence and a bound on its error."""

    value: float
    error: float


def divergence(
    p: Univariate, q: Univariate, shape: tuple[int, ...], index: tuple[int, ...]
) -> Measured:
    """D(p‖q) for one element of a batch of the given shape."""
    first, second = p.element(shape, index), q.element(shape, index)
    # Whatever overflows or underflows here is looked at afterwards.
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if "outcomes" in (first.family, second.family):
            return _outcome_divergence(first.frozen, second.frozen)
        shift = float(elementwise.standardized(second.loc, first.loc, first.scale))
        ratio = second.scale / first.scale
        if not (np.isfinite(shift) and 0 < ratio < np.inf):
            raise ArithmeticError("the scales of p and q are too far apart for quadrature")
        if _mass_outside(first, second):
            return Measured(np.inf, 0.0)
        own, other = first.moved(0.0, 1.0), second.moved(shift, ratio)
        return (_lattice_divergence if first.discrete else _density_divergence)(own, other)


def _mass_outside(p: Univariate, q: Univariate) -> bool:
    """Whether p has probability outside the support of q."""
    (low1, high1), (low2, high2) = p.frozen.support(), q.frozen.support()
    if not p.discrete:
        return bool(low1 < low2 or high1 > high2)
    if (q.loc - p.loc) % 1 != 0:
        return True
    neighbours = [min(low2 - 1, high1)] if low1 < low2 else []
    neighbours += [max(high2 + 1, low1)] if high1 > high2 else []
    return any(p.frozen.logpmf(x) > -np.inf for x in neighbours)


def _outcome_divergence(p: Any, q: Any) -> Measured:
    """D(p‖q) when one of the two is a list of outcomes; a sum over the outcomes of p."""
    low, high = p.support()
    if hasattr(p.dist, "xk"):
        outcomes = np.unique(p.dist.xk) + p.kwds["loc"]
    elif high - low > _MOST_OUTCOMES:
        return Measured(np.inf, 0.0)  # q has no probability for infinitely many of them
    else:
        outcomes = np.arange(low, high + 1)
    mass, model = (np.append(d.pmf(outcomes), 0.0) for d in (p, q))
    model[-1] = max(1 - model.sum(), 0.0)
    value = float(kl_sums.relative_entropy(mass, model))
    return Measured(value, 1e-12 * value + 1e-15 if np.isfinite(value) else 0.0)


def _density_divergence(p: Univariate, q: Univariate) -> Measured:
    """D(p‖q) for two distributions with densities, p in its standard form."""
    low, high = (float(end) for end in p.frozen.support())
    quantiles_p, quantiles_q = (change.quantiles(d.frozen, low, high) for d in (p, q))
    line = change.to_line(low, high, quantiles_p)

    def logs(t: Array) -> tuple[Array, Array, Array]:
        x, slope = line.x(t), line.log_slope(t)
        return p.log_density(x) + slope, q.log_density(x) + slope, np.abs(t - start)

    def integrand(t: Array) -> Array:
        log_p, log_q, _ = logs(t)
        x, log_slope = line.x(t), line.log_slope(t)
        step = np.gradient(x, axis=-1)
        # x is rounded, and so is the argument of q.
        size = np.abs(x) + abs(float(q.loc))
        both = _finite(np.gradient(log_p - log_slope, axis=-1) / step * x)
        model = _finite(np.gradient(log_q - log_slope, axis=-1) / step * size)
        return _components(log_p, log_q, model, both)

    start = float(line.inverse(np.array([change.middle(quantiles_p)]))[0])
    left = tail(np.linspace(start, line.low, PROBES), logs)
    right = tail(np.linspace(start, line.high, PROBES), logs)
    if left.divergent or right.divergent:
        return Measured(np.inf, 0.0)
    starts = [line.inverse(points) for points in (quantiles_p, quantiles_q) if points.size]
    grid = np.arange(line.low, line.high, 4.0)
    edges = change.edges(left.end, right.end, starts, grid)
    total = _panels.integrate(integrand, _panels.on_the_line, edges, _RELATIVE, _ABSOLUTE)
    return _assembled(total, left, right, _beyond(q.frozen, low, high))


def _lattice_divergence(p: Univariate, q: Univariate) -> Measured:
    """D(p‖q) for two distributions on the integers, p in its standard form.

    scipy's distribution functions on the integers are sums over all integers below, for many
    families, so that neither they nor quantiles are asked for: all of q's support is summed.
    """
    low, high = (float(end) for end in p.frozen.support())
    points = np.unique(np.concatenate([_lattice_points(d.frozen) for d in (p, q)]))
    centre = points[np.nanargmax(p.log_density(points))]

    def logs(k: Array) -> tuple[Array, Array, Array]:
        t = np.log(np.maximum(np.abs(k - centre), 1))
        return p.log_density(k) + t, q.log_density(k) + t, t

    def terms(k: Array) -> Array:
        # Probabilities have log-gamma functions in them, whose size is k log k. On long panels
        # their rounding errors show in the difference of the two rules.
        consecutive = k[:, 1:2] - k[:, :1] <= 1
        rounding = np.where(consecutive, 2 * np.abs(k) * np.log1p(np.abs(k)), 0.0)
        return _components(p.log_density(k), q.log_density(k), rounding, np.zeros_like(k))

    steps = np.append(0.0, np.unique(np.rint(2.0 ** np.arange(0, _DOUBLINGS, 0.25))))
    below, above = centre - steps, centre + steps
    left, right = tail(below, logs, refine=False), tail(above, logs, refine=False)
    if left.divergent or right.divergent:
        return Measured(np.inf, 0.0)
    edges = np.unique(np.concatenate([points, below, above]))
    first, last = (float(end) for end in q.frozen.support())
    first, last = max(first, left.end), min(last, right.end)
    # A panel ends where a support does: no long one sees what lies on its first integer alone.
    ends = np.array([*p.frozen.support(), *q.frozen.support()])[1::2] + 1.0
    edges = np.concatenate([edges, ends[np.isfinite(ends)], [first, last + 1]])
    edges = _alive(np.unique(edges.clip(first, last + 1)), p, q)
    total = _panels.integrate(terms, _panels.on_the_integers, edges, _RELATIVE, _ABSOLUTE)
    return _assembled(total, left, right, Measured(0.0, 0.0))


def _lattice_points(distribution: Any) -> Array:
    """Integers of the support: near its ends, and around the mean, at distances that double."""
    low, high = (float(end) for end in distribution.support())
    mean, variance = (float(x) for x in distribution.stats(moments="mv"))
    doubled = 2.0 ** np.arange(_DOUBLINGS)
    around = np.concatenate([-doubled[::-1], [0.0], doubled])
    width = np.ceil(np.sqrt(variance)) if 0 < variance < np.inf else 1.0
    parts = [low + around, high + around, np.rint(mean) + width * around, around]
    points = np.concatenate(parts)
    return points[(points >= low) & (points <= high)]


def _alive(edges: Array, p: Univariate, q: Univariate) -> Array:
    """The edges without those on either side beyond which both probabilities underflow."""
    some = np.flatnonzero((np.exp(p.log_density(edges)) > 0) | (np.exp(q.log_density(edges)) > 0))
    return edges[max(some[0] - 1, 0) : some[-1] + 2]


def _beyond(q: Any, low: float, high: float) -> Measured:
    """The probability that q has outside of the support of p."""
    least, largest = q.support()
    below = float(q.cdf(low)) if least < low else 0.0
    above = float(q.sf(high)) if largest > high else 0.0
    error = 8 * _EPSILON * (below + above)
    if 0 < above < 1e-3 and 1 - (1 - above) == above:
        error += _EPSILON  # it was computed as 1 − cdf, or looks so
    return Measured(below + above, error)


# ------------------------------------------------------------------------------- the integrand


def _components(log_p: Array, log_q: Array, model: Array, both: Array) -> Array:
    """p (r − 1 − log r), what rounding may have changed of it, p, and q.

    ``model`` and ``both`` say by how much rounding of the argument changes log q, and log p and
    log q alike, in units of the machine precision.
    """
    p, q, v = np.exp(log_p), np.exp(log_q), log_q - log_p
    gap = np.where(np.abs(v) < 1, p * elementwise.exponential_gap(v), q - p * (1 + v))
    gap = np.where(log_p > -np.inf, gap, q)
    noise = 2 * _EPSILON * (4 + np.abs(log_p) + np.abs(log_q)) + 2 * _EPSILON * model
    change = np.abs(q - p) * noise + q * np.minimum(noise, 1) ** 2 + 2 * _EPSILON * both * gap
    return np.stack([gap, np.where(p > 0, change, 0.0), p, q])


def _finite(slope: Array) -> Array:
    return np.where(np.isfinite(slope), np.abs(slope), 0.0)


def _assembled(total: _panels.Total, left: Tail, right: Tail, beyond: Measured) -> Measured:
    """The parts added up; ``ArithmeticError`` when there is no telling how large D is.

    ``beyond`` is what q has outside the support of p.
    """
    gap, noise, mass_p, mass_q = total.values
    outside_p = left.mass_p + right.mass_p
    outside_q = left.mass_q + right.mass_q + beyond.value
    value = gap + outside_q - outside_p + left.rest + right.rest
    if not np.isfinite(value):
        raise ArithmeticError(
            "the density of q is 0, underflows or is undefined where p has probability: D is "
            "infinite or unknown"
        )
    missing_p, missing_q = abs(1 - mass_p - outside_p), abs(1 - mass_q - outside_q)
    for name, missing in (("p", missing_p), ("q", missing_q)):
        if not missing < _MOST_MISSING:
            raise ArithmeticError(
                f"the density of {name} integrates to 1 only within {missing:.1g}: quadrature "
                "cannot resolve it, it is not normalised, or scipy computes it inaccurately"
            )
    # Densities that are too large by a factor 1 + m change D by m D to first order; what is missed
    # of q alone, by as much.
    unnormalised = max(missing_p - 1e-13, 0) * abs(value) + missing_p**2 + missing_q**2
    unnormalised += max(abs(missing_p - missing_q) - 1e-13, 0)
    rounding = noise + 8 * _EPSILON * abs(value) + unnormalised
    errors = beyond.error + left.error + right.error
    return Measured(max(float(value), 0.0), float(total.errors[0] + errors + rounding))
