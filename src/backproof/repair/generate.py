"""All candidates for a finding: from the blamed statement outwards."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import replace

from backproof.finding import Finding
from backproof.repair.averages import averages
from backproof.repair.candidate import (
    Candidate,
    Change,
    Code,
    Statement,
    targets_of,
    value_of,
)
from backproof.repair.copies import copies
from backproof.repair.expressions import changes, wholes
from backproof.repair.forms import forms
from backproof.repair.missing import absent, lost_biases, missing_updates, unmultiplied
from backproof.repair.names import atoms, enclosing
from backproof.repair.offers import bracketed, derivatives
from backproof.repair.penalties import entries
from backproof.repair.resets import resets
from backproof.repair.returned import handed_back, kept, put_back
from backproof.repair.statements import added, moves, siblings, stores, swaps
from backproof.repair.through import through
from backproof.repair.told import Told, is_called, named
from backproof.repair.turned import turned
from backproof.repair.twins import odd_ones
from backproof.repair.unread import unread
from backproof.repair.zeroed import zeroed
from backproof.source import Edit

#: What each statement further away costs.
FAR = 0.12
NEAR = 14
#: What it is worth to be at the very statement that is blamed.
BLAMED = 0.3
#: What a derivative costs where the diagnosis blames the statement that made what stands there.
ELSEWHERE = 1.4
#: What it is worth that a statement is proven to change what is read later.
PROVEN = 0.8
MOST_SUSPECTS = 16
#: The likeliest of them, whose operands' names are looked at.
LIKELY = 6
ALIASES = ast.Subscript | ast.Name | ast.Attribute
#: What it is worth that a statement can be at fault by what depends on it.
SUSPECT = 0.4
"""Statements around a finding whose edits are proposed."""
_DERIVATIVE = re.compile(r"`([^`]+)` stands where the derivative of `([^`]+)` belongs")
_FUNCTION = re.compile(r"`([^`]+)` stands where `(\w+)\(\1\)` is meant")
_CHANGED = re.compile(r"`([^`]+)` was changed before")


def neighbourhood(
    code: Code, findings: list[Finding], formed: dict[str, int],
    suspects: Collection[int] = (), faulty: Collection[int] = (),
) -> list[Statement]:  # fmt: skip
    """Return the statements that a fault may lie in, the blamed first.

    Parameters
    ----------
    formed : dict of parameter to line
        Where wrong gradients are formed.
    suspects : collection of lines
        What all wrong gradients depend on, and no right one.
    """
    queue = blamed_in(code, findings, faulty)

    def add(statement: Statement | None) -> None:
        if statement is not None and statement not in queue:
            queue.append(statement)

    for statement in changed_early(code, findings):
        add(statement)
    known = len(queue) if findings and findings[0].cause == "mutated-value" else 1
    for finding in findings:
        for related in finding.related:
            if related.file == code.file.path and related.role != "consequence":
                add(code.statement_at(related.span.line, related.span.column))
    for finding in findings[:1]:
        names = finding.evidence.get("parameters", ())
        for name in names[:4]:
            add(code.statement_at(formed.get(name, 0)))
    blamed = list(queue)
    for statement in blamed:
        for called in _called(code, statement):
            for inner in called.body:
                for node in ast.walk(inner):
                    if isinstance(node, ast.Return | ast.Assign | ast.AugAssign):
                        add(node)
    for statement in blamed:
        for loop in code.loops_around(statement)[::-1]:
            add(loop)
        block = code.block_of(statement)
        at = block.index(statement)
        reads = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)}
        around = code.function_of(statement)
        for other in ast.walk(around):
            if isinstance(other, ast.Assign | ast.AugAssign):
                stored = {t.id for t in targets_of(other) if isinstance(t, ast.Name)}
                if stored & reads and other.lineno <= statement.lineno:
                    add(other)
        for distance in range(1, 7):
            for index in (at - distance, at + distance):
                if 0 <= index < len(block):
                    add(block[index])
    for finding in findings:
        for related in finding.related:
            if related.file == code.file.path and related.role == "consequence":
                add(code.statement_at(related.span.line, related.span.column))
    blamed_lines = {s.lineno for s in blamed}
    ideal = [s for s in map(code.statement_at, sorted(suspects, reverse=True)) if s is not None]
    if not ideal:
        return queue[:NEAR]
    # The lines that can be at fault by what depends on them, those near to the blame first.
    # What only takes an element from a list is no operation: nothing depends on it.
    taken = [s for one in (*queue[:known], *ideal[:LIKELY]) for s in _taken_before(code, one)]
    taken += [s for one in queue[:known] for s in code.once(odd_ones, code.function_of(one))]
    taken += [s for one in ideal for s in code.once(unread, code.function_of(one))]
    near = {id(s): i for i, s in enumerate(queue)}
    ideal.sort(key=lambda s: near.get(id(s), NEAR + min(abs(s.lineno - b) for b in blamed_lines)
                                      if blamed_lines else NEAR))  # fmt: skip
    return list(dict.fromkeys([*queue[:known], *taken, *ideal[:MOST_SUSPECTS], *queue[:NEAR]]))


def _taken_before(code: Code, statement: Statement) -> list[Statement]:
    """Return the statements before one that only name what it reads: ``z = zs[-l]``, ``d = dh``."""
    block = code.block_of(statement)
    reads = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)}
    found: list[Statement] = []
    for other in reversed(block[: block.index(statement)]):
        names = {t.id for t in targets_of(other) if isinstance(t, ast.Name)}
        if isinstance(other, ast.Assign) and isinstance(other.value, ALIASES):
            found += [other] if names & reads else []
        reads -= names
    return found


def changed_early(code: Code, findings: list[Finding]) -> list[Statement]:
    """Return the statements that change a value before it is read, as a diagnosis names them."""
    places: list[tuple[int, int]] = []
    for finding in findings[:1]:
        if finding.cause != "mutated-value":
            continue
        places += [
            (r.span.line, r.span.column) for r in finding.related
            if r.role in ("overwrite", "write") and r.file == code.file.path
        ]  # fmt: skip
        said = set(_CHANGED.findall(f"{finding.title} {finding.message}"))
        near = code.function_of(code.statement_at(finding.span.line) or code.tree)
        places += [
            (s.lineno, s.col_offset + 1) for s in ast.walk(near)
            if isinstance(s, ast.AugAssign | ast.Assign) and code.text(s) in said
        ]  # fmt: skip
    found = [code.statement_at(*place) for place in places]
    return list(dict.fromkeys(s for s in found if s is not None))


def blamed_in(code: Code, findings: list[Finding], faulty: Collection[int] = ()) -> list[Statement]:
    """Return the statements of a file that are blamed, and those on `faulty` lines."""
    found = [
        code.statement_at(finding.span.line, finding.span.column)
        for finding in findings if finding.file == code.file.path
    ]  # fmt: skip
    found += [code.statement_at(line) for line in faulty]
    return list(dict.fromkeys(statement for statement in found if statement is not None))


def _called(code: Code, statement: Statement) -> list[ast.FunctionDef]:
    """Return the file's functions that a statement names."""
    names = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)}
    names |= {n.attr for n in ast.walk(statement) if isinstance(n, ast.Attribute)}
    return [
        node for node in code.nodes
        if isinstance(node, ast.FunctionDef) and node.name in names
    ]  # fmt: skip


