"""Poisson regression with a log link, an exposure and a softplus hidden layer.  Nesterov momentum."""
import numpy as np
from math import lgamma


def make_claims(n, seed):
    rs = np.random.RandomState(seed)
    X = rs.uniform(-1, 1, (n, 3))
    exposure = rs.uniform(0.3, 1.0, (n, 1))
    rate = np.exp(0.8 * X[:, :1] - 0.5 * X[:, 1:2] ** 2 + 0.3)
    return X, exposure, rs.poisson(rate * exposure).astype(float)


class PoissonNet:
    def __init__(self, d, h, seed=0):
        rs = np.random.RandomState(seed)
        self.theta = [rs.randn(d, h) * 0.5, np.zeros((1, h)), rs.randn(h, 1) * 0.3, np.zeros((1, 1))]

    def _forward(self, theta, X, exposure):
        A, a, B, b = theta
        pre = X @ A + a
        hid = np.log1p(np.exp(pre))
        eta = hid @ B + b + np.log(exposure)
        return pre, hid, eta, np.exp(eta)

    def nll(self, X, exposure, n_claims, theta=None):
        _, _, eta, mu = self._forward(theta or self.theta, X, exposure)
        const = np.array([[lgamma(k + 1)] for k in n_claims[:, 0]])
        return float(np.mean(mu - n_claims * eta + const))

    def gradient(self, theta, X, exposure, n_claims):
        A, a, B, b = theta
        pre, hid, eta, mu = self._forward(theta, X, exposure)
        d_eta = (mu - n_claims) / X.shape[0]
        gB = hid.T @ d_eta
        gb = d_eta.sum(axis=0, keepdims=True)
        d_hid = d_eta @ B.T
        d_pre = d_hid / (1 + np.exp(-pre))
        gA = X.T @ d_pre
        ga = d_pre.sum(axis=0, keepdims=True)
        return [gA, ga, gB, gb]

    def fit(self, X, exposure, n_claims, epochs, lr=0.2, mu=0.8, batch=40):
        speed = [np.zeros_like(t) for t in self.theta]
        trace = []
        for epoch in range(epochs):
            for s in range(0, len(X), batch):
                part = slice(s, s + batch)
                ahead = [t + mu * v for t, v in zip(self.theta, speed)]
                grad = self.gradient(ahead, X[part], exposure[part], n_claims[part])
                speed = [mu * v - lr * g for v, g in zip(speed, grad)]
                self.theta = [t + v for t, v in zip(self.theta, speed)]
            trace.append(self.nll(X, exposure, n_claims))
        return trace


if __name__ == '__main__':
    X, exposure, n_claims = make_claims(200, 1)
    net = PoissonNet(3, 5)
    print('start', round(net.nll(X, exposure, n_claims), 5))
    for value in net.fit(X, exposure, n_claims, 12)[::4]:
        print('nll  ', round(value, 5))
