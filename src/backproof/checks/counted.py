"""Adam's count of steps, where it goes on with each parameter: ``for p in params: t += 1``.

The correction ``1 - β ** t`` tells t. In one step all parameters have the same; where each has one
more than the last, and the count goes on by as many in each step, it stands in the wrong loop.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from itertools import pairwise

from backproof.checks.places import Place
from backproof.source import tree_of

#: The exponent of a correction.
EXPONENT = re.compile(r"\*\*\s*\(?\s*([A-Za-z_][\w.]*)|pow(?:er)?\([^,]+,\s*([A-Za-z_][\w.]*)")


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

    def place(self, name: str) -> Place:
        """Return where the count goes on, else the correction that reads it."""
        correction = self.places[name]
        found = EXPONENT.search(correction.text)
        counter = found and (found[1] or found[2])
        last: ast.Assign | ast.AugAssign | None = None
        for node in ast.walk(tree_of(correction.file.text)) if counter else ():
            if not isinstance(node, (ast.Assign, ast.AugAssign)) or _target(node) != counter:
                continue
            if node.lineno <= correction.span.line:
                last = node if last is None or node.lineno > last.lineno else last
        return correction if last is None else Place(correction.file, correction.file.span_of(last))


def _target(node: ast.Assign | ast.AugAssign) -> str:
    """Return what a statement adds to: ``t += 1``, ``t = t + 1``."""
    if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
        return ast.unparse(node.target)
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp):
        target = ast.unparse(node.targets[0])
        return target if ast.unparse(node.value.left) == target else ""
    return ""
