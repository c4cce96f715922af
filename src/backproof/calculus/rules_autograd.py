"""Rules borrowed from HIPS autograd, through its public `make_vjp`, for functions without our own.

autograd ignores some keywords without a word (``sum(where=…)``) and gives zero for functions that
it does not wrap, so only the functions and keywords listed here are passed on.
"""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from backproof.calculus.rule import NoRule, Path, Pulled, Rule, Signature, as_cotangent, double

#: (module, name) -> (autograd's module, parameters that may be given, differentiable ones).
BORROWED: dict[tuple[str, str], tuple[str, str, str]] = {
    ("numpy", "cross"): ("autograd.numpy", "a b axisa axisb axisc axis", "a b"),
    ("numpy", "gradient"): ("autograd.numpy", "f", "f"),
    ("numpy", "sinc"): ("autograd.numpy", "x", "x"),
    ("scipy.special", "polygamma"): ("autograd.scipy.special", "n x", "x"),
    ("scipy.special", "i1"): ("autograd.scipy.special", "x", "x"),
    ("scipy.special", "j1"): ("autograd.scipy.special", "x", "x"),
    ("scipy.special", "y0"): ("autograd.scipy.special", "x", "x"),
    ("scipy.special", "y1"): ("autograd.scipy.special", "x", "x"),
    ("scipy.special", "multigammaln"): ("autograd.scipy.special", "a d", "a"),
    ("scipy.special", "beta"): ("autograd.scipy.special", "a b", "a b"),
    ("scipy.special", "gammainc"): ("autograd.scipy.special", "a x", "x"),
    ("scipy.special", "gammaincc"): ("autograd.scipy.special", "a x", "x"),
    ("scipy.special", "betainc"): ("autograd.scipy.special", "a b x", "x"),
    ("scipy.special", "iv"): ("autograd.scipy.special", "v z", "z"),
    ("scipy.special", "ive"): ("autograd.scipy.special", "v z", "z"),
    ("scipy.special", "jn"): ("autograd.scipy.special", "v z", "z"),
    ("scipy.special", "yn"): ("autograd.scipy.special", "v z", "z"),
    ("scipy.linalg", "sqrtm"): ("autograd.scipy.linalg", "A", "A"),
    ("scipy.linalg", "solve_sylvester"): ("autograd.scipy.linalg", "a b q", "a b q"),
}


def borrowed(module: str, signature: str, name: str, differentiable: str) -> Rule:
    """Make a rule out of autograd's ``module.name``."""
    bound = Signature(signature)
    free = frozenset(differentiable.split())

    def rule(
        args: tuple[Any, ...], kwargs: dict[str, Any], out: Any, g: Any,
        wanted: Sequence[Path], tie: float,
    ) -> Pulled:  # fmt: skip
        try:
            from autograd import make_vjp

            function = getattr(importlib.import_module(module), name)
        except ImportError as error:  # the author's own `autograd.py` stands before it
            raise NoRule("HIPS autograd cannot be imported") from error
        values = bound.bind(args, kwargs)
        positional = list(itertools.takewhile(lambda k: values[k] is not None, values))
        keywords = {k: v for k, v in values.items() if k not in positional and v is not None}
        result: Pulled = []
        for path in wanted:
            parameter, *rest = bound.path(path)
            if parameter not in free or rest:
                raise NoRule(f"the derivative with respect to {parameter}")
            value = values[parameter]

            def of(x: Any, parameter: str = parameter) -> Any:
                given = {**values, parameter: x}
                return function(*[given[k] for k in positional], **keywords)

            vjp, again = make_vjp(of)(double(value))
            if not np.allclose(again, out, rtol=1e-4, equal_nan=True):
                raise NoRule("autograd computes another value")
            result.append(as_cotangent(vjp(np.asarray(g, dtype=float)), value))
        return result

    return rule


def find(function: Any) -> Rule | None:
    """Return autograd's rule for a function in the list, by identity."""
    for (module_name, name), (source, signature, free) in BORROWED.items():
        module = sys.modules.get(module_name)
        if module is not None and getattr(module, name, None) is function:
            return borrowed(source, signature, name, free)
    return None