def propose(
    code: Code, findings: list[Finding], untrained: list[str], formed: dict[str, int],
    suspects: Collection[int] = (), faulty: Collection[int] = (), *, only: bool = False,
) -> Iterator[Candidate]:  # fmt: skip
    """Yield candidates, each with its price.

    Parameters
    ----------
    formed : dict of parameter to line
        Where wrong gradients are formed.
    untrained : list of str
        Parameters that the program does not update.
    suspects : collection of lines
        What all wrong gradients depend on, and no right one.
    faulty : collection of lines
        Where a value, replaced by the true one, makes all gradients right.
    only : bool
        Only edits of what is blamed.
    """
    first = findings[0] if findings else None
    told = None if first is None else Told.of(first)
    statements = (
        blamed_in(code, findings, faulty)
        if only
        else neighbourhood(code, findings, formed, suspects, faulty)
    )
    if first is not None and first.of_optimiser:
        for statement in blamed_in(code, [first]):
            yield from averages(code, statement, first)
        return
    for distance, statement in enumerate(statements):
        for candidate in _of_statement(code, statement, findings, distance):
            bonus = SUSPECT if not suspects or suspected(candidate, suspects) else 0.0
            price = candidate.price + (FAR * distance if distance else -BLAMED) - bonus
            if first is not None and told is not None and distance <= 8:
                if candidate.cause == first.cause:
                    price -= 0.35 if distance == 0 else 0.15
                price -= named(code, told, candidate) * (1.0 if distance == 0 else 0.7)
            yield replace(candidate, price=price)
    if first is not None and first.cause == "mutated-value":
        for candidate in copies(code, first, changed_early(code, findings)):
            yield replace(candidate, price=candidate.price - PROVEN)
    if not only:
        yield from missing_updates(code, untrained)
        for finding in findings:
            if finding.code == "BP109" and finding.cause == "missing-term":
                yield from lost_biases(code, finding)


