"""Edits of whole statements: what they do to their target, where they stand, what is missing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from backproof.repair.candidate import Candidate, Code, Statement, targets_of, value_of
from backproof.repair.names import atoms, numbers_in, renumbered
from backproof.repair.offers import STRENGTH, bracketed, constants, sizes
from backproof.repair.slopes import forward_slopes
from backproof.repair.twins import odd_ones, twins
from backproof.repair.unread import unread
from backproof.source import Edit, Span

#: What it costs to add what a function is given and does not read.
UNREAD = 0.1
_SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}


def stores(code: Code, statement: Statement) -> Iterator[Candidate]:
    """``=`` for ``+=`` and the like; a copy in place of a second name."""
    path, span = code.file.path, code.span(statement)
    value = value_of(statement)
    targets = targets_of(statement)
    if value is None:
        return
    right = code.text(value)
    if isinstance(statement, ast.Expr) and isinstance(value, ast.BinOp):
        sign = {ast.Add: "+", ast.Sub: "-"}.get(type(value.op))
        if sign and isinstance(value.left, ast.Name | ast.Attribute | ast.Subscript):
            kept = f"{code.text(value.left)} {sign}= {code.text(value.right)}"
            yield Candidate(path, (Edit(span, kept),), 0.3, "missing-term", span)
    if isinstance(statement, ast.AugAssign | ast.Assign) and len(targets) == 1:
        left = code.text(targets[0])
        sign = _SIGNS.get(type(statement.op), "?") if isinstance(statement, ast.AugAssign) else ""
        at = {"+": "add", "-": "subtract"}.get(sign)
        if at and isinstance(targets[0], ast.Subscript):
            base, index = code.text(targets[0].value), code.text(targets[0].slice)
            added = f"np.{at}.at({base}, {index}, {right})"
            yield Candidate(path, (Edit(span, added),), 1.1, "missing-term", span)
        for other in ("", "+", "-"):
            if other != sign:
                cause = "wrong-sign" if sign and other else "missing-term"
                price = 0.8 if sign and other else 1.1
                yield Candidate(path, (Edit(span, f"{left} {other}= {right}"),), price, cause, span)
        for size in code.once(sizes, code.function_of(statement)) if right in ("1", "1.0") else ():
            if sign == "/":  # the size has yet to be written
                edit = Edit(span, f"{left} /= {size}")
                yield Candidate(path, (edit,), 0.4, "missing-factor", span)
        if sign in ("*", "/"):
            edit = Edit(span, f"{left} {'/' if sign == '*' else '*'}= {right}")
            yield Candidate(path, (edit,), 0.8, "extra-factor", span)
        if sign in _SIGNS.values():
            text = f"{left} = {left} {sign} " + (f"({right})" if sign in "*/" else right)
            yield Candidate(path, (Edit(span, text),), 1.1, "mutated-value", span)
        elif not sign:
            yield from _in_place(code, statement, left, value)
            if right in ("0", "0.0") and isinstance(targets[0], ast.Subscript):
                # The other branch of a leaky ReLU has a slope.
                slopes = [a for a in atoms(code, statement) if STRENGTH.fullmatch(a)][:6]
                for slope in (*slopes, *code.once(constants)):
                    edit = Edit(span, f"{left} *= {slope}")
                    yield Candidate(path, (edit,), 0.9, "wrong-derivative", span)
                yield from _masked(code, statement, targets[0])
            text = f"{left} *= {right}"
            yield Candidate(path, (Edit(span, text),), 1.3, "missing-factor", span)
    for node in ast.walk(value):
        if (
            isinstance(node, ast.Name | ast.Attribute | ast.Subscript)
            and (
                node is value or isinstance(code.parents.get(node), ast.Tuple | ast.Call | ast.Dict)
            )
            and isinstance(getattr(node, "ctx", None), ast.Load)
            and getattr(code.parents.get(node), "func", None) is not node
        ):
            edit = Edit(code.span(node), f"{code.text(node)}.copy()")
            yield Candidate(path, (edit,), 1.4, "mutated-value", span)


def _masked(code: Code, statement: Statement, target: ast.Subscript) -> Iterator[Candidate]:
    """Another function's derivative than a mask: ``dh *= 1 - h ** 2`` for ``dh[h <= 0] = 0``."""
    span, mask = code.span(statement), target.slice
    if not isinstance(mask, ast.Compare):
        return
    value = bracketed(code, mask.left)
    known = [f"{value} * (1 - {value})", f"1 - {value} ** 2", f"1 - {value}"]
    for number, slope in enumerate([*known, *(d for _, d in code.once(forward_slopes))]):
        edit = Edit(span, f"{code.text(target.value)} *= {slope}")
        yield Candidate(code.file.path, (edit,), 0.8 + 0.01 * number, "wrong-derivative", span)


