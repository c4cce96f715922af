"""Calls that every rule is tested on: one module for each table of rules.

A module's `CASES` are made by `case`; `every` gathers them all.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_rng = np.random.default_rng(20240607)
MODULES = (
    "elementwise",
    "linear",
    "reduce",
    "shape",
    "index",
    "builtin",
    "linalg",
    "sort",
    "signal",
    "scipy",
)


@dataclass
class Case:
    """One call; `only` are the paths to differentiate by, `h` and `tolerance` the oracle's."""

    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)
    only: list[tuple[Any, ...]] | None = None
    tolerance: float = 1e-7
    h: float = 1e-3


CASES: list[Case] = []


def case(function: Any, *args: Any, **kwargs: Any) -> None:
    """Add a case."""
    options = {key: kwargs.pop(key) for key in ("only", "tolerance", "h") if key in kwargs}
    CASES.append(Case(function, args, kwargs, **options))


def normal(*shape: int) -> Any:
    """Draw from N(0, 1)."""
    return _rng.normal(size=shape)


def unit(*shape: int) -> Any:
    """Draw from [0.2, 0.8]: inside the domain of logarithms, roots and inverse sines."""
    return _rng.uniform(0.2, 0.8, size=shape)


def matrix(*shape: int) -> Any:
    """Draw a `np.matrix`."""
    return _rng.normal(size=shape).view(np.matrix)


def regular(n: int) -> Any:
    """Draw an invertible matrix."""
    return normal(n, n) + 2 * np.eye(n)


def apart(*shape: int) -> Any:
    """Draw numbers of which no two are close, in random order: far from ties."""
    n = int(np.prod(shape))
    return ((_rng.permutation(n) + 1.0) / (n + 1) + 0.1).reshape(shape)


def every() -> list[Case]:
    """Return the cases of all modules."""
    for seed, name in enumerate(MODULES):
        # Its own stream: a case added to one module does not change the numbers of the others.
        _rng.bit_generator.state = np.random.default_rng(seed).bit_generator.state
        importlib.import_module(f"tests.rules.cases.{name}")
    return CASES
