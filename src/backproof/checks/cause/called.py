"""A function that serves several places, and is called wrongly from one of them."""

from __future__ import annotations

from collections.abc import Sequence

from backproof.checks.blame.gradients import sink
from backproof.checks.cause.blamed import Blamed, equal
from backproof.checks.exclusive import exclusive_call
from backproof.trace.site import Site
from backproof.trace.tape import Operation


def called_wrongly(blamed: Blamed) -> Site | None:
    """Return the only call from which a helper gives wrong values, where others are right."""
    tape, truth = blamed.tape, blamed.fault.truth
    operations = [tape.operations[index] for index in blamed.fault.operations]
    wrong = [
        o for o in operations
        if not truth or (o.out in truth and not equal(blamed.run.env[o.out], truth[o.out]))
    ]  # fmt: skip
    call = exclusive_call(tape, wrong, blamed.search.used)
    if call is None or blamed.fault.kind != "way" or _is_right_elsewhere(blamed, wrong):
        return call
    return None


def _is_right_elsewhere(blamed: Blamed, wrong: Sequence[Operation]) -> bool:
    """Whether another execution of a helper is in order, or feeds a gradient that is right."""
    fit = blamed.fit
    right = blamed.tape.ancestors(n for i in fit.chosen for n in sink(fit.matches[i].parameter))
    known = {o.index for o in wrong}
    return any(
        o.out in right or blamed.trust.in_order(o)
        for o in blamed.tape.operations
        if o.site == wrong[0].site and o.index not in known and o.out in blamed.search.used
    )
