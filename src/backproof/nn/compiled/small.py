"""The kernel for small nets: every loop runs over samples, as many at once as a vector holds.

A net with a handful of units is too small for BLAS: calling it takes longer than the product. Here
a layer's activations are rows of an array, a row a unit, and samples are taken in tiles that stay
in a near cache from the first layer forward to the first layer back. A tile is padded with
samples of share zero, so that no loop has a rest.
"""

from __future__ import annotations

import math
from typing import Any, Final

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
          Y: Any, share: Any, equal: float) -> None:  # fmt: skip
    """Fetch m samples; fill up the last block."""
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
             bias: Any, blocks: int) -> None:  # fmt: skip
    """z = bias + Σᵢ wᵢ·aᵢ over rows of A, four at a time; wᵢ = W[first + i·along]."""
    count = blocks * BLOCK
    rest = n_in % 4
    if rest == 0:
        for s in range(count):
            Z[s] = bias
    elif rest == 1:
        w0, a0 = W[first], A[base]
        for s in range(count):
            Z[s] = bias + w0 * a0[s]
    elif rest == 2:
        w0, w1 = W[first], W[first + along]
        a0, a1 = A[base], A[base + 1]
        for s in range(count):
            Z[s] = bias + w0 * a0[s] + w1 * a1[s]
    else:
        w0, w1, w2 = W[first], W[first + along], W[first + 2 * along]
        a0, a1, a2 = A[base], A[base + 1], A[base + 2]
        for s in range(count):
            Z[s] = bias + w0 * a0[s] + w1 * a1[s] + w2 * a2[s]
    for i in range(rest, n_in, 4):
        place = first + i * along
        w0, w1, w2, w3 = W[place], W[place + along], W[place + 2 * along], W[place + 3 * along]
        a0, a1, a2, a3 = A[base + i], A[base + i + 1], A[base + i + 2], A[base + i + 3]
        for s in range(count):
            Z[s] += w0 * a0[s] + w1 * a1[s] + w2 * a2[s] + w3 * a3[s]


@part
def _correlate(
    D: Any, A: Any, base: int, n_in: int, g: Any, first: int, along: int, bias: int, blocks: int
) -> None:
    """Add Σₛ d·aᵢ to gᵢ = g[first + i·along], rows of A four at a time, and Σₛ d to g[bias]."""
    count = blocks * BLOCK
    zero = D.dtype.type(0)
    t0, t1, t2, t3, total = zero, zero, zero, zero, zero
    rest = n_in % 4
    if rest == 0:
        for s in range(count):
            total += D[s]
    elif rest == 1:
        a0 = A[base]
        for s in range(count):
            d = D[s]
            total += d
            t0 += d * a0[s]
    elif rest == 2:
        a0, a1 = A[base], A[base + 1]
        for s in range(count):
            d = D[s]
            total += d
            t0 += d * a0[s]
            t1 += d * a1[s]
    else:
        a0, a1, a2 = A[base], A[base + 1], A[base + 2]
        for s in range(count):
            d = D[s]
            total += d
            t0 += d * a0[s]
            t1 += d * a1[s]
            t2 += d * a2[s]
    g[bias] += total
    if rest > 0:
        g[first] += t0
    if rest > 1:
        g[first + along] += t1
    if rest > 2:
        g[first + 2 * along] += t2
    for i in range(rest, n_in, 4):
        a0, a1, a2, a3 = A[base + i], A[base + i + 1], A[base + i + 2], A[base + i + 3]
        t0, t1, t2, t3 = zero, zero, zero, zero
        for s in range(count):
            d = D[s]
            t0 += d * a0[s]
            t1 += d * a1[s]
            t2 += d * a2[s]
            t3 += d * a3[s]
        place = first + i * along
        g[place] += t0
        g[place + along] += t1
        g[place + 2 * along] += t2
        g[place + 3 * along] += t3


