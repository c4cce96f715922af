"""Claims: values that a program offers as gradients of other values, without any update.

A function handed to an optimiser returns a cost and its gradient; ``layer_backward`` returns
``dx, dw, db``. Such a pair is judged as if the program went on with ``value − gradient``: this
operation is put at the end of the tape, and all that is known about updates applies.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.calculus.adjoint import is_differentiable
from backproof.trace.appended import append, site_like
from backproof.trace.site import SITES
from backproof.trace.tape import Operation, Ref, Tape
from backproof.updates import Update

#: A number that is written out.
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


@dataclass(frozen=True, slots=True)
class Claim:
    """The program says that node `gradient` is the gradient of a cost at node `value`."""

    name: str
    value: int
    gradient: int


class ClaimNames:
    """Names of claimed values; all else is asked of `names`."""

    def __init__(self, names: Any, claims: Sequence[Claim]) -> None:
        self._names = names
        self._known = {claim.value: claim.name for claim in claims}

    def of(self, tape: Tape, updates: Sequence[Update]) -> str:
        """Name a parameter."""
        known = self._known.get(updates[0].old)
        return known if known is not None else str(self._names.of(tape, updates))

    def path(self, obj: Any) -> str | None:
        """Return the path of an object, if any."""
        found: str | None = self._names.path(obj)
        return found

    def container(self, obj: Any) -> int:
        """Return an id by which scalars are grouped."""
        return int(self._names.container(obj))


def as_updates(tape: Tape, claims: Sequence[Claim]) -> list[Update]:
    """Append ``value − gradient`` for each claim; claims that have no such thing are left out."""
    found = []
    for claim in claims:
        value, gradient = tape.value(claim.value), tape.value(claim.gradient)
        made = tape.producer(claim.gradient)
        if not (is_differentiable(value) and is_differentiable(gradient)) or made is None:
            continue
        if np.size(value) != np.size(gradient):
            continue
        site = site_like(made.site)
        delta = claim.gradient
        if np.shape(value) != np.shape(gradient):
            delta = append(tape, np.reshape, (Ref(delta), np.shape(value)), site)
        new = append(tape, operator.sub, (Ref(claim.value), Ref(delta)), site)
        merge = tape.nodes[new].operation
        assert merge is not None
        found.append(Update(claim.value, new, ((merge, delta),)))
    return found


def called(tape: Tape, node: int) -> list[str]:
    """Return what the program calls a value, best first.

    These are the target of the assignment that made it, targets that it was handed on to, and the
    texts by which operations read it.
    """
    names: dict[str, None] = {}
    made = tape.producer(node)
    if made is not None and made.where.is_value:
        names.update(dict.fromkeys(made.where.targets))
    for _, site in tape.flows.get(node, ()):
        if SITES[site].is_value:
            names.update(dict.fromkeys(SITES[site].targets))
    for index in tape.users[node][:40]:
        operation = tape.operations[index]
        texts = operand_texts(operation)
        for position, arg in enumerate(operation.args):
            mine = type(arg) is Ref and arg.node == node and position < len(texts)
            if mine and is_name(texts[position]):
                names[texts[position]] = None
    return list(names)


def returned_as(tape: Tape, operation: Operation) -> str:
    """Return the name that a caller gives to what a helper returns: `f[t]` for `sigma(a)`."""
    where = operation.where
    statement = where.file.slice(where.statement)
    whole = statement.removeprefix("return").strip("() \n") == where.text.strip("() \n")
    if not (statement.startswith("return") and whole):
        return ""
    call = tape.called_from(operation)
    name = call.targets[0] if call is not None and call.is_value and call.targets else ""
    return "" if "," in name else name  # one of several results


def operand_texts(operation: Operation) -> tuple[str, ...]:
    """Return the texts of an operation's arguments; ``np.dot(a, b)`` is a method of `np`."""
    texts = operation.where.operands
    return texts[1:] if len(texts) == len(operation.args) + 1 else texts


def is_number(text: str) -> bool:
    """Whether a text is a number that is written out."""
    return NUMBER.fullmatch(text) is not None


def is_name(text: str) -> bool:
    """Whether a text is a name, an attribute of one, or an item under a constant key."""
    plain = text.replace(".", "").replace("_", "").replace("[", "").replace("]", "")
    plain = plain.replace("'", "").replace('"', "")
    return plain.isalnum() and not plain[0].isdigit() and "[:" not in text
