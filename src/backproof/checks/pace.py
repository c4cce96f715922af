"""The step size of an update: the number between gradient and change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backproof.arithmetic import DIVIDE, MULTIPLY, is_in
from backproof.checks.layers import PRODUCTS
from backproof.checks.places import looks_like_rate
from backproof.roles import Parameter
from backproof.trace.site import Site
from backproof.trace.tape import Ref, Tape

#: Products that a leading step size is looked for in: ``lr * d_cost * d_out * x``.
MOST_FACTORS = 8
#: What the step size of an adaptive filter is called: elsewhere a mean, or a momentum.
FILTER_RATE = "mu"


@dataclass(frozen=True, slots=True)
class Rate:
    """The step size of an update: the outermost number between gradient and change."""

    value: float
    text: str
    site: Site


def find_rate(tape: Tape, params: Sequence[Parameter]) -> Rate | None:
    """Return the outermost scalar that multiplies the gradient of some parameter."""
    moving = tape.reach(n for p in params for n in p.old)
    for parameter in params:
        for level in parameter.levels:
            made = tape.producer(level.nodes[0])
            if made is None or len(made.args) != 2:
                continue
            try:
                known = made.function in MULTIPLY or made.function in DIVIDE
            except TypeError:
                continue
            if not known:
                continue
            where = made.where
            for position, arg in enumerate(made.args):
                if type(arg) is Ref and arg.node in moving:
                    continue
                obj = tape.nodes[arg.node].obj if type(arg) is Ref else arg
                if np.size(obj) != 1 or isinstance(obj, (bool, np.bool_)):
                    continue
                if position == 1 and made.function in DIVIDE:
                    continue
                value = float(np.ravel(obj)[0])
                texts = where.operands
                text = texts[position] if position < len(texts) else ""
                if value and np.isfinite(value):
                    found = Rate(abs(value), text, where)
                    # `lr * d * x`: of two scalars the one that is called so.
                    named = looks_like_rate(text)
                    return found if named else _leading(tape, params, moving) or found
    return _leading(tape, params, moving)


def _leading(tape: Tape, params: Sequence[Parameter], moving: set[int]) -> Rate | None:
    """Return the first factor of a product that is called so, or is a number: ``lr * X.T @ r``."""
    for parameter in params:
        for level in parameter.levels:
            made = tape.producer(level.nodes[0])
            for _ in range(MOST_FACTORS):
                if made is None or len(made.args) != 2:
                    break
                first, texts = made.args[0], made.where.operands
                if is_in(made.function, DIVIDE) or is_in(made.function, PRODUCTS):
                    made = tape.producer(first.node) if type(first) is Ref else None
                    continue
                if not is_in(made.function, MULTIPLY):
                    break
                obj = tape.nodes[first.node].obj if type(first) is Ref else first
                # One that decays is computed, in the step perhaps: ``rate = 0.1 * 0.99**epoch``.
                known = type(first) is not Ref or first.node not in moving
                if known and np.size(obj) == 1 and not isinstance(obj, (bool, np.bool_)):
                    value = float(np.ravel(obj)[0])
                    named = bool(texts) and (
                        looks_like_rate(texts[0]) or _is_fraction(texts[0])
                        or texts[0].rpartition(".")[2] == FILTER_RATE
                    )  # fmt: skip
                    if named and value and np.isfinite(value):
                        return Rate(abs(value), texts[0], made.where)
                made = tape.producer(first.node) if type(first) is Ref else None
    return None


def _is_fraction(text: str) -> bool:
    """Whether a factor is a number that is no count: the 0.01 of ``0.01 * d * x[j]``."""
    try:
        return not text.strip().isdigit() and 0 < float(text) < 1
    except ValueError:
        return False
