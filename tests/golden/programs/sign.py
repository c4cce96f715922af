import numpy as np

rng = np.random.default_rng(1)
X = rng.normal(size=(30, 2))
Y = (X[:, :1] * X[:, 1:] > 0).astype(float)
W1, b1 = rng.normal(size=(2, 5)), rng.normal(size=(1, 5))
W2, b2 = rng.normal(size=(5, 1)), np.zeros((1, 1))


def forward(X):
    H = np.tanh(X @ W1 + b1)
    return H, 1 / (1 + np.exp(-(H @ W2 + b2)))


for _ in range(20):
    H, P = forward(X)
    loss = -np.mean(Y * np.log(P) + (1 - Y) * np.log(1 - P))
    dZ2 = (P - Y) / len(X)
    dW2, db2 = H.T @ dZ2, dZ2.sum(axis=0, keepdims=True)
    dZ1 = dZ2 @ W2.T * (1 + H**2)
    dW1, db1 = X.T @ dZ1, dZ1.sum(axis=0, keepdims=True)
    W1 -= 0.1 * dW1
    b1 -= 0.1 * db1
    W2 -= 0.1 * dW2
    b2 -= 0.1 * db2
print(f"loss {loss:.4f}")
