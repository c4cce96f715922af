"""Which way a cost is meant to go: by what it is called, and by its formula."""

from __future__ import annotations

import math
import operator
import re
from typing import Any

import numpy as np

from backproof.arithmetic import (
    ADD,
    DIVIDE,
    EXPONENTIALS,
    MULTIPLY,
    NEGATE,
    PRODUCTS,
    SUBTRACT,
    is_in,
    is_square,
    keeps,
)
from backproof.checks.claims import is_name
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import Fit
from backproof.checks.words import COSTS, FALLS, GROWS
from backproof.costs import total
from backproof.hypotheses import is_complement
from backproof.trace.primitives import Method
from backproof.trace.site import SITES
from backproof.trace.tape import Operation, Ref, Tape

#: What makes one number of many, and what scales it.
AVERAGING: frozenset[Any] = frozenset({np.sum, np.mean, sum, Method("sum"), Method("mean")})
SCALING = MULTIPLY | DIVIDE
ROOTS: frozenset[Any] = frozenset({np.sqrt, math.sqrt})
#: Functions whose negative is a cost, and operations between them and it.
LOGARITHMS: frozenset[Any] = frozenset(
    {np.log, np.log2, np.log10, np.log1p, math.log, math.log1p, np.logaddexp}
)
LONGEST = 4_000
#: Lists that costs are put on.
HISTORY = re.compile(r"^(?!.*acc)(\w+\.)*(\w*hist\w*|\w*curve|trace)\[\d+\]$", re.I)
#: What a function is called that computes something to be made large.
CLIMBS = re.compile(r"likelihood|log_?lik|elbo|evidence", re.I)
#: A coefficient is not what it weighs: ``entropy_coef``.
COEFFICIENT = re.compile(r"\w*(coef|coeff|weight|beta|scale|factor|lam\w*)\b", re.I)
#: What an objective that is to grow may be called as well.
VAGUE = re.compile(r"\bj\b|entropy|total", re.I)


def meant(evidence: StepEvidence) -> float:
    """Return 1 where a cost is meant to fall by its names, -1 where it is meant to grow, else 0."""
    fit, tape = evidence.fit, evidence.tape
    assert fit is not None
    names = [fit.hypothesis.title]
    path = evidence.names.path(tape.nodes[fit.hypothesis.node].obj) if evidence.names else None
    names += [path] if path else []
    made = tape.producer(fit.hypothesis.node)
    olds = {n for p in evidence.params for n in p.old}
    if made is not None and is_complement(made):
        # `accuracy = 1 - error` grows as its error falls, whatever it is called.
        inner = made.inputs[0]
        errs = is_distance(tape, inner, olds) or is_surprise(tape, inner, olds)
        return -1.0 if errs else 0.0
    given = made is not None and made.where.file.slice(made.where.statement).startswith("return")
    for call in tape.chains()[made.index] if made is not None and given else ():
        if call >= 0:
            site = SITES[tape.calls[call][1]]
            names += [t for t in site.targets if site.is_value]
    function = "" if made is None else made.where.function.rpartition(".")[2]
    names += [function] if COSTS.fullmatch(function) else []
    rewarded = is_rewarded(tape, fit.hypothesis.node, olds)
    for name in names:
        told = COEFFICIENT.sub("", name)
        if FALLS.search(VAGUE.sub("", told) if rewarded else told):
            # A log-likelihood that is called a loss is below zero, and climbs rightly.
            return 1.0 if np.all(np.asarray(evidence.run.env[fit.hypothesis.node]) >= 0) else 0.0
        # In ``np.mean(logz - scores[rows, y])`` there is a score, and it is no name of the whole.
        if GROWS.search(name) and (is_name(name.lstrip("-( ")) or name[:1] in "-("):
            if is_distance(tape, fit.hypothesis.node, olds, from_data=False):
                return 0.0  # the score of an anomaly: how far a sample is from what is made of it
            return 1.0 if name.lstrip("( ").startswith("-") else -1.0
    if CLIMBS.search(function):
        return 0.0  # it may be the negative of what its function is called
    node = fit.hypothesis.node
    if is_distance(tape, node, olds) or is_surprise(tape, node, olds):
        return 1.0
    return _in_total(tape, node)


