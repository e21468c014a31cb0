"""Diffusion models: a chain that takes the noise off again, and the bound on its likelihood.

The model starts from p(x_T) = N(0, 1) and goes back from x_t to x_{t−1}; that p(x_{t−1}|x_t) is
normal is a choice. The negative of its evidence lower bound is a sum of divergences,

    E_q[ D(q(x_T|x_0)‖p(x_T)) + Σ_{t>1} D(q(x_{t−1}|x_t, x_0)‖p(x_{t−1}|x_t)) − log p(x_0|x_1) ]
           L_T                     L_{t−1}                                        L_0

Here the data are normal, N(μ, σ²), and the model is linear, so that everything is normal and every
term is exact. ``betas`` is as in `diffusion`; ``mu, sigma`` are mean and standard deviation of the
data. In nats. Relative errors of the terms are at most 1e-12.
"""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from kllib._numerics import elementwise, validate, validate_numbers
from kllib._numerics.validate import Array
from kllib.gaussian import kl_normal
from kllib.generative._diffusion_steps import StepsBack, kept_and_noise, schedule, steps_back

__all__ = [
    "DiffusionBound",
    "LinearDenoiser",
    "diffusion_bound",
    "diffusion_sample",
    "noise_prediction_weights",
    "optimal_denoiser",
]


# Numbers are squared, and variances are divided by each other.
_LARGEST = 1e150
_SMALLEST_VARIANCE = 1e-300


@dataclass(frozen=True, eq=False)
class LinearDenoiser:
    """A model that guesses x_0 from x_t, and steps to where q(x_{t−1}|x_t, x_0) would for it.

    p(x_{t−1}|x_t) has the mean of q(x_{t−1}|x_t, x̂_0) with x̂_0 = gain x_t + offset, and a variance
    of its own.

    Attributes
    ----------
    gains, offsets, variances : ndarray, shape (T,)
        At index t − 1 those of the step from x_t to x_{t−1}.
    """

    gains: Array
    offsets: Array
    variances: Array


@dataclass(frozen=True, eq=False)
class DiffusionBound:
    """The bound on the negative log-likelihood, term by term; each averaged over the data, in nats.

    Attributes
    ----------
    prior : float
        L_T, the mean of D(q(x_T|x_0)‖N(0, 1)). No parameter of the model is in it.
    denoising : ndarray, shape (T − 1,)
        L_1, ..., L_{T−1}: at index t − 2 the mean of D(q(x_{t−1}|x_t, x_0)‖p(x_{t−1}|x_t)), for
        t = 2, ..., T.
    reconstruction : float
        L_0, the mean of −log p(x_0|x_1): no divergence, and negative where densities are large.
    total : float
        Their sum, the negative of the evidence lower bound.
    negative_log_likelihood : float
        The mean of −log p(x_0), exactly: the cross-entropy of the data and the model.
    gap : float
        total − negative_log_likelihood: the mean of D(q(x_1, ..., x_T|x_0)‖p(x_1, ..., x_T|x_0)),
        a sum of divergences D(q(x_t|x_{t−1})‖p(x_t|x_{t−1})), and never negative. It is computed
        from them, so that it is much more accurate than the difference.
    """

    prior: float
    denoising: Array
    reconstruction: float
    total: float
    negative_log_likelihood: float
    gap: float


class _Chain(NamedTuple):
    """The model's x_0, ..., x_T, and its steps p(x_{t−1}|x_t) = N(slope x_t + shift, noise)."""

    means: Array
    variances: Array
    slopes: Array
    noise: Array


