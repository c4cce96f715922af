# one trunk, three heads: how late a train is, how many people get off, and whether it is full
import numpy as np

gen = np.random.default_rng(21)
X = gen.normal(size=(90, 5))
delay = np.abs(X[:, 0]) + 0.2 * gen.normal(size=90)
leaving = gen.poisson(np.exp(0.4 * X[:, 1] + 0.5))
full = (X[:, 2] + 0.3 * gen.normal(size=90) > 0).astype(float)

par = {"trunk": gen.normal(0, 0.4, (5, 8)), "shift": np.zeros(8)}
for task in ("delay", "leaving", "full"):
    par[task] = gen.normal(0, 0.3, 8)
    par[task + "0"] = np.zeros(1)
importance = {"delay": 1.0, "leaving": 0.5, "full": 2.0}


def score(task, s, rows):
    """the loss over the rows, and its slope in s"""
    if task == "delay":
        r = s - delay[rows]
        return 0.5 * np.sum(r ** 2), r
    if task == "leaving":
        return np.sum(np.exp(s) - leaving[rows] * s), np.exp(s) - leaving[rows]
    q = 1 / (1 + np.exp(-s))
    return -np.sum(full[rows] * np.log(q) + (1 - full[rows]) * np.log(1 - q)), q - full[rows]


for epoch in range(12):
    order = gen.permutation(90)
    sums = dict.fromkeys(importance, 0.0)
    for k in range(0, 90, 15):
        rows = order[k:k + 15]
        a = np.tanh(X[rows] @ par["trunk"] + par["shift"])
        grad, on_a = {}, 0.0
        for task, weight in importance.items():
            loss, slope = score(task, a @ par[task] + par[task + "0"], rows)
            sums[task] += loss
            slope = weight * slope / len(rows)
            grad[task] = a.T @ slope
            grad[task + "0"] = slope.sum(keepdims=True)
            on_a = on_a + np.outer(slope, par[task])
        on_z = on_a * (1 - a * a)
        grad["trunk"] = X[rows].T @ on_z
        grad["shift"] = on_z.sum(axis=0)
        for name in par:
            par[name] -= 0.1 * grad[name]
    if epoch % 4 == 3:
        print(epoch + 1, "  ".join(f"{t} {s / 90:.4f}" for t, s in sums.items()))
