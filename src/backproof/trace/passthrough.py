"""Hooks that only do what Python does: the instrumented program without its recorder.

Rewritten code refers to the hooks as builtins whose names are no identifiers (``@bp.add``), so the
program can neither see nor shadow them. They stay installed after a run, because functions of the
program may outlive it (threads, ``atexit``).
"""

from __future__ import annotations

import builtins
import operator
import sys
from collections.abc import Callable, Mapping
from typing import Any

from backproof.trace.frames import strip
from backproof.trace.site import SITES

ON = "@bp.on"

BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "floordiv": operator.floordiv,
    "mod": operator.mod,
    "pow": operator.pow,
    "matmul": operator.matmul,
    "and": operator.and_,
    "or": operator.or_,
    "xor": operator.xor,
}
COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "eq": operator.eq,
    "ne": operator.ne,
}
UNARY: dict[str, Callable[[Any], Any]] = {
    "neg": operator.neg,
    "pos": operator.pos,
    "invert": operator.invert,
}
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


def _binary(function: Callable[[Any, Any], Any]) -> Callable[[int, Any, Any], Any]:
    return lambda site, a, b: function(a, b)


def _unary(function: Callable[[Any], Any]) -> Callable[[int, Any], Any]:
    return lambda site, a: function(a)


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
    **{"@bp." + name: _binary(function) for name, function in (BINARY | COMPARE).items()},
    **{"@bp." + name: _unary(function) for name, function in UNARY.items()},
    "@bp.getitem": getitem,
    "@bp.slice": slice,
    "@bp.target": target,
    "@bp.attr": attr,
    "@bp.aug": aug,
    "@bp.aug_attr": aug_attr,
    "@bp.aug_item": aug_item,
    "@bp.call": call,
    "@bp.method": method,
    "@bp.iter": iterate,
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


def uninstall() -> None:
    """Remove the hooks. No rewritten code may run afterwards."""
    for name in (*HOOKS, ON):
        builtins.__dict__.pop(name, None)


def is_installed() -> bool:
    """Whether rewritten code can run."""
    return ON in builtins.__dict__
