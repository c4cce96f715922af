"""A term is missing: a penalty's, another value's, or what comes back through another use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from backproof.arithmetic import ADD, SUBTRACT, is_in, keeps
from backproof.calculus.adjoint import is_differentiable
from backproof.checks.cause.begun import begun
from backproof.checks.cause.blamed import EXACT, Blamed
from backproof.checks.cause.diagnosis import Diagnosis, renaming
from backproof.checks.edits.edit import short
from backproof.checks.scales import proportion
from backproof.checks.selection import loop_around
from backproof.trace.site import Site
from backproof.trace.tape import Operation

MOST_ALTERNATIVES = 400


def missing_term(blamed: Blamed) -> Diagnosis | None:
    """What lacks to the truth is a multiple of a parameter, or a value of the step."""
    if blamed.truth is None or np.shape(blamed.truth) != np.shape(blamed.author):
        return None
    difference = np.asarray(blamed.truth, float) - np.asarray(blamed.author, float)
    flat = difference.reshape(-1)
    if flat.size < 2:
        return None
    for index, parameter in enumerate(blamed.evidence.params):
        for old in parameter.old:
            value = np.asarray(blamed.run.env[old], float).reshape(-1)
            if value.size == flat.size:
                s, error = proportion(flat, value)
                if error < 1e-5:
                    other = _strength(blamed, value)
                    if other is not None:
                        where, own, times = other
                        name, meant = parameter.name, own + s * times
                        if where.index != blamed.operation.site:
                            # What is added later may be no part of what is compared.
                            meant = _of_the_cost(blamed, index, times, value, meant)
                        return blamed.finding(
                            "BP101", "missing-factor" if abs(own) > abs(meant) else "extra-factor",
                            f"the penalty's term is {own:.4g}·`{name}`, that of the cost "
                            f"{meant:.4g}·`{name}`",
                            f"use {meant:.6g} * {name}", site=where,
                        )  # fmt: skip
                    return blamed.finding(
                        "BP101", "missing-term",
                        f"the penalty's term {s:.6g}·`{parameter.name}` is missing",
                        f"add {s:.6g} * {parameter.name}", site=begun(blamed).where,
                    )  # fmt: skip
    for node in _candidates(blamed, np.shape(blamed.truth)):
        value = np.asarray(blamed.run.env[node], float).reshape(-1)
        s, error = proportion(flat, value)
        if error < EXACT and abs(abs(s) - 1) < 1e-6 and node not in blamed.operation.inputs:
            name = _name(blamed, node)
            if s > 0:
                place = _rebound(blamed, node) or renaming(blamed.tape, [blamed.operation])
                place = place or blamed.operation.where
                return blamed.finding("BP101", "missing-term", f"the term `{name}` is missing",
                                      f"add `{name}`", site=place)  # fmt: skip
    return _missing_use(blamed, flat) or _partial(blamed)


def _rebound(blamed: Blamed, node: int) -> Site | None:
    """Return the statement that gives a helper's name for a value to another one, if one does.

    ``dh = dout * z`` and then ``dh = dgates @ W.T``: what the caller lacks was lost there.
    """
    tape, made = blamed.tape, blamed.tape.producer(node)
    if made is None or not (made.where.is_value and made.where.targets):
        return None
    if made.where.function == blamed.operation.where.function:
        return None
    chains = tape.chains()
    for operation in tape.operations[made.index + 1 :]:
        where = operation.where
        if where.is_value and where.targets == made.where.targets and operation.site != made.site:
            return where if chains[operation.index] == chains[made.index] else None
    return None


def _strength(blamed: Blamed, value: np.ndarray[Any, Any]) -> tuple[Site, float, float] | None:
    """Return where a multiple of a parameter is in what is blamed, or is added to it, and which.

    And how many times what is blamed is in the sum that it is added to.
    """
    tape, run = blamed.tape, blamed.run
    after = tape.reach([blamed.operation.out])
    merges = {i for p in blamed.evidence.params for u in p.updates for i, _ in u.merges}
    for operation in tape.operations:
        own = operation is blamed.operation
        if not is_in(operation.function, ADD | SUBTRACT) or operation.index in merges:
            continue
        for node in operation.inputs if own or not after.isdisjoint(operation.inputs) else ():
            term, made = run.env[node], tape.producer(node)
            if node in after or term is None or np.size(term) != value.size:
                continue
            s, error = proportion(np.asarray(term, float).reshape(-1), value)
            if error < EXACT:
                taken = is_in(operation.function, SUBTRACT) and node == operation.inputs[-1]
                beside = [n for n in operation.inputs if n != node and n in after]
                times = 1.0 if own or not beside else _times(blamed, run.env[beside[0]])
                where = (operation if made is None else made).where
                return where, -s if taken else s, times
    return None


def _of_the_cost(
    blamed: Blamed, index: int, times: float, value: np.ndarray[Any, Any], meant: float
) -> float:
    """Return how often a parameter is in its true gradient, beside what is blamed."""
    truth = blamed.fit.matches[index].truth
    if truth is None or truth.size != value.size:
        return meant
    rest = truth.reshape(-1) - times * np.asarray(blamed.author, float).reshape(-1)
    strength, error = proportion(rest, value)
    return strength if error < EXACT else meant


def _times(blamed: Blamed, value: Any) -> float:
    """Return what multiple of the value that is blamed another one is, 1 where it is none."""
    given = np.asarray(blamed.author, float).reshape(-1)
    if np.size(value) != given.size:
        return 1.0
    s, error = proportion(np.asarray(value, float).reshape(-1), given)
    return s if error < EXACT else 1.0


def _name(blamed: Blamed, node: int) -> str:
    """What the user calls a value: by the call, where the expression that made it is blamed."""
    made = blamed.tape.producer(node)
    if made is not None and made.site == blamed.operation.site:
        call = blamed.tape.called_from(made)
        if call is not None:
            return call.text
    return blamed.text(node)


def _missing_use(blamed: Blamed, missing: np.ndarray[Any, Any]) -> Diagnosis | None:
    """What lacks is what comes back to a forward value through one of its uses."""
    known = blamed.cotangents
    for node, uses in known.parts.items():
        for index, part in uses:
            value = np.asarray(part, float).reshape(-1)
            if value.size != missing.size:
                continue
            s, error = proportion(missing, value)
            if error < EXACT and any(abs(s / scale - 1) < EXACT for scale in known.scales):
                use = _beyond_copies(blamed, index).where
                text, loop = short(use.text), _left_out_by(blamed, use.index)
                return blamed.finding(
                    "BP101", "missing-term",
                    f"what comes back to `{blamed.text(node)}` through `{text}` "
                    f"(line {use.span.line}) is {'left out in one round' if loop else 'missing'}",
                    "let the loop go through all that the forward pass goes through" if loop
                    else f"add the gradient that comes back through `{text}`",
                    site=loop or _renamed_below(blamed) or blamed.operation.where,
                )  # fmt: skip
    return None


def _beyond_copies(blamed: Blamed, index: int) -> Operation:
    """Return the one operation that uses what copies hand on."""
    tape, forward = blamed.tape, blamed.cotangents.forward
    operation = tape.operations[index]
    while keeps(operation):
        users = [tape.operations[i] for i in tape.users[operation.out]]
        users = [user for user in users if user.out in forward]
        if len(users) != 1:
            break
        operation = users[0]
    return operation


def _left_out_by(blamed: Blamed, use: int) -> Site | None:
    """Return the loop that runs a backward statement less often than the forward pass its use."""
    forward, here = blamed.cotangents.forward, blamed.operation
    uses = sum(o.site == use and o.out in forward for o in blamed.tape.operations)
    own = sum(o.site == here.site and o.function == here.function for o in blamed.tape.operations)
    return loop_around(here.where) if 0 < own < uses else None


def _renamed_below(blamed: Blamed) -> Site | None:
    """Return the statement further down that gives the value another name: ``dx = first``."""
    made, alias = blamed.operation.where, renaming(blamed.tape, [blamed.operation])
    if alias is None or alias.function != made.function:
        return None
    return alias if alias.span.start > made.span.start else None  # else that of another round


def _candidates(blamed: Blamed, shape: tuple[int, ...]) -> Iterator[int]:
    """Values of the step of a shape, latest first."""
    count = 0
    for node in reversed(blamed.tape.nodes):
        value = blamed.run.env[node.index]
        if is_differentiable(value) and np.shape(value) == shape:
            yield node.index
            count += 1
            if count >= MOST_ALTERNATIVES:
                return


def _partial(blamed: Blamed) -> Diagnosis | None:
    """The value is what one use of the forward value sends back; another use is missing."""
    if blamed.fault.truth and blamed.operation.out in blamed.right:
        return None
    truth_node = _truth_node(blamed)
    if truth_node is None:
        return None
    users = [
        blamed.tape.operations[i] for i in blamed.tape.users[truth_node]
        if blamed.tape.operations[i].out in blamed.cotangents.of
    ]  # fmt: skip
    if len(users) < 2:
        return None
    parts = dict(blamed.cotangents.parts.get(truth_node, ()))
    for user in users:
        part = parts.get(user.index)
        whole = blamed.cotangents.of[truth_node]
        if part is None:
            continue
        scale = _scale_to(blamed, whole)
        if blamed.equal(np.asarray(blamed.author), scale * np.asarray(part)):
            others = [u for u in users if u is not user]
            return blamed.finding(
                "BP101", "missing-term",
                f"`{blamed.text(truth_node)}` is also used on line "
                f"{others[0].where.span.line}; the gradient through that use is missing",
                f"add the gradient that comes back through `{others[0].where.text}`",
            )  # fmt: skip
    return None


def _truth_node(blamed: Blamed) -> int | None:
    """The forward value whose cotangent is meant."""
    if blamed.truth is None:
        return None
    flat = np.asarray(blamed.truth, float).reshape(-1)
    for node, g in blamed.cotangents.of.items():
        if np.size(g) == flat.size:
            s, error = proportion(flat, np.asarray(g, float).reshape(-1))
            if s and error < EXACT:
                return node
    return None


def _scale_to(blamed: Blamed, whole: Any) -> float:
    s, _ = proportion(
        np.asarray(blamed.truth, float).reshape(-1), np.asarray(whole, float).reshape(-1)
    )
    return s
