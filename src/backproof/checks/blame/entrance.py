"""Where error enters a backward pass: the first statements that make wrong values of right ones.

In a long chain everything further down inherits the error, and a sum at its end can be replaced
for all that is before it. What is made of the cotangents of the forward values is recognised as
long as it is right; where it no longer is, and nothing that follows mends it, error has entered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from backproof.arithmetic import is_in
from backproof.checks.blame.trust import Trust, is_constant, is_sum
from backproof.checks.scales import SAME
from backproof.entries import STORES
from backproof.source import Span
from backproof.trace.tape import Operation, Tape

#: Statements that are told, the first ones.
MOST_ENTRANCES = 3
#: Operations above which a step is not looked through.
MOST_LOOKED = 60_000

Statement = tuple[str, Span]


def entrances(trust: Trust, carrying: set[int] | None) -> list[Operation]:
    """Return for each statement by which error enters the operation that gives its value.

    Parameters
    ----------
    carrying : set of int, optional
        Nodes that depend on what the labels are compared with. Without labels, in an engine or a
        model of words, the backward pass may begin with any of its values.
    """
    tape = trust.tape
    backward = [
        o for o in tape.operations
        if o.out in trust.feeding and o.out not in trust.forward
        and (carrying is None or o.out in carrying) and not is_constant(tape, o.out)
    ]  # fmt: skip
    known = any(o.out in trust.right for o in backward)
    if len(backward) > MOST_LOOKED or not known:
        return []  # where nothing is recognised, it is that of another forward pass
    usual = Counter(float(f"{s:.6g}") for _, s in trust.right.values()).most_common(1)
    scale = usual[0][0] if usual else 0.0
    sound: dict[int, bool] = {}
    for operation in backward:
        summed = is_sum(operation) and operation.out not in trust.right
        sound[operation.out] = _is_sound(trust, operation, scale) and (
            not summed or all(sound.get(n, True) for n in operation.inputs)
        )
    passing = _mended(tape, backward, sound)
    found: dict[Statement, Operation] = {}
    for operation in backward:
        if sound[operation.out] or operation.out in passing or is_in(operation.function, STORES):
            continue  # an array that is filled entry by entry is none of the chain rule's before
        made_of = _read_by_statement(tape, operation, sound)
        if not made_of or not all(sound[n] or n in passing for n in made_of):
            continue
        if carrying is not None and not any(sound[n] for n in made_of):
            continue
        if _within_statement(tape, operation, sound):
            continue
        found.setdefault(_statement(operation), operation)
        if len(found) == MOST_ENTRANCES:
            break
    return list(found.values())


def _is_sound(trust: Trust, operation: Operation, usual: float) -> bool:
    """Whether a value is in order, or has the scale that most have, which its operands had not."""
    if trust.in_order(operation):
        return operation.out in trust.right or _has_known_scale(trust, operation)
    known = trust.right.get(operation.out)
    fits = known is not None and bool(usual) and abs(known[1] / usual - 1) < SAME
    return fits and operation.out not in trust.doubted


def _has_known_scale(trust: Trust, operation: Operation) -> bool:
    """Whether what comes back through one use of a value has a scale that others have too.

    ``s * u`` is a multiple of ``(1 - s) * u``.
    """
    if is_sum(operation):
        return True
    part = trust.cotangents.recognised(trust.run, operation.out, part=True)
    return part is None or any(abs(part[1] / s - 1) < SAME for s in trust.cotangents.scales)


def _mended(tape: Tape, backward: list[Operation], sound: Mapping[int, bool]) -> set[int]:
    """Return the values that are none of the chain rule's, and of which all that is made are.

    In ``dr * r * (1 - r)`` the first product is one.
    """
    mended: set[int] = set()
    for operation in reversed(backward):
        users = [tape.operations[i].out for i in tape.users[operation.out]]
        users = [n for n in users if n in sound]
        if not sound[operation.out] and users and all(sound[n] or n in mended for n in users):
            mended.add(operation.out)
    return mended


def _statement(operation: Operation) -> Statement:
    where = operation.where
    return str(where.file.path), where.statement


def _read_by_statement(tape: Tape, operation: Operation, sound: Mapping[int, bool]) -> list[int]:
    """Return the backward values that a statement reads to make a value."""
    own, read = _statement(operation), []
    queue, seen = [operation], {operation.out}
    for made in queue:
        for node in made.inputs:
            if node not in sound or node in seen:
                continue
            seen.add(node)
            below = tape.producer(node)
            again = below is None or below.site == made.site  # a sum that goes on
            if below is not None and not (again or sound[node]) and _statement(below) == own:
                queue.append(below)
            else:
                read.append(node)
    return read


def _within_statement(tape: Tape, operation: Operation, sound: Mapping[int, bool]) -> bool:
    """Whether a value is only a part of what its statement computes."""
    own = _statement(operation)
    users = [tape.operations[i] for i in tape.users[operation.out]]
    users = [u for u in users if u.out in sound]
    return bool(users) and all(
        _statement(u) == own and u.site != operation.site for u in users
    )  # fmt: skip
