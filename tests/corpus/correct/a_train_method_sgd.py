#!/usr/bin/env python3
import numpy as np


class NeuralNet:
    """Two hidden layers, tanh / tanh / linear, trained one sample at a time."""

    def __init__(self, n_in, n_h1, n_h2, n_out, lr=0.02, seed=10):
        self.rng = np.random.default_rng(seed)
        self.lr = lr
        self.w_ih = self.rng.normal(0, n_in ** -0.5, (n_h1, n_in))
        self.w_hh = self.rng.normal(0, n_h1 ** -0.5, (n_h2, n_h1))
        self.w_ho = self.rng.normal(0, n_h2 ** -0.5, (n_out, n_h2))
        self.b_h1 = np.zeros(n_h1)
        self.b_h2 = np.zeros(n_h2)
        self.b_o = np.zeros(n_out)
        self.history = []

    def predict(self, x):
        h1 = np.tanh(self.w_ih @ x + self.b_h1)
        h2 = np.tanh(self.w_hh @ h1 + self.b_h2)
        return self.w_ho @ h2 + self.b_o

    def fit_one(self, x, target):
        # forward
        h1 = np.tanh(self.w_ih @ x + self.b_h1)
        h2 = np.tanh(self.w_hh @ h1 + self.b_h2)
        out = self.w_ho @ h2 + self.b_o

        # backward, every matrix moves as soon as it has passed its error on
        err_out = out - target
        err_h2 = self.w_ho.T @ err_out * (1 - h2 * h2)
        self.w_ho -= self.lr * np.outer(err_out, h2)
        err_h1 = self.w_hh.T @ err_h2 * (1 - h1 * h1); self.w_hh -= self.lr * np.outer(err_h2, h1)
        self.w_ih -= self.lr * np.outer(err_h1, x)

        # biases
        self.b_o -= self.lr * err_out
        self.b_h2 -= self.lr * err_h2
        self.b_h1 -= self.lr * err_h1
        return 0.5 * np.sum(err_out ** 2)

    def train(self, X, y, epochs):
        for epoch in range(epochs):
            total = 0.0
            for i in self.rng.permutation(len(X)):
                total += self.fit_one(X[i], y[i])
            self.history.append(total / len(X))
            if epoch % 10 == 0:
                print(f'epoch {epoch:3d}  mse {self.history[-1]:.5f}')


def make_data(n=40):
    rng = np.random.default_rng(77)
    X = rng.uniform(-2, 2, (n, 2))
    y = np.stack([np.sin(X[:, 0]) * X[:, 1], np.cos(X.sum(axis=1))], axis=1)
    return X, y


def main():
    X, y = make_data()
    net = NeuralNet(2, 8, 8, 2)
    net.train(X, y, 31)
    sample = X[3]
    print('target', y[3], 'prediction', net.predict(sample))


if __name__ == '__main__':
    main()
