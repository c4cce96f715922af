"""The accusation that some expression makes gradients wrong: searched for, and worded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from backproof.arithmetic import ADD, is_in
from backproof.checks.added_labels import added_label
from backproof.checks.blame.earliest import Blame
from backproof.checks.blame.fault import Fault
from backproof.checks.cause.attempts import diagnose
from backproof.checks.cause.diagnosis import Diagnosis, from_edit
from backproof.checks.common_factor import common_factor
from backproof.checks.edits.edit import short
from backproof.checks.entered import NATURAL, at_entrances
from backproof.checks.forward import forward_fault
from backproof.checks.gradient import StepEvidence
from backproof.checks.kept_alone import kept_alone
from backproof.checks.last_kept import last_kept
from backproof.checks.lost_factor import lost_error
from backproof.checks.match import author_value, spread
from backproof.checks.overwritten import overwritten
from backproof.checks.penalised import penalised_elsewhere
from backproof.checks.places import place_of, second_term
from backproof.checks.repeated import repeated_rows
from backproof.checks.scales import SAME
from backproof.checks.search import StepSearch
from backproof.checks.signs import turned_sign
from backproof.checks.state import not_reset, stale_reads
from backproof.finding import Finding, Related
from backproof.trace.site import Site
from backproof.trace.tape import Operation

#: Entries that wrong gradients must have for an edit to be no chance.
LEAST_ENTRIES = 3
#: Slips that may give some gradients a scale of their own (BP102).
FACTORS = {"missing-factor", "extra-factor"}
#: CPU seconds for the search of an edit, for all faults of a step.
SEARCH = 1.8


@dataclass(frozen=True, slots=True)
class Accusation:
    """A diagnosis, the parameters whose gradients it explains, and the operations blamed."""

    diagnosis: Diagnosis
    repaired: tuple[int, ...]
    operations: tuple[int, ...] = ()

    def finding(self, evidence: StepEvidence) -> Finding:
        """Word the finding, with the figures of the gradients and what inherits the error."""
        diagnosis = self.diagnosis
        site = diagnosis.site
        place = second_term(site) if diagnosis.cause == "wrong-sign" else place_of(site)
        names = [evidence.params[i].name for i in self.repaired]
        shown = ", ".join(f"`{n}`" for n in names[:4]) + (" …" if len(names) > 4 else "")
        plural = "gradients of" if len(names) > 1 else "gradient of"
        verb = "are" if len(names) > 1 else "is"
        title = f"{plural} {shown} {verb} wrong: {diagnosis.reason}"
        right = {} if evidence.fit is None else evidence.fit.chosen  # and go the wrong way
        notes = tuple(_numbers(evidence, i) for i in self.repaired[:4] if i not in right)
        related = [
            Related(span=s.span, role="consequence", expression=s.text, file=s.file.path)
            for s in _consequences(evidence, self.operations, site)
        ]
        if diagnosis.overwrite is not None:
            o = diagnosis.overwrite
            related.insert(0, Related(o.span, "overwrite", o.text, o.file.path))
        return Finding(
            code="BP102" if self._is_factor(evidence) else diagnosis.code,
            cause=diagnosis.cause,
            severity="error",
            title=title,
            message=diagnosis.help or diagnosis.reason,
            file=site.file.path,
            span=place.span,
            expression=place.text,
            evidence={
                "parameters": names,
                "step": evidence.step,
                **diagnosis.evidence,
            },
            related=tuple(related),
            fix=None,
            confidence="proven",
            notes=notes,
        )

    def _is_factor(self, evidence: StepEvidence) -> bool:
        """Whether the gradients are multiples of what they should be, and others are as they are.

        A single number is a multiple of any other.
        """
        fit, diagnosis = evidence.fit, self.diagnosis
        assert fit is not None
        told = diagnosis.code == "BP101" and diagnosis.cause in FACTORS and bool(fit.chosen)
        return told and all(
            fit.matches[i].scales and fit.matches[i].size > 1 for i in self.repaired
        )  # fmt: skip


def accusations(evidence: StepEvidence, wrong: set[int]) -> Iterator[Accusation]:
    """Find the faults behind the wrong gradients of a step."""
    wrong = set(wrong)
    for fault in (*stale_reads(evidence), *not_reset(evidence)):
        wrong -= set(fault.repaired)
        diagnosis = Diagnosis(
            fault.code, fault.cause, fault.site, fault.reason, fault.help, fault.overwrite
        )
        yield Accusation(diagnosis, fault.repaired)
    if not wrong:
        return
    registered = evidence.fit is not None and evidence.fit.hypothesis.registered
    lost = added_label(evidence) if registered else None
    if lost is not None:
        yield Accusation(lost[1], tuple(range(len(evidence.params))))
        return
    told = list(_blamed(evidence))
    if len(told) > 1 or any(one.diagnosis.is_vague for one in told):
        assert evidence.fit is not None
        forward = forward_fault(evidence, evidence.fit)
        if forward is not None:
            told = [Accusation(forward, tuple(evidence.fit.wrong))]
    yield from told


def _blamed(evidence: StepEvidence) -> Iterator[Accusation]:
    """Find the expressions behind the wrong gradients of a step."""
    assert evidence.fit is not None
    for shown in (penalised_elsewhere, repeated_rows, last_kept):
        told = shown(evidence)
        if sum(len(repaired) for _, repaired in told) == len(evidence.fit.wrong):
            yield from (Accusation(*one) for one in told)
            return
    for told_by in (turned_sign, common_factor):
        one = told_by(evidence)
        if one is not None:
            yield Accusation(*one)
            return
    search = StepSearch(evidence, evidence.fit, patience=SEARCH)
    wrong = tuple(evidence.fit.wrong)
    lost = overwritten(search, wrong)
    if lost is not None and len(lost.repaired) == len(wrong):
        yield Accusation(from_edit(search, lost), lost.repaired)
        return
    alone = lost_error(search, wrong)
    if alone is not None:
        yield Accusation(*alone)
        return
    kept = kept_alone(evidence, wrong)
    if kept is not None:
        yield Accusation(kept, wrong)
        return
    blame = Blame(evidence)
    carrying = evidence.tape.reach(search.errors) | search.errors if search.errors else None
    entrances = blame.entrances(set(wrong), carrying)
    here = at_entrances(search, entrances, wrong)
    if here is None or here.price > NATURAL:
        # One slip that explains all that is wrong is likelier than several.
        several = len(wrong) > 1
        found = (search.likeliest(wrong) or search.at_names(wrong)) if several else None
        if found is not None and set(found.repaired) >= set(wrong):
            here = found if here is None or found.price < here.price else here
    if here is not None:
        operations = search.groups.get(here.site.index, ())
        outs = tuple(operation.index for operation in operations)
        yield Accusation(from_edit(search, here), wrong, outs)
        return
    fit = evidence.fit
    if fit.anchored and not fit.chosen and fit.hypothesis.own and abs(fit.scale - 1) > SAME:
        # A penalty that is too small, or all else too large: the cost itself has the scale of one.
        shared, fit.scale = fit.scale, 1.0
        other = Blame(evidence)
        faults = other.faults()
        if [fault.kind for fault in faults] == ["value"] and set(faults[0].repaired) >= set(wrong):
            yield from _explained(evidence, other, faults)
            return
        fit.scale = shared
    faults = blame.faults()
    if len(wrong) == 1 and len(faults) == 1 and _accumulates(evidence, faults[0]):
        here = search.likeliest(wrong)  # what is gathered there has no cotangent before
        if here is not None:
            yield Accusation(from_edit(search, here), wrong)
            return
    yield from _explained(evidence, blame, faults, entrances)


def _accumulates(evidence: StepEvidence, fault: Fault) -> bool:
    """Whether a statement that gathers the gradients of batches or episodes is blamed."""
    made = [evidence.tape.operations[index] for index in fault.operations]
    return bool(made) and all(
        is_in(o.function, ADD) and o.where.kind.startswith("aug") for o in made
    )


def _explained(
    evidence: StepEvidence, blame: Blame, faults: Sequence[Fault],
    entrances: Sequence[Operation] = (),
) -> Iterator[Accusation]:  # fmt: skip
    """Say why the expressions are wrong that are behind wrong gradients."""
    assert evidence.fit is not None
    search = StepSearch(evidence, evidence.fit, patience=SEARCH)
    for fault in faults:
        diagnosis = diagnose(blame, fault, search)
        if diagnosis.is_vague and _is_told(evidence, fault.repaired):
            # A loop over entries may blame its end: an edit further up may say more.
            found = search.likeliest(fault.repaired)
            if found is not None and set(found.repaired) >= set(fault.repaired):
                yield Accusation(from_edit(search, found), fault.repaired)
                continue
        if diagnosis.is_vague and len(faults) == 1:
            diagnosis = _where_it_enters(evidence, diagnosis, fault, entrances)
        yield Accusation(diagnosis, fault.repaired, fault.operations)


def _where_it_enters(
    evidence: StepEvidence, diagnosis: Diagnosis, fault: Fault, entrances: Sequence[Operation]
) -> Diagnosis:
    """Return the first statement that makes wrong of right, where it stands before a blamed one.

    A helper that several calls share is right for some of them.
    """
    first = min(fault.operations, default=-1)
    if not entrances or first <= entrances[0].index:
        return diagnosis
    tape, site = evidence.tape, entrances[0].where
    calls = {tape.called_from(o) for o in tape.operations if o.site == site.index}
    if len(calls) > 1:
        return diagnosis
    reason = f"`{short(site.text)}` is not what the chain rule gives here"
    return replace(diagnosis, site=site, reason=reason)


def _is_told(evidence: StepEvidence, members: Sequence[int]) -> bool:
    """Whether gradients have enough entries to tell a right edit from others."""
    assert evidence.fit is not None
    return sum(evidence.fit.matches[i].size for i in members) >= LEAST_ENTRIES


def _numbers(evidence: StepEvidence, index: int) -> str:
    """Say how wrong a gradient is, with its worst entry."""
    fit = evidence.fit
    assert fit is not None
    parameter, match = evidence.params[index], fit.matches[index]
    own = author_value(evidence.run, parameter, match.nearest[0])
    if own is not None and match.truth is not None and own.size != match.truth.size:
        own = spread(parameter, own, match.truth.size)
    if own is None or match.truth is None or own.shape != match.truth.shape:
        return f"{parameter.name}: the shape differs from the true gradient's"
    own = own / fit.scale
    gap = np.abs(own - match.truth)
    worst = int(np.argmax(gap))
    shape = np.shape(evidence.run.env[parameter.old[0]]) if len(parameter.old) == 1 else gap.shape
    place = ",".join(str(int(i)) for i in np.unravel_index(worst, shape)) if shape else ""
    error = float(np.linalg.norm(own - match.truth)) / (float(np.linalg.norm(match.truth)) or 1.0)
    entry = f", worst [{place}]" if place else ""
    return (
        f"{parameter.name}: relative error {error:.2g} over {gap.size} entries{entry}: "
        f"yours {own[worst]:.4g}, true {match.truth[worst]:.4g} (float64, step {evidence.step})"
    )


def _consequences(evidence: StepEvidence, operations: tuple[int, ...], site: Site) -> list[Site]:
    """Statements that only inherit the error."""
    tape = evidence.tape
    outs = [tape.operations[i].out for i in operations]
    reached = tape.reach(outs)
    lines: dict[int, Site] = {}
    for operation in tape.operations:
        where = operation.where
        if operation.out in reached and where.is_value and where.targets:
            line = where.span.line
            if line != site.span.line and where.file is site.file and line not in lines:
                lines[line] = where
    return list(lines.values())[:6]
