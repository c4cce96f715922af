"""Which code the gradients that fit a cost came from: another function's prove nothing of it.

One training loop may be run with several functions in turn (`for loss in (naive, vectorised)`).
"""

from __future__ import annotations

from backproof.checks.gradient import StepEvidence
from backproof.trace.tape import Operation


class Covered:
    """The statements that made the gradients of the steps in which a cost fitted."""

    def __init__(self) -> None:
        self._sites: set[int] = set()

    def look(self, evidence: StepEvidence) -> Operation | None:
        """Learn from a step that fits; of another return the last operation of code not seen yet.

        None where the same code made the gradients of a step that fits, or none did.
        """
        tape = evidence.tape
        feeding = tape.ancestors([n for p in evidence.params for n in p.new])
        made = [op for op in tape.operations if op.out in feeding]
        if evidence.fit is not None:
            self._sites.update(op.site for op in made)
            return None
        if not self._sites:
            return None
        return next((op for op in reversed(made) if op.site not in self._sites), None)
