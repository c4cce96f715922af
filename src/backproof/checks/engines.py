"""Which scalars of an engine are costs: its slopes are scalars as well, of the same statements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backproof.checks.claims import is_name
from backproof.checks.words import FALLS
from backproof.hypotheses import CALLED, Hypothesis
from backproof.roles import Parameter
from backproof.trace.tape import Tape


def without_slopes(
    tape: Tape, params: Sequence[Parameter], names: Any, hypotheses: list[Hypothesis]
) -> list[Hypothesis]:
    """Return an engine's costs without what it computes as slopes.

    The statement that makes one slope that is lost makes others that the updates are made of; so
    does the statement that makes the loss (``self.value + other.value``), but that has a name, or
    all of the forward pass before it.
    """
    hypotheses = _among_values(tape, params, names, hypotheses)
    feeding = tape.ancestors([n for p in params for n in p.new])
    used = {o.site for o in tape.operations if o.out in feeding}
    alike = [h for h in hypotheses if (made := tape.producer(h.node)) and made.site in used]
    if len(alike) < 2 or names is None:
        return hypotheses
    paths = {h.node: names.path(tape.nodes[h.node].obj) or "" for h in hypotheses}
    named = {h.node for h in hypotheses if paths[h.node] or is_name(h.title)}
    if any(FALLS.search(paths[h.node]) for h in alike):
        return [h for h in hypotheses if h.node in named]
    sizes = {h.node: len(tape.ancestors([h.node])) for h in hypotheses}
    own = [h.node for h in hypotheses if h.own]  # what a step's own slopes read is all of the step
    least = max(sizes[node] for node in own or sizes) / 2
    slopes = [h.node for h in alike if h.node not in named and sizes[h.node] < least]
    parts = tape.ancestors(slopes)
    return [h for h in hypotheses if h.node in named or h.node not in parts]


def _among_values(
    tape: Tape, params: Sequence[Parameter], names: Any, hypotheses: list[Hypothesis]
) -> list[Hypothesis]:
    """Return those of an engine that a cost is made of or made into, where one is known by name.

    It lives where parameters do: beside ``w.data``, ``loss.data`` is a cost and no ``.grad`` is.
    Where its own gradient is 1, the backward pass started from all of it, not from a part.
    """
    if names is None:
        return hypotheses
    ends = {p.name.rpartition(".")[2] for p in params if "." in p.name}
    called = set()
    for hypothesis in hypotheses:
        *owners, end = (names.path(tape.nodes[hypothesis.node].obj) or "").split(".")
        if end in ends and len(owners) == 1 and CALLED.fullmatch(owners[0]):
            called.add(hypothesis.node)
    if not called:
        return hypotheses
    related = tape.ancestors(called) | tape.reach(called)
    seeded = {n for n in called if names.is_seeded(tape.nodes[n].obj)}
    for hypothesis in hypotheses:
        hypothesis.own = hypothesis.own or hypothesis.node in seeded
    parts = tape.ancestors(seeded) - seeded
    return [h for h in hypotheses if h.node in related - parts]
