"""scipy.optimize: the cost and gradient that a program hands over are watched where they run.

An optimiser calls the program's functions thousands of times. A few of these evaluations are
recorded, the others run the program's plain code. The optimiser gets what the program's functions
return, bit for bit; no evaluation is added or left out.
"""

from __future__ import annotations

import builtins
import functools
import inspect
import threading
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.trace.event import OPAQUE, Event
from backproof.trace.recorder import Recorder

#: Parameters that take the cost and the gradient, by the optimiser's name.
ROLES: dict[str, tuple[str, str]] = {
    "minimize": ("fun", "jac"),
    "fmin_cg": ("f", "fprime"),
    "fmin_bfgs": ("f", "fprime"),
    "fmin_ncg": ("f", "fprime"),
    "fmin_l_bfgs_b": ("func", "fprime"),
    "fmin_tnc": ("func", "fprime"),
    "check_grad": ("func", "grad"),
}
#: Functions whose cost returns the gradient as well where none is given.
JOINT = {"fmin_l_bfgs_b", "fmin_tnc"}
#: Evaluations of one call that are recorded, and calls in which any is.
EVALUATIONS = frozenset({0, 1, 4, 15, 60, 250, 1000, 4000, 20000})
CALLS = frozenset({0, 1, 2, 4, 9, 30, 100, 300, 1000})


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One recorded evaluation of a cost and its gradient.

    ``points`` are the arrays at which they were evaluated (equal in value), ``start`` the position
    in the log where it begins.
    """

    name: str
    points: tuple[Any, ...]
    cost: Any
    gradient: Any
    start: int
    number: int
    call: int = 0
    """The calls of optimisers before the one that evaluates."""
    cost_at: Callable[[Any], Any] | None = None
    """The program's own cost at another point."""


class _Quiet:
    """The recorder's policy within a recorded evaluation: loops in it are no steps."""

    def __init__(self, recorder: Recorder, most: int) -> None:
        self.recorder = recorder
        self.limit = len(recorder.log) + most
        self.too_long = False

    def outermost(self, recorder: Recorder) -> None:
        """A loop begins."""

    def iteration(self, recorder: Recorder, loop: Any) -> bool:
        """Record on, unless the evaluation is too long."""
        if len(recorder.log) > self.limit:
            self.too_long = True
            recorder.stop()
        return recorder.recording

    def loop_end(self, recorder: Recorder, loop: Any) -> None:
        """A loop ends."""


