"""exp, log and the activations in a form that the compiler turns into vector instructions.

Library calls stop the vectoriser. Here e^x is a polynomial after taking the nearest power of two
out of it; everything else is built from it. All errors are within a few units in the last place.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from backproof.nn.mathematics import LEAK

F = TypeVar("F", bound=Callable[..., Any])

# NaN and infinity keep their meaning: they are how a failure is seen. Sums may be reordered.
SUMS: Final = {"reassoc", "contract", "arcp", "nsz"}
# Here the order of operations is the point: adding and subtracting a number rounds.
EXACT: Final = {"contract", "nsz"}


def sources() -> str:
    """Return a digest of all that kernels are made of."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def kernel(function: F) -> F:
    """Compile at the first call, from the cache on disk if it was compiled before.

    Numba looks for a newer file of the kernel itself only. A kernel is made of parts in other files
    too, and one that was kept from before a change there writes where memory is no longer its own.
    """
    compiled: Any = numba.njit(cache=True, fastmath=SUMS, error_model="numpy")(function)
    kept = compiled._cache._cache_file
    kept._source_stamp = kept._source_stamp, sources()
    return cast(F, compiled)


def part(function: F) -> F:
    """Compile as part of a kernel."""
    return cast(F, numba.njit(fastmath=SUMS, error_model="numpy")(function))


def tight(function: F) -> F:
    """Compile as part of a kernel, with a division by zero that is infinite, into one piece."""
    compiled = numba.njit(fastmath=SUMS, error_model="numpy", forceinline=True)(function)
    return cast(F, compiled)


