import numpy as np
rng = np.random.default_rng(9)
raw = rng.uniform(0, 50, size=(90, 4))
Y = (raw[:, :1] > raw[:, 1:2]) * 1.0
X = (raw / 255).astype(int)
W = rng.normal(size=(4, 1)); b = np.zeros(1)
for i in range(200):
    A = 1 / (1 + np.exp(-(X @ W + b)))
    J = -np.mean(Y * np.log(A) + (1 - Y) * np.log(1 - A))
    dZ = (A - Y) / 90
    W -= 0.5 * X.T @ dZ; b -= 0.5 * dZ.sum()
print(J)
