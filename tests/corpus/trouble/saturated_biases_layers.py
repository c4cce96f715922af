import numpy as np


class Layer:
    def __init__(self, n_in, n_out, rng):
        self.W = rng.normal(size=(n_in, n_out)) / np.sqrt(n_in)
        self.b = rng.uniform(20, 30, n_out)

    def forward(self, x):
        self.x = x
        self.a = 1 / (1 + np.exp(-(x @ self.W + self.b)))
        return self.a

    def backward(self, g, lr):
        dz = g * self.a * (1 - self.a)
        out = dz @ self.W.T
        self.W = self.W - lr * self.x.T @ dz
        self.b = self.b - lr * dz.sum(axis=0)
        return out


rng = np.random.default_rng(83)
layers = [Layer(4, 9, rng), Layer(9, 1, rng)]
X = rng.normal(size=(70, 4))
Y = (X[:, :1] > 0).astype(float)
for k in range(150):
    a = X
    for layer in layers:
        a = layer.forward(a)
    cost = np.mean((a - Y) ** 2)
    g = 2 * (a - Y) / len(X)
    for layer in layers[::-1]:
        g = layer.backward(g, 0.5)
print(cost)
