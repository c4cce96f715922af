"""Who takes part in `benchmarks.nn`: each a function that makes a fit to be timed.

    python -m benchmarks.nn_contestants WORK NAME

fits once, prints a line of JSON, and then fits once for each line it reads. All start from weights
of the same distribution and do the same number of steps of the same rule.
"""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.nn import WORKS, Work

HERE = Path(__file__).resolve().parent
# A fit is timed by whoever runs it, unless it returns seconds itself.
Fit = Callable[[], float | None]


def make_data(work: Work) -> tuple[Any, Any]:
    """The flower's points, or random ones; labels 0 and 1."""
    if work.name == "small":
        from backproof.nn import make_flower

        X, y = make_flower(work.samples, random_state=0)
        return X, y.astype(work.dtype)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((work.samples, work.inputs)).astype(work.dtype)
    y = (X[:, 0] * X[:, 1] > 0).astype(work.dtype)
    return X, y


def ours(engine: str) -> Callable[[Work, Any, Any], Fit]:
    """`BinaryClassifier` with an engine."""

    def prepare(work: Work, X: Any, y: Any) -> Fit:
        from backproof.nn import BinaryClassifier

        model = BinaryClassifier(
            work.hidden, optimizer=work.optimizer, learning_rate=work.rate, max_iter=work.epochs,
            batch_size=work.batch, engine=engine, random_state=0,
        )  # fmt: skip
        return lambda: void(model.fit(X, y))

    return prepare


def sklearn(work: Work, X: Any, y: Any) -> Fit:
    """scikit-learn's network, with nothing that would stop it early."""
    from sklearn.neural_network import MLPClassifier

    warnings.simplefilter("ignore")
    plain = {"solver": "sgd", "momentum": 0.0, "nesterovs_momentum": False}
    model = MLPClassifier(
        work.hidden, learning_rate_init=work.rate, max_iter=work.epochs, batch_size=work.batch,
        alpha=0.0, tol=0.0, n_iter_no_change=10**9, random_state=0,
        **(plain if work.optimizer == "gd" else {"solver": "adam"}),
    )  # fmt: skip
    return lambda: void(model.fit(X, y))


def seed(work: Work, X: Any, y: Any) -> Fit:
    """The class of `examples/flower.py`, as its author wrote it."""
    source = (HERE.parent / "examples" / "flower.py").read_text()
    namespace: dict[str, Any] = {}
    exec(source[: source.index("\nX, Y = flower_data()")], namespace)
    columns, labels = X.T.copy(), y[np.newaxis].astype("uint8")

    def fit() -> None:
        model = namespace["BinaryClassifier"](
            columns, labels, list(work.hidden), work.epochs, learning_rate=work.rate
        )
        model.train(print_cost=False)

    return fit


def torch(work: Work, X: Any, y: Any) -> Fit:
    """PyTorch as its tutorials have it: a loop over batches, nothing compiled."""
    import torch

    inputs, labels = torch.from_numpy(X), torch.from_numpy(y)[:, None]

    def fit() -> None:
        torch.manual_seed(0)
        parts: list[Any] = []
        for n_in, n_out in pairwise((work.inputs, *work.hidden)):
            parts += [torch.nn.Linear(n_in, n_out), torch.nn.ReLU()]
        model = torch.nn.Sequential(*parts, torch.nn.Linear(work.hidden[-1], 1)).to(inputs.dtype)
        rule = torch.optim.SGD if work.optimizer == "gd" else torch.optim.Adam
        optimizer = rule(model.parameters(), lr=work.rate)
        cost = torch.nn.BCEWithLogitsLoss()
        for _ in range(work.epochs):
            whole = work.batch >= work.samples
            order = None if whole else torch.randperm(work.samples)
            for start in range(0, work.samples, work.batch):
                rows = None if order is None else order[start : start + work.batch]
                x, t = (inputs, labels) if rows is None else (inputs[rows], labels[rows])
                optimizer.zero_grad()
                cost(model(x), t).backward()
                optimizer.step()

    return fit


