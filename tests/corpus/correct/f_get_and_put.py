"""Regression by a small tanh network; the optimiser only knows one long vector."""
import numpy as np


class Net(object):
    def __init__(self, sizes, seed=3):
        r = np.random.RandomState(seed)
        self.Ws = [r.randn(m, n) / np.sqrt(m) for m, n in zip(sizes[:-1], sizes[1:])]
        self.bs = [np.zeros((1, n)) for n in sizes[1:]]

    # ---- one long vector ----
    def get_params(self):
        return np.concatenate([w.ravel() for w in self.Ws] + [b.ravel() for b in self.bs])

    def set_params(self, theta):
        at = 0
        for store in (self.Ws, self.bs):
            for k, old in enumerate(store):
                store[k] = theta[at:at + old.size].reshape(old.shape)
                at += old.size

    # ---- forward, backward ----
    def forward(self, X):
        self.acts = [X]
        for k, (W, b) in enumerate(zip(self.Ws, self.bs)):
            z = np.dot(self.acts[-1], W) + b
            self.acts.append(np.tanh(z) if k < len(self.Ws) - 1 else z)
        return self.acts[-1]

    def cost(self, X, y):
        return 0.5 * np.sum((self.forward(X) - y) ** 2) / len(X)

    def gradient(self, X, y):
        delta = (self.forward(X) - y) / len(X)
        dWs, dbs = [], []
        for k in range(len(self.Ws) - 1, -1, -1):
            dWs.insert(0, np.dot(self.acts[k].T, delta))
            dbs.insert(0, delta.sum(axis=0, keepdims=True))
            if k > 0:
                delta = np.dot(delta, self.Ws[k].T) * (1 - self.acts[k] ** 2)
        return np.concatenate([g.ravel() for g in dWs] + [g.ravel() for g in dbs])


if __name__ == "__main__":
    rs = np.random.RandomState(0)
    X = rs.uniform(-1, 1, (60, 2))
    y = np.sin(3 * X[:, :1]) * X[:, 1:]
    net = Net([2, 7, 5, 1])
    mean = sq = 0.0
    for t in range(1, 201):
        if t % 50 == 1:
            print("step %d  cost %.5f" % (t, net.cost(X, y)))
        g = net.gradient(X, y)
        mean = 0.9 * mean + 0.1 * g
        sq = 0.99 * sq + 0.01 * g * g
        step = 0.02 * (mean / (1 - 0.9 ** t)) / (np.sqrt(sq / (1 - 0.99 ** t)) + 1e-8)
        net.set_params(net.get_params() - step)
