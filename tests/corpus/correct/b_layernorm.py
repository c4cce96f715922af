"""MLP with layer normalisation, functions only, everything explicit."""
import numpy as np
rng = np.random.default_rng(2024)

n_in, n_h1, n_h2, n_out = 6, 12, 12, 1
W1 = rng.standard_normal((n_in, n_h1)) * 0.4
g1 = np.ones(n_h1)
s1 = np.zeros(n_h1)
W2 = rng.standard_normal((n_h1, n_h2)) * 0.4
g2 = np.ones(n_h2)
s2 = np.zeros(n_h2)
W3 = rng.standard_normal((n_h2, n_out)) * 0.4
b3 = np.zeros(n_out)


def layer_norm(x, gain, shift, eps=1e-5):
    mean = x.mean(axis=-1, keepdims=True)
    var = x.var(axis=-1, keepdims=True)
    inv = 1 / np.sqrt(var + eps)
    xhat = (x - mean) * inv
    return xhat * gain + shift, (xhat, inv, gain)


def layer_norm_back(dy, saved):
    xhat, inv, gain = saved
    dgain = np.einsum('nd,nd->d', dy, xhat)
    dshift = np.einsum('nd->d', dy)
    dxhat = dy * gain
    dx = inv * (dxhat
                - dxhat.mean(axis=-1, keepdims=True)
                - xhat * (dxhat * xhat).mean(axis=-1, keepdims=True))
    return dx, dgain, dshift


def softplus(x):
    return np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0)


def softplus_prime(x):
    return 1 / (1 + np.exp(-x))


def net(X):
    u1 = X @ W1
    n1, save1 = layer_norm(u1, g1, s1)
    h1 = softplus(n1)
    u2 = h1 @ W2
    n2, save2 = layer_norm(u2, g2, s2)
    h2 = softplus(n2)
    out = h2 @ W3 + b3
    return out, (X, n1, save1, h1, n2, save2, h2)


def mse(out, T):
    return ((out - T) ** 2).mean()


def grads(out, T, mem):
    X, n1, save1, h1, n2, save2, h2 = mem
    d_out = 2 * (out - T) / T.size
    dW3 = h2.T @ d_out
    db3 = d_out.sum(axis=0)
    d_h2 = d_out @ W3.T
    d_n2 = d_h2 * softplus_prime(n2)
    d_u2, dg2, ds2 = layer_norm_back(d_n2, save2)
    dW2 = h1.T @ d_u2
    d_h1 = d_u2 @ W2.T
    d_n1 = d_h1 * softplus_prime(n1)
    d_u1, dg1, ds1 = layer_norm_back(d_n1, save1)
    dW1 = X.T @ d_u1
    return dW1, dg1, ds1, dW2, dg2, ds2, dW3, db3


X = rng.uniform(-2, 2, (150, n_in))
T = (np.sin(X[:, :1]) + 0.5 * X[:, 1:2] * X[:, 2:3])

lr = 0.05
for epoch in range(20):
    order = rng.permutation(len(X))
    for chunk in np.array_split(order, 6):
        out, mem = net(X[chunk])
        dW1, dg1, ds1, dW2, dg2, ds2, dW3, db3 = grads(out, T[chunk], mem)
        W1 -= lr * dW1; g1 -= lr * dg1; s1 -= lr * ds1
        W2 -= lr * dW2; g2 -= lr * dg2; s2 -= lr * ds2
        W3 -= lr * dW3; b3 -= lr * db3
    if epoch % 5 == 4:
        print("epoch", epoch + 1, "mse", mse(net(X)[0], T))
