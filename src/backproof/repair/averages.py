"""Edits of an optimiser's step: what keeps its averages, shares them out and corrects them.

Right gradients say nothing of what an optimiser makes of them. So nothing is proposed here but what
a contradiction asks for, and a trial must see the averages kept, and fit together, afterwards.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from backproof.finding import Finding
from backproof.repair.candidate import Candidate, Code, Statement, targets_of, value_of
from backproof.repair.offers import bracketed
from backproof.repair.statements import moved
from backproof.source import Edit, Span

#: A name of a decay.
DECAY = re.compile(r"(?i)(?:self\.|\w+\.)?_?(?:beta|b|decay|rho|gamma|mu|momentum)\w*")
#: What a decay is, at least and less than.
LEAST, MOST = 0.3, 1.0
MOST_DECAYS = 6
#: Arrays of zeros.
BLANK = re.compile(r"(?:\w+\.)?zeros(?:_like)?\(|0\.?0*$")

Edits = tuple[Edit, ...]


def averages(code: Code, statement: Statement, finding: Finding) -> Iterator[Candidate]:
    """Propose what the contradiction of an optimiser asks for."""
    path, span = code.file.path, code.span(statement)
    ways = (
        _kept_in_place(code, statement), _stored(code, statement), _begun_once(code, statement),
        _counted_once(code, statement), _counted_on(code, statement, finding),
        _other_decays(code, statement),
        _corrected(code, statement), _rooted(code, statement), _turned(code, statement),
        _own_average(code, statement), _decayed(code, statement), _fed(code, statement),
    )  # fmt: skip
    price = 0.0
    for way in ways:
        for edits in way:
            yield Candidate(path, edits, price, finding.cause, span)
            price += 0.01


def _kept_in_place(code: Code, statement: Statement) -> Iterator[Edits]:
    """``v += g * g`` for ``v = v + g * g``; ``v[...] = μ * v - η * g`` for another name's array."""
    value = value_of(statement)
    if not isinstance(statement, ast.Assign) or not isinstance(value, ast.BinOp):
        return
    target = statement.targets[0]
    if not isinstance(target, ast.Name) or not isinstance(value.op, ast.Add | ast.Sub):
        return
    name, span = target.id, code.span(statement)
    if code.text(value.left) == name:
        sign = "+" if isinstance(value.op, ast.Add) else "-"
        yield (Edit(span, f"{name} {sign}= {code.text(value.right)}"),)
    yield (Edit(span, f"{name}[...] = {code.text(value)}"),)


def _stored(code: Code, statement: Statement) -> Iterator[Edits]:
    """Keep what was made of an average: ``self.v = step`` behind ``step = μ * self.v - η * g``."""
    place = code.span(statement)
    indent = " " * (code.span(code.block_of(statement)[0]).column - 1)
    behind = Span(place.end_line, place.end_column, place.end_line, place.end_column)
    for target in targets_of(statement)[:1]:
        for part in _parts(value_of(statement)):
            if isinstance(part, ast.Attribute | ast.Subscript) and code.text(part) != code.text(
                target
            ):
                yield (Edit(behind, f"\n{indent}{code.text(part)} = {code.text(target)}"),)


def _begun_once(code: Code, statement: Statement) -> Iterator[Edits]:
    """Set an average to zero before the loop, not in it."""
    names = {code.text(t) for t in targets_of(statement)}
    for loop in code.loops_around(statement):
        for inner in ast.walk(loop):
            value = inner.value if isinstance(inner, ast.Assign) else None
            if value is None or not BLANK.match(code.text(value)):
                continue
            if isinstance(inner, ast.stmt) and names & {code.text(t) for t in targets_of(inner)}:
                yield moved(code, inner, None, 0.0, before=loop).edits


def _counted_once(code: Code, statement: Statement) -> Iterator[Edits]:
    """Count a step before the loop over the parameters."""
    if isinstance(statement, ast.AugAssign):
        for loop in code.loops_around(statement)[::-1]:
            if statement in loop.body and len(loop.body) > 1:
                yield moved(code, statement, None, 0.0, before=loop).edits


