"""The kernel for larger nets: BLAS for the products, and one pass for all that lies between them.

Arrays are as in `mathematics`: a row a sample. They lie one behind the other in flat arrays, so
that one kernel serves nets of any depth.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from backproof.nn.compiled.functions import activate, exp, kernel, log1p, part
from backproof.nn.compiled.steps import (
    ALPHA,
    COST,
    DROPOUT,
    EPOCH,
    LAYER,
    STEPS,
    TOTAL,
    add_penalty,
    squared_norms,
    step,
    take_note,
    too_high,
)


@part
def _add_bias(Z: Any, bias: Any) -> None:
    for s in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            Z[s, j] += bias[j]


@part
def _mask(A: Any, Z: Any, masks: Any, p: float) -> None:
    keep = A.dtype.type(1 / (1 - p))
    zero = A.dtype.type(0)
    edge = A.dtype.type(p)
    for i in range(len(A)):
        factor = keep if masks[i] >= edge else zero
        A[i] *= factor
        Z[i] *= factor


@part
def _output(A: Any, W: Any, bias: Any, Y: Any, share: Any, dz: Any) -> float:
    """The last layer: logits, their cost, and dz = (σ(z) - y)·s."""
    one = A.dtype.type(1)
    zero = A.dtype.type(0)
    for s in range(A.shape[0]):
        z = bias
        for i in range(A.shape[1]):
            z += A[s, i] * W[i]
        dz[s] = z
    total: float = zero
    for s in range(A.shape[0]):
        z = dz[s]
        e = exp(-abs(z))
        t = -z if Y[s] > 0 else z
        total += ((zero if t < zero else t) + log1p(e)) * share[s]
        dz[s] = ((one if z >= 0 else e) / (one + e) - Y[s]) * share[s]
    return total


@part
def _output_back(A: Any, dz: Any, dW: Any) -> float:
    """dW of the last layer; returns its db."""
    for i in range(len(dW)):
        dW[i] = 0
    total: float = A.dtype.type(0)
    for s in range(A.shape[0]):
        d = dz[s]
        total += d
        for i in range(A.shape[1]):
            dW[i] += d * A[s, i]
    return total


@part
def _through_output(dz: Any, W: Any, slope: Any, db: Any) -> None:
    """dZ of the last hidden layer, in place of its slopes, and its column sums."""
    for j in range(len(db)):
        db[j] = 0
    for s in range(slope.shape[0]):
        d = dz[s]
        for j in range(slope.shape[1]):
            slope[s, j] *= d * W[j]
            db[j] += slope[s, j]


@part
def _through(dA: Any, slope: Any, db: Any) -> None:
    """dZ = dA·f′(Z), in place of f′(Z), and its column sums."""
    for j in range(len(db)):
        db[j] = 0
    for s in range(slope.shape[0]):
        for j in range(slope.shape[1]):
            slope[s, j] *= dA[s, j]
            db[j] += slope[s, j]


@kernel
def train_large(code: int, optimizer: int, settings: Any, sizes: Any, theta: Any, g: Any, m: Any,
                v: Any, good: Any, carried: Any, X: Any, y: Any, weight: Any, rows: Any,
                places: Any, masks: Any, size: int, first: int, end: int, rates: Any, costs: Any,
                norms: Any, A: Any, Z: Any, Y: Any, share: Any, squares: Any) -> bool:  # fmt: skip
    """Do the batches from ``first`` to ``end`` of each epoch; return whether all went well.

    ``A`` holds the batch and the activations, ``Z`` what `mathematics.forward` calls Z; ``places``
    is read as it is in every epoch: it is shuffled between calls.
    """
    n = len(y)
    batches = -(-n // size)
    last = len(sizes) - 1
    inputs = sizes[0]
    loaded = False
    for epoch in range(len(costs)):
        for number in range(first, end):
            begin = number * size
            length = min(size, n - begin)
            if not loaded:
                equal = theta.dtype.type(1 / length)
                for s in range(length):
                    place = places[begin + s]
                    row = rows[place] if len(rows) > 0 else place
                    for i in range(inputs):
                        A[s * inputs + i] = X[row, i]
                    Y[s] = y[place]
                    share[s] = weight[place] * equal if len(weight) > 0 else equal
                loaded = batches == 1

            # Forward. `low` is where A of the layer below begins, `high` where Z of this one does.
            low, high, place, drawn = 0, 0, 0, 0
            for l in range(1, last):
                n_in, n_out = sizes[l - 1], sizes[l]
                middle = place + n_in * n_out
                below = A[low : low + length * n_in].reshape((length, n_in))
                z = Z[high : high + length * n_out]
                a = A[low + size * n_in : low + size * n_in + length * n_out]
                np.dot(below, theta[place:middle].reshape((n_in, n_out)),
                       z.reshape((length, n_out)))  # fmt: skip
                _add_bias(z.reshape((length, n_out)), theta[middle : middle + n_out])
                activate(code, z, a, length * n_out)
                if len(masks) > 0:
                    _mask(a, z, masks[drawn : drawn + length * n_out], settings[DROPOUT])
                    drawn += length * n_out
                low += size * n_in
                high += size * n_out
                place = middle + n_out
            n_in = sizes[last - 1]
            below = A[low : low + length * n_in].reshape((length, n_in))
            W = theta[place : place + n_in]
            dz = Z[high : high + length]
            cost = float(_output(below, W, theta[place + n_in], Y, share, dz))

            carried[EPOCH] = epoch
            carried[LAYER] = 0
            carried[COST] = cost
            if too_high(cost, carried):
                return False
            if number == 0:
                take_note(cost, carried, theta, good)
                carried[TOTAL] = 0

            # Back.
            g[place + n_in] = _output_back(below, dz, g[place : place + n_in])
            for l in range(last - 1, 0, -1):
                n_in, n_out = sizes[l - 1], sizes[l]
                above = place
                middle = above - n_out
                place = middle - n_in * n_out
                high -= size * n_out
                slope = Z[high : high + length * n_out].reshape((length, n_out))
                db = g[middle:above]
                if l == last - 1:
                    _through_output(dz, W, slope, db)
                else:
                    wide = sizes[l + 1]
                    top = high + size * n_out
                    dA = A[low : low + length * n_out].reshape((length, n_out))
                    over = theta[above : above + n_out * wide].reshape((n_out, wide))
                    np.dot(Z[top : top + length * wide].reshape((length, wide)), over.T, dA)
                    _through(dA, slope, db)
                low -= size * n_in
                below = A[low : low + length * n_in].reshape((length, n_in))
                np.dot(below.T, slope, g[place:middle].reshape((n_in, n_out)))

            if settings[ALPHA] > 0:
                cost += add_penalty(settings[ALPHA], sizes, theta, g)
                carried[COST] = cost
            failed = squared_norms(sizes, g, squares)
            if failed > 0:
                carried[LAYER] = failed
                return False
            carried[STEPS] += 1
            step(optimizer, settings, sizes, squares, theta, g, m, v, rates[epoch, number],
                 carried[STEPS])  # fmt: skip
            carried[TOTAL] += cost * (length / n)
        if end == batches:
            costs[epoch] = carried[TOTAL]
            for l in range(len(squares)):
                norms[epoch, l] = math.sqrt(squares[l])
    return True
