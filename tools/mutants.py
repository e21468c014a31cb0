"""Change the library's formulas one token at a time, and list the changes that no test notices.

``make mutants`` runs it (mutmut does the work, in a copy under .make/mutants), and
``make mutants MODULES="gaussian fdivergence" JOBS=1`` a part of it, in one process. A change that
no test notices is a gap in the tests, or changes nothing: `benchmarks/mutants.md` lists those that
change nothing, and why.
"""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COPY = ROOT / ".make" / "mutants"
LIST = ROOT / "benchmarks" / "mutants.md"
# A failing law of Hypothesis may take longer than mutmut waits: it looks for a simple example.
NOTICED = ("killed", "timeout")


def copy_of_the_project() -> None:
    """The tracked and the new files, in an empty folder."""
    shutil.rmtree(COPY, ignore_errors=True)
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (COPY / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, COPY / name)


def mutmut(*arguments: str) -> str:
    """What a command of mutmut prints."""
    # One thread for each worker.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "mutmut", *arguments]
    done = subprocess.run(command, cwd=COPY, capture_output=True, text=True, env=environment)
    if done.returncode:
        sys.exit(f"mutmut {' '.join(arguments)} failed:\n{done.stdout[-3000:]}\n{done.stderr}")
    return done.stdout


def change(mutant: str) -> str:
    """A mutant on one line: the function, the lines removed, the lines added."""
    diff = mutmut("show", mutant).splitlines()
    lines = [" ".join(line.split()) for line in diff if re.match(r"[-+](?![-+])", line)]
    # kllib.fdivergence.renyi.x_renyi_divergence__mutmut_3, or for a method xǁClassǁmethod
    module, function = re.fullmatch(r"(.+)\.x[_ǁ](.+)__mutmut_\d+", mutant).groups()
    return f"{module}.{function.replace('ǁ', '.')}: {' '.join(lines)}"


def main() -> None:
    """Run the mutants of the modules named on the command line, or of all that are configured."""
    copy_of_the_project()
    jobs = os.environ.get("JOBS", "2")
    mutmut("run", "--max-children", jobs, *(f"kllib.{module}.*" for module in sys.argv[1:]))
    results = re.findall(r"((\S+)\.x\S+): (.+)", mutmut("results", "--all", "true"))
    results = [result for result in results if result[2] != "not checked"]
    explained = LIST.read_text(encoding="utf-8")
    unexplained = 0
    for module in dict.fromkeys(module for _, module, _ in results):
        counts = Counter(status for _, of, status in results if of == module)
        noticed = sum(counts[status] for status in NOTICED)
        print(f"{module}: {noticed} of {counts.total()} noticed", dict(counts))
        for mutant, of, status in results:
            if of == module and status not in NOTICED:
                text = change(mutant)
                listed = f"`{text}`" in explained
                unexplained += not listed
                print(f"  {status}{' (listed)' if listed else ''}: `{text}`")
    print(f"{unexplained} not noticed and not listed in {LIST.relative_to(ROOT)}")
    sys.exit(unexplained > 0)


if __name__ == "__main__":
    main()
