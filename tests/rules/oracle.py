"""The oracle of the rules: extrapolated central differences of the real function."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from backproof.calculus.rules import pullback

Path = tuple[Any, ...]


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield the paths and values of all floating-point arguments in a tree."""
    if isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from leaves(item, (*path, i))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif type(value) is float or (
        isinstance(value, (np.ndarray, np.floating)) and value.dtype.kind == "f"
    ):
        yield path, value


def replaced(tree: Any, path: Path, value: Any) -> Any:
    """Copy a tree of arguments with one leaf replaced."""
    if not path:
        return value
    head, *rest = path
    if isinstance(tree, dict):
        return {k: replaced(v, tuple(rest), value) if k == head else v for k, v in tree.items()}
    items = [replaced(v, tuple(rest), value) if i == head else v for i, v in enumerate(tree)]
    return type(tree)(items)


def dot(g: Any, out: Any) -> float:
    """``⟨g, out⟩``, over the elements of a tuple too."""
    if isinstance(out, (list, tuple)):
        return sum(dot(h, y) for h, y in zip(g, out, strict=True) if h is not None)
    return float(np.sum(np.asarray(g, float) * np.asarray(out, float)))


def cotangent_for(out: Any, rng: np.random.Generator) -> Any:
    """Draw a random cotangent of the result's shape."""
    if isinstance(out, (list, tuple)):
        return [cotangent_for(y, rng) for y in out]
    return rng.normal(size=np.shape(out)) if np.ndim(out) else float(rng.normal())


def moved(value: Any, flat: int, step: float) -> Any:
    """Return `value` in float64 with one element moved."""
    if not isinstance(value, np.ndarray):
        return type(value)(value + step) if type(value) is float else np.float64(value + step)
    out = value.astype(float) if value.dtype != float else value.copy(order="K")
    index = np.unravel_index(flat, value.shape)
    out[index] += step
    return out


def differences(
    function: Callable[..., Any], args: Any, kwargs: Any, g: Any, path: Path, *, h: float = 1e-3
) -> Any:
    """Differentiate ``⟨g, function(…)⟩`` by one argument: Richardson's extrapolation of order 6."""
    tree = (args, kwargs)
    full = (1, *path) if isinstance(path[0], str) else (0, *path)
    value: Any = tree
    for step in full:
        value = value[step]
    whole = np.empty(np.shape(value))
    with np.errstate(all="ignore"):
        return _fill(whole, function, tree, full, g, value, h)


def _fill(whole: Any, function: Any, tree: Any, full: Path, g: Any, value: Any, h: float) -> Any:
    for flat in range(np.size(value)):
        slopes = []
        for scale in (h, h / 2, h / 4):
            ends = []
            for signed in (scale, -scale):
                a, k = replaced(copy.deepcopy(tree), full, moved(value, flat, signed))
                ends.append(dot(g, function(*a, **k)))
            slopes.append((ends[0] - ends[1]) / (2 * scale))
        first = [(4 * b - a) / 3 for a, b in pairwise(slopes)]
        whole[np.unravel_index(flat, whole.shape)] = (16 * first[1] - first[0]) / 15
    return whole


def check(
    function: Callable[..., Any],
    *args: Any,
    seed: int = 0,
    tolerance: float = 1e-7,
    h: float = 1e-3,
    only: list[Path] | None = None,
    **kwargs: Any,
) -> None:
    """Assert that `pullback` agrees with differences for every floating-point argument."""
    rng = np.random.default_rng(seed)
    kept = copy.deepcopy((args, kwargs))
    out = function(*args, **kwargs)
    g = cotangent_for(out, rng)
    paths = [p for p, _ in leaves(args)] + [p for p, _ in leaves(kwargs)] if only is None else only
    assert paths, "nothing to differentiate"
    together = pullback(function, args, kwargs, out, g, paths)
    for path, cotangent in zip(paths, together, strict=True):
        value: Any = kwargs if isinstance(path[0], str) else args
        for step in path:
            value = value[step]
        if isinstance(value, np.ndarray):
            if cotangent is not None:
                assert cotangent.dtype == np.float64
                assert cotangent.shape == value.shape, (path, cotangent.shape, value.shape)
                assert type(cotangent) is np.ndarray
        elif cotangent is not None:
            assert type(cotangent) is float, (path, type(cotangent))
        expected = differences(function, args, kwargs, g, path, h=h)
        found = np.zeros(np.shape(value)) if cotangent is None else np.asarray(cotangent)
        scale = max(1.0, float(np.max(np.abs(expected), initial=0.0)))
        np.testing.assert_allclose(
            found, expected, rtol=0, atol=tolerance * scale, err_msg=str(path)
        )
        (alone,) = pullback(function, args, kwargs, out, g, [path])
        if cotangent is not None:
            np.testing.assert_array_equal(np.asarray(alone), found)
    for (path, before), (_, after) in zip(leaves(list(kept)), leaves([args, kwargs]), strict=True):
        np.testing.assert_array_equal(before, after, err_msg=f"changed its argument {path}")