def suspected(candidate: Candidate, suspects: Collection[int]) -> bool:
    """Whether an edit is on a line of the suspects: of a table of functions each has its own."""
    places = [edit.span for edit in candidate.edits]
    return any(p.line <= line <= p.end_line for p in places for line in suspects)


def _of_statement(
    code: Code, statement: Statement, findings: list[Finding], distance: int
) -> Iterator[Candidate]:
    root = value_of(statement)
    span = code.span(statement)
    if root is not None:
        values = atoms(code, statement)
        # A function is not given what its body does not name yet: that cannot be evaluated there.
        unseen = [
            re.compile(rf"(?<![\w.]){re.escape(name)}(?!\w)") for name in enclosing(code, statement)
        ]
        seen: set[str] = set()
        own = code.text(root)
        near = distance < 3
        proposals = [changes(code, root, values), forms(code, root, values, near=near)]
        if distance < 3 and findings:
            proposals.insert(0, _told(code, root, findings[0]))
            proposals.insert(0, _slope_of(code, root, findings[0]))
            proposals.insert(0, _function_of(code, root, findings[0]))
            proposals.insert(0, through(code, root, findings[0], values))
        stored = isinstance(statement, ast.Assign | ast.AugAssign | ast.Return | ast.Expr)
        if stored and distance < 8:
            proposals.append(wholes(code, root, values))
        for proposal in proposals:
            for node, text, cause, price in proposal:
                if text == code.text(node):
                    continue
                whole = code.within(root, node, text)
                if whole == own or whole in seen:
                    continue
                seen.add(whole)
                price += _outside(code, findings, node, distance)
                value = code.computed(statement, node, text)
                if any(name.search(text) for name in unseen):
                    value = ""
                yield Candidate(
                    code.file.path, (Edit(code.span(node), text),), price, cause, span, value
                )
    for target in targets_of(statement):
        if isinstance(target, ast.Subscript) and distance < 8:
            for node, text, cause, price in _told(code, target, findings[0]) if findings else ():
                edit = Edit(code.span(node), text)
                yield Candidate(code.file.path, (edit,), price, cause, span)
            values = atoms(code, statement)
            yield from _of_index(code, statement, target.slice, values, near=distance == 0)
    mutated = bool(findings) and findings[0].cause == "mutated-value"
    for candidate in stores(code, statement):
        # That something changes while it is still read is proven: a copy is missing, or an order.
        copied = mutated and candidate.cause == "mutated-value"
        yield replace(candidate, price=0.5 * candidate.price) if copied else candidate
    yield from added(code, statement)
    if findings and (findings[0].cause == "update-direction" or findings[0].code == "BP107"):
        yield from kept(code, statement)
        yield from put_back(code, statement)
    yield from siblings(code, statement)
    if distance < 8:
        yield from absent(code, statement)
    if distance < 6:
        yield from swaps(code, statement)
    finding = next((f for f in findings if f.file == code.file.path), None)
    if finding is None:
        return
    if distance == 0:
        yield from handed_back(code, statement)
        yield from entries(code, statement, finding)
        if finding.code == "BP104":
            yield from turned(code, statement, finding)
        if finding.cause == "missing-factor":
            yield from unmultiplied(code, statement)
    if finding.code in ("BP105", "BP101") and finding.cause == "mutated-value" and distance < 4:
        read = code.statement_at(finding.span.line, finding.span.column)
        known = 0.4 if finding.code == "BP105" else 1.0  # the cause is proven: first of all
        early = changed_early(code, findings)
        # What is changed too early is moved, not what reads it.
        bonus = PROVEN if early else 0.0
        movable = not early or statement in early
        for candidate in moves(code, statement, read if read is not statement else None):
            if movable:
                yield replace(candidate, price=known * candidate.price - bonus)
    if finding.code == "BP106" or finding.cause == "not-reset":
        yield from resets(code, statement)
        if distance == 0:
            yield from zeroed(code, statement)


