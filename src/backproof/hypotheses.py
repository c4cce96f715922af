"""The costs that gradients may belong to: the program's own scalars, and registered ones."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backproof.arithmetic import ADD, MULTIPLY, NEGATE, SUBTRACT, is_in, keeps
from backproof.calculus.adjoint import is_differentiable
from backproof.carries import Carries, carries_of, dependence
from backproof.costs import COSTS, pairs, total
from backproof.roles import Parameter
from backproof.trace.appended import append, is_appended, site_like
from backproof.trace.primitives import strided_view
from backproof.trace.site import SITES
from backproof.trace.tape import Operation, Ref, Run, Tape, map_refs
from backproof.updates import is_shared

#: Executions of one expression that are summed to a cost (samples of a step, time steps).
MOST_EXECUTIONS = 5_000
#: Places in the source where output meets labels.
MOST_JOINS = 4


@dataclass(frozen=True, slots=True)
class Join:
    """A place where data first meets a value of all parameters: ``A - Y``, ``Y / A``.

    `labels` is the node of the data. Where there is none, `given` holds them: an int, or
    the one-hot rows of class indices (``P[range(n), y] -= 1``).
    """

    output: int
    labels: int | None
    given: Any
    operation: int


@dataclass(slots=True)
class Hypothesis:
    """A cost that the gradients may belong to.

    A scalar of the program, or a registered cost (`registered`) where output and labels meet
    (`joins`); both are a `node` of the tape. ``after`` is true where the cost was computed with the
    updated parameters.
    """

    title: str
    node: int
    joins: tuple[Join, ...] = ()
    after: bool = False
    line: int = 0
    own: bool = False
    """The program computes this cost for its own sake, in the step's forward pass."""
    exact: bool = False
    """The gradients are promised to be those of this very cost: no scale, no other cost."""
    seed: int | None = None
    """The node whose value is the cotangent of `node`, where that is no scalar."""
    held: frozenset[int] = frozenset()
    """Nodes that the cost does not vary through: what another cost's update made."""
    any_cost: bool = False
    """The node is the one output of a sample: under any cost of it gradients are multiples."""
    edited: Mapping[int, Operation] = field(default_factory=dict)
    """Operations of the cost as they are meant: without an epsilon."""

    @property
    def registered(self) -> bool:
        """Whether the program itself computes no such cost."""
        return bool(self.joins)

    def seeds(self, run: Run) -> dict[int, Any] | None:
        """Return the cotangents that start the sweep; None where the cost has no value."""
        value = run.env[self.node]
        if self.seed is not None:
            given = run.env[self.seed]
            return None if given is None or value is None else {self.node: given}
        if value is None or (self.registered and not np.isfinite(value)):
            return None
        one = type(value) is float or np.ndim(value) == 0
        return {self.node: 1.0 if one else np.ones(np.shape(value))}


