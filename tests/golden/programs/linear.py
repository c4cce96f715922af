import numpy as np

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 3))
Y = X @ np.array([[1.0], [2.0], [-1.0]]) + 0.5
W, b = np.zeros((3, 1)), 0.0

for _ in range(12):
    residual = X @ W + b - Y
    cost = np.mean(residual**2)
    dW = 2 * X.T @ residual / len(X)
    db = 2 * np.mean(residual)
    W = W - 0.1 * dW
    b = b - 0.1 * db
print(f"cost {cost:.4f}")