def optimal_denoiser(
    mu: float,
    sigma: float,
    betas: ArrayLike,
    *,
    variance: Literal["optimal", "forward", "posterior"] = "optimal",
) -> LinearDenoiser:
    """x̂_0 = E[x_0|x_t] = [√ᾱ_t σ² x_t + (1 − ᾱ_t) μ]/(ᾱ_t σ² + 1 − ᾱ_t), for data N(μ, σ²).

    Parameters
    ----------
    mu, sigma : float
        Mean and standard deviation of the data.
    betas : array_like, shape (T,)
        The variance schedule.
    variance : {"optimal", "forward", "posterior"}
        "optimal": that of q(x_{t−1}|x_t), with which the model is q itself run backwards, but for
        its start. The two of the reference do not ask for sigma: "forward", β_t, is the optimum for
        sigma = 1, and "posterior", the variance of q(x_{t−1}|x_t, x_0), the one for sigma = 0. At
        t = 1 the latter is zero, so that its bound is infinite.

    Returns
    -------
    LinearDenoiser

    Raises
    ------
    ValueError
        When mu is not finite, sigma is not positive, either is beyond 1e150 (or sigma below
        1e-150), a β is not between 0 and 1, or ``variance`` is none of the three.

    References
    ----------
    Ho, Jain and Abbeel (2020), section 3.2, for the two variances.

    Examples
    --------
    For standard normal data the noisy data are so too, and the best guess is √ᾱ_t x_t:

    >>> model = optimal_denoiser(0.0, 1.0, [0.36, 0.4375])
    >>> print(model.gains.round(12), model.offsets, model.variances.round(12))
    [0.8 0.6] [0. 0.] [0.36   0.4375]
    """
    betas = schedule(betas)
    mu, sigma = _data(mu, sigma)
    kept, noise = kept_and_noise(betas)
    back = steps_back(betas)
    spread = kept * sigma**2 + noise  # the variance of x_t
    validate_numbers.choice("variance", variance, ("optimal", "forward", "posterior"))
    choices = {
        "optimal": back.variance + back.start**2 * (sigma**2 * noise / spread),
        "forward": betas,
        "posterior": back.variance,
    }
    gains, offsets = np.sqrt(kept) * (sigma**2 / spread), mu * (noise / spread)
    return LinearDenoiser(gains, offsets, choices[variance].copy())


def diffusion_bound(
    mu: float, sigma: float, betas: ArrayLike, model: LinearDenoiser
) -> DiffusionBound:
    """L_T + Σ L_{t−1} + L_0 >= E[−log p(x_0)], for data N(μ, σ²) and a linear model, exactly.

    Each L_{t−1} is the divergence of two normals: a comparison of variances, and the model's mean
    squared error E(x_0 − x̂_0)², with a weight.

    Parameters
    ----------
    mu, sigma : float
        Mean and standard deviation of the data.
    betas : array_like, shape (T,)
        The variance schedule.
    model : LinearDenoiser
        For example `optimal_denoiser`.

    Returns
    -------
    DiffusionBound
        With ``inf`` where a variance of the model is zero, or the value beyond the range of a
        float.

    Raises
    ------
    ValueError
        As `optimal_denoiser` does, and when the model is no `LinearDenoiser`, has another number
        of steps, an entry beyond 1e150 or not finite, or a variance that is negative, or positive
        and below 1e-300; and when what it generates is beyond the range of a float.

    References
    ----------
    Ho, Jain and Abbeel (2020), equation (5). Sohl-Dickstein et al. (2015), section 2.4.

    Examples
    --------
    With the best model, what the bound has above the entropy of the data is what was lost at the
    start of the way back, where x_T is taken for standard normal:

    >>> betas = [0.2, 0.5, 0.8]  # of which 0.8·0.5·0.2 = 0.08 is kept
    >>> bound = diffusion_bound(1.0, 2.0, betas, optimal_denoiser(1.0, 2.0, betas))
    >>> lost = kl_normal(0.08**0.5, (0.08 * 4 + 0.92) ** 0.5, 0, 1)
    >>> print(math.isclose(bound.total, math.log(2 * math.pi * math.e * 4) / 2 + lost))
    True
    """
    betas = schedule(betas)
    mu, sigma = _data(mu, sigma)
    model = _checked(model, betas.size)
    kept, noise = kept_and_noise(betas)
    back = steps_back(betas)
    unseen = 1 - model.gains * np.sqrt(kept)  # how much of x_0 the guess leaves out
    error = (unseen * mu - model.offsets) ** 2 + (unseen * sigma) ** 2 + model.gains**2 * noise
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        weighted = back.start**2 * error / (2 * model.variances)
        variances = elementwise.phi((back.variance - model.variances) / model.variances)
        reconstruction = np.log(2 * math.pi * model.variances[0]) / 2 + weighted[0]
    denoising = np.where(model.variances > 0, variances / 2 + weighted, np.inf)[1:]
    reconstruction = reconstruction if model.variances[0] > 0 else np.inf
    prior = (_variance_gap(kept[-1], noise[-1]) + kept[-1] * (mu**2 + sigma**2)) / 2
    total = float(prior + denoising.sum() + reconstruction)
    chain = _generated(model, back)
    likelihood = _cross_entropy(mu, sigma, chain.means[0], chain.variances[0])
    gap = _gap(mu, sigma, betas, chain) if math.isfinite(total) else math.inf
    return DiffusionBound(float(prior), denoising, float(reconstruction), total, likelihood, gap)


