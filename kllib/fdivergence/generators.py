"""Generators of f-divergences: convex functions f with f(1) = 0, and their limits.

`fdivergence.f_divergence` turns one into a divergence, D_f(p‖q) = Σ q f(p/q). Each of those below
comes with its terms q f(p/q) written so that none is negative and none cancels near p = q.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from kllib._numerics import fdivergence_terms, validate

__all__ = [
    "CHI_SQUARED_GENERATOR",
    "JEFFREYS_GENERATOR",
    "JENSEN_SHANNON_GENERATOR",
    "KL_GENERATOR",
    "REVERSE_KL_GENERATOR",
    "SQUARED_HELLINGER_GENERATOR",
    "TOTAL_VARIATION_GENERATOR",
    "DivergenceGenerator",
    "alpha_generator",
]

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class DivergenceGenerator:
    """A convex function f with f(1) = 0, which makes the divergence D_f(p‖q) = Σ q f(p/q).

    Adding c (t − 1) to f changes no divergence. The generators of this module have f ≥ 0, that is
    f'(1) = 0 where f has a derivative; so KL is t log t − t + 1 here, not t log t.

    Parameters
    ----------
    name : str
        For display.
    f : callable
        Takes an array of positive finite numbers t and returns f(t), element by element.
    at_zero : float
        f(0), the limit of f(t) as t → 0; may be ``inf``.
    slope_at_infinity : float
        f'(∞), the limit of f(t)/t as t → ∞; may be ``inf``.
    terms : callable, optional
        Takes arrays p, q (positive) and p − q and returns q f(p/q). The difference is known to more
        digits than p and q have, and with it the terms need not cancel where p is near q. Without
        ``terms`` they are computed as q f(p/q).

    Raises
    ------
    ValueError
        When f(1) is not 0, a limit is nan or -inf, or the limits add up to less than 0 (which no
        convex function with f(1) = 0 does).

    References
    ----------
    Csiszár (1963); Ali and Silvey (1966). Liese and Vajda (2006), On divergences and informations
    in statistics and information theory, IEEE Trans. Inf. Theory 52.

    Examples
    --------
    The triangular discrimination Σ (p − q)²/(p + q) has f(t) = (t − 1)²/(t + 1):

    >>> from kllib.fdivergence.divergences import f_divergence
    >>> triangular = DivergenceGenerator("triangular", lambda t: (t - 1) ** 2 / (t + 1), 1, 1)
    >>> print(f_divergence([0.5, 0.5, 0], [0.25, 0.25, 0.5], triangular))
    0.6666666666666666
    >>> print(round(2 * 0.25**2 / 0.75 + 0.5**2 / 0.5, 12))
    0.666666666667
    """

    name: str
    f: Callable[[Array], Array]
    at_zero: float
    slope_at_infinity: float
    terms: Callable[[Array, Array, Array], Array] | None = None

    def __post_init__(self) -> None:
        limits = {"at_zero": self.at_zero, "slope_at_infinity": self.slope_at_infinity}
        for name, limit in limits.items():
            if not limit > -np.inf:
                raise ValueError(
                    f"{name} of generator {self.name!r} must be a limit; got {limit!r}"
                )
        if self.at_zero + self.slope_at_infinity < 0:
            raise ValueError(f"generator {self.name!r} is not convex: f(0) + f'(∞) is negative")
        at_one = np.asarray(self.f(np.ones(1)))
        if at_one.shape != (1,) or not abs(at_one[0]) <= 1e-12:
            raise ValueError(f"generator {self.name!r} must have f([1.0]) = [0.0]; got {at_one!r}")

    def reverse(self) -> "DivergenceGenerator":
        """The generator t f(1/t), which exchanges the arguments: D(p‖q) becomes D(q‖p)."""
        f, terms = self.f, self.terms
        return DivergenceGenerator(
            f"reverse of {self.name}",
            lambda t: t * f(1 / t),
            at_zero=self.slope_at_infinity,
            slope_at_infinity=self.at_zero,
            terms=None if terms is None else lambda p, q, gap: terms(q, p, -gap),
        )

    def all_terms(self, p: Array, q: Array, gap: Array) -> Array:
        """q f(p/q) for positive p and q, gap being p − q."""
        if self.terms is not None:
            return self.terms(p, q, gap)
        t = p / q
        beyond = np.where(t > 0, p * self.slope_at_infinity, q * self.at_zero)
        inside = (t > 0) & (t < np.inf)
        return np.where(inside, q * self.f(np.where(inside, t, 1.0)), beyond)


#: D(p‖q): f(t) = t log t − t + 1, f(0) = 1, f'(∞) = ∞.
KL_GENERATOR = DivergenceGenerator(
    "KL",
    lambda t: t * np.log(t) - t + 1,
    at_zero=1.0,
    slope_at_infinity=np.inf,
    terms=fdivergence_terms.kl,
)
#: D(q‖p): f(t) = −log t + t − 1, f(0) = ∞, f'(∞) = 1.
REVERSE_KL_GENERATOR = DivergenceGenerator(
    "reverse KL",
    lambda t: t - 1 - np.log(t),
    at_zero=np.inf,
    slope_at_infinity=1.0,
    terms=fdivergence_terms.reverse_kl,
)
#: ½ Σ |p − q|: f(t) = ½ |t − 1|, f(0) = f'(∞) = ½.
TOTAL_VARIATION_GENERATOR = DivergenceGenerator(
    "total variation",
    lambda t: np.abs(t - 1) / 2,
    at_zero=0.5,
    slope_at_infinity=0.5,
    terms=fdivergence_terms.total_variation,
)
#: ½ Σ (√p − √q)²: f(t) = ½ (√t − 1)², f(0) = f'(∞) = ½.
SQUARED_HELLINGER_GENERATOR = DivergenceGenerator(
    "squared Hellinger",
    lambda t: (np.sqrt(t) - 1) ** 2 / 2,
    at_zero=0.5,
    slope_at_infinity=0.5,
    terms=fdivergence_terms.squared_hellinger,
)
#: Σ (p − q)²/q: f(t) = (t − 1)², f(0) = 1, f'(∞) = ∞.
CHI_SQUARED_GENERATOR = DivergenceGenerator(
    "chi-squared",
    lambda t: (t - 1) ** 2,
    at_zero=1.0,
    slope_at_infinity=np.inf,
    terms=fdivergence_terms.chi_squared,
)
#: ½ D(p‖r) + ½ D(q‖r), r = (p + q)/2: f(t) = ½ [t log t − (t + 1) log((t + 1)/2)],
#: f(0) = f'(∞) = ½ log 2.
JENSEN_SHANNON_GENERATOR = DivergenceGenerator(
    "Jensen–Shannon",
    lambda t: (t * np.log(t) - (t + 1) * np.log((t + 1) / 2)) / 2,
    at_zero=np.log(2) / 2,
    slope_at_infinity=np.log(2) / 2,
    terms=fdivergence_terms.jensen_shannon,
)
#: D(p‖q) + D(q‖p): f(t) = (t − 1) log t, f(0) = f'(∞) = ∞.
JEFFREYS_GENERATOR = DivergenceGenerator(
    "Jeffreys",
    lambda t: (t - 1) * np.log(t),
    at_zero=np.inf,
    slope_at_infinity=np.inf,
    terms=fdivergence_terms.jeffreys,
)


def alpha_generator(alpha: float) -> DivergenceGenerator:
    """f(t) = (t^α − 1 − α (t − 1))/(α (α − 1)), the generator of `alpha_divergence`.

    Its limits are f(0) = 1/α for α > 0, else ∞, and f'(∞) = 1/(1 − α) for α < 1, else ∞. For α = 1
    it is t log t − t + 1, for α = 0 it is t − 1 − log t.

    Parameters
    ----------
    alpha : float
        Any finite real number.

    Returns
    -------
    DivergenceGenerator

    Raises
    ------
    ValueError
        When alpha is not a finite number.

    Examples
    --------
    >>> from kllib.fdivergence.divergences import f_divergence
    >>> p, q = [0.5, 0.5], [0.2, 0.8]
    >>> print(round(2 * f_divergence(p, q, alpha_generator(2)), 12))
    0.5625
    >>> print(round(f_divergence(p, q, CHI_SQUARED_GENERATOR), 12))
    0.5625
    """
    order = _order(alpha)

    def f(t: Array) -> Array:
        with np.errstate(all="ignore"):
            return fdivergence_terms.alpha(order)(t, np.ones_like(t), t - 1)

    return DivergenceGenerator(
        f"alpha = {order:g}",
        f,
        at_zero=1 / order if order > 0 else np.inf,
        slope_at_infinity=1 / (1 - order) if order < 1 else np.inf,
        terms=fdivergence_terms.alpha(order),
    )


def _order(alpha: float) -> float:
    number = validate.real_array("alpha", alpha)
    if number.ndim:
        raise ValueError(f"alpha must be one number; got an array of shape {number.shape}")
    return float(number)
