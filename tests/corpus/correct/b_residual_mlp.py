import numpy as np


def swish(x):
    s = 1 / (1 + np.exp(-x))
    return x * s, s


class ResidualBlock:
    """out = x + alpha * W2 swish(W1 x + b1) + b2, learns by itself when backward is called"""

    def __init__(self, width, inner, r):
        self.W1 = r.randn(inner, width) / np.sqrt(width)
        self.b1 = np.zeros((inner, 1))
        self.W2 = r.randn(width, inner) / np.sqrt(inner)
        self.b2 = np.zeros((width, 1))
        self.alpha = np.array([[0.5]])

    def forward(self, x):
        self.x = x
        self.z = self.W1 @ x + self.b1
        self.a, self.s = swish(self.z)
        self.branch = self.W2 @ self.a
        return x + self.alpha * self.branch + self.b2

    def backward(self, dout, lr):
        d_branch = self.alpha * dout
        d_alpha = np.sum(dout * self.branch, keepdims=True)
        dW2 = d_branch @ self.a.T
        db2 = dout.sum(axis=1, keepdims=True)
        da = self.W2.T @ d_branch
        dz = da * (self.s + self.a * (1 - self.s))
        dW1 = dz @ self.x.T
        db1 = dz.sum(axis=1, keepdims=True)
        self.W1, dx = self.W1 - lr * dW1, dout + self.W1.T @ dz
        self.b1 = self.b1 - lr * db1
        self.W2 = self.W2 - lr * dW2
        self.b2 = self.b2 - lr * db2
        self.alpha = self.alpha - lr * d_alpha
        return dx


class Projection:
    def __init__(self, n_in, n_out, r):
        self.W = r.randn(n_out, n_in) / np.sqrt(n_in)

    def forward(self, x):
        self.x = x
        return self.W @ x

    def backward(self, dout, lr):
        dW = dout @ self.x.T
        dx = self.W.T @ dout
        self.W = self.W - lr * dW
        return dx


def log_cosh(e):
    return np.sum(np.log(np.cosh(e))) / e.shape[1]


class Net:
    def __init__(self, n_in, width, n_blocks, n_out, seed):
        r = np.random.RandomState(seed)
        self.layers = [Projection(n_in, width, r)]
        self.layers += [ResidualBlock(width, width, r) for _ in range(n_blocks)]
        self.layers += [Projection(width, n_out, r)]

    def __call__(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def step(self, x, y, lr):
        e = self(x) - y
        d = np.tanh(e) / e.shape[1]
        for layer in reversed(self.layers):
            d = layer.backward(d, lr)
        return log_cosh(e)


r = np.random.RandomState(10)
x = r.uniform(-1, 1, (3, 200))
y = np.vstack([np.sin(3 * x[0]) * x[1], x[2] ** 2 - x[0]])
net = Net(3, 8, 2, 2, seed=21)
for epoch in range(12):
    perm = r.permutation(200)
    losses = []
    for k in range(0, 200, 25):
        cols = perm[k:k + 25]
        losses.append(net.step(x[:, cols], y[:, cols], 0.1))
    if epoch % 3 == 2:
        print('epoch %2d  log-cosh %.4f' % (epoch + 1, np.mean(losses)))
