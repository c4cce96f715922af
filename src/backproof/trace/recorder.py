"""The hot path: hooks that compute exactly what Python computes and append one event.

The hooks are closures over the log's ``append`` (attribute look-ups would cost more), made in
`expressions`, `stores`, `calls` and `loops`; `event` says what they append.
"""

from __future__ import annotations

import builtins
import sys
import threading
from collections.abc import Callable
from typing import Any

from backproof.trace.calls import call_hooks
from backproof.trace.event import Event
from backproof.trace.expressions import operator_hooks, read_hooks
from backproof.trace.imports import is_testing
from backproof.trace.kinds import Kinds
from backproof.trace.loops import LoopInstance, loop_hooks
from backproof.trace.passthrough import HOOKS as PLAIN_HOOKS
from backproof.trace.stores import store_hooks


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
        self.kinds = Kinds()
        self._hooks = _hooks(self)

    def write_to(self, log: list[Event]) -> None:
        """Append to another log from the next start on."""
        self.log = log
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
        optimisers = self.kinds.optimisers
        if f in optimisers:
            return optimisers[f]
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
            loop.marks = [mark - position for mark in loop.marks if mark >= position]


def _hooks(recorder: Recorder) -> dict[str, Any]:
    """Make the recording hooks."""
    append = recorder.log.append
    main = _main_thread_test()
    hooks: dict[str, Any] = {"@bp.slice": slice, "@bp.caught": PLAIN_HOOKS["@bp.caught"]}
    hooks |= operator_hooks(append)
    hooks |= read_hooks(append, recorder.log)
    hooks |= store_hooks(append)
    hooks |= call_hooks(append, recorder.kinds, hooks["@bp.iter"], main)
    hooks |= loop_hooks(recorder, main)
    return hooks


def _main_thread_test() -> Callable[[], bool]:
    get_ident, main = threading.get_ident, threading.main_thread().ident
    return lambda: get_ident() == main
