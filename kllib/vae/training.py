"""Training a variational autoencoder: small random steps against the gradient."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from kllib._numerics import validate, validate_numbers
from kllib._numerics.validate import Array
from kllib.vae._network import Adam
from kllib.vae.loss import loss_and_gradient
from kllib.vae.parameters import VAEParameters, rows

__all__ = [
    "TrainedVAE",
    "VAEHistory",
    "train_vae",
]


@dataclass(frozen=True, eq=False)
class VAEHistory:
    """What was measured before each training step, on that step's users and with its noise.

    Attributes
    ----------
    loss, reconstruction, kl : ndarray, shape (steps,)
        As in `VAELoss`.
    kl_per_dimension : ndarray, shape (steps, d)
        The divergence of each latent dimension.
    beta : ndarray, shape (steps,)
        The weight of the divergence.
    """

    loss: Array
    reconstruction: Array
    kl: Array
    kl_per_dimension: Array
    beta: Array


class TrainedVAE(NamedTuple):
    """The outcome of `train_vae`.

    Attributes
    ----------
    parameters : VAEParameters
        After the last step.
    history : VAEHistory
        The course of the training.
    """

    parameters: VAEParameters
    history: VAEHistory


def train_vae(
    initial: VAEParameters,
    ratings: ArrayLike,
    rng: np.random.Generator,
    *,
    steps: int = 2000,
    learning_rate: float = 0.05,
    batch_size: int | None = None,
    beta: float | Callable[[int], float] = 1.0,
    free_nats: float = 0.0,
    learn_noise: bool = True,
    exact: bool = False,
) -> TrainedVAE:
    """Minimise `vae_loss` with Adam, encoder and decoder together.

    Ratings less each film's mean are learnt in fewer steps: the offsets need not be found first.

    Parameters
    ----------
    initial : VAEParameters
        Where to start, and the architecture: see `VAEParameters.random`.
    ratings : array_like, shape (users, films)
        The data.
    rng : numpy.random.Generator
        Draws the batches and the noise ε. The same state gives the same result.
    steps : int
        Number of steps.
    learning_rate : float
        At the start; it falls in a straight line to zero at the end, so that the noise of the
        gradient averages out.
    batch_size : int, optional
        Users in a step, drawn anew each time without repetition; all of them when left out.
    beta : float or function
        The weight β of the divergence, or a function that returns it for the number of steps done
        so far, such as ``lambda step: linear_kl_annealing(step, warm_up=500)``.
    free_nats : float
        The threshold λ of `free_bits`.
    learn_noise : bool
        Whether the noise variance is trained too, or keeps its initial value.
    exact : bool
        Use the exact expectation instead of one draw of ε per user; takes a linear decoder.

    Returns
    -------
    TrainedVAE
        Parameters and history.

    Raises
    ------
    ValueError
        As in `vae_loss`, or when steps, learning_rate or batch_size make no sense.
    ArithmeticError
        When the training diverges, until the loss is beyond the range of a float.

    References
    ----------
    Kingma and Welling (2014), Auto-encoding variational Bayes, algorithm 1; Kingma and Ba (2015),
    Adam: a method for stochastic optimization, algorithm 1.

    Examples
    --------
    Trained on its exact loss, a linear autoencoder reaches the optimum known in closed form:

    >>> from kllib.vae.linear import linear_vae_optimum
    >>> from kllib.vae.loss import vae_loss
    >>> rng = np.random.default_rng(0)
    >>> ratings = rng.standard_normal((100, 1)) * [2.0, 1.0, 1.0] + rng.standard_normal((100, 3))
    >>> initial = VAEParameters.random(rng, ratings, 1)
    >>> trained = train_vae(initial, ratings, rng, exact=True).parameters
    >>> optimum = linear_vae_optimum(ratings, 1)
    >>> print(abs(vae_loss(trained, ratings).loss - optimum.loss) < 1e-4)
    True
    """
    initial = validate_numbers.instance("initial", initial, VAEParameters)
    ratings = rows("ratings", ratings, initial.films)
    rng = validate_numbers.generator(rng)
    steps = validate_numbers.whole_number("steps", steps)
    learning_rate = validate_numbers.positive_number("learning_rate", learning_rate)
    users = len(ratings)
    size = users if batch_size is None else validate_numbers.whole_number("batch_size", batch_size)
    if size > users:
        raise ValueError(f"batch_size must be at most the {users} users; got {batch_size}")
    free_nats = validate.non_negative_number("free_nats", free_nats)
    learn_noise = validate_numbers.flag("learn_noise", learn_noise)
    exact = validate_numbers.flag("exact", exact)
    parameters, vector, adam = initial, initial.to_vector(), Adam(initial.to_vector().size)
    losses, betas = [], []
    for step in range(steps):
        batch = ratings if size == users else ratings[rng.choice(users, size, replace=False)]
        noise = None if exact else rng.standard_normal((size, initial.latent_dim))
        weight = validate.non_negative_number("beta", beta(step) if callable(beta) else beta)
        try:
            loss, gradient = loss_and_gradient(parameters, batch, noise, weight, free_nats)
        except ArithmeticError as error:
            raise ArithmeticError(
                f"training diverges: at step {step} {error}; lower learning_rate"
            ) from None
        if not learn_noise:
            gradient = replace(gradient, log_noise_var=0.0)
        vector = vector + adam.step(gradient.to_vector(), learning_rate * (1 - step / steps))
        parameters = parameters.from_vector(vector)
        losses.append(loss)
        betas.append(weight)
    history = VAEHistory(
        loss=np.array([measured.loss for measured in losses]),
        reconstruction=np.array([measured.reconstruction for measured in losses]),
        kl=np.array([measured.kl for measured in losses]),
        kl_per_dimension=np.array([measured.kl_per_dimension for measured in losses]),
        beta=np.array(betas),
    )
    return TrainedVAE(parameters, history)