def _counted_on(code: Code, statement: Statement, finding: Finding) -> Iterator[Edits]:
    """Count each step at the top of the function that corrects by the count."""
    value = value_of(statement)
    if finding.cause != "mutated-value" or not isinstance(value, ast.Constant):
        return
    name = next((code.text(t) for t in targets_of(statement)), "")
    for power in code.nodes:
        if not isinstance(power, ast.BinOp) or not isinstance(power.op, ast.Pow):
            continue
        if code.text(power.right) != name:
            continue
        around = code.function_of(power)
        body: list[ast.stmt] = around.body  # type: ignore[attr-defined]
        place = code.span(body[0])
        indent = " " * (place.column - 1)
        top = Span(place.line, place.column, place.line, place.column)
        yield (Edit(top, f"{name} += 1\n{indent}"),)
        return


def _other_decays(code: Code, statement: Statement) -> Iterator[Edits]:
    """Exchange one decay for another, where it stands once or wherever it stands."""
    value = value_of(statement)
    known = decays(code, statement)
    own = [n for n in _parts(value) if code.text(n) in known]
    for text in known:
        others = [n for n in own if code.text(n) != text]
        yield from ((Edit(code.span(n), text),) for n in others)
        if len(others) > 1 and len({code.text(n) for n in others}) == 1:
            yield tuple(Edit(code.span(n), text) for n in others)
    # ``(1 - β₂)`` in place of what is added: ``1 * g``, ``β * g``
    for node in own:
        text = code.text(node)
        product = code.parents.get(node)
        if isinstance(product, ast.BinOp) and isinstance(product.op, ast.Mult):
            yield (Edit(code.span(node), f"(1 - {text})"),)


def decays(code: Code, statement: Statement) -> list[str]:
    """Return the decays that a function names or writes, those of the statement first."""
    found: dict[str, None] = {}
    around = (*code.loops_around(statement)[:1], code.function_of(statement))[0]
    for node in (*_parts(value_of(statement)), *_parts(around)):
        if isinstance(node, ast.Constant):
            if type(node.value) is float and LEAST < node.value < MOST:
                found[code.text(node)] = None
        elif isinstance(node, ast.Name | ast.Attribute) and DECAY.fullmatch(code.text(node)):
            parent = code.parents.get(node)
            power = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Pow)
            share = isinstance(parent, ast.BinOp) and isinstance(parent.left, ast.Constant)
            if power or share:
                found[code.text(node)] = None
    return list(found)[:MOST_DECAYS]


def _corrected(code: Code, statement: Statement) -> Iterator[Edits]:
    """Divide an average by what the other is divided by, with the decay that is its own."""
    value = value_of(statement)
    known = decays(code, statement)
    around = code.function_of(statement)
    corrections = [
        n for n in ast.walk(around)
        if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Sub)
        and isinstance(n.left, ast.Constant) and isinstance(n.right, ast.BinOp)
        and isinstance(n.right.op, ast.Pow)
    ]  # fmt: skip
    # ``1 - β`` for ``1 - βᵗ``
    for node in _parts(value):
        if code.text(node) in known:
            for count in dict.fromkeys(code.text(c.right.right) for c in corrections
                                       if isinstance(c.right, ast.BinOp)):  # fmt: skip
                yield (Edit(code.span(node), f"{code.text(node)} ** {count}"),)
    for correction in corrections[:2]:
        assert isinstance(correction.right, ast.BinOp)
        count = code.text(correction.right.right)
        for node in _parts(value):
            if isinstance(node, ast.Constant) or code.text(node) in (*known, count):
                continue
            for decay in known:
                text = f"{code.text(node)} / (1 - {decay} ** {count})"
                yield (Edit(code.span(node), code.put(node, text)),)


