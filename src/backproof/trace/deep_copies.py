"""What `copy.deepcopy` copies within containers and objects: ``parameters = deepcopy(params)``.

And what `dataclasses.astuple` and `asdict` copy out of an object.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

#: Values that are followed.
MOST = 20_000


def copied_arrays(value: Any, copied: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the arrays and NumPy scalars within a value, each with its copy in another."""
    stack, seen = [(value, copied)], 0
    known: set[int] = set()
    while stack and seen < MOST:
        old, new = stack.pop()
        seen += 1
        if is_dataclass(old) and not isinstance(old, type) and isinstance(new, (tuple, dict)):
            names = [field.name for field in fields(old)]
            parts = new if isinstance(new, tuple) else tuple(new.get(name) for name in names)
            stack += [(getattr(old, n), v) for n, v in zip(names, parts, strict=False)]
            continue
        if new is old or type(new) is not type(old) or id(new) in known:
            continue
        known.add(id(new))
        if isinstance(old, (np.ndarray, np.generic)):
            if old.dtype.kind != "O":
                yield old, new
        elif isinstance(old, dict):
            stack += [(old[key], new[key]) for key in old if key in new]
        elif isinstance(old, (list, tuple)):
            stack += zip(old, new, strict=False)
        elif hasattr(old, "__dict__") and not isinstance(old, type):
            stack.append((vars(old), vars(new)))
