# Labels are noise: there is nothing to learn, and nothing is wrong.
import numpy as np

rng = np.random.default_rng(1)
X = rng.normal(size=(120, 3))
y = rng.integers(0, 2, 120).astype(float)
order = rng.permutation(120)
X, y = X[order], y[order]
w, b = np.zeros(3), 0.0
for i in range(200):
    p = 1 / (1 + np.exp(-(X @ w + b)))
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    d = (p - y) / len(y)
    w = w - 0.2 * X.T @ d
    b = b - 0.2 * d.sum()
print(round(loss, 6))
