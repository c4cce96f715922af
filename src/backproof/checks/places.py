"""Where the author set a number or made an array: the line that advice belongs to.

A learning rate is used in the update, but it is chosen in an assignment, a default or an argument;
initial weights and data are made before the training loop. The first is looked up in the source by
name and value, the second is observed.
"""

from __future__ import annotations

import ast
import operator
import re
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.source import SourceFile, Span, tree_of
from backproof.trace import primitives
from backproof.trace.event import Event
from backproof.trace.site import SITES, Site

#: Names that authors give to a step size.
RATES = ("lr", "rate", "alpha", "eta", "step", "learn", "gamma")
#: Events of a log looked through for where arrays come from.
MOST_EVENTS = 60_000
EMPTY = (np.zeros, np.empty, np.ones, np.full, np.zeros_like, np.empty_like)


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of a source file."""

    file: SourceFile
    span: Span

    @property
    def text(self) -> str:
        """The expression as the author wrote it."""
        return self.file.slice(self.span)


def place_of(site: Site) -> Place:
    """Return where a site stands."""
    return Place(site.file, site.span)


def statement_of(site: Site) -> Place:
    """Return the statement of a site, or the site alone where that fills several lines."""
    one = site.statement.line == site.statement.end_line
    return Place(site.file, site.statement if one else site.span)


def second_term(site: Site) -> Place:
    """Return the second operand of a sum that fills several lines, if it stands on a later one.

    Its operator is what has the wrong sign; the sum begins with what has none.
    """
    where = place_of(site)
    if site.kind != "binop" or where.span.line == where.span.end_line:
        return where
    text = f"({where.text})"
    try:
        whole = ast.parse(text, mode="eval").body
    except SyntaxError:
        return where
    if not isinstance(whole, ast.BinOp) or whole.right.lineno == 1:
        return where
    right = whole.right
    line = text.splitlines()[right.lineno - 1]
    column = len(line.encode()[: right.col_offset].decode()) + 1
    start = where.span.line + right.lineno - 1
    return Place(site.file, Span(start, column, where.span.end_line, where.span.end_column))


# ---- numbers -----------------------------------------------------------------------------------


def definition(name: str, value: float) -> Place | None:
    """Find where the number that an expression holds was written.

    Parameters
    ----------
    name : str
        The expression at its use: ``lr``, ``self.learning_rate``, ``config['lr']``, ``lr / m``.
    value : float
        What it holds.

    Returns
    -------
    Place or None
        The best assignment, keyword, dictionary entry, positional argument or default.
    """
    last = final_names(name)
    if not last:
        return None
    best: tuple[int, Place] | None = None
    for file in {site.file.path: site.file for site in SITES}.values():
        tree = tree_of(file.text)
        for rank, node in _candidates(tree, [*last, *_aliases(tree, last)], value):
            if best is None or rank < best[0]:
                best = (rank, Place(file, file.span_of(node)))
    return best[1] if best else None


def lowered(name: str) -> Place | None:
    """Find the one statement that multiplies or divides a number: ``lr *= 0.97``."""
    last = final_names(name)
    found = []
    for file in {site.file.path: site.file for site in SITES}.values():
        tree = tree_of(file.text)
        called = [*last, *_aliases(tree, last)]
        for node in ast.walk(tree):
            if isinstance(node, ast.AugAssign):
                target: ast.expr = node.target
                scales = isinstance(node.op, ast.Mult | ast.Div)
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp):
                target = node.targets[0]
                own = ast.unparse(target) in map(ast.unparse, (node.value.left, node.value.right))
                scales = own and isinstance(node.value.op, ast.Mult | ast.Div)
            else:
                continue
            if scales and _last(target) in called:
                found.append(Place(file, file.span_of(node)))
    return found[0] if len(found) == 1 else None


def _aliases(tree: ast.Module, names: Sequence[str]) -> list[str]:
    """Return the names whose values are kept under others: ``self.lr = learning_rate``."""
    found = [
        node.value.id for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name)
        and any(_last(target) in names for target in node.targets)
    ]  # fmt: skip
    return [name for name in dict.fromkeys(found) if name not in names]


def final_names(text: str) -> list[str]:
    """Return the last identifiers of the names in an expression, likely step sizes first."""
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError:
        return []
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            found.append(node.attr)
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            found.append(str(node.slice.value))
        elif isinstance(node, ast.Name):
            found.append(node.id)
    found = [n for n in dict.fromkeys(found) if n not in ("self", "np", "numpy", "math")]
    return sorted(found, key=lambda n: not looks_like_rate(n))


def looks_like_rate(name: str) -> bool:
    """Whether a name is one that authors give to a step size."""
    return any(word in name.lower() for word in RATES)


def first_assignment(name: str, file: SourceFile) -> Place | None:
    """Return where a list of numbers, or an array, is first bound to a name: ``self.w = [...]``.

    `name` is a path: of ``net.layers[0][1].weights`` the last part counts.
    """
    found = re.match(r"(?:.*\.)?(\w+)(?:\[[^\]]*\])*(?: \(\d+\))?$", name)
    if found is None:
        return None
    wanted, others = found.group(1), []
    for node in ast.walk(tree_of(file.text)):
        if not isinstance(node, (ast.Assign, ast.AnnAssign)) or node.value is None:
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        called = {getattr(t, "attr", getattr(t, "id", "")) for t in targets}
        empty = isinstance(node.value, ast.List) and not node.value.elts
        empty = empty or isinstance(node.value, ast.Subscript)  # a part of what was made before
        read = {getattr(n, "attr", getattr(n, "id", "")) for n in ast.walk(node.value)}
        empty = empty or wanted in read  # an update: `net.w = [w - g for w, g in zip(net.w, dw)]`
        if wanted in called and not empty and node.lineno == node.end_lineno:
            owners = [ast.unparse(t.value) for t in targets if isinstance(t, ast.Attribute)]
            if all(owner == "self" or name.startswith(owner) for owner in owners):
                return Place(file, file.span_of(node))
            others.append(Place(file, file.span_of(node)))  # ``last.w = …`` of another object
    return others[0] if others else None


def number(node: ast.AST | None) -> float | None:
    """Return the value of a numeric literal or of arithmetic of literals, else None."""
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return None if isinstance(node.value, bool) else float(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = number(node.operand)
        return None if inner is None else -inner
    if isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords:
        return number(node.args[0])  # np.float32(0.1): whoever asks compares the value
    if isinstance(node, ast.BinOp):
        a, b = number(node.left), number(node.right)
        if a is None or b is None:
            return None
        try:
            if isinstance(node.op, ast.Pow):
                return float(a**b)
            if isinstance(node.op, ast.Div):
                return a / b
            if isinstance(node.op, ast.Mult):
                return a * b
        except (ArithmeticError, ValueError):
            return None
    return None


def _candidates(
    tree: ast.Module, names: Sequence[str], value: float
) -> Iterator[tuple[int, ast.expr | ast.keyword | ast.stmt]]:
    """Yield (rank, node) of the places that give one of `names` its number; the least rank wins."""
    functions = {n.name: n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for item in node.body:
                if isinstance(item, ast.FunctionDef) and item.name == "__init__":
                    functions[node.name] = item

    def rank(name: str, given: ast.AST | None, base: int) -> int | None:
        written = number(given)
        if written is None or name not in names:
            return None
        same = abs(written - value) <= 1e-6 * abs(value)
        return base + 10 * names.index(name) + (0 if same else 100)

    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                for name, given in _pairs(target, node.value):
                    found = rank(name, given, 1)
                    if found is not None:
                        yield found, node
        elif isinstance(node, ast.Call):
            for keyword in node.keywords:
                found = rank(keyword.arg or "", keyword.value, 0)
                if found is not None:
                    yield found, keyword
            callee = functions.get(_last(node.func))
            if callee is not None:
                parameters = [a.arg for a in callee.args.args]
                if parameters[:1] in (["self"], ["cls"]):
                    parameters = parameters[1:]
                for name, given in zip(parameters, node.args, strict=False):
                    found = rank(name, given, 0)
                    if found is not None:
                        yield found, given
            yield from _argparse(node, names, value)
        elif isinstance(node, ast.Dict):
            for key, given in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant):
                    found = rank(str(key.value), given, 0)
                    if found is not None:
                        yield found, given
        elif isinstance(node, (ast.FunctionDef, ast.Lambda)):
            arguments = node.args
            positional = arguments.args[len(arguments.args) - len(arguments.defaults) :]
            pairs = [
                *zip(positional, arguments.defaults, strict=True),
                *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
            ]
            for argument, given in pairs:
                found = rank(argument.arg, given, 3)
                if found is not None and given is not None:
                    yield found, given


def _argparse(node: ast.Call, names: Sequence[str], value: float) -> Iterator[tuple[int, ast.expr]]:
    if _last(node.func) != "add_argument" or not node.args:
        return
    flag = node.args[0]
    if isinstance(flag, ast.Constant) and str(flag.value).lstrip("-").replace("-", "_") in names:
        for keyword in node.keywords:
            given = number(keyword.value) if keyword.arg == "default" else None
            if given is not None and abs(given - value) <= 1e-9 * abs(value):
                yield 2, keyword.value


def _pairs(target: ast.expr, value: ast.expr | None) -> Iterator[tuple[str, ast.expr | None]]:
    if isinstance(target, (ast.Tuple, ast.List)):
        if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
            for t, v in zip(target.elts, value.elts, strict=True):
                yield from _pairs(t, v)
        return
    yield _last(target), value


def _last(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return str(node.slice.value)
    return ""


# ---- arrays ------------------------------------------------------------------------------------


class Birthplaces:
    """Remembers which statement made each array that is alive when training begins.

    Arrays are held weakly: the program's memory is what it is without us.
    """

    def __init__(self) -> None:
        self._made: dict[int, tuple[Any, int, Any]] = {}

    def add(self, log: Sequence[Event]) -> None:
        """Look through events that are about to be forgotten."""
        for event in log[-MOST_EVENTS:]:
            made = event[4]
            if type(made) is not np.ndarray or event[0] < 0:
                continue
            if event[5] is None:
                owner = primitives.owner_of(made)
                site = self._taken_from(event)
                for obj in (made, owner):
                    if self._known(obj) is None:
                        self._keep(obj, event[0] if site is None else site, event[1])
            else:
                owner = primitives.owner_of(made)
                if self._known(owner) in EMPTY:
                    self._keep(owner, event[0], event[1])  # filled after `np.zeros`: made there

    def _taken_from(self, event: Event) -> int | None:
        """Return where the rows of ``X[order]`` were made: to put them in order makes none."""
        source = event[2][0] if event[1] is operator.getitem and event[2] else None
        if not isinstance(source, np.ndarray):
            return None
        for candidate in (primitives.owner_of(source), source):
            known = self._made.get(id(candidate))
            if known is not None and known[0]() is candidate:
                return known[1]
        return None

    def _known(self, obj: Any) -> Any:
        """Return the function that made an array, if known."""
        entry = self._made.get(id(obj))
        return entry[2] if entry is not None and entry[0]() is obj else None

    def _keep(self, obj: Any, site: int, function: Any) -> None:
        try:
            self._made[id(obj)] = (weakref.ref(obj), site, function)
        except TypeError:
            return

    def of(self, obj: Any) -> Site | None:
        """Return the site that made an array (or the array that it is a view of)."""
        if not isinstance(obj, np.ndarray):
            return None
        for candidate in (primitives.owner_of(obj), obj):
            known = self._made.get(id(candidate))
            if known is not None and known[0]() is candidate:
                return SITES[known[1]]
        return None
