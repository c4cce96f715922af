"""The parameters of a network: one flat array, and each layer's view of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np

from backproof.nn.mathematics import Array

# He et al. (2015): variance 2/n_in keeps the scale of what passes units that cut off a half;
# Glorot & Bengio (2010): 2/(n_in + n_out) for units that are odd or linear around zero.
GLOROT: Final = frozenset({"identity", "tanh", "logistic"})


@dataclass(frozen=True, slots=True)
class Parameters:
    """Weights and biases, or their gradient.

    Attributes
    ----------
    sizes : tuple of int
        (n₀, n₁, …, n_L): inputs, hidden units, 1.
    flat : array of shape (p,)
        W₁ row by row, b₁, W₂, b₂, …
    W, b : lists of L views of ``flat``, of shapes (n_{l-1}, n_l) and (n_l,)
    layers : list of L views of ``flat``: W_l and b_l together
    """

    sizes: tuple[int, ...]
    flat: Array
    W: list[Array]
    b: list[Array]
    layers: list[Array]

    @classmethod
    def over(cls, sizes: Sequence[int], flat: Array) -> Parameters:
        """Lay the layers' views over an array of the right length."""
        W, b, layers, start = [], [], [], 0
        for n_in, n_out in pairwise(sizes):
            middle, end = start + n_in * n_out, start + (n_in + 1) * n_out
            W.append(flat[start:middle].reshape(n_in, n_out))
            b.append(flat[middle:end])
            layers.append(flat[start:end])
            start = end
        return cls(tuple(sizes), flat, W, b, layers)

    @classmethod
    def zeros(cls, sizes: Sequence[int], dtype: Any) -> Parameters:
        """Make parameters that are all zero."""
        return cls.over(sizes, np.zeros(count(sizes), dtype=dtype))

    @classmethod
    def drawn(
        cls, sizes: Sequence[int], activation: str, dtype: Any, rng: np.random.Generator
    ) -> Parameters:
        """Draw weights, He's or Glorot's by the activation; the output unit's are Glorot's.

        They are drawn in float64, so that float32 starts at the same point.
        """
        drawn = cls.zeros(sizes, dtype)
        for l, W in enumerate(drawn.W):
            n_in, n_out = W.shape
            glorot = activation in GLOROT or l == len(drawn.W) - 1
            variance = 2 / (n_in + n_out) if glorot else 2 / n_in
            W[...] = rng.standard_normal((n_in, n_out)) * np.sqrt(variance)
        return drawn

    @classmethod
    def joined(cls, W: Sequence[Array], b: Sequence[Array], dtype: Any) -> Parameters:
        """Copy layers, as an estimator holds them, into one array."""
        joined = cls.zeros([len(W[0]), *(layer.shape[1] for layer in W)], dtype)
        for mine, theirs in zip((*joined.W, *joined.b), (*W, *b), strict=True):
            mine[...] = theirs
        return joined

    def weights_only(self, value: float) -> Array:
        """Return a flat array that is ``value`` at weights and zero at biases."""
        marked = Parameters.zeros(self.sizes, self.flat.dtype)
        for W in marked.W:
            W[...] = value
        return marked.flat


def count(sizes: Sequence[int]) -> int:
    """Return the number of parameters of a network of these layers."""
    return sum((n_in + 1) * n_out for n_in, n_out in pairwise(sizes))
