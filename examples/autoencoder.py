"""An autoencoder with tied weights: the decoder uses the encoder's W, transposed.

Shows: BP101, a missing term. W is used twice, so its gradient is the sum of two products; here
only the encoder's is there.
"""
import numpy as np


class TiedAutoencoder(object):
    def __init__(self, n_visible, n_hidden, seed=0):
        rng = np.random.RandomState(seed)
        self.W = rng.randn(n_visible, n_hidden) * 0.3
        self.b = np.zeros(n_hidden)
        self.c = np.zeros(n_visible)

    def encode(self, x):
        return np.tanh(x.dot(self.W) + self.b)

    def decode(self, h):
        return h.dot(self.W.T) + self.c

    def step(self, x, lr):
        n = x.shape[0]
        h = self.encode(x)
        r = self.decode(h)
        loss = 0.5 * np.sum((r - x) ** 2) / n

        dr = (r - x) / n
        dc = dr.sum(0)
        dh = dr.dot(self.W)
        da = dh * (1 - h ** 2)
        db = da.sum(0)
        dW = x.T.dot(da)

        self.W -= lr * dW
        self.b -= lr * db
        self.c -= lr * dc
        return loss


rng = np.random.RandomState(1)
codes = rng.randn(60, 2)
data = codes.dot(rng.randn(2, 6)) + 0.05 * rng.randn(60, 6)
model = TiedAutoencoder(6, 2)
for it in range(150):
    loss = model.step(data, 0.05)
    if it % 50 == 0:
        print('step %3d loss %.4f' % (it, loss))
