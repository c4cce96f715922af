"""Statements that are missing: the update of a parameter, or the one alike beside another."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from backproof.finding import Finding
from backproof.repair.candidate import Candidate, Code, Statement, header_end, targets_of, value_of
from backproof.repair.names import atoms
from backproof.repair.offers import derivatives, keys
from backproof.repair.sums import GRADIENT
from backproof.source import Edit, Span

#: Numbers that belong to names.
_NUMBERED = re.compile(r"(?<=[A-Za-z_])\d+(?!\d)")
_WORD = re.compile(r"[^\W\d]\w*")
#: Words that nothing is taken of: the `W1` of ``(net.W1, dW1)``.
_LAST = re.compile(r"[^\W\d]\w*\b(?![.\[(])")
MOST_SLOPES = 12
_GRADIENT = re.compile(r"^d_?[A-Za-z]|grad|delta|err", re.IGNORECASE)


def missing_updates(code: Code, parameters: list[str]) -> Iterator[Candidate]:
    """Write the update of a parameter as that of another is written."""
    seen: set[tuple[Edit, ...]] = set()
    for candidate in (
        *_updates(code, parameters), *_entries(code, parameters), *_left_out(code, parameters)
    ):  # fmt: skip
        if candidate.edits not in seen:
            seen.add(candidate.edits)
            yield candidate


def _updates(code: Code, parameters: list[str]) -> Iterator[Candidate]:
    """Yield statements: ``b -= lr * db`` behind ``W -= lr * dW``."""
    for statement in code.statements():
        if header_end(statement, code.span(statement)) != code.span(statement).end_line:
            continue
        targets = targets_of(statement)
        if len(targets) != 1 or not isinstance(statement, ast.AugAssign | ast.Assign):
            continue
        name = code.text(targets[0])
        text = code.text(statement)
        if name not in text.replace(name, "", 1) and not isinstance(statement, ast.AugAssign):
            continue
        for parameter in parameters:
            mapped = _as_for(text, name, parameter)
            target = _as_for(name, name, parameter)
            if mapped is None or target is None or mapped == text:
                continue
            place = code.span(statement)
            indent = " " * (code.span(code.block_of(statement)[0]).column - 1)
            point = Span(place.end_line, place.end_column, place.end_line, place.end_column)
            moves = ast.Add | ast.Sub
            steps = isinstance(statement, ast.AugAssign) and isinstance(statement.op, moves)
            if not steps and target not in code.once(_texts):
                continue
            price = -0.6 if steps else -0.5  # that it is missing is proven: before all else
            made = [mapped, *(_with_others(code, statement, target, mapped) if steps else ())]
            for number, one in enumerate(dict.fromkeys(made)):
                edit = Edit(point, f"\n{indent}{one}")
                yield Candidate(
                    code.file.path, (edit,), price + 0.01 * number, "missing-term", place
                )


def lost_biases(code: Code, finding: Finding) -> Iterator[Candidate]:
    """Add a bias to the product whose bias it is trained as, or start the sum of products with it.

    A loop over the parameters calls it by a name that nothing uses any more.
    """
    place = finding.span
    statement = code.statement_at(place.line, place.column)
    if statement is None:
        return
    parts = (n for n in ast.walk(statement) if isinstance(n, ast.expr) and code.span(n) == place)
    node = next(parts, value_of(statement))
    if node is None:
        return
    inside = code.parents.get(node)
    if isinstance(inside, ast.GeneratorExp | ast.ListComp):
        total = code.parents.get(inside)
        node = total if isinstance(total, ast.Call) else node  # of ``sum(w * x for …)``
    form = "{}" if isinstance(node, ast.Constant) else f"{code.text(node)} + {{}}"
    names = [n for n in ast.walk(code.function_of(statement)) if isinstance(n, ast.Name)]
    used = {n.id for n in names if isinstance(n.ctx, ast.Load)}
    free = [n.id for n in names if isinstance(n.ctx, ast.Store) and n.id not in used]
    for name in dict.fromkeys([*free, *map(str, finding.evidence["parameters"])]):
        edit = Edit(code.span(node), code.put(node, form.format(name)))
        yield Candidate(code.file.path, (edit,), -0.7, "missing-term", code.span(statement))


def _texts(code: Code) -> set[str]:
    """Return the texts of a file's names, attributes and elements."""
    kinds = ast.Name | ast.Attribute | ast.Subscript
    return {code.text(node) for node in code.nodes if isinstance(node, kinds)}


