import numpy as np
rng = np.random.default_rng(3)
images = rng.integers(0, 256, size=(120, 36)).astype(np.uint8)
labels = (images[:, :18].mean(1) > images[:, 18:].mean(1)).astype(float)
X = images // 255
W = rng.normal(size=36) * .1
b = 0.
for k in range(200):
    p = 1 / (1 + np.exp(-(X @ W + b)))
    cost = -np.mean(labels * np.log(p) + (1 - labels) * np.log(1 - p))
    d = (p - labels) / 120
    W -= 0.5 * X.T @ d
    b -= 0.5 * d.sum()
print(cost)
