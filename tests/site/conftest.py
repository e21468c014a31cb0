"""What the site's tests share: the built site, a local server, a headless browser."""

import functools
import http.server
import importlib.util
import os
import threading
from pathlib import Path

import pytest

from tools.system_packages import find_browser

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"


def load_extension(name):
    """Import one of the site's Sphinx extensions from _ext/ without touching sys.path."""
    spec = importlib.util.spec_from_file_location(f"course_ext_{name}", ROOT / f"_ext/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def html_pages():
    """Addresses of all pages of the built site, for parametrising; empty while there is none."""
    pages = (p.relative_to(SITE).as_posix() for p in SITE.rglob("*.html"))
    return sorted(p for p in pages if not p.startswith(("_static/", "_sources/")))


@pytest.fixture(scope="session")
def site():
    """The folder of the built site, which must have been built from the present sources."""
    fresh = load_extension("fresh_build")
    if not (SITE / fresh.STAMP).is_file():
        pytest.fail("there is no built site in _build/html: run `make book` first")
    if not fresh.is_fresh(ROOT):
        pytest.fail("_build/html was built from other sources than these: run `make book` again")
    return SITE


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="session")
def address(site):
    """The site's address on a local server, with a slash at the end."""
    handler = functools.partial(_QuietHandler, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    arguments = ["--disable-gpu", "--disable-background-networking", "--no-first-run"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium refuses its own sandbox to root
    found = find_browser()
    if found is None:
        pytest.fail("the pages' tests need Chromium or Chrome: tools/system_packages.py finds one")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=arguments)
        yield chromium
        chromium.close()
