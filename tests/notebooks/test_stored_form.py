"""Stored notebooks are reviewable, and nothing in them hides from nbval."""

import re

import nbformat
import pytest

from tools.format_notebooks import ROOT, faults, formatted, main, stored_notebooks

NOTEBOOKS = stored_notebooks()


def named(path):
    return str(path.relative_to(ROOT))


def read(path):
    return nbformat.read(path, as_version=4)


@pytest.fixture(params=NOTEBOOKS, ids=named)
def path(request):
    return request.param


def test_there_are_chapters_and_assignments():
    folders = {named(path).split("/")[0] for path in NOTEBOOKS}
    assert folders == {"chapters", "solutions"}


def test_stored_in_the_one_form(path):
    assert not faults(path)
    assert formatted(path) == path.read_text(encoding="utf-8"), "run `make format`"


def test_every_code_cell_is_compared(path):
    """nbval compares nothing in a cell without a count, and skips what a marker tells it to."""
    counts = [cell.execution_count for cell in read(path).cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1)), (
        "execution counts must run 1, 2, 3, …: tools/format_notebooks.py --run " + named(path)
    )
    text = path.read_text(encoding="utf-8")
    found = re.findall(r"(?i)nbval[-_](?:skip|ignore|raises|check|test)\w*|raises-exception", text)
    assert not found, f"{found[0]} hides a cell from the comparison: take it out"


def test_a_picture_is_stored_as_its_alt_text(path):
    for cell in read(path).cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            assert not [mime for mime in data if mime.startswith("image/")], "run `make format`"
            assert not data.get("text/plain", "").startswith("<Figure"), (
                f"cell {cell.id} draws a figure without alt text: end it with show(fig, alt=...)"
            )


def test_no_markup_that_only_the_site_understands(path):
    """JupyterLab, GitHub and Colab show a directive, a role or raw HTML as it stands."""
    for cell in read(path).cells:
        if cell.cell_type != "markdown":
            continue
        prose = re.sub(r"```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$", "", cell.source, flags=re.S)
        found = re.search(r":::|\{[a-z:]+\}`|^```\{|</?[a-z]+[ >/]", prose, flags=re.M | re.I)
        assert not found, f"cell {cell.id}: {found.group()!r} reads as raw text in JupyterLab"


def made_notebook(folder, cells):
    notebook = nbformat.v4.new_notebook(cells=cells)
    path = folder / "made.ipynb"
    nbformat.write(notebook, path)
    return path


@pytest.mark.parametrize("run", [[], ["--check"]])
def test_the_formatter_names_what_it_cannot_mend(tmp_path, capsys, run):
    cell = nbformat.v4.new_code_cell("1 + 1", id="0123abcd")
    path = made_notebook(tmp_path, [cell])
    assert main([*run, str(path)]) == 1
    assert "name it for what it says" in capsys.readouterr().out


def test_the_formatter_settles(tmp_path):
    """Formatting what is formatted changes nothing; checking says when it would."""
    cell = nbformat.v4.new_code_cell("x=1", id="set-x", execution_count=7)
    path = made_notebook(tmp_path, [cell])
    assert main(["--check", str(path)]) == 1
    assert main([str(path)]) == 0
    assert main(["--check", str(path)]) == 0
    assert read(path).cells[0].execution_count == 1


def test_the_formatter_strips_pictures_and_keeps_text(tmp_path):
    picture = nbformat.v4.new_output(
        "display_data", {"image/svg+xml": "<svg/>", "text/plain": "A falling line."}
    )
    cell = nbformat.v4.new_code_cell("draw()", id="draw", execution_count=1, outputs=[picture])
    path = made_notebook(tmp_path, [cell])
    main([str(path)])
    assert read(path).cells[0].outputs[0].data == {"text/plain": "A falling line."}
