"""The policy of calls: how a call of a function, method, class or ufunc is recorded."""

from __future__ import annotations

import copy
import dataclasses
import functools
import operator
import random
import types
from typing import Any

import numpy as np

from backproof.trace import primitives
from backproof.trace.event import OPAQUE, SOURCE, TRACKED

#: NumPy functions that change their first argument, and the pure function of the new content.
MUTATING_FUNCTIONS: dict[Any, Any] = {
    np.copyto: primitives.overwrite,
    np.put: primitives.Mutated(np.put),
    np.place: primitives.Mutated(np.place),
    np.putmask: primitives.Mutated(np.putmask),
    np.fill_diagonal: primitives.Mutated(np.fill_diagonal),
    np.put_along_axis: primitives.Mutated(np.put_along_axis),
    random.shuffle: SOURCE,
}
MUTATING_METHODS: dict[str, Any] = {
    "fill": primitives.overwrite,
    "sort": np.sort,
    "put": primitives.Mutated(np.put),
    "partition": np.partition,
    "__iadd__": operator.add,
    "__isub__": operator.sub,
    "__imul__": operator.mul,
    "__itruediv__": operator.truediv,
    "itemset": OPAQUE,
    "resize": OPAQUE,
}
#: Functions whose results hold copies of the arrays that their argument holds.
COPYING = {copy.deepcopy, copy.copy, dataclasses.astuple, dataclasses.asdict}
FUNCTIONS = (types.FunctionType, types.MethodType)
CALLED = "__call__"
#: Builtins that walk through their argument: arrays are handed over row by row, as recorded views.
WALKING = {zip, enumerate, map, filter, iter, reversed}
#: Builtins that give one of two numbers: the rectifier of a program of lists.
EXTREMES = {min, max}
#: Builtins that use up an iterator: it is listed first, so that the elements are on the tape.
CONSUMING = {sum, min, max, list, tuple, sorted, set}
#: Callables that look at the frame of their caller, or that have nothing to record. (What
#: `as_strided` gives is a view: its strides count bytes, of which doubles have others.)
DIRECT: set[Any] = {
    print, isinstance, len, range, id, type, getattr, setattr, hasattr, repr, str, bool, dict,
    open, callable, issubclass, hash, format, chr, ord, super, locals, globals, vars, dir, eval,
    exec, input, any, all, next, delattr, bytes, bytearray, frozenset, slice, ascii, bin, hex,
    np.seterr, np.errstate, np.set_printoptions, np.random.seed, random.seed,
    np.shape, np.ndim, np.size, np.can_cast, np.result_type, np.array_equal, np.allclose,
    np.isscalar, np.save, np.savez, np.savetxt, np.dtype, np.lib.stride_tricks.as_strided,
}  # fmt: skip
#: Results hold whatever the memory held: their content is not a function of the arguments.
UNSET = {np.empty, np.empty_like}
DRAWS = (np.random.RandomState, np.random.Generator, random.Random)
#: Methods of a distribution of `scipy.stats` that compute, and draw nothing.
LAWS = {"pdf", "logpdf", "cdf", "logcdf", "sf", "logsf", "ppf", "isf"}
FRAME_SENSITIVE = {"logging", "warnings", "inspect", "sys", "typing", "collections", "traceback"}

_TRACKED = tuple(TRACKED)
#: What a method may belong to that makes it another function than its namesakes.
_OWNERS = (types.ModuleType, type, np.ufunc, *DRAWS)

#: Lists that are remembered when they are shuffled or sorted, and how short and long they may be.
MOST_SHUFFLED, LEAST_LIST, LONGEST_LIST = 8, 24, 5_000


