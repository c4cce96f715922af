import numpy as np

#
# affine -> batchnorm -> relu -> affine -> softmax.  The batchnorm backward goes step by step
# through the graph, nine small stages.
#

EPS = 1e-5


def batchnorm_forward(x, gamma, beta):
    N, D = x.shape
    # step 1: mean
    mu = 1. / N * np.sum(x, axis=0)
    # step 2: centre
    xmu = x - mu
    # step 3
    sq = xmu ** 2
    # step 4: variance
    var = 1. / N * np.sum(sq, axis=0)
    # step 5
    sqrtvar = np.sqrt(var + EPS)
    # step 6
    ivar = 1. / sqrtvar
    # step 7
    xhat = xmu * ivar
    # step 8
    gammax = gamma * xhat
    # step 9
    out = gammax + beta
    return out, (xhat, gamma, xmu, ivar, sqrtvar, var)


def batchnorm_backward(dout, cache):
    xhat, gamma, xmu, ivar, sqrtvar, var = cache
    N, D = dout.shape
    # step 9
    dbeta = np.sum(dout, axis=0)
    dgammax = dout
    # step 8
    dgamma = np.sum(dgammax * xhat, axis=0)
    dxhat = dgammax * gamma
    # step 7
    divar = np.sum(dxhat * xmu, axis=0)
    dxmu1 = dxhat * ivar
    # step 6
    dsqrtvar = -1. / (sqrtvar ** 2) * divar
    # step 5
    dvar = 0.5 * 1. / np.sqrt(var + EPS) * dsqrtvar
    # step 4
    dsq = 1. / N * np.ones((N, D)) * dvar
    # step 3
    dxmu2 = 2 * xmu * dsq
    # step 2
    dx1 = dxmu1 + dxmu2
    dmu = -1 * np.sum(dxmu1 + dxmu2, axis=0)
    # step 1
    dx2 = 1. / N * np.ones((N, D)) * dmu
    # step 0
    dx = dx1 + dx2
    return dx, dgamma, dbeta


class TwoLayer:
    def __init__(self, d, h, c, seed=0):
        r = np.random.RandomState(seed)
        self.params = [r.randn(d, h) * np.sqrt(2. / d), np.ones(h) * 0.9, np.zeros(h) + 0.1,
                       r.randn(h, c) * np.sqrt(2. / h), np.zeros(c)]

    def loss(self, X, y):
        W1, gamma, beta, W2, b2 = self.params
        z = X.dot(W1)                      # no bias: batchnorm would remove it
        zn, bn_cache = batchnorm_forward(z, gamma, beta)
        a = np.maximum(zn, 0)
        s = a.dot(W2) + b2
        e = np.exp(s - s.max(axis=1)[:, None])
        prob = e / e.sum(axis=1)[:, None]
        N = len(X)
        cost = -np.log(prob[range(N), y]).sum() / N

        ds = prob.copy()
        ds[range(N), y] -= 1
        ds /= N
        dW2 = a.T.dot(ds)
        db2 = ds.sum(axis=0)
        da = ds.dot(W2.T)
        da[zn <= 0] = 0
        dz, dgamma, dbeta = batchnorm_backward(da, bn_cache)
        dW1 = X.T.dot(dz)
        return cost, [dW1, dgamma, dbeta, dW2, db2]


def spiral(n_per_class, classes, r):
    X, y = [], []
    for j in range(classes):
        rad = np.linspace(0.05, 1, n_per_class)
        ang = np.linspace(j * 4, (j + 1) * 4, n_per_class) + 0.2 * r.randn(n_per_class)
        X.append(np.c_[rad * np.sin(ang), rad * np.cos(ang), rad])
        y += [j] * n_per_class
    return np.vstack(X), np.array(y)


r = np.random.RandomState(8)
X, y = spiral(40, 3, r)
model = TwoLayer(3, 16, 3)
for i in range(101):
    idx = r.permutation(len(X))[:32]
    cost, grads = model.loss(X[idx], y[idx])
    for param, grad in zip(model.params, grads):
        param -= 0.3 * grad
    if i % 25 == 0:
        full, _ = model.loss(X, y)
        print('%3d  batch %.4f  all %.4f' % (i, cost, full))
