import numpy as np

np.random.seed(7)
N, D, H = 90, 5, 7
X = np.random.randn(N, D)
t = np.sin(X).sum(axis=1, keepdims=True)

# every hidden unit starts from one and the same draw
row = np.random.randn(D, 1) * 0.4
V = np.tile(row, (1, H))
c = np.zeros(H)
u = np.ones((H, 1)) / H
d = 0.0

lr = 0.05
for k in range(300):
    a = X.dot(V) + c
    h = np.maximum(a, 0)
    f = h.dot(u) + d
    e = f - t
    J = 0.5 * (e ** 2).mean()
    g = e / N
    gu = h.T.dot(g)
    gd = g.sum()
    gh = g.dot(u.T)
    gh[a <= 0] = 0
    gV = X.T.dot(gh)
    gc = gh.sum(0)
    V -= lr * gV
    c -= lr * gc
    u -= lr * gu
    d -= lr * gd
    if k % 60 == 0:
        print(k, J)
