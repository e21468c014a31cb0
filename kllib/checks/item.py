"""What an exercise item is: one object from which its check, points and rubric follow."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import numpy as np


def no_slack(*args: Any, **parameters: Any) -> float:
    """No absolute error is allowed beside the relative one."""
    return 0.0


@dataclass(frozen=True)
class Case:
    """One input a student's function is tried on.

    ``args`` are nested lists, so that they can be printed and copied. ``form`` names what the
    function receives instead (see :data:`kllib.checks.cases.FORMS`). ``kind`` is the property
    tried, in words: of a hidden case the student learns nothing else.
    """

    part: str
    kind: str
    args: tuple[Any, ...]
    form: str = "list"
    hidden: bool = False


@dataclass(frozen=True)
class Mistake:
    """A wrong answer with a name: what it computes, and what its author should read.

    ``variants`` are other ways to make the same mistake, such as another tiny number.
    """

    says: str
    answer: Callable[..., Any]
    variants: Sequence[Callable[..., Any]] = ()

    @property
    def answers(self) -> tuple[Callable[..., Any], ...]:
        return (self.answer, *self.variants)

    @property
    def source(self) -> str:
        """The few lines of a mistaken function, as a student would have written them."""
        return textwrap.dedent(inspect.getsource(self.answer))


@dataclass(frozen=True)
class Item:
    """One exercise that is checked by the computer.

    Three shapes, told apart by what is filled in:

    - ``cases``: the student writes a function; it is compared with ``oracle`` on the cases.
    - ``choices``: the student picks one word; ``oracle`` gives the right one.
    - neither: the student gives a number or several; ``oracle`` computes them from the
      parameters that ``given`` draws for this student. With ``accepts`` any answer that has the
      property is right (``accepts`` returns what is amiss, or ""), and ``oracle`` is an example.

    ``rtol`` is the relative error allowed, ``slack(*args)`` the absolute one, to be argued from
    the conditioning of the problem. ``closed`` names what kllib does not lend meanwhile.
    """

    name: str
    _: KW_ONLY
    chapter: int
    oracle: Callable[..., Any]
    parts: Mapping[str, float]
    mistakes: Sequence[Mistake]
    cases: Callable[[np.random.Generator], Sequence[Case]] | None = None
    given: Callable[[np.random.Generator], dict[str, Any]] | None = None
    accepts: Callable[..., str] | None = None
    choices: tuple[str, ...] = ()
    rtol: float = 1e-3
    slack: Callable[..., float] = no_slack
    closed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.cases is None and len(self.parts) != 1:
            raise ValueError(f"{self.name}: an answer that is a value is one part")
        if not all(points > 0 for points in self.parts.values()):
            raise ValueError(f"{self.name}: every part needs points")

    @property
    def is_function(self) -> bool:
        return self.cases is not None

    @property
    def points(self) -> float:
        return sum(self.parts.values())


@dataclass(frozen=True)
class Written:
    """An answer in words, marked by hand: its rubric is points and what earns them."""

    name: str
    _: KW_ONLY
    chapter: int
    rubric: Sequence[tuple[float, str]]

    @property
    def points(self) -> float:
        return sum(points for points, _ in self.rubric)


@dataclass(frozen=True)
class Assignment:
    """The items of one notebook. ``release`` is the public seed of the students' parameters."""

    name: str
    _: KW_ONLY
    release: str
    items: Sequence[Item]
    written: Sequence[Written] = field(default=())

    def __post_init__(self) -> None:
        names = [item.name for item in self.items] + [item.name for item in self.written]
        if len(set(names)) != len(names):
            raise ValueError(f"{self.name}: two items share a name")

    def __getitem__(self, name: str) -> Item:
        for item in self.items:
            if item.name == name:
                return item
        raise KeyError(name)

    @property
    def points(self) -> float:
        """What the computer awards."""
        return sum(item.points for item in self.items)

    @property
    def written_points(self) -> float:
        """What a person awards."""
        return sum(item.points for item in self.written)
