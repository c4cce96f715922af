"""The cost as it is meant where its logarithms hold an epsilon: ``-np.log(p + 1e-7)``.

``np.log(1.0000001 - p)`` holds one as well.

The gradient `P - Y` is that of the cost without it. With it the two differ by a share of about
ε / p: too much for rounding, and no fault.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from backproof.arithmetic import ADD, SUBTRACT
from backproof.checks.match import Fit, compare
from backproof.hypotheses import Hypothesis
from backproof.roles import Parameter
from backproof.trace.tape import Operation, Ref, Run, Tape

LARGEST = 1e-3
SUMS = (*ADD, *SUBTRACT)
LOGARITHMS = {"log", "log2", "log10"}
#: Relative error above which a gradient that fits may be that of another cost.
ROUNDING = 1e-11


def without_epsilon(fit: Fit, tape: Tape, run: Run, params: Sequence[Parameter]) -> Fit | None:
    """Return the comparison with a cost without its epsilon, if the gradients fit that better."""
    errors = [error for _, _, error in fit.chosen.values()]
    if not fit.wrong and max(errors, default=0.0) <= ROUNDING:
        return None
    edited = _plain(tape, fit.hypothesis)
    if not edited:
        return None
    plain = compare(
        tape, run, replace(fit.hypothesis, edited=edited), params, penalised=fit.penalised
    )
    if plain is None or any(m.reason for m in plain.matches):
        return None
    left = max((error for _, _, error in plain.chosen.values()), default=np.inf)
    better = len(plain.chosen) > len(fit.chosen) or left < 0.1 * max(errors, default=0.0)
    if len(plain.chosen) < len(fit.chosen) or not better:
        return None
    for index, (one, other) in enumerate(zip(plain.matches, fit.matches, strict=True)):
        if one.truth is not None and other.truth is not None:
            plain.slack[index] = float(np.linalg.norm(one.truth - other.truth))
    return plain


def _plain(tape: Tape, hypothesis: Hypothesis) -> dict[int, Operation]:
    """Return the sums of a cost that hold an epsilon, without it."""
    count = len(tape.operations)
    known = _SUMS.get(tape)
    if known is None or known[0] != count:
        known = _SUMS[tape] = count, _sums(tape)
    within = tape.ancestors([hypothesis.node]) if known[1] else set()
    return {o.index: o for o in known[1] if o.out in within}


def _sums(tape: Tape) -> list[Operation]:
    """Return the sums of a step whose logarithm is taken and that hold an epsilon, without it."""
    found = []
    for operation in sums_with_epsilon(tape):
        users = (tape.operations[i].function for i in tape.users[operation.out])
        if any(getattr(function, "__name__", "") in LOGARITHMS for function in users):
            found.append(operation)
    return found


def sums_with_epsilon(tape: Tape) -> list[Operation]:
    """Return the sums of a step that hold a small number as it is written, without it.

    That is 0 in place of 1e-7, and 1 in place of 1.0000001.
    """
    found: list[Operation] = []
    for operation in tape.operations:
        if operation.function not in SUMS:
            continue
        args = tuple(_meant(tape, a) for a in operation.args)
        if all(map(operator.is_, args, operation.args)) or not any(type(a) is Ref for a in args):
            continue
        found.append(replace(operation, args=args))
    return found


#: Such sums of tapes, with the number of operations for which they are known.
_SUMS: WeakKeyDictionary[Tape, tuple[int, list[Operation]]] = WeakKeyDictionary()


def _meant(tape: Tape, value: Any) -> Any:
    """Return an argument without its epsilon."""
    number = value
    if type(value) is Ref:
        node = tape.nodes[value.node]
        number = node.obj if node.operation is None else None
    if type(number) is not float:
        return value
    if 0 < abs(number) <= LARGEST:
        return 0.0
    return 1.0 if 0 < number - 1 <= LARGEST else value
