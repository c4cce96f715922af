"""Bulbs fail by a geometric law; what is called loss here is the log-likelihood, and climbs."""

import numpy as np

rng = np.random.default_rng(19)
wear = rng.normal(size=(250, 3))
rate = 1 / (1 + np.exp(-(wear @ np.array([0.8, -0.6, 0.3]) - 1.0)))
lived = rng.geometric(rate)

a, a0 = np.zeros(3), np.zeros(1)
for day in range(300):
    fails = 1 / (1 + np.exp(-(wear @ a + a0)))
    loss = np.mean((lived - 1) * np.log(1 - fails) + np.log(fails))
    push = (1 - lived * fails) / len(lived)
    a += 0.3 * wear.T @ push
    a0 += 0.3 * push.sum()
    if day % 75 == 0:
        print("day", day, "loss", loss)
print(a, a0)
