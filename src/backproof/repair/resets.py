"""Sums that go on from step to step are set to zero where a step begins."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from backproof.repair.candidate import Candidate, Code, Statement, targets_of, value_of
from backproof.source import Edit, Span

#: Functions that reset gradients, and methods that list parameters, by their names.
RESETS = re.compile(r"zero|reset|clear")
PARAMETERS = re.compile(r"^_?(?:all_)?param(?:eter)?s$")
#: Loops that use an object.
MOST_LOOPS = 4


def resets(code: Code, statement: Statement) -> Iterator[Candidate]:
    """Set what a statement accumulates to zero at the top of the step."""
    for target in targets_of(statement):
        base = target
        names = [code.text(base)]
        while isinstance(base, ast.Subscript):
            base = base.value
            names.append(code.text(base))
        for name in dict.fromkeys(names):
            yield from _own_memory(code, name)
            yield from _reset(code, statement, name)
    yield from _at_the_top(code, statement)
    # ``dW += g`` where the sum was never meant to go on
    if isinstance(statement, ast.AugAssign):
        left, right = code.text(statement.target), code.text(statement.value)
        edit = Edit(code.span(statement), f"{left} = {right}")
        yield Candidate(code.file.path, (edit,), 1.2, "not-reset", code.span(statement))


def _reset(code: Code, statement: Statement, name: str) -> Iterator[Candidate]:
    tops: list[Statement] = [*code.loops_around(statement)]
    around = code.function_of(statement)
    if isinstance(around, ast.FunctionDef | ast.AsyncFunctionDef):
        tops.append(around)
    initial = [
        code.text(v) for s in code.statements()
        if isinstance(s, ast.Assign) and [code.text(t) for t in s.targets] == [name]
        and (v := value_of(s)) is not None
    ]  # fmt: skip
    ways = [f"{name} = {text}" for text in dict.fromkeys(initial) if "\n" not in text]
    ways += [f"{name} = np.zeros_like({name})", f"{name}[:] = 0", f"{name} = 0.0"]
    ways += [way for one in code.once(_objects).items() for way in _own_resets(code, *one)]
    ways += [f"{n.name}()" for n in code.tree.body
             if isinstance(n, ast.FunctionDef) and RESETS.search(n.name)]  # fmt: skip
    for top in tops:
        body: list[Statement] = top.body  # type: ignore[attr-defined]
        first = body[0]
        if _is_text(first) and len(body) > 1:
            first = body[1]
        place = code.span(first)
        if code.span(top).line == place.line:
            continue
        indent = " " * (place.column - 1)
        for number, way in enumerate(ways):
            edit = Edit(
                Span(place.line, place.column, place.line, place.column), f"{way}\n{indent}"
            )
            yield Candidate(code.file.path, (edit,), 1.0 + 0.05 * number, "not-reset", place)


def _own_memory(code: Code, name: str) -> Iterator[Candidate]:
    """Copy what an accumulator is set to: ``self.sums = self.zeros`` are one list from then on."""
    for node in code.nodes:
        if not isinstance(node, ast.Assign) or name not in map(code.text, node.targets):
            continue
        if not isinstance(node.value, ast.Name | ast.Attribute):
            continue
        value = code.text(node.value)
        ways = [f"copy.deepcopy({value})"] if "import copy" in code.file.text else []
        ways += [f"[part.copy() for part in {value}]", f"{value}.copy()"]
        ways += [f"{{key: part.copy() for key, part in {value}.items()}}"]
        for number, way in enumerate(ways):
            edit = Edit(code.span(node.value), way)
            price = 0.5 + 0.05 * number
            yield Candidate(code.file.path, (edit,), price, "not-reset", code.span(node))


def _at_the_top(code: Code, statement: Statement) -> Iterator[Candidate]:
    """Reset the gradients that objects keep at the top of a loop that uses the objects.

    By their own ``optimizer.zero_grad()``, else one by one: ``for p in model.parameters(): …``.
    """
    for rank, (name, kind) in enumerate(code.once(_objects).items()):
        used = [n for n in code.nodes if isinstance(n, ast.Name | ast.Attribute)
                and code.text(n) == name]  # fmt: skip
        loops = [loop for node in used for loop in code.loops_around(node)[::-1]]
        for number, loop in enumerate(list(dict.fromkeys(loops))[:MOST_LOOPS]):
            place = code.span(loop.body[0])
            if code.span(loop).line == place.line:
                continue
            indent = " " * (place.column - 1)
            top = Span(place.line, place.column, place.line, place.column)
            ways = [(0.7, way) for way in _own_resets(code, name, kind)]
            ways += [(0.9, way) for way in _one_by_one(code, statement, name, kind, indent)]
            for price, way in ways:
                price += 0.02 * rank + 0.01 * number
                edit = Edit(top, f"{way}\n{indent}")
                yield Candidate(code.file.path, (edit,), price, "not-reset", place)


def _own_resets(code: Code, name: str, kind: ast.ClassDef) -> list[str]:
    return [f"{name}.{method}()" for method in _methods(code, kind) if RESETS.search(method)]


def _one_by_one(
    code: Code, statement: Statement, name: str, kind: ast.ClassDef, indent: str
) -> Iterator[str]:
    """Yield loops over an object's parameters: ``p.grad = 0.0``."""
    lists = [method for method in _methods(code, kind) if PARAMETERS.search(method)]
    for target in targets_of(statement):
        base = target.value if isinstance(target, ast.Subscript) else target
        if isinstance(base, ast.Attribute):
            for method in lists:
                yield f"for p in {name}.{method}():\n{indent}    p.{base.attr} = 0.0"


def _methods(code: Code, kind: ast.ClassDef) -> list[str]:
    """Return the names of a class's methods, and of those that it inherits in its file."""
    own = [node.name for node in kind.body if isinstance(node, ast.FunctionDef)]
    bases = {code.text(base) for base in kind.bases}
    parents = [s for s in code.tree.body if isinstance(s, ast.ClassDef) and s.name in bases]
    inherited = [name for s in parents if s is not kind for name in _methods(code, s)]
    return list(dict.fromkeys([*own, *inherited]))


def _objects(code: Code) -> dict[str, ast.ClassDef]:
    """Return the names that hold an object made of one of the module's classes, with these."""
    classes = {s.name: s for s in code.tree.body if isinstance(s, ast.ClassDef)}
    found: dict[str, ast.ClassDef] = {}
    for node in code.nodes:
        made = node.value if isinstance(node, ast.Assign) else None
        named = made.func if isinstance(made, ast.Call) else None
        if isinstance(node, ast.Assign) and isinstance(named, ast.Name) and named.id in classes:
            found |= {code.text(t): classes[named.id] for t in node.targets}
    return found


def _is_text(statement: Statement) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
