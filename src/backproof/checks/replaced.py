"""Values that are set to their step (BP104): ``b = -rate * db`` for ``b -= rate * db``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from backproof.arithmetic import ADD, MULTIPLY, SUBTRACT, is_in
from backproof.calculus.adjoint import is_differentiable
from backproof.carries import carries_of
from backproof.checks.pairs import GRADIENT
from backproof.checks.places import final_names
from backproof.checks.untrained import Untrained
from backproof.trace import primitives
from backproof.trace.operations import map_refs
from backproof.trace.site import SITES, Site
from backproof.trace.tape import Operation, Ref, Tape

if TYPE_CHECKING:
    from backproof.checks.neglect import Step


def replaced(step: Step) -> Iterator[Untrained]:
    """Yield the values of a step that become what the others are moved by."""
    yield from _by_another_name(step)
    yield from _rows(step)
    tape, names = step.tape, step.names
    gone = [n for n in step.truths if names.path(tape.nodes[n].obj) is None]
    if not gone:
        return
    rates, all_rates = step.rates(), step.rates(with_gradients=True)
    params = step.evidence.params
    lists = {names.container(tape.nodes[n].obj) for p in params for n in p.new}
    carries = carries_of(tape)
    moving = tape.reach(n for p in params for n in p.old)
    called = _called(step, gone)
    for operation in tape.operations:
        if operation.out in carries.merged or operation.out in step.forward:
            continue
        if operation.out not in moving:
            continue  # a step depends on the parameters; a rate does not
        value, where = step.run.env[operation.out], operation.where
        obj = tape.nodes[operation.out].obj
        kept = names.path(obj) if is_differentiable(value) else None
        if kept is not None:
            if kept in step.merges or GRADIENT.match(_last(kept)):
                continue  # (`d_w8` may be read by nothing)
            if not (where.is_value or step.family.twins(kept) or step.family.partners(kept)):
                continue
        # A gradient itself may be kept anywhere, but not among the numbers of a list of weights.
        among = type(obj) is float and names.container(obj) in lists
        among = among and kept is not None and kept[-2:-1].isdigit()
        # Of a step that is judged after later ones, the new value has been replaced as well.
        name = kept or (where.targets[0] if where.is_value and len(where.targets) == 1 else "")
        for node in gone if kept else called.get(_last(name), ()):
            truth = step.truths[node]
            own = among or _is_read_by_name(tape, node, where)
            signs = [
                sign for rate in (all_rates if own else rates) for sign in (1.0, -1.0)
                for moving in (operation.out, *_beside_a_number(tape, operation))
                if truth.size == np.size(value) and step.is_multiple(moving, truth, sign * rate)
            ]  # fmt: skip
            if signs:
                found = step.untrained_value(name, "replaced", where, obj, truth)
                yield replace(found, meant=moved(where, signs[0]))
                break


def _by_another_name(step: Step) -> Iterator[Untrained]:
    """Yield what a statement sets to its velocity: ``W = v`` for ``W += v``.

    From the second step on both names have one object, that keeps a share of itself: the momentum.
    """
    tape, fit = step.tape, step.fit
    for index in fit.chosen:
        parameter, truth = step.evidence.params[index], fit.matches[index].truth
        for update, kept in zip(parameter.updates, parameter.decay, strict=False):
            if kept >= 1 or truth is None or np.size(truth) < 2:
                continue  # of one number: half of it is kept by a bisection, too
            passed = {SITES[i] for _, i in tape.flows.get(update.new, ())}
            users = [tape.operations[i] for i in tape.users[update.old]]
            read = {n for o in users if o.out in step.forward for n in _names(o.where)}
            scaled = {n for o in users if is_in(o.function, MULTIPLY) for n in _names(o.where)}
            for site in passed:
                name = final_names(site.targets[0])[:1] if len(site.targets) == 1 else []
                if name and name[0] in read - scaled:
                    obj = tape.nodes[update.new].obj
                    target = site.targets[0]
                    found = step.untrained_value(target, "replaced", site, obj, truth)
                    yield replace(found, meant=f"{target} += {site.text}")


def _rows(step: Step) -> Iterator[Untrained]:
    """Yield the entries of an array that become their step: ``Q[i] = η * (e * p - λ * Q[i])``."""
    tape, env = step.tape, step.run.env
    ways = {(rate, 0.0) for rate in step.rates()}
    for match in step.fit.matches:
        ways |= {(rate, decay) for level, rate, decay in match.penalties if level == -1}
    for operation in tape.operations:
        if operation.function is not primitives.set_item:
            continue
        whole, key, value = operation.args
        made = tape.producer(value.node) if type(value) is Ref else None
        if type(whole) is not Ref or made is None or not made.where.is_value:
            continue
        truth, old, moving = step.truths.get(whole.node), env[whole.node], env[made.out]
        if truth is None or old is None or not is_differentiable(moving):
            continue
        places = _places(np.shape(old), map_refs(key, lambda ref: env[ref.node]))
        if places is None or np.size(moving) != places.size or np.delete(truth, places).any():
            continue
        old, change = np.asarray(old, float).reshape(-1)[places], np.asarray(moving, float)
        for rate, decay in ways:
            wanted = rate * (truth[places] + decay * old)
            if np.any(wanted) and np.allclose(change.reshape(-1), wanted, rtol=1e-7, atol=0.0):
                target, obj = made.where.targets[0], tape.nodes[whole.node].obj
                found = step.untrained_value(target, "replaced", made.where, obj, truth)
                yield replace(found, meant=moved(made.where, 1.0))
                break


def _places(shape: tuple[int, ...], key: Any) -> Any:
    """Return the flat places of what an index shows of an array, None where there is no such."""
    try:
        return np.arange(int(np.prod(shape))).reshape(shape)[key].reshape(-1)
    except (IndexError, TypeError, ValueError):
        return None


def _names(where: Site) -> list[str]:
    return [name for text in where.operands for name in final_names(text)]


def _beside_a_number(tape: Tape, operation: Operation) -> list[int]:
    """Return what a number stands beside, where its old value is lost: ``(1 - η·λ) - η·dw``."""
    if not is_in(operation.function, ADD | SUBTRACT) or len(operation.args) != 2:
        return []
    sizes = [np.size(tape.nodes[a.node].obj) if type(a) is Ref else 1 for a in operation.args]
    return [
        a.node for a, beside in zip(operation.args, sizes[::-1], strict=True)
        if type(a) is Ref and beside == 1 < np.size(tape.nodes[a.node].obj)
    ]  # fmt: skip


def _called(step: Step, nodes: Iterable[int]) -> dict[str, list[int]]:
    """Return the arrays that are gone by the names by which the cost read them."""
    tape, found = step.tape, dict[str, list[int]]()
    for node in nodes:
        if np.ndim(tape.nodes[node].obj):
            users = (tape.operations[i] for i in tape.users[node])
            texts = {t for o in users if o.out in step.forward for t in o.where.operands}
            for name in {_last(text) for text in texts} - {""}:
                found.setdefault(name, []).append(node)
    return found


def _last(text: str) -> str:
    """Return the name at the end of a path: ``weights`` of ``layer.weights``."""
    names = final_names(text)
    return names[0] if names and text.endswith(names[0]) else ""


def _is_read_by_name(tape: Tape, node: int, where: Site) -> bool:
    """Whether an old value is read from the list that an assignment puts another in."""
    if not where.is_value or len(where.targets) != 1 or not where.targets[0].endswith("]"):
        return False
    kept = where.targets[0].partition("[")[0]
    texts = {t for i in tape.users[node] for t in tape.operations[i].where.operands}
    return any(text.endswith("]") and text.partition("[")[0] == kept for text in texts)


def moved(where: Site, sign: float) -> str:
    """Return the assignment with the old value in it, where it is the program's own statement.

    `sign` is that of what is added.
    """
    if not where.is_value or len(where.targets) != 1:
        return ""
    return f"{where.targets[0]} {'+' if sign > 0 else '-'}= {where.text}"
