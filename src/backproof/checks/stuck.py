"""Numbers of a list that get no gradient, where one statement updates all of them (BP107).

A neuron's bias stands at the end of its weights; a sum over the inputs leaves its gradient as the
zero that it began with.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

import numpy as np

from backproof.arithmetic import DIVIDE, MULTIPLY
from backproof.carries import carries_of
from backproof.checks.places import Place, place_of, statement_of
from backproof.checks.untrained import Untrained
from backproof.trace.site import SITES
from backproof.updates import is_shared

if TYPE_CHECKING:
    from backproof.checks.neglect import Step


def stuck(step: Step) -> Iterator[Untrained]:
    """Yield the numbers whose update subtracts a zero that no value of the step has gone into."""
    tape = step.tape
    moving = tape.reach(n for p in step.evidence.params for n in p.old)
    right = [step.evidence.params[i] for i in step.fit.chosen]
    sites = {site for p in right for u in p.updates for site in u.sites(tape)}
    zeros: dict[int, list[int]] = {}
    """Update statement -> the values that it leaves as they are."""
    arriving: dict[int, list[int]] = {}
    for _, merges in carries_of(tape).links.values():
        for source, pairs in merges.items():
            for index, delta in pairs:
                site = tape.operations[index].site
                obj = tape.nodes[source].obj
                if site not in sites or np.ndim(obj) or is_shared(obj):
                    continue  # 0.0 may be the start of a sum
                if delta in moving:
                    arriving.setdefault(site, []).append(delta)
                elif source in step.truths and step.run.env[delta] == 0:
                    zeros.setdefault(site, []).append(source)
    for site, sources in zeros.items():
        if site not in arriving:
            continue
        where = SITES[site]
        target = where.targets[0] if where.targets else where.text.partition("=")[0].rstrip("+-*/ ")
        found = step.untrained_value(
            target, "stuck", where, tape.nodes[sources[0]].obj,
            np.concatenate([step.truths[n] for n in sources]),
        )  # fmt: skip
        found.share = f"{len(sources)} of {len(sources) + len(arriving[site])}"
        summed = _summed(step, arriving[site][0], moving)
        if summed is not None:
            found.related.append((place_of(where), "updated"))
            found.place = summed
        yield found


def _summed(step: Step, delta: int, moving: Collection[int]) -> Place | None:
    """Return the statement that sums the gradient of which a step is a multiple."""
    while (made := step.tape.producer(delta)) is not None:
        if made.where.kind.startswith("aug"):
            return statement_of(made.where)
        feeding = [n for n in made.inputs if n in moving]
        if made.function not in MULTIPLY | DIVIDE or len(feeding) != 1:
            return None
        delta = feeding[0]
    return None
