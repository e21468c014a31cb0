"""Fitting one normal distribution to a mixture of normals, in either direction and between them.

The three fits minimise different divergences over the mean μ and standard deviation σ of q:

- ``fit_normal_forward``: D(p‖q), the mixture p first. Its only minimum matches the moments of p,
  so q covers all of p.
- ``fit_normal_reverse``: D(q‖p), the fitted q first, as in variational inference. It may have
  several local minima, and q then sits on one of p's modes.
- ``fit_normal_alpha``: Minka's α-divergence, which is D(q‖p) at α = 0 and D(p‖q) at α = 1.

``fit_normal_path`` follows a fit from the reverse to the forward divergence. Nats throughout.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from kllib._numerics import mixture_integrals, validate_numbers, validate_tables
from kllib._numerics.validate import Array
from kllib.mixture import NormalMixture, alpha_normal_mixture, in_use

__all__ = [
    "NormalFit",
    "NormalMinima",
    "fit_normal_alpha",
    "fit_normal_forward",
    "fit_normal_path",
    "fit_normal_reverse",
]

# Two minima closer than this, in the mixture's standard deviation and in log σ, are one.
_SAME = 1e-6
# How often a descent that ends on a saddle is sent on.
_ESCAPES = 5


@dataclass(frozen=True)
class NormalFit:
    """A normal distribution N(mu, sigma²) fitted to a mixture.

    Attributes
    ----------
    mu, sigma : float
        Mean and standard deviation.
    alpha : float
        Which divergence was minimised: 0 for D(q‖p), 1 for D(p‖q), else D_α.
    divergence : float
        Its value, in nats.
    """

    mu: float
    sigma: float
    alpha: float
    divergence: float


@dataclass(frozen=True)
class NormalMinima:
    """What a minimisation found.

    Attributes
    ----------
    best : NormalFit
        The lowest of the local minima.
    local_minima : tuple of NormalFit
        All local minima that the starts led to, by increasing divergence; of equal ones the one
        with the smaller mean first.
    """

    best: NormalFit
    local_minima: tuple[NormalFit, ...]


def fit_normal_forward(p: NormalMixture) -> NormalFit:
    """The normal that minimises D(p‖q): the one with the mean and the variance of p.

    Parameters
    ----------
    p : NormalMixture
        The truth.

    Returns
    -------
    NormalFit
        The only minimum, exact; the divergence is the accurate quadrature of `kl_normal_mixture`.

    Raises
    ------
    ValueError
        When p is not a `NormalMixture`, or a component is narrower than 1e-9 of the distance
        between the means.

    References
    ----------
    Bishop (2006), Pattern Recognition and Machine Learning, section 10.7.

    Examples
    --------
    It covers both modes, though most of its mass lies where p has hardly any:

    >>> fit = fit_normal_forward(NormalMixture([0.5, 0.5], [-2, 2], [0.5, 0.5]))
    >>> print(fit.mu, fit.sigma**2, round(fit.divergence, 4))
    0.0 4.25 0.7236
    """
    p = in_use("p", p)
    return _evaluated(p, p.mean, p.standard_deviation, 1.0)


def fit_normal_reverse(p: NormalMixture) -> NormalMinima:
    """The normal that minimises D(q‖p), as variational inference does.

    Parameters
    ----------
    p : NormalMixture
        The model, which q is to imitate.

    Returns
    -------
    NormalMinima
        All local minima to which a descent leads from the moments of each run of neighbouring
        components: of each alone, of each two side by side, and so on up to the whole mixture;
        k (k + 1)/2 descents for k components, so that the time grows with k²; eight take seconds.
        The gradient vanishes to about 1e-12 in units of the fit's own standard deviation.

    Raises
    ------
    ValueError
        When p is not a `NormalMixture`, or a component is narrower than 1e-9 of the distance
        between the means.

    References
    ----------
    Bishop (2006), Pattern Recognition and Machine Learning, section 10.1.2.

    Examples
    --------
    On either mode q misses half of p, which costs just under ln 2. A descent that starts from the
    moments of the whole ends in a broad local minimum between the modes, which costs far more:

    >>> minima = fit_normal_reverse(NormalMixture([0.5, 0.5], [-2, 2], [0.5, 0.5]))
    >>> for fit in minima.local_minima[:2]:
    ...     print(round(fit.mu, 4), round(fit.sigma**2, 4), round(fit.divergence, 4))
    -1.9998 0.2504 0.6931
    1.9998 0.2504 0.6931
    """
    return fit_normal_alpha(p, 0.0)


def fit_normal_alpha(p: NormalMixture, alpha: float) -> NormalMinima:
    """The normal that minimises the α-divergence D_α(p‖q): reverse at α = 0, forward at α = 1.

    Parameters
    ----------
    p : NormalMixture
        The first argument of D_α.
    alpha : float
        Between 0 and 1.

    Returns
    -------
    NormalMinima
        As in `fit_normal_reverse`.

    Raises
    ------
    ValueError
        When p is not a `NormalMixture`, or alpha is not between 0 and 1.

    Notes
    -----
    At a minimum q has the mean and the variance of the density proportional to p^α q^(1−α), which
    lies between the two.

    References
    ----------
    Minka (2005), Divergence measures and message passing, sections 3 and 4.

    Examples
    --------
    At α = 1 the moments of p are found again:

    >>> p = NormalMixture([0.25, 0.75], [0, 2], [1, 0.5])
    >>> fit = fit_normal_alpha(p, 1).best
    >>> print(math.isclose(fit.mu, p.mean), math.isclose(fit.sigma**2, p.variance))
    True True
    """
    p = in_use("p", p)
    alpha = validate_numbers.fraction("alpha", alpha)
    fits: list[NormalFit] = []
    for mu, sigma in _starts(p):
        fit = _descend(p, alpha, mu, sigma)
        if not any(_same(fit, other, p) for other in fits):
            fits.append(fit)
    lowest = min(fit.divergence for fit in fits)
    # Mirror images come out in one order, whatever the last digit of their divergences.
    digits = max(lowest, 1e-300) * 1e-9
    fits.sort(key=lambda fit: (round((fit.divergence - lowest) / digits), fit.mu))
    return NormalMinima(fits[0], tuple(fits))


def fit_normal_path(
    p: NormalMixture, alphas: ArrayLike, *, start: NormalFit | None = None
) -> tuple[NormalFit, ...]:
    """Follow one minimum of D_α through a list of α, each fit starting from the one before.

    From α = 0 to α = 1 it is an annealing from the reverse to the forward fit: q sits on a mode
    at first and widens until it covers the mixture. Where the minimum that was followed ceases to
    exist, the fit falls to another one, and the path jumps.

    Parameters
    ----------
    p : NormalMixture
        The first argument of D_α.
    alphas : array_like, shape (n,)
        Between 0 and 1, in the order in which to follow them.
    start : NormalFit, optional
        Where to begin; the best fit for the first α when left out.

    Returns
    -------
    tuple of NormalFit
        One for each α.

    Raises
    ------
    ValueError
        When p is not a `NormalMixture` or start no `NormalFit`, an alpha is not between 0 and 1,
        or they do not form a vector.

    References
    ----------
    Minka (2005), Divergence measures and message passing, section 3.

    Examples
    --------
    >>> p = NormalMixture([0.5, 0.5], [-2, 2], [0.5, 0.5])
    >>> for fit in fit_normal_path(p, [0, 0.5, 1]):
    ...     print(round(abs(fit.mu), 3), round(fit.sigma**2, 3))
    2.0 0.25
    1.999 0.252
    0.0 4.25
    """
    p = in_use("p", p)
    values = validate_tables.vector("alphas", alphas)
    checked = [validate_numbers.fraction(f"alphas[{i}]", a) for i, a in enumerate(values)]
    if start is None:
        fit = fit_normal_alpha(p, checked[0]).best
    else:
        fit = validate_numbers.instance("start", start, NormalFit)
    path = []
    for alpha in checked:
        fit = _descend(p, alpha, fit.mu, fit.sigma)
        path.append(fit)
    return tuple(path)


def _starts(mixture: NormalMixture) -> list[tuple[float, float]]:
    """Mean and standard deviation of each run of neighbouring components."""
    order = np.argsort(mixture.means, kind="stable")
    runs = (order[i:j] for i in range(order.size) for j in range(i + 1, order.size + 1))
    moments = []
    for run in runs:
        weights = mixture.weights[run] / mixture.weights[run].sum()
        part = NormalMixture(weights, mixture.means[run], mixture.sigmas[run])
        moments.append((part.mean, part.standard_deviation))
    return moments


def _descend(mixture: NormalMixture, alpha: float, mu: float, sigma: float) -> NormalFit:
    """The local minimum of D_α below a start, in units in which the start is N(0, 1)."""
    from scipy.optimize import minimize

    scaled = NormalMixture(mixture.weights, (mixture.means - mu) / sigma, mixture.sigmas / sigma)
    f = _divergence_and_gradient(scaled, alpha)
    theta = np.zeros(2)
    for _ in range(_ESCAPES):
        theta = minimize(f, theta, jac=True, method="BFGS", options={"gtol": 1e-6}).x
        curvatures, directions = np.linalg.eigh(_hessian(f, theta))
        if curvatures[0] > 0:
            break
        theta = theta + 0.1 * directions[:, 0]  # a saddle: walk down from it
    for _ in range(2):
        theta = theta - np.linalg.solve(_hessian(f, theta), f(theta)[1])
    return _evaluated(mixture, mu + sigma * theta[0], sigma * math.exp(theta[1]), alpha)


def _divergence_and_gradient(
    mixture: NormalMixture, alpha: float
) -> Callable[[Array], tuple[float, Array]]:
    """D_α(p‖q) and its derivatives by μ and log σ, as a function of the two.

    The gradient is −∫ q ((p/q)^α − 1)/α ∇log q, with the limit log(p/q) of the factor at α = 0.
    """

    def at(theta: Array) -> tuple[float, Array]:
        mu, sigma = theta[0], np.exp(theta[1])
        q = NormalMixture([1.0], [mu], [sigma])

        def integrands(x: Array) -> Array:
            log_p, log_q = np.asarray(mixture.log_density(x)), np.asarray(q.log_density(x))
            z = (x - mu) / sigma
            pull = mixture_integrals.alpha_pull(log_p, log_q, alpha)
            gap = mixture_integrals.alpha_gap(log_p, log_q, alpha)
            return np.stack([gap, -pull * z, -pull * (z * z - 1)])

        means, sigmas = np.append(mixture.means, mu), np.append(mixture.sigmas, sigma)
        value = mixture_integrals.integrate(integrands, means, sigmas)
        return float(value[0]), np.array([value[1] / sigma, value[2]])

    return at


def _hessian(f: Callable[[Array], tuple[float, Array]], theta: Array) -> Array:
    """Central differences of the gradient."""
    step = 1e-4
    rows = [(f(theta + d)[1] - f(theta - d)[1]) / (2 * step) for d in step * np.eye(2)]
    matrix = np.array(rows)
    return (matrix + matrix.T) / 2


def _evaluated(mixture: NormalMixture, mu: float, sigma: float, alpha: float) -> NormalFit:
    q = NormalMixture([1.0], [mu], [sigma])
    return NormalFit(float(mu), float(sigma), alpha, alpha_normal_mixture(mixture, q, alpha))


def _same(a: NormalFit, b: NormalFit, mixture: NormalMixture) -> bool:
    shift = abs(a.mu - b.mu) / mixture.standard_deviation
    return shift < _SAME and abs(math.log(a.sigma / b.sigma)) < _SAME
