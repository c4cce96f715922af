import numpy as np
rng = np.random.default_rng(0)
X = rng.uniform(-1, 1, (200, 2))
y = (X[:, 0] * X[:, 1] > 0).astype(float)
w = rng.normal(size=2) * 0.1
b = 0.0
for i in range(500):
    p = 1 / (1 + np.exp(-(X @ w + b)))
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    g = (p - y) / 200
    w -= 0.5 * X.T @ g
    b -= 0.5 * g.sum()
print(loss)
