"""Reading frozen scipy.stats distributions: family, shapes, location, scale. Private.

Nothing here imports scipy.stats: whoever passes a distribution has loaded it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import ive, zeta

from kllib._numerics.validate import Array

# The angle is all that counts on a circle: densities there have period 2π, on all of the line.
_CIRCULAR = ("vonmises",)
# Below this a Bessel function of large order has underflown, or will soon.
_BESSEL_LEAST = 1e-280
_SCIPY_MODULES = ("scipy.stats._continuous_distns", "scipy.stats._discrete_distns")


@dataclass(frozen=True)
class Univariate:
    """A frozen distribution on the line; its parameters broadcast against each other."""

    family: str  # scipy's name of the family; empty for families that are not scipy's own
    frozen: Any
    shapes: tuple[Array, ...]
    loc: Array
    scale: Array
    discrete: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the batch."""
        return np.broadcast_shapes(
            self.loc.shape, self.scale.shape, *(s.shape for s in self.shapes)
        )

    @property
    def circular(self) -> bool:
        return self.family in _CIRCULAR

    def element(self, shape: tuple[int, ...], index: tuple[int, ...]) -> "Univariate":
        """One distribution of the batch, broadcast to ``shape``."""
        loc, scale, *shapes = (
            np.broadcast_to(x, shape)[index] for x in (self.loc, self.scale, *self.shapes)
        )
        one = replace(self, shapes=tuple(shapes), loc=np.asarray(loc), scale=np.asarray(scale))
        return one.moved(loc, scale)

    def moved(self, loc: Any, scale: Any) -> "Univariate":
        """The same shapes with this location and scale."""
        where = {"loc": loc} if self.discrete else {"loc": loc, "scale": scale}
        frozen = self.frozen.dist(*self.shapes, **where)
        return replace(self, frozen=frozen, loc=np.asarray(loc), scale=np.asarray(scale))

    def log_density(self, x: Array) -> Array:
        """The log density, or log probability, at x."""
        if self.family not in _LOG_DENSITIES:
            values: Array = self.frozen.logpmf(x) if self.discrete else self.frozen.logpdf(x)
            return values
        low, high = self.frozen.support()
        standard = (x - self.loc) / self.scale
        values = _LOG_DENSITIES[self.family](standard, *self.shapes) - np.log(self.scale)
        return np.where((x >= low) & (x <= high), values, -np.inf)


def _log_skellam(k: Array, mu1: Array, mu2: Array) -> Array:
    """−(√μ₁ − √μ₂)² + (k/2) log(μ₁/μ₂) + log(I_k(z) e^−z) with z = 2√(μ₁μ₂)."""
    z = 2 * np.sqrt(mu1) * np.sqrt(mu2)
    bessel = ive(np.abs(k), z)
    offset = -((np.sqrt(mu1) - np.sqrt(mu2)) ** 2)
    near = offset + k / 2 * (np.log(mu1) - np.log(mu2)) + np.log(bessel)
    return np.where(bessel > _BESSEL_LEAST, near, _log_skellam_far(k, mu1, mu2, z))


def _log_skellam_far(k: Array, mu1: Array, mu2: Array, z: Array) -> Array:
    """The same where the Bessel function underflows: DLMF 10.41.3 with three terms of the series.

    (k/2) log(μ₁/μ₂) + |k| log z is |k| log 2μ₁ on the right and |k| log 2μ₂ on the left.
    """
    order = np.maximum(np.abs(k), 1)
    root = np.hypot(1, z / order)
    t = 1 / root
    first = (3 * t - 5 * t**3) / 24 / order
    second = (81 * t**2 - 462 * t**4 + 385 * t**6) / 1152 / order**2
    third = 30375 * t**3 - 369603 * t**5 + 765765 * t**7 - 425425 * t**9
    series = np.log1p(first + second + third / 414720 / order**3)
    leading = root + np.log(2 * np.where(k > 0, mu1, mu2) / order) - np.log1p(root)
    result: Array = order * leading - np.log(2 * np.pi * order * root) / 2 + series - mu1 - mu2
    return result


# Where scipy has the density alone, so that its logarithm underflows far out.
_LOG_DENSITIES: dict[str, Callable[..., Array]] = {
    "dlaplace": lambda k, a: np.log(np.tanh(a / 2)) - a * np.abs(k),
    "hypsecant": lambda x: -np.logaddexp(x, -x) + np.log(2 / np.pi),
    "invweibull": lambda x, c: np.log(c) - (c + 1) * np.log(x) - x**-c,
    "laplace": lambda x: -np.abs(x) - np.log(2),
    "levy": lambda x: -np.log(2 * np.pi) / 2 - 1.5 * np.log(x) - 0.5 / x,
    "logser": lambda k, p: k * np.log(p) - np.log(k) - np.log(-np.log1p(-p)),
    "pareto": lambda x, b: np.log(b) - (b + 1) * np.log(x),
    "skellam": _log_skellam,
    "zipf": lambda k, a: -a * np.log(k) - np.log(zeta(a)),
}


@dataclass(frozen=True)
class Multivariate:
    """A frozen distribution of vectors or matrices."""

    family: str
    frozen: Any


def read(name: str, distribution: Any) -> Univariate | Multivariate:
    """What ``distribution`` is; ``ValueError`` when it is not a frozen scipy.stats distribution."""
    kind = type(distribution).__name__
    own = type(distribution).__module__.startswith("scipy.stats.")
    if own and kind in ("rv_discrete_frozen", "rv_continuous_frozen"):
        return _read_univariate(name, distribution, discrete=kind == "rv_discrete_frozen")
    if own and kind.endswith("_frozen"):
        return Multivariate(kind.removesuffix("_frozen"), distribution)
    if own and kind in ("rv_sample", "rv_histogram"):
        raise ValueError(f"{name} is not frozen; freeze it by a call without arguments, {name}()")
    if own and kind.endswith("_gen"):
        raise ValueError(
            f"{name} is a whole family of distributions; call it with its parameters, "
            "for example scipy.stats.norm(loc=0, scale=1)"
        )
    raise ValueError(
        f"{name} must be a frozen scipy.stats distribution, for example "
        f"scipy.stats.norm(loc=0, scale=1); got {kind}"
    )


def _read_univariate(name: str, frozen: Any, discrete: bool) -> Univariate:
    dist = frozen.dist
    shapes, loc, scale = dist._parse_args(*frozen.args, **frozen.kwds)
    try:
        parameters = [np.asarray(x, dtype=np.float64) for x in (*shapes, loc, scale)]
        np.broadcast_shapes(*(x.shape for x in parameters))
    except (TypeError, ValueError) as error:
        raise ValueError(f"the parameters of {name} make no distribution: {error}") from None
    *arrays, location, width = parameters
    valid = dist._argcheck(*arrays) if arrays else True
    if not np.all(valid & (width > 0) & np.isfinite(location) & np.isfinite(width)):
        listed = ", ".join(str(x) for x in (*frozen.args, *frozen.kwds.items()))
        raise ValueError(f"{name} is not a distribution: {dist.name} does not allow ({listed})")
    family = dist.name or "" if type(dist).__module__ in _SCIPY_MODULES else ""
    if type(dist).__name__ == "rv_sample":
        family = "outcomes"
    return Univariate(family, frozen, tuple(arrays), location, width, discrete)
