"""A run in which no parameter moves: every step is computed and none is kept (BP107).

``for p, g in zip(params, grads): p = p - lr * g`` binds a new array to the loop's name;
``update(params, grads)`` without ``params =`` drops what the function returns.
"""

from __future__ import annotations

import re
from typing import Any

from backproof.checks.places import statement_of
from backproof.finding import Finding
from backproof.trace.site import SITES, Site
from backproof.trace.tape import Operation, Tape
from backproof.updates import find_updates

#: Times that the same step must have been computed of the same old value.
OFTEN = 2
#: What a function hands back.
RETURN = re.compile(r"^\s*return\b(.*)$", re.M)


def unmoved(tape: Tape, names: Any) -> list[Finding]:
    """Find steps of values that stay as they are, in a recording without any update."""
    groups: dict[int, tuple[Site, list[str]]] = {}
    calls: dict[int, tuple[Site, list[str]]] = {}
    for update in find_updates(tape, 0, len(tape.operations)):
        old = tape.nodes[update.old].obj
        path = names.path(old)
        site = tape.operations[update.merges[-1][0]].site
        steps = [
            tape.operations[i] for i in tape.users[update.old] if tape.operations[i].site == site
        ]  # fmt: skip
        lost = [
            o for o in steps if not o.mutates and not tape.users[o.out] and not _is_stored(o.where)
        ]
        if len(lost) == len(steps) >= OFTEN:
            operands = lost[0].where.operands
            name = path or (operands[0] if operands else lost[0].where.text)
            call = _dropping(tape, lost[0])
            found, where = (groups, lost[0].where) if call is None else (calls, call)
            shown = found.setdefault(where.index, (where, []))[1]
            if name not in shown:
                shown.append(name)
    return [
        *(_finding(where, paths, returned=True) for where, paths in calls.values()),
        *(_finding(where, paths, returned=False) for where, paths in groups.values()),
    ]


def _is_stored(where: Site) -> bool:
    """Whether a value is put into an attribute or an item: what reads it may be no NumPy."""
    return where.is_value and any(not target.isidentifier() for target in where.targets)


def _dropping(tape: Tape, lost: Operation) -> Site | None:
    """Return the call whose result holds a new value and is not kept, if there is one."""
    chain, targets = tape.chains()[lost.index], lost.where.targets
    if not chain or chain[-1] < 0 or not targets:
        return None
    call, text = SITES[tape.calls[chain[-1]][1]], lost.where.file.text
    if call.file.slice(call.statement).strip() != call.text:
        return None
    returned = " ".join(RETURN.findall(text))
    return call if re.search(rf"(?<![\w.]){re.escape(targets[0])}\b", returned) else None


def _finding(where: Site, paths: list[str], *, returned: bool) -> Finding:
    count, place = len(paths), statement_of(where)
    shown = ", ".join(f"`{p}`" for p in paths[:4]) + (" …" if count > 4 else "")
    target = where.targets[0] if where.targets and not returned else ""
    return Finding(
        code="BP107", cause="update-direction", severity="error",
        title=f"nothing is trained: the new value of {shown} is computed at every step, "
        "and kept nowhere",
        message=f"change the array in place (`{target} -= …`), or store the result"
        if target else "store the result",
        file=place.file.path, span=place.span, expression=place.text,
        evidence={"parameters": paths, "rule": "idle"}, confidence="proven",
        label="what this returns is dropped" if returned
        else f"binds only the name `{target}`" if target else "computed and dropped",
    )  # fmt: skip
