"""Other ways to compute what kllib computes: books' formulas, scipy and torch.

Each function below gives a table of formulas by the name of the function of kllib they answer.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special
import scipy.stats

Formula = Callable[..., Any]


def textbook() -> dict[str, Formula]:
    """The formulas as books print them."""

    def kl(p: Any, q: Any) -> Any:
        p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
        seen = p > 0
        return np.sum(p[seen] * np.log(p[seen] / q[seen]))

    def cross_entropy(p: Any, q: Any) -> Any:
        return -np.sum(scipy.special.xlogy(p, q))

    def conditional_kl(p: Any, q: Any) -> Any:
        p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
        return kl(p.ravel(), q.ravel()) - kl(p.sum(axis=1), q.sum(axis=1))

    def normal(mu1: float, sigma1: float, mu2: float, sigma2: float) -> Any:
        mu1, sigma1, mu2, sigma2 = map(np.float64, (mu1, sigma1, mu2, sigma2))
        scales = np.log(sigma2 / sigma1)
        return scales + (sigma1**2 + (mu1 - mu2) ** 2) / (2 * sigma2**2) - 0.5

    def diagonal(m1: Any, v1: Any, m2: Any, v2: Any) -> Any:
        m1, v1, m2, v2 = map(np.asarray, (m1, v1, m2, v2))
        return np.sum(v2 - v1 + (np.exp(v1) + (m1 - m2) ** 2) / np.exp(v2) - 1) / 2

    def multivariate(m1: Any, c1: Any, m2: Any, c2: Any) -> Any:
        inverse, shift = np.linalg.inv(c2), m2 - m1
        log_det = np.linalg.slogdet(c2)[1] - np.linalg.slogdet(c1)[1]
        return (log_det - len(m1) + np.trace(inverse @ c1) + shift @ inverse @ shift) / 2

    return {
        "entropy": lambda p: cross_entropy(p, p),
        "cross_entropy": cross_entropy,
        "kl_divergence": kl,
        "perplexity": lambda p, q: np.exp(cross_entropy(p, q)),
        "mutual_information": lambda joint: kl(joint, _product_of_marginals(joint)),
        "conditional_kl": conditional_kl,
        "kl_normal": normal,
        "kl_standard_normal": lambda mu, log_var: (np.exp(log_var) + mu**2 - 1 - log_var) / 2,
        "kl_diagonal_normal": diagonal,
        "kl_multivariate_normal": multivariate,
    }


def scipy_entropy() -> dict[str, Formula]:
    """Everything in terms of scipy.stats.entropy, which normalises its arguments."""
    entropy = scipy.stats.entropy

    def cross_entropy(p: Any, q: Any) -> Any:
        return entropy(p) + entropy(p, q)

    def conditional_kl(p: Any, q: Any) -> Any:
        rows = [(row, other) for row, other in zip(p, q, strict=True) if np.sum(row) > 0]
        return sum(np.sum(row) * entropy(row, other) for row, other in rows)

    return {
        "entropy": entropy,
        "cross_entropy": cross_entropy,
        "kl_divergence": entropy,
        "perplexity": lambda p, q: np.exp(cross_entropy(p, q)),
        "mutual_information": lambda joint: entropy(
            np.ravel(joint), _product_of_marginals(joint).ravel()
        ),
        "conditional_kl": conditional_kl,
    }


def scipy_rel_entr() -> dict[str, Formula]:
    """Everything in terms of scipy.special.rel_entr and entr."""
    rel_entr, entr = scipy.special.rel_entr, scipy.special.entr

    def cross_entropy(p: Any, q: Any) -> Any:
        return entr(p).sum() + rel_entr(p, q).sum()

    return {
        "entropy": lambda p: entr(p).sum(),
        "cross_entropy": cross_entropy,
        "kl_divergence": lambda p, q: rel_entr(p, q).sum(),
        "perplexity": lambda p, q: np.exp(cross_entropy(p, q)),
        "mutual_information": lambda joint: rel_entr(joint, _product_of_marginals(joint)).sum(),
        "conditional_kl": lambda p, q: (
            rel_entr(p, q).sum() - rel_entr(np.sum(p, axis=1), np.sum(q, axis=1)).sum()
        ),
    }


def torch_distributions() -> dict[str, Formula]:
    """torch.distributions: Categorical, Normal and MultivariateNormal in float64."""
    import torch
    from torch.distributions import Categorical, Independent, MultivariateNormal, Normal
    from torch.distributions import kl_divergence as divergence

    def tensor(value: Any) -> Any:
        return torch.tensor(np.asarray(value, dtype=float))

    def categorical(p: Any) -> Any:
        return Categorical(probs=tensor(p), validate_args=False)

    def kl(p: Any, q: Any) -> Any:
        return divergence(categorical(p), categorical(q))

    def cross_entropy(p: Any, q: Any) -> Any:
        return categorical(p).entropy() + kl(p, q)

    def conditional_kl(p: Any, q: Any) -> Any:
        rows = [(row, other) for row, other in zip(p, q, strict=True) if np.sum(row) > 0]
        return sum(float(np.sum(row)) * kl(row, other) for row, other in rows)

    def normal(mean: Any, sigma: Any) -> Any:
        return Normal(tensor(mean), tensor(sigma), validate_args=False)

    def vector(mean: Any, log_var: Any) -> Any:
        return Independent(normal(mean, np.exp(np.asarray(log_var) / 2)), 1)

    def multivariate(mean: Any, cov: Any) -> Any:
        return MultivariateNormal(tensor(mean), tensor(cov), validate_args=False)

    return {
        "entropy": lambda p: categorical(p).entropy(),
        "cross_entropy": cross_entropy,
        "kl_divergence": kl,
        "perplexity": lambda p, q: torch.exp(cross_entropy(p, q)),
        "mutual_information": lambda joint: kl(
            np.ravel(joint), _product_of_marginals(joint).ravel()
        ),
        "conditional_kl": conditional_kl,
        "kl_normal": lambda m1, s1, m2, s2: divergence(normal(m1, s1), normal(m2, s2)),
        "kl_standard_normal": lambda mu, log_var: divergence(
            normal(mu, np.exp(log_var / 2)), normal(0.0, 1.0)
        ),
        "kl_diagonal_normal": lambda m1, v1, m2, v2: divergence(vector(m1, v1), vector(m2, v2)),
        "kl_multivariate_normal": lambda m1, c1, m2, c2: divergence(
            multivariate(m1, c1), multivariate(m2, c2)
        ),
    }


def torch_kl_div() -> dict[str, Formula]:
    """torch.nn.functional.kl_div(log q, p), which is D(p‖q)."""
    import torch
    from torch.nn.functional import kl_div

    def kl(p: Any, q: Any) -> Any:
        p, q = (torch.tensor(np.asarray(x, dtype=float)) for x in (p, q))
        return kl_div(q.log(), p, reduction="sum")

    return {
        "kl_divergence": kl,
        "mutual_information": lambda joint: kl(joint, _product_of_marginals(joint)),
        "conditional_kl": lambda p, q: kl(p, q) - kl(np.sum(p, axis=1), np.sum(q, axis=1)),
    }


def _product_of_marginals(joint: Any) -> Any:
    return np.outer(np.sum(joint, axis=1), np.sum(joint, axis=0))
