import numpy as np


class RecurrentNet(object):
    """Elman network for time series, trained on consecutive windows of one long signal."""

    def __init__(self, n_in, n_hidden, n_out, rate=0.02, seed=3):
        rng = np.random.RandomState(seed)
        self.U = rng.uniform(-0.4, 0.4, (n_in, n_hidden))
        self.W = rng.uniform(-0.4, 0.4, (n_hidden, n_hidden))
        self.V = rng.uniform(-0.4, 0.4, (n_hidden, n_out))
        self.b = np.zeros(n_hidden)
        self.c = np.zeros(n_out)
        self.rate = rate
        self.n_hidden = n_hidden

    def forward(self, x, s0):
        T = x.shape[0]
        # one extra row, the last one, is the initial state: s[-1]
        s = np.zeros((T + 1, self.n_hidden))
        s[-1] = s0
        o = np.zeros((T, self.V.shape[1]))
        for t in np.arange(T):
            s[t] = np.tanh(x[t].dot(self.U) + s[t - 1].dot(self.W) + self.b)
            o[t] = s[t].dot(self.V) + self.c
        return o, s

    def calculate_loss(self, x, y, s0):
        o, s = self.forward(x, s0)
        return 0.5 * np.sum((o - y) ** 2) / len(x)

    def bptt(self, x, y, s0):
        T = len(x)
        o, s = self.forward(x, s0)
        dLdU = np.zeros(self.U.shape)
        dLdV = np.zeros(self.V.shape)
        dLdW = np.zeros(self.W.shape)
        dLdb = np.zeros(self.b.shape)
        dLdc = np.zeros(self.c.shape)
        delta_o = (o - y) / T
        from_future = np.zeros(self.n_hidden)
        for t in np.arange(T)[::-1]:
            dLdV += np.outer(s[t], delta_o[t])
            dLdc += delta_o[t]
            delta_t = (self.V.dot(delta_o[t]) + from_future) * (1 - s[t] ** 2)
            dLdU += np.outer(x[t], delta_t)
            dLdW += np.outer(s[t - 1], delta_t)
            dLdb += delta_t
            from_future = self.W.dot(delta_t)
        return (dLdU, dLdW, dLdV, dLdb, dLdc), s[T - 1].copy()

    def step(self, x, y, s0):
        grads, last = self.bptt(x, y, s0)
        norm = np.sqrt(sum(np.sum(g ** 2) for g in grads))
        scale = min(1.0, 1.0 / (norm + 1e-12))
        dU, dW, dV, db, dc = [g * scale for g in grads]
        self.U -= self.rate * dU
        self.W -= self.rate * dW
        self.V -= self.rate * dV
        self.b -= self.rate * db
        self.c -= self.rate * dc
        return last


def make_signal(n):
    t = np.arange(n + 1)
    z = np.stack([np.sin(0.3 * t) + 0.3 * np.sin(0.71 * t), np.cos(0.17 * t)], axis=1)
    return z[:-1], z[1:, :1]


def train(model, X, Y, window=12, nepoch=6):
    history = []
    for epoch in range(nepoch):
        state = np.zeros(model.n_hidden)
        total, count = 0.0, 0
        for start in range(0, len(X) - window + 1, window):
            xw, yw = X[start:start + window], Y[start:start + window]
            total += model.calculate_loss(xw, yw, state)
            count += 1
            state = model.step(xw, yw, state)
        history.append(total / count)
        print("epoch {:d}  mean window loss {:.5f}".format(epoch, history[-1]))
    return history


if __name__ == '__main__':
    X, Y = make_signal(360)
    net = RecurrentNet(2, 9, 1, rate=0.1)
    history = train(net, X, Y)
    print('improved' if history[-1] < history[0] else 'did not improve')
