import numpy as np


class TiedAutoEncoder:
    """x -> sigmoid(x W + b) -> sigmoid(h W^T + c); the decoder is the transposed encoder."""

    def __init__(self, visible, hidden, corruption=0.2, rng=None):
        self.rng = rng or np.random.RandomState(0)
        r = 4 * np.sqrt(6. / (visible + hidden))
        self.W = self.rng.uniform(-r, r, size=(visible, hidden))
        self.vbias = np.zeros(visible)
        self.hbias = np.zeros(hidden)
        self.corruption = corruption

    def sigmoid(self, a):
        return 1. / (1. + np.exp(-a))

    def corrupt(self, x):
        return self.rng.binomial(1, 1 - self.corruption, x.shape) * x

    def encode(self, x):
        return self.sigmoid(np.dot(x, self.W) + self.hbias)

    def decode(self, h):
        return self.sigmoid(np.dot(h, self.W.T) + self.vbias)

    def reconstruction_cross_entropy(self, x, z):
        return -np.mean(np.sum(x * np.log(z) + (1 - x) * np.log(1 - z), axis=1))

    def train(self, x, lr):
        tilde_x = self.corrupt(x)
        y = self.encode(tilde_x)
        z = self.decode(y)

        L_h2 = x - z
        L_h1 = np.dot(L_h2, self.W) * y * (1 - y)
        L_vbias = L_h2
        L_hbias = L_h1
        # W is used twice: once as it is, once transposed
        L_W = np.dot(tilde_x.T, L_h1) + np.dot(L_h2.T, y)

        self.W += lr * L_W / len(x)
        self.hbias += lr * np.mean(L_hbias, axis=0)
        self.vbias += lr * np.mean(L_vbias, axis=0)
        return self.reconstruction_cross_entropy(x, z)


def stripes(n, rng):
    """4x4 pictures with one or two full rows or columns, a few pixels flipped"""
    pictures = np.zeros((n, 4, 4))
    for picture in pictures:
        for _ in range(rng.randint(1, 3)):
            k = rng.randint(4)
            if rng.rand() < .5:
                picture[k] = 1
            else:
                picture[:, k] = 1
    flips = rng.rand(n, 4, 4) < 0.02
    return np.abs(pictures - flips).reshape(n, 16)


def test_dA(learning_rate=0.8, training_epochs=60, batch=25):
    rng = np.random.RandomState(123)
    data = stripes(150, rng)
    da = TiedAutoEncoder(visible=16, hidden=9, rng=rng)
    for epoch in range(training_epochs):
        costs = [da.train(data[i:i + batch], learning_rate) for i in range(0, len(data), batch)]
        if epoch % 10 == 0:
            print('Training epoch %d, cost is %.5f' % (epoch, np.mean(costs)))

    x = stripes(2, rng)
    for original, restored in zip(x, da.decode(da.encode(x))):
        print(original.astype(int), '->', (restored > 0.5).astype(int))


if __name__ == "__main__":
    test_dA()
