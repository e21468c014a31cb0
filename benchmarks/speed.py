"""Time and peak memory of kl_divergence and kl_from_logits beside their peers, on one thread.

Run ``python -m benchmarks.speed``, some three minutes and 3 GB; ``--quick`` for one minute. Every
task runs in a process of its own: what earlier tasks leave in the allocator changes the time of
those who allocate much. Within it the contenders take turns, in an order that changes: a busy
moment of the machine meets them alike, and a ratio is the median over the rounds of peer's time /
kllib's time.
"""

import argparse
import importlib.util
import multiprocessing
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from operator import truediv
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.special
import scipy.stats

import kllib
from kllib.logits import kl_from_logits

Call = Callable[[], Any]
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS")}
HAS_TORCH = importlib.util.find_spec("torch") is not None
HAS_DIT = importlib.util.find_spec("dit") is not None
PEERS = ("scipy entropy", "rel_entr", "torch distr.", "torch kl_div", "dit")
LIMIT = "limit"
COLUMNS = ("kllib", *PEERS, LIMIT)
MEMORY_FROM = 5_000_000  # entries: smaller arrays come from memory that the process kept
DIT_UP_TO = 100  # at 1000 one call takes seconds, and making the distributions minutes


class Task(NamedTuple):
    """One pair of arguments; far apart, or near each other."""

    shape: tuple[int, ...]
    near: bool
    logits: bool = False

    @property
    def entries(self) -> int:
        return int(np.prod(self.shape))

    def __str__(self) -> str:
        size = " x ".join(f"{n:,}" for n in self.shape)
        return f"{'logits ' if self.logits else ''}{size}, {'near' if self.near else 'far'}"

    def calls(self) -> dict[str, Call]:
        """The contenders, as functions without arguments."""
        rng = np.random.default_rng(1)
        if self.logits:  # next-token distributions: unrelated, or a student near its teacher
            p = rng.standard_normal(self.shape)
            q = rng.standard_normal(self.shape)
            return _of_logits(p, p + 1e-3 * q if self.near else q)
        p = rng.dirichlet(np.ones(self.shape[-1]), self.shape[:-1] or None)
        q = rng.dirichlet(np.ones(self.shape[-1]), self.shape[:-1] or None)
        if self.near:
            q = p * (1 + 1e-3 * (2 * rng.random(self.shape) - 1))
            q /= q.sum(axis=-1, keepdims=True)
        return _of_probabilities(p, q)


def tasks(quick: bool) -> Iterator[Task]:
    """Sizes 10 to 10⁷, a batch of distributions, a batch of logits."""
    shapes = [(10**k,) for k in range(1, 6 if quick else 8)]
    for shape in [*shapes, (1000 if quick else 10_000, 1000)]:
        yield from (Task(shape, near) for near in (False, True))
    shape = (32 if quick else 512, 50_000)
    yield from (Task(shape, near, logits=True) for near in (False, True))


def _of_probabilities(p: np.ndarray, q: np.ndarray) -> dict[str, Call]:
    calls: dict[str, Call] = {
        "kllib": lambda: kllib.kl_divergence(p, q),
        "scipy entropy": lambda: scipy.stats.entropy(p, q, axis=-1),
        "rel_entr": lambda: scipy.special.rel_entr(p, q).sum(axis=-1),
        LIMIT: partial(_in_cache, np.log, p, 1),
    }
    if HAS_TORCH:
        calls |= _torch_of_probabilities(p, q)
    if HAS_DIT and p.ndim == 1 and p.size <= DIT_UP_TO:
        calls["dit"] = _dit(p, q)
    return calls


def _torch_of_probabilities(p: np.ndarray, q: np.ndarray) -> dict[str, Call]:
    import torch
    from torch.distributions import Categorical, kl_divergence
    from torch.nn.functional import kl_div

    def distributions() -> Any:
        first, second = (Categorical(probs=torch.from_numpy(x)) for x in (p, q))
        return kl_divergence(first, second).numpy()

    def functional() -> Any:
        log_q = torch.from_numpy(q).log()
        return kl_div(log_q, torch.from_numpy(p), reduction="none").sum(dim=-1).numpy()

    return {"torch distr.": distributions, "torch kl_div": functional}


