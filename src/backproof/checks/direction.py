"""Updates that go the wrong way although the gradient is right (BP104).

One parameter climbs while others descend: the sign of its own update is wrong, at the place where
it differs from the others'. All climb: one sign is wrong for all of them, that of the error term
where several statements update, else that of the update.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from backproof.arithmetic import ADD, SUBTRACT, is_in, is_square
from backproof.checks.accusation import Accusation
from backproof.checks.advice import advise
from backproof.checks.claims import operand_texts
from backproof.checks.exclusive import exclusive_call
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import Fit
from backproof.checks.places import Place, final_names, statement_of
from backproof.checks.rewarded import is_rewarded
from backproof.checks.scales import is_plausible
from backproof.checks.sense import meant
from backproof.checks.signs import turned_sign
from backproof.costs import PERCEPTRON
from backproof.finding import Finding
from backproof.joins import output_joins
from backproof.names import SLOPE
from backproof.roles import Level, Parameter
from backproof.trace.site import Site
from backproof.trace.tape import Ref

#: The registered cost that nobody wants to grow, and steps up it that leave no doubt.
SQUARED, ENOUGH = "squared error", 4


def climbing(evidence: StepEvidence, known: Iterable[Finding] = ()) -> list[Finding]:
    """Return what a judged step says about the direction of its updates, and `known` does not."""
    told = {
        n for f in known if f.code == "BP104" or f.evidence.get("turned")
        for n in f.evidence["parameters"]
    }  # fmt: skip
    found = [f for f in _climbing(evidence) if not set(f.evidence["parameters"]) <= told]
    turned = turned_sign(evidence) if found else None
    if turned is None:
        return found
    one = Accusation(*turned).finding(evidence)
    assert evidence.fit is not None
    if not evidence.fit.wrong:
        names = _names(evidence, list(turned[1]))
        title = f"the updates of {names} go up {_called(evidence)}: {turned[0].reason}"
        one = replace(one, code="BP104", title=title)
    return [one]


def _climbing(evidence: StepEvidence) -> list[Finding]:
    fit = evidence.fit
    assert fit is not None
    if fit.hypothesis.registered and fit.wrong:
        return []  # a cost that explains only some gradients may be none of the program's
    directions = fit.directions
    up = [i for i, d in directions.items() if d > 0]
    if fit.hypothesis.registered and any(
        is_rewarded(evidence.tape, evidence.params[i]) for i in up
    ):
        return []
    sense = 1.0 if fit.hypothesis.registered else meant(evidence)
    if up and len(up) < len(directions):
        if sense < 0:
            up = [i for i in directions if i not in up]
        return list(_some(evidence, up, [i for i in directions if i not in up]))
    if is_single(evidence) or not directions:
        return []  # under one output of one sample any cost fits, with any sign
    if (up and sense > 0) or (not up and sense < 0):
        return [against(evidence, sorted(directions), rises=bool(up))]
    return []


def is_meant_to_descend(evidence: StepEvidence) -> bool:
    """Whether a step is written as descent, or goes both ways.

    The inputs of an attack have a gradient added, all of them.
    """
    merges = (index for p in evidence.params for u in p.updates for index, _ in u.merges)
    if all(is_in(evidence.tape.operations[index].function, SUBTRACT) for index in merges):
        return True
    fit = evidence.fit
    return fit is not None and not fit.wrong and len({d > 0 for d in fit.directions.values()}) > 1


def is_single(evidence: StepEvidence, fit: Fit | None = None) -> bool:
    """Whether a cost, that which fits or another, is of one output of one sample."""
    fit = fit or evidence.fit
    assert fit is not None
    hypothesis = fit.hypothesis
    joins = () if hypothesis.title == PERCEPTRON.title else hypothesis.joins
    return len(joins) == 1 and np.size(evidence.run.env[joins[0].output]) == 1


class Uphill:
    """Asked with each judged step: do all steps of single samples go up their squared error?

    Under one output any cost fits, with any sign; that the same one fits all samples, by a number
    that a program writes, is no chance.
    """

    def __init__(self) -> None:
        self.rising = self.falling = 0
        self._descended: dict[str, set[str]] = {}
        """Cost -> the parameters that went down it in some step, when no other went up."""

    def excuses(self, finding: Finding) -> bool:
        """Whether these go down a cost that nobody wrote elsewhere: a reward may be negative."""
        descended = self._descended.get(finding.evidence.get("cost", ""), set())
        return finding.code == "BP104" and descended.issuperset(finding.evidence["parameters"])

    def look(self, evidence: StepEvidence) -> Finding | None:
        """Count a step; the finding where the last doubt is gone."""
        fit = evidence.fit
        if fit is None or not fit.hypothesis.registered:
            return None
        directions = fit.directions
        if all(d < 0 for d in directions.values()):
            names = {evidence.params[i].name for i in directions}
            self._descended.setdefault(fit.hypothesis.title, set()).update(names)
        if fit.hypothesis.title != SQUARED or fit.wrong or not is_single(evidence):
            return None
        if not directions or not is_plausible(fit.scale):
            return None
        self.rising += all(d > 0 for d in directions.values())
        self.falling += any(d < 0 for d in directions.values())
        if self.rising < ENOUGH or self.falling:
            return None
        return against(evidence, sorted(directions), rises=True)


# ---- one of several ----------------------------------------------------------------------------


def _some(evidence: StepEvidence, up: list[int], down: list[int]) -> Iterator[Finding]:
    """Report the parameters that go the other way than the rest, one finding a statement."""
    tape = evidence.tape
    places: dict[int, list[int]] = {}
    for i in up:
        places.setdefault(_turning(evidence, i, down).index, []).append(i)
    for members in places.values():
        site = _turning(evidence, members[0], down)
        names = _names(evidence, members)
        merge = tape.operations[evidence.params[members[0]].updates[-1].merges[-1][0]].where
        if merge is site:
            updates = [u for i in members for u in evidence.params[i].updates]
            merges = [tape.operations[index] for u in updates for index, _ in u.merges]
            site = merge = exclusive_call(tape, merges) or merge
        related = [] if merge is site else [(statement_of(merge), "call-site", "added here")]
        taken = evidence.params[members[0]].levels[:1]
        told = "add it" if taken and taken[0].sign < 0 else "subtract the gradient"
        yield _finding(
            evidence, members, Place(site.file, site.span),
            f"the update of {names} goes up the cost instead of down",
            told if merge is site else "turn the sign", related,
        )  # fmt: skip


def _turning(evidence: StepEvidence, index: int, down: list[int]) -> Site:
    """Return where the way from a gradient to its update turns, compared with the others'."""
    tape, parameter = evidence.tape, evidence.params[index]
    merge = tape.operations[parameter.updates[-1].merges[-1][0]].where
    mine = _signs(evidence, index)
    others = [_signs(evidence, j) for j in down]
    other = max(others, key=lambda signs: _agreement(mine, signs), default=[])
    for k in range(len(mine)):
        before = other[k] if k < len(other) else mine[k - 1] if k else mine[k]
        if mine[k] != before:
            if k == 0:
                return merge
            made = tape.producer(parameter.levels[k - 1].nodes[0])
            return merge if made is None else made.where
    return merge


