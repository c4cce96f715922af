"""The values that an expression may have meant: names in scope, likest first."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection

from backproof.repair.candidate import Code, Statement, targets_of

MOST = 60
_KEYED = re.compile(r"(\w[\w.]*)\[([\"'])(\w+)\2\]")
_NUMBER = re.compile(r"\d+")
_MODULES = frozenset({"np", "numpy", "math", "plt", "sys", "os", "scipy", "random", "time"})


def atoms(code: Code, statement: Statement) -> list[str]:
    """Return the texts of names, attributes and elements that the statement could use.

    Those of its own function (and class) come first, then the numbers and helpers of the module.
    """
    around = code.function_of(statement)
    family = code.class_of(statement)
    outer = enclosing(code, statement)
    near = [*code.once(_loads, around), *outer]
    if family is not None:
        loads = code.once(_loads, family)
        # What other closures read of a name that this one has, too: `out.grad`.
        near += [t for t in loads if t.startswith("self.") or t.partition(".")[0] in outer]
    module = [
        t for s in code.tree.body for target in targets_of(s)
        if isinstance(target, ast.Name) for t in [target.id]
    ]  # fmt: skip
    found = dict.fromkeys([*near, *_other_keys(code, near), *_parts(code, statement), *module])
    usable = [t for t in found if t not in _MODULES and t != "self"]
    # Those come first that are easily taken for one that stands there, or belong to it.
    own = [
        code.text(n) for n in ast.walk(statement)
        if isinstance(n, ast.Name | ast.Attribute)
        and not isinstance(code.parents.get(n), ast.Attribute)
    ]  # fmt: skip
    prices = {t: min((likeness(name, t) for name in own if name != t), default=2.0) for t in usable}
    alike = sorted((t for t in usable if prices[t] < 1.0), key=prices.__getitem__)
    return list(dict.fromkeys([*alike[: MOST // 2], *usable]))[:MOST]


def _parts(code: Code, statement: Statement) -> list[str]:
    """Return other attributes of the objects that a statement's function reads: ``net.l1.output``.

    They are those that the file's classes give to themselves; of objects named alike, too.
    """
    kept = code.once(_kept)
    bases: dict[str, None] = {}
    for node in ast.walk(code.function_of(statement)):
        if not isinstance(node, ast.Attribute) or node.attr not in kept or not _is_path(node):
            continue
        base = node.value
        bases[code.text(base)] = None
        if isinstance(base, ast.Attribute):
            alike = [name for name in kept if likeness(base.attr, name) <= 0.9]
            bases |= dict.fromkeys(f"{code.text(base.value)}.{name}" for name in alike)
    objects = [base for base in bases if base != "self"][:4]
    return [f"{base}.{name}" for base in objects for name in kept if _NUMBER.sub("", name)]


def _kept(code: Code) -> list[str]:
    """Return the attributes that the file's classes store values in."""
    found = [
        target.attr for statement in code.statements() for target in targets_of(statement)
        if isinstance(target, ast.Attribute) and code.text(target.value) == "self"
    ]  # fmt: skip
    return list(dict.fromkeys(found))[:12]


