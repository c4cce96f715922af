"""Where no gradient fits a cost: one edit that makes all of them fit shows which cost is meant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backproof.checks.cause.diagnosis import Diagnosis, from_edit
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import Fit
from backproof.checks.scales import is_natural
from backproof.checks.search import StepSearch
from backproof.hypotheses import is_progress

#: Costs tried where no gradient fits any.
MOST_COSTS = 4


@dataclass(frozen=True, slots=True)
class Unanchored:
    """A cost of the program under which one edit makes all gradients right."""

    fit: Fit
    diagnosis: Diagnosis


def free_search(evidence: StepEvidence, *, patience: float) -> Unanchored | None:
    """Search the edit that makes all gradients fit a cost of the program, where none does.

    One parameter that is right under a cost shows which cost is meant. Where there is none, one
    edit that makes all gradients exact at once shows it too; nothing less does.
    """
    fits = [
        f for f in evidence.others
        if not any(m.reason for m in f.matches) and sum(m.size for m in f.matches) > 2
        and not is_progress(evidence.tape, f.hypothesis.node, evidence.params)
    ]  # fmt: skip
    own = [f for f in fits if not f.hypothesis.registered]
    if not own and len(evidence.params) > 1:
        own = fits  # the program has no cost: one of those that networks usually have
    most = max((_reached(f) for f in own), default=0)
    fits = [f for f in own if _reached(f) == most][:MOST_COSTS]
    for fit in fits:
        fit.chosen = {}
        search = StepSearch(evidence, fit, patience=patience / len(fits))
        if not search.shares_the_forward_pass():
            continue
        wrong = fit.wrong
        found = search.best(search.in_order(), wrong) or search.at_calls(wrong)
        if found is None or len(found.repaired) < len(wrong) or not is_natural(found.scale):
            continue
        fit.scale = found.scale
        return Unanchored(fit, from_edit(search, found))
    return None


def _reached(fit: Fit) -> int:
    """Return how many entries of the parameters a cost depends on."""
    return sum(int(np.count_nonzero(m.truth)) for m in fit.matches if m.truth is not None)
