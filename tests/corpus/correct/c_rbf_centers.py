# -*- coding: utf-8 -*-
import numpy as np


class RBFNetwork:
    '''
    y = sum_j w_j * exp( -|x - c_j|^2 / (2 s_j^2) ) + w_0
    weights, centers and widths are all trained by gradient descent (online)
    '''

    def __init__(self, n_in, n_centers, n_out, eta_w=0.05, eta_c=0.05, eta_s=0.02):
        self.N, self.K, self.M = n_in, n_centers, n_out
        self.c = np.random.uniform(-1, 1, (n_centers, n_in))
        self.s = np.random.uniform(0.5, 1.0, n_centers)
        self.w = np.random.uniform(-0.5, 0.5, (n_out, n_centers))
        self.w0 = np.zeros(n_out)
        self.eta_w, self.eta_c, self.eta_s = eta_w, eta_c, eta_s

    def calc(self, x):
        self.diff = x - self.c                              # K x N
        self.dist2 = np.sum(self.diff**2, axis=1)           # K
        self.R = np.exp(-self.dist2 / (2 * self.s**2))      # K
        return np.dot(self.w, self.R) + self.w0             # M

    def learn(self, x, teacher):
        y = self.calc(x)
        delta = teacher - y
        # how much does every kernel contribute to the error
        kernel_error = np.dot(delta, self.w) * self.R

        delta_w = self.eta_w * np.outer(delta, self.R)
        delta_c = self.eta_c * kernel_error[:, None] * self.diff / self.s[:, None]**2
        delta_s = self.eta_s * kernel_error * self.dist2 / self.s**3

        self.w += delta_w
        self.w0 += self.eta_w * delta
        self.c += delta_c
        self.s += delta_s
        return 0.5 * np.sum(delta**2)

    def evaluate(self, X, T):
        return sum(0.5 * np.sum((t - self.calc(x))**2) for x, t in zip(X, T)) / len(X)


def peaks(X):
    a = np.exp(-((X[:, 0] - 0.4)**2 + (X[:, 1] - 0.3)**2) / 0.1)
    b = np.exp(-((X[:, 0] + 0.5)**2 + (X[:, 1] + 0.2)**2) / 0.2)
    return np.stack([a - 0.7 * b, np.cos(2 * X[:, 0])], axis=1)


if __name__ == '__main__':
    np.random.seed(16)
    X = np.random.uniform(-1, 1, (80, 2))
    T = peaks(X)
    net = RBFNetwork(2, 8, 2)
    for epoch in range(1, 31):
        order = np.random.permutation(len(X))
        error = 0
        for k in order:
            error += net.learn(X[k], T[k])
        if epoch % 5 == 0:
            print('epoch', epoch, 'online error %.5f' % (error / len(X)), 'batch error %.5f' % net.evaluate(X, T))
    print('centers:')
    print(np.round(net.c, 2))
    print('widths:', np.round(net.s, 2))
