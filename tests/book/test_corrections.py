"""The corrections page is complete, and nothing that it corrects is said anywhere else.

corrections.csv has a row for each statement of the page: its id, its class (W wrong, M misleading,
A ambiguous, U unsupported, F damaged form; R for those that look wrong and are right), the place
in the book where the right statement stands (page#cell), and for each wrong one a pattern of the
claim, with an offending sentence that the pattern has to find. An id in lower case is the id of
the page's cell on it.

A pattern is a regular expression for text in the form that `plain` gives: lower case, one line,
one sign for the double bar, no mark-up. "A ~ B" finds B with an A near it: a wrong number is sought
near its inputs, not by itself.
"""

from __future__ import annotations

import csv
import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
PAGE = ROOT / "chapters" / "corrections.ipynb"
# How many statements of each source text were found wrong, misleading or worse.
FAULTS = {"E0": 18, "E1": 8, "E2": 12, "E3": 30, "E4": 61}
LOOK_WRONG = 30

with (HERE / "corrections.csv").open(encoding="utf-8", newline="") as lines:
    ROWS = {row["id"]: row for row in csv.DictReader(lines)}
WRONG = {id_: row for id_, row in ROWS.items() if "W" in row["class"].split("/")}
PATTERNS = {id_: [re.compile(p) for p in row["pattern"].split(" ~ ")] for id_, row in WRONG.items()}
NEAR = 250  # characters

# Passages that quote a fault as a fault: the id, the file, the cell (or words of the passage).
WORK = "chapters/19-kl-at-work.ipynb"
EXCEPTIONS: dict[tuple[str, str, str], str] = {
    ("E0-14", WORK, "claims-table"): "a table of claims, quoted, each with what holds beside it",
    ("E4-37", WORK, "claims-table"): "a table of claims, quoted, each with what holds beside it",
    ("E4-38", WORK, "claims-table"): "a table of claims, quoted, each with what holds beside it",
    ("E4-08", WORK, "causal-exercise"): "an exercise that states the claim and asks to refute it",
}
# This page collects mistakes: what stands there between quotation marks is quoted to be refuted.
QUOTING = "20-common-mistakes"


def plain(text: str) -> str:
    text = re.sub(r"\\Vert|\\parallel|\\\||‖|\|\|", "‖", text)
    text = re.sub(r"\\(?:left|right|[bB]igg?[lr]?|,|;|!|:|quad| )", " ", text)
    text = re.sub(r"[*`${}]", "", text.replace("−", "-").replace("**", ""))
    text = re.sub(r"\s+", " ", text.lower())
    text = re.sub(r"(?:d_ ?(?:\\(?:mathrm|text|operatorname))?kl|\bkl) ?\(", "d(", text)
    return re.sub(r"(?<=[(\[]) | (?=[)\]])", "", text)


def search(id_: str, text: str) -> str | None:
    """The words of a text that make the statement of that id, if it does."""
    *near, claim = PATTERNS[id_]
    for match in claim.finditer(text):
        around = text[max(0, match.start() - NEAR) : match.end() + NEAR]
        if all(pattern.search(around) for pattern in near):
            return match.group() if not near else around
    return None


# --- what is read ---------------------------------------------------------------------------------


@functools.cache
def cells(path: Path) -> dict[str, str]:
    """Each cell by its id: its text, its code, and what its outputs say."""
    found = {}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        parts = ["".join(cell["source"])]
        if path.stem == QUOTING and cell["cell_type"] == "markdown":
            parts = [re.sub(r'"[^"\n]{1,250}"|“[^”\n]{1,250}”', "…", parts[0])]
        for output in cell.get("outputs", []):
            text = output.get("text") or output.get("data", {}).get("text/plain", "")
            parts.append("".join(text))
        found[cell["id"]] = "\n".join(parts)
    return found


def windows(path: Path) -> Iterator[tuple[str, str]]:
    """A file in overlapping windows of lines, so that a claim may run over a line's end."""
    lines = path.read_text(encoding="utf-8").splitlines()
    for start in range(0, max(1, len(lines)), 20):
        yield f"line {start + 1}", "\n".join(lines[start : start + 30])


def files() -> list[Path]:
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "index.md"]
    for folder, pattern in (
        ("chapters", "*.ipynb"),
        ("chapters", "*.md"),
        ("solutions", "*/*.ipynb"),
        ("exercises", "*/*.ipynb"),
        ("kllib", "**/*.py"),
        ("klgrade", "**/*.py"),
    ):
        found += sorted((ROOT / folder).glob(pattern))
    return [path for path in found if path != PAGE]


def passages(path: Path) -> Iterator[tuple[str, str]]:
    read = cells(path).items() if path.suffix == ".ipynb" else windows(path)
    return ((where, plain(text)) for where, text in read)


@pytest.fixture(scope="module")
def found() -> dict[tuple[str, str, str], str]:
    """Every match of a pattern outside the page: id, file and place, with the words."""
    return {
        (id_, path.relative_to(ROOT).as_posix(), where): words
        for path in files()
        for where, text in passages(path)
        for id_ in PATTERNS
        if (words := search(id_, text))
    }


