import numpy as np
rng = np.random.default_rng(5)
X = rng.uniform(-1, 1, size=(150, 1))
y = np.sin(3 * X) + 0.05 * rng.normal(size=(150, 1))
X.sort(axis=0)
W1 = rng.normal(size=(1, 12)); b1 = np.zeros(12); W2 = rng.normal(size=(12, 1)) * .3; b2 = np.zeros(1)
for i in range(500):
    h = np.tanh(X @ W1 + b1)
    o = h @ W2 + b2
    loss = np.mean((o - y) ** 2)
    d = 2 * (o - y) / len(X)
    gh = d @ W2.T * (1 - h * h)
    W2 -= .1 * h.T @ d; b2 -= .1 * d.sum(0); W1 -= .1 * X.T @ gh; b1 -= .1 * gh.sum(0)
print(loss)
