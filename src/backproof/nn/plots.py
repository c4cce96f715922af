"""Pictures of a classifier: where it draws the line, and how it was trained.

Written as scikit-learn's displays are: ``from_estimator`` computes, ``plot`` draws, and the axes
stay at hand for changes. matplotlib is imported when something is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

Floats = NDArray[np.float64]

# Blue and orange are told apart by colour-blind eyes too; the markers differ for prints in grey.
COLORS: Final = ("#1f6fb4", "#d9660a")
MARKERS: Final = ("o", "^")
# Cost, validation score, and layers from the first to the last.
INK: Final = "#333333"
LAYER_MAP: Final = "viridis"


@dataclass(slots=True)
class DecisionBoundaryDisplay:
    """Probability over the plane of two features, with the boundary and the samples.

    Attributes
    ----------
    xx0, xx1 : array of shape (rows, columns)
        The grid.
    probability : array of shape (rows, columns)
        Of the second class.
    classes : (label, label)
    features : (str, str)
        What the axes are called.
    X : array of shape (n_samples, 2) or None
    y, predicted : array of shape (n_samples,) or None
        0 and 1 for the two classes.
    ax_, figure_, surface_, colorbar_
        Of matplotlib, once it is plotted.
    """

    xx0: Floats
    xx1: Floats
    probability: Floats
    classes: tuple[Any, Any]
    features: tuple[str, str]
    X: Floats | None = None
    y: NDArray[np.intp] | None = None
    predicted: NDArray[np.intp] | None = None
    ax_: Axes = field(init=False, repr=False)
    figure_: Figure | SubFigure = field(init=False, repr=False)
    surface_: Any = field(init=False, repr=False)
    colorbar_: Any = field(init=False, repr=False)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        grid_resolution: int = 250,
        margin: float = 0.08,
        ax: Axes | None = None,
    ) -> DecisionBoundaryDisplay:
        """Evaluate a fitted classifier of two features on a grid around the samples, and plot it.

        Parameters
        ----------
        estimator : classifier
            With ``predict_proba`` for two classes: a `BinaryClassifier`, or a pipeline that ends in
            one.
        X : array or data frame of shape (n_samples, 2)
            Samples; the columns of a data frame give the axes their names.
        y : array of shape (n_samples,), optional
            Labels; samples that are classified wrongly are marked.
        grid_resolution : int
            Points along either axis.
        margin : float
            Share of the samples' range that is shown beyond them.
        ax : Axes, optional

        Raises
        ------
        ValueError
            If there are not two features or two classes, or ``y`` holds another label.
        """
        samples = np.asarray(X, dtype=np.float64)
        if samples.ndim != 2 or samples.shape[1] != 2:
            raise ValueError(f"the plane of two features: X has the shape {samples.shape}")
        classes = estimator.classes_
        if len(classes) != 2:
            raise ValueError(f"the boundary of two classes: the estimator has {len(classes)}")
        low, high = samples.min(axis=0), samples.max(axis=0)
        # A constant column has no range; any width will do.
        beyond = margin * np.where(high > low, high - low, 1.0)
        xx0, xx1 = np.meshgrid(
            *np.linspace(low - beyond, high + beyond, grid_resolution, axis=1), indexing="xy"
        )
        names = getattr(X, "columns", None)
        display = cls(
            xx0,
            xx1,
            _second(estimator, np.c_[xx0.ravel(), xx1.ravel()], X).reshape(xx0.shape),
            (classes[0], classes[1]),
            ("feature 0", "feature 1") if names is None else (str(names[0]), str(names[1])),
        )
        if y is not None:
            labels = np.asarray(y)
            unknown = set(labels.tolist()) - set(np.asarray(classes).tolist())
            if labels.shape != samples.shape[:1] or unknown:
                raise ValueError(
                    f"y must hold one of {classes[0]!r} and {classes[1]!r} for each sample"
                )
            display.y = (labels == classes[1]).astype(np.intp)
            display.predicted = (np.asarray(estimator.predict(X)) == classes[1]).astype(np.intp)
        display.X = samples
        return display.plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> DecisionBoundaryDisplay:
        """Draw on ``ax``, or on a figure of its own."""
        from matplotlib import pyplot as plt
        from matplotlib.colors import LinearSegmentedColormap

        if ax is None:
            _, ax = plt.subplots(figsize=(6.4, 5.4), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        shades = LinearSegmentedColormap.from_list(
            "classes", ["#8fbde3", "#d5e6f4", "#fbfbfb", "#fbe2cc", "#f3b27c"]
        )
        self.surface_ = ax.contourf(
            self.xx0, self.xx1, self.probability, levels=np.linspace(0, 1, 11), cmap=shades
        )
        if self.probability.min() < 0.5 < self.probability.max():
            ax.contour(
                self.xx0, self.xx1, self.probability, levels=[0.5], colors=INK, linewidths=1.4
            )
        self._plot_samples()
        self.colorbar_ = self.figure_.colorbar(
            self.surface_, ax=ax, label=f"probability of class {self.classes[1]}"
        )
        self.colorbar_.set_ticks(np.linspace(0, 1, 6))
        ax.set(xlabel=self.features[0], ylabel=self.features[1])
        return self

    def _plot_samples(self) -> None:
        if self.X is None:
            return
        if self.y is None or self.predicted is None:
            self.ax_.scatter(self.X[:, 0], self.X[:, 1], s=16, color=INK, linewidths=0)
            return
        for label, (name, color, marker) in enumerate(
            zip(self.classes, COLORS, MARKERS, strict=True)
        ):
            self.ax_.scatter(
                self.X[self.y == label, 0],
                self.X[self.y == label, 1],
                s=20,
                color=color,
                marker=marker,
                edgecolors="white",
                linewidths=0.5,
                label=f"class {name}",
            )
        wrong = self.y != self.predicted
        if wrong.any():
            self.ax_.scatter(
                self.X[wrong, 0],
                self.X[wrong, 1],
                s=52,
                facecolors="none",
                edgecolors=INK,
                linewidths=0.9,
                label="classified wrongly",
            )
        right = np.count_nonzero(~wrong)
        self.ax_.set_title(f"{right} of {wrong.size} right ({100 * right / wrong.size:.1f} %)")
        # Below the plane, where it hides no sample.
        self.ax_.legend(
            loc="upper center",
            bbox_to_anchor=(0.5, -0.12),
            ncols=3,
            fontsize="small",
            frameon=False,
            handletextpad=0.3,
        )


@dataclass(slots=True)
class TrainingDisplay:
    """Cost, validation score and gradient norms over the epochs, one panel each.

    Attributes
    ----------
    cost : array of shape (n_epochs,)
    validation_scores : array of shape (n_epochs,) or None
        Without validation there is no such panel.
    gradient_norms : array of shape (n_epochs, n_layers) or None
    axes_ : dict of Axes
        By panel: ``"cost"``, ``"validation"``, ``"gradient"``.
    figure_ : Figure
    """

    cost: Floats
    validation_scores: Floats | None = None
    gradient_norms: Floats | None = None
    axes_: dict[str, Axes] = field(init=False, repr=False)
    figure_: Figure = field(init=False, repr=False)

    @classmethod
    def from_estimator(cls, estimator: Any) -> TrainingDisplay:
        """Plot what a fitted classifier remembers of its training.

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.
        """
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(estimator)
        return cls(
            np.asarray(estimator.loss_curve_, dtype=np.float64),
            _curve(getattr(estimator, "validation_scores_", None), 1),
            _curve(getattr(estimator, "gradient_norms_", None), 2),
        ).plot()

    def plot(self, *, figure: Figure | None = None) -> TrainingDisplay:
        """Draw into ``figure``, or into a new one."""
        from matplotlib import pyplot as plt
        from matplotlib.ticker import PercentFormatter

        panels = ["cost"]
        panels += ["validation"] if self.validation_scores is not None else []
        panels += ["gradient"] if self.gradient_norms is not None else []
        if figure is None:
            figure = plt.figure(figsize=(6.4, 1.0 + 2.0 * len(panels)), layout="constrained")
        self.figure_ = figure
        rows = np.atleast_1d(figure.subplots(len(panels), 1, sharex=True))
        self.axes_ = dict(zip(panels, rows, strict=True))

        ax = self.axes_["cost"]
        _draw(ax, self.cost, color=INK)
        ax.set(ylabel="cost")
        # Cross-entropy falls over decades once a net is sure; on a linear axis it would lie on 0.
        if self.cost.min() > 0 and self.cost.max() > 20 * self.cost.min():
            ax.set_yscale("log")
        if self.validation_scores is not None:
            ax = self.axes_["validation"]
            _draw(ax, self.validation_scores, color=COLORS[0])
            best = int(np.argmax(self.validation_scores))
            score = self.validation_scores[best]
            ax.plot([best + 1], [score], "o", color=COLORS[1], label=f"best, epoch {best + 1}")
            ax.yaxis.set_major_formatter(PercentFormatter(1.0))
            ax.set(ylabel="validation accuracy")
            ax.legend(loc="best", fontsize="small")
        if self.gradient_norms is not None:
            self._plot_gradients(self.axes_["gradient"], self.gradient_norms)
        rows[-1].set(xlabel="epoch", xlim=(1, max(2, len(self.cost))))
        for ax in rows:
            ax.grid(alpha=0.25)
            ax.spines[["top", "right"]].set_visible(False)
        figure.align_ylabels()
        return self

    def _plot_gradients(self, ax: Axes, norms: Floats) -> None:
        from matplotlib import colormaps

        layers = norms.shape[1]
        for layer, color in enumerate(colormaps[LAYER_MAP](np.linspace(0, 0.85, layers)), start=1):
            name = "output layer" if layer == layers else f"layer {layer}"
            _draw(ax, norms[:, layer - 1], color=color, label=name)
        # Vanishing and exploding gradients are a matter of decades.
        if (norms > 0).any():
            ax.set_yscale("log")
        ax.set(ylabel="gradient norm")
        ax.legend(loc="best", fontsize="small", ncols=min(layers, 4))


def plot_decision_boundary(
    clf: Any, X: ArrayLike, y: ArrayLike | None = None, *, ax: Axes | None = None
) -> DecisionBoundaryDisplay:
    """Draw probability, boundary and samples; see `DecisionBoundaryDisplay.from_estimator`."""
    return DecisionBoundaryDisplay.from_estimator(clf, X, y, ax=ax)


def plot_training(clf: Any) -> TrainingDisplay:
    """Draw cost, validation score and gradient norms; see `TrainingDisplay.from_estimator`."""
    return TrainingDisplay.from_estimator(clf)


def _second(estimator: Any, grid: Floats, X: Any) -> Floats:
    """Return the second class's probability; a frame for an estimator that was fitted on one."""
    if hasattr(X, "columns"):
        grid = type(X)(dict(zip(X.columns, grid.T, strict=True)))
    return np.asarray(estimator.predict_proba(grid), dtype=np.float64)[:, 1]


def _draw(ax: Axes, values: Floats, **style: Any) -> None:
    """Draw one curve from epoch 1; few epochs get a marker each."""
    epochs = np.arange(1, len(values) + 1)
    ax.plot(epochs, values, linewidth=1.3, marker="." if len(values) <= 30 else "", **style)


def _curve(values: Any, dimensions: int) -> Floats | None:
    """Return a curve as an array, or None where the classifier kept none."""
    if values is None or len(values) == 0:
        return None
    array = np.asarray(values, dtype=np.float64)
    return array if array.ndim == dimensions else None