def program_costs(tape: Tape, params: Sequence[Parameter], limit: int = 12) -> list[Hypothesis]:
    """Return the scalars of the step that depend on parameters and do not feed the updates.

    An expression that is evaluated several times in the step, once for each sample, stands for the
    sum of its values as well.
    """
    new = {n for p in params for n in p.new}
    bits = {n: 1 << i for i, p in enumerate(params) for n in p.old}
    bits_new = {n: 1 << i for i, p in enumerate(params) for n in p.new}
    reach_old = dependence(tape, bits, 0, len(tape.operations))
    reach_new = _dependence_after(tape, bits_new)
    feeding = tape.ancestors(new)
    shared = {n for n in feeding if reach_old.get(n)} - set(bits) - new
    carries = carries_of(tape)
    read = data_read(tape, feeding, set(bits) | new)
    fed = {o.site for o in tape.operations if o.out in feeding and o.where.kind.startswith("aug")}
    """Statements that accumulate gradients: a constant's gradient, which feeds nothing, is no cost."""
    found: list[tuple[int, int, Hypothesis]] = []
    executions: dict[tuple[int, bool], list[int]] = {}
    for operation in reversed(tape.operations):
        out = operation.out
        obj = tape.nodes[out].obj
        if is_appended(operation):
            continue
        if out in feeding or np.size(obj) != 1 or not is_differentiable(obj) or out in new:
            continue
        if is_in(operation.function, ROUNDING):
            continue
        users = {tape.operations[index].site for index in tape.users[out]}
        if not fed.isdisjoint({operation.site, *users}):
            continue
        if out in carries.merged and _moves(tape, carries, out):
            continue
        after = reach_new.get(out, 0)
        mask = after or reach_old.get(out, 0)
        if not mask:
            continue
        hypothesis = Hypothesis(
            _title(operation), out, after=bool(after), line=operation.where.span.line
        )
        if not OTHER_SCALARS.search(hypothesis.title.lower()) and is_terminal(tape, out):
            before = tape.ancestors([out])
            hypothesis.own = not shared.isdisjoint(before) or (
                bool(read) and data_read(tape, before, set(bits) | new) == read
            )
        found.append((bin(mask).count("1"), out, hypothesis))
        executions.setdefault((operation.site, bool(after)), []).append(out)
    found.sort(key=lambda item: (not item[2].own, -item[0], -item[1]))
    chosen: list[Hypothesis] = []
    sums: list[Hypothesis] = []
    seen: dict[int, int] = {}
    for _, out, hypothesis in found:
        site = tape.operations[tape.nodes[out].operation or 0].site
        if seen.get(site, 0) >= 2:
            continue
        seen[site] = seen.get(site, 0) + 1
        chosen.append(hypothesis)
        members = executions[site, hypothesis.after]
        if seen[site] == 1 and 1 < len(members) <= MOST_EXECUTIONS:
            sums.append(_summed(tape, hypothesis, members[::-1]))
        if len(chosen) >= limit:
            break
    return chosen + sums


def _moves(tape: Tape, carries: Carries, node: int) -> bool:
    """Whether a scalar is an old value moved by what depends on it: no total, but a parameter."""
    return any(
        source in tape.ancestors([delta])
        for source in carries.carry[node]
        if not is_shared(tape.nodes[source].obj)
        for _, delta in carries.merges(node, source)
    )


def is_terminal(tape: Tape, node: int) -> bool:
    """Whether nothing but totals, comparisons and other forms of a scalar is made of it."""
    for index in tape.users[node]:
        user = tape.operations[index]
        if type(tape.nodes[user.out].obj) in (bool, np.bool_):
            continue
        if keeps(user) or is_in(user.function, ROUNDING):
            if not is_terminal(tape, user.out):
                return False
        elif (user.function not in ADD and user.function not in SUBTRACT) or any(
            n != node and tape.nodes[n].operation is not None for n in user.inputs
        ):
            return False  # a total, or the progress since the step before, has only old parts
    return True


def data_read(tape: Tape, nodes: set[int], params: set[int]) -> set[tuple[int, tuple[int, ...]]]:
    """Return which arrays of data are read on the way to some values, and in which shapes.

    A cost over all samples reads another shape of the data than a step over a batch of them.
    """
    found = set()
    for operation in tape.operations:
        if operation.out not in nodes:
            continue
        for node in operation.inputs:
            leaf = node
            while (made := tape.producer(leaf)) is not None and made.function in VIEWS:
                leaf = made.inputs[0]
            obj = tape.nodes[leaf].obj
            if tape.nodes[leaf].operation is not None or leaf in params or not np.ndim(obj):
                continue
            if operation.function not in VIEWS and is_differentiable(obj):
                found.add((leaf, np.shape(tape.nodes[node].obj)))
    return found


#: Functions that use only the shape of their argument.
EMPTY = {np.zeros_like, np.ones_like, np.empty_like, np.full_like}
#: What a scalar is printed through.
ROUNDING = {round, np.round, np.around}
#: Operations that pick a part of the data.
VIEWS = {operator.getitem, strided_view, np.take}
#: Scalars that programs print besides their cost.
OTHER_SCALARS = re.compile(
    r"\b(acc\w*|\w*correct\w*|norm|\w*grad\w*|rewards?|scores?|rate|count|precision|recall)\b"
)


