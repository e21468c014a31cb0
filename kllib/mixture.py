"""Mixtures of normal distributions on the line, and the divergences between two of them.

A normal distribution is a mixture of one component. No divergence between mixtures has a closed
form, so the values are integrals, computed to about 12 digits by adaptive quadrature over the whole
line: nothing is cut off where it could be seen.

Every function is D(first‖second), in nats; ``sigmas`` are standard deviations.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from kllib._numerics import averages, elementwise, mixture_integrals, validate, validate_numbers
from kllib._numerics.validate import Array

__all__ = [
    "NormalMixture",
    "alpha_normal_mixture",
    "kl_normal_mixture",
]


@dataclass(frozen=True, eq=False, init=False)
class NormalMixture:
    """The density p(x) = Σ_k w_k N(x; μ_k, σ_k²) on the line.

    Parameters
    ----------
    weights : array_like, shape (k,)
        A distribution over the components; one that has weight 0 counts for nothing.
    means, sigmas : array_like, shape (k,)
        Mean and standard deviation of each component.

    Raises
    ------
    ValueError
        When the weights are not a distribution, a number is not finite, a standard deviation is
        not positive, or the three lengths differ.

    References
    ----------
    Bishop (2006), Pattern Recognition and Machine Learning, section 9.2.

    Examples
    --------
    The variance is the mean of the variances plus the variance of the means, ¼ + 4:

    >>> two = NormalMixture([0.5, 0.5], [-2, 2], [0.5, 0.5])
    >>> print(two.mean, two.variance)
    0.0 4.25
    """

    weights: Array
    means: Array
    sigmas: Array

    def __init__(self, weights: ArrayLike, means: ArrayLike, sigmas: ArrayLike) -> None:
        fields = {
            "weights": validate.distribution("weights", weights),
            "means": validate.vectors("means", means),
            "sigmas": np.atleast_1d(validate.positive("sigmas", sigmas)),
        }
        validate.same_length(**fields)
        for name, array in fields.items():
            if array.ndim != 1:
                raise ValueError(f"{name} must be a vector; its shape is {array.shape}")
            frozen = array.copy()
            frozen.flags.writeable = False
            object.__setattr__(self, name, frozen)

    @property
    def mean(self) -> float:
        """Σ_k w_k μ_k."""
        return float(averages.expectation(self.weights, self.means))

    @property
    def variance(self) -> float:
        """Σ_k w_k [σ_k² + (μ_k − mean)²]."""
        spread = elementwise.square(self.sigmas) + elementwise.square(self.means - self.mean)
        return float(averages.expectation(self.weights, spread))

    @property
    def standard_deviation(self) -> float:
        """The square root of the variance, which may itself be beyond the range of a float."""
        scale = float(max(self.sigmas.max(), np.ptp(self.means)))
        spread = np.hypot(self.sigmas / scale, (self.means - self.mean) / scale)
        return scale * math.sqrt(float(averages.expectation(self.weights, spread * spread)))

    def log_density(self, x: ArrayLike) -> np.float64 | Array:
        """log p(x), element by element; finite far out in the tails, where p(x) underflows.

        −∞ where x is more than 1e154 standard deviations from all components.
        """
        terms = self._log_terms(validate.real_array("x", x))
        result: np.float64 | Array = np.logaddexp.reduce(terms, axis=-1)
        return result

    def responsibilities(self, x: ArrayLike) -> Array:
        """The posterior probability of each component, w_k N(x; μ_k, σ_k²) / p(x).

        Shape (..., k) for x of shape (...): the E-step of expectation maximisation. From 1e16
        standard deviations on, the distances to different means may be the same float. Beyond 1e154
        of all components, where all densities vanish, ``ValueError``.
        """
        x = validate.real_array("x", x)
        terms = self._log_terms(x)
        top = terms.max(axis=-1, keepdims=True)
        lost = np.isneginf(top[..., 0])
        if lost.any():
            raise ValueError(
                f"x has an entry more than 1e154 standard deviations from all components: "
                f"{x[lost].flat[0]:.6g}"
            )
        with np.errstate(under="ignore"):
            return averages.shares(np.exp(terms - top))

    def shifted(self, by: float) -> "NormalMixture":
        """The distribution of X + by, for one number ``by``."""
        by = validate_numbers.finite_number("by", by)
        with np.errstate(over="ignore"):
            return NormalMixture(self.weights, self.means + by, self.sigmas)

    def sample(self, rng: np.random.Generator, size: int) -> Array:
        """``size`` independent draws."""
        rng = validate_numbers.generator(rng)
        size = validate_numbers.whole_number("size", size)
        component = rng.choice(self.weights.size, size=size, p=averages.shares(self.weights))
        return rng.normal(self.means[component], self.sigmas[component])

    def _log_terms(self, x: Array) -> Array:
        """log w_k + log N(x; μ_k, σ_k²), the components along a new last axis."""
        with np.errstate(divide="ignore"):
            log_weights = np.log(averages.shares(self.weights))
        shift = elementwise.standardized(x[..., None], self.means, self.sigmas)
        constants = log_weights - np.log(self.sigmas) - math.log(2 * math.pi) / 2
        result: Array = constants - elementwise.square(shift) / 2
        return result


def kl_normal_mixture(p: NormalMixture, q: NormalMixture) -> float:
    """D(p‖q) = ∫ p(x) log(p(x)/q(x)) dx for two mixtures of normals.

    Parameters
    ----------
    p, q : NormalMixture
        Truth and model.

    Returns
    -------
    float
        In nats, within 1e-11·D + 1e-15·√D.

    Raises
    ------
    ValueError
        When an argument is not a `NormalMixture`, or a component is narrower than 1e-9 of the
        distance between means.
    ArithmeticError
        When the integral cannot be resolved.

    Notes
    -----
    What is integrated is p log(p/q) − p + q, which is never negative and adds up to the same:
    no digits cancel, not even when p is near q.

    Examples
    --------
    Two normals, for which the closed form is known:

    >>> p, q = NormalMixture([1], [0], [1]), NormalMixture([1], [1], [2])
    >>> print(round(kl_normal_mixture(p, q), 12), round(math.log(2) - 1 / 4, 12))
    0.44314718056 0.44314718056
    """
    return alpha_normal_mixture(p, q, 1.0)


def alpha_normal_mixture(p: NormalMixture, q: NormalMixture, alpha: float) -> float:
    """D_α(p‖q) = (1 − ∫ p^α q^(1−α) dx) / (α (1 − α)), from D(q‖p) at α = 0 to D(p‖q) at α = 1.

    Parameters
    ----------
    p, q : NormalMixture
        Truth and model.
    alpha : float
        Between 0 and 1. At the ends the limit is meant: the reverse divergence D(q‖p) at 0, the
        forward divergence D(p‖q) at 1.

    Returns
    -------
    float
        In nats, with the accuracy of `kl_normal_mixture`.

    Raises
    ------
    ValueError
        When p or q is not a `NormalMixture`, alpha is not between 0 and 1, or a component is
        narrower than 1e-9 of the distance between means.
    ArithmeticError
        When the integral cannot be resolved.

    References
    ----------
    Minka (2005), Divergence measures and message passing, Microsoft Research technical report
    MSR-TR-2005-173.

    Examples
    --------
    Exchanging the arguments is exchanging α and 1 − α:

    >>> p, q = NormalMixture([0.5, 0.5], [-2, 2], [0.5, 0.5]), NormalMixture([1], [0], [2])
    >>> print(math.isclose(alpha_normal_mixture(p, q, 0.25), alpha_normal_mixture(q, p, 0.75)))
    True
    """
    p, q = in_use("p", p), in_use("q", q)
    alpha = validate_numbers.fraction("alpha", alpha)
    origin = p.mean
    p, q = p.shifted(-origin), q.shifted(-origin)

    def f(x: Array) -> Array:
        log_p, log_q = np.asarray(p.log_density(x)), np.asarray(q.log_density(x))
        return mixture_integrals.alpha_gap(log_p, log_q, alpha)[None]

    means, sigmas = np.append(p.means, q.means), np.append(p.sigmas, q.sigmas)
    return float(mixture_integrals.integrate(f, means, sigmas)[0])


def in_use(name: str, mixture: NormalMixture) -> NormalMixture:
    """The mixture without components of weight 0, which count for nothing."""
    mixture = validate_numbers.instance(name, mixture, NormalMixture)
    used = mixture.weights > 0
    return NormalMixture(mixture.weights[used], mixture.means[used], mixture.sigmas[used])
