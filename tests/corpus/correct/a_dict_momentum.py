import numpy as np


class MLP(object):
    """ layers numbered from 1; self.W, self.b, self.vW, self.vb are dictionaries """

    def __init__(self, sizes, eta=0.3, mu=0.8):
        rs = np.random.RandomState(5)
        self.n_layers = len(sizes) - 1
        self.eta = eta
        self.mu = mu
        self.W, self.b = {}, {}
        self.vW, self.vb = {}, {}
        for i in range(1, len(sizes)):
            self.W[i] = rs.randn(sizes[i-1], sizes[i]) / np.sqrt(sizes[i-1])
            self.b[i] = np.zeros((1, sizes[i]))
            self.vW[i] = np.zeros_like(self.W[i])
            self.vb[i] = np.zeros_like(self.b[i])

    def sigma(self, z):
        return 1. / (1. + np.exp(-z))

    def grad_sigma(self, a):
        return a * (1. - a)

    def softmax(self, z):
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def forward(self, X):
        self.H = {0: X}
        self.A = {}
        for i in range(1, self.n_layers):
            self.A[i] = np.dot(self.H[i-1], self.W[i]) + self.b[i]
            self.H[i] = self.sigma(self.A[i])
        L = self.n_layers
        self.A[L] = np.dot(self.H[L-1], self.W[L]) + self.b[L]
        self.H[L] = self.softmax(self.A[L])
        return self.H[L]

    def grad(self, T):
        self.dW, self.db = {}, {}
        L = self.n_layers
        m = T.shape[0]
        dA = (self.H[L] - T) / m
        for k in range(L, 0, -1):
            self.dW[k] = np.dot(self.H[k-1].T, dA)
            self.db[k] = np.sum(dA, axis=0).reshape(1, -1)
            if k > 1:
                dH = np.dot(dA, self.W[k].T)
                dA = np.multiply(dH, self.grad_sigma(self.H[k-1]))

    def momentum_step(self):
        for i in range(1, self.n_layers + 1):
            self.vW[i] = self.mu * self.vW[i] - self.eta * self.dW[i]
            self.vb[i] = self.mu * self.vb[i] - self.eta * self.db[i]
            self.W[i] += self.vW[i]
            self.b[i] += self.vb[i]

    def cross_entropy(self, P, T):
        return -np.mean(np.log(P[T > 0]))

    def fit(self, X, T, epochs=120):
        self.loss = {}
        for e in range(epochs):
            P = self.forward(X)
            self.loss[e] = self.cross_entropy(P, T)
            self.grad(T)
            self.momentum_step()
        return self.loss


def blobs():
    rs = np.random.RandomState(9)
    centres = np.array([[2, 0, 1], [-1, 2, 0], [0, -2, -1], [1, 1, -3]], dtype=float)
    labels = np.tile(np.arange(4), 30)
    return centres[labels] + 0.8 * rs.randn(120, 3), labels


X, labels = blobs()
T = np.eye(4)[labels]
net = MLP([3, 6, 6, 4])
loss = net.fit(X, T)
for e in sorted(loss)[::30]:
    print('epoch', e, 'cross entropy', round(loss[e], 4))
print('accuracy', (net.forward(X).argmax(axis=1) == labels).mean())
