"""The costs that gradients may belong to: the program's own scalars, and registered ones."""

from __future__ import annotations

import operator
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backproof.arithmetic import ADD, DIVIDE, MULTIPLY, SIZES, SUBTRACT, is_in, is_squared, keeps
from backproof.calculus.adjoint import is_differentiable
from backproof.carries import Carries, carries_of, dependence
from backproof.controls import decides
from backproof.costs import total
from backproof.entries import STORES
from backproof.joins import Join, compared
from backproof.reads import data_read, optimiser_state, reads_arrays
from backproof.roles import Parameter
from backproof.trace.appended import append, is_appended, site_like
from backproof.trace.event import TRUTHS
from backproof.trace.primitives import Method
from backproof.trace.tape import Operation, Ref, Run, Tape
from backproof.updates import is_shared

#: Executions of one expression that are summed to a cost (samples of a step, time steps).
MOST_EXECUTIONS = 5_000
#: Heads of a network whose costs one statement makes, and its executions for one head that count.
MOST_HEADS, MOST_ALIKE = 6, 2
#: Places in the source where output meets labels.
MOST_JOINS = 4


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
    bare: bool = False
    """It reads no data, and others do: a penalty alone."""
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


def program_costs(
    tape: Tape, params: Sequence[Parameter], limit: int = 12, names: Any = None
) -> list[Hypothesis]:  # fmt: skip
    """Return the scalars of the step that depend on parameters and do not feed the updates.

    But for those that are called a cost: the gradient of a root or a quotient is made of its value.

    An expression that is evaluated several times in the step, once for each sample, stands for the
    sum of its values as well. Where there are more than the `limit`, those come first that the
    program calls a cost by `names`: an engine's ``loss.data``.
    """
    new = {n for p in params for n in p.new}
    bits = {n: 1 << i for i, p in enumerate(params) for n in p.old}
    bits_new = {n: 1 << i for i, p in enumerate(params) for n in p.new}
    reach_old = dependence(tape, bits, 0, len(tape.operations))
    reach_new = _dependence_after(tape, bits_new)
    feeding = tape.ancestors(new)
    shared = {n for n in feeding if reach_old.get(n)} - set(bits) - new
    branching = decides(tape, bits)  # then gradients read what branches have let through
    carries, strict = carries_of(tape), None
    read = data_read(tape, feeding, set(bits) | new)
    state = optimiser_state(tape, feeding, params)
    fed = {o.site for o in tape.operations if o.out in feeding and o.where.kind.startswith("aug")}
    """Statements that accumulate gradients: that of a constant feeds nothing, and is no cost."""
    margins, moved = compared(tape), Moved(tape, set(bits))
    differences = [o for o in tape.operations if is_in(o.function, SUBTRACT)]
    residuals = {o.inputs for o in differences if is_squared(tape, o.out)}
    met = {node for inputs in residuals for node in inputs}
    steps = _sizes_of_steps(tape, set(bits) | new)
    found: list[tuple[int, float, int, Hypothesis]] = []
    executions: dict[tuple[int, bool], list[int]] = {}
    told: Counter[tuple[int, bool, int]] = Counter()
    for operation in reversed(tape.operations):
        out, obj = operation.out, tape.nodes[operation.out].obj
        if is_appended(operation) or out in margins:
            continue
        if np.size(obj) != 1 or not is_differentiable(obj) or out in new or out in steps:
            continue
        if out in feeding and not _is_called_a_cost(operation):
            continue
        if operation.where.kind.startswith("aug") and not feeding.isdisjoint(
            s
            for s in carries.carry.get(out, ())
            if s not in bits and not is_shared(tape.nodes[s].obj)
        ):
            continue  # an optimiser's memory: the updates read what it was
        if is_in(operation.function, ROUNDING) or _is_copied(operation):
            continue
        if out in met or (is_in(operation.function, SUBTRACT) and operation.inputs in residuals):
            continue  # outputs, and their differences from labels, whose squares are summed
        users = {tape.operations[index].site for index in tape.users[out]}
        if not fed.isdisjoint({operation.site, *users}):
            continue
        if out in carries.merged and moved.by(carries, out):
            # A factor that depends on parameters is no decay: `λ * np.sum(np.abs(W))` is no old λ.
            strict = strict or Carries(tape, 0, len(tape.operations), moving=reach_old)
            if out in strict.merged and moved.by(strict, out):
                continue
        after = reach_new.get(out, 0)
        mask = after or reach_old.get(out, 0)
        if not mask:
            continue
        kind = operation.site, bool(after), mask
        if told[kind] >= MOST_ALIKE:
            executions[operation.site, bool(after)].append(out)
            continue
        line = operation.where.span.line
        hypothesis = Hypothesis(title_of(operation), out, after=bool(after), line=line)
        other = OTHER_SCALARS.search(hypothesis.title.lower()) or is_progress(tape, out, params)
        if not other and is_terminal(tape, out, reach_old):
            before = tape.ancestors([out])
            also = data_read(tape, before, set(bits) | new) if read else read
            less = branching and dict(read).keys() <= dict(also).keys()
            kept = {found for found in read if found[0] not in state} or read
            same = bool(read) and (also in (read, kept) or less)
            # Gradients of a penalty alone are made of nothing that a cost reads.
            lost = not read and reads_arrays(tape, out, set(bits) | new)
            hypothesis.own = same or lost or not shared.isdisjoint(before)
            told[kind] += hypothesis.own and not is_complement(operation)
        rank = operation.inputs[0] - 0.5 if is_complement(operation) else float(out)
        found.append((bin(mask).count("1"), rank, mask, hypothesis))
        executions.setdefault((operation.site, bool(after)), []).append(out)
    called = set()
    if names is not None and len(found) > limit:
        paths = {h.node: names.path(tape.nodes[h.node].obj) or "" for *_, h in found}
        called = {n for n, path in paths.items() if any(map(CALLED.fullmatch, path.split(".")))}
    found.sort(key=lambda f: (not f[3].own, f[3].node not in called, -f[0], -f[1]))
    chosen: list[Hypothesis] = []
    sums: list[Hypothesis] = []
    seen: Counter[int] = Counter()
    reached: set[tuple[int, int]] = set()
    for _, _, mask, hypothesis in found:
        out = hypothesis.node
        site = tape.operations[tape.nodes[out].operation or 0].site
        another = (site, mask) not in reached  # one statement may make the costs of several heads
        if seen[site] >= (MOST_HEADS if another else MOST_ALIKE):
            continue
        reached.add((site, mask))
        seen[site] += 1
        chosen.append(hypothesis)
        members = executions[site, hypothesis.after]
        if seen[site] == 1 and 1 < len(members) <= MOST_EXECUTIONS:
            sums.append(summed(tape, hypothesis, members[::-1]))
        if len(chosen) >= limit:
            break
    every = chosen + sums
    reading = [reads_arrays(tape, h.node, set(bits) | new) for h in every]
    # An optimiser's memory reads an array, too: its own. So does a norm that gradients are cut to.
    gradients = {n for p in params for level in p.levels for n in level.nodes}
    some = any(
        reads
        and ((h.own and not _is_made_of(tape, h, gradients, new)) or CALLED.fullmatch(h.title))
        for h, reads in zip(every, reading, strict=True)
    )
    for hypothesis, reads in zip(every, reading, strict=True):
        hypothesis.bare = some and not reads
    return every


