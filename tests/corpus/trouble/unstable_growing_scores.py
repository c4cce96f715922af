import numpy as np


def chances(scores):
    weights = np.exp(scores)
    return weights / weights.sum(axis=0)


draw = np.random.default_rng(64)
group = draw.integers(0, 4, 160)
sizes = draw.lognormal(0.5, 1.1, 160)
features = (np.eye(4)[group] * 3 + draw.normal(size=(160, 4)) * 0.2).T * sizes
target = np.eye(4)[group].T
M = np.zeros((4, 4))
for cycle in range(400):
    P = chances(M @ features)
    loss = -np.sum(target * np.log(P + 1e-300)) / 160
    M = M - 0.6 * (P - target) @ features.T / 160
    if cycle % 100 == 0:
        print(cycle, loss, np.abs(M @ features).max())