def jax(work: Work, X: Any, y: Any) -> Fit:
    """JAX with the whole training jitted: a scan over batches in a loop over epochs."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", work.dtype == "float64")
    inputs, labels = jnp.asarray(X), jnp.asarray(y)
    rng = np.random.default_rng(0)
    first = [
        (jnp.asarray((rng.standard_normal((a, b)) * (2 / a) ** 0.5).astype(work.dtype)),
         jnp.zeros(b, work.dtype))
        for a, b in pairwise((work.inputs, *work.hidden, 1))
    ]  # fmt: skip
    batches = work.samples // work.batch  # the smaller batch at the end is spared

    def cost(theta: Any, x: Any, t: Any) -> Any:
        for W, b in theta[:-1]:
            x = jax.nn.relu(x @ W + b)
        z = (x @ theta[-1][0] + theta[-1][1])[:, 0]
        return jnp.mean(jnp.logaddexp(0, jnp.where(t > 0, -z, z)))

    def adam(carry: Any, gradient: Any) -> Any:
        theta, m, v, k = carry
        k = k + 1
        step = jax.tree_util.tree_map
        m = step(lambda a, g: 0.9 * a + 0.1 * g, m, gradient)
        v = step(lambda a, g: 0.999 * a + 0.001 * g * g, v, gradient)
        size = work.rate * jnp.sqrt(1 - 0.999**k) / (1 - 0.9**k)
        theta = step(lambda p, a, s: p - size * a / (jnp.sqrt(s) + 1e-8), theta, m, v)
        return theta, m, v, k

    def descend(carry: Any, gradient: Any) -> Any:
        theta = jax.tree_util.tree_map(lambda p, g: p - work.rate * g, carry[0], gradient)
        return theta, *carry[1:]

    update = descend if work.optimizer == "gd" else adam

    def one(carry: Any, rows: Any) -> tuple[Any, Any]:
        value, gradient = jax.value_and_grad(cost)(carry[0], inputs[rows], labels[rows])
        return update(carry, gradient), value

    def whole(carry: Any, _: Any) -> tuple[Any, Any]:
        value, gradient = jax.value_and_grad(cost)(carry[0], inputs, labels)
        return update(carry, gradient), value

    def epoch(carry: Any, key: Any) -> tuple[Any, Any]:
        order = jax.random.permutation(key, work.samples)[: batches * work.batch]
        return jax.lax.scan(one, carry, order.reshape(batches, work.batch))

    @jax.jit
    def train(theta: Any, key: Any) -> Any:
        zeros = jax.tree_util.tree_map(jnp.zeros_like, theta)
        carry = (theta, zeros, zeros, jnp.zeros((), work.dtype))
        if batches == 1:
            return jax.lax.scan(whole, carry, None, length=work.epochs)
        return jax.lax.scan(epoch, carry, jax.random.split(key, work.epochs))

    return lambda: void(jax.block_until_ready(train(first, jax.random.key(0))))


def floor(work: Work, X: Any, y: Any) -> Fit:
    """`floor.c`, compiled here; where there is no gcc it does not take part."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "floor.so"
        flags = ["-O3", "-march=native", "-ffast-math", "-shared", "-fPIC"]
        subprocess.run(["gcc", *flags, "-o", path, HERE / "floor.c", "-lm"], check=True)
        library = ctypes.CDLL(str(path))
    columns, theta = np.ascontiguousarray(X.T), np.zeros(17)
    pointer = ctypes.POINTER(ctypes.c_double)
    arrays = [a.ctypes.data_as(pointer) for a in (theta, columns, y)]
    first = np.random.default_rng(0).standard_normal(17) * 0.5

    def fit() -> None:
        theta[:] = first
        library.train(*arrays, work.epochs, ctypes.c_double(work.rate))

    return fit


def gemm(work: Work, X: Any, y: Any) -> Fit:
    """The products' floating-point operations over the rate of a large sgemm, measured now."""
    sizes = (work.inputs, *work.hidden, 1)
    products = [a * b for a, b in pairwise(sizes)]
    operations = 2 * work.samples * work.epochs * (3 * sum(products) - products[0])
    A = np.random.default_rng(0).random((2048, 2048), dtype=np.float32)
    out = np.empty_like(A)

    def fit() -> float:
        times = []
        for _ in range(5):
            start = time.perf_counter()
            np.matmul(A, A, out=out)
            times.append(time.perf_counter() - start)
        return operations / (2 * 2048**3 / min(times))

    return fit


CONTESTANTS: dict[str, Callable[[Work, Any, Any], Fit]] = {
    "compiled": ours("compiled"),
    "numpy": ours("numpy"),
    "seed": seed,
    "sklearn": sklearn,
    "torch": torch,
    "jax": jax,
    "floor": floor,
    "gemm": gemm,
}


def void(_: Any) -> None:
    """Drop what a fit returns."""


def timed(fit: Fit) -> float:
    """Seconds of a fit."""
    start = time.perf_counter()
    own = fit()
    return time.perf_counter() - start if own is None else own


def main(work_name: str, name: str) -> None:
    """Fit for each line of the standard input."""
    work = next(work for work in WORKS if work.name == work_name)
    X, y = make_data(work)
    start = time.perf_counter()
    fit = CONTESTANTS[name](work, X, y)
    import_s = time.perf_counter() - start
    print(json.dumps({"import_s": import_s, "first_s": timed(fit)}), flush=True)
    for _ in sys.stdin:
        print(json.dumps({"seconds": timed(fit)}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
