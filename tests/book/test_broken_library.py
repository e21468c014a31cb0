"""Run the chapters with kllib broken: every claim that rests on kllib has to notice.

Each chapter is run once, in this process. At each claim its routes run twice, first with kllib as
it is and then with every public function slightly wrong. Figures are caught on the way, so that
the numbers written into them are checked like those of the text.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import inspect
import itertools
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
from matplotlib.figure import Figure
from matplotlib.text import Text

import kllib.claims
import kllib.plotting
from kllib.claims import ClaimError, read_records
from tools.published_numbers.page import Passage, read_page

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
MAKE_DISTRIBUTIONS = {"normalize", "smooth"}
HELPERS = ("kllib.claims", "kllib.plotting", "kllib.checks")


@dataclass
class Breakage:
    """How wrong every public function is: each call by another factor, so that nothing cancels."""

    size: float = 0.0  # 0 is intact
    calls: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def distort(self, name: str, result: Any) -> Any:
        if not self.size or result is None or isinstance(result, str | bool | np.bool_):
            return result
        if dataclasses.is_dataclass(result):
            return self.distort_fields(name, result)
        if isinstance(result, tuple | list):
            wrong = [self.distort(name, part) for part in result]
            return type(result)(*wrong) if hasattr(result, "_fields") else type(result)(wrong)
        if not np.issubdtype(np.asarray(result).dtype, np.number):
            return result
        return self.distort_number(name, result)

    def distort_fields(self, name: str, result: Any) -> Any:
        """A copy with every floating-point field wrong, past whatever its class would check."""
        wrong = copy.copy(result)
        for part in dataclasses.fields(result):
            value = getattr(result, part.name)
            if not isinstance(value, int):  # a count of steps is no result
                object.__setattr__(wrong, part.name, self.distort(name, value))
        return wrong

    def distort_number(self, name: str, result: Any) -> Any:
        error = self.size * next(self.calls)
        value = np.asarray(result, dtype=float)
        if name in MAKE_DISTRIBUTIONS:  # still a distribution, else validation would notice it
            share = min(error, 0.5)
            value = (1 - share) * value
            value[..., 0] += share
            return value
        finite = np.where(value == 0, error, value * (1 + error))
        wrong = np.where(np.isinf(value), 1 / error, finite)
        return wrong if wrong.ndim else float(wrong)


@dataclass
class Run:
    """What one run of a chapter showed."""

    claims: int = 0
    with_kllib: int = 0
    survivors: list[str] = field(default_factory=list)
    figures: list[tuple[int, str, list[str]]] = field(default_factory=list)


def public_functions() -> dict[str, Callable[..., Any]]:
    return {
        name: value
        for name in kllib.__all__
        if inspect.isfunction(value := getattr(kllib, name))
        and not value.__module__.startswith(HELPERS)
    }


def _breakable(name: str, function: Callable[..., Any], breakage: Breakage) -> Callable[..., Any]:
    @functools.wraps(function)
    def broken(*args: Any, **kwargs: Any) -> Any:
        return breakage.distort(name, function(*args, **kwargs))

    return broken


def public_methods() -> Iterator[tuple[type, str, Callable[..., Any]]]:
    """What an object of the library computes when asked: methods, and properties' getters."""
    for name in kllib.__all__:
        cls = getattr(kllib, name)
        if not inspect.isclass(cls) or cls.__module__.startswith(HELPERS):
            continue
        for attribute, value in vars(cls).items():
            method = value.fget if isinstance(value, property) else value
            if not attribute.startswith("_") and inspect.isfunction(method):
                yield cls, attribute, method


def make_breakable(monkeypatch: pytest.MonkeyPatch, breakage: Breakage) -> None:
    for cls, name, method in public_methods():
        broken = _breakable(name, method, breakage)
        is_property = isinstance(vars(cls)[name], property)
        monkeypatch.setattr(cls, name, property(broken) if is_property else broken)
    for name, function in public_functions().items():
        broken = _breakable(name, function, breakage)
        for module_name, module in list(sys.modules.items()):
            if module_name.split(".")[0] == "kllib" and getattr(module, name, None) is function:
                monkeypatch.setattr(module, name, broken)


def words_of(figure: Figure) -> list[str]:
    """What is written into a figure, the numbers along its axes excepted."""
    figure.draw_without_rendering()
    scales = {
        id(label)
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for label in [*axis.get_ticklabels(which="both"), axis.get_offset_text()]
    }
    texts = figure.findobj(Text)
    return [t.get_text() for t in texts if t.get_visible() and t.get_text() and id(t) not in scales]


