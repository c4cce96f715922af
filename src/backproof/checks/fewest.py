"""Of a helper that several calls share, the one call where something is missing."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from backproof.checks.match import Fit, rematch
from backproof.trace.site import SITES
from backproof.trace.tape import Operation, Run, Tape

#: Calls of a helper that are tried one by one.
MOST_CALLS = 6


def fewest(
    tape: Tape,
    base: Run,
    fit: Fit,
    edited: Mapping[int, Operation],
    used: Container[int],
    repaired: Sequence[int],
) -> tuple[dict[int, Operation], Run] | None:
    """Return an edit for one call of a helper alone, if its other calls need none, and its run.

    Where the missing slope is a mask, a caller that applies it already shows no difference.
    """
    chains = tape.chains()
    calls: dict[int, dict[int, Operation]] = {}
    for index, operation in edited.items():
        call = tape.calls[chains[index][-1]][1] if chains[index] else -1
        if operation.out in used:
            calls.setdefault(call, {})[index] = operation
    if not 1 < len(calls) <= MOST_CALLS:
        return None
    for part in calls.values():
        dirty = tape.reach(o.out for o in part.values())
        alone = tape.replay(double=True, base=base, dirty=dirty, edited=part)
        again = rematch(alone, fit)
        if fit.keeps(again) and all(again.is_right(i) for i in repaired):
            return part, alone
    return None


def narrowest(handed: tuple[int, Sequence[Operation]]) -> tuple[int, bool]:
    """Sort the statements that name values: what a caller names is one of a helper's values."""
    site, operations = handed
    return len(operations), SITES[site].function == operations[0].where.function
