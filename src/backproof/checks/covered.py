"""Which code the gradients that fit a cost came from: another function's prove nothing of it.

One training loop may be run with several functions in turn (`for loss in (naive, vectorised)`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from backproof.checks.gradient import StepEvidence
from backproof.checks.match import author_value
from backproof.reads import reads_arrays
from backproof.source import Span
from backproof.trace.tape import Operation

#: A true gradient below this share of the author's says nothing of how that is made.
FAINT = 1e-9
#: Steps before the first that fits a cost, of which some are remembered.
MOST_BEFORE = 3


Statement = tuple[str, Span]


@dataclass(frozen=True, slots=True)
class Open:
    """Parameters that other steps verify, and why they are left open all the same."""

    names: tuple[str, ...]
    reason: str


class Covered:
    """The statements that ran in the steps in which a cost fitted."""

    def __init__(self) -> None:
        self._statements: set[Statement] = set()
        self._before: list[tuple[int, tuple[str, ...], list[Statement]]] = []
        """Steps before the first that fitted, and what forms their gradients, the last first."""

    def look(self, evidence: StepEvidence) -> Open | None:
        """Learn from a step that fits; of another say which statement of its gradients is new.

        None where no such statement forms the gradients, or no step has fitted.
        """
        tape = evidence.tape
        if evidence.fit is not None:
            self._statements.update(map(_statement, tape.operations))
            return None
        feeding = tape.ancestors([n for p in evidence.params for n in p.new])
        made = (_statement(op) for op in reversed(tape.operations) if op.out in feeding)
        one = evidence.step, tuple(p.name for p in evidence.params), list(dict.fromkeys(made))
        if self._statements:
            return self._new(*one)
        if len(self._before) < MOST_BEFORE and not (evidence.reason or evidence.unfaithful):
            self._before.append(one)
        return None

    def before(self) -> Iterator[Open]:
        """Yield the steps before any fitted whose code none of those ran that did."""
        found = [self._new(*one) for one in self._before if self._statements]
        yield from (one for one in found if one is not None)

    def _new(self, step: int, names: tuple[str, ...], made: list[Statement]) -> Open | None:
        own = (span for path, span in made if (path, span) not in self._statements)
        line = next((span.line for span in own), None)
        reason = (
            f"in step {step} no cost fits the gradient that is formed by line {line}, which the "
            "verified steps do not run"
        )
        return None if line is None else Open(names, reason)


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
    return all(np.all(np.abs(np.ravel(new)) <= np.abs(np.ravel(old))) for old, new in pairs)


def _statement(operation: Operation) -> Statement:
    return operation.where.file.path, operation.where.statement
