"""What is computed and nobody keeps: ``update(params, grads)`` without ``params =``, a loop's last.

``dh_prev = W.T @ da`` at the end of a loop that reads `dh_next` at its top hands nothing back.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from backproof.repair.candidate import Candidate, Code, Statement, targets_of, value_of
from backproof.repair.names import likeness
from backproof.source import Edit


def kept(code: Code, statement: Statement) -> Iterator[Candidate]:
    """Give a call's result the names of what it is passed: ``params = update(params, grads)``."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(call, ast.Call) or not call.args:
        return
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    passed = [code.text(a) for a in call.args]
    names = {passed[0]}
    for function in ast.walk(code.tree):
        if not isinstance(function, ast.FunctionDef) or function.name != name:
            continue
        given = [a.arg for a in function.args.args if a.arg not in ("self", "cls")]
        pairs = dict(zip(given, passed, strict=False))
        for node in ast.walk(function):
            if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
                names.add(", ".join(pairs.get(code.text(e), "_") for e in node.value.elts))
    span = code.span(statement)
    for text in names:
        edit = Edit(span, f"{text} = {code.text(call)}")
        yield Candidate(code.file.path, (edit,), 0.7, "update-direction", span)


def handed_back(code: Code, statement: Statement) -> Iterator[Candidate]:
    """Bind what a loop makes and nobody reads to what it reads and never makes anew."""
    for loop in code.loops_around(statement):
        around = code.function_of(loop)
        read = {n.id for n in ast.walk(around) if isinstance(n, ast.Name) and _loads(n)}
        within = [n for n in ast.walk(loop) if isinstance(n, ast.Name)]
        made = {n.id for n in within if not _loads(n)}
        begun = {
            n.id for s in ast.walk(around) if isinstance(s, ast.Assign) and s.lineno < loop.lineno
            for t in s.targets for n in ast.walk(t) if isinstance(n, ast.Name)
        }  # fmt: skip
        stale = {n.id for n in within if _loads(n)} & begun - made
        for node in [n for n in within if not _loads(n) and n.id not in read]:
            for name in sorted(stale, key=lambda name: -likeness(name, node.id)):
                edit = Edit(code.span(node), name)
                price = 0.6 - 0.5 * likeness(name, node.id)
                yield Candidate(code.file.path, (edit,), price, "missing-term", code.span(node))


def _loads(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Load)


def put_back(code: Code, statement: Statement) -> Iterator[Candidate]:
    """Put new values where the old ones are read, all of a function: ``self.w = self.w - …``."""
    alike = _bound_alike(code, statement)
    if alike:
        edits = tuple(Edit(code.span(target), text) for target, text in alike.values())
        path, span = code.file.path, code.span(statement)
        yield Candidate(path, edits, 0.7, "update-direction", span)


def _bound_alike(code: Code, statement: Statement) -> dict[Statement, tuple[ast.expr, str]]:
    """Return the statements of a function that bind a name to a step of what is elsewhere."""
    found: dict[Statement, tuple[ast.expr, str]] = {}
    within = code.function_of(statement)
    for other in code.statements():
        targets, value = targets_of(other), value_of(other)
        if not isinstance(other, ast.Assign) or code.function_of(other) is not within:
            continue
        if len(targets) != 1 or not isinstance(targets[0], ast.Name):
            continue
        if not isinstance(value, ast.BinOp) or not isinstance(value.op, ast.Add | ast.Sub):
            continue
        if isinstance(value.left, ast.Attribute | ast.Subscript):
            found[other] = targets[0], code.text(value.left)
    return found if statement in found else {}