def _summed(tape: Tape, hypothesis: Hypothesis, members: Sequence[int]) -> Hypothesis:
    """Return the sum of several executions of a cost's expression."""
    last = tape.producer(hypothesis.node)
    assert last is not None
    args = tuple(Ref(n) for n in members)
    node = append(tape, total, args, site_like(last.site))
    return Hypothesis(
        hypothesis.title, node, after=hypothesis.after, line=hypothesis.line, own=hypothesis.own
    )


def _dependence_after(tape: Tape, bits: dict[int, int]) -> dict[int, int]:
    """Dependence on updated values only (the update itself is where it starts)."""
    depends = dict(bits)
    for operation in tape.operations:
        if operation.out in bits:
            continue
        mask = 0
        for node in operation.inputs:
            mask |= depends.get(node, 0)
        if mask:
            depends[operation.out] = mask
    return depends


def _title(operation: Operation) -> str:
    where = operation.where
    if where.targets and where.is_value:
        return where.targets[0]
    return where.text


# ---- outputs, labels and registered costs ------------------------------------------------------


def output_joins(tape: Tape, params: Sequence[Parameter], limit: int) -> list[Join]:
    """Return the places where labels meet the output; the author's backward pass begins there.

    Numbers count as labels only where they are subtracted (``target - output`` of one sample); they
    come last, since the derivative ``1 - a`` looks the same.
    """
    # Neurons of numbers that one statement updates count as one: an output has its own weights.
    kinds: dict[object, int] = {}
    bits = {}
    for parameter in params:
        for update in parameter.updates:
            scalar = np.ndim(tape.nodes[update.old].obj) == 0
            kind = update.sites(tape) if scalar else update.old
            bits[update.old] = 1 << kinds.setdefault(kind, len(kinds))
    depends = dependence(tape, bits, 0, len(tape.operations))
    counts = {node: mask.bit_count() for node, mask in depends.items()}
    feeding = tape.ancestors([n for p in params for n in p.new])
    full = max((counts.get(n, 0) for n in feeding - {n for p in params for n in p.new}), default=0)
    heads = _heads(tape, depends, full)
    if heads:
        return heads[:limit]
    found: list[Join] = []
    numbers: list[Join] = []
    seen: set[tuple[int, int]] = set()
    for operation in tape.operations:
        if is_appended(operation):
            break
        values = [n for n in operation.inputs if full and counts.get(n, 0) == full]
        if not values:
            continue
        for value in values:
            for labels in operation.inputs:
                if depends.get(labels) or (value, labels) in seen:
                    continue
                if np.size(tape.nodes[value].obj) == 1 and not _compares(tape, operation, value):
                    continue
                if _fits(tape, value, labels):
                    seen.add((value, labels))
                    found.append(Join(value, labels, 0.0, operation.index))
        if operation.function is operator.sub and type(tape.nodes[values[0]].obj) is float:
            number = [a for a in operation.args if type(a) is int]
            if number:
                numbers.append(Join(values[0], None, float(number[0]), operation.index))
        marked = _marked(tape, operation, values)
        if marked is not None:
            found.append(marked)
        if len(found) >= limit:
            break
    return [*found, *numbers][:limit]


def _heads(tape: Tape, depends: dict[int, int], full: int) -> list[Join]:
    """Return the joins of outputs that depend on some parameters each, and together on all.

    None where an output depends on all of them: then there is one head, and what meets data before
    it (a normalisation, a mask) is no output.
    """
    found: list[tuple[int, Join]] = []
    below: set[int] = set()
    for operation in tape.operations:
        if is_appended(operation):
            break
        if any(n in below for n in operation.inputs):
            below.add(operation.out)
            continue
        values = [n for n in operation.inputs if depends.get(n, 0)]
        if not values:
            continue
        mask = depends[values[0]]
        join = _marked(tape, operation, values)
        if join is None and operation.function in SUBTRACT:
            labels = next((n for n in operation.inputs if not depends.get(n)), None)
            if labels is not None and np.ndim(tape.nodes[labels].obj) and _fits(
                tape, values[0], labels
            ):
                join = Join(values[0], labels, 0.0, operation.index)
        if join is not None:
            if mask.bit_count() == full:
                return []
            found.append((mask, join))
            below.add(operation.out)
    masks = {mask for mask, _ in found}
    together = 0
    for mask in masks:
        together |= mask
    return [join for _, join in found] if together.bit_count() == full and len(masks) > 1 else []


