"""Ties an assignment's items to what its notebook imports: check, given, progress, release."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kllib.checks import message, seeds
from kllib.checks.item import Assignment, Item
from kllib.checks.judge import judge_function, judge_value


@dataclass(frozen=True)
class Notebook:
    """What an assignment's notebook works with."""

    check: Callable[..., None]
    given: Callable[..., dict[str, Any]]
    progress: Callable[[], None]
    release: Callable[[str], None]


def parameters(assignment: Assignment, item: Item, student: str) -> dict[str, Any]:
    """The numbers that the release seed and the student's id draw for an item."""
    if item.given is None:
        return {}
    return item.given(seeds.generator("release", assignment.release, item.name, student))


def bind(assignment: Assignment) -> Notebook:
    """The four functions for one assignment."""
    passed: dict[tuple[str, str], bool] = {}
    for_practice: set[str] = set()

    def given(name: str, student_id: object = None) -> dict[str, Any]:
        """The numbers of an item for this student, always the same ones."""
        return parameters(assignment, assignment[name], seeds.student(student_id))

    def check(name: str, part: str, answer: object, student_id: object = None) -> None:
        """Say whether an answer is right, and what is amiss if not. Never raises."""
        try:
            passed[name, part] = False
            right, text = verdict_on(name, part, answer, student_id)
            passed[name, part] = right
            # In one piece: a kernel may send the parts of a print as several outputs.
            (sys.stdout if right else sys.stderr).write(f"{text}\n")
        except BaseException as error:
            # Standard error means no points: a check that breaks down awards nothing.
            print(f"{name}, {part}: could not be checked: {type(error).__name__}", file=sys.stderr)

    def verdict_on(name: str, part: str, answer: object, student_id: object) -> tuple[bool, str]:
        try:
            item = assignment[name]
            item.parts[part]
        except (KeyError, TypeError):
            return False, f"{name}, {part}: {assignment.name} has no such item and part."
        note, values = "", {}
        if item.is_function:
            verdict = judge_function(item, part, answer)
        else:
            if item.given is not None:
                try:
                    who = seeds.student(student_id)
                    notebook_says = seeds.clean_id(student_id)
                except ValueError as error:
                    return False, f"{name}, {part}: {error}."
                if who != notebook_says:
                    note = message.another_id(notebook_says, who)
                if who == seeds.PRACTICE:
                    for_practice.add(name)
                else:
                    for_practice.discard(name)
                values = parameters(assignment, item, who)
            verdict = judge_value(item, answer, values)
        if verdict.state == "right":
            return True, message.right(item, part)
        if verdict.state == "unanswered":
            return False, message.unanswered(item, part, verdict)
        text = message.wrong(item, part, verdict, values, seeds.submitted_by())
        return False, f"{text}\n{message.layout([note])}" if note else text

    def progress() -> None:
        """Print the points so far, by the checks that were run since the kernel started."""
        earned = 0.0
        lines = []
        for item in assignment.items:
            words = []
            for part, points in item.parts.items():
                done = passed.get((item.name, part))
                earned += points if done else 0
                state = "not run" if done is None else f"{points if done else 0:g} of {points:g}"
                words.append(f"{part} {state}")
            lines.append(f"{item.name:<{_width(assignment)}}  {', '.join(words)}")
        print("\n".join(lines))
        print(f"So far {earned:g} of {message.points(assignment.points)}.", end="")
        if assignment.written:
            names = ", ".join(item.name for item in assignment.written)
            print(f" {message.points(assignment.written_points)} more by hand: {names}.")
        else:
            print()
        if for_practice:
            print(
                'student_id is still "practice": set your own and run all cells again '
                "before you hand in."
            )

    def release(stamp: str) -> None:
        """Compare the notebook's stamp with this library's: both must draw the same numbers."""
        if stamp != assignment.release:
            print(
                f'This notebook is release "{stamp}", but the installed kllib holds release '
                f'"{assignment.release}" of {assignment.name}: its numbers differ. '
                "Install the kllib that came with the notebook.",
                file=sys.stderr,
            )

    return Notebook(check, given, progress, release)


def _width(assignment: Assignment) -> int:
    return max(len(item.name) for item in assignment.items)