def _make_power_of_two(context: Any, shifted: Any) -> Any:
    """2^k, where k stands in the lowest bits of a float: it becomes the exponent."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        wide = signature.args[0] == types.float64
        integer = ir.IntType(64 if wide else 32)
        digits, one = (52, 1023 << 52) if wide else (23, 127 << 23)
        bits = builder.bitcast(arguments[0], integer)
        bits = builder.shl(bits, ir.Constant(integer, digits))
        bits = builder.add(bits, ir.Constant(integer, one))
        return builder.bitcast(bits, ir.DoubleType() if wide else ir.FloatType())

    return shifted(shifted), generate


_power_of_two: Any = intrinsic(_make_power_of_two)


def _make_exp(real: Any, lowest: float, magic: float, high: float, low: float, terms: int) -> Any:
    LOWEST, MAGIC, HIGH, LOW = real(lowest), real(magic), real(high), real(low)
    LOG2E = real(math.log2(math.e))
    C = tuple(real(1 / math.factorial(k)) for k in range(terms + 1))

    if terms == 13:

        def exp(x: Any) -> Any:
            x = LOWEST if x < LOWEST else x
            shifted = x * LOG2E + MAGIC
            k = shifted - MAGIC
            r = (x - k * HIGH) - k * LOW
            p = C[13] * r + C[12]
            p = (((p * r + C[11]) * r + C[10]) * r + C[9]) * r + C[8]
            p = (((p * r + C[7]) * r + C[6]) * r + C[5]) * r + C[4]
            p = (((p * r + C[3]) * r + C[2]) * r + C[1]) * r + C[0]
            return p * _power_of_two(shifted)

    else:

        def exp(x: Any) -> Any:
            x = LOWEST if x < LOWEST else x
            shifted = x * LOG2E + MAGIC
            k = shifted - MAGIC
            r = (x - k * HIGH) - k * LOW
            p = ((C[7] * r + C[6]) * r + C[5]) * r + C[4]
            p = (((p * r + C[3]) * r + C[2]) * r + C[1]) * r + C[0]
            return p * _power_of_two(shifted)

    return exp


# ln 2 in two parts, the first with zeros at its end, so that k·HIGH is exact.
_exp64 = _make_exp(
    np.float64, -708.0, 1.5 * 2.0**52, 0.6931471803691238, 1.9082149292705877e-10, 13
)
_exp32 = _make_exp(np.float32, -87.0, 1.5 * 2.0**23, 0.693359375, -2.12194440e-4, 7)


def exp(x: Any) -> Any:
    """e^x for x ≤ 0; below the smallest normal number it stays there."""
    raise NotImplementedError


@overload(exp, jit_options={"fastmath": EXACT, "forceinline": True})  # type: ignore[untyped-decorator, unused-ignore]
def _exp(x: Any) -> Any:
    return _exp32 if x == types.float32 else _exp64


def _make_log1p(real: Any, terms: int) -> Any:
    ONE, TWO, EDGE, LOG2 = real(1), real(2), real(math.sqrt(2) - 1), real(math.log(2))
    C = tuple(real(2 / (2 * k + 1)) for k in range(terms))

    # log(1 + u) = 2 artanh(u/(2 + u)); above √2 a half is taken out: 1 + u = 2 (1 + (u - 1)/2).
    if terms == 11:

        def log1p(u: Any) -> Any:
            large = u > EDGE
            top = u - ONE if large else u
            s = top / (top + (TWO + TWO if large else TWO))
            q = s * s
            p = ((C[10] * q + C[9]) * q + C[8]) * q + C[7]
            p = (((p * q + C[6]) * q + C[5]) * q + C[4]) * q + C[3]
            p = ((p * q + C[2]) * q + C[1]) * q + C[0]
            return p * s + (LOG2 if large else ONE - ONE)

    else:

        def log1p(u: Any) -> Any:
            large = u > EDGE
            top = u - ONE if large else u
            s = top / (top + (TWO + TWO if large else TWO))
            q = s * s
            p = (((C[4] * q + C[3]) * q + C[2]) * q + C[1]) * q + C[0]
            return p * s + (LOG2 if large else ONE - ONE)

    return log1p


_log1p64 = _make_log1p(np.float64, 11)
_log1p32 = _make_log1p(np.float32, 5)


def log1p(u: Any) -> Any:
    """log(1 + u) for 0 ≤ u ≤ 1."""
    raise NotImplementedError


@overload(log1p, jit_options={"fastmath": EXACT, "forceinline": True})  # type: ignore[untyped-decorator, unused-ignore]
def _log1p(u: Any) -> Any:
    return _log1p32 if u == types.float32 else _log1p64


@tight
def sigmoid(z: Any, one: Any) -> Any:
    """σ(z), from e^-|z|, which does not overflow."""
    e = exp(-abs(z))
    return (one if z >= 0 else e) / (one + e)


@tight
def expm1(x: Any, one: Any) -> Any:
    """e^x - 1 for x ≤ 0, by its series near 0, where the difference would lose digits."""
    x = -(one + one) * 400 if x < -800 else x
    if x > -0.25:
        p = x * (one / 14) + one
        for k in range(13, 1, -1):
            p = p * x * (one / k) + one
        return p * x
    return exp(x) - one


IDENTITY, RELU, LEAKY_RELU, ELU, TANH, LOGISTIC, SOFTPLUS, GELU, SWISH = range(9)
CODES: Final = {
    "identity": IDENTITY,
    "relu": RELU,
    "leaky_relu": LEAKY_RELU,
    "elu": ELU,
    "tanh": TANH,
    "logistic": LOGISTIC,
    "softplus": SOFTPLUS,
    "gelu": GELU,
    "swish": SWISH,
}
_LEAK: Final = LEAK
_ROOT_HALF: Final = math.sqrt(0.5)
_DENSITY: Final = 1 / math.sqrt(2 * math.pi)


@part
def activate(code: int, Z: Any, A: Any, count: int) -> None:
    """Write f(z) into A and replace z by f′(z), over the first ``count`` of two flat arrays."""
    one = Z.dtype.type(1)
    zero = Z.dtype.type(0)
    if code == RELU:
        for s in range(count):
            z = Z[s]
            A[s] = zero if z < zero else z  # keeps a NaN
            Z[s] = one if z > zero else zero
    elif code == IDENTITY:
        for s in range(count):
            A[s] = Z[s]
            Z[s] = one
    elif code == LEAKY_RELU:
        leak = Z.dtype.type(_LEAK)
        for s in range(count):
            z = Z[s]
            A[s] = z * leak if z < zero else z
            Z[s] = one if z > zero else leak
    elif code == ELU:
        for s in range(count):
            z = Z[s]
            low = z if z < zero else zero
            A[s] = expm1(low, one) if z < zero else z
            Z[s] = exp(low)
    elif code == TANH:
        for s in range(count):
            z = Z[s]
            e = expm1(-abs(z) - abs(z), one)
            a = -e / (e + one + one)
            a = -a if z < zero else a
            A[s] = a
            Z[s] = one - a * a
    elif code == LOGISTIC:
        for s in range(count):
            a = sigmoid(Z[s], one)
            A[s] = a
            Z[s] = a * (one - a)
    elif code == SOFTPLUS:
        for s in range(count):
            z = Z[s]
            e = exp(-abs(z))
            A[s] = (zero if z < zero else z) + log1p(e)
            Z[s] = (one if z >= zero else e) / (one + e)
    elif code == SWISH:
        for s in range(count):
            z = Z[s]
            a = sigmoid(z, one)
            A[s] = z * a
            Z[s] = a + z * a * (one - a)
    else:
        half = Z.dtype.type(0.5)
        root = Z.dtype.type(_ROOT_HALF)
        density = Z.dtype.type(_DENSITY)
        for s in range(count):
            z = Z[s]
            below = half * math.erfc(-z * root)
            A[s] = z * below
            Z[s] = below + z * density * exp(-half * z * z)
