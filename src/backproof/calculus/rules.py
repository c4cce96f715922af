"""The derivative of every operation that can stand on a tape: `pullback`.

The rules themselves are tables, by idea: `rules_elementwise`, `rules_linear`, `rules_shape`,
`rules_reduce`, `rules_index`, `rules_builtin`, and those of SciPy, which are looked up only once a
program has imported it. What no table knows goes to HIPS autograd, then, for few elements, to
differences; what remains raises `NoRule`. A wrong rule is worse than none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from backproof.calculus import (
    rules_builtin,
    rules_elementwise,
    rules_index,
    rules_linear,
    rules_reduce,
    rules_shape,
)
from backproof.calculus.rule import NoRule, Path, Pulled, Rule, needs_real

__all__ = ["NoRule", "pullback", "rule_of"]

TABLE: dict[Any, Rule] = {
    **rules_elementwise.RULES,
    **rules_linear.RULES,
    **rules_shape.RULES,
    **rules_reduce.RULES,
    **rules_index.RULES,
    **rules_builtin.RULES,
}


def rule_of(function: Any) -> Rule | None:
    """Return the rule of a function, `Method` or `Attribute`; None where there is none."""
    try:
        return TABLE.get(function)
    except TypeError:
        return None


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
    rule = rule_of(function)
    if rule is None:
        raise NoRule(f"no rule for {getattr(function, '__name__', function)}")
    if type(out) is not float:
        if isinstance(out, (bool, int, np.integer, np.bool_)):
            return [None] * len(wanted)
        needs_real(out)
        if isinstance(out, np.ndarray) and out.dtype.kind in "iub":
            return [None] * len(wanted)
    try:
        return rule(args, kwargs, out, g, wanted, tie)
    except NoRule:
        raise
    except (ArithmeticError, ValueError, TypeError, IndexError, KeyError, AttributeError) as error:
        raise NoRule(f"{type(error).__name__}: {error}") from error