def _with_others(code: Code, statement: Statement, target: str, mapped: str) -> Iterator[str]:
    """Yield an update with other gradients: what is at hand there, those first that nothing uses.

    ``b -= lr * weights_grad`` is not meant, but ``b -= lr * output_grad``, or its sum.
    """
    try:
        value = ast.parse(mapped).body[0].value  # type: ignore[attr-defined]
    except (SyntaxError, IndexError):
        return
    gradient = value.right if isinstance(value, ast.BinOp) else value
    own = ast.get_source_segment(mapped, gradient)
    if not own or not isinstance(value, ast.BinOp) or not code.text(statement).endswith(own):
        return  # that of another name is meant
    around = code.function_of(statement)
    uses: dict[str, int] = {}
    for node in ast.walk(around):
        if isinstance(node, ast.arg) and node.arg != "self":
            uses.setdefault(node.arg, 0)
        elif isinstance(node, ast.Name):
            uses[node.id] = uses.get(node.id, 0) + isinstance(node.ctx, ast.Load)
    used = {n.id for n in ast.walk(value) if isinstance(n, ast.Name)} - {own}
    called = {n.func.id for n in ast.walk(around)
              if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}  # fmt: skip
    names = [n for n in uses if n not in used | called | {own, target, "self", "np", "range"}]
    names = sorted(names, key=lambda n: (uses[n] > 0, not _GRADIENT.search(n)))[:5]
    for name in _gradients_in(value):
        for other in uses:
            if other != name and _GRADIENT.search(other) and other not in called:
                yield re.sub(rf"\b{re.escape(name)}\b", other, mapped)
    if _gradients_in(value) and not _GRADIENT.search(own):
        return  # what stands last is the rate
    head = mapped[: len(mapped) - len(own)] if mapped.endswith(own) else ""
    for form in ("{}", "{}.sum(axis=0)", "{}.sum(axis=0, keepdims=True)", "{}.mean(axis=0)"):
        for name in names if head else ():
            yield head + form.format(name)


def _gradients_in(value: ast.expr) -> list[str]:
    """Return the names of what an expression reads that are called like gradients."""
    names = (n.id for n in ast.walk(value) if isinstance(n, ast.Name))
    return list(dict.fromkeys(name for name in names if _GRADIENT.search(name)))


def _entries(code: Code, parameters: list[str]) -> Iterator[Candidate]:
    """Yield entries of lists: ``(b1, db1)`` beside ``(b2, db2)`` in what a loop updates."""
    numbers = {n for name in parameters for n in _NUMBERED.findall(name)}
    for statement in code.statements():
        displays = [
            node for node in ast.walk(value_of(statement) or ast.Pass())
            if isinstance(node, ast.List | ast.Tuple) and len(node.elts) > 1
        ]  # fmt: skip
        outer = [d for d in displays if not any(code.parents.get(d) is other for other in displays)]
        if not outer:
            continue
        whole = " ".join(map(code.text, outer))
        bare = [name for name in parameters if re.findall(r"\w+", name)]
        for name in bare:
            last = re.findall(r"\w+", name)[-1]
            for new in numbers:
                edits: list[Edit] = []
                for display in outer:
                    edits += _entry(code, display, last, new, whole)[:1]
                if edits and any(re.search(rf"\b{re.escape(last)}\b", e.text) for e in edits):
                    yield Candidate(
                        code.file.path, tuple(edits), -0.7, "missing-term", code.span(statement)
                    )


