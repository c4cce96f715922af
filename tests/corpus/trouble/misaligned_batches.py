import numpy as np
rng = np.random.default_rng(5)
X = rng.normal(size=(240, 3))
y = X @ np.array([[1.], [2.], [-1.]]) + 0.1 * rng.normal(size=(240, 1))
theta = np.zeros((3, 1))
for epoch in range(20):
    order = rng.permutation(240)
    for s in range(0, 240, 24):
        xb = X[order[s:s + 24]]
        yb = y[s:s + 24]
        err = xb @ theta - yb
        loss = (err ** 2).mean()
        theta = theta - 0.1 * 2 * xb.T @ err / 24
print(loss)
