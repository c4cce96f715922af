"""From source text to instrumented code: the same program, with hooks.

Every function body becomes ``if @bp.on: <instrumented copy> else: <plain copy>``, so that outside
recorded steps a call costs one test of a builtin; every loop in an instrumented copy asks
``@bp.iteration(site)`` which copy of its body to run. `copies` makes plain copies, `instrument`
those with hooks, `places` knows scopes and numbers the sites.
"""

from __future__ import annotations

import ast
import sys
import warnings
from types import CodeType

from backproof.source import SourceFile, is_docstring
from backproof.trace.copies import declarations
from backproof.trace.decisions import decided_numbers
from backproof.trace.instrument import Instrumented
from backproof.trace.places import Places
from backproof.trace.site import SITES

#: Expressions nest a few times deeper with hooks; so many frames suffice where Python can compile.
_RECURSION_LIMIT = 20_000


def rewrite(source: SourceFile, *, flags: int = 0) -> CodeType:
    """Compile `source` with hooks.

    Parameters
    ----------
    source : SourceFile
    flags : int
        Compiler flags, such as those of earlier ``from __future__`` imports of a notebook.

    Returns
    -------
    CodeType
        Its file name is ``source.path``.

    Raises
    ------
    SyntaxError
        Exactly as plain Python raises it.
    """
    # Plain Python is asked first: it warns and refuses as it would, also for what rewriting hides.
    compile(source.text, source.path, "exec", flags=flags, dont_inherit=True)
    sites = len(SITES)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, _RECURSION_LIMIT))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = compile(
                source.text, source.path, "exec", flags | ast.PyCF_ONLY_AST, dont_inherit=True
            )
            assert isinstance(tree, ast.Module)
            code: CodeType = compile(
                instrumented(tree, source), source.path, "exec", flags=flags, dont_inherit=True
            )
            return code
    except BaseException:
        del SITES[sites:]
        raise
    finally:
        sys.setrecursionlimit(limit)


def instrumented(tree: ast.Module, source: SourceFile) -> ast.Module:
    """Return the instrumented module; `tree` is left as it is."""
    start = 1 if tree.body and is_docstring(tree.body[0]) else 0
    for statement in tree.body[start:]:
        if not (isinstance(statement, ast.ImportFrom) and statement.module == "__future__"):
            break
        start += 1
    rest = tree.body[start:]
    body = Instrumented(Places(source, decided_numbers(tree)), depth=0).visit_all(rest)
    return ast.Module(
        body=[*tree.body[:start], *declarations(rest), *body], type_ignores=tree.type_ignores
    )
