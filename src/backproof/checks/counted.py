"""Adam's count of steps, where it goes on with each parameter, or with none.

The correction ``1 - β ** t`` tells t. In one step all parameters have the same; where each has one
more than the last, ``for p in params: t += 1``, and the count goes on by as many in each step, it
stands in the wrong loop. A count that nothing in the program adds to stays the same.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from itertools import pairwise

from backproof.checks.places import Place, number
from backproof.source import tree_of

#: The exponent of a correction.
EXPONENT = re.compile(r"\*\*\s*\(?\s*([A-Za-z_][\w.]*)|pow(?:er)?\([^,]+,\s*([A-Za-z_][\w.]*)")

#: Judged steps that must have the same count.
LEAST_STEPS = 3


@dataclass(slots=True)
class Counts:
    """The counts of steps that corrections read, by judged step and parameter."""

    ages: dict[int, dict[str, int]] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)

    def note(self, step: int, name: str, age: int, corrected: Place) -> None:
        """Add the count that one parameter's correction has."""
        if age:
            self.ages.setdefault(step, {})[name] = age
            self.places[name] = corrected

    def names(self) -> list[str]:
        """Return the parameters whose steps are counted one after the other, if all are so."""
        goes_on = {
            (after - before) / (two - one)
            for one, two in pairwise(sorted(self.ages))
            for name, after in self.ages[two].items()
            if (before := self.ages[one].get(name)) is not None
        }
        # Two networks that are trained in turn have counts of their own: these go on as they do.
        if len(goes_on) != 1 or (each := goes_on.pop()) < 2:
            return []
        spread = [max(ages.values()) - min(ages.values()) for ages in self.ages.values()]
        return sorted(self.places) if all(0 < size < each for size in spread) else []

    def stuck(self) -> dict[str, Place]:
        """Return the parameters whose count stays the same, and where it is set or read.

        A count of epochs stays, too, as long as one lasts: the source must not change it.
        """
        found = {}
        for name, correction in self.places.items():
            ages = [step[name] for step in self.ages.values() if name in step]
            if len(ages) < LEAST_STEPS or len(set(ages)) > 1:
                continue
            place = _only_set(correction)
            if place is not None:
                found[name] = place
        return found

    def place(self, name: str) -> Place:
        """Return where the count goes on, else the correction that reads it."""
        correction = self.places[name]
        counter = _counter(correction)
        last: ast.Assign | ast.AugAssign | None = None
        for node in ast.walk(tree_of(correction.file.text)) if counter else ():
            if not isinstance(node, (ast.Assign, ast.AugAssign)) or _target(node) != counter:
                continue
            if node.lineno <= correction.span.line:
                last = node if last is None or node.lineno > last.lineno else last
        return correction if last is None else Place(correction.file, correction.file.span_of(last))


def _counter(correction: Place) -> str:
    """Return what the exponent of a correction is called."""
    found = EXPONENT.search(correction.text)
    return (found[1] or found[2]) if found else ""


def _only_set(correction: Place) -> Place | None:
    """Return the last statement that sets a count to a number, if none of the file adds to it."""
    file, counter = correction.file, _counter(correction)
    if "." not in counter:
        return None  # an argument, or a loop's own
    name = counter.rpartition(".")[2]
    last: ast.Assign | None = None
    for node in ast.walk(tree_of(file.text)):
        for target, value in _bound(node):
            if ast.unparse(target).rpartition(".")[2] != name:
                continue
            if number(value) is None or not isinstance(node, ast.Assign):
                return None
            last = node if last is None or node.lineno > last.lineno else last
    return None if last is None else Place(file, file.span_of(last))


def _bound(node: ast.AST) -> list[tuple[ast.expr, ast.expr | None]]:
    """Return what a statement assigns to, with what it assigns where that stands there."""
    if isinstance(node, ast.AugAssign | ast.AnnAssign | ast.For | ast.NamedExpr):
        return [(node.target, None)]
    found: list[tuple[ast.expr, ast.expr | None]] = []
    if not isinstance(node, ast.Assign):
        return found
    for target in node.targets:
        value = node.value
        if not isinstance(target, ast.Tuple | ast.List):
            found.append((target, value))
        elif isinstance(value, ast.Tuple) and len(value.elts) == len(target.elts):
            found += zip(target.elts, value.elts, strict=True)
        else:
            found += [(element, None) for element in target.elts]
    return found


def _target(node: ast.Assign | ast.AugAssign) -> str:
    """Return what a statement adds to: ``t += 1``, ``t = t + 1``."""
    if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
        return ast.unparse(node.target)
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp):
        target = ast.unparse(node.targets[0])
        return target if ast.unparse(node.value.left) == target else ""
    return ""
