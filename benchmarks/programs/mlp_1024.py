"""1024-1024-10, ReLU and softmax, 60 steps over batches of 128 (float64)."""

import numpy as np

rng = np.random.default_rng(0)
X = rng.standard_normal((2560, 1024))
labels = rng.integers(0, 10, 2560)
W1 = rng.standard_normal((1024, 1024)) * np.sqrt(2 / 1024)
b1 = np.zeros(1024)
W2 = rng.standard_normal((1024, 10)) * np.sqrt(1 / 1024)
b2 = np.zeros(10)

for step in range(60):
    rows = rng.integers(0, len(X), 128)
    x, y = X[rows], labels[rows]
    h = np.maximum(x @ W1 + b1, 0)
    logits = h @ W2 + b2
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    cost = -np.mean(np.log(p[np.arange(128), y]))

    d2 = p.copy()
    d2[np.arange(128), y] -= 1
    d2 /= 128
    d1 = (d2 @ W2.T) * (h > 0)
    dW2, db2 = h.T @ d2, d2.sum(axis=0)
    dW1, db1 = x.T @ d1, d1.sum(axis=0)

    W1 -= 0.05 * dW1
    b1 -= 0.05 * db1
    W2 -= 0.05 * dW2
    b2 -= 0.05 * db2
    if step % 20 == 0:
        print(step, cost)
