"""Each page in a real browser: nothing overflows, fails, calls out or shuts a reader out."""

from urllib.parse import quote

import pytest

from .conftest import ROOT, SITE, html_pages

PAGES = html_pages() or ["index.html"]
WIDTHS = (360, 390, 1280)
THEMES = ("light", "dark")
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
LISTINGS = "_modules/kllib/"  # pages of source code
REFERENCE = "chapters/api-"


def longest(start, count):
    """The longest of the pages whose address starts in this way."""
    pages = [path for path in PAGES if path.startswith(start)]
    return sorted(pages, key=lambda path: (SITE / path).stat().st_size)[-count:]


# Pages of source code differ in their code alone, as test_pages.py sees: two are opened for all.
OPENED = [p for p in PAGES if not p.startswith(LISTINGS)] + longest(LISTINGS, 2)
# The reference's pages come from one template. Each is opened in the light, for what sticks out or
# shuts a reader out; the longest stands for the others in the dark.
LIGHT_ONLY = {p for p in PAGES if p.startswith(REFERENCE)} - {*longest(REFERENCE, 1)}
SHOWN = (390, 1280)  # widths of which a screenshot is kept
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SCREENSHOTS = ROOT / "_build" / "screenshots"

FOLD = "(open) => document.querySelectorAll('article details').forEach((d) => { d.open = open; })"

# What sticks out to the right, unless it lies in a box that scrolls by itself.
OVERFLOWING = """() => {
  const width = document.documentElement.clientWidth;
  const clipped = (e) => {
    for (let p = e.parentElement; p && p !== document.body; p = p.parentElement)
      if (getComputedStyle(p).overflowX !== 'visible') return true;
    return false;
  };
  const all = document.querySelectorAll('.bd-article-container *, footer *');
  const out = [...all].filter((e) => {
    const box = e.getBoundingClientRect();
    return box.width > 0 && box.right > width + 1 && !clipped(e);
  }).map((e) => e.outerHTML.slice(0, 120));
  if (document.documentElement.scrollWidth > width)
    out.unshift(`the page is ${document.documentElement.scrollWidth} wide, the window ${width}`);
  return out.slice(0, 5);
}"""

# A formula is hundreds of spans, hidden from screen readers, beside MathML for them. For axe, which
# would take minutes over these, one letter stands in for each: it shows the formula's colour.
AXE_RUN = """async ([tags, leftOut]) => {
  const formulas = [...document.querySelectorAll('.katex')].map((e) => [e, [...e.childNodes]]);
  formulas.forEach(([e]) => e.replaceChildren('x'));
  const options = {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']};
  const found = await axe.run({exclude: leftOut}, options);
  formulas.forEach(([e, inside]) => e.replaceChildren(...inside));
  return found.violations.map((v) =>
    `${v.id} (${v.help}): ` + v.nodes.slice(0, 4).map((n) => n.html.slice(0, 160)).join(' | '));
}"""


@pytest.fixture(scope="module")
def axe_source():
    if not AXE.is_file():
        pytest.fail("node_modules/axe-core is missing: run `make setup`")
    return AXE.read_text(encoding="utf-8")


