"""Keep caches honest: nothing that a cache remembers may hide that a page has rotted.

* The notebooks' execution cache lives in a folder named after a key: the lock file, the library,
  the Python version. A new key means an empty cache, and every page is read anew.
* Pages whose source is gone are deleted from the site, so that nobody deploys them.
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
LIBRARY = ("requirements.lock", "kllib/**/*.py")
SOURCES = (
    *LIBRARY,
    "package-lock.json",
    "_config.yml",
    "_toc.yml",
    "references.bib",
    "index.md",
    "chapters/*.md",
    "chapters/*.ipynb",
    "_ext/**/*.py",
    "_static/**/*",
)


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
    config.library_fingerprint = key  # "env": a change makes Sphinx read every page again
    app.built_from = fingerprint(app.srcdir, SOURCES)  # now: sources may change while we build
    cache = Path(app.srcdir) / CACHE
    for old in cache.glob("*"):
        if old.is_dir() and old.name != key[:16]:
            shutil.rmtree(old)
    config.nb_execution_cache_path = str(cache / key[:16])


def _delete_orphans(app):
    env, out = app.env, Path(app.outdir)
    modules = {name for name, entry in getattr(env, "_viewcode_modules", {}).items() if entry}
    wanted = {*env.found_docs, "search", "_modules/index"}
    wanted |= {f"_modules/{name.replace('.', '/')}" for name in modules}
    for page in out.rglob("*.html"):
        name = page.relative_to(out).with_suffix("").as_posix()
        if name not in wanted and not name.startswith("_static/"):
            page.unlink()


def _finish(app, exception):
    stamp = Path(app.outdir) / STAMP
    if exception or app._warncount:
        stamp.unlink(missing_ok=True)
        (Path(app.doctreedir) / "environment.pickle").unlink(missing_ok=True)
    elif app.builder.name == "html":
        _delete_orphans(app)
        stamp.write_text(app.built_from + "\n", encoding="ascii")


def setup(app):
    app.add_config_value("library_fingerprint", "", "env", [str])
    app.connect("config-inited", _key_the_cache)
    app.connect("build-finished", _finish)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    sys.exit(0 if is_fresh(Path(__file__).resolve().parents[1]) else 1)
