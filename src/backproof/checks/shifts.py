"""Biases by what the forward pass does with them, whatever their name: ``W @ x + schwelle``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from backproof.arithmetic import ADD, PRODUCTS, is_in, keeps
from backproof.checks.leaves import whole_of
from backproof.checks.siblings import Kept
from backproof.joins import VIEWS
from backproof.trace.tape import Operation

if TYPE_CHECKING:
    from backproof.checks.neglect import Step

#: Terms of a sum that are looked through.
MOST_TERMS = 40


def shifted(step: Step, node: int, path: str) -> list[str]:
    """Return the trained weights to whose products the forward pass adds a leaf, as a bias.

    A leaf that is used in any other way, as data and states are, is none; nor is one that has not
    the size of a layer, as what is known of each sample. A single number may be a constant: the
    mean of all ratings. Each unit of a layer has a bias of its own.
    """
    tape = step.tape
    size = np.size(tape.nodes[node].obj)
    found: list[str] = []
    for index in _uses(step, node):
        operation = tape.operations[index]
        if not is_in(operation.function, ADD) or len(operation.inputs) != 2:
            return []
        for term in _terms(step, operation):
            for update in step.updates:
                name = step.names.path(tape.nodes[update.new].obj)
                sizes = np.shape(tape.nodes[update.old].obj) or (1,)
                if name is not None and size in sizes and _is_product(step, term, update.old):
                    found.append(name)
    if found and size == 1 and not _has_fellows(step, path):
        return []
    return list(dict.fromkeys(found))


def joins_trained(step: Step, node: int) -> bool:
    """Whether a leaf is added to a product with trained weights."""
    tape, olds = step.tape, {update.old for update in step.updates}
    sums = (tape.operations[i] for i in tape.users[node])
    terms = (n for o in sums if is_in(o.function, ADD) for n in o.inputs)
    return any(
        (made := tape.producer(n)) is not None and is_in(made.function, PRODUCTS)
        and not olds.isdisjoint(made.inputs)
        for n in terms
    )  # fmt: skip


def _has_fellows(step: Step, path: str) -> bool:
    """Whether other leaves, that no update reaches either, differ in numbers only by their path."""
    signature = Kept.at(path).signature
    paths = (step.names.path(step.tape.nodes[n].obj) for n in step.truths)
    return sum(p is not None and Kept.at(p).signature == signature for p in paths) > 1


def _uses(step: Step, node: int) -> Iterator[int]:
    """Yield the operations of the forward pass that compute with a leaf or a part of it."""
    for index in step.tape.users[node]:
        operation = step.tape.operations[index]
        if operation.out not in step.forward:
            continue
        if operation.function in VIEWS or keeps(operation):
            yield from _uses(step, operation.out)
        else:
            yield index


def _terms(step: Step, operation: Operation) -> Iterator[int]:
    """Yield what a sum adds up, through the sums in it and those that it is added to."""
    stack, seen = [operation], {operation.index}
    while stack:
        one = stack.pop()
        yield from one.inputs
        near = [step.tape.producer(n) for n in one.inputs]
        near += [step.tape.operations[i] for i in step.tape.users[one.out]]
        for other in near:
            if other is None or other.index in seen or len(seen) >= MOST_TERMS:
                continue
            if is_in(other.function, ADD) and other.out in step.forward:
                seen.add(other.index)
                stack.append(other)


def _is_product(step: Step, node: int, old: int) -> bool:
    """Whether a value is a product with a parameter, or with a part of it."""
    made = step.tape.producer(node)
    if made is None or not is_in(made.function, PRODUCTS):
        return False
    return any(whole_of(step.tape, given) == old for given in made.inputs)
