"""Every published number is an input or a claim.

An **input** is chosen by the author: ``given(p=[0.7, 0.3])``, or quoted from somebody else:
``quoted(0.034, source="...")``. Everything else is a **claim**: a named value that two or more
routes must agree on, of which all but the one called ``kllib`` run while kllib is blocked.
:func:`claim` prints one record line; :func:`read_records` reads such lines back, which is how the
number test (``tests/book``) and the ledger learn what a page has proved.
"""

from __future__ import annotations

import math
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

import numpy as np

__all__ = ["ClaimError", "Record", "claim", "given", "quoted", "read_records", "without_records"]

Route = Callable[[], Any]

MAX_DIGITS = 10  # more digits than this are neither printed nor accepted in prose
MONTE_CARLO_SIGMAS = 4.5  # a right estimate fails about seven times in a million
MONTE_CARLO_LARGEST_ERROR = 0.05  # a wider standard error would agree with almost anything
LINE_WIDTH = 90

_PACKAGE = str(Path(__file__).resolve().parent)
_THIS_FILE = str(Path(__file__).resolve())


class ClaimError(Exception):
    """A claim is not proved: its routes disagree, or one of them proves nothing."""


# --- inputs ---------------------------------------------------------------------------------------


def given(**inputs: Any) -> Any:
    """Declare inputs: numbers that the author chose, which need no proof.

    The number test reads the call from the cell's source, so every argument is written as a
    literal (a number, a quotient of two numbers such as ``1 / 3``, or a list of these). Prints
    nothing.

    Parameters
    ----------
    **inputs
        Numbers, or (nested) lists of numbers. Lists become float arrays, so that they can be
        computed with.

    Returns
    -------
    The values in the order written; a single value is returned as itself.

    Raises
    ------
    TypeError
        If nothing is given, or a value is not a real number or a list of them.

    Examples
    --------
    >>> p, q = given(p=[0.7, 0.3], q=[0.5, 0.5])
    >>> p - p
    array([0., 0.])
    >>> given(draws=1000)
    1000
    """
    if not inputs:
        raise TypeError("given() needs at least one input, for example given(p_heads=0.7)")
    values = tuple(_input(name, value) for name, value in inputs.items())
    return values[0] if len(values) == 1 else values


def quoted(value: Any, *, source: str) -> Any:
    """Declare a figure that somebody else published, right or wrong.

    Parameters
    ----------
    value
        A number or a (nested) list of numbers, written as a literal.
    source
        Where it stands: author, title, page or section.

    Returns
    -------
    The value; a list becomes a float array.

    Raises
    ------
    ValueError
        If the source is empty.

    Examples
    --------
    >>> quoted(0.40, source="d2l.ai, appendix on information theory, KL divergence example")
    0.4
    """
    if not source.strip():
        raise ValueError("quoted() needs a source: say where this number was published")
    return _input("value", value)


def _input(name: str, value: Any) -> Any:
    if isinstance(value, (bool, str)) or value is None:
        raise TypeError(f"input {name!r} must be a number or a list of numbers, got {value!r}")
    if isinstance(value, (int, float)):
        return value
    try:
        return np.array(value, dtype=float)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"input {name!r} must be a number or a list of numbers, got {value!r}"
        ) from error


# --- claims ---------------------------------------------------------------------------------------


