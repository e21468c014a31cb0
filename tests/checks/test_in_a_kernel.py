"""In a real kernel: the blank notebook runs to its end, noise costs nothing."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from kllib.checks import seeds
from kllib.checks.definitions import ASSIGNMENT

ROOT = Path(__file__).resolve().parents[2]
RELEASED = ROOT / "exercises" / "definitions" / "definitions.ipynb"

NOISY = """
import logging, os, sys, warnings

logging.basicConfig()  # a handler on the kernel's own stream

def kl(p, q):
    p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
    print("called")
    print("called", file=sys.stderr)
    warnings.warn("called")
    logging.warning("called")
    os.write(2, b"called")
    os.system("echo called >&2")
    return np.nansum(p * np.log(p / q))
"""


def run(notebook):
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    outputs = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            kinds = {(output.output_type, output.get("name")) for output in cell.outputs}
            # The kernel may send one print in two pieces.
            outputs[cell.id] = kinds, "".join(output.get("text", "") for output in cell.outputs)
    return outputs


@pytest.fixture(scope="module")
def outputs():
    """Of the released notebook, with nothing in it but a right and noisy first answer."""
    os.environ.pop(seeds.GRADING_SEED, None)
    notebook = nbformat.read(RELEASED, as_version=4)
    next(cell for cell in notebook.cells if cell.id == "answer-kl").source = NOISY
    return run(notebook)


def test_run_all_reaches_the_bottom(outputs):
    assert "So far 5 of 27 points." in outputs["progress"][1]


def test_noise_costs_nothing(outputs):
    for part, number in ASSIGNMENT["kl"].parts.items():
        text = f"kl, {part}: right. {number} point{'s' if number > 1 else ''}.\n"
        assert outputs[f"check-kl-{part}"] == ({("stream", "stdout")}, text)


def test_all_else_is_not_answered_yet(outputs):
    for item in ASSIGNMENT.items[1:]:
        for part in item.parts:
            text = f"{item.name}, {part}: not answered yet. See chapter 2.\n"
            cell = f"check-{item.name.replace('_', '-')}-{part}"
            assert outputs[cell] == ({("stream", "stderr")}, text)
