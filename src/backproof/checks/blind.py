"""Steps that hold no gradient at all: ``b2 -= learning_rate`` for ``learning_rate * db2``.

A gradient is taken at the parameters. What is stepped by numbers, by inputs alone, by a sum that
stays empty is therefore none of the parameters that a step shows. Where the cost depends on it, and
it stands among values that are trained, it is one whose gradient was lost.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from backproof.arithmetic import ADD, is_in
from backproof.calculus.adjoint import is_differentiable
from backproof.carries import carries_of, dependence
from backproof.checks.accusation import Accusation
from backproof.checks.cause.diagnosis import Diagnosis
from backproof.checks.gradient import StepEvidence, judge_step
from backproof.checks.lost_step import gradient_read, lost_at
from backproof.checks.match import author_value, difference_tolerance
from backproof.checks.neglect import Step
from backproof.checks.reach import is_meant
from backproof.checks.scales import holds, proportion
from backproof.checks.siblings import Family, is_called_a_weight, same_list
from backproof.roles import Parameter
from backproof.trace.site import Site
from backproof.updates import Update

#: Words for weights that learn otherwise, beside those that follow a gradient.
OTHERWISE = re.compile(
    r"hebb|\boja|kohonen|\bsom\b|k[-_ ]?means|centroid|polyak|\bema\b|schedul|anneal", re.I
)
#: Layers of one size whose gradients one statement makes.
MOST_LAYERS = 6


class Blind:
    """One judged step, searched for values that are moved by no gradient."""

    def __init__(
        self, evidence: StepEvidence, updates: Sequence[Update], trained: Collection[str]
    ) -> None:
        self.evidence, self.tape, self.names = evidence, evidence.tape, evidence.names
        self.step = Step(evidence, updates)
        self.trained = trained
        named = [p.name.partition(" (")[0] for p in evidence.params]
        self.family = Family.of([*named, *self.step.merges])
        self.olds = {u.old for u in updates}
        moved = (u for p in evidence.params for u in p.updates)
        self.sites = {site for u in moved for site in u.sites(self.tape)}
        self.deltas = {d for p in evidence.params for u in p.updates for _, d in u.merges}

    def updates(self) -> list[Update]:
        """Return the steps of what is meant to be trained that depend on no parameter."""
        tape, carries = self.tape, carries_of(self.tape)
        ends: dict[int, int] = {}
        for operation in tape.operations:
            if operation.out in carries.merged:
                for old, factor in carries.carry.get(operation.out, {}).items():
                    if old in self.step.truths and factor == 1.0:
                        ends[old] = operation.out
        if not ends:
            return []
        params = {n: 1 for p in self.evidence.params for n in (*p.old, *p.new)}
        random = {n.index: 2 for n in tape.nodes if n.kind == "draw"}
        depends = dependence(tape, params | random, 0, len(tape.operations))
        found = []
        for old, new in ends.items():
            merges = carries.merges(new, old)
            if np.shape(tape.nodes[old].obj) != np.shape(tape.nodes[new].obj) or not merges:
                continue
            mask = 0
            for _, delta in merges:
                mask |= depends.get(delta, 0)
            update = Update(old, new, merges)
            if not mask & 2 and self._is_meant(update, bool(mask)):
                found.append(update)
        return found

    def _is_meant(self, update: Update, led: bool) -> bool:
        """Whether a value has the place, the name and the use of a parameter."""
        tape, obj = self.tape, self.tape.nodes[update.old].obj
        paths = [self.names.path(tape.nodes[n].obj) for n in (update.new, update.old)]
        named = self.names.of(tape, [update]).partition(" (")[0]
        name = next((p for p in paths if p), named)
        if {name, named} & set(self.trained):
            return False
        if gradient_read(tape, update, name):
            return self._is_wrong(update, called=True)
        if led and update.sites(tape) & self.sites:
            return self._is_wrong(update)  # by another parameter, in the statement that moves all
        if (
            not led
            and _is_matrix(obj)
            and all(np.size(tape.nodes[d].obj) == 1 for _, d in update.merges)
        ):
            return self._is_wrong(update)  # whatever its name: nothing else is moved by a rate
        twins = self.family.twins(name)
        if twins and led and any(delta in self.deltas for _, delta in update.merges):
            return self._is_wrong(update, called=True)  # ``w8 = w8 - d_w7``
        near = twins or self.family.partners(name) or self.family.company(name)
        if not near and not self.family.cousins(name):
            return False
        if type(obj) is float or np.size(obj) == 1:
            among = any(same_list(name, p) for p in twins)
            if not among and (led or not (is_called_a_weight(name) and self._is_added(update.old))):
                return False
        elif not (is_called_a_weight(name) or (twins and not led)) or (led and not twins):
            return False
        return self._is_wrong(update)

    def _is_added(self, node: int) -> bool:
        """Whether the forward pass adds a value to what is made of trained ones: a bias."""
        tape = self.tape
        models = tape.reach(self.olds)
        return any(
            is_in(operation.function, ADD) and operation.out in self.step.forward
            and any(n in models for n in operation.inputs if n != node)
            for operation in (tape.operations[i] for i in tape.users[node])
        )  # fmt: skip

    def _is_wrong(self, update: Update, *, called: bool = False) -> bool:
        """Whether a step is no multiple of the gradient, and no zero that may be meant.

        `called` where the step is made of what is called a gradient.
        """
        run, truth = self.evidence.run, self.step.truths[update.old]
        old, new = run.env[update.old], run.env[update.new]
        if old is None or new is None:
            return False
        change = (np.asarray(new, float) - np.asarray(old, float)).reshape(-1)
        if not np.any(change):
            return self._is_computed(truth)
        others = [self._numbers(u) for p in self.evidence.params for u in p.updates]
        if not called and not any(self._numbers(update) & other for other in others):
            return False  # a pace of its own: a schedule, a running mean
        limit = max(difference_tolerance(run, Parameter("", (update,)), change), 1e-6)
        scale, error = proportion(change, truth)
        return error > limit or (truth.size == 1 and not holds(scale, list(self._scales())))

    def _numbers(self, update: Update) -> set[float]:
        """Return the floats that an update, and what makes its step, multiply by or add."""
        tape = self.tape
        found: set[float] = set()
        for index, delta in update.merges:
            step = tape.producer(delta)
            makers = (tape.operations[index], *(() if step is None else (step,)))
            statements = {maker.where.statement for maker in makers}
            stack = [delta]
            while stack:
                node = stack.pop()
                made, obj = tape.producer(node), tape.nodes[node].obj
                if made is None and np.size(obj) == 1 and is_differentiable(obj):
                    found.add(float(np.sum(obj)))
                if made is not None and made.where.statement in statements:
                    stack += made.inputs
                    found |= {a for a in made.args if type(a) is float}
        return found - {0.0, 1.0, -1.0}

    def _is_computed(self, truth: Any) -> bool:
        """Whether values that nothing reads are the gradient, or add up to it."""
        groups: dict[int, list[int]] = {}
        for operation in self.tape.operations:
            out = operation.out
            value = self.evidence.run.env[out]
            if out in self.step.forward or np.size(value) != truth.size:
                continue
            if is_differentiable(value):
                groups.setdefault(operation.site, []).append(out)
        return any(self._adds_up(nodes, truth) for nodes in groups.values())

    def _adds_up(self, nodes: Sequence[int], truth: Any) -> bool:
        env, scales = self.evidence.run.env, self._scales()
        values = np.stack([np.asarray(env[n], float).reshape(-1) for n in nodes])
        for period in range(1, min(len(nodes), MOST_LAYERS) + 1):
            for first in range(period):
                total = values[first::period].sum(axis=0)
                if any(np.allclose(total, s * truth, rtol=1e-7, atol=0.0) for s in scales):
                    return True
        return False

    def _scales(self) -> set[float]:
        fit = self.evidence.fit
        assert fit is not None
        return {s for i in fit.chosen for _, s, _ in fit.matches[i].scales} | {fit.scale}


def _is_matrix(obj: Any) -> bool:
    return np.ndim(obj) == 2 and min(np.shape(obj)) > 1


def blind(
    evidence: StepEvidence, updates: Sequence[Update], trained: Collection[str]
) -> list[Update]:
    """Return the updates of a step that hold no gradient and are meant to.

    `trained` are the parameters whose gradients other steps have shown to be right.
    """
    fit = evidence.fit
    if fit is None or not fit.chosen or fit.wrong or fit.adjoint is None or evidence.unfaithful:
        return []
    found = Blind(evidence, updates, trained).updates()
    return [] if found and (is_meant() or is_meant(OTHERWISE)) else found


def wider(evidence: StepEvidence, updates: Sequence[Update]) -> StepEvidence | None:
    """Judge a step again, with the updates that hold no gradient, under the same cost.

    None where what was right is not then, or nothing is wrong.
    """
    fit = evidence.fit
    assert fit is not None
    found = judge_step(
        evidence.tape, updates, evidence.step, evidence.names, given=[fit.hypothesis],
        held=fit.hypothesis.held,
    )  # fmt: skip
    found.complete()
    if found.fit is None or not found.fit.wrong or len(found.fit.chosen) < len(fit.chosen):
        return None
    return found


def blinded(evidence: StepEvidence, updates: Sequence[Update]) -> tuple[Accusation, ...]:
    """Say where the gradient of each such update was lost."""
    olds = {update.old for update in updates}
    places: dict[tuple[str, int], tuple[Site, list[int], bool]] = {}
    assert evidence.fit is not None
    for index in evidence.fit.wrong:
        parameter = evidence.params[index]
        if not olds.issuperset(parameter.old):
            continue
        site = lost_at(evidence, parameter.updates[0])
        change = author_value(evidence.run, parameter, -1)
        empty = change is not None and not np.any(change)
        places.setdefault((site.file.path, site.span.line), (site, [], empty))[1].append(index)
    return tuple(
        Accusation(
            Diagnosis(
                "BP101", "missing-term" if empty else "missing-factor", site,
                "its step stays zero: the gradient that is computed never reaches it" if empty
                else "its step does not depend on its gradient",
                evidence={"rule": "blind"},
            ),
            tuple(members),
        )
        for site, members, empty in places.values()
    )  # fmt: skip
