"""Calls of a helper that serves several places: which of them something wrong comes from."""

from __future__ import annotations

from collections.abc import Container, Sequence

from backproof.trace.site import SITES, Site
from backproof.trace.tape import Operation, Tape


def exclusive_call(
    tape: Tape, operations: Sequence[Operation], used: Container[int] | None = None
) -> Site | None:
    """Return the one call that some executions of a helper's expression come from, and no others.

    Others are those whose values are `used`: a function that returns cost and gradient, and is
    called for each, computes both twice.

    Of nested helpers it is the outermost such call: ``deltas.hadamard(slopes)``, not the loop over
    entries that it runs. Several calls of one statement are one, where nobody has handed it what is
    wrong: ``sigmoid(self.a) * (1 - sigmoid(self.a))``.
    """
    chains = tape.chains()

    def call(operation: Operation, depth: int) -> int:
        chain = chains[operation.index]
        return tape.calls[chain[-depth]][1] if len(chain) >= depth else -1

    sites = {o.site for o in operations}
    every = [o for o in tape.operations if o.site in sites and (used is None or o.out in used)]
    found: Site | None = None
    depth = 1
    while operations and len(sites) == 1 and len(every) > len(operations):
        calls = {call(o, depth) for o in operations}
        if -1 in calls or len({(SITES[c].file, SITES[c].statement) for c in calls}) != 1:
            break
        around = {call(o, depth + 1) for o in operations} - {-1}
        if len(calls) > 1 and not all(SITES[c].text.endswith("()") for c in around):
            break
        if not calls.issuperset(call(o, depth) for o in every):
            found = SITES[min(calls)]
        every = [o for o in every if call(o, depth) in calls]
        depth += 1
    return found
