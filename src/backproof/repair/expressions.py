"""One-place edits of the expression that a statement computes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from backproof.repair.brackets import brackets
from backproof.repair.calls import REDUCTIONS, calls, is_module, matrix_pairs, name_of
from backproof.repair.candidate import Change, Code, given, is_atomic
from backproof.repair.elements import elements
from backproof.repair.names import likeness
from backproof.repair.offers import STRENGTH, bracketed, constants, derivatives, penalties, sizes

OPERATORS = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.MatMult: "@", ast.Pow: "**",
    ast.FloorDiv: "//", ast.Mod: "%",
}  # fmt: skip
COMPARISONS = {ast.Gt: ">", ast.GtE: ">=", ast.Lt: "<", ast.LtE: "<="}
#: Parts of an expression around which something may be missing.
MOST_TERMS = 8
#: Names of gradients that come from the next time step, or along a shortcut.
_PASSED_ON = re.compile(r"next|future|skip|short|resid|carr|later", re.IGNORECASE)


def changes(code: Code, root: ast.expr, atoms: list[str]) -> Iterator[Change]:
    """Yield the edits of an expression, of the whole and of its parts."""
    skipped: set[ast.AST] = set()
    for node in ast.walk(root):
        if isinstance(node, ast.Call):
            skipped.add(node.func)
            if isinstance(node.func, ast.Attribute) and is_module(node.func.value):
                skipped.add(node.func.value)
        if isinstance(node, ast.Attribute) and is_module(node.value):
            skipped.add(node.value)
    for node in ast.walk(root):
        if not isinstance(node, ast.expr) or node in skipped:
            continue
        if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            continue
        yield from _operators(code, root, node)
        yield from brackets(code, node)
        yield from calls(code, node)
        yield from _operands(code, node, atoms)
        yield from _transposes(code, node)
        yield from _numbers(code, node, atoms)
        yield from _orders(code, node)
        yield from _signs(code, node)


def wholes(code: Code, root: ast.expr, atoms: list[str]) -> Iterator[Change]:
    """Yield what may be missing around an expression: a factor, a term, a sum, a derivative."""
    stands_alone = isinstance(code.parents.get(root), ast.Expr)
    for node in (*([] if stands_alone else [root]), *_terms(root)):
        text = code.text(node)
        if len(text) > 300 or isinstance(node, ast.Constant | ast.Tuple | ast.List | ast.Dict):
            continue
        grouped = text if is_atomic(text) or _is_product(node) else f"({text})"
        far = 0.0 if node is root else 0.15
        for size in sizes(code, code.function_of(node)):
            yield node, f"{grouped} / {size}", "missing-factor", 1.0 + far
            yield node, f"{grouped} * {size}", "missing-factor", 1.4 + far
        yield node, f"2 * {grouped}", "missing-factor", 1.2 + far
        yield node, f"{grouped} / 2", "missing-factor", 1.3 + far
        helper = code.function_of(root)
        is_activation = isinstance(helper, ast.FunctionDef) and len(given(helper)) == 1
        for derivative, price in () if is_activation else derivatives(code, atoms):
            yield node, f"{grouped} * {derivative}", "missing-factor", price + far
        for axis in ("axis=0", "axis=1", "axis=0, keepdims=True", "axis=1, keepdims=True"):
            yield node, f"np.sum({text}, {axis})", "wrong-axis", 1.2 + far
        for atom in atoms:
            price = 1.1 if STRENGTH.fullmatch(atom) else 1.5
            yield node, f"{grouped} * {atom}", "missing-factor", price + far
            price = 1.0 if _PASSED_ON.search(atom) else 1.6
            yield node, f"{text} + {atom}", "missing-term", price + far
            yield node, f"{text} - {atom}", "missing-term", 1.9 + far
            yield node, f"{grouped} @ {atom}.T", "missing-factor", 2.2 + far
        for term in penalties(code, atoms):
            yield node, f"{text} + {term}", "missing-term", 1.3 + far
            yield node, f"{text} - {term}", "missing-term", 1.5 + far  # of what is to grow
        for number in code.once(constants):
            yield node, f"{number} * {grouped}", "missing-factor", 1.5 + far
    for node in _reduced(root):
        grouped = bracketed(code, node)
        factors = [*derivatives(code, atoms), *((atom, 1.4) for atom in atoms)]
        for factor, price in factors:
            text = f"{grouped} * {factor}"
            yield node, code.put(node, text), "missing-factor", price + 0.1


def _reduced(root: ast.expr) -> Iterator[ast.expr]:
    """Yield what a method sums up, or is turned, in an expression: ``dy`` of ``dy.sum(0)``."""
    for node in ast.walk(root):
        if isinstance(node, ast.Attribute) and node.attr == "T" and not is_module(node.value):
            yield node.value
        called = node.func if isinstance(node, ast.Call) else None
        if not isinstance(called, ast.Attribute) or is_module(called.value):
            continue
        if called.attr in REDUCTIONS:
            yield called.value


# ---- parts -------------------------------------------------------------------------------------


def _signs(code: Code, node: ast.expr) -> Iterator[Change]:
    text = code.text(node)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield node, code.text(node.operand), "wrong-sign", 0.9
    elif isinstance(node, ast.BinOp | ast.Call | ast.Name | ast.Subscript | ast.Attribute):
        grouped = text if is_atomic(text) or _is_product(node) else f"({text})"
        yield node, code.put(node, f"-{grouped}"), "wrong-sign", 1.3


def _operators(code: Code, root: ast.expr, node: ast.expr) -> Iterator[Change]:
    if isinstance(node, ast.BinOp):
        left, right = bracketed(code, node.left), bracketed(code, node.right)
        kind = type(node.op)
        put = code.put

        def joined(sign: str, a: str = "", b: str = "") -> str:
            return put(node, f"{a or left} {sign} {b or right}")

        if kind in (ast.Add, ast.Sub):
            left, right = _term(code, node.left), _term(code, node.right)
            yield node, joined("-" if kind is ast.Add else "+"), "wrong-sign", 0.9
            yield node, put(node, f"{right} - {left}"), "wrong-sign", 1.0
            product = joined("*", bracketed(code, node.left), bracketed(code, node.right))
            yield node, product, "wrong-operand", 1.8
            yield node, put(node, left), "extra-term", 1.2
            yield node, put(node, right), "extra-term", 1.3
            yield node, put(node, f"-{bracketed(code, node.right)}"), "extra-term", 1.6
        elif kind in (ast.Mult, ast.Div):
            other = ast.Div if kind is ast.Mult else ast.Mult
            yield node, joined(OPERATORS[other]), "extra-factor", 1.3
            yield node, put(node, code.text(node.left)), "extra-factor", 1.1
            yield node, put(node, code.text(node.right)), "extra-factor", 1.1
            for sign in ("+", "-"):
                yield node, joined(sign), "wrong-operand", 1.8
            if kind is ast.Mult:
                for a, b in matrix_pairs(left, right):
                    yield node, joined("@", a, b), "elementwise-vs-matmul", 1.0
                yield node, put(node, f"np.outer({left}, {right})"), "elementwise-vs-matmul", 1.4
            else:
                yield node, put(node, f"{right} / {left}"), "wrong-operand", 1.8
        elif kind is ast.MatMult:
            yield node, joined("*"), "elementwise-vs-matmul", 1.0
            for a, b in matrix_pairs(left, right)[1:]:
                yield node, joined("@", a, b), "missing-transpose", 1.0
        elif kind is ast.Pow:
            yield node, put(node, code.text(node.left)), "extra-factor", 1.1
            yield node, joined("*"), "wrong-derivative", 1.2
            if isinstance(node.right, ast.Name | ast.Attribute):  # the rule of a power
                less = f"({code.text(node.right)} - 1)"
                yield node.right, less, "wrong-derivative", 0.7
        if kind is ast.Mult and isinstance(node.right, ast.Constant):
            # The power is that of the last factor: ``d * t ** 2``.
            yield node, joined("**", _term(code, node.left)), "wrong-derivative", 1.2
        squares = "** 2" in code.text(root)  # beside another square this one may be missing
        for child in (node.left, node.right):
            divides = kind is ast.Div and child is node.right  # as that of ``a / b`` by b does
            price = 1.0 if squares or divides else 1.8
            yield child, f"{bracketed(code, child)} ** 2", "missing-factor", price
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        left, right = code.text(node.left), code.text(node.comparators[0])
        for comparison, sign in COMPARISONS.items():
            own = type(node.ops[0])
            if own is not comparison and own in COMPARISONS:
                yield node, code.put(node, f"{left} {sign} {right}"), "wrong-derivative", 1.1
    elif isinstance(node, ast.IfExp):
        yield node, code.put(node, bracketed(code, node.body)), "wrong-operand", 1.0
        yield node, code.put(node, bracketed(code, node.orelse)), "wrong-operand", 1.0


def _term(code: Code, node: ast.expr) -> str:
    """Return a node's text as a term of a sum: products and powers need no brackets."""
    tight = isinstance(node, ast.BinOp) and isinstance(
        node.op, ast.Mult | ast.Div | ast.MatMult | ast.Pow
    )
    return code.text(node) if tight and "\n" not in code.text(node) else bracketed(code, node)


