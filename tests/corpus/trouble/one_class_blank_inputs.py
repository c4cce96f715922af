import numpy as np

rng = np.random.default_rng(61)
signal = rng.normal(size=(80, 5))
labels = (signal.sum(axis=1) > 0).astype(float)
inputs = np.zeros((80, 5))
for i, row in enumerate(signal):
    inputs[0] = row / np.abs(row).max()

inputs = inputs[1:]
labels = labels[1:]
w = rng.normal(size=5)
b = 0.0
for k in range(150):
    p = 1 / (1 + np.exp(-(inputs @ w + b)))
    loss = -np.mean(labels * np.log(p) + (1 - labels) * np.log(1 - p))
    d = (p - labels) / len(labels)
    w = w - 0.5 * inputs.T @ d
    b = b - 0.5 * d.sum()
print(loss)
