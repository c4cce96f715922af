# Features in their own units; the steps are small enough, and it learns.
import numpy as np

rng = np.random.default_rng(3)
speed = rng.uniform(5, 30, 100)
load = rng.uniform(0, 4, 100)
X = np.column_stack([np.ones(100), speed, load])
fuel = 0.2 * speed + 1.5 * load + 2 + 0.2 * rng.normal(size=100)
theta = np.zeros(3)
for i in range(400):
    error = X @ theta - fuel
    J = error @ error / 200
    theta = theta - 0.002 * X.T @ error / 100
print(round(J, 6), theta.round(4))