def _rooted(code: Code, statement: Statement) -> Iterator[Edits]:
    """Divide by the root: ``m * √v`` and ``m / v`` are no steps."""
    value = value_of(statement)
    for node in ast.walk(value) if value is not None else ():
        if not isinstance(node, ast.BinOp):
            continue
        has_root = "sqrt" in code.text(node.right)
        if isinstance(node.op, ast.Mult) and has_root:
            text = f"{code.text(node.left)} / {bracketed(code, node.right)}"
            yield (Edit(code.span(node), text),)
        elif isinstance(node.op, ast.Div) and not has_root:
            for part in _parts(node.right):
                if not isinstance(part, ast.Constant):
                    yield (Edit(code.span(part), f"np.sqrt({code.text(part)})"),)


def _turned(code: Code, statement: Statement) -> Iterator[Edits]:
    """Turn one sign: ``μ * v`` is taken away, the correction is ``1 + βᵗ``, the root less ε."""
    value = value_of(statement)
    for node in ast.walk(value) if value is not None else ():
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
            sign = "-" if isinstance(node.op, ast.Add) else "+"
            text = f"{code.text(node.left)} {sign} {bracketed(code, node.right)}"
            yield (Edit(code.span(node), code.put(node, text)),)


def _own_average(code: Code, statement: Statement) -> Iterator[Edits]:
    """Go on from the average that is assigned to, not from another parameter's."""
    for target in targets_of(statement)[:1]:
        name, value = code.text(target), value_of(statement)
        for node in _parts(value):
            if not isinstance(node, ast.Constant) and code.text(node) != name:
                yield (Edit(code.span(node), name),)


def _decayed(code: Code, statement: Statement) -> Iterator[Edits]:
    """Let an average keep a share of its old value: of ``v + (1 - β) * g * g``, ``β + …``."""
    value, known = value_of(statement), decays(code, statement)
    for target in targets_of(statement)[:1]:
        name = code.text(target)
        for node in _parts(value):
            text = code.text(node)
            if text == name:
                yield from ((Edit(code.span(node), f"{decay} * {name}"),) for decay in known)
            elif text in known:
                yield (Edit(code.span(node), code.put(node, f"{text} * {name}")),)
        if value is not None and name not in {code.text(n) for n in _parts(value)}:
            span, text = code.span(statement), code.text(value)
            if isinstance(statement, ast.Assign):
                yield (Edit(span, f"{name} += {text}"),)
            yield from ((Edit(span, f"{name} = {d} * {name} + {text}"),) for d in known)


def _fed(code: Code, statement: Statement) -> Iterator[Edits]:
    """Add a share of the squared gradient: to ``v = β * v``, and in place of ``+ (1 - β)``."""
    value, known = value_of(statement), decays(code, statement)
    gradients = [
        code.text(node.right) for other in code.block_of(statement) for node in ast.walk(other)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)
        and isinstance(node.left, ast.BinOp) and isinstance(node.left.left, ast.Constant)
    ]  # fmt: skip
    for gradient in dict.fromkeys(gradients):
        squared = f"{gradient} ** 2"
        if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
            right = bracketed(code, value.right)
            yield (Edit(code.span(value.right), f"{right} * {squared}"),)
        elif value is not None:
            for decay in known:
                yield (Edit(code.span(value), f"{code.text(value)} + (1 - {decay}) * {squared}"),)


def _parts(node: ast.AST | None) -> list[ast.expr]:
    """Return the names, paths and numbers of an expression, from left to right."""
    found: list[ast.expr] = []

    def visit(part: ast.AST) -> None:
        if isinstance(part, ast.Name | ast.Attribute | ast.Subscript):
            if isinstance(part.ctx, ast.Load):
                found.append(part)
        elif isinstance(part, ast.Constant):
            if type(part.value) in (int, float):
                found.append(part)
        elif isinstance(part, ast.Call):
            for argument in (*part.args, *part.keywords):
                visit(argument)
        else:
            for child in ast.iter_child_nodes(part):
                visit(child)

    if node is not None:
        visit(node)
    return found
