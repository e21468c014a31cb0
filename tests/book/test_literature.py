"""Every work that the course names is in references.bib, with all that is needed to find it."""

from __future__ import annotations

import inspect
import re
import unicodedata
from pathlib import Path

import pytest
from pybtex.database import Entry, parse_file

import kllib

ROOT = Path(__file__).resolve().parents[2]
BIBLIOGRAPHY: dict[str, Entry] = dict(parse_file(ROOT / "references.bib").entries)
VENUES = ("journal", "booktitle", "publisher", "institution", "howpublished")


def plain(text: str) -> str:
    """Without accents, braces and TeX, in lower case."""
    text = unicodedata.normalize("NFD", text)
    return "".join(c for c in text if c.isascii() and (c.isalnum() or c == " ")).lower()


def first_author(entry: Entry) -> str:
    person = entry.persons["author"][0]
    return plain(" ".join(person.last_names))


@pytest.mark.parametrize("key", BIBLIOGRAPHY)
def test_an_entry_says_who_what_where_and_when(key):
    entry = BIBLIOGRAPHY[key]
    assert entry.persons.get("author"), "no author"
    assert entry.fields.get("title"), "no title"
    assert re.fullmatch(r"\d{4}", entry.fields.get("year", "")), "no year"
    assert any(entry.fields.get(venue) for venue in VENUES), f"none of {', '.join(VENUES)}"
    assert key.endswith(entry.fields["year"]) or key[-1].isalpha(), "a key ends in its year"


def test_no_work_is_listed_twice():
    works = [(plain(e.fields["title"]), e.fields["year"]) for e in BIBLIOGRAPHY.values()]
    assert len(set(works)) == len(works), sorted(w for w in works if works.count(w) > 1)


def cited_in_docstrings():
    for name in kllib.__all__:
        text = inspect.getdoc(getattr(kllib, name)) or ""
        part = re.search(
            r"^References\n-+\n(.*?)(?=\n\n\w+\n---|\Z)", text, re.DOTALL | re.MULTILINE
        )
        for words, year in re.findall(r"([^;()]*)\((\d{4})\)", part[1] if part else ""):
            yield pytest.param(words, year, id=f"{name}-{plain(words).split()[-1]}-{year}")


@pytest.mark.parametrize("words, year", list(cited_in_docstrings()))
def test_a_docstrings_source_is_in_the_bibliography(words, year):
    those = [first_author(e) for e in BIBLIOGRAPHY.values() if e.fields["year"] == year]
    assert any(author in plain(words) for author in those), f"add {words.strip()} ({year})"
