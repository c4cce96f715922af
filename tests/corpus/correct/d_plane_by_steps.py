# A plane through points of space, by gradient descent on the mean squared distance.
import numpy as np

rng = np.random.default_rng(8)
points = rng.uniform(-1, 1, (50, 2))
height = 2.0 * points[:, 0] - points[:, 1] + 0.5
east = north = 0.0
level = 0.0
for turn in range(80):
    found = east * points[:, 0] + north * points[:, 1] + level
    off = found - height
    loss = np.mean(off ** 2) / 2
    east = east - 0.3 * np.mean(off * points[:, 0])
    north = north - 0.3 * np.mean(off * points[:, 1])
    level = level - 0.3 * np.mean(off)
print("plane", east, north, level, loss)
