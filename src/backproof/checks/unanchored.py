"""Where no gradient fits a cost: an edit that makes all of them fit shows which cost is meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from backproof.arithmetic import ADD, SUBTRACT, is_in
from backproof.checks.added_labels import added_label
from backproof.checks.blame.earliest import rule_at_fault
from backproof.checks.cause.attempts import diagnose
from backproof.checks.cause.diagnosis import Diagnosis, from_edit
from backproof.checks.covered import is_blank
from backproof.checks.entered import NATURAL
from backproof.checks.found import Found
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import Fit, Match, rematch
from backproof.checks.mismatch import is_reported
from backproof.checks.moments import rootless
from backproof.checks.scales import SAME, TOLERANCE, proportion
from backproof.checks.search import StepSearch
from backproof.checks.sense import is_called_a_cost, is_distance
from backproof.hypotheses import is_progress
from backproof.trace.tape import Tape, refs_in

#: Costs tried where no gradient fits any.
MOST_COSTS = 4
#: Slips that show a cost which the program does not compute, and entries that they must explain:
#: without its slope an output error is that of another cost, which few entries do not tell.
SLOPES = {"extra-factor": 12, "wrong-derivative": 3, "wrong-sign": 3}
#: Of the time for a search, what the first cost gets, and each of the others.
LIKELIEST, REST = 0.6, 0.25
#: Of the time for one edit, what each of two gets.
SHARE = 0.35


@dataclass(frozen=True, slots=True)
class Unanchored:
    """A cost under which a few edits make all gradients right, and what each edit explains."""

    fit: Fit
    diagnoses: tuple[tuple[Diagnosis, tuple[int, ...]], ...]


def free_search(evidence: StepEvidence, *, patience: float) -> Unanchored | None:
    """Search the edit that makes all gradients fit a cost of the program, where none does.

    One parameter that is right under a cost shows which cost is meant. Where there is none, one
    edit that makes all gradients exact at once shows it too, or two, of which the first makes some
    exact and the second the rest; nothing less does. Where outputs are saturated, nothing moves a
    cost: zeros would fit it.
    """
    lost = _penalty_alone(evidence) or added_label(evidence)
    if lost is not None:
        return Unanchored(lost[0], ((lost[1], tuple(lost[0].wrong)),))
    fits = [
        f for f in evidence.others
        if not any(m.reason for m in f.matches) and sum(m.size for m in f.matches) > 2
        and not (f.hypothesis.registered and any(_is_out_of_reach(m) for m in f.matches))
        and not is_progress(evidence.tape, f.hypothesis.node, evidence.params)
        and not (_agrees_with_itself(f) and not is_reported(evidence.tape, f, late=True))
        and not is_blank(replace(evidence, fit=f)) and not _is_of_a_leaf(evidence.tape, f)
    ]  # fmt: skip
    own = [f for f in fits if not f.hypothesis.registered and not _falls_as_another_grows(f, fits)]
    # What a backward pass leaves at its end is no cost, but looks like one: an adjoint's state.
    own.sort(key=lambda f: not is_called_a_cost(evidence, f))
    if not (own and own[0].hypothesis.own and is_called_a_cost(evidence, own[0])):
        # The program has no cost, or none that it calls one: one of those that networks have.
        own = sorted(fits, key=lambda f: not f.hypothesis.registered) if own else fits
    for fit in own[:MOST_COSTS]:
        told = rootless(replace(evidence, fit=fit))
        if told and sum(len(repaired) for _, repaired in told) == len(fit.wrong):
            return Unanchored(fit, tuple(told))
    # What is made of right gradients by another method than descent is no fault of theirs.
    own, fits = ([f for f in some if not is_led_on(evidence, f)] for some in (own, fits))
    found = search_under(evidence, own, patience=patience)
    if found is not None:
        return found
    # What the program prints may be a measure only: `y - p` is known, but not `(y - p) * p'`.
    titles = list(dict.fromkeys(f.hypothesis.title for f in fits if f.hypothesis.registered))
    known = sorted(
        (f for f in fits if f.hypothesis.registered and f not in own),
        key=lambda f: titles.index(f.hypothesis.title),  # the usual one at each place, first
    )
    found = _first(evidence, known, _in_a_slope, patience)
    if found is not None:
        return found
    # A factor of one sample is a weight or a reward, unless it is half of a derivative.
    distances = [f for f in evidence.others if f not in fits and _is_distance(evidence, f)]
    return _first(evidence, distances, _in_half_a_slope, patience)


def search_under(
    evidence: StepEvidence, fits: Sequence[Fit], *, patience: float
) -> Unanchored | None:
    """Search the edits that make all gradients fit one of some costs."""
    for search_in in (_in_one, _in_a_rule, _in_two):
        found = _first(evidence, fits, search_in, patience)
        if found is not None:
            return found
    return None


def search_slopes(evidence: StepEvidence, *, patience: float) -> Unanchored | None:
    """Search the edit of a slope under which gradients of one sample are those of a usual cost.

    What is made of the output alone is its slope: a reward or a weight of the sample is none.
    """
    assert evidence.fit is not None
    tape = evidence.tape
    for fit in (evidence.fit, *evidence.others):
        if not fit.hypothesis.registered or fit.wrong or not fit.chosen:
            continue
        chosen, scale = fit.chosen, fit.scale
        fit.chosen, wrong = {}, tuple(sorted(chosen))
        search = StepSearch(evidence, fit, patience=patience / 2)
        known = _made_of(tape, fit.hypothesis.joins[0].output)
        slopes = [
            site for site, made in search.groups.items() if known.issuperset(o.out for o in made)
        ]
        found = search.best(slopes, wrong) if search.shares_the_forward_pass() else None
        if found is not None and len(found.repaired) == len(wrong) and found.edit.cost <= NATURAL:
            fit.scale = found.scale
            return Unanchored(fit, ((from_edit(search, found), wrong),))
        fit.chosen, fit.scale = chosen, scale
    return None


def _made_of(tape: Tape, output: int) -> set[int]:
    """Return what is computed of an output alone, or of what alone the output is computed of."""
    known = {output}
    while (made := tape.producer(min(known))) is not None and len(made.inputs) == 1:
        known.add(made.inputs[0])
    for operation in tape.operations:
        if operation.inputs and known.issuperset(operation.inputs):
            known.add(operation.out)
    return known


def is_led_on(evidence: StepEvidence, fit: Fit) -> bool:
    """Whether all gradients of a cost are there, and are made into another direction.

    Newton's, or that of conjugate gradients: what the step adds is no gradient, and no fault.
    """
    tape, run = evidence.tape, evidence.run
    for parameter, match in zip(evidence.params, fit.matches, strict=True):
        truth = match.truth
        if truth is None or truth.size < 2 or match.vacuous:
            return False
        feeding = tape.ancestors([d for u in parameter.updates for _, d in u.merges])
        values = (run.env[n] for n in feeding if np.size(tape.nodes[n].obj) == truth.size)
        if not any(
            proportion(np.asarray(v, dtype=float).reshape(-1), truth)[1] <= TOLERANCE
            for v in values if v is not None
        ):  # fmt: skip
            return False
    return True


def _first(
    evidence: StepEvidence, fits: Sequence[Fit],
    search_in: Callable[[StepEvidence, Fit, float], Unanchored | None], patience: float,
) -> Unanchored | None:  # fmt: skip
    """Return what is found under the first cost, of those that reach most parameters."""
    most = max((_reached(f) for f in fits), default=0)
    tried = [f for f in fits if _reached(f) == most][:MOST_COSTS]
    for number, fit in enumerate(tried):
        fit.chosen = {}
        found = search_in(evidence, fit, patience * (LIKELIEST if number == 0 else REST))
        if found is not None:
            return found
    return None


def _agrees_with_itself(fit: Fit) -> bool:
    """Whether all gradients are one multiple of a cost's, by a number that no network has.

    A reward below the baseline turns the step of its sample round; nothing is wrong with it.
    """
    scales = [[s for _, s, _ in m.scales if s] for m in fit.matches if not m.vacuous]
    return bool(scales) and any(
        all(any(abs(s / first - 1) < SAME for s in own) for own in scales) for first in scales[0]
    )


def _is_out_of_reach(match: Match) -> bool:
    """Whether a cost does not depend on what is moved all the same: it has a term of its own."""
    return not np.any(match.truth) and not match.vacuous


def _is_of_a_leaf(tape: Tape, fit: Fit) -> bool:
    """Whether a usual cost compares a parameter itself with data: how far it is from the truth."""
    return any(tape.producer(join.output) is None for join in fit.hypothesis.joins)


def _penalty_alone(evidence: StepEvidence) -> tuple[Fit, Diagnosis] | None:
    """Return the program's cost where all gradients are those of its penalty: ``dW = λ * W``."""
    tape = evidence.tape
    alone = [f for f in evidence.others if f.hypothesis.bare and f.chosen and not f.wrong]
    whole = [
        f for f in evidence.others
        if f.wrong and not (f.hypothesis.bare or f.hypothesis.registered)
        and is_called_a_cost(evidence, f)
    ]  # fmt: skip
    if not alone or not whole or len(evidence.params) != len(alone[0].chosen):
        return None
    fit, (index, (level, _, _)) = whole[0], next(iter(alone[0].chosen.items()))
    levels = evidence.params[index].levels
    made = tape.producer(levels[level].nodes[0]) if 0 <= level < len(levels) else None
    if made is None:
        return None
    fit.scale, fit.chosen, fit.anchored = 1.0, {}, True
    return fit, Diagnosis(
        "BP101", "missing-term", made.where,
        "it is that of the penalty alone; what comes back from the data is lost",
        "add the penalty to the gradient: `+=` in place of `=`",
    )  # fmt: skip


