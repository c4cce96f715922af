# One pre-norm transformer block (causal, single head) on next-symbol prediction.
# All tensors are (batch, time, channel).  forward() keeps everything in a dict `c`.
import numpy as np

VOCAB, T, C, F = 6, 8, 10, 20


def init_params(seed=1337):
    r = np.random.RandomState(seed)
    P = {
        'wte': r.randn(VOCAB, C) * 0.5, 'wpe': r.randn(T, C) * 0.5,
        'ln1_g': np.ones(C), 'ln1_b': np.zeros(C),
        'wq': r.randn(C, C) * 0.3, 'wk': r.randn(C, C) * 0.3, 'wv': r.randn(C, C) * 0.3, 'wo': r.randn(C, C) * 0.3,
        'ln2_g': np.ones(C), 'ln2_b': np.zeros(C),
        'w1': r.randn(C, F) * 0.3, 'b1': np.zeros(F), 'w2': r.randn(F, C) * 0.3, 'b2': np.zeros(C),
        'head': r.randn(C, VOCAB) * 0.3,
    }
    return P


def ln(x, g, b):
    mu = x.mean(-1, keepdims=True)
    rstd = (x.var(-1, keepdims=True) + 1e-5) ** -0.5
    norm = (x - mu) * rstd
    return norm * g + b, norm, rstd


def ln_bwd(dout, norm, rstd, g):
    dg = (dout * norm).sum((0, 1))
    db = dout.sum((0, 1))
    dn = dout * g
    dx = dn - dn.mean(-1, keepdims=True) - norm * (dn * norm).mean(-1, keepdims=True)
    return dx * rstd, dg, db


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def gelu(x):
    u = np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3)
    return 0.5 * x * (1 + np.tanh(u))


def gelu_grad(x):
    k = np.sqrt(2 / np.pi)
    th = np.tanh(k * (x + 0.044715 * x ** 3))
    return 0.5 * (1 + th) + 0.5 * x * (1 - th ** 2) * k * (1 + 3 * 0.044715 * x ** 2)


def forward(P, idx, tgt):
    c = {}
    B, L = idx.shape
    c['x0'] = P['wte'][idx] + P['wpe'][:L]
    c['a'], c['n1'], c['r1'] = ln(c['x0'], P['ln1_g'], P['ln1_b'])
    c['q'], c['k'], c['v'] = c['a'] @ P['wq'], c['a'] @ P['wk'], c['a'] @ P['wv']
    scores = c['q'] @ c['k'].transpose(0, 2, 1) / np.sqrt(C)
    mask = np.triu(np.ones((L, L)), 1).astype(bool)
    scores = np.where(mask, -1e9, scores)
    c['att'] = softmax(scores)
    c['y'] = c['att'] @ c['v']
    c['x1'] = c['x0'] + c['y'] @ P['wo']
    c['m'], c['n2'], c['r2'] = ln(c['x1'], P['ln2_g'], P['ln2_b'])
    c['pre'] = c['m'] @ P['w1'] + P['b1']
    c['act'] = gelu(c['pre'])
    c['x2'] = c['x1'] + c['act'] @ P['w2'] + P['b2']
    c['prob'] = softmax(c['x2'] @ P['head'])
    picked = np.take_along_axis(c['prob'], tgt[..., None], axis=-1)
    return -np.log(picked).mean(), c


def backward(P, c, idx, tgt):
    g = {}
    B, L = idx.shape
    dlogits = c['prob'].copy()
    dlogits[np.arange(B)[:, None], np.arange(L)[None, :], tgt] -= 1.0
    dlogits /= B * L
    g['head'] = np.einsum('btc,btv->cv', c['x2'], dlogits)
    dx2 = dlogits @ P['head'].T

    # feed forward
    g['w2'] = np.einsum('btf,btc->fc', c['act'], dx2)
    g['b2'] = dx2.sum((0, 1))
    dpre = (dx2 @ P['w2'].T) * gelu_grad(c['pre'])
    g['w1'] = np.einsum('btc,btf->cf', c['m'], dpre)
    g['b1'] = dpre.sum((0, 1))
    dm = dpre @ P['w1'].T
    dbranch, g['ln2_g'], g['ln2_b'] = ln_bwd(dm, c['n2'], c['r2'], P['ln2_g'])
    dx1 = dx2 + dbranch

    # attention
    g['wo'] = np.einsum('btc,btd->cd', c['y'], dx1)
    dy = dx1 @ P['wo'].T
    datt = dy @ c['v'].transpose(0, 2, 1)
    dv = c['att'].transpose(0, 2, 1) @ dy
    dscores = c['att'] * (datt - (datt * c['att']).sum(-1, keepdims=True))
    dscores /= np.sqrt(C)
    dq = dscores @ c['k']
    dk = dscores.transpose(0, 2, 1) @ c['q']
    for name, d in (('wq', dq), ('wk', dk), ('wv', dv)):
        g[name] = np.einsum('btc,btd->cd', c['a'], d)
    da = dq @ P['wq'].T + dk @ P['wk'].T + dv @ P['wv'].T
    dbranch, g['ln1_g'], g['ln1_b'] = ln_bwd(da, c['n1'], c['r1'], P['ln1_g'])
    dx0 = dx1 + dbranch

    g['wpe'] = np.zeros_like(P['wpe'])
    g['wpe'][:L] = dx0.sum(0)
    g['wte'] = np.zeros_like(P['wte'])
    np.add.at(g['wte'], idx, dx0)
    return g


def batch(r, B=6):
    start = r.randint(0, VOCAB, (B, 1))
    stride = r.randint(1, 3, (B, 1))
    seq = (start + stride * np.arange(T + 1)) % VOCAB
    return seq[:, :-1], seq[:, 1:]


P = init_params()
r = np.random.RandomState(3)
mom = {k: 0.0 for k in P}
for it in range(1, 81):
    idx, tgt = batch(r)
    loss, c = forward(P, idx, tgt)
    g = backward(P, c, idx, tgt)
    for k in P:
        mom[k] = 0.9 * mom[k] + g[k]
        P[k] = P[k] - 0.05 * (mom[k] + 1e-4 * P[k])
    if it % 20 == 0:
        print('it', it, 'loss', np.round(loss, 4))
