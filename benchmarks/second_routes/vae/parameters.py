"""Second routes to kllib.vae.parameters, and the architectures that the other routes use.

Parameters are passed as a vector, the sizes (films, d, encoder's and decoder's hidden units), and
read from it in the order of the fields: encoder mean, encoder log variance, decoder mean, log noise
variance, hidden layer of the encoder and of the decoder, each with its weights before its biases.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import mpmath
import numpy as np

from benchmarks.second_routes.route import ORDINARY, Case, Route, numbers

mpf = mpmath.mpf
Sizes = tuple[int, int, int, int]
#: films, d, hidden units below and above
ARCHITECTURES: list[Sizes] = [(3, 2, 0, 0), (3, 1, 2, 0), (2, 2, 0, 3), (3, 2, 2, 2)]
USERS = 4


class Network(NamedTuple):
    """The layers as lists of mpmath numbers: (weight rows, biases)."""

    encoder_mean: Any
    encoder_log_var: Any
    decoder_mean: Any
    log_noise_var: Any
    encoder_hidden: Any
    decoder_hidden: Any


def unpacked(vector: Any, sizes: Sizes) -> Network:
    """The layers in the vector."""
    films, d, below, above = sizes
    rest = list(vector)

    def layer(inputs: int, outputs: int) -> Any:
        taken, rest[:] = rest[: (inputs + 1) * outputs], rest[(inputs + 1) * outputs :]
        rows = [taken[i * outputs : (i + 1) * outputs] for i in range(inputs + 1)]
        return rows[:-1], rows[-1]

    mean = layer(below or films, d)
    log_var = layer(below, d)
    decoder = layer(above or d, films)
    log_noise_var = rest.pop(0)
    hidden = layer(films, below) if below else None
    network = Network(
        mean, log_var, decoder, log_noise_var, hidden, layer(d, above) if above else None
    )
    assert not rest
    return network


def applied(layer: Any, inputs: Any) -> list[mpf]:
    """x weight + bias."""
    weight, bias = layer
    columns = range(len(bias))
    return [
        bias[j] + mpmath.fsum(x * row[j] for x, row in zip(inputs, weight, strict=True))
        for j in columns
    ]


def encoded(network: Network, x: Any) -> tuple[list[mpf], list[mpf]]:
    """μ and log_var of one user."""
    if network.encoder_hidden is None:
        return applied(network.encoder_mean, x), network.encoder_log_var[1]
    hidden = [mpmath.tanh(v) for v in applied(network.encoder_hidden, x)]
    return applied(network.encoder_mean, hidden), applied(network.encoder_log_var, hidden)


def decoded(network: Network, z: Any) -> list[mpf]:
    """x̂(z)."""
    hidden = z
    if network.decoder_hidden is not None:
        hidden = [mpmath.tanh(v) for v in applied(network.decoder_hidden, z)]
    return applied(network.decoder_mean, hidden)


def length(sizes: Sizes) -> int:
    """How many parameters there are."""
    films, d, below, above = sizes
    encoder = ((below or films) + 1) * d + (below + 1) * d + (films + 1) * below
    return encoder + ((above or d) + 1) * films + (d + 1) * above + 1


def vectors() -> Iterator[Case]:
    """A vector of parameters, its sizes, ratings."""
    rng = np.random.default_rng(160)
    for sizes in ARCHITECTURES:
        vector = rng.standard_normal(length(sizes)) / 2
        x = 3 + rng.standard_normal((USERS, sizes[0]))
        yield Case(f"films, d, below, above: {sizes}", ORDINARY, (vector, sizes, x))


@mpmath.workdps(40)
def _round_trip(vector: Any, sizes: Sizes, ratings: Any) -> Any:
    network = unpacked(numbers(vector), sizes)
    return [decoded(network, encoded(network, numbers(x))[0]) for x in ratings]


def made(vector: Any, sizes: Sizes) -> Any:
    """kllib's object with these parameters."""
    from kllib.vae.parameters import VAEParameters

    films, d, below, above = sizes
    shape = VAEParameters.random(
        np.random.default_rng(0),
        np.zeros((1, films)),
        d,
        encoder_hidden=below,
        decoder_hidden=above,
    )
    return shape.from_vector(vector)


def _round_trip_of_kllib(vector: Any, sizes: Sizes, ratings: Any) -> Any:
    vae = made(vector, sizes)
    return vae.decode(vae.encode(ratings).mu)


ROUTES = {
    "VAEParameters": Route(
        vectors,
        _round_trip,
        "mpmath, 40 digits: encoding and decoding, sum by sum",
        call=_round_trip_of_kllib,
    )
}
EXEMPT = {"LatentPosterior": "a record; what encode puts into it is decoded in VAEParameters's row"}
