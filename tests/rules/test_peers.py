"""Rules against other implementations: PyTorch, HIPS autograd, and the tape's own algebra."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import autograd.numpy as anp
import numpy as np
import pytest
import torch
from autograd import make_vjp
from hypothesis import given, settings
from hypothesis import strategies as st

from backproof.calculus.rules import pullback
from backproof.trace import primitives
from tests.rules.oracle import dot

rng = np.random.default_rng(11)

#: Our function and PyTorch's, on the shapes given.
TORCH: list[tuple[Callable[..., Any], Callable[..., Any], tuple[tuple[int, ...], ...]]] = [
    (np.matmul, torch.matmul, ((5, 1, 4, 3), (2, 3, 6))),
    (np.matmul, torch.matmul, ((7,), (4, 7, 2))),
    (lambda a, b: a * b, lambda a, b: a * b, ((8, 1, 5), (3, 1))),
    (np.maximum, torch.maximum, ((6, 5), (6, 5))),
    (np.power, torch.pow, ((6, 5), (5,))),
    (np.arctan2, torch.arctan2, ((6, 5), (6, 1))),
    (np.logaddexp, torch.logaddexp, ((6, 5), (5,))),
    (np.hypot, torch.hypot, ((6, 5), (5,))),
    (np.linalg.inv, torch.linalg.inv, ((3, 5, 5),)),
    (np.linalg.det, torch.linalg.det, ((3, 5, 5),)),
    (np.linalg.solve, torch.linalg.solve, ((3, 5, 5), (3, 5, 2))),
    (np.linalg.pinv, torch.linalg.pinv, ((4, 7),)),
    (np.cumprod, torch.cumprod, ((9,),)),
    (np.tanh, torch.tanh, ((40, 30),)),
    (np.kron, torch.kron, ((3, 4), (5, 2))),
]


@pytest.mark.parametrize(("ours", "theirs", "shapes"), TORCH)
def test_torch(ours: Any, theirs: Any, shapes: Any) -> None:
    args = tuple(np.abs(rng.normal(size=s)) + 0.1 for s in shapes)
    if ours in (np.linalg.inv, np.linalg.det, np.linalg.solve):
        args = (args[0] + 3 * np.eye(5), *args[1:])
    tensors = [torch.tensor(a, requires_grad=True) for a in args]
    keywords = {"dim": 0} if theirs is torch.cumprod else {}
    result = theirs(*tensors, **keywords)
    g = rng.normal(size=tuple(result.shape))
    result.backward(torch.tensor(g))
    function = operator.mul if ours not in PLAIN else ours
    found = pullback(function, args, {}, ours(*args), g, [(i,) for i in range(len(args))])
    for cotangent, tensor in zip(found, tensors, strict=True):
        assert tensor.grad is not None
        np.testing.assert_allclose(cotangent, tensor.grad.numpy(), rtol=1e-9, atol=1e-9)


PLAIN = {ours for ours, _, _ in TORCH if getattr(ours, "__name__", "") != "<lambda>"}


@pytest.mark.parametrize("bias", [True, False])
def test_torch_convolution(bias: bool) -> None:
    """A convolution written with windows and einsum, against torch's."""
    x, w = rng.normal(size=(2, 3, 7, 6)), rng.normal(size=(4, 3, 3, 2))
    view = np.lib.stride_tricks.sliding_window_view
    windows = view(x, (3, 2), axis=(2, 3))
    out = np.einsum("bchwij,ocij->bohw", windows, w)
    g = rng.normal(size=out.shape)
    by_windows, by_w = pullback(
        np.einsum, ("bchwij,ocij->bohw", windows, w), {}, out, g, [(1,), (2,)]
    )
    (by_x,) = pullback(view, (x, (3, 2)), {"axis": (2, 3)}, windows, by_windows, [(0,)])
    tx, tw = torch.tensor(x, requires_grad=True), torch.tensor(w, requires_grad=True)
    result = torch.nn.functional.conv2d(tx, tw, torch.zeros(4, dtype=tx.dtype) if bias else None)
    result.backward(torch.tensor(g))
    assert tx.grad is not None
    assert tw.grad is not None
    np.testing.assert_allclose(by_x, tx.grad.numpy(), atol=1e-12)
    np.testing.assert_allclose(by_w, tw.grad.numpy(), atol=1e-12)


AUTOGRAD = [
    "arcsinh", "arctan", "cos", "cosh", "exp", "exp2", "expm1", "fabs", "log", "log10", "log1p",
    "log2", "sin", "sinh", "sqrt", "square", "tan", "tanh", "sum", "mean", "var", "std", "prod",
    "cumsum", "max", "min", "ravel", "transpose", "flipud", "fliplr", "diag", "trace", "tril",
    "triu", "sort", "reciprocal", "negative", "degrees", "radians",
]  # fmt: skip


