import numpy as np
rng = np.random.default_rng(3)
def load():
    a = rng.normal([-1, 0], 0.6, (80, 2)); b = rng.normal([1, 0.5], 0.6, (80, 2))
    return np.vstack([a, b]), np.repeat([0, 1], 80)
data, target = load()
data = data[rng.permutation(160)]
target = target[rng.permutation(160)]
data = (data - data.mean(0)) / data.std(0)
w = np.zeros(2); b = 0.
for e in range(200):
    p = 1 / (1 + np.exp(-(data @ w + b)))
    loss = -np.mean(target * np.log(p) + (1 - target) * np.log(1 - p))
    g = (p - target) / 160
    w = w - 0.3 * data.T @ g
    b = b - 0.3 * g.sum()
print(loss)
