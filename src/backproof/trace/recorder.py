"""The hot path: hooks that compute exactly what Python computes and append one event.

An event is a plain tuple ``(site, function, args, kwargs, out, undo)``:

- ``function`` is pure: the operator, NumPy callable, `Method` or primitive that gives ``out``;
  `SOURCE` marks a value that comes from outside (a random draw, a file), `OPAQUE` one that
  depends on its arguments in a way we do not know.
- ``undo`` is None, or ``(array, key, old)`` when ``out`` is ``array`` changed in place: ``old`` is
  a copy of the region ``array[key]`` as it was. The new content is ``function(*args)``.

The log keeps every object alive, so an ``id`` stands for one value for as long as the log lives.
Nothing is interpreted here: `tape.build` does that, for the few steps that are judged.
"""

from __future__ import annotations

import builtins
import functools
import operator
import random
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from backproof.trace import primitives
from backproof.trace.imports import is_testing
from backproof.trace.joining import JOINERS, joined
from backproof.trace.passthrough import HOOKS as PLAIN_HOOKS
from backproof.trace.primitives import Attribute, Method
from backproof.trace.site import SITES

Event = tuple[int, Any, tuple[Any, ...], dict[str, Any] | None, Any, tuple[Any, Any, Any] | None]


class _Marker:
    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


SOURCE = _Marker("source")
#: A call of instrumented code begins: what follows happens inside it.
CALL = _Marker("call")
#: A statement passes a value on as it is: ``dZ = dA``, ``return grad``.
FLOW = _Marker("flow")
#: An array was given another shape in place; the argument is a view of it as it was.
RESHAPED = _Marker("reshaped")
OPAQUE = _Marker("opaque")

ARRAYS: frozenset[type] = frozenset({np.ndarray, np.matrix, np.memmap})
SCALARS: frozenset[type] = frozenset(
    {float} | {t for t in np.sctypeDict.values() if issubclass(t, (np.number, np.bool_))}
)
TRACKED: frozenset[type] = ARRAYS | SCALARS

OPERATORS: dict[str, Callable[..., Any]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv,
    "floordiv": operator.floordiv, "mod": operator.mod, "pow": operator.pow,
    "matmul": operator.matmul, "and": operator.and_, "or": operator.or_, "xor": operator.xor,
}  # fmt: skip
IN_PLACE: dict[str, Callable[..., Any]] = {
    "add": operator.iadd, "sub": operator.isub, "mul": operator.imul, "div": operator.itruediv,
    "floordiv": operator.ifloordiv, "mod": operator.imod, "pow": operator.ipow,
    "matmul": operator.imatmul, "and": operator.iand, "or": operator.ior, "xor": operator.ixor,
    "lshift": operator.ilshift, "rshift": operator.irshift,
}  # fmt: skip
COMPARISONS: dict[str, Callable[..., Any]] = {
    "lt": operator.lt, "le": operator.le, "gt": operator.gt,
    "ge": operator.ge, "eq": operator.eq, "ne": operator.ne,
}  # fmt: skip
UNARY: dict[str, Callable[..., Any]] = {
    "neg": operator.neg, "pos": operator.pos, "invert": operator.invert,
}  # fmt: skip

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
    "itemset": OPAQUE,
    "resize": OPAQUE,
}
#: Builtins that walk through their argument: arrays are handed over row by row, as recorded views.
WALKING = {zip, enumerate, map, filter, iter, reversed}
#: Builtins that use up an iterator: it is listed first, so that the elements are on the tape.
CONSUMING = {sum, min, max, list, tuple, sorted, set}
#: Callables that look at the frame of their caller, or that have nothing to record.
DIRECT: set[Any] = {
    print, isinstance, len, range, id, type, getattr, setattr, hasattr, repr, str, int, bool, dict,
    open, callable, issubclass, hash, format, chr, ord, super, locals, globals, vars, dir, eval,
    exec, input, any, all, next, delattr, bytes, bytearray, frozenset, slice, ascii, bin, hex,
    np.seterr, np.errstate, np.set_printoptions, np.random.seed, random.seed,
    np.shape, np.ndim, np.size, np.can_cast, np.result_type, np.array_equal, np.allclose,
    np.isscalar, np.save, np.savez, np.savetxt, np.dtype,
}  # fmt: skip
#: Results hold whatever the memory held: their content is not a function of the arguments.
UNSET = {np.empty, np.empty_like}
DRAWS = (np.random.RandomState, np.random.Generator, random.Random)
FRAME_SENSITIVE = {"logging", "warnings", "inspect", "sys", "typing", "collections", "traceback"}