@part
def _cross_entropy(Z: Any, Y: Any, share: Any, E: Any, lanes: Any, m: int, weighted: bool) -> float:
    """Return Σ sᵢ log(1 + e^{-tᵢ}), and replace z by (σ(z) - y)·s.

    With equal shares one logarithm does for a lane: Π(1 + uᵢ) - 1 is gathered by p ← p + u + p·u,
    which keeps every digit also where the costs are tiny. A tile's product is at most 2⁵¹².
    """
    blocks = -(-m // BLOCK)
    count = blocks * BLOCK
    one = Z.dtype.type(1)
    zero = Z.dtype.type(0)
    total = 0.0
    if weighted:
        for s in range(count):
            z = Z[s]
            e = exp(-abs(z))
            t = -z if Y[s] > 0 else z
            E[s] = ((zero if t < zero else t) + log1p(e)) * share[s]
            Z[s] = ((one if z >= 0 else e) / (one + e) - Y[s]) * share[s]
        for s in range(m):
            total += E[s]
        return total
    equal = share[0]
    linear = zero
    for s in range(count):
        z = Z[s]
        e = exp(-abs(z))
        E[s] = e
        t = -z if Y[s] > 0 else z
        linear += (zero if t < zero else t) * share[s]
        Z[s] = ((one if z >= 0 else e) / (one + e) - Y[s]) * share[s]
    for s in range(m, count):
        E[s] = 0
    for k in range(LANES):
        lanes[k] = 0
    for block in range(2 * blocks):
        for k in range(LANES):
            u = E[block * LANES + k]
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
def _tile(code: int, sizes: Any, theta: Any, g: Any, X: Any, Y: Any, share: Any, A: Any, Z: Any,
          E: Any, lanes: Any, m: int, masks: Any, start: int, batch: int, p: float,
          weighted: bool) -> float:  # fmt: skip
    """Forward and back over a tile: add to the gradient, return the tile's cost."""
    blocks = -(-m // BLOCK)
    last = len(sizes) - 1
    row, place, drawn = 0, 0, 0
    for l in range(1, last + 1):
        n_in, n_out = sizes[l - 1], sizes[l]
        below, base = (X, 0) if l == 1 else (A, row - n_in)
        for j in range(n_out):
            bias = theta[place + n_in * n_out + j]
            _combine(theta, place + j, n_out, n_in, below, base, Z[row + j], bias, blocks)
            if l < last:
                activate(code, Z[row + j], A[row + j], blocks * BLOCK)
                if len(masks) > 0:
                    first = drawn + start * n_out + j
                    _mask(A[row + j], Z[row + j], masks, first, n_out, m, p)
        if l < last:
            row += n_out
            drawn += batch * n_out
        place += (n_in + 1) * n_out

    cost: float = _cross_entropy(Z[row], Y, share, E, lanes, m, weighted)

    for l in range(last, 0, -1):
        n_in, n_out = sizes[l - 1], sizes[l]
        place -= (n_in + 1) * n_out
        below, base = (X, 0) if l == 1 else (A, row - n_in)
        for j in range(n_out):
            dZ = Z[row + j]
            bias = place + n_in * n_out + j
            _correlate(dZ, below, base, n_in, g, place + j, n_out, bias, blocks)
        if l > 1:
            zero = theta.dtype.type(0)
            for i in range(n_in):
                slope = Z[row - n_in + i]
                if n_out == 1:
                    dz, w = Z[row], theta[place + i]
                    for s in range(blocks * BLOCK):
                        slope[s] *= w * dz[s]
                    continue
                _combine(theta, place + i * n_out, 1, n_out, Z, row, E, zero, blocks)
                for s in range(blocks * BLOCK):
                    slope[s] *= E[s]
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
    n_in = sizes[0]
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
                inputs, Y, share = tiles[slot], tiles[slot, n_in], tiles[slot, n_in + 1]
                if not loaded:
                    equal = theta.dtype.type(1 / length)
                    _load(X, y, weight, rows, places, start + offset, count, inputs, Y, share,
                          equal)  # fmt: skip
                cost += _tile(code, sizes, theta, g, inputs, Y, share, A, Z, E, lanes, count,
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
