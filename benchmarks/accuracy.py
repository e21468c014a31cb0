"""Worst relative error of every public function of kllib against its second route, and its peers'.

Run ``python -m benchmarks.accuracy``; ``--module renyi`` for one module alone. The inputs and the
second routes are in ``benchmarks/second_routes``, one file for each module of kllib.
"""

import argparse
import importlib.util
import warnings

import numpy as np

from benchmarks import peers
from benchmarks.second_routes import MODULES, exempt, routes
from benchmarks.second_routes.route import SMALLEST, Route, function_of


def second_routes(modules: list[str]) -> None:
    """One row per public function: worst error, the bound it is held to, inputs, route."""
    print(f"{'function':<34}{'worst error':>12}{'bound':>10}{'inputs':>8}   second route")
    for module in modules:
        print(f"\n{module}")
        for name, route in routes(module).items():
            error = route.worst(function_of(module, name))
            row = f"  {name:<32}{error:>12.1e}{route.bound:>10.0e}{len(route.inputs):>8}"
            print(f"{row}   {route.how}", flush=True)
        for name, reason in exempt(module).items():
            print(f"  {name:<32}{'':>30}   {reason}")


def beside_peers() -> None:
    """The functions that others have too: worst relative error by kind of input."""
    columns = {
        "textbook": peers.textbook(),
        "scipy entropy": peers.scipy_entropy(),
        "scipy rel_entr": peers.scipy_rel_entr(),
    }
    has_torch = importlib.util.find_spec("torch") is not None
    if has_torch:
        columns["torch distr."] = peers.torch_distributions()
        columns["torch kl_div"] = peers.torch_kl_div()
    print(f"{'function':<23}{'inputs':<18}", *(f"{x:>15}" for x in ("kllib", *columns)), sep="")
    for module in ("discrete", "gaussian"):
        for name, route in routes(module).items():
            kinds = dict.fromkeys(case.kind for case in route.inputs)
            for kind in kinds if name in columns["textbook"] else ():
                count = sum(case.kind == kind for case in route.inputs)
                print(f"{name:<23}{f'{count} {kind}':<18}", end="")
                formulas = [function_of(module, name), *(x.get(name) for x in columns.values())]
                for formula in formulas:
                    shown = f"{worst(route, kind, formula):.1e}" if formula else "-"
                    print(f"{shown:>15}", end="", flush=True)
                print()
    if not has_torch:
        print("\ntorch not installed: pip install -e .[peers]")


def worst(route: Route, kind: str, formula: peers.Formula) -> float:
    """The largest relative error over the cases of one kind whose true value is a normal float."""
    errors = []
    for case in route.inputs:
        if case.kind == kind and route.exact(case) >= SMALLEST:
            try:
                errors.append(route.error(lambda *args: float(formula(*args)), case))
            except (ValueError, RuntimeError):  # refused: as bad as a wrong value
                errors.append(np.inf)
    return max(errors)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--module", choices=MODULES, help="this module of kllib alone, no peers")
    module = parser.parse_args().module
    print("kllib against its second routes: worst relative error\n")
    second_routes([module] if module else MODULES)
    if not module:
        print("\nBeside its peers (nan or refused: inf)\n")
        beside_peers()


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # the peers divide by zero, which is what is measured
    np.seterr(all="ignore")
    main()
