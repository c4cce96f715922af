"""The edit of a statement by which error enters the backward pass, if one makes all right."""

from __future__ import annotations

import time
from collections.abc import Sequence

from backproof.checks.cause.slope_made import at_its_call
from backproof.checks.found import Found
from backproof.checks.search import StepSearch
from backproof.trace.site import SITES
from backproof.trace.tape import Operation

#: Edits up to this cost are slips that authors make; what costs more may make up for another.
NATURAL = 1.5
#: CPU seconds for the search there.
PATIENCE = 0.9


def at_entrances(
    search: StepSearch, entrances: Sequence[Operation], wrong: Sequence[int]
) -> Found | None:
    """Return the likeliest edit of the statements by which error enters, or of a call's arguments.

    It must make all wrong gradients right.
    """
    begun, deadline = time.process_time(), search.deadline
    search.deadline = min(deadline, begun + PATIENCE)
    best: Found | None = None
    for operation in entrances:
        where = operation.where
        sites = [
            site for site in search.in_order()
            if SITES[site].file is where.file and SITES[site].statement == where.statement
        ]  # fmt: skip
        found = search.best(sites, wrong)
        if found is None:
            found = search.at_calls(wrong, operation)
        else:
            found = at_its_call(search, found, wrong) or found
        if found is not None and set(found.repaired) >= set(wrong):
            best = found if best is None or found.price < best.price else best
    search.deadline = deadline + time.process_time() - begun
    return best
