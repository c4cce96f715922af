"""What is to be explained: an operation that is blamed, its value, and the one it should have."""

from __future__ import annotations

from typing import Any

import numpy as np

from backproof.checks.blame.earliest import Blame
from backproof.checks.blame.fault import Fault
from backproof.checks.cause.diagnosis import Diagnosis
from backproof.checks.claims import returned_as
from backproof.checks.search import StepSearch
from backproof.trace.tape import Operation

#: Relative difference up to which a value equals the truth.
EXACT = 1e-6


class Blamed:
    """The first wrong execution of a blamed site, and what is known around it.

    Attributes
    ----------
    author, truth
        The value that the operation gave, and the one that it should have given (or None).
    right : dict
        Backward node -> (forward node, scale) whose cotangent it is.
    """

    def __init__(self, blame: Blame, fault: Fault, search: StepSearch) -> None:
        self.evidence = blame.evidence
        self.fit = blame.replays.fit
        self.replays = blame.replays
        self.cotangents = blame.cotangents
        self.trust = blame.trust
        self.right = blame.trust.right
        self.search = search
        self.fault = fault
        self.tape = blame.tape
        self.run = blame.replays.run
        self.operation = self._representative()
        self.author = self.run.env[self.operation.out]
        self.truth = fault.truth.get(self.operation.out)

    def _representative(self) -> Operation:
        """The first execution of the site that is wrong: later ones inherit errors."""
        for index in sorted(self.fault.operations):
            operation = self.tape.operations[index]
            truth = self.fault.truth.get(operation.out)
            if truth is not None and not equal(self.run.env[operation.out], truth):
                return operation
        return self.tape.operations[self.fault.operations[0]]

    def equal(self, value: Any, truth: Any = None) -> bool:
        """Whether a value equals the truth to rounding."""
        return equal(value, self.truth if truth is None else truth, EXACT)

    def text(self, node: int) -> str:
        """What the user calls a node."""
        operation = self.tape.producer(node)
        if operation is None:
            for parameter in self.evidence.params:
                if node in parameter.old:
                    return parameter.name
            return self.evidence.names.path(self.tape.nodes[node].obj) or "the data"
        where = operation.where
        named = where.targets[0] if where.targets and where.is_value else ""
        return named or returned_as(self.tape, operation) or where.text

    def finding(self, code: str, cause: str, reason: str, help: str = "", **kw: Any) -> Diagnosis:
        """Make a diagnosis at the blamed site."""
        return Diagnosis(code, cause, kw.pop("site", self.operation.where), reason, help, **kw)


def equal(value: Any, truth: Any, tolerance: float = EXACT) -> bool:
    """Whether a value equals the truth to rounding."""
    if value is None or truth is None or np.shape(value) != np.shape(truth):
        return False
    t = np.asarray(truth, float)
    with np.errstate(all="ignore"):
        gap = float(np.linalg.norm(np.asarray(value, float) - t))
    return gap <= tolerance * float(np.linalg.norm(t))
