import numpy as np


class Regressor:
    """y = W2 relu(W1 x + b1) + b2, mean squared error."""

    def __init__(self, hidden=20, eta=2e-7, seed=0):
        r = np.random.default_rng(seed)
        self.eta = eta
        self.W1 = r.normal(0, 1, (hidden, 1))
        self.b1 = r.normal(0, 0.1, (hidden, 1))
        self.W2 = r.normal(0, np.sqrt(1 / hidden), (1, hidden))
        self.b2 = np.zeros((1, 1))

    def fit(self, x, y, epochs):
        for epoch in range(epochs):
            z1 = self.W1 @ x + self.b1
            a1 = np.where(z1 > 0, z1, 0)
            y_hat = self.W2 @ a1 + self.b2
            mse = np.mean((y_hat - y) ** 2)
            d2 = 2 * (y_hat - y) / y.size
            d1 = (self.W2.T @ d2) * (z1 > 0)
            self.W2 -= self.eta * (d2 @ a1.T)
            self.b2 -= self.eta * d2.sum(axis=1, keepdims=True)
            self.W1 -= self.eta * (d1 @ x.T)
            self.b1 -= self.eta * d1.sum(axis=1, keepdims=True)
            if epoch % 100 == 0:
                print(epoch, mse)


x = np.linspace(-2, 2, 100)[None, :]
y = x ** 2 - 1
Regressor().fit(x, y, 400)