def diffusion_sample(
    model: LinearDenoiser, betas: ArrayLike, rng: np.random.Generator, size: int
) -> Array:
    """Draws from the model: x_T from N(0, 1), then x_{T−1}, ..., x_0, each given the one before.

    Parameters
    ----------
    model : LinearDenoiser
        The model.
    betas : array_like, shape (T,)
        The variance schedule.
    rng : numpy.random.Generator
        Where the random numbers come from.
    size : int
        How many independent draws.

    Returns
    -------
    ndarray, shape (size,)

    Raises
    ------
    ValueError
        When a β is not between 0 and 1, the model is none that `diffusion_bound` takes, or rng or
        size is not of its kind.

    References
    ----------
    Ho, Jain and Abbeel (2020), algorithm 2.

    Examples
    --------
    >>> betas = np.linspace(0.01, 0.3, 50)
    >>> rng = np.random.default_rng(0)
    >>> x = diffusion_sample(optimal_denoiser(3.0, 0.5, betas), betas, rng, 10_000)
    >>> print(round(x.mean(), 1), round(x.std(), 1))
    3.0 0.5
    """
    betas = schedule(betas)
    model = _checked(model, betas.size)
    size = validate_numbers.whole_number("size", size)
    rng = validate_numbers.generator(rng)
    back = steps_back(betas)
    x: Array = rng.standard_normal(size)
    for i in reversed(range(betas.size)):
        guess = model.gains[i] * x + model.offsets[i]
        noise = np.sqrt(model.variances[i]) * rng.standard_normal(size)
        x = back.start[i] * guess + back.here[i] * x + noise
    return x


def noise_prediction_weights(betas: ArrayLike, variances: ArrayLike) -> Array:
    """β_t²/(2 v_t α_t (1 − ᾱ_t)): what a squared error in the predicted noise adds to the bound.

    As x_t = √ᾱ_t x_0 + √(1 − ᾱ_t) ε, to guess x_0 is to guess the noise ε. The loss that is
    trained in practice sets these weights to one: another objective, no longer the bound.

    Parameters
    ----------
    betas : array_like, shape (T,)
        The variance schedule.
    variances : array_like, shape (T,)
        v_t, the variances of the model's steps.

    Returns
    -------
    ndarray, shape (T,)

    Raises
    ------
    ValueError
        When a β is not between 0 and 1, a variance is not positive or below 1e-300, or the lengths
        differ.

    References
    ----------
    Ho, Jain and Abbeel (2020), equation (12); equation (14) is the loss without the weights.

    Examples
    --------
    The bound cares about the first step of noise much more than about the last:

    >>> betas = np.linspace(1e-4, 0.02, 1000)
    >>> print(noise_prediction_weights(betas, betas)[[0, -1]].round(2))
    [0.5  0.01]
    """
    betas, variances = schedule(betas), validate.positive("variances", variances)
    _require_normal("variances", variances)
    validate.same_length(betas=betas, variances=np.atleast_1d(variances))
    _, noise = kept_and_noise(betas)
    result: Array = betas / (2 * variances) * (betas / noise) / (1 - betas)
    return result


