import numpy as np


class Layer:
    def __init__(self, n_in, n_out):
        self.weights = np.full((n_in, n_out), 0.1)
        self.bias = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        self.out = 1 / (1 + np.exp(-(x @ self.weights + self.bias)))
        return self.out

    def backward(self, grad, lr):
        dz = grad * self.out * (1 - self.out)
        dx = dz @ self.weights.T
        self.weights -= lr * self.x.T @ dz
        self.bias -= lr * dz.sum(axis=0)
        return dx


rng = np.random.default_rng(1)
x = rng.normal(size=(100, 3))
y = (x[:, :1] * x[:, 1:2] > 0).astype(float)

layers = [Layer(3, 6), Layer(6, 1)]
for epoch in range(200):
    out = x
    for layer in layers:
        out = layer.forward(out)
    loss = ((out - y) ** 2).mean()
    grad = 2 * (out - y) / len(x)
    for layer in reversed(layers):
        grad = layer.backward(grad, 1.0)
    if epoch % 40 == 0:
        print(epoch, loss)