def is_called_a_cost(evidence: StepEvidence, fit: Fit) -> bool:
    """Whether a scalar has a cost's name or formula, or the function that computes it."""
    node, names = fit.hypothesis.node, evidence.names
    made = evidence.tape.producer(node)
    function = "" if made is None else made.where.function.rpartition(".")[2]
    path = (names.path(evidence.tape.nodes[node].obj) if names is not None else None) or ""
    called = [fit.hypothesis.title, *path.split(".")]  # `loss.data` of an engine
    if any(map(FALLS.search, called)) or COSTS.fullmatch(function) is not None:
        return True
    if fit.hypothesis.own and HISTORY.search(path):
        return True
    if climbs(evidence.tape, fit):
        return True
    olds = {n for p in evidence.params for n in p.old}
    return is_surprise(evidence.tape, node, olds) or is_distance(evidence.tape, node, olds)


def climbs(tape: Tape, fit: Fit) -> bool:
    """Whether a scalar of the program's is called a likelihood, which may be made large."""
    made = tape.producer(fit.hypothesis.node)
    return fit.hypothesis.own and made is not None and bool(CLIMBS.search(made.where.function))


def goes_one_way(tape: Tape, fit: Fit) -> bool:
    """Whether all steps go down a cost, or all up a likelihood."""
    up = {direction > 0 for direction in fit.directions.values()}
    return True not in up or (len(up) == 1 and climbs(tape, fit))


def _in_total(tape: Tape, node: int) -> float:
    """Return the sense of what is only added to a total, or taken from it: ``loss -= log(p)``."""
    made = tape.producer(node)
    if made is not None and made.function is total:  # of all samples
        node = made.inputs[0]
    senses = set()
    for index in tape.users[node]:
        user = tape.operations[index]
        where, last = user.where, user.args[-1]
        own = type(last) is Ref and last.node == node
        if user.function is total:
            continue
        if not own or not where.kind.startswith("aug") or not FALLS.search(where.targets[0]):
            return 0.0
        senses.add(-1.0 if is_in(user.function, SUBTRACT) else 1.0)
    return senses.pop() if len(senses) == 1 else 0.0


def is_distance(tape: Tape, node: int, olds: set[int], *, from_data: bool = True) -> bool:
    """Whether a cost is a square by its formula, or a mean or a sum, of distances `from_data`."""
    for _ in range(6):
        made = tape.producer(node)
        if made is None or not made.inputs:
            return False
        if is_square(made):
            base = tape.producer(made.inputs[0])
            # (An engine adds the negative of a label.)
            if base is None or not is_in(base.function, SUBTRACT | ADD) or len(base.args) != 2:
                return False
            moving = [n for n in base.inputs if not olds.isdisjoint(tape.ancestors([n]))]
            # Else a variance, which may be meant to grow.
            return len(moving) == 1 or (not from_data and len(moving) == 2)
        if not (keeps(made) or is_in(made.function, AVERAGING | SCALING | ADD | ROOTS)):
            return False
        # Of a sum, the penalty comes last; totals begin with nothing.
        onward = [n for n in made.inputs if not olds.isdisjoint(tape.ancestors([n]))]
        if not onward:
            return False
        before = tape.producer(onward[0])
        running = before is not None and before.site == made.site  # what it was before the last
        node = onward[-1 if running else 0]
    return False


