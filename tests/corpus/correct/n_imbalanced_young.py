# A rare class, and few steps so far: it predicts the common class everywhere, and is only young.
import numpy as np


class Detector:
    def __init__(self, dim):
        self.w = np.zeros((dim, 1))
        self.b = np.zeros((1, 1))

    def step(self, X, Y, lr):
        A = 1 / (1 + np.exp(-(X @ self.w + self.b)))
        loss = -np.mean(Y * np.log(A + 1e-12) + (1 - Y) * np.log(1 - A + 1e-12))
        dZ = (A - Y) / len(X)
        self.w -= lr * X.T @ dZ
        self.b -= lr * dZ.sum(axis=0, keepdims=True)
        return loss


rng = np.random.default_rng(4)
Y = (rng.random((300, 1)) < 0.08).astype(float)
X = rng.normal(size=(300, 4)) + 1.5 * Y
net = Detector(4)
for k in range(60):
    loss = net.step(X, Y, 0.1)
print(round(loss, 6))
