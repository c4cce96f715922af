"""A binary classifier with hand-derived backpropagation, and what belongs to it."""

try:
    import sklearn as _sklearn  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "sklearn":
        raise
    raise ModuleNotFoundError(
        'backproof.nn needs scikit-learn: pip install "backproof[nn]"', name="sklearn"
    ) from None

from backproof.nn.classifier import BinaryClassifier
from backproof.nn.datasets import load_image_folder, make_flower, make_spiral
from backproof.nn.errors import DivergenceError

__all__ = [
    "BinaryClassifier",
    "DivergenceError",
    "load_image_folder",
    "make_flower",
    "make_spiral",
]
