"""The derivative of every operation that can stand on a tape: `pullback`.

The rules themselves are tables, by idea: `rules_elementwise` (with `rules_pairs`, of two operands),
`rules_linear`, `rules_shape`, `rules_reduce`, `rules_index`, `rules_builtin`, and those of SciPy,
which are looked up only once a program has imported it. What no table knows goes to HIPS autograd,
then, for few elements, to differences; what remains raises `NoRule`. A wrong rule is worse than
none.
"""

from __future__ import annotations

import types
from collections.abc import Sequence
from typing import Any

import numpy as np

from backproof.calculus import (
    rules_autograd,
    rules_builtin,
    rules_costs,
    rules_creation,
    rules_elementwise,
    rules_index,
    rules_linalg,
    rules_linear,
    rules_numeric,
    rules_reduce,
    rules_scipy,
    rules_shape,
    rules_signal,
    rules_sort,
    rules_sparse,
    rules_stats,
)
from backproof.calculus.rule import NoPartial, NoRule, Path, Pulled, Rule, needs_real

__all__ = ["NoRule", "pullback", "rule_of"]

TABLE: dict[Any, Rule] = {
    **rules_elementwise.RULES,
    **rules_linear.RULES,
    **rules_linalg.RULES,
    **rules_shape.RULES,
    **rules_creation.RULES,
    **rules_reduce.RULES,
    **rules_sort.RULES,
    **rules_signal.RULES,
    **rules_index.RULES,
    **rules_builtin.RULES,
}


#: Functions that have no derivative, or whose result does not depend on their arguments alone.
UNKNOWN: frozenset[Any] = frozenset({np.empty, np.empty_like})


def rule_of(function: Any) -> Rule | None:
    """Return the rule of a function, `Method` or `Attribute`; None where there is none."""
    try:
        rule = TABLE.get(function)
    except TypeError:
        return None
    if rule is None and function not in UNKNOWN:
        rule = (
            rules_costs.find(function)
            or rules_scipy.find(function)
            or rules_stats.find(function)
            or rules_autograd.find(function)
        )
        if rule is not None:
            TABLE[function] = rule
    return rule


#: Types of the callables of NumPy, SciPy and `math` (not np.vectorize, which runs the user's code).
PLAIN = (types.FunctionType, types.BuiltinFunctionType, np.ufunc, type(np.sum))


def is_numeric(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a call is known to be pure, so that differences may be taken of it."""
    if not isinstance(function, PLAIN) or "where" in kwargs or "out" in kwargs:
        return False
    if any(callable(a) for a in (*args, *kwargs.values())):
        return False
    module = getattr(function, "__module__", None) or ""
    pure = module.partition(".")[0] in ("numpy", "scipy", "math")
    of_ufunc = isinstance(getattr(function, "__self__", None), np.ufunc)
    return isinstance(function, np.ufunc) or of_ufunc or (pure and "random" not in module)


def pullback(
    function: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    out: Any,
    g: Any,
    wanted: Sequence[Path],
    *,
    tie: float = 0.5,
) -> Pulled:
    """Pull the cotangent of ``out = function(*args, **kwargs)`` back to its arguments.

    Parameters
    ----------
    args, kwargs : values
        The actual arguments; nested lists and tuples of values are allowed.
    out : value
        The result. For a tuple or list, `g` is a list with None where no cotangent is.
    g : cotangent
        ``∂cost/∂out``, of the result's shape.
    wanted : sequence of paths
        ``(0,)`` is ``args[0]``, ``(0, 2)`` is ``args[0][2]``, ``('x',)`` is ``kwargs['x']``.
    tie : {0, 0.5, 1}
        The sub-gradient at exact ties and kinks: ``maximum(x, y)`` gives x the share `tie` where
        both are equal; ``|x|`` has the slope ``2·tie − 1`` at 0; a maximum over k tied elements
        gives each 1/k (0.5), each everything (1) or the first everything (0).

    Returns
    -------
    list
        One cotangent for each path, of its value's shape: float64 array, float for a scalar, None
        where the derivative is zero.

    Raises
    ------
    NoRule
        If the derivative is not certain.
    """
    if type(out) is float and type(g) is float:
        return _pullback(function, args, kwargs, out, g, wanted, tie)
    with np.errstate(all="ignore"):
        return _pullback(function, args, kwargs, out, g, wanted, tie)


def _pullback(
    function: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    out: Any,
    g: Any,
    wanted: Sequence[Path],
    tie: float,
) -> Pulled:
    rule = rule_of(function)
    if isinstance(g, np.matrix):
        g = np.asarray(g)
    if type(out) is not float:
        if isinstance(out, (bool, int, np.integer, np.bool_)):
            return [None] * len(wanted)
        needs_real(out)
        if isinstance(out, np.ndarray) and out.dtype.kind in "iub":
            return [None] * len(wanted)
        rule = rules_sparse.find(function, args) or rule
    for path in wanted:
        if len(path) == 1 and isinstance(path[0], int) and type(args[path[0]]) in (tuple, list):
            return _elements(function, args, kwargs, out, g, wanted, tie)
    if rule is None:
        reason = NoRule(f"no rule for {getattr(function, '__name__', function)}")
    else:
        try:
            return rule(args, kwargs, out, g, wanted, tie)
        except NoPartial as error:
            if len(wanted) > 1:
                one = [[path] for path in wanted]
                return [_pullback(function, args, kwargs, out, g, w, tie)[0] for w in one]
            reason = error
        except NoRule as error:
            reason = error
        except Exception as error:
            reason = NoRule(f"{type(error).__name__}: {error}")
    if not is_numeric(function, args, kwargs):
        raise reason
    try:
        return rules_numeric.numeric_pull(function, args, kwargs, out, g, wanted)
    except Exception as error:
        raise reason from error


def _elements(
    function: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    out: Any,
    g: Any,
    wanted: Sequence[Path],
    tie: float,
) -> Pulled:
    """Answer for a whole tuple of arrays with the list of its elements' cotangents."""
    result: Pulled = []
    for path in wanted:
        value: Any = args[path[0]] if len(path) == 1 and isinstance(path[0], int) else None
        if isinstance(value, (tuple, list)):
            paths: list[Path] = [(*path, i) for i in range(len(value))]
            result.append(pullback(function, args, kwargs, out, g, paths, tie=tie))
        else:
            result += pullback(function, args, kwargs, out, g, [path], tie=tie)
    return result
