"""The parts of one vector that holds all parameters, judged and blamed one by one.

What the user wants to know is whether ``Theta1_grad`` or ``Theta2_grad`` is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from backproof.arithmetic import JOINING, SPLITTING, keeps
from backproof.calculus.adjoint import is_differentiable
from backproof.checks.claims import Claim, ClaimNames, as_updates, called
from backproof.checks.gradient import StepEvidence, judge_step
from backproof.trace import primitives
from backproof.trace.appended import append, site_like
from backproof.trace.tape import Operation, Ref, Tape, map_refs

CHANGING = {np.clip, np.nan_to_num}


def by_parts(evidence: StepEvidence) -> StepEvidence:
    """Judge the parts that the forward pass splits a vector into, if some are right and some wrong.

    Returns
    -------
    StepEvidence
        The step with the parts in place of the vector; the same where nothing is gained.
    """
    fit, tape = evidence.fit, evidence.tape
    assert fit is not None
    forward = tape.ancestors([fit.hypothesis.node])
    for index in fit.wrong:
        parameter = evidence.params[index]
        whole = [level for level in parameter.levels if not level.keys]
        if len(parameter.updates) != 1 or not whole or len(whole[-1].nodes) != 1:
            continue
        point = parameter.old[0]
        if np.ndim(tape.nodes[point].obj) != 1:
            continue
        claims = split(tape, point, whole[-1].nodes[0], forward)
        claimed = as_updates(tape, claims)
        if not claimed:
            continue
        others = [u for p in evidence.params for u in p.updates if u.old != point]
        names = ClaimNames(evidence.names, claims)
        found = judge_step(
            tape, [*others, *claimed], evidence.step, names, given=[fit.hypothesis], moved=[point]
        )
        if found.fit is not None and found.fit.chosen and found.fit.wrong:
            return found
    return evidence


def join(*parts: Any) -> Any:
    """Put the entries of several arrays together to one vector."""
    return np.concatenate([np.ravel(part) for part in parts])


def split(tape: Tape, point: int, gradient: int, forward: set[int]) -> list[Claim]:
    """Return a claim for each part that the program's `forward` pass splits the vector into.

    Empty where it is used as a whole, or where its parts do not make up the whole.
    """
    size = int(np.size(tape.value(point)))
    if np.size(tape.value(gradient)) != size or size < 2:
        return []
    places = _places(tape, point)
    read = _read(tape, places, forward)
    groups: dict[bytes, list[int]] = {}
    for node, index in places.items():
        if 0 < index.size < size and np.unique(index).size == index.size:
            groups.setdefault(np.sort(index, axis=None).tobytes(), []).append(node)
    used = [nodes for nodes in groups.values() if any(n in read for n in nodes)]
    # Where rows and entries of ``X, Theta = unroll(v)`` are read, the parts themselves are not.
    whole = [nodes for nodes in groups.values() if all(n in forward for n in nodes)]
    chosen = _chosen(tape, used, places, read) or _chosen(tape, whole, places, read)
    chosen.sort(key=lambda n: int(places[n].min()))
    sources = _sources(tape, gradient)
    made = tape.producer(gradient)
    site = site_like(made.site) if made is not None else 0
    claims = []
    for number, node in enumerate(chosen):
        part = _source_of(sources, places[node])
        if part is None:
            part = append(tape, np.take, (Ref(gradient), places[node]), site)
        names = called(tape, node)
        claims.append(Claim(names[0] if names else f"part {number + 1}", node, part))
    return claims


def _chosen(
    tape: Tape, groups: list[list[int]], places: dict[int, Any], read: set[int]
) -> list[int]:
    """Return forms of the largest parts that make up the vector, if it is read through them."""
    covered = np.zeros(max(index.size for index in places.values()), dtype=bool)
    chosen: list[int] = []
    for nodes in sorted(groups, key=lambda g: -places[g[0]].size):
        members = places[nodes[0]].reshape(-1)
        if not covered[members].any():
            covered[members] = True
            chosen.append(_representative(tape, nodes, read))
    ways = covered.all() and len(chosen) > 1 and _are_ways(tape, chosen, places, read)
    return chosen if ways else []


def _representative(tape: Tape, nodes: list[int], read: set[int]) -> int:
    """Return the form of a part that the program works with: named, and behind all that is read."""
    behind = [tape.ancestors([n]) for n in nodes if n in read]
    common = [n for n in nodes if all(n in b for b in behind)]
    for node in reversed(common):
        made = tape.producer(node)
        if node in read and made is not None and made.where.is_value and made.where.targets:
            return node
    return common[-1] if common else nodes[-1]


def _are_ways(
    tape: Tape, chosen: Sequence[int], places: dict[int, Any], read: set[int]
) -> bool:  # fmt: skip
    """Whether all that the forward pass reads of the vector comes to it through the parts."""
    for node in read:
        behind = tape.ancestors([node])
        mine = [places[c].reshape(-1) for c in chosen if c in behind]
        through = np.concatenate(mine) if mine else np.zeros(0, dtype=int)
        if not np.isin(places[node], through).all():
            return False
    return True


def is_structural(operation: Operation) -> bool:
    """Whether an operation only rearranges the entries of one array."""
    function = operation.function
    try:
        if function in CHANGING:
            return False
        return function in SPLITTING or keeps(operation)
    except TypeError:
        return False


def _is_joining(operation: Operation) -> bool:
    try:
        return operation.function in JOINING or operation.function is join
    except TypeError:
        return False


def _places(tape: Tape, point: int) -> dict[int, Any]:
    """Return, for each rearranged part of the vector, where its entries lie in the vector."""
    value = tape.value(point)
    places: dict[int, Any] = {point: np.arange(float(np.size(value))).reshape(np.shape(value))}
    for operation in tape.operations:
        mine = [n for n in operation.inputs if n in places]
        if len(mine) != 1 or not is_structural(operation):
            continue
        found = _rearranged(operation, tape, {mine[0]: places[mine[0]]})
        if isinstance(found, (np.ndarray, list, tuple)):
            places[operation.out] = found
        elif isinstance(found, np.floating):
            places[operation.out] = np.asarray(found)
    return {n: p.astype(int) for n, p in places.items() if isinstance(p, np.ndarray)}


def _rearranged(operation: Operation, tape: Tape, known: dict[int, Any]) -> Any:
    """Evaluate an operation with other contents of some of its inputs."""

    def content(ref: Ref) -> Any:
        return known[ref.node] if ref.node in known else tape.value(ref.node)

    try:
        args = map_refs(tuple(operation.args), content)
        return operation.function(*args, **map_refs(operation.kwargs, content))
    except Exception:
        return None


def _read(tape: Tape, places: dict[int, Any], forward: set[int]) -> set[int]:
    """Return the parts that some operation works with, rather than rearranges."""
    found: set[int] = set()
    for operation in tape.operations:
        if operation.out in forward and operation.out not in places:
            found.update(n for n in operation.inputs if n in places)
    return found


def _sources(tape: Tape, gradient: int) -> dict[int, Any]:
    """Return the arrays that a gradient is put together from, with their entries' places in it."""
    value = tape.value(gradient)
    places = {gradient: np.arange(np.size(value)).reshape(np.shape(value))}
    for operation in reversed(tape.operations):
        whole = places.get(operation.out)
        if whole is None or not (is_structural(operation) or _is_joining(operation)):
            continue
        numbers: dict[int, Any] = {}
        count = 0.0
        for node in operation.inputs:
            held = tape.value(node)
            if isinstance(held, (np.ndarray, np.floating, float)) and is_differentiable(held):
                numbers[node] = np.arange(count, count + np.size(held)).reshape(np.shape(held))
                count += np.size(held)
        if operation.mutates and operation.function is primitives.overwrite:
            continue
        labels = _rearranged(operation, tape, numbers)
        if labels is None or np.shape(labels) != whole.shape:
            continue
        flat = np.asarray(labels, dtype=float).reshape(-1)
        for node, own in numbers.items():
            if own.size == 0:
                continue
            first = float(own.reshape(-1)[0])
            inside = np.flatnonzero((flat >= first) & (flat < first + own.size))
            at = np.full(own.size, -1)
            at[(flat[inside] - first).astype(int)] = whole.reshape(-1)[inside]
            places[node] = at.reshape(own.shape)
    return places


def _source_of(sources: dict[int, Any], places: Any) -> int | None:
    """Return the earliest array whose entries end up where a part's entries came from."""
    for node in sorted(sources):
        own = sources[node]
        if own.shape == places.shape and np.array_equal(own, places):
            return node
    return None
