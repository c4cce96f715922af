import numpy as np

rng = np.random.default_rng(82)
f32 = np.float32
X = rng.normal(size=(3, 100)).astype(f32)
Y = (X[:1] * 2 - X[1:2]).astype(f32)
W1 = (rng.normal(size=(7, 3)) * 0.5).astype(f32)
W2 = (rng.normal(size=(1, 7)) * 0.5).astype(f32)
lr = f32(5e-6)
for i in range(200):
    H = np.tanh(W1 @ X)
    O = W2 @ H
    L = np.mean((O - Y) ** 2)
    dO = 2 * (O - Y) / f32(100)
    dW2 = dO @ H.T
    dW1 = (W2.T @ dO * (1 - H * H)) @ X.T
    W1 -= lr * dW1
    W2 -= lr * dW2
print(L)
