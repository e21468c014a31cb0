"""Imports run one way, and the library needs nothing but numpy and scipy."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Who may import whom inside kllib: a module may import from its own row or from rows above.
LAYERS = [
    {"kllib._numerics"},
    {"kllib.discrete", "kllib.gaussian", "kllib.logits", "kllib.mixture"},
    {"kllib.fdivergence", "kllib.families", "kllib.estimate"},
    {"kllib.geometry"},
    {
        "kllib.variational",
        "kllib.vae",
        "kllib.policy",
        "kllib.distillation",
        "kllib.generative",
        "kllib.monitoring",
    },
    {"kllib"},  # the package itself re-exports the layers above
    {"kllib.claims", "kllib.plotting"},
    {"kllib.checks"},
]
ALLOWED = {"numpy", "scipy", "kllib"}
# Drawing and displaying need more, and load it only when they are used.
ALLOWED_BESIDE = {
    "kllib.plotting": {"matplotlib", "IPython", "cycler"},
    "kllib.claims": set(),
}


def modules():
    for path in sorted((ROOT / "kllib").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imported(name, path):
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            whole = ".".join([*base, node.module] if node.module else base)
            yield from (
                f"{whole}.{alias.name}" if f"{whole}.{alias.name}" in NAMES else whole
                for alias in node.names
            )


MODULES = list(modules())
NAMES = {name for name, _ in MODULES}


def layer(name):
    while name:
        for number, row in enumerate(LAYERS):
            if name in row and (name != "kllib" or name in NAMES):
                return number
        name = name.rpartition(".")[0]
    raise AssertionError(name)


@pytest.mark.parametrize(("name", "path"), MODULES, ids=[name for name, _ in MODULES])
def test_arrows_run_one_way(name, path):
    for other in imported(name, path):
        if other.split(".")[0] == "kllib":
            assert layer(other) <= layer(name), f"{name} imports {other}, which stands above it"


@pytest.mark.parametrize(("name", "path"), MODULES, ids=[name for name, _ in MODULES])
def test_the_library_needs_numpy_and_scipy_only(name, path):
    roots = {other.split(".")[0] for other in imported(name, path)} - set(sys.stdlib_module_names)
    extra = roots - ALLOWED - ALLOWED_BESIDE.get(name, set())
    assert not extra, f"{name} imports {sorted(extra)}"


def test_nothing_imports_the_graders_tool():
    for name, path in MODULES:
        assert not any(other.split(".")[0] == "klgrade" for other in imported(name, path)), name


def test_importing_the_library_loads_no_drawing_and_no_notebook():
    code = "import kllib, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "kllib.discrete" in loaded
    assert not loaded & {"matplotlib", "IPython", "kllib.plotting", "kllib.checks", "kllib.claims"}


def test_importing_the_library_leaves_the_heavy_parts_of_scipy_for_when_they_are_used():
    code = (
        "import sys, numpy, scipy.special\nbefore = set(sys.modules)\nimport kllib\n"
        "print(sorted(m for m in set(sys.modules) - before if m.startswith(('scipy.', 'numpy.'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = ast.literal_eval(done.stdout)
    # scipy.special's own lazy parts and scipy's helpers are light; whole subpackages are not.
    heavy = {".".join(name.split(".")[:2]) for name in loaded} - {"scipy.special", "scipy._lib"}
    assert not {name for name in heavy if name.startswith("scipy.")}, loaded
