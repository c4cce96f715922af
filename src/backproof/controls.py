"""What branches decide: ``if margin > 0: grad += x`` depends on `margin`, though no data flows.

Where the statements of a branch stand is read from the source; which of them ran, and by which
evaluation of the test, from the order on the tape.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from backproof.carries import Carries
from backproof.source import SourceFile, Span
from backproof.trace.doubles import is_truth
from backproof.trace.site import SITES
from backproof.trace.tape import Tape

#: Statements that leave a block: what follows the branch that ends so is decided by it as well.
LEAVES = (ast.Continue, ast.Break, ast.Return, ast.Raise)

#: A file, and the number of a branch in it.
Branch = tuple[str, int]


def decided_dependence(
    tape: Tape, bits: dict[int, int], start: int, stop: int, carries: Carries
) -> dict[int, int]:
    """Return for each node the union of the `bits` of the nodes that it depends on.

    As `dependence`, but what a branch computes depends on its test as well. A test of what an old
    value has only been added to (``while t < end``) decides nothing, except beside another value:
    the bias of ``w @ x + b > 0``.
    """
    depends = dict(bits)
    tests: dict[Branch, dict[int, int]] = {}
    """The branch -> what the latest comparison at each site of its test depends on."""
    for operation in tape.operations[start:stop]:
        mask = 0
        for node in operation.inputs:
            mask |= depends.get(node, 0)
        within, under = _branches_of(operation.site)
        if within and mask and is_truth(tape.nodes[operation.out].obj):
            held = 0
            for arg in operation.args:
                for source in carries.of(arg):
                    held |= bits.get(source, 0)
            for branch in within:
                tests.setdefault(branch, {})[operation.site] = mask if mask & ~held else 0
        for branch in under:
            for decided in tests.get(branch, {}).values():
                mask |= decided
        if mask:
            depends[operation.out] = mask | depends.get(operation.out, 0)
    return depends


def decides(tape: Tape, olds: Iterable[int]) -> bool:
    """Whether a branch depends on old values: with others the program would run otherwise."""
    moving = tape.reach(olds)
    return any(
        operation.out in moving
        and is_truth(tape.nodes[operation.out].obj)
        and bool(_branches_of(operation.site)[0])
        for operation in tape.operations
    )


@lru_cache(maxsize=10_000)
def _branches_of(site: int) -> tuple[tuple[Branch, ...], tuple[Branch, ...]]:
    """Return the branches whose test a site belongs to, and those that it runs under."""
    file, span = SITES[site].file, SITES[site].span
    within, under = [], []
    for number, (test, blocks) in enumerate(_branches(file)):
        if test.contains(span):
            within.append((file.path, number))
        elif any(block.contains(span) for block in blocks):
            under.append((file.path, number))
    return tuple(within), tuple(under)


@lru_cache(maxsize=256)
def _branches(file: SourceFile) -> tuple[tuple[Span, tuple[Span, ...]], ...]:
    """Return the tests of a file, each with the blocks that it decides about."""
    try:
        tree = ast.parse(file.text)
    except SyntaxError:  # a cell with magic commands
        return ()
    return tuple(_found_in(file, tree))


def _found_in(file: SourceFile, tree: ast.AST) -> Iterator[tuple[Span, tuple[Span, ...]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.IfExp):
            yield file.span_of(node.test), (file.span_of(node.body), file.span_of(node.orelse))
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if not isinstance(block, list):
                continue
            for position, statement in enumerate(block):
                if isinstance(statement, (ast.If, ast.While)):
                    decided = [statement.body, statement.orelse]
                    if isinstance(statement.body[-1], LEAVES):
                        decided.append(block[position + 1 :])
                    for test in (statement.test, *_named_before(statement.test, block[:position])):
                        yield file.span_of(test), tuple(_spans(file, decided))


def _named_before(test: ast.expr, before: Sequence[ast.stmt]) -> Iterator[ast.expr]:
    """Yield what the names of a test stand for: ``inside = y * f(x) >= 1`` above ``if inside:``."""
    names = {n.id for n in ast.walk(test) if isinstance(n, ast.Name)}
    for statement in before:
        if isinstance(statement, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id in names for target in statement.targets
        ):
            yield statement.value


def _spans(file: SourceFile, blocks: Sequence[Sequence[ast.stmt]]) -> Iterator[Span]:
    for block in blocks:
        if block:
            yield file.span_of(block[0]).until(file.span_of(block[-1]))
