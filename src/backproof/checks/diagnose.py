"""From a blamed site to its cause: the edit under which the expression equals its true value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backproof.calculus.adjoint import is_differentiable
from backproof.checks.blame.earliest import Blame
from backproof.checks.blame.fault import Fault
from backproof.checks.blame.inputs import Inputs
from backproof.checks.edits import is_in, short
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import Fit, is_natural, proportion
from backproof.checks.search import Found, StepSearch
from backproof.roles import Parameter
from backproof.trace.site import SITES, Site
from backproof.trace.tape import Operation, Ref, Tape
from backproof.updates import MULTIPLY, SUBTRACT

EXACT = 1e-6
MOST_ALTERNATIVES = 400
#: What makes a derivative wrong where the edited expression is one.
LOCAL_CAUSES = {"extra-term", "missing-term", "extra-factor", "missing-factor", "wrong-sign"}
#: Costs tried where no gradient fits any.
MOST_COSTS = 4


def equal(value: Any, truth: Any, tolerance: float = EXACT) -> bool:
    """Whether a value equals the truth to rounding."""
    if value is None or truth is None or np.shape(value) != np.shape(truth):
        return False
    t = np.asarray(truth, float)
    with np.errstate(all="ignore"):
        gap = float(np.linalg.norm(np.asarray(value, float) - t))
    return gap <= tolerance * float(np.linalg.norm(t))


@dataclass(slots=True)
class Diagnosis:
    """Why a site's value is wrong, and where exactly."""

    code: str
    cause: str
    site: Site
    reason: str
    help: str = ""
    overwrite: Site | None = None
    evidence: dict[str, Any] = field(default_factory=dict)


