"""Operations of ours at the end of a tape: what the program means but does not compute."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from backproof.trace.site import SITES
from backproof.trace.tape import Node, Operation, Run, Tape, map_refs, refs_in


def append(tape: Tape, function: Any, args: tuple[Any, ...], site: int) -> int:
    """Put an operation of ours at the end of a tape; returns its node.

    The recorded value of the new node is computed from the recorded values that it reads.
    """
    values = map_refs(list(args), lambda ref: tape.value(ref.node))
    with np.errstate(all="ignore"):
        out = function(*values)
    node, index = len(tape.nodes), len(tape.operations)
    event = tape.operations[-1].event if tape.operations else 0
    inputs = tuple(dict.fromkeys(node for _, node in refs_in(args)))
    nested = any(isinstance(a, (list, tuple)) for a in args)
    tape.append(
        Node(node, index, out, event, "op"),
        Operation(index, event, site, function, args, {}, node, inputs, nested=nested),
    )
    tape._values[node] = out
    return node


def evaluate(tape: Tape, run: Run, node: int) -> None:
    """Give a run that was made before an operation of ours its value."""
    tape.complete(run)
    operation = tape.producer(node)
    assert operation is not None
    values = map_refs(list(operation.args), lambda ref: run.env[ref.node])
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