class LoopInstance:
    """One execution of a loop: its site and the log position at the start of each iteration."""

    __slots__ = ("count", "site", "starts")

    def __init__(self, site: int) -> None:
        self.site = site
        self.count = 0
        self.starts: list[int] = []


class Idle:
    """The policy that records nothing."""

    def outermost(self, recorder: Recorder) -> None:
        """Do nothing."""

    def iteration(self, recorder: Recorder, loop: LoopInstance) -> bool:
        """Choose the plain copy."""
        return False

    def loop_end(self, recorder: Recorder, loop: LoopInstance) -> None:
        """Do nothing."""


class Recorder:
    """Owns the log and the hooks; a `policy` decides which iterations are recorded.

    The policy is called as ``policy.iteration(instance) -> bool`` at the start of every iteration
    that the main thread begins in instrumented code, and ``policy.loop_end(instance)`` after it.
    """

    def __init__(self, policy: Any = None) -> None:
        self.log: list[Event] = []
        self.loops: list[LoopInstance] = []
        self.policy = policy
        self.recording = False
        self.failures: list[str] = []
        self.kinds: dict[Any, str] = {}
        self.optimisers: Any = ()
        """Holds the optimisers that are watched, and gives for each what is called in its place."""
        self._hooks = _hooks(self)

    # ---- switching ---------------------------------------------------------------------------

    def start(self) -> None:
        """Record: functions entered from now on run their instrumented copy."""
        self.recording = True
        builtins.__dict__.update(self._hooks)
        builtins.__dict__["@bp.on"] = True

    def arm(self) -> None:
        """Instrumented copies run, with hooks that only pass through (loops are still seen)."""
        self.recording = False
        builtins.__dict__.update(PLAIN_HOOKS)
        self._loop_hooks()
        builtins.__dict__["@bp.on"] = True

    def stop(self) -> None:
        """Functions entered from now on run their plain copy."""
        if self.recording:
            self.recording = False
            builtins.__dict__.update(PLAIN_HOOKS)
            self._loop_hooks()
        builtins.__dict__["@bp.on"] = False

    def close(self) -> None:
        """Leave pass-through hooks behind (instrumented frames may still be running)."""
        self.recording = False
        builtins.__dict__.update(PLAIN_HOOKS)
        builtins.__dict__["@bp.on"] = False

    def ask(self, question: Callable[..., Any], *about: Any) -> Any:
        """Ask the policy; if it fails, the program goes on without us, and the report says so."""
        try:
            return question(self, *about)
        except Exception as error:
            if is_testing():
                raise
            self.failures.append(f"the recording ended early: {type(error).__name__}: {error}")
            self.policy = Idle()
            self.log.clear()
            self.close()
            return False

    def _loop_hooks(self) -> None:
        for name in ("@bp.loop", "@bp.iteration", "@bp.loop_end", "@bp.walk"):
            builtins.__dict__[name] = self._hooks[name]
        if "scipy.optimize" in sys.modules:
            builtins.__dict__["@bp.call"] = lambda site, f: self._watched(f)
            builtins.__dict__["@bp.method"] = lambda site, x, name: self._watched(getattr(x, name))

    def _watched(self, f: Any) -> Any:
        """Return what a call of `f` calls while nothing is recorded: optimisers are seen."""
        if f in self.optimisers:
            return self.optimisers[f]
        return f

    def mark(self) -> int:
        """Return the current position in the log."""
        return len(self.log)

    def trim(self, position: int) -> None:
        """Forget the events before `position`."""
        if position <= 0:
            return
        del self.log[:position]
        for loop in self.loops:
            loop.starts = [max(0, start - position) for start in loop.starts]

    # ---- kinds of callables --------------------------------------------------------------------

    def kind(self, f: Any) -> str:
        """Say how a call of `f` is recorded: 'direct', 'pure', 'draw', 'walk', 'external' …"""
        try:
            known = self.kinds.get(f)
        except TypeError:
            return "external"
        if known is None:
            known = self._classify(f)
            if len(self.kinds) > 20_000:
                self.kinds.clear()
            self.kinds[f] = known
        return known

    def _classify(self, f: Any) -> str:
        if f in DIRECT:
            return "direct"
        if f in self.optimisers:
            return "optimiser"
        if f in WALKING:
            return "walk"
        if f in CONSUMING:
            return "consume"
        if f in MUTATING_FUNCTIONS:
            return "mutate"
        if f in UNSET:
            return "draw"
        owner = getattr(f, "__self__", None)
        if isinstance(owner, DRAWS):  # before the next line: NumPy's are bound methods since 2.0
            return "shuffle" if getattr(f, "__name__", "") == "shuffle" else "draw"
        if isinstance(f, types.MethodType):
            f = f.__func__
        if isinstance(f, functools.partial):
            return "direct" if self.kind(f.func) == "direct" else "external"
        if isinstance(f, types.FunctionType):
            if "@bp.on" in f.__code__.co_names or "@bp.call" in f.__code__.co_names:
                return "direct"
            root = (f.__module__ or "").partition(".")[0]
            if root in FRAME_SENSITIVE or root == "matplotlib":
                return "direct"
            if (f.__module__ or "").startswith("numpy.random"):
                return "draw"
            return "pure" if root in ("numpy", "scipy", "math") else "external"
        if isinstance(f, type):
            if f in TRACKED or f is float:
                return "pure"
            return "direct"
        if isinstance(f, np.ufunc):
            return "pure"
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
                return "direct"
            return "external"
        if isinstance(owner, TRACKED_TUPLE):
            return "bound"
        if isinstance(owner, (list, dict, str, set, tuple, bytes)):
            return "direct"
        return "external"


