"""Settings of every pytest run: how nbval compares stored notebooks with fresh runs."""

from __future__ import annotations

import os

# A python3 kernel that some user installed elsewhere must not replace this environment's.
os.environ.setdefault("JUPYTER_PREFER_ENV_PATH", "1")

from nbval import plugin as nbval

_start = nbval.IPyNbFile.__init__


def _start_without_images(self, *args, **kwargs):
    """Notebooks store a picture's alt text, never the picture, so only the text is compared."""
    _start(self, *args, **kwargs)
    self.skip_compare += ("image/svg+xml",)


nbval.IPyNbFile.__init__ = _start_without_images
