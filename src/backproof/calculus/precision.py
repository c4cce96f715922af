"""Evaluates operations again in higher precision: in extended floats, or with mpmath's.

Extended floats (80 bits where the machine has them) are cheap and see what float64 has lost;
mpmath's have as many digits as it takes, and no largest number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from backproof.trace.tape import Operation, Ref, map_refs

#: 80-bit floats have 11 bits more than float64; where they are no wider nothing is seen.
HAS_EXTENDED = bool(np.finfo(np.longdouble).eps < 1e-18)
DIGITS = 60
#: Constants up to this size, added or as bounds, are there against zeros only.
TINY = 1e-5


class Unsupported(Exception):
    """An operation that cannot be evaluated in another precision."""


def evaluate(
    operations: Iterable[Operation], env: Sequence[Any], *, lift: Callable[[Any], Any],
    table: dict[str, Callable[..., Any]] | None = None, plain: bool = False,
) -> dict[int, Any]:  # fmt: skip
    """Return the values of operations, computed in order, in another precision.

    Parameters
    ----------
    env : sequence
        The values of all nodes; those that no operation makes are lifted.
    lift : callable
        Converts a float or an array of floats.
    table : dict of str to callable, optional
        What to call in place of functions, by name.
    plain : bool
        Leave out epsilons: constants up to `TINY` that are added, and bounds as near to 0 and 1.

    Raises
    ------
    Unsupported
        An operation fails with the lifted values.
    """
    found: dict[int, Any] = {}

    def value(ref: Ref) -> Any:
        if ref.node not in found:
            found[ref.node] = lift(env[ref.node])
        return found[ref.node]

    for operation in operations:
        args = [map_refs(a, value) for a in operation.args]
        kwargs = {k: map_refs(v, value) for k, v in operation.kwargs.items()}
        name = str(getattr(operation.function, "name", "")) or str(
            getattr(operation.function, "__name__", "")
        )
        function = (table or {}).get(name, operation.function)
        if plain and (kept := without_epsilon(name, args)) is not None:
            found[operation.out] = kept
            continue
        try:
            with np.errstate(all="ignore"):
                result = function(*args, **kwargs)
        except Exception as error:
            raise Unsupported(f"{name}: {error}") from error
        if operation.mutates:
            like = np.shape(env[operation.out])
            result = np.broadcast_to(result, like).copy()
        found[operation.out] = lift(result)
    return found


def without_epsilon(name: str, args: Sequence[Any]) -> Any:
    """Return the operand that an epsilon or a bound near 0 and 1 is applied to, if that is all."""
    if name in ("add", "sub", "subtract", "iadd"):
        for one, other in (args[:2], args[1::-1]):
            if _is_tiny(other) and (name in ("add", "iadd") or one is args[0]):
                return one
    if name in ("maximum", "fmax") and len(args) == 2:
        for one, other in (args, args[::-1]):
            if _is_tiny(other):
                return one
    if name in ("minimum", "fmin") and len(args) == 2:
        for one, other in (args, args[::-1]):
            if np.ndim(other) == 0 and isinstance(other, (int, float)) and 0 < 1 - other <= TINY:
                return one
    if name == "clip" and len(args) == 3:
        low, high = args[1], args[2]
        if (low is None or _is_tiny(low)) and (high is None or 0 <= 1 - float(high) <= TINY):
            return args[0]
    return None


def _is_tiny(value: Any) -> bool:
    return np.ndim(value) == 0 and _number(value) is not None and 0 < float(value) <= TINY


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


# ---- extended floats ---------------------------------------------------------------------------


def extended(value: Any) -> Any:
    """Return a float or an array of floats in extended precision, anything else as it is."""
    if type(value) is float:
        return np.longdouble(value)
    if isinstance(value, (np.ndarray, np.floating)) and value.dtype.kind == "f":
        return value.astype(np.longdouble)
    return value


# ---- mpmath ------------------------------------------------------------------------------------


def many_digits() -> tuple[Callable[[Any], Any], dict[str, Callable[..., Any]]]:
    """Return (lift, table) for mpmath's floats of `DIGITS` digits, in arrays of objects."""
    import mpmath

    mp = mpmath.mp.clone()
    mp.dps = DIGITS

    def lift(value: Any) -> Any:
        if type(value) is float or isinstance(value, np.floating):
            return mp.mpf(float(value))
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            out = np.empty(value.shape, dtype=object)
            flat, given = out.reshape(-1), value.astype(float).reshape(-1)
            for i, number in enumerate(given.tolist()):
                flat[i] = mp.mpf(number)
            return out.reshape(value.shape)
        return value

    def each(function: Callable[..., Any]) -> Callable[..., Any]:
        applied = np.frompyfunc(function, 1, 1)
        return lambda x: applied(x) if isinstance(x, np.ndarray) else function(x)

    def log(x: Any) -> Any:
        return mp.log(x) if x > 0 else mp.mpf("-inf") if x == 0 else mp.nan

    def sigmoid(x: Any) -> Any:
        return 1 / (1 + mp.exp(-x))

    def softplus(a: Any, b: Any) -> Any:
        big = np.maximum(a, b)
        return big + each(mp.log1p)(each(mp.exp)(-abs(a - b)))

    table: dict[str, Callable[..., Any]] = {
        "exp": each(mp.exp), "log": each(log), "log1p": each(mp.log1p), "expm1": each(mp.expm1),
        "sqrt": each(lambda x: mp.sqrt(x) if x >= 0 else mp.nan), "tanh": each(mp.tanh),
        "sin": each(mp.sin), "cos": each(mp.cos), "sinh": each(mp.sinh), "cosh": each(mp.cosh),
        "expit": each(sigmoid), "log2": each(lambda x: log(x) / mp.log(2)),
        "log10": each(lambda x: log(x) / mp.log(10)), "logaddexp": softplus,
        "square": lambda x: x * x, "abs": abs, "absolute": abs,
        "float": lambda x: x, "float64": lambda x: x, "float32": lambda x: x,
        "std": lambda x, *a, **k: each(mp.sqrt)(np.var(x, *a, **k)),
    }  # fmt: skip
    return lift, table


def as_floats(value: Any) -> Any:
    """Return values of any precision as float64."""
    with np.errstate(all="ignore"):
        return np.asarray(value).astype(np.float64)
