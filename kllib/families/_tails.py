"""What lies beyond the last place where p log(p/q) can be evaluated: its size, if finite. Private.

Far out, densities in t, the variable in which a power law is exp(-rate t), decay exponentially or
faster. So two rates tell the rest of the integral: that of p, and that at which log(p/q) grows.
When the second one is at least the first, and the log ratio positive, D is infinite.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

from kllib._numerics.validate import Array

# A tail of the integrand like exp(-rate t), with a rate below this, counts as divergent.
_SLOWEST = 1e-9
# A log ratio that grows like t to a power below this is taken for a power of t, not exponential.
_POLYNOMIAL = 4.0
# Log densities below this did not underflow from a density, they are densities in their own right.
_UNDERFLOWN = -1e4
# When p underflows where the integrand, in t, is below this, nothing is left of it.
_NEGLIGIBLE = 1e-200
# As much of p may lie where q underflows.
_MOST_UNKNOWN = 1e-6
_UNKNOWN = "the log density of q underflows where p still has probability, so that D is unknown"
#: Points at which tails are probed.
PROBES = 2001
#: Maps points to log p and log q, as densities in t, and to t.
Logs: TypeAlias = Callable[[Array], tuple[Array, Array, Array]]


class Tail(NamedTuple):
    """Where panels end, and what ∫ p log(p/q), ∫ p and ∫ q are beyond."""

    end: float
    rest: float = 0.0
    error: float = 0.0
    mass_p: float = 0.0
    mass_q: float = 0.0
    divergent: bool = False


def tail(points: Array, logs: Logs, refine: bool = True) -> Tail:
    """The tail along ``points``, which go outwards from the middle of p.

    With ``refine``, they are drawn closer when p or q underflows early; without, they are integers.
    """
    log_p, log_q, t = logs(points)
    end = float(points[-1])
    mass_p, mass_q = _mass_beyond(log_p, t), _mass_beyond(log_q, t)
    cut, last = _last_usable(log_p, log_q)
    if last + 1 < points.size and refine:  # where exactly, and what comes before it?
        points = np.linspace(points[0], points[last + 1], PROBES)
        log_p, log_q, t = logs(points)
        cut, last = _last_usable(log_p, log_q)
    if last + 1 < points.size and not cut and not refine:
        return Tail(end, mass_p=mass_p, mass_q=mass_q)  # the support of p ends on an integer
    log_p, log_q, t = log_p[: last + 1], log_q[: last + 1], t[: last + 1]
    underflown = cut and log_q[last] > _UNDERFLOWN
    ratio = log_p - log_q
    size = float(np.exp(log_p[last]))
    if cut or (last + 1 < points.size and not size * abs(ratio[last]) < _NEGLIGIBLE):
        end = float(points[last])
        mass_p, mass_q = _mass_beyond(log_p, t), _mass_beyond(log_q, t)
    spans = _late_and_early(t)
    if ratio[last] == 0 or (spans is None and not cut):
        return Tail(end, mass_p=mass_p, mass_q=mass_q)
    if spans is None:
        raise ArithmeticError(_UNKNOWN)
    rate, rate_before = (-_slope(t[span], log_p[span]) for span in spans)
    bend, bend_before = (_slope(t[span], ratio[span]) for span in spans)
    if underflown and not size < _MOST_UNKNOWN * rate:
        raise ArithmeticError(_UNKNOWN)
    if rate > 0 and bend / ratio[last] * t[last] < _POLYNOMIAL:
        # The log ratio grows like a power of t at most: ∫ (ratio + bend t) exp(-rate t) dt
        rest = size * (ratio[last] / rate + bend / rate**2)
        doubt = abs(rest) * abs(rate_before / rate - 1) + size * abs(bend_before - bend) / rate**2
    else:
        log_ratio = np.log(np.abs(ratio))
        growth, growth_before = (_slope(t[span], log_ratio[span]) for span in spans)
        net = rate - growth
        if underflown and not net > _SLOWEST:
            raise ArithmeticError(_UNKNOWN)
        if ratio[last] > 0 and net <= _SLOWEST:
            return Tail(end, divergent=True)
        if not net > _SLOWEST:
            raise ArithmeticError("the tails of p and q decay too slowly to tell what D is")
        rest = size * ratio[last] / net
        doubt = abs(rest) * abs((rate_before - growth_before) / net - 1)
    error = min(doubt, abs(rest)) + 1e-6 * abs(rest) + (10 * abs(rest) if underflown else 0.0)
    # Both masses are extrapolated in the same way, and what matters is by how much they differ.
    error += (abs(rate_before / rate - 1) + 1e-6) * abs(mass_q - mass_p)
    return Tail(end, float(rest), float(error), mass_p, mass_q)


def _last_usable(log_p: Array, log_q: Array) -> tuple[bool, int]:
    """Whether somewhere only p can be evaluated, and the last point before it with p and q > 0."""
    without_model = np.isnan(log_p) | np.isnan(log_q) | ((log_p > -np.inf) & (log_q == -np.inf))
    cut = bool(without_model.any())
    first = int(np.argmax(without_model)) if cut else log_p.size
    both = np.flatnonzero((log_p[:first] > -np.inf) & (log_q[:first] > -np.inf))
    if not both.size:
        raise ArithmeticError("the density of q is 0 or undefined in the middle of p")
    return cut, int(both[-1])


def _late_and_early(t: Array) -> tuple[slice, slice] | None:
    """The ends of the last twentieth, and of what comes before it."""
    near, far = (int(np.searchsorted(t, share * t[-1])) for share in (0.95, 0.75))
    if not far < near < t.size - 1:
        return None
    return slice(near, None, t.size - 1 - near), slice(far, near + 1, near - far)


def _mass_beyond(log_density: Array, t: Array) -> float:
    spans = _late_and_early(t)
    if spans is None or not np.isfinite(log_density[[-1, spans[0].start]]).all():
        return 0.0
    rate = -_slope(t[spans[0]], log_density[spans[0]])
    return float(np.exp(log_density[-1])) / rate if rate > 0 else 0.0


def _slope(t: Array, values: Array) -> float:
    return float((values[-1] - values[0]) / (t[-1] - t[0]))
