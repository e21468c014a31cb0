"""A whole grading cycle on sample submissions, by nbgrader's own commands.

    python -m klgrade.demo [--folder FOLDER] [--assignment NAME]

Run in the course's folder. It generates the students' notebook, makes submissions of it (a
perfect one, a blank one, and all named mistakes), collects and grades them, writes feedback and
exports the grades. It ends with status 1 if the perfect submission misses a point that the
computer awards, the blank one earns one, or a mistake earns its part or is not named.
"""

from __future__ import annotations

import argparse
import importlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

from klgrade import samples
from klgrade.samples import BLANK, PERFECT, Sample
from kllib.checks.item import Assignment
from kllib.checks.seeds import GRADING_SEED

ROOT = Path(__file__).resolve().parent.parent

#: Fixed, so that every run of the demo grades the same hidden cases.
SECRET = "the secret of the demo"


@dataclass
class Result:
    """One graded submission: points and words by grade cell."""

    sample: Sample
    scores: dict[str, tuple[float, float]] = field(default_factory=dict)
    by_hand: list[str] = field(default_factory=list)
    words: dict[str, str] = field(default_factory=dict)

    @property
    def score(self) -> float:
        return sum(score for score, _ in self.scores.values())

    @property
    def most(self) -> float:
        return sum(most for _, most in self.scores.values())

    def cells(self, item: str) -> list[str]:
        """The grade cells of an item."""
        start = f"check-{item.replace('_', '-')}-"
        return [
            cell for cell in self.scores if cell.startswith(start) and "-" not in cell[len(start) :]
        ]


