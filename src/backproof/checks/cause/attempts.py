"""The explanations of a fault, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from backproof.arithmetic import SPLITTING, is_in
from backproof.checks.blame.earliest import Blame
from backproof.checks.blame.fault import Fault
from backproof.checks.cause.begun import begun
from backproof.checks.cause.blamed import Blamed
from backproof.checks.cause.called import called_wrongly
from backproof.checks.cause.derivatives import wrong_derivative
from backproof.checks.cause.diagnosis import Diagnosis
from backproof.checks.cause.edited import argument, at_input, edited_here, edited_near
from backproof.checks.cause.factors import elementwise_factor, ignores_incoming, sign_or_factor
from backproof.checks.cause.paced import paced
from backproof.checks.cause.passed_on import passed_on, renamed_at
from backproof.checks.cause.stale import stale
from backproof.checks.cause.terms import missing_term
from backproof.checks.search import StepSearch

ATTEMPTS: tuple[Callable[[Blamed], Diagnosis | None], ...] = (
    stale, edited_here, at_input, sign_or_factor, edited_near,
    ignores_incoming, missing_term, argument, wrong_derivative,
    elementwise_factor,
)  # fmt: skip

#: Those that compare values, and do not say what the function should compute instead.
BY_VALUE = {sign_or_factor, missing_term, elementwise_factor}


def diagnose(blame: Blame, fault: Fault, search: StepSearch) -> Diagnosis:
    """Return the first explanation that makes the expression exact."""
    blamed = Blamed(blame, fault, search)
    if fault.kind == "update":
        if (found := paced(blamed)) is not None:
            return found
        # The update takes a gradient that belongs to another parameter.
        site = called_wrongly(blamed) or blamed.operation.where
        olds = {n for p in blamed.evidence.params for n in p.old}
        reading = [n for n in blamed.operation.inputs if blamed.tape.ancestors([n]) & olds]
        led = len(reading) > 1  # the old value alone is no gradient
        what = "does not use its own gradient" if led else "does not depend on any gradient"
        reason = f"`{site.text}` {what}"
        return blamed.finding("BP101", "wrong-operand", reason, site=site)
    for attempt in (at_input,) if fault.kind == "input" else ATTEMPTS:
        found = attempt(blamed)
        if found is not None:
            here = attempt in BY_VALUE and found.site is blamed.operation.where
            call = called_wrongly(blamed) if here else None
            return found if call is None else replace(found, site=call)
    executions = [blamed.tape.operations[i] for i in fault.operations]
    passed = passed_on(blamed.tape, executions, blamed.cotangents.forward)
    if passed is None and is_in(blamed.operation.function, SPLITTING):  # computes nothing itself
        passed = renamed_at(blamed.tape, blamed.operation.out)
    if passed is not None:
        text = passed.file.slice(passed.statement)
        reason = f"`{text}` passes on a value as it is, which is not what the chain rule gives here"
        return blamed.finding("BP101", "missing-factor", reason, site=passed)
    site = called_wrongly(blamed) or begun(blamed).where
    reason = f"`{site.text}` is not what the chain rule gives here"
    return blamed.finding("BP101", "wrong-operand", reason, site=site)
