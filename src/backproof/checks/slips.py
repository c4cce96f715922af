"""What an optimiser keeps from step to step, and what nobody means to be done with it.

``v = lr·g - μ·v`` turns a momentum round in every step, ``vb2 = μ·vb3 - …`` goes on from that of
another parameter, ``m = β + (1 - β)·g`` keeps a number in place of the average, ``c = β·c`` is fed
no more, and ``√v - ε`` takes away what is to keep a divisor from zero.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.arithmetic import ADD, DIVIDE, MULTIPLY, SUBTRACT, covers, is_in, keeps
from backproof.carries import carries_of
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import author_value
from backproof.checks.places import Place, statement_of
from backproof.trace.primitives import Method
from backproof.trace.site import Site
from backproof.trace.tape import Operation, Ref, Tape

#: What an average keeps of its old self, at least: less is another kind of number.
LEAST = 0.3
#: What an epsilon is, at most.
EPSILON = 1e-2
#: Entries that must agree, and how well.
ENTRIES, EQUAL = 3, 1e-7
#: The share that an average adds: ``(1 - beta2)``.
SHARE = re.compile(r"\(\s*1(\.0*)?\s*-\s*[\w.]+\s*\)")
ROOTS: frozenset[Any] = frozenset({np.sqrt, math.sqrt, Method("sqrt")})
#: What arrays of zeros are made by.
BLANK: frozenset[Any] = frozenset({np.zeros, np.zeros_like})


@dataclass(frozen=True, slots=True)
class Slip:
    """One contradiction; parameters that share place and reason are told of together."""

    place: Place
    cause: str
    reason: str
    help: str
    certain: bool = True
    """Others of the run have it right, or nobody would mean it."""
    lasting: bool = False
    """It says something only where every step after the first shows it."""


def misused(evidence: StepEvidence, index: int) -> Iterator[Slip]:
    """Find what is done to the averages that a parameter with a right gradient is moved by."""
    tape, fit = evidence.tape, evidence.fit
    assert fit is not None
    parameter = evidence.params[index]
    if len(parameter.updates) != 1:
        return
    level = max(n for n, _, _ in (fit.chosen[index], *fit.matches[index].scales))
    values = (author_value(evidence.run, parameter, n) for n in range(level, -1, -1))
    own = [v for v in values if v is not None and v.size >= ENTRIES and np.any(v)]
    shape = np.shape(tape.nodes[parameter.old[0]].obj)
    forward = set() if fit.hypothesis.after else tape.ancestors([fit.hypothesis.node])
    for node in sorted(tape.ancestors([parameter.updates[0].new]) - forward):
        made = tape.producer(node)
        if made is None or np.shape(tape.nodes[node].obj) != shape or len(made.args) != 2:
            continue
        for slip in (
            _turned(evidence, made, own), _of_another(evidence, made, own),
            _numbered(evidence, made, own), _unfed(evidence, made), _less_epsilon(evidence, made),
            _forgotten(evidence, made, own), _undecayed(evidence, made, own),
            _fed_a_number(evidence, made), _of_now(evidence, made, own),
            _of_size(evidence, made, own),
        ):  # fmt: skip
            if slip is not None:
                yield slip


def _turned(evidence: StepEvidence, made: Operation, own: list[Any]) -> Slip | None:
    """``v = lr·g - μ·v``."""
    added, kept = made.args
    if not is_in(made.function, SUBTRACT) or not type(added) is type(kept) is Ref:
        return None
    target = _kept_by(made.where)
    carried = carries_of(evidence.tape).of(kept)
    if not target or not any(f >= LEAST for f in carried.values()):
        return None
    if not _reads(evidence.tape.producer(kept.node), target):
        return None
    if not _is_share(evidence.run.env[added.node], own):
        return None
    return Slip(
        statement_of(made.where), "wrong-sign",
        f"`{target}` takes its old value away, and so turns round in every step",
        f"add what is kept of `{target}`",
    )  # fmt: skip


def _of_size(evidence: StepEvidence, made: Operation, own: list[Any]) -> Slip | None:
    """``v = β·v + (1 - β)·|g|``, of which the root is taken as if it were of ``g²``."""
    tape = evidence.tape
    if not is_in(made.function, ADD):
        return None
    for kept, added in (made.args, made.args[::-1]):
        if type(kept) is not Ref or type(added) is not Ref:
            continue
        carried = carries_of(tape).of(kept)
        value = evidence.run.env[added.node]
        if not any(f >= LEAST for f in carried.values()) or _is_share(value, own):
            continue
        rooted = any(is_in(o.function, ROOTS) for o in tape.makers(tape.reach([made.out])))
        sizes = [np.abs(g) for g in own if np.ptp(np.sign(g)) and np.ptp(np.abs(g))]
        if rooted and _is_share(value, sizes) and not _is_share(value, [g * g for g in own]):
            return Slip(
                statement_of(made.where), "wrong-operand",
                "it divides by the root of an average of the gradient's size, not of its square",
                "average the square of the gradient",
            )  # fmt: skip
    return None


def _of_another(evidence: StepEvidence, made: Operation, own: list[Any]) -> Slip | None:
    """``vb2 = μ·vb3 - lr·db2``, while ``vb3`` goes on from itself."""
    tape = evidence.tape
    target = _kept_by(made.where)
    if not target or not is_in(made.function, ADD | SUBTRACT):
        return None
    for kept, added in (made.args, made.args[::-1]):
        if type(kept) is not Ref or type(added) is not Ref:
            continue
        scaling = tape.producer(kept.node)
        if scaling is None or not is_in(scaling.function, MULTIPLY) or len(scaling.args) != 2:
            continue
        named = [
            (text, a.node) for text, a in zip(scaling.where.operands, scaling.args, strict=False)
            if type(a) is Ref and np.ndim(tape.nodes[a.node].obj)
        ]  # fmt: skip
        if len(named) != 1 or named[0][0] == target or tape.producer(named[0][1]) is not None:
            continue
        ((name, source),) = named
        if any(source in parameter.old for parameter in evidence.params):
            continue  # a penalty
        if not _is_share(evidence.run.env[added.node], own):
            continue
        for index in tape.users[source]:  # whose it is goes on from it as well
            other = tape.operations[index]
            merged = [tape.operations[i] for i in tape.users[other.out]]
            if any(_kept_by(m.where) == name and m is not made for m in merged):
                return Slip(
                    statement_of(made.where), "wrong-operand",
                    f"`{target}` goes on from `{name}`, the average of another parameter",
                    f"keep a share of `{target}` itself",
                )  # fmt: skip
    return None


def _numbered(evidence: StepEvidence, made: Operation, own: list[Any]) -> Slip | None:
    """``m = β + (1 - β)·g``."""
    if not is_in(made.function, ADD) or not _kept_by(made.where):
        return None
    for number, added in (made.args, made.args[::-1]):
        value = evidence.run.env[number.node] if type(number) is Ref else number
        if type(added) is not Ref or np.size(value) != 1 or np.shape(value):
            continue
        share = _share(evidence.run.env[added.node], [*own, *(v * v for v in own)])
        if share is not None and LEAST < float(value) < 1 and abs(share + value - 1) < EQUAL:
            return Slip(
                statement_of(made.where), "missing-factor",
                f"`{made.where.targets[0]}` keeps the number {float(value):g} itself, not that "
                "share of its old value",
                f"multiply it by `{made.where.targets[0]}`",
            )  # fmt: skip
    return None


def _unfed(evidence: StepEvidence, made: Operation) -> Slip | None:
    """``cache = β·cache``, whose root a step is divided by."""
    tape = evidence.tape
    target = _kept_by(made.where)
    if not target or not is_in(made.function, MULTIPLY) or not _reads(made, target):
        return None
    kept = carries_of(tape).carry.get(made.out, {})
    if len(kept) != 1 or made.out in carries_of(tape).merged:
        return None
    ((source, factor),) = kept.items()
    used = [tape.operations[i] for i in tape.users[made.out]]
    if tape.producer(source) is not None or not LEAST < factor < 1:
        return None
    if not any(is_in(o.function, ROOTS) for o in used):
        return None
    return Slip(
        statement_of(made.where), "missing-term",
        f"`{target}` only decays: nothing of the gradient is added to it",
        f"add {1 - factor:g} of the squared gradient",
    )  # fmt: skip


def _fed_a_number(evidence: StepEvidence, made: Operation) -> Slip | None:
    """``cache = β·cache + (1 - β)``."""
    target = _kept_by(made.where)
    if not target or not is_in(made.function, ADD) or np.size(evidence.run.env[made.out]) == 1:
        return None
    for kept, added in (made.args, made.args[::-1]):
        number = evidence.run.env[added.node] if type(added) is Ref else added
        factors = list(carries_of(evidence.tape).of(kept).values())
        if np.shape(number) or len(factors) != 1 or not LEAST < factors[0] < 1:
            continue
        if abs(float(number) + factors[0] - 1) < EQUAL:
            return Slip(
                statement_of(made.where), "missing-factor",
                f"`{target}` is the average of a number: nothing of the gradient is added to it",
                f"add {1 - factors[0]:g} of the squared gradient",
            )  # fmt: skip
    return None


def _of_now(evidence: StepEvidence, made: Operation, own: list[Any]) -> Slip | None:
    """``cache = g * g``, ``s = (1 - β) * g**2``, whose root a step is divided by."""
    tape, target = evidence.tape, _kept_by(made.where)
    if not target or carries_of(tape).carry.get(made.out) or not _is_rooted(tape, made.out):
        return None
    share = _share(evidence.run.env[made.out], [v * v for v in own])
    if share is None:
        return None
    is_average = share < LEAST and SHARE.search(made.where.file.slice(made.where.statement))
    is_sum = abs(share - 1) < EQUAL and not target.isidentifier()
    if not is_average and not is_sum:
        return None
    return Slip(
        statement_of(made.where), "missing-term",
        f"`{target}` holds the square of this step's gradient only: nothing of earlier ones",
        f"keep {1 - share:g} of the old value" if is_average else "add to the old value",
        lasting=True,
    )  # fmt: skip


def _is_rooted(tape: Tape, node: int) -> bool:
    """Whether the root of a value is taken: of it alone, corrected, or with an epsilon."""
    stack, seen = [node], {node}
    while stack:
        value = stack.pop()
        for index in tape.users[value]:
            user = tape.operations[index]
            if is_in(user.function, ROOTS):
                return True
            arrays = sum(np.size(tape.nodes[n].obj) > 1 for n in user.inputs)
            alone = is_in(user.function, ADD | DIVIDE) and arrays <= 1 and user.inputs[0] == value
            if (alone or covers(user) or keeps(user)) and user.out not in seen:
                seen.add(user.out)
                stack.append(user.out)
    return False


def _undecayed(evidence: StepEvidence, made: Operation, own: list[Any]) -> Slip | None:
    """``v = v + (1 - β)·g·g``, the share of an average that would keep β of its old self."""
    tape, text = evidence.tape, made.where.file.slice(made.where.statement)
    if not is_in(made.function, ADD) or not SHARE.search(text):
        return None
    for kept, added in (made.args, made.args[::-1]):
        if not type(kept) is type(added) is Ref or tape.producer(kept.node) is not None:
            continue
        if kept.node in tape.ancestors([added.node]) or not _reads(made, _kept_by(made.where)):
            continue  # ``m + (1 - β)·(g - m)`` decays
        share = _share(evidence.run.env[added.node], [v * v for v in own])
        if share is not None and 0 < share < LEAST:
            name = _kept_by(made.where)
            return Slip(
                statement_of(made.where), "missing-factor",
                f"`{name}` keeps all of its old value, and adds {share:g} of the squared gradient",
                f"keep {1 - share:g} of the old value",
            )  # fmt: skip
    return None


def _less_epsilon(evidence: StepEvidence, made: Operation) -> Slip | None:
    """``g / (√v - ε)``."""
    tape, divisor = evidence.tape, made.args[1]
    below = tape.producer(divisor.node) if type(divisor) is Ref else None
    if not is_in(made.function, DIVIDE) or below is None or not is_in(below.function, SUBTRACT):
        return None
    root, epsilon = below.args[:2]
    value = evidence.run.env[epsilon.node] if type(epsilon) is Ref else epsilon
    over = tape.producer(root.node) if type(root) is Ref else None
    if over is None or not is_in(over.function, ROOTS) or np.size(value) != 1:
        return None
    if not 0 < float(np.sum(value)) <= EPSILON:
        return None
    return Slip(
        Place(below.where.file, below.where.span), "wrong-sign",
        f"`{below.where.text}` takes the epsilon away that is to keep the divisor from zero",
        "add the epsilon",
    )  # fmt: skip


def _forgotten(evidence: StepEvidence, made: Operation, own: list[Any]) -> Slip | None:
    """``mem = mem + g*g`` of a loop's `mem`, which stays zero; ``v = zeros; v = μ·v - η·g``."""
    tape, names = evidence.tape, evidence.names
    if not evidence.step or not is_in(made.function, ADD | SUBTRACT):
        return None
    for kept, added in (made.args, made.args[::-1]):
        if not type(kept) is type(added) is Ref or np.any(evidence.run.env[kept.node]):
            continue
        source, scaling = kept.node, tape.producer(kept.node)
        if scaling is not None and is_in(scaling.function, MULTIPLY):
            source = next((n for n in scaling.inputs if np.ndim(tape.nodes[n].obj)), source)
        first, scaled = tape.producer(source), source != kept.node
        if np.any(evidence.run.env[source]):
            continue  # a decay of 0
        if first is None:  # it stays at its place, and what is made of it goes to none
            stays, goes = (names.path(tape.nodes[n].obj) for n in (source, made.out))
            lost = stays is not None and goes is None and not made.mutates
        else:
            lost = is_in(first.function, BLANK)
        if not lost:
            continue
        squares = [v * v for v in own]
        if not _is_share(evidence.run.env[added.node], [*own, *squares] if scaled else squares):
            continue
        name = _kept_by(made.where) or made.where.text
        return Slip(
            statement_of(made.where), "missing-term",
            f"`{name}` begins with zero in every step, so that nothing is kept of earlier ones",
            f"set `{name}` to zero once, before the first step, and keep what becomes of it"
            if first is not None else f"change `{name}` in place, or store it", lasting=True,
        )  # fmt: skip
    return None


def _kept_by(where: Site) -> str:
    """Return what an expression is assigned to, where it is the whole value of a statement."""
    return where.targets[0] if where.is_value and len(where.targets) == 1 else ""


def _reads(operation: Operation | None, name: str) -> bool:
    """Whether an operation has a name or a path among its operands."""
    return operation is not None and any(
        ast.unparse(node) == name
        for text in operation.where.operands for node in _nodes(text)
    )  # fmt: skip


def _nodes(text: str) -> Iterator[ast.expr]:
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError:
        return
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.expr))


def _is_share(value: Any, own: list[Any]) -> bool:
    return _share(value, own) is not None


def _share(value: Any, own: list[Any]) -> float | None:
    """Return the one number that makes a value of one of several vectors."""
    if value is None:
        return None
    flat = np.asarray(value, float).reshape(-1)
    for one in own:
        known = np.abs(one) > 1e-6 * np.max(np.abs(one))
        if one.size != flat.size or np.count_nonzero(known) < ENTRIES:
            continue
        ratios = flat[known] / one[known]
        middle = float(np.median(ratios))
        if middle and np.max(np.abs(ratios / middle - 1)) < EQUAL:
            return middle
    return None
