"""`BinaryClassifier`: scikit-learn's conventions around the training loop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from backproof.nn import fitted, onnx, settings, storage, validation
from backproof.nn.choice import chosen, split
from backproof.nn.engine import Samples, State, choose
from backproof.nn.inference import logits
from backproof.nn.lbfgs import train_lbfgs
from backproof.nn.mathematics import Array
from backproof.nn.parameters import Parameters
from backproof.nn.progress import Callback, Verbose, reporter
from backproof.nn.settings import CONSTRAINTS
from backproof.nn.training import History, Watch, train


def _goes_by_steps(model: Any) -> bool:
    if model.optimizer == "lbfgs":
        raise AttributeError("partial_fit is not available with optimizer='lbfgs'.")
    return True


class BinaryClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A neural network with hidden layers and one logistic output unit.

    The cost is the cross-entropy from the logits, mean over samples, plus ½ α ΣW²; its gradient is
    derived by hand in `backproof.nn.mathematics`.

    Parameters
    ----------
    hidden_layers : int or sequence of int, default=(4,)
        Units of each hidden layer; ``()`` is logistic regression.
    activation : str, default="relu"
        Of the hidden layers: "relu", "tanh", "logistic", "leaky_relu", "elu", "softplus", "gelu",
        "swish" or "identity". It also decides between He's and Glorot's initialisation.
    optimizer : str, default="adam"
        "gd" (plain steps), "sgd" (with momentum), "rmsprop", "adam", "adamw" or "lbfgs".
    learning_rate : float or "auto", default="auto"
        "auto" takes, for "gd" and "sgd", half of the step that is stable at the cost's sharpness,
        measured before the first epoch and again and again; for "rmsprop", "adam" and "adamw",
        which scale their steps themselves, 0.01. "lbfgs" searches for its steps.
    schedule : str, default="constant"
        "constant", "step", "cosine" or "one-cycle"; what the learning rate is multiplied by.
    step_size, step_factor : int, default=100 and float, default=0.5
        Of the schedule "step": the factor after each so many epochs.
    max_iter : int, default=500
        Epochs; with "lbfgs", iterations.
    batch_size : int, "auto" or None, default="auto"
        None takes all samples at once. "auto" does so for "gd", "lbfgs" and up to 200 samples, and
        otherwise takes 200; of a memory map it always takes 200, but with "lbfgs".
    shuffle : bool, default=True
        Draw the batches anew in each epoch.
    alpha : float, default=0.0
        Weight of the L2 penalty, which leaves biases out.
    class_weight : dict, "balanced" or None, default=None
        Factor for each class, multiplied with the samples' weights.
    momentum, nesterov : float, default=0.9 and bool, default=False
        Of "sgd".
    beta_1, beta_2, epsilon : float, default=0.9, 0.999 and 1e-8
        Of "adam" and "adamw"; "rmsprop" uses the last two.
    weight_decay : float, default=0.01
        Of "adamw", apart from the gradient; biases do not decay.
    dropout : float, default=0.0
        Share of hidden activations that is zeroed in training.
    max_gradient_norm : float or None, default=None
        A longer gradient, of all parameters together, is shortened to this.
    early_stopping : bool, default=False
        Keep a share of the samples for validation, stop when its accuracy and cost have not become
        better for `n_iter_no_change` epochs, and keep the best weights.
    validation_fraction : float, default=0.1
    n_iter_no_change : int, default=10
    tol : float or None, default=None
        Stop when the cost has not fallen by more than this for `n_iter_no_change` epochs. None
        does not look. With "lbfgs" the largest entry of the gradient to stop at, then 1e-5.
    on_divergence : "raise" or "backtrack", default="raise"
        When the cost or a gradient is no longer finite or the cost explodes, the last good weights
        are restored; then `DivergenceError` is raised, or the step is halved.
    warm_start : bool, default=False
        Let `fit` go on from the weights of the last one.
    random_state : int, RandomState or None, default=None
        Draws the first weights, the batches, dropout and the validation samples.
    dtype : "auto", "float32" or "float64", default="auto"
        Of the computation; "auto" is that of X, float64 where X holds no floats.
    engine : "auto", "numpy" or "compiled", default="auto"
        What computes: NumPy, or kernels compiled by Numba. They agree to rounding.
    verbose : bool, int or "bar", default=False
        True for a line every so often, "bar" or 2 for a progress bar.
    callbacks : list of callables or None, default=None
        Called at the end of each epoch with a `backproof.nn.progress.Epoch`; training ends when
        one returns True.

    Attributes
    ----------
    classes_ : array of shape (2,)
        The second one is that of positive logits.
    coefs_ : list of arrays of shape (n_{l-1}, n_l)
    intercepts_ : list of arrays of shape (n_l,)
    loss_curve_ : list of float
        Mean cost of each epoch, penalty included, each batch's before its step.
    loss_ : float
        The last of them.
    gradient_norms_ : array of shape (n_iter_, layers)
        Norm of each layer's gradient in the epoch's last batch.
    validation_scores_ : list of float or None
        Accuracy after each epoch, with early stopping.
    best_validation_score_ : float or None
    learning_rate_ : float
        The last step size; NaN for "lbfgs".
    n_iter_ : int
        Epochs done.
    n_features_in_ : int
    feature_names_in_ : array of str
        Where X has columns with names.

    Raises
    ------
    DivergenceError
        By `fit` and `partial_fit`; the estimator holds the last good weights.

    Examples
    --------
    >>> from backproof.nn import BinaryClassifier, make_flower
    >>> X, y = make_flower(random_state=1)
    >>> BinaryClassifier((16,), random_state=0).fit(X, y).score(X, y) > 0.9
    True
    """

    classes_: Array
    coefs_: list[Array]
    intercepts_: list[Array]

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = CONSTRAINTS

    def __init__(
        self,
        hidden_layers: int | tuple[int, ...] = (4,),
        *,
        activation: str = "relu",
        optimizer: str = "adam",
        learning_rate: float | Literal["auto"] = "auto",
        schedule: str = "constant",
        step_size: int = 100,
        step_factor: float = 0.5,
        max_iter: int = 500,
        batch_size: int | Literal["auto"] | None = "auto",
        shuffle: bool = True,
        alpha: float = 0.0,
        class_weight: dict[Any, float] | Literal["balanced"] | None = None,
        momentum: float = 0.9,
        nesterov: bool = False,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
        dropout: float = 0.0,
        max_gradient_norm: float | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float | None = None,
        on_divergence: Literal["raise", "backtrack"] = "raise",
        warm_start: bool = False,
        random_state: Any = None,
        dtype: Any = "auto",
        engine: Literal["auto", "numpy", "compiled"] = "auto",
        verbose: Verbose = False,
        callbacks: list[Callback] | None = None,
    ) -> None:
        self.hidden_layers = hidden_layers
        self.activation = activation
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.step_size = step_size
        self.step_factor = step_factor
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.alpha = alpha
        self.class_weight = class_weight
        self.momentum = momentum
        self.nesterov = nesterov
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.max_gradient_norm = max_gradient_norm
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.on_divergence = on_divergence
        self.warm_start = warm_start
        self.random_state = random_state
        self.dtype = dtype
        self.engine = engine
        self.verbose = verbose
        self.callbacks = callbacks

    # ---- training --------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for at most `max_iter` epochs.

        Parameters
        ----------
        X : array-like, data frame, sparse matrix, memmap or path of a .npy file, (n, n_features)
            A memmap, and a file, is read batch by batch and never copied whole.
        y : array-like of shape (n,)
            Two labels of any kind.
        sample_weight : array-like of shape (n,), optional
            A sample of weight k counts as k samples.
        """
        hidden = self._check_parameters()
        known = self.warm_start and hasattr(self, "coefs_")
        if known:
            settings.check_same_layers(hidden, self.coefs_)
        X, y = validation.check_inputs(self, X, y=y, reset=not known)
        before: Array | None = self.classes_ if known else None
        classes, y = validation.check_labels(y, before)
        weight = validation.check_weights(sample_weight, X, y, self.class_weight, classes)
        validation.require_two(classes, y if weight is None else y[weight > 0])
        rng = self._generator()
        dtype = settings.dtype(self.dtype, X)
        X = validation.cast(X, dtype, type(self).__name__)
        share = self.validation_fraction if self.early_stopping else 0.0
        samples, held_out = split(X, y, weight, dtype, share=share, random_state=self.random_state)
        if known:
            parameters = Parameters.joined(self.coefs_, self.intercepts_, dtype)
        else:
            sizes = (X.shape[1], *hidden, 1)
            parameters = Parameters.drawn(sizes, self.activation, dtype, rng)
        self.classes_ = classes
        state = State.start(parameters, self.optimizer, rng)
        self._train(samples, held_out, state, History(), epochs=self.max_iter, first_epoch=0)
        return self

    @available_if(_goes_by_steps)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one epoch on these samples, from the weights as they are.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`; labels may all be the same.
        classes : array-like of shape (2,), optional
            The two labels; needed in the first call.
        """
        hidden = self._check_parameters()
        if self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True.")
        if isinstance(self.class_weight, str):
            raise ValueError(
                "class_weight 'balanced' is not supported for partial_fit: give a dict of weights."
            )
        first = not hasattr(self, "coefs_")
        if not first:
            settings.check_same_layers(hidden, self.coefs_)
        X, y = validation.check_inputs(self, X, y=y, reset=first)
        known = validation.check_classes(classes) if first else self.classes_
        if classes is not None and not np.array_equal(np.unique(classes), known):
            raise ValueError(f"classes={classes!r} is not the same as on the last call: {known!r}")
        _, y = validation.check_labels(y, known)
        weight = validation.check_weights(sample_weight, X, y, self.class_weight, known)
        self.classes_ = known
        if first:
            self._rng = self._generator()
            dtype = settings.dtype(self.dtype, X)
            sizes = (X.shape[1], *hidden, 1)
            parameters = Parameters.drawn(sizes, self.activation, dtype, self._rng)
            history = History()
        else:
            dtype = self.coefs_[0].dtype
            parameters = Parameters.joined(self.coefs_, self.intercepts_, dtype)
            history = History(list(self.loss_curve_), [self.gradient_norms_])
        if not hasattr(self, "_rng"):
            self._rng = self._generator()
        state = State.start(parameters, self.optimizer, self._rng)
        fitted.recall(self, state)
        X = validation.cast(X, dtype, type(self).__name__)
        samples = chosen(X, y, weight, dtype)
        self._train(samples, None, state, history, epochs=1, first_epoch=len(history.costs))
        return self

    def _check_parameters(self) -> tuple[int, ...]:
        self._validate_params()
        settings.check_callbacks(self.callbacks)
        return settings.check_hidden_layers(self.hidden_layers)

    def _generator(self) -> np.random.Generator:
        """Seed a generator, whose streams NumPy and Numba share, from `random_state`."""
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        return np.random.default_rng(seed)

    def _train(
        self,
        samples: Samples,
        held_out: Samples | None,
        state: State,
        history: History,
        *,
        epochs: int,
        first_epoch: int,
    ) -> None:
        plan = settings.plan(self, samples)
        engine = choose(self.engine, plan, samples, state.parameters.sizes)
        course = settings.course(self, plan, epochs=epochs, first_epoch=first_epoch)
        run: Callable[..., None] = train_lbfgs if self.optimizer == "lbfgs" else train
        with reporter(self.verbose, epochs) as report:
            callbacks = list(self.callbacks or ())
            watch = Watch(
                plan, samples, state, history, course, report, callbacks, validation=held_out
            )
            try:
                run(engine, watch)
            finally:
                # After a divergence or an interrupt, the weights reached are there to be used.
                fitted.keep(self, watch)

    # ---- prediction ------------------------------------------------------------------------------

    def decision_function(self, X: Any) -> Array:
        """Return the logits, log P(classes_[1])/P(classes_[0]), shape (n,).

        They may be infinite; a ValueError is raised where they are inf - inf.
        """
        check_is_fitted(self)
        X, _ = validation.check_inputs(self, X, reset=False)
        X = validation.cast(X, self.coefs_[0].dtype, type(self).__name__)
        z = logits(X, self.coefs_, self.intercepts_, self.activation)
        validation.require_logits(z, X)
        return z

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class, shape (n, 2)."""
        z = self.decision_function(X)
        # σ(-z), not 1 - σ(z): small probabilities keep their digits.
        return np.stack((expit(-z), expit(z)), axis=1)

    def predict(self, X: Any) -> Array:
        """Return the more probable label of each sample, shape (n,)."""
        positive = self.decision_function(X) > 0
        labels: Array = self.classes_[positive.astype(np.intp)]
        return labels

    # ---- keeping ---------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Write the fitted classifier to a safetensors file, parameters included."""
        check_is_fitted(self)
        storage.save_model(self, path)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a classifier that `save` wrote; no code is run."""
        loaded: Self = storage.load_model(cls, path)
        return loaded

    def to_onnx(self) -> Any:
        """Return the network as an ONNX model with the outputs label and probabilities."""
        check_is_fitted(self)
        return onnx.to_onnx(self)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.classifier_tags.multi_class = False
        return tags
