"""What the course set out to teach, and where it stands: coverage.csv, one row for each item.

An item's id names the source document and the kind of thing it is (definition, property, formula,
table, worked example, code, figure, application, mistake, exercise, question ...). Its page is a
notebook and its anchor the id of a cell in it; a page that is not written yet has no anchor.
"""

from __future__ import annotations

import csv
import functools
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
TABLE = Path(__file__).parent / "coverage.csv"
# Filler and an advertisement; and quizzes, notes and navigation of the sources' own web pages.
NOT_A_PAGE = {"not teachable": 1, "page furniture": 7}

with TABLE.open(encoding="utf-8", newline="") as lines:
    ROWS = list(csv.DictReader(lines))


@functools.cache
def cells(page: str) -> set[str]:
    """The ids of the cells of a page; none, where it is not written yet."""
    path = ROOT / f"{page}.ipynb"
    return {cell.id for cell in nbformat.read(path, as_version=4).cells} if path.exists() else set()


def test_every_item_has_its_row():
    ids = [row["id"] for row in ROWS]
    assert len(ids) == 165
    assert len(set(ids)) == len(ids), sorted(i for i in ids if ids.count(i) > 1)


def test_what_is_left_out_is_counted():
    left_out = [row["page"] for row in ROWS if row["page"] in NOT_A_PAGE]
    assert {reason: left_out.count(reason) for reason in NOT_A_PAGE} == NOT_A_PAGE


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_the_anchor_exists(row):
    if there := cells(row["page"]):
        assert row["anchor"] in there, f"{row['page']} has no cell of that id"
    else:
        assert row["anchor"] == "", f"{row['page']} does not exist: no anchor can"
