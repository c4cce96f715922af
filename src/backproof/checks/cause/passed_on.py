"""A statement that only gives a value another name, where something should be computed.

In ``dz = dh`` nothing is recorded, so that what reads `dz` is blamed. If the value is in order as
what it was before, and is used as such as well, the statement is what lacks something.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from backproof.trace.site import SITES, Site
from backproof.trace.tape import Operation, Tape

#: A statement that computes nothing: of names, attributes, and entries by a constant key.
RENAMING = re.compile(r"[\w.]+(\[[\w'\"]+\])?\s*=\s*[\w.]+(\[[\w'\"]+\])?$")


def passed_on(tape: Tape, operations: Sequence[Operation], forward: set[int]) -> Site | None:
    """Return the one statement that passes on what all executions of a blamed site read.

    It is no value of the forward pass.
    """
    sites = {operation.site for operation in operations}
    found: set[int] = set()
    for operation in operations:
        for node in set(operation.inputs) - forward:
            elsewhere = any(tape.operations[i].site not in sites for i in tape.users[node])
            if elsewhere and tape.producer(node) is not None:
                found |= _renamed(tape, node, operation)
    return SITES[found.pop()] if len(found) == 1 else None


def _renamed(tape: Tape, node: int, operation: Operation) -> set[int]:
    """Return the first statement that renames a value before an operation reads it by that name."""
    where = operation.where
    for event, index in sorted(tape.flows.get(node, ())):
        site = SITES[index]
        if event > operation.event or not RENAMING.match(site.file.slice(site.statement)):
            continue
        beside = site.function == where.function and not set(site.targets).isdisjoint(
            where.operands
        )
        if beside or "." in "".join(site.targets):
            return {index}
    return set()


def renamed_at(tape: Tape, node: int) -> Site | None:
    """Return the one statement that gives a value another name, and no place of its own."""
    passed = {index for _, index in tape.flows.get(node, ())}
    found = [
        SITES[index] for index in passed
        if RENAMING.match(SITES[index].file.slice(SITES[index].statement))
        and "".join(SITES[index].targets).isidentifier()
    ]  # fmt: skip
    return found[0] if len(found) == 1 else None
