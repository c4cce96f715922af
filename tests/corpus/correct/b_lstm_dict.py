# LSTM language model on a toy alphabet. h and x are stacked into z, parameters sit in a dict,
# gradients sit in a dict with the same keys, Adam.
import numpy as np

H, D = 12, 7          # hidden units, symbols
Z = H + D
T = 10
rs = np.random.RandomState(42)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def dsigmoid(y):
    return y * (1 - y)


def dtanh(y):
    return 1 - y * y


def init():
    p = {}
    for g in 'fico':
        p['W' + g] = rs.randn(H, Z) / np.sqrt(Z)
        p['b' + g] = np.zeros((H, 1))
    p['bf'] += 1.0
    p['Wv'] = rs.randn(D, H) / np.sqrt(H)
    p['bv'] = np.zeros((D, 1))
    return p


def forward(x, h_prev, C_prev, p):
    z = np.vstack((h_prev, x))
    f = sigmoid(np.dot(p['Wf'], z) + p['bf'])
    i = sigmoid(np.dot(p['Wi'], z) + p['bi'])
    C_bar = np.tanh(np.dot(p['Wc'], z) + p['bc'])
    C = f * C_prev + i * C_bar
    o = sigmoid(np.dot(p['Wo'], z) + p['bo'])
    h = o * np.tanh(C)
    v = np.dot(p['Wv'], h) + p['bv']
    y = np.exp(v) / np.sum(np.exp(v))
    return z, f, i, C_bar, C, o, h, v, y


def backward(target, dh_next, dC_next, C_prev, cache, p, g):
    z, f, i, C_bar, C, o, h, v, y = cache

    dv = np.copy(y)
    dv[target] -= 1
    g['Wv'] += np.dot(dv, h.T)
    g['bv'] += dv

    dh = np.dot(p['Wv'].T, dv)
    dh += dh_next
    do = dh * np.tanh(C)
    do = dsigmoid(o) * do
    g['Wo'] += np.dot(do, z.T)
    g['bo'] += do

    dC = np.copy(dC_next)
    dC += dh * o * dtanh(np.tanh(C))
    dC_bar = dC * i
    dC_bar = dtanh(C_bar) * dC_bar
    g['Wc'] += np.dot(dC_bar, z.T)
    g['bc'] += dC_bar

    di = dC * C_bar
    di = dsigmoid(i) * di
    g['Wi'] += np.dot(di, z.T)
    g['bi'] += di

    df = dC * C_prev
    df = dsigmoid(f) * df
    g['Wf'] += np.dot(df, z.T)
    g['bf'] += df

    dz = (np.dot(p['Wf'].T, df)
          + np.dot(p['Wi'].T, di)
          + np.dot(p['Wc'].T, dC_bar)
          + np.dot(p['Wo'].T, do))
    dh_prev = dz[:H, :]
    dC_prev = f * dC
    return dh_prev, dC_prev


def forward_backward(inputs, targets, h_prev, C_prev, p):
    caches = {}
    h, C = {-1: np.copy(h_prev)}, {-1: np.copy(C_prev)}
    loss = 0.0
    for t in range(len(inputs)):
        x = np.zeros((D, 1))
        x[inputs[t]] = 1
        caches[t] = forward(x, h[t - 1], C[t - 1], p)
        C[t], h[t] = caches[t][4], caches[t][6]
        loss += -np.log(caches[t][-1][targets[t], 0])

    grads = {k: np.zeros_like(w) for k, w in p.items()}
    dh_next, dC_next = np.zeros((H, 1)), np.zeros((H, 1))
    for t in reversed(range(len(inputs))):
        dh_next, dC_next = backward(targets[t], dh_next, dC_next, C[t - 1], caches[t], p, grads)
    for k in grads:
        np.clip(grads[k], -5, 5, out=grads[k])
    return loss, h[len(inputs) - 1], C[len(inputs) - 1], grads


def adam(p, grads, m, s, step, lr=0.01, b1=0.9, b2=0.999):
    for k in p:
        m[k] = b1 * m[k] + (1 - b1) * grads[k]
        s[k] = b2 * s[k] + (1 - b2) * grads[k] ** 2
        mhat = m[k] / (1 - b1 ** step)
        shat = s[k] / (1 - b2 ** step)
        p[k] -= lr * mhat / (np.sqrt(shat) + 1e-8)


params = init()
text = ([0, 1, 2, 3, 2, 1] * 3 + [4, 5, 6, 5, 4, 6] * 3) * 6
m = {k: np.zeros_like(w) for k, w in params.items()}
s = {k: np.zeros_like(w) for k, w in params.items()}
h, C = np.zeros((H, 1)), np.zeros((H, 1))
pos, smooth = 0, T * np.log(D)
for it in range(1, 121):
    if pos + T + 1 > len(text):
        pos, h, C = 0, np.zeros((H, 1)), np.zeros((H, 1))
    loss, h, C, grads = forward_backward(text[pos:pos + T], text[pos + 1:pos + T + 1], h, C, params)
    adam(params, grads, m, s, it)
    smooth = 0.95 * smooth + 0.05 * loss
    if it % 40 == 0:
        print(it, round(float(smooth), 4))
    pos += T
