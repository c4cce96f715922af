"""What comes back through a use of a value that a gradient leaves out: ``… + dv @ Wv.T``."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from backproof.finding import Finding
from backproof.repair.candidate import Change, Code, is_atomic
from backproof.repair.offers import sizes
from backproof.repair.sums import GRADIENT

_USE = re.compile(r"comes back (?:to `([^`]+)` )?through `([^`]+)`")
#: Gradients that are looked at.
MOST_GRADIENTS = 12


def through(
    code: Code, root: ast.expr, finding: Finding, values: list[str]
) -> Iterator[Change]:  # fmt: skip
    """Yield the term that is missing by the use that the diagnosis names."""
    found = _USE.search(f"{finding.title} {finding.message}")
    if found is None:
        return
    name, text = found.groups()
    try:
        use = ast.parse(text, mode="eval").body
    except SyntaxError:
        return
    around = code.function_of(root)
    results = code.once(_results).get(ast.unparse(use), ())
    reads = [n.id for n in ast.walk(around) if isinstance(n, ast.Name)]

    def rank(value: str) -> tuple[bool, bool, bool]:
        # The gradient of the result by its name; else one that nothing reads, for it is for this.
        named = any(value.lower().endswith(result.lower()) for result in results)
        return not named, not value.isidentifier(), reads.count(value) > 1

    gradients = sorted((value for value in values if GRADIENT.match(value)), key=rank)
    for one in gradients[:MOST_GRADIENTS]:
        for number, term in enumerate(_terms(code, use, name, one, around)):
            sign = "" if term.startswith("-") else "+ "
            shown = f"- {term[1:]}" if term.startswith("-") else f"{sign}{term}"
            yield root, f"{code.text(root)} {shown}", "missing-term", 0.5 + 0.01 * number


def _terms(
    code: Code, use: ast.expr, name: str | None, gradient: str, around: ast.AST
) -> Iterator[str]:
    """Yield what a gradient of the result of a use gives back to what is used."""
    sides = _sides(use)
    if sides is not None:
        kind, left, right = sides
        for own, other, turned in ((left, right, False), (right, left, True)):
            if name is not None and name in (left, right) and own != name:
                continue
            if kind == "@":
                bare = other[:-2] if other.endswith(".T") else f"{_closed(other)}.T"
                yield f"{bare} @ {gradient}" if turned else f"{gradient} @ {bare}"
            elif kind == "*":
                yield f"{gradient} * {_closed(other)}"
            elif kind in "+-":
                yield f"-{gradient}" if kind == "-" and turned else gradient
            elif kind == "/" and not turned:
                yield f"{gradient} / {_closed(other)}"
        return
    if not isinstance(use, ast.Call):
        return
    function = use.func
    called = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if called == "mean":
        for size in sizes(code, around):
            yield f"{gradient} / {size}"
    if called in ("sum", "mean"):
        yield gradient


def _sides(use: ast.expr) -> tuple[str, str, str] | None:
    """Return the sign and the operands of an operation; a product of matrices may be a call."""
    if isinstance(use, ast.BinOp):
        signs = {ast.MatMult: "@", ast.Mult: "*", ast.Div: "/", ast.Add: "+", ast.Sub: "-"}
        sign = signs.get(type(use.op))
        return None if sign is None else (sign, ast.unparse(use.left), ast.unparse(use.right))
    if not isinstance(use, ast.Call) or not isinstance(use.func, ast.Attribute):
        return None
    kind = {"dot": "@", "matmul": "@", "multiply": "*"}.get(use.func.attr)
    if kind is None:
        return None
    if len(use.args) == 1:
        return kind, ast.unparse(use.func.value), ast.unparse(use.args[0])
    return (kind, *map(ast.unparse, use.args)) if len(use.args) == 2 else None  # type: ignore[return-value]


def _results(code: Code) -> dict[str, list[str]]:
    """Return for each expression that is assigned what its value is called: the last word."""
    found: dict[str, list[str]] = {}
    for node in code.nodes:
        for target in node.targets if isinstance(node, ast.Assign) else ():
            assert isinstance(node, ast.Assign)
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=False))
            for one, value in pairs:
                words = re.findall(r"\w+", code.text(one))
                if words and not isinstance(one, ast.Tuple):
                    found.setdefault(ast.unparse(value), []).append(words[-1])
    return found


def _closed(text: str) -> str:
    return text if is_atomic(text) else f"({text})"
