"""One sign that is turned, where the statements beside it, or what it computes, show which one.

A gradient that goes the wrong way can be turned at any step of its way, and at the update. Three
places are likelier than the update: a bias that the forward pass subtracts where others are added,
a slope that is the negative of one (``s * (s - 1)``), and a sum that takes away what its siblings
add. The step is computed again with the other sign, and all gradients have to be right there.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from backproof.arithmetic import ADD, NEGATE, SUBTRACT, is_in, keeps
from backproof.checks.cause.diagnosis import Diagnosis
from backproof.checks.claims import operand_texts
from backproof.checks.edits.edit import short
from backproof.checks.exclusive import exclusive_call
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import compare
from backproof.checks.sense import meant as meant_way
from backproof.checks.siblings import BIASES, Kept
from backproof.joins import output_joins
from backproof.trace.site import Site
from backproof.trace.tape import Operation, Ref

#: Entries that the gradients must have in all: one number is a multiple of any other.
LEAST_ENTRIES = 3
#: Executions of a site above which it is not tried, and places that are tried.
MOST_EXECUTIONS, MOST_PLACES = 3_000, 12
#: Names of what is subtracted by rights.
THRESHOLDS = re.compile(r"thet|thresh|mean|mu$|cent", re.I)


@dataclass(frozen=True, slots=True)
class Turn:
    """A place whose sign may be turned: what its executions would compute, and what is said."""

    site: Site
    edited: dict[int, Operation]
    cause: str
    reason: str
    found: str
    expected: str
    beside: str = ""
    forward: bool = False


def turned_sign(evidence: StepEvidence) -> tuple[Diagnosis, tuple[int, ...]] | None:
    """Return the sign that makes all gradients right and all updates descend, once it is turned."""
    fit = evidence.fit
    if fit is None or fit.hypothesis.after or sum(m.size for m in fit.matches) < LEAST_ENTRIES:
        return None
    sense = 1.0 if fit.hypothesis.registered else meant_way(evidence)
    against = {i for i, d in fit.directions.items() if d * sense > 0}
    if not fit.wrong and not against:
        return None
    for turn in islice(_turns(evidence, against), MOST_PLACES):
        if _is_right_with(evidence, turn, sense):
            repaired = tuple(sorted({*fit.wrong, *against}))
            return _told(evidence, turn), repaired
    return None


def _told(evidence: StepEvidence, turn: Turn) -> Diagnosis:
    operations = [evidence.tape.operations[i] for i in turn.edited]
    site = exclusive_call(evidence.tape, operations) or turn.site
    said: dict[str, Any] = {"found": turn.found, "expected": turn.expected, "turned": True}
    if turn.forward:
        said["forward"] = True
    as_in = f", as in `{short(turn.beside)}`" if turn.beside else ""
    help = f"use `{turn.expected}`{as_in}"
    return Diagnosis("BP101", turn.cause, site, turn.reason, help, None, said)


def _is_right_with(evidence: StepEvidence, turn: Turn, sense: float) -> bool:
    """Whether all gradients are right with another sign, and their updates go down the cost."""
    assert evidence.fit is not None
    tape = evidence.tape.edited(turn.edited)
    outs = [o.out for o in turn.edited.values()]
    run = tape.replay(double=True, base=evidence.run, dirty=tape.reach(outs))
    again = compare(tape, run, evidence.fit.hypothesis, evidence.params)
    if again is None or again.wrong or not again.chosen:
        return False
    return all(d * sense <= 0 for d in again.directions.values())


def _turns(evidence: StepEvidence, against: set[int]) -> Iterator[Turn]:
    """Yield the places whose sign may be turned, the most telling first."""
    assert evidence.fit is not None
    yield from _subtracted_biases(evidence)
    yield from _negative_slopes(evidence)
    if set(evidence.fit.chosen) - against:
        yield from _odd_sums(evidence, against)


def _groups(evidence: StepEvidence, nodes: set[int]) -> list[list[Operation]]:
    """Return the executions of each site that makes some of the nodes."""
    found: dict[int, list[Operation]] = {}
    for operation in evidence.tape.operations:
        if operation.out in nodes:
            found.setdefault(operation.site, []).append(operation)
    return [g for g in found.values() if len(g) <= MOST_EXECUTIONS]


def _forward(evidence: StepEvidence) -> set[int]:
    assert evidence.fit is not None
    return evidence.tape.ancestors([evidence.fit.hypothesis.node])


def _backward(evidence: StepEvidence) -> set[int]:
    new = [n for p in evidence.params for n in p.new]
    return evidence.tape.ancestors(new) - _forward(evidence)


def _subtracted_biases(evidence: StepEvidence) -> Iterator[Turn]:
    """Yield ``flat @ W3 - b3``, where the gradient is that of ``+ b3``.

    Another bias is added, or none is and this one is called a bias, and no threshold.
    """
    assert evidence.fit is not None
    wrong = {n: i for i in evidence.fit.wrong for n in evidence.params[i].old}
    every = {n for p in evidence.params for n in p.old}
    groups = _groups(evidence, _forward(evidence))
    added = any(
        is_in(o.function, ADD) and any(_leaf(evidence, n) in every for n in o.inputs)
        for g in groups for o in g[:1]
    )  # fmt: skip
    for group in groups:
        taken = [_leaf(evidence, o.args[1].node) for o in group if _takes_away(o)]
        if len(taken) < len(group) or not all(n in wrong for n in taken):
            continue
        where, name = group[0].where, evidence.params[wrong[taken[0]]].name
        own = Kept.at(name).name
        called = BIASES.fullmatch(own) and not THRESHOLDS.search(own)
        if added or called:
            edited = {o.index: replace(o, function=operator.add) for o in group}
            yield Turn(
                where, edited, "wrong-sign",
                f"`{short(where.text)}` subtracts `{name}`, and the backward pass is that of a sum",
                where.text, _joined(where, "+"), forward=True,
            )  # fmt: skip


def _leaf(evidence: StepEvidence, node: int) -> int:
    """Return the value that a node is, or is a view of."""
    made = evidence.tape.producer(node)
    while made is not None and made.inputs and (keeps(made) or made.function is operator.getitem):
        node = made.inputs[0]
        made = evidence.tape.producer(node)
    return node


def _from_constant(operation: Operation) -> bool:
    """Whether a number that is written there is taken away: ``s - 1``."""
    kinds, texts = [type(a) is Ref for a in operation.args], operand_texts(operation)
    plain = len(texts) == 2 and texts[1].replace(".", "").isdigit()
    return is_in(operation.function, SUBTRACT) and kinds == [True, False] and plain


def _takes_away(operation: Operation) -> bool:
    args = operation.args
    return is_in(operation.function, SUBTRACT) and len(args) == 2 and type(args[1]) is Ref


def _negative_slopes(evidence: StepEvidence) -> Iterator[Turn]:
    """Yield ``s * (s - 1)`` and ``-s * (1 - s)``: what the error is multiplied by, turned round."""
    tape = evidence.tape
    joins = output_joins(tape, evidence.params, limit=MOST_EXECUTIONS)
    errors = tape.reach(tape.operations[j.operation].out for j in joins if not j.written)
    tape.complete(evidence.run)
    for group in _groups(evidence, _backward(evidence) - errors):
        first = group[0]
        text = short(first.where.text)
        if _from_constant(first):
            edited = {
                o.index: replace(o, function=_exchanged(o.function)) for o in group
                if len(o.args) == 2
            }  # fmt: skip
            expected = _joined(first.where, "-", turned=True)
        elif is_in(first.function, NEGATE):
            edited = {o.index: replace(o, function=operator.pos) for o in group}
            expected = first.where.text.lstrip("- ")
        else:
            continue
        yield Turn(
            first.where, edited, "wrong-derivative",
            f"`{text}` makes the derivative of the activation negative",
            first.where.text, expected,
        )  # fmt: skip


def _exchanged(function: Any) -> Any:
    return lambda a, b: function(b, a)


def _odd_sums(evidence: StepEvidence, against: set[int]) -> Iterator[Turn]:
    """Yield ``dW -= …`` where what is beside it is added: ``db += …``."""
    assert evidence.fit is not None
    merges = {i for p in evidence.params for u in p.updates for i, _ in u.merges}
    groups = [
        g for g in _groups(evidence, _backward(evidence))
        if _accumulates(g[0]) and merges.isdisjoint(o.index for o in g)
    ]  # fmt: skip
    amiss = [evidence.params[i] for i in sorted({*evidence.fit.wrong, *against})]
    feeding = evidence.tape.ancestors(n for p in amiss for n in p.new)
    right = [evidence.params[i] for i in evidence.fit.chosen if i not in against]
    sound = evidence.tape.ancestors(n for p in right for n in p.new)
    for group in groups:
        if group[0].out not in feeding:
            continue
        sums = is_in(group[0].function, ADD)
        beside = [g[0] for g in groups if g is not group and _are_beside(g[0], group[0])]
        beside = [o for o in beside if o.out in sound or o.out in feeding]
        if not beside or any(is_in(o.function, ADD) == sums for o in beside):
            continue
        where = group[0].where
        text, sign = _statement(where), "-" if sums else "+"
        other = operator.sub if sums else operator.add
        kind = group[0].function
        edited = {o.index: replace(o, function=other) for o in group if o.function is kind}
        augmented = where.kind.startswith("aug")
        meant = re.sub("[-+]=", f"{sign}=", text, count=1) if augmented else _joined(where, sign)
        yield Turn(
            where, edited, "wrong-sign", f"a term of `{short(text)}` has the wrong sign",
            text if augmented else where.text, meant, _statement(beside[0].where),
        )  # fmt: skip


def _accumulates(operation: Operation) -> bool:
    """Whether a statement adds to what it gives its value to, or takes away from it."""
    if not (is_in(operation.function, ADD) or is_in(operation.function, SUBTRACT)):
        return False
    where, args = operation.where, operation.args
    if len(args) != 2 or type(args[1]) is not Ref:
        return False
    if where.kind.startswith("aug"):
        return True
    return where.is_value and where.targets[:1] == where.operands[:1] and bool(where.targets)


def _are_beside(one: Operation, other: Operation) -> bool:
    a, b = one.where, other.where
    return a.file is b.file and a.function == b.function and a.statement != b.statement


def _statement(site: Site) -> str:
    return " ".join(site.file.slice(site.statement).split())


def _joined(site: Site, sign: str, *, turned: bool = False) -> str:
    """Return an expression's two operands with another sign between them."""
    one, other = (f"({t})" if re.search(r" [-+] ", t) else t for t in _operands(site))
    return f"{other} {sign} {one}" if turned else f"{one} {sign} {other}"


def _operands(site: Site) -> tuple[str, ...]:
    return site.operands if len(site.operands) == 2 else (site.text, "")