class Course:
    """A course's folder of its own, worked on with the settings of the real one."""

    def __init__(self, folder: Path, name: str, say: Callable[[str], None] = print) -> None:
        self.folder, self.name, self.say = folder.resolve(), name, say
        module = importlib.import_module(f"kllib.checks.{name}")
        #: None leaves it to the course's folder to hold a secret.
        self.secret: str | None = SECRET
        self.assignment: Assignment = module.ASSIGNMENT
        self.samples: list[Sample] = []

    def nbgrader(self, *words: str) -> str:
        """Run one of nbgrader's commands as an instructor would, and return what it printed."""
        command = [sys.executable, "-m", "nbgrader", *words]
        environment = {**os.environ, "JUPYTER_PREFER_ENV_PATH": "1"}
        environment.pop(GRADING_SEED, None)
        if self.secret is not None:
            environment[GRADING_SEED] = self.secret
        start = time.monotonic()
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"nbgrader {' '.join(words)} failed:\n{done.stdout[-3000:]}")
        self.say(f"  nbgrader {' '.join(words)}  ({time.monotonic() - start:.0f} s)")
        return done.stdout

    def generate(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(
            ROOT / "solutions" / self.name,
            self.folder / "solutions" / self.name,
            ignore=shutil.ignore_patterns(".ipynb_checkpoints"),
        )
        # The real settings, with this folder for the course's: nbgrader works where it is started.
        (self.folder / "nbgrader_config.py").write_text(
            f'load_subconfig("nbgrader_config.py", path={str(ROOT)!r})\n', encoding="utf-8"
        )
        self.nbgrader("generate_assignment", self.name)

    def hand_in(self) -> None:
        """Put the samples where a learning platform's download would stand, and collect them."""
        notebook = f"{self.name}.ipynb"
        released = samples.read(self.folder / "exercises" / self.name / notebook)
        solution = samples.read(self.folder / "solutions" / self.name / notebook)
        self.samples = samples.samples(self.assignment, released, solution)
        archive = self.folder / "downloaded" / self.name / "archive"
        archive.mkdir(parents=True)
        for sample in self.samples:
            nbformat.write(sample.notebook, archive / f"{sample.student}_{notebook}")
        self.nbgrader("zip_collect", self.name)

    def grade(self) -> None:
        self.nbgrader("autograde", self.name)

    def give_back(self) -> None:
        self.nbgrader("generate_feedback", self.name)
        self.nbgrader("export", "--to=grades.csv")

    def feedback(self, student: str) -> Path:
        return self.folder / "feedback" / student / self.name / f"{self.name}.html"

    def results(self) -> list[Result]:
        """What the gradebook and the graded notebooks say."""
        from nbgrader.api import Gradebook

        found = []
        with Gradebook(f"sqlite:///{self.folder / 'gradebook.db'}") as gradebook:
            for sample in self.samples:
                result = Result(sample)
                submission = gradebook.find_submission(self.name, sample.student)
                for notebook in submission.notebooks:
                    for grade in notebook.grades:
                        if grade.cell.cell_type == "markdown":
                            if grade.needs_manual_grade:
                                result.by_hand.append(grade.name)
                        else:
                            result.scores[grade.name] = grade.auto_score, grade.max_score
                graded = samples.read(
                    self.folder / "autograded" / sample.student / self.name / f"{self.name}.ipynb"
                )
                for cell in graded.cells:
                    if cell.metadata.get("nbgrader", {}).get("grade") and cell.cell_type == "code":
                        result.words[cell.metadata.nbgrader.grade_id] = "".join(
                            output.get("text", output.get("evalue", "")) for output in cell.outputs
                        )
                found.append(result)
        return found


def faults(result: Result, assignment: Assignment) -> list[str]:
    """Where grading did not do what it has to do for this sample."""
    who = result.sample.student
    if result.most != assignment.points:
        return [f"{who}: {result.most:g} points are to be had instead of {assignment.points:g}"]
    if who == PERFECT:
        lost = [cell for cell, (score, most) in result.scores.items() if score != most]
        return [f"{who}: no full marks for {cell}: {result.words[cell]}" for cell in lost]
    if who == BLANK:
        won = [cell for cell, (score, _) in result.scores.items() if score]
        return [f"{who}: points for the empty {cell}" for cell in won]
    found = []
    for item in assignment.items:
        cells = result.cells(item.name)
        failed = [cell for cell in cells if result.scores[cell][0] == 0]
        mistake = result.sample.mistakes[item.name]
        if not failed:
            found.append(f"{who}: {item.name} has full marks for the mistake “{mistake.says}”")
        else:
            found += [
                f"{who}: {cell} does not say “{mistake.says}” but “{result.words[cell].strip()}”"
                for cell in failed
                if mistake.says not in result.words[cell]
            ]
    return found


def table(results: list[Result]) -> str:
    """Scores, and under each submission what was named in it and in none before it."""
    shown: set[tuple[str, str]] = set()
    lines = [f"{'submission':<12} {'points':>8}   named by the checks", "-" * 78]
    for result in results:
        sample = result.sample
        note = f"({', '.join(result.by_hand)}: to be graded by hand)" if result.by_hand else ""
        if sample.student == BLANK:
            note = "(everything is not answered yet)"
        lines.append(f"{sample.student:<12} {result.score:>3g} / {result.most:g}   {note}".rstrip())
        for name, mistake in sample.mistakes.items():
            if (name, mistake.says) in shown:
                continue
            shown.add((name, mistake.says))
            cells = result.cells(name)
            points = sum(result.scores[cell][0] for cell in cells)
            most = sum(result.scores[cell][1] for cell in cells)
            named = any(mistake.says in result.words[cell] for cell in cells)
            says = mistake.says if named else f"NOT NAMED: {mistake.says}"
            lines.append(f"  {name:<15} {points:g}/{most:g}   {says}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Grade sample submissions from start to end.")
    parser.add_argument("--folder", type=Path, default=ROOT / "_build" / "grade-demo")
    parser.add_argument("--assignment", default="definitions")
    options = parser.parse_args(arguments)

    def say(text: str) -> None:
        print(text, flush=True)

    start = time.monotonic()
    course = Course(options.folder, options.assignment, say)
    say(f"A grading cycle for “{course.name}” in {course.folder}")
    say("1. The students' notebook from the instructor's:")
    course.generate()
    say("2. Sample submissions from the assignment, handed in and collected:")
    course.hand_in()
    mistakes = sum(len(item.mistakes) for item in course.assignment.items)
    say(
        f"  {len(course.samples)} notebooks: a perfect one, a blank one, and {mistakes} mistakes, "
        "a notebook holding one of each item"
    )
    say("3. Grading (a few seconds a notebook, so some minutes in all):")
    course.grade()
    say("4. Feedback and grades:")
    course.give_back()

    results = course.results()
    say(f"\n{table(results)}\n")
    wrong = [fault for result in results for fault in faults(result, course.assignment)]
    for fault in wrong:
        say(f"FAULT  {fault}")
    say(f"gradebook  {course.folder / 'gradebook.db'}")
    say(f"grades     {course.folder / 'grades.csv'}")
    say(f"feedback   {course.feedback('slips-01')}  (and one for each submission)")
    say(f"It took {time.monotonic() - start:.0f} seconds.")
    if wrong:
        say(f"{len(wrong)} faults: the checks of kllib/checks/{course.name}.py need mending.")
        return 1
    say(
        "All as it has to be. Next: open a feedback page in a browser. To mark the written\n"
        f"answer, start jupyter lab in {course.folder} and open Nbgrader > Formgrader.\n"
        "How to do all this with your own students: chapters/running-this-course.md."
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
