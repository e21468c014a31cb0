"""Forward and backward pass of the variational autoencoder, written by hand. Private."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kllib._numerics.validate import Array
from kllib.vae._network import tanh_back
from kllib.vae.parameters import LatentPosterior, VAEParameters


class Run(NamedTuple):
    """All that the loss and its gradient are made of; ``noise`` is zero for the exact loss."""

    ratings: Array
    for_mean: Array
    for_log_var: Array
    posterior: LatentPosterior
    sigma: Array
    noise: Array
    latent: Array
    decoder_features: Array
    residual: Array  # x̂ − x
    spread: Array  # of x̂ over z, per latent dimension: the squared columns of a linear decoder
    precision: float  # 1/noise_var
    log_noise_var: float


def forward(parameters: VAEParameters, ratings: Array, noise: Array | None) -> Run:
    for_mean, for_log_var = parameters.encoder_features(ratings)
    posterior = LatentPosterior(
        parameters.encoder_mean(for_mean), parameters.encoder_log_var(for_log_var)
    )
    sigma = np.exp(posterior.log_var / 2)
    if noise is not None:
        spread = np.zeros(parameters.latent_dim)
    elif parameters.decoder_hidden is None:
        noise = np.zeros_like(sigma)
        spread = np.sum(parameters.decoder_mean.weight**2, axis=1)
    else:
        raise ValueError("noise is needed: only a linear decoder has a known expectation")
    latent = posterior.mu + sigma * noise
    decoder_features = parameters.decoder_features(latent)
    residual = parameters.decoder_mean(decoder_features) - ratings
    return Run(
        ratings,
        for_mean,
        for_log_var,
        posterior,
        sigma,
        noise,
        latent,
        decoder_features,
        residual,
        spread,
        float(np.exp(-parameters.log_noise_var)),
        parameters.log_noise_var,
    )


def squared_error(run: Run) -> float:
    """E_q |x̂(z) − x|², averaged over users."""
    return float((np.sum(run.residual**2) + np.sum(run.sigma**2 @ run.spread)) / len(run.ratings))


def backward(
    parameters: VAEParameters, run: Run, beta: float, charged: NDArray[np.bool_]
) -> VAEParameters:
    """The chain rule from the loss back; ``charged`` are the dimensions above the free bits."""
    users, films = run.ratings.shape
    scale = run.precision / users
    # Reconstruction: |residual|²/(2 noise_var), and sigma² · spread/(2 noise_var) when exact
    d_output = scale * run.residual
    decoder_mean = parameters.decoder_mean.gradient(run.decoder_features, d_output)
    if run.spread.any():
        variances = np.sum(run.sigma**2, axis=0)[:, None]
        extra = scale * variances * parameters.decoder_mean.weight
        decoder_mean = decoder_mean._replace(weight=decoder_mean.weight + extra)
    d_latent = parameters.decoder_mean.back(d_output)
    decoder_hidden = None
    if parameters.decoder_hidden is not None:
        d_hidden = tanh_back(run.decoder_features, d_latent)
        decoder_hidden = parameters.decoder_hidden.gradient(run.latent, d_hidden)
        d_latent = parameters.decoder_hidden.back(d_hidden)
    # z = μ + σ ε, and the divergence ½ (σ² − 1 − log σ² + μ²)
    weight = beta * charged / users
    d_mu = d_latent + weight * run.posterior.mu
    d_log_var = (
        d_latent * run.noise * run.sigma / 2
        + scale * run.sigma**2 * run.spread / 2
        + weight * np.expm1(run.posterior.log_var) / 2
    )
    encoder_hidden = None
    if parameters.encoder_hidden is not None:
        d_features = parameters.encoder_mean.back(d_mu) + parameters.encoder_log_var.back(d_log_var)
        d_hidden = tanh_back(run.for_mean, d_features)
        encoder_hidden = parameters.encoder_hidden.gradient(run.ratings, d_hidden)
    return VAEParameters(
        encoder_mean=parameters.encoder_mean.gradient(run.for_mean, d_mu),
        encoder_log_var=parameters.encoder_log_var.gradient(run.for_log_var, d_log_var),
        decoder_mean=decoder_mean,
        log_noise_var=(films - squared_error(run) * run.precision) / 2,
        encoder_hidden=encoder_hidden,
        decoder_hidden=decoder_hidden,
    )
