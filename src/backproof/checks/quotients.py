"""Derivatives that a program takes by differences: ``(f(x + h) - f(x)) / h``.

Such a quotient is off by h/2·f″ (h²/6·f‴ where it is two-sided), which nobody means and no
tolerance knows. The mean of two with a much smaller step stands for the derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from backproof.arithmetic import ADD, DIVIDE, SUBTRACT, is_in
from backproof.trace.tape import Operation, Ref, Run, Tape

#: The largest step of a quotient, and the operations of its function that are looked through.
LARGEST, MOST = 2e-2, 40
#: The step that takes its place: its square and its rounding are far below any tolerance.
SMALL = 1e-5


def refined(tape: Tape, run: Run) -> Run:
    """Return a run in which difference quotients are as good as derivatives."""
    sides: list[Run] = []
    quotients = list(_quotients(tape))
    if not quotients:
        return run
    for side in (SMALL, -SMALL):
        edits: dict[int, Operation] = {}
        for quotient, shifts, step in quotients:
            edits[quotient.index] = replace(
                quotient, function=_scaled(quotient.function, 1, side / step)
            )
            for shift in shifts:
                at = [_number(tape, a) for a in shift.args].index(step)
                edits[shift.index] = replace(
                    shift, function=_scaled(shift.function, at, side / step)
                )
        dirty = tape.reach(o.out for o in edits.values())
        sides.append(tape.replay(double=True, base=run, dirty=dirty, edited=edits))
    outs = [quotient.out for quotient, _, _ in quotients]
    means = {n: (sides[0].env[n] + sides[1].env[n]) / 2 for n in outs}
    return tape.replay(double=True, base=run, dirty=tape.reach(outs), replace=means)


def _quotients(tape: Tape) -> Iterator[tuple[Operation, list[Operation], float]]:
    """Yield each quotient, the operations that go a step aside for it, and the step."""
    for quotient in tape.operations:
        if not is_in(quotient.function, DIVIDE) or len(quotient.args) != 2:
            continue
        difference, width = _made(tape, quotient.args[0]), _number(tape, quotient.args[1])
        if difference is None or width is None or not 0 < abs(width) <= LARGEST:
            continue
        if not is_in(difference.function, SUBTRACT) or len(difference.args) != 2:
            continue
        for step, sides in ((width, 1), (width / 2, 2)):
            found = [_shift(tape, arg, step) for arg in difference.args]
            shifts = [shift for shift in found if shift is not None]
            if len(shifts) == sides:
                yield quotient, shifts, step
                break


def _shift(tape: Tape, arg: Any, step: float) -> Operation | None:
    """Return the operation behind a value that adds the step, or takes it away."""
    pending, seen = [arg], 0
    while pending and seen < MOST:
        made, seen = _made(tape, pending.pop(0)), seen + 1
        if made is None:
            continue
        moves = is_in(made.function, ADD | SUBTRACT) and len(made.args) == 2
        if moves and step in [_number(tape, a) for a in made.args]:
            return made
        pending += [a for a in made.args if type(a) is Ref]
    return None


def _made(tape: Tape, arg: Any) -> Operation | None:
    return tape.producer(arg.node) if type(arg) is Ref else None


def _number(tape: Tape, arg: Any) -> float | None:
    value = tape.value(arg.node) if type(arg) is Ref else arg
    return float(value) if type(value) in (int, float, np.float64) else None


def _scaled(function: Callable[..., Any], at: int, factor: float) -> Callable[..., Any]:
    """Return an operation with one of its two operands scaled."""
    if at:
        return lambda a, b: function(a, factor * b)
    return lambda a, b: function(factor * a, b)
