"""The derivative of a function is the wrong one, or is taken at the wrong place."""

from __future__ import annotations

from typing import Any

import numpy as np

from backproof.arithmetic import MULTIPLY, is_in
from backproof.calculus.adjoint import is_differentiable
from backproof.checks.cause.blamed import Blamed
from backproof.checks.cause.diagnosis import Diagnosis
from backproof.checks.cause.slope_made import is_right_slope
from backproof.checks.edits.edit import short
from backproof.checks.exclusive import exclusive_call
from backproof.trace.site import SITES, Site
from backproof.trace.tape import Ref


def wrong_derivative(blamed: Blamed) -> Diagnosis | None:
    """Solve an elementwise product for its local derivative, and look into that."""
    operation = blamed.operation
    if not is_in(operation.function, MULTIPLY) or blamed.truth is None:
        return None
    pair = [a for a in operation.args if type(a) is Ref]
    if len(pair) != 2:
        return None
    for delta, local in (pair, pair[::-1]):
        if local.node in blamed.right or not _is_local(blamed, local.node):
            continue
        if is_right_slope(blamed.search, local.node):
            continue
        a = blamed.run.env[delta.node]
        if np.size(a) > 1 and np.shape(a) != np.shape(blamed.truth):
            continue
        with np.errstate(all="ignore"):
            needed = np.asarray(blamed.truth, float) / np.asarray(a, float)
        known = np.isfinite(needed)
        if not np.any(known) or not _is_backward(blamed, delta.node):
            continue
        return _in_local(blamed, local.node, needed, known)
    return None


def _is_backward(blamed: Blamed, node: int) -> bool:
    """Whether a value carries the error (it depends on the labels or the cost's derivative)."""
    return node in blamed.right or node not in blamed.cotangents.forward


def _is_local(blamed: Blamed, node: int) -> bool:
    """Whether a value is computed from forward values alone."""
    if node in blamed.cotangents.forward:
        return True
    return not any(n in blamed.right for n in blamed.tape.ancestors([node]))


def _in_local(blamed: Blamed, node: int, needed: Any, known: Any) -> Diagnosis | None:
    operation = blamed.tape.producer(node)
    where = blamed.operation.where
    if operation is None or np.size(blamed.run.env[node]) == 1 < np.size(needed):
        return None  # a rate, or a number
    if node in blamed.cotangents.forward:
        return blamed.finding(
            "BP101", "wrong-derivative",
            f"`{blamed.text(node)}` is not the derivative that belongs here",
        )  # fmt: skip
    source = operation.where
    inside = source.file is where.file and where.span.contains(source.span)
    other = _other_place(blamed, node, needed, known)
    if other is not None:
        used, right = other
        target = where if inside else (_operand_site(where, used) or where)
        return blamed.finding(
            "BP101", "wrong-operand",
            f"the derivative `{short(target.text)}` is taken at the wrong place",
            f"take it at `{right}`", site=target,
            evidence={"expected": right, "found": used},
        )  # fmt: skip
    target = source
    alike = (o for o in blamed.tape.operations if o.site == operation.site)
    if any(o.out in blamed.cotangents.forward for o in alike):
        # The function itself is called, where its derivative is meant.
        target = exclusive_call(blamed.tape, [operation], blamed.search.used) or source
    return blamed.finding("BP101", "wrong-derivative",
                          f"`{short(target.text)}` is not the derivative of the function that "
                          "the forward pass applies", site=target)  # fmt: skip


def _other_place(blamed: Blamed, node: int, needed: Any, known: Any) -> tuple[str, str] | None:
    """Evaluate the local derivative at other forward values; return (used, right) names."""
    stop = {n for n in blamed.cotangents.forward if n != node}
    inputs = [
        n for n in blamed.tape.ancestors([node], stop=stop)
        if n in stop and is_differentiable(blamed.run.env[n]) and np.ndim(blamed.run.env[n])
    ]  # fmt: skip
    inputs = [n for n in inputs if np.shape(blamed.run.env[n]) == np.shape(needed)]
    if len(inputs) != 1:
        return None
    used = inputs[0]
    for other in blamed.cotangents.of:
        if other == used or np.shape(blamed.run.env[other]) != np.shape(needed):
            continue
        dirty = blamed.tape.reach([used]) & blamed.tape.ancestors([node])
        again = blamed.tape.replay(
            double=True, base=blamed.run, dirty=dirty - {used}, replace={},
            values={used: blamed.run.env[other]},
        )  # fmt: skip
        value = again.env[node]
        if value is None or np.shape(value) != np.shape(needed):
            continue
        if blamed.equal(np.asarray(value, float)[known], np.asarray(needed)[known]):
            return blamed.text(used), blamed.text(other)
    return None


def _operand_site(where: Site, used: str) -> Site | None:
    """The call among the operands of an expression that takes `used` as an argument."""
    for site in SITES:
        called = site.file is where.file and site.kind in ("call", "method")
        if called and where.span.contains(site.span) and used in site.operands:
            return site
    return None