class Kinds:
    """Says for each callable of the program how its calls are recorded, and remembers it."""

    def __init__(self) -> None:
        self._known: dict[Any, str] = {}
        self.optimisers: Any = ()
        """Holds the optimisers that are watched, and gives for each what is called in its place."""
        self.shuffled: list[tuple[int, list[Any], list[Any]]] = []
        """Where lists were shuffled, what they held before, and after."""

    def keep(self, site: int, before: list[Any], after: list[Any]) -> None:
        """Remember a list that was shuffled or sorted: its elements are not copied."""
        if (
            len(before) >= LEAST_LIST
            and len(self.shuffled) < MOST_SHUFFLED
            and len(before) <= LONGEST_LIST
        ):
            self.shuffled.append((site, before, after[:]))

    def of(self, f: Any) -> str:
        """Say how a call of `f` is recorded: 'direct', 'pure', 'draw', 'walk', 'external' …"""
        owner = getattr(f, "__self__", None)
        key = f
        if owner is not None and not isinstance(owner, _OWNERS):
            # Of an object's method its type is remembered: the object must not outlive the program.
            key = type(owner), getattr(f, "__name__", ""), getattr(f, "__func__", None)
        try:
            known = self._known.get(key)
        except TypeError:
            return "external"
        if known is None:
            known = self._classify(f)
            if len(self._known) > 20_000:
                self._known.clear()
            self._known[key] = known
        return known

    def _classify(self, f: Any) -> str:
        if f in DIRECT:
            return "direct"
        if f in self.optimisers:
            return "optimiser"
        if f is int:
            return "number"
        if f in WALKING:
            return "walk"
        if f in CONSUMING:
            return "consume"
        if f in MUTATING_FUNCTIONS:
            return "mutate"
        if f in UNSET:
            return "draw"
        if f in COPYING:
            return "copied"
        if type(f) is np.vectorize:
            return "vectorized"
        if f is np.apply_along_axis:
            return "along"
        owner = getattr(f, "__self__", None)
        if isinstance(owner, DRAWS):  # before the next line: NumPy's are bound methods since 2.0
            return "shuffle" if getattr(f, "__name__", "") == "shuffle" else "draw"
        if isinstance(f, types.MethodType):
            if f.__name__ in LAWS and (type(owner).__module__ or "").startswith("scipy.stats"):
                return "pure"
            f = f.__func__
        if isinstance(f, functools.partial):
            return "direct" if self.of(f.func) == "direct" else "external"
        if isinstance(f, types.FunctionType):
            if _is_of_the_program(f):
                return "direct"
            root = (f.__module__ or "").partition(".")[0]
            if root in FRAME_SENSITIVE or root == "matplotlib":
                return "direct"
            if (f.__module__ or "").startswith("numpy.random"):
                return "draw"
            return "pure" if root in ("numpy", "scipy", "math") else "external"
        if _is_of_the_program(entered(f)):
            return "direct"  # an object of a class of the program's: ``layer(x)``
        if isinstance(f, type):
            if f in TRACKED or f is float:
                return "pure"
            return "direct"
        if isinstance(f, np.ufunc):
            return "pure"
        if isinstance(f, types.MethodDescriptorType) and f.__objclass__ is np.ndarray:
            return "unbound"
        owner = getattr(f, "__self__", None)
        if isinstance(owner, np.ufunc):
            return "at" if f.__name__ == "at" else "pure"
        if isinstance(owner, types.ModuleType) or owner is None:
            module = getattr(f, "__module__", None) or getattr(owner, "__name__", "")
            root = str(module).partition(".")[0]
            if str(module).startswith("numpy.random"):
                return "shuffle" if getattr(f, "__name__", "") == "shuffle" else "draw"
            if root in ("numpy", "math", "scipy", "builtins", "_operator"):
                return "pure"
            if root in ("time", "os", "posix", "sys", "json", "gc"):
                return "direct"
            if f is functools.reduce:
                return "walk"
            return "external"
        if isinstance(owner, _TRACKED):
            return "bound"
        if isinstance(owner, (list, dict, str, set, tuple, bytes)):
            return "direct"
        return "external"


def entered(f: Any) -> Any:
    """Return the function that a call of an object enters, the object itself if it is one."""
    return f if type(f) in FUNCTIONS else getattr(type(f), CALLED, None)


def _is_of_the_program(f: Any) -> bool:
    """Whether a function is one that the rewriter has made."""
    return isinstance(f, types.FunctionType) and not {"@bp.on", "@bp.call"}.isdisjoint(
        f.__code__.co_names
    )
