"""The map on the home page: every chapter stands on it, and builds on what it says it needs."""

import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.search(r"```\{idea-map\}\n(.*?)```", (ROOT / "index.md").read_text("utf-8"), re.DOTALL)
ROWS = [[part.strip() for part in line.split("|")] for line in BLOCK[1].splitlines()]
DRAW_ON_ALL = {"20", "21"}  # as the home page says
CHAPTERS = sorted(path.stem for path in (ROOT / "chapters").glob("[0-9][0-9]-*.ipynb"))


def test_every_chapter_stands_on_the_map():
    assert sorted(row[1] for row in ROWS) == CHAPTERS


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1])
def test_an_arrow_comes_from_a_chapter_that_is_needed(row):
    cells = nbformat.read(ROOT / f"chapters/{row[1]}.ipynb", as_version=4).cells
    [needs] = [cell.source for cell in cells if cell.source.startswith("**You need**")]
    linked = {*re.findall(r"\((\d\d)-", needs)}
    arrows = {*row[3].split()} if len(row) > 3 else set()
    assert arrows <= linked
    if row[1][:2] not in DRAW_ON_ALL:
        assert bool(arrows) == bool(linked), "it needs something: which is the arrow to draw?"