def is_surprise(tape: Tape, node: int, olds: set[int]) -> bool:
    """Whether a cost holds by its formula negative logarithms, or logarithms of sums of powers.

    ``-Σ y log a``, or ``log(1 + exp(z)) - y z``; other terms say nothing. From the logarithm of a
    sum over classes their score is taken: alone it is the likelihood of a mixture, that is to grow.
    """
    moved = tape.reach(olds)
    falls = set()
    mixed = taken = False
    pending = [(node, 1.0)]
    for _ in range(LONGEST):
        if not pending:
            break
        node, sign = pending.pop()
        made = tape.producer(node)
        moving = [] if made is None else [n for n in made.inputs if n in moved]
        if made is None or not moving:
            continue
        if is_in(made.function, LOGARITHMS):
            powers = _sums_powers(tape, made)
            falls.add(sign == (1.0 if powers else -1.0))
            mixed |= powers and _is_over_classes(tape, made, moved)
        elif is_in(made.function, ADD | SUBTRACT):
            for n in moving:
                second = is_in(made.function, SUBTRACT) and not _is(made.args[0], n)
                pending.append((n, -sign if second else sign))
                taken |= second
        elif len(moving) != 1:
            continue
        elif is_in(made.function, NEGATE):
            pending.append((moving[0], -sign))
            taken |= sign > 0
        elif is_in(made.function, SCALING | PRODUCTS):
            factor = _sign_of_the_rest(tape, made, moving[0])
            if factor and not (is_in(made.function, DIVIDE) and not _is(made.args[0], moving[0])):
                pending.append((moving[0], sign * factor))
        elif keeps(made) or is_in(made.function, AVERAGING | {operator.getitem}):
            pending.append((moving[0], sign))
    return not pending and falls == {True} and (taken or not mixed)


def is_rewarded(tape: Tape, node: int, olds: set[int]) -> bool:
    """Whether a cost holds logarithms that data of both signs weigh: ``Σ advantage · log p``.

    An objective that is to grow is called J, too, and so is one that is to fall.
    """
    moved = tape.reach(olds)
    for index in tape.ancestors([node]):
        made = tape.producer(index)
        if made is None or not is_in(made.function, MULTIPLY) or len(made.args) != 2:
            continue
        (moving, *others) = sorted(made.inputs, key=lambda n: n not in moved)
        if moving not in moved or not others or others[0] in moved:
            continue
        weights = np.asarray(tape.value(others[0]))
        if weights.dtype.kind == "f" and np.any(weights > 0) and np.any(weights < 0):
            inner = tape.producer(moving)
            while inner is not None and (keeps(inner) or inner.function is operator.getitem):
                inner = tape.producer(inner.inputs[0])
            if inner is not None and is_in(inner.function, LOGARITHMS):
                return True
    return False


def _sums_powers(tape: Tape, logarithm: Operation) -> bool:
    """Whether a logarithm is of a sum of powers of e: ``log(1 + exp(z))``, ``logaddexp``."""
    if getattr(logarithm.function, "__name__", "") in ("logaddexp", "logsumexp"):
        return True
    inner = tape.producer(logarithm.inputs[0])
    for _ in range(3):
        if inner is None:
            return False
        if is_in(inner.function, EXPONENTIALS):
            return True
        if not (keeps(inner) or is_in(inner.function, ADD | AVERAGING)):
            return False
        inner = tape.producer(inner.inputs[-1]) if inner.inputs else None
    return False


def _is_over_classes(tape: Tape, logarithm: Operation, moved: set[int]) -> bool:
    """Whether all that a logarithm sums depends on parameters, unlike ``1 + exp(z)``."""
    if getattr(logarithm.function, "__name__", "") in ("logaddexp", "logsumexp"):
        return len(logarithm.args) == len(logarithm.inputs) and moved.issuperset(logarithm.inputs)
    inner = tape.producer(logarithm.inputs[0])
    while inner is not None and keeps(inner):
        inner = tape.producer(inner.inputs[0])
    return inner is not None and is_in(inner.function, AVERAGING)


def _is(arg: Any, node: int) -> bool:
    return isinstance(arg, Ref) and arg.node == node


def _sign_of_the_rest(tape: Tape, product: Operation, node: int) -> float:
    """Return the sign that the other factors of a product have, 0 where some differ."""
    signs = 1.0
    for arg in product.args:
        if not _is(arg, node):
            value = np.asarray(tape.value(arg.node) if isinstance(arg, Ref) else arg)
            if value.dtype.kind not in "biuf":
                return 0.0
            if np.all(value <= 0) and np.any(value):
                signs = -signs
            elif not np.all(value >= 0):
                return 0.0
    return signs
