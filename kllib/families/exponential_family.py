"""Exponential families, p(x) = h(x) exp(⟨θ, T(x)⟩ − A(θ)), and divergence as a Bregman divergence.

Everything follows from the log-partition A, which is convex: its gradient is the mean of T, its
Hessian the covariance of T (the Fisher information), and what it exceeds its tangent by is D, with
the arguments swapped, D(p₁‖p₂) = A(θ₂) − A(θ₁) − ⟨∇A(θ₁), θ₂ − θ₁⟩.

Conventions: D is D(first‖second), in nats. Natural parameters θ and mean parameters μ are numbers
for families with one parameter, and vectors along the last axis for the others; the other axes are
a batch, and broadcast. Parameters outside the family raise ``ValueError``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from kllib._numerics import validate
from kllib.families import _bregman_remainder, _log_probabilities

__all__ = ["ExponentialFamily", "bregman_divergence"]

Array: TypeAlias = NDArray[np.float64]
#: One pair of arguments gives a float, a batch an array.
Result: TypeAlias = np.float64 | Array

# What `ExponentialFamily.kl` returns is this accurate at least, however far apart the parameters.
_ACCEPTED, _LEAST = 1e-6, 1e-300


def bregman_divergence(
    phi: Callable[[Array], Any], grad_phi: Callable[[Array], Any], p: ArrayLike, q: ArrayLike
) -> Result:
    """B_φ(p, q) = φ(p) − φ(q) − ⟨∇φ(q), p − q⟩: by how much the convex φ exceeds its tangent at q.

    Parameters
    ----------
    phi : callable
        A convex function, of numbers (it maps an array to one of the same shape) or of vectors
        along the last axis (it maps shape (..., n) to (...)).
    grad_phi : callable
        Its derivative or gradient, of the shape of its argument.
    p, q : array_like
        The point, and the point of contact of the tangent; they broadcast.

    Returns
    -------
    float or ndarray
        Not negative for convex φ, up to rounding: near p = q the absolute error is that of
        φ(p) − φ(q), about 1e-16 times the size of φ and of ⟨∇φ(q), q⟩.

    Raises
    ------
    ValueError
        When an argument is not finite, the shapes do not broadcast, or ``phi`` or ``grad_phi``
        returns another shape than described, or nan.

    References
    ----------
    Bregman (1967), The relaxation method of finding the common point of convex sets and its
    application to the solution of problems in convex programming, USSR Comput. Math. Math. Phys. 7.

    Examples
    --------
    Half the square gives half the squared distance, negative entropy gives KL divergence:

    >>> print(bregman_divergence(lambda x: x @ x / 2, lambda x: x, [3.0, 4.0], [0.0, 0.0]))
    12.5
    >>> negative_entropy = lambda p: np.sum(p * np.log2(p), axis=-1)
    >>> gradient = lambda p: np.log2(p) + 1 / np.log(2)
    >>> print(bregman_divergence(negative_entropy, gradient, [0.5, 0.5], [0.25, 0.75]).round(12))
    0.207518749639
    """
    p, q = validate.real_array("p", p), validate.real_array("q", q)
    validate.broadcastable(p=p, q=q)
    p, q = np.broadcast_arrays(p, q)
    at_p, at_q = (np.asarray(phi(x), dtype=np.float64) for x in (p, q))
    gradient = np.asarray(grad_phi(q), dtype=np.float64)
    if gradient.shape != q.shape:
        raise ValueError(f"grad_phi maps shape {q.shape} to {gradient.shape}, not to the same")
    for name, values in (("phi", at_p), ("phi", at_q), ("grad_phi", gradient)):
        if np.isnan(values).any():
            raise ValueError(f"{name} returns nan; is p or q outside its domain?")
    difference = p - q
    # Where p = q an infinite slope counts for nothing.
    tangent = np.multiply(gradient, difference, where=difference != 0, out=np.zeros_like(q))
    if at_q.shape == q.shape[:-1] and q.ndim:
        tangent = tangent.sum(axis=-1)
    if at_p.shape != tangent.shape or at_q.shape != tangent.shape:
        raise ValueError(
            f"phi maps shape {q.shape} to {at_q.shape}; it must keep the shape (a function of "
            "numbers) or drop the last axis (a function of vectors)"
        )
    result: Result = (at_p - at_q - tangent)[()]
    return result


@dataclass(frozen=True, eq=False)
class ExponentialFamily:
    """p(x) = h(x) exp(⟨θ, T(x)⟩ − A(θ)), given by T, log h, A and the derivatives of A.

    Ready-made families: `bernoulli`, `categorical`, `poisson`, `exponential`, `normal`.

    Attributes
    ----------
    name : str
        For messages.
    dimension : int or None
        The number of parameters when they are vectors; None when they are numbers.
    statistics : callable
        T(x), of the shape of a parameter.
    log_base : callable
        log h(x).
    log_partition : callable
        A(θ), infinite outside the natural parameter space.
    gradient : callable
        ∇A(θ), the mean of T(x).
    curvature : callable
        ``curvature(theta, d)`` is dᵀ∇²A(θ)d, the variance of ⟨d, T(x)⟩.
    inverse_gradient : callable
        The θ with ∇A(θ) = μ; nan where there is none.
    entropy_of : callable
        The entropy of the member θ, in nats.
    conjugate_of : callable
        A*(μ), the convex conjugate of A, at the mean parameters μ.
    log_density : callable or None
        ``log_density(x, theta)`` is log p(x) for x in the support; None where nothing cancels in
        ⟨θ, T(x)⟩ − A(θ) + log h(x).

    References
    ----------
    Wainwright and Jordan (2008), Graphical models, exponential families, and variational inference,
    Foundations and Trends in Machine Learning 1, chapter 3. Amari (2016), Information Geometry and
    Its Applications, chapter 2.

    Examples
    --------
    The divergence of two Poisson distributions, as a function of log means and by the other route:

    >>> from kllib.families.dispatch import kl
    >>> from scipy import stats
    >>> family = ExponentialFamily.poisson()
    >>> print(family.kl(np.log(3), np.log(5)).round(12))
    0.467523128702
    >>> print(kl(stats.poisson(3), stats.poisson(5)).round(12))
    0.467523128702
    """

    name: str
    dimension: int | None
    statistics: Callable[[Array], Array]
    log_base: Callable[[Array], Array]
    log_partition: Callable[[Array], Array]
    gradient: Callable[[Array], Array]
    curvature: Callable[[Array, Array], Array]
    inverse_gradient: Callable[[Array], Array]
    entropy_of: Callable[[Array], Array]
    conjugate_of: Callable[[Array], Array]
    log_density: Callable[[Array, Array], Array] | None = None

    def mean_parameters(self, theta: ArrayLike) -> Result:
        """μ = ∇A(θ) = E T(x).

        >>> print(ExponentialFamily.exponential().mean_parameters(-4.0))
        0.25
        """
        with np.errstate(over="ignore", under="ignore"):
            return self.gradient(self._natural("theta", theta))[()]

    def natural_parameters(self, mu: ArrayLike) -> Result:
        """The θ whose mean parameters are μ, ∇A*(μ); ``ValueError`` when no member has them.

        >>> print(ExponentialFamily.exponential().natural_parameters(0.25))
        -4.0
        """
        means = self._parameter("mu", mu)
        with np.errstate(all="ignore"):
            theta = self.inverse_gradient(means)
            finite = np.asarray(np.isfinite(self._inner(theta, means)))
        self._require(finite, "mu", "are mean parameters of no member of")
        return theta[()]

    def log_prob(self, x: ArrayLike, theta: ArrayLike) -> Result:
        """log p(x) = ⟨θ, T(x)⟩ − A(θ) + log h(x); −∞ outside the support.

        >>> print(np.exp(ExponentialFamily.poisson().log_prob(2, np.log(3.0))).round(12))
        0.224041807655
        """
        theta = self._natural("theta", theta)
        x = validate.real_array("x", x)
        with np.errstate(all="ignore"):
            base = self.log_base(x)
            if self.log_density is not None:
                return np.where(base > -np.inf, self.log_density(x, theta), -np.inf)[()]
            inner = self._inner(theta, np.where(self._lift(base > -np.inf), self.statistics(x), 0))
            return (inner - self.log_partition(theta) + base)[()]

    def entropy(self, theta: ArrayLike) -> Result:
        """H = A(θ) − ⟨θ, μ⟩ − E log h(x), in nats, from a formula in which nothing cancels.

        >>> print(ExponentialFamily.bernoulli().entropy(0.0) / np.log(2))
        1.0
        """
        with np.errstate(over="ignore", under="ignore"):
            return self.entropy_of(self._natural("theta", theta))[()]

    def conjugate(self, mu: ArrayLike) -> Result:
        """A*(μ) = sup_θ ⟨θ, μ⟩ − A(θ), which is −H − E log h(x) for the member with means μ.

        >>> print(-ExponentialFamily.bernoulli().conjugate(0.5) / np.log(2))
        1.0
        """
        self.natural_parameters(mu)  # which says what is wrong with them
        with np.errstate(over="ignore", under="ignore"):
            return self.conjugate_of(self._parameter("mu", mu))[()]

    def kl(self, theta1: ArrayLike, theta2: ArrayLike) -> Result:
        """D(p₁‖p₂) = B_A(θ₂, θ₁) = A(θ₂) − A(θ₁) − ⟨∇A(θ₁), θ₂ − θ₁⟩, the arguments swapped.

        Computed as the integral ∫₀¹ (1 − s) dᵀ∇²A(θ₁ + s d)d ds with d = θ₂ − θ₁, whose integrand
        is never negative, so that the relative error is about 1e-13 near equality, too; and from
        the difference above where the parameters are so far apart that nothing cancels. Between
        normals a mean of r standard deviations costs a further 1e-16 r. ``ArithmeticError`` where
        neither route is good to 1e-6.

        >>> family = ExponentialFamily.exponential()
        >>> print(family.kl(-1.0, -2.0).round(12), (1 - np.log(2)).round(12))
        0.30685281944 0.30685281944
        """
        theta1, theta2 = self._natural("theta1", theta1), self._natural("theta2", theta2)
        validate.broadcastable(theta1=theta1, theta2=theta2)
        theta1, theta2 = np.broadcast_arrays(theta1, theta2)
        with np.errstate(all="ignore"):
            at1, at2 = self.log_partition(theta1), self.log_partition(theta2)
            slope, step = self.gradient(theta1), theta2 - theta1
            difference = at2 - at1 - self._inner(slope, step)
            terms = np.abs(at1) + np.abs(at2) + self._inner(np.abs(slope), np.abs(step))
            vectors = self.dimension is not None
            found = _bregman_remainder.remainder(self.curvature, theta1, theta2, vectors)
            value, doubt = _bregman_remainder.within_bounds(found, difference, terms)
            unsettled = ~(doubt <= np.maximum(_ACCEPTED * value, _LEAST))
        if unsettled.any():
            index = validate.first(unsettled)
            raise ArithmeticError(
                f"the natural parameters{validate.batch_index(index)} are too far apart: the "
                f"divergence is {value[index]:.6g}, but may be off by {doubt[index]:.2g}"
            )
        return value[()]

    def _natural(self, name: str, value: ArrayLike) -> Array:
        theta = self._parameter(name, value)
        with np.errstate(all="ignore"):
            finite = np.isfinite(self.log_partition(theta))
        self._require(finite, name, "are natural parameters of no member of")
        return theta

    def _parameter(self, name: str, value: ArrayLike) -> Array:
        array = validate.real_array(name, value)
        if self.dimension is not None and array.shape[-1:] != (self.dimension,):
            raise ValueError(
                f"{name} must have {self.dimension} entries along the last axis; "
                f"its shape is {array.shape}"
            )
        return array

    def _require(self, valid: NDArray[np.bool_], name: str, fault: str) -> None:
        if not np.all(valid):
            where = validate.batch_index(validate.first(~valid))
            raise ValueError(f"{name}{where} {fault} the family of {self.name} distributions")

    def _inner(self, a: Array, b: Array) -> Array:
        product = a * b
        return product if self.dimension is None else product.sum(axis=-1)

    def _lift(self, array: NDArray[Any]) -> NDArray[Any]:
        return array if self.dimension is None else array[..., None]

    @classmethod
    def bernoulli(cls) -> "ExponentialFamily":
        """θ = log(p/(1 − p)), T(x) = x, A = log(1 + e^θ), μ = p.

        >>> print(ExponentialFamily.bernoulli().mean_parameters(0.0))
        0.5
        """
        return cls(
            name="Bernoulli",
            dimension=None,
            statistics=lambda x: x,
            log_base=lambda x: _zero_or_outside((x == 0) | (x == 1)),
            log_partition=lambda theta: np.logaddexp(0.0, theta),
            gradient=special.expit,
            curvature=lambda theta, d: special.expit(theta) * special.expit(-theta) * d**2,
            inverse_gradient=special.logit,
            entropy_of=_log_probabilities.bernoulli_entropy,
            conjugate_of=lambda mu: special.xlogy(mu, mu) + special.xlog1py(1 - mu, -mu),
            log_density=lambda x, theta: special.log_expit(np.where(x == 1, theta, -theta)),
        )

    @classmethod
    def categorical(cls, n: int) -> "ExponentialFamily":
        """Outcomes 0, ..., n − 1: θ_i = log(p_i/p_{n−1}), T one-hot without the last, μ_i = p_i.

        >>> print(ExponentialFamily.categorical(4).mean_parameters([0.0, 0.0, 0.0]))
        [0.25 0.25 0.25]
        """
        if not (isinstance(n, (int, np.integer)) and n >= 2):
            raise ValueError(f"n must be a whole number, at least 2; got {n!r}")
        outcomes = np.arange(n - 1)

        def log_partition(theta: Array) -> Array:
            result: Array = -_log_probabilities.categorical(theta)[..., -1]
            return result

        def probabilities(theta: Array) -> Array:
            result: Array = np.exp(_log_probabilities.categorical(theta))
            return result

        def log_density(x: Array, theta: Array) -> Array:
            chosen = x[..., None] == np.arange(n)
            result: Array = np.where(chosen, _log_probabilities.categorical(theta), 0).sum(axis=-1)
            return result

        def conjugate(mu: Array) -> Array:
            last = 1 - mu.sum(axis=-1)
            result: Array = special.xlogy(mu, mu).sum(axis=-1) + special.xlogy(last, last)
            return result

        def variance(theta: Array, d: Array) -> Array:
            p = probabilities(theta)
            values = np.concatenate([d, np.zeros((*d.shape[:-1], 1))], axis=-1)
            mean = (p * values).sum(axis=-1, keepdims=True)
            result: Array = (p * (values - mean) ** 2).sum(axis=-1)
            return result

        return cls(
            name=f"categorical ({n} outcomes)",
            dimension=int(n) - 1,
            statistics=lambda x: (x[..., None] == outcomes).astype(np.float64),
            log_base=lambda x: _zero_or_outside((x >= 0) & (x < n) & (x == np.floor(x))),
            log_partition=log_partition,
            gradient=lambda theta: probabilities(theta)[..., :-1],
            curvature=variance,
            inverse_gradient=lambda mu: np.log(mu) - np.log1p(-mu.sum(axis=-1, keepdims=True)),
            entropy_of=_log_probabilities.categorical_entropy,
            conjugate_of=conjugate,
            log_density=log_density,
        )

    @classmethod
    def poisson(cls) -> "ExponentialFamily":
        """θ = log μ, T(x) = x, h(x) = 1/x!, A = e^θ.

        >>> print(ExponentialFamily.poisson().mean_parameters(0.0))
        1.0
        """
        return cls(
            name="Poisson",
            dimension=None,
            statistics=lambda x: x,
            log_base=lambda x: np.where(
                (x >= 0) & (x == np.floor(x)), -special.gammaln(np.maximum(x, 0) + 1), -np.inf
            ),
            log_partition=np.exp,
            gradient=np.exp,
            curvature=lambda theta, d: np.exp(theta) * d**2,
            inverse_gradient=np.log,
            entropy_of=_log_probabilities.poisson_entropy,
            conjugate_of=lambda mu: mu * (np.log(mu) - 1),
            log_density=_log_probabilities.poisson,
        )

    @classmethod
    def exponential(cls) -> "ExponentialFamily":
        """θ = −rate, T(x) = x, A = −log(−θ), μ = 1/rate.

        >>> print(ExponentialFamily.exponential().entropy(-1.0))
        1.0
        """
        return cls(
            name="exponential",
            dimension=None,
            statistics=lambda x: x,
            log_base=lambda x: _zero_or_outside(x >= 0),
            log_partition=lambda theta: np.where(
                theta < 0, -np.log(-np.minimum(theta, -5e-324)), np.inf
            ),
            gradient=lambda theta: -1 / theta,
            curvature=lambda theta, d: (d / theta) ** 2,
            inverse_gradient=lambda mu: np.where(mu > 0, -1 / mu, np.nan),
            entropy_of=lambda theta: 1 - np.log(-theta),
            conjugate_of=lambda mu: -1 - np.log(mu),
        )

    @classmethod
    def normal(cls) -> "ExponentialFamily":
        """θ = (m/σ², −1/(2σ²)), T(x) = (x, x²), A = −θ₁²/(4θ₂) + ½ log(π/−θ₂), μ = (m, m² + σ²).

        >>> print(ExponentialFamily.normal().mean_parameters([1.0, -0.5]))
        [1. 2.]
        """

        def log_partition(theta: Array) -> Array:
            first, second = theta[..., 0], theta[..., 1]
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                value = -first / second * first / 4 + np.log(np.pi / np.abs(second)) / 2
            return np.where(second < 0, value, np.inf)

        def gradient(theta: Array) -> Array:
            variance = -0.5 / theta[..., 1]
            mean = theta[..., 0] * variance
            return np.stack([mean, mean**2 + variance], axis=-1)

        def curvature(theta: Array, d: Array) -> Array:
            # Dimensionless: the change of ⟨d, T⟩ per standard deviation at the mean, and its bend
            sigma = np.sqrt(-0.5 / theta[..., 1])
            bend = -0.5 * d[..., 1] / theta[..., 1]
            slope = d[..., 0] * sigma + 2 * bend * (theta[..., 0] * sigma)
            result: Array = slope**2 + 2 * bend**2
            return result

        def inverse_gradient(mu: Array) -> Array:
            variance = mu[..., 1] - mu[..., 0] ** 2
            variance = np.where(variance > 0, variance, np.nan)
            return np.stack([mu[..., 0] / variance, -0.5 / variance], axis=-1)

        return cls(
            name="normal",
            dimension=2,
            statistics=lambda x: np.stack([x, x**2], axis=-1),
            log_base=np.zeros_like,
            log_partition=log_partition,
            gradient=gradient,
            curvature=curvature,
            inverse_gradient=inverse_gradient,
            entropy_of=lambda theta: np.log(np.pi * np.e / -theta[..., 1]) / 2,
            conjugate_of=lambda mu: -np.log(2 * np.pi * np.e * (mu[..., 1] - mu[..., 0] ** 2)) / 2,
            log_density=_log_probabilities.normal,
        )


def _zero_or_outside(inside: NDArray[np.bool_]) -> Array:
    return np.where(inside, 0.0, -np.inf)