def open_page(browser, address, path, theme, width, faults):
    """A page in a context of its own, that notes console errors and requests to other hosts."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=theme, reduced_motion="reduce"
    )
    page = context.new_page()

    def foreign(request):
        if not request.url.startswith((address, "data:", "blob:")):
            faults.append(f"{theme}: request to another host: {request.url}")

    def console(message):
        if message.type in ("error", "warning"):
            faults.append(f"{theme}: console {message.type}: {message.text}")

    page.on("request", foreign)
    page.on("console", console)
    page.on("pageerror", lambda error: faults.append(f"{theme}: script error: {error}"))
    page.on("requestfailed", lambda r: faults.append(f"{theme}: request failed: {r.url}"))
    page.goto(address + quote(path, safe="/?="), wait_until="load")
    page.evaluate("() => document.fonts.ready")
    return page


@pytest.mark.parametrize("path", OPENED)
def test_page(path, browser, address, axe_source):
    faults = []
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for theme in THEMES[:1] if path in LIGHT_ONLY else THEMES:
        page = open_page(browser, address, path, theme, WIDTHS[0], faults)
        shown = page.evaluate("() => document.documentElement.dataset.theme")
        assert shown == theme, f"{path}: the system asks for {theme}, the page shows {shown}"
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            if width in SHOWN and path not in LIGHT_ONLY and not path.startswith(LISTINGS):
                page.evaluate(FOLD, False)
                name = path.removesuffix(".html").replace("/", "-")
                # JPEG takes half the time of PNG.
                page.screenshot(path=SCREENSHOTS / f"{name}-{width}-{theme}.jpg", full_page=True)
            # Unfold everything: a fault must not hide in a fold.
            page.evaluate(FOLD, True)
            page.wait_for_timeout(60)  # two frames: resize observers have run
            for what in page.evaluate(OVERFLOWING):
                faults.append(f"{theme}, {width} px: overflows: {what}")
            # On a phone axe sees the whole text, in either theme; on a wide screen what there
            # surrounds the text.
            if width == 390 or (width == 1280 and theme == "light"):
                page.evaluate(axe_source)
                left_out = [] if width == 390 else [["article"]]
                for violation in page.evaluate(AXE_RUN, [WCAG, left_out]):
                    faults.append(f"{theme}, {width} px: axe: {violation}")
        page.context.close()
    assert not faults, f"{path}:\n" + "\n".join(dict.fromkeys(faults))


def test_mathematics_without_javascript(browser, address, site):
    pages = [p for p in PAGES if 'class="katex"' in (site / p).read_text(encoding="utf-8")]
    assert pages, "no page holds mathematics: is it still rendered at build time?"
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 900})
    page = context.new_page()
    for path in pages:
        page.goto(address + quote(path), wait_until="load")
        article = page.locator("article.bd-article")
        formula = article.locator(":not(details *) > .katex > .katex-html").first
        box = formula.bounding_box()
        assert box and box["width"] > 5 and box["height"] > 5, f"{path}: {formula} is not visible"
        assert "KaTeX_Main" in formula.evaluate("e => getComputedStyle(e).fontFamily")
        assert r"\frac" not in article.inner_text(), f"{path}: raw LaTeX is shown"
        for fold in article.locator("xpath=//details[not(ancestor::details)]/summary").all():
            assert fold.is_visible()
    context.close()


def test_search_finds_a_chapter(browser, address):
    faults = []
    page = open_page(browser, address, "search.html?q=forecaster", "light", 1280, faults)
    result = page.locator("#search-results li a").first
    result.wait_for(timeout=10_000)
    assert "chapters/" in result.get_attribute("href")
    assert not faults, faults
    page.context.close()


def test_a_wide_formula_can_be_scrolled_by_keyboard(browser, address, site):
    """On a phone at least one formula is wider than the page; it must be a tab stop with a name."""
    for path in PAGES:
        if 'class="math-scroll"' not in (site / path).read_text(encoding="utf-8"):
            continue
        page = open_page(browser, address, path, "light", 360, [])
        page.wait_for_timeout(60)
        bad = page.evaluate(
            """() => [...document.querySelectorAll('.math-scroll')]
              .filter((e) => e.clientWidth > 0)
              .filter((e) => (e.scrollWidth > e.clientWidth + 1) !==
                             (e.tabIndex === 0 && !!e.getAttribute('aria-label')))
              .map((e) => e.textContent.slice(0, 80))"""
        )
        page.context.close()
        assert not bad, f"{path}: {bad}"


def test_paper_shows_the_solutions_and_none_of_the_machinery(browser, address):
    chapters = [p for p in PAGES if p.startswith("chapters/0") and "exercise" not in p]
    for path in chapters:
        page = open_page(browser, address, path, "light", 800, [])
        page.emulate_media(media="print")
        seen = """(selector) => [...document.querySelectorAll(selector)]
          .filter((e) => e.checkVisibility()).map((e) => e.outerHTML.slice(0, 80))"""
        machinery = ".bd-sidebar, .bd-header-article, .prev-next-area, details.hide, .headerlink"
        assert page.evaluate(seen, machinery) == [], path
        printed = page.evaluate(seen, "details.solution > summary + *")
        assert len(printed) == page.locator("details.solution").count() > 0, path
        page.context.close()
