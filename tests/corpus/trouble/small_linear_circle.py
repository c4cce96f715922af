import numpy as np


class Perceptron2:
    """One layer for two classes."""

    def __init__(self, n, rng):
        self.W = rng.normal(scale=0.1, size=(n, 2))
        self.b = np.zeros(2)

    def probabilities(self, X):
        z = X @ self.W + self.b
        z = z - z.max(axis=1, keepdims=True)
        e = np.exp(z)
        return e / e.sum(axis=1, keepdims=True)

    def learn(self, X, T, eta):
        P = self.probabilities(X)
        loss = -np.mean(np.sum(T * np.log(P), axis=1))
        delta = (P - T) / len(X)
        self.W -= eta * X.T @ delta
        self.b -= eta * delta.sum(axis=0)
        return loss


rng = np.random.default_rng(71)
X = rng.uniform(-1, 1, (240, 2))
inside = (X ** 2).sum(axis=1) < 0.6
T = np.stack([inside, ~inside], axis=1).astype(float)
net = Perceptron2(2, rng)
for epoch in range(300):
    loss = net.learn(X, T, 0.5)
print(loss)
