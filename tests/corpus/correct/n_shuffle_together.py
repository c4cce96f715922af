# Inputs and labels are shuffled by one order in every epoch, in place.
import numpy as np

rng = np.random.default_rng(6)
data = rng.normal(size=(160, 2))
target = (np.hypot(data[:, 0], data[:, 1]) < 1.2).astype(float)[:, None]
V, a = rng.normal(size=(2, 12)), np.zeros(12)
U, c = rng.normal(size=(12, 1)) * 0.3, np.zeros(1)
for epoch in range(60):
    state = np.random.RandomState(epoch)
    state.shuffle(data)
    state = np.random.RandomState(epoch)
    state.shuffle(target)
    total = 0.0
    for s in range(0, 160, 20):
        x, y = data[s:s + 20], target[s:s + 20]
        h = np.tanh(x @ V + a)
        p = 1 / (1 + np.exp(-(h @ U + c)))
        total += -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
        d = (p - y) / 20
        dh = d @ U.T * (1 - h * h)
        U -= 0.5 * h.T @ d
        c -= 0.5 * d.sum(axis=0)
        V -= 0.5 * x.T @ dh
        a -= 0.5 * dh.sum(axis=0)
print(round(total / 8, 6))
