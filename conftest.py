"""Settings of every pytest run: how nbval compares stored notebooks with fresh runs."""

from __future__ import annotations

import os

import pytest

# A python3 kernel that some user installed elsewhere must not replace this environment's.
os.environ.setdefault("JUPYTER_PREFER_ENV_PATH", "1")

from nbval import plugin as nbval

_start = nbval.IPyNbFile.__init__


def _start_without_images(self, *args, **kwargs):
    """Notebooks store a picture's alt text, never the picture, so only the text is compared."""
    _start(self, *args, **kwargs)
    self.skip_compare += ("image/svg+xml",)


nbval.IPyNbFile.__init__ = _start_without_images


# The longest first, so that no worker is left alone with one of them at the end.
_FIRST = ("tests/grading/", "tests/site/", "tests/notebooks/", "chapters/", "solutions/")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Keep a file's tests on one worker (a notebook's cells share a kernel), but spread pages."""
    root = str(items[0].config.rootpath) + os.sep if items else ""

    def place(item):
        name = str(item.path).removeprefix(root)
        return next((n for n, start in enumerate(_FIRST) if name.startswith(start)), len(_FIRST))

    items.sort(key=place)
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(str(item.path).removeprefix(root)))
