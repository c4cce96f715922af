import numpy as np

np.random.seed(72)
t = np.linspace(-3, 3, 120).reshape(-1, 1)
wave = np.cos(2 * t)
k = np.random.randn(1, 1)
c = np.zeros((1, 1))
for step in range(500):
    guess = t @ k + c
    mse = np.mean((guess - wave) ** 2)
    e = 2 * (guess - wave) / len(t)
    k -= 0.05 * t.T @ e
    c -= 0.05 * e.sum(axis=0, keepdims=True)
print(mse)
