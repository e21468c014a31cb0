"""Expectation maximisation for a mixture of normals, as two alternating projections.

With responsibilities r(z|x) for the hidden component z of each observation, one function bounds
the log-likelihood from below, and both steps raise it:

    Σ log p_θ(x) = ELBO(r, θ) + Σ D(r(·|x)‖p_θ(·|x)),   ELBO = Σ_x Σ_z r(z|x) log(p_θ(x, z)/r(z|x)).

- The E-step is an I-projection: of the model p_θ(x, z) onto the distributions whose marginal over
  x is the data. Its solution is r = p_θ(z|x), where the gap D vanishes.
- The M-step is an M-projection: of the completed data r(z|x) onto the model, an exponential family
  when z is seen. Its solution matches weighted moments.

So the log-likelihood never falls, but for rounding. Nothing more is promised: where it ends
depends on the start.
All values are in nats, summed over the observations.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kllib._numerics import averages, elementwise, validate, validate_numbers, validate_tables
from kllib._numerics.validate import Array
from kllib.logits import kl_from_logits
from kllib.mixture import NormalMixture

__all__ = [
    "EMFit",
    "em_e_step",
    "em_elbo",
    "em_m_step",
    "em_normal_mixture",
]


@dataclass(frozen=True, eq=False)
class EMFit:
    """How expectation maximisation went.

    Attributes
    ----------
    mixture : NormalMixture
        The last parameters.
    log_likelihood : ndarray, shape (steps + 1,)
        Σ log p(x) at the start and after each M-step; never falls, but for rounding.
    elbo : ndarray, shape (steps,)
        The bound after each M-step, the responsibilities still those of the E-step before it: it
        lies between the log-likelihood before and after.
    gap : ndarray, shape (steps,)
        Σ D(r‖posterior) after each M-step, which the next E-step closes: the log-likelihood after
        the step is ``elbo + gap``.
    converged : bool
        Whether a step gained less than the tolerance; if not, the steps were used up.
    """

    mixture: NormalMixture
    log_likelihood: Array
    elbo: Array
    gap: Array
    converged: bool


def em_e_step(x: ArrayLike, mixture: NormalMixture) -> Array:
    """r(z|x) = p_θ(z|x) = w_z N(x; μ_z, σ_z²)/p_θ(x), which makes the gap D(r‖p_θ(z|x)) vanish.

    Parameters
    ----------
    x : array_like, shape (n,)
        The observations.
    mixture : NormalMixture
        The model with its k components.

    Returns
    -------
    ndarray, shape (n, k)

    Raises
    ------
    ValueError
        When x is not a vector of finite numbers, or mixture is no `NormalMixture`.

    References
    ----------
    Dempster, Laird and Rubin (1977), section 4.3. Neal and Hinton (1998), lemma 1.

    Examples
    --------
    Half-way between two equal components nobody can tell them apart:

    >>> print(em_e_step([0.0], NormalMixture([0.5, 0.5], [-1, 1], [1, 1])))
    [[0.5 0.5]]
    """
    mixture = validate_numbers.instance("mixture", mixture, NormalMixture)
    return mixture.responsibilities(validate_tables.vector("x", x))


def em_m_step(x: ArrayLike, responsibilities: ArrayLike) -> NormalMixture:
    """argmax over θ of Σ r(z|x) log p_θ(x, z): w_z = mean r_z, and means and variances under r_z.

    Parameters
    ----------
    x : array_like, shape (n,)
        The observations.
    responsibilities : array_like, shape (n, k)
        A distribution over the components for each observation.

    Returns
    -------
    NormalMixture

    Raises
    ------
    ValueError
        When the shapes do not fit; a component is responsible for nothing, so that it has no
        moments; or its variance is zero but for rounding: it has shrunk onto one point, where the
        likelihood has no maximum because it is not bounded.

    References
    ----------
    Dempster, Laird and Rubin (1977), section 4.3.

    Examples
    --------
    >>> fit = em_m_step([0, 2, 5, 7], [[1, 0], [1, 0], [0, 1], [0, 1]])
    >>> print(fit.weights, fit.means, fit.sigmas)
    [0.5 0.5] [1. 6.] [1. 1.]
    """
    x = validate_tables.vector("x", x)
    r = _responsibilities(x, responsibilities)
    total = r.sum(axis=0)
    if np.any(total == 0):
        raise ValueError(
            f"responsibilities leave component {int(np.argmin(total))} without any observation"
        )
    x, exponents = _in_units_of_their_own(x, r)
    means = (x * r).sum(axis=0) / total
    excess = ((x - means) * r).sum(axis=0) / total  # the rounding of the means
    means, shift = means + excess, x - means - excess
    sigmas = np.sqrt((elementwise.square(shift) * r).sum(axis=0) / total)
    size = np.sqrt((elementwise.square(x) * r).sum(axis=0) / total)
    shrunk = sigmas <= 4 * np.finfo(float).eps * size
    if np.any(shrunk):
        raise ValueError(
            f"component {int(np.argmax(shrunk))} has shrunk onto a single point: there the "
            "likelihood grows without bound; start elsewhere, or with fewer components"
        )
    means, sigmas = np.ldexp(means, exponents), np.ldexp(sigmas, exponents)
    return NormalMixture(averages.shares(total), means, sigmas)


def em_elbo(x: ArrayLike, responsibilities: ArrayLike, mixture: NormalMixture) -> float:
    """Σ_x Σ_z r(z|x) log(p_θ(x, z)/r(z|x)) = Σ log p_θ(x) − Σ D(r(·|x)‖p_θ(·|x)).

    Parameters
    ----------
    x : array_like, shape (n,)
        The observations.
    responsibilities : array_like, shape (n, k)
        A distribution over the components for each observation.
    mixture : NormalMixture
        The model with its k components.

    Returns
    -------
    float
        In nats, summed over the observations; −inf when r asks for a component of weight zero.

    Raises
    ------
    ValueError
        When the shapes do not fit, responsibilities are not distributions, or mixture is no
        `NormalMixture`.

    References
    ----------
    Neal and Hinton (1998), section 2, where it is called F.

    Examples
    --------
    After an E-step the bound is the log-likelihood:

    >>> x, model = np.array([-1.0, 0.0, 3.0]), NormalMixture([0.5, 0.5], [-1, 1], [1, 1])
    >>> print(math.isclose(em_elbo(x, em_e_step(x, model), model), model.log_density(x).sum()))
    True
    """
    x = validate_tables.vector("x", x)
    r = _responsibilities(x, responsibilities)
    mixture = validate_numbers.instance("mixture", mixture, NormalMixture)
    validate.same_length(responsibilities=r, weights=mixture.weights)
    with np.errstate(divide="ignore"):
        log_r = np.log(r)
    terms = np.subtract(_log_joint(x, mixture), log_r, where=r > 0, out=np.zeros_like(r))
    return float(averages.expectation(r, terms).sum())


def em_normal_mixture(
    x: ArrayLike, start: NormalMixture, *, tolerance: float = 1e-10, max_steps: int = 10_000
) -> EMFit:
    """Alternate `em_e_step` and `em_m_step` from a start until the log-likelihood settles.

    Parameters
    ----------
    x : array_like, shape (n,)
        The observations.
    start : NormalMixture
        Where to begin. Components that begin alike stay alike.
    tolerance : float
        Stop when a step raises the log-likelihood by less than this for each observation.
    max_steps : int
        Stop after so many steps in any case.

    Returns
    -------
    EMFit

    Raises
    ------
    ValueError
        When x is not a vector of finite numbers, start is no `NormalMixture`, or on the way
        `em_m_step` finds a component without observations or without variance.

    References
    ----------
    Dempster, Laird and Rubin (1977). Csiszár and Tusnády (1984), for the two projections. Wu
    (1983), for when it converges to a stationary point.

    Examples
    --------
    >>> x = np.concatenate([np.linspace(-3, -1, 50), np.linspace(2, 6, 50)])
    >>> fit = em_normal_mixture(x, NormalMixture([0.5, 0.5], [-1, 1], [1, 1]))
    >>> print(fit.mixture.means.round(3), bool(np.all(np.diff(fit.log_likelihood) >= 0)))
    [-2.  4.] True
    """
    x = validate_tables.vector("x", x)
    start = validate_numbers.instance("start", start, NormalMixture)
    enough = validate.non_negative_number("tolerance", tolerance) * x.size
    max_steps = validate_numbers.whole_number("max_steps", max_steps)
    likelihoods = [_log_likelihood(x, start)]
    bounds: list[float] = []
    gaps: list[float] = []
    mixture, converged = start, False
    while not converged and len(bounds) < max_steps:
        before, responsibilities = mixture, em_e_step(x, mixture)
        mixture = em_m_step(x, responsibilities)
        bounds.append(em_elbo(x, responsibilities, mixture))
        # From logarithms, as a posterior probability may underflow, which is no infinite gap; but
        # where the one before has underflowed, it is zero in the M-step too
        logits = np.where(responsibilities > 0, _log_joint(x, before), -np.inf)
        gaps.append(float(np.sum(kl_from_logits(logits, _log_joint(x, mixture)))))
        likelihoods.append(_log_likelihood(x, mixture))
        converged = likelihoods[-1] - likelihoods[-2] <= enough
    return EMFit(mixture, np.array(likelihoods), np.array(bounds), np.array(gaps), converged)


def _log_likelihood(x: Array, mixture: NormalMixture) -> float:
    return float(np.sum(mixture.log_density(x)))


def _log_joint(x: Array, mixture: NormalMixture) -> Array:
    """log w_z + log N(x; μ_z, σ_z²), shape (n, k)."""
    with np.errstate(divide="ignore"):
        log_weights = np.log(averages.shares(mixture.weights))
    shift = elementwise.standardized(x[:, None], mixture.means, mixture.sigmas)
    log_density = -(elementwise.square(shift) + math.log(2 * math.pi)) / 2 - np.log(mixture.sigmas)
    result: Array = log_weights + log_density
    return result


def _in_units_of_their_own(x: Array, r: Array) -> tuple[Array, NDArray[np.intp]]:
    """Each component's observations near one, shape (n, k), by powers of two; their exponents."""
    largest = np.abs(np.where(r > 0, x[:, None], 0.0)).max(axis=0)
    exponents = np.frexp(largest)[1].astype(np.intp)
    return np.ldexp(np.where(r > 0, x[:, None], 0.0), -exponents), exponents


def _responsibilities(x: Array, value: ArrayLike) -> Array:
    r = validate.distribution("responsibilities", value)
    if r.ndim != 2 or len(r) != x.size:
        raise ValueError(
            f"responsibilities must have one row for each of the {x.size} observations; the "
            f"shape is {r.shape}"
        )
    return r
