import numpy as np
rng = np.random.default_rng(8)
n = 200
X = rng.normal(size=(n, 4))
y = np.where(X[:, 0] - X[:, 1] > 0.2, 1, -1)
W = rng.normal(size=(4, 2)) * 0.01
b = np.zeros(2)
for t in range(200):
    s = X @ W + b
    s -= s.max(1, keepdims=True)
    P = np.exp(s)
    P /= P.sum(1, keepdims=True)
    loss = -np.log(P[np.arange(n), y]).mean()
    d = P.copy()
    d[np.arange(n), y] -= 1
    d /= n
    W -= 0.5 * X.T @ d
    b -= 0.5 * d.sum(0)
print(loss)
