"""The hard inputs on which accuracy is measured, and their exact values by mpmath.

At 60 digits, and at 700 where there are few numbers, so that 1 + 1e-300 is not 1.

``CASES[function name]`` is a list of cases; ``exact(function name, *arguments)`` is the true value
for exactly these floating-point arguments. For probabilities that means the value for p/Σp and
q/Σq, the sums being exact. Nothing here imports kllib. Everything is drawn from fixed seeds.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import mpmath
import numpy as np

mpf = mpmath.mpf

NEAR, FAR, ROUNDED = "near-equal", "extreme", "sums off 1e-6"


# Below this a float has no longer its 53 bits, and no relative accuracy can be asked for.
SMALLEST = 2.3e-308

_truths: dict[tuple[str, str], mpmath.mpf] = {}


class Case(NamedTuple):
    """One set of arguments: how it was made, and what is hard about it."""

    name: str
    kind: str
    arguments: tuple[Any, ...]

    def truth(self, function: str) -> mpmath.mpf:
        """The exact value, computed once."""
        key = (function, self.name)
        if key not in _truths:
            _truths[key] = exact(function, *self.arguments)
        return _truths[key]


# Perturbations that give divergences from about 1e-4 down to 1e-20.
STEPS = [10.0**-k for k in (2, 3, 4, 5, 6, 7, 8, 9, 10)]
TINY, SUBNORMAL = 1e-300, 5e-324


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


def normals() -> Iterator[Case]:
    """mu1, sigma1, mu2, sigma2."""
    for step in STEPS:
        for scale in (1.0, 0.1, 1e-150, 1e150):
            name = f"{step:g} apart, scale {scale:g}"
            yield Case(f"mu {name}", NEAR, (3 * scale, scale, 3 * scale * (1 + step), scale))
            yield Case(f"sigma {name}", NEAR, (scale, scale * (1 + step), scale, scale))
            far_mean = 1e5 * scale
            both = (far_mean, scale, far_mean * (1 + step / 1e5), scale * (1 - step))
            yield Case(f"both {name}", NEAR, both)
    for ratio in (1e-150, 1e-20, 1e-3, 0.5, 0.8, 0.9, 1.1, 1.13, 1.3, 2.0, 1e3, 1e20, 1e150):
        yield Case(f"sigma ratio {ratio:g}", FAR, (0.0, ratio, 0.0, 1.0))
    yield Case("smallest and largest", FAR, (0.0, 1e-150, 0.0, 1e150))
    yield Case("means at the ends of the range", FAR, (1.7e308, 1e300, -1.7e308, 1e300))


def standard_normals() -> Iterator[Case]:
    """mu, log_var."""
    for step in STEPS:
        for sign in (1, -1):
            yield Case(f"log_var {sign * step:g}", NEAR, (0.0, sign * step))
            yield Case(f"both {sign * step:g}", NEAR, (-step, sign * step))
    for log_var in (-700.0, -40.0, -1.0, -0.5, -0.26, -0.24, 0.24, 0.26, 0.5, 1.0, 40.0, 700.0):
        yield Case(f"log_var {log_var:g}", FAR, (0.5, log_var))
        yield Case(f"log_var {log_var:g}, mean 0", FAR, (0.0, log_var))
    yield Case("mu 1e150", FAR, (1e150, 0.0))


def diagonal_normals() -> Iterator[Case]:
    """mean1, log_var1, mean2, log_var2."""
    rng = np.random.default_rng(25)
    for d in (1, 10, 1000):
        mean, log_var = rng.standard_normal(d), 3 * rng.standard_normal(d)
        for step in STEPS:
            shift, stretch = step * rng.standard_normal((2, d)) / np.sqrt(d)
            arguments = (mean + shift * np.exp(log_var / 2), log_var + stretch, mean, log_var)
            yield Case(f"d={d}, {step:g} apart", NEAR, arguments)
        yield Case(f"d={d}", FAR, (rng.standard_normal(d), log_var, mean, rng.standard_normal(d)))
    for log_var in (-1400.0, -690.0, 690.0, 1400.0):
        name = f"both log variances near {log_var:g}"
        mean1, mean2 = [np.exp(log_var / 2), 0.0], [2 * np.exp(log_var / 2), 0.0]
        yield Case(name, FAR, (mean1, [log_var, log_var], mean2, [log_var + 1, log_var - 1]))


def _covariances(rng: np.random.Generator, d: int, condition: float, *last: float) -> Any:
    """Eigenvalues from 1 down to 1/condition, in a random basis; one matrix for each ``last``.

    ``last`` multiplies the smallest eigenvalue.
    """
    basis = np.linalg.qr(rng.standard_normal((d, d)))[0]
    for factor in last:
        spectrum = np.logspace(0, -np.log10(condition), d)
        spectrum[-1] *= factor
        matrix = basis * spectrum @ basis.T
        yield np.tril(matrix) + np.tril(matrix, -1).T


def _covariance(rng: np.random.Generator, d: int, condition: float) -> np.ndarray:
    return next(_covariances(rng, d, condition, 1.0))


def multivariate_normals(condition: float = 1e3, seed: int = 26) -> Iterator[Case]:
    """mean1, cov1, mean2, cov2, with covariances of the given condition number."""
    rng = np.random.default_rng(seed)
    for d in (1, 2, 3, 10):
        for step in STEPS:
            cov = _covariance(rng, d, condition)
            root = np.linalg.cholesky(cov)
            noise = rng.standard_normal((d, d)) / d
            mean = rng.standard_normal(d)
            near = root @ (step * (noise + noise.T)) @ root.T
            near = cov + (near + near.T) / 2
            shifted = mean + root @ rng.standard_normal(d) * step / d
            name = f"d={d}, {step:g} apart"
            yield Case(f"covariances {name}", NEAR, (mean, near, mean, cov))
            yield Case(f"means {name}", NEAR, (shifted, cov, mean, cov))
            # The same two normals, each variable in units of its own.
            units = 10.0 ** rng.integers(-100, 100, d)
            both = np.outer(units, units)
            scaled = (shifted * units, near * both, mean * units, cov * both)
            yield Case(f"{name}, units 1e-100 to 1e100", NEAR, scaled)
        for ratio in (1e-20, 0.1, 0.8, 1.2, 10.0, 1e20):
            cov1, cov2 = _covariance(rng, d, condition), _covariance(rng, d, condition)
            mean1, mean2 = rng.standard_normal((2, d))
            yield Case(f"d={d}, ratio {ratio:g}", FAR, (mean1, cov1 * ratio, mean2, cov2))
        for factor in (20.0, 0.05):
            cov1, cov2 = _covariances(rng, d, condition, factor, 1.0)
            mean = np.zeros(d)
            yield Case(f"d={d}, least variance times {factor:g}", FAR, (mean, cov1, mean, cov2))
    cov = _covariance(rng, 40, condition)
    noise = 1e-7 * np.tril(rng.standard_normal((40, 40)))
    noise = noise + noise.T
    scale = np.sqrt(np.diag(cov))
    near = cov + noise * np.outer(scale, scale) / (40 * condition)
    yield Case("d=40, near", NEAR, (np.zeros(40), near, np.zeros(40), cov))


CASES: dict[str, list[Case]] = {
    "entropy": list(single_distributions()),
    "cross_entropy": [*near_pairs(), *extreme_pairs()],
    "kl_divergence": [*near_pairs(), *extreme_pairs()],
    "perplexity": [*near_pairs(), *extreme_pairs()],
    "mutual_information": list(joints()),
    "conditional_kl": list(joint_pairs()),
    "kl_normal": list(normals()),
    "kl_standard_normal": list(standard_normals()),
    "kl_diagonal_normal": list(diagonal_normals()),
    "kl_multivariate_normal": list(multivariate_normals()),
}


def _numbers(values: Any) -> list[mpf]:
    return [mpf(float(x)) for x in np.asarray(values).ravel()]


def _shares(values: Any) -> list[mpf]:
    numbers = _numbers(values)
    total = mpmath.fsum(numbers)
    return [x / total for x in numbers]


def _distinct(*arrays: Any) -> tuple[np.ndarray, ...]:
    """Of a distribution that is 1024 copies of a shorter one, the shorter one."""
    n = np.size(arrays[0])
    if n < 1_000_000:
        return tuple(np.asarray(a) for a in arrays)
    return tuple(np.asarray(a)[: n // 1024] * 1024 for a in arrays)


def _cross_entropy(p: Any, q: Any) -> mpf:
    copies = np.size(p) // np.size(_distinct(p)[0])
    p, q = map(_shares, _distinct(p, q))
    return -mpmath.fsum(a * mpmath.log(b) for a, b in zip(p, q, strict=True) if a) + mpmath.log(
        copies
    )


def _kl(p: Any, q: Any) -> mpf:
    p, q = map(_shares, _distinct(p, q))
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
    exact_rows = [mpmath.fsum(_numbers(row)) for row in p]
    weights = [row / mpmath.fsum(exact_rows) for row in exact_rows]
    return mpmath.fsum(w * _kl(a, b) for w, a, b in zip(weights, p, q, strict=True) if w)


def _normal(mu1: float, sigma1: float, mu2: float, sigma2: float) -> mpf:
    mu1, sigma1, mu2, sigma2 = map(mpf, (mu1, sigma1, mu2, sigma2))
    ratio = (sigma1 / sigma2) ** 2
    return (ratio - 1 - mpmath.log(ratio) + ((mu1 - mu2) / sigma2) ** 2) / 2


def _standard_normal(mu: float, log_var: float) -> mpf:
    mu, log_var = mpf(mu), mpf(log_var)
    return (mpmath.exp(log_var) - 1 - log_var + mu**2) / 2


def _diagonal_normal(*arguments: Any) -> mpf:
    rows = zip(*map(_numbers, arguments), strict=True)
    return mpmath.fsum(
        (mpmath.exp(v1 - v2) - 1 - (v1 - v2) + (m1 - m2) ** 2 * mpmath.exp(-v2)) / 2
        for m1, v1, m2, v2 in rows
    )


def _multivariate_normal(mean1: Any, cov1: Any, mean2: Any, cov2: Any) -> mpf:
    # Units in which both matrices are near 1, else 60 digits would not do; powers of two are exact.
    units = [mpf(2) ** -int(np.frexp(x)[1] // 2) for x in np.diag(cov2)]
    d = len(units)

    def matrix(cov: Any) -> mpmath.matrix:
        return mpmath.matrix(
            [[mpf(float(cov[i][j])) * units[i] * units[j] for j in range(d)] for i in range(d)]
        )

    first, second = mpmath.cholesky(matrix(cov1)), mpmath.cholesky(matrix(cov2))
    shift = [(a - b) * u for a, b, u in zip(_numbers(mean1), _numbers(mean2), units, strict=True)]
    whitened = _forward(second, [[first[i, j] for i in range(d)] for j in range(d)] + [shift])
    trace = mpmath.fsum(x**2 for column in whitened[:-1] for x in column)
    log_det = 2 * mpmath.fsum(mpmath.log(first[i, i] / second[i, i]) for i in range(d))
    return (trace - d - log_det + mpmath.fsum(x**2 for x in whitened[-1])) / 2


def _forward(lower: mpmath.matrix, columns: list[list[mpf]]) -> list[list[mpf]]:
    """The columns x that solve lower x = column."""
    solved = []
    for column in columns:
        x: list[mpf] = []
        for i, value in enumerate(column):
            x.append((value - mpmath.fsum(lower[i, j] * x[j] for j in range(i))) / lower[i, i])
        solved.append(x)
    return solved


_EXACT: dict[str, Callable[..., mpf]] = {
    "entropy": lambda p: _cross_entropy(p, p),
    "cross_entropy": _cross_entropy,
    "kl_divergence": _kl,
    "perplexity": lambda p, q: mpmath.exp(_cross_entropy(p, q)),
    "mutual_information": _mutual_information,
    "conditional_kl": _conditional_kl,
    "kl_normal": _normal,
    "kl_standard_normal": _standard_normal,
    "kl_diagonal_normal": _diagonal_normal,
    "kl_multivariate_normal": _multivariate_normal,
}


def exact(function: str, *arguments: Any) -> mpf:
    """The true value for exactly these floating-point arguments."""
    few = sum(np.size(argument) for argument in arguments) <= 40
    with mpmath.workdps(700 if few else 60):
        return _EXACT[function](*arguments)


def relative_error(value: float, truth: mpf) -> float:
    """|value − truth| / truth; infinite when value is not a number."""
    if not np.isfinite(value):
        return np.inf
    with mpmath.workdps(60):
        return float(abs(mpf(float(value)) - truth) / abs(truth))
