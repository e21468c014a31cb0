"""The built pages, read as files: links, pictures, completeness, what they promise."""

import functools
import importlib
import json
import pkgutil
import re
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup

import kllib

from .conftest import ROOT, SITE, html_pages

PAGES = html_pages() or ["index.html"]
NOTEBOOKS = sorted((ROOT / "chapters").glob("*.ipynb"))


def toc_entries():
    """The entries of the table of contents, those below others included."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    for part in toc["parts"]:
        for chapter in part["chapters"]:
            yield from (chapter, *chapter.get("sections", []))


def toc_files():
    return ["index", *(entry["file"] for entry in toc_entries())]


@functools.cache
def soup(path):
    return BeautifulSoup((SITE / path).read_text(encoding="utf-8"), "html5lib")


@functools.cache
def anchors(path):
    return {e.get("id") or e.get("name") for e in soup(path).select("[id], a[name]")}


def fold(text):
    return " ".join(text.split())


@pytest.mark.parametrize("name", toc_files())
def test_every_page_of_the_table_of_contents_is_built(name, site):
    page = soup(f"{name}.html")
    assert page.find("h1") is not None
    assert len(page.select_one("article").get_text()) > 400, f"{name} is all but empty"


def test_every_source_page_is_in_the_table_of_contents():
    sources = [p for p in (ROOT / "chapters").iterdir() if p.suffix in (".md", ".ipynb")]
    listed = set(toc_files())
    missing = [p.name for p in sources if f"chapters/{p.stem}" not in listed]
    assert not missing, f"not in _toc.yml: {missing}"


@pytest.mark.parametrize("path", PAGES)
def test_links_inside_the_site_resolve(path, site):
    broken = []
    for element in soup(path).select("a[href], link[href], script[src], img[src], source[src]"):
        link = element.get("href") or element.get("src")
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = (site / path).parent / unquote(parts.path) if parts.path else site / path
        target = target / "index.html" if target.is_dir() else target
        if not target.is_file():
            broken.append(f"{link}: no such file")
        elif parts.fragment and target.suffix == ".html":
            inside = target.resolve().relative_to(site.resolve()).as_posix()
            if unquote(parts.fragment) not in anchors(inside):
                broken.append(f"{link}: no such anchor in {inside}")
    assert not broken, f"{path} has broken links:\n" + "\n".join(dict.fromkeys(broken))


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_loaded_from_elsewhere(path, site):
    """No script, style sheet, picture or font by an absolute address, not even a lazy one."""
    elements = soup(path).select("script[src], link[rel=stylesheet], img[src], iframe, source")
    foreign = [e for e in elements if urlsplit(e.get("src") or e.get("href") or "").netloc]
    assert not foreign
    inline = [s.get_text() for s in soup(path).select("script:not([src])")]
    assert not [s for s in inline if re.search(r"https?://", s)]


@pytest.mark.parametrize("path", PAGES)
def test_ids_are_unique(path, site):
    ids = [e["id"] for e in soup(path).select("[id]")]
    assert not {i for i in ids if ids.count(i) > 1}


@pytest.mark.parametrize("path", PAGES)
def test_every_picture_has_alt_text(path, site):
    silent = [str(i) for i in soup(path).select("img") if not (i.get("alt") or "").strip()]
    decorative = [i for i in silent if "logo__image" in i]
    assert not set(silent) - set(decorative)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda p: p.stem)
def test_figures_carry_the_stored_text_and_a_caption(notebook, site):
    """In the page, the pictures' alt texts are just the texts stored in the notebook."""
    stored = []
    for cell in nbformat.read(notebook, as_version=4).cells:
        for output in cell.get("outputs", []):
            if output.output_type == "display_data" and "text/plain" in output.data:
                stored.append(fold(output.data["text/plain"]))
    figures = soup(f"chapters/{notebook.stem}.html").select("article figure")
    assert [fold(f.img["alt"]) for f in figures] == stored
    numbers = [fold(f.figcaption.select_one(".caption-number").get_text()) for f in figures]
    if notebook.name[:2].isdigit():
        chapter = int(notebook.name[:2])
        assert numbers == [f"Figure {chapter}.{n + 1}" for n in range(len(figures))]
    else:  # those of the appendices are numbered through
        plain = [int(number.removeprefix("Figure ")) for number in numbers]
        assert plain == list(range(plain[0], plain[0] + len(plain)))
    for figure in figures:
        assert len(fold(figure.figcaption.get_text())) > 40


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda p: p.stem)
def test_tagged_cells_became_blocks(notebook, site):
    cells = nbformat.read(notebook, as_version=4).cells
    tags = [t for c in cells if c.cell_type == "markdown" for t in c.metadata.get("tags", [])]
    article = soup(f"chapters/{notebook.stem}.html").select_one("article")
    theorems = ("theorem", "lemma", "proposition", "corollary")
    count = {
        "definition": len(article.select(".admonition.definition")),
        "theorem": len(article.select(", ".join(f".admonition.{t}" for t in theorems))),
        "proof": len(article.select(".admonition.proof-body")),
        "example": len(article.select(".admonition.example")),
        "remark": len(article.select(".admonition.remark")),
        "exercise": len(article.select("div.admonition.exercise")),
        "objectives": len(article.select(".admonition.objectives")),
        "summary": len(article.select(".admonition.summary")),
    }
    assert count == {tag: tags.count(tag) for tag in count}
    folded = article.select("details.solution")
    assert len(folded) == count["exercise"], "each exercise has one folded solution"
    assert not [d for d in folded if d.has_attr("open")]
    # The opening words are the block's title and are not said twice.
    for block in article.select(".admonition.theorem, .admonition.definition"):
        assert not block.select_one("section").get_text().lstrip().startswith(("Theorem", "Def"))


