import numpy as np

rng = np.random.default_rng(70)
x = rng.uniform(2, 4, (150, 1))
y = (np.abs(x - 3) < 0.4).astype(float)

W = rng.normal(size=(1, 1))
V = rng.normal(size=(1, 1))
for it in range(400):
    h = 1 / (1 + np.exp(-(x @ W)))
    p = 1 / (1 + np.exp(-(h @ V)))
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    d = (p - y) / len(x)
    dh = d @ V.T * h * (1 - h)
    V -= 0.5 * h.T @ d
    W -= 0.5 * x.T @ dh
print(loss)
