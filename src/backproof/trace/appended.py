"""Operations of ours at the end of a tape: what the program means but does not compute."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from backproof.trace.site import SITES
from backproof.trace.tape import Node, Operation, Ref, Run, Tape


def append(tape: Tape, function: Any, args: tuple[Any, ...], site: int) -> int:
    """Put an operation of ours at the end of a tape; returns its node.

    The recorded value of the new node is computed from the recorded values that it reads.
    """
    values = [tape.value(a.node) if type(a) is Ref else a for a in args]
    with np.errstate(all="ignore"):
        out = function(*values)
    node, index = len(tape.nodes), len(tape.operations)
    event = tape.operations[-1].event if tape.operations else 0
    inputs = tuple(dict.fromkeys(a.node for a in args if type(a) is Ref))
    tape.nodes.append(Node(node, index, out, event, "op"))
    tape.operations.append(Operation(index, event, site, function, args, {}, node, inputs))
    tape._users = tape._chains = None
    tape._values[node] = out
    return node


def evaluate(tape: Tape, run: Run, node: int) -> None:
    """Give a run that was made before an operation of ours its value."""
    tape.complete(run)
    operation = tape.producer(node)
    assert operation is not None
    values = [run.env[a.node] if type(a) is Ref else a for a in operation.args]
    with np.errstate(all="ignore"):
        run.env[node] = operation.function(*values)


def site_like(index: int) -> int:
    """Return a site at the place of another, for an operation that the program does not have."""
    known = _COPIES.get(index)
    if known is None:
        known = _COPIES[index] = len(SITES)
        SITES.append(
            replace(
                SITES[index], index=known, kind="claim", targets=(), is_value=False, operands=()
            )
        )
    return known


def is_appended(operation: Operation) -> bool:
    """Whether an operation is one of ours."""
    return operation.where.kind == "claim"


_COPIES: dict[int, int] = {}
