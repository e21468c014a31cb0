"""The one step of autograding that is ours: run the notebook as its author's, with the secret."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from nbclient.util import run_sync
from nbgrader.preprocessors import Execute as StockExecute

from klgrade.seed import grading_seed
from kllib.checks.seeds import GRADING_SEED, STUDENT_ID


class Execute(StockExecute):
    """Stock execution in a kernel whose environment names the submission's author.

    The notebook's own word for the author never counts, and the grading seed draws the hidden
    cases. The student's code runs in the same kernel and can read both, so that only notebooks
    that are trusted may be graded this way.
    """

    def preprocess(self, nb: Any, resources: Any, km: Any = None) -> Any:
        self.author = resources["nbgrader"]["student"]
        return super().preprocess(nb, resources, km)

    async def async_start_new_kernel(self, **kwargs: Any) -> None:
        environment = dict(kwargs.pop("env", None) or os.environ)
        environment[STUDENT_ID] = self.author
        environment[GRADING_SEED] = grading_seed(self._course())
        await super().async_start_new_kernel(env=environment, **kwargs)

    start_new_kernel = run_sync(async_start_new_kernel)

    def _course(self) -> Path:
        """The course's folder: where nbgrader was started, or what --course-dir says."""
        owner = self.parent
        while owner is not None:
            if (coursedir := getattr(owner, "coursedir", None)) is not None:
                return Path(coursedir.root)
            owner = owner.parent
        return Path.cwd()