class Diagnoser:
    """Tries edits of one blamed operation against its true value."""

    def __init__(self, blame: Blame, fault: Fault, search: StepSearch) -> None:
        self.blame = blame
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

    def diagnose(self) -> Diagnosis:
        """Return the first explanation that makes the expression exact."""
        if self.fault.kind == "update":
            return self._at_update()
        for attempt in (
            self._stale, self._edited_here, self._at_input, self._edited_near,
            self._ignores_incoming,
            self._sign_or_factor, self._missing_term, self._argument, self._local,
            self._elementwise_factor,
        ):  # fmt: skip
            found = attempt()
            if found is not None:
                return found
        return Diagnosis(
            "BP101", "wrong-operand", self.operation.where,
            f"`{self.operation.where.text}` is not what the chain rule gives here",
        )  # fmt: skip

    def _at_update(self) -> Diagnosis:
        """The update takes a gradient that belongs to another parameter."""
        return self.finding(
            "BP101", "wrong-operand", f"`{self.operation.where.text}` does not use its own gradient"
        )

    def _at_input(self) -> Diagnosis | None:
        """A cotangent is passed on where a factor of it is missing."""
        fault = Inputs(self.blame.replays, self.blame.trust).meant(set(self.fault.repaired))
        if fault is None:
            return None
        site = SITES[fault.site]
        statement = sorted(
            s for s in self.search.groups
            if SITES[s].file is site.file and SITES[s].statement == site.statement
        )  # fmt: skip
        edit = self._searched(statement)
        if edit is not None:
            return edit
        target = site.targets[0] if site.targets else site.text
        return self.finding(
            "BP101", "missing-factor",
            f"`{short(target)}` lacks a factor: it is the gradient of "
            f"`{short(self.text(self.blame.trust.right[fault.detail['input']][0]))}`",
            "multiply by the derivative of what the forward pass does there", site=site,
        )  # fmt: skip

    # ---- helpers -------------------------------------------------------------------------------

    def equal(self, value: Any, truth: Any = None) -> bool:
        """Whether a value equals the truth to rounding."""
        return equal(value, self.truth if truth is None else truth, EXACT)

    def text(self, node: int) -> str:
        """What the user calls a node."""
        operation = self.tape.producer(node)
        if operation is None:
            for parameter in self.blame.evidence.params:
                if node in parameter.old:
                    return parameter.name
            return self.blame.evidence.names.path(self.tape.nodes[node].obj) or "the data"
        where = operation.where
        return where.targets[0] if where.targets and where.is_value else where.text

    def finding(self, code: str, cause: str, reason: str, help: str = "", **kw: Any) -> Diagnosis:
        """Make a diagnosis at the blamed site."""
        return Diagnosis(code, cause, kw.pop("site", self.operation.where), reason, help, **kw)

    def _ignores_incoming(self) -> Diagnosis | None:
        """A backward value that does not depend on the gradient that came in."""
        operation = self.operation
        if operation.out in self.blame.trust.right or self.blame.trust.reads_cotangent(operation):
            return None
        if not self.search.is_local(operation.site):
            return None
        if self._meets_error(operation.out):
            return None
        caller = self.tape.called_from(operation)
        site = caller if caller is not None else operation.where
        return self.finding(
            "BP101", "missing-factor",
            f"`{short(site.text)}` does not use the gradient that comes in",
            "multiply by the gradient that comes in", site=site,
        )  # fmt: skip

    def _meets_error(self, node: int) -> bool:
        """Whether a local value is multiplied by one that carries the error: a derivative."""
        for index in self.tape.users[node]:
            user = self.tape.operations[index]
            others = [
                n for n in user.inputs if n != node and n not in self.blame.cotangents.forward
            ]
            if self.tape.ancestors(others) & self.search.errors:
                return True
        return False

    # ---- attempts ------------------------------------------------------------------------------

    def _stale(self) -> Diagnosis | None:
        """A parameter is read after its update."""
        for parameter in self.blame.evidence.params:
            for update in parameter.updates:
                reads = self._reads_of(update.new)
                if reads is None:
                    continue
                value = self._with_old(update.new, update.old)
                if self.equal(value):
                    merge = self.tape.operations[update.merges[-1][0]].where
                    return self.finding(
                        "BP105", "mutated-value",
                        f"`{parameter.name}` is read here after its update on line "
                        f"{merge.span.line}; the chain rule needs the value before it",
                        f"use the old `{parameter.name}` (a copy), or move the update behind "
                        "the last use",
                        overwrite=merge,
                    )  # fmt: skip
        return None

    def _reads_of(self, new: int) -> Operation | None:
        if new in self.tape.ancestors(self.operation.inputs):
            return self.operation
        return None

    def _with_old(self, new: int, old: int) -> Any:
        """Replay from the updated parameter with the old value in its place."""
        value = self.run.env[old]
        dirty = self.tape.reach([new])
        again = self.tape.replay(
            double=True, base=self.run, dirty=dirty, replace={new: value},
            until=self.operation.index,
        )  # fmt: skip
        return again.env[self.operation.out]

    def _sign_or_factor(self) -> Diagnosis | None:
        if self.truth is None or np.size(self.author) != np.size(self.truth):
            return None
        x = np.asarray(self.author, float).reshape(-1)
        t = np.asarray(self.truth, float).reshape(-1)
        if not self.consistent_factor():
            return None
        s, error = proportion(x, t)
        if error > EXACT:
            return None
        if abs(s + 1) < EXACT:
            return self.finding("BP101", "wrong-sign", "its sign is reversed", "change the sign")
        name = self.describe_factor(s)
        text = self.operation.where.text
        statement = _statement_text(self.operation.where)
        extra = (s > 1 and _mentions(statement, s)) or (s < 1 and _mentions(statement, 1 / s))
        code = (
            "BP102" if len(self.fault.repaired) < len(self.blame.replays.fit.matches) else "BP101"
        )
        sign = ", with the sign reversed" if s < 0 else ""
        size = (
            f"{abs(s):.6g} times too large" if abs(s) > 1 else f"{1 / abs(s):.6g} times too small"
        )
        if extra:
            return self.finding(code, "extra-factor", f"it is {size}{sign}{name}",
                                f"remove the factor {abs(s):.6g} from `{text}`")  # fmt: skip
        advice = f"divide by {abs(s):.6g}" if abs(s) > 1 else f"multiply by {1 / abs(s):.6g}"
        return self.finding(code, "missing-factor", f"it is {size}{sign}{name}", f"{advice}{name}")

    def consistent_factor(self) -> bool:
        """Whether every execution of the site is off by the same factor."""
        factors = []
        for index in self.fault.operations[:50]:
            out = self.tape.operations[index].out
            truth = self.fault.truth.get(out)
            if truth is None or np.size(truth) < 1 or np.size(truth) != np.size(self.run.env[out]):
                continue
            s, error = proportion(
                np.asarray(self.run.env[out], float).reshape(-1),
                np.asarray(truth, float).reshape(-1),
            )
            if error > EXACT and np.any(np.asarray(truth)):
                return False
            if s:
                factors.append(s)
        if not factors:
            return False
        if max(np.size(self.fault.truth[n]) for n in self.fault.truth) == 1 and len(factors) < 3:
            simple = {1.0, 2.0, 0.5, *_sizes(self.tape), *(1 / n for n in _sizes(self.tape))}
            return any(abs(abs(factors[0]) - n) < 1e-6 * n for n in simple)
        return max(factors) - min(factors) <= 1e-5 * abs(factors[0])

    def describe_factor(self, s: float) -> str:
        """Name a factor that equals the length of a recorded axis."""
        value = abs(s) if abs(s) > 1 else 1 / abs(s)
        for node in self.tape.nodes:
            shape = np.shape(node.obj) if isinstance(node.obj, np.ndarray) else ()
            for axis, n in enumerate(shape):
                if n > 2 and abs(value - n) < 1e-6 * n and node.operation is None:
                    path = self.blame.evidence.names.path(node.obj)
                    if path:
                        return f" (`{path}.shape[{axis}]`)"
        return ""

    def _edited_here(self) -> Diagnosis | None:
        """One edit of the blamed statement, or another argument of the call it is in."""
        wrong = self.fault.repaired
        here = self.search.best(self._statement_sites(self.operation), wrong)
        call = self.search.at_calls(wrong, self.operation)
        both = [f for f in (here, call) if f is not None and set(f.repaired) >= set(wrong)]
        return self._from(min(both, key=lambda f: f.price, default=None))

    def _edited_near(self) -> Diagnosis | None:
        """One edit of a statement nearby does."""
        here = set(self._statement_sites(self.operation))
        distance: dict[int, int] = {}
        queue = [self.operation]
        for operation in queue:
            users = [self.tape.operations[i] for i in self.tape.users[operation.out]]
            makers = [m for n in operation.inputs if (m := self.tape.producer(n)) is not None]
            for other in (*makers, *users):
                if other.site not in distance and other.site in self.search.groups:
                    distance[other.site] = len(distance)
                    if len(distance) < 60:
                        queue.append(other)
        return self._searched([s for s in distance if s not in here])

    def _argument(self) -> Diagnosis | None:
        """Another argument of a call makes the gradients right."""
        return self._from(self.search.at_calls(self.fault.repaired))

    def _statement_sites(self, operation: Operation) -> list[int]:
        """The sites of the statement of an operation, the blamed one first."""
        where = operation.where
        sites = [
            site for site in self.search.groups
            if SITES[site].file is where.file and SITES[site].statement == where.statement
        ]  # fmt: skip
        return sorted(sites, key=lambda s: (s != operation.site, -s))

    def _searched(self, sites: list[int]) -> Diagnosis | None:
        return self._from(self.search.best(sites, self.fault.repaired))

    def _from(self, found: Found | None) -> Diagnosis | None:
        if found is None or not set(found.repaired) >= set(self.fault.repaired):
            return None
        return from_edit(self.search, found)

    def _candidates(self, shape: tuple[int, ...]) -> Iterator[int]:
        """Values of the step of a shape, latest first."""
        count = 0
        for node in reversed(self.tape.nodes):
            value = self.run.env[node.index]
            if is_differentiable(value) and np.shape(value) == shape:
                yield node.index
                count += 1
                if count >= MOST_ALTERNATIVES:
                    return

    def _missing_term(self) -> Diagnosis | None:
        if self.truth is None or np.shape(self.truth) != np.shape(self.author):
            return None
        difference = np.asarray(self.truth, float) - np.asarray(self.author, float)
        flat = difference.reshape(-1)
        if flat.size < 2:
            return None
        for parameter in self.blame.evidence.params:
            for old in parameter.old:
                value = np.asarray(self.run.env[old], float).reshape(-1)
                if value.size == flat.size:
                    s, error = proportion(flat, value)
                    if error < 1e-5:
                        return self.finding(
                            "BP101", "missing-term",
                            f"the penalty's term {s:.6g}·`{parameter.name}` is missing",
                            f"add {s:.6g} * {parameter.name}",
                        )  # fmt: skip
        for node in self._candidates(np.shape(self.truth)):
            value = np.asarray(self.run.env[node], float).reshape(-1)
            s, error = proportion(flat, value)
            if error < EXACT and abs(abs(s) - 1) < 1e-6 and node not in self.operation.inputs:
                name = self.text(node)
                if s > 0:
                    return self.finding("BP101", "missing-term", f"the term `{name}` is missing",
                                        f"add `{name}`")  # fmt: skip
        partial = self._partial()
        return partial

    def _partial(self) -> Diagnosis | None:
        """The value is what one use of the forward value sends back; another use is missing."""
        if self.fault.truth and self.operation.out in self.blame.trust.right:
            return None
        truth_node = self._truth_node()
        if truth_node is None:
            return None
        users = [
            self.tape.operations[i] for i in self.tape.users[truth_node]
            if self.tape.operations[i].out in self.blame.cotangents.of
        ]  # fmt: skip
        if len(users) < 2:
            return None
        parts = dict(self.blame.cotangents.parts.get(truth_node, ()))
        for user in users:
            part = parts.get(user.index)
            whole = self.blame.cotangents.of[truth_node]
            if part is None:
                continue
            scale = self._scale_to(whole)
            if self.equal(np.asarray(self.author), scale * np.asarray(part)):
                others = [u for u in users if u is not user]
                return self.finding(
                    "BP101", "missing-term",
                    f"`{self.text(truth_node)}` is also used on line "
                    f"{others[0].where.span.line}; the gradient through that use is missing",
                    f"add the gradient that comes back through `{others[0].where.text}`",
                )  # fmt: skip
        return None

    def _truth_node(self) -> int | None:
        if self.truth is None:
            return None
        flat = np.asarray(self.truth, float).reshape(-1)
        for node, g in self.blame.cotangents.of.items():
            if np.size(g) == flat.size:
                s, error = proportion(flat, np.asarray(g, float).reshape(-1))
                if s and error < EXACT:
                    return node
        return None

    def _scale_to(self, whole: Any) -> float:
        s, _ = proportion(
            np.asarray(self.truth, float).reshape(-1), np.asarray(whole, float).reshape(-1)
        )
        return s

    def _local(self) -> Diagnosis | None:
        """Solve an elementwise product for its local derivative, and look into that."""
        operation = self.operation
        if not is_in(operation.function, MULTIPLY) or self.truth is None:
            return None
        pair = [a for a in operation.args if type(a) is Ref]
        if len(pair) != 2:
            return None
        for delta, local in (pair, pair[::-1]):
            if local.node in self.blame.trust.right or not self._is_local(local.node):
                continue
            a = self.run.env[delta.node]
            with np.errstate(all="ignore"):
                needed = np.asarray(self.truth, float) / np.asarray(a, float)
            known = np.isfinite(needed)
            if not np.any(known) or not self._is_backward(delta.node):
                continue
            return self._in_local(local.node, needed, known)
        return None

    def _is_backward(self, node: int) -> bool:
        """Whether a value carries the error (it depends on the labels or the cost's derivative)."""
        return node in self.blame.trust.right or node not in self.blame.cotangents.forward

    def _is_local(self, node: int) -> bool:
        """Whether a value is computed from forward values alone."""
        if node in self.blame.cotangents.forward:
            return True
        return not any(n in self.blame.trust.right for n in self.tape.ancestors([node]))

    def _in_local(self, node: int, needed: Any, known: Any) -> Diagnosis | None:
        operation = self.tape.producer(node)
        where = self.operation.where
        if operation is None or np.size(self.run.env[node]) == 1 < np.size(needed):
            return None  # a rate, or a number
        if node in self.blame.cotangents.forward:
            return self.finding(
                "BP101", "wrong-derivative",
                f"`{self.text(node)}` is not the derivative that belongs here",
            )  # fmt: skip
        source = operation.where
        inside = source.file is where.file and where.span.contains(source.span)
        other = self._other_place(node, needed, known)
        if other is not None:
            used, right = other
            target = where if inside else (_operand_site(where, used) or where)
            return self.finding(
                "BP101", "wrong-operand",
                f"the derivative `{short(target.text)}` is taken at the wrong place",
                f"take it at `{right}`", site=target,
                evidence={"expected": right, "found": used},
            )  # fmt: skip
        target = source
        return self.finding("BP101", "wrong-derivative",
                            f"`{short(target.text)}` is not the derivative of the function that "
                            "the forward pass applies", site=target)  # fmt: skip

    def _other_place(self, node: int, needed: Any, known: Any) -> tuple[str, str] | None:
        """Evaluate the local derivative at other forward values; return (used, right) names."""
        stop = {n for n in self.blame.cotangents.forward if n != node}
        inputs = [
            n for n in self.tape.ancestors([node], stop=stop)
            if n in stop and is_differentiable(self.run.env[n]) and np.ndim(self.run.env[n])
        ]  # fmt: skip
        inputs = [n for n in inputs if np.shape(self.run.env[n]) == np.shape(needed)]
        if len(inputs) != 1:
            return None
        used = inputs[0]
        for other in self.blame.cotangents.of:
            if other == used or np.shape(self.run.env[other]) != np.shape(needed):
                continue
            dirty = self.tape.reach([used]) & self.tape.ancestors([node])
            again = self.tape.replay(
                double=True, base=self.run, dirty=dirty - {used}, replace={},
                values={used: self.run.env[other]},
            )  # fmt: skip
            value = again.env[node]
            if value is None or np.shape(value) != np.shape(needed):
                continue
            if self.equal(np.asarray(value, float)[known], np.asarray(needed)[known]):
                return self.text(used), self.text(other)
        return None

    def _elementwise_factor(self) -> Diagnosis | None:
        """The ratio to the truth is a function of forward values: a derivative is missing."""
        if self.truth is None or np.shape(self.truth) != np.shape(self.author):
            return None
        if np.ndim(self.truth) == 0 or not self.operation.inputs:
            return None
        known = [
            self.blame.trust.right[n] for n in self.operation.inputs if n in self.blame.trust.right
        ]
        if self.operation.out in self.blame.trust.right:
            node, _ = self.blame.trust.right[self.operation.out]
            operation = self._next_forward(node)
            if operation is not None:
                return self.finding(
                    "BP101", "missing-factor",
                    f"the derivative of `{short(operation.where.text)}` is missing",
                    f"multiply by the derivative of `{short(operation.where.text)}`",
                    site=self.passed_on(),
                )  # fmt: skip
        _ = known
        return None

    def passed_on(self) -> Site:
        """Return the statement that passes the blamed value on unchanged, if there is one.

        In ``dZ = dA`` nothing is computed; what is missing is missing there.
        """
        made = self.operation.where
        flows = self.tape.flows.get(self.operation.out, [])
        sites = [SITES[site] for _, site in flows]
        if made.is_value and made.targets:
            # Within the function that made it the factor is missing where it is made.
            sites = [s for s in sites if s.function != made.function]
        renamed = [s for s in sites if s.targets]
        return (renamed or sites or [self.operation.where])[-1]

    def _next_forward(self, node: int) -> Operation | None:
        return self.tape.producer(node)


