"""A parameter is read after its update."""

from __future__ import annotations

from typing import Any

from backproof.checks.cause.blamed import Blamed
from backproof.checks.cause.diagnosis import Diagnosis


def stale(blamed: Blamed) -> Diagnosis | None:
    """A parameter is read after its update."""
    for parameter in blamed.evidence.params:
        for update in parameter.updates:
            if update.new not in blamed.tape.ancestors(blamed.operation.inputs):
                continue
            value = _with_old(blamed, update.new, update.old)
            if blamed.equal(value):
                merge = blamed.tape.operations[update.merges[-1][0]].where
                return blamed.finding(
                    "BP105", "mutated-value",
                    f"`{parameter.name}` is read here after its update on line "
                    f"{merge.span.line}; the chain rule needs the value before it",
                    f"use the old `{parameter.name}` (a copy), or move the update behind "
                    "the last use",
                    overwrite=merge,
                )  # fmt: skip
    return None


def _with_old(blamed: Blamed, new: int, old: int) -> Any:
    """Replay from the updated parameter with the old value in its place."""
    value = blamed.run.env[old]
    dirty = blamed.tape.reach([new])
    again = blamed.tape.replay(
        double=True, base=blamed.run, dirty=dirty, replace={new: value},
        until=blamed.operation.index,
    )  # fmt: skip
    return again.env[blamed.operation.out]
