"""A trained classifier as an ONNX graph, for programs that have no Python.

Input ``X`` (n, features) in the type of the weights; outputs ``label`` (n,), ``probabilities``
(n, 2) in the order of ``classes_``, and ``decision`` (n,), the logits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backproof import __version__
from backproof.nn.mathematics import LEAK

# Old enough for any runtime in use, new enough for all the operations below.
OPSET: Final = 17
IR_VERSION: Final = 8


@dataclass(slots=True)
class Graph:
    """Nodes and constants as they are collected; each method returns the name of its result."""

    dtype: np.dtype[Any]
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def constant(self, array: NDArray[Any]) -> str:
        """Add an array."""
        from onnx import numpy_helper

        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def number(self, value: float) -> str:
        """Add a scalar of the graph's type."""
        return self.constant(np.array(value, self.dtype))

    def apply(self, operation: str, *inputs: str, out: str = "", **attributes: Any) -> str:
        """Add one operation."""
        from onnx import helper

        out = out or f"{operation.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, list(inputs), [out], **attributes))
        return out

    def cast(self, value: str, dtype: Any) -> str:
        """Convert to another type."""
        from onnx import helper

        return self.apply("Cast", value, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


def _leaky_relu(graph: Graph, Z: str) -> str:
    """max(Z, Z/100); onnxruntime's own reads its slope in float32."""
    return graph.apply("Max", Z, graph.apply("Mul", Z, graph.number(LEAK)))


def _elu(graph: Graph, Z: str) -> str:
    """max(Z, 0) + e^min(Z, 0) - 1; onnxruntime's own is for float32 only."""
    exponential = graph.apply("Exp", graph.apply("Min", Z, graph.number(0.0)))
    below = graph.apply("Sub", exponential, graph.number(1.0))
    return graph.apply("Add", graph.apply("Relu", Z), below)


def _softplus(graph: Graph, Z: str) -> str:
    """max(Z, 0) + log(1 + e^-|Z|); onnxruntime's own is for float32 only."""
    exponential = graph.apply("Exp", graph.apply("Neg", graph.apply("Abs", Z)))
    above = graph.apply("Log", graph.apply("Add", exponential, graph.number(1.0)))
    return graph.apply("Add", graph.apply("Relu", Z), above)


def _gelu(graph: Graph, Z: str) -> str:
    """Z · Φ(Z). onnxruntime has erf in float32 only; Φ is then exact to 6e-8."""
    scaled = graph.cast(graph.apply("Mul", Z, graph.number(np.sqrt(0.5))), np.float32)
    erf = graph.cast(graph.apply("Erf", scaled), graph.dtype)
    Φ = graph.apply("Mul", graph.apply("Add", erf, graph.number(1.0)), graph.number(0.5))
    return graph.apply("Mul", Z, Φ)


ACTIVATIONS: Final[Mapping[str, Callable[[Graph, str], str]]] = {
    "identity": lambda _, Z: Z,
    "relu": lambda graph, Z: graph.apply("Relu", Z),
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "tanh": lambda graph, Z: graph.apply("Tanh", Z),
    "logistic": lambda graph, Z: graph.apply("Sigmoid", Z),
    "softplus": _softplus,
    "swish": lambda graph, Z: graph.apply("Mul", Z, graph.apply("Sigmoid", Z)),
    "gelu": _gelu,
}


def to_onnx(model: Any) -> Any:
    """Return a fitted classifier as an ``onnx.ModelProto``, checked.

    Parameters
    ----------
    model : BinaryClassifier

    Returns
    -------
    onnx.ModelProto
        ``onnx.save(model, path)`` writes it.

    Raises
    ------
    NotFittedError
        If the classifier is not fitted.
    TypeError
        If the labels are of a type that ONNX lacks.
    ImportError
        If onnx is not installed.
    """
    from onnx import checker, helper
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(model)
    dtype = np.dtype(model.coefs_[0].dtype)
    labels = _labels(np.asarray(model.classes_))
    graph = Graph(dtype)
    A = "X"
    for layer, (W, b) in enumerate(zip(model.coefs_, model.intercepts_, strict=True), start=1):
        product = graph.apply("MatMul", A, graph.constant(np.ascontiguousarray(W)))
        Z = graph.apply("Add", product, graph.constant(np.ascontiguousarray(b)))
        A = ACTIVATIONS[model.activation](graph, Z) if layer < len(model.coefs_) else Z

    # One more operation than needed for each class: σ(−z) keeps its digits where 1 − σ(z) has none.
    Y = graph.apply("Sigmoid", A)
    both = graph.apply("Concat", graph.apply("Sigmoid", graph.apply("Neg", A)), Y, axis=1)
    graph.apply("Identity", both, out="probabilities")
    decision = graph.apply("Reshape", A, graph.constant(np.array([-1], np.int64)), out="decision")
    positive = graph.cast(graph.apply("Greater", decision, graph.number(0.0)), np.int64)
    graph.apply("Gather", graph.constant(labels), positive, out="label")

    number = helper.np_dtype_to_tensor_dtype(dtype)
    label = helper.np_dtype_to_tensor_dtype(labels.dtype)
    proto = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "backproof",
            [helper.make_tensor_value_info("X", number, ["n", int(model.n_features_in_)])],
            [
                helper.make_tensor_value_info("label", label, ["n"]),
                helper.make_tensor_value_info("probabilities", number, ["n", 2]),
                helper.make_tensor_value_info("decision", number, ["n"]),
            ],
            graph.constants,
        ),
        producer_name="backproof",
        producer_version=__version__,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    checker.check_model(proto, full_check=True)
    return proto


def _labels(classes: NDArray[Any]) -> NDArray[Any]:
    """Return the labels in a type that ONNX has: int64, bool, float64 or text."""
    if classes.dtype.kind in "iu":
        return classes.astype(np.int64)
    if classes.dtype.kind == "f":
        return classes.astype(np.float64)
    if classes.dtype.kind == "b":
        return classes
    if all(isinstance(label, str) for label in classes.tolist()):
        return classes.astype(object)
    raise TypeError(f"ONNX has no type for the labels {classes.tolist()}")