def test_no_mathematics_is_left_to_the_browser(site):
    for path in PAGES:
        page = soup(path)
        assert not page.select(".math-error")
        for formula in page.select(".math"):
            assert formula.select_one(".katex-html") and formula.select_one("math")
        assert not [s for s in page.select("script") if "mathjax" in str(s).lower()]


REFERENCE = "chapters/api.html"
# Where a module's names stand in the reference, if not on a page named after it.
PAGE_OF = {
    **dict.fromkeys(("discrete", "gaussian", "logits", "mixture"), "basics"),
    **dict.fromkeys(("claims", "plotting", "checks"), "tools"),
}
MODULES = [m.name for m in pkgutil.iter_modules(kllib.__path__) if not m.name.startswith("_")]


def public_names(module):
    """The public names of a module of kllib, as the reference and the index call them."""
    if module == "checks":
        module = "checks.item"  # what an exercise is made of
    loaded = importlib.import_module(f"kllib.{module}")
    names = getattr(loaded, "__all__", None) or [
        n
        for n, value in vars(loaded).items()
        if not n.startswith("_") and getattr(value, "__module__", None) == loaded.__name__
    ]
    is_tool = PAGE_OF.get(module.partition(".")[0]) == "tools"
    return {f"kllib.{module}.{n}" if is_tool else f"kllib.{n}": getattr(loaded, n) for n in names}


def in_the_index():
    """Each name in the reference's index, with its link and what is said of it."""
    for listing in soup(REFERENCE).select("dl.library-index"):
        for term in listing.find_all("dt"):
            link = term.a["href"]
            yield f"kllib.{fold(term.get_text())}", link, fold(term.find_next("dd").get_text())


@functools.cache
def places():
    """For each entry of the reference the pages on which it stands, and there its element."""
    found = {}
    for path in PAGES:
        for entry in soup(path).select("dt.sig[id]"):
            found.setdefault(entry["id"], []).append((path, entry))
    return found


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_stands_on_one_page_of_the_reference(module, site):
    page = f"chapters/api-{PAGE_OF.get(module, module)}.html"
    for name in public_names(module):
        found = places().get(name, [])
        where = [path for path, _ in found]
        assert where == [page], f"{name} must stand on {page} and nowhere else, not on {where}"
        entry = found[0][1]
        if "data" not in entry.parent["class"]:
            body = entry.find_next_sibling("dd")
            assert body and len(fold(body.get_text())) > 20, f"{name} has no docstring"


def test_the_library_exports_what_its_modules_do():
    """Names of a new module must not be forgotten: they import from kllib itself."""
    exported = [f"kllib.{name}" for name in kllib.__all__]
    there = {
        name
        for module in MODULES
        if PAGE_OF.get(module) != "tools"
        for name in public_names(module)
    }
    assert sorted(there) == sorted(exported)


def test_the_index_leads_to_every_public_name_and_says_what_it_is(site):
    index = list(in_the_index())
    known = {name: value for module in MODULES for name, value in public_names(module).items()}
    assert sorted(name for name, _, _ in index) == sorted(known)
    for name, link, line in index:
        ((page, entry),) = places()[name]
        assert f"chapters/{link}" == f"{page}#{name}"
        assert len(line) > 10, f"{name}: {line!r}"
        if "data" not in entry.parent["class"]:
            first = known[name].__doc__.strip().splitlines()[0].replace(":func:", "")
            # Letters and digits: the page has other quotation marks, and none around names.
            assert re.findall(r"\w", line) == re.findall(r"\w", first), name


def test_the_reference_names_and_holds_its_pages(site):
    (below,) = (e["sections"] for e in toc_entries() if e["file"] == "chapters/api")
    pages = [f"{entry['file'].partition('/')[2]}.html" for entry in below]
    linked = [a["href"] for a in soup(REFERENCE).select("#pages a[href^='api-']")]
    assert linked == pages
    assert {f"chapters/{page}" for page in pages} == {
        p for p in PAGES if p.startswith("chapters/api-")
    }


def test_pages_of_source_code_differ_in_their_code_alone(site):
    """So the browser need not open each of them."""

    def frame(element):
        for child in element.find_all(True, recursive=False):
            yield child.name, *child.get("class", [])
            if child.name != "pre":
                yield from frame(child)

    frames = {tuple(frame(soup(p))) for p in PAGES if p.startswith("_modules/kllib/")}
    assert len(frames) == 1


def test_every_entry_of_the_bibliography_can_be_linked(site):
    keys = re.findall(r"^@\w+\{([^,]+),", (ROOT / "references.bib").read_text(), re.MULTILINE)
    assert keys
    assert set(keys) <= anchors("chapters/bibliography.html")


def test_the_search_index_knows_every_page(site):
    text = (site / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text.removeprefix("Search.setIndex(").rstrip(")"))
    assert set(index["docnames"]) == set(toc_files())


def test_the_notebooks_can_be_downloaded(site):
    for notebook in NOTEBOOKS:
        page = soup(f"chapters/{notebook.stem}.html")
        links = [a["href"] for a in page.select("a[href*='_sources/']")]
        assert any(link.endswith(f"{notebook.stem}.ipynb") for link in links)
        served = site / "_sources" / "chapters" / notebook.name
        assert served.read_bytes() == notebook.read_bytes()


def test_the_home_page_shows_a_claim_that_a_chapter_makes():
    shown = re.search(r"```text\n(✓ .*)\n```", (ROOT / "index.md").read_text(encoding="utf-8"))
    printed = "".join(
        output.get("text", "")
        for notebook in NOTEBOOKS
        for cell in nbformat.read(notebook, as_version=4).cells
        for output in cell.get("outputs", [])
    )
    assert shown and shown[1] in printed.splitlines(), "index.md: copy a line that is printed now"
