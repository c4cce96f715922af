import argparse

import numpy as np

parser = argparse.ArgumentParser()
parser.add_argument('--hidden', type=int, default=16)
parser.add_argument('--lr', type=float, default=30.0)
parser.add_argument('--steps', type=int, default=250)
args = parser.parse_args()

rs = np.random.RandomState(1)
K, N, D = 3, 150, 2
X = np.zeros((N, D))
y = np.zeros(N, dtype=int)
for k in range(K):
    r = np.linspace(0.05, 1, N // K)
    t = np.linspace(k * 4, (k + 1) * 4, N // K) + rs.randn(N // K) * 0.2
    ix = range(k * N // K, (k + 1) * N // K)
    X[ix] = np.c_[r * np.sin(t), r * np.cos(t)]
    y[ix] = k

W = 0.1 * rs.randn(D, args.hidden)
b = np.zeros((1, args.hidden))
W2 = 0.1 * rs.randn(args.hidden, K)
b2 = np.zeros((1, K))

for i in range(args.steps):
    hidden = np.maximum(0, np.dot(X, W) + b)
    scores = np.dot(hidden, W2) + b2
    scores -= scores.max(axis=1, keepdims=True)
    e = np.exp(scores)
    probs = e / e.sum(axis=1, keepdims=True)
    loss = -np.log(probs[range(N), y] + 1e-300).mean()
    if i % 50 == 0:
        print(i, loss)
    d = probs.copy()
    d[range(N), y] -= 1
    d /= N
    dW2 = hidden.T.dot(d)
    db2 = d.sum(axis=0, keepdims=True)
    dh = d.dot(W2.T)
    dh[hidden <= 0] = 0
    dW = X.T.dot(dh)
    db = dh.sum(axis=0, keepdims=True)
    W += -args.lr * dW
    b += -args.lr * db
    W2 += -args.lr * dW2
    b2 += -args.lr * db2
