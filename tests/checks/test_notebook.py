"""The notebooks say what the specification says: points, stamps, cells, mark scheme."""

import re
from pathlib import Path

import nbformat
import pytest

from kllib.checks.definitions import ASSIGNMENT
from kllib.checks.message import points

ROOT = Path(__file__).resolve().parents[2]
SOLUTION = ROOT / "solutions" / "definitions" / "definitions.ipynb"
RELEASED = ROOT / "exercises" / "definitions" / "definitions.ipynb"


def cells(path):
    return nbformat.read(path, as_version=4).cells


@pytest.mark.parametrize("path", [SOLUTION, RELEASED], ids=["solution", "released"])
def test_points_in_the_notebook_equal_the_items_parts(path):
    in_notebook = {}
    for cell in cells(path):
        if found := re.fullmatch(r'check\("(\w+)", "(\w+)", (\w+)(, student_id)?\)', cell.source):
            name, part, variable, personal = found.groups()
            assert cell.metadata.nbgrader.grade and cell.metadata.nbgrader.locked
            assert not cell.metadata.nbgrader.solution
            assert variable == name
            assert bool(personal) == (ASSIGNMENT[name].given is not None)
            assert (name, part) not in in_notebook
            in_notebook[name, part] = cell.metadata.nbgrader.points
    assert in_notebook == {
        (item.name, part): number
        for item in ASSIGNMENT.items
        for part, number in item.parts.items()
    }


@pytest.mark.parametrize("path", [SOLUTION, RELEASED], ids=["solution", "released"])
def test_written_answers_are_graded_by_hand(path):
    by_hand = {
        cell.metadata.nbgrader.grade_id: cell.metadata.nbgrader.points
        for cell in cells(path)
        if cell.cell_type == "markdown" and cell.metadata.get("nbgrader", {}).get("grade")
    }
    assert by_hand == {item.name: item.points for item in ASSIGNMENT.written}
    for item in ASSIGNMENT.written:
        question = next(cell for cell in cells(path) if cell.id == f"{item.name}-question")
        assert points(item.points) in question.source


def test_the_mark_scheme_is_the_rubric_and_only_the_instructor_has_it():
    for item in ASSIGNMENT.written:
        lines = [f"- {points(number)}: {what}" for number, what in item.rubric]
        for path, there in ((SOLUTION, True), (RELEASED, False)):
            question = next(c.source for c in cells(path) if c.id == f"{item.name}-question")
            assert all((line in question) == there for line in lines)


@pytest.mark.parametrize("path", [SOLUTION, RELEASED], ids=["solution", "released"])
def test_the_release_is_stamped(path):
    notebook = nbformat.read(path, as_version=4)
    assert notebook.metadata.kllib.release == ASSIGNMENT.release
    setup = next(cell.source for cell in notebook.cells if cell.id == "setup")
    assert f'release("{ASSIGNMENT.release}")' in setup


def test_graded_cells_have_their_full_metadata():
    for cell in cells(SOLUTION):
        if meta := cell.metadata.get("nbgrader"):
            assert meta.schema_version == 3
            assert meta.cell_type == cell.cell_type
            assert meta.grade_id == cell.id


def test_nothing_of_the_solution_is_released():
    released = RELEASED.read_text(encoding="utf-8")
    for cell in cells(SOLUTION):
        if cell.metadata.get("nbgrader", {}).get("solution") and cell.cell_type == "code":
            body = cell.source.split("### BEGIN SOLUTION\n")[1].split("### END SOLUTION")[0]
            answer = next(c.source for c in cells(RELEASED) if c.id == cell.id)
            assert "# YOUR CODE HERE" in answer and body.strip() not in answer
    assert "SOLUTION" not in released and "MARK SCHEME" not in released
    assert "Jensen" not in released
