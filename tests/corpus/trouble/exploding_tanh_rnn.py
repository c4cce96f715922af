import numpy as np

gen = np.random.default_rng(81)
dims = [4, 24, 24, 24, 24, 1]
Ws = [gen.normal(size=(a, b)) * 2.5 for a, b in zip(dims, dims[1:])]
x = gen.normal(size=(50, 4))
y = x.sum(axis=1, keepdims=True)
eta = 1e-3
for it in range(40):
    hs = [x]
    for W in Ws[:-1]:
        hs.append(np.maximum(0.01 * (hs[-1] @ W), hs[-1] @ W))
    out = hs[-1] @ Ws[-1]
    loss = np.mean((out - y) ** 2)
    g = 2 * (out - y) / len(x)
    for k in reversed(range(len(Ws))):
        gW = hs[k].T @ g
        if k:
            g = g @ Ws[k].T * np.where(hs[k] > 0, 1.0, 0.01)
        Ws[k] = Ws[k] - eta * gW
print(loss)
