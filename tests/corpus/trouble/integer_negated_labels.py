import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(200, 4))
Y = (X @ np.array([1., -2., 0.5, 0.]) > 0).astype(np.uint8).reshape(-1, 1)
w = np.zeros((4, 1)); b = 0.0
for i in range(300):
    A = 1 / (1 + np.exp(-(X @ w + b)))
    J = np.mean(-Y * np.log(A) - (1 - Y) * np.log(1 - A))
    dZ = A - Y
    w -= 0.1 * X.T @ dZ / len(X)
    b -= 0.1 * dZ.mean()
print(J)
