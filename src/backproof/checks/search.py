"""Searches the one edit of the program's step under which every wrong gradient is right.

An edit is tried on the tape: all executions of its source site compute something else, what
follows is replayed, and the gradients are compared with the true ones again. An edit that repairs
wrong gradients and spoils no right one is the diagnosis, and the fix.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain, product

from backproof.checks.choice import step_sizes
from backproof.checks.edits.arguments import other_arguments
from backproof.checks.edits.edit import Edit, short
from backproof.checks.edits.kinds import ROUNDS, edits_of
from backproof.checks.edits.renamed import PRICE, forgotten_labels, missing_parts
from backproof.checks.edits.slopes import recognised_slope
from backproof.checks.exclusive import exclusive_call
from backproof.checks.fewest import fewest, narrowest
from backproof.checks.found import (
    Executions,
    Found,
    are_slopes,
    calls_of,
    function_name,
    is_same,
    kinds,
)
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import Fit, Match, fill, rematch
from backproof.checks.passes import forward_passes
from backproof.checks.scales import TOLERANCE, is_natural
from backproof.checks.scope import Scope
from backproof.checks.sense import goes_one_way
from backproof.joins import output_joins
from backproof.trace.site import SITES, Site
from backproof.trace.tape import Operation, Run

#: Relative difference up to which two scales are one: a single number fits much by chance.
SAME = 1e-6
#: What an edit costs after which the gradients are a multiple of the cost's, in such units.
OTHER_SCALE = 0.8
#: What each site further away costs, in units of `Edit.cost`.
FAR = 0.02
NAMED = 2.0  #: What exchanging an argument for one that has a name costs less than.
#: Entries of right gradients that show which cost is meant where others are wrong.
LEAST_SHOWN = 3
#: Numbers that updates read, above which one of them explains a scale by chance.
MOST_RATES = 8
#: What an edit puts in that an author has left out.
ADDED = {"missing-term", "missing-factor"}
#: CPU seconds that are left in any case for what is missing where a value gets another name.
RENAMED = 0.5
#: Executions of one site above which it is not searched.
MOST_OPERATIONS = 600


class StepSearch:
    """The edits of one judged step.

    Parameters
    ----------
    fit : Fit
        The cost to which the gradients should belong. Where some are right under it, their scale
        is the common one; where none is, an edit must make all right at once.
    patience : float
        CPU seconds after which the search ends.
    partial : bool
        Where no gradient is right, an edit need not make all of them right.
    """

    def __init__(
        self, evidence: StepEvidence, fit: Fit, *, patience: float, partial: bool = False
    ) -> None:
        self.evidence, self.partial = evidence, partial
        self.fit = fit
        self.tape = evidence.tape
        self.run: Run = evidence.run
        self.deadline = time.process_time() + patience
        target = fit.hypothesis.node
        new = {n for p in evidence.params for n in p.new}
        forward = self.tape.ancestors([target], stop=new if fit.hypothesis.after else None)
        self.forward = forward_passes(self.tape, self.run, evidence.params, fit, forward)
        self.needed = {i: self._feeding(i) for i in range(len(evidence.params))}
        joins = output_joins(self.tape, evidence.params, limit=MOST_OPERATIONS)
        self.tape.complete(self.run)  # a join may be an operation of ours
        joins = [join for join in joins if not join.written] or joins
        self.outputs = {join.output for join in joins}
        self.errors = {self.tape.operations[join.operation].out for join in joins}
        """Values where labels meet the output: the backward pass starts from them."""
        held = set(fit.hypothesis.held)
        backward = set().union(*self.needed.values()) - self.forward if self.needed else set()
        if self.errors and backward.isdisjoint(self.tape.reach(self.errors, held)):
            self.errors = self._first_read(backward)  # those of another cost
        olds = [n for p in evidence.params for n in p.old]
        cotangents = {} if fit.adjoint is None else fit.adjoint.of
        self.scope = Scope(
            self.tape, self.run, self._leaf_name, olds, self.forward, self.errors, cotangents,
            held,
        )  # fmt: skip
        self.scope.find_unused(self.used)
        self.scale = fit.scale
        """Common scale of the gradients after the last edit that repaired any."""
        self.edited: Mapping[int, Operation] = {}
        """What that edit made of the operations."""
        self.place: Site | None = None
        """The call of a helper that alone is changed by it."""
        self._reached: dict[tuple[object, ...], tuple[set[int], int | None, set[int]]] = {}
        self.groups = self._groups()

    def _first_read(self, backward: set[int]) -> set[int]:
        """Return what reads the last value of the forward pass: there a label may be a constant."""
        readers = [o for o in self.tape.operations if o.out in backward]
        last = max((n for o in readers for n in o.inputs if n in self.forward), default=None)
        return {o.out for o in readers if last in o.inputs}

    def _leaf_name(self, node: int) -> str | None:
        for parameter in self.evidence.params:
            if node in parameter.old:
                return parameter.name
        names = self.evidence.names
        return None if names is None else names.path(self.tape.nodes[node].obj)

    def _feeding(self, index: int) -> set[int]:
        parameter = self.evidence.params[index]
        nodes = {n for level in parameter.levels if not level.deep for n in level.nodes}
        return self.tape.ancestors([*nodes, *parameter.new])

    def _groups(self) -> dict[int, list[Operation]]:
        """The executions of the sites of the backward pass."""
        feeding = set().union(*self.needed.values()) - self.forward if self.needed else set()
        groups: dict[int, list[Operation]] = {}
        for operation in self.tape.operations:
            if operation.out in feeding:
                groups.setdefault(operation.site, []).append(operation)
        return groups

    def shares_the_forward_pass(self) -> bool:
        """Whether the gradients start from an output that the cost is computed from.

        A cost on other data, or of a forward pass of its own, has other gradients. In an engine,
        where no output meets labels, they read its values.
        """
        if self.fit.hypothesis.own or not self.outputs.isdisjoint(self.forward):
            return True  # the program's own cost is one of the same data
        olds = [n for p in self.evidence.params for n in p.old]
        values = (self.tape.reach(olds) - set(olds)) & self.forward
        return any(not values.isdisjoint(o.inputs) for g in self.groups.values() for o in g)

    def late(self) -> bool:
        """Whether the time for the search is over."""
        return time.process_time() > self.deadline

    def best(self, sites: Iterable[int], wrong: Sequence[int]) -> Found | None:
        """Return the likeliest edit of some sites; one that repairs all wrong gradients if any."""
        found: list[tuple[int, float, Found]] = []
        places = list(enumerate(sites))
        usual = (self.fit.scale if self.fit.chosen or self.fit.anchored else 1.0) or 1.0
        for number, (order, site) in product(range(len(ROUNDS)), places):
            for edit, executions in self._edits(site, number):
                if self.late():
                    break
                price = edit.cost + FAR * order
                if found and (-len(wrong), price) >= found[0][:2]:
                    continue
                repaired = self.repairs(executions, edit, wrong)
                if repaired:
                    price += 0.0 if abs(self.scale / usual - 1) < SAME else OTHER_SCALE
                    one = self._found(edit, executions.place, repaired, price)
                    found = sorted([*found, (-len(repaired), price, one)], key=lambda f: f[:2])[:1]
        best = found[0][2] if found else None
        if best is not None and best.edit.cause in ADDED and best.price > PRICE:
            return self.at_renamings(wrong, best.repaired) or best
        return best

    def likeliest(self, wrong: Sequence[int]) -> Found | None:
        """Return the likeliest edit of any site, or of the arguments of a call.

        A derivative that is wrong as it is written may be right at another place; one that is
        missing is missing where the sum that it belongs to gets its name.
        """
        found = self.best(self.in_order(), wrong)
        if found is None or len(found.repaired) < len(wrong):
            found = self.at_renamings(wrong, () if found is None else wrong) or found
        if found is not None and found.edit.is_slope and found.edit.cause == "missing-factor":
            named = self.at_names(wrong)
            if named is not None and len(named.repaired) >= len(found.repaired):
                return named
        if found is None or found.edit.is_slope:
            other = self.at_calls(wrong)
            if found is None or other is None:
                return found or other
            if other.price < NAMED and len(other.repaired) >= len(found.repaired):
                return other
        return found

    def is_local(self, site: int) -> bool:
        """Whether a site's values carry no error: they depend on no labels, only on the forward."""
        operations = self.groups.get(site, [])
        if not operations:
            return False
        stop = set(self.fit.hypothesis.held)
        return not self.tape.ancestors([operations[0].out], stop) & self.errors

    def in_order(self) -> list[int]:
        """Return the sites of the backward pass in order of their first execution."""
        return sorted(self.groups, key=lambda s: self.groups[s][0].index)

    def _edits(self, site: int, number: int) -> Iterator[tuple[Edit, Executions]]:
        operations = self.groups.get(site, [])
        if not operations or len(operations) > MOST_OPERATIONS:
            return
        # An augmented store is three operations of one site: read, add, write.
        alike: dict[str, list[Operation]] = {}
        for operation in operations:
            alike.setdefault(function_name(operation), []).append(operation)
        for members in alike.values():
            executions = Executions(site, tuple(members))
            for example in kinds(self.tape, members):
                for edit in edits_of(example, len(members), self.scope, number):
                    yield edit, executions

    def at_renamings(self, wrong: Sequence[int], least: Sequence[int] = ()) -> Found | None:
        """Try what may be missing where a value only gets another name: ``dx1 = dxmu1``.

        The edit must repair no less than `least`.
        """
        self.deadline = max(self.deadline, time.process_time() + RENAMED)
        known = self.scope, self.tape, self.groups
        labels = forgotten_labels(*known, self.forward)
        for executions, edit in chain(missing_parts(*known), labels):
            if self.late():
                break
            repaired = self.repairs(executions, edit, wrong)
            if repaired and set(repaired) >= set(least):
                return self._found(edit, executions.place, repaired, edit.cost)
        return None

    def at_names(self, wrong: Sequence[int]) -> Found | None:
        """Try the statements that only give an error another name: ``delta = errors[j]``.

        There a derivative may be missing, from what several other statements have made.
        """
        handed: dict[int, list[Operation]] = {}
        for operations in self.groups.values():
            for operation in operations:
                for _, site in self.tape.flows.get(operation.out, ()):
                    handed.setdefault(site, []).append(operation)
        for site, found in sorted(handed.items(), key=narrowest):
            operations = sorted(found, key=lambda o: o.index)
            local = all(self.scope.is_local(o.out) for o in operations)
            if local or len(operations) > MOST_OPERATIONS:
                continue
            edit = recognised_slope(operations[0], self.scope)
            repaired = self.repairs(Executions(site, tuple(operations)), edit, wrong)
            if repaired:
                text = short(SITES[site].text)
                edit = replace(
                    edit, reason=f"the derivative of the activation is missing from `{text}`",
                    help=f"multiply `{text}` by the derivative",
                )  # fmt: skip
                return self._found(edit, site, repaired, edit.cost)
        return None

    def repairs(self, executions: Executions, edit: Edit, wrong: Sequence[int]) -> tuple[int, ...]:
        """Return which wrong gradients an edit makes right; none if it spoils a right one."""
        edited: dict[int, Operation] = {}
        for number, operation in enumerate(executions.operations):
            changed = edit.change(operation, number)
            if changed is not None:
                edited[operation.index] = changed
        reached, probe, way = self._reach(executions, wrong)
        if not edited or probe is None:
            return ()
        inputs = [n for o in edited.values() for n in o.inputs]
        if not self._one(edited, way | self.tape.ancestors(inputs, within=reached), probe):
            return ()
        run = self.tape.replay(double=True, base=self.run, dirty=reached, edited=edited)
        again = rematch(run, self.fit)
        if self.fit.chosen or self.fit.anchored:
            guessed = not self.fit.chosen and edit.cause == "missing-term"  # the scale
            if not self.fit.keeps(again) and not (guessed and self._shows_the_cost(again)):
                return ()
        elif not self._shows_the_cost(again):
            return ()
        elif not (edit.is_slope or edit.cause == "missing-factor") and are_slopes(
            self.fit, self.run, self.forward, edited.values(), signed=edit.cause == "wrong-sign"
        ):
            return ()  # it makes up for a slip further on
        repaired = tuple(i for i in wrong if again.is_right(i))
        if edit.is_slope and edit.cause == "missing-factor":
            alone = fewest(self.tape, self.run, self.fit, edited, self.used, repaired)
            edited, run = alone or (edited, run)
        self.scale, self.edited = again.scale, edited
        self.place = self._changed_from(executions, edited, run)
        return repaired

    def _shows_the_cost(self, fit: Fit) -> bool:
        """Whether gradients, of which none was right before, are now those of a cost."""
        # A rate may be in it: `w - 0.02 * h.T @ e` has no gradient of its own.
        natural = any(is_natural(fit.scale / r) for r in (1.0, *self._rates))
        if not natural or not goes_one_way(self.tape, fit):
            return False
        if self.partial:
            return sum(fit.matches[i].size for i in fit.chosen) >= LEAST_SHOWN
        return not fit.wrong

    @cached_property
    def _rates(self) -> list[float]:
        """The numbers that updates read, of which one may be the learning rate; few, or none."""
        found = sorted(step_sizes(self.fit, self.tape, self.evidence.params))
        return found if len(found) <= MOST_RATES else []

    def _changed_from(
        self, executions: Executions, edited: Mapping[int, Operation], run: Run
    ) -> Site | None:
        """Return the one call of a helper from which an edit of it changes anything, if one."""
        outs = [o for o in executions.operations if o.index in edited]
        changed = [o for o in outs if not is_same(run.env[o.out], self.run.env[o.out], TOLERANCE)]
        return exclusive_call(self.tape, changed, self.used) if changed else None

    @cached_property
    def sound(self) -> set[int]:
        """What the new values of parameters with right gradients are made of."""
        params = self.evidence.params
        return self.tape.ancestors(n for i in self.fit.chosen for n in params[i].new)

    @cached_property
    def used(self) -> set[int]:
        """What the cost and the new parameters are made of."""
        ends = [self.fit.hypothesis.node, *(n for p in self.evidence.params for n in p.new)]
        return self.tape.ancestors(ends)

    def _found(self, edit: Edit, site: int, repaired: tuple[int, ...], price: float) -> Found:
        where = SITES[site]
        if self.place is not None:
            own, called = f"`{short(where.text)}`", f"`{short(self.place.text)}`"
            edit = replace(edit, reason=edit.reason.replace(own, called))
            where = self.place
        return Found(edit, where, repaired, self.scale, price, self.edited)

    def _reach(
        self, executions: Executions, wrong: Sequence[int]
    ) -> tuple[set[int], int | None, set[int]]:
        """Return what an edit changes, the wrong gradient reached soonest, and what that takes."""
        first = executions.operations[0]
        key = (executions.place, first.index, len(executions.operations), tuple(wrong))
        if key not in self._reached:
            reached = self.tape.reach(o.out for o in executions.operations)
            ways = {i: way for i in wrong if (way := reached & self.needed[i])}
            probe = min(ways, key=lambda i: len(ways[i]), default=None)
            self._reached[key] = reached, probe, set() if probe is None else ways[probe]
        return self._reached[key]

    def _one(self, edited: dict[int, Operation], dirty: set[int], index: int) -> bool:
        """Whether one parameter's gradient fits after an edit."""
        run = self.tape.replay(double=True, base=self.run, dirty=dirty, edited=edited)
        old = self.fit.matches[index]
        match = Match(old.parameter, old.truth)
        fill(run, match, self.fit.hypothesis.after, penalties=False)
        known = self.fit.scales if self.fit.chosen or self.fit.anchored else []
        return match.vacuous or any(
            not known
            or any(abs(s / scale - 1) < SAME for scale in known)
            or self.fit.has_own_rate(index, s)
            for level, s, _ in match.scales
            if level < 0 or self.fit.beneath or not old.parameter.levels[level].deep
        )

    def at_calls(self, wrong: Sequence[int], around: Operation | None = None) -> Found | None:
        """Try other arguments for the calls of the user's own functions.

        With `around`, for those calls only that an operation runs in.
        """
        found: list[tuple[int, float, Found]] = []
        known = calls_of(self.tape, self.groups)
        sites = list(known)
        if around is not None:
            chain = self.tape.chains()[around.index][::-1]  # the innermost call first
            sites = [s for s in dict.fromkeys(self.tape.calls[c][1] for c in chain) if s in known]
        for site in sites:
            calls = known[site]
            executions = Executions(site, tuple(o for call in calls for o in call))
            if len(executions.operations) > MOST_OPERATIONS:
                continue
            for edit in other_arguments(calls, self.scope, self.forward, SITES[site].operands):
                if self.late():
                    break
                if found and (-len(wrong), edit.cost) >= found[0][:2]:
                    continue
                repaired = self.repairs(executions, edit, wrong)
                if repaired:
                    one = self._found(edit, site, repaired, edit.cost)
                    found = sorted([*found, (-len(repaired), edit.cost, one)],
                                   key=lambda f: f[:2])[:1]  # fmt: skip
        return found[0][2] if found else None