class Optimisers:
    """What the recorder asks about calls of `scipy.optimize`.

    Parameters
    ----------
    recorder : Recorder
    judge : callable (Evaluation, list of Event) -> None
        Called with each recorded evaluation, while the program waits.
    willing : callable () -> bool
        Whether another evaluation may be recorded.
    counted : callable () -> None
        Called with each evaluation of a gradient.
    changed : callable (point, list of Event, start) -> None
        Called where a recorded function has changed the point that it was given.
    """

    def __init__(
        self,
        recorder: Recorder,
        judge: Callable[[Evaluation, Sequence[Event]], None],
        *,
        willing: Callable[[], bool] = lambda: True,
        counted: Callable[[], None] = lambda: None,
        changed: Callable[[Any, Sequence[Event], int], None] = lambda point, log, start: None,
        max_events: int = 400_000,
    ) -> None:
        self.recorder = recorder
        self.changed = changed
        self.judge = judge
        self.willing = willing
        self.counted = counted
        self.max_events = max_events
        self.calls = 0
        self.evaluations = 0
        self.judged = 0
        self.running = False

    def __contains__(self, function: Any) -> bool:
        return (
            type(function) is types.FunctionType
            and (function.__module__ or "").startswith("scipy.optimize")
            and threading.current_thread() is threading.main_thread()
        )

    def __getitem__(self, function: Any) -> Callable[..., Any]:
        def called(*args: Any, **kwargs: Any) -> Any:
            if self.running:
                return function(*args, **kwargs)
            watched = self._watched(function, args, kwargs)
            with self._plain():
                out = function(*watched[0], **watched[1])
            self._result(args, out)
            return out

        return called

    @contextmanager
    def _plain(self) -> Iterator[None]:
        """While the optimiser runs, the program's functions run their plain code."""
        recording, on = self.recorder.recording, builtins.__dict__["@bp.on"]
        self.recorder.stop()
        self.running = True
        try:
            yield
        finally:
            self.running = False
            if recording:
                self.recorder.start()
            elif on:
                self.recorder.arm()

    def _result(self, args: Any, out: Any) -> None:
        """Say on the log that the result depends on the arguments in an unknown way."""
        if not self.recorder.recording:
            return
        arrays = tuple(a for a in args if isinstance(a, np.ndarray))
        results = [out, getattr(out, "x", None), getattr(out, "fun", None)]
        results.extend(out if isinstance(out, tuple) else ())
        for value in results:
            if type(value) is np.ndarray:
                site = self.recorder.log[-1][0] if self.recorder.log else 0
                self.recorder.log.append((site, OPAQUE, arrays, None, value, None))

    # ---- the arguments -------------------------------------------------------------------------

    def _watched(
        self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments with cost and gradient replaced by watched ones."""
        name = function.__name__
        self.calls += 1
        if name == "basinhopping":
            inner = kwargs.get("minimizer_kwargs")
            if args and isinstance(inner, dict):
                both = {"fun": args[0], **inner}
                pair = self._pair("minimize", both.get("fun"), both.get("jac"), both)
                if pair is not None:
                    inner = {**inner, "jac": pair[1]}
                    return (pair[0], *args[1:]), {**kwargs, "minimizer_kwargs": inner}
            return args, kwargs
        roles = ROLES.get(name)
        if roles is None:
            return args, kwargs
        names = list(inspect.signature(function).parameters)
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        pair = self._pair(name, given.get(roles[0]), given.get(roles[1]), given)
        if pair is None:
            return args, kwargs
        placed, keywords = list(args), dict(kwargs)
        for role, value in zip(roles, pair, strict=True):
            if role in keywords:
                keywords[role] = value
            elif names.index(role) < len(placed):
                placed[names.index(role)] = value
        return tuple(placed), keywords

    def _pair(self, name: str, cost: Any, gradient: Any, given: dict[str, Any]) -> Any:
        """Return (cost, gradient) watched, or None where there is no gradient to judge."""
        if not callable(cost):
            return None
        objective = _Objective(self, cost, most=1 if name == "check_grad" else None)
        if callable(gradient):
            return objective.separate(cost, gradient)
        joint = name in JOINT and gradient is None and not given.get("approx_grad")
        if gradient is True or joint:
            return objective.joint(cost), gradient
        return None


class _Objective:
    """One call of an optimiser: its cost and gradient, and what is recorded of them."""

    def __init__(self, owner: Optimisers, cost: Any, *, most: int | None) -> None:
        self.owner = owner
        self.log = owner.recorder.log
        self.name = getattr(cost, "__name__", "")
        self.call = owner.calls - 1
        self.listened = self.call in CALLS
        self.evaluations = 0
        self.most = most
        self.half: tuple[str, Any, Any, Any, int] | None = None
        """What was recorded of an evaluation: role, point, its copy, the result, the start."""

    def due(self) -> bool:
        """Whether the evaluation that begins is to be recorded."""
        return (
            self.listened
            and self.evaluations in EVALUATIONS
            and (self.most is None or self.evaluations < self.most)
            and self.owner.willing()
        )

    def joint(self, function: Any) -> Any:
        """Watch a function that returns cost and gradient."""

        @functools.wraps(function)
        def watched(x: Any, *args: Any) -> Any:
            due = self.due()
            self._count()
            if not due:
                return function(x, *args)
            start, before = len(self.log), np.array(x, copy=True)
            try:
                out, whole = self._record(function, x, args)
                self._compare(x, before, start)
                if whole and isinstance(out, (tuple, list)) and len(out) >= 2:
                    self._judge((x,), out[0], out[1], start, lambda y: function(y, *args)[0])
            finally:
                del self.log[start:]
            return out

        return watched

    def separate(self, cost: Any, gradient: Any) -> tuple[Any, Any]:
        """Watch a cost and its gradient: evaluations at the same point in a row are judged."""

        @functools.wraps(cost)
        def watched_cost(x: Any, *args: Any) -> Any:
            return self._one("cost", cost, x, args, cost)

        @functools.wraps(gradient)
        def watched_gradient(x: Any, *args: Any) -> Any:
            return self._one("gradient", gradient, x, args, cost)

        return watched_cost, watched_gradient

    def _one(self, role: str, function: Any, x: Any, args: Any, costs: Any) -> Any:
        half = self.half
        matches = half is not None and half[0] != role and same_point(half[2], x)
        if half is not None and not matches:
            del self.log[half[4] :]
            self.half = None
        due = matches or self.due()
        if role == "gradient":
            self._count()
        if not due:
            return function(x, *args)
        start = half[4] if matches and half is not None else len(self.log)
        if matches and half is not None and x is not half[1]:
            site = self.log[start][0] if len(self.log) > start else 0
            self.log.append((site, np.copy, (half[1],), None, x, None))
        before = np.array(x, copy=True)
        out, whole = None, False
        try:
            out, whole = self._record(function, x, args)
            self._compare(x, before, start)
        finally:
            if not whole:
                del self.log[start:]
                self.half = None
        if not whole:
            return out
        if not matches or half is None:
            self.half = (role, x, before, out, start)
            return out
        cost, slope = (out, half[3]) if role == "cost" else (half[3], out)
        try:
            if same_point(half[1], before) and same_point(x, before):
                self._judge((half[1], x), cost, slope, start, lambda y: costs(y, *args))
        finally:
            del self.log[start:]
            self.half = None
        return out

    def _compare(self, x: Any, before: Any, start: int) -> None:
        """Tell where a function has changed the point that it was given."""
        if isinstance(x, np.ndarray) and not same_point(x, before):
            self.owner.changed(x, self.log, start)

    def _count(self) -> None:
        self.evaluations += 1
        self.owner.evaluations += 1
        self.owner.counted()

    def _record(self, function: Any, x: Any, args: Any) -> tuple[Any, bool]:
        """Call a function of the program and record what it does; returns (result, recorded)."""
        recorder = self.owner.recorder
        policy, depth = recorder.policy, len(recorder.loops)
        quiet = recorder.policy = _Quiet(recorder, self.owner.max_events)
        recorder.start()
        try:
            out = function(x, *args)
        finally:
            recorder.stop()
            recorder.policy = policy
            del recorder.loops[depth:]
        return out, not quiet.too_long

    def _judge(
        self, points: tuple[Any, ...], cost: Any, gradient: Any, start: int,
        cost_at: Callable[[Any], Any],
    ) -> None:  # fmt: skip
        self.owner.judged += 1
        number = self.owner.evaluations
        self.owner.judge(
            Evaluation(self.name, points, cost, gradient, start, number, self.call, cost_at),
            self.log,
        )


def same_point(a: Any, b: Any) -> bool:
    """Whether two arguments hold the same numbers."""
    x, y = np.asarray(a), np.asarray(b)
    return x.shape == y.shape and x.dtype == y.dtype and bool(np.array_equal(x, y))
