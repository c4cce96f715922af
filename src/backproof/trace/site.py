"""Sites: the numbered places of the user's program that a hook watches."""

from __future__ import annotations

from dataclasses import dataclass

from backproof.source import SourceFile, Span


@dataclass(frozen=True, slots=True)
class Site:
    """One watched expression.

    Attributes
    ----------
    index : int
        Its position in `SITES`, the number that hooks are called with.
    file : SourceFile
    kind : str
        'binop', 'unary', 'compare', 'call', 'method', 'getitem', 'target', 'attr', 'aug',
        'aug_attr', 'aug_item', 'iter', 'unpack', 'flow', 'chosen' or 'loop'.
    op : str
        The operator's hook name ('add', 'neg', 'lt' …), the method's or attribute's name, the
        callee's text for calls, 'for' or 'while' for loops; for iteration 'unpack' where each
        item is unpacked into a tuple of targets, else 'iter'.
    span : Span
    statement : Span
        The enclosing simple statement, or the header of the enclosing compound statement.
    function : str
        Qualified name of the enclosing function, '<module>' at the top.
    targets : tuple of str
        Texts of the targets that the enclosing assignment, loop or comprehension binds.
    is_value : bool
        Whether the expression is the whole value of the assignment to `targets`.
    operands : tuple of str
        Texts of operands and arguments; a method's receiver comes first.
    """

    index: int
    file: SourceFile
    kind: str
    op: str
    span: Span
    statement: Span
    function: str
    targets: tuple[str, ...] = ()
    is_value: bool = False
    operands: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The expression as the user wrote it."""
        return self.file.slice(self.span)


#: Every site of every rewritten file, in the order of their numbers.
SITES: list[Site] = []
