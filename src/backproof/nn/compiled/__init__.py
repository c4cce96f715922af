"""The engine in machine code, by Numba: kernels that train from start to end without Python.

Importing this package is cheap; Numba itself, and the kernels from its cache on disk, are loaded
with the first session.
"""

from __future__ import annotations

from backproof.nn.compiled.session import CompiledEngine, CompiledSession

__all__ = ["CompiledEngine", "CompiledSession"]
