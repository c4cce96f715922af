"""A tape looked through and computed again by parts says what the whole of it says."""

from __future__ import annotations

import operator

import numpy as np

from backproof.calculus.adjoint import adjoints
from backproof.calculus.rules import pullback
from backproof.trace.appended import append
from backproof.trace.event import Event
from backproof.trace.tape import Ref, Run, Tape, build

RNG = np.random.default_rng(3)


def windows_of_an_image() -> tuple[Tape, list[int]]:
    """The steps of a loop over pixels: windows of one image, weighed and added up."""
    image, kernel, total = RNG.normal(size=(6, 6)), RNG.normal(size=(2, 2)), 0.0
    noise = RNG.normal(size=(6, 6))
    log: list[Event] = []

    def record(function, *args):
        out = function(*args)
        log.append((0, function, args, {}, out, None))
        return out

    for i in range(4):
        for j in range(4):
            window = record(operator.getitem, image, (slice(i, i + 2), slice(j, j + 2)))
            corner = record(operator.getitem, image, (i, j))
            part = record(np.sum, record(operator.mul, window, kernel))
            total = record(operator.add, total, record(operator.mul, part, corner))
    whole = record(np.sum, record(operator.add, image, noise))
    total = record(operator.add, total, whole)
    tape = build(log, 0, len(log))
    return tape, [tape.last[id(x)] for x in (image, kernel, total)]


def naive_reach(tape: Tape, start: set[int], stop: set[int]) -> set[int]:
    found = set(start)
    for operation in tape.operations:
        if any(n in found and n not in stop for n in operation.inputs):
            found.add(operation.out)
    return found


def test_reach_and_ancestors_are_each_other_turned_round():
    tape, (_, _, total) = windows_of_an_image()
    nodes = range(len(tape.nodes))
    for node in nodes:
        assert tape.reach([node]) == naive_reach(tape, {node}, set())
        stop = set(RNG.choice(len(tape.nodes), 5).tolist())
        assert tape.reach([node], stop) == naive_reach(tape, {node}, stop)
        before = tape.ancestors([node])
        assert before == {n for n in nodes if node in tape.reach([n])}
        assert tape.leads_to(node, [total]) == (node in tape.ancestors([total]))
        within = tape.reach([tape.operations[20].out])
        assert tape.ancestors([node], within=within) == before & within


def test_what_is_put_at_the_end_is_looked_through():
    tape, (image, _, total) = windows_of_an_image()
    assert tape.users[total] == []
    tape.ancestors([total])
    node = append(tape, operator.mul, (Ref(total), Ref(total)), tape.operations[-1].site)
    assert tape.operations[tape.users[total][0]].out == node
    assert image in tape.ancestors([node])
    assert node in tape.reach([image])


def test_a_part_is_computed_again_as_the_whole_is():
    tape, (image, kernel, _) = windows_of_an_image()
    base = tape.replay(double=True)
    for node in (image, kernel, tape.operations[-5].out):
        value = np.asarray(base.env[node]) + 1.0
        whole = tape.replay(double=True, base=base, replace={node: value})
        part = tape.replay(double=True, base=base, replace={node: value}, dirty=tape.reach([node]))
        assert all(map(np.array_equal, part.env, whole.env))


def swept(tape: Tape, run: Run, seed: int) -> dict[int, np.ndarray]:
    """The adjoints by the rules alone, each cotangent in an array of its own."""
    bar: dict[int, np.ndarray] = {seed: np.asarray(1.0)}
    for operation in reversed(tape.operations):
        if operation.out not in bar:
            continue
        args = tuple(run.env[a.node] if type(a) is Ref else a for a in operation.args)
        refs = [((i,), a.node) for i, a in enumerate(operation.args) if type(a) is Ref]
        out, g = run.env[operation.out], bar[operation.out]
        pulled = pullback(operation.function, args, {}, out, g, [path for path, _ in refs])
        for (_, node), cotangent in zip(refs, pulled, strict=True):
            bar[node] = bar.get(node, 0.0) + np.asarray(cotangent)
    return bar


def test_windows_of_one_array_give_back_what_the_rules_say():
    tape, (image, kernel, total) = windows_of_an_image()
    run = tape.replay(double=True)
    found, meant = adjoints(tape, run, {total: 1.0}).of, swept(tape, run, total)
    for node in (image, kernel):
        np.testing.assert_allclose(found[node], meant[node], rtol=1e-12)
    assert all(np.allclose(found[n], g) for n, g in meant.items())
    # What a sweep adds to is its own: another one begins from nothing.
    np.testing.assert_array_equal(adjoints(tape, run, {total: 1.0}).of[image], found[image])


def test_memory_is_restored_in_any_order():
    x = np.zeros(5)
    log: list[Event] = []
    for i in range(5):
        log.append((0, operator.getitem, (x, i), {}, x[i], None))
        old, x[i] = x[i], float(i + 1)
        log.append((0, operator.setitem, (x, i, x[i]), {}, None, (x, i, old)))
    tape = build(log, 0, len(log))
    stores = [o.out for o in tape.operations if o.mutates]
    assert len(stores) == len(x)
    meant = [[float(j + 1) if j <= i else 0.0 for j in range(5)] for i in range(len(stores))]
    for order in (range(5), range(4, -1, -1), (2, 4, 0, 3, 1)):
        tape._values.clear()
        assert all(list(tape.value(stores[i])) == meant[i] for i in order)
