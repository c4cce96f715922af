"""Values as JSON and arrays: what a model file is made of.

A plain number, text, True, False and None stand for themselves. All else is an object with one key
that says what it is, from a fixed list; nothing in a file can name a class or a function.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Json = Any

# What a hyper-parameter may name as a type.
TYPES: Final[Mapping[str, type]] = {"float32": np.float32, "float64": np.float64}

BIT_GENERATORS: Final[Mapping[str, Callable[[], np.random.BitGenerator]]] = {
    "MT19937": np.random.MT19937,
    "PCG64": np.random.PCG64,
    "PCG64DXSM": np.random.PCG64DXSM,
    "Philox": np.random.Philox,
    "SFC64": np.random.SFC64,
}


def encode(value: Any, name: str, tensors: dict[str, Array]) -> Json:
    """Return the JSON of a value; arrays inside it are added to ``tensors`` under ``name``.

    Raises
    ------
    TypeError
        If the value is of another kind than numbers, text, arrays, random generators, and lists,
        tuples and dictionaries of them.
    """
    match value:
        case None | bool() | str():
            return value
        case np.generic():
            return encode(value.item(), name, tensors)
        case int():
            return int(value)
        case float():
            return float(value) if math.isfinite(value) else {"float": repr(float(value))}
        case np.ndarray():
            return _encode_array(value, name, tensors)
        case list() if value and all(type(item) is float for item in value):
            tensors[name] = np.array(value)
            return {"floats": name}
        case list() | tuple():
            items = [encode(item, f"{name}.{index}", tensors) for index, item in enumerate(value)]
            return {"list" if isinstance(value, list) else "tuple": items}
        case dict():
            return {
                "items": [
                    [encode(key, name, tensors), encode(item, f"{name}.{key}", tensors)]
                    for key, item in value.items()
                ]
            }
        case type() if value in TYPES.values():
            return {"type": value.__name__}
        case np.random.RandomState():
            return {"random_state": encode(value.get_state(legacy=False), name, tensors)}
        case np.random.Generator():
            return {"generator": encode(dict(value.bit_generator.state), name, tensors)}
    raise TypeError(f"a file cannot hold {name}, which is a {type(value).__name__}")


def decode(value: Json, tensors: Mapping[str, Array]) -> Any:
    """Return the value that `encode` was given.

    Raises
    ------
    ValueError
        If this is nothing that `encode` returns.
    LookupError
        If an array is missing.
    """
    if not isinstance(value, dict):
        if isinstance(value, list):
            raise ValueError("a list without its kind")
        return value
    if len(value) != 1:
        raise ValueError(f"unknown kind of value {sorted(value)[:5]}")
    ((kind, content),) = value.items()
    match kind:
        case "float":
            return float(content)
        case "floats":
            return tensors[content].tolist()
        case "tensor":
            return tensors[content]
        case "transposed":
            return tensors[content].T
        case "text":
            return np.array(content, dtype=np.str_)
        case "objects":
            return _objects([decode(item, tensors) for item in content])
        case "list":
            return [decode(item, tensors) for item in content]
        case "tuple":
            return tuple(decode(item, tensors) for item in content)
        case "items":
            return {decode(key, tensors): decode(item, tensors) for key, item in content}
        case "type":
            return TYPES[content]
        case "random_state":
            state = np.random.RandomState()
            state.set_state(decode(content, tensors))
            return state
        case "generator":
            stored = decode(content, tensors)
            bits = BIT_GENERATORS[stored["bit_generator"]]()
            bits.state = stored
            return np.random.Generator(bits)
    raise ValueError(f"unknown kind of value {kind!r}")


def _encode_array(value: Array, name: str, tensors: dict[str, Array]) -> Json:
    if value.dtype.kind in "biuf" and value.dtype.itemsize <= 8:  # what safetensors stores
        # BLAS sums in another order for another layout: kept, for predictions to the last bit.
        columns = value.ndim == 2 and value.flags.f_contiguous and not value.flags.c_contiguous
        stored = value.T if columns else value
        tensors[name] = np.array(stored, stored.dtype.newbyteorder("="), order="C")
        return {"transposed" if columns else "tensor": name}
    if value.dtype.kind == "U" and value.ndim == 1:
        return {"text": value.tolist()}
    if value.dtype.kind == "O" and value.ndim == 1:
        return {"objects": [encode(item, name, tensors) for item in value]}
    raise TypeError(
        f"a file cannot hold {name}, an array of {value.dtype.name} of shape {value.shape}"
    )


def _objects(items: list[Any]) -> Array:
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array
