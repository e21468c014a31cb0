"""Inputs that students' functions are tried on.

Each generator takes a random generator and returns cases: a few fixed ones that read well in a
message, then drawn ones. Probabilities have two decimals (near-equal pairs four), so that every
input can be printed, copied and worked by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kllib.checks.item import Case

EPS = float(np.finfo(np.float64).eps)


# ---- what a function receives ----------------------------------------------------------------


def _read_only(value: Any) -> NDArray[np.float64]:
    array = np.array(value, dtype=np.float64)
    array.flags.writeable = False
    return array


def _view(value: Any) -> NDArray[np.float64]:
    """Every second entry of a longer array: right numbers, unusual place in memory."""
    array = np.array(value, dtype=np.float64)
    return np.repeat(array, 2, axis=-1)[..., ::2]


def _list(value: Any) -> Any:
    return [_list(entry) for entry in value] if isinstance(value, (list, tuple)) else value


def _tuple(value: Any) -> Any:
    return tuple(_tuple(entry) for entry in value) if isinstance(value, (list, tuple)) else value


FORMS: dict[str, Callable[[Any], Any]] = {
    "list": _list,
    "tuple": _tuple,
    "array": lambda value: np.array(value, dtype=np.float64),
    "read-only array": _read_only,
    "view of every second entry": _view,
}


def arguments(case: Case) -> tuple[Any, ...]:
    """Fresh arguments for one call, so that no call can spoil the next."""
    return tuple(FORMS[case.form](value) for value in case.args)


# ---- drawing probabilities -------------------------------------------------------------------


def shares(rng: np.random.Generator, n: int, total: int = 100) -> list[float]:
    """A distribution on n outcomes, none of them 0, in multiples of 1/total."""
    counts = 1 + rng.multinomial(total - n, rng.dirichlet(np.ones(n)))
    return [int(count) / total for count in counts]


def with_zeros(p: list[float], at: list[int]) -> list[float]:
    """The same distribution with zeros put in at the places named."""
    longer = list(p)
    for place in sorted(at):
        longer.insert(place, 0.0)
    return longer


def table(p: list[float], columns: int) -> list[list[float]]:
    return [p[start : start + columns] for start in range(0, len(p), columns)]


# ---- how exact an answer can be --------------------------------------------------------------


def rounding(p: Any, q: Any) -> float:
    """Absolute error that a plain Σ p log(p/q), or Σ p (log p - log q), may have in float64.

    Each term is off by at most a few units in the last place of p, p log p and p log q; the sum
    adds one such error per term. 4 covers the chain of operations. Near-equal pairs need it:
    there the terms cancel, and the relative error of a correct sum has no bound.
    """
    p, q = np.broadcast_arrays(np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64))
    p, q = p[(p > 0) & (q > 0)], q[(p > 0) & (q > 0)]
    return float(4 * EPS * (p.size + np.sum(p * (np.abs(np.log(p)) + np.abs(np.log(q))))))


# ---- cases -----------------------------------------------------------------------------------


def simplex_pairs(rng: np.random.Generator) -> list[Case]:
    """Pairs p, q of distributions on one set of outcomes."""
    cases: list[Case] = []

    def add(part: str, kind: str, p: list[Any], q: list[Any], form: str = "list") -> None:
        cases.append(Case(part, kind, (p, q), form))

    ordinary = "an ordinary pair"
    add("values", ordinary, [0.5, 0.5], [0.25, 0.75])
    add("values", ordinary, [0.7, 0.2, 0.1], [0.2, 0.3, 0.5])
    for n in (2, 3, 5, 8):
        add("values", ordinary, shares(rng, n), shares(rng, n))
    near = shares(rng, 4)
    shift = np.array([3, -1, -3, 1]) / 10_000
    add("values", "a pair that is nearly equal", near, np.round(np.add(near, shift), 4).tolist())
    same = shares(rng, 3)
    add("values", "two equal distributions", same, list(same))

    zero = "an outcome that p rules out"
    add("zeros", zero, [1.0, 0.0], [0.5, 0.5])
    add("zeros", zero, [0, 1], [0.25, 0.75])
    both = "an outcome that p and q both rule out"
    add("zeros", both, [0.5, 0.0, 0.5], [0.25, 0.0, 0.75])
    for n in (2, 4):
        place = [int(rng.integers(n + 1))]
        add("zeros", zero, with_zeros(shares(rng, n), place), shares(rng, n + 1))
        add("zeros", both, with_zeros(shares(rng, n), place), with_zeros(shares(rng, n), place))

    ruled_out = "an outcome of p that q rules out"
    add("infinity", ruled_out, [0.5, 0.5], [1.0, 0.0])
    add("infinity", ruled_out, [0.2, 0.3, 0.5], [0.4, 0.0, 0.6])
    for n in (2, 4):
        place = [int(rng.integers(n + 1))]
        add("infinity", ruled_out, shares(rng, n + 1), with_zeros(shares(rng, n), place))

    for form in FORMS:
        if form != "list":
            add("inputs", f"each input is a {form}", [0.5, 0.5], [0.25, 0.75], form)
            add("inputs", f"each input is a {form}", shares(rng, 3), shares(rng, 3), form)
    return cases


def joint_pairs(rng: np.random.Generator) -> list[Case]:
    """Pairs of joint tables, x along the rows and y along the columns."""
    cases: list[Case] = []

    def add(part: str, kind: str, p: list[Any], q: list[Any]) -> None:
        cases.append(Case(part, kind, (p, q)))

    ordinary = "an ordinary pair of tables"
    add("values", ordinary, [[0.2, 0.1], [0.3, 0.4]], [[0.25, 0.25], [0.25, 0.25]])
    add("values", ordinary, [[0.4, 0.1], [0.2, 0.3]], [[0.1, 0.2], [0.3, 0.4]])
    for rows, columns in ((2, 2), (2, 3), (3, 2), (3, 4)):
        size = rows * columns
        add(
            "values",
            ordinary,
            table(shares(rng, size), columns),
            table(shares(rng, size), columns),
        )

    entry = "a table with a zero in P"
    add("zeros", entry, [[0.5, 0.0], [0.2, 0.3]], [[0.25, 0.25], [0.25, 0.25]])
    row = "a value of x that P rules out"
    add("zeros", row, [[0.2, 0.3], [0.0, 0.0], [0.4, 0.1]], [[0.1, 0.2], [0.1, 0.1], [0.2, 0.3]])
    for columns in (2, 3):
        p, q = shares(rng, 2 * columns), shares(rng, 3 * columns)
        places = [columns * int(rng.integers(3))] * columns
        add("zeros", row, table(with_zeros(p, places), columns), table(q, columns))
        p, q = shares(rng, 3 * columns - 1), shares(rng, 3 * columns)
        place = [int(rng.integers(3 * columns))]
        add("zeros", entry, table(with_zeros(p, place), columns), table(q, columns))

    ruled_out = "an entry of P that Q rules out"
    add("zeros", ruled_out, [[0.2, 0.3], [0.1, 0.4]], [[0.25, 0.25], [0.5, 0.0]])
    p, q = shares(rng, 6), shares(rng, 5)
    place = [int(rng.integers(6))]
    add("zeros", ruled_out, table(p, 3), table(with_zeros(q, place), 3))
    return cases


def marginal_pairs(rng: np.random.Generator) -> list[Case]:
    """The same, and rows that Q rules out (where a distribution given x has no meaning)."""
    ruled_out = "a value of x that P allows and Q rules out"
    fixed = [[0.2, 0.3], [0.1, 0.4]], [[0.5, 0.5], [0.0, 0.0]]
    p, q = shares(rng, 6), shares(rng, 4)
    drawn = table(p, 2), table(with_zeros(q, [2 * int(rng.integers(3))] * 2), 2)
    return [
        *joint_pairs(rng),
        Case("zeros", ruled_out, fixed),
        Case("zeros", ruled_out, drawn),
    ]


def stacked_pairs(rng: np.random.Generator) -> list[Case]:
    """Many pairs at once: distributions along the last axis, the other axes broadcast."""
    cases: list[Case] = []

    def rows(*shape: int, n: int) -> Any:
        if not shape:
            return shares(rng, n)
        return [rows(*shape[1:], n=n) for _ in range(shape[0])]

    def add(part: str, kind: str, p: Any, q: Any) -> None:
        cases.append(Case(part, kind, (p, q)))

    pairs = "rows paired one by one"
    add("rows", pairs, [[0.5, 0.5], [0.2, 0.8]], [[0.25, 0.75], [0.6, 0.4]])
    add("rows", pairs, [[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]], [[0.2, 0.3, 0.5], [0.3, 0.3, 0.4]])
    add("rows", pairs, rows(3, n=2), rows(3, n=2))
    add("rows", pairs, rows(3, n=3), rows(3, n=3))
    add("rows", pairs, rows(4, n=5), rows(4, n=5))
    zero = "rows with a zero in p"
    add("rows", zero, [[1.0, 0.0], [0.2, 0.8]], [[0.5, 0.5], [0.6, 0.4]])
    ruled_out = "a row in which q rules out an outcome of p"
    add("rows", ruled_out, [[0.5, 0.5], [0.2, 0.8]], [[1.0, 0.0], [0.6, 0.4]])
    add("rows", ruled_out, rows(2, n=3), [with_zeros(rows(n=2), [1]), rows(n=3)])

    one = "one distribution against many"
    add("batches", one, [[0.5, 0.5], [0.2, 0.8], [0.9, 0.1]], [0.25, 0.75])
    add("batches", one, rows(n=3), rows(2, n=3))
    add("batches", "every row against every other", rows(2, 1, n=3), rows(4, n=3))
    add("batches", "rows of rows", rows(2, 3, n=4), rows(2, 3, n=4))
    add("batches", "a single pair", [0.5, 0.5], [0.25, 0.75])
    return cases
