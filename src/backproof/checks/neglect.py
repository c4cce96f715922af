"""What one judged step should have updated and has not: the rules behind BP107.

A finding needs an update that was meant: a step that is computed and dropped, a gradient that
nothing uses, an update that does nothing, neighbours in the same list that are trained.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from backproof.arithmetic import ADD, PRODUCTS, SUBTRACT, is_in
from backproof.calculus.adjoint import Adjoints, adjoints, is_differentiable
from backproof.checks.called_alike import called_alike, touched
from backproof.checks.gradient import StepEvidence
from backproof.checks.leaves import Leaves
from backproof.checks.match import VACUOUS, Match, author_value, fill
from backproof.checks.neighbours import calls, missed_at, own_call, used_before
from backproof.checks.places import statement_of
from backproof.checks.replaced import replaced
from backproof.checks.shifts import joins_trained, shifted
from backproof.checks.siblings import (
    Family,
    is_called_a_bias,
    is_called_a_weight,
    is_called_an_input,
    nearest,
    same_list,
)
from backproof.checks.stuck import stuck
from backproof.checks.unfilled import silent
from backproof.checks.untrained import Untrained, is_random, rooted
from backproof.grouping import parameters
from backproof.names import SLOPE
from backproof.roles import Parameter, vector
from backproof.trace.appended import is_appended
from backproof.trace.site import SITES, Site
from backproof.trace.tape import Ref
from backproof.updates import Update, find_updates, is_shared

#: How the forward pass uses weights and biases.
JOINS = PRODUCTS | ADD


class Step:
    """One judged step, searched for values that it should have updated."""

    def __init__(self, evidence: StepEvidence, updates: Sequence[Update]) -> None:
        assert evidence.fit is not None
        self.evidence, self.tape, self.fit = evidence, evidence.tape, evidence.fit
        self.run, self.names = evidence.run, evidence.names
        self.updates = updates
        self.olds = {u.old for u in updates}
        self.sites = {s for u in updates for s in u.sites(self.tape)}
        self.merges: dict[str, int] = {}
        """Path of a trained parameter -> the operation that updates it."""
        self.old: dict[str, int] = {}
        """The same -> the node of what it was before."""
        for update in updates:
            path = self.names.path(self.tape.nodes[update.new].obj)
            if path is not None and update.merges:
                self.merges[path] = update.merges[-1][0]
                self.old[path] = update.old
        self.family = Family.of(self.merges)
        self.truths = self._truths()

    def _truths(self) -> dict[int, Any]:
        """Return the true gradients of all leaves that no update reaches, where not zero."""
        found = {}
        bar = self._adjoint()
        blocked = bar.blocked(self.tape) if bar.cut else set()
        for node in self.tape.nodes:
            if node.operation is not None or node.kind != "leaf" or node.index in self.olds:
                continue
            g = bar.of.get(node.index)
            if g is None or node.index in blocked or not is_differentiable(node.obj):
                continue
            shape = np.shape(node.obj)
            truth = np.broadcast_to(np.asarray(g, float), shape).reshape(-1)
            if truth.size and np.all(np.isfinite(truth)) and np.max(np.abs(truth)) > VACUOUS:
                found[node.index] = truth
        return found

    def _adjoint(self) -> Adjoints:
        """Return the cotangents of the cost; where the update comes before it, only what follows.

        A bias that is never updated feeds the update of the weights as well.
        """
        fit = self.fit
        assert fit.adjoint is not None
        assert fit.run is not None
        seeds = fit.hypothesis.seeds(fit.run)
        if not fit.hypothesis.after or seeds is None:
            return fit.adjoint
        new = {u.new for u in self.updates}
        past = {n for n in self.tape.ancestors(new) if self.tape.nodes[n].operation is not None}
        within = set(range(len(self.tape.nodes))) - (past - new) - fit.hypothesis.held
        return adjoints(self.tape, fit.run, seeds, within=within)

    # ---- the rules -----------------------------------------------------------------------------

    def untrained(self) -> Iterator[Untrained]:
        """Yield what the step should have updated, by the strongest rule first."""
        seen: set[str] = set()
        rules = [self.zeroed, self.dropped, self.dropped_numbers, self.unkept]
        rules += [lambda: replaced(self), lambda: silent(self), lambda: stuck(self)]
        if not self.fit.wrong:
            rules += [self.left_out]
        for rule in rules:
            for found in rule():
                if found.name not in seen:
                    seen.add(found.name)
                    yield found

    def zeroed(self) -> Iterator[Untrained]:
        """Updates whose gradient is right and whose step is multiplied by zero."""
        changes = {}
        for i, match in enumerate(self.fit.matches):
            if match.truth is None or match.vacuous or match.reason:
                continue
            own = author_value(self.run, self.evidence.params[i], -1)
            changes[i] = None if own is None else float(np.max(np.abs(own), initial=0.0))
        if not any(changes.values()):
            return
        for i, size in changes.items():
            parameter = self.evidence.params[i]
            if size != 0.0 or i not in self.fit.chosen:
                continue
            above = self.tape.operations[parameter.updates[-1].merges[-1][0]]
            for level in parameter.levels:
                values = [self.run.env[n] for n in level.nodes]
                if any(np.any(np.asarray(v)) for v in values):
                    break
                above = self.tape.producer(level.nodes[0]) or above
            yield self.untrained_value(
                parameter.name, "zero", above.where, self.tape.nodes[parameter.new[0]].obj,
                self.fit.matches[i].truth,
            )  # fmt: skip

    def dropped(self) -> Iterator[Untrained]:
        """Steps ``leaf ± rate·gradient`` that are computed and put nowhere."""
        would = [
            u for u in find_updates(self.tape, 0, len(self.tape.operations))
            if u.old in self.truths
            and self.tape.nodes[u.new].obj is not self.tape.nodes[u.old].obj
            and self.names.path(self.tape.nodes[u.old].obj) is not None
            and not any(_adds_to_a_gradient(SITES[i]) for i in u.sites(self.tape))
        ]  # fmt: skip
        if not would:
            return
        trained = [calls(self.tape, m) for m in self.merges.values()]
        for parameter in parameters(self.tape, would, self.names):
            truth = np.concatenate([self.truths[n] for n in parameter.old])
            match = Match(parameter, truth)
            fill(self.run, match, False)
            if not any(
                abs(s / self.fit.scale - 1) < 1e-5 if truth.size < 3 else level >= 0
                for level, s, _ in match.scales
            ):
                continue  # a step is a multiple of the gradient; of one number, the same as others
            obj = self.tape.nodes[parameter.old[0]].obj
            merge = parameter.updates[-1].merges[-1][0]
            site = self.tape.operations[merge].where
            if site.index in self.sites:
                site = own_call(self.tape, merge, trained) or site
            name = self.names.path(obj) or parameter.name
            yield self.untrained_value(name, "dropped", site, obj, truth)

    def dropped_numbers(self) -> Iterator[Untrained]:
        """The same for a number that is still the constant it began with (`b = 0.0`)."""
        rates = self.rates()
        for operation in self.tape.operations:
            if operation.function not in ADD and operation.function not in SUBTRACT:
                continue
            if len(operation.inputs) != 2 or operation.out in self.forward:
                continue
            if _adds_to_a_gradient(operation.where):
                continue
            for leaf, step in (operation.inputs, operation.inputs[::-1]):
                obj = self.tape.nodes[leaf].obj
                name = self.names.path(obj)
                if name is None or leaf not in self.truths or not is_shared(obj):
                    continue
                truth = self.truths[leaf]
                if any(self.is_multiple(step, truth, s * r) for r in rates for s in (1, -1)):
                    yield self.untrained_value(name, "dropped", operation.where, obj, truth)

    def rates(self, *, with_gradients: bool = False) -> set[float]:
        """Return the factors between the true gradients and the changes of trained parameters.

        Without those of the gradients themselves, unless asked for, which may be kept anywhere.
        """
        found = set()
        for i in self.fit.chosen:
            scales = self.fit.matches[i].scales
            own = max(scales)[1]  # at the deepest level: that of the gradient itself
            moved = {s for level, s, _ in scales if level == -1}
            found |= {s for s in moved if with_gradients or abs(abs(s / own) - 1) > 1e-6}
        return found

    def is_unread(self, node: int) -> bool:
        """Whether a value goes into nothing, but perhaps a list."""
        return all(is_appended(self.tape.operations[i]) for i in self.tape.users[node])

    def unkept(self) -> Iterator[Untrained]:
        """Updates by a statement that trains others too, whose result is not kept."""
        # What is changed in place is there for ever; of a step long ago all else has gone.
        merges = [p.updates[-1].merges[-1][0] for p in self.evidence.params]
        anew = [i for i, merge in enumerate(merges) if not self.tape.operations[merge].mutates]
        kept = {i: self._is_kept(self.evidence.params[i]) for i in anew}
        if not any(kept.values()):
            return
        trained = [calls(self.tape, m) for m in self.merges.values()]
        for i, is_kept in kept.items():
            if is_kept or i not in self.fit.chosen:
                continue
            parameter, merge = self.evidence.params[i], merges[i]
            site = own_call(self.tape, merge, trained)
            if site is None or not site.operands:
                continue
            truth = self.fit.matches[i].truth
            obj = self.tape.nodes[parameter.old[0]].obj
            yield self.untrained_value(
                site.operands[0], "dropped", site, obj, truth, parameter.name
            )

    def _is_kept(self, parameter: Parameter) -> bool:
        """Whether some value of a parameter after the step can be reached from a variable."""
        if any(update.again for update in parameter.updates):
            return True
        nodes = [n for u in parameter.updates for n in (u.new, *u.copies)]
        return any(self.names.path(self.tape.nodes[n].obj) is not None for n in nodes)

    def left_out(self) -> Iterator[Untrained]:
        """Values beside trained ones that no update mentions."""
        leaves = Leaves(self.evidence)
        for node, truth in self.truths.items():
            obj = self.tape.nodes[node].obj
            path = self.names.path(obj)
            if path is None or (leaves.is_label(node) and not self._is_bias_beside(path)):
                continue
            # A single number may be the mean of all ratings: `b` beside `b_u` and `b_i`.
            twins = self.family.twins(path, words=np.ndim(obj) > 0)
            peers = [] if type(obj) is float and not path[-2:-1].isdigit() else self._peers(node)
            peers = peers or self.family.cousins(path) or shifted(self, node, path)
            beside = self.family.partners(path)
            near = twins or beside or self.family.company(path) or peers
            still_zero = np.ndim(obj) > 0 and not np.any(obj)
            if not near and still_zero and len(set(self.merges.values())) > 1:
                # One statement updates all others, and a bias has stayed as it was made.
                one = len({self.tape.operations[m].site for m in self.merges.values()}) == 1
                near = list(self.merges) if one else []
            part = touched(truth, obj)  # of an embedding, the rows of this step
            if not near and truth.size > 2 and is_called_a_weight(path):
                near = list(self.merges) if self.is_computed(part) else []
            called = called_alike(self, node, path, truth)
            near = near or called
            if not near or path in self.merges:
                continue
            rule = None
            if type(obj) is float and any(same_list(path, p) for p in twins):
                rule = "entry"
            elif (
                not is_called_an_input(path)
                and (
                    twins
                    or peers
                    or still_zero
                    or called
                    or leaves.shared(node)
                    or (truth.size > 1 and is_called_a_weight(path))
                )
                and (called or self.is_computed(part))
            ):
                rule = "computed"
            elif (twins or peers) and (is_random(obj) or is_called_a_weight(path) or still_zero):
                trained = is_called_a_bias(path) and joins_trained(self, node)
                rule = "bias" if trained else "random"
            if rule is None:
                continue
            alike = nearest(path, beside) or used_before(self, node, near)  # `W2` of `b2`
            site, chosen = missed_at(self, [alike] if alike is not None else near)
            found = self.untrained_value(path, rule, site, obj, truth)
            found.neighbours = near
            found.place = chosen or found.place
            yield found

    def _is_bias_beside(self, path: str) -> bool:
        """Whether a bias has trained weights: it joins an output as a label does."""
        return is_called_a_bias(path) and bool(self.family.partners(path))

    def _peers(self, node: int) -> list[str]:
        """Return trained parameters that the forward pass uses by the same expressions."""
        if self._uses is None:
            self._uses = {}
            olds = {
                update.merges[-1][0]: update.old for update in self.updates
                if not is_shared(self.tape.nodes[update.old].obj)  # 0.0 may be what a unit gives
            }  # fmt: skip
            for name, merge in self.merges.items():
                for use in self._used(olds[merge]) if merge in olds else ():
                    self._uses.setdefault(use, []).append(name)
        uses = list(self._used(node))
        return self._uses.get(uses[0], []) if uses and all(u in self._uses for u in uses) else []

    def _used(self, node: int) -> Iterator[tuple[int, int]]:
        """Yield site and position wherever the forward pass multiplies or adds a leaf."""
        for index in self.tape.users[node]:
            operation = self.tape.operations[index]
            if operation.out in self.forward and is_in(operation.function, JOINS):
                for position, arg in enumerate(operation.args):
                    if type(arg) is Ref and arg.node == node:
                        yield operation.site, position

    def is_computed(self, truth: Any) -> bool:
        """Whether the backward pass computes the gradient of a leaf, whatever becomes of it."""
        if self._computed is None:
            self._computed = {}
            for operation in self.tape.operations:
                value = self.run.env[operation.out]
                if operation.out not in self.forward and is_differentiable(value):
                    self._computed.setdefault(np.size(value), []).append(operation.out)
        # The common scale may hold the rate; a gradient that nothing uses has met none.
        scales = {s for i in self.fit.chosen for _, s, _ in self.fit.matches[i].scales}
        scales.add(self.fit.scale)
        if truth.size > 1:
            nodes = self._computed.get(truth.size, ())
            return any(self.is_multiple(n, truth, scale) for n in nodes for scale in scales)
        if self._numbers is None:
            self._numbers = vector(self.run.env[n] for n in self._computed.get(1, ()))
        wanted = [float(truth[0]) * scale for scale in scales]
        return any(bool(np.any(np.abs(self._numbers - w) <= 1e-9 * abs(w))) for w in wanted)

    _computed: dict[int, list[int]] | None = None
    _numbers: Any = None
    _uses: dict[tuple[int, int], list[str]] | None = None
    _forward: set[int] | None = None

    @property
    def forward(self) -> set[int]:
        """Nodes that the cost is computed from."""
        if self._forward is None:
            self._forward = self.tape.ancestors([self.fit.hypothesis.node])
        return self._forward

    def is_multiple(self, node: int, truth: Any, scale: float | None = None) -> bool:
        """Whether a value is the true gradient in the author's scale, perhaps transposed."""
        value = self.run.env[node]
        if np.size(value) != truth.size or not is_differentiable(value):
            return False
        wanted = truth * (self.fit.scale if scale is None else scale)
        limit = 1e-7 * float(np.max(np.abs(wanted)))
        arrays = [np.asarray(value, float)]
        if np.ndim(value) == 2:
            arrays.append(arrays[0].T)
        return any(bool(np.max(np.abs(a.reshape(-1) - wanted)) <= limit) for a in arrays)

    def untrained_value(
        self, name: str, rule: str, site: Site, obj: Any, truth: Any, called: str = ""
    ) -> Untrained:
        """Return a finding about a value that should have been updated at a site."""
        size = float(np.linalg.norm(truth))
        return Untrained(name, rule, statement_of(site), obj, rooted(obj), size=size, called=called)


def _adds_to_a_gradient(where: Site) -> bool:
    """Whether a statement is ``self.grad += …``: its 0.0 is no other value that began as 0.0."""
    return where.kind.startswith("aug") and any(map(SLOPE.search, where.targets))
