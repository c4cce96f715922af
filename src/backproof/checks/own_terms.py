"""Terms of a gradient that its cost does not have, with a strength that is named: ``reg * dR``.

An author who adds ``var_coef * (z - z.mean(axis=0))`` to a gradient wants it there, though the cost
that is printed has no such term. Without it the gradient must be right; it is left open.
"""

from __future__ import annotations

import ast
import re
from dataclasses import replace

import numpy as np

from backproof.arithmetic import ADD, SUBTRACT, is_in
from backproof.checks.edited import right_with
from backproof.checks.gradient import StepEvidence
from backproof.checks.multiples import multiples_in
from backproof.trace.operations import Operation
from backproof.trace.tape import Ref

#: What the strength of a term is called, and nothing that is learnt.
STRENGTH = re.compile(r"\b\w*(?:coef|lam|_reg|reg_|strength|penalty|tradeoff)\w*\b", re.I)
NAMED = ast.Name | ast.Attribute | ast.Subscript
#: Sums that are tried.
MOST = 6


def excuse_own_terms(evidence: StepEvidence) -> None:
    """Leave open what is right without one term that has a strength of its own."""
    fit, tape, env = evidence.fit, evidence.tape, evidence.run.env
    if fit is None or not fit.wrong or fit.hypothesis.after or fit.hypothesis.registered:
        return
    news = [n for i in fit.wrong for n in evidence.params[i].new]
    forward = tape.ancestors([fit.hypothesis.node])
    backward = tape.ancestors(news) - forward
    # What is strong in the cost as well is no term of the gradient's own, but one of the cost's.
    known = {name for o in tape.makers(forward) for t in o.where.operands
             for name in STRENGTH.findall(t)}  # fmt: skip
    # What decays another parameter is no term of this one's.
    others = {n for i, p in enumerate(evidence.params) if i not in fit.wrong for n in p.old}
    strange = multiples_in(tape, others) if others else {}
    tried = 0
    for operation in tape.makers(backward):
        for kept, term in _with_strength(operation):
            if not known.isdisjoint(STRENGTH.findall(term)):
                continue
            if any(n in strange for n in operation.inputs if n != kept):
                continue
            tried += 1
            if tried > MOST:
                return
            if np.shape(env[kept]) != np.shape(env[operation.out]):
                continue
            alone = replace(operation, function=np.positive, args=(Ref(kept),), kwargs={})
            if right_with(evidence, fit, {operation.index: alone}) == set(fit.wrong):
                where = f"`{term}` in line {operation.where.span.line}"
                for i in fit.wrong:
                    fit.matches[i].reason = f"it is right but for {where}, which the cost lacks"
                return


def _with_strength(operation: Operation) -> list[tuple[int, str]]:
    """Return (other summand, text) of the summands of a sum that have a named strength."""
    texts, args = operation.where.operands, operation.args
    adds = is_in(operation.function, ADD)
    if not (adds or is_in(operation.function, SUBTRACT)) or len(texts) != 2 or len(args) != 2:
        return []
    pairs = [(args[0], texts[1]), *([(args[1], texts[0])] if adds else [])]
    return [(a.node, text) for a, text in pairs if type(a) is Ref and _is_strong(text)]


def _is_strong(text: str) -> bool:
    """Whether a strength multiplies the whole of a term: not only what is added up within it."""
    try:
        stack: list[ast.expr] = [ast.parse(text.strip(), mode="eval").body]
    except SyntaxError:
        return False
    while stack:
        node = stack.pop()
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div | ast.MatMult):
            stack += [node.left, node.right]
        elif isinstance(node, ast.UnaryOp):
            stack.append(node.operand)
        elif isinstance(node, NAMED) and STRENGTH.search(ast.unparse(node)):
            return True
    return False
