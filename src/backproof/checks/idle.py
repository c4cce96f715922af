"""A run in which no parameter moves: every step is computed and none is kept (BP107).

``for p, g in zip(params, grads): p = p - lr * g`` binds a new array to the loop's name.
"""

from __future__ import annotations

from typing import Any

from backproof.checks.places import statement_of
from backproof.finding import Finding
from backproof.trace.tape import Tape
from backproof.updates import find_updates

#: Times that the same step must have been computed of the same old value.
OFTEN = 2


def unmoved(tape: Tape, names: Any) -> list[Finding]:
    """Find steps of values that stay as they are, in a recording without any update."""
    groups: dict[int, list[str]] = {}
    for update in find_updates(tape, 0, len(tape.operations)):
        old = tape.nodes[update.old].obj
        path = names.path(old)
        site = tape.operations[update.merges[-1][0]].site
        steps = [
            tape.operations[i] for i in tape.users[update.old] if tape.operations[i].site == site
        ]  # fmt: skip
        lost = [o for o in steps if not o.mutates and not tape.users[o.out]]
        if len(lost) == len(steps) >= OFTEN:
            operands = lost[0].where.operands
            name = path or (operands[0] if operands else lost[0].where.text)
            if name not in groups.setdefault(site, []):
                groups[site].append(name)
    found = []
    for site, paths in groups.items():
        count = len(paths)
        where = next(o.where for o in tape.operations if o.site == site)
        place = statement_of(where)
        shown = ", ".join(f"`{p}`" for p in paths[:4]) + (" …" if count > 4 else "")
        target = where.targets[0] if where.targets else ""
        found.append(
            Finding(
                code="BP107", cause="update-direction", severity="error",
                title=f"nothing is trained: the new value of {shown} is computed at every step, "
                "and kept nowhere",
                message=f"change the array in place (`{target} -= …`), or store the result"
                if target else "store the result",
                file=place.file.path, span=place.span, expression=place.text,
                evidence={"parameters": paths, "rule": "idle"}, confidence="proven",
                label=f"binds only the name `{target}`" if target else "computed and dropped",
            )
        )  # fmt: skip
    return found