def _falls_as_another_grows(fit: Fit, fits: Sequence[Fit]) -> bool:
    """Whether a cost is a part of the program's own that enters it with a minus sign."""
    node = fit.hypothesis.node
    slopes = [
        f.adjoint.of.get(node) for f in fits
        if f.hypothesis.own and f is not fit and f.adjoint is not None
    ]  # fmt: skip
    return any(s is not None and np.size(s) == 1 and float(np.sum(s)) < 0 for s in slopes)


def _in_a_slope(evidence: StepEvidence, fit: Fit, patience: float) -> Unanchored | None:
    """Search one edit of a slope that makes all gradients right."""
    return _in_one(evidence, fit, patience, slopes=True)


def _in_half_a_slope(evidence: StepEvidence, fit: Fit, patience: float) -> Unanchored | None:
    """Search a derivative that lacks a part: ``error * o`` for ``error * o * (1 - o)``."""
    found = _in_one(evidence, fit, patience)
    told = found is not None and found.diagnoses[0][0].cause == "wrong-derivative"
    return found if told else None


def _is_distance(evidence: StepEvidence, fit: Fit) -> bool:
    """Whether a cost is one that the program computes, of squared distances from data."""
    olds = {n for p in evidence.params for n in p.old}
    own = fit.hypothesis.own and not fit.hypothesis.registered
    return (
        own and not any(m.reason for m in fit.matches)
        and is_distance(evidence.tape, fit.hypothesis.node, olds)
    )  # fmt: skip