def claim(name: str, *, unit: str = "", rtol: float = 1e-10, **routes: Route) -> Any:
    """Prove a number by two or more routes, print the record and return the value.

    The route named ``kllib``, if there is one, is written first and must call kllib. Every other
    route runs with kllib blocked: entering any of its functions, however they were bound, is an
    error. Without a ``kllib`` route all of them run blocked.

    Parameters
    ----------
    name
        What the number is; unique in the page. No ``=`` or ``≈`` between spaces.
    unit
        Printed after the value: ``"nats"``, ``"bits"``, ``"%"``, ...
    rtol
        Largest relative difference between two routes. It also says how many digits are proved:
        with ``rtol=1e-4`` the record prints four. Zero and infinity must agree exactly.
    **routes
        Callables without arguments; the keyword, with underscores as spaces, is the label.
        Each returns a number, or an array or list, of the same shape in every route. A tuple
        ``(value, standard_error)`` marks a Monte Carlo estimate: it agrees within 4.5 standard
        errors, which may be at most 5 % of the value; a claim that nothing else supports is proved,
        and printed, only to the digits that the standard error allows.

    Returns
    -------
    The first exact route's value (a float, an int if the route gives one, or an array).

    Raises
    ------
    ClaimError
        If the routes disagree, one proves nothing (it calls kllib, or repeats another route), or a
        value is not a number.
    ValueError
        If the claim is badly formed: its name, its tolerance, or the number of its routes.

    Examples
    --------
    >>> import math
    >>> total = claim(
    ...     "a twelvefold gain",
    ...     closed_form=lambda: math.log(24 / 2),
    ...     step_by_step=lambda: sum(math.log1p(1 / n) for n in range(2, 24)),
    ...     unit="nats",
    ... )
    ✓ a twelvefold gain = 2.48490665 nats  [closed form · step by step]
    >>> math.isclose(total, math.log(12))
    True
    """
    _check_form(name, unit, rtol, routes)
    _check_distinct(name, routes)
    results = {label: _run(name, label, route) for label, route in routes.items()}

    labels = sorted(results, key=lambda label: results[label].is_estimate)  # stable: exact first
    first = results[labels[0]]
    for label in labels[1:]:
        if results[label].value.shape != first.value.shape:
            raise ClaimError(
                f"claim '{name}': route '{labels[0]}' gives shape {first.value.shape}, route "
                f"'{label}' gives shape {results[label].value.shape}. Make every route return the "
                "same quantity."
            )
    if not all(_agree(results[a], results[b], rtol) for a, b in combinations(labels, 2)):
        raise ClaimError(_disagreement(name, labels, results, rtol))

    digits = _proved_digits([results[label] for label in labels], rtol)
    print(_record_line(name, first.value, unit, digits, list(routes)))
    return first.original


@dataclass(frozen=True)
class _Result:
    original: Any
    value: np.ndarray
    error: np.ndarray | None  # standard error of a Monte Carlo estimate

    @property
    def is_estimate(self) -> bool:
        return self.error is not None


def _check_form(name: str, unit: str, rtol: float, routes: dict[str, Route]) -> None:
    if name != " ".join(name.split()) or not name or re.search(r" [=≈] ", name):
        raise ValueError(
            f"claim name {name!r}: write one line of words with single spaces and no ' = ' or ' ≈ '"
        )
    if unit != " ".join(unit.split()) or re.search(r"[][,]", unit):
        raise ValueError(f"claim '{name}': unit {unit!r} must be words without brackets or commas")
    if not 1e-14 <= rtol <= 1e-2:
        raise ValueError(f"claim '{name}': rtol must lie between 1e-14 and 1e-2, got {rtol}")
    if len(routes) < 2:
        raise ValueError(
            f"claim '{name}' has {len(routes)} route(s). Give at least two: kllib, and one that "
            "does without it (the sum written out, quadrature, enumeration, Monte Carlo, ...)."
        )
    if "kllib" in routes and next(iter(routes)) != "kllib":
        raise ValueError(f"claim '{name}': write the route 'kllib' first")
    for label, route in routes.items():
        if not callable(route):
            raise ValueError(
                f"claim '{name}': route '{label}' is a value, not a callable; write lambda: ..."
            )


def _check_distinct(name: str, routes: dict[str, Route]) -> None:
    for a, b in combinations(routes, 2):
        if _fingerprint(routes[a]) == _fingerprint(routes[b]):
            raise ClaimError(
                f"claim '{name}': routes '{a}' and '{b}' are the same computation. "
                "Write a second, independent one."
            )


def _fingerprint(route: Route) -> Any:
    """Equal for one callable given twice, and for one expression written twice."""
    if not isinstance(route, FunctionType):
        return route
    cells = tuple(id(cell.cell_contents) for cell in route.__closure__ or ())
    return (*_code_fingerprint(route.__code__), cells, repr(route.__defaults__))


def _code_fingerprint(code: CodeType) -> tuple[Any, ...]:
    constants = tuple(
        _code_fingerprint(c) if isinstance(c, CodeType) else repr(c)
        for c in code.co_consts
        if not (isinstance(c, str) and "<lambda>" in c)  # qualified names of nested code
    )
    return (code.co_code, constants, code.co_names, code.co_varnames, code.co_freevars)


