import numpy as np


def blobs(rng, per):
    centres = np.array([[0, 2], [2, -1], [-2, -1]])
    x = np.concatenate([c + 0.7 * rng.normal(size=(per, 2)) for c in centres])
    return x, np.repeat(np.arange(3), per)


rng = np.random.default_rng(30)
x, y = blobs(rng, 60)
order = rng.permutation(len(x))
x = x[order]
x = (x - x.mean(axis=0)) / x.std(axis=0)
onehot = np.eye(3)[y]

W1, b1 = rng.normal(size=(2, 12)) * 0.7, np.zeros(12)
W2, b2 = rng.normal(size=(12, 3)) * 0.3, np.zeros(3)
for epoch in range(300):
    h = np.maximum(0, x @ W1 + b1)
    s = h @ W2 + b2
    s = s - s.max(axis=1, keepdims=True)
    p = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
    loss = -np.mean(np.log(p[onehot == 1]))
    ds = (p - onehot) / len(x)
    dh = ds @ W2.T * (h > 0)
    W2 -= 0.3 * h.T @ ds
    b2 -= 0.3 * ds.sum(axis=0)
    W1 -= 0.3 * x.T @ dh
    b1 -= 0.3 * dh.sum(axis=0)
print(loss)
