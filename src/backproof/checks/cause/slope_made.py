"""A slope that a function of the program gives wrongly, wherever it is called: its line there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backproof.checks.edits.slopes import factors
from backproof.checks.found import Found, is_same
from backproof.checks.search import NAMED, StepSearch
from backproof.trace.primitives import set_item
from backproof.trace.site import Site
from backproof.trace.tape import Operation, Ref


def slope_made(search: StepSearch, found: Found) -> Site | None:
    """Return the expression that makes what an edit puts a slope in the place of.

    ``delta * sigmoid_prime(a)`` is right where `sigmoid_prime` returns ``1 - a``: at fault is that
    line, unless the function is right elsewhere, or is one that the forward pass applies. Where
    each layer has a function of its own, it is the one that is wrong.
    """
    tape = search.tape
    made = [o for o in replaced(search, found) if not is_right_slope(search, o.out)]
    if len({maker.site for maker in made}) != 1:
        return None
    where = made[0].where
    users = {tape.operations[index].where.function for index in found.edited}
    if where.function in users or where.function == "<module>":
        return None
    others = [o for o in tape.operations if o.site == made[0].site]
    if any(o.out in search.forward | search.sound or is_right_slope(search, o.out) for o in others):
        return None
    return where


def stored_at(search: StepSearch, found: Found) -> Site | None:
    """Return the store that makes a wrong slope of values: ``Z[Z > 0] = 2``, ``Z[Z > 1] = 1``.

    The one that puts in what no slope of a rectifier is; where entries are left as they were, the
    first, which should have met them.
    """
    tape = search.tape
    made = replaced(search, found)
    last = made[0] if made else None
    stores: list[Operation] = []
    while last is not None and last.mutates and last.function is set_item:
        stores.insert(0, last)
        before = last.args[0]
        last = tape.producer(before.node) if type(before) is Ref else None
    if len(stores) < 2:
        return None
    odd = [o for o in stores if not isinstance(o.args[-1], Ref) and o.args[-1] not in (0, 1)]
    if len(odd) == 1:
        return odd[0].where
    values = np.asarray(tape.value(stores[-1].out))
    return stores[0].where if np.any((values != 0) & (values != 1)) else None


def at_its_call(search: StepSearch, found: Found, wrong: Sequence[int]) -> Found | None:
    """Return the exchange of an argument that makes a helper's derivative the right one."""
    made = replaced(search, found)
    if not made and found.edit.is_slope and found.edit.cause == "wrong-derivative":
        made = [search.tape.operations[index] for index in found.edited]  # the helper's own line
    other = search.at_calls(wrong, made[0]) if made else None
    if other is None or other.price >= NAMED:
        return None
    return other if set(other.repaired) >= set(found.repaired) else None


def replaced(search: StepSearch, found: Found) -> list[Operation]:
    """Return what makes the factor that each execution has another slope in the place of."""
    if not found.edit.is_slope or found.edit.cause != "wrong-derivative":
        return []
    makers = [
        _replaced(search, search.tape.operations[index], edited)
        for index, edited in found.edited.items()
    ]  # fmt: skip
    made = [maker for maker in makers if maker is not None]
    return made if len(made) == len(makers) else []


def _replaced(search: StepSearch, operation: Operation, edited: Operation) -> Operation | None:
    """Return what makes the one factor of a product that an edit drops."""
    leaves = [leaf.node for leaf in factors(operation, search.scope) if type(leaf) is Ref]
    dropped = [node for node in leaves if node not in edited.inputs]
    return search.tape.producer(dropped[0]) if len(dropped) == 1 < len(leaves) else None


def is_right_slope(search: StepSearch, node: int) -> bool:
    """Whether a value is the slope of the function whose value it is computed from."""
    value = search.run.env[node]
    return any(is_same(slope, value) for slope in search.scope.slopes.gives(node))