def _signs(evidence: StepEvidence, index: int) -> list[float]:
    """Return the signs of the way down to the last level that is a multiple of the gradient."""
    assert evidence.fit is not None
    levels: list[Level] = evidence.params[index].levels
    last = max((level for level, _, _ in evidence.fit.matches[index].scales), default=0)
    return [level.sign for level in levels[: max(last, 0) + 1]]


def _agreement(one: list[float], two: list[float]) -> int:
    """Return how far two ways run alike."""
    same = 0
    for a, b in zip(one, two, strict=False):
        if a != b:
            break
        same += 1
    return same


# ---- all of them -------------------------------------------------------------------------------


def against(evidence: StepEvidence, members: list[int], *, rises: bool) -> Finding:
    """Report one wrong sign behind all updates."""
    tape = evidence.tape
    merges: dict[int, Site] = {}
    for i in members:
        site = tape.operations[evidence.params[i].updates[-1].merges[-1][0]].where
        merges.setdefault(site.index, site)
    sites = list(merges.values())
    way = "up" if rises else "down"
    called = _called(evidence)
    added = _added_label(evidence)
    join = added or error_term(evidence)
    plain = added is None or any(
        SLOPE.search(name) for s in sites for text in s.operands for name in final_names(text)
    )  # fmt: skip
    if join is None or (plain and len(sites) == 1 and _adds(evidence, members)):
        # What `-=` is given should be `y - t`; where it is, and is added, the one update is wrong.
        names = _names(evidence, members)
        return _finding(
            evidence, members, Place(sites[0].file, sites[0].span),
            f"the update of {names} goes {way} {called} instead of {'down' if rises else 'up'}",
            "subtract the gradient" if rises else "add the gradient",
            [(statement_of(s), "call-site", "updated here") for s in sites[1:]],
        )  # fmt: skip
    place = statement_of(join)
    return _finding(
        evidence, members, place,
        f"all updates go {way} {called}: the sign of the error term is the wrong one for them",
        f"turn the sign of `{join.text}`, or of every update",
        [(statement_of(s), "call-site", "updated here") for s in sites],
        cause="wrong-sign",
    )  # fmt: skip


