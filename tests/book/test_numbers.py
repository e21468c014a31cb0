"""Every number that a reader sees in a chapter is an input, or proved by two routes.

    python -m pytest tests/book/test_numbers.py -k 01-what

What counts as a number is said in tools/published_numbers/tokens.py, what it may be matched by in
tools/published_numbers/page.py, and how to declare one in kllib/claims.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tools.published_numbers.page import Page, read_page

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))


@pytest.fixture(scope="module", params=CHAPTERS, ids=lambda path: path.stem)
def page(request: pytest.FixtureRequest) -> Page:
    return read_page(request.param)


def report(messages: list[str]) -> str:
    return f"{len(messages)} to mend\n\n" + "\n\n".join(messages)


def test_every_notebook_of_the_table_of_contents_is_read() -> None:
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    entries = [entry["file"] for part in toc["parts"] for entry in part["chapters"]]
    notebooks = [name for name in entries if not (ROOT / f"{name}.md").exists()]
    assert notebooks, "_toc.yml lists no notebook"
    read = [path.relative_to(ROOT).with_suffix("").as_posix() for path in CHAPTERS]
    assert sorted(notebooks) == read, "_toc.yml and chapters/*.ipynb must list the same notebooks"


def test_claims_and_inputs_are_well_formed(page: Page) -> None:
    assert not page.faults, report(page.faults)
    assert page.claims, f"{page.name} proves nothing: publish its numbers through claim(...)"


def test_every_number_is_an_input_or_a_claim_of_its_section(page: Page) -> None:
    failures = page.failures()
    assert not failures, report(failures)


def test_every_claim_is_published(page: Page) -> None:
    missing = page.unpublished_claims()
    assert not missing, report(missing)


@pytest.mark.slow
def test_a_wrong_last_digit_is_noticed(page: Page) -> None:
    unnoticed, tried = page.unnoticed_errors()
    assert tried, f"{page.name} publishes no claim"
    assert not unnoticed, report(unnoticed)
