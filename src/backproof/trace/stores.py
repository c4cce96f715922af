"""Hooks of stores: into an array's region, into its shape, and by ``x += value``."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from backproof.trace import primitives
from backproof.trace.event import (
    ARRAYS,
    OPAQUE,
    RESHAPED,
    SCALARS,
    TRACKED,
    Append,
    freeze,
    keep_key,
)
from backproof.trace.expressions import OPERATORS, index_in
from backproof.trace.passthrough import IN_PLACE
from backproof.trace.site import SITES

#: Types of what ``array.flat[i] = value`` stores as it is.
NUMBERS = SCALARS | {int}


def store_hooks(append: Append) -> dict[str, Any]:
    """Make the hooks of ``x[key] = value``, ``x.shape = shape`` and the augmented assignments."""
    tracked = TRACKED

    class Target:
        """Stands for an array in a store: saves the region, stores, appends the event."""

        __slots__ = ("array", "site")

        def __init__(self, site: int, array: Any) -> None:
            self.site = site
            self.array = array

        def __setitem__(self, key: Any, value: Any) -> None:
            array = self.array
            try:
                old = _saved(array, key)
            except Exception:
                array[key] = value
                return
            array[key] = value
            append((self.site, primitives.set_item, (array, keep_key(key), freeze(value)), None,
                    array, (array, key, old)))  # fmt: skip

    class FlatTarget:
        """Stands for ``array.flat`` in a store of one entry."""

        __slots__ = ("flat", "site")

        def __init__(self, site: int, flat: Any) -> None:
            self.site = site
            self.flat = flat

        def __setitem__(self, key: Any, value: Any) -> None:
            index = index_in(self.flat, key)
            if index is None or type(value) not in NUMBERS:  # of a sequence it takes the first
                self.flat[key] = value
            else:
                Target(self.site, self.flat.base)[index] = value

    def target(site: int, x: Any) -> Any:
        if type(x) is np.flatiter:
            return FlatTarget(site, x)
        return Target(site, x) if type(x) in ARRAYS else x

    class Shaped:
        """Stands for an array in ``x.shape = shape``: the same memory, from now on reshaped."""

        __slots__ = ("array", "site")

        def __init__(self, site: int, array: Any) -> None:
            self.site = site
            self.array = array

        @property
        def shape(self) -> Any:
            return self.array.shape

        @shape.setter
        def shape(self, shape: Any) -> None:
            before = self.array.view()
            self.array.shape = shape
            append((self.site, RESHAPED, (before,), None, self.array, None))

    def shaped(site: int, x: Any) -> Any:
        return Shaped(site, x) if type(x) in ARRAYS else x

    ops_of_site: dict[int, tuple[Any, Any]] = {}

    def operators(site: int) -> tuple[Any, Any]:
        pair = ops_of_site.get(site)
        if pair is None:
            op = SITES[site].op
            pair = ops_of_site[site] = (IN_PLACE[op], OPERATORS.get(op, OPAQUE))
        return pair

    def aug(site: int, x: Any, value: Any) -> Any:
        in_place, function = operators(site)
        if type(x) in ARRAYS:
            old = x.copy()
            out = in_place(x, value)
            if out is x:
                append((site, function, (x, freeze(value)), None, x, (x, Ellipsis, old)))
            else:
                append((site, function, (x, freeze(value)), None, out, None))
            return out
        out = in_place(x, value)
        if type(out) in tracked:
            append((site, function, (x, value), None, out, None))
        return out

    def aug_attr(site: int, obj: Any, name: str) -> Callable[[Any], None]:
        x = getattr(obj, name)

        def finish(value: Any) -> None:
            setattr(obj, name, aug(site, x, value))

        return finish

    def aug_item(site: int, x: Any, key: Any) -> Callable[[Any], None]:
        in_place, function = operators(site)
        if type(x) is np.flatiter and (index := index_in(x, key)) is not None:
            x, key = x.base, index
        element = x[key]
        if type(x) in ARRAYS:
            append((site, operator.getitem, (x, keep_key(key)), None, element, None))

            def finish(value: Any) -> None:
                old = _saved(x, key)
                before = element.copy() if type(element) in ARRAYS else element
                out = in_place(element, value)
                if out is element:
                    append((site, function, (element, freeze(value)), None, element,
                            (element, Ellipsis, before)))  # fmt: skip
                    if np.may_share_memory(element, x):
                        x[key] = out
                        return
                elif type(out) in tracked:
                    append((site, function, (element, freeze(value)), None, out, None))
                x[key] = out
                append((site, primitives.set_item, (x, keep_key(key), out), None, x,
                        (x, key, old)))  # fmt: skip

            return finish

        def finish_plain(value: Any) -> None:
            x[key] = aug(site, element, value)

        return finish_plain

    return {
        "@bp.target": target, "@bp.shaped": shaped,
        "@bp.aug": aug, "@bp.aug_attr": aug_attr, "@bp.aug_item": aug_item,
    }  # fmt: skip


def _saved(array: Any, key: Any) -> Any:
    """Return a copy of ``array[key]``, the region about to be overwritten."""
    old = array[key]
    return old.copy() if isinstance(old, np.ndarray) else old
