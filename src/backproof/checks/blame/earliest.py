"""Searches the earliest expressions whose true values repair the wrong gradients."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np

from backproof.arithmetic import is_in
from backproof.calculus.adjoint import is_differentiable
from backproof.checks.blame.cotangents import Cotangents
from backproof.checks.blame.entrance import entrances
from backproof.checks.blame.fault import Fault
from backproof.checks.blame.gradients import at_gradient, level_nodes, sink
from backproof.checks.blame.inputs import Inputs
from backproof.checks.blame.narrowing import narrowed
from backproof.checks.blame.proposals import Proposals
from backproof.checks.blame.replays import Replays
from backproof.checks.blame.rules import Rules
from backproof.checks.blame.solving import solved
from backproof.checks.blame.trust import Trust
from backproof.checks.blame.way import common_way
from backproof.checks.gradient import StepEvidence
from backproof.trace.primitives import patch_view
from backproof.trace.site import SITES
from backproof.trace.tape import Operation

#: Executions of a site above which it is not searched.
MOST_INSTANCES = 3_000
#: Seconds for the search in one step.
PATIENCE = 2.0
#: Of these, what solving for numbers may take.
SOLVING = 1.0
#: What makes arrays that are to be filled.
BLANK = {np.zeros_like, np.empty_like}


class Blame:
    """Searches the faults behind the wrong gradients of one step.

    Attributes
    ----------
    trust : Trust
        What is known of the backward values where the last fault is searched: all but it repaired.
    """

    trust: Trust

    def __init__(
        self, evidence: StepEvidence, *, patience: float = PATIENCE,
        likely: Collection[int] = (), most: float = np.inf,
    ) -> None:  # fmt: skip
        self.evidence = evidence
        self.most = most
        """CPU seconds after which no further fault is searched."""
        self.likely = likely
        """Lines on which a search at other values has found a fault: looked at first."""
        self.tape = evidence.tape
        self.patience = patience
        self.replays = Replays(evidence, patience=patience)
        self.cotangents = Cotangents(evidence)
        self.solving = SOLVING

    def entrances(self, wrong: set[int], carrying: set[int] | None) -> list[Operation]:
        """Return where error enters the backward pass; what depends on labels is `carrying`."""
        feeding = self._feeding(wrong)
        trust = Trust(self.cotangents, self.replays.start, feeding)
        return entrances(trust, carrying)

    def faults(self) -> list[Fault]:
        """Return the faults, earliest first; each repairs gradients that no earlier one does."""
        assert self.evidence.fit is not None
        wrong = set(self.evidence.fit.wrong)
        found: list[Fault] = []
        begun = time.process_time()
        self.replays.deadline = begun + self.patience
        while wrong and len(found) < 4 and time.process_time() - begun <= self.most:
            fault = self._first(wrong)
            if fault is None:
                break
            found.append(fault)
            self.replays.kept.update(fault.truth)
            wrong -= set(fault.repaired)
        return found

    def _solved(self, operations: list[Operation], wrong: set[int]) -> dict[int, Any]:
        """Solve for the numbers of a site, as long as there is time for that."""
        if self.solving <= 0:
            return {}
        begun = time.process_time()
        found = solved(self.replays, operations, wrong)
        self.solving -= time.process_time() - begun
        return found

    def rule(self, wrong: set[int]) -> Fault | None:
        """Return the rule of a scalar engine that makes all gradients right, put right itself."""
        self.replays.restart()
        feeding = self._feeding(wrong)
        rules = Rules(self.replays, self.cotangents, feeding, self.likely, most=self.most)
        fault = rules.fault(wrong)
        if fault is not None:
            self.trust = Trust(self.cotangents, self.replays.start, feeding)
        return fault

    def _feeding(self, wrong: set[int]) -> set[int]:
        """Return the backward values that the wrong gradients are made of."""
        params = self.evidence.params
        feeding = self.tape.ancestors(level_nodes(params, wrong)) - self.cotangents.forward
        for parameter in params:
            shallow = [level for level in parameter.levels if not level.deep]
            feeding -= {n for level in shallow[:-1] for n in level.nodes}
        return feeding

    def _first(self, wrong: set[int]) -> Fault | None:
        """The earliest fault, once those before are repaired."""
        assert self.evidence.fit is not None
        rule = self.rule(wrong)
        if rule is not None:
            return rule
        run = self.replays.start
        forward = self.cotangents.forward
        feeding = self._feeding(wrong)
        groups: dict[int, list[Operation]] = {}
        for operation in self.tape.operations:
            if operation.function is patch_view or is_in(operation.function, BLANK):
                continue  # what a view shows goes back to its owner: no value of its own
            value = run.env[operation.out]
            mask = isinstance(value, np.ndarray) and value.dtype == bool  # ``dz = z > 0``
            if operation.out in feeding and (mask or is_differentiable(value)):
                groups.setdefault(operation.site, []).append(operation)
        self.trust = trust = Trust(self.cotangents, run, feeding)
        proposals = Proposals(self.replays, trust)
        order = {
            site: next((o.index for o in g if idle or not trust.in_order(o)), None)
            for site, g in groups.items()
            for idle in (all(trust.is_idle(o) for o in g),)
        }
        # What feeds a right gradient is hardly wrong itself: it is looked at last.
        right = self.tape.ancestors(
            n for i in self.evidence.fit.chosen for n in sink(self.evidence.params[i])
        )
        feeds_right = {site: g[0].out in right for site, g in groups.items()}
        ranked = sorted(groups, key=lambda s: (feeds_right[s], order[s] or 0))
        suspects = [groups[s] for s in ranked if order[s]]
        trusted = [g for site, g in groups.items() if order[site] is None]
        best: Fault | None = None
        late_ones = [[o for o in g if o.index >= (order[g[0].site] or 0)] for g in suspects]
        # The first executions may be right for one value, and be taken for another's cotangent.
        whole = [g for g, later in zip(suspects, late_ones, strict=True) if len(g) > len(later)]
        late_ones.sort(key=lambda g: SITES[g[0].site].span.line not in self.likely)
        for faulty in (*late_ones, *reversed(trusted), *whole):
            operations = groups[faulty[0].site]
            if len(operations) > MOST_INSTANCES or self.replays.late():
                continue
            number = self._solved(faulty, wrong)
            for truth in chain([number] if number else [], proposals.of(faulty)):
                repaired = self.replays.repaired(truth, wrong)
                if repaired and (best is None or len(repaired) > len(best.repaired)):
                    makers = [m for n in truth if (m := self.tape.producer(n)) is not None]
                    site = makers[0].site if makers else operations[0].site
                    outs = tuple(o.index for o in groups.get(site, makers or operations))
                    best = Fault(site, outs, truth, tuple(repaired))
                if best is not None and len(best.repaired) == len(wrong):
                    return narrowed(best, self.replays, trust, wrong)
        if best is None or len(best.repaired) < len(wrong):
            exchanged = Inputs(self.replays, trust).meant(wrong)
            if exchanged is not None:
                return exchanged
        common = common_way(self.evidence, trust, wrong)
        if common is not None and (best is None or len(best.repaired) < len(common.repaired)):
            return common
        last = at_gradient(self.evidence, self.replays, forward, wrong)
        if best is None or (last is not None and len(last.repaired) > len(best.repaired)):
            return last
        return best


def rule_at_fault(evidence: StepEvidence, scale: float) -> tuple[Blame, Fault] | None:
    """Return the one rule of a scalar engine that makes all gradients those of its cost."""
    fit = evidence.fit
    if fit is None or fit.adjoint is None or not fit.hypothesis.own or fit.hypothesis.after:
        return None
    meant = replace(fit, scale=scale, chosen={}, anchored=True)
    blame = Blame(replace(evidence, fit=meant))
    fault = blame.rule(set(meant.wrong))
    return None if fault is None else (blame, fault)