def _entry(
    code: Code, display: ast.List | ast.Tuple, last: str, new: str, whole: str
) -> list[Edit]:  # fmt: skip
    """Return the entry alike for another number, put behind the one it is like."""
    stem = _NUMBERED.sub("", last)
    found = []
    for entry in display.elts:
        text, span = code.text(entry), code.span(entry)
        olds = set(_NUMBERED.findall(text))
        if len(olds) != 1 or not re.search(rf"{re.escape(stem)}{min(olds)}\b", text):
            continue
        made = re.sub(rf"(?<=[A-Za-z_]){min(olds)}(?!\d)", new, text)
        if made not in whole:
            point = Span(span.end_line, span.end_column, span.end_line, span.end_column)
            found.append(Edit(point, f", {made}"))
    return found


def _left_out(code: Code, parameters: list[str]) -> Iterator[Candidate]:
    """Yield lists with all that they lack: ``for k in ("W1", "W2", "b1", "b2")``.

    What belongs to an entry is written as for that with the same number: ``(b1, db1)``.
    """
    lacking = list(dict.fromkeys(words[-1] for p in parameters if (words := _WORD.findall(p))))
    lacking = [name for name in lacking if not name.isdigit()]
    for statement in code.statements():
        outer = _gone_through(code, statement)
        entries = [entry for display in outer for entry in display.elts]
        present = {word for entry in entries for word in _WORD.findall(code.text(entry))}
        if not outer or present & set(lacking):
            continue
        known = code.once(_texts) | set(code.once(keys)) | code.once(_names)
        edits: list[Edit] = []
        for display in outer:
            made = [_as_entry(code, display, name, known) for name in lacking]
            if all(made) and made:
                last = code.span(display.elts[-1])
                point = Span(last.end_line, last.end_column, last.end_line, last.end_column)
                edits.append(Edit(point, "".join(f", {entry}" for entry in made)))
        if edits and len(edits) == len(outer):
            price = -0.9 if isinstance(statement, ast.For) else -0.75
            yield Candidate(
                code.file.path, tuple(edits), price, "missing-term", code.span(statement)
            )


def _gone_through(
    code: Code, statement: Statement
) -> list[ast.List | ast.Tuple | ast.Set]:  # fmt: skip
    """Return the lists that a loop goes through, or that are kept for one."""
    value = value_of(statement)
    if value is None or not isinstance(statement, ast.For | ast.Assign | ast.Return | ast.Expr):
        return []
    if isinstance(statement, ast.Assign) and not isinstance(value, ast.List):
        return []
    kinds = ast.List | ast.Tuple | ast.Set
    wholes = [value, *(value.args if isinstance(value, ast.Call) else ())]
    return [node for node in wholes if isinstance(node, kinds) and node.elts]


def _as_entry(
    code: Code, display: ast.List | ast.Tuple | ast.Set, name: str, known: set[str]
) -> str:
    """Return the entry of a list for another parameter, as one of those in it is written."""
    number = "".join(filter(str.isdigit, name))
    texts = [code.text(entry) for entry in display.elts]
    alike = [t for t in texts if "".join(filter(str.isdigit, t.partition(",")[0])) == number]
    for text in [*alike, *texts]:
        words = dict.fromkeys(_LAST.findall(text))
        for word in sorted(words, key=lambda w: "".join(filter(str.isdigit, w)) != number):
            made = re.sub(rf"(?<![^\W_dgDG]){re.escape(word)}\b", name, text)
            new = set(_WORD.findall(made)) - set(_WORD.findall(text))
            if name in new and new <= known:
                return made
    return ""


def _names(code: Code) -> set[str]:
    """Return the names and attributes of a file."""
    names = {node.id for node in code.nodes if isinstance(node, ast.Name)}
    return names | {node.attr for node in code.nodes if isinstance(node, ast.Attribute)}


