"""Sample submissions made from an assignment: a perfect one, a blank one, every named mistake.

An item's first mistake goes into the first set, its second into the second set, and so on; an
item with fewer of them starts again. That makes as many notebooks as the longest list has
mistakes, every mistake is graded for real, and no item leans on another one's right answer.
"""

from __future__ import annotations

import copy
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType
from typing import Any

import nbformat
import numpy as np
from nbformat import NotebookNode

from kllib.checks.binding import parameters
from kllib.checks.item import Assignment, Item, Mistake

PERFECT, BLANK = "perfect", "blank"


@dataclass(frozen=True)
class Sample:
    """A notebook as one student hands it in, and the mistakes in it by item."""

    student: str
    notebook: NotebookNode
    mistakes: dict[str, Mistake]


def samples(assignment: Assignment, released: NotebookNode, solution: NotebookNode) -> list[Sample]:
    """A perfect submission, a blank one, and one per set of mistakes."""
    right = right_answers(solution)
    made = [
        Sample(PERFECT, filled_in(released, PERFECT, right), {}),
        Sample(BLANK, filled_in(released, BLANK, {}), {}),
    ]
    for number in range(max(len(item.mistakes) for item in assignment.items)):
        student = f"slips-{number + 1:02d}"
        wrong = {item.name: item.mistakes[number % len(item.mistakes)] for item in assignment.items}
        answers = dict(right)
        for name, mistake in wrong.items():
            answers[cell_of(name)] = mistaken_answer(assignment, assignment[name], mistake, student)
        made.append(Sample(student, filled_in(released, student, answers), wrong))
    return made


def cell_of(name: str) -> str:
    """The id of the cell that holds an item's answer."""
    return f"answer-{name.replace('_', '-')}"


def right_answers(solution: NotebookNode) -> dict[str, str]:
    """The answers of the instructor's notebook, by cell."""
    answers = {}
    for cell in solution.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            lines = cell.source.split("\n")
            answers[cell.id] = "\n".join(line for line in lines if " SOLUTION" not in line)
    return answers


def filled_in(released: NotebookNode, student: str, answers: dict[str, str]) -> NotebookNode:
    """The released notebook with a student's id and answers written into it."""
    notebook: NotebookNode = copy.deepcopy(released)
    for cell in notebook.cells:
        if cell.id == "student-id":
            cell.source = f'student_id = "{student}"'
        elif cell.id in answers:
            cell.source = answers[cell.id]
    return notebook


def mistaken_answer(assignment: Assignment, item: Item, mistake: Mistake, student: str) -> str:
    """Source of the cell in which a student makes the mistake."""
    if item.is_function:
        return f"{self_contained(mistake.answer)}\n\n{item.name} = {mistake.answer.__name__}"
    value = mistake.answer(**parameters(assignment, item, student))
    return f"{item.name} = {plain(value)!r}"


def plain(value: Any) -> Any:
    """Numbers as Python writes them, without numpy's names around them."""
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def self_contained(function: Callable[..., Any]) -> str:
    """A function's source with what it needs: imports, and helpers of the same module."""
    assert isinstance(function, FunctionType)
    imports = ["from typing import Any"]
    sources: dict[str, str] = {}

    def collect(part: FunctionType) -> None:
        for name in names(part.__code__):
            needed = part.__globals__.get(name)
            if isinstance(needed, ModuleType):
                imports.append(f"import {needed.__name__} as {name}")
            elif isinstance(needed, FunctionType) and needed.__module__ == part.__module__:
                if needed.__name__ not in sources:
                    collect(needed)
            elif needed is not None:
                home = getattr(needed, "__module__", None) or "scipy.special"  # ufuncs have none
                imports.append(f"from {home} import {name}")
        sources[part.__name__] = textwrap.dedent(inspect.getsource(part)).rstrip()

    def names(code: CodeType) -> Iterator[str]:
        yield from code.co_names
        for constant in code.co_consts:  # comprehensions have code of their own
            if isinstance(constant, CodeType):
                yield from names(constant)

    collect(function)
    return "\n".join([*dict.fromkeys(imports), *sources.values()])


def read(path: Any) -> NotebookNode:
    return nbformat.read(path, as_version=4)