# --- the page -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page() -> dict[str, str]:
    return cells(PAGE)


def test_every_fault_has_its_row_and_its_cell(page):
    expected = [f"{text}-{n:02d}" for text, size in FAULTS.items() for n in range(1, size + 1)]
    assert len(expected) == 129
    assert [id_ for id_ in ROWS if id_[0] == "E"] == expected
    assert [id_ for id_ in ROWS if id_[0] == "R"] == [
        f"R-{n:02d}" for n in range(1, LOOK_WRONG + 1)
    ]
    for id_ in ROWS:
        assert page[id_.lower()].startswith(f"**`{id_}` "), f"{id_} needs a cell that opens with it"


def test_the_page_counts_its_rows_as_the_table_does(page):
    """The page's own list: each id once, with ! exactly if it is wrong."""
    listed = re.findall(r"(E\d-\d\d)([!#]*)", page["common-counted"].split('"""')[1])
    assert sorted(id_ for id_, _ in listed) == sorted(id_ for id_ in ROWS if id_[0] == "E")
    assert {id_ for id_, marks in listed if "!" in marks} == set(WRONG)


WORDS = {"W": "wrong", "M": "misleading", "A": "ambiguous", "U": "unsupported", "F": "form"}


@pytest.mark.parametrize("id_", [id_ for id_ in ROWS if id_[0] == "E"])
def test_an_entry_names_its_class_and_links_to_its_place(id_, page):
    row, text = ROWS[id_], page[id_.lower()]
    said = re.search(r"\*\* \*([\w, ]+)\.\*", text)
    assert said and said[1].lower().split(", ") == [WORDS[c] for c in row["class"].split("/")]
    if row["place"]:
        name, cell = row["place"].removeprefix("chapters/").split("#")
        assert f"({name}.ipynb#ch{name[:2]}-{cell})" in text, f"link to {row['place']}"


@pytest.mark.parametrize("id_", ROWS)
def test_the_place_exists(id_):
    if place := ROWS[id_]["place"]:
        name, cell = place.split("#")
        assert cell in cells(ROOT / f"{name}.ipynb"), place


# --- the patterns ---------------------------------------------------------------------------------


@pytest.mark.parametrize("id_", WRONG)
def test_a_wrong_statement_has_a_place_and_a_pattern_that_can_match(id_):
    row = WRONG[id_]
    assert row["place"], "where does the right statement stand?"
    assert search(id_, plain(row["sentence"])), "its own sentence is not found"
    for neutral in ("", " ", "the divergence of p against q is an average under p."):
        assert not search(id_, neutral), "it matches anything"


def test_no_page_repeats_what_is_corrected(found):
    faults = [
        f"{id_} in {file}, {where}: …{found[id_, file, where]}…"
        for id_, file, where in found
        if (id_, file, where) not in EXCEPTIONS
    ]
    assert not faults, "\n".join(faults)


def test_every_exception_is_needed(found):
    assert not [key for key in EXCEPTIONS if key not in found]
    assert all(len(reason.split()) > 3 for reason in EXCEPTIONS.values())


@pytest.mark.parametrize("id_", WRONG)
def test_the_sentence_would_be_found_in_a_chapter_and_in_a_docstring(id_, tmp_path):
    sentence = WRONG[id_]["sentence"]
    cell = {
        "id": "middle",
        "cell_type": "markdown",
        "source": ["Before.\n", "\n", sentence + "\n", "After."],
    }
    notebook, module = tmp_path / "chapter.ipynb", tmp_path / "module.py"
    notebook.write_text(json.dumps({"cells": [cell]}), "utf-8")
    broken = "\n    ".join(re.findall(r".{1,60}(?: |$)", sentence))
    module.write_text("x = 1\n" * 24 + f'def f():\n    """{broken}"""\n', "utf-8")
    for path in (notebook, module):
        assert any(search(id_, text) for _, text in passages(path)), path.name


def test_quotation_marks_are_for_one_page_only(tmp_path):
    sentence = WRONG["E2-04"]["sentence"]
    for stem, text, is_found in (
        (QUOTING, f'"{sentence}" It is infinite.', False),
        (QUOTING, sentence, True),
        ("05-forward-or-reverse", f'"{sentence}"', True),
    ):
        path = tmp_path / f"{stem}-{is_found}" / f"{stem}.ipynb"
        path.parent.mkdir()
        cell = {"id": "one", "cell_type": "markdown", "source": text}
        path.write_text(json.dumps({"cells": [cell]}), "utf-8")
        assert any(search("E2-04", words) for _, words in passages(path)) == is_found


def test_files_of_every_kind_are_read():
    kinds = {path.relative_to(ROOT).parts[0] for path in files()}
    assert {"README.md", "index.md", "chapters", "solutions", "exercises", "kllib"} <= kinds
    assert len(files()) > 100
