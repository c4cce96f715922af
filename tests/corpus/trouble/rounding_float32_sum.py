import numpy as np

rng = np.random.RandomState(9)
f = np.float32
offset = f(40000.0)
x = (offset + rng.rand(100, 1)).astype(f)
t = (3 * (x - offset) - 1).astype(f)
w, b = np.array([[0.5]], dtype=f), np.zeros((1, 1), dtype=f)
for k in range(200):
    mean = x.mean(axis=0, keepdims=True)
    spread = (x * x).mean(axis=0, keepdims=True) - mean * mean
    u = (x - mean) / (spread + f(0.1))
    e = u @ w + b - t
    J = (e * e).mean()
    w = w - f(0.1) * 2 * u.T @ e / f(100)
    b = b - f(0.1) * 2 * e.mean(axis=0, keepdims=True)
print(J)
