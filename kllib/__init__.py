"""KL divergence: the library shared by the course's chapters, exercises and grading.

Every public name imports from here. ``kl_divergence(p, q)`` is D(p‖q), the expectation under the
first argument; nats unless ``base=`` says otherwise.
"""

from kllib.discrete import (
    conditional_kl,
    cross_entropy,
    entropy,
    kl_divergence,
    mutual_information,
    normalize,
    perplexity,
    smooth,
)
from kllib.gaussian import (
    kl_diagonal_normal,
    kl_multivariate_normal,
    kl_normal,
    kl_standard_normal,
)

__all__ = [
    "conditional_kl",
    "cross_entropy",
    "entropy",
    "kl_diagonal_normal",
    "kl_divergence",
    "kl_multivariate_normal",
    "kl_normal",
    "kl_standard_normal",
    "mutual_information",
    "normalize",
    "perplexity",
    "smooth",
]
