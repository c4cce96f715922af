"""The author's gradients: the nodes that hold them, and the fault in their own expressions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from backproof.checks.blame.fault import Fault
from backproof.checks.blame.replays import Replays, shaped
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import author_value
from backproof.checks.scales import TOLERANCE
from backproof.entries import last_stored
from backproof.roles import Level, Parameter


def sink(parameter: Parameter) -> tuple[int, ...]:
    """The nodes of a parameter's gradient, as far down as no size divides it."""
    shallow = [level for level in parameter.levels if not level.deep]
    if shallow:
        return shallow[-1].nodes
    return tuple(d for u in parameter.updates for _, d in u.merges)


def level_nodes(params: Sequence[Parameter], wrong: Iterable[int]) -> list[int]:
    """Return the nodes at which the search for what feeds the wrong gradients starts."""
    nodes: list[int] = []
    for i in wrong:
        parameter = params[i]
        if parameter.levels:
            nodes.extend(parameter.levels[0].nodes)
        else:
            nodes.extend(d for u in parameter.updates for _, d in u.merges)
    return nodes


def at_gradient(
    evidence: StepEvidence, replays: Replays, forward: set[int], wrong: set[int]
) -> Fault | None:
    """The gradients' own expressions: replacing these always helps, so they come last."""
    best: Fault | None = None
    groups: dict[int, dict[int, tuple[int, Any]]] = {}
    for i in sorted(wrong):
        parameter = evidence.params[i]
        beneath = evidence.fit is not None and evidence.fit.beneath
        levels = [lv for lv in parameter.levels if beneath or not lv.deep]
        for level in reversed(levels):
            truth = None if level.keys else _as_level(evidence, i, level)
            operation = evidence.tape.producer(level.nodes[0])
            if truth is None or operation is None or level.nodes[0] in forward:
                continue
            if replays.repaired(truth, {i}):
                group = groups.setdefault(operation.site, {})
                for node, value in truth.items():
                    group[node] = (i, value)
                break
        else:
            merge = _astray(evidence, parameter)
            operation = evidence.tape.operations[merge]
            fault = Fault(operation.site, (merge,), {}, (i,), kind="update")
            best = best or fault
    for site, group in groups.items():
        truth = {node: value for node, (_, value) in group.items()}
        makers = [evidence.tape.nodes[n].operation for n in truth]
        indices = tuple(sorted(i for i in makers if i is not None))
        repaired = tuple(sorted({i for i, _ in group.values()}))
        if best is None or len(repaired) > len(best.repaired):
            best = Fault(site, indices, truth, repaired, kind="gradient")
    return best


def _astray(evidence: StepEvidence, parameter: Parameter) -> int:
    """Return the operation of an update that moves entries otherwise than the other parameters'.

    The last one, but where entries are stepped one by one: ``c[i] += lr; c[j] -= lr * s``.
    """
    fit, merges = evidence.fit, parameter.updates[0].merges
    assert fit is not None
    paces = [
        s * factor for i, (level, s, _) in fit.chosen.items()
        if (factor := evidence.params[i].factor(level)) is not None
    ]  # fmt: skip
    own = author_value(evidence.run, parameter, -1)
    truth = fit.matches[evidence.params.index(parameter)].truth
    if not paces or own is None or truth is None:
        return merges[-1][0]
    moved = np.median(paces) * truth
    wrong = np.abs(own - moved) > TOLERANCE * np.max(np.abs(moved), initial=0.0)
    for held in last_stored(evidence.tape, parameter.new[:1]).values():
        nodes: list[int] = held.reshape(-1)[wrong].tolist() if held.size == wrong.size else []
        makers = {n: evidence.tape.nodes[n].operation for n in nodes if n >= 0}
        made = [maker for node in nodes if (maker := makers.get(node)) is not None]
        if made:
            return Counter(made).most_common(1)[0][0]
    return merges[-1][0]


def _as_level(evidence: StepEvidence, index: int, level: Level) -> dict[int, Any] | None:
    """The true gradient in the layout of the author's nodes."""
    assert evidence.fit is not None
    parameter = evidence.params[index]
    truth = evidence.fit.matches[index].truth
    if truth is None:
        return None
    whole, nodes = level.turn * evidence.fit.scale * truth, level.nodes
    if len(nodes) == len(parameter.old) > 1:
        return {n: shaped(whole[k : k + 1], evidence.run.env[n]) for k, n in enumerate(nodes)}
    if len(nodes) != 1:
        return None
    like = evidence.run.env[nodes[0]]
    if parameter.rows is not None and np.size(like) == len(parameter.rows):
        return {nodes[0]: shaped(whole[parameter.rows], like)}
    shape = np.shape(evidence.run.env[parameter.old[0]])
    part = whole.reshape(shape)
    if np.shape(like) != shape and np.shape(like) == shape[::-1]:
        part = part.T
    return {nodes[0]: float(part) if type(like) is float and part.size == 1 else part}
