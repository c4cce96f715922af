"""ConvNet with im2col / col2im, mini-batches, NCHW. Layer functions return (out, cache)."""
import numpy as np


def get_im2col_indices(x_shape, hh, ww, pad, stride):
    N, C, H, W = x_shape
    out_h = (H + 2 * pad - hh) // stride + 1
    out_w = (W + 2 * pad - ww) // stride + 1
    i0 = np.tile(np.repeat(np.arange(hh), ww), C)
    i1 = stride * np.repeat(np.arange(out_h), out_w)
    j0 = np.tile(np.arange(ww), hh * C)
    j1 = stride * np.tile(np.arange(out_w), out_h)
    i = i0.reshape(-1, 1) + i1.reshape(1, -1)
    j = j0.reshape(-1, 1) + j1.reshape(1, -1)
    k = np.repeat(np.arange(C), hh * ww).reshape(-1, 1)
    return k, i, j


def im2col(x, hh, ww, pad, stride):
    xp = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)), mode='constant')
    k, i, j = get_im2col_indices(x.shape, hh, ww, pad, stride)
    cols = xp[:, k, i, j]
    return cols.transpose(1, 2, 0).reshape(hh * ww * x.shape[1], -1)


def col2im(cols, x_shape, hh, ww, pad, stride):
    N, C, H, W = x_shape
    xp = np.zeros((N, C, H + 2 * pad, W + 2 * pad))
    k, i, j = get_im2col_indices(x_shape, hh, ww, pad, stride)
    cols = cols.reshape(C * hh * ww, -1, N).transpose(2, 0, 1)
    np.add.at(xp, (slice(None), k, i, j), cols)
    return xp[:, :, pad:pad + H, pad:pad + W]


def conv_forward(X, W, b, stride=1, padding=1):
    n_filters, d_filter, h_filter, w_filter = W.shape
    n_x, d_x, h_x, w_x = X.shape
    h_out = (h_x - h_filter + 2 * padding) // stride + 1
    w_out = (w_x - w_filter + 2 * padding) // stride + 1
    X_col = im2col(X, h_filter, w_filter, padding, stride)
    W_col = W.reshape(n_filters, -1)
    out = W_col @ X_col + b
    out = out.reshape(n_filters, h_out, w_out, n_x).transpose(3, 0, 1, 2)
    return out, (X, W, b, stride, padding, X_col)


def conv_backward(dout, cache):
    X, W, b, stride, padding, X_col = cache
    n_filter, d_filter, h_filter, w_filter = W.shape
    db = np.sum(dout, axis=(0, 2, 3)).reshape(n_filter, -1)
    dout_reshaped = dout.transpose(1, 2, 3, 0).reshape(n_filter, -1)
    dW = (dout_reshaped @ X_col.T).reshape(W.shape)
    dX_col = W.reshape(n_filter, -1).T @ dout_reshaped
    dX = col2im(dX_col, X.shape, h_filter, w_filter, padding, stride)
    return dX, dW, db


def leaky_forward(z):
    return np.where(z > 0, z, 0.1 * z), z


def leaky_backward(dout, z):
    return dout * np.where(z > 0, 1.0, 0.1)


def avgpool_forward(x):
    N, C, H, W = x.shape
    return x.reshape(N, C, H // 2, 2, W // 2, 2).mean(axis=(3, 5)), x.shape


def avgpool_backward(dout, shape):
    return np.repeat(np.repeat(dout, 2, axis=2), 2, axis=3) / 4.0


def fc_forward(x, W, b):
    flat = x.reshape(x.shape[0], -1)
    return flat @ W + b, (x.shape, flat, W)


def fc_backward(dout, cache):
    shape, flat, W = cache
    return (dout @ W.T).reshape(shape), flat.T @ dout, np.sum(dout, axis=0)


def softmax_loss(scores, y):
    shifted = scores - scores.max(axis=1, keepdims=True)
    logp = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    N = scores.shape[0]
    loss = -logp[np.arange(N), y].mean()
    dscores = np.exp(logp)
    dscores[np.arange(N), y] -= 1
    return loss, dscores / N


def loss_and_grads(p, X, y, reg=1e-3):
    a1, c1 = conv_forward(X, p['W1'], p['b1'])
    r1, z1 = leaky_forward(a1)
    q1, s1 = avgpool_forward(r1)
    a2, c2 = conv_forward(q1, p['W2'], p['b2'])
    r2, z2 = leaky_forward(a2)
    scores, c3 = fc_forward(r2, p['W3'], p['b3'])
    data_loss, d = softmax_loss(scores, y)
    loss = data_loss + 0.5 * reg * sum(np.sum(p[w] ** 2) for w in ('W1', 'W2', 'W3'))

    g = {}
    d, g['W3'], g['b3'] = fc_backward(d, c3)
    d = leaky_backward(d, z2)
    d, g['W2'], g['b2'] = conv_backward(d, c2)
    d = avgpool_backward(d, s1)
    d = leaky_backward(d, z1)
    _, g['W1'], g['b1'] = conv_backward(d, c1)
    for w in ('W1', 'W2', 'W3'):
        g[w] += reg * p[w]
    return loss, g


def blobs(n, rng):
    y = rng.randint(0, 4, n)
    X = 0.3 * rng.randn(n, 2, 8, 8)
    for k in range(n):
        r, c = divmod(y[k], 2)
        X[k, :, 4 * r + 1:4 * r + 3, 4 * c:4 * c + 3] += np.array([1.0, -1.0]).reshape(2, 1, 1)
    return X, y


rng = np.random.RandomState(231)
X, y = blobs(96, rng)
p = {'W1': 0.2 * rng.randn(3, 2, 3, 3), 'b1': np.zeros((3, 1)),
     'W2': 0.2 * rng.randn(4, 3, 3, 3), 'b2': np.zeros((4, 1)),
     'W3': 0.1 * rng.randn(64, 4), 'b3': np.zeros(4)}
v = {k: np.zeros_like(a) for k, a in p.items()}
for it in range(60):
    pick = rng.choice(len(X), 16, replace=False)
    loss, g = loss_and_grads(p, X[pick], y[pick])
    for k in p:
        v[k] = 0.9 * v[k] - 0.05 * g[k]
        p[k] += v[k]
    if it % 15 == 0:
        print('iteration', it, 'loss', loss)
