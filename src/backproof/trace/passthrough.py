"""Hooks that only do what Python does: the instrumented program without its recorder.

Rewritten code refers to the hooks as builtins whose names are no identifiers (``@bp.add``), so the
program can neither see nor shadow them. They stay installed after a run, because functions of the
program may outlive it (threads, ``atexit``).
"""

from __future__ import annotations

import atexit
import builtins
import functools
import gc
import operator
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from backproof.trace.frames import strip
from backproof.trace.site import SITES

ON = "@bp.on"

#: What an augmented assignment does, by `Site.op`.
IN_PLACE: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.iadd,
    "sub": operator.isub,
    "mul": operator.imul,
    "div": operator.itruediv,
    "floordiv": operator.ifloordiv,
    "mod": operator.imod,
    "pow": operator.ipow,
    "matmul": operator.imatmul,
    "and": operator.iand,
    "or": operator.ior,
    "xor": operator.ixor,
    "lshift": operator.ilshift,
    "rshift": operator.irshift,
}


_OPERATORS: dict[str, Callable[..., Any]] = {
    # Spelt out: an operator inside a function costs half of a call of `operator.add`.
    "@bp.add": lambda site, a, b: a + b,
    "@bp.sub": lambda site, a, b: a - b,
    "@bp.mul": lambda site, a, b: a * b,
    "@bp.div": lambda site, a, b: a / b,
    "@bp.floordiv": lambda site, a, b: a // b,
    "@bp.mod": lambda site, a, b: a % b,
    "@bp.pow": lambda site, a, b: a**b,
    "@bp.matmul": lambda site, a, b: a @ b,
    "@bp.and": lambda site, a, b: a & b,
    "@bp.or": lambda site, a, b: a | b,
    "@bp.xor": lambda site, a, b: a ^ b,
    "@bp.lt": lambda site, a, b: a < b,
    "@bp.le": lambda site, a, b: a <= b,
    "@bp.gt": lambda site, a, b: a > b,
    "@bp.ge": lambda site, a, b: a >= b,
    "@bp.eq": lambda site, a, b: a == b,
    "@bp.ne": lambda site, a, b: a != b,
    "@bp.neg": lambda site, a: -a,
    "@bp.pos": lambda site, a: +a,
    "@bp.invert": lambda site, a: ~a,
}


def getitem(site: int, x: Any, key: Any) -> Any:
    """``x[key]``."""
    return x[key]


def target(site: int, x: Any) -> Any:
    """Return what takes the place of `x` in ``x[key] = value``: `x`."""
    return x


def attr(site: int, x: Any, name: str) -> Any:
    """``x.name``."""
    return getattr(x, name)


def aug(site: int, x: Any, value: Any) -> Any:
    """Return the new value of `x` in ``x += value``."""
    return IN_PLACE[SITES[site].op](x, value)


def aug_attr(site: int, x: Any, name: str) -> Callable[[Any], None]:
    """``x.name += value``: load now, add and store when called with the value."""
    old = getattr(x, name)
    in_place = IN_PLACE[SITES[site].op]

    def finish(value: Any) -> None:
        setattr(x, name, in_place(old, value))

    return finish


def aug_item(site: int, x: Any, key: Any) -> Callable[[Any], None]:
    """``x[key] += value``: load now, add and store when called with the value."""
    old = x[key]
    in_place = IN_PLACE[SITES[site].op]

    def finish(value: Any) -> None:
        x[key] = in_place(old, value)

    return finish


def flow(site: int, x: Any) -> Any:
    """Return what a statement passes on as it is: `x`."""
    return x


def chosen(site: int, x: Any) -> Any:
    """Return what ``x if test else y`` comes to: `x`."""
    return x


def call(site: int, function: Any) -> Any:
    """Return what is called in ``function(...)``: `function`."""
    return function


def method(site: int, x: Any, name: str) -> Any:
    """Return what is called in ``x.name(...)``."""
    return getattr(x, name)


def iterate(site: int, x: Any) -> Any:
    """Return what ``for … in x`` walks through: `x`."""
    return x


def unpack(site: int, x: Any) -> Any:
    """Return what ``a, b = x`` or ``f(*x)`` unpacks: `x`."""
    return x


def loop(site: int) -> None:
    """A loop is about to start."""


def iteration(site: int) -> Any:
    """Whether the iteration that starts runs its instrumented copy: the mode of `install`."""
    return builtins.__dict__[ON]


def loop_end(site: int) -> None:
    """A loop has ended."""


def caught() -> None:
    """Take our frames out of the traceback of the exception being handled."""
    exception = sys.exception()
    if exception is not None:
        strip(exception)


#: All hooks but the switch ``@bp.on``, by their names as builtins.
HOOKS: dict[str, Callable[..., Any]] = {
    **_OPERATORS,
    "@bp.getitem": getitem,
    "@bp.slice": slice,
    "@bp.target": target,
    "@bp.shaped": target,
    "@bp.attr": attr,
    "@bp.aug": aug,
    "@bp.aug_attr": aug_attr,
    "@bp.aug_item": aug_item,
    "@bp.flow": flow,
    "@bp.chosen": chosen,
    "@bp.call": call,
    "@bp.method": method,
    "@bp.iter": iterate,
    "@bp.walk": iterate,
    "@bp.unpack": unpack,
    "@bp.loop": loop,
    "@bp.iteration": iteration,
    "@bp.loop_end": loop_end,
    "@bp.caught": caught,
}


def install(hooks: Mapping[str, Callable[..., Any]] = HOOKS, *, on: bool = False) -> None:
    """Make `hooks` builtins, the rest pass-through.

    Parameters
    ----------
    hooks : mapping of str to callable
    on : bool
        Whether functions entered from now on run their instrumented copy.
    """
    builtins.__dict__.update({**HOOKS, **hooks})
    builtins.__dict__[ON] = on


@functools.cache
def outlive_builtins() -> None:
    """Keep the hooks until the very end of the process.

    A finalizing interpreter first resets the builtins to a copy that it made at its start, then
    drops the program's objects, whose ``__del__`` may be rewritten code.
    """

    @atexit.register
    def keep_hooks() -> None:
        hooks = {name: value for name, value in vars(builtins).items() if name.startswith("@bp.")}
        for candidate in gc.get_objects():
            if type(candidate) is dict and "__build_class__" in candidate:
                candidate.update(hooks)


def main_thread_only(hooks: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """Return `hooks` such that other threads pass through.

    For programs that have threads (`threading.active_count`): the test costs as much as a hook.
    """
    main, current = threading.main_thread().ident, threading.get_ident

    def guarded(hook: Callable[..., Any], plain: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arguments: (hook if current() == main else plain)(*arguments)

    return {
        name: hook if hook is HOOKS.get(name) else guarded(hook, HOOKS[name])
        for name, hook in hooks.items()
    }


def uninstall() -> None:
    """Remove the hooks. No rewritten code may run afterwards."""
    for name in (*HOOKS, ON):
        builtins.__dict__.pop(name, None)


def is_installed() -> bool:
    """Whether rewritten code can run."""
    return ON in builtins.__dict__
