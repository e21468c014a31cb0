"""Log odds and shares of two distributions, accurate where the two nearly agree. Private."""

import math

import numpy as np

from kllib._numerics import double_double as dd
from kllib._numerics import fdivergence_terms
from kllib._numerics.double_double import DD
from kllib._numerics.validate import Array


def middle_to_p(p: Array, q: Array, gap: Array) -> Array:
    """2 [m log(m/p) − m + p] with m = (p + q)/2; gap is p − q."""
    return 2 * fdivergence_terms.kl(p - gap / 2, p, -gap / 2)


def exact_shares(p: Array, q: Array) -> tuple[Array, Array, Array]:
    """p/Σp − q/Σq without cancellation, p/Σp and q/Σq."""

    def shares(x: Array) -> DD:
        total = dd.total(x)
        whole = DD(total.hi[..., None], total.lo[..., None])
        return dd.divide(DD(x, np.zeros_like(x)), whole)

    first, second = shares(p), shares(q)
    gap = dd.two_sum(first.hi, -second.hi)
    return gap.hi + (gap.lo + (first.lo - second.lo)), first.hi, second.hi


def log_twice_share(a: Array, b: Array, difference: Array) -> Array:
    """log(2 a/(a + b)), near a = b too; difference is a − b. What it is where a is 0 is −inf."""
    both = np.where(a + b > 0, a + b, 1.0)
    relative = difference / both
    near = np.log1p(np.where(np.abs(relative) < 0.5, relative, 0.0))
    far = math.log(2) - np.logaddexp(0, log_odds(b, a))
    return np.where(np.abs(relative) < 0.5, near, far)


def log_odds(a: Array, b: Array) -> Array:
    """log(a/b); 0 where both are zero, which never comes."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((a > 0) | (b > 0), np.log(a) - np.log(b), 0.0)
