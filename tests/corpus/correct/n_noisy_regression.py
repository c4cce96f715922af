# More noise than signal: a line explains a tenth of it, and there is no more to explain.
import numpy as np

np.random.seed(7)
x = np.random.uniform(-1, 1, (200, 1))
y = 0.5 * x + np.random.randn(200, 1)
k, c = np.zeros((1, 1)), np.zeros((1, 1))
for step in range(300):
    e = x @ k + c - y
    mse = np.mean(e ** 2)
    k -= 0.1 * 2 * x.T @ e / 200
    c -= 0.1 * 2 * e.mean(axis=0, keepdims=True)
print(round(mse, 6))
