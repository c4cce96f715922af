"""Expressions with hooks: every operator, call, subscript and attribute becomes one.

Every generated node stands where the node that it replaces stood, so that tracebacks, warnings and
`inspect` name the user's lines and columns.
"""

from __future__ import annotations

import ast
from typing import Any

from backproof.trace.copies import Plain, located, name_of, replaced
from backproof.trace.decisions import is_step
from backproof.trace.places import Places

BINARY: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.FloorDiv: "floordiv",
    ast.Mod: "mod",
    ast.Pow: "pow",
    ast.MatMult: "matmul",
    ast.BitAnd: "and",
    ast.BitOr: "or",
    ast.BitXor: "xor",
}
COMPARE: dict[type[ast.cmpop], str] = {
    ast.Lt: "lt",
    ast.LtE: "le",
    ast.Gt: "gt",
    ast.GtE: "ge",
    ast.Eq: "eq",
    ast.NotEq: "ne",
}
UNARY: dict[type[ast.unaryop], str] = {ast.USub: "neg", ast.UAdd: "pos", ast.Invert: "invert"}
#: Attributes of arrays that are views or copies of them.
VIEWS = frozenset({"T", "real", "imag", "flat", "A", "A1", "I", "H", "mT"})
#: Builtins that look at the frame of their caller, or that the compiler treats specially.
UNWATCHED = frozenset(
    {
        "super",
        "locals",
        "globals",
        "vars",
        "dir",
        "eval",
        "exec",
        "__import__",
        "breakpoint",
        "input",
    }
)
#: From this many arguments on the compiler does not emit a method call (its stack guideline).
_MANY_ARGUMENTS = 15


