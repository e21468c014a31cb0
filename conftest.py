"""Settings of every pytest run: what Hypothesis draws, how stored notebooks are compared."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

# A python3 kernel that some user installed elsewhere must not replace this environment's.
os.environ.setdefault("JUPYTER_PREFER_ENV_PATH", "1")
# One worker per core: more threads in each would only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from nbval import plugin as nbval

# The laws: the same examples in every run, fewer of them in `make check` (COURSE_HYPOTHESIS=quick).
# COURSE_HYPOTHESIS=search draws new ones, and more.
SLOW_MACHINE = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
SAME = {**SLOW_MACHINE, "derandomize": True, "database": None, "print_blob": False}
settings.register_profile("quick", **SAME, max_examples=10)
settings.register_profile("course", **SAME, max_examples=60)
settings.register_profile(
    "search", **SLOW_MACHINE, derandomize=False, database=None, max_examples=300, print_blob=True
)
settings.load_profile(os.environ.get("COURSE_HYPOTHESIS", "course"))
if settings.get_current_profile_name() != "search":
    # Among its own examples Hypothesis mixes the constants it reads in the project's modules loaded
    # so far: what is drawn would depend on the tests that a worker ran before, and on every
    # constant in kllib. It has no setting against it. tests/house/test_examples.py shows both.
    providers._get_local_constants = providers.Constants


_start = nbval.IPyNbFile.__init__


def _start_without_images(self, *args, **kwargs):
    """Notebooks store a picture's alt text, never the picture, so only the text is compared."""
    _start(self, *args, **kwargs)
    self.skip_compare += ("image/svg+xml",)


nbval.IPyNbFile.__init__ = _start_without_images


# The longest first, so that no worker is left alone with one of them at the end.
_FIRST = ("tests/grading/", "tests/site/", "tests/notebooks/", "chapters/", "solutions/")


def pytest_collection_modifyitems(items):
    def place(item):
        return next((n for n, start in enumerate(_FIRST) if item.nodeid.startswith(start)), 9)

    items.sort(key=place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """A file's tests on one worker (a notebook's cells share a kernel), but spread long files."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFileAndPage(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            if "::test_second_route[" in nodeid:  # a module of kllib at a time
                return nodeid.split(".py::")[1].split(".")[0]
            return nodeid if "::test_page[" in nodeid else nodeid.split("::")[0]

    return ByFileAndPage(config, log)
