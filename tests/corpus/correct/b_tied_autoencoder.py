import numpy as np
import sys


class dA(object):
    """Denoising autoencoder with tied weights (decoder uses W transposed)."""

    def __init__(self, n_visible, n_hidden, rng):
        a = 4 * np.sqrt(6. / (n_visible + n_hidden))
        self.rng = rng
        self.W = rng.uniform(low=-a, high=a, size=(n_visible, n_hidden))
        self.W_prime = self.W.T
        self.hbias = np.zeros(n_hidden)
        self.vbias = np.zeros(n_visible)

    def sigmoid(self, x):
        return 1. / (1 + np.exp(-x))

    def corrupt(self, x, level):
        return self.rng.binomial(size=x.shape, n=1, p=1 - level) * x

    def encode(self, x):
        return self.sigmoid(np.dot(x, self.W) + self.hbias)

    def decode(self, y):
        return self.sigmoid(np.dot(y, self.W_prime) + self.vbias)

    def gradients(self, x, tilde_x):
        y = self.encode(tilde_x)
        z = self.decode(y)

        L_h2 = x - z
        L_h1 = np.dot(L_h2, self.W) * y * (1 - y)
        L_vbias = L_h2
        L_hbias = L_h1
        L_W = np.dot(tilde_x.T, L_h1) + np.dot(L_h2.T, y)
        n = x.shape[0]
        return L_W / n, L_hbias.sum(axis=0) / n, L_vbias.sum(axis=0) / n

    def train(self, x, lr=0.1, corruption_level=0.3):
        tilde_x = self.corrupt(x, corruption_level)
        cost = self.cross_entropy(x, tilde_x)
        gW, gh, gv = self.gradients(x, tilde_x)
        self.W += lr * gW
        self.hbias += lr * gh
        self.vbias += lr * gv
        return cost

    def cross_entropy(self, x, tilde_x):
        z = self.decode(self.encode(tilde_x))
        return -np.mean(np.sum(x * np.log(z) + (1 - x) * np.log(1 - z), axis=1))


def patterns():
    base = np.array([[1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0],
                     [0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0],
                     [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1],
                     [1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0]])
    rows = []
    for b in base:
        for k in range(5):
            r = b.copy()
            r[(3 * k) % 12] = 1 - r[(3 * k) % 12]
            rows.append(r)
    return np.array(rows)


def demo(epochs=60):
    rng = np.random.RandomState(123)
    data = patterns()
    da = dA(n_visible=12, n_hidden=5, rng=rng)
    for epoch in range(epochs):
        cost = da.train(data, lr=0.3, corruption_level=0.2)
        if epoch % 20 == 0:
            print('Training epoch %d, cost is %f' % (epoch, cost), file=sys.stderr)
    print(np.round(da.decode(da.encode(data[:3])), 2))
    return da


if __name__ == "__main__":
    da = demo()