def _sizes_of_steps(tape: Tape, values: set[int]) -> set[int]:
    """Return what measures how far a step goes: ``max(abs(new[i] - old[i]) for i in range(n))``."""
    found: set[int] = set()
    for operation in tape.operations:
        inputs = set(operation.inputs)
        apart = is_in(operation.function, SUBTRACT) and len(inputs) == 2
        if inputs and (inputs <= found or (apart and inputs <= values)):
            found.add(operation.out)
    return found


def _is_made_of(tape: Tape, hypothesis: Hypothesis, gradients: set[int], new: set[int]) -> bool:
    """Whether a value is made of the gradients of its step, and not of what these have updated."""
    return not gradients.isdisjoint(tape.ancestors([hypothesis.node], stop=new))


def is_complement(operation: Operation) -> bool:
    """Whether a value is a number less another: ``accuracy = 1 - error``."""
    numbers = is_in(operation.function, SUBTRACT) and len(operation.inputs) == 1
    return numbers and type(operation.args[0]) is not Ref


def _is_called_a_cost(operation: Operation) -> bool:
    """Whether an assignment calls a value a cost; an `error` may be a difference."""
    where = operation.where
    return where.is_value and len(where.targets) == 1 and bool(CALLED.fullmatch(where.targets[0]))


def _is_copied(operation: Operation) -> bool:
    """Whether a call has taken a value out of an array: ``a.tolist()``, ``np.vectorize(f)(a)``."""
    where, function = operation.where, operation.function
    if where.kind not in ("call", "method"):
        return False
    taken = function is operator.getitem and isinstance(operation.args[1], tuple)
    return taken or (function == Method("item") and where.op == "tolist")


