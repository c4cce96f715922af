import numpy as np

np.random.seed(4)
N = 120
X = np.random.randn(N, 3)
y = np.abs(X).sum(axis=1, keepdims=True)

W1 = np.random.randn(3, 9) * 0.8
b1 = np.full((1, 9), -15.0)
W2 = np.random.randn(9, 1) * 0.5
b2 = np.zeros((1, 1))
step = 0.02

for it in range(300):
    z = X.dot(W1) + b1
    h = np.maximum(z, 0)
    out = h.dot(W2) + b2
    diff = out - y
    loss = np.mean(diff ** 2)
    dout = 2 * diff / N
    dW2 = h.T.dot(dout)
    db2 = dout.sum(axis=0, keepdims=True)
    dz = dout.dot(W2.T)
    dz[z <= 0] = 0
    dW1 = X.T.dot(dz)
    db1 = dz.sum(axis=0, keepdims=True)
    W1 -= step * dW1
    b1 -= step * db1
    W2 -= step * dW2
    b2 -= step * db2
    if it % 60 == 0:
        print(it, loss)
