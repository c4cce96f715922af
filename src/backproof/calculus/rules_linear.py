"""Products of vectors, matrices and tensors: bilinear, one row each.

With ``C = A·B`` the cotangents are ``Ā = C̄·Bᵀ`` and ``B̄ = Aᵀ·C̄`` (Giles 2008, "Collected matrix
derivative results for forward and reverse mode algorithmic differentiation", section 2.2).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from backproof.calculus.rule import Array, Call, NoRule, Rule, double, named
from backproof.trace.primitives import Method


def _flip(x: Array) -> Array:
    return x.swapaxes(-1, -2)


# ---- dot and matmul ------------------------------------------------------------------------------


def _dot_operands(c: Call) -> tuple[Array, Array, Array]:
    """Return a, b, g as arrays; of `np.matrix` operands in the shapes that their product had."""
    a, b = double(c.a), double(c.b)
    shape = np.broadcast_shapes(a.shape, b.shape) if not a.ndim or not b.ndim else None
    if shape is None:
        shape = a.shape[:-1] + (b.shape[:-2] + b.shape[-1:] if b.ndim > 1 else ())
    return a, b, np.reshape(np.asarray(c.g), shape)


def dot_a(c: Call) -> Any:
    """``ā = g · bᵀ``, contracting all axes that came from b."""
    a, b, g = _dot_operands(c)
    if a.ndim == 0 or b.ndim == 0:
        return g * b if a.ndim else np.sum(g * b)
    if b.ndim == 1:
        return np.multiply.outer(g, b)
    if b.ndim == 2:
        return np.dot(g, b.T)
    others = [i for i in range(b.ndim) if i != b.ndim - 2]
    return np.tensordot(g, b, axes=(range(a.ndim - 1, g.ndim), others))


def dot_b(c: Call) -> Any:
    """``b̄ = aᵀ · g``, contracting all axes that came from a."""
    a, b, g = _dot_operands(c)
    if a.ndim == 0 or b.ndim == 0:
        return g * a if b.ndim else np.sum(g * a)
    if a.ndim == 1 and b.ndim == 2:
        return np.multiply.outer(a, g)
    if a.ndim == 2 and b.ndim <= 2:
        return np.dot(a.T, g)
    free = range(a.ndim - 1)
    out = np.tensordot(a, g, axes=(free, free))
    return out if b.ndim == 1 else np.moveaxis(out, 0, -2)


def _matmul_operands(c: Call) -> tuple[Array, Array, Array]:
    a, b, g = double(c.a), double(c.b), np.asarray(c.g)
    if a.ndim == 1:
        g = np.expand_dims(g, -2 if b.ndim > 1 else -1)
    if b.ndim == 1:
        g = np.expand_dims(g, -1)
    return (a[None, :] if a.ndim == 1 else a), (b[:, None] if b.ndim == 1 else b), g


def unstack(cotangent: Array, shape: tuple[int, ...]) -> Any:
    """Sum over the leading (stacked) axes along which an operand was broadcast."""
    extra = cotangent.ndim - len(shape)
    axes = [
        i for i in range(cotangent.ndim - 2)
        if i < extra or (shape[i - extra] == 1 and cotangent.shape[i] != 1)
    ]  # fmt: skip
    return cotangent.sum(axis=tuple(axes)).reshape(shape) if axes else cotangent


def matmul_a(c: Call) -> Any:
    """``ā = g · bᵀ`` for each matrix of the stack."""
    a, b, g = _matmul_operands(c)
    return unstack(g @ _flip(b), a.shape).reshape(np.shape(c.a))


def matmul_b(c: Call) -> Any:
    """``b̄ = aᵀ · g`` for each matrix of the stack."""
    a, b, g = _matmul_operands(c)
    return unstack(_flip(a) @ g, b.shape).reshape(np.shape(c.b))


# ---- inner, outer, tensordot, kron ---------------------------------------------------------------


def inner_a(c: Call) -> Any:
    """``inner(a, b)[i…, j…] = Σ_k a[i…, k] b[j…, k]``."""
    a, b, g = double(c.a), double(c.b), np.asarray(c.g)
    if a.ndim == 0 or b.ndim == 0:
        return g * b if a.ndim else np.sum(g * b)
    return np.tensordot(g, b, axes=(range(a.ndim - 1, g.ndim), range(b.ndim - 1)))


def inner_b(c: Call) -> Any:
    """Return the cotangent of the second argument; see `inner_a`."""
    a, b, g = double(c.a), double(c.b), np.asarray(c.g)
    if a.ndim == 0 or b.ndim == 0:
        return g * a if b.ndim else np.sum(g * a)
    return np.tensordot(g, a, axes=(range(a.ndim - 1), range(a.ndim - 1)))


def _tensordot_axes(c: Call, a: Array, b: Array) -> tuple[list[int], list[int]]:
    axes = 2 if c.axes is None else c.axes
    if isinstance(axes, (int, np.integer)):
        n = int(axes)
        return list(range(a.ndim - n, a.ndim)), list(range(n))
    left, right = (
        [int(k)] if isinstance(k, (int, np.integer)) else [int(i) for i in k] for k in axes
    )
    return [k % a.ndim for k in left], [k % b.ndim for k in right]


def tensordot_a(c: Call) -> Any:
    """``ā = tensordot(g, b)`` over b's free axes, the summed axes put back in their places."""
    a, b, g = double(c.a), double(c.b), np.asarray(c.g)
    left, right = _tensordot_axes(c, a, b)
    free_a = [i for i in range(a.ndim) if i not in left]
    free_b = [i for i in range(b.ndim) if i not in right]
    out = np.tensordot(g, b, axes=(range(len(free_a), g.ndim), free_b))
    summed = [left[right.index(axis)] for axis in sorted(right)]
    return np.transpose(out, np.argsort(free_a + summed))


