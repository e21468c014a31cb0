"""Made-up film ratings whose hidden tastes are known: the data of the course's autoencoders.

Two tastes, independent standard normals for each user, decide what the user thinks of twelve kinds
of film. As the tastes are part of what is returned, what a model infers can be compared with them.
"""

from dataclasses import dataclass

import numpy as np

from kllib._numerics import validate, validate_numbers
from kllib._numerics.validate import Array
from kllib.vae.parameters import LARGEST

__all__ = [
    "MoviePreferences",
    "movie_preferences",
]

# For each kind of film: its average rating in stars, and how many stars one unit of each taste
# adds: the liking for action rather than drama, and for the niche rather than the mainstream.
_FILMS = {
    "action": (3.4, 1.2, -0.5),
    "thriller": (3.5, 1.0, -0.2),
    "science fiction": (3.3, 0.9, 0.3),
    "adventure": (3.6, 0.8, -0.4),
    "comedy": (3.5, 0.2, -0.5),
    "family": (3.2, 0.0, -0.7),
    "romance": (3.1, -0.4, -0.2),
    "musical": (2.8, -0.6, -0.3),
    "drama": (3.6, -0.9, 0.4),
    "documentary": (3.0, -0.3, 0.8),
    "art house": (2.6, -0.5, 1.0),
    "silent": (2.4, 0.1, 0.6),
}


@dataclass(frozen=True, eq=False)
class MoviePreferences:
    """Ratings, and the truth behind them.

    Attributes
    ----------
    ratings : ndarray, shape (users, 12)
        In stars, as real numbers: not rounded, and free to leave the range from 1 to 5.
    tastes : ndarray, shape (users, 2)
        The hidden tastes: action rather than drama, niche rather than mainstream.
    loadings : ndarray, shape (2, 12)
        Stars that one unit of each taste adds to each kind of film.
    averages : ndarray, shape (12,)
        Stars from a user of average taste, for whom both tastes are zero.
    noise_sigma : float
        Standard deviation of what taste does not explain, in stars.
    films : tuple of str
        The twelve kinds of film.
    """

    ratings: Array
    tastes: Array
    loadings: Array
    averages: Array
    noise_sigma: float
    films: tuple[str, ...]


def movie_preferences(
    rng: np.random.Generator, users: int, *, noise_sigma: float = 0.5, saturating: bool = False
) -> MoviePreferences:
    """Ratings x = averages + tastes · loadings + noise of users with random tastes.

    Parameters
    ----------
    rng : numpy.random.Generator
        The source of randomness.
    users : int
        How many users.
    noise_sigma : float
        Standard deviation of the noise, in stars; zero for none.
    saturating : bool
        Pass the noiseless rating s through 3 + 2 tanh((s − 3)/2), which keeps it between 1 and 5
        stars: extreme tastes no longer show in full, and no linear model is right.

    Returns
    -------
    MoviePreferences
        Without saturation the ratings are normal with mean ``averages`` and covariance
        ``loadings.T @ loadings + noise_sigma**2 * I``: probabilistic PCA is the true model.

    Raises
    ------
    ValueError
        When users is not a positive whole number, or noise_sigma is negative or above 1e150.

    References
    ----------
    Tipping and Bishop (1999), Probabilistic principal component analysis, section 3.1, for the
    model without saturation.

    Examples
    --------
    Without noise, two tastes account for twelve ratings:

    >>> data = movie_preferences(np.random.default_rng(0), 100, noise_sigma=0)
    >>> print(data.ratings.shape, np.linalg.matrix_rank(data.ratings - data.averages))
    (100, 12) 2
    """
    rng = validate_numbers.generator(rng)
    users = validate_numbers.whole_number("users", users)
    noise_sigma = validate.non_negative_number("noise_sigma", noise_sigma)
    if noise_sigma > LARGEST:
        raise ValueError(f"noise_sigma must be at most {LARGEST:g}; got {noise_sigma:.6g}")
    saturating = validate_numbers.flag("saturating", saturating)
    averages, *loadings = np.array(list(_FILMS.values())).T
    tastes = rng.standard_normal((users, len(loadings)))
    ratings = averages + tastes @ np.array(loadings)
    if saturating:
        ratings = 3 + 2 * np.tanh((ratings - 3) / 2)
    ratings = ratings + noise_sigma * rng.standard_normal(ratings.shape)
    return MoviePreferences(
        ratings, tastes, np.array(loadings), averages, noise_sigma, tuple(_FILMS)
    )