def _told(code: Code, root: ast.expr, finding: Finding) -> Iterator[Change]:
    """Yield the exchange that the diagnosis names, as its text stands."""
    found = str(finding.evidence.get("found", "") or "")
    expected = str(finding.evidence.get("expected", "") or "")
    if not found or not expected or "\n" in expected:
        return
    for node in ast.walk(root):
        if isinstance(node, ast.expr) and is_called(code.text(node), found):
            yield node, code.put(node, expected), finding.cause, 0.5


def _slope_of(code: Code, root: ast.expr, finding: Finding) -> Iterator[Change]:
    """Yield the derivatives of the value that the diagnosis names, for what stands there."""
    found = _DERIVATIVE.search(f"{finding.title} {finding.message}")
    if found is None:
        return
    text, value = found.groups()
    if "…" in value:
        return  # too long to be told whole
    known = [f"{value} * (1 - {value})", f"1 - {value} ** 2", f"{value} > 0", f"{value} >= 0"]
    known += [slope for slope, _ in derivatives(code, [value])]
    blamed = root in ast.walk(code.statement_at(finding.span.line) or root)
    price = 0.4 if blamed else ELSEWHERE
    for node in ast.walk(root):
        if isinstance(node, ast.expr) and code.text(node) == text:
            for number, slope in enumerate(known):
                yield node, code.put(node, slope), "wrong-derivative", price + 0.01 * number


def _function_of(code: Code, root: ast.expr, finding: Finding) -> Iterator[Change]:
    """Yield a function of what stands there, as the diagnosis names it: ``square(std ** -1.5)``."""
    found = _FUNCTION.search(f"{finding.title} {finding.message}")
    if found is None:
        return
    text, name = found.groups()
    for node in ast.walk(root):
        if not isinstance(node, ast.expr) or code.text(node) != text:
            continue
        if name != "square":
            yield node, f"np.{name}({text})", "wrong-operand", 0.5
            continue
        power = node.right if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) else None
        with suppress(ValueError, TypeError):
            number = ast.literal_eval(power) if power is not None else None
            if power is not None and number:
                yield node, code.within(node, power, f"{2 * number:g}"), "wrong-operand", 0.4
        yield node, code.put(node, f"{bracketed(code, node)} ** 2"), "wrong-operand", 0.5


def _of_index(
    code: Code, statement: Statement, root: ast.expr, values: list[str], *, near: bool
) -> Iterator[Candidate]:  # fmt: skip
    """Edits of the place that a statement stores to: ``da[z <= 0] = 0``."""
    seen: set[str] = set()
    for proposal in (forms(code, root, values, near=near), changes(code, root, values)):
        for node, text, cause, price in proposal:
            whole = code.within(root, node, text)
            if text == code.text(node) or whole in seen:
                continue
            seen.add(whole)
            edit = Edit(code.span(node), text)
            yield Candidate(code.file.path, (edit,), price, cause, code.span(statement))


def _outside(code: Code, findings: list[Finding], node: ast.expr, distance: int) -> float:
    """What it costs that an edit lies outside the very expression that is blamed."""
    if distance or not findings:
        return 0.0
    blamed, span = findings[0].span, code.span(node)
    return 0.0 if blamed.contains(span) or span.contains(blamed) else 0.1
