"""The loss of a variational autoencoder, and its gradient.

It is the negative evidence lower bound with a weight β on the divergence,

    loss = −E_q[log p(x|z)] + β D(q(z|x)‖p(z)),

summed over films and latent dimensions and averaged over users, in nats, constants included. The
expectation is over one draw z = μ + exp(log_var/2) ε of the noise ε for each user; where the
decoder is linear it can also be had exactly.

Ratings are rows: one user each, one column for each film.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from kllib._numerics import validate, validate_numbers
from kllib._numerics.validate import Array
from kllib.gaussian import kl_standard_normal
from kllib.vae._passes import Run, backward, forward, squared_error
from kllib.vae.parameters import VAEParameters, rows
from kllib.vae.posterior_collapse import free_bits

__all__ = [
    "VAELoss",
    "vae_gradient",
    "vae_loss",
]


class VAELoss(NamedTuple):
    """The loss and what it is made of, averaged over users, in nats.

    Attributes
    ----------
    loss : float
        reconstruction + beta · kl; with free bits, kl is replaced by Σ_j max(λ, KL_j).
    reconstruction : float
        −E_q[log p(x|z)], summed over films.
    kl : float
        D(q(z|x)‖p(z)), summed over latent dimensions.
    kl_per_dimension : ndarray, shape (d,)
        Its share in each latent dimension.
    """

    loss: float
    reconstruction: float
    kl: float
    kl_per_dimension: Array


def vae_loss(
    parameters: VAEParameters,
    ratings: ArrayLike,
    noise: ArrayLike | None = None,
    *,
    beta: float = 1.0,
    free_nats: float = 0.0,
) -> VAELoss:
    """loss = −E_q[log p(x|z)] + β D(q(z|x)‖p(z)), averaged over users.

    Parameters
    ----------
    parameters : VAEParameters
        Encoder, decoder and noise variance.
    ratings : array_like, shape (users, films)
        The data.
    noise : array_like, shape (users, d), optional
        ε of the reparameterisation z = μ + exp(log_var/2) ε: ``rng.standard_normal((users, d))``.
        When left out, the expectation is computed exactly, which takes a linear decoder.
    beta : float
        The weight β of the divergence, not negative; 1 for the evidence lower bound.
    free_nats : float
        The threshold λ of `free_bits` for each latent dimension; 0 for none.

    Returns
    -------
    VAELoss
        With β = 1 and no free bits, −loss is the evidence lower bound per user.

    Raises
    ------
    ValueError
        When parameters are no `VAEParameters`, the shapes do not fit, a number is not finite or
        above 1e150 in size, beta or free_nats is negative, or noise is left out though the decoder
        is not linear.
    ArithmeticError
        When the parameters are so large that the loss is beyond the range of a float.

    References
    ----------
    Kingma and Welling (2014), Auto-encoding variational Bayes, sections 2.3, 2.4 and appendix B.
    Higgins et al. (2017), β-VAE, for β other than 1.

    Examples
    --------
    With all parameters zero the decoder ignores z and the encoder returns the prior; a rating x
    costs what it costs under the standard normal, ½ log(2π) + ½ x²:

    >>> x = [[1.0], [-1.0]]
    >>> vae = VAEParameters.random(np.random.default_rng(0), x, 1)
    >>> loss = vae_loss(vae.from_vector(np.zeros(vae.to_vector().size)), x)
    >>> print(round(loss.reconstruction, 9), loss.kl, round(math.log(2 * math.pi) / 2 + 0.5, 9))
    1.418938533 0.0 1.418938533
    """
    ratings, noise, beta, free_nats = _arguments(parameters, ratings, noise, beta, free_nats)
    with np.errstate(all="ignore"):
        return loss_of(forward(parameters, ratings, noise), beta, free_nats)


def vae_gradient(
    parameters: VAEParameters,
    ratings: ArrayLike,
    noise: ArrayLike | None = None,
    *,
    beta: float = 1.0,
    free_nats: float = 0.0,
) -> VAEParameters:
    """The gradient of `vae_loss` by all parameters, in the same places as the parameters.

    Parameters
    ----------
    parameters, ratings, noise, beta, free_nats
        As in `vae_loss`. With noise given, it is the gradient for these draws: through z, by
        the reparameterisation, it is an unbiased estimate of the gradient of the exact loss.

    Returns
    -------
    VAEParameters
        Each entry is the derivative by the parameter in its place. In a dimension whose
        divergence is at most free_nats, the divergence has the derivative 0.

    Raises
    ------
    ValueError, ArithmeticError
        As in `vae_loss`.

    References
    ----------
    Kingma and Welling (2014), Auto-encoding variational Bayes, section 2.4.

    Examples
    --------
    A step against the gradient lowers the loss:

    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((50, 4))
    >>> vae = VAEParameters.random(rng, x, 2)
    >>> step = -0.01 * vae_gradient(vae, x).to_vector()
    >>> print(vae_loss(vae.from_vector(vae.to_vector() + step), x).loss < vae_loss(vae, x).loss)
    True
    """
    ratings, noise, beta, free_nats = _arguments(parameters, ratings, noise, beta, free_nats)
    return loss_and_gradient(parameters, ratings, noise, beta, free_nats)[1]


def loss_and_gradient(
    parameters: VAEParameters, ratings: Array, noise: Array | None, beta: float, free_nats: float
) -> tuple[VAELoss, VAEParameters]:
    """One forward and one backward pass; ``ArithmeticError`` where either overflows."""
    with np.errstate(all="ignore"):
        run = forward(parameters, ratings, noise)
        loss = loss_of(run, beta, free_nats)
        gradient = backward(parameters, run, beta, loss.kl_per_dimension > free_nats)
    if not np.isfinite(gradient.to_vector()).all():
        raise ArithmeticError("the gradient is beyond the range of a float")
    return loss, gradient


def loss_of(run: Run, beta: float, free_nats: float) -> VAELoss:
    """The loss of one forward pass; ``ArithmeticError`` when it is beyond the range of a float."""
    films = run.ratings.shape[1]
    constant = films * (math.log(2 * math.pi) + run.log_noise_var)
    reconstruction = (constant + squared_error(run) * run.precision) / 2
    if not all(np.isfinite(part).all() for part in run.posterior):
        raise ArithmeticError("the encoder's output is beyond the range of a float")
    per_dimension = np.mean(kl_standard_normal(*run.posterior), axis=0)
    kl = float(free_bits(per_dimension, free_nats)) if np.isfinite(per_dimension).all() else np.inf
    loss = reconstruction + beta * kl
    if not math.isfinite(loss):
        raise ArithmeticError("the loss is beyond the range of a float")
    return VAELoss(loss, reconstruction, float(per_dimension.sum()), per_dimension)


def _arguments(
    parameters: VAEParameters,
    ratings: ArrayLike,
    noise: ArrayLike | None,
    beta: float,
    free_nats: float,
) -> tuple[Array, Array | None, float, float]:
    parameters = validate_numbers.instance("parameters", parameters, VAEParameters)
    ratings = rows("ratings", ratings, parameters.films)
    if noise is not None:
        noise = rows("noise", noise, parameters.latent_dim)
        if len(noise) != len(ratings):
            raise ValueError(f"noise has {len(noise)} rows for {len(ratings)} users")
    beta = validate.non_negative_number("beta", beta)
    return ratings, noise, beta, validate.non_negative_number("free_nats", free_nats)
