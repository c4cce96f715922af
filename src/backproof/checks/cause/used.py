"""A value that is right for what it is called, and used where another one is meant.

``d_r2 = dz3 @ W3.T`` is what comes back to `r2`; if its derivative is missing, that is so where
`d_r2` is used as what comes back to the value before the activation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from backproof.checks.claims import called
from backproof.checks.found import is_same
from backproof.checks.search import StepSearch
from backproof.trace.site import SITES, Site
from backproof.trace.tape import Operation, Tape

#: Relative difference of a slope and of what a saturated unit makes of ``a * (1 - a)``.
EXACT = 1e-5
#: What stands before and behind the name of a value in that of its cotangent.
BEFORE = re.compile(r"^(gradient|grads|grad|delta|error|err|d|g)_?(?=.)", re.I)
BEHIND = re.compile(r"_?(grad|gradient|delta|err|error|bar)$", re.I)


def used_at(tape: Tape, operations: Sequence[Operation], derived: int | None) -> Site | None:
    """Return where a value is used that has the name of the cotangent of `derived`."""
    if derived is None or len(operations) != 1:
        return None
    (operation,) = operations
    where = operation.where
    if not (where.is_value and len(where.targets) == 1):
        return None
    own = _plain(BEHIND.sub("", BEFORE.sub("", _last(where.targets[0]))))
    if not own or own not in {_plain(_last(name)) for name in called(tape, derived)}:
        return None
    sites = {_user(tape, operation, tape.operations[i]) for i in tape.users[operation.out]}
    return sites.pop() if len(sites) == 1 else None


def used_after(
    search: StepSearch, operations: Sequence[Operation], derived: int | None
) -> Site | None:
    """Return what reads a value after the missing derivative was computed, which nothing reads.

    What stands before that derivative could not have multiplied by it.
    """
    tape, run = search.tape, search.run
    slope = None if derived is None else search.scope.slopes.of(derived)
    if slope is None or len(operations) != 1:
        return None
    (operation,) = operations
    users = [tape.operations[i] for i in tape.users[operation.out]]
    computed = [
        o.event for o in tape.operations[operation.index + 1 :]
        if not tape.users[o.out] and is_same(run.env[o.out], slope, EXACT)
    ]  # fmt: skip
    after = [o for o in users if any(event < o.event for event in computed)]
    return after[0].where if len(users) == len(after) == 1 else None


def is_gradient_of(name: str, other: str) -> bool:
    """Whether a name is that of another one's gradient: ``dw1``, ``w1_grad``, ``dloss_dw1``."""
    stems = {BEFORE.sub("", name), BEHIND.sub("", name), re.sub(r"^d\w*_d_?(?=.)", "", name)}
    return _plain(other) in {_plain(stem) for stem in stems - {name}}


def _last(name: str) -> str:
    """Return the name of an attribute or a constant key alone: ``cache["A1"]``."""
    return re.sub(r"""^.*(\.|\[['"])|['"]?\]$""", "", name)


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _user(tape: Tape, maker: Operation, user: Operation) -> Site:
    """Return the expression beside a maker that reads its value: a call, or the user itself."""
    own, chain = tape.chains()[maker.index], tape.chains()[user.index]
    if len(chain) > len(own) and chain[: len(own)] == own:
        return SITES[tape.calls[chain[len(own)]][1]]
    return user.where
