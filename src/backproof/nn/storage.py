"""A trained classifier as a safetensors file: numbers and text, nothing that could be run.

The arrays are the file's tensors. All else stands in its metadata, as JSON: hyper-parameters,
labels, counts. A SHA-256 over both is kept beside them, since the format itself notices a truncated
file but not a changed digit.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np

from backproof import __version__
from backproof.nn.encoding import Array, decode, encode

FORMAT: Final = "backproof.nn"
FORMAT_VERSION: Final = 1

# Hyper-parameters that are code and therefore stay behind.
LEFT_BEHIND: Final = frozenset({"callbacks"})
# What the next `partial_fit` goes on from: moments and the generator of batches.
MEMORY: Final = frozenset({"_optimizer_state", "_rng"})

Model = TypeVar("Model")


class ModelFileError(ValueError):
    """A file holds no model that can be loaded: damaged, truncated, or something else."""


def save_model(model: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted classifier to a file that replaces ``path`` as a whole or not at all.

    Parameters
    ----------
    model : BinaryClassifier
    path : path
        By custom ``….safetensors``.

    Raises
    ------
    NotFittedError
        If the classifier is not fitted.
    TypeError
        If a hyper-parameter is of a kind that a file of numbers and text cannot hold.
    OSError
        If the file cannot be written.
    ImportError
        If safetensors is not installed.
    """
    from safetensors.numpy import save
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(model)
    tensors: dict[str, Array] = {}
    parameters = model.get_params(deep=False)
    document = json.dumps(
        {
            "class": type(model).__name__,
            "parameters": {
                name: encode(value, name, tensors)
                for name, value in parameters.items()
                if name not in LEFT_BEHIND
            },
            "attributes": {
                name: encode(value, name, tensors)
                for name, value in vars(model).items()
                if name not in parameters and _is_learned(name)
            },
        },
        allow_nan=False,
    )
    metadata = {
        "format": f"{FORMAT}/{FORMAT_VERSION}",
        "backproof": __version__,
        "model": document,
    }
    metadata["sha256"] = _digest(metadata, tensors)
    _replace(Path(path), save(tensors, metadata))


def load_model(kind: type[Model], path: str | os.PathLike[str]) -> Model:
    """Read a classifier that `save_model` wrote. Runs no code of the file's.

    Parameters
    ----------
    kind : type
        ``BinaryClassifier`` or a class derived from it; the file must hold one of that name.
    path : path

    Returns
    -------
    kind
        With the same predictions to the last bit; ``callbacks`` are not part of the file.

    Raises
    ------
    ModelFileError
        If the file is damaged, truncated, from a newer version, or no such model.
    OSError
        If there is no file or it cannot be read.
    ImportError
        If safetensors is not installed.
    """
    metadata, tensors = _read(Path(path))
    wrote = _text(path, metadata, "format").partition("/")
    if wrote[0] != FORMAT:
        raise _refused(path, "a safetensors file that backproof did not write")
    if wrote[2] != str(FORMAT_VERSION):
        raise _refused(path, f"of format {wrote[2]}; this backproof reads {FORMAT_VERSION}")
    if _digest(metadata, tensors) != _text(path, metadata, "sha256"):
        raise _refused(path, "damaged: the contents do not match their checksum")
    try:
        model = _built(kind, json.loads(_text(path, metadata, "model")), tensors)
        _check_layers(model)
    # The checksum is right, so that only a file made by hand gets here; any of these can follow.
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise _refused(path, f"not a model: {error}") from error
    return model


def _built(kind: type[Model], document: Any, tensors: Mapping[str, Array]) -> Model:
    if document["class"] not in {base.__name__ for base in kind.__mro__}:
        raise ValueError(f"a {document['class']} is not a {kind.__name__}")
    parameters = document["parameters"]
    model = kind(**{name: decode(value, tensors) for name, value in parameters.items()})
    for name, value in document["attributes"].items():
        if not _is_learned(name) or name in parameters:
            raise ValueError(f"{name!r} is no fitted attribute")
        setattr(model, name, decode(value, tensors))
    return model


def _is_learned(name: str) -> bool:
    """Whether an attribute is a result of `fit`, or the memory for the next one."""
    return name in MEMORY or (
        name.isidentifier() and name.endswith("_") and not name.startswith("_")
    )


def _check_layers(model: Any) -> None:
    """Raise ValueError unless the layers fit together."""
    units = model.n_features_in_
    if not model.coefs_ or len(model.coefs_) != len(model.intercepts_):
        raise ValueError(f"{len(model.coefs_)} weights and {len(model.intercepts_)} biases")
    for W, b in zip(model.coefs_, model.intercepts_, strict=True):
        if W.ndim != 2 or W.shape[0] != units or b.shape != W.shape[1:]:
            raise ValueError(f"weights {W.shape} and biases {b.shape} do not follow {units} units")
        units = W.shape[1]
    if units != 1 or len(model.classes_) != 2:
        raise ValueError(f"{units} outputs for {len(model.classes_)} classes")


def _read(path: Path) -> tuple[dict[str, str], dict[str, Array]]:
    from safetensors import SafetensorError, safe_open

    with path.open("rb") as file:  # says plainly what safetensors words in its own way
        if not file.read(1):
            raise _refused(path, "empty")
    try:
        with safe_open(path, framework="numpy") as opened:
            # Copies: they must outlive the mapping of the file and be free to be trained on.
            tensors = {name: np.array(opened.get_tensor(name)) for name in opened.keys()}  # noqa: SIM118
            return dict(opened.metadata() or {}), tensors
    except (SafetensorError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise _refused(path, f"no safetensors file, or a truncated one ({error})") from error


def _text(path: str | os.PathLike[str], metadata: Mapping[str, str], key: str) -> str:
    try:
        return metadata[key]
    except KeyError:
        raise _refused(path, "a safetensors file that backproof did not write") from None


def _refused(path: str | os.PathLike[str], reason: str) -> ModelFileError:
    return ModelFileError(f"cannot load {os.fspath(path)}: it is {reason}")


def _digest(metadata: Mapping[str, str], tensors: Mapping[str, Array]) -> str:
    """Return the SHA-256 of all other metadata and of each tensor's name, type, shape and bytes."""
    described = {key: text for key, text in metadata.items() if key != "sha256"}
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"\n{name} {tensor.dtype.name} {tensor.shape}\n".encode())
        digest.update(tensor.tobytes())
    return digest.hexdigest()


def _replace(path: Path, content: bytes) -> None:
    """Write beside the target, then rename over it: a reader sees the old file or the new one."""
    target = path.resolve()  # a link stays one
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
