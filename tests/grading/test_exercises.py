"""The students' notebooks in the repository are what nbgrader makes of the solutions."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ASSIGNMENTS = sorted(path.name for path in (ROOT / "solutions").iterdir() if path.is_dir())


def files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".ipynb_checkpoints" not in path.parts
    }


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_regenerating_finds_no_byte_of_difference(assignment, tmp_path):
    done = subprocess.run(
        [
            sys.executable,
            *("-m", "nbgrader", "generate_assignment", assignment, "--no-db", "--log-level=WARN"),
            f"--CourseDirectory.release_directory={tmp_path}",
        ],
        cwd=ROOT,
        env={**os.environ, "JUPYTER_PREFER_ENV_PATH": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    made = files(tmp_path / assignment)
    stored = files(ROOT / "exercises" / assignment)
    differ = sorted(
        name for name in made.keys() | stored.keys() if made.get(name) != stored.get(name)
    )
    assert not differ, (
        f"exercises/{assignment} is not what solutions/{assignment} gives: {', '.join(differ)}. "
        "Run: make exercises"
    )


def test_no_exercise_without_its_solution():
    assert sorted(path.name for path in (ROOT / "exercises").iterdir()) == ASSIGNMENTS, (
        "exercises/ and solutions/ hold different assignments. Run: make exercises"
    )
