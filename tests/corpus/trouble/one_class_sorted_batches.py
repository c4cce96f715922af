import numpy as np
rng = np.random.default_rng(4)
X = np.vstack([rng.normal(c, 1.0, (96, 2)) for c in ([0, 0], [1.5, 1.5], [0, 2.5])])
y = np.repeat(np.arange(3), 96)
T = np.eye(3)[y]
W = rng.normal(size=(2, 3)) * .1; b = np.zeros(3)
for epoch in range(15):
    for s in range(0, 288, 16):
        xb, tb = X[s:s + 16], T[s:s + 16]
        Z = xb @ W + b
        Z = Z - Z.max(1, keepdims=True)
        P = np.exp(Z) / np.exp(Z).sum(1, keepdims=True)
        loss = -np.mean(np.sum(tb * np.log(P), 1))
        d = (P - tb) / 16
        W -= 0.8 * xb.T @ d
        b -= 0.8 * d.sum(0)
    print(epoch, loss)