class Moved:
    """Which scalars are old values moved by what depends on them: no totals, but parameters.

    What an entry of an array enters is not moved: `start[y[0]] + ...` is the score of a path. Nor
    are the known `parameters`, whose new values are others: `0.5 * e * e + log_scale` is a cost.
    """

    def __init__(self, tape: Tape, parameters: Collection[int]) -> None:
        self.tape, self.parameters = tape, parameters
        self._bits: dict[int, int] = {}
        self._depends: dict[int, int] = {}

    def by(self, carries: Carries, node: int) -> bool:
        """Whether a scalar is such a value, by what it holds of old ones."""
        sources = [source for source in carries.carry[node] if self._is_number(source)]
        new = [source for source in sources if source not in self._bits]
        if new:  # all that is held anywhere, at once
            known = {s for held in carries.carry.values() for s in held if self._is_number(s)}
            self._bits = {s: 1 << i for i, s in enumerate({*known, *new, *self._bits})}
            self._depends = dependence(self.tape, self._bits, 0, len(self.tape.operations))
        return any(
            self._depends.get(delta, 0) & self._bits[source]
            for source in sources for _, delta in carries.merges(node, source)
        )  # fmt: skip

    def _is_number(self, node: int) -> bool:
        obj = self.tape.nodes[node].obj
        return np.size(obj) == 1 and not is_shared(obj) and node not in self.parameters


def is_progress(tape: Tape, node: int, params: Sequence[Parameter]) -> bool:
    """Whether a scalar compares a cost with an earlier one: ``abs(previous - current)``."""
    values = {n for p in params for n in (*p.old, *p.new)}
    sized = False
    operation = tape.producer(node)
    while operation is not None:
        if is_in(operation.function, SUBTRACT):
            # Without its size, it is a total that is counted down.
            return sized and not all(tape.ancestors([n]) & values for n in operation.inputs)
        size = is_in(operation.function, SIZES)
        if not (size or keeps(operation)):
            return False  # the square of a difference is an error
        sized = sized or size
        operation = tape.producer(operation.inputs[0])
    return False


def is_terminal(tape: Tape, node: int, depends: Mapping[int, int]) -> bool:
    """Whether nothing but totals, averages and other forms of a scalar is made of it.

    `depends` holds for each node the parameters, as bits, that it depends on.
    """
    stack = [node]
    while stack:
        node = stack.pop()
        for index in tape.users[node]:
            user = tape.operations[index]
            if type(tape.nodes[user.out].obj) in TRUTHS:
                continue
            others = [n for n in user.inputs if n != node]
            if is_in(user.function, ADD | SUBTRACT):
                direct = [a.node for a in user.args if type(a) is Ref]
                if node not in direct:  # `totals += loss, penalty`: each has a total of its own
                    others = [n for n in others if n in direct]
                # A total, or the progress since the step before, has only old parts.
                others = [n for n in others if tape.nodes[n].operation is not None]
                if not others:
                    if is_in(user.function, SUBTRACT) and is_squared(tape, user.out):
                        return False  # from a label
                    continue
                hands_on = _are_numbers(tape, others, node, depends)
            else:
                hands_on = keeps(user) or is_in(user.function, ROUNDING) or _is_record(user, node)
                if not hands_on and is_in(user.function, MULTIPLY | DIVIDE):
                    hands_on = _are_numbers(tape, others, node, depends)
            if not hands_on:
                return False
            stack.append(user.out)
    return True


def _is_record(operation: Operation, node: int) -> bool:
    """Whether a value is written into an array, or read from it: ``history[i] = cost``."""
    if is_in(operation.function, STORES):
        return type(operation.args[-1]) is Ref and operation.args[-1].node == node
    return operation.function is operator.getitem


def _are_numbers(
    tape: Tape, nodes: Sequence[int], node: int, depends: Mapping[int, int]
) -> bool:  # fmt: skip
    """Whether values come of numbers alone that have no part in another: ``len(batch)``."""
    if any(depends.get(n, 0) & depends.get(node, 0) for n in nodes):
        return False
    before = tape.ancestors(nodes)
    if not all(np.size(tape.nodes[n].obj) == 1 for n in before):
        return False
    # What depends on a parameter is behind the other value only if that depends on it, too.
    given = {n for n in before if not depends.get(n, 0)}
    return not given or given.isdisjoint(tape.ancestors([node]))


#: What programs call a cost that their gradients are made of.
CALLED = re.compile(r"(\w*[._])?((?i:loss|cost|energy|rmse|objective|nll)\w{0,2}|[EJ])")
#: What a scalar is printed through.
ROUNDING = {round, np.round, np.around}
#: Scalars that programs print besides their cost.
OTHER_SCALARS = re.compile(
    r"\b(acc\w*|\w*correct\w*|norm|\w*grad\w*|rewards?|scores?|rate|count|precision|recall)\b"
)


def summed(tape: Tape, hypothesis: Hypothesis, members: Sequence[int]) -> Hypothesis:
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


def title_of(operation: Operation) -> str:
    """Return what a cost is called, or its expression."""
    where = operation.where
    taken = re.match(r"[\w.]+\s*-=", where.file.slice(where.statement))
    if where.targets and where.is_value and (taken is None or where.kind.startswith("aug")):
        return where.targets[0]
    return where.text  # `loss -= float(...)` calls the sum `loss`, and not what it loses