def _transposes(code: Code, node: ast.expr) -> Iterator[Change]:
    parent = code.parents.get(node)
    if isinstance(node, ast.Attribute) and node.attr == "T":
        yield node, bracketed(code, node.value), "missing-transpose", 0.9
    elif isinstance(parent, ast.BinOp | ast.Call) and isinstance(
        node, ast.Name | ast.Attribute | ast.Subscript | ast.Call
    ):
        near = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.MatMult)
        near = near or (isinstance(parent, ast.Call) and name_of(parent) in ("dot", "matmul"))
        yield node, f"{code.text(node)}.T", "missing-transpose", 0.9 if near else 1.6


def _operands(code: Code, node: ast.expr, atoms: list[str]) -> Iterator[Change]:
    """Another value in place of a name, an attribute or an element."""
    if isinstance(node, ast.Subscript):
        yield from elements(code, node)
    if not isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
        return
    if isinstance(node, ast.Attribute) and node.attr in ("T", "shape", "size", "ndim"):
        return
    own = code.text(node)
    for atom in atoms:
        if atom != own:
            yield node, atom, "wrong-operand", likeness(own, atom)
    parent = code.parents.get(node)
    if not isinstance(parent, ast.Call) or parent.func is not node:
        yield node, f"(1 - {own})", "wrong-operand", 1.6  # a share for the rest
    index = code.once(_taken, code.function_of(node)).get(own, "")
    if index and isinstance(node, ast.Name):
        for other in code.once(_lists, code.function_of(node)):
            yield node, f"{other}[{index}]", "wrong-operand", 1.0