@pytest.mark.parametrize("name", AUTOGRAD)
def test_autograd(name: str) -> None:
    x = np.abs(rng.normal(size=(6, 6))) + 0.1
    if name == "sort":
        x = x.ravel()
    vjp, out = make_vjp(getattr(anp, name))(x)
    g = rng.normal(size=np.shape(out)) if np.ndim(out) else float(rng.normal())
    (found,) = pullback(getattr(np, name), (x,), {}, out, g, [(0,)])
    np.testing.assert_allclose(found, vjp(g), rtol=1e-9, atol=1e-12)


# ---- algebra -------------------------------------------------------------------------------------

axes = st.lists(st.integers(1, 4), min_size=0, max_size=4)


@st.composite
def broadcastable(draw: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Draw two shapes that broadcast against each other."""
    full = draw(axes)
    shapes = []
    for _ in range(2):
        kept = full[draw(st.integers(0, len(full))) :]
        shapes.append(tuple(1 if draw(st.booleans()) else n for n in kept))
    return shapes[0], shapes[1]


@settings(max_examples=150, deadline=None)
@given(broadcastable(), st.sampled_from([np.add, np.subtract, np.multiply]), st.integers(0, 99))
def test_bilinear_functions_keep_inner_products(shapes: Any, function: Any, seed: int) -> None:
    """``⟨g, f(dx, y)⟩ = ⟨x̄, dx⟩`` for functions linear in each operand, for every broadcast."""
    local = np.random.default_rng(seed)
    x, y = (local.normal(size=s) for s in shapes)
    out = np.asarray(function(x, y))
    g = local.normal(size=out.shape)
    by_x, by_y = pullback(function, (x, y), {}, out, g, [(0,), (1,)])
    assert by_x.shape == x.shape
    assert by_y.shape == y.shape
    dx, dy = (local.normal(size=s) for s in shapes)
    change = function(x + dx, y + dy) - out
    if function is np.multiply:
        change = change - dx * dy
    assert dot(g, change) == pytest.approx(dot(by_x, dx) + dot(by_y, dy), abs=1e-9)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_subscript_and_its_store_are_adjoint(data: Any) -> None:
    """``⟨g, x[key]⟩ = ⟨x̄, x⟩``, and a store splits g between what was there and what came."""
    shape = tuple(data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    key: list[Any] = []
    for n in shape[: data.draw(st.integers(1, len(shape)))]:
        kind = data.draw(st.sampled_from(["int", "slice", "list", "mask", "all"]))
        if kind == "mask" and not any(isinstance(k, (list, np.ndarray)) for k in key):
            key.append(np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n))))
        elif kind == "list" and not any(isinstance(k, (list, np.ndarray)) for k in key):
            key.append(data.draw(st.lists(st.integers(-n, n - 1), min_size=1, max_size=3)))
        elif kind == "slice":
            step = data.draw(st.sampled_from([-2, -1, 1, 2]))
            key.append(slice(None, None, step))
        elif kind == "int":
            key.append(data.draw(st.integers(-n, n - 1)))
        else:
            key.append(slice(None))
    index = tuple(key)
    x = rng.normal(size=shape)
    out = x[index]
    g = rng.normal(size=np.shape(out)) if np.ndim(out) else float(rng.normal())
    (bar,) = pullback(operator.getitem, (x, index), {}, out, g, [(0,)])
    assert dot(g, out) == pytest.approx(dot(bar, x), abs=1e-9)

    value = rng.normal(size=np.shape(out)) if np.ndim(out) else float(rng.normal())
    stored = primitives.set_item(x, index, value)
    h = rng.normal(size=shape)
    by_x, by_value = pullback(primitives.set_item, (x, index, value), {}, stored, h, [(0,), (2,)])
    assert dot(h, stored) == pytest.approx(dot(by_x, x) + dot(by_value, value), abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_einsum_is_linear_in_each_operand(data: Any) -> None:
    """``⟨g, einsum(…)⟩ = ⟨x̄, x⟩`` for each operand x, for random labels."""
    sizes = {label: data.draw(st.integers(1, 3)) for label in "abcd"}
    count = data.draw(st.integers(1, 3))
    label_lists = st.lists(st.sampled_from("abcd"), min_size=1, max_size=3)
    terms = ["".join(data.draw(label_lists)) for _ in range(count)]
    known = sorted(set("".join(terms)))
    result = "".join(data.draw(st.permutations(known)))[: data.draw(st.integers(0, len(known)))]
    operands = [rng.normal(size=[sizes[label] for label in term]) for term in terms]
    text = ",".join(terms) + "->" + result
    out = np.einsum(text, *operands)
    g = rng.normal(size=np.shape(out)) if np.ndim(out) else float(rng.normal())
    bars = pullback(np.einsum, (text, *operands), {}, out, g, [(k + 1,) for k in range(count)])
    for bar, x in zip(bars, operands, strict=True):
        assert bar.shape == x.shape
        assert dot(bar, x) == pytest.approx(dot(g, out), abs=1e-8)
