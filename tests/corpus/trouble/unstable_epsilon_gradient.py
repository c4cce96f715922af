import numpy as np
rng = np.random.default_rng(0)
n = 150
X = rng.normal(size=(n, 2)) * 3
Y = (X[:, :1] + X[:, 1:] > 0).astype(float)
Y[::10] = 1 - Y[::10]
W = rng.normal(size=(2, 1)) * 12
b = np.zeros((1, 1))
eps = 1e-8
for i in range(200):
    Z = X @ W + b
    A = 1 / (1 + np.exp(-Z))
    cost = -np.mean(Y * np.log(A + eps) + (1 - Y) * np.log(1 - A + eps))
    dA = -(Y / (A + eps) - (1 - Y) / (1 - A + eps)) / n
    dZ = dA * A * (1 - A)
    W -= 0.05 * X.T @ dZ
    b -= 0.05 * dZ.sum()
print(cost)
