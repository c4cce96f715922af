"""Products and sums with SciPy's sparse matrices, which are data: graphs, counts of words.

What a program makes of sparse matrices alone is not followed; where one meets an array, the array
has the cotangent that it would have beside a dense matrix.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from backproof.calculus.rule import NoPartial, Path, Pulled, Rule, as_cotangent

#: The methods of a sparse matrix that multiply it with an array.
PRODUCTS = {"dot", "__matmul__", "_matmul_dispatch"}
BINARY: tuple[Any, ...] = (operator.matmul, operator.mul, operator.add, operator.sub)


def find(function: Any, args: tuple[Any, ...]) -> Rule | None:
    """Return the rule of a product of a sparse matrix and an array, None for anything else."""
    sparse = sys.modules.get("scipy.sparse")
    if sparse is None:
        return None
    owner = getattr(function, "__self__", None)
    if sparse.issparse(owner):
        return _times(owner, 0) if function.__name__ in PRODUCTS and len(args) == 1 else None
    if len(args) != 2 or function not in BINARY:
        return None
    left, right = map(sparse.issparse, args)
    if left != right and (function is operator.add or function is operator.sub):
        return _beside(int(left), -1.0 if left and function is operator.sub else 1.0)
    # ``A * x`` of the older kind of sparse matrix is a product of matrices, too.
    elementwise = function is operator.mul and any(isinstance(a, sparse.sparray) for a in args)
    if left == right or elementwise:
        return None
    return _times(args[0], 1) if left else _after(args[1])


def _times(matrix: Any, position: int) -> Rule:
    """``A·x``: ``x̄ = Aᵀ·ȳ``."""

    def rule(
        args: tuple[Any, ...], kwargs: dict[str, Any], out: Any, g: Any,
        wanted: Sequence[Path], tie: float,
    ) -> Pulled:  # fmt: skip
        return _pulled(matrix.T @ np.asarray(g, float), args, position, wanted)

    return rule


def _beside(position: int, sign: float) -> Rule:
    """``A ± x``: ``x̄ = ±ȳ``."""

    def rule(
        args: tuple[Any, ...], kwargs: dict[str, Any], out: Any, g: Any,
        wanted: Sequence[Path], tie: float,
    ) -> Pulled:  # fmt: skip
        return _pulled(sign * np.asarray(g, float), args, position, wanted)

    return rule


def _after(matrix: Any) -> Rule:
    """``x·A``: ``x̄ = ȳ·Aᵀ``."""

    def rule(
        args: tuple[Any, ...], kwargs: dict[str, Any], out: Any, g: Any,
        wanted: Sequence[Path], tie: float,
    ) -> Pulled:  # fmt: skip
        return _pulled((matrix @ np.asarray(g, float).T).T, args, 0, wanted)

    return rule


def _pulled(cotangent: Any, args: tuple[Any, ...], position: int, wanted: Sequence[Path]) -> Pulled:
    if any(path != (position,) for path in wanted):
        raise NoPartial("the derivative with respect to a sparse matrix")
    return [as_cotangent(cotangent, args[position]) for _ in wanted]