def _run(name: str, label: str, route: Route) -> _Result:
    blocked = label != "kllib"
    with _watch_kllib(name, label, blocked) as entered:
        outcome = route()
    if blocked and entered:  # the route may have swallowed the hook's exception
        raise ClaimError(_proves_nothing(name, label, entered[0]))
    if not blocked and not entered:
        raise ClaimError(
            f"claim '{name}': route 'kllib' never calls kllib. Call the library's function there, "
            "or give the route the name of what it does."
        )
    estimate = isinstance(outcome, tuple)
    if estimate and len(outcome) != 2:
        raise ClaimError(
            f"claim '{name}': route '{label}' returned a tuple of {len(outcome)}. A tuple means "
            "(value, standard_error); return a list or an array for several values."
        )
    original, error = outcome if estimate else (outcome, None)
    value = _numbers(name, label, original)
    if isinstance(original, np.generic) or (isinstance(original, np.ndarray) and not value.ndim):
        original = original.item()
    elif isinstance(original, list):
        original = value
    if not estimate:
        return _Result(original, value, None)

    error = _numbers(name, label, error)
    if error.shape != value.shape:
        raise ClaimError(
            f"claim '{name}': route '{label}' gives values of shape {value.shape} and standard "
            f"errors of shape {error.shape}"
        )
    with np.errstate(invalid="ignore"):
        meaningful = (error > 0) & (error <= MONTE_CARLO_LARGEST_ERROR * np.abs(value))
    if not np.all(meaningful & np.isfinite(value)):
        raise ClaimError(
            f"claim '{name}': the standard error of route '{label}' is {error}, of a value of "
            f"{value}. It must be positive and at most 5 % of the value to mean something: draw "
            "more samples, or write a route that is exact."
        )
    return _Result(original, value, error)


def _numbers(name: str, label: str, outcome: Any) -> np.ndarray:
    try:
        if isinstance(outcome, bool):
            raise TypeError
        value = np.asarray(outcome)
        if value.dtype == object:  # fractions.Fraction, mpmath.mpf
            value = np.array([float(entry) for entry in value.flat]).reshape(value.shape)
        if value.dtype.kind not in "iuf" or value.ndim > 2 or not value.size:
            raise TypeError
        value = value.astype(float)
    except (TypeError, ValueError):
        raise ClaimError(
            f"claim '{name}': route '{label}' returned {outcome!r}, which is not a real number, "
            "or an array of one or two dimensions"
        ) from None
    if np.isnan(value).any():
        raise ClaimError(f"claim '{name}': route '{label}' returned nan")
    return value


@contextmanager
def _watch_kllib(name: str, label: str, blocked: bool) -> Iterator[list[str]]:
    """Note every kllib function that is entered; when blocked, raise at the first.

    A profile hook, not an import hook: it also sees functions that were bound long before.
    """
    entered: list[str] = []

    def hook(frame: FrameType, event: str, _: Any) -> None:
        if event != "call":
            return
        code = frame.f_code
        if not code.co_filename.startswith(_PACKAGE) or code.co_filename == _THIS_FILE:
            return
        module = str(frame.f_globals.get("__name__", "kllib")).split(".")[0]
        entered.append(f"{module}.{code.co_name}")
        if blocked:
            raise ClaimError(_proves_nothing(name, label, entered[0]))

    before, before_in_threads = sys.getprofile(), threading.getprofile()
    threading.setprofile(hook)
    sys.setprofile(hook)
    try:
        yield entered
    finally:
        sys.setprofile(before)
        threading.setprofile(before_in_threads)


def _proves_nothing(name: str, label: str, function: str) -> str:
    return (
        f"route '{label}' of claim '{name}' calls {function}: it proves nothing, because only the "
        "route named 'kllib' may use kllib. Write this one out without it."
    )


