# Batch normalisation in a two-layer regressor. Shows: BP101, a missing term. Mean and variance
# depend on every sample of the batch; this backward pass takes them for constants.
import numpy as np


def batchnorm_forward(x, gamma, beta, eps=1e-5):
    mu = x.mean(axis=0)
    var = x.var(axis=0)
    xhat = (x - mu) / np.sqrt(var + eps)
    return gamma * xhat + beta, (xhat, gamma, var, eps)


def batchnorm_backward(dout, cache):
    xhat, gamma, var, eps = cache
    dgamma = np.sum(dout * xhat, axis=0)
    dbeta = np.sum(dout, axis=0)
    dx = dout * gamma / np.sqrt(var + eps)
    return dx, dgamma, dbeta


np.random.seed(13)
X = np.random.randn(50, 4) * [1, 5, 0.2, 2] + [0, 3, 0, -1]
Y = np.sin(X[:, :1]) + 0.3 * X[:, 3:]
p = dict(W1=np.random.randn(4, 8) * 0.5, gamma=np.ones(8), beta=np.zeros(8),
         W2=np.random.randn(8, 1) * 0.5, b2=np.zeros(1))

for it in range(200):
    a = X.dot(p['W1'])
    bn, cache = batchnorm_forward(a, p['gamma'], p['beta'])
    h = np.tanh(bn)
    out = h.dot(p['W2']) + p['b2']
    diff = out - Y
    cost = (diff ** 2).sum() / (2 * len(X))
    if it % 50 == 0:
        print('cost', it, '%.6f' % cost)

    dout = diff / len(X)
    g = {'W2': h.T.dot(dout), 'b2': dout.sum(axis=0)}
    dbn = dout.dot(p['W2'].T) * (1 - h * h)
    da, g['gamma'], g['beta'] = batchnorm_backward(dbn, cache)
    g['W1'] = X.T.dot(da)
    for name in p:
        p[name] = p[name] - 0.1 * g[name]
