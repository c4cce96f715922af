import numpy as np
rng = np.random.default_rng(0)
n = 128
X = (rng.normal(size=(n, 4)) + 3e7)
t = np.sin(X - 3e7).sum(1, keepdims=True)
gamma = np.ones((1, 4)); beta = np.zeros((1, 4))
W = rng.normal(size=(4, 1)) * .3; b = np.zeros((1, 1))
for i in range(200):
    mu = X.mean(0, keepdims=True)
    var = (X ** 2).mean(0, keepdims=True) - mu ** 2
    xn = (X - mu) / np.sqrt(np.abs(var) + 1e-5)
    h = gamma * xn + beta
    out = h @ W + b
    loss = np.mean((out - t) ** 2)
    d = 2 * (out - t) / n
    dh = d @ W.T
    W -= 0.05 * h.T @ d
    b -= 0.05 * d.sum(0, keepdims=True)
    gamma -= 0.05 * (dh * xn).sum(0, keepdims=True)
    beta -= 0.05 * dh.sum(0, keepdims=True)
print(loss)
