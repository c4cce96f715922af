import numpy as np

rng = np.random.default_rng(5)
angle = rng.uniform(-3e-8, 3e-8, (80, 1))
height = 5.0 * (angle * 1e8) ** 2 + 0.3
gain, shift = np.array([[1.0]]), np.array([[0.0]])
for i in range(400):
    feature = 1e16 * 2 * (1 - np.cos(angle))
    pred = feature @ gain + shift
    err = pred - height
    mse = np.mean(err ** 2)
    gain -= 0.05 * 2 * feature.T @ err / 80
    shift -= 0.05 * 2 * err.mean(axis=0, keepdims=True)
print(mse, gain, shift)
