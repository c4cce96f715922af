# Targets between -1 and 1 under tanh, a few of them a little outside; labels smoothed.
import numpy as np

rng = np.random.default_rng(8)
X = rng.uniform(-1, 1, (140, 2))
T = np.where(X[:, :1] * X[:, 1:] > 0, 0.9, -0.9) + 0.05 * rng.normal(size=(140, 1))
W, b = rng.normal(size=(2, 10)), np.zeros((1, 10))
V, c = rng.normal(size=(10, 1)) * 0.3, np.zeros((1, 1))
for epoch in range(300):
    h = np.tanh(X @ W + b)
    o = np.tanh(h @ V + c)
    loss = 0.5 * np.mean((o - T) ** 2)
    do = (o - T) / 140 * (1 - o * o)
    dh = do @ V.T * (1 - h * h)
    V -= 1.0 * h.T @ do
    c -= 1.0 * do.sum(axis=0, keepdims=True)
    W -= 1.0 * X.T @ dh
    b -= 1.0 * dh.sum(axis=0, keepdims=True)
print(round(loss, 6))
