import numpy as np

rng = np.random.default_rng(14)
m = 160
X = rng.normal(size=(2, m)).astype(np.float32) * np.float32(3)
Y = (X[:1] > X[1:]).astype(np.float32)
Y[0, ::9] = 1 - Y[0, ::9]
W = np.array([[4.0, -4.0]], dtype=np.float32)
b = np.zeros((1, 1), dtype=np.float32)
eps = np.float32(1e-6)

for i in range(100):
    Z = W @ X + b
    A = 1 / (1 + np.exp(-Z))
    cost = -np.mean(Y * np.log(A + eps) + (1 - Y) * np.log(1 - A + eps))
    dA = -(Y / (A + eps)) + (1 - Y) / (1 - A + eps)
    dZ = dA * A * (1 - A)
    W = W - np.float32(0.05) * dZ @ X.T / m
    b = b - np.float32(0.05) * dZ.mean(axis=1, keepdims=True)
print(cost)
