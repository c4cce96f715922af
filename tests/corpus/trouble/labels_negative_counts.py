import numpy as np


def make(seed, n):
    r = np.random.default_rng(seed)
    x = r.normal(size=(n, 2))
    change = np.round(2 * x[:, 0] + r.normal(size=n))
    return x, change


x, counts = make(3, 150)
w = np.zeros(2)
c = 0.0
for k in range(250):
    mu = np.exp(x.dot(w) + c)
    loss = np.sum((mu - counts) ** 2) / len(x)
    d = 2 * (mu - counts) * mu / len(x)
    w = w - 0.01 * x.T.dot(d)
    c = c - 0.01 * d.sum()
print(loss)
