"""Which conventions torch and dit follow: the rows of "KL in the wild" that its page cannot run.

    python -m benchmarks.peers_conventions

Each row is a call, the value that the library's documentation promises for it (computed here with
numpy), and the value that comes out. A library that is not installed is said to be absent; the
exit code is 1 if a value differs.
"""

import importlib
import sys
from collections.abc import Callable, Iterator
from math import inf, isclose, isnan, log, nan
from typing import Any

import numpy as np

P = np.array([0.3, 0.5, 0.2])  # the truth
Q = np.array([0.25, 0.5, 0.25])  # the model
KL = float(np.sum(P * np.log(P / Q)))
EVEN, SURE = np.array([0.5, 0.5]), np.array([1.0, 0.0])

Row = tuple[str, float, Callable[[], Any]]


def torch_rows(torch: Any) -> Iterator[Row]:
    functional, distributions = torch.nn.functional, torch.distributions
    kl_div, categorical = functional.kl_div, distributions.Categorical
    p, q, even, sure = (torch.tensor(table) for table in (P, Q, EVEN, SURE))
    texts = (torch.tensor(np.tile(table, (2, 6, 1))) for table in (P, np.log(Q)))
    targets, log_models = texts

    def between(first: Any, second: Any) -> Any:
        return distributions.kl_divergence(categorical(probs=first), categorical(probs=second))

    yield "kl_div(ln q, p), default", KL / 3, lambda: kl_div(q.log()[None], p[None])
    yield "kl_div, sum", KL, lambda: kl_div(q.log(), p, reduction="sum")
    yield (
        "kl_div, batchmean",
        KL,
        lambda: kl_div(q.log()[None], p[None], reduction="batchmean"),
    )
    yield (
        "kl_div, batchmean, one axis only",
        KL / 3,
        lambda: kl_div(q.log(), p, reduction="batchmean"),
    )
    yield (
        "kl_div, batchmean, two texts of six",
        6 * KL,
        lambda: kl_div(log_models, targets, reduction="batchmean"),
    )
    yield (
        "kl_div(ln q, ln p), log_target",
        KL,
        lambda: kl_div(q.log(), p.log(), reduction="sum", log_target=True),
    )
    yield (
        "KLDivLoss(batchmean)",
        KL,
        lambda: torch.nn.KLDivLoss(reduction="batchmean")(q.log()[None], p[None]),
    )
    yield (
        "kl_div, totals left alone",
        float(np.sum(4 * P * np.log(4 * P / Q))),
        lambda: kl_div(q.log(), 4 * p, reduction="sum"),
    )
    yield "kl_div, zero in q", inf, lambda: kl_div(sure.log(), even, reduction="sum")
    yield "kl_div, zero in p", log(2), lambda: kl_div(even.log(), sure, reduction="sum")
    yield "kl_div, zero in both", nan, lambda: kl_div(sure.log(), sure, reduction="sum")
    yield (
        "cross_entropy(logits of q, p)",
        float(-np.sum(P * np.log(Q))),
        lambda: functional.cross_entropy((4 * q).log()[None], p[None]),
    )
    yield "kl_divergence(p, q)", KL, lambda: between(p, q)
    yield "kl_divergence of counts", KL, lambda: between(10 * p, 4 * q)
    yield "kl_divergence, zero in q", inf, lambda: between(even, sure)


def dit_rows(dit: Any) -> Iterator[Row]:
    divergence = importlib.import_module("dit.divergences").kullback_leibler_divergence

    def table(values: Any) -> Any:
        names = [str(i) for i, value in enumerate(values) if value > 0]
        return dit.Distribution(names, [float(value) for value in values if value > 0])

    yield "kullback_leibler_divergence", KL / log(2), lambda: divergence(table(P), table(Q))
    yield (
        "the same, totals left alone",
        float(np.sum(4 * P * np.log2(4 * P / Q))),
        lambda: divergence(table(4 * P), table(Q)),
    )
    yield "the same, zero in q", inf, lambda: divergence(table(EVEN), table(SURE))


PEERS: dict[str, Callable[[Any], Iterator[Row]]] = {"torch": torch_rows, "dit": dit_rows}


def agree(promised: float, found: float) -> bool:
    return isnan(promised) and isnan(found) or isclose(promised, found, rel_tol=1e-9)


def main() -> int:
    wrong = 0
    for name, rows in PEERS.items():
        try:
            library = importlib.import_module(name)
        except ImportError:
            print(f"{name}: absent")
            continue
        print(f"{name} {library.__version__}")
        for call, promised, run in rows(library):
            found = float(run())
            verdict = "" if agree(promised, found) else "  DIFFERS"
            wrong += bool(verdict)
            print(f"  {call:38} {promised:12.9f} {found:12.9f}{verdict}")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
