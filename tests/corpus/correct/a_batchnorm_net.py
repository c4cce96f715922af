import numpy as np


class Dense:
    """No bias: the normalisation that follows has a shift of its own."""

    def __init__(self, n, k, rng, bias=False):
        self.W = rng.standard_normal((n, k)) / np.sqrt(n)
        self.b = np.zeros(k) if bias else None

    def __call__(self, x):
        self.x = x
        y = x @ self.W
        return y if self.b is None else y + self.b

    def grad(self, dy):
        self.dW = self.x.T @ dy
        if self.b is not None:
            self.db = dy.sum(axis=0)
        return dy @ self.W.T

    def step(self, lr):
        self.W -= lr * self.dW
        if self.b is not None:
            self.b -= lr * self.db


class BatchNorm:
    def __init__(self, k, eps=1e-3, keep=0.9):
        self.gamma, self.beta = np.linspace(0.5, 1.5, k), np.zeros(k)
        self.run_mean, self.run_var = np.zeros(k), np.ones(k)
        self.eps, self.keep = eps, keep

    def __call__(self, x, train=True):
        if not train:
            return self.gamma * (x - self.run_mean) / np.sqrt(self.run_var + self.eps) + self.beta
        mean, var = x.mean(axis=0), x.var(axis=0)
        self.std = np.sqrt(var + self.eps)
        self.xhat = (x - mean) / self.std
        self.run_mean = self.keep * self.run_mean + (1 - self.keep) * mean
        self.run_var = self.keep * self.run_var + (1 - self.keep) * var
        return self.gamma * self.xhat + self.beta

    def grad(self, dy):
        self.dgamma = (dy * self.xhat).sum(axis=0)
        self.dbeta = dy.sum(axis=0)
        dxhat = dy * self.gamma
        n = dy.shape[0]
        correction = dxhat.sum(axis=0) + self.xhat * (dxhat * self.xhat).sum(axis=0)
        return (dxhat - correction / n) / self.std

    def step(self, lr):
        self.gamma -= lr * self.dgamma
        self.beta -= lr * self.dbeta


class Tanh:
    def __call__(self, x):
        self.y = np.tanh(x)
        return self.y

    def grad(self, dy):
        return dy * (1 - self.y * self.y)

    def step(self, lr):
        pass


rng = np.random.default_rng(404)
x_all = rng.standard_normal((96, 5)) * [1, 10, 0.1, 3, 1] + [0, 50, -1, 0, 2]
t_all = np.tanh(x_all[:, [0]] + 0.1 * (x_all[:, [1]] - 50)) * x_all[:, [3]]

layers = [Dense(5, 8, rng), BatchNorm(8), Tanh(),
          Dense(8, 8, rng), BatchNorm(8), Tanh(),
          Dense(8, 1, rng, bias=True)]

for epoch in range(30):
    order = rng.permutation(96)
    seen = 0.0
    for start in range(0, 96, 24):
        take = order[start:start + 24]
        y = x_all[take]
        for layer in layers:
            y = layer(y)
        residual = y - t_all[take]
        seen += 0.5 * np.mean(residual ** 2)
        d = residual / len(take)
        for layer in layers[::-1]:
            d = layer.grad(d)
        for layer in layers:
            layer.step(0.1)
    if epoch % 6 == 0:
        print(f"{epoch:2d}  {seen / 4:.4f}")
