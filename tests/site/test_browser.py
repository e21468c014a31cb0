"""Each page in a real browser: nothing overflows, fails, calls out or shuts a reader out."""

from pathlib import Path
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
PHONE = 390
PHOTOGRAPHED = {PHONE: "light", 1280: "dark"}  # of which a screenshot is kept
WCAG = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
SCREENSHOTS = ROOT / "_build" / "screenshots"
PAGE_CHECKS = (Path(__file__).parent / "page_checks.js").read_text(encoding="utf-8")
# What paper has no use for.
MACHINERY = ".bd-sidebar, .bd-header-article, .prev-next-area, details.hide, .headerlink"
SOLUTIONS = "details.solution > summary + *"


@pytest.fixture(scope="module")
def scripts():
    if not AXE.is_file():
        pytest.fail("node_modules/axe-core is missing: run `make setup`")
    return AXE.read_text(encoding="utf-8") + PAGE_CHECKS


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


def ask(page, question, *given):
    """The answer of a function in page_checks.js."""
    return page.evaluate(f"(given) => pageChecks.{question}(...given)", list(given))


def show(page, theme):
    """The page as a reader sees it whose system prefers this theme."""
    page.emulate_media(color_scheme=theme)
    page.wait_for_function("(theme) => document.documentElement.dataset.theme === theme", arg=theme)


def photograph(page, path, width, theme):
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    name = path.removesuffix(".html").replace("/", "-")
    # JPEG takes half the time of PNG.
    page.screenshot(path=SCREENSHOTS / f"{name}-{width}-{theme}.jpg", full_page=True)


@pytest.mark.parametrize("path", OPENED)
def test_page(path, browser, address, scripts):
    faults = []
    page = open_page(browser, address, path, "light", WIDTHS[0], faults)
    page.evaluate(scripts)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        if width in PHOTOGRAPHED and path not in LIGHT_ONLY and not path.startswith(LISTINGS):
            ask(page, "fold", False)
            show(page, PHOTOGRAPHED[width])
            photograph(page, path, width, PHOTOGRAPHED[width])
        # Unfold everything: a fault must not hide in a fold.
        ask(page, "fold", True)
        page.wait_for_timeout(60)  # two frames: resize observers have run
        faults += [f"{width} px: overflows: {what}" for what in ask(page, "overflowing")]
        for formula in ask(page, "unreachableFormulas"):
            faults.append(f"{width} px: out of the keyboard's reach: {formula}")

    ask(page, "fold", False)
    page.emulate_media(media="print")
    for seen in ask(page, "visible", MACHINERY):
        faults.append(f"paper shows {seen}")
    if len(ask(page, "visible", SOLUTIONS)) < page.locator(SOLUTIONS).count():
        faults.append("paper hides a solution")

    # Axe comes last: the page is simplified for it. On a phone it sees the whole text, in the dark
    # its colours; on a wide screen what there surrounds the text.
    page.emulate_media(media="screen")
    ask(page, "fold", True)
    page.set_viewport_size({"width": PHONE, "height": 900})
    page.wait_for_timeout(400)  # the theme makes tab stops of what scrolls 300 ms after a resize
    ask(page, "simplify")
    themes = THEMES[:1] if path in LIGHT_ONLY else THEMES
    for theme, rules in zip(themes, (WCAG, COLOURS), strict=False):
        show(page, theme)
        for violation in ask(page, "violations", rules):
            faults.append(f"{theme}, {PHONE} px: axe: {violation}")
    ask(page, "emptyTheArticle")
    page.set_viewport_size({"width": WIDTHS[-1], "height": 900})
    show(page, "light")
    for violation in ask(page, "violations", WCAG):
        faults.append(f"{WIDTHS[-1]} px, around the text: axe: {violation}")
    page.context.close()
    assert not faults, f"{path}:\n" + "\n".join(dict.fromkeys(faults))


def test_the_first_look_has_the_systems_theme(browser, address):
    for theme in THEMES:
        page = open_page(browser, address, "index.html", theme, 390, [])
        assert page.evaluate("() => document.documentElement.dataset.theme") == theme
        page.context.close()


def test_a_fault_in_the_colours_of_code_is_found(browser, scripts):
    """Of many spans of one kind axe sees one: it must be one on each background."""
    page = browser.new_page()
    token = '<span class="k">if</span> <span class="n">x</span>'
    faint = '<pre style="background: #ddd"><span></span><span class="n">y</span></pre>'
    page.set_content(
        "<!doctype html><html lang=en><title>t</title><style>.n { color: #767676 }</style><main>"
        f'<div class="highlight"><pre style="background: #fff">{token * 3}</pre></div>'
        f'<div class="highlight">{faint}</div><p class="katex"><b>z</b></p></main></html>'
    )
    page.evaluate(scripts)
    ask(page, "simplify")
    found = ask(page, "violations", COLOURS)
    assert len(found) == 1 and '<span class="n">xx</span>' in found[0], found
    page.close()


def test_mathematics_without_javascript(browser, address):
    """On the longest chapters: test_pages.py sees that all of it is rendered at build time."""
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 900})
    page = context.new_page()
    for path in longest("chapters/", 2):
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
