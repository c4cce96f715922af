"""An LSTM with its four gates in one matrix, learning to add up a sequence.

Shows: nothing to report.
"""
import numpy as np


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


class LSTM:
    def __init__(self, n_in, n_hidden, seed=9):
        rng = np.random.RandomState(seed)
        self.H = n_hidden
        self.W = rng.randn(4 * n_hidden, n_in + n_hidden) * 0.3
        self.b = np.zeros((4 * n_hidden, 1))
        self.b[n_hidden:2 * n_hidden] = 1.0        # remember, at first
        self.V = rng.randn(1, n_hidden) * 0.3

    def forward(self, xs):
        H = self.H
        h, c = np.zeros((H, 1)), np.zeros((H, 1))
        self.tape = []
        for x in xs:
            joined = np.vstack([x.reshape(-1, 1), h])
            gates = self.W @ joined + self.b
            i, f, o = sigmoid(gates[:H]), sigmoid(gates[H:2 * H]), sigmoid(gates[2 * H:3 * H])
            g = np.tanh(gates[3 * H:])
            c_prev, c = c, f * c + i * g
            h = o * np.tanh(c)
            self.tape.append((joined, i, f, o, g, c_prev, c))
        self.h = h
        return (self.V @ h)[0, 0]

    def backward(self, dy):
        H = self.H
        dW, db = np.zeros_like(self.W), np.zeros_like(self.b)
        dV = dy * self.h.T
        dh, dc = self.V.T * dy, np.zeros((H, 1))
        for joined, i, f, o, g, c_prev, c in reversed(self.tape):
            tc = np.tanh(c)
            dc = dc + dh * o * (1 - tc ** 2)
            dgates = np.vstack([
                dc * g * i * (1 - i),
                dc * c_prev * f * (1 - f),
                dh * tc * o * (1 - o),
                dc * i * (1 - g ** 2),
            ])
            dW += dgates @ joined.T
            db += dgates
            dh = (self.W.T @ dgates)[-H:]
            dc = dc * f
        return {'W': dW, 'b': db, 'V': dV}


net = LSTM(1, 5)
rng = np.random.RandomState(0)
for step in range(150):
    xs = rng.uniform(-1, 1, (6, 1))
    y = net.forward(xs)
    loss = 0.5 * (y - xs.sum()) ** 2
    grads = net.backward(y - xs.sum())
    net.W -= 0.05 * grads['W']
    net.b -= 0.05 * grads['b']
    net.V -= 0.05 * grads['V']
    if step % 50 == 0:
        print(step, round(float(loss), 5))