def _dit(p: np.ndarray, q: np.ndarray) -> Call:
    """Its distributions are made beforehand, which takes longer than the divergence."""
    from dit import Distribution
    from dit.divergences import kullback_leibler_divergence

    names = [(i,) for i in range(p.size)]
    first, second = Distribution(names, p), Distribution(names, q)
    return lambda: kullback_leibler_divergence(first, second)


def _of_logits(p: np.ndarray, q: np.ndarray) -> dict[str, Call]:
    def by_scipy() -> Any:
        first, second = (scipy.special.softmax(x, axis=-1) for x in (p, q))
        return scipy.stats.entropy(first, second, axis=-1)

    def by_rel_entr() -> Any:
        first, second = (scipy.special.softmax(x, axis=-1) for x in (p, q))
        return scipy.special.rel_entr(first, second).sum(axis=-1)

    calls: dict[str, Call] = {
        "kllib": lambda: kl_from_logits(p, q),
        "scipy entropy": by_scipy,
        "rel_entr": by_rel_entr,
        LIMIT: partial(_in_cache, np.exp, p, 2),
    }
    if HAS_TORCH:
        calls |= _torch_of_logits(p, q)
    return calls


def _torch_of_logits(p: np.ndarray, q: np.ndarray) -> dict[str, Call]:
    import torch
    from torch.distributions import Categorical, kl_divergence
    from torch.nn.functional import kl_div, log_softmax

    def distributions() -> Any:
        first, second = (Categorical(logits=torch.from_numpy(x)) for x in (p, q))
        return kl_divergence(first, second).numpy()

    def functional() -> Any:
        log_p, log_q = (log_softmax(torch.from_numpy(x), dim=-1) for x in (p, q))
        return kl_div(log_q, log_p, reduction="none", log_target=True).sum(dim=-1).numpy()

    return {"torch distr.": distributions, "torch kl_div": functional}


def _in_cache(function: np.ufunc, x: np.ndarray, times: int) -> None:
    """The function of as many entries as x has, all of them in the cache of the processor."""
    block = x.ravel()[:10_000].copy()
    target = np.empty_like(block)
    whole, rest = divmod(times * x.size, block.size)
    for _ in range(whole):
        function(block, out=target)
    function(block[:rest], out=target[:rest])


def times_of(calls: dict[str, Call], seconds: float) -> dict[str, list[float]]:
    """Processor seconds per call of each contender, one for each round."""
    for call in calls.values():
        call()  # what is loaded at the first call does not count
    once = {name: _seconds(call, 1) for name, call in calls.items()}
    # Calls so short that the clock would count are made several at a time.
    number = {name: max(1, int(5e-4 / least)) for name, least in once.items()}
    rounds = max(3, min(100, int(seconds / sum(number[n] * once[n] for n in once))))
    times: dict[str, list[float]] = {name: [] for name in calls}
    # In an order that changes: who comes after dit finds nothing of its own left in the caches.
    order, shuffle = list(calls), random.Random(1).shuffle
    for _ in range(rounds):
        shuffle(order)
        for name in order:
            times[name].append(_seconds(calls[name], number[name]))
    return times


def _seconds(call: Call, number: int) -> float:
    start = time.process_time()  # of this process alone, however busy the machine
    for _ in range(number):
        call()
    return (time.process_time() - start) / number


def peak_memory(call: Call) -> float | None:
    """MiB by which one call raises the peak of the process; None where the system does not say."""
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    try:
        reset.write_text("5")  # the peak starts again from what is in use
    except OSError:
        return None

    def read(field: str) -> int:
        return int(status.read_text().split(f"{field}:")[1].split()[0])

    before = read("VmRSS")
    call()
    return max(0.0, (read("VmHWM") - before) / 1024)


