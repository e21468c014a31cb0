"""What a newcomer finds: a lock that installs anywhere, targets that exist, no private traces."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOP_LEVEL = [
    "README.md",
    "_config.yml",
    "_toc.yml",
    "chapters",
    "exercises",
    "solutions",
    "kllib",
    "tests",
    "Makefile",
    "pyproject.toml",
    "requirements.lock",
    "nbgrader_config.py",
    "references.bib",
    "LICENSE",
    "CITATION.cff",
]


def tracked():
    """Git's list of files; in an unpacked archive without git, every file outside build folders."""
    done = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if done.returncode == 0:
        return [ROOT / name for name in done.stdout.splitlines() if (ROOT / name).is_file()]
    left_out = {".venv", "_build", "node_modules", ".make"}
    return [p for p in ROOT.rglob("*") if p.is_file() and not left_out & set(p.parts)]


def text_of(path):
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


@pytest.mark.parametrize("name", TOP_LEVEL)
def test_the_top_level(name):
    assert (ROOT / name).exists()


def test_every_locked_package_has_a_version_and_a_hash():
    lock = text_of(ROOT / "requirements.lock")
    entries = re.split(r"\n(?=[A-Za-z0-9])", lock.strip())
    assert len(entries) > 50
    for entry in entries:
        assert re.match(r"[\w.-]+(\[\w+\])?==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry.split()[0]


def test_the_lock_holds_every_package_asked_for():
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    extras = project["optional-dependencies"]
    asked = list(project["dependencies"])
    # What only `benchmarks` and `make mutants` need stays out of the lock.
    apart = {"peers", "mutants"}
    asked += [name for extra in extras if extra not in apart for name in extras[extra]]
    names = {re.match(r"[\w-]+", word)[0].lower() for word in asked} - {"kllib"}
    locked = set(re.findall(r"^([\w.-]+)==", text_of(ROOT / "requirements.lock"), flags=re.M))
    assert names <= locked, f"make lock: {sorted(names - locked)} is not in requirements.lock"


def test_no_registry_address_and_no_private_path():
    """A lock or a note that names one machine's registry or folders fails on every other."""
    registry = (
        r"(?:files\.)?pythonhosted\.org|pypi\.org/simple|registry\.npmjs\.org|index-url[= ]+h"
    )
    folder = r"(?<![\w.])/(?:root|home/\w+|Users/\w+)/|[A-Z]:\\Users\\"
    for path in tracked():
        if path == Path(__file__).resolve():
            continue
        found = re.search(f"{registry}|{folder}", text_of(path))
        assert not found, f"{path.relative_to(ROOT)} names {found.group()!r}"


def targets():
    return set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), flags=re.M))


def test_help_lists_every_target_and_no_other():
    listed = set(re.findall(r'echo "make ([a-z-]+)  ', text_of(ROOT / "Makefile")))
    assert listed == targets() - {"help"}


def test_pages_name_only_targets_that_exist():
    documents = [p for p in tracked() if p.suffix in {".md", ".yml", ".ipynb"} or p.name == "run"]
    assert documents
    for path in documents:
        for target in re.findall(r"(?<=[`\s])make ([a-z]+(?:-[a-z]+)*)(?=[`\n\"])", text_of(path)):
            assert target in targets(), f"{path.relative_to(ROOT)} says `make {target}`"


def test_continuous_integration_calls_the_readmes_command():
    script = text_of(ROOT / ".ci" / "run")
    assert "make test" in script
    assert "pytest" not in script


def test_workflows_name_only_files_that_exist():
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        for name in re.findall(r"\b(?:tests|tools)/[\w./]+\.py", text_of(path)):
            assert (ROOT / name).is_file(), f"{path.name} names {name}"
