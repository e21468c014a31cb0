"""The weights of a small variational autoencoder: encoder, decoder and noise variance.

Encoder and decoder are linear, or have one hidden layer of tanh units:

    q(z|x) = N(μ(x), diag exp log_var(x)),   p(z) = N(0, I),   p(x|z) = N(x̂(z), noise_var I).

Ratings are rows: one user each, one column for each film.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from kllib._numerics import validate, validate_numbers
from kllib._numerics.validate import Array
from kllib.vae._network import Layer, random_layer

__all__ = [
    "LatentPosterior",
    "VAEParameters",
]

#: No rating, latent variable or noise may be larger, so that none of its squares overflows.
LARGEST = 1e150


class LatentPosterior(NamedTuple):
    """What the encoder says about each user: q(z|x) = N(mu, diag exp log_var).

    Attributes
    ----------
    mu, log_var : ndarray, shape (users, d)
        Means and log variances, one row for each user.
    """

    mu: Array
    log_var: Array


@dataclass(frozen=True, eq=False)
class VAEParameters:
    """The layers of encoder and decoder, and the logarithm of the noise variance.

    Attributes
    ----------
    encoder_mean : Layer
        From the encoder's features (the ratings, or its hidden layer) to μ. A layer has a
        ``weight`` of shape (inputs, outputs) and a ``bias``.
    encoder_log_var : Layer
        From the hidden layer to log_var. A linear encoder has the same log_var for all users: the
        bias alone, under a weight of no rows.
    decoder_mean : Layer
        From the decoder's features (z, or its hidden layer) to x̂.
    log_noise_var : float
        Logarithm of the variance of a rating given z, the same for all films.
    encoder_hidden, decoder_hidden : Layer or None
        The layer before tanh; None when the encoder or the decoder is linear.
    """

    encoder_mean: Layer
    encoder_log_var: Layer
    decoder_mean: Layer
    log_noise_var: float
    encoder_hidden: Layer | None = None
    decoder_hidden: Layer | None = None

    @classmethod
    def random(
        cls,
        rng: np.random.Generator,
        ratings: ArrayLike,
        latent_dim: int,
        *,
        encoder_hidden: int = 0,
        decoder_hidden: int = 0,
        noise_var: float = 1.0,
    ) -> "VAEParameters":
        """Random weights, and biases that let decoding and encoding start from the mean ratings.

        ``encoder_hidden`` and ``decoder_hidden`` are numbers of tanh units, 0 for a linear part.
        """
        rng = validate_numbers.generator(rng)
        mean = table("ratings", ratings).mean(axis=0)
        latent_dim = validate_numbers.whole_number("latent_dim", latent_dim)
        below = validate_numbers.whole_number("encoder_hidden", encoder_hidden, 0)
        above = validate_numbers.whole_number("decoder_hidden", decoder_hidden, 0)
        noise_var = validate_numbers.positive_number("noise_var", noise_var)
        from_ratings = random_layer(rng, mean.size, below or latent_dim)
        from_ratings = from_ratings._replace(bias=-mean @ from_ratings.weight)
        to_ratings = random_layer(rng, above or latent_dim, mean.size)._replace(bias=mean)
        return cls(
            encoder_mean=random_layer(rng, below, latent_dim) if below else from_ratings,
            encoder_log_var=Layer(np.zeros((below, latent_dim)), np.zeros(latent_dim)),
            decoder_mean=to_ratings,
            log_noise_var=math.log(noise_var),
            encoder_hidden=from_ratings if below else None,
            decoder_hidden=random_layer(rng, latent_dim, above) if above else None,
        )

    @property
    def films(self) -> int:
        """The number of columns of the ratings."""
        return self.decoder_mean.bias.size

    @property
    def latent_dim(self) -> int:
        """The number of latent dimensions."""
        return self.encoder_mean.bias.size

    def encode(self, ratings: ArrayLike) -> LatentPosterior:
        """q(z|x) for each row of ratings."""
        for_mean, for_log_var = self.encoder_features(rows("ratings", ratings, self.films))
        return LatentPosterior(self.encoder_mean(for_mean), self.encoder_log_var(for_log_var))

    def decode(self, latent: ArrayLike) -> Array:
        """x̂(z), the mean ratings, for each row of latent."""
        return self.decoder_mean(self.decoder_features(rows("latent", latent, self.latent_dim)))

    def to_vector(self) -> Array:
        """All parameters in one vector."""
        return np.concatenate([np.ravel(part) for part in self._parts()])

    def from_vector(self, vector: ArrayLike) -> "VAEParameters":
        """The same architecture with the parameters in ``vector``, ordered as by to_vector."""
        vector = validate.vectors("vector", vector).copy()  # what the caller does to it later
        sizes = [np.size(part) for part in self._parts()]
        if vector.shape != (sum(sizes),):
            raise ValueError(f"vector must have shape ({sum(sizes)},); it has {vector.shape}")
        pieces = iter(np.split(vector, np.cumsum(sizes)[:-1]))
        values: dict[str, Layer | float | None] = {}
        for field in fields(self):
            old = getattr(self, field.name)
            if isinstance(old, Layer):
                weight = next(pieces).reshape(old.weight.shape)
                values[field.name] = Layer(weight, next(pieces))
            else:
                values[field.name] = None if old is None else float(next(pieces)[0])
        return VAEParameters(**values)  # type: ignore[arg-type]

    def _parts(self) -> Iterator[Array | float]:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Layer):
                yield from value
            elif value is not None:
                yield value

    def encoder_features(self, ratings: Array) -> tuple[Array, Array]:
        """What μ and log_var are computed from: the hidden layer, or the ratings and nothing."""
        if self.encoder_hidden is None:
            return ratings, ratings[:, :0]
        hidden: Array = np.tanh(self.encoder_hidden(ratings))
        return hidden, hidden

    def decoder_features(self, latent: Array) -> Array:
        """What x̂ is computed from: the hidden layer, or z itself."""
        return latent if self.decoder_hidden is None else np.tanh(self.decoder_hidden(latent))


def table(name: str, value: ArrayLike) -> Array:
    """Rows of finite numbers whose squares are finite, too."""
    array = validate.real_array(name, value)
    if array.ndim != 2:
        raise ValueError(f"{name} must be a table with one row for each user; got {array.shape}")
    largest = np.abs(array).max()
    if largest > LARGEST:
        raise ValueError(f"{name} has an entry above {LARGEST:g} in size: {largest:.6g}")
    return array


def rows(name: str, value: ArrayLike, columns: int) -> Array:
    """Rows of finite numbers, of the given length."""
    array = table(name, value)
    if array.shape[1] != columns:
        raise ValueError(f"{name} must have shape (rows, {columns}); it has {array.shape}")
    return array