def _difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Relative to the larger; 0 where equal (infinities included), inf where only one is 0 or ∞."""
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = np.abs(a - b) / np.maximum(np.abs(a), np.abs(b))
    only_one = (a == 0) | (b == 0) | np.isinf(a) | np.isinf(b)
    result: np.ndarray = np.where(a == b, 0.0, np.where(only_one, np.inf, relative))
    return result


def _agree(a: _Result, b: _Result, rtol: float) -> bool:
    if a.error is None and b.error is None:
        return bool(np.all(_difference(a.value, b.value) <= rtol))
    error = np.hypot(0.0 if a.error is None else a.error, 0.0 if b.error is None else b.error)
    with np.errstate(invalid="ignore"):
        return bool(np.all(np.abs(a.value - b.value) <= MONTE_CARLO_SIGMAS * error))


def _disagreement(name: str, labels: list[str], results: dict[str, _Result], rtol: float) -> str:
    lines = [f"claim '{name}': its routes disagree."]
    width = max(map(len, labels))
    for label in labels:
        result = results[label]
        line = f"  {label:{width}}  {_full(result.value)}"
        if result.error is not None:
            line += f" ± {_full(result.error)}"
        lines.append(line)
    for a, b in combinations(labels, 2):
        if not _agree(results[a], results[b], rtol):
            worst = float(np.max(_difference(results[a].value, results[b].value)))
            both_exact = not (results[a].is_estimate or results[b].is_estimate)
            limit = f"allowed {rtol:g}" if both_exact else f"more than {MONTE_CARLO_SIGMAS:g} SE"
            lines.append(f"  {a} and {b} differ by {worst:.3g} relative ({limit})")
    lines.append(
        "One of them is wrong: check the direction D(p‖q), the unit (nats or bits) and the range "
        "of each, and mend it. Raise rtol only if a route is known to be less accurate."
    )
    return "\n".join(lines)


def _full(value: np.ndarray) -> str:
    return _format(value, lambda x: f"{x:.17g}")


def _proved_digits(results: list[_Result], rtol: float) -> int:
    """The digits for which one unit in the last place is more than the routes leave open."""
    exact = [result for result in results if not result.is_estimate]
    if len(exact) >= 2:
        open_ = rtol
    else:
        value = np.abs(results[0].value)
        open_ = min(
            float(np.max(MONTE_CARLO_SIGMAS * result.error / value))
            for result in results
            if result.error is not None
        )
    return max(1, min(MAX_DIGITS, math.floor(-math.log10(open_) + 1e-9)))


# --- records --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Record:
    """What one record line says.

    ``values`` are the printed numbers in order, ``texts`` the same as they were printed, and
    ``digits`` how many significant digits of them are proved.
    """

    name: str
    values: tuple[float, ...]
    texts: tuple[str, ...]
    unit: str
    routes: tuple[str, ...]
    digits: int


_NUMBER = r"-?(?:inf|\d+(?:\.\d*)?(?:e[-+]?\d+)?)"
_RECORD = re.compile(
    rf"^✓ (?P<name>.+?) (?P<sign>[=≈]) (?P<value>\[[-+0-9.einf,\s\[\]]*\]|{_NUMBER})"
    r"(?: (?P<unit>[^\[\]\n]+?))?\s+\[(?P<routes>[^\[\]\n]+ · [^\[\]\n]+)\]$",
    re.MULTILINE,
)


def read_records(text: str) -> list[Record]:
    """Read back the record lines that :func:`claim` printed, in order.

    Examples
    --------
    >>> read_records("✓ one bit ≈ 0.6931 nats  [kllib · written out]")[0].digits
    4
    """
    records = []
    for match in _RECORD.finditer(text):
        texts = tuple(re.findall(_NUMBER, match["value"]))
        exact = match["sign"] == "="
        digits = MAX_DIGITS if exact else max(map(_significant, texts))
        records.append(
            Record(
                name=match["name"],
                values=tuple(map(float, texts)),
                texts=texts,
                unit=match["unit"] or "",
                routes=tuple(match["routes"].split(" · ")),
                digits=digits,
            )
        )
    return records


def without_records(text: str) -> str:
    """Blank the record lines out, character by character, so that positions stay what they were."""
    return _RECORD.sub(lambda match: re.sub(r"\S", " ", match[0]), text)


def _significant(text: str) -> int:
    return max(1, len(re.sub(r"e.*|[-.]", "", text).lstrip("0")))


def _record_line(name: str, value: np.ndarray, unit: str, digits: int, routes: list[str]) -> str:
    exact = digits == MAX_DIGITS

    def number(x: float) -> str:
        if x == 0 or math.isinf(x):
            return "inf" if x > 0 else "-inf" if x < 0 else "0"
        # Below ten digits trailing zeros stay, so that the line itself tells how many are proved.
        text = f"{x:.{digits}g}" if exact else f"{x:#.{digits}g}".removesuffix(".")
        return text.replace(".e", "e")

    start = f"✓ {name} {'=' if exact else '≈'} "
    values = _format(value, number)
    end = f" {unit}" if unit else ""
    labels = f"[{' · '.join(route.replace('_', ' ') for route in routes)}]"
    line = f"{start}{values}{end}  {labels}"
    if len(line) <= LINE_WIDTH:
        return line
    # Too long: break between the entries of an array and before the routes.
    lines = [start.rstrip()]
    for entry in (values + end).split(", "):
        glue = " " if lines[-1] == start.rstrip() else ", "
        if glue == ", " and len(lines[-1] + glue + entry) >= LINE_WIDTH:
            lines[-1] += ","
            lines.append(f"    {entry}")
        else:
            lines[-1] += glue + entry
    lines.append(f"    {labels}")
    return "\n".join(lines)


def _format(value: np.ndarray, number: Callable[[float], str]) -> str:
    if value.ndim == 0:
        return number(float(value))
    return f"[{', '.join(_format(np.asarray(entry), number) for entry in value)}]"
