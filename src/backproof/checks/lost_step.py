"""Where a gradient was lost: the last statement that should have put it into a parameter's step."""

from __future__ import annotations

import ast
import re
from dataclasses import replace

import numpy as np

from backproof.checks.assigned import at_assignment, only_assignment
from backproof.checks.cause.used import is_gradient_of
from backproof.checks.gradient import StepEvidence
from backproof.source import SourceFile, Span, tree_of
from backproof.trace.site import SITES, Site
from backproof.trace.tape import Operation, Tape
from backproof.updates import Update


def lost_at(evidence: StepEvidence, update: Update) -> Site:
    """Return the statement that gives a step its value: the update, or what it takes the step from.

    What other parameters' steps are made of as well is a rate, and no gradient.
    """
    tape = evidence.tape
    index, delta = update.merges[-1]
    merge = tape.operations[index].where
    others = [u for p in evidence.params for u in p.updates if u.new != update.new]
    apart = (u for u in others if merge.index not in u.sites(tape))
    if any(delta == d for u in apart for _, d in u.merges):
        return whole(merge)  # ``w8 = w8 - d_w7``
    shared = tape.ancestors([u.new for u in others])
    node = delta
    made = tape.producer(node)
    while made is not None and _statement(made.where) == _statement(merge):
        inputs = [n for n in made.inputs if n not in shared and tape.producer(n) is not None]
        if not inputs:
            return _named(evidence, update, merge)
        node = max(inputs, key=lambda n: np.size(tape.nodes[n].obj))
        made = tape.producer(node)
    return _named(evidence, update, merge) if made is None else whole(_last_of(made, merge))


def _named(evidence: StepEvidence, update: Update, merge: Site) -> Site:
    """Return the statement of the gradient that an update reads by its name, else the update."""
    name = str(evidence.names.of(evidence.tape, [update])).partition(" (")[0]
    read = gradient_read(evidence.tape, update, name)
    statement = only_assignment(merge.file, merge.function, read) if read else None
    return whole(merge) if statement is None else at_assignment(merge, statement)


def gradient_read(tape: Tape, update: Update, name: str) -> str:
    """Return the name in an update that is called its gradient, ``grad_a`` of `a`, or ""."""
    own = re.sub(r"\[.*", "", name.rpartition(".")[2])
    called = {own, own.removesuffix("s"), own.removesuffix("es")}  # `biases[0]`
    for index, _ in update.merges:
        site = tape.operations[index].where
        for word in re.findall(r"\w+", site.file.slice(site.statement)):
            if any(is_gradient_of(word, one) for one in called - {""}):
                return str(word)
    return ""


def _last_of(made: Operation, before: Site) -> Site:
    """Return the last statement that assigns the variable which a value was put in."""
    where = made.where
    if not where.targets:
        return where
    name = where.targets[0].partition("[")[0]
    here = before if before.function == where.function else None
    spans = [
        span for span in _assignments(where.file, where.function, name)
        if span.line >= where.span.line and (here is None or span.line < here.span.line)
    ]  # fmt: skip
    if not spans:
        return where
    span = max(spans, key=lambda s: s.start)
    return next((s for s in SITES if s.file is where.file and s.statement == span), where)


def _assignments(file: SourceFile, function: str, name: str) -> list[Span]:
    """Return the statements of a function that assign a variable, or a part of it."""
    found = []
    for node in ast.walk(tree_of(file.text)):
        if not isinstance(node, ast.Assign | ast.AugAssign):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(ast.unparse(t).partition("[")[0] == name for t in targets):
            found.append(file.span_of(node))
    inside = {s.statement for s in SITES if s.file is file and s.function == function}
    return [span for span in found if span in inside]


def _statement(site: Site) -> tuple[str, Span]:
    return site.file.path, site.statement


def whole(site: Site) -> Site:
    """Return a site that fills its statement, if that is one line."""
    one = site.statement.line == site.statement.end_line
    return replace(site, span=site.statement) if one else site
