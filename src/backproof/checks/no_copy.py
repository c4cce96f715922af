"""BP105 for weights that are changed under another name: ``reg = theta``, then ``reg[0] = 0``.

An assignment copies nothing: what is set to a number in order to be left out of the penalty are the
weights themselves, after the forward pass has used them and before they are updated.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from backproof.checks.advice import advise
from backproof.checks.gradient import StepEvidence
from backproof.checks.places import Place, statement_of
from backproof.finding import Finding
from backproof.source import tree_of
from backproof.trace.primitives import set_item
from backproof.trace.site import Site
from backproof.trace.tape import Ref, Tape

#: What a statement stores into.
BASE = re.compile(r"\s*([A-Za-z_][\w.]*)\s*\[")
#: Judged steps that must show it.
STEPS = 2


class NoCopy:
    """Fed with every judged step of a run, asked for findings at its end."""

    def __init__(self) -> None:
        self.seen: dict[Site, tuple[int, str, str]] = {}

    def look(self, evidence: StepEvidence) -> None:
        """Note which weights are set to a number between the forward pass and their update."""
        tape = evidence.tape
        for parameter in evidence.params:
            for update in parameter.updates:
                stores = [
                    tape.operations[i] for i in tape.users[update.old]
                    if tape.operations[i].function is set_item
                ]  # fmt: skip
                if not stores or not update.merges:
                    continue
                store, feeding = stores[0], tape.ancestors(delta for _, delta in update.merges)
                target, own = _base(store.where), update.merges[-1][0]
                other = _base_of(tape.operations[own].where)
                before = any(
                    tape.operations[i].out in feeding and i < store.index
                    for i in tape.users[update.old]
                )
                first = store.args[0]
                if store.index > own or not before or store.out not in feeding:
                    continue
                if type(first) is Ref and first.node == update.old and target not in ("", other):
                    count = self.seen.get(store.where, (0, "", ""))[0]
                    self.seen[store.where] = count + 1, target, parameter.name

    def argument(self, tape: Tape, point: Any) -> None:
        """Note where a function that an optimiser calls changes the point that it is given."""
        for operation in tape.operations:
            first = operation.args[0] if operation.function is set_item else None
            if type(first) is Ref and tape.nodes[first.node].obj is point:
                site = operation.where
                count = self.seen.get(site, (0, "", ""))[0]
                self.seen[site] = count + 1, _base(site), ""
                return

    def findings(self) -> Iterator[Finding]:
        """Say which array is no copy, where it is made or else where it is changed."""
        for site, (count, name, parameter) in self.seen.items():
            if count < STEPS:
                continue
            bound = binding(site, name)
            store, place = statement_of(site), bound or statement_of(site)
            value = place.text.partition("=")[2].strip()
            yield advise(
                "BP105", "mutated-value", place,
                f"`{name}` is `{parameter}` itself and no copy of it: `{store.text}` changes the "
                "weights between the forward pass and their update" if parameter else
                f"`{name}` is what the optimiser passes and no copy of it: `{store.text}` changes "
                "the point that it goes on from",
                f"copy it: `{name} = {value}.copy()`" if bound else "change a copy of the weights",
                {"parameters": [parameter] if parameter else [], "steps": count},
                severity="error", confidence="proven",
                related=[(store, "overwrite", "changed here")] if bound else [],
            )  # fmt: skip


def binding(site: Site, name: str) -> Place | None:
    """Return the assignment, before a store in the same function, that gives an array a name."""
    tree = tree_of(site.file.text)
    around: ast.AST = tree
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if node.lineno <= site.span.line <= (node.end_lineno or 0):
            around = node
    found = [
        n for n in ast.walk(around)
        if isinstance(n, ast.Assign) and n.lineno < site.span.line
        and any(ast.unparse(target) == name for target in n.targets)
        and isinstance(n.value, ast.Name | ast.Attribute)
    ]  # fmt: skip
    if not found:
        return None
    return Place(site.file, site.file.span_of(max(found, key=lambda n: n.lineno)))


def _base(site: Site) -> str:
    """Return the name of what a statement stores into."""
    found = BASE.match(site.file.slice(site.statement))
    return found.group(1) if found else ""


def _base_of(site: Site) -> str:
    """Return the name of what a statement updates."""
    text = site.file.slice(site.statement)
    return re.split(r"[\s\[]|[-+*/]?=", text.strip(), maxsplit=1)[0]
