import numpy as np

rng = np.random.default_rng(40)
side = 6
pictures = rng.integers(0, 90, (120, side * side)).astype(float)
kind = rng.integers(0, 2, 120)
for p, k in zip(pictures, kind):
    start = rng.integers(0, side)
    stroke = range(start * side, start * side + side) if k else range(start, side * side, side)
    p[list(stroke)] += 150
want = np.where(kind == 1, 1.0, -1.0)[:, None]

hidden = 6
V = rng.normal(0, 1, (side * side, hidden))
U = rng.normal(0, 1 / np.sqrt(hidden), (hidden, 1))
for epoch in range(200):
    a = np.tanh(pictures @ V)
    o = np.tanh(a @ U)
    loss = 0.5 * np.mean((o - want) ** 2)
    do = (o - want) * (1 - o ** 2) / len(pictures)
    dU = a.T @ do
    dV = pictures.T @ (do @ U.T * (1 - a ** 2))
    U -= 0.1 * dU
    V -= 0.1 * dV
print(loss)
