import numpy as np

# two interleaved half circles, one hidden layer of tanh units, full batch


def make_moons(n, noise, rng):
    t = rng.uniform(0, np.pi, n)
    half = n // 2
    X = np.empty((n, 2))
    X[:half] = np.c_[np.cos(t[:half]), np.sin(t[:half])]
    X[half:] = np.c_[1 - np.cos(t[half:]), 0.5 - np.sin(t[half:])]
    y = np.zeros((n, 1))
    y[half:] = 1
    return X + noise * rng.normal(size=(n, 2)), y


class Net:
    def __init__(self, sizes, rng):
        self.W1 = rng.normal(size=(sizes[0], sizes[1])) * 0.5
        self.b1 = np.zeros((1, sizes[1]))
        self.W2 = rng.normal(size=(sizes[1], sizes[2])) * 0.5
        self.b2 = np.zeros((1, sizes[2]))

    def forward(self, X):
        self.h = np.tanh(X @ self.W1 + self.b1)
        self.z = self.h @ self.W2 + self.b2
        return 1 / (1 + np.exp(-self.z))

    def step(self, X, y, lr):
        p = self.forward(X)
        m = len(X)
        loss = -np.mean(y * np.log(p + 1e-12) + (1 - y) * np.log(1 - p + 1e-12))
        dz = (p - y) / m
        dW2 = self.h.T @ dz
        db2 = dz.sum(axis=0, keepdims=True)
        dh = dz @ self.W2.T * (1 - self.h ** 2)
        dW1 = X.T @ dh
        db1 = dh.sum(axis=0, keepdims=True)
        self.W1 -= lr * dW1
        self.b1 -= lr * db1
        self.W2 -= lr * dW2
        self.b2 -= lr * db2
        return loss


rng = np.random.default_rng(3)
X, y = make_moons(200, 0.15, rng)
net = Net((2, 12, 1), rng)
for epoch in range(300):
    loss = net.step(X, y, lr=40.0)
    if epoch % 50 == 0:
        print(epoch, round(loss, 4))
