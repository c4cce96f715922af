"""Hooks of calls: functions run on what the program gave them, and an event says what came out."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from backproof.trace import primitives
from backproof.trace.deep_copies import copied_arrays
from backproof.trace.event import (
    ARRAYS,
    CALL,
    OPAQUE,
    SCALARS,
    SOURCE,
    TRACKED,
    TRUTHS,
    Append,
    Chosen,
    Parts,
    freeze,
    keep_key,
)
from backproof.trace.kinds import (
    EXTREMES,
    FUNCTIONS,
    MUTATING_FUNCTIONS,
    MUTATING_METHODS,
    Kinds,
    entered,
)
from backproof.trace.mapped import along_axis, vectorized
from backproof.trace.primitives import Method

#: What calls a function that it is given.
APPLYING = {map, functools.reduce}


def call_hooks(
    append: Append, kinds: Kinds, iterate: Callable[[int, Any], Any], main: Callable[[], bool]
) -> dict[str, Any]:
    """Make the hooks of ``f(...)`` and ``x.name(...)``.

    `iterate` gives an array row by row, as recorded views; `main` says whether this is the main
    thread.
    """
    tracked = TRACKED
    kind_of = kinds.of

    def record(site: int, function: Any, args: Any, kwargs: Any, out: Any) -> None:
        """Append a call; the elements of a tuple or list of arrays become events of their own."""
        kind = type(out)
        if kind in tracked:
            append((site, function, args, kwargs, out, None))
        elif isinstance(out, (tuple, list)) and any(type(item) in tracked for item in out):
            parts = Parts(out)
            append((site, function, args, kwargs, parts, None))
            for i, item in enumerate(parts):
                if type(item) in tracked:
                    append((site, operator.getitem, (parts, i), None, item, None))
        elif isinstance(out, np.ndarray):
            append((site, OPAQUE, args, kwargs, out, None))

    def into(site: int, function: Any, run: Any, args: Any, kwargs: Any) -> Any:
        """Call with ``out=``: the result overwrites an array of the author's."""
        destination = kwargs["out"]
        if type(destination) is tuple and len(destination) == 1:
            destination = destination[0]
        rest = {key: value for key, value in kwargs.items() if key != "out"}
        if type(destination) not in ARRAYS:
            out = run(*args, **kwargs)
            record(site, function, args, rest or None, out)
            return out
        old = destination.copy()
        out = run(*args, **kwargs)
        append((site, function, args, rest or None, destination, (destination, Ellipsis, old)))
        return out

    def pure(site: int, f: Any) -> Callable[..., Any]:
        def called(*args: Any, **kwargs: Any) -> Any:
            if kwargs:
                if kwargs.get("out") is not None:
                    return into(site, f, f, args, kwargs)
                out = f(*args, **kwargs)
                record(site, f, tuple([freeze(a) for a in args]), kwargs, out)
                return out
            if type(f) is np.ufunc and len(args) > f.nin:
                return into(site, f, f, args[: f.nin], {"out": args[f.nin]})
            for a in args:
                if type(a) is list or type(a) is tuple:
                    args = tuple([freeze(a) for a in args])
                    break
            out = f(*args)
            if type(out) in tracked:
                append((site, f, args, None, out, None))
            else:
                record(site, f, args, None, out)
            return out

        return called

    def draw(site: int, f: Any) -> Callable[..., Any]:
        def called(*args: Any, **kwargs: Any) -> Any:
            if kwargs and kwargs.get("out") is not None:
                return into(site, SOURCE, f, args, kwargs)
            out = f(*args, **kwargs)
            record(site, SOURCE, (), None, out)
            return out

        return called

    def external(site: int, f: Any) -> Callable[..., Any]:
        def called(*args: Any, **kwargs: Any) -> Any:
            before = [(a, a.copy()) for a in args if type(a) in ARRAYS and a.size <= 100_000]
            out = f(*args, **kwargs)
            record(site, OPAQUE, tuple([freeze(a) for a in args]), kwargs or None, out)
            for array, old in before:
                if not _same(array, old):
                    append((site, OPAQUE, args, None, array, (array, Ellipsis, old)))
            return out

        return called

    def mutate(site: int, f: Any, function: Any) -> Callable[..., Any]:
        def called(*args: Any, **kwargs: Any) -> Any:
            array: Any = args[0] if args else None
            if type(array) is list and function is SOURCE:
                before = array[:]
                out = f(*args, **kwargs)
                kinds.keep(site, before, array)
                return out
            if type(array) not in ARRAYS:
                return f(*args, **kwargs)
            old = array.copy()
            out = f(*args, **kwargs)
            pure_function = function
            if kwargs and function is primitives.overwrite:
                pure_function = OPAQUE
            append((site, pure_function, args, kwargs or None, array, (array, Ellipsis, old)))
            return out

        return called

    def at(site: int, f: Any) -> Callable[..., Any]:
        ufunc = f.__self__

        def called(array: Any, index: Any, *value: Any) -> Any:
            if type(array) not in ARRAYS:
                return f(array, index, *value)
            old = array.copy()
            out = f(array, index, *value)
            append((site, primitives.ufunc_at, (ufunc, array, keep_key(index), *value), None,
                    array, (array, Ellipsis, old)))  # fmt: skip
            return out

        return called

    def walk(site: int, f: Any) -> Callable[..., Any]:
        def called(*args: Any, **kwargs: Any) -> Any:
            if f in APPLYING and args and kind_of(args[0]) != "direct":
                args = (call(site, args[0]), *args[1:])  # ``map(sum, zip(totals, parts))``
            # What `reduce` starts with is one value.
            walked, kept = (args[:2], args[2:]) if f is functools.reduce else (args, ())
            found = [iterate(site, a) for a in walked]
            if f is reversed and hasattr(found[0], "__next__"):
                found = [list(found[0])]
            return f(*found, *kept, **kwargs)

        return called

    def consume(site: int, f: Any) -> Callable[..., Any]:
        def called(*args: Any, **kwargs: Any) -> Any:
            if len(args) == 1 or f is sum:
                first: Any = args[0] if args else ()
                entries = type(first) is np.flatiter
                if entries or (type(first) in ARRAYS and first.ndim and f is not sum):
                    args = (list(iterate(site, first)), *args[1:])
                elif hasattr(first, "__next__"):
                    args = (list(first), *args[1:])
            out = f(*args, **kwargs)
            if f is sorted and type(args[0]) is list:
                kinds.keep(site, args[0][:], out)
            rectified = _rectified(args) if len(args) == 2 and f in EXTREMES else None
            if rectified is not None and not kwargs:
                # It gives one of its arguments, or the 0 of all units that are off.
                out = Chosen(out) if type(out) is int else out * 1.0
                append((site, f, (rectified, 0), None, out, None))
                return out
            if type(out) in tracked and not (kwargs and f is not sum):
                append((site, f, tuple([freeze(a) for a in args]), kwargs or None, out, None))
            return out

        return called

    def number(site: int, f: Any) -> Callable[..., Any]:
        def called(*args: Any, **kwargs: Any) -> Any:
            out = f(*args, **kwargs)
            if len(args) == 1 and type(args[0]) in TRUTHS:
                out = Chosen(out)  # ``int(score > 0)``
                append((site, f, args, None, out, None))
            return out

        return called

    def duplicate(site: int, f: Any) -> Callable[..., Any]:
        def called(*args: Any, **kwargs: Any) -> Any:
            out = f(*args, **kwargs)
            for array, new in copied_arrays(args[0], out) if args else ():
                append((site, Method("copy"), (array,), None, new, None))
            return out

        return called

    factories: dict[str, Callable[[int, Any], Any]] = {
        "pure": pure, "draw": draw, "external": external, "at": at, "walk": walk,
        "consume": consume, "copied": duplicate, "number": number,
        "mutate": lambda site, f: mutate(site, f, MUTATING_FUNCTIONS[f]),
        "shuffle": lambda site, f: mutate(site, f, SOURCE),
        "optimiser": lambda site, f: kinds.optimisers[f],
        "vectorized": lambda site, f: vectorized(append, call, site, f, external(site, f)),
        "along": lambda site, f: along_axis(append, call, site, external(site, f)),
    }  # fmt: skip

    def call(site: int, f: Any) -> Any:
        kind = kind_of(f)
        if kind == "direct" or not main():
            named = entered(f)
            if type(named) in FUNCTIONS and main():
                append((site, CALL, (named.__qualname__,), None, None, None))
            return f
        if kind == "bound":
            return method(site, f.__self__, f.__name__)
        if kind == "unbound":  # ``np.ndarray.flatten(x)``
            return lambda x, *args, **kwargs: (
                method(site, x, f.__name__)(*args, **kwargs) if type(x) in ARRAYS
                else f(x, *args, **kwargs)
            )  # fmt: skip
        return factories[kind](site, f)

    def method(site: int, obj: Any, name: str) -> Any:
        if type(obj) not in ARRAYS:
            if type(obj) in SCALARS:
                bound = getattr(obj, name)
                return pure_method(site, obj, name, bound) if callable(bound) else bound
            bound = getattr(obj, name)
            return bound if kind_of(bound) == "bound" else call(site, bound)
        bound = getattr(obj, name)
        function = MUTATING_METHODS.get(name)
        if function is not None:

            def changed(*args: Any, **kwargs: Any) -> Any:
                old = obj.copy()
                out = bound(*args, **kwargs)
                append((site, function, (obj, *args), kwargs or None, obj, (obj, Ellipsis, old)))
                return out

            return changed
        return pure_method(site, obj, name, bound)

    def pure_method(site: int, obj: Any, name: str, bound: Any) -> Any:
        def called(*args: Any, **kwargs: Any) -> Any:
            if kwargs and kwargs.get("out") is not None:
                return into(site, Method(name), bound_with_self, (obj, *args), kwargs)
            out = bound(*args, **kwargs)
            if name == "tolist":
                listed(site, obj, out)
            else:
                record(site, Method(name), (obj, *freeze(args)), kwargs or None, out)
            return out

        def bound_with_self(_self: Any, *args: Any, **kwargs: Any) -> Any:
            return bound(*args, **kwargs)

        return called

    def listed(site: int, array: Any, out: Any) -> None:
        """Record the floats of ``array.tolist()`` as elements of the array."""
        if not isinstance(out, list) or array.size > 10_000:
            return
        for index in np.ndindex(array.shape):
            item = out
            for i in index:
                item = item[i]
            append((site, Method("item"), (array, *index), None, item, None))

    return {"@bp.call": call, "@bp.method": method}


def _rectified(args: tuple[Any, ...]) -> float | None:
    """Return what is compared with 0: the `z` of ``max(0, z)``."""
    for bound, x in (args, args[::-1]):
        if type(bound) in (int, float) and bound == 0 and type(x) is float:
            return x
    return None


def _same(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> bool:
    """Whether two arrays hold the same bytes (NaN equals NaN)."""
    return a.shape == b.shape and a.tobytes() == b.tobytes()
