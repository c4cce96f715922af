"""A function that serves several places, and is called wrongly from one of them."""

from __future__ import annotations

from backproof.checks.cause.blamed import Blamed, equal
from backproof.checks.exclusive import exclusive_call
from backproof.trace.site import Site


def called_wrongly(blamed: Blamed) -> Site | None:
    """Return the only call from which a helper gives wrong values, where others are right."""
    tape, truth = blamed.tape, blamed.fault.truth
    operations = [tape.operations[index] for index in blamed.fault.operations]
    wrong = [
        o for o in operations
        if not truth or (o.out in truth and not equal(blamed.run.env[o.out], truth[o.out]))
    ]  # fmt: skip
    return exclusive_call(tape, wrong, blamed.search.used)
