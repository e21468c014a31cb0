"""Run the notebooks that the execution cache does not know, as many at a time as there are cores.

MyST-NB would run them one after the other while it reads the pages. Here they are run just before
and put into its cache, where it finds them. A notebook that fails is not put there: MyST-NB runs it
again and reports the error in its place.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.executors.utils import single_nb_execution
from sphinx.util import logging

logger = logging.getLogger(__name__)


def _unknown(app, cache, docnames):
    for name in docnames:
        path = Path(app.env.doc2path(name))
        if path.suffix != ".ipynb":
            continue
        # As MyST-NB will see it: other extensions may change a source when it is read, and the
        # cache knows a notebook by its code cells with their metadata.
        source = [path.read_text(encoding="utf-8")]
        app.emit("source-read", name, source)
        notebook = nbformat.reads(source[0], as_version=4)
        try:
            cache.match_cache_notebook(notebook)
        except KeyError:
            yield path, notebook


def _run_before_reading(app, env, docnames):
    if app.config.nb_execution_mode != "cache":
        return
    cache = get_cache(app.config.nb_execution_cache_path)
    todo = list(_unknown(app, cache, docnames))

    def run(job):
        path, notebook = job
        return single_nb_execution(
            notebook,
            cwd=str(path.parent),
            timeout=app.config.nb_execution_timeout,
            allow_errors=False,
        )

    with ThreadPoolExecutor(max(2, os.cpu_count() or 1)) as pool:
        for (path, _), result in zip(todo, pool.map(run, todo), strict=True):
            if result.err is None:
                record = CacheBundleIn(
                    result.nb, str(path), data={"execution_seconds": result.time}
                )
                cache.cache_notebook_bundle(record, check_validity=False, overwrite=True)
            else:
                logger.info("%s failed and will be run again", path)


def setup(app):
    app.connect("env-before-read-docs", _run_before_reading)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
