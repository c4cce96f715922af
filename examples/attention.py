"""Single-head attention that learns to copy the last token of its own kind; einsum throughout.

Shows: BP101, a wrong derivative. Softmax is not elementwise: p*(1-p) is only the diagonal of its
Jacobian, and the entries beside it are lost.
"""
import numpy as np


def softmax(s):
    e = np.exp(s - s.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


rng = np.random.default_rng(21)
B, T, D = 6, 5, 4
x = rng.normal(size=(B, T, D))
target = np.cumsum(x, axis=1) / np.arange(1, T + 1)[:, None]
params = {name: rng.normal(size=(D, D)) / np.sqrt(D) for name in ("Wq", "Wk", "Wv", "Wo")}
mask = np.where(np.tril(np.ones((T, T))) == 1, 0.0, -1e9)
lr = 0.3

for step in range(101):
    q, k, v = (x @ params[n] for n in ("Wq", "Wk", "Wv"))
    scores = np.einsum("btd,bsd->bts", q, k) / np.sqrt(D) + mask
    p = softmax(scores)
    context = np.einsum("bts,bsd->btd", p, v)
    y = context @ params["Wo"]
    loss = np.mean((y - target) ** 2)

    dy = 2 * (y - target) / y.size
    grads = {"Wo": np.einsum("btd,bte->de", context, dy)}
    dcontext = dy @ params["Wo"].T
    dp = np.einsum("btd,bsd->bts", dcontext, v)
    dv = np.einsum("bts,btd->bsd", p, dcontext)
    dscores = dp * p * (1 - p) / np.sqrt(D)
    dq = np.einsum("bts,bsd->btd", dscores, k)
    dk = np.einsum("bts,btd->bsd", dscores, q)
    for name, d in (("Wq", dq), ("Wk", dk), ("Wv", dv)):
        grads[name] = np.einsum("btd,bte->de", x, d)
    for name in params:
        params[name] -= lr * grads[name]
    if step % 50 == 0:
        print(f"step {step}: loss {loss:.5f}")
