"""The kernel for small nets: every loop runs over samples, as many at once as a vector holds.

A net with a handful of units is too small for BLAS: calling it takes longer than the product. Here
a layer's activations are rows of an array, a row a unit, and samples are taken in tiles that stay
in a near cache from the first layer forward to the first layer back. A tile is padded with
samples of share zero, so that no loop has a rest.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from backproof.nn.compiled.functions import RELU, activate, exp, kernel, log1p, part
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

# Bytes of a tile, of its inputs, activations and slopes: near enough. Shorter loops, for
# the sake of the nearest cache, lose more by being begun more often.
NEAREST: Final = 128 << 10
# Bytes of samples that are kept as tiles from step to step.
KEPT: Final = 1 << 19
# Samples in a vector loop are a multiple of this.
BLOCK: Final = 32
# Running products of a tile's costs.
LANES: Final = 16


def tile_length(inputs: int, hidden: int, samples: int, itemsize: int) -> int:
    """Return how many samples make a tile: whole blocks, and tiles of about equal length."""
    rows = inputs + 2 * hidden + 4
    most = max(1, min(NEAREST // (rows * BLOCK * itemsize), 512 // BLOCK))
    blocks = -(-samples // BLOCK)
    return -(-blocks // -(-blocks // most)) * BLOCK


@part
def _load(X: Any, y: Any, weight: Any, rows: Any, places: Any, start: int, m: int, tile: Any,
          equal: float) -> None:  # fmt: skip
    """Fetch m samples, with y and their shares in the two rows below; fill up the last block."""
    Y, share = tile[X.shape[1]], tile[X.shape[1] + 1]
    for s in range(m):
        place = places[start + s]
        row = rows[place] if len(rows) > 0 else place
        for i in range(X.shape[1]):
            tile[i, s] = X[row, i]
        Y[s] = y[place]
        share[s] = weight[place] * equal if len(weight) > 0 else equal
    for s in range(m, -(-m // BLOCK) * BLOCK):
        for i in range(X.shape[1]):
            tile[i, s] = 0
        Y[s] = 0
        share[s] = 0


@part
def _combine(W: Any, first: int, along: int, n_in: int, A: Any, base: int, Z: Any,
             to: int, bias: Any, lowest: Any, blocks: int) -> None:  # fmt: skip
    """Z[to] = max(bias + Σᵢ wᵢ·aᵢ, lowest) over rows of A, four at a time; wᵢ = W[first + i·along].

    ``lowest`` is 0 for a layer of ReLUs, which then needs no pass of its own, else -inf. The
    comparison is the one that keeps a NaN. Rows are given by their numbers: a view of a row counts
    references, which took a quarter of the time of a small net's step.
    """
    count = blocks * BLOCK
    rest = (n_in - 1) % 4 + 1
    edge = lowest if n_in <= 4 else -Z.dtype.type(np.inf)
    if rest == 1:
        w0 = W[first]
        for s in range(count):
            z = bias + w0 * A[base, s]
            Z[to, s] = edge if z < edge else z
    elif rest == 2:
        w0, w1 = W[first], W[first + along]
        for s in range(count):
            z = bias + w0 * A[base, s] + w1 * A[base + 1, s]
            Z[to, s] = edge if z < edge else z
    elif rest == 3:
        w0, w1, w2 = W[first], W[first + along], W[first + 2 * along]
        for s in range(count):
            z = bias + w0 * A[base, s] + w1 * A[base + 1, s] + w2 * A[base + 2, s]
            Z[to, s] = edge if z < edge else z
    else:
        w0, w1, w2, w3 = W[first], W[first + along], W[first + 2 * along], W[first + 3 * along]
        for s in range(count):
            z = bias + w0 * A[base, s] + w1 * A[base + 1, s]
            z = z + w2 * A[base + 2, s] + w3 * A[base + 3, s]
            Z[to, s] = edge if z < edge else z
    for i in range(rest, n_in, 4):
        edge = lowest if i + 4 >= n_in else edge
        place, row = first + i * along, base + i
        w0, w1, w2, w3 = W[place], W[place + along], W[place + 2 * along], W[place + 3 * along]
        for s in range(count):
            z = Z[to, s] + w0 * A[row, s] + w1 * A[row + 1, s]
            z = z + w2 * A[row + 2, s] + w3 * A[row + 3, s]
            Z[to, s] = edge if z < edge else z


@part
def _correlate(D: Any, of: int, gate: Any, j: int, edge: Any, w: Any, A: Any, base: int,
               n_in: int, g: Any, first: int, along: int, bias: int, blocks: int,
               ) -> None:  # fmt: skip
    """Add Σₛ d·aᵢ to gᵢ = g[first + i·along], rows of A four at a time, and Σₛ d to g[bias].

    d is w·D[of] where gate[j] is above the edge, else 0·D[of]: a ReLU's dZ = w·dz·[a > 0] is never
    written. With the edge -inf all are.
    """
    count = blocks * BLOCK
    zero = D.dtype.type(0)
    t0, t1, t2, t3, total = zero, zero, zero, zero, zero
    rest = (n_in - 1) % 4 + 1
    if rest == 1:
        for s in range(count):
            d = D[of, s] * (w if gate[j, s] > edge else zero)
            total += d
            t0 += d * A[base, s]
    elif rest == 2:
        for s in range(count):
            d = D[of, s] * (w if gate[j, s] > edge else zero)
            total += d
            t0 += d * A[base, s]
            t1 += d * A[base + 1, s]
    elif rest == 3:
        for s in range(count):
            d = D[of, s] * (w if gate[j, s] > edge else zero)
            total += d
            t0 += d * A[base, s]
            t1 += d * A[base + 1, s]
            t2 += d * A[base + 2, s]
    else:
        for s in range(count):
            d = D[of, s] * (w if gate[j, s] > edge else zero)
            total += d
            t0 += d * A[base, s]
            t1 += d * A[base + 1, s]
            t2 += d * A[base + 2, s]
            t3 += d * A[base + 3, s]
    g[bias] += total
    g[first] += t0
    if rest > 1:
        g[first + along] += t1
    if rest > 2:
        g[first + 2 * along] += t2
    if rest > 3:
        g[first + 3 * along] += t3
    for i in range(rest, n_in, 4):
        t0, t1, t2, t3 = zero, zero, zero, zero
        row = base + i
        for s in range(count):
            d = D[of, s] * (w if gate[j, s] > edge else zero)
            t0 += d * A[row, s]
            t1 += d * A[row + 1, s]
            t2 += d * A[row + 2, s]
            t3 += d * A[row + 3, s]
        place = first + i * along
        g[place] += t0
        g[place + along] += t1
        g[place + 2 * along] += t2
        g[place + 3 * along] += t3


@part
def _cross_entropy(Z: Any, of: int, X: Any, at: int, E: Any, lanes: Any, m: int,
                   weighted: bool) -> float:  # fmt: skip
    """Return Σ sᵢ log(1 + e^{-tᵢ}), and replace z = Z[of] by (σ(z) - y)·s; y is X[at], s the next.

    With equal shares one logarithm does for a tile: of Π(1 + uᵢ), at most 2⁵¹². Where the costs
    are tiny, and in single precision, Π(1 + uᵢ) - 1 is gathered instead, by p ← p + u + p·u, which
    keeps every digit.
    """
    blocks = -(-m // BLOCK)
    count = blocks * BLOCK
    one = Z.dtype.type(1)
    zero = Z.dtype.type(0)
    total = 0.0
    if weighted:
        for s in range(count):
            z = Z[of, s]
            e = exp(-abs(z))
            t = -z if X[at, s] > 0 else z
            E[0, s] = ((zero if t < zero else t) + log1p(e)) * X[at + 1, s]
            Z[of, s] = ((one if z >= 0 else e) / (one + e) - X[at, s]) * X[at + 1, s]
        for s in range(m):
            total += E[0, s]
        return total
    equal = X[at + 1, 0]
    linear, product, small = zero, one, zero
    for s in range(count):
        z = Z[of, s]
        e = exp(-abs(z))
        E[0, s] = e
        t = -z if X[at, s] > 0 else z
        linear += (zero if t < zero else t) * X[at + 1, s]
        Z[of, s] = ((one if z >= 0 else e) / (one + e) - X[at, s]) * X[at + 1, s]
        e = e if X[at + 1, s] > zero else zero
        product *= one + e
        small += e
    if small > 0.01 and Z.itemsize == 8:
        return float(linear + equal * math.log(product))
    for s in range(m, count):
        E[0, s] = 0
    for k in range(LANES):
        lanes[k] = 0
    for block in range(2 * blocks):
        for k in range(LANES):
            u = E[0, block * LANES + k]
            lanes[k] += u + lanes[k] * u
    for k in range(LANES):
        total += lanes[k] + total * lanes[k]
    total = math.log1p(total)
    return float(linear + equal * total)


@part
def _mask(A: Any, Z: Any, masks: Any, start: int, units: int, m: int, p: float) -> None:
    """Drop a unit in this tile: where its draw is below p both f and f′ are zero."""
    keep = A.dtype.type(1 / (1 - p))
    zero = A.dtype.type(0)
    edge = A.dtype.type(p)
    for s in range(m):
        factor = keep if masks[start + s * units] >= edge else zero
        A[s] *= factor
        Z[s] *= factor


@part
def _tile(code: int, sizes: Any, theta: Any, g: Any, X: Any, A: Any, Z: Any,
          E: Any, lanes: Any, m: int, masks: Any, start: int, batch: int, p: float,
          weighted: bool) -> float:  # fmt: skip
    """Forward and back over a tile: add to the gradient, return the tile's cost."""
    blocks = -(-m // BLOCK)
    last = len(sizes) - 1
    row, place, drawn = 0, 0, 0
    infinity = theta.dtype.type(np.inf)
    zero = theta.dtype.type(0)
    one = theta.dtype.type(1)
    # ReLUs under the output unit: f in the pass that makes z, f′ in the one that makes dW.
    gated = code == RELU and last == 2 and len(masks) == 0
    for l in range(1, last + 1):
        n_in, n_out = sizes[l - 1], sizes[l]
        below, base = (X, 0) if l == 1 else (A, row - n_in)
        for j in range(n_out):
            bias = theta[place + n_in * n_out + j]
            if gated and l < last:
                _combine(theta, place + j, n_out, n_in, below, base, A, row + j, bias, zero, blocks)
                continue
            _combine(theta, place + j, n_out, n_in, below, base, Z, row + j, bias, -infinity,
                     blocks)  # fmt: skip
            if l < last:
                activate(code, Z[row + j], A[row + j], blocks * BLOCK)
                if len(masks) > 0:
                    first = drawn + start * n_out + j
                    _mask(A[row + j], Z[row + j], masks, first, n_out, m, p)
        if l < last:
            row += n_out
            drawn += batch * n_out
        place += (n_in + 1) * n_out

    cost: float = _cross_entropy(Z, row, X, sizes[0], E, lanes, m, weighted)

    for l in range(last, 0, -1):
        n_in, n_out = sizes[l - 1], sizes[l]
        place -= (n_in + 1) * n_out
        below, base = (X, 0) if l == 1 else (A, row - n_in)
        for j in range(n_out):
            bias = place + n_in * n_out + j
            if gated and l == 1:
                weight = theta[place + (n_in + 1) * n_out + j]
                _correlate(Z, n_out, A, row + j, zero, weight, below, base, n_in, g, place + j,
                           n_out, bias, blocks)  # fmt: skip
            else:
                _correlate(Z, row + j, Z, row + j, -infinity, one, below, base, n_in, g, place + j,
                           n_out, bias, blocks)  # fmt: skip
        if l > 1:
            for i in range(n_in if not gated else 0):
                slope = row - n_in + i
                if n_out == 1:
                    w = theta[place + i]
                    for s in range(blocks * BLOCK):
                        Z[slope, s] *= w * Z[row, s]
                    continue
                _combine(theta, place + i * n_out, 1, n_out, Z, row, E, 0, zero, -infinity, blocks)
                for s in range(blocks * BLOCK):
                    Z[slope, s] *= E[0, s]
            row -= n_in
    return cost


@kernel
def train_small(code: int, optimizer: int, settings: Any, sizes: Any, theta: Any, g: Any, m: Any,
                v: Any, good: Any, carried: Any, X: Any, y: Any, weight: Any, rows: Any,
                places: Any, masks: Any, size: int, first: int, end: int, rates: Any, costs: Any,
                norms: Any, tiles: Any, tile: int, A: Any, Z: Any, E: Any, lanes: Any,
                squares: Any) -> bool:  # fmt: skip
    """Do the batches from ``first`` to ``end`` of each epoch; return whether all went well.

    ``places`` is read as it is in every epoch: it is shuffled between calls. ``tiles`` holds a
    tile's inputs, y and shares, or those of all tiles, which are then fetched once.
    """
    n = len(y)
    batches = -(-n // size)
    kept = batches == 1 and len(tiles) * tile >= n
    loaded = False
    for epoch in range(len(costs)):
        for number in range(first, end):
            start = number * size
            length = min(size, n - start)
            for i in range(len(g)):
                g[i] = 0
            cost = 0.0
            for offset in range(0, length, tile):
                count = min(tile, length - offset)
                slot = offset // tile if kept else 0
                inputs = tiles[slot]
                if not loaded:
                    equal = theta.dtype.type(1 / length)
                    _load(X, y, weight, rows, places, start + offset, count, inputs, equal)
                cost += _tile(code, sizes, theta, g, inputs, A, Z, E, lanes, count,
                              masks, offset, length, settings[DROPOUT],
                              len(weight) > 0)  # fmt: skip
            loaded = kept
            carried[EPOCH] = epoch
            carried[LAYER] = 0
            carried[COST] = cost
            if too_high(cost, carried):
                return False
            if number == 0:
                take_note(cost, carried, theta, good)
                carried[TOTAL] = 0
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
