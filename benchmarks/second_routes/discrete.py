"""Second routes to kllib.discrete: mpmath, for exactly these floating-point arguments.

The value meant is that for p/Σp and q/Σq, the sums being exact. Everything is drawn from fixed
seeds.
"""

from collections.abc import Iterator
from typing import Any

import mpmath
import numpy as np

from benchmarks.second_routes.route import (
    FAR,
    NEAR,
    ROUNDED,
    STEPS,
    SUBNORMAL,
    TINY,
    Case,
    Route,
    numbers,
    precise,
    shares,
)

mpf = mpmath.mpf


def near_pairs() -> Iterator[Case]:
    """Pairs with p near q: perturbed at random, in one coordinate, and by a smooth tilt."""
    rng = np.random.default_rng(20)
    for n in (2, 3, 10, 1000):
        p = rng.dirichlet(np.ones(n))
        one = np.zeros(n)
        one[n // 2] = 1
        directions = {
            "random": rng.standard_normal(n),
            "one coordinate": one,
            "tilt": np.linspace(-1, 1, n),
        }
        for label, direction in directions.items():
            for step in STEPS:
                # The spread of the direction under p, so that D is about step²/2.
                spread = np.sqrt(p @ (direction - p @ direction) ** 2)
                q = p * (1 + 2 * step / max(spread, 0.1) * direction)
                yield Case(f"n={n}, {label}, {step:g}", NEAR, (p, q / q.sum()))
    p = rng.dirichlet(np.ones(50))  # and pairs whose sums are as far from one as is admitted
    noise = rng.standard_normal(50)
    for step in STEPS:
        q = p * (1 + 2 * step * noise)
        off = (p * (1 + 4e-7), q / q.sum() * (1 - 4e-7))
        yield Case(f"sums off by 8e-7, {step:g}", ROUNDED, off)
    yield Case("float32 and float64", ROUNDED, (p.astype(np.float32), p))
    # 1,000,448 outcomes: 1024 exact copies of 977 outcomes.
    p = rng.dirichlet(np.ones(977))
    q = p * (1 + 1e-9 * rng.standard_normal(977))
    yield Case("n=1e6", NEAR, (np.tile(p, 1024) / 1024, np.tile(q / q.sum(), 1024) / 1024))


def extreme_pairs() -> Iterator[Case]:
    """Zeros, the smallest floats, and ratios of all sizes."""
    rng = np.random.default_rng(21)
    half = [0.5, 0.5]
    for tiny in (1e-10, 1e-20, 1e-100, TINY, SUBNORMAL):
        yield Case(f"q holds {tiny:g}", FAR, (half, [1.0, tiny]))
        yield Case(f"p holds {tiny:g}", FAR, ([1.0, tiny], half))
        yield Case(f"q holds {tiny:g}, p 0.3", FAR, ([0.7, 0.3], [1.0, tiny]))
    for tiny in (1e-7, 1e-10, 1e-15, 1e-20, 1e-100, TINY):
        yield Case(f"rare: {tiny:g} against its triple", FAR, ([1.0, tiny], [1.0, 3 * tiny]))
        yield Case(f"rare: {tiny:g} against zero", FAR, ([1.0, 0.0], [1.0, tiny]))
        yield Case(f"mirror, {tiny:g}", FAR, ([1 - tiny, tiny], [tiny, 1 - tiny]))
    yield Case("disjoint but for 1e-300", FAR, ([1.0, 0.0, TINY], [TINY, 1.0, 0.5 * TINY]))
    yield Case("zeros in p", FAR, ([0.0, 0.25, 0.75, 0.0], [0.125, 0.25, 0.125, 0.5]))
    yield Case("zeros in both", FAR, ([0.0, 0.25, 0.75, 0.0], [0.0, 0.5, 0.25, 0.25]))
    yield Case("one outcome in four", FAR, ([0, 0, 1, 0], [0.25] * 4))
    for n in (10, 1000):
        for power in (1, 10, 100):
            p, q = np.maximum(rng.dirichlet(np.ones(n), size=2) ** power, SUBNORMAL)
            name = f"n={n}, Dirichlet draws to the power {power}"
            yield Case(name, FAR, (p / p.sum(), q / q.sum()))
    for step in (0.5, 0.25, 0.1, -0.1, -0.25, -0.5, -0.9):
        q = np.full(8, 0.125)
        q[0] *= 1 + step
        yield Case(f"uniform but one by {step:g}", FAR, (np.full(8, 0.125), q / q.sum()))


def single_distributions() -> Iterator[Case]:
    """Distributions of hardly any entropy, of all of it, and with the smallest floats."""
    rng = np.random.default_rng(22)
    for tiny in (1e-5, 1e-10, 1e-15, 1e-17, 1e-20, 1e-100, TINY, SUBNORMAL):
        yield Case(f"nearly certain, {tiny:g}", FAR, ([1 - tiny, tiny],))
        yield Case(f"nearly certain, {tiny:g} thrice", FAR, ([tiny, 1 - 3 * tiny, tiny, tiny],))
    yield Case("sum off by 9e-7", ROUNDED, ([0.5, 0.25, 0.25 + 9e-7],))
    yield Case("nearly certain, sum off by 9e-7", ROUNDED, ([1 - 9e-7, 1e-12],))
    for n in (2, 10, 1000):
        yield Case(f"uniform on {n}", FAR, (np.full(n, 1 / n),))
        for power in (1, 10, 100):
            p = rng.dirichlet(np.ones(n)) ** power
            yield Case(f"n={n}, Dirichlet draw to the power {power}", FAR, (p / p.sum(),))
    yield Case("uniform on 2^20", FAR, (np.full(2**20, 2.0**-20),))


def joints() -> Iterator[Case]:
    """Joint distributions, from hardly dependent to fully dependent."""
    rng = np.random.default_rng(23)
    for shape in ((2, 2), (3, 5), (30, 40)):
        independent = np.outer(rng.dirichlet(np.ones(shape[0])), rng.dirichlet(np.ones(shape[1])))
        noise = rng.standard_normal(shape)
        for step in STEPS:
            joint = independent * (1 + 2 * step * noise)
            yield Case(f"{shape}, {step:g} from independent", NEAR, (joint / joint.sum(),))
    for tiny in (1e-5, 1e-10, 1e-20, TINY, SUBNORMAL):
        corner = [[1 - 2 * tiny, 0.0], [0.0, 2 * tiny]]
        yield Case(f"rare and fully dependent, {tiny:g}", FAR, (corner,))
        yield Case(f"diagonal but for {tiny:g}", FAR, ([[0.5 - tiny, tiny], [tiny, 0.5 - tiny]],))
    yield Case("smallest floats off the diagonal", FAR, ([[1.0, TINY], [TINY, SUBNORMAL]],))
    dense = rng.dirichlet(np.ones(200)) ** 10
    yield Case("Dirichlet draw to the power 10", FAR, ((dense / dense.sum()).reshape(10, 20),))


def joint_pairs() -> Iterator[Case]:
    """Pairs of joint distributions whose conditionals nearly agree, or differ wildly."""
    rng = np.random.default_rng(24)
    for shape in ((2, 2), (4, 3), (20, 30)):
        p = rng.dirichlet(np.ones(shape[0] * shape[1])).reshape(shape)
        for step in STEPS:
            # q's conditionals are near p's, though its marginal is another one.
            rows = p / p.sum(axis=1, keepdims=True) * (1 + 2 * step * rng.standard_normal(shape))
            q = rng.dirichlet(np.ones(shape[0]))[:, None] * rows
            yield Case(f"{shape}, conditionals {step:g} apart", NEAR, (p, q / q.sum()))
    p = np.array([[0.5, 0.25], [0.25, 0.0]])
    yield Case("zeros in p", FAR, (p, np.full((2, 2), 0.25)))
    never = ([[0.5, 0.5], [0.0, 0.0]], [[0.25, 0.75], [0.0, 0.0]])
    yield Case("a row that neither ever meets", FAR, never)
    for tiny in (1e-20, TINY, SUBNORMAL):
        rare = [[0.25, 0.75], [tiny, 2 * tiny]]
        common = [[0.5, 0.25], [0.125, 0.125]]
        yield Case(f"p's row of {tiny:g}", FAR, (rare, common))
        yield Case(f"q's row of {tiny:g}", FAR, (common, rare))


def pairs() -> Iterator[Case]:
    """Pairs of distributions, nearly equal and not at all."""
    yield from near_pairs()
    yield from extreme_pairs()


def _distinct(*arrays: Any) -> tuple[np.ndarray, ...]:
    """Of a distribution that is 1024 copies of a shorter one, the shorter one."""
    n = np.size(arrays[0])
    if n < 1_000_000:
        return tuple(np.asarray(a) for a in arrays)
    return tuple(np.asarray(a)[: n // 1024] * 1024 for a in arrays)


def _cross_entropy(p: Any, q: Any) -> mpf:
    copies = np.size(p) // np.size(_distinct(p)[0])
    p, q = map(shares, _distinct(p, q))
    return -mpmath.fsum(a * mpmath.log(b) for a, b in zip(p, q, strict=True) if a) + mpmath.log(
        copies
    )


def _kl(p: Any, q: Any) -> mpf:
    p, q = map(shares, _distinct(p, q))
    return mpmath.fsum(a * mpmath.log(a / b) for a, b in zip(p, q, strict=True) if a)


def _mutual_information(joint: Any) -> mpf:
    table = mpmath.matrix(np.asarray(joint).astype(float).tolist())
    cells = [(i, j) for i in range(table.rows) for j in range(table.cols)]
    rows = [mpmath.fsum(table[i, j] for j in range(table.cols)) for i in range(table.rows)]
    columns = [mpmath.fsum(table[i, j] for i in range(table.rows)) for j in range(table.cols)]
    total = mpmath.fsum(rows)
    terms = (
        table[i, j] * mpmath.log(table[i, j] * total / (rows[i] * columns[j]))
        for i, j in cells
        if table[i, j]
    )
    return mpmath.fsum(terms) / total


def _conditional_kl(p: Any, q: Any) -> mpf:
    exact_rows = [mpmath.fsum(numbers(row)) for row in p]
    weights = [row / mpmath.fsum(exact_rows) for row in exact_rows]
    return mpmath.fsum(w * _kl(a, b) for w, a, b in zip(weights, p, q, strict=True) if w)


def weights() -> Iterator[Case]:
    """Weights of every scale."""
    rng = np.random.default_rng(27)
    for n in (1, 2, 10, 1000):
        for scale in (1e-300, 1e-150, 1.0, 1e150, 1e300):
            yield Case(f"n={n}, scale {scale:g}", FAR, (scale * rng.dirichlet(np.ones(n)) ** 3,))


def smoothed() -> Iterator[Case]:
    """A distribution and what is added to it."""
    rng = np.random.default_rng(28)
    for n in (1, 2, 10, 1000):
        for alpha in (0.0, 1e-300, 1e-10, 0.5, 1e10):
            yield Case(f"n={n}, alpha {alpha:g}", FAR, (rng.dirichlet(np.ones(n)), alpha))


def _smooth(p: Any, alpha: float) -> Any:
    exact = shares(p)
    return [(x + mpf(alpha)) / (1 + len(exact) * mpf(alpha)) for x in exact]


SUM = "mpmath, 60 digits: the textbook sum"
ROUTES = {
    "entropy": Route(single_distributions, precise(lambda p: _cross_entropy(p, p)), SUM),
    "cross_entropy": Route(pairs, precise(_cross_entropy), SUM),
    "kl_divergence": Route(pairs, precise(_kl), SUM),
    "perplexity": Route(pairs, precise(lambda p, q: mpmath.exp(_cross_entropy(p, q))), SUM),
    "mutual_information": Route(joints, precise(_mutual_information), SUM),
    "conditional_kl": Route(joint_pairs, precise(_conditional_kl), SUM),
    "normalize": Route(weights, precise(shares), "mpmath, 60 digits: division"),
    "smooth": Route(smoothed, precise(_smooth), "mpmath, 60 digits: division"),
}
