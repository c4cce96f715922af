"""Fit a bumpy curve; the rate is meant to be halved now and then."""
import numpy as np

source = np.random.default_rng(61)
grid = source.uniform(-2, 2, (180, 1))
heights = np.sin(2.5 * grid) + 0.3 * grid ** 2


class Curve:
    def __init__(self, units):
        self.u = source.normal(0, 1.5, (1, units))
        self.c = source.normal(0, 1.0, units)
        self.v = source.normal(0, 0.3, (units, 1))

    def __call__(self, x):
        self.x, self.h = x, np.tanh(x @ self.u + self.c)
        return self.h @ self.v

    def learn(self, err, rate):
        d = err / len(err)
        dh = d @ self.v.T * (1 - self.h ** 2)
        self.v -= rate * self.h.T @ d
        self.u -= rate * self.x.T @ dh
        self.c -= rate * dh.sum(axis=0)


curve, rate, updates = Curve(14), 0.2, 0
for sweep in range(60):
    for part in np.array_split(source.permutation(180), 9):
        err = curve(grid[part]) - heights[part]
        loss = 0.5 * np.mean(err ** 2)
        curve.learn(err, rate)
        updates += 1
        if updates % 6 == 0:
            rate /= 2
    if sweep % 15 == 0:
        print(sweep, loss)
