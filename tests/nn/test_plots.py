"""What the pictures show is what the classifier computes and remembers."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from backproof.nn import BinaryClassifier
from backproof.nn.datasets import make_flower
from backproof.nn.plots import (
    DecisionBoundaryDisplay,
    TrainingDisplay,
    plot_decision_boundary,
    plot_training,
)

X, Y = make_flower(120, random_state=0)


@pytest.fixture(autouse=True)
def no_window(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    yield pyplot
    pyplot.close("all")


def fitted(X=X, y=Y, **settings):
    settings = {"hidden_layers": (6, 4), "max_iter": 50, "random_state": 0} | settings
    return BinaryClassifier(**settings).fit(X, y)


def legend_of(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


class TestDecisionBoundary:
    def test_probabilities_are_those_of_the_classifier(self):
        model = fitted()
        display = plot_decision_boundary(model, X, Y)
        assert isinstance(display, DecisionBoundaryDisplay)
        place = 17, 201
        point = [[display.xx0[place], display.xx1[place]]]
        assert display.probability[place] == model.predict_proba(point)[0, 1]
        assert display.xx0.min() < X[:, 0].min()
        assert display.xx1.max() > X[:, 1].max()

    def test_samples_wrong_ones_and_title(self, tmp_path):
        model = fitted()
        display = plot_decision_boundary(model, X, Y)
        drawn = [len(points.get_offsets()) for points in display.ax_.collections[-3:]]
        wrong = np.count_nonzero(model.predict(X) != Y)
        assert drawn == [60, 60, wrong]
        assert (
            display.ax_.get_title()
            == f"{120 - wrong} of 120 right ({model.score(X, Y):.1%})".replace("%", " %")
        )
        assert legend_of(display.ax_) == ["class 0", "class 1", "classified wrongly"]
        display.figure_.savefig(tmp_path / "picture.png")
        assert (tmp_path / "picture.png").stat().st_size > 10_000

    def test_labels_name_the_classes(self):
        labels = np.array(["cat", "dog"])[Y]
        display = plot_decision_boundary(fitted(y=labels), X, labels)
        assert legend_of(display.ax_)[:2] == ["class cat", "class dog"]
        assert display.colorbar_.ax.get_ylabel() == "probability of class dog"

    def test_data_frame_names_the_axes(self):
        pandas = pytest.importorskip("pandas")
        frame = pandas.DataFrame(X, columns=["east", "north"])
        display = plot_decision_boundary(fitted(frame), frame, Y)
        assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("east", "north")

    def test_pipeline(self):
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        pipeline = make_pipeline(StandardScaler(), BinaryClassifier(max_iter=5)).fit(X, Y)
        assert plot_decision_boundary(pipeline, X, Y).probability.shape == (250, 250)

    def test_without_labels_and_on_given_axes(self, no_window):
        _, ax = no_window.subplots()
        display = plot_decision_boundary(fitted(), X, ax=ax)
        assert display.ax_ is ax
        assert ax.get_legend() is None
        assert len(ax.collections[-1].get_offsets()) == 120

    def test_constant_column(self):
        flat = X * [1, 0]
        display = plot_decision_boundary(fitted(flat), flat, Y)
        assert display.xx1.min() < 0 < display.xx1.max()

    @pytest.mark.parametrize(
        ("samples", "labels", "message"),
        [
            (np.zeros((4, 3)), None, r"two features: X has the shape \(4, 3\)"),
            (X, np.array(["a"] * 120), "y must hold one of"),
            (X, Y[:-1], "y must hold one of"),
        ],
    )
    def test_wrong_input(self, samples, labels, message):
        with pytest.raises(ValueError, match=message):
            plot_decision_boundary(fitted(), samples, labels)


class TestTraining:
    def test_curves_are_those_of_the_classifier(self):
        model = fitted(early_stopping=True)
        display = plot_training(model)
        assert list(display.axes_) == ["cost", "validation", "gradient"]
        cost = display.axes_["cost"].lines[0]
        assert cost.get_xdata().tolist() == list(range(1, model.n_iter_ + 1))
        assert cost.get_ydata().tolist() == list(model.loss_curve_)
        scores = display.axes_["validation"].lines[0].get_ydata()
        assert scores.tolist() == list(model.validation_scores_)
        layers = display.axes_["gradient"].lines
        assert [line.get_label() for line in layers] == ["layer 1", "layer 2", "output layer"]
        norms = np.asarray(model.gradient_norms_)
        assert np.array_equal([line.get_ydata() for line in layers], norms.T)

    def test_best_validation_score_is_marked(self):
        display = TrainingDisplay(np.ones(4), np.array([0.5, 0.9, 0.8, 0.9])).plot()
        assert list(display.axes_) == ["cost", "validation"]
        assert legend_of(display.axes_["validation"]) == ["best, epoch 2"]

    def test_without_validation(self):
        assert list(plot_training(fitted()).axes_) == ["cost", "gradient"]

    def test_costs_over_decades_are_drawn_on_a_logarithmic_axis(self):
        scales = [
            TrainingDisplay(np.array(cost)).plot().axes_["cost"].get_yscale()
            for cost in ([1.0, 0.5], [1.0, 0.001], [1.0, 0.0])
        ]
        assert scales == ["linear", "log", "linear"]

    def test_into_a_given_figure(self, no_window):
        figure = no_window.figure()
        assert TrainingDisplay(np.ones(3)).plot(figure=figure).figure_ is figure

    def test_unfitted_is_refused(self):
        from sklearn.exceptions import NotFittedError

        with pytest.raises(NotFittedError):
            plot_training(BinaryClassifier())


def test_matplotlib_is_imported_only_when_something_is_drawn():
    command = "import sys, backproof.nn.plots; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", command], check=True, timeout=60)