def _generated(model: LinearDenoiser, back: StepsBack) -> _Chain:
    slopes, shifts = back.here + back.start * model.gains, back.start * model.offsets
    means, variances = np.zeros(slopes.size + 1), np.ones(slopes.size + 1)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        for i in reversed(range(slopes.size)):
            means[i] = slopes[i] * means[i + 1] + shifts[i]
            variances[i] = slopes[i] ** 2 * variances[i + 1] + model.variances[i]
    if not (np.isfinite(means).all() and np.isfinite(variances).all()):
        raise ValueError("what the model generates is beyond the range of a float")
    return _Chain(means, variances, slopes, model.variances)


def _cross_entropy(mu: float, sigma: float, mean: float, variance: float) -> float:
    """E[−log p(x_0)] for data N(mu, sigma²)."""
    if variance == 0:
        return math.inf
    entropy = math.log(2 * math.pi * math.e) / 2 + math.log(sigma)
    return entropy + float(kl_normal(mu, sigma, mean, math.sqrt(variance)))


def _gap(mu: float, sigma: float, betas: Array, chain: _Chain) -> float:
    """Σ E D(q(x_t|x_{t−1})‖p(x_t|x_{t−1})): the chains compared forwards, from the same x_0."""
    kept, noise = kept_and_noise(betas)
    kept, noise = np.append(1.0, kept[:-1]), np.append(0.0, noise[:-1])
    centre, spread = np.sqrt(kept) * mu, kept * sigma**2 + noise  # of q(x_{t−1})
    keep = np.sqrt(1 - betas)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        # By Bayes p(x_t|x_{t−1}) has the mean of p(x_t) + gain (x_{t−1} − the mean of p(x_{t−1}))
        ratio = chain.variances[1:] / chain.variances[:-1]
        gain, variance = chain.slopes * ratio, chain.noise * ratio
        expected = chain.means[1:] + gain * (centre - chain.means[:-1])
        shifts = (keep * centre - expected) ** 2 + (keep - gain) ** 2 * spread
        terms = elementwise.phi((betas - variance) / variance) + shifts / variance
        gap = float(terms.sum() / 2)
    if math.isnan(gap):
        raise ValueError("what the model generates is beyond the range of a float")
    return gap


def _variance_gap(kept: np.float64, noise: np.float64) -> float:
    """(1 − ᾱ) − 1 − log(1 − ᾱ)."""
    if kept > 0.5:
        return float(-kept - np.log(noise))
    return float(elementwise.phi(np.asarray(-kept)))


def _data(mu: float, sigma: float) -> tuple[float, float]:
    mean = validate_numbers.finite_number("mu", mu, _LARGEST)
    scale = validate_numbers.finite_number("sigma", sigma, _LARGEST)
    validate.positive("sigma", scale)
    if scale < 1 / _LARGEST:
        raise ValueError(f"sigma must be at least {1 / _LARGEST:g}; got {scale:g}")
    return mean, scale


def _checked(model: LinearDenoiser, steps: int) -> LinearDenoiser:
    model = validate_numbers.instance("model", model, LinearDenoiser)
    fields = {
        "gains": validate.real_array("model.gains", model.gains),
        "offsets": validate.real_array("model.offsets", model.offsets),
        "variances": validate.weights("model.variances", model.variances, -1),
    }
    for name, array in fields.items():
        if array.shape != (steps,):
            raise ValueError(
                f"model.{name} must have one entry for each of the {steps} steps; its shape is "
                f"{array.shape}"
            )
    largest = max(float(np.abs(array).max()) for array in fields.values())
    if largest > _LARGEST:
        raise ValueError(f"the model has an entry above {_LARGEST:g} in size: {largest:g}")
    _require_normal("model.variances", fields["variances"])
    return LinearDenoiser(**fields)


def _require_normal(name: str, variances: Array) -> None:
    positive = variances[variances > 0]
    if positive.size and positive.min() < _SMALLEST_VARIANCE:
        raise ValueError(f"{name} has an entry between 0 and {_SMALLEST_VARIANCE:g}")