def _added_label(evidence: StepEvidence) -> Site | None:
    """Return where the cost squares the sum of the output and data: ``(y + a) ** 2``."""
    tape = evidence.tape
    assert evidence.fit is not None
    forward = tape.ancestors([evidence.fit.hypothesis.node])
    moving = tape.reach(n for p in evidence.params for n in p.old)
    for operation in tape.operations:
        if operation.out not in forward or not is_in(operation.function, ADD):
            continue
        met = [type(a) is Ref and a.node in moving for a in operation.args]
        users = [tape.operations[i] for i in tape.users[operation.out]]
        if sorted(met) == [False, True] and any(is_square(o) for o in users):
            return operation.where
    return None


def _adds(evidence: StepEvidence, members: list[int]) -> bool:
    """Whether updates add what they are given."""
    merges = (u.merges[-1][0] for i in members for u in evidence.params[i].updates)
    return all(is_in(evidence.tape.operations[i].function, ADD) for i in merges)


def _called(evidence: StepEvidence) -> str:
    assert evidence.fit is not None
    hypothesis = evidence.fit.hypothesis
    return f"the {hypothesis.title}" if hypothesis.registered else f"`{hypothesis.title}`"


def error_term(evidence: StepEvidence, fit: Fit | None = None) -> Site | None:
    """Return the difference of output and labels from which the gradients are computed."""
    tape, fit = evidence.tape, fit or evidence.fit
    assert fit is not None
    forward = tape.ancestors([fit.hypothesis.node])
    deltas = [d for p in evidence.params for u in p.updates for _, d in u.merges]
    feeding = tape.ancestors(deltas)
    every = [*fit.hypothesis.joins, *output_joins(tape, evidence.params, limit=50)]
    # The backward pass may compute the output again, from what the cost reads: logits.
    for joins in ([j for j in every if j.output in forward], every):
        pairs = {(j.output, j.labels) for j in joins}
        for operation in tape.operations:
            meets = {operation.inputs, operation.inputs[::-1]} & pairs
            if meets and operation.function in SUBTRACT and operation.out in feeding:
                return operation.where
        # A label that is a number: none that is written there, as in the derivative `1 - a`.
        numbers = sorted((j.written, j.operation) for j in joins if j.labels is None)
        for operation in (tape.operations[i] for written, i in numbers if not written):
            if operation.function in SUBTRACT and operation.out in feeding:
                return operation.where
    # Numbers of objects: what the parameters move, beside what they do not, and the cost reads.
    moving = tape.reach(n for p in evidence.params for n in p.old)
    for operation in tape.operations:
        if operation.out in feeding - forward and operation.function in ADD | SUBTRACT:
            met = [type(a) is Ref and a.node in moving for a in operation.args]
            written = any(t.replace(".", "").isdigit() for t in operand_texts(operation))
            if (
                sorted(met) == [False, True]
                and not written
                and forward.issuperset(operation.inputs)
            ):
                return operation.where
    return None


def _names(evidence: StepEvidence, members: list[int]) -> str:
    params: list[Parameter] = [evidence.params[i] for i in members]
    return ", ".join(f"`{p.name}`" for p in params[:4]) + (" …" if len(params) > 4 else "")


def _finding(
    evidence: StepEvidence, members: list[int], place: Place, title: str, message: str,
    related: list[tuple[Place, str, str]], *, cause: str = "update-direction",
) -> Finding:  # fmt: skip
    names = [evidence.params[i].name for i in members]
    assert evidence.fit is not None
    said = {"parameters": names, "step": evidence.step, "cost": evidence.fit.hypothesis.title}
    return advise(
        "BP104", cause, place, title, message, said,
        severity="error", confidence="proven", related=related,
    )  # fmt: skip