def absent(code: Code, statement: Statement) -> Iterator[Candidate]:
    """Write beside a statement the one alike that is missing: ``dW2 += r * W2`` by ``dW1 += …``."""
    targets, value = targets_of(statement), value_of(statement)
    if len(targets) != 1 or value is None or isinstance(statement, ast.For):
        return
    if isinstance(statement, ast.Assign) and code.text(targets[0]) not in code.text(value):
        return  # what is set, and not changed
    text, place = code.text(statement), code.span(statement)
    numbers = set(_NUMBERED.findall(text))
    if len(numbers) != 1:
        return
    old = numbers.pop()
    around = code.function_of(statement)
    known = {code.text(node) for node in ast.walk(around) if isinstance(node, ast.expr | ast.stmt)}
    others = {number for name in known for number in _NUMBERED.findall(name)} - {old}
    indent = " " * (code.span(code.block_of(statement)[0]).column - 1)
    for new in sorted(others)[:4]:
        target, made = (
            re.sub(rf"(?<=[A-Za-z_]){old}(?!\d)", new, code.text(part))
            for part in (targets[0], statement)
        )
        if target in known and made not in known:
            point = Span(place.end_line, place.end_column, place.end_line, place.end_column)
            edit = Edit(point, f"\n{indent}{made}")
            yield Candidate(code.file.path, (edit,), 0.9, "missing-term", place)


def unmultiplied(code: Code, statement: Statement) -> Iterator[Candidate]:
    """Multiply a gradient by a derivative before it is used: ``g = g * d_act(z)``.

    Of the output layer there may be none: ``if z is not None: …``.
    """
    value, around = value_of(statement), code.function_of(statement)
    if value is None or isinstance(statement, ast.For | ast.While | ast.If):
        return
    stored = {n.id for n in ast.walk(around)
              if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}  # fmt: skip
    names = [n.id for n in ast.walk(value) if isinstance(n, ast.Name) and n.id in stored]
    names = [name for name in dict.fromkeys(names) if GRADIENT.fullmatch(name)]
    none = any(
        isinstance(e, ast.Constant) and e.value is None
        for n in code.nodes if isinstance(n, ast.Tuple | ast.List) for e in n.elts
    )  # fmt: skip
    place, block = code.span(statement), code.block_of(statement)
    indent = " " * (code.span(block[0]).column - 1)
    users = [s for s in block if s.lineno <= statement.lineno]
    slopes = sorted(derivatives(code, atoms(code, statement)), key=lambda d: d[1])
    for name in names[:2]:
        users = [s for s in users if name in code.once(_words_of, s)]
        for first in users[-2:]:
            at = code.span(first)
            point = Span(at.line, at.column, at.line, at.column)
            for number, (slope, price) in enumerate(slopes[:MOST_SLOPES]):
                line = f"{name} = {name} * {slope}"
                forms = [line]
                if none and (argument := re.search(r"\((\w+)\)$", slope)):
                    forms.append(f"if {argument[1]} is not None:\n{indent}    {line}")
                for form in forms:
                    edit = Edit(point, f"{form}\n{indent}")
                    yield Candidate(code.file.path, (edit,), price + 0.1 + 0.01 * number,
                                    "missing-factor", place)  # fmt: skip


def _words_of(code: Code, statement: Statement) -> set[str]:
    return {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)}


def _as_for(text: str, name: str, parameter: str) -> str | None:
    """Return an update's text with another parameter: ``W1 -= lr * dW1``, ``b1 -= lr * db1``.

    Of attributes and elements the last part tells them apart: ``layer.W``, ``params["b1"]``.
    """
    bare, other = (re.findall(r"\w+", text)[-1] for text in (name, parameter))
    if bare.isdigit() or other.isdigit() or bare == other:
        return None
    return re.sub(rf"(?<=[\W_dgDG]){re.escape(bare)}\b|^{re.escape(bare)}\b", other, text)
