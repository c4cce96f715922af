"""Which code the gradients that fit a cost came from: another function's prove nothing of it.

One training loop may be run with several functions in turn (`for loss in (naive, vectorised)`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from backproof.checks.gradient import StepEvidence
from backproof.checks.match import author_value
from backproof.reads import reads_arrays
from backproof.source import Span
from backproof.trace.tape import Operation

#: A true gradient below this share of the author's says nothing of how that is made.
FAINT = 1e-9


class Covered:
    """The statements that ran in the steps in which a cost fitted."""

    def __init__(self) -> None:
        self._statements: set[tuple[str, Span]] = set()

    def look(self, evidence: StepEvidence) -> Operation | None:
        """Learn from a step that fits; of another return the last operation behind its gradients
        that is in a statement not seen yet.

        None where no such statement forms the gradients, or no step has fitted.
        """
        tape = evidence.tape
        if evidence.fit is not None:
            self._statements.update(map(_statement, tape.operations))
            return None
        if not self._statements:
            return None
        feeding = tape.ancestors([n for p in evidence.params for n in p.new])
        made = [op for op in tape.operations if op.out in feeding]
        return next((op for op in reversed(made) if _statement(op) not in self._statements), None)


def says_nothing(evidence: StepEvidence, *, known: bool) -> bool:
    """Whether a step changes no parameter or, where a cost is `known`, only shrinks them."""
    return stands_still(evidence) or (known and _decays_alone(evidence))


def is_blank(evidence: StepEvidence) -> bool:
    """Whether the true gradients of all that is wrong are nothing beside the author's.

    What comes back is lost among zeros there: a softmax that is sure, units that are off.
    """
    fit = evidence.fit
    if fit is None or not fit.wrong:
        return False
    for i in fit.wrong:
        truth, parameter = fit.matches[i].truth, evidence.params[i]
        own = author_value(evidence.run, parameter, 0 if parameter.levels else -1)
        if truth is None or own is None or np.linalg.norm(truth) > FAINT * np.linalg.norm(own):
            return False
    return True


def tells_less(evidence: StepEvidence) -> bool:
    """Whether another step may tell more of what is wrong: here a gradient is zero.

    Of a sample whose inputs are all 0 the biases alone are judged.
    """
    # (What cancels out, as before a normalisation, does so in every step, and not to the last bit.)
    truths = [] if evidence.fit is None else [m.truth for m in evidence.fit.matches if m.vacuous]
    return is_blank(evidence) or any(t is not None and not np.any(t) for t in truths)


def tells_little(evidence: StepEvidence) -> bool:
    """Whether it is so under each of the costs that the program computes."""
    own = [f for f in evidence.others if f.hypothesis.own]
    return bool(own) and all(is_blank(replace(evidence, fit=f)) for f in own)


def stands_still(evidence: StepEvidence) -> bool:
    """Whether a step adds nothing to any parameter: the sample was on its side of a threshold."""
    env = evidence.run.env
    pairs = [(env[u.old], env[u.new]) for p in evidence.params for u in p.updates]
    return all(np.array_equal(old, new) for old, new in pairs)


def _decays_alone(evidence: StepEvidence) -> bool:
    """Whether a step only shrinks its parameters: beyond its margin a sample has no gradient."""
    tape, env = evidence.tape, evidence.run.env
    olds = {n for p in evidence.params for n in p.old}
    if not all(np.ndim(tape.nodes[n].obj) for n in olds) or any(
        reads_arrays(tape, n, olds) for p in evidence.params for n in p.new
    ):
        return False
    pairs = [(env[u.old], env[u.new]) for p in evidence.params for u in p.updates]
    return all(np.all(np.abs(new) <= np.abs(old)) for old, new in pairs)


def _statement(operation: Operation) -> tuple[str, Span]:
    return operation.where.file.path, operation.where.statement
