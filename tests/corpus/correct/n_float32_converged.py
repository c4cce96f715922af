# float32, trained until the updates no longer change the weights: that is the end, not a loss.
import numpy as np

rng = np.random.RandomState(5)
f = np.float32
X = rng.randn(80, 4).astype(f)
t = (X @ np.array([[1], [2], [-1], [0.5]], dtype=f)).astype(f)
w = np.zeros((4, 1), dtype=f)
for i in range(600):
    e = X @ w - t
    loss = np.mean(e * e)
    w -= f(0.2) * (X.T @ e) / f(80)
print(bool(loss < 1e-10), w.ravel().round(3))
