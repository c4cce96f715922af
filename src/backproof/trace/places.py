"""Where the rewriter stands in the user's program: scopes, the statement at hand, its sites."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from backproof.source import Located, SourceFile, Span
from backproof.trace.site import SITES, Site

#: Before 3.12 the columns inside f-strings are not to be relied upon.
_F_STRING_PLACES = sys.version_info >= (3, 12)


def mangled(name: str, owner: str) -> str:
    """Return a name as Python mangles it inside the class `owner` (private names of classes)."""
    owner = owner.lstrip("_")
    if not owner or not name.startswith("__") or name.endswith("__"):
        return name
    return f"_{owner}{name}"


class Places:
    """Keeps track of scopes and statements, and hands out site numbers.

    An expression keeps its number however many copies are made of it, so that a function's sites
    are the same in whichever copy of its surroundings it was defined.
    """

    def __init__(self, file: SourceFile, decided: Mapping[int, str] | None = None) -> None:
        self.file = file
        #: What the numbers are that a comparison decides for, by id of the node.
        self.decided = decided or {}
        #: Qualified name of the function at hand.
        self.function = "<module>"
        #: What qualified names of definitions start with here.
        self._prefix = ""
        #: Name of the innermost class, for private names.
        self._class: str | None = None
        self._statement = Span(1, 1, 1, 1)
        self._targets: tuple[str, ...] = ()
        #: Targets of the expressions that are whole right-hand sides, by id of the node.
        self._values: dict[int, tuple[str, ...]] = {}
        self._numbers: dict[tuple[int, str], int] = {}
        self._f_string: ast.expr | None = None

    # ---- scopes -------------------------------------------------------------------------------

    @contextmanager
    def in_function(self, name: str) -> Iterator[None]:
        """Stand inside the function `name`."""
        function, prefix, statement = self.function, self._prefix, self._statement
        targets = self._targets
        self.function = prefix + name
        self._prefix = f"{self.function}.<locals>."
        yield
        self.function, self._prefix, self._statement = function, prefix, statement
        self._targets = targets

    @contextmanager
    def in_class(self, name: str) -> Iterator[None]:
        """Stand inside the body of the class `name`."""
        prefix, outer = self._prefix, self._class
        self._prefix = f"{prefix}{name}."
        self._class = name
        yield
        self._prefix, self._class = prefix, outer

    def mangled(self, name: str) -> str:
        """Return the attribute `name` as Python mangles it here (private names of classes)."""
        return mangled(name, self._class or "")

    # ---- statements ---------------------------------------------------------------------------

    def begin(self, statement: Located, last: Located | None = None) -> None:
        """Start a statement; `last` ends the header of a compound one."""
        span = self.file.span_of(statement)
        self._statement = span if last is None else span.until(self.file.span_of(last))
        self._targets = ()

    def assigns(self, targets: Sequence[ast.expr], value: ast.expr) -> None:
        """Say that the statement binds `targets` to `value`, each to each if both are tuples."""
        self._targets = tuple(self.text(target) for target in targets)
        self._values[id(value)] = self._targets
        for target in targets:
            if (
                isinstance(target, (ast.Tuple, ast.List))
                and isinstance(value, (ast.Tuple, ast.List))
                and len(target.elts) == len(value.elts)
                and not any(isinstance(e, ast.Starred) for e in (*target.elts, *value.elts))
            ):
                for one, its_value in zip(target.elts, value.elts, strict=True):
                    self._values[id(its_value)] = (self.text(one),)

    def names_value(self, target: ast.expr, value: ast.AST) -> None:
        """Say that `value` is the whole of what `target` is bound to."""
        self._values[id(value)] = (self.text(target),)

    @contextmanager
    def binding(self, target: ast.expr) -> Iterator[None]:
        """Stand where a loop or comprehension binds `target`."""
        outer = self._targets
        self._targets = (self.text(target),)
        yield
        self._targets = outer

    @contextmanager
    def in_f_string(self, node: ast.expr) -> Iterator[None]:
        """Stand inside the f-string `node`."""
        outer = self._f_string
        if not _F_STRING_PLACES:
            self._f_string = outer or node
        yield
        self._f_string = outer

    # ---- sites --------------------------------------------------------------------------------

    def text(self, node: ast.expr | ast.keyword) -> str:
        """Return the source text of `node`."""
        return self.file.text_of(node) if self._f_string is None else ast.unparse(node)

    def number(self, node: ast.AST, kind: str, op: str, operands: Sequence[ast.AST]) -> int:
        """Return the site number of `node` watched as `kind`."""
        key = (id(node), kind)
        number = self._numbers.get(key)
        if number is None:
            assert isinstance(node, (ast.expr, ast.stmt))
            number = self._numbers[key] = len(SITES)
            targets = self._values.get(id(node))
            site = Site(
                index=number,
                file=self.file,
                kind=kind,
                op=op,
                span=self._span(node, kind),
                statement=self._statement,
                function=self.function,
                targets=self._targets if targets is None else targets,
                is_value=targets is not None,
                operands=tuple(
                    self.text(operand)
                    for operand in operands
                    if isinstance(operand, (ast.expr, ast.keyword))
                ),
            )
            SITES.append(site)
        return number

    def _span(self, node: ast.expr | ast.stmt, kind: str) -> Span:
        if kind == "loop":
            return self._statement
        span = self.file.span_of(node)
        if self._f_string is None:
            return span
        try:
            found = ast.parse(self.file.slice(span), mode="eval").body
        except (SyntaxError, ValueError):
            found = None
        certain = found is not None and ast.dump(found) == ast.dump(node)
        return span if certain else self.file.span_of(self._f_string)