TRACKED_TUPLE = tuple(TRACKED)


def freeze(value: Any) -> Any:
    """Copy lists (nested), so that later changes of them do not reach the log."""
    kind = type(value)
    if kind is list:
        return [freeze(item) if type(item) in (list, tuple) else item for item in value]
    if kind is tuple:
        for item in value:
            if type(item) in (list, tuple):
                return tuple(freeze(item) for item in value)
    return value


def keep_key(key: Any) -> Any:
    """Copy an index whose arrays or lists may change later."""
    kind = type(key)
    if kind in ARRAYS:
        return key
    if kind is list:
        return list(key)
    return key


def _saved(array: Any, key: Any) -> Any:
    """Return a copy of ``array[key]``, the region about to be overwritten."""
    old = array[key]
    return old.copy() if isinstance(old, np.ndarray) else old


def _hooks(recorder: Recorder) -> dict[str, Any]:
    """Make the recording hooks (closures over the log: attribute look-ups would cost more)."""
    log = recorder.log
    append = log.append
    tracked = TRACKED
    main = _main_thread_test()
    hooks: dict[str, Any] = {"@bp.slice": slice, "@bp.caught": PLAIN_HOOKS["@bp.caught"]}

    def binary(function: Callable[..., Any]) -> Callable[..., Any]:
        def hook(site: int, a: Any, b: Any) -> Any:
            out = function(a, b)
            if type(out) in tracked:
                append((site, function, (a, b), None, out, None))
            return out

        return hook

    def comparison(function: Callable[..., Any]) -> Callable[..., Any]:
        def hook(site: int, a: Any, b: Any) -> Any:
            out = function(a, b)
            if type(out) in tracked or type(a) in tracked or type(b) in tracked:
                append((site, function, (a, b), None, out, None))
            return out

        return hook

    def unary(function: Callable[..., Any]) -> Callable[..., Any]:
        def hook(site: int, a: Any) -> Any:
            out = function(a)
            if type(out) in tracked:
                append((site, function, (a,), None, out, None))
            return out

        return hook

    for name, function in OPERATORS.items():
        hooks["@bp." + name] = binary(function)
    for name, function in COMPARISONS.items():
        hooks["@bp." + name] = comparison(function)
    for name, function in UNARY.items():
        hooks["@bp." + name] = unary(function)

    # ---- subscripts, attributes, stores -----------------------------------------------------

    def getitem(site: int, x: Any, key: Any) -> Any:
        out = x[key]
        if type(x) in ARRAYS:
            append((site, operator.getitem, (x, keep_key(key)), None, out, None))
        elif type(x) in JOINERS and type(out) in ARRAYS:
            function, args = joined(x, key) or (OPAQUE, (freeze(key),))
            append((site, function, args, None, out, None))
        return out

    def attr(site: int, x: Any, name: str) -> Any:
        out = getattr(x, name)
        if type(x) in ARRAYS and type(out) in tracked:
            append((site, Attribute(name), (x,), None, out, None))
        return out

    class Target:
        """Stands for an array in a store: saves the region, stores, appends the event."""

        __slots__ = ("array", "site")

        def __init__(self, site: int, array: Any) -> None:
            self.site = site
            self.array = array

        def __setitem__(self, key: Any, value: Any) -> None:
            array = self.array
            try:
                old = _saved(array, key)
            except Exception:
                array[key] = value
                return
            array[key] = value
            append((self.site, primitives.set_item, (array, keep_key(key), freeze(value)), None,
                    array, (array, key, old)))  # fmt: skip

    def target(site: int, x: Any) -> Any:
        return Target(site, x) if type(x) in ARRAYS else x

    class Shaped:
        """Stands for an array in ``x.shape = shape``: the same memory, from now on reshaped."""

        __slots__ = ("array", "site")

        def __init__(self, site: int, array: Any) -> None:
            self.site = site
            self.array = array

        @property
        def shape(self) -> Any:
            return self.array.shape

        @shape.setter
        def shape(self, shape: Any) -> None:
            before = self.array.view()
            self.array.shape = shape
            append((self.site, RESHAPED, (before,), None, self.array, None))

    def shaped(site: int, x: Any) -> Any:
        return Shaped(site, x) if type(x) in ARRAYS else x

    ops_of_site: dict[int, tuple[Any, Any]] = {}

    def operators(site: int) -> tuple[Any, Any]:
        pair = ops_of_site.get(site)
        if pair is None:
            op = SITES[site].op
            pair = ops_of_site[site] = (IN_PLACE[op], OPERATORS.get(op, OPAQUE))
        return pair

    def aug(site: int, x: Any, value: Any) -> Any:
        in_place, function = operators(site)
        if type(x) in ARRAYS:
            old = x.copy()
            out = in_place(x, value)
            if out is x:
                append((site, function, (x, freeze(value)), None, x, (x, Ellipsis, old)))
            else:
                append((site, function, (x, freeze(value)), None, out, None))
            return out
        out = in_place(x, value)
        if type(out) in tracked:
            append((site, function, (x, value), None, out, None))
        return out

    def aug_attr(site: int, obj: Any, name: str) -> Callable[[Any], None]:
        x = getattr(obj, name)

        def finish(value: Any) -> None:
            setattr(obj, name, aug(site, x, value))

        return finish

    def aug_item(site: int, x: Any, key: Any) -> Callable[[Any], None]:
        in_place, function = operators(site)
        element = x[key]
        if type(x) in ARRAYS:
            append((site, operator.getitem, (x, keep_key(key)), None, element, None))

            def finish(value: Any) -> None:
                old = _saved(x, key)
                before = element.copy() if type(element) in ARRAYS else element
                out = in_place(element, value)
                if out is element:
                    append((site, function, (element, freeze(value)), None, element,
                            (element, Ellipsis, before)))  # fmt: skip
                    if np.may_share_memory(element, x):
                        x[key] = out
                        return
                elif type(out) in tracked:
                    append((site, function, (element, freeze(value)), None, out, None))
                x[key] = out
                append((site, primitives.set_item, (x, keep_key(key), out), None, x,
                        (x, key, old)))  # fmt: skip

            return finish

        def finish_plain(value: Any) -> None:
            x[key] = aug(site, element, value)

        return finish_plain

    hooks["@bp.getitem"] = getitem
    hooks["@bp.attr"] = attr
    hooks["@bp.target"] = target
    hooks["@bp.shaped"] = shaped
    hooks["@bp.aug"] = aug
    hooks["@bp.aug_attr"] = aug_attr
    hooks["@bp.aug_item"] = aug_item

    # ---- iteration ----------------------------------------------------------------------------

    def rows(site: int, x: Any) -> Iterator[Any]:
        for i in range(len(x)):
            row = x[i]
            append((site, operator.getitem, (x, i), None, row, None))
            yield row

    def iterate(site: int, x: Any) -> Any:
        if type(x) in ARRAYS and x.ndim:
            return rows(site, x)
        return x

    def unpack(site: int, x: Any) -> Any:
        if type(x) in ARRAYS and x.ndim:
            return list(rows(site, x))
        return x

    def flow(site: int, x: Any) -> Any:
        if type(x) in tracked:
            append((site, FLOW, (x,), None, x, None))
        return x

    hooks["@bp.flow"] = flow
    hooks["@bp.iter"] = iterate
    hooks["@bp.unpack"] = unpack

    # ---- calls --------------------------------------------------------------------------------

    def record(site: int, function: Any, args: Any, kwargs: Any, out: Any) -> None:
        """Append a call; the elements of a tuple or list of arrays become events of their own."""
        kind = type(out)
        if kind in tracked:
            append((site, function, args, kwargs, out, None))
        elif isinstance(out, (tuple, list)) and any(type(item) in tracked for item in out):
            append((site, function, args, kwargs, out, None))
            for i, item in enumerate(out):
                if type(item) in tracked:
                    append((site, operator.getitem, (out, i), None, item, None))
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
            return f(*[iterate(site, a) for a in args], **kwargs)

        return called

    def consume(site: int, f: Any) -> Callable[..., Any]:
        def called(*args: Any, **kwargs: Any) -> Any:
            if len(args) == 1 or f is sum:
                first: Any = args[0] if args else ()
                if type(first) in ARRAYS and first.ndim and f is not sum:
                    args = (list(rows(site, first)), *args[1:])
                elif hasattr(first, "__next__"):
                    args = (list(first), *args[1:])
            out = f(*args, **kwargs)
            if type(out) in tracked and not (kwargs and f is not sum):
                append((site, f, tuple([freeze(a) for a in args]), kwargs or None, out, None))
            return out

        return called

    factories: dict[str, Callable[[int, Any], Any]] = {
        "pure": pure, "draw": draw, "external": external, "at": at, "walk": walk,
        "consume": consume,
        "mutate": lambda site, f: mutate(site, f, MUTATING_FUNCTIONS[f]),
        "shuffle": lambda site, f: mutate(site, f, SOURCE),
        "optimiser": lambda site, f: recorder.optimisers[f],
    }  # fmt: skip

    def call(site: int, f: Any) -> Any:
        kind = recorder.kind(f)
        if kind == "direct" or not main():
            if type(f) in (types.FunctionType, types.MethodType) and main():
                append((site, CALL, (f.__name__,), None, None, None))
            return f
        if kind == "bound":
            return method(site, f.__self__, f.__name__)
        return factories[kind](site, f)

    def method(site: int, obj: Any, name: str) -> Any:
        if type(obj) not in ARRAYS:
            if type(obj) in SCALARS and type(obj) is not float:
                bound = getattr(obj, name)
                return pure_method(site, obj, name, bound) if callable(bound) else bound
            return call(site, getattr(obj, name))
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

    hooks["@bp.call"] = call
    hooks["@bp.method"] = method

    # ---- loops --------------------------------------------------------------------------------

    loops = recorder.loops

    def loop(site: int) -> None:
        if main():
            loops.append(LoopInstance(site))
            if len(loops) == 1 or len(loops) > 500:
                recorder.ask(recorder.policy.outermost)

    def iteration(site: int) -> bool:
        if not main():
            return False
        for depth in range(len(loops) - 1, -1, -1):
            instance = loops[depth]
            if instance.site == site:
                del loops[depth + 1 :]
                return bool(recorder.ask(recorder.policy.iteration, instance))
        return bool(builtins.__dict__["@bp.on"])

    def loop_end(site: int) -> None:
        if not main():
            return
        for depth in range(len(loops) - 1, -1, -1):
            if loops[depth].site == site:
                instance = loops[depth]
                del loops[depth:]
                recorder.ask(recorder.policy.loop_end, instance)
                return

    def steps_of(site: int, x: Any) -> Iterator[Any]:
        return steps(site, iter(x))

    def steps(site: int, items: Iterator[Any]) -> Iterator[Any]:
        loop(site)
        for item in items:
            iteration(site)
            yield item
        loop_end(site)

    hooks["@bp.walk"] = steps_of
    hooks["@bp.loop"] = loop
    hooks["@bp.iteration"] = iteration
    hooks["@bp.loop_end"] = loop_end
    return hooks


def _same(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> bool:
    """Whether two arrays hold the same bytes (NaN equals NaN)."""
    return a.shape == b.shape and a.tobytes() == b.tobytes()


def _main_thread_test() -> Callable[[], bool]:
    import threading

    get_ident, main = threading.get_ident, threading.main_thread().ident
    return lambda: get_ident() == main
