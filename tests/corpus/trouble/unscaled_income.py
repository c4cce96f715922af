import numpy as np
rng = np.random.RandomState(5)
m = 150
income = rng.normal(52000, 15000, m)
ratio = rng.rand(m)
y = (ratio + 0.00000 * income + 0.05 * rng.randn(m) > 0.5).astype(float)
X = np.vstack([income / 1000., ratio])
w = np.zeros((1, 2)); b = np.zeros((1, 1))
alpha = 4e-4
for it in range(600):
    a = 1 / (1 + np.exp(-(w @ X + b)))
    J = -np.mean(y * np.log(a) + (1 - y) * np.log(1 - a))
    dz = a - y
    w = w - alpha * dz @ X.T / m
    b = b - alpha * dz.mean()
print(J)
