"""Pre-norm residual blocks with dropout on a regression problem (plain functions, lists of dicts)."""
import numpy as np

rng = np.random.default_rng(seed=5)

n_features, width, n_blocks = 6, 10, 2
p_drop = 0.15
lr, weight_decay = 0.02, 1e-3


def layer_norm(x, g, b, eps=1e-5):
    mu = x.mean(-1, keepdims=True)
    sigma = np.sqrt(((x - mu) ** 2).mean(-1, keepdims=True) + eps)
    xhat = (x - mu) / sigma
    return g * xhat + b, (xhat, sigma, g)


def layer_norm_grad(dy, cache):
    xhat, sigma, g = cache
    dg = (dy * xhat).sum(0)
    db = dy.sum(0)
    dxhat = dy * g
    dx = (dxhat - dxhat.mean(-1, keepdims=True) - xhat * (dxhat * xhat).mean(-1, keepdims=True)) / sigma
    return dx, dg, db


def gelu(x):
    # the tanh approximation
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3)))


def gelu_grad(x):
    k = np.sqrt(2 / np.pi)
    t = np.tanh(k * (x + 0.044715 * x ** 3))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t ** 2) * k * (1 + 3 * 0.044715 * x ** 2)


def init():
    params = {'win': rng.normal(0, 0.4, (n_features, width)), 'wout': rng.normal(0, 0.3, (width, 1)), 'bout': np.zeros(1)}
    params['blocks'] = [{'g': np.ones(width), 'b': np.zeros(width), 'w': rng.normal(0, 0.3, (width, width)), 'c': np.zeros(width)}
                        for _ in range(n_blocks)]
    return params


def forward(params, x, train):
    tape = []
    h = x @ params['win']
    for block in params['blocks']:
        n, ln_cache = layer_norm(h, block['g'], block['b'])
        z = n @ block['w'] + block['c']
        a = gelu(z)
        mask = (rng.random(a.shape) >= p_drop) / (1 - p_drop) if train else np.ones_like(a)
        tape.append((n, ln_cache, z, mask))
        h = h + a * mask
    return h @ params['wout'] + params['bout'], (x, h, tape)


def backward(params, dout, cache):
    x, h, tape = cache
    grads = {'wout': h.T @ dout, 'bout': dout.sum(0), 'blocks': []}
    dh = dout @ params['wout'].T
    for block, (n, ln_cache, z, mask) in zip(reversed(params['blocks']), reversed(tape)):
        dz = dh * mask * gelu_grad(z)
        dn, dg, db = layer_norm_grad(dz @ block['w'].T, ln_cache)
        grads['blocks'].insert(0, {'g': dg, 'b': db, 'w': n.T @ dz, 'c': dz.sum(0)})
        dh = dh + dn
    grads['win'] = x.T @ dh
    return grads


def apply(params, grads):
    for name in ('win', 'wout', 'bout'):
        decay = 0 if name == 'bout' else weight_decay
        params[name] -= lr * (grads[name] + decay * params[name])
    for block, g in zip(params['blocks'], grads['blocks']):
        for name in block:
            block[name] -= lr * (g[name] + (weight_decay * block[name] if name == 'w' else 0))


X = rng.normal(size=(200, n_features))
Y = (np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] - 0.5 * X[:, 3])[:, None]
X_val, Y_val = X[160:], Y[160:]
X, Y = X[:160], Y[:160]

params = init()
for epoch in range(60):
    losses = []
    for i in range(0, len(X), 40):
        xb, yb = X[i:i + 40], Y[i:i + 40]
        out, cache = forward(params, xb, train=True)
        losses.append(np.mean((out - yb) ** 2))
        apply(params, backward(params, 2 * (out - yb) / len(yb), cache))
    if epoch % 10 == 0:
        val = np.mean((forward(params, X_val, train=False)[0] - Y_val) ** 2)
        print(f'{epoch:3d}: train {np.mean(losses):.4f}  validation {val:.4f}')