def _in_place(
    code: Code, statement: Statement, left: str, value: ast.expr
) -> Iterator[Candidate]:  # fmt: skip
    """What a loop's variable is bound to anew is changed instead: ``p -= lr * g``."""
    path, span = code.file.path, code.span(statement)
    if not isinstance(value, ast.BinOp) or not isinstance(value.op, ast.Add | ast.Sub):
        return
    if code.text(value.left) == left and left.isidentifier():
        rest = Span(*code.span(value.left).end, *code.span(value).end)
        step = code.file.slice(rest).strip()
        if step[:1] in ("+", "-"):
            edit = Edit(span, f"{left} {step[0]}= {step[1:].strip()}")
            yield Candidate(path, (edit,), 0.8, "update-direction", span)


def added(code: Code, statement: Statement) -> Iterator[Candidate]:
    """Add to all gradients of a scalar engine what each operation sets: ``self.grad += …``."""
    alike = _set_alike(code, statement)
    if len(alike) < 2:
        return
    edits = []
    for one in alike:
        target, value = targets_of(one)[0], value_of(one)
        assert value is not None
        edits.append(Edit(code.span(one), f"{code.text(target)} += {code.text(value)}"))
    yield Candidate(code.file.path, tuple(edits), 0.9, "missing-term", code.span(statement))


def _set_alike(code: Code, statement: Statement) -> list[Statement]:
    """Return the statements of a class whose inner functions set the same attribute, in order."""
    family, targets = code.class_of(statement), targets_of(statement)
    if family is None or not isinstance(statement, ast.Assign) or len(targets) != 1:
        return []
    target = targets[0]
    if not isinstance(target, ast.Attribute):
        return []

    def is_alike(node: ast.AST) -> bool:
        if not isinstance(node, ast.Assign) or isinstance(node.value, ast.Constant):
            return False
        method = code.function_of(code.function_of(node))
        return isinstance(method, ast.FunctionDef) and any(
            isinstance(t, ast.Attribute) and t.attr == target.attr for t in node.targets
        )

    found = [node for node in ast.walk(family) if is_alike(node)]
    found.sort(key=lambda node: code.span(node).start)  # type: ignore[arg-type]
    return found if statement in found else []  # type: ignore[return-value]


def siblings(code: Code, statement: Statement) -> Iterator[Candidate]:
    """Write it as a statement of the same shape is written: `dW1` as `dW2`."""
    targets = targets_of(statement)
    value = value_of(statement)
    if len(targets) != 1 or value is None:
        return
    own = code.text(targets[0])
    numbers = numbers_in(own)
    place = code.span(value)
    for other in code.statements():
        theirs = targets_of(other)
        source = value_of(other)
        if other is statement or len(theirs) != 1 or source is None or type(other) is ast.For:
            continue
        name = code.text(theirs[0])
        text = code.text(source)
        if name == own:
            if text != code.text(value):
                yield _rewritten(code, statement, place, text, 1.6)
            continue
        known = numbers_in(name)
        if not numbers or len(known) != len(numbers):
            continue
        if renumbered(name, known[-1], numbers[-1]) == own:
            mapped = renumbered(text, known[-1], numbers[-1])
            if mapped != code.text(value):
                yield _rewritten(code, statement, place, mapped, 0.95)
    for text in twins(code, statement, own, value):
        yield _rewritten(code, statement, place, text, 0.8)
    for text in code.once(unread, code.function_of(statement)).get(statement, ()):
        lacking = _rewritten(code, statement, place, text, UNREAD)
        yield replace(lacking, cause="missing-term")
    for text in code.once(odd_ones, code.function_of(statement)).get(statement, ()):
        yield Candidate(
            code.file.path, (Edit(code.span(statement), text),), 0.3, "missing-term", place
        )


def _rewritten(code: Code, statement: Statement, place: Span, text: str, price: float) -> Candidate:
    edits = (Edit(place, text),)
    return Candidate(code.file.path, edits, price, "wrong-operand", code.span(statement), text)


# ---- order -------------------------------------------------------------------------------------


def moves(code: Code, statement: Statement, read: Statement | None) -> Iterator[Candidate]:
    """Move a statement behind the last use of what it changes, or save the old value before it.

    Parameters
    ----------
    statement : Statement
        The one that changes a value too early.
    read : Statement or None
        The one that reads it too late.
    """
    block = code.block_of(statement)
    at = block.index(statement)
    places: list[Statement] = []
    chain = _within(code, read, block)
    if chain is not None and block.index(chain) > at:
        places.append(chain)
    changed = {code.text(t) for t in targets_of(statement)}
    used = [s for s in block[at + 1 :] if any(name in code.text(s) for name in changed if name)]
    places += [s for s in (*used[-1:], block[-1]) if s not in places]
    places += [s for s in block[at + 1 : at + 6] if s not in places]
    for number, last in enumerate(places):
        if block.index(last) <= at:
            continue
        if isinstance(last, ast.Return):
            yield from _before_return(code, statement, last, 1.0 + 0.1 * number)
        else:
            yield moved(code, statement, last, 1.0 + 0.1 * number)
    if chain is not None and block.index(chain) > at and not isinstance(chain, ast.Return):
        yield moved(code, chain, block[at - 1] if at else None, 1.3, before=statement)
    yield from _saved(code, statement, read)