def run_chapter(path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    run, breakage, real_claim = Run(), Breakage(), kllib.claims.claim
    cell_index = 0

    def claim(name: str, **options: Any) -> Any:
        value = real_claim(name, **options)
        run.claims += 1
        if "kllib" not in options:
            return value
        run.with_kllib += 1
        # A claim that is proved to fewer digits cannot notice less than that.
        for size in (1e-3, 0.3):
            breakage.size = size
            try:
                real_claim(name, **options)
            except (ClaimError, ValueError, ArithmeticError):  # or kllib refuses its own result
                break
            finally:
                breakage.size = 0.0
            if options.get("rtol", 1e-10) < 1e-4 and not any_estimate(options):
                run.survivors.append(name)
                break
        else:
            run.survivors.append(name)
        return value

    def any_estimate(options: dict[str, Any]) -> bool:
        routes = [route for label, route in options.items() if callable(route) and label != "kllib"]
        return any(isinstance(route(), tuple) for route in routes)

    def show(figure: Figure, *, alt: str) -> None:
        run.figures.append((cell_index, alt, words_of(figure)))

    make_breakable(monkeypatch, breakage)
    monkeypatch.setattr(kllib.claims, "claim", claim)
    monkeypatch.setattr(kllib.plotting, "show", show)
    monkeypatch.chdir(path.parent)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for cell_index, cell in enumerate(json.loads(path.read_text(encoding="utf-8"))["cells"]):
        if cell["cell_type"] == "code":
            code = compile("".join(cell["source"]), f"{path.name}, cell {cell_index + 1}", "exec")
            exec(code, namespace)
    return run


@pytest.fixture(scope="module", params=CHAPTERS, ids=lambda path: path.stem)
def chapter(request: pytest.FixtureRequest) -> Iterator[tuple[Path, Run]]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield request.param, run_chapter(request.param, monkeypatch)


@pytest.mark.slow
def test_every_claim_notices_a_broken_library(chapter: tuple[Path, Run]) -> None:
    path, run = chapter
    assert run.claims == len(read_page(path).claims), "some claims were not met"
    assert run.with_kllib, f"{path.stem}: no claim calls kllib"
    assert not run.survivors, (
        f"{path.stem}: with kllib slightly wrong these claims still hold: {run.survivors}. Their "
        "kllib route must be computed by kllib, and the other routes must say what it has to be."
    )


@pytest.mark.slow
def test_numbers_written_into_figures_are_published_numbers(chapter: tuple[Path, Run]) -> None:
    path, run = chapter
    page = read_page(path)
    failures = []
    for cell, _, words in run.figures:
        section = page.sections[page.section_of_cell[cell]]
        for text in words:
            failures += page.failures_in(Passage("figure", text, cell), section)
    assert run.figures, f"{path.stem} shows no figure"
    assert not failures, "\n\n".join(failures)


@pytest.mark.slow
def test_stored_alt_texts_are_those_of_the_figures(chapter: tuple[Path, Run]) -> None:
    """The alt text was read from the stored output; it must be what the code says today."""
    path, run = chapter
    page = read_page(path)
    stored = [
        (passage.cell, " ".join(passage.text.split()))
        for section in page.sections
        for passage in section.passages
        if passage.kind == "alt text"
    ]
    drawn = [(cell, " ".join(alt.split())) for cell, alt, _ in run.figures]
    assert stored == drawn, f"run tools/format_notebooks.py --run chapters/{path.name}"


def test_each_public_function_can_be_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The breakage reaches the functions that a notebook imports."""
    breakage = Breakage()
    make_breakable(monkeypatch, breakage)
    from kllib import kl_divergence, kl_normal
    from kllib.discrete import kl_divergence as the_same

    intact = kl_divergence([0.7, 0.3], [0.5, 0.5]), kl_normal(0, 1, 1, 1)
    breakage.size = 1e-3
    assert kl_divergence([0.7, 0.3], [0.5, 0.5]) != pytest.approx(intact[0], rel=1e-4)
    assert kl_normal(0, 1, 1, 1) != pytest.approx(intact[1], rel=1e-4)
    assert the_same is kl_divergence


def test_results_of_several_parts_and_methods_can_be_broken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    breakage = Breakage()
    make_breakable(monkeypatch, breakage)
    pair = scipy.stats.norm(0, 1), scipy.stats.laplace(0, 1)
    mixture = kllib.NormalMixture([0.5, 0.5], [-2, 2], [1, 1])
    value, density = kllib.kl_with_error(*pair).value, mixture.log_density([0.0])[0]
    breakage.size = 1e-3
    assert kllib.kl_with_error(*pair).value != pytest.approx(value, rel=1e-4)
    assert mixture.log_density([0.0])[0] != pytest.approx(density, rel=1e-4)


def test_a_claim_that_repeats_the_library_by_hand_notices(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    breakage = Breakage()
    make_breakable(monkeypatch, breakage)

    def coin() -> Any:
        return kllib.claims.claim(
            "coin",
            kllib=lambda: kllib.kl_divergence([0.75, 0.25], [0.5, 0.5], base=2),
            written_out=lambda: 0.75 * np.log2(1.5) - 0.25,
        )

    coin()
    assert read_records(capsys.readouterr().out)[0].name == "coin"
    breakage.size = 1e-3
    with pytest.raises(ClaimError, match="its routes disagree"):
        coin()