def _in_one(
    evidence: StepEvidence, fit: Fit, patience: float, *, slopes: bool = False
) -> Unanchored | None:
    """Search one edit that makes all gradients right."""
    search = StepSearch(evidence, fit, patience=patience)
    if not search.shares_the_forward_pass():
        return None
    wrong = fit.wrong
    found = search.likeliest(wrong) or search.at_names(wrong)
    if found is None or len(found.repaired) < len(wrong):
        return None
    entries = sum(match.size for match in fit.matches)
    if slopes and entries < SLOPES.get(found.edit.cause, np.inf):
        return None
    if fit.hypothesis.registered and _drops_weights(search, found):
        return None
    fit.scale = found.scale
    return Unanchored(fit, ((from_edit(search, found), tuple(wrong)),))


def _drops_weights(search: StepSearch, found: Found) -> bool:
    """Whether an edit takes away what no error makes wrong: a reward of a sample, a penalty.

    A factor of its own, or those that a value has got on the way from the one to be used instead,
    and terms of the parameters alone that were added there.
    """
    tape, carries_error = search.tape, search.scope.carries_error
    moving = tape.reach(n for p in search.evidence.params for n in p.old)
    if found.edit.cause == "extra-factor":
        return any(not moving.issuperset(tape.operations[i].inputs) for i in found.edited)
    for index, changed in found.edited.items():
        old, kept = tape.operations[index].inputs, {node for _, node in refs_in(changed.args)}
        for new in kept.difference(old):
            made = tape.reach([new])
            way = made & tape.ancestors(set(old) - kept) - {new}
            beside = {n for m in way if (o := tape.producer(m)) for n in o.inputs} - made
            added = all(is_in(o.function, ADD | SUBTRACT) for o in tape.makers(way))
            if beside and (
                beside.isdisjoint(moving) or (added and not any(map(carries_error, beside)))
            ):
                return True
    return False


def _in_a_rule(evidence: StepEvidence, fit: Fit, patience: float) -> Unanchored | None:
    """Search the rule of a scalar engine that makes all gradients exact once it is put right."""
    found = rule_at_fault(replace(evidence, fit=fit), 1.0)
    if found is None:
        return None
    blame, fault = found
    search = StepSearch(blame.evidence, blame.replays.fit, patience=patience)
    told = diagnose(blame, fault, search)
    return Unanchored(blame.replays.fit, ((told, tuple(blame.replays.fit.wrong)),))


def _in_two(evidence: StepEvidence, fit: Fit, patience: float) -> Unanchored | None:
    """Search an edit that makes some gradients right, and another that does the rest."""
    search = StepSearch(evidence, fit, patience=SHARE * patience, partial=True)
    if not search.shares_the_forward_pass():
        return None
    first = search.best(search.in_order(), fit.wrong)
    if first is None or len(first.repaired) == len(fit.wrong):
        return None
    if fit.hypothesis.registered and _drops_weights(search, first):
        return None
    tape = evidence.tape.edited(first.edited)
    run = tape.replay(double=True, base=evidence.run, dirty=tape.reach(_outs(first)))
    left = rematch(run, fit)
    left.adjoint, left.run = fit.adjoint, fit.run
    edited = replace(evidence, tape=tape, run=run)
    then = StepSearch(edited, left, patience=SHARE * patience)
    wrong = left.wrong
    second = then.best(then.in_order(), wrong)
    if second is None or len(second.repaired) < len(wrong):
        return None
    fit.scale = left.scale
    return Unanchored(
        fit, ((from_edit(search, first), first.repaired), (from_edit(then, second), tuple(wrong)))
    )  # fmt: skip


def _outs(found: Found) -> list[int]:
    return [operation.out for operation in found.edited.values()]


def _reached(fit: Fit) -> int:
    """Return how many entries of the parameters a cost depends on."""
    return sum(int(np.count_nonzero(m.truth)) for m in fit.matches if m.truth is not None)
