"""Gradients that a function is given and never reads: ``def backward(self, dout, dnext)``."""

from __future__ import annotations

import ast
import re

from backproof.repair.candidate import Code, Statement, given, targets_of
from backproof.repair.offers import bracketed
from backproof.repair.sums import GRADIENT

#: What a gradient of the next time step, or along a shortcut, may be called as well.
PASSED_ON = re.compile(r"\w*(diff|next|future|skip|short|resid|later|carr)\w*", re.IGNORECASE)
#: Statements of a function that it may be missing from.
MOST = 8


def unread(code: Code, around: ast.AST) -> dict[Statement, list[str]]:
    """Return the statements of a function that may lack what it is given and does not read.

    With each, its value with that added.
    """
    if not isinstance(around, ast.FunctionDef):
        return {}
    read = {n.id for n in ast.walk(around) if isinstance(n, ast.Name)}
    names = [
        name for name in given(around)
        if name not in read and (GRADIENT.fullmatch(name) or PASSED_ON.fullmatch(name))
    ]  # fmt: skip
    if not names:
        return {}
    simple = [
        s for s in ast.walk(around)
        if isinstance(s, ast.Assign) and all(isinstance(t, ast.Name) for t in targets_of(s))
        and len(targets_of(s)) == 1
    ]  # fmt: skip
    return {s: [f"{bracketed(code, s.value)} + {n}" for n in names] for s in simple[:MOST]}