def swaps(code: Code, statement: Statement) -> Iterator[Candidate]:
    """Exchange a statement with the next, or with the one before."""
    block = code.block_of(statement)
    at = block.index(statement)
    for other in (at + 1, at - 1):
        if 0 <= other < len(block):
            first, second = sorted((at, other))
            one, two = block[first], block[second]
            if isinstance(two, ast.Return) or _has_body(one) or _has_body(two):
                continue
            edits = (Edit(code.span(one), code.text(two)), Edit(code.span(two), code.text(one)))
            yield Candidate(code.file.path, edits, 1.3, "mutated-value", code.span(statement))


def _has_body(statement: Statement) -> bool:
    return isinstance(getattr(statement, "body", None), list)


def _within(code: Code, statement: Statement | None, block: list[Statement]) -> Statement | None:
    """Return the statement of a block that another is, or is inside of."""
    node: ast.AST | None = statement
    while node is not None:
        if node in block and isinstance(node, ast.stmt):
            return node
        node = code.parents.get(node)
    return None


def moved(
    code: Code, statement: Statement, behind: Statement | None, price: float,
    before: Statement | None = None,
) -> Candidate:  # fmt: skip
    """Move a statement behind another (or `before` one)."""
    anchor = before if before is not None else behind
    assert anchor is not None
    removed, text = removal(code, statement)
    place = code.span(anchor)
    indent = " " * (code.span(code.block_of(anchor)[0]).column - 1)
    if before is not None:
        edit = Edit(Span(place.line, place.column, place.line, place.column), f"{text}\n{indent}")
    else:
        edit = Edit(
            Span(place.end_line, place.end_column, place.end_line, place.end_column),
            f"\n{indent}{text}",
        )
    return Candidate(code.file.path, _joined(removed, edit), price, "mutated-value",
                     code.span(statement))  # fmt: skip


def _joined(removed: Edit, added: Edit) -> tuple[Edit, ...]:
    return tuple(sorted((removed, added), key=lambda e: e.span.start))


def removal(code: Code, statement: Statement) -> tuple[Edit, str]:
    """Return the edit that takes a statement out, its line with it, and its text."""
    span = code.span(statement)
    text = code.text(statement)
    lead = code.file.line(span.line)[: span.column - 1]
    tail = code.file.line(span.end_line)[span.end_column - 1 :]
    if not lead.strip() and not tail.strip():
        return Edit(Span(span.line, 1, span.end_line + 1, 1), ""), text
    if tail.lstrip().startswith(";"):
        width = len(tail) - len(tail.lstrip()[1:].lstrip())
        return Edit(Span(span.line, span.column, span.end_line, span.end_column + width), ""), text
    if lead.rstrip().endswith(";"):
        column = len(lead.rstrip()[:-1].rstrip()) + 1
        return Edit(Span(span.line, column, span.end_line, span.end_column), ""), text
    return Edit(span, "pass"), text


def _before_return(
    code: Code, statement: Statement, last: ast.Return, price: float
) -> Iterator[Candidate]:
    """``self.W -= …; return g @ self.W.T``: the value is computed first, returned last."""
    if last.value is None:
        return
    removed, text = removal(code, statement)
    place = code.span(last)
    indent = " " * (code.span(code.block_of(last)[0]).column - 1)
    lines = f"result = {code.text(last.value)}\n{indent}{text}\n{indent}return result"
    lead = code.file.line(place.line)[: place.column - 1]
    if lead.strip():
        lines = lines.replace(f"\n{indent}", "; ")
    yield Candidate(code.file.path, _joined(removed, Edit(place, lines)), price, "mutated-value",
                    code.span(statement))  # fmt: skip


def _saved(code: Code, statement: Statement, read: Statement | None) -> Iterator[Candidate]:
    """Keep the old value under a name of its own, and read that."""
    if read is None or code.function_of(read) is not code.function_of(statement):
        return
    for target in targets_of(statement):
        name = code.text(target)
        old = "old_" + "".join(c if c.isalnum() else "_" for c in name).strip("_")
        place = code.span(statement)
        indent = " " * (code.span(code.block_of(statement)[0]).column - 1)
        edits = [
            Edit(Span(place.line, place.column, place.line, place.column),
                 f"{old} = {name}.copy()\n{indent}")
        ]  # fmt: skip
        edits += [
            Edit(code.span(node), old) for node in ast.walk(read)
            if isinstance(node, ast.expr) and code.text(node) == name
            and isinstance(getattr(node, "ctx", None), ast.Load)
        ]  # fmt: skip
        if len(edits) > 1:
            yield Candidate(code.file.path, tuple(edits), 1.6, "mutated-value", place)