class WatchedExpressions(Plain):
    """Copies expressions with hooks. `hooks` counts those put into this scope."""

    def __init__(self, places: Places, depth: int) -> None:
        super().__init__(places, depth)
        self.hooks = 0

    # ---- making hooks -------------------------------------------------------------------------

    def hook(self, name: str, place: ast.AST, *arguments: ast.expr) -> ast.Call:
        """Return ``@bp.<name>(*arguments)`` at `place`."""
        self.hooks += 1
        return located(
            ast.Call(func=name_of(name, place), args=list(arguments), keywords=[]), place
        )

    def site(self, node: ast.AST, kind: str, op: str, *operands: ast.AST) -> ast.Constant:
        """Return the number of the site of `node`, as an expression."""
        return located(ast.Constant(value=self.places.number(node, kind, op, operands)), node)

    def statement(self, name: str, place: ast.AST, *arguments: ast.expr) -> ast.Expr:
        """Return a hook as a statement of its own."""
        return located(ast.Expr(value=self.hook(name, place, *arguments)), place)

    # ---- operators ----------------------------------------------------------------------------

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        """``a + b`` → ``@bp.add(site, a, b)``; not for constants, nor strings."""
        op = BINARY.get(type(node.op))
        if op is None or _is_text(node.left) or _is_text(node.right):
            return self.generic(node)
        if _is_constant(node):
            return node
        site = self.site(node, "binop", op, node.left, node.right)
        return self.hook(op, node, site, self.visit(node.left), self.visit(node.right))

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        """``-a`` → ``@bp.neg(site, a)``."""
        op = UNARY.get(type(node.op))
        if id(node) in self.places.decided:
            return self._decided(node)
        if op is None or _is_constant(node):
            return self.generic(node)
        site = self.site(node, "unary", op, node.operand)
        return self.hook(op, node, site, self.visit(node.operand))

    def visit_Compare(self, node: ast.Compare) -> Any:
        """``a < b`` → ``@bp.lt(site, a, b)``; chains stay as they are."""
        op = COMPARE.get(type(node.ops[0])) if len(node.ops) == 1 else None
        right = node.comparators[0]
        if op is None or _is_text(node.left) or _is_text(right):
            return self.generic(node)
        site = self.site(node, "compare", op, node.left, right)
        return self.hook(op, node, site, self.visit(node.left), self.visit(right))

    # ---- calls --------------------------------------------------------------------------------

    def visit_Call(self, node: ast.Call) -> Any:
        """``f(x)`` → ``@bp.call(site, f)(x)``; ``x.m(y)`` → ``@bp.method(site, x, 'm')(y)``."""
        function = node.func
        place: ast.AST = node
        called: ast.expr
        if isinstance(function, ast.Attribute):
            site = self.site(
                node, "method", function.attr, function.value, *node.args, *node.keywords
            )
            name = located(ast.Constant(value=self.places.mangled(function.attr)), function)
            receiver = self.visit(function.value)
            called = self.hook("method", attribute_place(function), site, receiver, name)
            if _is_method_call(node):
                place = _start_at_name(node, function)
        elif isinstance(function, ast.Name) and function.id in UNWATCHED:
            called = function
        else:
            site = self.site(node, "call", self.places.text(function), *node.args, *node.keywords)
            called = self.hook("call", function, site, self.visit(function))
        return located(
            replaced(
                node,
                func=called,
                args=self.visit_all(node.args),
                keywords=self.visit_all(node.keywords),
            ),
            place,
        )

    def visit_Starred(self, node: ast.Starred) -> Any:
        """``*xs`` → ``*@bp.unpack(site, xs)``, in calls and displays."""
        site = self.site(node.value, "unpack", "unpack", node.value)
        return replaced(node, value=self.hook("unpack", node.value, site, self.visit(node.value)))

    # ---- subscripts and attributes ------------------------------------------------------------

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        """``x[key]`` → ``@bp.getitem(site, x, key)``."""
        site = self.site(node, "getitem", "getitem", node.value, node.slice)
        return self.hook("getitem", node, site, self.visit(node.value), self.key(node.slice))

    def key(self, node: ast.expr) -> ast.expr:
        """Return a subscript's key as an expression: ``a:b`` becomes ``@bp.slice(a, b, None)``."""
        if isinstance(node, ast.Tuple):
            return replaced(node, elts=[self.key(element) for element in node.elts])
        if not isinstance(node, ast.Slice):
            return self.visit(node)  # type: ignore[no-any-return]
        parts = [
            located(ast.Constant(value=None), node) if part is None else self.visit(part)
            for part in (node.lower, node.upper, node.step)
        ]
        return self.hook("slice", node, *parts)

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        """``x.T`` → ``@bp.attr(site, x, 'T')``; other attributes stay as they are."""
        if node.attr not in VIEWS:
            return self.generic(node)
        site = self.site(node, "attr", node.attr, node.value)
        name = located(ast.Constant(value=node.attr), node)
        return self.hook("attr", attribute_place(node), site, self.visit(node.value), name)

    # ---- other expressions --------------------------------------------------------------------

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        """``d if z > 0 else 0`` → ``@bp.chosen(site, …)``, if not only one constant or another."""
        if is_step(node) or (
            isinstance(node.body, ast.Constant) and isinstance(node.orelse, ast.Constant)
        ):
            return self.generic(node)
        site = self.site(node, "chosen", "chosen", node.body, node.orelse, node.test)
        return self.hook("chosen", node, site, self.generic(node))

    def visit_Constant(self, node: ast.Constant) -> Any:
        """Watch a number that a comparison has decided for."""
        return self._decided(node) if id(node) in self.places.decided else node

    def _decided(self, node: ast.expr) -> Any:
        """``return 0`` → ``return @bp.chosen(site, 0)``."""
        op = self.places.decided[id(node)]
        return self.hook("chosen", node, self.site(node, "chosen", op), node)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> Any:
        """Watch the value of ``(x := value)``."""
        self.places.names_value(node.target, node.value)
        return replaced(node, value=self.visit(node.value))

    def visit_JoinedStr(self, node: ast.JoinedStr) -> Any:
        """Watch the expressions of an f-string."""
        with self.places.in_f_string(node):
            return self.generic(node)


def _is_constant(node: ast.expr) -> bool:
    """Whether the compiler computes `node` itself."""
    if isinstance(node, ast.BinOp):
        return _is_constant(node.left) and _is_constant(node.right)
    if isinstance(node, ast.UnaryOp):
        return _is_constant(node.operand)
    return isinstance(node, ast.Constant)


def _is_text(node: ast.expr) -> bool:
    """Whether `node` is a string, which no operation on arrays has for an operand."""
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes))
    )


def _start_at_name(node: ast.expr, attribute: ast.Attribute) -> ast.expr:
    """Return a place like that of `node`, but from the attribute's name on if on a later line.

    So does the compiler, to name the right line of a chain of methods over several lines.
    """
    if node.lineno == attribute.end_lineno or attribute.end_col_offset is None:
        return node
    start = attribute.end_col_offset - len(attribute.attr)
    return replaced(node, lineno=attribute.end_lineno, col_offset=start)


def attribute_place(node: ast.Attribute) -> ast.expr:
    """Return the place at which the compiler sees an attribute: that of its name."""
    return _start_at_name(node, node)


def _is_method_call(node: ast.Call) -> bool:
    """Whether the compiler calls ``x.m(...)`` as a method (no star arguments, and not many)."""
    return (
        len(node.args) + len(node.keywords) < _MANY_ARGUMENTS
        and not any(isinstance(argument, ast.Starred) for argument in node.args)
        and all(keyword.arg is not None for keyword in node.keywords)
    )
