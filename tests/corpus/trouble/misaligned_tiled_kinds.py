import numpy as np

chance = np.random.RandomState(62)
per_kind, kinds = 45, 3
blocks = [chance.randn(per_kind, 4) + 2.2 * chance.randn(1, 4) for _ in range(kinds)]
flowers = np.vstack(blocks)
kind = np.array(list(range(kinds)) * per_kind)

W = 0.2 * chance.randn(4, kinds)
b = np.zeros((1, kinds))


def probabilities(x):
    s = x.dot(W) + b
    s = np.exp(s - s.max(1, keepdims=True))
    return s / s.sum(1, keepdims=True)


for lap in range(160):
    p = probabilities(flowers)
    loss = -np.log(p[np.arange(len(kind)), kind]).mean()
    g = p.copy()
    g[np.arange(len(kind)), kind] -= 1
    g /= len(kind)
    W -= 0.4 * flowers.T.dot(g)
    b -= 0.4 * g.sum(0, keepdims=True)
    if lap % 40 == 0:
        print(lap, loss, (p.argmax(1) == kind).mean())
