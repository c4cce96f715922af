"""Plain copies of code in which only the functions are dual, and what all copies share."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from backproof.source import is_docstring
from backproof.trace.places import Places

Node = TypeVar("Node", bound=ast.AST)
Function = ast.FunctionDef | ast.AsyncFunctionDef

LOAD = ast.Load()
#: Functions nested deeper than this have an instrumented copy only, and lambdas there a plain one
#: without hooks: two copies at each level would double the code with every level.
DUAL_LEVELS = 3

_PLACE = ("lineno", "col_offset", "end_lineno", "end_col_offset")


def located(new: Node, place: ast.AST) -> Node:
    """Give `new` the place of another node and return it."""
    for name in _PLACE:
        setattr(new, name, getattr(place, name))
    return new


def replaced(node: Node, **fields: Any) -> Node:
    """Return a copy of `node` with other `fields`."""
    kind = type(node)
    clone = kind.__new__(kind)
    clone.__dict__.update(node.__dict__)
    clone.__dict__.update(fields)
    return clone


def name_of(hook: str, place: ast.AST) -> ast.Name:
    """Return an expression that loads the builtin ``@bp.<hook>``."""
    return located(ast.Name(id="@bp." + hook, ctx=LOAD), place)


def first_place(body: list[ast.stmt]) -> ast.AST:
    """Return what stands first in `body`: a decorator precedes its function's own place."""
    decorators = getattr(body[0], "decorator_list", None)
    return decorators[0] if decorators else body[0]


class Plain:
    """Copies code as it is; functions and lambdas in it become dual.

    Nodes are shared between copies and never changed. `visit` returns a node, or a list of
    statements in place of one.
    """

    def __init__(self, places: Places, depth: int) -> None:
        self.places = places
        #: How many functions are around the code that is copied.
        self.depth = depth
        self._class_body = False
        self._visitors: dict[type, Callable[[Any], Any]] = {}

    # ---- walking ------------------------------------------------------------------------------

    def visit(self, node: Any) -> Any:
        """Return the copy of `node`."""
        kind = type(node)
        visitor = self._visitors.get(kind)
        if visitor is None:
            visitor = getattr(self, "visit_" + kind.__name__, self.generic)
            self._visitors[kind] = visitor
        return visitor(node)

    def generic(self, node: Any) -> Any:
        """Return `node` with its children visited."""
        changed: dict[str, Any] = {}
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, ast.AST):
                new = self.visit(value)
                if new is not value:
                    changed[name] = new
            elif isinstance(value, list) and value:
                changed[name] = self.visit_all(value)
        return replaced(node, **changed) if changed else node

    def visit_all(self, nodes: Iterable[Any]) -> list[Any]:
        """Return the copies of `nodes`, statements that became several spread out."""
        copies: list[Any] = []
        for node in nodes:
            copy = self.visit(node) if isinstance(node, ast.AST) else node
            if isinstance(copy, list):
                copies += copy
            else:
                copies.append(copy)
        return copies

    # ---- scopes -------------------------------------------------------------------------------

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        """Make the function dual; its decorators and defaults stay as they are."""
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> Any:
        """Make the function dual."""
        return self._function(node)

    def _function(self, node: Function) -> Function:
        outside = Plain(self.places, self.depth)
        decorators = outside.visit_all(node.decorator_list)
        arguments = outside.visit_arguments(node.args)
        with self.places.in_function(node.name):
            body = dual_body(self.places, node.body, self.depth + 1)
        return replaced(node, decorator_list=decorators, args=arguments, body=body)

    def visit_Lambda(self, node: ast.Lambda) -> Any:
        """Make the lambda dual: ``lambda: instrumented if @bp.on else plain``."""
        arguments = Plain(self.places, self.depth).visit_arguments(node.args)
        with self.places.in_function("<lambda>"):
            body = dual_expression(self.places, node.body, self.depth + 1)
        return replaced(node, args=arguments, body=body)

    def visit_arguments(self, node: ast.arguments) -> ast.arguments:
        """Copy the defaults; annotations are left alone."""
        return replaced(
            node,
            defaults=self.visit_all(node.defaults),
            kw_defaults=self.visit_all(node.kw_defaults),
        )

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        """Copy the class as it is, but for the functions in it."""
        outside = Plain(self.places, self.depth)
        decorators = outside.visit_all(node.decorator_list)
        bases, keywords = outside.visit_all(node.bases), outside.visit_all(node.keywords)
        with self.places.in_class(node.name):
            inside = Plain(self.places, self.depth)
            inside._class_body = True
            body = inside.visit_all(node.body)
        return replaced(node, decorator_list=decorators, bases=bases, keywords=keywords, body=body)

    def visit_Global(self, node: ast.Global | ast.Nonlocal) -> Any:
        """Drop the declaration, which `declarations` has put before the copies."""
        return node if self._class_body else located(ast.Pass(), node)

    visit_Nonlocal = visit_Global

    # ---- what stays as it is ------------------------------------------------------------------

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        """Leave the annotation alone: it may become a string."""
        if node.value is None:
            return node
        return replaced(node, target=self.visit(node.target), value=self.visit(node.value))

    def visit_TypeAlias(self, node: ast.stmt) -> Any:
        """Leave the lazily evaluated value of a type alias alone."""
        return node

    def visit_Constant(self, node: ast.Constant) -> Any:
        """Constants have no children to copy."""
        return node

    visit_Name = visit_Constant


def dual_body(places: Places, body: list[ast.stmt], depth: int) -> list[ast.stmt]:
    """Return the body of a function: docstring, declarations, then both copies.

    A body without anything to watch needs one copy only; it tests ``@bp.on`` all the same, the
    mark by which the recorder knows a function of the user's.
    """
    from backproof.trace.instrument import Instrumented

    start = 1 if is_docstring(body[0]) else 0
    rest = body[start:]
    head = [*body[:start], *declarations(rest)]
    place = first_place(rest or body)
    instrumented = Instrumented(places, depth)
    watched = instrumented.visit_all(rest)
    switch = name_of("on", place)
    if instrumented.hooks and depth <= DUAL_LEVELS:
        plain = Plain(places, depth).visit_all(rest)
        return [*head, located(ast.If(test=switch, body=watched, orelse=plain), place)]
    return [*head, located(ast.Expr(value=switch), place), *watched]


def dual_expression(places: Places, body: ast.expr, depth: int) -> ast.expr:
    """Return the body of a lambda with both copies."""
    from backproof.trace.instrument import Instrumented

    watched: ast.expr = Instrumented(places, depth).visit(body)
    plain = body if depth > DUAL_LEVELS else Plain(places, depth).visit(body)
    return located(ast.IfExp(test=name_of("on", body), body=watched, orelse=plain), body)


def declarations(body: Iterable[ast.stmt]) -> list[ast.stmt]:
    """Return the global and nonlocal statements of a scope, which must precede both copies."""
    return list(_declarations(body))


def _declarations(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        if isinstance(statement, (ast.Global, ast.Nonlocal)):
            yield statement
        elif not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            for name in ("body", "handlers", "cases", "orelse", "finalbody"):
                inner = getattr(statement, name, ())
                if isinstance(inner, list):
                    yield from _declarations(inner)
