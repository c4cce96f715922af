import numpy as np
import time

# ------------------------------------------------------------------
# LSTM layer, batch first, separate matrices for every gate.
# Task: is the number of positive spikes in the sequence odd?  (two small features per step)
# ------------------------------------------------------------------


def sigm(a):
    return 1.0 / (1.0 + np.exp(-a))


class LSTM:
    def __init__(self, nx, nh, rng):
        def w(a, b):
            return rng.normal(0, 1.0 / np.sqrt(a), (a, b))
        self.nh = nh
        self.Wxi, self.Whi, self.bi = w(nx, nh), w(nh, nh), np.zeros(nh)
        self.Wxf, self.Whf, self.bf = w(nx, nh), w(nh, nh), np.ones(nh)
        self.Wxo, self.Who, self.bo = w(nx, nh), w(nh, nh), np.zeros(nh)
        self.Wxg, self.Whg, self.bg = w(nx, nh), w(nh, nh), np.zeros(nh)
        self.names = ['Wxi', 'Whi', 'bi', 'Wxf', 'Whf', 'bf', 'Wxo', 'Who', 'bo', 'Wxg', 'Whg', 'bg']

    def zero_grad(self):
        for n in self.names:
            setattr(self, 'd' + n, np.zeros_like(getattr(self, n)))

    def forward(self, X):
        N, T, _ = X.shape
        self.X = X
        self.h = np.zeros((T + 1, N, self.nh))
        self.c = np.zeros((T + 1, N, self.nh))
        self.i = np.zeros((T, N, self.nh))
        self.f = np.zeros((T, N, self.nh))
        self.o = np.zeros((T, N, self.nh))
        self.g = np.zeros((T, N, self.nh))
        for t in range(T):
            x, hp = X[:, t], self.h[t]
            self.i[t] = sigm(x @ self.Wxi + hp @ self.Whi + self.bi)
            self.f[t] = sigm(x @ self.Wxf + hp @ self.Whf + self.bf)
            self.o[t] = sigm(x @ self.Wxo + hp @ self.Who + self.bo)
            self.g[t] = np.tanh(x @ self.Wxg + hp @ self.Whg + self.bg)
            self.c[t + 1] = self.f[t] * self.c[t] + self.i[t] * self.g[t]
            self.h[t + 1] = self.o[t] * np.tanh(self.c[t + 1])
        return self.h[T]

    def backward(self, dh):
        T = self.X.shape[1]
        dc = np.zeros_like(dh)
        for t in range(T - 1, -1, -1):
            x, hp = self.X[:, t], self.h[t]
            i, f, o, g = self.i[t], self.f[t], self.o[t], self.g[t]
            tc = np.tanh(self.c[t + 1])
            dc = dc + dh * o * (1 - tc ** 2)
            # gate pre-activations
            ai = dc * g * i * (1 - i)
            af = dc * self.c[t] * f * (1 - f)
            ao = dh * tc * o * (1 - o)
            ag = dc * i * (1 - g ** 2)

            self.dWxi += x.T @ ai
            self.dWxf += x.T @ af
            self.dWxo += x.T @ ao
            self.dWxg += x.T @ ag
            self.dWhi += hp.T @ ai
            self.dWhf += hp.T @ af
            self.dWho += hp.T @ ao
            self.dWhg += hp.T @ ag
            self.dbi += ai.sum(0)
            self.dbf += af.sum(0)
            self.dbo += ao.sum(0)
            self.dbg += ag.sum(0)

            dh = ai @ self.Whi.T + af @ self.Whf.T + ao @ self.Who.T + ag @ self.Whg.T
            dc = dc * f


class Readout:
    names = ['V', 'bv']

    def __init__(self, nh, rng):
        self.V = rng.normal(0, 0.3, (nh, 1))
        self.bv = np.zeros(1)

    def forward(self, h):
        self.hin = h
        self.p = sigm(h @ self.V + self.bv)
        return self.p

    def backward(self, y):
        delta = (self.p - y) / len(y)
        self.dV = self.hin.T @ delta
        self.dbv = delta.sum(0)
        return delta @ self.V.T


def bce(p, y):
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def get_batch(rng, N, T):
    spikes = (rng.rand(N, T) < 0.3).astype(float)
    X = np.stack([spikes, 0.1 * rng.randn(N, T)], axis=2)
    y = (spikes.sum(1) % 2).reshape(-1, 1)
    return X, y


rng = np.random.RandomState(0)
lstm, head = LSTM(2, 10, rng), Readout(10, rng)
vel = {}
start = time.time()
for step in range(80):
    X, y = get_batch(rng, 10, 6)
    p = head.forward(lstm.forward(X))
    loss = bce(p, y)
    lstm.zero_grad()
    lstm.backward(head.backward(y))
    for layer in (lstm, head):
        for n in layer.names:
            key = (id(layer), n)
            vel[key] = 0.9 * vel.get(key, 0.0) - 0.2 * getattr(layer, 'd' + n)
            setattr(layer, n, getattr(layer, n) + vel[key])
    if step % 20 == 0:
        print("step %3d   bce %.4f" % (step, loss))
# print("took", time.time() - start)
