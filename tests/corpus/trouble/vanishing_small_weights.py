import numpy as np

np.random.seed(14)


def init(layer_dims):
    P = {}
    for l in range(1, len(layer_dims)):
        P['W%d' % l] = np.random.randn(layer_dims[l], layer_dims[l - 1]) * 0.01
        P['b%d' % l] = np.zeros((layer_dims[l], 1))
    return P


dims = [5, 12, 12, 12, 12, 1]
P = init(dims)
L = len(dims) - 1
X = np.random.randn(5, 160)
Y = (X[:1] * X[1:2] + X[2:3] > 0).astype(float)
m = X.shape[1]

for it in range(300):
    A = {0: X}
    Z = {}
    for l in range(1, L + 1):
        Z[l] = P['W%d' % l].dot(A[l - 1]) + P['b%d' % l]
        A[l] = np.maximum(0, Z[l]) if l < L else 1 / (1 + np.exp(-Z[l]))
    cost = -np.mean(Y * np.log(A[L]) + (1 - Y) * np.log(1 - A[L]))
    dZ = A[L] - Y
    grads = {}
    for l in reversed(range(1, L + 1)):
        grads['W%d' % l] = dZ.dot(A[l - 1].T) / m
        grads['b%d' % l] = dZ.mean(axis=1, keepdims=True)
        if l > 1:
            dZ = P['W%d' % l].T.dot(dZ) * (Z[l - 1] > 0)
    for k in P:
        P[k] -= 0.1 * grads[k]
    if it % 50 == 0:
        print(it, cost)