def _sizes(tape: Any) -> set[float]:
    from backproof.roles import recorded_sizes

    return recorded_sizes(tape)


def _statement_text(site: Site) -> str:
    return site.file.slice(site.statement)


def _mentions(text: str, number: float) -> bool:
    """Whether a statement writes a number as a literal."""
    number = abs(number)
    written = {f"{number:g}", f"{number:.1f}", f"{int(number)}." if number == int(number) else ""}
    words = text.replace("(", " ").replace(")", " ").replace("*", " ").replace("/", " ")
    return any(w in written for w in words.split() if w)


def _operand_site(where: Site, used: str) -> Site | None:
    """The call among the operands of an expression that takes `used` as an argument."""
    for site in SITES:
        called = site.file is where.file and site.kind in ("call", "method")
        if called and where.span.contains(site.span) and used in site.operands:
            return site
    return None


def _is_progress(tape: Tape, node: int | None, params: Sequence[Parameter]) -> bool:
    """Whether a scalar compares a cost with an earlier one: ``abs(previous - current)``."""
    values = {n for p in params for n in (*p.old, *p.new)}
    while node is not None:
        operation = tape.producer(node)
        if operation is None:
            return False
        if is_in(operation.function, SUBTRACT):
            return not all(tape.ancestors([n]) & values for n in operation.inputs)
        if len(operation.inputs) != 1:
            return False
        node = operation.inputs[0]
    return False


def from_edit(search: StepSearch, found: Found) -> Diagnosis:
    """Word the diagnosis that an edit is."""
    edit, cause = found.edit, found.edit.cause
    if edit.cause == "mutated-value":
        return Diagnosis(
            "BP105", "mutated-value", found.site,
            f"`{edit.found}` was changed before it is read here",
            f"use the value that `{edit.found}` had in the forward pass (a copy)",
        )  # fmt: skip
    if cause in LOCAL_CAUSES and search.is_local(found.site.index) and found.site.kind == "binop":
        cause = "wrong-derivative"
    return Diagnosis(
        "BP101", "missing-term" if cause == "extra-term" else cause, found.site, edit.reason,
        edit.help,
        evidence={"found": edit.found, "expected": edit.expected} if edit.found else {},
    )  # fmt: skip


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
        and not _is_progress(evidence.tape, f.hypothesis.node, evidence.params)
    ]  # fmt: skip
    own = [f for f in fits if not f.hypothesis.registered]
    if not own and len(evidence.params) > 1:
        own = fits  # the program has no cost: one of those that networks usually have
    fits = own[:MOST_COSTS]
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
