"""Instrumented copies: stores, loops and the other statements, with hooks in their expressions."""

from __future__ import annotations

import ast
from typing import Any

from backproof.trace.copies import LOAD, Plain, first_place, located, replaced
from backproof.trace.watched import BINARY, WatchedExpressions, attribute_place

IN_PLACE = {**BINARY, ast.LShift: "lshift", ast.RShift: "rshift"}


class Instrumented(WatchedExpressions):
    """Copies code with hooks in its statements and expressions."""

    # ---- stores -------------------------------------------------------------------------------

    def target(self, node: ast.expr) -> ast.expr:
        """Return what is assigned to: ``x[key]`` → ``@bp.target(site, x)[key]``."""
        if isinstance(node, ast.Subscript):
            site = self.site(node, "target", "target", node.value, node.slice)
            container = self.hook("target", node.value, site, self.visit(node.value))
            return replaced(node, value=container, slice=self.visit(node.slice))
        if isinstance(node, (ast.Tuple, ast.List)):
            return replaced(node, elts=[self.target(element) for element in node.elts])
        if isinstance(node, ast.Starred):
            return replaced(node, value=self.target(node.value))
        if isinstance(node, ast.Attribute):
            owner = self.visit(node.value)
            if node.attr == "shape":
                site = self.site(node, "target", "shape", node.value)
                owner = self.hook("shaped", node.value, site, owner)
            return replaced(node, value=owner)
        return node

    def visit_Assign(self, node: ast.Assign) -> Any:
        """Watch the value, its unpacking, and the containers that are stored to."""
        self.places.begin(node)
        self.places.assigns(node.targets, node.value)
        # A value that also goes to a plain target must reach it as it is.
        if all(isinstance(target, (ast.Tuple, ast.List)) for target in node.targets) and not (
            isinstance(node.value, (ast.Tuple, ast.List))
        ):
            site = self.site(node.value, "unpack", "unpack", node.value)
            value = self.hook("unpack", node.value, site, self.visit(node.value))
        else:
            value = self.passed_on(node.value)
        return replaced(node, targets=[self.target(target) for target in node.targets], value=value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        """Watch value and target; the annotation stays as it is."""
        if node.value is None:
            return node
        self.places.begin(node)
        self.places.assigns([node.target], node.value)
        return replaced(node, value=self.visit(node.value), target=self.target(node.target))

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        """``x += v`` → ``x = @bp.aug(site, x, v)``; attributes and items are stored by the hook."""
        self.places.begin(node)
        self.places.assigns([node.target], node.value)
        target, op = node.target, IN_PLACE[type(node.op)]
        kind = {ast.Name: "aug", ast.Attribute: "aug_attr", ast.Subscript: "aug_item"}[type(target)]
        self.places.names_value(target, node)
        site = self.site(node, kind, op, target, node.value)
        if isinstance(target, ast.Name):
            old = located(ast.Name(id=target.id, ctx=LOAD), target)
            new = self.hook("aug", node, site, old, self.visit(node.value))
            return located(ast.Assign(targets=[target], value=new), node)
        if isinstance(target, ast.Attribute):
            name = located(ast.Constant(value=self.places.mangled(target.attr)), target)
            owner = self.visit(target.value)
            finish = self.hook("aug_attr", attribute_place(target), site, owner, name)
        else:
            owner = self.visit(target.value)
            finish = self.hook("aug_item", target, site, owner, self.key(target.slice))
        call = located(ast.Call(func=finish, args=[self.visit(node.value)], keywords=[]), node)
        return located(ast.Expr(value=call), node)

    def visit_Delete(self, node: ast.Delete) -> Any:
        """Leave deletions as they are."""
        return Plain(self.places, self.depth).visit(node)

    # ---- loops and comprehensions -------------------------------------------------------------

    def visit_For(self, node: ast.For) -> Any:
        """Watch the iterable, and offer a plain copy of each iteration."""
        self.places.begin(node, node.iter)
        with self.places.binding(node.target):
            number = self.site(node, "loop", "for", node.iter)
            iterable = self.iterable(node.iter, node.target)
        target = self.target(node.target)
        return self._loop(node, number, target=target, iter=iterable)

    def visit_While(self, node: ast.While) -> Any:
        """Offer a plain copy of each iteration."""
        self.places.begin(node, node.test)
        number = self.site(node, "loop", "while", node.test)
        return self._loop(node, number, test=self.visit(node.test))

    def _loop(self, node: ast.For | ast.While, number: ast.Constant, **fields: Any) -> Any:
        first = first_place(node.body)
        hooks, self.hooks = self.hooks, 0
        watched = self.visit_all(node.body)
        mode = self.hook("iteration", first, number)
        body: list[ast.stmt]
        if self.hooks > 1:
            plain = Plain(self.places, self.depth).visit_all(node.body)
            body = [located(ast.If(test=mode, body=watched, orelse=plain), first)]
        else:
            body = [located(ast.Expr(value=mode), first), *watched]
        self.hooks += hooks
        loop = replaced(node, body=body, orelse=self.visit_all(node.orelse), **fields)
        before = self.statement("loop", node, number)
        return [before, loop, self.statement("loop_end", node, number)]

    def visit_AsyncFor(self, node: ast.AsyncFor) -> Any:
        """Watch what is in the loop; its iterations belong to the event loop."""
        self.places.begin(node, node.iter)
        iterable = self.visit(node.iter)
        return replaced(
            node,
            iter=iterable,
            target=self.target(node.target),
            body=self.visit_all(node.body),
            orelse=self.visit_all(node.orelse),
        )

    def iterable(self, node: ast.expr, target: ast.expr) -> ast.expr:
        """Return what is walked through: ``xs`` → ``@bp.iter(site, xs)``."""
        op = "unpack" if isinstance(target, (ast.Tuple, ast.List)) else "iter"
        site = self.site(node, "iter", op, node)
        return self.hook("iter", node, site, self.visit(node))

    def visit_comprehension(self, node: ast.comprehension) -> Any:
        """Watch the iterable and the conditions of a comprehension."""
        if node.is_async:
            iterable = self.visit(node.iter)
        else:
            with self.places.binding(node.target):
                iterable = self.iterable(node.iter, node.target)
        return replaced(
            node, iter=iterable, target=self.target(node.target), ifs=self.visit_all(node.ifs)
        )

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp) -> Any:
        """A comprehension that calls something for each element may be the training loop."""
        element = node.value if isinstance(node, ast.DictComp) else node.elt
        first = node.generators[0]
        walks = isinstance(element, ast.Call) and not first.is_async
        number = self.site(node, "loop", "comprehension", first.iter) if walks else None
        result = self.generic(node)
        if isinstance(node, ast.ListComp) and isinstance(first.target, ast.Tuple):
            result.elt = self.handed(node.elt, result.elt)  # ``[b for a, b in zip(xs, ys)]``
        if number is not None:
            head = result.generators[0]
            head.iter = self.hook("walk", first.iter, number, head.iter)
        return result

    visit_ListComp = visit_SetComp = visit_DictComp = _comprehension

    # ---- other statements ---------------------------------------------------------------------

    def _simple(self, node: ast.stmt) -> Any:
        self.places.begin(node)
        return self.generic(node)

    visit_Expr = visit_Raise = _simple

    def visit_Return(self, node: ast.Return) -> Any:
        """Watch what is returned."""
        self.places.begin(node)
        value = node.value
        if isinstance(value, ast.Tuple):
            elements = [self.passed_on(element) for element in value.elts]
            return replaced(node, value=replaced(value, elts=elements))
        return node if value is None else replaced(node, value=self.passed_on(value))

    def passed_on(self, node: ast.expr) -> Any:
        """Watch a value that a statement hands on: ``dZ = dA`` → ``dZ = @bp.flow(site, dA)``."""
        return self.handed(node, self.visit(node))

    def handed(self, node: ast.expr, value: Any) -> Any:
        """Watch a value where the program computes nothing of it."""
        if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)):
            return self.hook("flow", node, self.site(node, "flow", "flow", node), value)
        return value

    def visit_Assert(self, node: ast.Assert) -> Any:
        """Watch all but the comparison itself, whose place the raised error is given."""
        self.places.begin(node)
        message = None if node.msg is None else self.visit(node.msg)
        return replaced(node, test=self._tested(node.test), msg=message)

    def _tested(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Compare):
            return self.generic(node)
        if isinstance(node, ast.BoolOp):
            return replaced(node, values=[self._tested(value) for value in node.values])
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return replaced(node, operand=self._tested(node.operand))
        return self.visit(node)

    def visit_If(self, node: ast.If) -> Any:
        """Watch the condition and both branches."""
        self.places.begin(node, node.test)
        return self.generic(node)

    def visit_With(self, node: ast.With | ast.AsyncWith) -> Any:
        """Watch the context expressions, the targets and the body."""
        self.places.begin(node, node.items[-1].optional_vars or node.items[-1].context_expr)
        return self.generic(node)

    visit_AsyncWith = visit_With

    def visit_withitem(self, node: ast.withitem) -> Any:
        """Watch one ``expression as target``."""
        target = None if node.optional_vars is None else self.target(node.optional_vars)
        return replaced(node, context_expr=self.visit(node.context_expr), optional_vars=target)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> Any:
        """Begin with ``@bp.caught()``, so that the handler sees a traceback without our frames."""
        self.places.begin(node, node.type)
        kind = None if node.type is None else self.visit(node.type)
        caught = self.statement("caught", first_place(node.body))
        return replaced(node, type=kind, body=[caught, *self.visit_all(node.body)])

    def visit_Match(self, node: ast.Match) -> Any:
        """Watch the subject, the guards and the bodies; patterns stay as they are."""
        self.places.begin(node, node.subject)
        return self.generic(node)

    def visit_match_case(self, node: ast.match_case) -> Any:
        """Watch guard and body."""
        guard = None
        if node.guard is not None:
            self.places.begin(node.guard)
            guard = self.visit(node.guard)
        return replaced(node, guard=guard, body=self.visit_all(node.body))
