# Linear regression by gradient descent. Shows: BP108. Predictions are (n, 1), targets (n,), so
# that their difference is (n, n): no exception, a cost that falls, a prediction that is mean(y).
import numpy as np

rng = np.random.default_rng(2)
n = 40
X = rng.normal(size=(n, 3))
y = X @ np.array([2.0, -1.0, 0.5]) + 0.7 + 0.1 * rng.normal(size=n)

w = np.zeros((3, 1))
b = 0.0
for epoch in range(200):
    pred = X @ w + b
    residual = pred - y
    mse = np.mean(residual ** 2)
    dw = 2 * X.T @ residual.mean(axis=1, keepdims=True) / n
    db = 2 * residual.mean()
    w = w - 0.1 * dw
    b = b - 0.1 * db
    if epoch % 50 == 0:
        print(epoch, mse)
print("w", w.ravel(), "b", b)