def traced_memory(call: Call) -> float:
    """MiB that one call of numpy code has in use at its peak, to the byte."""
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def report(task: Task, seconds: float) -> None:
    """A line of nanoseconds per entry, one of ratios, and where it matters one of memory."""
    if HAS_TORCH:
        import torch

        torch.set_num_threads(1)
    calls = task.calls()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        times = times_of(calls, seconds)

    def line(title: str, cells: dict[str, str]) -> None:
        print(f"{title:<26}", *(f"{cells.get(c, _absent(c)):>14}" for c in COLUMNS), sep="")

    def each(value: Callable[[list[float]], float], unit: str = "") -> dict[str, str]:
        return {name: f"{value(measured):.2f}{unit}" for name, measured in times.items()}

    per_entry, own = 1e9 / task.entries, times["kllib"]
    line(str(task), each(lambda t: min(t) * per_entry))
    line("  median", each(lambda t: statistics.median(t) * per_entry))
    line("  ratio", each(lambda t: statistics.median(map(truediv, t, own)), " x"))
    if task.entries >= MEMORY_FROM:
        peaks = {name: peak_memory(call) for name, call in calls.items() if name != LIMIT}
        line("  peak memory", {n: "-" if x is None else f"{x:.1f} MiB" for n, x in peaks.items()})
        line("  traced", {"kllib": f"{traced_memory(calls['kllib']):.2f} MiB"})
    sys.stdout.flush()


def _absent(column: str) -> str:
    missing = ("torch" in column and not HAS_TORCH) or (column == "dit" and not HAS_DIT)
    return "absent" if missing else "-"


def import_seconds() -> tuple[float, float]:
    """Processor time of ``import kllib`` once numpy and scipy.special are there.

    The first time after an installation, when Python compiles it, and the median of five later.
    """
    code = (
        "import time, numpy, scipy.special; start = time.process_time(); import kllib; "
        "print(time.process_time() - start)"
    )
    with tempfile.TemporaryDirectory() as compiled:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # or each import would compile anew
        command = [sys.executable, "-c", code]
        run = partial(subprocess.run, command, env=environment, capture_output=True, check=True)
        first, *later = (float(run().stdout) for _ in range(6))
    return first, statistics.median(later)


def machine() -> str:
    """Processor, its vector instructions, and versions."""
    model, flags = platform.processor() or platform.machine(), "unknown"
    with_proc = Path("/proc/cpuinfo")
    if with_proc.exists():
        fields = dict(
            line.split(":", 1) for line in with_proc.read_text().splitlines() if ":" in line
        )
        fields = {key.strip(): value.strip() for key, value in fields.items()}
        model, flags = fields.get("model name", model), fields.get("flags", "")
        flags = " ".join(f for f in flags.split() if f.startswith(("sse4", "avx", "fma")))
    packages = ["numpy", "scipy", *["torch"] * HAS_TORCH, *["dit"] * HAS_DIT]
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return f"{model}; {flags or 'no vector flags'}\nPython {platform.python_version()}, {versions}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes and few rounds")
    quick = parser.parse_args().quick
    print(machine(), "one thread\n", sep="\n")
    first, later = import_seconds()
    print(f"import kllib, on top of numpy and scipy.special: {later:.3f} s; the first, which")
    print(f"compiles it, {first:.3f} s\n")
    print("Nanoseconds per entry: the fastest round, the median of all, and the ratio to kllib.")
    print("limit: one np.log of as many entries, in cache; for logits np.exp of both arguments.\n")
    print(f"{'':<26}", *(f"{c:>14}" for c in COLUMNS), sep="", flush=True)
    for task in tasks(quick):
        child = multiprocessing.get_context("spawn").Process(
            target=report, args=(task, 1.0 if quick else 3.0)
        )
        child.start()
        child.join()
        if child.exitcode:
            sys.exit(child.exitcode)
    if not (HAS_TORCH and HAS_DIT):
        print("\nabsent: pip install -e .[peers]")


if __name__ == "__main__":
    if ONE_THREAD.items() <= os.environ.items():
        main()
    else:  # the number of threads is fixed when the libraries load: start again
        command = [sys.executable, "-m", "benchmarks.speed", *sys.argv[1:]]
        sys.exit(subprocess.run(command, env={**os.environ, **ONE_THREAD}).returncode)