def tensordot_b(c: Call) -> Any:
    """Return the cotangent of the second argument; see `tensordot_a`."""
    a, b, g = double(c.a), double(c.b), np.asarray(c.g)
    left, right = _tensordot_axes(c, a, b)
    free_a = [i for i in range(a.ndim) if i not in left]
    free_b = [i for i in range(b.ndim) if i not in right]
    out = np.tensordot(a, g, axes=(free_a, range(len(free_a))))
    summed = [right[left.index(axis)] for axis in sorted(left)]
    return np.transpose(out, np.argsort(summed + free_b))


def _kron(c: Call) -> tuple[Array, Array, Array]:
    """Return a, b with equally many axes, and g with a's and b's axes in turn."""
    a, b = double(c.a), double(c.b)
    n = max(a.ndim, b.ndim)
    a, b = a.reshape((1,) * (n - a.ndim) + a.shape), b.reshape((1,) * (n - b.ndim) + b.shape)
    pairs = [size for both in zip(a.shape, b.shape, strict=True) for size in both]
    return a, b, np.asarray(c.g).reshape(pairs)


def kron_a(c: Call) -> Any:
    """``kron(a, b)[i·p + k] = a[i] b[k]`` in every axis."""
    _, b, g = _kron(c)
    out = np.tensordot(g, b, axes=(range(1, g.ndim, 2), range(b.ndim)))
    return out.reshape(np.shape(c.a))


def kron_b(c: Call) -> Any:
    """Return the cotangent of the second argument; see `kron_a`."""
    a, _, g = _kron(c)
    return np.tensordot(a, g, axes=(range(a.ndim), range(0, g.ndim, 2))).reshape(np.shape(c.b))


# ---- einsum --------------------------------------------------------------------------------------


