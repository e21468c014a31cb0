"""Find the system programs that the proofs need, and install them where that is allowed.

    python tools/system_packages.py

Only ``make test`` needs any: a Chromium or Chrome to open the built pages. Installation
is by Debian's or Ubuntu's own package manager, as root or through password-less sudo;
anywhere else the one command to run is printed and the exit status is 1.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER_APPS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)


def find_browser() -> str | None:
    """The Chromium to use: ``$CHROMIUM``, else the first on PATH, else a macOS application."""
    chosen = os.environ.get("CHROMIUM")
    if chosen:
        return chosen if Path(chosen).exists() else shutil.which(chosen)
    for name in BROWSERS:
        found = shutil.which(name)
        if found:
            return found
    return next((path for path in BROWSER_APPS if Path(path).exists()), None)


def install_command() -> list[str]:
    if sys.platform == "darwin":
        return ["brew", "install", "--cask", "google-chrome"]
    if shutil.which("apt-get"):
        return ["apt-get", "install", "--yes", "chromium"]
    return ["your package manager:", "install", "chromium"]


def may_install() -> list[str] | None:
    """The prefix under which apt-get may run without asking anybody, or None."""
    if not shutil.which("apt-get"):
        return None
    if os.geteuid() == 0:
        return []
    asked = ["sudo", "--non-interactive"]
    if (
        shutil.which("sudo")
        and not subprocess.run([*asked, "true"], capture_output=True).returncode
    ):
        return asked
    return None


def main() -> int:
    if find_browser():
        return 0
    prefix = may_install()
    if prefix is not None:
        print("installing chromium for the browser tests (system package) …", flush=True)
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        command = install_command()
        for step in (["apt-get", "update", "--quiet", "--quiet"], command):
            subprocess.run([*prefix, *step], env=quiet, stdout=subprocess.DEVNULL, check=False)
        if find_browser():
            return 0
    sudo = "sudo " if prefix is None and sys.platform != "darwin" else ""
    print(
        "The tests open the built pages in Chromium or Chrome, and none was found.\n"
        f"Run this once, then again what you ran:\n\n    {sudo}{' '.join(install_command())}\n\n"
        "or set CHROMIUM to the path of one.",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
