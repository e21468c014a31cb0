"""The linear variational autoencoder, whose optimum is known: probabilistic PCA.

With a linear decoder and noise of equal variance, the model of the ratings is normal. The true
posterior has the same covariance for all users, which can be chosen diagonal, so that a linear
encoder attains it: at the optimum the evidence lower bound is the likelihood, and nothing is lost
by the variational approximation.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kllib._numerics import validate_numbers
from kllib._numerics.validate import Array
from kllib.vae._network import Layer
from kllib.vae.parameters import VAEParameters, table

__all__ = [
    "LinearVAEOptimum",
    "linear_vae_optimum",
]

# Ratings that differ by less have variances that underflow.
_LEAST = 1e-150


@dataclass(frozen=True, eq=False)
class LinearVAEOptimum:
    """The least loss of a linear variational autoencoder, and parameters that attain it.

    Attributes
    ----------
    parameters : VAEParameters
        Optimal ones. All others differ from them by a sign of, or an exchange among, the latent
        dimensions (or a rotation of those of equal eigenvalue).
    loss : float
        As in `vae_loss`, per user. With β = 1 it is −log p(x), averaged over users.
    noise_var : float
        The variance of the noise.
    eigenvalues : ndarray, shape (films,)
        Of the covariance of the ratings (divided by the number of users), decreasing.
    active : ndarray of bool, shape (d,)
        Which latent dimensions are in use: those whose eigenvalue exceeds β · noise_var. The others
        have collapsed.
    """

    parameters: VAEParameters
    loss: float
    noise_var: float
    eigenvalues: Array
    active: NDArray[np.bool_]


def linear_vae_optimum(
    ratings: ArrayLike, latent_dim: int, *, beta: float = 1.0, noise_var: float | None = None
) -> LinearVAEOptimum:
    """The optimum of a linear variational autoencoder, from the eigenvalues λ of the covariance.

    The decoder's column for dimension j is the j-th principal direction times √(λ_j − β s²), where
    s² is the noise variance, or zero when λ_j ≤ β s²: such a dimension collapses. When s² is
    learned, it is Σ_{j>k} λ_j / (films − β k), with k dimensions in use; for β = 1 the mean of the
    eigenvalues that are left out.

    Parameters
    ----------
    ratings : array_like, shape (users, films)
        The data.
    latent_dim : int
        Number of latent dimensions d, less than the number of films.
    beta : float
        The weight of the divergence, positive.
    noise_var : float, optional
        The variance of the noise, when it is held fixed; the best one when left out.

    Returns
    -------
    LinearVAEOptimum
        Parameters, loss, and what it follows from.

    Raises
    ------
    ValueError
        When ratings is not a table of finite numbers, latent_dim is not below the number of films,
        beta or noise_var is not positive, the ratings vary in no more than latent_dim directions,
        so that the best noise variance is zero and the loss has no minimum, or the variances or the
        loss are beyond the range of a float.

    Notes
    -----
    Divided by β, the loss is that of an autoencoder with β = 1 and noise variance β s², up to a
    constant that depends on s² alone: a weight β > 1 acts like more noise, and kills dimensions.

    References
    ----------
    Tipping and Bishop (1999), Probabilistic principal component analysis, equations (7) and (8).
    Lucas, Tucker, Grosse and Norouzi (2019), Don't blame the ELBO! A linear VAE perspective on
    posterior collapse.

    Examples
    --------
    With three films and one latent dimension the noise is the mean of the two lesser eigenvalues:

    >>> x = np.array([[3.0, 0, 0], [-3, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])
    >>> optimum = linear_vae_optimum(x, 1)
    >>> print(optimum.eigenvalues.round(12), round(optimum.noise_var, 12))
    [3.         0.33333333 0.33333333] 0.333333333333
    """
    ratings = table("ratings", ratings)
    films = ratings.shape[1]
    latent_dim = validate_numbers.whole_number("latent_dim", latent_dim)
    if latent_dim >= films:
        raise ValueError(f"latent_dim must be below the {films} films; got {latent_dim}")
    beta = validate_numbers.positive_number("beta", beta)
    mean = ratings.mean(axis=0)
    centred = ratings - mean
    if 0 < np.abs(centred).max() < _LEAST:
        raise ValueError(f"ratings differ by less than {_LEAST:g}: their variances are no floats")
    eigenvalues, directions = _principal(centred)
    if noise_var is None:
        noise_var = _best_noise(eigenvalues, latent_dim, beta)
    noise_var = validate_numbers.positive_number("noise_var", noise_var)
    loss = _least_loss(eigenvalues, latent_dim, beta, noise_var)
    if not math.isfinite(loss):
        raise ValueError(f"with noise_var {noise_var:.6g} the loss is beyond the range of a float")

    kept, scaled_noise = eigenvalues[:latent_dim], beta * noise_var
    total = np.maximum(kept, scaled_noise)  # the model's variance in each direction
    columns = np.sqrt(total - scaled_noise)[:, None] * directions[:latent_dim]
    to_latent = (columns / total[:, None]).T
    parameters = VAEParameters(
        encoder_mean=Layer(to_latent, -mean @ to_latent),
        encoder_log_var=Layer(np.zeros((0, latent_dim)), np.log(scaled_noise / total)),
        decoder_mean=Layer(columns, mean),
        log_noise_var=math.log(noise_var),
    )
    return LinearVAEOptimum(parameters, loss, noise_var, eigenvalues, kept > scaled_noise)


def _principal(centred: Array) -> tuple[Array, Array]:
    """Eigenvalues of the covariance, decreasing, and the unit vectors that belong to them."""
    users, films = centred.shape
    # R has as few rows as there are films, however many users.
    triangle = np.linalg.qr(centred, mode="r")
    _, singular, directions = np.linalg.svd(triangle, full_matrices=True)
    eigenvalues = np.zeros(films)
    eigenvalues[: singular.size] = singular**2 / users
    # The sign of a direction is arbitrary: its largest entry is made positive.
    largest = np.argmax(np.abs(directions), axis=1)
    directions = directions * np.sign(directions[np.arange(films), largest])[:, None]
    return eigenvalues, directions


def _least_loss(eigenvalues: Array, latent_dim: int, beta: float, noise_var: float) -> float:
    """β times the loss of probabilistic PCA at noise β s², and the constant that β leaves."""
    scaled_noise = beta * noise_var
    model = np.full(eigenvalues.size, scaled_noise)
    model[:latent_dim] = np.maximum(eigenvalues[:latent_dim], scaled_noise)
    with np.errstate(all="ignore"):
        pca = (np.log(2 * math.pi * model) + eigenvalues / model).sum() / 2
        constants = np.log(2 * math.pi * noise_var) - beta * np.log(2 * math.pi * scaled_noise)
        return float(beta * pca + eigenvalues.size * constants / 2)


def _best_noise(eigenvalues: Array, latent_dim: int, beta: float) -> float:
    """The noise variance of least loss: one of those that k dimensions in use would give."""
    films = eigenvalues.size
    if eigenvalues[latent_dim:].sum() <= films * np.finfo(float).eps * eigenvalues[0]:
        raise ValueError(
            f"ratings vary in no more than {latent_dim} directions: without noise the loss has no "
            "minimum; use fewer latent dimensions, or set noise_var"
        )
    candidates = [
        float(eigenvalues[k:].sum() / (films - beta * k))
        for k in range(latent_dim + 1)
        if films > beta * k
    ]
    return min(candidates, key=lambda s: _least_loss(eigenvalues, latent_dim, beta, s))
