"""Entries that an update leaves alone on purpose: ``W -= lr * mask * dW`` of a pruned network."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from backproof.arithmetic import MULTIPLY, NEGATE, is_in
from backproof.roles import Parameter
from backproof.trace.tape import Ref, Run, Tape

#: What authors call the entries that are trained, or those that are left.
MASK = re.compile(r"mask|prun|keep|kept|fro[sz]en|trainable|connect|sparse|active|alive", re.I)
#: Products that are followed from an update down to a mask.
MOST_PRODUCTS = 6


def free_entries(tape: Tape, run: Run, parameter: Parameter) -> Any:
    """Return 1.0, or a vector with 0 for the entries that a constant mask keeps as they are.

    A mask has the shape of the parameter, holds zeros and ones, is not made of it, and is called
    one: inputs of zeros and ones are none.
    """
    if len(parameter.updates) != 1 or len(parameter.old) != 1:
        return 1.0
    shape, old = np.shape(run.env[parameter.old[0]]), parameter.old[0]
    if not shape:
        return 1.0
    stack = [delta for _, delta in parameter.updates[0].merges[-1:]]
    for _ in range(MOST_PRODUCTS):
        if not stack:
            break
        made = tape.producer(stack.pop())
        if made is None or not is_in(made.function, MULTIPLY | NEGATE):
            continue
        for arg, text in zip(made.args, made.where.operands, strict=False):
            if type(arg) is not Ref or np.shape(run.env[arg.node]) != shape:
                continue
            held = np.asarray(run.env[arg.node])
            binary = bool(np.all((held == 0) | (held == 1)))
            if MASK.search(text) and binary and old not in tape.ancestors([arg.node]):
                return held.reshape(-1).astype(float)
            stack.append(arg.node)
    return 1.0