def _marked(tape: Tape, operation: Operation, values: Sequence[int]) -> Join | None:
    """Return the join where the entries of the classes lose one: ``P[range(n), y] -= 1``."""
    if operation.function not in ADD and operation.function not in SUBTRACT:
        return None
    if not any(_is_one(tape, a) for a in operation.args):
        return None
    picked = tape.producer(values[0])
    if picked is None or picked.function is not operator.getitem or not picked.inputs:
        return None
    output = picked.inputs[0]
    made = tape.producer(output)
    if made is not None and made.function in NEGATE:
        output = made.inputs[0]
    classes = np.zeros(np.shape(tape.nodes[output].obj))
    key = map_refs(picked.args[1], lambda ref: tape.value(ref.node))
    try:
        classes[key] = 1.0
    except (IndexError, TypeError, ValueError):
        return None
    whole = np.count_nonzero(classes) == classes.size
    return None if classes.ndim == 0 or whole else Join(output, None, classes, operation.index)


def _is_one(tape: Tape, value: Any) -> bool:
    if type(value) is Ref and tape.nodes[value.node].operation is None:
        value = tape.nodes[value.node].obj
    return type(value) in (int, float) and value == 1


def _compares(tape: Tape, operation: Operation, value: int) -> bool:
    """Whether an operation of single numbers joins output and label: no rate times a gradient."""
    if operation.function in SUBTRACT:
        return True
    made = tape.producer(value)
    name = getattr(made.function, "__name__", "") if made is not None else ""
    return operation.function in MULTIPLY and name == "log"


def _fits(tape: Tape, value: int, labels: int) -> bool:
    a, y = tape.nodes[value].obj, tape.nodes[labels].obj
    if not isinstance(y, (np.ndarray, np.generic, float)):
        return False
    made = tape.producer(labels)
    while made is not None and is_in(made.function, VIEWS) and made.inputs:
        made = tape.producer(made.inputs[0])
    if made is not None and (not made.inputs or is_in(made.function, EMPTY)):
        return False  # an accumulator that starts with zeros
    return np.shape(a) == np.shape(y) or np.size(a) == np.size(y) == 1


def bare_output(tape: Tape, params: Sequence[Parameter]) -> Hypothesis | None:
    """Return the one number that a step over one sample puts out, where it has no cost of its own.

    Whatever the cost is, its gradients are one factor times those of the output.
    """
    bits = {u.old: 1 << i for i, p in enumerate(params) for u in p.updates}
    depends = dependence(tape, bits, 0, len(tape.operations))
    feeding = tape.ancestors([n for p in params for n in p.new])
    for operation in tape.operations:
        out = operation.out
        if out not in feeding or depends.get(out, 0).bit_count() < len(params):
            continue
        if np.size(tape.nodes[out].obj) != 1 or not is_differentiable(tape.nodes[out].obj):
            return None
        return Hypothesis(
            f"a cost of {_title(operation)}", out, (Join(out, None, 0.0, operation.index),),
            line=operation.where.span.line, any_cost=True,
        )  # fmt: skip
    return None


def registry(tape: Tape, params: Sequence[Parameter]) -> list[Hypothesis]:
    """Return the registered costs of the outputs and labels of a step.

    All executions of one expression belong to one cost: the samples of a batch, the time steps.
    """
    groups: dict[int, list[Join]] = {}
    for join in output_joins(tape, params, limit=MOST_EXECUTIONS):
        groups.setdefault(tape.operations[join.operation].site, []).append(join)
    found = []
    for site, joins in list(groups.items())[:MOST_JOINS]:
        args = tuple(
            a
            for j in joins
            for a in (Ref(j.output), j.given if j.labels is None else Ref(j.labels))
        )
        values = [tape.value(a.node) if type(a) is Ref else a for a in args]
        for cost in COSTS:
            if all(cost.applies(a, y) for a, y in pairs(values)):
                node = append(tape, cost, args, site_like(site))
                line = SITES[site].span.line
                found.append(Hypothesis(cost.title, node, tuple(joins), line=line))
    return found
