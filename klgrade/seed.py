"""The secret that draws hidden cases: made once for a course, then kept."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from kllib.checks.seeds import GRADING_SEED

#: Another place for the secret than FILE in the course's folder.
SEED_FILE = "KLLIB_GRADING_SEED_FILE"
FILE = ".grading-seed"


def grading_seed(course: Path) -> str:
    """The course's secret, from the environment or from its file, which is made if need be.

    Raises
    ------
    ValueError
        If the file is there and empty: a new secret would silently change every grade.
    """
    if secret := os.environ.get(GRADING_SEED, "").strip():
        return secret
    file = Path(os.environ.get(SEED_FILE) or course / FILE)
    try:
        # Exclusive, so that of two gradings started at once both use the first one's secret.
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        secret = file.read_text(encoding="utf-8").strip()
        if not secret:
            raise ValueError(f"{file} is empty: restore it, or delete it for a new seed") from None
        return secret
    secret = secrets.token_hex(16)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(secret + "\n")
    return secret