def _labels(args: tuple[Any, ...]) -> tuple[list[list[int]], list[int], list[Any]]:
    """Return the axes' labels of each operand and of the result as numbers, and the operands."""
    if isinstance(args[0], str):
        left, arrow, right = args[0].replace(" ", "").partition("->")
        terms: list[list[Any]] = [_split_term(term) for term in left.split(",")]
        result = _split_term(right) if arrow else None
        operands = list(args[1:])
    else:
        operands = list(args[: len(args) // 2 * 2 : 2])
        terms = [list(term) for term in args[1 : len(args) // 2 * 2 : 2]]
        result = list(args[-1]) if len(args) % 2 else None
    if len(terms) != len(operands):
        raise NoRule("einsum of a form that the rule cannot read")
    dots = max(
        (np.ndim(x) - len(t) + 1 for t, x in zip(terms, operands, strict=True) if Ellipsis in t),
        default=0,
    )
    if result is None:
        flat = [label for term in terms for label in term if label is not Ellipsis]
        result = [Ellipsis] if dots else []
        result += sorted(label for label in set(flat) if flat.count(label) == 1)
    names = sorted({label for term in terms for label in term if label is not Ellipsis})
    number = {label: dots + i for i, label in enumerate(names)}

    def expand(term: list[Any], ndim: int) -> list[int]:
        wide = ndim - len(term) + 1
        full: list[int] = []
        for label in term:
            full += range(dots - wide, dots) if label is Ellipsis else [number[label]]
        return full

    numbered = [expand(t, np.ndim(x)) for t, x in zip(terms, operands, strict=True)]
    return numbered, expand(result, len(result) - 1 + dots if Ellipsis in result else 0), operands


def _split_term(term: str) -> list[Any]:
    head, dots, tail = term.partition("...")
    return [*head, *([Ellipsis] if dots else []), *tail]


def einsum_rule(
    args: tuple[Any, ...], kwargs: dict[str, Any], out: Any, g: Any, wanted: Any, tie: float
) -> list[Any]:
    """``x̄ = einsum(g, all other operands → the labels of x)``: einsum is linear in each operand.

    A label that only x has is summed over: its cotangent is broadcast. A label that x repeats
    takes the diagonal: its cotangent goes to the diagonal.
    """
    for name in kwargs:
        if name not in ("optimize", "order", "casting", "dtype"):
            raise NoRule(f"keyword {name}=")
    terms, result, operands = _labels(args)
    step = 1 if isinstance(args[0], str) else 2
    first = 1 if isinstance(args[0], str) else 0
    cotangents: list[Any] = []
    for path in wanted:
        k = (path[0] - first) // step
        if len(path) > 1:
            raise NoRule("einsum of nested lists")
        cotangents.append(_einsum_one(k, terms, result, [double(x) for x in operands], g))
    return cotangents


def _einsum_one(
    k: int, terms: list[list[int]], result: list[int], operands: list[Array], g: Any
) -> Any:
    shape = operands[k].shape
    sizes: dict[int, int] = {}
    for term, x in zip(terms, operands, strict=True):
        for label, size in zip(term, x.shape, strict=True):
            sizes[label] = max(sizes.get(label, 1), size) if size else 0
    mine = list(dict.fromkeys(terms[k]))
    given: list[Any] = [np.asarray(g, dtype=float), result]
    for i, (term, x) in enumerate(zip(terms, operands, strict=True)):
        if i != k:
            given += [x, term]
    known: Any = [label for label in mine if any(label in labels for labels in given[1::2])]
    part = np.einsum(*given, known, optimize=len(operands) > 2)
    full: Any = np.einsum(part, known, np.ones([sizes[label] for label in mine]), mine, mine)
    own = dict(zip(terms[k], shape, strict=True))
    axes = tuple(i for i, label in enumerate(mine) if own[label] == 1 and full.shape[i] != 1)
    full = np.asarray(full.sum(axis=axes, keepdims=True))
    if len(mine) == len(terms[k]):
        return full
    cotangent: Any = np.zeros(shape)
    np.einsum(cotangent, terms[k], mine)[...] = full
    return cotangent


RULES: dict[Any, Rule] = {
    np.dot: named("a b !out", a=dot_a, b=dot_b),
    Method("dot"): named("a b !out", a=dot_a, b=dot_b),
    np.matmul: named("a b !out", a=matmul_a, b=matmul_b),
    np.inner: named("a b", a=inner_a, b=inner_b),
    np.outer: named(
        "a b !out",
        a=lambda c: (np.asarray(c.g) @ double(c.b).ravel()).reshape(np.shape(c.a)),
        b=lambda c: (double(c.a).ravel() @ np.asarray(c.g)).reshape(np.shape(c.b)),
    ),
    np.vdot: named(
        "a b",
        a=lambda c: (c.g * double(c.b).ravel()).reshape(np.shape(c.a)),
        b=lambda c: (c.g * double(c.a).ravel()).reshape(np.shape(c.b)),
    ),
    np.tensordot: named("a b axes", a=tensordot_a, b=tensordot_b),
    np.kron: named("a b", a=kron_a, b=kron_b),
    np.einsum: einsum_rule,
}
