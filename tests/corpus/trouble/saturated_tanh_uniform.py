import numpy as np

rng = np.random.default_rng(21)


class Dense:
    def __init__(self, size_in, size_out, scale):
        self.W = rng.uniform(-scale, scale, (size_out, size_in))
        self.b = np.zeros((size_out, 1))

    def __call__(self, x):
        self.x = x
        return self.W @ x + self.b

    def backward(self, g, lr):
        back = self.W.T @ g
        self.W -= lr * g @ self.x.T
        self.b -= lr * g.sum(axis=1, keepdims=True)
        return back


class Tanh:
    def __call__(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, g, lr):
        return g * (1 - self.y ** 2)


net = [Dense(4, 12, 30.0), Tanh(), Dense(12, 1, 0.3)]
x = rng.normal(size=(4, 100))
target = np.sin(x.sum(axis=0, keepdims=True))

for epoch in range(200):
    out = x
    for layer in net:
        out = layer(out)
    loss = 0.5 * np.mean((out - target) ** 2)
    g = (out - target) / x.shape[1]
    for layer in net[::-1]:
        g = layer.backward(g, 0.05)
    if epoch % 40 == 0:
        print(epoch, loss)
