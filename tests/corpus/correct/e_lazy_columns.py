# Layers that make their weights when they see the first batch; totals are gathered by map(sum, zip(...)).
import numpy as np

rs = np.random.RandomState(11)
xs = rs.randn(80, 6)
ys = (np.sin(xs[:, :1]) + xs[:, 1:2] * 0.5 > 0).astype(float)


class Linear:
    def __init__(self, units):
        self.units = units
        self.w = None

    def forward(self, x):
        if self.w is None:
            self.w = rs.randn(x.shape[1], self.units) / np.sqrt(x.shape[1])
            self.b = np.zeros((1, self.units))
        self.x = x
        return x @ self.w + self.b

    def backward(self, dout):
        halves = [(self.x[i::2].T @ dout[i::2], dout[i::2].sum(0, keepdims=True)) for i in (0, 1)]
        self.dw, self.db = tuple(map(sum, zip((0, 0), *halves)))
        return dout @ self.w.T

    def update(self, lr):
        self.w = self.w - lr * self.dw
        self.b = self.b - lr * self.db


class Standardise:
    gamma = None

    def forward(self, x):
        if self.gamma is None:
            self.gamma = np.ones((1, x.shape[1]))
            self.beta = np.zeros((1, x.shape[1]))
        self.std = np.sqrt(x.var(0) + 1e-6)
        self.xhat = (x - x.mean(0)) / self.std
        return self.gamma * self.xhat + self.beta

    def backward(self, dout):
        self.dgamma = (dout * self.xhat).sum(0, keepdims=True)
        self.dbeta = dout.sum(0, keepdims=True)
        dx = dout * self.gamma
        return (dx - dx.mean(0) - self.xhat * (dx * self.xhat).mean(0)) / self.std

    def update(self, lr):
        self.gamma -= lr * self.dgamma
        self.beta -= lr * self.dbeta


class Tanh:
    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, dout):
        return dout * (1 - self.y ** 2)

    def update(self, lr):
        pass


stack = [Linear(7), Tanh(), Standardise(), Linear(1)]
for epoch in range(40):
    out = xs
    for layer in stack:
        out = layer.forward(out)
    p = 1 / (1 + np.exp(-out))
    total_loss = -np.mean(ys * np.log(p) + (1 - ys) * np.log(1 - p))
    grad = (p - ys) / len(ys)
    for layer in reversed(stack):
        grad = layer.backward(grad)
    for layer in stack:
        layer.update(0.4)
    if epoch % 10 == 0:
        print(epoch, round(float(total_loss), 6))
