"""Methods of layers that hand on what comes back as it is: ``def backward(self, g): return g``.

Nothing is computed there, and so nothing recorded; which layer it is, is told by the forward pass.
"""

from __future__ import annotations

import ast
from dataclasses import replace

from backproof.trace.site import Site
from backproof.trace.tape import Tape


def handed_on(tape: Tape, derived: int | None) -> Site | None:
    """Return the statement of a layer that passes on what comes back without its derivative.

    `derived` is the value of the forward pass whose derivative is missing.
    """
    made = None if derived is None else tape.producer(derived)
    return None if made is None else _passing(made.where)


def _passing(forward: Site) -> Site | None:
    """Return the one ``return argument`` of the class that a forward method belongs to."""
    owner, _, method = forward.function.rpartition(".")
    tree = ast.parse(forward.file.text)
    classes = [
        n for n in ast.walk(tree)
        if isinstance(n, ast.ClassDef) and n.name == owner.rpartition(".")[2]
    ]  # fmt: skip
    if len(classes) != 1:
        return None
    returns = [
        (f, _only_return(f)) for f in classes[0].body
        if isinstance(f, ast.FunctionDef) and f.name != method
    ]  # fmt: skip
    known = [(f, r) for f, r in returns if r is not None]
    if len(known) != 1:
        return None
    function, statement = known[0]
    span = forward.file.span_of(statement)
    return replace(
        forward, kind="flow", op="", span=span, statement=span, targets=(), is_value=False,
        operands=(), function=f"{owner}.{function.name}",
    )  # fmt: skip


def _only_return(function: ast.FunctionDef) -> ast.Return | None:
    """Return the statement where all that a method does is to return an argument."""
    body = [s for s in function.body if not isinstance(s, ast.Expr | ast.Pass)]
    given = {a.arg for a in function.args.args[1:]}
    if len(body) == 1 and isinstance(body[0], ast.Return):
        value = body[0].value
        if isinstance(value, ast.Name) and value.id in given:
            return body[0]
    return None
