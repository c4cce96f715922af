"""What the expressions of the backward pass should have come to in the first wrong step.

Blame by replacement finds a value and what it should have been. Replayed with that in its place,
the step shows what each later expression should have come to; taken back through products and
sums, what an operand should have been. An edit that gives such a value is tried before all others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from backproof.arithmetic import ADD, DIVIDE, JOINING, MULTIPLY, SUBTRACT, is_in
from backproof.calculus.adjoint import is_differentiable
from backproof.checks.blame.earliest import Blame
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import compare
from backproof.checks.parts import is_structural
from backproof.source import Span
from backproof.trace.site import SITES, Site
from backproof.trace.tape import Operation, Ref, Run, Tape, map_refs

Array = np.ndarray[Any, Any]
Place = tuple[str, Span]

#: CPU seconds for the search of the fault at the program's own values.
PATIENCE = 1.0
#: Executions of an expression that are kept, and entries of all together.
MOST_EXECUTIONS = 6
MOST_ENTRIES = 500_000
#: Summands of a value that are looked at: the samples of a batch, the time steps.
MOST_SUMMANDS = 150
#: How far back through products and sums an operand is solved for.
DEEPEST = 4


@dataclass(slots=True)
class Meant:
    """What expressions, by file and place, should have come to.

    Attributes
    ----------
    values : dict
        For some executions what it came to, and what it should have come to (NaN: anything).
    sums : dict
        Of an expression that is added up in a step: what it came to in each execution, and what
        the sum should have been.
    faults : list of (path, line)
        The statements whose values alone make the gradients right when they are replaced.
    """

    values: dict[Place, list[tuple[Array, Array]]] = field(default_factory=dict)
    sums: dict[Place, tuple[list[Array], Array]] = field(default_factory=dict)
    faults: list[tuple[str, int]] = field(default_factory=list)


def meant(evidence: StepEvidence, blamed: Collection[int] = ()) -> Meant:
    """Return what the expressions behind a step's wrong gradients should have come to.

    `blamed` are the lines on which a fault was found before: these are looked at first.

    At the very values of the program, which an edited program has, too. Where no gradient is right,
    they are those of the program's cost as it is.
    """
    own = (fit for fit in evidence.others if not fit.hypothesis.registered)
    known = evidence.fit or next(own, None)
    if known is None:
        return Meant()
    base = evidence.tape.replay()
    fit = compare(evidence.tape, base, known.hypothesis, evidence.params)
    if fit is None or not fit.wrong or (evidence.fit is not None and not fit.chosen):
        return Meant()
    if evidence.fit is None:
        fit.scale, fit.chosen = 1.0, {}
    found = replace(evidence, run=base, fit=fit)
    blame = Blame(found, patience=PATIENCE, likely=blamed, most=PATIENCE / 2)
    truths: dict[int, Any] = {}
    for fault in blame.faults():
        truths.update(fault.truth)
    if not truths:
        return Meant()
    right = blame.replays.replayed({})
    tape, gathered = evidence.tape, Gathered(evidence.tape, base)
    for node, truth in truths.items():
        made = tape.producer(node)
        if made is not None:
            gathered.meant.faults.append((made.where.file.path, made.where.statement.line))
        for operation, value in _operands(tape, base, blame.cotangents.forward, node, truth):
            gathered.add(operation, value)
            gathered.add_sum(operation, value)
    for node in sorted(tape.reach(truths)):
        producer = tape.producer(node)
        if producer is not None:
            gathered.add(producer, right.env[node])
    return gathered.meant


class Gathered:
    """Gathers what expressions should have come to, while there is room."""

    def __init__(self, tape: Tape, base: Run) -> None:
        self.tape = tape
        self.base = base
        self.meant = Meant()
        self.entries = 0

    def add(self, operation: Operation, truth: Any) -> None:
        """Add one execution of an expression, unless it came to what it should."""
        author = self.base.env[operation.out]
        if author is None or not is_differentiable(author) or not is_differentiable(truth):
            return
        own, meant = np.asarray(author, float), np.asarray(truth, float)
        if own.shape != meant.shape or self.entries + own.size > MOST_ENTRIES:
            return
        with np.errstate(all="ignore"):
            if not np.any(np.abs(own - meant) > 1e-9 * np.abs(meant)) or np.all(np.isnan(meant)):
                return
        # What a statement only passes on (``dW = total``) should have been another there, too.
        passed = [SITES[site] for _, site in self.tape.flows.get(operation.out, ())]
        for site in (operation.where, *passed):
            known = self.meant.values.setdefault((site.file.path, site.span), [])
            if len(known) < MOST_EXECUTIONS:
                known.append((own.copy(), meant))
                self.entries += own.size

    def add_sum(self, operation: Operation, truth: Array) -> None:
        """Add what is added up to a value, where one statement does it: ``dW += x.T @ d``."""
        summands: list[Operation] = []
        at: Operation | None = operation
        start: Any = 0.0
        while at is not None and at.site == operation.site and at.function in ADD:
            first, second = at.args
            made = self.tape.producer(second.node) if type(second) is Ref else None
            if type(first) is not Ref or made is None or len(summands) >= MOST_SUMMANDS:
                return
            summands.append(made)
            start = self.base.env[first.node]
            at = self.tape.producer(first.node)
        if len(summands) < 2 or len({made.site for made in summands}) > 1:
            return
        values = [np.asarray(self.base.env[made.out], float) for made in reversed(summands)]
        rest = truth - np.asarray(start, float)
        if any(value.shape != rest.shape for value in values):
            return
        site: Site = summands[0].where
        self.meant.sums.setdefault((site.file.path, site.span), (values, rest))


def _operands(
    tape: Tape, base: Run, forward: set[int], node: int, truth: Any
) -> Iterator[tuple[Operation, Array]]:
    """Yield what made a value, and the operands of its products and sums, each solved for."""
    queue: list[tuple[int, Array, int]] = [(node, np.asarray(truth, float), 0)]
    for one, wanted, depth in queue:
        operation = tape.producer(one)
        if operation is None or one in forward:
            continue
        yield operation, wanted
        if depth >= DEEPEST:
            continue
        if is_structural(operation) or is_in(operation.function, JOINING):
            queue += [(n, part, depth) for n, part in _pieces(operation, wanted, base)]
            continue
        if len(operation.args) != 2:
            continue
        for position, arg in enumerate(operation.args):
            solved = _solved(operation, position, wanted, base)
            if type(arg) is not Ref or solved is None:
                continue
            if solved.shape == np.shape(base.env[arg.node]):
                queue.append((arg.node, solved, depth + 1))


def _pieces(operation: Operation, wanted: Array, base: Run) -> list[tuple[int, Array]]:
    """Return what the arrays should be that an operation only rearranges, or puts together.

    It is done to the numbers of their entries: these tell where each comes to lie.
    """
    numbered: dict[int, Array] = {}
    count = 0

    def numbers(ref: Ref) -> Any:
        nonlocal count
        value = base.env[ref.node]
        if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
            return value
        if ref.node not in numbered:
            ids = np.arange(count, count + value.size, dtype=float).reshape(value.shape)
            numbered[ref.node] = ids
            count += value.size
        ids = numbered[ref.node]
        return np.asmatrix(ids) if isinstance(value, np.matrix) else ids.copy()

    try:
        args, kwargs = map_refs(list(operation.args), numbers), map_refs(operation.kwargs, numbers)
        places = np.asarray(operation.function(*args, **kwargs), float).reshape(-1)
    except Exception:
        return []
    flat = wanted.reshape(-1)
    if places.shape != flat.shape or not np.all((places >= 0) & (places < count)):
        return []
    entries = np.full(count, np.nan)
    entries[places.astype(int)] = flat
    return [(node, entries[ids.astype(int)].reshape(ids.shape)) for node, ids in numbered.items()]


def _solved(operation: Operation, position: int, wanted: Array, base: Run) -> Array | None:
    """Return what an operand must be for an operation to give a value; None where that is open."""
    other = operation.args[1 - position]
    value = base.env[other.node] if type(other) is Ref else other
    if not is_differentiable(value) and type(value) is not int:
        return None
    function, x = operation.function, np.asarray(value, float)
    if isinstance(value, np.matrix) or not _spreads(x.shape, wanted.shape):
        return None
    solved: Array | None = None
    with np.errstate(all="ignore"):
        if function in MULTIPLY:
            solved = np.where(x != 0, wanted / x, np.nan)
        elif function in DIVIDE:
            solved = wanted * x if position == 0 else np.where(wanted != 0, x / wanted, np.nan)
        elif function in ADD:
            solved = wanted - x
        elif function in SUBTRACT:
            solved = wanted + x if position == 0 else x - wanted
    return solved


def _spreads(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    """Whether an array of a shape broadcasts to another shape as it is."""
    pairs = zip(shape[::-1], to[::-1], strict=False)
    return len(shape) <= len(to) and all(n in (1, m) for n, m in pairs)
