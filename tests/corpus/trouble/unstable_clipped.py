import numpy as np
np.random.seed(0)
X = np.random.randn(100, 3)
y = np.where(X[:, 0] * 2 + X[:, 1] > 0, 1.0, 0.0)
y[:12] = 1 - y[:12]
w = np.array([14.0, 9.0, 0.5]); b = 0.1
for it in range(120):
    s = X.dot(w) + b
    p = 1 / (1 + np.exp(-s))
    p = np.clip(p, 1e-6, 1 - 1e-6)
    nll = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
    r = (p - y) / 100
    w -= 0.02 * X.T.dot(r)
    b -= 0.02 * r.sum()
print(nll)