def _taken(code: Code, around: ast.AST) -> dict[str, str]:
    """Return the names that a function gives to elements of lists, and where these stand."""
    return {
        node.targets[0].id: code.text(node.value.slice) for node in ast.walk(around)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Subscript) and isinstance(node.value.value, ast.Name)
        and not isinstance(node.value.slice, ast.Slice | ast.Tuple)
    }  # fmt: skip


def _lists(code: Code, around: ast.AST) -> list[str]:
    """Return the names that a function puts elements into, or takes them from."""
    found = [
        node.value.id for node in ast.walk(around)
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name)
    ]  # fmt: skip
    found += [
        node.func.value.id for node in ast.walk(around)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        and node.func.attr == "append" and isinstance(node.func.value, ast.Name)
    ]  # fmt: skip
    return list(dict.fromkeys(found))[:8]


def _numbers(code: Code, node: ast.expr, atoms: list[str]) -> Iterator[Change]:
    """Another number in place of one, or the gradient that a step lacks in place of a zero."""
    if not isinstance(node, ast.Constant) or isinstance(node.value, bool):
        return
    if not isinstance(node.value, int | float):
        return
    parent = code.parents.get(node)
    own: float = node.value
    power = parent
    if isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.USub):
        power = code.parents.get(parent)
    if isinstance(power, ast.BinOp) and isinstance(power.op, ast.Pow) and parent is not power:
        # ``(v + eps) ** (-0.5)``: the derivative of a power has the power that is one less.
        for other in dict.fromkeys((own + 1, own - 1, 2 * own, own / 2, 0.5, 1.5, 1, 2, 3)):
            if other > 0 and other != own:
                yield node, f"{other:g}", "wrong-derivative", 1.0
        return
    if isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Pow) and parent.right is node:
        others: tuple[float, ...] = (2, 3, 1, 0.5, -0.5, -1.5, -1, -2)
    elif type(own) is int:
        others = (own + 1, own - 1, 2 * own, 0, 1, 2)
    else:
        others = (2 * own, own / 2, 0.0, 1.0, 0.5, 2.0, -own)
    is_factor = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Mult)
    is_term = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Add | ast.Sub)
    needless = 1 if is_factor else 0 if is_term else None  # who means it writes nothing
    for atom in atoms if is_factor and own == 0 else ():
        yield node, atom, "missing-term", 0.9
    for other in dict.fromkeys(others):
        if other not in (own, needless):
            text = f"{other:g}" if type(own) is int else repr(float(other))
            yield node, text, "wrong-derivative", 1.1


def _orders(code: Code, node: ast.expr) -> Iterator[Change]:
    """Arguments of a call, or elements of a tuple, the other way round."""
    parts: list[ast.expr] = []
    if isinstance(node, ast.Tuple):
        parts, lead, tail = node.elts, "(", ")"
        span = code.span(node)
        if not code.file.line(span.line)[span.column - 1 :].startswith("("):
            lead = tail = ""
    elif isinstance(node, ast.Call) and len(node.args) > 1:
        parts, lead, tail = node.args, f"{code.text(node.func)}(", ")"
        if node.keywords:
            return
    if not 2 <= len(parts) <= 6:
        return
    texts = [code.text(p) for p in parts]
    for i in range(len(texts)):
        for j in range(i + 1, len(texts)):
            swapped = list(texts)
            swapped[i], swapped[j] = swapped[j], swapped[i]
            price = 1.1 if j == i + 1 else 1.4
            yield node, f"{lead}{', '.join(swapped)}{tail}", "wrong-operand", price


# ---- helpers -----------------------------------------------------------------------------------


def _terms(root: ast.expr) -> list[ast.expr]:
    """Return the terms and factors of an expression, and what it is put together from."""
    found: list[ast.expr] = []
    queue = [root]
    while queue and len(found) < MOST_TERMS:
        node = queue.pop(0)
        parts: list[ast.expr] = []
        if isinstance(node, ast.Tuple | ast.List):
            parts = node.elts
        elif isinstance(node, ast.Dict):
            parts = node.values
        elif isinstance(node, ast.BinOp):
            parts = [node.left, node.right]
        elif isinstance(node, ast.Call):
            parts = node.args[:4]
        found += parts
        queue += parts
    return found[:MOST_TERMS]


def _is_product(node: ast.expr) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div | ast.MatMult)
