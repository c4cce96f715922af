"""Which rule of an autograd engine is wrong: right gradients come in, and a wrong one goes out.

An engine's numbers (or arrays) keep their value, their gradient and what they were computed from. A
number whose gradient is wrong, though those of all that was computed from it are right, was given
its own by a wrong rule. Statements that give right numbers theirs are none of those.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from backproof.arithmetic import ADD, is_in
from backproof.calculus.adjoint import pull
from backproof.calculus.rules import NoRule
from backproof.checks.accusation import Accusation
from backproof.checks.cause.diagnosis import Diagnosis
from backproof.checks.claims import operand_texts
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import Fit
from backproof.names import SLOPE, Names
from backproof.trace.site import SITES
from backproof.trace.tape import Operation, Ref, Run, Tape

#: Numbers of an engine that are looked at, and the relative error up to which a gradient is right.
MOST, RIGHT = 20_000, 1e-6
#: Additions to one gradient that are followed.
MOST_ADDED = 200


def wrong_rule(evidence: StepEvidence, fit: Fit) -> Accusation | None:
    """Return the rule that a step's engine breaks, if one statement is it."""
    cost, names = evidence.tape.nodes[fit.hypothesis.node].obj, evidence.names
    if not (isinstance(names, Names) and names.is_seeded(cost)):
        return None  # what a program hands over by name is no engine's
    units = list(_units(evidence, fit))
    if not units:
        return None
    right = {number for number, _, _, is_right in units if is_right}
    users: dict[int, set[int]] = {}
    for number, holder, _, _ in units:
        for child in _made_from(holder):
            users.setdefault(id(child), set()).add(number)
    broken: Counter[int] = Counter()
    sound: set[int] = set()
    nodes = {id(holder): value for holder, value in _values(evidence, fit, units)}
    for number, _, node, is_right in units:
        sites = {o.site for o in _additions(evidence.tape, node)}
        of = users.get(number, set())
        if is_right:
            # (A slope of zero is right under many a rule.)
            sound |= sites if node >= 0 and np.any(evidence.run.env[node]) else set()
        elif of and of <= right:
            told = _not_derived(evidence, fit, node, [nodes.get(user) for user in of])
            broken.update(told or sites)
    suspects = [(count, site) for site, count in broken.items() if site not in sound]
    if not suspects:
        return None
    count, number = max(suspects)
    if sum(other == count for other, _ in suspects) > 1:
        return None  # two rules, or two statements of one
    site = SITES[number]
    return Accusation(
        Diagnosis(
            "BP101", "wrong-derivative", site,
            f"`{site.text}` is no derivative of what it belongs to: {count} "
            f"number{'s' if count > 1 else ''} of which all that is computed has the right "
            f"gradient {'get' if count > 1 else 'gets'} a wrong one here",
        ),
        tuple(fit.wrong),
    )  # fmt: skip


def _values(
    evidence: StepEvidence, fit: Fit, units: Sequence[tuple[int, Any, int, bool]]
) -> Iterator[tuple[Any, int]]:
    """Yield an engine's numbers with the nodes of their values."""
    cost = evidence.tape.nodes[fit.hypothesis.node].obj
    data = next((k for k, v in vars(units[0][1]).items() if v is cost), "")
    for _, holder, _, _ in units:
        value = evidence.tape.last.get(id(vars(holder).get(data)))
        if value is not None:
            yield holder, value


def _not_derived(
    evidence: StepEvidence, fit: Fit, gradient: int, users: Sequence[int | None]
) -> set[int]:
    """Return the statements that add what is no derivative of any operation that made the users.

    Of ``miss * miss`` two statements add to one gradient, and one may be right.
    """
    tape, run = evidence.tape, evidence.run
    assert fit.adjoint is not None
    parts: list[Any] = []
    for user in users:
        made = None if user is None else tape.producer(user)
        incoming = None if user is None else fit.adjoint.of.get(user)
        if made is None or incoming is None:
            return set()
        try:
            parts += [cotangent for _, cotangent in pull(made, run.env, incoming)]
        except NoRule:
            return set()
    added = [(o.site, _value(run, o.args[1])) for o in _additions(tape, gradient)]
    return {
        site for site, value in added
        if value is not None and not any(np.allclose(value, p, rtol=RIGHT, atol=0) for p in parts)
    }  # fmt: skip


def _value(run: Run, argument: Any) -> Any:
    return run.env[argument.node] if type(argument) is Ref else argument


def _units(evidence: StepEvidence, fit: Fit) -> Iterator[tuple[int, Any, int, bool]]:
    """Yield an engine's numbers, but for its first: id, object, gradient's node, if it is right."""
    tape, run = evidence.tape, evidence.run
    if fit.adjoint is None:
        return
    cost = tape.nodes[fit.hypothesis.node].obj
    first = evidence.names.holder(cost)
    if first is None or not hasattr(first, "__dict__"):
        return
    data = next((k for k, v in vars(first).items() if v is cost), None)
    slope = next((k for k in vars(first) if SLOPE.search(k) and not callable(vars(first)[k])), None)
    if data is None or slope is None:
        return
    queue, seen = [first], {id(first)}
    while queue and len(seen) < MOST:
        holder = queue.pop()
        for child in _made_from(holder):
            if id(child) not in seen:
                seen.add(id(child))
                queue.append(child)
        value, gradient = (tape.last.get(id(vars(holder).get(k))) for k in (data, slope))
        if holder is first:
            yield id(holder), holder, -1, True
            continue
        if value is None or gradient is None or run.env[gradient] is None:
            continue
        truth = np.asarray(fit.adjoint.of.get(value, 0.0), dtype=float)
        own = np.asarray(run.env[gradient], dtype=float)
        if truth.shape != own.shape:
            continue
        size = max(float(np.linalg.norm(truth)), float(np.linalg.norm(own)))
        yield id(holder), holder, gradient, bool(np.linalg.norm(own - truth) <= RIGHT * size)


def _made_from(holder: Any) -> list[Any]:
    """Return the objects of the same kind that one refers to."""
    found: list[Any] = []
    for value in vars(holder).values():
        items = value if isinstance(value, (set, frozenset, list, tuple)) else (value,)
        found += [item for item in items if type(item) is type(holder)]
    return found


def _additions(tape: Tape, node: int) -> Iterator[Operation]:
    """Yield the operations that added to a gradient, the last first."""
    for _ in range(MOST_ADDED):
        made = tape.producer(node) if node >= 0 else None
        if made is None:
            return
        added = made.where.kind.startswith("aug") or len(operand_texts(made)) == 2
        if not (is_in(made.function, ADD) and added):
            return
        yield made
        first = made.args[0]
        if type(first) is not Ref:
            return  # a gradient that begins as the number 0
        node = first.node