def _is_path(node: ast.AST) -> bool:
    """Whether an expression is a name with attributes: ``net.l1``."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name)


def _other_keys(code: Code, texts: list[str]) -> list[str]:
    """Return the other values of the dictionaries that are read: ``cache["Z1"]`` beside ``A1``."""
    literals = [
        [k.value for k in node.keys if isinstance(k, ast.Constant) and isinstance(k.value, str)]
        for node in code.nodes if isinstance(node, ast.Dict)
    ]  # fmt: skip
    found: list[str] = []
    for match in map(_KEYED.fullmatch, texts):
        if match is not None:
            base, quote, own = match.groups()
            known = dict.fromkeys(k for keys in literals if own in keys for k in keys)
            found += [f"{base}[{quote}{key}{quote}]" for key in known if key.isidentifier()]
    return found


def parts(code: Code, statement: Statement) -> list[str]:
    """Return the sums, differences and calls in a statement's function, those in brackets so."""
    found: dict[str, None] = {}
    for node in ast.walk(code.function_of(statement)):
        if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Add | ast.Sub):
            continue
        text = code.text(node)
        if "\n" not in text and len(text) <= 60:
            found[f"({text})"] = None
    return list(found)[: MOST // 2]


def enclosing(code: Code, statement: Statement) -> list[str]:
    """Return what the functions around a statement's own function have names for."""
    around = code.function_of(statement)
    found: list[str] = []
    outer = around
    while outer is not code.tree and (outer := code.function_of(outer)) is not code.tree:
        found += code.once(_loads, outer)
    own = set(code.once(_loads, around))
    return [name for name in found if name not in own]


def _loads(code: Code, around: ast.AST) -> list[str]:
    texts: dict[str, int] = {}
    if isinstance(around, ast.FunctionDef | ast.AsyncFunctionDef):
        arguments = around.args
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            texts[argument.arg] = 1
    for node in ast.walk(around):
        if isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
            parent = code.parents.get(node)
            if isinstance(parent, ast.Call) and parent.func is node:
                continue
            if isinstance(node, ast.Attribute) and node.attr in ("T", "shape", "size"):
                continue
            if isinstance(node, ast.Subscript) and not _is_simple(node):
                continue
            if isinstance(node, ast.Attribute) and not _is_path(node):
                continue
            text = code.text(node)
            if "\n" not in text and text.split(".")[0] not in _MODULES:
                texts[text] = texts.get(text, 0) + 1
    return list(texts)


def _is_simple(node: ast.Subscript) -> bool:
    return isinstance(node.value, ast.Name | ast.Attribute | ast.Subscript) and not any(
        isinstance(inner, ast.Call) and not is_text(inner) for inner in ast.walk(node.slice)
    )


def is_text(node: ast.AST) -> bool:
    """Whether a node is ``str(…)``: a number within a key."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "str"


def likeness(one: str, other: str) -> float:
    """Return what it costs to take `other` for `one`: 1 for the same name with another number."""
    stem, other_stem = _NUMBER.sub("#", one), _NUMBER.sub("#", other)
    if stem == other_stem:
        return 0.9
    if one.startswith(other) or other.startswith(one):
        return 0.95
    if "[" in one and "[" in other:
        base, _, index = one.partition("[")
        other_base, _, other_index = other.partition("[")
        if base == other_base or index == other_index:
            return 0.95
    if len(one) == len(other) and sum(a != b for a, b in zip(one, other, strict=True)) == 1:
        return 0.97 if len(one) > 2 else 1.05
    if _NUMBER.findall(one) == _NUMBER.findall(other) and _NUMBER.search(one):
        return 1.0
    if one.lower() == other.lower() or one.lstrip("d_") == other.lstrip("d_"):
        return 1.0
    if one.split(".")[0] == other.split(".")[0] and "." in one:
        return 1.1
    return 1.3


def renumbered(text: str, old: int, new: int) -> str:
    """Return a text whose numbered names are moved by ``new − old``: ``dZ2 @ A1.T``, ``dZ1 @ A0``.

    Numbers that stand alone (axes, constants) stay.
    """
    shift = new - old

    def moved(match: re.Match[str]) -> str:
        return str(max(0, int(match.group()) + shift))

    return re.sub(r"(?<=[A-Za-z_])\d+(?!\w)|(?<=[A-Za-z_]\[)\d+(?=\])", moved, text)


def numbers_in(text: str) -> list[int]:
    """Return the numbers that belong to names of a text."""
    return [int(n) for n in re.findall(r"(?<=[A-Za-z_])\d+(?!\w)|(?<=[A-Za-z_]\[)\d+(?=\])", text)]


def one_letter(one: str, other: str) -> tuple[str, str] | None:
    """Return the letters in which two names differ, if it is one."""
    if len(one) != len(other):
        return None
    pairs = [(a, b) for a, b in zip(one, other, strict=True) if a != b]
    return pairs[0] if len(pairs) == 1 and all(c.isalnum() for c in pairs[0]) else None


def relettered(name: str, old: str, new: str) -> str:
    """Return a name with one letter for another in its last part, in either case."""
    for a, b in ((old, new), (old.lower(), new.lower()), (old.upper(), new.upper())):
        at = name.rfind(a)
        if at >= 0:
            return name[:at] + b + name[at + 1 :]
    return name


def exchanged(text: str, old: str, new: str, known: Collection[str]) -> str:
    """Return a text with two letters exchanged in the names that are `known` with the other one.

    ``dc * (z / nx ** 2)`` is ``dc * (x / nz ** 2)`` with x for z.
    """

    def other(match: re.Match[str]) -> str:
        name = match.group()
        swapped = [relettered(name, a, b) for a, b in ((old, new), (new, old))]
        return next((s for s in swapped if s != name and s in known), name)

    return re.sub(r"[^\W\d]\w*", other, text)
