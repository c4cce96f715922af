"""A value that is right for what it is called, and used where another one is meant.

``d_r2 = dz3 @ W3.T`` is what comes back to `r2`; if its derivative is missing, that is so where
`d_r2` is used as what comes back to the value before the activation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from backproof.checks.claims import called
from backproof.trace.site import SITES, Site
from backproof.trace.tape import Operation, Tape

#: What stands before and behind the name of a value in that of its cotangent.
BEFORE = re.compile(r"^(d|g|grad|grads|gradient|delta|err|error)_?(?=.)", re.I)
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
