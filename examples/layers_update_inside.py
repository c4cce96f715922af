"""Layer objects that update themselves inside backward.

Shows: BP105. Dense.backward changes W first and then sends the gradient down through the W it has
just changed. The error is proportional to the learning rate, so that a gradient check passes.
"""
import numpy as np


class Dense:
    def __init__(self, n_in, n_out, rng):
        self.W = rng.normal(0, 1 / np.sqrt(n_in), (n_in, n_out))
        self.b = np.zeros((1, n_out))

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, grad, lr):
        self.W -= lr * (self.x.T @ grad)
        self.b -= lr * grad.sum(axis=0, keepdims=True)
        return grad @ self.W.T


class Tanh:
    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, grad, lr):
        return grad * (1 - self.y ** 2)


class Network:
    def __init__(self, *layers):
        self.layers = layers

    def predict(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def fit(self, x, y, epochs, lr):
        for epoch in range(epochs):
            out = self.predict(x)
            mse = np.mean((out - y) ** 2)
            grad = 2 * (out - y) / y.size
            for layer in reversed(self.layers):
                grad = layer.backward(grad, lr)
            if epoch % 50 == 0:
                print(f"{epoch:4d}  mse {mse:.5f}")


rng = np.random.default_rng(0)
x = rng.uniform(-2, 2, (80, 2))
y = np.hstack([np.sin(x[:, :1]), x[:, :1] * x[:, 1:]])
net = Network(Dense(2, 10, rng), Tanh(), Dense(10, 5, rng), Tanh(), Dense(5, 2, rng))
net.fit(x, y, epochs=200, lr=0.2)
