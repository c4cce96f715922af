# Ridge-free regression on random cosine features: only the read-out is fitted, by hand.
import numpy as np

rng = np.random.default_rng(5)
x = rng.uniform(-3, 3, (80, 1))
y = np.sin(x[:, 0]) + 0.3 * x[:, 0]

omega = rng.normal(size=(1, 25))
phase = rng.uniform(0, 2 * np.pi, 25)
features = np.cos(x @ omega + phase) * np.sqrt(2 / 25)

a = np.zeros(25)
a0 = 0.0
for epoch in range(300):
    features = np.cos(x @ omega + phase) * np.sqrt(2 / 25)
    r = features @ a + a0 - y
    mse = np.mean(r ** 2)
    a -= 0.2 * 2 * features.T @ r / len(y)
    a0 -= 0.2 * 2 * np.mean(r)
    if epoch % 100 == 0:
        print(epoch, mse)
print("mse", mse)
