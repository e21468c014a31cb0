"""See to it that an opened page asks no other host for anything.

KaTeX's style sheet and the fonts are copied from node_modules into the site: woff2 only (every
browser in use reads it), and of the text fonts only the alphabets that the course uses. The Thebe
scripts, which Jupyter Book adds to every page and which would load from a CDN, are left out.
"""

import re
import shutil
from pathlib import Path

from sphinx.errors import ExtensionError

# style sheet in node_modules -> folder in _static
STYLE_SHEETS = {
    "katex/dist/katex.min.css": "katex",
    "@fontsource-variable/source-serif-4/wght.css": "fonts",
    "@fontsource-variable/source-serif-4/wght-italic.css": "fonts",
    "@fontsource-variable/source-sans-3/wght.css": "fonts",
}
ALPHABETS = re.compile(r"-(latin|latin-ext|greek)-wght-")
FONT_FACE = re.compile(r"@font-face\s*{[^}]*}")
OTHER_FORMATS = re.compile(r",\s*url\([^)]*\.(?:woff|ttf)\)\s*format\([^)]*\)")
FONT_URL = re.compile(r"url\(([^)]*\.woff2)\)")


def needed(css):
    """The style sheet without the fonts that the course does not use."""

    def keep(match):
        block = match[0]
        is_text_font = "-wght-" in block
        return "" if is_text_font and not ALPHABETS.search(block) else block

    return OTHER_FORMATS.sub("", FONT_FACE.sub(keep, css))


def _copy(app):
    if app.builder.format != "html":
        return
    modules = Path(app.srcdir) / "node_modules"
    static = Path(app.outdir) / "_static"
    for source, folder in STYLE_SHEETS.items():
        sheet = modules / source
        if not sheet.is_file():
            raise ExtensionError(f"node_modules/{source} is missing: run `make setup` (npm ci)")
        css = needed(sheet.read_text(encoding="utf-8"))
        name = Path(source).parent.name + "-" + sheet.name if folder == "fonts" else sheet.name
        for url in FONT_URL.findall(css):
            font = static / folder / url
            font.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(sheet.parent / url, font)
        (static / folder / name).write_text(css, encoding="utf-8")
        app.add_css_file(f"{folder}/{name}", priority=400)


def _drop_thebe(app, pagename, templatename, context, doctree):
    def is_thebe(script):
        body = getattr(script, "attributes", {}).get("body") or ""
        return "thebe" in (str(getattr(script, "filename", script)) + body).lower()

    context["script_files"] = [s for s in context["script_files"] if not is_thebe(s)]
    context["css_files"] = [s for s in context["css_files"] if not is_thebe(s)]


def setup(app):
    app.connect("builder-inited", _copy)
    app.connect("html-page-context", _drop_thebe, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
