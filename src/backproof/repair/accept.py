"""What a trial of an edited program is worth against the program as it was."""

from __future__ import annotations

from dataclasses import dataclass

from backproof.checks.scales import is_plausible
from backproof.history import CONTRADICTED
from backproof.repair.judged import JudgedStep
from backproof.repair.trial import Trial

#: Relative difference of two costs (or scales) that counts as none.
SAME = 1e-6
#: An epsilon in the logarithm of the cost moves the scale of an exact gradient by less than this.
NEAR_ONE = 1e-5
#: Relative difference of steps that have one size.
CLOSE = 1e-3
#: Share of the largest update up to which that of a zero gradient is rounding.
ROUNDING = 1e-9
#: Rules by which a value that should be trained is none of the parameters.
LEFT_OUT = {"replaced", "computed", "random"}


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether an edit helps.

    Attributes
    ----------
    complete : bool
        Every gradient is right on every judged step, and nothing else was changed.
    scaled : bool
        The gradients have the scale of those that were right before (1 where none was).
    better : bool
        `complete`, or fewer gradients are wrong than before and none more.
    gain : int
        Gradients made right.
    """

    complete: bool
    scaled: bool
    better: bool
    gain: int
    trial: Trial

    @property
    def rank(self) -> tuple[bool, int]:
        """The larger the better."""
        return self.complete, self.gain


def judge(trial: Trial, before: Trial) -> Judgement:
    """Compare a trial with that of the program before the edit."""
    worthless = Judgement(False, False, False, 0, trial)
    if not trial.steps or trial.refused:
        return worthless
    if not before.steps:  # nothing was trained at all
        # In a loop: what goes by the name of a gradient is judged without an update, too.
        told = () if before.report is None else before.report.findings
        trained = trial.loop is not None or any(f.cause == "mutated-value" for f in told)
        complete = trial.verified and trained and _complete(trial)
        return Judgement(complete, complete, complete, len(trial.steps[0].verdicts), trial)
    raises = trial.report is not None and trial.report.status == "raised"
    if raises and (before.report is None or before.report.status != "raised"):
        return worthless
    if not _same_program(trial, before) or not _same_updates(trial, before):
        return worthless
    if not _same_pace(trial, before) or not _all_judged(trial, before):
        return worthless
    old, new = before.telling[0], trial.telling[0]
    gain = len(old.wrong) - len(new.wrong & frozenset(old.verdicts))
    changed = _trains_more(trial, before) and _goes_by_averages(trial, before)
    complete = trial.verified and _complete(trial) and changed and all(
        _is_scale(step.scale) for step in trial.telling if step.own_cost
    )  # fmt: skip
    if complete:
        return Judgement(True, _scaled(trial, before), True, gain, trial)
    better = gain > 0 and new.wrong < old.wrong and not _frozen(new, old)
    return Judgement(False, False, better, gain, trial)


def _is_scale(scale: float) -> bool:
    """Whether a factor is one that a program has, but for an epsilon in its cost."""
    rounded = float(f"{scale:.10g}")
    return is_plausible(scale) or is_plausible(rounded) or abs(scale - 1) < NEAR_ONE


def _complete(trial: Trial) -> bool:
    """Whether the program ended as it should, as far as it ran, and contradicts no gradient."""
    if trial.report is None:
        return False
    parameters = trial.report.gradient.parameters
    return not any(p.reason == CONTRADICTED for p in parameters) and not any(
        f.code.startswith("BP1") and (f.severity == "error" or f.of_optimiser)
        for f in trial.report.findings
    )


def _trains_more(trial: Trial, before: Trial) -> bool:
    """Whether a step updates more numbers, where the program left some out."""
    left_out = before.report is not None and any(
        f.evidence.get("rule") in LEFT_OUT for f in before.report.findings
    )
    return not left_out or trial.telling[0].entries > before.telling[0].entries


def _goes_by_averages(trial: Trial, before: Trial) -> bool:
    """Whether averages are seen to be kept, and to fit together, that contradicted themselves.

    All parameters that a finding names are moved by one statement; a bias of one entry says nothing
    of its averages.
    """
    told = () if before.report is None else before.report.findings
    names = [f.evidence["parameters"] for f in told if f.of_optimiser]
    return not any(trial.averaged.isdisjoint(each) for each in names)


def _same_program(trial: Trial, before: Trial) -> bool:
    """Whether the same parameters are trained on the same cost as before."""
    titles = {_unweighted(s.cost_title) for s in before.steps if s.cost_title}
    if not titles and before.report is not None:  # an edit has shown which cost is meant
        titles = {_unweighted(before.report.gradient.cost_expression or "")}
    other_forward = before.report is not None and any(
        f.evidence.get("forward") for f in before.report.findings
    )
    own = {s.step for s in before.steps if s.own_cost}
    if any(s.step in own and not s.own_cost for s in trial.steps):
        return False  # it fits the gradients no more
    # A loop's steps begin with 0, an optimiser's evaluations with 1: nothing has moved by then.
    first = 0 if before.loop is not None else 1
    known = {
        (s.step, s.cost_title): s.cost for s in before.steps
        if s.step == first and not s.after and not other_forward
    }  # fmt: skip
    met = {s.step for s in before.steps} & {s.step for s in trial.telling}
    for step in trial.telling:
        # One step may be judged several times, and its parameters go by other names in between.
        olds = [s for s in before.steps if s.step == step.step]
        if olds and not any(
            set(o.verdicts) <= set(step.verdicts) and not _frozen(step, o) for o in olds
        ):
            return False
        # Steps on one sample move other rows each: their numbers of parameters need not be equal.
        if not olds and not met and len(step.verdicts) < len(before.steps[0].verdicts):
            return False
        meant = _unweighted(step.cost_title)
        fits_another = step.verified and not step.own_cost and not other_forward
        if fits_another and not any(meant >= known for known in titles):
            return False
        cost = None if step.after else known.get((step.step, step.cost_title))
        if cost is None or step.cost is None:
            continue
        if abs(step.cost - cost) > SAME * max(abs(cost), abs(step.cost)):
            return False
    return True


def _unweighted(title: str) -> frozenset[str]:
    """Return the costs that a title names, without their weights."""
    return frozenset(part.rpartition(" · ")[2] for part in title.split(" + "))


def _same_updates(trial: Trial, before: Trial) -> bool:
    """Whether the parameters whose gradients were right are updated as before, up to one factor.

    (Clipping by the norm of all gradients scales those that are right with those that are wrong.)
    """
    for old in before.steps:
        new = next((s for s in trial.steps if s.step == old.step == 0), None)
        if new is None or not old.own_cost or not old.wrong or old.after:
            continue
        ratios = [
            new.deltas[name][1] / old.deltas[name][1] for name, verdict in old.verdicts.items()
            if verdict == ("verified", "") and old.deltas[name][1] > 0 and name in new.deltas
        ]  # fmt: skip
        first = ratios[0] if len(ratios) > 1 else 1.0
        if any(abs(ratio - first) > 1e-4 * abs(first) for ratio in ratios):
            return False
    return True


def _all_judged(trial: Trial, before: Trial) -> bool:
    """Whether every parameter that was judged in the training loop still is: none went unseen.

    Several may go by one name: the entries of a dictionary that one statement updates.
    """
    if before.loop is None:
        return True
    old: dict[str, int] = {}
    new: dict[str, int] = {}
    for known, steps in ((old, before.steps), (new, trial.steps)):
        for step in steps:
            for name in step.verdicts:
                known[name] = max(known.get(name, 0), step.pieces.get(name, 1))
    return all(new.get(name, 0) >= pieces for name, pieces in old.items())


def _same_pace(trial: Trial, before: Trial) -> bool:
    """Whether a step that had another size than the others has it no longer (`rule` "rate")."""
    report = before.report
    told = () if report is None else report.findings
    for finding in (f for f in told if f.evidence.get("rule") == "rate"):
        for old in before.steps:
            new = next((s for s in trial.steps if s.step == old.step == 0), None)
            for name in finding.evidence["parameters"]:
                was, now = old.deltas.get(name), None if new is None else new.deltas.get(name)
                if was is None or now is None or not was[1]:
                    continue
                if abs(now[1] / was[1] * finding.evidence["ratio"] - 1) > CLOSE:
                    return False
    return True


def _frozen(new: JudgedStep, old: JudgedStep) -> bool:
    """Whether a parameter that moved before moves no longer, or has no gradient any more."""
    most = max((moved for moved, _ in old.deltas.values()), default=0.0)
    for name, (moved, _) in old.deltas.items():
        # A gradient that is zero (a bias before a normalisation) moves its parameter by rounding.
        rounding = old.verdicts.get(name) == ("verified", "zero") and moved <= ROUNDING * most
        if moved > 0 and not rounding and not any(new.deltas.get(name, ())):
            return True  # neither as it was judged nor as it was recorded
        zero = new.verdicts.get(name, ("", ""))[1] == "zero"
        if zero and old.verdicts.get(name, ("", "")) == ("verified", ""):
            return True
    return False


def _scaled(trial: Trial, before: Trial) -> bool:
    """Whether the gradients are those of the cost itself, or scaled as the right ones were.

    Of updates that went up the scale says nothing.
    """
    if any(step.ascends for step in before.telling):
        return True
    rights = [s for s in before.telling if len(s.wrong) < len(s.verdicts) and s.scale]
    for step in trial.telling:
        alike = [s for s in rights if s.cost_title == step.cost_title]
        alike = [s for s in alike if s.step == step.step] or alike
        known = [scale for s in alike for scale in s.scales] or [1.0]
        if step.own_cost and not any(s and abs(step.scale / s - 1) <= 1e-3 for s in known):
            return False
    return True
