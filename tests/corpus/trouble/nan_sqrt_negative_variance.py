import numpy as np

rng = np.random.default_rng(21)
N, D = 64, 3
x = (1e8 + 0.01 * rng.normal(size=(N, D)))
target = rng.normal(size=(N, 1))
W = rng.normal(size=(D, 1)) * 0.1

for step in range(50):
    mean = x.mean(axis=0)
    std = np.sqrt((x * x).mean(axis=0) - mean * mean)
    h = (x - mean) / std
    out = h @ W
    loss = ((out - target) ** 2).mean()
    grad = 2 * h.T @ (out - target) / N
    W -= 0.1 * grad
print(loss)
