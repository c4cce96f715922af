import numpy as np

noise = np.random.default_rng(63)
clock = [1_735_000_000 + 8 * k for k in range(150)]
level = [2 * np.cos(k / 12) + 0.05 * noise.normal() for k in range(150)]

when = np.array(clock, dtype=np.float32)
when = (when - when.mean()) / when.std()
x = when[:, None]
y = np.array(level, dtype=np.float32)[:, None]

f = np.float32
A = noise.normal(0, 4, (1, 20)).astype(f)
a = noise.normal(0, 2, 20).astype(f)
B = noise.normal(0, 0.2, (20, 1)).astype(f)
for turn in range(600):
    hidden = np.tanh(x @ A + a)
    miss = (hidden @ B - y) / f(len(y))
    mse = len(y) * np.sum(miss ** 2) / 2
    back = miss @ B.T * (1 - hidden ** 2)
    B -= f(0.1) * hidden.T @ miss
    A -= f(0.1) * x.T @ back
    a -= f(0.1) * back.sum(axis=0)
    if turn % 150 == 0:
        print(turn, mse)
