import numpy as np


def initialize(dims):
    params = {}
    for l in range(1, len(dims)):
        params['W' + str(l)] = np.ones((dims[l], dims[l - 1])) * 0.05
        params['b' + str(l)] = np.zeros((dims[l], 1))
    return params


def forward(X, params, L):
    caches = {'A0': X}
    for l in range(1, L):
        caches['Z' + str(l)] = params['W' + str(l)] @ caches['A' + str(l - 1)] + params['b' + str(l)]
        caches['A' + str(l)] = np.tanh(caches['Z' + str(l)])
    Z = params['W' + str(L)] @ caches['A' + str(L - 1)] + params['b' + str(L)]
    caches['A' + str(L)] = 1 / (1 + np.exp(-Z))
    return caches


def backward(Y, params, caches, L):
    m = Y.shape[1]
    grads = {}
    dZ = caches['A' + str(L)] - Y
    for l in range(L, 0, -1):
        grads['dW' + str(l)] = dZ @ caches['A' + str(l - 1)].T / m
        grads['db' + str(l)] = dZ.sum(axis=1, keepdims=True) / m
        if l > 1:
            dA = params['W' + str(l)].T @ dZ
            dZ = dA * (1 - caches['A' + str(l - 1)] ** 2)
    return grads


np.random.seed(0)
X = np.random.randn(3, 120)
Y = (np.abs(X).sum(axis=0, keepdims=True) > 2.3) * 1.0
dims = [3, 6, 5, 1]
L = len(dims) - 1
params = initialize(dims)
for it in range(150):
    caches = forward(X, params, L)
    A = caches['A' + str(L)]
    cost = -np.mean(Y * np.log(A) + (1 - Y) * np.log(1 - A))
    grads = backward(Y, params, caches, L)
    for l in range(1, L + 1):
        params['W' + str(l)] -= 0.3 * grads['dW' + str(l)]
        params['b' + str(l)] -= 0.3 * grads['db' + str(l)]
    if it % 30 == 0:
        print(it, cost)
