"""Keep caches honest: nothing that a cache remembers may hide that a page has rotted.

* The notebooks' execution cache lives in a folder named after a key: the lock file, the library,
  the Python version. A new key means an empty cache, and every page is read anew.
* Pages whose source is gone are deleted from the site, so that nobody deploys them; a change to
  anything but a page (settings, extensions, library) empties the site first.
* A build with a warning forgets what it read; otherwise Sphinx would not repeat the warning, and
  the second build would be green.
* A build without one leaves ``.built-from`` in the site: a fingerprint of all its sources, by which
  the Makefile and the tests see whether the site is up to date
  (``python _ext/fresh_build.py`` succeeds if it is).
"""

import hashlib
import shutil
import sys
from pathlib import Path

CACHE = Path("_build") / ".jupyter_cache"
STAMP = ".built-from"
FRAME_STAMP = ".framed-by"
LIBRARY = ("requirements.lock", "kllib/**/*.py")
FRAME = (
    *LIBRARY,
    "package-lock.json",
    "_config.yml",
    "_toc.yml",
    "references.bib",
    "_ext/**/*",
    "_static/**/*",
)
SOURCES = (*FRAME, "index.md", "chapters/*.md", "chapters/*.ipynb")


def fingerprint(root, patterns):
    """SHA-256 over the names and contents of the files that match, and the Python version."""
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted({p for pattern in patterns for p in Path(root).glob(pattern)}):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(path.relative_to(root).as_posix().encode() + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def is_fresh(root):
    """Whether the built site was made from just these sources."""
    stamp = Path(root) / "_build" / "html" / STAMP
    built_from = stamp.read_text().strip() if stamp.is_file() else None
    return built_from == fingerprint(root, SOURCES)


def _key_the_cache(app, config):
    key = fingerprint(app.srcdir, LIBRARY)
    # "env": a change to the library or to an extension makes Sphinx read every page again
    config.library_fingerprint = fingerprint(app.srcdir, (*LIBRARY, "_ext/**/*"))
    frame = Path(app.outdir) / FRAME_STAMP
    app.framed_by = fingerprint(app.srcdir, FRAME)
    if not frame.is_file() or frame.read_text().strip() != app.framed_by:
        shutil.rmtree(app.outdir, ignore_errors=True)
        frame.parent.mkdir(parents=True)
    app.built_from = fingerprint(app.srcdir, SOURCES)  # now: sources may change while we build
    cache = Path(app.srcdir) / CACHE
    for old in cache.glob("*"):
        if old.is_dir() and old.name != key[:16]:
            shutil.rmtree(old)
    config.nb_execution_cache_path = str(cache / key[:16])


def _delete_orphans(app):
    out = Path(app.outdir)
    wanted = {*app.env.found_docs, "search"}
    for page in out.rglob("*.html"):
        name = page.relative_to(out).with_suffix("").as_posix()
        if name not in wanted and not name.startswith(("_static/", "_modules/")):
            page.unlink()


def _finish(app, exception):
    out = Path(app.outdir)
    (out / FRAME_STAMP).write_text(app.framed_by + "\n", encoding="ascii")
    if exception or app._warncount:
        (out / STAMP).unlink(missing_ok=True)
        (Path(app.doctreedir) / "environment.pickle").unlink(missing_ok=True)
    elif app.builder.name == "html":
        _delete_orphans(app)
        (out / STAMP).write_text(app.built_from + "\n", encoding="ascii")


def setup(app):
    app.add_config_value("library_fingerprint", "", "env", [str])
    app.connect("config-inited", _key_the_cache)
    app.connect("build-finished", _finish)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    sys.exit(0 if is_fresh(Path(__file__).resolve().parents[1]) else 1)
