"""Read from a notebook's code what it declares, and whether its claims are well formed.

The code is read, not run: an input is what stands in the source as a literal, so that no
computation can pass for one.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

CLAIM_OPTIONS = {"unit", "rtol"}
HELPERS = {"kllib.claims", "kllib.plotting"}  # they compute nothing


@dataclass(frozen=True)
class Input:
    label: str
    value: float


@dataclass
class Source:
    """What the code cells read so far declare; feed them in their order."""

    inputs: list[Input] = field(default_factory=list)
    claims: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    from_kllib: set[str] = field(default_factory=set)  # names whose values kllib computed

    def read(self, code: str) -> None:
        tree = ast.parse(code)
        self.inputs, self.claims, self.faults = [], [], []
        for statement in ast.walk(tree):
            self._follow(statement)
        for call in _calls(tree):
            match call.func.id:  # type: ignore[attr-defined]
                case "given":
                    self._read_given(call)
                case "quoted":
                    self._read_quoted(call)
                case "claim":
                    self._read_claim(call)

    def _read_given(self, call: ast.Call) -> None:
        if call.args:
            self.faults.append("given(...) takes names: given(p_heads=0.7)")
        for keyword in call.keywords:
            self._read_literal(keyword.arg or "**", keyword.value, "given")

    def _read_quoted(self, call: ast.Call) -> None:
        source = next((k.value for k in call.keywords if k.arg == "source"), None)
        if not (isinstance(source, ast.Constant) and isinstance(source.value, str)):
            self.faults.append(
                'quoted(...) needs source="..." as a literal: who published it, where'
            )
        for value in call.args[:1]:
            self._read_literal("quoted", value, "quoted")

    def _read_literal(self, label: str, node: ast.expr, function: str) -> None:
        values = list(_literal(node))
        if None in values:
            self.faults.append(
                f"{function}({ast.unparse(node)}): an input is a literal. A computed number "
                "is proved with claim(...)."
            )
        else:
            self.inputs += [Input(f"input {label}", value) for value in values if value is not None]

    def _read_claim(self, call: ast.Call) -> None:
        names = [a.value for a in call.args if isinstance(a, ast.Constant)]
        if len(call.args) != 1 or not names or not isinstance(names[0], str):
            self.faults.append("claim(...) starts with its name, a string literal without braces")
            return
        name = names[0]
        self.claims.append(name)
        for keyword in call.keywords:
            if keyword.arg is None:
                self.faults.append(f"claim '{name}': write its routes out, not as **...")
            elif keyword.arg not in CLAIM_OPTIONS and keyword.arg != "kllib":
                self._read_route(name, keyword.arg, keyword.value)

    def _read_route(self, name: str, label: str, route: ast.expr) -> None:
        body = route.body if isinstance(route, ast.Lambda) else None
        if body is not None and (isinstance(body, ast.Name) or None not in list(_literal(body))):
            self.faults.append(
                f"claim '{name}': route '{label}' computes nothing, it repeats "
                f"`{ast.unparse(body)}`. Write out how the number comes about."
            )
        borrowed = sorted(_loaded(route) & self.from_kllib)
        if borrowed:
            self.faults.append(
                f"claim '{name}': route '{label}' uses {', '.join(borrowed)}, which kllib made. "
                "Compute it without kllib."
            )

    def _follow(self, statement: ast.AST) -> None:
        """Remember which names hold what kllib computed."""
        if isinstance(statement, ast.ImportFrom) and statement.module not in HELPERS:
            if (statement.module or "").split(".")[0] == "kllib":
                self.from_kllib |= {alias.asname or alias.name for alias in statement.names}
        elif isinstance(statement, ast.Import):
            self.from_kllib |= {
                (alias.asname or "kllib")
                for alias in statement.names
                if alias.name.split(".")[0] == "kllib" and alias.name not in HELPERS
            }
        else:
            value, targets = _assignment(statement)
            if value is None:
                return
            names = {
                node.id
                for target in targets
                for node in ast.walk(target)
                if isinstance(node, ast.Name)
            }
            if _loaded(value) & self.from_kllib:
                self.from_kllib |= names
            elif not isinstance(statement, ast.AugAssign):
                self.from_kllib -= names


def _assignment(node: ast.AST) -> tuple[ast.expr | None, list[ast.expr]]:
    match node:
        case ast.Assign():
            return node.value, node.targets
        case ast.AnnAssign() | ast.AugAssign() | ast.NamedExpr():
            return node.value, [node.target]
        case ast.For() | ast.comprehension():
            return node.iter, [node.target]
    return None, []


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in {"given", "quoted", "claim"}
        ):
            yield node


def _literal(node: ast.expr) -> Iterator[float | None]:
    """The numbers of a literal, or a None among them if it is something else."""
    match node:
        case ast.Constant(value=bool()):
            yield None
        case ast.Constant(value=int() | float() as value):
            yield float(value)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            yield from (None if value is None else -value for value in _literal(operand))
        case ast.BinOp(
            op=ast.Div(),
            left=ast.Constant(value=int() | float() as left),
            right=ast.Constant(value=int() | float() as right),
        ):
            yield left / right
        case ast.List(elts=entries) | ast.Tuple(elts=entries):
            for entry in entries:
                yield from _literal(entry)
        case _:
            yield None


def _loaded(node: ast.AST) -> set[str]:
    """The names an expression uses; what claim(...) returns is proved, so it is left out."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "claim":
        return set()
    names = {node.id} if isinstance(node, ast.Name) else set()
    return names.union(*map(_loaded, ast.iter_child_nodes(node)))
