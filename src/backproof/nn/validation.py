"""Checks of what a user hands to the classifier, in scikit-learn's words."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from scipy import sparse
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, column_or_1d, validate_data

from backproof.nn.mathematics import Array

# Entries that are looked at in one go.
PIECE: Final = 1 << 18
# Columns that a message names.
NAMED: Final = 5


def check_inputs(estimator: Any, X: Any, *, reset: bool, y: Any = None) -> tuple[Any, Any]:
    """Return X as a 2-D array, memmap or CSR of numbers, all finite, and y if given.

    Parameters
    ----------
    X : array-like, data frame, sparse matrix, memmap, or path of a ``.npy`` file
        A memmap is left as it is, whatever its dtype; a path becomes one.
    reset : bool
        Whether to take the number and names of features, or to require those known.
    """
    X = open_array(X)
    mapped = isinstance(X, np.memmap)
    settings: dict[str, Any] = {
        "accept_sparse": "csr",
        "ensure_all_finite": False,
        "reset": reset,
        "dtype": "numeric",
    }
    if y is None:
        checked = validate_data(estimator, X, **settings)
    else:
        checked, y = validate_data(estimator, X, y, **settings)
    if sparse.issparse(checked):
        # A CSR array indexes its rows faster than a matrix, and multiplies the same way.
        checked = sparse.csr_array(checked)
    elif mapped:
        checked = X
    names = getattr(estimator, "feature_names_in_", None)
    require_finite(checked, names, type(estimator).__name__)
    return checked, y


def open_array(X: Any) -> Any:
    """Open the ``.npy`` file at a path as a memory map; anything else is returned."""
    if isinstance(X, (str, os.PathLike)):
        if not os.fspath(X).endswith(".npy"):
            raise ValueError(f"X must be an array or the path of a .npy file. Got {X!r} instead.")
        return np.load(X, mmap_mode="r")
    return X


def cast(X: Any, dtype: np.dtype[Any], name: str) -> Any:
    """Return X in this dtype, C-contiguous; a memmap as it is, to be cast batch by batch.

    Raises
    ------
    ValueError
        Where a finite value is too large for the dtype.
    """
    if isinstance(X, np.memmap):
        if np.can_cast(X.dtype, dtype, "same_kind") and X.dtype.itemsize <= dtype.itemsize:
            return X
        largest = max((float(np.abs(piece).max()) for piece in pieces(X)), default=0.0)
    elif sparse.issparse(X):
        if X.dtype == dtype:
            return X
        largest = float(np.abs(X.data).max(initial=0))
    else:
        if X.dtype == dtype:
            return np.ascontiguousarray(X)
        largest = float(np.abs(X).max(initial=0)) if X.dtype.kind == "f" else 0.0
    if largest > float(np.finfo(dtype).max):
        raise ValueError(
            f"Input X contains infinity or a value too large for {dtype!r}: up to {largest:.3g}. "
            f"Use dtype='float64' of {name}, or scale X."
        )
    if isinstance(X, np.memmap):
        return X
    return X.astype(dtype) if sparse.issparse(X) else np.ascontiguousarray(X, dtype=dtype)


def pieces(X: Array) -> Any:
    """Yield X by rows, a bounded number of entries at a time."""
    step = max(1, PIECE // max(1, X.shape[1]))
    for start in range(0, len(X), step):
        yield np.asarray(X[start : start + step])


def require_finite(X: Any, names: Sequence[str] | None, estimator: str) -> None:
    """Raise a ValueError that says which columns hold NaN or infinity, and how many."""
    if X.dtype.kind != "f":
        return
    missing = np.zeros(X.shape[1], dtype=np.int64)
    infinite = np.zeros(X.shape[1], dtype=np.int64)
    if sparse.issparse(X):
        np.add.at(missing, X.indices[np.isnan(X.data)], 1)
        np.add.at(infinite, X.indices[np.isinf(X.data)], 1)
    else:
        for piece in pieces(X):
            if np.isfinite(piece).all():
                continue
            missing += np.isnan(piece).sum(axis=0)
            infinite += np.isinf(piece).sum(axis=0)
    for counts, what, advice in (
        (missing, "NaN", "Fill them, for instance with sklearn.impute.SimpleImputer."),
        (infinite, "infinity", "Look where they come from: a division by zero, an overflow?"),
    ):
        total = int(counts.sum())
        if total:
            columns = np.flatnonzero(counts)
            listed = ", ".join(
                f"{counts[j]} in column {j}" + (f" ({names[j]!r})" if names is not None else "")
                for j in columns[:NAMED]
            )
            more = f", and in {len(columns) - NAMED} more columns" if len(columns) > NAMED else ""
            raise ValueError(
                f"Input X contains {what}.\n"
                f"{estimator} needs finite values; {total} of {X.shape[0]} × {X.shape[1]} are "
                f"{what}: {listed}{more}. {advice}"
            )


def require_logits(z: Array, X: Any) -> None:
    """Raise a ValueError where logits are NaN: a sum of terms beyond the largest float."""
    undefined = np.isnan(z)
    if undefined.any():
        row = int(undefined.argmax())
        x = X[[row]]
        values = np.asarray(x.toarray() if sparse.issparse(x) else x)[0]
        column = int(np.abs(values).argmax())
        raise ValueError(
            f"The logits of {np.count_nonzero(undefined)} of {len(z)} samples overflow "
            f"(inf - inf): row {row} of X holds {values[column]:.3g} in column {column}. Scale X."
        )


def check_labels(y: Any, classes: Array | None = None) -> tuple[Array, Array]:
    """Return the two classes and y as 0 and 1, int8.

    Parameters
    ----------
    y : (n,) array-like
    classes : (2,) array, optional
        Known already; otherwise the two values of y, sorted.
    """
    if y is None:
        raise ValueError("BinaryClassifier requires y to be passed, but the target y is None.")
    y = column_or_1d(y, warn=True)
    kind = type_of_target(y, input_name="y", raise_unknown=True)
    if kind not in ("binary", "multiclass"):
        check_classification_targets(y)  # says what is wrong with them
    found = np.unique(y)
    if kind != "binary" or len(found) > 2:
        some = ", ".join(map(repr, found[:NAMED].tolist())) + (", …" if len(found) > NAMED else "")
        raise ValueError(
            f"Only binary classification is supported. The type of the target is {kind}: y has "
            f"{len(found)} classes ({some}). For more than two classes use "
            "sklearn.multiclass.OneVsRestClassifier(BinaryClassifier()) or "
            "sklearn.neural_network.MLPClassifier."
        )
    if classes is None:
        classes = found
    else:
        unknown = np.setdiff1d(found, classes)
        if len(unknown):
            raise ValueError(f"y contains labels that are not in classes: {unknown.tolist()}")
    return classes, (np.searchsorted(classes, y)).astype(np.int8)


def require_two(classes: Array, present: Array) -> None:
    """Raise unless samples of both classes are there, with a weight above zero."""
    seen = np.unique(present)
    if len(classes) < 2 or len(seen) < 2:
        only = classes[seen].tolist()[0] if len(seen) else "none"
        raise ValueError(
            "BinaryClassifier needs samples of 2 classes in the data, but the data contains only "
            f"one class: {only!r}"
        )


def check_classes(classes: Any) -> Array:
    """Return the ``classes`` given to the first `partial_fit`, sorted."""
    if classes is None:
        raise ValueError("classes must be passed on the first call to partial_fit.")
    found = np.unique(classes)
    if len(found) != 2:
        raise ValueError(
            f"Only binary classification is supported: classes must hold 2 labels. "
            f"Got {classes!r} instead."
        )
    return found


def check_weights(sample_weight: Any, X: Any, y: Array, class_weight: Any, classes: Array) -> Any:
    """Return the weight of each sample, float64, or None where all are one.

    Raises
    ------
    ValueError
        For negative, non-finite or wrongly shaped weights, and where all are zero.
    """
    if sample_weight is None and class_weight is None:
        return None
    weight = _check_sample_weight(
        sample_weight, X, dtype=np.float64, copy=True, ensure_non_negative=True
    )
    if class_weight is not None:
        weight *= class_factors(class_weight, weight, y, classes)[y]
    if not weight.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weight


def class_factors(class_weight: Any, weight: Array, y: Array, classes: Array) -> Array:
    """Return each class's factor: as given, or with "balanced" so that both weigh the same."""
    if isinstance(class_weight, str):
        totals = np.array([weight[y == k].sum() for k in range(2)])
        factors: Array = weight.sum() / (2 * np.where(totals > 0, totals, 1.0))
        return factors
    labels = classes.tolist()
    unknown = [label for label in class_weight if label not in labels]
    if unknown:
        raise ValueError(f"The classes, {unknown}, are not in class_weight's data: {labels}")
    given = np.array([float(class_weight.get(label, 1.0)) for label in labels])
    if not (given >= 0).all() or not np.isfinite(given).all():
        raise ValueError(f"class_weight must hold finite numbers >= 0. Got {class_weight!r}")
    return given
