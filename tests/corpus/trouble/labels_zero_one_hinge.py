import numpy as np
rng = np.random.default_rng(8)
n = 200
X = rng.normal(size=(n, 2))
y = (X[:, 0] - X[:, 1] > 0.2).astype(float)
w, b = np.zeros(2), 0.0
lam, eta = 1e-3, 0.1
for t in range(300):
    margin = y * (X @ w + b)
    loss = np.maximum(0, 1 - margin).mean() + 0.5 * lam * w @ w
    active = (margin < 1).astype(float)
    gw = -(X * (active * y)[:, None]).mean(0) + lam * w
    gb = -(active * y).mean()
    w = w - eta * gw
    b = b - eta * gb
print(loss)
