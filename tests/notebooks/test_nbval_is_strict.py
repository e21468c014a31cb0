"""nbval, as this project runs it, notices every kind of change to a stored output."""

import subprocess
import sys

import nbformat
import pytest

from tools.format_notebooks import ROOT, formatted

SOURCE = """
from IPython.display import display
from kllib import kl_divergence

print(round(kl_divergence([0.7, 0.3], [0.5, 0.5]), 6))
display({"image/svg+xml": "<svg/>", "text/plain": "Two bars."}, raw=True)
"""


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A notebook executed and stored as the project stores them: no image, alt text kept."""
    path = tmp_path_factory.mktemp("stored") / "made.ipynb"
    cell = nbformat.v4.new_code_cell(SOURCE, id="compute")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    path.write_text(formatted(path, run=True), encoding="utf-8")
    return nbformat.read(path, as_version=4)


def nbval(notebook, folder):
    path = folder / "made.ipynb"
    nbformat.write(notebook, path)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--nbval", "-p", "no:cacheprovider", "-p", "no:xdist"]
        + ["--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml"), "-p", "conftest", str(path)],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    return done.returncode, done.stdout


@pytest.mark.slow
def test_an_untouched_notebook_passes(stored, tmp_path):
    status, said = nbval(stored, tmp_path)
    assert status == 0, said
    assert "1 passed" in said


def empty(cell):
    cell.outputs = []


def change_a_digit(cell):
    cell.outputs[0].text = cell.outputs[0].text.replace("0.082283", "0.082284")


def change_the_alt_text(cell):
    cell.outputs[1].data["text/plain"] = "Three bars."


def forget_the_count(cell):
    cell.execution_count = None


@pytest.mark.slow
@pytest.mark.parametrize("spoil", [empty, change_a_digit, change_the_alt_text, forget_the_count])
def test_a_spoiled_notebook_fails(stored, tmp_path, spoil):
    notebook = nbformat.from_dict(stored)
    spoil(notebook.cells[0])
    status, said = nbval(notebook, tmp_path)
    assert status == 1, said
    assert "1 failed" in said
