"""A fault of the forward pass: one edit of it under which the gradients, as they are, are right.

Where the backward pass is that of another forward pass, nothing in it explains what is wrong, or
several of its statements do. Each edit of the forward pass is tried on the tape; what is computed
from it is computed again, the author's gradients and the true ones.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from backproof.calculus.differences import directional
from backproof.checks.cause.diagnosis import Diagnosis
from backproof.checks.choice import FEW
from backproof.checks.edits.edit import Edit
from backproof.checks.edits.kinds import IN_PLACE, OPERANDS, PARTS, edits_of
from backproof.checks.found import function_name, is_same
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import Fit, author_value
from backproof.checks.scales import is_natural
from backproof.checks.search import StepSearch
from backproof.trace.site import SITES
from backproof.trace.tape import Operation, Run, Tape, map_refs

#: CPU seconds for all edits of a step.
PATIENCE = 3.0
#: The rounds of edits in the order in which they are tried: a part that is missing, then others.
ORDER = (IN_PLACE, PARTS, OPERANDS)
#: What an edit costs at most: what puts in another value costs so much where that has a name.
NAMED = 2.0
#: Directions along which gradients are compared with the cost, and how near they must be.
DIRECTIONS, CLOSE = 6, 1e-6
#: Relative difference of a scale that is measured and one that is known.
ALIKE = 1e-5
#: Share of their size that gradients keep at least: those of a cost that says nothing vanish.
SMALLEST = 1e-4
#: Executions of one expression above which it is not edited, and operations of a step.
MOST_EXECUTIONS, MOST_OPERATIONS = 400, 6_000


def forward_fault(evidence: StepEvidence, fit: Fit) -> Diagnosis | None:
    """Return the edit of the forward pass that makes all gradients those of its cost, if one."""
    tape, hypothesis = evidence.tape, fit.hypothesis
    entries = sum(match.size for match in fit.matches)
    if len(tape.operations) > MOST_OPERATIONS or entries <= FEW:
        return None
    search = StepSearch(evidence, fit, patience=PATIENCE)
    leaves = {n for p in evidence.params for n in (p.new if hypothesis.after else p.old)}
    within = tape.ancestors([hypothesis.node], stop=leaves) - leaves
    sites = dict.fromkeys(o.site for o in tape.operations if o.out in within)
    groups: dict[int, list[Operation]] = {site: [] for site in sites}
    for operation in tape.operations:
        if operation.site in groups:
            groups[operation.site].append(operation)
    slopes = Slopes(evidence, fit)
    deadline = time.process_time() + PATIENCE
    best: tuple[float, Diagnosis] | None = None
    moving = evidence.tape.reach(slopes.nodes)
    last = next(reversed(groups), None)
    for number, site in product(ORDER, groups):
        if len(groups[site]) > MOST_EXECUTIONS:
            continue
        for edit, members in _edits(search, groups[site], number):
            if time.process_time() > deadline:
                return None if best is None else best[1]
            if edit.is_slope or edit.cost > NAMED:
                continue
            if best is not None and edit.cost >= best[0]:
                continue
            changed = edit.change(members[-1], len(members) - 1)
            if changed is None or _only_loses(changed, members[-1], evidence, moving):
                continue  # what it would lose is no term too many: its gradient is missing
            if _makes_right(slopes, edit, members):
                best = edit.cost, Diagnosis(
                    "BP101", edit.cause, SITES[site],
                    f"{edit.reason}: for such a forward pass all gradients are right", edit.help,
                    evidence={"found": edit.found, "expected": edit.expected} if edit.found else {},
                )  # fmt: skip
        if best is not None and site == last:
            break
    return None if best is None else best[1]


def _edits(
    search: StepSearch, operations: list[Operation], number: int
) -> Iterator[tuple[Edit, list[Operation]]]:
    alike: dict[str, list[Operation]] = {}
    for operation in operations:
        alike.setdefault(function_name(operation), []).append(operation)
    for members in alike.values():
        for edit in edits_of(members[0], len(members), search.scope, number):
            yield edit, members


def _only_loses(
    changed: Operation, operation: Operation, evidence: StepEvidence, moving: set[int]
) -> bool:  # fmt: skip
    """Whether an edit takes away what depends on parameters, and puts nothing else in its place.

    What something was before a term was added to it is nothing else.
    """
    before, after = (
        {n for n in moving.intersection(o.inputs) if _depends(o, evidence.run, n)}
        for o in (operation, changed)
    )
    lost = before - after
    return bool(lost) and (after - before) <= evidence.tape.ancestors(lost)


def _depends(operation: Operation, run: Run, node: int) -> bool:
    """Whether an operation gives another value for another one of a node."""

    def value(factor: float) -> Any:
        args = map_refs(
            operation.args, lambda ref: run.env[ref.node] * (factor if ref.node == node else 1.0)
        )
        with np.errstate(all="ignore"):
            return operation.function(*args, **operation.kwargs)

    try:
        return not is_same(value(1.0), value(1.25))
    except (ArithmeticError, AttributeError, IndexError, TypeError, ValueError):
        return True


class Slopes:
    """The author's gradients, held against how the cost changes along a few directions.

    Edited operations have no derivative rules, so that differences alone can tell.
    """

    def __init__(self, evidence: StepEvidence, fit: Fit) -> None:
        self.evidence, self.hypothesis = evidence, fit.hypothesis
        after = fit.hypothesis.after
        self.olds = {u.new: u.old for p in evidence.params for u in p.updates} if after else {}
        self.nodes = [n for p in evidence.params for n in (p.new if after else p.old)]
        usual = Counter(level for level, _, _ in fit.chosen.values()).most_common(1)
        self.levels = [
            fit.chosen[i][0] if i in fit.chosen
            else min(usual[0][0] if usual else match.nearest[0], len(match.parameter.levels) - 1)
            for i, match in enumerate(fit.matches)
        ]  # fmt: skip
        owns = self._gradients(evidence.run)
        self.sizes = [float(np.linalg.norm(own)) for own in owns]
        self.lengths = [own.size for own in owns]
        self.scale = fit.scale if fit.chosen else None
        size = sum(int(np.size(evidence.run.env[n])) for n in self.nodes)
        draws = np.random.default_rng(0).standard_normal((DIRECTIONS, size))
        self.directions = draws / np.linalg.norm(draws, axis=1, keepdims=True)

    def _gradients(self, run: Run) -> list[np.ndarray[Any, Any]]:
        """Return the author's gradients, those that are finite."""
        pairs = zip(self.evidence.params, self.levels, strict=True)
        found = (author_value(run, p, level) for p, level in pairs)
        return [own for own in found if own is not None and np.all(np.isfinite(own))]

    def fit(self, tape: Tape, run: Run) -> bool:
        """Whether all gradients of a run are one multiple of the slopes of its cost."""
        owns = self._gradients(run)
        if [own.size for own in owns] != self.lengths:
            return False
        if len(owns) < len(self.sizes) or not all(
            SMALLEST * size <= np.linalg.norm(own) <= size / SMALLEST
            for own, size in zip(owns, self.sizes, strict=True)
        ):
            return False
        own, point = np.concatenate(owns), run
        if own.size != self.directions.shape[1] or not np.any(own):
            return False
        if self.olds:
            old = {new: run.env[n] for new, n in self.olds.items()}
            point = tape.replay(double=True, base=run, dirty=tape.reach(old), replace=old)
        if self.hypothesis.seeds(point) is None:
            return False
        scale = 0.0
        for direction in self.directions:
            slope, error = directional(tape, point, self.hypothesis, self.nodes, direction)
            mine = float(own @ direction)
            scale = scale or (mine / slope if slope else 0.0)
            if not scale or not abs(mine - scale * slope) <= CLOSE * abs(mine) + 20 * error:
                return False
            if error > CLOSE * abs(slope):
                return False
        pairs = zip(self.evidence.params, self.levels, strict=True)
        down = all(scale * p.sign(level) < 0 for p, level in pairs)
        if self.scale is not None:
            return down and abs(scale / self.scale - 1) < ALIKE
        return down and is_natural(float(f"{scale:.6g}"))


def _makes_right(slopes: Slopes, edit: Edit, operations: list[Operation]) -> bool:
    """Whether all gradients are those of the cost where the forward pass is edited."""
    evidence = slopes.evidence
    edited = {
        o.index: changed for number, o in enumerate(operations)
        if (changed := edit.change(o, number)) is not None
    }  # fmt: skip
    if not edited:
        return False
    tape = evidence.tape.edited(edited)
    run = tape.replay(double=True, base=evidence.run, dirty=tape.reach(o.out for o in operations))
    before = evidence.run.env
    same = all(is_same(run.env[o.out], before[o.out]) for o in operations)
    values = [run.env[o.out] for o in operations]
    if not any(isinstance(v, tuple | list) or np.any(v) for v in values):
        return False  # zeros: another way to lose a term
    return not same and not run.failed and slopes.fit(tape, run)
